package data

import (
	"strings"

	"transcend/data/internal/gamehash"
)

// SplitByPlayer divides the games into a part to train on and one to validate on
// so that no player is in both. Each player is put on a side by the hash of the
// name, about a fraction of them on the side of validation; a game belongs to the
// side of both its players. Neither the order of the games nor what else is in the
// corpus matters, and a larger fraction keeps every player that a smaller one
// chose for validation.
//
// A game between the sides belongs to neither, and so does one with a player who
// is not known: both are counted in dropped. With a fraction f of the players, and
// players who meet at random, 2f(1-f) of the games are lost, (1-f)² are left to
// train on and f² to validate on: 18%, 81% and 1% for f = 0.1. Where few players
// have most of the games it may be anything: if one of them is in all games, one of
// the parts is empty.
//
// A player is a name (PlayerKey). Accounts of the same name on different sites are
// taken for one player, which costs games but lets nobody through; one person with
// two names is two players, which nothing in a PGN file can tell.
func (c *Corpus) SplitByPlayer(fraction float64) (training, validation *Corpus, dropped int) {
	d := c.games
	side := make([]int8, len(d.names)) // by name; 0: not asked yet
	const (
		unknown = iota + 1
		train
		validate
	)
	of := func(name uint32) int8 {
		if side[name] == 0 {
			switch key := PlayerKey(d.names[name]); {
			case key == "":
				side[name] = unknown
			case inFraction(gamehash.Text(gamehash.Start, key), fraction):
				side[name] = validate
			default:
				side[name] = train
			}
		}
		return side[name]
	}
	both := func(want int8) *Corpus {
		return c.Where(func(i int) bool {
			at := c.at(i)
			return of(d.whiteName[at]) == want && of(d.blackName[at]) == want
		})
	}
	training, validation = both(train), both(validate)
	return training, validation, c.Len() - training.Len() - validation.Len()
}

// PlayerKey is what tells players apart: the name in small letters, with single
// blanks between its words. It is "" for the names that stand for an unknown player:
// nothing, "?", "-" and "Anonymous".
func PlayerKey(name string) string {
	key := strings.Join(strings.Fields(strings.ToLower(name)), " ")
	switch key {
	case "?", "-", "anonymous":
		return ""
	}
	return key
}
