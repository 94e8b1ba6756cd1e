package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"transcend/model"
	"transcend/model/sampling"
)

// decodeShape is measured when --decode is not given: layers, heads, width,
// context, vocabulary, games.
const decodeShape = "8,8,256,128,2048,64"

// decoded is decoding in one format: games side by side, a token each in a pass,
// from an empty context to a full one, drawn from all at temperature 1.
type decoded struct {
	Shape    string  `json:"shape"`
	Weights  string  `json:"weights"`
	How      string  `json:"precision"`
	Games    int     `json:"games"`
	TokPerS  float64 `json:"tok_per_s"`
	OneTokPS float64 `json:"one_game_tok_per_s"`
	Ratio    float64 `json:"ratio"` // of the two
	MBytes   float64 `json:"weights_mb"`
}

// decoding is a number of games being decoded for a benchmark.
type decoding struct {
	d     *model.BatchDecoder
	steps []model.Step
	spent time.Duration
	n     int // tokens in that time
}

func newDecoding(m *model.Model, o model.BatchOptions, games int) *decoding {
	b := &decoding{d: m.NewBatchDecoder(o)}
	for i := range games {
		b.steps = append(b.steps, model.Step{
			Sequence: b.d.NewSequence(), Tokens: []int32{0},
			Choice: &sampling.Choice{Settings: sampling.Settings{Temperature: 1}, Rand: rand.New(rand.NewPCG(uint64(i), 1))},
		})
	}
	return b
}

// play decodes whole contexts for at least the given time.
func (b *decoding) play(ctx context.Context, length int, during time.Duration) error {
	start := time.Now()
	for b.n == 0 || time.Since(start) < during {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("stopped: %w", err)
		}
		for i := range b.steps {
			b.steps[i].Sequence.Truncate(0)
		}
		for range length {
			if err := b.d.Append(b.steps); err != nil {
				return err
			}
			for i := range b.steps {
				b.steps[i].Tokens[0] = b.steps[i].Choice.ID
			}
		}
		b.n += len(b.steps) * length
	}
	b.spent += time.Since(start)
	return nil
}

func (b *decoding) rate() float64 { return float64(b.n) / b.spent.Seconds() }

// decode measures one game and all games in turn, because other work on the machine
// comes and goes.
func (r shape) decode(ctx context.Context, weights model.Format, during time.Duration) (decoded, error) {
	out := decoded{Shape: r.name, Weights: weights.String(), Games: r.rows}
	m, err := model.New(r.cfg, 1)
	if err != nil {
		return out, err
	}
	o := model.BatchOptions{Weights: weights}
	if weights != model.F32 {
		o.Cache = model.BF16
	}
	one, many := newDecoding(m, o, 1), newDecoding(m, o, r.rows)
	const rounds = 5
	for i := range rounds + 1 {
		if i < 2 { // the first is for warming up
			for _, b := range []*decoding{one, many} {
				b.n, b.spent = 0, 0
			}
		}
		for _, b := range []*decoding{one, many} {
			if err := b.play(ctx, r.cfg.Context, during/(2*rounds)); err != nil {
				return out, err
			}
		}
	}
	out.How, out.MBytes = many.d.Precision(), float64(many.d.WeightBytes())/1e6
	out.TokPerS, out.OneTokPS = many.rate(), one.rate()
	out.Ratio = out.TokPerS / out.OneTokPS
	return out, nil
}
