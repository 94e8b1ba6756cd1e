// Package logistic fits multinomial logistic regressions: many of them on the same inputs at once.
package logistic

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"
)

// Data are N inputs of Dim numbers, and for each input a class of every of Heads questions, 0 to Classes-1.
type Data struct {
	N, Dim, Heads, Classes int
	X                      []float32 // (N, Dim)
	Labels                 []uint8   // (N, Heads)
}

// Validate reports slices of other lengths and classes that there are not.
func (d *Data) Validate() error {
	if d.N < 1 || d.Dim < 1 || d.Heads < 1 || d.Classes < 2 || len(d.X) != d.N*d.Dim || len(d.Labels) != d.N*d.Heads {
		return fmt.Errorf("logistic: %d inputs of %d with %d questions of %d classes: %d numbers, %d labels", d.N, d.Dim, d.Heads, d.Classes, len(d.X), len(d.Labels))
	}
	for i, y := range d.Labels {
		if int(y) >= d.Classes {
			return fmt.Errorf("logistic: input %d, question %d: class %d of %d", i/d.Heads, i%d.Heads, y, d.Classes)
		}
	}
	return nil
}

// Options of Fit; zero values are defaults.
type Options struct {
	Epochs int     // 20
	Batch  int     // 256
	Rate   float64 // 0.01, falling to 0 as a cosine
	L2     float64 // of half the squared weights, biases without, against the mean loss
	Seed   uint64  // of the order of inputs
}

// Regression is what Fit returns: softmax(W·standardized x + b) for every question.
type Regression struct {
	dim, heads, classes int
	mean, scale         []float32 // of the inputs that it was fitted to
	weights             []float32 // (dim, heads·classes)
	bias                []float32 // (heads·classes)
}

// chunk bounds the inputs whose logits exist at a time.
const chunk = 256

// Fit minimizes the mean cross-entropy, which is convex, by Adam (Kingma and Ba 2015) over mini-batches with a
// rate that falls to 0. Inputs are standardized first, by mean and deviation of d. The same data, options and
// matrix products give the same bits.
func Fit(ctx context.Context, d *Data, o Options) (*Regression, error) {
	if err := d.Validate(); err != nil {
		return nil, err
	}
	o.Epochs, o.Batch, o.Rate = cmp.Or(o.Epochs, 20), cmp.Or(o.Batch, 256), cmp.Or(o.Rate, 0.01)
	o.Batch = min(o.Batch, d.N)
	out := d.Heads * d.Classes
	r := &Regression{
		dim: d.Dim, heads: d.Heads, classes: d.Classes, mean: make([]float32, d.Dim), scale: make([]float32, d.Dim),
		weights: make([]float32, d.Dim*out), bias: make([]float32, out),
	}
	r.standardize(d)
	const beta1, beta2, epsilon = 0.9, 0.999, 1e-8
	var (
		g       = newGradient(r, o.Batch)
		moments = [2]adam{newAdam(len(g.weights)), newAdam(len(g.bias))}
		order   = make([]int, d.N)
		rng     = rand.New(rand.NewPCG(o.Seed, 0x6c6f676974))
	)
	for i := range order {
		order[i] = i
	}
	perEpoch := (d.N + o.Batch - 1) / o.Batch
	steps, step := o.Epochs*perEpoch, 0
	for range o.Epochs {
		rng.Shuffle(d.N, func(i, j int) { order[i], order[j] = order[j], order[i] })
		for lo := 0; lo < d.N; lo += o.Batch {
			if err := ctx.Err(); err != nil {
				return nil, fmt.Errorf("logistic: %w", err)
			}
			g.compute(r, d, order[lo:min(lo+o.Batch, d.N)], float32(o.L2))
			step++
			rate := o.Rate * 0.5 * (1 + math.Cos(math.Pi*float64(step-1)/float64(steps)))
			rate *= math.Sqrt(1-math.Pow(beta2, float64(step))) / (1 - math.Pow(beta1, float64(step)))
			moments[0].step(r.weights, g.weights, float32(rate), beta1, beta2, epsilon)
			moments[1].step(r.bias, g.bias, float32(rate), beta1, beta2, epsilon)
		}
	}
	return r, nil
}

// gradient is that of the loss in a mini-batch, with what it takes to compute it.
type gradient struct {
	weights []float32 // (dim, heads·classes)
	bias    []float32 // (heads·classes)
	x       []float32 // (batch, dim) standardized
	logits  []float32 // (batch, heads·classes), then their gradients
}

func newGradient(r *Regression, batch int) *gradient {
	return &gradient{
		weights: make([]float32, len(r.weights)), bias: make([]float32, len(r.bias)),
		x: make([]float32, batch*r.dim), logits: make([]float32, batch*len(r.bias)),
	}
}

