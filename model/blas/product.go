package blas

import "unsafe"

// matrix is op(X) where it lies: element (i, j) is at p + i*row + j*col bytes.
type matrix struct {
	p        *float32
	row, col uintptr
}

// at returns the address of element (i, j), which must exist.
func (x matrix) at(i, j int) *float32 { return (*float32)(x.address(i, j)) }

func (x matrix) address(i, j int) unsafe.Pointer {
	return unsafe.Add(unsafe.Pointer(x.p), uintptr(i)*x.row+uintptr(j)*x.col)
}

// product is C = alpha*A*B + beta*C and the way it is computed. A is m×k, B k×n
// and C m×n, transpositions being in the strides.
//
// The scheme is that of BLIS (Van Zee and van de Geijn, BLIS: A Framework for
// Rapidly Instantiating BLAS Functionality, ACM TOMS 41(3), 2015): k is cut into
// blocks such that a panel of B stays in the first-level cache, C into tasks such
// that a task's share of A stays in the second, and the tile of C that a kernel
// works on in registers. Operands that are used often enough are copied into
// panels first, in the order in which the kernel reads them.
type product struct {
	*kernels
	m, n, k     int
	a, b, c     matrix
	alpha, beta float32
	depth       int // values of k in a block

	packA bool
	packB bool
	ownB  bool // each task packs its columns of B, block by block
	tail  int  // columns of a last panel of B that must be packed in any case
	dots  bool // multiply without packing along contiguous k

	panelsA, panelsB *float32 // packed operands; nil where read as they lie
	firstB           int      // first panel of B that is packed
	taskRows         int      // rows of C in a task, a multiple of the tile's
	taskColumns      int      // columns of C in a task, a multiple of the tile's
}

// ceil returns n/d rounded up.
func ceil(n, d int) int { return (n + d - 1) / d }

// plan chooses kernels and packing, and returns the number of threads that are worth
// it. The choice of kernels depends on the shape only.
func (p *product) plan(e *engine) (threads int) {
	p.kernels = e.f32
	threads = 1
	m, n, k, t := p.m, p.n, p.k, &e.tuning
	if m*n*k >= t.parallelWork || (m < t.minRowsPackB && n*k >= t.parallelElements) {
		threads = e.maxThreads()
	}
	bAcross := p.b.col == 4
	switch {
	case e.bf16 != nil && min(m, n) >= t.minSideBF16 && m*n*k >= t.minWorkBF16:
		p.kernels = e.bf16
		p.packA, p.packB = true, true
	case !bAcross && p.a.col == 4 && m <= min(t.maxRowsDot, k/t.depthPerRowDot):
		p.dots = true
	default:
		p.packB = !bAcross || p.a.col == 4 && m >= t.minRowsPackB
		if p.a.col != 4 && min(m, n) >= t.minSidePack {
			p.packTransposed(t)
		}
		p.setTail()
	}
	p.depth = t.blockSteps * p.pair
	return threads
}

// packTransposed chooses what to pack where the rows of A run along m. Kernels read such a
// matrix nearly as fast as a packed one while its block of k is in the second-level cache,
// where many long rows do not fit: lines at the same place of them meet in few of its sets.
// To pack B costs less the more rows of C there are for it.
func (p *product) packTransposed(t *tuning) {
	switch {
	case p.m >= t.minRowsTall:
		p.packA, p.packB = p.n >= t.minColumnsPackA, true
	case p.m*p.n*16/p.lanes > t.maxAreaDirect: // a tile of narrow vectors is low, and reads little of each row
		p.ownB, p.packB = true, false
	}
}

// packs reports whether anything has to be packed.
func (p *product) packs() bool { return p.packA || p.packB || p.ownB || p.tail > 0 }

// passDepth returns how many values of k a pass takes: whole blocks.
func (p *product) passDepth(t *tuning) int {
	return p.depth * max(1, t.passWords/(min(p.n, t.passColumns)*t.blockSteps))
}

// setTail finds the columns of a B read as it lies that do not fill whole vectors.
func (p *product) setTail() {
	p.tail = 0
	if !p.packB && !p.ownB && p.n%p.lanes != 0 {
		p.tail = p.n % p.columns
	}
}

