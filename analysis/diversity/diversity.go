// Package diversity measures how differently people play from the same positions, and how fast games part: the
// action entropy and the state coverage of "Transcendence" (Zhang et al. 2024), under several rating caps
// at once.
//
// A state is what a FEN has: placement, side, castling, a legal en passant capture, both move counters. Its action
// entropy is that of the moves that were played from it, in bits, divided by the logarithm of how many moves are legal (the
// paper's text) or of how many were seen (its released code). States with more visits than a threshold count, those of
// the first half-moves; their mean is not weighted by visits.
//
// Two controls are not in the paper. Its caps are nested, so a higher cap has more games, and states of more visits have
// lower normalized entropies by that alone: so the same is measured with equally many games under each
// cap, drawn evenly, and with equally many visits of each state, drawn evenly; and in the states that are common
// under all caps.
//
// Counting is exact but for states whose hashes are equal: 56 bits tell those of one half-move apart, so of S of them some S²/2^57 pairs
// are taken for one (3 of a hundred million).
package diversity

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/gofrs/flock"

	"transcend/data"
	"transcend/internal/bitboard"
	"transcend/internal/draw"
)

// Options say what is counted.
type Options struct {
	// Caps are bounds of both players' ratings, rising; 0, which must be the last, has no bound and takes games
	// of unknown rating, too. Games under no cap are left out.
	Caps []int `json:"caps"`
	// ActionPlies are the half-moves from which moves are counted: 17 in the paper's code. Plies are those at which
	// states are.
	ActionPlies int `json:"action_plies"`
	Plies       int `json:"plies"`
	// Threshold is how many visits are too few for a common state; 100 in the paper.
	Threshold int `json:"threshold"`
	// Sample is how many games of each cap are kept for the control with equally many games.
	Sample int    `json:"sample"`
	Seed   uint64 `json:"seed"`
	// Budget is the memory of the counts in bytes, Dir where they are when that does not do.
	Budget int64  `json:"-"`
	Dir    string `json:"-"`
	// Keep is the name of a directory below Dir that Save keeps the counts in, so that a counter with the same options goes on from there;
	// "" for none.
	Keep string `json:"-"`
}

// Default has the paper's settings.
func Default() Options {
	return Options{Caps: []int{1000, 1300, 1500}, ActionPlies: 17, Plies: 60, Threshold: 100, Sample: 500_000, Seed: 1, Budget: 1 << 30}
}

// maxActionPlies bounds the memory of samples.
const maxActionPlies = 64

// Validate reports what cannot be counted.
func (o *Options) Validate() error {
	if len(o.Caps) == 0 || len(o.Caps) > 100 {
		return errors.New("diversity: 1 to 100 caps, please")
	}
	last := 0
	for i, c := range o.Caps {
		if i == len(o.Caps)-1 && c == 0 {
			break
		}
		if c <= last || c > data.MaxElo {
			return fmt.Errorf("diversity: caps %v: must rise, from 1 to %d; 0 (no cap) may be the last", o.Caps, data.MaxElo)
		}
		last = c
	}
	switch {
	case o.ActionPlies < 1 || o.ActionPlies > maxActionPlies:
		return fmt.Errorf("diversity: moves from %d half-moves: must be 1 to %d", o.ActionPlies, maxActionPlies)
	case o.Plies < o.ActionPlies || o.Plies > 255:
		return fmt.Errorf("diversity: states at %d half-moves: must be %d, those with moves, to 255", o.Plies, o.ActionPlies)
	case o.Threshold < 1:
		return errors.New("diversity: the threshold must be 1 or more")
	case o.Sample < 0:
		return errors.New("diversity: a sample cannot be negative")
	}
	return nil
}

// Counter counts games. One goroutine at a time may use it.
type Counter struct {
	o       Options
	tally   *tally
	games   []int // by band
	skipped int
	samples []sample // by cap
	lock    *flock.Flock
	done    bool // there is a report: what was kept is of no more use
}

// sample is games that were drawn evenly from a stream (reservoir sampling, Vitter's algorithm R). Games are kept
// one after the other, ActionPlies moves each.
type sample struct {
	moves []bitboard.Move
	n     []uint8
	seen  int
	// Each game has a stream of its own, named by its number, so that nothing but the number is to be kept.
	seed, cap uint64
}

