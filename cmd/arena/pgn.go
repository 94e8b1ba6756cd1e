package main

import (
	"fmt"
	"io"
	"strconv"

	"transcend/elo/leaderboard"
	"transcend/internal/atomicfile"
	"transcend/internal/bitboard"
	"transcend/pgn"
)

// atomicPGN replaces the file path by the games that each yields.
func atomicPGN(path string, each func(write func(g leaderboard.Game, white, black string) error) error) error {
	return atomicfile.WriteFile(path, 0o644, func(w io.Writer) error {
		pw := pgn.NewWriter(w)
		return each(func(g leaderboard.Game, white, black string) error {
			return pw.Write(toPGN(g, white, black))
		})
	})
}

// toPGN is a stored game with the engine's evaluations as comments, from
// White's view in pawns: "+0.35/12 98ms".
func toPGN(g leaderboard.Game, white, black string) *pgn.Game {
	result, _ := bitboard.ParseResult(g.Result)
	out := &pgn.Game{
		Tags: []pgn.Tag{
			{Name: "Event", Value: fmt.Sprintf("arena match %d", g.MatchID)},
			{Name: "Site", Value: "?"},
			{Name: "Date", Value: g.StartedAt.UTC().Format("2006.01.02")},
			{Name: "Round", Value: strconv.Itoa(g.Slot + 1)},
			{Name: "White", Value: white},
			{Name: "Black", Value: black},
			{Name: "Result", Value: g.Result},
			{Name: "Termination", Value: g.Termination},
			{Name: "Seed", Value: strconv.FormatUint(g.Seed, 10)},
		},
		Start: bitboard.Start(), Moves: movesOf(g.Moves), Result: result,
	}
	if len(g.Evals) > 0 {
		out.Comments = make([]string, len(out.Moves))
		for _, e := range g.Evals {
			if e.Ply < 0 || e.Ply >= len(out.Comments) {
				continue
			}
			cp, mate := e.Centipawns, e.Mate
			if e.Ply%2 == 1 {
				cp, mate = -cp, -mate
			}
			score := fmt.Sprintf("%+.2f", float64(cp)/100)
			if e.IsMate {
				score = fmt.Sprintf("%+dM", mate)
			}
			out.Comments[e.Ply] = fmt.Sprintf("%s/%d %dms", score, e.Depth, e.Millis)
		}
	}
	return out
}
