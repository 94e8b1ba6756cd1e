package embed

import (
	"context"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"transcend/internal/bitboard"
	"transcend/internal/figure"
)

// clouds are points around some centers, and whose each is.
func clouds(seed uint64, n, dim, centers int) (x []float32, of []int) {
	rng := rand.New(rand.NewPCG(seed, 3))
	c := make([]float64, centers*dim)
	for i := range c {
		c[i] = 6 * rng.NormFloat64()
	}
	for i := range n {
		k := i % centers
		of = append(of, k)
		for d := range dim {
			x = append(x, float32(c[k*dim+d]+rng.NormFloat64()))
		}
	}
	return x, of
}

// TestClusters: neighbors on the map of known clusters are of the same one.
func TestClusters(t *testing.T) {
	const n, dim = 300, 20
	x, of := clouds(1, n, dim, 5)
	o := TSNEOptions{Perplexity: 15, Iterations: 250, Theta: 0.5}
	y, kl, err := TSNE(context.Background(), x, n, dim, o, nil)
	if err != nil {
		t.Fatal(err)
	}
	same := 0
	for i := range y {
		best, at := math.Inf(1), 0
		for j := range y {
			if d := math.Hypot(y[i][0]-y[j][0], y[i][1]-y[j][1]); j != i && d < best {
				best, at = d, j
			}
		}
		if of[at] == of[i] {
			same++
		}
	}
	if share := float64(same) / n; share < 0.99 || !(kl > 0 && kl < 1.5) {
		t.Errorf("%.3f of the nearest are of the same cluster, divergence %v", share, kl)
	}
	again, _, err := TSNE(context.Background(), x, n, dim, o, nil)
	if err != nil || again[7] != y[7] {
		t.Errorf("the same points came out otherwise: %v, %v", again[7], err)
	}
}

// TestGradient compares with finite differences of the divergence, and the approximation with the exact one.
func TestGradient(t *testing.T) {
	const n, dim = 60, 6
	x, _ := clouds(2, n, dim, 3)
	p, err := joint(context.Background(), x, n, dim, 8)
	if err != nil {
		t.Fatal(err)
	}
	total := 0.0
	for _, row := range p {
		for _, q := range row {
			total += q.p
		}
	}
	if math.Abs(total-1) > 1e-9 {
		t.Errorf("joint probabilities add up to %v", total)
	}
	rng := rand.New(rand.NewPCG(5, 5))
	y := make([][2]float64, n)
	for i := range y {
		y[i] = [2]float64{3 * rng.NormFloat64(), 3 * rng.NormFloat64()}
	}
	y[3] = y[4] // points that lie on each other
	exact, near := make([][2]float64, n), make([][2]float64, n)
	descend(exact, y, p, 1, 0)
	descend(near, y, p, 1, 0.5)
	norm, off := 0.0, 0.0
	for i := range y {
		for d := range 2 {
			const h = 1e-5
			old := y[i][d]
			y[i][d] = old + h
			up := divergence(y, p)
			y[i][d] = old - h
			want := (up - divergence(y, p)) / (2 * h)
			y[i][d] = old
			if math.Abs(exact[i][d]-want) > 1e-7 {
				t.Fatalf("point %d: %v, by differences %v", i, exact[i][d], want)
			}
			norm += exact[i][d] * exact[i][d]
			off += (exact[i][d] - near[i][d]) * (exact[i][d] - near[i][d])
		}
	}
	if share := math.Sqrt(off / norm); share > 0.05 || share == 0 {
		t.Errorf("theta 0.5 is %v off", share)
	}
}

func TestPerplexity(t *testing.T) {
	neighbors := make([]pair, 40)
	for i := range neighbors {
		neighbors[i] = pair{i, float64(i * i)}
	}
	entropy := 0.0
	for _, v := range conditional(neighbors, 7) {
		if v > 0 {
			entropy -= v * math.Log(v)
		}
	}
	if got := math.Exp(entropy); math.Abs(got-7) > 1e-3 {
		t.Errorf("perplexity %v", got)
	}
}

func TestErrors(t *testing.T) {
	x, _ := clouds(1, 30, 4, 2)
	for name, o := range map[string]TSNEOptions{"perplexity": {20, 10, 0.5}, "iterations": {5, 0, 0.5}, "theta": {5, 10, 2}} {
		if _, _, err := TSNE(context.Background(), x, 30, 4, o, nil); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, _, err := TSNE(context.Background(), make([]float32, 120), 30, 4, TSNEOptions{5, 10, 0.5}, nil); err == nil {
		t.Error("equal points were placed")
	}
}

// TestReport has two clouds, one early and won, one late and lost.
func TestReport(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	var points []Point
	start := bitboard.Start()
	for i := range 60 {
		p := Point{X: rng.NormFloat64(), Y: rng.NormFloat64(), Win: 0.9, Ply: 4, FEN: start.FEN()}
		if i%2 == 1 {
			p.X, p.Win, p.Ply = p.X+30, 0.1, 61
		}
		points = append(points, p)
	}
	r, err := NewReport(4, TSNEOptions{}, "nobody", 1, points, 2, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range r.Clusters {
		if c.Points != 30 || math.Abs(c.Win-0.5) < 0.39 {
			t.Errorf("cluster %+v", c)
		}
	}
	if r.Win.Neighbors > 1e-12 || math.Abs(r.Win.All-0.8*30/59) > 1e-9 || r.Side.Neighbors != 0 {
		t.Errorf("%+v %+v", r.Win, r.Side)
	}
	var b strings.Builder
	if err := r.WriteText(&b); err != nil || !strings.Contains(b.String(), "nobody") {
		t.Errorf("table: %v\n%s", err, b.String())
	}
	if _, err := figure.WriteAll(t.TempDir(), r.Pictures()); err != nil {
		t.Error(err)
	}
	if _, err := NewReport(0, TSNEOptions{}, "", 0, points, 61, 1); err == nil {
		t.Error("more clusters than points")
	}
}
