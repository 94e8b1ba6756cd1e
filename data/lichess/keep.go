package lichess

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"

	"transcend/internal/atomicfile"
	"transcend/internal/clip"
)

// keeper keeps a file on disk while it is read. In its directory there are
//
//	NAME            the whole file
//	NAME.part       its beginning
//	NAME.part.json  what the beginning is of: partInfo
//	NAME.lock       locked while there is a keeper
//	NAME.bad        a file that was wrong, for inspection
type keeper struct {
	path string // NAME with its directory
	lock *flock.Flock
	part *os.File
}

// partInfo is what NAME.part.json holds.
type partInfo struct {
	URL string `json:"url"`
	identity
}

// maxInfo is the largest NAME.part.json that is read.
const maxInfo = 64 << 10

func (k *keeper) partPath() string { return k.path + ".part" }
func (k *keeper) infoPath() string { return k.path + ".part.json" }
func (k *keeper) badPath() string  { return k.path + ".bad" }
func (k *keeper) lockPath() string { return k.path + ".lock" }

// openKeeper returns the file name of a directory when it is whole, or else a
// keeper for it.
func openKeeper(dir, name string) (whole *os.File, k *keeper, err error) {
	path := filepath.Join(dir, name)
	if whole, err = openWhole(path); whole != nil || err != nil {
		return whole, nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, nil, err
	}
	k = &keeper{path: path}
	if whole, err = k.open(); whole != nil || err != nil {
		k.close()
		return whole, nil, err
	}
	return nil, k, nil
}

// open locks the file and opens its part, or returns the file when it is whole.
func (k *keeper) open() (whole *os.File, err error) {
	k.lock = flock.New(k.lockPath())
	locked, err := k.lock.TryLock()
	if err != nil {
		return nil, err
	}
	if !locked {
		return nil, fmt.Errorf("%w (%s is locked): wait for it or take another directory", ErrLocked, k.lockPath())
	}
	// Whoever had the lock before may have come to the end.
	if whole, err = openWhole(k.path); whole != nil || err != nil {
		return whole, err
	}
	k.part, err = os.OpenFile(k.partPath(), os.O_RDWR|os.O_CREATE, 0o644)
	return nil, err
}

// openWhole opens a file; nil when there is none.
func openWhole(path string) (*os.File, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file", path)
	}
	if err == nil && info.Size() == 0 {
		err = fmt.Errorf("%s is empty: delete it to fetch it again", path)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// load returns what there is of an earlier run: its size and what it is of. A size of
// 0 is nothing. An error says why there is something that is of no use.
func (k *keeper) load(url string) (int64, identity, error) {
	stat, err := k.part.Stat()
	if err != nil || stat.Size() == 0 {
		return 0, identity{}, err
	}
	info, err := readInfo(k.infoPath())
	if err != nil {
		return 0, identity{}, err
	}
	switch {
	case info.URL != url:
		return 0, identity{}, fmt.Errorf("it is of %s", clip.Text(info.URL, maxQuoted))
	case !info.known():
		return 0, identity{}, errors.New("it is not known which version of the file it is of")
	case info.Size >= 0 && stat.Size() > info.Size:
		return 0, identity{}, fmt.Errorf("it has %d bytes, more than the %d of the whole file", stat.Size(), info.Size)
	case stat.Size() > maxFile:
		return 0, identity{}, fmt.Errorf("it has %d bytes, which cannot be", stat.Size())
	}
	return stat.Size(), info.identity, nil
}

// readInfo reads a NAME.part.json.
func readInfo(path string) (partInfo, error) {
	f, err := os.Open(path)
	if err != nil {
		return partInfo{}, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxInfo+1))
	if err != nil {
		return partInfo{}, err
	}
	info, err := parseInfo(b)
	if err != nil {
		return partInfo{}, fmt.Errorf("%s: %w", path, err)
	}
	return info, nil
}

// parseInfo reads the text of a NAME.part.json.
func parseInfo(b []byte) (partInfo, error) {
	if len(b) > maxInfo {
		return partInfo{}, fmt.Errorf("it has more than %d bytes", maxInfo)
	}
	info := partInfo{identity: identity{Size: -1}}
	if err := json.Unmarshal(b, &info); err != nil {
		return partInfo{}, err
	}
	if info.Size < -1 || info.Size > maxFile {
		return partInfo{}, fmt.Errorf("a size of %d bytes cannot be", info.Size)
	}
	return info, nil
}

// begin empties the part and notes what will be in it. The old bytes must be gone
// before the new note is there, even when the machine stops in between.
func (k *keeper) begin(url string, id identity) error {
	if err := k.part.Truncate(0); err != nil {
		return err
	}
	if err := k.part.Sync(); err != nil {
		return err
	}
	b, err := json.MarshalIndent(partInfo{url, id}, "", "  ")
	if err != nil {
		return err
	}
	return atomicfile.WriteBytes(k.infoPath(), 0o644, append(b, '\n'))
}

// write puts bytes at an offset.
func (k *keeper) write(b []byte, offset int64) error {
	if _, err := k.part.WriteAt(b, offset); err != nil {
		return fmt.Errorf("keeping it: %w (the part that is there stays of use; make room or read without keeping the file)", err)
	}
	return nil
}

// commit gives the part, which is whole, its name.
func (k *keeper) commit() error {
	if err := k.part.Sync(); err != nil {
		return err
	}
	return k.rename(k.path)
}

// reject puts the part, which is wrong, aside.
func (k *keeper) reject() error { return k.rename(k.badPath()) }

// rename gives the part another name and ends the keeping.
func (k *keeper) rename(to string) error {
	err := k.part.Close()
	k.part = nil
	if err != nil {
		return err
	}
	if err := os.Rename(k.partPath(), to); err != nil {
		return err
	}
	if err := os.Remove(k.infoPath()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := atomicfile.SyncDir(filepath.Dir(k.path)); err != nil {
		return err
	}
	if to == k.path {
		// Whoever gets the old lock file's lock sees the whole file next. Where an
		// open file cannot be removed it stays.
		os.Remove(k.lockPath())
	}
	return nil
}

// close ends the keeping; the part stays.
func (k *keeper) close() error {
	var err error
	if k.part != nil {
		err = k.part.Close()
		k.part = nil
	}
	if k.lock != nil {
		err = errors.Join(err, k.lock.Close())
	}
	return err
}
