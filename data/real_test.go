package data

import (
	"path/filepath"
	"slices"
	"testing"

	"transcend/data/filter"
	"transcend/internal/realgames"
	"transcend/pgn"
)

// Real games under the lowest cap survive tokens and corpus files.
func TestRealGames(t *testing.T) {
	dir := realgames.Dir(t)
	r, err := pgn.Open(filepath.Join(dir, "lichess", "*.pgn.zst"))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	c, report, err := ReadCorpus(t.Context(), r, filter.Filter{MaxElo: 1000, DropDuplicates: true})
	if err != nil {
		t.Fatal(err)
	}
	if c.Len() < 10_000 {
		t.Fatalf("only %d games:\n%s", c.Len(), report)
	}
	b := file(t, c)
	back, err := load(t, b, ParquetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	sameCorpus(t, back, c)
	t.Logf("%d games, %d plies; %.1f bytes a game in a file", c.Len(), c.Plies(), float64(len(b))/float64(c.Len()))

	for name, tok := range allTokenizers {
		var ids []int32
		n := 0
		for i, g := range c.All() {
			ids = tok.AppendGame(ids[:0], &g)
			n += len(ids)
			moves, err := tok.DecodeGame(ids)
			if err != nil || !slices.Equal(moves, g.Moves) {
				t.Fatalf("%s: game %d: %v", name, i, err)
			}
		}
		t.Logf("%s: %.1f tokens a game", name, float64(n)/float64(c.Len()))
	}
}
