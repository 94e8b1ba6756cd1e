package text

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"
)

// BPE is GPT-2's byte-pair encoding (Radford et al. 2019) with a vocabulary from its two
// files: vocab.json, which numbers the tokens, and merges.txt, which lists the pairs to
// join, first ones first. It reads text exactly as GPT-2's encoder does.
type BPE struct {
	vocab      []string // in GPT-2's alphabet of bytes
	raw        [][]byte // the bytes of each token
	byteID     [256]int32
	merges     map[[2]int32]merge
	separator  int32
	vocabFile  []byte
	mergesFile []byte
}

// merge joins two tokens into id; lower ranks first.
type merge struct {
	rank int32
	id   int32
}

// byteAlphabet maps bytes to the characters that GPT-2's files write them as: printable
// Latin-1 characters stand for themselves, and the rest are the next characters from
// U+0100 on.
var byteAlphabet = func() (alphabet [256]rune) {
	next := rune(256)
	for b := range alphabet {
		r := rune(b)
		if r >= '!' && r <= '~' || r >= '¡' && r <= '¬' || r >= '®' && r <= 'ÿ' {
			alphabet[b] = r
		} else {
			alphabet[b] = next
			next++
		}
	}
	return alphabet
}()

// ReadBPE reads vocab.json and merges.txt from a directory, as GPT-2's checkpoints
// hold them.
func ReadBPE(dir string) (*BPE, error) {
	var files [2][]byte
	for i, name := range []string{"vocab.json", "merges.txt"} {
		f, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			return nil, fmt.Errorf("text: a GPT-2 vocabulary is vocab.json and merges.txt: %w", err)
		}
		files[i], err = io.ReadAll(io.LimitReader(f, maxTokenizerFile+1))
		f.Close()
		if err != nil {
			return nil, fmt.Errorf("text: reading %s: %w", filepath.Join(dir, name), err)
		}
	}
	t, err := ParseBPE(files[0], files[1])
	if err != nil {
		return nil, fmt.Errorf("text: %s: %w", dir, err)
	}
	return t, nil
}

// ParseBPE makes the tokenizer of a vocabulary's two files.
func ParseBPE(vocab, merges []byte) (*BPE, error) {
	if max(len(vocab), len(merges)) > maxTokenizerFile {
		return nil, fmt.Errorf("the vocabulary is larger than %d bytes", maxTokenizerFile)
	}
	var ids map[string]int32
	if err := json.Unmarshal(vocab, &ids); err != nil {
		return nil, fmt.Errorf("vocab.json is not a table of tokens and numbers: %w", err)
	}
	t := &BPE{merges: map[[2]int32]merge{}, vocabFile: vocab, mergesFile: merges}
	var err error
	if t.vocab, err = inOrder(ids); err != nil {
		return nil, fmt.Errorf("vocab.json: %w", err)
	}
	byteOf := map[rune]byte{}
	for b, r := range byteAlphabet {
		byteOf[r] = byte(b)
		id, ok := ids[string(r)]
		if !ok {
			return nil, fmt.Errorf("vocab.json has no token for the byte %d (%q)", b, r)
		}
		t.byteID[b] = id
	}
	sep, ok := ids[SeparatorText]
	if !ok {
		return nil, fmt.Errorf("vocab.json has no %s", SeparatorText)
	}
	t.separator = sep
	t.raw = make([][]byte, len(t.vocab))
	for id, token := range t.vocab {
		for _, r := range token {
			b, ok := byteOf[r]
			if !ok {
				return nil, fmt.Errorf("vocab.json: the token %q has the character %q, which stands for no byte", token, r)
			}
			t.raw[id] = append(t.raw[id], b)
		}
	}
	for n, line := range strings.Split(string(merges), "\n") {
		line = strings.TrimSuffix(line, "\r")
		if line == "" || n == 0 && strings.HasPrefix(line, "#version") {
			continue
		}
		left, right, ok := strings.Cut(line, " ")
		if !ok {
			return nil, fmt.Errorf("merges.txt:%d: %q is not a pair", n+1, line)
		}
		a, okA := ids[left]
		b, okB := ids[right]
		joined, okC := ids[left+right]
		if !okA || !okB || !okC {
			return nil, fmt.Errorf("merges.txt:%d: vocab.json lacks %q, %q or what they make", n+1, left, right)
		}
		if _, twice := t.merges[[2]int32{a, b}]; !twice {
			t.merges[[2]int32{a, b}] = merge{int32(len(t.merges)), joined}
		}
	}
	return t, nil
}

