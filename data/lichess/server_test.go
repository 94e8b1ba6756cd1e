package lichess

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"go.uber.org/goleak"

	"transcend/internal/bitboard"
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
	var legal []bitboard.Move
	for i := range 1200 {
		p := bitboard.Start()
		g := pgn.Game{Start: p, Result: bitboard.Draw, Tags: []pgn.Tag{
			{Name: "Site", Value: fmt.Sprintf("game %d", i)},
			{Name: "WhiteElo", Value: fmt.Sprint(600 + rng.IntN(1500))},
			{Name: "BlackElo", Value: fmt.Sprint(600 + rng.IntN(1500))},
		}}
		for range 20 + rng.IntN(60) {
			legal = p.Legal(legal[:0])
			if len(legal) == 0 {
				break
			}
			m := legal[rng.IntN(len(legal))]
			g.Moves = append(g.Moves, m)
			p.Make(m)
		}
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

// fault answers one request in the wrong way.
type fault func(s *server, w http.ResponseWriter, r *http.Request)

// server has one month and its checksum. Each request for the month takes the
// next fault; without one, it is answered as it should be.
type server struct {
	*httptest.Server
	t     *testing.T
	clock *clock

	mu       sync.Mutex
	content  []byte
	etag     string
	modified time.Time
	sums     string // "" for no list
	faults   []fault
	sumFault []fault
	requests []string // "month bytes=5- if "x"" or "sums"
}

const monthPath = "/standard/lichess_db_standard_rated_2023-01.pgn.zst"

func newServer(t *testing.T, content []byte, faults ...fault) *server {
	s := &server{
		t: t, clock: newClock(), content: content, faults: faults,
		etag: `"v1"`, modified: time.Date(2023, 2, 2, 0, 0, 0, 0, time.UTC),
		sums: fmt.Sprintf("%064d  lichess_db_standard_rated_2022-12.pgn.zst\n%x  %s\n", 0, sha256.Sum256(content), january.FileName()),
	}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Server.Close)
	return s
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if h := r.Header; r.Method != "GET" || h.Get("Accept-Encoding") != "identity" || h.Get("User-Agent") != userAgent ||
		h.Get("Authorization") != "" || h.Get("Cookie") != "" {
		s.t.Errorf("%s with the headers %v", r.Method, h)
	}
	switch {
	case strings.HasSuffix(r.URL.Path, monthPath):
		entry := "month"
		if h := r.Header.Get("Range"); h != "" {
			entry += " " + h
		}
		if h := r.Header.Get("If-Range"); h != "" {
			entry += " if " + h
		}
		if f := s.take(&s.faults, entry); f != nil {
			f(s, w, r)
			return
		}
		s.serve(w, r)
	case strings.HasSuffix(r.URL.Path, "/standard/sha256sums.txt"):
		if f := s.take(&s.sumFault, "sums"); f != nil {
			f(s, w, r)
			return
		}
		if s.sums == "" {
			http.NotFound(w, r)
			return
		}
		io.WriteString(w, s.sums)
	default:
		s.t.Errorf("request for %s", r.URL)
		http.NotFound(w, r)
	}
}

// take notes a request and returns its fault.
func (s *server) take(faults *[]fault, entry string) fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, entry)
	if len(*faults) == 0 {
		return nil
	}
	f := (*faults)[0]
	*faults = (*faults)[1:]
	return f
}

// log returns the requests so far.
func (s *server) log() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.requests...)
}

// serve answers as it should be.
func (s *server) serve(w http.ResponseWriter, r *http.Request) {
	if s.etag != "" {
		w.Header().Set("ETag", s.etag)
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	http.ServeContent(w, r, "", s.modified, bytes.NewReader(s.content))
}

// cutter calls then after left bytes of a body.
type cutter struct {
	http.ResponseWriter
	left int
	then func()
}

func (c *cutter) Write(b []byte) (int, error) {
	n, err := c.ResponseWriter.Write(b[:min(len(b), c.left)])
	c.left -= n
	if c.left == 0 && err == nil {
		c.ResponseWriter.(http.Flusher).Flush()
		c.then()
	}
	return n, err
}

// drop ends the connection after n bytes of the body.
func drop(n int) fault {
	return func(s *server, w http.ResponseWriter, r *http.Request) {
		if n == 0 {
			panic(http.ErrAbortHandler)
		}
		s.serve(&cutter{w, n, func() { panic(http.ErrAbortHandler) }}, r)
	}
}

// stall sends nothing more after n bytes of the body, no header when n is 0.
func stall(n int) fault {
	return func(s *server, w http.ResponseWriter, r *http.Request) {
		wait := func() {
			s.clock.expire()
			<-r.Context().Done()
			panic(http.ErrAbortHandler)
		}
		if n == 0 {
			wait()
		}
		s.serve(&cutter{w, n, wait}, r)
	}
}

// status answers with a status, and headers "Name: value".
func status(code int, headers ...string) fault {
	return func(s *server, w http.ResponseWriter, r *http.Request) {
		setHeaders(w, headers)
		w.WriteHeader(code)
	}
}

func setHeaders(w http.ResponseWriter, headers []string) {
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		w.Header().Set(name, value)
	}
}

