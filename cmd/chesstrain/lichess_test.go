package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"go.uber.org/goleak"

	"transcend/cmd/chesstrain/internal/source"
	"transcend/data"
	"transcend/data/lichess"
	"transcend/internal/cli"
	"transcend/internal/faultserver"
)

// month returns a file of real games, if there is one, else of the simulated ones,
// and a rating cap that keeps a part of them.
var month = sync.OnceValues(func() (file []byte, maxElo string) {
	if b, err := os.ReadFile("../../../shared/data/lichess/lichess_2018-06_rating_bands.pgn.zst"); err == nil {
		return b, "1000"
	}
	text, err := simulated(2000)
	if err != nil {
		panic(err)
	}
	z, err := zstd.NewWriter(nil)
	if err != nil {
		panic(err)
	}
	return z.EncodeAll([]byte(text), nil), "1000"
})

// fetching runs a command that fetches from a server on its bad day, by the
// server's clock.
func fetching(ctx context.Context, s *faultserver.Server, args ...string) (code int, stdout, stderr string) {
	config := lichess.Config{
		StallTimeout: faultserver.StallTimeout, Tries: 4, Now: s.Clock.Now, Jitter: func() float64 { return 0.5 },
		AfterFunc: func(d time.Duration, f func()) lichess.Timer { return s.Clock.AfterFunc(d, f) },
	}
	var out, errs bytes.Buffer
	args = append(args, "--lichess-url", s.URL)
	code = execute(source.WithFetch(ctx, config), strings.NewReader(""), &out, &errs, args)
	return code, out.String(), errs.String()
}

// local is the corpus of the month's file on disk.
func local(t *testing.T, flags ...string) *data.Corpus {
	t.Helper()
	file, maxElo := month()
	path := filepath.Join(t.TempDir(), faultserver.FileName)
	if err := os.WriteFile(path, file, 0o644); err != nil {
		t.Fatal(err)
	}
	return mustPrepare(t, append([]string{"--pgn", path, "--max-elo", maxElo}, flags...)...)
}

// same compares a corpus with that of the local file.
func same(t *testing.T, got, want *data.Corpus) {
	t.Helper()
	if got.Fingerprint() != want.Fingerprint() || got.Len() != want.Len() || want.Len() == 0 {
		t.Errorf("%d games, fingerprint %x; the local file gives %d, %x", got.Len(), got.Fingerprint(), want.Len(), want.Fingerprint())
	}
	if a, b := got.Provenance.Report.String(), want.Provenance.Report.String(); a != b {
		t.Errorf("report:\n%s\nof the local file:\n%s", a, b)
	}
}

