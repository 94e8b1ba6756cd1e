package pgn

import (
	"bytes"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"transcend/internal/cputime"
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

// best is the time of the fastest round: other programs on the machine make
// rounds slower, never faster.
type best time.Duration

func (t *best) since(start time.Time) time.Duration {
	d := time.Since(start)
	if *t == 0 || best(d) < *t {
		*t = best(d)
	}
	return d
}

// median is what is left of comparisons, each within one round, when other programs
// disturb some of the rounds.
func median(x []float64) float64 {
	slices.Sort(x)
	return (x[(len(x)-1)/2] + x[len(x)/2]) / 2
}

// per returns n things in the fastest round as a rate.
func (t best) per(n float64) float64 { return n / time.Duration(t).Seconds() }

// again is a stream of the same data several times, as long as a round needs to be
// for the start of decoders and goroutines not to count.
func again(data []byte) (stream io.Reader) {
	copies := 1 + 40<<20/len(data)
	all := make([]io.Reader, copies)
	for i := range all {
		all[i] = bytes.NewReader(data)
	}
	return io.MultiReader(all...)
}

// BenchmarkRejected reads games that the header filter drops, all of them, and in
// the same run decodes the same data to nowhere: with the decoder set up as the
// reader does, and as the library does. x-decoder and x-default-decoder are the
// shares of their throughput that are left, the median of the rounds, cpu-ms/MB what a megabyte of text takes of
// the cores' time.
func BenchmarkRejected(b *testing.B) {
	for _, file := range benchFiles {
		b.Run(file.name, func(b *testing.B) {
			data := benchData(b, file.path)
			var reading, decoding, defaults best
			var shares, defaultShares []float64
			var readingCPU, decodingCPU time.Duration
			var size int64
			games := 0
			for b.Loop() {
				stream := again(data)
				start, used := time.Now(), cputime.Used()
				r, err := NewReader("data", stream)
				if err != nil {
					b.Fatal(err)
				}
				r.Filter(func(h *Header) bool {
					white, ok1 := h.WhiteElo()
					black, ok2 := h.BlackElo()
					return ok1 && ok2 && max(white, black) < 1
				})
				for r.Scan() {
					b.Fatal("a game was kept")
				}
				took := reading.since(start)
				readingCPU += cputime.Used() - used
				if games = r.Skipped(); games == 0 || r.Err() != nil {
					b.Fatal("no game was read", r.Err())
				}
				r.Close()

				decode := func(d *zstd.Decoder, err error) {
					if err != nil {
						b.Fatal(err)
					}
					defer d.Close()
					if err := d.Reset(again(data)); err != nil {
						b.Fatal(err)
					}
					if size, err = io.Copy(io.Discard, d); err != nil {
						b.Fatal(err)
					}
				}
				start, used = time.Now(), cputime.Used()
				decode(newDecoder())
				shares = append(shares, float64(decoding.since(start))/float64(took))
				decodingCPU += cputime.Used() - used
				start = time.Now()
				decode(zstd.NewReader(nil, zstd.WithDecoderMaxWindow(maxZstdWindow)))
				defaultShares = append(defaultShares, float64(defaults.since(start))/float64(took))
			}
			b.ReportMetric(reading.per(float64(size)/1e6), "MB/s")
			b.ReportMetric(decoding.per(float64(size)/1e6), "decoder-MB/s")
			b.ReportMetric(median(shares), "x-decoder")
			b.ReportMetric(median(defaultShares), "x-default-decoder")
			b.ReportMetric(reading.per(float64(games)), "games/s")
			perMB := float64(b.N) * float64(size) / 1e6
			b.ReportMetric(1e3*readingCPU.Seconds()/perMB, "cpu-ms/MB")
			b.ReportMetric(1e3*decodingCPU.Seconds()/perMB, "decoder-cpu-ms/MB")
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
				for r.find() != stepEnd {
				}
				r.endInput()
			}
			b.ReportMetric(float64(r.dropped)/b.Elapsed().Seconds(), "games/s")
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

// BenchmarkKept reads games with every move resolved and checked, from zstd data,
// over all cores and on one. Samples of the same games go through notnil/chess's
// scanner and, when it is installed, through pgn-extract in the same run; x-notnil
// and x-pgn-extract are how many times faster this package is. games/cpu-s are the
// games in a second of one core's time, of all goroutines together: what is left
// of the comparison when other programs want the cores, too.
func BenchmarkKept(b *testing.B) {
	for _, file := range benchFiles {
		data := benchData(b, file.path)
		// The scanner gets the moves alone: it stumbles over some of the comments.
		const sample, large = 100, 10_000
		var few bytes.Buffer
		w := NewWriter(&few)
		end := int64(-1) // of the large sample
		r, err := NewReader("data", bytes.NewReader(data))
		if err != nil {
			b.Fatal(err)
		}
		for n := 0; n <= large && r.Scan(); n++ {
			if n < sample {
				if err := w.Write(r.Game()); err != nil {
					b.Fatal(err)
				}
			}
			if n == large {
				end = r.Game().Offset
			}
		}
		total := r.number
		r.Close()
		text := plainText(b, data)
		if end >= 0 {
			text, total = text[:end], large
		}
		plain := filepath.Join(b.TempDir(), "games.pgn")
		if err := os.WriteFile(plain, text, 0o644); err != nil {
			b.Fatal(err)
		}
		extract := pgnExtract()
		var notnil, peer best // the same for both of ours
		peers := func() {
			if notnil == 0 {
				start := time.Now()
				n, err := notnilScan(strings.NewReader(few.String()))
				if err != nil || n < sample {
					b.Fatalf("notnil/chess read %d games of %d: %v", n, sample, err)
				}
				notnil.since(start)
			}
			if extract != "" {
				start := time.Now()
				cmd := exec.Command(extract, "-s", "-Wuci", "-o", os.DevNull, plain)
				if out, err := cmd.CombinedOutput(); err != nil {
					b.Fatalf("pgn-extract: %v\n%s", err, out)
				}
				peer.since(start)
			}
		}
		for _, workers := range []int{0, 1} {
			name := file.name + "/all cores"
			if workers == 1 {
				name = file.name + "/one worker"
			}
			b.Run(name, func(b *testing.B) {
				var ours best
				games, plies := 0, 0
				var cpu time.Duration
				var allocs uint64
				for b.Loop() {
					games, plies = 0, 0
					stream := again(data)
					before, allocated := cputime.Used(), mallocs()
					start := time.Now()
					r, err := NewReader("data", stream)
					if err != nil {
						b.Fatal(err)
					}
					r.Workers(workers)
					for r.Scan() {
						g := r.Game()
						if g == nil {
							b.Fatal(r.BadGame())
						}
						games++
						plies += len(g.Moves)
					}
					if r.Err() != nil {
						b.Fatal(r.Err())
					}
					r.Close()
					ours.since(start)
					cpu += cputime.Used() - before
					allocs += mallocs() - allocated
					peers()
				}
				rate := ours.per(float64(games))
				b.ReportMetric(rate, "games/s")
				b.ReportMetric(ours.per(float64(plies))/1e6, "Mplies/s")
				if cpu > 0 {
					b.ReportMetric(float64(games*b.N)/cpu.Seconds(), "games/cpu-s")
				}
				b.ReportMetric(float64(allocs)/float64(games*b.N), "allocs/game")
				b.ReportMetric(rate/notnil.per(sample), "x-notnil")
				if extract != "" {
					b.ReportMetric(peer.per(float64(total)), "pgn-extract-games/s")
					b.ReportMetric(rate/peer.per(float64(total)), "x-pgn-extract")
				}
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

func mallocs() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Mallocs
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
