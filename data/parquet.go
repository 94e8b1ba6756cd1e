package data

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"

	"transcend/data/internal/gamehash"
	"transcend/data/internal/parquetfile"
	"transcend/internal/atomicfile"
	"transcend/internal/bitboard"
	"transcend/internal/clip"
)

// A corpus file is a Parquet file with one row a game; docs/formats.md describes it
// for other programs.
//
//	white         UTF8, optional     player's name as written
//	black         UTF8, optional
//	white_elo     INT32, optional    rating as in the source, 1 to 9999
//	black_elo     INT32, optional
//	result        UTF8               "1-0", "0-1", "1/2-1/2" or "*"
//	rated         BOOLEAN, optional  whether the game counted for the ratings
//	time_control  UTF8, optional     PGN's TimeControl as written, "300+5" in seconds
//	termination   UTF8, optional     PGN's Termination as written, "Time forfeit"
//	date          UTF8, optional     "2018.06.12" (UTC where the source has it), "??" for what is unknown
//	site          UTF8, optional     PGN's Site
//	moves         LIST of INT32 (UINT_16), one element a ply
//	san           UTF8               the moves in SAN with a blank between two; only there on request
//
// A move's bits: 0-5 from square, 6-11 to square (a1 0, b1 1, ... h8 63), 12-14
// what a pawn becomes (0 nothing, 2 knight, 3 bishop, 4 rook, 5 queen), 15 zero.
// Castling is the king's move by two squares. Absent values are unknown.
//
// Two keys of the file's metadata belong to it: corpusKey with the JSON of
// parquetMetadata, movesKey with the paragraph above for whoever meets the file.
//
// Files of version 1 lack white, black, rated, termination and san.
const (
	corpusKey = "transcend.corpus"
	movesKey  = "transcend.moves"

	parquetVersion = 2

	movesText = "Games of chess from the normal starting position, one element of moves a ply. " +
		"Bits 0-5: from square, bits 6-11: to square (a1=0, b1=1, ..., h8=63), " +
		"bits 12-14: promotion (0 none, 2 knight, 3 bishop, 4 rook, 5 queen), bit 15 zero. " +
		"Castling is the king's move (e1g1). " +
		"Ratings are as the source gives them; null is unknown."
)

// parquetMetadata is stored under corpusKey.
type parquetMetadata struct {
	Version     int    `json:"version"`
	Games       int    `json:"games"`
	Plies       int    `json:"plies"`
	Fingerprint string `json:"fingerprint"` // of Corpus.Fingerprint, hexadecimal
	Provenance
}

// parquetRow is a row as parquet-go writes it; nil is null. Nulls are pointers because
// parquet-go v0.32.0 writes some zero values of optional fields as values: in a batch
// where k zeros, k values and zeros follow each other, the zeros up to the 64th row
// (writeRowsFuncOfOptional).
type parquetRow struct {
	White       *string  `parquet:"white,optional,dict"`
	Black       *string  `parquet:"black,optional,dict"`
	WhiteElo    *int32   `parquet:"white_elo,optional,dict"`
	BlackElo    *int32   `parquet:"black_elo,optional,dict"`
	Result      string   `parquet:"result,dict"`
	Rated       *bool    `parquet:"rated,optional"`
	TimeControl *string  `parquet:"time_control,optional,dict"`
	Termination *string  `parquet:"termination,optional,dict"`
	Date        *string  `parquet:"date,optional,dict"`
	Site        *string  `parquet:"site,optional,plain"`
	Moves       []uint16 `parquet:"moves,list" parquet-element:",dict"`
}

// rowValues is what the pointers of a row point to.
type rowValues struct {
	white, black, timeControl, termination, date, site string
	whiteElo, blackElo                                 int32
}

// orNull returns nil for what is unknown.
func orNull[T comparable](v *T) *T {
	var zero T
	if *v == zero {
		return nil
	}
	return v
}

// sanRow is a row with the optional column.
type sanRow struct {
	parquetRow
	SAN string `parquet:"san,plain"`
}

// ratedValue is Rated as parquet-go writes it.
var ratedValue = func() [3]*bool {
	yes, no := true, false
	return [3]*bool{RatedYes: &yes, RatedNo: &no}
}()

const (
	// rowsPerGroup bounds the writer's memory and lets other readers skip and split.
	rowsPerGroup = 1 << 17
	// rowsPerBatch is how many rows parquet-go gets at a time, which is what it is
	// made for.
	rowsPerBatch = 256
)

