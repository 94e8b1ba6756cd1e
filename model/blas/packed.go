package blas

import (
	"fmt"
	"math"
	"sync"
	"unsafe"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"
	"gonum.org/v1/gonum/blas/gonum"

	"transcend/model/internal/bf16"
)

//go:generate go -C gen run ./packed -out ../packed_amd64.s -stubs ../packed_amd64.go -pkg blas

// Storage is how a Packed holds its factor in memory.
type Storage uint8

const (
	StoreF32  Storage = iota
	StoreBF16         // rounded to nearest even
	StoreInt8         // 127 steps to both sides of zero, as wide as the column's largest magnitude takes
)

// Packed is the factor B, k×n, of many products A·B, kept in the order in which the
// kernels read it and in few bits: what is multiplied by few rows at a time waits for
// memory and not for multipliers.
//
// Products with it run on the level of [New] with no options. A row of a result has the
// same bits whatever other rows there are, and whatever ranges of columns it is
// computed in. Sums are in float32:
//
//   - StoreF32: an element is a chain of fused multiply-adds for each 256 values of k,
//     and these are added in order.
//   - StoreBF16 and StoreInt8 at level AMX: A is rounded to bf16 and sums are taken as
//     in [Implementation.Sgemm] with BF16, over all of k; int8's columns are then
//     multiplied by the width of their step.
//   - StoreBF16 and StoreInt8 below: A stays float32, B is widened, and the product is
//     that of StoreF32.
//
// At level Gonum products are gonum's, which sums over k in order without fusing, and B
// lies rounded in float32.
//
// A Packed does not change and may be used by any number of goroutines.
type Packed struct {
	k, n    int
	storage Storage
	width   int          // columns of a panel
	size    int          // numbers in a panel
	f32     *kernels     // products in float32,
	tiles   *tileKernels // products on tiles
	widen   *wideners    // nil at level Gonum

	floats []float32 // panels in float32, or, at level Gonum, the matrix
	words  []uint16  // panels in bf16
	bytes  []int8    // panels of integers
	steps  []float32 // StoreInt8: the width of a step of each column
}

// wideners bring stored numbers to the precision that they are multiplied in, a
// multiple of 16 at a time.
type wideners struct {
	bf16     func(n int, src *uint16, dst *float32)
	int8     func(n int, src *int8, dst *float32)
	tiles    func(n int, src *int8, dst *uint16)
	multiply func(n int, src, dst *float32) // dst *= src
}

// packedDepth is the values of k in a chain of sums: a panel in float32 stays in the
// first-level cache.
const packedDepth = 256

// packedLevel is the level that New chooses. One that is not to be had is reported
// where the products are set up; here it means gonum's.
var packedLevel = sync.OnceValue(func() Level {
	impl, err := New(Options{})
	if err != nil {
		return Gonum
	}
	return impl.Level()
})

// Pack copies B, or with trans Bᵀ.
func Pack(b blas32.General, trans bool, s Storage) *Packed { return packAt(packedLevel(), b, trans, s) }

func packAt(level Level, b blas32.General, trans bool, s Storage) *Packed {
	p := &Packed{k: b.Rows, n: b.Cols, storage: s}
	if trans {
		p.k, p.n = p.n, p.k
	}
	if p.k < 1 || p.n < 1 || !fits(b.Data, b.Stride, b.Rows, b.Cols, false) {
		panic(fmt.Sprintf("blas: Pack of a %d×%d matrix with stride %d in %d numbers", b.Rows, b.Cols, b.Stride, len(b.Data)))
	}
	src := matrix{p: &b.Data[0], row: 4 * uintptr(b.Stride), col: 4}
	if trans {
		src.row, src.col = src.col, src.row
	}
	if s == StoreInt8 {
		integers := p.quantize(src)
		src = matrix{p: &integers[0], row: 4 * uintptr(p.n), col: 4}
	}
	p.widen = widenersOf(level)
	switch {
	case p.widen == nil:
		p.width, p.size = 64, 64*p.k
		p.floats = make([]float32, p.k*p.n)
		for l := range p.k {
			for j := range p.n {
				x := *src.at(l, j)
				switch s {
				case StoreBF16:
					x = bf16.Widen(bf16.Narrow(x))
				case StoreInt8:
					x *= p.steps[j]
				}
				p.floats[l*p.n+j] = x
			}
		}
	case s != StoreF32 && tilesOf(level) != nil:
		p.tiles = tilesOf(level)
		steps := ceil(p.k, tileSide)
		p.width, p.size = tileSide, steps*tileSide*tileSide
		panels := resize(nil, ceil(p.n, tileSide)*p.size/2)
		clear(panels)
		t := tiled{tileKernels: p.tiles, b: src, bRuns: src.col == 4, bufB: panels}
		t.packB(tilePass{n: p.n, k: p.k, steps: steps})
		p.words = unsafe.Slice((*uint16)(unsafe.Pointer(&panels[0])), 2*len(panels))
		if s == StoreInt8 {
			words := p.words
			p.words, p.bytes = nil, make([]int8, len(words))
			for i, w := range words {
				p.bytes[i] = int8(bf16.Widen(w))
			}
		}
	default:
		p.f32 = kernelsOf(level, F32)
		p.width, p.size = p.f32.columns, p.f32.columns*p.k
		panels := resize(nil, ceil(p.n, p.width)*p.size)
		for j := range ceil(p.n, p.width) * p.width {
			for l := range p.k {
				x := float32(0)
				if j < p.n {
					x = *src.at(l, j)
				}
				panels[j/p.width*p.size+l*p.width+j%p.width] = x
			}
		}
		switch s {
		case StoreF32:
			p.floats = panels
		case StoreBF16:
			p.words = make([]uint16, len(panels))
			for i, x := range panels {
				p.words[i] = bf16.Narrow(x)
			}
		case StoreInt8:
			p.bytes = make([]int8, len(panels))
			for i, x := range panels {
				p.bytes[i] = int8(x)
			}
		}
	}
	return p
}