// tuning is where the alternatives cross and how large the pieces are. Tests move
// the borders to reach every path with small matrices.
type tuning struct {
	parallelWork     int // multiply-adds that are worth waking a goroutine for
	parallelElements int // elements of B that are, where each is used few times
	minRowsPackB     int // fewer rows read B as it lies, if its rows run along n and A's along k
	minSidePack      int // C with fewer rows or columns reads A and B as they lie if A's rows run along m,
	minRowsTall      int // with at least so many rows it packs B,
	minColumnsPackA  int // and A if it has so many columns;
	maxAreaDirect    int // and C of fewer rows but more elements than this packs B task by task
	maxRowsDot       int // rows up to which a transposed B is not packed,
	depthPerRowDot   int // and values of k that each of them takes to be worth it
	minSideBF16      int // products with fewer rows or columns stay in float32,
	minWorkBF16      int // and so do those of fewer multiply-adds: rounding would take too long

	blockSteps  int // steps of k between two visits to C: a panel of B stays in the first-level cache
	taskRows    int // rows and columns of C in a task: its share of A and B stays in the second
	taskColumns int
	// Where A is packed, a task takes all columns and as many rows as are about that many words.
	taskWordsA     int
	ownColumns     int // of C in a task that packs B itself, about
	tasksPerThread int // into which C is cut at least where threads share it

	// Columns of C in one pass, and so the size of the buffers: 4 MiB at most. Larger products
	// take several passes, and so do those of which more than passWords of B would be
	// packed at a time.
	passColumns int
	passWords   int

	minSideTiles     int // products with fewer rows or columns are not for tiles,
	minDepthTiles    int // nor those with fewer values of k,
	minWorkTiles     int // nor those of fewer multiply-adds
	tileParallelWork int // multiply-adds on tiles that are worth waking a goroutine for
	tileDepth        int // values of k in a pass
	tileDepthWide    int // the same if k has at least two and B would take several passes over n at tileDepth
	tileDepthTrans   int // the same if A is transposed
	tilePassWords    int // of B packed in a pass: it stays in the second-level cache
	tileKeptA        int // values of A in a pass up to which they are packed once
	tileChunkA       int // values of A in panels that are multiplied at a time
	tileStripe       int // rows or columns that a stripe of C should have, where there are enough
}

// onTiles reports whether tiles are for a product of this shape.
func (t *tuning) onTiles(m, n, k int) bool {
	return min(m, n) >= t.minSideTiles && k >= t.minDepthTiles && m*n*k >= t.minWorkTiles
}

// measured are the borders found on a Sapphire Rapids core.
var measured = tuning{
	parallelWork:     2 << 20,
	parallelElements: 1 << 18,
	minRowsPackB:     257,
	minSidePack:      128,
	minRowsTall:      1024,
	minColumnsPackA:  512,
	maxAreaDirect:    1 << 18,
	maxRowsDot:       64,
	depthPerRowDot:   8,
	minSideBF16:      32,
	minWorkBF16:      1 << 19,
	blockSteps:       256,
	taskRows:         126,
	taskColumns:      512,
	taskWordsA:       1 << 16,
	ownColumns:       256,
	tasksPerThread:   2,
	passColumns:      4096,
	passWords:        1 << 18,

	minSideTiles:     32,
	minDepthTiles:    16,
	minWorkTiles:     1 << 17,
	tileParallelWork: 8 << 20,
	tileDepth:        1024,
	tileDepthWide:    512,
	tileDepthTrans:   512,
	tilePassWords:    1 << 18,
	tileKeptA:        4 << 20,
	tileChunkA:       1 << 15,
	tileStripe:       2048,
}

// blocked is a product as a plan: passes over n, then k, such that buffers stay small.
//
// B, which all tasks of a pass share, is packed before the pass is multiplied; it may lie
// in the third-level cache, for a panel of it is read once a task. The rows of A that a
// task multiplies are read for every panel of B, so a task that works on packed A packs
// them itself, into the second-level cache of the core that it runs on. With ownB a task
// has all rows of C and packs B itself; then there is one pass, and nobody waits.
type blocked struct {
	product
	t         *tuning
	threads   int
	passDepth int
	bufB      [2][]float32 // of even and odd passes
	own       [][]float32  // each worker's panels of A, or with ownB of B
}

