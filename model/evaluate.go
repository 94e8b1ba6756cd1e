package model

import "transcend/model/internal/phases"

// Evaluation sums up a model's predictions on some tokens.
type Evaluation struct {
	Sum     float64 // cross-entropy in nats, summed
	Count   int     // tokens with a target
	Correct int     // tokens whose target has the largest logit (lowest id on ties)
}

// Add adds the counts of o.
func (e *Evaluation) Add(o Evaluation) {
	e.Sum += o.Sum
	e.Count += o.Count
	e.Correct += o.Correct
}

// Loss is the mean cross-entropy in nats; NaN for no tokens.
func (e Evaluation) Loss() float64 { return e.Sum / float64(e.Count) }

// Accuracy is the share of tokens predicted as the most likely one; NaN for no
// tokens.
func (e Evaluation) Accuracy() float64 { return float64(e.Correct) / float64(e.Count) }

// Evaluator computes losses. It owns its working memory, so several may work
// on one Model at the same time; one Evaluator is for one goroutine at a time.
type Evaluator struct{ nw *network }

// NewEvaluator returns an evaluator that uses GOMAXPROCS threads.
func (m *Model) NewEvaluator() *Evaluator {
	return &Evaluator{nw: newNetwork(m, phases.NewPool(), false)}
}

// SetThreads sets the number of goroutines that work; n below 1 means
// GOMAXPROCS. Matrix products use the threads that the installed BLAS uses.
func (e *Evaluator) SetThreads(n int) { e.nw.pool.SetThreads(n) }

// Evaluate returns the loss on b. The same batch gives the same bits for any
// number of threads.
func (e *Evaluator) Evaluate(b *Batch) (Evaluation, error) {
	return e.EachLogits(b, nil)
}

// EachLogits is Evaluate and shows visit the logits of every token that has a
// target, in order. The slice has one logit for each id of the vocabulary and
// is the evaluator's: it may be read until visit returns.
func (e *Evaluator) EachLogits(b *Batch, visit func(token int, logits []float32)) (Evaluation, error) {
	if err := b.Validate(e.nw.cfg); err != nil {
		return Evaluation{}, err
	}
	e.nw.resize(b.Rows, b.Context)
	e.nw.forward(b)
	return e.nw.loss(b, nil, 0, visit), nil
}

// EachStream shows visit the residual stream at every depth: layer 0 is the sum of the embeddings, layer i
// what block i, counted from 1, leaves, so that the last is Config.Layers, before the last LayerNorm. The
// slice has Rows·Context times Config.Width numbers, in the order of b.Tokens, and is the evaluator's: it may
// be read until visit returns. Targets are not looked at.
func (e *Evaluator) EachStream(b *Batch, visit func(layer int, stream []float32)) error {
	if err := b.Validate(e.nw.cfg); err != nil {
		return err
	}
	e.nw.resize(b.Rows, b.Context)
	e.nw.watch = visit
	e.nw.forward(b)
	e.nw.watch = nil
	return nil
}

// Loss returns the summed cross-entropy of b in nats and the number of tokens
// it is over. For many batches, keep an Evaluator: it reuses its memory.
func (m *Model) Loss(b *Batch) (sum float64, count int, err error) {
	e, err := m.NewEvaluator().Evaluate(b)
	return e.Sum, e.Count, err
}
