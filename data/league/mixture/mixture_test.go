package mixture

import (
	"context"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/stat/distuv"

	"transcend/data/league"
	"transcend/data/league/leaguetest"
	"transcend/data/league/search"
	"transcend/internal/bitboard"
	"transcend/internal/boardtest"
)

func mixture(t testing.TB, p *league.Pool, o Options) *Mixture {
	t.Helper()
	m, err := New(p, o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func position(t testing.TB, m *Mixture, g *bitboard.Game) *Position {
	t.Helper()
	p, err := m.At(g)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

const (
	middlegame = "r1bq1rk1/pp2bppp/2n1pn2/2pp4/3P1B2/2PBPN2/PP1N1PPP/R2QK2R w KQ - 4 12"
	rookEnding = "8/5pk1/4p1p1/1p1pP2p/1P1P1P1P/2R3P1/1r3K2/8 w - - 0 40"
	backRank   = "6k1/5ppp/8/8/8/8/5PPP/3R2K1 w - - 0 40"
)

// TestMixtureByHand has a mate in one: whoever searches plays Rd8, noise plays all moves alike.
func TestMixtureByHand(t *testing.T) {
	m := mixture(t, leaguetest.Pool(t, "ply1:rho=0.3,seed=1", "ply1:rho=0.6", "random", "ply1:rho=0.3,seed=2"), Options{})
	g := boardtest.Game(t, backRank)
	p := position(t, m, g)
	f := p.Mix(nil, m.Prior(bitboard.White))
	n := float64(len(g.Position().Legal(nil)))
	mate, err := g.Position().ParseSAN("Rd8#")
	if err != nil {
		t.Fatal(err)
	}
	noise := (0.3 + 0.6 + 1 + 0.3) / 4
	for i, move := range p.Moves {
		want := noise / n
		if move == mate {
			want += 1 - noise
		}
		if math.Abs(f[i]-want) > 1e-15 {
			t.Errorf("%v: %v, want %v", move, f[i], want)
		}
	}
	if p.Intended(0) != mate || p.Intended(2) != bitboard.NoMove {
		t.Errorf("intended %v and %v", p.Intended(0), p.Intended(2))
	}
	if m.Searches() != 1 {
		t.Errorf("%d searches for players of one search", m.Searches())
	}
	if got, want := p.Agreement(f, m.Prior(bitboard.White)), 0.75*(1-noise+noise/n); math.Abs(got-want) > 1e-15 {
		t.Errorf("agreement %v, want %v", got, want)
	}
}

// TestMixtureIsThatOfItsPlayers adds up what each player's own Distribution says, for every pool
// of the table, in positions of its games.
func TestMixtureIsThatOfItsPlayers(t *testing.T) {
	mover := league.NewMover(0)
	for _, name := range league.Ratings().PoolNames() {
		p := leaguetest.Named(t, name)
		m := mixture(t, p, Options{})
		c := league.Corpus{Pool: p, Seed: 7, MaxPlies: 60}
		game := c.Play(league.NewMover(0), 0)
		g := bitboard.NewGame(bitboard.Start())
		for ply, move := range game.Moves {
			if ply%9 == 0 {
				want := make([]float64, 0)
				for i := range p.Players {
					chances, err := mover.Distribution(&p.Players[i].Player, g)
					if err != nil {
						t.Fatal(err)
					}
					want = slices.Grow(want, len(chances))[:len(chances)]
					for k, c := range chances {
						want[k] += c.P / float64(len(p.Players))
					}
					intended, err := mover.Intended(&p.Players[i].Player, g)
					if err != nil || position(t, m, g).Intended(i) != intended {
						t.Fatalf("%s, ply %d: %s intends %v, want %v (%v)", name, ply, p.Players[i].Title(), position(t, m, g).Intended(i), intended, err)
					}
				}
				at := position(t, m, g)
				f := at.Mix(nil, m.Prior(bitboard.White))
				if math.Abs(floats.Sum(f)-1) > 1e-12 {
					t.Fatalf("%s, ply %d: sum %v", name, ply, floats.Sum(f))
				}
				for k := range f {
					if math.Abs(f[k]-want[k]) > 1e-12 {
						t.Fatalf("%s, ply %d: %v: %v, want %v", name, ply, at.Moves[k], f[k], want[k])
					}
				}
			}
			if err := g.Make(move); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestMixtureIsThatOfThePool lets the pool play one position thousands of times.
func TestMixtureIsThatOfThePool(t *testing.T) {
	const plays = 4000
	for _, c := range []struct {
		pool *league.Pool
		fen  string
	}{
		{leaguetest.Named(t, "specialists"), middlegame},
		{leaguetest.Named(t, "noise"), bitboard.StartFEN},
		{leaguetest.Named(t, "tastes"), rookEnding},
		{leaguetest.Pool(t, "ply2:blind=pawn,miss=0.5,rho=0.2", "boltz:depth=1,t=40", "random", "ply1:rho=0.3,shared=3"), middlegame},
	} {
		m := mixture(t, c.pool, Options{})
		g := boardtest.Game(t, c.fen)
		p := position(t, m, g)
		f := p.Mix(nil, m.Prior(bitboard.White))
		mover := league.NewMover(0)
		seen := make([]int, len(f))
		for i := range plays {
			player := &c.pool.Players[i%len(c.pool.Players)].Player
			move := mover.Play(player, g, uint64(i)*7919+1, search.Options{}).Move
			k, ok := slices.BinarySearch(p.Moves, move)
			if !ok {
				t.Fatalf("%v is not legal", move)
			}
			seen[k]++
		}
		// Players take turns, so counts vary less than multinomial ones: the test is
		// on the safe side.
		chi, cells, restP, rest := 0.0, 0, 0.0, 0
		for k, x := range f {
			if x == 0 && seen[k] > 0 {
				t.Errorf("%v was played at probability 0", p.Moves[k])
			}
			if want := x * plays; want >= 5 {
				chi += (float64(seen[k]) - want) * (float64(seen[k]) - want) / want
				cells++
			} else {
				restP += want
				rest += seen[k]
			}
		}
		if restP >= 5 {
			chi += (float64(rest) - restP) * (float64(rest) - restP) / restP
			cells++
		}
		if tail := (distuv.ChiSquared{K: float64(cells - 1)}).Survival(chi); tail < 1e-4 {
			t.Errorf("%s: chi-square %.1f over %d cells, probability %.2g", c.fen, chi, cells, tail)
		}
	}
}

func TestSharedAndUnseen(t *testing.T) {
	p := leaguetest.Named(t, "shared")
	g := boardtest.Game(t, middlegame)
	m := mixture(t, p, Options{})
	if f := position(t, m, g).Mix(nil, m.Prior(bitboard.White)); slices.Max(f) < 1-1e-12 {
		t.Errorf("shared noise leaves %v to chance", f)
	}
	unseen := mixture(t, p, Options{Unseen: true})
	noise := mixture(t, leaguetest.Named(t, "noise"), Options{})
	got := position(t, unseen, g).Mix(nil, unseen.Prior(bitboard.White))
	want := position(t, noise, g).Mix(nil, noise.Prior(bitboard.White))
	if !slices.Equal(got, want) {
		t.Errorf("unseen %v, independent noise %v", got, want)
	}
}

// TestConcurrent asks for the same positions from several goroutines: each is computed once, and with
// a tiny cache again, to the same.
func TestConcurrent(t *testing.T) {
	p := leaguetest.Named(t, "noise")
	game := (&league.Corpus{Pool: p, Seed: 3, MaxPlies: 40}).Play(league.NewMover(0), 1)
	walk := func(m *Mixture) (all []*Position) {
		g := bitboard.NewGame(bitboard.Start())
		for _, move := range game.Moves {
			at, err := m.At(g)
			if err != nil {
				t.Error(err)
				return nil
			}
			all = append(all, at)
			if err := g.Make(move); err != nil {
				t.Error(err)
			}
		}
		return all
	}
	m, small := mixture(t, p, Options{}), mixture(t, p, Options{CacheBytes: 1})
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() { walk(m) })
		wait.Go(func() { walk(small) })
	}
	wait.Wait()
	if searches := m.Searches(); searches != len(game.Moves) {
		t.Errorf("%d searches for %d positions", searches, len(game.Moves))
	}
	a, b := walk(m), walk(small)
	for i := range a {
		if !slices.Equal(a[i].Player(0), b[i].Player(0)) {
			t.Errorf("ply %d differs", i)
		}
	}
	small.cache.mu.Lock()
	defer small.cache.mu.Unlock()
	if n := len(small.cache.young) + len(small.cache.old); n > 4 {
		t.Errorf("a cache of one byte has %d entries", n)
	}
}

func TestNewRefuses(t *testing.T) {
	many := &league.Pool{Name: "many"}
	for i := range maxPlayers + 1 {
		p := league.Player{Depth: 1, Seed: uint64(i)}
		many.Players = append(many.Players, league.Rated{Player: p})
	}
	for want, p := range map[string]*league.Pool{
		"no players":   {},
		"2001 players": many,
		"no rating":    leaguetest.Pool(t, "ply1:rho=0.123", "ply1:rho=0.234"),
	} {
		if _, err := New(p, Options{MaxGap: 10}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

// TestPrior counts the colors of the players of a corpus whose ratings have to be near.
func TestPrior(t *testing.T) {
	p := leaguetest.Pool(t, "random 400", "ply1:rho=0.9 450", "ply1:rho=0.5 500", "ply1:rho=0.1 900")
	for _, gap := range []int{0, 50} {
		m := mixture(t, p, Options{MaxGap: gap})
		c := league.Corpus{Pool: p, Seed: 5, MaxGap: gap, MaxPlies: 1}
		const games = 4000
		var seen [2][4]float64
		for g, err := range c.Games(context.Background(), 0, games, 0) {
			if err != nil {
				t.Fatal(err)
			}
			for i := range p.Players {
				if g.White == &p.Players[i] {
					seen[0][i]++
				}
				if g.Black == &p.Players[i] {
					seen[1][i]++
				}
			}
		}
		for side := range seen {
			chi := 0.0
			for i, want := range m.Prior(bitboard.Color(side)) {
				chi += (seen[side][i] - want*games) * (seen[side][i] - want*games) / (want * games)
			}
			if chi > 21.1 { // 1e-4 at three degrees of freedom
				t.Errorf("gap %d, color %d: %v, want %v", gap, side, seen[side], m.Prior(bitboard.Color(side)))
			}
		}
	}
}

// TestKeys tells positions apart that differ by what has been before: it decides what repeats.
func TestKeys(t *testing.T) {
	after := func(moves ...string) *bitboard.Game { return boardtest.Game(t, "", moves...) }
	king, queen := after("g1f3", "g8f6", "f3g1", "f6g8"), after("b1c3", "b8c6", "c3b1", "c6b8")
	if *king.Position() != *queen.Position() || keyOf(king) == keyOf(queen) {
		t.Error("two pasts of one position have one key")
	}
	// A pawn's move forgets what was before.
	a, b := after("g1f3", "g8f6", "f3g1", "f6g8", "e2e4"), after("b1c3", "b8c6", "c3b1", "c6b8", "e2e4")
	if keyOf(a) != keyOf(b) {
		t.Error("a past that cannot come back tells positions apart")
	}
}

// BenchmarkMixture computes the positions of a game that are not in the cache, for a pool whose
// players share a search, and prints how much faster that is than asking every player.
func BenchmarkMixture(b *testing.B) {
	p := leaguetest.Named(b, "noise")
	game := (&league.Corpus{Pool: p, Seed: 3}).Play(league.NewMover(0), 2)
	board := bitboard.NewGame(bitboard.Start())
	var games []*bitboard.Game
	for _, move := range game.Moves {
		games = append(games, board.Clone())
		if err := board.Make(move); err != nil {
			b.Fatal(err)
		}
	}
	mover := league.NewMover(0)
	began := time.Now()
	for _, g := range games {
		for i := range p.Players {
			if _, err := mover.Distribution(&p.Players[i].Player, g); err != nil {
				b.Fatal(err)
			}
		}
	}
	alone := time.Since(began) / time.Duration(len(games))
	positions := 0
	for b.Loop() {
		m := mixture(b, p, Options{})
		m.movers.Put(mover)
		for _, g := range games {
			position(b, m, g)
		}
		positions += len(games)
	}
	each := b.Elapsed() / time.Duration(positions)
	b.ReportMetric(float64(time.Second)/float64(each), "positions/s")
	b.ReportMetric(float64(alone)/float64(each), "x-players-alone")
}
