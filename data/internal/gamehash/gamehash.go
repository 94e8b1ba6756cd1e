// Package gamehash hashes games: by their moves for splits, by moves, result and
// ratings for duplicates, by all that is known of them for fingerprints of corpora.
// The hashes are stored in files and decide which side of a split a game is on, so
// none of them ever changes.
//
// They are FNV-1a of 64 bits (Fowler, Noll, Vo; the constants are the published
// ones), numbers going in with the low byte first. The high bits of such a hash
// depend too little on the last bytes: Mix it before it is used.
package gamehash

import (
	"transcend/internal/bitboard"
)

// Start is the hash of nothing, with which a running hash begins.
const Start = 14695981039346656037

const prime = 1099511628211

// Moves is the hash of the 16-bit codes of moves.
func Moves(moves []bitboard.Move) uint64 {
	h := uint64(Start)
	for _, m := range moves {
		h = (h ^ uint64(m&0xff)) * prime
		h = (h ^ uint64(m>>8)) * prime
	}
	return h
}

// Content is the mixed hash by which duplicates are found: of the moves, the result
// and both ratings, 0 for one that is unknown.
func Content(moves []bitboard.Move, result bitboard.Result, white, black uint16) uint64 {
	return Mix(Number(Moves(moves), uint64(result)<<32|uint64(white)<<16|uint64(black)))
}

// Number continues a hash with the eight bytes of v.
func Number(h, v uint64) uint64 {
	for range 8 {
		h = (h ^ v&0xff) * prime
		v >>= 8
	}
	return h
}

// Text continues a hash with the length of a text and its bytes.
func Text(h uint64, s string) uint64 { return Bytes(Number(h, uint64(len(s))), s) }

// Bytes continues a hash with bytes.
func Bytes[T string | []byte](h uint64, s T) uint64 {
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * prime
	}
	return h
}

// Mix spreads every bit of h over the whole word (the finalizer of MurmurHash3).
func Mix(h uint64) uint64 {
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	h ^= h >> 33
	return h
}
