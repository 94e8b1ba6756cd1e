package data

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"
	"github.com/parquet-go/parquet-go/compress/snappy"
	"github.com/parquet-go/parquet-go/compress/uncompressed"
	"github.com/parquet-go/parquet-go/compress/zstd"

	"transcend/data/internal/parquetfile"
	"transcend/internal/bitboard"
)

var testProvenance = Provenance{
	Program: "test 1.2",
	Sources: []Source{{Name: "games.pgn.zst", Size: 12345, SHA256: "00ff"}},
	Filter:  Filter{MaxElo: 1500, MinPlies: 2},
	Report: FilterReport{Seen: 10, Kept: 7, Errors: 1, Dropped: []RuleCount{
		{RuleMaxElo, "a player above 1500", 2, []Example{{"games.pgn.zst", 3, "ratings 1 and 2"}}},
	}},
}

// file writes a corpus and returns the bytes of the file.
func file(t testing.TB, c *Corpus) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := c.writeParquet(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func load(t testing.TB, b []byte, o ParquetOptions) (*Corpus, error) {
	t.Helper()
	return LoadParquetFrom(t.Context(), "corpus.parquet", bytes.NewReader(b), int64(len(b)), o)
}

func sameCorpus(t *testing.T, got, want *Corpus) {
	t.Helper()
	if got.Len() != want.Len() || got.Fingerprint() != want.Fingerprint() {
		t.Fatalf("%d games with fingerprint %x, want %d with %x", got.Len(), got.Fingerprint(), want.Len(), want.Fingerprint())
	}
	for i, g := range want.All() {
		if !sameGame(got.Game(i), g) {
			t.Fatalf("game %d = %+v, want %+v", i, got.Game(i), g)
		}
	}
	if !reflect.DeepEqual(got.Provenance, want.Provenance) {
		t.Fatalf("provenance = %+v, want %+v", got.Provenance, want.Provenance)
	}
}

func TestParquetRoundTrip(t *testing.T) {
	whole := randomCorpus(1, 700, 90)
	whole.Append(&Game{})
	whole.Append(&Game{Result: bitboard.Draw, WhiteElo: MaxElo})
	whole.Provenance = testProvenance
	part := whole.Where(func(i int) bool { return i%3 == 0 })
	empty := NewCorpus()
	empty.Provenance = testProvenance
	onlyEmpty := NewCorpus()
	for range 5 {
		onlyEmpty.Append(&Game{Site: "x"})
	}
	long := NewCorpus() // games that span pages
	g := randomGame(rng(1), 400)
	for range 2000 {
		long.Append(g)
	}
	for name, c := range map[string]*Corpus{"whole": whole, "part": part, "empty": empty, "no moves": onlyEmpty, "long": long} {
		for _, trust := range []bool{false, true} {
			got, err := load(t, file(t, c), ParquetOptions{Trust: trust})
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			sameCorpus(t, got, c)
			if got.games.unchecked != trust {
				t.Errorf("%s: trust %v, unchecked %v", name, trust, got.games.unchecked)
			}
			if err := got.Check(t.Context()); err != nil || got.games.unchecked {
				t.Errorf("%s: check: %v", name, err)
			}
		}
	}
	if a, b := file(t, whole), file(t, whole); !bytes.Equal(a, b) {
		t.Error("the same corpus gives different files")
	}
}

func TestParquetFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "c.parquet")
	c := randomCorpus(2, 50, 40)
	if err := c.WriteParquet(path); err != nil {
		t.Fatal(err)
	}
	got, err := ReadParquet(path)
	if err != nil {
		t.Fatal(err)
	}
	sameCorpus(t, got, c)
	// What was read can be written over what it came from.
	got.Append(game(t, bitboard.Draw, "e4"))
	if err := got.WriteParquet(path); err != nil {
		t.Fatal(err)
	}
	if again, err := ReadParquet(path); err != nil || again.Len() != 51 {
		t.Fatalf("%v", err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("%d files are left", len(entries))
	}
	if err := c.WriteParquet(filepath.Join(dir, "none", "c.parquet")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("writing to a directory that is not there: %v", err)
	}
	for name, path := range map[string]string{"missing": filepath.Join(dir, "missing"), "directory": dir} {
		var ce *CorpusError
		if _, err := ReadParquet(path); !errors.As(err, &ce) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ReadParquet(filepath.Join(dir, "missing")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: %v, want fs.ErrNotExist", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := LoadParquet(ctx, path, ParquetOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
}

// Another reader sees the same games, and what they mean is in the file.
func TestParquetForOthers(t *testing.T) {
	c := randomCorpus(3, 300, 60)
	c.Append(&Game{})
	b := file(t, c)
	rows, err := parquet.Read[parquetRow](bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != c.Len() {
		t.Fatalf("%d rows", len(rows))
	}
	for i, g := range c.All() {
		r := rows[i]
		got := Game{r.White, r.Black, int(r.WhiteElo), int(r.BlackElo), 0, r.TimeControl, r.Date, r.Site, r.Termination, RatedUnknown, nil}
		if r.Rated != nil {
			got.Rated = RatedNo
			if *r.Rated {
				got.Rated = RatedYes
			}
		}
		if got.Result, err = bitboard.ParseResult(r.Result); err != nil {
			t.Fatal(err)
		}
		for _, m := range r.Moves {
			got.Moves = append(got.Moves, bitboard.Move(m))
		}
		if !sameGame(got, g) {
			t.Fatalf("row %d = %+v, want %+v", i, got, g)
		}
	}
	f, err := parquet.OpenFile(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "schema.txt", f.Schema().String()+"\n")
	if text, _ := f.Lookup(movesKey); text != movesText {
		t.Errorf("the file says of its moves: %q", text)
	}
	text, _ := f.Lookup(corpusKey)
	var meta struct {
		Version, Games, Plies int
		Fingerprint           string
		Filter, Report        map[string]any
	}
	if err := json.Unmarshal([]byte(text), &meta); err != nil || meta.Version != 2 || meta.Games != 301 || meta.Plies != c.Plies() ||
		meta.Fingerprint != fmt.Sprintf("%016x", c.Fingerprint()) || meta.Report == nil {
		t.Errorf("metadata %v: %s", err, text)
	}
}

// rewrite writes rows as another program might.
func rewrite[T any](t testing.TB, rows []T, meta string, options ...parquet.WriterOption) []byte {
	t.Helper()
	var b bytes.Buffer
	w := parquet.NewGenericWriter[T](&b, options...)
	if _, err := w.Write(rows); err != nil {
		t.Fatal(err)
	}
	if meta != "" {
		w.SetKeyValueMetadata(corpusKey, meta)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// contents returns the rows of a file and our metadata.
func contents(t testing.TB, b []byte) (rows []parquetRow, meta string) {
	t.Helper()
	f, err := parquetfile.Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	meta, _ = f.Lookup(corpusKey)
	rows, err = parquet.Read[parquetRow](bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	return rows, meta
}

// variants are files with the same games in other forms: page versions,
// compression, encodings, small pages and row groups, and a column more.
func variants(t testing.TB, c *Corpus) map[string][]byte {
	rows, meta := contents(t, file(t, c))
	type plainRow struct {
		WhiteElo    int32    `parquet:"white_elo,optional,plain"`
		BlackElo    int32    `parquet:"black_elo,optional,plain"`
		Result      string   `parquet:"result,plain"`
		TimeControl string   `parquet:"time_control,optional,plain"`
		Date        string   `parquet:"date,optional,plain"`
		Site        string   `parquet:"site,optional,dict"`
		Opening     string   `parquet:"opening,delta"`
		White       string   `parquet:"white,optional,plain"`
		Black       string   `parquet:"black,plain"`
		Rated       *bool    `parquet:"rated,optional"`
		Termination string   `parquet:"termination,optional,plain"`
		Moves       []uint16 `parquet:"moves,list" parquet-element:",plain"`
	}
	var plainRows []plainRow
	for _, r := range rows {
		plainRows = append(plainRows, plainRow{r.WhiteElo, r.BlackElo, r.Result, r.TimeControl, r.Date, r.Site, "C20", r.White, r.Black, r.Rated, r.Termination, r.Moves})
	}
	out := map[string][]byte{}
	for name, codec := range map[string]compress.Codec{"none": &uncompressed.Codec{}, "snappy": &snappy.Codec{}, "zstd": &zstd.Codec{}} {
		for version := 1; version <= 2; version++ {
			options := []parquet.WriterOption{parquet.Compression(codec), parquet.DataPageVersion(version), parquet.PageBufferSize(700), parquet.MaxRowsPerRowGroup(97)}
			out[fmt.Sprintf("dictionary %s %d", name, version)] = rewrite(t, rows, meta, options...)
			out[fmt.Sprintf("plain %s %d", name, version)] = rewrite(t, plainRows, meta, options...)
		}
	}
	return out
}

func TestParquetOfOthers(t *testing.T) {
	c := randomCorpus(4, 250, 60)
	c.Append(&Game{})
	c.Append(game(t, bitboard.Draw, "d4"))
	for name, b := range variants(t, c) {
		got, err := load(t, b, ParquetOptions{})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		sameCorpus(t, got, c)
	}
}

func TestParquetRefuses(t *testing.T) {
	c := randomCorpus(5, 40, 30)
	good := file(t, c)
	rows, meta := contents(t, good)
	edit := func(change func(rows []parquetRow)) []byte {
		changed := slices.Clone(rows)
		for i := range changed {
			changed[i].Moves = slices.Clone(changed[i].Moves)
		}
		change(changed)
		return rewrite(t, changed, meta)
	}
	type noMoves struct {
		WhiteElo int32 `parquet:"white_elo"`
	}
	type wrongType struct {
		WhiteElo    int64    `parquet:"white_elo,optional"`
		BlackElo    int32    `parquet:"black_elo,optional"`
		Result      string   `parquet:"result"`
		TimeControl string   `parquet:"time_control,optional"`
		Date        string   `parquet:"date,optional"`
		Site        string   `parquet:"site,optional"`
		Moves       []uint16 `parquet:"moves,list"`
	}
	type noList struct {
		WhiteElo    int32  `parquet:"white_elo,optional"`
		BlackElo    int32  `parquet:"black_elo,optional"`
		Result      string `parquet:"result"`
		TimeControl string `parquet:"time_control,optional"`
		Date        string `parquet:"date,optional"`
		Site        string `parquet:"site,optional"`
		Moves       uint16 `parquet:"moves"`
	}
	for name, test := range map[string]struct {
		file []byte
		want string
	}{
		"empty":                {nil, "too few"},
		"text":                 {[]byte("1. e4 e5 2. Nf3 Nc6 1-0"), "does not begin with"},
		"cut":                  {good[:len(good)-100], "cut off"},
		"huge metadata":        {append(slices.Clone(good[:len(good)-8]), "\xff\xff\xff\x7fPAR1"...), "metadata of"},
		"foreign":              {rewrite(t, rows, ""), "another program"},
		"not JSON":             {rewrite(t, rows, "{"), "unreadable metadata"},
		"newer":                {rewrite(t, rows, strings.Replace(meta, `"version":2`, `"version":3`, 1)), "format version 3"},
		"older than the first": {rewrite(t, rows, strings.Replace(meta, `"version":2`, `"version":0`, 1)), "format version 0"},
		"fewer games":          {rewrite(t, rows[1:], meta), "39 rows"},
		"other games":          {rewrite(t, rows, strings.Replace(meta, `"fingerprint":"`, `"fingerprint":"0`, 1)), "other games than its metadata says"},
		"other plies":          {rewrite(t, rows, strings.Replace(meta, `"plies":`, `"plies":1`, 1)), "other games than its metadata says"},
		"edited":               {edit(func(r []parquetRow) { r[3].WhiteElo = 1234 }), "other games than its metadata says"},
		"illegal":              {edit(func(r []parquetRow) { r[20].Moves[0] = 8 | 32<<6 }), "game 21: ply 1"},
		"no such move":         {edit(func(r []parquetRow) { r[20].Moves[0] = 0 }), "0 is no move"},
		"impossible promo":     {edit(func(r []parquetRow) { r[20].Moves[0] = 7<<12 | 8 | 16<<6 }), "is no move"},
		"high bit":             {edit(func(r []parquetRow) { r[20].Moves[0] |= 1 << 15 }), "is no move"},
		"rating":               {edit(func(r []parquetRow) { r[20].WhiteElo = 20000 }), "20000 is no rating"},
		"negative rating":      {edit(func(r []parquetRow) { r[20].BlackElo = -5 }), "-5 is no rating"},
		"result":               {edit(func(r []parquetRow) { r[20].Result = "1:0" }), "not a result"},
		"long site":            {edit(func(r []parquetRow) { r[20].Site = strings.Repeat("x", 256) }), "too long"},
		"no UTF-8":             {edit(func(r []parquetRow) { r[20].Date = "\xff" }), "no UTF-8"},
		"without columns":      {rewrite(t, []noMoves{{1}}, strings.Replace(meta, `"games":40`, `"games":1`, 1)), `no column "black_elo"`},
		"another type":         {rewrite(t, make([]wrongType, 40), meta), `"white_elo" is INT64`},
		"a move for the list":  {rewrite(t, make([]noList, 40), meta), `no column "moves.list.element"`},
	} {
		got, err := load(t, test.file, ParquetOptions{})
		var ce *CorpusError
		if got != nil || !errors.As(err, &ce) || ce.Path != "corpus.parquet" || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
	// Trusted, an illegal game is only found by Check; the fingerprint is that
	// of the illegal game here.
	bad := NewCorpus()
	bad.Append(game(t, 0, "e4 e5"))
	bad.games.moves[1] = bad.games.moves[0]
	b := file(t, bad)
	if _, err := load(t, b, ParquetOptions{}); !errors.Is(err, bitboard.ErrIllegalMove) {
		t.Errorf("illegal: %v", err)
	}
	trusted, err := load(t, b, ParquetOptions{Trust: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := trusted.Check(t.Context()); !errors.Is(err, bitboard.ErrIllegalMove) {
		t.Errorf("check of an illegal game: %v", err)
	}
}

// Wherever a bit flips or the file is cut, the games are the same or there is an
// error.
func TestParquetDamage(t *testing.T) {
	c := randomCorpus(6, 12, 20)
	good := file(t, c)
	want := c.Fingerprint()
	check := func(what string, b []byte) {
		t.Helper()
		got, err := load(t, b, ParquetOptions{Trust: true})
		if err == nil && got.Fingerprint() != want {
			t.Errorf("%s: other games and no error", what)
		}
		var ce *CorpusError
		if err != nil && !errors.As(err, &ce) {
			t.Errorf("%s: %v is no CorpusError", what, err)
		}
	}
	silent := 0
	for i := range good {
		for _, bit := range [2]int{i % 8, (i + i/8 + 3) % 8} {
			b := slices.Clone(good)
			b[i] ^= 1 << bit
			check(fmt.Sprintf("bit %d of byte %d", bit, i), b)
		}
		check(fmt.Sprintf("cut at %d", i), good[:i])
		if _, err := load(t, good[:i], ParquetOptions{Trust: true}); err == nil {
			silent++
		}
	}
	if silent > 0 {
		t.Errorf("%d cut files are read", silent)
	}
}

// A list may not begin before its row group.
func TestMovesBeforeTheFirstGame(t *testing.T) {
	p := &parquetLoader{c: randomCorpus(1, 3, 5), known: NewMoveTokenizer(), budget: 1 << 10}
	before := p.c.Fingerprint()
	started := false
	page := &parquetfile.Page{Entries: 1, Repetition: []byte{1}, Definition: []byte{1}, Int32: []int32{12 | 28<<6}}
	if err := p.appendMoves(page, 1, &started); err == nil || p.c.Fingerprint() != before {
		t.Errorf("moves were added to the last game of another group: %v", err)
	}
	// In the next page of the group it goes on.
	page.Repetition[0] = 0
	for i := range 3 {
		if err := p.appendMoves(page, 1, &started); err != nil {
			t.Fatal(err)
		}
		page.Repetition[0] = 1
		d := p.c.games
		if lo, hi := span(d.movesEnd, len(d.movesEnd)-1); hi-lo != i+1 || len(d.movesEnd) != 4 {
			t.Errorf("after page %d the game has %d moves", i, hi-lo)
		}
	}
}

func FuzzReadParquet(f *testing.F) {
	c := randomCorpus(7, 10, 20)
	c.Append(&Game{})
	f.Add(file(f, c))
	f.Add(file(f, NewCorpus()))
	for _, b := range variants(f, c) {
		f.Add(b)
	}
	f.Add([]byte("PAR1\x15\x02\x19\xfc\xff\xff\xff\xff\x07\x09\x00\x00\x00PAR1"))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := load(t, b, ParquetOptions{})
		if err != nil {
			var ce *CorpusError
			if !errors.As(err, &ce) {
				t.Fatalf("%v is no CorpusError", err)
			}
			return
		}
		// What is read can be written, and read again.
		again, err := load(t, file(t, c), ParquetOptions{})
		if err != nil || again.Fingerprint() != c.Fingerprint() {
			t.Fatalf("written and read again: %v", err)
		}
	})
}

func TestFileSource(t *testing.T) {
	path := filepath.Join(t.TempDir(), "games.pgn")
	if err := os.WriteFile(path, []byte("abc"), 0o644); err != nil {
		t.Fatal(err)
	}
	got, err := FileSource(path)
	// The example of FIPS 180-2.
	want := Source{"games.pgn", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}
	if err != nil || got != want {
		t.Errorf("%+v %v", got, err)
	}
	if _, err := FileSource(path + "x"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
}
