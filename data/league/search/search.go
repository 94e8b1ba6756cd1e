package search

import (
	"math"
	"slices"
	"sync/atomic"
	"time"

	"transcend/internal/bitboard"
)

const (
	// Mate is the score of a mate on the board; a mate in n plies is Mate-n.
	Mate = 30_000

	maxPly    = 100
	mateBound = Mate - maxPly
	infinite  = 32_000

	// MaxDepth is the greatest depth of a search; larger ones mean this.
	MaxDepth = 64
)

// Options bound a search and say what it does not see. At least one of Depth,
// Nodes, Deadline and Stop should be given; without, a search goes to MaxDepth.
// The first iteration is always finished.
type Options struct {
	Depth    int       // plies; 0: no bound
	Nodes    int       // positions; 0: no bound
	Deadline time.Time // zero: none
	Stop     *atomic.Bool
	Blind    Blindness
	// Margin asks for the scores of moves that are not the best: those of moves
	// less than Margin centipawns worse than it are exact. 0: of the best alone.
	Margin int
}

// RootMove is a legal move and its score.
type RootMove struct {
	Move bitboard.Move
	// Score is in centipawns from the mover's side; Mate-n is mate in n plies. Where
	// Exact is false it is an upper bound that lies Margin or more below the best.
	Score int
	Exact bool
}

// Result is what a search found.
type Result struct {
	Move  bitboard.Move // NoMove when there is none: mate or stalemate
	Score int           // in centipawns from the mover's side; see RootMove
	Depth int           // of the last iteration that was finished
	Nodes int           // positions looked at
	// Moves are the moves that the search saw, the best first, of the last iteration
	// that was finished, and PV the line that it expects. They are valid until the next search.
	Moves []RootMove
	PV    []bitboard.Move
}

// MateIn returns the number of moves to mate that a score says: negative for
// being mated, 0 when the score is no mate's.
func MateIn(score int) int {
	switch {
	case score >= mateBound:
		return (Mate - score + 1) / 2
	case score <= -mateBound:
		return -(Mate + score + 1) / 2
	}
	return 0
}

// Searcher searches one position at a time. It holds all the memory that a
// search needs: a search allocates nothing.
type Searcher struct {
	table  table
	frames [maxPly + 1]frame
	root   []RootMove // moves of the iteration in progress
	done   []RootMove // of the last one that was finished
	shown  [maxPly]bitboard.Move
	shownN int

	past    []uint64 // hashes of the game before the root that may come back, oldest first
	history [2][64][64]int16
	learned bool // killers and history have something in them

	options  Options
	maxDepth int
	nodes    int
	limit    int // nodes at which to look at the bounds again
	stopped  bool
}

// frame is what a search holds at one ply.
type frame struct {
	board
	moves   [bitboard.MaxMoves]bitboard.Move
	order   [bitboard.MaxMoves]int32
	killers [2]bitboard.Move
	static  int
	check   bool
	pv      [maxPly]bitboard.Move
	pvN     int
}

// New returns a searcher with a transposition table of at most the given number
// of bytes, 64 KiB at least.
func New(tableBytes int) *Searcher {
	const entryBytes = 12
	n := 64 << 10 / 16
	for 2*n*entryBytes <= tableBytes {
		n *= 2
	}
	return &Searcher{
		table: table{entries: make([]entry, n)},
		root:  make([]RootMove, 0, bitboard.MaxMoves),
		done:  make([]RootMove, 0, bitboard.MaxMoves),
		past:  make([]uint64, 0, 256),
	}
}

// Search looks for the best move in the game's position. g is only read.
func (s *Searcher) Search(g *bitboard.Game, o Options) Result {
	s.begin(g, o)
	f := &s.frames[0]
	if len(s.root) == 0 {
		return Result{}
	}
	result := Result{Move: s.root[0].Move}
	for depth := 1; depth <= s.maxDepth; depth++ {
		if !s.iterate(depth) {
			// The first moves of an unfinished iteration are worth as much as all of it.
			if best := s.root[0]; o.Margin == 0 && best.Exact {
				result.Move, result.Score = best.Move, best.Score
				s.show(f)
			}
			break
		}
		if depth == 1 {
			s.limit = 0
		}
		result.Depth = depth
		result.Move, result.Score = s.root[0].Move, s.root[0].Score
		s.done = append(s.done[:0], s.root...)
		s.show(f)
		if s.settled(depth, result.Score) {
			break
		}
	}
	result.Nodes = s.nodes
	result.Moves = s.done
	result.PV = s.shown[:s.shownN]
	return result
}

// settled reports that more depth cannot matter: a mate that is as short as the
// depth, or a single move that needs no score.
func (s *Searcher) settled(depth, score int) bool {
	if s.options.Depth == 0 && len(s.root) == 1 && s.options.Margin == 0 && depth >= 4 {
		return true
	}
	plies := Mate - max(score, -score)
	return plies < maxPly && plies <= depth && s.options.Margin == 0
}

