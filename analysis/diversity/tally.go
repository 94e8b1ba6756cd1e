package diversity

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"transcend/internal/bitboard"
)

// entry counts a move from a state in a band of ratings.
type entry struct {
	key uint64 // of the state, see stateKey
	tag uint32 // half-move, band and move, see tagOf
	n   uint32 // 0: an empty slot
}

const entryBytes = 16

func tagOf(ply, band int, move uint16) uint32 {
	return uint32(ply)<<24 | uint32(band)<<16 | uint32(move)
}

func (e entry) ply() int     { return int(e.tag >> 24) }
func (e entry) band() int    { return int(e.tag >> 16 & 255) }
func (e entry) move() uint16 { return uint16(e.tag) }

// table is open addressing with linear probing by the key alone: what belongs to a state stands in one run of
// full slots, and is found together without sorting. At most half of the slots are full.
type table struct {
	slots []entry
	full  int
	shift uint
}

const leastSlots = 1 << 8

func newTable(slots int) *table {
	t := &table{shift: 64}
	for n := 1; n < slots; n *= 2 {
		t.shift--
	}
	t.slots = make([]entry, 1<<(64-t.shift))
	return t
}

// place is where a key's search begins. Keys are hashes, but their highest bits are those of the part and their
// lowest may be no hash.
func (t *table) place(key uint64) int { return int(key * 0x9e3779b97f4a7c15 >> t.shift) }

// add reports whether the table is now half full.
func (t *table) add(key uint64, tag uint32, n uint32) bool {
	mask := len(t.slots) - 1
	for i := t.place(key); ; i = (i + 1) & mask {
		e := &t.slots[i]
		if e.n == 0 {
			*e = entry{key, tag, n}
			t.full++
			return 2*t.full >= len(t.slots)
		}
		// A count that would not fit begins another entry; they are added up when they are read.
		if e.key == key && e.tag == tag && e.n <= ^uint32(0)-n {
			e.n += n
			return false
		}
	}
}

// grow doubles the slots.
func (t *table) grow() {
	old := t.slots
	*t = *newTable(2 * len(old))
	for _, e := range old {
		if e.n > 0 {
			t.add(e.key, e.tag, e.n)
		}
	}
}

// each shows visit the entries of every state, which may be used until it returns.
func (t *table) each(visit func(state []entry)) {
	mask := len(t.slots) - 1
	begin := 0
	for t.slots[begin].n > 0 { // there are empty ones
		begin++
	}
	var run []entry
	for i := range len(t.slots) {
		if e := t.slots[(begin+i+1)&mask]; e.n > 0 {
			run = append(run, e)
			continue
		}
		eachState(run, visit)
		run = run[:0]
	}
}

// eachState divides entries into states.
func eachState(run []entry, visit func(state []entry)) {
	if len(run) == 1 {
		visit(run)
		return
	}
	slices.SortFunc(run, func(a, b entry) int {
		switch {
		case a.ply() != b.ply():
			return a.ply() - b.ply()
		case a.key < b.key:
			return -1
		case a.key > b.key:
			return 1
		}
		return 0
	})
	for lo := 0; lo < len(run); {
		hi := lo + 1
		for hi < len(run) && run[hi].key == run[lo].key && run[hi].ply() == run[lo].ply() {
			hi++
		}
		visit(run[lo:hi])
		lo = hi
	}
}

// tally counts entries exactly in bounded memory. Keys are divided into parts, each with a table of its own that lies
// in a near cache while what has gathered for it is counted: one large table would miss all caches at every
// count. When the tables have taken their budget their entries go to files, one for each part, which are read back one
// after the other. What is in the files is bounded by the disk; reading one back takes the memory of its distinct
// entries, a 256th of all.
type tally struct {
	dir     string // of the files, made when it is needed
	most    int    // slots of all tables together
	slots   int
	parts   [partitions]part
	spilled int64 // entries that had no room
	onDisk  bool
	written bool // there is something in the files

	// known are numbers of legal moves, by the position's hash: the first half-moves of most games are the same.
	known []legalMoves
}

type legalMoves struct{ hash, n uint64 }

// part is the keys that begin with the same 8 bits.
type part struct {
	table   *table
	waiting []entry // to be counted
	file    *os.File
	writer  *bufio.Writer
}

const (
	partitions = 256
	waiting    = 256

	knownBits = 12
)

// newTally keeps its files in a new directory below dir, unless open names one. budget is bytes.
func newTally(dir string, budget int64) *tally {
	t := &tally{dir: dir, most: int(max(budget/entryBytes, 2*partitions*leastSlots)), known: make([]legalMoves, 1<<knownBits)}
	for i := range t.parts {
		t.parts[i].waiting = make([]entry, 0, waiting)
		t.parts[i].table = newTable(leastSlots)
	}
	t.slots = partitions * leastSlots
	return t
}

// legal is the number of legal moves, at most 218.
func (t *tally) legal(p *bitboard.Position) uint64 {
	h := p.Hash()
	k := &t.known[h>>(64-knownBits)]
	if k.hash != h || k.n == 0 {
		*k = legalMoves{h, bitboard.Perft(p, 1) + 1}
	}
	return k.n - 1
}

// settle counts what waits.
func (t *tally) settle() error {
	for i := range t.parts {
		if err := t.count(&t.parts[i]); err != nil {
			return err
		}
	}
	return nil
}

func (t *tally) add(key uint64, tag uint32) error {
	p := &t.parts[key>>56]
	p.waiting = append(p.waiting, entry{key, tag, 1})
	if len(p.waiting) < waiting {
		return nil
	}
	return t.count(p)
}

