package calibrate

import (
	"cmp"
	"math"
	"slices"

	"transcend/elo"
	"transcend/elo/joint"
	"transcend/engine/match"
	"transcend/internal/cli"
)

// Scale fits all players to all games that were played. Warnings about the ratings are in
// the fit.
func (g *Games) Scale() (*elo.LocalScale, *joint.Fit, error) {
	p := g.plan
	players := make([]joint.Player, len(p.Players))
	for i := range p.Players {
		players[i] = joint.Player{Name: p.Players[i].Name, Anchor: p.Players[i].anchor}
	}
	games, meetings := g.outcomes()
	fit, err := joint.Rate(players, games, joint.Options{})
	if err != nil {
		return nil, nil, err
	}
	s := elo.LocalScale{Openings: p.Openings.String(), MaxPlies: 2 * p.MaxMoves, Seed: p.Seed, Program: cli.Version(), Meetings: meetings}
	if p.anchors != nil {
		s.Anchors, s.ScaleError = p.anchors.ID(), p.sharedError(fit)
	}
	for i, r := range fit.Ratings {
		s.Players = append(s.Players, elo.LocalPlayer{Name: r.Name, Spec: p.Players[i].Spec, Limit: p.Players[i].Control.String(),
			Side: r.Side, Rating: r.Rating, StandardError: r.StandardError, Interval: r.Interval, Record: r.Record})
	}
	if len(fit.Pools) > 0 {
		s.Advantage, s.DrawRate = fit.Pools[0].Advantage.Value, fit.Pools[0].DrawRate.Value
	}
	return elo.NewLocalScale(s), fit, nil
}

// outcomes are the games in the order of pairs and slots, and what each pair has scored.
func (g *Games) outcomes() (games []joint.Game, meetings []elo.Meeting) {
	keys := make([]slotOf, 0, len(g.played))
	for k := range g.played {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b slotOf) int {
		return cmp.Or(a.first-b.first, a.second-b.second, a.slot-b.slot)
	})
	for _, k := range keys {
		outcome := elo.Outcome(2 * g.played[k].Score) // of the first
		if n := len(meetings); n == 0 || meetings[n-1].First != k.first || meetings[n-1].Second != k.second {
			meetings = append(meetings, elo.Meeting{First: k.first, Second: k.second})
		}
		meetings[len(meetings)-1].Record.Add(outcome)
		one := joint.Game{White: k.first, Black: k.second, Outcome: outcome}
		if match.White(k.slot) == 1 {
			one.White, one.Black, one.Outcome = k.second, k.first, elo.Win-outcome
		}
		games = append(games, one)
	}
	return games, meetings
}

// sharedError is the standard error of the mean of the players that were rated: what
// all of them would move by, were the ones that were held better known.
func (p *Plan) sharedError(fit *joint.Fit) float64 {
	var rated []int
	for i := range p.Players {
		if !p.Players[i].Held() && fit.Ratings[i].Side == elo.TwoSided {
			rated = append(rated, i)
		}
	}
	if len(rated) == 0 {
		return 0
	}
	sum := 0.0
	for _, i := range rated {
		for _, j := range rated {
			sum += fit.Covariance(i, j)
		}
	}
	return math.Sqrt(max(0, sum)) / float64(len(rated))
}
