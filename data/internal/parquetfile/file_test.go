package parquetfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"
	"github.com/parquet-go/parquet-go/compress/gzip"
	"github.com/parquet-go/parquet-go/compress/snappy"
	"github.com/parquet-go/parquet-go/compress/uncompressed"
	"github.com/parquet-go/parquet-go/compress/zstd"
)

// Rows with every kind of column that is supported, in both encodings.
type plainRow struct {
	N    int32    `parquet:"n,plain"`
	Yes  bool     `parquet:"yes"`
	OptY *bool    `parquet:"opt_yes,optional"`
	Opt  *int32   `parquet:"opt,optional,plain"`
	Text string   `parquet:"text,plain"`
	OptT *string  `parquet:"opt_text,optional,plain"`
	List []uint16 `parquet:"list,list" parquet-element:",plain"`
	Deep *struct {
		Inner *int32 `parquet:"inner,optional,plain"`
	} `parquet:"deep,optional"`
}

type dictRow struct {
	N    int32    `parquet:"n,dict"`
	Yes  bool     `parquet:"yes"`
	OptY *bool    `parquet:"opt_yes,optional"`
	Opt  *int32   `parquet:"opt,optional,dict"`
	Text string   `parquet:"text,dict"`
	OptT *string  `parquet:"opt_text,optional,dict"`
	List []uint16 `parquet:"list,list" parquet-element:",dict"`
	Deep *struct {
		Inner *int32 `parquet:"inner,optional,dict"`
	} `parquet:"deep,optional"`
}

func randomRows(rng *rand.Rand, n int) []plainRow {
	rows := make([]plainRow, n)
	some := func() *int32 {
		if rng.IntN(3) == 0 {
			return nil
		}
		v := int32(rng.IntN(40)) - 20
		if rng.IntN(10) == 0 {
			v = int32(rng.Uint32())
		}
		return &v
	}
	for i := range rows {
		r := &rows[i]
		r.N = int32(rng.Uint32())
		r.Yes = rng.IntN(3) == 0
		if rng.IntN(3) > 0 {
			yes := rng.IntN(2) == 0
			r.OptY = &yes
		}
		r.Opt = some()
		r.Text = strings.Repeat("ä", rng.IntN(20))
		if rng.IntN(2) == 0 {
			s := fmt.Sprint(rng.IntN(30))
			r.OptT = &s
		}
		for range rng.IntN(12) * rng.IntN(12) {
			r.List = append(r.List, uint16(rng.IntN(3000)))
		}
		if rng.IntN(2) == 0 {
			r.Deep = &struct {
				Inner *int32 `parquet:"inner,optional,plain"`
			}{some()}
		}
	}
	return rows
}

