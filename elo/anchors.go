package elo

// Named sets of opponents whose ratings are published.

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// ErrNoAnchor is the cause when no rating is known for an opponent; the error
// says which sets there are.
var ErrNoAnchor = errors.New("no rating known for this opponent")

// AnchorSet is a named, versioned table of ratings of one engine at its reduced
// strengths. A set defines a scale: ratings obtained from different sets must
// not be mixed, even where both call themselves Elo.
type AnchorSet struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Scale   string `json:"scale"` // what a rating from this set is called
	Engines string `json:"engines"`
	// Conditions under which the ratings were measured. At another limit the
	// same engine has another strength.
	Conditions string `json:"conditions"`
	// OwnLimits says that Conditions do not matter: each anchor is rated at the limit
	// that it is asked for, or not at all.
	OwnLimits bool   `json:"own_limits,omitempty"`
	Source    string `json:"source"`
	// ScaleError is the standard error of the set's place on its scale, shared
	// by all its anchors; 0 where the source states none.
	ScaleError float64 `json:"scale_error,omitempty"`
	// Levels are the ratings by "Skill Level", in rising order.
	Levels []LevelRating `json:"levels"`
	// UCI_Elo values the set knows, both included, and the standard error of
	// taking the value for the rating. MaxUCIElo 0 means none.
	MinUCIElo   int     `json:"min_uci_elo,omitempty"`
	MaxUCIElo   int     `json:"max_uci_elo,omitempty"`
	UCIEloError float64 `json:"uci_elo_error,omitempty"`

	covers func(stockfish) bool
	// other says whether the set covers an engine that is no Stockfish; nil: none.
	other func(idName string) bool
	// named sets are never picked by themselves.
	named bool
}

// LevelRating is the rating of one skill level.
type LevelRating struct {
	Level         int     `json:"level"`
	Rating        float64 `json:"rating"`
	StandardError float64 `json:"standard_error,omitempty"` // 0: not stated
}

// ID is "name@version".
func (s AnchorSet) ID() string { return s.Name + "@" + s.Version }

// Covers says whether the set was made for the engine that calls itself idName
// in its UCI "id name" line. The two sets of the Transcendence paper cover any
// Stockfish, Lichess's any Fairy-Stockfish; the others the versions whose strength
// they measured.
func (s AnchorSet) Covers(idName string) bool {
	if s.other != nil && s.other(idName) {
		return true
	}
	v, ok := parseStockfish(idName)
	return ok && s.covers != nil && s.covers(v)
}

// Option is the UCI option by which an engine's strength is reduced.
type Option string

// The options that anchor sets know.
const (
	SkillLevel Option = "Skill Level"
	UCIElo     Option = "UCI_Elo" // with UCI_LimitStrength on
)

// Anchor is the rated opponent for the option's value. The error wraps
// ErrNoAnchor when the set has no such value.
func (s AnchorSet) Anchor(option Option, value int) (Anchor, error) {
	switch option {
	case SkillLevel:
		for _, l := range s.Levels {
			if l.Level == value {
				return Anchor{fmt.Sprintf("level %d", value), l.Rating, l.StandardError}, nil
			}
		}
		if n := len(s.Levels); n > 0 {
			return Anchor{}, fmt.Errorf("elo: anchor set %s has skill levels %d to %d, not %d: %w", s.ID(), s.Levels[0].Level, s.Levels[n-1].Level, value, ErrNoAnchor)
		}
	case UCIElo:
		if s.MaxUCIElo > 0 && value >= s.MinUCIElo && value <= s.MaxUCIElo {
			return Anchor{fmt.Sprintf("UCI_Elo %d", value), float64(value), s.UCIEloError}, nil
		}
		if s.MaxUCIElo > 0 {
			return Anchor{}, fmt.Errorf("elo: anchor set %s has UCI_Elo %d to %d, not %d: %w", s.ID(), s.MinUCIElo, s.MaxUCIElo, value, ErrNoAnchor)
		}
	}
	return Anchor{}, fmt.Errorf("elo: anchor set %s does not rate by the option %q: %w", s.ID(), option, ErrNoAnchor)
}

// Names of the sets.
const (
	StockfishBlitz2023 = "stockfish-ccrl-blitz"
	StockfishCCRL2019  = "stockfish-ccrl-40-4"
	PaperCode          = "paper-code"
	PaperFigure        = "paper-figure"
	LichessAI          = "lichess-ai"
)

// ordoError converts Ordo's ERROR column, which is the half-width of a 95%
// interval by default, to a standard error.
func ordoError(halfWidth float64) float64 { return math.Round(halfWidth/1.96*10) / 10 }

