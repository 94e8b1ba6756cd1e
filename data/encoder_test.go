package data

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"transcend/internal/bitboard"
	"transcend/internal/boardtest"
	"transcend/model"
)

// boardOfFEN is what AppendBoard gives for a position, from its FEN and the list in the
// documentation.
func boardOfFEN(t *testing.T, fen string) []int32 {
	t.Helper()
	fields := strings.Fields(fen)
	var ids []int32
	for i, rank := range strings.Split(fields[0], "/") {
		file := 0
		for _, c := range rank {
			if c >= '1' && c <= '8' {
				file += int(c - '0')
				continue
			}
			ids = append(ids, int32(64*strings.IndexRune("PNBRQKpnbrqk", c)+8*(7-i)+file))
			file++
		}
	}
	slices.SortFunc(ids, func(a, b int32) int { return int(a%64 - b%64) })
	for i, c := range "KQkq" {
		if strings.ContainsRune(fields[2], c) {
			ids = append(ids, int32(768+i))
		}
	}
	if fields[3] != "-" {
		ids = append(ids, int32(772+int(fields[3][0]-'a')))
	}
	if fields[1] == "b" {
		ids = append(ids, 780)
	}
	for len(ids) < 38 {
		ids = append(ids, -1)
	}
	return ids
}

func TestAppendBoard(t *testing.T) {
	check := func(p *bitboard.Position) {
		t.Helper()
		got := AppendBoard([]int32{7}, p)
		if want := append([]int32{7}, boardOfFEN(t, p.FEN())...); !slices.Equal(got, want) {
			t.Fatalf("%s: %v, want %v", p.FEN(), got, want)
		}
	}
	seen := map[int32]bool{}
	rng := rand.New(rand.NewPCG(3, 3))
	for range 100 {
		g := randomGame(rng, 200)
		p := bitboard.Start()
		check(&p)
		for _, m := range g.Moves {
			p.Make(m)
			check(&p)
			for _, id := range AppendBoard(nil, &p) {
				seen[id] = true
			}
		}
	}
	for id := range int32(BoardVocab) {
		// Pawns do not stand on the last ranks.
		pawn := id < 64 || id >= 6*64 && id < 7*64
		if on := id % 64; pawn && (on < 8 || on >= 56) == seen[id] {
			t.Errorf("id %d: seen %v", id, seen[id])
		}
		if !pawn && id >= boardCastling && !seen[id] {
			t.Errorf("id %d was never seen", id)
		}
	}
	for _, fen := range []string{
		"rnbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR w KQkq - 0 1",
		"rnbqkbnr/ppp1pppp/8/8/3pP3/8/PPPP1PPP/RNBQKBNR b KQkq e3 0 3", // all that there is at once
		"8/8/8/4k3/8/8/8/K6Q b - - 0 1",
	} {
		p := boardtest.Position(t, fen)
		check(&p)
	}
	// As many pieces as a damaged position may hold take no more room than there is.
	p, err := bitboard.ParseFEN("QQQQQQQk/QQQQQQQQ/QQQQQQQQ/QQQQQQQQ/QQQQQQQQ/8/8/K7 b - - 0 1")
	if err != nil {
		t.Skip("no position of more than 32 pieces can be had")
	}
	if got := AppendBoard(nil, &p); len(got) != BoardSlots || got[31] < 0 || got[32] != 780 {
		t.Errorf("of a crowd: %v", got)
	}
}

func TestEncoder(t *testing.T) {
	tok := NewMoveTokenizer()
	for input, want := range map[string]model.Config{
		"": {Vocab: 1970}, InputMoves: {Vocab: 1970}, InputBoard: {Vocab: 1970, ExtraVocab: 781, ExtraSlots: 38},
	} {
		e, err := NewEncoder(tok, input)
		if err != nil {
			t.Fatal(err)
		}
		c := model.Config{ExtraVocab: 3, ExtraSlots: 4}
		e.Configure(&c)
		if c != want {
			t.Errorf("%q: %+v", input, c)
		}
		if again, err := EncoderOf(tok, c); err != nil || again != e {
			t.Errorf("%q: %+v, %v", input, again, err)
		}
	}
	if _, err := NewEncoder(NewCharTokenizer(CharOptions{}), InputBoard); err == nil || !strings.Contains(err.Error(), "move tokenizer") {
		t.Errorf("characters with boards: %v", err)
	}
	if _, err := NewEncoder(tok, "eyes"); err == nil || !strings.Contains(err.Error(), `"eyes"`) {
		t.Errorf("unknown input: %v", err)
	}
	for _, c := range []model.Config{{ExtraVocab: 780, ExtraSlots: 38}, {ExtraVocab: 781, ExtraSlots: 37}, {ExtraSlots: 38}} {
		if _, err := EncoderOf(tok, c); err == nil || !strings.Contains(err.Error(), "board input") {
			t.Errorf("%+v: %v", c, err)
		}
	}

	g := boardtest.Game(t, "", "e2e4", "e7e5", "g1f3", "b8c6")
	moves, _ := NewEncoder(tok, InputMoves)
	board, _ := NewEncoder(tok, InputBoard)
	if got := moves.AppendExtras(nil, g, 0, 5); len(got) != 0 {
		t.Errorf("moves have extra ids: %v", got)
	}
	want := AppendBoard(AppendBoard(nil, g.PositionAt(3)), g.PositionAt(4))
	if got := board.AppendExtras(nil, g, 3, 5); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestBoardBatches replays what is in a row and compares every board.
func ExampleAppendBoard() {
	p, _ := bitboard.ParseFEN("8/8/8/4k3/8/8/8/K6Q b - - 0 1")
	fmt.Println(AppendBoard(nil, &p)[:5]) // Ka1, Qh1, ke5, Black to move
	// Output: [320 263 740 780 -1]
}
