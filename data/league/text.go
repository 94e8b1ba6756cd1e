package league

import (
	"fmt"
	"strconv"
	"strings"

	"transcend/data/league/search"
)

// maxText is the longest text that is read.
const maxText = 4096

// String returns the player's canonical text, which Parse reads: the kind of
// player, then what it has beside its defaults. The name is not part of it.
//
//	random                         every legal move is as likely as the others
//	ply1:rho=0.3                   searches one ply; three moves in ten are random
//	boltz:depth=2,t=80             Boltzmann over the scores at two plies, 80 centipawns
//	search:nodes=20000             all it finds in 20,000 positions
//	search                         as long as it is given
//	ply2:blind=knight+fork,miss=0.8
//	ply2:phase=endgame,weak=0.9    a specialist
//	ply1:rho=0.4,shared=7          noise shared with all who have 7 as well
//	ply2:book=italian*3+london,taste=20,seed=5
func (p *Player) String() string {
	kind, implied := p.kind()
	var b strings.Builder
	b.WriteString(kind)
	sep := byte(':')
	for _, param := range parameters {
		if value, said := param.get(p); said && param.key != implied {
			b.WriteByte(sep)
			sep = ','
			b.WriteString(param.key)
			b.WriteByte('=')
			b.WriteString(value)
		}
	}
	return b.String()
}

// kind is how a text begins, and the parameter that this says already.
func (p *Player) kind() (kind, implied string) {
	switch {
	case p.Noise == 1 && p.Phase == AnyPhase:
		return "random", "rho"
	case p.Temperature > 0:
		return "boltz", ""
	case p.Depth > 0:
		return "ply" + strconv.Itoa(p.Depth), "depth"
	}
	return "search", ""
}

// defaultWeak is how often a specialist moves at random outside its phase when its text does
// not say.
const defaultWeak = 0.5

// parameter is KEY=VALUE in a text.
type parameter struct {
	key string
	get func(*Player) (value string, said bool) // not said: it is the default
	set func(*Player, string) error
}

// parameters are all there are, in the order of the canonical text. A field of Player that is
// not here cannot be written, and two players who differ in it are taken for one.
var parameters = []parameter{
	{"depth",
		func(p *Player) (string, bool) { return strconv.Itoa(p.Depth), p.Depth > 0 },
		func(p *Player, s string) (err error) { p.Depth, err = number(s, 1, search.MaxDepth); return }},
	{"nodes",
		func(p *Player) (string, bool) { return strconv.Itoa(p.Nodes), p.Nodes > 0 },
		func(p *Player, s string) (err error) { p.Nodes, err = number(s, 1, MaxNodes); return }},
	{"t",
		func(p *Player) (string, bool) { return shortest(p.Temperature), p.Temperature > 0 },
		func(p *Player, s string) (err error) { p.Temperature, err = decimal(s); return }},
	{"rho",
		func(p *Player) (string, bool) { return shortest(p.Noise), p.Noise > 0 },
		func(p *Player, s string) (err error) { p.Noise, err = decimal(s); return }},
	{"taste",
		func(p *Player) (string, bool) { return strconv.Itoa(p.Taste), p.Taste > 0 },
		func(p *Player, s string) (err error) { p.Taste, err = number(s, 0, MaxTaste); return }},
	{"blind",
		func(p *Player) (string, bool) { return p.Blind.String(), p.Blind != 0 },
		func(p *Player, s string) (err error) { p.Blind, err = search.ParseBlindness(s); return }},
	{"miss",
		func(p *Player) (string, bool) { return shortest(p.Miss), p.Blind != 0 && p.Miss != 1 },
		func(p *Player, s string) (err error) { p.Miss, err = decimal(s); return }},
	{"phase",
		func(p *Player) (string, bool) { return p.Phase.String(), p.Phase != AnyPhase },
		func(p *Player, s string) (err error) { p.Phase, err = parsePhase(s); return }},
	{"weak",
		func(p *Player) (string, bool) { return shortest(p.Weak), p.Phase != AnyPhase && p.Weak != defaultWeak },
		func(p *Player, s string) (err error) { p.Weak, err = decimal(s); return }},
	{"book",
		func(p *Player) (string, bool) { return p.Repertoire.String(), len(p.Repertoire.lines) > 0 },
		func(p *Player, s string) (err error) { p.Repertoire, err = parseRepertoire(s); return }},
	{"shared",
		func(p *Player) (string, bool) { return strconv.FormatUint(p.SharedSeed, 10), p.Shared },
		func(p *Player, s string) (err error) { p.Shared = true; p.SharedSeed, err = seed(s); return }},
	{"seed",
		func(p *Player) (string, bool) { return strconv.FormatUint(p.Seed, 10), p.Seed != 0 },
		func(p *Player, s string) (err error) { p.Seed, err = seed(s); return }},
}