// AnchorSets is every set, newest engines first.
func AnchorSets() []AnchorSet {
	// Skill levels 0 to 19 as measured for commit a08b8d4e9 (rating, Ordo's error).
	measured := [...][2]float64{
		{1320.1, 32.9}, {1467.6, 31.3}, {1608.4, 29.4}, {1742.3, 27.8}, {1922.9, 25.9},
		{2203.7, 25.3}, {2363.2, 26.4}, {2499.5, 28.5}, {2596.2, 28.5}, {2702.8, 30.5},
		{2788.3, 32.0}, {2855.5, 33.6}, {2923.1, 35.0}, {2972.9, 35.4}, {3024.8, 36.1},
		{3069.5, 37.2}, {3111.2, 37.1}, {3141.3, 37.8}, {3170.3, 39.3}, {3191.1, 40.4},
	}
	blitz := make([]LevelRating, len(measured))
	for level, m := range measured {
		blitz[level] = LevelRating{level, m[0], ordoError(m[1])}
	}
	// Stockfish 11 to 15.1 map Elo to level by ((Elo - 1346.6)/143.4)^(1/0.806).
	formula := make([]LevelRating, 20)
	for level := range formula {
		formula[level] = LevelRating{Level: level, Rating: math.Round(10*(1346.6+143.4*math.Pow(float64(level), 0.806))) / 10}
	}
	fixed := func(ratings map[int]float64) []LevelRating {
		var ls []LevelRating
		for level := range 20 {
			if r, ok := ratings[level]; ok {
				ls = append(ls, LevelRating{Level: level, Rating: r})
			}
		}
		return ls
	}
	return []AnchorSet{
		{
			Name: StockfishBlitz2023, Version: "a08b8d4e9",
			Scale:      "CCRL Blitz",
			Engines:    "Stockfish 16 to 18, and development builds from 2023-01-22",
			Conditions: "120 s + 1 s a game",
			Source: "official-stockfish/Stockfish commit a08b8d4e9 (2023-01-22), pull request 4341: games of the skill levels " +
				"against versions of Stash rated by CCRL, fitted with Ordo. Per-level errors are Ordo's 95% half-widths over 1.96. " +
				"The commit places the scale within ±100 Elo of CCRL Blitz, taken here as a 95% range. " +
				"UCI_Elo: the fitted formula misses the measured levels 0 to 10 by 23 points (root mean square).",
			ScaleError: 51,
			Levels:     blitz,
			MinUCIElo:  1320, MaxUCIElo: 3190, UCIEloError: 23,
			covers: func(v stockfish) bool {
				return v.major >= 16 && v.major <= 18 || v.dev && !v.date.Before(date(2023, 1, 22))
			},
		},
		{
			Name: StockfishCCRL2019, Version: "0dbc72d82",
			Scale:      "CCRL 40/4 (goldfish 1.13 = 2000)",
			Engines:    "Stockfish 11 to 15.1, and development builds from 2019-07 to 2023-01-21",
			Conditions: "60 s + 0.6 s a game, Hash 64",
			Source: "official-stockfish/Stockfish commit 0dbc72d82 (2019), pull request 2225: a formula fitted with Ordo to a tournament " +
				"anchored to goldfish 1.13 = 2000. No error of the formula is stated; its author calls the anchoring to CCRL weak.",
			Levels:    formula,
			MinUCIElo: 1350, MaxUCIElo: 2850,
			covers: func(v stockfish) bool {
				return v.major >= 11 && v.major <= 15 || v.dev && !v.date.Before(date(2019, 7, 1)) && v.date.Before(date(2023, 1, 22))
			},
		},
		{
			Name: PaperCode, Version: "1d472c1",
			Scale:      "Lichess bots (paper, code)",
			Engines:    "Stockfish levels 1 to 5 (the paper used 16.1)",
			Conditions: "movetime 100ms",
			Source: "Transcendence (Zhang et al. 2024), KempnerInstitute/chess-research eval/glicko2.py: Stockfish levels that played " +
				"as Lichess bots. No errors are stated.",
			Levels: fixed(map[int]float64{1: 1554, 2: 1759, 3: 1867, 4: 2006, 5: 2148}),
			covers: func(stockfish) bool { return true },
			named:  true,
		},
		{
			Name: PaperFigure, Version: "2024",
			Scale:      "Lichess bots (paper, figure)",
			Engines:    "Stockfish levels 1, 3 and 5 (the paper used 16.1)",
			Conditions: "movetime 100ms",
			Source:     "Transcendence (Zhang et al. 2024), the script that drew Figure 1. No errors are stated.",
			Levels:     fixed(map[int]float64{1: 1552, 3: 1842, 5: 2142}),
			covers:     func(stockfish) bool { return true },
			named:      true,
		},
		{
			Name: LichessAI, Version: "2026-08",
			Scale:      "Lichess AI (as shown by Lichess)",
			Engines:    "Fairy-Stockfish at the skill levels of Lichess's computer opponent",
			Conditions: "each level's depth and movetime: 5 50ms, 5 100ms, 5 150ms, 5 200ms, 5 300ms, 8 400ms, 13 500ms, 22 1s",
			Source: "Levels: lichess-org/fishnet src/api.rs. Ratings: lichess-org/lila modules/fishnet AiPerf.scala, round numbers that Lichess shows " +
				"as its levels' ratings; how they were found is not stated, and no errors are. arena calibrate measures the differences between levels.",
			Levels: []LevelRating{{-9, 800, 0}, {-5, 1100, 0}, {-1, 1400, 0}, {3, 1700, 0}, {7, 2000, 0}, {11, 2300, 0}, {16, 2700, 0}, {20, 3000, 0}},
			other:  func(idName string) bool { return strings.HasPrefix(strings.ToLower(idName), "fairy-stockfish") },
			named:  true,
		},
	}
}

