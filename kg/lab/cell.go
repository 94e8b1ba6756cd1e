package lab

// What a cell is.

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"transcend/kg"
	"transcend/kg/expert"
	"transcend/kg/synth"
	"transcend/kg/text"
	"transcend/model"
)

// Cell is one thing to do. Everything in it is in its key, but for Name, Group and the names of files, of
// which the hashes beside them are.
type Cell struct {
	// Name is what tables call it, of letters, digits and "-+=.,_".
	Name string `json:"name"`
	// Group is what cells have in common that differ by Seed alone: results are put
	// together over a group.
	Group string `json:"group"`
	Seed  uint64 `json:"seed"` // of beliefs, weights, and the order of texts

	Graph    Graph    `json:"graph"`
	Team     Team     `json:"team"`
	Text     Text     `json:"text"`
	TwoHop   *TwoHop  `json:"two_hop,omitempty"`
	Model    Model    `json:"model"`
	Training Training `json:"training"`
	Measure  Measure  `json:"measure"`
}

// Graph says which graph, and how many areas of expertise its edges are divided into.
type Graph struct {
	Scale float64 `json:"scale,omitempty"` // of a synthetic graph; see synth.Options
	Seed  uint64  `json:"seed"`            // of the graph and its areas
	// File is read instead; Fingerprint is then the graph's, and decides.
	File        string `json:"file,omitempty"`
	Fingerprint string `json:"fingerprint,omitempty"`
	// Clusters are the areas; 0: none are needed.
	Clusters int `json:"clusters,omitempty"`
	// Templates is a file of words for its relations; "" is text.Default. TemplatesHash is
	// that of its content, and decides.
	Templates     string `json:"templates,omitempty"`
	TemplatesHash string `json:"templates_hash,omitempty"`
}

// Team says who the experts are; see expert.Team. One of Coverage, Specialists and Areas is set.
type Team struct {
	Experts     int     `json:"experts"`
	Coverage    float64 `json:"coverage,omitempty"`
	Specialists float64 `json:"specialists,omitempty"` // their coverage
	Budget      float64 `json:"budget,omitempty"`      // of Specialists
	Areas       bool    `json:"areas,omitempty"`
	Alpha       float64 `json:"alpha,omitempty"`
	Popular     bool    `json:"popular,omitempty"`
	KeepTruth   bool    `json:"keep_truth,omitempty"`
	Shared      float64 `json:"shared,omitempty"`
	// TailOnly corrupts tails only.
	TailOnly bool `json:"tail_only,omitempty"`
}

// Text says what is written.
type Text struct {
	// Paragraphs is the size of a corpus that is gone through again and again; 0: every
	// paragraph is new.
	Paragraphs int        `json:"paragraphs,omitempty"`
	Level      text.Level `json:"level"`
	// Mixed draws the level of each paragraph, from 1 to Level.
	Mixed bool `json:"mixed,omitempty"`
	// Apart shows the model each sentence of a paragraph by itself, as questions are put to it: otherwise
	// it reads whole paragraphs, as in the paper.
	Apart bool `json:"apart,omitempty"`
}

// TwoHop says which two-hop texts an experiment adds (Experiment.Texts makes them).
type TwoHop struct {
	Train   int `json:"train"`
	HeldOut int `json:"held_out"`
	Across  int `json:"across"`
	// Share is how many two-hop texts there are for a paragraph.
	Share float64 `json:"share"`
	// Form is how they are put, in the words of the experiment.
	Form string `json:"form"`
	// Level is the phrasing of sentences; that of each is drawn from 1 to it.
	Level text.Level `json:"level"`
}

// Model says what is trained.
type Model struct {
	Layers  int `json:"layers"`
	Heads   int `json:"heads"`
	Width   int `json:"width"`
	Context int `json:"context"` // tokens
	// Init is a directory with GPT-2's weights and vocabulary to start from, Hash that of
	// its weights, which decides; "": random weights, and a token for each word.
	Init string `json:"init,omitempty"`
	Hash string `json:"hash,omitempty"`
}

// String is "2x128", or the name of the model to start from.
func (m Model) String() string {
	if m.Init != "" {
		return m.Init
	}
	return fmt.Sprintf("%dx%d", m.Layers, m.Width)
}

// Training says how.
type Training struct {
	Steps int `json:"steps,omitempty"`
	// Epochs replaces Steps where Text.Paragraphs is a corpus.
	Epochs       float64 `json:"epochs,omitempty"`
	Rows         int     `json:"rows"` // of a batch
	LearningRate float64 `json:"learning_rate"`
	Optimizer    string  `json:"optimizer"`
	Schedule     string  `json:"schedule,omitempty"` // "": warm-up, stable, decay
	Warmup       int     `json:"warmup,omitempty"`   // steps; 0: a twentieth of all, at most 100
	WeightDecay  float64 `json:"weight_decay,omitempty"`
	Accumulate   int     `json:"accumulate,omitempty"` // batches in a step; 0: 1
}

// Measure says what is measured.
type Measure struct {
	Temperatures []float64 `json:"temperatures"` // besides greedy
}

// config is the trainer's; precision is the machine's matter.
func (t Training) config(steps int, seed uint64, precision string) model.TrainConfig {
	c := model.DefaultTrainConfig()
	c.Rows, c.Accumulate, c.Steps, c.Seed = t.Rows, t.Accumulate, steps, seed
	c.LearningRate, c.MinLearningRate = t.LearningRate, 0
	c.Optimizer, c.Precision, c.WeightDecay = t.Optimizer, precision, t.WeightDecay
	c.Schedule, c.DecayFraction = model.ScheduleWSD, 0.5
	if t.Schedule != "" {
		c.Schedule = t.Schedule
	}
	c.Warmup = t.Warmup
	if t.Warmup == 0 {
		c.Warmup = min(100, steps/20)
	}
	return c
}

