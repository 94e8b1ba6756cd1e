package bitboard

import "fmt"

// Game is a game in progress: where it started, its moves, and the positions
// between them, which the rules of repetition need. Games come from NewGame.
type Game struct {
	positions []Position // one more than moves; the first is the start
	moves     []Move
}

// NewGame returns a game that starts from a position.
func NewGame(start Position) *Game {
	return &Game{positions: []Position{start}}
}

// Position returns the current position. It must not be changed, and stays as
// it is when the game goes on.
func (g *Game) Position() *Position { return &g.positions[len(g.positions)-1] }

// StartPosition returns the position the game started from.
func (g *Game) StartPosition() Position { return g.positions[0] }

// PositionAt returns the position after a number of plies, from 0 for the start
// to Ply for the current one. It panics outside that range.
func (g *Game) PositionAt(ply int) *Position { return &g.positions[ply] }

// Moves returns the moves played. They must not be changed, and are valid until
// the next Make.
func (g *Game) Moves() []Move { return g.moves }

// Ply returns the number of moves played by both sides.
func (g *Game) Ply() int { return len(g.moves) }

// Make plays a move. A move that is not legal is an error that wraps
// ErrIllegalMove, and changes nothing. The rules by which a game ends do not
// stop it: ask Outcome.
func (g *Game) Make(m Move) error {
	p := g.Position()
	if !p.IsLegal(m) {
		return fmt.Errorf("bitboard: %w: %s in %s", ErrIllegalMove, m, p.FEN())
	}
	next := *p
	next.Make(m)
	g.positions = append(g.positions, next)
	g.moves = append(g.moves, m)
	return nil
}

// Clone returns a copy that goes on independently.
func (g *Game) Clone() *Game {
	return &Game{
		positions: append([]Position(nil), g.positions...),
		moves:     append([]Move(nil), g.moves...),
	}
}

// Repetitions returns how often the current position has occurred in the game,
// now included, by FIDE 9.2.3: same side to move, same pieces, same castling
// rights, and the same en passant captures legally possible.
func (g *Game) Repetitions() int {
	now := g.Position()
	// No position comes back after a capture or pawn move; the same side is to
	// move at every other ply.
	last := len(g.positions) - 1
	first := max(0, last-now.HalfmoveClock())
	n := 1
	for i := last - 2; i >= first; i -= 2 {
		if g.positions[i].SamePosition(now) {
			n++
		}
	}
	return n
}

// Outcome reports whether the game is over by itself, and by which rule: mate,
// stalemate, insufficient material, seventy-five moves, fivefold repetition.
// Mate by the last of the seventy-five moves counts as mate (FIDE 9.6.2). While
// the game goes on the answer is Ongoing and NoTermination.
func (g *Game) Outcome() (Result, Termination) {
	p := g.Position()
	if !p.HasLegalMove() {
		switch {
		case !p.InCheck():
			return Draw, Stalemate
		case p.side == White:
			return BlackWins, Checkmate
		default:
			return WhiteWins, Checkmate
		}
	}
	switch {
	case p.InsufficientMaterial():
		return Draw, InsufficientMaterial
	case p.HalfmoveClock() >= 150:
		return Draw, SeventyFiveMoves
	case g.Repetitions() >= 5:
		return Draw, FivefoldRepetition
	}
	return Ongoing, NoTermination
}

// ClaimableDraw returns the rule by which the side to move may claim a draw in
// the current position, fifty moves before threefold repetition, and
// NoTermination when there is none or the game is over by mate or stalemate.
// Claims that announce a move first (FIDE 9.2.1, 9.3.1) are not looked for.
func (g *Game) ClaimableDraw() Termination {
	p := g.Position()
	fifty := p.HalfmoveClock() >= 100
	if !fifty && g.Repetitions() < 3 {
		return NoTermination
	}
	if !p.HasLegalMove() {
		return NoTermination
	}
	if fifty {
		return FiftyMoves
	}
	return ThreefoldRepetition
}
