package batches_test

import (
	"context"
	"fmt"
	"log"
	"strings"

	"transcend/data"
	"transcend/data/batches"
	"transcend/data/filter"
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
	loader, err := batches.NewLoader(corpus, tok, batches.Config{Rows: 1, Context: 6})
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
