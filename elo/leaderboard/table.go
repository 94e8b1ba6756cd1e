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
			t = append(t, append([]string{"", "  vs " + opponentName(o)}, o.cells()...))
		}
		for _, text := range rowNotes(r) {
			notes.add(n, text)
		}
	}
	t.Write(out)
	if rows[0].Scale != "" {
		out.WriteString(Legend())
	}
	notes.write(out)
}

// column is a column of the table: everything that a new one needs but its place in Row.
type column struct {
	head     string // %s is the confidence of intervals
	cell     func(Row) string
	opponent func(OpponentRow) string // below the row, a line for each opponent; nil: blank
	legend   string                   // what the heading does not say
}

// columns come after the place and the name of the player.
var columns = []column{
	{head: "Elo", cell: func(r Row) string { return ratingCells(r).rating }, opponent: func(o OpponentRow) string { return anchorCell(o.Anchor) }},
	{head: "%s interval", cell: func(r Row) string { return ratingCells(r).interval }},
	{head: "with anchors", cell: func(r Row) string { return ratingCells(r).total }, legend: "with anchors: the interval with the opponents' own errors"},
	{head: "paper-glicko2", cell: func(r Row) string { return glickoCell(r.PaperGlicko2) }, legend: "paper-glicko2: over random orders of the games in parentheses"},
	ofRecord("games", func(r elo.Record) string { return fmt.Sprint(r.Games()) }),
	ofRecord("won", func(r elo.Record) string { return fmt.Sprint(r.Wins) }),
	ofRecord("drawn", func(r elo.Record) string { return fmt.Sprint(r.Draws) }),
	ofRecord("lost", func(r elo.Record) string { return fmt.Sprint(r.Losses) }),
	ofRecord("score", scoreCell),
	{head: "on board", cell: func(r Row) string { return fmt.Sprint(r.Losses[LostBoard]) }, legend: "on board, illegal, length, other: losses by cause"},
	{head: "illegal", cell: func(r Row) string { return fmt.Sprint(r.Losses[LostIllegal]) }},
	{head: "length", cell: func(r Row) string { return fmt.Sprint(r.Losses[LostLength]) }},
	{head: "other", cell: func(r Row) string {
		return fmt.Sprint(r.Record.Losses - r.Losses[LostBoard] - r.Losses[LostIllegal] - r.Losses[LostLength])
	}},
	{head: "legal", cell: func(r Row) string { return legalCell(r.LegalRate) }, legend: "legal: share of the player's proposed moves"},
}

// ofRecord is a column that opponents have, too.
func ofRecord(head string, cell func(elo.Record) string) column {
	return column{head: head, cell: func(r Row) string { return cell(r.Record) }, opponent: func(o OpponentRow) string { return cell(o.Record) }}
}

// Legend explains Columns, two remarks a line.
func Legend() string {
	var remarks []string
	for _, c := range columns {
		if c.legend != "" {
			remarks = append(remarks, c.legend)
		}
	}
	var lines []string
	for pair := range slices.Chunk(remarks, 2) {
		lines = append(lines, "  "+strings.Join(pair, "; "))
	}
	return strings.Join(lines, ";\n") + "\n"
}

// Columns are the headings of Row.Cells, for intervals of a confidence.
func Columns(confidence float64) []string {
	heads := make([]string, len(columns))
	for i, c := range columns {
		heads[i] = strings.Replace(c.head, "%s", fmt.Sprintf("%.4g%%", 100*confidence), 1)
	}
	return heads
}

// Cells are what a table says about a row.
func (r Row) Cells() []string {
	cells := make([]string, len(columns))
	for i, c := range columns {
		cells[i] = c.cell(r)
	}
	return cells
}

// cells are what it says about an opponent of the row above.
func (o OpponentRow) cells() []string {
	cells := make([]string, len(columns))
	for i, c := range columns {
		if c.opponent != nil {
			cells[i] = c.opponent(o)
		}
	}
	return cells
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

// ratingText is a rating in words.
type ratingText struct{ rating, interval, total string }

func ratingCells(r Row) ratingText {
	if r.Rating == nil {
		return ratingText{rating: "-"}
	}
	e := *r.Rating
	cell := func(iv elo.Interval) string { return fmt.Sprintf("%.0f to %.0f", iv.Low, iv.High) }
	t := ratingText{fmt.Sprintf("%.0f", e.Rating), cell(e.Sampling), cell(e.Total)}
	if e.Side != elo.TwoSided {
		t = ratingText{e.String(), "one-sided", e.TotalString()}
	}
	if e.AnchorError == 0 {
		t.total = "unknown"
	}
	return t
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
