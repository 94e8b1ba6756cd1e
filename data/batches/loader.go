package batches

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"math/rand/v2"

	"transcend/data"
	"transcend/internal/bitboard"
	"transcend/internal/packing"
	"transcend/model"
)

// The two ways to pack games into rows.
const (
	// PackGames puts whole games beside each other. Attention stays inside each
	// game (Batch.SegmentStart) and positions restart, so that a game is seen in
	// training as it is in play. The games of a row are chosen from a window of the
	// shuffled stream so that they fill it, which leaves little padding; a game
	// longer than a row is cut. The target of a game's last token is the separator,
	// that of padding -1.
	PackGames = "games"

	// PackBlocks is the paper's packing (Zhang et al. 2024, zstd_process.py): the
	// stream of separators and games is cut into blocks of Context tokens; every
	// block begins at the start of a game, and the game that is cut at the end of
	// one begins anew in the next. Nothing separates the games of a block but the
	// separator: attention and positions run on.
	//
	// Where ours differs: the paper's block of 1,023 characters gives 1,022
	// predictions, ours 1,023, the last one's target being the next character of
	// the stream. The paper reads files in a fixed order, interleaved; here games
	// are shuffled anew in each epoch. A game that does not fit a block of its own
	// is cut there and not begun again, which would never end.
	PackBlocks = "blocks"
)

// DefaultWindow is how many games PackGames chooses from when
// Config.Window is 0. More would leave hardly less padding.
const DefaultWindow = 64

// maxWindow bounds the window, which is part of the state.
const maxWindow = 1 << 16

// Config says how games become batches.
type Config struct {
	Rows    int    // sequences in a batch
	Context int    // tokens in a sequence, at least 2
	Packing string // PackGames or PackBlocks; "" is PackGames
	Input   string // InputMoves or InputBoard; "" is InputMoves
	Seed    uint64 // of the order of games
	Window  int    // games that PackGames chooses from; 0: DefaultWindow
}

func (c *Config) complete() error {
	if c.Packing == "" {
		c.Packing = PackGames
	}
	if c.Input == data.InputMoves {
		c.Input = "" // as in states from before there was a choice
	}
	if c.Window == 0 {
		c.Window = DefaultWindow
	}
	switch {
	case c.Packing != PackGames && c.Packing != PackBlocks:
		return fmt.Errorf("data: loader: unknown packing %q (want %s or %s)", c.Packing, PackGames, PackBlocks)
	case c.Rows < 1 || c.Context < 2:
		return fmt.Errorf("data: loader: %d rows of %d tokens (want at least 1 of 2)", c.Rows, c.Context)
	case c.Rows > 1<<31/c.Context:
		return fmt.Errorf("data: loader: %d rows of %d tokens are over 2^31 tokens a batch", c.Rows, c.Context)
	case c.Window < 1 || c.Window > maxWindow:
		return fmt.Errorf("data: loader: a window of %d games (want 1 to %d)", c.Window, maxWindow)
	}
	return nil
}

// Stats count what was packed.
type Stats struct {
	Rows      int64 `json:"rows"`
	Positions int64 `json:"positions"` // tokens, with padding
	Targets   int64 `json:"targets"`   // positions that carry a loss
	Games     int64 `json:"games"`     // games that were completed
	Truncated int64 `json:"truncated"` // games of which the end did not fit a row
}

// FillRate is the share of positions that carry a target, 0 before the first.
func (s Stats) FillRate() float64 {
	if s.Positions == 0 {
		return 0
	}
	return float64(s.Targets) / float64(s.Positions)
}

// packer makes rows of games. It is what Loader and Validation share.
type packer struct {
	c   *data.Corpus
	tok data.Tokenizer
	// slots is how many extra ids a token has: 0, or BoardSlots.
	slots int
	cfg   Config

	endless bool
	order   []uint32 // the games of the epoch, shuffled
	epoch   uint64
	cursor  int // the next game in order
	window  []waiting
	free    [][]int32 // token slices to use again
	current waiting   // PackBlocks: the tokens of the game at cursor, if game >= 0
	game    data.Game // what a tokenizer is shown; here because it would be allocated
	stats   Stats
}

// waiting is a game and its tokens.
type waiting struct {
	game   int
	tokens []int32
}

