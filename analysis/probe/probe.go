// Package probe asks how much of a game a linear function can read from a model's states: the board, and how strong the player to move is.
//
// For every layer of the residual stream (package hidden) a multinomial logistic regression answers, for each of the 64 squares,
// which of 13 things stands there, and one more whether the player to move is of the lower or the upper third of the
// ratings. Karvonen (2024) reads 98.0% to 99.2% of the squares from models of 25 and 50 million parameters, and
// 88.0% and 89.2% of ratings below 1516 and above 2029, of states at the dot before White's move; a model with random
// weights gave about 70.7% and 66%.
//
// Regressions are fitted to the states of some games and tested on others; games with the same moves are on one
// side. The same is done with a model of random weights, because a state knows the last tokens without any
// training, and beside it stands what somebody knows who has seen only how often each answer is right.
package probe

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"transcend/analysis/hidden"
	"transcend/analysis/ideal"
	"transcend/analysis/internal/logistic"
	"transcend/data"
	"transcend/internal/bitboard"
	"transcend/model"
)

// Options say which states are read, and how.
type Options struct {
	Games  int `json:"games"`           // that states are taken from; 0: all
	States int `json:"states_per_game"` // drawn from each, evenly
	// Test is the part of the games that is tested on.
	Test float64 `json:"test"`
	// Relative tells own from enemy pieces, those of the player to move from the others', in the place of White's from Black's.
	Relative bool    `json:"relative"`
	Epochs   int     `json:"epochs"`
	L2       float64 `json:"l2"`
	Seed     uint64  `json:"seed"`
}

// Default options.
func Default() Options {
	return Options{Games: 2000, States: 8, Test: 0.25, Epochs: 12, L2: 1e-5, Seed: 1}
}

// Validate reports options that make no experiment.
func (o *Options) Validate() error {
	switch {
	case o.Games < 0 || o.States < 1 || o.Epochs < 1:
		return errors.New("probe: games, states and epochs must be positive")
	case !(o.Test > 0 && o.Test < 1):
		return fmt.Errorf("probe: a test share of %v: must lie between 0 and 1", o.Test)
	case !(o.L2 >= 0) || o.L2 > 1:
		return fmt.Errorf("probe: L2 %v: must be 0 to 1", o.L2)
	}
	return nil
}

const (
	squares      = 64
	pieceClasses = 13
)

// Bands are the half-moves that results tell apart, by their lowest.
var Bands = []int{0, 10, 20, 40, 60, 80}

func bandOf(ply int) int {
	i, found := slices.BinarySearch(Bands, ply)
	if !found {
		i--
	}
	return i
}

// Estimate is a share with a 95% interval that allows for states of one game being alike.
type Estimate = ideal.Estimate

// Score is how often answers are right.
type Score struct {
	Accuracy Estimate `json:"accuracy"` // of all questions
	// Of squares with a piece, and boards with all 64 right; of the board only.
	Occupied *Estimate `json:"occupied,omitempty"`
	Whole    *Estimate `json:"whole_board,omitempty"`
	// Plies has the accuracy by Bands; nil where there is no state.
	Plies []*Estimate `json:"by_ply"`
}

// Task is a kind of question.
type Task struct {
	Training int `json:"training_states"`
	Tested   int `json:"test_states"`
	// Majority always gives the most frequent answer of each question, MajorityByPly that of the band.
	Majority      Score   `json:"majority"`
	MajorityByPly Score   `json:"majority_by_ply"`
	Layers        []Layer `json:"layers"`
}

// Layer is the residual stream after a block, 0 being the embeddings.
type Layer struct {
	Layer  int   `json:"layer"`
	Model  Score `json:"model"`
	Random Score `json:"random_weights"`
}

// Best is the layer with the highest accuracy, picked by the tested states themselves.
func (t *Task) Best() *Layer {
	best := &t.Layers[0]
	for i := range t.Layers {
		if t.Layers[i].Model.Accuracy.Value > best.Model.Accuracy.Value {
			best = &t.Layers[i]
		}
	}
	return best
}

// Report is everything.
type Report struct {
	Options Options `json:"options"`
	Games   int     `json:"games"`
	Board   *Task   `json:"board"`
	// Rating is nil where too few ratings are known, and Low and High are the ends of the lower and the beginning of the upper third.
	Rating *Task `json:"rating"`
	Low    int   `json:"rating_low,omitempty"`
	High   int   `json:"rating_high,omitempty"`
}

