package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"transcend/data/league"
	"transcend/data/league/mixture"
	"transcend/internal/bitboard"
	"transcend/internal/clip"
)

// IdealConfig is an ideal learner of a pool's games: it plays by the exact mixture of the
// pool's players, at a temperature.
type IdealConfig struct {
	Pool string // name or file, see league.OpenPool
	mixture.Options
	Temperature float64
	// Posterior weighs the players by the moves of the game so far, as a perfect imitator of
	// transcripts would; otherwise with what they play games.
	Posterior bool
	// Characters applies the temperature to the characters of SAN.
	Characters bool
}

// idealTemperature is the paper's lowest.
const idealTemperature = 0.001

// ParseIdeal reads "pool=noise,temp=0.001,posterior=true,chars=true,gap=100,openings=random:4,unseen=true". Only pool
// has to be given.
func ParseIdeal(text string) (IdealConfig, error) {
	c := IdealConfig{Temperature: idealTemperature}
	fail := func(format string, args ...any) (IdealConfig, error) {
		return IdealConfig{}, &IdealTextError{Text: clip.Text(text, 80), Err: fmt.Errorf(format, args...)}
	}
	seen := map[string]bool{}
	for part := range strings.SplitSeq(text, ",") {
		name, value, ok := strings.Cut(part, "=")
		if !ok || value == "" {
			return fail("%q is not of the form KEY=VALUE", clip.Text(part, 40))
		}
		if seen[name] {
			return fail("%s is given twice", clip.Text(name, 40))
		}
		seen[name] = true
		var err error
		switch name {
		case "pool":
			c.Pool = value
		case "temp":
			if c.Temperature, err = strconv.ParseFloat(value, 64); err == nil {
				err = mixture.CheckTemperature(c.Temperature)
			}
		case "gap":
			if c.MaxGap, err = strconv.Atoi(value); err == nil && c.MaxGap < 0 {
				err = errors.New("must not be negative")
			}
		case "openings":
			var rule league.OpeningRule
			if rule, err = league.ParseOpeningRule(value); err == nil && rule.Named {
				err = errors.New("where a named opening ends, nothing tells")
			}
			c.RandomPlies = rule.RandomPlies
		case "posterior":
			c.Posterior, err = strconv.ParseBool(value)
		case "chars":
			c.Characters, err = strconv.ParseBool(value)
		case "unseen":
			c.Unseen, err = strconv.ParseBool(value)
		default:
			err = errors.New("there is no such parameter (there are pool, temp, posterior, chars, gap, openings, unseen)")
		}
		if err != nil {
			return fail("%s: %w", clip.Text(part, 40), err)
		}
	}
	if c.Pool == "" {
		return fail("no pool is named")
	}
	return c, nil
}

// IdealTextError is a text that is no ideal learner.
type IdealTextError struct {
	Text string
	Err  error
}

func (e *IdealTextError) Error() string { return fmt.Sprintf("engine: ideal:%s: %v", e.Text, e.Err) }
func (e *IdealTextError) Unwrap() error { return e.Err }

// Hint shows what ideal learners look like.
func (e *IdealTextError) Hint() string {
	return "ideal learners are written as ideal:pool=noise,temp=0.001, with posterior=true, chars=true, unseen=true, and gap=N and openings=random:N where the corpus has them"
}

// Mixture opens the pool. Players of one pool, gap and unseen may share a mixture, and with it
// what was computed.
func (c *IdealConfig) Mixture() (*mixture.Mixture, error) {
	pool, err := league.OpenPool(c.Pool)
	if err != nil {
		return nil, fmt.Errorf("engine: ideal learner: %w", err)
	}
	return mixture.New(pool, c.Options)
}

// IdealPlayer plays for an ideal learner.
type IdealPlayer struct {
	config  IdealConfig
	mixture *mixture.Mixture
	belief  *mixture.Belief // with Posterior
	rng     *rand.Rand
	closed  atomic.Bool

	weights, mixed, tempered []float64
}

// NewIdealPlayer returns a player with the mixture of its configuration.
func NewIdealPlayer(c IdealConfig, m *mixture.Mixture) (*IdealPlayer, error) {
	if err := mixture.CheckTemperature(c.Temperature); err != nil {
		return nil, fmt.Errorf("engine: ideal learner: %w", err)
	}
	return &IdealPlayer{config: c, mixture: m, rng: gameRand(0, sampleStream)}, nil
}