// What a server does wrong, and what comes out right all the same, for prepare; and
// what is said meanwhile.
func TestPrepareFromABadServer(t *testing.T) {
	file, maxElo := month()
	n := len(file)
	want := local(t)
	partOf := func(from, to int) string { return fmt.Sprintf("Content-Range: bytes %d-%d/%d", from, to-1, n) }
	for _, test := range []struct {
		name   string
		faults []faultserver.Fault
		setup  func(s *faultserver.Server)
		said   []string
	}{
		{name: "nothing"},
		{name: "drops", faults: []faultserver.Fault{faultserver.Drop(0), faultserver.Drop(1000), faultserver.Drop(n / 3), faultserver.Drop(n / 3)},
			said: []string{"the connection was lost", "trying again in 800ms (failure 1 of 4, at byte 1000 of " + fmt.Sprint(n)}},
		{name: "stalls", faults: []faultserver.Fault{faultserver.Stall(0), faultserver.Stall(n / 2)},
			said: []string{"the server sends nothing for 1m1.234s; trying again"}},
		{name: "wrong ranges", faults: []faultserver.Fault{faultserver.Drop(4000), faultserver.Raw(206, file[3999:], partOf(3999, n)), faultserver.Raw(206, file, partOf(0, n))},
			said: []string{`asked for the bytes from 4000 on and sends "bytes 3999-`}},
		{name: "no ranges", faults: []faultserver.Fault{faultserver.Drop(n / 2), faultserver.Unranged},
			said: []string{"the server does not resume: fetching the first"}},
		{name: "429 with a date", faults: []faultserver.Fault{faultserver.Status(429, "Retry-After: Sat, 21 Nov 2026 03:02:00 GMT")},
			said: []string{"429 Too Many Requests, to be asked again in 2m0s; trying again in 2m"}},
		{name: "503 with seconds", faults: []faultserver.Fault{faultserver.Status(503, "Retry-After: 30"), faultserver.Drop(n / 2), faultserver.Status(503, "Retry-After: 5")},
			said: []string{"503 Service Unavailable, to be asked again in 30s; trying again in 30.8s (failure 1 of 4"}},
		{name: "unknown length", faults: []faultserver.Fault{faultserver.Pieces(n/7, n/2), faultserver.Pieces(n/9, 0)}},
		{name: "checksum list on its bad day", setup: func(s *faultserver.Server) {
			s.SumFaults = []faultserver.Fault{faultserver.Status(503, "Retry-After: 5"), faultserver.Drop(3)}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := faultserver.New(t, file, test.faults...)
			if test.setup != nil {
				test.setup(s)
			}
			dir := t.TempDir()
			out := filepath.Join(dir, "x.parquet")
			code, stdout, errs := fetching(t.Context(), s, "prepare", "--lichess", "2023-01", "--max-elo", maxElo, "--out", out)
			if code != cli.ExitOK {
				t.Fatalf("exit %d\n%s%s", code, stdout, errs)
			}
			for _, said := range append(test.said, faultserver.FileName+": checksum verified") {
				if !strings.Contains(errs, said) {
					t.Errorf("%q is not said:\n%s", said, errs)
				}
			}
			if strings.ContainsAny(errs, "\r\x1b") {
				t.Error("a pipe got terminal codes")
			}
			got := mustRead(t, out)
			same(t, got, want)
			sum := sha256.Sum256(file)
			wantSource := data.Source{Name: faultserver.FileName, URL: s.URL + faultserver.Path, Size: int64(n), SHA256: hex.EncodeToString(sum[:]), Verified: true}
			if p := got.Provenance; len(p.Sources) != 1 || p.Sources[0] != wantSource {
				t.Errorf("the source is described as %+v, want %+v", p.Sources, wantSource)
			}
			if len(s.Faults) > 0 || len(s.SumFaults) > 0 {
				t.Error("not all faults were met")
			}
			noFileBut(t, dir, "x.parquet")
		})
	}
	t.Run("no checksum list", func(t *testing.T) {
		s := faultserver.New(t, file)
		s.Sums = ""
		out := filepath.Join(t.TempDir(), "x.parquet")
		code, _, errs := fetching(t.Context(), s, "prepare", "--lichess", "2023-01", "--max-elo", maxElo, "--out", out)
		if code != cli.ExitOK || !strings.Contains(errs, "warning: the checksum was not verified") {
			t.Fatalf("exit %d\n%s", code, errs)
		}
		got := mustRead(t, out)
		same(t, got, want)
		if got.Provenance.Sources[0].Verified {
			t.Error("the source is said to be verified")
		}
	})
}

