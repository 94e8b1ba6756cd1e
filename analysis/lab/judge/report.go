// Package judge says what came out of the cells of package lab: all their games rated at once,
// whether a model is stronger than everybody it imitates, and a report of it in tables, words,
// JSON and pictures.
//
// An Experiment adds a conclusion to what the lab has to know of it. NewReport rates the cells
// (Ratings), judges every group that has a model (Verdict), and leaves the rest to the
// conclusion; nothing here plays or trains, so that a report is made again in seconds.
package judge

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gofrs/flock"

	"transcend/analysis/lab"
	"transcend/data/league"
	"transcend/elo"
	"transcend/elo/joint"
	"transcend/internal/atomicfile"
	"transcend/internal/cli"
	"transcend/internal/figure"
)

// Experiment is a question that cells answer, and what is concluded from them.
type Experiment struct {
	lab.Experiment
	// Conclude says in words what came out, and may add sections to the report. nil: the verdicts.
	Conclude func(*Report) error
}

// Report is an experiment with its cells done.
type Report struct {
	Experiment *Experiment
	Settings   lab.Settings
	Cells      []*lab.Done
	Ratings    *Ratings
	Verdicts   []Verdict
	// Words are the conclusion, a paragraph each.
	Words []string
	// Sections follow the common tables.
	Sections []Section
	// Pictures are drawn beside the common ones.
	Pictures []figure.Picture
}

// Section is what an experiment adds to the report.
type Section struct {
	Title string `json:"title"`
	Text  string `json:"text"` // Markdown
	Value any    `json:"value,omitempty"`
}

// AddPicture adds a picture of panels, which an experiment draws of what it measured;
// none where there are no panels.
func (r *Report) AddPicture(name, title, note string, panels []figure.Panel) {
	r.Pictures = append(r.Pictures, pictureOf(name, title, note, panels)...)
}

// NewReport rates and judges cells that are done.
func NewReport(e *Experiment, s lab.Settings, cells []*lab.Done) (*Report, error) {
	r := &Report{Experiment: e, Settings: s, Cells: cells}
	var err error
	if r.Ratings, err = rate(cells); err != nil {
		return nil, err
	}
	if err := r.verdicts(); err != nil {
		return nil, err
	}
	for i := range r.Verdicts {
		r.Words = append(r.Words, r.Verdicts[i].String())
	}
	if e.Conclude != nil {
		if err := e.Conclude(r); err != nil {
			return nil, fmt.Errorf("judge: %s: %w", e.Name, err)
		}
	}
	return r, nil
}

// Groups are the cells by Cell.Group, in their order.
func (r *Report) Groups() [][]*lab.Done {
	var all [][]*lab.Done
	at := map[string]int{}
	for _, d := range r.Cells {
		i, ok := at[d.Cell.Group]
		if !ok {
			i = len(all)
			at[d.Cell.Group] = i
			all = append(all, nil)
		}
		all[i] = append(all[i], d)
	}
	return all
}

// Experts are the ratings of a cell's measured experts.
func (r *Report) Experts(c *lab.Cell) []Estimate {
	pool, err := c.Corpus.Pool()
	if err != nil {
		return nil // the cell was checked
	}
	var all []Estimate
	for _, p := range c.Corpus.MeasuredOf(pool) {
		if rating, ok := r.Ratings.Of(c, p.Player.String()); ok {
			if e, two := estimateOf(rating); two {
				all = append(all, e)
			}
		}
	}
	return all
}

