package embed

import (
	"context"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"
)

// TSNEOptions of TSNE.
type TSNEOptions struct {
	Perplexity float64 `json:"perplexity"`
	Iterations int     `json:"iterations"`
	// Theta is how wide a cell may be, by its distance, to count as one point; 0 is exact.
	Theta float64 `json:"theta"`
}

// pair is a neighbor with its joint probability.
type pair struct {
	to int
	p  float64
}

// TSNE places n points of dim numbers in the plane: t-SNE (van der Maaten and Hinton 2008) with the repulsion of Barnes
// and Hut (van der Maaten 2014). Neighbors are exact, three times the perplexity of them. It begins with the first two principal
// components, scaled to a deviation of 0.0001, so nothing is drawn; the early exaggeration is 12 for the first quarter of the
// iterations, the rate n/12 but at least 50, the momentum 0.5 and then 0.8. It returns the
// points and the Kullback-Leibler divergence that is left.
func TSNE(ctx context.Context, x []float32, n, dim int, o TSNEOptions, progress func(iteration int)) ([][2]float64, float64, error) {
	switch {
	case n < 4 || dim < 2 || len(x) != n*dim:
		return nil, 0, fmt.Errorf("embed: %d numbers of %d points of %d: needs four points in two dimensions", len(x), n, dim)
	case !(o.Perplexity > 1) || 3*o.Perplexity > float64(n-1):
		return nil, 0, fmt.Errorf("embed: perplexity %v: must be above 1 and at most a third of the %d other points", o.Perplexity, n-1)
	case o.Iterations < 1 || !(o.Theta >= 0) || o.Theta > 1:
		return nil, 0, fmt.Errorf("embed: %d iterations, theta %v: must be positive, and 0 to 1", o.Iterations, o.Theta)
	}
	p, err := joint(ctx, x, n, dim, o.Perplexity)
	if err != nil {
		return nil, 0, err
	}
	y, err := components(x, n, dim)
	if err != nil {
		return nil, 0, err
	}
	velocity, gains, gradient := make([][2]float64, n), make([][2]float64, n), make([][2]float64, n)
	for i := range gains {
		gains[i] = [2]float64{1, 1}
	}
	rate := max(float64(n)/12, 50)
	for step := range o.Iterations {
		if err := ctx.Err(); err != nil {
			return nil, 0, fmt.Errorf("embed: %w", err)
		}
		exaggeration, momentum := 1., 0.8
		if step < o.Iterations/4 {
			exaggeration, momentum = 12, 0.5
		}
		descend(gradient, y, p, exaggeration, o.Theta)
		var mean [2]float64
		for i := range y {
			for d := range 2 {
				if gradient[i][d]*velocity[i][d] < 0 {
					gains[i][d] += 0.2
				} else {
					gains[i][d] = max(0.8*gains[i][d], 0.01)
				}
				velocity[i][d] = momentum*velocity[i][d] - rate*gains[i][d]*gradient[i][d]
				y[i][d] += velocity[i][d]
				mean[d] += y[i][d] / float64(n)
			}
		}
		for i := range y {
			y[i][0], y[i][1] = y[i][0]-mean[0], y[i][1]-mean[1]
		}
		if progress != nil {
			progress(step + 1)
		}
	}
	return y, divergence(y, p), nil
}

// joint are the symmetrized probabilities p_ij = (p_j|i + p_i|j) / 2n.
func joint(ctx context.Context, x []float32, n, dim int, perplexity float64) ([][]pair, error) {
	k := min(n-1, int(3*perplexity))
	all := make([]map[int]float64, n)
	for i := range all {
		all[i] = map[int]float64{}
	}
	distances := make([]pair, n)
	for i := range n {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("embed: %w", err)
		}
		a := x[i*dim : (i+1)*dim]
		for j := range n {
			var d float32
			for q, v := range x[j*dim : (j+1)*dim] {
				d += (v - a[q]) * (v - a[q])
			}
			distances[j] = pair{j, float64(d)}
		}
		distances[i].p = math.Inf(1)
		slices.SortFunc(distances, func(a, b pair) int {
			switch {
			case a.p < b.p:
				return -1
			case a.p > b.p:
				return 1
			}
			return a.to - b.to
		})
		for j, v := range conditional(distances[:k], perplexity) {
			to := distances[j].to
			all[i][to] += v / float64(2*n)
			all[to][i] += v / float64(2*n)
		}
	}
	p := make([][]pair, n)
	for i, row := range all {
		for to, v := range row {
			p[i] = append(p[i], pair{to, v})
		}
		// Maps have no order, sums of floating-point numbers do.
		slices.SortFunc(p[i], func(a, b pair) int { return a.to - b.to })
	}
	return p, nil
}

// conditional are the Gaussian probabilities of neighbors by squared distance, the nearest first, whose width is chosen by bisection to
// give the perplexity.
func conditional(neighbors []pair, perplexity float64) []float64 {
	p := make([]float64, len(neighbors))
	want, beta, low, high := math.Log(perplexity), 1., 0., math.Inf(1)
	for range 100 {
		sum, weighted := 0.0, 0.0
		for j, q := range neighbors {
			d := q.p - neighbors[0].p
			p[j] = math.Exp(-beta * d)
			sum += p[j]
			weighted += p[j] * d
		}
		for j := range p {
			p[j] /= sum
		}
		entropy := math.Log(sum) + beta*weighted/sum
		switch {
		case math.Abs(entropy-want) < 1e-6:
			return p
		case entropy > want:
			low = beta
		default:
			high = beta
		}
		if math.IsInf(high, 1) {
			beta *= 2
		} else {
			beta = (low + high) / 2
		}
	}
	return p
}