// What cannot come out right: the message, the exit code, and no file, for prepare
// and for training.
func TestBadServerErrors(t *testing.T) {
	file, maxElo := month()
	n := len(file)
	times := func(k int, f faultserver.Fault) []faultserver.Fault {
		var all []faultserver.Fault
		for range k {
			all = append(all, f)
		}
		return all
	}
	corrupt := bytes.Clone(file)
	for i := range 2000 {
		corrupt[n/8+i] ^= 0x5a
	}
	goAhead := "hint: to use the games before the cut, add --accept-truncated"
	for _, test := range []struct {
		name   string
		faults []faultserver.Fault
		setup  func(s *faultserver.Server)
		said   []string
		hint   bool // about --accept-truncated
	}{
		{name: "no such month", faults: times(1, faultserver.Status(404)), said: []string{"404 Not Found: it has no such file; a month comes some days after it is over"}},
		{name: "forbidden", faults: times(1, faultserver.Status(403)), said: []string{"403 Forbidden: it does not give out the file (is the base URL right?)"}},
		{name: "busy for long", faults: times(1, faultserver.Status(429, "Retry-After: 3600")), said: []string{"to be asked again in 1h0m0s: come back later"}},
		{name: "down", faults: times(4, faultserver.Status(503)), said: []string{"gave up after 4 failures in a row: ", "503 Service Unavailable"}},
		{name: "truncated for ever", faults: append(times(1, faultserver.Drop(n/2)), times(3, faultserver.Drop(0))...),
			said: []string{fmt.Sprintf("at byte %d of %d: gave up after 4 failures in a row: ", n/2, n), "EOF"}, hint: true},
		{name: "stalled for ever", faults: append(times(1, faultserver.Drop(n/2)), times(3, faultserver.Stall(0))...),
			said: []string{"the server sends nothing for 1m1.234s"}, hint: true},
		{name: "wrong ranges for ever", faults: append(times(1, faultserver.Drop(n/2)), times(3, faultserver.Raw(206, file, fmt.Sprintf("Content-Range: bytes 0-%d/%d", n-1, n)))...),
			said: []string{fmt.Sprintf("asked for the bytes from %d on and sends", n/2)}, hint: true},
		{name: "replaced meanwhile", faults: append(times(1, faultserver.Drop(n/2)), faultserver.Change(func(s *faultserver.Server) { s.ETag = `"v2"` })),
			said: []string{`changed on the server while it was read (ETag was "v1", is "v2")`, "start again"}},
		{name: "a corrupt block", setup: func(s *faultserver.Server) { s.Content = corrupt }, said: []string{"damaged"}},
		{name: "a corrupt block, no checksums", setup: func(s *faultserver.Server) { s.Content, s.Sums = corrupt, "" }, said: []string{"the zstd data is damaged after game"}},
		{name: "truncated on the server", setup: func(s *faultserver.Server) { s.Content = file[:n/2] }, said: []string{"the SHA-256 of", "fetch it again"}},
		{name: "truncated on the server, no checksums", setup: func(s *faultserver.Server) { s.Content, s.Sums = file[:n/2], "" },
			said: []string{"the zstd data is cut off after game"}, hint: true},
		{name: "a web page", faults: times(1, faultserver.Raw(200, []byte("<html>Log in"), "Content-Type: text/html")), said: []string{"a web page instead of the file"}},
		{name: "wrong checksum", setup: func(s *faultserver.Server) { s.Sums = faultserver.Sum(nil, "2023-01") }, said: []string{"do not use what was read"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, cmd := range []string{"prepare", "train"} {
				s := faultserver.New(t, file, append([]faultserver.Fault(nil), test.faults...)...)
				if test.setup != nil {
					test.setup(s)
				}
				dir := t.TempDir()
				args := []string{cmd, "--lichess", "2023-01", "--max-elo", maxElo, "--out", filepath.Join(dir, "x")}
				if cmd == "train" {
					args = append(args, small...)
				}
				code, stdout, errs := fetching(t.Context(), s, args...)
				if code != cli.ExitFailure || stdout != "" {
					t.Errorf("%s: exit %d, printed %q\n%s", cmd, code, stdout, errs)
				}
				for _, said := range test.said {
					if !strings.Contains(errs, said) {
						t.Errorf("%s: %q is not said:\n%s", cmd, said, errs)
					}
				}
				if strings.Contains(errs, goAhead) != test.hint {
					t.Errorf("%s: the hint about --accept-truncated is there or not:\n%s", cmd, errs)
				}
				if cmd == "prepare" {
					noFileBut(t, dir)
				} else if _, err := os.Stat(filepath.Join(dir, "x", corpusFile)); err == nil {
					t.Errorf("a corpus was written")
				}
			}
		})
	}
}

