package match

import (
	"context"
	"fmt"
	"testing"

	"transcend/engine"
	"transcend/engine/uci"
	"transcend/internal/bitboard"
	"transcend/internal/fakeengine"
)

// BenchmarkNullEngines plays whole games between two engines that answer at once:
// what a move costs beside the engines' thinking. One worker keeps two processes
// busy in turn, as many as there are cores of the machine that the issue names.
// The peer is the same conversation with neither rules nor records: the moves of
// BenchmarkMove in package uci.
func BenchmarkNullEngines(b *testing.B) {
	path, err := fakeengine.Build(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	for _, workers := range []int{1, 2} {
		b.Run(fmt.Sprintf("workers=%d", workers), func(b *testing.B) {
			start := func(ctx context.Context) (engine.Player, error) {
				return uci.Start(ctx, uci.Config{Path: path})
			}
			limit := Control{Nodes: 1}
			openings, err := BuiltinOpenings(OpeningOptions{Shuffle: true})
			if err != nil {
				b.Fatal(err)
			}
			moves, games := 0, 0
			r := Runner{
				Entrants: []Entrant{{New: start, Control: limit, FailuresLose: true}, {New: start, Control: limit, FailuresLose: true}},
				Rules:    Rules{MaxPlies: 160}, Openings: openings, Concurrency: workers,
				Record: func(_ Task, g *Game) error {
					moves += len(g.Moves) - g.BookPlies
					games++
					if moves >= b.N {
						return ErrStop
					}
					return nil
				},
			}
			b.ReportAllocs()
			b.ResetTimer()
			err = r.Run(b.Context(), func(yield func(Task) bool) {
				for slot := 0; yield(Task{First: 0, Second: 1, Slot: slot}); slot++ {
				}
			})
			b.StopTimer()
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(moves)/b.Elapsed().Seconds(), "moves/s")
			b.ReportMetric(b.Elapsed().Seconds()/float64(moves)*1e6, "µs/move")
		})
	}
}

// BenchmarkReferee plays games between players that cost nothing: the rules, the
// clocks and the records alone.
func BenchmarkReferee(b *testing.B) {
	line := fakeengine.Game(150).Moves()
	players := [2]engine.Player{&replayer{line: line}, &replayer{line: line}}
	moves := 0
	b.ReportAllocs()
	for b.Loop() {
		g, err := Play(b.Context(), players, 0, 1, Opening{}, Rules{NoClaims: true, MaxPlies: 150, Controls: [2]Control{{Time: 1e12}, {Time: 1e12}}})
		if err != nil {
			b.Fatal(err)
		}
		moves += len(g.Moves)
	}
	b.ReportMetric(float64(moves)/b.Elapsed().Seconds(), "moves/s")
}

// replayer plays a given line.
type replayer struct{ line []bitboard.Move }

func (p *replayer) Name() string                          { return "replayer" }
func (p *replayer) Spec() map[string]string               { return nil }
func (p *replayer) NewGame(context.Context, uint64) error { return nil }
func (p *replayer) Close() error                          { return nil }
func (p *replayer) Move(_ context.Context, g *bitboard.Game, _ engine.Limit) (engine.Reply, error) {
	return engine.Reply{Move: p.line[g.Ply()], Attempts: 1}, nil
}
