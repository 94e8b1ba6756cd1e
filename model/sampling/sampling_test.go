package sampling

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"
)

func testRand() *rand.Rand { return rand.New(rand.NewPCG(11, 12)) }

func TestSamplingProbabilities(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	ln := func(xs ...float64) (out []float32) {
		for _, x := range xs {
			out = append(out, float32(math.Log(x)))
		}
		return out
	}
	for _, c := range []struct {
		name   string
		s      Settings
		logits []float32
		allow  []bool
		want   []float64
	}{
		{"plain", Settings{Temperature: 1}, ln(1, 2, 5), nil, []float64{0.125, 0.25, 0.625}},
		{"cold", Settings{Temperature: 0.5}, ln(1, 2, 5), nil, []float64{1. / 30, 4. / 30, 25. / 30}},
		{"hot", Settings{Temperature: 2}, ln(1, 4, 9), nil, []float64{1. / 6, 2. / 6, 3. / 6}},
		{"argmax", Settings{}, []float32{1, 3, 3, 2}, nil, []float64{0, 1, 0, 0}},
		{"argmax among allowed", Settings{}, []float32{1, 3, 3, 2}, []bool{true, false, false, true}, []float64{0, 0, 0, 1}},
		{"mask", Settings{Temperature: 1}, ln(1, 2, 5), []bool{true, true, false}, []float64{1. / 3, 2. / 3, 0}},
		{"short mask", Settings{Temperature: 1}, ln(1, 2, 5), []bool{true, true}, []float64{1. / 3, 2. / 3, 0}},
		{"nothing allowed", Settings{Temperature: 1}, ln(1, 2, 5), make([]bool, 3), []float64{0, 0, 0}},
		{"top-k", Settings{Temperature: 1, TopK: 2}, ln(1, 2, 5), nil, []float64{0, 2. / 7, 5. / 7}},
		{"top-k takes the lower id", Settings{Temperature: 1, TopK: 2}, []float32{0, 1, 0, 0}, nil,
			[]float64{1 / (1 + math.E), math.E / (1 + math.E), 0, 0}},
		{"top-k above all", Settings{Temperature: 1, TopK: 9}, ln(1, 3), nil, []float64{0.25, 0.75}},
		{"top-k after the mask", Settings{Temperature: 1, TopK: 1}, ln(1, 2, 5), []bool{true, true, false}, []float64{0, 1, 0}},
		{"top-p", Settings{Temperature: 1, TopP: 0.7}, ln(1, 2, 5), nil, []float64{0, 2. / 7, 5. / 7}},
		{"top-p of less than the first", Settings{Temperature: 1, TopP: 0.1}, ln(1, 2, 5), nil, []float64{0, 0, 1}},
		{"top-p after temperature", Settings{Temperature: 0.5, TopP: 0.9}, ln(1, 2, 5), nil, []float64{0, 4. / 29, 25. / 29}},
		{"top-p after top-k", Settings{Temperature: 1, TopK: 2, TopP: 0.7}, ln(1, 2, 5), nil, []float64{0, 0, 1}},
		{"top-p 1 is off", Settings{Temperature: 1, TopP: 1}, ln(1, 3), nil, []float64{0.25, 0.75}},
		{"tiny temperature", Settings{Temperature: 0.001}, []float32{-1e4, 5, 5.01, 88}, nil, []float64{0, 0, 0, 1}},
		{"tiny temperature, tie", Settings{Temperature: 1e-300}, []float32{7, 1, 7}, nil, []float64{0.5, 0, 0.5}},
		{"smallest temperature", Settings{Temperature: math.SmallestNonzeroFloat64}, []float32{1, 2}, nil, []float64{0, 1}},
		{"0.001 resolves thousandths", Settings{Temperature: 0.001}, []float32{0, 0.001}, nil, []float64{0.26894, 0.73106}},
		{"infinite", Settings{Temperature: 1}, []float32{1, inf, -inf, inf}, nil, []float64{0, 0.5, 0, 0.5}},
		{"minus infinity alone", Settings{Temperature: 1}, []float32{-inf, -inf}, nil, []float64{0, 0}},
		{"NaN is never drawn", Settings{Temperature: 1}, []float32{nan, 0, nan, 0}, nil, []float64{0, 0.5, 0, 0.5}},
		{"NaN at argmax", Settings{}, []float32{nan, 0, 1}, nil, []float64{0, 0, 1}},
		{"huge logits", Settings{Temperature: 1}, []float32{3e38, -3e38, 3e38}, nil, []float64{0.5, 0, 0.5}},
		{"no logits", Settings{Temperature: 1}, nil, nil, []float64{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := c.s.Validate(); err != nil {
				t.Fatal(err)
			}
			got := c.s.Probabilities(nil, c.logits, c.allow)
			if len(got) != len(c.want) {
				t.Fatalf("%d probabilities, want %d", len(got), len(c.want))
			}
			nonzero := false
			for i := range got {
				if !(math.Abs(got[i]-c.want[i]) < 1e-4) || (got[i] == 0) != (c.want[i] == 0) {
					t.Errorf("probabilities %v, want %v", got, c.want)
					break
				}
				nonzero = nonzero || got[i] > 0
			}
			rng := testRand()
			for range 200 {
				id := c.s.Sample(c.logits, c.allow, rng)
				if !nonzero && id != -1 || nonzero && (id < 0 || got[id] == 0) {
					t.Fatalf("drew %d from %v", id, got)
				}
			}
		})
	}
}

