package bitboard

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/notnil/chess"
)

// oraclePosition reads a FEN with notnil/chess.
func oraclePosition(t testing.TB, fen string) *chess.Position {
	t.Helper()
	option, err := chess.FEN(fen)
	if err != nil {
		t.Fatalf("oracle: %v", err)
	}
	return chess.NewGame(option).Position()
}

// oracleFEN is the oracle's FEN with the en passant square by our rule: there
// only when the oracle has a legal capture on it.
func oracleFEN(p *chess.Position) string {
	fields := strings.Fields(p.String())
	legal := slices.ContainsFunc(p.ValidMoves(), func(m *chess.Move) bool { return m.HasTag(chess.EnPassant) })
	if !legal {
		fields[3] = "-"
	}
	return strings.Join(fields, " ")
}

// walkStarts are where random walks begin: beside the usual, positions that
// bring castling, promotions and en passant captures about soon.
var walkStarts = []string{
	StartFEN,
	StartFEN,
	"r3k2r/p1ppqpb1/bn2pnp1/3PN3/1p2P3/2N2Q1p/PPPBBPPP/R3K2R w KQkq - 0 1",
	"r3k2r/Pppp1ppp/1b3nbN/nP6/BBP1P3/q4N2/Pp1P2PP/R2Q1RK1 w kq - 0 1",
	"r3k2r/8/8/8/8/8/8/R3K2R w KQkq - 0 1",                  // castling next to open lines
	"r3k2r/pppppppp/8/8/8/8/PPPPPPPP/R3K2R b KQkq - 3 17",   // the same behind pawns
	"4k3/8/8/pppppppp/PPPPPPPP/8/8/4K3 w - - 0 1",           // locked pawns and kings
	"4k3/pppppppp/8/8/8/8/PPPPPPPP/4K3 w - - 0 1",           // pawn endings: en passant, promotions, pins
	"rnbqkbnr/8/8/PPPPPPPP/pppppppp/8/8/RNBQKBNR w - - 0 1", // pawns past each other
	"n1n5/PPPk4/8/8/8/8/4Kppp/5N1N b - - 0 1",               // promotions with and without capture
	"8/2p5/3p4/KP5r/1R3p1k/8/4P1P1/8 w - - 0 1",             // en passant along a pinned rank
	"3r4/8/2q5/8/1k1P1p1K/8/2P1P3/B2R3b w - - 0 1",          // sliders around few pawns
	"8/2p1p3/8/KP3P1r/1R1P2pk/8/4P1P1/8 b - - 0 1",          // the same with more pawns
	"4k3/2ppp3/8/b2P1P1b/B2p1p1B/8/2PPP3/4K3 w - - 0 1",     // en passant across pinned diagonals
	"8/8/8/1k1q4/8/8/3P1P2/R3K2R w KQ - 0 1",
	"Q6Q/8/8/3k4/8/8/8/KQ6 b - - 0 1", // many queens, ambiguities, mates and stalemates
	"2N1N3/8/1N3N2/3k4/1N3N2/2N1N3/8/K7 b - - 0 1",
}

// walkSeen counts what walks met, so that a test can tell that it looked at it.
type walkSeen struct {
	positions, moves, castlings, enPassants, pinnedEnPassants, promotions, checks, mates, stalemates int
}

// TestAgainstNotnil plays random games with notnil/chess beside and compares,
// in every position, FEN, the set of legal moves, SAN of each of them both
// ways, check, mate and stalemate.
func TestAgainstNotnil(t *testing.T) {
	seeds, plies := 50, 100
	if testing.Short() {
		seeds = 2
	}
	var seen walkSeen
	for start, fen := range walkStarts {
		for seed := range seeds {
			rng := rand.New(rand.NewPCG(uint64(start), uint64(seed)))
			walkBeside(t, fen, plies, rng, &seen)
			if t.Failed() {
				t.Fatalf("start %q, seed %d", fen, seed)
			}
		}
	}
	t.Logf("%+v", seen)
	if !testing.Short() {
		for name, n := range map[string]int{
			"castlings": seen.castlings, "en passant captures": seen.enPassants, "promotions": seen.promotions,
			"en passant captures that a pin forbids": seen.pinnedEnPassants,
			"checks":                                 seen.checks, "mates": seen.mates, "stalemates": seen.stalemates,
		} {
			if n < 10 {
				t.Errorf("the walks met only %d %s", n, name)
			}
		}
	}
}

// TestScatteredAgainstNotnil does the same from pieces thrown on the board:
// pins and double checks from all sides, that games rarely show.
func TestScatteredAgainstNotnil(t *testing.T) {
	positions := 4000
	if testing.Short() {
		positions = 200
	}
	rng := rand.New(rand.NewPCG(5, 6))
	var seen walkSeen
	for range positions {
		walkBeside(t, scatter(rng), 3, rng, &seen)
		if t.Failed() {
			return
		}
	}
	t.Logf("%+v", seen)
}

