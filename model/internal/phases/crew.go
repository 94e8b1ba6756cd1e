package phases

import (
	"runtime"
	"sync/atomic"
	"time"
)

// Crew runs the tasks of one pass over the network, which follow each other at
// distances of microseconds: too close to wake a goroutine for each, as Pool does.
// Its helpers are there from Begin to End and look for work all the time between.
//
// As with Pool, the result of a task has the same bits for any number of threads.
//
// Where other programs want the same cores, a helper is put aside in the middle of its
// work and everybody waits for it. A crew that notices goes on without helpers for a
// while.
type Crew struct {
	threads int // at least 1

	helped bool // helpers are there
	alone  int  // passes to be done without helpers now,
	fine   int  // and so many after the next time that one is late
	task   Task
	chunks int64
	phase  atomic.Int64  // goes up by one when a task begins, to an odd number, and when it ends
	rest   atomic.Bool   // between End and Begin
	next   atomic.Int64  // next chunk to take
	inside atomic.Int32  // helpers that may be looking at the task
	there  []atomic.Bool // of each helper: it has not gone home
	work   []func()      // of each helper
}

const (
	// sharedWork is the multiply-adds of a pass, some fifty microseconds, from which on
	// helpers are called.
	sharedWork = 1 << 20
	// lateHelper is how long a helper may keep the others waiting. A piece of work
	// takes some ten microseconds.
	lateHelper = 300 * time.Microsecond
	// A helper that was late is not called for so many passes; twice as many if that
	// happens again soon.
	alonePasses, aloneMost = 100, 12800
	// spins are looks at a variable before others on this thread get a chance.
	spins = 256
)

// NewCrew returns a crew of so many threads, at least one, the caller's among them.
func NewCrew(threads int) *Crew {
	c := &Crew{threads: threads, fine: alonePasses, there: make([]atomic.Bool, threads-1)}
	c.rest.Store(true)
	for i := range threads - 1 {
		c.work = append(c.work, func() { c.helper(i) })
	}
	return c
}

// Begin calls the helpers for a pass of so many multiply-adds, if it is worth it.
// Without them Run does everything itself.
func (c *Crew) Begin(work int) {
	if work < sharedWork || c.threads == 1 {
		return
	}
	if c.alone > 0 {
		c.alone--
		return
	}
	c.helped = true
	c.rest.Store(false)
	for i := range c.there {
		// One that is just going home is not replaced: then there are fewer.
		if c.there[i].CompareAndSwap(false, true) {
			go c.work[i]()
		}
	}
}

// End sends the helpers home. It does not wait for them.
func (c *Crew) End() {
	if c.helped {
		c.fine -= (c.fine - alonePasses) / 32
		c.rest.Store(true)
		c.helped = false
	}
}

// Threads is how many may share a task.
func (c *Crew) Threads() int { return c.threads }

// Workers is how many share a task now.
func (c *Crew) Workers() int {
	if c.helped {
		return c.threads
	}
	return 1
}

// Run does all chunks of t and returns when they are done.
func (c *Crew) Run(chunks int, t Task) {
	if !c.helped || chunks < 2 {
		for i := range chunks {
			t.Run(i, 0)
		}
		return
	}
	c.task, c.chunks = t, int64(chunks)
	c.next.Store(0)
	c.phase.Add(1)
	c.drain(0)
	// A helper that comes from now on sees that the phase is over; one that came
	// before is counted.
	c.phase.Add(1)
	c.await()
	c.task = nil
}

// await returns when no helper is inside.
func (c *Crew) await() {
	var since time.Time
	for i := 1; c.inside.Load() != 0; i++ {
		if i%spins != 0 {
			continue
		}
		if since.IsZero() {
			since = time.Now()
		}
		runtime.Gosched()
	}
	if !since.IsZero() && time.Since(since) > lateHelper {
		c.alone = c.fine
		c.fine = min(2*c.fine, aloneMost)
		c.rest.Store(true)
		c.helped = false // for the rest of this pass, too
	}
}

func (c *Crew) helper(i int) {
	done := int64(0)
	for n := 1; !c.rest.Load(); n++ {
		phase := c.phase.Load()
		switch {
		case phase&1 == 1 && phase != done:
			c.inside.Add(1)
			if c.phase.Load() == phase {
				c.drain(1 + i)
			}
			c.inside.Add(-1)
			done = phase
		case n%spins == 0:
			runtime.Gosched()
		}
	}
	c.there[i].Store(false)
}

func (c *Crew) drain(worker int) {
	for {
		i := c.next.Add(1) - 1
		if i >= c.chunks {
			return
		}
		c.task.Run(int(i), worker)
	}
}
