package stats

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/dustin/go-humanize"
	"github.com/mattn/go-runewidth"

	"transcend/data/filter"
)

// minWidth is the narrowest page that the tables fit on.
const minWidth = 72

// WriteText writes the description as tables of lines at most width columns long
// (72 at least), with bars of block characters and without escape codes, so that
// it can go to a terminal, a pager or a file. Names from outside are shown without
// control characters.
func (d *Description) WriteText(w io.Writer, width int) error {
	p := &page{width: max(width, minWidth)}
	d.writeHead(p)
	if d.Games > 0 {
		d.writeRatings(p)
		d.writeBands(p)
		d.writeLengths(p)
		d.writeOpenings(p)
		d.writeDates(p)
		d.writeNames(p)
	}
	_, err := io.WriteString(w, p.b.String())
	if err != nil {
		return fmt.Errorf("data/stats: writing the description: %w", err)
	}
	return nil
}

// columnsOf measures text, in every locale alike: in some, terminals may show
// block characters two columns wide, but hardly one does.
var columnsOf = &runewidth.Condition{}

// page is text in the making.
type page struct {
	width int
	b     strings.Builder
}

// line adds a line, cut at the page's width.
func (p *page) line(format string, args ...any) {
	s := strings.TrimRight(fmt.Sprintf(format, args...), " ")
	p.b.WriteString(columnsOf.Truncate(s, p.width, "…"))
	p.b.WriteByte('\n')
}

// list adds items with commas, in as many lines as it takes.
func (p *page) list(items []string) {
	line := ""
	for i, item := range items {
		if i < len(items)-1 {
			item += ","
		}
		switch {
		case line == "":
			line = item
		case columnsOf.StringWidth(line)+1+columnsOf.StringWidth(item) > p.width:
			p.line("%s", line)
			line = "  " + item
		default:
			line += " " + item
		}
	}
	p.line("%s", line)
}

// title begins a section.
func (p *page) title(s, note string) {
	p.line("")
	if note != "" {
		note = "  (" + note + ")"
	}
	p.line("%s%s", strings.ToUpper(s), note)
}

// column is one column of a table.
type column struct {
	head string
	left bool
	// bar makes a bar of numbers between 0 and 1, as wide as the page leaves room
	// for and at most this.
	bar int
	// flex columns give up room when the page is too narrow.
	flex bool
}

// What a table leaves free: before its first column and between any two.
const tableIndent, tableGap = 2, 2

// table adds a table. A cell is a string, a count, a share, or nil: empty.
// Columns with bars take float64 or, for bars of several parts, []float64.
func (p *page) table(columns []column, rows [][]any) {
	cells := make([][]string, len(rows))
	for r, row := range rows {
		cells[r] = make([]string, len(columns))
		for c, v := range row {
			if columns[c].bar == 0 {
				cells[r][c] = cellText(v)
			}
		}
	}
	widths := columnWidths(columns, cells, p.width)
	heads := make([]string, len(columns))
	named := false
	for c, col := range columns {
		heads[c] = col.head
		named = named || col.head != ""
	}
	if named {
		p.row(columns, widths, heads)
	}
	for r, row := range rows {
		for c, v := range row {
			if columns[c].bar == 0 {
				continue
			}
			switch v := v.(type) {
			case float64:
				cells[r][c] = bar(v, widths[c])
			case []float64:
				cells[r][c] = parts(v, widths[c])
			}
		}
		p.row(columns, widths, cells[r])
	}
}

// columnWidths are the widths of columns with these texts on a page: flexible ones give up
// what bars, which share the rest, need at least.
func columnWidths(columns []column, cells [][]string, page int) []int {
	const leastBar = 8
	widths := make([]int, len(columns))
	free, bars := page-tableIndent+tableGap, 0
	for c, col := range columns {
		free -= tableGap
		if col.bar > 0 {
			bars++
			continue
		}
		widths[c] = columnsOf.StringWidth(col.head)
		for _, texts := range cells {
			widths[c] = max(widths[c], columnsOf.StringWidth(texts[c]))
		}
		free -= widths[c]
	}
	for c, col := range columns {
		if lack := bars*leastBar - free; col.flex && lack > 0 {
			lack = min(lack, widths[c]-8)
			widths[c] -= lack
			free += lack
		}
	}
	for c, col := range columns {
		if col.bar > 0 {
			widths[c] = min(col.bar, max(free/bars, leastBar))
		}
	}
	return widths
}