// WriteOptions are the choices of NewParquetWriter.
type WriteOptions struct {
	// SAN adds the moves as text, which other programs can read without decoding
	// them. The file becomes about twice as large.
	SAN bool
}

// A ParquetWriter writes a corpus file game by game, in bounded memory: that of one
// row group of 2^17 games.
type ParquetWriter struct {
	plain *parquet.GenericWriter[parquetRow] // one of the two
	san   *parquet.GenericWriter[sanRow]
	// The rows that wait for parquet-go, in one of rows and sans.
	rows   []parquetRow
	sans   []sanRow
	values [rowsPerBatch]rowValues
	moves  []uint16
	texts  []byte // SAN, one game after the other
	ends   []int

	games int
	plies int
	print fingerprint
	err   error
}

// NewParquetWriter returns a writer to w. Without Close, what it writes is no
// Parquet file.
func NewParquetWriter(w io.Writer, o WriteOptions) *ParquetWriter {
	config := []parquet.WriterOption{
		parquet.Compression(&zstd.Codec{Level: zstd.SpeedDefault}),
		parquet.MaxRowsPerRowGroup(rowsPerGroup),
		parquet.PageBufferSize(1 << 20),
	}
	if o.SAN {
		return &ParquetWriter{san: parquet.NewGenericWriter[sanRow](w, config...)}
	}
	return &ParquetWriter{plain: parquet.NewGenericWriter[parquetRow](w, config...)}
}

// Write adds a game, under the same conditions as Corpus.Append. It keeps nothing
// of it but a copy.
func (w *ParquetWriter) Write(g *Game) error {
	if w.err != nil {
		return w.err
	}
	if len(w.rows)+len(w.sans) == rowsPerBatch {
		if err := w.flush(); err != nil {
			return err
		}
	}
	v := &w.values[len(w.rows)+len(w.sans)]
	*v = rowValues{
		white: clean(g.White), black: clean(g.Black), timeControl: clean(g.TimeControl),
		termination: clean(g.Termination), date: clean(g.Date), site: clean(g.Site),
		whiteElo: int32(rating(g.WhiteElo)), blackElo: int32(rating(g.BlackElo)),
	}
	rated := knownRated(g.Rated)
	row := parquetRow{
		White: orNull(&v.white), Black: orNull(&v.black), WhiteElo: orNull(&v.whiteElo), BlackElo: orNull(&v.blackElo),
		Result: g.Result.String(), Rated: ratedValue[rated],
		TimeControl: orNull(&v.timeControl), Termination: orNull(&v.termination), Date: orNull(&v.date), Site: orNull(&v.site),
	}
	from := len(w.moves)
	for _, m := range g.Moves {
		w.moves = append(w.moves, uint16(m))
	}
	row.Moves = w.moves[from:]
	if w.san != nil {
		if w.err = w.addSAN(g.Moves); w.err != nil {
			return w.err
		}
		w.sans = append(w.sans, sanRow{parquetRow: row})
	} else {
		w.rows = append(w.rows, row)
	}
	w.games++
	w.plies += len(g.Moves)
	w.print.add(g.Moves, g.Result, uint16(v.whiteElo), uint16(v.blackElo), v.timeControl, v.date)
	w.print.h = gamehash.Bytes(w.print.h, v.site)
	w.print.addV2(v.white, v.black, v.termination, rated)
	return nil
}

// addSAN puts a game's moves behind those of the games before it.
func (w *ParquetWriter) addSAN(moves []bitboard.Move) error {
	p := bitboard.Start()
	for ply, m := range moves {
		if !p.IsLegal(m) {
			return fmt.Errorf("data: writing a corpus file: game %d: ply %d: move %v is %w", w.games+1, ply+1, m, bitboard.ErrIllegalMove)
		}
		if ply > 0 {
			w.texts = append(w.texts, ' ')
		}
		w.texts = p.AppendSAN(w.texts, m)
		p.Make(m)
	}
	w.ends = append(w.ends, len(w.texts))
	return nil
}

