package watch

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/mattn/go-runewidth"
	"golang.org/x/term"

	"transcend/elo/leaderboard"
	"transcend/engine/arena"
	"transcend/internal/bitboard"
	"transcend/internal/cli"
)

// draw replaces what is on the terminal, line by line so that nothing flickers.
func (w *watcher) draw(ctx context.Context, out *os.File) error {
	width, height, err := term.GetSize(int(out.Fd()))
	if err != nil || width < 20 || height < 5 {
		width, height = 80, 24
	}
	lines, err := w.frame(ctx, screen{width, height, os.Getenv("NO_COLOR") == ""})
	if err != nil {
		return err
	}
	var b strings.Builder
	b.WriteString("\x1b[H")
	for i, line := range lines {
		if i > 0 {
			b.WriteString("\r\n")
		}
		b.WriteString(line + "\x1b[K")
	}
	b.WriteString("\x1b[J")
	_, err = io.WriteString(out, b.String())
	return err
}

// screen is what there is to draw on.
type screen struct {
	width, height int
	color         bool
}

const (
	boardWidth  = 18 // a rank's number, a space, eight squares of two
	boardHeight = 12 // two names, eight ranks, the last move, a blank line
)

// frame is the picture of the moment: no line is wider, and there are not more,
// than the screen has.
func (w *watcher) frame(ctx context.Context, s screen) ([]string, error) {
	if err := w.look(ctx, true); err != nil {
		return nil, err
	}
	live, err := w.store.Live(ctx)
	if err != nil {
		return nil, err
	}
	speed := ""
	if n := w.total - w.atStart; n > 0 {
		speed = fmt.Sprintf(", %.1f a minute", float64(n)/max(time.Since(w.began).Minutes(), 1.0/60))
	}
	head := fmt.Sprintf("%s: %s games%s, %d in play", cli.Printable(w.store.Path()), cli.Count(w.total), speed, len(live))
	lines := []string{fit(head, s.width), ""}

	// The games in play get at most half of the screen, the table the rest.
	boards := w.boards(live, s)
	table := w.table(s.width)
	room := s.height - len(lines) - len(boards) - 1 // a line is left for the cursor
	if len(table) > room {
		table = append(table[:max(0, room-1)], fit(fmt.Sprintf("... %d more lines: arena leaderboard", len(table)-max(0, room-1)), s.width))
	}
	lines = append(lines, table...)
	if room := room - len(table) - 2; room > 0 && len(w.latest) > 0 {
		lines = append(lines, "")
		for _, g := range w.latest[:min(room, len(w.latest))] {
			lines = append(lines, fit(w.gameLine(g), s.width))
		}
	}
	if len(boards) > 0 {
		lines = append(append(lines, ""), boards...)
	}
	return lines[:min(len(lines), s.height-1)], nil
}

// table is the leaderboard in the columns that fit anywhere.
func (w *watcher) table(width int) []string {
	if len(w.board.Rows) == 0 {
		return []string{"no games yet"}
	}
	var lines []string
	scale := "?" // no scale has this name
	for _, r := range w.board.Rows {
		if title := cmp.Or(r.Scale, "without a rating"); title != scale {
			scale = title
			if len(lines) > 0 {
				lines = append(lines, "")
			}
			lines = append(lines, fit(cli.Printable(title), width))
		}
		rating := "-"
		if r.Rating != nil {
			rating = r.Rating.String()
		}
		name := r.Name
		if r.Conditions.PlayerLimit != "" {
			name += " at " + r.Conditions.PlayerLimit
		}
		rest := fmt.Sprintf("  %20s  %5d  +%d =%d -%d  %s", rating, r.Record.Games(), r.Record.Wins, r.Record.Draws, r.Record.Losses, cli.Percent(r.Record.Points(), float64(r.Record.Games())))
		space := max(10, min(44, width-runewidth.StringWidth(rest)))
		lines = append(lines, fit(pad(cli.Printable(name), space)+rest, width))
	}
	return lines
}

