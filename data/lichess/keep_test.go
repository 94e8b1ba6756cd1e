package lichess

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"transcend/internal/faultserver"
)

// names returns the names in a directory, without those of the month.
func names(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, strings.Replace(e.Name(), january.FileName(), "NAME", 1))
	}
	return strings.Join(all, " ")
}

// readSome reads n bytes of a month and closes the stream.
func readSome(t *testing.T, cfg Config, n int) {
	t.Helper()
	s, err := Open(t.Context(), january, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(s, make([]byte, n)); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func keepFile(t *testing.T, dir, suffix string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, january.FileName()+suffix))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestKeep(t *testing.T) {
	file := gameFile()
	s := newServer(t, file, drop(1000))
	cfg, events := config(s)
	cfg.KeepDir = filepath.Join(t.TempDir(), "new", "directory")
	info := mustFetch(t, cfg, file)
	path := filepath.Join(cfg.KeepDir, january.FileName())
	if info.Path != path || !info.Verified {
		t.Errorf("info: %+v", info)
	}
	if got := names(t, cfg.KeepDir); got != "NAME" {
		t.Errorf("kept: %s", got)
	}
	if !bytes.Equal(keepFile(t, cfg.KeepDir, ""), file) {
		t.Error("the kept file is another one")
	}
	if last := events.all[len(events.all)-1]; last.Kind != Verified || last.Path != path {
		t.Errorf("event: %+v", last)
	}

	// From now on there is no server to ask.
	s.Close()
	events.all = nil
	info = mustFetch(t, cfg, file)
	if info.Path != path || info.URL != "" || events.kinds() != "" {
		t.Errorf("info: %+v, events: %s", info, events.kinds())
	}
}

// A part that is left by a stream that was closed early is taken up.
func TestKeepResumes(t *testing.T) {
	file := gameFile()
	n := len(file)
	if n/2 <= tailSize {
		t.Fatalf("the file of %d bytes is too short to have a part longer than its tail of %d", n, tailSize)
	}
	tests := []struct {
		name   string
		read   int
		faults []fault // of the second run
		setup  func(s *server)
		events string
	}{
		{name: "plain", read: n / 2, events: "resumed verified"},
		{name: "one byte", read: 1, events: "resumed verified"},
		{name: "all but one", read: n - 1, events: "resumed verified"},
		{name: "all", read: n, events: "resumed verified"},
		{name: "nothing", read: 0, events: "verified"},
		{name: "faults in the question", read: n / 2, faults: []fault{drop(0), status(503), stall(0)}, events: "retrying*3 resumed verified"},
		{name: "drop in the answer", read: n / 2, faults: []fault{drop(3)}, events: "retrying resumed verified"},
		{name: "wrong range in the answer", read: n / 2, faults: []fault{raw(206, file[:5], "Content-Range: bytes 0-4/5")}, events: "restarted verified"},
		{name: "no range in the answer", read: n / 2, faults: []fault{raw(206, file[:5])}, events: "retrying resumed verified"},
		{name: "range that ends too early in the answer", read: n / 2, faults: []fault{chunked(206, file[n/2-10:n/2-5], fmt.Sprintf("Content-Range: bytes %d-%d/%d", n/2-tailSize, n/2-1, n))},
			events: "retrying resumed verified"},
		{name: "faults after it", read: n / 2, faults: []fault{(*server).Serve, drop(50), status(429, "Retry-After: 1"), stall(10)}, events: "resumed retrying*3 verified"},
		{name: "many faults before and after it", read: n / 2, faults: []fault{status(503), status(503), status(503), (*server).Serve, status(503), status(503), status(503)},
			events: "retrying*3 resumed retrying*3 verified"},
		{name: "server without ranges", read: n / 2, faults: []fault{faultserver.Unranged, faultserver.Unranged}, events: "resumed rereading verified"},
		{name: "size only", read: n / 2, setup: func(s *server) { s.ETag = ""; s.Modified = time.Time{} }, events: "resumed verified"},
		{name: "weak ETag only", read: n / 2, setup: func(s *server) { s.ETag = `W/"x"`; s.Modified = time.Time{} }, events: "resumed verified"},
		{name: "smaller file", read: n / 2, faults: []fault{status(416)}, events: "restarted verified"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newServer(t, file)
			if test.setup != nil {
				test.setup(s)
			}
			cfg, events := config(s)
			cfg.KeepDir = t.TempDir()
			readSome(t, cfg, test.read)
			if got := names(t, cfg.KeepDir); got != "NAME.lock NAME.part NAME.part.json" {
				t.Errorf("after the first run: %s", got)
			}
			if got := keepFile(t, cfg.KeepDir, ".part"); !bytes.Equal(got, file[:test.read]) {
				t.Errorf("the part has %d bytes, want the first %d of the file", len(got), test.read)
			}
			s.Faults = test.faults
			before := len(s.Log())
			mustFetch(t, cfg, file)
			if got := events.kinds(); got != test.events {
				t.Errorf("events: %s, want %s", got, test.events)
			}
			for _, e := range events.all {
				if e.Kind == Resumed && (e.Offset != int64(test.read) || e.Size != int64(n) || e.Path == "") {
					t.Errorf("event: %+v", e)
				}
			}
			if got := names(t, cfg.KeepDir); got != "NAME" {
				t.Errorf("after the second run: %s", got)
			}
			if !bytes.Equal(keepFile(t, cfg.KeepDir, ""), file) {
				t.Error("the kept file is another one")
			}
			if test.name == "plain" {
				want := []string{
					fmt.Sprintf("month bytes=%d-%d", max(0, n/2-tailSize), n/2-1),
					fmt.Sprintf(`month bytes=%d- if "v1"`, n/2), "sums",
				}
				if got := s.Log()[before:]; fmt.Sprint(got) != fmt.Sprint(want) {
					t.Errorf("requests: %q, want %q", got, want)
				}
			}
		})
	}
}