// flush hands the waiting rows to parquet-go.
func (w *ParquetWriter) flush() error {
	if w.err != nil {
		return w.err
	}
	var err error
	if w.san != nil {
		text := string(w.texts)
		for i := range w.sans {
			lo, hi := span(w.ends, i)
			w.sans[i].SAN = text[lo:hi]
		}
		_, err = w.san.Write(w.sans)
	} else {
		_, err = w.plain.Write(w.rows)
	}
	if err != nil {
		w.err = fmt.Errorf("data: writing a corpus file: %w", err)
	}
	// Nothing that games came from is to be held on to.
	clear(w.values[:])
	clear(w.rows)
	clear(w.sans)
	w.rows, w.sans, w.moves, w.texts, w.ends = w.rows[:0], w.sans[:0], w.moves[:0], w.texts[:0], w.ends[:0]
	return w.err
}

// Games returns how many games were written.
func (w *ParquetWriter) Games() int { return w.games }

// Close ends the file with its metadata. It does not close the writer below.
func (w *ParquetWriter) Close(p Provenance) error {
	if err := w.flush(); err != nil {
		return err
	}
	meta, err := json.Marshal(parquetMetadata{
		Version: parquetVersion, Games: w.games, Plies: w.plies,
		Fingerprint: fmt.Sprintf("%016x", w.print.sum()), Provenance: p,
	})
	if err == nil {
		var file interface {
			SetKeyValueMetadata(key, value string)
			Close() error
		} = w.plain
		if w.san != nil {
			file = w.san
		}
		file.SetKeyValueMetadata(corpusKey, string(meta))
		file.SetKeyValueMetadata(movesKey, movesText)
		err = file.Close()
	}
	w.err = errors.New("data: writing to a corpus file that is closed")
	if err != nil {
		w.err = fmt.Errorf("data: writing a corpus file: %w", err)
		return w.err
	}
	return nil
}

// WriteParquet writes the games and c.Provenance into a corpus file, which
// appears whole or not at all.
func (c *Corpus) WriteParquet(path string) error {
	err := atomicfile.WriteFile(path, 0o644, c.writeParquet)
	if err != nil {
		return fmt.Errorf("data: corpus: %w", err)
	}
	return nil
}

func (c *Corpus) writeParquet(w io.Writer) error {
	pw := NewParquetWriter(w, WriteOptions{})
	for _, g := range c.All() {
		if err := pw.Write(&g); err != nil {
			return err
		}
	}
	return pw.Close(c.Provenance)
}

// A CorpusError says why a file cannot be used as a corpus.
type CorpusError struct {
	Path   string
	Reason string
	Err    error // what Reason rests on, or nil
}

func (e *CorpusError) Error() string {
	s := "data: corpus " + e.Path + ": " + e.Reason
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *CorpusError) Unwrap() error { return e.Err }

// ParquetOptions are the choices of LoadParquet.
type ParquetOptions struct {
	// Trust leaves out the replay of the games, which takes about as long as
	// reading them. The checksums and the fingerprint of the file are checked
	// anyway, so the games are those that were written. The character tokenizer
	// needs games that were replayed; Corpus.Check does it later.
	Trust bool

	// lenient lets fuzzed files get past the checksums and the fingerprint.
	lenient bool
}

// ReadParquet reads a corpus file and replays its games.
func ReadParquet(path string) (*Corpus, error) {
	return LoadParquet(context.Background(), path, ParquetOptions{})
}

// LoadParquet reads a corpus file. A file that is damaged, foreign or made by a
// newer version is a *CorpusError; whatever it holds, nothing panics and no
// memory is asked for that its size does not justify.
func LoadParquet(ctx context.Context, path string, o ParquetOptions) (*Corpus, error) {
	f, size, err := openCorpus(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return LoadParquetFrom(ctx, path, f, size, o)
}

func openCorpus(path string) (*os.File, int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, &CorpusError{path, "cannot be opened", err}
	}
	info, err := f.Stat()
	switch {
	case err != nil:
		err = &CorpusError{path, "cannot be read", err}
	case info.IsDir():
		err = &CorpusError{path, "is a directory", nil}
	default:
		return f, info.Size(), nil
	}
	f.Close()
	return nil, 0, err
}

// LoadParquetFrom is LoadParquet for the first size bytes of r, called name in
// errors.
func LoadParquetFrom(ctx context.Context, name string, r io.ReaderAt, size int64, o ParquetOptions) (*Corpus, error) {
	c, err := loadParquet(ctx, r, size, o)
	if err != nil {
		return nil, named(name, err)
	}
	return c, nil
}

