package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"transcend/data/stats"
	"transcend/internal/cli"
)

func TestStats(t *testing.T) {
	games := sample(t, 100)
	t.Chdir(t.TempDir())
	if err := os.WriteFile("a.pgn", []byte(games), 0o644); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := command(t, "", "prepare", "--pgn", "a.pgn", "--max-elo", "1100", "--out", "a.parquet"); code != cli.ExitOK {
		t.Fatal(errs)
	}
	code, fromCorpus, errs := command(t, "", "stats", "a.parquet", "--json", "--plot", "a.svg", "--plot", "a.PNG")
	var d stats.Description
	if err := json.Unmarshal([]byte(fromCorpus), &d); code != cli.ExitOK || err != nil || errs != "" {
		t.Fatalf("exit %d, %v\n%s%s", code, err, fromCorpus, errs)
	}
	if want := mustRead(t, "a.parquet"); d.Games != want.Len() || d.Plies.Total != want.Plies() {
		t.Errorf("%d games, %d plies; the file has %d and %d", d.Games, d.Plies.Total, want.Len(), want.Plies())
	}
	for file, magic := range map[string]string{"a.svg": "<?xml", "a.PNG": "\x89PNG"} {
		if b, err := os.ReadFile(file); err != nil || !strings.HasPrefix(string(b), magic) {
			t.Errorf("%s is no picture: %v", file, err)
		}
	}
	// The games of the sources are the same, as is the long form of the name.
	code, fromPGN, errs := command(t, games, "stats", "--pgn", "-", "--max-elo", "1100", "--json")
	if code != cli.ExitOK || fromPGN != fromCorpus || !strings.Contains(errs, "dropped max_elo") {
		t.Errorf("exit %d, from PGN:\n%s%s", code, fromPGN, errs)
	}
	if code, again, errs := command(t, "", "stats", "--corpus", "a.parquet", "--json"); code != cli.ExitOK || again != fromCorpus {
		t.Errorf("exit %d, --corpus: %s%s", code, again, errs)
	}
	if code, text, errs := command(t, "", "stats", "a.parquet"); code != cli.ExitOK || errs != "" || !strings.Contains(text, "RATINGS") {
		t.Errorf("exit %d: %s%s", code, text, errs)
	}

	for _, tt := range []struct {
		args string
		code int
		want []string
	}{
		{"stats", cli.ExitUsage, []string{"name a corpus file", "--pool club"}},
		{"stats nowhere.parquet", cli.ExitUsage, []string{"nowhere.parquet: no such file"}},
		{"stats a.pgn", cli.ExitFailure, []string{"no corpus", "--pgn a.pgn"}},
		{"stats a.parquet b.parquet", cli.ExitUsage, []string{`unexpected argument "b.parquet"`}},
		{"stats a.parquet --max-elo 900", cli.ExitUsage, []string{"described whole", "--max-elo"}},
		{"stats a.parquet --plot a.jpg", cli.ExitUsage, []string{"a.jpg", ".svg, .png, .pdf"}},
		{"stats a.parquet --plot no/a.svg", cli.ExitUsage, []string{"there is no directory no"}},
		{"stats --pgn a.pgn --max-elo 100", cli.ExitFailure, []string{"no game is left", "raise --max-elo 100"}},
		{"stat a.parquet", cli.ExitUsage, []string{"did you mean chesstrain stats?"}},
	} {
		code, out, errs := command(t, "", strings.Fields(tt.args)...)
		if code != tt.code || out != "" {
			t.Errorf("%s: exit %d, want %d; printed %q\n%s", tt.args, code, tt.code, out, errs)
		}
		for _, want := range tt.want {
			if !strings.Contains(errs, want) {
				t.Errorf("%s: message lacks %q:\n%s", tt.args, want, errs)
			}
		}
	}
}
