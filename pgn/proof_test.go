package pgn

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/notnil/chess"

	"transcend/internal/realgames"
)

// The tests of this file compare the real games with what other programs make of
// them: a sample, or every game when PGN_EVERY is 1.

// sampling returns which games of the real ones a test looks at: those whose number
// is a multiple of what PGN_EVERY says, of def when it says nothing.
func sampling(t *testing.T, def int) int {
	s := os.Getenv("PGN_EVERY")
	if s == "" {
		return def
	}
	every, err := strconv.Atoi(s)
	if err != nil || every < 1 {
		t.Fatalf("PGN_EVERY is %q, want a number from 1 on", s)
	}
	return every
}

// realGame is a game and the text it was read from.
type realGame struct {
	*Game
	text string
}

// eachRealGame reads all real games, with their comments, and calls use for those whose
// number is a multiple of every, or nearly. The text is cut out of the file by the offsets of the
// games.
func eachRealGame(t *testing.T, every int, use func(realGame)) {
	files, err := filepath.Glob(filepath.Join(realgames.Dir(t), "*", "*.pgn.zst"))
	if err != nil || len(files) == 0 {
		t.Skip("no files in the folder of real games")
	}
	usual := every
	for _, file := range files {
		// The file with comments and variations is small: more of its games.
		if every = usual; strings.HasPrefix(filepath.Base(file), "stress") {
			every = max(1, usual/20)
		}
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		d, err := zstd.NewReader(f, zstd.WithDecoderMaxWindow(maxZstdWindow))
		if err != nil {
			t.Fatal(err)
		}
		r, err := Open(file)
		if err != nil {
			t.Fatal(err)
		}
		r.KeepComments(true)
		// The next game says where the text ends. The others are not looked at: TestRealGames does.
		r.Filter(func(h *Header) bool { return h.Number%every <= 1 })
		text := bufio.NewReaderSize(d, 1<<20)
		at := int64(0)
		// cut returns the text up to an offset, the whole rest for -1.
		cut := func(end int64) string {
			n := end - at
			if end < 0 {
				n = 1 << 40
			}
			b, err := io.ReadAll(io.LimitReader(text, n))
			if err != nil {
				t.Fatal(err)
			}
			at += int64(len(b))
			return string(b)
		}
		var last *Game
		for r.Scan() {
			g := r.Game()
			if g == nil {
				t.Fatal(r.BadGame())
			}
			if last != nil {
				use(realGame{last, cut(g.Offset)})
				last = nil
			}
			if g.Number%every == 0 {
				if _, err := io.CopyN(io.Discard, text, g.Offset-at); err != nil {
					t.Fatal(err)
				}
				at = g.Offset
				last = g.Clone()
				last.File = filepath.Base(file)
			}
		}
		if r.Err() != nil {
			t.Fatal(r.Err())
		}
		if last != nil {
			use(realGame{last, cut(-1)})
		}
		r.Close()
		d.Close()
		f.Close()
		t.Logf("%s: read", filepath.Base(file))
	}
}

// Every move and every position of the real games is the same as with notnil/chess,
// which parses the same text with code of its own.
func TestAgainstNotnil(t *testing.T) {
	if testing.Short() {
		t.Skip("a few thousand games with a slow peer")
	}
	besideNotnil(t, sampling(t, 2500), func(g realGame) ([]*chess.Move, []*chess.Position, error) {
		update, err := chess.PGN(strings.NewReader(g.text))
		if err != nil {
			return nil, nil, err
		}
		peer := chess.NewGame(update)
		if got, want := g.Result.String(), peer.Outcome().String(); got != want {
			return nil, nil, fmt.Errorf("result %s, want %s", want, got)
		}
		return peer.Moves(), peer.Positions(), nil
	})
}

