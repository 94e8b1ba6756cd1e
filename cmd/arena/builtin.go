package main

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

// Players that are no programs: all of the league's ladder as league, a uniformly random mover, simulated players as
// league:800, by rating, or league:ply1:rho=0.3, by text, and what an ideal learner makes of their
// games, as ideal:pool=noise,temp=0.001.
const (
	builtinLadder = "league"
	builtinRandom = "random"
	builtinLeague = "league:"
	builtinIdeal  = "ideal:"
)

// isBuiltin reports whether a word is meant for a player of this program.
func isBuiltin(word string) bool {
	return word == builtinRandom || word == builtinLadder || strings.HasPrefix(word, builtinLeague) || strings.HasPrefix(word, builtinIdeal)
}

// builtin returns the factory of a player for which isBuiltin holds.
func builtin(word string) (match.Factory, error) {
	if text, ok := strings.CutPrefix(word, builtinIdeal); ok {
		return idealFactory(text)
	}
	if word == builtinLadder {
		return nil, cli.WithHint(cli.Usagef("league is many players"), "name one: league:800, or league:ply1:rho=0.3")
	}
	text, simulated := strings.CutPrefix(word, builtinLeague)
	if !simulated {
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

// ladder is the opponents that "league" stands for: every player of the league's ladder that has
// a rating.
func ladder() ([]*arena.Opponent, error) {
	pool, err := league.OpenPool(league.Ladder)
	if err != nil {
		return nil, err
	}
	var all []*arena.Opponent
	for i := range pool.Players {
		player := pool.Players[i].Player
		o, err := builtinOpponent(builtinLeague + player.String())
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

// builtinOpponent is an opponent for which isBuiltin holds and that is one player.
func builtinOpponent(word string) (*arena.Opponent, error) {
	factory, err := builtin(word)
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

// about says which simulated player a word means, and its rating where it has one; "" for other words.
func about(word string) string {
	text, simulated := strings.CutPrefix(word, builtinLeague)
	if !simulated {
		return ""
	}
	player, err := league.Find(text)
	if err != nil {
		return "" // builtin says so
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

// idealModel is an ideal learner in the place of a model, at temperatures that are said elsewhere.
func idealModel(text string) (func(temperature float64) match.Factory, error) {
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

// builtinRating is what is known of the rating of a player of this program, 0 for nothing.
func builtinRating(word string) float64 {
	text, simulated := strings.CutPrefix(word, builtinLeague)
	if !simulated {
		return 0
	}
	player, err := league.Find(text)
	if err != nil {
		return 0 // builtin has said so
	}
	return float64(player.Elo)
}
