package data

import (
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"transcend/internal/bitboard"
	"transcend/internal/boardtest"
)

var allTokenizers = map[string]Tokenizer{
	"move":          NewMoveTokenizer(),
	"char":          NewCharTokenizer(CharOptions{}),
	"char-artifact": NewCharTokenizer(CharOptions{DrawArtifact: true}),
}

// Castling both ways, en passant, captures, promotion with check, mate.
const showpiece = "e4 d5 e5 f5 exf6 d4 fxg7 Kd7 gxh8=Q d3 Nf3 dxc2 Be2 cxb1=N O-O Nc6 Qxg8 Nc3 Qh8 Nxd1"

func TestMoveVocabulary(t *testing.T) {
	tok := NewMoveTokenizer()
	if got := tok.VocabSize(); got != 1970 {
		t.Fatalf("vocabulary of %d", got)
	}
	// Spots in the documented order; the hash pins all of it, because every
	// checkpoint depends on it.
	for id, want := range map[int32]string{
		0: "a1b1", 7: "a1a2", 22: "a1h8", 23: "b1a1", 1791: "h8g8",
		1792: "a2a1n", 1795: "a2a1q", 1796: "a2b1n", 1879: "h2h1q", 1880: "a7a8n", 1967: "h7h8q",
		1968: "<game>", 1969: "<pad>",
	} {
		if got := tok.Text(id); got != want {
			t.Errorf("token %d = %q, want %q", id, got, want)
		}
	}
	if tok.Text(-1) != "" || tok.Text(1970) != "" {
		t.Error("ids outside the vocabulary have a text")
	}
	h := fnv.New64a()
	for id := range int32(1970) {
		h.Write([]byte(tok.Text(id) + "\n"))
	}
	if got := h.Sum64(); got != 0x43c07c310846a130 {
		t.Errorf("hash of the vocabulary = %#x: its order has changed, which makes all checkpoints useless", got)
	}
	for id := range int32(NumMoves) {
		m, ok := tok.Move(id)
		back, ok2 := tok.ID(m)
		if !ok || !ok2 || back != id {
			t.Fatalf("token %d -> %v -> %d", id, m, back)
		}
	}
	count := 0
	for code := range 1 << 16 {
		if _, ok := tok.ID(bitboard.Move(code)); ok {
			count++
		}
	}
	if count != NumMoves {
		t.Errorf("%d codes have a token, want %d", count, NumMoves)
	}
}

// Every move that is legal somewhere is in the vocabulary.
func TestMoveVocabularyCoversPlay(t *testing.T) {
	tok := NewMoveTokenizer()
	rng := rand.New(rand.NewPCG(5, 6))
	legal := make([]bitboard.Move, 0, 256)
	for range 60 {
		p := bitboard.Start()
		for range 300 {
			if legal = p.Legal(legal[:0]); len(legal) == 0 {
				break
			}
			for _, m := range legal {
				if _, ok := tok.ID(m); !ok {
					t.Fatalf("%v is legal in %s and has no token", m, p.FEN())
				}
			}
			p.Make(legal[rng.IntN(len(legal))])
		}
	}
}

func TestAlphabet(t *testing.T) {
	tok := NewCharTokenizer(CharOptions{})
	want := []string{" ", "#", "+", "-", ".", "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", ";", "=",
		"B", "K", "N", "O", "Q", "R", "a", "b", "c", "d", "e", "f", "g", "h", "x"}
	if tok.VocabSize() != 32 {
		t.Fatalf("vocabulary of %d", tok.VocabSize())
	}
	for id, s := range want {
		if got := tok.Text(int32(id)); got != s {
			t.Errorf("token %d = %q, want %q", id, got, s)
		}
	}
	if tok.Text(tok.Separator()) != ";" || tok.Pad() != tok.Separator() {
		t.Error("the separator is not ;")
	}
}

