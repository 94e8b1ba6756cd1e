package analyze

import (
	"context"
	"strings"

	"github.com/spf13/pflag"

	"transcend/analysis"
	"transcend/analysis/probe"
	"transcend/internal/cli"
)

func analyzeProbe() command {
	return command{
		name:  "probe",
		about: "what a linear function reads from the model's states: the board, the player's rating",
		help: `Linear probes as Karvonen (2024) has them: for every layer, a multinomial logistic regression for each square (13 classes),
and one for the rating of the player to move (lower or upper third of the corpus), fitted to the states of some games and
tested on others, beside a model of random weights and the most frequent answers. A model with board input is shown the board: it
says how much of it stays readable, not that the model tracks it.`,
		examples: []string{
			"chesstrain analyze probe --model runs/max1000-move-small --corpus runs/max1000-move-small/corpus.parquet",
			"chesstrain analyze probe --model shipped --corpus games.parquet --relative",
		},
		model: true, corpus: true,
		begin: func(fs *pflag.FlagSet) workFunc {
			o := probe.Default()
			fs.IntVar(&o.Games, "games", o.Games, "games that states are taken from; 0: all")
			fs.IntVar(&o.States, "states", o.States, "states of each game, drawn")
			fs.Float64Var(&o.Test, "test", o.Test, "part of the games that is tested on")
			fs.BoolVar(&o.Relative, "relative", o.Relative, "tell own from the other's pieces, not White's from Black's")
			fs.IntVar(&o.Epochs, "epochs", o.Epochs, "passes over the states")
			fs.Float64Var(&o.L2, "l2", o.L2, "penalty on squared weights")
			return func(ctx context.Context, a *analyzing) (analysis.Result, error) {
				o.Seed = a.Seed
				if err := o.Validate(); err != nil {
					return nil, cli.Usagef("%s", strings.TrimPrefix(err.Error(), "probe: "))
				}
				corpus, err := a.loadCorpus(ctx)
				if err != nil {
					return nil, err
				}
				m, tok, err := a.loadModel()
				if err != nil {
					return nil, err
				}
				j, err := a.journal(1, o)
				if err != nil {
					return nil, err
				}
				defer j.Close()
				return probe.Run(ctx, m, tok, corpus, o, j, func(done float64, what string) { a.progress(done, "%s", what) })
			}
		},
	}
}
