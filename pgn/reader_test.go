package pgn

import (
	"errors"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"transcend/internal/bitboard"
)

// texts are inputs with the records they must give, in the form of describe.
var texts = []struct {
	name string
	text string
	want []string
}{
	{"empty", "", nil},
	{"white space", " \r\n\t\n", nil},
	{"one game", "[Event \"x\"]\n[Result \"1-0\"]\n\n1. e4 e5 2. Nf3 1-0\n", []string{"1: e2e4 e7e5 g1f3 1-0"}},
	{"all results", `
[Event "a"]

1. e4 1-0

[Event "b"]

1. e4 0-1

[Event "c"]

1. e4 1/2-1/2

[Event "d"]

1. e4 *
`, []string{"1: e2e4 1-0", "2: e2e4 0-1", "3: e2e4 1/2-1/2", "4: e2e4 *"}},
	{"no result", "[Event \"a\"]\n\n1. e4 e5\n\n[Event \"b\"]\n\n1. d4", []string{"1: e2e4 e7e5 *", "2: d2d4 *"}},
	{"result by the tag alone", "[Result \"0-1\"]\n\n1. e4 e5", []string{"1: e2e4 e7e5 0-1"}},
	{"CRLF", "[Event \"a\"]\r\n[Site \"b\"]\r\n\r\n1. e4 e5\r\n2. Nf3 1-0\r\n\r\n[Event \"b\"]\r\n\r\n1. d4 0-1\r\n", []string{"1: e2e4 e7e5 g1f3 1-0", "2: d2d4 0-1"}},
	{"CR alone", "[Event \"a\"]\r\r1. e4 ; c\r1... e5\r\r[Event \"b\"]\r%x\r1. d4 0-1\r", []string{"1: e2e4 e7e5 *", "2: d2d4 0-1"}},
	{"byte order mark", "\ufeff[Event \"a\"]\n\n1. e4 1-0\n", []string{"1: e2e4 1-0"}},
	{"byte order mark inside", "[Event \"a\"]\n\n1. e4 1-0\n\ufeff[Event \"b\"]\n\n1. d4\n\ufeff[Event \"c\"]\n\n1. c4 *", []string{"1: e2e4 1-0", "2: d2d4 *", "3: c2c4 *"}},
	{"no empty lines", "[Event \"a\"]\n1. e4 1-0\n[Event \"b\"]\n1. d4 0-1\n[Event \"c\"]\n1. c4\n[Event \"d\"]\n1. b4 *", []string{"1: e2e4 1-0", "2: d2d4 0-1", "3: c2c4 *", "4: b2b4 *"}},
	{"one line", `[Event "a"] [Site "b"] 1. e4 1-0 [Event "b"] 1. d4 [Event "c"] 1. c4 *`, []string{"1: e2e4 1-0", "2: d2d4 *", "3: c2c4 *"}},
	{"too many empty lines", "\n\n[Event \"a\"]\n\n[Site \"b\"]\n\n\n1. e4\n\n\ne5\n\n1-0\n\n\n\n[Event \"b\"]\n\n1. d4 0-1\n\n\n", []string{"1: e2e4 e7e5 1-0", "2: d2d4 0-1"}},
	{"zero moves", "[Event \"a\"]\n\n1-0\n\n[Event \"b\"]\n\n*\n\n[Event \"c\"]\n\n1. c4 *", []string{"1: 1-0", "2: *", "3: c2c4 *"}},
	{"zero moves, no movetext", "[Event \"a\"]\n[Result \"1-0\"]\n\n[Event \"b\"]\n[Event \"c\"]\n\n1. c4 *\n\n[White \"d\"]\n\n[White \"e\"]", []string{"1: 1-0", "2: *", "3: c2c4 *", "4: *", "5: *"}},
	{"no tags", "1. e4 e5 1-0\n\n1. d4 0-1 1. c4 *\n", []string{"1: e2e4 e7e5 1-0", "2: d2d4 0-1", "3: c2c4 *"}},
	{"no tags, then tags", "1. e4 e5\n\n[Event \"a\"]\n\n1. d4 0-1\n", []string{"1: e2e4 e7e5 *", "2: d2d4 0-1"}},
	{"comments and markers are no game", "{ a file } ; of games\n* 1-0\n[Event \"a\"]\n\n1. d4 0-1 {Black wins} 0-1\n; bye\n% bye\n", []string{"1: d2d4 0-1"}},
	{"move numbers", "1.e4 e5 2.Nf3 2...Nc6 3. Bb5 ... a6 4 O-O 1. 2. . … h6\u00a0d3 35.1-0", []string{"1: e2e4 e7e5 g1f3 b8c6 f1b5 a7a6 e1g1 h7h6 d2d3 1-0"}},
	{"no move numbers", "e4 e5 Nf3 Nc6 1-0", []string{"1: e2e4 e7e5 g1f3 b8c6 1-0"}},
	{"annotations", "1. e4!! $1 e5?! $ 2. Nf3! !? Nc6 +- = $139 3. Bb5 -/+ a6 N6 1-0", []string{"1: bad at 57: not a move: \"N6\" at ply 7: it names no target square"}},
	{"annotations", "1. e4!! $1 e5?! $ 2. Nf3! !? Nc6 +- = $139 3. Bb5 -/+ a6 1-0", []string{"1: e2e4 e7e5 g1f3 b8c6 f1b5 a7a6 1-0"}},
	{"en passant", "1. e4 a6 2. e5 d5 3. exd6 e.p. cxd6 4. d4 a5 5. d5 e5 6. dxe6ep *", []string{"1: e2e4 a7a6 e4e5 d7d5 e5d6 c7d6 d2d4 a6a5 d4d5 e7e5 d5e6 *"}},
	{"comments", "[Event \"a\"]\n\n{ before } 1. e4 {after (not a variation) 1-0 ; not a line } e5 ; 2. d4 } { (\n2. Nf3{}Nc6;\n*", []string{"1: e2e4 e7e5 g1f3 b8c6 *"}},
	{"comment over lines", "[Event \"a\"]\n\n1. e4 { one\n\ntwo [Event\n% three\n[%clk 0:01]\n[Site \"x\"] } e5 1-0\n\n[Event \"b\"]\n\n1. d4 *", []string{"1: e2e4 e7e5 1-0", "2: d2d4 *"}},
	{"comment with a marker", "[Event \"a\"]\n\n1. e4 { 1-0 } e5 ; 0-1\n2. Nf3 {*} *\n\n[Event \"b\"]\n\n1. d4 *", []string{"1: e2e4 e7e5 g1f3 *", "2: d2d4 *"}},
	{"nested comment", "[Event \"a\"]\n\n1. e4 { a { b } c } e5 1-0\n\n[Event \"b\"]\n\n1. d4 *", []string{"1: bad at 29: not a move: \"c\" at ply 2: it names no target square", "2: d2d4 *"}},
	{"escaped lines", "% 1. a4\n[Event \"a\"]\n%[Site \"x\"]\n\n% 1. b4 {\n1. e4 e5\n% 2. d4 1-0\n2. Nf3 50% *\n", []string{"1: bad at 73: stray \"%\""}},
	{"escaped lines", "% 1. a4\n[Event \"a\"]\n%[Site \"x\"]\n\n% 1. b4 {\n1. e4 e5\n% 2. d4 1-0 (\n2. Nf3 *\n", []string{"1: e2e4 e7e5 g1f3 *"}},
	{"escaped line at the end", "1. e4 *\n% the end", []string{"1: e2e4 *"}},
	{"variations", "1. e4 (1. d4 d5 (1... Nf6 2. c4 {)} 1-0) 2. c4 *) 1... e5 ( -- rubbish \"[ ) 2. Nf3 ()*", []string{"1: e2e4 e7e5 g1f3 *"}},
	{"variation without an end", "[Event \"a\"]\n\n1. e4 (1. d4 d5 1-0\n\n[Event \"b\"]\n\n1. d4 *", []string{"1: bad at 19: variation without \")\"", "2: d2d4 *"}},
	{"variation without a start", "[Event \"a\"]\n\n1. e4 e5 ) 1-0\n\n[Event \"b\"]\n\n1. d4 *", []string{"1: bad at 22: \")\" without \"(\"", "2: d2d4 *"}},
	{"variation without a start, then games without tags", "1. e4 ) 1-0 1. d4 (1. c4)) 1-0 1. c4 *", []string{"1: bad at 6: \")\" without \"(\"", "2: bad at 25: \")\" without \"(\"", "3: c2c4 *"}},
	{"castling with zeros", "1. Nf3 Nf6 2. g3 g6 3. Bg2 Bg7 4. 0-0 5.0-0 6. d3 d6 7. Bf4 Bf5 8. Nc3 Nc6 9. Qd2 Qd7 *", []string{"1: g1f3 g8f6 g2g3 g7g6 f1g2 f8g7 e1g1 e8g8 d2d3 d7d6 c1f4 c8f5 b1c3 b8c6 d1d2 d8d7 *"}},
	{"tags, then games without tags", "[Event \"a\"]\n\n1. e4 1/2-1/2 1. d4 1-0\n1. c4 0-1 1. b4 * 1. a4\n\n[Event \"b\"]\n1. f4 0-1 1. g4 *\n[Event \"c\"]\n1. h4 * 1. e3", []string{
		"1: e2e4 1/2-1/2", "2: d2d4 1-0", "3: c2c4 0-1", "4: b2b4 *", "5: a2a4 *", "6: f2f4 0-1", "7: g2g4 *", "8: h2h4 *", "9: e2e3 *",
	}},
	{"draw, then a game without tags", "[Event \"a\"]\n\n1. e4 1/2-1/2 1. d4\n\n[Event \"b\"]\n\n1. c4", []string{"1: e2e4 1/2-1/2", "2: d2d4 *", "3: c2c4 *"}},
	{"deep variations", "1. e4 " + strings.Repeat("(", 100_000) + strings.Repeat(")", 100_000) + " e5 *", []string{"1: e2e4 e7e5 *"}},
	{"comment without an end", "[Event \"a\"]\n\n1. e4 { oh 1-0\n\n[Event \"b\"]\n\n1. d4 { fine } *", []string{"1: bad at 19: comment without \"}\"", "2: d2d4 *"}},
	{"comment without an end, no empty line", "[Event \"a\"]\n\n1. e4 { oh 1-0\n[Event \"b\"]\n1. d4 { fine } *", []string{"1: bad at 19: comment without \"}\"", "2: d2d4 *"}},
	{"comment without an end, other tag", "[Event \"a\"]\n\n1. e4 { oh 1-0\n \t\r\n[White \"b\"]\n1. d4 { fine } *", []string{"1: bad at 19: comment without \"}\"", "2: d2d4 *"}},
	{"comment without an end, last game", "[Event \"a\"]\n\n1. e4 *\n\n[Event \"b\"]\n\n1. d4 { fine *", []string{"1: e2e4 *", "2: bad at 41: comment without \"}\""}},
	{"comment without an end, no tags", "{ 1. e4 *\n\n[Event \"b\"]\n\n1. d4 *", []string{"1: bad at 0: comment without \"}\"", "2: d2d4 *"}},
	{"illegal move", "[Event \"a\"]\n\n1. e4 *\n\n[Event \"b\"]\n\n1. e4 e5 2. Ke3 Nf6 1-0\n\n[Event \"c\"]\n\n1. c4 *", []string{"1: e2e4 *", "2: bad at 47: illegal move \"Ke3\" at ply 3: no such piece can go there", "3: c2c4 *"}},
	{"ambiguous move", "1. Nf3 a6 2. d3 b6 3. Nd2 *", []string{"1: bad at 22: ambiguous move \"Nd2\" at ply 5: more than one such piece can go there"}},
	{"null move", "1. e4 -- 2. d4 *\n1. e4 (1. -- e5) 1... Z0 *", []string{"1: bad at 6: null move \"--\" at ply 2", "2: bad at 39: null move \"Z0\" at ply 2"}},
	{"half a result", "1. e4 1/2\n[Event \"x\"]\n\n1-0.", []string{"1: bad at 6: not a move: \"1/2\" at ply 2: it names no target square", "2: bad at 23: not a move: \"1-0.\" at ply 1: it names no target square"}},
	{"stray bytes", "[Event \"a\"]\n1. e4 } *\n[Event \"b\"]\n1. e4 ] *\n[Event \"c\"]\n1. e4 < *\n[Event \"d\"]\n1. e4 \" *\n[Event \"e\"]\n1. e4 [%clk 1] *", []string{
		`1: bad at 18: stray "}"`, `2: bad at 40: stray "]"`, `3: bad at 62: stray "<"`, `4: bad at 84: stray "\""`, `5: bad at 106: stray "["`,
	}},
	{"no PGN", "<html>\n<body class=\"x\">Not found</body>\n</html>\n", []string{`1: bad at 0: stray "<"`}},
	{"text before the games", "Games of the week\n\n[Event \"a\"]\n\n1. e4 *", []string{`1: bad at 0: not a move: "Games" at ply 1: it names no target square`, "2: e2e4 *"}},
	{"malformed tag", "[Event \"a\"]\n[White foo]\n[Black \"b\"]\n\n1. e4 *\n\n[Event \"b\"]\n\n1. d4 *", []string{`1: bad at 12: malformed tag "[White foo]"`, "2: d2d4 *"}},
	{"malformed tag first", "[Event a]\n[White \"b\"]\n\n1. e4\n\n[Event b]\n[White \"c\"]\n\n1. d4 *\n\n[Event \"c\"]\n\n1. c4 *", []string{`1: bad at 0: malformed tag "[Event a]"`, `2: bad at 30: malformed tag "[Event b]"`, "3: c2c4 *"}},
	{"tag without an end", "[Event \"a\n[White \"b\"]\n\n1. e4 *\n\n[Event \"b", []string{`1: bad at 0: malformed tag "[Event \"a"`, `2: bad at 32: malformed tag "[Event \"b"`}},
	{"tags of no form", "[]\n\n[Event \"b\"]\n\n1. d4 *\n\n[%x \"y\"]\n1. d4 *", []string{`1: bad at 0: malformed tag "[]"`, "2: d2d4 *", `3: bad at 26: malformed tag "[%x \"y\"]"`}},
	{"FEN", "[SetUp \"1\"]\n[FEN \"4k3/8/8/8/8/8/4P3/4K3 b - - 0 40\"]\n\n40... Kd7 41. e4 *\n\n[FEN \"4k3/8/8/8/8/8/4P3/4K3 w - - 0 1\"]\n\n1. e3 *", []string{"1: e8d7 e2e4 *", "2: e2e3 *"}},
	{"SetUp 0", "[SetUp \"0\"]\n[FEN \"4k3/8/8/8/8/8/4P3/4K3 b - - 0 40\"]\n\n1. Nf3 *\n\n[FEN \"\"]\n\n1. c4 *\n\n[FEN \"?\"]\n[SetUp \"0\"]\n\n1. d4 *", []string{"1: g1f3 *", "2: c2c4 *", "3: d2d4 *"}},
	{"SetUp without FEN", "[Event \"x\"]\n[SetUp \"1\"]\n\n1. e4 *\n\n[Event \"y\"]\n\n1. d4 *", []string{"1: bad at 0: a SetUp tag without a FEN tag", "2: d2d4 *"}},
	{"bad FEN", "[FEN \"8/8/8/8/8/8/8/8 w - - 0 1\"]\n\n1. e4 *\n\n[Event \"y\"]\n\n1. d4 *", []string{"1: bad at 6: FEN tag: not a FEN: \"8/8/8/8/8/8/8/8 w - - 0 1\": white has 0 kings", "2: d2d4 *"}},
	{"variants", "[Variant \"Chess960\"]\n\n1. e4 *\n\n[Variant \"From Position\"]\n\n1. d4 *\n\n[Variant \"standard\"]\n\n1. c4 *", []string{"1: bad at 10: variant \"Chess960\" is not standard chess", "2: d2d4 *", "3: c2c4 *"}},
	{"tag wins over marker", "[Result \"1-0\"]\n\n1. e4 0-1\n\n[Result \"*\"]\n\n1. e4 0-1\n\n[Result \"?\"]\n\n1. e4 1/2-1/2\n\n[Result \"1-0\"]\n\n1. e4 *", []string{"1: e2e4 1-0", "2: e2e4 0-1", "3: e2e4 1/2-1/2", "4: e2e4 1-0"}},
	{"control bytes", "[Event \"a\"]\x00\n\n1.\x0be4\x00e5\f1-0\n\x1a", []string{"1: e2e4 e7e5 1-0"}},
}

