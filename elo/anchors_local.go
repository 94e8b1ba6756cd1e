package elo

// Local scales: opponents rated against each other on the machine that uses them.

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"transcend/internal/clip"
)

// LocalScale is a set of opponents that were rated by games among themselves, by
// "arena calibrate". It is a scale of its own: the first player has the rating that
// it was given, or the players that an anchor set rates have its ratings; everything else is a
// difference from that.
type LocalScale struct {
	Format  string `json:"format"` // LocalScaleFormat
	Version int    `json:"version"`
	// ID names the content: equal games between equal players under equal
	// conditions have equal IDs, on whatever machine and at whatever time.
	ID       string `json:"id"`
	Openings string `json:"openings"`
	MaxPlies int    `json:"max_plies,omitempty"`
	Seed     uint64 `json:"seed"`
	Anchors  string `json:"anchors,omitempty"` // ID of the set whose players were held; "": the first player was
	// ScaleError is the standard error that the rated players share where several were held: of
	// where those lie among them.
	ScaleError float64       `json:"scale_error,omitempty"`
	Players    []LocalPlayer `json:"players"`
	Meetings   []Meeting     `json:"meetings"`
	Advantage  float64       `json:"advantage"` // of the first move, in points
	DrawRate   float64       `json:"draw_rate"` // between equals
	Program    string        `json:"program,omitempty"`
}

// LocalScaleFormat marks the file of a local scale.
const (
	LocalScaleFormat  = "transcend-scale"
	localScaleVersion = 1
)

// LocalPlayer is an opponent on a local scale.
type LocalPlayer struct {
	Name  string            `json:"name"`
	Spec  map[string]string `json:"spec"`  // what defines it: engine.Player's Spec
	Limit string            `json:"limit"` // of its thinking, "" for players without
	Side  Side              `json:"side"`
	// Rating, and the standard error of its difference from the first player's.
	// Where Side is not TwoSided there is no rating, and Interval is the bound.
	Rating        float64  `json:"rating"`
	StandardError float64  `json:"standard_error"`
	Interval      Interval `json:"interval"`
	Record        Record   `json:"record"`
}

// Meeting is what two players' games came to, as the first sees it.
type Meeting struct {
	First  int    `json:"first"`
	Second int    `json:"second"`
	Record Record `json:"record"`
}

// ContentID computes the ID.
func (s *LocalScale) ContentID() string {
	h := sha256.New()
	fmt.Fprintf(h, "%q %d %d\n", s.Openings, s.MaxPlies, s.Seed)
	if s.Anchors != "" {
		fmt.Fprintf(h, "anchors %q %.3f\n", s.Anchors, s.ScaleError)
	}
	for _, p := range s.Players {
		fmt.Fprintf(h, "%q %q\n", p.Limit, p.Name)
		for _, k := range slices.Sorted(maps.Keys(p.Spec)) {
			if k != specProgram {
				fmt.Fprintf(h, " %q=%q", k, p.Spec[k])
			}
		}
		// The ratings follow from the games, to far more digits than these.
		fmt.Fprintf(h, "\n %s %.3f %.3f %v\n", p.Side, p.Rating, p.StandardError, p.Record)
	}
	for _, m := range s.Meetings {
		fmt.Fprintln(h, m.First, m.Second, m.Record)
	}
	return hex.EncodeToString(h.Sum(nil))[:12]
}

// specProgram is the name of an engine's file, which may differ between machines;
// the hash of the file is what counts.
const specProgram = "program"

// Limits of what is read.
const maxLocalPlayers = 10_000

