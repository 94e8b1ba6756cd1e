// Package safetensors reads and writes the safetensors format: eight bytes of
// little-endian header length, a JSON object that maps tensor names to type,
// shape and byte range, and the tensors' bytes, without gaps.
//
// The reader believes nothing: every length is checked against the file's size
// before memory is asked for.
package safetensors

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"math/bits"
	"os"
	"slices"
)

// ErrFormat is what every error about a damaged or foreign file wraps.
var ErrFormat = errors.New("not a sound safetensors file")

// ErrMissing is returned for a name that the file does not have.
var ErrMissing = errors.New("no such tensor")

// maxHeader is the longest header that the reference implementation accepts.
const maxHeader = 100_000_000

// metadataKey is the one key of the header that is not a tensor.
const metadataKey = "__metadata__"

// elementSize of the types that the format defines.
var elementSize = map[string]int64{
	"BOOL": 1, "U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1,
	"U16": 2, "I16": 2, "F16": 2, "BF16": 2,
	"U32": 4, "I32": 4, "F32": 4,
	"U64": 8, "I64": 8, "F64": 8,
}

// Info describes one tensor of a file.
type Info struct {
	Name  string
	DType string // F32, BF16, ...
	Shape []int
	begin int64 // bytes from the start of the data
	end   int64
}

// Elements is the product of the shape.
func (t *Info) Elements() int {
	n := 1
	for _, d := range t.Shape {
		n *= d
	}
	return n
}

// File is an open safetensors file. Its methods may be used by several
// goroutines at once if its reader may.
type File struct {
	tensors  []Info // in the order of their bytes
	byName   map[string]int
	metadata map[string]string
	data     *io.SectionReader
	closer   io.Closer
}

// Open opens the file at path. The caller closes it.
func Open(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("safetensors: %w", err)
	}
	return open(f, path)
}

// OpenFS opens a file of fsys, whose files have to be an io.ReaderAt, as those of directories
// and of embed.FS are. The caller closes it.
func OpenFS(fsys fs.FS, name string) (*File, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, fmt.Errorf("safetensors: %w", err)
	}
	return open(f, name)
}

// open reads the header of f, which it closes when it fails.
func open(f fs.File, path string) (*File, error) {
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file", path)
	}
	r, ok := f.(io.ReaderAt)
	if err == nil && !ok {
		err = fmt.Errorf("%s cannot be read at any place", path)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("safetensors: %w", err)
	}
	file, err := New(r, info.Size())
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%w (in %s)", err, path)
	}
	file.closer = f
	return file, nil
}

// Close closes what Open opened.
func (f *File) Close() error {
	if f.closer == nil {
		return nil
	}
	return f.closer.Close()
}

func formatError(format string, args ...any) error {
	return fmt.Errorf("safetensors: %w: %s", ErrFormat, fmt.Sprintf(format, args...))
}

// New reads the header of a file of size bytes.
func New(r io.ReaderAt, size int64) (*File, error) {
	if size < 8 {
		return nil, formatError("%d bytes, too short for a header", size)
	}
	var length [8]byte
	if err := readAt(r, length[:], 0); err != nil {
		return nil, fmt.Errorf("safetensors: reading the header's length: %w", err)
	}
	n := binary.LittleEndian.Uint64(length[:])
	if n > maxHeader || n > uint64(size-8) {
		return nil, formatError("header of %d bytes in a file of %d (truncated, or not safetensors)", n, size)
	}
	header := make([]byte, n)
	if err := readAt(r, header, 8); err != nil {
		return nil, fmt.Errorf("safetensors: reading the header: %w", err)
	}
	f := &File{byName: map[string]int{}}
	if err := f.parse(header); err != nil {
		return nil, err
	}
	dataSize := size - 8 - int64(n)
	if err := f.checkLayout(dataSize); err != nil {
		return nil, err
	}
	f.data = io.NewSectionReader(r, 8+int64(n), dataSize)
	return f, nil
}

// readAt fills b, taking io.EOF behind the last byte for what it is.
func readAt(r io.ReaderAt, b []byte, at int64) error {
	if n, err := r.ReadAt(b, at); n < len(b) {
		return err
	}
	return nil
}