// Parse reads a player's text, see String: a kind, ":", and KEY=VALUE in any order,
// separated by commas. The kinds only abbreviate: "ply2:t=80" is "boltz:depth=2,t=80". Anything
// else is a *TextError.
func Parse(text string) (Player, error) {
	p, err := parse(text)
	if err != nil {
		if _, ok := err.(*TextError); !ok {
			err = &TextError{Text: text, Err: err}
		}
		return Player{}, err
	}
	return p, nil
}

func parse(text string) (p Player, err error) {
	if len(text) > maxText {
		return p, fmt.Errorf("longer than %d bytes", maxText)
	}
	kind, rest, some := strings.Cut(text, ":")
	seen := map[string]bool{}
	switch {
	case kind == "random":
		p.Noise = 1
		seen["rho"] = true
	case kind == "boltz", kind == "search":
	case strings.HasPrefix(kind, "ply"):
		if p.Depth, err = number(kind[len("ply"):], 1, search.MaxDepth); err != nil {
			return p, fmt.Errorf("%.20q: after ply comes the depth: %w", kind, err)
		}
		seen["depth"] = true
	default:
		return p, &TextError{Text: text, Err: fmt.Errorf("%.30q is no kind of player", kind), Word: kind}
	}
	if some {
		for part := range strings.SplitSeq(rest, ",") {
			key, value, ok := strings.Cut(part, "=")
			if !ok {
				return p, fmt.Errorf("%.30q is not of the form KEY=VALUE", part)
			}
			if seen[key] {
				return p, fmt.Errorf("%.30q is given twice", key)
			}
			seen[key] = true
			if err := p.set(key, value); err != nil {
				return p, fmt.Errorf("%.30s: %w", key, err)
			}
		}
	}
	switch {
	case kind == "boltz" && p.Temperature == 0:
		return p, fmt.Errorf("boltz needs a temperature: t=80")
	case seen["miss"] && p.Blind == 0:
		return p, fmt.Errorf("miss says how often what is overlooked: blind=knight")
	case seen["weak"] && p.Phase == AnyPhase:
		return p, fmt.Errorf("weak needs a phase: phase=endgame")
	}
	if p.Blind != 0 && !seen["miss"] {
		p.Miss = 1
	}
	if p.Miss == 0 {
		p.Blind = 0
	}
	if p.Phase != AnyPhase && !seen["weak"] {
		p.Weak = defaultWeak
	}
	return p, p.Validate()
}

// set sets one parameter.
func (p *Player) set(key, value string) error {
	var known []string
	for _, param := range parameters {
		if param.key == key {
			return param.set(p, value)
		}
		known = append(known, param.key)
	}
	return fmt.Errorf("there is no such parameter (there are %s)", strings.Join(known, ", "))
}

func parsePhase(s string) (Phase, error) {
	for i, name := range phaseNames {
		if name == s && Phase(i) != AnyPhase {
			return Phase(i), nil
		}
	}
	return AnyPhase, fmt.Errorf("%.30q is no phase (want opening, middlegame or endgame)", s)
}

// shortest is the shortest text that is read as x again.
func shortest(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }

func number(s string, least, most int) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < least || n > most {
		return 0, fmt.Errorf("%.30q is not a whole number from %d to %d", s, least, most)
	}
	return n, nil
}

func decimal(s string) (float64, error) {
	x, err := strconv.ParseFloat(s, 64)
	if err != nil || !(x >= 0) || x > 1e9 {
		return 0, fmt.Errorf("%.30q is not a number that can be meant here", s)
	}
	return x + 0, nil // no negative zero
}

func seed(s string) (uint64, error) {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%.30q is no seed: a whole number below 2^64", s)
	}
	return n, nil
}

// TextError is a text that is no player.
type TextError struct {
	Text string
	Word string // the kind when it is not known
	Err  error
}

func (e *TextError) Error() string { return fmt.Sprintf("league: player %.80q: %v", e.Text, e.Err) }
func (e *TextError) Unwrap() error { return e.Err }

// Hint shows what players look like.
func (e *TextError) Hint() string {
	return "players are written as random, ply1:rho=0.3, boltz:depth=2,t=80 or search:nodes=20000"
}
