// Package reproduction holds the papers' claims against stored results: what they published, where, how it is
// tested here and by which command, and what the report.json files of the commands say about it.
package reproduction

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Claim is a line of claims.json.
type Claim struct {
	// Paper is "A" (Zhang et al. 2024), "B" (Abreu et al. 2025) or "-" for what neither has, Where the place in it.
	Paper string `json:"paper"`
	Where string `json:"where"`
	Says  string `json:"claim"`
	// Theirs is their value as text.
	Theirs string `json:"theirs"`
	// Test says how it is tested here, Command by what.
	Test    string `json:"test"`
	Command string `json:"command"`
	// Source is whose report.json has it, see Stored.Source; "" where nothing here can test it, and Takes says what it
	// would take. With a Source, Takes is said where there is no result yet.
	Source string `json:"source,omitempty"`
	Takes  string `json:"takes,omitempty"`
	// Value is the path of the value in the report, see find, and read for what may be there. Scale multiplies a number,
	// Unit follows it.
	Value string  `json:"value,omitempty"`
	Scale float64 `json:"scale,omitempty"`
	Unit  string  `json:"unit,omitempty"`
	// Above and Below are what it has to be above or below to be reproduced. Without an interval that is decided only
	// where Exact says that chance has no part in the value.
	Above *float64 `json:"above,omitempty"`
	Below *float64 `json:"below,omitempty"`
	Exact bool     `json:"exact,omitempty"`
}

//go:embed claims.json
var claims []byte

// Claims returns all claims.
func Claims() ([]Claim, error) {
	var all []Claim
	if err := json.Unmarshal(claims, &all); err != nil {
		return nil, fmt.Errorf("reproduction: claims.json: %w", err)
	}
	return all, nil
}

// Verdicts.
const (
	Reproduced    = "reproduced"
	NotReproduced = "not reproduced"
	Undecided     = "not decided"
	Measured      = "measured" // there is nothing to decide by
	NotTestable   = "not testable at this scale"
	NotRun        = "not run"
)

// Verdicts lists them, as they are counted on the page.
func Verdicts() []string {
	return []string{Reproduced, NotReproduced, Undecided, Measured, NotTestable, NotRun}
}

// Line is a claim and one result.
type Line struct {
	Claim
	Ours     string `json:"ours"`
	Interval string `json:"interval"`
	Data     string `json:"data"` // model and corpus
	Verdict  string `json:"verdict"`
	Why      string `json:"why,omitempty"` // behind a verdict that the numbers alone do not explain
	Ran      string `json:"ran"`           // the command that made it, or would
}

// Lines hold claims against results; a claim with several results has a line for each. Claims of the second paper that a
// report judges and that are not in the list follow at the end.
func Lines(all []Claim, stored []Stored) []Line {
	var lines []Line
	known := map[string]bool{}
	for _, c := range all {
		found, ran := false, ""
		for i := range stored {
			s := &stored[i]
			if c.Source == "" || s.Source != c.Source {
				continue
			}
			ran = s.Command
			for _, f := range find(s.Result, c.Value) {
				if l, ok := c.line(s, f); ok {
					found = true
					lines = append(lines, l)
					known[judgedKey(s, f.value)] = true
				}
			}
		}
		if found {
			continue
		}
		l := Line{Claim: c, Verdict: NotRun, Why: c.Takes, Ran: c.Command}
		switch {
		case c.Source == "":
			l.Verdict = NotTestable
		case ran != "" && strings.HasPrefix(c.Source, "analyze "):
			l.Verdict, l.Why, l.Ran = Undecided, "its results have no value of this", ran
		}
		lines = append(lines, l)
	}
	for i := range stored {
		s := &stored[i]
		if !s.judged {
			continue
		}
		for _, f := range find(s.Result, "claims/*") {
			if known[judgedKey(s, f.value)] {
				continue
			}
			m, _ := f.value.(map[string]any)
			c := Claim{Paper: "B", Where: s.Name, Says: text(m["claim"]), Theirs: text(m["paper"]), Test: "as its report says", Command: s.Source, Source: s.Source}
			if l, ok := c.line(s, f); ok {
				lines = append(lines, l)
			}
		}
	}
	return lines
}

