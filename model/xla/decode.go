//go:build xla

package xla

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/dtypes/bfloat16"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"

	"transcend/internal/cli"
	"transcend/model"
)

// Decoding is a device on which models decode.
type Decoding struct {
	device
	decoders []*decoder
}

// OpenDecoding opens the device of the options, which has to be one.
func OpenDecoding(o Options) (*Decoding, error) {
	if err := CheckDecoding(o.Device); err != nil {
		return nil, err
	}
	d, err := openDevice(o, true)
	if err != nil {
		return nil, err
	}
	return &Decoding{device: d}, nil
}

// Name says what the work is done on.
func (d *Decoding) Name() string { return d.name }

// Close gives the device's memory back.
func (d *Decoding) Close() error {
	for _, e := range d.decoders {
		e.Close()
	}
	d.decoders = nil
	d.backend.Finalize()
	return nil
}

// New copies a model's weights to the device and returns an engine for the decoders of it
// that have these options; see model.BatchOptions.Engine.
func (d *Decoding) New(m *model.Model, o model.BatchOptions) (Decoder, error) {
	if err := checkFormats(o); err != nil {
		return nil, err
	}
	e := &decoder{device: d.device, m: m.Config(), formats: o, programs: map[decodeKey]*program{}, window: windowOf(m.Config().Context)}
	tensors := m.Tensors()
	err := catch(func() error {
		for i, t := range model.Layout(m.Config()) {
			b, err := e.upload(tensors[i].Data, e.weightType(t), t.Shape)
			if err != nil {
				return e.explain(fmt.Errorf("xla: loading %s on %s: %w", t.Name, e.name, err))
			}
			e.weights = append(e.weights, b)
		}
		return nil
	})
	if err != nil {
		e.Close()
		return nil, err
	}
	d.decoders = append(d.decoders, e)
	return e, nil
}

// decoder implements Decoder.
//
// # Keys and values
//
// What a program changes it writes anew: it cannot be told to change keys and values in
// their place (see docs/results/gpu.md). So they are in two parts, for each layer and both of
// them: frozen (slots, room, C), which passes only read, and recent (slots, window, C),
// which every pass writes as a whole. When a slot's recent part is full all are moved to
// the frozen ones, layer by layer, so that no more than one of them is there twice. A pass
// then copies a small part of the memory that it reads.
//
// # Shapes
//
// A program is compiled for a number of tokens, of logits' rows, and of frozen tokens that
// are looked at, each rounded up to one of few. Tokens of a pass are rows, whichever game
// they are of: each writes its key and value, then attends to what its slot holds up to
// itself. So prompts of different lengths, single tokens and games that enter or leave
// are all the same program. What fills a pass up is of slot 0, writes nothing, and is
// not read.
type decoder struct {
	device
	m       model.Config
	formats model.BatchOptions // Weights and Cache count
	weights []compute.Buffer
	window  int // W

	slots, room    int              // S, T that there is memory for
	frozen, recent []compute.Buffer // 2·layers each: keys and values of the first layer, of the second
	base, held     []int32          // of each slot: frozen tokens, and recent ones
	programs       map[decodeKey]*program
	broken         error // what ended all work

	// Of the pass at work.
	left  []piece
	parts []*part // those of a pass are used once: their logits are the caller's
	used  int
}

// decodeKey is what a program depends on beside the model.
type decodeKey struct {
	kind decodeKind
	// Of a pass: tokens, rows of logits, frozen tokens looked at.
	tokens, rows, seen int
	// Slots and tokens of each in the frozen part, or in what comes out, and in what is
	// recent, or what goes in.
	slots, room       int
	fromSlots, window int
}

type decodeKind uint8

const (
	passProgram  decodeKind = iota // see decoder.pass
	mergeProgram                   // see decoder.merge
	growProgram                    // see decoder.grow
	copyProgram                    // see decoder.copy
)

// piece is a row of Decode and what of it is not done.
type piece struct {
	row  int32
	next int // of its tokens
}

