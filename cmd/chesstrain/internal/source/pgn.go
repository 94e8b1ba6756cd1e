package source

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/pflag"

	"transcend/internal/cli"
	"transcend/pgn"
)

// pgnFiles are games in files and on standard input.
type pgnFiles struct {
	PGN []string `json:"pgn,omitempty"`
}

func (p *pgnFiles) addFlags(fs *pflag.FlagSet) {
	fs.StringArrayVar(&p.PGN, "pgn", nil, "games to read: a file, a 'glob' or - for standard input; plain, .zst, .gz or .bz2; may be repeated")
}

func (p *pgnFiles) asks() []string                { return []string{"pgn"} }
func (p *pgnFiles) plays() bool                   { return false }
func (p *pgnFiles) example() (what, flags string) { return "", "" }
func (p *pgnFiles) settle(bool)                   {}
func (p *pgnFiles) given() bool                   { return len(p.PGN) > 0 }
func (p *pgnFiles) goesOn() []string              { return nil }

// AddArgs takes the words behind the flags: a shell expands an unquoted glob into
// several of them.
func (p *pgnFiles) AddArgs(args []string) error {
	if len(p.PGN) > 0 {
		p.PGN = append(p.PGN, args...)
	} else if len(args) > 0 {
		return cli.WithHint(cli.Usagef("unexpected argument %q", args[0]), "games are given as --pgn "+args[0])
	}
	return nil
}

// ReadsStandardInput says whether games come from there: they cannot be read again.
func (p *pgnFiles) ReadsStandardInput() bool { return slices.Contains(p.PGN, "-") }

// check reports files that cannot be read.
func (p *pgnFiles) check() error {
	for _, path := range p.PGN {
		if path == "-" {
			continue
		}
		matches, err := filepath.Glob(path)
		if err != nil {
			return cli.Usagef("--pgn %s: %w", path, err)
		}
		if len(matches) == 0 {
			if strings.ContainsAny(path, "*?[") {
				return cli.Usagef("--pgn %s: no file matches", path)
			}
			return cli.Usagef("--pgn %s: no such file", path)
		}
		for _, m := range matches {
			info, err := os.Stat(m)
			if err != nil {
				return cli.Usagef("--pgn %s: %w", path, err)
			}
			if info.IsDir() {
				return cli.WithHint(cli.Usagef("--pgn %s is a directory", m), fmt.Sprintf("give its files: --pgn '%s'", filepath.Join(m, "*.pgn*")))
			}
			f, err := os.Open(m)
			if err != nil {
				return cli.Usagef("--pgn %s: %w", path, err)
			}
			f.Close()
		}
	}
	return nil
}

// open opens nothing yet: the files are, when their turn comes.
func (p *pgnFiles) open(ctx context.Context, stdin io.Reader, _ *progress) ([]*source, error) {
	inputs, err := pgn.Inputs(interruptible(ctx, stdin), p.PGN...)
	if err != nil {
		return nil, err
	}
	var sources []*source
	for _, in := range inputs {
		sources = append(sources, &source{name: in.Name, size: in.Size, open: in.Open})
	}
	return sources, nil
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
