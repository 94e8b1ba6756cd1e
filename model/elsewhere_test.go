package model

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"transcend/internal/cputime"
	"transcend/model/sampling"
)

// proxy is an engine that decodes with package model after all, in rows of reversed order.
type proxy struct {
	t     *testing.T
	d     *BatchDecoder
	slots []*Sequence
	err   error
}

func (p *proxy) slot(i int) *Sequence {
	for len(p.slots) <= i {
		p.slots = append(p.slots, p.d.NewSequence())
	}
	return p.slots[i]
}

func (p *proxy) Decode(rows []DecodeRow, done func([]int32)) error {
	if p.err != nil {
		return p.err
	}
	var steps []Step
	for _, r := range rows {
		s := p.slot(r.Slot)
		s.Truncate(r.Seen) // panics where the slot is not the sequence's
		steps = append(steps, Step{Sequence: s, Tokens: r.Tokens, Extras: r.Extras})
	}
	if err := p.d.Append(steps); err != nil {
		return err
	}
	var order []int32
	for i := range rows {
		rows[i].Logits = steps[i].Logits
		order = append(order, int32(i))
	}
	slices.Reverse(order)
	half := len(order) / 2
	for _, part := range [][]int32{order[:half], order[half:]} {
		if len(part) > 0 {
			done(part)
		}
	}
	return nil
}

func (p *proxy) Copy(to, from, n int) error {
	if p.err != nil {
		return p.err
	}
	fork, err := p.slot(from).Fork()
	if err != nil {
		return err
	}
	fork.Truncate(n)
	p.slot(to)
	p.slots[to] = fork
	return nil
}

