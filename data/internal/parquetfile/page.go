package parquetfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
)

// Page is a run of entries of a column. Its memory is used again for the next.
type Page struct {
	// Repetition and Definition have a level for every entry, nil when the
	// column's highest level is 0.
	Repetition, Definition []byte
	// Entries is the number of values with those that are null.
	Entries int
	// The values that are not null, by the column's type: Int32, in which booleans
	// are 0 or 1, or texts.
	Int32 []int32
	// A text is Bytes[i], or Bytes[Index[i]] where Indexed says that the column
	// chunk has a dictionary. Bytes is then the same in every such page of the chunk,
	// so that what is done for each distinct text is done once. See Text.
	Bytes   [][]byte
	Index   []int32
	Indexed bool
}

// Texts returns how many texts there are.
func (p *Page) Texts() int {
	if p.Indexed {
		return len(p.Index)
	}
	return len(p.Bytes)
}

// Text returns text i, 0 ≤ i < Texts().
func (p *Page) Text(i int) []byte {
	if p.Indexed {
		i = int(p.Index[i])
	}
	return p.Bytes[i]
}

// Page types.
const (
	dataPage       = 0
	dictionaryPage = 2
	dataPageV2     = 3
)

// Encodings.
const (
	plain           = 0
	plainDictionary = 2 // the older name of rleDictionary
	rle             = 3
	rleDictionary   = 8
)

// Codecs.
const (
	noCodec     = 0
	snappyCodec = 1
	zstdCodec   = 6
)

// header is a page header, those fields of it that matter here.
type header struct {
	typ                      int32
	uncompressed, size       int32
	crc                      int32
	hasCRC                   bool
	values, nulls, rows      int32
	encoding                 int32
	defEncoding, repEncoding int32
	defBytes, repBytes       int32
	plainData                bool // version 2: the values are not compressed
	found                    bool // the part for its type is there
}

func (t *thrift) header() header {
	h := header{defEncoding: rle, repEncoding: rle}
	t.fields(func(id int16, typ byte) bool {
		switch {
		case id == 1 && typ == thriftI32:
			h.typ = t.int32()
		case id == 2 && typ == thriftI32:
			h.uncompressed = t.int32()
		case id == 3 && typ == thriftI32:
			h.size = t.int32()
		case id == 4 && typ == thriftI32:
			h.crc, h.hasCRC = t.int32(), true
		case id == 5 && typ == thriftStruct && h.typ == dataPage:
			h.found = true
			t.ints(map[int16]*int32{1: &h.values, 2: &h.encoding, 3: &h.defEncoding, 4: &h.repEncoding}, nil)
		case id == 7 && typ == thriftStruct && h.typ == dictionaryPage:
			h.found = true
			t.ints(map[int16]*int32{1: &h.values, 2: &h.encoding}, nil)
		case id == 8 && typ == thriftStruct && h.typ == dataPageV2:
			h.found = true
			t.ints(map[int16]*int32{1: &h.values, 2: &h.nulls, 3: &h.rows, 4: &h.encoding, 5: &h.defBytes, 6: &h.repBytes},
				func(id int16, typ byte) { h.plainData = h.plainData || id == 7 && typ == thriftFalse })
		default:
			return false
		}
		return true
	})
	return h
}

// ints reads those fields of a struct that are i32 and asked for. other sees
// the rest, which is skipped.
func (t *thrift) ints(fields map[int16]*int32, other func(id int16, typ byte)) {
	t.fields(func(id int16, typ byte) bool {
		if p := fields[id]; p != nil && typ == thriftI32 {
			*p = t.int32()
			return true
		}
		if other != nil {
			other(id, typ)
		}
		return false
	})
}

// Reader reads the pages of columns, one column at a time.
type Reader struct {
	f               *File
	zstd            *zstd.Decoder
	ignoreChecksums bool

	column Column
	codec  int32
	at     int64 // in the file
	end    int64
	left   int64 // entries that have not come yet

	raw, window, data []byte
	levels, indexes   []int32
	texts             [][]byte // of a page without a dictionary
	dictInt32         []int32
	dictBytes         [][]byte
	dictData          []byte
	hasDict           bool
	page              Page
}

// NewReader returns a reader that is at no column.
func (f *File) NewReader() (*Reader, error) {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxPageBytes))
	if err != nil {
		return nil, fmt.Errorf("starting the zstd decoder: %w", err)
	}
	return &Reader{f: f, zstd: d}, nil
}

// IgnoreChecksums lets damaged pages get as far as the decoder, which is what a
// fuzzer wants.
func (r *Reader) IgnoreChecksums(ignore bool) { r.ignoreChecksums = ignore }

// Close frees the decoder.
func (r *Reader) Close() { r.zstd.Close() }

