package data

import (
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"transcend/internal/bitboard"
)

// game returns the game with these moves in SAN.
func game(t testing.TB, result bitboard.Result, sans string) *Game {
	t.Helper()
	g := &Game{Result: result}
	p := bitboard.Start()
	for san := range strings.FieldsSeq(sans) {
		m, err := p.ParseSAN(san)
		if err != nil {
			t.Fatal(err)
		}
		p.Make(m)
		g.Moves = append(g.Moves, m)
	}
	return g
}

// randomGame plays up to plies random legal moves.
func randomGame(rng *rand.Rand, plies int) *Game {
	results := []bitboard.Result{bitboard.WhiteWins, bitboard.BlackWins, bitboard.Draw}
	g := &Game{
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
	g.Rated = Rated(rng.IntN(3))
	return g
}

// randomCorpus holds n random games of 1 to maxPlies plies.
func randomCorpus(seed uint64, n, maxPlies int) *Corpus {
	rng := rand.New(rand.NewPCG(seed, 1))
	c := NewCorpus()
	for range n {
		c.Append(randomGame(rng, 1+rng.IntN(maxPlies)))
	}
	return c
}

// texts spells tokens.
func texts(tok Tokenizer, ids []int32) []string {
	var out []string
	for _, id := range ids {
		out = append(out, tok.Text(id))
	}
	return out
}

// realData returns the directory of the real games, which are not part of the
// repository: shared/data beside it. It skips the test when there are none.
func realData(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Skip("no go.mod above this test")
		}
		dir = up
	}
	dir = filepath.Join(dir, "..", "shared", "data")
	if _, err := os.Stat(filepath.Join(dir, "lichess")); err != nil {
		t.Skip("no real games: ../shared/data is not there")
	}
	return dir
}

func rng(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0)) }

var update = flag.Bool("update", false, "rewrite golden files")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s:\n%s\nwant\n%s", name, got, want)
	}
}
