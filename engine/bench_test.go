package engine

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"transcend/internal/bitboard"
	"transcend/internal/fakeengine"
)

// benchGames are lines of play for benchmarks, so that choosing moves costs
// nothing in them.
func benchGame(b *testing.B, plies int) *bitboard.Game {
	g := bitboard.NewGame(bitboard.Start())
	for seed := uint64(1); g.Ply() < plies; seed++ {
		g = bitboard.NewGame(bitboard.Start())
		for g.Ply() < plies && g.Position().HasLegalMove() {
			if err := g.Make(fakeengine.Choose(seed, g.Position())); err != nil {
				b.Fatal(err)
			}
		}
	}
	return g
}

// BenchmarkUCIMove measures moves through one client and an engine that answers
// at once, in games of 80 plies. The ceiling is the same conversation with the
// same engine, written and read without a client.
func BenchmarkUCIMove(b *testing.B) {
	const plies = 80
	line := benchGame(b, plies).Moves()
	path, err := fakeengine.Build(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	report := func(b *testing.B) { b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "moves/s") }

	b.Run("client", func(b *testing.B) {
		c := start(b, Config{Path: path})
		g := bitboard.NewGame(bitboard.Start())
		limit := Limit{MoveTime: time.Second}
		ctx := b.Context()
		b.ReportAllocs()
		b.ResetTimer()
		for b.Loop() {
			if g.Ply() == plies {
				g = bitboard.NewGame(bitboard.Start())
			}
			if _, err := c.Move(ctx, g, limit); err != nil {
				b.Fatal(err)
			}
			if err := g.Make(line[g.Ply()]); err != nil {
				b.Fatal(err)
			}
		}
		report(b)
	})
	b.Run("ceiling", func(b *testing.B) {
		cmd := exec.Command(path)
		in, err := cmd.StdinPipe()
		if err != nil {
			b.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			b.Fatal(err)
		}
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			b.Fatal(err)
		}
		defer cmd.Wait()
		defer in.Close()
		commands := make([]string, plies)
		moves := "position startpos"
		for i := range plies {
			if i == 1 {
				moves += " moves"
			}
			if i > 0 {
				moves += " " + line[i-1].String()
			}
			commands[i] = moves + "\nisready\ngo movetime 1000\n"
		}
		scanner := bufio.NewScanner(out)
		i := 0
		for b.Loop() {
			fmt.Fprint(in, commands[i%plies])
			i++
			for scanner.Scan() && scanner.Text()[0] != 'b' {
			}
		}
		report(b)
	})
}

// BenchmarkRandomMove measures the random mover alone, the floor for players that
// run in this process.
func BenchmarkRandomMove(b *testing.B) {
	p := NewRandomPlayer()
	line := benchGame(b, 80)
	g := bitboard.NewGame(bitboard.Start())
	b.ReportAllocs()
	for b.Loop() {
		if g.Ply() == 80 {
			g = bitboard.NewGame(bitboard.Start())
		}
		if _, err := p.Move(b.Context(), g, Limit{}); err != nil {
			b.Fatal(err)
		}
		if err := g.Make(line.Moves()[g.Ply()]); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "moves/s")
}
