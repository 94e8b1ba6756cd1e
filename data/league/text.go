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
	var b strings.Builder
	sep := byte(':')
	add := func(key, value string) {
		b.WriteByte(sep)
		sep = ','
		b.WriteString(key)
		b.WriteByte('=')
		b.WriteString(value)
	}
	number := func(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
	switch {
	case p.Noise == 1 && p.Phase == AnyPhase:
		b.WriteString("random")
		if p.Depth > 0 {
			add("depth", strconv.Itoa(p.Depth))
		}
	case p.Temperature > 0:
		b.WriteString("boltz")
		if p.Depth > 0 {
			add("depth", strconv.Itoa(p.Depth))
		}
	case p.Depth > 0:
		b.WriteString("ply")
		b.WriteString(strconv.Itoa(p.Depth))
	default:
		b.WriteString("search")
	}
	if p.Nodes > 0 {
		add("nodes", strconv.Itoa(p.Nodes))
	}
	if p.Temperature > 0 {
		add("t", number(p.Temperature))
	}
	if p.Noise > 0 && !(p.Noise == 1 && p.Phase == AnyPhase) {
		add("rho", number(p.Noise))
	}
	if p.Taste > 0 {
		add("taste", strconv.Itoa(p.Taste))
	}
	if p.Blind != 0 {
		add("blind", p.Blind.String())
		if p.Miss != 1 {
			add("miss", number(p.Miss))
		}
	}
	if p.Phase != AnyPhase {
		add("phase", p.Phase.String())
		if p.Weak != defaultWeak {
			add("weak", number(p.Weak))
		}
	}
	if len(p.Repertoire.lines) > 0 {
		add("book", p.Repertoire.String())
	}
	if p.Shared {
		add("shared", strconv.FormatUint(p.SharedSeed, 10))
	}
	if p.Seed != 0 {
		add("seed", strconv.FormatUint(p.Seed, 10))
	}
	return b.String()
}

// defaultWeak is how often a specialist moves at random outside its phase when its text does
// not say.
const defaultWeak = 0.5

// Keys are the parameters that a text may have.
var keys = []string{"depth", "nodes", "t", "rho", "taste", "blind", "miss", "phase", "weak", "book", "shared", "seed"}

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
func (p *Player) set(key, value string) (err error) {
	switch key {
	case "depth":
		p.Depth, err = number(value, 1, search.MaxDepth)
	case "nodes":
		p.Nodes, err = number(value, 1, MaxNodes)
	case "t":
		p.Temperature, err = decimal(value)
	case "rho":
		p.Noise, err = decimal(value)
	case "taste":
		p.Taste, err = number(value, 0, MaxTaste)
	case "blind":
		p.Blind, err = search.ParseBlindness(value)
	case "miss":
		p.Miss, err = decimal(value)
	case "phase":
		for i, name := range phaseNames {
			if name == value && Phase(i) != AnyPhase {
				p.Phase = Phase(i)
				return nil
			}
		}
		return fmt.Errorf("%.30q is no phase (want opening, middlegame or endgame)", value)
	case "weak":
		p.Weak, err = decimal(value)
	case "book":
		p.Repertoire, err = ParseRepertoire(value)
	case "shared":
		p.Shared = true
		p.SharedSeed, err = seed(value)
	case "seed":
		p.Seed, err = seed(value)
	default:
		return fmt.Errorf("there is no such parameter (there are %s)", strings.Join(keys, ", "))
	}
	return err
}

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
