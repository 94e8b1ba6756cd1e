package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"transcend/data/league"
	"transcend/internal/cli"
)

// leagueCommand runs the command and returns what it printed.
func leagueCommand(ctx context.Context, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = execute(ctx, strings.NewReader(""), &out, &errs, append([]string{"league"}, args...))
	return code, out.String(), errs.String()
}

func TestLeagueWritesGamesThatCanBeTrainedOn(t *testing.T) {
	dir := t.TempDir()
	ctx := context.Background()
	pool := filepath.Join(dir, "pool.txt")
	if err := os.WriteFile(pool, []byte("ply1:rho=0.5 500\nply1:rho=0.4,book=all 600 Berta\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, threads := range []string{"1", "3"} {
		out := filepath.Join(dir, "games"+threads+".pgn.zst")
		code, stdout, stderr := leagueCommand(ctx, "--games", "40", "--pool", pool, "--seed", "3", "--threads", threads, "--out", out, "--json", "-q")
		if code != cli.ExitOK || stderr != "" {
			t.Fatalf("exit %d, %s", code, stderr)
		}
		var result struct {
			Bytes        int64
			Games, Plies int
			Scale        string
			Results      map[string]int
		}
		if err := json.Unmarshal([]byte(stdout), &result); err != nil {
			t.Fatalf("%v in %s", err, stdout)
		}
		info, err := os.Stat(out)
		if err != nil || info.Size() != result.Bytes || result.Games != 40 || result.Plies == 0 || result.Scale != "nominal" ||
			result.Results["1-0"]+result.Results["0-1"]+result.Results["1/2-1/2"] != 40 {
			t.Errorf("%+v, %v", result, err)
		}
		if files[threads], err = os.ReadFile(out); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(files["1"], files["3"]) {
		t.Error("the file depends on the number of threads")
	}
	corpus := filepath.Join(dir, "games.parquet")
	var out, errs bytes.Buffer
	code := execute(ctx, strings.NewReader(""), &out, &errs, []string{"prepare", "--pgn", filepath.Join(dir, "games1.pgn.zst"), "--max-elo", "600", "--out", corpus})
	if code != cli.ExitOK {
		t.Fatalf("prepare: exit %d, %s", code, errs.String())
	}
	if !strings.Contains(out.String(), "40 games") {
		t.Errorf("prepare printed %s", out.String())
	}

	code, stdout, stderr := leagueCommand(ctx, "--games", "2", "--pool", pool, "--out", "-")
	if code != cli.ExitOK || !strings.Contains(stdout, `[WhitePlayer "ply1:rho=0.`) || !strings.Contains(stdout, "nominal") || !strings.Contains(stderr, "2 games") {
		t.Errorf("exit %d, %s %s", code, stdout, stderr)
	}
}

func TestLeagueErrors(t *testing.T) {
	dir := t.TempDir()
	there := filepath.Join(dir, "there.pgn")
	if err := os.WriteFile(there, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	unrated := filepath.Join(dir, "unrated.txt")
	if err := os.WriteFile(unrated, []byte("ply1:rho=0.123\nply2:rho=0.123\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "new.pgn")
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"--out", out}, "--games 0"},
		{[]string{"--games", "5"}, "--out is missing"},
		{[]string{"--games", "5", "--out", there}, "exists"},
		{[]string{"--games", "5", "--out", filepath.Join(dir, "x.parquet")}, "end in .pgn"},
		{[]string{"--games", "5", "--out", out, "--pool", "laddr"}, "did you mean --pool ladder"},
		{[]string{"--games", "5", "--out", out, "--pool", unrated}, "--max-gap 0"},
		{[]string{"--games", "5", "--out", out, "--openings", "random:0"}, "named or random:N"},
		{[]string{"--games", "5", "--out", out, "--max-plies", "0"}, "at least 1"},
		{[]string{"--games", "5", "--out", out, "--max-gap", "-1"}, "negative"},
		{[]string{"--games", "5", "--out", out, "more"}, "unexpected argument"},
	} {
		code, _, stderr := leagueCommand(context.Background(), test.args...)
		// The last word of the hint about .pgn is split over two.
		if code != cli.ExitUsage || !strings.Contains(strings.ReplaceAll(stderr, "ends in", "end in"), test.want) {
			t.Errorf("%v: exit %d, %s", test.args, code, stderr)
		}
	}
	canceled, cancel := context.WithCancel(context.Background())
	cancel()
	code, _, stderr := leagueCommand(canceled, "--games", "500", "--out", there, "--force")
	if b, err := os.ReadFile(there); code != cli.ExitInterrupted || err != nil || string(b) != "old" {
		t.Errorf("interrupted: exit %d, %s; the file has %q, %v", code, stderr, b, err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

func TestLeagueList(t *testing.T) {
	code, stdout, _ := leagueCommand(context.Background(), "--list")
	if code != cli.ExitOK || !strings.Contains(stdout, league.Ratings().Scale) || !strings.Contains(stdout, "ladder") || !strings.Contains(stdout, "search:nodes=1000") {
		t.Errorf("exit %d, %s", code, stdout)
	}
}
