package filter

import (
	"bytes"
	"fmt"
	"strings"

	"transcend/data/internal/gamehash"
	"transcend/internal/bitboard"
	"transcend/internal/clip"
	"transcend/pgn"
)

// rule is one line of the list at Filter. header or game is set; why explains a
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
	var inForce []rule
	for _, ruleFor := range []func(*Filter) *rule{
		byVariant, bySetup,
		byMissingRating, byMaxElo, byMinElo, byRatingBand,
		bySpeed, byRated, byBots, byTermination, byDate, byPlayer, byResultTag,
		byPosition, byResult, byUnfinished, byLength, byDuplicate,
	} {
		if r := ruleFor(f); r != nil {
			inForce = append(inForce, *r)
		}
	}
	return inForce
}

func byVariant(*Filter) *rule {
	return &rule{
		name: RuleVariant, meaning: "not standard chess",
		header: func(h *pgn.Header) bool { return !standardVariant(h.Bytes("Variant")) },
		whyH:   func(h *pgn.Header) string { return "variant " + clip.Text(h.Tag("Variant"), quoted) },
	}
}

const setupMeaning = "not from the starting position"

func bySetup(*Filter) *rule {
	return &rule{
		name: RuleSetup, meaning: setupMeaning,
		header: func(h *pgn.Header) bool { return !startsNormally(h.Bytes("FEN"), h.Bytes("SetUp")) },
		whyH:   func(h *pgn.Header) string { return "starts from " + clip.Text(h.Tag("FEN"), quoted) },
	}
}

// byPosition catches by its position what bySetup did not recognize.
func byPosition(*Filter) *rule {
	start := bitboard.Start()
	return &rule{
		name: RuleSetup, meaning: setupMeaning,
		game: func(g *pgn.Game) bool { return !g.Start.SamePosition(&start) },
		whyG: func(g *pgn.Game) string { return "starts from " + g.Start.FEN() },
	}
}

func byMissingRating(f *Filter) *rule {
	if f.MaxElo <= 0 && f.MinElo <= 0 && f.RatingBand == (Band{}) {
		return nil
	}
	return &rule{
		name: RuleNoRating, meaning: "a rating is missing",
		header: func(h *pgn.Header) bool {
			_, white := h.WhiteElo()
			_, black := h.BlackElo()
			return !white || !black
		},
		whyH: func(h *pgn.Header) string {
			return fmt.Sprintf("ratings %q and %q", clip.Text(h.Tag("WhiteElo"), quoted), clip.Text(h.Tag("BlackElo"), quoted))
		},
	}
}

func byMaxElo(f *Filter) *rule {
	limit := f.MaxElo
	if limit <= 0 {
		return nil
	}
	return byRatings(RuleMaxElo, fmt.Sprintf("a player above %d", limit), func(_, higher int) bool { return higher > limit })
}

func byMinElo(f *Filter) *rule {
	limit := f.MinElo
	if limit <= 0 {
		return nil
	}
	return byRatings(RuleMinElo, fmt.Sprintf("a player below %d", limit), func(lower, _ int) bool { return lower < limit })
}

func byRatingBand(f *Filter) *rule {
	band := f.RatingBand
	if band == (Band{}) {
		return nil
	}
	return byRatings(RuleRatingBand, fmt.Sprintf("a player outside %d to %d", band.Min, band.Max),
		func(lower, higher int) bool { return lower < band.Min || higher > band.Max })
}

// byRatings returns a rule about both ratings, which are known.
func byRatings(name, meaning string, drop func(lower, higher int) bool) *rule {
	return &rule{
		name: name, meaning: meaning,
		header: func(h *pgn.Header) bool {
			white, _ := h.WhiteElo()
			black, _ := h.BlackElo()
			return drop(min(white, black), max(white, black))
		},
		whyH: func(h *pgn.Header) string {
			white, _ := h.WhiteElo()
			black, _ := h.BlackElo()
			return fmt.Sprintf("ratings %d and %d", white, black)
		},
	}
}

func bySpeed(f *Filter) *rule {
	if len(f.Speeds) == 0 {
		return nil
	}
	var names []string
	for _, s := range f.Speeds {
		names = append(names, string(s))
	}
	speeds := f.Speeds
	return &rule{
		name: RuleSpeed, meaning: "not " + strings.Join(names, " or "),
		header: func(h *pgn.Header) bool {
			speed := SpeedOf(h.Bytes("TimeControl"))
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
				return fmt.Sprintf("time control %q: %s", clip.Text(text, quoted), speed)
			}
			return fmt.Sprintf("time control %q: unknown", clip.Text(text, quoted))
		},
	}
}

func byRated(f *Filter) *rule {
	if !f.RatedOnly {
		return nil
	}
	return &rule{
		name: RuleCasual, meaning: "not said to be rated",
		header: func(h *pgn.Header) bool {
			rated, _ := SaysRated(h.Bytes("Event"))
			return !rated
		},
		whyH: func(h *pgn.Header) string { return fmt.Sprintf("event %q", clip.Text(h.Tag("Event"), quoted)) },
	}
}

