package uci

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/agnivade/levenshtein"

	"transcend/engine"
	"transcend/internal/clip"
)

// Option is a setting of a UCI engine: "Skill Level", "5". A button has no value.
type Option struct{ Name, Value string }

// ParseOption reads "Skill Level=5"; without "=" it is a button.
func ParseOption(s string) (Option, error) {
	name, value, _ := strings.Cut(s, "=")
	o := Option{Name: strings.Join(strings.Fields(name), " "), Value: strings.TrimSpace(value)}
	if o.Name == "" {
		return Option{}, fmt.Errorf("engine: option %q: no name (want NAME=VALUE)", s)
	}
	return o, nil
}

// OptionType is the type an engine announces for an option.
type OptionType uint8

// The types of UCI options.
const (
	UnknownType OptionType = iota
	Check
	Spin
	Combo
	Button
	String
)

var optionTypes = [...]string{"unknown", "check", "spin", "combo", "button", "string"}

// String returns the word of the protocol.
func (t OptionType) String() string {
	if int(t) < len(optionTypes) {
		return optionTypes[t]
	}
	return fmt.Sprintf("OptionType(%d)", uint8(t))
}

// OptionInfo is an option as the engine announced it.
type OptionInfo struct {
	Name    string // words separated by single spaces
	Type    OptionType
	Default string
	// Min and Max bound a spin when HasMin and HasMax are set.
	Min, Max       int64
	HasMin, HasMax bool
	Vars           []string // the values of a combo
}

// parseOptionInfo reads the part of an "option" line after that word. Engines
// announce loosely: keywords may come in any order after the name, values may
// contain spaces or be missing, a bound may be no number. What cannot be used is
// left out, not the whole option.
func parseOptionInfo(s string) (OptionInfo, bool) {
	var o OptionInfo
	var key string
	var words []string
	seenType := false
	flush := func() {
		value := strings.Join(words, " ")
		words = words[:0]
		switch key {
		case "name":
			o.Name = value
		case "type":
			seenType = true
			if i := slices.Index(optionTypes[:], strings.ToLower(value)); i > 0 {
				o.Type = OptionType(i)
			}
		case "default":
			if value != "<empty>" {
				o.Default = value
			}
		case "min":
			n, err := strconv.ParseInt(value, 10, 64)
			o.Min, o.HasMin = n, err == nil
		case "max":
			n, err := strconv.ParseInt(value, 10, 64)
			o.Max, o.HasMax = n, err == nil
		case "var":
			o.Vars = append(o.Vars, value)
		}
	}
	for word := range strings.FieldsSeq(s) {
		switch word {
		case "name", "type", "default", "min", "max", "var":
			// Inside a name only "type" ends it ("option name Min Depth type spin"
			// is safe in any case, "option name min depth ..." only so).
			if key == "" && word != "name" {
				return OptionInfo{}, false
			}
			if key == "name" && word != "type" {
				words = append(words, word)
				continue
			}
			// A second "name" or "type" belongs to a value.
			if word == "name" || word == "type" && seenType {
				if key != "" {
					words = append(words, word)
					continue
				}
			}
			if key != "" {
				flush()
			}
			key = word
		default:
			if key == "" {
				return OptionInfo{}, false
			}
			words = append(words, word)
		}
	}
	flush()
	return o, o.Name != ""
}

// canonical checks value against the announcement and returns it as it is to be
// sent, or a reason against it.
func (o *OptionInfo) canonical(value string) (string, string) {
	switch o.Type {
	case Button:
		if value != "" {
			return "", "is a button and takes no value"
		}
	case Check:
		v := strings.ToLower(value)
		if v != "true" && v != "false" {
			return "", fmt.Sprintf("%q is neither true nor false", clip.Text(value, 40))
		}
		return v, ""
	case Spin:
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return "", fmt.Sprintf("%q is not a whole number", clip.Text(value, 40))
		}
		if o.HasMin && n < o.Min || o.HasMax && n > o.Max {
			return "", fmt.Sprintf("%d is outside %s", n, o.bounds())
		}
		return strconv.FormatInt(n, 10), ""
	case Combo:
		for _, v := range o.Vars {
			if strings.EqualFold(v, value) {
				return v, ""
			}
		}
		return "", fmt.Sprintf("%q is none of %s", clip.Text(value, 40), strings.Join(o.Vars, ", "))
	}
	return value, ""
}

// bounds writes the range of a spin.
func (o *OptionInfo) bounds() string {
	lo, hi := "-inf", "inf"
	if o.HasMin {
		lo = strconv.FormatInt(o.Min, 10)
	}
	if o.HasMax {
		hi = strconv.FormatInt(o.Max, 10)
	}
	return "[" + lo + ", " + hi + "]"
}

