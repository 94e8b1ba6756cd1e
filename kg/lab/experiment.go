package lab

// Experiments: what is planned, and what is concluded.

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"transcend/kg/synth"
	"transcend/kg/text"
	"transcend/model"
)

// Presets of a plan.
const (
	PresetTiny   = "tiny"   // seconds: shows that everything works, decides nothing
	PresetLaptop = "laptop" // half an hour on two cores
	PresetPaper  = "paper"  // the paper's sizes: days
)

// Presets lists them.
func Presets() []string { return []string{PresetTiny, PresetLaptop, PresetPaper} }

// Settings are what a user may ask of a plan. What is zero or nil is the preset's.
type Settings struct {
	Preset string `json:"preset"`
	Seeds  int    `json:"seeds,omitempty"`

	// Graph replaces the preset's synthetic graph: a file, or other words. Clusters are set by
	// Plan.
	Graph Graph `json:"graph,omitzero"`
	Edges int   `json:"edges,omitempty"` // of a graph from a file

	Experts     []int     `json:"experts,omitempty"`
	Coverage    []float64 `json:"coverage,omitempty"`
	Alpha       []float64 `json:"alpha,omitempty"`
	Temperature []float64 `json:"temperature,omitempty"`

	// Popular, KeepTruth, TailOnly and Shared are those of Team.
	Popular   bool `json:"popular,omitempty"`
	KeepTruth bool `json:"keep_truth,omitempty"`
	TailOnly  bool `json:"tail_only,omitempty"`

	// Whole has models read whole paragraphs where the preset shows them sentence by sentence.
	Whole  bool     `json:"whole_paragraphs,omitempty"`
	Shared *float64 `json:"shared,omitempty"`

	// Steps and the others change every cell's training and model.
	Steps        int     `json:"steps,omitempty"`
	Rows         int     `json:"rows,omitempty"`
	LearningRate float64 `json:"learning_rate,omitempty"`
	Optimizer    string  `json:"optimizer,omitempty"`
	Layers       int     `json:"layers,omitempty"`
	Width        int     `json:"width,omitempty"`
	Paragraphs   int     `json:"paragraphs,omitempty"`
	Init         string  `json:"init,omitempty"`
	InitHash     string  `json:"init_hash,omitempty"`
}

// Experiment is a question that cells answer.
type Experiment struct {
	Name  string
	About string // one line
	// Help says what is varied, what is measured, and what the verdicts are about.
	Help string
	// Varies are the flags "experts", "coverage" and "alpha" that Plan makes cells of; it has no
	// use for the settings of the others.
	Varies []string
	// Plan returns the cells. Their names and keys differ.
	Plan func(Settings) ([]Cell, error)
	// Texts are learned from beside the paragraphs. May be nil.
	Texts func(*Setup) (Texts, error)
	// Measure measures what only this experiment looks at; the value is stored as JSON in
	// Done.Extra. May be nil.
	Measure func(context.Context, *Setup) (any, error)
	// Conclude judges claims and adds tables and pictures.
	Conclude func(*Report) error
}

// Experiments are all there are, in the order of the paper and of the commands.
func Experiments() []Experiment { return []Experiment{denoise(), selection(), generalize()} }

// Cells plans, and checks what was planned. Errors are about settings, which a user gave: an unknown
// preset, what Plan refuses, and those of Cell.Validate.
func (e *Experiment) Cells(s Settings) ([]Cell, error) {
	if !slices.Contains(Presets(), s.Preset) {
		return nil, fmt.Errorf("lab: %s: no preset %q", e.Name, s.Preset)
	}
	cells, err := e.Plan(s)
	if err != nil {
		return nil, fmt.Errorf("lab: %s: %w", e.Name, err)
	}
	return cells, checkAll(cells)
}

// Learning rates by optimizer: tried are Muon's of laptop, AdamW's of the paper, and of AdamW in laptop that
// 0.004 learns more in a step than Muon's 0.015. The others are a quarter of Muon's, or four times AdamW's, as
// in chesstrain's presets (docs/results/cpu-engine.md).
var (
	laptopRates = map[string]float64{model.OptimizerMuon: 0.015, model.OptimizerAdamW: 0.004}
	paperRates  = map[string]float64{model.OptimizerMuon: 4e-3, model.OptimizerAdamW: 1e-3}
)

