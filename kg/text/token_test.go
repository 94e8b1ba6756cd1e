package text

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"transcend/internal/draw"
	"transcend/kg/expert"
)

func TestWords(t *testing.T) {
	for _, tt := range []struct {
		text string
		want []string
	}{
		{"The name of Ada is Bel.", []string{" The", " name", " of", " Ada", " is", " Bel", "."}},
		{"Ada's x2; (B-c)", []string{" Ada", "'", "s", " x2", ";", " (", "B", "-", "c", ")"}},
		{"Ünïcode 数字 e\u0301t", []string{" Ünïcode", " 数字", " e\u0301t"}},
		{"  a \n", []string{" ", " ", " a", " ", "\n"}},
		{"", nil},
		{"\xffa", []string{" \xff", "a"}},
	} {
		var got []string
		eachWord(tt.text, func(p string) { got = append(got, p) })
		if !slices.Equal(got, tt.want) {
			t.Errorf("%q: %q, want %q", tt.text, got, tt.want)
		}
	}
}

// Whatever is generated is in the vocabulary and comes back from its tokens.
func TestVocabularyIsComplete(t *testing.T) {
	g, w := synthetic(t, 0.02)
	tok := NewWordTokenizer(w.Vocabulary())
	rng := draw.New(3)
	check := func(text string) {
		t.Helper()
		ids := tok.AppendText(nil, text)
		if slices.Contains(ids, tok.Unknown()) {
			t.Fatalf("%q has words outside the vocabulary", text)
		}
		if got := tok.Decode(ids); got != text {
			t.Fatalf("%q came back as %q", text, got)
		}
	}
	team := &expert.Team{Graph: g, Experts: 3, Coverage: 0.5}
	if err := team.Prepare(); err != nil {
		t.Fatal(err)
	}
	for level := OneTemplate; level <= Creative; level++ {
		c := &Corpus{Team: team, Writer: w, Paragraphs: 3000, Level: level}
		if err := c.Write(t.Context(), 1, func(text []byte, _ int) error {
			for line := range strings.Lines(string(text)) {
				check(strings.TrimSuffix(line, "\n"))
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		for c := range g.TwoHops() {
			if rng.IntN(10) > 0 {
				continue
			}
			check(string(w.TwoHop(nil, c, level, &rng)))
			check(string(w.Latent(nil, c)))
			check(string(w.ChainOfThought(nil, c)))
		}
	}
	for _, q := range g.Queries() {
		check(string(w.Prompt(nil, q)))
		check(string(w.Question(nil, q)))
		// A prompt's tokens are the beginning of its sentence's.
		e := g.Edges[0]
		e.Head, e.Relation = q.Head, q.Relation
		prompt, sentence := tok.AppendText(nil, string(w.Prompt(nil, q))), tok.AppendText(nil, string(w.Sentence(nil, e, 0)))
		if !slices.Equal(prompt, sentence[:len(prompt)]) {
			t.Fatalf("the prompt %q is not the beginning of its sentence", w.Prompt(nil, q))
		}
	}
	if ids := tok.AppendText(nil, "Quxqux"); ids[0] != tok.Unknown() {
		t.Error("a strange word is known")
	}
	files, err := tok.Files()
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParseWordTokenizer(files["tokenizer.json"])
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(again.vocab, tok.vocab) {
		t.Error("another vocabulary came back")
	}
	t.Logf("%d tokens", tok.VocabSize())
}

// smallVocab is a vocabulary of the 256 bytes and some merges, in GPT-2's format.
func smallVocab(merges ...string) (vocab, list []byte) {
	ids := map[string]int32{}
	for _, r := range byteAlphabet {
		ids[string(r)] = int32(len(ids))
	}
	for _, m := range merges {
		token := strings.ReplaceAll(m, " ", "")
		if _, ok := ids[token]; !ok {
			ids[token] = int32(len(ids))
		}
	}
	ids[SeparatorText] = int32(len(ids))
	vocab, _ = json.Marshal(ids)
	return vocab, []byte("#version: 0.2\n" + strings.Join(merges, "\n") + "\n")
}

func TestByteAlphabet(t *testing.T) {
	// As the released vocabulary writes them: space Ġ, line feed Ċ, tab ĉ, no-break space ł... and
	// printable ones as they are.
	for b, want := range map[byte]rune{' ': 'Ġ', '\n': 'Ċ', '\t': 'ĉ', 'a': 'a', '~': '~', 0: 'Ā', 0x7f: 'ġ', 0xa0: 'ł', 0xad: 'Ń', 0xff: 'ÿ'} {
		if got := byteAlphabet[b]; got != want {
			t.Errorf("byte %#x is %c, want %c", b, got, want)
		}
	}
}

// By hand from the pattern in GPT-2's encoder.
func TestPieces(t *testing.T) {
	for text, want := range map[string]string{
		"Hello world":           "Hello| world",
		"it's we'll I'd 'Sx":    "it|'s| we|'ll| I|'d| '|Sx",
		"a  b":                  "a| | b",
		"a   b":                 "a|  | b",
		"a\n\nb":                "a|\n|\n|b",
		"a \n":                  "a| \n",
		"x1y22 333":             "x|1|y|22| 333",
		"...!? ...":             "...!?| ...",
		"  ":                    "  ",
		" ":                     " ",
		"é̀t² ":                 "é|̀|t|²| ",
		"it' s":                 "it|'| s",
		"\u00a0a":               "\u00a0|a",
		"'":                     "'",
		"don't":                 "don|'t",
		"a\xff\xfeb":            "a|\xff\xfe|b",
		" \u3000x":              " |\u3000|x",
		"The name of X is Y.\n": "The| name| of| X| is| Y|.|\n",
	} {
		var got []string
		for s := text; s != ""; {
			n := nextPiece(s)
			got = append(got, s[:n])
			s = s[n:]
		}
		if strings.Join(got, "|") != want {
			t.Errorf("%q is cut as %q, want %q", text, strings.Join(got, "|"), want)
		}
	}
}

func TestBPE(t *testing.T) {
	tok, err := ParseBPE(smallVocab("l o", "lo w", "e r", "Ġ low", "n e", "ne w", "Ġ l", "o w", "Ã ©"))
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"low":         "low",
		" low":        "Ġlow", // lo, low, then the space: "Ġ l" ranks below
		"lower newer": "low er Ġ new er",
		"lol":         "lo l",
		"ow":          "ow",
		"lolow":       "lo low",
		"é":           "Ã©",
		" l":          "Ġl",
		"a b":         "a Ġ b",
		"erer":        "er er",
	} {
		ids := tok.AppendText(nil, text)
		var got []string
		for _, id := range ids {
			got = append(got, tok.vocab[id])
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q is %q, want %q", text, strings.Join(got, " "), want)
		}
		if back := tok.Decode(ids); back != text {
			t.Errorf("%q came back as %q", text, back)
		}
	}
	// The separator's text is only text.
	if ids := tok.AppendText(nil, SeparatorText); slices.Contains(ids, tok.Separator()) {
		t.Error("text can hold the separator")
	}
	files, _ := tok.Files()
	if _, err := ParseBPE(files["vocab.json"], files["merges.txt"]); err != nil {
		t.Error(err)
	}
}

// Any text comes back, and the joining is the plain definition's.
func FuzzBPE(f *testing.F) {
	tok, err := ParseBPE(smallVocab("l o", "lo w", "e r", "Ġ low", "n e", "ne w", "Ġ l", "o w", "Ã ©", "a a", "aa a", "aa aa"))
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range []string{"low lower", "it's  é\n", "aaaaaaa", "\xff\xfe", " \u3000x", "'ll'"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 2000 {
			return
		}
		ids := tok.AppendText(nil, text)
		if got := tok.Decode(ids); got != text {
			t.Fatalf("%q came back as %q", text, got)
		}
		word := NewWordTokenizer(nil)
		if n := len(word.AppendText(nil, text)); n > len(text)+1 {
			t.Fatalf("%d words of %d bytes", n, len(text))
		}
		var pieces []string
		eachWord(text, func(p string) { pieces = append(pieces, p) })
		word = NewWordTokenizer(slices.Compact(slices.Sorted(slices.Values(pieces))))
		if got := word.Decode(word.AppendText(nil, text)); got != text && !strings.HasPrefix(text, " ") && utf8.ValidString(text) {
			t.Fatalf("%q came back as %q", text, got)
		}
	})
}

func TestBadVocabularies(t *testing.T) {
	vocab, merges := smallVocab("l o")
	for _, tt := range []struct{ vocab, merges, want string }{
		{"[]", "", "vocab.json is not a table"},
		{`{"a": 1}`, "", "not one of 0 to 0"},
		{`{"a": 0}`, "", "no token for the byte"},
		{strings.Replace(string(vocab), "endoftext", "x", 1), "", "has no <|endoftext|>"},
		{string(vocab), "lo", "merges.txt:1: \"lo\" is not a pair"},
		{string(vocab), string(merges) + "a b\n", "merges.txt:3: vocab.json lacks"},
		{strings.Replace(string(vocab), `"lo"`, `"l€"`, 1), "", "stands for no byte"},
	} {
		if _, err := ParseBPE([]byte(tt.vocab), []byte(tt.merges)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v, want %q", err, tt.want)
		}
	}
	if _, err := ReadBPE(t.TempDir()); err == nil || !strings.Contains(err.Error(), "vocab.json") {
		t.Error(err)
	}
	for _, s := range []string{"", "{}", `{"model":{"type":"BPE"}}`} {
		if _, err := ParseWordTokenizer([]byte(s)); err == nil {
			t.Errorf("%q is a tokenizer", s)
		}
	}
}

func BenchmarkAppendText(b *testing.B) {
	g, w := synthetic(b, 0.1)
	var text []byte
	for i := range 1000 {
		text = append(w.Sentence(text, g.Edges[i], 0), ' ')
	}
	bpe, err := ParseBPE(smallVocab("t h", "th e", "Ġ the", "Ġ i", "Ġi s", "o f", "Ġ of"))
	if err != nil {
		b.Fatal(err)
	}
	for _, tok := range []Tokenizer{NewWordTokenizer(w.Vocabulary()), bpe} {
		b.Run(fmt.Sprint(tok.Name()), func(b *testing.B) {
			var ids []int32
			s := string(text)
			for b.Loop() {
				ids = tok.AppendText(ids[:0], s)
			}
			b.ReportMetric(float64(len(ids))*float64(b.N)/b.Elapsed().Seconds(), "tok/s")
		})
	}
}
