package favor

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"transcend/data"
	"transcend/internal/bitboard"
	"transcend/model"
)

func TestMain(m *testing.M) {
	if path := os.Getenv("FAVOR_TEST_SCORE_INTO"); path != "" {
		scoreForever(path)
	}
	goleak.VerifyTestMain(m)
}

// counted scores by something that anybody can work out, and counts.
type counted struct {
	mu    sync.Mutex
	times map[string]int
	delay time.Duration
}

func (c *counted) ID() string   { return "test" }
func (c *counted) Close() error { return nil }
func (c *counted) Score(_ context.Context, g *bitboard.Game) ([]MoveScore, error) {
	c.mu.Lock()
	if c.times == nil {
		c.times = map[string]int{}
	}
	c.times[g.Position().FEN()]++
	c.mu.Unlock()
	time.Sleep(c.delay)
	return invented(g.Position()), nil
}

// invented are scores that follow from the moves alone.
func invented(pos *bitboard.Position) []MoveScore {
	var scores []MoveScore
	for i, m := range pos.Legal(nil) {
		s := MoveScore{Move: m, Centipawns: 500 - 37*i}
		switch i % 7 {
		case 3:
			s = MoveScore{Move: m, Mate: 2}
		case 5:
			s = MoveScore{Move: m, Mate: -1}
		}
		scores = append(scores, s)
	}
	return scores
}

// positions are some that games come to.
func positions(n int) []*bitboard.Game {
	rng := rand.New(rand.NewPCG(5, 5))
	var all []*bitboard.Game
	for len(all) < n {
		g := bitboard.NewGame(bitboard.Start())
		for range rng.IntN(30) {
			if moves := g.Position().Legal(nil); len(moves) > 0 {
				if err := g.Make(moves[rng.IntN(len(moves))]); err != nil {
					panic(err)
				}
			}
		}
		if g.Position().HasLegalMove() {
			all = append(all, g)
		}
	}
	return all
}

// TestReward compares with values that the paper's released pairs of pawns and rewards have.
func TestReward(t *testing.T) {
	for _, c := range []struct {
		s    MoveScore
		want float64
	}{
		{MoveScore{Centipawns: 303}, 0.753}, {MoveScore{Centipawns: -212}, 0.314}, {MoveScore{Centipawns: -407}, 0.183}, {MoveScore{Centipawns: -435}, 0.168},
		{MoveScore{Centipawns: 38}, 0.535}, {MoveScore{Centipawns: -3}, 0.497}, {MoveScore{}, 0.5}, {MoveScore{Centipawns: 392}, 0.809}, {MoveScore{Centipawns: 340}, 0.778},
		{MoveScore{Mate: 7}, 1}, {MoveScore{Mate: -7}, 0},
	} {
		if got := c.s.Reward(); math.Abs(got-c.want) > 0.0005001 {
			t.Errorf("%+v: %v, want %v", c.s, got, c.want)
		}
	}
}

func TestScoresAsText(t *testing.T) {
	for _, g := range positions(20) {
		pos := g.Position()
		want := invented(pos)
		text := writeScores(want)
		got, err := readScores(pos, text)
		if err != nil || len(got) != len(want) {
			t.Fatalf("%q: %d scores, %v", text, len(got), err)
		}
		for i := range got {
			if got[i] != want[i] {
				t.Errorf("%+v was %+v", got[i], want[i])
			}
		}
		for _, damaged := range []string{text + " " + strings.Fields(text)[0], strings.Join(strings.Fields(text)[1:], " "), strings.Replace(text, ":", "?", 1), "a1a9:3", text[:len(text)-1] + "#0"} {
			if _, err := readScores(pos, damaged); err == nil {
				t.Errorf("%q was read", damaged)
			}
		}
	}
}

