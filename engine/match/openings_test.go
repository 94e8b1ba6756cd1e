package match

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"transcend/engine"
	"transcend/engine/uci"
	"transcend/internal/bitboard"
)

// TestBuiltinOpenings: enough of them, all different, of 6 to 8 plies, White to
// move, from the initial position; what Stockfish thinks of them with
// OPENINGS_TEST_DEPTH=14.
func TestBuiltinOpenings(t *testing.T) {
	o, err := BuiltinOpenings(OpeningOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if o.Len() < 100 || !o.Blindfold() {
		t.Errorf("%d openings, from the initial position: %v", o.Len(), o.Blindfold())
	}
	var judge *uci.Engine
	depth := 0
	if _, err := fmt.Sscan(os.Getenv("OPENINGS_TEST_DEPTH"), &depth); err == nil {
		if judge, err = uci.Start(t.Context(), uci.Config{Path: "stockfish"}); err != nil {
			t.Fatal(err)
		}
		defer judge.Close()
	}
	names, positions := map[string]bool{}, map[uint64]string{}
	for i := range o.Len() {
		opening := o.At(2 * i)
		g := bitboard.NewGame(opening.start())
		for _, m := range opening.Moves {
			if err := g.Make(m); err != nil {
				t.Fatal(err)
			}
		}
		if n := len(opening.Moves); n < 6 || n > 8 || n%2 != 0 {
			t.Errorf("%s has %d plies", opening.Name, n)
		}
		h := g.Position().Hash()
		if other, twice := positions[h]; twice || names[opening.Name] {
			t.Errorf("%s and %s are the same", opening.Name, other)
		}
		positions[h], names[opening.Name] = opening.Name, true
		if judge == nil {
			continue
		}
		r, err := judge.Move(t.Context(), g, engine.Limit{Depth: depth})
		if err != nil {
			t.Fatal(err)
		}
		if cp := scoreOf(r.Score); cp >= 70 || cp <= -70 {
			t.Errorf("%s: %+.2f", opening.Name, float64(cp)/100)
		}
	}
}

const (
	epdBook = `rnbqkbnr/pppppppp/8/8/4P3/8/PPPP1PPP/RNBQKBNR b KQkq - hmvc 3; fmvn 7; id "one";
# a comment

rnbqkbnr/pppp1ppp/8/4p3/4P3/8/PPPP1PPP/RNBQKBNR w KQkq - 0 2
r1bqkbnr/pppp1ppp/2n5/4p3/4P3/5N2/PPPP1PPP/RNBQKB1R w KQkq - bm d4;
`
	pgnBook  = "[Event \"x\"]\n[ECO \"C20\"]\n[Opening \"King's Pawn\"]\n[Result \"*\"]\n\n1. e4 e5 2. Nf3 *\n\n[Event \"y\"]\n[Result \"1-0\"]\n\n1. d4 d5 1-0\n"
	lineBook = "\ufeffe2e4 e7e5 g1f3\r\n# moves\nd4 d5 c4 e6 ; Queen's Gambit\n\ne2e4 c7c5\n"
)

func writeBook(t *testing.T, name, text string) string {
	t.Helper()
	var b bytes.Buffer
	switch filepath.Ext(name) {
	case ".gz":
		w := gzip.NewWriter(&b)
		w.Write([]byte(text))
		w.Close()
	case ".zst":
		w, err := zstd.NewWriter(&b)
		if err != nil {
			t.Fatal(err)
		}
		w.Write([]byte(text))
		w.Close()
	default:
		b.WriteString(text)
	}
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// show is an opening as text.
func show(o Opening) string {
	var s strings.Builder
	if o.Start != (bitboard.Position{}) {
		s.WriteString(o.Start.FEN() + " ")
	}
	for _, m := range o.Moves {
		s.WriteString(m.String() + " ")
	}
	return s.String() + "; " + o.Name
}

func TestLoadOpenings(t *testing.T) {
	epd := []string{
		"rnbqkbnr/pppppppp/8/8/4P3/8/PPPP1PPP/RNBQKBNR b KQkq - 3 7 ; one",
		"rnbqkbnr/pppp1ppp/8/4p3/4P3/8/PPPP1PPP/RNBQKBNR w KQkq - 0 2 ; no. 2",
		"r1bqkbnr/pppp1ppp/2n5/4p3/4P3/5N2/PPPP1PPP/RNBQKB1R w KQkq - 0 1 ; no. 3",
	}
	games := []string{"e2e4 e7e5 g1f3 ; C20 King's Pawn", "d2d4 d7d5 ; no. 2"}
	lines := []string{"e2e4 e7e5 g1f3 ; no. 1", "d2d4 d7d5 c2c4 e7e6 ; Queen's Gambit", "e2e4 c7c5 ; no. 3"}
	for _, tt := range []struct {
		name, text string
		opt        OpeningOptions
		want       []string
	}{
		{"b.epd", epdBook, OpeningOptions{}, epd},
		{"b.epd.gz", epdBook, OpeningOptions{}, epd},
		{"b.fen.zst", epdBook, OpeningOptions{}, epd},
		{"b.txt", epdBook, OpeningOptions{Format: "epd"}, epd},
		{"b.pgn", pgnBook, OpeningOptions{}, games},
		{"b.PGN.gz", pgnBook, OpeningOptions{}, games},
		{"b.pgn", pgnBook, OpeningOptions{Plies: 1}, []string{"e2e4 ; C20 King's Pawn", "d2d4 ; no. 2"}},
		{"b.txt", lineBook, OpeningOptions{}, lines},
		{"b.uci.zst", lineBook, OpeningOptions{}, lines},
		{"b.txt", lineBook, OpeningOptions{Plies: 2, Start: 1}, []string{"d2d4 d7d5 ; Queen's Gambit", "e2e4 c7c5 ; no. 3", "e2e4 e7e5 ; no. 1"}},
	} {
		o, err := LoadOpenings(writeBook(t, tt.name, tt.text), tt.opt)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		for i := range 2 * o.Len() { // and round again
			if got, want := show(o.At(2*i)), tt.want[i%len(tt.want)]; got != want || show(o.At(2*i+1)) != want {
				t.Errorf("%s: opening %d is %q, want %q", tt.name, i, got, want)
			}
		}
		if blind := tt.want[0][1] == '2'; o.Blindfold() != blind {
			t.Errorf("%s: for models: %v", tt.name, o.Blindfold())
		}
	}
}

func TestBadOpenings(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		opt        OpeningOptions
		want       string
	}{
		{"b.epd", "\n# nothing\n", OpeningOptions{}, "none in it"},
		{"b.epd", epdBook + "rnbqkbnr/ppp w\n", OpeningOptions{}, "line 6"},
		{"b.epd", "7k/8/8/8/8/8/8/8 w - -\n", OpeningOptions{}, "line 1"},
		{"b.epd", "7k/5Q2/6K1/8/8/8/8/8 b - -\n", OpeningOptions{}, "is over"},
		{"b.txt", "e2e4 e7e5\ne2e5\n", OpeningOptions{}, "line 2"},
		{"b.txt", "f3 e5 g4 Qh4\n", OpeningOptions{}, "is over"},
		{"b.pgn", "[Event \"x\"]\n\n1. e4 Ke4 *\n", OpeningOptions{}, "illegal"},
		{"b.epd", epdBook, OpeningOptions{Start: 3}, "the start is 3 and there are 3"},
		{"b.epd", epdBook, OpeningOptions{Format: "polyglot"}, "no format"},
		{"b.epd.gz", epdBook[:1], OpeningOptions{}, "no EPD"},
	} {
		_, err := LoadOpenings(writeBook(t, tt.name, tt.text), tt.opt)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s %q: %v, want %q", tt.name, tt.text, err, tt.want)
		}
	}
	cut := writeBook(t, "cut.epd.gz", strings.Repeat(epdBook, 50))
	b, err := os.ReadFile(cut)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(cut, b[:len(b)-9], 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadOpenings(cut, OpeningOptions{}); err == nil || !strings.Contains(err.Error(), "EOF") {
		t.Errorf("a book that is cut off: %v", err)
	}
	// The format is told by the first bytes, whatever the name says.
	packed, err := base64.StdEncoding.DecodeString("QlpoOTFBWSZTWb1PS/QAABpfgEQQQAKsQBAJcAAQCXAAIABIiTEenqmnpG9ChRoyBo0yNGfqCRpA1ROasibL95dUfiji4FsRJ80YphbLPxdyRThQkL1PS/Q=")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, tt := range map[string]struct {
		data []byte
		want string // "" is one opening
	}{
		"whole.epd.bz2": {packed, ""},
		"cut.epd.bz2":   {packed[:60], "EOF"},
		"bad.epd.gz":    {[]byte("\x1f\x8bnot a header of it"), "gzip"},
		"bad.epd.zst":   {[]byte("\x28\xb5\x2f\xfdnot so"), "bad.epd.zst"},
		"none.epd":      {nil, "no such file"},
	} {
		path := filepath.Join(dir, name)
		if tt.data != nil {
			if err := os.WriteFile(path, tt.data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		o, err := LoadOpenings(path, OpeningOptions{})
		if tt.want == "" {
			if err != nil || o.Len() != 1 || show(o.At(0)) != "rnbqkbnr/pppppppp/8/8/4P3/8/PPPP1PPP/RNBQKBNR b KQkq - 0 1 ; no. 1" {
				t.Errorf("%s: %v", name, err)
			}
		} else if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
	for _, opt := range []OpeningOptions{{Start: -1}, {Plies: -1}} {
		if _, err := LoadOpenings(writeBook(t, "b.epd", epdBook), opt); err == nil || !strings.Contains(err.Error(), "negative") {
			t.Errorf("%+v: %v", opt, err)
		}
	}
}

// TestBlindfold: one opening from elsewhere is enough to be none for models.
func TestBlindfold(t *testing.T) {
	const fromElsewhere = "[Event \"x\"]\n[SetUp \"1\"]\n[FEN \"rnbqkbnr/pppppppp/8/8/4P3/8/PPPP1PPP/RNBQKBNR b KQkq - 0 1\"]\n\n1... e5 *\n\n"
	for text, want := range map[string]bool{pgnBook: true, pgnBook + fromElsewhere: false} {
		o, err := LoadOpenings(writeBook(t, "b.pgn", text), OpeningOptions{})
		if err != nil || o.Blindfold() != want {
			t.Errorf("for models: %v, want %v, %v", err == nil && o.Blindfold(), want, err)
		}
	}
}

// TestOrder: a shuffle is a permutation, the same for a seed, and part of the
// name.
func TestOrder(t *testing.T) {
	load := func(opt OpeningOptions) *Openings {
		o, err := BuiltinOpenings(opt)
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	order := func(o *Openings) (names []string) {
		for i := range o.Len() {
			names = append(names, o.At(2*i).Name)
		}
		return names
	}
	seven := order(load(OpeningOptions{Shuffle: true, Seed: 7}))
	if again := order(load(OpeningOptions{Shuffle: true, Seed: 7})); fmt.Sprint(again) != fmt.Sprint(seven) {
		t.Error("the same seed gave another order")
	}
	if eight := order(load(OpeningOptions{Shuffle: true, Seed: 8})); fmt.Sprint(eight) == fmt.Sprint(seven) {
		t.Error("another seed gave the same order")
	}
	seen := map[string]bool{}
	for _, n := range seven {
		seen[n] = true
	}
	if len(seen) != len(seven) {
		t.Errorf("%d different openings of %d", len(seen), len(seven))
	}
	from := order(load(OpeningOptions{Shuffle: true, Seed: 7, Start: 5}))
	if from[0] != seven[5] || from[len(from)-1] != seven[4] {
		t.Error("the start does not count in the shuffled order")
	}
	single := load(OpeningOptions{Single: true})
	if single.At(0).Name == single.At(1).Name {
		t.Error("two games on one opening")
	}
	names := map[string]bool{}
	for _, opt := range []OpeningOptions{{}, {Shuffle: true}, {Shuffle: true, Seed: 1}, {Start: 1}, {Plies: 4}, {Single: true}} {
		names[load(opt).String()] = true
	}
	names[(*Openings)(nil).String()] = true
	if len(names) != 7 || !names["startpos"] {
		t.Errorf("names: %v", names)
	}
}

// TestOpeningsInGames: players are asked after the opening, both sides in turn.
func TestOpeningsInGames(t *testing.T) {
	o, err := BuiltinOpenings(OpeningOptions{Shuffle: true, Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	factory := func(context.Context) (engine.Player, error) { return engine.NewRandomPlayer(), nil }
	games := map[int]*Game{}
	m := &pairing{Players: [2]Factory{factory, factory}, Rules: Rules{MaxPlies: 12}, Seed: 1, Openings: o, Slots: []int{0, 1, 2, 3}, Concurrency: 2,
		Record: func(g *Game) error { games[g.Slot] = g; return nil }}
	if err := m.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	for slot, g := range games {
		want := o.At(slot)
		if g.Opening != want.Name || g.BookPlies != len(want.Moves) || fmt.Sprint(g.Moves[:g.BookPlies]) != fmt.Sprint(want.Moves) || len(g.Moves) != 12 || len(g.Replies) != 12 || len(g.Clocks) != 12 {
			t.Errorf("slot %d: %+v", slot, g)
		}
	}
	if games[0].Opening != games[1].Opening || games[1].Opening == games[2].Opening || games[0].White == games[1].White {
		t.Error("pairs are not on one opening with colors reversed")
	}
}

// TestOpeningsNamed: the names that are no files, and a file.
func TestOpeningsNamed(t *testing.T) {
	opt := OpeningOptions{Shuffle: true, Seed: 4}
	for name, want := range map[string]string{NoOpenings: "startpos", FromTheStart: "startpos", Builtin: "builtin sha256:", writeBook(t, "b.epd", epdBook): "b.epd sha256:"} {
		o, err := OpeningsNamed(name, opt)
		if err != nil || !strings.Contains(o.String(), want) || (want == "startpos") != (o.Len() == 0) {
			t.Errorf("%s: %v, %v", name, o, err)
		}
	}
	if o, err := OpeningsNamed("nowhere.epd", opt); err == nil {
		t.Errorf("a file that is not there: %v", o)
	}
}
