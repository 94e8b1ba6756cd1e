package match

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"crypto/sha256"
	_ "embed" // for the built-in set
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/klauspost/compress/zstd"

	"transcend/internal/bitboard"
	"transcend/internal/clip"
	"transcend/pgn"
)

// Opening is what a game begins with. Its zero value is the initial position.
type Opening struct {
	Name string // or where it stands in its file
	// Start is the position set up, the initial one when it is zero. Models
	// refuse to play from any other: they know a position by its moves alone.
	Start bitboard.Position
	Moves []bitboard.Move // made before the players are asked
}

func (o Opening) start() bitboard.Position {
	if o.Start == (bitboard.Position{}) {
		return bitboard.Start()
	}
	return o.Start
}

// OpeningOptions say in which order openings are played, and how much of them.
type OpeningOptions struct {
	// Format is "epd", "pgn", "lines", or empty to tell by the name of the file.
	Format string
	// Shuffle plays them in a random order that Seed decides, every one once
	// before any comes again.
	Shuffle bool
	Seed    uint64
	// Start leaves out the first so many of that order.
	Start int
	// Plies is how many plies of a line or game are taken; 0: all.
	Plies int
	// Single gives every slot an opening of its own; otherwise slots 2k and 2k+1
	// have the same opening, with colors reversed.
	Single bool
}

// Openings is a set of openings in an order. Its zero value gives every slot the
// initial position.
type Openings struct {
	name    string
	options OpeningOptions
	set     []Opening // when it was read whole
	lines   []string  // EPD, read when it is needed: such files have millions
	order   []int32
}

// maxOpenings bounds the number of openings and maxBook the size of a file, so
// that a wrong file is an error and not all of the memory.
const (
	maxOpenings = 1 << 25
	maxBook     = 2 << 30
)

// What OpeningsNamed takes besides the names of files.
const (
	NoOpenings   = "none"
	FromTheStart = "startpos" // the same in other words
	Builtin      = "builtin"
)

// OpeningsNamed is what --openings names: no openings, our own set (BuiltinOpenings), or a file
// (LoadOpenings).
func OpeningsNamed(name string, opt OpeningOptions) (*Openings, error) {
	switch name {
	case NoOpenings, FromTheStart:
		return new(Openings), nil
	case Builtin:
		return BuiltinOpenings(opt)
	}
	return LoadOpenings(name, opt)
}

//go:embed balanced.txt
var balanced []byte

// BuiltinOpenings is our own small set: some 140 balanced openings of 6 to 8
// plies, all from the initial position.
func BuiltinOpenings(opt OpeningOptions) (*Openings, error) {
	opt.Format = "lines"
	return readOpenings(Builtin, balanced, opt)
}

// LoadOpenings reads a file of openings: EPD or FEN, one a line; PGN; or lines of
// moves in UCI notation or SAN, one opening a line, optionally followed by " ; "
// and a name, "#" at the start of comments. It may be compressed by gzip, zstd or
// bzip2. Every opening is checked.
func LoadOpenings(path string, opt OpeningOptions) (*Openings, error) {
	b, err := readBook(path)
	if err != nil {
		return nil, fmt.Errorf("match: openings: %w", err)
	}
	return readOpenings(path, b, opt)
}

func readBook(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	br := bufio.NewReader(f)
	head, _ := br.Peek(4) // a short file is plain text
	var r io.Reader = br
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		if r, err = gzip.NewReader(br); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		d, err := zstd.NewReader(br)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		defer d.Close()
		r = d
	case bytes.HasPrefix(head, []byte("BZh")):
		r = bzip2.NewReader(br)
	}
	b, err := io.ReadAll(io.LimitReader(r, maxBook+1))
	if err == nil && len(b) > maxBook {
		err = fmt.Errorf("larger than %d MiB", maxBook>>20)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return b, nil
}

// formatOf tells a file's format by its name.
func formatOf(path string) string {
	name := strings.ToLower(path)
	for _, ext := range []string{".gz", ".zst", ".zstd", ".bz2"} {
		name = strings.TrimSuffix(name, ext)
	}
	switch filepath.Ext(name) {
	case ".epd", ".fen":
		return "epd"
	case ".pgn":
		return "pgn"
	}
	return "lines"
}

