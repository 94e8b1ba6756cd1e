// Package faultserver is a server of the months of the Lichess database that does
// what servers do on a bad day, one fault a request, for tests.
package faultserver

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// Fault answers one request in the wrong way.
type Fault func(s *Server, w http.ResponseWriter, r *http.Request)

// Server has one month, January 2023, and its checksum, and more months if wanted.
// Each request for a month takes the next fault; without one, it is answered as it
// should be. Fields are changed before the first request, or by a fault.
type Server struct {
	*httptest.Server
	t     *testing.T
	Clock *Clock

	Content   []byte
	More      map[string][]byte // other months by name, "2023-02", with their checksums
	ETag      string
	Modified  time.Time
	Sums      string  // the list of checksums, "" for none
	Faults    []Fault // of requests for a month
	SumFaults []Fault // of requests for the list of checksums

	mu       sync.Mutex
	requests []string // "month bytes=5- if "x"", "2023-02" or "sums"
}

// Path is where the month is, FileName its last part.
const (
	Path     = "/standard/" + FileName
	FileName = prefix + "2023-01" + suffix

	prefix = "lichess_db_standard_rated_"
	suffix = ".pgn.zst"
)

// New returns a server of the content, which is closed when the test ends.
func New(t *testing.T, content []byte, faults ...Fault) *Server {
	s := &Server{
		t: t, Clock: newClock(), Content: content, Faults: faults,
		ETag: `"v1"`, Modified: time.Date(2023, 2, 2, 0, 0, 0, 0, time.UTC),
		Sums: fmt.Sprintf("%064d  %s2022-12%s\n", 0, prefix, suffix) + Sum(content, "2023-01"),
	}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Server.Close)
	return s
}

// Sum returns the line for a month in a list of checksums.
func Sum(content []byte, month string) string {
	return fmt.Sprintf("%x  %s%s%s\n", sha256.Sum256(content), prefix, month, suffix)
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if h := r.Header; r.Method != "GET" || h.Get("Accept-Encoding") != "identity" || !strings.HasPrefix(h.Get("User-Agent"), "transcend/") ||
		h.Get("Authorization") != "" || h.Get("Cookie") != "" {
		s.t.Errorf("%s with the headers %v", r.Method, h)
	}
	file := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	month := strings.TrimSuffix(strings.TrimPrefix(file, prefix), suffix)
	_, more := s.More[month]
	switch {
	case !strings.HasSuffix(r.URL.Path, "/standard/"+file):
		s.t.Errorf("request for %s", r.URL)
		http.NotFound(w, r)
	case file == FileName, more:
		entry := "month"
		if more {
			entry = month
		}
		if h := r.Header.Get("Range"); h != "" {
			entry += " " + h
		}
		if h := r.Header.Get("If-Range"); h != "" {
			entry += " if " + h
		}
		if f := s.take(&s.Faults, entry); f != nil {
			f(s, w, r)
			return
		}
		s.Serve(w, r)
	case file == "sha256sums.txt":
		if f := s.take(&s.SumFaults, "sums"); f != nil {
			f(s, w, r)
			return
		}
		if s.Sums == "" {
			http.NotFound(w, r)
			return
		}
		io.WriteString(w, s.Sums)
		for month, content := range s.More {
			io.WriteString(w, Sum(content, month))
		}
	default:
		// A month that is not there is an answer to test, anything else a mistake.
		if !strings.HasPrefix(file, prefix) {
			s.t.Errorf("request for %s", r.URL)
		}
		http.NotFound(w, r)
	}
}

// take notes a request and returns its fault.
func (s *Server) take(faults *[]Fault, entry string) Fault {
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

// Log returns the requests so far.
func (s *Server) Log() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.requests...)
}