// quantize sets the steps and returns the matrix in them, whole numbers. A column that
// has a NaN or an infinity has a NaN or an infinite step and zeros, so that its products
// are NaN.
func (p *Packed) quantize(b matrix) []float32 {
	p.steps = make([]float32, ceil(p.n, tileSide)*tileSide)
	out := make([]float32, p.k*p.n)
	for j := range p.n {
		largest := 0.0
		for l := range p.k {
			largest = max(largest, math.Abs(float64(*b.at(l, j)))) // NaN if either is
		}
		step := float32(largest / 127)
		p.steps[j] = step
		if step == 0 {
			continue
		}
		for l := range p.k {
			x := math.RoundToEven(float64(*b.at(l, j)) / float64(step))
			if x == x {
				out[l*p.n+j] = float32(max(-127, min(127, x)))
			}
		}
	}
	return out
}

// BF16Words returns src rounded to bf16 as a Packed with StoreBF16 holds it.
func BF16Words(src []float32) []uint16 {
	out := make([]uint16, len(src))
	for i, x := range src {
		out[i] = bf16.Narrow(x)
	}
	return out
}

// Panels is the number of panels of columns, the pieces that Multiply takes.
func (p *Packed) Panels() int { return ceil(p.n, p.width) }

// Bytes is the memory that the factor takes.
func (p *Packed) Bytes() int64 {
	return int64(4*len(p.floats) + 2*len(p.words) + len(p.bytes) + 4*len(p.steps))
}

// RoundsRows reports whether products round A to bf16.
func (p *Packed) RoundsRows() bool { return p.tiles != nil }

// RowFactor is a factor A, m×k, being multiplied by Packeds. Its zero value is ready,
// and its buffers grow to the largest A seen.
type RowFactor struct {
	a      blas32.General
	panels []float32 // for tiles
	size   int       // words in a panel
}

// Begin makes f hold a for a product with p and returns how many calls of Prepare that
// takes. a must stay until the product is done.
func (p *Packed) Begin(f *RowFactor, a blas32.General) (pieces int) {
	if a.Rows < 1 || a.Cols != p.k || !fits(a.Data, a.Stride, a.Rows, a.Cols, false) {
		panic(fmt.Sprintf("blas: a %d×%d matrix with stride %d in %d numbers by a packed one of %d×%d", a.Rows, a.Cols, a.Stride, len(a.Data), p.k, p.n))
	}
	f.a = a
	if p.tiles == nil {
		return 0
	}
	f.size = p.size / 2
	f.panels = resize(f.panels, ceil(a.Rows, tileSide)*f.size)
	return ceil(a.Rows, tileSide)
}

// Prepare does one of the pieces of Begin. They may be done at the same time.
func (p *Packed) Prepare(f *RowFactor, piece int) {
	i := piece * tileSide
	p.tiles.packRowsA(p.k, &f.a.Data[i*f.a.Stride], 4*uintptr(f.a.Stride), &f.panels[piece*f.size], min(tileSide, f.a.Rows-i))
}

// PackedScratch is the memory of one goroutine's calls of Multiply. Its zero value is
// ready.
type PackedScratch struct {
	panel []float32 // of B, widened
	block []float32 // of C, for tiles
}