// A part that is not the beginning of what the server has is fetched again from the
// start, and never used.
func TestKeepRestarts(t *testing.T) {
	file := gameFile()
	n := len(file)
	part := func(dir string) string { return filepath.Join(dir, january.FileName()+".part") }
	write := func(t *testing.T, path string, b []byte) {
		t.Helper()
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		name   string
		change func(t *testing.T, s *server, dir string)
		reason string
	}{
		{"another ETag", func(t *testing.T, s *server, dir string) { s.ETag = `"v2"` }, `(ETag was "v1", is "v2")`},
		{"another date", func(t *testing.T, s *server, dir string) { s.Modified = s.Modified.Add(time.Second) }, "Last-Modified was"},
		{"another size", func(t *testing.T, s *server, dir string) {
			s.Content = append(bytes.Clone(file), "\x50\x2a\x4d\x18\x00\x00\x00\x00"...)
			s.Sums = fmt.Sprintf("%x  %s\n", sha256.Sum256(s.Content), january.FileName())
		}, "size was"},
		{"smaller than the part", func(t *testing.T, s *server, dir string) {
			s.Content = file[:n/4]
			s.Sums = ""
		}, "size was"},
		{"smaller than the part, the size was not known", func(t *testing.T, s *server, dir string) {
			write(t, part(dir)+".json", fmt.Appendf(nil, `{"url": %q, "etag": "\"v1\""}`, s.URL+monthPath))
			s.Content = file[:n/2-10]
			s.Sums = ""
		}, "is smaller"},
		{"other bytes", func(t *testing.T, s *server, dir string) {
			b := keepFile(t, dir, ".part")
			b[len(b)-1] ^= 1
			write(t, part(dir), b)
		}, "are not those of the file"},
		{"zeros at the end", func(t *testing.T, s *server, dir string) {
			b := keepFile(t, dir, ".part")
			clear(b[len(b)-100:])
			write(t, part(dir), b)
		}, "are not those of the file"},
		{"too long", func(t *testing.T, s *server, dir string) { write(t, part(dir), make([]byte, n+1)) }, "more than"},
		{"no note", func(t *testing.T, s *server, dir string) { os.Remove(part(dir) + ".json") }, "no such file"},
		{"empty note", func(t *testing.T, s *server, dir string) { write(t, part(dir)+".json", nil) }, "unexpected end"},
		{"endless note", func(t *testing.T, s *server, dir string) {
			write(t, part(dir)+".json", bytes.Repeat([]byte(" "), maxInfo+1))
		}, "more than"},
		{"note of another server", func(t *testing.T, s *server, dir string) {
			write(t, part(dir)+".json", []byte(`{"url": "https://example.org/x", "etag": "\"v1\""}`))
		}, "it is of https://example.org/x"},
		{"note without a version", func(t *testing.T, s *server, dir string) {
			write(t, part(dir)+".json", fmt.Appendf(nil, `{"url": %q}`, s.URL+monthPath))
		}, "not known which version"},
		{"note with a size that cannot be", func(t *testing.T, s *server, dir string) {
			write(t, part(dir)+".json", fmt.Appendf(nil, `{"url": %q, "size": -5}`, s.URL+monthPath))
		}, "cannot be"},
		{"server that tells nothing any more", func(t *testing.T, s *server, dir string) {
			s.Faults = []fault{pieces(1000, 0)}
			write(t, part(dir)+".json", fmt.Appendf(nil, `{"url": %q, "size": %d}`, s.URL+monthPath, n))
			s.ETag = ""
		}, "does not tell which version"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newServer(t, file)
			cfg, events := config(s)
			cfg.KeepDir = t.TempDir()
			readSome(t, cfg, n/2)
			test.change(t, s, cfg.KeepDir)
			mustFetch(t, cfg, s.Content)
			if events.all[0].Kind != Restarted || !strings.Contains(events.all[0].Err.Error(), test.reason) {
				t.Errorf("event: %v", events.all[0])
			}
			if got := names(t, cfg.KeepDir); got != "NAME" {
				t.Errorf("kept: %s", got)
			}
			if !bytes.Equal(keepFile(t, cfg.KeepDir, ""), s.Content) {
				t.Error("the kept file is another one")
			}
		})
	}
}

