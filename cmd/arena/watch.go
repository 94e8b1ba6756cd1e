package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/mattn/go-runewidth"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"transcend/elo/leaderboard"
	"transcend/engine/arena"
	"transcend/internal/bitboard"
	"transcend/internal/cli"
)

const watchHelp = `Watch arenas play: the table and the games in play, drawn anew every second. In a
pipe, or with --json, a line for every finished game, those of the past first.

usage: arena watch [--db FILE] [--interval 1s]

On a terminal it goes on until Ctrl-C. In a pipe it ends when no arena plays any more:
nothing is in play, and nothing was for a second (for a quarter of a minute after an
arena was killed). --follow goes on. The database is only read. NO_COLOR=1 draws the
boards with letters.

examples:
  arena watch
  arena watch --db results.db --interval 5s
  arena watch --once
  arena watch | grep 'illegal move'
  arena watch --new --follow --json >> games.jsonl

flags:
`

// watch is the subcommand "watch".
func watch(ctx context.Context, stdout, _ io.Writer, args []string) error {
	fs := pflag.NewFlagSet(program+" watch", pflag.ContinueOnError)
	fs.SortFlags = false
	db := fs.String("db", "arena.db", "the leaderboard, an SQLite database")
	anchors := fs.String("anchors", "", "strengths of the engines' levels, by name (default: by the engine's version)")
	interval := fs.Duration("interval", time.Second, "time between two looks")
	once := fs.Bool("once", false, "print the table and the games in play once")
	asJSON := fs.Bool("json", false, "print one JSON object a finished game")
	follow := fs.Bool("follow", false, "in a pipe: wait for further arenas, until Ctrl-C")
	onlyNew := fs.Bool("new", false, "in a pipe: only games that end from now on")
	err := cli.Parse(fs, args, stdout, func(w io.Writer) { fmt.Fprint(w, watchHelp, fs.FlagUsagesWrapped(100)) })
	if err != nil {
		return err
	}
	switch {
	case fs.NArg() > 0:
		return cli.Usagef("unexpected argument %q", fs.Arg(0))
	case *interval < 50*time.Millisecond:
		return cli.Usagef("--interval %v: must be at least 50ms", *interval)
	case *once && (*follow || *onlyNew):
		return cli.Usagef("--once shows the moment: --follow and --new are for the games as they end")
	case *once && *asJSON:
		return cli.Usagef("--once and --json exclude each other: arena leaderboard --json prints the table once")
	}
	by, err := anchorsFor(*anchors)
	if err != nil {
		return err
	}
	store, err := leaderboard.OpenReadOnly(*db)
	if err != nil {
		return err
	}
	defer store.Close()
	w := &watcher{store: store, anchors: by, began: time.Now()}
	if *once {
		lines, err := w.frame(ctx, screen{width: 100, height: 1 << 20})
		if err != nil {
			return err
		}
		_, err = io.WriteString(stdout, strings.Join(lines, "\n")+"\n")
		return err
	}
	look := func(ctx context.Context) (bool, error) {
		over, err := w.lines(ctx, stdout, *asJSON)
		return over && !*follow, err
	}
	if file, ok := stdout.(*os.File); ok && cli.IsTerminal(stdout) && !*asJSON {
		// The alternate screen gives back what was there before.
		fmt.Fprint(stdout, "\x1b[?1049h\x1b[?25l")
		defer fmt.Fprint(stdout, "\x1b[?25h\x1b[?1049l")
		look = func(ctx context.Context) (bool, error) { return false, w.draw(ctx, file) }
	} else if err := w.begin(ctx, stdout, *asJSON, *onlyNew); err != nil {
		return err
	}
	tick := time.NewTicker(*interval)
	defer tick.Stop()
	for {
		switch over, err := look(ctx); {
		case err != nil && ctx.Err() == nil:
			return err
		case over:
			return nil
		}
		select {
		case <-ctx.Done():
			return nil // stopping is how it ends
		case <-tick.C:
		}
	}
}

// watcher is what is remembered from one look to the next.
type watcher struct {
	store    *leaderboard.Store
	anchors  leaderboard.AnchorFunc
	began    time.Time
	atStart  int // games when it began
	looked   bool
	revision string
	board    *leaderboard.Board
	players  map[int64]leaderboard.Player
	matches  map[int64]leaderboard.Match
	names    map[int64][2]string // of tournaments, by match
	total    int
	latest   []leaderboard.Game // the latest first

	mark int64     // of the last game that was written as a line
	idle time.Time // since when nothing is in play; zero: something is
}

// restless is how long nothing has to be in play until no arena plays any more: between
// two games of one there is a moment without.
const restless = time.Second