func newPacker(c *data.Corpus, tok data.Tokenizer, cfg Config, endless bool) (*packer, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	enc, err := data.NewEncoder(tok, cfg.Input)
	if err != nil {
		return nil, err
	}
	if _, ok := tok.(*data.MoveTokenizer); !c.Checked() && (!ok || enc.Input() == data.InputBoard) {
		return nil, errors.New("data: loader: the character tokenizer and board input need games that were replayed: read the corpus without Trust, or call Check")
	}
	var shape model.Config
	enc.Configure(&shape)
	p := &packer{c: c, tok: tok, slots: shape.ExtraSlots, cfg: cfg, endless: endless, current: waiting{game: -1}}
	p.shuffle()
	return p, nil
}

// shuffle sets order to the permutation of the epoch: Fisher-Yates from the last
// place down, with numbers from PCG(seed, epoch). It is written out because
// the order of a resumed run must not depend on the version of a library.
func (p *packer) shuffle() {
	if p.order == nil {
		p.order = make([]uint32, p.c.Len())
	}
	for i := range p.order {
		p.order[i] = uint32(i)
	}
	rng := rand.NewPCG(p.cfg.Seed, p.epoch)
	for i := len(p.order) - 1; i > 0; i-- {
		// The high word of a product is uniform enough: the bias is below 2^-32.
		j, _ := bits.Mul64(rng.Uint64(), uint64(i+1))
		p.order[i], p.order[j] = p.order[j], p.order[i]
	}
}

// peek returns the next game, false when there is none.
func (p *packer) peek() (game int, ok bool) {
	if p.cursor == len(p.order) {
		if !p.endless || len(p.order) == 0 {
			return -1, false
		}
		p.epoch++
		p.cursor = 0
		p.shuffle()
	}
	return int(p.order[p.cursor]), true
}

// tokens returns a game's tokens in a slice that recycle takes back.
func (p *packer) tokens(game int) []int32 {
	var buf []int32
	if n := len(p.free); n > 0 {
		buf = p.free[n-1][:0]
		p.free = p.free[:n-1]
	}
	p.game = data.Game{Result: p.c.Result(game), Moves: p.c.Moves(game)}
	return p.tok.AppendGame(buf, &p.game)
}

func (p *packer) recycle(tokens []int32) { p.free = append(p.free, tokens) }

// batch fills b and reports whether it got any game into it. Rows for which no
// games are left are padding.
func (p *packer) batch(b *model.Batch) bool {
	b.ExtraSlots = p.slots
	b.Resize(p.cfg.Rows, p.cfg.Context)
	any := false
	for row := range p.cfg.Rows {
		lo, hi := row*p.cfg.Context, (row+1)*p.cfg.Context
		r := rowView{b.Tokens[lo:hi], b.Targets[lo:hi], b.Positions[lo:hi], b.SegmentStart[lo:hi], b.Extras[lo*p.slots : hi*p.slots]}
		var n int
		if p.cfg.Packing == PackBlocks {
			n = p.block(r)
		} else {
			n = p.games(r)
		}
		any = any || n > 0
		p.stats.Targets += int64(n)
		r.pad(n, p.tok.Pad())
	}
	if any {
		p.stats.Rows += int64(p.cfg.Rows)
		p.stats.Positions += int64(p.cfg.Rows * p.cfg.Context)
	}
	return any
}

// rowView is one row of a batch.
type rowView struct {
	tokens, targets, positions, start []int32
	extras                            []int32 // packer.slots for each token
}

// put writes a game's tokens into a row from place t on, with the next game's
// separator as the last target, and returns how many there was room for.
func (p *packer) put(r rowView, t int, w waiting) int {
	n := min(len(w.tokens), len(r.tokens)-t)
	copy(r.tokens[t:], w.tokens[:n])
	copy(r.targets[t:t+n], w.tokens[1:])
	if n == len(w.tokens) {
		r.targets[t+n-1] = p.tok.Separator()
	}
	if p.slots > 0 {
		moves, pos := p.c.Moves(w.game), bitboard.Start()
		extras := r.extras[t*p.slots : t*p.slots]
		for i := range n {
			if i > 0 {
				pos.Make(moves[i-1])
			}
			extras = data.AppendBoard(extras, &pos)
		}
	}
	return n
}