func TestTexts(t *testing.T) {
	for _, test := range texts {
		if got := scanText(t, test.text); !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: %q\n got %q\nwant %q", test.name, test.text, got, test.want)
		}
	}
}

// The records of a text depend neither on how it comes in nor on how the ends of
// games are found.
func TestTextsInPieces(t *testing.T) {
	var all strings.Builder
	rng := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		test := texts[rng.IntN(len(texts))]
		if len(test.text) < 10_000 {
			all.WriteString(test.text)
			if rng.IntN(2) == 0 {
				all.WriteString("\n\n")
			}
		}
	}
	inputs := []string{all.String()}
	for _, test := range texts {
		inputs = append(inputs, test.text)
	}
	for _, text := range inputs {
		if t.Failed() {
			return
		}
		want := scan(t, newReader(t, strings.NewReader(text), windowSize))
		if got := scan(t, newReader(t, iotest.OneByteReader(strings.NewReader(text)), 2)); !reflect.DeepEqual(got, want) {
			t.Errorf("byte by byte: %.300q\n got %.500q\nwant %.500q", text, got, want)
		}
		if got := scan(t, newReader(t, iotest.DataErrReader(strings.NewReader(text)), 100)); !reflect.DeepEqual(got, want) {
			t.Errorf("end with the last bytes: %.300q\n got %.500q\nwant %.500q", text, got, want)
		}
		r := newReader(t, strings.NewReader(text), windowSize)
		r.split.exact = true
		if got := scan(t, r); !reflect.DeepEqual(got, want) {
			t.Errorf("exact: %.300q\n got %.500q\nwant %.500q", text, got, want)
		}
		for range 10 {
			if got := scan(t, newReader(t, &pieces{text, rng}, 2+rng.IntN(300))); !reflect.DeepEqual(got, want) {
				t.Errorf("in pieces: %.300q\n got %.500q\nwant %.500q", text, got, want)
			}
		}
	}
}

