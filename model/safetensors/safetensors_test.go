package safetensors

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

// raw builds a file from a header as it stands and n bytes of data.
func raw(header string, n int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	b = append(b, header...)
	for i := range n {
		b = append(b, byte(i))
	}
	return b
}

func openBytes(b []byte) (*File, error) { return New(bytes.NewReader(b), int64(len(b))) }

func TestWriteThenRead(t *testing.T) {
	in := []Tensor{
		{Name: "b", Shape: []int{2, 3}, Data: []float32{1, -2, 3.5, float32(math.Inf(1)), math.SmallestNonzeroFloat32, 0}},
		{Name: "a\"\n", Shape: []int{1}, Data: []float32{7}},
		{Name: "zeros", Shape: []int{5000}},
		{Name: "scalar", Data: []float32{9}},
		{Name: "empty", Shape: []int{0, 4}, Data: []float32{}},
	}
	var buf bytes.Buffer
	if err := Write(&buf, in, map[string]string{"format": "pt"}); err != nil {
		t.Fatal(err)
	}
	if n := binary.LittleEndian.Uint64(buf.Bytes()); n%8 != 0 {
		t.Errorf("header of %d bytes, not a multiple of 8", n)
	}
	path := filepath.Join(t.TempDir(), "x.safetensors")
	if err := os.WriteFile(path, buf.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if f.Metadata()["format"] != "pt" {
		t.Errorf("metadata = %v", f.Metadata())
	}
	if len(f.Tensors()) != len(in) {
		t.Fatalf("tensors = %v", f.Tensors())
	}
	for _, want := range in {
		info, ok := f.Lookup(want.Name)
		if !ok {
			t.Fatalf("%q is missing", want.Name)
		}
		got := make([]float32, info.Elements())
		if err := f.ReadFloat32(want.Name, got); err != nil {
			t.Fatal(err)
		}
		for i, x := range got {
			w := float32(0)
			if want.Data != nil {
				w = want.Data[i]
			}
			if math.Float32bits(x) != math.Float32bits(w) {
				t.Errorf("%q[%d] = %v, want %v", want.Name, i, x, w)
			}
		}
	}
	if err := f.ReadFloat32("nobody", nil); !errors.Is(err, ErrMissing) {
		t.Errorf("missing tensor: %v", err)
	}
	if err := f.ReadFloat32("b", make([]float32, 5)); !errors.Is(err, ErrFormat) {
		t.Errorf("wrong size: %v", err)
	}
}

func TestWriteRefuses(t *testing.T) {
	for name, ts := range map[string][]Tensor{
		"twice":        {{Name: "a", Shape: []int{0}}, {Name: "a", Shape: []int{0}}},
		"metadata key": {{Name: "__metadata__", Shape: []int{0}}},
		"shape":        {{Name: "a", Shape: []int{2}, Data: []float32{1}}},
		"shape, BF16":  {{Name: "a", Shape: []int{2}, BF16: []uint16{1}}},
		"two types":    {{Name: "a", Shape: []int{1}, BF16: []uint16{1}, Data: []float32{1}}},
	} {
		if err := Write(new(bytes.Buffer), ts, nil); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestConversions(t *testing.T) {
	var data []byte
	put := func(bits ...uint16) {
		for _, b := range bits {
			data = binary.LittleEndian.AppendUint16(data, b)
		}
	}
	put(0x3c00, 0xc000, 0x7bff, 0x0001, 0x03ff, 0x0400, 0x7c00, 0x8000, 0x3555) // F16
	put(0x3f80, 0xc000)                                                         // BF16
	data = binary.LittleEndian.AppendUint64(data, math.Float64bits(0.1))
	data = append(data, 1)
	f, err := openBytes(append(raw(`{"h":{"dtype":"F16","shape":[9],"data_offsets":[0,18]},"b":{"dtype":"BF16","shape":[2],"data_offsets":[18,22]},`+
		`"d":{"dtype":"F64","shape":[],"data_offsets":[22,30]},"mask":{"dtype":"BOOL","shape":[1],"data_offsets":[30,31]}}`, 0), data...))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]float32{
		"h": {1, -2, 65504, 0x1p-24, 1023 * 0x1p-24, 0x1p-14, float32(math.Inf(1)), float32(math.Copysign(0, -1)), 0.333251953125},
		"b": {1, -2},
		"d": {0.1},
	} {
		got := make([]float32, len(want))
		if err := f.ReadFloat32(name, got); err != nil {
			t.Fatal(err)
		}
		for i := range want {
			if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
				t.Errorf("%s[%d] = %v, want %v", name, i, got[i], want[i])
			}
		}
	}
	if err := f.ReadFloat32("mask", make([]float32, 1)); !errors.Is(err, ErrFormat) {
		t.Errorf("BOOL read as float: %v", err)
	}
	if got := halfToFloat(0x7e01); got == got {
		t.Errorf("half NaN = %v", got)
	}
}

func TestRefusesDamage(t *testing.T) {
	one := `{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`
	cases := []struct {
		name string
		file []byte
		want string // in the message
	}{
		{"empty", nil, "too short"},
		{"seven bytes", make([]byte, 7), "too short"},
		{"header longer than the file", raw(one, 8)[:20], "truncated"},
		{"absurd header length", append([]byte{255, 255, 255, 255, 255, 255, 255, 255}, one...), "truncated"},
		{"no object", raw(`[1]`, 0), "JSON object"},
		{"broken JSON", raw(`{"a":{"dtype":`, 0), `"a"`},
		{"unclosed", raw(one[:len(one)-1], 8), "header"},
		{"bytes after the object", raw(one+"x", 8), "after its end"},
		{"name twice", raw(`{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}`, 0), "twice"},
		{"truncated data", raw(one, 7), "truncated"},
		{"data left over", raw(one, 9), "describes"},
		{"size against shape", raw(`{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}`, 8), "shape"},
		{"unknown type", raw(`{"a":{"dtype":"F31","shape":[2],"data_offsets":[0,8]}}`, 8), "F31"},
		{"negative offset", raw(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[-8,0]}}`, 8), "lies at"},
		{"backward", raw(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}`, 8), "lies at"},
		{"one offset", raw(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[8]}}`, 8), "offsets"},
		{"overflow", raw(`{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}}`, 0), "larger"},
		{"negative dimension", raw(`{"a":{"dtype":"F32","shape":[-1,-2],"data_offsets":[0,8]}}`, 8), "dimension"},
		{"gap", raw(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}}`, 3), `"b" begins`},
		{"overlap", raw(`{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}`, 2), `"b" begins`},
		{"metadata of numbers", raw(`{"__metadata__":{"a":1}}`, 0), "metadata"},
		{"fraction in a shape", raw(`{"a":{"dtype":"F32","shape":[2.5],"data_offsets":[0,8]}}`, 8), `"a"`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := openBytes(c.file)
			if !errors.Is(err, ErrFormat) {
				t.Fatalf("error = %v, want ErrFormat", err)
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %q does not say %q", err, c.want)
			}
		})
	}
	if _, err := openBytes(raw(one+"   ", 8)); err != nil {
		t.Errorf("padded header: %v", err)
	}
}

