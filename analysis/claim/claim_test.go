package claim

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"transcend/data"
	"transcend/elo"
	"transcend/elo/curves"
	"transcend/elo/leaderboard"
	"transcend/elo/sweep"
	"transcend/internal/figure"
)

// opponents of the simulated model.
var opponents = []elo.Anchor{{Name: "weak", Rating: 900}, {Name: "even", Rating: 1100}, {Name: "strong", Rating: 1300}}

// simulate plays a model of the given strengths, by temperature, against the opponents, 2 games a pair.
func simulate(rng *rand.Rand, temperatures, strengths []float64, pairs int) *curves.Curve {
	c := &curves.Curve{Model: "simulated", Cap: 1100}
	// Openings that are good for somebody are so for all.
	luck := make([]float64, pairs)
	for i := range luck {
		luck[i] = 60 * rng.NormFloat64()
	}
	for i, t := range temperatures {
		row := leaderboard.Row{Scale: "test"}
		var results []elo.Result
		for o := range opponents {
			var record elo.Record
			for slot := range 2 * pairs {
				outcome := elo.Loss
				if rng.Float64() < elo.Expected(strengths[i]+luck[slot/2], opponents[o].Rating) {
					outcome = elo.Win
				}
				record.Add(outcome)
				row.Played = append(row.Played, leaderboard.Played{Opponent: int64(o + 1), Seed: 1, Slot: slot, Outcome: outcome})
			}
			results = append(results, elo.Result{Anchor: opponents[o], Record: record})
			row.Opponents = append(row.Opponents, leaderboard.OpponentRow{Opponent: leaderboard.Player{ID: int64(o + 1)}, Anchor: &opponents[o], Record: record})
			row.Record = row.Record.Plus(record)
		}
		e, err := elo.EstimateRating(results, elo.Options{})
		if err != nil {
			panic(err)
		}
		row.Rating = &e
		c.Points = append(c.Points, curves.Point{Temperature: t, Row: row})
	}
	return c
}

func examine(t *testing.T, c *curves.Curve, people []Person, alternatives []Alternative) *Model {
	t.Helper()
	m, ok, err := Examine(&curves.Sweep{Scale: "test"}, c, people, alternatives, 1)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	return m
}

func TestExamine(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	c := simulate(rng, []float64{0.001, 0.5, 1}, []float64{1250, 1230, 1000}, 150)
	other := Alternative{"higher", func(i int) *elo.Anchor {
		if i == 2 {
			return nil
		}
		a := opponents[i]
		a.Rating += 70
		return &a
	}}
	m := examine(t, c, []Person{{"best", 1400, 12}}, []Alternative{other, {"none", func(int) *elo.Anchor { return nil }}})
	for i, want := range []float64{250, 230} {
		l := m.Lows[i]
		if !l.Interval.Contains(want) || l.P > 0.001 || l.Holm < l.P || l.Simultaneous.Low > l.Interval.Low || l.Blocks != 450 {
			t.Errorf("%+v, want %v", l, want)
		}
	}
	if len(m.Halves) != 2 || m.Halves[0].Blocks != 225 || !m.Halves[0].Interval.Contains(240) {
		t.Errorf("halves %+v", m.Halves)
	}
	if m.References[0].Verdict.Claim != "above" || m.References[1].Verdict.Claim != "below" || m.References[1].Name != "best" {
		t.Errorf("references %+v", m.References)
	}
	byName := map[string]Scenario{}
	for _, s := range m.Scenarios {
		if s.Failed != "" {
			t.Errorf("%s: %s", s.Name, s.Failed)
		}
		byName[s.Name] = s
	}
	as := byName["as rated"]
	if s := byName["all opponents -100"]; math.Abs(as.Rating-100-s.Rating) > 0.01 || math.Abs(*as.Gain.Value-*s.Gain.Value) > 0.01 {
		t.Errorf("100 less: %v, gain %v; was %v, %v", s.Rating, *s.Gain.Value, as.Rating, *as.Gain.Value)
	}
	// The model is above the middle of its opponents: closer together they make it weaker, but not by more.
	if s := byName["distances x0.8"]; !(s.Rating < as.Rating) || *s.Gain.Value == *as.Gain.Value {
		t.Errorf("closer: %v, was %v", s.Rating, as.Rating)
	}
	if s := byName["anchors higher"]; math.Abs(s.Rating-1320) > 60 {
		t.Errorf("other anchors: %v", s.Rating)
	}
	if _, ok := byName["anchors none"]; ok {
		t.Error("anchors that know nobody were tried")
	}
	if len(byName) != 1+5+4+3+3+1 {
		t.Errorf("%d scenarios", len(byName))
	}
	// With all opponents so much weaker the lower end comes to the cap.
	if even, err := (&subject{points: Rated(c), seed: 1, opponents: shift(-*m.BreakEven), blocks: blocks(c)}).rate(shift(-*m.BreakEven), blocks(c), confidence); err != nil ||
		math.Abs(even.Verdict(1100).Simultaneous.Low) > 1 {
		t.Errorf("shifted by %v: %+v, %v", *m.BreakEven, even.Verdict(1100), err)
	}

	report := &Report{Models: []Model{*m}}
	var text strings.Builder
	if err := report.WriteText(&text); err != nil || !strings.Contains(text.String(), "without strong") || !strings.Contains(text.String(), "stays above the cap") {
		t.Errorf("%v\n%s", err, text.String())
	}
	if _, err := json.Marshal(report); err != nil {
		t.Error(err)
	}
	dir := t.TempDir()
	if to := os.Getenv("DRAW_TO"); to != "" {
		dir = to
	}
	if files, err := figure.WriteAll(dir, report.Pictures()); err != nil || len(files) != 2 {
		t.Errorf("pictures %v, %v", files, err)
	}
}