// TestAcceptTruncated: the games before the cut are used if that is wanted, and the
// corpus says how much was read.
func TestAcceptTruncated(t *testing.T) {
	file, maxElo := month()
	n := len(file)
	want := local(t)
	prepareCut := func(t *testing.T, months string) (int, string, string) {
		cut := []faultserver.Fault{faultserver.Drop(n / 2), faultserver.Drop(0), faultserver.Drop(0), faultserver.Drop(0)}
		s := faultserver.New(t, file, cut...)
		s.More = map[string][]byte{"2023-02": file}
		out := filepath.Join(t.TempDir(), "x.parquet")
		code, _, errs := fetching(t.Context(), s, "prepare", "--lichess", months, "--max-elo", maxElo, "--accept-truncated", "--out", out)
		return code, errs, out
	}
	code, errs, out := prepareCut(t, "2023-01")
	if code != cli.ExitOK || !strings.Contains(errs, "warning: ") || !strings.Contains(errs, "gave up after 4 failures") {
		t.Fatalf("exit %d\n%s", code, errs)
	}
	got := mustRead(t, out)
	if got.Len() == 0 || got.Len() >= want.Len() {
		t.Errorf("%d games of %d", got.Len(), want.Len())
	}
	for i, g := range got.All() {
		if g.Site != want.Game(i).Site {
			t.Fatalf("game %d is another one", i)
		}
	}
	if s := got.Provenance.Sources[0]; s.Read != int64(n/2) || s.SHA256 != "" || s.Verified || s.Size != int64(n) {
		t.Errorf("the source is described as %+v", s)
	}
	// What follows would be lost, too.
	code, errs, _ = prepareCut(t, "2023-01..2023-02")
	if code != cli.ExitFailure || !strings.Contains(errs, "more sources follow it") {
		t.Errorf("exit %d\n%s", code, errs)
	}
}

// compressed returns a text as zstd.
func compressed(t *testing.T, text string) []byte {
	t.Helper()
	e, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	return e.EncodeAll([]byte(text), nil)
}

// TestMonths reads several months and files as one, and no more of them than is
// wanted.
func TestMonths(t *testing.T) {
	file, maxElo := month()
	dir := t.TempDir()
	february := compressed(t, sample(t, 200))
	for name, b := range map[string][]byte{"first.pgn.zst": file, "second.pgn.zst": february} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	first, second := filepath.Join(dir, "first.pgn.zst"), filepath.Join(dir, "second.pgn.zst")
	want := mustPrepare(t, "--pgn", first, "--pgn", second, "--max-elo", maxElo)
	january := mustPrepare(t, "--pgn", first, "--max-elo", maxElo)

	serve := func(faults ...faultserver.Fault) *faultserver.Server {
		s := faultserver.New(t, file, faults...)
		s.More = map[string][]byte{"2023-02": february}
		return s
	}
	fetch := func(s *faultserver.Server, args ...string) *data.Corpus {
		t.Helper()
		out := filepath.Join(t.TempDir(), "x.parquet")
		args = append([]string{"prepare", "--max-elo", maxElo, "--out", out}, args...)
		code, stdout, errs := fetching(t.Context(), s, args...)
		if code != cli.ExitOK {
			t.Fatalf("%v: exit %d\n%s%s", args, code, stdout, errs)
		}
		return mustRead(t, out)
	}
	s := serve(faultserver.Drop(len(file)/2), faultserver.Drop(0), faultserver.Unranged, faultserver.Drop(len(february)/2))
	got := fetch(s, "--lichess", "2023-01..2023-02")
	same(t, got, want)
	if p := got.Provenance.Sources; len(p) != 2 || !p[0].Verified || !p[1].Verified {
		t.Errorf("sources: %+v", p)
	}
	// Files come before months, months in the order in which they are given.
	got = fetch(serve(), "--lichess", "2023-02", "--pgn", first)
	same(t, got, want)

	// The number of games may be reached in the first month, at its end, or in the
	// second one; the result is the same as that of files, and so is the report.
	for _, games := range []int{1, january.Len() / 2, january.Len(), january.Len() + 1, want.Len(), want.Len() + 10} {
		n := fmt.Sprint(games)
		s := serve()
		got := fetch(s, "--lichess", "2023-01", "--lichess", "2023-02", "--games", n)
		same(t, got, mustPrepare(t, "--pgn", first, "--pgn", second, "--max-elo", maxElo, "--games", n))
		if got.Len() != min(games, want.Len()) || got.Provenance.Limit != games {
			t.Errorf("--games %d gave %d, limit %d", games, got.Len(), got.Provenance.Limit)
		}
	}
}