// components are the first two principal ones.
func components(x []float32, n, dim int) ([][2]float64, error) {
	m := mat.NewDense(n, dim, nil)
	for i, v := range x {
		m.Set(i/dim, i%dim, float64(v))
	}
	var pc stat.PC
	if !pc.PrincipalComponents(m, nil) {
		return nil, fmt.Errorf("embed: the principal components of the states were not found")
	}
	var vectors, projected mat.Dense
	pc.VectorsTo(&vectors)
	_, columns := vectors.Dims()
	projected.Mul(m, vectors.Slice(0, dim, 0, min(2, columns)))
	deviation := stat.StdDev(mat.Col(nil, 0, &projected), nil)
	if !(deviation > 0) {
		return nil, fmt.Errorf("embed: all states are the same")
	}
	y := make([][2]float64, n)
	for d := range 2 {
		column := mat.Col(nil, d, &projected)
		mean := stat.Mean(column, nil)
		for i, v := range column {
			y[i][d] = (v - mean) / deviation * 1e-4
		}
	}
	return y, nil
}

// descend writes the gradient of the divergence, 4 sum_j (p_ij - q_ij) (y_i - y_j) / (1 + |y_i - y_j|²).
func descend(gradient, y [][2]float64, p [][]pair, exaggeration, theta float64) {
	tree := newTree(y)
	total := 0.0
	repulsion := make([][2]float64, len(y))
	for i := range y {
		total += tree.repel(&repulsion[i], y[i], theta)
		total-- // the point itself
	}
	for i := range y {
		var g [2]float64
		for _, q := range p[i] {
			dx, dy := y[i][0]-y[q.to][0], y[i][1]-y[q.to][1]
			w := exaggeration * q.p / (1 + dx*dx + dy*dy)
			g[0] += w * dx
			g[1] += w * dy
		}
		gradient[i] = [2]float64{4 * (g[0] - repulsion[i][0]/total), 4 * (g[1] - repulsion[i][1]/total)}
	}
}

// divergence is KL(P || Q), exactly.
func divergence(y [][2]float64, p [][]pair) (kl float64) {
	total := 0.0
	for i := range y {
		for j := range y {
			if i != j {
				dx, dy := y[i][0]-y[j][0], y[i][1]-y[j][1]
				total += 1 / (1 + dx*dx + dy*dy)
			}
		}
	}
	for i, row := range p {
		for _, q := range row {
			dx, dy := y[i][0]-y[q.to][0], y[i][1]-y[q.to][1]
			if q.p > 0 {
				kl += q.p * math.Log(q.p*total*(1+dx*dx+dy*dy))
			}
		}
	}
	return kl
}

// tree is a quadtree: cells with their number and center of points.
type tree struct{ cells []cell }

type cell struct {
	x, y, half float64 // center and half the width of the square
	sum        [2]float64
	n          float64
	point      [2]float64 // of a leaf: all its points are there
	child      int        // the first of four; 0: a leaf
}

// leastWidth is where points count as equal.
const leastWidth = 1e-12

func newTree(y [][2]float64) *tree {
	low, high := y[0], y[0]
	for _, p := range y {
		for d := range 2 {
			low[d], high[d] = min(low[d], p[d]), max(high[d], p[d])
		}
	}
	half := max(high[0]-low[0], high[1]-low[1])/2*1.001 + 1e-9
	t := &tree{cells: make([]cell, 1, 4*len(y))}
	t.cells[0] = cell{x: (low[0] + high[0]) / 2, y: (low[1] + high[1]) / 2, half: half}
	for _, p := range y {
		t.insert(0, p, 1)
	}
	return t
}

func (t *tree) insert(at int, p [2]float64, n float64) {
	for {
		c := &t.cells[at]
		if c.child == 0 {
			if c.n == 0 || p == c.point || c.half < leastWidth {
				if c.n == 0 {
					c.point = p
				}
				c.n += n
				c.sum[0] += n * p[0]
				c.sum[1] += n * p[1]
				return
			}
			t.split(at)
			c = &t.cells[at]
		}
		c.n += n
		c.sum[0] += n * p[0]
		c.sum[1] += n * p[1]
		at = c.quarter(p)
	}
}

func (c *cell) quarter(p [2]float64) int {
	at := c.child
	if p[0] > c.x {
		at++
	}
	if p[1] > c.y {
		at += 2
	}
	return at
}

func (t *tree) split(at int) {
	c := t.cells[at]
	first, half := len(t.cells), c.half/2
	for k := range 4 {
		t.cells = append(t.cells, cell{x: c.x + half*float64(2*(k&1)-1), y: c.y + half*float64(2*(k>>1)-1), half: half})
	}
	t.cells[at].child = first
	to := &t.cells[t.cells[at].quarter(c.point)]
	to.point, to.n, to.sum = c.point, c.n, c.sum
}

// repel adds sum_j (y_i - y_j) / (1+d²)² to force and returns sum_j 1/(1+d²), the point itself included.
func (t *tree) repel(force *[2]float64, p [2]float64, theta float64) (total float64) {
	var stack [256]int
	stack[0] = 0
	n := 1
	for n > 0 {
		n--
		c := &t.cells[stack[n]]
		if c.n == 0 {
			continue
		}
		dx, dy := p[0]-c.sum[0]/c.n, p[1]-c.sum[1]/c.n
		d := dx*dx + dy*dy
		if c.child != 0 && 4*c.half*c.half >= theta*theta*d {
			for k := range 4 {
				stack[n] = c.child + k
				n++
			}
			continue
		}
		w := 1 / (1 + d)
		total += c.n * w
		force[0] += c.n * w * w * dx
		force[1] += c.n * w * w * dy
	}
	return total
}