func date(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, time.UTC) }

// AnchorSetNamed finds a set by its name or by "name@version". The error names
// the sets there are.
func AnchorSetNamed(name string) (AnchorSet, error) {
	for _, s := range AnchorSets() {
		if name == s.Name || name == s.ID() {
			return s, nil
		}
	}
	return AnchorSet{}, fmt.Errorf("elo: no anchor set %q (there are %s)", name, setNames())
}

// DefaultAnchorSet picks the set for the engine that calls itself idName in its
// UCI "id name" line: the one measured with that version. The paper's sets
// and Lichess's are never picked by themselves. The error wraps ErrNoAnchor and names the sets
// that a user may choose instead.
func DefaultAnchorSet(idName string) (AnchorSet, error) {
	for _, s := range AnchorSets() {
		if !s.named && s.Covers(idName) {
			return s, nil
		}
	}
	return AnchorSet{}, fmt.Errorf("elo: engine %q: %w: no anchor set was measured with it (there are %s; name one to use it all the same)",
		idName, ErrNoAnchor, setNames())
}

// DefaultAnchor is the anchor of DefaultAnchorSet for the option's value, with
// the engine's name in it, and the set that it comes from.
func DefaultAnchor(idName string, option Option, value int) (AnchorSet, Anchor, error) {
	s, err := DefaultAnchorSet(idName)
	if err != nil {
		return AnchorSet{}, Anchor{}, err
	}
	a, err := s.Anchor(option, value)
	if err != nil {
		return AnchorSet{}, Anchor{}, fmt.Errorf("%w (engine %q; sets: %s)", err, idName, setNames())
	}
	a.Name = idName + " " + a.Name
	return s, a, nil
}

func setNames() string {
	var names []string
	for _, s := range AnchorSets() {
		names = append(names, fmt.Sprintf("%s for %s", s.Name, s.Engines))
	}
	return strings.Join(names, "; ")
}

// stockfish is what an "id name" says about a version of Stockfish.
type stockfish struct {
	major int
	dev   bool // a development build of that date
	date  time.Time
}

// parseStockfish understands the names Stockfish has given itself: "Stockfish
// 16.1", "Stockfish 11 64 BMI2", "Stockfish dev-20240101-abcdef01" and the
// older "Stockfish 050519 64" (ddmmyy). Derivatives with names of their own
// (Fairy-Stockfish, "Stockfish NNUE") are other engines.
func parseStockfish(idName string) (stockfish, bool) {
	fields := strings.Fields(idName)
	if len(fields) < 2 || !strings.EqualFold(fields[0], "stockfish") {
		return stockfish{}, false
	}
	v := fields[1]
	if rest, ok := strings.CutPrefix(v, "dev-"); ok {
		day, _, _ := strings.Cut(rest, "-")
		t, err := time.Parse("20060102", day)
		return stockfish{dev: true, date: t}, err == nil
	}
	if len(v) == 6 && strings.Trim(v, "0123456789") == "" {
		t, err := time.Parse("020106", v)
		return stockfish{dev: true, date: t}, err == nil
	}
	major, minor, hasMinor := strings.Cut(v, ".")
	s := stockfish{}
	var err error
	if s.major, err = strconv.Atoi(major); err != nil || s.major < 1 || s.major > 999 {
		return stockfish{}, false
	}
	if hasMinor {
		if _, err := strconv.ParseUint(minor, 10, 16); err != nil {
			return stockfish{}, false
		}
	}
	return s, true
}
