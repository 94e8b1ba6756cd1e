package data_test

import (
	"fmt"
	"log"
	"strings"

	"transcend/data"
	"transcend/internal/bitboard"
)

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