// TestEnoughGames: when there are enough, nobody waits for a server that sends no
// more, and the connection is closed.
func TestEnoughGames(t *testing.T) {
	file, maxElo := month()
	// Whatever the test's server itself needs is not the command's.
	ignore := goleak.IgnoreCurrent()
	gone := make(chan struct{})
	s := faultserver.New(t, file, func(s *faultserver.Server, w http.ResponseWriter, r *http.Request) {
		// The connection may be closed while there is still something to send, too.
		defer close(gone)
		s.Serve(faultserver.Cut(w, len(file)*3/4, func() {
			<-r.Context().Done()
			panic(http.ErrAbortHandler)
		}), r)
	})
	out := filepath.Join(t.TempDir(), "x.parquet")
	code, stdout, errs := fetching(t.Context(), s, "prepare", "--lichess", "2023-01..2023-10", "--max-elo", maxElo, "--games", "5", "--out", out)
	if code != cli.ExitOK || mustRead(t, out).Len() != 5 {
		t.Fatalf("exit %d\n%s%s", code, stdout, errs)
	}
	<-gone
	if got := s.Log(); len(got) != 1 {
		t.Errorf("requests: %q", got)
	}
	if source := mustRead(t, out).Provenance.Sources[0]; source.Read == 0 || source.SHA256 != "" || source.URL == "" {
		t.Errorf("the source is described as %+v", source)
	}
	s.Close()
	goleak.VerifyNone(t, ignore)
}

// TestEnoughGamesBeforeTheNextMonth: the reader is ahead, and may ask for the next month
// already. Nobody waits for the answer.
func TestEnoughGamesBeforeTheNextMonth(t *testing.T) {
	// So few games that the reader has them all before the first one is taken, mostly.
	games := sample(t, 600)
	file := compressed(t, games)
	s := faultserver.New(t, file, (*faultserver.Server).Serve, func(s *faultserver.Server, w http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	})
	s.More = map[string][]byte{"2023-02": file}
	out := filepath.Join(t.TempDir(), "x.parquet")
	code, stdout, errs := fetching(t.Context(), s, "prepare", "--lichess", "2023-01..2023-02", "--games", "600", "--out", out)
	if code != cli.ExitOK {
		t.Fatalf("exit %d\n%s%s", code, stdout, errs)
	}
	if got := mustRead(t, out); got.Len() != 600 {
		t.Errorf("%d games", got.Len())
	}
}

