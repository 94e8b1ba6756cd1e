package uciserver

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"

	"transcend/engine"
	"transcend/internal/bitboard"
)

// FuzzServer: whatever comes in, what goes out is UCI, the server ends with its
// input, and each search has one answer, a legal move if there is one.
func FuzzServer(f *testing.F) {
	for _, s := range []string{
		"uci\nisready\nucinewgame\nposition startpos moves e2e4 e7e5\ngo wtime 1000 btime 1000 winc 10 binc 10\n",
		"go infinite\nstop\ngo ponder movetime 10\nponderhit\nquit\n",
		"setoption name Temperature value 0.5\nsetoption name IllegalPolicy value forfeit-after-5\ngo searchmoves e2e4 0000 e1g1\n",
		"position fen 7k/5Q2/6K1/8/8/8/8/8 b - - 0 1\ngo\nposition fen rnbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR w KQkq -\ngo depth",
		"position startpos moves f2f3 e7e5 g2g4 d8h4\r\ngo movetime\r\n", "debug on\njoho go nodes 99999999999999999999 mate -1\n",
		"setoption name Model value x\nisready\nsetoption name Reload Model\nsetoption name Seed\nsetoption\nposition\nregister\n",
		"\x00\xff\ngo go go\nposition fen 8/8/8/8/8/8/8/8 w - - 0 1\ngo\n",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, input string) {
		// Time limits make no difference to a model that takes no time, but a timer
		// may win: then the move is another legal one.
		seed := uint64(1)
		var out bytes.Buffer
		if err := Run(context.Background(), strings.NewReader(input), &out, Config{
			Name: "fuzzed", Author: "nobody", Model: "dir", Seed: &seed,
			Load:   func(context.Context, string) (Model, error) { return &fake{}, nil },
			Policy: engine.IllegalPolicy{Kind: engine.Mask},
		}); err != nil {
			t.Fatal(err)
		}
		best := 0
		for line := range strings.Lines(out.String()) {
			words := strings.Fields(line)
			if !strings.HasSuffix(line, "\n") || len(words) == 0 || !slices.Contains([]string{"id", "option", "uciok", "readyok", "info", "bestmove"}, words[0]) {
				t.Fatalf("not UCI: %q", line)
			}
			if words[0] != "bestmove" {
				continue
			}
			best++
			if len(words) != 2 {
				t.Fatalf("%q", line)
			}
			if m, err := bitboard.ParseUCI(words[1]); err != nil && words[1] != "(none)" || err == nil && m == bitboard.NoMove && !strings.Contains(out.String(), "no move: ") {
				t.Fatalf("%q", line)
			}
		}
		if most := strings.Count(input, "go"); best > most {
			t.Fatalf("%d answers to at most %d searches", best, most)
		}
		if strings.HasSuffix(input, "\ngo\n") && !strings.Contains(input, "quit") && best == 0 {
			t.Fatal("no answer")
		}
	})
}