// Column goes to the start of a column of a row group. Its type must be Boolean,
// Int32 or ByteArray and its lists at most one level deep.
func (r *Reader) Column(group, column int) error {
	c := r.f.groups[group].chunks[column]
	r.column = r.f.columns[column]
	r.codec, r.at, r.end, r.left = c.codec, c.offset, c.end, c.values
	r.hasDict = false
	if r.column.Type != Boolean && r.column.Type != Int32 && r.column.Type != ByteArray {
		return r.errorf("its type %v is not supported", r.column.Type)
	}
	if r.column.MaxDefinition > 100 {
		return r.errorf("it is nested too deeply")
	}
	return nil
}

func (r *Reader) errorf(format string, args ...any) error {
	return formatError("column %q: %w", r.column.Path, fmt.Errorf(format, args...))
}

// Next returns the next page of the column, io.EOF after the last. The page is
// valid until the next call.
func (r *Reader) Next() (*Page, error) {
	for {
		if r.left == 0 {
			return nil, io.EOF
		}
		h, err := r.readPage()
		if err != nil {
			return nil, err
		}
		switch h.typ {
		case dictionaryPage:
			if err := r.readDictionary(h); err != nil {
				return nil, err
			}
		case dataPage, dataPageV2:
			if int64(h.values) > r.left {
				return nil, r.errorf("a page has %d entries where %d are left", h.values, r.left)
			}
			r.left -= int64(h.values)
			if err := r.decode(h); err != nil {
				return nil, err
			}
			return &r.page, nil
		}
		// Other pages are indexes.
	}
}

// readPage reads the next header, and the page into r.raw.
func (r *Reader) readPage() (header, error) {
	var h header
	var used int
	for _, most := range []int64{4 << 10, maxHeader} {
		n := min(most, r.end-r.at)
		r.window = resize(r.window, int(n))
		if err := readAt(r.f.r, r.window, r.at); err != nil {
			return h, err
		}
		t := &thrift{b: r.window}
		h = t.header()
		used = t.i
		if t.err == nil {
			break
		}
		if n < most || most == maxHeader || !errors.Is(t.err, errShort) {
			return h, r.errorf("page header at byte %d: %w", r.at, t.err)
		}
	}
	r.at += int64(used)
	switch {
	case !h.found && (h.typ == dataPage || h.typ == dataPageV2 || h.typ == dictionaryPage):
		return h, r.errorf("page header without a part for its type %d", h.typ)
	case h.size < 0 || int64(h.size) > r.end-r.at:
		return h, r.errorf("a page of %d bytes where %d are left", h.size, r.end-r.at)
	case h.uncompressed < 0 || h.uncompressed > maxPageBytes:
		return h, r.errorf("a page of %d bytes without compression, more than %d", h.uncompressed, maxPageBytes)
	case h.values < 0 || h.values > maxPageValues:
		return h, r.errorf("a page of %d entries, more than %d", h.values, maxPageValues)
	case h.nulls < 0 || h.nulls > h.values:
		return h, r.errorf("a page of %d entries with %d nulls", h.values, h.nulls)
	}
	r.raw = resize(r.raw, int(h.size))
	if err := readAt(r.f.r, r.raw, r.at); err != nil {
		return h, err
	}
	r.at += int64(h.size)
	if h.hasCRC && !r.ignoreChecksums && crc32.ChecksumIEEE(r.raw) != uint32(h.crc) {
		return h, r.errorf("checksum mismatch in the page before byte %d: the file is damaged", r.at)
	}
	return h, nil
}

// decompress returns src without compression; size is what that must give.
func (r *Reader) decompress(dst, src []byte, size int) ([]byte, error) {
	switch r.codec {
	case noCodec:
		dst = append(dst[:0], src...)
	case snappyCodec:
		n, err := snappy.DecodedLen(src)
		if err != nil || n != size {
			return dst, r.errorf("snappy data of %d bytes, want %d (%v)", n, size, err)
		}
		if dst, err = snappy.Decode(dst[:cap(dst)], src); err != nil {
			return dst, r.errorf("%w", err)
		}
	case zstdCodec:
		var err error
		if dst, err = r.zstd.DecodeAll(src, dst[:0]); err != nil {
			return dst, r.errorf("%w", err)
		}
	default:
		return dst, r.errorf("compression %d is not supported (want zstd, snappy or none)", r.codec)
	}
	if len(dst) != size {
		return dst, r.errorf("a page has %d bytes without compression, its header says %d", len(dst), size)
	}
	return dst, nil
}

func (r *Reader) readDictionary(h header) error {
	if r.hasDict {
		return r.errorf("a second dictionary")
	}
	if h.encoding != plain && h.encoding != plainDictionary || r.column.Type == Boolean {
		return r.errorf("a dictionary in encoding %d", h.encoding)
	}
	var err error
	if r.dictData, err = r.decompress(r.dictData, r.raw, int(h.uncompressed)); err != nil {
		return err
	}
	r.hasDict = true
	r.dictInt32, r.dictBytes, err = r.plain(r.dictInt32, r.dictBytes, r.dictData, int(h.values))
	return err
}

