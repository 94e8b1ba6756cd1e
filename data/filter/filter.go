package filter

import (
	"fmt"
	"strconv"
	"strings"

	"transcend/internal/bitboard"
	"transcend/internal/clip"
	"transcend/pgn"
)

// quoted is how many bytes of a text from outside are shown in a message.
const quoted = 80

// Filter says which games belong to a corpus. Its zero value keeps every
// finished game of standard chess from the normal starting position.
//
// The rules are tried in this order, and a game is dropped, and counted, by the
// first that catches it. Those up to other_result need nothing but the tags and
// are asked before the movetext is looked at; the first ones are those that drop
// most of a month of Lichess. A rule about something that is unknown drops: a game
// is kept only if it is certain to be one of those asked for.
//
//	variant       the Variant tag names something other than standard chess
//	setup         the game starts from another position (FEN tag)
//	no_rating     a rating is missing, and MaxElo, MinElo or RatingBand is set
//	max_elo       the MAXIMUM of both ratings is above MaxElo
//	min_elo       the minimum of both ratings is below MinElo
//	rating_band   a rating is outside RatingBand
//	speed         the time control is of none of Speeds, or unknown
//	casual        RatedOnly is set and Event does not say that the game is rated
//	bot           NoBots is set and a player is a program
//	termination   Termination is none of Terminations
//	date          the game may have been played before Since or after Until
//	player        Player does not play
//	other_result  the game ended with none of Results
//	result        neither tag nor movetext says how the game ended ("*")
//	min_plies     it has fewer plies than MinPlies, or none at all
//	duplicate     an earlier game has the same moves, result and ratings, and
//	              DropDuplicates is set
//
// Two rules are asked once more when the movetext was read: setup by the position
// itself, other_result where only the movetext says how the game ended.
type Filter struct {
	// MaxElo is the rating cap of the paper (Zhang et al. 2024, elo_bin.py of the
	// released code): both players are rated at most this. 0: no cap.
	MaxElo int `json:"max_elo,omitempty"`
	// MinElo is a floor for both players; the paper has none. 0: no floor.
	MinElo int `json:"min_elo,omitempty"`
	// RatingBand keeps games whose players are both rated inside it.
	RatingBand Band `json:"rating_band,omitzero"`
	// Speeds are the speeds to keep (SpeedOf the TimeControl tag). None: all.
	Speeds []Speed `json:"speeds,omitempty"`
	// RatedOnly keeps games that are said to be rated: the first of the words "rated", "casual" and "unrated" in the Event tag.
	RatedOnly bool `json:"rated_only,omitempty"`
	// NoBots drops games in which a player has the title BOT (tags WhiteTitle,
	// BlackTitle), is of the type "program" (PGN's WhiteType, BlackType), or is
	// Lichess's own computer ("lichess AI level 5"). Who has none of these tags is
	// taken for a human.
	NoBots bool `json:"no_bots,omitempty"`
	// Terminations are the values of the Termination tag to keep, whole and in any
	// case, with "-" and "_" for a blank: "normal", "time-forfeit". Lichess
	// has "Normal", "Time forfeit", "Abandoned", "Rules infraction", "Unterminated"
	// and "Insufficient material"; chess.com a sentence. None: all.
	Terminations []string `json:"terminations,omitempty"`
	// Results are the results to keep: "1-0", "0-1", "1/2-1/2". None: all three.
	Results []string `json:"results,omitempty"`
	// Since and Until bound the day of the game (tag UTCDate, else Date): "2018",
	// "2018.06", "2018.06.12" or the same with "-". Both are inclusive: Until
	// "2018.06" keeps the whole of June. "": no bound.
	Since string `json:"since,omitempty"`
	Until string `json:"until,omitempty"`
	// Player keeps the games of one player: the White or the Black tag is this name
	// in any case. "": everybody's.
	Player string `json:"player,omitempty"`
	// MinPlies is the least number of half-moves. Games without any are always
	// dropped, as in the paper.
	MinPlies int `json:"min_plies,omitempty"`
	// DropDuplicates drops games that repeat an earlier one. It remembers eight
	// bytes a kept game; two different games are taken for the same with a
	// probability of 2^-64 a pair.
	DropDuplicates bool `json:"drop_duplicates,omitempty"`
}

