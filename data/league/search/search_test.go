package search

import (
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"transcend/internal/bitboard"
	"transcend/internal/boardtest"
)

// TestMates has mates that Shannon-style search must find within the depth that they
// need, with the right distance.
func TestMates(t *testing.T) {
	s := New(1 << 20)
	for _, test := range []struct {
		name, fen string
		mate      int
		depth     int
	}{
		{"back rank", "6k1/5ppp/8/8/8/8/5PPP/3R2K1 w - - 0 1", 1, 1},
		{"corner", "8/8/8/8/8/2k5/7q/K7 b - - 0 1", 1, 1},
		{"Philidor's legacy", "r6k/6pp/7N/8/2Q5/8/6PP/7K w - - 0 1", 2, 3},
		{"two rooks", "7k/8/8/8/8/8/R7/1R4K1 w - - 0 1", 2, 3},
		{"Morphy's problem", "kbK5/pp6/1P6/8/8/8/8/R7 w - - 0 1", 2, 3},
		{"black mates", "r3k3/7r/8/8/8/8/8/6K1 b q - 0 1", 2, 3},
		{"rook and bishop, three moves", "r5rk/5p1p/5R2/4B3/8/8/7P/7K w - - 0 1", 3, 5},
		{"rook, three moves", "8/8/8/8/8/3K4/7R/1k6 w - - 0 1", 3, 5},
		{"rook, four moves", "8/8/8/8/8/3K4/2R5/1k6 w - - 0 1", 4, 7},
		{"being mated", "6k1/8/5KQ1/8/8/8/8/8 b - - 0 1", -1, 3},
		{"no mate: the queen is pinned", "4r1k1/8/8/8/8/8/4Q3/4K3 w - - 0 1", 0, 3},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := boardtest.Game(t, test.fen)
			r := s.Search(g, Options{Depth: test.depth + 1})
			if got := MateIn(r.Score); got != test.mate {
				t.Errorf("%s: mate in %d (%d, %v), want %d", test.fen, got, r.Score, r.PV, test.mate)
			}
			if test.mate > 0 {
				if len(r.PV) != 2*test.mate-1 {
					t.Errorf("the line %v has %d plies, want %d", r.PV, len(r.PV), 2*test.mate-1)
				}
				for _, m := range r.PV {
					if err := g.Make(m); err != nil {
						t.Fatal(err)
					}
				}
				if !g.Position().Checkmate() {
					t.Errorf("the line %v ends in %s", r.PV, g.Position().FEN())
				}
			}
		})
	}
}

// TestMatesAgainstEnumeration looks for mates in 2 to 4 plies in random endgames by trying
// everything, and compares.
func TestMatesAgainstEnumeration(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	s := New(1 << 20)
	found := 0
	for found < 25 {
		p := randomEndgame(rng)
		if p.InCheck() || !p.HasLegalMove() {
			continue
		}
		want := 0
		for n := 1; n <= 2 && want == 0; n++ {
			if forcesMate(&p, n) {
				want = n
			}
		}
		if want == 0 {
			continue
		}
		found++
		r := s.Search(bitboard.NewGame(p), Options{Depth: 2*want + 2})
		if MateIn(r.Score) != want {
			t.Errorf("%s: mate in %d (%d), want %d", p.FEN(), MateIn(r.Score), r.Score, want)
		}
	}
}

// forcesMate tries all moves and answers.
func forcesMate(p *bitboard.Position, moves int) bool {
	for _, m := range p.Legal(nil) {
		after := *p
		after.Make(m)
		if after.Checkmate() {
			return true
		}
		answers := after.Legal(nil)
		if moves == 1 || len(answers) == 0 {
			continue
		}
		all := true
		for _, a := range answers {
			next := after
			next.Make(a)
			if !forcesMate(&next, moves-1) {
				all = false
				break
			}
		}
		if all {
			return true
		}
	}
	return false
}

