package players

// What rates the players: --anchors.

import (
	"fmt"
	"os"
	"strings"

	"transcend/elo"
	"transcend/elo/leaderboard"
	"transcend/internal/cli"
)

// Anchors is the anchor set with that name, the local scale in a file whose name
// ends in .json, or, for "", nil: that of the games' protocol.
func Anchors(name string) (leaderboard.AnchorFunc, error) {
	if name == "" {
		return nil, nil
	}
	if strings.HasSuffix(name, ".json") {
		b, err := os.ReadFile(name)
		if err != nil {
			return nil, cli.WithHint(cli.Usagef("--anchors: %w", err), "arena calibrate --out "+name+" makes a local scale")
		}
		scale, err := elo.ParseLocalScale(b)
		if err != nil {
			return nil, cli.WithHint(fmt.Errorf("--anchors %s: %w", name, err), "arena calibrate makes a local scale")
		}
		return leaderboard.LocalAnchors(scale), nil
	}
	set, err := elo.AnchorSetNamed(name)
	if err != nil {
		err = cli.Usagef("--anchors %s: %w", name, err)
		var names []string
		for _, s := range elo.AnchorSets() {
			names = append(names, s.Name)
		}
		if near := cli.Nearest(name, names); near != "" {
			err = cli.WithHint(err, "did you mean --anchors "+near+"?")
		}
		return nil, err
	}
	return leaderboard.AnchorsFrom(set), nil
}
