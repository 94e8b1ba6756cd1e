package cluster

import (
	"math"
	"sync"

	"transcend/internal/draw"
)

const maxIterations = 40

// points are n vectors of length d, one after the other.
type points struct {
	d int
	x []float64
}

func (p *points) len() int           { return len(p.x) / p.d }
func (p *points) at(i int) []float64 { return p.x[i*p.d : (i+1)*p.d] }

func squaredDistance(a, b []float64) float64 {
	var s float64
	for i, x := range a {
		e := x - b[i]
		s += e * e
	}
	return s
}

// kMeans divides points among k clusters, none of them empty: Lloyd's iteration from
// centers by greedy k-means++ (Arthur and Vassilvitskii 2007, section 6), the best of
// several starts. There must be at least k points. The result does not depend on
// the number of threads.
func kMeans(p points, k, starts, threads int, rng draw.Stream) []int32 {
	var best []int32
	lowest := math.Inf(1)
	for range starts {
		assigned, cost := lloyd(p, seeds(p, k, &rng), k, threads)
		if cost < lowest {
			best, lowest = assigned, cost
		}
	}
	return best
}

// seeds chooses k centers. Each is the best of a few points drawn in proportion to
// the squared distance from the centers there are.
func seeds(p points, k int, rng *draw.Stream) points {
	n := p.len()
	tries := 2 + int(math.Log(float64(k)))
	centers := points{p.d, make([]float64, 0, k*p.d)}
	near := make([]float64, n)
	first := rng.IntN(n)
	centers.x = append(centers.x, p.at(first)...)
	total := 0.0
	for i := range n {
		near[i] = squaredDistance(p.at(i), p.at(first))
		total += near[i]
	}
	candidate, chosen := make([]float64, n), make([]float64, n)
	for centers.len() < k {
		bestTotal, best := math.Inf(1), rng.IntN(n)
		copy(chosen, near)
		for range tries {
			if total <= 0 {
				bestTotal = 0
				break // all points are centers already: any will do
			}
			x, at := rng.Float64()*total, 0
			for at < n-1 && x >= near[at] {
				x -= near[at]
				at++
			}
			sum := 0.0
			for i := range n {
				candidate[i] = min(near[i], squaredDistance(p.at(i), p.at(at)))
				sum += candidate[i]
			}
			if sum < bestTotal {
				bestTotal, best = sum, at
				candidate, chosen = chosen, candidate
			}
		}
		near, chosen = chosen, near
		total = bestTotal
		centers.x = append(centers.x, p.at(best)...)
	}
	return centers
}

// lloyd moves centers until nothing changes and returns each point's cluster and the
// sum of squared distances.
func lloyd(p, centers points, k, threads int) ([]int32, float64) {
	n := p.len()
	assigned, distance := make([]int32, n), make([]float64, n)
	for i := range assigned {
		assigned[i] = -1
	}
	size := make([]int, k)
	var cost float64
	for range maxIterations {
		changed := false
		parallel(n, threads, func(lo, hi int) {
			for i := lo; i < hi; i++ {
				best, lowest := int32(0), math.Inf(1)
				for c := range k {
					if d := squaredDistance(p.at(i), centers.at(c)); d < lowest {
						best, lowest = int32(c), d
					}
				}
				distance[i] = lowest
				if best != assigned[i] {
					assigned[i] = ^best // marked; the loop below counts
				}
			}
		})
		clear(size)
		cost = 0
		for i := range n {
			if assigned[i] < 0 {
				assigned[i], changed = ^assigned[i], true
			}
			size[assigned[i]]++
			cost += distance[i]
		}
		// An empty cluster takes the point that is farthest from its center.
		for c := range k {
			if size[c] > 0 {
				continue
			}
			far := -1
			for i := range n {
				if size[assigned[i]] > 1 && (far < 0 || distance[i] > distance[far]) {
					far = i
				}
			}
			size[assigned[far]]--
			assigned[far], size[c], changed = int32(c), 1, true
			distance[far] = 0
		}
		if !changed {
			break
		}
		clear(centers.x)
		for i := range n {
			center := centers.at(int(assigned[i]))
			for j, x := range p.at(i) {
				center[j] += x
			}
		}
		for c := range k {
			center := centers.at(c)
			for j := range center {
				center[j] /= float64(size[c])
			}
		}
	}
	return assigned, cost
}

// parallel calls f for parts of 0 to n-1, at most threads at a time.
func parallel(n, threads int, f func(lo, hi int)) {
	if threads <= 1 || n < 2000 {
		f(0, n)
		return
	}
	var wg sync.WaitGroup
	for t := range threads {
		wg.Go(func() { f(n*t/threads, n*(t+1)/threads) })
	}
	wg.Wait()
}