// String is the verdict in words.
func (v *Verdict) String() string {
	at := fmt.Sprintf("%s at temperature %g", v.Group, v.Temperature)
	model := "the model"
	if len(v.Seeds) > 1 {
		model = fmt.Sprintf("the model (mean of %d training seeds)", len(v.Seeds))
	}
	var s string
	switch {
	case v.Model == (Estimate{}):
		s = fmt.Sprintf("%s: %s: a rating of the model is only a bound; the best expert is at %s", at, strings.ToUpper(string(v.Claim)), v.Best)
	default:
		s = fmt.Sprintf("%s: %s: %s is at %s, the best expert at %s", at, strings.ToUpper(string(v.Claim)), model, v.Model, v.Best)
	}
	if len(v.Seeds) > 1 {
		n := 0
		for _, seed := range v.Seeds {
			if seed.Claim == Transcends {
				n++
			}
		}
		s += fmt.Sprintf("; alone, %d of %d seeds transcend", n, len(v.Seeds))
	}
	if v.Head.Games() > 0 {
		s += fmt.Sprintf("; against the experts it scored %s of %s games", cli.Percent(v.Head.Points(), float64(v.Head.Games())), cli.Count(v.Head.Games()))
	}
	if v.Masked != nil {
		s += fmt.Sprintf("; among the legal moves only, which no claim is about, it would be at %s (%s)", v.Masked, v.MaskedClaim)
	}
	s += fmt.Sprintf(". The best of all temperatures, corrected for looking at all of them: %s (T=%g).", v.Any, v.AnyTemperature)
	return s
}

// String is "812 [790, 834]".
func (e Estimate) String() string {
	return fmt.Sprintf("%.0f [%.0f, %.0f]", e.Rating, e.Interval.Low, e.Interval.High)
}

// RatingText is "812 [790, 834]", "at least 790" or "at most 834", "-" for a rating of which nothing is known.
func RatingText(r joint.Rating) string {
	switch {
	case r.Side == elo.TwoSided:
		return fmt.Sprintf("%.0f [%.0f, %.0f]", r.Rating, r.Interval.Low, r.Interval.High)
	case !math.IsInf(r.Interval.Low, -1):
		return fmt.Sprintf("at least %.0f", r.Interval.Low)
	case !math.IsInf(r.Interval.High, 1):
		return fmt.Sprintf("at most %.0f", r.Interval.High)
	}
	return "-"
}

// Play says how a model did at one temperature.
type Play struct {
	Temperature float64      `json:"temperature"`
	Masked      bool         `json:"masked,omitempty"` // see Measure.Masked
	Rating      joint.Rating `json:"-"`
	Record      elo.Record   `json:"record"`
	// LegalMoves is the share of attempts that were legal, Forfeits the games that were lost for
	// want of a legal move.
	Attempts int `json:"attempts"`
	Illegal  int `json:"illegal"`
	Forfeits int `json:"forfeits"`
}

// plays are a cell's results by temperature, at last that with a mask.
func (r *Report) plays(d *lab.Done) []Play {
	var all []Play
	for i, name := range d.Cell.Measure.ModelNames() {
		p := Play{Masked: i >= len(d.Cell.Measure.Temperatures)}
		p.Temperature = d.Cell.Measure.Temperatures[i%len(d.Cell.Measure.Temperatures)]
		p.Rating, _ = r.Ratings.Of(&d.Cell, name)
		for _, g := range d.Games {
			if g.A != name {
				continue
			}
			p.Record.Add(elo.Outcome(g.Half))
			p.Attempts += g.Attempts
			p.Illegal += g.Illegal
			if g.Forfeit() {
				p.Forfeits++
			}
		}
		if p.Record.Games() > 0 {
			all = append(all, p)
		}
	}
	return all
}

