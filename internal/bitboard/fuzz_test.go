package bitboard

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"transcend/internal/fuzzlimit"
)

// fuzzBytes is more than the checks of one short text allocate.
const fuzzBytes = 16 << 20

// fuzzFENs are the seeds of the fuzz targets.
func fuzzFENs() []string {
	fens := []string{
		"rnbqkbnr/pppppppp/8/8/4P3/8/PPPP1PPP/RNBQKBNR b KQkq e3 0 1",
		"8/8/8/8/k2Pp2Q/8/8/4K3 b - d3 0 1",
		"4k3/8/8/3pP3/8/8/8/4K3 w - d6 0 1",
		"4k3/8/8/8/8/8/8/4K3 w - -",
		"3n2k1/4P3/8/8/8/8/8/4K3 w - - 0 1",
		"R6R/3Q4/1Q4Q1/4Q3/2Q4Q/Q4Q2/pp1Q4/kBNN1KB1 w - - 0 1",
		"4k3/8/8/8/8/8/8/R3K2R w KQ - 149 300",
		"",
		"8/8/8/8/8/8/8/8 w KQkq e3 99999 -1",
	}
	for _, test := range perftPositions {
		fens = append(fens, test.fen)
	}
	return append(fens, walkStarts...)
}

// FuzzFEN checks that what parses prints back and is stable, and that no call
// on it panics or contradicts another.
func FuzzFEN(f *testing.F) {
	for _, fen := range fuzzFENs() {
		f.Add(fen)
	}
	f.Fuzz(func(t *testing.T, s string) {
		fuzzlimit.Watch(t, fuzzBytes)
		p, err := ParseFEN(s)
		if err != nil {
			if p != (Position{}) {
				t.Errorf("a position beside the error %v", err)
			}
			return
		}
		again, err := ParseFEN(p.FEN())
		if err != nil || again != p {
			t.Fatalf("%q prints as %q, which parses to %+v, %v, want %+v", s, p.FEN(), again, err, p)
		}
		checkPosition(t, &p)
		for _, m := range p.Legal(nil) {
			next := p
			next.Make(m)
			checkPosition(t, &next)
			if q, err := ParseFEN(next.FEN()); err != nil || q != next {
				t.Fatalf("%s after %s prints as %q, which parses to %+v, %v, want %+v", p.FEN(), m, next.FEN(), q, err, next)
			}
		}
		g := NewGame(p)
		result, termination := g.Outcome()
		if (result == Ongoing) != (termination == NoTermination) {
			t.Errorf("outcome %v by %v", result, termination)
		}
		g.ClaimableDraw()
	})
}

// checkPosition calls everything that a position answers.
func checkPosition(t *testing.T, p *Position) {
	t.Helper()
	legal := p.Legal(nil)
	n := uint64(len(legal))
	if n > MaxMoves || n != Perft(p, 1) || p.HasLegalMove() != (n > 0) {
		t.Fatalf("%s: %d legal moves, %d counted, HasLegalMove %v", p.FEN(), n, Perft(p, 1), p.HasLegalMove())
	}
	if p.Checkmate() != (n == 0 && p.InCheck()) || p.Stalemate() != (n == 0 && !p.InCheck()) {
		t.Fatalf("%s: %d moves, check %v, mate %v, stalemate %v", p.FEN(), n, p.InCheck(), p.Checkmate(), p.Stalemate())
	}
	if p.Hash() != p.computeHash() {
		t.Fatalf("%s: hash %#x, from scratch %#x", p.FEN(), p.Hash(), p.computeHash())
	}
	if p.attackers(p.king(p.side.Other()), p.Occupied())&p.ByColor(p.side) != 0 {
		t.Fatalf("%s: the king can be captured", p.FEN())
	}
	enPassant := false
	for _, m := range legal {
		enPassant = enPassant || m.To() == p.EnPassant() && p.PieceAt(m.From()).Type() == Pawn
	}
	if enPassant != (p.EnPassant() != NoSquare) {
		t.Fatalf("%s: a legal en passant capture: %v", p.FEN(), enPassant)
	}
	p.InsufficientMaterial()
	_ = p.String()
}

