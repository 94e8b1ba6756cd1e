// Package claim asks how far the claim that a model surpasses those it imitates rests on choices: which
// temperature is called the best, whom it has to surpass, and how strong the opponents are that it was rated by.
//
// For every model with games at several temperatures in a leaderboard it has three parts. The low temperatures
// are compared with T=1 on the same openings; since the best of several is looked at, p-values are Holm's and
// intervals Bonferroni's, and the best one is also chosen on half of the openings and tested on the other. The
// distance is taken from the cap and from the best single players of the training games. And the verdict
// is made again with other ratings of the opponents.
package claim

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"transcend/data"
	"transcend/elo"
	"transcend/elo/curves"
	"transcend/elo/sweep"
)

// confidence of all intervals.
const confidence = 0.95

// Low is a low temperature against T=1.
type Low struct {
	Temperature float64 `json:"temperature"`
	// Difference is its rating less that at T=1, with its own interval.
	Difference
	// Simultaneous is the interval that holds for all low temperatures together (Bonferroni), Holm the p-value
	// corrected for their number.
	Simultaneous elo.Interval `json:"simultaneous_interval"`
	Holm         float64      `json:"holm_p"`
}

// Half is the low temperature that was best in half of the openings, tested in the other half.
type Half struct {
	Chosen float64 `json:"chosen_temperature"`
	Difference
}

// Difference is one of two ratings: sweep.Difference, whose value is unknown where one has only a bound.
type Difference struct {
	Value    *float64     `json:"value"` // nil: unknown
	Interval elo.Interval `json:"interval"`
	Blocks   int          `json:"blocks"` // on the same openings
	P        float64      `json:"p"`
}

func differenceOf(d sweep.Difference) Difference {
	out := Difference{Interval: d.Interval, Blocks: d.Blocks, P: d.P}
	if !math.IsNaN(d.Value) && !math.IsInf(d.Value, 0) {
		out.Value = &d.Value
	}
	return out
}

// Reference is somebody whom the model has to surpass.
type Reference struct {
	Name   string  `json:"name"`
	Rating float64 `json:"rating"`
	Games  int     `json:"games,omitempty"` // of that player in the corpus
	// Verdict is about the best temperature against that rating, taken as exact.
	Verdict sweep.Verdict `json:"verdict"`
}

// Scenario is the verdict against the cap with other ratings of the opponents.
type Scenario struct {
	Name    string        `json:"name"`
	Rating  float64       `json:"rating"` // of the best temperature
	Best    float64       `json:"best_temperature"`
	Verdict sweep.Verdict `json:"verdict"`
	// Gain is the best low temperature less T=1; nil where one of them has only a bound.
	Gain *Difference `json:"gain,omitempty"`
	// Failed says why there is none of it.
	Failed string `json:"failed,omitempty"`
}

// Model is a model of a leaderboard.
type Model struct {
	Name      string  `json:"model"`
	Protocol  string  `json:"protocol"`
	Scale     string  `json:"scale"`
	AnchorSet string  `json:"anchor_set"`
	Cap       float64 `json:"cap"` // 0: not known
	// OtherPool: the cap and the scale count different players, which nothing here ties together.
	OtherPool    bool      `json:"other_pool"`
	Temperatures []float64 `json:"temperatures"`
	Games        int       `json:"games"`

	Lows []Low `json:"low_temperatures"`
	// Halves are the best low temperature of each half of the openings, tested in the other.
	Halves     []Half      `json:"halves"`
	References []Reference `json:"references"`
	Scenarios  []Scenario  `json:"scenarios"`
	// BreakEven is by how many points all opponents may be overrated before the best temperature is no longer
	// above the cap (simultaneous interval); negative where it is not above it as it is, infinite never.
	BreakEven *float64 `json:"break_even_shift,omitempty"`
}

// Person is a player of a corpus.
type Person struct {
	Name   string
	Rating float64 // the mean over the games
	Games  int
}

// Best returns the players of a corpus with at least so many games whose mean ratings are highest, up to n of
// them. Unnamed players and games without ratings do not count.
func Best(games *data.Corpus, least, n int) []Person {
	type sums struct {
		rating float64
		games  int
	}
	all := map[string]*sums{}
	add := func(name string, rating int) {
		if name == "" || rating == 0 {
			return
		}
		s := all[name]
		if s == nil {
			s = new(sums)
			all[name] = s
		}
		s.rating += float64(rating)
		s.games++
	}
	for _, g := range games.All() {
		add(g.White, g.WhiteElo)
		add(g.Black, g.BlackElo)
	}
	var list []Person
	for name, s := range all {
		if s.games >= least {
			list = append(list, Person{name, s.rating / float64(s.games), s.games})
		}
	}
	slices.SortFunc(list, func(a, b Person) int {
		return cmp.Or(cmp.Compare(b.Rating, a.Rating), cmp.Compare(b.Games, a.Games), cmp.Compare(a.Name, b.Name))
	})
	return list[:min(n, len(list))]
}

// Alternative is another set of ratings for opponents: nil where it does not know one.
type Alternative struct {
	Name   string
	Rating func(opponent int) *elo.Anchor
}

