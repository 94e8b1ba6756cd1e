package experiment

import (
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"transcend/analysis/lab"
	"transcend/analysis/lab/judge"
)

// TestPlans checks every plan of every experiment, and that each says what it is about.
func TestPlans(t *testing.T) {
	names := map[string]bool{}
	for _, e := range Experiments() {
		if names[e.Name] || e.Name == "" || e.About == "" || e.Help == "" || e.Conclude == nil {
			t.Errorf("%q: its name is another's, or something that it needs is missing", e.Name)
		}
		names[e.Name] = true
		for _, preset := range lab.Presets() {
			cells, err := e.Cells(lab.Settings{Preset: preset})
			if err != nil {
				t.Error(err)
			}
			headlines := map[string]bool{}
			for _, c := range cells {
				if c.Headline {
					headlines[c.Group] = true
				}
			}
			if preset == lab.PresetDefault && !slices.ContainsFunc(cells, func(c lab.Cell) bool { return c.Headline && c.Seed == 3 }) {
				t.Errorf("%s: the headline has fewer than three seeds", e.Name)
			}
			if len(headlines) != 1 {
				t.Errorf("%s, %s: headlines %v, want one", e.Name, preset, headlines)
			}
		}
	}
}

// TestKeys: a stored experiment goes on as long as the keys of its cells stay the same. These are keys of cells
// that were trained: a new field of Cell needs omitempty. A plan or a league.Version that changes on purpose has others.
func TestKeys(t *testing.T) {
	e := denoise()
	cells, err := e.Cells(lab.Settings{Preset: lab.PresetDefault})
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string]string{}
	for i := range cells {
		keys[cells[i].Name] = cells[i].Key()
	}
	for name, want := range map[string]string{"rho0.5-seed1": "0ad431698bd9"} {
		if keys[name] != want {
			t.Errorf("%s has the key %q, want %s: whoever has trained it trains it again", name, keys[name], want)
		}
	}
}

// playedBy are n games of two players, won as often as a difference of their ratings says.
func playedBy(a, b string, n int, difference float64) []lab.PlayedGame {
	p := 1 / (1 + math.Pow(10, -difference/400))
	var games []lab.PlayedGame
	for i := range n {
		won := int(float64(i+1)*p) - int(float64(i)*p)
		games = append(games, lab.PlayedGame{A: a, B: b, Number: i, Half: 2 * won})
	}
	return games
}

// TestWhereItBegins draws the margins of made-up results over noise and games.
func TestWhereItBegins(t *testing.T) {
	e := denoise()
	cells, err := e.Cells(lab.Settings{Preset: lab.PresetDefault})
	if err != nil {
		t.Fatal(err)
	}
	var all []*lab.Done
	for i, c := range cells {
		c.Measure.Temperatures, c.Measure.Games, c.Measure.Masked = []float64{0.001, 0.1, 0.5, 1}, 200, false
		d := &lab.Done{Cell: c}
		d.Result.Training = &lab.TrainingStats{}
		type player struct {
			name   string
			rating float64
		}
		var players []player
		for _, name := range c.Corpus.Players {
			players = append(players, player{name, 400})
		}
		for k, name := range c.Measure.League {
			players = append(players, player{name, 200 + 100*float64(k)})
		}
		for k, a := range players {
			for _, b := range players[:k] {
				d.References = append(d.References, playedBy(a.name, b.name, 20, a.rating-b.rating)...)
			}
			for _, temperature := range c.Measure.Temperatures {
				d.Games = append(d.Games, playedBy(lab.ModelName(temperature), a.name, 20, 600-20*float64(i)-a.rating)...)
			}
		}
		all = append(all, d)
	}
	r, err := judge.NewReport(&e, lab.Settings{Preset: lab.PresetDefault}, all)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Pictures) != 1 || len(r.Sections) != 1 {
		t.Fatalf("%d pictures and %d sections", len(r.Pictures), len(r.Sections))
	}
	for _, want := range []string{"| 0.2 |", "| 0.8 |", "| 3000 |", "| 300000 |"} {
		if !strings.Contains(r.Sections[0].Text, want) {
			t.Errorf("the section has no row %s:\n%s", want, r.Sections[0].Text)
		}
	}
	dir := t.TempDir()
	if os.Getenv("PICTURES") != "" {
		dir = os.Getenv("PICTURES")
	}
	if files, err := r.Write(&lab.Lab{Dir: dir}); err != nil || len(files) < 6 {
		t.Errorf("%d files, %v", len(files), err)
	}
}
