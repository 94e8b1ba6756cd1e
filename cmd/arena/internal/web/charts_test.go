package web

import (
	"strings"
	"testing"

	"transcend/elo"
)

// TestZeroOnTheAxis: a scale that goes below zero has a 0 and no -0.
func TestZeroOnTheAxis(t *testing.T) {
	e, err := elo.EstimateRating([]elo.Result{{Anchor: elo.Anchor{Name: "a", Rating: 300}, Record: elo.Record{Wins: 5, Losses: 95}}}, elo.Options{})
	if err != nil {
		t.Fatal(err)
	}
	svg := string(drawTemperatures([]Series{{Name: "m", Cap: 1300, Points: []Point{{0.001, e}, {1, e}}}}))
	if !strings.Contains(svg, ">0</text>") || strings.Contains(svg, ">-0<") || !strings.Contains(svg, ">500</text>") {
		t.Errorf("%s", svg)
	}
}
