package data

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"
	"github.com/parquet-go/parquet-go/compress/snappy"
	"github.com/parquet-go/parquet-go/compress/uncompressed"
	"github.com/parquet-go/parquet-go/compress/zstd"

	"transcend/data/filter"
	"transcend/data/internal/parquetfile"
	"transcend/internal/bitboard"
	"transcend/internal/boardtest"
	"transcend/internal/golden"
)

var testProvenance = Provenance{
	Program: "test 1.2",
	Sources: []Source{{Name: "games.pgn.zst", Size: 12345, SHA256: "00ff"}},
	Filter:  filter.Filter{MaxElo: 1500, MinPlies: 2},
	Report: filter.Report{Seen: 10, Kept: 7, Errors: 1, Dropped: []filter.RuleCount{
		{Rule: filter.RuleMaxElo, Meaning: "a player above 1500", Count: 2, Examples: []filter.Example{{File: "games.pgn.zst", Game: 3, Why: "ratings 1 and 2"}}},
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

func ptr[T any](v T) *T { return &v }

// value is the zero value for nil.
func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// Another reader sees the same games, and what they mean is in the file.
func TestParquetForOthers(t *testing.T) {
	c := NewCorpus()
	// The patterns of nulls that parquet-go gets wrong: k nulls, k values, nulls.
	for k := range 40 {
		for i := range 256 {
			if i < k || i >= 2*k {
				c.Append(&Game{Moves: boardtest.Moves(t, "", "e4")})
			} else {
				c.Append(&Game{White: "a", Black: "b", WhiteElo: 1000, BlackElo: 1001, TimeControl: "c", Date: "d", Site: "e", Termination: "f", Rated: RatedYes})
			}
		}
	}
	for _, g := range randomCorpus(3, 300, 60).All() {
		c.Append(&g)
	}
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
		for name, null := range map[string]bool{
			"white": (r.White == nil) == (g.White == ""), "black": (r.Black == nil) == (g.Black == ""),
			"white_elo": (r.WhiteElo == nil) == (g.WhiteElo == 0), "black_elo": (r.BlackElo == nil) == (g.BlackElo == 0),
			"time_control": (r.TimeControl == nil) == (g.TimeControl == ""), "termination": (r.Termination == nil) == (g.Termination == ""),
			"date": (r.Date == nil) == (g.Date == ""), "site": (r.Site == nil) == (g.Site == ""), "rated": (r.Rated == nil) == (g.Rated == RatedUnknown),
		} {
			if !null {
				t.Fatalf("row %d: %s is null, or should be: %+v", i, name, g)
			}
		}
		got := Game{value(r.White), value(r.Black), int(value(r.WhiteElo)), int(value(r.BlackElo)), 0,
			value(r.TimeControl), value(r.Date), value(r.Site), value(r.Termination), RatedUnknown, nil}
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
	golden.Check(t, "schema.txt", f.Schema().String()+"\n")
	if text, _ := f.Lookup(movesKey); text != movesText {
		t.Errorf("the file says of its moves: %q", text)
	}
	text, _ := f.Lookup(corpusKey)
	var meta struct {
		Version, Games, Plies int
		Fingerprint           string
		Filter, Report        map[string]any
	}
	if err := json.Unmarshal([]byte(text), &meta); err != nil || meta.Version != 2 || meta.Games != c.Len() || meta.Plies != c.Plies() ||
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
		WhiteElo    *int32   `parquet:"white_elo,optional,plain"`
		BlackElo    *int32   `parquet:"black_elo,optional,plain"`
		Result      string   `parquet:"result,plain"`
		TimeControl *string  `parquet:"time_control,optional,plain"`
		Date        *string  `parquet:"date,optional,plain"`
		Site        *string  `parquet:"site,optional,dict"`
		Opening     string   `parquet:"opening,delta"`
		White       *string  `parquet:"white,optional,plain"`
		Black       string   `parquet:"black,plain"`
		Rated       *bool    `parquet:"rated,optional"`
		Termination *string  `parquet:"termination,optional,plain"`
		Moves       []uint16 `parquet:"moves,list" parquet-element:",plain"`
	}
	var plainRows []plainRow
	for _, r := range rows {
		plainRows = append(plainRows, plainRow{r.WhiteElo, r.BlackElo, r.Result, r.TimeControl, r.Date, r.Site, "C20", r.White, value(r.Black), r.Rated, r.Termination, r.Moves})
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
		"edited":               {edit(func(r []parquetRow) { r[3].WhiteElo = ptr[int32](1234) }), "other games than its metadata says"},
		"illegal":              {edit(func(r []parquetRow) { r[20].Moves[0] = 8 | 32<<6 }), "game 21: ply 1"},
		"no such move":         {edit(func(r []parquetRow) { r[20].Moves[0] = 0 }), "0 is no move"},
		"impossible promo":     {edit(func(r []parquetRow) { r[20].Moves[0] = 7<<12 | 8 | 16<<6 }), "is no move"},
		"high bit":             {edit(func(r []parquetRow) { r[20].Moves[0] |= 1 << 15 }), "is no move"},
		"rating":               {edit(func(r []parquetRow) { r[20].WhiteElo = ptr[int32](20000) }), "20000 is no rating"},
		"negative rating":      {edit(func(r []parquetRow) { r[20].BlackElo = ptr[int32](-5) }), "-5 is no rating"},
		"result":               {edit(func(r []parquetRow) { r[20].Result = "1:0" }), "not a result"},
		"long site":            {edit(func(r []parquetRow) { r[20].Site = ptr(strings.Repeat("x", 256)) }), "too long"},
		"no UTF-8":             {edit(func(r []parquetRow) { r[20].Date = ptr("\xff") }), "no UTF-8"},
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
	// A rating of 0 is a null that was written as a value.
	unrated := randomCorpus(5, 40, 30)
	for i := range 40 {
		unrated.games.white[i] = 0
	}
	rows, meta = contents(t, file(t, unrated))
	for i := range rows {
		rows[i].WhiteElo = new(int32)
	}
	if got, err := load(t, rewrite(t, rows, meta), ParquetOptions{}); err != nil {
		t.Errorf("ratings of 0: %v", err)
	} else {
		sameCorpus(t, got, unrated)
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
	// Moves are paid for.
	if p.budget != 1<<10-2 {
		t.Errorf("%d bytes are left of %d after one move", p.budget, 1<<10)
	}
	page.Repetition[0] = 0
	p.budget = 1
	if err := p.appendMoves(page, 1, &started); err == nil || !strings.Contains(err.Error(), "than a file of its size") {
		t.Errorf("more moves than the budget allows: %v", err)
	}
	p.budget = 6
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

// Whatever is in a file, it is refused or it is a corpus that can be written and
// read again, and the memory that is asked for is bounded by the size of the file.
func FuzzReadParquet(f *testing.F) {
	c := randomCorpus(7, 10, 20)
	c.Append(&Game{})
	c.Provenance = testProvenance
	f.Add(file(f, c))
	f.Add(file(f, NewCorpus()))
	for _, b := range variants(f, c) {
		f.Add(b)
	}
	old, err := os.ReadFile("testdata/version1.parquet")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(old)
	f.Add([]byte("PAR1\x15\x02\x19\xfc\xff\xff\xff\xff\x07\x09\x00\x00\x00PAR1"))
	f.Fuzz(func(t *testing.T, b []byte) {
		strict, errStrict := load(t, b, ParquetOptions{})
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		c, err := load(t, b, ParquetOptions{lenient: true})
		runtime.ReadMemStats(&after)
		if used := after.TotalAlloc - before.TotalAlloc; used > 768<<20+1000*uint64(len(b)) {
			t.Fatalf("reading a file of %d bytes asked for %d MiB", len(b), used>>20)
		}
		for _, err := range []error{err, errStrict} {
			var ce *CorpusError
			if err != nil && !errors.As(err, &ce) {
				t.Fatalf("%v is no CorpusError", err)
			}
		}
		if err != nil {
			if errStrict == nil {
				t.Fatalf("a valid file is refused without its checks: %v", err)
			}
			return
		}
		if strict != nil {
			sameCorpus(t, strict, c)
		}
		small := file(t, c)
		again, err := load(t, small, ParquetOptions{})
		if err != nil && int64(2*c.Plies()+c.Len()*bytesPerGame+len(c.games.sites)) > memoryBudget(int64(len(small)))/2 {
			return // Millions of equal games: in our encoding they are too small to be believed.
		}
		if err != nil {
			t.Fatalf("written and read again: %v", err)
		}
		sameCorpus(t, again, c)
	})
}

// Whatever text and numbers games have, they come back from a file as a corpus
// keeps them, and in the same bytes when they are written once more.
func FuzzGames(f *testing.F) {
	f.Add("Anna", "Bernd", "300+5", "2018.06.12", "https://lichess.org/abcdefgh", "Normal", 1500, 900, []byte{1, 2, 3, 255})
	f.Add("", "?", "-", "????.??.??", strings.Repeat("ä", 200), "a\xffb", -1, 10000, []byte{})
	f.Add("\x00", "a\u2028b", " ", "\xf0\x9d", "\"", "\\", 0, 9999, bytes.Repeat([]byte{7, 77}, 150))
	f.Fuzz(func(t *testing.T, white, black, timeControl, date, site, termination string, whiteElo, blackElo int, choices []byte) {
		c := NewCorpus()
		g := Game{White: white, Black: black, WhiteElo: whiteElo, BlackElo: blackElo, TimeControl: timeControl, Date: date, Site: site, Termination: termination}
		p := bitboard.Start()
		for i, choice := range choices {
			legal := p.Legal(nil)
			if len(legal) == 0 {
				break
			}
			m := legal[int(choice)%len(legal)]
			p.Make(m)
			g.Moves = append(g.Moves, m)
			g.Result, g.Rated = bitboard.Result(choice%4), Rated(choice>>4)
			if choice%16 == 15 || i == len(choices)-1 {
				c.Append(&g)
				// The next one is another.
				g.White, g.Site, g.Date, g.Termination = g.Site, g.Date, g.Termination, g.White
			}
		}
		c.Provenance = Provenance{Program: clean(white), Sources: []Source{{Name: clean(site), Size: int64(whiteElo)}}, Filter: filter.Filter{Player: clean(black), MaxElo: blackElo}}
		var files [2][]byte
		for i := range files {
			var b bytes.Buffer
			w := NewParquetWriter(&b, WriteOptions{SAN: i == 1})
			for _, g := range c.All() {
				if err := w.Write(&g); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.Close(c.Provenance); err != nil {
				t.Fatal(err)
			}
			files[i] = b.Bytes()
			got, err := load(t, files[i], ParquetOptions{})
			if err != nil {
				t.Fatal(err)
			}
			c.Provenance.Report = got.Provenance.Report // empty, where nil was
			sameCorpus(t, got, c)
			if i == 0 && !bytes.Equal(file(t, got), files[0]) {
				t.Fatal("written again the file is another")
			}
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
	want := Source{Name: "games.pgn", Size: 3, SHA256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}
	if err != nil || got != want {
		t.Errorf("%+v %v", got, err)
	}
	if _, err := FileSource(path + "x"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
}

// A file of version 1, as it was written before players, terminations and ratedness
// were kept, has the same games and the same fingerprint, which checkpoints know.
func TestParquetVersion1(t *testing.T) {
	b, err := os.ReadFile("testdata/version1.parquet")
	if err != nil {
		t.Fatal(err)
	}
	c, err := load(t, b, ParquetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want := NewCorpus()
	rng := rand.New(rand.NewPCG(11, 1))
	for range 60 {
		g := randomGame(rng, 1+rng.IntN(60))
		g.White, g.Black, g.Termination, g.Rated = "", "", "", RatedUnknown
		want.Append(g)
	}
	want.Append(&Game{})
	want.Provenance = testProvenance
	sameCorpus(t, c, want)
	if training, _ := c.Split(0.2); c.Fingerprint() != 0x75ac5c67b550af9a || training.Fingerprint() != 0xb996479fcb33ec1b {
		t.Errorf("fingerprints %#x and %#x are not those of the version that wrote the file", c.Fingerprint(), training.Fingerprint())
	}
	// Written again it is of version 2, with the same games.
	again := file(t, c)
	if _, meta := contents(t, again); !strings.Contains(meta, `"version":2`) {
		t.Errorf("written again: %s", meta)
	}
	back, err := load(t, again, ParquetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	sameCorpus(t, back, want)
	// A file that says it is of version 2 has all columns.
	f, err := parquetfile.Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := findColumns(f, 2); err == nil || !strings.Contains(err.Error(), `no column "white"`) {
		t.Errorf("columns of version 2: %v", err)
	}
}

func TestParquetSAN(t *testing.T) {
	c := randomCorpus(9, 600, 60) // more than a batch
	c.Append(&Game{})
	c.Append(game(t, bitboard.WhiteWins, "e4 e5 Qh5 Nc6 Bc4 Nf6 Qxf7#"))
	var b bytes.Buffer
	w := NewParquetWriter(&b, WriteOptions{SAN: true})
	for i, g := range c.All() {
		if w.Games() != i {
			t.Fatalf("%d games written, want %d", w.Games(), i)
		}
		// The writer keeps a copy.
		moves := slices.Clone(g.Moves)
		g.Moves = moves
		if err := w.Write(&g); err != nil {
			t.Fatal(err)
		}
		clear(moves)
	}
	if err := w.Close(testProvenance); err != nil {
		t.Fatal(err)
	}
	c.Provenance = testProvenance
	got, err := load(t, b.Bytes(), ParquetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	sameCorpus(t, got, c)
	rows, err := parquet.Read[sanRow](bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != c.Len() || rows[600].SAN != "" || rows[601].SAN != "e4 e5 Qh5 Nc6 Bc4 Nf6 Qxf7#" {
		t.Fatalf("%d rows, the last two %q and %q", len(rows), rows[600].SAN, rows[601].SAN)
	}
	for i, row := range rows {
		if back := game(t, 0, row.SAN); !slices.Equal(back.Moves, c.Moves(i)) {
			t.Fatalf("game %d: %q is %v, want %v", i, row.SAN, back.Moves, c.Moves(i))
		}
	}
	if err := w.Write(&Game{}); err == nil {
		t.Error("a closed writer takes games")
	}
	if err := w.Close(testProvenance); err == nil {
		t.Error("a writer can be closed twice")
	}
	// There is no SAN of an illegal move, and no file with a gap.
	w = NewParquetWriter(io.Discard, WriteOptions{SAN: true})
	bad := game(t, 0, "e4 e5")
	bad.Moves[1] = bad.Moves[0]
	for range 2 {
		if err := w.Write(bad); !errors.Is(err, bitboard.ErrIllegalMove) || !strings.Contains(err.Error(), "game 1: ply 2") {
			t.Errorf("an illegal game: %v", err)
		}
	}
	if err := w.Close(testProvenance); !errors.Is(err, bitboard.ErrIllegalMove) {
		t.Errorf("closing: %v", err)
	}
}

// A writer below that fails ends the writing with its error.
func TestParquetWriterFails(t *testing.T) {
	errFull := errors.New("disk full")
	w := NewParquetWriter(failingWriter{errFull}, WriteOptions{})
	var err error
	for i := 0; i < 10*rowsPerGroup && err == nil; i++ {
		err = w.Write(&Game{Site: fmt.Sprint(i)})
	}
	if !errors.Is(err, errFull) {
		t.Errorf("writing: %v", err)
	}
	if err := w.Close(testProvenance); !errors.Is(err, errFull) {
		t.Errorf("closing: %v", err)
	}
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }

// A few bytes that say they are very many games do not fill the memory.
func TestParquetBudget(t *testing.T) {
	if testing.Short() {
		t.Skip("writes files of millions of rows")
	}
	type siteRow struct {
		White       string   `parquet:"white,optional,dict"`
		Black       string   `parquet:"black,optional,dict"`
		WhiteElo    int32    `parquet:"white_elo,optional,dict"`
		BlackElo    int32    `parquet:"black_elo,optional,dict"`
		Result      string   `parquet:"result,dict"`
		Rated       *bool    `parquet:"rated,optional"`
		TimeControl string   `parquet:"time_control,optional,dict"`
		Termination string   `parquet:"termination,optional,dict"`
		Date        string   `parquet:"date,optional,dict"`
		Site        string   `parquet:"site,optional,dict"`
		Moves       []uint16 `parquet:"moves,list" parquet-element:",dict"`
	}
	for name, test := range map[string]struct {
		rows int
		site string
		ok   bool
	}{
		"many games":       {1_000_000, "", true},
		"too many games":   {1_700_000, "", false},
		"sites":            {200_000, strings.Repeat("x", maxText), true},
		"too long in all":  {250_000, strings.Repeat("x", maxText), false},
		"far too long":     {1_400_000, strings.Repeat("x", maxText), false},
		"far too many all": {4_000_000, "", false},
	} {
		rows := make([]siteRow, min(test.rows, 1<<16))
		for i := range rows {
			rows[i] = siteRow{Result: "1-0", Site: test.site}
		}
		var b bytes.Buffer
		w := parquet.NewGenericWriter[siteRow](&b, parquet.Compression(&zstd.Codec{}), parquet.PageBufferSize(1<<22))
		for left := test.rows; left > 0; left -= len(rows) {
			if _, err := w.Write(rows[:min(left, len(rows))]); err != nil {
				t.Fatal(err)
			}
		}
		w.SetKeyValueMetadata(corpusKey, fmt.Sprintf(`{"version":2,"games":%d,"plies":0}`, test.rows))
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		rows = nil
		runtime.GC()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := load(t, b.Bytes(), ParquetOptions{})
		runtime.ReadMemStats(&after)
		// What is asked for while the slices of sites grow counts, too.
		used := after.TotalAlloc - before.TotalAlloc
		t.Logf("%s: a file of %d bytes, %d MiB asked for: %v", name, b.Len(), used>>20, err)
		if used > 512<<20 {
			t.Errorf("%s: loading asked for %d MiB", name, used>>20)
		}
		// A file that passes fails later: its fingerprint is not there.
		if refused := err != nil && strings.Contains(err.Error(), "than a file of its size"); refused == test.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestStreamParquet gives the games that LoadParquet has, and finds what is wrong with a file as it does.
func TestStreamParquet(t *testing.T) {
	games := randomCorpus(8, 300, 40)
	rows, meta := contents(t, file(t, games))
	b := rewrite(t, rows, meta, parquet.MaxRowsPerRowGroup(128))
	path := filepath.Join(t.TempDir(), "games.parquet")
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	n := 0
	err := StreamParquet(context.Background(), path, 0, func(group int, g *Game) error {
		want := games.Game(n)
		if !reflect.DeepEqual(*g, want) || group != n/128 {
			t.Fatalf("game %d in row group %d: %+v, want %+v", n, group, *g, want)
		}
		n++
		return nil
	})
	if err != nil || n != games.Len() {
		t.Errorf("%d of %d games, error %v", n, games.Len(), err)
	}
	stopped := 0
	if err := StreamParquet(context.Background(), path, 0, func(int, *Game) error { stopped++; return ErrStop }); err != nil || stopped != 1 {
		t.Errorf("stopped after %d games, error %v", stopped, err)
	}
	own := errors.New("own")
	if err := StreamParquet(context.Background(), path, 0, func(int, *Game) error { return own }); err != own {
		t.Errorf("error %v", err)
	}
	if err := StreamParquet(context.Background(), path, 3, func(int, *Game) error { return own }); err != nil {
		t.Errorf("after the last row group: %v", err)
	}
	n = 256
	if err := StreamParquet(context.Background(), path, 2, func(_ int, g *Game) error {
		if !reflect.DeepEqual(*g, games.Game(n)) {
			t.Errorf("game %d is another one", n)
		}
		n++
		return nil
	}); err != nil || n != 300 {
		t.Errorf("from the last row group: %d, %v", n, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := StreamParquet(ctx, path, 0, func(int, *Game) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
	b[len(b)/3] ^= 1
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	var ce *CorpusError
	if err := StreamParquet(context.Background(), path, 0, func(int, *Game) error { return nil }); !errors.As(err, &ce) || ce.Path != path {
		t.Errorf("a damaged file: %v", err)
	}
}

// TestSimulated: sources from before they had a scale are told by their names.
func TestSimulated(t *testing.T) {
	for _, c := range []struct {
		source Source
		want   bool
	}{
		{Source{Name: "league pool=club,games=60", Scale: "nominal"}, true},
		{Source{Name: "league pool=club,games=60"}, true},
		{Source{Name: "league.pgn"}, false},
		{Source{Name: "lichess_db_standard_rated_2013-01.pgn.zst"}, false},
	} {
		if got := c.source.Simulated(); got != c.want {
			t.Errorf("%+v: %v", c.source, got)
		}
	}
}
