package tempering

import (
	"context"
	"math"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"transcend/analysis/favor"
	"transcend/data"
	"transcend/engine/match"
	"transcend/internal/bitboard"
	"transcend/internal/figure"
	"transcend/model"
)

func newModel(t *testing.T, tok data.Tokenizer) *model.Model {
	t.Helper()
	m, err := model.New(model.Config{Layers: 1, Heads: 2, Width: 16, Context: 256, Vocab: tok.VocabSize(), Activation: model.GELU}, 2)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// scorer gives a move a reward that follows from its number.
type scorer struct{}

func (scorer) ID() string   { return "test" }
func (scorer) Close() error { return nil }
func (scorer) Score(_ context.Context, g *bitboard.Game) (all []favor.MoveScore, err error) {
	for i, m := range g.Position().Legal(nil) {
		all = append(all, favor.MoveScore{Move: m, Centipawns: 300 - 25*i})
	}
	return all, nil
}

func openCache(t *testing.T) *favor.Cache {
	t.Helper()
	c, err := favor.OpenCache(t.Context(), filepath.Join(t.TempDir(), "scores.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// byHand samples the characters of legal moves at a temperature: at each place those that continue
// some move, weighed by all moves that go on so, to the power of 1/T. It returns the exact distribution by
// multiplying along each move.
func byHand(pos *bitboard.Position, moves []bitboard.Move, p []float64, temperature float64) []float64 {
	mass := func(prefix string) (sum float64) {
		for i, m := range moves {
			if strings.HasPrefix(pos.SAN(m)+" ", prefix) {
				sum += p[i]
			}
		}
		return sum
	}
	out := make([]float64, len(moves))
	for i, m := range moves {
		text := pos.SAN(m) + " "
		out[i] = 1
		for n := range len(text) {
			total := 0.0
			seen := map[string]bool{}
			for _, other := range moves {
				word := pos.SAN(other) + " "
				if len(word) > n && word[:n] == text[:n] && !seen[word[:n+1]] {
					seen[word[:n+1]] = true
					total += math.Pow(mass(word[:n+1])/mass(text[:n]), 1/temperature)
				}
			}
			out[i] *= math.Pow(mass(text[:n+1])/mass(text[:n]), 1/temperature) / total
		}
	}
	return out
}

func TestReadAgainstBruteForce(t *testing.T) {
	ctx := t.Context()
	cache := openCache(t)
	temperatures := []float64{0.2, 0.7, 1}
	for _, tok := range []data.Tokenizer{data.NewMoveTokenizer(), data.NewCharTokenizer(data.CharOptions{})} {
		r, err := NewReader(newModel(t, tok), tok, temperatures)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		rng := rand.New(rand.NewPCG(1, 1))
		differ := 0
		for range 6 {
			g := bitboard.NewGame(bitboard.Start())
			for range 5 + rng.IntN(15) {
				moves := g.Position().Legal(nil)
				if err := g.Make(moves[rng.IntN(len(moves))]); err != nil {
					t.Fatal(err)
				}
			}
			if err := r.Begin(ctx); err != nil {
				t.Fatal(err)
			}
			s, ok, err := r.Read(ctx, g, cache, scorer{})
			if err != nil || !ok {
				t.Fatal(ok, err)
			}
			pos := g.Position()
			scores, _ := scorer{}.Score(ctx, g)
			rewards := map[bitboard.Move]float64{}
			for _, x := range scores {
				rewards[x.Move] = x.Reward()
			}
			p := append([]float64(nil), r.p...)
			moves := append([]bitboard.Move(nil), r.moves...)
			for k, temperature := range temperatures {
				sum, want := 0.0, 0.0
				for i := range moves {
					w := math.Pow(p[i], 1/temperature)
					sum += w
					want += w * rewards[moves[i]]
				}
				if math.Abs(s.Rewards[Moves][k]-want/sum) > 1e-9 {
					t.Errorf("moves at T=%v: %v, want %v", temperature, s.Rewards[Moves][k], want/sum)
				}
				want = 0
				for i, x := range byHand(pos, moves, p, temperature) {
					want += x * rewards[moves[i]]
				}
				if math.Abs(s.Rewards[Characters][k]-want) > 1e-9 {
					t.Errorf("characters at T=%v: %v, want %v", temperature, s.Rewards[Characters][k], want)
				}
			}
			// The greedy path, one character at a time.
			path := ""
			for !strings.HasSuffix(path, " ") {
				best, bestMass := "", -1.0
				for _, m := range moves {
					word := pos.SAN(m) + " "
					if !strings.HasPrefix(word, path) {
						continue
					}
					mass := 0.0
					for j, other := range moves {
						if strings.HasPrefix(pos.SAN(other)+" ", word[:len(path)+1]) {
							mass += p[j]
						}
					}
					if mass > bestMass {
						best, bestMass = word[:len(path)+1], mass
					}
				}
				path = best
			}
			if s.Greedy.Move+" " != path {
				t.Errorf("the greedy path ends in %q, not %s", path, s.Greedy.Move)
			}
			if s.Differs() {
				differ++
			}
			if written := s.GreedyWritten != nil; written != (tok.Name() == "char") || written && len(s.Rewards[Written]) != len(temperatures) {
				t.Errorf("%s: as written %+v", tok.Name(), s.GreedyWritten)
			}
		}
		if differ == 0 {
			t.Errorf("%s: the likeliest move was the end of the greedy path in all positions: nothing was tested", tok.Name())
		}
	}
}

// TestWrittenAtOne: at T=1 a model of characters is the same at both levels, so what it writes, given that it is
// legal, has the reward of moves.
func TestWrittenAtOne(t *testing.T) {
	tok := data.NewCharTokenizer(data.CharOptions{})
	r, err := NewReader(newModel(t, tok), tok, []float64{1})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	g := bitboard.NewGame(bitboard.Start())
	s, ok, err := r.Read(t.Context(), g, openCache(t), scorer{})
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	if got := s.Rewards[Written][0] / s.Legal[Written][0]; math.Abs(got-s.Rewards[Moves][0]) > 1e-6 || math.Abs(s.Rewards[Characters][0]-s.Rewards[Moves][0]) > 1e-9 {
		t.Errorf("%v as written, %v over characters, %v over moves", got, s.Rewards[Characters][0], s.Rewards[Moves][0])
	}
}

func TestDuel(t *testing.T) {
	tok := data.NewMoveTokenizer()
	m := newModel(t, tok)
	var players [3]*Player
	for i, level := range []Level{Moves, Characters, Moves} {
		p, err := NewPlayer(m, tok, level, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		players[i] = p
	}
	openings, err := match.BuiltinOpenings(match.OpeningOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var duels []Duel
	for slot := range 4 {
		d, err := Play(t.Context(), players[0], players[1], openings, slot, 1)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Play(t.Context(), players[0], players[1], openings, slot, 1)
		if err != nil || *again != *d {
			t.Errorf("the same game again: %+v, was %+v: %v", again, d, err)
		}
		duels = append(duels, *d)
	}
	// The same level on both sides is a mirror: what one wins the other does with reversed colors.
	total := 0.0
	for slot := range 4 {
		d, err := Play(t.Context(), players[0], players[2], openings, slot, 1)
		if err != nil {
			t.Fatal(err)
		}
		total += d.Characters
	}
	if total != 2 {
		t.Errorf("a player scored %v of 4 against itself", total)
	}

	state := func(mode, greedy float64, pm, pg float64) State {
		s := State{Mode: Choice{"e4", pm, mode}, Greedy: Choice{"d4", pg, greedy}}
		for _, l := range []Level{Moves, Characters} {
			s.Rewards[l], s.Legal[l] = []float64{mode}, []float64{1}
		}
		s.Rewards[Characters][0] = greedy
		return s
	}
	games := []Game{{States: []State{state(0.6, 0.4, 0.5, 0.3), state(0.5, 0.5, 0.5, 0.5)}}, {States: []State{state(0.3, 0.4, 0.4, 0.1), state(0.3, 0.3, 0.4, 0.4)}}}
	r, err := Summarize(games, []float64{0.001}, 200, 1)
	if err != nil {
		t.Fatal(err)
	}
	if r.Paths.Differs.Value != 0.5 || math.Abs(r.Paths.Cost.Value-0.025) > 1e-12 || math.Abs(r.Paths.CostThere.Value-0.05) > 1e-12 || r.Written != nil ||
		len(r.Rows) != 2 || math.Abs(r.Rows[1].Cost.Value-0.025) > 1e-12 || len(r.Examples) != 2 || r.Examples[0].Mode.Reward != 0.6 {
		t.Errorf("%+v", r)
	}
	if err := r.Compare(duels, 0.001); err != nil || r.Rating == nil || r.Duels != 4 {
		t.Errorf("%+v, %v", r.Rating, err)
	}
	var text strings.Builder
	if err := r.WriteText(&text); err != nil || !strings.Contains(text.String(), "in 50.00%") {
		t.Errorf("%v\n%s", err, text.String())
	}
	if files, err := figure.WriteAll(t.TempDir(), r.Pictures()); err != nil || len(files) != 2 {
		t.Errorf("%v, %v", files, err)
	}
	if _, err := Summarize(nil, []float64{1}, 200, 1); err == nil {
		t.Error("nothing was summed up")
	}
}
