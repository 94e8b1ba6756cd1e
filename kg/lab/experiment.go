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
