package bitboard

import (
	"errors"
	"strings"
	"testing"
)

const kiwipete = "r3k2r/p1ppqpb1/bn2pnp1/3PN3/1p2P3/2N2Q1p/PPPBBPPP/R3K2R w KQkq - 0 1"

func TestParseSAN(t *testing.T) {
	const (
		promotion = "3n2k1/4P3/8/8/8/8/8/4K3 w - - 0 1"
		enPassant = "4k3/8/8/3pP3/8/8/8/4K3 w - d6 0 1"
		rooks     = "4k3/8/8/R6R/8/8/8/R3K2R w KQ - 0 1"
		queens    = "8/6k1/8/8/4Q2Q/8/8/K6Q w - - 0 1" // all three reach e1
	)
	tests := []struct{ fen, san, want string }{
		{StartFEN, "e4", "e2e4"},
		{StartFEN, "e3", "e2e3"},
		{StartFEN, "Nf3", "g1f3"},
		{StartFEN, "Nf3+", "g1f3"}, // wrong signs are no error
		{StartFEN, "Nf3#", "g1f3"},
		{StartFEN, "Nf3!?", "g1f3"},
		{StartFEN, "Nf3+!!", "g1f3"},
		{StartFEN, "Nf3 !", "g1f3"},
		{StartFEN, "nf3", "g1f3"},
		{StartFEN, "Ngf3", "g1f3"},
		{StartFEN, "N1f3", "g1f3"},
		{StartFEN, "Ng1f3", "g1f3"},
		{StartFEN, "Ng1-f3", "g1f3"},
		{StartFEN, "N-f3", "g1f3"},
		{StartFEN, "Nxf3", "g1f3"}, // the sign is not compared with the board
		{StartFEN, "Pe4", "e2e4"},
		{StartFEN, "e2e4", "e2e4"},
		{StartFEN, "e2-e4", "e2e4"},
		{StartFEN, "ee4", "e2e4"},
		{StartFEN, "2e4", "e2e4"},
		{kiwipete, "O-O", "e1g1"},
		{kiwipete, "O-O-O", "e1c1"},
		{kiwipete, "0-0", "e1g1"},
		{kiwipete, "0-0-0+", "e1c1"},
		{kiwipete, "o-o-o", "e1c1"},
		{kiwipete, "O-O!", "e1g1"},
		{kiwipete, "dxe6", "d5e6"},
		{kiwipete, "de6", "d5e6"},
		{kiwipete, "d5xe6", "d5e6"},
		{kiwipete, "d5e6", "d5e6"},
		{kiwipete, "d:e6", "d5e6"},
		{kiwipete, "xe6", "d5e6"},
		{kiwipete, "Nxg6", "e5g6"},
		{kiwipete, "Ng6", "e5g6"},
		{kiwipete, "Ne5xg6", "e5g6"},
		{kiwipete, "Bxa6", "e2a6"},
		{kiwipete, "gxh3", "g2h3"},
		{kiwipete, "b3", "b2b3"},
		{kiwipete, "Kf1", "e1f1"},
		{kiwipete, "kf1", "e1f1"},
		{promotion, "e8=Q+", "e7e8q"},
		{promotion, "e8Q", "e7e8q"},
		{promotion, "e8(N)", "e7e8n"},
		{promotion, "e8/R", "e7e8r"},
		{promotion, "e8=b", "e7e8b"},
		{promotion, "e8q", "e7e8q"},
		{promotion, "exd8=Q+", "e7d8q"},
		{promotion, "exd8=N", "e7d8n"},
		{promotion, "ed8B", "e7d8b"},
		{promotion, "e7xd8=R#", "e7d8r"},
		{promotion, "e7d8r", "e7d8r"},
		{enPassant, "exd6", "e5d6"},
		{enPassant, "exd6e.p.", "e5d6"},
		{enPassant, "exd6 e.p.", "e5d6"},
		{enPassant, "exd6ep", "e5d6"},
		{enPassant, "exd6 e.p.+", "e5d6"},
		{enPassant, "e6", "e5e6"},
		{rooks, "Rah5", ""},
		{rooks, "Ra1a2", "a1a2"},
		{rooks, "R1a2", "a1a2"},
		{rooks, "R5a2", "a5a2"},
		{rooks, "Rad5", "a5d5"},
		{rooks, "Rhd5", "h5d5"},
		{queens, "Qh4e1", "h4e1"},
		{queens, "Qhe1", ""},
		{queens, "Q4e1", ""},
		{queens, "Qee1", "e4e1"},
		{queens, "Q1e1", "h1e1"},
		// A pinned rival needs no telling apart.
		{"4k3/8/8/8/1b6/2N5/8/4K1N1 w - - 0 1", "Ne2", "g1e2"},
		{"4k3/8/8/8/1b6/2N5/8/4K1N1 w - - 0 1", "Nge2", "g1e2"},
		{"4k3/8/8/b7/8/2N5/8/4K1N1 w - - 0 1", "Ne2", "g1e2"},
		// In check only one knight can help.
		{"4k3/8/8/8/4r3/2N5/8/4K1N1 w - - 0 1", "Nge2", "g1e2"},
		{"4k3/8/8/8/4r3/2N5/8/4K1N1 w - - 0 1", "Nxe4", "c3e4"},
	}
	for _, test := range tests {
		p := mustParse(t, test.fen)
		m, err := p.ParseSAN(test.san)
		if test.want == "" {
			if err == nil {
				t.Errorf("%s: %q is %s, want an error", test.fen, test.san, m)
			}
			continue
		}
		if err != nil || m.String() != test.want {
			t.Errorf("%s: %q is %s, %v, want %s", test.fen, test.san, m, err, test.want)
		}
		if b, err := p.ParseSANBytes([]byte(test.san)); b != m || err != nil {
			t.Errorf("%s: %q as bytes is %s, %v", test.fen, test.san, b, err)
		}
	}
}