// look reads what has changed.
func (w *watcher) look(ctx context.Context, rate bool) error {
	revision, err := w.store.Revision(ctx)
	if err != nil || w.looked && revision == w.revision {
		return err
	}
	if w.latest, w.total, err = w.store.FindGames(ctx, leaderboard.Filter{}, 5, 0); err != nil {
		return err
	}
	if !w.looked {
		w.atStart = w.total
	}
	players, err := w.store.Players(ctx)
	if err != nil {
		return err
	}
	matches, err := w.store.Matches(ctx)
	if err != nil {
		return err
	}
	w.players, w.matches = map[int64]leaderboard.Player{}, map[int64]leaderboard.Match{}
	for _, p := range players {
		w.players[p.ID] = p
	}
	for _, m := range matches {
		w.matches[m.ID] = m
	}
	if w.names, err = w.store.MatchNames(ctx); err != nil {
		return err
	}
	if rate {
		if w.board, err = w.store.Leaderboard(ctx, leaderboard.BoardOptions{Anchors: w.anchors, Orders: -1}); err != nil {
			return err
		}
	}
	w.looked, w.revision = true, revision
	return nil
}

// sides are the names of White and Black in a match, without what could move the
// cursor: they come from a file.
func (w *watcher) sides(matchID int64, playerWhite bool) (white, black string) {
	m := w.matches[matchID]
	names, ok := w.names[matchID]
	if !ok {
		for i, id := range []int64{m.PlayerID, m.OpponentID} {
			names[i] = fmt.Sprintf("player %d", id)
			if p, known := w.players[id]; known {
				names[i] = p.Name
			}
		}
	}
	player, opponent := cli.Printable(names[0]), cli.Printable(names[1])
	if playerWhite {
		return player, opponent
	}
	return opponent, player
}

// begin writes how many games there are, and decides with which the lines begin.
func (w *watcher) begin(ctx context.Context, out io.Writer, asJSON, onlyNew bool) error {
	if err := w.look(ctx, false); err != nil {
		return err
	}
	for onlyNew {
		games, last, err := w.store.GamesAfter(ctx, w.mark, page)
		if err != nil {
			return err
		}
		w.mark, onlyNew = last, len(games) == page
	}
	if asJSON {
		return nil
	}
	_, err := fmt.Fprintf(out, "%s: %s games\n", w.store.Path(), cli.Count(w.total))
	return err
}

// page is how many games are read at once.
const page = 200

// lines writes the games that have ended since the last look, and says whether no arena
// plays any more.
func (w *watcher) lines(ctx context.Context, out io.Writer, asJSON bool) (over bool, err error) {
	// Asked before the games: what is in play then is among them later, or in play.
	live, err := w.store.Live(ctx)
	if err != nil {
		return false, err
	}
	if err := w.look(ctx, false); err != nil {
		return false, err
	}
	ended := false
	for {
		games, last, err := w.store.GamesAfter(ctx, w.mark, page)
		if err != nil {
			return false, err
		}
		for _, g := range games {
			line := w.gameLine(g)
			if asJSON {
				if line, err = w.gameJSON(g); err != nil {
					return false, err
				}
			}
			if _, err := fmt.Fprintln(out, line); err != nil {
				return false, err
			}
		}
		w.mark, ended = last, ended || len(games) > 0
		if len(games) < page {
			break
		}
	}
	if len(live) > 0 {
		w.idle = time.Time{}
		return false, nil
	}
	if ended || w.idle.IsZero() {
		w.idle = time.Now()
	}
	return time.Since(w.idle) >= restless, nil
}

func (w *watcher) gameJSON(g leaderboard.Game) (string, error) {
	white, black := w.sides(g.MatchID, g.PlayerWhite)
	b, err := json.Marshal(map[string]any{
		"match": g.MatchID, "slot": g.Slot, "white": white, "black": black, "result": g.Result,
		"termination": g.Termination, "loss_cause": g.LossCause, "opponent_cause": g.OpponentCause, "plies": len(g.Moves), "moves": g.MoveText, "illegal_attempts": g.Illegal,
	})
	return string(b), err
}

func (w *watcher) gameLine(g leaderboard.Game) string {
	white, black := w.sides(g.MatchID, g.PlayerWhite)
	return fmt.Sprintf("%d.%d  %s - %s  %s  %s, %d moves", g.MatchID, g.Slot, white, black, cli.Printable(g.Result), cli.Printable(g.Termination), (len(g.Moves)+1)/2)
}

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
	for _, e := range slices.Backward(g.Evals) {
		if e.NoScore {
			continue
		}
		cp, mate := e.Centipawns, e.Mate
		if (e.Ply%2 == 1) == (start.SideToMove() == bitboard.White) {
			cp, mate = -cp, -mate // from White's view
		}
		if e.IsMate {
			text += fmt.Sprintf("  #%d", mate)
		} else {
			text += fmt.Sprintf("  %+.2f", float64(cp)/100)
		}
		break
	}
	white, black := w.sides(g.MatchID, g.PlayerWhite)
	lines[0] = pad(black, boardWidth)
	for row := range 8 {
		lines[row+1] = rank(game.Position(), 7-row, last, color)
	}
	lines[9] = pad(white, boardWidth)
	lines[10] = pad(text, boardWidth)
	return lines
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