// TestReadAgainstBruteForce: expectations of a model of moves are sums over its softmax.
func TestReadAgainstBruteForce(t *testing.T) {
	ctx := t.Context()
	tok := data.NewMoveTokenizer()
	m, err := model.New(model.Config{Layers: 1, Heads: 2, Width: 16, Context: 64, Vocab: tok.VocabSize(), Activation: model.GELU}, 1)
	if err != nil {
		t.Fatal(err)
	}
	cache := openCache(t, filepath.Join(t.TempDir(), "scores.db"))
	temperatures := []float64{0, 0.02, 0.75, 1}
	r, err := NewReader(m, tok, nil, temperatures, 0, false)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var scorer counted
	for _, g := range positions(15) {
		if err := r.Begin(ctx, 1); err != nil {
			t.Fatal(err)
		}
		s, ok, err := r.Read(ctx, g, cache, &scorer)
		if err != nil || !ok {
			t.Fatal(ok, err)
		}
		logits, err := m.NewDecoder().Append(tok.AppendPrompt(nil, g.Moves())...)
		if err != nil {
			t.Fatal(err)
		}
		pos := g.Position()
		scores := invented(pos)
		for k, temperature := range temperatures {
			weight := func(id int32) float64 {
				best := float64(-math.MaxFloat32)
				for i := range int32(data.NumMoves) {
					best = max(best, float64(logits[i]))
				}
				if temperature == 0 {
					if float64(logits[id]) == best {
						return 1
					}
					return 0
				}
				return math.Exp((float64(logits[id]) - best) / temperature)
			}
			var all, legal, reward, top3 float64
			for id := range int32(data.NumMoves) {
				all += weight(id)
				move, _ := tok.Move(id)
				for rank, score := range scores {
					if score.Move == move {
						x := 1 / (1 + math.Exp(-0.00368208*float64(score.Centipawns)))
						if score.Mate > 0 {
							x = 1
						} else if score.Mate < 0 {
							x = 0
						}
						legal += weight(id)
						reward += weight(id) * x
						if rank < 3 {
							top3 += weight(id)
						}
					}
				}
			}
			if math.Abs(s.Legal[k]-legal/all) > 1e-5 || math.Abs(s.Reward[k]-reward/all) > 1e-5 || math.Abs(s.Top[k][1]-top3/all) > 1e-5 {
				t.Errorf("ply %d, T=%v: %v %v %v, want %v %v %v", g.Ply(), temperature, s.Legal[k], s.Reward[k], s.Top[k], legal/all, reward/all, top3/all)
			}
			if given, ok := s.Given(k); ok != (legal > 0) || ok && math.Abs(given-reward/legal) > 1e-4 {
				t.Errorf("ply %d, T=%v: given %v, want %v", g.Ply(), temperature, given, reward/legal)
			}
		}
	}
}

// TestSamplesComeToTheExpectation of moves, and to no less of characters.
func TestSamplesComeToTheExpectation(t *testing.T) {
	ctx := t.Context()
	cache := openCache(t, filepath.Join(t.TempDir(), "scores.db"))
	for _, tok := range []data.Tokenizer{data.NewMoveTokenizer(), data.NewCharTokenizer(data.CharOptions{})} {
		m, err := model.New(model.Config{Layers: 1, Heads: 2, Width: 16, Context: 200, Vocab: tok.VocabSize(), Activation: model.GELU}, 3)
		if err != nil {
			t.Fatal(err)
		}
		const n = 3000
		read := func(samples int) *State {
			r, err := NewReader(m, tok, nil, []float64{1, 0.9}, samples, false)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			if err := r.Begin(ctx, 1); err != nil {
				t.Fatal(err)
			}
			s, ok, err := r.Read(ctx, positions(1)[0], cache, &counted{})
			if err != nil || !ok {
				t.Fatal(ok, err)
			}
			return s
		}
		exact, sampled := read(0), read(n)
		for k := range exact.Reward {
			// Of a variable from 0 to 1 whose mean is x, the variance is at most x(1-x).
			for _, pair := range [][2]float64{{exact.Reward[k], sampled.Reward[k]}, {exact.Legal[k], sampled.Legal[k]}} {
				far := 5*math.Sqrt(pair[0]*(1-pair[0])/n) + 1e-9
				if other := pair[1] - pair[0]; other < -far || other > far && tok.Name() == "move" {
					// Among characters other spellings are drawn, too.
					t.Errorf("%s: %v, of samples %v", tok.Name(), pair[0], pair[1])
				}
			}
		}
	}
}