// show keeps the line of the frame at the root.
func (s *Searcher) show(f *frame) {
	s.shownN = copy(s.shown[:], f.pv[:f.pvN])
}

// begin sets up the root.
func (s *Searcher) begin(g *bitboard.Game, o Options) {
	s.options = o
	s.maxDepth = MaxDepth
	if o.Depth > 0 {
		s.maxDepth = min(o.Depth, MaxDepth)
	}
	s.nodes, s.stopped, s.shownN = 0, false, 0
	s.limit = math.MaxInt // not before the first iteration is finished
	s.table.start()
	f := &s.frames[0]
	f.board = newBoard(g.Position())
	f.check = f.pos.InCheck()
	if s.learned {
		s.learned = false
		s.history = [2][64][64]int16{}
		for i := range s.frames {
			s.frames[i].killers = [2]bitboard.Move{}
		}
	}

	// Positions since the last capture or pawn move.
	s.past = s.past[:0]
	for i := max(0, g.Ply()-f.pos.HalfmoveClock()); i < g.Ply(); i++ {
		s.past = append(s.past, g.PositionAt(i).Hash())
	}

	moves := f.pos.Legal(f.moves[:0])
	s.root = s.root[:0]
	for _, m := range moves {
		if !o.Blind.Hides(&f.pos, m) {
			s.root = append(s.root, RootMove{Move: m})
		}
	}
	if len(s.root) == 0 {
		for _, m := range moves {
			s.root = append(s.root, RootMove{Move: m})
		}
	}
	s.done = s.done[:0]
	for i := range s.root {
		s.root[i].Score = int(s.rate(f, s.root[i].Move, bitboard.NoMove))
	}
	s.sortRoot()
}

// sortRoot puts the best moves first; moves of equal score keep an order that
// depends on nothing but themselves.
func (s *Searcher) sortRoot() {
	slices.SortStableFunc(s.root, func(a, b RootMove) int { return b.Score - a.Score })
}

// iterate searches the root to a depth and sorts its moves, the best first. It
// is false when a bound of the search ended it before that.
func (s *Searcher) iterate(depth int) bool {
	f := &s.frames[0]
	f.pvN = 0
	best, bestAt := -infinite, -1
	for i := range s.root {
		s.root[i].Exact = false
	}
	for i := range s.root {
		r := &s.root[i]
		child := &s.frames[1]
		s.descend(f, child, r.Move)
		floor := max(-infinite, best-s.options.Margin)
		var score int
		if i == 0 {
			score = -s.search(1, depth-1, -infinite, infinite, true)
		} else if s.maxDepth == 1 && s.options.Margin > 0 {
			// Most moves lie above the floor, and captures are not in the table: asking first whether
			// a move does would be to resolve them twice.
			score = -s.search(1, depth-1, -infinite, -floor, true)
		} else if score = -s.search(1, depth-1, -floor-1, -floor, true); score > floor {
			score = -s.search(1, depth-1, -infinite, -floor, true)
		}
		if s.stopped {
			s.finish(bestAt)
			return false
		}
		r.Score, r.Exact = score, true
		if score > best {
			best, bestAt = score, i
			f.follow(r.Move, child)
		}
	}
	for i := range s.root {
		// Bounds lie below a floor, which only rises; so may what was exact when it was searched.
		s.root[i].Exact = s.root[i].Score > best-s.options.Margin || i == bestAt
	}
	s.finish(bestAt)
	return true
}

// finish puts the best move in front, the others in the order of their scores.
func (s *Searcher) finish(best int) {
	if best < 0 {
		return
	}
	first := s.root[best]
	copy(s.root[1:best+1], s.root[:best])
	s.root[0] = first
	if s.options.Margin > 0 && !s.stopped {
		s.sortRoot()
	}
}

// descend makes child the position after m.
func (s *Searcher) descend(f, child *frame, m bitboard.Move) {
	child.board = f.board
	child.make(m)
	child.check = child.pos.InCheck()
}

// out counts a node and reports whether the search has to end.
func (s *Searcher) out() bool {
	if s.stopped {
		return true
	}
	if s.nodes++; s.nodes >= s.limit {
		s.look()
	}
	return s.stopped
}

// look asks the bounds and sets when to ask them again.
func (s *Searcher) look() {
	const interval = 512
	o := &s.options
	switch {
	case o.Nodes > 0 && s.nodes >= o.Nodes,
		o.Stop != nil && o.Stop.Load(),
		!o.Deadline.IsZero() && !time.Now().Before(o.Deadline):
		s.stopped = true
	}
	s.limit = s.nodes + interval
	if o.Nodes > 0 {
		s.limit = min(s.limit, max(o.Nodes, s.nodes+1))
	}
}
