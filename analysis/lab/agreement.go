package lab

// How often a model plays what the experts mean to play, and how often what is legal, by
// the length of the game so far.

import (
	"context"
	"fmt"
	"math"
	"sync"

	"gonum.org/v1/gonum/stat/distuv"

	"transcend/data/league"
	"transcend/elo"
	"transcend/engine"
	"transcend/internal/bitboard"
	"transcend/internal/cli"
	"transcend/internal/draw"
	"transcend/internal/parallel"
)

// Rate is a share of positions, counted game by game: positions of one game are alike, and
// its interval knows that.
type Rate struct {
	Hits  int `json:"hits"`
	Of    int `json:"of"`
	Games int `json:"games"` // with at least one of them
	// Sums over games of hits squared, hits times positions, and positions squared.
	HH int `json:"hh"`
	HN int `json:"hn"`
	NN int `json:"nn"`
}

// add counts a game.
func (r *Rate) add(hits, of int) {
	if of == 0 {
		return
	}
	r.Hits, r.Of, r.Games = r.Hits+hits, r.Of+of, r.Games+1
	r.HH, r.HN, r.NN = r.HH+hits*hits, r.HN+hits*of, r.NN+of*of
}

// Value is the share; NaN of nothing.
func (r Rate) Value() float64 { return float64(r.Hits) / float64(r.Of) }

// Interval is Wilson's 95% interval for as many independent positions as tell as much as
// these: the variance is that of a ratio of sums over games, which are independent.
func (r Rate) Interval() elo.Interval {
	if r.Of == 0 {
		return elo.Interval{Low: 0, High: 1}
	}
	p, n := r.Value(), float64(r.Of)
	effective := n
	if r.Games > 1 && p > 0 && p < 1 {
		squares := float64(r.HH) - 2*p*float64(r.HN) + p*p*float64(r.NN)
		variance := squares / (n * n) * float64(r.Games) / float64(r.Games-1)
		if alike := variance * n / (p * (1 - p)); alike > 1 {
			effective = n / alike
		}
	} else if r.Games > 0 {
		// All or none hit: nothing tells how alike positions of a game are.
		effective = float64(r.Games)
	}
	z := distuv.UnitNormal.Quantile(0.975)
	center := (p + z*z/(2*effective)) / (1 + z*z/effective)
	half := z / (1 + z*z/effective) * math.Sqrt(p*(1-p)/effective+z*z/(4*effective*effective))
	return elo.Interval{Low: max(0, center-half), High: min(1, center+half)}
}

// Agreement is what is counted over positions in which an expert chose a move.
type Agreement struct {
	// Legal and Meant are about the move that the model holds likeliest: it is legal, it is
	// the expert's move without noise and oversights. Sampled is that a move drawn at
	// temperature 1 is legal. Empty without a model.
	Legal   Rate `json:"legal"`
	Sampled Rate `json:"sampled_legal"`
	Meant   Rate `json:"meant"`
	// Expert is that the expert played what it meant.
	Expert Rate `json:"expert"`
	// Of the positions in which the expert played something else, MeantAnyway is that the
	// model's likeliest move is what was meant, Copied that it is what was played.
	MeantAnyway Rate `json:"meant_anyway"`
	Copied      Rate `json:"copied"`
}

// Band is the agreement in some positions.
type Band struct {
	// From and To are plies, from 1, or how often a position occurred in the games that were
	// trained on; To 0 is no bound.
	From int `json:"from"`
	To   int `json:"to"`
	Agreement
}

// Agreements are the bands of a cell.
type Agreements struct {
	All Agreement `json:"all"`
	// Quarters are those of the longest game, Plies finer bands.
	Quarters []Band `json:"quarters"`
	Plies    []Band `json:"plies"`
	// Seen is by how often the position occurred in the games that were trained on.
	Seen []Band `json:"seen"`
}

// finePlies is the width of the finer bands.
const finePlies = 8

// seenBands are the lower ends of the bands of Agreements.Seen.
var seenBands = []int{0, 1, 2, 10, 100}

func newAgreements(maxPlies int) *Agreements {
	a := new(Agreements)
	bands := func(width int) (all []Band) {
		for from := 1; from <= maxPlies; from += width {
			all = append(all, Band{From: from, To: min(from+width-1, maxPlies)})
		}
		return all
	}
	a.Quarters, a.Plies = bands((maxPlies+3)/4), bands(finePlies)
	for i, from := range seenBands {
		b := Band{From: from}
		if i+1 < len(seenBands) {
			b.To = seenBands[i+1] - 1
		}
		a.Seen = append(a.Seen, b)
	}
	return a
}

// band is the one that x is in.
func band(bands []Band, x int) *Band {
	for i := range bands {
		if x >= bands[i].From && (x <= bands[i].To || bands[i].To == 0 && i == len(bands)-1) {
			return &bands[i]
		}
	}
	return nil
}

// tally counts one game's positions in one band.
type tally struct {
	positions, legal, sampled, meant, expert int
	erred, meantAnyway, copied               int
}

func (a *Agreement) add(t tally, withModel bool) {
	a.Expert.add(t.expert, t.positions)
	if withModel {
		a.Legal.add(t.legal, t.positions)
		a.Sampled.add(t.sampled, t.positions)
		a.Meant.add(t.meant, t.positions)
		a.MeantAnyway.add(t.meantAnyway, t.erred)
		a.Copied.add(t.copied, t.erred)
	}
}

