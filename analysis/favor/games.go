package favor

import (
	"context"
	"fmt"

	"transcend/engine"
	"transcend/engine/match"
	"transcend/internal/bitboard"
)

// maxPlies ends games as the paper's harness does, after 89 moves of each.
const maxPlies = 178

// Visited is a game that a model has played, to find the positions that it comes to.
type Visited struct {
	White  bool     `json:"white"` // the model
	Moves  []string `json:"moves"` // UCI
	Result string   `json:"result"`
	Ended  string   `json:"ended"`
}

// Play plays one game from the initial position; the model is white in games of even numbers.
func Play(ctx context.Context, model, opponent engine.Player, number int, seed uint64, control match.Control) (*Visited, error) {
	rules := match.Rules{Controls: [2]match.Control{{}, control}, MaxPlies: maxPlies, NoClaims: true, IllegalVoids: [2]bool{false, true}}
	g, err := match.Play(ctx, [2]engine.Player{model, opponent}, number%2, match.SlotSeed(seed, number), match.Opening{}, rules)
	if err != nil {
		return nil, fmt.Errorf("favor: game %d: %w", number+1, err)
	}
	v := &Visited{White: g.White == 0, Result: g.Result.String(), Ended: g.Termination}
	for _, m := range g.Moves {
		v.Moves = append(v.Moves, m.String())
	}
	return v, nil
}

// Replay calls visit in all positions of a game that have a legal move, until it returns false.
func Replay(moves []string, visit func(g *bitboard.Game) (bool, error)) error {
	g := bitboard.NewGame(bitboard.Start())
	for i := 0; ; i++ {
		if g.Position().HasLegalMove() {
			if more, err := visit(g); err != nil || !more {
				return err
			}
		}
		if i == len(moves) {
			return nil
		}
		m, err := g.Position().ParseUCIMove(moves[i])
		if err == nil {
			err = g.Make(m)
		}
		if err != nil {
			return fmt.Errorf("favor: ply %d: %w", i+1, err)
		}
	}
}

// ReadGame measures the positions of a game. sides are whose; of Visited games the model's.
// What the model's context cannot hold is left out.
func (r *Reader) ReadGame(ctx context.Context, moves []string, sides [2]bool, seed uint64, cache *Cache, scorer Scorer) (*Game, error) {
	if err := r.Begin(ctx, seed); err != nil {
		return nil, err
	}
	out := new(Game)
	err := Replay(moves, func(g *bitboard.Game) (bool, error) {
		if !sides[g.Position().SideToMove()] {
			return true, nil
		}
		s, ok, err := r.Read(ctx, g, cache, scorer)
		if err != nil || !ok {
			return false, err
		}
		out.States = append(out.States, *s)
		return true, nil
	})
	return out, err
}
