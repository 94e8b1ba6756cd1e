package curves

// Sweeps as text.

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"transcend/elo"
	"transcend/elo/leaderboard"
	"transcend/elo/sweep"
)

// words are the verdict in sentences.
func (v Verdict) words(c Curve, scale string) string {
	var b strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&b, format, args...) }
	tried := fmt.Sprintf("%d temperatures", v.Temperatures)
	if v.AllLost {
		v.sayAllLost(say, c, tried)
	} else {
		v.sayBest(say, c, tried)
	}
	if g := v.Gain; g != nil {
		say(" T=%v is %.0f %s than T=1 [%+.0f, %+.0f] (p = %.2g over %d pairs of games).", g.Low, math.Abs(g.Value), higher(g.Value),
			g.Interval.Low, g.Interval.High, g.P, g.Blocks)
	}
	switch {
	case v.OtherPool && c.Cap > 0 && c.CapScale != "":
		say(" The cap is a rating on the scale %s, this is on %s: what the one calls %d the other need not.", c.CapScale, scale, c.Cap)
	case v.OtherPool && c.Cap > 0:
		say(" The cap is a rating among the people of the training games, the rating is on another scale (%s): two pools of players "+
			"that nothing here ties together. The distance from the cap is an indication, no measurement.", scale)
	}
	return b.String()
}

func higher(x float64) string {
	if x < 0 {
		return "lower"
	}
	return "higher"
}

func (v Verdict) sayAllLost(say func(string, ...any), c Curve, tried string) {
	games := 0
	for _, p := range c.Points {
		games += p.Record.Games()
	}
	bound := math.Ceil(v.Highest.High)
	if v.Temperatures == 1 {
		say("%s: all %d games were lost, at T=%v. There is no rating, only a bound: below %.0f (one-sided, %.4g%%).",
			c.Model, games, v.Best, bound, 100*v.Confidence)
	} else {
		say("%s: all %d games were lost, at every one of %s. There is no rating, only a bound: below %.0f at each of them "+
			"(one-sided, %.4g%% for all together). Which temperature is best cannot be told.", c.Model, games, tried, bound, 100*v.Confidence)
	}
	if c.Cap == 0 {
		return
	}
	if d := float64(c.Cap) - bound; d > 0 {
		say(" It is below the cap of %d, by at least %.0f.", c.Cap, d)
	} else {
		say(" The bound is above the cap of %d, so that nothing is said about it.", c.Cap)
	}
}

func (v Verdict) sayBest(say func(string, ...any), c Curve, tried string) {
	if v.Temperatures == 1 {
		say("%s: at T=%v, the only temperature that was played, %s", c.Model, v.Best, interval(*v.Rating, v.Single))
	} else {
		say("%s: best of %s is T=%v with %s", c.Model, tried, v.Best, interval(*v.Rating, v.Single))
	}
	say(" (%.4g%%", 100*v.Confidence)
	if v.Rating.AnchorError > 0 {
		say(", the anchors' own errors included")
	}
	say(")")
	if v.Lost > 0 {
		say(", beside %d where everything was lost and there are only bounds", v.Lost)
	}
	if v.Cap == nil {
		if v.Temperatures > 1 {
			say(", %s as the best of them", between(v.Simultaneous))
		}
		say(". The rating cap of its training games is not known.")
		return
	}
	limit := float64(c.Cap)
	switch {
	case math.IsInf(v.Cap.Margin, 1):
		say(". Everything was won there")
	case v.Cap.Margin >= 0:
		say(", %.0f above the cap of %d", v.Cap.Margin, c.Cap)
	default:
		say(", %.0f below the cap of %d", -v.Cap.Margin, c.Cap)
	}
	say(" %s.", signed(v.Cap.Single))
	switch {
	case v.Temperatures == 1 && v.Cap.Claim != sweep.Undecided:
		say(" It is %s the cap.", v.Cap.Claim)
	case v.Cap.Claim == sweep.AboveCap:
		say(" It is above the cap, and stays so when it counts that %s were tried: %s.", tried, signed(v.Cap.Simultaneous))
	case v.Cap.Claim == sweep.BelowCap:
		say(" Every temperature is below the cap, also when it counts that %s were tried: by at least %.0f.", tried, math.Floor(limit-v.Highest.High))
	case v.Cap.SingleClaim == sweep.AboveCap:
		say(" Had it been the only one tried, it would be above the cap; as the best of %s it is not shown to be: %s.", tried, signed(v.Cap.Simultaneous))
	case v.Cap.SingleClaim == sweep.BelowCap:
		say(" One by one all are below the cap; when it counts that %s were tried, one of them may be above: by at most %.0f.", tried, math.Ceil(v.Highest.High-limit))
	default:
		say(" The games do not decide on which side of the cap it is.")
	}
}

