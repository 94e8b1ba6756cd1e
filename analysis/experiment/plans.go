package experiment

// Experiments 1, 2, 4 and 4b: denoising, the negative control, diversity, blindfold or board.

import (
	"errors"
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
			Seed: 1, Games: 300_000, HeldOut: 600, Openings: "random:4", MaxPlies: 100, Version: league.Version,
		},
		// Two of the longest games fill a row.
		Model:    Model{Layers: 3, Heads: 8, Width: 256, Context: 208, Tokenizer: "move", Input: data.InputBoard},
		Training: Training{Steps: 8000, Rows: 32, LearningRate: 4e-3, Optimizer: "muon"},
		Measure: Measure{
			Temperatures: paperTemperatures, Games: 1000, References: 100, Positions: 20_000,
			League:   leaguePlayers,
			Openings: "random:4", MaxPlies: 100, Adjudicate: 200, Policy: "forfeit-after-5", Masked: true,
		},
	}
	switch s.Preset {
	case PresetQuick:
		c.Corpus.Games, c.Corpus.HeldOut = 20_000, 200
		c.Training.Steps = 1500
		c.Measure.Games, c.Measure.References, c.Measure.Positions = 400, 40, 5000
	case PresetTiny:
		c.Corpus.Games, c.Corpus.HeldOut = 200, 10
		c.Corpus.MaxPlies, c.Measure.MaxPlies = 40, 40
		c.Model = Model{Layers: 1, Heads: 2, Width: 32, Context: 64, Tokenizer: "move", Input: data.InputBoard}
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
const (
	headlineRho   = 0.5
	headlineGroup = "rho0.5"
)

func noisy(rho float64) string { return "ply1:rho=" + strconv.FormatFloat(rho, 'g', -1, 64) }

// headline is the cell that experiments have in common: experts with independent noise.
func headline(s Settings) Cell {
	c := Base(s)
	c.Corpus.Players = Experts(noisy(headlineRho), poolSize(s))
	if s.Preset != PresetTiny {
		short(&c)
	}
	c.Group, c.Headline = headlineGroup, true
	return c
}

// short lets games end after 40 plies, by material when it is clear: what a model has to learn is then
// less, and it learns it in minutes. Three games fill a row.
func short(c *Cell) {
	c.Corpus.MaxPlies, c.Measure.MaxPlies, c.Model.Context = 40, 40, 128
}

// plan collects cells.
type plan struct {
	base  Cell
	cells []Cell
}

// add adds a group that differs from the base, with seeds 1 to n.
func (p *plan) add(group string, n uint64, change func(c *Cell)) {
	c := p.base
	c.Group = group
	change(&c)
	p.cells = append(p.cells, Repeat(c, n)...)
}

// Denoise is experiment 1.
func Denoise() Experiment {
	return Experiment{
		Name:  "denoise",
		About: "experts of equal rating whose errors are independent: does the model play better than all of them?",
		Help: `Experts who see one ply, and with probability rho play a random legal move instead, each
error independent of all others, play games; models learn them. The likeliest move of the mixture is the
one without noise, so at low temperature a model should be stronger than every expert (Zhang et al. 2024,
proposition 3). Varied: rho, the number of games, the size of the model, what it is shown. Headline: rho 0.5,
temperature 0.001.`,
		Plan: func(s Settings) ([]Cell, error) {
			p := plan{base: headline(s)}
			p.cells = Repeat(p.base, s.seeds())
			p.base.Headline = false
			if s.Preset == PresetTiny {
				return p.cells, nil
			}
			pool := poolSize(s)
			noises := []float64{0.2, 0.35, 0.65, 0.8}
			if s.Preset == PresetQuick {
				noises = []float64{0.2, 0.8}
			}
			for _, rho := range noises {
				p.add(fmt.Sprintf("rho%g", rho), 1, func(c *Cell) { c.Corpus.Players = Experts(noisy(rho), pool) })
			}
			if s.Preset == PresetQuick {
				return p.cells, nil
			}
			for _, games := range []int{3000, 30_000, 100_000} {
				p.add(fmt.Sprintf("%s-games%d", headlineGroup, games), 1, func(c *Cell) { c.Corpus.Games = games })
			}
			p.add(headlineGroup+"-2x64", 1, func(c *Cell) {
				c.Model.Layers, c.Model.Heads, c.Model.Width, c.Training.LearningRate = 2, 2, 64, 8e-3
			})
			// What the headline was at first: too small, and trained too shortly, to transcend at
			// the temperature of the claim.
			p.add(headlineGroup+"-4x128", min(2, s.seeds()), func(c *Cell) {
				c.Model.Layers, c.Model.Heads, c.Model.Width, c.Training.LearningRate = 4, 4, 128, 8e-3
				if s.Steps == 0 && s.Time == 0 {
					c.Training.Steps = 6000
				}
			})
			// Games that may go on take a model three times as long to learn.
			p.add(headlineGroup+"-plies100", 1, func(c *Cell) {
				whole := Base(s)
				c.Corpus.MaxPlies, c.Measure.MaxPlies, c.Model.Context = whole.Corpus.MaxPlies, whole.Measure.MaxPlies, whole.Model.Context
				c.Training.Steps, c.Training.Seconds = 3*c.Training.Steps, 3*c.Training.Seconds
			})
			if s.Input == "" {
				p.add(headlineGroup+"-moves", 1, func(c *Cell) { c.Model.Input = data.InputMoves })
			}
			return p.cells, nil
		},
		Conclude: concludeDenoise,
	}
}

// allPieces is the blindness to captures by everything but the king.
const allPieces = "pawn+knight+bishop+rook+queen"

// SharedErrors is experiment 2.
func SharedErrors() Experiment {
	return Experiment{
		Name:  "shared",
		About: "the negative control: experts who all err at the same places in the same way",
		Help: `The same as denoise, but the errors are shared. In shared-noise each random move follows from the
position alone, the same for all experts and in every game: the mixture in a position is the blunder itself, and a
learner that knew every position would not transcend. A learner that has not seen a position cannot know that a
blunder is due there, and takes the noise for independent: agreement is therefore also counted by how often a
position occurred in training, and how often the model copies the blunder there. In shared-blind all
experts overlook all captures by rooks and queens, which can be learned: nothing is left to transcend by. Its twin
independent-blind overlooks all captures at each move independently with probability 0.45.`,
		Plan: func(s Settings) ([]Cell, error) {
			p := plan{base: headline(s)}
			pool := poolSize(s)
			p.add("shared-noise", s.seeds(), func(c *Cell) { c.Corpus.Players = Experts(noisy(headlineRho)+",shared=1", pool) })
			p.base.Headline = false
			p.add("shared-blind", s.seeds(), func(c *Cell) { c.Corpus.Players = Experts("ply1:blind=rook+queen", pool) })
			if s.Preset != PresetTiny {
				p.add("independent-blind", 1, func(c *Cell) { c.Corpus.Players = Experts("ply1:blind="+allPieces+",miss=0.45", pool) })
			}
			return p.cells, nil
		},
		Conclude: concludeShared,
	}
}

// Diversity is experiment 4.
func Diversity() Experiment {
	return Experiment{
		Name:  "diversity",
		About: "one expert's games against many experts', at equal numbers of games",
		Help: `In many-blind five experts play each other, each of whom overlooks the captures by another piece: four
of five see every capture, so the likeliest move of the mixture is seen by all of them together. In the groups one-*
one of them plays itself as many games: its oversights are all that there is to learn. In many-noise and
one-noise the errors are independent from move to move instead of systematic: then one expert's own games are as
diverse as many experts', and there should be no difference.`,
		Plan: func(s Settings) ([]Cell, error) {
			p := plan{base: headline(s)}
			pieces := []string{"knight", "bishop", "rook", "queen", "pawn"}
			var many []string
			for _, piece := range pieces {
				many = append(many, "ply1:blind="+piece)
			}
			p.add("many-blind", s.seeds(), func(c *Cell) { c.Corpus.Players = many })
			p.base.Headline = false
			for _, piece := range pieces[:2] {
				n := s.seeds()
				if piece != pieces[0] {
					n = 1
				}
				p.add("one-blind-"+piece, n, func(c *Cell) { c.Corpus.Players = []string{"ply1:blind=" + piece} })
				if s.Preset == PresetTiny {
					return p.cells, nil
				}
			}
			p.add(headlineGroup, s.seeds(), func(*Cell) {})
			p.add("one-noise", 1, func(c *Cell) { c.Corpus.Players = []string{noisy(headlineRho)} })
			return p.cells, nil
		},
		Conclude: concludePairs([2]string{"many-blind", "one-blind-knight"}, [2]string{"many-blind", "one-blind-bishop"},
			[2]string{headlineGroup, "one-noise"}),
	}
}

// Blindfold is experiment 4b.
func Blindfold() Experiment {
	return Experiment{
		Name:  "blindfold",
		About: "models that see the moves against models that see the board, at equal data and compute",
		Help: `The same games, training steps and seeds; one model is shown the moves, as in the paper, the other the
board before each move as well. Whether the blindfold model falls behind because it cannot denoise or because it
cannot track the board shows in agreement and legal moves over the length of the game.`,
		Plan: func(s Settings) ([]Cell, error) {
			if s.Input != "" {
				return nil, errors.New("it compares both inputs: leave --input out")
			}
			p := plan{base: headline(s)}
			p.add(headlineGroup, s.seeds(), func(*Cell) {})
			p.base.Headline = false
			p.add(headlineGroup+"-moves", s.seeds(), func(c *Cell) { c.Model.Input = data.InputMoves })
			return p.cells, nil
		},
		Conclude: concludePairs([2]string{headlineGroup, headlineGroup + "-moves"}),
	}
}
