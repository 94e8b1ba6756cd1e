package engine

import (
	"runtime"
	"sync"
	"time"

	"transcend/model"
	"transcend/model/sampling"
)

// Batch decodes for many players of one model, whose games may go on at the same time:
// what they ask for while the model is at work is its next pass, one for all of them.
// A game is the same whatever other games run beside it (see model.BatchDecoder).
//
// It has no goroutine of its own: of those who wait, one does the work for all. There
// is nothing to close. Its methods may be called from any goroutine.
type Batch struct {
	m   *model.Model
	dec *model.BatchDecoder // of whoever leads

	mu      sync.Mutex
	leading bool
	pending []*batched
	left    []*model.Sequence // of players that were closed, to be given back
	taken   []*batched        // the batch at work, and the memory of the next pending
	steps   []model.Step

	passes, requests int // so far
	answered         int // requests in the last pass,
	took             time.Duration
}

// NewBatch returns a decoder of m for any number of players.
func NewBatch(m *model.Model, o model.BatchOptions) *Batch {
	return &Batch{m: m, dec: m.NewBatchDecoder(o)}
}

// Precision says how the model computes; see model.BatchDecoder.
func (b *Batch) Precision() string { return b.dec.Precision() }

// batched is the decoder of one player: a sequence of a Batch, and what is asked for it.
type batched struct {
	b      *Batch
	s      *model.Sequence
	tokens []int32
	extras []int32
	choice *sampling.Choice
	logits []float32
	err    error
	pass   int       // the last one that it was in
	turn   chan bool // true: lead; false: the answer is there
}

func (b *Batch) newDecoder() *batched {
	return &batched{b: b, s: b.dec.NewSequence(), logits: make([]float32, b.m.Config().Vocab), turn: make(chan bool, 1)}
}

// free gives the sequence's memory back with the next pass. The decoder is not used again.
func (r *batched) free() {
	r.b.mu.Lock()
	r.b.left = append(r.b.left, r.s)
	r.b.mu.Unlock()
}

func (r *batched) Len() int       { return r.s.Len() }
func (r *batched) Truncate(n int) { r.s.Truncate(n) }

// Append is model.Decoder's AppendExtras with a choice. It returns when a pass has answered it.
func (r *batched) Append(choice *sampling.Choice, extras []int32, tokens ...int32) ([]float32, error) {
	r.tokens, r.extras, r.choice = append(r.tokens[:0], tokens...), append(r.extras[:0], extras...), choice
	b := r.b
	b.mu.Lock()
	b.pending = append(b.pending, r)
	lead := !b.leading
	b.leading = true
	b.mu.Unlock()
	if lead || <-r.turn {
		b.lead(r)
	}
	r.choice = nil
	return r.logits, r.err
}

// lead makes a pass for all that is pending, which includes own, and hands the lead on.
func (b *Batch) lead(own *batched) {
	batch := b.gather()
	start := time.Now()
	b.decode(batch)
	b.answered, b.took = len(batch), time.Since(start)
	for _, r := range batch {
		r.pass = b.passes
	}
	b.mu.Lock()
	var next *batched
	if len(b.pending) > 0 {
		next = b.pending[0]
	}
	b.leading = next != nil
	// From here on another may lead, and use the memory of this batch once it has
	// gathered, which it cannot before the lock is open.
	for _, r := range batch {
		if r != own {
			r.turn <- false
		}
	}
	clear(batch)
	b.mu.Unlock()
	if next != nil {
		next.turn <- true
	}
}

// patience is the part of the last pass's time that the next is put off at most for
// those to come back who were in the last one. Two games would otherwise take turns: one
// thinks while the other is asked.
const patience = 8

// gather waits a little for those who are about to ask, and takes what is pending.
func (b *Batch) gather() []*batched {
	start := time.Now()
	for n := 0; ; runtime.Gosched() {
		b.mu.Lock()
		before := n
		n = len(b.pending)
		expected := b.answered // and those who were not in the last pass
		for _, r := range b.pending {
			if r.pass != b.passes || b.passes == 0 {
				expected++
			}
		}
		if n == before && (n >= expected || time.Since(start) > b.took/patience) {
			break
		}
		b.mu.Unlock()
	}
	defer b.mu.Unlock()
	for _, s := range b.left {
		s.Reset()
	}
	clear(b.left)
	b.left = b.left[:0]
	b.taken, b.pending = b.pending, b.taken[:0]
	return b.taken
}

// decode answers a batch.
func (b *Batch) decode(batch []*batched) {
	b.passes, b.requests = b.passes+1, b.requests+len(batch)
	b.steps = b.steps[:0]
	for _, r := range batch {
		b.steps = append(b.steps, model.Step{Sequence: r.s, Tokens: r.tokens, Extras: r.extras, Choice: r.choice, Keep: r.logits})
	}
	err := b.dec.Append(b.steps)
	if err != nil && len(batch) > 1 {
		// One of them asks for what cannot be; the others must not notice.
		for i := range batch {
			b.decode(batch[i : i+1])
		}
		return
	}
	for _, r := range batch {
		r.err = err
	}
	clear(b.steps)
}