func readOpenings(path string, b []byte, opt OpeningOptions) (*Openings, error) {
	if opt.Format == "" {
		opt.Format = formatOf(path)
	}
	o := &Openings{options: opt}
	var err error
	switch opt.Format {
	case "epd":
		err = o.readEPD(b)
	case "pgn":
		err = o.readPGN(path, b)
	case "lines":
		err = o.readLines(b)
	default:
		return nil, fmt.Errorf("match: openings: no format %q (want epd, pgn or lines)", opt.Format)
	}
	n := len(o.set) + len(o.lines)
	switch {
	case err != nil:
	case opt.Start < 0 || opt.Plies < 0:
		err = errors.New("a negative start or number of plies")
	case n == 0:
		err = errors.New("there is none in it")
	case n > maxOpenings:
		err = fmt.Errorf("more than %d", maxOpenings)
	case opt.Start >= n:
		err = fmt.Errorf("the start is %d and there are %d", opt.Start, n)
	}
	if err != nil {
		return nil, fmt.Errorf("match: openings: %s: %w", path, err)
	}
	sum := sha256.Sum256(b)
	o.name = fmt.Sprintf("%s sha256:%s", filepath.Base(path), hex.EncodeToString(sum[:8]))
	o.order = make([]int32, n)
	for i := range o.order {
		o.order[i] = int32(i)
	}
	if opt.Shuffle {
		rng := rand.New(rand.NewPCG(opt.Seed, 0x6f70656e)) // "open"
		rng.Shuffle(n, func(i, j int) { o.order[i], o.order[j] = o.order[j], o.order[i] })
	}
	return o, nil
}

// eachLine calls f with every line that is neither empty nor a comment.
func eachLine(b []byte, f func(line string) error) error {
	number := 0
	for raw := range bytes.Lines(b) {
		number++
		line := strings.TrimSpace(string(raw))
		if number == 1 {
			line = strings.TrimPrefix(line, "\ufeff")
		}
		if line == "" || line[0] == '#' {
			continue
		}
		if err := f(line); err != nil {
			return fmt.Errorf("line %d: %w", number, err)
		}
	}
	return nil
}

func (o *Openings) readEPD(b []byte) error {
	return eachLine(b, func(line string) error {
		if len(o.lines) > maxOpenings {
			return fmt.Errorf("more than %d openings", maxOpenings)
		}
		opening, err := parseEPD(line)
		if err == nil {
			err = playable(opening)
		}
		o.lines = append(o.lines, line)
		return err
	})
}

// parseEPD reads a FEN, or an EPD with its operations; of these hmvc, fmvn and id
// count.
func parseEPD(line string) (Opening, error) {
	fields := strings.Fields(line)
	if len(fields) < 4 {
		return Opening{}, fmt.Errorf("%q is no EPD", clip.Text(line, 60))
	}
	half, full := "0", "1"
	name := ""
	rest := fields[4:]
	if len(rest) >= 2 && isNumber(rest[0]) && isNumber(rest[1]) {
		half, full = rest[0], rest[1]
		rest = rest[2:]
	}
	for operation := range strings.SplitSeq(strings.Join(rest, " "), ";") {
		code, value, _ := strings.Cut(strings.TrimSpace(operation), " ")
		switch code {
		case "hmvc":
			half = value
		case "fmvn":
			full = value
		case "id":
			name = strings.Trim(value, `"`)
		}
	}
	pos, err := bitboard.ParseFEN(strings.Join(append(fields[:4:4], half, full), " "))
	return Opening{Name: name, Start: pos}, err
}

func isNumber(s string) bool {
	_, err := strconv.ParseUint(s, 10, 16)
	return err == nil
}