// The same ten times as fast: the peer does not look for the move that a text means,
// which takes it the texts of all legal moves, but says whether ours is legal and
// what its text is. That must be the text in the file. The files without comments
// only.
func TestRulesAgainstNotnil(t *testing.T) {
	if testing.Short() {
		t.Skip("thousands of games with a slow peer")
	}
	besideNotnil(t, sampling(t, 1000), func(g realGame) (moves []*chess.Move, positions []*chess.Position, err error) {
		if len(g.Comments) > 0 {
			return nil, nil, errSkipped
		}
		_, movetext, _ := strings.Cut(g.text, "\n\n")
		var texts []string
		for _, word := range strings.Fields(movetext) {
			if !strings.HasSuffix(word, ".") {
				texts = append(texts, word)
			}
		}
		if len(texts) != len(g.Moves)+1 || texts[len(texts)-1] != g.Result.String() {
			return nil, nil, fmt.Errorf("%d moves and %s, but the text has %d words", len(g.Moves), g.Result, len(texts))
		}
		pos := chess.StartingPosition()
		positions = append(positions, pos)
		for i, ours := range g.Moves {
			var move *chess.Move
			for _, m := range pos.ValidMoves() {
				if m.String() == ours.String() {
					move = m
				}
			}
			if move == nil {
				return nil, nil, fmt.Errorf("ply %d: %s is not legal", i, ours)
			}
			if text := (chess.AlgebraicNotation{}).Encode(pos, move); text != strings.TrimRight(texts[i], "!?") {
				return nil, nil, fmt.Errorf("ply %d: %s is %s, not %s", i, ours, text, texts[i])
			}
			pos = pos.Update(move)
			moves, positions = append(moves, move), append(positions, pos)
		}
		return moves, positions, nil
	})
}

var errSkipped = errors.New("not for this test")

// besideNotnil compares real games with the moves and positions that the peer finds.
func besideNotnil(t *testing.T, every int, find func(realGame) ([]*chess.Move, []*chess.Position, error)) {
	var games, positions, enPassants atomic.Int64
	work := make(chan realGame, 64)
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for g := range work {
				moves, peers, err := find(g)
				if err == errSkipped {
					continue
				}
				n, ep := 0, 0
				if err == nil {
					n, ep, err = sameAsPeer(g.Game, moves, peers)
				}
				if err != nil {
					t.Errorf("%s, game %d: notnil/chess: %v", g.File, g.Number, err)
				}
				positions.Add(int64(n))
				enPassants.Add(int64(ep))
				if n := games.Add(1); n%10_000 == 0 {
					t.Logf("%d games, %d positions", n, positions.Load())
				}
			}
		})
	}
	func() {
		// Without the folder of real games the test is skipped in here.
		defer wg.Wait()
		defer close(work)
		eachRealGame(t, every, func(g realGame) { work <- g })
	}()
	t.Logf("%d games, %d positions, %d of them with an en passant capture", games.Load(), positions.Load(), enPassants.Load())
	if games.Load() < 200 {
		t.Errorf("only %d games", games.Load())
	}
}

// sameAsPeer compares a game move by move and position by position. It returns the
// number of positions, and of those with an en passant square.
func sameAsPeer(g *Game, moves []*chess.Move, peers []*chess.Position) (n, enPassants int, err error) {
	if len(moves) != len(g.Moves) {
		return 0, 0, fmt.Errorf("%d moves, want %d", len(moves), len(g.Moves))
	}
	pos := g.Start
	for ply := 0; ; ply++ {
		ours, theirs := strings.Fields(pos.FEN()), strings.Fields(peers[ply].String())
		if ours[3] == "-" {
			// The peer notes the square after every double step, we note it
			// when a capture is legal.
			theirs[3] = "-"
		} else {
			enPassants++
		}
		for i := range ours {
			if ours[i] != theirs[i] {
				return n, enPassants, fmt.Errorf("ply %d: %q, not %q", ply, theirs, ours)
			}
		}
		n++
		if ply == len(g.Moves) {
			return n, enPassants, nil
		}
		if ours, theirs := g.Moves[ply].String(), moves[ply].String(); ours != theirs {
			return n, enPassants, fmt.Errorf("ply %d: %s, not %s", ply, theirs, ours)
		}
		pos.Make(g.Moves[ply])
	}
}

