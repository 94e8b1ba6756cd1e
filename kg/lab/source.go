package lab

// Batches of text.

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"

	"transcend/internal/draw"
	"transcend/internal/packing"
	"transcend/kg/expert"
	"transcend/kg/text"
	"transcend/model"
)

// Texts are texts that are learned from beside the experts' paragraphs.
type Texts struct {
	// PerParagraph is how many of them come for each paragraph.
	PerParagraph float64
	// Append writes text number n, counted from 0 without an end.
	Append func(dst []byte, n int) []byte
}

// textSource packs what a team writes into batches. It implements model.Source.
//
// Paragraphs come in rounds: every expert writes their share of a round, all texts of the
// round are shuffled and packed into rows, several beside each other. Attention stays
// inside a text and positions restart with it, as batches.Loader has it with games. A text begins with
// the separator and ends with it as the last target; one that is longer than a row, or whose sentences
// are read apart, goes on in another piece after a full stop. So where the stream stands is the number of a round and a row, and a round is
// made again from that.
type textSource struct {
	corpus  text.Corpus
	tok     text.Tokenizer
	context int
	extra   Texts
	seed    uint64
	stop    int32 // the token of a full stop
	apart   bool  // each sentence is a piece

	// The stream: paragraphs first to end of the present round, of its epoch.
	at   sourceState
	made bool    // rows are those of at
	flat []int32 // the tokens of the round, piece by piece
	// piece p is flat[start[p]:start[p+1]]; whole says that it ends its text.
	start []int32
	whole []bool
	rows  [][]int32 // pieces of each row

	buf    []byte
	memory text.Memory
	view   expert.View
}

// sourceState is what State writes.
type sourceState struct {
	Version int    `json:"version"`
	Name    string `json:"stream"` // hash of the settings
	Epoch   uint64 `json:"epoch"`
	Round   int    `json:"round"` // of the epoch
	Row     int    `json:"row"`   // the next one
	// Before are the paragraphs of earlier rounds of all epochs, Extra the texts.
	Before int `json:"paragraphs"`
	Extra  int `json:"texts"`
}

const sourceVersion = 1

// perRound is how many paragraphs a round has at least, and for each expert.
const (
	perRound  = 4096
	perExpert = 8
)

// newTextSource returns the stream of a corpus; Paragraphs of 0 is a stream of new paragraphs without
// an end. With apart each sentence is read by itself. name names the settings, so that a State is not restored into another stream.
func newTextSource(c text.Corpus, tok text.Tokenizer, context int, extra Texts, apart bool, seed uint64, name string) (*textSource, error) {
	if context < minContext {
		return nil, fmt.Errorf("lab: rows of %d tokens (want at least %d)", context, minContext)
	}
	if !(extra.PerParagraph >= 0) || math.IsInf(extra.PerParagraph, 1) {
		return nil, fmt.Errorf("lab: %g texts for a paragraph", extra.PerParagraph)
	}
	s := &textSource{corpus: c, tok: tok, context: context, extra: extra, apart: apart, seed: seed}
	end := tok.AppendText(nil, "a.")
	s.stop = end[len(end)-1]
	s.at = sourceState{Version: sourceVersion, Name: name}
	return s, nil
}

// round returns the paragraphs of a round: first to end-1 of the epoch.
func (s *textSource) round() (first, end int) {
	size := max(perRound, perExpert*s.corpus.Team.Experts)
	first = s.at.Round * size
	end = first + size
	if n := s.corpus.Paragraphs; n > 0 {
		end = min(end, n)
	}
	return first, end
}

// make makes the rows of the present round.
func (s *textSource) make() error {
	first, end := s.round()
	s.flat, s.start, s.whole = s.flat[:0], append(s.start[:0], 0), s.whole[:0]
	team := s.corpus.Team
	for i := range team.Experts {
		lo, hi := team.Paragraphs(i, first), team.Paragraphs(i, end)
		if lo == hi {
			continue
		}
		if err := s.view.Load(team, i); err != nil {
			return err
		}
		for j := lo; j < hi; j++ {
			s.add(s.corpus.Append(s.buf[:0], &s.view, j, &s.memory))
		}
	}
	for n := range s.texts(end - first) {
		s.add(s.extra.Append(s.buf[:0], s.at.Extra+n))
	}
	if len(s.whole) == 0 {
		return errors.New("lab: there are no texts")
	}
	s.pack()
	s.made = true
	return nil
}

// texts is how many extra texts come with n more paragraphs after those before.
func (s *textSource) texts(n int) int {
	return int(s.extra.PerParagraph*float64(s.at.Before+n)) - s.at.Extra
}

// add appends a text as pieces that fit a row.
func (s *textSource) add(b []byte) {
	s.buf = b
	begin := len(s.flat)
	s.flat = append(s.flat, s.tok.Separator())
	s.flat = s.tok.AppendText(s.flat, string(b))
	for {
		cut := s.cut(s.flat[begin:])
		if cut == 0 {
			break
		}
		cut += begin
		s.start, s.whole = append(s.start, int32(cut)), append(s.whole, false)
		// The next piece begins with a separator, too.
		s.flat = append(s.flat, 0)
		copy(s.flat[cut+1:], s.flat[cut:])
		s.flat[cut] = s.tok.Separator()
		begin = cut
	}
	s.start, s.whole = append(s.start, int32(len(s.flat))), append(s.whole, true)
}

