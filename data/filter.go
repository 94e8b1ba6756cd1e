package data

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"transcend/internal/bitboard"
	"transcend/pgn"
)

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
	return Band{}, fmt.Errorf("data: %q is no rating band (want two ratings, the lower one first: 800-1000)", clip(s))
}

func (b Band) valid() bool { return b.Min >= 1 && b.Min <= b.Max && b.Max <= MaxElo }

// String returns "800-1000".
func (b Band) String() string { return fmt.Sprintf("%d-%d", b.Min, b.Max) }

// rule is one line of the list above. header or game is set; why explains a
// drop and is only asked for the few that a report shows.
type rule struct {
	name    string
	meaning string
	header  func(h *pgn.Header) (drop bool)
	whyH    func(h *pgn.Header) string
	game    func(g *pgn.Game) (drop bool)
	whyG    func(g *pgn.Game) string
}

// rules returns the rules that are in force, in order.
func (f *Filter) rules() []rule {
	var rules []rule
	rules = append(rules, rule{
		name: RuleVariant, meaning: "not standard chess",
		header: func(h *pgn.Header) bool { return !standardVariant(h.Bytes("Variant")) },
		whyH:   func(h *pgn.Header) string { return "variant " + clip(h.Tag("Variant")) },
	}, rule{
		name: RuleSetup, meaning: "not from the starting position",
		header: func(h *pgn.Header) bool { return !startsNormally(h.Bytes("FEN"), h.Bytes("SetUp")) },
		whyH:   func(h *pgn.Header) string { return "starts from " + clip(h.Tag("FEN")) },
	})
	if f.MaxElo > 0 || f.MinElo > 0 || f.RatingBand != (Band{}) {
		rules = append(rules, rule{
			name: RuleNoRating, meaning: "a rating is missing",
			header: func(h *pgn.Header) bool {
				_, white := h.WhiteElo()
				_, black := h.BlackElo()
				return !white || !black
			},
			whyH: func(h *pgn.Header) string {
				return fmt.Sprintf("ratings %q and %q", clip(h.Tag("WhiteElo")), clip(h.Tag("BlackElo")))
			},
		})
	}
	ratings := func(h *pgn.Header) string {
		white, _ := h.WhiteElo()
		black, _ := h.BlackElo()
		return fmt.Sprintf("ratings %d and %d", white, black)
	}
	if limit := f.MaxElo; limit > 0 {
		rules = append(rules, rule{
			name: RuleMaxElo, meaning: fmt.Sprintf("a player above %d", limit),
			header: func(h *pgn.Header) bool {
				white, _ := h.WhiteElo()
				black, _ := h.BlackElo()
				return max(white, black) > limit
			},
			whyH: ratings,
		})
	}
	if limit := f.MinElo; limit > 0 {
		rules = append(rules, rule{
			name: RuleMinElo, meaning: fmt.Sprintf("a player below %d", limit),
			header: func(h *pgn.Header) bool {
				white, _ := h.WhiteElo()
				black, _ := h.BlackElo()
				return min(white, black) < limit
			},
			whyH: ratings,
		})
	}
	if band := f.RatingBand; band != (Band{}) {
		rules = append(rules, rule{
			name: RuleRatingBand, meaning: fmt.Sprintf("a player outside %d to %d", band.Min, band.Max),
			header: func(h *pgn.Header) bool {
				white, _ := h.WhiteElo()
				black, _ := h.BlackElo()
				return min(white, black) < band.Min || max(white, black) > band.Max
			},
			whyH: ratings,
		})
	}
	rules = append(rules, f.tagRules()...)
	plies := max(1, f.MinPlies)
	tooShort := "no moves"
	if plies > 1 {
		tooShort = fmt.Sprintf("fewer than %d plies", plies)
	}
	start := bitboard.Start()
	rules = append(rules, rule{
		// What the header's rule did not recognize, by its position.
		name: RuleSetup, meaning: "not from the starting position",
		game: func(g *pgn.Game) bool { return !g.Start.SamePosition(&start) },
		whyG: func(g *pgn.Game) string { return "starts from " + g.Start.FEN() },
	})
	if keep := f.results(); keep != allResults {
		rules = append(rules, rule{
			name: RuleOtherResult, meaning: f.resultMeaning(),
			game: func(g *pgn.Game) bool { return g.Result != bitboard.Unknown && !keep[g.Result] },
			whyG: func(g *pgn.Game) string { return "result " + g.Result.String() },
		})
	}
	rules = append(rules, rule{
		name: RuleResult, meaning: "unfinished",
		game: func(g *pgn.Game) bool { return g.Result == bitboard.Unknown },
		whyG: func(g *pgn.Game) string { return "result *" },
	}, rule{
		name: RuleMinPlies, meaning: tooShort,
		game: func(g *pgn.Game) bool { return len(g.Moves) < plies },
		whyG: func(g *pgn.Game) string { return fmt.Sprintf("%d plies", len(g.Moves)) },
	})
	if f.DropDuplicates {
		seen := make(map[uint64]struct{})
		rules = append(rules, rule{
			name: RuleDuplicate, meaning: "seen before",
			game: func(g *pgn.Game) bool {
				white, _ := g.Elo(bitboard.White)
				black, _ := g.Elo(bitboard.Black)
				h := contentHash(g.Moves, g.Result, rating(white), rating(black))
				if _, ok := seen[h]; ok {
					return true
				}
				seen[h] = struct{}{}
				return false
			},
			whyG: func(g *pgn.Game) string { return fmt.Sprintf("same moves as before, %d plies", len(g.Moves)) },
		})
	}
	return rules
}

