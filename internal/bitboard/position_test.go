package bitboard

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unsafe"
)

func mustParse(t testing.TB, fen string) Position {
	t.Helper()
	p, err := ParseFEN(fen)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestParseFEN(t *testing.T) {
	tests := []struct{ name, fen, want string }{ // want "" means fen
		{"initial", StartFEN, ""},
		{"counters missing", "4k3/8/8/8/8/8/8/4K3 w - -", "4k3/8/8/8/8/8/8/4K3 w - - 0 1"},
		{"move number missing", "4k3/8/8/8/8/8/8/4K3 w - - 7", "4k3/8/8/8/8/8/8/4K3 w - - 7 1"},
		{"move number zero", "4k3/8/8/8/8/8/8/4K3 b - - 7 0", "4k3/8/8/8/8/8/8/4K3 b - - 7 1"},
		{"largest counters", "4k3/8/8/8/8/8/8/4K3 w - - 65535 65535", ""},
		{"spaces", "  4k3/8/8/8/8/8/8/4K3   w -  - 0 1\n", "4k3/8/8/8/8/8/8/4K3 w - - 0 1"},
		{"rights in another order", "r3k2r/8/8/8/8/8/8/R3K2R w qkQK - 0 1", "r3k2r/8/8/8/8/8/8/R3K2R w KQkq - 0 1"},
		{"split empty squares", "4k3/8/8/8/8/8/8/1111K12 w - - 0 1", "4k3/8/8/8/8/8/8/4K3 w - - 0 1"},
		{"en passant possible", "4k3/8/8/8/3Pp3/8/8/4K3 b - d3 0 1", ""},
		{"en passant, no pawn beside", "rnbqkbnr/pppppppp/8/8/4P3/8/PPPP1PPP/RNBQKBNR b KQkq e3 0 1",
			"rnbqkbnr/pppppppp/8/8/4P3/8/PPPP1PPP/RNBQKBNR b KQkq - 0 1"},
		{"en passant, pinned on the rank", "8/8/8/8/k2Pp2Q/8/8/4K3 b - d3 0 1", "8/8/8/8/k2Pp2Q/8/8/4K3 b - - 0 1"},
		{"en passant, pinned on the file", "4k3/8/8/8/3Pp3/8/8/K3R3 b - d3 0 1", "4k3/8/8/8/3Pp3/8/8/K3R3 b - - 0 1"},
		{"en passant by one of two", "4k3/8/8/8/2pPp3/8/8/K3R3 b - d3 0 1", ""},
		{"en passant takes the checker", "8/8/8/4k3/3Pp3/8/8/4K3 b - d3 0 1", ""},
		{"promoted pieces", "4k3/8/8/8/8/8/8/QQQQKQQQ w - - 0 1", ""},
		{"both in reach of no check", "4k3/4p3/8/8/8/8/4P3/4K3 b - - 12 34", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			want := test.want
			if want == "" {
				want = test.fen
			}
			p, err := ParseFEN(test.fen)
			if err != nil {
				t.Fatal(err)
			}
			if got := p.FEN(); got != want {
				t.Errorf("FEN %s, want %s", got, want)
			}
			again, err := ParseFEN(p.FEN())
			if err != nil || again != p {
				t.Errorf("the printed FEN parses to %+v, %v, want %+v", again, err, p)
			}
		})
	}
	if p := mustParse(t, StartFEN); p != Start() {
		t.Errorf("the initial FEN is not Start: %+v", p)
	}
}

