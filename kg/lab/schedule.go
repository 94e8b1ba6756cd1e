package lab

// Several cells at once.

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"transcend/internal/cli"
	"transcend/internal/cputime"
)

// Use says what a number of cells took.
type Use struct {
	Wall time.Duration `json:"wall_ns"`
	// CPU is the time of all cores that the process used meanwhile, 0 where that is not known.
	CPU   time.Duration `json:"cpu_ns"`
	Cores int           `json:"cores"` // that cells were done on
	Cells int           `json:"cells"` // that were done here and now
}

// String is "36 cells in 22m, 2 cores busy 96.0% of the time".
func (u Use) String() string {
	cells := "cells"
	if u.Cells == 1 {
		cells = "cell"
	}
	return fmt.Sprintf("%d %s in %s, %d cores busy %s of the time", u.Cells, cells, cli.Duration(u.Wall), u.Cores, cli.Percent(u.Busy(), 1))
}

// Busy is the share of the time that the cores worked on this.
func (u Use) Busy() float64 {
	if u.Wall <= 0 || u.Cores == 0 {
		return 0
	}
	return u.CPU.Seconds() / (u.Wall.Seconds() * float64(u.Cores))
}

// DoAll does the cells of an experiment, several at once, those that are expected to take longest first,
// and returns them in their order. Cells that another process is doing are left until all others
// are done. When one fails the others are stopped; what they have is kept.
func (l *Lab) DoAll(ctx context.Context, e *Experiment, cells []Cell) ([]*Done, Use, error) {
	if err := checkAll(cells); err != nil {
		return nil, Use{}, err
	}
	for i := range cells {
		if l.IsDone(&cells[i]) {
			continue
		}
		if _, err := l.Setup(ctx, &cells[i]); err != nil {
			return nil, Use{}, fmt.Errorf("cell %s: %w", cells[i].Name, err)
		}
	}
	q := &queue{lab: l, e: e, cells: cells, left: make([]int, 0, len(cells)), all: make([]*Done, len(cells))}
	estimates := l.Estimates(cells)
	for i := range cells {
		q.left = append(q.left, i)
	}
	byTime(q.left, estimates)
	use := Use{Cores: min(l.parallel()*max(1, l.Threads), len(cells)*max(1, l.Threads), runtime.GOMAXPROCS(0))}
	began, used := time.Now(), cputime.Used()
	work, stop := context.WithCancel(ctx)
	defer stop()
	var wg sync.WaitGroup
	for w := range min(l.parallel(), len(cells)) {
		wg.Go(func() {
			if err := q.work(work, w); err != nil {
				q.fail(err)
				stop()
			}
		})
	}
	wg.Wait()
	use.Wall, use.CPU, use.Cells = time.Since(began), cputime.Used()-used, q.made
	if ctx.Err() != nil {
		return nil, use, ctx.Err()
	}
	return q.all, use, q.err
}

// queue is the cells that are left.
type queue struct {
	lab   *Lab
	e     *Experiment
	cells []Cell

	mu   sync.Mutex
	left []int // in the order in which they are begun
	all  []*Done
	made int
	err  error
}

func (q *queue) fail(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err == nil {
		q.err = err
	}
}

// next takes a cell; false when there is none left.
func (q *queue) next() (int, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.left) == 0 {
		return 0, false
	}
	i := q.left[0]
	q.left = q.left[1:]
	return i, true
}

// work does cells until none is left.
func (q *queue) work(ctx context.Context, worker int) error {
	since := 0 // cells in turn that others were doing
	for ctx.Err() == nil {
		i, ok := q.next()
		if !ok {
			return nil
		}
		show := func(p Progress) {
			if q.lab.Progress != nil {
				p.Cell, p.Worker = i, worker
				q.lab.showMu.Lock()
				defer q.lab.showMu.Unlock()
				q.lab.Progress(p)
			}
		}
		fresh := !q.lab.IsDone(&q.cells[i])
		done, err := q.lab.do(ctx, q.e, &q.cells[i], show)
		if errors.Is(err, errBusy) {
			q.mu.Lock()
			q.left = append(q.left, i)
			round := since >= len(q.left)
			q.mu.Unlock()
			since++
			if round {
				show(Progress{Text: "another process does it"})
				since = 0
				select {
				case <-time.After(time.Second):
				case <-ctx.Done():
				}
			}
			continue
		}
		if err != nil {
			if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
				return nil
			}
			return err
		}
		since = 0
		q.mu.Lock()
		q.all[i] = done
		if fresh {
			q.made++
		}
		q.mu.Unlock()
		show(Progress{Fraction: 1, Text: "done", Loss: done.Result.Training.Loss, Done: done})
	}
	return nil
}

func secondsOf(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