// begin takes on a product and gets the buffers of its largest pass, the first.
func (b *blocked) begin(p product, t *tuning, threads int) {
	b.product, b.t, b.threads, b.passDepth = p, t, threads, p.passDepth(t)
	if !p.packs() {
		return
	}
	first, own := b.pass(0), 0
	steps := ceil(first.k, p.pair)
	switch {
	case p.ownB:
		own = first.taskColumns * ceil(p.depth, p.pair)
	case p.packA:
		// The last pass over k may be shorter, and its tasks then take more rows.
		passes, _ := b.cuts()
		for _, q := range [...]int{0, passes - 1} {
			at := b.pass(q)
			own = max(own, ceil(at.taskRows, p.rows)*p.lanes*ceil(at.k, p.pair))
		}
	}
	if own > 0 {
		for len(b.own) < threads {
			b.own = append(b.own, nil)
		}
		for i := range threads {
			b.own[i] = resize(b.own[i], own)
		}
	}
	if p.ownB {
		return
	}
	columns := p.columns // of a tail, which may be in the last pass only
	if p.packB {
		columns *= ceil(first.n, p.columns)
	}
	for i := range min(threads, len(b.bufB)) {
		b.bufB[i] = resize(b.bufB[i], columns*steps)
	}
}

// release forgets the caller's matrices.
func (b *blocked) release() { b.product = product{} }

// cuts returns the number of passes over k and n. One will do where nothing is packed.
func (b *blocked) cuts() (k, n int) {
	if !b.product.packs() || b.ownB {
		return 1, 1
	}
	return ceil(b.k, b.passDepth), ceil(b.n, b.t.passColumns)
}

func (b *blocked) passes() int {
	k, n := b.cuts()
	return k * n
}

// pass returns the product of a pass, with its panels and tasks.
func (b *blocked) pass(i int) product {
	p, bufB := b.product, b.bufB[0]
	if p.packs() && !p.ownB {
		t := b.t
		if b.threads > 1 {
			bufB = b.bufB[i%2] // they pack for the next pass while others multiply
		}
		k, _ := b.cuts()
		l0, j0 := i%k*b.passDepth, i/k*t.passColumns
		p.n, p.k = min(t.passColumns, p.n-j0), min(b.passDepth, p.k-l0)
		p.a.p = p.a.at(0, l0)
		p.b.p = p.b.at(l0, j0)
		p.c.p = p.c.at(0, j0)
		if l0 > 0 {
			p.beta = 1
		}
		p.setTail()
	}
	all := ceil(p.n, p.columns)
	p.firstB = all
	switch {
	case p.packB:
		p.firstB = 0
	case p.tail > 0:
		p.firstB = all - 1
	}
	if p.firstB < all {
		p.panelsB = unsafe.SliceData(bufB)
	}
	p.divide(b.t, b.threads)
	return p
}

func (b *blocked) tasks(pass int) (packs, products int) {
	p := b.pass(pass)
	if p.panelsB != nil {
		packs = p.packTasksB()
	}
	return packs, ceil(p.m, p.taskRows) * ceil(p.n, p.taskColumns)
}

func (b *blocked) pack(pass, task, _ int) {
	p := b.pass(pass)
	each := p.panelsPerTaskB()
	p.packPanelsB(p.firstB+task*each, min(p.firstB+(task+1)*each, ceil(p.n, p.columns)))
}

func (b *blocked) multiply(pass, task, worker int) {
	p := b.pass(pass)
	down := ceil(p.m, p.taskRows)
	i, j := task%down*p.taskRows, task/down*p.taskColumns
	rows, columns := min(p.taskRows, p.m-i), min(p.taskColumns, p.n-j)
	switch {
	case p.ownB:
		p.multiplyOwnB(j, columns, b.own[worker])
		return
	case p.packA:
		p.a.p, p.c.p = p.a.at(i, 0), p.c.at(i, 0)
		p.m, p.panelsA = rows, unsafe.SliceData(b.own[worker])
		p.packPanelsA()
		i = 0
	}
	p.multiplyBlock(i, i+rows, j, j+columns)
}

// multiplyOwnB computes n columns of C from j on, packing each block of B.
func (p product) multiplyOwnB(j, n int, panels []float32) {
	a, b, k := p.a, p.b, p.k
	p.c.p, p.n = p.c.at(0, j), n
	p.firstB, p.panelsB = 0, unsafe.SliceData(panels)
	for l := 0; l < k; l += p.depth {
		p.a.p, p.b.p, p.k = a.at(0, l), b.at(l, j), min(p.depth, k-l)
		p.packPanelsB(0, ceil(n, p.columns))
		p.multiplyBlock(0, p.m, 0, n)
		p.beta = 1
	}
}