func write[T any](t testing.TB, rows []T, options ...parquet.WriterOption) []byte {
	t.Helper()
	var b bytes.Buffer
	w := parquet.NewGenericWriter[T](&b, options...)
	if _, err := w.Write(rows); err != nil {
		t.Fatal(err)
	}
	w.SetKeyValueMetadata("key", "value")
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func toDict(rows []plainRow) []dictRow {
	out := make([]dictRow, len(rows))
	for i, r := range rows {
		out[i] = dictRow{N: r.N, Yes: r.Yes, OptY: r.OptY, Opt: r.Opt, Text: r.Text, OptT: r.OptT, List: r.List}
		if r.Deep != nil {
			out[i].Deep = &struct {
				Inner *int32 `parquet:"inner,optional,dict"`
			}{r.Deep.Inner}
		}
	}
	return out
}

// cell spells an entry of a column: its levels and its value.
func cells(c Column, p *Page) []string {
	var out []string
	next := 0
	for i := range p.Entries {
		def, rep := 0, 0
		if c.MaxDefinition > 0 {
			def = int(p.Definition[i])
		}
		if c.MaxRepetition > 0 {
			rep = int(p.Repetition[i])
		}
		s := fmt.Sprintf("%d %d", rep, def)
		if def == c.MaxDefinition {
			if c.Type != ByteArray {
				s += fmt.Sprintf(" %d", p.Int32[next])
			} else {
				s += fmt.Sprintf(" %q", p.Text(next))
			}
			next++
		}
		out = append(out, s)
	}
	return out
}

// oracle reads a column with parquet-go.
func oracle(t *testing.T, f *parquet.File, group, column int) []string {
	t.Helper()
	var out []string
	pages := f.RowGroups()[group].ColumnChunks()[column].Pages()
	defer pages.Close()
	for {
		p, err := pages.ReadPage()
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		values := make([]parquet.Value, p.NumValues())
		if n, err := p.Values().ReadValues(values); n != len(values) || err != nil && err != io.EOF {
			t.Fatal(n, err)
		}
		for _, v := range values {
			s := fmt.Sprintf("%d %d", v.RepetitionLevel(), v.DefinitionLevel())
			if !v.IsNull() {
				switch {
				case v.Kind() == parquet.Int32:
					s += fmt.Sprintf(" %d", v.Int32())
				case v.Kind() == parquet.Boolean && v.Boolean():
					s += " 1"
				case v.Kind() == parquet.Boolean:
					s += " 0"
				default:
					s += fmt.Sprintf(" %q", v.ByteArray())
				}
			}
			out = append(out, s)
		}
	}
}

var codecs = map[string]compress.Codec{"none": &uncompressed.Codec{}, "snappy": &snappy.Codec{}, "zstd": &zstd.Codec{}}

// files are written by parquet-go in all supported forms.
func files(t testing.TB, n int) map[string][]byte {
	rows := randomRows(rand.New(rand.NewPCG(1, uint64(n))), n)
	out := map[string][]byte{}
	for name, codec := range codecs {
		for version := 1; version <= 2; version++ {
			options := []parquet.WriterOption{parquet.Compression(codec), parquet.DataPageVersion(version), parquet.PageBufferSize(600), parquet.MaxRowsPerRowGroup(150)}
			out[fmt.Sprintf("plain %s v%d", name, version)] = write(t, rows, options...)
			out[fmt.Sprintf("dict %s v%d", name, version)] = write(t, toDict(rows), options...)
		}
	}
	return out
}

// Every column of every form reads as parquet-go reads it.
func TestAgainstParquetGo(t *testing.T) {
	for _, n := range []int{0, 1, 2, 400} {
		for name, b := range files(t, n) {
			f, err := Open(bytes.NewReader(b), int64(len(b)))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			o, err := parquet.OpenFile(bytes.NewReader(b), int64(len(b)))
			if err != nil {
				t.Fatal(err)
			}
			if f.Rows() != int64(n) || f.Groups() != len(o.RowGroups()) {
				t.Fatalf("%s: %d rows in %d groups, want %d in %d", name, f.Rows(), f.Groups(), n, len(o.RowGroups()))
			}
			if v, ok := f.Lookup("key"); !ok || v != "value" {
				t.Errorf("key = %q %v", v, ok)
			}
			if _, ok := f.Lookup("other"); ok {
				t.Error("found a key that is not there")
			}
			wantPaths := []string{"n", "yes", "opt_yes", "opt", "text", "opt_text", "list.list.element", "deep.inner"}
			r, err := f.NewReader()
			if err != nil {
				t.Fatal(err)
			}
			for group := range f.Groups() {
				if f.GroupRows(group) != o.RowGroups()[group].NumRows() {
					t.Fatalf("group of %d rows", f.GroupRows(group))
				}
				for _, path := range wantPaths {
					column, ok := f.Column(path)
					if !ok {
						t.Fatalf("no column %q in %+v", path, f.Columns())
					}
					if err := r.Column(group, column); err != nil {
						t.Fatal(err)
					}
					var got []string
					for {
						p, err := r.Next()
						if err == io.EOF {
							break
						}
						if err != nil {
							t.Fatalf("%s: %s: %v", name, path, err)
						}
						got = append(got, cells(f.Columns()[column], p)...)
					}
					if want := oracle(t, o, group, column); !slices.Equal(got, want) {
						t.Fatalf("%s: %s:\n got %q\nwant %q", name, path, got, want)
					}
				}
			}
			r.Close()
		}
	}
}

func TestColumns(t *testing.T) {
	b := write(t, []plainRow{{}})
	f, err := Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	want := []Column{
		{"n", Int32, 0, 0}, {"yes", Boolean, 0, 0}, {"opt_yes", Boolean, 1, 0}, {"opt", Int32, 1, 0}, {"text", ByteArray, 0, 0}, {"opt_text", ByteArray, 1, 0},
		{"list.list.element", Int32, 1, 1}, {"deep.inner", Int32, 2, 0},
	}
	if !slices.Equal(f.Columns(), want) {
		t.Errorf("%+v", f.Columns())
	}
	if _, ok := f.Column("deep"); ok {
		t.Error("a group is a column")
	}
}

func TestUnsupported(t *testing.T) {
	type long struct {
		N int64 `parquet:"n"`
	}
	type delta struct {
		N int32 `parquet:"n,delta"`
	}
	type number struct {
		N int32 `parquet:"n,plain"`
	}
	for name, test := range map[string]struct {
		file []byte
		want string
	}{
		"INT64": {write(t, []long{{1}}), "INT64 is not supported"},
		"delta": {write(t, []delta{{1}, {2}}), "encoding 5 is not supported"},
		"gzip":  {write(t, []number{{1}, {2}}, parquet.Compression(&gzip.Codec{})), "compression 2 is not supported"},
	} {
		f, err := Open(bytes.NewReader(test.file), int64(len(test.file)))
		if err != nil {
			t.Fatal(err)
		}
		r, _ := f.NewReader()
		defer r.Close()
		if err = r.Column(0, 0); err == nil {
			_, err = r.Next()
		}
		if !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for typ, want := range map[Type]string{0: "BOOLEAN", 7: "FIXED_LEN_BYTE_ARRAY", -1: "type -1", 8: "type 8"} {
		if typ.String() != want {
			t.Errorf("%q", typ)
		}
	}
}

// writeHybrid is the encoder of the RLE and bit-packing hybrid as its
// specification describes it, choosing runs at random.
func writeHybrid(rng *rand.Rand, values []int32, width int) []byte {
	var out []byte
	for len(values) > 0 {
		run := 1
		for run < len(values) && values[run] == values[0] {
			run++
		}
		if run > 8 || rng.IntN(4) == 0 {
			n := 1 + rng.IntN(run)
			out = binary.AppendUvarint(out, uint64(n)<<1)
			for i := range (width + 7) / 8 {
				out = append(out, byte(uint32(values[0])>>(8*i)))
			}
			values = values[n:]
			continue
		}
		groups := 1 + rng.IntN(3)
		out = binary.AppendUvarint(out, uint64(groups)<<1|1)
		packed := make([]byte, groups*width)
		for i := range min(groups*8, len(values)) {
			for bit := range width {
				if values[i]>>bit&1 != 0 {
					at := i*width + bit
					packed[at/8] |= 1 << (at % 8)
				}
			}
		}
		out = append(out, packed...)
		values = values[min(groups*8, len(values)):]
	}
	return out
}

func TestHybrid(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 3))
	for width := 0; width <= 32; width++ {
		for n := range 70 {
			values := make([]int32, n)
			for i := range values {
				values[i] = int32(rng.Uint32() & uint32(uint64(1)<<width-1))
				if i > 0 && rng.IntN(2) == 0 {
					values[i] = values[i-1]
				}
			}
			data := writeHybrid(rng, values, width)
			got := make([]int32, n)
			if err := hybrid(got, data, width); err != nil || !slices.Equal(got, values) {
				t.Fatalf("width %d: %v\n got %v\nwant %v", width, err, got, values)
			}
			// Some writers cut the last group off after the last value that counts.
			if width > 0 && n > 0 {
				if err := hybrid(got, data[:max(0, len(data)-width-5)], width); err == nil && n > 24 {
					t.Fatalf("width %d: %d values from cut data", width, n)
				}
			}
		}
	}
	one := make([]int32, 3)
	if err := hybrid(one, []byte{3, 0b00_10_01_11}, 2); err != nil || !slices.Equal(one, []int32{3, 1, 2}) {
		t.Errorf("a group that is cut off: %v %v", one, err)
	}
	for name, data := range map[string][]byte{
		"nothing":       nil,
		"no value":      {6},
		"endless":       {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80},
		"empty runs":    {0, 1, 0, 1, 0, 1},
		"empty groups":  {1, 1, 1},
		"many groups":   {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01},
		"short literal": {3},
	} {
		if err := hybrid(one, data, 3); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// build puts a file together from metadata and a body.
func build(body string, footer []byte) []byte {
	b := append([]byte("PAR1"+body), footer...)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(footer)))
	return append(b, "PAR1"...)
}