// cut is where the first piece of a text ends that goes on after it; 0: the text is one piece.
func (s *textSource) cut(tokens []int32) int {
	if s.apart {
		if i := slices.Index(tokens, s.stop) + 1; i > 0 && i <= s.context {
			if i == len(tokens) {
				return 0
			}
			return i
		}
	}
	if len(tokens) <= s.context {
		return 0
	}
	// After the last full stop that fits.
	for i := s.context; i > 1; i-- {
		if tokens[i-1] == s.stop {
			return i
		}
	}
	return s.context
}

// window is how many pieces a row is filled from.
const window = 64

// pack shuffles the pieces and divides them into rows: each takes the piece that has waited longest
// and then, again and again, the longest that fits among the next ones.
func (s *textSource) pack() {
	order := make([]int32, len(s.whole))
	for i := range order {
		order[i] = int32(i)
	}
	rng := draw.New(s.seed, orders, s.at.Epoch, uint64(s.at.Round))
	draw.Shuffle(&rng, order)
	size := func(p int32) int { return int(s.start[p+1] - s.start[p]) }
	s.rows = s.rows[:0]
	var waiting []int32
	for len(order) > 0 || len(waiting) > 0 {
		var row []int32
		for room := s.context; ; {
			n := min(window-len(waiting), len(order))
			waiting, order = append(waiting, order[:n]...), order[n:]
			best := packing.Next(len(waiting), room, room == s.context, func(i int) int { return size(waiting[i]) })
			if best < 0 {
				break
			}
			p := waiting[best]
			row = append(row, p)
			room -= size(p)
			waiting = append(waiting[:best], waiting[best+1:]...)
		}
		s.rows = append(s.rows, row)
	}
}

// The streams of random numbers of a source.
const orders = 1

// advance goes on to the next round.
func (s *textSource) advance() {
	first, end := s.round()
	s.at.Extra += s.texts(end - first)
	s.at.Before += end - first
	s.at.Round++
	s.at.Row = 0
	s.made = false
	if s.corpus.Paragraphs > 0 && end == s.corpus.Paragraphs {
		s.at.Round, s.at.Epoch = 0, s.at.Epoch+1
	}
}

// Next fills b.
func (s *textSource) Next(b *model.Batch) error {
	b.ExtraSlots = 0
	b.Resize(b.Rows, s.context)
	for r := range b.Rows {
		if s.made && s.at.Row == len(s.rows) {
			s.advance()
		}
		if !s.made {
			if err := s.make(); err != nil {
				return err
			}
		}
		s.fill(b, r*s.context, s.rows[s.at.Row])
		s.at.Row++
	}
	return nil
}

// fill writes a row at place t of the batch.
func (s *textSource) fill(b *model.Batch, t int, row []int32) {
	end := t + s.context
	origin := t
	for _, p := range row {
		tokens := s.flat[s.start[p]:s.start[p+1]]
		for i, id := range tokens {
			b.Tokens[t+i], b.Positions[t+i], b.SegmentStart[t+i] = id, int32(i), int32(t-origin)
			switch {
			case i+1 < len(tokens):
				b.Targets[t+i] = tokens[i+1]
			case s.whole[p]:
				b.Targets[t+i] = s.tok.Separator()
			default:
				b.Targets[t+i] = -1
			}
		}
		t += len(tokens)
	}
	for i := 0; t+i < end; i++ {
		b.Tokens[t+i], b.Targets[t+i] = s.tok.Separator(), -1
		b.Positions[t+i], b.SegmentStart[t+i] = int32(i), int32(t-origin)
	}
}

// Written returns how many paragraphs the stream has had of each epoch, at most one epoch's: what a
// reference has to count. In the middle of a round it is in proportion.
func (s *textSource) Written() int {
	n := s.at.Before
	if s.made && len(s.rows) > 0 {
		first, end := s.round()
		n += (end - first) * s.at.Row / len(s.rows)
	}
	if p := s.corpus.Paragraphs; p > 0 {
		return min(n, p)
	}
	return n
}

// Epochs is how often the corpus was gone through; 0 without an end.
func (s *textSource) Epochs() float64 {
	if s.corpus.Paragraphs == 0 {
		return 0
	}
	n := s.at.Before
	if s.made {
		first, end := s.round()
		n += (end - first) * s.at.Row / len(s.rows)
	}
	return float64(n) / float64(s.corpus.Paragraphs)
}

// rowsPerParagraph is measured on the first round.
func (s *textSource) rowsPerParagraph() (float64, error) {
	if !s.made {
		if err := s.make(); err != nil {
			return 0, err
		}
	}
	first, end := s.round()
	return float64(len(s.rows)) / float64(end-first), nil
}

// State returns where the stream stands.
func (s *textSource) State() ([]byte, error) { return json.Marshal(s.at) }

// Restore goes back to a State.
func (s *textSource) Restore(state []byte) error {
	var at sourceState
	if err := json.Unmarshal(state, &at); err != nil {
		return fmt.Errorf("lab: the state of a stream of text: %w", err)
	}
	if at.Version != s.at.Version || at.Name != s.at.Name {
		return fmt.Errorf("lab: the state is that of stream %q (version %d), this is %q (version %d)", at.Name, at.Version, s.at.Name, s.at.Version)
	}
	if at.Round < 0 || at.Row < 0 || at.Before < 0 || at.Extra < 0 {
		return errors.New("lab: the state of a stream of text has negative numbers")
	}
	s.at, s.made = at, false
	if err := s.make(); err != nil {
		return err
	}
	if at.Row > len(s.rows) {
		return fmt.Errorf("lab: the state of a stream of text is at row %d of %d", at.Row, len(s.rows))
	}
	return nil
}