// Work keeps fits that are done: get reads one, put writes it. An analysis.Journal is one.
type Work interface {
	Get(key string, value any) (bool, error)
	Put(key string, value any) error
}

// states are what is read, in the order of games.
type states struct {
	games []hidden.Game
	test  []bool // by game
	elo   [][2]int
	// of every state that the context holds
	game   []int
	ply    []int
	board  []uint8 // (states, squares)
	rating []int   // of the player to move, 0: unknown
}

// Run reads the states of m and of a model with random weights, layer by layer.
func Run(ctx context.Context, m *model.Model, tok data.Tokenizer, corpus *data.Corpus, o Options, work Work, progress func(done float64, what string)) (*Report, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	random, err := model.New(m.Config(), o.Seed)
	if err != nil {
		return nil, fmt.Errorf("probe: %w", err)
	}
	s := choose(corpus, &o)
	if err := s.read(ctx, m, tok, &o); err != nil {
		return nil, err
	}
	r := &Report{Options: o, Games: len(s.games)}
	tasks, err := s.tasks(r)
	if err != nil {
		return nil, err
	}
	layers := m.Config().Layers + 1
	f := fits{states: s, tok: tok, options: &o, tasks: tasks, work: work, progress: progress, total: layers * 2 * len(tasks)}
	for layer := range layers {
		trained, err := f.scores(ctx, m, "model", layer)
		if err != nil {
			return nil, err
		}
		untrained, err := f.scores(ctx, random, "random weights", layer)
		if err != nil {
			return nil, err
		}
		for i, t := range tasks {
			t.result.Layers = append(t.result.Layers, Layer{layer, trained[i], untrained[i]})
		}
	}
	r.Board = &tasks[0].result
	if len(tasks) > 1 {
		r.Rating = &tasks[1].result
	}
	return r, nil
}

// tasks are what is asked of the states: the board, and where enough is known the rating,
// whose bounds are the report's.
func (s *states) tasks(r *Report) ([]*task, error) {
	boards, err := s.task("board", squares, pieceClasses, func(i int, dst []uint8) bool {
		copy(dst, s.board[i*squares:(i+1)*squares])
		return true
	})
	if err != nil {
		return nil, fmt.Errorf("probe: the board: %w; give more games", err)
	}
	low, high, ok := s.thirds()
	if !ok {
		return []*task{boards}, nil
	}
	ratings, err := s.task("rating", 1, 2, func(i int, dst []uint8) bool {
		if s.rating[i] >= high {
			dst[0] = 1
		}
		return s.rating[i] > 0 && (s.rating[i] <= low || s.rating[i] >= high)
	})
	if err != nil {
		return []*task{boards}, nil
	}
	r.Low, r.High = low, high
	return []*task{boards, ratings}, nil
}

// fits are those of all tasks to all layers of models.
type fits struct {
	*states
	tok         data.Tokenizer
	options     *Options
	tasks       []*task
	work        Work
	progress    func(done float64, what string)
	done, total int
}

// scores are the tasks' in a layer of a model. Those that work does not have are fitted.
func (f *fits) scores(ctx context.Context, m *model.Model, name string, layer int) ([]Score, error) {
	scores := make([]Score, len(f.tasks))
	var x []float32 // read only when a fit needs it
	for i, t := range f.tasks {
		if f.progress != nil {
			f.progress(float64(f.done)/float64(f.total), fmt.Sprintf("%s, layer %d of %s", t.name, layer, name))
		}
		f.done++
		key := fmt.Sprintf("%s %s %d", t.name, name, layer)
		if ok, err := f.work.Get(key, &scores[i]); err != nil {
			return nil, err
		} else if ok {
			continue
		}
		var err error
		if x == nil {
			if x, err = f.layer(ctx, m, f.tok, layer); err != nil {
				return nil, err
			}
		}
		if scores[i], err = t.probe(ctx, x, m.Config().Width, f.options); err != nil {
			return nil, err
		}
		if err := f.work.Put(key, scores[i]); err != nil {
			return nil, err
		}
	}
	return scores, nil
}

