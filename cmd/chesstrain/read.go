package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync"
	"time"

	"transcend/data"
	"transcend/internal/cli"
	"transcend/pgn"
)

// readPGN filters the games into a corpus, showing how far it is.
func (t *trainRun) readPGN(ctx context.Context) (*data.Corpus, data.FilterReport, error) {
	var report data.FilterReport
	r, err := pgn.OpenWith(interruptible(ctx, t.stdin), t.PGN...)
	if err != nil {
		return nil, report, err
	}
	defer r.Close()
	status := cli.NewStatus(t.stderr)
	defer status.Close()
	began := time.Now()
	corpus := data.NewCorpus()
	report, err = data.ReadPGN(ctx, r, t.filter(), func(g *data.Game) error {
		corpus.Append(g)
		if n := corpus.Len(); n%500 == 0 {
			done := 0.0
			if read, size := r.Progress(); size > 0 {
				done = float64(read) / float64(size)
			}
			status.Set(done, fmt.Sprintf(" reading: %s games kept, %s a second", cli.Count(n), cli.SI(float64(n)/time.Since(began).Seconds())))
		}
		return nil
	})
	if err != nil {
		// A download that was cut off costs what is missing, not the games before.
		// With more files behind it, it would cost them too: that is for the user
		// to decide.
		if ctx.Err() != nil || report.Kept == 0 || !errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, report, err
		}
		if countInputs(t.PGN) > 1 {
			return nil, report, cli.WithHint(err, "fetch it again, or leave it out")
		}
		status.Close()
		fmt.Fprintf(t.warnings, "warning: %v\n", err)
	}
	status.Set(1, " hashing the sources")
	corpus.Provenance = data.Provenance{Program: t.Program, Filter: t.filter(), Report: report}
	corpus.Provenance.Sources, err = sources(t.PGN)
	return corpus, report, err
}

// sources describes the files that were read, so that the corpus says exactly
// what it was made from. Standard input leaves only its name.
func sources(paths []string) ([]data.Source, error) {
	var out []data.Source
	for _, p := range paths {
		if p == "-" {
			out = append(out, data.Source{Name: "standard input"})
			continue
		}
		for _, file := range inputs(p) {
			s, err := data.FileSource(file)
			if err != nil {
				return nil, err
			}
			out = append(out, s)
		}
	}
	return out, nil
}

// interruptible is r, but a Read that waits for more ends with ctx: standard
// input cannot be closed under a reader. What still waits for r then ends with
// the program.
func interruptible(ctx context.Context, r io.Reader) io.Reader {
	pr, pw := io.Pipe()
	var start sync.Once
	return readerFunc(func(b []byte) (int, error) {
		// Nothing is taken from r before somebody asks.
		start.Do(func() {
			context.AfterFunc(ctx, func() { pw.CloseWithError(ctx.Err()) })
			go func() {
				_, err := io.Copy(pw, r)
				pw.CloseWithError(err)
			}()
		})
		return pr.Read(b)
	})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

// countInputs counts the files that the paths and globs name.
func countInputs(paths []string) int {
	n := 0
	for _, p := range paths {
		n += len(inputs(p))
	}
	return n
}

// inputs are the files that a path or glob names.
func inputs(path string) []string {
	if matches, err := filepath.Glob(path); err == nil && len(matches) > 0 {
		return matches
	}
	return []string{path}
}