// TestKeep: a month is kept if wanted, used without a server the next time, and taken
// up after an interruption.
func TestKeep(t *testing.T) {
	file, maxElo := month()
	want := local(t)
	dir := t.TempDir()
	months, out := filepath.Join(dir, "months"), filepath.Join(dir, "x.parquet")
	args := []string{"prepare", "--lichess", "2023-01", "--max-elo", maxElo, "--keep", months, "--out", out}

	// Interrupted in the middle.
	ctx, interrupt := context.WithCancel(t.Context())
	s := faultserver.New(t, file, func(s *faultserver.Server, w http.ResponseWriter, r *http.Request) {
		s.Serve(faultserver.Cut(w, len(file)/2, func() {
			for { // until what was sent is on disk: no less is to be taken up
				part, err := os.Stat(filepath.Join(months, faultserver.FileName+".part"))
				if err == nil && part.Size() == int64(len(file)/2) {
					break
				}
				time.Sleep(time.Millisecond)
			}
			interrupt()
			<-r.Context().Done()
			panic(http.ErrAbortHandler)
		}), r)
	})
	code, stdout, errs := fetching(ctx, s, args...)
	if code != cli.ExitInterrupted || stdout != "" || !strings.Contains(errs, "interrupted") || !strings.Contains(errs, "x.parquet was not made") ||
		!strings.Contains(errs, "goes on there") {
		t.Errorf("exit %d\n%s%s", code, stdout, errs)
	}
	noFileBut(t, dir, "months")

	code, _, errs = fetching(t.Context(), s, args...)
	if code != cli.ExitOK || !strings.Contains(errs, "going on after the part in") || !strings.Contains(errs, "checksum verified, kept as "+months) {
		t.Fatalf("exit %d\n%s", code, errs)
	}
	same(t, mustRead(t, out), want)
	if b, err := os.ReadFile(filepath.Join(months, faultserver.FileName)); err != nil || !bytes.Equal(b, file) {
		t.Errorf("the month on disk is another one: %v", err)
	}
	s.Close()
	code, _, errs = fetching(t.Context(), s, append(args, "--force")...)
	if code != cli.ExitOK {
		t.Fatalf("without the server: exit %d\n%s", code, errs)
	}
	same(t, mustRead(t, out), want)

	// What does not decode is put aside: it would fail again.
	corrupt := bytes.Clone(file)
	for i := range 2000 {
		corrupt[len(file)/4+i] ^= 0x5a
	}
	s = faultserver.New(t, corrupt, faultserver.Drop(len(file)*3/4))
	s.Sums = ""
	bad := filepath.Join(dir, "bad")
	args = []string{"prepare", "--lichess", "2023-01", "--max-elo", maxElo, "--keep", bad, "--out", filepath.Join(dir, "y.parquet")}
	if code, _, errs := fetching(t.Context(), s, args...); code != cli.ExitFailure || !strings.Contains(errs, "damaged after game") {
		t.Errorf("exit %d\n%s", code, errs)
	}
	if _, err := os.Stat(filepath.Join(bad, faultserver.FileName+".part")); err == nil {
		t.Error("the damaged part is still there")
	}
}

// TestTrainFromABadServer: the weights are those of the local file.
func TestTrainFromABadServer(t *testing.T) {
	file, maxElo := month()
	dir := t.TempDir()
	t.Chdir(dir)
	if err := os.WriteFile("local.pgn.zst", file, 0o644); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := command(t, "", append([]string{"--pgn", "local.pgn.zst", "--max-elo", maxElo, "--out", "one"}, small...)...); code != cli.ExitOK {
		t.Fatal(errs)
	}
	n := len(file)
	s := faultserver.New(t, file, faultserver.Status(503, "Retry-After: 30"), faultserver.Drop(n/2), faultserver.Raw(206, file), faultserver.Stall(n/4), faultserver.Unranged)
	code, _, errs := fetching(t.Context(), s, append([]string{"--lichess", "2023-01", "--max-elo", maxElo, "--out", "two"}, small...)...)
	if code != cli.ExitOK || !strings.Contains(errs, "checksum verified") {
		t.Fatalf("exit %d\n%s", code, errs)
	}
	same(t, mustRead(t, "two/corpus.parquet"), mustRead(t, "one/corpus.parquet"))
	for _, file := range []string{"model.safetensors", "optimizer.safetensors"} {
		a, err := os.ReadFile(filepath.Join("one", "checkpoint-00000006", file))
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join("two", "checkpoint-00000006", file))
		if err != nil || !bytes.Equal(a, b) {
			t.Errorf("%s differs from that of the local file: %v", file, err)
		}
	}
}
