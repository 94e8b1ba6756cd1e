package bitboard

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/notnil/chess"
)

// play returns the game that SAN moves make from a position.
func play(t testing.TB, fen, sans string) *Game {
	t.Helper()
	start, err := ParseFEN(fen)
	if err != nil {
		t.Fatal(err)
	}
	g := NewGame(start)
	for _, san := range strings.Fields(sans) {
		m, err := g.Position().ParseSAN(san)
		if err != nil {
			t.Fatal(err)
		}
		if err := g.Make(m); err != nil {
			t.Fatal(err)
		}
	}
	return g
}

const (
	knightsOut  = " Nf3 Nf6 Ng1 Ng8"
	knightsOut2 = knightsOut + knightsOut
)

func TestOutcome(t *testing.T) {
	tests := []struct {
		name        string
		fen, moves  string
		result      Result
		termination Termination
		claim       Termination
	}{
		{"start", StartFEN, "", Ongoing, NoTermination, NoTermination},
		{"fool's mate", StartFEN, "f3 e5 g4 Qh4#", BlackWins, Checkmate, NoTermination},
		{"scholar's mate", StartFEN, "e4 e5 Bc4 Nc6 Qh5 Nf6 Qxf7#", WhiteWins, Checkmate, NoTermination},
		{"stalemate", "7k/5Q2/8/8/8/8/8/K7 b - - 0 1", "", Draw, Stalemate, NoTermination},
		{"twice", StartFEN, knightsOut, Ongoing, NoTermination, NoTermination},
		{"threefold", StartFEN, knightsOut2, Ongoing, NoTermination, ThreefoldRepetition},
		{"fourfold", StartFEN, knightsOut2 + knightsOut, Ongoing, NoTermination, ThreefoldRepetition},
		{"fivefold", StartFEN, knightsOut2 + knightsOut2, Draw, FivefoldRepetition, ThreefoldRepetition},
		{"threefold no more after another move", StartFEN, knightsOut2 + " e4", Ongoing, NoTermination, NoTermination},

		// After e4 the en passant square means nothing: no black pawn is near.
		{"threefold after a double push without a capture", StartFEN, "e4 Nf6 Nf3 Ng8 Ng1 Nf6 Nf3 Ng8 Ng1", Ongoing, NoTermination, ThreefoldRepetition},
		{"threefold after a double push beside a pinned pawn", "4k3/8/8/8/4p3/8/3P4/K3R3 w - - 0 1",
			"d4 Kd7 Rd1 Ke8 Re1 Kd7 Rd1 Ke8 Re1", Ongoing, NoTermination, ThreefoldRepetition},
		// d4 with a capture possible: the position after it occurs once only.
		{"en passant possible the first time", "4k3/8/8/8/4p3/8/3P4/R3K3 w - - 0 1",
			"d4 Kd7 Rb1 Ke8 Ra1 Kd7 Rb1 Ke8 Ra1", Ongoing, NoTermination, NoTermination},
		{"and once more", "4k3/8/8/8/4p3/8/3P4/R3K3 w - - 0 1",
			"d4 Kd7 Rb1 Ke8 Ra1 Kd7 Rb1 Ke8 Ra1 Kd7 Rb1 Ke8 Ra1", Ongoing, NoTermination, ThreefoldRepetition},

		// The first Ke1 has castling rights, the others have none.
		{"castling rights lost", "4k2r/8/8/8/8/8/8/4K2R w Kk - 0 1",
			"Ke2 Ke7 Ke1 Ke8 Ke2 Ke7 Ke1 Ke8", Ongoing, NoTermination, NoTermination},
		{"castling rights lost, and once more", "4k2r/8/8/8/8/8/8/4K2R w Kk - 0 1",
			"Ke2 Ke7 Ke1 Ke8 Ke2 Ke7 Ke1 Ke8 Ke2 Ke7 Ke1 Ke8", Ongoing, NoTermination, ThreefoldRepetition},

		{"99 plies", "4k3/8/8/8/8/8/8/R3K3 w - - 98 80", "Ra2", Ongoing, NoTermination, NoTermination},
		{"fifty moves", "4k3/8/8/8/8/8/8/R3K3 w - - 99 80", "Ra2", Ongoing, NoTermination, FiftyMoves},
		{"a capture starts the count anew", "4k3/8/8/8/8/8/n7/R3K3 w - - 149 80", "Rxa2", Ongoing, NoTermination, NoTermination},
		{"a pawn move starts the count anew", "4k3/8/8/8/8/8/P7/R3K3 w - - 149 80", "a3", Ongoing, NoTermination, NoTermination},
		{"149 plies", "4k3/8/8/8/8/8/8/R3K3 w - - 148 80", "Ra2", Ongoing, NoTermination, FiftyMoves},
		{"seventy-five moves", "4k3/8/8/8/8/8/8/R3K3 w - - 149 80", "Ra2", Draw, SeventyFiveMoves, FiftyMoves},
		{"mate by the last of seventy-five moves", "4k3/R7/8/8/8/8/8/1R2K3 w - - 149 80", "Rb8#", WhiteWins, Checkmate, NoTermination},

		{"K-K", "4k3/8/8/8/8/8/8/4K3 w - - 0 1", "", Draw, InsufficientMaterial, NoTermination},
		{"KN-K", "4k3/8/8/8/8/8/8/4K1N1 w - - 0 1", "", Draw, InsufficientMaterial, NoTermination},
		{"K-KN", "4k1n1/8/8/8/8/8/8/4K3 w - - 0 1", "", Draw, InsufficientMaterial, NoTermination},
		{"KB-K", "4k3/8/8/8/8/8/8/4KB2 w - - 0 1", "", Draw, InsufficientMaterial, NoTermination},
		{"KB-KB, one color", "4kb2/8/8/8/8/8/8/2B1K3 w - - 0 1", "", Draw, InsufficientMaterial, NoTermination},
		{"KBB-KB, one color", "4kb2/8/8/8/8/B7/8/2B1K3 w - - 0 1", "", Draw, InsufficientMaterial, NoTermination},
		{"KB-KB, two colors", "2b1k3/8/8/8/8/8/8/2B1K3 w - - 0 1", "", Ongoing, NoTermination, NoTermination},
		{"KBB-K, two colors", "4k3/8/8/8/8/8/8/2B1KB2 w - - 0 1", "", Ongoing, NoTermination, NoTermination},
		{"KN-KN", "4k1n1/8/8/8/8/8/8/4K1N1 w - - 0 1", "", Ongoing, NoTermination, NoTermination},
		{"KNN-K", "4k3/8/8/8/8/8/8/1N2K1N1 w - - 0 1", "", Ongoing, NoTermination, NoTermination},
		{"KB-KN", "4k1n1/8/8/8/8/8/8/4KB2 w - - 0 1", "", Ongoing, NoTermination, NoTermination},
		{"KR-K", "4k3/8/8/8/8/8/8/R3K3 w - - 0 1", "", Ongoing, NoTermination, NoTermination},
		{"KQ-K", "4k3/8/8/8/8/8/8/Q3K3 w - - 0 1", "", Ongoing, NoTermination, NoTermination},
		{"KP-K", "4k3/8/8/8/8/8/P7/4K3 w - - 0 1", "", Ongoing, NoTermination, NoTermination},
		{"the last piece taken", "4k3/8/8/8/8/8/3q4/4K3 w - - 0 1", "Kxd2", Draw, InsufficientMaterial, NoTermination},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			g := play(t, test.fen, test.moves)
			result, termination := g.Outcome()
			if result != test.result || termination != test.termination {
				t.Errorf("outcome %v by %v, want %v by %v", result, termination, test.result, test.termination)
			}
			if claim := g.ClaimableDraw(); claim != test.claim {
				t.Errorf("claimable: %v, want %v", claim, test.claim)
			}
		})
	}
}

