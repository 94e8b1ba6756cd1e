package data

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"transcend/data/filter"
	"transcend/internal/bitboard"
	"transcend/internal/boardtest"
	"transcend/pgn"
	"transcend/pgn/pgntest"
)

const fourPlies = "1. e4 e5 2. Nf3 Nc6 1-0"

func TestGameFields(t *testing.T) {
	text := pgntest.Game(fourPlies, "White Anna", "Black Bernd", "Termination Time forfeit", "Site https://lichess.org/x", "Date 2018.06.02", "UTCDate 2018.06.01", "TimeControl 300+5", "WhiteElo 1500", "BlackElo 1501?", "Result 0-1") +
		pgntest.Game(fourPlies, "Site ?", "Date ????.??.??", "TimeControl ?") +
		pgntest.Game(fourPlies, "White ?", "Date 2018.??.??", "TimeControl -", "Termination ?") +
		strings.Replace(pgntest.Game(fourPlies), `"x"`, `"Rated Blitz tournament https://lichess.org/tournament/abc"`, 1) +
		strings.Replace(pgntest.Game(fourPlies), `"x"`, `"Casual Blitz game"`, 1)
	c, _, err := ReadCorpus(t.Context(), pgntest.Reader(t, text), filter.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	moves := boardtest.Moves(t, "", "e4 e5 Nf3 Nc6")
	for i, want := range []Game{
		{"Anna", "Bernd", 1500, 1501, bitboard.BlackWins, "300+5", "2018.06.01", "https://lichess.org/x", "Time forfeit", RatedUnknown, moves},
		{Result: bitboard.WhiteWins, Moves: moves},
		{Result: bitboard.WhiteWins, TimeControl: "-", Date: "2018.??.??", Moves: moves},
		{Result: bitboard.WhiteWins, Rated: RatedYes, Moves: moves},
		{Result: bitboard.WhiteWins, Rated: RatedNo, Moves: moves},
	} {
		if got := c.Game(i); !sameGame(got, want) {
			t.Errorf("game %d = %+v, want %+v", i, got, want)
		}
	}
}

// The reading ends without an error when enough games were found, with emit's own
// otherwise; what was read before an input breaks off is kept.
func TestReadPGNStops(t *testing.T) {
	errFull := errors.New("disk full")
	for _, test := range []struct{ stop, want error }{
		{errFull, errFull}, {ErrStop, nil}, {fmt.Errorf("seven: %w", ErrStop), nil},
	} {
		n := 0
		report, err := ReadPGN(t.Context(), pgntest.Reader(t, strings.Repeat(pgntest.Game(fourPlies), 20)), filter.Filter{}, func(*Game) error {
			if n++; n == 7 {
				return test.stop
			}
			return nil
		})
		if !errors.Is(err, test.want) || report.Kept != 7 || report.Seen != 7 {
			t.Errorf("%v: %v %+v", test.stop, err, report)
		}
	}
	r, err := pgn.NewReader("cut", io.MultiReader(strings.NewReader(strings.Repeat(pgntest.Game(fourPlies), 20)), iotest.ErrReader(errFull)))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	c, report, err := ReadCorpus(t.Context(), r, filter.Filter{MinPlies: 1})
	if !errors.Is(err, errFull) || c.Len() == 0 || report.Kept != c.Len() || c.Provenance.Report.Kept != c.Len() || c.Provenance.Filter.MinPlies != 1 {
		t.Errorf("broken input: %v, %d games, %+v", err, c.Len(), c.Provenance)
	}
}
