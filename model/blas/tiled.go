package blas

import "unsafe"

// tileKernels are the routines of AMX and the geometry of its panels: 32 rows of A or
// columns of B, and 32 values of k in a step, which take 2 KiB.
type tileKernels struct {
	multiply  tileFunc
	packRowsA func(k int, src *float32, ld uintptr, dst *float32, rows int) // 32 rows that run along k
	packColsA func(k int, src *float32, ld uintptr, dst *float32, rows int) // from rows that run along m, 16 at a time
	packRowsB packFunc                                                      // from rows that run along n
	packColsB packFunc                                                      // from rows that run along k, 16 columns at a time
}

// tileFunc multiplies packed panels; scratch is of tileScratch words. See amxMultiply in gen.
type tileFunc func(m, n, steps int, a, b, c *float32, ldc uintptr, alpha, beta float32, mode int, scratch *float32)

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
	ownA    = iota // in a buffer of the worker, packed by each task for itself
	keptA          // in a buffer of the product, packed by the tasks of the first pass over n
	sharedA        // the same, packed before the tasks, with B
)

// tiled is C = alpha*A*B + beta*C on tiles. k and n are cut into passes such that the
// packed block of B of a pass stays in half the second-level cache; a pass is packed
// while the one before is multiplied. C is cut into tasks whose share of A stays in
// the first-level cache or near it.
//
// An element of C is summed in an order that depends on k alone: for every 32
// values of k one sum over the even and one over the odd places, these two added, and
// the result added to the element. With alpha = 1 and beta = 0 or 1 the chain begins
// at zero or C and runs over all of k; else it begins at zero for every pass over k,
// and is scaled and added.
type tiled struct {
	*tileKernels
	m, n, k     int
	a, b, c     matrix
	alpha, beta float32

	depth, width          int // values of k and columns in a pass, multiples of tileSide
	taskRows, taskColumns int // of C in a task, multiples of tileSide
	placeA                int

	bufA, bufB []float32 // panels shared by the workers; two passes of B, and of A if sharedA
	own        []tileBuffers
}

// tileBuffers belong to one worker.
type tileBuffers struct {
	scratch []float32
	panels  []float32 // if ownA
}

// plan cuts the product up. All but the tasks, which nothing in the result depends on,
// follows from the shape.
func (p *tiled) plan(t *tuning, threads int) {
	p.depth = evenly(p.k, t.tileDepth, tileSide)
	p.width = evenly(p.n, max(tileSide, t.tilePassWords*2/p.depth), tileSide)
	passesN := ceil(p.n, p.width)
	rows := ceil(p.m, tileSide) * tileSide
	switch {
	case rows*p.depth <= t.tileSharedA:
		p.placeA = sharedA
	case passesN > 1 && rows*p.depth <= t.tileKeptA:
		p.placeA = keptA
	default:
		p.placeA = ownA
	}
	p.taskColumns = p.width
	p.taskRows = min(rows, max(1, t.tileTaskA/(p.depth*tileSide))*tileSide)
	if p.placeA == sharedA {
		p.taskColumns = min(p.width, t.tileTaskColumns)
	}
	if threads > 1 {
		for ceil(p.m, p.taskRows)*ceil(p.width, p.taskColumns) < 4*threads {
			switch {
			case p.taskRows > tileSide:
				p.taskRows = ceil(p.taskRows/tileSide, 2) * tileSide
				continue
			case p.placeA == sharedA && p.taskColumns > 4*tileSide:
				p.taskColumns = ceil(p.taskColumns/tileSide, 2) * tileSide
				continue
			}
			break
		}
	}

	steps := ceil(p.depth, tileSide)
	p.bufB = resize(p.bufB, 2*p.wordsB())
	switch p.placeA {
	case sharedA:
		p.bufA = resize(p.bufA, 2*p.wordsA())
	case keptA:
		p.bufA = resize(p.bufA, p.wordsA())
	}
	for len(p.own) < threads {
		p.own = append(p.own, tileBuffers{scratch: resize(nil, tileScratch)})
	}
	if p.placeA == ownA {
		for i := range threads {
			p.own[i].panels = resize(p.own[i].panels, p.taskRows/tileSide*steps*tileWords)
		}
	}
}

// wordsA and wordsB are the sizes of a pass's panels.
func (p *tiled) wordsA() int { return ceil(p.m, tileSide) * (p.depth / tileSide) * tileWords }
func (p *tiled) wordsB() int { return p.width / tileSide * (p.depth / tileSide) * tileWords }

// release forgets the caller's matrices.
func (p *tiled) release() { p.a, p.b, p.c = matrix{}, matrix{}, matrix{} }

// tilePass is the part of a product in one pass: columns [j, j+n) and values [l, l+k).
type tilePass struct {
	index       int
	j, n        int
	l, k, steps int
}