// named says which file an error of reading it is about.
func named(name string, err error) error {
	var ce *CorpusError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &ce):
		ce.Path = name
		return err
	case errors.Is(err, parquetfile.ErrFormat) || errors.Is(err, io.ErrUnexpectedEOF):
		return &CorpusError{name, "is damaged or no corpus (make it again from its sources)", err}
	}
	return &CorpusError{name, "cannot be read", err}
}

func loadParquet(ctx context.Context, r io.ReaderAt, size int64, o ParquetOptions) (*Corpus, error) {
	p, meta, err := openParquet(ctx, r, size, o)
	if err != nil {
		return nil, err
	}
	defer p.r.Close()
	if err := p.spend(p.f.Rows() * bytesPerGame); err != nil {
		return nil, err
	}
	p.c.grow(int(p.f.Rows()), meta.Plies, p.budget)
	p.c.Provenance = meta.Provenance
	p.c.games.unchecked = true
	for group := range p.f.Groups() {
		first := p.c.Len()
		if err := p.group(group); err != nil {
			return nil, err
		}
		if !o.Trust {
			if err := p.c.replay(ctx, first); err != nil {
				if ctx.Err() != nil {
					return nil, err
				}
				return nil, &CorpusError{Reason: "holds an illegal game (it was not made by this program, or by a faulty one)", Err: err}
			}
		}
	}
	p.c.games.unchecked = o.Trust
	if o.lenient {
		return p.c, nil
	}
	return p.c, meta.check(fmt.Sprintf("%016x", p.c.Fingerprint()), p.c.Plies())
}

// check compares what was read with what the metadata says.
func (m *parquetMetadata) check(fingerprint string, plies int) error {
	if fingerprint != m.Fingerprint || plies != m.Plies {
		return &CorpusError{Reason: fmt.Sprintf("holds other games than its metadata says: fingerprint %s, want %s (was it edited by another program?)", fingerprint, clip.Text(m.Fingerprint, quoted))}
	}
	return nil
}

// openParquet reads metadata. The reader is to be closed.
func openParquet(ctx context.Context, r io.ReaderAt, size int64, o ParquetOptions) (*parquetLoader, *parquetMetadata, error) {
	f, err := parquetfile.Open(r, size)
	if err != nil {
		return nil, nil, err
	}
	text, ok := f.Lookup(corpusKey)
	if !ok {
		return nil, nil, &CorpusError{Reason: fmt.Sprintf("is a Parquet file of another program: its metadata has no %q", corpusKey)}
	}
	var meta parquetMetadata
	if err := json.Unmarshal([]byte(text), &meta); err != nil {
		return nil, nil, &CorpusError{Reason: "has unreadable metadata", Err: err}
	}
	if meta.Version < 1 || meta.Version > parquetVersion {
		return nil, nil, &CorpusError{Reason: fmt.Sprintf("has format version %d, this program reads versions 1 to %d", meta.Version, parquetVersion)}
	}
	if int64(meta.Games) != f.Rows() || f.Rows() >= math.MaxUint32 {
		return nil, nil, &CorpusError{Reason: fmt.Sprintf("has %d rows, its metadata says %d games", f.Rows(), meta.Games)}
	}
	columns, err := findColumns(f, meta.Version)
	if err != nil {
		return nil, nil, err
	}
	reader, err := f.NewReader()
	if err != nil {
		return nil, nil, err
	}
	reader.IgnoreChecksums(o.lenient)
	return &parquetLoader{ctx: ctx, f: f, r: reader, at: columns, c: NewCorpus(), known: NewMoveTokenizer(), budget: memoryBudget(size)}, &meta, nil
}

// StreamParquet gives the games of a corpus file to emit, which may use a game until it returns, in the memory of
// one row group. The first from row groups are left out. emit is told the row group; ErrStop ends the reading without
// an error. What LoadParquet finds is found here too, but for a fingerprint that is not the games' only after the last
// of them, and not when some were left out. The moves are not replayed (ParquetOptions.Trust).
func StreamParquet(ctx context.Context, path string, from int, emit func(group int, g *Game) error) error {
	f, size, err := openCorpus(path)
	if err != nil {
		return err
	}
	defer f.Close()
	var own error
	err = streamParquet(ctx, f, size, from, func(group int, g *Game) error {
		own = emit(group, g)
		return own
	})
	if own != nil && !errors.Is(own, ErrStop) {
		return own
	}
	return named(path, err)
}

