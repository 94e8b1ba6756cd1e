package uciserver

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"transcend/engine"
	"transcend/internal/bitboard"
)

// see settles the searches for which no model is needed.
func (s *server) see(sr *search) {
	pos := sr.game.Position()
	switch {
	case sr.unknown != "":
		sr.note, sr.over = "no move: the position could not be read: "+sr.unknown, true
	case !pos.HasLegalMove():
		sr.note, sr.over = "no move: the game is over", true
	case sr.game.StartPosition() != bitboard.Start():
		sr.note, sr.over = "a random move: the model is blindfold and cannot be shown a position that was set up", true
	}
}

// setDue starts the clock of the search.
func (s *server) setDue() {
	if d, ok := s.search.limit.budget(s.overhead); ok {
		s.search.due = time.Now().Add(d)
		if s.debug {
			s.tell("time for this move: %v", d)
		}
	}
}

// release lets a search that waits for stop or ponderhit end.
func (s *server) release() { s.search.hold = false }

// hurry makes the search be answered within d.
func (s *server) hurry(d time.Duration) {
	if due := time.Now().Add(d); s.search.due.IsZero() || due.Before(s.search.due) {
		s.search.due = due
	}
}

// startSearch lets the player think.
func (s *server) startSearch(ctx context.Context) {
	sr := s.search
	sr.started = true
	ctx, sr.cancel = context.WithCancel(ctx)
	player, masked, sampling, policy := s.player, s.masked, s.sampling, s.policy
	look := s.model.CheapChances() || s.multiPV > 1 || sr.hold
	loaded, seed := s.model, s.gameSeed()
	s.start(searching, func(report func(event)) {
		defer sr.cancel()
		defer report(event{search: sr, done: true})
		if len(sr.only) > 0 {
			chances, err := player.Chances(ctx, sr.game, 1)
			if err != nil {
				report(event{search: sr, err: err})
				return
			}
			rng := rand.New(rand.NewPCG(seed, uint64(sr.game.Ply())))
			r := engine.Reply{Move: drawOnly(chances, sr.only, sampling.Temperature, rng), Attempts: 1}
			report(event{search: sr, reply: &r, chances: chances})
			return
		}
		r, err := player.Move(ctx, sr.game, engine.Limit{})
		if err != nil && policy.Kind != engine.ForfeitAfter && engine.FailureOf(err) == engine.Resignation {
			// It wrote a result: under this policy it has to move.
			if masked == nil {
				if masked, err = loaded.NewPlayer(sampling, engine.IllegalPolicy{Kind: engine.Mask}); err == nil {
					err = masked.NewGame(ctx, seed)
				}
				report(event{search: sr, masked: masked})
			}
			if err == nil {
				r, err = masked.Move(ctx, sr.game, engine.Limit{})
			}
		}
		report(event{search: sr, reply: &r, err: err})
		if !look || err != nil && engine.FailureOf(err) != engine.IllegalMove {
			return
		}
		if chances, err := player.Chances(ctx, sr.game, 1); err == nil {
			report(event{search: sr, chances: chances})
		}
	})
}

// drawOnly draws one of the moves of only with the temperature over moves.
func drawOnly(chances []engine.Chance, only []bitboard.Move, temperature float64, rng *rand.Rand) bitboard.Move {
	var left []engine.Chance // the likeliest first
	for _, c := range chances {
		if slices.Contains(only, c.Move) {
			left = append(left, c)
		}
	}
	if temperature == 0 || left[0].P == 0 {
		return left[0].Move
	}
	weights, sum := make([]float64, len(left)), 0.0
	for i, c := range left {
		weights[i] = math.Exp((math.Log(c.P) - math.Log(left[0].P)) / temperature)
		sum += weights[i]
	}
	point := rng.Float64() * sum
	for i, w := range weights {
		if point -= w; point < 0 {
			return left[i].Move
		}
	}
	return left[0].Move
}

// thought takes what the player has found out. It may belong to a search that
// was answered without it.
func (s *server) thought(e event) {
	if e.masked != nil {
		s.masked = e.masked
	}
	sr := e.search
	if e.chances != nil {
		sr.chances = e.chances
		if !s.wantGame {
			s.known = e.chances
		}
	}
	if e.done {
		sr.over = true
	}
	switch {
	case e.err != nil:
		s.refused(sr, e)
	case e.reply != nil:
		sr.reply = e.reply
	}
}

