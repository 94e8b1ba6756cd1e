package blas

import "unsafe"

// tileKernels are the routines of AMX and the geometry of its panels: 32 rows of A or
// columns of B, and 32 values of k in a step, which take 2 KiB.
type tileKernels struct {
	multiply  tileFunc
	packRowsA func(k int, src *float32, ld uintptr, dst *float32, rows int) // one panel, from rows that run along k
	packColsA tilePackFunc                                                  // from rows that run along m
	packRowsB tilePackFunc                                                  // from rows that run along n
	packColsB packFunc                                                      // one tile of every step, from rows that run along k

	// The same for values that are bf16 already.
	packRowsA16 func(k int, src *uint16, ld uintptr, dst *float32, rows int)
	packColsA16 tilePackFunc16
	packRowsB16 tilePackFunc16

	round func(n int, src *float32, dst *uint16) // as packing does
}

// tileFunc multiplies packed panels; scratch is of tileScratch words. See amxMultiply in gen.
type tileFunc func(m, n, steps int, a, b, c *float32, ldc uintptr, alpha, beta float32, mode int, scratch *float32)

// tilePackFunc packs k rows of values across panels, which are panel bytes apart.
type tilePackFunc func(k int, src *float32, ld uintptr, dst *float32, panel uintptr, values int)

type tilePackFunc16 func(k int, src *uint16, ld uintptr, dst *float32, panel uintptr, values int)

// What the kernel does with C.
const (
	tileOverwrite  = iota // C = A*B
	tileAccumulate        // C += A*B
	tileScale             // C = alpha*A*B + beta*C
)

const (
	tileSide    = 32   // rows, columns and values of k in a step of a panel
	tileWords   = 512  // of a panel and step
	tileScratch = 1024 // words of a block of C
)

// Where the packed panels of A live.
const (
	chunkedA = iota // one chunk, packed before it is multiplied, again for every pass over n
	keptA           // all of a pass over k, packed chunk by chunk in its first pass over n
	aheadA          // the same, packed in advance: the rows of a transposed A run across chunks
)

// tiled is C = alpha*A*B + beta*C on tiles, by one goroutine. k and n are cut into passes
// such that the packed block of B stays in half the second-level cache, m into chunks
// whose packed A stays in the first-level cache or near it.
//
// An element of C is summed in an order that depends on k alone: for every 32
// values of k one sum over the even and one over the odd places, these two added, and
// the result added to the element. With alpha = 1 and beta = 0 or 1 the chain begins
// at zero or C and runs over all of k; else it begins at zero for every pass over k,
// and is scaled and added.
type tiled struct {
	*tileKernels
	m, n, k     int
	allN        int    // columns of the whole product, of which this may be a stripe
	a, b, c     matrix // C without an address is not kept: only visit sees it
	a16, b16    bool   // the values are bf16
	aRuns       bool   // rows of A run along k
	bRuns       bool   // rows of B run along n
	alpha, beta float32

	visit    Visitor // may be nil
	row, col int     // of the whole C, where this part of it begins

	depth, width int // values of k and columns in a pass, multiples of tileSide
	chunk        int // rows, a multiple of tileSide
	placeA       int

	bufA, bufB, scratch []float32
	block               []float32 // of C, where that is not kept
	rows                []float32 // for visit
}

// run computes the product.
func (p *tiled) run(t *tuning) {
	p.plan(t)
	for l := 0; l < p.k; l += p.depth {
		for j := 0; j < p.n; j += p.width {
			q := tilePass{j: j, n: min(p.width, p.n-j), l: l, k: min(p.depth, p.k-l)}
			q.steps = ceil(q.k, tileSide)
			p.packB(q)
			if p.placeA == aheadA && j == 0 {
				p.packColumnsA(q, 0, p.m, p.bufA)
			}
			p.multiplyPass(q)
		}
	}
	p.a, p.b, p.c, p.visit = matrix{}, matrix{}, matrix{}, nil // the caller's
}