func openCache(t *testing.T, path string) *Cache {
	t.Helper()
	c, err := OpenCache(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// TestCacheScoresOnce: of many who ask at once, in two openings of the file as two processes have, one scores.
func TestCacheScoresOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "scores.db")
	caches := []*Cache{openCache(t, path), openCache(t, path)}
	scorer := &counted{delay: 3 * time.Millisecond}
	games := positions(12)
	var wait sync.WaitGroup
	for worker := range 6 {
		wait.Go(func() {
			for i := range games {
				g := games[(i+worker/2)%len(games)]
				scores, err := caches[worker%2].Scores(context.Background(), scorer, g.Position())
				if err != nil || fmt.Sprint(scores) != fmt.Sprint(invented(g.Position())) {
					t.Errorf("%v, %v", scores, err)
				}
			}
		})
	}
	wait.Wait()
	for fen, n := range scorer.times {
		if n != 1 {
			t.Errorf("%s was scored %d times", fen, n)
		}
	}
	if n, err := caches[0].Len(t.Context()); err != nil || n != len(scorer.times) {
		t.Errorf("%d positions in the file, %d were scored: %v", n, len(scorer.times), err)
	}
}

// scoreForever is a process that scores one position after the other until it is killed, and says which are
// stored.
func scoreForever(path string) {
	c, err := OpenCache(context.Background(), path)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	c.lease = 300 * time.Millisecond
	for i, g := range positions(300) {
		if _, err := c.Scores(context.Background(), &counted{delay: time.Millisecond}, g.Position()); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("stored", i)
	}
	os.Exit(0)
}

// TestCacheSurvivesKill: what was stored before a kill -9 is there, and claims that were left end.
func TestCacheSurvivesKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "scores.db")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	stored := 0
	for range 3 {
		cmd := exec.Command(self)
		cmd.Env = append(os.Environ(), "FAVOR_TEST_SCORE_INTO="+path)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var line string
		for last, enough := -1, stored+20; last < enough; {
			if _, err := fmt.Fscan(out, &line, &last); err != nil || line != "stored" {
				t.Fatalf("%s: %v", line, err)
			}
			stored = max(stored, last)
		}
		cmd.Process.Kill()
		cmd.Wait()
	}
	c := openCache(t, path)
	c.lease = time.Millisecond // what is left of claims is the killed process's
	if _, err := c.db.Exec("UPDATE claims SET until=0"); err != nil {
		t.Fatal(err)
	}
	var ok string
	if err := c.db.QueryRow("PRAGMA integrity_check").Scan(&ok); err != nil || ok != "ok" {
		t.Errorf("integrity: %s, %v", ok, err)
	}
	scorer := new(counted)
	for _, g := range positions(stored + 1) {
		scores, err := c.Scores(t.Context(), scorer, g.Position())
		if err != nil || len(scores) == 0 {
			t.Fatal(err)
		}
	}
	if len(scorer.times) != 0 {
		t.Errorf("%d of %d positions that were stored had to be scored again", len(scorer.times), stored+1)
	}
}

