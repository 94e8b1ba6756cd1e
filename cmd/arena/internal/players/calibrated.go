package players

// The players of "arena calibrate": how --players describes them.

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"transcend/data/league"
	"transcend/engine"
	"transcend/engine/calibrate"
	"transcend/engine/match"
	"transcend/engine/uci"
	"transcend/internal/cli"
)

// lichessAI is how Lichess's servers run Fairy-Stockfish at levels 1 to 8
// (fishnet, src/api.rs), and what Lichess shows as their ratings.
var lichessAI = [...]struct{ skill, depth, ms int }{
	{-9, 5, 50}, {-5, 5, 100}, {-1, 5, 150}, {3, 5, 200}, {7, 5, 300}, {11, 8, 400}, {16, 13, 500}, {20, 22, 1000},
}

// ParseList reads all of the --players of arena calibrate, and tries every engine once.
func ParseList(ctx context.Context, lists []string) ([]calibrate.Player, error) {
	var all []calibrate.Player
	for _, list := range lists {
		for text := range strings.SplitSeq(list, ",") {
			more, err := parsePlayers(ctx, strings.TrimSpace(text))
			if err != nil {
				return nil, err
			}
			all = append(all, more...)
		}
	}
	if len(all) < 2 {
		return nil, cli.Usagef("--players names one player: there is nobody to compare it with")
	}
	if len(all) > calibrate.MaxPlayers {
		return nil, cli.Usagef("--players names %s: at most %s can be rated at once", cli.Count(len(all)), cli.Count(calibrate.MaxPlayers))
	}
	for i, p := range all {
		if slices.ContainsFunc(all[:i], func(q calibrate.Player) bool { return q.Name == p.Name }) {
			return nil, cli.Usagef("--players names %s twice", p.Name)
		}
	}
	return all, nil
}

// parsePlayers reads one entry of --players, and tries the engine once for each
// player that it stands for.
func parsePlayers(ctx context.Context, text string) ([]calibrate.Player, error) {
	if IsBuiltin(text) {
		factory, err := factoryOf(text)
		if err != nil {
			return nil, err
		}
		p, err := factory(ctx)
		if err != nil {
			return nil, err
		}
		defer p.Close()
		return []calibrate.Player{{Name: p.Name(), Spec: p.Spec(), New: factory, Rating: ratingOf(text)}}, nil
	}
	if name, ok := strings.CutPrefix(text, "league-pool="); ok {
		return poolPlayers(name)
	}
	if list, ok := strings.CutPrefix(text, "lichess-ai="); ok {
		return lichessPlayers(ctx, list)
	}
	return enginePlayers(ctx, text)
}

// badPlayer is the error of a player's text.
func badPlayer(text, format string, args ...any) error {
	return cli.WithHint(cli.Usagef("--players %s: "+format, append([]any{text}, args...)...), "arena calibrate --help shows how players are written")
}