func TestParseSANErrors(t *testing.T) {
	const pinned = "4k3/8/8/8/4r3/8/4N3/4K3 w - - 0 1"
	tests := []struct {
		fen, san string
		err      error
	}{
		{StartFEN, "", ErrNotation},
		{StartFEN, "e", ErrNotation},
		{StartFEN, "N", ErrNotation},
		{StartFEN, "Q", ErrNotation},
		{StartFEN, "=Q", ErrNotation},
		{StartFEN, "(Q)", ErrNotation},
		{StartFEN, "x)", ErrNotation},
		{StartFEN, "+", ErrNotation},
		{StartFEN, "!?", ErrNotation},
		{StartFEN, "e.p.", ErrNotation},
		{StartFEN, "ep", ErrNotation},
		{StartFEN, "p", ErrNotation},
		{StartFEN, ".", ErrNotation},
		{StartFEN, "--", ErrNotation},
		{StartFEN, "Z0", ErrNotation},
		{StartFEN, "0000", ErrNotation},
		{StartFEN, "1-0", ErrNotation},
		{StartFEN, "0-1", ErrNotation},
		{StartFEN, "1/2-1/2", ErrNotation},
		{StartFEN, "*", ErrNotation},
		{StartFEN, "e9", ErrNotation},
		{StartFEN, "i4", ErrNotation},
		{StartFEN, "E4", ErrNotation},
		{StartFEN, "Nf", ErrNotation},
		{StartFEN, "NNf3", ErrNotation},
		{StartFEN, "Nxxf3", ErrNotation},
		{StartFEN, "N1gf3", ErrNotation},
		{StartFEN, "Sf3", ErrNotation},
		{StartFEN, "e4e4e4", ErrNotation},
		{StartFEN, "Nf3=Q", ErrNotation},
		{StartFEN, "O-O-", ErrNotation},
		{StartFEN, "O-O-O-O", ErrNotation},
		{StartFEN, "O_O", ErrNotation},
		{StartFEN, "OO", ErrNotation},
		{StartFEN, "O-OO", ErrNotation},
		{kiwipete, "O-OxO", ErrNotation},
		{kiwipete, "O-O-x", ErrNotation},
		{StartFEN, "\x00\xff", ErrNotation},
		{StartFEN, strings.Repeat("N", 10000), ErrNotation},
		{StartFEN, "O-O", ErrIllegalMove},
		{StartFEN, "O-O-O", ErrIllegalMove},
		{StartFEN, "e5", ErrIllegalMove},
		{StartFEN, "e1", ErrIllegalMove},
		{StartFEN, "exd3", ErrIllegalMove},
		{StartFEN, "e6", ErrIllegalMove},
		{"4k3/8/8/8/8/4n3/4P3/4K3 w - - 0 1", "e4", ErrIllegalMove}, // over the knight
		{"4k3/8/8/8/8/4P3/8/4K3 w - - 0 1", "e5", ErrIllegalMove},   // two squares from e3
		{"4k3/8/8/8/8/4P3/4P3/4K3 w - - 0 1", "e2e4", ErrIllegalMove},
		{StartFEN, "Nd2", ErrIllegalMove},
		{StartFEN, "Ne4", ErrIllegalMove},
		{StartFEN, "Nbf3", ErrIllegalMove},
		{StartFEN, "N2f3", ErrIllegalMove},
		{StartFEN, "e4=Q", ErrIllegalMove},
		{StartFEN, "g1f3", ErrIllegalMove}, // UCI for a piece: no pawn goes so
		{kiwipete, "Kg1", ErrIllegalMove},  // castling has its own text
		{kiwipete, "Kxh1", ErrIllegalMove},
		{kiwipete, "bf6", ErrIllegalMove}, // b is the file
		{kiwipete, "e6", ErrIllegalMove},  // a capture needs a sign or a file
		{pinned, "Nc3", ErrIllegalMove},
		{pinned, "Kd2", nil},
		{"3n2k1/4P3/8/8/8/8/8/4K3 w - - 0 1", "e8", ErrNotation},
		{"3n2k1/4P3/8/8/8/8/8/4K3 w - - 0 1", "e8=K", ErrNotation},
		{"3n2k1/4P3/8/8/8/8/8/4K3 w - - 0 1", "e8=P", ErrNotation},
		{"3n2k1/4P3/8/8/8/8/8/4K3 w - - 0 1", "e8=X", ErrNotation},
		{"3n2k1/4P3/8/8/8/8/8/4K3 w - - 0 1", "e8=(Q)", ErrNotation},
		{"3n2k1/4P3/8/8/8/8/8/4K3 w - - 0 1", "exd8", ErrNotation},
		{"3n2k1/4P3/8/8/8/8/8/4K3 w - - 0 1", "exf8=Q", ErrIllegalMove},
		{"4k3/8/8/3pP3/8/8/8/4K3 w - - 0 1", "exd6", ErrIllegalMove},
		{"4k3/8/8/3pP3/8/8/8/4K3 w - d6 0 1", "d6", ErrIllegalMove},
		{"4k3/8/8/R6R/8/8/8/R3K2R w KQ - 0 1", "Rd5", ErrAmbiguousMove},
		{"4k3/8/8/R6R/8/8/8/R3K2R w KQ - 0 1", "Ra3", ErrAmbiguousMove},
		{"4k3/8/8/R6R/8/8/8/R3K2R w KQ - 0 1", "Rha3", ErrIllegalMove},
		{"4k3/8/8/3p4/2P1P3/8/8/4K3 w - - 0 1", "xd5", ErrAmbiguousMove},
		{"4k3/8/8/3p4/2P1P3/8/8/4K3 w - - 0 1", "4xd5", ErrAmbiguousMove},
	}
	for _, test := range tests {
		p := mustParse(t, test.fen)
		m, err := p.ParseSAN(test.san)
		if test.err == nil {
			if err != nil {
				t.Errorf("%s: %q: %v", test.fen, test.san, err)
			}
			continue
		}
		var sanError *SANError
		if !errors.Is(err, test.err) || !errors.As(err, &sanError) || m != NoMove {
			t.Errorf("%s: %q is %s, %v, want the error %q", test.fen, test.san, m, err, test.err)
			continue
		}
		if sanError.Reason == "" || len(err.Error()) > 250 || len(test.san) < 50 && sanError.SAN != test.san {
			t.Errorf("%q: error %q", test.san, err)
		}
	}
}

