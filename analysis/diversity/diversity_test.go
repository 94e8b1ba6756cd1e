package diversity

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"transcend/data"
	"transcend/internal/bitboard"
	"transcend/internal/draw"
	"transcend/internal/figure"
)

// games are random, with favorites, so that states meet again.
func games(seed uint64, n int) (all []data.Game) {
	rng := rand.New(rand.NewPCG(seed, 1))
	for range n {
		g := data.Game{WhiteElo: 800 + rng.IntN(900), BlackElo: 800 + rng.IntN(900)}
		if rng.IntN(50) == 0 {
			g.WhiteElo = 0
		}
		p := bitboard.Start()
		for range rng.IntN(40) {
			moves := p.Legal(nil)
			if len(moves) == 0 {
				break
			}
			m := moves[int(float64(len(moves))*math.Pow(rng.Float64(), 6))]
			g.Moves = append(g.Moves, m)
			p.Make(m)
		}
		all = append(all, g)
	}
	return all
}

func count(t *testing.T, o Options, all []data.Game) *Report {
	t.Helper()
	o.Dir = t.TempDir()
	c, err := NewCounter(o)
	if err != nil {
		t.Fatal(err)
	}
	for i := range all {
		if err := c.Add(&all[i]); err != nil {
			t.Fatal(err)
		}
	}
	r, err := c.Report()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(o.Dir); len(left) > 0 {
		t.Errorf("%d files are left", len(left))
	}
	return r
}

func small() Options {
	o := Default()
	o.Caps, o.ActionPlies, o.Plies, o.Threshold, o.Sample = []int{1200, 1500, 0}, 8, 30, 15, 700
	return o
}

// brute is the definition, with maps of whole FENs.
func brute(o Options, all []data.Game, bound int, least int) (x Cap) {
	type state struct {
		moves  map[bitboard.Move]int
		legal  int
		visits int
	}
	byPly := make([]map[string]*state, o.Plies)
	for i := range byPly {
		byPly[i] = map[string]*state{}
	}
	for _, g := range all {
		if bound > 0 && (g.WhiteElo == 0 || g.BlackElo == 0 || max(g.WhiteElo, g.BlackElo) > bound) {
			continue
		}
		x.Games++
		p := bitboard.Start()
		for ply := 0; ply < o.Plies && ply <= len(g.Moves); ply++ {
			s := byPly[ply][p.FEN()]
			if s == nil {
				s = &state{moves: map[bitboard.Move]int{}, legal: len(p.Legal(nil))}
				byPly[ply][p.FEN()] = s
			}
			s.visits++
			if ply < len(g.Moves) {
				s.moves[g.Moves[ply]]++
				p.Make(g.Moves[ply])
			}
		}
	}
	entropyOf := func(counts []int) (bits float64, total int) {
		for _, n := range counts {
			total += n
		}
		for _, n := range counts {
			p := float64(n) / float64(total)
			bits -= p * math.Log2(p)
		}
		return bits, total
	}
	for ply, states := range byPly {
		p := Ply{Ply: ply, States: len(states)}
		var sizes []int
		for _, s := range states {
			p.Games += s.visits
			p.Most = max(p.Most, s.visits)
			sizes = append(sizes, s.visits)
			var counts []int
			for _, n := range s.moves {
				counts = append(counts, n)
			}
			if bits, total := entropyOf(counts); ply < o.ActionPlies && total > least {
				x.Common.add(bits, s.legal, len(s.moves))
			}
		}
		bits, _ := entropyOf(sizes)
		if len(states) > 1 {
			p.Entropy = bits / math.Log2(float64(len(states)))
		}
		x.Plies = append(x.Plies, p)
	}
	x.Common.finish()
	return x
}

func near(a, b float64) bool { return math.Abs(a-b) < 1e-9 }

func same(t *testing.T, what string, got, want Actions) {
	t.Helper()
	if got.States != want.States || !near(got.Legal, want.Legal) || !near(got.Seen, want.Seen) || !near(got.Bits, want.Bits) {
		t.Errorf("%s: %+v, want %+v", what, got, want)
	}
	moved := 0 // rounding may put a number into the bin beside its own
	for i := range got.LegalBins {
		moved += max(got.LegalBins[i]-want.LegalBins[i], 0) + max(got.SeenBins[i]-want.SeenBins[i], 0)
	}
	if moved > 2 {
		t.Errorf("%s: histograms %v and %v, want %v and %v", what, got.LegalBins, got.SeenBins, want.LegalBins, want.SeenBins)
	}
}

