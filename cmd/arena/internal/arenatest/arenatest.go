// Package arenatest is what the tests of arena's commands share: running a command in a directory of
// its own, a model and an engine to play, and the games that a database holds in the end.
package arenatest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"transcend/data"
	"transcend/elo/leaderboard"
	"transcend/internal/cli"
	"transcend/internal/fakeengine"
	"transcend/model"
	"transcend/pgn"
)

// Run runs a command with its arguments in a directory.
func Run(t *testing.T, dir string, command func(ctx context.Context, stdout, stderr io.Writer, args []string) error, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	t.Chdir(dir)
	var out, errs bytes.Buffer
	if err := command(context.Background(), &out, &errs, args); err != nil {
		code = cli.Fail(&errs, "arena", err)
	}
	return code, out.String(), errs.String()
}

// none is a source for a trainer that only writes a checkpoint.
type none struct{}

func (none) Next(*model.Batch) error { return nil }
func (none) State() ([]byte, error)  { return nil, nil }
func (none) Restore([]byte) error    { return nil }

// WriteModel writes a checkpoint with random weights.
func WriteModel(t *testing.T, dir string) string {
	t.Helper()
	return WriteModelFrom(t, dir, 5)
}

// WriteModelFrom is WriteModel with weights drawn from a seed.
func WriteModelFrom(t *testing.T, dir string, seed uint64) string {
	t.Helper()
	tok := data.NewMoveTokenizer()
	m, err := model.New(model.Config{Layers: 1, Heads: 2, Width: 16, Context: 128, Vocab: tok.VocabSize(), Activation: "gelu"}, seed)
	if err != nil {
		t.Fatal(err)
	}
	c := model.DefaultTrainConfig()
	c.Rows, c.Steps = 1, 1
	trainer, err := model.NewTrainer(m, c, none{})
	if err != nil {
		t.Fatal(err)
	}
	b, err := tok.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, model.CheckpointName(0))
	if err := trainer.Save(path, map[string][]byte{data.TokenizerFile: b}); err != nil {
		t.Fatal(err)
	}
	return path
}

// Fake builds the fake engine.
func Fake(t *testing.T) string {
	t.Helper()
	fake, err := fakeengine.Build(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return fake
}

// Fakes are --engine flags for fake engines of these names; a name may be
// followed by the engine's flags.
func Fakes(fake string, names ...string) []string {
	var args []string
	for _, name := range names {
		name, flags, _ := strings.Cut(name, " ")
		args = append(args, "--engine", fmt.Sprintf("cmd=%s name=%s nodes=1 args='%s'", fake, name, flags))
	}
	return args
}

// SweepArgs are the flags of a sweep with a choice of opponents.
func SweepArgs(fake, checkpoint string) []string {
	return []string{"--engine", fake, "--engine-arg=-name=Stockfish 16", "--model", checkpoint, "--nodes", "1", "--level", "0,1,2,3,4,5", "--illegal", "mask",
		"--temp", "0.5,1", "--games", "40", "--concurrency", "3", "--seed", "5", "--max-moves", "30"}
}

// TournamentGames reads all games of a database, by the names of a tournament's players,
// the number of the pairing and the slot, as text.
func TournamentGames(t *testing.T, path string) map[string]string {
	t.Helper()
	store, err := leaderboard.OpenReadOnly(path)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if err := store.Check(context.Background()); err != nil {
		t.Fatal(err)
	}
	ts, err := store.Tournaments(t.Context())
	if err != nil || len(ts) != 1 {
		t.Fatalf("%d tournaments, %v", len(ts), err)
	}
	pairings, err := store.Pairings(t.Context(), ts[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	names := map[int64]string{}
	for _, p := range pairings {
		if p.Second >= 0 {
			names[p.MatchID] = ts[0].Entrants[p.First].Name + "-" + ts[0].Entrants[p.Second].Name
		}
	}
	games := map[string]string{}
	for g, err := range store.Games(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		key := fmt.Sprintf("%s/%d", names[g.MatchID], g.Slot)
		if _, twice := games[key]; twice {
			t.Fatalf("game %s is there twice", key)
		}
		games[key] = fmt.Sprint(g.PlayerWhite, g.Seed, g.Opening, g.BookPlies, g.Result, g.Termination, g.LossCause, g.OpponentCause, g.MoveText)
	}
	return games
}

// StoredGames counts the games of a database that a killed program left.
func StoredGames(t *testing.T, path string) int {
	t.Helper()
	store, err := leaderboard.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if err := store.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, err := range store.Games(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}

// CheckPGN reads a PGN file of n games.
func CheckPGN(t *testing.T, path string, n int) {
	t.Helper()
	r, err := pgn.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	games := 0
	for r.Scan() {
		if r.BadGame() != nil {
			t.Error(r.BadGame())
		}
		games++
	}
	if games != n || r.Err() != nil {
		t.Errorf("%s has %d games, want %d (%v)", path, games, n, r.Err())
	}
}

// Compare checks that both hold the same n games.
func Compare(t *testing.T, want, got map[string]string, n int) {
	t.Helper()
	if len(want) != n || len(got) != n {
		t.Fatalf("%d games undisturbed and %d killed, want %d", len(want), len(got), n)
	}
	for key, g := range want {
		if got[key] != g {
			t.Errorf("game %s differs:\n%s\n%s", key, got[key], g)
		}
	}
}
