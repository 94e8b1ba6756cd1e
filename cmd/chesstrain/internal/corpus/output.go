package corpus

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"

	"transcend/internal/atomicfile"
	"transcend/internal/cli"
)

// output is the file to make.
type output struct {
	path  string // --out
	force bool   // --force
}

// check looks at --out, which is of no use to find wrong after hours.
func (o *output) check() error {
	switch o.path {
	case "":
		return cli.Usagef("--out is missing: the corpus file to make, as --out games.parquet")
	case "-":
		return cli.WithHint(cli.Usagef("--out -: a corpus cannot be written to a pipe, for its file appears only when it is complete"), "name a file: --out games.parquet")
	}
	info, err := os.Stat(o.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return cli.Usagef("--out %s: %w", o.path, bare(err))
	case info.IsDir():
		return cli.WithHint(cli.Usagef("--out %s is a directory", o.path), "name a file in it: --out "+filepath.Join(o.path, "games.parquet"))
	case !info.Mode().IsRegular():
		return cli.Usagef("--out %s is not a regular file", o.path)
	case !o.force:
		return cli.WithHint(cli.Usagef("--out %s exists", o.path), "replace it with --force, or choose another name")
	}
	if _, err := os.Stat(filepath.Dir(o.path)); errors.Is(err, fs.ErrNotExist) {
		return cli.WithHint(cli.Usagef("--out %s: there is no directory %s", o.path, filepath.Dir(o.path)), "make it: mkdir -p "+filepath.Dir(o.path))
	}
	return nil
}

// bare takes the operation and path off an error of package os.
func bare(err error) error {
	if path := (*fs.PathError)(nil); errors.As(err, &path) {
		return path.Err
	}
	return err
}

// lock makes sure that nobody else is making the file, that it can be written,
// and that nothing is left of a process that was killed while it made it.
func (o *output) lock() (unlock func(), err error) {
	path := o.path + ".lock"
	lock := flock.New(path)
	locked, err := lock.TryLock()
	if err != nil {
		return nil, cli.WithHint(fmt.Errorf("--out %s cannot be written: %w", o.path, bare(err)), "choose a place where files can be made")
	}
	if !locked {
		lock.Close()
		return nil, cli.WithHint(fmt.Errorf("another chesstrain prepare is making %s", o.path), "wait for it, or choose another --out")
	}
	unlock = func() {
		// Two that come at this very moment may both believe to have the lock. The
		// file of one then fails to get its name.
		os.Remove(path)
		lock.Close()
	}
	if err := atomicfile.RemoveTemporaries(filepath.Dir(o.path), filepath.Base(o.path)+".tmp-"); err != nil {
		unlock()
		return nil, err
	}
	return unlock, nil
}

// counter counts what is written.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}
