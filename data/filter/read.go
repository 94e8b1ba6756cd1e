package filter

import (
	"context"
	"fmt"

	"transcend/pgn"
)

// Read reads all games of r and gives those that f keeps to emit, which may use the
// game until it returns. It takes over r's header filter. The report is about the
// games read so far, whatever the error; the error is the context's, emit's as it is,
// or the one that ended r's input, whose games before it were delivered.
func Read(ctx context.Context, r *pgn.Reader, f Filter, emit func(*pgn.Game) error) (Report, error) {
	if err := f.Validate(); err != nil {
		return Report{}, err
	}
	rules := f.rules()
	c := newCollector(rules)
	headers := 0
	r.Filter(func(h *pgn.Header) bool {
		// Scan does not return for games that are dropped here: to stop it, one
		// has to be let through.
		if headers++; headers%1024 == 0 && ctx.Err() != nil {
			headers--
			return true
		}
		for i := range rules {
			if rules[i].header != nil && rules[i].header(h) {
				c.dropAhead(i, h.File, h.Number, func() string { return rules[i].whyH(h) })
				return false
			}
		}
		return true
	})
	for {
		more := r.Scan()
		c.catchUp(r.Skipped())
		if !more || ctx.Err() != nil {
			break
		}
		g := r.Game()
		if g == nil {
			c.broken(r.BadGame())
			continue
		}
		if i := firstGameRule(rules, g); i >= 0 {
			c.drop(i, g.File, g.Number, func() string { return rules[i].whyG(g) })
			continue
		}
		c.kept()
		if err := emit(g); err != nil {
			return c.report(), err
		}
	}
	err := r.Err()
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		err = fmt.Errorf("reading games: %w", err)
	}
	return c.report(), err
}

// firstGameRule returns the first rule that catches a game, -1 for none.
func firstGameRule(rules []rule, g *pgn.Game) int {
	for i := range rules {
		if rules[i].game != nil && rules[i].game(g) {
			return i
		}
	}
	return -1
}
