package arena

// Stored games as PGN.

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"transcend/elo/leaderboard"
	"transcend/internal/atomicfile"
	"transcend/internal/bitboard"
	"transcend/pgn"
)

// WritePGN replaces the file path by the games that each yields, with the names of
// White and Black.
func WritePGN(path string, each func(write func(g leaderboard.Game, white, black string) error) error) error {
	return atomicfile.WriteFile(path, 0o644, func(w io.Writer) error {
		pw := pgn.NewWriter(w)
		return each(func(g leaderboard.Game, white, black string) error {
			out, err := ToPGN(g, white, black)
			if err != nil {
				return err
			}
			return pw.Write(out)
		})
	})
}

// WriteMatches replaces the file path by the games of the matches, or by all.
func WriteMatches(ctx context.Context, store *leaderboard.Store, path string, matches []int64) error {
	return WritePGN(path, func(write func(leaderboard.Game, string, string) error) error {
		return EachGame(ctx, store, matches, write)
	})
}

// EachGame gives the games of the matches, or all, to write, with the names of White and Black.
func EachGame(ctx context.Context, store *leaderboard.Store, matches []int64, write func(leaderboard.Game, string, string) error) error {
	players := map[int64]string{}
	all, err := store.Players(ctx)
	if err != nil {
		return err
	}
	for _, p := range all {
		players[p.ID] = p.Name
	}
	for g, err := range store.Games(ctx, matches...) {
		if err != nil {
			return err
		}
		if err := write(g, players[g.White], players[g.Black]); err != nil {
			return err
		}
	}
	return nil
}

// ToPGN is a stored game with what the players said as comments, as other match
// runners write them: the mover's evaluation in pawns, depth and time,
// "+0.35/12 0.098s", and "book" for moves of the opening.
func ToPGN(g leaderboard.Game, white, black string) (*pgn.Game, error) {
	result, err := bitboard.ParseResult(g.Result)
	if err != nil {
		return nil, fmt.Errorf("game %d of match %d: %w", g.Slot, g.MatchID, err)
	}
	start := bitboard.Start()
	if g.StartFEN != "" {
		if start, err = bitboard.ParseFEN(g.StartFEN); err != nil {
			return nil, fmt.Errorf("game %d of match %d: %w", g.Slot, g.MatchID, err)
		}
	}
	tags := []pgn.Tag{
		{Name: "Event", Value: fmt.Sprintf("arena match %d", g.MatchID)},
		{Name: "Site", Value: "?"},
		{Name: "Date", Value: g.StartedAt.UTC().Format("2006.01.02")},
		{Name: "Round", Value: strconv.Itoa(g.Slot + 1)},
		{Name: "White", Value: white},
		{Name: "Black", Value: black},
		{Name: "Result", Value: g.Result},
		{Name: "Termination", Value: g.Termination},
		{Name: "PlyCount", Value: strconv.Itoa(len(g.Moves))},
		{Name: "Seed", Value: strconv.FormatUint(g.Seed, 10)},
	}
	if g.Opening != "" && g.Opening != "startpos" {
		tags = append(tags, pgn.Tag{Name: "Opening", Value: g.Opening})
	}
	out := &pgn.Game{Tags: tags, Start: start, Moves: MovesOf(g.Moves), Result: result}
	if g.BookPlies > 0 || len(g.Evals) > 0 {
		out.Comments = make([]string, len(out.Moves))
		for i := range min(g.BookPlies, len(out.Comments)) {
			out.Comments[i] = "book"
		}
		for _, e := range g.Evals {
			if e.Ply >= 0 && e.Ply < len(out.Comments) {
				out.Comments[e.Ply] = evalComment(e)
			}
		}
	}
	if g.Error != "" {
		out.Tags = append(out.Tags, pgn.Tag{Name: "Error", Value: strings.ToValidUTF8(g.Error, "?")})
	}
	return out, nil
}

func evalComment(e leaderboard.Eval) string {
	took := fmt.Sprintf("%.3fs", float64(e.Millis)/1000)
	switch {
	case e.NoScore:
		return took
	case e.IsMate && e.Mate > 0:
		return fmt.Sprintf("+M%d/%d %s", e.Mate, e.Depth, took)
	case e.IsMate:
		return fmt.Sprintf("-M%d/%d %s", -e.Mate, e.Depth, took)
	}
	return fmt.Sprintf("%+.2f/%d %s", float64(e.Centipawns)/100, e.Depth, took)
}

// pgnFile is the file of --pgn-out: replaced at the start by the games that the
// database has already, then each game is appended the moment it ends. What is
// lost of it can be written again from the database (arena pgn).
type pgnFile struct {
	path      string
	file      *os.File
	published bool // until then it has a temporary name
	w         *pgn.Writer
}

// staleTemporary is the age from which a temporary file belongs to an arena that
// was killed before it published: that comes right after the database was read.
const staleTemporary = 10 * time.Minute

func newPGNFile(path string) (*pgnFile, error) {
	dir, prefix := filepath.Dir(path), "."+filepath.Base(path)+"."
	old, _ := os.ReadDir(dir) // one that cannot be read is the next one's error
	for _, entry := range old {
		// An editor's .games.pgn.swp is not ours: CreateTemp puts a number there.
		number, ours := strings.CutPrefix(entry.Name(), prefix)
		if _, err := strconv.ParseUint(number, 10, 64); !ours || err != nil {
			continue
		}
		if info, err := entry.Info(); err == nil && time.Since(info.ModTime()) > staleTemporary {
			os.Remove(filepath.Join(dir, entry.Name()))
		}
	}
	f, err := os.CreateTemp(dir, prefix+"*")
	if err != nil {
		return nil, fmt.Errorf("--pgn-out: %w", err)
	}
	if err := f.Chmod(0o644); err != nil && runtime.GOOS != "windows" {
		f.Close()
		os.Remove(f.Name())
		return nil, fmt.Errorf("--pgn-out: %w", err)
	}
	return &pgnFile{path: path, file: f, w: pgn.NewWriter(f)}, nil
}

// publish gives the file its name; games written before appear all at once.
func (p *pgnFile) publish() error {
	if p.published {
		return nil
	}
	if err := os.Rename(p.file.Name(), p.path); err != nil {
		return fmt.Errorf("--pgn-out: %w", err)
	}
	p.published = true
	return nil
}

func (p *pgnFile) write(g leaderboard.Game, white, black string) error {
	out, err := ToPGN(g, white, black)
	if err == nil {
		err = p.w.Write(out)
	}
	if err != nil {
		return fmt.Errorf("--pgn-out: %w", err)
	}
	return nil
}

func (p *pgnFile) close() {
	p.file.Close()
	if !p.published {
		os.Remove(p.file.Name())
	}
}
