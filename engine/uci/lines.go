package uci

import (
	"cmp"
	"context"
	"math"
	"slices"

	"transcend/engine"
	"transcend/internal/bitboard"
)

// Line is a move of a position and what an engine makes of it.
type Line struct {
	Move  bitboard.Move
	Score engine.Score // from the side of the one who moves
}

// Lines searches a position and returns the moves that the engine scores, the best first: as
// many as its option MultiPV asks for, or as there are legal moves. An engine without that option
// scores one. Errors are Move's. Where the last iteration was not finished, the moves that it had not come to have
// their scores of the one before: the order is by scores, and then the engine's.
func (c *Engine) Lines(ctx context.Context, g *bitboard.Game, limit engine.Limit) ([]Line, error) {
	c.mu.Lock()
	c.info.index = map[string]int{}
	c.mu.Unlock()
	_, err := c.Move(ctx, g, limit)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.info.index = nil
	if err != nil {
		return nil, err
	}
	var lines []Line
	ranks := map[bitboard.Move]int{}
	for _, kept := range c.info.lines {
		score := parseInfo(kept.text)
		word, _ := nextWord([]byte(score.PV))
		m, err := g.Position().ParseUCIMove(string(word))
		if err != nil {
			return nil, c.protocolError("the first move of a line is not legal", string(kept.text))
		}
		lines = append(lines, Line{m, *score})
		ranks[m] = kept.rank
	}
	slices.SortFunc(lines, func(a, b Line) int {
		return cmp.Or(compareScores(&b.Score, &a.Score), cmp.Compare(ranks[a.Move], ranks[b.Move]), cmp.Compare(a.Move, b.Move))
	})
	return lines, nil
}

// compareScores orders scores from lost to won.
func compareScores(s, t *engine.Score) int {
	// Mates lie beyond all centipawns, the nearer the farther.
	value := func(s *engine.Score) int {
		switch {
		case !s.IsMate:
			return s.Centipawns
		case s.Mate > 0:
			return math.MaxInt/2 - s.Mate
		}
		return -math.MaxInt/2 - s.Mate
	}
	return cmp.Compare(value(s), value(t))
}

// maxLines bounds the lines that are kept.
const maxLines = bitboard.MaxMoves

// keptLine is the last exact line of a move, and the rank that it had.
type keptLine struct {
	rank int
	text []byte
}

// keepLine keeps an "info" line if it has an exact score and moves: the last one that begins with
// a move counts. By rank they could not be kept: a search that is stopped writes all lines again, with a bound in
// place of a score for the one that it was at.
func (k *infoKeeper) keepLine(said infoLine, line []byte) {
	if said.kind != exactScore || said.rank == 0 || said.move == nil {
		return
	}
	i, known := k.index[string(said.move)]
	if !known {
		if len(k.lines) == maxLines {
			return
		}
		i = len(k.lines)
		k.index[string(said.move)] = i
		k.lines = append(k.lines, keptLine{})
	}
	k.lines[i] = keptLine{said.rank, append(k.lines[i].text[:0], line...)}
}
