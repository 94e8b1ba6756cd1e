// Package toy is the linear setting of appendix D of "Transcendence" (Zhang et al. 2024, Figure 7): experts whose weights are the
// true ones with noise, and a linear model that learns from all of them.
//
// Inputs are standard normal in Dim dimensions, the truth is argmax_k W*_k x over Classes. Expert i answers
// argmax of W* + sigma (sqrt(c) S + sqrt(1-c) xi_i), S and xi_i standard normal: with c = 0 that is the paper's. The noise of one
// expert has the same law for every c, so sigma alone sets how often each errs, and c alone how often they
// err alike: the paper varies both at once. Each of Points inputs is labelled by one expert, drawn evenly. The
// model is a multinomial logistic regression, and its accuracy at a temperature is exact: the mean
// probability of the true class.
//
// The paper gives no sigma, temperature or accuracy that could be compared (its shape: transcendence where sigma is
// large and the temperature low, none where sigma is small).
package toy

import (
	"context"
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"
	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"

	"transcend/analysis/ideal"
	"transcend/analysis/internal/logistic"
	"transcend/data/league/mixture"
	"transcend/internal/draw"
)

// Options are the plan of a sweep.
type Options struct {
	Dim     int `json:"dim"`
	Classes int `json:"classes"`
	Experts int `json:"experts"`
	Points  int `json:"points"`
	Test    int `json:"test_points"`
	// Sigmas are deviations of the noise, Shares the parts c of its variance that all experts share.
	Sigmas       []float64 `json:"sigmas"`
	Shares       []float64 `json:"shares"`
	Temperatures []float64 `json:"temperatures"`
	Seeds        int       `json:"seeds"`
	Epochs       int       `json:"epochs"`
}

// Default has the paper's sizes.
func Default() Options {
	return Options{
		Dim: 100, Classes: 10, Experts: 5, Points: 10_000, Test: 10_000,
		Sigmas: []float64{0.1, 0.25, 0.5, 1, 1.5, 2}, Shares: []float64{0, 0.5, 0.9, 1},
		Temperatures: []float64{0.01, 0.1, 0.25, 0.5, 0.75, 1, 1.5}, Seeds: 5, Epochs: 20,
	}
}

// Validate reports what cannot be swept.
func (o *Options) Validate() error {
	switch {
	case o.Dim < 1 || o.Dim > 10_000 || o.Classes < 2 || o.Classes > 255 || o.Experts < 1 || o.Experts > 1000:
		return fmt.Errorf("%d dimensions, %d classes, %d experts: must be 1 to 10,000, 2 to 255 and 1 to 1,000", o.Dim, o.Classes, o.Experts)
	case o.Points < 1 || o.Test < 1 || o.Points*o.Dim > 1<<30 || o.Test*o.Dim > 1<<30:
		return fmt.Errorf("%d points to learn from and %d to test on: must be 1 or more, and at most 2^30 numbers", o.Points, o.Test)
	case len(o.Sigmas) == 0 || len(o.Shares) == 0 || len(o.Temperatures) == 0:
		return errors.New("a sweep needs a sigma, a share and a temperature")
	case o.Seeds < 1 || o.Epochs < 1:
		return errors.New("a sweep needs a seed and an epoch")
	}
	for _, s := range o.Sigmas {
		if !(s >= 0) || math.IsInf(s, 1) {
			return fmt.Errorf("sigma %v: must be a number, 0 or more", s)
		}
	}
	for _, c := range o.Shares {
		if !(c >= 0 && c <= 1) {
			return fmt.Errorf("share %v: must be from 0 to 1", c)
		}
	}
	for _, t := range o.Temperatures {
		if err := mixture.CheckTemperature(t); err != nil {
			return err
		}
	}
	return nil
}

// Cell is one sigma, share and seed.
type Cell struct {
	Sigma, Share float64
	Seed         int
}

// Cells are all of the plan, seeds innermost.
func (o *Options) Cells() (cells []Cell) {
	for _, share := range o.Shares {
		for _, sigma := range o.Sigmas {
			for seed := range o.Seeds {
				cells = append(cells, Cell{sigma, share, seed})
			}
		}
	}
	return cells
}

// Key names a cell in a journal.
func (c Cell) Key() string { return fmt.Sprintf("sigma=%g share=%g seed=%d", c.Sigma, c.Share, c.Seed) }

// Outcome is what became of a cell, on the test points.
type Outcome struct {
	Error        float64   `json:"error"`        // of the experts, the mean
	Best         float64   `json:"best"`         // accuracy of the best expert
	Disagreement float64   `json:"disagreement"` // share of points at which two experts differ, the mean over pairs
	Shared       float64   `json:"shared"`       // share of an expert's errors that another one makes with the same answer
	Model        []float64 `json:"model"`        // accuracy by temperature
	Mixture      []float64 `json:"mixture"`      // the same of the experts' exact mixture, the learner without limits
}

// Streams of random numbers of a cell; those of one seed are the same for all sigmas and shares.
const (
	streamTruth = iota
	streamShared
	streamOwn
	streamPoints
	streamTest
	streamLabels
)

