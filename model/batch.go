package model

import (
	"errors"
	"fmt"
)

// Batch is a rectangle of tokens: Rows sequences of Context tokens each, one
// after the other. All slices have length Rows·Context; entry r·Context+t
// belongs to position t of row r.
//
// A row may hold several independent segments (games). Attention stays inside
// a segment, and the products for it are only computed there.
type Batch struct {
	Rows, Context int
	// Tokens are the inputs, 0 ≤ id < Config.Vocab.
	Tokens []int32
	// Targets are the ids to predict, or -1 where there is no loss (padding).
	Targets []int32
	// Positions picks the learned position embedding of each token,
	// 0 ≤ position < Config.Context. Whether it restarts with each segment or
	// runs on through the row is the source's choice.
	Positions []int32
	// SegmentStart is the index inside the row of the first token that token
	// t attends to: t sees [SegmentStart[t], t]. A segment is contiguous, so
	// SegmentStart[t] is either SegmentStart[t-1] or t. Padding is a segment
	// like any other.
	SegmentStart []int32
	// Extras are the extra ids of each token, ExtraSlots numbers a token (see Config):
	// ids, 0 ≤ id < Config.ExtraVocab, in any order, and after the last of them, where
	// there are fewer, -1. They have length Rows·Context·ExtraSlots.
	ExtraSlots int
	Extras     []int32
}

// Source is an endless, seeded stream of batches. A trainer asks for one batch
// a micro step and keeps the source's State in its checkpoints; a source that
// was restored goes on with exactly the batches the original would have given.
//
// A Source is used by one goroutine at a time.
type Source interface {
	// Next fills b with Rows·Context tokens as b.Rows and b.Context say, the
	// slices being there already (see Resize) and to be overwritten entirely.
	// A source with a fixed context may call b.Resize to change it. ExtraSlots is the
	// source's to set, before it calls b.Resize.
	Next(b *Batch) error
	// State returns where the stream stands. It may be called between any two
	// calls of Next.
	State() ([]byte, error)
	// Restore goes back to a State of a source with the same data and
	// settings; another source's State is an error.
	Restore(state []byte) error
}

// NewBatch returns a batch of rows·context zero tokens.
func NewBatch(rows, context int) *Batch {
	b := new(Batch)
	b.Resize(rows, context)
	return b
}

// Resize makes the batch rows by context, keeping the memory where it
// suffices. What the slices hold afterwards is unspecified.
func (b *Batch) Resize(rows, context int) {
	n := rows * context
	b.Rows, b.Context = rows, context
	b.Tokens = grow(b.Tokens, n)
	b.Targets = grow(b.Targets, n)
	b.Positions = grow(b.Positions, n)
	b.SegmentStart = grow(b.SegmentStart, n)
	b.Extras = grow(b.Extras, n*b.ExtraSlots)
}

// grow returns s with length n, reallocated only when it must be. The content
// is unspecified.
func grow[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}

// ErrBatch is what every error about a malformed Batch wraps.
var ErrBatch = errors.New("malformed batch")

// Validate reports the first entry that a model of configuration cfg cannot
// use. Every batch is validated before it is trained on or evaluated.
func (b *Batch) Validate(cfg Config) error {
	if b.Rows < 1 || b.Context < 1 {
		return fmt.Errorf("model: %w: %d rows of %d tokens", ErrBatch, b.Rows, b.Context)
	}
	n := b.Rows * b.Context
	if len(b.Tokens) != n || len(b.Targets) != n || len(b.Positions) != n || len(b.SegmentStart) != n {
		return fmt.Errorf("model: %w: %d rows of %d tokens, but %d tokens, %d targets, %d positions, %d segment starts",
			ErrBatch, b.Rows, b.Context, len(b.Tokens), len(b.Targets), len(b.Positions), len(b.SegmentStart))
	}
	if b.ExtraSlots != cfg.ExtraSlots || len(b.Extras) != n*b.ExtraSlots {
		return fmt.Errorf("model: %w: %d extra ids for %d tokens, %d for each; the model takes %d for each", ErrBatch, len(b.Extras), n, b.ExtraSlots, cfg.ExtraSlots)
	}
	vocab, context := int32(cfg.Vocab), int32(cfg.Context)
	for i := range n {
		if bad, ok := cfg.badExtra(b.Extras[i*b.ExtraSlots : (i+1)*b.ExtraSlots]); !ok {
			return b.errorAt(i, "extra id %d outside the %d there are (-1 ends them)", bad, cfg.ExtraVocab)
		}
		t := int32(i % b.Context)
		if id := b.Tokens[i]; id < 0 || id >= vocab {
			return b.errorAt(i, "token id %d outside the vocabulary of %d", id, vocab)
		}
		if id := b.Targets[i]; id < -1 || id >= vocab {
			return b.errorAt(i, "target id %d outside the vocabulary of %d (-1 means no loss)", id, vocab)
		}
		if p := b.Positions[i]; p < 0 || p >= context {
			return b.errorAt(i, "position %d outside the model's context of %d", p, context)
		}
		if s := b.SegmentStart[i]; s != t && (t == 0 || s != b.SegmentStart[i-1]) {
			return b.errorAt(i, "segment starts at %d, which neither begins here nor continues the segment before", s)
		}
	}
	return nil
}

// badExtra finds an extra id of one token that the model does not have.
func (c Config) badExtra(ids []int32) (id int32, ok bool) {
	for _, id := range ids {
		if id == -1 {
			break
		}
		if uint32(id) >= uint32(c.ExtraVocab) {
			return id, false
		}
	}
	return 0, true
}

func (b *Batch) errorAt(i int, format string, args ...any) error {
	return fmt.Errorf("model: %w: row %d, token %d: %s", ErrBatch, i/b.Context, i%b.Context, fmt.Sprintf(format, args...))
}

// TargetCount counts the tokens that have a loss.
func (b *Batch) TargetCount() int {
	n := 0
	for _, t := range b.Targets {
		if t >= 0 {
			n++
		}
	}
	return n
}