func (t *BPE) Name() string     { return "bpe" }
func (t *BPE) VocabSize() int   { return len(t.vocab) }
func (t *BPE) Separator() int32 { return t.separator }

// Files returns the two files as they were read.
func (t *BPE) Files() (map[string][]byte, error) {
	return map[string][]byte{"vocab.json": bytes.Clone(t.vocabFile), "merges.txt": bytes.Clone(t.mergesFile)}, nil
}

// AppendText appends the tokens of a text. The text of a special token has no special
// meaning in it.
func (t *BPE) AppendText(dst []int32, text string) []int32 {
	for text != "" {
		n := nextPiece(text)
		dst = t.appendPiece(dst, text[:n])
		text = text[n:]
	}
	return dst
}

// appendPiece appends the tokens of one piece: its bytes, of which the pair that comes
// first in merges.txt is joined everywhere, from left to right, until none is left.
func (t *BPE) appendPiece(dst []int32, piece string) []int32 {
	start := len(dst)
	for i := range len(piece) {
		dst = append(dst, t.byteID[piece[i]])
	}
	for {
		tokens := dst[start:]
		best, pair := merge{rank: 1<<31 - 1}, [2]int32{}
		for i := 0; i+1 < len(tokens); i++ {
			if m, ok := t.merges[[2]int32{tokens[i], tokens[i+1]}]; ok && m.rank < best.rank {
				best, pair = m, [2]int32{tokens[i], tokens[i+1]}
			}
		}
		if best.rank == 1<<31-1 {
			return dst
		}
		n := 0
		for i := 0; i < len(tokens); n++ {
			if i+1 < len(tokens) && tokens[i] == pair[0] && tokens[i+1] == pair[1] {
				tokens[n] = best.id
				i += 2
				continue
			}
			tokens[n] = tokens[i]
			i++
		}
		dst = dst[:start+n]
	}
}

// nextPiece returns the length of the first piece that GPT-2 cuts text into:
//
//	's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
//
// Bytes that are not UTF-8 count as characters that are neither letters nor spaces.
func nextPiece(s string) int {
	if s[0] == '\'' {
		for _, c := range [...]string{"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"} {
			if strings.HasPrefix(s, c) {
				return len(c)
			}
		}
	}
	start := 0
	if s[0] == ' ' && len(s) > 1 {
		start = 1
	}
	first, _ := utf8.DecodeRuneInString(s[start:])
	if k := kindOf(first); k != space {
		n := start
		for n < len(s) {
			r, m := utf8.DecodeRuneInString(s[n:])
			if kindOf(r) != k {
				break
			}
			n += m
		}
		return n
	}
	// Spaces: all of them, but for the last when something follows, unless it is the only one.
	n, last := 0, 0
	for n < len(s) {
		r, m := utf8.DecodeRuneInString(s[n:])
		if kindOf(r) != space {
			break
		}
		last = n
		n += m
	}
	if n < len(s) && last > 0 {
		return last
	}
	return n
}

type runeKind int

const (
	other runeKind = iota
	letter
	number
	space
)

func kindOf(r rune) runeKind {
	switch {
	case unicode.IsLetter(r):
		return letter
	case unicode.IsNumber(r):
		return number
	case unicode.IsSpace(r):
		return space
	}
	return other
}

func (t *BPE) Decode(ids []int32) string {
	var b strings.Builder
	for _, id := range ids {
		if id >= 0 && int(id) < len(t.raw) {
			b.Write(t.raw[id])
		}
	}
	return b.String()
}