// plain reads n values in encoding PLAIN; byte arrays belong to data.
func (r *Reader) plain(ints []int32, bytes [][]byte, data []byte, n int) ([]int32, [][]byte, error) {
	switch r.column.Type {
	case Boolean:
		if len(data) < (n+7)/8 {
			return ints, bytes, r.errorf("%d bytes are too few for %d booleans", len(data), n)
		}
		ints = resize(ints, n)
		unpack(ints, data, 1)
		return ints, bytes[:0], nil
	case Int32:
		if len(data) < 4*n {
			return ints, bytes, r.errorf("%d bytes are too few for %d values", len(data), n)
		}
		ints = resize(ints, n)
		for i := range ints {
			ints[i] = int32(binary.LittleEndian.Uint32(data[4*i:]))
		}
		return ints, bytes[:0], nil
	}
	ints = ints[:0]
	if len(data) < 4*n {
		return ints, bytes, r.errorf("%d bytes are too few for %d texts", len(data), n)
	}
	bytes = resize(bytes, n)
	for i := range bytes {
		if len(data) < 4 {
			return ints, bytes, r.errorf("the texts of a page end too early")
		}
		size := binary.LittleEndian.Uint32(data)
		if uint64(size) > uint64(len(data)-4) {
			return ints, bytes, r.errorf("a text of %d bytes where %d are left", size, len(data)-4)
		}
		bytes[i] = data[4 : 4+size : 4+size]
		data = data[4+size:]
	}
	return ints, bytes, nil
}

// decode turns r.raw into r.page.
func (r *Reader) decode(h header) error {
	var reps, defs, data []byte
	n := int(h.values)
	var err error
	if h.typ == dataPageV2 {
		repBytes, defBytes := int64(h.repBytes), int64(h.defBytes)
		if repBytes < 0 || defBytes < 0 || repBytes+defBytes > int64(min(h.size, h.uncompressed)) {
			return r.errorf("levels of %d and %d bytes in a page of %d", repBytes, defBytes, h.size)
		}
		reps, defs, data = r.raw[:repBytes], r.raw[repBytes:repBytes+defBytes], r.raw[repBytes+defBytes:]
		size := int(h.uncompressed) - int(repBytes+defBytes)
		if h.plainData {
			if len(data) != size {
				return r.errorf("a page has %d bytes, its header says %d", len(data), size)
			}
		} else if r.data, err = r.decompress(r.data, data, size); err != nil {
			return err
		} else {
			data = r.data
		}
	} else {
		if h.repEncoding != rle && r.column.MaxRepetition > 0 || h.defEncoding != rle && r.column.MaxDefinition > 0 {
			return r.errorf("levels in encodings %d and %d are not supported", h.repEncoding, h.defEncoding)
		}
		if r.data, err = r.decompress(r.data, r.raw, int(h.uncompressed)); err != nil {
			return err
		}
		data = r.data
		if r.column.MaxRepetition > 0 {
			if reps, data, err = r.prefixed(data); err != nil {
				return err
			}
		}
		if r.column.MaxDefinition > 0 {
			if defs, data, err = r.prefixed(data); err != nil {
				return err
			}
		}
	}
	p := &r.page
	p.Entries = n
	if p.Repetition, err = r.readLevels(p.Repetition, reps, n, r.column.MaxRepetition); err != nil {
		return err
	}
	if p.Definition, err = r.readLevels(p.Definition, defs, n, r.column.MaxDefinition); err != nil {
		return err
	}
	present := n
	if r.column.MaxDefinition > 0 {
		present = 0
		for _, d := range p.Definition {
			if int(d) == r.column.MaxDefinition {
				present++
			}
		}
	}
	p.Indexed, p.Index = false, p.Index[:0]
	switch h.encoding {
	case plain:
		p.Int32, r.texts, err = r.plain(p.Int32, r.texts, data, present)
		p.Bytes = r.texts
		return err
	case rle:
		if r.column.Type == Boolean {
			return r.booleans(data, present)
		}
	case plainDictionary, rleDictionary:
		return r.lookUp(data, present)
	}
	return r.errorf("encoding %d is not supported", h.encoding)
}

// prefixed takes runs with their length in front off data.
func (r *Reader) prefixed(data []byte) (runs, rest []byte, err error) {
	if len(data) < 4 {
		return nil, nil, r.errorf("a page ends inside its runs")
	}
	n := binary.LittleEndian.Uint32(data)
	if uint64(n) > uint64(len(data)-4) {
		return nil, nil, r.errorf("runs of %d bytes where %d are left", n, len(data)-4)
	}
	return data[4 : 4+n], data[4+n:], nil
}

