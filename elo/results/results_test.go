package results

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"transcend/elo"
	"transcend/elo/joint"
)

// writePGN writes games of players with these ratings, colors in turn, and returns them
// as lines "white black points-of-white".
func writePGN(t *testing.T, path string, ratings []float64, advantage float64, rounds int) (games [][3]float64) {
	t.Helper()
	rng := rand.New(rand.NewPCG(81, 82))
	var b strings.Builder
	for range rounds {
		for i := range ratings {
			for j := range ratings {
				if i == j || rng.IntN(3) == 0 { // some meet less often
					continue
				}
				points, text := 0.5, "1/2-1/2"
				if rng.IntN(3) > 0 {
					points, text = 0, "0-1"
					if rng.Float64() < elo.Expected(ratings[i]+advantage, ratings[j]) {
						points, text = 1, "1-0"
					}
				}
				games = append(games, [3]float64{float64(i), float64(j), points})
				fmt.Fprintf(&b, "[Event \"x\"]\n[White \"P%d\"]\n[Black \"P%d\"]\n[Result \"%s\"]\n\n1. e4 %s\n\n", i, j, text, text)
			}
		}
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	return games
}

// ordo rates by Ordo's published rule, and shares nothing with elo/joint: ratings are
// moved until the points that everybody is expected to have are those obtained, with a
// logistic curve on which 202 points are 76%, and, with -W, White's advantage until White's
// points agree.
func ordo(games [][3]float64, players int, white bool) (ratings []float64, advantage float64) {
	beta := math.Log(1/0.76-1) / -202
	ratings = make([]float64, players)
	for range 200_000 {
		surplus, played := make([]float64, players), make([]float64, players)
		whites := 0.0
		for _, g := range games {
			w, b := int(g[0]), int(g[1])
			d := g[2] - 1/(1+math.Exp(-beta*(ratings[w]-ratings[b]+advantage)))
			surplus[w] += d
			surplus[b] -= d
			played[w]++
			played[b]++
			whites += d
		}
		worst := 0.0
		for i := range ratings {
			ratings[i] += 300 * surplus[i] / played[i]
			worst = max(worst, math.Abs(surplus[i]))
		}
		if white {
			advantage += 300 * whites / float64(len(games))
			worst = max(worst, math.Abs(whites))
		}
		if worst < 1e-10 {
			break
		}
	}
	mean := 0.0
	for _, r := range ratings {
		mean += r / float64(players)
	}
	for i := range ratings {
		ratings[i] -= mean
	}
	return ratings, advantage
}

// TestOrdo compares the ratings of a PGN file with Ordo's rule; its scale is 0.9% shorter.
func TestOrdo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "games.pgn")
	games := writePGN(t, path, []float64{-300, -120, -50, 0, 90, 160, 240}, 35, 12)
	toOrdo := math.Ln10 / 400 / (math.Log(1/0.76-1) / -202)
	for _, white := range []bool{false, true} {
		l, err := FromPGN(t.Context(), nil, path)
		if err != nil {
			t.Fatal(err)
		}
		r, err := l.Rate(Options{Confidence: 0.95, MinGames: 1, Joint: joint.Options{Model: joint.Points, NoAdvantage: !white}})
		if err != nil {
			t.Fatal(err)
		}
		if r.Games != len(games) || r.Pairs == 0 {
			t.Errorf("%d games, %d pairs of %d", r.Games, r.Pairs, len(games))
		}
		want, advantage := ordo(games, 7, white)
		if got := toOrdo * r.Pools[0].Advantage.Value; math.Abs(got-advantage) > 1e-3 {
			t.Errorf("White's advantage %.4f, by Ordo's rule %.4f", got, advantage)
		}
		for _, x := range r.Ratings {
			var i int
			if _, err := fmt.Sscanf(x.Name, "P%d", &i); err != nil {
				t.Fatal(err)
			}
			if got := toOrdo * x.Rating; math.Abs(got-want[i]) > 1e-3 {
				t.Errorf("%s: %.4f, by Ordo's rule %.4f", x.Name, got, want[i])
			}
		}
		t.Logf("White's advantage fitted: %v, ratings by Ordo's rule %.2f", white, want)
	}
}

// TestHold: an anchor is looked for in all lists.
func TestHold(t *testing.T) {
	a, b := newList("x"), newList("x")
	a.player("A")
	b.player("B")
	if err := Hold([]*List{a, b}, []elo.Anchor{{Name: "B", Rating: 1500}}); err != nil || a.players[0].Anchor != nil || b.players[0].Anchor == nil || b.players[0].Anchor.Rating != 1500 {
		t.Errorf("%v, %+v %+v", err, a.players, b.players)
	}
	if err := Hold([]*List{a, b}, []elo.Anchor{{Name: "C"}}); err == nil || !strings.Contains(err.Error(), "no such player in x") {
		t.Error(err)
	}
}

func TestFew(t *testing.T) {
	names := strings.Split("abcdefghij", "")
	for n, want := range map[int]string{0: "", 1: "a", 8: "a, b, c, d, e, f, g, h", 9: "a, b, c, d, e, f, g, h and 1 more", 10: "a, b, c, d, e, f, g, h and 2 more"} {
		if got := few(names[:n]); got != want {
			t.Errorf("%d: %s", n, got)
		}
	}
}