// randomEndgame puts two kings, a queen and a rook on the board, White to move.
func randomEndgame(rng *rand.Rand) bitboard.Position {
	for {
		squares := rng.Perm(64)
		var board [64]byte
		for i, piece := range []byte("KkQRr") {
			board[squares[i]] = piece
		}
		fen := ""
		for rank := 7; rank >= 0; rank-- {
			for file := range 8 {
				if c := board[rank*8+file]; c != 0 {
					fen += string(c)
				} else {
					fen += "1"
				}
			}
			if rank > 0 {
				fen += "/"
			}
		}
		if p, err := bitboard.ParseFEN(fen + " w - - 0 1"); err == nil {
			return p
		}
	}
}

func TestKnownWins(t *testing.T) {
	s := New(1 << 20)
	for _, test := range []struct{ name, fen, best string }{
		{"knight fork of king and queen", "4k3/1q6/8/8/4N3/8/5PPP/4K2R w K - 0 1", "e4d6"},
		{"skewer", "4q3/8/8/4k3/8/8/8/R5K1 w - - 0 1", "a1e1"},
		{"hanging knight", "4k3/8/8/8/4n3/8/4R3/4K3 w - - 0 1", "e2e4"},
		{"promotion", "8/4P1k1/8/8/8/8/8/4K3 w - - 0 1", "e7e8q"},
		{"underpromotion wins the queen", "8/2q1P1k1/8/8/8/8/5P2/4K3 w - - 0 1", "e7e8n"},
		{"en passant makes a passed pawn", "7k/8/8/3pP3/8/8/8/K7 w - d6 0 1", "e5d6"},
		{"no stalemate", "7k/5Q2/8/8/8/8/8/K7 w - - 0 1", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := boardtest.Game(t, test.fen)
			r := s.Search(g, Options{Depth: 6})
			if test.best != "" && r.Move.String() != test.best {
				t.Errorf("%s: played %v (%d, %v), want %s", test.fen, r.Move, r.Score, r.PV, test.best)
			}
			if r.Score < 50 {
				t.Errorf("%s: score %d: this is won", test.fen, r.Score)
			}
		})
	}
}

func TestDraws(t *testing.T) {
	s := New(1 << 20)
	shuffle := []string{"g1f3", "g8f6", "f3g1", "f6g8", "g1f3", "g8f6", "f3g1"}
	for _, test := range []struct {
		name string
		game *bitboard.Game
	}{
		{"king and knight", boardtest.Game(t, "8/8/8/4k3/8/8/8/KN6 w - - 0 1")},
		{"the hundredth ply", boardtest.Game(t, "4k3/8/8/8/8/8/8/QK6 w - - 99 80")},
	} {
		t.Run(test.name, func(t *testing.T) {
			if r := s.Search(test.game, Options{Depth: 4}); r.Score != 0 {
				t.Errorf("%s: score %d (%v), want a draw", test.game.Position().FEN(), r.Score, r.PV)
			}
		})
	}

	// Black can repeat for the third time: with a lost position that is the move to play.
	lost := boardtest.Game(t, "rnb1kbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR w KQkq - 0 1", shuffle...)
	if r := s.Search(lost, Options{Depth: 3}); r.Move.String() != "f6g8" || r.Score != 0 {
		t.Errorf("a queen down: played %v (%d), want the repetition f6g8", r.Move, r.Score)
	}
	// With a won one it is not.
	won := boardtest.Game(t, "rnbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNB1KBNR w KQkq - 0 1", shuffle...)
	if r := s.Search(won, Options{Depth: 3}); r.Move.String() == "f6g8" || r.Score < 500 {
		t.Errorf("a queen up: played %v (%d)", r.Move, r.Score)
	}
	// All of that is seen at the first ply already.
	if r := s.Search(lost, Options{Depth: 1}); r.Move.String() != "f6g8" || r.Score != 0 {
		t.Errorf("a queen down, one ply: played %v (%d), want the repetition f6g8", r.Move, r.Score)
	}
	if r := s.Search(boardtest.Game(t, "4k3/8/8/8/8/8/8/QK6 w - - 99 80"), Options{Depth: 1}); r.Score != 0 {
		t.Errorf("the hundredth ply, one ply: score %d", r.Score)
	}
	if r := s.Search(boardtest.Game(t, "4k3/8/8/8/8/8/8/QK6 w - - 98 80"), Options{Depth: 1}); r.Score < 500 {
		t.Errorf("the ninety-ninth ply, one ply: score %d", r.Score)
	}
	// The hundredth ply may still mate.
	mate := boardtest.Game(t, "7k/8/6K1/8/8/8/Q7/8 w - - 99 80")
	if r := s.Search(mate, Options{Depth: 2}); MateIn(r.Score) != 1 {
		t.Errorf("mate by the hundredth ply: score %d", r.Score)
	}
	// Once before is no threefold repetition: nothing forces a draw yet.
	once := boardtest.Game(t, "rnb1kbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR w KQkq - 0 1", shuffle[:3]...)
	if r := s.Search(once, Options{Depth: 1}); r.Score == 0 {
		t.Errorf("the second occurrence of a position counts as a draw: %v", r.PV)
	}
}