// Markdown is the report as text.
func (r *Report) Markdown() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# %s: %s", r.Experiment.Name, r.Experiment.About)
	line("")
	for _, w := range r.Words {
		line("%s", w)
		line("")
	}
	line("## Ratings")
	line("")
	scale := fmt.Sprintf("ratings of the league (%s), joined by %d players of its table, who differ from it by %.0f points (root mean square)", r.Ratings.Scale, r.Ratings.Shifted, r.Ratings.Misfit)
	if r.Ratings.Shifted == 0 {
		scale = "a scale of this experiment's own, whose zero is the mean of all players"
	}
	line("All players of all cells in one fit. Scale: %s. Intervals are 95%% and about these games alone; what is common to all does not enter a comparison.", scale)
	line("")
	cell := ""
	for _, d := range r.Cells {
		if d.Cell.Model.None() {
			continue
		}
		if cell == "" {
			line("| cell | model | parameters | steps | tokens | held-out loss | T | rating | games | score | legal attempts | forfeits |")
			line("|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
		}
		cell = d.Cell.Name
		t := d.Result.Training
		for i, p := range r.plays(d) {
			head := "| | | | | | "
			if i == 0 {
				head = fmt.Sprintf("| %s | %s | %s | %s | %s | %.3f ", cell, d.Cell.Model, cli.Count(t.Parameters), cli.Count(t.Steps), cli.Count(t.Tokens), t.HeldOut)
			}
			at := fmt.Sprintf("%g", p.Temperature)
			if p.Masked {
				at += ", legal moves only"
			}
			line("%s| %s | %s | %s | %s | %s | %d |", head, at, RatingText(p.Rating), cli.Count(p.Record.Games()),
				cli.Percent(p.Record.Points(), float64(p.Record.Games())), cli.Percent(float64(p.Attempts-p.Illegal), float64(p.Attempts)), p.Forfeits)
		}
	}
	line("")
	line("| other player | rating | games |")
	line("|---|--:|--:|")
	for _, p := range r.Ratings.Fit.Ratings {
		if _, err := league.Parse(p.Name); err == nil || !strings.Contains(p.Name, lab.ModelPrefix) {
			line("| %s | %s | %s |", p.Name, RatingText(p), cli.Count(p.Record.Games()))
		}
	}
	line("")
	r.agreementTables(line)
	for _, s := range r.Sections {
		line("## %s", s.Title)
		line("")
		line("%s", s.Text)
		line("")
	}
	return b.String()
}

// agreementTables show agreement by ply.
func (r *Report) agreementTables(line func(string, ...any)) {
	percent := func(x lab.Rate) string {
		if x.Of == 0 {
			return "-"
		}
		i := x.Interval()
		return fmt.Sprintf("%.1f%% [%.1f, %.1f]", 100*x.Value(), 100*i.Low, 100*i.High)
	}
	some := false
	for _, d := range r.Cells {
		a := d.Result.Agreement
		if a == nil {
			continue
		}
		if !some {
			line("## Agreement on held-out games")
			line("")
			line("*Meant* is the expert's move without its noise and oversights; the model's move is the one that it holds likeliest. \"seen\" counts how often the position occurred in the games that were trained on.")
			line("")
			line("| cell | positions | model plays what is meant | expert plays what is meant | legal | legal, T=1 | of the expert's errors: meant instead | copied |")
			line("|---|---|--:|--:|--:|--:|--:|--:|")
			some = true
		}
		row := func(name, where string, a lab.Agreement) {
			if a.Expert.Of > 0 {
				line("| %s | %s (%s) | %s | %s | %s | %s | %s | %s |", name, where, cli.Count(a.Expert.Of), percent(a.Meant), percent(a.Expert), percent(a.Legal), percent(a.Sampled), percent(a.MeantAnyway), percent(a.Copied))
			}
		}
		row(d.Cell.Name, "all", a.All)
		for _, q := range a.Quarters {
			row("", fmt.Sprintf("plies %d-%d", q.From, q.To), q.Agreement)
		}
		for _, q := range a.Seen {
			name := fmt.Sprintf("seen %d to %d times", q.From, q.To)
			switch {
			case q.To == q.From:
				name = fmt.Sprintf("seen %d times", q.From)
			case q.To == 0 && q.From > 0:
				name = fmt.Sprintf("seen %d times or more", q.From)
			}
			row("", name, q.Agreement)
		}
	}
	if some {
		line("")
	}
}

// jsonReport is report.json.
type jsonReport struct {
	Experiment string        `json:"experiment"`
	About      string        `json:"about"`
	Settings   lab.Settings  `json:"settings"`
	Scale      string        `json:"scale"`
	Misfit     float64       `json:"misfit"`
	Words      []string      `json:"words"`
	Verdicts   []Verdict     `json:"verdicts"`
	Cells      []jsonCell    `json:"cells"`
	Players    []jsonRating  `json:"players"`
	Sections   []Section     `json:"sections,omitempty"`
	Warnings   []elo.Warning `json:"warnings,omitempty"`
	Advantage  joint.Value   `json:"advantage"`
	DrawRate   joint.Value   `json:"draw_rate"`
}