func (o *Openings) readLines(b []byte) error {
	return eachLine(b, func(line string) error {
		moves, name, _ := strings.Cut(line, ";")
		opening := Opening{Name: strings.TrimSpace(name)}
		pos := bitboard.Start()
		for word := range strings.FieldsSeq(moves) {
			if o.options.Plies > 0 && len(opening.Moves) == o.options.Plies {
				break
			}
			m, err := pos.ParseUCIMove(word)
			if err != nil {
				m, err = pos.ParseSAN(word)
			}
			if err != nil {
				return err
			}
			pos.Make(m)
			opening.Moves = append(opening.Moves, m)
		}
		return o.add(opening)
	})
}

func (o *Openings) add(opening Opening) error {
	if len(o.set) > maxOpenings {
		return fmt.Errorf("more than %d openings", maxOpenings)
	}
	if err := playable(opening); err != nil {
		return err
	}
	o.set = append(o.set, opening)
	return nil
}

func (o *Openings) readPGN(path string, b []byte) error {
	r, err := pgn.NewReader(path, bytes.NewReader(b))
	if err != nil {
		return err
	}
	defer r.Close()
	for r.Scan() {
		if bad := r.BadGame(); bad != nil {
			return bad
		}
		g := r.Game()
		opening := Opening{Name: strings.Clone(pgnName(g)), Start: g.Start, Moves: append([]bitboard.Move(nil), g.Moves...)}
		if n := o.options.Plies; n > 0 && len(opening.Moves) > n {
			opening.Moves = opening.Moves[:n]
		}
		if opening.Start == bitboard.Start() {
			opening.Start = bitboard.Position{}
		}
		if err := o.add(opening); err != nil {
			return fmt.Errorf("game %d: %w", g.Number, err)
		}
	}
	return r.Err()
}

// pgnName is an opening's name by the tags that files of openings have.
func pgnName(g *pgn.Game) string {
	var parts []string
	for _, tag := range []string{"ECO", "Opening", "Variation"} {
		if v := g.Tag(tag); v != "" && v != "?" {
			parts = append(parts, v)
		}
	}
	return strings.Join(parts, " ")
}

// playable reports an opening after which there is nothing to play.
func playable(o Opening) error {
	g := bitboard.NewGame(o.start())
	for _, m := range o.Moves {
		if err := g.Make(m); err != nil {
			return err
		}
	}
	if result, why := g.Outcome(); result != bitboard.Ongoing {
		return fmt.Errorf("the game is over at the end of the opening: %v; take fewer plies of it", why)
	}
	return nil
}

// Len is the number of openings, 0 of the zero value.
func (o *Openings) Len() int {
	if o == nil {
		return 0
	}
	return len(o.order)
}

// At is the opening of a slot. After the last comes the first again.
func (o *Openings) At(slot int) Opening {
	if o.Len() == 0 {
		return Opening{}
	}
	if !o.options.Single {
		slot /= 2
	}
	i := int(o.order[(o.options.Start+slot)%len(o.order)])
	opening := Opening{}
	if o.lines != nil {
		opening, _ = parseEPD(o.lines[i]) // was checked
	} else {
		opening = o.set[i]
	}
	if opening.Name == "" {
		opening.Name = fmt.Sprintf("no. %d", i+1)
	}
	return opening
}

// Blindfold says whether all openings start from the initial position, as models
// need it.
func (o *Openings) Blindfold() bool {
	if o.Len() == 0 {
		return true
	}
	if o.lines != nil {
		return false
	}
	for _, opening := range o.set {
		if opening.start() != bitboard.Start() {
			return false
		}
	}
	return true
}

// String is the set and its order as a match's identity has them: "startpos", or
// "book.epd sha256:0123456789abcdef shuffled by 7 from 0, in pairs".
func (o *Openings) String() string {
	if o.Len() == 0 {
		return "startpos"
	}
	var s strings.Builder
	s.WriteString(o.name)
	if o.options.Shuffle {
		fmt.Fprintf(&s, " shuffled by %d", o.options.Seed)
	}
	if o.options.Start > 0 {
		fmt.Fprintf(&s, " from %d", o.options.Start)
	}
	if o.options.Plies > 0 {
		fmt.Fprintf(&s, " %d plies", o.options.Plies)
	}
	if o.options.Single {
		s.WriteString(", one a game")
	} else {
		s.WriteString(", in pairs")
	}
	return s.String()
}