// TestThreefoldNotnilMisses shows that a defect of notnil/chess is not shared:
// it counts an en passant square on which nothing can be captured.
func TestThreefoldNotnilMisses(t *testing.T) {
	const moves = "e4 Nf6 Nf3 Ng8 Ng1 Nf6 Nf3 Ng8 Ng1" // the position after e4 three times
	g := play(t, StartFEN, moves)
	if n := g.Repetitions(); n != 3 {
		t.Errorf("the position after e4 occurred %d times, want 3", n)
	}
	if g.ClaimableDraw() != ThreefoldRepetition {
		t.Error("threefold repetition cannot be claimed")
	}

	theirs := chess.NewGame()
	for _, san := range strings.Fields(moves) {
		if err := theirs.MoveStr(san); err != nil {
			t.Fatal(err)
		}
	}
	for _, method := range theirs.EligibleDraws() {
		if method == chess.ThreefoldRepetition {
			t.Log("notnil/chess no longer has the defect")
		}
	}
}

func TestGame(t *testing.T) {
	g := NewGame(Start())
	for i, san := range []string{"e4", "c5", "Nf3"} {
		if g.Ply() != i || len(g.Moves()) != i {
			t.Fatalf("ply %d, %d moves, want %d", g.Ply(), len(g.Moves()), i)
		}
		before := g.Position()
		fen := before.FEN()
		m, err := before.ParseSAN(san)
		if err != nil {
			t.Fatal(err)
		}
		if err := g.Make(m); err != nil {
			t.Fatal(err)
		}
		if before.FEN() != fen {
			t.Error("Make changed a position that was given out")
		}
		if g.PositionAt(i) != before && *g.PositionAt(i) != *before {
			t.Errorf("PositionAt(%d) is not what Position returned then", i)
		}
	}
	if start := g.StartPosition(); start != Start() {
		t.Errorf("start position %v", start.FEN())
	}
	const after = "rnbqkbnr/pp1ppppp/8/2p5/4P3/5N2/PPPP1PPP/RNBQKB1R b KQkq - 1 2"
	if fen := g.Position().FEN(); fen != after {
		t.Errorf("FEN %s, want %s", fen, after)
	}

	for _, m := range []Move{NoMove, NewMove(12, 28, NoPieceType), NewMove(60, 62, NoPieceType), 0xffff} {
		err := g.Make(m)
		if !errors.Is(err, ErrIllegalMove) {
			t.Errorf("%s: error %v, want ErrIllegalMove", m, err)
		}
		if g.Ply() != 3 || g.Position().FEN() != after {
			t.Fatalf("the illegal move %s changed the game", m)
		}
	}

}

