package ideal

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"sync"

	"transcend/data/league"
	"transcend/data/league/mixture"
	"transcend/data/league/search"
	"transcend/internal/bitboard"
	"transcend/internal/parallel"
)

// EvaluateOptions say what Evaluate looks at.
type EvaluateOptions struct {
	// Corpus is whose games the positions come from: its players' own. Games are some of them.
	Corpus *league.Corpus
	Games  []*league.Game
	// Share is the part of a game's positions that is looked at, drawn by their numbers; 0: all.
	Share float64
	Judge Judge
	// Temperatures of the mixture.
	Temperatures []float64
	// Others are compared with the mixture in the same positions.
	Others  []Policy
	Threads int // 0: as many as there are cores
	// Unseen is mixture.Options.Unseen.
	Unseen bool
	// Progress is told of every game; calls do not overlap.
	Progress func(games, positions int)
}

func (o *EvaluateOptions) validate() error {
	if err := o.Judge.Validate(); err != nil {
		return err
	}
	if len(o.Games) == 0 || !(o.Share >= 0 && o.Share <= 1) {
		return fmt.Errorf("ideal: %d games, share %v: need at least one game and a share of 0 to 1", len(o.Games), o.Share)
	}
	if o.Corpus.Openings.Named {
		return errors.New("ideal: games must begin at the start or with random moves: where a named opening ends, nothing tells")
	}
	for _, tau := range o.Temperatures {
		if err := mixture.CheckTemperature(tau); err != nil {
			return err
		}
	}
	return o.Corpus.Validate()
}

// Policy is what chooses moves beside the pool: a model at some temperatures.
type Policy struct {
	Names []string // of its distributions
	// New makes what one goroutine uses.
	New func() (PolicyFunc, error)
}

// PolicyFunc writes its distributions over the legal moves into out, which has a row for each
// of the policy's names and the order of moves. What is missing to a sum of 1 is on illegal moves.
// False leaves the position out for all: it is beyond what the policy can hold.
type PolicyFunc func(ctx context.Context, g *bitboard.Game, moves []bitboard.Move, out [][]float64) (bool, error)

// Part is a part of the positions.
type Part int

// The parts: all, by phase, by half-move.
const (
	All    Part = iota
	phases      // league.Opening and those after it, less one
	_
	_
	bands // as bandEnds has them
)

// bandEnds are the last half-moves of bands.
var bandEnds = []int{10, 20, 40, 60, 80, 120, math.MaxInt}

const parts = int(bands) + 7

// phasePart is the part of a phase.
func phasePart(p league.Phase) Part { return phases + Part(p) - Part(league.Opening) }

// Bands are the parts by half-move.
func Bands() (all []Part) {
	for i := range bandEnds {
		all = append(all, bands+Part(i))
	}
	return all
}

// Phases are all positions and the parts by phase.
func Phases() []Part { return []Part{All, phases, phases + 1, phases + 2} }

// String returns "all", "opening" or "plies 11-20".
func (p Part) String() string {
	switch {
	case p == All:
		return "all"
	case p < bands:
		return (league.Opening + league.Phase(p-phases)).String()
	case int(p) >= parts:
		return fmt.Sprintf("Part(%d)", int(p))
	}
	i, from := int(p-bands), 1
	if i > 0 {
		from = bandEnds[i-1] + 1
	}
	if bandEnds[i] == math.MaxInt {
		return "plies from " + strconv.Itoa(from)
	}
	return fmt.Sprintf("plies %d-%d", from, bandEnds[i])
}

// Metric is what is measured of a policy in a position.
type Metric int

// The metrics.
const (
	// Reward is the expected reward; illegal moves have none.
	Reward Metric = iota
	// Agreement is how likely it plays the move that the expert to move meant, without noise.
	Agreement
	// Legal is the probability of the legal moves.
	Legal
	metrics
)

// Row is a policy of an Evaluation.
type Row struct {
	Name string `json:"name"`
	// Kind is "expert", "mixture" or "other".
	Kind string `json:"kind"`
	// Experts is how many players of the pool it stands for, of an expert.
	Experts int `json:"experts,omitempty"`
	// Tau, Posterior and Characters say which mixture it is.
	Tau        float64 `json:"tau"`
	Posterior  bool    `json:"posterior,omitempty"`
	Characters bool    `json:"characters,omitempty"`
}

