package data

import (
	"bytes"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"transcend/data/filter"
	"transcend/internal/realgames"
	"transcend/pgn"
)

// benchmarkFiles returns the games benchmarks run on.
func benchmarkFiles(b *testing.B) []string {
	b.Helper()
	files, err := filepath.Glob(filepath.Join(realgames.Dir(b), "lichess", "*.zst"))
	if err != nil || len(files) == 0 {
		b.Skip("no games in ../shared/data/lichess")
	}
	return files
}

func benchmarkCorpus(b *testing.B, f filter.Filter) *Corpus {
	b.Helper()
	r, err := pgn.Open(benchmarkFiles(b)...)
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	c, _, err := ReadCorpus(b.Context(), r, f)
	if err != nil {
		b.Fatal(err)
	}
	return c
}

// perSecond reports n things in d as a rate.
func perSecond(b *testing.B, n int, d time.Duration, unit string) {
	b.ReportMetric(float64(n)/d.Seconds(), unit)
}

// From compressed PGN to a corpus in memory, without a cap and with one. The
// ceiling is the PGN reader with the same filter and nothing behind it.
func BenchmarkReadCorpus(b *testing.B) {
	files := benchmarkFiles(b)
	for _, f := range []filter.Filter{{}, {MaxElo: 1500}, {MaxElo: 1500, DropDuplicates: true}} {
		b.Run(fmt.Sprintf("cap=%d/drop=%v", f.MaxElo, f.DropDuplicates), func(b *testing.B) {
			var ours, bare time.Duration
			seen, kept := 0, 0
			for b.Loop() {
				began := time.Now()
				r, err := pgn.Open(files...)
				if err != nil {
					b.Fatal(err)
				}
				_, report, err := ReadCorpus(b.Context(), r, f)
				if err != nil {
					b.Fatal(err)
				}
				r.Close()
				ours += time.Since(began)
				seen += report.Seen
				kept += report.Kept

				began = time.Now()
				if r, err = pgn.Open(files...); err != nil {
					b.Fatal(err)
				}
				r.Filter(func(h *pgn.Header) bool {
					white, ok1 := h.WhiteElo()
					black, ok2 := h.BlackElo()
					return f.MaxElo == 0 || ok1 && ok2 && max(white, black) <= f.MaxElo
				})
				for r.Scan() {
				}
				r.Close()
				bare += time.Since(began)
			}
			perSecond(b, seen, ours, "games/s")
			perSecond(b, kept, ours, "kept/s")
			b.ReportMetric(100*bare.Seconds()/ours.Seconds(), "%reader")
		})
	}
}

// A corpus file from memory, with and without replaying the games, beside
// parquet-go reading the same rows.
func BenchmarkReadParquet(b *testing.B) {
	c := benchmarkCorpus(b, filter.Filter{MaxElo: 1500})
	file := file(b, c)
	for _, trust := range []bool{false, true} {
		b.Run(fmt.Sprintf("trust=%v", trust), func(b *testing.B) {
			b.ReportAllocs()
			var ours, peer time.Duration
			for b.Loop() {
				began := time.Now()
				if _, err := load(b, file, ParquetOptions{Trust: trust}); err != nil {
					b.Fatal(err)
				}
				ours += time.Since(began)
				b.StopTimer() // allocations are ours
				began = time.Now()
				if _, err := parquet.Read[parquetRow](bytes.NewReader(file), int64(len(file))); err != nil {
					b.Fatal(err)
				}
				peer += time.Since(began)
				b.StartTimer()
			}
			perSecond(b, b.N*c.Len(), ours, "games/s")
			b.ReportMetric(peer.Seconds()/ours.Seconds(), "xparquet-go")
		})
	}
}

// A corpus into a file, without and with SAN.
func BenchmarkWriteParquet(b *testing.B) {
	c := benchmarkCorpus(b, filter.Filter{MaxElo: 1500})
	for _, san := range []bool{false, true} {
		b.Run(fmt.Sprintf("san=%v", san), func(b *testing.B) {
			b.ReportAllocs()
			var size int64
			for b.Loop() {
				size = 0
				w := NewParquetWriter(counter{&size}, WriteOptions{SAN: san})
				for _, g := range c.All() {
					if err := w.Write(&g); err != nil {
						b.Fatal(err)
					}
				}
				if err := w.Close(c.Provenance); err != nil {
					b.Fatal(err)
				}
			}
			perSecond(b, b.N*c.Len(), b.Elapsed(), "games/s")
			b.ReportMetric(float64(size)/float64(c.Len()), "B/game")
		})
	}
}

// counter counts the bytes that are written to it.
type counter struct{ n *int64 }

func (c counter) Write(b []byte) (int, error) {
	*c.n += int64(len(b))
	return len(b), nil
}
