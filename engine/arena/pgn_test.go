package arena

import (
	"encoding/json"
	"testing"
	"time"

	"transcend/elo/leaderboard"
	"transcend/engine"
	"transcend/engine/match"
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

// TestStoredTries: what was no legal move is kept with its ply, of the first few.
func TestStoredTries(t *testing.T) {
	g := &match.Game{Moves: make([]bitboard.Move, 30), Replies: make([]engine.Reply, 30), Clocks: make([]time.Duration, 30), Start: bitboard.Start(), Loser: -1}
	for ply := 3; ply < 30; ply++ {
		g.Replies[ply].Wrote = []string{"e2e5", "<"}
	}
	var details struct {
		Tries []illegalTry `json:"illegal_tries"`
		Texts []string     `json:"illegal_texts"`
	}
	if err := json.Unmarshal(stored(1, g).Details, &details); err != nil || len(details.Tries) != keptTries || details.Tries[0].Ply != 3 || details.Tries[0].Texts[1] != "<" || details.Texts != nil {
		t.Errorf("%v, %+v", err, details)
	}
}
