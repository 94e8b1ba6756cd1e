// Package players makes the players that arena's command line names: the words of --engine and
// --model for players of the program itself (IsBuiltin), the key=value words of arena match
// (Config, Maker), and the list of arena calibrate (ParseList); and it finds what rates them (Anchors).
//
// Errors are of wrong usage where a text is to blame, with hints.
package players

import (
	"context"
	"fmt"
	"strings"

	"transcend/data/league"
	"transcend/data/league/mixture"
	"transcend/elo/leaderboard"
	"transcend/engine"
	"transcend/engine/arena"
	"transcend/engine/match"
	"transcend/internal/cli"
)

// Players that are no programs: all of the league's ladder as Ladder, a uniformly random mover, simulated players as
// league:800, by rating, or league:ply1:rho=0.3, by text, and what an ideal learner makes of their
// games, as ideal:pool=noise,temp=0.001.
const (
	Ladder    = "league"
	random    = "random"
	simulated = "league:"
	ideal     = "ideal:"
)

// IsBuiltin reports whether a word is meant for a player of this program.
func IsBuiltin(word string) bool {
	return word == random || word == Ladder || strings.HasPrefix(word, simulated) || strings.HasPrefix(word, ideal)
}

// factoryOf returns the factory of a player for which IsBuiltin holds.
func factoryOf(word string) (match.Factory, error) {
	if text, ok := strings.CutPrefix(word, ideal); ok {
		return idealFactory(text)
	}
	if word == Ladder {
		return nil, cli.WithHint(cli.Usagef("league is many players"), "name one: league:800, or league:ply1:rho=0.3")
	}
	text, ok := strings.CutPrefix(word, simulated)
	if !ok {
		return func(context.Context) (engine.Player, error) { return engine.NewRandomPlayer(), nil }, nil
	}
	player, err := league.Find(text)
	if err != nil {
		return nil, cli.Usagef("%s: %w", word, err)
	}
	if !player.Bounded() {
		return nil, cli.WithHint(cli.Usagef("%s: %w", word, league.ErrUnbounded), "a number of nodes makes it the same player everywhere: league:search:nodes=20000")
	}
	return func(context.Context) (engine.Player, error) { return engine.NewLeaguePlayer(player.Player) }, nil
}

// LadderOpponents are the opponents that Ladder stands for: every player of the league's ladder that has
// a rating.
func LadderOpponents() ([]*arena.Opponent, error) {
	pool, err := league.OpenPool(league.Ladder)
	if err != nil {
		return nil, err
	}
	var all []*arena.Opponent
	for i := range pool.Players {
		player := pool.Players[i].Player
		o, err := BuiltinOpponent(simulated + player.String())
		if err != nil {
			return nil, err
		}
		if _, o.Anchor, err = leaderboard.DefaultAnchors(o.Player, ""); err != nil {
			return nil, err
		}
		o.Short = fmt.Sprintf("league %.0f", o.Anchor.Rating)
		all = append(all, o)
	}
	return all, nil
}

// BuiltinOpponent is an opponent for which IsBuiltin holds and that is one player.
func BuiltinOpponent(word string) (*arena.Opponent, error) {
	factory, err := factoryOf(word)
	if err != nil {
		return nil, err
	}
	p, err := factory(context.Background())
	if err != nil {
		return nil, err
	}
	defer p.Close()
	return &arena.Opponent{
		New:    factory,
		Player: leaderboard.Player{Name: p.Name(), Spec: p.Spec()},
		Label:  p.Name(), Short: p.Name(), Tried: true,
	}, nil
}

// About says which simulated player a word means, and its rating where it has one; "" for other words.
func About(word string) string {
	text, ok := strings.CutPrefix(word, simulated)
	if !ok {
		return ""
	}
	player, err := league.Find(text)
	if err != nil {
		return "" // factoryOf says so
	}
	line := fmt.Sprintf("%s is %s", word, player.String())
	if r, ok := league.Ratings().Rating(&player.Player); ok {
		line += fmt.Sprintf(", rated %.0f (%.0f to %.0f, 95%%)", r.Elo, r.Low, r.High)
	}
	return line
}

// idealFactory makes ideal learners that share what they compute.
func idealFactory(text string) (match.Factory, error) {
	config, mixture, err := openIdeal(text)
	if err != nil {
		return nil, err
	}
	return func(context.Context) (engine.Player, error) { return engine.NewIdealPlayer(config, mixture) }, nil
}

// IdealModel makes ideal learners that are named in the place of a model, as ideal:pool=noise, at
// temperatures that are said elsewhere; nil for other words.
func IdealModel(word string) (func(temperature float64) match.Factory, error) {
	text, ok := strings.CutPrefix(word, ideal)
	if !ok {
		return nil, nil
	}
	config, mixture, err := openIdeal(text)
	if err != nil {
		return nil, err
	}
	if strings.Contains(","+text, ",temp=") {
		return nil, cli.WithHint(cli.Usagef("--model ideal:%s: as a model it plays at the temperatures of --temp", text), "leave out temp=")
	}
	return func(temperature float64) match.Factory {
		c := config
		c.Temperature = temperature
		return func(context.Context) (engine.Player, error) { return engine.NewIdealPlayer(c, mixture) }
	}, nil
}

func openIdeal(text string) (engine.IdealConfig, *mixture.Mixture, error) {
	config, err := engine.ParseIdeal(text)
	if err != nil {
		return config, nil, cli.Usagef("%w", err)
	}
	mixture, err := config.Mixture()
	if err != nil {
		return config, nil, cli.Usagef("ideal:%s: %w", text, err)
	}
	return config, mixture, nil
}

// ratingOf is what is known of the rating of a player of this program, 0 for nothing.
func ratingOf(word string) float64 {
	text, ok := strings.CutPrefix(word, simulated)
	if !ok {
		return 0
	}
	player, err := league.Find(text)
	if err != nil {
		return 0 // factoryOf has said so
	}
	return float64(player.Elo)
}
