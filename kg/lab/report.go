package lab

// What came out of an experiment: claims, tables, pictures.

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gofrs/flock"

	"transcend/internal/atomicfile"
	"transcend/internal/cli"
	"transcend/internal/figure"
)

// Verdict is what a claim of the paper comes to here.
type Verdict string

// The verdicts.
const (
	Reproduced    Verdict = "reproduced"
	NotReproduced Verdict = "not reproduced"
	NotTested     Verdict = "not tested at this scale"
)

// Claim is one of the paper's, judged.
type Claim struct {
	Claim   string  `json:"claim"`
	Paper   string  `json:"paper"` // its numbers, and how they are known
	Ours    string  `json:"ours"`
	Verdict Verdict `json:"verdict"`
	// Why explains a verdict that the numbers alone do not.
	Why string `json:"why,omitempty"`
}

// Report is an experiment with its cells done.
type Report struct {
	Experiment *Experiment
	Settings   Settings
	Cells      []*Done
	// Uses are what the processes took that did the cells, the newest last.
	Uses []Use
	// Conclude fills what follows.
	Claims   []Claim
	Sections []Section
	Pictures []figure.Picture
}

// Section is a table with a title.
type Section struct {
	Title string     `json:"title"`
	Text  string     `json:"text,omitempty"` // Markdown, above the table
	Head  []string   `json:"head"`
	Rows  [][]string `json:"rows"`
}

// NewReport judges cells that are done.
func NewReport(e *Experiment, s Settings, cells []*Done, use ...Use) (*Report, error) {
	r := &Report{Experiment: e, Settings: s, Cells: cells, Uses: use}
	if e.Conclude != nil {
		if err := e.Conclude(r); err != nil {
			return nil, fmt.Errorf("lab: %s: %w", e.Name, err)
		}
	}
	if s.Preset == PresetTiny {
		for i := range r.Claims {
			if r.Claims[i].Verdict != NotTested {
				r.Claims[i].Verdict, r.Claims[i].Why = NotTested, "the preset tiny decides nothing"
			}
		}
	}
	return r, nil
}

// JSON is the content of report.json.
func (r *Report) JSON() any {
	type cell struct {
		Cell   Cell   `json:"cell"`
		Result Result `json:"result"`
		Extra  any    `json:"extra,omitempty"`
	}
	cells := make([]cell, len(r.Cells))
	for i, d := range r.Cells {
		cells[i] = cell{Cell: d.Cell, Result: d.Result}
		if d.Extra != nil {
			cells[i].Extra = d.Extra
		}
	}
	return struct {
		Experiment string    `json:"experiment"`
		Settings   Settings  `json:"settings"`
		Summary    string    `json:"summary"`
		Uses       []Use     `json:"uses"`
		Claims     []Claim   `json:"claims"`
		Sections   []Section `json:"sections"`
		Pictures   []string  `json:"pictures"`
		Cells      []cell    `json:"cells"`
	}{r.Experiment.Name, r.Settings, r.Summary(), r.Uses, r.Claims, r.Sections, r.pictureNames(), cells}
}

func (r *Report) pictureNames() []string {
	names := []string{}
	for _, p := range r.Pictures {
		names = append(names, p.Name)
	}
	return names
}

// Summary says in a few sentences what was done, with which seeds, and in what time.
func (r *Report) Summary() string {
	if len(r.Cells) == 0 {
		return ""
	}
	first := &r.Cells[0].Result
	seeds := map[uint64]bool{}
	seconds, least, most := 0.0, first.Training.Tokens, first.Training.Tokens
	for _, d := range r.Cells {
		seeds[d.Cell.Seed] = true
		seconds += d.Result.Training.Seconds + d.Result.Asking + d.Result.Counting
		least, most = min(least, d.Result.Training.Tokens), max(most, d.Result.Training.Tokens)
	}
	s := fmt.Sprintf("Preset %s: a graph of %s entities, %d relations and %s facts (%s questions; seed %d); a model of %s parameters (%s, %s) and %s to %s tokens of training; %d cells with seeds %s, %s of one core for all.",
		r.Settings.Preset, cli.Count(first.Graph.Entities), first.Graph.Relations, cli.Count(first.Graph.Edges), cli.Count(first.Graph.Queries), r.Cells[0].Cell.Graph.Seed,
		cli.Count(first.Training.Parameters), r.Cells[0].Cell.Model, first.Training.Precision, cli.SI(float64(least)), cli.SI(float64(most)), len(r.Cells), seedList(seeds), cli.Duration(secondsOf(seconds)))
	for _, u := range r.Uses {
		s += " " + u.String() + "."
	}
	return s
}

