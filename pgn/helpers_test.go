package pgn

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// describe returns one line for the current record: "1: e2e4 e7e5 1-0" for a good
// game, "1: bad at 14: reason" for a broken one.
func describe(r *Reader) string {
	if bad := r.BadGame(); bad != nil {
		return fmt.Sprintf("%d: bad at %d: %s", bad.Game, bad.Offset, bad.Reason)
	}
	g := r.Game()
	var b strings.Builder
	fmt.Fprintf(&b, "%d:", g.Number)
	for _, m := range g.Moves {
		b.WriteString(" " + m.String())
	}
	fmt.Fprintf(&b, " %v", g.Result)
	return b.String()
}

// scan returns the records of a reader, which it closes.
func scan(tb testing.TB, r *Reader) []string {
	tb.Helper()
	var records []string
	for r.Scan() {
		if (r.Game() == nil) == (r.BadGame() == nil) {
			tb.Fatal("a record is either a good game or a broken one")
		}
		records = append(records, describe(r))
	}
	if r.Game() != nil || r.BadGame() != nil {
		tb.Fatal("a record after the last")
	}
	if err := r.Close(); err != nil {
		tb.Fatal(err)
	}
	return records
}

// newReader returns a reader of a text, whose window starts with size bytes.
func newReader(tb testing.TB, text io.Reader, size int) *Reader {
	tb.Helper()
	r := &Reader{}
	r.split.w.own = make([]byte, size)
	if err := r.start("test", text, nil); err != nil {
		tb.Fatal(err)
	}
	return r
}

// scanText returns the records of a text.
func scanText(tb testing.TB, text string) []string {
	tb.Helper()
	r := newReader(tb, strings.NewReader(text), 64)
	records := scan(tb, r)
	if err := r.Err(); err != nil {
		tb.Fatal(err)
	}
	return records
}

// games returns copies of the good games of a text, with comments; broken ones
// are an error.
func games(tb testing.TB, text string) []*Game {
	tb.Helper()
	r := newReader(tb, strings.NewReader(text), 4<<10)
	r.KeepComments(true)
	var all []*Game
	for r.Scan() {
		if bad := r.BadGame(); bad != nil {
			tb.Fatal(bad)
		}
		all = append(all, r.Game().Clone())
	}
	if err := r.Err(); err != nil {
		tb.Fatal(err)
	}
	return all
}
