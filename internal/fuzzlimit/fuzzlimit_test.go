package fuzzlimit

import (
	"fmt"
	"testing"
)

// failed is a test that notes what Watch says of it.
type failed struct {
	testing.TB
	said    string
	cleanup func()
}

func (f *failed) Helper()                           {}
func (f *failed) Cleanup(c func())                  { f.cleanup = c }
func (f *failed) Errorf(format string, args ...any) { f.said = fmt.Sprintf(format, args...) }

var sink []byte

func TestWatch(t *testing.T) {
	for _, test := range []struct {
		bytes int
		fails bool
	}{{1 << 20, false}, {20 << 20, true}} {
		f := &failed{TB: t}
		Watch(f, 10<<20)
		sink = make([]byte, test.bytes)
		f.cleanup()
		if (f.said != "") != test.fails {
			t.Errorf("%d bytes: %q", test.bytes, f.said)
		}
	}
}
