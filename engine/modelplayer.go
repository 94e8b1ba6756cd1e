package engine

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"transcend/data"
	"transcend/internal/bitboard"
	"transcend/model"
	"transcend/model/sampling"
)

// ErrSetUpPosition is wrapped when a model is to play a game that did not begin
// in the initial position: it is shown the moves, and there is nothing to show
// for a position.
var ErrSetUpPosition = errors.New("a model can only play games from the initial position")

// ModelConfig is everything that makes a model a player.
type ModelConfig struct {
	Name      string // "" is "model"; " board input" is added where the model has that
	Model     *model.Model
	Tokenizer data.Tokenizer
	Sampling  sampling.Settings
	Policy    IllegalPolicy
	// Batch decodes for several players of Model together; nil: float32, for this one.
	Batch *Batch
	// Details are added to Spec: which checkpoint this is, what it was trained on.
	Details map[string]string
}

// ModelPlayer plays what a model draws. The model is blindfold: it is shown the
// moves of the game as its tokenizer writes them and nothing else, and continues
// them. A model with board input is shown the board after every move as well.
//
// With the move tokenizer one token is drawn, among the 1,968 moves. The
// separator "<game>" and "<pad>" are never candidates: they are no moves, and the
// separator, which is what follows the last move of a game in training, says
// neither who won nor why the game ended there (mate, resignation, flag), so it
// is no resignation either.
//
// With the character tokenizer the paper's protocol is followed (Zhang et al.
// 2024, released play code): the prompt ends with the move number for White and
// with White's move for Black; up to ten characters are drawn one by one; the
// response is cut at ";" and "+", and its first word, read as SAN, is the move. A
// game result in place of a move is ErrResigned. Characters that cannot change
// the word any more are not drawn. The released code also writes the model's own
// moves into later prompts as they were cut, so without "+"; here a prompt is
// always the transcript of the training data.
//
// A temperature over characters is one over prefixes of moves, not over moves:
// results of the two tokenizers are not comparable at equal temperatures.
//
// The policies that need the legal moves act on every token: what may follow is
// what some legal move, written in SAN without "+" and "#", continues with, and
// after a whole move also what ends one. So among characters, too, the mask
// applies to prefixes; it is not the distribution over moves restricted to the
// legal ones. A token is first drawn without the mask and drawn again with it
// only when it does not fit: for Sampling without TopK and TopP that is the same
// distribution, and it tells how often the mask was needed.
//
// When Move fails, Attempts, Illegal and Text of its Reply are still right.
//
// Any number of players may share one Model.
type ModelPlayer struct {
	cfg     ModelConfig
	enc     data.Encoder
	initial bitboard.Position
	context int
	// free says which ids may be drawn without a mask; nil permits all.
	free   []bool
	ends   []int32 // Tokenizer.MoveEnds
	closed atomic.Bool
	// busy is held while the decoder is in use; who finds the player closed afterwards
	// gives its memory back by release, once.
	busy    sync.Mutex
	release func() // nil: there is nothing to give back, or it was

	dec    decoder
	cached []int32   // what dec holds
	logits []float32 // of what follows the prompt
	rng    *rand.Rand
	choice sampling.Choice // drawn with the last logits,
	drawn  bool            // and not used yet

	prompt, sampled []int32
	extras          []int32 // of what was last fed of the prompt
	mask            []bool
	legal           [bitboard.MaxMoves]bitboard.Move
	candidates      []candidate
	tokens          []int32 // backing the candidates

	hashOnce sync.Once
	hash     string
}

// decoder is what a player needs of a model.
type decoder interface {
	Len() int
	Truncate(n int)
	// Append adds tokens, returns the logits of what follows, and makes the choice, if
	// it is not nil. The slice is the decoder's, valid until its next Append.
	// extras are those of model.Step.
	Append(choice *sampling.Choice, extras []int32, tokens ...int32) ([]float32, error)
}

// candidate is a legal move and how the model would write it.
type candidate struct {
	move   bitboard.Move
	tokens []int32
}

