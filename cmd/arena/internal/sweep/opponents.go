package sweep

// The engines that models are measured against.

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"strings"

	"transcend/cmd/arena/internal/players"
	"transcend/elo"
	"transcend/elo/leaderboard"
	"transcend/engine"
	"transcend/engine/arena"
	"transcend/engine/match"
	"transcend/engine/uci"
	"transcend/internal/cli"
)

// openOpponents starts the engine once: what is wrong with it should show before
// the first game.
func (a *sweeping) openOpponents(ctx context.Context) ([]*arena.Opponent, error) {
	if a.engine == players.Ladder {
		all, err := players.LadderOpponents()
		a.limit = match.Control{} // they bound themselves
		return all, err
	}
	if players.IsBuiltin(a.engine) {
		o, err := players.BuiltinOpponent(a.engine)
		if err != nil {
			return nil, err
		}
		if line := players.About(a.engine); line != "" {
			fmt.Fprintln(a.progress, line)
		}
		a.choose = chooseEven
		a.limit = match.Control{} // it does not think
		return []*arena.Opponent{o}, nil
	}
	path, err := uci.Find(a.engine)
	if err != nil {
		return nil, err
	}
	levels := a.levels
	byDefault := len(levels) == 0 && isStockfish(path) && !a.setsStrength()
	if byDefault {
		for level := range 21 {
			levels = append(levels, level)
		}
	}
	if len(levels) == 0 {
		o, err := a.engineAt(path, nil)
		if err != nil {
			return nil, err
		}
		a.choose = chooseEven
		return []*arena.Opponent{o}, o.Try(ctx, o)
	}
	if !math.IsNaN(a.anchorElo) && len(levels) > 1 {
		return nil, cli.Usagef("--anchor-elo rates one opponent, and there are %d levels", len(levels))
	}
	var all []*arena.Opponent
	for _, level := range levels {
		o, err := a.engineAt(path, &level)
		if err != nil {
			return nil, err
		}
		all = append(all, o)
	}
	if err := all[0].Try(ctx, all[0]); err != nil {
		return nil, err
	}
	if a.choose == chooseEven && !byDefault {
		return all, nil
	}
	return a.rated(all, levels)
}

// rated leaves the opponents that have a rating, by which they are chosen. The
// first has been tried; the others differ by their level.
func (a *sweeping) rated(all []*arena.Opponent, levels []int) ([]*arena.Opponent, error) {
	var kept []*arena.Opponent
	var without []string
	var reason error
	for i, o := range all {
		p := leaderboard.Player{Name: o.Label, Spec: maps.Clone(all[0].Player.Spec)}
		p.Spec[leaderboard.SpecSkillLevel] = fmt.Sprint(levels[i])
		_, anchor, err := a.anchorsBy(p, a.limit.String())
		switch {
		case err == nil:
			o.Anchor = anchor
			kept = append(kept, o)
		case errors.Is(err, elo.ErrNoAnchor):
			reason = err
			without = append(without, o.Short)
		default:
			return nil, err
		}
	}
	if len(kept) == 0 {
		return nil, cli.WithHint(fmt.Errorf("no opponent has a rating to choose by: %w", reason), "--choose even plays all levels equally; --anchors names another set")
	}
	if len(without) > 0 && len(a.levels) > 0 {
		fmt.Fprintf(a.progress, "without a rating, not played: %s\n", strings.Join(without, ", "))
	}
	return kept, nil
}

// isStockfish says whether an engine is taken for one by its name.
func isStockfish(path string) bool {
	return strings.Contains(strings.ToLower(filepath.Base(path)), "stockfish")
}

// setsStrength tells whether an --option already decides how strong the engine
// plays.
func (a *sweeping) setsStrength() bool {
	for _, o := range a.options {
		name, _, _ := strings.Cut(strings.ToLower(o), "=")
		switch strings.TrimSpace(name) {
		case "skill level", "uci_limitstrength", "uci_elo":
			return true
		}
	}
	return false
}

// engineAt is the engine at a level, or at its own strength.
func (a *sweeping) engineAt(path string, level *int) (*arena.Opponent, error) {
	config := uci.Config{Path: path, Args: a.engineArgs}
	for _, text := range a.options {
		o, err := uci.ParseOption(text)
		if err != nil {
			return nil, cli.Usagef("--option %q: %w", text, err)
		}
		config.Options = append(config.Options, o)
	}
	o := &arena.Opponent{Short: filepath.Base(path)}
	if level != nil {
		config.Options = append(config.Options, uci.Option{Name: "Skill Level", Value: fmt.Sprint(*level)})
		o.Short = fmt.Sprintf("level %d", *level)
	}
	o.Label = o.Short
	o.Try = func(ctx context.Context, o *arena.Opponent) error { return try(ctx, o, level != nil) }
	keeps := a.defects[defectSharedHash]
	o.New = func(ctx context.Context) (engine.Player, error) {
		p, err := uci.Start(ctx, config)
		if err == nil && keeps {
			return &keepsHash{Player: p}, nil
		}
		if err != nil {
			return nil, err // not a nil *UCI in a Player
		}
		return p, nil
	}
	return o, nil
}

// try starts an engine and learns what it is.
func try(ctx context.Context, o *arena.Opponent, leveled bool) error {
	if o.Tried {
		return nil
	}
	p, err := o.New(ctx)
	var crash *engine.CrashError
	if errors.As(err, &crash) && crash.During == "uci" {
		err = cli.WithHint(err, "is it a UCI engine? start it by hand and type uci: it should answer uciok")
	}
	if err != nil {
		return err
	}
	defer p.Close()
	o.Label = p.Name()
	if leveled {
		o.Label += " " + o.Short
	}
	o.Player, o.Tried = leaderboard.Player{Name: o.Label, Spec: p.Spec()}, true
	return nil
}

// chooseAnchors decides how opponents are rated.
func (a *sweeping) chooseAnchors() error {
	by, err := players.Anchors(a.anchors)
	if err != nil {
		return err
	}
	if !math.IsNaN(a.anchorElo) {
		by = ownScale(a.anchorElo)
	}
	if by == nil {
		by = leaderboard.ProtocolAnchors(a.protocol)
	}
	a.anchorsBy = by
	return nil
}

// ownScale rates an opponent as --anchor-elo says.
func ownScale(rating float64) leaderboard.AnchorFunc {
	return func(p leaderboard.Player, _ string) (elo.AnchorSet, elo.Anchor, error) {
		scale := fmt.Sprintf("own scale, %s at %.0f", p.Name, rating)
		return elo.AnchorSet{Name: "anchor-elo", Version: "1", Scale: scale, Conditions: "the limit of the games", OwnLimits: true},
			elo.Anchor{Name: p.Name, Rating: rating}, nil
	}
}
