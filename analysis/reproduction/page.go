package reproduction

import (
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// part is a table of the page.
type part struct {
	Title string
	Lines []Line
}

func parts(lines []Line) []part {
	all := []part{{Title: "Transcendence (Zhang et al. 2024)"}, {Title: "A Taxonomy of Transcendence (Abreu et al. 2025)"}, {Title: "Controls that neither paper has"}}
	for _, l := range lines {
		i := max(slices.Index([]string{"A", "B"}, l.Paper), -1)
		if i < 0 {
			i = 2
		}
		all[i].Lines = append(all[i].Lines, l)
	}
	return all
}

const intro = "Every claim, figure and table of both papers, and ours beside it. Intervals are of 95%. \"Reproduced\" and \"not reproduced\" are said only " +
	"where the whole interval lies on that side of what the claim needs, or where chance has no part in the value; \"not decided\" is the rest of those. " +
	"\"Measured\" has nothing to decide by. The models here have one to three million weights and were trained for minutes on two cores, on simulated games or few " +
	"real ones; the paper's has fifty million, and a thousand million games: where ours disagree, scale is the first suspect."

// weak says what the numbers do not.
var weak = []string{
	"The models that were trained on games under a rating cap are far below it: that of the league (3 million weights, 42 minutes, shown the board) is at 428 at its best temperature under a cap of 1000; its curve over " +
		"temperatures has the paper's shape, 316 points between T=1 and the best. Those of 14,000 and 23,000 games of people rated up to 1300 and 1500 have an illegal first choice in every tenth position and lose nearly every game to the league's " +
		"weakest. Whether caps of 1000, 1300 and 1500 among people are surpassed is not decided here. What is shown is transcendence in the league of simulated players, whose errors are known.",
	"The models of the league and of the caps are shown the board before every move, the paper's and ours8 are not; what it costs to be blindfold is the question of chesstrain experiment blindfold.",
	"Favor is a gain over the model's own T=1, not over its experts: a model of the control, whose experts err alike and which does not surpass them, gains as much. The paper's favor alone is no evidence of transcendence.",
	"Rewards are of Stockfish 15.1 with few nodes, the paper's of 16.1 with a second a position; positions are of twenty games, the paper's of a hundred.",
	"The real games of the diversity analysis are 25,000 under the caps, of many sources, some chosen by rating band; the paper has a million under each cap. Few states are common in so few games, and these are the most common ones.",
	"Probes are fitted to 2,500 states of 400 games and their models have one to three million weights; Karvonen's have 25 to 50.",
	"The second paper's graph is not released; ours has its numbers of entities, relations and facts and not its structure.",
}

// summary counts the verdicts.
func summary(lines []Line) string {
	var words []string
	for i, n := range Count(lines) {
		if n > 0 {
			words = append(words, fmt.Sprintf("%d %s", n, Verdicts()[i]))
		}
	}
	return strings.Join(words, ", ") + "."
}

// verdictText is the verdict with what explains it.
func (l *Line) verdictText() string {
	if l.Why == "" {
		return l.Verdict
	}
	return l.Verdict + ": " + l.Why
}

// Curve is the ratings of one model over temperatures, as text.
type Curve struct {
	Name    string   `json:"name"`
	Ratings []string `json:"ratings"` // by Temperatures; "" where none was measured
}

// Temperatures are those of the paper's Figure 1.
func Temperatures() []float64 { return []float64{0.001, 0.01, 0.1, 0.3, 0.5, 0.75, 1, 1.5} }

// published is Figure 1, read off to some 3 points; what is plotted there is about one standard error to either side.
var published = []Curve{
	{"the paper, cap 1000", []string{"1424 ±86", "1367 ±87", "1499 ±79", "1317 ±90", "1297 ±71", "1085 ±71", "851 ±118", "787 ±127"}},
	{"the paper, cap 1300", []string{"1526 ±101", "1629 ±96", "1548 ±101", "1572 ±93", "1450 ±111", "1313 ±123", "1172 ±147", "809 ±175"}},
	{"the paper, cap 1500", []string{"1441 ±110", "1572 ±102", "1293 ±120", "1410 ±108", "1458 ±103", "1327 ±124", "987 ±133", "808 ±176"}},
}

// Curves are the paper's Figure 1 and every model that was rated at several temperatures: by the arena, and in cells of
// experiments, each cell once.
func Curves(stored []Stored) []Curve {
	all := slices.Clone(published)
	seen := map[string]bool{}
	add := func(name string, points []found, rating func(m map[string]any) string) {
		c := Curve{Name: name, Ratings: make([]string, len(Temperatures()))}
		n := 0
		for _, p := range points {
			m, _ := p.value.(map[string]any)
			t, ok := m["temperature"].(float64)
			i := slices.Index(Temperatures(), t)
			if !ok || i < 0 || m["masked"] == true {
				continue
			}
			c.Ratings[i] = rating(m)
			n++
		}
		if n > 1 && !seen[name] {
			seen[name] = true
			all = append(all, c)
		}
	}
	for i := range stored {
		s := &stored[i]
		switch {
		case s.Source == "arena":
			for _, f := range find(s.Result, "sweeps/*/curves/*") {
				m, _ := f.value.(map[string]any)
				name := text(m["model"])
				if bound, ok := m["cap"].(float64); ok && bound > 0 {
					name += fmt.Sprintf(", cap %.0f", bound)
				}
				add(name, find(f.value, "points/*"), func(m map[string]any) string {
					r, _ := m["rating"].(map[string]any)
					return text(r["text"])
				})
			}
		case strings.HasPrefix(s.Source, "experiment "):
			for _, f := range find(s.Result, "cells/*") {
				name := label(f.value)
				add("league, "+name+": "+s.cells[name], find(f.value, "plays/*"), func(m map[string]any) string {
					r, _ := m["rating"].(map[string]any)
					value, ok := r["rating"].(float64)
					low, one := r["low"].(float64)
					high, two := r["high"].(float64)
					switch {
					case ok && one && two:
						return fmt.Sprintf("%.0f [%.0f, %.0f]", value, low, high)
					case two:
						return fmt.Sprintf("< %.0f", high)
					case one:
						return fmt.Sprintf("> %.0f", low)
					}
					return ""
				})
			}
		}
	}
	return all
}

const curvesNote = "Figure 1 of the first paper, read off to some 3 points, with about one standard error to either side, beside our models. Each has its own " +
	"scale: the paper's is that of bots on Lichess, the league's that of docs/results/league.md. Numbers of different scales cannot be compared, the shapes can."

// cell makes a text fit into a table.
func cell(s string) string {
	return strings.NewReplacer("|", "\\|", "\n", " ").Replace(s)
}

func row(b *strings.Builder, cells ...string) {
	for _, c := range cells {
		b.WriteString("| " + cell(c) + " ")
	}
	b.WriteString("|\n")
}

// Picture is a file that the Markdown shows, and what it is called beside it.
type Picture struct{ From, Name, Title string }

// maxShown bounds the pictures of the Markdown.
const maxShown = 256 << 10

// Shown are the pictures for the Markdown: SVG of a modest size, those of the first report of each command.
func Shown(stored []Stored) ([]Picture, error) {
	var all []Picture
	seen := map[string]bool{}
	for i := range stored {
		s := &stored[i]
		if seen[s.Source] {
			continue
		}
		seen[s.Source] = true
		paths, err := s.Pictures(".svg")
		if err != nil {
			return nil, err
		}
		for _, path := range paths {
			if info, err := os.Stat(path); err != nil || info.Size() > maxShown {
				continue
			}
			name := strings.ReplaceAll(s.Source, " ", "-") + "-" + filepath.Base(path)
			all = append(all, Picture{path, "reproduction-" + name, s.Source + ", " + strings.TrimSuffix(filepath.Base(path), ".svg") + ": " + s.about(nil)})
		}
	}
	return all, nil
}

// Markdown is the table, with the pictures at the end; they lie beside it under their names.
func Markdown(lines []Line, curves []Curve, pictures []Picture, command string) string {
	var b strings.Builder
	b.WriteString("# The papers' claims and ours\n\n" + intro + "\n\n**" + summary(lines) + "**\n\nMade by\n\n    " + command + "\n\n" +
		"from the results of the commands in the last column; `chesstrain report reproduction --help` has all of them in order.\n")
	for _, p := range parts(lines) {
		if len(p.Lines) == 0 {
			continue
		}
		fmt.Fprintf(&b, "\n## %s\n\n| where | claim | theirs | ours | interval | data and model | verdict | command |\n|---|---|---|---|---|---|---|---|\n", p.Title)
		for _, l := range p.Lines {
			row(&b, l.Where, l.Says+" ("+l.Test+")", l.Theirs, l.Ours, l.Interval, l.Data, "**"+l.Verdict+"**"+strings.TrimPrefix(l.verdictText(), l.Verdict), "`"+l.Ran+"`")
		}
	}
	b.WriteString("\n## What is weak\n\n")
	for _, w := range weak {
		b.WriteString("* " + w + "\n")
	}
	b.WriteString("\n## Ratings over temperatures\n\n" + curvesNote + "\n\n| model |")
	for _, t := range Temperatures() {
		fmt.Fprintf(&b, " T=%v |", t)
	}
	b.WriteString("\n|---" + strings.Repeat("|---", len(Temperatures())) + "|\n")
	for _, c := range curves {
		row(&b, append([]string{c.Name}, c.Ratings...)...)
	}
	if len(pictures) > 0 {
		b.WriteString("\n## Pictures\n")
		for _, p := range pictures {
			fmt.Fprintf(&b, "\n![%s](%s)\n\n%s\n", strings.NewReplacer("[", "(", "]", ")", "\n", " ").Replace(p.Title), p.Name, p.Title)
		}
	}
	return b.String()
}

// Recipe is the commands that everything on the page comes from, in order.
//
//go:embed recipe.txt
var Recipe string

//go:embed page.html
var page string

var pageTemplate = template.Must(template.New("page").Parse(page))

// HTML is all of it as one page, with the PNG pictures of the reports in it.
func HTML(lines []Line, curves []Curve, stored []Stored, command string) (string, error) {
	type picture struct {
		Title string
		URL   template.URL
	}
	content := struct {
		Intro, Summary, CurvesNote, Command string
		Parts                               []part
		Weak                                []string
		Temperatures                        []float64
		Curves                              []Curve
		Pictures                            []picture
	}{Intro: intro, Summary: summary(lines), CurvesNote: curvesNote, Command: command, Parts: parts(lines), Weak: weak, Temperatures: Temperatures(), Curves: curves}
	for i := range stored {
		s := &stored[i]
		paths, err := s.Pictures(".png")
		if err != nil {
			return "", err
		}
		for _, path := range paths {
			b, err := os.ReadFile(path)
			if err != nil {
				return "", fmt.Errorf("reproduction: %w", err)
			}
			title := s.Source + ", " + strings.TrimSuffix(filepath.Base(path), ".png") + ": " + s.about(nil)
			content.Pictures = append(content.Pictures, picture{title, template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(b))})
		}
	}
	var b strings.Builder
	if err := pageTemplate.Execute(&b, content); err != nil {
		return "", fmt.Errorf("reproduction: %w", err)
	}
	return b.String(), nil
}