// NewCounter returns a counter, which is to be closed.
func NewCounter(o Options) (*Counter, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	c := &Counter{o: o, tally: newTally(o.Dir, o.Budget), games: make([]int, len(o.Caps))}
	for i := range o.Caps {
		c.samples = append(c.samples, sample{seed: o.Seed, cap: uint64(i)})
	}
	if o.Keep != "" {
		if err := c.resume(); err != nil {
			return nil, errors.Join(err, c.Close())
		}
	}
	return c, nil
}

// Close removes what is on disk, but for what was kept of a counting that did not come to its report.
func (c *Counter) Close() error {
	err := c.tally.close(c.o.Keep == "" || c.done)
	if c.lock != nil {
		err = errors.Join(err, c.lock.Close())
	}
	return err
}

// band is the lowest cap that a game is under, len(Caps) for none.
func (o *Options) band(g *data.Game) int {
	rating := max(g.WhiteElo, g.BlackElo)
	for i, bound := range o.Caps {
		if bound == 0 || g.WhiteElo > 0 && g.BlackElo > 0 && rating <= bound {
			return i
		}
	}
	return len(o.Caps)
}

// Add counts a game, whose moves must be legal. It keeps nothing of it but a copy.
func (c *Counter) Add(g *data.Game) error {
	band := c.o.band(g)
	if band == len(c.o.Caps) {
		c.skipped++
		return nil
	}
	c.games[band]++
	for i := band; i < len(c.samples); i++ {
		c.samples[i].add(g.Moves, c.o.ActionPlies, c.o.Sample)
	}
	return c.tally.game(g.Moves, band, c.o.ActionPlies, c.o.Plies)
}

// game counts the states of a game, with the moves from the first of them.
func (t *tally) game(moves []bitboard.Move, band, actions, plies int) error {
	p := bitboard.Start()
	for ply := 0; ply <= len(moves) && ply < plies; ply++ {
		key := stateKey(&p)
		var move bitboard.Move
		if ply < actions {
			key = key&^255 | t.legal(&p)
			if ply < len(moves) {
				move = moves[ply]
			}
		}
		if err := t.add(key, tagOf(ply, band, uint16(move))); err != nil {
			return err
		}
		if ply < len(moves) {
			p.Make(moves[ply])
		}
	}
	return nil
}

// stateKey is a hash of what a FEN has; the half-move is counted beside it. The lowest 8 bits of those from which
// moves are counted are replaced by the number of legal ones.
func stateKey(p *bitboard.Position) uint64 {
	return draw.Mix(p.Hash(), uint64(p.HalfmoveClock()+1))
}

func (s *sample) add(moves []bitboard.Move, plies, most int) {
	s.seen++
	at := len(s.n)
	if at == most {
		rng := draw.New(s.seed, s.cap, uint64(s.seen))
		if at = rng.IntN(s.seen); at >= most {
			return
		}
	} else {
		s.n = append(s.n, 0)
		s.moves = append(s.moves, make([]bitboard.Move, plies)...)
	}
	s.n[at] = uint8(copy(s.moves[at*plies:(at+1)*plies], moves))
}

// draw gives some of the kept games, evenly.
func (s *sample) draw(n, plies int, game func(moves []bitboard.Move) error) error {
	order := make([]int, len(s.n))
	for i := range order {
		order[i] = i
	}
	rng := draw.New(s.seed, s.cap)
	draw.Shuffle(&rng, order)
	for _, i := range order[:n] {
		if err := game(s.moves[i*plies : i*plies+int(s.n[i])]); err != nil {
			return err
		}
	}
	return nil
}

// Actions are the action entropies of some states.
type Actions struct {
	States int `json:"states"`
	// Means over states of the entropy divided by the logarithm of the moves that are legal, and that were seen. A
	// state with one such move has 0.
	Legal float64 `json:"by_legal"`
	Seen  float64 `json:"by_seen"`
	// Bits is the mean without a normalizer.
	Bits float64 `json:"bits"`
	// Histograms over 0 to 1, by legal and by seen.
	LegalBins [bins]int `json:"legal_bins"`
	SeenBins  [bins]int `json:"seen_bins"`
}

