package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"transcend/data"
	"transcend/data/league"
	"transcend/internal/cli"
)

// TestTrainOnGamesOfTheLeague trains without a source: the games are those of "chesstrain league",
// the cap does its work on their ratings, and a run that was killed while they were played goes on.
func TestTrainOnGamesOfTheLeague(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	weights := func(run string) []byte {
		b, err := os.ReadFile(filepath.Join(run, "checkpoint-00000006", "model.safetensors"))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	code, out, errs := command(t, "", append([]string{"--max-elo", "1000", "--league-games", "60", "--out", "played"}, small...)...)
	if code != cli.ExitOK || !strings.Contains(errs, "dropped max_elo") || !strings.Contains(out, "arena --temp 0.001") {
		t.Fatalf("exit %d\n%s%s", code, out, errs)
	}
	code, text, _ := leagueCommand(context.Background(), "--games", "60", "--pool", "club", "--out", "-")
	if code != cli.ExitOK {
		t.Fatal(code)
	}
	if err := os.WriteFile("games.pgn", []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	corpus, err := data.ReadParquet(filepath.Join("played", "corpus.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(text))
	source := corpus.Provenance.Sources[0]
	if r := corpus.Provenance.Report; r.Seen != 60 || r.Kept == 60 || r.Kept != corpus.Len() {
		t.Errorf("%+v", r)
	}
	if source.SHA256 != hex.EncodeToString(sum[:]) || source.Size != int64(len(text)) ||
		!source.Simulated() || !strings.HasPrefix(source.Name, "league pool=club,games=60,seed=1,max-gap=200,version="+league.Version+",players=") {
		t.Errorf("the corpus says of its origin: %+v", source)
	}
	// The same as from a file.
	code, _, errs = command(t, "", append([]string{"--max-elo", "1000", "--pgn", "games.pgn", "--out", "read"}, small...)...)
	if code != cli.ExitOK || !bytes.Equal(weights("played"), weights("read")) {
		t.Errorf("exit %d, or other weights from the same games in a file\n%s", code, errs)
	}

	// All that is there of a run whose games were not yet played.
	settings, err := os.ReadFile("played/run.json")
	if err != nil {
		t.Fatal(err)
	}
	begun := func(name string, settings []byte) {
		if err := os.Mkdir(name, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(name, "run.json"), settings, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	begun("killed", settings)
	if code, _, errs := command(t, "", "--resume", "--out", "killed", "--quiet"); code != cli.ExitOK || !bytes.Equal(weights("played"), weights("killed")) {
		t.Errorf("exit %d, or other weights after a kill\n%s", code, errs)
	}
	begun("old", bytes.Replace(settings, []byte(`"version": "`+league.Version), []byte(`"version": "0`), 1))
	if code, _, errs := command(t, "", "--resume", "--out", "old"); code != cli.ExitFailure || !strings.Contains(errs, "would not be those that the run began with") {
		t.Errorf("a run of other players: exit %d\n%s", code, errs)
	}

	code, out, errs = command(t, "", "prepare", "--pool", "club", "--league-games", "1000000", "--games", "30", "--league-seed", "4", "--out", "some.parquet")
	if code != cli.ExitOK || !strings.Contains(out, "30 games") {
		t.Errorf("prepare: exit %d\n%s%s", code, out, errs)
	}
	if code, out, errs := command(t, "", "stats", "--pool", "club", "--league-games", "20", "--json"); code != cli.ExitOK || !strings.Contains(out, `"games": 20`) {
		t.Errorf("stats: exit %d\n%s%s", code, out, errs)
	}
	// A run on that file knows whose ratings the cap is among.
	code, _, errs = command(t, "", append([]string{"--corpus", "some.parquet", "--validation", "0.3", "--out", "of-file"}, small...)...)
	settings, err = os.ReadFile(filepath.Join("of-file", "run.json"))
	if want := fmt.Sprintf(`"corpus_scale": %q`, league.Ratings().Scale); code != cli.ExitOK || err != nil || !strings.Contains(string(settings), want) {
		t.Errorf("exit %d, %v\n%s%s", code, err, errs, settings)
	}
}

// TestPlayingWithinTime: a run by time does not spend all of it on games whose number nobody asked for.
func TestPlayingWithinTime(t *testing.T) {
	for _, tt := range []struct {
		flags string
		want  time.Duration
	}{
		{"--max-elo 1000", 3 * time.Minute}, {"--time 30m", 10 * time.Minute}, {"--pool noise", 3 * time.Minute},
		{"--steps 5", 0}, {"--league-games 9", 0}, {"--league-games 9 --time 1h", 0},
	} {
		s, _, _, err := parseFlags(strings.Fields(tt.flags), io.Discard)
		if err == nil {
			err = s.complete()
		}
		if err != nil || time.Duration(s.League.Within) != tt.want {
			t.Errorf("%s: %v, %v", tt.flags, s.League, err)
		}
	}
}
