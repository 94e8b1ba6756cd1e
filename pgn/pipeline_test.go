package pgn

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"

	"transcend/internal/realgames"
)

// tunings are pipelines from the first byte on, but for the last two; those with
// small batches have every game alone, or large, or in company.
var tunings = []tuning{
	{after: -1},
	{after: -1, text: 100, games: 2, large: 200},
	{after: -1, text: 1, large: 1},
	{after: 100, games: 3},
	{},
}

// transcript is all a reader says: each record with what is in it and what was
// dropped before it, and what it says at the end.
func transcript(r *Reader) []string {
	r.KeepComments(true)
	var all []string
	for r.Scan() {
		if bad := r.BadGame(); bad != nil {
			if r.Game() != nil {
				all = append(all, "a game, too")
			}
			all = append(all, fmt.Sprintf("%s, %d skipped, %v", bad, r.Skipped(), bad.Err))
			continue
		}
		g := r.Game()
		all = append(all, fmt.Sprintf("%s, game %d at %d, %d skipped: %q %q %v %v %v, %q %q",
			g.File, g.Number, g.Offset, r.Skipped(), g.Tags, g.Start.FEN(), g.Moves, g.Result, g.ResultConflict, g.Comment, g.Comments))
	}
	read, _ := r.Progress()
	if r.Err() != nil {
		read = -1 // it depends on how far ahead the decoder was
	}
	said := fmt.Sprint(r.Err())
	if strings.Contains(said, "the zstd data is cut off") || strings.Contains(said, "a block ends too early") {
		said = "a file or its block ends too early" // which of them depends on that, too
	}
	return append(all, fmt.Sprintf("%d skipped, %d bytes, error %s", r.Skipped(), read, said))
}

