package data

import (
	"transcend/data/filter"
	"transcend/data/internal/gamehash"
	"transcend/internal/bitboard"
	"transcend/pgn"
)

// MaxElo is the highest number that is taken for a rating.
const MaxElo = pgn.MaxElo

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

// ratedBy returns what the Event tag says.
func ratedBy(event string) Rated {
	switch rated, said := filter.SaysRated(event); {
	case !said:
		return RatedUnknown
	case rated:
		return RatedYes
	}
	return RatedNo
}

// HashMoves returns the hash of a sequence of moves by which games are split
// into training and validation: FNV-1a over the 16-bit codes, low byte first.
// It depends on nothing else and never changes between versions, so the same
// moves are on the same side in every corpus they occur in.
func HashMoves(moves []bitboard.Move) uint64 { return gamehash.Moves(moves) }

// InValidation reports whether a game with these moves belongs to the validation
// side of a split: its mixed hash, read as a number in [0, 1), lies below
// fraction. A larger fraction keeps every game that a smaller one chose.
func InValidation(moves []bitboard.Move, fraction float64) bool {
	return inFraction(HashMoves(moves), fraction)
}

// inFraction says whether a hash, mixed and read as a number in [0, 1), lies below
// fraction.
func inFraction(hash uint64, fraction float64) bool {
	return float64(gamehash.Mix(hash)>>11)*0x1p-53 < fraction
}
