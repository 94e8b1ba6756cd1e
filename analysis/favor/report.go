package favor

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"text/tabwriter"

	"transcend/internal/cli"
)

// Report is the analysis of one model.
type Report struct {
	// Scorer and Opponent are who gave the rewards and whom the model played, "" where the positions
	// are those of a corpus; Visiting is the temperature that it played at.
	Scorer   string  `json:"scorer"`
	Opponent string  `json:"opponent,omitempty"`
	Visiting float64 `json:"visiting_temperature"`
	// Tokens are what the model writes, "moves" or "characters": data.Tokenizer's Unit in the plural.
	Tokens  string   `json:"tokens"`
	Samples int      `json:"samples"` // a position and temperature; 0: exact expectations
	Rounded bool     `json:"rounded,omitempty"`
	Summary *Summary `json:"summary"`
	// Worked are the paper's positions.
	Temperatures []float64 `json:"temperatures"`
	Worked       []Example `json:"worked_positions,omitempty"`
}

// paper is what it published at its temperatures (Zhang et al. 2024, Table 1): mean reward, gain, and
// how often the move is among the best 1, 3 and 5.
var paper = map[float64][5]float64{
	0.001: {39.95, 2.15, 29.61, 54.26, 66.86},
	0.75:  {38.79, 0.99, 25.08, 47.84, 60.37},
	1:     {37.80, 0, 22.61, 44.00, 56.27},
}

// WriteText implements analysis.Result.
func (r *Report) WriteText(w io.Writer) error {
	var b bytes.Buffer
	s := r.Summary
	where := "played at T=" + fmt.Sprint(r.Visiting) + " against " + r.Opponent
	if r.Opponent == "" {
		where = "of the corpus: not those that the model comes to"
	}
	fmt.Fprintf(&b, "%s positions in %s games %s\n", cli.Count(s.States), cli.Count(s.Games), where)
	fmt.Fprintf(&b, "rewards by %s; a random legal move has %s, the best %s\n", r.Scorer, points(s.Uniform), points(s.Best))
	how := "exact expectations"
	if r.Samples > 0 {
		how = fmt.Sprintf("%d samples a position", r.Samples)
	} else if r.Tokens != "moves" {
		how += " over the moves as the training data spell them; other spellings count as illegal"
	}
	fmt.Fprintf(&b, "%s; intervals of 95%% from resampling games\n", how)
	for _, reading := range []struct {
		title string
		of    func(*Row) *Reading
	}{
		{"ILLEGAL MOVES AS 0 (the paper's code)", func(r *Row) *Reading { return &r.Zero }},
		{"ILLEGAL MOVES EXCLUDED", func(r *Row) *Reading { return &r.Given }},
	} {
		fmt.Fprintf(&b, "\n%s\n", reading.title)
		tab := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
		fmt.Fprintf(tab, "T\tlegal %%\treward %%\tgain over T=%v\tby position\tbetter\tsame\tworse\ttop 1 %%\ttop 3 %%\ttop 5 %%\tpaper: reward, gain, top 1/3/5\t\n", s.Base)
		for i := range s.Rows {
			row := &s.Rows[i]
			x := reading.of(row)
			gain, single := "-", "-"
			if row.Temperature != s.Base {
				gain = fmt.Sprintf("%+.2f [%+.2f, %+.2f]", 100*x.Gain.Value, 100*x.Gain.Interval.Low, 100*x.Gain.Interval.High)
				single = fmt.Sprintf("[%+.2f, %+.2f]", 100*x.GainByState.Low, 100*x.GainByState.High)
			}
			published := ""
			if p, ok := paper[row.Temperature]; ok {
				published = fmt.Sprintf("%.2f  %+.2f  %.1f/%.1f/%.1f", p[0], p[1], p[2], p[3], p[4])
			}
			fmt.Fprintf(tab, "%v\t%s\t%s\t%s\t%s\t%.1f\t%.1f\t%.1f\t%s\t%s\t%s\t%s\t\n", row.Temperature, points(row.Legal.Value), points(x.Reward.Value), gain, single,
				100*x.Better, 100*x.Same, 100*x.Worse, points(x.Top[0].Value), points(x.Top[1].Value), points(x.Top[2].Value), published)
		}
		if err := tab.Flush(); err != nil {
			return err
		}
	}
	if len(r.Worked) > 0 {
		fmt.Fprintf(&b, "\nTHE PAPER'S POSITIONS: rewards of moves, their probabilities here, and the shares of the paper's samples at 1, 0.75, 0.001\n")
		tab := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
		for _, e := range r.Worked {
			fmt.Fprintf(tab, "%s\tbest %s\tlegal %s\n", e.Name, e.Moves[0].SAN, list(r.Temperatures, e.State.Legal))
			for _, m := range e.Moves {
				if m.PublishedP == nil {
					continue
				}
				fmt.Fprintf(tab, "  %s\treward %.3f, paper %.3f\there %s\tpaper 1: %.2f, 0.75: %.2f, 0.001: %.2f\n", m.SAN, m.Reward, m.Published,
					list(r.Temperatures, m.P), m.PublishedP[2], m.PublishedP[1], m.PublishedP[0])
			}
		}
		if err := tab.Flush(); err != nil {
			return err
		}
		if d, n := r.rewardDifference(); n > 0 {
			fmt.Fprintf(&b, "the %d rewards that the paper's material has differ from these by %.3f on average\n", n, d)
		}
	}
	_, err := w.Write(b.Bytes())
	return err
}

// rewardDifference is the mean distance of rewards from the published ones.
func (r *Report) rewardDifference() (mean float64, n int) {
	for _, e := range r.Worked {
		for _, m := range e.Moves {
			if m.Published > 0 {
				mean += math.Abs(m.Reward - m.Published)
				n++
			}
		}
	}
	return mean / float64(max(n, 1)), n
}

func list(temperatures, values []float64) string {
	text := ""
	for i, t := range temperatures {
		if i > 0 {
			text += ", "
		}
		text += fmt.Sprintf("%v: %.2f", t, values[i])
	}
	return text
}

// points is a share in points of a percentage.
func points(x float64) string { return fmt.Sprintf("%.2f", 100*x) }