// part is what one program computes, and its memory.
type part struct {
	pieces  []piece
	ids     []int32 // (4, N): tokens, positions, slots, frozen tokens of the slots
	extras  []int32 // (N, S)
	last    []int32 // (R)
	written []int32 // (slots, window): which token is written there, or -1
	logits  []float32
	rows    []int32 // of Decode, in the order of logits
	output  compute.Buffer
}

// Sizes that programs are compiled for.
var (
	tokenSizes = []int{16, 64, 256, 1024, 2048, 4096}
	seenSizes  = []int{0, 32, 128, 512}
)

// mostTokens is the largest part of a pass, and overlapTokens the size from which on a pass is
// made in two, so that the first half's tokens are drawn while the second is computed.
const (
	mostTokens    = 4096
	overlapTokens = 2048
)

func sizeFor(n int, sizes []int, most int) int {
	for _, s := range sizes {
		if n <= s && s <= most {
			return s
		}
	}
	return most
}

// windowOf balances copying the recent part with every pass against moving it.
func windowOf(context int) int {
	w := 8
	for w < 64 && w*16 <= context {
		w *= 2
	}
	return min(w, context)
}

// Close implements Decoder.
func (e *decoder) Close() {
	for _, list := range [][]compute.Buffer{e.weights, e.frozen, e.recent} {
		for _, b := range list {
			if b != nil {
				_ = b.Finalize() // there is nothing to be done about it
			}
		}
	}
	for _, p := range e.programs {
		p.g.Finalize()
	}
	e.weights, e.frozen, e.recent, e.programs = nil, nil, nil, nil
	e.broken = errors.New("xla: the device was closed")
}

// cacheType is the type of keys and values, weightType that of a tensor of the model.
func (e *decoder) cacheType() dtypes.DType {
	if e.formats.Cache == model.BF16 {
		return dtypes.BFloat16
	}
	return dtypes.Float32
}

func (e *decoder) weightType(t model.LayoutTensor) dtypes.DType {
	if e.formats.Weights == model.BF16 && t.Hidden {
		return dtypes.BFloat16
	}
	return dtypes.Float32
}

func (e *decoder) upload(data []float32, as dtypes.DType, dims []int) (compute.Buffer, error) {
	if as == dtypes.Float32 {
		return e.backend.BufferFromFlatData(0, data, shapes.Make(as, dims...))
	}
	narrow := make([]bfloat16.BFloat16, len(data))
	for i, x := range data {
		narrow[i] = bfloat16.FromFloat32(x)
	}
	return e.backend.BufferFromFlatData(0, narrow, shapes.Make(as, dims...))
}

// explain adds what to do to errors that have to do with memory.
func (e *decoder) explain(err error) error {
	if err == nil || !isMemoryError(err) {
		return err
	}
	return decodingMemoryError(err, e.m, e.formats, e.slots, e.room, e.window, e.memory)
}

// fail ends all work: buffers may be gone.
func (e *decoder) fail(err error) error {
	e.broken = e.explain(err)
	return e.broken
}

// Decode implements model.DecodeEngine.
func (e *decoder) Decode(rows []model.DecodeRow, done func([]int32)) error {
	if e.broken != nil {
		return e.broken
	}
	slots := 0
	for i := range rows {
		slots = max(slots, rows[i].Slot+1)
	}
	return catch(func() error {
		if err := e.reserve(slots, 0); err != nil {
			return err
		}
		e.left, e.used = e.left[:0], 0
		for i := range rows {
			if err := e.seen(rows[i].Slot, rows[i].Seen); err != nil {
				return err
			}
			e.left = append(e.left, piece{row: int32(i)})
		}
		for len(e.left) > 0 {
			if err := e.round(rows, done); err != nil {
				return err
			}
		}
		return nil
	})
}

