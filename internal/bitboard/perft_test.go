package bitboard

import (
	"flag"
	"testing"
)

var deep = flag.Bool("deep", false, "perft to depth 6 and beyond: 20 billion nodes, about a minute")

// Published node counts: https://www.chessprogramming.org/Perft_Results.
var perftPositions = []struct {
	name, fen string
	nodes     []uint64 // by depth, from 1
}{
	{"initial", StartFEN, []uint64{20, 400, 8902, 197281, 4865609, 119060324}},
	{"kiwipete", "r3k2r/p1ppqpb1/bn2pnp1/3PN3/1p2P3/2N2Q1p/PPPBBPPP/R3K2R w KQkq - 0 1",
		[]uint64{48, 2039, 97862, 4085603, 193690690, 8031647685}},
	{"position 3", "8/2p5/3p4/KP5r/1R3p1k/8/4P1P1/8 w - - 0 1",
		[]uint64{14, 191, 2812, 43238, 674624, 11030083, 178633661}},
	{"position 4", "r3k2r/Pppp1ppp/1b3nbN/nP6/BBP1P3/q4N2/Pp1P2PP/R2Q1RK1 w kq - 0 1",
		[]uint64{6, 264, 9467, 422333, 15833292, 706045033}},
	{"position 4 mirrored", "r2q1rk1/pP1p2pp/Q4n2/bbp1p3/Np6/1B3NBn/pPPP1PPP/R3K2R b KQ - 0 1",
		[]uint64{6, 264, 9467, 422333, 15833292, 706045033}},
	{"position 5", "rnbq1k1r/pp1Pbppp/2p5/8/2B5/8/PPP1NnPP/RNBQK2R w KQ - 1 8",
		[]uint64{44, 1486, 62379, 2103487, 89941194, 3048196529}},
	{"position 6", "r4rk1/1pp1qppp/p1np1n2/2b1p1B1/2B1P1b1/P1NP1N2/1PP1QPPP/R4RK1 w - - 0 10",
		[]uint64{46, 2079, 89890, 3894594, 164075551, 6923051137}},
}

func TestPerft(t *testing.T) {
	for _, test := range perftPositions {
		t.Run(test.name, func(t *testing.T) {
			p, err := ParseFEN(test.fen)
			if err != nil {
				t.Fatal(err)
			}
			most := 5
			switch {
			case *deep:
				most = len(test.nodes)
			case testing.Short():
				most = 4
			}
			for depth := 1; depth <= most; depth++ {
				if got := Perft(&p, depth); got != test.nodes[depth-1] {
					t.Errorf("depth %d: %d nodes, want %d", depth, got, test.nodes[depth-1])
				}
			}
		})
	}
}

// TestPerftPlaysEveryMove compares counted with played last moves.
func TestPerftPlaysEveryMove(t *testing.T) {
	for _, test := range perftPositions {
		p := mustParse(t, test.fen)
		const depth = 3
		if got := perftPlayed(&p, depth); got != test.nodes[depth-1] {
			t.Errorf("%s: %d nodes, want %d", test.name, got, test.nodes[depth-1])
		}
	}
	p := Start()
	if Perft(&p, 0) != 1 || Perft(&p, -1) != 1 {
		t.Error("perft of no moves is not 1")
	}
}

func perftPlayed(p *Position, depth int) uint64 {
	if depth == 0 {
		return 1
	}
	var nodes uint64
	for _, m := range p.Legal(nil) {
		next := *p
		next.Make(m)
		nodes += perftPlayed(&next, depth-1)
	}
	return nodes
}
