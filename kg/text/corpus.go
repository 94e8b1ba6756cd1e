package text

import (
	"context"
	"iter"
	"runtime"

	"transcend/internal/parallel"
	"transcend/kg"
	"transcend/kg/expert"
)

// Corpus is what a team writes.
type Corpus struct {
	Team       *expert.Team
	Writer     *Writer
	Paragraphs int
	Level      Level
	// Mixed draws the level of each paragraph, from 1 to Level: as in the paper, more
	// diversity is more ways of saying the same, and level 1, which questions are put in,
	// is always among them.
	Mixed bool
}

// Append writes paragraph j of the expert whose view it is. memory is for use again
// by the next call, edges too.
func (c *Corpus) Append(dst []byte, v *expert.View, j int, m *Memory) []byte {
	s := v.Sample(j, m.facts)
	m.facts = s.Facts
	m.edges = m.edges[:0]
	for _, f := range s.Facts {
		m.edges = append(m.edges, v.Facts[f].Edge)
	}
	level := c.Level
	if c.Mixed {
		level = OneTemplate + Level(s.Stream.IntN(int(c.Level)))
	}
	return c.Writer.Paragraph(dst, s.Entity, m.edges, level, &s.Stream)
}

// Memory is what Append uses again.
type Memory struct {
	facts []int32
	edges []kg.Edge
}

// chunk is how many paragraphs a worker hands over at once.
const chunk = 2000

// Write makes all paragraphs, expert by expert and each ended by a line feed, and gives
// them to emit in that order in large pieces, which emit must not keep. n is the number of
// paragraphs in a piece. The text does not depend on the number of threads; 0 is all
// cores.
func (c *Corpus) Write(ctx context.Context, threads int, emit func(text []byte, n int) error) error {
	free := make(chan []byte, 4*max(threads, runtime.GOMAXPROCS(0))) // memory of pieces that were emitted
	for p, err := range parallel.Ordered(ctx, threads, c.parts(), func() func(context.Context, part) (written, error) { return c.writer(free) }) {
		if err != nil {
			return err
		}
		if err := emit(p.text, p.n); err != nil {
			return err
		}
		select {
		case free <- p.text:
		default:
		}
	}
	return nil
}

// part is some paragraphs of an expert, written their text.
type (
	part    struct{ expert, first, n int }
	written struct {
		text []byte
		n    int
	}
)

func (c *Corpus) parts() iter.Seq[part] {
	return func(yield func(part) bool) {
		for i := range c.Team.Experts {
			for first, n := 0, c.Team.Paragraphs(i, c.Paragraphs); first < n; first += chunk {
				if !yield(part{i, first, min(chunk, n-first)}) {
					return
				}
			}
		}
	}
}

// writer returns what writes parts on one goroutine, in memory from free when there is some.
func (c *Corpus) writer(free <-chan []byte) func(context.Context, part) (written, error) {
	var v expert.View
	var m Memory
	loaded := -1
	return func(_ context.Context, p part) (written, error) {
		if loaded != p.expert {
			if err := v.Load(c.Team, p.expert); err != nil {
				return written{}, err
			}
			loaded = p.expert
		}
		var text []byte
		select {
		case text = <-free:
			text = text[:0]
		default:
		}
		for k := range p.n {
			text = append(c.Append(text, &v, p.first+k, &m), '\n')
		}
		return written{text, p.n}, nil
	}
}