// scatter returns the FEN of a random placement that ParseFEN accepts, often
// with castling rights and an en passant square.
func scatter(rng *rand.Rand) string {
	for {
		var board [64]byte
		put := func(piece byte, s int) bool {
			if board[s] != 0 {
				return false
			}
			board[s] = piece
			return true
		}
		side, castling, enPassant := "w", "-", "-"
		if rng.IntN(2) == 0 {
			put('K', 4)
			put('R', 0)
			put('R', 7)
			castling = "KQ"
		} else {
			put('K', rng.IntN(64))
		}
		if rng.IntN(2) == 0 {
			side = "b"
		}
		if rng.IntN(2) == 0 {
			// A white pawn has just gone from d2 to d4 beside a black one.
			side, enPassant = "b", "d3"
			put('P', 27)
			put('p', 26+2*rng.IntN(2))
		}
		for !put('k', rng.IntN(64)) {
		}
		for range rng.IntN(14) {
			piece := "PPPNBRQpppnbrq"[rng.IntN(14)]
			s := rng.IntN(64)
			if piece|0x20 == 'p' {
				s = 8 + rng.IntN(48)
			}
			if enPassant == "-" || s != 19 && s != 11 {
				put(piece, s)
			}
		}
		var b strings.Builder
		for rank := 7; rank >= 0; rank-- {
			for _, piece := range board[rank*8 : rank*8+8] {
				if piece == 0 {
					piece = '1'
				}
				b.WriteByte(piece)
			}
			if rank > 0 {
				b.WriteByte('/')
			}
		}
		fen := b.String() + " " + side + " " + castling + " " + enPassant + " 0 1"
		if _, err := ParseFEN(fen); err == nil {
			return fen
		}
	}
}

func walkBeside(t *testing.T, fen string, plies int, rng *rand.Rand, seen *walkSeen) {
	t.Helper()
	p, err := ParseFEN(fen)
	if err != nil {
		t.Fatal(err)
	}
	oracle := oraclePosition(t, fen)
	for ply := range plies {
		if got, want := p.FEN(), oracleFEN(oracle); got != want {
			t.Errorf("ply %d: FEN %s, want %s", ply, got, want)
			return
		}
		theirs := map[string]*chess.Move{}
		for _, m := range oracle.ValidMoves() {
			theirs[m.String()] = m
		}
		ours := p.Legal(nil)
		if len(ours) != len(theirs) {
			t.Errorf("%s: %d legal moves %v, want %d", p.FEN(), len(ours), ours, len(theirs))
			return
		}
		var interesting []Move
		for _, m := range ours {
			their := theirs[m.String()]
			if their == nil {
				t.Errorf("%s: %s is not legal", p.FEN(), m)
				return
			}
			san := p.SAN(m)
			if want := (chess.AlgebraicNotation{}).Encode(oracle, their); san != want {
				t.Errorf("%s: %s is %s, want %s", p.FEN(), m, san, want)
			}
			if got, err := p.ParseSAN(san); got != m {
				t.Errorf("%s: ParseSAN(%q) = %s, %v, want %s", p.FEN(), san, got, err, m)
			}
			if got, err := p.ParseUCIMove(m.String()); got != m {
				t.Errorf("%s: ParseUCIMove(%q) = %s, %v", p.FEN(), m, got, err)
			}
			next := p
			next.Make(m)
			if got, want := next.InCheck(), their.HasTag(chess.Check); got != want {
				t.Errorf("%s: %s gives check: %v, want %v", p.FEN(), m, got, want)
			}
			if next.hash != next.computeHash() {
				t.Errorf("%s: %s: hash %#x, from scratch %#x", p.FEN(), m, next.hash, next.computeHash())
			}
			seen.moves++
			double := p.PieceAt(m.From()).Type() == Pawn && m.From()^m.To() == 16
			special := their.HasTag(chess.EnPassant) || m.Promotion() != NoPieceType || their.HasTag(chess.KingSideCastle) || their.HasTag(chess.QueenSideCastle)
			if special || double || their.HasTag(chess.Check) || their.HasTag(chess.Capture) {
				interesting = append(interesting, m)
			}
		}
		seen.positions++
		status := oracle.Status()
		if got, want := p.Checkmate(), status == chess.Checkmate; got != want {
			t.Errorf("%s: mate: %v, want %v", p.FEN(), got, want)
		}
		if got, want := p.Stalemate(), status == chess.Stalemate; got != want {
			t.Errorf("%s: stalemate: %v, want %v", p.FEN(), got, want)
		}
		if p.HasLegalMove() != (len(ours) > 0) {
			t.Errorf("%s: HasLegalMove: %v", p.FEN(), p.HasLegalMove())
		}
		if sq := oracle.EnPassantSquare(); sq != chess.NoSquare && p.EnPassant() == NoSquare && pawnAttacks[p.side^1][sq]&p.Pieces(p.side, Pawn) != 0 {
			seen.pinnedEnPassants++
		}
		if t.Failed() {
			return
		}
		if len(ours) == 0 {
			if status == chess.Checkmate {
				seen.mates++
			} else {
				seen.stalemates++
			}
			return
		}

		m := ours[rng.IntN(len(ours))]
		if len(interesting) > 0 && rng.IntN(2) == 0 {
			m = interesting[rng.IntN(len(interesting))]
		}
		their := theirs[m.String()]
		if their.HasTag(chess.EnPassant) {
			seen.enPassants++
		}
		if m.Promotion() != NoPieceType {
			seen.promotions++
		}
		if their.HasTag(chess.KingSideCastle) || their.HasTag(chess.QueenSideCastle) {
			seen.castlings++
		}
		if their.HasTag(chess.Check) {
			seen.checks++
		}
		p.Make(m)
		oracle = oracle.Update(their)
	}
}
