package uci

import (
	"cmp"
	"testing"

	"transcend/engine"
	"transcend/internal/bitboard"
	"transcend/internal/boardtest"
)

// TestKeepLines: the last exact line of every move counts, whatever bounds and numbers come after it.
func TestKeepLines(t *testing.T) {
	k := infoKeeper{index: map[string]int{}}
	for _, line := range []string{
		"depth 1 multipv 1 score cp 10 pv e2e4 e7e5",
		"depth 1 multipv 2 score cp 5 pv d2d4",
		"depth 1 multipv 3 score mate -2 pv g2g4",
		"depth 2 multipv 1 score cp 7 nodes 9 pv d2d4",
		"depth 2 multipv 2 score cp 99 lowerbound pv e2e4",
		"depth 2 currmove g1f3 currmovenumber 3",
		"string score cp 1 pv a2a4",
		"depth 2 multipv 999999999999999999999 score cp 7 pv h2h4",
		"depth 2 multipv 0 score cp 7 pv h2h4",
		"depth 2 multipv x score cp 7 pv h2h4",
		"depth 2 multipv 219 score cp 7 pv h2h4",
		"depth 2 multipv score cp 7 pv h2h4",
		"depth 2 score cp x pv h2h4",
		"depth 2 score wdl 7 pv h2h4",
		"depth 2 score cp 7 string pv h2h4",
		"depth 2 lowerbound score cp 7 pv h2h4",
		"depth 2 score cp 7 pv",
		"depth 2 pv b2b4",
	} {
		k.keep([]byte(line))
	}
	got := map[string]engine.Score{}
	for _, l := range k.lines {
		s := parseInfo(l.text)
		got[s.PV] = *s
	}
	if len(got) != 3 || got["e2e4 e7e5"].Centipawns != 10 || got["d2d4"].Centipawns != 7 || got["d2d4"].Depth != 2 || got["g2g4"].Mate != -2 {
		t.Errorf("kept %+v", got)
	}
	// By the million: not one of them may allocate, when the line that it replaces was as long.
	for _, index := range []map[string]int{nil, {}} {
		k := infoKeeper{index: index}
		lines := [][]byte{
			[]byte("depth 12 seldepth 20 multipv 1 score cp -31 nodes 1000 nps 500000 hashfull 3 tbhits 0 time 2 pv e2e4 e7e5"),
			[]byte("depth 12 seldepth 20 multipv 2 score cp -41 lowerbound nodes 1000 nps 500000 hashfull 3 tbhits 0 time 2 pv d2d4"),
			[]byte("depth 12 currmove g1f3 currmovenumber 3"),
		}
		if n := testing.AllocsPerRun(100, func() {
			for _, line := range lines {
				k.keep(line)
			}
		}); n > 0 {
			t.Errorf("%v allocations in %d lines, with an index: %v", n, len(lines), index != nil)
		}
	}
	order := []engine.Score{{IsMate: true, Mate: -1}, {IsMate: true, Mate: -5}, {Centipawns: -300}, {}, {Centipawns: 20_000}, {IsMate: true, Mate: 5}, {IsMate: true, Mate: 1}}
	for i := range order {
		for j := range order {
			if got, want := compareScores(&order[i], &order[j]), cmp.Compare(i, j); got != want {
				t.Errorf("%+v against %+v: %d", order[i], order[j], got)
			}
		}
	}
}

// TestStockfishLines: all legal moves have a score, by whatever limit, and mates are seen.
func TestStockfishLines(t *testing.T) {
	path, err := Find("stockfish")
	if err != nil {
		t.Skipf("Stockfish is not installed: %v", err)
	}
	c := start(t, Config{Path: path, Options: []Option{{"MultiPV", "256"}, {"Hash", "16"}, {"Threads", "1"}}})
	for _, fen := range []string{
		"", "r1bqkb1r/pppp1ppp/2n2n2/4p2Q/2B1P3/8/PPPP1PPP/RNB1K1NR w KQkq - 4 4", "8/8/8/8/8/5k2/6q1/7K w - - 0 1",
		"R6R/3Q4/1Q4Q1/4Q3/2Q4Q/Q4Q2/pp1Q4/kBNN1KB1 w - - 0 1", "8/P7/8/8/8/8/7p/k1K5 w - - 0 1",
	} {
		g := boardtest.Game(t, fen)
		legal := g.Position().Legal(nil)
		for _, limit := range []engine.Limit{{Nodes: 30_000}, {Depth: 2}, {Nodes: 50}} {
			if len(legal) == 0 {
				continue
			}
			wantNoError(t, c.NewGame(t.Context(), 1))
			lines, err := c.Lines(t.Context(), g, limit)
			wantNoError(t, err)
			seen := map[bitboard.Move]bool{}
			for i, l := range lines {
				seen[l.Move] = g.Position().IsLegal(l.Move)
				if i > 0 && compareScores(&lines[i-1].Score, &l.Score) < 0 {
					t.Errorf("%s: %v stands behind %v", fen, l, lines[i-1])
				}
			}
			if len(seen) != len(lines) || len(lines) != len(legal) && limit.Nodes != 50 || len(lines) == 0 {
				t.Errorf("%s, %+v: %d lines for %d of %d legal moves", fen, limit, len(lines), len(seen), len(legal))
			}
			if fen != "" && fen[0] == 'r' && limit.Nodes != 50 && (g.Position().SAN(lines[0].Move) != "Qxf7#" || lines[0].Score.Mate != 1) {
				t.Errorf("the best move is %v, %+v", lines[0].Move, lines[0].Score)
			}
		}
	}
	// Other searches keep one line, as ever.
	g := boardtest.Game(t, "")
	r := mustMove(t, c, g, engine.Limit{Depth: 2})
	if r.Score == nil || c.info.index != nil || len(c.info.lines) != 0 {
		t.Errorf("after Lines: score %+v, %d lines", r.Score, len(c.info.lines))
	}
}
