package batches

import (
	"math/rand/v2"
	"path/filepath"
	"testing"

	"transcend/data"
	"transcend/data/filter"
	"transcend/internal/bitboard"
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
	p := bitboard.Start()
	legal := make([]bitboard.Move, 0, 256)
	for range plies {
		legal = p.Legal(legal[:0])
		if len(legal) == 0 {
			break
		}
		m := legal[rng.IntN(len(legal))]
		p.Make(m)
		g.Moves = append(g.Moves, m)
	}
	// Not from rng: tests know the moves that a seed gives.
	rng = rand.New(rand.NewPCG(uint64(g.WhiteElo), uint64(g.BlackElo)))
	g.White = []string{"anna", "", "Bernd", "Ćirić, D"}[rng.IntN(4)]
	g.Black = []string{"carl", "", "Bernd"}[rng.IntN(3)]
	g.Termination = []string{"Normal", "", "Time forfeit"}[rng.IntN(3)]
	g.Rated = data.Rated(rng.IntN(3))
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

// texts spells tokens.
func texts(tok data.Tokenizer, ids []int32) []string {
	var out []string
	for _, id := range ids {
		out = append(out, tok.Text(id))
	}
	return out
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
	files, err := filepath.Glob("../../../shared/data/lichess/*.pgn.zst")
	if err != nil || len(files) == 0 {
		t.Skip("no real games: ../shared/data is not there")
	}
	r, err := pgn.Open(files...)
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