// judgedKey names a claim that a report judges itself.
func judgedKey(s *Stored, v any) string {
	m, _ := v.(map[string]any)
	return s.Path + "\x00" + text(m["claim"])
}

// line reads a result; false where the report does not have it.
func (c *Claim) line(s *Stored, f found) (Line, bool) {
	l := Line{Claim: *c, Data: s.about(f.labels), Ran: s.Command, Verdict: Measured}
	if l.Ran == "" {
		l.Ran = c.Command
	}
	r, ok := read(f.value)
	if !ok {
		return l, false
	}
	l.Ours, l.Why = r.text, r.why
	if r.verdict != "" {
		l.Verdict = r.verdict
		return l, true
	}
	if math.IsNaN(r.value) {
		return l, true // words
	}
	scale := c.Scale
	if scale == 0 {
		scale = 1
	}
	value, low, high := r.value*scale, r.low*scale, r.high*scale
	if l.Ours == "" {
		l.Ours = trim(value) + c.Unit
	}
	decides := c.Exact
	if math.IsNaN(low) {
		low, high = value, value
	} else {
		decides = true
		l.Interval = interval(low, high)
	}
	decide := func(above, below bool) {
		switch {
		case above:
			l.Verdict = Reproduced
		case below:
			l.Verdict = NotReproduced
		default:
			l.Verdict = Undecided
		}
	}
	switch {
	case !decides:
	case c.Above != nil:
		decide(low > *c.Above, high <= *c.Above)
	case c.Below != nil:
		decide(high < *c.Below, low >= *c.Below)
	}
	if l.Why == "" && c.Takes != "" && (l.Verdict == NotReproduced || l.Verdict == Undecided) {
		l.Why = "it would take " + c.Takes
	}
	return l, true
}

// reading is what a value of a report says.
type reading struct {
	// text is shown instead of the value where it is not "".
	text string
	// value is NaN where there are words alone; low and high are NaN without an interval, and infinite where it is open.
	value, low, high float64
	// verdict and why are the report's own.
	verdict, why string
}

// read understands numbers; words; objects with a value, or a difference in Elo, and its interval; with the difference of neighbors on a map
// and of all points; how often a proposition was violated; the verdict of an experiment about a group of cells; a claim that a report of kgtrain judges; and a model's
// curve of ratings in a report of the arena.
func read(v any) (r reading, ok bool) {
	nan := math.NaN()
	r = reading{value: nan, low: nan, high: nan}
	switch t := v.(type) {
	case float64:
		r.value = t
		return r, true
	case string:
		r.text = t
		return r, t != ""
	case map[string]any:
		switch {
		case t["verdict"] != nil && t["ours"] != nil:
			return readJudged(t), true
		case t["verdict"] != nil && t["points"] != nil:
			return readCurve(t)
		case t["model"] != nil && t["best"] != nil:
			return readGroup(t)
		case t["neighbors"] != nil:
			near, one := t["neighbors"].(float64)
			all, two := t["all"].(float64)
			r.text, r.value = fmt.Sprintf("%s to neighbors, %s to any", trim(near), trim(all)), near-all
			return r, one && two
		case t["violations"] != nil:
			n, one := t["violations"].(float64)
			of, two := t["settings"].(float64)
			r.text, r.value = fmt.Sprintf("%.0f of %.0f", n, of), n
			return r, one && two
		}
		if r.value, ok = t["value"].(float64); !ok {
			if r.value, ok = t["elo"].(float64); !ok {
				return r, false
			}
		}
		ends, inside := t["interval"].(map[string]any)
		if !inside {
			ends = t
		}
		low, one := ends["low"].(float64)
		high, two := ends["high"].(float64)
		switch {
		case one && two:
			r.low, r.high = low, high
		case one:
			r.low, r.high = low, math.Inf(1)
		case two:
			r.low, r.high = math.Inf(-1), high
		}
		return r, true
	}
	return r, false
}

// estimate is a rating with its interval.
func estimate(v any) (value, low, high float64, ok bool) {
	m, _ := v.(map[string]any)
	value, one := m["rating"].(float64)
	ends, _ := m["interval"].(map[string]any)
	low, two := ends["low"].(float64)
	high, three := ends["high"].(float64)
	return value, low, high, one && two && three
}

