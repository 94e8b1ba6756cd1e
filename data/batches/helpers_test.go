package batches

import (
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"transcend/data"
	"transcend/data/filter"
	"transcend/internal/bitboard"
	"transcend/internal/boardtest"
	"transcend/internal/realgames"
	"transcend/pgn"
)

var allTokenizers = map[string]data.Tokenizer{
	"move":          data.NewMoveTokenizer(),
	"char":          data.NewCharTokenizer(data.CharOptions{}),
	"char-artifact": data.NewCharTokenizer(data.CharOptions{DrawArtifact: true}),
}

// randomGame plays up to plies random legal moves.
func randomGame(rng *rand.Rand, plies int) *data.Game {
	results := []bitboard.Result{bitboard.WhiteWins, bitboard.BlackWins, bitboard.Draw}
	g := &data.Game{
		WhiteElo: 800 + rng.IntN(400), BlackElo: 800 + rng.IntN(400), Result: results[rng.IntN(3)],
		TimeControl: []string{"60+0", "300+5", "", "1/259200"}[rng.IntN(4)],
		Date:        []string{"2018.06.01", "2018.??.??", ""}[rng.IntN(3)],
		Site:        []string{"https://lichess.org/abcdefgh", "", "Köln"}[rng.IntN(3)],
	}
	g.Moves = boardtest.RandomMoves(rng, plies)
	return g
}

// randomCorpus holds n random games of 1 to maxPlies plies.
func randomCorpus(seed uint64, n, maxPlies int) *data.Corpus {
	rng := rand.New(rand.NewPCG(seed, 1))
	c := data.NewCorpus()
	for range n {
		c.Append(randomGame(rng, 1+rng.IntN(maxPlies)))
	}
	return c
}

// spell is the text of tokens.
func spell(tok data.Tokenizer, ids []int32) string {
	var b strings.Builder
	for _, id := range ids {
		b.WriteString(tok.Text(id))
	}
	return b.String()
}

// unchecked is a corpus as it is read without replaying its games.
func unchecked(t *testing.T, c *data.Corpus) *data.Corpus {
	t.Helper()
	path := filepath.Join(t.TempDir(), "games.parquet")
	if err := c.WriteParquet(path); err != nil {
		t.Fatal(err)
	}
	c, err := data.LoadParquet(t.Context(), path, data.ParquetOptions{Trust: true})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// realGames are those of the real games, which are not part of the repository, that f keeps.
// It skips the test where there are none.
func realGames(t testing.TB, f filter.Filter) *data.Corpus {
	t.Helper()
	r, err := pgn.Open(filepath.Join(realgames.Dir(t), "lichess", "*.pgn.zst"))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	c, _, err := data.ReadCorpus(t.Context(), r, f)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
