package match

import (
	"fmt"
	"os"
	"sync"
	"time"
)

// trafficLog is the file of --log: every line that an engine is sent (">") or
// sends ("<"), with the time since the start and who it is.
type trafficLog struct {
	mu    sync.Mutex
	file  *os.File
	began time.Time
	buf   []byte
}

func newTrafficLog(path string) (*trafficLog, error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("--log: %w", err)
	}
	return &trafficLog{file: f, began: time.Now()}, nil
}

// tracer is uci.Config.Trace for one engine.
func (l *trafficLog) tracer(name string) func(sent bool, line []byte) {
	return func(sent bool, line []byte) {
		arrow := "<"
		if sent {
			arrow = ">"
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		l.buf = fmt.Appendf(l.buf[:0], "%12.6f %s %s %s\n", time.Since(l.began).Seconds(), name, arrow, line)
		// A log that cannot be written must not cost games.
		_, _ = l.file.Write(l.buf)
	}
}

func (l *trafficLog) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	_ = l.file.Close() // as in tracer
}