func streamParquet(ctx context.Context, r io.ReaderAt, size int64, from int, emit func(group int, g *Game) error) error {
	p, meta, err := openParquet(ctx, r, size, ParquetOptions{Trust: true})
	if err != nil {
		return err
	}
	defer p.r.Close()
	var print fingerprint
	plies := 0
	for group := from; group < p.f.Groups(); group++ {
		p.c, p.first, p.budget = NewCorpus(), group, memoryBudget(size)
		if err := p.spend(p.f.GroupRows(group) * bytesPerGame); err != nil {
			return err
		}
		if err := p.group(group); err != nil {
			return err
		}
		for _, g := range p.c.All() {
			if err := ctx.Err(); err != nil {
				return fmt.Errorf("data: reading a corpus: %w", context.Cause(ctx))
			}
			print.add(g.Moves, g.Result, uint16(g.WhiteElo), uint16(g.BlackElo), g.TimeControl, g.Date)
			print.h = gamehash.Bytes(print.h, g.Site)
			print.addV2(g.White, g.Black, g.Termination, g.Rated)
			plies += len(g.Moves)
			if err := emit(group, &g); err != nil {
				if errors.Is(err, ErrStop) {
					return nil
				}
				return err
			}
		}
	}
	if from > 0 {
		return nil
	}
	return meta.check(fmt.Sprintf("%016x", print.sum()), plies)
}

// A file may ask for so much memory and no more: what is in it has to bear out what
// it says. Games of real people take two to four times the memory that they take in
// a file. One equal game after the other may be compressed to nothing, so that a few
// bytes would fill the memory.
func memoryBudget(size int64) int64 { return 64<<20 + 100*size }

// bytesPerGame is what a game takes beside its moves and its site.
const bytesPerGame = 2*2 + 1 + 1 + 5*4 + 2*8

// grow makes room for what a file says it holds, as far as the budget goes.
func (c *Corpus) grow(games, plies int, budget int64) {
	d := c.games
	d.movesEnd, d.sitesEnd = slices.Grow(d.movesEnd, games), slices.Grow(d.sitesEnd, games)
	d.white, d.black = slices.Grow(d.white, games), slices.Grow(d.black, games)
	d.result, d.rated = slices.Grow(d.result, games), slices.Grow(d.rated, games)
	for _, names := range []*[]uint32{&d.whiteName, &d.blackName, &d.timeControl, &d.date, &d.termination} {
		*names = slices.Grow(*names, games)
	}
	if plies >= 0 && int64(plies) <= budget/2 {
		d.moves = slices.Grow(d.moves, plies)
	}
}

// spend takes n bytes from the budget.
func (p *parquetLoader) spend(n int64) error {
	if p.budget -= n; p.budget < 0 {
		return &CorpusError{Reason: "claims to hold more games or longer texts than a file of its size can (it is damaged, or was made to fill the memory)"}
	}
	return nil
}

// The columns of a corpus file, those of version 1 first.
const (
	columnWhiteElo = iota
	columnBlackElo
	columnResult
	columnTimeControl
	columnDate
	columnSite
	columnMoves
	columnWhite
	columnBlack
	columnRated
	columnTermination
	numColumns

	numColumnsV1 = columnMoves + 1
)

// findColumns returns where the columns of a version are in the file, -1 for those
// that it does not have. Others, such as san, may be there too and are not looked
// at.
func findColumns(f *parquetfile.File, version int) ([numColumns]int, error) {
	var at [numColumns]int
	for i, want := range [numColumns]struct {
		path string
		typ  parquetfile.Type
	}{
		columnWhiteElo: {"white_elo", parquetfile.Int32}, columnBlackElo: {"black_elo", parquetfile.Int32},
		columnResult: {"result", parquetfile.ByteArray}, columnTimeControl: {"time_control", parquetfile.ByteArray},
		columnDate: {"date", parquetfile.ByteArray}, columnSite: {"site", parquetfile.ByteArray},
		columnMoves: {"moves.list.element", parquetfile.Int32},
		columnWhite: {"white", parquetfile.ByteArray}, columnBlack: {"black", parquetfile.ByteArray},
		columnRated: {"rated", parquetfile.Boolean}, columnTermination: {"termination", parquetfile.ByteArray},
	} {
		if version == 1 && i >= numColumnsV1 {
			at[i] = -1
			continue
		}
		j, ok := f.Column(want.path)
		if !ok {
			return at, &CorpusError{Reason: fmt.Sprintf("has no column %q", want.path)}
		}
		lists := 0
		if i == columnMoves {
			lists = 1
		}
		if c := f.Columns()[j]; c.Type != want.typ || c.MaxRepetition != lists {
			return at, &CorpusError{Reason: fmt.Sprintf("its column %q is %v in %d lists, want %v in %d", want.path, c.Type, c.MaxRepetition, want.typ, lists)}
		}
		at[i] = j
	}
	return at, nil
}

