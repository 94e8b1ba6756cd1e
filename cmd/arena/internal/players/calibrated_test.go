package players

import (
	"context"
	"errors"
	"slices"
	"testing"

	"transcend/elo"
	"transcend/engine/uci"
)

func TestParseNumbers(t *testing.T) {
	for text, want := range map[string][]int{"3": {3}, "0..2": {0, 1, 2}, "-9+-5": {-9, -5}, "-2..0+7": {-2, -1, 0, 7}, "": nil, "1..": nil, "2..1": nil, "0..1000": nil, "x": nil} {
		got, err := parseNumbers(text)
		if (err == nil) != (want != nil) || !slices.Equal(got, want) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}

// TestLichessAI: Fairy-Stockfish takes the levels, below 0, too.
func TestLichessAI(t *testing.T) {
	if _, err := uci.Find("fairy-stockfish"); err != nil {
		var missing *uci.NotFoundError
		if errors.As(err, &missing) {
			t.Skip("needs fairy-stockfish (apt install fairy-stockfish)")
		}
		t.Fatal(err)
	}
	players, err := parsePlayers(context.Background(), "lichess-ai=1..8")
	if err != nil {
		t.Fatal(err)
	}
	set, err := elo.AnchorSetNamed(elo.LichessAI)
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range players {
		if skill := p.Spec["option.Skill Level"]; skill == "" || p.Control.Depth != lichessAI[i].depth || !set.Covers(p.Spec["name"]) {
			t.Errorf("%s: %v, %v", p.Name, p.Spec, p.Control)
		}
		if _, err := set.Anchor(elo.SkillLevel, lichessAI[i].skill); err != nil {
			t.Error(err)
		}
	}
	if _, err := elo.DefaultAnchorSet(players[0].Spec["name"]); !errors.Is(err, elo.ErrNoAnchor) {
		t.Errorf("Lichess's ratings are taken without being asked for: %v", err)
	}
}
