package pgn

import (
	"bytes"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
)

// benchFiles are the real games the benchmarks read, zstd with a window of 128
// MiB: large, and without or with comments, clocks and evaluations.
var benchFiles = []struct{ name, path string }{
	{"moves", "otb/twic_otb_below_2000.pgn.zst"},
	{"comments", "stress/stress_eval_clk.pgn.zst"},
}

// benchData returns one of benchFiles, or random games when there are no real ones.
func benchData(b *testing.B, path string) []byte {
	dir, err := filepath.Abs(filepath.Join("..", "..", "shared", "data"))
	if err != nil {
		b.Fatal(err)
	}
	if data, err := os.ReadFile(filepath.Join(dir, path)); err == nil {
		return data
	}
	b.Log("no real games, random ones instead")
	var text bytes.Buffer
	w := NewWriter(&text)
	rng := rand.New(rand.NewPCG(1, 1))
	for range 20_000 {
		g := randomGame(rng)
		g.Comment, g.Comments = "", nil
		if err := w.Write(g); err != nil {
			b.Fatal(err)
		}
	}
	return zstdData(b, text.String(), zstd.WithWindowSize(maxZstdWindow))
}

// decode runs the zstd decoder alone, set up as the reader does, and returns the
// number of bytes it makes.
func decode(b *testing.B, d *zstd.Decoder, data []byte) int64 {
	if err := d.Reset(bytes.NewReader(data)); err != nil {
		b.Fatal(err)
	}
	n, err := io.Copy(io.Discard, d)
	if err != nil {
		b.Fatal(err)
	}
	return n
}

// BenchmarkRejected reads games that the header filter drops, all of them, and in
// the same run decodes the same data to nowhere. x-decoder is the share of the
// decoder's throughput that is left.
func BenchmarkRejected(b *testing.B) {
	for _, file := range benchFiles {
		b.Run(file.name, func(b *testing.B) {
			data := benchData(b, file.path)
			d, err := zstd.NewReader(nil, zstd.WithDecoderMaxWindow(maxZstdWindow))
			if err != nil {
				b.Fatal(err)
			}
			defer d.Close()
			size := decode(b, d, data)
			// One reader for all rounds: a month of games fills the decoder's window
			// once, not once for every few of its games.
			r := &Reader{}
			defer r.Close()
			read := func() {
				if err := r.start("data", bytes.NewReader(data), nil); err != nil {
					b.Fatal(err)
				}
				for r.next() {
				}
				if err := r.endInput(); err != nil {
					b.Fatal(err)
				}
			}
			r.Filter(func(h *Header) bool {
				white, ok1 := h.WhiteElo()
				black, ok2 := h.BlackElo()
				return ok1 && ok2 && max(white, black) < 1
			})
			read()
			if r.skipped == 0 {
				b.Fatal("no game was read")
			}
			r.skipped = 0
			var reading, decoding time.Duration
			for b.Loop() {
				start := time.Now()
				read()
				reading += time.Since(start)
				start = time.Now()
				decode(b, d, data)
				decoding += time.Since(start)
			}
			n := float64(b.N)
			b.ReportMetric(n*float64(size)/1e6/reading.Seconds(), "MB/s")
			b.ReportMetric(n*float64(size)/1e6/decoding.Seconds(), "decoder-MB/s")
			b.ReportMetric(decoding.Seconds()/reading.Seconds(), "x-decoder")
			b.ReportMetric(float64(r.skipped)/reading.Seconds(), "games/s")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkSplit finds the games in text in memory and drops them: what a rejected
// game costs without the decoder.
func BenchmarkSplit(b *testing.B) {
	for _, file := range benchFiles {
		b.Run(file.name, func(b *testing.B) {
			text := plainText(b, benchData(b, file.path))
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			r := &Reader{}
			r.Filter(func(h *Header) bool { elo, ok := h.WhiteElo(); return ok && elo < 1 })
			for b.Loop() {
				if err := r.start("data", bytes.NewReader(text), nil); err != nil {
					b.Fatal(err)
				}
				for r.next() {
				}
				r.endInput()
			}
			b.ReportMetric(float64(r.skipped)/b.Elapsed().Seconds(), "games/s")
		})
	}
}

func plainText(b *testing.B, data []byte) []byte {
	d, err := zstd.NewReader(bytes.NewReader(data), zstd.WithDecoderMaxWindow(maxZstdWindow))
	if err != nil {
		b.Fatal(err)
	}
	defer d.Close()
	text, err := io.ReadAll(d)
	if err != nil {
		b.Fatal(err)
	}
	return text
}

// BenchmarkKept reads games with every move resolved and checked, from zstd data;
// a small sample of the same games goes through notnil/chess's scanner in the same
// run. x-notnil is how many times faster this package is.
func BenchmarkKept(b *testing.B) {
	for _, file := range benchFiles {
		b.Run(file.name, func(b *testing.B) {
			data := benchData(b, file.path)
			// The peer gets the moves alone: it stumbles over some of the comments.
			const sample = 100
			var few bytes.Buffer
			w := NewWriter(&few)
			r, err := NewReader("data", bytes.NewReader(data))
			if err != nil {
				b.Fatal(err)
			}
			for range sample {
				r.Scan()
				if err := w.Write(r.Game()); err != nil {
					b.Fatal(err)
				}
			}
			r.Close()
			start := time.Now()
			n, err := notnilScan(strings.NewReader(few.String()))
			if err != nil || n < sample {
				b.Fatalf("notnil/chess read %d games of %d: %v", n, sample, err)
			}
			peer := sample / time.Since(start).Seconds()

			rd := &Reader{}
			defer rd.Close()
			games, plies := 0, 0
			b.ReportAllocs()
			for b.Loop() {
				if err := rd.start("data", bytes.NewReader(data), nil); err != nil {
					b.Fatal(err)
				}
				for rd.next() {
					g := rd.Game()
					if g == nil {
						b.Fatal(rd.BadGame())
					}
					games++
					plies += len(g.Moves)
				}
				rd.endInput()
			}
			rate := float64(games) / b.Elapsed().Seconds()
			b.ReportMetric(rate, "games/s")
			b.ReportMetric(float64(plies)/b.Elapsed().Seconds()/1e6, "Mplies/s")
			b.ReportMetric(peer, "notnil-games/s")
			b.ReportMetric(rate/peer, "x-notnil")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkWriter writes games.
func BenchmarkWriter(b *testing.B) {
	data := benchData(b, benchFiles[0].path)
	r, err := NewReader("data", bytes.NewReader(data))
	if err != nil {
		b.Fatal(err)
	}
	var all []*Game
	for len(all) < 1000 && r.Scan() {
		all = append(all, r.Game().Clone())
	}
	r.Close()
	w := NewWriter(io.Discard)
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		if err := w.Write(all[n%len(all)]); err != nil {
			b.Fatal(err)
		}
		n++
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "games/s")
}
