package lichess

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"transcend/internal/faultserver"
	"transcend/pgn"
)

func TestReadsAMonth(t *testing.T) {
	file := gameFile()
	s := newServer(t, file)
	cfg, events := config(s)
	cfg.BaseURL += "/mirror//"
	info := mustFetch(t, cfg, file)
	want := Info{
		Name: "lichess_db_standard_rated_2023-01.pgn.zst", URL: s.URL + "/mirror" + monthPath,
		ETag: `"v1"`, LastModified: "Thu, 02 Feb 2023 00:00:00 GMT",
		Size: int64(len(file)), SHA256: fmt.Sprintf("%x", sha256.Sum256(file)), Verified: true,
	}
	if info != want {
		t.Errorf("info is %+v, want %+v", info, want)
	}
	if got := events.kinds(); got != "verified" {
		t.Errorf("events: %s", got)
	}
	if got := s.Log(); !reflect.DeepEqual(got, []string{"month", "sums"}) {
		t.Errorf("requests: %q", got)
	}
}

// What goes wrong on the way, and comes out right.
func TestFaults(t *testing.T) {
	file := gameFile()
	n := len(file)
	partOf := func(from, to int) string { return fmt.Sprintf("Content-Range: bytes %d-%d/%d", from, to-1, n) }
	tests := []struct {
		name   string
		faults []fault
		setup  func(s *server)
		events string          // "a|b" is a or b: a stall may be noticed before the bytes that came first
		waits  []time.Duration // nil is anything
	}{
		{name: "drops", faults: []fault{drop(1), drop(1000), drop(n / 2)},
			events: "retrying*3 verified", waits: []time.Duration{750 * time.Millisecond, 750 * time.Millisecond, 750 * time.Millisecond}},
		{name: "drops without progress", faults: []fault{drop(0), drop(0), drop(0)},
			events: "retrying*3 verified", waits: []time.Duration{750 * time.Millisecond, 1500 * time.Millisecond, 3 * time.Second}},
		{name: "progress starts the count again",
			faults: []fault{drop(0), drop(0), drop(10), drop(0), drop(0), drop(10), drop(0), drop(0)},
			events: "retrying*8 verified"},
		{name: "drop before the last byte", faults: []fault{drop(n - 1)}, events: "retrying verified"},
		{name: "stalls", faults: []fault{stall(0), stall(5), stall(3000)}, events: "retrying*3 verified"},
		{name: "stall, drop, stall", faults: []fault{stall(500), drop(100), stall(1)}, events: "retrying*3 verified"},
		{name: "slow drip", setup: func(s *server) { s.Content = file[:3000]; s.Sums = "" }, faults: []fault{faultserver.Drip}, events: "unverified"},
		{name: "pieces of unknown length", faults: []fault{pieces(700, 0)}, events: "verified"},
		{name: "drop of unknown length", faults: []fault{pieces(700, 7000)}, events: "retrying verified"},
		{name: "503 with seconds", faults: []fault{status(503, "Retry-After: 30"), status(503)},
			events: "retrying*2 verified", waits: []time.Duration{30750 * time.Millisecond, 1500 * time.Millisecond}},
		{name: "429 with a date", faults: []fault{drop(100), status(429, "Retry-After: Sat, 21 Nov 2026 03:02:00 GMT")},
			events: "retrying*2 verified", waits: []time.Duration{750 * time.Millisecond, 119250*time.Millisecond + 1500*time.Millisecond}},
		{name: "Retry-After without sense", faults: []fault{status(503, "Retry-After: soon"), status(503, "Retry-After: -7"), status(503, "Retry-After: Sat, 21 Nov 2020 03:02:00 GMT")},
			events: "retrying*3 verified", waits: []time.Duration{750 * time.Millisecond, 1500 * time.Millisecond, 3 * time.Second}},
		{name: "server errors", faults: []fault{status(500), status(502), status(504)}, events: "retrying*3 verified"},
		{name: "200 instead of 206", faults: []fault{drop(4000), faultserver.Unranged}, events: "retrying rereading verified"},
		{name: "200 instead of 206, dropped", faults: []fault{drop(4000), func(s *server, w http.ResponseWriter, r *http.Request) {
			r.Header.Del("Range")
			drop(2000)(s, w, r)
		}, faultserver.Unranged}, events: "retrying rereading retrying rereading verified"},
		{name: "200 instead of 206, stalled", faults: []fault{drop(4000), func(s *server, w http.ResponseWriter, r *http.Request) {
			r.Header.Del("Range")
			stall(2000)(s, w, r)
		}, faultserver.Unranged}, events: "retrying rereading retrying rereading verified|retrying*2 rereading verified"},
		{name: "200 of unknown length instead of 206", faults: []fault{drop(4000), pieces(900, 0)}, events: "retrying rereading verified"},
		{name: "200 of unknown length that ends too early", faults: []fault{drop(4000), chunked(200, file[:5000]), drop(10)}, events: "retrying rereading retrying*2 verified"},
		{name: "no validators, nothing to compare", setup: func(s *server) { s.ETag = ""; s.Modified = time.Time{} },
			faults: []fault{pieces(700, 7000)}, events: "retrying rereading verified"},
		{name: "no validators, the size is the same", setup: func(s *server) { s.ETag = ""; s.Modified = time.Time{} },
			faults: []fault{drop(700)}, events: "retrying verified"},
		{name: "range of another place", faults: []fault{drop(4000), raw(206, file[3999:], partOf(3999, n)), raw(206, file[4001:], partOf(4001, n))},
			events: "retrying*3 verified"},
		{name: "range without Content-Range", faults: []fault{drop(4000), raw(206, file[4000:])}, events: "retrying*2 verified"},
		{name: "range of another length", faults: []fault{drop(4000), raw(206, file[:100], partOf(4000, n), "Content-Length: 100")},
			events: "retrying*2 verified"},
		{name: "malformed ranges", faults: []fault{drop(4000), raw(206, file[4000:], "Content-Range: bytes 4000-3999/5000"), raw(206, file[4000:], "Content-Range: lines 1-2/3")},
			events: "retrying*3 verified"},
		{name: "range that was not asked for", faults: []fault{raw(206, file[100:], partOf(100, n))}, events: "retrying verified"},
		{name: "range in pieces", faults: []fault{drop(4000), raw(206, file[4000:5000], partOf(4000, 5000)), raw(206, file[5000:5001], partOf(5000, 5001))},
			events: "retrying verified"},
		{name: "range with more than it says", faults: []fault{drop(4000), chunked(206, file[4000:6000], partOf(4000, 5000)), chunked(206, file[5000:], partOf(5000, 5001))},
			events: "retrying verified"},
		{name: "200 of unknown length that is too long", faults: []fault{drop(4000), chunked(200, append(bytes.Clone(file), 1, 2, 3))}, events: "retrying rereading verified"},
		{name: "range of unknown total", faults: []fault{pieces(1000, 4000), raw(206, file[4000:], fmt.Sprintf("Content-Range: bytes 4000-%d/*", n-1))},
			events: "retrying verified"},
		{name: "range that ends too early", faults: []fault{drop(4000), drop(10), drop(10)}, events: "retrying*3 verified"},
		{name: "checksum list with a drop and a 503", setup: func(s *server) { s.SumFaults = []fault{drop(5), status(503, "Retry-After: 5")} },
			events: "retrying*2 verified", waits: []time.Duration{750 * time.Millisecond, 6500 * time.Millisecond}},
		{name: "checksum list that stalls", setup: func(s *server) { s.SumFaults = []fault{stall(0)} }, events: "retrying verified"},
		{name: "no checksum list", setup: func(s *server) { s.Sums = "" }, events: "unverified"},
		{name: "no line in the checksum list", setup: func(s *server) { s.Sums = strings.ReplaceAll(s.Sums, "2023-01", "2023-02") }, events: "unverified"},
		{name: "no checksum in the line", setup: func(s *server) { s.Sums = "123  " + january.FileName() }, events: "unverified"},
		{name: "endless checksum list", setup: func(s *server) { s.Sums += strings.Repeat("x\n", maxSums) }, events: "unverified"},
		{name: "checksum list forbidden", setup: func(s *server) { s.SumFaults = []fault{status(403)} }, events: "unverified"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newServer(t, file, test.faults...)
			if test.setup != nil {
				test.setup(s)
			}
			cfg, events := config(s)
			info := mustFetch(t, cfg, s.Content)
			if got := events.kinds(); !slices.Contains(strings.Split(test.events, "|"), got) {
				t.Errorf("events: %s, want %s", got, test.events)
			}
			for _, e := range events.all {
				if (e.Err == nil) != (e.Kind == Verified || e.Kind == Rereading) {
					t.Errorf("event without reason or too many: %v", e)
				}
				if e.Kind == Retrying && (e.Try < 1 || e.Try > 3 || e.Tries != 4 || e.Wait <= 0) {
					t.Errorf("event: %+v", e)
				}
			}
			if test.waits != nil && !reflect.DeepEqual(s.Clock.Waits(), test.waits) {
				t.Errorf("waits: %v, want %v", s.Clock.Waits(), test.waits)
			}
			if info.Verified != strings.HasSuffix(test.events, " verified") && test.events != "verified" {
				t.Errorf("verified: %v", info.Verified)
			}
			if len(s.Faults) > 0 {
				t.Errorf("%d faults were not met", len(s.Faults))
			}
		})
	}
}