// count puts what waits into the table.
func (t *tally) count(p *part) error {
	for i, e := range p.waiting {
		if !p.table.add(e.key, e.tag, e.n) {
			continue
		}
		// While it grows there are the old slots, too.
		size := len(p.table.slots)
		if t.slots+2*size <= t.most {
			p.table.grow()
			t.slots += size
			continue
		}
		p.waiting = append(p.waiting[:0], p.waiting[i+1:]...)
		n, err := t.spill()
		if err != nil {
			return err
		}
		t.spilled += n
		return t.count(p)
	}
	p.waiting = p.waiting[:0]
	return nil
}

// open makes or opens the files in a directory that is kept, as long as s says that they are.
func (t *tally) open(dir string, s *state) error {
	t.dir, t.onDisk, t.spilled, t.written = dir, true, s.Spilled, s.Lengths != [partitions]int64{}
	for i := range t.parts {
		f, err := os.OpenFile(filepath.Join(dir, fmt.Sprintf("%03d", i)), os.O_RDWR|os.O_CREATE, 0o644)
		if err != nil {
			return fmt.Errorf("diversity: counting on disk: %w", err)
		}
		t.parts[i].file, t.parts[i].writer = f, bufio.NewWriterSize(f, 1<<14)
		info, err := f.Stat()
		switch {
		case err != nil:
			return fmt.Errorf("diversity: counting on disk: %w", err)
		case s.Lengths[i] < 0 || s.Lengths[i]%entryBytes != 0 || info.Size() < s.Lengths[i]:
			return fmt.Errorf("%s has %d bytes, and was saved with %d", f.Name(), info.Size(), s.Lengths[i])
		}
		if err := f.Truncate(s.Lengths[i]); err != nil {
			return fmt.Errorf("diversity: counting on disk: %w", err)
		}
		if _, err := f.Seek(s.Lengths[i], io.SeekStart); err != nil {
			return fmt.Errorf("diversity: counting on disk: %w", err)
		}
	}
	return nil
}

// save brings everything to the files and says how long they are.
func (t *tally) save(s *state) error {
	if err := t.settle(); err != nil {
		return err
	}
	if _, err := t.spill(); err != nil {
		return err
	}
	for i := range t.parts {
		err := t.parts[i].writer.Flush()
		if err == nil {
			s.Lengths[i], err = t.parts[i].file.Seek(0, io.SeekCurrent)
		}
		if err != nil {
			return fmt.Errorf("diversity: counting on disk: %w", err)
		}
	}
	s.Spilled = t.spilled
	return nil
}

// spill writes the tables' entries to the files, empties the tables, and returns how many there were.
func (t *tally) spill() (entries int64, err error) {
	if !t.onDisk {
		dir, err := os.MkdirTemp(t.dir, "counts-*")
		if err != nil {
			return 0, fmt.Errorf("diversity: counting on disk: %w", err)
		}
		t.dir, t.onDisk = dir, true
		for i := range t.parts {
			f, err := os.Create(filepath.Join(dir, fmt.Sprintf("%03d", i)))
			if err != nil {
				return 0, fmt.Errorf("diversity: counting on disk: %w", err)
			}
			t.parts[i].file, t.parts[i].writer = f, bufio.NewWriterSize(f, 1<<14)
		}
	}
	t.written = true
	var b [entryBytes]byte
	for i := range t.parts {
		p := &t.parts[i]
		for k, e := range p.table.slots {
			if e.n == 0 {
				continue
			}
			binary.LittleEndian.PutUint64(b[:], e.key)
			binary.LittleEndian.PutUint32(b[8:], e.tag)
			binary.LittleEndian.PutUint32(b[12:], e.n)
			if _, err := p.writer.Write(b[:]); err != nil {
				return entries, fmt.Errorf("diversity: counting on disk: %w", err)
			}
			p.table.slots[k].n = 0
		}
		entries += int64(p.table.full)
		p.table.full = 0
	}
	return entries, nil
}

// each shows visit the entries of every state, which may be used until it returns. Several may have the same tag. Nothing can
// be added afterwards.
func (t *tally) each(visit func(state []entry)) error {
	if err := t.settle(); err != nil {
		return err
	}
	if t.written {
		if _, err := t.spill(); err != nil {
			return err
		}
		for i := range t.parts {
			t.parts[i].table = nil
		}
	}
	for i := range t.parts {
		p := &t.parts[i]
		if t.written {
			var err error
			if p.table, err = p.read(); err != nil {
				return fmt.Errorf("diversity: counts on disk: %w", err)
			}
		}
		p.table.each(visit)
		p.table = nil
	}
	return nil
}

// read counts what is in the file.
func (p *part) read() (*table, error) {
	err := p.writer.Flush()
	if err == nil {
		_, err = p.file.Seek(0, io.SeekStart)
	}
	t := newTable(leastSlots)
	r := bufio.NewReaderSize(p.file, 1<<16)
	var b [entryBytes]byte
	for err == nil {
		if _, err = io.ReadFull(r, b[:]); err == nil &&
			t.add(binary.LittleEndian.Uint64(b[:]), binary.LittleEndian.Uint32(b[8:]), binary.LittleEndian.Uint32(b[12:])) {
			t.grow()
		}
	}
	if err != io.EOF {
		return nil, err
	}
	return t, nil
}

// close closes the files, and removes them.
func (t *tally) close(remove bool) error {
	if !t.onDisk {
		return nil
	}
	var errs []error
	for i := range t.parts {
		if f := t.parts[i].file; f != nil {
			errs = append(errs, f.Close())
		}
	}
	if remove {
		errs = append(errs, os.RemoveAll(t.dir))
	}
	return errors.Join(errs...)
}
