package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"transcend/internal/cli"
	"transcend/model"
)

// trained is the training of one shape.
type trained struct {
	Shape       string  `json:"shape"`
	Parameters  int     `json:"parameters"`
	Precision   string  `json:"precision"`
	Optimizer   string  `json:"optimizer"`
	TokPerS     float64 `json:"tok_per_s"`
	BestTokPerS float64 `json:"best_tok_per_s"` // of the fastest step
	GFLOPS      float64 `json:"gflops"`
	Share       float64 `json:"share,omitempty"`
}

// shape is a model with a number of rows to train, or of games to decode.
type shape struct {
	name string
	cfg  model.Config
	rows int
}

// parseShapes reads all values of a flag.
func parseShapes(flag string, shapes []string) ([]shape, error) {
	var all []shape
	for _, s := range shapes {
		r, err := parseShape(flag, s)
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, nil
}

func parseShape(flag, s string) (shape, error) {
	bad := func(why any) (shape, error) {
		return shape{}, cli.WithHint(cli.Usagef("--%s %s: %v", flag, s, why),
			"six numbers: layers,heads,width,context,vocab,batch or games, as 8,8,256,128,2048,32")
	}
	words := strings.Split(s, ",")
	if len(words) != 6 {
		return bad(fmt.Sprintf("%d numbers", len(words)))
	}
	var n [6]int
	for i, w := range words {
		var err error
		if n[i], err = strconv.Atoi(strings.TrimSpace(w)); err != nil {
			return bad(fmt.Sprintf("%q is not a number", w))
		}
	}
	r := shape{name: s, rows: n[5], cfg: model.Config{
		Layers: n[0], Heads: n[1], Width: n[2], Context: n[3], Vocab: n[4], Activation: model.GELU,
	}}
	if err := r.cfg.Validate(); err != nil {
		return bad(err)
	}
	if r.rows < 1 || float64(r.rows)*float64(r.cfg.Context) > 1<<24 {
		return bad(fmt.Sprintf("a batch of %d rows: want at least 1, and at most 16 million tokens", r.rows))
	}
	return r, nil
}

// train makes steps for the given time, after two to warm up.
func (r shape) train(ctx context.Context, optimizer, precision string, during time.Duration) (trained, error) {
	trainer, err := r.trainer(optimizer, precision)
	if err != nil {
		return trained{}, err
	}
	rate, err := r.rate(ctx, trainer, during)
	rate.Precision, rate.Optimizer = precision, optimizer
	return rate, err
}

// trainer trains on random tokens at a constant rate.
func (r shape) trainer(optimizer, precision string) (*model.Trainer, error) {
	m, err := model.New(r.cfg, 1)
	if err != nil {
		return nil, err
	}
	tc := model.DefaultTrainConfig()
	tc.Rows, tc.Schedule, tc.Optimizer, tc.Precision = r.rows, model.ScheduleConstant, optimizer, precision
	return model.NewTrainer(m, tc, &randomTokens{vocab: r.cfg.Vocab, rng: rand.New(rand.NewPCG(1, 1))})
}

// rate makes launches of steps for the given time, after two to warm up.
func (r shape) rate(ctx context.Context, trainer *model.Trainer, during time.Duration) (trained, error) {
	t := trained{Shape: r.name, Parameters: r.cfg.NumParams()}
	var spent time.Duration
	best, steps, launch := time.Duration(1<<62), 0, trainer.Launch()
	for i := 0; spent < during; i++ {
		if err := ctx.Err(); err != nil {
			return t, fmt.Errorf("stopped: %w", err)
		}
		start := time.Now()
		if _, err := trainer.Steps(launch); err != nil {
			return t, err
		}
		if i < 2 {
			continue
		}
		d := time.Since(start)
		spent, best, steps = spent+d, min(best, d), steps+launch
	}
	tokens := float64(r.rows * r.cfg.Context)
	t.TokPerS = tokens * float64(steps) / spent.Seconds()
	t.BestTokPerS = tokens * float64(launch) / best.Seconds()
	t.GFLOPS = t.TokPerS * r.cfg.FLOPsPerToken(r.cfg.Context) / 1e9
	return t, nil
}

// randomTokens is a source in which every token has a target and sees all that
// are before it in its row.
type randomTokens struct {
	vocab int
	rng   *rand.Rand
}

func (s *randomTokens) Next(b *model.Batch) error {
	for i := range b.Tokens {
		b.Tokens[i], b.Targets[i] = int32(s.rng.IntN(s.vocab)), int32(s.rng.IntN(s.vocab))
		b.Positions[i], b.SegmentStart[i] = int32(i%b.Context), 0
	}
	return nil
}

// A benchmark is not resumed.
func (s *randomTokens) State() ([]byte, error) { return nil, nil }
func (s *randomTokens) Restore([]byte) error   { return nil }