// The reader goes on at the byte that is missing, under the condition that the
// file is the same.
func TestRangeRequests(t *testing.T) {
	file := gameFile()
	tests := []struct {
		name  string
		setup func(s *server)
		want  string
	}{
		{"ETag", func(s *server) {}, `month bytes=100- if "v1"`},
		{"weak ETag", func(s *server) { s.ETag = `W/"v1"` }, `month bytes=100- if Thu, 02 Feb 2023 00:00:00 GMT`},
		{"Last-Modified", func(s *server) { s.ETag = "" }, `month bytes=100- if Thu, 02 Feb 2023 00:00:00 GMT`},
		{"size", func(s *server) { s.ETag = ""; s.Modified = time.Time{} }, `month bytes=100-`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newServer(t, file, drop(100))
			test.setup(s)
			cfg, _ := config(s)
			mustFetch(t, cfg, file)
			if got := s.Log(); len(got) != 3 || got[1] != test.want {
				t.Errorf("requests: %q, want %q second", got, test.want)
			}
		})
	}
}

// What ends in an error.
func TestErrors(t *testing.T) {
	file := gameFile()
	n := len(file)
	other := bytes.Clone(file)
	other[50] ^= 1
	again := func(f fault, times int) []fault {
		var all []fault
		for range times {
			all = append(all, f)
		}
		return all
	}
	then := func(f fault, more ...fault) []fault { return append([]fault{f}, more...) }
	tests := []struct {
		name   string
		faults []fault
		setup  func(s *server)
		is     error
		text   string
	}{
		{name: "not there", faults: []fault{status(404)}, text: "404 Not Found: it has no such file; a month comes some days after it is over"},
		{name: "gone in between", faults: then(drop(100), status(410)), text: "410 Gone"},
		{name: "forbidden", faults: []fault{status(403)}, text: "403 Forbidden"},
		{name: "not implemented", faults: []fault{status(501)}, text: "501 Not Implemented"},
		{name: "redirect without an address", faults: []fault{status(301)}, text: "301 Moved Permanently"},
		{name: "busy for ever", faults: again(status(503), 4), text: "gave up after 4 failures in a row: "},
		{name: "busy for long", faults: []fault{status(429, "Retry-After: 3600")}, text: "429 Too Many Requests, to be asked again in 1h0m0s: come back later"},
		{name: "busy for very long", faults: []fault{status(429, "Retry-After: 999999999999999999")}, text: "come back later"},
		{name: "truncated for ever", faults: append([]fault{drop(3000)}, again(drop(0), 3)...), text: fmt.Sprintf("at byte 3000 of %d: gave up after 4 failures in a row: ", n)},
		{name: "too short a range for ever", faults: append([]fault{drop(3000)}, again(raw(206, nil, fmt.Sprintf("Content-Range: bytes 3000-%d/%d", n-1, n), fmt.Sprintf("Content-Length: %d", n-3000)), 3)...),
			is: io.ErrUnexpectedEOF, text: "the connection was lost"},
		{name: "stalled for ever", faults: append([]fault{stall(3000)}, again(stall(0), 3)...), is: ErrStalled, text: "the server sends nothing for 1m1.234s"},
		{name: "wrong range for ever", faults: append([]fault{drop(3000)}, again(raw(206, file, fmt.Sprintf("Content-Range: bytes 0-%d/%d", n-1, n)), 3)...),
			text: fmt.Sprintf(`asked for the bytes from 3000 on and sends "bytes 0-%d/%d"`, n-1, n)},
		{name: "another ETag", faults: then(drop(100), change(func(s *server) { s.ETag = `"v2"` })), text: `(ETag was "v1", is "v2")`},
		{name: "another ETag in a 206", faults: then(drop(100), raw(206, file[100:], fmt.Sprintf("Content-Range: bytes 100-%d/%d", n-1, n), `ETag: "v2"`)), text: `(ETag was "v1", is "v2")`},
		{name: "another date", faults: then(drop(100), change(func(s *server) { s.Modified = s.Modified.Add(time.Hour) })), text: "(Last-Modified was Thu, 02 Feb 2023 00:00:00 GMT, is Thu, 02 Feb 2023 01:00:00 GMT)"},
		{name: "another size in a 206", faults: then(drop(100), raw(206, file[100:n-1], fmt.Sprintf("Content-Range: bytes 100-%d/%d", n-2, n-1))), text: fmt.Sprintf("(size was %d, is %d)", n, n-1)},
		{name: "another size in a 200", faults: then(drop(100), raw(200, file[:n-1], fmt.Sprintf("Content-Length: %d", n-1))), text: fmt.Sprintf("(size was %d, is %d)", n, n-1)},
		{name: "smaller now", faults: then(drop(100), status(416, "Content-Range: bytes */50")), text: fmt.Sprintf("(size was %d, is 50)", n)},
		{name: "range of an unknown version", setup: func(s *server) { s.ETag = `W/"x"`; s.Modified = time.Time{} },
			faults: append([]fault{pieces(1000, 4000)}, again(raw(206, file[4000:], fmt.Sprintf("Content-Range: bytes 4000-%d/*", n-1)), 3)...), text: "without telling of which version"},
		{name: "range of a file that is too large", faults: then(pieces(1000, 4000), raw(206, file[4000:], fmt.Sprintf("Content-Range: bytes 4000-%d/2000000000000000", n-1))),
			text: "announces a file of 2000000000000000 bytes"},
		{name: "416 without sense", faults: append([]fault{drop(100)}, again(status(416), 3)...), text: "status 416"},
		{name: "another content under the same name", faults: then(drop(100), func(s *server, w http.ResponseWriter, r *http.Request) {
			s.Content = other
			faultserver.Unranged(s, w, r)
		}), text: "(content was SHA-256 "},
		{name: "another content without a name", faults: then(pieces(100, 200), func(s *server, w http.ResponseWriter, r *http.Request) {
			s.ETag = ""
			s.Content = other
			pieces(100, 0)(s, w, r)
		}), setup: func(s *server) { s.ETag = ""; s.Modified = time.Time{} }, text: "(content was SHA-256 "},
		{name: "Content-Length too large", faults: then(func(s *server, w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(n+10))
			w.Write(file)
			panic(http.ErrAbortHandler)
		}), text: fmt.Sprintf("(size was %d, is %d)", n+10, n)},
		{name: "Content-Length too small", faults: []fault{raw(200, file[:n-10], fmt.Sprintf("Content-Length: %d", n-10))}, text: "fetch it again"},
		{name: "truncated without a length", faults: []fault{raw(200, file[:n/2])}, text: "fetch it again"},
		{name: "empty", faults: []fault{raw(200, nil)}, text: "empty"},
		{name: "empty without a length", faults: []fault{func(s *server, w http.ResponseWriter, r *http.Request) { w.(http.Flusher).Flush() }}, text: "empty"},
		{name: "too large to be true", faults: []fault{func(s *server, w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "2000000000000000")
			w.Write(file)
		}}, text: "announces a file of 2000000000000000 bytes"},
		{name: "web page", faults: []fault{raw(200, []byte("<html>Log in"), "Content-Type: text/html; charset=utf-8")}, text: "web page"},
		{name: "text", faults: []fault{raw(200, []byte(`Event x`), "Content-Type: text/plain")}, text: `no zstd data but "E`},
		{name: "encoded", faults: []fault{raw(200, file, "Content-Encoding: gzip")}, text: `encoded as "gzip"`},
		{name: "wrong checksum", setup: func(s *server) { s.Sums = strings.Repeat("ab", 32) + " *" + january.FileName() + "\n" }, text: "must be " + strings.Repeat("ab", 32)},
		{name: "damaged on the way", setup: func(s *server) { s.Content = other }, text: fmt.Sprintf("is %x, but must be %x", sha256.Sum256(other), sha256.Sum256(file))},
		{name: "redirect to a file", faults: []fault{status(302, "Location: file:///etc/passwd")}, is: errRedirect, text: `"file" is not http or https`},
		{name: "redirect to ftp", faults: []fault{status(302, "Location: ftp://example.org/x")}, is: errRedirect, text: `"ftp"`},
		{name: "redirect with a password", faults: []fault{status(302, "Location: http://me:secret@127.0.0.1/x")}, is: errRedirect, text: "must not hold a user or password"},
		{name: "redirect in a circle", faults: again(status(302, "Location: "+monthPath), 20), is: errRedirect, text: "more than ten"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newServer(t, file, test.faults...)
			if test.setup != nil {
				test.setup(s)
			}
			cfg, events := config(s)
			mustFail(t, cfg, test.is, test.text)
			for _, e := range events.all {
				if e.Kind != Retrying && e.Kind != Rereading {
					t.Errorf("event: %v", e)
				}
			}
		})
	}
}