// NewModelPlayer checks that the parts fit together.
func NewModelPlayer(cfg ModelConfig) (*ModelPlayer, error) {
	if cfg.Name == "" {
		cfg.Name = "model"
	}
	if cfg.Model == nil || cfg.Tokenizer == nil {
		return nil, fmt.Errorf("engine: %s: a model player needs a model and a tokenizer", cfg.Name)
	}
	if cfg.Batch == nil {
		cfg.Batch = NewBatch(cfg.Model, model.BatchOptions{})
	} else if cfg.Batch.m != cfg.Model {
		return nil, fmt.Errorf("engine: %s: the batch decodes another model", cfg.Name)
	}
	dec := cfg.Batch.newDecoder()
	p, err := newModelPlayer(cfg, dec, cfg.Model.Config())
	if err != nil {
		return nil, err
	}
	p.release = dec.free
	return p, nil
}

func newModelPlayer(cfg ModelConfig, dec decoder, c model.Config) (*ModelPlayer, error) {
	vocab := c.Vocab
	if err := cfg.Sampling.Validate(); err != nil {
		return nil, fmt.Errorf("engine: %s: %w", cfg.Name, err)
	}
	if err := cfg.Policy.Validate(); err != nil {
		return nil, fmt.Errorf("engine: %s: %w", cfg.Name, err)
	}
	tok := cfg.Tokenizer
	if vocab < tok.VocabSize() {
		return nil, fmt.Errorf("engine: %s: the model has %d tokens, its tokenizer %q has %d: they do not belong together", cfg.Name, vocab, tok.Name(), tok.VocabSize())
	}
	enc, err := data.EncoderOf(tok, c)
	if err != nil {
		return nil, fmt.Errorf("engine: %s: %w", cfg.Name, err)
	}
	if enc.Input() == data.InputBoard {
		cfg.Name += " board input"
	}
	p := &ModelPlayer{
		cfg:     cfg,
		enc:     enc,
		initial: bitboard.Start(),
		context: c.Context,
		dec:     dec,
		rng:     gameRand(0, sampleStream),
		mask:    make([]bool, vocab),
		ends:    tok.MoveEnds(),
	}
	// Some checkpoints have a vocabulary rounded up; what is beyond the tokenizer's
	// means nothing.
	free := make([]bool, vocab)
	for id := range tok.VocabSize() {
		free[id] = true
	}
	if data.WholeMoves(tok) {
		// They are no moves; elsewhere the separator ends one.
		free[tok.Separator()], free[tok.Pad()] = false, false
	}
	if slices.Contains(free, false) {
		p.free = free
	}
	return p, nil
}

// Name implements Player.
func (p *ModelPlayer) Name() string { return p.cfg.Name }