// Name implements Player.
func (p *IdealPlayer) Name() string {
	var b strings.Builder
	b.WriteString("ideal:" + p.mixture.Pool().Name)
	if p.config.Posterior {
		b.WriteString(" posterior")
	}
	if p.config.Characters {
		b.WriteString(" chars")
	}
	if p.config.Unseen {
		b.WriteString(" unseen")
	}
	if p.config.MaxGap > 0 {
		fmt.Fprintf(&b, " gap=%d", p.config.MaxGap)
	}
	if p.config.RandomPlies > 0 {
		fmt.Fprintf(&b, " random:%d", p.config.RandomPlies)
	}
	fmt.Fprintf(&b, " T=%v", p.config.Temperature)
	return b.String()
}

// Spec implements Player. The pool is its players: a hash of their texts, and of their
// ratings where they decide who meets.
func (p *IdealPlayer) Spec() map[string]string {
	h := sha256.New()
	pool := p.mixture.Pool()
	for i := range pool.Players {
		fmt.Fprintln(h, pool.Players[i].Player.String())
		if p.config.MaxGap > 0 {
			fmt.Fprintln(h, pool.Players[i].Elo)
		}
	}
	spec := map[string]string{
		"kind": "ideal", "version": league.Version, "pool": pool.Name, "players": hex.EncodeToString(h.Sum(nil)),
		"temperature": strconv.FormatFloat(p.config.Temperature, 'g', -1, 64),
		"level":       "moves",
	}
	if p.config.Characters {
		spec["level"] = "characters"
	}
	if p.config.Posterior {
		spec["posterior"] = "true"
	}
	if p.config.Unseen {
		spec["unseen"] = "true"
	}
	if p.config.MaxGap > 0 {
		spec["gap"] = strconv.Itoa(p.config.MaxGap)
	}
	if p.config.RandomPlies > 0 {
		spec["random plies"] = strconv.Itoa(p.config.RandomPlies)
	}
	return spec
}

// NewGame implements Player.
func (p *IdealPlayer) NewGame(ctx context.Context, seed uint64) error {
	if p.closed.Load() {
		return fmt.Errorf("engine: %s: %w", p.Name(), ErrClosed)
	}
	p.rng = gameRand(seed, sampleStream)
	return ctx.Err()
}

// Chances returns the probability of every legal move in g's position at the player's
// temperature, in the order of the moves' codes. The slice is the caller's.
func (p *IdealPlayer) Chances(g *bitboard.Game) ([]Chance, error) {
	at, err := p.mixture.At(g)
	if err != nil {
		return nil, err
	}
	side := g.Position().SideToMove()
	weights := p.mixture.Prior(side)
	if p.config.Posterior {
		if p.belief == nil {
			p.belief = p.mixture.NewBelief(g.StartPosition())
		}
		if err := p.belief.Follow(g); err != nil {
			return nil, err
		}
		p.weights = p.belief.Weights(p.weights, side)
		weights = p.weights
	}
	p.mixed = at.Mix(p.mixed, weights)
	if p.config.Characters {
		p.tempered = mixture.NewTexts(g.Position(), at.Moves).Temper(p.tempered, p.mixed, p.config.Temperature)
	} else {
		p.tempered = mixture.Temper(p.tempered, p.mixed, p.config.Temperature)
	}
	chances := make([]Chance, len(at.Moves))
	for i, m := range at.Moves {
		chances[i] = Chance{m, p.tempered[i]}
	}
	return chances, nil
}

// Move implements Player; the limit does not apply.
func (p *IdealPlayer) Move(ctx context.Context, g *bitboard.Game, _ Limit) (Reply, error) {
	start := time.Now()
	if p.closed.Load() {
		return Reply{}, fmt.Errorf("engine: %s: %w", p.Name(), ErrClosed)
	}
	if err := ctx.Err(); err != nil {
		return Reply{}, fmt.Errorf("engine: %s: %w", p.Name(), err)
	}
	chances, err := p.Chances(g)
	if err != nil {
		return Reply{}, fmt.Errorf("engine: %s: ply %d: %w", p.Name(), g.Ply()+1, err)
	}
	if len(chances) == 0 {
		return Reply{}, fmt.Errorf("engine: %s: %w: %s", p.Name(), ErrGameOver, g.Position().FEN())
	}
	move := bitboard.NoMove
	u := p.rng.Float64()
	for _, c := range chances {
		if c.P == 0 {
			continue
		}
		move = c.Move // the last one, where rounding leaves a rest
		if u -= c.P; u < 0 {
			break
		}
	}
	return Reply{Move: move, Elapsed: time.Since(start), Attempts: 1, Text: g.Position().SAN(move)}, nil
}

// Close implements Player.
func (p *IdealPlayer) Close() error {
	p.closed.Store(true)
	return nil
}