// interval is an estimate with an interval: "812 [640, 930]", "> 1890", "< 1100".
func interval(e elo.Estimate, iv elo.Interval) string {
	if e.Side != elo.TwoSided {
		return e.TotalString()
	}
	return fmt.Sprintf("%.0f [%.0f, %.0f]", e.Rating, iv.Low, iv.High)
}

func between(iv elo.Interval) string {
	switch {
	case math.IsInf(iv.High, 1):
		return fmt.Sprintf("above %.0f", math.Floor(iv.Low))
	case math.IsInf(iv.Low, -1):
		return fmt.Sprintf("below %.0f", math.Ceil(iv.High))
	}
	return fmt.Sprintf("%.0f to %.0f", iv.Low, iv.High)
}

// signed is an interval of differences.
func signed(iv elo.Interval) string {
	switch {
	case math.IsInf(iv.High, 1):
		return fmt.Sprintf("(at least %+.0f)", math.Floor(iv.Low))
	case math.IsInf(iv.Low, -1):
		return fmt.Sprintf("(at most %+.0f)", math.Ceil(iv.High))
	}
	return fmt.Sprintf("[%+.0f, %+.0f]", iv.Low, iv.High)
}

// WriteVerdicts writes the verdicts of all models that have a cap or were played at
// several temperatures.
func WriteVerdicts(w io.Writer, sweeps []Sweep) error {
	var b strings.Builder
	for _, s := range sweeps {
		for _, c := range s.Curves {
			if c.Cap > 0 || len(c.Points) > 1 {
				b.WriteString("\n" + c.Verdict.Text + "\n")
			}
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// WriteText writes the sweeps as tables, a line a temperature, with the verdicts
// below.
func WriteText(w io.Writer, sweeps []Sweep) error {
	var b strings.Builder
	for i, s := range sweeps {
		if i > 0 {
			b.WriteString("\n")
		}
		s.write(&b)
	}
	if len(sweeps) == 0 {
		b.WriteString("no games of models yet\n")
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return err
	}
	return WriteVerdicts(w, sweeps)
}

func (s Sweep) write(b *strings.Builder) {
	if s.Scale == "" {
		b.WriteString("No rating: the opponents are on no known scale\n")
	} else {
		fmt.Fprintf(b, "%s: anchors %s\n", s.Scale, s.AnchorSet)
	}
	if text := s.Conditions.String(); text != "" {
		b.WriteString(text + "\n")
	}
	t := leaderboard.Table{append([]string{"T", "model"}, leaderboard.Columns(confidence)...)}
	for _, c := range s.Curves {
		for _, p := range c.Points {
			t = append(t, append([]string{strconv.FormatFloat(p.Temperature, 'g', -1, 64), c.Model}, p.Cells()...))
		}
	}
	t.Write(b)
	if s.Scale != "" {
		b.WriteString(leaderboard.Legend())
	}
	s.writeWarnings(b)
}

// writeWarnings writes what the rows warn of, once each.
func (s Sweep) writeWarnings(b *strings.Builder) {
	var texts []string
	temperatures := map[string][]string{}
	for _, c := range s.Curves {
		for _, p := range c.Points {
			for _, w := range p.Warnings {
				if temperatures[w.Text] == nil {
					texts = append(texts, w.Text)
				}
				temperatures[w.Text] = append(temperatures[w.Text], fmt.Sprintf("T=%v", p.Temperature))
			}
		}
	}
	for _, text := range texts {
		fmt.Fprintf(b, "  %s: warning: %s\n", strings.Join(temperatures[text], ", "), text)
	}
}
