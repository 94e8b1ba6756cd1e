package theory

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"text/tabwriter"

	"gonum.org/v1/plot"

	"transcend/internal/figure"
)

// Report is a setting with everything that can be computed of it.
type Report struct {
	Setting *Setting  `json:"setting"`
	Names   []string  `json:"experts"`
	Rewards []float64 `json:"expert_rewards"`
	// Best is the reward to transcend.
	Best    float64     `json:"best_expert"`
	Mixture [][]float64 `json:"mixture"` // by input
	// Argmax is the mixture's reward at temperature 0.
	Argmax float64 `json:"argmax"`
	// Theorem is the left side of Theorem 2.1, for more than two experts its sum over pairs.
	Theorem float64 `json:"theorem_2_1"`
	Rows    []Row   `json:"temperatures"`
	// Highest are the temperatures up to which all lower ones transcend (down to 0.001, or 0.00001 under Probabilities; where the
	// argmax equals the best expert to 0.08, or 0.025), by Convention: 0 where the lowest does not.
	Highest [2]float64 `json:"highest"`
	// Random are the propositions in random settings, see Check.
	Random []Proposition `json:"random,omitempty"`
}

// Row is a temperature, under both conventions.
type Row struct {
	Tau    float64    `json:"temperature"`
	Reward [2]float64 `json:"reward"`
	// First is the distribution at the first input.
	First [2][]float64 `json:"first_input"`
}

// highestLooked bounds the search for Highest above.
const highestLooked = 10

// NewReport computes a setting, which Validate has passed, at some temperatures.
func NewReport(s *Setting, temperatures []float64) *Report {
	r := &Report{Setting: s, Argmax: s.At(0, Logits), Theorem: s.All()}
	r.Best, _ = s.Best()
	for i := range s.Experts {
		r.Names = append(r.Names, fmt.Sprintf("expert %d", i+1))
		r.Rewards = append(r.Rewards, s.Expert(i))
	}
	for x := range s.Test {
		r.Mixture = append(r.Mixture, s.Mixture(x))
	}
	for _, tau := range temperatures {
		row := Row{Tau: tau}
		for _, c := range Conventions {
			row.Reward[c], row.First[c] = s.At(tau, c), c.Temper(nil, r.Mixture[0], tau)
		}
		r.Rows = append(r.Rows, row)
	}
	low := [2]float64{1e-3, 1e-5}
	if math.Abs(r.Argmax-r.Best) < 1e-12 {
		low = [2]float64{0.08, 0.025} // below, what is left beside the argmax is lost in float64
	}
	for _, c := range Conventions {
		r.Highest[c] = s.Highest(low[c], highestLooked, c)
	}
	return r
}

// transcends says by how much a reward is above the best expert's.
func (r *Report) transcends(reward float64) string {
	d := reward - r.Best
	switch {
	case math.Abs(d) < 1e-12:
		return "equal"
	case d > 0:
		return fmt.Sprintf("above by %.4f", d)
	}
	return fmt.Sprintf("below by %.4f", -d)
}

func vector(p []float64) string {
	var words []string
	for _, v := range p {
		words = append(words, fmt.Sprintf("%.3f", v))
	}
	return strings.Join(words, " ")
}

