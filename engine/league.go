package engine

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"transcend/data/league"
	"transcend/data/league/search"
	"transcend/internal/bitboard"
)

// LeaguePlayer plays for a simulated player of package league.
type LeaguePlayer struct {
	player league.Player
	mover  *league.Mover
	seed   uint64
	stop   atomic.Bool
	closed atomic.Bool
}

// leagueTable is the size of the transposition table of a player that only its limit
// bounds: enough for a second.
const leagueTable = 16 << 20

// NewLeaguePlayer returns a player; its errors are those of p.Validate.
func NewLeaguePlayer(p league.Player) (*LeaguePlayer, error) {
	if err := p.Validate(); err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	table := leagueTable
	if p.Bounded() {
		table = 0 // as in a corpus: the size is part of what a search finds
	}
	return &LeaguePlayer{player: p, mover: league.NewMover(table)}, nil
}

// Name implements Player.
func (p *LeaguePlayer) Name() string { return "league:" + p.player.Title() }

// Spec implements Player.
func (p *LeaguePlayer) Spec() map[string]string {
	return map[string]string{"kind": "league", "version": league.Version, "player": p.player.String()}
}

// NewGame implements Player.
func (p *LeaguePlayer) NewGame(ctx context.Context, seed uint64) error {
	if p.closed.Load() {
		return fmt.Errorf("engine: %s: %w", p.Name(), ErrClosed)
	}
	p.seed = seed
	return ctx.Err()
}

// Move implements Player. The limit bounds the search beside the player's own depth
// and nodes; a time does so only for a player that has neither, which is the same
// player on every machine.
func (p *LeaguePlayer) Move(ctx context.Context, g *bitboard.Game, limit Limit) (Reply, error) {
	start := time.Now()
	if p.closed.Load() {
		return Reply{}, fmt.Errorf("engine: %s: %w", p.Name(), ErrClosed)
	}
	if err := ctx.Err(); err != nil {
		return Reply{}, fmt.Errorf("engine: %s: %w", p.Name(), err)
	}
	var options search.Options
	if !p.player.Bounded() {
		options = searchOptions(limit, g.Position().SideToMove(), start)
		if options == (search.Options{}) {
			return Reply{}, fmt.Errorf("engine: %s: %w, and no limit was given", p.Name(), league.ErrUnbounded)
		}
	}
	p.stop.Store(false)
	release := context.AfterFunc(ctx, func() { p.stop.Store(true) })
	defer release()
	options.Stop = &p.stop
	played := p.mover.Play(&p.player, g, p.seed, options)
	if err := ctx.Err(); err != nil {
		return Reply{}, fmt.Errorf("engine: %s: %w", p.Name(), err)
	}
	if played.Move == bitboard.NoMove {
		return Reply{}, fmt.Errorf("engine: %s: %w: %s", p.Name(), ErrGameOver, g.Position().FEN())
	}
	reply := Reply{Move: played.Move, Elapsed: time.Since(start), Attempts: 1, Text: played.Move.String()}
	if r := played.Search; r.Nodes > 0 {
		reply.Score = &Score{
			Centipawns: r.Score, Mate: search.MateIn(r.Score), Depth: r.Depth, Nodes: int64(r.Nodes),
			NPS: int64(float64(r.Nodes) / max(reply.Elapsed.Seconds(), 1e-6)), Time: reply.Elapsed,
		}
		if reply.Score.IsMate = reply.Score.Mate != 0; reply.Score.IsMate {
			reply.Score.Centipawns = 0
		}
		for i, m := range r.PV {
			if i > 0 {
				reply.Score.PV += " "
			}
			reply.Score.PV += m.String()
		}
	}
	return reply, nil
}

// searchOptions is a limit as a search takes it. Of a clock it uses the 30th part, or
// the share of the moves to go, and most of the increment.
func searchOptions(limit Limit, side bitboard.Color, start time.Time) search.Options {
	o := search.Options{Depth: limit.Depth, Nodes: limit.Nodes}
	left, ok := limit.Budget(side)
	if !ok {
		return o
	}
	if limit.MoveTime == 0 {
		increment := limit.WhiteInc
		if side == bitboard.Black {
			increment = limit.BlackInc
		}
		share := left / 30
		if limit.MovesToGo > 0 {
			share = left / time.Duration(limit.MovesToGo+1)
		}
		left = min(share+increment*3/4, left/2)
	}
	o.Deadline = start.Add(left)
	return o
}

// Close implements Player.
func (p *LeaguePlayer) Close() error {
	p.closed.Store(true)
	p.stop.Store(true)
	return nil
}