// TestTable has that mates count from the position they are found in.
func TestTable(t *testing.T) {
	tab := table{entries: make([]entry, 4)}
	tab.start()
	for i, test := range []struct{ score, at, probed, want int }{
		{Mate - 5, 3, 1, Mate - 3}, {-Mate + 6, 2, 4, -Mate + 8}, {120, 3, 1, 120}, {-9000, 3, 1, -9000},
	} {
		hash := uint64(i+1) << 40
		tab.store(hash, bitboard.NewMove(1, 2, 0), test.score, 4, test.at, exact)
		if e := tab.probe(hash); e == nil || e.scoreAt(test.probed) != test.want {
			t.Errorf("%+v: %+v", test, e)
		}
		if tab.probe(hash+1<<50) != nil {
			t.Error("another position is taken for this one")
		}
		tab.start()
		if tab.probe(hash) != nil {
			t.Error("an entry outlived its search")
		}
	}
}

func TestNothingToPlay(t *testing.T) {
	s := New(0)
	for _, fen := range []string{"7k/5Q2/6K1/8/8/8/8/8 b - - 0 1", "R6k/8/6K1/8/8/8/8/8 b - - 0 1"} {
		if r := s.Search(boardtest.Game(t, fen), Options{Depth: 3}); r.Move != bitboard.NoMove || len(r.Moves) != 0 {
			t.Errorf("%s: played %v", fen, r.Move)
		}
	}
}

// TestEvaluationKeepsUp plays random games and compares the running sums with sums made
// anew, and the evaluation with that of the position with colors exchanged.
func TestEvaluationKeepsUp(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 40 {
		start := bitboard.Start()
		b := newBoard(&start)
		for range 150 {
			moves := b.pos.Legal(nil)
			if len(moves) == 0 {
				break
			}
			b.make(moves[rng.IntN(len(moves))])
			if fresh := newBoard(&b.pos); fresh != b {
				t.Fatalf("%s: sum %d phase %d, made anew %d and %d", b.pos.FEN(), b.sum, b.phase, fresh.sum, fresh.phase)
			}
			q := mirrored(t, &b.pos)
			if m := newBoard(&q); m.evaluate() != b.evaluate() {
				t.Fatalf("%s: worth %d, mirrored %d", b.pos.FEN(), b.evaluate(), m.evaluate())
			}
		}
	}
}