// The real games, as they came and as the Writer writes them, are accepted by
// pgn-extract, which finds the moves that we found; and what it writes of ours is
// read as the same games, with their comments.
func TestAgainstPGNExtract(t *testing.T) {
	if testing.Short() {
		t.Skip("thousands of games")
	}
	extract := pgnExtract()
	if extract == "" {
		t.Skip("pgn-extract is not installed")
	}
	const most = 900 // games at a time: after 1,000 it says how many there were
	var all []realGame
	games, comments := 0, 0
	check := func() {
		if len(all) == 0 {
			return
		}
		var original, written, moves strings.Builder
		w := NewWriter(&written)
		for _, g := range all {
			original.WriteString(strings.TrimSpace(g.text) + "\n\n")
			if err := w.Write(g.Game); err != nil {
				t.Fatal(err)
			}
			for _, m := range g.Moves {
				moves.WriteString(m.String() + " ")
			}
			moves.WriteString(g.Result.String() + "\n")
			if len(g.Comments) > 0 {
				comments++
			}
		}
		games += len(all)
		for name, text := range map[string]string{"as they came": original.String(), "as written": written.String()} {
			got := runExtract(t, extract, text, "-Wuci", "--notags", "-C", "-V", "-N", "-w1000000")
			// An empty line after each game, promotions in upper case.
			got = strings.ToLower(strings.ReplaceAll(got, "\n\n", "\n"))
			if got != moves.String() {
				ours, theirs := strings.Split(moves.String(), "\n"), strings.Split(got, "\n")
				for i, g := range all {
					if i >= len(theirs) || ours[i] != theirs[i] {
						t.Fatalf("%s, game %d, %s:\n%s\npgn-extract has\n%s", g.File, g.Number, name, ours[i], theirs[min(i, len(theirs)-1)])
					}
				}
				t.Fatalf("%s: pgn-extract has %d lines for %d games", name, len(theirs), len(all))
			}
		}
		again := newReader(t, strings.NewReader(runExtract(t, extract, written.String(), "-Wsan")), windowSize)
		again.KeepComments(true)
		for _, g := range all {
			if !again.Scan() || again.Game() == nil {
				t.Fatalf("%s, game %d: written by pgn-extract, but not read: %v", g.File, g.Number, again.BadGame())
			}
			if err := sameGame(g.Game, again.Game()); err != nil {
				t.Fatalf("%s, game %d, written by pgn-extract: %v", g.File, g.Number, err)
			}
		}
		if again.Scan() {
			t.Fatal("pgn-extract wrote a game too many")
		}
		again.Close()
		all = all[:0]
	}
	eachRealGame(t, sampling(t, 500), func(g realGame) {
		if all = append(all, g); len(all) == most {
			check()
		}
	})
	check()
	t.Logf("%d games, %d with comments", games, comments)
}

// pgnExtract returns the path of pgn-extract, "" when it is not installed.
func pgnExtract() string {
	for _, name := range []string{"pgn-extract", "/usr/games/pgn-extract"} { // where Debian puts it
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// remark is what pgn-extract has to say about games of TWIC's whose result is not that of
// their last move; it keeps the result, as we do.
var remark = regexp.MustCompile(`Warning: Result of \S+ is inconsistent with (checkmate by (white|black)|stalemate) in\n.*\nFile stdin: Line number: \d+\n`)

// runExtract returns what pgn-extract writes of a text, about which it must have
// nothing else to say.
func runExtract(t *testing.T, extract, text string, args ...string) string {
	t.Helper()
	cmd := exec.Command(extract, append(args, "-s")...)
	var out, said bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(text), &out, &said
	err := cmd.Run()
	if rest := remark.ReplaceAll(said.Bytes(), nil); err != nil || len(rest) > 0 {
		t.Fatalf("pgn-extract: %v\n%.2000s", err, rest)
	}
	return out.String()
}
