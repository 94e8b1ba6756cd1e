//go:build xla

package xla

import (
	"fmt"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"

	"transcend/model"
)

// joinedBatch are batches of equal shape whose rows the device takes as one batch.
type joinedBatch struct{ parts []*model.Batch }

// packed are batches as the device takes them: for each device its rows of all batches.
type packed struct {
	key   programKey // rows, context, whole
	n     int        // batches
	slots int
	data  [][5][]int32 // of each device: tokens, targets, positions, starts, extras
}

// pack copies batches, which must be of one shape. Rows are filled up to a multiple of
// e.multiple tokens, and batches to a multiple of the devices, with tokens that have no
// loss and that nobody attends to.
func (e *engine) pack(batches []joinedBatch) (*packed, error) {
	first := batches[0].parts[0]
	rows := len(batches[0].parts) * first.Rows
	devices := len(e.devices())
	p := &packed{n: len(batches), slots: e.cfg.ExtraSlots, data: make([][5][]int32, devices)}
	p.key = programKey{rows: (rows + devices - 1) / devices, context: (first.Context + e.multiple - 1) / e.multiple * e.multiple, whole: true}
	size := p.n * p.key.rows * p.key.context
	for d := range p.data {
		for i := range 4 {
			p.data[d][i] = make([]int32, 0, size)
		}
		p.data[d][4] = make([]int32, 0, size*p.slots)
	}
	for _, b := range batches {
		row := 0
		for _, part := range b.parts {
			if part.Rows != first.Rows || part.Context != first.Context {
				return nil, fmt.Errorf("xla: batches of %dx%d and %dx%d tokens in one launch: the source has to give one shape", first.Rows, first.Context, part.Rows, part.Context)
			}
			for r := range part.Rows {
				p.row(row/p.key.rows, part, r)
				row++
			}
		}
		for ; row < p.key.rows*devices; row++ {
			p.row(row/p.key.rows, nil, 0)
		}
	}
	// Few programs are better than fast ones: what is whole now may not be in the next.
	p.key.whole = p.key.whole && e.fused
	return p, nil
}

// row appends row r of b, or, for nil, one without targets.
func (p *packed) row(device int, b *model.Batch, r int) {
	d := &p.data[device]
	n := 0
	if b != nil {
		n = b.Context
		lo, hi := r*n, (r+1)*n
		for i, src := range [][]int32{b.Tokens, b.Targets, b.Positions, b.SegmentStart} {
			d[i] = append(d[i], src[lo:hi]...)
		}
		for _, s := range b.SegmentStart[lo:hi] {
			p.key.whole = p.key.whole && s == 0
		}
		for t := lo; t < hi; t++ {
			ended := false
			for _, id := range b.Extras[t*p.slots : (t+1)*p.slots] {
				// The first -1 ends them.
				if ended = ended || id < 0; ended {
					id = -1
				}
				d[4] = append(d[4], id)
			}
		}
	}
	for t := n; t < p.key.context; t++ {
		start := int32(t)
		if p.key.whole {
			start = 0 // it is seen by nobody either way
		}
		d[0], d[1], d[2], d[3] = append(d[0], 0), append(d[1], -1), append(d[2], 0), append(d[3], start)
		for range p.slots {
			d[4] = append(d[4], -1)
		}
	}
}

// upload passes a device's data on in the order of batchParameters.
func (p *packed) upload(device int, add func(flat any, shape shapes.Shape) error) error {
	shape := shapes.Make(dtypes.Int32, p.n, p.key.rows, p.key.context)
	for i := range 4 {
		if err := add(p.data[device][i], shape); err != nil {
			return err
		}
	}
	if p.slots > 0 {
		return add(p.data[device][4], shapes.Make(dtypes.Int32, p.n, p.key.rows, p.key.context, p.slots))
	}
	return nil
}
