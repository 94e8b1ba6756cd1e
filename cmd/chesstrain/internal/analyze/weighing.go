package analyze

import (
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"transcend/analysis/favor"
	"transcend/data"
	"transcend/engine"
	"transcend/internal/cli"
	"transcend/model"
)

// parseTemperatures reads a list of them, in rising order.
func parseTemperatures(text string) ([]float64, error) {
	var all []float64
	for part := range strings.SplitSeq(text, ",") {
		t, err := strconv.ParseFloat(strings.TrimSpace(part), 64)
		if err != nil || !(t >= 0 && t <= 100) {
			return nil, cli.Usagef("--temps %s: %q is no temperature from 0 to 100", text, part)
		}
		if slices.Contains(all, t) {
			return nil, cli.Usagef("--temps %s: %v is there twice", text, t)
		}
		all = append(all, t)
	}
	slices.Sort(all)
	return all, nil
}

// weighingFlags are those of analyses that weigh a model's moves in the positions of games.
type weighingFlags struct {
	score     scoring
	visit     visiting
	temps     string
	resamples int
}

func addWeighingFlags(fs *pflag.FlagSet, temps, usage string) *weighingFlags {
	f := new(weighingFlags)
	fs.StringVar(&f.temps, "temps", temps, usage)
	fs.IntVar(&f.resamples, "resamples", 10_000, "bootstrap resamples")
	f.visit.addFlags(fs)
	f.score.addFlags(fs)
	return f
}

// work checks the flags, with what else is to be checked of the temperatures, and loads the model.
func (f *weighingFlags) work(a *analyzing, check func(temperatures []float64) error) (*weighing, error) {
	temperatures, err := parseTemperatures(f.temps)
	if err == nil && check != nil {
		err = check(temperatures)
	}
	if err != nil {
		return nil, err
	}
	if f.resamples < 100 || f.resamples > 1_000_000 || f.visit.games < 1 {
		return nil, cli.Usagef("--resamples must be between 100 and 1000000, --games at least 1")
	}
	limit, err := f.score.limit()
	if err != nil {
		return nil, err
	}
	m, tok, err := a.loadModel()
	if err != nil {
		return nil, err
	}
	return &weighing{a: a, m: m, tok: tok, score: &f.score, limit: limit, temperatures: temperatures}, nil
}

// weighing is one analysis that weighs moves.
type weighing struct {
	a            *analyzing
	m            *model.Model
	tok          data.Tokenizer
	score        *scoring
	limit        favor.Search
	temperatures []float64
	samples      int
	round        bool
	atOnce       int           // games; 0: as many as threads
	batch        *engine.Batch // nil: every goroutine decodes for itself
}