// boards draws games in play side by side.
func (w *watcher) boards(live []leaderboard.Live, s screen) []string {
	perRow := max(1, (s.width+3)/(boardWidth+3))
	rows := max(1, s.height/2/boardHeight)
	if s.height < boardHeight+6 {
		return nil
	}
	live = live[:min(len(live), min(perRow*rows, 64))]
	var lines []string
	for len(live) > 0 {
		n := min(perRow, len(live))
		var row [boardHeight - 1]strings.Builder
		for i, g := range live[:n] {
			for j, line := range w.boardLines(g, s.color) {
				if i > 0 {
					row[j].WriteString("   ")
				}
				row[j].WriteString(line)
			}
		}
		for j := range row {
			lines = append(lines, strings.TrimRight(row[j].String(), " "))
		}
		if live = live[n:]; len(live) > 0 {
			lines = append(lines, "")
		}
	}
	return lines
}

// boardLines is a game: Black's name, the board, White's name, the last move.
// Every line has the width of a board.
func (w *watcher) boardLines(g leaderboard.Live, color bool) (lines [boardHeight - 1]string) {
	start := bitboard.Start()
	if g.StartFEN != "" {
		if p, err := bitboard.ParseFEN(g.StartFEN); err == nil {
			start = p
		}
	}
	game := bitboard.NewGame(start)
	text := "-"
	last := bitboard.NoMove
	for _, m := range arena.MovesOf(g.Moves) {
		p := game.Position()
		san := p.SAN(m)
		if game.Make(m) != nil {
			break // what can be played is shown
		}
		dots := "."
		if game.PositionAt(game.Ply()-1).SideToMove() == bitboard.Black {
			dots = "..."
		}
		last, text = m, fmt.Sprintf("%d%s %s", game.PositionAt(game.Ply()-1).FullmoveNumber(), dots, san)
	}
	text += score(g.Evals, start.SideToMove())
	white, black := w.sides(g.MatchID, g.PlayerWhite)
	lines[0] = pad(black, boardWidth)
	for row := range 8 {
		lines[row+1] = rank(game.Position(), 7-row, last, color)
	}
	lines[9] = pad(white, boardWidth)
	lines[10] = pad(text, boardWidth)
	return lines
}

// score is the last score that a player has told, from White's view; "" without any.
func score(evals []leaderboard.Eval, first bitboard.Color) string {
	for _, e := range slices.Backward(evals) {
		if e.NoScore {
			continue
		}
		cp, mate := e.Centipawns, e.Mate
		if (e.Ply%2 == 1) == (first == bitboard.White) {
			cp, mate = -cp, -mate
		}
		if e.IsMate {
			return fmt.Sprintf("  #%d", mate)
		}
		return fmt.Sprintf("  %+.2f", float64(cp)/100)
	}
	return ""
}

// rank is one rank of a board: colors and chess symbols, or letters.
func rank(p *bitboard.Position, r int, last bitboard.Move, color bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d ", r+1)
	for file := range 8 {
		s := bitboard.NewSquare(file, r)
		piece := p.PieceAt(s)
		if !color {
			letter := "."
			if piece != bitboard.NoPiece {
				letter = piece.String()
			}
			mark := " "
			if last != bitboard.NoMove && s == last.To() {
				mark = "<"
			}
			b.WriteString(letter + mark)
			continue
		}
		background := 108 // of the 256 colors; muted green, and below sand and ocher
		if (file+r)%2 == 1 {
			background = 187
		}
		if last != bitboard.NoMove && (s == last.From() || s == last.To()) {
			background = 179
		}
		glyph, ink := " ", 16
		if piece != bitboard.NoPiece {
			// The filled symbols for both sides; the ink tells them apart.
			glyph = map[bitboard.PieceType]string{bitboard.King: "♚", bitboard.Queen: "♛", bitboard.Rook: "♜", bitboard.Bishop: "♝", bitboard.Knight: "♞", bitboard.Pawn: "♟"}[piece.Type()]
			if piece.Color() == bitboard.White {
				ink = 231
			}
		}
		fmt.Fprintf(&b, "\x1b[48;5;%d;38;5;%dm%s ", background, ink, glyph)
	}
	if color {
		b.WriteString("\x1b[0m")
	}
	return b.String()
}

// fit cuts a text to a width in columns.
func fit(s string, width int) string { return runewidth.Truncate(s, width, "…") }

// pad is fit with spaces up to the width.
func pad(s string, width int) string { return runewidth.FillRight(fit(s, width), width) }