// tagRules returns the rules in force that are about single tags other than the
// ratings, in order.
func (f *Filter) tagRules() []rule {
	var rules []rule
	if len(f.Speeds) > 0 {
		var names []string
		for _, s := range f.Speeds {
			names = append(names, string(s))
		}
		speeds := f.Speeds
		rules = append(rules, rule{
			name: RuleSpeed, meaning: "not " + strings.Join(names, " or "),
			header: func(h *pgn.Header) bool {
				speed := speedOf(h.Bytes("TimeControl"))
				for _, s := range speeds {
					if s == speed && s != "" {
						return false
					}
				}
				return true
			},
			whyH: func(h *pgn.Header) string {
				text := h.Tag("TimeControl")
				if speed := SpeedOf(text); speed != "" {
					return fmt.Sprintf("time control %q: %s", clip(text), speed)
				}
				return fmt.Sprintf("time control %q: unknown", clip(text))
			},
		})
	}
	if f.RatedOnly {
		rules = append(rules, rule{
			name: RuleCasual, meaning: "not said to be rated",
			header: func(h *pgn.Header) bool { return ratedEvent(h.Bytes("Event")) != RatedYes },
			whyH:   func(h *pgn.Header) string { return fmt.Sprintf("event %q", clip(h.Tag("Event"))) },
		})
	}
	if f.NoBots {
		rules = append(rules, rule{
			name: RuleBot, meaning: "a player is a program",
			header: func(h *pgn.Header) bool { return botTag(h) != "" },
			whyH: func(h *pgn.Header) string {
				tag := botTag(h)
				return fmt.Sprintf("%s %q", tag, clip(h.Tag(tag)))
			},
		})
	}
	if len(f.Terminations) > 0 {
		var keep [][]byte
		for _, t := range f.Terminations {
			keep = append(keep, []byte(t))
		}
		rules = append(rules, rule{
			name: RuleTermination, meaning: "not ended by " + strings.Join(f.Terminations, " or "),
			header: func(h *pgn.Header) bool {
				t := h.Bytes("Termination")
				for _, k := range keep {
					if sameTermination(t, k) {
						return false
					}
				}
				return true
			},
			whyH: func(h *pgn.Header) string { return fmt.Sprintf("termination %q", clip(h.Tag("Termination"))) },
		})
	}
	if f.Since != "" || f.Until != "" {
		since, until, _ := f.days()
		rules = append(rules, rule{
			name: RuleDate, meaning: f.dateMeaning(),
			header: func(h *pgn.Header) bool {
				first, last, ok := parseDate(dateTag(h))
				return !ok || first < since || last > until
			},
			whyH: func(h *pgn.Header) string { return fmt.Sprintf("date %q", clip(string(dateTag(h)))) },
		})
	}
	if f.Player != "" {
		name := []byte(strings.TrimSpace(f.Player))
		rules = append(rules, rule{
			name: RulePlayer, meaning: clip(f.Player) + " does not play",
			header: func(h *pgn.Header) bool {
				return !bytes.EqualFold(bytes.TrimSpace(h.Bytes("White")), name) && !bytes.EqualFold(bytes.TrimSpace(h.Bytes("Black")), name)
			},
			whyH: func(h *pgn.Header) string {
				return fmt.Sprintf("players %q and %q", clip(h.Tag("White")), clip(h.Tag("Black")))
			},
		})
	}
	if keep := f.results(); keep != allResults {
		rules = append(rules, rule{
			name: RuleOtherResult, meaning: f.resultMeaning(),
			header: func(h *pgn.Header) bool {
				r := h.Result()
				return r != bitboard.Unknown && !keep[r]
			},
			whyH: func(h *pgn.Header) string { return "result " + h.Result().String() },
		})
	}
	return rules
}

