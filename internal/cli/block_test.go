package cli

import (
	"bytes"
	"strings"
	"testing"
)

func TestBlock(t *testing.T) {
	var out bytes.Buffer
	b := &Block{w: &out, live: true, size: func() (int, int) { return 10, 4 }}
	b.Set([]string{"one", "a line that is too long", "three", "no room"})
	if want := "one\na line t…\nthree\n"; out.String() != want {
		t.Errorf("drew %q, want %q", out.String(), want)
	}
	out.Reset()
	b.Printf("plain %d", 1)
	if want := "\x1b[3A\x1b[Jplain 1\none\na line t…\nthree\n"; out.String() != want {
		t.Errorf("drew %q, want %q", out.String(), want)
	}
	out.Reset()
	b.Close()
	b.Printf("after")
	if want := "\x1b[3A\x1b[Jafter\n"; out.String() != want {
		t.Errorf("drew %q, want %q", out.String(), want)
	}
}

func TestBlockInAPipe(t *testing.T) {
	var out bytes.Buffer
	b := NewBlock(&out)
	b.Set([]string{strings.Repeat("never seen", 9)})
	b.Printf("line\n")
	b.Close()
	if out.String() != "line\n" || b.Live() {
		t.Errorf("wrote %q", out.String())
	}
}
