package pgn

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// numbered returns n games, the first move of each telling its number.
func numbered(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "[Event \"game %d\"]\n[Site \"%x\"]\n[Result \"1-0\"]\n\n1. %c%c e6 2. Nf3 Nf6 1-0\n\n", i+1, uint32(i)*2654435761, 'a'+i%8, '3'+i/8%2)
	}
	return b.String()
}

func zstdData(tb testing.TB, text string, opts ...zstd.EOption) []byte {
	tb.Helper()
	var b bytes.Buffer
	w, err := zstd.NewWriter(&b, append(opts, zstd.WithEncoderConcurrency(1))...)
	if err != nil {
		tb.Fatal(err)
	}
	io.WriteString(w, text)
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func gzipData(tb testing.TB, text string) []byte {
	tb.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	io.WriteString(w, text)
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// Two streams of bzip2, which Go cannot write: Event "b", 1. e4 e5 1-0, and after a
// line feed Event "c", 1. d4 d5 0-1.
var bzip2Data = func() [2][]byte {
	var data [2][]byte
	for i, text := range []string{
		"QlpoOTFBWSZTWQtHFZUAAAjfgAAQUANmAAIAAAoSAQUAIAAhqNA0wT1ChppgAe+/MrSrh07QpJGQdE/F3JFOFCQC0cVlQA==",
		"QlpoOTFBWSZTWcik0m8AAAHfgAAQUANmAAIAAAoOAQUAIAAxTTIxMTEGo0DTBMi8ISho5qZL2BBONCpqvi7kinChIZFJpN4=",
	} {
		b, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			panic(err)
		}
		data[i] = b
	}
	return data
}()

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func TestCompression(t *testing.T) {
	text := numbered(5000)
	want := scanText(t, text)
	half := strings.Index(text, "[Event \"game 2500\"]") + 30 // inside a tag
	skippable := []byte("\x53\x2a\x4d\x18\x05\x00\x00\x00hello")
	for _, test := range []struct {
		name string
		data []byte
	}{
		{"plain", []byte(text)},
		{"zstd", zstdData(t, text)},
		{"zstd, two frames", join(zstdData(t, text[:half]), zstdData(t, text[half:]))},
		{"zstd, skippable frames", join(skippable, zstdData(t, text[:half]), skippable, zstdData(t, text[half:]), skippable)},
		{"zstd, window of 128 MiB", zstdData(t, text, zstd.WithWindowSize(128<<20))},
		{"zstd, best, one segment", zstdData(t, text, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithSingleSegment(true))},
		{"gzip", gzipData(t, text)},
		{"gzip, two members", join(gzipData(t, text[:half]), gzipData(t, text[half:]))},
	} {
		for _, in := range []io.Reader{bytes.NewReader(test.data), iotest.HalfReader(bytes.NewReader(test.data)), iotest.DataErrReader(bytes.NewReader(test.data))} {
			r, err := NewReader(test.name, in)
			if err != nil {
				t.Errorf("%s: %v", test.name, err)
				continue
			}
			if got := scan(t, r); !reflect.DeepEqual(got, want) || r.Err() != nil {
				t.Errorf("%s: %d records, want %d; error %v", test.name, len(got), len(want), r.Err())
			}
			if n, size := r.Progress(); n != int64(len(test.data)) || size != 0 {
				t.Errorf("%s: progress %d of %d, want %d of 0", test.name, n, size, len(test.data))
			}
		}
	}

	r, err := NewReader("bzip2", bytes.NewReader(join(bzip2Data[0], bzip2Data[1])))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := scan(t, r), []string{"1: e2e4 e7e5 1-0", "2: d2d4 d7d5 0-1"}; !reflect.DeepEqual(got, want) || r.Err() != nil {
		t.Errorf("bzip2: %q, want %q; error %v", got, want, r.Err())
	}
}

// A file that is cut off anywhere gives the games before the cut, nothing that is
// not in the file, and an error that says what is wrong.
func TestCutOff(t *testing.T) {
	text := numbered(400)
	all := scanText(t, text)
	for _, test := range []struct {
		format string
		data   []byte
		plain  func([]byte) []byte // what another decoder makes of the start of the data
	}{
		{"zstd", zstdData(t, text, zstd.WithWindowSize(1<<10)), func(b []byte) []byte {
			d, err := zstd.NewReader(bytes.NewReader(b), zstd.WithDecoderConcurrency(1))
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			out, _ := io.ReadAll(d)
			return out
		}},
		{"gzip", gzipData(t, text), func(b []byte) []byte {
			d, err := gzip.NewReader(bytes.NewReader(b))
			if err != nil {
				return nil
			}
			out, _ := io.ReadAll(d)
			return out
		}},
	} {
		most := 0
		for cut := 6; cut < len(test.data); cut += 1 + len(test.data)/97 {
			var got []string
			r, err := NewReader("file", bytes.NewReader(test.data[:cut]))
			if err == nil {
				got = scan(t, r)
				err = r.Err()
			}
			message := fmt.Sprintf("pgn: read file: the %s data is cut off after game %d (fetch it again for the rest): unexpected EOF", test.format, len(got))
			if !errors.Is(err, io.ErrUnexpectedEOF) || err.Error() != message {
				t.Fatalf("%s cut at %d of %d: %v", test.format, cut, len(test.data), err)
			}
			// A game is there when its marker is.
			want := bytes.Count(test.plain(test.data[:cut]), []byte(" 1-0"))
			if len(got) != want || !reflect.DeepEqual(got, all[:want:want]) && want > 0 {
				t.Fatalf("%s cut at %d: %d games, want %d, the last %q", test.format, cut, len(got), want, got[max(0, len(got)-1):])
			}
			most = max(most, len(got))
		}
		if most < 100 {
			t.Errorf("%s: no cut left more than %d games", test.format, most)
		}
	}

	// A cut in the middle of a bzip2 block leaves nothing of it.
	r, err := NewReader("file", bytes.NewReader(join(bzip2Data[0], bzip2Data[1][:40])))
	if err != nil {
		t.Fatal(err)
	}
	if got := scan(t, r); len(got) != 1 || !errors.Is(r.Err(), io.ErrUnexpectedEOF) {
		t.Errorf("bzip2: %q, %v", got, r.Err())
	}
}

// What is left of a game at the cut is no game: its tags may be missing, its last
// move may be half a move.
func TestCutOffText(t *testing.T) {
	cut := errors.New("the line went dead")
	for text, want := range map[string]int{
		"[Event \"a\"]\n\n1. e4 1-0\n\n[Event \"b\"]\n":             1,
		"[Event \"a\"]\n\n1. e4 1-0\n\n[Event \"b":                  1,
		"[Event \"a\"]\n\n1. e4 1-0\n\n[Event \"b\"]\n\n1. e4":      1,
		"[Event \"a\"]\n\n1. e4 1-0\n\n[Event \"b\"]\n\n1. e4 e5 2": 1,
		"[Event \"a\"]\n\n1. e4 1-0\n\n[Event \"b\"]\n\n1. e4 {ab":  1,
		"[Event \"a\"]\n\n1. e4 1-0\n\n[Event \"b\"]\n\n1. d4 1-0":  2,
		"[Event \"a\"]\n\n1. e4 1-0":                                1,
		"[Event \"a\"]\n\n1. e4 1-0\n\n[Event b":                    1,
		"[Event \"a\"]\n\n1. e4\n\n[Event \"b\"]\n\n1. d4 *\n":      2,
	} {
		r := newReader(t, io.MultiReader(strings.NewReader(text), iotest.ErrReader(cut)), 16)
		// The filter must not judge by half of the tags.
		r.Filter(func(h *Header) bool {
			return h.Tag("Event") != "b" || strings.Contains(text, "1. d4") || strings.Contains(text, "b\"]\n\n1.")
		})
		if got := scan(t, r); len(got) != want || !errors.Is(r.Err(), cut) {
			t.Errorf("%q: %q, want %d records; error %v", text, got, want, r.Err())
		} else if r.Skipped() > 0 {
			t.Errorf("%q: %d games skipped", text, r.Skipped())
		} else if r.Err().Error() != "pgn: read test: the line went dead" {
			t.Error(r.Err())
		}
	}
}

// An error of what the data comes from is not blamed on the data.
func TestCutOffConnection(t *testing.T) {
	dead := errors.New("the line went dead")
	for _, data := range [][]byte{zstdData(t, numbered(3000)), gzipData(t, numbered(3000)), bzip2Data[0]} {
		r, err := NewReader("net", io.MultiReader(bytes.NewReader(data[:len(data)/2]), iotest.ErrReader(dead)))
		if err != nil {
			t.Fatal(err)
		}
		scan(t, r)
		if err := r.Err(); !errors.Is(err, dead) || err.Error() != "pgn: read net: the line went dead" {
			t.Error(err)
		}
	}
}

func TestDamage(t *testing.T) {
	text := numbered(3000)
	data := zstdData(t, text)
	damaged := bytes.Clone(data)
	damaged[len(damaged)*3/4] ^= 0xff
	for _, test := range []struct {
		name, want string
		data       []byte
	}{
		{"damaged", "the zstd data is damaged after game ", damaged},
		{"followed by text", "the zstd data is damaged after game 3000", join(data, []byte("[Event \"more\"]"))},
		{"gzip header", "the gzip data is damaged after game 0 (check it with gzip -t", []byte("\x1f\x8bAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")},
		{"window", "the zstd data needs a window of more than 128 MiB (decompress it with zstd -dc --long=31", zstdData(t, text, zstd.WithWindowSize(256<<20))},
	} {
		var games []string
		r, err := NewReader("file", bytes.NewReader(test.data))
		if err == nil {
			games = scan(t, r)
			err = r.Err()
		}
		if err == nil || !strings.HasPrefix(err.Error(), "pgn: read file: "+test.want) {
			t.Errorf("%s: %d games, error %v, want %q", test.name, len(games), err, test.want)
		}
		if test.name == "followed by text" && len(games) != 3000 {
			t.Errorf("%d games before the text", len(games))
		}
	}
}

func TestUnsupported(t *testing.T) {
	for data, want := range map[string]string{
		"\xfd7zXZ\x00\x00":        "pgn: open file: xz is not supported: decompress it with xz -dc and read standard input",
		"PK\x03\x04aaaaaa":        "pgn: open file: zip is not supported: unpack it with unzip -p and read standard input",
		"7z\xbc\xaf\x27\x1c":      "pgn: open file: 7z is not supported: unpack it with 7z x -so and read standard input",
		"\x04\x22\x4d\x18xx":      "pgn: open file: lz4 is not supported: decompress it with lz4 -dc and read standard input",
		"\xff\xfe[\x00E\x00v\x00": "pgn: open file: UTF-16 is not supported: convert it with iconv -f UTF-16 -t UTF-8",
		"\xfe\xff\x00[\x00E\x00v": "pgn: open file: UTF-16 is not supported: convert it with iconv -f UTF-16 -t UTF-8",
	} {
		if _, err := NewReader("file", strings.NewReader(data)); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", data, err, want)
		}
	}
	// Text that looks a little like something else is text.
	for _, text := range []string{"BZhX1A 1. e4", "", "1", "\x1f", "(\xb5/", "\x60\x2a\x4d\x18 frame"} {
		r, err := NewReader("file", strings.NewReader(text))
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if f := r.in.format; f != "" {
			t.Errorf("%q is taken for %s", text, f)
		}
		r.Close()
	}
}

