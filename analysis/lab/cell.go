// Package lab does the work of experiments with simulated players: it makes their games,
// trains models on them, and lets the models play the players. Package judge says what came out:
// whether a model is stronger than everybody it imitates.
//
// An Experiment plans Cells (package experiment has them all). A cell is one corpus, one
// model, one training and one seed, and what is measured of them; everything about it
// follows from its settings. A Lab is a directory in which cells are done, each once,
// whichever experiments ask for it:
//
//	LAB/corpora/KEY.parquet            games to train on, and KEY.json about them
//	LAB/references/KEY.jsonl           games of the experts and the league's players
//	LAB/cells/NAME-KEY/cell.json       the settings
//	                   run/            the training (package run)
//	                   games.jsonl     games of the model, a line each
//	                   games-EXP.jsonl games of the players that one experiment adds
//	                   result.json     what came out
//	                   extra-EXP.json  what one experiment measures beside
//	LAB/EXPERIMENT/                    report.json, report.md and the pictures
//
// KEY is a hash of the settings. A process that was killed at any moment is started again
// and goes on; with a number of steps as the training's budget the results are those of a
// process that nobody disturbed. Two processes that share a lab divide the cells.
package lab

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"transcend/data"
	"transcend/data/league"
	"transcend/engine"
	"transcend/engine/match"
	"transcend/model"
)

// Experiment is a question that cells answer: what has to be known to do them.
type Experiment struct {
	Name  string
	About string // one line
	// Help says what is varied, what is measured, and what the verdict is about.
	Help string
	// Plan returns the cells, in the order in which they are done. Their names and keys
	// differ.
	Plan func(Settings) ([]Cell, error)

	// Players are added to a cell's games, beside the model: each plays the model's
	// opponents, Measure.Games for each. May be nil.
	Players func(context.Context, *Setup) ([]Entrant, error)
	// Measure measures what only this experiment looks at; the value is stored as JSON
	// in Done.Extra. It is called in a cell that is otherwise done. May be nil.
	Measure func(context.Context, *Setup) (any, error)
}

// Presets of a plan.
const (
	PresetTiny    = "tiny"    // seconds: shows that everything works, decides nothing
	PresetQuick   = "quick"   // minutes
	PresetDefault = "default" // hours on two cores
)

// Presets lists them.
func Presets() []string { return []string{PresetDefault, PresetQuick, PresetTiny} }

// Settings are what a user may ask of a plan.
type Settings struct {
	Preset string
	// Seeds is the number of training seeds of the headline cells; 0: the preset's.
	Seeds int
	// Input is "moves", "board" or "", which leaves it to the experiment.
	Input string
	// Steps is the training's budget; 0: the preset's. Time, in seconds, replaces it.
	Steps int
	Time  float64
}

// Cell is one thing to do. Everything in it but Name and Group is in its key.
type Cell struct {
	// Name is what tables call it, of letters, digits and "-+=.,_".
	Name string `json:"name"`
	// Group is what cells have in common that differ by Seed alone: results are put
	// together over a group. Headline marks the group that the verdict is about.
	Group    string `json:"group"`
	Headline bool   `json:"headline,omitempty"`

	Seed     uint64   `json:"seed"` // of weights, order of the games, and matches
	Corpus   Corpus   `json:"corpus"`
	Model    Model    `json:"model"`
	Training Training `json:"training"`
	Measure  Measure  `json:"measure"`
}

// Corpus says which games there are to train on.
type Corpus struct {
	// Players are the experts: their texts, all of which play each other.
	Players []string `json:"players"`
	// Ratings are their tags, in the same order; empty: those of league.Ratings.
	Ratings []int `json:"ratings,omitempty"`
	// Measured are the experts that agreement and ratings are about, by index; empty: all.
	// The others only play games to train on.
	Measured []int `json:"measured,omitempty"`
	// MaxElo keeps games in which both ratings are at most this; 0: all.
	MaxElo int `json:"max_elo,omitempty"`
	MaxGap int `json:"max_gap,omitempty"`
	// Seed is that of the games: cells that differ by Cell.Seed alone train on the same.
	Seed uint64 `json:"seed"`
	// Games is the number of games to train on, HeldOut of those to measure on.
	Games   int `json:"games"`
	HeldOut int `json:"held_out"`
	// Openings is a league.OpeningRule; MaxPlies ends a game.
	Openings string `json:"openings"`
	MaxPlies int    `json:"max_plies"`
	// Version is league.Version, which is part of what the games are.
	Version string `json:"version"`
}

// Model says what is trained.
type Model struct {
	Layers    int    `json:"layers"`
	Heads     int    `json:"heads"`
	Width     int    `json:"width"`
	Context   int    `json:"context"`
	Tokenizer string `json:"tokenizer"` // one of data.TokenizerNames
	// Input is what the model is shown at each position: data.InputMoves or data.InputBoard.
	Input string `json:"input"`
}

// String is "4x128 move/board".
func (m Model) String() string {
	return fmt.Sprintf("%dx%d %s/%s", m.Layers, m.Width, m.Tokenizer, m.Input)
}

// None reports that the cell trains no model: only the experts and the players that an
// experiment adds play.
func (m Model) None() bool { return m.Layers == 0 }

// Training says how. One of Steps and Seconds is the budget.
type Training struct {
	Steps        int     `json:"steps,omitempty"`
	Seconds      float64 `json:"seconds,omitempty"`
	Rows         int     `json:"rows"`
	LearningRate float64 `json:"learning_rate"`
	Optimizer    string  `json:"optimizer"`
	EMA          float64 `json:"ema,omitempty"`
}