// Evaluation is the sums over positions of an Evaluate, by game, so that any difference has an interval
// from resampling games: positions of one game are not independent.
type Evaluation struct {
	Rows      []Row
	Positions int
	// Differ are positions in which the argmax over moves and over characters are not the same,
	// those first where it costs or wins most; at most maxDiffer.
	Differ []Difference

	games []gameSums
}

// Difference is a position in which argmaxes over moves and over characters differ.
type Difference struct {
	Game       int     `json:"game"`
	Ply        int     `json:"ply"`
	FEN        string  `json:"fen"`
	Move       string  `json:"move"`
	MoveP      float64 `json:"move_p"`
	Characters string  `json:"characters"`
	CharP      float64 `json:"characters_p"`
	// Prefix is the probability of the moves that begin with the first character of Characters.
	Prefix float64 `json:"prefix_p"`
	Gain   float64 `json:"gain"` // reward of Characters less that of Move
}

const maxDiffer = 12

// gameSums are the sums over the positions of a game.
type gameSums struct {
	n [parts]float64
	// rows by row, part and metric.
	rows [][parts][metrics]float64
	// theorem is Theorem 2.1's sum over pairs, with the posterior; pairs the same for each pair
	// of kinds; weights the posterior of each kind.
	theorem  [parts]float64
	pairs    [][parts]float64
	weights  [][parts]float64
	differ   [2][parts]float64 // argmaxes over moves and characters: prior, posterior
	examples []Difference
}

