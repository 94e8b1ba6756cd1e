package arena

import (
	"math"
	"testing"

	"transcend/elo"
)

// TestCompare: a crossing is compared by its pairs of games when all of them are in one, whose openings then
// cancel; otherwise by its games.
func TestCompare(t *testing.T) {
	c := Crossing{Record: elo.Record{Wins: 12, Draws: 6, Losses: 6}}
	for range 6 {
		c.Pairs.Add(elo.Win, elo.Win)
		c.Pairs.Add(elo.Draw, elo.Loss)
	}
	want, err := c.Pairs.Compare(0)
	if err != nil {
		t.Fatal(err)
	}
	if c.compare(); c.Comparison == nil || c.Comparison.Interval != want.Interval || math.IsNaN(c.Comparison.PairRatio) {
		t.Errorf("%+v, want that of the pairs: %+v", c.Comparison, want)
	}
	c.Record.Add(elo.Win) // the first game of a pair
	single, err := c.Record.Compare(0)
	if err != nil {
		t.Fatal(err)
	}
	if c.compare(); c.Comparison.Interval != single.Interval || !math.IsNaN(c.Comparison.PairRatio) {
		t.Errorf("%+v, want that of the games: %+v", c.Comparison, single)
	}
	none := Crossing{}
	if none.compare(); none.Comparison != nil {
		t.Errorf("without games %+v", none.Comparison)
	}
}
