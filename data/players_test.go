package data

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"transcend/data/internal/gamehash"
)

// playersCorpus holds games between n players who meet at random. Each name is
// written in several ways.
func playersCorpus(rng *rand.Rand, n, games int) *Corpus {
	c := NewCorpus()
	name := func() string {
		i := rng.IntN(n)
		return fmt.Sprintf([]string{"player %d", "Player %d", " PLAYER  %d"}[rng.IntN(3)], i)
	}
	g := randomGame(rng, 3)
	for i := range games {
		g.White, g.Black = name(), name()
		g.Site = fmt.Sprint(i)
		c.Append(g)
	}
	return c
}

func TestSplitByPlayer(t *testing.T) {
	const players, games = 2000, 20_000
	rng := rand.New(rand.NewPCG(1, 2))
	c := playersCorpus(rng, players, games)
	c.Append(&Game{White: "?", Black: "player 1"})
	c.Append(&Game{White: "player 1"})
	c.Append(&Game{White: "Anonymous", Black: "anonymous"})
	before := map[string]bool{}
	for _, fraction := range []float64{0, 0.05, 0.1, 0.5, 0.9, 1} {
		training, validation, dropped := c.SplitByPlayer(fraction)
		if training.Len()+validation.Len()+dropped != c.Len() {
			t.Fatalf("%v: %d + %d + %d games of %d", fraction, training.Len(), validation.Len(), dropped, c.Len())
		}
		side := map[string]int{}
		for i, part := range []*Corpus{training, validation} {
			for _, g := range part.All() {
				for _, name := range []string{g.White, g.Black} {
					key := PlayerKey(name)
					if key == "" {
						t.Fatalf("%v: a game with an unknown player: %+v", fraction, g)
					}
					if s, ok := side[key]; ok && s != i {
						t.Fatalf("%v: %s is on both sides", fraction, key)
					}
					side[key] = i
				}
			}
		}
		// No game is dropped without need.
		kept := map[string]bool{}
		for _, part := range []*Corpus{training, validation} {
			for _, g := range part.All() {
				kept[g.Site] = true
			}
		}
		for _, g := range c.All() {
			a, okA := side[PlayerKey(g.White)]
			b, okB := side[PlayerKey(g.Black)]
			if g.Site != "" && !kept[g.Site] && okA && okB && a == b {
				t.Fatalf("%v: dropped %+v, whose players are on one side", fraction, g)
			}
		}
		held := map[string]bool{}
		for key, s := range side {
			held[key] = s == 1
			if before[key] && s == 0 {
				t.Fatalf("%v: %s went back to training", fraction, key)
			}
		}
		before = held
		// The expected shares. Games share players, which widens the spread.
		f := fraction
		sigma := 4 * math.Sqrt(f*(1-f)/players)
		for what, got := range map[string][2]float64{
			"dropped":    {float64(dropped-3) / games, 2 * f * (1 - f)},
			"validation": {float64(validation.Len()) / games, f * f},
			"training":   {float64(training.Len()) / games, (1 - f) * (1 - f)},
		} {
			if math.Abs(got[0]-got[1]) > 2*sigma+0.01 {
				t.Errorf("%v: a share of %.3f is %s, want about %.3f", f, got[0], what, got[1])
			}
		}
	}
}

// Order and company do not matter, and the sides never change between versions.
func TestSplitByPlayerIsStable(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	c := playersCorpus(rng, 50, 400)
	sides := func(c *Corpus) map[string]string {
		out := map[string]string{}
		training, validation, _ := c.SplitByPlayer(0.3)
		for _, g := range training.All() {
			out[g.Site] = "training"
		}
		for _, g := range validation.All() {
			out[g.Site] = "validation"
		}
		return out
	}
	want := sides(c)
	shuffled := NewCorpus()
	for _, i := range rng.Perm(c.Len()) {
		g := c.Game(i)
		shuffled.Append(&g)
	}
	if got := sides(shuffled); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Error("another order gives other sides")
	}
	for site, side := range sides(c.Where(func(i int) bool { return i%3 == 0 })) {
		if want[site] != side {
			t.Errorf("game %s is in %q alone, in %q with the others", site, side, want[site])
		}
	}
	hash := uint64(0)
	_, validation, dropped := c.SplitByPlayer(0.3)
	for _, g := range validation.All() {
		hash = gamehash.Text(hash, g.Site)
	}
	if validation.Len() != 28 || dropped != 179 || hash != 0x92cf8a9c3b822900 {
		t.Errorf("%d games to validate on, %d dropped, hash %#x", validation.Len(), dropped, hash)
	}
}

func TestPlayerKey(t *testing.T) {
	for name, want := range map[string]string{
		"Magnus": "magnus", "  Carlsen,  Magnus ": "carlsen, magnus", "ĆIRIĆ": "ćirić", "a\u00a0b": "a b",
		"": "", "?": "", " ? ": "", "-": "", "Anonymous": "", "?a": "?a",
	} {
		if got := PlayerKey(name); got != want {
			t.Errorf("%q is %q, want %q", name, got, want)
		}
	}
}