// sanForm is a move in algebraic notation without annotations, in all the forms
// that ParseSAN promises to take: piece, file, rank, sign, target, promotion.
var sanForm = regexp.MustCompile(`^([KQRBNPkqrnp]?)([a-h]?)([1-8]?)([x:-]?)([a-h][1-8])(?:\(([A-Za-z])\)|[=/]?([A-Za-z]))?$`)

var castlingForm = regexp.MustCompile(`^[O0o]-[O0o](-[O0o])?$`)

// sanByList is ParseSAN done the slow way, with an expression and the list of all legal
// moves. more says that several moves fit.
func sanByList(p *Position, s string) (m Move, more bool) {
	s = trimSAN(s)
	f := sanForm.FindStringSubmatch(s)
	castling := castlingForm.FindStringSubmatch(s)
	for _, legal := range p.Legal(nil) {
		from, to := legal.From(), legal.To()
		moved := p.PieceAt(from).Type()
		castles := moved == King && max(from, to)-min(from, to) == 2
		switch {
		case castling != nil:
			if !castles || (to < from) != (castling[1] != "") {
				continue
			}
		case f == nil || castles:
			continue
		default:
			piece := Pawn
			if f[1] != "" {
				piece = pieceTypeOf(f[1][0] &^ 0x20)
			}
			promotion := NoPieceType
			if letter := f[6] + f[7]; letter != "" {
				if promotion = pieceTypeOf(letter[0] &^ 0x20); promotion == NoPieceType {
					continue
				}
			}
			origin := from.String()
			sign := f[4] == "x" || f[4] == ":"
			if piece != moved || f[5] != to.String() || promotion != legal.Promotion() ||
				f[2] != "" && f[2] != origin[:1] || f[3] != "" && f[3] != origin[1:] ||
				piece == Pawn && from.File() != to.File() && !sign && f[2] == "" {
				continue
			}
		}
		if m != NoMove {
			return NoMove, true
		}
		m = legal
	}
	return m, false
}

// FuzzSAN checks that a text means the move it means by the list of legal moves,
// and that the move prints back to a text that parses to it.
func FuzzSAN(f *testing.F) {
	sans := []string{"e4", "Nf3", "O-O", "0-0-0+", "exd6e.p.", "exd8=Q#", "e8(N)", "Qh4e1!?", "R1a2", "bxc3", "Ng1-f3", "--", "", ")", "=Q"}
	for i, fen := range fuzzFENs() {
		f.Add(fen, sans[i%len(sans)])
	}
	for _, san := range sans {
		f.Add(StartFEN, san)
		f.Add(kiwipete, san)
	}
	f.Fuzz(func(t *testing.T, fen, s string) {
		fuzzlimit.Watch(t, fuzzBytes)
		p, err := ParseFEN(fen)
		if err != nil {
			return
		}
		m, err := p.ParseSAN(s)
		if want, more := sanByList(&p, s); m != want || more != errors.Is(err, ErrAmbiguousMove) {
			t.Fatalf("%s: %q is %s, %v; by the list of moves it is %s, more than one: %v", fen, s, m, err, want, more)
		}
		if b, bytesErr := p.ParseSANBytes([]byte(s)); b != m || (err == nil) != (bytesErr == nil) {
			t.Fatalf("%s: %q is %s, %v, as bytes %s, %v", fen, s, m, err, b, bytesErr)
		}
		if err != nil {
			var sanError *SANError
			if !errors.As(err, &sanError) || sanError.Err == nil || m != NoMove {
				t.Fatalf("%s: %q is %s, %v", fen, s, m, err)
			}
			return
		}
		if !p.IsLegal(m) {
			t.Fatalf("%s: %q is %s, which is not legal", fen, s, m)
		}
		san := p.SAN(m)
		if again, err := p.ParseSAN(san); again != m || err != nil {
			t.Fatalf("%s: %q is %s, printed %q, which is %s, %v", fen, s, m, san, again, err)
		}
	})
}