// agreement walks through held-out games until it has seen enough positions.
func (l *Lab) agreement(ctx context.Context, s *Setup) (*Agreements, error) {
	games := s.HeldOut
	positions := 0
	for i, g := range games {
		if positions += len(g.Moves); positions >= s.Cell.Measure.Positions {
			games = games[:i+1]
			break
		}
	}
	seen, err := l.occurrences(ctx, s, games)
	if err != nil {
		return nil, err
	}
	total := newAgreements(s.Cell.Corpus.MaxPlies)
	var (
		mu   sync.Mutex
		done int
	)
	err = parallel.Each(ctx, l.atOnce(), len(games), func() (func(context.Context, int) error, func(), error) {
		w, err := newWalker(s)
		if err != nil {
			return nil, nil, err
		}
		return func(ctx context.Context, i int) error {
			bands, err := w.walk(ctx, games[i], draw.Mix(s.Cell.Seed, uint64(i)), seen, total)
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			for b, t := range bands {
				if b == nil {
					total.All.add(t, s.Model != nil)
				} else {
					b.add(t, s.Model != nil)
				}
			}
			done++
			l.show(float64(done)/float64(len(games)), "agreement on held-out games: %s/%s", cli.Count(done), cli.Count(len(games)))
			return nil
		}, nil, nil
	})
	if err != nil {
		return nil, fmt.Errorf("lab: agreement: %w", err)
	}
	return total, nil
}

// occurrences counts how often the positions of some games are in those to train on.
func (l *Lab) occurrences(ctx context.Context, s *Setup, games []*league.Game) (map[uint64]int, error) {
	seen := map[uint64]int{}
	for _, g := range games {
		board := bitboard.NewGame(bitboard.Start())
		for _, m := range g.Moves {
			seen[board.Position().Hash()] = 0
			if err := board.Make(m); err != nil {
				return nil, fmt.Errorf("lab: game %d: %w", g.Number+1, err)
			}
		}
	}
	if s.Training == nil {
		return seen, nil
	}
	training, err := s.Training(ctx)
	if err != nil {
		return nil, err
	}
	for i := range training.Len() {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		pos := bitboard.Start()
		for _, m := range training.Moves(i) {
			hash := pos.Hash()
			if n, ok := seen[hash]; ok {
				seen[hash] = n + 1
			}
			pos.Make(m) // they were checked when the file was read
		}
	}
	return seen, nil
}

// walker asks a model at every position of a game.
type walker struct {
	mover           *league.Mover
	argmax, sampled *engine.ModelPlayer // nil without a model
}

func newWalker(s *Setup) (*walker, error) {
	w := &walker{mover: league.NewMover(0)}
	if s.Model == nil {
		return w, nil
	}
	once := engine.ModelConfig{Model: s.Model, Tokenizer: s.Tokenizer, Batch: s.Batch, Policy: engine.IllegalPolicy{Kind: engine.ForfeitAfter, Attempts: 1}}
	var err error
	if w.argmax, err = engine.NewModelPlayer(once); err != nil {
		return nil, err
	}
	once.Sampling.Temperature = 1
	w.sampled, err = engine.NewModelPlayer(once)
	return w, err
}

// walk counts the positions of a game by the bands that they are in; nil is all of them.
func (w *walker) walk(ctx context.Context, g *league.Game, seed uint64, seen map[uint64]int, bands *Agreements) (map[*Band]tally, error) {
	for _, p := range []*engine.ModelPlayer{w.argmax, w.sampled} {
		if p != nil {
			if err := p.NewGame(ctx, seed); err != nil {
				return nil, err
			}
		}
	}
	counts := map[*Band]tally{}
	board := bitboard.NewGame(bitboard.Start())
	for ply, played := range g.Moves {
		if g.Marks[ply] != league.Booked {
			expert := g.White
			if board.Position().SideToMove() == bitboard.Black {
				expert = g.Black
			}
			meant, err := w.mover.Intended(&expert.Player, board)
			if err != nil {
				return nil, err
			}
			t := tally{positions: 1}
			if played == meant {
				t.expert = 1
			} else {
				t.erred = 1
			}
			if w.argmax != nil {
				move, legal, full, err := ask(ctx, w.argmax, board)
				if err != nil {
					return nil, err
				}
				if full {
					break // the rest of the game does not fit
				}
				_, sampled, _, err := ask(ctx, w.sampled, board)
				if err != nil {
					return nil, err
				}
				t.legal, t.sampled, t.meant = one(legal), one(sampled), one(legal && move == meant)
				if t.erred == 1 {
					t.meantAnyway, t.copied = t.meant, one(legal && move == played)
				}
			}
			for _, b := range []*Band{nil, band(bands.Quarters, ply+1), band(bands.Plies, ply+1), band(bands.Seen, seen[board.Position().Hash()])} {
				counts[b] = counts[b].plus(t)
			}
		}
		if err := board.Make(played); err != nil {
			return nil, fmt.Errorf("lab: game %d: %w", g.Number+1, err)
		}
	}
	return counts, nil
}

func (t tally) plus(u tally) tally {
	return tally{
		t.positions + u.positions, t.legal + u.legal, t.sampled + u.sampled, t.meant + u.meant, t.expert + u.expert,
		t.erred + u.erred, t.meantAnyway + u.meantAnyway, t.copied + u.copied,
	}
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}

// ask lets p try to move once. full tells that the context holds no more.
func ask(ctx context.Context, p *engine.ModelPlayer, board *bitboard.Game) (m bitboard.Move, legal, full bool, err error) {
	reply, err := p.Move(ctx, board, engine.Limit{})
	switch engine.FailureOf(err) {
	case engine.NoFailure:
		return reply.Move, true, false, nil
	case engine.IllegalMove, engine.Resignation:
		return bitboard.NoMove, false, false, nil
	case engine.Length:
		return bitboard.NoMove, false, true, nil
	}
	return bitboard.NoMove, false, false, err
}
