package probe

import (
	"context"
	"encoding/json"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"transcend/data"
	"transcend/internal/bitboard"
	"transcend/internal/figure"
	"transcend/model"
)

// memory keeps fits.
type memory map[string][]byte

func (m memory) Get(key string, value any) (bool, error) {
	b, ok := m[key]
	if !ok {
		return false, nil
	}
	return true, json.Unmarshal(b, value)
}

func (m memory) Put(key string, value any) error {
	b, err := json.Marshal(value)
	m[key] = b
	return err
}

func corpus(seed uint64, n, plies int) *data.Corpus {
	rng := rand.New(rand.NewPCG(seed, 2))
	c := data.NewCorpus()
	for range n {
		g := data.Game{WhiteElo: 1000 + rng.IntN(600), BlackElo: 1000 + rng.IntN(600)}
		p := bitboard.Start()
		for range plies {
			moves := p.Legal(nil)
			if len(moves) == 0 {
				break
			}
			m := moves[rng.IntN(len(moves))]
			g.Moves = append(g.Moves, m)
			p.Make(m)
		}
		c.Append(&g)
	}
	return c
}

func newModel(t *testing.T, input string) (*model.Model, data.Tokenizer) {
	t.Helper()
	tok := data.NewMoveTokenizer()
	enc, err := data.NewEncoder(tok, input)
	if err != nil {
		t.Fatal(err)
	}
	cfg := model.Config{Layers: 1, Heads: 2, Width: 32, Context: 24, Activation: model.GELU}
	enc.Configure(&cfg)
	m, err := model.New(cfg, 5)
	if err != nil {
		t.Fatal(err)
	}
	return m, tok
}

func options() Options {
	o := Default()
	o.Games, o.States, o.Epochs = 300, 4, 4
	return o
}

// TestRun goes through everything, and again from what was kept.
func TestRun(t *testing.T) {
	m, tok := newModel(t, data.InputBoard)
	c := corpus(1, 400, 30)
	work := memory{}
	r, err := Run(context.Background(), m, tok, c, options(), work, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(work) != 8 || r.Rating == nil || len(r.Board.Layers) != 2 || r.Board.Training+r.Board.Tested > 1200 || r.Board.Tested < 150 {
		t.Fatalf("%d fits, report %+v", len(work), r)
	}
	// Plies beyond the context have no states.
	if r.Board.Majority.Plies[2] == nil || r.Board.Majority.Plies[3] != nil {
		t.Error("states where the context ends, or none before")
	}
	again, err := Run(context.Background(), reseeded(t, m), tok, c, options(), work, nil)
	if err != nil {
		t.Fatal(err)
	}
	a, _ := json.Marshal(r)
	b, _ := json.Marshal(again)
	if string(a) != string(b) {
		t.Error("a report of kept fits differs")
	}
	var text strings.Builder
	if err := r.WriteText(&text); err != nil || !strings.Contains(text.String(), "embeddings") {
		t.Errorf("table: %v\n%s", err, text.String())
	}
	if _, err := figure.WriteAll(t.TempDir(), r.Pictures()); err != nil {
		t.Error(err)
	}
}

// reseeded is a model of the same shape, whose states would give other numbers.
func reseeded(t *testing.T, m *model.Model) *model.Model {
	other, err := model.New(m.Config(), 99)
	if err != nil {
		t.Fatal(err)
	}
	return other
}

// TestPlantedCode writes the board into the states by a random linear map: the probe must find it there, and must not
// find it in noise.
func TestPlantedCode(t *testing.T) {
	o := options()
	o.Games, o.States, o.Epochs = 260, 6, 40
	c := corpus(2, 260, 20)
	m, tok := newModel(t, data.InputMoves)
	s := choose(c, &o)
	if err := s.read(context.Background(), m, tok, &o); err != nil {
		t.Fatal(err)
	}
	boards, err := s.task("board", squares, pieceClasses, func(i int, dst []uint8) bool {
		copy(dst, s.board[i*squares:])
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	// As many dimensions as squares and classes have together, mixed by a random map.
	const width = 200
	rng := rand.New(rand.NewPCG(4, 4))
	code := make([]float32, squares*pieceClasses*width)
	for i := range code {
		code[i] = float32(rng.NormFloat64())
	}
	planted, noise := make([]float32, len(s.game)*width), make([]float32, len(s.game)*width)
	for i := range s.game {
		for j := range width {
			noise[i*width+j] = float32(rng.NormFloat64())
		}
		for square := range squares {
			at := (square*pieceClasses + int(s.board[i*squares+square])) * width
			for j := range width {
				planted[i*width+j] += code[at+j]
			}
		}
	}
	found, err := boards.probe(context.Background(), planted, width, &o)
	if err != nil {
		t.Fatal(err)
	}
	lost, err := boards.probe(context.Background(), noise, width, &o)
	if err != nil {
		t.Fatal(err)
	}
	majority := boards.result.Majority
	if found.Accuracy.Value < 0.95 || found.Accuracy.Low < majority.Accuracy.High {
		t.Errorf("planted: %+v, most frequent %+v", found.Accuracy, majority.Accuracy)
	}
	if lost.Accuracy.Value > majority.Accuracy.High+0.005 {
		t.Errorf("noise: %+v, most frequent %+v", lost.Accuracy, majority.Accuracy)
	}
	if !(majority.Accuracy.Value <= boards.result.MajorityByPly.Accuracy.Value) {
		t.Errorf("knowing the half-move made it worse: %+v, %+v", majority.Accuracy, boards.result.MajorityByPly.Accuracy)
	}
}

func TestAppendBoard(t *testing.T) {
	p := bitboard.Start()
	m, _ := p.ParseSAN("e4")
	p.Make(m)
	plain, relative := appendBoard(nil, &p, false), appendBoard(nil, &p, true)
	e4, e1, e8 := 28, 4, 60
	if plain[e4] != 1 || plain[e1] != 6 || plain[e8] != 12 || plain[20] != 0 {
		t.Errorf("White's first: %v", plain)
	}
	// Black is to move.
	if relative[e4] != 7 || relative[e1] != 12 || relative[e8] != 6 {
		t.Errorf("own first: %v", relative)
	}
}

// TestEstimate counts how often intervals miss, with games whose states are alike.
func TestEstimate(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 6))
	missed := 0
	const repeats, games = 400, 80
	for range repeats {
		c := newClusters(games + 5) // some games have no state
		for g := range games {
			p := 0.7 + 0.2*math.Copysign(1, rng.NormFloat64())
			for range 1 + rng.IntN(10) {
				hit := 0
				if rng.Float64() < p {
					hit = 1
				}
				c.add(g, hit, 1)
			}
		}
		if e := c.estimate(); e.Low > 0.7 || e.High < 0.7 {
			missed++
		}
	}
	if share := float64(missed) / repeats; share < 0.015 || share > 0.10 {
		t.Errorf("%.3f of the intervals miss", share)
	}
}

func TestSplitByGame(t *testing.T) {
	c := corpus(3, 50, 10)
	for i := range 50 { // every game twice
		g := c.Game(i)
		c.Append(&g)
	}
	o := options()
	s := choose(c, &o)
	side := map[uint64]bool{}
	for i, g := range s.games {
		h := data.HashMoves(g.Moves)
		if was, ok := side[h]; ok && was != s.test[i] {
			t.Error("equal games are on both sides")
		}
		side[h] = s.test[i]
	}
}
