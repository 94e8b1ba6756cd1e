package uci

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"transcend/engine"
	"transcend/internal/bitboard"
	"transcend/internal/fakeengine"
)

// BenchmarkMove measures moves through one client and an engine that answers
// at once, in games of 80 plies. The ceiling is the same conversation with the
// same engine, written and read without a client.
func BenchmarkMove(b *testing.B) {
	const plies = 80
	line := fakeengine.Game(plies).Moves()
	path, err := fakeengine.Build(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	report := func(b *testing.B) { b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "moves/s") }

	b.Run("client", func(b *testing.B) {
		c := start(b, Config{Path: path})
		g := bitboard.NewGame(bitboard.Start())
		limit := engine.Limit{MoveTime: time.Second}
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
	b.Run("two games at once", func(b *testing.B) {
		// Two games of two engines each, as a match on two cores plays them.
		b.SetParallelism(1)
		b.RunParallel(func(pb *testing.PB) {
			white, black := start(b, Config{Path: path}), start(b, Config{Path: path})
			limit := engine.Limit{MoveTime: time.Second}
			g := bitboard.NewGame(bitboard.Start())
			for pb.Next() {
				if g.Ply() == plies {
					g = bitboard.NewGame(bitboard.Start())
				}
				c := white
				if g.Ply()%2 == 1 {
					c = black
				}
				if _, err := c.Move(b.Context(), g, limit); err != nil {
					b.Error(err)
					return
				}
				if err := g.Make(line[g.Ply()]); err != nil {
					b.Error(err)
					return
				}
			}
		})
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
