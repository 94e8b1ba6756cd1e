package match

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"transcend/cmd/arena/internal/arenatest"
	"transcend/elo/leaderboard"
	"transcend/engine/arena"
	"transcend/pgn"
)

// TestPGNOfAThousandGames: the PGN that a match writes is accepted by pgn-extract,
// an independent reader, and 1,000 games read back by ours are those of the
// database.
func TestPGNOfAThousandGames(t *testing.T) {
	dir, fake := t.TempDir(), arenatest.Fake(t)
	games := 1000
	if testing.Short() {
		games = 100
	}
	args := []string{"--games", fmt.Sprint(games), "--maxmoves", "25", "-q", "--pgn-out", "g.pgn",
		"--engine", fmt.Sprintf(`cmd=%s "name=Müller \"the\" Engine\\" nodes=1`, fake), "--engine", fmt.Sprintf("cmd=%s name=b nodes=1", fake)}
	if code, _, errs := play(t, dir, args...); code != 0 {
		t.Fatalf("exit %d\n%s", code, errs)
	}
	store, err := leaderboard.OpenReadOnly("arena.db")
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	want := map[string]string{}
	for g, err := range store.Games(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		want[fmt.Sprint(g.Slot+1)] = fmt.Sprintf("%v %s %s %s %v", arena.MovesOf(g.Moves), g.Result, g.Termination, g.Opening, g.PlayerWhite)
	}
	r, err := pgn.Open("g.pgn")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	n := 0
	for r.Scan() {
		if r.BadGame() != nil {
			t.Fatal(r.BadGame())
		}
		g := r.Game()
		n++
		if got := fmt.Sprintf("%v %s %s %s %v", g.Moves, g.Result, g.Tag("Termination"), g.Tag("Opening"), g.Tag("White") == `Müller "the" Engine\`); got != want[g.Tag("Round")] {
			t.Fatalf("game %s reads back as\n%s, want\n%s", g.Tag("Round"), got, want[g.Tag("Round")])
		}
	}
	if n != games || len(want) != games || r.Err() != nil {
		t.Fatalf("%d games read of %d, %v", n, len(want), r.Err())
	}
	extract, err := exec.LookPath("pgn-extract")
	if err != nil {
		if extract = "/usr/games/pgn-extract"; !isFile(extract) {
			t.Skip("pgn-extract is not installed (apt install pgn-extract): what it says of our PGN is not tested")
		}
	}
	cmd := exec.Command(extract, "-s", "--fixresulttags", "-Wuci", "-C", "-V", "-N", "--notags", "-o", "uci.txt", "g.pgn")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil || strings.Trim(string(out), "Games: 0123456789\r\n") != "" { // it counts thousands
		t.Fatalf("pgn-extract: %v\n%s", err, out)
	}
	text, err := os.ReadFile(filepath.Join(dir, "uci.txt"))
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, game := range strings.Split(string(text), "\n\n") {
		if line := strings.Join(strings.Fields(game), " "); line != "" {
			lines = append(lines, strings.ToLower(line)) // it promotes to Q
		}
	}
	var ours []string
	for g, err := range store.Games(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		ours = append(ours, g.MoveText+" "+g.Result)
	}
	slices.Sort(lines)
	slices.Sort(ours)
	if len(lines) != len(ours) {
		t.Fatalf("pgn-extract reads %d games of %d", len(lines), len(ours))
	}
	for i := range ours {
		if lines[i] != ours[i] {
			t.Fatalf("pgn-extract reads\n%s, the database has\n%s", lines[i], ours[i])
		}
	}
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