type jsonCell struct {
	Cell   lab.Cell        `json:"cell"`
	Result lab.Result      `json:"result"`
	Plays  []jsonPlay      `json:"plays,omitempty"`
	Extra  json.RawMessage `json:"extra,omitempty"`
}

type jsonPlay struct {
	Play
	Rating jsonRating `json:"rating"`
}

// jsonRating is a rating with open ends left out: JSON has no infinity.
type jsonRating struct {
	Name   string   `json:"name"`
	Rating *float64 `json:"rating,omitempty"`
	Low    *float64 `json:"low,omitempty"`
	High   *float64 `json:"high,omitempty"`
	Games  int      `json:"games"`
}

func newJSONRating(r joint.Rating) jsonRating {
	finite := func(x float64) *float64 {
		if math.IsInf(x, 0) || math.IsNaN(x) {
			return nil
		}
		return &x
	}
	j := jsonRating{Name: r.Name, Low: finite(r.Interval.Low), High: finite(r.Interval.High), Games: r.Record.Games()}
	if r.Side == elo.TwoSided {
		j.Rating = finite(r.Rating)
	}
	return j
}

// JSON is the content of report.json.
func (r *Report) JSON() any {
	j := &jsonReport{
		Experiment: r.Experiment.Name, About: r.Experiment.About, Settings: r.Settings,
		Scale: r.Ratings.Scale, Misfit: r.Ratings.Misfit, Words: r.Words, Sections: r.Sections,
	}
	for _, v := range r.Verdicts {
		v.Seeds = slices.Clone(v.Seeds)
		v.Model, v.Best = v.Model.forJSON(), v.Best.forJSON()
		for i := range v.Seeds {
			v.Seeds[i].Model = v.Seeds[i].Model.forJSON()
		}
		j.Verdicts = append(j.Verdicts, v)
	}
	if len(r.Ratings.Fit.Pools) > 0 {
		p := r.Ratings.Fit.Pools[0]
		j.Warnings, j.Advantage, j.DrawRate = p.Warnings, p.Advantage, p.DrawRate
	}
	for _, d := range r.Cells {
		c := jsonCell{Cell: d.Cell, Result: d.Result, Extra: d.Extra}
		for _, p := range r.plays(d) {
			c.Plays = append(c.Plays, jsonPlay{p, newJSONRating(p.Rating)})
		}
		j.Cells = append(j.Cells, c)
	}
	for _, p := range r.Ratings.Fit.Ratings {
		j.Players = append(j.Players, newJSONRating(p))
	}
	return j
}

// forJSON closes open ends, which JSON does not have, at the ends of all scales.
func (e Estimate) forJSON() Estimate {
	e.Interval.Low, e.Interval.High = max(e.Interval.Low, -elo.MaxRating), min(e.Interval.High, elo.MaxRating)
	return e
}

// Write writes report.json, report.md and the pictures into the lab, and returns the names of
// the files.
func (r *Report) Write(l *lab.Lab) ([]string, error) {
	dir := filepath.Join(l.Dir, r.Experiment.Name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("judge: %w", err)
	}
	// Another process of the same experiment may have come to its report, too.
	lock := flock.New(filepath.Join(dir, "report.lock"))
	if err := lock.Lock(); err != nil {
		return nil, fmt.Errorf("judge: locking %s: %w", dir, err)
	}
	defer lock.Close()
	if err := atomicfile.RemoveTemporaries(dir, ""); err != nil {
		return nil, fmt.Errorf("judge: %w", err)
	}
	var files []string
	path := func(name string) string {
		files = append(files, filepath.Join(dir, name))
		return files[len(files)-1]
	}
	if err := atomicfile.WriteJSON(path("report.json"), r.JSON()); err != nil {
		return nil, err
	}
	if err := atomicfile.WriteBytes(path("report.md"), 0o644, []byte(r.Markdown())); err != nil {
		return nil, fmt.Errorf("judge: %w", err)
	}
	pictures, err := figure.WriteAll(dir, append(r.commonPictures(), r.Pictures...))
	if err != nil {
		return nil, fmt.Errorf("judge: %w", err)
	}
	return append(files, pictures...), nil
}