// row adds a row of a table.
func (p *page) row(columns []column, widths []int, texts []string) {
	var b strings.Builder
	b.WriteString(strings.Repeat(" ", tableIndent))
	for c, s := range texts {
		if c > 0 {
			b.WriteString(strings.Repeat(" ", tableGap))
		}
		s = columnsOf.Truncate(s, widths[c], "…")
		if columns[c].left || columns[c].bar > 0 {
			s = columnsOf.FillRight(s, widths[c])
		} else {
			s = columnsOf.FillLeft(s, widths[c])
		}
		b.WriteString(s)
	}
	p.line("%s", b.String())
}

// share is a number between 0 and 1 that is shown in per cent.
type share float64

func cellText(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case int:
		return count(v)
	case short:
		return shorten(int(v), 99_999, 3)
	case share:
		return percent(float64(v))
	case float64:
		return fmt.Sprintf("%.1f", v)
	case string:
		return printable(v)
	}
	panic(fmt.Sprintf("data/stats: no cell for a %T", v))
}

// short is a count that takes at most six columns.
type short int

// count shows a number exactly up to 9,999,999 and with four digits beyond.
func count(n int) string { return shorten(n, 9_999_999, 4) }

// shorten shows a number exactly up to exact and with so many digits beyond.
func shorten(n, exact, digits int) string {
	if n <= exact {
		return humanize.Comma(int64(n))
	}
	unit := math.Pow(10, math.Floor(math.Log10(float64(n)))-float64(digits-1))
	f, prefix := humanize.ComputeSI(math.Round(float64(n)/unit) * unit)
	return strconv.FormatFloat(f, 'f', digits-1-int(math.Log10(f)+1e-9), 64) + prefix
}

func percent(f float64) string {
	return fmt.Sprintf("%.1f%%", 100*f)
}

// ratio is a/b, 0 when b is.
func ratio(a, b int) float64 {
	if b == 0 {
		return 0
	}
	return float64(a) / float64(b)
}

// printable replaces what a terminal would act on.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}

// bar is a bar of f times width, at least an eighth of a column when f is not 0.
func bar(f float64, width int) string {
	n := int(math.Round(f * float64(width) * 8))
	if n == 0 && f > 0 {
		n = 1
	}
	n = min(n, width*8)
	s := strings.Repeat("█", n/8)
	if n%8 > 0 {
		s += string([]rune("▏▎▍▌▋▊▉")[n%8-1])
	}
	return s
}

// parts is a bar of full width that shows the shares in three shades.
func parts(shares []float64, width int) string {
	var b strings.Builder
	sum, drawn := 0.0, 0
	for i, f := range shares {
		sum += f
		to := int(math.Round(sum * float64(width)))
		b.WriteString(strings.Repeat(string([]rune("░▒█")[i%3]), to-drawn))
		drawn = to
	}
	return b.String()
}

func (d *Description) writeHead(p *page) {
	p.line("%s games, %s plies%s", humanize.Comma(int64(d.Games)), humanize.Comma(int64(d.Plies.Total)), when(d.Games > 0, fmt.Sprintf(", %.1f a game", d.Plies.Mean)))
	if d.Games == 0 {
		return
	}
	if d.Players.Distinct > 0 {
		about := ""
		if d.Players.Estimated {
			about = "about "
		}
		p.line("%s%s players%s", about, humanize.Comma(int64(d.Players.Distinct)), when(d.Players.Unknown > 0, fmt.Sprintf(" (%s of %s names are missing)", count(d.Players.Unknown), count(2*d.Games))))
	}
	if d.Dates.First != "" {
		p.line("played %s to %s%s", d.Dates.First, d.Dates.Last, when(d.Dates.Unknown > 0, fmt.Sprintf(" (%s without a date)", count(d.Dates.Unknown))))
	}
	p.list(present([]string{"rated", "casual", "not said whether rated"}, []int{d.Rated.Rated, d.Rated.Casual, d.Rated.Unknown}, d.Games))
	r := d.Results
	p.list(present([]string{"White wins", "draws", "Black wins", "unfinished"}, []int{r.WhiteWins, r.Draws, r.BlackWins, r.Unfinished}, d.Games))
}

