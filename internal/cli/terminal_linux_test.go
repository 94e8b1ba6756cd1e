package cli

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// terminal opens a pseudo-terminal of 100 columns: what a program writes to tty is what read returns,
// so far.
func terminal(t *testing.T) (tty *os.File, read func() string) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo-terminals here: %v", err)
	}
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		t.Skipf("no pseudo-terminals here: %v", err)
	}
	if err := unix.IoctlSetWinsize(int(tty.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 40, Col: 100}); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var text strings.Builder
	var reading sync.WaitGroup
	reading.Go(func() {
		buf := make([]byte, 4096)
		for {
			n, err := master.Read(buf)
			mu.Lock()
			text.Write(buf[:n])
			mu.Unlock()
			if err != nil { // nobody has the other end open any more
				return
			}
		}
	})
	t.Cleanup(func() {
		tty.Close()
		reading.Wait()
		master.Close()
	})
	return tty, func() string {
		mu.Lock()
		defer mu.Unlock()
		return text.String()
	}
}

// TestStatusOnATerminal: the live line shows what was set last, plain lines are not lost in it, and
// nothing is drawn after it was closed.
func TestStatusOnATerminal(t *testing.T) {
	t.Setenv("TERM", "xterm")
	tty, read := terminal(t)
	if !IsTerminal(tty) {
		t.Fatal("a terminal is taken for a pipe")
	}
	await := func(want string) {
		t.Helper()
		for range 3000 {
			if strings.Contains(read(), want) {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Fatalf("no %q after half a minute in %q", want, read())
	}
	s := NewStatus(tty)
	if !s.Live() {
		t.Fatal("no live line on a terminal")
	}
	s.Set(0.25, "a quarter")
	await("a quarter")
	s.Printf("a plain line")
	await("a plain line")
	s.Set(2, "more than all") // must not end the line
	await("more than all")
	s.Set(0.5, "a half")
	await("a half")
	s.Close()
	s.Close()
	fmt.Fprintln(tty, "the end")
	await("the end")
	if after := read()[strings.Index(read(), "the end"):]; strings.TrimSpace(after) != "the end" {
		t.Errorf("drawn after the end: %q", after)
	}
	t.Setenv("TERM", "dumb")
	if IsTerminal(tty) {
		t.Error("a dumb terminal cannot redraw a line")
	}
}