// TestEvaluationKeepsUpWithRareMoves has castling, en passant and promotions.
func TestEvaluationKeepsUpWithRareMoves(t *testing.T) {
	for _, fen := range []string{
		"r3k2r/8/8/8/8/8/8/R3K2R w KQkq - 0 1", "r3k2r/8/8/8/8/8/8/R3K2R b KQkq - 0 1",
		"4k3/8/8/3pP3/8/8/8/4K3 w - d6 0 1", "4k3/8/8/8/3Pp3/8/8/4K3 b - d3 0 1",
		"1n2k3/P7/8/8/8/8/p7/1N2K3 w - - 0 1", "1n2k3/P7/8/8/8/8/p7/1N2K3 b - - 0 1",
	} {
		b := newBoard(boardtest.Game(t, fen).Position())
		for _, m := range b.pos.Legal(nil) {
			next := b
			next.make(m)
			if fresh := newBoard(&next.pos); fresh != next {
				t.Errorf("%s: after %v sum %d phase %d, made anew %d and %d", fen, m, next.sum, next.phase, fresh.sum, fresh.phase)
			}
		}
	}
}

// mirrored exchanges the colors.
func mirrored(t *testing.T, p *bitboard.Position) bitboard.Position {
	t.Helper()
	fen := ""
	for rank := range 8 {
		for file := range 8 {
			piece := p.PieceAt(bitboard.NewSquare(file, rank))
			if piece == bitboard.NoPiece {
				fen += "1"
			} else {
				fen += bitboard.NewPiece(piece.Color().Other(), piece.Type()).String()
			}
		}
		if rank < 7 {
			fen += "/"
		}
	}
	side := " b - - 0 1"
	if p.SideToMove() == bitboard.Black {
		side = " w - - 0 1"
	}
	q, err := bitboard.ParseFEN(fen + side)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// TestWeights has what chess players agree on.
func TestWeights(t *testing.T) {
	total := func(p bitboard.PieceType) int { return pieceValue[p].middle() + pieceValue[p].end() }
	if !(total(bitboard.Pawn)*3 < total(bitboard.Bishop)+60 && total(bitboard.Knight) <= total(bitboard.Bishop) &&
		total(bitboard.Bishop) < total(bitboard.Rook) && total(bitboard.Rook) < total(bitboard.Queen) &&
		total(bitboard.Queen) < 2*total(bitboard.Rook)) {
		t.Error("pieces are out of order")
	}
	for rank := 2; rank < 6; rank++ {
		if passedPawn[rank].end() >= passedPawn[rank+1].end() {
			t.Errorf("a passed pawn on rank %d is worth as much as one on the next", rank+1)
		}
	}
	if w := pair(-7, 9) + pair(5, -30); w.middle() != -2 || w.end() != -21 {
		t.Errorf("sum of weights: %d and %d", w.middle(), w.end())
	}
	if w := -pair(100, -200); w.middle() != -100 || w.end() != 200 {
		t.Errorf("negative weight: %d and %d", w.middle(), w.end())
	}
}

// TestLoses compares the exchanges on a square with playing them all out.
func TestLoses(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	compared, losing := 0, 0
	for range 60 {
		p := bitboard.Start()
		for range 120 {
			moves := p.Legal(nil)
			if len(moves) == 0 {
				break
			}
			for _, m := range moves {
				if p.PieceAt(m.To()) == bitboard.NoPiece || m.Promotion() != bitboard.NoPieceType {
					continue
				}
				want := exchange(&p, m) < 0
				// Pins, checks and promotions on the square are beyond the swap algorithm.
				if rank := m.To().Rank(); rank == 0 || rank == 7 || p.InCheck() || anyPinned(&p) {
					continue
				}
				compared++
				if want {
					losing++
				}
				if got := loses(&p, m); got != want {
					t.Fatalf("%s: %v loses material: %v, want %v", p.FEN(), m, got, want)
				}
			}
			p.Make(moves[rng.IntN(len(moves))])
		}
	}
	if compared < 500 || losing < 100 {
		t.Fatalf("only %d captures were compared, %d of them losing", compared, losing)
	}
}

// exchange is the gain of a capture when both sides go on taking on its square with
// their least piece as long as it pays, by legal moves.
func exchange(p *bitboard.Position, m bitboard.Move) int {
	gain := captureValue(p, m)
	next := *p
	next.Make(m)
	least := bitboard.NoMove
	for _, a := range next.Legal(nil) {
		if a.To() == m.To() && (least == bitboard.NoMove || next.PieceAt(a.From()).Type() < next.PieceAt(least.From()).Type()) {
			least = a
		}
	}
	if least == bitboard.NoMove {
		return gain
	}
	return gain - max(0, exchange(&next, least))
}

// anyPinned reports whether a piece of either side may not move freely, or a capture
// gives check: where legal play and the swap algorithm part.
func anyPinned(p *bitboard.Position) bool {
	for c := range bitboard.Color(2) {
		king := p.Pieces(c, bitboard.King)
		for s := range bitboard.NoSquare {
			if king>>s&1 == 0 {
				continue
			}
			them := p.ByColor(c.Other())
			sliders := bitboard.Attacks(bitboard.Bishop, s, 0)&(p.Pieces(c.Other(), bitboard.Bishop)|p.Pieces(c.Other(), bitboard.Queen)) |
				bitboard.Attacks(bitboard.Rook, s, 0)&(p.Pieces(c.Other(), bitboard.Rook)|p.Pieces(c.Other(), bitboard.Queen))
			if sliders&them != 0 {
				return true
			}
		}
	}
	return false
}

func TestDeterminism(t *testing.T) {
	used := New(1 << 20)
	for range 2 {
		for _, fen := range benchPositions {
			g := boardtest.Game(t, fen)
			for _, o := range []Options{{Depth: 4}, {Nodes: 5_000}, {Depth: 2, Margin: 100}} {
				a, b := New(1<<20).Search(g, o), used.Search(g, o)
				if a.Move != b.Move || a.Score != b.Score || a.Nodes != b.Nodes || !slices.Equal(a.Moves, b.Moves) || !slices.Equal(a.PV, b.PV) {
					t.Errorf("%s %+v: %v %d in %d nodes, then %v %d in %d", fen, o, a.Move, a.Score, a.Nodes, b.Move, b.Score, b.Nodes)
				}
			}
		}
		used.Search(boardtest.Game(t, bitboard.StartFEN), Options{Nodes: 3000})
	}
}

func TestNodesAreABound(t *testing.T) {
	s := New(1 << 20)
	for _, nodes := range []int{200, 1000, 12_345} {
		r := s.Search(boardtest.Game(t, benchPositions[2]), Options{Nodes: nodes})
		if r.Nodes != nodes && (r.Nodes < nodes || r.Depth > 1) {
			t.Errorf("%d nodes were searched, asked for %d", r.Nodes, nodes)
		}
	}
}

func TestStops(t *testing.T) {
	s := New(1 << 20)
	var stop atomic.Bool
	stop.Store(true)
	g := boardtest.Game(t, bitboard.StartFEN)
	if r := s.Search(g, Options{Stop: &stop}); r.Move == bitboard.NoMove || r.Depth != 1 {
		t.Errorf("stopped at once: %v at depth %d", r.Move, r.Depth)
	}
	if r := s.Search(g, Options{Deadline: time.Now()}); r.Move == bitboard.NoMove || r.Depth != 1 {
		t.Errorf("without time: %v at depth %d", r.Move, r.Depth)
	}
}

// TestMargin compares scores asked for together with those of searches of each move alone.
func TestMargin(t *testing.T) {
	s, alone := New(1<<20), New(1<<20)
	for _, fen := range benchPositions {
		g := boardtest.Game(t, fen)
		for depth := 1; depth <= 2; depth++ {
			const margin = 150
			r := s.Search(g, Options{Depth: depth, Margin: margin})
			moves := slices.Clone(r.Moves)
			if len(moves) != len(g.Position().Legal(nil)) {
				t.Errorf("%s: %d moves", fen, len(moves))
			}
			for i, m := range moves {
				if m.Exact != (m.Score > r.Score-margin) || i > 0 && m.Score > moves[i-1].Score {
					t.Errorf("%s: %v", fen, moves)
				}
				next := g.Clone()
				if err := next.Make(m.Move); err != nil {
					t.Fatal(err)
				}
				want := -value(alone, next, depth-1)
				if m.Exact && m.Score != want || m.Score < want && !m.Exact {
					t.Errorf("%s: depth %d: %v has %d (exact: %v), alone %d", fen, depth, m.Move, m.Score, m.Exact, want)
				}
			}
			if best := alone.Search(g, Options{Depth: depth}); best.Score != r.Score {
				t.Errorf("%s: the best is worth %d, without a margin %d", fen, r.Score, best.Score)
			}
		}
	}
}

// value is the plain minimax value of a position: no windows and tables.
func value(s *Searcher, g *bitboard.Game, depth int) int {
	if depth == 0 {
		s.begin(g, Options{Depth: 1})
		// As a child of the root.
		s.frames[1] = s.frames[0]
		return s.quiesce(1, -infinite, infinite)
	}
	moves := g.Position().Legal(nil)
	if len(moves) == 0 {
		if g.Position().InCheck() {
			return -Mate + 1
		}
		return 0
	}
	best := -infinite
	for _, m := range moves {
		next := g.Clone()
		if err := next.Make(m); err != nil {
			panic(err)
		}
		best = max(best, -value(s, next, depth-1))
	}
	return best
}

func TestNothingIsAllocated(t *testing.T) {
	s := New(1 << 20)
	g := boardtest.Game(t, benchPositions[2])
	for _, o := range []Options{{Nodes: 2000}, {Depth: 2, Margin: 300}, {Depth: 2, Blind: KnightCaptures | KnightForks | BackRankMates}} {
		if n := testing.AllocsPerRun(20, func() { s.Search(g, o) }); n != 0 {
			t.Errorf("%+v: %v allocations a search", o, n)
		}
	}
}

func TestMateIn(t *testing.T) {
	for score, want := range map[int]int{Mate - 1: 1, Mate - 3: 2, -Mate: 0, -Mate + 2: -1, -Mate + 4: -2, 0: 0, 900: 0, -900: 0} {
		if got := MateIn(score); got != want {
			t.Errorf("MateIn(%d) = %d, want %d", score, got, want)
		}
	}
}

// TestSignature fails when the search or its evaluation changes what is found. That is no
// error, but players are then others: change league.Version and the number here.
func TestSignature(t *testing.T) {
	s := New(1 << 20)
	nodes := 0
	for _, fen := range benchPositions {
		nodes += s.Search(boardtest.Game(t, fen), Options{Depth: 6}).Nodes
	}
	const want = 86205
	if nodes != want {
		t.Errorf("%d nodes, want %d", nodes, want)
	}
}

// TestHides: every legal move of one position, and which of them is overlooked by whom.
func TestHides(t *testing.T) {
	// A pawn on e5 that may take en passant on d6, or on f6; a knight on c3 that may take d5, or fork king and
	// queen from b5; a rook on e1; Black's king on c7.
	p := boardtest.Game(t, "8/q1k5/5p2/3pP3/8/2N5/8/4R2K w - d6 0 1").Position()
	for name, want := range map[string]string{
		"pawn": "e5d6 e5f6", "knight": "c3d5", "rook": "", "queen": "", "bishop": "", "king": "",
		"fork": "c3b5", "pawn+knight": "c3d5 e5d6 e5f6", "backrank": "",
	} {
		b, err := ParseBlindness(name)
		if err != nil {
			t.Fatal(err)
		}
		var hidden []string
		for _, m := range p.Legal(nil) {
			if b.Hides(p, m) {
				hidden = append(hidden, m.String())
			}
		}
		slices.Sort(hidden)
		if got := strings.Join(hidden, " "); got != want {
			t.Errorf("%s hides %q, want %q", name, got, want)
		}
	}
}