// Multiply sets the columns of c, m×n, that belong to panels [from, to) to those of
// A·B. Calls for other panels may run at the same time, with other scratch.
func (p *Packed) Multiply(f *RowFactor, c blas32.General, from, to int, s *PackedScratch) {
	if c.Rows != f.a.Rows || c.Cols != p.n || f.a.Cols != p.k || from < 0 || from >= to || to > p.Panels() || !fits(c.Data, c.Stride, c.Rows, c.Cols, false) {
		panic(fmt.Sprintf("blas: panels %d to %d of %d×%d = %d×%d by a packed %d×%d", from, to, c.Rows, c.Cols, f.a.Rows, f.a.Cols, p.k, p.n))
	}
	switch {
	case p.widen == nil:
		p.multiplyGonum(f.a, c, from, to)
		return
	case p.tiles != nil:
		p.multiplyTiles(f, c, from, to, s)
	default:
		p.multiplyFloats(f.a, c, from, to, s)
	}
	if p.steps == nil {
		return
	}
	first, end := from*p.width, min(to*p.width, p.n)
	for i := range c.Rows {
		row := c.Data[i*c.Stride+first : i*c.Stride+end]
		whole := len(row) &^ 15
		if whole > 0 {
			p.widen.multiply(whole, &p.steps[first], &row[0])
		}
		for j := whole; j < len(row); j++ {
			row[j] *= p.steps[first+j]
		}
	}
}

func (p *Packed) multiplyTiles(f *RowFactor, c blas32.General, from, to int, s *PackedScratch) {
	s.block = resize(s.block, tileScratch)
	steps := p.size / (tileSide * tileSide)
	multiply := func(first, n int, b *float32) {
		p.tiles.multiply(c.Rows, n, steps, &f.panels[0], b, &c.Data[first], 4*uintptr(c.Stride), 1, 0, tileOverwrite, &s.block[0])
	}
	// A goroutine cannot be stopped within a kernel, so calls are kept short.
	if p.storage == StoreBF16 {
		const most = 8
		for j := from; j < to; j += most {
			first := j * tileSide
			multiply(first, min(min(to, j+most)*tileSide, p.n)-first, (*float32)(unsafe.Pointer(&p.words[j*p.size])))
		}
		return
	}
	s.panel = resize(s.panel, p.size/2)
	for j := from; j < to; j++ {
		p.widen.tiles(p.size, &p.bytes[j*p.size], (*uint16)(unsafe.Pointer(&s.panel[0])))
		multiply(j*tileSide, min(tileSide, p.n-j*tileSide), &s.panel[0])
	}
}

func (p *Packed) multiplyFloats(a, c blas32.General, from, to int, s *PackedScratch) {
	if p.storage != StoreF32 {
		s.panel = resize(s.panel, min(p.k, packedDepth)*p.width)
	}
	rows, ld := p.f32.rows, 4*uintptr(a.Stride)
	for j := from; j < to; j++ {
		first := j * p.width
		columns := min(p.width, p.n-first)
		gemm := p.f32.gemm
		if columns <= p.f32.lanes {
			gemm = p.f32.narrow
		}
		for l := 0; l < p.k; l += packedDepth {
			depth, at := min(packedDepth, p.k-l), j*p.size+l*p.width
			var b *float32
			switch p.storage {
			case StoreF32:
				b = &p.floats[at]
			case StoreBF16:
				b = &s.panel[0]
				p.widen.bf16(depth*p.width, &p.words[at], b)
			case StoreInt8:
				b = &s.panel[0]
				p.widen.int8(depth*p.width, &p.bytes[at], b)
			}
			beta := float32(0)
			if l > 0 {
				beta = 1
			}
			for i, n := 0, firstRows(a.Rows, rows); i < a.Rows; i, n = i+n, a.Rows-i-n {
				gemm(n, depth, &a.Data[i*a.Stride+l], ld, 4, ld*uintptr(rows), b, 4*uintptr(p.width), &c.Data[i*c.Stride+first], 4*uintptr(c.Stride), 1, beta, columns)
			}
		}
	}
}

// multiplyGonum calls gonum's Sgemm for pieces that are too small for its goroutines.
func (p *Packed) multiplyGonum(a, c blas32.General, from, to int) {
	const most = 128
	for j := from; j < to; j++ {
		first := j * p.width
		for i := 0; i < a.Rows; i += most {
			gonum.Implementation{}.Sgemm(blas.NoTrans, blas.NoTrans, min(most, a.Rows-i), min(p.width, p.n-first), p.k,
				1, a.Data[i*a.Stride:], a.Stride, p.floats[first:], p.n, 0, c.Data[i*c.Stride+first:], c.Stride)
		}
	}
}