// Evaluate plays games of the pool and compares in their positions the experts, the mixture at all
// temperatures, with the prior and with the posterior, over moves and over characters, and the other
// policies. Everything is an exact expectation: only the positions are a sample. The same options
// give the same sums, for any number of threads.
func Evaluate(ctx context.Context, o EvaluateOptions) (*Evaluation, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	m, err := mixture.New(o.Corpus.Pool, mixture.Options{MaxGap: o.Corpus.MaxGap, RandomPlies: o.Corpus.Openings.RandomPlies, Unseen: o.Unseen})
	if err != nil {
		return nil, err
	}
	e := &Evaluation{Rows: rowsOf(m, &o), games: make([]gameSums, len(o.Games))}
	threads := o.Threads
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	var (
		mu   sync.Mutex
		done int
	)
	err = parallel.Each(ctx, threads, len(o.Games), func() (func(context.Context, int) error, func(), error) {
		w, err := newWalker(m, &o, e.Rows)
		if err != nil {
			return nil, nil, err
		}
		return func(ctx context.Context, i int) error {
			sums, err := w.game(ctx, o.Games[i])
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			e.games[i] = *sums
			e.Positions += int(sums.n[All])
			done++
			if o.Progress != nil {
				o.Progress(done, e.Positions)
			}
			return nil
		}, nil, nil
	})
	if err != nil {
		return nil, fmt.Errorf("ideal: evaluating pool %s: %w", o.Corpus.Pool.Name, err)
	}
	if e.Positions == 0 {
		return nil, fmt.Errorf("ideal: evaluating pool %s: none of the positions of %d games was drawn", o.Corpus.Pool.Name, len(o.Games))
	}
	for i := range e.games {
		e.Differ = append(e.Differ, e.games[i].examples...)
		e.games[i].examples = nil
	}
	slices.SortStableFunc(e.Differ, func(a, b Difference) int {
		x, y := math.Abs(a.Gain), math.Abs(b.Gain)
		switch {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return 0
	})
	e.Differ = e.Differ[:min(len(e.Differ), maxDiffer)]
	return e, nil
}

// rowsOf are the experts that differ, the mixtures, and the others.
func rowsOf(m *mixture.Mixture, o *EvaluateOptions) (rows []Row) {
	players := m.Pool().Players
	for kind, p := range m.Kinds() {
		n, name := 0, p.String()
		for i := range players {
			if m.KindOf(i) == kind {
				if n++; n == 1 && players[i].Name != "" {
					name = players[i].Name
				}
			}
		}
		rows = append(rows, Row{Name: name, Kind: "expert", Experts: n})
	}
	for _, posterior := range []bool{false, true} {
		for _, characters := range []bool{false, true} {
			for _, tau := range o.Temperatures {
				rows = append(rows, Row{Name: mixtureName(tau, posterior, characters), Kind: "mixture", Tau: tau, Posterior: posterior, Characters: characters})
			}
		}
	}
	for _, p := range o.Others {
		for _, name := range p.Names {
			rows = append(rows, Row{Name: name, Kind: "other"})
		}
	}
	return rows
}

func mixtureName(tau float64, posterior, characters bool) string {
	name := "prior"
	if posterior {
		name = "posterior"
	}
	if characters {
		name += ", characters"
	}
	return fmt.Sprintf("%s T=%v", name, tau)
}

// walker goes through games for one goroutine.
type walker struct {
	m      *mixture.Mixture
	o      *EvaluateOptions
	rows   []Row
	judge  *search.Searcher
	others []PolicyFunc

	rewards, mixed, tempered, weights []float64
	values                            [][metrics]float64 // by row
	next                              int                // row whose policy is measured next
	out                               [][]float64
}

func newWalker(m *mixture.Mixture, o *EvaluateOptions, rows []Row) (*walker, error) {
	w := &walker{m: m, o: o, rows: rows, judge: search.New(4 << 20), values: make([][metrics]float64, len(rows))}
	for _, p := range o.Others {
		f, err := p.New()
		if err != nil {
			return nil, err
		}
		w.others = append(w.others, f)
	}
	return w, nil
}

// game looks at the positions of a game.
func (w *walker) game(ctx context.Context, game *league.Game) (*gameSums, error) {
	kinds := len(w.m.Kinds())
	sums := &gameSums{rows: make([][parts][metrics]float64, len(w.rows)), weights: make([][parts]float64, kinds)}
	if kinds <= maxPairKinds {
		sums.pairs = make([][parts]float64, kinds*kinds)
	}
	b := w.m.NewBelief(bitboard.Start())
	rng := rand.New(rand.NewPCG(w.o.Corpus.Seed, uint64(game.Number)))
	for ply, move := range game.Moves {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if u := rng.Float64(); ply >= w.o.Corpus.Openings.RandomPlies && (w.o.Share == 0 || u < w.o.Share) {
			if err := w.position(ctx, sums, b, game.Number, ply); err != nil {
				return nil, fmt.Errorf("game %d, ply %d: %w", game.Number+1, ply+1, err)
			}
		}
		if err := b.See(move); err != nil {
			return nil, err
		}
	}
	return sums, nil
}

// maxPairKinds is for how many kinds of experts pairs are told apart.
const maxPairKinds = 6

// position adds one position.
func (w *walker) position(ctx context.Context, sums *gameSums, b *mixture.Belief, number, ply int) error {
	g := b.Game()
	at, err := w.m.At(g)
	if err != nil {
		return err
	}
	side := g.Position().SideToMove()
	w.weights = b.Weights(w.weights, side)
	w.rewards = w.o.Judge.Rewards(w.rewards, w.judge, g, at.Moves)
	w.next = 0
	for kind := range w.m.Kinds() {
		w.add(at, at.Kind(kind))
	}
	texts := mixture.NewTexts(g.Position(), at.Moves)
	var differ [2]*Difference // by the prior, by the posterior
	for i, weights := range [][]float64{w.m.Prior(side), w.weights} {
		differ[i] = w.addMixtures(at, texts, weights)
	}
	if d := differ[1]; d != nil {
		d.Game, d.Ply, d.FEN = number+1, ply+1, g.Position().FEN()
		sums.examples = append(sums.examples, *d)
	}
	if ok, err := w.addOthers(ctx, g, at); err != nil || !ok {
		return err
	}
	band := 0
	for ply+1 > bandEnds[band] {
		band++
	}
	w.count(sums, []Part{All, phasePart(league.PhaseOf(g.Position())), bands + Part(band)}, differ)
	return nil
}

// add measures the next row's policy, f. Agreement is with what the player at the board may have
// meant.
func (w *walker) add(at *mixture.Position, f []float64) {
	w.values[w.next] = [metrics]float64{Expected(f, w.rewards), at.Agreement(f, w.weights), sum(f)}
	w.next++
}

// addMixtures adds the mixture of the players by their weights at all temperatures, over moves and over
// characters. It returns how these differ at temperature 0, nil if they do not.
func (w *walker) addMixtures(at *mixture.Position, texts *mixture.Texts, weights []float64) *Difference {
	w.mixed = at.Mix(w.mixed, weights)
	for _, characters := range []bool{false, true} {
		for _, tau := range w.o.Temperatures {
			if characters {
				w.tempered = texts.Temper(w.tempered, w.mixed, tau)
			} else {
				w.tempered = mixture.Temper(w.tempered, w.mixed, tau)
			}
			w.add(at, w.tempered)
		}
	}
	return w.difference(texts)
}

// addOthers adds the policies beside the pool; false where one cannot hold the position.
func (w *walker) addOthers(ctx context.Context, g *bitboard.Game, at *mixture.Position) (bool, error) {
	for i, f := range w.others {
		n := len(w.o.Others[i].Names)
		for len(w.out) < n {
			w.out = append(w.out, nil)
		}
		for row := range n {
			w.out[row] = append(w.out[row][:0], make([]float64, len(at.Moves))...)
		}
		if ok, err := f(ctx, g, at.Moves, w.out[:n]); err != nil || !ok {
			return false, err
		}
		for row := range n {
			w.add(at, w.out[row])
		}
	}
	return true, nil
}

// count adds what was measured to the sums of some parts.
func (w *walker) count(sums *gameSums, in []Part, differ [2]*Difference) {
	kinds := len(w.m.Kinds())
	weights, sizes, rewards := make([]float64, kinds), make([]float64, kinds), make([]float64, kinds)
	for i, x := range w.weights {
		kind := w.m.KindOf(i)
		weights[kind] += x
		sizes[kind]++
	}
	for kind := range kinds {
		rewards[kind] = w.values[kind][Reward]
	}
	theorem := PairSum(rewards, weights, sizes)
	for _, part := range in {
		sums.n[part]++
		for row := range w.rows {
			for metric, x := range w.values[row] {
				sums.rows[row][part][metric] += x
			}
		}
		sums.theorem[part] += theorem
		for kind, x := range weights {
			sums.weights[kind][part] += x
		}
		if sums.pairs != nil {
			for a := range kinds {
				for b := range a {
					sums.pairs[a*kinds+b][part] += (rewards[a] - rewards[b]) * (weights[a]/sizes[a] - weights[b]/sizes[b])
				}
			}
		}
		for i, d := range differ {
			if d != nil {
				sums.differ[i][part]++
			}
		}
	}
}

// difference compares the argmaxes of the mixture over moves and over characters.
func (w *walker) difference(texts *mixture.Texts) *Difference {
	w.tempered = texts.Temper(w.tempered, w.mixed, 0)
	best, char := 0, 0
	for i := range w.mixed {
		if w.mixed[i] > w.mixed[best] {
			best = i
		}
		if w.tempered[i] > w.tempered[char] {
			char = i
		}
	}
	if w.mixed[char] >= w.mixed[best]*(1-mixture.Tie) {
		return nil
	}
	d := &Difference{
		Move: texts.Text(best), MoveP: w.mixed[best], Characters: texts.Text(char), CharP: w.mixed[char],
		Gain: w.rewards[char] - w.rewards[best],
	}
	for i := range w.mixed {
		if texts.Text(i)[0] == d.Characters[0] {
			d.Prefix += w.mixed[i]
		}
	}
	return d
}

func sum(f []float64) (all float64) {
	for _, x := range f {
		all += x
	}
	return all
}

// PairSum returns the sum over pairs of experts a, b of (r_a-r_b)(g_a-g_b), Theorem 2.1's at one
// input. Experts may be given in groups of equals, with the sum of their weights and their number. For k
// experts it is k times the mixture's reward less the sum of theirs, as sum g = 1.
func PairSum(rewards, weights, sizes []float64) (all float64) {
	k := sum(sizes)
	for i, r := range rewards {
		all += (k*weights[i] - sizes[i]) * r
	}
	return all
}
