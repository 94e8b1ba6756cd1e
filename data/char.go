package data

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"transcend/internal/bitboard"
	"transcend/internal/clip"
)

// Alphabet is the 32 symbols of the character tokenizer in the order of their
// ids (Zhang et al. 2024, the released globals.py; it is ASCII order).
const Alphabet = " #+-.0123456789;=BKNOQRabcdefghx"

// drawArtifact is what the paper's cleaning leaves at the end of a drawn game:
// "/" is outside the alphabet and deleted before results are looked for, so
// "1/2-1/2" has become "12-12" and is not recognized; the last two characters
// are then cut from every game.
const drawArtifact = " 12-"

// maxMoveChars is how many characters are sampled for one move (the paper's
// protocol). The longest move takes eight: a space and "Qa1xb2+" or "exd8=Q+".
const maxMoveChars = 10

// CharOptions are the choices of the character tokenizer.
type CharOptions struct {
	// DrawArtifact ends the transcript of a drawn game in the stray text " 12-",
	// as the paper's data does. Decisive games carry no result there, so it tells
	// a model trained on it which games are draws. Off, no game shows its result.
	DrawArtifact bool
}

// CharTokenizer writes a game as the characters of its transcript,
//
//	;1.e4 e5 2.Nf3 Nc6 3.Bb5
//
// the separator ";" and SAN with "+" and "#", a move number before White's moves,
// no space after the number, no result.
type CharTokenizer struct {
	opts CharOptions
	ids  [256]int8 // by byte; -1 outside the alphabet
	ends []int32   // of moveEnds
}

// moveEnds are the characters that may follow a move in SAN without check marks.
const moveEnds = " ;+#"

// NewCharTokenizer builds the table.
func NewCharTokenizer(opts CharOptions) *CharTokenizer {
	t := &CharTokenizer{opts: opts}
	for i := range t.ids {
		t.ids[i] = -1
	}
	for i := range len(Alphabet) {
		t.ids[Alphabet[i]] = int8(i)
	}
	t.ends = t.appendText(nil, moveEnds)
	return t
}

// Name returns "char".
func (t *CharTokenizer) Name() string { return "char" }

// Unit returns "character".
func (t *CharTokenizer) Unit() string { return "character" }

// VocabSize returns 32.
func (t *CharTokenizer) VocabSize() int { return len(Alphabet) }

// Separator returns the id of ";".
func (t *CharTokenizer) Separator() int32 { return int32(t.ids[';']) }

// Pad returns the id of ";": the paper's 32 symbols have none to spare.
func (t *CharTokenizer) Pad() int32 { return t.Separator() }

// Options returns what the tokenizer was made with.
func (t *CharTokenizer) Options() CharOptions { return t.opts }

// AppendGame implements Tokenizer: ";" and the transcript.
func (t *CharTokenizer) AppendGame(dst []int32, g *Game) []int32 {
	dst, _ = t.appendMoves(dst, g.Moves)
	if t.opts.DrawArtifact && g.Result == bitboard.Draw {
		dst = t.appendText(dst, drawArtifact)
	}
	return dst
}

// AppendPrompt implements Tokenizer: with White to move it ends in the move
// number, ";1.e4 e5 2.", with Black to move in White's move, ";1.e4".
func (t *CharTokenizer) AppendPrompt(dst []int32, moves []bitboard.Move) []int32 {
	dst, p := t.appendMoves(dst, moves)
	if p.SideToMove() == bitboard.White {
		if len(moves) > 0 {
			dst = append(dst, int32(t.ids[' ']))
		}
		dst = t.appendNumber(dst, len(moves)/2+1)
	}
	return dst
}

// appendMoves appends ";" and the moves' transcript and returns the position
// they lead to.
func (t *CharTokenizer) appendMoves(dst []int32, moves []bitboard.Move) ([]int32, bitboard.Position) {
	var buf [16]byte
	dst = append(dst, t.Separator())
	p := bitboard.Start()
	for i, m := range moves {
		if !p.IsLegal(m) {
			panic(fmt.Sprintf("data: tokenizing a game: ply %d: %v is illegal", i+1, m))
		}
		if i > 0 {
			dst = append(dst, int32(t.ids[' ']))
		}
		if i%2 == 0 {
			dst = t.appendNumber(dst, i/2+1)
		}
		for _, c := range p.AppendSAN(buf[:0], m) {
			dst = append(dst, int32(t.ids[c]))
		}
		p.Make(m)
	}
	return dst, p
}