func TestParseFENErrors(t *testing.T) {
	tests := []struct{ name, fen, reason string }{
		{"empty", "", "0 fields"},
		{"three fields", "4k3/8/8/8/8/8/8/4K3 w -", "3 fields"},
		{"seven fields", StartFEN + " x", "7 fields"},
		{"seven ranks", "4k3/8/8/8/8/8/4K3 w - - 0 1", "eight ranks"},
		{"nine ranks", "4k3/8/8/8/8/8/8/8/4K3 w - - 0 1", "eight ranks"},
		{"short rank", "4k3/7/8/8/8/8/8/4K3 w - - 0 1", "eight squares"},
		{"long rank of pieces", "4k3/ppppppppp/8/8/8/8/8/4K3 w - - 0 1", "more than eight squares"},
		{"long rank of gaps", "4k3/88/8/8/8/8/8/4K3 w - - 0 1", "more than eight squares"},
		{"short last rank", "4k3/8/8/8/8/8/8/4K2 w - - 0 1", "eight ranks of eight"},
		{"digit nine", "4k3/9/8/8/8/8/8/4K3 w - - 0 1", "no piece"},
		{"digit zero", "4k3/80/8/8/8/8/8/4K3 w - - 0 1", "no piece"},
		{"strange letter", "4k3/7x/8/8/8/8/8/4K3 w - - 0 1", "no piece"},
		{"no black king", "8/8/8/8/8/8/8/4K3 w - - 0 1", "black has 0 kings"},
		{"two white kings", "4k3/8/8/8/8/8/8/K3K3 w - - 0 1", "white has 2 kings"},
		{"pawn on the first rank", "4k3/8/8/8/8/8/8/P3K3 w - - 0 1", "pawn"},
		{"pawn on the last rank", "4k2p/8/8/8/8/8/8/4K3 w - - 0 1", "pawn"},
		{"nine pawns", "4k3/8/8/8/8/P7/PPPPPPPP/4K3 w - - 0 1", "white has more pieces"},
		{"eight pawns and two queens", "1q1qk3/pppppppp/8/8/8/8/8/4K3 w - - 0 1", "black has more pieces"},
		{"ten queens", "4k3/8/8/8/8/8/QQQQQ3/QQQQKQ2 w - - 0 1", "white has more pieces"},
		{"side to move", "4k3/8/8/8/8/8/8/4K3 x - - 0 1", "neither w nor b"},
		{"side to move twice", "4k3/8/8/8/8/8/8/4K3 wb - - 0 1", "neither w nor b"},
		{"king can be captured", "4k3/8/8/8/8/8/8/4RK2 w - - 0 1", "capture the king"},
		{"kings side by side", "8/8/8/3kK3/8/8/8/8 w - - 0 1", "capture the king"},
		{"castling letters", "r3k2r/8/8/8/8/8/8/R3K2R w KA - 0 1", "castling"},
		{"castling twice", "r3k2r/8/8/8/8/8/8/R3K2R w KK - 0 1", "twice"},
		{"castling without rook", "r3k2r/8/8/8/8/8/8/R3K3 w K - 0 1", "not at home"},
		{"castling with a foreign rook", "r3k2r/8/8/8/8/8/8/R3K2r b K - 0 1", "not at home"},
		{"castling without king", "r4k1r/8/8/8/8/8/8/R3K2R w q - 0 1", "not at home"},
		{"en passant square", "4k3/8/8/8/3Pp3/8/8/4K3 b - d33 0 1", "neither a square"},
		{"en passant rank", "4k3/8/8/8/3Pp3/8/8/4K3 b - d4 0 1", "no pawn can"},
		{"en passant wrong side", "4k3/8/8/8/3Pp3/8/8/4K3 w - d3 0 1", "no pawn can"},
		{"en passant, no pawn", "4k3/8/8/8/4p3/8/8/4K3 b - d3 0 1", "no pawn can"},
		{"en passant, own pawn", "4k3/8/8/8/3pp3/8/8/4K3 b - d3 0 1", "no pawn can"},
		{"en passant, occupied", "4k3/8/8/8/3Pp3/3N4/8/4K3 b - d3 0 1", "no pawn can"},
		{"en passant, home occupied", "4k3/8/8/8/3Pp3/8/3P4/4K3 b - d3 0 1", "no pawn can"},
		{"negative clock", "4k3/8/8/8/8/8/8/4K3 w - - -1 1", "counter"},
		{"signed clock", "4k3/8/8/8/8/8/8/4K3 w - - +1 1", "counter"},
		{"clock too large", "4k3/8/8/8/8/8/8/4K3 w - - 65536 1", "counter"},
		{"number not a number", "4k3/8/8/8/8/8/8/4K3 w - - 0 x", "counter"},
		{"long text", strings.Repeat("8/", 100000), "1 fields"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p, err := ParseFEN(test.fen)
			if err == nil {
				t.Fatalf("no error, FEN %s", p.FEN())
			}
			if !strings.HasPrefix(err.Error(), "bitboard: not a FEN: ") || !strings.Contains(err.Error(), test.reason) || len(err.Error()) > 300 {
				t.Errorf("error %q, want it to contain %q", err, test.reason)
			}
			if p != (Position{}) {
				t.Errorf("a position beside the error: %+v", p)
			}
		})
	}
}