// choose draws games and half-moves. The last position of a game, from which nobody moves, is left out.
func choose(corpus *data.Corpus, o *Options) *states {
	s := &states{}
	rng := rand.New(rand.NewPCG(o.Seed, 0x70726f6265))
	for _, i := range rng.Perm(corpus.Len()) {
		if o.Games > 0 && len(s.games) == o.Games {
			break
		}
		g := corpus.Game(i)
		if len(g.Moves) == 0 {
			continue
		}
		plies := rng.Perm(len(g.Moves))[:min(o.States, len(g.Moves))]
		slices.Sort(plies)
		s.games = append(s.games, hidden.Game{Moves: g.Moves, Plies: plies})
		s.test = append(s.test, data.InValidation(g.Moves, o.Test))
		s.elo = append(s.elo, [2]int{g.WhiteElo, g.BlackElo})
	}
	return s
}

// read finds out which states the context holds and what is asked of them.
func (s *states) read(ctx context.Context, m *model.Model, tok data.Tokenizer, o *Options) error {
	for i, g := range s.games {
		if err := ctx.Err(); err != nil {
			return err
		}
		p := bitboard.Start()
		at := 0
		for k, ply := range g.Plies {
			for ; at < ply; at++ {
				p.Make(g.Moves[at])
			}
			if len(tok.AppendPrompt(nil, g.Moves[:ply])) > m.Config().Context {
				s.games[i].Plies = g.Plies[:k]
				break
			}
			s.game, s.ply = append(s.game, i), append(s.ply, ply)
			s.rating = append(s.rating, s.elo[i][p.SideToMove()])
			s.board = appendBoard(s.board, &p, o.Relative)
		}
	}
	return nil
}

// appendBoard appends a class for each square: 0 empty, 1 to 6 pawn to king of White, or of the player to move, 7 to 12
// those of the other.
func appendBoard(dst []uint8, p *bitboard.Position, relative bool) []uint8 {
	first := bitboard.White
	if relative {
		first = p.SideToMove()
	}
	for square := range bitboard.Square(squares) {
		piece := p.PieceAt(square)
		class := uint8(piece.Type())
		if class > 0 && piece.Color() != first {
			class += 6
		}
		dst = append(dst, class)
	}
	return dst
}

// thirds of the ratings that are known, of training states.
func (s *states) thirds() (low, high int, ok bool) {
	var known []int
	for i, r := range s.rating {
		if r > 0 && !s.test[s.game[i]] {
			known = append(known, r)
		}
	}
	if len(known) < 30 {
		return 0, 0, false
	}
	slices.Sort(known)
	low, high = known[len(known)/3], known[len(known)*2/3]
	return low, high, low < high
}

// layer reads a layer of all states.
func (s *states) layer(ctx context.Context, m *model.Model, tok data.Tokenizer, layer int) ([]float32, error) {
	x := make([]float32, 0, len(s.game)*m.Config().Width)
	err := hidden.Collect(ctx, m, tok, s.games, []int{layer}, func(_, _, _ int, _ *bitboard.Position, state []float32) {
		x = append(x, state...)
	}, nil)
	if err == nil && len(x) != cap(x) {
		err = fmt.Errorf("probe: %d numbers of %d states of %d", len(x), len(s.game), m.Config().Width)
	}
	return x, err
}

// task is a kind of question with its answers.
type task struct {
	name           string
	s              *states
	heads, classes int
	rows           [2][]int   // states to learn from, and to test on
	labels         [2][]uint8 // (rows, heads)
	result         Task
}

// task asks heads questions of the states for which answer says so.
func (s *states) task(name string, heads, classes int, answer func(i int, dst []uint8) bool) (*task, error) {
	t := &task{name: name, s: s, heads: heads, classes: classes}
	label := make([]uint8, heads)
	for i, game := range s.game {
		clear(label)
		if !answer(i, label) {
			continue
		}
		side := 0
		if s.test[game] {
			side = 1
		}
		t.rows[side] = append(t.rows[side], i)
		t.labels[side] = append(t.labels[side], label...)
	}
	if len(t.rows[0]) < 2 || len(t.rows[1]) < 2 {
		return nil, fmt.Errorf("%d states to learn from and %d to test on", len(t.rows[0]), len(t.rows[1]))
	}
	t.result.Training, t.result.Tested = len(t.rows[0]), len(t.rows[1])
	t.result.Majority = t.majority(func(int) int { return 0 })
	t.result.MajorityByPly = t.majority(bandOf)
	return t, nil
}