func TestOpenRefuses(t *testing.T) {
	good := write(t, []plainRow{{}})
	huge := []byte{0x15, 2, 0x19, 0xfc, 0xff, 0xff, 0xff, 0xff, 0x07} // a schema of 2^31-1 elements
	deep := append([]byte{0x15, 2}, bytes.Repeat([]byte{0x9c}, 200)...)
	nested := append([]byte{0x15, 2}, bytes.Repeat([]byte{0x99, 0x19}, 200)...)
	for name, test := range map[string]struct {
		file []byte
		want string
	}{
		"empty":          {nil, "too few"},
		"only magic":     {[]byte("PAR1PAR1"), "too few"},
		"other head":     {append([]byte("PAR2"), good[4:]...), "begin"},
		"other tail":     {append(slices.Clone(good[:len(good)-4]), "PARE"...), "end"},
		"no footer":      {build("", nil), "ends too early"},
		"stop":           {build("", []byte{0}), "no schema"},
		"huge list":      {build("", huge), "ends too early"},
		"nested structs": {build("", deep), "malformed"},
		"nested lists":   {build("", nested), ""},
		"bad type":       {build("", []byte{0x1f, 0}), "malformed"},
		"long varint":    {build("", append([]byte{0x15}, bytes.Repeat([]byte{0xff}, 20)...)), "malformed"},
	} {
		_, err := Open(bytes.NewReader(test.file), int64(len(test.file)))
		if !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
	// A reader that gives less than it said it would.
	if _, err := Open(bytes.NewReader(good[:len(good)-10]), int64(len(good))); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("short: %v", err)
	}
}