// raw answers with a status, headers and a body, whatever was asked for.
func raw(code int, body []byte, headers ...string) fault {
	return func(s *server, w http.ResponseWriter, r *http.Request) {
		setHeaders(w, headers)
		w.WriteHeader(code)
		w.Write(body)
	}
}

// chunked is raw with a body whose length is not announced.
func chunked(code int, body []byte, headers ...string) fault {
	return func(s *server, w http.ResponseWriter, r *http.Request) {
		setHeaders(w, headers)
		w.WriteHeader(code)
		w.(http.Flusher).Flush()
		w.Write(body)
	}
}

// unranged answers 200 with the whole file, whatever was asked for.
func unranged(s *server, w http.ResponseWriter, r *http.Request) {
	r.Header.Del("Range")
	s.serve(w, r)
}

// change makes another version of the file before it answers.
func change(change func(s *server)) fault {
	return func(s *server, w http.ResponseWriter, r *http.Request) {
		change(s)
		s.serve(w, r)
	}
}

// pieces sends a body of unknown length, n bytes at a time, and cuts the connection
// off after end bytes if end is not 0.
func pieces(n, end int) fault {
	return func(s *server, w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Etag", s.etag)
		for at := 0; at < len(s.content); at += n {
			if end > 0 && at >= end {
				panic(http.ErrAbortHandler)
			}
			if _, err := w.Write(s.content[at:min(at+n, len(s.content))]); err != nil {
				return
			}
			w.(http.Flusher).Flush()
		}
	}
}

// drip sends the file byte by byte.
func drip(s *server, w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Length", fmt.Sprint(len(s.content)))
	for _, c := range s.content {
		w.Write([]byte{c})
		w.(http.Flusher).Flush()
	}
}

// clock is a clock without waiting: a wait is over at once, and a connection stalls
// when a server says so.
type clock struct {
	mu      sync.Mutex
	time    time.Time
	waits   []time.Duration
	armed   map[*timer]bool
	expired int           // stalls that wait for somebody to notice
	onArm   func()        // not nil: called when somebody begins to wait for a connection
	held    chan struct{} // not nil: waits do not end, but are told here
}

// stallTimeout is how the clock tells stalls from waits.
const stallTimeout = 61_234 * time.Millisecond

func newClock() *clock {
	return &clock{time: time.Date(2026, 11, 21, 3, 0, 0, 0, time.UTC), armed: map[*timer]bool{}}
}

type timer struct {
	c *clock
	f func()
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.time
}

func (c *clock) afterFunc(d time.Duration, f func()) Timer {
	t := &timer{c, f}
	t.Reset(d)
	return t
}

func (t *timer) Reset(d time.Duration) bool {
	c := t.c
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case d != stallTimeout:
		c.waits = append(c.waits, d)
		if c.held != nil {
			c.held <- struct{}{}
			return false
		}
		c.time = c.time.Add(d)
		t.f()
	case c.expired > 0:
		c.expired--
		t.f()
	default:
		c.armed[t] = true
		if c.onArm != nil {
			c.onArm()
		}
	}
	return false
}

func (t *timer) Stop() bool {
	t.c.mu.Lock()
	defer t.c.mu.Unlock()
	delete(t.c.armed, t)
	return true
}

// expire ends the wait of a reader that waits for a connection, or of the next one
// that does.
func (c *clock) expire() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for t := range c.armed {
		delete(c.armed, t)
		t.f()
		return
	}
	c.expired++
}

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
func (s *server) config() (Config, *events) {
	e := &events{}
	return Config{
		BaseURL: s.URL, Notify: e.add, StallTimeout: stallTimeout, Tries: 4,
		AfterFunc: s.clock.afterFunc, Now: s.clock.now, Jitter: func() float64 { return 0.5 },
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
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Skip("no go.mod above the test, so no place to look for real games")
		}
		dir = up
	}
	b, err := os.ReadFile(filepath.Join(filepath.Dir(dir), "shared", "data", "lichess", name))
	if err != nil {
		t.Skip("the real games of ../shared/data are not here")
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