// TestDecodingElsewhere: with an engine sequences live as without one, and their choices are
// the same; slots of those that were reset are used again.
func TestDecodingElsewhere(t *testing.T) {
	m, err := New(Config{Layers: 2, Heads: 2, Width: 16, Context: 20, Vocab: 11, Activation: GELU, ExtraVocab: 5, ExtraSlots: 2}, 3)
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{t: t, d: m.NewBatchDecoder(BatchOptions{Threads: 1})}
	decoders := [2]*BatchDecoder{m.NewBatchDecoder(BatchOptions{Threads: 2, Engine: p}), m.NewBatchDecoder(BatchOptions{Threads: 1})}
	if o := decoders[0].Options(); o.Engine != p || decoders[0].Precision() != "weights f32, products f32, cache f32" || decoders[0].WeightBytes() != 0 {
		t.Errorf("%+v, %s", o, decoders[0].Precision())
	}
	const n = 30
	var sequences [2][n]*Sequence
	for i, d := range decoders {
		for j := range n {
			sequences[i][j] = d.NewSequence()
		}
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for pass := range 40 {
		var steps [2][]Step
		kept := [2][2][]float32{{make([]float32, 11)}, {make([]float32, 11)}}
		for j := range n {
			a, b := &sequences[0][j], &sequences[1][j]
			switch rng.IntN(8) {
			case 0:
				(*a).Reset()
				(*b).Reset()
			case 1:
				keep := rng.IntN((*b).Len() + 1)
				(*a).Truncate(keep)
				(*b).Truncate(keep)
			case 2:
				from := (j + 1 + rng.IntN(n-1)) % n
				(*a).Reset()
				var err [2]error
				*a, err[0] = sequences[0][from].Fork()
				*b, err[1] = sequences[1][from].Fork()
				if err[0] != nil || err[1] != nil {
					t.Fatal(err)
				}
			}
			size := min(rng.IntN(4), 20-(*b).Len())
			if size == 0 {
				continue
			}
			var tokens, extras []int32
			for range size {
				tokens, extras = append(tokens, int32(rng.IntN(11))), append(extras, int32(rng.IntN(5)), -1)
			}
			for i := range steps {
				steps[i] = append(steps[i], Step{Sequence: sequences[i][j], Tokens: tokens, Extras: extras, Keep: kept[i][min(j, 1)],
					Choice: &sampling.Choice{Settings: sampling.Settings{Temperature: 1}, Rand: rand.New(rand.NewPCG(uint64(pass), uint64(j)))}})
			}
		}
		mustSteps(t, decoders[0], steps[0])
		mustSteps(t, decoders[1], steps[1])
		for k, want := range steps[1] {
			got := steps[0][k]
			if got.Choice.ID != want.Choice.ID || got.Sequence.Len() != want.Sequence.Len() || len(got.Logits) != 11 {
				t.Fatalf("pass %d: drawn %d, want %d; %d tokens, want %d", pass, got.Choice.ID, want.Choice.ID, got.Sequence.Len(), want.Sequence.Len())
			}
		}
	}
	if len(p.slots) > n {
		t.Errorf("%d slots for %d sequences", len(p.slots), n)
	}
	// A failure leaves the sequences as they were.
	p.err = errors.New("the device is gone")
	s := decoders[0].NewSequence()
	if err := decoders[0].Append([]Step{{Sequence: s, Tokens: []int32{1}, Extras: []int32{0, -1}}}); err != p.err || s.Len() != 0 {
		t.Errorf("%v, %d tokens", err, s.Len())
	}
	if _, err := sequences[0][0].Fork(); sequences[0][0].Len() > 0 && err != p.err {
		t.Errorf("a copy: %v", err)
	}
	if err := decoders[0].Append(nil); err != nil {
		t.Errorf("no steps: %v", err)
	}
}

// idle is an engine that does nothing: its logits are always the same.
type idle struct {
	logits []float32
	order  []int32
	vocab  int
}

func (e *idle) Decode(rows []DecodeRow, done func([]int32)) error {
	if len(e.order) < len(rows) {
		e.order, e.logits = make([]int32, len(rows)), make([]float32, len(rows)*e.vocab)
		for i := range e.order {
			e.order[i] = int32(i)
		}
		rng := rand.New(rand.NewPCG(1, 1))
		for i := range e.logits {
			e.logits[i] = float32(3 * rng.NormFloat64())
		}
	}
	for i := range rows {
		rows[i].Logits = e.logits[i*e.vocab : (i+1)*e.vocab]
	}
	done(e.order[:len(rows)])
	return nil
}

func (e *idle) Copy(int, int, int) error { return nil }

func TestDecodingElsewhereAllocatesNothing(t *testing.T) {
	steps, d := idleSteps(t, 64)
	if n := testing.AllocsPerRun(20, func() { mustSteps(t, d, steps) }); n > 0 {
		t.Errorf("%v allocations a pass", n)
	}
}

func idleSteps(t testing.TB, games int) ([]Step, *BatchDecoder) {
	m, err := New(Config{Layers: 1, Heads: 1, Width: 8, Context: 1 << 20, Vocab: 1970, Activation: GELU}, 1)
	if err != nil {
		t.Fatal(err)
	}
	d := m.NewBatchDecoder(BatchOptions{Engine: &idle{vocab: 1970}})
	var steps []Step
	for i := range games {
		steps = append(steps, Step{Sequence: d.NewSequence(), Tokens: []int32{1},
			Choice: &sampling.Choice{Settings: sampling.Settings{Temperature: 1}, Rand: rand.New(rand.NewPCG(uint64(i), 1))}})
	}
	mustSteps(t, d, steps)
	return steps, d
}

// BenchmarkDecodingHost is what is left to the host when an engine takes no time at all:
// drawing tokens among 1,970.
func BenchmarkDecodingHost(b *testing.B) {
	for _, games := range []int{1024, 4096} {
		b.Run(strconv.Itoa(games), func(b *testing.B) {
			steps, d := idleSteps(b, games)
			before := cputime.Used()
			for b.Loop() {
				mustSteps(b, d, steps)
			}
			b.ReportMetric(float64(games*b.N)/(cputime.Used()-before).Seconds(), "tok/core-s") // whatever else runs here
			b.ReportMetric(float64(games*b.N)/b.Elapsed().Seconds(), "tok/s")
			b.ReportMetric(0, "ns/op")
		})
	}
}
