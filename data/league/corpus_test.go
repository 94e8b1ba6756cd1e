package league

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"transcend/internal/bitboard"
	"transcend/pgn"
	"transcend/pgn/pgntest"
)

func pool(t testing.TB, name string) *Pool {
	t.Helper()
	p, err := OpenPool(name)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// write plays games into PGN.
func write(t testing.TB, c *Corpus, first, n, threads int) string {
	t.Helper()
	var b bytes.Buffer
	w := pgn.NewWriter(&b)
	number := first
	for g, err := range c.Games(context.Background(), first, n, threads) {
		if err != nil {
			t.Fatal(err)
		}
		if g.Number != number {
			t.Fatalf("game %d comes after %d", g.Number, number-1)
		}
		number++
		if err := w.Write(g.PGN()); err != nil { // which checks that every move is legal
			t.Fatal(err)
		}
	}
	if number != first+n {
		t.Fatalf("%d games, want %d", number-first, n)
	}
	return b.String()
}

func TestGamesAreTheSameOnAnyNumberOfCores(t *testing.T) {
	defer goleak.VerifyNone(t)
	weak, err := ReadPool("weak", strings.NewReader("boltz:depth=1,t=8,rho=0.4,book=all 500\nply1:rho=0.3,blind=knight 600\nply1:rho=0.5,shared=3 550\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, rule := range []string{"start", "named", "random:6"} {
		openings, err := ParseOpeningRule(rule)
		if err != nil {
			t.Fatal(err)
		}
		c := &Corpus{Pool: weak, Seed: 5, Openings: openings, MaxGap: 60}
		one := write(t, c, 0, 50, 1)
		if four := write(t, c, 0, 50, 4); one != four {
			t.Errorf("%s: four threads play other games than one", rule)
		}
		// The second half alone is the second half.
		tail := write(t, c, 30, 20, 3)
		if !strings.HasSuffix(one, tail) {
			t.Errorf("%s: the games from 30 on are others when they are played alone", rule)
		}
		c.Seed = 6
		if other := write(t, c, 0, 50, 2); other == one {
			t.Errorf("%s: another seed plays the same games", rule)
		}
	}
}

func TestGamesSayWhoPlayed(t *testing.T) {
	c := &Corpus{Pool: pool(t, "specialists"), Seed: 3}
	text := write(t, c, 0, 6, 2)
	r := pgntest.Reader(t, text)
	games := 0
	for r.Scan() {
		if err := r.BadGame(); err != nil {
			t.Fatal(err)
		}
		g := r.Game()
		games++
		for _, side := range []string{"White", "Black"} {
			p, err := Parse(g.Tag(side + "Player"))
			if err != nil || p.String() != g.Tag(side) {
				t.Errorf("%s %q is %v (%v)", side, g.Tag(side), p, err)
			}
		}
		if !strings.Contains(g.Tag("Event"), Ratings().Scale) || g.Tag("WhiteType") != "program" || !strings.Contains(g.Tag("League"), "seed=3") {
			t.Errorf("tags %v", g.Tags)
		}
	}
	if games != 6 {
		t.Errorf("%d games, want 6", games)
	}
}

func TestPairing(t *testing.T) {
	var text strings.Builder
	for i := range 6 {
		fmt.Fprintf(&text, "ply1:rho=0.%d %d\n", 9-i, 400+100*i)
	}
	ladder, err := ReadPool("six", strings.NewReader(text.String()))
	if err != nil {
		t.Fatal(err)
	}
	c := &Corpus{Pool: ladder, Seed: 1, MaxGap: 150, MaxPlies: 6}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	m := NewMover(1 << 17)
	met := map[int]int{}
	for i := range 300 {
		g := c.Play(m, i)
		gap := g.White.Elo - g.Black.Elo
		met[max(gap, -gap)]++
	}
	if met[100] != 300 {
		t.Errorf("differences of ratings: %v, want 100 alone", met)
	}
	c.MaxGap = 0
	met = map[int]int{}
	for i := range 300 {
		g := c.Play(m, i)
		gap := g.White.Elo - g.Black.Elo
		met[max(gap, -gap)]++
	}
	if met[0] != 0 || met[500] == 0 || met[100] == 0 {
		t.Errorf("differences of ratings: %v", met)
	}
	alone := &Corpus{Pool: &Pool{Name: "one", Scale: NominalScale, Players: ladder.Players[:1]}, Seed: 1, MaxPlies: 10}
	if g := alone.Play(m, 0); g.White != g.Black || len(g.Moves) != 10 || g.Termination != "length" || g.Result != bitboard.Draw {
		t.Errorf("a player against itself: %+v", g)
	}
}

func TestOpeningRules(t *testing.T) {
	m := NewMover(1 << 17)
	players, err := ReadPool("p", strings.NewReader("ply1\nply1:seed=1\n"))
	if err != nil {
		t.Fatal(err)
	}
	starts := map[string]int{}
	for i := range 60 {
		c := &Corpus{Pool: players, Seed: 1, MaxPlies: 20, Openings: OpeningRule{Named: true}}
		g := c.Play(m, i)
		booked := 0
		for booked < len(g.Marks) && g.Marks[booked] == Booked {
			booked++
		}
		if booked < 2 {
			t.Errorf("game %d: %d plies of its opening", i, booked)
		}
		var text strings.Builder
		for _, move := range g.Moves[:booked] {
			text.WriteString(move.String())
		}
		starts[text.String()]++
		c.Openings = OpeningRule{RandomPlies: 4}
		if g := c.Play(m, i); !slices.Equal(g.Marks[:5], []Mark{Booked, Booked, Booked, Booked, Searched}) {
			t.Errorf("game %d: marks %v", i, g.Marks[:5])
		}
	}
	if len(starts) < 30 {
		t.Errorf("60 games begin in %d ways", len(starts))
	}
	for _, text := range []string{"start", "named", "random:3"} {
		if r, err := ParseOpeningRule(text); err != nil || r.String() != text {
			t.Errorf("%s: %v, %v", text, r, err)
		}
	}
	for _, text := range []string{"", "random", "random:0", "random:99", "book", "start:1"} {
		if r, err := ParseOpeningRule(text); err == nil {
			t.Errorf("%q is %v", text, r)
		}
	}
}

func TestMarks(t *testing.T) {
	m := NewMover(1 << 17)
	players, err := ReadPool("p", strings.NewReader("ply1:rho=0.25,book=london\nply1:rho=0.25,seed=1\n"))
	if err != nil {
		t.Fatal(err)
	}
	c := &Corpus{Pool: players, Seed: 2, MaxPlies: 100}
	counts := [3]int{}
	for i := range 20 {
		g := c.Play(m, i)
		if len(g.Marks) != len(g.Moves) {
			t.Fatalf("%d marks for %d moves", len(g.Marks), len(g.Moves))
		}
		for _, mark := range g.Marks {
			counts[mark]++
		}
	}
	share := float64(counts[Random]) / float64(counts[Random]+counts[Searched])
	if share < 0.2 || share > 0.3 || counts[Booked] == 0 {
		t.Errorf("marks %v: %.3f of the moves off the book are random, want 0.25", counts, share)
	}
}

func TestAdjudication(t *testing.T) {
	players, err := ReadPool("p", strings.NewReader("ply1\nrandom\n"))
	if err != nil {
		t.Fatal(err)
	}
	m := NewMover(1 << 17)
	c := &Corpus{Pool: players, Seed: 4, MaxPlies: 30, Adjudicate: 400}
	won := 0
	for i := range 20 {
		g := c.Play(m, i)
		if g.Termination != "adjudication" {
			continue
		}
		winner := g.White
		if g.Result == bitboard.BlackWins {
			winner = g.Black
		}
		if g.Result == bitboard.Draw || winner.Title() != "ply1" {
			t.Errorf("game %d: %v for %s", i, g.Result, winner.Title())
		}
		won++
	}
	if won < 3 {
		t.Errorf("%d games were adjudicated", won)
	}
}

func TestStopping(t *testing.T) {
	defer goleak.VerifyNone(t)
	c := &Corpus{Pool: pool(t, "noise"), Seed: 1}
	n := 0
	for range c.Games(context.Background(), 0, -1, 2) { // endless
		if n++; n == 20 {
			break
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var last error
	n = 0
	for _, err := range c.Games(ctx, 0, -1, 2) {
		if last = err; err == nil {
			if n++; n == 5 {
				cancel()
			}
		}
	}
	if !errors.Is(last, context.Canceled) {
		t.Errorf("it ended with %v", last)
	}
	bad := &Corpus{Pool: &Pool{Name: "empty"}}
	for g, err := range bad.Games(context.Background(), 0, 1, 1) {
		if err == nil {
			t.Errorf("an empty pool played %v", g)
		}
	}
}

func TestData(t *testing.T) {
	c := &Corpus{Pool: pool(t, Ladder), Seed: 1, MaxPlies: 30}
	g := c.Play(NewMover(1<<17), 7)
	d := g.Data()
	if d.WhiteElo != g.White.Elo || d.Black != g.Black.Title() || !slices.Equal(d.Moves, g.Moves) || d.Result != g.Result {
		t.Errorf("%+v", d)
	}
}

func TestPools(t *testing.T) {
	table := Ratings()
	if table.Version != Version {
		t.Errorf("the ratings are of version %s of the players, not %s: measure them again", table.Version, Version)
	}
	for _, name := range table.PoolNames() {
		if p := pool(t, name); len(p.Players) == 0 {
			t.Errorf("%s is empty", name)
		}
	}
	ladder := pool(t, Ladder)
	for _, r := range ladder.Players {
		if p, err := Find(fmt.Sprint(r.Elo)); err != nil || p.Elo != r.Elo {
			t.Errorf("%d: %s (%v)", r.Elo, &p.Player, err)
		}
	}
	for _, word := range []string{"640", "800", "840", "1500", "1700"} {
		elo, err := strconv.Atoi(word)
		if err != nil {
			t.Fatal(err)
		}
		p, err := Find(word)
		for _, r := range ladder.Players {
			if off := max(p.Elo-elo, elo-p.Elo); err != nil || max(r.Elo-elo, elo-r.Elo) < off {
				t.Errorf("%s: %s with %d (%v), but there is %s with %d", word, &p.Player, p.Elo, err, &r.Player, r.Elo)
			}
		}
	}
	for _, word := range []string{"100", "2500", "eight", ""} {
		var textError *TextError
		if _, err := Find(word); !errors.As(err, &textError) {
			t.Errorf("%s: %v", word, err)
		}
	}
}

func TestPoolFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mine.txt")
	text := "# two\nply1:rho=0.3,seed=1 900 Anna Smith # one\n\nply1:rho=0.3,book=all,seed=2\n"
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	p := pool(t, path)
	if len(p.Players) != 2 || p.Players[0].Title() != "Anna Smith" || p.Players[0].Elo != 900 || p.Players[1].Elo != Ratings().Elo(&p.Players[1].Player) || p.Players[1].Elo == 0 {
		t.Errorf("%+v", p.Players)
	}
	for _, bad := range []string{"", "ply1\nply1\n", "search\n", "pawn\n", "ply1 x\n", "ply1 0\n", "ply1:book=" + strings.Repeat("x", 9000)} {
		if p, err := ReadPool("bad", strings.NewReader(bad)); err == nil {
			t.Errorf("%.40q: %+v", bad, p)
		}
	}
	var unknown *UnknownPoolError
	if _, err := OpenPool("nowhere"); !errors.As(err, &unknown) || !strings.Contains(unknown.Hint(), Ladder) {
		t.Errorf("error %v", err)
	}
	for _, bad := range []string{"{}", "[", `{"scale":"x","ratings":[{"player":"ply1:rho=0.30","elo":5}]}`, `{"scale":"x","ratings":[{"player":"ply1","elo":0}]}`,
		`{"scale":"x","pools":[{"name":"p","players":["search"]}]}`} {
		if _, err := parseTable([]byte(bad)); err == nil {
			t.Errorf("%s is taken for a table", bad)
		}
	}
}

// BenchmarkGames plays the ladder's player of about 800 on all cores.
func BenchmarkGames(b *testing.B) {
	player, err := Find("800")
	if err != nil {
		b.Fatal(err)
	}
	c := &Corpus{Pool: &Pool{Name: "800", Scale: NominalScale, Players: []Rated{player}}, Seed: 1}
	plies := 0
	for g, err := range c.Games(b.Context(), 0, b.N, 0) {
		if err != nil {
			b.Fatal(err)
		}
		plies += len(g.Moves)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "games/s")
	b.ReportMetric(float64(plies)/float64(b.N), "plies/game")
}