// OptionError is a setting that the engine does not offer, or not with that
// value.
type OptionError struct {
	Player      string
	Name, Value string
	Reason      string
	Near        []string // announced names that look like Name, nearest first
}

// Failure is engine.Setup.
func (e *OptionError) Failure() engine.Failure { return engine.Setup }

func (e *OptionError) Error() string {
	return fmt.Sprintf("engine: %s: option %q: %s", e.Player, clip.Text(e.Name, 60), e.Reason)
}

// Hint lists the options that may have been meant.
func (e *OptionError) Hint() string {
	if len(e.Near) == 0 {
		return ""
	}
	return "did you mean " + strings.Join(e.Near, ", or ") + "?"
}

// findOption looks a name up as the protocol has it: case does not matter.
func findOption(options []OptionInfo, name string) *OptionInfo {
	name = strings.Join(strings.Fields(name), " ")
	for i := range options {
		if strings.EqualFold(options[i].Name, name) {
			return &options[i]
		}
	}
	return nil
}

// checkOptions resolves settings against what the engine announced, in the order
// they are to be sent: Threads first, for engines allocate their hash table per
// thread, the rest as given.
func checkOptions(player string, announced []OptionInfo, settings []Option) ([]Option, error) {
	out := make([]Option, 0, len(settings))
	for _, s := range settings {
		fail := func(reason string, near ...string) error {
			return &OptionError{Player: player, Name: s.Name, Value: s.Value, Reason: reason, Near: near}
		}
		if strings.ContainsAny(s.Name+s.Value, "\r\n\x00") {
			return nil, fail("a name or value cannot hold a line break")
		}
		info := findOption(announced, s.Name)
		if info == nil {
			if len(announced) == 0 {
				return nil, fail("the engine has no options")
			}
			return nil, fail("the engine has no such option", nearest(s.Name, announced)...)
		}
		value, reason := info.canonical(s.Value)
		if reason != "" {
			return nil, fail(reason)
		}
		switch strings.ToLower(info.Name) {
		case "uci_chess960":
			if value == "true" {
				return nil, fail("only standard chess is played")
			}
		case "uci_variant":
			if value != "chess" {
				return nil, fail("only standard chess is played")
			}
		}
		out = append(out, Option{Name: info.Name, Value: value})
	}
	// Stockfish up to 18 can answer "bestmove (none)", or crash, when it probes
	// tablebases with a limited skill.
	if v, ok := setting(out, "SyzygyPath"); ok && v != "" && limitedSkill(out) {
		return nil, &OptionError{Player: player, Name: "SyzygyPath", Value: v, Reason: "cannot be combined with a skill limit: engines lose games by it that they did not lose on the board"}
	}
	slices.SortStableFunc(out, func(a, b Option) int {
		rank := func(o Option) int {
			if strings.EqualFold(o.Name, "Threads") {
				return 0
			}
			return 1
		}
		return rank(a) - rank(b)
	})
	return out, nil
}

// setting returns the last value given for a name.
func setting(options []Option, name string) (string, bool) {
	for _, o := range slices.Backward(options) {
		if strings.EqualFold(o.Name, name) {
			return o.Value, true
		}
	}
	return "", false
}

func limitedSkill(options []Option) bool {
	if v, ok := setting(options, "Skill Level"); ok && v != "20" {
		return true
	}
	v, _ := setting(options, "UCI_LimitStrength")
	return v == "true"
}

// nearest returns up to three announced names that look like name.
func nearest(name string, announced []OptionInfo) []string {
	type candidate struct {
		name     string
		distance int
	}
	var near []candidate
	// Names come from the configuration and from engines, which may be hostile:
	// comparing them costs the product of their lengths.
	cut := func(s string) string { return strings.ToLower(s[:min(len(s), 64)]) }
	want := cut(name)
	for _, o := range announced {
		have := cut(o.Name)
		d := levenshtein.ComputeDistance(want, have)
		// Half of the letters may differ; a part of the name is near, too.
		if 2*d <= max(len(want), len(have)) || len(want) >= 3 && strings.Contains(have, want) {
			near = append(near, candidate{fmt.Sprintf("%q", o.Name), d})
		}
	}
	slices.SortStableFunc(near, func(a, b candidate) int { return a.distance - b.distance })
	var names []string
	for _, c := range near[:min(3, len(near))] {
		names = append(names, c.name)
	}
	return names
}
