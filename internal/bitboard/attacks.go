package bitboard

//go:generate go run gentables.go

// Sliding attacks use kindergarten bitboards (Gerd Isenberg's name for them):
// the occupancy of one line is multiplied into a six-bit index of a table that
// all lines share. That is two multiplications a piece where magic bitboards
// take one, but the tables take 10 KiB instead of 840: they stay in the
// first-level cache beside whatever else a program reads, and are small enough
// to be constants of the program rather than work before main. Measured in
// perft, where nothing else wants the cache, the two run equally fast.

const (
	fileA uint64 = 0x0101010101010101
	fileB uint64 = fileA << 1
	fileH uint64 = fileA << 7
	rank1 uint64 = 0xff
	rank3 uint64 = rank1 << 16
	rank6 uint64 = rank1 << 40
	rank8 uint64 = rank1 << 56

	darkSquares uint64 = 0xaa55aa55aa55aa55 // a1 is dark
)

// rookAttacks returns the squares a rook on s attacks when occ is occupied.
func rookAttacks(s Square, occ uint64) uint64 {
	file, rank := s&7, s>>3&7
	onRank := lineFill[file][occ>>((rank<<3+1)&63)&63] & (rank1 << (rank << 3 & 63))
	onFile := fileFill[rank][occ>>file&fileA*0x0080402010080400>>58] << file
	return onRank | onFile
}

// bishopAttacks returns the squares a bishop on s attacks when occ is occupied.
func bishopAttacks(s Square, occ uint64) uint64 {
	rising, falling := diagonalLines[s&63], antidiagonalLines[s&63]
	fill := &lineFill[s&7]
	return fill[occ&rising*fileB>>58]&rising | fill[occ&falling*fileB>>58]&falling
}

// Attacks returns the squares that a piece other than a pawn attacks from s when
// occ is occupied; none for a pawn, which attacks by its color, and for no square.
func Attacks(t PieceType, s Square, occ uint64) uint64 {
	if s >= NoSquare {
		return 0
	}
	return attacksFrom(t, s, occ)
}

// attacksFrom returns the squares that a piece other than a pawn attacks from s.
func attacksFrom(t PieceType, s Square, occ uint64) uint64 {
	switch t {
	case Knight:
		return knightAttacks[s&63]
	case Bishop:
		return bishopAttacks(s, occ)
	case Rook:
		return rookAttacks(s, occ)
	case Queen:
		return bishopAttacks(s, occ) | rookAttacks(s, occ)
	case King:
		return kingAttacks[s&63]
	}
	return 0
}