// Measure says what is measured.
type Measure struct {
	// Temperatures that the model plays at; the first is the one that the verdict is
	// about.
	Temperatures []float64 `json:"temperatures"`
	// Games that it plays at each, half of them against the experts, half against League.
	Games int `json:"games"`
	// League are players above and below, by their texts.
	League []string `json:"league"`
	// References is the number of games of each pair of experts, League players, or one
	// of each.
	References int `json:"references"`
	// Openings and MaxPlies are those of the games that are played; Adjudicate is how
	// many centipawns win a game that MaxPlies ended (0: such games are drawn).
	Openings   string `json:"openings"`
	MaxPlies   int    `json:"max_plies"`
	Adjudicate int    `json:"adjudicate"`
	// Policy is an engine.IllegalPolicy. With Masked the model also plays at the first temperature
	// among the legal moves only, which no verdict is about: it tells what a model that cannot
	// name a legal move would be worth if it could.
	Policy string `json:"policy"`
	Masked bool   `json:"masked"`
	// Positions of held-out games on which agreement is measured.
	Positions int `json:"positions"`
}

// Key is a hash of the settings that decide what comes out of the cell.
func (c *Cell) Key() string {
	plain := *c
	plain.Name, plain.Group, plain.Headline = "", "", false
	return key(plain)
}

// key hashes settings.
func key(settings any) string {
	b, err := json.Marshal(settings)
	if err != nil {
		panic(fmt.Sprintf("lab: settings: %v", err)) // they are plain values
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:6])
}

// nameChars are those of names, which are directories.
const nameChars = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-+=.,_"

// Validate reports settings that cannot be carried out.
func (c *Cell) Validate() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("lab: cell %s: %s", c.Name, fmt.Sprintf(format, args...))
	}
	switch {
	case c.Name == "" || strings.Trim(c.Name, nameChars) != "" || strings.HasPrefix(c.Name, "."):
		return fmt.Errorf("lab: %q is no name of a cell", c.Name)
	case c.Group == "":
		return bad("no group")
	case c.Corpus.Games < 1 && !c.Model.None():
		return bad("no games to train on")
	case c.Corpus.HeldOut < 0 || c.Corpus.MaxPlies < 2:
		return bad("%d held-out games of %d plies", c.Corpus.HeldOut, c.Corpus.MaxPlies)
	case c.Measure.Games < 0 || c.Measure.References < 0 || c.Measure.MaxPlies < 2:
		return bad("%d games of %d plies a temperature, %d a reference", c.Measure.Games, c.Measure.MaxPlies, c.Measure.References)
	}
	if _, err := c.Corpus.League(); err != nil {
		return bad("%v", err)
	}
	if _, err := newProtocol(&c.Measure); err != nil {
		return bad("%v", err)
	}
	if c.Model.None() {
		return nil
	}
	tok, err := c.Model.tokenizer()
	if err != nil {
		return bad("%v", err)
	}
	if config, err := c.Model.config(tok); err != nil {
		return bad("%v", err)
	} else if err := config.Validate(); err != nil {
		return bad("%v", err)
	}
	// The model needs a token for the separator, and must be able to finish its games.
	if longest := c.Measure.MaxPlies; data.WholeMoves(tok) && c.Model.Context <= longest {
		return bad("games of %d plies do not fit into a context of %d", longest, c.Model.Context)
	}
	if len(c.Measure.Temperatures) == 0 {
		return bad("no temperature to play at")
	}
	if (c.Training.Steps > 0) == (c.Training.Seconds > 0) {
		return bad("the budget of its training is either steps or a time")
	}
	if err := c.Training.config(c.Seed, model.PrecisionF32).Validate(); err != nil {
		return bad("%v", err)
	}
	return nil
}

// Cells plans, and checks what was planned.
func (e *Experiment) Cells(s Settings) ([]Cell, error) {
	if !slices.Contains(Presets(), s.Preset) {
		return nil, fmt.Errorf("lab: %s: no preset %q", e.Name, s.Preset)
	}
	cells, err := e.Plan(s)
	if err != nil {
		return nil, fmt.Errorf("lab: %s: %w", e.Name, err)
	}
	names, keys := map[string]bool{}, map[string]string{}
	for i := range cells {
		c := &cells[i]
		if err := c.Validate(); err != nil {
			return nil, err
		}
		if names[c.Name] {
			return nil, fmt.Errorf("lab: %s: two cells are called %s", e.Name, c.Name)
		}
		names[c.Name] = true
		if other := keys[c.Key()]; other != "" {
			return nil, fmt.Errorf("lab: %s: cells %s and %s are the same", e.Name, other, c.Name)
		}
		keys[c.Key()] = c.Name
	}
	if len(cells) == 0 {
		return nil, fmt.Errorf("lab: %s: the plan is empty", e.Name)
	}
	return cells, nil
}

// Entrant is who plays in the games of a cell.
type Entrant struct {
	// Name is unique in the experiment: equal names are one player in the fit.
	Name string
	New  match.Factory
}

// Setup is what a cell has to offer to the hooks of an experiment.
type Setup struct {
	Cell *Cell
	// Experts are the pool's players, Measured those that count (Corpus.Measured).
	Experts  *league.Pool
	Measured []league.Rated
	// HeldOut are games that were not trained on.
	HeldOut []*league.Game
	// Training are the games to train on; it reads them when it is called.
	Training func(context.Context) (*data.Corpus, error)
	// Model is nil where the cell trains none.
	Model     *model.Model
	Tokenizer data.Tokenizer
	// Batch decodes for all players of Model.
	Batch *engine.Batch
	// League makes a simulated player that shares the memory of the worker's others.
	League func(league.Player) match.Factory
	// Progress shows what is going on.
	Progress func(done float64, text string)
}