// divide cuts C into tasks: as large as the second-level cache likes, and, where
// goroutines share them, small enough that a late one does not hold up the rest.
func (p *product) divide(t *tuning, threads int) {
	whole := func(pieces int) int {
		if threads > 1 {
			pieces = ceil(max(pieces, t.tasksPerThread*threads), threads) * threads
		}
		return max(1, pieces)
	}
	switch {
	case p.ownB:
		panels := ceil(p.n, p.columns)
		p.taskRows, p.taskColumns = p.m, ceil(panels, whole(p.n/t.ownColumns))*p.columns
		return
	case p.packA:
		// A task has panels of its own, so it may begin at any row.
		p.taskRows = max(p.rows, ceil(p.m, whole(p.m*ceil(p.k, p.pair)/t.taskWordsA)))
		p.taskColumns = ceil(p.n, p.columns) * p.columns
		return
	}
	p.taskRows = evenly(p.m, t.taskRows, p.rows)
	p.taskColumns = evenly(p.n, t.taskColumns, p.columns)
	if threads == 1 {
		return
	}
	for ceil(p.m, p.taskRows)*ceil(p.n, p.taskColumns) < t.tasksPerThread*threads {
		switch {
		case p.taskColumns >= p.taskRows && p.taskColumns > 2*p.columns:
			p.taskColumns = ceil(p.taskColumns/p.columns, 2) * p.columns
		case p.taskRows > 2*p.rows:
			p.taskRows = ceil(p.taskRows/p.rows, 2) * p.rows
		case p.taskColumns > 2*p.columns:
			p.taskColumns = ceil(p.taskColumns/p.columns, 2) * p.columns
		default:
			return
		}
	}
	if few := ceil(p.m, p.taskRows); few <= t.tasksPerThread*threads {
		p.taskRows = ceil(p.m, few) // the last of them would be late, not lost among many
	}
}

// evenly cuts n into about equal pieces of about size and returns theirs, a
// multiple of unit.
func evenly(n, size, unit int) int {
	pieces := max(1, (n+size/2)/size)
	return ceil(ceil(n, unit), pieces) * unit
}

// packWords is about how many words a task of the first phase packs.
const packWords = 1 << 14

func (p *product) panelsPerTaskB() int {
	return max(1, packWords/(p.columns*ceil(p.k, p.pair)))
}

func (p *product) packTasksB() int {
	return ceil(ceil(p.n, p.columns)-p.firstB, p.panelsPerTaskB())
}

// word returns base + words*4 bytes.
func word(base *float32, words int) *float32 {
	return (*float32)(unsafe.Add(unsafe.Pointer(base), 4*words))
}

// block returns how many values the block of k at l has, and how many steps.
func (p *product) block(l int) (depth, steps int) {
	depth = min(p.depth, p.k-l)
	return depth, ceil(depth, p.pair)
}

// panelA is where panel i of A begins in the block of k at l. A block's panels lie
// one after the other, and blocks likewise.
func (p *product) panelA(i, l, steps int) *float32 {
	return word(p.panelsA, (l/p.pair*ceil(p.m, p.rows)+i*steps)*p.lanes)
}

func (p *product) panelB(j, l, steps int) *float32 {
	return word(p.panelsB, (l/p.pair*(ceil(p.n, p.columns)-p.firstB)+(j-p.firstB)*steps)*p.columns)
}

// packRows is how many rows of a matrix that run across panels are packed at a time.
// They are read from one end to the other, as memory likes it, and not panel by panel.
const packRows = 16

// packPanelsA packs all of A.
func (p *product) packPanelsA() {
	dstStep := 4 * uintptr(p.lanes)
	for l := 0; l < p.k; {
		depth, steps := p.block(l)
		each, pack, ld := packRows, p.packColsA, p.a.col
		if p.a.col == 4 {
			each, pack, ld = depth, p.packRowsA, p.a.row
		}
		for from := 0; from < depth; from += each {
			for i := 0; i < p.m; i += p.rows {
				dst := word(p.panelA(i/p.rows, l, steps), from/p.pair*p.lanes)
				pack(min(each, depth-from), p.a.at(i, l+from), ld, dst, dstStep, min(p.rows, p.m-i))
			}
		}
		l += depth
	}
}