// ParseLocalScale reads what json.Marshal wrote of a LocalScale.
func ParseLocalScale(b []byte) (*LocalScale, error) {
	s := new(LocalScale)
	if err := json.Unmarshal(b, s); err != nil {
		return nil, fmt.Errorf("elo: local scale: %w", err)
	}
	bad := func(format string, args ...any) (*LocalScale, error) {
		return nil, fmt.Errorf("elo: local scale: "+format, args...)
	}
	switch {
	case s.Format != LocalScaleFormat:
		return bad("the file is none (its format is %q, not %q)", clip.Text(s.Format, 40), LocalScaleFormat)
	case s.Version != localScaleVersion:
		return bad("version %d, this program reads %d", s.Version, localScaleVersion)
	case len(s.Players) < 2 || len(s.Players) > maxLocalPlayers:
		return bad("%d players", len(s.Players))
	case !(s.ScaleError >= 0 && s.ScaleError <= MaxRating):
		return bad("error of the scale %v", s.ScaleError)
	}
	for i, p := range s.Players {
		finite := func(x float64) bool { return math.Abs(x) <= MaxRating }
		if p.Side == TwoSided && (!finite(p.Rating) || !(p.StandardError >= 0 && p.StandardError <= MaxRating)) {
			return bad("player %d (%s): rating %v, error %v", i+1, clip.Text(p.Name, 40), p.Rating, p.StandardError)
		}
		if err := p.Record.check(); err != nil {
			return bad("player %d: %w", i+1, err)
		}
	}
	for _, m := range s.Meetings {
		if m.First < 0 || m.Second < 0 || m.First >= len(s.Players) || m.Second >= len(s.Players) || m.First == m.Second || m.Record.check() != nil {
			return bad("impossible meeting %+v", m)
		}
	}
	if id := s.ContentID(); id != s.ID {
		return bad("its ID is %q but its content is %s: it was changed by hand or damaged", clip.Text(s.ID, 40), id)
	}
	return s, nil
}

// NewLocalScale completes a scale: format, version, ID.
func NewLocalScale(s LocalScale) *LocalScale {
	s.Format, s.Version = LocalScaleFormat, localScaleVersion
	s.ID = s.ContentID()
	return &s
}

// Set is the anchor set of the scale's name; Anchor rates its players. Each
// of its players has been rated at its own limit.
func (s *LocalScale) Set() AnchorSet {
	held := fmt.Sprintf("%s = %.0f", s.Players[0].Name, s.Players[0].Rating)
	if s.Anchors != "" {
		held = s.Anchors
	}
	return AnchorSet{
		Name: "local", Version: s.ID,
		Scale:   fmt.Sprintf("local %s (%s)", s.ID, held),
		Engines: "the players of its file", Conditions: "each player's own limit", OwnLimits: true,
		Source: "arena calibrate", ScaleError: s.ScaleError,
	}
}

// Anchor is the rated opponent with that spec and limit; with limit "" any limit
// will do, if there is only one. The error wraps ErrNoAnchor. The standard errors
// are those of the differences from the players that were held, without the share of ScaleError,
// and are taken as independent of each other.
func (s *LocalScale) Anchor(spec map[string]string, limit string) (Anchor, error) {
	var found []LocalPlayer
	var limits []string
	for _, p := range s.Players {
		if sameSpec(p.Spec, spec) {
			limits = append(limits, p.Limit)
			if limit == "" || p.Limit == "" || p.Limit == limit {
				found = append(found, p)
			}
		}
	}
	switch {
	case len(found) > 1:
		return Anchor{}, fmt.Errorf("elo: local scale %s rates this opponent at several limits (%s): %w", s.ID, strings.Join(limits, ", "), ErrNoAnchor)
	case len(limits) > 0 && len(found) == 0:
		return Anchor{}, fmt.Errorf("elo: local scale %s rates this opponent at %s, not at %s: %w", s.ID, strings.Join(limits, ", "), limit, ErrNoAnchor)
	case len(found) == 0:
		return Anchor{}, fmt.Errorf("elo: local scale %s does not have this opponent (same program file, same options): %w", s.ID, ErrNoAnchor)
	case found[0].Side != TwoSided:
		return Anchor{}, fmt.Errorf("elo: local scale %s has only a bound for %s: %w", s.ID, found[0].Name, ErrNoAnchor)
	}
	own := found[0].StandardError*found[0].StandardError - s.ScaleError*s.ScaleError
	return Anchor{Name: found[0].Name, Rating: found[0].Rating, StandardError: math.Sqrt(max(0, own))}, nil
}

func sameSpec(a, b map[string]string) bool {
	without := func(m map[string]string) map[string]string {
		m = maps.Clone(m)
		delete(m, specProgram)
		return m
	}
	return maps.Equal(without(a), without(b))
}
