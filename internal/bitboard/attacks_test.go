package bitboard

import (
	"bytes"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// slowAttacks walks from s in each direction until it meets a piece.
func slowAttacks(s Square, occ uint64, steps [][2]int, most int) uint64 {
	var set uint64
	for _, step := range steps {
		file, rank := s.File(), s.Rank()
		for range most {
			file, rank = file+step[0], rank+step[1]
			to := NewSquare(file, rank)
			if to == NoSquare {
				break
			}
			set |= 1 << to
			if occ>>to&1 != 0 {
				break
			}
		}
	}
	return set
}

var (
	straightSteps = [][2]int{{0, 1}, {1, 0}, {0, -1}, {-1, 0}}
	diagonalSteps = [][2]int{{1, 1}, {1, -1}, {-1, -1}, {-1, 1}}
	allSteps      = append(append([][2]int{}, straightSteps...), diagonalSteps...)
	knightSteps   = [][2]int{{1, 2}, {2, 1}, {2, -1}, {1, -2}, {-1, -2}, {-2, -1}, {-2, 1}, {-1, 2}}
)

// TestSliderAttacks compares with a walk for every occupancy of each line.
func TestSliderAttacks(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for s := Square(0); s < NoSquare; s++ {
		check := func(occ uint64) {
			t.Helper()
			if got, want := rookAttacks(s, occ), slowAttacks(s, occ, straightSteps, 7); got != want {
				t.Fatalf("rook on %s, occupied %#x: %#x, want %#x", s, occ, got, want)
			}
			if got, want := bishopAttacks(s, occ), slowAttacks(s, occ, diagonalSteps, 7); got != want {
				t.Fatalf("bishop on %s, occupied %#x: %#x, want %#x", s, occ, got, want)
			}
		}
		for _, lines := range []uint64{rookLines[s], bishopLines[s]} {
			for sub := uint64(0); ; {
				check(sub)
				check(sub | rng.Uint64()&^lines | 1<<s)
				if sub = (sub - lines) & lines; sub == 0 {
					break
				}
			}
		}
	}
}

func TestLeaperTables(t *testing.T) {
	for s := Square(0); s < NoSquare; s++ {
		for _, test := range []struct {
			name      string
			got, want uint64
		}{
			{"knight", knightAttacks[s], slowAttacks(s, 0, knightSteps, 1)},
			{"king", kingAttacks[s], slowAttacks(s, 0, allSteps, 1)},
			{"white pawn", pawnAttacks[White][s], slowAttacks(s, 0, [][2]int{{-1, 1}, {1, 1}}, 1)},
			{"black pawn", pawnAttacks[Black][s], slowAttacks(s, 0, [][2]int{{-1, -1}, {1, -1}}, 1)},
			{"rook lines", rookLines[s], slowAttacks(s, 0, straightSteps, 7)},
			{"bishop lines", bishopLines[s], slowAttacks(s, 0, diagonalSteps, 7)},
		} {
			if test.got != test.want {
				t.Errorf("%s on %s: %#x, want %#x", test.name, s, test.got, test.want)
			}
		}
	}
}

func TestBetween(t *testing.T) {
	for a := Square(0); a < NoSquare; a++ {
		for b := Square(0); b < NoSquare; b++ {
			var want uint64
			for _, step := range allSteps {
				if ray := slowAttacks(a, 1<<b, [][2]int{step}, 7); ray>>b&1 != 0 {
					want = ray
				}
			}
			if between[a][b] != want {
				t.Fatalf("between[%s][%s] = %#x, want %#x", a, b, between[a][b], want)
			}
		}
	}
}

// TestZobristKeys checks that no two keys are equal and that what must not
// change a hash does not.
func TestZobristKeys(t *testing.T) {
	seen := map[uint64]bool{0: true, blackKey: true}
	add := func(key uint64) {
		t.Helper()
		if seen[key] {
			t.Errorf("key %#x is zero or occurs twice", key)
		}
		seen[key] = true
	}
	for piece := range Piece(16) {
		for s := range 64 {
			if key := pieceKeys[piece][s]; piece&7 >= 1 && piece&7 <= 6 {
				add(key)
			} else if key != 0 {
				t.Errorf("piece %d, which does not exist, has a key", piece)
			}
		}
	}
	for rights, key := range castlingKeys {
		if rights == 0 {
			if key != 0 {
				t.Error("no castling rights have a key")
			}
			continue
		}
		add(key)
	}
	for _, key := range enPassantKeys {
		add(key)
	}
}

// TestTablesAreGenerated runs the generator and compares.
func TestTablesAreGenerated(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the go command")
	}
	goCommand, err := exec.LookPath("go")
	if err != nil {
		t.Skip("the go command is not in PATH")
	}
	file := filepath.Join(t.TempDir(), "tables.go")
	if out, err := exec.Command(goCommand, "run", "gentables.go", "-o", file).CombinedOutput(); err != nil {
		t.Fatalf("go run gentables.go: %v\n%s", err, out)
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("tables.go")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("tables.go is not what gentables.go writes; run go generate ./internal/bitboard")
	}
}
