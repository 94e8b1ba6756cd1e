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

	"transcend/internal/bitboard"
)

// TokenizerFile is the name of a tokenizer's file in a checkpoint directory.
const TokenizerFile = "tokenizer.json"

// A Tokenizer writes games as token ids and reads moves out of sampled ids. A
// game is its separator followed by the tokens of its moves; the separator of
// the next game is what follows its last token. Tokenizers hold no state: any
// number of goroutines may use one.
type Tokenizer interface {
	// Name is "move" or "char".
	Name() string
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

// NewTokenizer returns the tokenizer of that name with its default options.
func NewTokenizer(name string) (Tokenizer, error) {
	switch name {
	case "move":
		return NewMoveTokenizer(), nil
	case "char":
		return NewCharTokenizer(CharOptions{}), nil
	}
	return nil, &TokenizerError{Reason: fmt.Sprintf("there is none named %q (want move or char)", name)}
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
		return nil, &TokenizerError{Reason: fmt.Sprintf("its format is %q, want %q: a file of another program", clip(f.Format), tokenizerFormat)}
	}
	if f.Version != tokenizerVersion {
		return nil, &TokenizerError{Reason: fmt.Sprintf("its version is %d, this program reads version %d", f.Version, tokenizerVersion)}
	}
	var t Tokenizer
	switch f.Type {
	case "move":
		if f.DrawArtifact {
			return nil, &TokenizerError{Reason: "the move tokenizer has no draw artifact"}
		}
		t = NewMoveTokenizer()
	case "char":
		t = NewCharTokenizer(CharOptions{DrawArtifact: f.DrawArtifact})
	default:
		return nil, &TokenizerError{Reason: fmt.Sprintf("its type is %q (want move or char)", clip(f.Type))}
	}
	if f.Separator != t.Separator() || f.Pad != t.Pad() {
		return nil, &TokenizerError{Reason: fmt.Sprintf("its separator and pad are %d and %d, want %d and %d", f.Separator, f.Pad, t.Separator(), t.Pad())}
	}
	if len(f.Vocab) != t.VocabSize() {
		return nil, &TokenizerError{Reason: fmt.Sprintf("it has %d tokens, the %s tokenizer has %d", len(f.Vocab), f.Type, t.VocabSize())}
	}
	for id, text := range f.Vocab {
		if want := t.Text(int32(id)); text != want {
			return nil, &TokenizerError{Reason: fmt.Sprintf("its token %d is %q, want %q: a model trained with it would be misread", id, clip(text), want)}
		}
	}
	return t, nil
}

// SameTokenizer reports whether two tokenizers give the same ids.
func SameTokenizer(a, b Tokenizer) bool {
	x, errX := a.MarshalJSON()
	y, errY := b.MarshalJSON()
	return errX == nil && errY == nil && slices.Equal(x, y)
}

// clip shortens text from outside for an error message.
func clip(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	return s[:most] + "..."
}