// seen sets how much a slot holds.
func (e *decoder) seen(slot, n int) error {
	base, held := int(e.base[slot]), int(e.held[slot])
	if n > base+held {
		return fmt.Errorf("xla: slot %d holds %d tokens, not %d", slot, base+held, n)
	}
	e.base[slot] = int32(min(base, n))
	e.held[slot] = int32(n) - e.base[slot]
	return nil
}

// round appends up to a window of tokens to every row that has some left.
func (e *decoder) round(rows []model.DecodeRow, done func([]int32)) error {
	for _, p := range e.left {
		r := &rows[p.row]
		if int(e.held[r.Slot])+min(e.window, len(r.Tokens)-p.next) > e.window {
			if err := e.merge(); err != nil {
				return err
			}
			break
		}
	}
	// Rows that look at as much are beside each other.
	slices.SortStableFunc(e.left, func(a, b piece) int {
		return cmp.Compare(e.base[rows[a.row].Slot], e.base[rows[b.row].Slot])
	})
	parts := e.cut(rows)
	for i, p := range parts {
		if err := e.start(p, rows); err != nil {
			e.drop(parts)
			return err
		}
		if i > 0 {
			if err := e.finish(parts[i-1], rows, done); err != nil {
				e.drop(parts)
				return err
			}
		}
	}
	if err := e.finish(parts[len(parts)-1], rows, done); err != nil {
		return err
	}
	keep := e.left[:0]
	for _, p := range parts {
		for _, x := range p.pieces {
			if x.next < len(rows[x.row].Tokens) {
				keep = append(keep, x)
			}
		}
	}
	e.left = keep
	return nil
}

// drop frees outputs that nobody will read.
func (e *decoder) drop(parts []*part) {
	for _, p := range parts {
		if p.output != nil {
			_ = p.output.Finalize()
			p.output = nil
		}
	}
}

// cut divides what is left among programs.
func (e *decoder) cut(rows []model.DecodeRow) []*part {
	total := 0
	for _, p := range e.left {
		total += min(e.window, len(rows[p.row].Tokens)-p.next)
	}
	most := mostTokens
	if total >= overlapTokens {
		most = sizeFor((total+1)/2, tokenSizes, mostTokens)
	}
	first, tokens := e.used, 0
	for _, p := range e.left {
		size := min(e.window, len(rows[p.row].Tokens)-p.next)
		if e.used == first || tokens+size > most {
			if e.used == len(e.parts) {
				e.parts = append(e.parts, new(part))
			}
			e.parts[e.used].pieces = e.parts[e.used].pieces[:0]
			e.used, tokens = e.used+1, 0
		}
		last := e.parts[e.used-1]
		last.pieces = append(last.pieces, p)
		tokens += size
	}
	return e.parts[first:e.used]
}

// start begins to compute a part and moves its pieces on.
func (e *decoder) start(p *part, rows []model.DecodeRow) error {
	n, steps, seen := 0, 0, 0
	for _, x := range p.pieces {
		r := &rows[x.row]
		n += min(e.window, len(r.Tokens)-x.next)
		seen = max(seen, int(e.base[r.Slot]))
		if len(r.Tokens)-x.next <= e.window {
			steps++
		}
	}
	k := decodeKey{kind: passProgram, slots: e.slots, room: e.room, window: e.window}
	k.tokens = sizeFor(n, tokenSizes, mostTokens)
	k.rows = sizeFor(max(1, steps), tokenSizes, k.tokens)
	k.seen = sizeFor(seen, seenSizes, e.room)
	e.fill(p, rows, k)
	program, err := e.program(k)
	if err != nil {
		return err
	}
	inputs := slices.Clone(e.weights)
	if k.seen > 0 {
		inputs = append(inputs, e.frozen...)
	}
	donate := make([]bool, len(inputs), len(inputs)+len(e.recent)+4)
	add := func(b compute.Buffer) { inputs, donate = append(inputs, b), append(donate, true) }
	for _, b := range e.recent {
		add(b)
	}
	host := func(data []int32, dims ...int) error {
		b, err := e.backend.BufferFromFlatData(0, data, shapes.Make(dtypes.Int32, dims...))
		if err == nil {
			add(b)
		}
		return err
	}
	if err = host(p.ids, 4, k.tokens); err == nil {
		err = host(p.last, k.rows)
	}
	if err == nil {
		err = host(p.written, e.slots*e.window)
	}
	if err == nil && e.m.ExtraSlots > 0 {
		err = host(p.extras, k.tokens, e.m.ExtraSlots)
	}
	if err != nil {
		return e.explain(fmt.Errorf("xla: %d tokens to %s: %w", n, e.name, err))
	}
	outputs, err := e.run(program.exec, inputs, donate)
	if err != nil {
		return e.fail(fmt.Errorf("xla: decoding %d tokens on %s: %w", n, e.name, err))
	}
	copy(e.recent, outputs)
	p.output = outputs[len(e.recent)]
	for i, x := range p.pieces {
		r := &rows[x.row]
		size := min(e.window, len(r.Tokens)-x.next)
		e.held[r.Slot] += int32(size)
		p.pieces[i].next += size
	}
	return nil
}

