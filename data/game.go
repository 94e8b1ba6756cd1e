package data

import (
	"transcend/internal/bitboard"
)

// MaxElo is the highest number that is taken for a rating, as in package pgn.
const MaxElo = 9999

// Game is one game from the normal starting position.
type Game struct {
	// White and Black are the players' names as written, "" when unknown.
	White, Black string
	// WhiteElo and BlackElo are as the source gives them, 1 to MaxElo, 0 when
	// unknown. Sources are not on one scale: a Lichess 1000 is not a chess.com 1000.
	WhiteElo, BlackElo int
	Result             bitboard.Result
	// TimeControl, Date, Site and Termination are the PGN tags as written, "" when
	// unknown: "300+5", "2018.06.12", "https://lichess.org/abcdefgh", "Time forfeit".
	TimeControl, Date, Site, Termination string
	// Rated says whether the game counted for the ratings.
	Rated Rated
	Moves []bitboard.Move
}

// Rated says whether a game counted for its players' ratings.
type Rated uint8

// The values of Rated.
const (
	RatedUnknown Rated = iota
	RatedYes
	RatedNo
)

func (r Rated) String() string {
	switch r {
	case RatedYes:
		return "rated"
	case RatedNo:
		return "casual"
	}
	return "unknown"
}

// ratedEvent finds out whether a game was rated from its Event tag, where Lichess
// ("Rated Blitz game", "casual rapid game") and FICS ("FICS unrated blitz game")
// say it: the first of the words "rated", "casual" and "unrated" in it, in any
// case. No tag of the PGN standard tells it, so without such a word it is unknown.
func ratedEvent[T string | []byte](event T) Rated {
	for i := 0; i < len(event); i++ {
		from := i
		for i < len(event) && isLetter(event[i]) {
			i++
		}
		switch word := event[from:i]; {
		case isWord(word, "rated"):
			return RatedYes
		case isWord(word, "casual"), isWord(word, "unrated"):
			return RatedNo
		}
	}
	return RatedUnknown
}

// isWord compares letters with a word in small ones.
func isWord[T string | []byte](letters T, word string) bool {
	if len(letters) != len(word) {
		return false
	}
	for i := range len(word) {
		if letters[i]|0x20 != word[i] {
			return false
		}
	}
	return true
}

// isLetter counts all of UTF-8 beyond ASCII as letters: no word is found inside
// another.
func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= 0x80 }

// FNV-1a, 64 bits (Fowler, Noll, Vo; the constants are the published ones).
const (
	fnvOffset = 14695981039346656037
	fnvPrime  = 1099511628211
)

// HashMoves returns the hash of a sequence of moves by which games are split
// into training and validation: FNV-1a over the 16-bit codes, low byte first.
// It depends on nothing else and never changes between versions, so the same
// moves are on the same side in every corpus they occur in.
func HashMoves(moves []bitboard.Move) uint64 {
	h := uint64(fnvOffset)
	for _, m := range moves {
		h = (h ^ uint64(m&0xff)) * fnvPrime
		h = (h ^ uint64(m>>8)) * fnvPrime
	}
	return h
}

// hashUint64 continues an FNV-1a hash with the eight bytes of v, low byte first.
func hashUint64(h, v uint64) uint64 {
	for range 8 {
		h = (h ^ v&0xff) * fnvPrime
		v >>= 8
	}
	return h
}

// mix spreads every bit of h over the whole word (the finalizer of MurmurHash3):
// the high bits of an FNV hash alone depend too little on the last bytes.
func mix(h uint64) uint64 {
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	h ^= h >> 33
	return h
}

// InValidation reports whether a game with these moves belongs to the validation
// side of a split: its mixed hash, read as a number in [0, 1), lies below
// fraction. A larger fraction keeps every game that a smaller one chose.
func InValidation(moves []bitboard.Move, fraction float64) bool {
	return inFraction(HashMoves(moves), fraction)
}

// inFraction says whether a hash, mixed and read as a number in [0, 1), lies below
// fraction.
func inFraction(hash uint64, fraction float64) bool {
	return float64(mix(hash)>>11)*0x1p-53 < fraction
}