// TestSamplerAgainstExactProbabilities is a chi-square test, with a fixed seed
// and a limit that a correct sampler passes with probability 0.9999.
func TestSamplerAgainstExactProbabilities(t *testing.T) {
	rng := testRand()
	logits := make([]float32, 40)
	allow := make([]bool, len(logits))
	for i := range logits {
		logits[i] = float32(1.5 * rng.NormFloat64())
		allow[i] = rng.IntN(4) > 0
	}
	for _, c := range []struct {
		s     Settings
		allow []bool
	}{
		{Settings{Temperature: 1}, nil},
		{Settings{Temperature: 0.5}, allow},
		{Settings{Temperature: 3}, allow},
		{Settings{Temperature: 1, TopK: 7}, nil},
		{Settings{Temperature: 1.3, TopP: 0.8}, allow},
		{Settings{Temperature: 0.7, TopK: 12, TopP: 0.9}, allow},
	} {
		const draws = 50_000
		counts := make([]int, len(logits))
		for range draws {
			counts[c.s.Sample(logits, c.allow, rng)]++
		}
		// Ids expected fewer than five times share one cell.
		var chi2, restWant, restGot float64
		cells := 0
		add := func(got, want float64) {
			chi2 += (got - want) * (got - want) / want
			cells++
		}
		for id, p := range c.s.Probabilities(nil, logits, c.allow) {
			want := p * draws
			switch {
			case want == 0:
				if counts[id] != 0 {
					t.Errorf("%+v: %d draws of id %d, which has probability 0", c.s, counts[id], id)
				}
			case want < 5:
				restWant += want
				restGot += float64(counts[id])
			default:
				add(float64(counts[id]), want)
			}
		}
		if restWant > 0 {
			add(restGot, restWant)
		}
		if limit := (distuv.ChiSquared{K: float64(cells - 1)}).Quantile(0.9999); chi2 > limit {
			t.Errorf("%+v: chi-square %.1f over %d cells, limit %.1f", c.s, chi2, cells, limit)
		}
	}
}

// draw returns the index at which the running sum of p passes u.
func draw(p []float64, u float64) int {
	for i, x := range p {
		if u -= x; x > 0 && u < 0 {
			return i
		}
	}
	return -1
}

// TestSampleIsTheDistribution: Sample gives what a draw
// from Probabilities gives for the same random number.
func TestSampleIsTheDistribution(t *testing.T) {
	a, b := testRand(), testRand()
	logits := make([]float32, 17)
	s := Settings{Temperature: 0.9}
	for range 3000 {
		for i := range logits {
			logits[i] = float32(2 * a.NormFloat64())
			b.NormFloat64()
		}
		got, want := s.Sample(logits, nil, a), draw(s.Probabilities(nil, logits, nil), b.Float64())
		if got != want {
			t.Fatalf("drew %d, want %d", got, want)
		}
	}
}

func TestSamplingIsSeeded(t *testing.T) {
	logits := []float32{0, 1, 2, 1, 0}
	s := Settings{Temperature: 1.5, TopP: 0.95}
	sequence := func(seed uint64) (out []int) {
		rng := rand.New(rand.NewPCG(seed, 0))
		for range 50 {
			out = append(out, s.Sample(logits, nil, rng))
		}
		return out
	}
	if !slices.Equal(sequence(1), sequence(1)) || slices.Equal(sequence(1), sequence(2)) {
		t.Error("the draws do not follow the seed")
	}
	// Argmax needs no random numbers.
	if got := (Settings{}).Sample(logits, nil, nil); got != 2 {
		t.Errorf("argmax = %d", got)
	}
}

func TestSamplingAllocatesNothing(t *testing.T) {
	logits, rng := make([]float32, 100), testRand()
	for _, s := range []Settings{{}, {Temperature: 1}, {Temperature: 1, TopK: 5, TopP: 0.5}} {
		// The average over many: the pool may be emptied in between.
		if n := testing.AllocsPerRun(1000, func() { s.Sample(logits, nil, rng) }); n != 0 {
			t.Errorf("%+v: a draw allocates %v times", s, n)
		}
	}
}

// BenchmarkSample draws among the tokens of all moves and among those of some 32
// legal ones.
func BenchmarkSample(b *testing.B) {
	rng := testRand()
	logits, legal := make([]float32, 1970), make([]bool, 1970)
	for i := range logits {
		logits[i] = float32(3 * rng.NormFloat64())
		legal[i] = i%61 == 0
	}
	for _, c := range []struct {
		name  string
		s     Settings
		allow []bool
	}{
		{"argmax", Settings{}, nil}, {"all", Settings{Temperature: 0.8}, nil}, {"legal", Settings{Temperature: 0.8}, legal},
		{"legal-filters", Settings{Temperature: 0.8, TopK: 10, TopP: 0.9}, legal},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.s.Sample(logits, c.allow, rng)
			}
		})
	}
}

func TestSamplingValidate(t *testing.T) {
	for _, s := range []Settings{
		{Temperature: -1}, {Temperature: math.NaN()}, {Temperature: math.Inf(1)},
		{TopK: -1}, {TopP: -0.1}, {TopP: 1.1}, {TopP: math.NaN()},
	} {
		if err := s.Validate(); !errors.Is(err, ErrSettings) {
			t.Errorf("%+v: %v", s, err)
		}
	}
}
