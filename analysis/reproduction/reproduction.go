// Package reproduction holds the papers' claims against stored results: what they published, where, how it is
// tested here and by which command, and what report.json files of chesstrain analyze say about it.
package reproduction

import (
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Claim is a line of claims.json.
type Claim struct {
	// Paper is "A" (Zhang et al. 2024) or "B" (Abreu et al. 2025), Where the place in it.
	Paper string `json:"paper"`
	Where string `json:"where"`
	Says  string `json:"claim"`
	// Theirs is their value as text.
	Theirs string `json:"theirs"`
	// Test says how it is tested here, Command by what.
	Test    string `json:"test"`
	Command string `json:"command"`
	// Analysis is whose report.json has it; "" where none has, and Elsewhere says where results are, if anywhere.
	Analysis  string `json:"analysis,omitempty"`
	Elsewhere string `json:"elsewhere,omitempty"`
	// Value is the path of the number below "result": names and numbers joined by slashes, "name=value" picks the element of
	// a list. What is there is a number, or an object with value and interval. Scale multiplies it, Unit follows it.
	Value string  `json:"value,omitempty"`
	Scale float64 `json:"scale,omitempty"`
	Unit  string  `json:"unit,omitempty"`
	// Above and Below are what it has to be above or below to be reproduced.
	Above *float64 `json:"above,omitempty"`
	Below *float64 `json:"below,omitempty"`
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

// Stored is a report.json of chesstrain analyze.
type Stored struct {
	Path     string `json:"-"`
	Analysis string `json:"analysis"`
	Command  string `json:"command"`
	Inputs   []struct {
		Role  string `json:"role"`
		Name  string `json:"name"`
		Games int    `json:"games"`
	} `json:"inputs"`
	Pictures []string `json:"pictures"`
	Result   any      `json:"result"`
}

// maxReport bounds the files that are read.
const maxReport = 256 << 20

// Read returns the reports below some directories, in the order of their paths. Other files of that name are
// passed over.
func Read(dirs []string) ([]Stored, error) {
	var all []Stored
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || d.Name() != "report.json" {
				return err
			}
			if info, err := d.Info(); err != nil || info.Size() > maxReport {
				return errors.Join(err, fmt.Errorf("%s is too large", path))
			}
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			s := Stored{Path: path}
			if json.Unmarshal(b, &s) == nil && s.Analysis != "" && s.Result != nil {
				all = append(all, s)
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("reproduction: reading %s: %w", dir, err)
		}
	}
	slices.SortFunc(all, func(a, b Stored) int { return strings.Compare(a.Path, b.Path) })
	return all, nil
}

// about is the model and corpus of a report.
func (s *Stored) about() string {
	var parts []string
	for _, in := range s.Inputs {
		text := in.Role + " " + in.Name
		if in.Games > 0 {
			text += fmt.Sprintf(" (%d games)", in.Games)
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ", ")
}

// find follows a path through what JSON decodes to.
func find(v any, path string) (any, bool) {
	for part := range strings.SplitSeq(path, "/") {
		switch t := v.(type) {
		case map[string]any:
			next, ok := t[part]
			if !ok {
				return nil, false
			}
			v = next
		case []any:
			name, want, picks := strings.Cut(part, "=")
			i := -1
			if picks {
				i = slices.IndexFunc(t, func(e any) bool {
					m, ok := e.(map[string]any)
					return ok && fmt.Sprint(m[name]) == want
				})
			} else if n, err := strconv.Atoi(part); err == nil && n < len(t) {
				i = n
			}
			if i < 0 {
				return nil, false
			}
			v = t[i]
		default:
			return nil, false
		}
	}
	return v, true
}

// Verdicts.
const (
	Reproduced    = "reproduced"
	NotReproduced = "not reproduced"
	Undecided     = "not decided"
	Measured      = "measured" // there is nothing to decide by
	NotRun        = "not yet run"
	Elsewhere     = "see there"
)

// Line is a claim and one result.
type Line struct {
	Claim
	Ours     string
	Interval string
	Data     string // model and corpus
	Verdict  string
	Ran      string // the command that made it
}

// Lines hold claims against results; a claim with several results has a line for each.
func Lines(all []Claim, stored []Stored) []Line {
	var lines []Line
	for _, c := range all {
		found := false
		for i := range stored {
			s := &stored[i]
			if c.Analysis == "" || s.Analysis != c.Analysis {
				continue
			}
			if l, ok := c.line(s); ok {
				found = true
				lines = append(lines, l)
			}
		}
		if !found {
			l := Line{Claim: c, Verdict: NotRun, Ran: c.Command}
			if c.Elsewhere != "" {
				l.Verdict, l.Ours = Elsewhere, c.Elsewhere
			}
			lines = append(lines, l)
		}
	}
	return lines
}

// line reads a result; false where the report does not have it.
func (c *Claim) line(s *Stored) (Line, bool) {
	l := Line{Claim: *c, Data: s.about(), Ran: s.Command, Verdict: Measured}
	v, ok := find(s.Result, c.Value)
	if !ok {
		return l, false
	}
	scale := c.Scale
	if scale == 0 {
		scale = 1
	}
	low, high := math.NaN(), math.NaN()
	if m, isMap := v.(map[string]any); isMap {
		if iv, ok := m["interval"].(map[string]any); ok {
			if x, ok := iv["low"].(float64); ok {
				low = x * scale
			}
			if x, ok := iv["high"].(float64); ok {
				high = x * scale
			}
		}
		v = m["value"]
	}
	x, ok := v.(float64)
	if !ok {
		return l, false
	}
	x *= scale
	l.Ours = trim(x) + c.Unit
	exact := math.IsNaN(low) || math.IsNaN(high)
	if exact {
		low, high = x, x
	} else {
		l.Interval = fmt.Sprintf("%s to %s", trim(low), trim(high))
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
	if c.Above != nil {
		decide(low > *c.Above, high <= *c.Above)
	} else if c.Below != nil {
		decide(high < *c.Below, low >= *c.Below)
	}
	return l, true
}

func trim(x float64) string { return strconv.FormatFloat(math.Round(x*1000)/1000, 'f', -1, 64) }

var papers = map[string]string{
	"A": "Transcendence (Zhang et al. 2024)", "B": "A Taxonomy of Transcendence (Abreu et al. 2025)",
}

const intro = "Values of the papers beside ours, with 95% intervals where there are any. \"Reproduced\" and \"not reproduced\" are said " +
	"only where the whole interval lies on that side of what the claim needs; everything else is not decided. The models " +
	"here are small and trained in minutes on simulated games or few real ones: where ours disagree, scale is the first suspect."

// Markdown is the table.
func Markdown(lines []Line) string {
	var b strings.Builder
	b.WriteString("# The papers' claims and ours\n\n" + intro + "\n")
	cell := func(s string) string { return strings.NewReplacer("|", "\\|", "\n", " ").Replace(s) }
	for _, paper := range []string{"A", "B"} {
		fmt.Fprintf(&b, "\n## %s\n\n| where | claim | theirs | ours | interval | data and model | verdict | command |\n|---|---|---|---|---|---|---|---|\n", papers[paper])
		for _, l := range lines {
			if l.Paper == paper {
				fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s | `%s` |\n", cell(l.Where), cell(l.Says+" ("+l.Test+")"), cell(l.Theirs), cell(l.Ours),
					cell(l.Interval), cell(l.Data), l.Verdict, cell(l.Ran))
			}
		}
	}
	return b.String()
}

//go:embed page.html
var page string

var pageTemplate = template.Must(template.New("page").Parse(page))

// maxPicture bounds a picture of the page.
const maxPicture = 8 << 20

// HTML is the table as one page, with the PNG pictures of the reports in it.
func HTML(lines []Line, stored []Stored) (string, error) {
	type picture struct {
		Title string
		URL   template.URL
	}
	type part struct {
		Title string
		Lines []Line
	}
	content := struct {
		Intro    string
		Parts    []part
		Pictures []picture
	}{Intro: intro}
	for _, paper := range []string{"A", "B"} {
		p := part{Title: papers[paper]}
		for _, l := range lines {
			if l.Paper == paper {
				p.Lines = append(p.Lines, l)
			}
		}
		content.Parts = append(content.Parts, p)
	}
	for _, s := range stored {
		for _, name := range s.Pictures {
			// A report names files beside it and nothing else.
			if filepath.Ext(name) != ".png" || name != filepath.Base(name) {
				continue
			}
			path := filepath.Join(filepath.Dir(s.Path), name)
			if info, err := os.Stat(path); err != nil || info.Size() > maxPicture {
				continue
			}
			b, err := os.ReadFile(path)
			if err != nil {
				return "", fmt.Errorf("reproduction: %w", err)
			}
			content.Pictures = append(content.Pictures, picture{s.Analysis + ": " + s.about(), template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(b))})
		}
	}
	var b strings.Builder
	if err := pageTemplate.Execute(&b, content); err != nil {
		return "", fmt.Errorf("reproduction: %w", err)
	}
	return b.String(), nil
}
