// Package pgntest is for tests: games as texts, and a reader of them.
package pgntest

import (
	"fmt"
	"strings"
	"testing"

	"transcend/pgn"
)

// Game is the text of a game with this movetext, and with these tags beside Event: "Name value".
func Game(movetext string, tags ...string) string {
	var b strings.Builder
	b.WriteString("[Event \"x\"]\n")
	for _, tag := range tags {
		name, value, _ := strings.Cut(tag, " ")
		fmt.Fprintf(&b, "[%s %q]\n", name, value)
	}
	return b.String() + "\n" + movetext + "\n\n"
}

// Reader reads a text; the end of the test closes it.
func Reader(t testing.TB, text string) *pgn.Reader {
	t.Helper()
	r, err := pgn.NewReader("games.pgn", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}
