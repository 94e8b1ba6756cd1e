// Package curves is the paper's experiment: models at several temperatures, rated by
// their games, against the rating cap of the games they were trained on. It sorts the
// rows of a leaderboard into sweeps, says in words what they show, and draws the
// picture of the paper's Figure 1. The statistics are elo/sweep's.
package curves

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"transcend/elo"
	"transcend/elo/leaderboard"
	"transcend/elo/sweep"
)

// SpecCap is the key of a model player's Spec that holds the rating cap of its
// training games: nobody in them was rated higher.
const SpecCap = "max-elo"

// SpecCapScale is the key of the scale of those ratings, as leaderboard.Row has it, where that is known.
const SpecCapScale = "max-elo-scale"

// Sweep is what may be compared: models under the same conditions, rated on the same
// scale by the same anchors.
type Sweep struct {
	Conditions leaderboard.Conditions `json:"conditions"`
	// Scale and AnchorSet are as in leaderboard.Row; empty when nothing was rated.
	Scale     string  `json:"scale,omitempty"`
	AnchorSet string  `json:"anchor_set,omitempty"`
	Curves    []Curve `json:"curves"`
}

// Curve is a model over temperatures.
type Curve struct {
	Model string `json:"model"`
	Cap   int    `json:"cap,omitempty"` // 0: not known
	// CapScale is the scale of Cap, "" for that of people.
	CapScale string  `json:"cap_scale,omitempty"`
	Points   []Point `json:"points"` // by temperature
	Verdict  Verdict `json:"verdict"`
}

// Point is a model at a temperature.
type Point struct {
	Temperature float64 `json:"temperature"`
	leaderboard.Row
}

// From sorts the models of a board into sweeps. Rows of other players are left out.
// seed fixes the simulated quantiles.
func From(board *leaderboard.Board, seed uint64) ([]Sweep, error) {
	type key struct{ scale, set, conditions string }
	sweeps := map[key]*Sweep{}
	curves := map[key]map[string]*Curve{}
	var keys []key
	for _, r := range board.Rows {
		t, err := strconv.ParseFloat(r.Player.Spec[leaderboard.SpecTemperature], 64)
		if r.Player.Kind() != "model" || err != nil {
			continue
		}
		k := key{r.Scale, r.AnchorSet, fmt.Sprint(r.Conditions)}
		if sweeps[k] == nil {
			keys = append(keys, k)
			sweeps[k] = &Sweep{Conditions: r.Conditions, Scale: r.Scale, AnchorSet: r.AnchorSet}
			curves[k] = map[string]*Curve{}
		}
		id := modelID(r.Player.Spec)
		c := curves[k][id]
		if c == nil {
			c = &Curve{Model: modelName(r.Player.Name)}
			// What is no number is no cap.
			c.Cap, _ = strconv.Atoi(r.Player.Spec[SpecCap])
			c.CapScale = r.Player.Spec[SpecCapScale]
			curves[k][id] = c
		}
		c.Points = append(c.Points, Point{t, r})
	}
	var out []Sweep
	for _, k := range keys {
		s := sweeps[k]
		for _, c := range curves[k] {
			slices.SortFunc(c.Points, func(a, b Point) int { return cmp.Compare(a.Temperature, b.Temperature) })
			var err error
			if c.Verdict, err = judge(*c, s.Scale, seed); err != nil {
				return nil, fmt.Errorf("elo/curves: %s: %w", c.Model, err)
			}
			s.Curves = append(s.Curves, *c)
		}
		slices.SortFunc(s.Curves, func(a, b Curve) int {
			return cmp.Or(cmp.Compare(a.Cap, b.Cap), cmp.Compare(a.Model, b.Model), cmp.Compare(a.Points[0].Player.ID, b.Points[0].Player.ID))
		})
		out = append(out, *s)
	}
	return out, nil
}

// modelID is everything that defines a model player but its temperature.
func modelID(spec map[string]string) string {
	var parts []string
	for k, v := range spec {
		if k != leaderboard.SpecTemperature {
			parts = append(parts, fmt.Sprintf("%q=%q", k, v))
		}
	}
	slices.Sort(parts)
	return strings.Join(parts, " ")
}

// modelName is a player's name without its temperature, "run@90 mask" of
// "run@90 T=0.5 mask".
func modelName(name string) string {
	before, after, ok := strings.Cut(name, " T=")
	if !ok {
		return name
	}
	_, rest, _ := strings.Cut(after, " ")
	return strings.TrimSpace(before + " " + rest)
}

