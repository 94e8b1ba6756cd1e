package analyze

import (
	"context"
	"sync"

	"github.com/spf13/pflag"

	"transcend/analysis"
	"transcend/analysis/toy"
	"transcend/internal/cli"
	"transcend/internal/parallel"
)

func analyzeToy() command {
	return command{
		name:  "toy",
		about: "linear experts with noise: error rate, disagreement and temperature varied separately",
		help: `The setting of Figure 7 (Zhang et al. 2024): experts answer argmax (W* + sigma noise) x, a linear model learns from all
of them. --shares is the part of the noise's variance that all experts have in common: 0 is the paper's; with more
of it they err as often, and more alike.`,
		examples: []string{
			"chesstrain analyze toy",
			"chesstrain analyze toy --sigmas 0.5,1,2 --shares 0,0.25,0.5,0.75,1 --seeds 20",
		},
		begin: func(fs *pflag.FlagSet) workFunc {
			o := toy.Default()
			cli.Floats(fs, &o.Sigmas, "sigmas", o.Sigmas, "deviations of the noise, where the true weights have 1")
			cli.Floats(fs, &o.Shares, "shares", o.Shares, "parts of the noise's variance that are common to all experts")
			cli.Floats(fs, &o.Temperatures, "temps", o.Temperatures, "temperatures of the model")
			cli.Alias(fs, "temps", "temperatures")
			fs.IntVar(&o.Seeds, "seeds", o.Seeds, "repetitions, with other weights, points and labels")
			fs.IntVar(&o.Dim, "dim", o.Dim, "dimensions")
			fs.IntVar(&o.Classes, "classes", o.Classes, "classes")
			fs.IntVar(&o.Experts, "experts", o.Experts, "experts")
			fs.IntVar(&o.Points, "points", o.Points, "points to learn from")
			fs.IntVar(&o.Test, "test-points", o.Test, "points to test on")
			fs.IntVar(&o.Epochs, "epochs", o.Epochs, "passes over the points")
			return func(ctx context.Context, a *analyzing) (analysis.Result, error) {
				if err := o.Validate(); err != nil {
					return nil, cli.Usagef("%w", err)
				}
				cells := o.Cells()
				outcomes := make([]*toy.Outcome, len(cells))
				j, err := a.journal(1, o)
				if err != nil {
					return nil, err
				}
				defer j.Close()
				var mu sync.Mutex
				done := 0
				err = parallel.Each(ctx, a.Threads, len(cells), func() (func(context.Context, int) error, func(), error) {
					return func(ctx context.Context, i int) error {
						known, err := j.Get(cells[i].Key(), &outcomes[i])
						if err == nil && !known {
							if outcomes[i], err = o.Run(ctx, a.Seed, cells[i]); err == nil {
								err = j.Put(cells[i].Key(), outcomes[i])
							}
						}
						mu.Lock()
						defer mu.Unlock()
						done++
						a.progress(float64(done)/float64(len(cells)), "%d of %d settings", done, len(cells))
						return err
					}, nil, nil
				})
				if err != nil {
					return nil, err
				}
				return toy.NewReport(o, outcomes), nil
			}
		},
	}
}