func TestAccessors(t *testing.T) {
	p := mustParse(t, "r3k2r/p1ppqpb1/bn2pnp1/3PN3/1pP1P3/5Q1p/PP1BBPPP/RN2K2R b Kkq c3 0 9")
	if p.SideToMove() != Black || p.HalfmoveClock() != 0 || p.FullmoveNumber() != 9 || p.EnPassant().String() != "c3" ||
		p.CastlingRights() != WhiteKingside|BlackKingside|BlackQueenside {
		t.Errorf("%s: %v %d %d %v %v", p.FEN(), p.SideToMove(), p.HalfmoveClock(), p.FullmoveNumber(), p.EnPassant(), p.CastlingRights())
	}
	var all uint64
	for _, c := range []Color{White, Black} {
		var color uint64
		for kind := Pawn; kind <= King; kind++ {
			set := p.Pieces(c, kind)
			if set&all != 0 {
				t.Errorf("%v %v: a square holds two pieces", c, kind)
			}
			all |= set
			color |= set
			for s := Square(0); s < NoSquare; s++ {
				if (p.PieceAt(s) == NewPiece(c, kind)) != (set>>s&1 != 0) {
					t.Errorf("%s: PieceAt %v, but Pieces(%v, %v) = %#x", s, p.PieceAt(s), c, kind, set)
				}
			}
		}
		if color != p.ByColor(c) {
			t.Errorf("ByColor(%v) = %#x, want %#x", c, p.ByColor(c), color)
		}
	}
	if all != p.Occupied() {
		t.Errorf("Occupied() = %#x, want %#x", p.Occupied(), all)
	}
	if p.Pieces(White, NoPieceType) != 0 || p.Pieces(White, 7) != 0 || p.PieceAt(NoSquare) != NoPiece || p.PieceAt(255) != NoPiece {
		t.Error("pieces of no kind or on no square")
	}
	const board = "r . . . k . . r\np . p p q p b .\nb n . . p n p .\n. . . P N . . .\n. p P . P . . .\n. . . . . Q . p\nP P . B B P P P\nR N . . K . . R\n"
	if got := p.String(); got != board+p.FEN() {
		t.Errorf("String:\n%s", got)
	}
	if size := unsafe.Sizeof(p); size != 56 {
		t.Errorf("a Position takes %d bytes, want 56", size)
	}
}

func TestNames(t *testing.T) {
	for s := Square(0); s < NoSquare; s++ {
		if got, err := ParseSquare(s.String()); err != nil || got != s || NewSquare(s.File(), s.Rank()) != s {
			t.Errorf("square %d: %q, %v, %v", s, s, got, err)
		}
	}
	for _, s := range []string{"", "e", "e9", "e0", "i1", "E4", "e4 ", "-"} {
		if got, err := ParseSquare(s); err == nil || got != NoSquare {
			t.Errorf("ParseSquare(%q) = %v, %v", s, got, err)
		}
	}
	if NoSquare.String() != "-" || NewSquare(8, 0) != NoSquare || NewSquare(0, -1) != NoSquare {
		t.Error("squares outside the board")
	}
	if s := NewPiece(White, Knight).String() + NewPiece(Black, Knight).String() + NoPiece.String() + Piece(200).String(); s != "Nn??" {
		t.Errorf("pieces %q", s)
	}
	if p := NewPiece(Black, Queen); p.Color() != Black || p.Type() != Queen || NewPiece(Black, NoPieceType) != NoPiece {
		t.Errorf("black queen: %v %v", p.Color(), p.Type())
	}
	if White.Other() != Black || Black.Other() != White || White.String()+Black.String() != "whiteblack" {
		t.Error("colors")
	}
}

// walk calls f in the positions of random games from a few starts.
func walk(t testing.TB, games, plies int, f func(p *Position, legal []Move)) {
	t.Helper()
	for start, fen := range walkStarts {
		for game := range games {
			rng := rand.New(rand.NewPCG(uint64(start), uint64(game)))
			p := mustParse(t, fen)
			for range plies {
				legal := p.Legal(nil)
				f(&p, legal)
				if t.Failed() || len(legal) == 0 {
					break
				}
				p.Make(legal[rng.IntN(len(legal))])
			}
		}
	}
}