// The errors tell a program what happened.
func TestErrorTypes(t *testing.T) {
	file := gameFile()
	s := newServer(t, file, status(404))
	cfg, _ := config(s)
	_, err := Open(t.Context(), january, cfg)
	if e := (*StatusError)(nil); !errors.As(err, &e) || e.Status != 404 || e.URL != s.URL+monthPath {
		t.Errorf("status: %#v", e)
	}

	s = newServer(t, file, drop(10), change(func(s *server) { s.ETag = `"new"` }))
	cfg, _ = config(s)
	_, _, err = fetch(t, cfg)
	if e := (*ChangedError)(nil); !errors.As(err, &e) || *e != (ChangedError{s.URL + monthPath, "ETag", `"v1"`, `"new"`}) {
		t.Errorf("changed: %#v", e)
	}

	s = newServer(t, file)
	want := strings.Repeat("0f", 32)
	s.Sums = strings.ToUpper(want) + "  ./" + january.FileName() + "\r\n"
	cfg, _ = config(s)
	got, _, err := fetch(t, cfg)
	if e := (*ChecksumError)(nil); !errors.As(err, &e) ||
		*e != (ChecksumError{s.URL + monthPath, want, fmt.Sprintf("%x", sha256.Sum256(file)), s.URL + "/standard/sha256sums.txt", ""}) {
		t.Errorf("checksum: %#v", e)
	}
	if !bytes.Equal(got, file) {
		t.Error("not all was read before the checksum was compared")
	}

	s = newServer(t, file, drop(10), raw(206, nil), raw(206, nil), raw(206, nil))
	cfg, _ = config(s)
	_, _, err = fetch(t, cfg)
	if e := (*RangeError)(nil); !errors.As(err, &e) || e.Offset != 10 {
		t.Errorf("range: %#v", e)
	}
}