// Verdict is what a curve says: about the best temperature and the cap, and about a
// low temperature against T=1.
type Verdict struct {
	// Temperatures counts those with a rating; without any, nothing else is said.
	Temperatures int     `json:"temperatures"`
	Confidence   float64 `json:"confidence"`

	Best float64 `json:"best_temperature"`
	// Rating is the interval at Best had no other temperature been tried, Simultaneous
	// the one that holds although it was picked from all. Both have the anchors' errors
	// in them. Highest is the highest end of the simultaneous intervals of all.
	Rating       *elo.Estimate `json:"rating"`
	Single       elo.Interval  `json:"interval"`
	Simultaneous elo.Interval  `json:"simultaneous_interval"`
	Highest      elo.Interval  `json:"highest"` // its High; open below
	AllLost      bool          `json:"all_lost"`
	// Lost is at how many temperatures everything was lost: these have only bounds.
	Lost int `json:"lost_temperatures"`

	// Cap is the comparison with the cap; nil when that is not known.
	Cap *sweep.Verdict `json:"cap"`
	// OtherPool: the cap and the scale count different players.
	OtherPool bool `json:"other_pool"`

	// Gain is the lowest temperature's rating minus that at T=1; nil without these.
	Gain *Gain `json:"gain"`

	Text string `json:"text"`
}

// Gain is what a low temperature adds.
type Gain struct {
	Low float64 `json:"low_temperature"`
	sweep.Difference
}

// confidence of all verdicts.
const confidence = 0.95

// judge finds the verdict on a curve.
func judge(c Curve, scale string, seed uint64) (Verdict, error) {
	v := Verdict{Confidence: confidence, OtherPool: c.CapScale == "" || c.CapScale != scale}
	var rated []Point
	for _, p := range c.Points {
		if p.Rating != nil {
			rated = append(rated, p)
			if p.Rating.Side == elo.Below {
				v.Lost++
			}
		}
	}
	v.Temperatures = len(rated)
	v.AllLost = v.Lost == len(rated)
	if len(rated) == 0 {
		v.AllLost = false
		v.Text = c.Model + ": no rating: the opponents are on no known scale."
		return v, nil
	}
	opponents, blocks := Blocks(rated)
	s, err := sweep.Rate(opponents, len(rated), blocks, sweep.Options{Confidence: confidence, ScaleError: rated[0].ScaleError, Seed: seed})
	if err != nil {
		return v, err
	}
	cap := s.Verdict(float64(c.Cap))
	preferRated(&cap, s)
	v.Best, v.Rating, v.Single = rated[cap.Best].Temperature, &s.Estimates[cap.Best], s.Interval(cap.Best)
	all := s.Simultaneous()
	v.Simultaneous = all[cap.Best]
	v.Highest = elo.Interval{Low: math.Inf(-1), High: math.Inf(-1)}
	for _, iv := range all {
		v.Highest.High = max(v.Highest.High, iv.High)
	}
	if c.Cap > 0 {
		v.Cap = &cap
	}
	for i, p := range rated {
		if low := rated[0]; p.Temperature == 1 && low.Temperature < 1 {
			d, err := s.Difference(0, i)
			if err != nil {
				return v, err
			}
			// Of two bounds there is no difference.
			if !math.IsNaN(d.Value) && !math.IsInf(d.Value, 0) {
				v.Gain = &Gain{low.Temperature, d}
			}
		}
	}
	v.Text = v.words(c, scale)
	return v, nil
}

// preferRated makes the best one of those that did not lose everything: a bound may be
// higher than their ratings, but is no rating.
func preferRated(v *sweep.Verdict, s *sweep.Sweep) {
	if s.Estimates[v.Best].Side != elo.Below {
		return
	}
	best := -1
	for i, e := range s.Estimates {
		if e.Side == elo.TwoSided && (best < 0 || e.Rating > s.Estimates[best].Rating) {
			best = i
		}
	}
	if best < 0 {
		return
	}
	shifted := func(iv elo.Interval) elo.Interval { return elo.Interval{Low: iv.Low - v.Cap, High: iv.High - v.Cap} }
	v.Best, v.Margin = best, s.Estimates[best].Rating-v.Cap
	v.Single, v.Simultaneous = shifted(s.Interval(best)), shifted(s.Simultaneous()[best])
	if v.Single.Low > 0 {
		v.SingleClaim = sweep.AboveCap
	}
	if v.Simultaneous.Low > 0 {
		v.Claim = sweep.AboveCap
	}
}

// Blocks groups the games of points with ratings by what they had in common: the opponent and, as slots
// 2k and 2k+1 of matches with the same seed have the same opening, the pair.
func Blocks(points []Point) ([]elo.Anchor, []sweep.Block) {
	type opponent struct {
		player int64
		limit  string
	}
	type pair struct {
		opponent int
		seed     uint64
		number   int
	}
	var anchors []elo.Anchor
	index := map[opponent]int{}
	var blocks []sweep.Block
	at := map[pair]int{}
	for i, p := range points {
		for _, o := range p.Opponents {
			k := opponent{o.Opponent.ID, o.Limit}
			if _, known := index[k]; !known && o.Anchor != nil {
				index[k] = len(anchors)
				anchors = append(anchors, *o.Anchor)
			}
		}
		for _, g := range p.Played {
			o, ok := index[opponent{g.Opponent, g.Limit}]
			if !ok {
				continue
			}
			k := pair{o, g.Seed, g.Slot / 2}
			b, ok := at[k]
			if !ok {
				b = len(blocks)
				at[k] = b
				blocks = append(blocks, sweep.Block{Opponent: o, Records: make([]elo.Record, len(points))})
			}
			blocks[b].Records[i].Add(g.Outcome)
		}
	}
	return anchors, blocks
}