// TestIsLegal asks about every 16-bit value in many positions.
func TestIsLegal(t *testing.T) {
	games := 3
	if testing.Short() {
		games = 1
	}
	walk(t, games, 20, func(p *Position, legal []Move) { checkIsLegal(t, p, legal) })
}

func checkIsLegal(t testing.TB, p *Position, legal []Move) {
	t.Helper()
	slices.Sort(legal)
	if len(slices.Compact(slices.Clone(legal))) != len(legal) {
		t.Errorf("%s: a legal move is listed twice: %v", p.FEN(), legal)
	}
	if len(legal) > MaxMoves {
		t.Errorf("%s: %d legal moves", p.FEN(), len(legal))
	}
	if n := Perft(p, 1); n != uint64(len(legal)) {
		t.Errorf("%s: %d moves counted, %d listed", p.FEN(), n, len(legal))
	}
	var listed [1 << 16]bool
	for _, m := range legal {
		listed[m] = true
	}
	for i := range listed {
		if got := p.IsLegal(Move(i)); got != listed[i] {
			t.Errorf("%s: IsLegal(%#x %s) = %v, in the list %v", p.FEN(), i, Move(i), got, listed[i])
		}
	}
}

// TestHash checks that equal hashes mean the same position and the reverse.
func TestHash(t *testing.T) {
	seen := map[uint64]Position{}
	keys := map[string]uint64{}
	walk(t, 5, 100, func(p *Position, _ []Move) {
		if q, ok := seen[p.Hash()]; ok && !q.SamePosition(p) {
			t.Errorf("%s and %s have one hash", q.FEN(), p.FEN())
		}
		seen[p.Hash()] = *p
		fen := p.FEN()
		key := strings.Join(strings.Fields(fen)[:4], " ")
		if h, ok := keys[key]; ok && h != p.Hash() {
			t.Errorf("%s has two hashes", key)
		}
		keys[key] = p.Hash()
		if q := mustParse(t, fen); q != *p {
			t.Errorf("%s parses to %+v, want %+v", fen, q, *p)
		}
	})
	if len(seen) != len(keys) {
		t.Errorf("%d hashes of %d positions", len(seen), len(keys))
	}

	// The counters do not count, the side, rights and legal captures do.
	hash := func(fen string) uint64 {
		p := mustParse(t, fen)
		return p.Hash()
	}
	if hash("4k3/8/8/8/8/8/8/4K3 w - - 0 1") != hash("4k3/8/8/8/8/8/8/4K3 w - - 5 9") {
		t.Error("the counters change the hash")
	}
	different := []string{
		"r3k3/8/8/8/3Pp3/8/8/4K3 b - - 0 1",
		"r3k3/8/8/8/3Pp3/8/8/4K3 b - d3 0 1",
		"r3k3/8/8/8/3Pp3/8/8/4K3 b q d3 0 1",
		"r3k3/8/8/8/3Pp3/8/8/4K3 b q - 0 1",
		"r3k3/8/8/8/3Pp3/8/8/4K3 w q - 0 1",
	}
	for i, a := range different {
		for _, b := range different[:i] {
			if hash(a) == hash(b) {
				t.Errorf("%s and %s have one hash", a, b)
			}
		}
	}
	// Fixed for all time, as files may keep it.
	if got, want := hash(StartFEN), uint64(0xe3cd446a6bd43478); got != want {
		t.Errorf("the hash of the initial position is %#x, want %#x", got, want)
	}
}

func TestCountersSaturate(t *testing.T) {
	p := mustParse(t, "4k3/8/8/8/8/8/8/R3K3 b - - 65535 65535")
	p.Make(NewMove(60, 59, NoPieceType))
	if p.HalfmoveClock() != 65535 || p.FullmoveNumber() != 65535 {
		t.Errorf("counters %d and %d", p.HalfmoveClock(), p.FullmoveNumber())
	}
}

func TestCheckersAndAttackers(t *testing.T) {
	p := mustParse(t, "4k3/8/5N2/8/8/8/8/4RK2 b - - 0 1")
	if got := p.Checkers(); got != 1<<4|1<<45 {
		t.Errorf("checkers %#x", got)
	}
	if got := p.Attackers(White, 51); got != 1<<45 { // d7
		t.Errorf("attackers of d7: %#x", got)
	}
	if p.Attackers(White, NoSquare) != 0 {
		t.Error("attackers of no square")
	}
}