func TestTranscript(t *testing.T) {
	for _, test := range []struct {
		sans     string
		result   bitboard.Result
		artifact bool
		want     string
	}{
		{"Nc3 Nf6 Nf3 e6", bitboard.WhiteWins, false, ";1.Nc3 Nf6 2.Nf3 e6"},
		{"Nc3 Nf6 Nf3 e6", bitboard.WhiteWins, true, ";1.Nc3 Nf6 2.Nf3 e6"},
		{"Nc3 Nf6 Nf3 e6", bitboard.Draw, false, ";1.Nc3 Nf6 2.Nf3 e6"},
		{"Nc3 Nf6 Nf3 e6", bitboard.Draw, true, ";1.Nc3 Nf6 2.Nf3 e6 12-"},
		{"Nc3 Nf6 Nf3", bitboard.Draw, true, ";1.Nc3 Nf6 2.Nf3 12-"},
		{"f3 e5 g4 Qh4", bitboard.BlackWins, false, ";1.f3 e5 2.g4 Qh4#"},
		{"e4 f5 Qh5", bitboard.WhiteWins, false, ";1.e4 f5 2.Qh5+"},
		{"", bitboard.WhiteWins, false, ";"},
		{showpiece, bitboard.BlackWins, false,
			";1.e4 d5 2.e5 f5 3.exf6 d4 4.fxg7 Kd7 5.gxh8=Q d3 6.Nf3 dxc2 7.Be2 cxb1=N 8.O-O Nc6 9.Qxg8 Nc3 10.Qh8 Nxd1"},
	} {
		tok := NewCharTokenizer(CharOptions{DrawArtifact: test.artifact})
		got := strings.Join(texts(tok, tok.AppendGame(nil, game(t, test.result, test.sans))), "")
		if got != test.want {
			t.Errorf("%s %v artifact %v:\n got %q\nwant %q", test.sans, test.result, test.artifact, got, test.want)
		}
	}
	tok := NewMoveTokenizer()
	got := strings.Join(texts(tok, tok.AppendGame(nil, game(t, bitboard.Draw, "e4 e5 Nf3 Nc6 Bb5 Nf6 O-O"))), " ")
	if want := "<game> e2e4 e7e5 g1f3 b8c6 f1b5 g8f6 e1g1"; got != want {
		t.Errorf("moves = %q, want %q", got, want)
	}
}

func TestPrompts(t *testing.T) {
	char, move := NewCharTokenizer(CharOptions{}), NewMoveTokenizer()
	for _, test := range []struct{ sans, char, move string }{
		{"", ";1.", "<game>"},
		{"e4", ";1.e4", "<game> e2e4"},
		{"e4 e5", ";1.e4 e5 2.", "<game> e2e4 e7e5"},
		{"e4 f5 Qh5", ";1.e4 f5 2.Qh5+", "<game> e2e4 f7f5 d1h5"},
		{"e4 e5 Nf3 Nc6 Bb5 a6 Ba4 b5 Bb3 Nf6 O-O Be7 d3 d6 c3 O-O Re1 h6", ";1.e4 e5 2.Nf3 Nc6 3.Bb5 a6 4.Ba4 b5 5.Bb3 Nf6 6.O-O Be7 7.d3 d6 8.c3 O-O 9.Re1 h6 10.",
			"<game> e2e4 e7e5 g1f3 b8c6 f1b5 a7a6 b5a4 b7b5 a4b3 g8f6 e1g1 f8e7 d2d3 d7d6 c2c3 e8g8 f1e1 h7h6"},
	} {
		moves := boardtest.Moves(t, "", test.sans)
		if got := strings.Join(texts(char, char.AppendPrompt(nil, moves)), ""); got != test.char {
			t.Errorf("char prompt = %q, want %q", got, test.char)
		}
		if got := strings.Join(texts(move, move.AppendPrompt(nil, moves)), " "); got != test.move {
			t.Errorf("move prompt = %q, want %q", got, test.move)
		}
	}
}

