package mixture

import (
	"fmt"
	"slices"
	"sync"

	"transcend/data/league"
	"transcend/internal/bitboard"
)

// Options configure a Mixture.
type Options struct {
	// MaxGap is that of the corpus: who meets whom.
	MaxGap int
	// RandomPlies is how many plies each game of the corpus begins with that are no player's: all
	// legal moves are equally likely in them.
	RandomPlies int
	// Unseen takes shared noise for independent noise: the distribution over the shared
	// seeds. It is what shared noise looks like in positions that a learner has not seen,
	// however much it knows of the players.
	Unseen bool
	// CacheBytes bounds the memory of the cache, about; 0: 64 MiB.
	CacheBytes int
}

// maxPlayers is the largest pool a Mixture takes: its work grows with the square
// where ratings must be near.
const maxPlayers = 2_000

const defaultCacheBytes = 64 << 20

// Mixture is the players of a pool and what each of them would do, in any position. Any
// number of goroutines may use it.
type Mixture struct {
	pool      *league.Pool
	options   Options
	opponents [][]int // that a player may meet, as White; nil: all others
	prior     [2][]float64

	kinds  []*league.Player // that differ in what they do
	kindOf []int            // by player

	movers sync.Pool
	cache  cache
}

// New prepares a mixture; errors are those of the pool's Validate, and too many players.
func New(pool *league.Pool, o Options) (*Mixture, error) {
	if err := pool.Validate(); err != nil {
		return nil, fmt.Errorf("mixture: %w", err)
	}
	n := len(pool.Players)
	if n > maxPlayers {
		return nil, fmt.Errorf("mixture: pool %s has %d players: at most %d are possible", pool.Name, n, maxPlayers)
	}
	if err := (&league.Corpus{Pool: pool, MaxGap: o.MaxGap, Openings: league.OpeningRule{RandomPlies: o.RandomPlies}}).Validate(); err != nil {
		return nil, fmt.Errorf("mixture: %w", err)
	}
	m := &Mixture{pool: pool, options: o, kindOf: make([]int, n)}
	m.movers.New = func() any { return league.NewMover(0) }
	known := map[string]int{}
	for i := range pool.Players {
		p := pool.Players[i].Player
		p.Name = ""
		if o.Unseen {
			p.Shared, p.SharedSeed = false, 0
		}
		if !p.UsesSeed() {
			p.Seed = 0
		}
		text := p.String()
		kind, ok := known[text]
		if !ok {
			kind = len(m.kinds)
			known[text] = kind
			m.kinds = append(m.kinds, &p)
		}
		m.kindOf[i] = kind
	}
	m.prior = [2][]float64{make([]float64, n), make([]float64, n)}
	if o.MaxGap > 0 || n == 1 {
		m.opponents = make([][]int, n)
	}
	for i := range n {
		m.prior[bitboard.White][i] = 1 / float64(n)
		m.prior[bitboard.Black][i] = 1 / float64(n)
	}
	if m.opponents != nil {
		clear(m.prior[bitboard.Black])
		for i := range n {
			m.opponents[i] = pool.Near(i, o.MaxGap)
			for _, j := range m.opponents[i] {
				m.prior[bitboard.Black][j] += 1 / float64(n) / float64(len(m.opponents[i]))
			}
		}
	}
	m.cache.limit = o.CacheBytes
	if m.cache.limit == 0 {
		m.cache.limit = defaultCacheBytes
	}
	return m, nil
}

// Pool is the pool whose mixture it is.
func (m *Mixture) Pool() *league.Pool { return m.pool }

// Prior returns the probability with which each player has a color, as league.Corpus draws
// them: White evenly, Black evenly among those that White may meet. It must not be changed.
func (m *Mixture) Prior(side bitboard.Color) []float64 { return m.prior[side] }

// Kinds are the players that differ in what they do, each once: two that differ in a name or in an
// unused seed are of one kind. It must not be changed.
func (m *Mixture) Kinds() []*league.Player { return m.kinds }

// KindOf returns the kind of player i by its place in Kinds.
func (m *Mixture) KindOf(i int) int { return m.kindOf[i] }

// Position is what the players of a pool would do in one position.
type Position struct {
	Moves []bitboard.Move // the legal ones, in the order of their codes; none at a game's end

	kindOf []int
	kinds  *league.Together
}

// Player returns the probabilities of the moves with which player i plays them. It must not
// be changed.
func (p *Position) Player(i int) []float64 { return p.Kind(p.kindOf[i]) }

// Kind is Player for the players of a kind, see Mixture.Kinds.
func (p *Position) Kind(kind int) []float64 { return p.kinds.P[kind] }