func (p *tiled) pass(i int) tilePass {
	across := ceil(p.n, p.width)
	j, l := i%across*p.width, i/across*p.depth
	k := min(p.depth, p.k-l)
	return tilePass{index: i, j: j, n: min(p.width, p.n-j), l: l, k: k, steps: ceil(k, tileSide)}
}

func (p *tiled) passes() int { return ceil(p.n, p.width) * ceil(p.k, p.depth) }

// overlap is 2: a pass has other buffers than the one before.
func (p *tiled) overlap() int { return 2 }

func (p *tiled) tasks(pass int) (packs, products int) {
	q := p.pass(pass)
	packs = p.packTasksB(q)
	if p.placeA == sharedA && q.j == 0 {
		packs += p.packTasksA(q)
	}
	return packs, ceil(p.m, p.taskRows) * ceil(q.n, p.taskColumns)
}

func (p *tiled) panelsPerTask(q tilePass) int { return max(1, packWords/(q.steps*tileWords)) }

func (p *tiled) packTasksA(q tilePass) int {
	return ceil(ceil(p.m, tileSide), p.panelsPerTask(q))
}

func (p *tiled) packTasksB(q tilePass) int {
	return ceil(ceil(q.n, tileSide), p.panelsPerTask(q))
}

// panelA is where panel i of A begins.
func (p *tiled) panelA(q tilePass, i int) *float32 {
	at := i * q.steps * tileWords
	if p.placeA == sharedA && q.l/p.depth%2 == 1 {
		at += p.wordsA()
	}
	return word(unsafe.SliceData(p.bufA), at)
}

func (p *tiled) panelB(q tilePass, j int) *float32 {
	return word(unsafe.SliceData(p.bufB), q.index%2*p.wordsB()+j*q.steps*tileWords)
}

func (p *tiled) pack(pass, task, _ int) {
	q := p.pass(pass)
	each := p.panelsPerTask(q)
	if tasks := p.packTasksB(q); task >= tasks {
		for i := (task - tasks) * each; i < min((task-tasks+1)*each, ceil(p.m, tileSide)); i++ {
			p.packPanelA(q, i*tileSide, p.panelA(q, i))
		}
		return
	}
	for j := task * each; j < min((task+1)*each, ceil(q.n, tileSide)); j++ {
		p.packPanelB(q, q.j+j*tileSide, p.panelB(q, j))
	}
}

// packPanelA packs 32 rows from row on.
func (p *tiled) packPanelA(q tilePass, row int, dst *float32) {
	rows := min(tileSide, p.m-row)
	if p.a.col == 4 {
		p.packRowsA(q.k, p.a.at(row, q.l), p.a.row, dst, rows)
		return
	}
	// Rows of a second tile that are all beyond m are never read.
	for i := 0; i < rows; i += tileSide / 2 {
		p.packColsA(q.k, p.a.at(row+i, q.l), p.a.col, word(dst, i*tileWords/tileSide), min(tileSide/2, rows-i))
	}
}

// packPanelB packs 32 columns from column on.
func (p *tiled) packPanelB(q tilePass, column int, dst *float32) {
	const step = 4 * tileSide // bytes of a pair of k
	columns := min(tileSide, p.n-column)
	if p.b.col == 4 {
		p.packRowsB(q.k, p.b.at(q.l, column), p.b.row, dst, step, columns)
	} else {
		for j := 0; j < columns; j += tileSide / 2 {
			p.packColsB(q.k, p.b.at(q.l, column+j), p.b.col, word(dst, j), step, min(tileSide/2, columns-j))
		}
	}
	// The rest of the last step meets zeros of A, which must not become NaN.
	pairs, all := ceil(q.k, 2), q.steps*tileSide/2
	clear(unsafe.Slice(word(dst, pairs*tileSide), (all-pairs)*tileSide))
}

func (p *tiled) multiply(pass, task, worker int) {
	q := p.pass(pass)
	down := ceil(p.m, p.taskRows)
	i, j := task%down*p.taskRows, task/down*p.taskColumns
	rows, columns := min(p.taskRows, p.m-i), min(p.taskColumns, q.n-j)
	own := &p.own[worker]
	panels := unsafe.SliceData(own.panels)
	if p.placeA != ownA {
		panels = p.panelA(q, i/tileSide)
	}
	if p.placeA == ownA || p.placeA == keptA && q.j == 0 {
		for r := 0; r < rows; r += tileSide {
			p.packPanelA(q, i+r, word(panels, r/tileSide*q.steps*tileWords))
		}
	}
	alpha, beta, mode := p.alpha, p.beta, tileScale
	if q.l > 0 {
		beta = 1
	}
	if alpha == 1 && p.beta == 0 || alpha == 1 && p.beta == 1 {
		mode = tileAccumulate
		if beta == 0 {
			mode = tileOverwrite
		}
	}
	p.tileKernels.multiply(rows, columns, q.steps, panels, p.panelB(q, j/tileSide), p.c.at(i, q.j+j), p.c.row, alpha, beta, mode, unsafe.SliceData(own.scratch))
}