// subject is a model's games, to be rated in many ways.
type subject struct {
	points    []curves.Point
	opponents []elo.Anchor
	blocks    []sweep.Block
	scale     float64
	seed      uint64
	draws     int // of simulated quantiles; 0: the default
}

// rate rates some of the blocks with some ratings of the opponents.
func (s *subject) rate(opponents []elo.Anchor, blocks []sweep.Block, level float64) (*sweep.Sweep, error) {
	return sweep.Rate(opponents, len(s.points), blocks, sweep.Options{Confidence: level, ScaleError: s.scale, Seed: s.seed, Draws: s.draws})
}

// base is the index of T=1, -1 without.
func (s *subject) base() int {
	return slices.IndexFunc(s.points, func(p curves.Point) bool { return p.Temperature == 1 })
}

// Examine looks at one curve of a sweep; false where there is nothing to look at: no rated temperatures.
// people may be nil, alternatives name other ratings of the opponents by their index in curves.Blocks of the
// rated points (Rated).
func Examine(sw *curves.Sweep, c *curves.Curve, people []Person, alternatives []Alternative, seed uint64) (*Model, bool, error) {
	s := &subject{points: Rated(c), seed: seed}
	if len(s.points) == 0 {
		return nil, false, nil
	}
	s.scale = s.points[0].ScaleError
	s.opponents, s.blocks = curves.Blocks(s.points)
	m := &Model{
		Name: c.Model, Protocol: sw.Conditions.Protocol, Scale: sw.Scale, AnchorSet: sw.AnchorSet, Cap: float64(c.Cap),
		OtherPool: c.Verdict.OtherPool,
	}
	for _, p := range s.points {
		m.Temperatures = append(m.Temperatures, p.Temperature)
		m.Games += p.Record.Games()
	}
	var err error
	if m.Lows, err = s.lows(); err != nil {
		return nil, false, fmt.Errorf("claim: %s: %w", c.Model, err)
	}
	if m.Halves, err = s.halves(); err != nil {
		return nil, false, fmt.Errorf("claim: %s: %w", c.Model, err)
	}
	all, err := s.rate(s.opponents, s.blocks, confidence)
	if err != nil {
		return nil, false, fmt.Errorf("claim: %s: %w", c.Model, err)
	}
	if m.Cap > 0 {
		m.References = append(m.References, Reference{Name: "cap", Rating: m.Cap, Verdict: all.Verdict(m.Cap)})
		if low := m.References[0].Verdict.Simultaneous.Low; !math.IsInf(low, 0) {
			m.BreakEven = &low
		}
	}
	for _, p := range people {
		m.References = append(m.References, Reference{Name: p.Name, Rating: p.Rating, Games: p.Games, Verdict: all.Verdict(p.Rating)})
	}
	limit := m.Cap
	if limit == 0 && len(people) > 0 {
		limit = people[0].Rating
	}
	m.Scenarios = s.scenarios(limit, alternatives)
	return m, true, nil
}

// Rated are the points of a curve that have a rating.
func Rated(c *curves.Curve) []curves.Point {
	return slices.DeleteFunc(slices.Clone(c.Points), func(p curves.Point) bool { return p.Rating == nil })
}

// lows compares every low temperature with T=1.
func (s *subject) lows() ([]Low, error) {
	base := s.base()
	var below []int
	for i, p := range s.points {
		if p.Temperature < 1 {
			below = append(below, i)
		}
	}
	if base < 0 || len(below) == 0 {
		return nil, nil
	}
	single, err := s.rate(s.opponents, s.blocks, confidence)
	if err != nil {
		return nil, err
	}
	strict, err := s.rate(s.opponents, s.blocks, 1-(1-confidence)/float64(len(below)))
	if err != nil {
		return nil, err
	}
	var lows []Low
	var p []float64
	for _, i := range below {
		d, err := single.Difference(i, base)
		if err != nil {
			return nil, err
		}
		wide, err := strict.Difference(i, base)
		if err != nil {
			return nil, err
		}
		lows = append(lows, Low{Temperature: s.points[i].Temperature, Difference: differenceOf(d), Simultaneous: wide.Interval})
		p = append(p, d.P)
	}
	for i, x := range holm(p) {
		lows[i].Holm = x
	}
	return lows, nil
}

// holm corrects p-values for their number (Holm 1979).
func holm(p []float64) []float64 {
	order := make([]int, len(p))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(p[a], p[b]) })
	out := make([]float64, len(p))
	running := 0.0
	for rank, i := range order {
		running = max(running, min(1, p[i]*float64(len(p)-rank)))
		out[i] = running
	}
	return out
}

