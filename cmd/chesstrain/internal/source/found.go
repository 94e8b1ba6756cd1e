package source

import (
	"errors"
	"fmt"
	"strings"

	"transcend/data"
	"transcend/data/filter"
	"transcend/internal/cli"
)

// Found is what Gather found.
type Found struct {
	Report  filter.Report
	Sources []data.Source
	Warning error // what the last source was cut off by, if that was accepted

	of *Origin
}

// Provenance says where the games came from.
func (g Found) Provenance() data.Provenance {
	return data.Provenance{
		Program: cli.Version(), Filter: g.of.filter(), Limit: g.of.Games, Report: g.Report, Sources: g.Sources,
	}
}

// Table returns what was read and dropped, for people.
func (g Found) Table(verbose bool) string {
	table := g.Report.String()
	if verbose {
		table = g.Report.Verbose()
	}
	return strings.TrimRight(table, "\n")
}

// None returns the error for no game at all, nil where there are some: what took them, and what to relax.
func (g Found) None() error {
	if g.Report.Kept > 0 {
		return nil
	}
	if g.Report.Seen == 0 {
		return cli.WithHint(errors.New("no game is left: there is none in the sources"), "are they PGN? --pgn reads text, .zst, .gz and .bz2")
	}
	var why []string
	var most filter.RuleCount
	for _, d := range g.Report.Dropped {
		if d.Count > 0 {
			why = append(why, fmt.Sprintf("%s dropped by %s", cli.Count(d.Count), d.Rule))
		}
		if d.Count > most.Count {
			most = d
		}
	}
	if g.Report.Errors > 0 {
		why = append(why, cli.Count(g.Report.Errors)+" broken")
	}
	err := fmt.Errorf("no game is left of %s (%s)", cli.Count(g.Report.Seen), strings.Join(why, ", "))
	if g.Report.Errors > most.Count {
		return cli.WithHint(err, "most games are broken: --verbose shows why")
	}
	return cli.WithHint(err, g.of.relax(most), "--verbose shows examples")
}

// relax says what to do about a rule that dropped most games.
func (o *Origin) relax(most filter.RuleCount) string {
	flags := map[string]string{
		filter.RuleMaxElo:      fmt.Sprintf("raise --max-elo %d", o.MaxElo),
		filter.RuleMinElo:      fmt.Sprintf("lower --min-elo %d", o.MinElo),
		filter.RuleRatingBand:  fmt.Sprintf("widen --rating-band %v", o.RatingBand),
		filter.RuleNoRating:    "most games have no ratings: leave out --max-elo, --min-elo and --rating-band, or give other games",
		filter.RuleSpeed:       fmt.Sprintf("give more than --speed %v", (*speedsValue)(&o.Speeds)),
		filter.RuleCasual:      "leave out --rated: few games are said to be rated",
		filter.RuleBot:         "leave out --no-bots: simulated players are programs",
		filter.RuleTermination: "give other values of --termination than " + strings.Join(o.Terminations, ","),
		filter.RuleDate:        "widen --since and --until",
		filter.RulePlayer:      fmt.Sprintf("is --player %s spelled as in the games?", o.Player),
		filter.RuleOtherResult: "give other values of --result than " + strings.Join(o.Results, ","),
		filter.RuleMinPlies:    fmt.Sprintf("lower --min-plies %d", o.MinPlies),
		filter.RuleDuplicate:   "add --keep-duplicates",
	}
	if hint, ok := flags[most.Rule]; ok {
		return hint
	}
	return fmt.Sprintf("give other games: these are dropped because: %s", most.Meaning)
}
