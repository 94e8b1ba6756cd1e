package text

import (
	"context"
	"runtime"
	"sync"

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
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	jobs, order := make(chan *job), make(chan *job, 2*threads)
	free := make(chan []byte, 4*threads) // memory of pieces that were emitted
	var wg sync.WaitGroup
	wg.Go(func() { c.deal(ctx, jobs, order) })
	for range threads {
		wg.Go(func() { c.work(jobs, free) })
	}
	defer wg.Wait()
	defer stop()
	for j := range order {
		<-j.done
		if j.err != nil {
			return j.err
		}
		if err := emit(j.text, j.n); err != nil {
			return err
		}
		select {
		case free <- j.text:
		default:
		}
	}
	return ctx.Err()
}

// job is some paragraphs of an expert; text and err are there when done is closed.
type job struct {
	expert, first, n int
	text             []byte
	err              error
	done             chan struct{}
}

// deal gives every job to whoever takes it and, before that, to order; then it closes both.
func (c *Corpus) deal(ctx context.Context, jobs, order chan<- *job) {
	defer close(jobs)
	defer close(order)
	for i := range c.Team.Experts {
		for first, n := 0, c.Team.Paragraphs(i, c.Paragraphs); first < n; first += chunk {
			j := &job{expert: i, first: first, n: min(chunk, n-first), done: make(chan struct{})}
			select {
			case order <- j:
			case <-ctx.Done():
				return
			}
			select {
			case jobs <- j:
			case <-ctx.Done():
				j.err = ctx.Err()
				close(j.done)
				return
			}
		}
	}
}

// work does jobs until there are none left, in memory from free when there is some.
func (c *Corpus) work(jobs <-chan *job, free <-chan []byte) {
	var v expert.View
	var m Memory
	loaded := -1
	for j := range jobs {
		if loaded != j.expert {
			if j.err = v.Load(c.Team, j.expert); j.err != nil {
				close(j.done)
				continue
			}
			loaded = j.expert
		}
		select {
		case j.text = <-free:
			j.text = j.text[:0]
		default:
		}
		for k := range j.n {
			j.text = append(c.Append(j.text, &v, j.first+k, &m), '\n')
		}
		close(j.done)
	}
}