func byBots(f *Filter) *rule {
	if !f.NoBots {
		return nil
	}
	return &rule{
		name: RuleBot, meaning: "a player is a program",
		header: func(h *pgn.Header) bool { return botTag(h) != "" },
		whyH: func(h *pgn.Header) string {
			tag := botTag(h)
			return fmt.Sprintf("%s %q", tag, clip.Text(h.Tag(tag), quoted))
		},
	}
}

func byTermination(f *Filter) *rule {
	if len(f.Terminations) == 0 {
		return nil
	}
	var keep [][]byte
	for _, t := range f.Terminations {
		keep = append(keep, []byte(t))
	}
	return &rule{
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
		whyH: func(h *pgn.Header) string {
			return fmt.Sprintf("termination %q", clip.Text(h.Tag("Termination"), quoted))
		},
	}
}

func byDate(f *Filter) *rule {
	var meaning string
	switch {
	case f.Since == "" && f.Until == "":
		return nil
	case f.Until == "":
		meaning = "before " + f.Since
	case f.Since == "":
		meaning = "after " + f.Until
	default:
		meaning = "not from " + f.Since + " to " + f.Until
	}
	since, until, _ := f.days()
	return &rule{
		name: RuleDate, meaning: meaning + ", or unknown",
		header: func(h *pgn.Header) bool {
			first, last, ok := parseDate(dateTag(h))
			return !ok || first < since || last > until
		},
		whyH: func(h *pgn.Header) string { return fmt.Sprintf("date %q", clip.Text(string(dateTag(h)), quoted)) },
	}
}

func byPlayer(f *Filter) *rule {
	if f.Player == "" {
		return nil
	}
	name := []byte(strings.TrimSpace(f.Player))
	return &rule{
		name: RulePlayer, meaning: clip.Text(f.Player, quoted) + " does not play",
		header: func(h *pgn.Header) bool {
			return !bytes.EqualFold(bytes.TrimSpace(h.Bytes("White")), name) && !bytes.EqualFold(bytes.TrimSpace(h.Bytes("Black")), name)
		},
		whyH: func(h *pgn.Header) string {
			return fmt.Sprintf("players %q and %q", clip.Text(h.Tag("White"), quoted), clip.Text(h.Tag("Black"), quoted))
		},
	}
}

// results says by bitboard.Result which games are not dropped for their result: an
// unfinished one is left to byUnfinished. all says that no finished game is.
func (f *Filter) results() (keep [4]bool, all bool) {
	keep[bitboard.Unknown] = true
	for _, s := range f.Results {
		if r, err := bitboard.ParseResult(s); err == nil {
			keep[r] = true
		}
	}
	return keep, len(f.Results) == 0 || keep == [4]bool{true, true, true, true}
}

func (f *Filter) resultMeaning() string { return "not " + strings.Join(f.Results, " or ") }

func byResultTag(f *Filter) *rule {
	keep, all := f.results()
	if all {
		return nil
	}
	return &rule{
		name: RuleOtherResult, meaning: f.resultMeaning(),
		header: func(h *pgn.Header) bool { return !keep[h.Result()] },
		whyH:   func(h *pgn.Header) string { return "result " + h.Result().String() },
	}
}

// byResult catches games of which only the movetext says how they ended.
func byResult(f *Filter) *rule {
	keep, all := f.results()
	if all {
		return nil
	}
	return &rule{
		name: RuleOtherResult, meaning: f.resultMeaning(),
		game: func(g *pgn.Game) bool { return !keep[g.Result] },
		whyG: func(g *pgn.Game) string { return "result " + g.Result.String() },
	}
}

func byUnfinished(*Filter) *rule {
	return &rule{
		name: RuleResult, meaning: "unfinished",
		game: func(g *pgn.Game) bool { return g.Result == bitboard.Unknown },
		whyG: func(g *pgn.Game) string { return "result *" },
	}
}

func byLength(f *Filter) *rule {
	plies := max(1, f.MinPlies)
	tooShort := "no moves"
	if plies > 1 {
		tooShort = fmt.Sprintf("fewer than %d plies", plies)
	}
	return &rule{
		name: RuleMinPlies, meaning: tooShort,
		game: func(g *pgn.Game) bool { return len(g.Moves) < plies },
		whyG: func(g *pgn.Game) string { return fmt.Sprintf("%d plies", len(g.Moves)) },
	}
}

func byDuplicate(f *Filter) *rule {
	if !f.DropDuplicates {
		return nil
	}
	seen := make(map[uint64]struct{})
	return &rule{
		name: RuleDuplicate, meaning: "seen before",
		game: func(g *pgn.Game) bool {
			white, _ := g.Elo(bitboard.White)
			black, _ := g.Elo(bitboard.Black)
			h := gamehash.Content(g.Moves, g.Result, uint16(white), uint16(black))
			if _, ok := seen[h]; ok {
				return true
			}
			seen[h] = struct{}{}
			return false
		},
		whyG: func(g *pgn.Game) string { return fmt.Sprintf("same moves as before, %d plies", len(g.Moves)) },
	}
}