// readGroup is a model's rating less the best expert's. The interval holds whoever of the experts is the best: it
// goes from the model's lower end less the expert's upper end to the reverse, as the verdict of the experiment does.
func readGroup(m map[string]any) (r reading, ok bool) {
	value, low, high, one := estimate(m["model"])
	best, bestLow, bestHigh, two := estimate(m["best"])
	if !one || !two {
		return r, false
	}
	if low == high { // a model that is only bounded has no estimate
		nan := math.NaN()
		return reading{value: nan, low: nan, high: nan, text: text(m["claim"]), verdict: Undecided, why: "its rating is only a bound"}, true
	}
	return reading{
		text:  fmt.Sprintf("%+.0f Elo: the model %.0f, the best expert %.0f", value-best, value, best),
		value: value - best, low: low - bestHigh, high: high - bestLow,
	}, true
}

// readJudged is a claim with the verdict of kgtrain.
func readJudged(m map[string]any) reading {
	r := reading{text: text(m["ours"]), why: text(m["why"]), verdict: text(m["verdict"]), value: math.NaN()}
	switch r.verdict {
	case Reproduced, NotReproduced:
	default: // "not tested at this scale" and what may come
		r.verdict = NotTestable
	}
	return r
}

// readCurve is a model's best rating against the cap of its games.
func readCurve(m map[string]any) (r reading, ok bool) {
	nan := math.NaN()
	r = reading{value: nan, low: nan, high: nan}
	verdict, _ := m["verdict"].(map[string]any)
	rating, _ := verdict["rating"].(map[string]any)
	if rating == nil {
		return r, false
	}
	best, _ := verdict["best_temperature"].(float64)
	r.text = fmt.Sprintf("%s at T=%v", text(rating["text"]), best)
	limit, _ := verdict["cap"].(map[string]any)
	if limit == nil {
		r.verdict, r.why = Undecided, "the cap of its games is not known"
		return r, true
	}
	bound, _ := limit["cap"].(float64)
	r.text += fmt.Sprintf(", the cap %.0f", bound)
	if verdict["all_lost"] == true {
		r.verdict, r.why = NotTestable, "every game was lost: it takes a stronger model, trained for longer, or weaker opponents"
		return r, true
	}
	if verdict["other_pool"] == true {
		r.verdict, r.why = NotTestable, "cap and rating count different players, whom nothing here ties together"
		return r, true
	}
	value, one := rating["rating"].(float64)
	if !one {
		r.verdict, r.why = Undecided, "its rating is only a bound"
		return r, true
	}
	// The ends are those that hold for all temperatures together, less the cap.
	r.value, r.low, r.high = value-bound, math.Inf(-1), math.Inf(1)
	ends, _ := limit["simultaneous"].(map[string]any)
	if low, ok := ends["low"].(float64); ok {
		r.low = low
	}
	if high, ok := ends["high"].(float64); ok {
		r.high = high
	}
	return r, true
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

func interval(low, high float64) string {
	switch {
	case math.IsInf(low, -1) && math.IsInf(high, 1):
		return ""
	case math.IsInf(low, -1):
		return "up to " + trim(high)
	case math.IsInf(high, 1):
		return trim(low) + " and more"
	}
	return fmt.Sprintf("%s to %s", trim(low), trim(high))
}

// trim rounds to three decimals, to one from 10 on and to none from 100 on.
func trim(x float64) string {
	decimals := 1000.0
	switch {
	case math.Abs(x) >= 100:
		decimals = 1
	case math.Abs(x) >= 10:
		decimals = 10
	}
	x = math.Round(x*decimals) / decimals
	if x == 0 {
		x = 0 // no minus
	}
	return strconv.FormatFloat(x, 'f', -1, 64)
}

// Count is how many lines have which verdict, in the order of Verdicts.
func Count(lines []Line) []int {
	n := make([]int, len(Verdicts()))
	for _, l := range lines {
		if i := slices.Index(Verdicts(), l.Verdict); i >= 0 {
			n[i]++
		}
	}
	return n
}