// Whatever combination of faults comes, the bytes are those of the file.
func TestRandomFaults(t *testing.T) {
	file := gameFile()
	for seed := range uint64(25) {
		rng := rand.New(rand.NewPCG(seed, 7))
		var faults []fault
		for range 6 + rng.IntN(8) {
			at := 1 + rng.IntN(len(file)/8)
			switch rng.IntN(8) {
			case 0, 1, 2:
				faults = append(faults, drop(at))
			case 3:
				faults = append(faults, stall(at))
			case 4:
				faults = append(faults, status([]int{429, 500, 503}[rng.IntN(3)], "Retry-After: 3"))
			case 5:
				faults = append(faults, faultserver.Unranged)
			case 6:
				faults = append(faults, pieces(1+rng.IntN(9000), 1+at))
			case 7:
				from := rng.IntN(len(file) - 1)
				faults = append(faults, raw(206, file[from:], fmt.Sprintf("Content-Range: bytes %d-%d/%d", from, len(file)-1, len(file))))
			}
		}
		s := newServer(t, file, faults...)
		cfg, _ := config(s)
		cfg.Tries = 20
		cfg.Jitter = rng.Float64
		got, info, err := fetch(t, cfg)
		if err != nil || !bytes.Equal(got, file) || !info.Verified {
			t.Fatalf("seed %d: %d of %d bytes: %v", seed, len(got), len(file), err)
		}
	}
}

