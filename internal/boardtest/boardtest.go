// Package boardtest is for tests: positions, games and moves from their notation, and random ones.
package boardtest

import (
	"math/rand/v2"
	"strings"
	"testing"

	"transcend/internal/bitboard"
)

// Position is that of a FEN, the initial one for "".
func Position(t testing.TB, fen string) bitboard.Position {
	t.Helper()
	if fen == "" {
		return bitboard.Start()
	}
	p, err := bitboard.ParseFEN(fen)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Game is a game from a FEN after some moves in UCI's notation.
func Game(t testing.TB, fen string, moves ...string) *bitboard.Game {
	t.Helper()
	g := bitboard.NewGame(Position(t, fen))
	for _, uci := range moves {
		m, err := g.Position().ParseUCIMove(uci)
		if err != nil {
			t.Fatal(err)
		}
		if err := g.Make(m); err != nil {
			t.Fatal(err)
		}
	}
	return g
}

// Moves are moves in SAN, separated by spaces, from a FEN.
func Moves(t testing.TB, fen, sans string) []bitboard.Move {
	t.Helper()
	var moves []bitboard.Move
	p := Position(t, fen)
	for san := range strings.FieldsSeq(sans) {
		m, err := p.ParseSAN(san)
		if err != nil {
			t.Fatal(err)
		}
		p.Make(m)
		moves = append(moves, m)
	}
	return moves
}

// RandomMoves are up to plies random legal moves from the initial position.
func RandomMoves(rng *rand.Rand, plies int) []bitboard.Move {
	var moves []bitboard.Move
	p := bitboard.Start()
	legal := make([]bitboard.Move, 0, 256)
	for range plies {
		legal = p.Legal(legal[:0])
		if len(legal) == 0 {
			break
		}
		m := legal[rng.IntN(len(legal))]
		p.Make(m)
		moves = append(moves, m)
	}
	return moves
}