// Tokens decode to the game they were made from, every prompt is the part of
// the game's tokens before a move, and reading that move out of what follows
// gives the move that was played.
func TestTokensOfRandomGames(t *testing.T) {
	for name, tok := range allTokenizers {
		t.Run(name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, 2))
			for i := range 60 {
				g := randomGame(rng, i*4)
				prefix := []int32{7, 7}
				ids := tok.AppendGame(slices.Clone(prefix), g)
				if !slices.Equal(ids[:2], prefix) {
					t.Fatal("AppendGame changed what was there")
				}
				ids = ids[2:]
				if ids[0] != tok.Separator() || slices.Contains(ids[1:], tok.Separator()) || slices.Contains(ids[1:], tok.Pad()) {
					t.Fatal("the separator is not at the start alone")
				}
				moves, err := tok.DecodeGame(ids)
				if err != nil || !slices.Equal(moves, g.Moves) {
					t.Fatalf("decoded: %v %v, want %v", moves, err, g.Moves)
				}
				p := bitboard.Start()
				for ply, m := range g.Moves {
					prompt := tok.AppendPrompt(nil, g.Moves[:ply])
					if len(prompt) >= len(ids) || !slices.Equal(prompt, ids[:len(prompt)]) {
						t.Fatalf("the prompt at ply %d is not what the game has there:\n%q\n%q", ply, texts(tok, prompt), texts(tok, ids))
					}
					text, complete := tok.ReadMove(ids[len(prompt):min(len(ids), len(prompt)+tok.MaxMoveTokens())])
					if last := ply == len(g.Moves)-1; !complete && !last {
						t.Fatalf("ply %d: reading %q is not complete", ply, text)
					}
					got, err := tok.ParseMove(&p, text)
					if err != nil || got != m {
						t.Fatalf("ply %d: read %q = %v %v, want %v", ply, text, got, err, m)
					}
					p.Make(m)
				}
			}
		})
	}
}

func TestReadMove(t *testing.T) {
	char := NewCharTokenizer(CharOptions{})
	for _, test := range []struct {
		sampled  string
		text     string
		complete bool
	}{
		{"", "", false},
		{"N", "N", false},
		{"Nf3", "Nf3", false},
		{"Nf3 ", "Nf3", true},
		{"Nf3 Nc6 3.", "Nf3", true},
		{" e5 2.Nf3", "e5", true},
		{" e5", "e5", false},
		{"Qh5+", "Qh5", true},
		{"Qh4#;1.e4", "Qh4#", true},
		{";1.e4 e5", "", true},
		{" ;", "", true},
		{"+ e4", "", true},
		{"          ", "", true},
		{"1111111111", "1111111111", true},
		{"O-O-O 12.", "O-O-O", true},
	} {
		text, complete := char.ReadMove(char.appendText(nil, test.sampled))
		if text != test.text || complete != test.complete {
			t.Errorf("%q: %q %v, want %q %v", test.sampled, text, complete, test.text, test.complete)
		}
	}
	if text, complete := char.ReadMove([]int32{19, -1, 8}); text != "N" || !complete {
		t.Errorf("an id outside the alphabet: %q %v", text, complete)
	}

	move := NewMoveTokenizer()
	if text, complete := move.ReadMove(nil); text != "" || complete {
		t.Errorf("nothing sampled: %q %v", text, complete)
	}
	p := bitboard.Start()
	for _, id := range []int32{move.Separator(), move.Pad(), -1, 1 << 20} {
		text, complete := move.ReadMove([]int32{id})
		if !complete {
			t.Errorf("token %d: not complete", id)
		}
		if _, err := move.ParseMove(&p, text); err == nil {
			t.Errorf("token %d is a legal move", id)
		}
	}
	if _, err := char.ParseMove(&p, "e5"); !errors.Is(err, bitboard.ErrIllegalMove) {
		t.Errorf("1.e5: %v, want ErrIllegalMove", err)
	}
}

