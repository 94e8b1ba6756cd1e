package data

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"

	"transcend/data/internal/parquetfile"
	"transcend/internal/atomicfile"
	"transcend/internal/bitboard"
)

// A corpus file is a Parquet file with one row a game:
//
//	white_elo     INT32, optional    rating as in the source, 1 to 9999
//	black_elo     INT32, optional
//	result        UTF8               "1-0", "0-1", "1/2-1/2" or "*"
//	time_control  UTF8, optional     PGN's TimeControl as written, "300+5" in seconds
//	date          UTF8, optional     "2018.06.12" (UTC where the source has it), "??" for what is unknown
//	site          UTF8, optional     PGN's Site
//	moves         LIST of INT32 (UINT_16), one element a ply
//
// A move's bits: 0-5 from square, 6-11 to square (a1 0, b1 1, ... h8 63), 12-14
// what a pawn becomes (0 nothing, 2 knight, 3 bishop, 4 rook, 5 queen), 15 zero.
// Castling is the king's move by two squares. Absent values are unknown.
//
// Two keys of the file's metadata belong to it: corpusKey with the JSON of
// parquetMetadata, movesKey with the paragraph above for whoever meets the file.
const (
	corpusKey = "transcend.corpus"
	movesKey  = "transcend.moves"

	parquetVersion = 1

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

// parquetRow is a row as parquet-go writes it. The zero value of an optional
// field becomes null.
type parquetRow struct {
	WhiteElo    int32    `parquet:"white_elo,optional,dict"`
	BlackElo    int32    `parquet:"black_elo,optional,dict"`
	Result      string   `parquet:"result,dict"`
	TimeControl string   `parquet:"time_control,optional,dict"`
	Date        string   `parquet:"date,optional,dict"`
	Site        string   `parquet:"site,optional,plain"`
	Moves       []uint16 `parquet:"moves,list" parquet-element:",dict"`
}

// rowsPerGroup bounds the writer's memory and lets other readers skip and split.
const rowsPerGroup = 1 << 17

// A ParquetWriter writes a corpus file game by game, in bounded memory.
type ParquetWriter struct {
	w     *parquet.GenericWriter[parquetRow]
	rows  []parquetRow
	moves []uint16
	games int
	plies int
	print fingerprint
	err   error
}

// NewParquetWriter returns a writer to w. Without Close, what it writes is no
// Parquet file.
func NewParquetWriter(w io.Writer) *ParquetWriter {
	return &ParquetWriter{w: parquet.NewGenericWriter[parquetRow](w,
		parquet.Compression(&zstd.Codec{Level: zstd.SpeedDefault}),
		parquet.MaxRowsPerRowGroup(rowsPerGroup),
		parquet.PageBufferSize(1<<20),
	)}
}

// Write adds a game, under the same conditions as Corpus.Append.
func (w *ParquetWriter) Write(g *Game) error {
	if w.err != nil {
		return w.err
	}
	timeControl, date, site := clean(g.TimeControl), clean(g.Date), clean(g.Site)
	white, black := rating(g.WhiteElo), rating(g.BlackElo)
	// Rows go to parquet-go in batches, which is what it is made for. g's moves
	// may change before that.
	if len(w.rows) == cap(w.rows) {
		if err := w.flush(); err != nil {
			return err
		}
	}
	from := len(w.moves)
	for _, m := range g.Moves {
		w.moves = append(w.moves, uint16(m))
	}
	w.rows = append(w.rows, parquetRow{
		WhiteElo: int32(white), BlackElo: int32(black), Result: g.Result.String(),
		TimeControl: timeControl, Date: date, Site: site, Moves: w.moves[from:],
	})
	w.games++
	w.plies += len(g.Moves)
	w.print.add(g.Moves, g.Result, white, black, timeControl, date, []byte(site))
	return nil
}

// flush hands the waiting rows to parquet-go.
func (w *ParquetWriter) flush() error {
	if len(w.rows) > 0 {
		if _, err := w.w.Write(w.rows); err != nil {
			w.err = fmt.Errorf("data: writing a corpus file: %w", err)
			return w.err
		}
	}
	const rows = 256
	if w.rows == nil {
		w.rows = make([]parquetRow, 0, rows)
		w.moves = make([]uint16, 0, rows*128)
	}
	w.rows, w.moves = w.rows[:0], w.moves[:0]
	return nil
}

// Close ends the file with its metadata. It does not close the writer below.
func (w *ParquetWriter) Close(p Provenance) error {
	if err := w.flush(); err != nil {
		return err
	}
	meta, err := json.Marshal(parquetMetadata{
		Version: parquetVersion, Games: w.games, Plies: w.plies,
		Fingerprint: fmt.Sprintf("%016x", w.print.sum()), Provenance: p,
	})
	if err != nil {
		return fmt.Errorf("data: writing a corpus file: %w", err)
	}
	w.w.SetKeyValueMetadata(corpusKey, string(meta))
	w.w.SetKeyValueMetadata(movesKey, movesText)
	if err := w.w.Close(); err != nil {
		return fmt.Errorf("data: writing a corpus file: %w", err)
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
	pw := NewParquetWriter(w)
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
}

// ReadParquet reads a corpus file and replays its games.
func ReadParquet(path string) (*Corpus, error) {
	return LoadParquet(context.Background(), path, ParquetOptions{})
}

// LoadParquet reads a corpus file. A file that is damaged, foreign or made by a
// newer version is a *CorpusError; whatever it holds, nothing panics and no
// memory is asked for that its size does not justify.
func LoadParquet(ctx context.Context, path string, o ParquetOptions) (*Corpus, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, &CorpusError{path, "cannot be opened", err}
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, &CorpusError{path, "cannot be read", err}
	}
	if info.IsDir() {
		return nil, &CorpusError{path, "is a directory", nil}
	}
	return LoadParquetFrom(ctx, path, f, info.Size(), o)
}

// LoadParquetFrom is LoadParquet for the first size bytes of r, called name in
// errors.
func LoadParquetFrom(ctx context.Context, name string, r io.ReaderAt, size int64, o ParquetOptions) (*Corpus, error) {
	c, err := loadParquet(ctx, r, size, o)
	if err == nil {
		return c, nil
	}
	var ce *CorpusError
	if errors.As(err, &ce) {
		ce.Path = name
		return nil, err
	}
	reason := "cannot be read"
	if errors.Is(err, parquetfile.ErrFormat) || errors.Is(err, io.ErrUnexpectedEOF) {
		reason = "is damaged or no corpus (make it again from its sources)"
	}
	return nil, &CorpusError{name, reason, err}
}

func loadParquet(ctx context.Context, r io.ReaderAt, size int64, o ParquetOptions) (*Corpus, error) {
	f, err := parquetfile.Open(r, size)
	if err != nil {
		return nil, err
	}
	text, ok := f.Lookup(corpusKey)
	if !ok {
		return nil, &CorpusError{Reason: fmt.Sprintf("is a Parquet file of another program: its metadata has no %q", corpusKey)}
	}
	var meta parquetMetadata
	if err := json.Unmarshal([]byte(text), &meta); err != nil {
		return nil, &CorpusError{Reason: "has unreadable metadata", Err: err}
	}
	if meta.Version != parquetVersion {
		return nil, &CorpusError{Reason: fmt.Sprintf("has format version %d, this program reads version %d", meta.Version, parquetVersion)}
	}
	if int64(meta.Games) != f.Rows() || f.Rows() >= math.MaxUint32 {
		return nil, &CorpusError{Reason: fmt.Sprintf("has %d rows, its metadata says %d games", f.Rows(), meta.Games)}
	}
	columns, err := findColumns(f)
	if err != nil {
		return nil, err
	}
	reader, err := f.NewReader()
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	p := &parquetLoader{ctx: ctx, f: f, r: reader, at: columns, c: NewCorpus(), known: NewMoveTokenizer()}
	p.c.Provenance = meta.Provenance
	p.c.games.unchecked = true
	for group := range f.Groups() {
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
	if got := fmt.Sprintf("%016x", p.c.Fingerprint()); got != meta.Fingerprint || p.c.Plies() != meta.Plies {
		return nil, &CorpusError{Reason: fmt.Sprintf("holds other games than its metadata says: fingerprint %s, want %s (was it edited by another program?)", got, clip(meta.Fingerprint))}
	}
	return p.c, nil
}

// The columns of a corpus file.
const (
	columnWhite = iota
	columnBlack
	columnResult
	columnTimeControl
	columnDate
	columnSite
	columnMoves
	numColumns
)

// findColumns returns where the columns are in the file. Others may be there
// too and are not looked at.
func findColumns(f *parquetfile.File) ([numColumns]int, error) {
	var at [numColumns]int
	for i, want := range [numColumns]struct {
		path string
		typ  parquetfile.Type
	}{
		{"white_elo", parquetfile.Int32}, {"black_elo", parquetfile.Int32}, {"result", parquetfile.ByteArray},
		{"time_control", parquetfile.ByteArray}, {"date", parquetfile.ByteArray}, {"site", parquetfile.ByteArray},
		{"moves.list.element", parquetfile.Int32},
	} {
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
	ctx   context.Context
	f     *parquetfile.File
	r     *parquetfile.Reader
	at    [numColumns]int
	c     *Corpus
	known *MoveTokenizer
}

func (p *parquetLoader) group(group int) error {
	d := p.c.games
	for column := range numColumns {
		if err := p.r.Column(group, p.at[column]); err != nil {
			return err
		}
		maxDefinition := p.f.Columns()[p.at[column]].MaxDefinition
		started := false
		for {
			if p.ctx.Err() != nil {
				return fmt.Errorf("data: reading a corpus: %w", context.Cause(p.ctx))
			}
			page, err := p.r.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				return err
			}
			switch column {
			case columnWhite:
				d.white, err = appendRatings(d.white, page, maxDefinition)
			case columnBlack:
				d.black, err = appendRatings(d.black, page, maxDefinition)
			case columnResult:
				err = eachText(page, maxDefinition, func(s []byte) error {
					result, err := bitboard.ParseResult(string(s))
					d.result = append(d.result, result)
					return err
				})
			case columnTimeControl:
				err = eachText(page, maxDefinition, func(s []byte) error {
					d.timeControl = append(d.timeControl, d.name(string(s)))
					return nil
				})
			case columnDate:
				err = eachText(page, maxDefinition, func(s []byte) error {
					d.date = append(d.date, d.name(string(s)))
					return nil
				})
			case columnSite:
				err = eachText(page, maxDefinition, func(s []byte) error {
					d.sites = append(d.sites, s...)
					d.sitesEnd = append(d.sitesEnd, len(d.sites))
					return nil
				})
			case columnMoves:
				err = p.appendMoves(page, maxDefinition, &started)
			}
			if err != nil {
				return &CorpusError{Reason: fmt.Sprintf("row group %d, column %q is malformed", group, p.f.Columns()[p.at[column]].Path), Err: err}
			}
		}
	}
	want := p.f.GroupRows(group)
	for i := range group {
		want += p.f.GroupRows(i)
	}
	for _, n := range []int{len(d.white), len(d.black), len(d.result), len(d.timeControl), len(d.date), len(d.sitesEnd), len(d.movesEnd)} {
		if int64(n) != want {
			return &CorpusError{Reason: fmt.Sprintf("row group %d: a column ends after row %d, the group after row %d", group, n, want)}
		}
	}
	return nil
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
		if v < 1 || v > MaxElo {
			return dst, fmt.Errorf("row %d: %d is no rating (want 1 to %d, or null)", len(dst)+1, v, MaxElo)
		}
		dst = append(dst, uint16(v))
	}
	return dst, nil
}

// eachText calls add for each entry, with nothing for null.
func eachText(page *parquetfile.Page, maxDefinition int, add func(s []byte) error) error {
	next := 0
	for i := range page.Entries {
		var s []byte
		if maxDefinition == 0 || int(page.Definition[i]) == maxDefinition {
			s = page.Bytes[next]
			next++
		}
		if len(s) > maxText || !utf8.Valid(s) {
			return fmt.Errorf("a text of %d bytes is too long or no UTF-8: %s", len(s), strconv.QuoteToASCII(clip(string(s))))
		}
		if err := add(s); err != nil {
			return err
		}
	}
	return nil
}

// appendMoves adds the entries of a page to the games, which may go on in the
// next page. started says whether the row group's first game has begun.
func (p *parquetLoader) appendMoves(page *parquetfile.Page, maxDefinition int, started *bool) error {
	d := p.c.games
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