func write(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	put := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	a := put("a.pgn", []byte("1. e4 *"))
	put("b.pgn.zst", zstdData(t, "1. d4 * 1. Ke5 *"))
	put("c.pgn.zst", zstdData(t, "\ufeff1. c4 *"))
	put("d.pgn.gz", gzipData(t, "1. b4 *"))
	strange := put("x[1].pgn", []byte("1. a4 *"))
	put("empty.pgn", nil)

	r, err := OpenWith(strings.NewReader("1. h4 *"), a, filepath.Join(dir, "[b-d].pgn*"), "-", strange, filepath.Join(dir, "empty.pgn"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for r.Scan() {
		name := ""
		if g := r.Game(); g != nil {
			name = g.File
		} else {
			name = r.BadGame().File
		}
		got = append(got, filepath.Base(name)+" "+describe(r))
	}
	want := []string{
		"a.pgn 1: e2e4 *", "b.pgn.zst 1: d2d4 *", "b.pgn.zst 2: bad at 11: illegal move \"Ke5\" at ply 1: no such piece can go there",
		"c.pgn.zst 1: c2c4 *", "d.pgn.gz 1: b2b4 *", "standard input 1: h2h4 *", "x[1].pgn 1: a2a4 *",
	}
	if !reflect.DeepEqual(got, want) || r.Err() != nil {
		t.Errorf("got %q\nwant %q\nerror %v", got, want, r.Err())
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}

	// All sizes are known when there are only files.
	r, err = Open(a, strange)
	if err != nil {
		t.Fatal(err)
	}
	scan(t, r)
	if n, size := r.Progress(); n != 14 || size != 14 {
		t.Errorf("progress %d of %d, want 14 of 14", n, size)
	}
}

func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	good := write(t, "good.pgn", []byte("1. e4 *"))
	xz := write(t, "games.pgn.xz", []byte("\xfd7zXZ\x00\x00"))
	for _, test := range []struct {
		paths []string
		want  string
		is    error
	}{
		{nil, "pgn: no file to read", nil},
		{[]string{good, filepath.Join(dir, "gone.pgn")}, "pgn: open " + filepath.Join(dir, "gone.pgn") + ": no such file or directory", fs.ErrNotExist},
		{[]string{filepath.Join(dir, "*.pgn")}, "pgn: open " + filepath.Join(dir, "*.pgn") + ": no file matches: file does not exist", fs.ErrNotExist},
		{[]string{filepath.Join(dir, "[")}, "pgn: open " + filepath.Join(dir, "[") + ": syntax error in pattern", filepath.ErrBadPattern},
		{[]string{dir}, "pgn: open " + dir + ": it is a directory: name its files, as in " + filepath.Join(dir, "*.pgn"), nil},
		{[]string{"-", "-"}, "pgn: standard input can be read only once", nil},
		{[]string{good, xz}, "pgn: open " + xz + ": xz is not supported: decompress it with xz -dc and read standard input", nil},
	} {
		_, err := Open(test.paths...)
		if err == nil || err.Error() != test.want || test.is != nil && !errors.Is(err, test.is) {
			t.Errorf("%q: %v\nwant %s", test.paths, err, test.want)
		}
	}

	// A file that goes away later ends the reading; what came before it counts.
	late := write(t, "late.pgn", []byte("1. d4 *"))
	r, err := Open(good, late, good)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(late); err != nil {
		t.Fatal(err)
	}
	if got := scan(t, r); len(got) != 1 || !errors.Is(r.Err(), fs.ErrNotExist) {
		t.Errorf("%q, %v", got, r.Err())
	}
}

// A reader that is closed early stops, and leaves no goroutine behind (TestMain
// looks for them).
func TestCloseEarly(t *testing.T) {
	path := write(t, "a.pgn.zst", zstdData(t, numbered(50_000)))
	r, err := Open(path, path)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		r.Scan()
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if r.Scan() || r.Game() != nil || r.BadGame() != nil || r.Err() != nil {
		t.Error("a closed reader reads")
	}
	if err := r.Close(); err != nil {
		t.Error("closing twice:", err)
	}

	// A pipe that nobody writes to any more must not hold Close up.
	pr, pw, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer pw.Close()
	data := zstdData(t, numbered(50_000))
	if _, err := pw.Write(data[:4000]); err != nil {
		t.Fatal(err)
	}
	r = &Reader{}
	if err := r.start("pipe", pr, pr.Close); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

// An empty read that goes on for ever is an error, not a hang.
func TestNoProgress(t *testing.T) {
	r := newReader(t, io.MultiReader(strings.NewReader("1. e4 *\n\n1. d4 * "), stuck{}), 64)
	if got := scan(t, r); len(got) != 2 || !errors.Is(r.Err(), io.ErrNoProgress) {
		t.Errorf("%q, %v", got, r.Err())
	}
}

type stuck struct{}

func (stuck) Read([]byte) (int, error) { return 0, nil }

// TestReadInputs: inputs are opened when they are reached, each is closed before
// the next one is opened, and an error of Open ends the reading as it is.
func TestReadInputs(t *testing.T) {
	var log []string
	refused := errors.New("refused")
	in := func(name, text string, err error) Input {
		return Input{name, int64(len(text)), func() (io.ReadCloser, error) {
			log = append(log, "open "+name)
			return closeFunc{strings.NewReader(text), func() error { log = append(log, "close "+name); return nil }}, err
		}}
	}
	const game = "[Site \"x\"]\n\n1. e4 e5 1-0\n\n"
	r := ReadInputs(in("a", game+game, nil), in("b", game, nil), in("c", "", refused), in("d", game, nil))
	for r.Scan() {
		g := r.Game()
		log = append(log, fmt.Sprintf("game %s %d", g.File, g.Number))
	}
	if r.Err() != refused {
		t.Errorf("the error is %v", r.Err())
	}
	want := "open a|game a 1|game a 2|close a|open b|game b 1|close b|open c"
	if got := strings.Join(log, "|"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if _, size := r.Progress(); size != int64(4*len(game)) {
		t.Errorf("the size of all is %d", size)
	}
	r.Close()
	if r = ReadInputs(Input{Size: 5}, Input{Size: -1}, Input{Size: 5}); r.size != 0 {
		t.Errorf("an unknown size makes a size of %d", r.size)
	}
}

type closeFunc struct {
	io.Reader
	close func() error
}

func (c closeFunc) Close() error { return c.close() }

// TestDamagedBeforeTheLineDied: the decoder reads ahead, so that a line may be dead
// before an earlier block turns out to be damaged. What is said is what comes first in
// the file.
func TestDamagedBeforeTheLineDied(t *testing.T) {
	file := zstdData(t, numbered(2000))
	dead := errors.New("the line went dead")
	damages, ahead := 0, 0
	for at := 20; at < len(file); at += 1 + len(file)/40 {
		bad := bytes.Clone(file)
		bad[at] ^= 0xff
		died := make(chan struct{})
		r, err := NewReader("x", io.MultiReader(bytes.NewReader(bad), readerFunc(func([]byte) (int, error) {
			select {
			case <-died:
			default:
				close(died)
			}
			return 0, dead
		})))
		if err != nil {
			t.Fatal(err)
		}
		select {
		case <-died:
			ahead++
		case <-time.After(50 * time.Millisecond): // a decoder that does not come so far
		}
		for r.Scan() {
		}
		err = r.Err()
		switch whole, direct := zstd.NewReader(bytes.NewReader(bad)); {
		case direct != nil:
			t.Fatal(direct)
		default:
			if _, direct = io.Copy(io.Discard, whole); direct != nil && !errors.Is(direct, io.ErrUnexpectedEOF) {
				damages++
				if errors.Is(err, dead) || !strings.Contains(fmt.Sprint(err), "damaged after game") {
					t.Errorf("damaged at %d: %v; the decoder alone: %v", at, err, direct)
				}
			}
			whole.Close()
		}
		r.Close()
	}
	t.Logf("%d bytes, %d damages, %d times the line was dead first", len(file), damages, ahead)
	if damages == 0 || ahead == 0 {
		t.Errorf("%d damages, %d times the line was dead first: nothing was tested", damages, ahead)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// TestDamagedIsNotCutOff: a block that is damaged long before the end of a file is not
// taken for the end, whatever the decoder says.
func TestDamagedIsNotCutOff(t *testing.T) {
	e, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	file := e.EncodeAll([]byte(numbered(60000)), nil)
	misleading := 0
	for i := range 40 {
		at := len(file)/10 + i*997
		bad := bytes.Clone(file)
		for j := range 500 {
			bad[at+j] ^= 0x5a
		}
		d, err := zstd.NewReader(bytes.NewReader(bad))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, d); errors.Is(err, io.ErrUnexpectedEOF) {
			misleading++
		}
		d.Close()
		r, err := NewReader("x", bytes.NewReader(bad))
		if err != nil {
			t.Fatal(err)
		}
		for r.Scan() {
		}
		if err := r.Err(); err == nil || errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(err.Error(), "damaged after game") {
			t.Errorf("damaged at %d: %v", at, err)
		}
		r.Close()
	}
	if misleading == 0 {
		t.Error("the decoder never says that a damaged block is cut off: nothing was tested")
	}
	t.Logf("%d bytes, %d of 40 damages are called an early end by the decoder", len(file), misleading)
}
