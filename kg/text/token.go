package text

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A Tokenizer writes text as token ids. It holds no state: any number of goroutines
// may use one.
type Tokenizer interface {
	// Name is "word" or "bpe".
	Name() string
	// VocabSize is the number of ids: 0 to VocabSize()-1.
	VocabSize() int
	// Separator comes between texts, and pads.
	Separator() int32
	// AppendText appends the tokens of a text, no separator.
	AppendText(dst []int32, text string) []int32
	// Decode returns the text of tokens. What AppendText wrote comes back the same,
	// unless the vocabulary lacked a word.
	Decode(ids []int32) string
	// Files are what a checkpoint directory needs to hold, by name.
	Files() (map[string][]byte, error)
}

// SeparatorText is the separator's text in both vocabularies.
const SeparatorText = "<|endoftext|>"

// unknownText stands for a word that a word-level vocabulary lacks.
const unknownText = "<|unknown|>"

// WordTokenizer has a token for every word with the space before it, and for every
// punctuation mark. A text is read as if a space came before it, so a name is the same
// token wherever it stands.
type WordTokenizer struct {
	vocab []string
	id    map[string]int32
}

// The first ids of a word-level vocabulary.
const (
	wordSeparator = iota
	wordUnknown
)

// NewWordTokenizer returns the tokenizer of a sorted set of pieces, as Vocabulary
// returns it.
func NewWordTokenizer(pieces []string) *WordTokenizer {
	t := &WordTokenizer{vocab: append([]string{SeparatorText, unknownText}, pieces...), id: map[string]int32{}}
	for id, p := range t.vocab {
		t.id[p] = int32(id)
	}
	return t
}

// nextWord returns the length of the first piece of s: letters and digits, or one other
// character, either with the space before it.
func nextWord(s string) int {
	r, n := utf8.DecodeRuneInString(s)
	if r == ' ' && len(s) > 1 {
		if after, m := utf8.DecodeRuneInString(s[1:]); !unicode.IsSpace(after) {
			r, n = after, 1+m
		}
	}
	if !isWord(r) {
		return n
	}
	for n < len(s) {
		r, m := utf8.DecodeRuneInString(s[n:])
		if !isWord(r) {
			break
		}
		n += m
	}
	return n
}

func isWord(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsMark(r)
}

// eachWord calls f with the pieces of a text that a space is put before.
func eachWord(text string, f func(piece string)) {
	if text == "" {
		return
	}
	// The first piece is the only one that needs the space put there.
	first := nextWord(text)
	if r, _ := utf8.DecodeRuneInString(text); unicode.IsSpace(r) {
		f(" ")
		first = 0
	} else {
		f(" " + text[:first])
	}
	for text = text[first:]; text != ""; {
		n := nextWord(text)
		f(text[:n])
		text = text[n:]
	}
}

func (t *WordTokenizer) Name() string     { return "word" }
func (t *WordTokenizer) VocabSize() int   { return len(t.vocab) }
func (t *WordTokenizer) Separator() int32 { return wordSeparator }

func (t *WordTokenizer) AppendText(dst []int32, text string) []int32 {
	eachWord(text, func(piece string) {
		id, ok := t.id[piece]
		if !ok {
			id = wordUnknown
		}
		dst = append(dst, id)
	})
	return dst
}

// Unknown is the id of words that the vocabulary lacks.
func (t *WordTokenizer) Unknown() int32 { return wordUnknown }

func (t *WordTokenizer) Decode(ids []int32) string {
	var b strings.Builder
	for _, id := range ids {
		if id >= 0 && int(id) < len(t.vocab) {
			b.WriteString(t.vocab[id])
		}
	}
	return strings.TrimPrefix(b.String(), " ")
}

// wordFile is tokenizer.json in the layout of Hugging Face's tokenizers library: a
// WordLevel model.
type wordFile struct {
	Version      string           `json:"version"`
	AddedTokens  []map[string]any `json:"added_tokens"`
	Normalizer   map[string]any   `json:"normalizer"`
	PreTokenizer map[string]any   `json:"pre_tokenizer"`
	Decoder      map[string]any   `json:"decoder"`
	Model        wordModel        `json:"model"`
}

type wordModel struct {
	Type    string           `json:"type"`
	Vocab   map[string]int32 `json:"vocab"`
	Unknown string           `json:"unk_token"`
}