func when(cond bool, s string) string {
	if !cond {
		return ""
	}
	return s
}

// present lists the counts that are not 0 with their shares.
func present(names []string, counts []int, all int) []string {
	var list []string
	for i, n := range counts {
		if n > 0 {
			list = append(list, fmt.Sprintf("%s %s (%s)", names[i], count(n), percent(ratio(n, all))))
		}
	}
	return list
}

func summaryRow(name string, s Summary) []any {
	if s.Count == 0 {
		return nil
	}
	row := []any{name, s.Count, s.Mean}
	for _, v := range []int{s.Min, s.P5, s.P25, s.Median, s.P75, s.P95, s.Max} {
		row = append(row, strconv.Itoa(v)) // nobody writes a rating of 1,500
	}
	return row
}

var summaryColumns = []column{{left: true}, {head: "number"}, {head: "mean"}, {head: "min"}, {head: "5%"}, {head: "25%"}, {head: "median"}, {head: "75%"}, {head: "95%"}, {head: "max"}}

// summaries adds a table of those that are about something.
func (p *page) summaries(rows ...[]any) {
	p.table(summaryColumns, slices.DeleteFunc(rows, func(r []any) bool { return r == nil }))
}

func (d *Description) writeRatings(p *page) {
	r := d.Ratings
	p.title("ratings", "")
	if r.UnknownPlayers > 0 {
		p.line("  %s of %s ratings are missing, one or both in %s games", count(r.UnknownPlayers), count(2*d.Games), count(r.UnknownGames))
	}
	if r.Players.Count == 0 {
		return
	}
	p.summaries(summaryRow("players", r.Players.Summary), summaryRow("game's maximum", r.Maximum.Summary), summaryRow("difference", r.Difference))
	p.line("")
	most := max(highest(r.Players.Histogram, r.Players.Count), highest(r.Maximum.Histogram, r.Maximum.Count))
	maximum := make(map[int]int)
	for _, b := range r.Maximum.Histogram {
		maximum[b.From] = b.Count
	}
	var rows [][]any
	for _, b := range r.Players.Histogram {
		players, games := ratio(b.Count, r.Players.Count), ratio(maximum[b.From], r.Maximum.Count)
		rows = append(rows, []any{span(b), b.Count, share(players), players / most, maximum[b.From], share(games), games / most})
	}
	p.table([]column{{head: "rating"}, {head: "players"}, {}, {bar: 24}, {head: "by maximum"}, {}, {bar: 24}}, rows)
}

// highest is the largest share of a bin.
func highest(bins []Bin, all int) float64 {
	f := 0.0
	for _, b := range bins {
		f = max(f, ratio(b.Count, all))
	}
	return f
}

func span(b Bin) string { return fmt.Sprintf("%d-%d", b.From, b.To) }

// name of a band in a table.
func (b Band) name() string {
	if b.Unknown {
		return "unknown"
	}
	return span(Bin{From: b.From, To: b.To})
}

