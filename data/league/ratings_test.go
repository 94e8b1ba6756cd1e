package league

import (
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"transcend/elo"
)

var update = flag.Bool("update", false, "take the ratings of ratings.json from the calibration, elo/league.json")

// TestRatingsAreTheCalibration: ratings.json has what the calibration found, for every player that
// was in it.
func TestRatingsAreTheCalibration(t *testing.T) {
	scale := elo.LeagueScale()
	if !strings.HasPrefix(scale.Anchors, "stockfish-") {
		t.Errorf("the calibration hangs on %q", scale.Anchors)
	}
	var want []Rating
	for _, p := range scale.Players {
		if p.Spec["kind"] != "league" {
			continue
		}
		if p.Spec["version"] != Version {
			t.Errorf("%s was rated in version %s; the players are version %s: calibrate them again", p.Name, p.Spec["version"], Version)
		}
		tenth := func(x float64) float64 { return math.Round(10*x) / 10 }
		want = append(want, Rating{p.Spec["player"], tenth(p.Rating), tenth(p.Interval.Low), tenth(p.Interval.High), p.Record.Games()})
	}
	slices.SortStableFunc(want, func(a, b Rating) int { return int(10 * (a.Elo - b.Elo)) })
	if *update {
		table := *Ratings()
		table.Version, table.Scale, table.Ratings = Version, elo.LeagueSet().Scale, want
		if err := os.WriteFile("ratings.json", formatTable(&table), 0o644); err != nil {
			t.Fatal(err)
		}
		t.Skip("ratings.json was written; run the tests again")
	}
	table := Ratings()
	if !slices.Equal(table.Ratings, want) || table.Scale != elo.LeagueSet().Scale || table.Version != Version {
		t.Errorf("ratings.json (%s, %d players) is not the calibration (%s, %d players): go test ./data/league -run Calibration -update",
			table.Scale, len(table.Ratings), elo.LeagueSet().Scale, len(want))
	}
	if !strings.Contains(table.Source, "arena calibrate ") || !strings.Contains(table.Source, "--seed ") {
		t.Errorf("the source is no command: %s", table.Source)
	}
}

// formatTable writes a table with a line a player.
func formatTable(t *Table) []byte {
	var b strings.Builder
	quoted := func(v any) string {
		text, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		return string(text)
	}
	list := func(indent string, n int, item func(i int) string) {
		for i := range n {
			comma := ","
			if i == n-1 {
				comma = ""
			}
			fmt.Fprintf(&b, "%s%s%s\n", indent, item(i), comma)
		}
	}
	fmt.Fprintf(&b, "{\n  \"version\": %s,\n  \"scale\": %s,\n  \"source\": %s,\n  \"ratings\": [\n", quoted(t.Version), quoted(t.Scale), quoted(t.Source))
	list("    ", len(t.Ratings), func(i int) string { return quoted(t.Ratings[i]) })
	b.WriteString("  ],\n  \"pools\": [\n")
	for i, p := range t.Pools {
		fmt.Fprintf(&b, "    {\"name\": %s, \"about\": %s, \"players\": [\n", quoted(p.Name), quoted(p.About))
		list("      ", len(p.Players), func(k int) string { return quoted(p.Players[k]) })
		b.WriteString(map[bool]string{true: "    ]}\n", false: "    ]},\n"}[i == len(t.Pools)-1])
	}
	b.WriteString("  ]\n}\n")
	return []byte(b.String())
}

// TestPoolsHaveRatings: every player of every pool has a measured rating, the ladder goes from 400 to
// 1800 without a gap above a hundred points, and tags have those ratings.
func TestPoolsHaveRatings(t *testing.T) {
	table := Ratings()
	for _, name := range table.PoolNames() {
		pool, ok := table.Pool(name)
		if !ok {
			t.Fatalf("pool %s cannot be played", name)
		}
		for i := range pool.Players {
			if p := &pool.Players[i]; p.Elo == 0 {
				t.Errorf("pool %s: %s has no rating", name, p)
			}
		}
		game := (&Corpus{Pool: pool, Seed: 5, MaxPlies: 20}).Play(NewMover(0), 3)
		g := game.PGN()
		for _, side := range []struct {
			tag    string
			player *Rated
		}{{"White", game.White}, {"Black", game.Black}} {
			r, ok := table.Rating(&side.player.Player)
			if got := g.Tag(side.tag + "Elo"); !ok || got != fmt.Sprint(math.Round(r.Elo)) || r.High-r.Low <= 0 {
				t.Errorf("pool %s: %s plays with the tag %q; the calibration says %+v", name, side.player, got, r)
			}
		}
		if event := g.Tag("Event"); !strings.Contains(event, elo.LeagueScale().ID) || pool.Nominal() {
			t.Errorf("pool %s: the event %q does not name the scale", name, event)
		}
	}
	ladder, _ := table.Pool(Ladder)
	for i := 1; i < len(ladder.Players); i++ {
		if gap := ladder.Players[i].Elo - ladder.Players[i-1].Elo; gap <= 0 || gap > 100 {
			t.Errorf("from %s (%d) to %s (%d) it is %d", &ladder.Players[i-1].Player, ladder.Players[i-1].Elo, &ladder.Players[i].Player, ladder.Players[i].Elo, gap)
		}
	}
	if first, last := ladder.Players[0].Elo, ladder.Players[len(ladder.Players)-1].Elo; first > 425 || last < 1775 {
		t.Errorf("the ladder goes from %d to %d", first, last)
	}
}
