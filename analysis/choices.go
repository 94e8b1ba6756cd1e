package analysis

// What a model would have played: its probabilities for the moves of a position
// at temperature 1, as it learned them, and at the temperature it plays at.

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"transcend/data"
	"transcend/engine"
	"transcend/internal/bitboard"
	"transcend/model"
	"transcend/model/sampling"
)

// Choice is one move that a model may choose.
type Choice struct {
	Move bitboard.Move // NoMove for a text that is no move at all
	// Text is the move in SAN, or as the model writes it where it is not legal.
	Text  string
	Legal bool
	// P is its probability at temperature 1, PT with the player's sampling.
	P, PT float64
}

// Choices is a model's distribution over the moves of one position.
type Choices struct {
	Ply int // moves were played before
	// Legal and LegalT are how much of the probability is on legal moves.
	Legal, LegalT float64
	// Top are the likeliest at temperature 1, in falling order of P. A model of
	// characters has no list of its illegal moves: there are none among them.
	Top []Choice
	// Played is the move that followed; nil after the last one.
	Played *Choice
}

// GameChoices asks a model for its choices at the given plies of a game from the
// initial position, in rising order; ply len(moves) is the position at the end.
// Positions without a legal move are left out, and those that the model's
// context cannot hold. sampling is how the player draws; of a model of characters
// its TopK and TopP are not applied (see engine.ModelPlayer.Chances).
func GameChoices(ctx context.Context, m *model.Model, tok data.Tokenizer, sampling sampling.Settings, moves []bitboard.Move, plies []int, top int) ([]Choices, error) {
	player, err := engine.NewModelPlayer(engine.ModelConfig{Model: m, Tokenizer: tok, Sampling: sampling})
	if err != nil {
		return nil, fmt.Errorf("analysis: choices: %w", err)
	}
	defer player.Close()
	if !slices.IsSorted(plies) || len(plies) > 0 && (plies[0] < 0 || plies[len(plies)-1] > len(moves)) {
		return nil, fmt.Errorf("analysis: choices: plies %v of a game of %d", plies, len(moves))
	}
	enc, err := data.EncoderOf(tok, m.Config())
	if err != nil {
		return nil, fmt.Errorf("analysis: choices: %w", err)
	}
	a := asker{player: player, dec: m.NewDecoder(), enc: enc, sampling: sampling}
	if moveTok, ok := tok.(*data.MoveTokenizer); ok {
		a.moves = moveTok
		a.free = make([]bool, m.Config().Vocab)
		for id := range moveTok.VocabSize() {
			_, a.free[id] = moveTok.Move(int32(id))
		}
	}
	game := bitboard.NewGame(bitboard.Start())
	var out []Choices
	for _, ply := range plies {
		// Tokenizers are not to be given illegal moves, and these may come from a
		// file.
		for game.Ply() < ply {
			if err := game.Make(moves[game.Ply()]); err != nil {
				return nil, fmt.Errorf("analysis: choices: ply %d: %w", game.Ply()+1, err)
			}
		}
		if !game.Position().HasLegalMove() {
			continue
		}
		played := bitboard.NoMove
		if ply < len(moves) {
			played = moves[ply]
		}
		c, err := a.ask(ctx, game, played, top)
		if engine.FailureOf(err) == engine.Length {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("analysis: choices: ply %d: %w", ply+1, err)
		}
		c.Ply = ply
		out = append(out, c)
	}
	return out, nil
}

// asker walks through a game.
type asker struct {
	player   *engine.ModelPlayer
	enc      data.Encoder
	sampling sampling.Settings

	// A model whose tokens are moves tells of illegal ones, too.
	moves *data.MoveTokenizer // nil: characters
	dec   *model.Decoder
	free  []bool
}

func (a *asker) ask(ctx context.Context, game *bitboard.Game, played bitboard.Move, top int) (Choices, error) {
	if err := ctx.Err(); err != nil {
		return Choices{}, err
	}
	var all []Choice
	var err error
	if a.moves != nil {
		all, err = a.tokens(game)
	} else {
		all, err = a.legal(ctx, game)
	}
	if err != nil {
		return Choices{}, err
	}
	var c Choices
	for i := range all {
		if all[i].Legal {
			c.Legal += all[i].P
			c.LegalT += all[i].PT
		}
		if all[i].Move == played && played != bitboard.NoMove {
			move := all[i]
			c.Played = &move
		}
	}
	slices.SortStableFunc(all, func(x, y Choice) int { return cmp.Compare(y.P, x.P) })
	c.Top = slices.Clone(all[:min(top, len(all))])
	return c, nil
}

// legal is the choices among the legal moves.
func (a *asker) legal(ctx context.Context, game *bitboard.Game) ([]Choice, error) {
	chances, err := a.player.Chances(ctx, game, 1)
	if err != nil {
		return nil, err
	}
	own, err := a.player.Chances(ctx, game, a.sampling.Temperature)
	if err != nil {
		return nil, err
	}
	at := map[bitboard.Move]float64{}
	for _, c := range own {
		at[c.Move] = c.P
	}
	all := make([]Choice, 0, len(chances))
	for _, c := range chances {
		all = append(all, Choice{Move: c.Move, Text: game.Position().SAN(c.Move), Legal: true, P: c.P, PT: at[c.Move]})
	}
	return all, nil
}

// tokens is the choices of a model whose tokens are moves, legal or not.
func (a *asker) tokens(game *bitboard.Game) ([]Choice, error) {
	prompt := a.enc.Tokenizer.AppendPrompt(nil, game.Moves())
	// The game only grows: what the decoder holds is its beginning. Truncate keeps
	// the last token to be fed again, if there is nothing new.
	n := min(a.dec.Len(), len(prompt)-1)
	a.dec.Truncate(n)
	logits, err := a.dec.AppendExtras(a.enc.AppendExtras(nil, game, n, len(prompt)), prompt[n:]...)
	if errors.Is(err, model.ErrContextFull) {
		return nil, fmt.Errorf("%w: %w", engine.ErrContextFull, err)
	}
	if err != nil {
		return nil, err
	}
	p := sampling.Settings{Temperature: 1}.Probabilities(nil, logits, a.free)
	pt := a.sampling.Probabilities(nil, logits, a.free)
	if slices.Max(p) == 0 {
		return nil, errors.New("the model gives no probabilities (did its training diverge?)")
	}
	pos := game.Position()
	all := make([]Choice, 0, a.moves.VocabSize())
	for id := range int32(a.moves.VocabSize()) {
		move, ok := a.moves.Move(id)
		if !ok {
			continue
		}
		c := Choice{Move: move, Text: move.String(), Legal: pos.IsLegal(move), P: p[id], PT: pt[id]}
		if c.Legal {
			c.Text = pos.SAN(move)
		}
		all = append(all, c)
	}
	return all, nil
}
