//go:build ignore

// This program writes tables.go: every constant table of the package, so that
// a program that imports it does no work before main. All values are derived
// by walking rays on an 8x8 board; the only random numbers, the Zobrist keys,
// come from a seeded PCG.
//
//	go run gentables.go [-o FILE]
package main

import (
	"bytes"
	"flag"
	"fmt"
	"go/format"
	"log"
	"math/rand/v2"
	"os"
)

var (
	orthogonal = [][2]int{{0, 1}, {1, 0}, {0, -1}, {-1, 0}}
	diagonal   = [][2]int{{1, 1}, {1, -1}, {-1, -1}, {-1, 1}}
	knight     = [][2]int{{1, 2}, {2, 1}, {2, -1}, {1, -2}, {-1, -2}, {-2, -1}, {-2, 1}, {-1, 2}}
)

func bit(file, rank int) uint64 {
	if file < 0 || file > 7 || rank < 0 || rank > 7 {
		return 0
	}
	return 1 << (rank*8 + file)
}

func leaps(square int, steps [][2]int) uint64 {
	var set uint64
	for _, s := range steps {
		set |= bit(square%8+s[0], square/8+s[1])
	}
	return set
}

// walk returns the squares from square in direction step, up to and including
// the first one in stop.
func walk(square int, step [2]int, stop uint64) uint64 {
	var set uint64
	for f, r := square%8+step[0], square/8+step[1]; bit(f, r) != 0; f, r = f+step[0], r+step[1] {
		set |= bit(f, r)
		if bit(f, r)&stop != 0 {
			break
		}
	}
	return set
}

func walks(square int, steps [][2]int, stop uint64) uint64 {
	var set uint64
	for _, s := range steps {
		set |= walk(square, s, stop)
	}
	return set
}

type table struct {
	name, doc, dims string
	rows            [][]uint64
}

func perSquare(f func(square int) uint64) [][]uint64 {
	row := make([]uint64, 64)
	for s := range row {
		row[s] = f(s)
	}
	return [][]uint64{row}
}