// The note beside a part is of its bytes, even when a run that starts again stops
// before its first byte.
func TestKeepNoteAndPartGoTogether(t *testing.T) {
	file := gameFile()
	s := newServer(t, file)
	cfg, _ := config(s)
	cfg.KeepDir = t.TempDir()
	readSome(t, cfg, 5000)
	s.ETag = `"v2"`
	readSome(t, cfg, 0)
	if got := keepFile(t, cfg.KeepDir, ".part"); len(got) != 0 {
		t.Errorf("%d bytes of the old version are left", len(got))
	}
	if got := keepFile(t, cfg.KeepDir, ".part.json"); !bytes.Contains(got, []byte(`v2`)) {
		t.Errorf("the note is %s", got)
	}
}

// A file with the wrong checksum does not get its name.
func TestKeepWrongChecksum(t *testing.T) {
	file := gameFile()
	s := newServer(t, file)
	good := s.Sums
	s.Sums = strings.Repeat("ab", 32) + "  " + january.FileName()
	cfg, events := config(s)
	cfg.KeepDir = t.TempDir()
	_, _, err := fetch(t, cfg)
	var e *ChecksumError
	if !errors.As(err, &e) || e.Path != filepath.Join(cfg.KeepDir, january.FileName()+".bad") || !strings.Contains(err.Error(), e.Path) {
		t.Fatalf("the error is %v", err)
	}
	if got := names(t, cfg.KeepDir); got != "NAME.bad NAME.lock" {
		t.Errorf("kept: %s", got)
	}
	s.Sums = good
	mustFetch(t, cfg, file)
	if got := events.kinds(); got != "verified" {
		t.Errorf("events: %s", got)
	}
	if got := names(t, cfg.KeepDir); got != "NAME NAME.bad" {
		t.Errorf("kept: %s", got)
	}
}