// sameBothWays reads what open opens without and with pipelines; all must say the
// same. It returns the number of records.
func sameBothWays(t *testing.T, name string, tunings []tuning, open func() (*Reader, error)) int {
	t.Helper()
	read := func(workers int, tune tuning) []string {
		r, err := open()
		if err != nil {
			return []string{err.Error()}
		}
		r.Workers(workers)
		r.tune = tune
		all := transcript(r)
		if err := r.Close(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		return all
	}
	want := read(1, tuning{})
	for i, tune := range tunings {
		got := read(2+i, tune)
		if reflect.DeepEqual(got, want) {
			continue
		}
		for k := range max(len(got), len(want)) {
			var g, w string
			if k < len(got) {
				g = got[k]
			}
			if k < len(want) {
				w = want[k]
			}
			if g != w {
				t.Errorf("%s, %d workers, %+v: record %d of %d and %d:\n got %.300s\nwant %.300s", name, 2+i, tune, k+1, len(got), len(want), g, w)
				break
			}
		}
	}
	return len(want) - 1
}

func TestPipelineTexts(t *testing.T) {
	var all strings.Builder
	rng := rand.New(rand.NewPCG(7, 7))
	for range 100 {
		all.WriteString(texts[rng.IntN(len(texts))].text)
		all.WriteString("\n\n")
	}
	inputs := []string{all.String(), numbered(300)}
	for _, test := range texts {
		inputs = append(inputs, test.text)
	}
	// Filters see the same, too: they may remember.
	for _, nth := range []int{1, 2, 7, 1 << 30} {
		for _, text := range inputs {
			var seen []string
			sameBothWays(t, fmt.Sprintf("every %dth of %.60q", nth, text), tunings, func() (*Reader, error) {
				r := newReader(t, strings.NewReader(text), 100)
				n := 0
				r.Filter(func(h *Header) bool {
					n++
					s := fmt.Sprintf("%s %d %d %q", h.File, h.Number, h.Offset, h.Tag("Event"))
					if len(seen) < n {
						seen = append(seen, s)
					} else if seen[n-1] != s {
						t.Errorf("the filter sees %s, not %s", s, seen[n-1])
					}
					return n%nth == 0
				})
				return r, nil
			})
		}
	}
}

func TestPipelineInputs(t *testing.T) {
	dead := errors.New("the line went dead")
	text := numbered(800)
	half := strings.Index(text, "[Event \"game 280\"]") + 30
	type input struct {
		name string
		data []byte
	}
	whole := []input{
		{"plain", []byte(text)},
		{"zstd", zstdData(t, text)},
		{"zstd, two frames", join(zstdData(t, text[:half]), zstdData(t, text[half:]))},
		{"gzip", gzipData(t, text)},
		{"gzip, two members", join(gzipData(t, text[:half]), gzipData(t, text[half:]))},
		{"bzip2", join(bzip2Data[0], bzip2Data[1])},
		{"followed by text", join(zstdData(t, text), []byte("[Event \"more\"]"))},
	}
	inputs := whole
	for _, in := range whole {
		step := 1 + len(in.data)/13
		if testing.Short() {
			step *= 4
		}
		for cut := 0; cut < len(in.data); cut += step {
			inputs = append(inputs, input{fmt.Sprintf("%s cut at %d", in.name, cut), in.data[:cut]})
			damaged := bytes.Clone(in.data)
			damaged[cut] ^= 0xff
			if in.name != "plain" {
				inputs = append(inputs, input{fmt.Sprintf("%s damaged at %d", in.name, cut), damaged})
			}
		}
	}
	records := 0
	for _, in := range inputs {
		for i, wrap := range []func(io.Reader) io.Reader{
			func(r io.Reader) io.Reader { return r },
			iotest.DataErrReader,
			func(r io.Reader) io.Reader { return io.MultiReader(r, iotest.ErrReader(dead)) },
		} {
			records += sameBothWays(t, fmt.Sprintf("%s, way %d", in.name, i), tunings[:2], func() (*Reader, error) {
				return NewReader("data", wrap(bytes.NewReader(in.data)))
			})
		}
	}
	if records < 10_000 {
		t.Errorf("only %d records", records)
	}
	// Ends of texts that are cut off, at every byte.
	tail := "[Event \"a\"]\n\n1. e4 {x} (1. d4 1-0) 1-0 ; y\n\n[Event \"b\"]\n\n1. e4 e5 1/2-1/2\n"
	for cut := range len(tail) {
		sameBothWays(t, fmt.Sprintf("cut at %d", cut), tunings, func() (*Reader, error) {
			return NewReader("test", io.MultiReader(strings.NewReader(tail[:cut]), iotest.ErrReader(dead)))
		})
	}
	sameBothWays(t, "no progress", tunings, func() (*Reader, error) {
		return newReader(t, io.MultiReader(strings.NewReader("1. e4 *\n\n1. d4 * "), stuck{}), 64), nil
	})
}

// Several files are read as without a pipeline, and so is one that goes away.
func TestPipelineFiles(t *testing.T) {
	dir := t.TempDir()
	put := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	text := numbered(300)
	files := []string{
		put("a.pgn", []byte(text)), put("b.pgn.zst", zstdData(t, text)), put("c.pgn.gz", gzipData(t, text)),
		put("d.pgn", nil), put("e.pgn.bz2", bzip2Data[0]), put("f.pgn", []byte("1. e4 Ke5")),
	}
	cut := put("cut.pgn.gz", gzipData(t, text)[:3000])
	gone := put("gone.pgn", nil)
	for _, test := range []struct {
		paths   []string
		records int
	}{
		{files, 902},
		{[]string{files[0], "-", files[1]}, 601},
		{[]string{files[1], cut, files[0]}, 0},
		{[]string{files[1], files[2], gone, files[0]}, 600},
		{[]string{gone}, 0},
	} {
		n := sameBothWays(t, fmt.Sprint(test.paths), tunings, func() (*Reader, error) {
			put("gone.pgn", nil)
			r, err := OpenWith(strings.NewReader("1. h4 *"), test.paths...)
			os.Remove(gone)
			return r, err
		})
		if n != test.records && test.records > 0 {
			t.Errorf("%q: %d records, want %d", test.paths, n, test.records)
		}
	}
}

// Texts made to make trouble make the same trouble, and take no more memory.
func TestPipelineHostile(t *testing.T) {
	size := 512 << 10
	if testing.Short() {
		size = 100 << 10
	}
	for _, test := range hostileTexts {
		sameBothWays(t, test.name, tunings[:1], func() (*Reader, error) {
			return newReader(t, hostileText(4*windowSize, test.piece, size/len(test.piece)), windowSize), nil
		})
	}
	if testing.Short() {
		return
	}
	for _, test := range hugeGames(MaxMovetext + 4<<20) {
		sameBothWays(t, test.name, tunings[:1], func() (*Reader, error) {
			return newReader(t, test.text(), windowSize), nil
		})
	}
}

// Large games one after the other are never in memory all at once.
func TestPipelineLargeGames(t *testing.T) {
	if testing.Short() {
		t.Skip("hundreds of megabytes of text")
	}
	game := "[Event \"x\"]\n\n1. e4 {" + strings.Repeat("word ", 2_000_000) + "} e5 1-0\n\n[Event \"y\"]\n\n1. d4 *\n\n"
	r := newReader(t, repeat(game, 30), windowSize)
	r.Workers(16)
	defer r.Close()
	n := 0
	var peak uint64
	for r.Scan() {
		n++
		if bad := r.BadGame(); bad != nil {
			t.Fatal(bad)
		}
		if n%6 == 0 {
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			peak = max(peak, m.HeapAlloc)
		}
	}
	// The game itself, the window around it, and a batch or two.
	if n != 60 || peak > 100<<20 {
		t.Errorf("%d games, %d MiB", n, peak>>20)
	}
}

func TestPipelineRealGames(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(realgames.Dir(t), "*", "*.pgn.zst"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if info, err := os.Stat(file); err != nil || info.Size() > 3<<20 || testing.Short() && info.Size() > 1<<20 {
			continue
		}
		n := sameBothWays(t, file, []tuning{{}}, func() (*Reader, error) {
			r, err := Open(file)
			if err == nil {
				r.Filter(func(h *Header) bool { elo, ok := h.WhiteElo(); return ok && elo%2 == 1 })
			}
			return r, err
		})
		if n < 100 {
			t.Errorf("%s: only %d records", file, n)
		}
	}
}

// A reader can be closed at any time: nothing is left behind (TestMain looks for
// goroutines), and the filter is asked no more.
func TestPipelineClose(t *testing.T) {
	text := numbered(20_000)
	for _, data := range [][]byte{[]byte(text), zstdData(t, text), gzipData(t, text)} {
		for _, scans := range []int{0, 1, 2, 100, 5000, 20_000, 20_001} {
			for _, tune := range tunings[:3] {
				path := write(t, "games", data)
				r, err := Open(path, path)
				if err != nil {
					t.Fatal(err)
				}
				r.Workers(3)
				r.tune = tune
				var asked atomic.Int64
				r.Filter(func(h *Header) bool { return asked.Add(1) > 0 })
				for range scans {
					if !r.Scan() {
						t.Fatal(r.Err())
					}
				}
				if err := r.Close(); err != nil {
					t.Error(err)
				}
				n := asked.Load()
				if r.Scan() || r.Game() != nil || r.BadGame() != nil || r.Err() != nil || r.Skipped() != 0 {
					t.Error("a closed reader reads")
				}
				if err := r.Close(); err != nil {
					t.Error("closing twice:", err)
				}
				if asked.Load() != n {
					t.Error("the filter is asked after Close")
				}
			}
		}
	}
}

// What has come through a pipe is there before the next read, which may wait for
// long; and Close ends the waiting. (The gzip decoder reads ahead before it hands
// out the end of a member.)
func TestPipelinePrompt(t *testing.T) {
	for _, compress := range []func(string) []byte{
		func(text string) []byte { return []byte(text) },
		func(text string) []byte { return zstdData(t, text) },
	} {
		pr, pw := io.Pipe()
		r := &Reader{tune: tuning{after: -1}}
		r.Workers(2)
		turn := make(chan struct{})
		written := make(chan struct{})
		go func() {
			defer close(written)
			for i := range 20 {
				// The end of a game is seen when the next one starts.
				if _, err := pw.Write(compress(fmt.Sprintf("ent \"%d\"]\n\n1. e4 e5 1-0\n\n[Ev", i))); err != nil {
					return
				}
				<-turn
			}
		}()
		if err := r.start("pipe", io.MultiReader(bytes.NewReader(compress("[Ev")), pr), pr.Close); err != nil {
			t.Fatal(err)
		}
		for i := range 20 {
			if !r.Scan() || r.Game() == nil || r.Game().Tag("Event") != fmt.Sprint(i) {
				t.Fatalf("game %d: %v %v", i, r.Game(), r.Err())
			}
			turn <- struct{}{}
		}
		<-written
		if err := r.Close(); err != nil { // while the splitter waits for text
			t.Error(err)
		}
	}
}

// What a game shares with others is its own: to append to it changes no other.
func TestPipelineGamesApart(t *testing.T) {
	r := newReader(t, strings.NewReader(numbered(200)), windowSize)
	r.Workers(2)
	r.tune = tunings[0]
	defer r.Close()
	for n := 1; r.Scan(); n++ {
		g := r.Game()
		if g == nil {
			continue // some of the first moves are in the way of the knight
		}
		if g.Tag("Event") != fmt.Sprintf("game %d", n) || len(g.Moves) != 4 || len(g.Tags) != 3 {
			t.Fatalf("game %d: %+v", n, g)
		}
		g.SetTag("Extra", "x")
		g.Moves = append(g.Moves, g.Moves...)
		g.Comments = append(g.Comments, "x")
	}
}