// Validate reports limits that no game can meet, and those that are none.
func (f *Filter) Validate() error {
	switch {
	case f.MaxElo < 0 || f.MinElo < 0 || f.MinPlies < 0:
		return fmt.Errorf("data: filter: negative limit in %+v", *f)
	case f.MaxElo > 0 && f.MinElo > f.MaxElo:
		return fmt.Errorf("data: filter: the lowest rating %d is above the highest %d: no game can be kept", f.MinElo, f.MaxElo)
	}
	if band := f.RatingBand; band != (Band{}) {
		switch {
		case !band.valid():
			return fmt.Errorf("data: filter: the rating band %v is none (want two ratings from 1 to %d, the lower one first)", band, MaxElo)
		case f.MaxElo > 0 && band.Min > f.MaxElo, band.Max < f.MinElo:
			return fmt.Errorf("data: filter: the rating band %v lies outside the other limits (%d to %d): no game can be kept", band, f.MinElo, f.MaxElo)
		}
	}
	for _, s := range f.Speeds {
		if known, err := ParseSpeed(string(s)); err != nil || known != s {
			return fmt.Errorf("data: filter: %q is no speed (want ultrabullet, bullet, blitz, rapid, classical or correspondence)", clip(string(s)))
		}
	}
	for _, t := range f.Terminations {
		if strings.TrimSpace(t) == "" {
			return fmt.Errorf("data: filter: an empty termination (Lichess has normal, time forfeit, abandoned, rules infraction and others)")
		}
	}
	for _, s := range f.Results {
		if r, err := bitboard.ParseResult(s); err != nil || r == bitboard.Unknown {
			return fmt.Errorf("data: filter: %q is no result of a finished game (want 1-0, 0-1 or 1/2-1/2)", clip(s))
		}
	}
	if f.Player != "" && strings.TrimSpace(f.Player) == "" {
		return fmt.Errorf("data: filter: the name of the player is blank")
	}
	since, until, err := f.days()
	if err != nil {
		return err
	}
	if since > until {
		return fmt.Errorf("data: filter: %s comes after %s: no game can be kept", f.Since, f.Until)
	}
	return nil
}

// results says by bitboard.Result which finished games are kept.
func (f *Filter) results() [4]bool {
	if len(f.Results) == 0 {
		return allResults
	}
	var keep [4]bool
	for _, s := range f.Results {
		if r, err := bitboard.ParseResult(s); err == nil {
			keep[r] = true
		}
	}
	return keep
}

var allResults = [4]bool{bitboard.WhiteWins: true, bitboard.BlackWins: true, bitboard.Draw: true}

func (f *Filter) resultMeaning() string { return "not " + strings.Join(f.Results, " or ") }