func TestDecodeGameRefusesWhatIsNoGame(t *testing.T) {
	char, artifact, move := NewCharTokenizer(CharOptions{}), NewCharTokenizer(CharOptions{DrawArtifact: true}), NewMoveTokenizer()
	e2e4, _ := move.ID(boardtest.Moves(t, "", "e4")[0])
	bad := map[string]struct {
		tok Tokenizer
		ids []int32
	}{
		"nothing":            {move, nil},
		"no separator":       {move, []int32{e2e4}},
		"two separators":     {move, []int32{move.Separator(), e2e4, move.Separator()}},
		"illegal move":       {move, []int32{move.Separator(), e2e4, e2e4}},
		"id out of range":    {move, []int32{move.Separator(), 5000}},
		"char nothing":       {char, nil},
		"char range":         {char, []int32{15, 32}},
		"char negative":      {char, []int32{15, -1}},
		"char no separator":  {char, char.appendText(nil, "1.e4")},
		"char two":           {char, char.appendText(nil, ";1.e4;1.e4")},
		"char illegal":       {char, char.appendText(nil, ";1.e4 e6 2.e6")},
		"char wrong number":  {char, char.appendText(nil, ";2.e4")},
		"char no number":     {char, char.appendText(nil, ";e4")},
		"char space after":   {char, char.appendText(nil, ";1. e4")},
		"char two spaces":    {char, char.appendText(nil, ";1.e4  e5")},
		"char trailing":      {char, char.appendText(nil, ";1.e4 ")},
		"char cut":           {char, char.appendText(nil, ";1.e4 e5 2.")},
		"char sloppy SAN":    {char, char.appendText(nil, ";1.e4 e5 2.Ng1f3")},
		"char missing check": {char, char.appendText(nil, ";1.e4 f5 2.Qh5")},
		"char artifact":      {char, char.appendText(nil, ";1.e4 12-")},
		"half an artifact":   {artifact, artifact.appendText(nil, ";1.e4 12")},
	}
	for name, test := range bad {
		if moves, err := test.tok.DecodeGame(test.ids); !errors.Is(err, ErrNotAGame) {
			t.Errorf("%s: %v %v, want ErrNotAGame", name, moves, err)
		}
	}
	if moves, err := artifact.DecodeGame(artifact.appendText(nil, ";1.e4 12-")); err != nil || len(moves) != 1 {
		t.Errorf("a draw with the artifact: %v %v", moves, err)
	}
}

func TestIllegalMovesPanic(t *testing.T) {
	for name, tok := range allTokenizers {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: tokenized an impossible move", name)
				}
			}()
			tok.AppendGame(nil, &Game{Moves: []bitboard.Move{0xffff}})
		}()
	}
}

func TestTokenizerFile(t *testing.T) {
	for name, tok := range allTokenizers {
		dir := t.TempDir()
		b, err := tok.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, TokenizerFile), b, 0o644); err != nil {
			t.Fatal(err)
		}
		back, err := LoadTokenizer(dir)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for other, o := range allTokenizers {
			if got, want := sameTokenizer(back, o), other == name; got != want {
				t.Errorf("%s loaded, equal to %s: %v", name, other, got)
			}
		}
	}
}

// sameTokenizer reports whether two tokenizers give the same ids.
func sameTokenizer(a, b Tokenizer) bool {
	x, errX := a.MarshalJSON()
	y, errY := b.MarshalJSON()
	return errX == nil && errY == nil && slices.Equal(x, y)
}

func TestTokenizerFileErrors(t *testing.T) {
	move, _ := NewMoveTokenizer().MarshalJSON()
	char, _ := NewCharTokenizer(CharOptions{}).MarshalJSON()
	for name, test := range map[string]struct{ content, want string }{
		"empty":        {"", "not the JSON of a tokenizer"},
		"cut":          {string(move[:len(move)/2]), "not the JSON of a tokenizer"},
		"array":        {"[]", "not the JSON of a tokenizer"},
		"Hugging Face": {`{"version":"1.0","model":{}}`, "not the JSON of a tokenizer"},
		"foreign":      {`{"format":"bpe","version":1}`, `format is "bpe"`},
		"newer":        {strings.Replace(string(move), `"version":1`, `"version":2`, 1), "version is 2"},
		"other type":   {strings.Replace(string(move), `"type":"move"`, `"type":"word"`, 1), `type is "word"`},
		"swapped type": {strings.Replace(string(move), `"type":"move"`, `"type":"char"`, 1), "separator and pad"},
		"renamed":      {strings.Replace(string(move), `"e2e4"`, `"e4e2"`, 1), `is "e4e2", want "e2e4"`},
		"shorter":      {strings.Replace(string(char), `,"x"]`, `]`, 1), "has 31 tokens"},
		"reordered":    {strings.Replace(string(char), `"#","+"`, `"+","#"`, 1), `token 1 is "+"`},
		"separator":    {strings.Replace(string(char), `"separator":15`, `"separator":16`, 1), "separator and pad"},
		"move draws":   {strings.Replace(string(move), `"type":"move"`, `"type":"move","draw_artifact":true`, 1), "draw artifact"},
		"huge":         {strings.Repeat(" ", maxTokenizerFile+1), "larger than"},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, TokenizerFile), []byte(test.content), 0o644); err != nil {
			t.Fatal(err)
		}
		tok, err := LoadTokenizer(dir)
		var te *TokenizerError
		if tok != nil || !errors.As(err, &te) || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: %v %v, want an error with %q and the path", name, tok, err, test.want)
		}
	}
	if _, err := LoadTokenizer(t.TempDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing file: %v, want fs.ErrNotExist", err)
	}
	var te *TokenizerError
	if _, err := NewTokenizer("word", CharOptions{}); !errors.As(err, &te) || !strings.Contains(err.Error(), "want move or char") {
		t.Errorf("a tokenizer that there is not: %v", err)
	}
	if _, err := NewTokenizer("move", CharOptions{DrawArtifact: true}); !errors.As(err, &te) {
		t.Errorf("an option that it has not: %v", err)
	}
	for _, name := range TokenizerNames() {
		if tok, err := NewTokenizer(name, CharOptions{}); err != nil || tok.Name() != name || !sameTokenizer(tok, allTokenizers[name]) {
			t.Errorf("NewTokenizer(%q) = %v, %v", name, tok, err)
		}
	}
}