// TestClone lets a game and its clone go different ways after each move.
func TestClone(t *testing.T) {
	move := func(g *Game, san string) {
		t.Helper()
		m, err := g.Position().ParseSAN(san)
		if err != nil {
			t.Fatal(err)
		}
		if err := g.Make(m); err != nil {
			t.Fatal(err)
		}
	}
	g := NewGame(Start())
	for _, san := range strings.Fields("e4 c5 Nf3 d6 d4 cxd4 Nxd4 Nf6 Nc3 a6") {
		clone := g.Clone()
		move(g, san)
		moves, fen := fmt.Sprint(g.Moves()), g.Position().FEN()
		if g.Position().SideToMove() == Black {
			move(clone, "h3")
		} else {
			move(clone, "h6")
		}
		if got := fmt.Sprint(g.Moves()); got != moves || g.Position().FEN() != fen {
			t.Fatalf("after a move of its clone the game is %s, %s, want %s, %s", got, g.Position().FEN(), moves, fen)
		}
	}
}

func TestResult(t *testing.T) {
	for _, r := range []Result{Ongoing, WhiteWins, BlackWins, Draw} {
		got, err := ParseResult(r.String())
		if err != nil || got != r {
			t.Errorf("ParseResult(%q) = %v, %v", r, got, err)
		}
	}
	for _, s := range []string{"", "1", "1-1", "0.5-0.5", "1/2", " 1-0", strings.Repeat("*", 1000)} {
		if r, err := ParseResult(s); err == nil {
			t.Errorf("ParseResult(%q) = %v", s, r)
		} else if len(err.Error()) > 200 {
			t.Errorf("an error of %d bytes", len(err.Error()))
		}
	}
	seen := map[string]bool{}
	for termination := range Termination(10) {
		seen[termination.String()] = true
	}
	if len(seen) != 10 {
		t.Errorf("the names of terminations are not different: %v", seen)
	}
}