func (d *Description) writeBands(p *page) {
	p.title("games by rating and speed", "rating of the stronger player")
	bands := d.wideBands()
	columns := []column{{head: "rating"}}
	shown := []int{}
	for i, n := range d.Speeds.list() {
		if n > 0 {
			shown = append(shown, i)
			columns = append(columns, column{head: speedNames()[i]})
		}
	}
	columns = append(columns, column{head: "games"}, column{}, column{bar: 16})
	most := 0.0
	for _, b := range bands {
		most = max(most, ratio(b.Games, d.Games))
	}
	var rows [][]any
	wide := len(shown) > 4
	number := func(n int) any {
		if wide {
			return short(n)
		}
		return n
	}
	row := func(name string, speeds Speeds, games int) []any {
		r := []any{name}
		for _, i := range shown {
			if n := speeds.list()[i]; n > 0 {
				r = append(r, number(n))
			} else {
				r = append(r, "·") // what there is stands out
			}
		}
		return append(r, number(games), share(ratio(games, d.Games)), nil)
	}
	for _, b := range bands {
		r := row(b.name(), b.Speeds, b.Games)
		r[len(r)-1] = ratio(b.Games, d.Games) / most
		rows = append(rows, r)
	}
	if len(bands) > 1 {
		rows = append(rows, row("all", d.Speeds, d.Games))
	}
	// With many speeds there is no room for the share and its bar.
	if wide {
		columns = columns[:len(columns)-2]
		for i := range rows {
			rows[i] = rows[i][:len(columns)]
		}
	}
	p.table(columns, rows)

	p.title("results by rating", "rating of the stronger player")
	rows = nil
	for _, b := range bands {
		rows = append(rows, resultRow([]any{b.name()}, b.Games, b.Results))
	}
	if len(bands) > 1 {
		rows = append(rows, resultRow([]any{"all"}, d.Games, d.Results))
	}
	p.table(append([]column{{head: "rating"}}, resultColumns...), rows)
}

// speedNames are short names of the speeds in their order.
func speedNames() []string {
	var names []string
	for _, s := range filter.Speeds() {
		names = append(names, map[filter.Speed]string{filter.UltraBullet: "ultra", filter.Correspondence: "corresp"}[s])
		if names[len(names)-1] == "" {
			names[len(names)-1] = string(s)
		}
	}
	return append(names, "unknown")
}

var resultColumns = []column{{head: "games"}, {head: "White"}, {head: "draw"}, {head: "Black"}, {head: "White's score"}, {head: "░White ▒draw █Black", bar: 24}}

// resultRow continues a row with resultColumns.
func resultRow(row []any, games int, r Results) []any {
	finished := games - r.Unfinished
	if finished == 0 {
		return append(row, games, "-", "-", "-", "-", nil)
	}
	white, draws, black := ratio(r.WhiteWins, finished), ratio(r.Draws, finished), ratio(r.BlackWins, finished)
	return append(row, games, share(white), share(draws), share(black), share(*r.WhiteScore), []float64{white, draws, black})
}

func (d *Description) writeLengths(p *page) {
	p.title("length in plies", "")
	l := d.Plies
	p.summaries(summaryRow("all games", l.Summary), summaryRow("White wins", l.WhiteWins.Summary),
		summaryRow("draws", l.Draws.Summary), summaryRow("Black wins", l.BlackWins.Summary), summaryRow("unfinished", l.Unfinished.Summary))
	p.line("")
	// The long tail is one row.
	bins := l.Histogram
	most := highest(bins, l.Count)
	const maxRows = 20
	var rows [][]any
	for i, b := range bins {
		name := span(b)
		if i == maxRows-1 && len(bins) > maxRows {
			name = fmt.Sprintf("%d-", b.From)
			for _, rest := range bins[i+1:] {
				b.Count += rest.Count
			}
		}
		f := ratio(b.Count, l.Count)
		rows = append(rows, []any{name, b.Count, share(f), f / max(most, f)})
		if len(rows) == maxRows {
			break
		}
	}
	p.table([]column{{head: "plies"}, {head: "games"}, {}, {bar: 40}}, rows)
}