// plan cuts the product up and gets the buffers.
func (p *tiled) plan(t *tuning) {
	p.depth = p.depthOf(t)
	p.width = evenly(p.n, max(tileSide, t.tilePassWords*2/p.depth), tileSide)
	rows := ceil(p.m, tileSide) * tileSide
	p.chunk = min(rows, max(1, t.tileChunkA/(p.depth*tileSide))*tileSide)
	if p.visit != nil {
		// What is visited should still be in the second-level cache.
		p.chunk = min(p.chunk, visitedRows)
		p.rows = resize(p.rows, 2*visitedColumns)
	}
	if p.c.p == nil {
		p.block = resize(p.block, p.chunk*(min(p.width, visitedColumns)+blockPadding))
	}
	held := rows
	switch {
	case rows*p.depth > t.tileKeptA:
		p.placeA, held = chunkedA, p.chunk
	case !p.aRuns:
		p.placeA = aheadA
	case p.n > p.width:
		p.placeA = keptA
	default:
		p.placeA, held = chunkedA, p.chunk
	}
	p.bufA = resize(p.bufA, held*p.depth/2)
	p.bufB = resize(p.bufB, p.width*p.depth/2)
	p.scratch = resize(p.scratch, tileScratch)
}

// depthOf returns the values of k in a pass. It must not depend on the stripe, or the cut
// into stripes would show in the result where the chain begins again for every pass.
//
// Where B would take several passes over n, shallower ones are faster: B then takes fewer
// over n, A is packed when it is used and its panels stay in the first-level cache. That
// is worth another visit to C, but not to a C of little depth.
func (p *tiled) depthOf(t *tuning) int {
	if p.c.p == nil {
		return ceil(p.k, tileSide) * tileSide
	}
	if !p.aRuns {
		return evenly(p.k, t.tileDepthTrans, tileSide)
	}
	if p.k >= 2*t.tileDepthWide && p.allN*min(p.k, t.tileDepth) > 2*t.tilePassWords {
		return evenly(p.k, t.tileDepthWide, tileSide)
	}
	return evenly(p.k, t.tileDepth, tileSide)
}

// tilePass is the part of a product in one pass: columns [j, j+n) and values [l, l+k).
type tilePass struct {
	j, n        int
	l, k, steps int
}

// panel is the size of a packed panel.
func (q tilePass) panel() int { return q.steps * tileWords }

// packColumnsA packs rows [i0, i1) of a transposed A.
func (p *tiled) packColumnsA(q tilePass, i0, i1 int, dst []float32) {
	if p.a16 {
		p.packColsA16(q.k, (*uint16)(p.a.address(i0, q.l)), p.a.col, unsafe.SliceData(dst), 4*uintptr(q.panel()), i1-i0)
		return
	}
	p.packColsA(q.k, p.a.at(i0, q.l), p.a.col, unsafe.SliceData(dst), 4*uintptr(q.panel()), i1-i0)
}

// packChunkA packs rows [i0, i1) of A.
func (p *tiled) packChunkA(q tilePass, i0, i1 int, dst []float32) {
	if !p.aRuns {
		p.packColumnsA(q, i0, i1, dst)
		return
	}
	for i := i0; i < i1; i += tileSide {
		to, rows := &dst[(i-i0)/tileSide*q.panel()], min(tileSide, i1-i)
		if p.a16 {
			p.packRowsA16(q.k, (*uint16)(p.a.address(i, q.l)), p.a.row, to, rows)
		} else {
			p.packRowsA(q.k, p.a.at(i, q.l), p.a.row, to, rows)
		}
	}
}

func (p *tiled) packB(q tilePass) {
	if p.b16 {
		p.packRowsB16(q.k, (*uint16)(p.b.address(q.l, q.j)), p.b.row, unsafe.SliceData(p.bufB), 4*uintptr(q.panel()), q.n)
		return
	}
	if p.bRuns {
		p.packRowsB(q.k, p.b.at(q.l, q.j), p.b.row, unsafe.SliceData(p.bufB), 4*uintptr(q.panel()), q.n)
		return
	}
	const half, words = tileSide / 2, tileWords / 2 // of a tile
	for j := 0; j < q.n; j += half {
		dst := p.bufB[j/tileSide*q.panel()+j%tileSide/half*words:]
		p.packColsB(q.k, p.b.at(q.l, q.j+j), p.b.col, &dst[0], 4*half, min(half, q.n-j))
		// The rest of the last step meets zeros of A, which must not become NaN.
		last := (q.steps - 1) * tileWords
		clear(dst[last+ceil(q.k-(q.steps-1)*tileSide, 2)*half : last+words])
	}
}

