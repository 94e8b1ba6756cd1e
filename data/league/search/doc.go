// Package search finds moves in chess positions: the player behind the simulated
// ones of package league. It is a plain alpha-beta search on the bitboard core:
// iterative deepening, principal variation search, a transposition table,
// quiescence over captures, null moves, late move reductions, and a tapered
// evaluation by piece, square, pawn structure and mobility.
//
// A search by depth or nodes depends on the position, the positions of the game
// before it, and its Options alone: nothing of an earlier search is left in the
// tables. So the same game gets the same move on every machine.
//
// The methods are those of the literature; the numbers of the evaluation are our
// own (weights.go).
package search
