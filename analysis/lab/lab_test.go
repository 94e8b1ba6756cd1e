package lab

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"transcend/data"
	"transcend/data/league"
)

func tinyLab(t *testing.T) *Lab {
	t.Helper()
	return &Lab{Dir: t.TempDir(), Program: "test", Precision: "f32"}
}

func TestCells(t *testing.T) {
	e := tinyExperiment()
	if _, err := e.Cells(Settings{Preset: "enormous"}); err == nil {
		t.Error("an unknown preset was planned")
	}
	cells, err := e.Cells(Settings{Preset: PresetTiny})
	if err != nil {
		t.Fatal(err)
	}
	c := cells[0]
	before := c.Key()
	c.Name, c.Group = "another", "another"
	if c.Key() != before {
		t.Error("the key depends on the name")
	}
	if c.Training.Steps++; c.Key() == before {
		t.Error("the key does not depend on the steps")
	}
	for _, both := range []bool{true, false} {
		c := c
		if c.Training.Steps, c.Training.Seconds = 0, 0; both {
			c.Training.Steps, c.Training.Seconds = 5, 5
		}
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), "budget") {
			t.Errorf("steps and seconds both given, %v: %v", both, err)
		}
	}
	c.Measure.MaxPlies = c.Model.Context
	if err := c.Validate(); err == nil || !strings.Contains(err.Error(), "context") {
		t.Errorf("games that do not fit into the context: %v", err)
	}
}

// tinyExperiment has one cell, which takes seconds.
func tinyExperiment() Experiment {
	cell := Cell{
		Name: "tiny-seed1", Group: "tiny", Headline: true, Seed: 1,
		Corpus: Corpus{
			Players: []string{"ply1:rho=0.5,seed=1", "ply1:rho=0.5,seed=2"},
			Seed:    1, Games: 200, HeldOut: 10, Openings: "random:4", MaxPlies: 40, Version: league.Version,
		},
		Model:    Model{Layers: 1, Heads: 2, Width: 32, Context: 64, Tokenizer: "move", Input: data.InputBoard},
		Training: Training{Steps: 30, Rows: 8, LearningRate: 8e-3, Optimizer: "muon"},
		Measure: Measure{
			Temperatures: []float64{0.001, 1}, Games: 16, References: 4, Positions: 300,
			League:   []string{"ply1:rho=0.8", "boltz:depth=1,t=8,rho=0.38,book=all"},
			Openings: "random:4", MaxPlies: 40, Adjudicate: 200, Policy: "forfeit-after-5", Masked: true,
		},
	}
	return Experiment{Name: "tiny", About: "whether it works", Plan: func(Settings) ([]Cell, error) { return []Cell{cell}, nil }}
}

// TestTinyExperiment does a whole one, and again, when everything is there.
func TestTinyExperiment(t *testing.T) {
	l, e := tinyLab(t), tinyExperiment()
	cells, err := e.Cells(Settings{Preset: PresetTiny})
	if err != nil {
		t.Fatal(err)
	}
	var first *Done
	// same compares with the first, whatever it took.
	same := func(d *Done) bool {
		a, b := *first, *d
		for _, d := range []*Done{&a, &b} {
			training := *d.Result.Training
			d.Result.Seconds, training.Seconds, d.Result.Training = 0, 0, &training
			d.Games = slices.Clone(d.Games)
			slices.SortFunc(d.Games, func(x, y PlayedGame) int {
				return cmp.Or(cmp.Compare(x.A, y.A), cmp.Compare(x.B, y.B), cmp.Compare(x.Number, y.Number))
			})
		}
		return reflect.DeepEqual(a, b)
	}
	for range 2 {
		done, err := l.DoAll(context.Background(), &e, cells, nil)
		if err != nil {
			t.Fatal(err)
		}
		m := cells[0].Measure
		if got, want := len(done[0].Games), m.Games*len(m.ModelNames()); got != want || len(m.ModelNames()) != len(m.Temperatures)+1 {
			t.Errorf("%d games of the model, want %d", got, want)
		}
		if done[0].Result.Training.Steps != cells[0].Training.Steps {
			t.Errorf("%d steps, want %d", done[0].Result.Training.Steps, cells[0].Training.Steps)
		}
		if first == nil {
			first = done[0]
		} else if !same(done[0]) {
			t.Errorf("what was there differs from what was done first:\n%+v\n%+v", done[0].Result, first.Result)
		}
	}
	renamed := cells[0]
	renamed.Name = "another"
	if l.cellDir(&renamed) != l.cellDir(&cells[0]) {
		t.Error("a cell that was done under another name is not found")
	}
	// A game that was lost is played again as it was.
	path := filepath.Join(l.cellDir(&cells[0]), "games.jsonl")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b[:len(b)/2], 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(l.cellDir(&cells[0]), "result.json")); err != nil {
		t.Fatal(err)
	}
	done, err := l.DoAll(context.Background(), &e, cells, nil)
	if err != nil {
		t.Fatal(err)
	}
	after, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	sorted := func(b []byte) []string { return slices.Sorted(strings.Lines(string(b))) }
	if !reflect.DeepEqual(sorted(b), sorted(after)) {
		t.Error("games that were played again differ")
	}
	if !same(done[0]) {
		t.Errorf("what came out differs after games were played again:\n%+v\n%+v", done[0].Result, first.Result)
	}
}