// wordPattern is nextWord as a regular expression.
const wordPattern = ` ?[\p{L}\p{N}\p{M}]+| ?[^\s\p{L}\p{N}\p{M}]|\s`

func (t *WordTokenizer) Files() (map[string][]byte, error) {
	special := func(id int, text string) map[string]any {
		return map[string]any{"id": id, "content": text, "special": true, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false}
	}
	b, err := json.Marshal(wordFile{
		Version:      "1.0",
		AddedTokens:  []map[string]any{special(wordSeparator, SeparatorText), special(wordUnknown, unknownText)},
		Normalizer:   map[string]any{"type": "Prepend", "prepend": " "},
		PreTokenizer: map[string]any{"type": "Split", "pattern": map[string]string{"Regex": wordPattern}, "behavior": "Isolated", "invert": false},
		Decoder: map[string]any{"type": "Sequence", "decoders": []map[string]any{
			{"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}}},
		Model: wordModel{"WordLevel", t.id, unknownText},
	})
	return map[string][]byte{"tokenizer.json": b}, err
}

// maxTokenizerFile bounds files that are read before they are believed.
const maxTokenizerFile = 64 << 20

// ParseWordTokenizer reads the tokenizer.json that Files wrote.
func ParseWordTokenizer(b []byte) (*WordTokenizer, error) {
	fail := func(format string, args ...any) (*WordTokenizer, error) {
		return nil, fmt.Errorf("text: tokenizer.json: "+format, args...)
	}
	if len(b) > maxTokenizerFile {
		return fail("larger than %d bytes", maxTokenizerFile)
	}
	var f wordFile
	if err := json.NewDecoder(bytes.NewReader(b)).Decode(&f); err != nil {
		return fail("not the JSON of a tokenizer: %w", err)
	}
	pattern, _ := f.PreTokenizer["pattern"].(map[string]any)
	if f.Model.Type != "WordLevel" || pattern["Regex"] != wordPattern {
		return fail("not a word-level tokenizer of this program")
	}
	vocab, err := inOrder(f.Model.Vocab)
	if err != nil {
		return fail("%w", err)
	}
	if len(vocab) < 2 || vocab[wordSeparator] != SeparatorText || vocab[wordUnknown] != unknownText {
		return fail("its first tokens are not %s and %s", SeparatorText, unknownText)
	}
	return &WordTokenizer{vocab, f.Model.Vocab}, nil
}

// inOrder returns the tokens by their ids, which must be 0 to their number.
func inOrder(vocab map[string]int32) ([]string, error) {
	tokens := make([]string, len(vocab))
	seen := make([]bool, len(vocab))
	for text, id := range vocab {
		if id < 0 || int(id) >= len(tokens) || seen[id] {
			return nil, fmt.Errorf("the id %d of %q is not one of 0 to %d, each once", id, text, len(tokens)-1)
		}
		tokens[id], seen[id] = text, true
	}
	return tokens, nil
}

// Vocabulary returns all pieces that the writer's texts can have, sorted.
func (w *Writer) Vocabulary() []string {
	set := map[string]bool{}
	add := func(text string) { eachWord(text, func(p string) { set[p] = true }) }
	for _, e := range w.g.Entities {
		add(e.Name)
	}
	for _, t := range w.g.Types {
		add("This " + t)
	}
	// One name stands for all: names are whole pieces, because templates keep their
	// places apart from letters.
	const name = "Name"
	forms := func(t template, subject string) {
		add(string(t.append(nil, subject, name, true)))
		add(string(t.append(nil, subject, name, false)))
	}
	for _, words := range w.relations {
		forms(words.phrase, name)
		forms(words.question, name)
		for _, list := range [][]template{words.sentences, words.does, words.done, {words.prompt}} {
			for _, t := range list {
				forms(t, name)
			}
		}
	}
	for _, phrase := range w.twoHop {
		forms(phrase, name)
	}
	for _, text := range slices.Concat(openings, asides) {
		add("x" + text)
		add(text)
	}
	add("Question: Who is Name? Answer: Name; Name. The name of Name is Name, Name and Name, who is, which is.")
	return slices.Sorted(func(yield func(string) bool) {
		for p := range set {
			if !yield(p) {
				return
			}
		}
	})
}