// halves chooses the best low temperature in every second block and tests it in the others, and the
// other way round.
func (s *subject) halves() ([]Half, error) {
	base := s.base()
	if base < 0 {
		return nil, nil
	}
	var split [2][]sweep.Block
	// Of every opponent, so that both halves have the same mixture of them.
	seen := map[int]int{}
	for _, b := range s.blocks {
		split[seen[b.Opponent]%2] = append(split[seen[b.Opponent]%2], b)
		seen[b.Opponent]++
	}
	var out []Half
	for chosen, blocks := range split {
		best := -1
		points, games := make([]float64, len(s.points)), make([]float64, len(s.points))
		for _, b := range blocks {
			for i, r := range b.Records {
				points[i] += r.Points()
				games[i] += float64(r.Games())
			}
		}
		for i, p := range s.points {
			if p.Temperature < 1 && games[i] > 0 && (best < 0 || points[i]/games[i] > points[best]/games[best]) {
				best = i
			}
		}
		if best < 0 || !played(split[1-chosen], best) || !played(split[1-chosen], base) {
			continue
		}
		// Only these two are rated: others may have no games in a half.
		pair := make([]sweep.Block, len(split[1-chosen]))
		for i, b := range split[1-chosen] {
			pair[i] = sweep.Block{Opponent: b.Opponent, Records: []elo.Record{b.Records[best], b.Records[base]}}
		}
		rated, err := sweep.Rate(s.opponents, 2, pair, sweep.Options{Confidence: confidence, ScaleError: s.scale, Seed: s.seed, Draws: s.draws})
		if err != nil {
			return nil, err
		}
		d, err := rated.Difference(0, 1)
		if err != nil {
			return nil, err
		}
		out = append(out, Half{s.points[best].Temperature, differenceOf(d)})
	}
	return out, nil
}

func played(blocks []sweep.Block, player int) bool {
	return slices.ContainsFunc(blocks, func(b sweep.Block) bool { return b.Records[player].Games() > 0 })
}

// scenarios are verdicts with other ratings of the opponents.
func (s *subject) scenarios(limit float64, alternatives []Alternative) []Scenario {
	var out []Scenario
	try := func(name string, opponents []elo.Anchor, blocks []sweep.Block) {
		out = append(out, s.scenario(name, limit, opponents, blocks))
	}
	try("as rated", s.opponents, s.blocks)
	shifted := func(change func(a elo.Anchor) elo.Anchor) []elo.Anchor {
		list := slices.Clone(s.opponents)
		for i := range list {
			list[i] = change(list[i])
		}
		return list
	}
	for _, d := range []float64{-200, -100, -50, 50, 100} {
		try(fmt.Sprintf("all opponents %+.0f", d), shifted(func(a elo.Anchor) elo.Anchor { a.Rating += d; return a }), s.blocks)
	}
	mean := 0.0
	for _, a := range s.opponents {
		mean += a.Rating / float64(len(s.opponents))
	}
	if len(s.opponents) > 1 {
		for _, f := range []float64{0.8, 0.9, 1.1, 1.25} {
			try(fmt.Sprintf("distances x%v", f), shifted(func(a elo.Anchor) elo.Anchor { a.Rating = mean + f*(a.Rating-mean); return a }), s.blocks)
		}
		for i, a := range s.opponents {
			rest := slices.DeleteFunc(slices.Clone(s.blocks), func(b sweep.Block) bool { return b.Opponent == i })
			try("without "+a.Name, s.opponents, rest)
		}
		for i, a := range s.opponents {
			own := slices.DeleteFunc(slices.Clone(s.blocks), func(b sweep.Block) bool { return b.Opponent != i })
			try("only "+a.Name, s.opponents, own)
		}
	}
	for _, alt := range alternatives {
		list := slices.Clone(s.opponents)
		known := map[int]bool{}
		for i := range list {
			if a := alt.Rating(i); a != nil {
				list[i] = *a
				known[i] = true
			}
		}
		if len(known) == 0 {
			continue
		}
		blocks := slices.DeleteFunc(slices.Clone(s.blocks), func(b sweep.Block) bool { return !known[b.Opponent] })
		try("anchors "+alt.Name, list, blocks)
	}
	return out
}

func (s *subject) scenario(name string, limit float64, opponents []elo.Anchor, blocks []sweep.Block) Scenario {
	out := Scenario{Name: name}
	for i := range s.points {
		if !played(blocks, i) {
			out.Failed = fmt.Sprintf("T=%v has no games left", s.points[i].Temperature)
			return out
		}
	}
	rated, err := s.rate(opponents, blocks, confidence)
	if err != nil {
		out.Failed = err.Error()
		return out
	}
	out.Verdict = rated.Verdict(limit)
	out.Best, out.Rating = s.points[out.Verdict.Best].Temperature, rated.Estimates[out.Verdict.Best].Rating
	if math.IsInf(out.Rating, 0) || math.IsNaN(out.Rating) {
		out.Failed = "everything was won or lost: there is only a bound"
		out.Rating, out.Verdict.Margin = 0, 0
		return out
	}
	if base := s.base(); base >= 0 {
		best := -1
		for i, p := range s.points {
			if p.Temperature < 1 && rated.Estimates[i].Side == elo.TwoSided && (best < 0 || rated.Estimates[i].Rating > rated.Estimates[best].Rating) {
				best = i
			}
		}
		if best >= 0 && rated.Estimates[base].Side == elo.TwoSided {
			if d, err := rated.Difference(best, base); err == nil {
				gain := differenceOf(d)
				out.Gain = &gain
			}
		}
	}
	return out
}