// compute takes the gradient of the mean over the inputs at these places.
func (g *gradient) compute(r *Regression, d *Data, at []int, l2 float32) {
	n, out := len(at), len(r.bias)
	for i, a := range at {
		r.row(g.x[i*d.Dim:(i+1)*d.Dim], d.X[a*d.Dim:(a+1)*d.Dim])
	}
	r.logits(g.logits[:n*out], g.x[:n*d.Dim], n)
	clear(g.bias)
	for i, a := range at {
		row := g.logits[i*out : (i+1)*out]
		for h := range d.Heads {
			p := row[h*d.Classes : (h+1)*d.Classes]
			softmax(p)
			p[d.Labels[a*d.Heads+h]]--
		}
		for j, v := range row {
			g.bias[j] += v
		}
	}
	blas32.Gemm(blas.Trans, blas.NoTrans, 1/float32(n), general(g.x, n, d.Dim), general(g.logits, n, out), 0, general(g.weights, d.Dim, out))
	if l2 > 0 {
		for i, w := range r.weights {
			g.weights[i] += l2 * w
		}
	}
	for j := range g.bias {
		g.bias[j] /= float32(n)
	}
}

func general(x []float32, rows, columns int) blas32.General {
	return blas32.General{Rows: rows, Cols: columns, Stride: columns, Data: x}
}

// adam are the moments of some weights.
type adam struct{ m, v []float32 }

func newAdam(n int) adam { return adam{make([]float32, n), make([]float32, n)} }

func (a adam) step(w, g []float32, rate, beta1, beta2, epsilon float32) {
	for i, x := range g {
		a.m[i] += (1 - beta1) * (x - a.m[i])
		a.v[i] += (1 - beta2) * (x*x - a.v[i])
		w[i] -= rate * a.m[i] / (float32(math.Sqrt(float64(a.v[i]))) + epsilon)
	}
}

func softmax(p []float32) {
	best := p[0]
	for _, v := range p {
		best = max(best, v)
	}
	var sum float32
	for i, v := range p {
		p[i] = float32(math.Exp(float64(v - best)))
		sum += p[i]
	}
	for i := range p {
		p[i] /= sum
	}
}

// standardize takes means and deviations. What is the same in all inputs stays 0.
func (r *Regression) standardize(d *Data) {
	sum, squares := make([]float64, d.Dim), make([]float64, d.Dim)
	for i := range d.N {
		for j, v := range d.X[i*d.Dim : (i+1)*d.Dim] {
			sum[j] += float64(v)
		}
	}
	for j := range sum {
		sum[j] /= float64(d.N)
		r.mean[j] = float32(sum[j])
	}
	for i := range d.N {
		for j, v := range d.X[i*d.Dim : (i+1)*d.Dim] {
			squares[j] += (float64(v) - sum[j]) * (float64(v) - sum[j])
		}
	}
	for j, s := range squares {
		if deviation := math.Sqrt(s / float64(d.N)); deviation > 1e-12 {
			r.scale[j] = float32(1 / deviation)
		}
	}
}

func (r *Regression) row(dst, x []float32) {
	for j, v := range x {
		dst[j] = (v - r.mean[j]) * r.scale[j]
	}
}

// logits of n standardized inputs.
func (r *Regression) logits(dst, x []float32, n int) {
	out := len(r.bias)
	for i := range n {
		copy(dst[i*out:(i+1)*out], r.bias)
	}
	blas32.Gemm(blas.NoTrans, blas.NoTrans, 1, general(x, n, r.dim), general(r.weights, r.dim, out), 1, general(dst, n, out))
}

// Each shows visit the logits of all of d's inputs, one after the other, Heads·Classes numbers. The slice may be read
// and changed until visit returns.
func (r *Regression) Each(d *Data, visit func(i int, logits []float32)) error {
	if err := d.Validate(); err != nil {
		return err
	}
	if d.Dim != r.dim || d.Heads != r.heads || d.Classes != r.classes {
		return fmt.Errorf("logistic: inputs of %d with %d questions of %d classes for a regression of %d, %d, %d", d.Dim, d.Heads, d.Classes, r.dim, r.heads, r.classes)
	}
	out := len(r.bias)
	x, logits := make([]float32, chunk*r.dim), make([]float32, chunk*out)
	for lo := 0; lo < d.N; lo += chunk {
		n := min(chunk, d.N-lo)
		for i := range n {
			r.row(x[i*r.dim:(i+1)*r.dim], d.X[(lo+i)*r.dim:(lo+i+1)*r.dim])
		}
		r.logits(logits[:n*out], x[:n*r.dim], n)
		for i := range n {
			visit(lo+i, logits[i*out:(i+1)*out])
		}
	}
	return nil
}

// Argmax returns the likeliest class of question h in logits that Each has shown, the first of equal ones.
func (r *Regression) Argmax(logits []float32, h int) int {
	best := 0
	p := logits[h*r.classes : (h+1)*r.classes]
	for k, v := range p {
		if v > p[best] {
			best = k
		}
	}
	return best
}

// Loss is the mean cross-entropy of all questions together in nats an input.
func (r *Regression) Loss(d *Data) (float64, error) {
	sum := 0.0
	err := r.Each(d, func(i int, logits []float32) {
		for h := range r.heads {
			p := logits[h*r.classes : (h+1)*r.classes]
			best := p[0]
			for _, v := range p {
				best = max(best, v)
			}
			total := 0.0
			for _, v := range p {
				total += math.Exp(float64(v - best))
			}
			sum += math.Log(total) - float64(p[d.Labels[i*r.heads+h]]-best)
		}
	})
	return sum / float64(d.N), err
}
