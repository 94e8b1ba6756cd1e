package kg

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// maxLine bounds a line of a file, in bytes.
const maxLine = 64 << 10

// A SyntaxError says where a file is not what it should be.
type SyntaxError struct {
	File string
	Line int // from 1; 0 when the error is about the whole file
	Msg  string
	Help string // what to do about it, or ""
}

func (e *SyntaxError) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("kg: %s: %s", e.File, e.Msg)
	}
	return fmt.Sprintf("kg: %s:%d: %s", e.File, e.Line, e.Msg)
}

// Hint returns what to do about the error.
func (e *SyntaxError) Hint() string { return e.Help }

// ReadReport counts what a file held besides edges.
type ReadReport struct {
	Lines      int `json:"lines"`
	Duplicates int `json:"duplicates"` // edges given more than once
	Literals   int `json:"literals"`   // N-Triples whose object is a text or a number: left out
	Schema     int `json:"schema"`     // N-Triples about types and names: used, but no edges
}

// ReadFile reads a graph from a .tsv or an .nt file.
func ReadFile(path string) (*Graph, ReadReport, error) {
	var read func(string, io.Reader) (*Graph, ReadReport, error)
	switch strings.ToLower(filepath.Ext(path)) {
	case ".tsv":
		read = ReadTSV
	case ".nt":
		read = ReadNTriples
	default:
		return nil, ReadReport{}, &SyntaxError{File: path, Msg: "its name does not say how it is written", Help: "name it .tsv or .nt (N-Triples)"}
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, ReadReport{}, fmt.Errorf("kg: %w", err)
	}
	defer f.Close()
	return read(path, f)
}

// eachLine calls f with every line, without its end, and its number. An error of f
// that is not a *SyntaxError becomes one.
func eachLine(name string, r io.Reader, f func(n int, line string) error) error {
	sc := bufio.NewScanner(r)
	sc.Buffer(make([]byte, 0, 4096), maxLine)
	n := 0
	for sc.Scan() {
		n++
		if err := f(n, sc.Text()); err != nil {
			var se *SyntaxError
			if errors.As(err, &se) {
				return err
			}
			return &SyntaxError{File: name, Line: n, Msg: err.Error()}
		}
	}
	switch err := sc.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return &SyntaxError{File: name, Line: n + 1, Msg: fmt.Sprintf("the line is longer than %d bytes", maxLine), Help: "is this a text file?"}
	case err != nil:
		return fmt.Errorf("kg: reading %s: %w", name, err)
	}
	return nil
}

// built finishes a graph that was read from a file.
func built(name string, b *Builder) (*Graph, error) {
	g, err := b.Build()
	if err != nil {
		return nil, &SyntaxError{File: name, Msg: err.Error()}
	}
	return g, nil
}

// maxQuoted is how many bytes of a text from outside a message quotes.
const maxQuoted = 60
