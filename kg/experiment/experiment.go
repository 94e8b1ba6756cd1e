// Package experiment has the experiments with knowledge graphs of Abreu et al. (2025): what each
// varies, what it adds to the texts and measures beside, and which claims of the paper it judges.
//
// An experiment is a value (lab.Experiment) in a file of its own and a row of Experiments. Its
// plan is a list of cells that begin as Base and differ from it; package lab does them, each once,
// and hands them back to the conclusion. What conclusions have in common, groups of seeds and
// the judging of a claim by an interval and by the vote over the same text, is in judge.go.
//
//	denoise     experts who err independently: is the model right more often than each of them?
//	select      experts of a few areas each: does the model know what all of them know?
//	generalize  facts of different experts: does the model put two of them together?
package experiment

import (
	"cmp"
	"fmt"
	"math"

	"transcend/kg/lab"
	"transcend/kg/synth"
	"transcend/kg/text"
	"transcend/model"
)

// Experiments are all there are, in the order of the paper and of the commands.
func Experiments() []lab.Experiment { return []lab.Experiment{denoise(), selection(), generalize()} }

// Learning rates by optimizer: tried are Muon's of laptop, AdamW's of the paper, and of AdamW in laptop that
// 0.004 learns more in a step than Muon's 0.015. The others are a quarter of Muon's, or four times AdamW's, as
// in chesstrain's presets (docs/results/cpu-engine.md).
var (
	laptopRates = map[string]float64{model.OptimizerMuon: 0.015, model.OptimizerAdamW: 0.004}
	paperRates  = map[string]float64{model.OptimizerMuon: 4e-3, model.OptimizerAdamW: 1e-3}
)

// Base is a cell of a preset with no experts yet: what plans start from, with what the settings ask for.
func Base(s lab.Settings) lab.Cell {
	c := lab.Cell{Text: lab.Text{Level: text.OneTemplate}, Measure: lab.Measure{Temperatures: []float64{0.0001, 0.001, 0.1, 1, 1.5}}}
	// The majority of 100 experts at c = 0.2 is right about 93% of this graph's questions, and single facts are
	// learned out of contradicting text by one narrow layer with large batches: in the time in which width 256
	// comes to 68% of them, width 128 reads twice the text and comes to 79%. Batches of a quarter of the size cost 6%.
	c.Graph = lab.Graph{Scale: 0.03, Seed: 1}
	c.Model = lab.Model{Layers: 1, Heads: 4, Width: 128, Context: 128}
	c.Training = lab.Training{Rows: 64, Optimizer: model.OptimizerMuon}
	rates := laptopRates
	switch s.Preset {
	case lab.PresetTiny:
		c.Graph.Scale = synth.MinScale
		c.Model = lab.Model{Layers: 1, Heads: 2, Width: 32, Context: 64}
		c.Training.Rows, c.Training.Steps = 8, 60
	case lab.PresetLaptop:
		c.Training.Steps = 450
	case lab.PresetPaper:
		// 124M parameters as GPT-2, batches of 24 rows of 512, AdamW at 1e-3 with weight decay 0.1,
		// 1,000 steps of warm-up, a cosine.
		c.Graph.Scale = 1
		c.Model = lab.Model{Layers: 12, Heads: 12, Width: 768, Context: 512}
		c.Text.Paragraphs = 10_000_000
		c.Training = lab.Training{Epochs: 1, Rows: 8, Accumulate: 3, Optimizer: model.OptimizerAdamW,
			Schedule: model.ScheduleCosine, Warmup: 1000, WeightDecay: 0.1}
		rates = paperRates
	}
	if s.Graph.Scale > 0 || s.Graph.File != "" {
		c.Graph.Scale, c.Graph.File, c.Graph.Fingerprint = s.Graph.Scale, s.Graph.File, s.Graph.Fingerprint
	}
	if s.Graph.Seed > 0 {
		c.Graph.Seed = s.Graph.Seed
	}
	c.Graph.Templates, c.Graph.TemplatesHash = s.Graph.Templates, s.Graph.TemplatesHash
	c.Team = lab.Team{Popular: s.Popular, KeepTruth: s.KeepTruth, TailOnly: s.TailOnly}
	if s.Shared != nil {
		c.Team.Shared = *s.Shared
	}
	if s.Temperature != nil {
		c.Measure.Temperatures = s.Temperature
	}
	if s.Paragraphs > 0 {
		c.Text.Paragraphs = s.Paragraphs
	}
	t := &c.Training
	if s.Steps > 0 {
		t.Steps, t.Epochs = s.Steps, 0
	}
	t.Rows = cmp.Or(s.Rows, t.Rows)
	t.Optimizer = cmp.Or(s.Optimizer, t.Optimizer)
	t.LearningRate = cmp.Or(s.LearningRate, rates[t.Optimizer])
	c.Model.Layers = cmp.Or(s.Layers, c.Model.Layers)
	if s.Width > 0 {
		c.Model.Width, c.Model.Heads = s.Width, max(1, s.Width/32)
	}
	c.Model.Init, c.Model.Hash = s.Init, s.InitHash
	return c
}

// apart has the models of an experiment about single facts read them sentence by sentence, but for the preset
// paper. One layer copies names of the paragraph into its answers: "the spouse of Ada is Ada" (of the symmetric
// relations' questions 6% were answered rightly so, and 80% otherwise). Two layers did no better in as many
// steps; what the paper's twelve and its amount of text make of it has not been tried.
func apart(s lab.Settings, c *lab.Cell) { c.Text.Apart = s.Preset != lab.PresetPaper && !s.Whole }

// clusters is the paper's number of areas of expertise, in proportion to a graph's edges.
func clusters(s lab.Settings, c *lab.Cell) int {
	edges := s.Edges
	if c.Graph.File == "" {
		edges = int(math.Round(synth.PaperEdges * c.Graph.Scale))
	}
	return max(1, int(math.Round(float64(edges)*synth.PaperClusters/synth.PaperEdges)))
}

// seedCount is how many seeds a plan repeats its cells with.
func seedCount(s lab.Settings) uint64 {
	if s.Seeds > 0 {
		return uint64(s.Seeds)
	}
	if s.Preset == lab.PresetTiny {
		return 1
	}
	return 3
}

// repeat returns the cell with seeds 1 to n.
func repeat(c lab.Cell, n uint64) []lab.Cell {
	var all []lab.Cell
	for seed := uint64(1); seed <= n; seed++ {
		r := c
		r.Seed, r.Group = seed, c.Name
		r.Name = fmt.Sprintf("%s-seed%d", c.Name, seed)
		all = append(all, r)
	}
	return all
}