// lichessPlayers are levels of the engine that Lichess calls its AI.
func lichessPlayers(ctx context.Context, list string) ([]calibrate.Player, error) {
	levels, err := parseNumbers(list)
	if err != nil {
		return nil, badPlayer("lichess-ai="+list, "%v", err)
	}
	var out []calibrate.Player
	for _, n := range levels {
		if n < 1 || n > len(lichessAI) {
			return nil, badPlayer("lichess-ai="+list, "Lichess has levels 1 to %d", len(lichessAI))
		}
		l := lichessAI[n-1]
		p, err := tryPlayer(ctx, "fairy-stockfish", []uci.Option{{Name: "Skill Level", Value: strconv.Itoa(l.skill)}},
			match.Control{Depth: l.depth, MoveTime: time.Duration(l.ms) * time.Millisecond}, fmt.Sprintf("lichess-ai %d", n))
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

// engineText is what is said of an engine: stockfish:level=0..5:movetime=10ms.
type engineText struct {
	program   string
	options   []uci.Option
	control   match.Control
	strength  string // level, elo, or "" for its own
	strengths []int  // one without strength
	deeper    int    // depth=level+deeper; negative: the control's
}

// readEngine reads the fields of a text.
func readEngine(text string) (*engineText, error) {
	fields := strings.Split(text, ":")
	e := &engineText{program: fields[0], strengths: []int{0}, deeper: -1}
	for _, f := range fields[1:] {
		key, value, ok := strings.Cut(f, "=")
		if !ok {
			return nil, badPlayer(text, "%q: want NAME=VALUE", f)
		}
		var err error
		switch key {
		case "level", "elo":
			if e.strength != "" {
				return nil, badPlayer(text, "two strengths")
			}
			e.strength = key
			e.strengths, err = parseNumbers(value)
		case "movetime":
			e.control.MoveTime, err = time.ParseDuration(value)
		case "nodes":
			e.control.Nodes, err = strconv.Atoi(value)
		case "depth":
			if more, ok := strings.CutPrefix(value, "level+"); ok {
				e.deeper, err = strconv.Atoi(more)
			} else {
				e.control.Depth, err = strconv.Atoi(value)
			}
		default:
			name, ok := strings.CutPrefix(key, "option.")
			if !ok {
				return nil, badPlayer(text, "no setting %q", key)
			}
			e.options = append(e.options, uci.Option{Name: name, Value: value})
		}
		if err != nil {
			return nil, badPlayer(text, "%s: %v", key, err)
		}
	}
	if e.deeper >= 0 && e.strength != "level" {
		return nil, badPlayer(text, "depth=level+%d needs a level", e.deeper)
	}
	return e, nil
}

// enginePlayers are an engine at one strength or several.
func enginePlayers(ctx context.Context, text string) ([]calibrate.Player, error) {
	e, err := readEngine(text)
	if err != nil {
		return nil, err
	}
	var out []calibrate.Player
	for _, n := range e.strengths {
		o, control := slices.Clone(e.options), e.control
		switch e.strength {
		case "level":
			o = append(o, uci.Option{Name: "Skill Level", Value: strconv.Itoa(n)})
			if e.deeper >= 0 {
				control.Depth = n + e.deeper
			}
		case "elo":
			o = append(o, uci.Option{Name: "UCI_LimitStrength", Value: "true"}, uci.Option{Name: "UCI_Elo", Value: strconv.Itoa(n)})
		}
		if err := control.Validate(); err != nil || control == (match.Control{}) {
			return nil, badPlayer(text, "a limit of thinking is missing or impossible: movetime, nodes or depth")
		}
		label := ""
		if e.strength != "" {
			label = fmt.Sprintf(" %s %d", e.strength, n)
		}
		p, err := tryPlayer(ctx, e.program, o, control, "")
		if err != nil {
			return nil, err
		}
		p.Name += label + ", " + control.String()
		out = append(out, p)
	}
	return out, nil
}

// parseNumbers reads "3", "0..5" and "0+1+3".
func parseNumbers(s string) ([]int, error) {
	var out []int
	for part := range strings.SplitSeq(s, "+") {
		from, to, ranged := strings.Cut(part, "..")
		a, err := strconv.Atoi(from)
		b := a
		if err == nil && ranged {
			b, err = strconv.Atoi(to)
		}
		if err != nil || b < a || b-a > 100 {
			return nil, fmt.Errorf("%q is no number, range (0..5) or list (0+1+3)", part)
		}
		for n := a; n <= b; n++ {
			out = append(out, n)
		}
	}
	return out, nil
}

// tryPlayer starts an engine once, to see that it works and what it is.
func tryPlayer(ctx context.Context, program string, options []uci.Option, control match.Control, name string) (calibrate.Player, error) {
	config := uci.Config{Path: program, Options: options}
	factory := func(ctx context.Context) (engine.Player, error) { return uci.Start(ctx, config) }
	p, err := factory(ctx)
	if err != nil {
		return calibrate.Player{}, err
	}
	defer p.Close()
	if name == "" {
		name = p.Name()
	}
	return calibrate.Player{Name: name, Spec: p.Spec(), New: factory, Control: control}, nil
}

// poolPlayers are the players of a pool of the league.
func poolPlayers(name string) ([]calibrate.Player, error) {
	pool, err := league.OpenPool(name)
	if err != nil {
		return nil, cli.Usagef("--players league-pool=%s: %w", name, err)
	}
	var all []calibrate.Player
	for i := range pool.Players {
		player := pool.Players[i].Player
		p, err := engine.NewLeaguePlayer(player)
		if err != nil {
			return nil, err
		}
		all = append(all, calibrate.Player{Name: p.Name(), Spec: p.Spec(), Rating: float64(pool.Players[i].Elo),
			New: func(context.Context) (engine.Player, error) { return engine.NewLeaguePlayer(player) }})
		if err := p.Close(); err != nil {
			return nil, err
		}
	}
	return all, nil
}
