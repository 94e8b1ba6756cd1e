package model

import "transcend/model/internal/phases"

// A DecodeEngine makes the passes of a BatchDecoder elsewhere than in this package: on a
// GPU. It keeps the keys and values of sequences in numbered slots. What was given to a
// decoder is checked before an engine sees it, and tokens are drawn from its logits here, so
// that a seed's games are the same as on the CPU but for rounding.
//
// A DecodeEngine is used by one goroutine at a time.
type DecodeEngine interface {
	// Decode appends the tokens of every row to its slot and sets its Logits, which are
	// the engine's memory and valid until the next Decode. It calls done with the indices
	// of rows whose logits are there, of each row once and in any order, from the
	// goroutine that called Decode; what done takes its time for should be overlapped with
	// the work on the others. After an error the slots hold what the rows have Seen, or
	// every further call is an error.
	Decode(rows []DecodeRow, done func(rows []int32)) error
	// Copy makes slot to hold the n tokens that from begins with.
	Copy(to, from, n int) error
}

// DecodeRow is what one sequence gets in a pass.
type DecodeRow struct {
	Slot   int     // counted from 0, without large gaps
	Seen   int     // tokens that the slot is to hold before; what more it has is forgotten
	Tokens []int32 // at least one
	Extras []int32 // Config.ExtraSlots for each token; the first -1 ends those of one
	Logits []float32
}

// elsewhere is the part of a BatchDecoder that hands passes to an engine.
type elsewhere struct {
	engine DecodeEngine
	slots  int   // that were ever given
	free   []int // slots given back, counted from 1 as Sequence.slot
	rows   []DecodeRow
	steps  []Step
	pool   *phases.Pool
	ready  []int32       // of the draw at work
	done   func([]int32) // e.drawn as a value, made once
}

func newElsewhere(engine DecodeEngine) *elsewhere {
	e := &elsewhere{engine: engine}
	e.done = e.drawn
	return e
}

// slot makes sure that s has one.
func (e *elsewhere) slot(s *Sequence) int {
	if s.slot == 0 {
		if n := len(e.free); n > 0 {
			s.slot, e.free = e.free[n-1], e.free[:n-1]
		} else {
			e.slots++
			s.slot = e.slots
		}
	}
	return s.slot - 1
}

func (e *elsewhere) release(s *Sequence) {
	if s.slot > 0 {
		e.free = append(e.free, s.slot)
	}
	s.n, s.slot = 0, 0
}

func (e *elsewhere) copy(to, from *Sequence) error {
	if from.n == 0 {
		return nil
	}
	if err := e.engine.Copy(e.slot(to), e.slot(from), from.n); err != nil {
		e.release(to)
		return err
	}
	to.n = from.n
	return nil
}

// append is BatchDecoder.Append of steps that were checked.
func (e *elsewhere) append(p *phases.Pool, steps []Step) error {
	if len(steps) == 0 {
		return nil
	}
	e.rows, e.steps, e.pool = grow(e.rows, len(steps)), steps, p
	for i := range steps {
		s := &steps[i]
		e.rows[i] = DecodeRow{Slot: e.slot(s.Sequence), Seen: s.Sequence.n, Tokens: s.Tokens, Extras: s.Extras}
	}
	err := e.engine.Decode(e.rows, e.done)
	if err == nil {
		for i := range steps {
			steps[i].Sequence.n += len(steps[i].Tokens)
		}
	}
	clear(e.rows) // forget the callers' tokens
	e.steps, e.ready = nil, nil
	return err
}

// drawTogether is how many choices one task makes.
const drawTogether = 8

// drawn makes the choices of steps whose logits are there.
func (e *elsewhere) drawn(rows []int32) {
	e.ready = rows
	e.pool.Run(phases.Chunks(len(rows), drawTogether), e)
}

func (e *elsewhere) Run(chunk, _ int) {
	lo, hi := phases.Range(chunk, drawTogether, len(e.ready))
	for _, i := range e.ready[lo:hi] {
		e.steps[i].finish(e.rows[i].Logits)
	}
}
