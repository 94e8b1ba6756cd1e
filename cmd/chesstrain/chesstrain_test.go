package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"transcend/data"
	"transcend/data/league"
	"transcend/internal/cli"
	"transcend/model"
	"transcend/pgn"
)

// testPool is the players whose games tests read, from 600 to 1500.
//
//go:embed testdata/pool.txt
var testPool string

// sample is n games of testPool as PGN.
func sample(t *testing.T, n int) string {
	t.Helper()
	text, err := simulated(n)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func simulated(n int) (string, error) {
	pool, err := league.ReadPool("test", strings.NewReader(testPool))
	if err != nil {
		return "", err
	}
	var b strings.Builder
	w := pgn.NewWriter(&b)
	c := league.Corpus{Pool: pool, Seed: 1, MaxPlies: 160}
	for g, err := range c.Games(context.Background(), 0, n, 0) {
		if err == nil {
			err = w.Write(g.PGN())
		}
		if err != nil {
			return "", err
		}
	}
	return b.String(), nil
}

// small are flags of a run that ends in a second.
var small = []string{"--layers", "1", "--heads", "1", "--width", "16", "--context", "64", "--rows", "2",
	"--steps", "6", "--eval-tokens", "300", "--eval-positions", "30"}

func TestTrainEvaluateAndResume(t *testing.T) {
	games := sample(t, 120)
	dir := t.TempDir()
	t.Chdir(dir)
	if err := os.WriteFile("a.pgn", []byte(games), 0o644); err != nil {
		t.Fatal(err)
	}
	args := append([]string{"--pgn", "a.pgn", "--max-elo", "1100"}, small...)
	code, out, errs := command(t, "", args...)
	if code != cli.ExitOK {
		t.Fatalf("exit %d\n%s", code, errs)
	}
	run := filepath.Join("runs", "max1100-move-tiny")
	for _, want := range []string{"validation loss", "move match", "legal moves", "argmax", "T=1", run, "arena --temp 0.001"} {
		if !strings.Contains(out, want) {
			t.Errorf("result lacks %q:\n%s", want, out)
		}
	}
	for _, want := range []string{"games seen", "max_elo", "step 6/6", "val ", "tok/s", "GFLOP/s", "kept ", "left "} {
		if !strings.Contains(errs, want) {
			t.Errorf("progress lacks %q:\n%s", want, errs)
		}
	}
	if strings.ContainsAny(errs+out, "\r\x1b") {
		t.Error("a pipe got terminal codes")
	}
	for _, file := range []string{"run.json", "corpus.parquet", "filter.json", "metrics.jsonl", "evaluation.json",
		"checkpoint-00000006/model.safetensors", "checkpoint-00000006/tokenizer.json"} {
		if _, err := os.Stat(filepath.Join(run, file)); err != nil {
			t.Errorf("the run lacks a file: %v", err)
		}
	}
	corpus, err := data.ReadParquet(filepath.Join(run, "corpus.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(games))
	p := corpus.Provenance
	if len(p.Sources) != 1 || p.Sources[0].Name != "a.pgn" || p.Sources[0].SHA256 != hex.EncodeToString(sum[:]) ||
		p.Filter.MaxElo != 1100 || p.Report.Seen != 120 || p.Program == "" {
		t.Errorf("the corpus says of its origin: %+v", p)
	}
	// A finished run is only evaluated again, from its own corpus.
	if err := os.Remove("a.pgn"); err != nil {
		t.Fatal(err)
	}
	code, again, errs := command(t, "", "--resume", "--json", "--quiet")
	var result outcome
	if err := json.Unmarshal([]byte(again), &result); code != cli.ExitOK || err != nil || errs != "" {
		t.Fatalf("resume: exit %d, %v\n%s%s", code, err, again, errs)
	}
	if result.Steps != 6 || result.Corpus.Seen != 120 || result.Corpus.Kept == 0 || result.Moves.Positions < 30 || result.ValidationLoss <= 0 {
		t.Errorf("result after resuming: %+v", result)
	}
	// The same flags make a new run beside it.
	if err := os.WriteFile("a.pgn", []byte(games), 0o644); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := command(t, "", args...); code != cli.ExitOK {
		t.Fatalf("exit %d\n%s", code, errs)
	}
	first, err := os.ReadFile(filepath.Join(run, "checkpoint-00000006", "model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	second, err := os.ReadFile(filepath.Join(run+"-2", "checkpoint-00000006", "model.safetensors"))
	if err != nil || string(first) != string(second) {
		t.Errorf("the same flags gave other weights (%v)", err)
	}
}

func TestBoardInput(t *testing.T) {
	games := sample(t, 60)
	t.Chdir(t.TempDir())
	if err := os.WriteFile("a.pgn", []byte(games), 0o644); err != nil {
		t.Fatal(err)
	}
	code, out, errs := command(t, "", append([]string{"--pgn", "a.pgn", "--input", "board"}, small...)...)
	run := filepath.Join("runs", "all-move-tiny-board")
	if code != cli.ExitOK || !strings.Contains(out, "board") || !strings.Contains(out, run) || !strings.Contains(errs, "board input") {
		t.Fatalf("exit %d\n%s%s", code, out, errs)
	}
	code, out, errs = command(t, "", "--resume", "--json", "--quiet")
	var result outcome
	if err := json.Unmarshal([]byte(out), &result); code != cli.ExitOK || err != nil || result.Input != "board" || result.Moves.Positions == 0 {
		t.Errorf("resume: exit %d, %v, %+v\n%s", code, err, result, errs)
	}
	for _, file := range []string{"run.json", "checkpoint-00000006/run.json", "evaluation.json"} {
		if b, err := os.ReadFile(filepath.Join(run, file)); err != nil || !strings.Contains(string(b), `"input": "board"`) {
			t.Errorf("%s does not name the input: %v", file, err)
		}
	}
	code, out, _ = command(t, "", append([]string{"--pgn", "a.pgn", "--json"}, small...)...)
	if code != cli.ExitOK || !strings.Contains(out, `"input": "moves"`) {
		t.Errorf("without: exit %d\n%s", code, out)
	}
}

func TestCharactersFromStandardInput(t *testing.T) {
	games := sample(t, 60)
	t.Chdir(t.TempDir())
	args := append([]string{"--pgn", "-", "--tokenizer", "char", "--packing", "blocks", "--draw-artifact", "--out", "r"}, small...)
	code, out, errs := command(t, games, args...)
	if code != cli.ExitOK || !strings.Contains(out, "nats a character") {
		t.Fatalf("exit %d\n%s%s", code, out, errs)
	}
}

// TestInterruptWhileWaitingForStandardInput stops a trainer that waits for games
// which do not come.
func TestInterruptWhileWaitingForStandardInput(t *testing.T) {
	t.Chdir(t.TempDir())
	ctx, cancel := context.WithCancel(context.Background())
	waiting, games := io.Pipe()
	defer games.Close()
	go func() {
		// The write returns when it has been read: then the trainer waits again.
		io.WriteString(games, "[Event \"first of many\"]\n")
		cancel()
	}()
	var errs bytes.Buffer
	code := execute(ctx, waiting, io.Discard, &errs, append([]string{"--pgn", "-", "--out", "r"}, small...))
	if code != cli.ExitInterrupted || !strings.Contains(errs.String(), "interrupted") {
		t.Errorf("exit %d: %s", code, errs.String())
	}
}

// TestRatesByOptimizer: every preset has a learning rate for every optimizer.
func TestRatesByOptimizer(t *testing.T) {
	if len(presets) != len(presetNames) {
		t.Errorf("%d presets, named %q", len(presets), presetNames)
	}
	for _, preset := range presetNames {
		for _, optimizer := range model.Optimizers() {
			s, _, _, err := parseFlags([]string{"--preset", preset, "--optimizer", optimizer, "--steps", "9"}, io.Discard)
			if err == nil {
				err = s.complete()
			}
			if rate := presets[preset].learningRate[optimizer]; err != nil || rate <= 0 || s.Trainer.LearningRate != rate {
				t.Errorf("%s, %s: learning rate %v, want %v over 0 (%v)", preset, optimizer, s.Trainer.LearningRate, rate, err)
			}
		}
	}
}

func TestErrors(t *testing.T) {
	games := sample(t, 40)
	dir := t.TempDir()
	t.Chdir(dir)
	if err := os.WriteFile("a.pgn", []byte(games), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("empty.pgn", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll("taken", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("taken/run.json", []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args string
		code int
		want []string
	}{
		{"--pgn a.pgn --pool noise", cli.ExitUsage, []string{"--pool plays games, and --pgn reads some", "hint: give one kind of source"}},
		{"--corpus a.parquet --league-games 10", cli.ExitUsage, []string{"--league-games cannot be used with it"}},
		{"--pool laddr --steps 5", cli.ExitUsage, []string{"did you mean --pool ladder?"}},
		{"--league-games -1 --steps 5", cli.ExitUsage, []string{"--league-games -1: must be from 1"}},
		{"--max-gap -1 --steps 5", cli.ExitUsage, []string{"must not be negative"}},
		{"--pool noise --league-games 20 --no-bots --steps 5 --out bots", cli.ExitFailure, []string{"20 dropped by bot", "simulated players are programs"}},
		{"--max-elp 1000", cli.ExitUsage, []string{"unknown flag --max-elp", "did you mean --max-elo?"}},
		{"a.pgn", cli.ExitUsage, []string{"unknown command", "--pgn a.pgn", "train, prepare"}},
		{"bensh", cli.ExitUsage, []string{"unknown command \"bensh\"", "did you mean chesstrain bench?"}},
		{"help bensh", cli.ExitUsage, []string{"did you mean chesstrain bench?"}},
		{"--steps 5 a.pgn", cli.ExitUsage, []string{"unexpected argument", "--pgn a.pgn"}},
		{"--pgn nowhere.pgn", cli.ExitUsage, []string{"nowhere.pgn: no such file"}},
		{"--pgn *.gz", cli.ExitUsage, []string{"no file matches"}},
		{"--pgn .", cli.ExitUsage, []string{"is a directory"}},
		{"--pgn a.pgn --preset tinny", cli.ExitUsage, []string{"did you mean --preset tiny?"}},
		{"--pgn a.pgn --tokenizer word", cli.ExitUsage, []string{"must be one of move, char"}},
		{"--pgn a.pgn --steps 5 --time 3m", cli.ExitUsage, []string{"both budgets"}},
		{"--pgn a.pgn --time 3m --schedule cosine", cli.ExitUsage, []string{"cosine"}},
		{"--pgn a.pgn --steps -1", cli.ExitUsage, []string{"must be positive"}},
		{"--pgn a.pgn --steps 5 --heads 3", cli.ExitUsage, []string{"heads"}},
		{"--pgn a.pgn --steps 5 --validation 1", cli.ExitUsage, []string{"--validation 1"}},
		{"--pgn a.pgn --steps 5 --validation NaN", cli.ExitUsage, []string{"--validation NaN"}},
		{"--pgn a.pgn --steps 5 --learning-rate -1", cli.ExitUsage, []string{"--learning-rate -1"}},
		{"--pgn a.pgn --steps 5 --rows 99999999", cli.ExitUsage, []string{"tokens a batch"}},
		{"--pgn a.pgn --steps 5 --max-elo 900 --min-elo 1000", cli.ExitUsage, []string{"no game can be kept"}},
		{"--pgn a.pgn --steps 5 --draw-artifact", cli.ExitUsage, []string{"--tokenizer char"}},
		{"--pgn a.pgn --steps 5 --input bord", cli.ExitUsage, []string{"did you mean --input board?"}},
		{"--pgn a.pgn --steps 5 --input board --tokenizer char", cli.ExitUsage, []string{"--input board", "--tokenizer char", "hint:"}},
		{"--pgn a.pgn --steps 5 --threads -1", cli.ExitUsage, []string{"--threads -1"}},
		{"--pgn a.pgn --steps 5 --out taken", cli.ExitFailure, []string{"a run is already there", "hint: continue it with chesstrain --resume --out taken"}},
		{"--pgn a.pgn --steps 5 --max-elo 100 --out none", cli.ExitFailure, []string{"no game is left", "max_elo", "hint: raise --max-elo"}},
		{"--pgn empty.pgn --steps 5 --out empty", cli.ExitFailure, []string{"no game is left"}},
		{"--resume --out nothing", cli.ExitFailure, []string{"nothing to resume", "run.json"}},
		{"--resume", cli.ExitFailure, []string{"nothing to resume", "--out DIR"}},
		{"--resume --max-elo 900 --out taken", cli.ExitUsage, []string{"--max-elo cannot be changed"}},
	} {
		t.Run(tt.args, func(t *testing.T) {
			code, out, errs := command(t, "", strings.Fields(tt.args)...)
			if code != tt.code || out != "" {
				t.Errorf("exit %d, want %d; printed %q\n%s", code, tt.code, out, errs)
			}
			for _, want := range tt.want {
				if !strings.Contains(errs, want) {
					t.Errorf("message lacks %q:\n%s", want, errs)
				}
			}
		})
	}
}

func TestHelp(t *testing.T) {
	code, out, errs := command(t, "", "--help")
	if code != cli.ExitOK || errs != "" || !strings.Contains(out, "examples:") || !strings.Contains(out, "--max-elo") {
		t.Errorf("exit %d, stderr %q, output:\n%s", code, errs, out)
	}
	for _, name := range data.TokenizerNames() {
		if !strings.Contains(out, name+" (") {
			t.Errorf("the help does not say what --tokenizer %s is", name)
		}
	}
	for _, args := range [][]string{{"help"}, {"train", "--help"}, {"help", "train"}} {
		if code, again, errs := command(t, "", args...); code != cli.ExitOK || errs != "" || again != out {
			t.Errorf("%v: exit %d, stderr %q, another help than --help", args, code, errs)
		}
	}
	for _, c := range subcommands {
		if c.name == "train" {
			continue
		}
		if !strings.Contains(out, " chesstrain "+c.name+" ") {
			t.Errorf("chesstrain --help does not name %s", c.name)
		}
		if code, out, errs := command(t, "", "help", c.name); code != cli.ExitOK || errs != "" || !strings.Contains(out, "usage: chesstrain "+c.name) || !strings.Contains(out, "examples:") {
			t.Errorf("help %s: exit %d, stderr %q, output:\n%s", c.name, code, errs, out)
		}
		if code, out, errs := command(t, "", c.name, "--version"); code != cli.ExitOK || errs != "" || !strings.HasPrefix(out, "chesstrain ") {
			t.Errorf("%s --version: exit %d, stderr %q, output %q", c.name, code, errs, out)
		}
	}
	if code, out, _ := command(t, "", "--version"); code != cli.ExitOK || !strings.HasPrefix(out, "chesstrain ") {
		t.Errorf("version: exit %d, %q", code, out)
	}
}
