package lab

import (
	"context"
	"math"
	"path/filepath"
	"testing"

	"transcend/analysis"
	"transcend/data"
	"transcend/data/league"
	"transcend/internal/bitboard"
	"transcend/model"
	"transcend/model/sampling"
)

// TestAgreement compares the counts of a tiny model with those of package analysis, which counts
// matches with what was played, and among each other.
func TestAgreement(t *testing.T) {
	ctx := context.Background()
	l, e := tinyLab(t), tinyExperiment()
	cells, err := e.Cells(Settings{Preset: PresetTiny})
	if err != nil {
		t.Fatal(err)
	}
	c := cells[0]
	c.Corpus.Openings, c.Measure.Positions, c.Training.Steps, c.Measure.Games, c.Measure.References = "start", 1000, 60, 4, 2
	done, err := l.Do(ctx, &e, &c)
	if err != nil {
		t.Fatal(err)
	}
	a := done.Result.Agreement
	held, err := c.heldOut(&done.Result.Corpus)
	if err != nil {
		t.Fatal(err)
	}
	if len(held) != c.Corpus.HeldOut {
		t.Fatalf("%d held-out games, want %d", len(held), c.Corpus.HeldOut)
	}
	games := data.NewCorpus()
	for _, g := range held {
		games.Append(g.Data())
	}
	path, err := model.LatestCheckpoint(filepath.Join(l.cellDir(&c), "run"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := model.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	tok, err := c.Model.tokenizer()
	if err != nil {
		t.Fatal(err)
	}
	want, err := analysis.MoveQuality(ctx, m, tok, games, analysis.MoveQualityOptions{})
	if err != nil {
		t.Fatal(err)
	}
	all := a.All
	played := all.Copied.Hits + all.Meant.Hits - all.MeantAnyway.Hits
	if all.Legal.Of != want.Positions || all.Legal.Hits != want.LegalArgmax || played != want.Match {
		t.Errorf("%d positions, %d legal, %d as played; package analysis has %d, %d, %d",
			all.Legal.Of, all.Legal.Hits, played, want.Positions, want.LegalArgmax, want.Match)
	}
	// What was meant, asked in another way.
	meant, anyway := 0, 0
	mover := league.NewMover(0)
	for _, g := range held {
		plies := make([]int, len(g.Moves))
		for i := range plies {
			plies[i] = i
		}
		choices, err := analysis.GameChoices(ctx, m, tok, sampling.Settings{}, g.Moves, plies, 1)
		if err != nil {
			t.Fatal(err)
		}
		board := bitboard.NewGame(bitboard.Start())
		for i, choice := range choices {
			expert := g.White
			if i%2 == 1 {
				expert = g.Black
			}
			intended, err := mover.Intended(&expert.Player, board)
			if err != nil {
				t.Fatal(err)
			}
			if top := choice.Top[0]; top.Legal && top.Move == intended {
				meant++
				if g.Moves[i] != intended {
					anyway++
				}
			}
			if err := board.Make(g.Moves[i]); err != nil {
				t.Fatal(err)
			}
		}
	}
	if meant != all.Meant.Hits || anyway != all.MeantAnyway.Hits {
		t.Errorf("%d moves as meant, %d of them where the expert erred; asked in another way %d, %d", all.Meant.Hits, all.MeantAnyway.Hits, meant, anyway)
	}
	if all.Meant.Hits == 0 || all.Copied.Hits == 0 {
		t.Errorf("a model that agrees with nothing shows nothing: %+v", all)
	}
	if all.Expert.Of != all.Legal.Of || all.Expert.Hits+all.MeantAnyway.Of != all.Expert.Of {
		t.Errorf("the experts' own counts do not add up: %+v", all)
	}
	// Half of the moves are random, and some of these are what was meant.
	if share := all.Expert.Value(); share < 0.42 || share > 0.68 {
		t.Errorf("the experts play what they mean in %.2f of their moves", share)
	}
	for name, bands := range map[string][]Band{"quarters": a.Quarters, "plies": a.Plies, "seen": a.Seen} {
		positions, meant := 0, 0
		for _, b := range bands {
			positions += b.Expert.Of
			meant += b.Meant.Hits
		}
		if positions != all.Expert.Of || meant != all.Meant.Hits {
			t.Errorf("%s: %d positions and %d agreements, want %d and %d", name, positions, meant, all.Expert.Of, all.Meant.Hits)
		}
	}
	// The initial position is in every game that was trained on.
	if last := a.Seen[len(a.Seen)-1]; last.Expert.Of < len(held) {
		t.Errorf("%d positions were seen %d times or more; every game begins with one", last.Expert.Of, last.From)
	}
}

// TestExpertsWithoutNoise: who has no noise plays what it means.
func TestExpertsWithoutNoise(t *testing.T) {
	l, e := tinyLab(t), tinyExperiment()
	cells, err := e.Cells(Settings{Preset: PresetTiny})
	if err != nil {
		t.Fatal(err)
	}
	c := cells[0]
	c.Model = Model{}
	c.Corpus.Players, c.Corpus.Games = []string{"ply1", "ply1:seed=2"}, 20
	done, err := l.Do(context.Background(), &e, &c)
	if err != nil {
		t.Fatal(err)
	}
	if a := done.Result.Agreement.All; a.Expert.Hits != a.Expert.Of || a.Expert.Of == 0 || a.Legal.Of != 0 {
		t.Errorf("experts without noise, no model: %+v", a)
	}
	if done.Result.Training != nil || len(done.Games) > 0 || len(done.References) == 0 {
		t.Errorf("a cell without a model has training %v, %d games, %d references", done.Result.Training, len(done.Games), len(done.References))
	}
}

// TestGames: openings are the same for everybody who meets an opponent, in pairs, and differ
// otherwise.
func TestGames(t *testing.T) {
	proto, err := newProtocol(&Measure{Openings: "random:4", MaxPlies: 40, Policy: "forfeit-after-5", Adjudicate: 200})
	if err != nil {
		t.Fatal(err)
	}
	w := newWorker(proto)
	defer w.close()
	seen := map[string]bool{}
	for i := range uint64(200) {
		o := w.opening(i)
		if len(o.Moves) != 4 {
			t.Fatalf("an opening of %d plies", len(o.Moves))
		}
		text := ""
		for _, m := range o.Moves {
			text += m.String()
		}
		seen[text] = true
	}
	if len(seen) < 195 {
		t.Errorf("%d different openings of 200", len(seen))
	}
	a, b := Entrant{Name: "a"}, []Entrant{{Name: "b"}, {Name: "c"}, {Name: "d"}}
	total := map[string]int{}
	for _, p := range gauntlet([]Entrant{a}, b[:2], b[2:], 30) {
		if p.Games%2 != 0 {
			t.Errorf("%d games against %s: colors are not even", p.Games, p.B.Name)
		}
		total[p.B.Name] = p.Games
	}
	if total["b"]+total["c"] != 16 || total["d"] != 16 {
		t.Errorf("games against each: %v, want half of 30 against b and c, half against d, in pairs", total)
	}
}

func TestRate(t *testing.T) {
	var r Rate
	r.add(3, 0)
	if r.Games != 0 {
		t.Error("a game without positions counts")
	}
	// Independent positions: Wilson's interval.
	for range 50 {
		r.add(1, 2)
	}
	i := r.Interval()
	if math.Abs(i.Low-0.4038) > 2e-3 || math.Abs(i.High-0.5962) > 2e-3 {
		t.Errorf("50 of 100 without clusters: %v, want Wilson's 0.404 to 0.596", i)
	}
	// The same hits in games that are all or nothing say less.
	var c Rate
	for n := range 50 {
		c.add(2*(n%2), 2)
	}
	j := c.Interval()
	if c.Hits != r.Hits || j.High-j.Low < 1.3*(i.High-i.Low) {
		t.Errorf("clustered %v is not wider than independent %v", j, i)
	}
	var none Rate
	none.add(0, 100)
	if i := none.Interval(); i.High < 0.5 {
		t.Errorf("nothing of 100 positions of one game: %v", i)
	}
}