// pad fills the row from place t on with one segment that nothing is learned
// from.
func (r rowView) pad(t int, pad int32) {
	for i := t; i < len(r.tokens); i++ {
		r.tokens[i], r.targets[i] = pad, -1
		r.positions[i], r.start[i] = int32(i-t), int32(t)
	}
	for i := t * len(r.extras) / len(r.tokens); i < len(r.extras); i++ {
		r.extras[i] = -1
	}
}

// games fills a row with games from the window and returns how many places it
// took.
func (p *packer) games(r rowView) int {
	t := 0
	for {
		for len(p.window) < p.cfg.Window {
			game, ok := p.peek()
			if !ok {
				break
			}
			p.window = append(p.window, waiting{game, p.tokens(game)})
			p.cursor++
		}
		room := len(r.tokens) - t
		pick := packing.Next(len(p.window), room, room == p.cfg.Context, func(i int) int { return len(p.window[i].tokens) })
		if pick < 0 {
			return t
		}
		w := p.window[pick]
		n := p.put(r, t, w)
		for i := range n {
			r.positions[t+i], r.start[t+i] = int32(i), int32(t)
		}
		t += n
		p.stats.Games++
		if n < len(w.tokens) {
			p.stats.Truncated++
		}
		p.recycle(w.tokens)
		p.window = append(p.window[:pick], p.window[pick+1:]...)
	}
}

// block fills a row with the next block of the stream and returns how many
// places it took: all, but at the end of a finite stream.
func (p *packer) block(r rowView) int {
	t := 0
	for t < len(r.tokens) {
		game, ok := p.peek()
		if !ok {
			break
		}
		if p.current.game != game {
			if p.current.game >= 0 {
				p.recycle(p.current.tokens)
			}
			p.current = waiting{game, p.tokens(game)}
		}
		n := p.put(r, t, p.current)
		whole := n == len(p.current.tokens)
		if whole || t == 0 {
			// A cut game begins anew in the next block, unless that would cut it
			// at the same place again.
			p.cursor++
			p.stats.Games++
			if !whole {
				p.stats.Truncated++
			}
		}
		t += n
	}
	for i := range t {
		r.positions[i], r.start[i] = int32(i), 0
	}
	return t
}

// Loader is an endless stream of batches of a corpus, shuffled anew in each
// epoch with the seed and the epoch's number. It implements model.Source; one
// goroutine at a time may use it.
type Loader struct {
	p           *packer
	fingerprint uint64 // of the corpus
}

var _ model.Source = (*Loader)(nil)

// NewLoader returns a loader of all games of c, which must not change from then
// on.
func NewLoader(c *data.Corpus, tok data.Tokenizer, cfg Config) (*Loader, error) {
	if c.Len() == 0 {
		return nil, errors.New("data: loader: the corpus has no games")
	}
	p, err := newPacker(c, tok, cfg, true)
	if err != nil {
		return nil, err
	}
	return &Loader{p, c.Fingerprint()}, nil
}

// Next fills b, which it resizes to the loader's rows and context. It has no
// errors of its own.
func (l *Loader) Next(b *model.Batch) error {
	l.p.batch(b)
	return nil
}

// Stats returns the counts since the stream began; a restored stream goes on
// counting.
func (l *Loader) Stats() Stats { return l.p.stats }

// Epochs returns how often the corpus was gone through, as far as games were
// taken for packing.
func (l *Loader) Epochs() float64 {
	return float64(l.p.epoch) + float64(l.p.cursor)/float64(len(l.p.order))
}

// loaderVersion counts changes in what a state means.
const loaderVersion = 1

// loaderState is what State writes. The first part says which stream it is
// about, the second where that stands. The number of rows is not part of it:
// batches are rows of the same stream, however many are asked for at once.
type loaderState struct {
	Version     int    `json:"version"`
	Fingerprint string `json:"corpus"`
	Games       int    `json:"games"`
	Tokenizer   string `json:"tokenizer"`       // with its options
	Input       string `json:"input,omitempty"` // "" is InputMoves
	Packing     string `json:"packing"`
	Context     int    `json:"context"`
	Window      int    `json:"window_size"`
	Seed        uint64 `json:"seed"`

	Epoch   uint64 `json:"epoch"`
	Cursor  int    `json:"cursor"`
	Waiting []int  `json:"window,omitempty"`
	Stats   Stats  `json:"stats"`
}

// ErrState is wrapped by the errors of Restore about a state that does not
// belong to the loader.
var ErrState = errors.New("the position belongs to another stream of batches")

