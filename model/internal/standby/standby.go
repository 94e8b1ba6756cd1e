// Package standby starts functions on goroutines that may still be awake from the last
// one. A training step is some hundred short parallel phases; between two of them
// a goroutine that ended, or sleeps, needs 5 to 50 microseconds to be back, or
// milliseconds where other programs want the core. So a helper that has finished
// stays awake for a moment and looks for more.
package standby

import (
	"runtime"
	"sync/atomic"
	"time"
)

// patience is how long a helper looks for work before its goroutine ends: more
// than the parts of a step that one thread does alone, little enough to cost
// nothing when training pauses.
const patience = 100 * time.Microsecond

// A helper's states.
const (
	asleep  = iota // no goroutine
	awake          // its goroutine waits for work
	claimed        // somebody is about to give it work
	working        // it has work, or runs it
)

// helper is a goroutine, or the place for one.
type helper struct {
	state atomic.Int32
	work  func()
	loop  func() // h.run, bound once: a new closure a call would be garbage
	_     [5]uint64
}

// helpers are shared by everybody in the process: so are the cores. There are no
// more than they; what goes beyond gets goroutines of its own.
var helpers = makeHelpers(runtime.NumCPU())

func makeHelpers(n int) []helper {
	h := make([]helper, n)
	for i := range h {
		h[i].loop = h[i].run
	}
	return h
}

// Go runs f concurrently, as the go statement does. It does not allocate.
func Go(f func()) {
	if !give(awake, f) && !give(asleep, f) {
		go f()
	}
}

// give hands f to a helper in the given state.
func give(state int32, f func()) bool {
	for i := range helpers {
		h := &helpers[i]
		if h.state.Load() == state && h.state.CompareAndSwap(state, claimed) {
			h.work = f
			h.state.Store(working)
			if state == asleep {
				go h.loop()
			}
			return true
		}
	}
	return false
}

func (h *helper) run() {
	for {
		h.work()
		h.work = nil
		h.state.Store(awake)
		if !h.await() {
			return
		}
	}
}

// await returns true when there is work, false when patience is at its end and
// the helper asleep.
func (h *helper) await() bool {
	end := time.Now().Add(patience)
	for {
		for range 256 {
			if h.state.Load() == working {
				return true
			}
		}
		if time.Now().After(end) && h.state.CompareAndSwap(awake, asleep) {
			return false
		}
		runtime.Gosched() // to whoever else wants to run
	}
}