const bins = 25

func (a *Actions) add(bits float64, legal, seen int) {
	byLegal, bySeen := share(bits, legal), share(bits, seen)
	a.States++
	a.Bits += bits
	a.Legal += byLegal
	a.Seen += bySeen
	a.LegalBins[min(int(byLegal*bins), bins-1)]++
	a.SeenBins[min(int(bySeen*bins), bins-1)]++
}

func (a *Actions) finish() {
	if n := float64(a.States); n > 0 {
		a.Bits, a.Legal, a.Seen = a.Bits/n, a.Legal/n, a.Seen/n
	}
}

// share is an entropy divided by the largest that n outcomes can have; 0 of one.
func share(bits float64, n int) float64 {
	if n < 2 {
		return 0
	}
	return min(bits/math.Log2(float64(n)), 1)
}

// Ply is how games spread over the states at a half-move.
type Ply struct {
	Ply    int `json:"ply"`
	Games  int `json:"games"` // that come so far
	States int `json:"states"`
	// Most is how many games are in the most frequent state.
	Most int `json:"most"`
	// Entropy of the visits, divided by the logarithm of the number of states.
	Entropy float64 `json:"entropy"`
}

// Cap is what was found under a cap.
type Cap struct {
	Cap   int `json:"cap"` // 0: none
	Games int `json:"games"`
	// Start is the start position, in Bits and normalized; its States is 1.
	Start Actions `json:"start"`
	// Common are all common states. EqualVisits are the same, each with as many visits as the threshold says. Shared are those that are common under the lowest
	// cap, and so under all, SharedEqualVisits the same with equally many visits.
	Common            Actions `json:"common"`
	EqualVisits       Actions `json:"equal_visits"`
	Shared            Actions `json:"shared"`
	SharedEqualVisits Actions `json:"shared_equal_visits"`
	// EqualGames are the common states of equally many games of each cap.
	EqualGames Actions `json:"equal_games"`
	Plies      []Ply   `json:"plies"`
}

// Report is everything.
type Report struct {
	Options Options `json:"options"`
	// Skipped games are under no cap, or of unknown rating.
	Skipped int `json:"skipped"`
	// EqualGames is how many games each cap has in the control.
	EqualGames int   `json:"equal_games"`
	Spilled    int64 `json:"-"` // counts that had no room in memory
	Caps       []Cap `json:"results"`
}

// Report ends the counting.
func (c *Counter) Report() (*Report, error) {
	r := &Report{Options: c.o, Skipped: c.skipped, EqualGames: c.o.Sample}
	total := 0
	for i, bound := range c.o.Caps {
		total += c.games[i]
		r.Caps = append(r.Caps, Cap{Cap: bound, Games: total, Plies: make([]Ply, c.o.Plies)})
		r.EqualGames = min(r.EqualGames, total)
	}
	if total == 0 {
		return nil, errors.New("diversity: no game is under a cap")
	}
	m := measure{o: &c.o, report: r, clog: make([][]float64, len(r.Caps))}
	for i := range m.clog {
		m.clog[i] = make([]float64, c.o.Plies)
	}
	if err := c.tally.each(m.state); err != nil {
		return nil, err
	}
	r.Spilled = c.tally.spilled
	for i := range r.Caps {
		x := &r.Caps[i]
		for k := range x.Plies {
			p := &x.Plies[k]
			p.Ply = k
			if p.Games > 0 {
				bits := math.Log2(float64(p.Games)) - m.clog[i][k]/float64(p.Games)
				p.Entropy = share(bits, p.States)
			}
		}
		for _, a := range []*Actions{&x.Start, &x.Common, &x.EqualVisits, &x.Shared, &x.SharedEqualVisits} {
			a.finish()
		}
		if err := c.equalGames(i, x, r.EqualGames); err != nil {
			return nil, err
		}
	}
	c.done = true
	return r, nil
}