func (r *Reader) readLevels(dst, data []byte, n, highest int) ([]byte, error) {
	if highest == 0 {
		return dst[:0], nil
	}
	r.levels = resize(r.levels, n)
	if err := hybrid(r.levels, data, bitWidth(highest)); err != nil {
		return dst, r.errorf("levels: %w", err)
	}
	dst = resize(dst, n)
	for i, l := range r.levels {
		if l < 0 || int(l) > highest {
			return dst, r.errorf("a level of %d, the highest is %d", l, highest)
		}
		dst[i] = byte(l)
	}
	return dst, nil
}

// lookUp reads n indexes into the dictionary and puts its values into the page.
func (r *Reader) lookUp(data []byte, n int) error {
	p := &r.page
	p.Int32, p.Bytes = p.Int32[:0], p.Bytes[:0]
	if n == 0 {
		return nil
	}
	if !r.hasDict || r.column.Type == Boolean {
		return r.errorf("indexes without a dictionary")
	}
	if len(data) == 0 || data[0] > 32 {
		return r.errorf("indexes without a bit width")
	}
	r.indexes = resize(r.indexes, n)
	if err := hybrid(r.indexes, data[1:], int(data[0])); err != nil {
		return r.errorf("indexes: %w", err)
	}
	if r.column.Type == Int32 {
		p.Int32 = resize(p.Int32, n)
		for i, x := range r.indexes {
			if uint32(x) >= uint32(len(r.dictInt32)) {
				return r.errorf("index %d into a dictionary of %d", uint32(x), len(r.dictInt32))
			}
			p.Int32[i] = r.dictInt32[x]
		}
		return nil
	}
	for _, x := range r.indexes {
		if uint32(x) >= uint32(len(r.dictBytes)) {
			return r.errorf("index %d into a dictionary of %d", uint32(x), len(r.dictBytes))
		}
	}
	p.Bytes, p.Index, p.Indexed = r.dictBytes, r.indexes, true
	return nil
}

// booleans reads n booleans in encoding RLE.
func (r *Reader) booleans(data []byte, n int) error {
	runs, _, err := r.prefixed(data)
	if err != nil {
		return err
	}
	p := &r.page
	p.Bytes, p.Int32 = p.Bytes[:0], resize(p.Int32, n)
	if err := hybrid(p.Int32, runs, 1); err != nil {
		return r.errorf("booleans: %w", err)
	}
	for i := range p.Int32 {
		p.Int32[i] &= 1
	}
	return nil
}

var errHybrid = errors.New("the runs end too early")

// hybrid fills dst from runs in the RLE and bit-packing hybrid encoding, values
// of width bits, 0 ≤ width ≤ 32.
func hybrid(dst []int32, data []byte, width int) error {
	if width == 0 {
		// Nothing needs to be written where there is only one value.
		clear(dst)
		return nil
	}
	for len(dst) > 0 {
		head, n := binary.Uvarint(data)
		if n <= 0 {
			return errHybrid
		}
		data = data[n:]
		if head&1 == 0 {
			bytes := (width + 7) / 8
			if len(data) < bytes {
				return errHybrid
			}
			var v uint32
			for i := range bytes {
				v |= uint32(data[i]) << (8 * i)
			}
			data = data[bytes:]
			run := min(head>>1, uint64(len(dst)))
			for i := range run {
				dst[i] = int32(v)
			}
			dst = dst[run:]
			continue
		}
		// Groups of eight values; the last may be filled up.
		groups := head >> 1
		if groups > uint64(len(data)/width)+1 {
			return errHybrid
		}
		packed := data
		if size := int(groups) * width; size <= len(data) {
			packed, data = data[:size], data[size:]
		} else {
			data = nil
		}
		count := min(int(groups)*8, len(dst), len(packed)*8/width)
		unpack(dst[:count], packed, width)
		dst = dst[count:]
	}
	return nil
}

// unpack reads values of width bits, lowest bits first. data has enough.
func unpack(dst []int32, data []byte, width int) {
	mask := uint64(1)<<width - 1
	bit := 0
	i := 0
	// Eight bytes at a time, as long as they are there.
	for ; i < len(dst) && bit>>3+8 <= len(data); i++ {
		dst[i] = int32(binary.LittleEndian.Uint64(data[bit>>3:]) >> (bit & 7) & mask)
		bit += width
	}
	var tail [16]byte
	if i < len(dst) {
		copy(tail[:], data[bit>>3:])
		bit &= 7
	}
	for ; i < len(dst); i++ {
		dst[i] = int32(binary.LittleEndian.Uint64(tail[bit>>3:]) >> (bit & 7) & mask)
		bit += width
	}
}

// resize returns s with length n, its content unspecified.
func resize[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}
