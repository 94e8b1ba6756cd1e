package lichess

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"go.uber.org/goleak"

	"transcend/internal/bitboard"
	"transcend/internal/boardtest"
	"transcend/internal/faultserver"
	"transcend/internal/realgames"
	"transcend/pgn"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(killedKeepDir); dir != "" {
		os.Exit(readUntilKilled(dir, os.Getenv(killedBaseURL)))
	}
	goleak.VerifyTestMain(m)
}

var january = Month{2023, time.January}

// gameText returns some hundred games of random moves.
var gameText = sync.OnceValue(func() []byte {
	rng := rand.New(rand.NewPCG(1, 2))
	var text bytes.Buffer
	w := pgn.NewWriter(&text)
	for i := range 1200 {
		g := pgn.Game{Start: bitboard.Start(), Result: bitboard.Draw, Tags: []pgn.Tag{
			{Name: "Site", Value: fmt.Sprintf("game %d", i)},
			{Name: "WhiteElo", Value: fmt.Sprint(600 + rng.IntN(1500))},
			{Name: "BlackElo", Value: fmt.Sprint(600 + rng.IntN(1500))},
		}}
		g.Moves = boardtest.RandomMoves(rng, 20+rng.IntN(60))
		if err := w.Write(&g); err != nil {
			panic(err)
		}
	}
	return text.Bytes()
})

// gameFile returns the games compressed, in two frames.
var gameFile = sync.OnceValue(func() []byte {
	text := gameText()
	e, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		panic(err)
	}
	defer e.Close()
	half := len(text) / 2
	return e.EncodeAll(text[half:], e.EncodeAll(text[:half], nil))
})

// The server and what it can do wrong.
type (
	server = faultserver.Server
	fault  = faultserver.Fault
)

const monthPath = faultserver.Path

var (
	newServer = faultserver.New
	drop      = faultserver.Drop
	stall     = faultserver.Stall
	status    = faultserver.Status
	raw       = faultserver.Raw
	chunked   = faultserver.Chunked
	change    = faultserver.Change
	pieces    = faultserver.Pieces
)

// events collects what a stream tells.
type events struct {
	mu  sync.Mutex
	all []Event
}

func (e *events) add(event Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, event)
}

// kinds returns the kinds of the events, with how often each came in a row:
// "retrying*3 verified".
func (e *events) kinds() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	var b strings.Builder
	for i := 0; i < len(e.all); {
		n := 1
		for i+n < len(e.all) && e.all[i+n].Kind == e.all[i].Kind {
			n++
		}
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(e.all[i].Kind.String())
		if n > 1 {
			fmt.Fprintf(&b, "*%d", n)
		}
		i += n
	}
	return b.String()
}

// config returns a configuration for a server.
func config(s *server) (Config, *events) {
	e := &events{}
	return Config{
		BaseURL: s.URL, Notify: e.add, StallTimeout: faultserver.StallTimeout, Tries: 4,
		Now:       s.Clock.Now,
		AfterFunc: func(d time.Duration, f func()) Timer { return s.Clock.AfterFunc(d, f) },
		Jitter:    func() float64 { return 0.5 },
	}, e
}

// fetch reads a month to its end, in reads of different sizes.
func fetch(t *testing.T, cfg Config) ([]byte, Info, error) {
	t.Helper()
	s, err := Open(t.Context(), january, cfg)
	if err != nil {
		return nil, Info{}, err
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}()
	var all []byte
	buf := make([]byte, 5<<10)
	for size := 1; ; size = size*7%len(buf) + 1 {
		n, err := s.Read(buf[:size])
		all = append(all, buf[:n]...)
		if read, _ := s.Progress(); read != int64(len(all)) {
			t.Fatalf("progress says %d bytes when %d were read", read, len(all))
		}
		if err != nil {
			if n2, again := s.Read(buf); n2 != 0 || again != err {
				t.Errorf("read after %v: %d, %v", err, n2, again)
			}
			if err == io.EOF {
				err = nil
			}
			return all, s.Info(), err
		}
	}
}

// mustFetch is fetch for a file that must arrive as it is.
func mustFetch(t *testing.T, cfg Config, want []byte) Info {
	t.Helper()
	got, info, err := fetch(t, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("%d bytes came, other than the %d of the file", len(got), len(want))
	}
	if sum := fmt.Sprintf("%x", sha256.Sum256(want)); info.SHA256 != sum {
		t.Fatalf("the SHA-256 is told to be %q, it is %s", info.SHA256, sum)
	}
	if info.Size != int64(len(want)) {
		t.Fatalf("the size is told to be %d, it is %d", info.Size, len(want))
	}
	return info
}

// mustFail is fetch for what must end with an error: want, if it is not nil, is in
// it, and so is text.
func mustFail(t *testing.T, cfg Config, want error, text string) {
	t.Helper()
	_, _, err := fetch(t, cfg)
	switch {
	case err == nil:
		t.Fatal("no error")
	case want != nil && !errors.Is(err, want):
		t.Fatalf("the error is %v, want %v", err, want)
	case !strings.Contains(err.Error(), text):
		t.Fatalf("the error is %v, want one with %q", err, text)
	case !strings.HasPrefix(err.Error(), "lichess: "), !strings.Contains(err.Error(), january.FileName()):
		t.Fatalf("the error %v does not say what was read", err)
	}
}

// records returns the records of PGN as lines, and the reader's error.
func records(t *testing.T, name string, r io.Reader, closeFirst io.Closer) ([]string, error) {
	t.Helper()
	rd, err := pgn.NewReader(name, r)
	if err != nil {
		return nil, err
	}
	var all []string
	for rd.Scan() {
		if bad := rd.BadGame(); bad != nil {
			all = append(all, bad.Error())
			continue
		}
		g := rd.Game()
		all = append(all, fmt.Sprintf("%v %v %v", g.Tags, g.Moves, g.Result))
	}
	err = rd.Err()
	if closeFirst != nil {
		closeFirst.Close()
	}
	rd.Close()
	return all, err
}

// realFile returns a file of real games, or skips.
func realFile(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(realgames.Dir(t), "lichess", name))
	if err != nil {
		t.Skip(err)
	}
	return b
}

// killedKeepDir and killedBaseURL make the test binary read a month until it is
// killed.
const (
	killedKeepDir = "LICHESS_TEST_KEEP_DIR"
	killedBaseURL = "LICHESS_TEST_BASE_URL"
)

// readUntilKilled reads a month and writes a line for each read.
func readUntilKilled(dir, base string) int {
	s, err := Open(context.Background(), january, Config{BaseURL: base, KeepDir: dir})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	buf := make([]byte, 1000)
	for {
		n, err := s.Read(buf)
		fmt.Println("read", n)
		if err != nil {
			fmt.Println(err)
			return 1
		}
	}
}
