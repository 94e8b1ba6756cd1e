package lab

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"transcend/internal/draw"
	"transcend/kg/synth"
	"transcend/kg/text"
	"transcend/model"
)

// tinyCell is a cell of a second or less.
func tinyCell(name string, seed uint64) Cell {
	return Cell{
		Name: name, Group: name, Seed: seed,
		Graph:    Graph{Scale: synth.MinScale, Seed: 1},
		Team:     Team{Experts: 3, Coverage: 0.5},
		Text:     Text{Level: text.OneTemplate},
		Model:    Model{Layers: 1, Heads: 2, Width: 32, Context: 64},
		Training: Training{Steps: 12, Rows: 8, LearningRate: 0.015, Optimizer: model.OptimizerMuon},
		Measure:  Measure{Temperatures: []float64{1}},
	}
}

// stream makes the source of a cell.
func stream(t *testing.T, c Cell, texts func(*Setup) (Texts, error)) *textSource {
	t.Helper()
	l := &Lab{Dir: t.TempDir()}
	s, err := l.Setup(t.Context(), &c)
	if err != nil {
		t.Fatal(err)
	}
	src, err := s.source(&Experiment{Name: "test", Texts: texts}, c.Model.Context)
	if err != nil {
		t.Fatal(err)
	}
	return src
}

// numbered are texts that name their number.
func numbered(*Setup) (Texts, error) {
	return Texts{0.5, func(dst []byte, n int) []byte { return fmt.Appendf(dst, "The mother of %d is a.", n) }}, nil
}

// A source that was restored goes on with the batches that the original gives, over the ends of rounds
// and epochs.
func TestSourceGoesOnWhereItStood(t *testing.T) {
	for _, paragraphs := range []int{0, 300, 5000} {
		c := tinyCell("x", 1)
		c.Text.Paragraphs = paragraphs
		src, other := stream(t, c, numbered), stream(t, c, numbered)
		rng := draw.New(1, uint64(paragraphs))
		var a, b model.Batch
		for range 12 {
			for range rng.IntN(60) {
				a.Rows = 1 + rng.IntN(9)
				if err := src.Next(&a); err != nil {
					t.Fatal(err)
				}
			}
			state, err := src.State()
			if err != nil {
				t.Fatal(err)
			}
			if err := other.Restore(state); err != nil {
				t.Fatal(err)
			}
			for range 20 {
				a.Rows, b.Rows = 4, 4
				if err := errors.Join(src.Next(&a), other.Next(&b)); err != nil {
					t.Fatal(err)
				}
				if !reflect.DeepEqual(a, b) {
					t.Fatalf("%d paragraphs: another batch after %s", paragraphs, state)
				}
			}
			if src.Written() != other.Written() || src.Epochs() != other.Epochs() {
				t.Fatalf("%d and %d paragraphs", src.Written(), other.Written())
			}
		}
		if err := other.Restore([]byte(`{"version":1,"stream":"another"}`)); err == nil {
			t.Error("the state of another stream was taken")
		}
		if err := other.Restore([]byte(`{`)); err == nil {
			t.Error("a broken state was taken")
		}
	}
}

