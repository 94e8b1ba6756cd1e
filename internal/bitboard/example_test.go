package bitboard_test

import (
	"fmt"

	"github.com/notnil/chess"

	"transcend/internal/bitboard"
)

func ExampleGame() {
	g := bitboard.NewGame(bitboard.Start())
	for _, san := range []string{"f3", "e5", "g4", "Qh4"} {
		m, err := g.Position().ParseSAN(san)
		if err != nil {
			fmt.Println(err)
			return
		}
		if err := g.Make(m); err != nil {
			fmt.Println(err)
			return
		}
	}
	fmt.Println(g.Position())
	fmt.Println(g.Outcome())
	// Output:
	// r n b . k b n r
	// p p p p . p p p
	// . . . . . . . .
	// . . . . p . . .
	// . . . . . . P q
	// . . . . . P . .
	// P P P P P . . P
	// R N B Q K B N R
	// rnb1kbnr/pppp1ppp/8/4p3/6Pq/5P2/PPPPP2P/RNBQKBNR w KQkq - 1 3
	// 0-1 checkmate
}

func ExamplePosition_Legal() {
	p, err := bitboard.ParseFEN("8/8/8/8/8/k7/p7/K7 w - - 0 1")
	if err != nil {
		fmt.Println(err)
		return
	}
	moves := make([]bitboard.Move, 0, bitboard.MaxMoves)
	fmt.Println(p.Legal(moves), p.Stalemate())

	p = bitboard.Start()
	for _, m := range p.Legal(moves)[:3] {
		next := p // copy and make; there is nothing to take back
		next.Make(m)
		fmt.Println(m, p.SAN(m), next.FEN())
	}
	// Output:
	// [] true
	// b1a3 Na3 rnbqkbnr/pppppppp/8/8/8/N7/PPPPPPPP/R1BQKBNR b KQkq - 1 1
	// b1c3 Nc3 rnbqkbnr/pppppppp/8/8/8/2N5/PPPPPPPP/R1BQKBNR b KQkq - 1 1
	// g1f3 Nf3 rnbqkbnr/pppppppp/8/8/8/5N2/PPPPPPPP/RNBQKB1R b KQkq - 1 1
}

func ExamplePosition_ParseSAN() {
	p := bitboard.Start()
	for _, san := range []string{"Nf3", "Ng1-f3!?", "Nf5", "e9"} {
		m, err := p.ParseSAN(san)
		fmt.Println(m, err)
	}
	// Output:
	// g1f3 <nil>
	// g1f3 <nil>
	// 0000 bitboard: illegal move: "Nf5": no such piece can go there
	// 0000 bitboard: not a move in algebraic notation: "e9": it names no target square
}

// A game moves to notnil/chess by its FEN and UCI moves.
func ExampleGame_notnil() {
	g := bitboard.NewGame(bitboard.Start())
	for _, uci := range []string{"e2e4", "e7e5", "g1f3"} {
		m, err := g.Position().ParseUCIMove(uci)
		if err != nil {
			fmt.Println(err)
			return
		}
		if err := g.Make(m); err != nil {
			fmt.Println(err)
			return
		}
	}

	start := g.StartPosition()
	fen, err := chess.FEN(start.FEN())
	if err != nil {
		fmt.Println(err)
		return
	}
	theirs := chess.NewGame(fen, chess.UseNotation(chess.UCINotation{}))
	for _, m := range g.Moves() {
		if err := theirs.MoveStr(m.String()); err != nil {
			fmt.Println(err)
			return
		}
	}
	fmt.Println(theirs.Position())
	// Output:
	// rnbqkbnr/pppp1ppp/8/4p3/4P3/5N2/PPPP1PPP/RNBQKB1R b KQkq - 1 2
}
