// Command corpusdump makes corpus files for .ci/parquet-check, and beside each what
// this module reads in it, as JSON lines: another program, with a Parquet reader of
// its own, must read the same.
//
//	go run ./data/internal/corpusdump OUT PGN...
//
// The games come from the PGN files. Each third one loses something that a corpus may
// not know, so that there are nulls in every column that allows them, and a few games
// are made up to have what real ones seldom do.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"transcend/data"
	"transcend/data/filter"
	"transcend/internal/atomicfile"
	"transcend/internal/bitboard"
	"transcend/pgn"
)

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: corpusdump OUT PGN...")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "corpusdump:", err)
		os.Exit(1)
	}
}

func run(out string, files []string) error {
	for name, o := range map[string]data.WriteOptions{"plain": {}, "san": {SAN: true}} {
		path := filepath.Join(out, name+".parquet")
		if err := atomicfile.WriteFile(path, 0o644, func(w io.Writer) error { return write(w, files, o) }); err != nil {
			return err
		}
		if err := dump(path, filepath.Join(out, name+".jsonl")); err != nil {
			return err
		}
	}
	return nil
}

// most is how many games a file gets: more than one row group.
const most = 1<<17 + 1000

func write(w io.Writer, files []string, o data.WriteOptions) error {
	r, err := pgn.Open(files...)
	if err != nil {
		return err
	}
	defer r.Close()
	pw := data.NewParquetWriter(w, o)
	p := data.Provenance{Program: "corpusdump", Filter: filter.Filter{MinPlies: 2}}
	for _, g := range odd() {
		if err := pw.Write(&g); err != nil {
			return err
		}
	}
	p.Report, err = data.ReadPGN(context.Background(), r, p.Filter, func(g *data.Game) error {
		n := pw.Games()
		if n == most {
			return data.ErrStop
		}
		forget(g, n)
		return pw.Write(g)
	})
	if err != nil {
		return err
	}
	for _, file := range files {
		s, err := data.FileSource(file)
		if err != nil {
			return err
		}
		p.Sources = append(p.Sources, s)
	}
	return pw.Close(p)
}

// forget takes something from each third game, and gives ratedness to the others.
func forget(g *data.Game, n int) {
	g.Rated = data.Rated(n % 3)
	if n%3 > 0 {
		return
	}
	switch n / 3 % 8 {
	case 0:
		g.White = ""
	case 1:
		g.Black = ""
	case 2:
		g.WhiteElo = 0
	case 3:
		g.BlackElo = 0
	case 4:
		g.TimeControl = ""
	case 5:
		g.Termination = ""
	case 6:
		g.Date = ""
	case 7:
		g.Site = ""
	}
}

// odd are games with what real ones seldom have: nothing at all, texts beyond ASCII,
// every promotion, castling to both sides, en passant.
func odd() []data.Game {
	games := []data.Game{
		{},
		{White: "Ćirić, Dragoljub", Black: "日本 \"棋\" \\ 𝄞", WhiteElo: data.MaxElo, BlackElo: 1, Result: bitboard.Draw, Rated: data.RatedNo,
			TimeControl: "-", Termination: "Rules infraction", Date: "1971.??.??", Site: "Vrnjačka Banja"},
	}
	for _, line := range []string{
		"b2b4 a7a5 b4a5 b7b5 a5b6 h7h5 b6c7 h5h4 g2g4 h4g3 c7b8q g3g2 b8a8 g2h1r",
		"a2a4 b7b5 a4b5 a7a6 b5a6 h7h5 a6a7 h5h4 a7b8n h4h3 b8c6 h3g2 c6d4 g2h1b",
		"e2e4 e7e5 g1f3 b8c6 f1c4 f8c5 e1g1 d7d6 d2d3 c8g4 c2c3 d8d7 b1d2 e8c8",
	} {
		g := data.Game{Result: bitboard.WhiteWins}
		p := bitboard.Start()
		for len(line) > 0 {
			n := 4
			if len(line) > 4 && line[4] != ' ' {
				n = 5
			}
			m, err := p.ParseUCIMove(line[:n])
			if err != nil {
				panic(err)
			}
			p.Make(m)
			g.Moves = append(g.Moves, m)
			line = line[min(n+1, len(line)):]
		}
		games = append(games, g)
	}
	return games
}

// row is a game as the other program has it: null is unknown, a move is in UCI.
type row struct {
	White       *string  `json:"white"`
	Black       *string  `json:"black"`
	WhiteElo    *int     `json:"white_elo"`
	BlackElo    *int     `json:"black_elo"`
	Result      string   `json:"result"`
	Rated       *bool    `json:"rated"`
	TimeControl *string  `json:"time_control"`
	Termination *string  `json:"termination"`
	Date        *string  `json:"date"`
	Site        *string  `json:"site"`
	Moves       []string `json:"moves"`
}

// dump writes what this module finds in a corpus file: first the corpus, then a line
// a game.
func dump(path, to string) (err error) {
	c, err := data.ReadParquet(path)
	if err != nil {
		return err
	}
	f, err := os.Create(to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriter(f)
	e := json.NewEncoder(w)
	if err := e.Encode(map[string]any{
		"games": c.Len(), "plies": c.Plies(), "fingerprint": fmt.Sprintf("%016x", c.Fingerprint()), "provenance": c.Provenance,
	}); err != nil {
		return err
	}
	for _, g := range c.All() {
		r := row{
			White: known(g.White), Black: known(g.Black), WhiteElo: known(g.WhiteElo), BlackElo: known(g.BlackElo), Result: g.Result.String(),
			TimeControl: known(g.TimeControl), Termination: known(g.Termination), Date: known(g.Date), Site: known(g.Site), Moves: []string{},
		}
		if g.Rated != data.RatedUnknown {
			yes := g.Rated == data.RatedYes
			r.Rated = &yes
		}
		for _, m := range g.Moves {
			r.Moves = append(r.Moves, m.String())
		}
		if err := e.Encode(r); err != nil {
			return err
		}
	}
	return w.Flush()
}

// known is nil for the zero value.
func known[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}
