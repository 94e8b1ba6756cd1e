package arena

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"transcend/elo"
	"transcend/elo/sprt"
	"transcend/internal/trials"
)

// simulated is a match whose games take the longer the more they are drawn: what has
// ended at any moment is richer in decided games than the match is.
type simulated struct {
	test     sprt.Test
	outcomes []elo.Outcome // by slot, of the first player
	length   []float64
}

func simulate(rng *rand.Rand, test sprt.Test, pairs [5]float64, n int) *simulated {
	s := &simulated{test: test}
	for range n {
		u, i := rng.Float64(), 0
		for i < 4 && u >= pairs[i] {
			u -= pairs[i]
			i++
		}
		first := elo.Outcome(min(i, 2))
		for _, o := range []elo.Outcome{first, elo.Outcome(i) - first} {
			s.outcomes = append(s.outcomes, o)
			s.length = append(s.length, rng.ExpFloat64()*map[elo.Outcome]float64{elo.Win: 0.3, elo.Draw: 3, elo.Loss: 1}[o])
		}
	}
	return s
}

func newSlotTest(t *testing.T, test sprt.Test, slots int) *slotTest {
	run, err := sprt.NewRun(test)
	if err != nil {
		t.Fatal(err)
	}
	s := &slotTest{run: run, outcomes: map[slotKey]elo.Outcome{}}
	for slot := range slots {
		s.schedule(slotKey{1, slot})
	}
	return s
}

// play plays the match with so many games at once until the test decides; at each of
// the restarts games in play are lost and the test begins again with what was stored,
// which the database returns by slot.
//
// With asTheyEnd pairs are tested when they end instead, to see what that would do.
func (s *simulated) play(t *testing.T, workers int, restarts []int, asTheyEnd bool) (sprt.Decision, int) {
	stored := map[int]bool{}
	for run := 0; ; run++ {
		test := newSlotTest(t, s.test, len(s.outcomes))
		for slot := range s.outcomes {
			if stored[slot] {
				test.add(slotKey{1, slot}, s.outcomes[slot])
			}
		}
		type game struct {
			slot int
			end  float64
		}
		var playing []game
		now, next := 0.0, 0
		for {
			if d := test.run.Status().Decision; d != sprt.Continue {
				return d, test.run.Pairs.Count()
			}
			for ; len(playing) < workers && next < len(s.outcomes); next++ {
				if !stored[next] {
					playing = append(playing, game{next, now + s.length[next]})
				}
			}
			if len(playing) == 0 {
				return sprt.Continue, test.run.Pairs.Count()
			}
			i := 0
			for k, g := range playing {
				if g.end < playing[i].end {
					i = k
				}
			}
			g := playing[i]
			playing = slices.Delete(playing, i, i+1)
			now, stored[g.slot] = g.end, true
			if !asTheyEnd {
				test.add(slotKey{1, g.slot}, s.outcomes[g.slot])
			} else if stored[g.slot^1] {
				test.run.AddPair(s.outcomes[g.slot&^1], s.outcomes[g.slot|1])
			}
			if run < len(restarts) && len(stored) >= restarts[run] {
				break
			}
		}
	}
}

// TestSequentialOrder: the decision of a test, and after how many pairs it comes, is
// the same for any number of games at once and for any restarts, and its error rates are
// those of the test although decided games end sooner.
func TestSequentialOrder(t *testing.T) {
	n := trials.Or(150)
	test := sprt.Test{Elo0: 0, Elo1: 60, Alpha: 0.05, Beta: 0.05, Model: sprt.Logistic}
	for _, truth := range []struct {
		name  string
		pairs [5]float64
		least float64 // of the share in which H1 is accepted
		most  float64
	}{
		// Scores of 0.5 and 0.5855, which are 0 and 60 Elo.
		{"H0", [5]float64{0.08, 0.22, 0.40, 0.22, 0.08}, 0, 0.05},
		{"H1", [5]float64{0.0445, 0.1545, 0.375, 0.2665, 0.1595}, 0.95, 1},
	} {
		rng := rand.New(rand.NewPCG(61, 62))
		accepted, differently := 0, 0
		for range n {
			s := simulate(rng, test, truth.pairs, 3000)
			want, length := s.play(t, 1, nil, false)
			if want == sprt.AcceptH1 {
				accepted++
			}
			if got, _ := s.play(t, 8, nil, true); got != want {
				differently++
			}
			restarts := []int{1 + rng.IntN(60), 60 + rng.IntN(100), 200}
			for _, workers := range []int{1, 8} {
				if got, pairs := s.play(t, workers, restarts, false); got != want || workers == 1 && pairs != length {
					t.Fatalf("%s: %d games at once with restarts after %v: %s after %d pairs; undisturbed, one by one: %s after %d", truth.name, workers, restarts, got, pairs, want, length)
				}
			}
		}
		share := float64(accepted) / float64(n)
		slack := 3 * math.Sqrt(0.05*0.95/float64(n))
		t.Logf("at %s: H1 accepted in %.3f of %d matches; tested as they end, 8 at once, %d would be decided otherwise", truth.name, share, n, differently)
		if share < truth.least-slack || share > truth.most+slack {
			t.Errorf("at %s: H1 accepted in %.3f of %d matches", truth.name, share, n)
		}
	}
}

// TestOddSlots: the last game of an odd number is no pair until a later round brings
// the other one, and games that are no pairs are tested in the order of their slots.
func TestOddSlots(t *testing.T) {
	s := newSlotTest(t, sprt.New(0, 10), 3)
	for _, slot := range []int{2, 1, 0} {
		s.add(slotKey{1, slot}, elo.Win)
	}
	if s.run.Pairs != (elo.Pairs{4: 1}) {
		t.Errorf("three slots: %v", s.run.Pairs)
	}
	s.schedule(slotKey{1, 3})
	s.add(slotKey{1, 3}, elo.Loss)
	if s.run.Pairs != (elo.Pairs{2: 1, 4: 1}) {
		t.Errorf("four slots: %v", s.run.Pairs)
	}
	single := &slotTest{single: true, run: s.run, outcomes: map[slotKey]elo.Outcome{}}
	single.run, _ = sprt.NewRun(sprt.New(0, 10))
	single.schedule(slotKey{1, 0})
	single.schedule(slotKey{1, 1})
	single.add(slotKey{1, 1}, elo.Win)
	if single.run.Record.Games() != 0 {
		t.Error("the second game was tested before the first")
	}
	single.add(slotKey{1, 0}, elo.Draw)
	if single.run.Record != (elo.Record{Wins: 1, Draws: 1}) {
		t.Errorf("%+v", single.run.Record)
	}
}
