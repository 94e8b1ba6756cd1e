// Simulate plays games between simulated players and writes them as PGN. It
// made examples/simulated.pgn.zst, so that a fresh clone has games to train on:
//
//	go run ./examples/simulate --games 6000 --seed 1 | zstd -19 > examples/simulated.pgn.zst
//
// A player looks one move ahead, resolves captures, and with a probability
// that falls with its rating plays a random legal move instead. The ratings are
// NOMINAL: they order the players, nobody measured them.
package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"

	"github.com/spf13/pflag"

	"transcend/internal/bitboard"
	"transcend/internal/cli"
	"transcend/pgn"
)

func main() { cli.Main(run) }

func run(ctx context.Context, _ io.Reader, stdout, stderr io.Writer, args []string) int {
	fs := pflag.NewFlagSet("simulate", pflag.ContinueOnError)
	games := fs.Int("games", 6000, "games to play")
	seed := fs.Uint64("seed", 1, "seed; the same seed gives the same games")
	err := cli.Parse(fs, args, stdout, func(w io.Writer) { fmt.Fprint(w, fs.FlagUsages()) })
	if err == nil {
		err = simulate(ctx, stdout, *games, *seed)
	}
	if err != nil {
		return cli.Fail(stderr, "simulate", err)
	}
	return cli.ExitOK
}

// Ratings of the players and the shares of random moves that go with them.
const (
	lowest, highest           = 600, 1500
	noiseLowest, noiseHighest = 0.60, 0.10

	maxPlies = 160 // a longer game is called a draw
)

func noise(rating int) float64 {
	share := float64(rating-lowest) / (highest - lowest)
	return noiseLowest + share*(noiseHighest-noiseLowest)
}

func simulate(ctx context.Context, w io.Writer, games int, seed uint64) error {
	pw := pgn.NewWriter(w)
	for i := range games {
		if err := ctx.Err(); err != nil {
			return err
		}
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		white := lowest + 100*rng.IntN((highest-lowest)/100+1)
		black := min(max(white+100*(rng.IntN(3)-1), lowest), highest)
		g, termination := play(rng, white, black)
		moves := g.Moves()
		result, _ := g.Outcome()
		if result == bitboard.Ongoing {
			result = bitboard.Draw
		}
		err := pw.Write(&pgn.Game{
			Tags: []pgn.Tag{
				{Name: "Event", Value: "Simulated players (nominal ratings, not measured)"},
				{Name: "Site", Value: fmt.Sprintf("simulated/seed%d/game%d", seed, i+1)},
				{Name: "Date", Value: "????.??.??"},
				{Name: "Round", Value: "-"},
				{Name: "White", Value: "noisy-" + strconv.Itoa(white)},
				{Name: "Black", Value: "noisy-" + strconv.Itoa(black)},
				{Name: "Result", Value: result.String()},
				{Name: "WhiteElo", Value: strconv.Itoa(white)},
				{Name: "BlackElo", Value: strconv.Itoa(black)},
				{Name: "TimeControl", Value: "-"},
				{Name: "Termination", Value: termination},
			},
			Start: bitboard.Start(), Moves: moves, Result: result,
		})
		if err != nil {
			return fmt.Errorf("writing game %d: %w", i+1, err)
		}
	}
	return nil
}

func play(rng *rand.Rand, white, black int) (*bitboard.Game, string) {
	g := bitboard.NewGame(bitboard.Start())
	for g.Ply() < maxPlies {
		if result, why := g.Outcome(); result != bitboard.Ongoing {
			return g, why.String()
		}
		rating := white
		if g.Position().SideToMove() == bitboard.Black {
			rating = black
		}
		if err := g.Make(choose(rng, g.Position(), noise(rating))); err != nil {
			panic("simulate: chose an illegal move: " + err.Error())
		}
	}
	if result, why := g.Outcome(); result != bitboard.Ongoing {
		return g, why.String()
	}
	return g, "adjudicated: length"
}

func choose(rng *rand.Rand, p *bitboard.Position, noise float64) bitboard.Move {
	var buf [256]bitboard.Move
	moves := p.Legal(buf[:0])
	if rng.Float64() < noise {
		return moves[rng.IntN(len(moves))]
	}
	best, bestScore := moves[0], -1<<30
	for _, m := range moves {
		next := *p
		next.Make(m)
		score := -quiesce(&next, -1<<20, 1<<20, 4)
		if next.Checkmate() {
			score = 1 << 20
		}
		// A few centipawns of taste keep equal moves from being played alike.
		if score = score*8 + rng.IntN(120); score > bestScore {
			best, bestScore = m, score
		}
	}
	return best
}

var values = [...]int{bitboard.Pawn: 100, bitboard.Knight: 310, bitboard.Bishop: 330, bitboard.Rook: 500, bitboard.Queen: 900, bitboard.King: 0}

// quiesce resolves captures down to depth plies, from the mover's side.
func quiesce(p *bitboard.Position, alpha, beta, depth int) int {
	score := evaluate(p)
	if depth == 0 || score >= beta {
		return score
	}
	alpha = max(alpha, score)
	var buf [256]bitboard.Move
	for _, m := range p.Legal(buf[:0]) {
		if p.PieceAt(m.To()) == bitboard.NoPiece && m.Promotion() != bitboard.Queen {
			continue
		}
		next := *p
		next.Make(m)
		if s := -quiesce(&next, -beta, -alpha, depth-1); s > score {
			if score = s; s >= beta {
				return s
			}
			alpha = max(alpha, s)
		}
	}
	return score
}

// evaluate counts material, pushed pawns and pieces near the center, in
// centipawns from the mover's side.
func evaluate(p *bitboard.Position) int {
	score := 0
	for s := range bitboard.Square(64) {
		piece := p.PieceAt(s)
		if piece == bitboard.NoPiece {
			continue
		}
		file, rank := int(s)%8, int(s)/8
		if piece.Color() == bitboard.Black {
			rank = 7 - rank
		}
		v := values[piece.Type()]
		center := min(file, 7-file) + min(rank, 7-rank)
		switch piece.Type() {
		case bitboard.Pawn:
			v += 4*rank + 2*min(file, 7-file)*min(rank-1, 3)
		case bitboard.King:
			v -= 6 * center
		case bitboard.Knight, bitboard.Bishop:
			v += 8 * center
		default:
			v += center
		}
		if piece.Color() != p.SideToMove() {
			v = -v
		}
		score += v
	}
	return score
}