// refused is told why there is no move.
func (s *server) refused(sr *search, e event) {
	failure := engine.FailureOf(e.err)
	if failure == engine.Canceled {
		return
	}
	text := e.err.Error()
	if failure == engine.Length {
		text = "the game is longer than the model's context"
	}
	if s.policy.Kind == engine.ForfeitAfter && failure.Forfeits() {
		sr.forfeit, sr.note = true, "no move: the game is forfeited ("+s.policy.String()+"): "+text
		return
	}
	sr.note = "a move that is not the model's: " + text
}

// timeUp answers a search with what there is.
func (s *server) timeUp() {
	sr := s.search
	if sr.reply == nil && !sr.over {
		sr.note = "a move that is not the model's: it was not done in time"
	}
	sr.over = true
	s.answer()
}

// answer writes what is known of the search, and its end when it may end.
func (s *server) answer() {
	sr := s.search
	if sr == nil || !sr.over {
		return
	}
	if !sr.told {
		sr.told = true
		s.inform(sr)
	}
	if sr.hold {
		return
	}
	best := "0000"
	switch {
	case sr.forfeit || sr.unknown != "":
	case sr.reply == nil:
		best = "(none)"
	default:
		best = sr.reply.Move.String()
	}
	s.say("bestmove ", best)
	if sr.cancel != nil {
		sr.cancel()
	}
	s.search = nil
}

// inform writes the info lines of a search, and finds a move where the model
// has none.
func (s *server) inform(sr *search) {
	if sr.reply == nil && !sr.forfeit && sr.unknown == "" {
		if moves := sr.game.Position().Legal(nil); len(moves) > 0 {
			sr.reply = &engine.Reply{Move: s.fallback(sr, moves)}
		}
	}
	if sr.note != "" {
		s.tell("%s", sr.note)
	}
	if len(sr.chances) > 0 {
		s.tell("%s", policyText(sr.chances))
	}
	if sr.reply == nil || sr.forfeit {
		return
	}
	r := sr.reply
	if r.Illegal > 0 {
		s.tell("illegal draws: %d of %d", r.Illegal, r.Attempts)
	}
	score := ""
	if s.zeroScore {
		score = " score cp 0"
	}
	ms := time.Since(sr.began).Milliseconds()
	line := func(i int, m bitboard.Move) {
		s.say("info depth 1 seldepth 1 multipv ", strconv.Itoa(i), score, " nodes ", strconv.Itoa(max(1, r.Attempts)),
			" time ", strconv.FormatInt(ms, 10), " pv ", m.String())
	}
	// The first line is the move that is played, as tools expect, also when it was
	// not the likeliest.
	line(1, r.Move)
	n := 1
	for _, c := range sr.chances {
		if n >= s.multiPV {
			break
		}
		if c.Move != r.Move && (len(sr.only) == 0 || slices.Contains(sr.only, c.Move)) {
			n++
			line(n, c.Move)
		}
	}
}

// policyText names the likeliest moves and the probability of all legal ones.
func policyText(chances []engine.Chance) string {
	var b strings.Builder
	b.WriteString("policy")
	legal := 0.0
	for i, c := range chances {
		legal += c.P
		if i < policyMoves {
			fmt.Fprintf(&b, " %s %.1f%%", c.Move, 100*c.P)
		}
	}
	fmt.Fprintf(&b, " (all legal moves %.1f%%)", 100*min(legal, 1))
	return b.String()
}

// fallback is a legal move that is not the model's.
func (s *server) fallback(sr *search, moves []bitboard.Move) bitboard.Move {
	if len(sr.only) > 0 {
		moves = sr.only
	}
	if sr.game.StartPosition() == bitboard.Start() {
		for _, c := range s.known {
			if slices.Contains(moves, c.Move) {
				return c.Move
			}
		}
	}
	return randomMove(moves, s.rng)
}

var _ Player = (*engine.ModelPlayer)(nil)