// Spec implements Player: kind, tokenizer, input where it is not the moves alone, temperature, top-k, top-p, policy, the
// model's shape, a hash of its weights, the precision where it is not float32
// throughout, and the configuration's Details.
func (p *ModelPlayer) Spec() map[string]string {
	float := func(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
	spec := map[string]string{
		"kind":        "model",
		"name":        p.cfg.Name,
		"tokenizer":   p.cfg.Tokenizer.Name(),
		"temperature": float(p.cfg.Sampling.Temperature),
		"top-k":       strconv.Itoa(p.cfg.Sampling.TopK),
		"top-p":       float(p.cfg.Sampling.TopP),
		"policy":      p.cfg.Policy.String(),
		"context":     strconv.Itoa(p.context),
	}
	if input := p.enc.Input(); input != data.InputMoves {
		spec["input"] = input
	}
	if m := p.cfg.Model; m != nil {
		c := m.Config()
		spec["shape"] = fmt.Sprintf("%d/%d/%d", c.Layers, c.Heads, c.Width)
		p.hashOnce.Do(func() { p.hash = HashWeights(m) })
		spec["weights"] = p.hash
		if o := p.cfg.Batch.dec.Options(); o.Weights != model.F32 || o.Cache != model.F32 {
			spec["precision"] = p.cfg.Batch.Precision()
		}
	}
	maps.Copy(spec, p.cfg.Details)
	return spec
}

// HashWeights returns the SHA-256 of a model's parameters, their names, shapes
// and 32-bit values in order. It is that of the model, whatever file it was read
// from.
func HashWeights(m *model.Model) string {
	h := sha256.New()
	buf := make([]byte, 0, 64<<10)
	for _, t := range m.Tensors() {
		fmt.Fprintf(h, "%s %v\n", t.Name, t.Shape)
		for _, x := range t.Data {
			if len(buf) == cap(buf) {
				h.Write(buf)
				buf = buf[:0]
			}
			buf = binary.LittleEndian.AppendUint32(buf, math.Float32bits(x))
		}
		h.Write(buf)
		buf = buf[:0]
	}
	return hex.EncodeToString(h.Sum(nil))
}

// NewGame implements Player. Nothing of an earlier game is kept, so that a game
// is the same whichever was played before it.
func (p *ModelPlayer) NewGame(ctx context.Context, seed uint64) error {
	p.busy.Lock()
	defer p.rest()
	if p.closed.Load() {
		return fmt.Errorf("engine: %s: %w", p.cfg.Name, ErrClosed)
	}
	p.rng = gameRand(seed, sampleStream)
	p.truncate(0)
	p.drawn = false
	return ctx.Err()
}

// Close implements Player. There is nothing to wait for: a move at work ends as it would have.
func (p *ModelPlayer) Close() error {
	p.closed.Store(true)
	p.giveBack()
	return nil
}

// rest is the end of what holds busy.
func (p *ModelPlayer) rest() {
	p.busy.Unlock()
	if p.closed.Load() {
		p.giveBack()
	}
}

// giveBack gives the decoder's memory back, unless somebody uses it, who will then.
func (p *ModelPlayer) giveBack() {
	if !p.busy.TryLock() {
		return
	}
	defer p.busy.Unlock()
	if p.release != nil {
		p.release()
		p.release = nil
	}
}

// Move implements Player; the limit does not apply. Errors are
// *IllegalMoveError, and those that wrap ErrResigned, ErrContextFull,
// ErrSetUpPosition, ErrGameOver, ErrClosed or the error of ctx.
func (p *ModelPlayer) Move(ctx context.Context, g *bitboard.Game, _ Limit) (Reply, error) {
	start := time.Now()
	p.busy.Lock()
	r, err := p.move(ctx, g)
	p.rest()
	r.Elapsed = time.Since(start)
	if err != nil {
		var illegal *IllegalMoveError
		if !errors.As(err, &illegal) {
			err = fmt.Errorf("engine: %s: ply %d: %w", p.cfg.Name, g.Ply()+1, err)
		}
	}
	return r, err
}

func (p *ModelPlayer) move(ctx context.Context, g *bitboard.Game) (r Reply, err error) {
	pos := g.Position()
	switch {
	case p.closed.Load():
		return r, ErrClosed
	case g.StartPosition() != p.initial:
		return r, fmt.Errorf("%w, not from %s", ErrSetUpPosition, g.PositionAt(0).FEN())
	case !pos.HasLegalMove():
		return r, fmt.Errorf("%w: %s", ErrGameOver, pos.FEN())
	}
	choice := p.choose(p.cfg.Policy.sampling(p.cfg.Sampling, 0), nil)
	if p.cfg.Policy.Kind == Mask {
		p.writeLegal(pos)
		p.sampled = p.sampled[:0]
		p.maskNext(p.candidates)
		choice.Mask = p.mask
	}
	if err := p.show(g, choice); err != nil {
		return r, err
	}
	for attempt := range p.cfg.Policy.attempts() {
		if err := ctx.Err(); err != nil {
			return r, err
		}
		if r.Text, err = p.draw(p.cfg.Policy.sampling(p.cfg.Sampling, attempt)); err != nil {
			return r, err
		}
		r.Attempts++
		if isResult(r.Text) {
			return r, fmt.Errorf("%w: %q", ErrResigned, r.Text)
		}
		if m, err := p.cfg.Tokenizer.ParseMove(pos, r.Text); err == nil {
			r.Move = m
			return r, nil
		}
		r.Illegal++
		r.Wrote = append(r.Wrote, r.Text)
	}
	if p.cfg.Policy.forfeits() {
		return r, &IllegalMoveError{Player: p.cfg.Name, Texts: r.Wrote, FEN: pos.FEN()}
	}
	if err := ctx.Err(); err != nil {
		return r, err
	}
	settings := p.cfg.Sampling
	if p.cfg.Policy.Kind == Resample {
		settings = sampling.Settings{} // argmax
	}
	var fits bool
	if r.Move, fits, err = p.drawLegal(pos, settings); err != nil {
		return r, err
	}
	if p.cfg.Policy.Kind == Mask {
		r.Attempts = 1
		if !fits {
			r.Illegal = 1
		}
	}
	r.Text = pos.SAN(r.Move)
	if p.ends == nil {
		r.Text = r.Move.String()
	}
	return r, nil
}

// isResult reports whether a text is a game result. The paper's code compares
// with all three, although its alphabet cannot write the third.
func isResult(text string) bool { return text == "1-0" || text == "0-1" || text == "1/2-1/2" }

// show brings the decoder to the end of the prompt for g's next move. What it has in
// common with what the decoder holds, usually all but two moves, is not computed again:
// where all games begin with the same position, equal moves mean equal boards.
// choice may be nil.
func (p *ModelPlayer) show(g *bitboard.Game, choice *sampling.Choice) error {
	p.prompt = p.cfg.Tokenizer.AppendPrompt(p.prompt[:0], g.Moves())
	if len(p.prompt) > p.context {
		return fmt.Errorf("%w: %d tokens, %d fit", ErrContextFull, len(p.prompt), p.context)
	}
	n := 0
	for n < len(p.cached) && n < len(p.prompt)-1 && p.cached[n] == p.prompt[n] {
		n++
	}
	p.truncate(n)
	p.extras = p.enc.AppendExtras(p.extras[:0], g, n, len(p.prompt))
	logits, err := p.append(choice, p.extras, p.prompt[n:]...)
	if err != nil {
		return err
	}
	p.logits = append(p.logits[:0], logits...)
	return nil
}

// choose sets up what is to be drawn with the next logits; mask may be nil.
func (p *ModelPlayer) choose(settings sampling.Settings, mask []bool) *sampling.Choice {
	p.choice = sampling.Choice{Settings: settings, Allow: p.free, Mask: mask, Rand: p.rng}
	return &p.choice
}

// pick returns what was drawn with the logits or, when that was used, draws again, freely
// and, if mask is not nil, then with it.
func (p *ModelPlayer) pick(settings sampling.Settings, logits []float32, mask []bool) (drawn, id int32) {
	if p.drawn {
		p.drawn = false
		return p.choice.Drawn, p.choice.ID
	}
	drawn = int32(settings.Sample(logits, p.free, p.rng))
	if mask == nil || drawn >= 0 && mask[drawn] {
		return drawn, drawn
	}
	return drawn, int32(settings.Sample(logits, mask, p.rng))
}

func (p *ModelPlayer) truncate(n int) {
	p.dec.Truncate(n)
	p.cached = p.cached[:n]
}

func (p *ModelPlayer) append(choice *sampling.Choice, extras []int32, tokens ...int32) ([]float32, error) {
	p.drawn = false
	logits, err := p.dec.Append(choice, extras, tokens...)
	if err != nil {
		if errors.Is(err, model.ErrContextFull) {
			err = fmt.Errorf("%w: %w", ErrContextFull, err)
		}
		return nil, err
	}
	p.cached = append(p.cached, tokens...)
	p.drawn = choice != nil
	return logits, nil
}

// errNoToken cannot come of a trained model: its logits are numbers.
var errNoToken = errors.New("the model gives no probabilities (did its training diverge?)")

// draw draws tokens until they are a whole move, or cannot become one, and
// returns their text.
func (p *ModelPlayer) draw(settings sampling.Settings) (string, error) {
	logits := p.logits
	p.sampled = p.sampled[:0]
	for {
		_, id := p.pick(settings, logits, nil)
		if id < 0 {
			return "", errNoToken
		}
		p.sampled = append(p.sampled, id)
		text, complete := p.cfg.Tokenizer.ReadMove(p.sampled)
		if complete || len(p.sampled) >= p.cfg.Tokenizer.MaxMoveTokens() {
			return text, nil
		}
		var err error
		if logits, err = p.follow(p.choose(settings, nil)); err != nil {
			return "", err
		}
	}
}

// follow feeds the last sampled token to the decoder, which may still hold those
// of an earlier draw. A token that is a part of a move has no extra ids. choice may be
// nil.
func (p *ModelPlayer) follow(choice *sampling.Choice) ([]float32, error) {
	p.truncate(len(p.prompt) + len(p.sampled) - 1)
	return p.append(choice, nil, p.sampled[len(p.sampled)-1])
}

// drawLegal draws a legal move token by token. Under Mask, fits tells whether
// every token, drawn without the mask, was one that a legal move could continue
// with.
func (p *ModelPlayer) drawLegal(pos *bitboard.Position, settings sampling.Settings) (m bitboard.Move, fits bool, err error) {
	p.writeLegal(pos)
	logits := p.logits
	p.sampled = p.sampled[:0]
	fits = p.cfg.Policy.Kind == Mask
	left := p.candidates
	for {
		whole := p.maskNext(left)
		n := len(p.sampled)
		switch {
		case len(left) == 1 && whole != bitboard.NoMove:
			return whole, fits, nil
		case len(left) == 1 && !fits:
			// The rest is forced, and what the model thinks of it has been answered.
			return left[0].move, fits, nil
		}
		if n > 0 {
			if logits, err = p.follow(p.choose(settings, p.mask)); err != nil {
				return bitboard.NoMove, false, err
			}
		}
		drawn, id := p.pick(settings, logits, p.mask)
		if id < 0 {
			return bitboard.NoMove, false, errNoToken
		}
		if drawn != id {
			fits = false
		}
		p.sampled = append(p.sampled, id)
		kept := left[:0]
		for _, c := range left {
			if len(c.tokens) > n && c.tokens[n] == id {
				kept = append(kept, c)
			}
		}
		if len(kept) == 0 {
			return whole, fits, nil
		}
		left = kept
	}
}

// maskNext sets the mask to what may follow the tokens sampled, which all of left begin
// with, and returns the move that they are already, if they are one.
func (p *ModelPlayer) maskNext(left []candidate) (whole bitboard.Move) {
	whole = bitboard.NoMove
	clear(p.mask)
	for _, c := range left {
		if n := len(p.sampled); len(c.tokens) > n {
			p.mask[c.tokens[n]] = true
		} else {
			whole = c.move
		}
	}
	if whole != bitboard.NoMove && len(left) > 1 {
		// "O-O" may be all, or go on to "O-O-O".
		for _, id := range p.ends {
			p.mask[id] = true
		}
	}
	return whole
}

// writeLegal sets the candidates: the legal moves as they continue the prompt.
func (p *ModelPlayer) writeLegal(pos *bitboard.Position) {
	p.candidates, p.tokens = p.candidates[:0], p.tokens[:0]
	moves := pos.Legal(p.legal[:0])
	for _, m := range moves {
		from := len(p.tokens)
		p.tokens = p.cfg.Tokenizer.AppendMove(p.tokens, pos, m)
		// The slice stays right when the backing array moves.
		p.candidates = append(p.candidates, candidate{m, p.tokens[from:len(p.tokens):len(p.tokens)]})
	}
}
