package results

// All players of a list at once.

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"transcend/elo"
	"transcend/elo/joint"
	"transcend/elo/leaderboard"
	"transcend/internal/cli"
)

// Report is a joint fit of a list.
type Report struct {
	// Conditions are those of the games; nil when they are not known.
	Conditions *leaderboard.Conditions `json:"conditions,omitempty"`
	*joint.Fit
	Games   int            `json:"games"`
	Pairs   int            `json:"pairs"` // of games with reversed colors from one start
	Skipped map[string]int `json:"skipped,omitempty"`
	// Match is there when there are two players.
	Match    *Match        `json:"match,omitempty"`
	Warnings []elo.Warning `json:"warnings,omitempty"`

	center    float64
	bootstrap bool
}

// ErrNoGames is returned for lists without a game that can be rated.
var ErrNoGames = errors.New("no finished games")

// Hold makes players of the lists anchors, by name. Who is in none of them is an error of
// usage.
func Hold(lists []*List, anchors []elo.Anchor) error {
	for _, a := range anchors {
		found := false
		for _, l := range lists {
			if i, ok := l.index[a.Name]; ok {
				l.players[i].Anchor, found = &a, true
			}
		}
		if found {
			continue
		}
		var names []string
		from := ""
		for _, l := range lists {
			from = l.From
			for _, p := range l.players {
				if !slices.Contains(names, p.Name) {
					names = append(names, p.Name)
				}
			}
		}
		err := cli.Usagef("--anchor %q: there is no such player in %s", a.Name, from)
		if near := cli.Nearest(a.Name, names); near != "" {
			return cli.WithHint(err, fmt.Sprintf("did you mean %q?", near))
		}
		return cli.WithHint(err, fmt.Sprintf("the players are %s", few(names)))
	}
	return nil
}

// Rate fits the games.
func (l *List) Rate(o Options) (*Report, error) {
	o.Joint.Confidence = o.Confidence
	l.prune(o.MinGames)
	if len(l.games) == 0 {
		var reasons []string
		for _, why := range sortedKeys(l.skipped) {
			reasons = append(reasons, fmt.Sprintf("%d %s", l.skipped[why], why))
		}
		err := fmt.Errorf("%w in %s", ErrNoGames, l.From)
		if len(reasons) > 0 {
			err = fmt.Errorf("%w (left out: %s)", err, strings.Join(reasons, ", "))
		}
		return nil, err
	}
	fit, err := joint.Rate(l.players, l.games, o.Joint)
	if errors.Is(err, joint.ErrTooMany) {
		return nil, cli.WithHint(err, "--min-games 30 leaves out players with few games")
	} else if err != nil {
		return nil, err
	}
	report := &Report{Conditions: l.Conditions, Fit: fit, Games: len(l.games), Skipped: l.skipped, center: o.Joint.Center, bootstrap: o.Joint.Bootstrap > 0}
	if len(l.otherLimits) > 0 {
		report.Warnings = append(report.Warnings, elo.Warning{Code: elo.WarnConditions, Text: fmt.Sprintf(
			"the anchors' ratings were measured at %s, these games were played at %s: the scale may be off by more than its error says", l.measuredAt, strings.Join(l.otherLimits, ", "))})
	}
	for _, g := range l.games {
		if g.Pair != 0 {
			report.Pairs++
		}
	}
	report.Pairs /= 2
	if len(l.players) == 2 {
		if report.Match, err = l.match(o); err != nil {
			return nil, err
		}
	}
	return report, nil
}

// match is the report on two players, from pairs where all games have partners.
func (l *List) match(o Options) (*Match, error) {
	var record elo.Record
	var pairs elo.Pairs
	first := map[int]elo.Outcome{}
	paired := true
	for _, g := range l.games {
		outcome := g.Outcome
		if g.White != 0 {
			outcome = elo.Win - outcome
		}
		record.Add(outcome)
		if g.Pair == 0 {
			paired = false
		} else if a, ok := first[g.Pair]; ok {
			pairs.Add(a, outcome)
		} else {
			first[g.Pair] = outcome
		}
	}
	var counted *elo.Pairs
	if paired {
		counted = &pairs
	}
	r, err := o.match(record, counted)
	if err == nil {
		r.Players = []string{l.players[0].Name, l.players[1].Name}
	}
	return r, err
}

