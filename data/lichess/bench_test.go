package lichess

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// BenchmarkRead reads 64 MiB over loopback, with the checksum, and the same with
// net/http alone: "ratio" is what is left of its throughput. The checksum is most
// of the difference.
func BenchmarkRead(b *testing.B) {
	rng := rand.NewChaCha8([32]byte{1})
	file := make([]byte, 64<<20)
	rng.Read(file)
	copy(file, "\x28\xb5\x2f\xfd")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != monthPath {
			http.NotFound(w, r)
			return
		}
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(file))
	}))
	defer server.Close()
	buf := make([]byte, 64<<10)
	drain := func(r io.Reader) {
		// No WriterTo: this is how a decoder reads.
		n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{r}, buf)
		if err != nil || n != int64(len(file)) {
			b.Fatal(n, err)
		}
	}
	var ours, plain time.Duration
	b.SetBytes(int64(len(file)))
	for b.Loop() {
		start := time.Now()
		s, err := Open(b.Context(), january, Config{BaseURL: server.URL})
		if err != nil {
			b.Fatal(err)
		}
		drain(s)
		s.Close()
		ours += time.Since(start)

		b.StopTimer()
		start = time.Now()
		resp, err := http.Get(server.URL + monthPath)
		if err != nil {
			b.Fatal(err)
		}
		drain(resp.Body)
		resp.Body.Close()
		plain += time.Since(start)
		b.StartTimer()
	}
	http.DefaultClient.CloseIdleConnections()
	b.ReportMetric(plain.Seconds()/ours.Seconds(), "ratio")
}
