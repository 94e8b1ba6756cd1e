package diversity

import (
	"fmt"
	"io"
	"text/tabwriter"

	"transcend/internal/cli"
	"transcend/internal/figure"
)

// name of a cap.
func (x *Cap) name() string {
	if x.Cap == 0 {
		return "all games"
	}
	return fmt.Sprintf("cap %d", x.Cap)
}

// shownPlies are the half-moves of the table.
var shownPlies = []int{0, 1, 2, 3, 5, 8, 10, 13, 16, 20, 30, 40, 50}

// WriteText implements analysis.Result.
func (r *Report) WriteText(w io.Writer) error {
	o := &r.Options
	fmt.Fprintf(w, "action entropy from the first %d half-moves, states with more than %d visits; mean over states (bits by the logarithm of the moves legal | seen)\n\n", o.ActionPlies, o.Threshold)
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(tab, "\tgames\tstates\tall visits\t%d visits each\tshared states\ttheir entropy\t%d visits each\t%s games: states\tentropy\tstart position\t\n", o.Threshold, o.Threshold, cli.Count(r.EqualGames))
	pair := func(a *Actions) string {
		if a.States == 0 {
			return "-"
		}
		return fmt.Sprintf("%.3f | %.3f", a.Legal, a.Seen)
	}
	for i := range r.Caps {
		x := &r.Caps[i]
		fmt.Fprintf(tab, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t\n", x.name(), cli.Count(x.Games), cli.Count(x.Common.States), pair(&x.Common), pair(&x.EqualVisits),
			cli.Count(x.Shared.States), pair(&x.Shared), pair(&x.SharedEqualVisits), cli.Count(x.EqualGames.States), pair(&x.EqualGames), pair(&x.Start))
	}
	fmt.Fprintf(tab, "\npaper (code: seen)\t500,000\t2,681 | 3,037 | 3,169\t- | 0.70, 0.66, 0.64\t\t\t\t\t\t\t- | 0.509 (1000)\t\n")
	if err := tab.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(w, "\nshared states: common under the lowest cap, and so under all. %d visits each: drawn without putting back, so that more games do not lower the entropy by themselves.\n"+
		"%s games: as many of each cap, drawn evenly. The paper's are caps 1000, 1300, 1500 of one month's pool and cannot be held against other sources beyond their order.\n\n", o.Threshold, cli.Count(r.EqualGames))
	fmt.Fprintf(w, "states by half-move: how many | games in the most frequent | entropy of visits by its maximum\n\n")
	fmt.Fprint(tab, "half-move\t")
	for i := range r.Caps {
		fmt.Fprintf(tab, "%s\t\t\t", r.Caps[i].name())
	}
	fmt.Fprintln(tab)
	for _, ply := range shownPlies {
		if ply >= o.Plies {
			break
		}
		fmt.Fprintf(tab, "%d\t", ply)
		for i := range r.Caps {
			p := &r.Caps[i].Plies[ply]
			fmt.Fprintf(tab, "%s\t%s\t%.3f\t", cli.Count(p.States), cli.Count(p.Most), p.Entropy)
		}
		fmt.Fprintln(tab)
	}
	if err := tab.Flush(); err != nil {
		return err
	}
	if r.Skipped > 0 {
		fmt.Fprintf(w, "\n%s games are under no cap or of unknown rating and were left out\n", cli.Count(r.Skipped))
	}
	return nil
}

// Pictures implements analysis.Result.
func (r *Report) Pictures() []figure.Picture {
	histogram := func(title string, bin func(a *Actions) *[bins]int, of func(x *Cap) *Actions) figure.Panel {
		p := figure.Panel{Title: title, Plot: figure.NewPlot("action entropy by its maximum", "share of states")}
		p.Plot.X.Min, p.Plot.X.Max = 0, 1
		for i := range r.Caps {
			a := of(&r.Caps[i])
			s := figure.Look(i, r.Caps[i].name())
			s.Bare = true
			for k, n := range bin(a) {
				share := float64(n) / float64(max(a.States, 1))
				s.Points = append(s.Points, figure.At(float64(k)/bins, share), figure.At(float64(k+1)/bins, share))
				p.Plot.Y.Max = max(p.Plot.Y.Max, 1.05*share)
			}
			p.Lines = append(p.Lines, s)
		}
		p.Plot.Y.Min = 0
		return p
	}
	seen := func(a *Actions) *[bins]int { return &a.SeenBins }
	byPly := func(title, label string, logarithmic bool, y func(p *Ply) float64) figure.Panel {
		p := figure.Panel{Title: title, Plot: figure.NewPlot("half-move", label)}
		if logarithmic {
			figure.LogY(p.Plot)
		}
		p.Plot.X.Min, p.Plot.X.Max, p.Plot.Y.Min = 0, float64(r.Options.Plies-1), 0
		if logarithmic {
			p.Plot.Y.Min = 1
		}
		for i := range r.Caps {
			s := figure.Look(i, r.Caps[i].name())
			s.Bare = true
			for k := range r.Caps[i].Plies {
				ply := &r.Caps[i].Plies[k]
				if ply.Games == 0 {
					break
				}
				v := y(ply)
				s.Points = append(s.Points, figure.At(float64(k), v))
				p.Plot.Y.Max = max(p.Plot.Y.Max, 1.05*v)
			}
			p.Lines = append(p.Lines, s)
		}
		return p
	}
	common := func(x *Cap) *Actions { return &x.Common }
	return []figure.Picture{figure.Panels("diversity", "How differently people play from the same positions",
		fmt.Sprintf("Action entropy of states with more than %d visits, first %d half-moves, by the logarithm of the moves that were seen or are legal; with equally many visits of each state; and how games spread over states. A state is a FEN with its counters.",
			r.Options.Threshold, r.Options.ActionPlies), 3, []figure.Panel{
			histogram("by moves seen", seen, common),
			histogram("by legal moves", func(a *Actions) *[bins]int { return &a.LegalBins }, common),
			histogram(fmt.Sprintf("by moves seen, %d visits of each", r.Options.Threshold), seen, func(x *Cap) *Actions { return &x.EqualVisits }),
			byPly("states", "states", false, func(p *Ply) float64 { return float64(p.States) }),
			byPly("the most frequent state", "games", true, func(p *Ply) float64 { return float64(p.Most) }),
			byPly("entropy of visits", "bits by their maximum", false, func(p *Ply) float64 { return p.Entropy }),
		})}
}