func shift(d float64) []elo.Anchor {
	list := append([]elo.Anchor(nil), opponents...)
	for i := range list {
		list[i].Rating += d
	}
	return list
}

// TestNoGainIsRarelyClaimed: with equal strengths at five temperatures the smallest of Holm's p-values is below 5% in
// about 5% of trials, and the uncorrected one far more often; the tests on halves hold 0.
func TestNoGainIsRarelyClaimed(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 9))
	const trials = 150
	corrected, single, halves, held := 0, 0, 0, 0
	for range trials {
		c := simulate(rng, []float64{0.001, 0.1, 0.3, 0.6, 1}, []float64{1100, 1100, 1100, 1100, 1100}, 40)
		s := &subject{points: Rated(c), seed: 1, draws: 200, opponents: opponents, blocks: blocks(c)}
		lows, err := s.lows()
		if err != nil {
			t.Fatal(err)
		}
		holm, plain := 1.0, 1.0
		for _, l := range lows {
			holm, plain = min(holm, l.Holm), min(plain, l.P)
		}
		if holm < 0.05 {
			corrected++
		}
		if plain < 0.05 {
			single++
		}
		tests, err := s.halves()
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range tests {
			halves++
			if h.Interval.Contains(0) {
				held++
			}
		}
	}
	if corrected > 16 || single <= corrected || halves != 2*trials || float64(held) < 0.9*float64(halves) {
		t.Errorf("of %d trials %d are significant, %d without correction; %d of %d tests on halves hold 0", trials, corrected, single, held, halves)
	}
}

func blocks(c *curves.Curve) []sweep.Block {
	_, b := curves.Blocks(Rated(c))
	return b
}

func TestLostEverything(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	m := examine(t, simulate(rng, []float64{0.001, 1}, []float64{-3000, -3000}, 10), nil, nil)
	if m.BreakEven != nil || m.Lows[0].Value != nil || m.Scenarios[0].Failed == "" || m.References[0].Verdict.Claim != "below" {
		t.Errorf("%+v", m)
	}
	var text strings.Builder
	report := &Report{Models: []Model{*m}}
	if _, err := json.Marshal(report); err != nil || report.WriteText(&text) != nil || len(report.Pictures()) != 1 {
		t.Error(err)
	}
	// A single temperature has nothing to be compared with, and without ratings there is nothing.
	m = examine(t, simulate(rng, []float64{0.5}, []float64{1100}, 10), nil, nil)
	if len(m.Lows) != 0 || len(m.Halves) != 0 {
		t.Errorf("%+v", m)
	}
	if _, ok, err := Examine(&curves.Sweep{}, &curves.Curve{Points: make([]curves.Point, 2)}, nil, nil, 1); ok || err != nil {
		t.Errorf("without ratings: %v, %v", ok, err)
	}
}

func TestHolm(t *testing.T) {
	got := holm([]float64{0.01, 0.04, 0.03, 0.005})
	for i, want := range []float64{0.03, 0.06, 0.06, 0.02} { // R: p.adjust(c(.01,.04,.03,.005), "holm")
		if math.Abs(got[i]-want) > 1e-12 {
			t.Errorf("p-value %d: %v, want %v", i, got[i], want)
		}
	}
}

func TestBest(t *testing.T) {
	c := data.NewCorpus()
	add := func(white, black string, w, b int) {
		c.Append(&data.Game{White: white, Black: black, WhiteElo: w, BlackElo: b})
	}
	add("a", "b", 900, 800)
	add("a", "b", 910, 820)
	add("c", "b", 999, 810)
	add("", "b", 2000, 0)
	got := Best(c, 2, 5)
	if len(got) != 2 || got[0] != (Person{"a", 905, 2}) || got[1] != (Person{"b", 810, 3}) {
		t.Errorf("%+v", got)
	}
	if got := Best(c, 1, 1); len(got) != 1 || got[0].Name != "c" {
		t.Errorf("%+v", got)
	}
}
