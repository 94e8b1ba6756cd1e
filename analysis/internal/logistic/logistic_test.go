package logistic

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/optimize"
)

// problem has answers that are drawn from a softmax of a linear function, so that the minimum is finite.
func problem(seed uint64, n, dim, heads, classes int, sharpness float64) *Data {
	rng := rand.New(rand.NewPCG(seed, 1))
	w := make([]float64, heads*classes*dim)
	for i := range w {
		w[i] = sharpness * rng.NormFloat64()
	}
	d := &Data{N: n, Dim: dim, Heads: heads, Classes: classes}
	for range n {
		x := make([]float64, dim)
		for j := range x {
			x[j] = rng.NormFloat64()
			d.X = append(d.X, float32(3*x[j]+float64(j))) // to be standardized
		}
		for h := range heads {
			best, at := math.Inf(-1), 0
			for k := range classes {
				v := -math.Log(rng.ExpFloat64()) // Gumbel: the largest is a draw from the softmax
				for j := range x {
					v += w[(h*classes+k)*dim+j] * x[j]
				}
				if v > best {
					best, at = v, k
				}
			}
			d.Labels = append(d.Labels, uint8(at))
		}
	}
	return d
}

// TestFit compares the loss with the minimum that gonum's L-BFGS finds from the definition.
func TestFit(t *testing.T) {
	const n, dim, classes, l2 = 400, 5, 3, 1e-3
	d := problem(2, n, dim, 1, classes, 1)
	r, err := Fit(context.Background(), d, Options{Epochs: 600, Rate: 0.05, L2: l2})
	if err != nil {
		t.Fatal(err)
	}
	x := make([]float32, dim)
	evaluate := func(g, w []float64) float64 {
		sum := 0.0
		if g != nil {
			clear(g)
		}
		for i := range n {
			r.row(x, d.X[i*dim:(i+1)*dim])
			z, total := [classes]float64{}, 0.0
			for k := range classes {
				z[k] = w[dim*classes+k]
				for j := range dim {
					z[k] += w[j*classes+k] * float64(x[j])
				}
				total += math.Exp(z[k])
			}
			y := int(d.Labels[i])
			sum += (math.Log(total) - z[y]) / n
			for k := range classes {
				p := math.Exp(z[k]) / total / n
				if k == y {
					p -= 1. / n
				}
				for j := 0; g != nil && j < dim; j++ {
					g[j*classes+k] += p * float64(x[j])
				}
				if g != nil {
					g[dim*classes+k] += p
				}
			}
		}
		for i, v := range w[:dim*classes] {
			sum += l2 / 2 * v * v
			if g != nil {
				g[i] += l2 * v
			}
		}
		return sum
	}
	value := func(w []float64) float64 { return evaluate(nil, w) }
	gradient := func(g, w []float64) { evaluate(g, w) }
	best, err := optimize.Minimize(optimize.Problem{Func: value, Grad: gradient}, make([]float64, (dim+1)*classes), &optimize.Settings{GradientThreshold: 1e-6}, &optimize.LBFGS{})
	if err != nil {
		t.Fatal(err)
	}
	got := make([]float64, (dim+1)*classes)
	for i, w := range append(append([]float32(nil), r.weights...), r.bias...) {
		got[i] = float64(w)
	}
	if v := value(got); v > best.F*1.001 || v < best.F-1e-9 {
		t.Errorf("loss %v, the minimum is %v", v, best.F)
	}
	plain, err := r.Loss(d)
	if want := value(got); err != nil || plain > want || math.Abs(plain-want) > 0.05 {
		t.Errorf("Loss %v, with the weights' share %v", plain, want)
	}
}

// TestHeads has several questions at once: each is answered as if it were alone.
func TestHeads(t *testing.T) {
	d := problem(4, 3000, 12, 4, 5, 6)
	r, err := Fit(context.Background(), d, Options{Epochs: 30})
	if err != nil {
		t.Fatal(err)
	}
	right := 0
	if err := r.Each(d, func(i int, logits []float32) {
		for h := range 4 {
			if r.Argmax(logits, h) == int(d.Labels[i*4+h]) {
				right++
			}
		}
	}); err != nil {
		t.Fatal(err)
	}
	if share := float64(right) / 12000; share < 0.85 {
		t.Errorf("%.3f of planted answers found", share)
	}
	again, err := Fit(context.Background(), d, Options{Epochs: 30})
	if err != nil {
		t.Fatal(err)
	}
	for i := range r.weights {
		if r.weights[i] != again.weights[i] {
			t.Fatal("the same data gave other weights")
		}
	}
}

func TestErrors(t *testing.T) {
	d := problem(1, 10, 2, 1, 3, 1)
	d.Labels[3] = 3
	if _, err := Fit(context.Background(), d, Options{}); err == nil {
		t.Error("a class that there is not was accepted")
	}
	d.Labels[3] = 0
	d.X = d.X[1:]
	if _, err := Fit(context.Background(), d, Options{}); err == nil {
		t.Error("too few numbers were accepted")
	}
	d = problem(1, 10, 2, 1, 3, 1)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Fit(ctx, d, Options{}); err == nil {
		t.Error("a canceled fit went on")
	}
	r, err := Fit(context.Background(), d, Options{Epochs: 1})
	if err != nil {
		t.Fatal(err)
	}
	if r.Each(problem(1, 10, 3, 1, 3, 1), nil) == nil {
		t.Error("inputs of another size were accepted")
	}
}
