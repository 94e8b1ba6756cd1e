// Package leaguetest is for tests: pools of simulated players.
package leaguetest

import (
	"strings"
	"testing"

	"transcend/data/league"
)

// Pool is made of players as a file of them has them, a line each.
func Pool(t testing.TB, players ...string) *league.Pool {
	t.Helper()
	p, err := league.ReadPool("test", strings.NewReader(strings.Join(players, "\n")))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Named is the rated pool of that name.
func Named(t testing.TB, name string) *league.Pool {
	t.Helper()
	p, ok := league.Ratings().Pool(name)
	if !ok {
		t.Fatalf("no pool %s", name)
	}
	return p
}