// majority gives the most frequent answer among the training states of a kind.
func (t *task) majority(kind func(ply int) int) Score {
	counts := make([]int, len(Bands)*t.heads*t.classes)
	at := func(i, head int) []int {
		first := (kind(t.s.ply[i])*t.heads + head) * t.classes
		return counts[first : first+t.classes]
	}
	for k, i := range t.rows[0] {
		for h := range t.heads {
			at(i, h)[t.labels[0][k*t.heads+h]]++
		}
	}
	return t.score(func(k int, answers []uint8) {
		for h := range answers {
			best := at(t.rows[1][k], h)
			answers[h] = uint8(slices.Index(best, slices.Max(best)))
		}
	})
}

// probe fits to the training states and scores the others.
func (t *task) probe(ctx context.Context, x []float32, width int, o *Options) (Score, error) {
	var sides [2]logistic.Data
	for side, rows := range t.rows {
		d := logistic.Data{N: len(rows), Dim: width, Heads: t.heads, Classes: t.classes, Labels: t.labels[side]}
		d.X = make([]float32, 0, len(rows)*width)
		for _, i := range rows {
			d.X = append(d.X, x[i*width:(i+1)*width]...)
		}
		sides[side] = d
	}
	r, err := logistic.Fit(ctx, &sides[0], logistic.Options{Epochs: o.Epochs, L2: o.L2, Seed: o.Seed})
	if err != nil {
		return Score{}, fmt.Errorf("probe: %w", err)
	}
	answers := make([]uint8, 0, len(t.labels[1]))
	err = r.Each(&sides[1], func(_ int, logits []float32) {
		for h := range t.heads {
			answers = append(answers, uint8(r.Argmax(logits, h)))
		}
	})
	if err != nil {
		return Score{}, fmt.Errorf("probe: %w", err)
	}
	return t.score(func(k int, dst []uint8) { copy(dst, answers[k*t.heads:]) }), nil
}

// score compares answers to the tested states with the right ones.
func (t *task) score(answer func(k int, answers []uint8)) Score {
	games := len(t.s.games)
	all, occupied, whole := newClusters(games), newClusters(games), newClusters(games)
	bands := make([]clusters, len(Bands))
	for i := range bands {
		bands[i] = newClusters(games)
	}
	answers := make([]uint8, t.heads)
	for k, i := range t.rows[1] {
		answer(k, answers)
		right, pieces, rightPieces := 0, 0, 0
		for h, y := range t.labels[1][k*t.heads : (k+1)*t.heads] {
			hit := answers[h] == y
			if hit {
				right++
			}
			if y > 0 {
				pieces++
				if hit {
					rightPieces++
				}
			}
		}
		game, band := t.s.game[i], bandOf(t.s.ply[i])
		all.add(game, right, t.heads)
		bands[band].add(game, right, t.heads)
		occupied.add(game, rightPieces, pieces)
		full := 0
		if right == t.heads {
			full = 1
		}
		whole.add(game, full, 1)
	}
	s := Score{Accuracy: all.estimate()}
	if t.heads == squares {
		o, w := occupied.estimate(), whole.estimate()
		s.Occupied, s.Whole = &o, &w
	}
	for _, b := range bands {
		if b.total() == 0 {
			s.Plies = append(s.Plies, nil)
			continue
		}
		e := b.estimate()
		s.Plies = append(s.Plies, &e)
	}
	return s
}

// clusters are right answers and all answers, by game.
type clusters struct{ right, of []float64 }

func newClusters(games int) clusters {
	return clusters{make([]float64, games), make([]float64, games)}
}

func (c clusters) add(game, right, of int) {
	c.right[game] += float64(right)
	c.of[game] += float64(of)
}

func (c clusters) total() (n float64) {
	for _, v := range c.of {
		n += v
	}
	return n
}

// estimate is the share of right answers. Its error is that of a ratio of sums over games (the linearization that sample
// surveys use; Cochran 1977, section 6.4), within 0 to 1.
func (c clusters) estimate() Estimate {
	sum, games := 0.0, 0.0
	for i, v := range c.right {
		sum += v
		if c.of[i] > 0 {
			games++
		}
	}
	n := c.total()
	p := sum / n
	squares := 0.0
	for i, v := range c.right {
		squares += (v - p*c.of[i]) * (v - p*c.of[i])
	}
	if games < 2 {
		return Estimate{Value: p, Low: 0, High: 1}
	}
	half := 1.96 * math.Sqrt(squares*games/(games-1)) / n
	return Estimate{Value: p, Low: max(p-half, 0), High: min(p+half, 1)}
}