func (f *Filter) dateMeaning() string {
	switch {
	case f.Until == "":
		return "before " + f.Since + ", or unknown"
	case f.Since == "":
		return "after " + f.Until + ", or unknown"
	}
	return "not from " + f.Since + " to " + f.Until + ", or unknown"
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
			err = fmt.Errorf("data: filter: %s: %q is no date (want 2018, 2018.06 or 2018.06.12)", what, clip(s))
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

// parseDate reads "2018.06.12", with "-" or "/" for the dots as well, the parts
// after the year missing or "??" where they are unknown, and returns the first and
// the last day that it may mean as 10000 year + 100 month + day.
func parseDate(s []byte) (first, last int, ok bool) {
	var parts [3]int // 0: unknown
	highest := [3]int{9999, 12, 31}
	for i := range parts {
		n := 0
		for n < len(s) && s[n] != '.' && s[n] != '-' && s[n] != '/' {
			n++
		}
		part := s[:n]
		s = s[min(n+1, len(s)):]
		if len(part) == 0 && (n < len(s) || i == 0) {
			return 0, 0, false
		}
		for _, c := range part {
			switch {
			case c >= '0' && c <= '9' && part[0] != '?' && len(part) <= 4:
				parts[i] = parts[i]*10 + int(c-'0')
			case c == '?' && part[0] == '?':
			default:
				return 0, 0, false
			}
		}
		known := len(part) > 0 && part[0] != '?'
		if known && (parts[i] < 1 || parts[i] > highest[i] || i == 0 && len(part) != 4) {
			return 0, 0, false
		}
		if i == 0 && !known || i == 2 && known && parts[1] == 0 {
			return 0, 0, false // without a year it says nothing
		}
	}
	if len(s) > 0 {
		return 0, 0, false
	}
	day := func(month, day int) int {
		if parts[1] != 0 {
			month = parts[1]
		}
		if parts[2] != 0 {
			day = parts[2]
		}
		return parts[0]*10000 + month*100 + day
	}
	return day(1, 1), day(12, 31), true
}

// dateTag is the day of a game: UTCDate, or Date where that is unknown.
func dateTag(h *pgn.Header) []byte {
	if d := h.Bytes("UTCDate"); !unknown(d) {
		return d
	}
	return h.Bytes("Date")
}

// sameTermination compares two terminations without regard to case and to what is
// between the words.
func sameTermination(a, b []byte) bool {
	a, b = bytes.TrimSpace(a), bytes.TrimSpace(b)
	if len(a) != len(b) {
		return false
	}
	plain := func(c byte) byte {
		switch {
		case c == '-' || c == '_':
			return ' '
		case c >= 'A' && c <= 'Z':
			return c | 0x20
		}
		return c
	}
	for i := range a {
		if plain(a[i]) != plain(b[i]) {
			return false
		}
	}
	return true
}

// botTag returns the tag that says that a player is a program, "" for none.
func botTag(h *pgn.Header) string {
	for _, tag := range [2]string{"WhiteTitle", "BlackTitle"} {
		if bytes.EqualFold(h.Bytes(tag), []byte("BOT")) {
			return tag
		}
	}
	for _, tag := range [2]string{"WhiteType", "BlackType"} {
		if bytes.EqualFold(h.Bytes(tag), []byte("program")) {
			return tag
		}
	}
	const computer = "lichess AI level "
	for _, tag := range [2]string{"White", "Black"} {
		if name := h.Bytes(tag); len(name) > len(computer) && bytes.EqualFold(name[:len(computer)], []byte(computer)) {
			return tag
		}
	}
	return ""
}

// standardVariant says whether a Variant tag means standard chess. "From
// Position" does; the rule about setups catches such games.
func standardVariant(v []byte) bool {
	if len(v) == 0 {
		return true
	}
	for _, s := range []string{"standard", "chess", "normal", "from position", "fromposition", "?", "-"} {
		if bytes.EqualFold(bytes.TrimSpace(v), []byte(s)) {
			return true
		}
	}
	return false
}

// startPlacement is the starting position up to the clocks.
const startPlacement = "rnbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR w KQkq -"

// startsNormally says whether FEN and SetUp tags allow the normal start. A FEN
// tag counts unless SetUp is "0", as in package pgn.
func startsNormally(fen, setUp []byte) bool {
	if len(fen) == 0 || string(fen) == "?" || string(setUp) == "0" {
		return true
	}
	return bytes.HasPrefix(fen, []byte(startPlacement))
}
