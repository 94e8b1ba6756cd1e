package analyze

import (
	"context"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"transcend/analysis"
	"transcend/analysis/theory"
	"transcend/internal/cli"
)

func analyzeTheory() command {
	return command{
		name:  "theory",
		about: "experts as tables, their mixture at any temperature, what the propositions say: exact",
		help: `Without flags the example of appendix C (Zhang et al. 2024): experts 0.6/0.4/0 and 0/0.4/0.6, the
middle output right. Temperatures are applied in both conventions: softmax(log q / T), as models do it, and
softmax(q / T), as the paper writes it. "edge" is where the converse of Proposition 2 fails.`,
		examples: []string{
			"chesstrain analyze theory",
			"chesstrain analyze theory --example edge",
			"chesstrain analyze theory --random 3000     the propositions in random settings, too",
			"chesstrain analyze theory --experts '0.5,0.3,0.2; 0.1,0.3,0.6' --rewards 0,1,0.2 --weights 0.3,0.7",
		},
		begin: func(fs *pflag.FlagSet) workFunc {
			example := fs.String("example", "", "toy or edge (default toy)")
			experts := fs.String("experts", "", "probabilities of the outputs, experts with semicolons between them")
			rewards := fs.String("rewards", "", "rewards of the outputs")
			weights := fs.String("weights", "", "how likely the input is each expert's (default evenly)")
			random := fs.Int("random", 0, "try the propositions and Theorem 2.1 on so many random settings, too")
			var temperatures []float64
			cli.Floats(fs, &temperatures, "temps", []float64{0.01, 0.035, 0.1, 0.25, 0.5, 0.75, 1, 1.5}, "temperatures of the table")
			cli.Alias(fs, "temps", "temperatures")
			return func(_ context.Context, a *analyzing) (analysis.Result, error) {
				if *random < 0 || *random > 1_000_000 {
					return nil, cli.Usagef("--random %d: must be 0 to a million", *random)
				}
				for _, t := range temperatures {
					if !(t >= 0) || t > 1e6 {
						return nil, cli.Usagef("--temps %v: must be between 0 and a million", t)
					}
				}
				s := theory.Toy()
				switch own := *experts != "" || *rewards != "" || *weights != ""; {
				case own && *example != "":
					return nil, cli.Usagef("--example brings its experts, rewards and weights")
				case own && (*experts == "" || *rewards == ""):
					return nil, cli.WithHint(cli.Usagef("--experts and --rewards go together"), "--experts '0.6,0.4,0; 0,0.4,0.6' --rewards 0,1,0")
				case own:
					var err error
					if s, err = oneInput(*experts, *rewards, *weights); err != nil {
						return nil, err
					}
				case *example != "":
					if err := cli.OneOf("example", *example, "toy", "edge"); err != nil {
						return nil, err
					}
					if *example == "edge" {
						s = theory.Edge()
					}
				}
				r := theory.NewReport(s, temperatures)
				if *random > 0 {
					r.Random = theory.Check(a.Seed, *random)
				}
				return r, nil
			}
		},
	}
}

// oneInput is a setting with one input.
func oneInput(experts, rewards, weights string) (*theory.Setting, error) {
	s := &theory.Setting{Test: []float64{1}}
	for text := range strings.SplitSeq(experts, ";") {
		f, err := numbers("experts", text)
		if err != nil {
			return nil, err
		}
		s.Experts = append(s.Experts, [][]float64{f})
	}
	r, err := numbers("rewards", rewards)
	if err != nil {
		return nil, err
	}
	s.Rewards = [][]float64{r}
	if weights != "" {
		g, err := numbers("weights", weights)
		if err != nil {
			return nil, err
		}
		s.Weights = [][]float64{g}
	}
	if err := s.Validate(); err != nil {
		return nil, cli.Usagef("%s", strings.TrimPrefix(err.Error(), "theory: "))
	}
	return s, nil
}

// numbers with commas between them, the value of a flag.
func numbers(flag, text string) (list []float64, err error) {
	for word := range strings.SplitSeq(text, ",") {
		v, err := strconv.ParseFloat(strings.TrimSpace(word), 64)
		if err != nil {
			return nil, cli.Usagef("--%s: %q is no number", flag, strings.TrimSpace(word))
		}
		list = append(list, v)
	}
	return list, nil
}
