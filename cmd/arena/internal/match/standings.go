package match

// What "arena match" shows: while it plays, and at the end.

import (
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/mattn/go-runewidth"

	"transcend/elo/leaderboard"
	"transcend/elo/sprt"
	"transcend/engine/arena"
	"transcend/internal/cli"
)

func eloCells(s arena.Standing) (rating, interval string) {
	switch {
	case s.Rating == nil:
		return "-", ""
	case math.IsInf(*s.Rating, 1):
		return fmt.Sprintf("> %.0f", s.Interval.Low), ""
	case math.IsInf(*s.Rating, -1):
		return fmt.Sprintf("< %.0f", s.Interval.High), ""
	}
	return fmt.Sprintf("%+.0f", *s.Rating), fmt.Sprintf("%+.0f to %+.0f", s.Interval.Low, s.Interval.High)
}

// standingsTable is the standings as lines.
func standingsTable(s *arena.Summary) []string {
	rows := [][]string{{"#", "player", "Elo", "95% interval", "games", "won", "drawn", "lost", "points", "score", "time", "crash", "stall", "illegal", "other", "void", "latency"}}
	for i, e := range s.Standings {
		rating, interval := eloCells(e)
		score := "-"
		if e.Record.Games() > 0 {
			score = fmt.Sprintf("%.1f%%", 100*e.Score)
		}
		lost := func(causes ...leaderboard.LossCause) string {
			n := 0
			for _, c := range causes {
				n += e.Losses[c]
			}
			return fmt.Sprint(n)
		}
		latency := "-"
		if e.MaxLatency > 0 {
			latency = fmt.Sprintf("%dms", e.MaxLatency.Milliseconds())
		}
		rows = append(rows, []string{
			fmt.Sprint(i + 1), e.Name, rating, interval, fmt.Sprint(e.Record.Games()), fmt.Sprint(e.Record.Wins), fmt.Sprint(e.Record.Draws), fmt.Sprint(e.Record.Losses),
			fmt.Sprintf("%.1f", e.Points), score, lost(leaderboard.LostTime), lost(leaderboard.LostCrash), lost(leaderboard.LostStall), lost(leaderboard.LostIllegal),
			lost(leaderboard.LostFormat, leaderboard.LostLength), fmt.Sprint(e.Voids), latency,
		})
	}
	return align(rows)
}

// align pads cells to columns; the second is left-aligned, the others right.
func align(rows [][]string) []string {
	width := make([]int, len(rows[0]))
	for _, row := range rows {
		for c, cell := range row {
			width[c] = max(width[c], runewidth.StringWidth(cell))
		}
	}
	var lines []string
	for _, row := range rows {
		var line strings.Builder
		for c, cell := range row {
			pad := strings.Repeat(" ", width[c]-runewidth.StringWidth(cell))
			if c > 0 {
				line.WriteString("  ")
			}
			if c == 1 {
				line.WriteString(cell + pad)
			} else {
				line.WriteString(pad + cell)
			}
		}
		lines = append(lines, strings.TrimRight(line.String(), " "))
	}
	return lines
}

// announce says what there is to play.
func (t *running) announce(missing, before int) {
	if t.quiet {
		return
	}
	t.block.Printf("%s, %d players, openings %s, seed %d, concurrency %d, database %s", t.matchConfig.Tournament, len(t.entrants), t.book, t.Seed, t.workerN, t.DB)
	switch {
	case missing == 0 && before > 0:
		t.block.Printf("all %s games were already played; more with --games or --rounds, others with --seed", cli.Count(before))
	case before > 0:
		t.block.Printf("%s games were already played, %s are missing", cli.Count(before), cli.Count(missing))
	}
}

// shown shows a finished game: on a terminal as a table that fills in, in a pipe
// as a line.
func (t *running) shown(r arena.Result) {
	if t.quiet {
		return
	}
	a, b := t.entrants[r.First].Name, t.entrants[r.Second].Name
	white, black := a, b
	if !r.FirstWhite {
		white, black = black, white
	}
	text := [...]string{"0-1", "1/2-1/2", "1-0"}[r.Outcome]
	if !r.FirstWhite {
		text = [...]string{"1-0", "1/2-1/2", "0-1"}[r.Outcome]
	}
	switch {
	case !t.block.Live():
		t.block.Printf("%d/%d: slot %d: %s - %s %s (%s, %d plies)", t.Played(), t.Wanted(), r.Slot()+1, white, black, text, r.Termination, r.Plies)
	case r.Error != "":
		t.block.Printf("game %d: %s - %s %s: %s", r.Slot()+1, white, black, text, r.Error)
	}
	if t.block.Live() && time.Since(t.drawn) >= 250*time.Millisecond {
		t.drawn = time.Now()
		t.block.Set(append(t.liveLines(), t.progressLine()))
	}
}

func (t *running) liveLines() []string {
	s := t.Summary(true)
	lines := standingsTable(&s)
	if s.SPRT != nil {
		lines = append(lines, s.SPRT.String())
	}
	return lines
}

func (t *running) progressLine() string {
	elapsed := time.Since(t.began)
	left := time.Duration(float64(elapsed) / float64(max(1, t.New())) * float64(t.Wanted()-t.Played()))
	return fmt.Sprintf("%s of %s games, %.1f games/min, left %s", cli.Count(t.Played()), cli.Count(t.Wanted()), float64(t.New())/elapsed.Minutes(), cli.Duration(left))
}

// report prints the result.
func (t *running) report(stdout io.Writer) error {
	s := t.Summary(false)
	if t.json {
		return cli.PrintJSON(stdout, s)
	}
	var out strings.Builder
	for _, line := range standingsTable(&s) {
		out.WriteString(line + "\n")
	}
	if len(t.entrants) == 2 && len(s.Crosstable) == 1 {
		c := s.Crosstable[0]
		fmt.Fprintf(&out, "%s against %s, openings %s, seed %d:\n", c.First, c.Second, s.Openings, s.Seed)
		if c.Comparison != nil {
			fmt.Fprintf(&out, "  %v\n", *c.Comparison)
		}
		fmt.Fprintf(&out, "  Games: %d, Wins: %d, Losses: %d, Draws: %d, Points: %.1f\n", c.Record.Games(), c.Record.Wins, c.Record.Losses, c.Record.Draws, c.Record.Points())
		if c.Pairs.Count() > 0 {
			fmt.Fprintf(&out, "  Ptnml(0-2): %v\n", [5]int(c.Pairs))
		}
	}
	if s.SPRT != nil {
		verdict := map[sprt.Decision]string{sprt.AcceptH0: ": H0 accepted", sprt.AcceptH1: ": H1 accepted"}[s.SPRT.Decision]
		fmt.Fprintf(&out, "  %v%s\n", *s.SPRT, verdict)
	}
	out.WriteString("  Elo: relative to the mean of the players, all games at once; time, crash, stall, illegal, other: games lost by it;\n" +
		"  void: games spoiled without a result; latency: the most by which a move took longer than its engine said\n")
	_, err := io.WriteString(stdout, out.String())
	return err
}