// TestAppendSAN covers what random walks rarely meet.
func TestAppendSAN(t *testing.T) {
	tests := []struct{ fen, uci, want string }{
		{StartFEN, "e2e4", "e4"},
		{kiwipete, "e1g1", "O-O"},
		{kiwipete, "e1c1", "O-O-O"},
		{kiwipete, "d5e6", "dxe6"},
		{"5k2/8/8/8/8/8/8/4K2R w K - 0 1", "e1g1", "O-O+"},
		{"8/8/8/8/8/8/8/R3K2k w Q - 0 1", "e1c1", "O-O-O+"},
		{"4k3/8/8/R6R/8/8/8/R3K2R w KQ - 0 1", "a5d5", "Rad5"},
		{"4k3/8/8/R6R/8/8/8/R3K2R w KQ - 0 1", "a5a3", "R5a3"},
		{"8/6k1/8/8/4Q2Q/8/8/K6Q w - - 0 1", "h4e1", "Qh4e1"},
		{"4k3/8/8/8/1b6/2N5/8/4K1N1 w - - 0 1", "g1e2", "Ne2"}, // the rival is pinned
		{"4k3/8/8/3pP3/8/8/8/4K3 w - d6 0 1", "e5d6", "exd6"},
		{"3n2k1/4P3/8/8/8/8/8/4K3 w - - 0 1", "e7d8q", "exd8=Q+"},
		{"6k1/5ppp/8/8/8/8/8/R3K3 w - - 0 1", "a1a8", "Ra8#"},
		{"k7/2K5/8/8/8/8/1P6/8 w - - 0 1", "b2b4", "b4"},
		{"8/8/8/8/k1pP4/8/1K6/8 b - d3 0 1", "c4d3", "cxd3"},
		{"8/2p5/3p4/KP5r/1R3p1k/8/4P1P1/8 w - - 0 1", "g2g3", "g3+"},
	}
	for _, test := range tests {
		p := mustParse(t, test.fen)
		m, err := p.ParseUCIMove(test.uci)
		if err != nil {
			t.Error(err)
			continue
		}
		if got := p.SAN(m); got != test.want {
			t.Errorf("%s: %s is %s, want %s", test.fen, test.uci, got, test.want)
		}
		if got := string(p.AppendSAN([]byte("1. "), m)); got != "1. "+test.want {
			t.Errorf("AppendSAN gives %q", got)
		}
	}
}

