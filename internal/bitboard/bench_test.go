package bitboard

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/notnil/chess"
)

// BenchmarkPerft reports millions of nodes a second on one thread; the moves
// of the last ply are counted, not played.
func BenchmarkPerft(b *testing.B) {
	for _, bench := range []struct {
		position int
		depth    int
	}{{0, 6}, {1, 5}, {3, 5}, {6, 5}} {
		test := &perftPositions[bench.position]
		b.Run(test.name, func(b *testing.B) {
			p, err := ParseFEN(test.fen)
			if err != nil {
				b.Fatal(err)
			}
			var nodes uint64
			for b.Loop() {
				got := Perft(&p, bench.depth)
				if want := test.nodes[bench.depth-1]; got != want {
					b.Fatalf("%d nodes, want %d", got, want)
				}
				nodes += got
			}
			b.ReportMetric(float64(nodes)/b.Elapsed().Seconds()/1e6, "Mnodes/s")
		})
	}
}

// sanGame is a game of random moves as a PGN reader meets it.
type sanGame struct {
	moves []Move
	sans  []string
}

func randomSANGames(games, plies int) []sanGame {
	rng := rand.New(rand.NewPCG(1, 2))
	out := make([]sanGame, games)
	buf := make([]Move, 0, MaxMoves)
	for i := range out {
		p := Start()
		for range plies {
			buf = p.Legal(buf[:0])
			if len(buf) == 0 {
				break
			}
			m := buf[rng.IntN(len(buf))]
			out[i].moves = append(out[i].moves, m)
			out[i].sans = append(out[i].sans, p.SAN(m))
			p.Make(m)
		}
	}
	return out
}

// BenchmarkSAN measures reading games of SAN moves: each move is parsed,
// checked and played. notnil/chess reads a part of the same games in the same
// run.
func BenchmarkSAN(b *testing.B) {
	games := randomSANGames(100, 80)
	read := func() (moves int) {
		for i := range games {
			p := Start()
			for j, san := range games[i].sans {
				m, err := p.ParseSAN(san)
				if err != nil || m != games[i].moves[j] {
					b.Fatalf("%s in %s: %v, %v, want %v", san, p.FEN(), m, err, games[i].moves[j])
				}
				p.Make(m)
			}
			moves += len(games[i].sans)
		}
		return moves
	}

	start, peerMoves := time.Now(), 0
	for i := range games[:2] {
		p := chess.StartingPosition()
		for _, san := range games[i].sans {
			m, err := chess.AlgebraicNotation{}.Decode(p, san)
			if err != nil {
				b.Fatal(err)
			}
			p = p.Update(m)
			peerMoves++
		}
	}
	peer := float64(peerMoves) / time.Since(start).Seconds()

	moves := 0
	for b.Loop() {
		moves += read()
	}
	rate := float64(moves) / b.Elapsed().Seconds()
	b.ReportMetric(rate/1e6, "Mmoves/s")
	b.ReportMetric(peer/1e6, "notnil-Mmoves/s")
	b.ReportMetric(rate/peer, "x-notnil")
}

// BenchmarkAppendSAN measures printing the same games.
func BenchmarkAppendSAN(b *testing.B) {
	games := randomSANGames(100, 80)
	var buf []byte
	moves := 0
	for b.Loop() {
		for i := range games {
			p := Start()
			for _, m := range games[i].moves {
				buf = p.AppendSAN(buf[:0], m)
				p.Make(m)
			}
			moves += len(games[i].moves)
		}
	}
	b.ReportMetric(float64(moves)/b.Elapsed().Seconds()/1e6, "Mmoves/s")
}