// TestLegalAppends checks that Legal keeps what is in dst.
func TestLegalAppends(t *testing.T) {
	p := Start()
	moves := p.Legal([]Move{1234})
	if len(moves) != 21 || moves[0] != 1234 {
		t.Errorf("%v", moves)
	}
}

// TestMostMoves is the position with the most legal moves (N. Petrovic, 1964).
func TestMostMoves(t *testing.T) {
	p := mustParse(t, "R6R/3Q4/1Q4Q1/4Q3/2Q4Q/Q4Q2/pp1Q4/kBNN1KB1 w - - 0 1")
	if got := len(p.Legal(nil)); got != MaxMoves {
		t.Errorf("%d moves, want %d", got, MaxMoves)
	}
}

// TestNothingAllocates checks the promise for the hot path.
func TestNothingAllocates(t *testing.T) {
	p := mustParse(t, kiwipete)
	moves := p.Legal(make([]Move, 0, MaxMoves))
	m := moves[0]
	text := make([]byte, 0, 100)
	movetext := []byte("12. O-O-O ") // as a reader has it
	g := NewGame(Start())
	sink := 0
	for name, f := range map[string]func(){
		"Legal":        func() { moves = p.Legal(moves[:0]) },
		"Perft":        func() { sink += int(Perft(&p, 2)) },
		"HasLegalMove": func() { _ = p.HasLegalMove() },
		"Make": func() {
			next := p
			next.Make(m)
			sink += next.HalfmoveClock()
		},
		"IsLegal":       func() { _ = p.IsLegal(m) },
		"ParseSAN":      func() { m, _ := p.ParseSAN(string(movetext[4:9])); sink += int(m) },
		"ParseSANBytes": func() { m, _ := p.ParseSANBytes(movetext[4:9]); sink += int(m) },
		"AppendSAN":     func() { text = p.AppendSAN(text[:0], m) },
		"AppendFEN":     func() { text = p.AppendFEN(text[:0]) },
		"AppendUCI":     func() { text = m.AppendUCI(text[:0]) },
		"ParseUCIMove":  func() { m, _ := p.ParseUCIMove(string(text)); sink += int(m) },
		"Outcome":       func() { r, _ := g.Outcome(); sink += int(r) },
		"ClaimableDraw": func() { sink += int(g.ClaimableDraw()) },
	} {
		text = m.AppendUCI(text[:0])
		if n := testing.AllocsPerRun(10, f); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
	_ = sink
}

func TestPass(t *testing.T) {
	for _, fen := range []string{
		StartFEN, "4k3/8/8/8/3Pp3/8/8/4K3 b - d3 7 1", "r3k2r/8/8/8/8/8/8/R3K2R w KQkq - 12 40",
	} {
		p := mustParse(t, fen)
		q := p
		q.Pass()
		if q.SideToMove() == p.SideToMove() || q.EnPassant() != NoSquare || q.HalfmoveClock() != 0 ||
			q.plane != p.plane || q.color != p.color || q.CastlingRights() != p.CastlingRights() {
			t.Errorf("%s: a pass leads to %s", fen, q.FEN())
		}
		if q.Hash() != q.computeHash() {
			t.Errorf("%s: the hash after a pass is not that of %s", fen, q.FEN())
		}
	}
}

func TestAttacksAreThoseOfPieces(t *testing.T) {
	p := mustParse(t, "r3k2r/p1ppqpb1/bn2pnp1/3PN3/1p2P3/2N2Q1p/PPPBBPPP/R3K2R w KQkq - 0 1")
	for from := range NoSquare {
		piece := p.PieceAt(from)
		if piece == NoPiece || piece.Type() == Pawn {
			continue
		}
		attacks := Attacks(piece.Type(), from, p.Occupied())
		for to := range NoSquare {
			if want := p.Attackers(piece.Color(), to)>>from&1 != 0; attacks>>to&1 != 0 != want {
				t.Errorf("%v on %v attacks %v: %v, want %v", piece, from, to, !want, want)
			}
		}
	}
	if Attacks(Queen, NoSquare, 0) != 0 || Attacks(Pawn, 12, 0) != 0 {
		t.Error("pawns and pieces beside the board attack something")
	}
}