func TestCacheWaitsForClaimsAndTakesThemOver(t *testing.T) {
	c := openCache(t, filepath.Join(t.TempDir(), "scores.db"))
	g := positions(1)[0]
	id, err := c.scorer(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	if _, claimed, err := c.claim(t.Context(), id, key(g.Position())); err != nil || !claimed {
		t.Fatal(claimed, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	scorer := new(counted)
	if _, err := c.Scores(ctx, scorer, g.Position()); err == nil || len(scorer.times) > 0 {
		t.Errorf("somebody else's position was scored: %v", err)
	}
	if _, err := c.db.Exec("UPDATE claims SET until=1"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Scores(t.Context(), scorer, g.Position()); err != nil || len(scorer.times) != 1 {
		t.Errorf("a claim that ended: %v", err)
	}
}

func TestCacheRefusesOtherFiles(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte(strings.Repeat("this is no database\n", 100)), 0o644); err != nil {
		t.Fatal(err)
	}
	other := openCache(t, filepath.Join(dir, "other.db"))
	if _, err := other.db.Exec("PRAGMA application_id=1"); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{text, filepath.Join(dir, "other.db"), filepath.Join(dir, "nowhere", "x.db")} {
		if c, err := OpenCache(t.Context(), path); err == nil {
			c.Close()
			t.Errorf("%s was opened", path)
		}
	}
}

// simulated games have means of their own: positions of one game are alike.
func simulated(rng *rand.Rand, games int, gain float64) []Game {
	var all []Game
	for range games {
		own := 0.05 * rng.NormFloat64()
		var g Game
		for range 5 + rng.IntN(40) {
			base := rng.Float64()
			legal := 0.5 + 0.5*rng.Float64()
			g.States = append(g.States, State{
				Reward: []float64{base*legal + gain + own + 0.02*rng.NormFloat64(), base * legal}, Legal: []float64{1, legal},
				Top: [][]float64{{0.2, 0.5, 0.9}, {0.1 * legal, 0.3 * legal, 0.5 * legal}},
			})
		}
		all = append(all, g)
	}
	return all
}

// TestIntervalsCover: games have a gain of 2 points on average; 95% of the intervals by game hold it, and of those
// by position, which take positions of one game for independent, far fewer.
func TestIntervalsCover(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	const trials = 400
	byGame, byState := 0, 0
	for range trials {
		games := simulated(rng, 40, 0.02)
		gain := func(s *State) (float64, bool) { return s.Reward[0] - s.Reward[1], true }
		if clustersOf(games, gain).interval(400, rng.Uint64()).Contains(0.02) {
			byGame++
		}
		single := Clusters{}
		for _, g := range games {
			for i := range g.States {
				x, _ := gain(&g.States[i])
				single.Add(x, 1)
			}
		}
		if single.interval(100, rng.Uint64()).Contains(0.02) {
			byState++
		}
	}
	// 95% of 400 is 380, with a standard error of 4.4; 40 games and quantiles of 400 resamples cost a little.
	if byGame < 362 || byGame > 394 || byState > 300 {
		t.Errorf("of %d intervals by game %d hold the truth, by position %d", trials, byGame, byState)
	}
}

// TestIntervalsOfFewGames: twelve games of differing length, whose gains are mostly nothing and seldom much, the same mean in each law.
// The interval holds it about as often as it says, beside the percentile interval (TestIntervalsCover's law has no tail).
func TestIntervalsOfFewGames(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	const trials, resamples = 400, 400
	ours, percentile := 0, 0
	for range trials {
		var c Clusters
		for range 12 {
			n, sum := 10+rng.IntN(51), 0.0
			level := 0.03 * (rng.ExpFloat64() - 1)
			for range n {
				if rng.IntN(40) == 0 {
					sum += 0.5 * rng.ExpFloat64()
				}
				sum += level
			}
			c.Add(sum, float64(n))
		}
		if c.interval(resamples, rng.Uint64()).Contains(0.0125) {
			ours++
		}
		means := make([]float64, resamples)
		for r := range means {
			var drawn Clusters
			for range c.sums {
				i := rng.IntN(len(c.sums))
				drawn.Add(c.sums[i], c.sizes[i])
			}
			means[r] = drawn.mean()
		}
		slices.Sort(means)
		if means[resamples/40] <= 0.0125 && 0.0125 <= means[resamples-1-resamples/40] {
			percentile++
		}
	}
	if ours < 362 || ours > 394 || percentile > 362 {
		t.Errorf("of %d intervals %d hold the truth, of percentile intervals %d", trials, ours, percentile)
	}
	var c Clusters
	c.Add(0, 10)
	c.Add(0, 20)
	if iv := c.interval(100, 1); iv.Low != 0 || iv.High != 0 {
		t.Errorf("games without any gain: %v", iv)
	}
	c.Add(5, 10) // of three games one: a third of the draws are without it
	if iv := c.interval(100, 1); iv.High != 1 || iv.Low > 0.125 {
		t.Errorf("one game with a gain: %v", iv)
	}
}

func TestSummarize(t *testing.T) {
	games := []Game{
		{States: []State{
			{Reward: []float64{0.5, 0.3}, Legal: []float64{1, 0.5}, Top: [][]float64{{1, 1, 1}, {0.25, 0.5, 0.5}}, Best: 0.8, Uniform: 0.2},
			{Reward: []float64{0, 0.2}, Legal: []float64{0, 0.5}, Top: [][]float64{{0, 0, 0}, {0.25, 0.5, 0.5}}, Best: 0.6, Uniform: 0.1},
		}},
		{States: []State{{Reward: []float64{0.6, 0.6}, Legal: []float64{1, 1}, Top: [][]float64{{0, 1, 1}, {0.5, 1, 1}}, Best: 0.7, Uniform: 0.3}}},
		// Legal at the low temperature alone: there is nothing to compare with.
		{States: []State{{Reward: []float64{0.9, 0}, Legal: []float64{1, 0}, Top: [][]float64{{1, 1, 1}, {0, 0, 0}}, Best: 0.7, Uniform: 0.2}}},
		{},
	}
	s, err := Summarize(games, []float64{0.001, 1}, 1, 200, 1)
	if err != nil {
		t.Fatal(err)
	}
	near := func(what string, got, want float64) {
		t.Helper()
		if math.Abs(got-want) > 1e-12 {
			t.Errorf("%s is %v, want %v", what, got, want)
		}
	}
	zero, given := s.Rows[0].Zero, s.Rows[0].Given
	near("best", s.Best, 0.7)
	near("uniform", s.Uniform, 0.2)
	near("reward with illegal moves", zero.Reward.Value, 2.0/4)
	near("gain with illegal moves", zero.Gain.Value, 0.9/4)
	// Without: positions 1 (0.5 against 0.6) and 3 (equal).
	near("reward without illegal moves", given.Reward.Value, 0.55)
	near("gain without illegal moves", given.Gain.Value, -0.05)
	near("top 1 with", zero.Top[0].Value, 2.0/4)
	near("top 1 without", given.Top[0].Value, 0.5)
	near("top 1 without, at the base", s.Rows[1].Given.Top[0].Value, (0.5+0.5+0.5)/3)
	near("better", zero.Better, 2.0/4)
	near("worse", zero.Worse, 1.0/4)
	if s.Games != 3 || s.States != 4 || zero.States != 4 || given.States != 2 || zero.Histogram.Above != 2 || zero.Histogram.Below != 1 || zero.Histogram.Bins[25] != 1 {
		t.Errorf("%+v", s)
	}
	if _, err := Summarize(games, []float64{0.001}, 1, 200, 1); err == nil {
		t.Error("gains over a temperature that is not there")
	}
	if _, err := Summarize(nil, []float64{1}, 1, 200, 1); err == nil {
		t.Error("nothing was summed up")
	}
}

// TestWorked: the games are legal, black is to move, and the published moves are legal moves whose published
// samples are in order with the text.
func TestWorked(t *testing.T) {
	plies := []int{39, 35, 47, 61, 43}
	for i, p := range Worked() {
		g, err := p.Game()
		if err != nil {
			t.Fatal(err)
		}
		pos := g.Position()
		if pos.SideToMove() != bitboard.Black || g.Ply() != plies[i] {
			t.Errorf("%s: ply %d, %v to move", p.Name, g.Ply(), pos.SideToMove())
		}
		if d := p.drawn(p.Greedy); d == nil || d.Reward == 0 {
			t.Errorf("%s: no reward of %s", p.Name, p.Greedy)
		}
		at1, at75 := 0, 0
		for _, d := range p.Drawn {
			at1, at75 = at1+d.At1, at75+d.At75
			if d.Move == "" {
				continue
			}
			if _, err := pos.ParseUCIMove(d.Move); err != nil || d.Reward == 0 {
				t.Errorf("%s: %v, reward %v", p.Name, err, d.Reward)
			}
		}
		if at1 > 100 || at1 < 30 || at75 > 100 || at75 < 30 {
			t.Errorf("%s: %d and %d of 100 samples", p.Name, at1, at75)
		}
	}
	if g, _ := Worked()[1].Game(); g.Position().FEN() != "3r1rk1/1b2qppp/p3p3/Qp6/2pPpN1P/P3P1P1/1PP2P2/R3K2R b KQ - 1 18" {
		t.Errorf("the second position is %s", g.Position().FEN())
	}
}

func TestRewardDifference(t *testing.T) {
	r := &Report{Worked: []Example{
		{Moves: []ExampleMove{{Reward: 0.5, Published: 0.4}, {Reward: 0.1}}},
		{Moves: []ExampleMove{{Reward: 0.2, Published: 0.4}, {Reward: 0.9, Published: 0.9}}},
	}}
	if mean, n := r.rewardDifference(); n != 3 || math.Abs(mean-0.1) > 1e-12 {
		t.Errorf("%v of %d", mean, n)
	}
	if mean, n := new(Report).rewardDifference(); n != 0 || mean != 0 {
		t.Errorf("of nothing %v of %d", mean, n)
	}
}

// TestWorkedWithStockfish: the rewards of the paper's positions are those of its material, as far as a smaller search
// sees what theirs saw, and the machinery ranks its moves.
func TestWorkedWithStockfish(t *testing.T) {
	scorer, err := NewEngineScorer(t.Context(), "stockfish", Search{Nodes: 60_000})
	if err != nil {
		t.Skipf("Stockfish is not installed: %v", err)
	}
	defer scorer.Close()
	cache := openCache(t, filepath.Join(t.TempDir(), "scores.db"))
	for _, p := range Worked() {
		g, err := p.Game()
		if err != nil {
			t.Fatal(err)
		}
		scores, err := cache.Scores(t.Context(), scorer, g.Position())
		if err != nil {
			t.Fatal(err)
		}
		if got := scores[0].Move.String(); got != p.Greedy && p.Name != "a quiet move" {
			t.Errorf("%s: the best move is %s, in the paper %s", p.Name, got, p.Greedy)
		}
		for _, s := range scores {
			if d := p.drawn(s.Move.String()); d != nil && math.Abs(s.Reward()-d.Reward) > 0.2 {
				t.Errorf("%s: %v has reward %.3f, in the paper %.3f", p.Name, s.Move, s.Reward(), d.Reward)
			}
		}
	}
}

// TestLeagueScorer: all moves have a score, and a mate is one.
func TestLeagueScorer(t *testing.T) {
	s, err := NewLeagueScorer(Search{Depth: 2})
	if err != nil {
		t.Fatal(err)
	}
	pos, err := bitboard.ParseFEN("r1bqkb1r/pppp1ppp/2n2n2/4p2Q/2B1P3/8/PPPP1PPP/RNB1K1NR w KQkq - 4 4")
	if err != nil {
		t.Fatal(err)
	}
	scores, err := s.Score(t.Context(), bitboard.NewGame(pos))
	if err != nil || checkScores(&pos, scores) != nil || pos.SAN(scores[0].Move) != "Qxf7#" || scores[0].Mate != 1 || scores[0].Reward() != 1/(1+math.Exp(-36.8208)) {
		t.Errorf("%+v, %v", scores, err)
	}
	if _, err := NewLeagueScorer(Search{MoveTime: time.Second}); err == nil {
		t.Error("the league's search took a time")
	}
}
