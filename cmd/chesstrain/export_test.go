package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"transcend/analysis/card"
	"transcend/data"
	"transcend/engine"
	"transcend/internal/cli"
	"transcend/model"
)

// ratingOf is a row of "arena --json" with what a card takes from it.
func ratingOf(weights string, wins, losses int) string {
	return fmt.Sprintf(`{"rows": [{"name": "best T=0.001", "player": {"spec": {"weights": %q, "temperature": "0.001", "policy": "forfeit-after-5"}},
		"conditions": {"protocol": "sound"}, "scale": "league x", "record": {"wins": %d, "draws": 0, "losses": %d}, "losses": {"illegal": 3},
		"rating": {"rating": 612.4, "confidence": 0.95, "total_interval": {"low": 570.1, "high": 655}}}]}`, weights, wins, losses)
}

// TestExport trains on games of the league and exports the model: what is exported is the run's
// model, and the card says what the run's records say.
func TestExport(t *testing.T) {
	t.Chdir(t.TempDir())
	code, _, errs := command(t, "", append([]string{"--max-elo", "1000", "--league-games", "60"}, small...)...)
	if code != cli.ExitOK {
		t.Fatalf("exit %d\n%s", code, errs)
	}
	const run = "runs/max1000-move-tiny"
	read := func() *card.Card {
		t.Helper()
		c, err := card.Read(os.DirFS("out"))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	code, out, errs := command(t, "", "export", "--out", "out")
	if code != cli.ExitOK || strings.TrimSpace(out) != "out" || !strings.Contains(errs, "not rated") {
		t.Fatalf("exit %d, %q\n%s", code, out, errs)
	}
	m, err := model.Load("out")
	if err != nil {
		t.Fatal(err)
	}
	trained, err := model.Load(run + "/checkpoint-00000006")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := data.LoadTokenizer("out"); err != nil {
		t.Error(err)
	}
	first := read()
	corpus, err := data.ReadParquet(run + "/corpus.parquet")
	if err != nil {
		t.Fatal(err)
	}
	training, validation := corpus.Split(0.05)
	_, tokens, err := model.Totals(run + "/checkpoint-00000006")
	if err != nil {
		t.Fatal(err)
	}
	if c := first; c.Name != "max1000-move-tiny@6" || c.Weights != engine.HashWeights(m) || c.Weights == engine.HashWeights(trained) || c.Stored != "bf16" ||
		c.Training.Steps != 6 || c.Training.Tokens != tokens || tokens == 0 || c.Training.Seconds <= 0 || c.Training.Seed != 1 || c.Training.Machine == "" ||
		c.Corpus.Training != training.Len() || c.Corpus.Validation != validation.Len() || !c.Corpus.Simulated || c.Corpus.Filter.MaxElo != 1000 ||
		c.Corpus.Fingerprint != fmt.Sprintf("%016x", corpus.Fingerprint()) || !strings.HasPrefix(c.Corpus.Scale, "league ") || len(c.Corpus.Sources) != 1 ||
		c.Corpus.Report.Seen != 60 || c.Evaluation.ValidationLoss <= 0 || c.Evaluation.Moves.Positions < 30 || c.Rating != nil {
		t.Errorf("card %+v", c)
	}

	// Rated and exported again: the same weights, and the rating.
	weights, err := os.ReadFile("out/model.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("rating.json", []byte(ratingOf(first.Weights, 5, 7)), 0o644); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := command(t, "", "export", "--model", run, "--out", "out", "--rating", "rating.json", "--quiet"); code != cli.ExitOK || errs != "" {
		t.Fatalf("exit %d\n%s", code, errs)
	}
	if again, err := os.ReadFile("out/model.safetensors"); err != nil || !bytes.Equal(again, weights) {
		t.Errorf("other bytes of the same model (%v)", err)
	}
	text, err := os.ReadFile("out/README.md")
	if err != nil {
		t.Fatal(err)
	}
	const want = "612 [570, 655] at 95%, 12 games (+5 =0 -7, 3 of them lost by illegal moves), scale league x"
	if got := read().Rating.String(); got != want || !strings.Contains(string(text), want) {
		t.Errorf("rating %q, want %q", got, want)
	}

	// With f32 it is the checkpoint's model.
	if code, _, errs := command(t, "", "export", "--model", run+"/checkpoint-00000006", "--out", "out", "--weights", "f32"); code != cli.ExitOK {
		t.Fatalf("exit %d\n%s", code, errs)
	}
	if c := read(); c.Weights != engine.HashWeights(trained) || c.Name != first.Name {
		t.Errorf("f32: %s, %s", c.Name, c.Weights)
	}

	// A run from before the scale was recorded: the pool's players have it.
	edit := func(path, from, to string) {
		t.Helper()
		b, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(b), from) {
			t.Fatalf("%s lacks %q (%v)", path, from, err)
		}
		if err := os.WriteFile(path, []byte(strings.Replace(string(b), from, to, 1)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	edit(run+"/checkpoint-00000006/run.json", `"scale": "`+first.Corpus.Scale+`"`, `"scale": ""`)
	if code, _, errs := command(t, "", "export", "--model", run+"/checkpoint-00000006", "--out", "out"); code != cli.ExitOK {
		t.Fatalf("exit %d\n%s", code, errs)
	}
	if c := read(); c.Corpus.Scale != first.Corpus.Scale {
		t.Errorf("scale %q, was %q", c.Corpus.Scale, first.Corpus.Scale)
	}
	edit(run+"/checkpoint-00000006/run.json", `"scale": ""`, `"scale": "`+first.Corpus.Scale+`"`)

	// Refused: nothing of it changes what is there.
	if err := os.MkdirAll("taken", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("taken/config.json", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("broken.json", []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	for args, want := range map[string][]string{
		"--model " + run:                               {"--out"},
		"--model nowhere --out new":                    {"nowhere", "hint: name a run"},
		"--out new --weights int8":                     {"int8", "bf16"},
		"--out taken":                                  {"taken", "no export", "hint:"},
		"--out runs":                                   {"max1000-move-tiny", "hint:"},
		"--out new --rating broken.json":               {"broken.json", "arena --json"},
		"--out new --rating rating.json --temp 1":      {"temperature 1", "hint:"},
		"--out new --rating rating.json --weights f32": {"none of its 1 rows", "hint:"},
		"--out new extra":                              {"extra"},
	} {
		code, out, errs := command(t, "", append([]string{"export"}, strings.Fields(args)...)...)
		if code == cli.ExitOK || out != "" {
			t.Errorf("%s: exit %d, printed %q", args, code, out)
		}
		for _, w := range want {
			if !strings.Contains(errs, w) {
				t.Errorf("%s: message lacks %q:\n%s", args, w, errs)
			}
		}
	}
	if _, err := os.Stat("new"); err == nil {
		t.Error("a refused export left a directory")
	}

	// A run that has not ended with this checkpoint has no evaluation of it.
	edit(filepath.Join(run, evaluationFile), `"steps": 6`, `"steps": 5`)
	if code, _, errs := command(t, "", "export", "--out", "new"); code != cli.ExitFailure || !strings.Contains(errs, "evaluated after step 5") {
		t.Errorf("exit %d\n%s", code, errs)
	}
	if err := os.Remove(filepath.Join(run, evaluationFile)); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := command(t, "", "export", "--out", "new"); code != cli.ExitFailure || !strings.Contains(errs, "--resume --out") {
		t.Errorf("exit %d\n%s", code, errs)
	}
}
