package stats

import (
	"testing"

	"transcend/data"
	"transcend/internal/bitboard"
	"transcend/internal/boardtest"
)

// handGames are the six games of which TestByHand knows everything.
func handGames(t testing.TB) []data.Game {
	return []data.Game{
		// The Najdorf's moves in another order are the Najdorf. 10 plies.
		{White: "anna", Black: "ben", WhiteElo: 1000, BlackElo: 1199, Result: bitboard.WhiteWins, TimeControl: "300+0", Date: "2018.06.12",
			Termination: "Normal", Rated: data.RatedYes, Moves: boardtest.Moves(t, "", "e4 c5 Nc3 d6 Nf3 Nf6 d4 cxd4 Nxd4 a6")},
		// Fool's mate. 4 plies.
		{White: "ben", Black: "anna", WhiteElo: 1200, BlackElo: 1001, Result: bitboard.BlackWins, TimeControl: "300+0", Date: "2018.06.13",
			Termination: "Normal", Rated: data.RatedYes, Moves: boardtest.Moves(t, "", "f3 e5 g4 Qh4#")},
		// Queen's Gambit, also by 1. c4. 3 plies each.
		{White: "anna", Black: "carl", WhiteElo: 1100, BlackElo: 1300, Result: bitboard.Draw, TimeControl: "60+0", Date: "2018.06.??",
			Termination: "Time forfeit", Rated: data.RatedNo, Moves: boardtest.Moves(t, "", "d4 d5 c4")},
		{White: "anna", Black: "dora", WhiteElo: 1100, Result: bitboard.WhiteWins, TimeControl: "-", Date: "2020.01.01",
			Termination: "Normal", Rated: data.RatedNo, Moves: boardtest.Moves(t, "", "c4 d5 d4")},
		// Nothing is known. 1 ply.
		{Result: bitboard.Unknown, Moves: boardtest.Moves(t, "", "e4")},
		// A name from outside that would clear the screen, and no moves.
		{White: "\x1b[2Jeve", Black: "anna", WhiteElo: 1399, BlackElo: 1399, Result: bitboard.Draw, TimeControl: "nonsense", Date: "1/2/03"},
	}
}

func describe(games []data.Game) *Description {
	a := New()
	for i := range games {
		a.Add(&games[i])
	}
	return a.Description()
}