// The games are the same through drops, stalls and refusals.
func TestGamesComeOutEqual(t *testing.T) {
	for _, test := range []struct {
		name string
		file func(t *testing.T) []byte
	}{
		{"generated", func(*testing.T) []byte { return gameFile() }},
		{"real", func(t *testing.T) []byte { return realFile(t, "lichess_db_excerpts.pgn.zst") }},
	} {
		t.Run(test.name, func(t *testing.T) {
			file := test.file(t)
			want, err := records(t, "file", bytes.NewReader(file), nil)
			if err != nil || len(want) < 100 {
				t.Fatalf("%d games, %v", len(want), err)
			}
			n := len(file)
			s := newServer(t, file, drop(n/5), stall(n/5), status(429, "Retry-After: 9"), faultserver.Unranged, drop(n/5))
			s.Faults[3] = func(s *server, w http.ResponseWriter, r *http.Request) {
				r.Header.Del("Range")
				drop(n/2)(s, w, r)
			}
			cfg, events := config(s)
			stream, err := Open(t.Context(), january, cfg)
			if err != nil {
				t.Fatal(err)
			}
			got, err := records(t, stream.Name(), stream, stream)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%d games came out, want %d", len(got), len(want))
			}
			if !stream.Info().Verified {
				t.Errorf("the decoder did not read to the end; events: %s", events.kinds())
			}
		})
	}
}

// A damaged block is a clear error, from the decoder or from the checksum, and the
// games before it are there.
func TestCorruptBlock(t *testing.T) {
	file := bytes.Clone(gameFile())
	s := newServer(t, file) // the checksum is that of the file as it was
	for i := range 40 {
		file[len(file)*3/4+i] ^= 0x55
	}
	cfg, _ := config(s)
	stream, err := Open(t.Context(), january, cfg)
	if err != nil {
		t.Fatal(err)
	}
	games, err := records(t, stream.Name(), stream, stream)
	if err == nil || !strings.Contains(err.Error(), "damaged") || !strings.Contains(err.Error(), stream.Name()) {
		t.Errorf("the error is %v", err)
	}
	if len(games) == 0 {
		t.Error("no games before the damage")
	}
}