// identity is the state of the loader at its beginning.
func (l *Loader) identity() loaderState {
	p := l.p
	name := p.tok.Name()
	if c, ok := p.tok.(*data.CharTokenizer); ok && c.Options().DrawArtifact {
		name += "+draw_artifact"
	}
	return loaderState{
		Version: loaderVersion, Fingerprint: fmt.Sprintf("%016x", l.fingerprint), Games: p.c.Len(), Tokenizer: name,
		Input: p.cfg.Input, Packing: p.cfg.Packing, Context: p.cfg.Context, Window: p.cfg.Window, Seed: p.cfg.Seed,
	}
}

// State returns where the stream stands, as a few hundred bytes of JSON.
func (l *Loader) State() ([]byte, error) {
	p := l.p
	s := l.identity()
	s.Epoch, s.Cursor, s.Stats = p.epoch, p.cursor, p.stats
	for _, w := range p.window {
		s.Waiting = append(s.Waiting, w.game)
	}
	return json.Marshal(s)
}

// Restore goes on where State was called on a loader of the same corpus,
// tokenizer and configuration (but for Rows). Of another one it says what
// differs, in an error that wraps ErrState. On an error the loader is as it was.
func (l *Loader) Restore(state []byte) error {
	var s loaderState
	dec := json.NewDecoder(bytes.NewReader(state))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&s); err != nil {
		return fmt.Errorf("data: restoring a loader: the position is damaged: %w", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return errors.New("data: restoring a loader: the position is damaged: something follows it")
	}
	want := l.identity()
	for _, d := range []struct {
		what      string
		got, want any
	}{
		{"format version", s.Version, want.Version},
		{"tokenizer", s.Tokenizer, want.Tokenizer},
		{"input", cmp.Or(s.Input, data.InputMoves), cmp.Or(want.Input, data.InputMoves)},
		{"number of games", s.Games, want.Games},
		{"fingerprint of the games", s.Fingerprint, want.Fingerprint},
		{"packing", s.Packing, want.Packing},
		{"context", s.Context, want.Context},
		{"window", s.Window, want.Window},
		{"seed", s.Seed, want.Seed},
	} {
		if d.got != d.want {
			return fmt.Errorf("data: restoring a loader: %w: its %s is %v, this one's %v", ErrState, d.what, d.got, d.want)
		}
	}
	st := s.Stats
	if s.Cursor < 0 || s.Cursor > s.Games || len(s.Waiting) > s.Window || s.Packing == PackBlocks && len(s.Waiting) > 0 ||
		min(st.Rows, st.Positions, st.Targets, st.Games, st.Truncated) < 0 {
		return errors.New("data: restoring a loader: the position is damaged: numbers out of range")
	}
	for _, game := range s.Waiting {
		if game < 0 || game >= s.Games {
			return fmt.Errorf("data: restoring a loader: the position is damaged: game %d of %d", game, s.Games)
		}
	}
	p := l.p
	p.epoch, p.cursor, p.stats = s.Epoch, s.Cursor, s.Stats
	p.shuffle()
	p.window = p.window[:0]
	for _, game := range s.Waiting {
		p.window = append(p.window, waiting{game, p.tokens(game)})
	}
	p.current = waiting{game: -1}
	return nil
}

// Validation goes through a corpus once, packed like a Loader's batches. The
// order is the shuffle of a Loader's first epoch, so the same configuration gives
// the same batches every time and the first of them are a fair sample.
//
// With PackBlocks, the part of a game that was cut at the end of a block
// counts twice, as it does in training.
type Validation struct{ p *packer }

// NewValidation returns an iterator at the first batch of c, which may be empty.
func NewValidation(c *data.Corpus, tok data.Tokenizer, cfg Config) (*Validation, error) {
	p, err := newPacker(c, tok, cfg, false)
	if err != nil {
		return nil, err
	}
	return &Validation{p}, nil
}

// Next fills b and returns true, or false after the last batch. All batches
// have the same size; rows that nothing is left for carry no targets.
func (v *Validation) Next(b *model.Batch) bool { return v.p.batch(b) }

// Reset goes back to the first batch.
func (v *Validation) Reset() {
	p := v.p
	p.cursor, p.window, p.stats = 0, nil, Stats{}
	p.current = waiting{game: -1}
}

// Stats returns the counts since the first batch.
func (v *Validation) Stats() Stats { return v.p.stats }