// TestBruteForce compares with maps of FENs, in memory and through the disk.
func TestBruteForce(t *testing.T) {
	o, all := small(), games(1, 2500)
	for _, budget := range []int64{1, 1 << 30} {
		o.Budget = budget
		if budget == 1 {
			all = append(all, games(7, 10_000)...) // the least that tables take is more than the others need
		}
		r := count(t, o, all)
		if (r.Spilled > 0) != (budget == 1) {
			t.Errorf("budget %d: %d counts went to disk", budget, r.Spilled)
		}
		for i, x := range r.Caps {
			what := fmt.Sprintf("budget %d, cap %d", budget, x.Cap)
			want := brute(o, all, o.Caps[i], o.Threshold)
			if x.Games != want.Games || want.Common.States < 8 {
				t.Errorf("%s: %d games, want %d with %d common states", what, x.Games, want.Games, want.Common.States)
			}
			same(t, what, x.Common, want.Common)
			for k := range want.Plies {
				got, want := x.Plies[k], want.Plies[k]
				if got.Ply != want.Ply || got.Games != want.Games || got.States != want.States || got.Most != want.Most || !near(got.Entropy, want.Entropy) {
					t.Errorf("%s: %+v, want %+v", what, got, want)
				}
			}
			if x.EqualVisits.States != x.Common.States || x.Shared.States != r.Caps[0].Common.States || x.SharedEqualVisits.States != x.Shared.States {
				t.Errorf("%s: other states in the controls: %+v", what, x)
			}
			if i == 0 {
				same(t, what+", shared", x.Shared, x.Common)
			}
		}
		if r.Skipped != 0 || r.EqualGames != min(o.Sample, r.Caps[0].Games) {
			t.Errorf("%d skipped, %d games each", r.Skipped, r.EqualGames)
		}
		var b strings.Builder
		if err := r.WriteText(&b); err != nil || !strings.Contains(b.String(), "1200") {
			t.Errorf("table: %v\n%s", err, b.String())
		}
		if _, err := figure.WriteAll(t.TempDir(), r.Pictures()); err != nil {
			t.Error(err)
		}
	}
	o.Caps = o.Caps[:2]
	if r := count(t, o, all); r.Skipped == 0 || r.Skipped+r.Caps[1].Games != len(all) {
		t.Errorf("%d games skipped, %d under the highest cap", r.Skipped, r.Caps[1].Games)
	}
}

// TestEqualGames has a sample of everything: the control is then the lowest cap's own number, and there it is the result itself.
func TestEqualGames(t *testing.T) {
	o, all := small(), games(2, 2500)
	o.Sample = 100_000
	r := count(t, o, all)
	same(t, "lowest cap", r.Caps[0].EqualGames, r.Caps[0].Common)
	for _, x := range r.Caps[1:] {
		if x.EqualGames.States == 0 || x.EqualGames.States >= x.Common.States {
			t.Errorf("cap %d: %d states of fewer games, %d of all", x.Cap, x.EqualGames.States, x.Common.States)
		}
	}
	// The same people under every cap: the controls take away what their number does.
	for i := range all {
		all[i].WhiteElo, all[i].BlackElo = 1000, 1000
		if i%3 > 0 {
			all[i].WhiteElo = 1400
		}
	}
	o.Caps = []int{1200, 1500}
	r = count(t, o, all)
	low, high := r.Caps[0], r.Caps[1]
	if d := math.Abs(low.EqualGames.Legal - high.EqualGames.Legal); d > 0.06 {
		t.Errorf("equal games differ by %v: %+v, %+v", d, low.EqualGames, high.EqualGames)
	}
	if d := math.Abs(low.SharedEqualVisits.Seen - high.SharedEqualVisits.Seen); d > 0.06 {
		t.Errorf("equal visits of the same states differ by %v", d)
	}
}

