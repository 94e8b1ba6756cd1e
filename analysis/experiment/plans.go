package experiment

// Experiments 1, 2, 4 and 4b: denoising, the negative control, diversity, blindfold or board.

import (
	"fmt"
	"strconv"
	"strings"

	"transcend/data"
	"transcend/data/league"
)

// paperTemperatures are those of the paper's Figure 1; 0.001 is the headline's.
var paperTemperatures = []float64{0.001, 0.01, 0.1, 0.3, 0.5, 0.75, 1, 1.5}

// Base is a cell with the sizes of a preset and no experts yet: what the experiments here start from.
func Base(s Settings) Cell {
	c := Cell{
		Seed: 1,
		Corpus: Corpus{
			Seed: 1, Games: 60_000, HeldOut: 600, Openings: "random:4", MaxPlies: 100, Version: league.Version,
		},
		Model:    Model{Layers: 4, Heads: 4, Width: 128, Context: 128, Tokenizer: "move", Input: data.InputBoard},
		Training: Training{Steps: 3000, Rows: 64, LearningRate: 8e-3, Optimizer: "muon"},
		Measure: Measure{
			Temperatures: paperTemperatures, Games: 1000, References: 100, Positions: 20_000,
			League:   leaguePlayers,
			Openings: "random:4", MaxPlies: 100, Adjudicate: 200, Policy: "forfeit-after-5",
		},
	}
	switch s.Preset {
	case PresetQuick:
		c.Corpus.Games, c.Corpus.HeldOut = 15_000, 200
		c.Training.Steps = 600
		c.Measure.Games, c.Measure.References, c.Measure.Positions = 400, 40, 5000
	case PresetTiny:
		c.Corpus.Games, c.Corpus.HeldOut, c.Corpus.MaxPlies = 200, 10, 40
		c.Model = Model{Layers: 1, Heads: 2, Width: 32, Context: 64, Tokenizer: "move", Input: data.InputBoard}
		c.Training.Steps, c.Training.Rows = 30, 8
		c.Measure.Temperatures = []float64{0.001, 1}
		c.Measure.Games, c.Measure.References, c.Measure.Positions = 16, 4, 300
		c.Measure.League = leaguePlayers[:2]
		c.Measure.MaxPlies = 40
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

// leaguePlayers are opponents below and above the experts.
var leaguePlayers = []string{
	"ply1:rho=0.8", "boltz:depth=1,t=8,rho=0.45,book=all", "boltz:depth=1,t=8,rho=0.32,book=all",
	"boltz:depth=1,t=8,rho=0.2,book=all", "boltz:depth=1,t=8,rho=0.1,book=all",
}

// seeds is the number of training seeds of headline cells.
func (s Settings) seeds() uint64 {
	switch {
	case s.Seeds > 0:
		return uint64(s.Seeds)
	case s.Preset == PresetDefault:
		return 3
	}
	return 1
}

// Experts returns n players of one text that differ by their seeds.
func Experts(text string, n int) []string {
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

// Repeat returns the cell with seeds 1 to n.
func Repeat(c Cell, n uint64) []Cell {
	var all []Cell
	for seed := range n {
		c.Seed = seed + 1
		c.Name = fmt.Sprintf("%s-seed%d", c.Group, c.Seed)
		all = append(all, c)
	}
	return all
}

// poolSize is the number of experts of a preset.
func poolSize(s Settings) int {
	if s.Preset == PresetTiny {
		return 2
	}
	return 6
}

// headlineRho is the noise of the headline cells.
const headlineRho = 0.5

func noisy(rho float64) string { return "ply1:rho=" + strconv.FormatFloat(rho, 'g', -1, 64) }

// Denoise is experiment 1.
func Denoise() Experiment {
	return Experiment{
		Name:  "denoise",
		About: "experts of equal rating whose errors are independent: does the model play better than all of them?",
		Help: `Experts who see one ply and play a random legal move with probability rho, each error
independent of all others, play games; models learn them. The mixture's likeliest move is the one without
noise, so at low temperature the model should be stronger than every expert: Zhang et al. 2024, proposition 3.
Varied: rho, the number of games, the size of the model, what it is shown. Headline: rho 0.5, temperature 0.001.`,
		Plan: func(s Settings) ([]Cell, error) {
			base := Base(s)
			pool := poolSize(s)
			base.Corpus.Players = Experts(noisy(headlineRho), pool)
			base.Group, base.Headline = fmt.Sprintf("rho%g", headlineRho), true
			cells := Repeat(base, s.seeds())
			if s.Preset == PresetTiny {
				return cells, nil
			}
			base.Headline = false
			vary := func(group string, change func(c *Cell)) {
				c := base
				c.Group = group
				change(&c)
				cells = append(cells, Repeat(c, 1)...)
			}
			for _, rho := range []float64{0.2, 0.35, 0.65, 0.8} {
				vary(fmt.Sprintf("rho%g", rho), func(c *Cell) { c.Corpus.Players = Experts(noisy(rho), pool) })
			}
			if s.Preset == PresetQuick {
				return cells[:s.seeds()+2], nil
			}
			for _, games := range []int{2000, 6000, 20_000} {
				vary(fmt.Sprintf("rho%g-games%d", headlineRho, games), func(c *Cell) { c.Corpus.Games = games })
			}
			vary(fmt.Sprintf("rho%g-2x64", headlineRho), func(c *Cell) { c.Model.Layers, c.Model.Heads, c.Model.Width = 2, 2, 64 })
			vary(fmt.Sprintf("rho%g-6x192", headlineRho), func(c *Cell) { c.Model.Layers, c.Model.Heads, c.Model.Width = 6, 6, 192 })
			return cells, nil
		},
	}
}