// config is the shape of a network that begins with random weights.
func (m Model) config(vocab int) model.Config {
	return model.Config{Layers: m.Layers, Heads: m.Heads, Width: m.Width, Context: m.Context, Vocab: vocab, Activation: model.GELU}
}

// Key is a hash of the settings that decide what comes out of the cell.
func (c *Cell) Key() string {
	k := *c
	k.Name, k.Group = "", ""
	k.Graph.File, k.Graph.Templates, k.Model.Init = "", "", ""
	b, err := json.Marshal(k)
	if err != nil {
		panic(fmt.Sprintf("lab: settings: %v", err)) // they are plain values
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:6])
}

// nameChars are those of names, which are directories.
const nameChars = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-+=.,_"

// minContext is the least context that has room for a sentence.
const minContext = 32

// Validate reports settings that cannot be carried out, whatever the graph is.
func (c *Cell) Validate() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("lab: cell %s: %w", c.Name, fmt.Errorf(format, args...))
	}
	t := c.Team
	kinds := 0
	for _, set := range []bool{t.Coverage > 0, t.Specialists > 0, t.Areas} {
		if set {
			kinds++
		}
	}
	switch {
	case c.Name == "" || strings.Trim(c.Name, nameChars) != "" || strings.HasPrefix(c.Name, "."):
		return fmt.Errorf("lab: %q is no name of a cell", c.Name)
	case c.Group == "":
		return bad("no group")
	case c.Graph.File == "" && !(c.Graph.Scale >= synth.MinScale && c.Graph.Scale <= synth.MaxScale):
		return bad("a graph of scale %g (want %g to %g)", c.Graph.Scale, synth.MinScale, float64(synth.MaxScale))
	case c.Graph.File != "" && c.Graph.Fingerprint == "":
		return bad("the graph of %s has no fingerprint", c.Graph.File)
	case kinds > 1:
		return bad("experts have one coverage, are specialists, or have an area each: %d of these are set", kinds)
	case t.Experts < 1:
		return bad("%d experts (want at least 1)", t.Experts)
	case t.Specialists != 0 && c.Graph.Clusters < 1 || t.Areas && c.Graph.Clusters < 1:
		return bad("its experts need areas of expertise")
	case c.Text.Paragraphs < 0 || c.Text.Paragraphs > 0 && c.Text.Paragraphs < t.Experts:
		return bad("%d paragraphs of %d experts", c.Text.Paragraphs, t.Experts)
	case c.Model.Context < minContext:
		return bad("a context of %d tokens (want at least %d)", c.Model.Context, minContext)
	case (c.Training.Steps > 0) == (c.Training.Epochs > 0):
		return bad("the budget of its training is either steps or epochs")
	case c.Training.Epochs > 0 && c.Text.Paragraphs == 0:
		return bad("epochs need a number of paragraphs")
	case math.IsInf(c.Training.Epochs, 0) || math.IsNaN(c.Training.Epochs):
		return bad("%g epochs", c.Training.Epochs)
	}
	if err := text.CheckLevel(c.Text.Level); err != nil {
		return bad("%w", err)
	}
	if c.Text.Apart && c.Text.Level > text.FourTemplates {
		return bad("phrasing of level %d refers from sentence to sentence: they cannot be read apart", c.Text.Level)
	}
	for _, temp := range c.Measure.Temperatures {
		if !(temp > 0) || math.IsInf(temp, 1) {
			return bad("a temperature of %g (want over 0)", temp)
		}
	}
	if h := c.TwoHop; h != nil {
		if min(h.Train, h.HeldOut, h.Across) < 1 || !(h.Share >= 0) || math.IsInf(h.Share, 1) {
			return bad("%d, %d and %d two-hop facts, %g for a paragraph", h.Train, h.HeldOut, h.Across, h.Share)
		}
	}
	if c.Model.Init == "" {
		if err := c.Model.config(2).Validate(); err != nil {
			return bad("%w", err)
		}
	}
	if err := c.Training.config(max(1, c.Training.Steps), c.Seed, model.PrecisionF32).Validate(); err != nil {
		return bad("%w", err)
	}
	return nil
}

// team makes the experts on a graph.
func (c *Cell) team(g *kg.Graph, areas []int32) (*expert.Team, error) {
	t := c.Team
	team := &expert.Team{Graph: g, Experts: t.Experts, Seed: c.Seed, Coverage: t.Coverage, Areas: t.Areas, Alpha: t.Alpha,
		Corruption: expert.Corruption{Popular: t.Popular, KeepTruth: t.KeepTruth, Shared: t.Shared, TailOnly: t.TailOnly}}
	if t.Areas || t.Specialists > 0 {
		team.Cluster = areas
	}
	if t.Specialists > 0 {
		team.Specialists = &expert.Specialists{Coverage: t.Specialists, Budget: t.Budget}
	}
	return team, team.Prepare()
}

// checkAll checks what was planned: every cell alone, and that no two are the same.
func checkAll(cells []Cell) error {
	if len(cells) == 0 {
		return errors.New("lab: the plan is empty")
	}
	keys := map[string]string{}
	var names []string
	for i := range cells {
		c := &cells[i]
		if err := c.Validate(); err != nil {
			return err
		}
		if slices.Contains(names, c.Name) {
			return fmt.Errorf("lab: two cells are called %s", c.Name)
		}
		names = append(names, c.Name)
		if other := keys[c.Key()]; other != "" {
			return fmt.Errorf("lab: cells %s and %s are the same", other, c.Name)
		}
		keys[c.Key()] = c.Name
	}
	return nil
}