// TestGoesOn: a counting that was stopped, and killed after it had counted more than it saved, comes to the report of one that was not.
func TestGoesOn(t *testing.T) {
	for _, budget := range []int64{1, 1 << 30} {
		o, all := small(), append(games(1, 2500), games(7, 6000)...)
		o.Budget, o.Sample = budget, 300
		want := count(t, o, all)
		o.Dir, o.Keep = t.TempDir(), "kept"
		for _, stop := range []int{0, 1000, 1500, 7000, len(all)} {
			c, err := NewCounter(o)
			if err != nil {
				t.Fatal(err)
			}
			if second, err := NewCounter(o); err == nil {
				second.Close()
				t.Fatal("two count in one directory")
			}
			for i := c.Seen(); i < stop; i++ {
				if i == stop-200 {
					if err := c.Save(); err != nil {
						t.Fatal(err)
					}
				}
				if err := c.Add(&all[i]); err != nil {
					t.Fatal(err)
				}
			}
			if stop < len(all) {
				if err := c.Close(); err != nil { // the last 200 are lost
					t.Fatal(err)
				}
				continue
			}
			got, err := c.Report()
			if err != nil {
				t.Fatal(err)
			}
			for i, x := range got.Caps {
				y := want.Caps[i]
				what := fmt.Sprintf("budget %d, cap %d", budget, x.Cap)
				same(t, what, x.Common, y.Common)
				same(t, what+", equal visits", x.EqualVisits, y.EqualVisits)
				same(t, what+", equal games", x.EqualGames, y.EqualGames)
				if x.Games != y.Games || got.Skipped != want.Skipped || !slices.EqualFunc(x.Plies, y.Plies, func(a, b Ply) bool {
					return a.Games == b.Games && a.States == b.States && a.Most == b.Most && near(a.Entropy, b.Entropy)
				}) {
					t.Errorf("%s: %+v, want %+v", what, x, y)
				}
			}
			if err := c.Close(); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(filepath.Join(o.Dir, o.Keep)); !os.IsNotExist(err) {
				t.Errorf("after the report there is still something: %v", err)
			}
		}
	}
	// What does not fit is refused.
	o := small()
	o.Dir, o.Keep = t.TempDir(), "kept"
	c, err := NewCounter(o)
	if err == nil {
		err = errors.Join(c.Add(&games(1, 1)[0]), c.Save(), c.Close())
	}
	if err == nil {
		err = os.Truncate(filepath.Join(o.Dir, o.Keep, "000"), 3)
	}
	for i := 1; err == nil && i < partitions; i++ {
		err = os.Truncate(filepath.Join(o.Dir, o.Keep, fmt.Sprintf("%03d", i)), 3)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewCounter(o); err == nil || !strings.Contains(err.Error(), "was saved with") {
		t.Errorf("cut files: %v", err)
	}
	if err := os.WriteFile(statePath(filepath.Join(o.Dir, o.Keep)), []byte("garbage"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := NewCounter(o); err == nil {
		t.Error("garbage was taken")
	}
}

// TestReservoir counts how often each game of a stream is kept.
func TestReservoir(t *testing.T) {
	const stream, most, repeats = 20, 5, 4000
	kept := [stream]int{}
	for seed := range repeats {
		s := sample{seed: uint64(seed)}
		for i := range stream {
			s.add([]bitboard.Move{bitboard.Move(i + 1)}, 1, most)
		}
		if err := s.draw(most, 1, func(m []bitboard.Move) error { kept[m[0]-1]++; return nil }); err != nil {
			t.Fatal(err)
		}
	}
	for i, n := range kept {
		if want := repeats * most / stream; math.Abs(float64(n-want)) > 5*math.Sqrt(float64(want)) {
			t.Errorf("game %d was kept %d times, want about %d", i, n, want)
		}
	}
}

// TestDrawVisits compares means with those of the hypergeometric distribution.
func TestDrawVisits(t *testing.T) {
	counts := []moveCount{{1, 10}, {2, 30}, {3, 1}}
	s := draw.New(4)
	sums := [3]float64{}
	const repeats, n = 5000, 20
	for range repeats {
		total := 0
		for i, c := range drawVisits(nil, counts, 41, n, &s) {
			if c.n > counts[i].n {
				t.Fatalf("%d of %d drawn", c.n, counts[i].n)
			}
			sums[i] += float64(c.n) / repeats
			total += c.n
		}
		if total != n {
			t.Fatalf("%d drawn", total)
		}
	}
	for i, c := range counts {
		if want := float64(n*c.n) / 41; math.Abs(sums[i]-want) > 0.1 {
			t.Errorf("move %d: %v drawn, want %v", i, sums[i], want)
		}
	}
}

// TestCountersTellStatesApart: one position with other move counters is another state.
func TestCountersTellStatesApart(t *testing.T) {
	reach := func(sans string) bitboard.Position {
		p := bitboard.Start()
		for _, san := range strings.Fields(sans) {
			m, err := p.ParseSAN(san)
			if err != nil {
				t.Fatal(err)
			}
			p.Make(m)
		}
		return p
	}
	a, b := reach("e3 e6 Nf3 Nc6"), reach("Nf3 Nc6 e3 e6")
	if a.Hash() != b.Hash() || stateKey(&a) == stateKey(&b) {
		t.Error("half-moves since a pawn's do not count")
	}
}

func TestLargeCounts(t *testing.T) {
	tab := newTable(leastSlots)
	tab.add(7, 1, math.MaxUint32)
	tab.add(7, 1, 5)
	total := 0
	tab.each(func(state []entry) { total += visits(state, 0) })
	if total != math.MaxUint32+5 {
		t.Errorf("%d visits", total)
	}
}

func TestValidate(t *testing.T) {
	for name, spoil := range map[string]func(o *Options){
		"no cap": func(o *Options) { o.Caps = nil }, "falling": func(o *Options) { o.Caps = []int{1300, 1000} }, "no bound first": func(o *Options) { o.Caps = []int{0, 1000} },
		"plies": func(o *Options) { o.Plies = 5 }, "actions": func(o *Options) { o.ActionPlies = 0 }, "threshold": func(o *Options) { o.Threshold = 0 }, "sample": func(o *Options) { o.Sample = -1 },
	} {
		o := Default()
		spoil(&o)
		if o.Validate() == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	c, err := NewCounter(Default())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Report(); err == nil {
		t.Error("a report of no game")
	}
}

func BenchmarkAdd(b *testing.B) {
	all := games(3, 2000)
	o := Default()
	o.Caps, o.Dir = []int{0}, b.TempDir()
	c, err := NewCounter(o)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if err := c.Add(&all[i%len(all)]); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "games/s")
}
