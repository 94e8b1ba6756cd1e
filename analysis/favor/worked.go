package favor

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"transcend/internal/bitboard"
)

// Published is a position that the paper's authors work through, with what they published of it
// (Zhang et al. 2024, Figure 2 and the released notebooks): black to move in all.
type Published struct {
	Name string
	// Moves lead to it, in SAN.
	Moves string
	// Greedy is the move of all samples at T=0.001. Drawn are those that were drawn most, and together those that
	// were not legal ("").
	Greedy string
	Drawn  []Drawn
}

// Drawn is how many of 100 samples at T=1 and T=0.75 were a move, and the reward that their Stockfish gave it.
type Drawn struct {
	Move      string
	At1, At75 int
	Reward    float64
}

// drawn returns what was published of a move, nothing for others.
func (p *Published) drawn(move string) *Drawn {
	if i := slices.IndexFunc(p.Drawn, func(d Drawn) bool { return d.Move == move }); i >= 0 {
		return &p.Drawn[i]
	}
	return nil
}

// Worked returns the paper's five positions, the one of its Figure 2 first.
func Worked() []Published {
	return []Published{
		{
			Name:   "figure 2",
			Moves:  "c4 e5 Nc3 Nf6 Nf3 Nc6 d4 exd4 Nxd4 Nxd4 Qxd4 d6 b3 Be7 g3 O-O Bg2 c5 Qd1 Bg4 Qd2 Qd7 O-O Bh3 Qc2 Bxg2 Kxg2 Qc6 f3 Rad8 g4 d5 g5 Nh5 cxd5 Rxd5 Qe4 Rd4 Qxe7",
			Greedy: "f8e8", Drawn: []Drawn{{"h5f4", 34, 36, 0.183}, {"f8e8", 14, 22, 0.753}, {"c6g6", 10, 13, 0.168}, {"d4g4", 9, 3, 0.314}, {"", 5, 1, 0}},
		},
		{
			Name:   "a quiet move",
			Moves:  "Nf3 d5 g3 Nc6 d4 Nf6 Bg5 e6 Nc3 Be7 e3 O-O Bd3 Nb4 a3 Nxd3 Qxd3 c5 h4 c4 Qd1 Ne4 Bxe7 Qxe7 Nxe4 dxe4 Ng1 b5 Ne2 Bb7 Qd2 Rad8 Qa5 a6 Nf4",
			Greedy: "e6e5", Drawn: []Drawn{{"e6e5", 27, 38, 0.535}, {"d8a8", 17, 22, 0.497}, {"g7g5", 7, 6, 0.303}, {"f7f5", 6, 4, 0.417}, {"", 5, 1, 0}},
		},
		{
			Name:   "a queen saved",
			Moves:  "c4 e5 Nf3 Nc6 Nc3 Nf6 d3 Bc5 e3 d6 Be2 Bf5 a3 O-O d4 exd4 exd4 Bxd4 Nxd4 Nxd4 Qxd4 c5 Qf4 Qd7 h4 Rae8 Qd2 Ne4 Nxe4 Bxe4 f3 Bf5 Qc3 Re7 Kf1 Rfe8 Bd1 Re1+ Qxe1 Rxe1+ Kxe1 Qe7+ Kf1 Bd3+ Kg1 Qe1+ Kh2",
			Greedy: "e1h4", Drawn: []Drawn{{"e1e5", 31, 25, 0.334}, {"e1h4", 21, 33, 0.694}, {"e1d1", 16, 18, 0.083}, {"e1h1", 8, 15, 0.117}, {"", 3, 1, 0}},
		},
		{
			Name:   "a rook taken",
			Moves:  "c4 e5 g3 Nf6 Nc3 Bc5 d3 Ng4 e3 Qf6 Qxg4 d6 Qxc8+ Qd8 Qxd8+ Kxd8 a3 Nc6 Bg2 Na5 Rb1 Nb3 Nf3 f6 Nd2 Nxd2 Kxd2 Re8 a4 a5 Bh3 Bb4 Ra1 c5 Ke2 g5 Bg2 h5 h3 h4 Nd5 hxg3 Kd1 gxf2 Bf1 Rh8 e4 Rh4 Be3 g4 Bg2 gxh3 Bf1 h2 b3 Rg4 Ke2 Rg1 Nxb4 Rxh1 Na2",
			Greedy: "h1g1", Drawn: []Drawn{{"h1g1", 33, 48, 0.809}, {"h1f1", 20, 21, 0.163}, {"f6f5", 7, 2, 0.628}, {"d8e7", 6, 1, 0.753}, {"", 25, 13, 0}},
		},
		{
			Name:   "a rook for a queen",
			Moves:  "e4 e5 Nf3 Nc6 Bb5 Nf6 Qe2 Bc5 Bxc6 dxc6 a4 O-O h3 Be6 O-O Qd6 a5 a6 Rd1 Rad8 c3 b5 axb6 cxb6 Re1 a5 Na3 b5 Nc2 a4 d4 exd4 e5 Qd5 exf6 gxf6 Nfxd4 Bxd4 Rd1 Qc5 Rxd4 Rxd4 Be3",
			Greedy: "d4e4", Drawn: []Drawn{{"d4e4", 25, 29, 0.643}, {"f8d8", 11, 10, 0.167}, {"e6c4", 7, 7, 0.151}, {"d4d8", 7, 11, 0.098}, {"", 9, 1, 0}},
		},
	}
}