// fill writes down what the program is given.
func (e *decoder) fill(p *part, rows []model.DecodeRow, k decodeKey) {
	n, slots := k.tokens, e.m.ExtraSlots
	p.ids, p.last, p.written = sized(p.ids, 4*n), sized(p.last, k.rows), sized(p.written, e.slots*e.window)
	p.extras = sized(p.extras, n*slots)
	clear(p.ids)
	clear(p.last)
	for i := range p.written {
		p.written[i] = -1
	}
	for i := range p.extras {
		p.extras[i] = -1
	}
	p.rows = p.rows[:0]
	at := 0
	for _, x := range p.pieces {
		r := &rows[x.row]
		size := min(e.window, len(r.Tokens)-x.next)
		base, held := e.base[r.Slot], e.held[r.Slot]
		for j := range size {
			p.ids[at] = r.Tokens[x.next+j]
			p.ids[n+at] = base + held + int32(j)
			p.ids[2*n+at] = int32(r.Slot)
			p.ids[3*n+at] = base
			p.written[r.Slot*e.window+int(held)+j] = int32(at)
			for s, id := range r.Extras[(x.next+j)*slots : (x.next+j+1)*slots] {
				if id < 0 {
					break
				}
				p.extras[at*slots+s] = id
			}
			at++
		}
		if x.next+size == len(r.Tokens) {
			p.last[len(p.rows)] = int32(at - 1)
			p.rows = append(p.rows, x.row)
		}
	}
}

// finish waits for a part and hands its logits on.
func (e *decoder) finish(p *part, rows []model.DecodeRow, done func([]int32)) error {
	var err error
	if n := len(p.rows); n > 0 {
		p.logits = sized(p.logits, sizeFor(n, tokenSizes, mostTokens)*e.m.Vocab)
		err = p.output.ToFlatData(p.logits)
	}
	_ = p.output.Finalize()
	p.output = nil
	if err != nil {
		return e.fail(fmt.Errorf("xla: decoding on %s: %w", e.name, err))
	}
	v := e.m.Vocab
	for i, r := range p.rows {
		rows[r].Logits = p.logits[i*v : (i+1)*v : (i+1)*v]
	}
	if len(p.rows) > 0 {
		done(p.rows)
	}
	return nil
}

// merge moves all recent keys and values to the frozen ones.
func (e *decoder) merge() error {
	most := 0
	for i := range e.base {
		most = max(most, int(e.base[i]+e.held[i]))
	}
	if err := e.reserve(e.slots, most); err != nil {
		return err
	}
	bounds := slices.Concat(e.base, e.held)
	p, err := e.program(decodeKey{kind: mergeProgram, slots: e.slots, room: e.room, window: e.window})
	if err != nil {
		return err
	}
	for i := range e.frozen {
		b, err := e.backend.BufferFromFlatData(0, bounds, shapes.Make(dtypes.Int32, 2, e.slots))
		if err == nil {
			err = e.replace(p, &e.frozen[i], e.recent[i], b)
		}
		if err != nil {
			// Those that were moved have the same numbers in both parts.
			return e.explain(fmt.Errorf("xla: moving keys and values on %s: %w", e.name, err))
		}
	}
	for i := range e.base {
		e.base[i], e.held[i] = e.base[i]+e.held[i], 0
	}
	return nil
}

