package data

import (
	"context"
	"errors"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"transcend/data/internal/gamehash"
	"transcend/internal/bitboard"
	"transcend/internal/boardtest"
)

func TestCorpusKeepsWhatIsAppended(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	c := NewCorpus()
	var want []Game
	plies := 0
	for i := range 200 {
		g := randomGame(rng, i%50)
		g.Site = strings.Repeat("s", i)
		c.Append(g)
		kept := *g
		kept.Moves = slices.Clone(g.Moves)
		want = append(want, kept)
		plies += len(g.Moves)
		clear(g.Moves) // the corpus has its own copy
	}
	if c.Len() != len(want) || c.Plies() != plies {
		t.Fatalf("%d games of %d plies, want %d of %d", c.Len(), c.Plies(), len(want), plies)
	}
	seen := 0
	for i, g := range c.All() {
		if i != seen || !sameGame(g, want[i]) || !slices.Equal(c.Moves(i), want[i].Moves) {
			t.Fatalf("game %d is %+v, want %+v", i, g, want[i])
		}
		seen++
	}
	if seen != len(want) {
		t.Fatalf("All gave %d games", seen)
	}
	for i := range c.All() {
		if i == 3 {
			break
		}
	}

	odd := c.Where(func(i int) bool { return i%2 == 1 })
	if odd.Len() != 100 {
		t.Fatalf("%d odd games", odd.Len())
	}
	third := odd.Where(func(i int) bool { return i%3 == 0 })
	n := 0
	for i, g := range third.All() {
		if !sameGame(g, want[i*6+1]) {
			t.Fatalf("game %d of a part of a part is another", i)
		}
		n += len(g.Moves)
	}
	if third.Plies() != n {
		t.Errorf("a part has %d plies, want %d", third.Plies(), n)
	}
	none := c.Where(func(int) bool { return false })
	if none.Len() != 0 || none.Plies() != 0 || none.Where(func(int) bool { return true }).Len() != 0 {
		t.Error("an empty part has games")
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("appended to a part")
			}
		}()
		none.Append(&Game{})
	}()
	// A move added at the end of a game must not run into the next.
	_ = append(c.Moves(5), 0)
	if !slices.Equal(c.Moves(6), want[6].Moves) {
		t.Error("appending to a game's moves changed the next game")
	}
}

func sameGame(a, b Game) bool {
	if len(a.Moves) == 0 && len(b.Moves) == 0 {
		a.Moves, b.Moves = nil, nil
	}
	return reflect.DeepEqual(a, b)
}

func TestCorpusCleansText(t *testing.T) {
	long := strings.Repeat("ä", 200) // 400 bytes; 255 is inside a character
	c := NewCorpus()
	c.Append(&Game{WhiteElo: -1, BlackElo: 10000, Site: long, Date: long, TimeControl: "a\xffb", White: long, Black: "\xff", Termination: long, Rated: 3})
	c.Append(&Game{WhiteElo: 1, BlackElo: 9999, Site: strings.Repeat("\xff", 300)})
	g := c.Game(0)
	want := strings.Repeat("ä", 127)
	if g.WhiteElo != 0 || g.BlackElo != 0 || g.Site != want || g.Date != want || g.TimeControl != "a?b" ||
		g.White != want || g.Black != "?" || g.Termination != want || g.Rated != RatedUnknown {
		t.Errorf("%+v", g)
	}
	if g = c.Game(1); g.WhiteElo != 1 || g.BlackElo != 9999 || len(g.Site) > maxText || strings.Contains(g.Site, "\xff") {
		t.Errorf("%+v", g)
	}
	for _, s := range []string{"", "x", long, "a\xff\xfeb", strings.Repeat("a\xff", 200), strings.Repeat("€", 100), "x" + strings.Repeat("𝄞", 80)} {
		if once := clean(s); clean(once) != once || len(once) > maxText {
			t.Errorf("cleaning %q twice differs", s)
		}
	}
}

