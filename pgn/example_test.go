package pgn_test

import (
	"fmt"
	"log"
	"os"
	"strings"

	"transcend/internal/bitboard"
	"transcend/pgn"
)

const sample = `[Event "Rated Blitz game"]
[White "anna"]
[Black "ben"]
[Result "1-0"]
[WhiteElo "950"]
[BlackElo "980"]

1. e4 { [%clk 0:03:00] } 1... e5 2. Qh5 Nc6 3. Bc4 Nf6?? 4. Qxf7# 1-0

[Event "Rated Blitz game"]
[WhiteElo "1900"]
[BlackElo "980"]

1. e4 c5 0-1

[Event "Rated Blitz game"]
[WhiteElo "900"]
[BlackElo "910"]

1. e4 e5 2. Qxe5+ 1-0
`

// Games whose better player is rated at most 1000, with what is wrong with the
// others that pass.
func ExampleReader() {
	r, err := pgn.NewReader("sample", strings.NewReader(sample))
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	r.Filter(func(h *pgn.Header) bool {
		white, ok1 := h.WhiteElo()
		black, ok2 := h.BlackElo()
		return ok1 && ok2 && max(white, black) <= 1000
	})
	for r.Scan() {
		if bad := r.BadGame(); bad != nil {
			fmt.Println(bad)
			continue
		}
		g := r.Game()
		fmt.Println(g.Number, g.Tag("White"), g.Result, g.Moves)
	}
	if err := r.Err(); err != nil {
		log.Fatal(err)
	}
	fmt.Println(r.Skipped(), "filtered out")
	// Output:
	// 1 anna 1-0 [e2e4 e7e5 d1h5 b8c6 f1c4 g8f6 h5f7]
	// pgn: sample: game 3: byte 328: illegal move "Qxe5+" at ply 3: no such piece can go there
	// 1 filtered out
}

func ExampleWriter() {
	pos := bitboard.Start()
	g := &pgn.Game{Start: pos, Result: bitboard.Draw}
	g.SetTag("White", "us")
	for _, san := range []string{"e4", "e5", "Nf3"} {
		m, err := pos.ParseSAN(san)
		if err != nil {
			log.Fatal(err)
		}
		pos.Make(m)
		g.Moves = append(g.Moves, m)
	}
	if err := pgn.NewWriter(os.Stdout).Write(g); err != nil {
		log.Fatal(err)
	}
	// Output:
	// [Event "?"]
	// [Site "?"]
	// [Date "????.??.??"]
	// [Round "?"]
	// [White "us"]
	// [Black "?"]
	// [Result "1/2-1/2"]
	//
	// 1. e4 e5 2. Nf3 1/2-1/2
}
