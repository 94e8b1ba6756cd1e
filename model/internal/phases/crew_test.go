package phases

import (
	"runtime"
	"sync/atomic"
	"testing"
)

// slowHelper is a task of two chunks, done by two: the first to take one waits until
// the other has begun, and a helper takes its time.
type slowHelper struct {
	begun, done atomic.Int32
}

func (s *slowHelper) Run(_, worker int) {
	s.begun.Add(1)
	for s.begun.Load() < 2 {
		runtime.Gosched()
	}
	if worker > 0 {
		for range 2000 {
			runtime.Gosched()
		}
	}
	s.done.Add(1)
}

// TestCrewWaits: a task is done when run returns, also what helpers do of it, and a crew
// whose helper was late goes on without.
func TestCrewWaits(t *testing.T) {
	c := NewCrew(2)
	for range 20 {
		for c.there[0].Load() { // still on its way home
			runtime.Gosched()
		}
		c.alone = 0
		c.Begin(sharedWork)
		if c.Workers() != 2 {
			t.Fatal("no helper for work that is worth it")
		}
		var s slowHelper
		c.Run(2, &s)
		if s.done.Load() != 2 {
			t.Fatalf("%d of 2 chunks are done", s.done.Load())
		}
		c.End()
	}
	c.alone = 1
	c.Begin(sharedWork)
	if c.Workers() != 1 || c.alone != 0 {
		t.Error("a late helper is called again at once")
	}
	c.Begin(sharedWork - 1)
	if c.Workers() != 1 {
		t.Error("a helper is called for nothing")
	}
}
