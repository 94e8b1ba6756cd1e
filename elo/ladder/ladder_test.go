package ladder

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"transcend/elo"
)

// rungs are opponents 150 points apart.
func rungs(n int, standardError float64) []elo.Anchor {
	var all []elo.Anchor
	for i := range n {
		all = append(all, elo.Anchor{Name: string(rune('a' + i)), Rating: 1300 + 150*float64(i), StandardError: standardError})
	}
	return all
}

// truth is the outcome of every game of a player of that rating, drawn or not:
// the same slot always ends the same way.
func truth(rating float64, opponents []elo.Anchor, seed uint64) func(Slot) elo.Outcome {
	return func(s Slot) elo.Outcome {
		rng := rand.New(rand.NewPCG(seed, uint64(s.Opponent)<<32|uint64(s.Number)))
		p := elo.Expected(rating, opponents[s.Opponent].Rating)
		draw := 0.3 * min(p, 1-p)
		switch x := rng.Float64(); {
		case x < p-draw/2:
			return elo.Win
		case x < p+draw/2:
			return elo.Draw
		}
		return elo.Loss
	}
}

// play goes through a plan. disturb, when not nil, says which of the missing games
// are played before the program is "killed" and asks again.
func play(t *testing.T, opponents []elo.Anchor, opt Options, outcome func(Slot) elo.Outcome, disturb *rand.Rand) (map[Slot]elo.Outcome, End) {
	t.Helper()
	played := map[Slot]elo.Outcome{}
	for range 100_000 {
		slots, end, err := Next(opponents, opt, func(s Slot) (elo.Outcome, bool) { o, ok := played[s]; return o, ok })
		if err != nil {
			t.Fatal(err)
		}
		if len(slots) == 0 {
			return played, end
		}
		if disturb != nil {
			disturb.Shuffle(len(slots), func(i, j int) { slots[i], slots[j] = slots[j], slots[i] })
			slots = slots[:1+disturb.IntN(len(slots))]
		}
		for _, s := range slots {
			if _, twice := played[s]; twice {
				t.Fatalf("%+v is asked for again", s)
			}
			played[s] = outcome(s)
		}
	}
	t.Fatal("the plan has no end")
	return nil, Unfinished
}

func results(opponents []elo.Anchor, played map[Slot]elo.Outcome) []elo.Result {
	all := make([]elo.Result, len(opponents))
	for i, a := range opponents {
		all[i].Anchor = a
	}
	for s, o := range played {
		all[s.Opponent].Record.Add(o)
	}
	return all
}

func TestKilledPlansAreTheSame(t *testing.T) {
	opponents := rungs(12, 20)
	for seed := range uint64(20) {
		outcome := truth(1500+50*float64(seed), opponents, seed)
		opt := Options{Games: 200}
		if seed%2 == 1 {
			opt.Precision = 60
		}
		want, wantEnd := play(t, opponents, opt, outcome, nil)
		got, end := play(t, opponents, opt, outcome, rand.New(rand.NewPCG(seed, 99)))
		if len(got) != len(want) || end != wantEnd {
			t.Fatalf("seed %d: %d games (%s) when killed, %d (%s) undisturbed", seed, len(got), end, len(want), wantEnd)
		}
		for s := range want {
			if _, ok := got[s]; !ok {
				t.Fatalf("seed %d: %+v was not played when killed", seed, s)
			}
		}
		// Pairs, without gaps.
		for i, r := range results(opponents, want) {
			n := r.Record.Games()
			for k := range n {
				if _, ok := want[Slot{i, k}]; !ok || n%2 != 0 {
					t.Fatalf("seed %d: %d games against %d, not number %d", seed, n, i, k)
				}
			}
		}
	}
}

func TestMoreGamesExtendAPlan(t *testing.T) {
	opponents := rungs(12, 20)
	outcome := truth(1900, opponents, 3)
	for _, n := range []int{2, 6, 10, 40, 98} {
		short, end := play(t, opponents, Options{Games: n}, outcome, nil)
		if len(short) != n || end != AllPlayed {
			t.Errorf("%d games of %d, %s", len(short), n, end)
		}
		long, _ := play(t, opponents, Options{Games: n + 60}, outcome, nil)
		for s := range short {
			if _, ok := long[s]; !ok {
				t.Errorf("%+v of %d games is not among %d", s, n, n+60)
			}
		}
	}
}

