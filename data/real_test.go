package data

import (
	"path/filepath"
	"slices"
	"testing"

	"transcend/data/filter"
	"transcend/model"
	"transcend/pgn"
)

// Real games under the lowest cap survive tokens and corpus files, and pack into
// rows with little padding.
func TestRealGames(t *testing.T) {
	dir := realData(t)
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

	v, err := NewValidation(c, NewMoveTokenizer(), LoaderConfig{Rows: 16, Context: 256})
	if err != nil {
		t.Fatal(err)
	}
	var batch model.Batch
	for v.Next(&batch) {
	}
	s := v.Stats()
	t.Logf("context 256: %+v, fill rate %.4f", s, s.FillRate())
	// Every move has a target, and the separator after the last; padding is under
	// two per cent.
	if want := int64(c.Plies() + c.Len()); s.Targets != want || s.Truncated != 0 {
		t.Errorf("%d targets, want %d", s.Targets, want)
	}
	if s.FillRate() < 0.98 {
		t.Errorf("fill rate %.4f", s.FillRate())
	}
}