// appendNumber appends a move number and its dot.
func (t *CharTokenizer) appendNumber(dst []int32, n int) []int32 {
	var buf [20]byte
	for _, c := range append(strconv.AppendInt(buf[:0], int64(n), 10), '.') {
		dst = append(dst, int32(t.ids[c]))
	}
	return dst
}

func (t *CharTokenizer) appendText(dst []int32, s string) []int32 {
	for i := range len(s) {
		dst = append(dst, int32(t.ids[s[i]]))
	}
	return dst
}

// DecodeGame implements Tokenizer. It accepts nothing but what AppendGame
// writes: move numbers, spaces and SAN are checked by writing the game again.
func (t *CharTokenizer) DecodeGame(ids []int32) ([]bitboard.Move, error) {
	var text strings.Builder
	for i, id := range ids {
		s := t.Text(id)
		if s == "" {
			return nil, fmt.Errorf("data: decoding a game: token %d is %d, outside the alphabet: %w", i, id, ErrNotAGame)
		}
		text.WriteString(s)
	}
	body, ok := strings.CutPrefix(text.String(), ";")
	if !ok {
		return nil, fmt.Errorf("data: decoding a game: it does not start with \";\": %w", ErrNotAGame)
	}
	g := Game{}
	if t.opts.DrawArtifact {
		if s, ok := strings.CutSuffix(body, drawArtifact); ok {
			body, g.Result = s, bitboard.Draw
		}
	}
	p := bitboard.Start()
	for word := range strings.FieldsSeq(body) {
		if len(g.Moves)%2 == 0 {
			_, san, ok := strings.Cut(word, ".")
			if !ok {
				return nil, fmt.Errorf("data: decoding a game: %q has no move number: %w", clip.Text(word, quoted), ErrNotAGame)
			}
			word = san
		}
		m, err := p.ParseSAN(word)
		if err != nil {
			return nil, fmt.Errorf("data: decoding a game: ply %d: %w: %w", len(g.Moves)+1, ErrNotAGame, err)
		}
		p.Make(m)
		g.Moves = append(g.Moves, m)
	}
	if !slices.Equal(ids, t.AppendGame(make([]int32, 0, len(ids)), &g)) {
		return nil, fmt.Errorf("data: decoding a game: the transcript is not in its canonical form: %w", ErrNotAGame)
	}
	return g.Moves, nil
}

// AppendMove implements Tokenizer: SAN without "+" and "#", with Black to move after a
// space.
func (t *CharTokenizer) AppendMove(dst []int32, p *bitboard.Position, m bitboard.Move) []int32 {
	var buf [16]byte
	if p.SideToMove() == bitboard.Black {
		dst = append(dst, int32(t.ids[' ']))
	}
	for _, c := range p.AppendSAN(buf[:0], m) {
		if strings.IndexByte(moveEnds, c) < 0 {
			dst = append(dst, int32(t.ids[c]))
		}
	}
	return dst
}

// MoveEnds returns the ids of " ", ";", "+" and "#".
func (t *CharTokenizer) MoveEnds() []int32 { return t.ends }

// MaxMoveTokens returns 10, as in the paper's protocol.
func (t *CharTokenizer) MaxMoveTokens() int { return maxMoveChars }

// ReadMove implements Tokenizer as the paper reads a response: it is cut at ";"
// and at "+", and the first word is the move. What stands before a first space
// counts too: the answer to ";1.e4" should begin with a space, and one that
// begins with "4" has continued White's move and names no legal one.
func (t *CharTokenizer) ReadMove(sampled []int32) (text string, complete bool) {
	var word []byte
	for _, id := range sampled {
		c := byte(';')
		if id >= 0 && int(id) < len(Alphabet) {
			c = Alphabet[id]
		}
		switch c {
		case ';', '+':
			return string(word), true
		case ' ':
			if len(word) > 0 {
				return string(word), true
			}
		default:
			word = append(word, c)
		}
	}
	return string(word), len(sampled) >= maxMoveChars
}

// ParseMove implements Tokenizer: text in SAN.
func (t *CharTokenizer) ParseMove(p *bitboard.Position, text string) (bitboard.Move, error) {
	m, err := p.ParseSAN(text)
	if err != nil {
		return bitboard.NoMove, fmt.Errorf("data: reading a sampled move: %w", err)
	}
	return m, nil
}

// Text implements Tokenizer: one character.
func (t *CharTokenizer) Text(id int32) string {
	if id < 0 || int(id) >= len(Alphabet) {
		return ""
	}
	return Alphabet[id : id+1]
}

// MarshalJSON implements Tokenizer.
func (t *CharTokenizer) MarshalJSON() ([]byte, error) {
	return marshalTokenizer(t, t.opts.DrawArtifact)
}