// Serve answers as it should be.
func (s *Server) Serve(w http.ResponseWriter, r *http.Request) {
	content := s.Content
	for month, c := range s.More {
		if strings.HasSuffix(r.URL.Path, prefix+month+suffix) {
			content = c
		}
	}
	if s.ETag != "" {
		w.Header().Set("ETag", s.ETag)
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	http.ServeContent(w, r, "", s.Modified, bytes.NewReader(content))
}

// Cut returns w, but then is called after n bytes of the body.
func Cut(w http.ResponseWriter, n int, then func()) http.ResponseWriter { return &cutter{w, n, then} }

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

// Drop ends the connection after n bytes of the body.
func Drop(n int) Fault {
	return func(s *Server, w http.ResponseWriter, r *http.Request) {
		if n == 0 {
			panic(http.ErrAbortHandler)
		}
		s.Serve(Cut(w, n, func() { panic(http.ErrAbortHandler) }), r)
	}
}

// Stall sends nothing more after n bytes of the body, no header when n is 0.
func Stall(n int) Fault {
	return func(s *Server, w http.ResponseWriter, r *http.Request) {
		wait := func() {
			s.Clock.Expire()
			<-r.Context().Done()
			panic(http.ErrAbortHandler)
		}
		if n == 0 {
			wait()
		}
		s.Serve(Cut(w, n, wait), r)
	}
}

// Status answers with a status, and headers "Name: value".
func Status(code int, headers ...string) Fault {
	return func(s *Server, w http.ResponseWriter, r *http.Request) {
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

// Raw answers with a status, headers and a body, whatever was asked for.
func Raw(code int, body []byte, headers ...string) Fault {
	return func(s *Server, w http.ResponseWriter, r *http.Request) {
		setHeaders(w, headers)
		w.WriteHeader(code)
		w.Write(body)
	}
}

// Chunked is raw with a body whose length is not announced.
func Chunked(code int, body []byte, headers ...string) Fault {
	return func(s *Server, w http.ResponseWriter, r *http.Request) {
		setHeaders(w, headers)
		w.WriteHeader(code)
		w.(http.Flusher).Flush()
		w.Write(body)
	}
}

// Unranged answers 200 with the whole file, whatever was asked for.
func Unranged(s *Server, w http.ResponseWriter, r *http.Request) {
	r.Header.Del("Range")
	s.Serve(w, r)
}

// Change makes another version of the file before it answers.
func Change(change func(s *Server)) Fault {
	return func(s *Server, w http.ResponseWriter, r *http.Request) {
		change(s)
		s.Serve(w, r)
	}
}

// Pieces sends a body of unknown length, n bytes at a time, and cuts the connection
// off after end bytes if end is not 0.
func Pieces(n, end int) Fault {
	return func(s *Server, w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Etag", s.ETag)
		for at := 0; at < len(s.Content); at += n {
			if end > 0 && at >= end {
				panic(http.ErrAbortHandler)
			}
			if _, err := w.Write(s.Content[at:min(at+n, len(s.Content))]); err != nil {
				return
			}
			w.(http.Flusher).Flush()
		}
	}
}

// Drip sends the file byte by byte.
func Drip(s *Server, w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Length", fmt.Sprint(len(s.Content)))
	for _, c := range s.Content {
		w.Write([]byte{c})
		w.(http.Flusher).Flush()
	}
}

// Clock is a clock without waiting: a wait is over at once, and a connection stalls
// when a server says so.
type Clock struct {
	mu      sync.Mutex
	time    time.Time
	waits   []time.Duration
	armed   map[*Timer]bool
	expired int           // stalls that wait for somebody to notice
	onArm   func()        // see OnArm
	held    chan struct{} // see Hold
}

// StallTimeout is how the clock tells stalls from waits.
const StallTimeout = 61_234 * time.Millisecond

func newClock() *Clock {
	return &Clock{time: time.Date(2026, 11, 21, 3, 0, 0, 0, time.UTC), armed: map[*Timer]bool{}}
}

// Waits returns the waits between tries so far.
func (c *Clock) Waits() []time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.waits
}

// OnArm sets what is called when somebody begins to wait for a connection.
func (c *Clock) OnArm(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.onArm = f
}

// Hold makes waits never end; each is told to the channel.
func (c *Clock) Hold() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held = make(chan struct{}, 1)
	return c.held
}

// Timer is what AfterFunc returns.
type Timer struct {
	c *Clock
	f func()
}

// Now is for lichess.Config.Now.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.time
}

// AfterFunc is for lichess.Config.AfterFunc, whose StallTimeout must be StallTimeout.
func (c *Clock) AfterFunc(d time.Duration, f func()) *Timer {
	t := &Timer{c, f}
	t.Reset(d)
	return t
}

func (t *Timer) Reset(d time.Duration) bool {
	c := t.c
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case d != StallTimeout:
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

func (t *Timer) Stop() bool {
	t.c.mu.Lock()
	defer t.c.mu.Unlock()
	delete(t.c.armed, t)
	return true
}

// Expire ends the wait of a reader that waits for a connection, or of the next one
// that does.
func (c *Clock) Expire() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for t := range c.armed {
		delete(c.armed, t)
		t.f()
		return
	}
	c.expired++
}