func main() {
	log.SetFlags(0)
	name := flag.String("o", "tables.go", "the file to write")
	flag.Parse()
	tables := []table{
		{"knightAttacks", "knightAttacks holds the squares a knight on a square attacks.", "[64]uint64",
			perSquare(func(s int) uint64 { return leaps(s, knight) })},
		{"kingAttacks", "kingAttacks holds the squares a king on a square attacks.", "[64]uint64",
			perSquare(func(s int) uint64 { return leaps(s, append(orthogonal[:4:4], diagonal...)) })},
		{"pawnAttacks", "pawnAttacks holds, by color, the squares a pawn on a square attacks.", "[2][64]uint64", [][]uint64{
			perSquare(func(s int) uint64 { return leaps(s, [][2]int{{-1, 1}, {1, 1}}) })[0],
			perSquare(func(s int) uint64 { return leaps(s, [][2]int{{-1, -1}, {1, -1}}) })[0],
		}},
		{"rookLines", "rookLines holds the rank and the file of a square without the square.", "[64]uint64",
			perSquare(func(s int) uint64 { return walks(s, orthogonal, 0) })},
		{"bishopLines", "bishopLines holds both diagonals of a square without the square.", "[64]uint64",
			perSquare(func(s int) uint64 { return walks(s, diagonal, 0) })},
		{"diagonalLines", "diagonalLines holds the diagonal of a square that rises from a1 to h8, without the square.", "[64]uint64",
			perSquare(func(s int) uint64 { return walk(s, diagonal[0], 0) | walk(s, diagonal[2], 0) })},
		{"antidiagonalLines", "antidiagonalLines holds the diagonal of a square that falls from a8 to h1, without the square.", "[64]uint64",
			perSquare(func(s int) uint64 { return walk(s, diagonal[1], 0) | walk(s, diagonal[3], 0) })},
	}

	// Attacks along one line of eight squares, indexed by the position on the
	// line and the occupancy of its six inner squares.
	fill := make([][]uint64, 8)
	file := make([][]uint64, 8)
	for at := range 8 {
		for inner := range uint64(64) {
			line := walks(at, [][2]int{{1, 0}, {-1, 0}}, inner<<1)
			fill[at] = append(fill[at], line*0x0101010101010101)
			// The file multiplication (see fileAttacks) delivers rank 7
			// in the lowest bit of the index and rank 2 in the highest.
			var stop uint64
			for i := range 6 {
				if inner>>i&1 != 0 {
					stop |= bit(0, 6-i)
				}
			}
			file[at] = append(file[at], walks(at*8, [][2]int{{0, 1}, {0, -1}}, stop))
		}
	}
	tables = append(tables,
		table{"lineFill", "lineFill holds the attacks along a line, by file and inner occupancy, repeated on every rank.", "[8][64]uint64", fill},
		table{"fileFill", "fileFill holds the attacks along the a-file, by rank and inner occupancy.", "[8][64]uint64", file},
	)

	between := make([][]uint64, 64)
	for from := range between {
		between[from] = make([]uint64, 64)
		for _, step := range append(orthogonal[:4:4], diagonal...) {
			for to := range 64 {
				target := uint64(1) << to
				if line := walk(from, step, target); line&target != 0 {
					between[from][to] = line
				}
			}
		}
	}
	tables = append(tables, table{"between",
		"between holds the squares from the first (excluded) to the second (included) when a line joins them, and nothing otherwise.",
		"[64][64]uint64", between})

	// The seed is arbitrary; changing it changes every Hash.
	rng := rand.New(rand.NewPCG(0x7472616e73636e64, 0x626974626f617264))
	pieces := make([][]uint64, 16)
	for piece := range pieces {
		pieces[piece] = make([]uint64, 64)
		if t := piece & 7; t >= 1 && t <= 6 {
			for s := range 64 {
				pieces[piece][s] = rng.Uint64()
			}
		}
	}
	castling := make([]uint64, 16)
	for right := range 4 {
		key := rng.Uint64()
		for rights := range castling {
			if rights>>right&1 != 0 {
				castling[rights] ^= key
			}
		}
	}
	enPassant := make([]uint64, 8)
	for f := range enPassant {
		enPassant[f] = rng.Uint64()
	}
	tables = append(tables,
		table{"pieceKeys", "pieceKeys holds the Zobrist keys of a Piece on a square; zero for NoPiece.", "[16][64]uint64", pieces},
		table{"castlingKeys", "castlingKeys holds the Zobrist keys of sets of castling rights.", "[16]uint64", [][]uint64{castling}},
		table{"enPassantKeys", "enPassantKeys holds the Zobrist keys of the file of a possible en passant capture.", "[8]uint64", [][]uint64{enPassant}},
	)

	var b bytes.Buffer
	fmt.Fprint(&b, "// Code generated by gentables.go; DO NOT EDIT.\n\npackage bitboard\n\n")
	fmt.Fprintf(&b, "// blackKey is the Zobrist key of Black to move.\nconst blackKey = %#x\n", rng.Uint64())
	for _, t := range tables {
		fmt.Fprintf(&b, "\n// %s\nvar %s = %s{\n", t.doc, t.name, t.dims)
		for _, row := range t.rows {
			if len(t.rows) > 1 {
				fmt.Fprint(&b, "{\n")
			}
			for i, v := range row {
				fmt.Fprintf(&b, "%#x,", v)
				if i%8 == 7 {
					fmt.Fprint(&b, "\n")
				}
			}
			if len(t.rows) > 1 {
				fmt.Fprint(&b, "},\n")
			}
		}
		fmt.Fprint(&b, "}\n")
	}
	source, err := format.Source(b.Bytes())
	if err != nil {
		log.Fatalf("gentables: to format tables.go: %v", err)
	}
	if err := os.WriteFile(*name, source, 0o644); err != nil {
		log.Fatalf("gentables: %v", err)
	}
}
