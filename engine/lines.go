package engine

import (
	"bytes"
	"context"
	"slices"
	"strconv"

	"transcend/internal/bitboard"
)

// Line is a move of a position and what an engine makes of it.
type Line struct {
	Move  bitboard.Move
	Score Score // from the side of the one who moves
}

// Lines searches a position and returns the moves that the engine scores, the best first: as
// many as its option MultiPV asks for, or as there are legal moves. An engine without that option
// scores one. Errors are Move's. Scores of an iteration that was not finished are the engine's
// of the one before.
func (c *UCI) Lines(ctx context.Context, g *bitboard.Game, limit Limit) ([]Line, error) {
	c.mu.Lock()
	c.info.all = true
	c.mu.Unlock()
	_, err := c.Move(ctx, g, limit)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.info.all = false
	if err != nil {
		return nil, err
	}
	var lines []Line
	for _, kept := range c.info.lines {
		score := parseInfo(kept)
		word, _ := nextWord([]byte(score.PV))
		m, err := g.Position().ParseUCIMove(string(word))
		if err != nil {
			return nil, c.protocolError("the first move of a line is not legal", string(kept))
		}
		// An engine that was stopped may have a line of this iteration and the next line of the last
		// one for the same move; the former counts.
		if !slices.ContainsFunc(lines, func(l Line) bool { return l.Move == m }) {
			lines = append(lines, Line{m, *score})
		}
	}
	return lines, nil
}

// maxLines bounds the lines that are kept.
const maxLines = bitboard.MaxMoves

// keepLine takes the rest of an "info" line if it has an exact score and moves: the last
// one with each number counts.
func (k *infoKeeper) keepLine(line []byte) {
	number, exact := 1, false
	for rest := line; ; {
		var word []byte
		word, rest = nextWord(rest)
		switch string(word) {
		case "", "string", "lowerbound", "upperbound":
			return
		case "score":
			exact = true
		case "multipv":
			word, rest = nextWord(rest)
			n, err := strconv.Atoi(string(word))
			if err != nil || n < 1 || n > maxLines {
				return
			}
			number = n
		case "pv":
			if exact && len(bytes.TrimSpace(rest)) > 0 {
				for len(k.lines) < number {
					k.lines = append(k.lines, nil)
				}
				k.lines[number-1] = append(k.lines[number-1][:0], line...)
			}
			return
		}
	}
}