// Names of the rules, as reports have them.
const (
	RuleVariant     = "variant"
	RuleSetup       = "setup"
	RuleNoRating    = "no_rating"
	RuleMaxElo      = "max_elo"
	RuleMinElo      = "min_elo"
	RuleRatingBand  = "rating_band"
	RuleSpeed       = "speed"
	RuleCasual      = "casual"
	RuleBot         = "bot"
	RuleTermination = "termination"
	RuleDate        = "date"
	RulePlayer      = "player"
	RuleOtherResult = "other_result"
	RuleResult      = "result"
	RuleMinPlies    = "min_plies"
	RuleDuplicate   = "duplicate"
)

// Band is a range of ratings, both ends included. The zero value is no band.
type Band struct {
	Min int `json:"min"`
	Max int `json:"max"`
}

// ParseBand reads "800-1000".
func ParseBand(s string) (Band, error) {
	low, high, ok := strings.Cut(s, "-")
	if ok {
		a, errA := strconv.Atoi(low)
		b, errB := strconv.Atoi(high)
		band := Band{a, b}
		if errA == nil && errB == nil && band.valid() {
			return band, nil
		}
	}
	return Band{}, fmt.Errorf("filter: %q is no rating band (want two ratings, the lower one first: 800-1000)", clip.Text(s, quoted))
}

func (b Band) valid() bool { return b.Min >= 1 && b.Min <= b.Max && b.Max <= pgn.MaxElo }

// String returns "800-1000".
func (b Band) String() string { return fmt.Sprintf("%d-%d", b.Min, b.Max) }

// Validate reports limits that no game can meet, and those that are none.
func (f *Filter) Validate() error {
	switch {
	case f.MaxElo < 0 || f.MinElo < 0 || f.MinPlies < 0:
		return fmt.Errorf("filter: negative limit in %+v", *f)
	case f.MaxElo > 0 && f.MinElo > f.MaxElo:
		return fmt.Errorf("filter: the lowest rating %d is above the highest %d: no game can be kept", f.MinElo, f.MaxElo)
	}
	if band := f.RatingBand; band != (Band{}) {
		switch {
		case !band.valid():
			return fmt.Errorf("filter: the rating band %v is none (want two ratings from 1 to %d, the lower one first)", band, pgn.MaxElo)
		case f.MaxElo > 0 && band.Min > f.MaxElo, band.Max < f.MinElo:
			return fmt.Errorf("filter: the rating band %v lies outside the other limits (%d to %d): no game can be kept", band, f.MinElo, f.MaxElo)
		}
	}
	for _, s := range f.Speeds {
		if known, err := ParseSpeed(string(s)); err != nil || known != s {
			return fmt.Errorf("filter: %q is no speed (want ultrabullet, bullet, blitz, rapid, classical or correspondence)", clip.Text(string(s), quoted))
		}
	}
	for _, t := range f.Terminations {
		if strings.TrimSpace(t) == "" {
			return fmt.Errorf("filter: an empty termination (Lichess has normal, time forfeit, abandoned, rules infraction and others)")
		}
	}
	for _, s := range f.Results {
		if r, err := bitboard.ParseResult(s); err != nil || r == bitboard.Unknown {
			return fmt.Errorf("filter: %q is no result of a finished game (want 1-0, 0-1 or 1/2-1/2)", clip.Text(s, quoted))
		}
	}
	if f.Player != "" && strings.TrimSpace(f.Player) == "" {
		return fmt.Errorf("filter: the name of the player is blank")
	}
	since, until, err := f.days()
	if err != nil {
		return err
	}
	if since > until {
		return fmt.Errorf("filter: %s comes after %s: no game can be kept", f.Since, f.Until)
	}
	return nil
}

// days returns the first and the last day that Since and Until allow, as
// parseDate has them.
func (f *Filter) days() (since, until int, err error) {
	until = 9999_99_99
	bound := func(what, s string, first *int, last *int) {
		if s == "" || err != nil {
			return
		}
		a, b, ok := parseDate([]byte(s))
		if !ok {
			err = fmt.Errorf("filter: %s: %q is no date (want 2018, 2018.06 or 2018.06.12)", what, clip.Text(s, quoted))
			return
		}
		if first != nil {
			*first = a
		}
		if last != nil {
			*last = b
		}
	}
	bound("since", f.Since, &since, nil)
	bound("until", f.Until, nil, &until)
	return since, until, err
}