// Game is the game that leads to the position.
func (p *Published) Game() (*bitboard.Game, error) {
	g := bitboard.NewGame(bitboard.Start())
	for san := range strings.FieldsSeq(p.Moves) {
		m, err := g.Position().ParseSAN(san)
		if err == nil {
			err = g.Make(m)
		}
		if err != nil {
			return nil, fmt.Errorf("favor: %s: ply %d: %w", p.Name, g.Ply()+1, err)
		}
	}
	return g, nil
}

// Example is a position with a model's moves and their rewards.
type Example struct {
	Name  string        `json:"name"`
	FEN   string        `json:"fen"`
	Last  string        `json:"last_move"`
	State State         `json:"state"`
	Moves []ExampleMove `json:"moves"` // by reward, the best first
}

// ExampleMove is a legal move.
type ExampleMove struct {
	Move   string    `json:"move"`
	SAN    string    `json:"san"`
	Reward float64   `json:"reward"`
	P      []float64 `json:"p"` // by temperature
	// Published is the reward in the paper's material, 0 where it was not looked up. PublishedP are its
	// shares of the samples at 0.001, 0.75 and 1.
	Published  float64   `json:"published_reward,omitempty"`
	PublishedP []float64 `json:"published_p,omitempty"`
}

// Work measures the paper's positions with a model; false for those beyond its context.
func (r *Reader) Work(ctx context.Context, p *Published, cache *Cache, scorer Scorer) (*Example, bool, error) {
	g, err := p.Game()
	if err != nil {
		return nil, false, err
	}
	if err := r.Begin(ctx, 1); err != nil {
		return nil, false, err
	}
	pos := g.Position()
	var buf [bitboard.MaxMoves]bitboard.Move
	moves := pos.Legal(buf[:0])
	f, ok, err := r.Distributions(ctx, g, moves)
	if err != nil || !ok {
		return nil, false, err
	}
	scores, err := cache.Scores(ctx, scorer, pos)
	if err != nil {
		return nil, false, err
	}
	played := g.Moves()
	e := &Example{Name: p.Name, FEN: pos.FEN(), Last: played[len(played)-1].String(), State: *r.newState(moves, f, scores)}
	e.State.Ply, e.State.FEN = g.Ply(), e.FEN
	at := make(map[bitboard.Move]int, len(moves))
	for i, m := range moves {
		at[m] = i
	}
	for _, s := range scores {
		uci := s.Move.String()
		m := ExampleMove{Move: uci, SAN: pos.SAN(s.Move), Reward: r.reward(s)}
		for t := range f {
			m.P = append(m.P, f[t][at[s.Move]])
		}
		if d := p.drawn(uci); d != nil {
			greedy := 0.0
			if uci == p.Greedy {
				greedy = 1
			}
			m.Published, m.PublishedP = d.Reward, []float64{greedy, float64(d.At75) / 100, float64(d.At1) / 100}
		}
		e.Moves = append(e.Moves, m)
	}
	return e, true, nil
}