// Intended returns the move of player i without its noise, see league.Mover.Intended.
func (p *Position) Intended(i int) bitboard.Move { return p.kinds.Intended[p.kindOf[i]] }

// Mix writes the mixture of the players by their weights, fbar(y|x) = sum of g(i|x) f_i(y|x),
// into dst, which is made longer as needed, and returns it.
func (p *Position) Mix(dst, weights []float64) []float64 {
	dst = zeros(dst, len(p.Moves))
	var some [16]float64
	byKind := zeros(some[:0], len(p.kinds.P))
	for i, w := range weights {
		byKind[p.kindOf[i]] += w
	}
	for kind, w := range byKind {
		if w == 0 {
			continue
		}
		for move, x := range p.kinds.P[kind] {
			dst[move] += w * x
		}
	}
	return dst
}

// Agreement returns how likely a move drawn from f is the one that the player meant: the
// sum over players of their weight times f of the move they intend.
func (p *Position) Agreement(f, weights []float64) float64 {
	sum := 0.0
	for i, w := range weights {
		intended := p.Intended(i)
		for move, x := range f {
			if p.Moves[move] == intended {
				sum += w * x
			}
		}
	}
	return sum
}

func zeros(dst []float64, n int) []float64 {
	if cap(dst) < n {
		return make([]float64, n)
	}
	dst = dst[:n]
	clear(dst)
	return dst
}

// At returns what the players would do in g's position. A position is computed once, by
// however many goroutines it is asked for, as long as the cache holds it.
func (m *Mixture) At(g *bitboard.Game) (*Position, error) {
	if g.Ply() < m.options.RandomPlies {
		return m.random(g), nil
	}
	e := m.cache.entry(keyOf(g))
	e.once.Do(func() {
		mover := m.movers.Get().(*league.Mover)
		defer m.movers.Put(mover)
		together, err := mover.Together(m.kinds, g)
		if err != nil {
			e.err = fmt.Errorf("mixture: pool %s: %w", m.pool.Name, err)
			return
		}
		e.position = &Position{Moves: together.Moves, kindOf: m.kindOf, kinds: together}
		m.cache.count(e, len(together.Moves)*(2+8*len(m.kinds)), together.Searches)
	})
	return e.position, e.err
}

// random is a position of which everybody plays all moves alike, and means none.
func (m *Mixture) random(g *bitboard.Game) *Position {
	t := &league.Together{Moves: g.Position().Legal(nil), Intended: make([]bitboard.Move, len(m.kinds))}
	slices.Sort(t.Moves)
	row := make([]float64, len(t.Moves))
	for i := range row {
		row[i] = 1 / float64(len(row))
	}
	for range m.kinds {
		t.P = append(t.P, row)
	}
	return &Position{Moves: t.Moves, kindOf: m.kindOf, kinds: t}
}

// Alike reports that all players do the same, so that nothing can tell who plays.
func (m *Mixture) Alike() bool { return len(m.kinds) == 1 }

// Searches returns how many searches were made so far.
func (m *Mixture) Searches() int { return m.cache.searches() }

// key is all of a game that decides what players without a seed do: the position with its
// counters, and those before it that may come back, in any order.
type key struct {
	position bitboard.Position
	past     uint64
}

func keyOf(g *bitboard.Game) key {
	k := key{position: *g.Position()}
	for i := max(0, g.Ply()-k.position.HalfmoveClock()); i < g.Ply(); i++ {
		h := g.PositionAt(i).Hash()
		h = (h ^ h>>31) * 0x9e3779b97f4a7c15
		k.past += h ^ h>>29
	}
	return k
}

// cache holds positions in two generations: when the younger one is full it becomes the
// older, and what nobody asked for since then is forgotten.
type cache struct {
	mu           sync.Mutex
	young, old   map[key]*entry
	bytes, limit int // of the younger generation, of both
	made         int
}

type entry struct {
	once     sync.Once
	position *Position
	err      error
	bytes    int // of the position, guarded by the cache's mutex
}

func (c *cache) entry(k key) *entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.young[k]; e != nil {
		return e
	}
	if c.young == nil || c.bytes >= c.limit/2 {
		c.young, c.old, c.bytes = make(map[key]*entry), c.young, 0
	}
	e := c.old[k]
	if e == nil {
		e = new(entry)
	}
	c.young[k] = e
	c.bytes += entryBytes + e.bytes
	return e
}

// entryBytes is what an entry costs beside its position's moves, about.
const entryBytes = 400

// count adds what the position of an entry needs.
func (c *cache) count(e *entry, bytes, searches int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e.bytes = bytes
	c.bytes += bytes
	c.made += searches
}

func (c *cache) searches() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.made
}