// equalGames counts n of the sampled games of a cap once more.
func (c *Counter) equalGames(i int, x *Cap, n int) error {
	if n == x.Games {
		x.EqualGames = x.Common // all of them
		return nil
	}
	t := newTally(c.o.Dir, c.o.Budget)
	defer t.close(true)
	if err := c.samples[i].draw(n, c.o.ActionPlies, func(moves []bitboard.Move) error {
		return t.game(moves, 0, c.o.ActionPlies, c.o.ActionPlies)
	}); err != nil {
		return err
	}
	var counts []moveCount
	err := t.each(func(state []entry) {
		counts = movesUpTo(counts[:0], state, 0)
		if bits, seen, visits := entropy(counts); visits > c.o.Threshold {
			x.EqualGames.add(bits, legal(state), seen)
		}
	})
	x.EqualGames.finish()
	return err
}

// measure adds up states.
type measure struct {
	o      *Options
	report *Report
	clog   [][]float64 // sum of visits log2(visits), by cap and half-move
	counts []moveCount
	drawn  []moveCount
}

type moveCount struct {
	move uint16
	n    int
}

// legal is the number of legal moves, of a state from which moves are counted.
func legal(state []entry) int { return int(state[0].key & 255) }

// visits up to a band.
func visits(state []entry, band int) (n int) {
	for _, e := range state {
		if e.band() <= band {
			n += int(e.n)
		}
	}
	return n
}

// movesUpTo appends the moves from a state in the bands up to one, with their counts, in the order of the moves. A game that ended there
// is no move.
func movesUpTo(dst []moveCount, state []entry, band int) []moveCount {
	for _, e := range state {
		if e.band() > band || e.move() == 0 {
			continue
		}
		i, found := slices.BinarySearchFunc(dst, e.move(), func(c moveCount, m uint16) int { return cmp.Compare(c.move, m) })
		if !found {
			dst = slices.Insert(dst, i, moveCount{move: e.move()})
		}
		dst[i].n += int(e.n)
	}
	return dst
}

// entropy of moves in bits, how many there are, and how often they were played.
func entropy(counts []moveCount) (bits float64, seen, total int) {
	clog := 0.0
	for _, c := range counts {
		if c.n > 0 {
			seen++
			total += c.n
			clog += float64(c.n) * math.Log2(float64(c.n))
		}
	}
	if total == 0 {
		return 0, 0, 0
	}
	return max(math.Log2(float64(total))-clog/float64(total), 0), seen, total
}

// state adds one state.
func (m *measure) state(state []entry) {
	ply := state[0].ply()
	for i := range m.report.Caps {
		p := &m.report.Caps[i].Plies[ply]
		n := visits(state, i)
		if n == 0 {
			continue
		}
		p.Games += n
		p.States++
		p.Most = max(p.Most, n)
		if n > 1 {
			m.clog[i][ply] += float64(n) * math.Log2(float64(n))
		}
	}
	if ply >= m.o.ActionPlies || visits(state, len(m.report.Caps)-1) <= m.o.Threshold && ply > 0 {
		return
	}
	shared := false
	for i := range m.report.Caps {
		x := &m.report.Caps[i]
		m.counts = movesUpTo(m.counts[:0], state, i)
		bits, seen, total := entropy(m.counts)
		if ply == 0 && total > 0 {
			x.Start.add(bits, legal(state), seen)
		}
		if total <= m.o.Threshold {
			continue
		}
		if i == 0 {
			shared = true
		}
		x.Common.add(bits, legal(state), seen)
		stream := draw.New(m.o.Seed, uint64(i), uint64(ply), state[0].key)
		m.drawn = drawVisits(m.drawn[:0], m.counts, total, m.o.Threshold, &stream)
		drawnBits, drawnSeen, _ := entropy(m.drawn)
		x.EqualVisits.add(drawnBits, legal(state), drawnSeen)
		if shared {
			x.Shared.add(bits, legal(state), seen)
			x.SharedEqualVisits.add(drawnBits, legal(state), drawnSeen)
		}
	}
}

// drawVisits draws n of total visits without putting any back.
func drawVisits(dst, counts []moveCount, total, n int, s *draw.Stream) []moveCount {
	left := slices.Clone(counts)
	for _, c := range counts {
		dst = append(dst, moveCount{move: c.move})
	}
	for ; n > 0; n-- {
		at := s.IntN(total)
		total--
		for i := range left {
			if at < left[i].n {
				left[i].n--
				dst[i].n++
				break
			}
			at -= left[i].n
		}
	}
	return dst
}