// Base is a cell of a preset with no experts yet: what plans start from.
func (s *Settings) Base() Cell {
	c := Cell{Text: Text{Level: text.OneTemplate}, Measure: Measure{Temperatures: []float64{0.0001, 0.001, 0.1, 1, 1.5}}}
	// The majority of 100 experts at c = 0.2 is right about 93% of this graph's questions, and single facts are
	// learned out of contradicting text by one narrow layer with large batches: in the time in which width 256
	// comes to 68% of them, width 128 reads twice the text and comes to 79%. Batches of a quarter of the size cost 6%.
	c.Graph = Graph{Scale: 0.03, Seed: 1}
	c.Model = Model{Layers: 1, Heads: 4, Width: 128, Context: 128}
	c.Training = Training{Rows: 64, Optimizer: model.OptimizerMuon}
	rates := laptopRates
	switch s.Preset {
	case PresetTiny:
		c.Graph.Scale = synth.MinScale
		c.Model = Model{Layers: 1, Heads: 2, Width: 32, Context: 64}
		c.Training.Rows, c.Training.Steps = 8, 60
	case PresetLaptop:
		c.Training.Steps = 450
	case PresetPaper:
		// 124M parameters as GPT-2, batches of 24 rows of 512, AdamW at 1e-3 with weight decay 0.1,
		// 1,000 steps of warm-up, a cosine.
		c.Graph.Scale = 1
		c.Model = Model{Layers: 12, Heads: 12, Width: 768, Context: 512}
		c.Text.Paragraphs = 10_000_000
		c.Training = Training{Epochs: 1, Rows: 8, Accumulate: 3, Optimizer: model.OptimizerAdamW,
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
	c.Team = Team{Popular: s.Popular, KeepTruth: s.KeepTruth, TailOnly: s.TailOnly}
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
func (s *Settings) apart(c *Cell) { c.Text.Apart = s.Preset != PresetPaper && !s.Whole }

// Clusters is the paper's number of areas of expertise, in proportion to a graph's edges.
func (s *Settings) Clusters(c *Cell) int {
	edges := s.Edges
	if c.Graph.File == "" {
		edges = int(math.Round(synth.PaperEdges * c.Graph.Scale))
	}
	return max(1, int(math.Round(float64(edges)*synth.PaperClusters/synth.PaperEdges)))
}

// SeedCount is how many seeds a plan repeats its cells with.
func (s *Settings) SeedCount() uint64 {
	if s.Seeds > 0 {
		return uint64(s.Seeds)
	}
	if s.Preset == PresetTiny {
		return 1
	}
	return 3
}

// What one quiet core does in training of small models, nominal FLOP/s, for estimates: with products in bf16 on
// AMX (measured: 90,000 tokens in a second of CPU time of the laptop preset's model, BenchmarkTraining), and in float32.
const (
	coreBF16 = 2.5e11
	coreF32  = 6e10
)

// Estimates are about how long cells take on a core of their own: 0 for those that are done.
func (l *Lab) Estimates(cells []Cell) []time.Duration {
	all := make([]time.Duration, len(cells))
	for i := range cells {
		if !l.IsDone(&cells[i]) {
			all[i] = l.estimate(&cells[i])
		}
	}
	return all
}

func (l *Lab) estimate(c *Cell) time.Duration {
	vocab, edges := 20000, synth.PaperEdges // of the paper's graph
	if c.Graph.File == "" {
		edges = int(synth.PaperEdges * c.Graph.Scale)
		vocab = int(float64(vocab) * math.Pow(c.Graph.Scale, 0.75)) // few names are a larger share of their words
	}
	shape := c.Model.config(max(300, vocab))
	if c.Model.Init != "" {
		shape = model.Config{Layers: 12, Heads: 12, Width: 768, Context: 1024, Vocab: 50257}
	}
	tokens := float64(c.Training.Steps) * float64(c.Training.Rows*max(1, c.Training.Accumulate)*c.Model.Context)
	if c.Training.Epochs > 0 {
		const tokensPerParagraph = 45
		tokens = c.Training.Epochs * float64(c.Text.Paragraphs) * tokensPerParagraph
	}
	coreFLOPs := coreF32
	if l.Precision == model.PrecisionBF16 {
		coreFLOPs = coreBF16
	}
	seconds := tokens * shape.FLOPsPerToken(c.Model.Context) / coreFLOPs
	// Beliefs of all experts, and a pass over all questions.
	seconds += float64(c.Team.Experts*edges)*3e-7 + float64(edges*20)*shape.FLOPsPerToken(c.Model.Context)/3/coreFLOPs
	return secondsOf(seconds / float64(max(1, l.Threads)))
}

// byTime sorts cells, the longest first, equal ones in their order.
func byTime(cells []int, estimates []time.Duration) {
	slices.SortStableFunc(cells, func(a, b int) int { return cmp.Compare(estimates[b], estimates[a]) })
}
