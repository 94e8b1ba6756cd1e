package analysis

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"

	"transcend/data"
	"transcend/internal/bitboard"
	"transcend/model"
	"transcend/model/sampling"
)

// Precision is what a decoder's formats change in a model's choice of tokens, against
// float32 throughout: with the move tokenizer, of moves. Distributions are those at
// temperature 1, over the whole vocabulary.
type Precision struct {
	Decoder    string  `json:"decoder"` // see model.BatchDecoder.Precision
	Games      int     `json:"games"`
	Positions  int     `json:"positions"`
	SameArgmax int     `json:"same_argmax"`    // positions with the same likeliest token
	MeanKL     float64 `json:"mean_kl_nats"`   // Σ p·ln(p/q), p being float32's
	MaxKL      float64 `json:"max_kl_nats"`    // of a position
	MeanTV     float64 `json:"mean_variation"` // Σ|p−q|/2: how often a draw must differ
	MaxChange  float64 `json:"max_change"`     // of one token's probability
	// MaxMargin is the largest difference of float32's probabilities between its own
	// likeliest token and the decoder's: how clear a choice was that changed.
	MaxMargin float64 `json:"max_margin"`
}

// sideBySide is how many games ComparePrecision decodes at a time.
const sideBySide = 64

// ComparePrecision plays games through decoders with the options given, a token at a
// time, and compares them with a float32 one in every position that the model's context
// can hold. positions bounds those looked at, in whole rounds of games; 0 does not.
func ComparePrecision(ctx context.Context, m *model.Model, tok data.Tokenizer, games *data.Corpus, options []model.BatchOptions, positions int, seed uint64) ([]Precision, error) {
	enc, err := data.EncoderOf(tok, m.Config())
	if err != nil {
		return nil, fmt.Errorf("analysis: precision: %w", err)
	}
	decoders := lockstep{slots: m.Config().ExtraSlots}
	decoders.add(m.NewBatchDecoder(model.BatchOptions{}))
	out := make([]Precision, len(options))
	for i, o := range options {
		d := m.NewBatchDecoder(o)
		decoders.add(d)
		out[i].Decoder = d.Precision()
	}
	var p, q []float64
	settings := sampling.Settings{Temperature: 1}
	order := rand.New(rand.NewPCG(seed, 0x507265636973)).Perm(games.Len())
	for at := 0; at < len(order) && (positions == 0 || len(out) > 0 && out[0].Positions < positions); at += sideBySide {
		chosen := order[at:min(at+sideBySide, len(order))]
		texts, extras := make([][]int32, len(chosen)), make([][]int32, len(chosen))
		for i, g := range chosen {
			moves := games.Moves(g)
			game := bitboard.NewGame(bitboard.Start())
			for _, move := range moves[:len(moves)-1] {
				if err := game.Make(move); err != nil {
					return nil, fmt.Errorf("analysis: precision: the corpus has an illegal move: %w", err)
				}
			}
			text := tok.AppendPrompt(nil, game.Moves())
			texts[i] = text[:min(len(text), m.Config().Context)]
			extras[i] = enc.AppendExtras(nil, game, 0, len(texts[i]))
		}
		err := decoders.read(ctx, texts, extras, func(steps [][]model.Step) {
			for i, s := range steps[0] {
				p = settings.Probabilities(p, s.Logits, nil)
				for o := range options {
					q = settings.Probabilities(q, steps[o+1][i].Logits, nil)
					out[o].add(p, q)
				}
			}
		})
		if err != nil {
			return nil, fmt.Errorf("analysis: precision: %w", err)
		}
		for o := range out {
			out[o].Games += len(chosen)
		}
	}
	for o := range out {
		if n := float64(out[o].Positions); n > 0 {
			out[o].MeanKL /= n
			out[o].MeanTV /= n
		}
	}
	return out, nil
}

// lockstep are decoders of one model that read the same texts side by side.
type lockstep struct {
	slots     int // extra ids of a token
	decoders  []*model.BatchDecoder
	sequences [][]*model.Sequence // of each decoder, sideBySide of them
}

func (l *lockstep) add(d *model.BatchDecoder) {
	var sequences []*model.Sequence
	for range sideBySide {
		sequences = append(sequences, d.NewSequence())
	}
	l.decoders, l.sequences = append(l.decoders, d), append(l.sequences, sequences)
}

// read reads up to sideBySide texts from their beginnings and calls each after every token, with the steps of
// each decoder: one for every text that has a token there.
func (l *lockstep) read(ctx context.Context, texts, extras [][]int32, each func(steps [][]model.Step)) error {
	for _, sequences := range l.sequences {
		for _, s := range sequences {
			s.Truncate(0)
		}
	}
	steps := make([][]model.Step, len(l.decoders))
	for t := 0; ; t++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		for d, decoder := range l.decoders {
			steps[d] = steps[d][:0]
			for i, text := range texts {
				if t < len(text) {
					steps[d] = append(steps[d], model.Step{Sequence: l.sequences[d][i], Tokens: text[t : t+1], Extras: extras[i][t*l.slots : (t+1)*l.slots]})
				}
			}
			if err := decoder.Append(steps[d]); err != nil {
				return err
			}
		}
		if len(steps[0]) == 0 {
			return nil
		}
		each(steps)
	}
}

// add counts a position; the means are sums until the end.
func (c *Precision) add(p, q []float64) {
	bestP, bestQ := 0, 0
	kl, variation := 0.0, 0.0
	for i := range p {
		if p[i] > p[bestP] {
			bestP = i
		}
		if q[i] > q[bestQ] {
			bestQ = i
		}
		if p[i] > 0 {
			kl += p[i] * math.Log(p[i]/q[i])
		}
		change := math.Abs(p[i] - q[i])
		variation += change / 2
		c.MaxChange = max(c.MaxChange, change)
	}
	c.Positions++
	if bestP == bestQ {
		c.SameArgmax++
	}
	c.MaxMargin = max(c.MaxMargin, p[bestP]-p[bestQ])
	kl = max(kl, 0) // rounding
	c.MeanKL += kl
	c.MaxKL = max(c.MaxKL, kl)
	c.MeanTV += variation
}
