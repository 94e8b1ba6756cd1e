package pgn

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"transcend/internal/realgames"
)

// TestMemory reads a long stream from a pipe in a process of its own, which must
// stay under 300 MB: a quarter of the games is kept, and the stream needs the
// largest window, which alone is 128 MiB. PGN_STREAM_MB sets the length of the
// text, in MB.
func TestMemory(t *testing.T) {
	if os.Getenv("PGN_STREAM_READ") != "" {
		readStream(t)
		return
	}
	if testing.Short() {
		t.Skip("hundreds of megabytes of text")
	}
	size := int64(400 << 20)
	if s := os.Getenv("PGN_STREAM_MB"); s != "" {
		mb, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		size = int64(mb) << 20
	}
	data, err := os.ReadFile(filepath.Join(realgames.Dir(t), benchFiles[0].path))
	if err != nil {
		t.Skip(err)
	}
	d, err := zstd.NewReader(bytes.NewReader(data), zstd.WithDecoderMaxWindow(maxZstdWindow))
	if err != nil {
		t.Fatal(err)
	}
	length, err := io.Copy(io.Discard, d)
	d.Close()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestMemory$", "-test.v")
	cmd.Env = append(os.Environ(), "PGN_STREAM_READ=1")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		defer in.Close()
		for sent := int64(0); sent < size; sent += length {
			if _, err := in.Write(data); err != nil {
				return
			}
		}
	}()
	start := time.Now()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	took := time.Since(start).Seconds()
	found := regexp.MustCompile(`VmHWM:\s*(\d+) kB`).FindSubmatch(out)
	if found == nil {
		t.Fatalf("no peak in the output:\n%s", out)
	}
	peak, err := strconv.ParseInt(string(found[1]), 10, 64) // KiB
	if err != nil {
		t.Fatal(err)
	}
	mb := (size + length - 1) / length * length / 1e6
	t.Logf("%d MB of text in %.1f s, %.0f MB/s, %d MB of memory\n%s", mb, took, float64(mb)/took, peak*1024/1e6, out)
	if peak*1024 > 300e6 {
		t.Errorf("%d MB of memory", peak*1024/1e6)
	}
}

func readStream(t *testing.T) {
	r, err := NewReader("stdin", os.Stdin)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	r.Filter(func(*Header) bool { n++; return n%4 == 0 })
	kept := 0
	for r.Scan() {
		if r.BadGame() != nil {
			t.Fatal(r.BadGame())
		}
		kept++
	}
	if r.Err() != nil {
		t.Fatal(r.Err())
	}
	// Not getrusage: its peak includes that of the process we were forked from.
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Printf("%d games kept of %d\n%s", kept, n, status)
}
