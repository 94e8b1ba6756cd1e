package pgn

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"transcend/internal/bitboard"
	"transcend/internal/realgames"
)

// count is what the page about the real games says of a file.
type count struct {
	games, below1000  int
	white, black, drw int
}

// counts reads the page about the real games: the rows of the tables of games and
// of results.
func counts(t *testing.T, dir string) map[string]count {
	page, err := os.ReadFile(filepath.Join(dir, "README.md"))
	if err != nil {
		t.Skip("no page that says how many games there are")
	}
	number := func(s string) int {
		n, err := strconv.Atoi(strings.ReplaceAll(s, ",", ""))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	all := map[string]count{}
	row := regexp.MustCompile("(?m)^\\| `([^`]*\\.zst)` \\| ([0-9,]+) \\| ([0-9,]+) \\| [0-9,]+ \\| [0-9,]+ \\| [0-9,]+ \\| [0-9,]+ \\| [0-9.]+ \\|")
	for _, m := range row.FindAllStringSubmatch(string(page), -1) {
		if _, ok := all[m[1]]; !ok { // the first table, the others have more columns
			all[m[1]] = count{games: number(m[2]), below1000: number(m[3])}
		}
	}
	row = regexp.MustCompile("(?m)^\\| `([^`]*\\.zst)` \\| ([0-9,]+) / ([0-9,]+) / ([0-9,]+) \\|")
	for _, m := range row.FindAllStringSubmatch(string(page), -1) {
		c := all[m[1]]
		c.white, c.black, c.drw = number(m[2]), number(m[3]), number(m[4])
		all[m[1]] = c
	}
	if m := regexp.MustCompile(`Parser stress sample, ([0-9,]+) games`).FindStringSubmatch(string(page)); m != nil {
		all["stress/stress_eval_clk.pgn.zst"] = count{games: number(m[1])}
	}
	if len(all) == 0 {
		t.Fatal("the page about the real games has another form now")
	}
	return all
}

// All real games are read, none of them broken, as many as there are. Written and
// read again they are the same; of the large files every fiftieth, or all with
// PGN_EVERY=1.
func TestRealGames(t *testing.T) {
	dir := realgames.Dir(t)
	if testing.Short() {
		t.Skip("half a million games")
	}
	for name, want := range counts(t, dir) {
		path := filepath.Join(dir, name)
		if _, err := os.Stat(path); err != nil {
			t.Logf("%s is not here", name)
			continue
		}
		r, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		r.KeepComments(true)
		every := 1
		if want.games > 10_000 {
			every = sampling(t, 50)
		}
		var got count
		var written bytes.Buffer
		var originals []*Game
		comments := 0
		w := NewWriter(&written)
		compare := func() {
			again := newReader(t, bytes.NewReader(written.Bytes()), windowSize)
			again.KeepComments(true)
			for i, g := range originals {
				if !again.Scan() || again.Game() == nil {
					t.Fatalf("%s, game %d: written, but not read: %v", name, g.Number, again.BadGame())
				}
				if err := sameGame(g, again.Game()); err != nil {
					t.Fatalf("%s, game %d: %v", name, originals[i].Number, err)
				}
				if err := sameTags(g, again.Game()); err != nil {
					t.Fatalf("%s, game %d: %v", name, originals[i].Number, err)
				}
			}
			if again.Scan() {
				t.Fatalf("%s: a game too many", name)
			}
			again.Close()
			written.Reset()
			originals = originals[:0]
		}
		for r.Scan() {
			if bad := r.BadGame(); bad != nil {
				t.Error(bad)
				continue
			}
			g := r.Game()
			got.games++
			white, ok1 := g.Elo(bitboard.White)
			black, ok2 := g.Elo(bitboard.Black)
			if !ok1 || !ok2 {
				t.Errorf("%s, game %d: no ratings", name, g.Number)
			}
			if max(white, black) < 1000 {
				got.below1000++
			}
			switch g.Result {
			case bitboard.WhiteWins:
				got.white++
			case bitboard.BlackWins:
				got.black++
			case bitboard.Draw:
				got.drw++
			}
			if g.ResultConflict {
				t.Errorf("%s, game %d: tag and marker differ", name, g.Number)
			}
			if len(g.Comments) > 0 {
				comments++
			}
			if g.Number%every == 0 {
				originals = append(originals, g.Clone())
				if err := w.Write(g); err != nil {
					t.Fatal(err)
				}
				if len(originals) == 5000 {
					compare()
				}
			}
		}
		compare()
		if err := r.Err(); err != nil {
			t.Error(err)
		}
		r.Close()
		if strings.HasPrefix(name, "stress/") {
			if comments < got.games*99/100 {
				t.Errorf("%s: only %d of %d games have comments", name, comments, got.games)
			}
			got = count{games: got.games}
		} else if comments > 0 {
			t.Errorf("%s: %d games have comments", name, comments)
		}
		if got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
}

// Filtered or not, looked at closely or not, the real games begin where they do.
func TestRealGamesFiltered(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(realgames.Dir(t), "*", "*.pgn.zst"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if info, err := os.Stat(file); err != nil || info.Size() > 3<<20 {
			continue
		}
		var want []int64
		for _, exact := range []bool{true, false} {
			r, err := Open(file)
			if err != nil {
				t.Fatal(err)
			}
			r.split.exact = exact
			var got []int64
			r.Filter(func(h *Header) bool {
				got = append(got, h.Offset)
				return false
			})
			if r.Scan() || r.Err() != nil || r.Skipped() != len(got) {
				t.Errorf("%s: %v, %d of %d skipped", file, r.Err(), r.Skipped(), len(got))
			}
			if want == nil {
				want = got
				continue
			}
			if len(got) != len(want) {
				t.Fatalf("%s: %d games, want %d", file, len(got), len(want))
			}
			for i := range got {
				if got[i] != want[i] {
					t.Fatalf("%s: game %d starts at %d, want %d", file, i+1, got[i], want[i])
				}
			}
		}
	}
}