// pieces reads a text in pieces of random length, some of them empty.
type pieces struct {
	text string
	rng  *rand.Rand
}

func (p *pieces) Read(b []byte) (int, error) {
	if p.text == "" {
		return strings.NewReader("").Read(b)
	}
	n := copy(b, p.text[:min(len(p.text), p.rng.IntN(40))])
	p.text = p.text[n:]
	return n, nil
}

func TestTags(t *testing.T) {
	text := `[Event "say \"hi\""] [ Site  "C:\\games\\"  ]
[Date"2024.01.02"]
[White "Mikhail "Misha" Tal"]
[Black "ends\"]
[Round "a \ b"]
[White-Elo "1"]
[WhiteElo "1500?"]
[Opening ""]
[UTF8 "Kołłątaj"]	[Latin1 "` + "\xfc" + `"]
[Brackets "[x] {y} ; z % 1-0"]

1. e4 *
`
	want := []Tag{
		{"Event", `say "hi"`}, {"Site", `C:\games\`}, {"Date", "2024.01.02"}, {"White", `Mikhail "Misha" Tal`}, {"Black", `ends\`},
		{"Round", `a \ b`}, {"White-Elo", "1"}, {"WhiteElo", "1500?"}, {"Opening", ""}, {"UTF8", "Kołłątaj"}, {"Latin1", "\xfc"},
		{"Brackets", "[x] {y} ; z % 1-0"},
	}
	r := newReader(t, strings.NewReader(text), 16)
	r.Filter(func(h *Header) bool {
		for _, tag := range want {
			if got := h.Tag(tag.Name); got != tag.Value {
				t.Errorf("header: %s is %q, want %q", tag.Name, got, tag.Value)
			}
		}
		if h.Tag("Eve") != "" || h.Bytes("nothing") != nil || h.NumTags() != len(want) {
			t.Error("header has tags that are not there")
		}
		return true
	})
	if !r.Scan() || r.Game() == nil {
		t.Fatal(r.BadGame(), r.Err())
	}
	g := r.Game()
	if !reflect.DeepEqual(g.Tags, want) {
		t.Errorf("got %q\nwant %q", g.Tags, want)
	}
	if elo, ok := g.Elo(bitboard.White); elo != 1500 || !ok {
		t.Errorf("WhiteElo is %d, %v", elo, ok)
	}
	if _, ok := g.Elo(bitboard.Black); ok {
		t.Error("BlackElo is not there")
	}
	if g.Tag("Nothing") != "" {
		t.Error("a tag that is not there")
	}
	g.SetTag("Round", "7")
	g.SetTag("New", "x")
	if g.Tag("Round") != "7" || g.Tag("New") != "x" {
		t.Error("SetTag did not set")
	}
}

func TestElo(t *testing.T) {
	for _, test := range []struct {
		text string
		elo  int
		ok   bool
	}{
		{"1500", 1500, true}, {" 812 ", 812, true}, {"1500?", 1500, true}, {"9999", 9999, true}, {"1", 1, true},
		{"", 0, false}, {"?", 0, false}, {"-", 0, false}, {"0", 0, false}, {"15e2", 0, false}, {"10000", 0, false},
		{"-500", 0, false}, {"99999999999999999999", 0, false}, {"1500.5", 0, false},
	} {
		text := `[WhiteElo "` + test.text + `"][BlackElo "` + test.text + `"] *`
		r := newReader(t, strings.NewReader(text), 16)
		r.Filter(func(h *Header) bool {
			elo, ok := h.WhiteElo()
			if (elo != test.elo && test.ok) || ok != test.ok {
				t.Errorf("header: %q is %d, %v", test.text, elo, ok)
			}
			if elo2, ok2 := h.BlackElo(); elo2 != elo || ok2 != ok {
				t.Errorf("header: %q is %d, %v for Black", test.text, elo2, ok2)
			}
			return true
		})
		if !r.Scan() {
			t.Fatal(r.Err())
		}
		if elo, ok := r.Game().Elo(bitboard.Black); (elo != test.elo && test.ok) || ok != test.ok {
			t.Errorf("game: %q is %d, %v", test.text, elo, ok)
		}
	}
}

func TestComments(t *testing.T) {
	text := `[Event "a"]

; first
{ of  all
} 1. e4 {[%clk 0:01:00]	} { and } ; more }
1... e5 $1 (1... d5 {not this}) {after a variation} 2. Nf3 Nc6 {} 3. Bb5 {last} *

[Event "b"]

1. d4 d5 {only here} 2. c4 *

[Event "c"]

1. d4 *
`
	all := games(t, text)
	want := [][]string{{"[%clk 0:01:00] and more }", "after a variation", "", "", "last"}, {"", "only here", ""}, nil}
	for i, g := range all {
		if !reflect.DeepEqual(g.Comments, want[i]) {
			t.Errorf("game %d: %q, want %q", i+1, g.Comments, want[i])
		}
	}
	if all[0].Comment != "first of all" || all[1].Comment != "" {
		t.Errorf("before the first move: %q, %q", all[0].Comment, all[1].Comment)
	}

	r := newReader(t, strings.NewReader(text), windowSize)
	for r.Scan() {
		if g := r.Game(); g.Comment != "" || len(g.Comments) != 0 {
			t.Error("comments nobody asked for")
		}
	}
}

func TestFilter(t *testing.T) {
	text := `[Event "keep"]

1. e4 *

[Event "drop"]

1. Ke5 rubbish *

[Event "drop"]

{ without an end
1. e4 1-0

[Event "keep"]
[White bad]

1. e4 *

[Event "drop"]
[White bad]

1. e4 *

1. e4 no tags *

[Event "drop"]
[FEN "rubbish"]

[Event "keep"]

1. d4 *
`
	r := newReader(t, strings.NewReader(text), 32)
	var seen []string
	r.Filter(func(h *Header) bool {
		seen = append(seen, h.Tag("Event"))
		if h.File != "test" || h.Number < 1 || text[h.Offset] != '[' && h.NumTags() > 0 {
			t.Errorf("header of %s, game %d, byte %d", h.File, h.Number, h.Offset)
		}
		return h.Tag("Event") == "keep"
	})
	got := scan(t, r)
	want := []string{"1: e2e4 *", `4: bad at 118: malformed tag "[White bad]"`, `5: bad at 155: malformed tag "[White bad]"`, "8: d2d4 *"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
	if r.Skipped() != 4 {
		t.Errorf("skipped %d games, want 4", r.Skipped())
	}
	if want := []string{"keep", "drop", "drop", "", "drop", "keep"}; !reflect.DeepEqual(seen, want) {
		t.Errorf("the filter saw %q, want %q", seen, want)
	}
}

func TestHeaderResult(t *testing.T) {
	for text, want := range map[string]bitboard.Result{
		"1-0": bitboard.WhiteWins, "0-1": bitboard.BlackWins, "1/2-1/2": bitboard.Draw, "*": bitboard.Ongoing, "1/2": bitboard.Ongoing, "": bitboard.Ongoing,
	} {
		r := newReader(t, strings.NewReader(`[Result "`+text+`"] *`), 16)
		r.Filter(func(h *Header) bool {
			if got := h.Result(); got != want {
				t.Errorf("%q is %v, want %v", text, got, want)
			}
			return false
		})
		scan(t, r)
	}
}

func TestResultConflict(t *testing.T) {
	tests := []struct {
		tag, marker string
		want        bitboard.Result
		conflict    bool
	}{
		{"1-0", "1-0", bitboard.WhiteWins, false},
		{"1-0", "0-1", bitboard.WhiteWins, true},
		{"1/2-1/2", "0-1", bitboard.Draw, true},
		{"*", "1-0", bitboard.WhiteWins, false},
		{"1-0", "*", bitboard.WhiteWins, false},
		{"1-0", "", bitboard.WhiteWins, false},
		{"*", "0-1", bitboard.BlackWins, false},
		{"rubbish", "1/2-1/2", bitboard.Draw, false},
		{"*", "", bitboard.Ongoing, false},
	}
	var text strings.Builder
	for _, test := range tests {
		text.WriteString("[Event \"x\"][Result \"" + test.tag + "\"] 1. e4 " + test.marker + "\n\n")
	}
	all := games(t, text.String())
	for i, test := range tests {
		g := all[i]
		if g.Result != test.want || g.ResultConflict != test.conflict {
			t.Errorf("tag %q, marker %q: %v, conflict %v", test.tag, test.marker, g.Result, g.ResultConflict)
		}
	}
}

func TestSyntaxError(t *testing.T) {
	cause := func(text string) *SyntaxError {
		r := newReader(t, strings.NewReader(text), windowSize)
		defer r.Close()
		if !r.Scan() || r.BadGame() == nil {
			t.Fatalf("%q is no broken game", text)
		}
		return r.BadGame()
	}
	err := error(cause("[Event \"a\"]\n\n1. Qh9 *"))
	var san *bitboard.SANError
	if !errors.As(err, &san) || san.SAN != "Qh9" || !errors.Is(err, bitboard.ErrNotation) {
		t.Errorf("%v wraps %#v", err, err.(*SyntaxError).Err)
	}
	if got, want := err.Error(), `pgn: test: game 1: byte 16: not a move: "Qh9" at ply 1: it names no target square`; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	if err := cause(`1. Ke4 *`); !errors.Is(err, bitboard.ErrIllegalMove) {
		t.Errorf("%v wraps %#v", err, err.Err)
	}
	if err := cause(`1. e4 -- *`); !errors.Is(err, ErrNullMove) {
		t.Errorf("%v wraps %#v", err, err.Err)
	}
	if err := cause(`[Variant "Atomic"] 1. e4 *`); !errors.Is(err, ErrVariant) {
		t.Errorf("%v wraps %#v", err, err.Err)
	}
	if err := cause(`[FEN "rubbish"] 1. e4 *`); err.Err == nil {
		t.Errorf("%v wraps nothing", err)
	}
	// A very long word is cut in the message.
	if err := cause(strings.Repeat("x", 100_000)); len(err.Error()) > 200 {
		t.Errorf("%d bytes of message", len(err.Error()))
	}
}

func TestGameIsACopy(t *testing.T) {
	text := "[Event \"first\"]\n\n1. e4 {one} *\n\n[Event \"second\"]\n\n1. d4 {two} d5 *\n"
	r := newReader(t, strings.NewReader(text), 16)
	r.KeepComments(true)
	r.Scan()
	event, comment := r.Game().Tag("Event"), r.Game().Comments[0]
	clone := r.Game().Clone()
	r.Scan()
	if event != "first" || comment != "one" {
		t.Errorf("strings of the first game became %q, %q", event, comment)
	}
	if clone.Tag("Event") != "first" || len(clone.Moves) != 1 || clone.Moves[0].String() != "e2e4" || clone.Comments[0] != "one" || clone.Number != 1 || clone.Offset != 0 {
		t.Errorf("the clone of the first game became %+v", clone)
	}
	if g := r.Game(); g.Number != 2 || g.Offset != 32 || g.File != "test" {
		t.Errorf("second game: %d, %d, %s", g.Number, g.Offset, g.File)
	}
}

// A game costs no allocation once the reader has got going, but for the blocks
// that hold the text of its tags.
func TestAllocations(t *testing.T) {
	game := "[Event \"a\"]\n[White \"b\"]\n[Black \"c\"]\n[Result \"1-0\"]\n[WhiteElo \"1500\"]\n[BlackElo \"1600\"]\n\n1. e4 e5 2. Nf3 { text } Nc6 (2... d6) 3. Bb5 a6 1-0\n\n"
	for _, test := range []struct {
		keep          bool
		workers       int
		warmUp, scans int // records, and those in each of ten runs
	}{
		{true, 1, 100, 1000}, {true, 4, 20_000, 1000}, {false, 1, 10, 1}, {false, 4, 120, 1},
	} {
		r := newReader(t, repeat(game, 150_000), windowSize)
		r.KeepComments(true)
		r.Workers(test.workers)
		n := 0
		r.Filter(func(h *Header) bool {
			n++
			elo, _ := h.WhiteElo()
			return test.keep && elo > 0 || n%1000 == 0
		})
		for range test.warmUp {
			r.Scan()
		}
		perRun := testing.AllocsPerRun(10, func() {
			for range test.scans {
				if !r.Scan() {
					t.Fatal("not enough games")
				}
			}
		})
		// A block of text is 64 KiB: a game of this size needs less than one in 500.
		if perGame := perRun / float64(test.scans); perGame > 0.01 && test.keep || !test.keep && perRun > 0 {
			t.Errorf("%+v: %.3f allocations a game", test, perGame)
		}
		if (r.pipe != nil) != (test.workers > 1) {
			t.Errorf("%+v: the pipeline is there or missing", test)
		}
		r.Close()
		if !test.keep && n < 10_000 {
			t.Errorf("only %d games were looked at", n)
		}
	}
}