func TestCheckGroups(t *testing.T) {
	fresh := func() *File {
		c := chunk{typ: Int32, values: 10, offset: 4, end: 92, path: "n"}
		return &File{size: 100, rows: 20, columns: []Column{{"n", Int32, 0, 0}}, groups: []group{{10, []chunk{c}}, {10, []chunk{c}}}}
	}
	if err := fresh().checkGroups(); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(f *File){
		"rows":             func(f *File) { f.rows++ },
		"negative rows":    func(f *File) { f.groups[0].rows, f.groups[1].rows = -1, 21 },
		"many rows":        func(f *File) { f.groups[0].rows, f.rows = 1<<40, 1<<40+10 },
		"rows together":    func(f *File) { f.groups[0].rows, f.groups[1].rows, f.rows = 1e5, 1e5, 2e5 },
		"chunks":           func(f *File) { f.groups[1].chunks = nil },
		"path":             func(f *File) { f.groups[1].chunks[0].path = "m" },
		"type":             func(f *File) { f.groups[1].chunks[0].typ = ByteArray },
		"values":           func(f *File) { f.groups[1].chunks[0].values = 1 << 40 },
		"values together":  func(f *File) { f.groups[0].chunks[0].values, f.groups[1].chunks[0].values = 6e4, 6e4 },
		"negative values":  func(f *File) { f.groups[1].chunks[0].values = -1 },
		"in the magic":     func(f *File) { f.groups[1].chunks[0].offset = 3 },
		"beyond the file":  func(f *File) { f.groups[1].chunks[0].end = 93 },
		"begins after all": func(f *File) { f.groups[1].chunks[0].offset, f.groups[1].chunks[0].end = 200, 200 },
	} {
		f := fresh()
		f.groups[0].chunks, f.groups[1].chunks = slices.Clone(f.groups[0].chunks), slices.Clone(f.groups[1].chunks)
		change(f)
		if err := f.checkGroups(); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A chunk with more or fewer entries than the metadata says is an error.
func TestChunkLengths(t *testing.T) {
	b := write(t, []plainRow{{N: 1}, {N: 2}, {N: 3}})
	for change, want := range map[int64]bool{0: true, -1: false, 1: false} {
		f, err := Open(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		f.groups[0].chunks[0].values += change
		r, _ := f.NewReader()
		if err := r.Column(0, 0); err != nil {
			t.Fatal(err)
		}
		for err == nil {
			_, err = r.Next()
		}
		if got := err == io.EOF; got != want {
			t.Errorf("%+d entries: %v", change, err)
		}
		if change < 0 && !strings.Contains(err.Error(), "3 entries where 2 are left") {
			t.Errorf("%+d entries: %v", change, err)
		}
		r.Close()
	}
}

// A flipped bit in a page is found by its checksum, whatever it would decode to.
func TestChecksum(t *testing.T) {
	type row struct {
		N int32 `parquet:"n,plain"`
	}
	b := write(t, []row{{0x01020304}}, parquet.Compression(&uncompressed.Codec{}))
	f, err := Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	r, _ := f.NewReader()
	defer r.Close()
	if err := r.Column(0, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	b[r.at-4] ^= 16 // the page was read up to there
	for _, ignore := range []bool{false, true} {
		r.IgnoreChecksums(ignore)
		if err := r.Column(0, 0); err != nil {
			t.Fatal(err)
		}
		p, err := r.Next()
		if ignore && (err != nil || p.Int32[0] != 0x01020314) || !ignore && (!errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), "checksum")) {
			t.Errorf("ignored %v: %v", ignore, err)
		}
	}
}

// readAll reads every column and checks what the package promises of pages.
func readAll(t *testing.T, b []byte) {
	f, err := Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		if !errors.Is(err, ErrFormat) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("%v is neither a format error nor a short file", err)
		}
		return
	}
	r, err := f.NewReader()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	r.IgnoreChecksums(true)
	entries := 0
	for group := range f.Groups() {
		for column, c := range f.Columns() {
			err := r.Column(group, column)
			for err == nil {
				var p *Page
				if p, err = r.Next(); err != nil {
					break
				}
				cellsPresent := 0
				if c.MaxDefinition == 0 {
					cellsPresent = p.Entries
				}
				for _, d := range p.Definition {
					if int(d) == c.MaxDefinition {
						cellsPresent++
					}
					if int(d) > c.MaxDefinition {
						t.Fatalf("column %q: definition level %d", c.Path, d)
					}
				}
				for _, l := range p.Repetition {
					if int(l) > c.MaxRepetition {
						t.Fatalf("column %q: repetition level %d", c.Path, l)
					}
				}
				if c.MaxDefinition > 0 && len(p.Definition) != p.Entries || c.MaxRepetition > 0 && len(p.Repetition) != p.Entries ||
					c.Type != ByteArray && len(p.Int32) != cellsPresent || c.Type == ByteArray && p.Texts() != cellsPresent {
					t.Fatalf("column %q: a page of %d entries with %d and %d levels, %d numbers, %d texts, %d present", c.Path,
						p.Entries, len(p.Definition), len(p.Repetition), len(p.Int32), p.Texts(), cellsPresent)
				}
				for i := range p.Texts() {
					p.Text(i)
				}
				// The reader bounds a column; a file may have many.
				if entries += p.Entries; entries > 1<<24 {
					return
				}
			}
			if err != io.EOF && !errors.Is(err, ErrFormat) && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatalf("column %q: %v", c.Path, err)
			}
		}
	}
}

