package analyze

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/spf13/pflag"

	"transcend/analysis"
	"transcend/analysis/claim"
	"transcend/elo"
	"transcend/elo/curves"
	"transcend/elo/leaderboard"
	"transcend/internal/cli"
)

func analyzeClaim() command {
	return command{
		name: "claim", about: "does the claim to surpass the players rest on the choice of temperature, cap or opponents?",
		help: `From the games of a leaderboard database, for every model in it that was rated at several temperatures:

  low T against T=1   on the same openings; with p-values (Holm's) and intervals (Bonferroni's) that count how many
                      temperatures were tried, and for the temperature that was best in one half of the openings,
                      tested in the other
  whom to surpass     the cap, as the paper has it, and with --corpus the best single players of the training games:
                      those with the highest mean rating over at least --least games
  the opponents       the same verdict with all opponents stronger or weaker, closer or farther apart, one left out,
                      one alone, and with the other known sets of ratings for the same engine
                      (both of the paper's among them: its code's and its figure's)

A player's rating in the corpus is taken as exact.`,
		examples: []string{
			"chesstrain analyze claim --db arena.db --corpus runs/max1000-move-tiny/corpus.parquet",
			"chesstrain analyze claim --db paper.db --least 20 --players 5",
		},
		corpus: true, begin: beginClaim,
	}
}

func beginClaim(fs *pflag.FlagSet) workFunc {
	db := fs.String("db", "arena.db", "the leaderboard, an SQLite database")
	least := fs.Int("least", 10, "games that a player of the corpus needs to count")
	players := fs.Int("players", 3, "how many of the best players of the corpus to compare with")
	limit := fs.Int("cap", 0, "rating cap of the training games, where the database does not know it")
	return func(ctx context.Context, a *analyzing) (analysis.Result, error) {
		if *least < 1 || *players < 0 || *limit < 0 {
			return nil, cli.Usagef("--least must be at least 1, --players and --cap not negative")
		}
		store, err := leaderboard.OpenReadOnly(*db)
		if err != nil {
			return nil, err
		}
		defer store.Close()
		a.use(input{Role: "leaderboard", Name: filepath.Base(*db)})
		var people []claim.Person
		if a.Corpus != "" {
			corpus, err := a.loadCorpus(ctx)
			if err != nil {
				return nil, err
			}
			if people = claim.Best(corpus, *least, *players); len(people) == 0 && *players > 0 {
				a.warn(fmt.Sprintf("no player of the corpus has %d games with a rating: --least %d is too many", *least, *least))
			}
		}
		board, err := store.Leaderboard(ctx, leaderboard.BoardOptions{Orders: -1})
		if err != nil {
			return nil, err
		}
		sweeps, err := curves.From(board, a.Seed)
		if err != nil {
			return nil, err
		}
		report := &claim.Report{Database: filepath.Base(*db)}
		for i := range sweeps {
			for k := range sweeps[i].Curves {
				if err := ctx.Err(); err != nil {
					return nil, err
				}
				c := &sweeps[i].Curves[k]
				if c.Cap == 0 {
					c.Cap = *limit
				}
				m, ok, err := claim.Examine(&sweeps[i], c, people, otherAnchors(c), a.Seed)
				if err != nil {
					return nil, err
				}
				if ok {
					report.Models = append(report.Models, *m)
				}
			}
		}
		if len(report.Models) == 0 {
			return nil, cli.WithHint(errors.New("no model in "+*db+" has a rating"), "rate one: arena --model RUN --temp 0.001,0.3,1 --db "+*db)
		}
		return report, nil
	}
}

// otherAnchors are the known sets of ratings that have some of a curve's opponents.
func otherAnchors(c *curves.Curve) []claim.Alternative {
	// The order is that of curves.Blocks.
	type opponent struct {
		player int64
		limit  string
	}
	var players []leaderboard.OpponentRow
	seen := map[opponent]bool{}
	for _, p := range claim.Rated(c) {
		for _, o := range p.Opponents {
			if k := (opponent{o.Opponent.ID, o.Limit}); !seen[k] && o.Anchor != nil {
				seen[k] = true
				players = append(players, o)
			}
		}
	}
	var all []claim.Alternative
	for _, set := range elo.AnchorSets() {
		by := leaderboard.AnchorsFrom(set)
		all = append(all, claim.Alternative{Name: set.ID(), Rating: func(i int) *elo.Anchor {
			_, anchor, err := by(players[i].Opponent, players[i].Limit)
			if err != nil {
				return nil // it does not know this one
			}
			return &anchor
		}})
	}
	return all
}
