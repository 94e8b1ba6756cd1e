package league

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"

	"transcend/data/league/search"
	"transcend/internal/bitboard"
	"transcend/internal/boardtest"
)

func mustParse(t testing.TB, text string) Player {
	t.Helper()
	p, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

const (
	middlegame = "r1bq1rk1/pp2bppp/2n1pn2/2pp4/3P1B2/2PBPN2/PP1N1PPP/R2QK2R w KQ - 4 12"
	kiwipete   = "r3k2r/p1ppqpb1/bn2pnp1/3PN3/1p2P3/2N2Q1p/PPPBBPPP/R3K2R w KQkq - 0 1"
	rookEnding = "8/5pk1/4p1p1/1p1pP2p/1P1P1P1P/2R3P1/1r3K2/8 w - - 0 40"
	// White's queen on d4 is attacked by the knight c6 alone; the pawn e5 is there to take.
	knightTakesQueen = "r1b1k2r/pppp1ppp/2n5/4p3/3Q4/8/PPP1PPPP/RNB1KB1R w KQkq - 0 6"
)

// models are players with every error model and some combinations.
var models = []string{
	"random",
	"ply1",
	"ply2",
	"ply1:rho=0.3",
	"boltz:depth=1,t=40",
	"boltz:depth=2,t=150,rho=0.1",
	"search:nodes=300",
	"boltz:nodes=200,t=60",
	"ply1:taste=50,seed=3",
	"boltz:depth=1,t=20,taste=80,seed=4",
	"ply2:blind=knight,miss=0.5",
	"boltz:depth=2,t=30,rho=0.2,blind=pawn+queen+fork+backrank,miss=0.3",
	"ply1:phase=endgame,weak=0.7",
	"ply1:rho=0.1,phase=middlegame,weak=1",
	"ply1:rho=0.5,shared=9",
	"boltz:depth=1,t=60,rho=0.2,shared=9,seed=5",
	"ply1:rho=0.3,book=c2c4.e7e5+italian*3+london",
}

// TestModelsAreAll: a parameter that no text of models has is tested by nothing.
func TestModelsAreAll(t *testing.T) {
	used := map[string]bool{}
	for _, text := range models {
		v := reflect.ValueOf(mustParse(t, text))
		for i := range v.NumField() {
			used[v.Type().Field(i).Name] = used[v.Type().Field(i).Name] || !v.Field(i).IsZero()
		}
	}
	for name, is := range used {
		if !is && name != "Name" {
			t.Errorf("no text of models has %s", name)
		}
	}
}

// TestUsesSeed: who is said not to use its seed has the same distribution with another one.
func TestUsesSeed(t *testing.T) {
	m := NewMover(1 << 17)
	for _, text := range models {
		p := mustParse(t, text)
		other := p
		other.Seed += 77
		differ := false
		for _, fen := range []string{bitboard.StartFEN, middlegame, kiwipete, rookEnding, knightTakesQueen} {
			g := boardtest.Game(t, fen)
			a, err := m.Distribution(&p, g)
			if errors.Is(err, ErrUnbounded) {
				break
			}
			b, err2 := m.Distribution(&other, g)
			if err != nil || err2 != nil {
				t.Fatal(err, err2)
			}
			differ = differ || !slices.Equal(a, b)
		}
		if differ && !p.UsesSeed() {
			t.Errorf("%s: another seed has another distribution", text)
		}
	}
}

// TestPlayersAreThoseOfTheVersion fails when players play otherwise. That is no error, but they are then
// others: change Version, and the hash here.
func TestPlayersAreThoseOfTheVersion(t *testing.T) {
	const version, want = "1", "d6d8231dbee0f938"
	m := NewMover(1 << 17)
	h := sha256.New()
	for _, text := range models {
		p := mustParse(t, text)
		for _, fen := range []string{bitboard.StartFEN, middlegame, kiwipete, rookEnding, knightTakesQueen} {
			g := boardtest.Game(t, fen)
			for seed := range uint64(4) {
				fmt.Fprintln(h, m.Play(&p, g, seed, search.Options{}).Move)
			}
		}
	}
	if got := hex.EncodeToString(h.Sum(nil)[:8]); got != want || Version != version {
		t.Errorf("version %s plays %s; version %s played %s", Version, got, version, want)
	}
}

// TestDistributionIsThatOfTheSamples compares exact probabilities with how often moves are played,
// by a chi-square test at fixed seeds.
func TestDistributionIsThatOfTheSamples(t *testing.T) {
	const samples = 800
	m := NewMover(1 << 17)
	for _, text := range models {
		p := mustParse(t, text)
		for _, fen := range []string{bitboard.StartFEN, rookEnding} {
			g := boardtest.Game(t, fen)
			exact, err := m.Distribution(&p, g)
			if err != nil {
				t.Fatal(err)
			}
			sum := 0.0
			counts := make(map[bitboard.Move]int)
			for _, c := range exact {
				if c.P < 0 || !g.Position().IsLegal(c.Move) {
					t.Fatalf("%s: %v has probability %v", text, c.Move, c.P)
				}
				sum += c.P
			}
			if math.Abs(sum-1) > 1e-9 || len(exact) != len(g.Position().Legal(nil)) {
				t.Fatalf("%s in %s: %d moves, sum %v", text, fen, len(exact), sum)
			}
			n := samples
			if p.Shared && p.Repertoire.at(g.Position()) == nil {
				n = 20
			}
			for seed := range n {
				counts[m.Play(&p, g, uint64(seed)*7919, search.Options{}).Move]++
			}
			// Cells of an expectation below 5 are put together.
			chi, cells, restP, restN := 0.0, 0, 0.0, 0
			cell := func(expected float64, seen int) {
				chi += (float64(seen) - expected) * (float64(seen) - expected) / expected
				cells++
			}
			for _, c := range exact {
				seen := counts[c.Move]
				if c.P == 0 && seen > 0 {
					t.Errorf("%s in %s: %v was played %d times at probability 0", text, fen, c.Move, seen)
				}
				if expected := c.P * float64(n); expected >= 5 {
					cell(expected, seen)
				} else {
					restP += c.P
					restN += seen
				}
			}
			if restP*float64(n) >= 5 {
				cell(restP*float64(n), restN)
			}
			if cells > 1 {
				if tail := (distuv.ChiSquared{K: float64(cells - 1)}).Survival(chi); tail < 1e-4 {
					t.Errorf("%s in %s: chi-square %.1f over %d cells, probability %.2g", text, fen, chi, cells, tail)
				}
			} else if restN > 20 {
				t.Errorf("%s in %s: %d samples at a total probability of %v", text, fen, restN, restP)
			}
		}
	}
}

func TestUniformNoise(t *testing.T) {
	m := NewMover(1 << 17)
	g := boardtest.Game(t, middlegame)
	calm, noisy := mustParse(t, "ply1"), mustParse(t, "ply1:rho=0.3")
	best, err := m.Intended(&noisy, g)
	if err != nil {
		t.Fatal(err)
	}
	if alone := m.Play(&calm, g, 1, search.Options{}).Move; alone != best {
		t.Fatalf("intended %v, without noise %v", best, alone)
	}
	d, err := m.Distribution(&noisy, g)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range d {
		want := 0.3 / float64(len(d))
		if c.Move == best {
			want += 0.7
		}
		if math.Abs(c.P-want) > 1e-12 {
			t.Errorf("%v: probability %v, want %v", c.Move, c.P, want)
		}
	}
}

// TestBoltzmann compares log ratios with differences of scores.
func TestBoltzmann(t *testing.T) {
	m := NewMover(1 << 17)
	g := boardtest.Game(t, middlegame)
	p := mustParse(t, "boltz:depth=2,t=35")
	d, err := m.Distribution(&p, g)
	if err != nil {
		t.Fatal(err)
	}
	scores := search.New(1<<17).Search(g, search.Options{Depth: 2, Margin: 20_000}).Moves
	chance := func(move bitboard.Move) float64 {
		i := slices.IndexFunc(d, func(c Chance) bool { return c.Move == move })
		return d[i].P
	}
	best := scores[0]
	for _, r := range scores {
		below := best.Score - r.Score
		if below >= Cutoff*35 {
			if chance(r.Move) != 0 {
				t.Errorf("%v is %d below the best and is played with %v", r.Move, below, chance(r.Move))
			}
			continue
		}
		if got := 35 * math.Log(chance(best.Move)/chance(r.Move)); math.Abs(got-float64(below)) > 1e-6 {
			t.Errorf("%v: %d centipawns below the best, by its probability %.2f", r.Move, below, got)
		}
	}
}

func TestSharedNoiseIsShared(t *testing.T) {
	m := NewMover(1 << 17)
	a, b := mustParse(t, "ply1:rho=0.5,shared=9,seed=1"), mustParse(t, "ply1:rho=0.5,shared=9,seed=2")
	other := mustParse(t, "ply1:rho=0.5,shared=10")
	apart := [2]Player{mustParse(t, "ply1:rho=0.5,seed=1"), mustParse(t, "ply1:rho=0.5,seed=2")}
	bold := mustParse(t, "ply1:rho=0.8,shared=9")
	g := bitboard.NewGame(bitboard.Start())
	blunders, othersBlunders, differ := 0, 0, 0
	for ply := range 60 {
		one := m.Play(&a, g, 77, search.Options{})
		two := m.Play(&b, g, uint64(ply), search.Options{})
		if one.Move != two.Move || one.Random != two.Random {
			t.Errorf("ply %d: %v and %v", ply, one, two)
		}
		if one.Random {
			blunders++
			// Who errs more often errs there too, and in the same way.
			if three := m.Play(&bold, g, 5, search.Options{}); three.Move != one.Move || !three.Random {
				t.Errorf("ply %d: at a rate of 0.8 it plays %v, at 0.5 %v", ply, three.Move, one.Move)
			}
		}
		if m.Play(&other, g, 77, search.Options{}).Random != one.Random {
			othersBlunders++
		}
		if m.Play(&apart[0], g, 77, search.Options{}).Random != m.Play(&apart[1], g, 77, search.Options{}).Random {
			differ++
		}
		if _, why := g.Outcome(); why != bitboard.NoTermination {
			break
		}
		if err := g.Make(one.Move); err != nil {
			t.Fatal(err)
		}
	}
	if blunders < 10 || othersBlunders < 10 || differ < 10 {
		t.Errorf("%d shared blunders; another seed differs %d times, players of their own %d times", blunders, othersBlunders, differ)
	}
}

// TestOversights has, for each blindness, a position where it matters, and requires that
// in positions where no such move is near the player sees as well as others.
func TestOversights(t *testing.T) {
	m := NewMover(1 << 17)
	for _, test := range []struct{ blind, fen, seeing string }{
		// What is there to take.
		{"pawn", "4k3/8/8/3q4/4P3/8/8/4K3 w - - 0 1", "e4d5"},
		{"knight", "4k3/8/8/3q4/8/2N5/8/4K3 w - - 0 1", "c3d5"},
		{"bishop", "4k3/8/8/3q4/8/1B6/8/4K3 w - - 0 1", "b3d5"},
		{"rook", "4k3/8/8/3q4/8/8/8/3RK3 w - - 0 1", "d1d5"},
		{"queen", "4k3/8/8/3r4/8/8/8/3QK3 w - - 0 1", "d1d5"},
		{"king", "7k/8/8/8/8/8/3q4/4K3 w - - 0 1", "e1d2"},
		{"fork", "r3k3/8/8/3N4/8/8/8/4K3 w - - 0 1", "d5c7"},
		{"backrank", "6k1/5ppp/8/8/8/8/5PPP/3R2K1 w - - 0 1", "d1d8"},
	} {
		g := boardtest.Game(t, test.fen)
		seeing, blind := mustParse(t, "ply3"), mustParse(t, "ply3:blind="+test.blind)
		if got := m.Play(&seeing, g, 1, search.Options{}).Move.String(); got != test.seeing {
			t.Errorf("%s: a seeing player plays %s in %s, want %s", test.blind, got, test.fen, test.seeing)
		}
		got := m.Play(&blind, g, 1, search.Options{}).Move.String()
		if onlyMove := len(g.Position().Legal(nil)) == 1; got == test.seeing && !onlyMove {
			t.Errorf("%s: it plays %s in %s", test.blind, got, test.fen)
		}
	}

	// What the opponent threatens: White, to move, can save the queen or not see why.
	g := boardtest.Game(t, knightTakesQueen)
	seeing, blind := mustParse(t, "ply2"), mustParse(t, "ply2:blind=knight")
	score := func(p *Player) int { return m.Play(p, g, 1, search.Options{}).Search.Score }
	lost := g.Clone()
	if err := lost.Make(m.Play(&blind, g, 1, search.Options{}).Move); err != nil {
		t.Fatal(err)
	}
	if score(&blind) <= score(&seeing) {
		t.Errorf("the blind player counts on %d, the seeing one on %d", score(&blind), score(&seeing))
	}
}

// TestBlindnessHidesNothingElse compares searches in positions of games where no hidden move
// exists within reach: blindness must then change nothing.
func TestBlindnessHidesNothingElse(t *testing.T) {
	m := NewMover(1 << 17)
	player := mustParse(t, "ply1:rho=0.5")
	same, differ := 0, 0
	for number := range 4 {
		g := bitboard.NewGame(bitboard.Start())
		for range 80 {
			played := m.Play(&player, g, uint64(number), search.Options{})
			if played.Move == bitboard.NoMove {
				break
			}
			for _, blind := range []search.Blindness{search.KnightCaptures, search.QueenCaptures, search.KnightForks, search.BackRankMates} {
				full := m.search.Search(g, search.Options{Depth: 1})
				full.PV = slices.Clone(full.PV)
				part := m.search.Search(g, search.Options{Depth: 1, Blind: blind})
				if full.Move == part.Move && full.Score == part.Score {
					same++
					continue
				}
				differ++
				if !anyHidden(g.Position(), blind, 4) {
					t.Fatalf("%s: blind to %v it plays %v (%d) for %v (%d), though there is nothing to overlook",
						g.Position().FEN(), blind, part.Move, part.Score, full.Move, full.Score)
				}
			}
			if err := g.Make(played.Move); err != nil {
				t.Fatal(err)
			}
		}
	}
	if same < 400 || differ < 20 {
		t.Errorf("%d searches agreed, %d differed", same, differ)
	}
}

// anyHidden reports whether a hidden move exists after up to depth plies of which all but the first
// two are captures.
func anyHidden(p *bitboard.Position, blind search.Blindness, depth int) bool {
	for _, m := range p.Legal(nil) {
		if blind.Hides(p, m) {
			return true
		}
	}
	if depth == 0 {
		return false
	}
	for _, m := range p.Legal(nil) {
		if depth < 4 && p.PieceAt(m.To()) == bitboard.NoPiece && !p.InCheck() && m.Promotion() == bitboard.NoPieceType {
			continue
		}
		next := *p
		next.Make(m)
		if anyHidden(&next, blind, depth-1) {
			return true
		}
	}
	return false
}

func TestHides(t *testing.T) {
	for _, test := range []struct {
		blind, fen string
		hidden     []string
	}{
		{"knight", kiwipete, []string{"c3b5", "e5d7", "e5f7", "e5g6"}[1:]},
		{"pawn", kiwipete, []string{"d5e6", "g2h3"}},
		{"pawn", "4k3/8/8/3pP3/8/8/8/4K3 w - d6 0 1", []string{"e5d6"}},
		{"pawn", "1n2k3/P7/8/8/8/8/8/4K3 w - - 0 1", []string{"a7b8b", "a7b8n", "a7b8q", "a7b8r"}},
		{"fork", "r3k3/8/8/3N4/8/8/8/4K3 w - - 0 1", []string{"d5c7"}},
		{"fork", "r3k2q/8/8/3N4/6N1/8/8/4K3 w - - 0 1", []string{"d5c7", "g4f6", "d5f6"}[:1]},
		{"fork", "3qk2r/8/8/4N3/8/8/8/4K3 w - - 0 1", []string{"e5c6", "e5f7", "e5g6"}[1:2]},
		{"backrank", "6k1/5ppp/8/8/8/8/5PPP/3RR1K1 w - - 0 1", []string{"d1d8", "e1e8"}},
		{"backrank", "6k1/4rppp/8/8/8/8/5PPP/3R2K1 w - - 0 1", nil},     // e8 parries
		{"backrank", "7k/8/6K1/8/8/8/Q7/8 w - - 0 1", []string{"a2a8"}}, // along the rank
		{"backrank", "8/8/8/8/8/1k6/8/K6r w - - 0 1", nil},              // it is mated already
		{"backrank", "6k1/3P1ppp/8/8/8/8/5PPP/6K1 w - - 0 1", []string{"d7d8q", "d7d8r"}},
	} {
		blind, err := search.ParseBlindness(test.blind)
		if err != nil {
			t.Fatal(err)
		}
		p := boardtest.Game(t, test.fen).Position()
		var hidden []string
		for _, m := range p.Legal(nil) {
			if blind.Hides(p, m) {
				hidden = append(hidden, m.String())
			}
		}
		slices.Sort(hidden)
		if !slices.Equal(hidden, test.hidden) {
			t.Errorf("%s in %s hides %v, want %v", test.blind, test.fen, hidden, test.hidden)
		}
	}
}

func TestPhases(t *testing.T) {
	for fen, want := range map[string]Phase{
		bitboard.StartFEN: Opening, middlegame: Middlegame, rookEnding: Endgame,
		"r3k2r/8/8/8/8/8/8/R3K2R w KQkq - 0 5":     Endgame,
		"rnbqkbnr/8/8/8/8/8/8/RNBQKBNR w - - 0 10": Opening,
		"rnbqkbnr/8/8/8/8/8/8/RNBQKBNR w - - 0 11": Middlegame,
	} {
		if got := PhaseOf(boardtest.Game(t, fen).Position()); got != want {
			t.Errorf("%s is %v, want %v", fen, got, want)
		}
	}
	m := NewMover(1 << 17)
	p := mustParse(t, "ply1:rho=0.1,phase=endgame,weak=0.6")
	for fen, noise := range map[string]float64{rookEnding: 0.1, middlegame: 0.6, bitboard.StartFEN: 0.6} {
		d, err := m.Distribution(&p, boardtest.Game(t, fen))
		if err != nil {
			t.Fatal(err)
		}
		least := 1.0
		for _, c := range d {
			least = min(least, c.P)
		}
		if want := noise / float64(len(d)); math.Abs(least-want) > 1e-12 {
			t.Errorf("%s: the least likely move has %v, want %v", fen, least, want)
		}
	}
}

// TestTaste has that tastes are a player's own and do not change.
func TestTaste(t *testing.T) {
	m := NewMover(1 << 17)
	differ := 0
	one, again, two := mustParse(t, "ply1:taste=100,seed=1"), mustParse(t, "ply1:taste=100,seed=1"), mustParse(t, "ply1:taste=100,seed=2")
	player := mustParse(t, "ply1:rho=0.4")
	g := bitboard.NewGame(bitboard.Start())
	for range 40 {
		a, b, c := m.Play(&one, g, 5, search.Options{}).Move, m.Play(&again, g, 6, search.Options{}).Move, m.Play(&two, g, 5, search.Options{}).Move
		if a != b {
			t.Errorf("ply %d: the same player plays %v and %v", g.Ply(), a, b)
		}
		if a != c {
			differ++
		}
		if err := g.Make(m.Play(&player, g, 1, search.Options{}).Move); err != nil {
			t.Fatal(err)
		}
	}
	if differ < 10 {
		t.Errorf("two tastes differ in %d of 40 positions", differ)
	}
}

func TestRepertoire(t *testing.T) {
	m := NewMover(1 << 17)
	p := mustParse(t, "random:book=italian*3+london")
	g := bitboard.NewGame(bitboard.Start())
	d, err := m.Distribution(&p, g)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range d {
		want := map[string]float64{"e2e4": 0.75, "d2d4": 0.25}[c.Move.String()]
		if c.P != want {
			t.Errorf("%v: probability %v, want %v", c.Move, c.P, want)
		}
	}
	// Lines that share a move add up.
	both := mustParse(t, "random:book=italian*3+ruy-lopez*2+london")
	if d, err = m.Distribution(&both, g); err != nil {
		t.Fatal(err)
	}
	for _, c := range d {
		want := map[string]float64{"e2e4": 5.0 / 6, "d2d4": 1.0 / 6}[c.Move.String()]
		if math.Abs(c.P-want) > 1e-12 {
			t.Errorf("%v: probability %v, want %v", c.Move, c.P, want)
		}
	}
	// By another order of moves into the line.
	for _, san := range []string{"Nf3", "Nc6", "e4", "e5"} {
		move, err := g.Position().ParseSAN(san)
		if err != nil {
			t.Fatal(err)
		}
		if err := g.Make(move); err != nil {
			t.Fatal(err)
		}
	}
	if played := m.Play(&p, g, 3, search.Options{}); !played.Book || played.Move.String() != "f1c4" {
		t.Errorf("played %v (book: %v), want f1c4", played.Move, played.Book)
	}
}

func TestOpeningsAreLegalAndNamed(t *testing.T) {
	seen := map[string]bool{}
	for _, o := range openings() {
		if seen[o.name] || len(o.moves) < 5 {
			t.Errorf("%s: twice, or of %d plies", o.name, len(o.moves))
		}
		seen[o.name] = true
	}
	if len(seen) < 50 {
		t.Errorf("%d openings", len(seen))
	}
}

func TestNothingToPlay(t *testing.T) {
	m := NewMover(0)
	for _, text := range models {
		p := mustParse(t, text)
		g := boardtest.Game(t, "7k/5Q2/6K1/8/8/8/8/8 b - - 0 1")
		if played := m.Play(&p, g, 1, search.Options{}); played.Move != bitboard.NoMove {
			t.Errorf("%s plays %v in a stalemate", text, played.Move)
		}
		if d, err := m.Distribution(&p, g); err != nil || len(d) != 0 {
			t.Errorf("%s: %v, %v", text, d, err)
		}
	}
}

func TestUnbounded(t *testing.T) {
	m := NewMover(0)
	p := mustParse(t, "search")
	g := bitboard.NewGame(bitboard.Start())
	if _, err := m.Distribution(&p, g); err == nil {
		t.Error("a search without bounds has a distribution")
	}
	if _, err := m.Intended(&p, g); err == nil {
		t.Error("a search without bounds intends a move")
	}
	// Where the game is over nothing is intended.
	mated, calm := boardtest.Game(t, "R5k1/5ppp/8/8/8/8/8/6K1 b - - 0 1"), mustParse(t, "ply1")
	if move, err := m.Intended(&calm, mated); err != nil || move != bitboard.NoMove {
		t.Errorf("when mated %v, %v", move, err)
	}
	if played := m.Play(&p, g, 1, search.Options{Nodes: 500}); played.Search.Nodes != 500 {
		t.Errorf("%d nodes, want 500", played.Search.Nodes)
	}
}

func TestPlayAllocatesNothing(t *testing.T) {
	m := NewMover(1 << 17)
	g := boardtest.Game(t, middlegame)
	for _, text := range []string{"ply1:rho=0.3", "boltz:depth=1,t=40,taste=20", "ply1:blind=knight+fork"} {
		p := mustParse(t, text)
		seed := uint64(0)
		if n := testing.AllocsPerRun(50, func() { seed++; m.Play(&p, g, seed, search.Options{}) }); n != 0 {
			t.Errorf("%s: %v allocations a move", text, n)
		}
	}
}
