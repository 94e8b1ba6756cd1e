package data_test

import (
	"context"
	"fmt"
	"log"
	"strings"

	"transcend/data"
	"transcend/data/filter"
	"transcend/internal/bitboard"
	"transcend/model"
	"transcend/pgn"
)

const games = `
[Event "Rated game"]
[WhiteElo "950"]
[BlackElo "1000"]
[Result "0-1"]

1. f3 e5 2. g4 Qh4# 0-1

[Event "Rated game"]
[WhiteElo "950"]
[BlackElo "1001"]
[Result "1-0"]

1. e4 1-0
`

// From PGN to a batch.
func Example() {
	r, err := pgn.NewReader("games.pgn", strings.NewReader(games))
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	corpus, report, err := data.ReadCorpus(context.Background(), r, filter.Filter{MaxElo: 1000})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("kept %d of %d games\n", report.Kept, report.Seen)

	tok := data.NewMoveTokenizer()
	loader, err := data.NewLoader(corpus, tok, data.LoaderConfig{Rows: 1, Context: 6})
	if err != nil {
		log.Fatal(err)
	}
	var b model.Batch
	if err := loader.Next(&b); err != nil {
		log.Fatal(err)
	}
	for i, id := range b.Tokens {
		fmt.Printf("%-6s -> %s\n", tok.Text(id), tok.Text(b.Targets[i]))
	}
	// Output:
	// kept 1 of 2 games
	// <game> -> f2f3
	// f2f3   -> e7e5
	// e7e5   -> g2g4
	// g2g4   -> d8h4
	// d8h4   -> <game>
	// <pad>  ->
}

// What a character model is shown to move, and what is read of its answer.
func ExampleCharTokenizer() {
	tok := data.NewCharTokenizer(data.CharOptions{})
	g := bitboard.NewGame(bitboard.Start())
	for _, uci := range []string{"e2e4", "e7e5"} {
		m, err := g.Position().ParseUCIMove(uci)
		if err != nil {
			log.Fatal(err)
		}
		if err := g.Make(m); err != nil {
			log.Fatal(err)
		}
	}
	var prompt strings.Builder
	for _, id := range tok.AppendPrompt(nil, g.Moves()) {
		prompt.WriteString(tok.Text(id))
	}
	fmt.Printf("%q\n", prompt.String())

	sampled := []int32{19, 28, 8, 0} // "Nf3 "
	text, complete := tok.ReadMove(sampled)
	fmt.Println(text, complete)
	m, err := tok.ParseMove(g.Position(), text)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(m)
	// Output:
	// ";1.e4 e5 2."
	// Nf3 true
	// g1f3
}