// replace puts the program's result of *b and what else it takes, of which the last is
// donated, into the place of *b.
func (e *decoder) replace(p *program, b *compute.Buffer, more ...compute.Buffer) error {
	inputs := append([]compute.Buffer{*b}, more...)
	donate := make([]bool, len(inputs))
	donate[len(donate)-1] = len(more) > 0
	outputs, err := e.run(p.exec, inputs, donate)
	if err != nil {
		return err
	}
	_ = (*b).Finalize()
	*b = outputs[0]
	return nil
}

// reserve makes room for so many slots and frozen tokens of each.
func (e *decoder) reserve(slots, tokens int) error {
	s, t := e.slots, max(e.room, min(64, e.m.Context))
	for s < slots {
		s = max(16, 2*s)
	}
	for t < tokens {
		t = min(2*t, e.m.Context)
	}
	if s == e.slots && t == e.room {
		return nil
	}
	if err := e.fits(s, t); err != nil {
		return err
	}
	if e.slots == 0 {
		if err := e.begin(s, t); err != nil {
			return e.fail(fmt.Errorf("xla: room for the keys and values of %d games on %s: %w", s, e.name, err))
		}
	}
	for _, part := range []struct {
		buffers []compute.Buffer
		window  int
		same    bool
	}{{e.frozen, t, s == e.slots && t == e.room}, {e.recent, e.window, s == e.slots}} {
		if part.same {
			continue
		}
		from := e.room
		if part.window == e.window {
			from = e.window
		}
		p, err := e.program(decodeKey{kind: growProgram, slots: s, room: part.window, fromSlots: e.slots, window: from})
		for i := range part.buffers {
			if err == nil {
				err = e.replace(p, &part.buffers[i])
			}
		}
		if err != nil {
			return e.fail(fmt.Errorf("xla: room for the keys and values of %d games of %d tokens on %s: %w", s, t, e.name, err))
		}
	}
	e.slots, e.room = s, t
	e.base, e.held = append(e.base, make([]int32, s-len(e.base))...), append(e.held, make([]int32, s-len(e.held))...)
	return nil
}

// begin makes the first buffers.
func (e *decoder) begin(slots, tokens int) error {
	e.slots, e.room = slots, tokens
	for range 2 * e.m.Layers {
		for list, n := range map[*[]compute.Buffer]int{&e.frozen: tokens, &e.recent: e.window} {
			b, err := e.upload(make([]float32, slots*n*e.m.Width), e.cacheType(), []int{slots, n, e.m.Width})
			if err != nil {
				return err
			}
			*list = append(*list, b)
		}
	}
	return nil
}

// fits estimates whether the device's memory suffices.
func (e *decoder) fits(slots, tokens int) error {
	fixed, perGame := decodingBytes(e.m, e.formats, tokens, e.window)
	if need := fixed + int64(slots)*perGame; e.memory > 0 && need > e.memory*9/10 {
		return decodingMemoryError(fmt.Errorf("%d MiB, of %d", need>>20, e.memory>>20), e.m, e.formats, slots, tokens, e.window, e.memory)
	}
	return nil
}