// TestGamesGoWhereTheyTell: with the same number of games the error is smaller
// than with all opponents equally, and near the least there is.
func TestGamesGoWhereTheyTell(t *testing.T) {
	opponents := rungs(12, 0)
	const games = 240
	for _, rating := range []float64{1350, 1800, 2400, 2900} {
		adaptive, even, covered := 0.0, 0.0, 0
		const tries = 100
		for seed := range uint64(tries) {
			outcome := truth(rating, opponents, seed)
			played, _ := play(t, opponents, Options{Games: games}, outcome, nil)
			e, err := elo.EstimateRating(results(opponents, played), elo.Options{})
			if err != nil {
				t.Fatal(err)
			}
			adaptive += e.SamplingError / tries
			if e.Sampling.Contains(rating) {
				covered++
			}
			all := map[Slot]elo.Outcome{}
			for i := range games {
				s := Slot{i % len(opponents), i / len(opponents)}
				all[s] = outcome(s)
			}
			if e, err = elo.EstimateRating(results(opponents, all), elo.Options{}); err != nil {
				t.Fatal(err)
			}
			even += e.SamplingError / tries
		}
		// All games at an expected score of one half, without draws.
		least := 400 / math.Ln10 / math.Sqrt(games*0.25)
		t.Logf("%.0f: error %.1f, evenly %.1f, least without draws %.1f, %d%% covered", rating, adaptive, even, least, covered)
		if adaptive > 0.85*even || adaptive > 1.25*least {
			t.Errorf("%.0f: error %.1f; evenly %.1f, least %.1f", rating, adaptive, even, least)
		}
		// 95 is 1.4 standard errors of 100 tries from 92; 88 is 3.
		if covered < 88 {
			t.Errorf("%.0f: %d of %d intervals contain it", rating, covered, tries)
		}
	}
}

// TestAnchorErrorsSpreadGames: opponents whose ratings are uncertain share the
// games, exact ones need not.
func TestAnchorErrorsSpreadGames(t *testing.T) {
	count := func(standardError float64) (used int, anchorError float64) {
		opponents := rungs(12, standardError)
		played, _ := play(t, opponents, Options{Games: 600}, truth(1900, opponents, 5), nil)
		rs := results(opponents, played)
		for _, r := range rs {
			if r.Record.Games() >= 20 {
				used++
			}
		}
		e, err := elo.EstimateRating(rs, elo.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return used, e.AnchorError
	}
	exact, _ := count(0)
	uncertain, err := count(40)
	t.Logf("%d opponents when exact, %d with errors of 40, which leave %.1f", exact, uncertain, err)
	if exact > 2 || uncertain < 4 || err > 23 {
		t.Errorf("%d opponents when exact, %d with errors of 40, which leave %.1f", exact, uncertain, err)
	}
}

func TestPrecision(t *testing.T) {
	opponents := rungs(12, 15)
	inside := 0
	const tries = 60
	for seed := range uint64(tries) {
		played, end := play(t, opponents, Options{Games: 4000, Precision: 40}, truth(2000, opponents, seed), nil)
		e, err := elo.EstimateRating(results(opponents, played), elo.Options{})
		if err != nil || end != Precise || e.Rating-e.Sampling.Low > 40 || e.Sampling.High-e.Rating > 40 {
			t.Fatalf("%s after %d games: %v, %v", end, len(played), e, err)
		}
		if len(played) > 400 {
			t.Errorf("%d games for 40 points", len(played))
		}
		if e.Sampling.Contains(2000) {
			inside++
		}
	}
	if inside < 52 {
		t.Errorf("%d of %d intervals contain the rating", inside, tries)
	}
	// A player who loses everything has no precision; the games end all the same, and
	// all are against the weakest.
	played, end := play(t, opponents, Options{Games: 60, Precision: 40}, func(Slot) elo.Outcome { return elo.Loss }, nil)
	if r := results(opponents, played); end != AllPlayed || r[0].Record.Losses != 60 {
		t.Errorf("all lost: %s, %d of 60 against the weakest", end, r[0].Record.Losses)
	}
	// One who wins everything climbs to the strongest.
	played, _ = play(t, opponents, Options{Games: 100}, func(Slot) elo.Outcome { return elo.Win }, nil)
	if r := results(opponents, played); r[11].Record.Wins < 50 {
		t.Errorf("all won: %d of 100 against the strongest", r[11].Record.Wins)
	}
}

func TestErrors(t *testing.T) {
	none := func(Slot) (elo.Outcome, bool) { return elo.Loss, false }
	for _, tt := range []struct {
		opponents []elo.Anchor
		games     int
	}{
		{nil, 10}, {rungs(2, 0), 0}, {rungs(2, 0), 7}, {[]elo.Anchor{{Rating: math.NaN()}}, 10}, {rungs(2, -1), 10},
	} {
		if slots, _, err := Next(tt.opponents, Options{Games: tt.games}, none); err == nil {
			t.Errorf("%d opponents, %d games: %v", len(tt.opponents), tt.games, slots)
		}
	}
	slots, end, err := Next(rungs(3, 0), Options{Games: 100}, none)
	if want := []Slot{{0, 0}, {0, 1}, {0, 2}, {0, 3}}; err != nil || end != Unfinished || !slices.Equal(slots[:4], want) {
		t.Errorf("the first games: %v, %s, %v; want pairs against the weakest", slots, end, err)
	}
}