// packPanelsB packs panels [from, to) of B for all of k.
func (p *product) packPanelsB(from, to int) {
	dstStep := 4 * uintptr(p.columns)
	for l := 0; l < p.k; {
		depth, steps := p.block(l)
		if p.b.col == 4 {
			for u := 0; u < depth; u += packRows {
				for j := from; j < to; j++ {
					dst := word(p.panelB(j, l, steps), u/p.pair*p.columns)
					p.packRowsB(min(packRows, depth-u), p.b.at(l+u, j*p.columns), p.b.row, dst, dstStep, min(p.columns, p.n-j*p.columns))
				}
			}
			l += depth
			continue
		}
		for j := from; j < to; j++ {
			column := j * p.columns
			columns := min(p.columns, p.n-column)
			dst := p.panelB(j, l, steps)
			for u := 0; u < p.columns; u += p.lanes {
				// Lanes beyond n are padding: no column of C sees them.
				if u < columns {
					p.packColsB(depth, p.b.at(l, column+u), p.b.col, word(dst, u), dstStep, min(p.lanes, columns-u))
				}
			}
		}
		l += depth
	}
}

// multiplyAll computes the whole product on the calling goroutine from operands as
// they lie.
func (p *product) multiplyAll() {
	p.firstB = ceil(p.n, p.columns)
	p.multiplyBlock(0, p.m, 0, p.n)
}

// multiplyBlock computes rows [i0, i1) and columns [j0, j1) of C.
func (p *product) multiplyBlock(i0, i1, j0, j1 int) {
	if p.dots {
		p.multiplyDots(i0, i1, j0, j1)
		return
	}
	m, beta := i1-i0, p.beta
	for l := 0; l < p.k; {
		depth, steps := p.block(l)
		for j := j0; j < j1; {
			gemm, rows, columns := p.gemm, p.rows, min(p.columns, j1-j)
			if columns <= p.lanes {
				gemm = p.narrow
			}
			var b *float32
			bStep := p.b.row
			if j/p.columns >= p.firstB {
				b, bStep = p.panelB(j/p.columns, l, steps), 4*uintptr(p.columns)
			} else {
				b = p.b.at(l, j)
				if w := p.wideFor(m, min(j1, p.firstB*p.columns)-j); w != nil {
					gemm, rows, columns = w.gemm, w.rows, w.columns
				}
			}
			if p.panelsA != nil {
				aStep := 4 * uintptr(p.lanes)
				gemm(m, steps, p.panelA(i0/p.rows, l, steps), 4, aStep, aStep*uintptr(steps), b, bStep, p.c.at(i0, j), p.c.row, p.alpha, beta, columns)
			} else {
				for i, n := i0, firstRows(m, rows); i < i1; i, n = i+n, i1-i-n {
					gemm(n, steps, p.a.at(i, l), p.a.row, p.a.col, p.a.row*uintptr(rows), b, bStep, p.c.at(i, j), p.c.row, p.alpha, beta, columns)
				}
			}
			j += columns
		}
		l += depth
		beta = 1
	}
}

// firstRows returns how many of m rows to give a kernel of tiles of that many rows
// first, and the others next: all, unless the last tile would be too low to keep
// the multipliers busy and is better evened out with the one before.
func firstRows(m, rows int) int {
	const busy = 4
	if rest := m % rows; m > rows && rest > 0 && rest < busy {
		return m - (rows+rest)/2
	}
	return m
}

// wideFor returns the kernel for m rows that takes the most of n columns at a
// time, nil where that is the ordinary one.
func (p *product) wideFor(m, n int) *wideKernel {
	for i := range p.wide {
		if w := &p.wide[i]; m <= w.rows && n >= w.columns {
			return w
		}
	}
	return nil
}

// multiplyDots computes rows [i0, i1) and columns [j0, j1) of C as dot products of
// contiguous rows, as many rows of B at a time as the second-level cache keeps for
// the next rows of A.
func (p *product) multiplyDots(i0, i1, j0, j1 int) {
	const words = 1 << 16
	width := max(8, words/p.k&^7)
	for j := j0; j < j1; j += width {
		n := min(width, j1-j)
		for i := i0; i < i1; {
			for d := range p.dot {
				if d := &p.dot[d]; d.rows <= i1-i {
					d.dot(n, p.k, p.a.at(i, 0), p.a.row, p.b.at(0, j), p.b.col, p.c.at(i, j), p.c.row, p.alpha, p.beta)
					i += d.rows
					break
				}
			}
		}
	}
}
