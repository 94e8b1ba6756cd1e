package pgn

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// maxZstdWindow is the largest window a zstd stream may ask for, which bounds the
// memory its decoder takes. "zstd --long" writes 128 MiB.
const maxZstdWindow = 128 << 20

// stdinName is what standard input is called in games and errors.
const stdinName = "standard input"

// format is a compression format the reader knows of.
type format struct {
	name  string // "" for plain text
	magic string // first bytes; a dot stands for any byte
	hint  string // for formats that are not read: what to do
}

var formats = []format{
	{name: "zstd", magic: "\x28\xb5\x2f\xfd"},
	{name: "zstd", magic: ".\x2a\x4d\x18"}, // skippable frame, 0x50 to 0x5f first
	{name: "gzip", magic: "\x1f\x8b"},
	{name: "bzip2", magic: "BZh.1A"}, // the digits of pi that start a block
	{name: "bzip2", magic: "BZh.\x17r"},
	{name: "xz", magic: "\xfd7zXZ\x00", hint: "decompress it with xz -dc and read standard input"},
	{name: "zip", magic: "PK\x03\x04", hint: "unpack it with unzip -p and read standard input"},
	{name: "7z", magic: "7z\xbc\xaf\x27\x1c", hint: "unpack it with 7z x -so and read standard input"},
	{name: "lz4", magic: "\x04\x22\x4d\x18", hint: "decompress it with lz4 -dc and read standard input"},
	{name: "UTF-16", magic: "\xff\xfe", hint: "convert it with iconv -f UTF-16 -t UTF-8"},
	{name: "UTF-16", magic: "\xfe\xff", hint: "convert it with iconv -f UTF-16 -t UTF-8"},
}

// detect returns the format of a stream that starts with b.
func detect(b []byte) format {
next:
	for _, f := range formats {
		if len(b) < len(f.magic) {
			continue
		}
		for i := range len(f.magic) {
			if f.magic[i] != '.' && f.magic[i] != b[i] {
				continue next
			}
		}
		switch {
		case f.magic[0] == '.' && b[0]&0xf0 != 0x50,
			f.name == "bzip2" && (b[3] < '1' || b[3] > '9'):
			continue
		}
		return f
	}
	return format{}
}

// unsupported returns the error for a format that is not read, or nil.
func (f format) unsupported(name string) error {
	if f.hint == "" {
		return nil
	}
	return fmt.Errorf("pgn: open %s: %s is not supported: %s", name, f.name, f.hint)
}

// input is one stream of text and what it is decompressed from.
type input struct {
	name     string
	format   string // "" for plain text
	raw      *rawReader
	text     io.Reader
	blocks   blockReader // what text is in, unless it is nil
	stop     func()      // ends the reading of blocks
	closeRaw func() error
}

// rawReader counts what is read from a file and keeps the error that ended
// that. Decoders read it in goroutines of their own.
type rawReader struct {
	r     io.Reader
	count *atomic.Int64
	ended atomic.Bool // the file was read to its end
	err   atomic.Pointer[error]
}

func (r *rawReader) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	r.count.Add(int64(n))
	switch {
	case err == io.EOF:
		r.ended.Store(true)
	case err != nil:
		ended := err // so that err itself stays off the heap
		r.err.Store(&ended)
	}
	return n, err
}

// newInput finds out how raw is compressed. closeRaw, which may be nil, closes
// raw; when there is an error it is not called. The zstd decoder is made when
// it is needed first.
func newInput(name string, raw io.Reader, closeRaw func() error, count *atomic.Int64, decoder **zstd.Decoder) (*input, error) {
	rr := &rawReader{r: raw, count: count}
	br := bufio.NewReaderSize(rr, 64<<10)
	head, err := br.Peek(6)
	if err != nil && err != io.EOF {
		return nil, fmt.Errorf("pgn: read %s: %w", name, err)
	}
	f := detect(head)
	if err := f.unsupported(name); err != nil {
		return nil, err
	}
	in := &input{name: name, format: f.name, raw: rr, text: br, stop: func() {}, closeRaw: closeRaw}
	switch f.name {
	case "zstd":
		if *decoder == nil {
			if *decoder, err = newDecoder(); err != nil {
				return nil, fmt.Errorf("pgn: open %s: start the zstd decoder: %w", name, err)
			}
		}
		d := *decoder
		if err := d.Reset(br); err != nil {
			return nil, in.wrap(err, 0)
		}
		blocks := newDecoded(d)
		in.blocks, in.stop = blocks, blocks.stop
	case "gzip":
		d, err := gzip.NewReader(br)
		if err != nil {
			return nil, in.wrap(err, 0)
		}
		in.text = d
	case "bzip2":
		in.text = bzip2.NewReader(br)
	}
	return in, nil
}

// decoderBlocks is how many blocks of a zstd stream, of 128 KiB each, the decoder
// works on at a time. Its stages and the reader wait for each other less when
// there are more blocks than cores: on two cores 8 are half as fast again as the
// 2 the library would take.
const decoderBlocks = 8

// newDecoder returns a zstd decoder.
func newDecoder() (*zstd.Decoder, error) {
	return zstd.NewReader(nil, zstd.WithDecoderMaxWindow(maxZstdWindow), zstd.WithDecoderConcurrency(decoderBlocks))
}

// decoded is the text that comes out of a zstd decoder, in the decoder's own blocks:
// its WriteTo writes them, and waits while they are looked at.
type decoded struct {
	next func() ([]byte, bool)
	stop func() // before the decoder is used for anything else
	err  error
}

