// Package calibrate rates players against each other on this machine, and makes a scale of it on
// which others can be rated (elo.LocalScale).
//
// A Plan says who plays whom how often, and who is held at which rating. Open reads the games
// that were played of it before, Play plays those that are missing and keeps each in a file when
// it ends, so that a calibration can be stopped at any moment and goes on from there, and
// Scale fits all players to all games at once by maximum likelihood.
package calibrate

import (
	"errors"
	"fmt"
	"math"
	"path"
	"strconv"
	"strings"

	"transcend/elo"
	"transcend/elo/leaderboard"
	"transcend/engine/match"
)

const (
	// MaxPlayers is how many players can be rated at once.
	MaxPlayers = 10_000
	// MaxPairGames is how many games two players may play. The slots of a pair are a
	// range of their own: with the same slots for all pairs, a player would play with the same
	// random numbers against each opponent, and its games would not be independent.
	MaxPairGames = 1 << 20
)

// Player is a player to be rated.
type Player struct {
	Name    string // no two players of a plan have the same
	Spec    map[string]string
	Control match.Control // zero for players that bound themselves
	New     match.Factory
	// Rating is what is believed of it before, by which Plan.Gap chooses pairs; 0: nothing.
	Rating float64

	anchor *elo.Anchor // what it is held at; nil: it is rated
}

// Held reports whether the player keeps a rating that it had before.
func (p *Player) Held() bool { return p.anchor != nil }

// Plan is which games are played. Two plans that differ in more than the number of games of
// some pairs have no games in common.
type Plan struct {
	Players []Player
	Games   int // of each pair, from 1 to MaxPairGames
	// Within, where it is not 0, leaves out pairs more than so many places apart in the list,
	// Gap pairs whose ratings are known and differ by more than so many points.
	Within, Gap int
	// Rules say how many games some pairs play instead; the last that fits is the one.
	Rules []PairRule

	Openings *match.Openings
	MaxMoves int // a game of so many full moves is a draw; 0: no limit
	Seed     uint64

	anchors *elo.AnchorSet // that players are held by; nil: none
}

// PairRule is how many games two players play whose names match its patterns, those of path.Match.
type PairRule struct {
	one, other string
	games      int
}

// ParsePairRule reads "PATTERN vs PATTERN=GAMES".
func ParsePairRule(text string) (PairRule, error) {
	at := max(0, strings.LastIndexByte(text, '=')) // names have some, too
	one, other, ok := strings.Cut(text[:at], " vs ")
	n, err := strconv.Atoi(strings.TrimPrefix(text[at:], "="))
	if !ok || err != nil || n < 0 || n > MaxPairGames {
		return PairRule{}, ErrPairRule
	}
	r := PairRule{one: strings.TrimSpace(one), other: strings.TrimSpace(other), games: n}
	for _, pattern := range []string{r.one, r.other} {
		if _, err := path.Match(pattern, ""); err != nil {
			return PairRule{}, fmt.Errorf("%q: %w", pattern, err)
		}
	}
	return r, nil
}

// ErrPairRule is a text that is no PairRule.
var ErrPairRule = errors.New("not of the form NAME vs NAME=GAMES")

// applies reports whether the rule is about two players.
func (r PairRule) applies(a, b string) bool {
	match := func(pattern, name string) bool {
		ok, _ := path.Match(pattern, name)
		return ok
	}
	return match(r.one, a) && match(r.other, b) || match(r.one, b) && match(r.other, a)
}

// HoldFirst holds the first player at a rating.
func (p *Plan) HoldFirst(rating float64) {
	p.Players[0].anchor = &elo.Anchor{Name: p.Players[0].Name, Rating: rating}
}

// HoldRated holds the players that an anchor set rates at its ratings. Where it rates none of
// them the error is the set's, an elo.ErrNoAnchor.
func (p *Plan) HoldRated(by leaderboard.AnchorFunc) error {
	held := 0
	var reason error
	for i := range p.Players {
		q := &p.Players[i]
		set, anchor, err := by(leaderboard.Player{Name: q.Name, Spec: q.Spec}, q.Control.String())
		switch {
		case err == nil:
			// What the set says of its errors is about the scale, not about these games.
			q.anchor, q.Rating, p.anchors = &elo.Anchor{Name: q.Name, Rating: anchor.Rating}, anchor.Rating, &set
			held++
		case errors.Is(err, elo.ErrNoAnchor):
			reason = err
		default:
			return err
		}
	}
	if held == 0 {
		return reason
	}
	return nil
}

// gamesOf is how many games two players play.
func (p *Plan) gamesOf(i, j int) int {
	a, b := &p.Players[i], &p.Players[j]
	if p.Within > 0 && j-i > p.Within {
		return 0
	}
	if p.Gap > 0 && a.Rating != 0 && b.Rating != 0 && math.Abs(a.Rating-b.Rating) > float64(p.Gap) {
		return 0
	}
	games := p.Games
	for _, r := range p.Rules {
		if r.applies(a.Name, b.Name) {
			games = r.games
		}
	}
	return games
}