// FuzzLegalSAN checks that the texts of all legal moves of a position differ
// and parse to their moves.
func FuzzLegalSAN(f *testing.F) {
	for _, fen := range fuzzFENs() {
		f.Add(fen)
	}
	f.Fuzz(func(t *testing.T, fen string) {
		fuzzlimit.Watch(t, fuzzBytes)
		p, err := ParseFEN(fen)
		if err != nil {
			return
		}
		seen := map[string]Move{}
		for _, m := range p.Legal(nil) {
			san := p.SAN(m)
			if other, ok := seen[san]; ok {
				t.Fatalf("%s: %s and %s are both %s", fen, other, m, san)
			}
			seen[san] = m
			if again, err := p.ParseSAN(san); again != m || err != nil {
				t.Fatalf("%s: %s prints as %q, which is %s, %v", fen, m, san, again, err)
			}
			if again, err := p.ParseUCIMove(m.String()); again != m || err != nil {
				t.Fatalf("%s: %s as UCI is %s, %v", fen, m, again, err)
			}
		}
	})
}

// FuzzUCI checks that what parses prints back, and that what is read as a legal move
// is legal and the move that was written.
func FuzzUCI(f *testing.F) {
	for i, s := range []string{"e2e4", "e7e8q", "e7e8Q", "0000", "e1h1", "e1g1", "a1a1", "(none)", "", "e2e4x"} {
		f.Add(fuzzFENs()[i], s)
		f.Add(kiwipete, s)
	}
	f.Fuzz(func(t *testing.T, fen, s string) {
		fuzzlimit.Watch(t, fuzzBytes)
		m, err := ParseUCI(s)
		if err != nil {
			if m != NoMove {
				t.Fatalf("%q is %s, %v", s, m, err)
			}
		} else if again, err := ParseUCI(m.String()); again != m || err != nil || !strings.EqualFold(m.String(), s) {
			t.Fatalf("%q is %s, which is %s, %v", s, m, again, err)
		}
		p, fenErr := ParseFEN(fen)
		if fenErr != nil {
			return
		}
		legal, legalErr := p.ParseUCIMove(s)
		switch {
		case legalErr != nil && (legal != NoMove || err == nil && p.IsLegal(m)):
			t.Fatalf("%s: %q is %s, %v", fen, s, legal, legalErr)
		case legalErr == nil && !p.IsLegal(legal):
			t.Fatalf("%s: %q is %s, which is not legal", fen, s, legal)
		case legalErr == nil && legal != m:
			// The only other way to write a move: castling as the king taking his rook.
			king, rook := p.PieceAt(m.From()), p.PieceAt(m.To())
			if king != NewPiece(p.SideToMove(), King) || rook != NewPiece(p.SideToMove(), Rook) ||
				legal.From() != m.From() || (legal.To() > m.From()) != (m.To() > m.From()) || p.SAN(legal)[0] != 'O' {
				t.Fatalf("%s: %q is %s, by its letters %s", fen, s, legal, m)
			}
		}
	})
}

// FuzzIsLegal checks that IsLegal says of any 16 bits what Legal lists, and
// that no call panics with any of them, legal or not.
func FuzzIsLegal(f *testing.F) {
	for _, fen := range fuzzFENs() {
		f.Add(fen, uint16(12|28<<6), uint16(0xffff))
	}
	f.Fuzz(func(t *testing.T, fen string, any1, any2 uint16) {
		fuzzlimit.Watch(t, fuzzBytes)
		p, err := ParseFEN(fen)
		if err != nil {
			return
		}
		checkIsLegal(t, &p, p.Legal(nil))
		for _, m := range []Move{Move(any1), Move(any2)} {
			_ = m.String()
			_ = p.SAN(m)
			// A broken promise makes nonsense, but does not panic.
			q := p
			q.Make(m)
			_ = q.FEN()
			q.Legal(nil)
			_, _ = q.ParseSAN("O-O")
		}
	})
}