func (d *Description) writeOpenings(p *page) {
	o := d.Openings
	row := func(name []any, r OpeningResults) []any {
		row := append(name, r.Games, share(ratio(r.Games, d.Games)), nil)
		if r.WhiteScore == nil {
			return append(row, "-")
		}
		return append(row, share(*r.WhiteScore))
	}
	columns := []column{{head: "games"}, {}, {bar: 24}, {head: "White's score"}}
	put := func(title, note string, names []column, rows [][]any, most int) {
		if len(rows) == 0 {
			return
		}
		for _, r := range rows {
			r[len(r)-2] = ratio(r[len(names)].(int), most)
		}
		p.title(title, note)
		p.table(append(names, columns...), rows)
	}
	var rows [][]any
	for _, m := range firstOf(o.FirstMoves, 10) {
		rows = append(rows, row([]any{"1. " + m.Move}, m.OpeningResults))
	}
	if len(rows) > 0 {
		put("first moves", more(len(rows), len(o.FirstMoves)), []column{{left: true}}, rows, o.FirstMoves[0].Games)
	}
	rows = nil
	for _, f := range firstOf(o.Families, 15) {
		rows = append(rows, row([]any{f.Name}, f.OpeningResults))
	}
	if len(rows) > 0 {
		put("openings", more(len(rows), len(o.Families)), []column{{left: true, flex: true}}, rows, o.Families[0].Games)
	}
	rows = nil
	for _, n := range firstOf(o.Names, 15) {
		rows = append(rows, row([]any{n.Code, n.Name}, n.OpeningResults))
	}
	if len(rows) > 0 {
		put("variations", more(len(rows), len(o.Names)), []column{{left: true}, {left: true, flex: true}}, rows, o.Names[0].Games)
	}
}

func firstOf[T any](list []T, n int) []T { return list[:min(n, len(list))] }

// more says that a list is not complete.
func more(shown, all int) string {
	if shown == all {
		return ""
	}
	return fmt.Sprintf("the first %d of %s", shown, humanize.Comma(int64(all)))
}

func (d *Description) writeDates(p *page) {
	if d.Dates.First == "" {
		return
	}
	title, list := "games by year", d.Dates.Years
	if m := d.Dates.Months; len(list) <= 2 && len(m) <= 24 {
		title, list = "games by month", m
	}
	const maxRows = 40
	note := ""
	if len(list) > maxRows {
		note = fmt.Sprintf("the last %d of %d", maxRows, len(list))
		list = list[len(list)-maxRows:]
	}
	p.title(title, note)
	most := 0
	for _, t := range list {
		most = max(most, t.Games)
	}
	var rows [][]any
	for _, t := range list {
		rows = append(rows, []any{t.Name, t.Games, share(ratio(t.Games, d.Games)), ratio(t.Games, most)})
	}
	p.table([]column{{left: true}, {head: "games"}, {}, {bar: 40}}, rows)
}

func (d *Description) writeNames(p *page) {
	put := func(title string, n Names, rowsShown int) {
		if len(n.Top) == 0 {
			return
		}
		top := firstOf(n.Top, rowsShown)
		p.title(title, more(len(top), n.Distinct))
		p.names(top, d.Games)
		if n.Unknown > 0 {
			p.line("  unknown: %s (%s)", count(n.Unknown), percent(ratio(n.Unknown, d.Games)))
		}
		p.undercount(n.Undercount)
	}
	put("time controls", d.TimeControls, 10)
	put("terminations", d.Terminations, 10)
	if pl := d.Players; len(pl.Top) > 0 {
		top := firstOf(pl.Top, 10)
		p.title("players", more(len(top), pl.Distinct))
		p.names(top, d.Games)
		p.undercount(pl.Undercount)
		for _, s := range []struct {
			n     int
			share float64
		}{{10, pl.Top10}, {100, pl.Top100}} {
			if pl.Distinct > s.n {
				p.line("  the %d most active: %s of the players' places, two a game", s.n, percent(s.share))
			}
		}
	}
}

func (p *page) names(list []NameCount, games int) {
	var rows [][]any
	for _, n := range list {
		rows = append(rows, []any{n.Name, n.Games, share(ratio(n.Games, games)), ratio(n.Games, list[0].Games)})
	}
	p.table([]column{{left: true, flex: true}, {head: "games"}, {}, {bar: 40}}, rows)
}

func (p *page) undercount(n int) {
	if n > 0 {
		p.line("  each may have up to %s games more: there were too many names to keep", humanize.Comma(int64(n)))
	}
}
