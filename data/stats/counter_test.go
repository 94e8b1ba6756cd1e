package stats

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"
)

// With more names than it keeps, a counter is wrong by no more than it says.
func TestCounterBounds(t *testing.T) {
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 1))
		zipf := rand.NewZipf(rng, 1.1+rng.Float64(), 1, 5000)
		limit := 20 + rng.IntN(200)
		c := newCounter(limit)
		truth := make(map[string]int)
		for range 20_000 {
			name := fmt.Sprint("player ", zipf.Uint64())
			truth[name]++
			c.add(name)
			if len(c.names) > limit || len(c.index) != len(c.names) || len(c.counts) != len(c.names) {
				t.Fatalf("limit %d: %d names, %d indexed, %d counts", limit, len(c.names), len(c.index), len(c.counts))
			}
		}
		if c.total != 20_000 {
			t.Fatalf("%d names counted", c.total)
		}
		// The bound of Misra and Gries: every shrink takes the median from at
		// least half of the table.
		if most := 2 * c.total / limit; c.lost > most {
			t.Errorf("limit %d: %d lost, at most %d", limit, c.lost, most)
		}
		kept := make(map[string]int)
		for _, n := range c.top(limit) {
			kept[n.Name] = n.Games
		}
		for name, n := range truth {
			if got := kept[name]; got > n || got < n-c.lost {
				t.Errorf("limit %d, lost %d: %s %d times, counted %d", limit, c.lost, name, n, got)
			}
		}
		distinct, estimated := c.distinct()
		if estimated != (len(truth) > limit) {
			t.Errorf("%d names, limit %d: estimated %v", len(truth), limit, estimated)
		}
		if estimated && math.Abs(float64(distinct)/float64(len(truth))-1) > 0.03 {
			t.Errorf("%d names, estimate %d", len(truth), distinct)
		}
	}
}

// The estimate is as good as is said, within five standard errors, also for
// many names.
func TestCounterEstimate(t *testing.T) {
	c := newCounter(1000)
	for i := range 500_000 {
		c.add(fmt.Sprint("https://lichess.org/@/player", i))
	}
	n, estimated := c.distinct()
	if err := math.Abs(float64(n)/500_000 - 1); !estimated || err > 5*distinctError {
		t.Errorf("estimate %d (%v): off by %.4f", n, estimated, err)
	} else {
		t.Logf("500,000 names: estimate %d, off by %.4f", n, err)
	}
}

// A limit that is just reached loses nothing.
func TestCounterExactAtLimit(t *testing.T) {
	c := newCounter(10)
	for range 3 {
		for i := range 10 {
			c.add(fmt.Sprint(i))
		}
	}
	if n, estimated := c.distinct(); n != 10 || estimated || c.lost != 0 {
		t.Errorf("%d, %v, %d lost", n, estimated, c.lost)
	}
	c.add("one more")
	if n, estimated := c.distinct(); n != 11 || !estimated || c.lost != 3 {
		t.Errorf("%d, %v, %d lost", n, estimated, c.lost)
	}
	equal(t, "top", c.top(5), []NameCount{{"one more", 1}})

	c = newCounter(3)
	for _, name := range strings.Fields("a b c a b a b a a d") {
		c.add(name)
	}
	// a 5, b 3, c 1: the median 3 goes from all of them when d comes.
	equal(t, "top", c.top(5), []NameCount{{"a", 2}, {"d", 1}})
	equal(t, "lost", c.lost, 3)
}

func TestCounterCutsNames(t *testing.T) {
	c := newCounter(10)
	c.add(strings.Repeat("a", maxName))
	c.add(strings.Repeat("a", maxName) + "b")
	c.add(strings.Repeat("a", maxName-1) + "ö")
	c.add(strings.Repeat("\x80", 2*maxName))
	for _, n := range c.names {
		if len(n) > maxName || n[0] == 'a' && !utf8.ValidString(n) {
			t.Errorf("%q", n)
		}
	}
	if len(c.names) != 3 || c.counts[0] != 2 {
		t.Errorf("%q %v", c.names, c.counts)
	}
}
