package match

import (
	"context"
	"errors"
	"strings"
	"testing"

	"transcend/engine"
	"transcend/internal/bitboard"
)

// telling plays knight moves to and fro and tells scores.
type telling struct {
	scripted
	scores []int // centipawns; mates beyond ±30000; 99999 is no score
}

const noScore = 99999

func (p *telling) Move(ctx context.Context, g *bitboard.Game, l engine.Limit) (engine.Reply, error) {
	n := p.next
	r, err := p.scripted.Move(ctx, g, l)
	if err == nil && n < len(p.scores) && p.scores[n] != noScore {
		r.Score = &engine.Score{Centipawns: p.scores[n]}
		if p.scores[n] > 30000 || p.scores[n] < -30000 {
			r.Score = &engine.Score{IsMate: true, Mate: p.scores[n] / 30000}
		}
	}
	return r, err
}

func teller(moves string, scores ...int) *telling {
	p := &telling{scores: scores}
	p.moves = strings.Fields(moves)
	p.err = engine.ErrResigned
	return p
}

const (
	whiteMoves = "g1f3 f3g1 b1c3 c3b1 g1h3 h3g1 b1a3 a3b1 e2e3 d2d3"
	blackMoves = "g8f6 f6g8 b8c6 c6b8 g8h6 h6g8 b8a6 a6b8 e7e6 d7d6"
)

func TestAdjudication(t *testing.T) {
	same := func(cp, n int) []int {
		s := make([]int, n)
		for i := range s {
			s[i] = cp
		}
		return s
	}
	resign := Resign{Score: 500, Moves: 3}
	for _, tt := range []struct {
		name         string
		white, black []int
		rules        Rules
		termination  string
		loser, plies int
	}{
		{"resigns at its third bad score", []int{0, -500, -600, -700}, same(400, 10), Rules{Resign: resign}, AdjudicatedLoss, 0, 7},
		{"a good score in between starts again", []int{-500, -600, -499, -500, -500, -500}, same(0, 10), Rules{Resign: resign}, AdjudicatedLoss, 0, 11},
		{"a move without a score starts again", []int{-500, -600, noScore, -500, -500, -500}, same(0, 10), Rules{Resign: resign}, AdjudicatedLoss, 0, 11},
		{"being mated is bad", []int{-30001, -60001, -30001}, same(0, 10), Rules{Resign: resign}, AdjudicatedLoss, 0, 5},
		{"mating is good", same(60001, 10), same(0, 10), Rules{Resign: resign}, "fivefold repetition", -1, 16},
		{"black", same(900, 10), []int{-500, -500, -500}, Rules{Resign: resign}, AdjudicatedLoss, 1, 6},
		{"two-sided waits for the other", []int{-500, -500, -500, -500, -500}, []int{400, 500, 500, 500}, Rules{Resign: Resign{500, 3, true}}, AdjudicatedLoss, 0, 8},
		{"draw from move 5", same(9, 10), same(-10, 10), Rules{Draw: DrawRule{From: 5, Moves: 2, Score: 10}}, AdjudicatedDraw, -1, 9},
		{"draw after 3 moves of both", []int{50, 10, 10, 10, 10}, same(0, 10), Rules{Draw: DrawRule{Moves: 3, Score: 10}}, AdjudicatedDraw, -1, 7},
		{"no draw while one sees more", same(11, 10), same(0, 10), Rules{Draw: DrawRule{Moves: 2, Score: 10}}, "fivefold repetition", -1, 16},
		{"nothing is on by itself", same(-900, 10), same(900, 10), Rules{}, "fivefold repetition", -1, 16},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.rules.NoClaims = true
			g, err := Play(t.Context(), [2]engine.Player{teller(whiteMoves, tt.white...), teller(blackMoves, tt.black...)}, 0, 1, Opening{}, tt.rules)
			if err != nil {
				t.Fatal(err)
			}
			if g.Termination != tt.termination || g.Loser != tt.loser || len(g.Moves) != tt.plies {
				t.Errorf("%q, loser %d, %d plies; want %q, %d, %d", g.Termination, g.Loser, len(g.Moves), tt.termination, tt.loser, tt.plies)
			}
		})
	}
}

func TestJudge(t *testing.T) {
	for cp, want := range map[int]bitboard.Result{150: bitboard.WhiteWins, 149: bitboard.Draw, -149: bitboard.Draw, -150: bitboard.BlackWins, 90001: bitboard.WhiteWins} {
		// After three plies Black is to move: its view is the opposite.
		judge := &EngineJudge{Player: teller("b8c6", -cp), Win: 150}
		g, err := Play(t.Context(), [2]engine.Player{teller(whiteMoves), teller(blackMoves)}, 0, 1, Opening{}, Rules{MaxPlies: 3, Judge: judge})
		if err != nil || g.Result != want || !strings.HasPrefix(g.Termination, "length, judged ") {
			t.Errorf("%d: %v %q, %v", cp, g.Result, g.Termination, err)
		}
	}
	silent := &EngineJudge{Player: teller("b8c6"), Win: 150}
	if _, err := Play(t.Context(), [2]engine.Player{teller(whiteMoves), teller(blackMoves)}, 0, 1, Opening{}, Rules{MaxPlies: 3, Judge: silent}); err == nil {
		t.Error("a judge without a score decided")
	}
	broken := &EngineJudge{Player: script(errors.New("gone")), Win: 150}
	if _, err := Play(t.Context(), [2]engine.Player{teller(whiteMoves), teller(blackMoves)}, 0, 1, Opening{}, Rules{MaxPlies: 3, Judge: broken}); err == nil {
		t.Error("a broken judge decided")
	}
}

func TestRulesValidate(t *testing.T) {
	for _, r := range []Rules{{Resign: Resign{Moves: 3}}, {Resign: Resign{Moves: -1, Score: 1}}, {Draw: DrawRule{Moves: -1}}, {MaxPlies: -1}, {Controls: [2]Control{{}, {Nodes: -1}}}} {
		if r.Validate() == nil {
			t.Errorf("%+v is valid", r)
		}
	}
	if err := (Rules{Resign: Resign{Score: 500, Moves: 3}, MaxPlies: 10}).Validate(); err != nil {
		t.Error(err)
	}
}
