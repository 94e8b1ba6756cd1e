// Package experiment has the experiments with simulated players: what each varies, what it
// measures beside, and what it concludes.
//
// An experiment is a value (judge.Experiment) in a file of its own and a row of Experiments.
// Its plan is a list of cells, which package lab does, each once, whoever asks for it; cells
// of several experiments that are the same are done together.
//
//	denoise    independent errors: does the model play better than all whom it imitates?
//	shared     the negative control: all err at the same places in the same way
//	selection  specialists by phase: does the mixture take the best of each?
//	diversity  one expert's games against many experts'
//	blindfold  models that see the moves against models that see the board
//	ideal      the ideal learner, exactly, beside model and experts
package experiment

import (
	"fmt"
	"strconv"
	"strings"

	"transcend/analysis/lab"
	"transcend/analysis/lab/judge"
	"transcend/data"
	"transcend/data/league"
)

// Experiments are all of them, in the order in which lists show them.
func Experiments() []judge.Experiment {
	return []judge.Experiment{denoise(), shared(), selection(), diversity(), blindfold(), idealLearner()}
}

// paperTemperatures are those of the paper's Figure 1; 0.001 is the headline's.
var paperTemperatures = []float64{0.001, 0.01, 0.1, 0.3, 0.5, 0.75, 1, 1.5}

// base is a cell with the sizes of a preset and no experts yet: what the experiments here start from.
func base(s lab.Settings) lab.Cell {
	c := lab.Cell{
		Seed: 1,
		Corpus: lab.Corpus{
			Seed: 1, Games: 300_000, HeldOut: 600, Openings: "random:4", MaxPlies: 100, Version: league.Version,
		},
		// Two of the longest games fill a row.
		Model:    lab.Model{Layers: 3, Heads: 8, Width: 256, Context: 208, Tokenizer: "move", Input: data.InputBoard},
		Training: lab.Training{Steps: 8000, Rows: 32, LearningRate: 4e-3, Optimizer: "muon"},
		Measure: lab.Measure{
			Temperatures: paperTemperatures, Games: 1000, References: 100, Positions: 20_000,
			League:   leaguePlayers,
			Openings: "random:4", MaxPlies: 100, Adjudicate: 200, Policy: "forfeit-after-5", Masked: true,
		},
	}
	switch s.Preset {
	case lab.PresetQuick:
		c.Corpus.Games, c.Corpus.HeldOut = 20_000, 200
		c.Training.Steps = 1500
		c.Measure.Games, c.Measure.References, c.Measure.Positions = 400, 40, 5000
	case lab.PresetTiny:
		c.Corpus.Games, c.Corpus.HeldOut = 200, 10
		c.Corpus.MaxPlies, c.Measure.MaxPlies = 40, 40
		c.Model = lab.Model{Layers: 1, Heads: 2, Width: 32, Context: 64, Tokenizer: "move", Input: data.InputBoard}
		c.Training.Steps, c.Training.Rows, c.Training.LearningRate = 30, 8, 8e-3
		c.Measure.Temperatures = []float64{0.001, 1}
		c.Measure.Games, c.Measure.References, c.Measure.Positions = 16, 4, 300
		c.Measure.League = leaguePlayers[:2]
	}
	if s.Input != "" {
		c.Model.Input = s.Input
	}
	if s.Steps > 0 {
		c.Training.Steps = s.Steps
	}
	if s.Time > 0 {
		c.Training.Steps, c.Training.Seconds = 0, s.Time
	}
	return c
}

// leaguePlayers are opponents below and above the experts: all but the first are in the league's table,
// which puts the ratings on its scale.
var leaguePlayers = []string{
	"ply1:rho=0.8", "boltz:depth=1,t=8,rho=0.38,book=all", "boltz:depth=1,t=8,rho=0.27,book=all",
	"boltz:depth=1,t=8,rho=0.19,book=all", "boltz:depth=1,t=8,rho=0.095,book=all",
}

// seeds is the number of training seeds of headline cells.
func seeds(s lab.Settings) uint64 {
	switch {
	case s.Seeds > 0:
		return uint64(s.Seeds)
	case s.Preset == lab.PresetDefault:
		return 3
	}
	return 1
}

// experts returns n players of one text that differ by their seeds.
func experts(text string, n int) []string {
	sep := ","
	if !strings.Contains(text, ":") {
		sep = ":"
	}
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf("%s%sseed=%d", text, sep, i+1))
	}
	return all
}

// repeat returns the cell with seeds 1 to n.
func repeat(c lab.Cell, n uint64) []lab.Cell {
	var all []lab.Cell
	for seed := range n {
		c.Seed = seed + 1
		c.Name = fmt.Sprintf("%s-seed%d", c.Group, c.Seed)
		all = append(all, c)
	}
	return all
}

// poolSize is the number of experts of a preset.
func poolSize(s lab.Settings) int {
	if s.Preset == lab.PresetTiny {
		return 2
	}
	return 6
}

// headlineRho is the noise of the headline cells.
const (
	headlineRho   = 0.5
	headlineGroup = "rho0.5"
)

func noisy(rho float64) string { return "ply1:rho=" + strconv.FormatFloat(rho, 'g', -1, 64) }

// headline is the cell that experiments have in common: experts with independent noise.
func headline(s lab.Settings) lab.Cell {
	c := base(s)
	c.Corpus.Players = experts(noisy(headlineRho), poolSize(s))
	if s.Preset != lab.PresetTiny {
		short(&c)
	}
	c.Group, c.Headline = headlineGroup, true
	return c
}

// short lets games end after 40 plies, by material when it is clear: what a model has to learn is then
// less, and it learns it in minutes. Three games fill a row.
func short(c *lab.Cell) {
	c.Corpus.MaxPlies, c.Measure.MaxPlies, c.Model.Context = 40, 40, 128
}

// plan collects cells.
type plan struct {
	base  lab.Cell
	cells []lab.Cell
}

// add adds a group that differs from the base, with seeds 1 to n.
func (p *plan) add(group string, n uint64, change func(c *lab.Cell)) {
	c := p.base
	c.Group = group
	change(&c)
	p.cells = append(p.cells, repeat(c, n)...)
}

// addExact adds a cell in which only players whose moves are known play, and no model.
func (p *plan) addExact(group string, players []string) {
	p.add(group, 1, func(c *lab.Cell) {
		c.Headline = false
		c.Corpus.Players, c.Corpus.Games = players, 0
		c.Model, c.Training = lab.Model{}, lab.Training{}
	})
}