// A server without checksums has files that are kept; when the list cannot be
// asked for, the part waits for the run that can.
func TestKeepWithoutChecksum(t *testing.T) {
	file := gameFile()
	s := newServer(t, file)
	sums := s.Sums
	s.Sums = ""
	cfg, events := config(s)
	cfg.KeepDir = t.TempDir()
	info := mustFetch(t, cfg, file)
	if got := names(t, cfg.KeepDir); got != "NAME" || info.Verified || info.Path == "" || events.all[0].Path != info.Path {
		t.Errorf("kept: %s, %+v", got, info)
	}

	s.Sums = sums
	s.SumFaults = []fault{status(403)}
	cfg.KeepDir = t.TempDir()
	events.all = nil
	info = mustFetch(t, cfg, file)
	if got := names(t, cfg.KeepDir); got != "NAME.lock NAME.part NAME.part.json" || info.Verified || info.Path != "" {
		t.Errorf("kept: %s, %+v", got, info)
	}
	info = mustFetch(t, cfg, file)
	if got := names(t, cfg.KeepDir); got != "NAME" || !info.Verified {
		t.Errorf("kept: %s, %+v", got, info)
	}
	if got := events.kinds(); got != "unverified resumed verified" {
		t.Errorf("events: %s", got)
	}
}

// What the server sends under the same name is another file: the part must not be
// met again.
func TestKeepContentChanged(t *testing.T) {
	file := gameFile()
	other := bytes.Clone(file)
	other[50] ^= 1
	s := newServer(t, file, drop(1000), func(s *server, w http.ResponseWriter, r *http.Request) {
		s.Content = other
		faultserver.Unranged(s, w, r)
	})
	cfg, _ := config(s)
	cfg.KeepDir = t.TempDir()
	mustFail(t, cfg, nil, "(content was SHA-256")
	if got := names(t, cfg.KeepDir); got != "NAME.bad NAME.lock" {
		t.Errorf("kept: %s", got)
	}
}