func newDecoded(d *zstd.Decoder) *decoded {
	s := &decoded{}
	s.next, s.stop = iter.Pull(func(yield func([]byte) bool) {
		_, s.err = d.WriteTo(yieldWriter(yield))
	})
	return s
}

// Block returns the next block.
func (s *decoded) Block() ([]byte, error) {
	if b, ok := s.next(); ok {
		return b, nil
	}
	if s.err == nil {
		return nil, io.EOF
	}
	return nil, s.err
}

type yieldWriter func([]byte) bool

func (yield yieldWriter) Write(b []byte) (int, error) {
	if !yield(b) {
		return 0, errClosed
	}
	return len(b), nil
}

// shut closes what the input is read from.
func (in *input) shut() error {
	if in.closeRaw == nil {
		return nil
	}
	return in.closeRaw()
}

// close is shut for an input that was not read to its end.
func (in *input) close() error {
	if err := in.shut(); err != nil {
		return fmt.Errorf("pgn: close %s: %w", in.name, err)
	}
	return nil
}

// wrap says what an error that ended the text after so many games means, and
// what can be done.
func (in *input) wrap(err error, games int) error {
	raw := in.raw.err.Load()
	// A decoder reads ahead: a file that went away later is not why an earlier block
	// could not be decoded. Decoders return the errors of what they read as they are.
	if raw != nil && errors.Is(err, *raw) {
		err = *raw
	} else if in.format != "" {
		what := fmt.Sprintf("the %s data is damaged after game %d (check it with %s -t, fetch it again)", in.format, games, in.format)
		switch {
		case errors.Is(err, io.ErrUnexpectedEOF) && !in.raw.ended.Load():
			// A decoder says so of a block whose content ends too early, too. It is not
			// the file that does: there is more of it. (Of a block among the file's last,
			// which the zstd decoder reads while it decodes those before, it may be said
			// either way.)
			err = errors.New("a block ends too early")
		case errors.Is(err, io.ErrUnexpectedEOF):
			what = fmt.Sprintf("the %s data is cut off after game %d (fetch it again for the rest)", in.format, games)
		case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded):
			what = fmt.Sprintf("the zstd data needs a window of more than %d MiB (decompress it with zstd -dc --long=31 and read standard input)", maxZstdWindow>>20)
		}
		return fmt.Errorf("pgn: read %s: %s: %w", in.name, what, err)
	}
	return fmt.Errorf("pgn: read %s: %w", in.name, err)
}

// Input is a stream that is opened when the reader comes to it.
type Input struct {
	Name string // in games and errors
	Size int64  // bytes as stored, -1 when it is not known
	// Open returns the stream. The reader closes it, perhaps from another goroutine
	// than the one that waits in Read, which then should return.
	Open func() (io.ReadCloser, error)
}

// Inputs turns paths and glob patterns into inputs, as Open reads them, and checks
// that each can be opened.
func Inputs(stdin io.Reader, paths ...string) ([]Input, error) {
	if len(paths) == 0 {
		return nil, errors.New("pgn: no file to read")
	}
	var inputs []Input
	readsStdin := false
	for _, path := range paths {
		if path == "-" {
			if readsStdin {
				return nil, errors.New("pgn: standard input can be read only once")
			}
			readsStdin = true
			inputs = append(inputs, Input{stdinName, -1, func() (io.ReadCloser, error) { return io.NopCloser(stdin), nil }})
			continue
		}
		matches := []string{path}
		// A file may have the characters of a pattern in its name.
		if _, err := os.Stat(path); err != nil && strings.ContainsAny(path, "*?[") {
			if matches, err = filepath.Glob(path); err != nil {
				return nil, fmt.Errorf("pgn: open %s: %w", path, err)
			}
			if len(matches) == 0 {
				return nil, fmt.Errorf("pgn: open %s: no file matches: %w", path, fs.ErrNotExist)
			}
		}
		for _, name := range matches {
			size, err := check(name)
			if err != nil {
				return nil, err
			}
			inputs = append(inputs, Input{name, size, func() (io.ReadCloser, error) {
				f, err := os.Open(name)
				if err != nil {
					return nil, fmt.Errorf("pgn: %w", err)
				}
				return f, nil
			}})
		}
	}
	return inputs, nil
}

// check makes sure that a file can be read and returns its size, -1 for
// something that has none. What can be known now is not left for the hour
// when the reader comes to the file.
func check(name string) (int64, error) {
	info, err := os.Stat(name)
	if err != nil {
		var path *fs.PathError
		if errors.As(err, &path) {
			err = path.Err // "stat" would tell nobody anything
		}
		return 0, fmt.Errorf("pgn: open %s: %w", name, err)
	}
	switch {
	case info.IsDir():
		return 0, fmt.Errorf("pgn: open %s: it is a directory: name its files, as in %s", name, filepath.Join(name, "*.pgn"))
	case !info.Mode().IsRegular():
		return -1, nil // a pipe can be opened only once
	}
	f, err := os.Open(name)
	if err != nil {
		return 0, fmt.Errorf("pgn: %w", err)
	}
	defer f.Close()
	head := make([]byte, 6)
	n, err := io.ReadFull(f, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return 0, fmt.Errorf("pgn: %w", err)
	}
	return info.Size(), detect(bytes.Clone(head[:n])).unsupported(name)
}
