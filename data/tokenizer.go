package data

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"transcend/internal/bitboard"
	"transcend/internal/clip"
)

// TokenizerFile is the name of a tokenizer's file in a checkpoint directory.
const TokenizerFile = "tokenizer.json"

// A Tokenizer writes games as token ids and reads moves out of sampled ids. A
// game is its separator followed by the tokens of its moves; the separator of
// the next game is what follows its last token. Tokenizers hold no state: any
// number of goroutines may use one.
type Tokenizer interface {
	// Name is one of TokenizerNames.
	Name() string
	// Unit is what a token is, in the singular: "move", "character".
	Unit() string
	// VocabSize is the number of ids: 0 to VocabSize()-1.
	VocabSize() int
	// Separator starts every game and is the target after its last token.
	Separator() int32
	// Pad fills positions that carry no target. A vocabulary without a token of
	// its own for that uses the separator.
	Pad() int32

	// AppendGame appends the separator and the tokens of g, no separator at the
	// end. The moves must be legal: others are a programmer's mistake and panic.
	AppendGame(dst []int32, g *Game) []int32
	// AppendPrompt appends what a model is shown to make it play the move after
	// moves: exactly the part of the game's tokens, as trained, that comes before
	// the tokens of that move. The moves must be legal, as for AppendGame.
	AppendPrompt(dst []int32, moves []bitboard.Move) []int32
	// DecodeGame reads the moves back out of what AppendGame wrote. Ids that are
	// no such game are an error that wraps ErrNotAGame.
	DecodeGame(ids []int32) ([]bitboard.Move, error)

	// AppendMove appends the tokens of m as they continue the prompt for p, the position
	// that it is legal in, without what ends it or follows it (" Bb5" for Black's "Bb5+").
	AppendMove(dst []int32, p *bitboard.Position, m bitboard.Move) []int32
	// MoveEnds are the tokens that may follow those of AppendMove: one of them shows that
	// the move is whole. Nil where every token is a move, which nothing has to end. The
	// slice is the tokenizer's.
	MoveEnds() []int32
	// MaxMoveTokens is how many tokens to sample at most for one move.
	MaxMoveTokens() int
	// ReadMove takes the ids sampled after a prompt and returns the text of the
	// move they begin with, and whether it is complete: more ids would not change
	// it. The text need not be a move at all; ParseMove says.
	ReadMove(sampled []int32) (text string, complete bool)
	// ParseMove reads the text of ReadMove as a legal move in p.
	ParseMove(p *bitboard.Position, text string) (bitboard.Move, error)

	// Text is the text of one token, "" for an id outside the vocabulary.
	Text(id int32) string
	// MarshalJSON writes the content of tokenizer.json.
	MarshalJSON() ([]byte, error)
}

// WholeMoves reports whether every token of t is a move, besides those that are none at
// all: its separator and padding.
func WholeMoves(t Tokenizer) bool { return t.MoveEnds() == nil }

// tokenizers are all there are. A new one is a file as move.go and a row here.
var tokenizers = []struct {
	name string
	new  func(CharOptions) (Tokenizer, error)
}{
	{"move", func(o CharOptions) (Tokenizer, error) {
		if o.DrawArtifact {
			return nil, &TokenizerError{Reason: "the move tokenizer has no draw artifact"}
		}
		return NewMoveTokenizer(), nil
	}},
	{"char", func(o CharOptions) (Tokenizer, error) { return NewCharTokenizer(o), nil }},
}

// TokenizerNames lists the names of all tokenizers, the default of the commands first.
func TokenizerNames() []string {
	var names []string
	for _, t := range tokenizers {
		names = append(names, t.name)
	}
	return names
}

// NewTokenizer returns the tokenizer of that name. A name that is not one of
// TokenizerNames, or options that it does not have, are a *TokenizerError.
func NewTokenizer(name string, o CharOptions) (Tokenizer, error) {
	for _, t := range tokenizers {
		if t.name == name {
			return t.new(o)
		}
	}
	return nil, &TokenizerError{Reason: fmt.Sprintf("there is none named %q (want %s)", clip.Text(name, quoted), strings.Join(TokenizerNames(), " or "))}
}

// ErrNotAGame is wrapped by the errors of DecodeGame.
var ErrNotAGame = errors.New("the tokens are not a game")

// A TokenizerError says why a tokenizer file cannot be used.
type TokenizerError struct {
	Path   string // "" when the bytes did not come from a file
	Reason string
	Err    error // what Reason rests on, or nil
}

func (e *TokenizerError) Error() string {
	s := "data: tokenizer"
	if e.Path != "" {
		s += " " + e.Path
	}
	s += ": " + e.Reason
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *TokenizerError) Unwrap() error { return e.Err }