func TestUCI(t *testing.T) {
	for _, s := range []string{"e2e4", "a1h8", "e7e8q", "h2h1n", "e1g1", "0000"} {
		if m, err := ParseUCI(s); err != nil || m.String() != s {
			t.Errorf("ParseUCI(%q) = %s, %v", s, m, err)
		}
	}
	if m, err := ParseUCI("e7e8Q"); err != nil || m.String() != "e7e8q" {
		t.Errorf("upper-case promotion: %s, %v", m, err)
	}
	for _, s := range []string{"", "e2", "e2e", "e2e9", "i2e4", "e0e4", "e2e2", "a1a1", "e7e8k", "e7e8p", "e7e8=", "e7e8qq", "(none)", "E2E4", " e2e4", strings.Repeat("e2e4", 1000)} {
		if m, err := ParseUCI(s); err == nil || m != NoMove {
			t.Errorf("ParseUCI(%q) = %s, %v", s, m, err)
		} else if len(err.Error()) > 200 {
			t.Errorf("an error of %d bytes", len(err.Error()))
		}
	}
	m := NewMove(52, 60, Knight)
	if m.From() != 52 || m.To() != 60 || m.Promotion() != Knight || m != 52|60<<6|2<<12 {
		t.Errorf("packed as %#x", uint16(m))
	}
}

func TestParseUCIMove(t *testing.T) {
	const castling = "r3k2r/8/8/8/8/8/8/R3K2R w KQkq - 0 1"
	black := strings.Replace(castling, " w ", " b ", 1)
	tests := []struct{ fen, uci, want string }{
		{StartFEN, "e2e4", "e2e4"},
		{StartFEN, "e2e5", ""},
		{StartFEN, "0000", ""},
		{StartFEN, "e7e5", ""},
		{castling, "e1g1", "e1g1"},
		{castling, "e1h1", "e1g1"},
		{castling, "e1a1", "e1c1"},
		{castling, "e1h1q", ""},
		{castling, "e1b1", ""},
		{castling, "e8h8", ""},
		{black, "e8h8", "e8g8"},
		{black, "e8a8", "e8c8"},
		{black, "e1h1", ""},
		{strings.Replace(castling, "KQkq", "-", 1), "e1h1", ""},
		{"4k3/8/8/8/8/8/8/4K2R w K - 0 1", "e1h1", "e1g1"},
		{"3k4/8/8/8/8/8/K7/4R2R w - - 0 1", "e1h1", ""}, // a rook, not a king
		{"3k4/8/8/8/8/8/K7/4R2r w - - 0 1", "e1h1", "e1h1"},
		{"4k3/P7/8/8/8/8/8/4K3 w - - 0 1", "a7a8", ""},
		{"4k3/P7/8/8/8/8/8/4K3 w - - 0 1", "a7a8q", "a7a8q"},
		{"4k3/P7/8/8/8/8/8/4K3 w - - 0 1", "e1e2q", ""},
		{"4k3/8/P7/8/8/8/8/4K3 w - - 0 1", "a6a7q", ""},
	}
	for _, test := range tests {
		p := mustParse(t, test.fen)
		m, err := p.ParseUCIMove(test.uci)
		if test.want == "" {
			if err == nil || m != NoMove {
				t.Errorf("%s: %q is %s, want an error", test.fen, test.uci, m)
			}
			continue
		}
		if err != nil || m.String() != test.want {
			t.Errorf("%s: %q is %s, %v, want %s", test.fen, test.uci, m, err, test.want)
		}
	}
	p := Start()
	if _, err := p.ParseUCIMove("e2e5"); !errors.Is(err, ErrIllegalMove) {
		t.Errorf("error %v, want ErrIllegalMove", err)
	}
}
