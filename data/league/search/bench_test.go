package search

import (
	"testing"

	"transcend/internal/bitboard"
	"transcend/internal/boardtest"
)

// benchPositions are a start, middlegames and endgames.
var benchPositions = []string{
	bitboard.StartFEN,
	"r1bq1rk1/pp2bppp/2n1pn2/2pp4/3P1B2/2PBPN2/PP1N1PPP/R2QK2R w KQ - 4 8",
	"r3k2r/p1ppqpb1/bn2pnp1/3PN3/1p2P3/2N2Q1p/PPPBBPPP/R3K2R w KQkq - 0 1",
	"2rq1rk1/1b2bppp/p2ppn2/1p6/3BP3/P1N2P2/1PPQ2PP/2KR1B1R w - - 2 14",
	"8/5pk1/4p1p1/1p1pP2p/1P1P1P1P/2R3P1/1r3K2/8 w - - 0 40",
	"8/2p5/3p4/KP5r/1R3p1k/8/4P1P1/8 w - - 0 1",
}

// BenchmarkSearch prints nodes a second at a fixed number of nodes, and at which depth
// they end.
func BenchmarkSearch(b *testing.B) {
	s := New(1 << 20)
	var games []*bitboard.Game
	for _, fen := range benchPositions {
		games = append(games, boardtest.Game(b, fen))
	}
	b.ReportAllocs()
	nodes, depth, searches := 0, 0, 0
	for b.Loop() {
		for _, g := range games {
			r := s.Search(g, Options{Nodes: 20_000})
			nodes += r.Nodes
			depth += r.Depth
			searches++
		}
	}
	b.ReportMetric(float64(nodes)/b.Elapsed().Seconds()/1e6, "Mnodes/s")
	b.ReportMetric(float64(depth)/float64(searches), "depth")
}