// What is written as BF16 takes two bytes a number, and reads as the numbers whose upper halves it is.
func TestWriteBF16(t *testing.T) {
	long := make([]uint16, 5000)
	for i := range long {
		long[i] = uint16(i)
	}
	in := []Tensor{{Name: "odd", Shape: []int{3}, BF16: []uint16{0x3f80, 0xc000, 0x0001}}, {Name: "f", Shape: []int{1}, Data: []float32{0.1}}, {Name: "long", Shape: []int{50, 100}, BF16: long}}
	var buf bytes.Buffer
	if err := Write(&buf, in, nil); err != nil {
		t.Fatal(err)
	}
	f, err := OpenFS(fstest.MapFS{"w": {Data: buf.Bytes()}}, "w")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if info, _ := f.Lookup("long"); info.DType != "BF16" || info.end-info.begin != 10000 {
		t.Errorf("long is %s of %d bytes", info.DType, info.end-info.begin)
	}
	for _, want := range in {
		got := make([]float32, elements(want.Shape))
		if err := f.ReadFloat32(want.Name, got); err != nil {
			t.Fatal(err)
		}
		for i, x := range got {
			bits := uint32(0)
			if want.Data != nil {
				bits = math.Float32bits(want.Data[i])
			} else {
				bits = uint32(want.BF16[i]) << 16
			}
			if math.Float32bits(x) != bits {
				t.Fatalf("%q[%d] = %v", want.Name, i, x)
			}
		}
	}
	if _, err := OpenFS(fstest.MapFS{"w": {Data: buf.Bytes()[:buf.Len()-1]}}, "w"); !errors.Is(err, ErrFormat) {
		t.Errorf("truncated: %v", err)
	}
	if _, err := OpenFS(fstest.MapFS{}, "w"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
}

func TestOpenErrorsNameTheFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "short.safetensors")
	if err := os.WriteFile(path, []byte("abc"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{path, filepath.Join(dir, "none.safetensors"), dir} {
		if _, err := Open(p); err == nil || !strings.Contains(err.Error(), p) {
			t.Errorf("Open(%s) = %v, want an error that names it", p, err)
		}
	}
}

func FuzzNew(f *testing.F) {
	f.Add(raw(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, 8))
	f.Add(raw(`{"__metadata__":{"format":"pt"},"a":{"dtype":"BF16","shape":[1,2],"data_offsets":[0,4]}}  `, 4))
	f.Add(raw(`{"a":{"dtype":"F16","shape":[],"data_offsets":[0,2]},"b":{"dtype":"F64","shape":[0],"data_offsets":[2,2]}}`, 2))
	f.Add([]byte{8, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := openBytes(b)
		if err != nil {
			if !errors.Is(err, ErrFormat) {
				t.Fatalf("unclassified error: %v", err)
			}
			return
		}
		// What is accepted can be read, and written again to the same values.
		var out []Tensor
		for _, info := range file.Tensors() {
			if _, ok := converters[info.DType]; !ok {
				continue
			}
			data := make([]float32, info.Elements())
			if err := file.ReadFloat32(info.Name, data); err != nil {
				t.Fatal(err)
			}
			out = append(out, Tensor{Name: info.Name, Shape: info.Shape, Data: data})
		}
		var buf bytes.Buffer
		if err := Write(&buf, out, file.Metadata()); err != nil {
			t.Fatal(err)
		}
		again, err := openBytes(buf.Bytes())
		if err != nil {
			t.Fatalf("reading what was written: %v", err)
		}
		for _, want := range out {
			got := make([]float32, len(want.Data))
			if err := again.ReadFloat32(want.Name, got); err != nil {
				t.Fatal(err)
			}
			for i := range got {
				if math.Float32bits(got[i]) != math.Float32bits(want.Data[i]) {
					t.Fatalf("%q[%d] changed", want.Name, i)
				}
			}
		}
	})
}