// Markdown is the report as text, whose pictures have names that end in pictures: ".png" or ".svg".
func (r *Report) Markdown(pictures string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s: %s\n\n%s\n\n", r.Experiment.Name, r.Experiment.About, r.Summary())
	MarkdownBody(&b, r.Claims, r.Sections, r.pictureNames(), "##", pictures)
	return b.String()
}

// MarkdownBody writes claims, pictures and tables under headings of a level.
func MarkdownBody(b *strings.Builder, claims []Claim, sections []Section, pictures []string, level, suffix string) {
	if len(claims) > 0 {
		table(b, []string{"the paper's claim", "the paper", "here", "verdict"}, claimRows(claims))
	}
	for _, name := range pictures {
		fmt.Fprintf(b, "\n![%s](%s%s)\n", name, name, suffix)
	}
	for _, s := range sections {
		fmt.Fprintf(b, "\n%s %s\n\n", level, s.Title)
		if s.Text != "" {
			fmt.Fprintf(b, "%s\n\n", s.Text)
		}
		table(b, s.Head, s.Rows)
	}
}

func seedList(seeds map[uint64]bool) string {
	var all []string
	for s := range seeds {
		all = append(all, fmt.Sprint(s))
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

func claimRows(claims []Claim) [][]string {
	var rows [][]string
	for _, c := range claims {
		verdict := "**" + string(c.Verdict) + "**"
		if c.Why != "" {
			verdict += ": " + c.Why
		}
		rows = append(rows, []string{c.Claim, c.Paper, c.Ours, verdict})
	}
	return rows
}

// table writes a Markdown table.
func table(b *strings.Builder, head []string, rows [][]string) {
	if len(head) == 0 {
		return
	}
	line := func(cells []string) {
		for _, c := range cells {
			b.WriteString("| " + strings.ReplaceAll(c, "|", "\\|") + " ")
		}
		b.WriteString("|\n")
	}
	line(head)
	b.WriteString(strings.Repeat("|---", len(head)) + "|\n")
	for _, row := range rows {
		line(row)
	}
}

// Write writes report.json, report.md and the pictures into the lab, and returns the names of
// the files.
func (r *Report) Write(l *Lab) ([]string, error) {
	dir := filepath.Join(l.Dir, r.Experiment.Name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("lab: %w", err)
	}
	lock := flock.New(filepath.Join(l.Dir, "."+r.Experiment.Name+".lock"))
	if err := lock.Lock(); err != nil {
		return nil, fmt.Errorf("lab: locking %s: %w", dir, err)
	}
	defer lock.Close()
	if err := atomicfile.RemoveTemporaries(dir, ""); err != nil {
		return nil, fmt.Errorf("lab: %w", err)
	}
	names, err := figure.WriteAll(dir, r.Pictures)
	if err != nil {
		return nil, fmt.Errorf("lab: %w", err)
	}
	path := filepath.Join(dir, "report.json")
	// What earlier processes took counts, too. A report that cannot be read is written anew.
	var before struct {
		Settings Settings `json:"settings"`
		Uses     []Use    `json:"uses"`
	}
	if _, err := atomicfile.ReadJSON(path, &before); err == nil && before.Settings.Preset == r.Settings.Preset {
		r.Uses = slices.Concat(before.Uses, r.Uses)
	}
	r.Uses = slices.DeleteFunc(r.Uses, func(u Use) bool { return u.Cells == 0 })
	if err := atomicfile.WriteJSON(path, r.JSON()); err != nil {
		return nil, err
	}
	names = append(names, path)
	path = filepath.Join(dir, "report.md")
	if err := atomicfile.WriteBytes(path, 0o644, []byte(r.Markdown(".png"))); err != nil {
		return nil, fmt.Errorf("lab: %w", err)
	}
	return append(names, path), nil
}
