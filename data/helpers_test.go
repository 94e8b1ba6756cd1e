package data

import (
	"math/rand/v2"
	"testing"

	"transcend/internal/bitboard"
	"transcend/internal/boardtest"
)

// game returns the game with these moves in SAN.
func game(t testing.TB, result bitboard.Result, sans string) *Game {
	t.Helper()
	return &Game{Result: result, Moves: boardtest.Moves(t, "", sans)}
}

// randomGame plays up to plies random legal moves.
func randomGame(rng *rand.Rand, plies int) *Game {
	results := []bitboard.Result{bitboard.WhiteWins, bitboard.BlackWins, bitboard.Draw}
	g := &Game{
		WhiteElo: 800 + rng.IntN(400), BlackElo: 800 + rng.IntN(400), Result: results[rng.IntN(3)],
		TimeControl: []string{"60+0", "300+5", "", "1/259200"}[rng.IntN(4)],
		Date:        []string{"2018.06.01", "2018.??.??", ""}[rng.IntN(3)],
		Site:        []string{"https://lichess.org/abcdefgh", "", "Köln"}[rng.IntN(3)],
	}
	g.Moves = boardtest.RandomMoves(rng, plies)
	// Not from rng: tests know the moves that a seed gives.
	rng = rand.New(rand.NewPCG(uint64(g.WhiteElo), uint64(g.BlackElo)))
	g.White = []string{"anna", "", "Bernd", "Ćirić, D"}[rng.IntN(4)]
	g.Black = []string{"carl", "", "Bernd"}[rng.IntN(3)]
	g.Termination = []string{"Normal", "", "Time forfeit"}[rng.IntN(3)]
	g.Rated = Rated(rng.IntN(3))
	return g
}

// randomCorpus holds n random games of 1 to maxPlies plies.
func randomCorpus(seed uint64, n, maxPlies int) *Corpus {
	rng := rand.New(rand.NewPCG(seed, 1))
	c := NewCorpus()
	for range n {
		c.Append(randomGame(rng, 1+rng.IntN(maxPlies)))
	}
	return c
}

// texts spells tokens.
func texts(tok Tokenizer, ids []int32) []string {
	var out []string
	for _, id := range ids {
		out = append(out, tok.Text(id))
	}
	return out
}

func rng(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0)) }
