package arena

import (
	"testing"

	"transcend/elo/leaderboard"
	"transcend/internal/bitboard"
)

// TestPGNComments: evaluations belong to the mover, whoever begins.
func TestPGNComments(t *testing.T) {
	m, err := bitboard.ParseUCI("e7e5")
	if err != nil {
		t.Fatal(err)
	}
	g, err := ToPGN(leaderboard.Game{StartFEN: "rnbqkbnr/pppppppp/8/8/4P3/8/PPPP1PPP/RNBQKBNR b KQkq - 0 1", Result: "1/2-1/2", Moves: []uint16{uint16(m)},
		Evals: []leaderboard.Eval{{Centipawns: -35, Depth: 9, Millis: 98}}}, "w", "b")
	if err != nil || g.Comments[0] != "-0.35/9 0.098s" {
		t.Errorf("%v, %v", g, err)
	}
	for e, want := range map[leaderboard.Eval]string{
		{IsMate: true, Mate: 3, Depth: 5, Millis: 1}: "+M3/5 0.001s", {IsMate: true, Mate: -2, Depth: 5}: "-M2/5 0.000s", {NoScore: true, Millis: 1500}: "1.500s",
	} {
		if got := evalComment(e); got != want {
			t.Errorf("%+v: %q, want %q", e, got, want)
		}
	}
}
