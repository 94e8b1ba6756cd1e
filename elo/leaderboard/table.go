package leaderboard

// The board as text and as JSON.

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/mattn/go-runewidth"

	"transcend/elo"
	"transcend/internal/cli"
)

// WriteJSON writes the board as one indented JSON object and a newline.
func (b *Board) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(b)
}

// WriteText writes the board as tables, one a scale, with the warnings below.
func (b *Board) WriteText(w io.Writer) error {
	if len(b.Rows) == 0 {
		_, err := io.WriteString(w, "no games yet\n")
		return err
	}
	var out strings.Builder
	for i := 0; i < len(b.Rows); {
		j := i + 1
		for j < len(b.Rows) && b.Rows[j].Scale == b.Rows[i].Scale && b.Rows[j].AnchorSet == b.Rows[i].AnchorSet {
			j++
		}
		if i > 0 {
			out.WriteByte('\n')
		}
		writeScale(&out, b.Rows[i:j])
		i = j
	}
	_, err := io.WriteString(w, out.String())
	return err
}

// writeScale writes the rows of one scale.
func writeScale(out *strings.Builder, rows []Row) {
	confidence := 0.95
	if r := rows[0].Rating; r != nil { // the rows without one come last
		confidence = r.Confidence
	}
	if first := rows[0]; first.Scale == "" {
		out.WriteString("No rating: the opponents are on no known scale\n")
	} else {
		fmt.Fprintf(out, "%s: anchors %s, measured at %s\n", first.Scale, first.AnchorSet, first.AnchorConditions)
	}
	t := Table{append([]string{"#", "player"}, Columns(confidence)...)}
	var notes notes
	for i, r := range rows {
		n := i + 1
		t = append(t, append([]string{fmt.Sprint(n), cli.Printable(r.Name)}, r.Cells()...))
		for _, o := range r.Opponents {
			t = append(t, []string{
				"", "  vs " + opponentName(o), anchorCell(o.Anchor), "", "", "",
				fmt.Sprint(o.Record.Games()), fmt.Sprint(o.Record.Wins), fmt.Sprint(o.Record.Draws), fmt.Sprint(o.Record.Losses), scoreCell(o.Record),
			})
		}
		for _, text := range rowNotes(r) {
			notes.add(n, text)
		}
	}
	t.Write(out)
	if rows[0].Scale != "" {
		out.WriteString(Legend)
	}
	notes.write(out)
}

// Legend explains Columns.
const Legend = "  with anchors: the interval with the opponents' own errors; paper-glicko2: over random orders of the games in parentheses;\n" +
	"  on board, illegal, length, other: losses by cause; legal: share of the player's proposed moves\n"

// Columns are the headings of Row.Cells, for intervals of a confidence.
func Columns(confidence float64) []string {
	return []string{"Elo", fmt.Sprintf("%.4g%% interval", 100*confidence), "with anchors", "paper-glicko2", "games", "won", "drawn", "lost", "score",
		"on board", "illegal", "length", "other", "legal"}
}

// Cells are what a table says about a row.
func (r Row) Cells() []string {
	rating, interval, total := "-", "", ""
	if r.Rating != nil {
		rating, interval, total = ratingCells(*r.Rating)
	}
	lost := r.Losses
	return []string{
		rating, interval, total, glickoCell(r.PaperGlicko2),
		fmt.Sprint(r.Record.Games()), fmt.Sprint(r.Record.Wins), fmt.Sprint(r.Record.Draws), fmt.Sprint(r.Record.Losses), scoreCell(r.Record),
		fmt.Sprint(lost[LostBoard]), fmt.Sprint(lost[LostIllegal]), fmt.Sprint(lost[LostLength]),
		fmt.Sprint(r.Record.Losses - lost[LostBoard] - lost[LostIllegal] - lost[LostLength]), legalCell(r.LegalRate),
	}
}

// notes are remarks on rows; one that several rows share is written once.
type notes struct {
	texts []string
	rows  map[string][]string
}

func (n *notes) add(row int, text string) {
	if n.rows == nil {
		n.rows = map[string][]string{}
	}
	if n.rows[text] == nil {
		n.texts = append(n.texts, text)
	}
	n.rows[text] = append(n.rows[text], fmt.Sprint(row))
}