// The error of the last read, the checksum's, gets through the decoder.
func TestChecksumErrorGetsThroughTheDecoder(t *testing.T) {
	s := newServer(t, gameFile())
	s.Sums = strings.Repeat("ab", 32) + "  " + january.FileName()
	cfg, _ := config(s)
	stream, err := Open(t.Context(), january, cfg)
	if err != nil {
		t.Fatal(err)
	}
	games, err := records(t, stream.Name(), stream, stream)
	if e := (*ChecksumError)(nil); !errors.As(err, &e) {
		t.Errorf("the error is %v", err)
	}
	if len(games) != 1200 {
		t.Errorf("%d games", len(games))
	}
}

// A reader that has enough closes the stream: no error, no connection, no
// goroutine is left, even when a read waits for a server that sends nothing.
func TestCloseEarly(t *testing.T) {
	file := gameFile()
	left := make(chan struct{})
	s := newServer(t, file, func(s *server, w http.ResponseWriter, r *http.Request) {
		defer close(left)
		w.Header().Set("Content-Length", fmt.Sprint(len(s.Content)))
		w.Write(file[:len(file)/2])
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	cfg, events := config(s)
	stream, err := Open(t.Context(), january, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(stream, make([]byte, len(file)/2)); err != nil {
		t.Fatal(err)
	}
	waiting := make(chan error)
	waits := make(chan struct{})
	s.Clock.OnArm(func() { close(waits) })
	go func() {
		_, err := stream.Read(make([]byte, 100))
		waiting <- err
	}()
	<-waits
	if err := stream.Close(); err != nil {
		t.Error(err)
	}
	<-left
	if err := <-waiting; !errors.Is(err, ErrClosed) {
		t.Errorf("the read that waited: %v", err)
	}
	if _, err := stream.Read(make([]byte, 1)); !errors.Is(err, ErrClosed) {
		t.Errorf("a read after it: %v", err)
	}
	if err := stream.Close(); err != nil {
		t.Errorf("another close: %v", err)
	}
	if got := events.kinds(); got != "" {
		t.Errorf("events: %s", got)
	}
	if got := s.Log(); len(got) != 1 {
		t.Errorf("requests: %q", got)
	}
}

// A pgn.Reader that has enough games ends at once, whatever its decoder waits for.
func TestReaderHasEnough(t *testing.T) {
	file := gameFile()
	for _, test := range []struct {
		name  string
		fault fault
	}{
		{"the server sends nothing", func(s *server, w http.ResponseWriter, r *http.Request) {
			s.Serve(faultserver.Cut(w, len(file)*3/4, func() { <-r.Context().Done() }), r)
		}},
		{"a wait", drop(len(file) * 3 / 4)},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newServer(t, file, test.fault)
			s.Clock.Hold()
			cfg, _ := config(s)
			stream, err := Open(t.Context(), january, cfg)
			if err != nil {
				t.Fatal(err)
			}
			r, err := pgn.NewReader(stream.Name(), stream)
			if err != nil {
				t.Fatal(err)
			}
			for range 10 {
				if !r.Scan() {
					t.Fatal(r.Err())
				}
			}
			if err := stream.Close(); err != nil {
				t.Error(err)
			}
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// A stream that was closed has no connection left.
func TestCloseLeavesNoConnection(t *testing.T) {
	for _, n := range []int{0, 1000, -1} {
		s := newServer(t, gameFile())
		s.Server.Close()
		opened, closed := make(chan struct{}, 10), make(chan struct{}, 10)
		s.Server = httptest.NewUnstartedServer(s)
		s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
			switch state {
			case http.StateNew:
				opened <- struct{}{}
			case http.StateClosed:
				closed <- struct{}{}
			}
		}
		s.Start()
		cfg, _ := config(s)
		stream, err := Open(t.Context(), january, cfg)
		if err != nil {
			t.Fatal(err)
		}
		if n < 0 {
			_, err = io.Copy(io.Discard, stream)
		} else {
			_, err = io.ReadFull(stream, make([]byte, n))
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := stream.Close(); err != nil {
			t.Fatal(err)
		}
		for range len(opened) {
			<-closed // while the server still runs
		}
		s.Server.Close()
	}
}

var errEnough = errors.New("enough")

// The end of the context ends the waits, with its cause.
func TestCancel(t *testing.T) {
	file := gameFile()
	hang := func(n int, reached chan<- struct{}) fault {
		return func(s *server, w http.ResponseWriter, r *http.Request) {
			wait := func() {
				close(reached)
				<-r.Context().Done()
				panic(http.ErrAbortHandler)
			}
			if n == 0 {
				wait()
			}
			s.Serve(faultserver.Cut(w, n, wait), r)
		}
	}
	t.Run("before", func(t *testing.T) {
		s := newServer(t, file)
		cfg, _ := config(s)
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errEnough)
		if _, err := Open(ctx, january, cfg); !errors.Is(err, errEnough) {
			t.Error(err)
		}
		if got := s.Log(); len(got) != 0 {
			t.Errorf("requests: %q", got)
		}
	})
	t.Run("before the answer", func(t *testing.T) {
		reached := make(chan struct{})
		s := newServer(t, file, hang(0, reached))
		cfg, events := config(s)
		ctx, cancel := context.WithCancelCause(t.Context())
		go func() {
			<-reached
			cancel(errEnough)
		}()
		if _, _, err := fetchWith(ctx, cfg); !errors.Is(err, errEnough) || events.kinds() != "" {
			t.Error(err, events.kinds())
		}
	})
	t.Run("in the answer", func(t *testing.T) {
		s := newServer(t, file, hang(1000, make(chan struct{})))
		cfg, events := config(s)
		ctx, cancel := context.WithCancelCause(t.Context())
		stream, err := Open(ctx, january, cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer stream.Close()
		if _, err := io.ReadFull(stream, make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
		s.Clock.OnArm(func() { cancel(errEnough) })
		if _, err := stream.Read(make([]byte, 1)); !errors.Is(err, errEnough) || events.kinds() != "" {
			t.Error(err, events.kinds())
		}
	})
	t.Run("in a wait", func(t *testing.T) {
		s := newServer(t, file, drop(100))
		held := s.Clock.Hold()
		cfg, _ := config(s)
		ctx, cancel := context.WithCancelCause(t.Context())
		go func() {
			<-held
			cancel(errEnough)
		}()
		if _, _, err := fetchWith(ctx, cfg); !errors.Is(err, errEnough) {
			t.Error(err)
		}
	})
	t.Run("in the checksum list", func(t *testing.T) {
		reached := make(chan struct{})
		s := newServer(t, file)
		s.SumFaults = []fault{hang(0, reached)}
		cfg, events := config(s)
		ctx, cancel := context.WithCancelCause(t.Context())
		go func() {
			<-reached
			cancel(errEnough)
		}()
		if n, _, err := fetchWith(ctx, cfg); !errors.Is(err, errEnough) || n != len(file) {
			t.Error(n, err)
		}
		if got := events.kinds(); got != "" {
			t.Errorf("events: %s", got)
		}
	})
	t.Run("close in a wait", func(t *testing.T) {
		s := newServer(t, file, drop(100))
		held := s.Clock.Hold()
		cfg, _ := config(s)
		stream, err := Open(t.Context(), january, cfg)
		if err != nil {
			t.Fatal(err)
		}
		closed := make(chan error)
		go func() {
			<-held
			closed <- stream.Close()
		}()
		if _, err := io.ReadAll(stream); !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
		if err := <-closed; err != nil {
			t.Error(err)
		}
	})
}

func fetchWith(ctx context.Context, cfg Config) (int, Info, error) {
	s, err := Open(ctx, january, cfg)
	if err != nil {
		return 0, Info{}, err
	}
	defer s.Close()
	b, err := io.ReadAll(s)
	return len(b), s.Info(), err
}

func TestRedirects(t *testing.T) {
	file := gameFile()
	s := newServer(t, file)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, s.URL+r.URL.Path, http.StatusFound)
	}))
	defer front.Close()
	s.Faults = []fault{drop(1000)}
	cfg, _ := config(s)
	cfg.BaseURL = front.URL
	mustFetch(t, cfg, file)
	if got := s.Log(); len(got) != 3 || got[1] != `month bytes=1000- if "v1"` {
		t.Errorf("requests: %q", got)
	}

	secure := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, s.URL+r.URL.Path, http.StatusFound)
	}))
	defer secure.Close()
	cfg.BaseURL = secure.URL
	cfg.Transport = secure.Client().Transport
	mustFail(t, cfg, errRedirect, "it leaves https")
}