// WriteText writes the ratings as a table, with what belongs to it below.
func (r *Report) WriteText(out io.Writer) error {
	var b strings.Builder
	if r.Conditions != nil {
		fmt.Fprintln(&b, cli.Printable(cmp.Or(r.Conditions.String(), "no stated conditions")))
	}
	for k := range r.Pools {
		if k > 0 {
			fmt.Fprintf(&b, "\nno game connects the following players with those above:\n")
		}
		p := &r.Pools[k]
		r.table(p).Write(&b)
		r.writePool(&b, p)
	}
	fmt.Fprintf(&b, "%s games, %s pairs with reversed colors", cli.Count(r.Games), cli.Count(r.Pairs))
	for i, why := range sortedKeys(r.Skipped) {
		fmt.Fprintf(&b, "%s%s %s", []string{"; left out: ", ", "}[min(i, 1)], cli.Count(r.Skipped[why]), why)
	}
	fmt.Fprintln(&b)
	for _, warning := range r.Warnings {
		fmt.Fprintf(&b, "note: %s\n", cli.Printable(warning.Text))
	}
	if r.Match != nil {
		fmt.Fprintln(&b)
		if err := r.Match.WriteText(&b); err != nil {
			return err
		}
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// tied reports whether the players of a pool have ratings, and not only bounds.
func tied(p *joint.Pool) bool { return p.Core > 1 || p.Anchored }

// table is the players of a pool, the strongest first.
func (r *Report) table(p *joint.Pool) leaderboard.Table {
	order := slices.Clone(p.Players)
	slices.SortStableFunc(order, func(i, j int) int {
		return cmp.Or(r.Ratings[j].Compare(r.Ratings[i]), cmp.Compare(r.Ratings[i].Name, r.Ratings[j].Name))
	})
	head := []string{"#", "player", "rating", fmt.Sprintf("%g%%", 100*r.Confidence)}
	if r.bootstrap {
		head = append(head, "bootstrap")
	}
	table := leaderboard.Table{append(head, "above next", "games", "score", "won", "drawn", "lost")}
	for place, i := range order {
		x := r.Ratings[i]
		rating, interval := cells(x, tied(p))
		line := []string{fmt.Sprint(place + 1), cli.Printable(x.Name), rating, interval}
		if r.bootstrap {
			cell := "-"
			if x.Bootstrap != nil {
				cell = fmt.Sprintf("[%.0f, %.0f]", x.Bootstrap.Low, x.Bootstrap.High)
			}
			line = append(line, cell)
		}
		next := "-"
		if place+1 < len(order) {
			if d, err := r.Difference(i, order[place+1]); err == nil {
				next = fmt.Sprintf("%.1f%%", 100*d.LOS)
			}
		}
		table = append(table, append(line, next, cli.Count(x.Record.Games()), fmt.Sprintf("%.1f%%", 100*x.Record.Score()),
			fmt.Sprint(x.Record.Wins), fmt.Sprint(x.Record.Draws), fmt.Sprint(x.Record.Losses)))
	}
	return table
}

// cells are a rating and its interval in words.
func cells(x joint.Rating, tied bool) (rating, interval string) {
	rating, interval = fmt.Sprintf("%.0f", x.Rating), fmt.Sprintf("[%.0f, %.0f]", x.Interval.Low, x.Interval.High)
	switch {
	case x.Side == elo.Above && !math.IsInf(x.Interval.Low, -1):
		return fmt.Sprintf("> %.0f", math.Floor(x.Interval.Low)), "one-sided"
	case x.Side == elo.Below && !math.IsInf(x.Interval.High, 1):
		return fmt.Sprintf("< %.0f", math.Ceil(x.Interval.High)), "one-sided"
	case x.Side != elo.TwoSided:
		return "-", string(x.Side)
	case x.Anchor && x.StandardError == 0:
		return rating, "anchor"
	case !tied:
		return rating, "the zero"
	}
	return rating, interval
}

// writePool writes what a pool's players have in common.
func (r *Report) writePool(b *strings.Builder, p *joint.Pool) {
	if p.AdvantageFitted {
		fmt.Fprintf(b, "first move's advantage %+.1f [%+.1f, %+.1f]", p.Advantage.Value, p.Advantage.Interval.Low, p.Advantage.Interval.High)
	} else {
		fmt.Fprint(b, "first move's advantage taken as 0")
	}
	if p.DrawRate.Value > 0 {
		fmt.Fprintf(b, ", draws between equals %.1f%% [%.1f%%, %.1f%%]", 100*p.DrawRate.Value, 100*p.DrawRate.Interval.Low, 100*p.DrawRate.Interval.High)
	}
	if p.PairCorrelation != 0 {
		fmt.Fprintf(b, ", games on one opening correlate by %+.2f", p.PairCorrelation)
	}
	fmt.Fprintln(b)
	switch {
	case !tied(p):
		fmt.Fprintln(b, "nobody took points from another who took some back: there are no ratings, only who is above whom")
	case !p.Anchored:
		fmt.Fprintf(b, "no anchor: the mean of the rated players is %.0f, and the intervals are relative to it\n", r.center)
	}
	for _, warning := range p.Warnings {
		fmt.Fprintf(b, "note: %s\n", warning)
	}
}

func sortedKeys(m map[string]int) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// few is the first names of a list.
func few(names []string) string {
	if len(names) > 8 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:8], ", "), len(names)-8)
	}
	return strings.Join(names, ", ")
}