// The hash is part of every split: published FNV-1a over documented bytes.
func TestHashMoves(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	for n := range 50 {
		moves := make([]bitboard.Move, n)
		h := fnv.New64a()
		for i := range moves {
			moves[i] = bitboard.Move(rng.Uint32())
			h.Write([]byte{byte(moves[i]), byte(moves[i] >> 8)})
		}
		if got := HashMoves(moves); got != h.Sum64() {
			t.Fatalf("%d moves: %#x, want %#x", n, got, h.Sum64())
		}
	}
	// Known answers, so that the split never changes.
	ruy := boardtest.Moves(t, "", "e4 e5 Nf3 Nc6 Bb5")
	if got := HashMoves(ruy); got != 0xaec4c59f630f2c38 {
		t.Errorf("hash of the Ruy Lopez = %#x", got)
	}
	if got := gamehash.Mix(HashMoves(ruy)); got != 0x4c3361a11c72ef0c {
		t.Errorf("mixed = %#x", got)
	}
}

func TestSplit(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 8))
	c := NewCorpus()
	for range 4000 {
		c.Append(randomGame(rng, 1+rng.IntN(12)))
	}
	// Every game a second time, with other ratings and another result.
	for i := range 4000 {
		g := c.Game(i)
		g.Result, g.WhiteElo = bitboard.Draw, 2000
		c.Append(&g)
	}
	held := map[string]bool{}
	key := func(c *Corpus, i int) string { return string(encode(c.Moves(i))) }
	before := 0
	for _, fraction := range []float64{0, 0.01, 0.05, 0.3, 0.9, 1} {
		training, validation := c.Split(fraction)
		if training.Len()+validation.Len() != c.Len() {
			t.Fatalf("%v: %d + %d games of %d", fraction, training.Len(), validation.Len(), c.Len())
		}
		side := map[string]bool{}
		for i := range validation.Len() {
			side[key(validation, i)] = true
		}
		for i := range training.Len() {
			if side[key(training, i)] {
				t.Fatalf("%v: the same moves are on both sides", fraction)
			}
		}
		for k := range held {
			if !side[k] {
				t.Fatalf("%v: a game went back to training", fraction)
			}
		}
		held = side
		// Of distinct sequences: equal ones are not independent.
		distinct := map[string]bool{}
		for i := range c.Len() {
			distinct[key(c, i)] = true
		}
		n := float64(len(distinct))
		if sigma := math.Sqrt(fraction * (1 - fraction) * n); math.Abs(float64(len(side))-fraction*n) > 4*sigma {
			t.Errorf("%v: %d of %v sequences held out", fraction, len(side), n)
		}
		if len(side) < before {
			t.Errorf("%v: fewer games held out than with less", fraction)
		}
		before = len(side)
	}
	// The other games of a corpus make no difference.
	_, all := c.Split(0.3)
	_, half := c.Where(func(i int) bool { return i >= 4000 }).Split(0.3)
	if all.Len() != 2*half.Len() {
		t.Errorf("%d held out of the whole, %d of the half", all.Len(), half.Len())
	}
}

func encode(moves []bitboard.Move) []byte {
	var b []byte
	for _, m := range moves {
		b = append(b, byte(m), byte(m>>8))
	}
	return b
}

func TestDuplicates(t *testing.T) {
	base := game(t, bitboard.WhiteWins, "e4 e5 Nf3")
	base.WhiteElo, base.BlackElo, base.Site = 1000, 1100, "a"
	variants := map[string]func(g *Game){
		"site":   func(g *Game) { g.Site = "b" },
		"date":   func(g *Game) { g.Date = "2020.01.01" },
		"same":   func(*Game) {},
		"result": func(g *Game) { g.Result = bitboard.Draw },
		"white":  func(g *Game) { g.WhiteElo = 1001 },
		"black":  func(g *Game) { g.BlackElo = 0 },
		"moves":  func(g *Game) { g.Moves = g.Moves[:2] },
	}
	for name, change := range variants {
		c := NewCorpus()
		c.Append(base)
		g := *base
		change(&g)
		c.Append(&g)
		want := 0
		if name == "site" || name == "date" || name == "same" {
			want = 1
		}
		if got := c.Duplicates(); got != want {
			t.Errorf("%s differs: %d duplicates, want %d", name, got, want)
		}
	}
	c := randomCorpus(5, 100, 30)
	for i := range 100 {
		g := c.Game(99 - i)
		c.Append(&g)
	}
	d := c.WithoutDuplicates()
	if d.Len() > 100 || c.Duplicates() != 200-d.Len() || d.Duplicates() != 0 {
		t.Errorf("%d games are left of 100 and their copies", d.Len())
	}
	first := c.Where(func(i int) bool { return i < 100 }).WithoutDuplicates()
	if first.Fingerprint() != d.Fingerprint() {
		t.Error("not the first of each were kept")
	}
}