// Damaged pages do no harm even where no checksum finds them.
func TestDamage(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	for _, good := range files(t, 20) {
		for range 400 {
			b := slices.Clone(good)
			for range 1 + rng.IntN(3) {
				b[rng.IntN(len(b))] = byte(rng.Uint32())
			}
			readAll(t, b)
		}
	}
}

func FuzzFile(f *testing.F) {
	for _, b := range files(f, 6) {
		f.Add(b)
	}
	f.Add(build("", []byte{0x15, 2, 0x19, 0xfc, 0xff, 0xff, 0xff, 0xff, 0x07}))
	f.Fuzz(func(t *testing.T, b []byte) { readAll(t, b) })
}

// What is in a page goes straight to the decoder, past the headers that a
// mutated file seldom gets through.
func FuzzPage(f *testing.F) {
	f.Add([]byte{2, 0, 0, 0, 3, 1, 1, 0, 0, 0}, []byte{5, 0, 0, 0}, uint16(1), uint16(3), byte(0), byte(0))
	f.Add([]byte{4, 1, 6, 1, 2, 3, 0b00011011}, []byte{1, 0, 0, 0, 'a', 0, 0, 0, 0}, uint16(2), uint16(4), byte(1), byte(0x1b))
	f.Fuzz(func(t *testing.T, data, dictionary []byte, dictValues, values uint16, levelBytes, shape byte) {
		file := &File{}
		r := &Reader{f: file, column: Column{Path: "x", Type: Int32}}
		if shape&1 != 0 {
			r.column.Type = ByteArray
		} else if shape&128 != 0 {
			r.column.Type = Boolean
		}
		r.column.MaxDefinition = int(shape >> 1 & 3)
		r.column.MaxRepetition = int(shape >> 3 & 1)
		h := header{typ: dataPage, values: int32(values), encoding: plain, defEncoding: rle, repEncoding: rle}
		if shape&16 != 0 {
			h.encoding = rleDictionary
		}
		if shape&32 != 0 {
			h.typ = dataPageV2
			h.repBytes, h.defBytes = int32(levelBytes>>4), int32(levelBytes&15)
		}
		if shape&64 == 0 {
			r.raw = dictionary
			if r.readDictionary(header{typ: dictionaryPage, values: int32(dictValues), uncompressed: int32(len(dictionary))}) != nil {
				return
			}
		}
		r.raw = data
		h.size, h.uncompressed = int32(len(data)), int32(len(data))
		if err := r.decode(h); err != nil {
			if !errors.Is(err, ErrFormat) {
				t.Fatal(err)
			}
			return
		}
		present := 0
		for i := range r.page.Entries {
			if r.column.MaxDefinition == 0 || int(r.page.Definition[i]) == r.column.MaxDefinition {
				present++
			}
			if r.column.MaxRepetition > 0 && int(r.page.Repetition[i]) > r.column.MaxRepetition {
				t.Fatal("a level above the highest")
			}
		}
		for i := range r.page.Texts() {
			r.page.Text(i)
		}
		if n := len(r.page.Int32) + r.page.Texts(); r.page.Entries != int(values) || n != present {
			t.Fatalf("%d entries, %d values for %d present", r.page.Entries, n, present)
		}
	})
}
