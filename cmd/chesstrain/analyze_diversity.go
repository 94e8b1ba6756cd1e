package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"transcend/analysis"
	"transcend/analysis/diversity"
	"transcend/data"
	"transcend/internal/cli"
)

func analyzeDiversity() analysisCommand {
	return analysisCommand{
		name:  "diversity",
		about: "how differently people play from the same positions, under several rating caps",
		help: `Action entropy of common states and state coverage by half-move, as in Figures 5 and following of "Transcendence" (Zhang et al.
2024), under nested caps, with the two normalizers of its text and its code, and with the controls that it lacks: equally
many games, equally many visits. Games are read as they come, from corpus files or from --pgn and the like; counts take
--memory and go to disk beyond it. What is read is not kept, so a stopped command begins again.`,
		examples: []string{
			"chesstrain analyze diversity --corpus games.parquet",
			"chesstrain analyze diversity --pgn 'lichess_*.pgn.zst' --caps 1000,1300,1500,all",
			"chesstrain analyze diversity --pool club --league-games 100000 --caps 800,1200,all --threshold 50",
		},
		begin: func(fs *pflag.FlagSet) func(context.Context, *analyzing) (analysis.Result, error) {
			o := diversity.Default()
			var from origin
			corpora := fs.StringArray("corpus", nil, "corpus file, as chesstrain prepare writes it and a run keeps it; may be repeated")
			caps := fs.StringSlice("caps", []string{"1000", "1300", "1500"}, "bounds of the stronger player's rating, rising; all is none")
			fs.IntVar(&o.Threshold, "threshold", o.Threshold, "a state is common with more visits than this")
			fs.IntVar(&o.ActionPlies, "action-plies", o.ActionPlies, "half-moves from which moves are counted")
			fs.IntVar(&o.Plies, "plies", o.Plies, "half-moves at which states are counted")
			fs.IntVar(&o.Sample, "sample", o.Sample, "greatest number of games in the control with equally many")
			memory := fs.Int("memory", 1024, "megabytes for counts, before they go to disk")
			from.addFlags(fs)
			return func(ctx context.Context, a *analyzing) (analysis.Result, error) {
				if err := from.settle(fs); err != nil {
					return nil, err
				}
				o.Caps = nil
				for _, word := range *caps {
					bound := 0
					if word != "all" {
						if _, err := fmt.Sscanf(word, "%d", &bound); err != nil || bound == 0 || fmt.Sprint(bound) != word {
							return nil, cli.Usagef("--caps %s: ratings or all, please", word)
						}
					}
					o.Caps = append(o.Caps, bound)
				}
				o.Seed, o.Dir, o.Budget = a.Seed, a.Dir, int64(*memory)<<20
				// Who was seen before is not remembered: that would take memory for every game.
				from.KeepDuplicates = true
				switch given := given(fs, originFlags...); {
				case len(*corpora) > 0 && len(given) > 0:
					return nil, cli.Usagef("a corpus file is read whole: %s cannot be used with --corpus", strings.Join(given, ", "))
				case len(*corpora) == 0 && from.empty():
					return nil, cli.WithHint(cli.Usagef("no games to count: name a corpus file with --corpus, or give --pgn, --lichess or --pool"), program+" analyze diversity --help")
				case *memory < 1 || *memory > 1<<20:
					return nil, cli.Usagef("--memory %d: must be 1 to 1,048,576 megabytes", *memory)
				}
				if err := o.Validate(); err != nil {
					return nil, cli.Usagef("%s", strings.TrimPrefix(err.Error(), "diversity: "))
				}
				return countGames(ctx, a, o, *corpora, &from)
			}
		},
	}
}

// countGames reads all sources.
func countGames(ctx context.Context, a *analyzing, o diversity.Options, corpora []string, from *origin) (_ analysis.Result, err error) {
	c, err := diversity.NewCounter(o)
	if err != nil {
		return nil, err
	}
	defer func() {
		if closing := c.Close(); err == nil {
			err = closing
		}
	}()
	began, games := time.Now(), 0
	speed := func() string { return cli.SI(float64(games)/max(time.Since(began).Seconds(), 1e-3)) + " games/s" }
	for _, path := range corpora {
		before := games
		err := data.StreamParquet(ctx, path, 0, func(_ int, g *data.Game) error {
			if games++; games%4096 == 0 {
				a.progress(0, "%s  %s games  %s", filepath.Base(path), cli.Count(games), speed())
			}
			return c.Add(g)
		})
		if err != nil {
			return nil, notCorpus(path, err)
		}
		source, err := data.FileSource(path)
		if err != nil {
			return nil, err
		}
		a.use(analysisInput{Role: "corpus", Name: filepath.Base(path), Hash: source.SHA256, Games: games - before})
	}
	if len(corpora) == 0 {
		if err := from.check(); err != nil {
			return nil, err
		}
		a.status.Close() // gather has a live line of its own
		found, err := from.gather(ctx, nil, a.stderr, func(g *data.Game) error { games++; return c.Add(g) })
		if err != nil {
			return nil, err
		}
		if found.warning != nil {
			a.warn(found.warning.Error())
		}
		if err := found.none(from); err != nil {
			return nil, err
		}
		for _, s := range found.sources {
			a.use(analysisInput{Role: "games", Name: s.Name, Hash: s.SHA256})
		}
	}
	r, err := c.Report()
	if err != nil {
		return nil, cli.WithHint(err, "name other --caps; all takes every game")
	}
	a.printf("%s games counted and measured in %s: %s", cli.Count(games), time.Since(began).Round(10*time.Millisecond), speed())
	return r, nil
}
