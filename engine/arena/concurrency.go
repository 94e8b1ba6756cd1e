package arena

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"transcend/internal/atomicfile"
)

// MaxConcurrency bounds the games at once that anybody may ask for.
const MaxConcurrency = 4096

// concurrencyFile is the file beside a database in which is asked for another number of
// games at once.
func concurrencyFile(db string) string { return db + "-concurrency" }

// AskConcurrency asks all arenas that play into a database now to go on with so many games
// at once each. They look every second, and forget it when they end.
func AskConcurrency(db string, games int) error {
	if games < 1 || games > MaxConcurrency {
		return fmt.Errorf("%d games at once: must be from 1 to %d", games, MaxConcurrency)
	}
	return atomicfile.WriteFile(concurrencyFile(db), 0o644, func(w io.Writer) error {
		_, err := fmt.Fprintln(w, games)
		return err
	})
}

// wish is the number of games at once that was asked for while an arena runs.
type wish struct {
	file    string
	most    int // 0: any number
	seen    time.Time
	changed chan int // the newest that was not taken yet
	now     int      // 0: none
}

// newWish does not count what was asked for before.
func newWish(db string) *wish {
	w := &wish{file: concurrencyFile(db), changed: make(chan int, 1)}
	w.look()
	w.now = 0
	return w
}

// look returns what is asked for since the last look, 0 for nothing new.
func (w *wish) look() int {
	info, err := os.Stat(w.file)
	if err != nil || info.ModTime().Equal(w.seen) {
		return 0
	}
	w.seen = info.ModTime()
	b, err := os.ReadFile(w.file)
	n, parseErr := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil || parseErr != nil || n < 1 || n > MaxConcurrency {
		return 0 // not from AskConcurrency
	}
	if w.most > 0 {
		n = min(n, w.most)
	}
	w.now = n
	return n
}

// pass hands a number on, in place of one that was not taken.
func (w *wish) pass(n int) {
	select {
	case <-w.changed:
	default:
	}
	w.changed <- n
}