// parse fills tensors and metadata. It walks the object's tokens, because a
// map would hide a name that comes twice.
func (f *File) parse(header []byte) error {
	d := json.NewDecoder(bytes.NewReader(header))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return formatError("the header is not a JSON object")
	}
	seen := map[string]bool{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return formatError("header: %v", err)
		}
		name, ok := t.(string)
		if !ok {
			return formatError("header: a name was expected at byte %d", d.InputOffset())
		}
		if seen[name] {
			return formatError("tensor %q comes twice", name)
		}
		seen[name] = true
		if name == metadataKey {
			if err := d.Decode(&f.metadata); err != nil {
				return formatError("metadata: %v", err)
			}
			continue
		}
		var entry struct {
			DType   string  `json:"dtype"`
			Shape   []int64 `json:"shape"`
			Offsets []int64 `json:"data_offsets"`
		}
		if err := d.Decode(&entry); err != nil {
			return formatError("tensor %q: %v", name, err)
		}
		if len(entry.Offsets) != 2 {
			return formatError("tensor %q has %d data offsets, want 2", name, len(entry.Offsets))
		}
		info := Info{Name: name, DType: entry.DType, begin: entry.Offsets[0], end: entry.Offsets[1]}
		if info.begin < 0 || info.end < info.begin {
			return formatError("tensor %q lies at bytes %d to %d", name, info.begin, info.end)
		}
		size, ok := elementSize[entry.DType]
		if !ok {
			return formatError("tensor %q has unknown type %q", name, entry.DType)
		}
		for _, dim := range entry.Shape {
			if dim < 0 || dim > math.MaxInt {
				return formatError("tensor %q has a dimension of %d", name, dim)
			}
			hi, lo := bits.Mul64(uint64(size), uint64(dim))
			if hi != 0 || lo > math.MaxInt64 {
				return formatError("tensor %q is larger than can be", name)
			}
			size = int64(lo)
			info.Shape = append(info.Shape, int(dim))
		}
		if size != info.end-info.begin {
			return formatError("tensor %q: %s of shape %v takes %d bytes, the header gives it %d",
				name, entry.DType, entry.Shape, size, info.end-info.begin)
		}
		f.tensors = append(f.tensors, info)
	}
	if _, err := d.Token(); err != nil {
		return formatError("header: %v", err)
	}
	if rest := bytes.TrimRight(header[d.InputOffset():], " "); len(rest) != 0 {
		return formatError("header: %d bytes after its end", len(rest))
	}
	return nil
}

// checkLayout sorts the tensors by place and verifies that they fill the data
// exactly.
func (f *File) checkLayout(dataSize int64) error {
	slices.SortStableFunc(f.tensors, func(a, b Info) int {
		switch {
		case a.begin < b.begin || a.begin == b.begin && a.end < b.end:
			return -1
		case a.begin == b.begin && a.end == b.end:
			return 0
		}
		return 1
	})
	at := int64(0)
	for i, t := range f.tensors {
		if t.begin != at {
			return formatError("tensor %q begins at byte %d of the data, where %d was expected", t.Name, t.begin, at)
		}
		at = t.end
		if at > dataSize {
			return formatError("tensor %q ends at byte %d, but there are only %d: the file is truncated", t.Name, at, dataSize)
		}
		f.byName[t.Name] = i
	}
	if at != dataSize {
		return formatError("%d bytes of data, the header describes %d", dataSize, at)
	}
	return nil
}

// Tensors lists the tensors in the order of their bytes.
func (f *File) Tensors() []Info { return f.tensors }

// Metadata is the header's free-form part; nil when there is none.
func (f *File) Metadata() map[string]string { return f.metadata }

// Lookup finds a tensor by name.
func (f *File) Lookup(name string) (Info, bool) {
	i, ok := f.byName[name]
	if !ok {
		return Info{}, false
	}
	return f.tensors[i], true
}

// ReadFloat32 reads a tensor into dst, which has its number of elements.
// F16, BF16 and F64 are converted; other types are an error.
func (f *File) ReadFloat32(name string, dst []float32) error {
	t, ok := f.Lookup(name)
	if !ok {
		return fmt.Errorf("safetensors: %w: %q", ErrMissing, name)
	}
	size := int(elementSize[t.DType])
	convert, ok := converters[t.DType]
	if !ok {
		return formatError("tensor %q has type %s, want a floating-point one", name, t.DType)
	}
	if len(dst)*size != int(t.end-t.begin) {
		return formatError("tensor %q has shape %v, want %d elements", name, t.Shape, len(dst))
	}
	buf := make([]byte, min(1<<16, len(dst)*size))
	for at := t.begin; len(dst) > 0; {
		n := min(len(buf), len(dst)*size)
		if err := readAt(f.data, buf[:n], at); err != nil {
			return fmt.Errorf("safetensors: reading tensor %q: %w", name, err)
		}
		convert(dst[:n/size], buf[:n])
		dst, at = dst[n/size:], at+int64(n)
	}
	return nil
}

var converters = map[string]func(dst []float32, src []byte){
	"F32": func(dst []float32, src []byte) {
		for i := range dst {
			dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(src[4*i:]))
		}
	},
	"F64": func(dst []float32, src []byte) {
		for i := range dst {
			dst[i] = float32(math.Float64frombits(binary.LittleEndian.Uint64(src[8*i:])))
		}
	},
	"BF16": func(dst []float32, src []byte) {
		for i := range dst {
			dst[i] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(src[2*i:])) << 16)
		}
	},
	"F16": func(dst []float32, src []byte) {
		for i := range dst {
			dst[i] = halfToFloat(binary.LittleEndian.Uint16(src[2*i:]))
		}
	},
}