// Run does a cell.
func (o *Options) Run(ctx context.Context, seed uint64, c Cell) (*Outcome, error) {
	normals := func(n int, path ...uint64) []float32 {
		s := draw.New(seed, append([]uint64{uint64(c.Seed)}, path...)...)
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(s.Normal())
		}
		return x
	}
	weights := o.Dim * o.Classes
	truth, shared := normals(weights, streamTruth), normals(weights, streamShared)
	experts := make([][]float32, o.Experts)
	for i := range experts {
		own := normals(weights, streamOwn, uint64(i))
		a, b := float32(c.Sigma*math.Sqrt(c.Share)), float32(c.Sigma*math.Sqrt(1-c.Share))
		experts[i] = make([]float32, weights)
		for j := range weights {
			experts[i][j] = truth[j] + a*shared[j] + b*own[j]
		}
	}
	train := &logistic.Data{N: o.Points, Dim: o.Dim, Heads: 1, Classes: o.Classes, X: normals(o.Points*o.Dim, streamPoints)}
	answers := o.answers(train.X, experts)
	labels := draw.New(seed, uint64(c.Seed), streamLabels)
	for i := range o.Points {
		train.Labels = append(train.Labels, answers[labels.IntN(o.Experts)][i])
	}
	model, err := logistic.Fit(ctx, train, logistic.Options{Epochs: o.Epochs, Seed: seed + uint64(c.Seed)})
	if err != nil {
		return nil, fmt.Errorf("toy: %s: %w", c.Key(), err)
	}
	test := &logistic.Data{N: o.Test, Dim: o.Dim, Heads: 1, Classes: o.Classes, X: normals(o.Test*o.Dim, streamTest)}
	test.Labels = o.answers(test.X, [][]float32{truth})[0]
	r := o.experts(test.Labels, o.answers(test.X, experts))
	r.Model = make([]float64, len(o.Temperatures))
	p := make([]float64, o.Classes)
	if err := model.Each(test, func(i int, logits []float32) {
		best := math.Inf(-1)
		for _, v := range logits {
			best = max(best, float64(v))
		}
		for k, v := range logits {
			p[k] = math.Exp(float64(v) - best)
		}
		for t, tau := range o.Temperatures {
			r.Model[t] += mixture.Temper(nil, p, tau)[test.Labels[i]] / float64(o.Test)
		}
	}); err != nil {
		return nil, fmt.Errorf("toy: %s: %w", c.Key(), err)
	}
	return r, nil
}

// answers of linear classifiers to all inputs.
func (o *Options) answers(x []float32, weights [][]float32) [][]uint8 {
	n := len(x) / o.Dim
	scores := make([]float32, n*o.Classes)
	all := make([][]uint8, len(weights))
	for e, w := range weights {
		blas32.Gemm(blas.NoTrans, blas.Trans, 1, blas32.General{Rows: n, Cols: o.Dim, Stride: o.Dim, Data: x},
			blas32.General{Rows: o.Classes, Cols: o.Dim, Stride: o.Dim, Data: w}, 0, blas32.General{Rows: n, Cols: o.Classes, Stride: o.Classes, Data: scores})
		all[e] = make([]uint8, n)
		for i := range n {
			row, best := scores[i*o.Classes:(i+1)*o.Classes], 0
			for k, v := range row {
				if v > row[best] {
					best = k
				}
			}
			all[e][i] = uint8(best)
		}
	}
	return all
}

// experts measures their answers against the truth, and the mixture that they make.
func (o *Options) experts(truth []uint8, answers [][]uint8) *Outcome {
	n, k := float64(len(truth)), len(answers)
	r := &Outcome{Mixture: make([]float64, len(o.Temperatures))}
	errs, alike, pairs := 0.0, 0.0, 0.0
	votes := make([]float64, o.Classes)
	for _, a := range answers {
		right := 0.0
		for i, y := range a {
			if y == truth[i] {
				right++
			}
		}
		r.Best = max(r.Best, right/n)
		r.Error += (1 - right/n) / float64(k)
	}
	for i, y := range truth {
		clear(votes)
		for a := range k {
			votes[answers[a][i]] += 1 / float64(k)
			for b := range a {
				pairs++
				if answers[a][i] != answers[b][i] {
					r.Disagreement++
				}
			}
			for b := range k {
				if b != a && answers[a][i] != y {
					errs++
					if answers[a][i] == answers[b][i] {
						alike++
					}
				}
			}
		}
		for t, tau := range o.Temperatures {
			r.Mixture[t] += mixture.Temper(nil, votes, tau)[y] / n
		}
	}
	if pairs > 0 {
		r.Disagreement /= pairs
	}
	if errs > 0 {
		r.Shared = alike / errs
	}
	return r
}

// Estimate is a mean over seeds with Student's 95% interval; of one seed the interval is unknown.
type Estimate = ideal.Estimate

func estimate(x []float64) Estimate {
	mean, deviation := stat.MeanStdDev(x, nil)
	if len(x) < 2 {
		return Estimate{Value: mean, Low: math.Inf(-1), High: math.Inf(1)}
	}
	half := deviation / math.Sqrt(float64(len(x))) * distuv.StudentsT{Sigma: 1, Nu: float64(len(x) - 1)}.Quantile(0.975)
	return Estimate{Value: mean, Low: mean - half, High: mean + half}
}
