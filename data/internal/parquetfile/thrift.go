package parquetfile

import (
	"encoding/binary"
	"errors"
)

// Types of Thrift's compact protocol, as field headers and lists have them.
const (
	thriftTrue   = 1
	thriftFalse  = 2
	thriftI8     = 3
	thriftI16    = 4
	thriftI32    = 5
	thriftI64    = 6
	thriftDouble = 7
	thriftBinary = 8
	thriftList   = 9
	thriftSet    = 10
	thriftMap    = 11
	thriftStruct = 12
)

// maxDepth bounds the nesting of values that are skipped; Parquet's own
// structures are five deep.
const maxDepth = 32

var (
	errShort = errors.New("the metadata ends too early")
	errForm  = errors.New("the metadata is malformed")
)

// thrift reads the compact protocol from memory. The first error sticks and
// every value after it is zero, so that structures are read without a check
// after each field. Nothing is allocated by a size that the bytes do not bear
// out.
type thrift struct {
	b   []byte
	i   int
	err error
}

func (t *thrift) fail(err error) {
	if t.err == nil {
		t.err = err
	}
	t.i = len(t.b)
}

func (t *thrift) byte() byte {
	if t.i >= len(t.b) {
		t.fail(errShort)
		return 0
	}
	t.i++
	return t.b[t.i-1]
}

func (t *thrift) uvarint() uint64 {
	v, n := binary.Uvarint(t.b[t.i:])
	switch {
	case n == 0:
		t.fail(errShort)
		return 0
	case n < 0:
		t.fail(errForm)
		return 0
	}
	t.i += n
	return v
}

// int reads an i16, i32 or i64: a zigzag varint.
func (t *thrift) int() int64 {
	v := t.uvarint()
	return int64(v>>1) ^ -int64(v&1)
}

// int32 reads an i32 and refuses what does not fit.
func (t *thrift) int32() int32 {
	v := t.int()
	if int64(int32(v)) != v {
		t.fail(errForm)
		return 0
	}
	return int32(v)
}

// binary returns bytes that belong to the input.
func (t *thrift) binary() []byte {
	n := t.uvarint()
	if n > uint64(len(t.b)-t.i) {
		t.fail(errShort)
		return nil
	}
	t.i += int(n)
	return t.b[t.i-int(n) : t.i]
}

// fields reads a struct. field is called for each field and reports whether it
// read it; what it did not read is skipped.
func (t *thrift) fields(field func(id int16, typ byte) bool) { t.structure(0, field) }

func (t *thrift) structure(depth int, field func(id int16, typ byte) bool) {
	var id int16
	for t.err == nil {
		b := t.byte()
		if b == 0 { // stop
			return
		}
		if delta := b >> 4; delta != 0 {
			id += int16(delta)
		} else {
			id = int16(t.int())
		}
		if t.err == nil && !field(id, b&15) {
			t.skip(b&15, depth+1)
		}
	}
}

// list reads a list, calling element for each of its elements.
func (t *thrift) list(element func(typ byte)) {
	n, typ := t.listHeader()
	for range n {
		if t.err != nil {
			return
		}
		element(typ)
	}
}

func (t *thrift) listHeader() (n int, typ byte) {
	b := t.byte()
	size := uint64(b >> 4)
	if size == 15 {
		size = t.uvarint()
	}
	// Every element takes a byte at least.
	if size > uint64(len(t.b)-t.i) {
		t.fail(errShort)
		return 0, 0
	}
	return int(size), b & 15
}

// skip passes over a value. In fields, booleans are in the type; in lists they
// take a byte.
func (t *thrift) skip(typ byte, depth int) {
	if depth > maxDepth {
		t.fail(errForm)
		return
	}
	switch typ {
	case thriftTrue, thriftFalse:
	case thriftI8:
		t.byte()
	case thriftI16, thriftI32, thriftI64:
		t.uvarint()
	case thriftDouble:
		if len(t.b)-t.i < 8 {
			t.fail(errShort)
			return
		}
		t.i += 8
	case thriftBinary:
		t.binary()
	case thriftList, thriftSet:
		n, elem := t.listHeader()
		for range n {
			if t.err != nil {
				return
			}
			t.skipElement(elem, depth+1)
		}
	case thriftMap:
		n := t.uvarint()
		if n == 0 {
			return
		}
		types := t.byte()
		if n > uint64(len(t.b)-t.i) {
			t.fail(errShort)
			return
		}
		for range n {
			if t.err != nil {
				return
			}
			t.skipElement(types>>4, depth+1)
			t.skipElement(types&15, depth+1)
		}
	case thriftStruct:
		t.structure(depth, func(int16, byte) bool { return false })
	default:
		t.fail(errForm)
	}
}

func (t *thrift) skipElement(typ byte, depth int) {
	if typ == thriftTrue || typ == thriftFalse {
		t.byte()
		return
	}
	t.skip(typ, depth)
}