func (p *tiled) multiplyPass(q tilePass) {
	alpha, beta, mode := p.alpha, p.beta, tileScale
	if q.l > 0 {
		beta = 1
	}
	if alpha == 1 && (p.beta == 0 || p.beta == 1) {
		mode = tileAccumulate
		if beta == 0 {
			mode = tileOverwrite
		}
	}
	// A goroutine cannot be stopped within a kernel, so calls are kept short.
	most := 1024
	if p.visit != nil {
		most = visitedColumns
	}
	last := q.l+q.k == p.k
	for i := 0; i < p.m; i += p.chunk {
		end := min(i+p.chunk, p.m)
		panels := p.bufA
		if p.placeA != chunkedA {
			panels = panels[i/tileSide*q.panel():]
		}
		if p.placeA == chunkedA || p.placeA == keptA && q.j == 0 {
			p.packChunkA(q, i, end, panels)
		}
		for j := 0; j < q.n; j += most {
			n := min(most, q.n-j)
			c, row := p.c.p, p.c.row
			if c == nil {
				c, row = &p.block[0], 4*uintptr(min(p.width, most)+blockPadding)
			} else {
				c = p.c.at(i, q.j+j)
			}
			p.multiply(end-i, n, q.steps, &panels[0], &p.bufB[j/tileSide*q.panel()], c, row, alpha, beta, mode, &p.scratch[0])
			if p.visit != nil && last {
				ld := int(row / 4)
				p.visit.Visit(p.row+i, p.col+q.j+j, end-i, n, unsafe.Slice(c, (end-i-1)*ld+n), ld, p.rows)
			}
		}
	}
}

const (
	visitedRows    = 32   // and
	visitedColumns = 1024 // of C that are visited at a time, at most
	// blockPadding is what the rows of a block of C that is not kept are apart beyond
	// their length: powers of two would meet in few sets of the first-level cache.
	blockPadding = 16
)

// striped is a product on tiles shared by threads: stripes of C, each a product of its own
// with its own buffers. What a thread packs stays in its own cache, and nobody waits; the
// price is that each packs the operand that the stripes have in common, so it is the
// smaller one.
type striped struct {
	whole   tiled // without buffers
	t       *tuning
	columns bool    // stripes are of columns
	size    int     // rows or columns of a stripe
	workers []tiled // buffers of each worker
}

// begin cuts the product.
func (s *striped) begin(whole tiled, t *tuning, threads int) {
	s.whole, s.t = whole, t
	s.whole.allN = whole.n
	s.columns = whole.n > whole.m
	side := max(whole.m, whole.n)
	// More stripes than threads even out when they end, but the common operand is
	// packed for each.
	pieces := 1
	if threads > 1 {
		pieces = threads * max(1, min(4, side/(threads*t.tileStripe)))
	}
	s.size = ceil(ceil(side, tileSide), pieces) * tileSide
	for len(s.workers) < threads {
		s.workers = append(s.workers, tiled{})
	}
}

// release forgets the caller's matrices.
func (s *striped) release() { s.whole = tiled{} }

func (s *striped) passes() int { return 1 }

func (s *striped) tasks(int) (packs, products int) {
	return 0, ceil(max(s.whole.m, s.whole.n), s.size)
}

func (s *striped) pack(_, _, _ int) {}

func (s *striped) multiply(_, task, worker int) {
	w, p := &s.workers[worker], s.whole
	p.bufA, p.bufB, p.scratch, p.block, p.rows = w.bufA, w.bufB, w.scratch, w.block, w.rows
	from := task * s.size
	if s.columns {
		p.n, p.col = min(s.size, p.n-from), from
		p.b.p = p.b.at(0, from)
	} else {
		p.m, p.row = min(s.size, p.m-from), from
		p.a.p = p.a.at(from, 0)
	}
	if p.c.p != nil {
		p.c.p = p.c.at(p.row, p.col)
	}
	*w = p
	w.run(s.t)
}