// WriteText implements analysis.Result.
func (r *Report) WriteText(w io.Writer) error {
	for x, p := range r.Setting.Test {
		if len(r.Setting.Test) > 1 {
			fmt.Fprintf(w, "input %d, probability %.3f\n", x+1, p)
		}
		for i, e := range r.Setting.Experts {
			fmt.Fprintf(w, "%s   %s\n", r.Names[i], vector(e[x]))
		}
		fmt.Fprintf(w, "mixture    %s\nrewards    %s\n\n", vector(r.Mixture[x]), vector(r.Setting.Rewards[x]))
	}
	for i, reward := range r.Rewards {
		fmt.Fprintf(w, "R(%s) = %.4f\n", r.Names[i], reward)
	}
	fmt.Fprintf(w, "to transcend: more than %.4f\n\n", r.Best)
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(tab, "temperature\tsoftmax(log q / T)\tR\t\tsoftmax(q / T), the paper's\tR\t\n")
	for _, row := range r.Rows {
		fmt.Fprintf(tab, "%g\t%s\t%.4f\t%s\t%s\t%.4f\t%s\n", row.Tau, vector(row.First[0]), row.Reward[0], r.transcends(row.Reward[0]),
			vector(row.First[1]), row.Reward[1], r.transcends(row.Reward[1]))
	}
	if err := tab.Flush(); err != nil {
		return err
	}
	if len(r.Setting.Test) > 1 {
		fmt.Fprintf(w, "(distributions: of the first input)\n")
	}
	fmt.Fprintln(w)
	if r.Setting.Weights == nil {
		fmt.Fprintf(w, "Proposition 1: R(mixture) = %.4f, %s: no mixture with even weights is above its best expert.\n", r.Setting.At(1, Logits), r.transcends(r.Setting.At(1, Logits)))
	}
	fmt.Fprintf(w, "Proposition 2: R(argmax) = %.4f, %s", r.Argmax, r.transcends(r.Argmax))
	for _, c := range Conventions {
		switch h := r.Highest[c]; {
		case h == 0:
			fmt.Fprintf(w, "; temperature over %v: the lowest does not transcend", c)
		case h >= highestLooked:
			fmt.Fprintf(w, "; temperature over %v: all up to %d transcend", c, highestLooked)
		default:
			fmt.Fprintf(w, "; temperature over %v: all below %.4g transcend", c, h)
		}
	}
	fmt.Fprintln(w, ".")
	if math.Abs(r.Argmax-r.Best) < 1e-12 && r.Highest[Logits] > 0 {
		fmt.Fprintln(w, "This is the edge where the converse of Proposition 2 fails: low temperatures transcend, the argmax only equals the best expert.")
	}
	fmt.Fprintf(w, "Theorem 2.1: the left side is %.4f; it must be above 0 for the mixture itself, at temperature 1, to transcend.\n", r.Theorem)
	if len(r.Random) == 0 {
		return nil
	}
	fmt.Fprintln(w)
	fmt.Fprintf(tab, "in random settings\tsettings\ttranscended\tviolations\t\n")
	for _, p := range r.Random {
		fmt.Fprintf(tab, "%s\t%d\t%d\t%d\t%s\n", p.Name, p.Tried, p.Transcended, p.Violations, p.Says)
	}
	return tab.Flush()
}

// Pictures implements analysis.Result: the distributions of the first input, as in appendix C (Zhang et al. 2024), and the reward
// over temperature.
func (r *Report) Pictures() []figure.Picture {
	bars := figure.Panel{Title: "first input: what each answers", Plot: figure.NewPlot("output", "probability")}
	type bar struct {
		name string
		p    []float64
	}
	var all []bar
	for i, e := range r.Setting.Experts {
		all = append(all, bar{r.Names[i], e[0]})
	}
	const shown = 0.1
	all = append(all, bar{"mixture", r.Mixture[0]}, bar{fmt.Sprintf("mixture at T = %g", shown), Logits.Temper(nil, r.Mixture[0], shown)})
	width := 0.8 / float64(len(all))
	for i, b := range all {
		s := figure.Look(i, b.name)
		s.Bars = width * 0.9
		for y, v := range b.p {
			s.Points = append(s.Points, figure.At(float64(y+1)+width*(float64(i)-float64(len(all)-1)/2), v))
		}
		bars.Lines = append(bars.Lines, s)
	}
	outputs := len(r.Mixture[0])
	var ticks plot.ConstantTicks
	for y := range outputs {
		ticks = append(ticks, plot.Tick{Value: float64(y + 1), Label: strconv.Itoa(y + 1)})
	}
	bars.Plot.X.Tick.Marker = ticks
	bars.Plot.X.Min, bars.Plot.X.Max = 0.4, float64(outputs)+0.6
	bars.Plot.Y.Min, bars.Plot.Y.Max = 0, 1
	curve := figure.Panel{Title: "expected reward of the mixture", Plot: figure.NewPlot("temperature", "expected reward")}
	const low, high, points = 0.01, 3, 200
	lo, hi := r.Best, r.Best
	for _, c := range Conventions {
		s := figure.Look(len(all)+int(c), "temperature over "+c.String())
		s.Bare = true
		for i := range points + 1 {
			tau := low * math.Pow(high/low, float64(i)/points)
			v := r.Setting.At(tau, c)
			lo, hi = min(lo, v), max(hi, v)
			s.Points = append(s.Points, figure.At(math.Log10(tau), v))
		}
		curve.Lines = append(curve.Lines, s)
	}
	best := figure.Series{Name: "best expert", Color: figure.Edge, Dashes: figure.Looks[3].Dashes, Bare: true}
	best.Points = []figure.Mark{figure.At(math.Log10(low), r.Best), figure.At(math.Log10(high), r.Best)}
	curve.Lines = append(curve.Lines, best)
	figure.LogAxis(curve.Plot, []float64{low, 0.03, 0.1, 0.3, 1, high})
	margin := max(0.01, 0.05*(hi-lo))
	curve.Plot.Y.Min, curve.Plot.Y.Max = lo-margin, hi+margin
	return []figure.Picture{figure.Panels("theory", "A mixture and its temperature",
		"Exact. Over logits: softmax(log q / T), as models do it; over probabilities: softmax(q / T), as the paper writes it.", 2, []figure.Panel{bars, curve})}
}