func (n *notes) write(out *strings.Builder) {
	for _, text := range n.texts {
		fmt.Fprintf(out, "  %s: %s\n", strings.Join(n.rows[text], ", "), cli.Printable(text))
	}
}

func ratingCells(e elo.Estimate) (rating, interval, total string) {
	cell := func(iv elo.Interval) string { return fmt.Sprintf("%.0f to %.0f", iv.Low, iv.High) }
	rating, interval, total = fmt.Sprintf("%.0f", e.Rating), cell(e.Sampling), cell(e.Total)
	if e.Side != elo.TwoSided {
		rating, interval, total = e.String(), "one-sided", e.TotalString()
	}
	if e.AnchorError == 0 {
		total = "unknown"
	}
	return rating, interval, total
}

func glickoCell(g *PaperGlicko2) string {
	switch {
	case g == nil:
		return "-"
	case g.Orders == nil:
		return fmt.Sprintf("%.0f", g.Rating)
	}
	return fmt.Sprintf("%.0f (%.0f to %.0f)", g.Rating, g.Orders.Min, g.Orders.Max)
}

func scoreCell(r elo.Record) string {
	if r.Games() == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f%%", 100*r.Score())
}

func legalCell(rate *float64) string {
	if rate == nil {
		return "-"
	}
	return fmt.Sprintf("%.2f%%", 100**rate)
}

func anchorCell(a *elo.Anchor) string {
	if a == nil {
		return "-"
	}
	return fmt.Sprintf("%.0f", a.Rating)
}

func opponentName(o OpponentRow) string {
	name := cli.Printable(o.Name)
	if o.Limit != "" {
		name += " at " + cli.Printable(o.Limit)
	}
	return name
}

// rowNotes are the conditions and warnings of a row.
func rowNotes(r Row) []string {
	var texts []string
	if text := r.Conditions.String(); text != "" {
		texts = append(texts, text)
	}
	if r.Unrated != "" {
		texts = append(texts, r.Unrated)
	}
	if r.Rating != nil && r.Rating.AnchorShare() > 0 {
		texts = append(texts, fmt.Sprintf("%.0f%% of the variance comes from the anchors' own errors, which more games cannot reduce", 100*r.Rating.AnchorShare()))
	}
	for _, by := range []Culprit{ByPlayer, ByOpponent, ByArena} {
		if v := r.Voids[by]; v > 0 {
			texts = append(texts, fmt.Sprintf("void games by failure of the %s, played again: %d", by, v))
		}
	}
	for _, w := range r.Warnings {
		texts = append(texts, "warning: "+w.Text)
	}
	return texts
}

// String is the conditions in words.
func (c Conditions) String() string {
	var parts []string
	add := func(format, value string) {
		if value != "" {
			parts = append(parts, fmt.Sprintf(format, value))
		}
	}
	add("protocol %s", c.Protocol)
	add("openings %s", c.Openings)
	add("player at %s", c.PlayerLimit)
	if c.MaxPlies > 0 {
		parts = append(parts, fmt.Sprintf("draw after %d plies", c.MaxPlies))
	}
	add("adjudication %s", c.Adjudication)
	for _, k := range slices.Sorted(maps.Keys(c.Options)) {
		parts = append(parts, k+" "+c.Options[k])
	}
	return strings.Join(parts, ", ")
}

// Table is rows of cells, the header first; the second column is left-aligned, the others are
// right-aligned. Rows may be shorter than the header.
type Table [][]string

// Write writes the table in columns.
func (t Table) Write(out *strings.Builder) {
	width := make([]int, len(t[0]))
	for _, row := range t {
		for c, cell := range row {
			width[c] = max(width[c], runewidth.StringWidth(cell))
		}
	}
	for _, row := range t {
		var line strings.Builder
		for c, cell := range row {
			if c > 0 {
				line.WriteString("  ")
			}
			pad := strings.Repeat(" ", width[c]-runewidth.StringWidth(cell))
			if c == 1 {
				line.WriteString(cell + pad)
			} else {
				line.WriteString(pad + cell)
			}
		}
		out.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
}
