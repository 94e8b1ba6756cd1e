// Package parquetfile reads the part of Apache Parquet that corpus files use:
// columns of BOOLEAN, INT32 and BYTE_ARRAY, lists one level deep, pages of both versions,
// encodings PLAIN and RLE_DICTIONARY, compression zstd, snappy or none.
//
// It is there because files come from outside. parquet-go, which writes ours,
// believes the sizes it reads: a damaged footer makes it ask for any amount of
// memory, which ends the program. Here every size is checked against the bytes
// that are there before anything is allocated by it, and no input makes it
// panic. It is also faster: a column goes to its destination without a row in
// between.
//
// The format: https://github.com/apache/parquet-format.
package parquetfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"strings"
)

// ErrFormat is wrapped by every error about the content of a file, as opposed
// to errors of reading it.
var ErrFormat = errors.New("not a readable Parquet file")

func formatError(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrFormat, fmt.Errorf(format, args...))
}

// Limits on what a file may ask for. They are far above what writers produce.
const (
	maxFooter     = 64 << 20 // bytes
	maxHeader     = 1 << 20  // bytes of one page header
	maxPageBytes  = 64 << 20 // uncompressed
	maxPageValues = 4 << 20
	maxSchema     = 4096 // elements
	maxKeys       = 4096
	maxGroups     = 1 << 16
	maxChunks     = 1 << 20 // of all groups together
	// maxValuesPerByte is how many values of a column a file may claim for each
	// of its bytes. A page of 2^16 equal values takes about a hundred.
	maxValuesPerByte = 1024
)

// Type is a physical type.
type Type int32

// The physical types that columns can be read of.
const (
	Boolean   Type = 0
	Int32     Type = 1
	ByteArray Type = 6
)

func (t Type) String() string {
	names := [...]string{"BOOLEAN", "INT32", "INT64", "INT96", "FLOAT", "DOUBLE", "BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY"}
	if t >= 0 && int(t) < len(names) {
		return names[t]
	}
	return fmt.Sprintf("type %d", int32(t))
}

// Column is a leaf of the schema.
type Column struct {
	Path string // names from the root, joined with dots
	Type Type
	// MaxDefinition and MaxRepetition are the highest levels: a value is there
	// where the definition level is MaxDefinition, a row starts where the
	// repetition level is 0.
	MaxDefinition, MaxRepetition int
}

// File is an open file.
type File struct {
	r       io.ReaderAt
	size    int64
	rows    int64
	columns []Column
	groups  []group
	keys    []keyValue
}

type keyValue struct{ key, value string }

type group struct {
	rows   int64
	chunks []chunk // one a column
}

// chunk is a column of a row group.
type chunk struct {
	typ         Type
	codec       int32
	values      int64 // with nulls
	offset, end int64 // in the file
	path        string
}

const magic = "PAR1"

// Open reads the metadata at the end of the file.
func Open(r io.ReaderAt, size int64) (*File, error) {
	var head [4]byte
	var tail [8]byte
	if size < int64(len(head)+len(tail)) {
		return nil, formatError("%d bytes are too few", size)
	}
	if err := readAt(r, head[:], 0); err != nil {
		return nil, err
	}
	if err := readAt(r, tail[:], size-8); err != nil {
		return nil, err
	}
	if string(head[:]) != magic {
		return nil, formatError("it does not begin with %q", magic)
	}
	if string(tail[4:]) != magic {
		return nil, formatError("it does not end with %q: the file is cut off or still being written", magic)
	}
	n := int64(binary.LittleEndian.Uint32(tail[:]))
	if n > size-12 || n > maxFooter {
		return nil, formatError("metadata of %d bytes in a file of %d", n, size)
	}
	footer := make([]byte, n)
	if err := readAt(r, footer, size-8-n); err != nil {
		return nil, err
	}
	f := &File{r: r, size: size}
	if err := f.readMetadata(footer); err != nil {
		return nil, err
	}
	return f, nil
}