func TestTLS(t *testing.T) {
	file := gameFile()
	s := newServer(t, file, drop(1000), stall(1000), status(503))
	secure := httptest.NewUnstartedServer(s)
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.EnableHTTP2 = true
	secure.StartTLS()
	defer secure.Close()
	cfg, events := config(s)
	cfg.BaseURL = secure.URL
	cfg.Transport = secure.Client().Transport
	mustFetch(t, cfg, file)
	if got := events.kinds(); got != "retrying*3 verified" {
		t.Errorf("events: %s", got)
	}

	// A server nobody vouches for is an error at once.
	cfg.Transport = nil
	cfg.Notify = func(e Event) { t.Errorf("event: %v", e) }
	mustFail(t, cfg, nil, "certificate")
	cfg.BaseURL = strings.Replace(s.URL, "http:", "https:", 1)
	mustFail(t, cfg, http.ErrSchemeMismatch, "")
}

func TestServerThatIsNotThere(t *testing.T) {
	s := newServer(t, nil)
	cfg, events := config(s)
	s.Close()
	mustFail(t, cfg, nil, "refused")
	if got := events.kinds(); got != "retrying*3" {
		t.Errorf("events: %s", got)
	}
	cfg.Tries = 1
	events.all = nil
	mustFail(t, cfg, nil, "refused")
	if got := events.kinds(); got != "" {
		t.Errorf("events with one try: %s", got)
	}

	cfg.Tries = 2
	cfg.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
		return nil, &net.DNSError{Err: "no such host", Name: r.Host, IsNotFound: true}
	})
	mustFail(t, cfg, nil, "no such host (is there a network? is the base URL right?)")
}