// parquetLoader fills a corpus from a file, a row group and a column at a time.
type parquetLoader struct {
	ctx    context.Context
	f      *parquetfile.File
	r      *parquetfile.Reader
	at     [numColumns]int
	c      *Corpus
	known  *MoveTokenizer
	budget int64    // bytes that the corpus may still take
	first  int      // row group that the corpus begins with
	ids    []uint32 // 1 + the name of each text of the column's dictionary, 0: not asked yet
}

func (p *parquetLoader) group(group int) error {
	for column := range numColumns {
		if p.at[column] < 0 {
			continue
		}
		if err := p.column(group, column); err != nil {
			return err
		}
	}
	want := p.f.GroupRows(group)
	for i := p.first; i < group; i++ {
		want += p.f.GroupRows(i)
	}
	d := p.c.games
	if p.at[columnWhite] < 0 {
		d.whiteName = append(d.whiteName, make([]uint32, want-int64(len(d.whiteName)))...)
		d.blackName = append(d.blackName, make([]uint32, want-int64(len(d.blackName)))...)
		d.termination = append(d.termination, make([]uint32, want-int64(len(d.termination)))...)
		d.rated = append(d.rated, make([]Rated, want-int64(len(d.rated)))...)
	}
	for _, n := range [numColumns]int{len(d.white), len(d.black), len(d.result), len(d.timeControl), len(d.date), len(d.sitesEnd), len(d.movesEnd),
		len(d.whiteName), len(d.blackName), len(d.rated), len(d.termination)} {
		if int64(n) != want {
			return &CorpusError{Reason: fmt.Sprintf("row group %d: a column ends after row %d, the group after row %d", group, n, want)}
		}
	}
	return nil
}

// column reads one column of a row group.
func (p *parquetLoader) column(group, column int) error {
	d := p.c.games
	if err := p.r.Column(group, p.at[column]); err != nil {
		return err
	}
	maxDefinition := p.f.Columns()[p.at[column]].MaxDefinition
	rows := p.f.GroupRows(group)
	started := false
	p.ids = p.ids[:0]
	for {
		if p.ctx.Err() != nil {
			return fmt.Errorf("data: reading a corpus: %w", context.Cause(p.ctx))
		}
		page, err := p.r.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		// A column with more entries than rows would go past the budget.
		if column != columnMoves {
			rows -= int64(page.Entries)
		}
		if rows < 0 || len(d.movesEnd) > int(p.f.Rows()) {
			return &CorpusError{Reason: fmt.Sprintf("row group %d: column %q has more entries than the group has rows", group, p.f.Columns()[p.at[column]].Path)}
		}
		switch column {
		case columnWhiteElo:
			d.white, err = appendRatings(d.white, page, maxDefinition)
		case columnBlackElo:
			d.black, err = appendRatings(d.black, page, maxDefinition)
		case columnResult:
			err = p.eachText(page, maxDefinition, func(s []byte, _ int) error {
				result, err := bitboard.ParseResult(string(s))
				d.result = append(d.result, result)
				return err
			})
		case columnRated:
			d.rated = appendRated(d.rated, page, maxDefinition)
		case columnTimeControl:
			d.timeControl, err = p.appendNames(d.timeControl, page, maxDefinition)
		case columnDate:
			d.date, err = p.appendNames(d.date, page, maxDefinition)
		case columnWhite:
			d.whiteName, err = p.appendNames(d.whiteName, page, maxDefinition)
		case columnBlack:
			d.blackName, err = p.appendNames(d.blackName, page, maxDefinition)
		case columnTermination:
			d.termination, err = p.appendNames(d.termination, page, maxDefinition)
		case columnSite:
			err = p.eachText(page, maxDefinition, func(s []byte, _ int) error {
				d.sites = append(d.sites, s...)
				d.sitesEnd = append(d.sitesEnd, len(d.sites))
				return p.spend(int64(len(s)))
			})
		case columnMoves:
			err = p.appendMoves(page, maxDefinition, &started)
		}
		if err != nil {
			var ce *CorpusError
			if errors.As(err, &ce) {
				return err
			}
			return &CorpusError{Reason: fmt.Sprintf("row group %d, column %q is malformed", group, p.f.Columns()[p.at[column]].Path), Err: err}
		}
	}
}