func readAt(r io.ReaderAt, b []byte, offset int64) error {
	n, err := r.ReadAt(b, offset)
	if n == len(b) {
		return nil
	}
	if err == nil || err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// element is one node of the schema.
type element struct {
	typ        Type
	repetition int32 // 0 required, 1 optional, 2 repeated
	name       string
	children   int32
}

func (f *File) readMetadata(footer []byte) error {
	var schema []element
	t := &thrift{b: footer}
	t.fields(func(id int16, typ byte) bool {
		switch {
		case id == 2 && typ == thriftList:
			t.list(func(typ byte) {
				if typ != thriftStruct || len(schema) == maxSchema {
					t.fail(errForm)
					return
				}
				schema = append(schema, t.element())
			})
		case id == 3 && typ == thriftI64:
			f.rows = t.int()
		case id == 4 && typ == thriftList:
			chunks := 0
			t.list(func(typ byte) {
				if typ != thriftStruct || len(f.groups) == maxGroups {
					t.fail(errForm)
					return
				}
				f.groups = append(f.groups, t.group(&chunks))
			})
		case id == 5 && typ == thriftList:
			t.list(func(typ byte) {
				if typ != thriftStruct || len(f.keys) == maxKeys {
					t.fail(errForm)
					return
				}
				f.keys = append(f.keys, t.keyValue())
			})
		default:
			return false
		}
		return true
	})
	if t.err != nil {
		return formatError("%w", t.err)
	}
	if err := f.leaves(schema); err != nil {
		return err
	}
	return f.checkGroups()
}

func (t *thrift) element() element {
	e := element{typ: -1}
	t.fields(func(id int16, typ byte) bool {
		switch {
		case id == 1 && typ == thriftI32:
			e.typ = Type(t.int32())
		case id == 3 && typ == thriftI32:
			e.repetition = t.int32()
		case id == 4 && typ == thriftBinary:
			e.name = string(t.binary())
		case id == 5 && typ == thriftI32:
			e.children = t.int32()
		default:
			return false
		}
		return true
	})
	return e
}

// group reads a row group and adds to the number of chunks read.
func (t *thrift) group(chunks *int) group {
	var g group
	t.fields(func(id int16, typ byte) bool {
		switch {
		case id == 1 && typ == thriftList:
			t.list(func(typ byte) {
				if typ != thriftStruct || *chunks == maxChunks {
					t.fail(errForm)
					return
				}
				*chunks++
				g.chunks = append(g.chunks, t.chunk())
			})
		case id == 3 && typ == thriftI64:
			g.rows = t.int()
		default:
			return false
		}
		return true
	})
	return g
}

func (t *thrift) chunk() chunk {
	var c chunk
	var data, dictionary, size int64
	t.fields(func(id int16, typ byte) bool {
		if id != 3 || typ != thriftStruct {
			return false
		}
		t.fields(func(id int16, typ byte) bool {
			switch {
			case id == 1 && typ == thriftI32:
				c.typ = Type(t.int32())
			case id == 3 && typ == thriftList:
				var path []string
				t.list(func(typ byte) {
					if typ != thriftBinary {
						t.fail(errForm)
						return
					}
					path = append(path, string(t.binary()))
				})
				c.path = strings.Join(path, ".")
			case id == 4 && typ == thriftI32:
				c.codec = t.int32()
			case id == 5 && typ == thriftI64:
				c.values = t.int()
			case id == 7 && typ == thriftI64:
				size = t.int()
			case id == 9 && typ == thriftI64:
				data = t.int()
			case id == 11 && typ == thriftI64:
				dictionary = t.int()
			default:
				return false
			}
			return true
		})
		return true
	})
	c.offset = data
	// Some writers leave 0 where there is no dictionary.
	if dictionary > 0 && dictionary < data {
		c.offset = dictionary
	}
	if size < 0 || c.offset < 0 || c.offset+size < c.offset {
		t.fail(errForm)
		return c
	}
	c.end = c.offset + size
	return c
}

func (t *thrift) keyValue() keyValue {
	var kv keyValue
	t.fields(func(id int16, typ byte) bool {
		switch {
		case id == 1 && typ == thriftBinary:
			kv.key = string(t.binary())
		case id == 2 && typ == thriftBinary:
			kv.value = string(t.binary())
		default:
			return false
		}
		return true
	})
	return kv
}

// leaves finds the columns in the flattened tree of the schema.
func (f *File) leaves(schema []element) error {
	if len(schema) == 0 {
		return formatError("it has no schema")
	}
	next := 1
	var walk func(children int32, path string, definition, repetition, depth int) error
	walk = func(children int32, path string, definition, repetition, depth int) error {
		for range children {
			if next == len(schema) || depth > maxDepth {
				return formatError("the schema is no tree")
			}
			e := schema[next]
			next++
			name, def, rep := e.name, definition, repetition
			if path != "" {
				name = path + "." + name
			}
			switch e.repetition {
			case 0:
			case 1:
				def++
			case 2:
				def++
				rep++
			default:
				return formatError("column %q has repetition type %d", name, e.repetition)
			}
			if e.children > 0 {
				if err := walk(e.children, name, def, rep, depth+1); err != nil {
					return err
				}
				continue
			}
			f.columns = append(f.columns, Column{name, e.typ, def, rep})
		}
		return nil
	}
	if err := walk(schema[0].children, "", 0, 0, 0); err != nil {
		return err
	}
	if next != len(schema) {
		return formatError("the schema is no tree")
	}
	return nil
}

// checkGroups makes sure that what the row groups say fits the file.
func (f *File) checkGroups() error {
	var rows int64
	most := f.size * maxValuesPerByte
	values := make([]int64, len(f.columns)) // of all groups: they may share the same bytes
	for i, g := range f.groups {
		if g.rows < 0 || g.rows > most {
			return formatError("row group %d claims %d rows", i, g.rows)
		}
		rows += g.rows
		if rows > most {
			return formatError("it claims over %d rows", most)
		}
		if len(g.chunks) != len(f.columns) {
			return formatError("row group %d has %d columns, the schema %d", i, len(g.chunks), len(f.columns))
		}
		for j, c := range g.chunks {
			col := f.columns[j]
			if c.values > 0 && c.values <= most {
				values[j] += c.values
			}
			switch {
			case c.path != col.Path || c.typ != col.Type:
				return formatError("row group %d: column %d is %q (%v), the schema says %q (%v)", i, j, c.path, c.typ, col.Path, col.Type)
			case c.values < 0 || c.values > most || values[j] > most:
				return formatError("row group %d: column %q claims %d values", i, c.path, c.values)
			case c.offset < int64(len(magic)) || c.end > f.size-8:
				return formatError("row group %d: column %q lies outside the file", i, c.path)
			}
		}
	}
	if rows != f.rows {
		return formatError("its row groups have %d rows, its metadata says %d", rows, f.rows)
	}
	return nil
}

// Rows returns the number of rows.
func (f *File) Rows() int64 { return f.rows }

// Columns returns the leaf columns in the order of the schema.
func (f *File) Columns() []Column { return f.columns }

// Column returns the number of the leaf column with that path.
func (f *File) Column(path string) (int, bool) {
	for i, c := range f.columns {
		if c.Path == path {
			return i, true
		}
	}
	return 0, false
}

// Lookup returns a value of the key-value metadata.
func (f *File) Lookup(key string) (string, bool) {
	for _, kv := range f.keys {
		if kv.key == key {
			return kv.value, true
		}
	}
	return "", false
}

// Groups returns the number of row groups.
func (f *File) Groups() int { return len(f.groups) }

// GroupRows returns the number of rows of a row group.
func (f *File) GroupRows(group int) int64 { return f.groups[group].rows }

// bitWidth is the number of bits that levels up to highest take.
func bitWidth(highest int) int { return bits.Len(uint(highest)) }
