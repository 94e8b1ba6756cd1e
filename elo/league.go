package elo

import (
	_ "embed"
	"fmt"
	"sync"
)

//go:embed league.json
var leagueJSON []byte

// LeagueScale is the calibration of the simulated players of package league that comes with the
// program: what "arena calibrate" wrote, see docs/results/league.md. It must not be changed.
var LeagueScale = sync.OnceValue(func() *LocalScale {
	s, err := ParseLocalScale(leagueJSON)
	if err != nil {
		panic(err) // the file is compiled in, and a test reads it
	}
	return s
})

// LeagueSet is the anchor set of LeagueScale.
func LeagueSet() AnchorSet {
	s := LeagueScale().Set()
	s.Name = "league"
	s.Scale = fmt.Sprintf("league %s (%s)", s.Version, LeagueScale().Anchors)
	return s
}