// halfToFloat widens an IEEE 754 binary16, exactly.
func halfToFloat(h uint16) float32 {
	sign := uint32(h>>15) << 31
	exponent, fraction := uint32(h>>10)&0x1f, uint32(h)&0x3ff
	switch exponent {
	case 0: // zero or subnormal: fraction·2⁻²⁴
		return math.Float32frombits(sign | math.Float32bits(float32(fraction)*0x1p-24))
	case 0x1f:
		return math.Float32frombits(sign | 0xff<<23 | fraction<<13)
	}
	return math.Float32frombits(sign | (exponent+127-15)<<23 | fraction<<13)
}

// Tensor is one tensor to write, as F32 or as BF16.
type Tensor struct {
	Name  string
	Shape []int
	Data  []float32 // F32; nil: zeros
	BF16  []uint16  // in place of Data: the upper halves of float32s
}

// format is the tensor's type in the file and its number of elements, -1 where it does not matter.
func (t *Tensor) format() (dtype string, given int) {
	switch {
	case t.BF16 != nil:
		return "BF16", len(t.BF16)
	case t.Data != nil:
		return "F32", len(t.Data)
	}
	return "F32", -1
}

// Write writes tensors in the given order. Names must differ, and a tensor's
// data must fit its shape.
func Write(w io.Writer, tensors []Tensor, metadata map[string]string) error {
	header, err := encodeHeader(tensors, metadata)
	if err != nil {
		return err
	}
	bw := bufio.NewWriterSize(w, 1<<16)
	var length [8]byte
	binary.LittleEndian.PutUint64(length[:], uint64(len(header)))
	bw.Write(length[:])
	bw.Write(header)
	var buf [4096]byte
	for _, t := range tensors {
		dtype, _ := t.format()
		size := int(elementSize[dtype])
		for at, all := 0, elements(t.Shape); at < all; {
			n := min(all-at, len(buf)/size)
			switch {
			case t.BF16 != nil:
				for i, x := range t.BF16[at : at+n] {
					binary.LittleEndian.PutUint16(buf[size*i:], x)
				}
			case t.Data != nil:
				for i, x := range t.Data[at : at+n] {
					binary.LittleEndian.PutUint32(buf[size*i:], math.Float32bits(x))
				}
			default:
				clear(buf[:size*n])
			}
			if _, err := bw.Write(buf[:size*n]); err != nil {
				return fmt.Errorf("safetensors: writing tensor %q: %w", t.Name, err)
			}
			at += n
		}
	}
	if err := bw.Flush(); err != nil {
		return fmt.Errorf("safetensors: %w", err)
	}
	return nil
}

func elements(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// encodeHeader keeps the tensors' order and pads to eight bytes, as the
// reference implementation does, so that the data is aligned.
func encodeHeader(tensors []Tensor, metadata map[string]string) ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	entry := func(name string, value any) error {
		key, err := json.Marshal(name)
		if err != nil {
			return err
		}
		v, err := json.Marshal(value)
		if err != nil {
			return err
		}
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		b.Write(key)
		b.WriteByte(':')
		b.Write(v)
		return nil
	}
	if metadata != nil {
		if err := entry(metadataKey, metadata); err != nil {
			return nil, fmt.Errorf("safetensors: metadata: %w", err)
		}
	}
	seen := map[string]bool{metadataKey: true}
	at := 0
	for _, t := range tensors {
		if seen[t.Name] {
			return nil, fmt.Errorf("safetensors: two tensors are named %q", t.Name)
		}
		seen[t.Name] = true
		n := elements(t.Shape)
		dtype, given := t.format()
		if given >= 0 && given != n || t.BF16 != nil && t.Data != nil {
			return nil, fmt.Errorf("safetensors: tensor %q of shape %v has %d elements of BF16 and %d of F32", t.Name, t.Shape, len(t.BF16), len(t.Data))
		}
		end := at + int(elementSize[dtype])*n
		shape := t.Shape
		if shape == nil {
			shape = []int{} // a scalar; null is no shape
		}
		err := entry(t.Name, struct {
			DType   string `json:"dtype"`
			Shape   []int  `json:"shape"`
			Offsets [2]int `json:"data_offsets"`
		}{dtype, shape, [2]int{at, end}})
		if err != nil {
			return nil, fmt.Errorf("safetensors: tensor %q: %w", t.Name, err)
		}
		at = end
	}
	b.WriteByte('}')
	for b.Len()%8 != 0 {
		b.WriteByte(' ')
	}
	return b.Bytes(), nil
}
