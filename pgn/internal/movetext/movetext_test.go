package movetext

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// Next says the same as a look at each byte, on texts of all lengths, from all places.
func TestNext(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	found := map[byte]int{}
	for range 20_000 {
		text := make([]byte, 1+rng.IntN(200))
		plain := rng.IntN(200) // how rare the bytes are that count
		for i := range text {
			if rng.IntN(plain+1) == 0 {
				text[i] = "\n[-0123\"*{}"[rng.IntN(11)]
			} else {
				text[i] = "e4 Nf3x+=#\x8a\xff\xad\x5b\x0a0"[rng.IntN(16)]
			}
		}
		for n := rng.IntN(3); n > 0; n-- {
			copy(text[rng.IntN(len(text)):], []string{"1-0", "0-1", "2-1", "4-1", "\n["}[rng.IntN(5)])
		}
		for i := 1; i <= len(text); i += 1 + rng.IntN(40) {
			at, brace := Next(text, i)
			wantAt, wantBrace := nextByte(text, i)
			if at != wantAt || brace != wantBrace {
				t.Fatalf("%q from %d: %d, %v, want %d, %v", text, i, at, brace, wantAt, wantBrace)
			}
			if at < len(text) {
				found[text[at]]++
			}
		}
	}
	for _, c := range []byte("\n\"*-") {
		if found[c] < 1000 {
			t.Errorf("only %d times %q", found[c], c)
		}
	}
}

func TestNextPlaces(t *testing.T) {
	for _, test := range []struct {
		text  string
		at    int
		brace bool
	}{
		{" 1. e4 e5 1-0\n\n[", 11, false},
		{" 1. e4 {x} 1/2-1/2", 14, true},
		{" O-O \n e4-e5 a1-a2 2-0 3-1", 20, false},
		{" \n\n[", 2, false},
		{" \n", 2, false},
		{" 1-", 3, false},
		{" x {\"", 4, true},
		{" *{", 1, false},
	} {
		for _, pad := range []int{0, 31, 32, 64, 100} {
			text := append(bytes.Repeat([]byte{'.'}, pad), test.text...)
			if at, brace := Next(text, 1); at != pad+test.at || brace != test.brace {
				t.Errorf("%q: %d, %v, want %d, %v", text, at, brace, pad+test.at, test.brace)
			}
		}
	}
}