// Copy implements model.DecodeEngine.
func (e *decoder) Copy(to, from, n int) error {
	if e.broken != nil {
		return e.broken
	}
	return catch(func() error {
		if err := e.reserve(max(to, from)+1, 0); err != nil {
			return err
		}
		if held := int(e.base[from] + e.held[from]); n > held {
			return fmt.Errorf("xla: slot %d holds %d tokens, not %d", from, held, n)
		}
		for _, part := range []struct {
			buffers []compute.Buffer
			room    int
		}{{e.frozen, e.room}, {e.recent, e.window}} {
			p, err := e.program(decodeKey{kind: copyProgram, slots: e.slots, room: part.room})
			if err != nil {
				return err
			}
			for i := range part.buffers {
				b, err := e.backend.BufferFromFlatData(0, []int32{int32(to), int32(from)}, shapes.Make(dtypes.Int32, 2))
				if err == nil {
					err = e.replace(p, &part.buffers[i], b)
				}
				if err != nil {
					return e.fail(fmt.Errorf("xla: copying keys and values on %s: %w", e.name, err))
				}
			}
		}
		e.base[to], e.held[to] = e.base[from], e.held[from]
		return e.seen(to, n)
	})
}

// program returns the compiled program of a key.
func (e *decoder) program(k decodeKey) (*program, error) {
	if p := e.programs[k]; p != nil {
		return p, nil
	}
	began := time.Now()
	p := &program{g: graph.NewGraph(e.backend, "decode")}
	err := catch(func() error {
		if err := p.g.Compile(e.build(p.g, k)...); err != nil {
			return err
		}
		p.exec = p.g.Executable()
		return nil
	})
	if err != nil {
		return nil, e.explain(fmt.Errorf("xla: compiling for %s: %w", e.name, err))
	}
	if k.kind == passProgram {
		e.options.Log("compiled in %.1f s: a pass of %d tokens, %d games, %d tokens before them", time.Since(began).Seconds(), k.tokens, k.rows, k.seen)
	}
	e.programs[k] = p
	return p, nil
}

// sized is s with n elements, of any content.
func sized[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}

// checkFormats says whether a device has formats of weights and cache.
func checkFormats(o model.BatchOptions) error {
	if o.Weights == model.Int8 || o.Cache == model.Int8 {
		return cli.WithHint(fmt.Errorf("xla: no weights in %v on a device: %w", model.Int8, errors.ErrUnsupported), "take f32 or bf16, or the CPU")
	}
	return nil
}

// decodingMemoryError says what to do about memory that ran out for so many games.
func decodingMemoryError(err error, c model.Config, o model.BatchOptions, games, frozen, window int, memory int64) error {
	err = fmt.Errorf("xla: keys and values of %d games of up to %d tokens: %w (%v)", games, frozen, ErrMemory, firstLine(err))
	fit := games / 2
	if memory > 0 {
		// Memory is taken for a power of two.
		fixed, perGame := decodingBytes(c, o, frozen, window)
		for fit > 0 && fixed+int64(fit)*perGame > memory*9/10 {
			fit /= 2
		}
	}
	if fit == 0 {
		return cli.WithHint(err, "not even one game may fit: a smaller model, or the CPU")
	}
	hints := []string{fmt.Sprintf("about %d games at once fit: --concurrency %d, or --games-at-once %d", fit, fit, fit)}
	if o.Cache == model.F32 {
		hints = append(hints, "or twice as many with --weights bf16, whose keys and values take half")
	}
	return cli.WithHint(err, hints...)
}

// decodingBytes estimates the device memory of decoding: fixed is that of the weights, and
// perGame that of the keys and values of one game: frozen tokens, and a window of recent
// ones, which every pass writes anew. One of the frozen parts is there twice while it
// is written.
func decodingBytes(c model.Config, o model.BatchOptions, frozen, window int) (fixed, perGame int64) {
	weight, number := int64(4), int64(4)
	if o.Weights == model.BF16 {
		weight = 2
	}
	if o.Cache == model.BF16 {
		number = 2
	}
	parts, width := 2*int64(c.Layers), int64(c.Width)
	return weight * int64(c.NumParams()), number * width * ((parts+1)*int64(frozen) + 2*parts*int64(window))
}