func appendRatings(dst []uint16, page *parquetfile.Page, maxDefinition int) ([]uint16, error) {
	next := 0
	for i := range page.Entries {
		if maxDefinition > 0 && int(page.Definition[i]) < maxDefinition {
			dst = append(dst, 0)
			continue
		}
		v := page.Int32[next]
		next++
		// 0 is for null in some files of version 1 (see parquetRow).
		if v < 0 || v > MaxElo {
			return dst, fmt.Errorf("row %d: %d is no rating (want 1 to %d, or null)", len(dst)+1, v, MaxElo)
		}
		dst = append(dst, uint16(v))
	}
	return dst, nil
}

func appendRated(dst []Rated, page *parquetfile.Page, maxDefinition int) []Rated {
	next := 0
	for i := range page.Entries {
		r := RatedUnknown
		if maxDefinition == 0 || int(page.Definition[i]) == maxDefinition {
			r = RatedNo
			if page.Int32[next] != 0 {
				r = RatedYes
			}
			next++
		}
		dst = append(dst, r)
	}
	return dst
}

// eachText calls add for each entry, with nothing for null. index is that of the
// text in the dictionary of the column, -1 where there is none.
func (p *parquetLoader) eachText(page *parquetfile.Page, maxDefinition int, add func(s []byte, index int) error) error {
	next := 0
	for i := range page.Entries {
		var s []byte
		index := -1
		if maxDefinition == 0 || int(page.Definition[i]) == maxDefinition {
			s = page.Text(next)
			if page.Indexed {
				index = int(page.Index[next])
			}
			next++
		}
		// What has a name was checked when it got it.
		if index < 0 || index >= len(p.ids) || p.ids[index] == 0 {
			if len(s) > maxText || !utf8.Valid(s) {
				return fmt.Errorf("a text of %d bytes is too long or no UTF-8: %s", len(s), strconv.QuoteToASCII(clip.Text(string(s), quoted)))
			}
		}
		if err := add(s, index); err != nil {
			return err
		}
	}
	return nil
}

// appendNames adds the names of a page's texts. What has a dictionary is looked up
// once for each distinct text.
func (p *parquetLoader) appendNames(dst []uint32, page *parquetfile.Page, maxDefinition int) ([]uint32, error) {
	if page.Indexed && len(p.ids) == 0 {
		p.ids = append(p.ids, make([]uint32, len(page.Bytes))...)
	}
	d := p.c.games
	err := p.eachText(page, maxDefinition, func(s []byte, index int) error {
		if index >= 0 && p.ids[index] > 0 {
			dst = append(dst, p.ids[index]-1)
			return nil
		}
		names := len(d.names)
		id := d.name(string(s))
		dst = append(dst, id)
		if index >= 0 {
			p.ids[index] = id + 1
		}
		if len(d.names) > names {
			return p.spend(bytesPerName + int64(len(s)))
		}
		return nil
	})
	return dst, err
}

// bytesPerName is what a distinct name takes beside its bytes: two strings and a
// place in a map.
const bytesPerName = 64

// appendMoves adds the entries of a page to the games, which may go on in the
// next page. started says whether the row group's first game has begun.
func (p *parquetLoader) appendMoves(page *parquetfile.Page, maxDefinition int, started *bool) error {
	d := p.c.games
	if err := p.spend(2 * int64(len(page.Int32))); err != nil {
		return err
	}
	next := 0
	for i, level := range page.Repetition {
		if level == 0 {
			*started = true
			d.movesEnd = append(d.movesEnd, len(d.moves))
		} else if !*started {
			return errors.New("it begins inside a game")
		}
		if int(page.Definition[i]) < maxDefinition {
			continue // an empty list
		}
		v := page.Int32[next]
		next++
		if v < 0 || v > math.MaxUint16 {
			return fmt.Errorf("game %d: %d is no move", len(d.movesEnd), v)
		}
		m := bitboard.Move(v)
		if _, ok := p.known.ID(m); !ok {
			return fmt.Errorf("game %d: %d is no move", len(d.movesEnd), v)
		}
		d.moves = append(d.moves, m)
		d.movesEnd[len(d.movesEnd)-1] = len(d.moves)
	}
	return nil
}