// A part that does not decode is put aside when the reader says so.
func TestDamaged(t *testing.T) {
	file := gameFile()
	s := newServer(t, file)
	cfg, _ := config(s)
	cfg.KeepDir = t.TempDir()
	open := func() *Stream {
		stream, err := Open(t.Context(), january, cfg)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(stream, make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
		return stream
	}
	stream := open()
	stream.Damaged()
	if err := stream.Close(); err != nil {
		t.Error(err)
	}
	if got := names(t, cfg.KeepDir); got != "NAME.bad NAME.lock" {
		t.Errorf("kept: %s", got)
	}

	// An error of the stream itself is not the fault of the part.
	s.Faults = []fault{drop(1000), status(404)}
	stream = open()
	if _, err := io.ReadAll(stream); err == nil {
		t.Error("no error")
	}
	stream.Damaged()
	if err := stream.Close(); err != nil {
		t.Error(err)
	}
	if got := names(t, cfg.KeepDir); got != "NAME.bad NAME.lock NAME.part NAME.part.json" {
		t.Errorf("kept: %s", got)
	}

	// A whole file is the user's.
	mustFetch(t, cfg, file)
	stream = open()
	stream.Damaged()
	if err := stream.Close(); err != nil {
		t.Error(err)
	}
	if got := names(t, cfg.KeepDir); got != "NAME NAME.bad" {
		t.Errorf("kept: %s", got)
	}
}

// Two streams do not write the same part.
func TestKeepIsLocked(t *testing.T) {
	file := gameFile()
	s := newServer(t, file)
	cfg, _ := config(s)
	cfg.KeepDir = t.TempDir()
	stream, err := Open(t.Context(), january, cfg)
	if err != nil {
		t.Fatal(err)
	}
	mustFail(t, cfg, ErrLocked, "wait for it")
	if _, err := io.ReadAll(stream); err != nil {
		t.Fatal(err)
	}
	mustFetch(t, cfg, file) // the file is whole, whoever has the lock
	if err := stream.Close(); err != nil {
		t.Fatal(err)
	}
}

// Whoever waited for the lock of one that has come to the end sees the whole file.
func TestKeepWholeAfterLock(t *testing.T) {
	k := &keeper{path: filepath.Join(t.TempDir(), january.FileName())}
	if err := os.WriteFile(k.path, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	whole, err := k.open()
	if err != nil || whole == nil || k.part != nil {
		t.Fatalf("%v, %v", whole, err)
	}
	whole.Close()
	if err := k.close(); err != nil {
		t.Error(err)
	}
}

func TestKeepDirErrors(t *testing.T) {
	s := newServer(t, gameFile())
	cfg, _ := config(s)
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	cfg.KeepDir = file
	mustFail(t, cfg, nil, file)
	cfg.KeepDir = filepath.Join(file, "below")
	mustFail(t, cfg, nil, file)

	cfg.KeepDir = dir
	path := filepath.Join(dir, january.FileName())
	if err := os.Mkdir(path, 0o755); err != nil {
		t.Fatal(err)
	}
	mustFail(t, cfg, nil, "not a regular file")
	os.Remove(path)
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	mustFail(t, cfg, nil, "is empty: delete it")
	os.Remove(path)
	if err := os.Mkdir(path+".part", 0o755); err != nil {
		t.Fatal(err)
	}
	mustFail(t, cfg, nil, ".part")
	if len(s.Log()) != 0 {
		t.Errorf("requests: %q", s.Log())
	}
}

// A file that cannot get its name is an error, not a file that was read well.
func TestKeepRenameFails(t *testing.T) {
	file := gameFile()
	s := newServer(t, file)
	cfg, _ := config(s)
	cfg.KeepDir = t.TempDir()
	stream, err := Open(t.Context(), january, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	path := filepath.Join(cfg.KeepDir, january.FileName())
	if err := os.MkdirAll(filepath.Join(path, "below"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(stream); err == nil || !strings.Contains(err.Error(), "keeping it: ") {
		t.Errorf("the error is %v", err)
	}
	if !bytes.Equal(keepFile(t, cfg.KeepDir, ".part"), file) {
		t.Error("the part is gone")
	}
}

// A disk that is full is an error that tells what to do.
func TestKeepWriteFails(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("there is no /dev/full to play the full disk")
	}
	full, err := os.OpenFile("/dev/full", os.O_RDWR, 0)
	if err != nil {
		t.Skip(err)
	}
	s := newServer(t, gameFile())
	cfg, _ := config(s)
	cfg.KeepDir = t.TempDir()
	stream, err := Open(t.Context(), january, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	stream.keep.part.Close()
	stream.keep.part = full
	n, err := io.ReadAll(stream)
	if len(n) != 0 || err == nil || !strings.Contains(err.Error(), "make room or read without keeping") {
		t.Errorf("%d bytes, %v", len(n), err)
	}
}

// A process that is killed leaves a part that the next one takes up.
func TestKilledAndResumed(t *testing.T) {
	file := gameFile()
	n := len(file)
	s := newServer(t, file, func(s *server, w http.ResponseWriter, r *http.Request) {
		s.Serve(faultserver.Cut(w, n/2, func() { <-r.Context().Done(); panic(http.ErrAbortHandler) }), r)
	})
	dir := t.TempDir()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe)
	cmd.Env = append(os.Environ(), killedKeepDir+"="+dir, killedBaseURL+"="+s.URL)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// When it has read this much it waits for a server that sends nothing more.
	read := 0
	for lines := bufio.NewScanner(out); read < n/2; {
		var k int
		if !lines.Scan() {
			t.Fatal("it ended by itself")
		}
		if _, err := fmt.Sscanf(lines.Text(), "read %d", &k); err != nil {
			t.Fatal(lines.Text())
		}
		read += k
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	if got := names(t, dir); got != "NAME.lock NAME.part NAME.part.json" {
		t.Errorf("left: %s", got)
	}
	cfg, events := config(s)
	cfg.KeepDir = dir
	mustFetch(t, cfg, file)
	if got := events.kinds(); got != "resumed verified" || events.all[0].Offset != int64(n/2) {
		t.Errorf("events: %v", events.all)
	}
	if !bytes.Equal(keepFile(t, dir, ""), file) {
		t.Error("the kept file is another one")
	}
}