// roundTripper is a transport without a network.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// A transport that does not watch the length of a body is no way to lose its end.
func TestBodyShorterThanAnnounced(t *testing.T) {
	file := gameFile()
	s := newServer(t, file)
	cfg, _ := config(s)
	cfg.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
		resp := &http.Response{StatusCode: 200, Header: http.Header{}, Request: r, ContentLength: int64(len(file))}
		resp.Body = io.NopCloser(bytes.NewReader(file[:100]))
		return resp, nil
	})
	mustFail(t, cfg, io.ErrUnexpectedEOF, "gave up after 4 failures in a row")
}

// A wait in the mean grows to its limit and no further.
func TestBackoff(t *testing.T) {
	cfg, err := Config{Tries: 1 << 20, Jitter: func() float64 { return 1 }}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	r := retrier{cfg: &cfg}
	for i := range 100 {
		d, err := r.wait(&transient{err: io.ErrUnexpectedEOF})
		if want := min(time.Minute, time.Second<<min(i, 10)); err != nil || d != want {
			t.Fatalf("wait %d: %v, %v, want %v", i, d, err, want)
		}
	}
	cfg.Jitter = func() float64 { return 0 }
	if d, _ := r.wait(&transient{err: io.EOF}); d != 30*time.Second {
		t.Errorf("the shortest wait at the limit is %v", d)
	}
	if d, _ := r.wait(&transient{err: io.EOF, after: 2 * time.Minute}); d != 2*time.Minute+30*time.Second {
		t.Errorf("the shortest wait when asked for two minutes is %v", d)
	}
}

func TestConfig(t *testing.T) {
	for _, base := range []string{"", "https://database.lichess.org", "http://localhost:8080/mirror/", "https://[::1]/x"} {
		if cfg, err := (Config{BaseURL: base}).withDefaults(); err != nil || strings.HasSuffix(cfg.BaseURL, "/") {
			t.Errorf("%q: %q, %v", base, cfg.BaseURL, err)
		}
	}
	for base, text := range map[string]string{
		"database.lichess.org":              "is not http or https",
		"ftp://database.lichess.org":        `"ftp" is not http or https`,
		"file:///tmp":                       "is not http or https",
		"https://":                          "no host",
		"https:///standard":                 "no host",
		"https://me:secret@lichess.org":     "must not hold a user or password",
		"https://me@lichess.org":            "must not hold a user or password",
		"https://lichess.org/?x=1":          "without ? and #",
		"https://lichess.org/#x":            "without ? and #",
		"https://lichess.org/%zz":           "is no address",
		"https://me:secret@lichess.org/%zz": "is no address",
	} {
		_, err := Open(t.Context(), january, Config{BaseURL: base})
		if err == nil || !strings.Contains(err.Error(), text) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", base, err)
		}
	}
	for _, cfg := range []Config{{Tries: -1}, {StallTimeout: -1}, {MinBackoff: -1}, {MaxBackoff: -1}, {MaxRetryAfter: -1}} {
		if _, err := Open(t.Context(), january, cfg); err == nil || !strings.Contains(err.Error(), "negative") {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
	if _, err := Open(t.Context(), Month{2012, 12}, Config{}); err == nil || !strings.Contains(err.Error(), "begins with 2013-01") {
		t.Errorf("a month before the first: %v", err)
	}
	if tr := newTransport(); tr.Proxy == nil || !tr.DisableCompression {
		t.Error("the transport has no proxies or compresses")
	}
}