// tokenizerFormat marks tokenizer.json as ours; tokenizerVersion counts changes
// of its fields.
const (
	tokenizerFormat  = "transcend-tokenizer"
	tokenizerVersion = 1
	// maxTokenizerFile bounds what is read before it is believed; the larger of
	// the two files is under 30 kB.
	maxTokenizerFile = 1 << 20
)

// tokenizerJSON is the content of tokenizer.json. The vocabulary is written out
// so that other programs can use a checkpoint; ours checks that it is the one
// the model was trained with.
type tokenizerJSON struct {
	Format       string   `json:"format"`
	Version      int      `json:"version"`
	Type         string   `json:"type"`
	DrawArtifact bool     `json:"draw_artifact,omitempty"`
	Separator    int32    `json:"separator"`
	Pad          int32    `json:"pad"`
	Vocab        []string `json:"vocab"` // the text of id i at index i
}

func marshalTokenizer(t Tokenizer, drawArtifact bool) ([]byte, error) {
	f := tokenizerJSON{
		Format: tokenizerFormat, Version: tokenizerVersion, Type: t.Name(), DrawArtifact: drawArtifact,
		Separator: t.Separator(), Pad: t.Pad(), Vocab: make([]string, t.VocabSize()),
	}
	for id := range f.Vocab {
		f.Vocab[id] = t.Text(int32(id))
	}
	return json.Marshal(f)
}

// LoadTokenizer reads dir/tokenizer.json. A file that is missing, damaged or of
// another program is a *TokenizerError.
func LoadTokenizer(dir string) (Tokenizer, error) {
	return LoadTokenizerFS(os.DirFS(cmp.Or(dir, ".")), dir)
}

// LoadTokenizerFS is LoadTokenizer of files that may be elsewhere than in a directory. Errors
// call them dir.
func LoadTokenizerFS(files fs.FS, dir string) (Tokenizer, error) {
	path := filepath.Join(dir, TokenizerFile)
	f, err := files.Open(TokenizerFile)
	if err != nil {
		return nil, &TokenizerError{Path: path, Reason: "cannot be opened (is this a checkpoint directory?)", Err: err}
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxTokenizerFile+1))
	if err != nil {
		return nil, &TokenizerError{Path: path, Reason: "cannot be read", Err: err}
	}
	t, err := ParseTokenizer(b)
	var te *TokenizerError
	if errors.As(err, &te) {
		te.Path = path
	}
	return t, err
}

// ParseTokenizer reads the content of a tokenizer.json.
func ParseTokenizer(b []byte) (Tokenizer, error) {
	if len(b) > maxTokenizerFile {
		return nil, &TokenizerError{Reason: fmt.Sprintf("larger than %d bytes, not a file of this program", maxTokenizerFile)}
	}
	var f tokenizerJSON
	if err := json.Unmarshal(b, &f); err != nil {
		return nil, &TokenizerError{Reason: "not the JSON of a tokenizer", Err: err}
	}
	if f.Format != tokenizerFormat {
		return nil, &TokenizerError{Reason: fmt.Sprintf("its format is %q, want %q: a file of another program", clip.Text(f.Format, quoted), tokenizerFormat)}
	}
	if f.Version != tokenizerVersion {
		return nil, &TokenizerError{Reason: fmt.Sprintf("its version is %d, this program reads version %d", f.Version, tokenizerVersion)}
	}
	if !slices.Contains(TokenizerNames(), f.Type) {
		return nil, &TokenizerError{Reason: fmt.Sprintf("its type is %q (want %s)", clip.Text(f.Type, quoted), strings.Join(TokenizerNames(), " or "))}
	}
	t, err := NewTokenizer(f.Type, CharOptions{DrawArtifact: f.DrawArtifact})
	if err != nil {
		return nil, err
	}
	if f.Separator != t.Separator() || f.Pad != t.Pad() {
		return nil, &TokenizerError{Reason: fmt.Sprintf("its separator and pad are %d and %d, want %d and %d", f.Separator, f.Pad, t.Separator(), t.Pad())}
	}
	if len(f.Vocab) != t.VocabSize() {
		return nil, &TokenizerError{Reason: fmt.Sprintf("it has %d tokens, the %s tokenizer has %d", len(f.Vocab), f.Type, t.VocabSize())}
	}
	for id, text := range f.Vocab {
		if want := t.Text(int32(id)); text != want {
			return nil, &TokenizerError{Reason: fmt.Sprintf("its token %d is %q, want %q: a model trained with it would be misread", id, clip.Text(text, quoted), want)}
		}
	}
	return t, nil
}

// quoted is how many bytes of a text from outside are shown in a message.
const quoted = 80