// Texts beside the paragraphs are as many as asked for, each once.
func TestSourceHoldsTheTexts(t *testing.T) {
	seen := map[int]int{}
	src := stream(t, tinyCell("x", 1), func(*Setup) (Texts, error) {
		return Texts{0.3, func(dst []byte, n int) []byte { seen[n]++; return append(dst, "The mother of a is a."...) }}, nil
	})
	var b model.Batch
	for src.at.Before < 3*perRound {
		b.Rows = 50
		if err := src.Next(&b); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(seen); n != 4*perRound*3/10 {
		t.Errorf("%d texts for %d paragraphs", n, 4*perRound)
	}
	for n, times := range seen {
		if times != 1 || n >= len(seen) {
			t.Fatalf("text %d came %d times", n, times)
		}
	}
}

// A training that was over when its process was killed still says what its loss was.
func TestLossOfAFinishedTraining(t *testing.T) {
	l := &Lab{Dir: t.TempDir(), KeepModels: true, Precision: model.PrecisionF32}
	c := tinyCell("x", 1)
	var losses []float64
	for range 2 {
		done, _, err := l.DoAll(t.Context(), &Experiment{Name: "test"}, []Cell{c})
		if err != nil {
			t.Fatal(err)
		}
		losses = append(losses, done[0].Result.Training.Loss)
		if err := os.Remove(filepath.Join(l.cellDir(&c), "result.json")); err != nil {
			t.Fatal(err)
		}
	}
	if losses[0] < 1 || math.Abs(losses[0]-losses[1]) > 1e-6*losses[0] {
		t.Errorf("losses of %v", losses)
	}
}

// Each round has an order of its own.
func TestSourceShufflesEachRound(t *testing.T) {
	src := stream(t, tinyCell("x", 1), nil)
	var orders [][][]int32
	for round := range 2 {
		src.at.Round = 0
		if err := src.make(); err != nil { // the same pieces
			t.Fatal(err)
		}
		src.at.Round = round
		src.pack()
		orders = append(orders, slices.Clone(src.rows))
	}
	if reflect.DeepEqual(orders[0], orders[1]) {
		t.Error("two rounds of the same pieces have one order")
	}
}

// Sentences that are read apart are segments of their own, and all of them are there.
func TestSourceReadsSentencesApart(t *testing.T) {
	c := tinyCell("x", 1)
	c.Text.Paragraphs = 500
	count := func(apart bool) map[string]int {
		c.Text.Apart = apart
		src := stream(t, c, nil)
		if err := src.make(); err != nil {
			t.Fatal(err)
		}
		sentences := map[string]int{}
		for p := range src.whole {
			tokens := src.flat[src.start[p]:src.start[p+1]]
			stops := 0
			for i, id := range tokens {
				if id == src.stop {
					stops++
				}
				if (id == src.tok.Separator()) != (i == 0) {
					t.Fatalf("piece %d has a separator at %d", p, i)
				}
			}
			if apart && (stops != 1 || tokens[len(tokens)-1] != src.stop) {
				t.Fatalf("a piece is %q", src.tok.Decode(tokens))
			}
			for s := range strings.SplitSeq(src.tok.Decode(tokens[1:]), ". ") {
				sentences[strings.TrimSuffix(s, ".")]++
			}
		}
		return sentences
	}
	if whole, apart := count(false), count(true); !reflect.DeepEqual(whole, apart) {
		t.Errorf("%d sentences in paragraphs, %d apart", len(whole), len(apart))
	}
}

// One epoch of rows holds every paragraph of the corpus once, each in a segment of its own.
func TestSourceHoldsTheCorpus(t *testing.T) {
	c := tinyCell("x", 1)
	c.Text.Paragraphs = 5000
	src := stream(t, c, nil)
	want := map[string]int{}
	err := src.corpus.Write(t.Context(), 1, func(b []byte, n int) error {
		for line := range strings.Lines(string(b)) {
			want[strings.TrimSpace(line)]++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	tok := src.tok.(*text.WordTokenizer)
	shape := c.Model.config(tok.VocabSize())
	cut, padding, all := 0, 0, 0
	var whole []string // pieces of texts that were cut
	for src.at.Epoch == 0 {
		if src.made && src.at.Row == len(src.rows) {
			src.advance()
			continue
		}
		var b model.Batch
		b.Rows = 1
		if err := src.Next(&b); err != nil {
			t.Fatal(err)
		}
		if err := b.Validate(shape); err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(b.Tokens); {
			j := i + 1
			for j < len(b.Tokens) && int(b.SegmentStart[j]) == i {
				j++
			}
			all += j - i
			if slices.Max(b.Targets[i:j]) < 0 {
				padding += j - i
				i = j
				continue
			}
			if b.Tokens[i] != tok.Separator() {
				t.Fatal("a text begins with another token than the separator")
			}
			for k := i; k < j; k++ {
				if b.Positions[k] != int32(k-i) {
					t.Fatalf("position %d at %d", b.Positions[k], k-i)
				}
				if k+1 < j && b.Targets[k] != b.Tokens[k+1] {
					t.Fatal("a target is not the next token")
				}
			}
			body := tok.Decode(b.Tokens[i+1 : j])
			switch last := b.Targets[j-1]; {
			case last < 0:
				cut++
				whole = append(whole, body)
			case want[body] > 0:
				want[body]--
			default:
				whole = append(whole, body)
			}
			i = j
		}
	}
	left, sentences := 0, map[string]int{}
	for paragraph, n := range want {
		left += n
		for range n {
			for s := range strings.SplitSeq(strings.TrimSuffix(paragraph, "."), ". ") {
				sentences[s]++
			}
		}
	}
	for _, piece := range whole {
		for s := range strings.SplitSeq(strings.TrimSuffix(piece, "."), ". ") {
			sentences[s]--
		}
	}
	for s, n := range sentences {
		if n != 0 {
			t.Fatalf("%q is there %d times too few", s, n)
		}
	}
	if cut == 0 || left == 0 || left > 2*cut {
		t.Errorf("%d cuts, %d paragraphs that are not whole", cut, left)
	}
	if float64(padding) > 0.05*float64(all) {
		t.Errorf("%d of %d tokens are padding", padding, all)
	}
}

// A training that was stopped again and again ends with the weights and the results of one that was not.
func TestStoppedCellEndsTheSame(t *testing.T) {
	e := &Experiment{Name: "test", Texts: numbered, Measure: func(_ context.Context, s *Setup) (any, error) {
		return s.Model.Tensors()[0].Data[:50], nil
	}}
	cells := []Cell{tinyCell("a", 1), tinyCell("b", 2)}
	want, _, err := (&Lab{Dir: t.TempDir(), Parallel: 1}).DoAll(t.Context(), e, cells)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	stops := 0
	for {
		ctx, stop := context.WithCancel(t.Context())
		l := &Lab{Dir: dir, Parallel: 2, CheckpointInterval: time.Nanosecond}
		n := 0
		l.Progress = func(p Progress) {
			if n++; n == 3+stops%3 {
				stop()
			}
		}
		got, use, err := l.DoAll(ctx, e, cells)
		stop()
		if errors.Is(err, context.Canceled) {
			if stops++; stops > 100 {
				t.Fatal("it never ends")
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		for i := range want {
			a, b := &want[i].Result, &got[i].Result
			a.Training.Seconds, b.Training.Seconds = 0, 0
			a.Training.Loss, b.Training.Loss = 0, 0 // a mean of the last steps of a process
			a.Asking, b.Asking, a.Counting, b.Counting = 0, 0, 0, 0
			if !reflect.DeepEqual(want[i], got[i]) {
				t.Errorf("cell %d differs after %d stops:\n%+v\n%+v", i, stops, want[i], got[i])
			}
		}
		if stops < 4 || use.Cores != 2 {
			t.Errorf("stopped %d times, %+v", stops, use)
		}
		return
	}
}

// Every cell is done once, whichever of several labs gets it, and in the order of the plan.
func TestLabsShareCells(t *testing.T) {
	var mu sync.Mutex
	measured := map[string]int{}
	e := &Experiment{Name: "test", Measure: func(_ context.Context, s *Setup) (any, error) {
		mu.Lock()
		defer mu.Unlock()
		measured[s.Cell.Name]++
		return s.Cell.Name, nil
	}}
	var cells []Cell
	for i := range 6 {
		c := tinyCell(fmt.Sprintf("c%d", i), uint64(i+1))
		c.Training.Steps = 2 + i
		cells = append(cells, c)
	}
	dir := t.TempDir()
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			done, _, err := (&Lab{Dir: dir, Parallel: 2}).DoAll(t.Context(), e, cells)
			if err != nil {
				t.Error(err)
				return
			}
			for i, d := range done {
				if d == nil || d.Cell.Name != cells[i].Name || d.Result.Training.Steps != 2+i || string(d.Extra) != fmt.Sprintf("%q", cells[i].Name) {
					t.Errorf("cell %d: %+v", i, d)
				}
			}
		})
	}
	wg.Wait()
	for _, c := range cells {
		if measured[c.Name] != 1 {
			t.Errorf("%s was measured %d times", c.Name, measured[c.Name])
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "cells", "*", "run")); len(left) > 0 {
		t.Errorf("%v are left", left)
	}
}

// The cells that take longest are begun first.
func TestLongestFirst(t *testing.T) {
	var order []string
	e := &Experiment{Name: "test", Measure: func(_ context.Context, s *Setup) (any, error) {
		order = append(order, s.Cell.Name)
		return 0, nil
	}}
	var cells []Cell
	for i, steps := range []int{1, 30, 2} {
		c := tinyCell(fmt.Sprint(steps), uint64(i+1))
		c.Training.Steps = steps
		cells = append(cells, c)
	}
	if _, _, err := (&Lab{Dir: t.TempDir(), Parallel: 1}).DoAll(t.Context(), e, cells); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(order, []string{"30", "2", "1"}) {
		t.Error(order)
	}
}

// A cell that fails stops the others, which keep what they have.
func TestFailingCell(t *testing.T) {
	broken := errors.New("broken")
	e := &Experiment{Name: "test", Measure: func(_ context.Context, s *Setup) (any, error) {
		if s.Cell.Name == "bad" {
			return nil, broken
		}
		return 1, nil
	}}
	long := tinyCell("long", 1)
	long.Training.Steps = 100000
	dir := t.TempDir()
	_, _, err := (&Lab{Dir: dir, Parallel: 2}).DoAll(t.Context(), e, []Cell{tinyCell("bad", 2), long})
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), "bad") {
		t.Error(err)
	}
	if kept, _ := filepath.Glob(filepath.Join(dir, "cells", "long-*", "run", "checkpoint-*")); len(kept) != 1 {
		t.Errorf("the other cell kept %v", kept)
	}
}

// A damaged result is named and can be made again.
func TestDamagedResult(t *testing.T) {
	l := &Lab{Dir: t.TempDir()}
	e := &Experiment{Name: "test"}
	cells := []Cell{tinyCell("a", 1)}
	if _, _, err := l.DoAll(t.Context(), e, cells); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(l.cellDir(&cells[0]), "result.json")
	if err := os.WriteFile(path, []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, _, err := l.DoAll(t.Context(), e, cells); err == nil || !strings.Contains(err.Error(), path) {
		t.Error(err)
	}
}

func TestImpossibleCells(t *testing.T) {
	for _, tt := range []struct {
		want   string
		change func(*Cell)
	}{
		{"no name", func(c *Cell) { c.Name = "a/b" }},
		{"no group", func(c *Cell) { c.Group = "" }},
		{"scale", func(c *Cell) { c.Graph.Scale = 1e9 }},
		{"fingerprint", func(c *Cell) { c.Graph.File = "x.tsv" }},
		{"2 of these", func(c *Cell) { c.Team.Areas = true }},
		{"0 experts", func(c *Cell) { c.Team.Experts = 0 }},
		{"areas of expertise", func(c *Cell) { c.Team.Coverage, c.Team.Specialists = 0, 0.5 }},
		{"paragraphs", func(c *Cell) { c.Text.Paragraphs = 2 }},
		{"context", func(c *Cell) { c.Model.Context = 4 }},
		{"steps or epochs", func(c *Cell) { c.Training.Epochs = 1 }},
		{"epochs need", func(c *Cell) { c.Training.Epochs, c.Training.Steps = 1, 0 }},
		{"level", func(c *Cell) { c.Text.Level = 9 }},
		{"temperature", func(c *Cell) { c.Measure.Temperatures = []float64{0} }},
		{"heads", func(c *Cell) { c.Model.Heads = 3 }},
		{"two-hop", func(c *Cell) { c.TwoHop = &TwoHop{} }},
		{"learning rate", func(c *Cell) { c.Training.LearningRate = -1 }},
	} {
		c := tinyCell("a", 1)
		tt.change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v, want %q", err, tt.want)
		}
	}
	a, b := tinyCell("a", 1), tinyCell("b", 1)
	if err := checkAll([]Cell{a, b}); err == nil || !strings.Contains(err.Error(), "the same") {
		t.Error(err)
	}
	b.Name, b.Seed = "a", 2
	if err := checkAll([]Cell{a, b}); err == nil || !strings.Contains(err.Error(), "called a") {
		t.Error(err)
	}
	// What does not go with the graph is known before anything is trained.
	c := tinyCell("many", 1)
	c.Team.Experts = 100000
	l := &Lab{Dir: t.TempDir()}
	if _, _, err := l.DoAll(t.Context(), &Experiment{Name: "test"}, []Cell{tinyCell("a", 1), c}); err == nil || !strings.Contains(err.Error(), "more than the graph's") {
		t.Error(err)
	}
	if made, _ := filepath.Glob(filepath.Join(l.Dir, "cells", "*")); len(made) > 0 {
		t.Errorf("%v was begun", made)
	}
}
