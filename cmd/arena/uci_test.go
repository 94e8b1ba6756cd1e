package main

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"transcend/analysis/checkpoint"
	"transcend/cmd/arena/internal/arenatest"
	"transcend/cmd/internal/commandtest"
	"transcend/engine"
	"transcend/engine/uci"
	"transcend/internal/bitboard"
	"transcend/internal/cli"
	"transcend/model/sampling"
)

// TestUCIGamesAreTheModelsGames plays a model through its UCI engine, with our
// client, and in process: the games of a seed are the same, move for move.
func TestUCIGamesAreTheModelsGames(t *testing.T) {
	dir := t.TempDir()
	saved := arenatest.WriteModel(t, dir)
	arena := commandtest.Command(dir, "uci", "--model", saved)
	ctx := context.Background()
	out, err := uci.Start(ctx, uci.Config{Path: arena.Path, Args: arena.Args[1:], Env: arena.Env,
		Options: []uci.Option{{Name: "Temperature", Value: "1"}, {Name: "IllegalPolicy", Value: "resample-5"}, {Name: "Threads", Value: "2"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := out.Close(); err != nil {
			t.Errorf("quit: %v", err)
		}
	}()
	m, tok, err := checkpoint.Load(saved)
	if err != nil {
		t.Fatal(err)
	}
	in, err := engine.NewModelPlayer(engine.ModelConfig{Model: m, Tokenizer: tok, Sampling: sampling.Settings{Temperature: 1}, Policy: engine.IllegalPolicy{Kind: engine.Resample, Attempts: 5}})
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	for _, seed := range []uint64{1, 2, 1<<64 - 1} {
		var games [2]*bitboard.Game
		for i, p := range []engine.Player{out, in} {
			if err := p.NewGame(ctx, seed); err != nil {
				t.Fatal(err)
			}
			g := bitboard.NewGame(bitboard.Start())
			for g.Ply() < 40 && g.Position().HasLegalMove() {
				r, err := p.Move(ctx, g, engine.Limit{MoveTime: 30 * time.Second})
				if err != nil {
					t.Fatal(err)
				}
				if err := g.Make(r.Move); err != nil {
					t.Fatal(err)
				}
			}
			games[i] = g
		}
		for i, m := range games[1].Moves() {
			if games[0].Moves()[i] != m {
				t.Fatalf("seed %d, ply %d: %s by UCI, %s in process", seed, i+1, games[0].Moves()[i], m)
			}
		}
	}
	if stray := out.Traffic(); stray.Stray > 0 || stray.Unknown > 0 {
		t.Errorf("lines that nobody asked for: %+v", stray)
	}
}

func TestUCICommandLine(t *testing.T) {
	dir := t.TempDir()
	checkpoint := arenatest.WriteModel(t, dir)
	run := func(input string, args ...string) (int, string, string) {
		var out, errs bytes.Buffer
		code := execute(context.Background(), strings.NewReader(input), &out, &errs, append([]string{"uci"}, args...))
		return code, out.String(), errs.String()
	}
	code, out, errs := run("uci\nposition startpos moves e2e4\ngo movetime 20000\n", "--model", dir, "--score", "zero", "--seed", "5")
	if code != cli.ExitOK || errs != "" || strings.Count(out, "\nbestmove ") != 1 {
		t.Errorf("exit %d, %q\n%s", code, errs, out)
	}
	for _, want := range []string{"id name Transcend " + filepath.Base(dir), "option name Seed type string default 5\n", "info string policy ", "score cp 0", checkpoint} {
		if !strings.Contains(out, want) {
			t.Errorf("lacks %q:\n%s", want, out)
		}
	}
	for _, tt := range []struct {
		code int
		args []string
		want string
	}{
		{cli.ExitFailure, []string{"--model", filepath.Join(dir, "nowhere")}, "hint: name a run or a checkpoint"},
		{cli.ExitUsage, []string{"--model", dir, "--illegal", "cheat"}, "hint: mask"},
		{cli.ExitUsage, []string{"--model", dir, "--temp", "-1"}, "temperature"},
		{cli.ExitUsage, []string{"--model", dir, "--score", "zer"}, "did you mean --score zero?"},
		{cli.ExitUsage, []string{"--model", dir, "more"}, "unexpected"},
		{cli.ExitUsage, []string{"--modle", dir}, "did you mean --model"},
	} {
		code, out, errs := run("uci\n", tt.args...)
		if code != tt.code || out != "" || !strings.Contains(errs, tt.want) {
			t.Errorf("%q: exit %d, %q, %q", tt.args, code, out, errs)
		}
	}
}