// Whatever changes in a corpus changes its fingerprint; what does not, does not.
func TestFingerprint(t *testing.T) {
	build := func(change func(i int, g *Game)) uint64 {
		rng := rand.New(rand.NewPCG(1, 9))
		c := NewCorpus()
		for i := range 20 {
			g := randomGame(rng, 20)
			change(i, g)
			c.Append(g)
		}
		return c.Fingerprint()
	}
	same := build(func(int, *Game) {})
	if build(func(int, *Game) {}) != same {
		t.Fatal("not reproducible")
	}
	seen := map[uint64]string{same: "nothing"}
	for name, change := range map[string]func(g *Game){
		"white":        func(g *Game) { g.WhiteElo++ },
		"black":        func(g *Game) { g.BlackElo++ },
		"result":       func(g *Game) { g.Result = bitboard.Unknown },
		"time control": func(g *Game) { g.TimeControl += "x" },
		"date":         func(g *Game) { g.Date += "x" },
		"site":         func(g *Game) { g.Site += "x" },
		"white's name": func(g *Game) { g.White += "x" },
		"black's name": func(g *Game) { g.Black += "x" },
		"names":        func(g *Game) { g.White, g.Black = g.White+"y", g.Black+"z" },
		"termination":  func(g *Game) { g.Termination += "x" },
		"rated":        func(g *Game) { g.Rated = (g.Rated + 1) % 3 },
		"text moved":   func(g *Game) { g.TimeControl += "ab" },
		"text 1":       func(g *Game) { g.TimeControl, g.Date = "ab", "c" },
		"text 2":       func(g *Game) { g.TimeControl, g.Date = "a", "bc" },
		"text 3":       func(g *Game) { g.TimeControl, g.Date, g.Site = "a", "b", "c"+g.Site },
		"text moved 2": func(g *Game) { g.TimeControl, g.Date = g.TimeControl+"a", "b"+g.Date },
		"last move":    func(g *Game) { g.Moves = g.Moves[:19] },
		"first move":   func(g *Game) { g.Moves[0] ^= 1 },
	} {
		got := build(func(i int, g *Game) {
			if i == 11 {
				change(g)
			}
		})
		if other, ok := seen[got]; ok {
			t.Errorf("changing %s gives the fingerprint of changing %s", name, other)
		}
		seen[got] = name
	}
	c := randomCorpus(1, 20, 10)
	reversed := NewCorpus()
	for i := range 20 {
		g := c.Game(19 - i)
		reversed.Append(&g)
	}
	if c.Fingerprint() == reversed.Fingerprint() {
		t.Error("the order makes no difference")
	}
	if c.Where(func(int) bool { return true }).Fingerprint() != c.Fingerprint() {
		t.Error("the part with all games is not the whole")
	}
}

func TestCheck(t *testing.T) {
	c := randomCorpus(2, 30, 40)
	c.games.unchecked = true
	if err := c.Check(t.Context()); err != nil || c.games.unchecked {
		t.Fatalf("legal games: %v, unchecked %v", err, c.games.unchecked)
	}
	c.Append(game(t, 0, "e4 e5"))
	c.games.moves[len(c.games.moves)-1] = c.games.moves[len(c.games.moves)-2] // e2e4 once more
	c.games.unchecked = true
	err := c.Check(t.Context())
	if !errors.Is(err, bitboard.ErrIllegalMove) || !strings.Contains(err.Error(), "game 31: ply 2: move e2e4") || !c.games.unchecked {
		t.Errorf("illegal move: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Check(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
}