// TestAppendMove: what AppendMove writes continues the prompt as the game does, up to a
// token that ends it, ReadMove reads it as that move, and no two moves of a position are alike.
func TestAppendMove(t *testing.T) {
	played := boardtest.Moves(t, "", showpiece)
	for name, tok := range allTokenizers {
		p := bitboard.Start()
		for i, m := range played {
			prompt := tok.AppendPrompt(nil, played[:i])
			whole := tok.AppendGame(nil, &Game{Moves: played[:i+1]})
			seen := map[string]bitboard.Move{}
			for _, other := range p.Legal(nil) {
				tokens := tok.AppendMove(nil, &p, other)
				if n := len(tokens); n < 1 || n > tok.MaxMoveTokens() {
					t.Fatalf("%s: ply %d: %v takes %d tokens", name, i+1, other, n)
				}
				key := fmt.Sprint(tokens)
				if _, ok := seen[key]; ok {
					t.Errorf("%s: ply %d: %v is written as %v", name, i+1, other, seen[key])
				}
				seen[key] = other
				ends := tok.MoveEnds()
				if WholeMoves(tok) != (ends == nil) || WholeMoves(tok) != (tok.Unit() == "move") {
					t.Fatalf("%s: its unit is %q, what ends a move %v", name, tok.Unit(), ends)
				}
				for _, end := range append([]int32{-1}, ends...) {
					sampled := tokens
					if end >= 0 {
						sampled = append(slices.Clone(tokens), end)
					} else if ends != nil {
						continue
					}
					text, complete := tok.ReadMove(sampled)
					if read, err := tok.ParseMove(&p, text); err != nil || read != other || !complete && tok.Text(end) != "#" {
						t.Errorf("%s: ply %d: %v, ended by %q, is read as %q, %v", name, i+1, other, tok.Text(end), text, err)
					}
				}
			}
			got := append(prompt, tok.AppendMove(nil, &p, m)...)
			if rest, ok := cutPrefix(whole, got); !ok || len(rest) > 0 && !slices.Contains(tok.MoveEnds(), rest[0]) {
				t.Errorf("%s: ply %d: %v continues with %v, the game is %v", name, i+1, m, got, whole)
			}
			p.Make(m)
		}
	}
}

// TestMoveEnds: what may follow a move in a transcript: the next, its check marks, the end.
func TestMoveEnds(t *testing.T) {
	tok := NewCharTokenizer(CharOptions{})
	text := ""
	for _, id := range tok.MoveEnds() {
		text += tok.Text(id)
	}
	if text != " ;+#" {
		t.Errorf("a move is ended by %q", text)
	}
}

func cutPrefix(s, prefix []int32) ([]int32, bool) {
	if len(s) < len(prefix) || !slices.Equal(s[:len(prefix)], prefix) {
		return nil, false
	}
	return s[len(prefix):], true
}
