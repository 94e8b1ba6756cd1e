package engine

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"

	"transcend/data"
	"transcend/internal/bitboard"
	"transcend/internal/boardtest"
	"transcend/model"
	"transcend/model/sampling"
)

// scripted is a decoder whose logits are a function of the text so far.
type scripted struct {
	tok     data.Tokenizer
	context int
	logits  func(text string) map[string]float64 // of token texts; others have -50
	tokens  []int32
	fed     int // tokens appended in all
}

func (d *scripted) Len() int { return len(d.tokens) }

func (d *scripted) Truncate(n int) {
	if n > len(d.tokens) {
		panic("truncated to more than there is")
	}
	d.tokens = d.tokens[:n]
}

func (d *scripted) text() string {
	var b strings.Builder
	for i, id := range d.tokens {
		if i > 0 && d.tok.Name() == "move" {
			b.WriteByte(' ')
		}
		b.WriteString(d.tok.Text(id))
	}
	return b.String()
}

func (d *scripted) Append(choice *sampling.Choice, _ []int32, tokens ...int32) ([]float32, error) {
	if len(tokens) == 0 {
		panic("append of nothing")
	}
	if len(d.tokens)+len(tokens) > d.context {
		return nil, fmt.Errorf("scripted: %w", model.ErrContextFull)
	}
	d.tokens = append(d.tokens, tokens...)
	d.fed += len(tokens)
	want := d.logits(d.text())
	logits := make([]float32, d.tok.VocabSize())
	for id := range logits {
		logits[id] = -50
		if x, ok := want[d.tok.Text(int32(id))]; ok {
			logits[id] = float32(x)
		}
	}
	if choice != nil {
		choice.Draw(logits)
	}
	return logits, nil
}

func scriptedPlayer(t *testing.T, tok data.Tokenizer, settings sampling.Settings, policy string, logits func(string) map[string]float64) (*ModelPlayer, *scripted) {
	t.Helper()
	pol, err := ParseIllegalPolicy(policy)
	if err != nil {
		t.Fatal(err)
	}
	d := &scripted{tok: tok, context: 200, logits: logits}
	p, err := newModelPlayer(ModelConfig{Name: "scripted", Tokenizer: tok, Sampling: settings, Policy: pol}, d, model.Config{Vocab: tok.VocabSize(), Context: d.context})
	if err != nil {
		t.Fatal(err)
	}
	return p, d
}

// says makes a character model that answers prompts with fixed texts.
func says(answers map[string]string) func(string) map[string]float64 {
	return func(text string) map[string]float64 {
		for prompt, answer := range answers {
			if rest, ok := strings.CutPrefix(text, prompt); ok && strings.HasPrefix(answer, rest) && len(rest) < len(answer) {
				return map[string]float64{answer[len(rest) : len(rest)+1]: 10}
			}
		}
		return map[string]float64{"a": 1}
	}
}

func always(logits map[string]float64) func(string) map[string]float64 {
	return func(string) map[string]float64 { return logits }
}

func TestPolicies(t *testing.T) {
	for in, want := range map[string]IllegalPolicy{
		"forfeit-after-5": {ForfeitAfter, 5}, "forfeit-after-1": {ForfeitAfter, 1}, "mask": {Kind: Mask},
		"forfeit-after-5-rising": {ForfeitRising, 5},
		"resample-3":             {Resample, 3}, "resample 3": {Resample, 3}, " resample  10 ": {Resample, 10},
	} {
		got, err := ParseIllegalPolicy(in)
		if err != nil || got != want {
			t.Errorf("%q: %+v, %v", in, got, err)
		}
		if again, err := ParseIllegalPolicy(got.String()); err != nil || again != got {
			t.Errorf("%q: %+v, %v", got, again, err)
		}
	}
	for _, in := range []string{"", "forfeit", "forfeit-after-0", "forfeit-after-x", "resample", "resample--1", "mask-3", "resample-10001", "resample-5-rising", "Mask?"} {
		if got, err := ParseIllegalPolicy(in); err == nil {
			t.Errorf("%q: %+v", in, got)
		}
	}
	if s := (IllegalPolicy{}).String(); s != "forfeit-after-5" {
		t.Errorf("the zero policy is %s", s)
	}
	for _, p := range []IllegalPolicy{{Kind: 9}, {Attempts: -1}, {Attempts: maxAttempts + 1}} {
		if p.Validate() == nil {
			t.Errorf("%+v is valid", p)
		}
	}
}

// At a temperature near 0 five attempts are the same move, unless they rise.
func TestRisingAttempts(t *testing.T) {
	tok := data.NewMoveTokenizer()
	logits := always(map[string]float64{"e2e5": 3, "e2e4": 2.9})
	for policy, want := range map[string]int{"forfeit-after-5": 0, "forfeit-after-5-rising": 20} {
		legal := 0
		for seed := range uint64(20) {
			p, _ := scriptedPlayer(t, tok, sampling.Settings{Temperature: 0.001}, policy, logits)
			if err := p.NewGame(context.Background(), seed); err != nil {
				t.Fatal(err)
			}
			if _, err := p.Move(context.Background(), boardtest.Game(t, ""), Limit{}); err == nil {
				legal++
			}
		}
		if legal < want-3 || legal > want {
			t.Errorf("%s: %d of 20 moves were legal, want about %d", policy, legal, want)
		}
	}
	s := sampling.Settings{Temperature: 0.001}
	rising := IllegalPolicy{Kind: ForfeitRising}
	for i, want := range []float64{0.001, 0.201, 0.401, 0.5, 0.5} {
		if got := rising.sampling(s, i).Temperature; math.Abs(got-want) > 1e-12 {
			t.Errorf("attempt %d at temperature %v, want %v", i+1, got, want)
		}
	}
	if got := rising.sampling(sampling.Settings{Temperature: 1}, 2).Temperature; got != 1 {
		t.Errorf("a temperature above falls to %v", got)
	}
}

func TestMoveModel(t *testing.T) {
	tok := data.NewMoveTokenizer()
	start := boardtest.Game(t, "")
	t.Run("legal", func(t *testing.T) {
		p, d := scriptedPlayer(t, tok, sampling.Settings{}, "forfeit-after-5", always(map[string]float64{"g1f3": 3, "e2e4": 2}))
		r := mustMove(t, p, start, Limit{})
		if r.Text != "g1f3" || r.Attempts != 1 || r.Illegal != 0 || d.text() != "<game>" {
			t.Errorf("%+v after %q", r, d.text())
		}
		mustMove(t, p, boardtest.Game(t, "", "e2e4", "g8f6"), Limit{})
		if d.text() != "<game> e2e4 g8f6" {
			t.Errorf("prompt %q", d.text())
		}
	})
	t.Run("separator and pad are no candidates", func(t *testing.T) {
		for _, policy := range []string{"forfeit-after-1", "mask", "resample-1"} {
			for _, temperature := range []float64{0, 1} {
				p, _ := scriptedPlayer(t, tok, sampling.Settings{Temperature: temperature}, policy, always(map[string]float64{"<game>": 90, "<pad>": 91, "d2d4": 50}))
				if r := mustMove(t, p, start, Limit{}); r.Text != "d2d4" || r.Illegal != 0 {
					t.Errorf("%s: %+v", policy, r)
				}
			}
		}
	})
	t.Run("forfeit", func(t *testing.T) {
		p, d := scriptedPlayer(t, tok, sampling.Settings{}, "forfeit-after-5", always(map[string]float64{"e2e5": 3, "e2e4": 2}))
		r, err := p.Move(t.Context(), start, Limit{})
		var e *IllegalMoveError
		if !errors.As(err, &e) || !reflect.DeepEqual(e.Texts, []string{"e2e5", "e2e5", "e2e5", "e2e5", "e2e5"}) || e.FEN != start.Position().FEN() {
			t.Fatalf("got %v", err)
		}
		if r.Attempts != 5 || r.Illegal != 5 || r.Text != "e2e5" || FailureOf(err) != IllegalMove || !FailureOf(err).Forfeits() {
			t.Errorf("%+v, %v", r, FailureOf(err))
		}
		if d.fed != 1 {
			t.Errorf("%d tokens were computed for five draws, want 1", d.fed)
		}
	})
	t.Run("retries rescue", func(t *testing.T) {
		p, _ := scriptedPlayer(t, tok, sampling.Settings{Temperature: 1}, "forfeit-after-50", always(map[string]float64{"e2e5": 1, "e2e4": 1}))
		illegal := 0
		for seed := range uint64(20) {
			wantNoError(t, p.NewGame(t.Context(), seed))
			r := mustMove(t, p, start, Limit{})
			if r.Text != "e2e4" || r.Attempts != r.Illegal+1 {
				t.Fatalf("%+v", r)
			}
			illegal += r.Illegal
		}
		if illegal == 0 {
			t.Error("half of the draws are illegal, yet none came")
		}
	})
	t.Run("resample", func(t *testing.T) {
		p, _ := scriptedPlayer(t, tok, sampling.Settings{Temperature: 0.5}, "resample-4", always(map[string]float64{"e2e5": 90, "a2a3": 1, "b2b4": 3, "c2c3": 2.9}))
		for range 50 {
			if r := mustMove(t, p, start, Limit{}); r.Text != "b2b4" || r.Attempts != 4 || r.Illegal != 4 {
				t.Fatalf("%+v", r)
			}
		}
	})
	t.Run("mask", func(t *testing.T) {
		// A third of the probability is on an illegal move; what is left is played in
		// proportion.
		p, _ := scriptedPlayer(t, tok, sampling.Settings{Temperature: 1}, "mask", always(map[string]float64{"e2e5": math.Log(3), "a2a3": math.Log(2), "b2b4": math.Log(4)}))
		counts := make(map[string]int)
		illegal := 0
		const n = 1500
		for range n {
			r := mustMove(t, p, start, Limit{})
			counts[r.Text]++
			if r.Attempts != 1 || r.Illegal > 1 {
				t.Fatalf("%+v", r)
			}
			illegal += r.Illegal
		}
		// Four standard deviations of a binomial; the seed is fixed.
		near := func(count int, p float64) bool {
			return math.Abs(float64(count)-n*p) < 4*math.Sqrt(n*p*(1-p))
		}
		if len(counts) != 2 || !near(counts["a2a3"], 1.0/3) || !near(illegal, 1.0/3) {
			t.Errorf("%v, %d illegal", counts, illegal)
		}
	})
	t.Run("cache", func(t *testing.T) {
		p, d := scriptedPlayer(t, tok, sampling.Settings{}, "mask", always(map[string]float64{}))
		g := boardtest.Game(t, "")
		for g.Ply() < 40 {
			if err := g.Make(mustMove(t, p, g, Limit{}).Move); err != nil {
				t.Fatal(err)
			}
		}
		if d.fed != 40 {
			t.Errorf("%d tokens computed for 40 plies, want each once", d.fed)
		}
		// The same position again costs one token, another line what differs.
		mustMove(t, p, g, Limit{})
		d.fed = 0
		mustMove(t, p, g, Limit{})
		if d.fed != 1 {
			t.Errorf("%d tokens for a repeated question, want 1", d.fed)
		}
		wantNoError(t, p.NewGame(t.Context(), 1))
		if d.Len() != 0 {
			t.Error("a new game keeps the old one's cache")
		}
	})
	t.Run("not a number", func(t *testing.T) {
		for _, policy := range []string{"mask", "forfeit-after-5"} {
			p, _ := scriptedPlayer(t, tok, sampling.Settings{Temperature: 1}, policy, nil)
			p.dec = &nanDecoder{vocab: tok.VocabSize()}
			if _, err := p.Move(t.Context(), start, Limit{}); !errors.Is(err, errNoToken) || FailureOf(err) != Internal {
				t.Errorf("got %v", err)
			}
		}
	})
}

// nanDecoder is a model whose training diverged.
type nanDecoder struct{ n, vocab int }

func (d *nanDecoder) Len() int       { return d.n }
func (d *nanDecoder) Truncate(n int) { d.n = n }
func (d *nanDecoder) Append(choice *sampling.Choice, _ []int32, tokens ...int32) ([]float32, error) {
	d.n += len(tokens)
	logits := make([]float32, d.vocab)
	for i := range logits {
		logits[i] = float32(math.NaN())
	}
	if choice != nil {
		choice.Draw(logits)
	}
	return logits, nil
}

func TestCharModel(t *testing.T) {
	tok := data.NewCharTokenizer(data.CharOptions{})
	ruy := []string{"e2e4", "e7e5", "g1f3"}
	tests := []struct {
		name   string
		moves  []string
		policy string // default forfeit-after-5
		prompt string
		answer string
		want   string // the move, or what the error says
		text   string
	}{
		{name: "first move", prompt: ";1.", answer: "e4 e5", want: "e2e4", text: "e4"},
		{name: "Black", moves: []string{"e2e4"}, prompt: ";1.e4", answer: " c5 2.", want: "c7c5", text: "c5"},
		{name: "White", moves: []string{"e2e4", "c7c5"}, prompt: ";1.e4 c5 2.", answer: "Nf3 d6", want: "g1f3", text: "Nf3"},
		{name: "Black later", moves: ruy, prompt: ";1.e4 e5 2.Nf3", answer: " Nc6 3.Bb", want: "b8c6", text: "Nc6"},
		{name: "leading space for White", prompt: ";1.", answer: " e4 e5", want: "e2e4", text: "e4"},
		{name: "check is cut", moves: []string{"e2e4", "f7f6", "d1h5", "g7g6", "h5g6"}, prompt: ";1.e4 f6 2.Qh5+ g6 3.Qxg6+", answer: " hxg6+x", want: "h7g6", text: "hxg6"},
		{name: "end of game is cut", prompt: ";1.", answer: "e4;1.d4", want: "e2e4", text: "e4"},
		{name: "ten characters", prompt: ";1.", answer: "Ng1-f3xxxxxxxx", want: `"Ng1-f3xxxx"`},
		{name: "spaces only", prompt: ";1.", answer: "          e4", want: `""`},
		{name: "nothing", prompt: ";1.", answer: ";", want: `""`},
		{name: "illegal", prompt: ";1.", answer: "e5 ", want: `5 illegal moves "e5", "e5", "e5", "e5", "e5"`},
		{name: "continuing White's move", moves: []string{"e2e4"}, prompt: ";1.e4", answer: "5 ", want: `"5"`},
		{name: "White resigns", prompt: ";1.", answer: "0-1 ", want: ErrResigned.Error()},
		{name: "Black resigns", moves: []string{"e2e4"}, prompt: ";1.e4", answer: " 1-0;", want: ErrResigned.Error()},
		{name: "castling is no result", moves: []string{"e2e4", "e7e5", "g1f3", "b8c6", "f1c4", "g8f6"}, prompt: ";1.e4 e5 2.Nf3 Nc6 3.Bc4 Nf6 4.", answer: "O-O ", want: "e1g1", text: "O-O"},
		{name: "masked", policy: "mask", prompt: ";1.", answer: "Nf3 ", want: "g1f3", text: "Nf3"},
		{name: "masked Black", policy: "mask", moves: []string{"e2e4"}, prompt: ";1.e4", answer: " Nf6 ", want: "g8f6", text: "Nf6"},
		{name: "masked check", policy: "mask", moves: []string{"e2e4", "f7f6"}, prompt: ";1.e4 f6 2.", answer: "Qh5 ", want: "d1h5", text: "Qh5+"},
		{name: "resampled", policy: "resample-2", prompt: ";1.", answer: "Nf4 ", want: "g1f3", text: "Nf3"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			policy := test.policy
			if policy == "" {
				policy = "forfeit-after-5"
			}
			p, d := scriptedPlayer(t, tok, sampling.Settings{}, policy, says(map[string]string{test.prompt: test.answer}))
			g := boardtest.Game(t, "", test.moves...)
			r, err := p.Move(t.Context(), g, Limit{})
			if !strings.HasPrefix(d.text(), test.prompt) {
				t.Errorf("the prompt is %q, want %q", d.text(), test.prompt)
			}
			if err != nil {
				if !strings.Contains(err.Error(), test.want) {
					t.Errorf("got %v, want %s", err, test.want)
				}
				if f := FailureOf(err); f != IllegalMove && f != Resignation {
					t.Errorf("FailureOf is %v", f)
				}
				return
			}
			if r.Move.String() != test.want || r.Text != test.text {
				t.Errorf("got %v from %q, want %s from %q", r.Move, r.Text, test.want, test.text)
			}
		})
	}

	t.Run("resample statistics", func(t *testing.T) {
		p, _ := scriptedPlayer(t, tok, sampling.Settings{}, "resample-2", says(map[string]string{";1.": "Nf4 "}))
		if r := mustMove(t, p, boardtest.Game(t, ""), Limit{}); r.Attempts != 2 || r.Illegal != 2 {
			t.Errorf("%+v", r)
		}
	})
	t.Run("mask statistics", func(t *testing.T) {
		for answer, illegal := range map[string]int{"Nf3 ": 0, "Nf4 ": 1, "xyz": 1, " e4": 1, "e4": 0} {
			p, _ := scriptedPlayer(t, tok, sampling.Settings{}, "mask", says(map[string]string{";1.": answer}))
			if r := mustMove(t, p, boardtest.Game(t, ""), Limit{}); r.Attempts != 1 || r.Illegal != illegal {
				t.Errorf("%q: %+v, want %d illegal", answer, r, illegal)
			}
		}
	})
	t.Run("a move that is the beginning of another", func(t *testing.T) {
		// Both castlings are legal after these.
		moves := strings.Fields("d2d4 d7d5 b1c3 b8c6 c1f4 c8f5 d1d2 d8d7 g1f3 g8f6 e2e3 e7e6 f1d3 f8d6")
		const prompt = ";1.d4 d5 2.Nc3 Nc6 3.Bf4 Bf5 4.Qd2 Qd7 5.Nf3 Nf6 6.e3 e6 7.Bd3 Bd6 8."
		for answer, want := range map[string]string{"O-O ": "e1g1", "O-O;": "e1g1", "O-O+": "e1g1", "O-O-O ": "e1c1", "O-Ox": "e1g1"} {
			p, _ := scriptedPlayer(t, tok, sampling.Settings{}, "mask", says(map[string]string{prompt: answer}))
			r := mustMove(t, p, boardtest.Game(t, "", moves...), Limit{})
			// "x" fits nothing; the mask then takes the lowest id among the rest.
			if r.Move.String() != want || (r.Illegal == 1) != (answer == "O-Ox") {
				t.Errorf("%q: %+v, want %s", answer, r, want)
			}
		}
	})
	t.Run("cache", func(t *testing.T) {
		p, d := scriptedPlayer(t, tok, sampling.Settings{}, "forfeit-after-5", says(map[string]string{";1.": "e4 e5", ";1.e4 e5 2.": "Nf3 N"}))
		g := boardtest.Game(t, "")
		for range 2 {
			if err := g.Make(mustMove(t, p, g, Limit{}).Move); err != nil {
				t.Fatal(err)
			}
			m, err := g.Position().ParseUCIMove(map[int]string{1: "e7e5", 3: "b8c6"}[g.Ply()])
			if err != nil {
				t.Fatal(err)
			}
			if err := g.Make(m); err != nil {
				t.Fatal(err)
			}
		}
		// ";1." and "e4", of which a third character, " ", is drawn but not fed; " e5
		// 2." and "Nf3".
		if want := 3 + 2 + 6 + 3; d.fed != want {
			t.Errorf("%d tokens computed, want %d", d.fed, want)
		}
	})
}

// tinyModel is an untrained model; its moves are nearly random.
func tinyModel(t testing.TB, tok data.Tokenizer, context int) *model.Model {
	t.Helper()
	m, err := model.New(model.Config{Layers: 2, Heads: 2, Width: 16, Context: context, Vocab: tok.VocabSize(), Activation: model.GELU}, 1)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestModelGames plays whole games with real, if untrained, models.
func TestModelGames(t *testing.T) {
	for _, test := range []struct {
		tok     data.Tokenizer
		context int
		plies   int
	}{{data.NewMoveTokenizer(), 128, 100}, {data.NewCharTokenizer(data.CharOptions{}), 1023, 60}} {
		t.Run(test.tok.Name(), func(t *testing.T) {
			m := tinyModel(t, test.tok, test.context)
			player := func() *ModelPlayer {
				p, err := NewModelPlayer(ModelConfig{Model: m, Tokenizer: test.tok, Sampling: sampling.Settings{Temperature: 1}, Policy: IllegalPolicy{Kind: Mask}})
				if err != nil {
					t.Fatal(err)
				}
				return p
			}
			play := func(p *ModelPlayer, seed uint64) []bitboard.Move {
				wantNoError(t, p.NewGame(t.Context(), seed))
				g := boardtest.Game(t, "")
				illegal := 0
				for g.Ply() < test.plies && g.Position().HasLegalMove() {
					r := mustMove(t, p, g, Limit{})
					illegal += r.Illegal
					if err := g.Make(r.Move); err != nil {
						t.Fatal(err)
					}
				}
				if illegal < g.Ply()/2 {
					t.Errorf("an untrained model has only %d illegal draws in %d plies", illegal, g.Ply())
				}
				return g.Moves()
			}
			p := player()
			first, second := play(p, 1), play(p, 2)
			if reflect.DeepEqual(first, second) {
				t.Error("two seeds, one game")
			}
			// Not a bit of an earlier game may matter.
			if got := play(player(), 2); !reflect.DeepEqual(got, second) {
				t.Error("a game depends on the one before it")
			}
			if got := play(p, 1); !reflect.DeepEqual(got, first) {
				t.Error("one seed, two games")
			}
			if got := p.cached; len(got) != p.dec.Len() {
				t.Errorf("%d tokens noted, %d held", len(got), p.dec.Len())
			}
		})
	}
}

func TestModelErrors(t *testing.T) {
	tok := data.NewMoveTokenizer()
	m := tinyModel(t, tok, 8)
	p, err := NewModelPlayer(ModelConfig{Name: "m", Model: m, Tokenizer: tok, Policy: IllegalPolicy{Kind: Mask}})
	if err != nil {
		t.Fatal(err)
	}
	t.Run("length", func(t *testing.T) {
		g := boardtest.Game(t, "", "g1f3", "g8f6", "f3g1", "f6g8", "g1f3", "g8f6", "f3g1")
		mustMove(t, p, g, Limit{}) // the separator and seven moves just fit
		if err := g.Make(bitboard.NewMove(45, 62, 0)); err != nil {
			t.Fatal(err)
		}
		_, err := p.Move(t.Context(), g, Limit{})
		if !errors.Is(err, ErrContextFull) || FailureOf(err) != Length || !FailureOf(err).Forfeits() {
			t.Errorf("got %v", err)
		}
		// The player can go on with another game.
		mustMove(t, p, boardtest.Game(t, "", "e2e4"), Limit{})
	})
	t.Run("length within a move", func(t *testing.T) {
		tok := data.NewCharTokenizer(data.CharOptions{})
		p, err := NewModelPlayer(ModelConfig{Model: tinyModel(t, tok, 5), Tokenizer: tok, Policy: IllegalPolicy{Kind: Mask}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Move(t.Context(), boardtest.Game(t, "", "e2e4"), Limit{}); !errors.Is(err, ErrContextFull) || !errors.Is(err, model.ErrContextFull) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("set-up position", func(t *testing.T) {
		_, err := p.Move(t.Context(), boardtest.Game(t, "4k3/8/8/8/8/8/8/R3K2R w KQ - 0 1"), Limit{})
		if !errors.Is(err, ErrSetUpPosition) || FailureOf(err) != Setup || FailureOf(err).Forfeits() {
			t.Errorf("got %v", err)
		}
	})
	t.Run("game over", func(t *testing.T) {
		if _, err := p.Move(t.Context(), boardtest.Game(t, "", "f2f3", "e7e5", "g2g4", "d8h4"), Limit{}); !errors.Is(err, ErrGameOver) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("canceled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := p.Move(ctx, boardtest.Game(t, ""), Limit{}); FailureOf(err) != Canceled {
			t.Errorf("got %v", err)
		}
	})
	t.Run("configuration", func(t *testing.T) {
		char := data.NewCharTokenizer(data.CharOptions{})
		for name, cfg := range map[string]ModelConfig{
			"no model":         {Tokenizer: tok},
			"no tokenizer":     {Model: m},
			"small vocabulary": {Model: tinyModel(t, char, 8), Tokenizer: tok},
			"temperature":      {Model: m, Tokenizer: tok, Sampling: sampling.Settings{Temperature: -1}},
			"policy":           {Model: m, Tokenizer: tok, Policy: IllegalPolicy{Kind: 7}},
		} {
			if _, err := NewModelPlayer(cfg); err == nil {
				t.Errorf("%s: no error", name)
			}
		}
	})
	t.Run("a vocabulary rounded up", func(t *testing.T) {
		for _, tok := range []data.Tokenizer{tok, data.NewCharTokenizer(data.CharOptions{})} {
			m, err := model.New(model.Config{Layers: 1, Heads: 1, Width: 8, Context: 64, Vocab: tok.VocabSize() + 100, Activation: model.GELU}, 1)
			if err != nil {
				t.Fatal(err)
			}
			for _, policy := range []IllegalPolicy{{Kind: Mask}, {Kind: ForfeitAfter, Attempts: 300}} {
				p, err := NewModelPlayer(ModelConfig{Model: m, Tokenizer: tok, Policy: policy, Sampling: sampling.Settings{Temperature: 100}})
				if err != nil {
					t.Fatal(err)
				}
				_, err = p.Move(t.Context(), boardtest.Game(t, ""), Limit{})
				var illegal *IllegalMoveError
				if err != nil && !errors.As(err, &illegal) {
					t.Fatal(err)
				}
				for _, id := range p.sampled {
					if int(id) >= tok.VocabSize() {
						t.Errorf("id %d was drawn", id)
					}
				}
			}
		}
	})
	t.Run("spec", func(t *testing.T) {
		p, err := NewModelPlayer(ModelConfig{
			Name: "m", Model: m, Tokenizer: tok, Sampling: sampling.Settings{Temperature: 0.001, TopK: 5},
			Details: map[string]string{"cap": "1000"},
		})
		if err != nil {
			t.Fatal(err)
		}
		spec := p.Spec()
		for key, want := range map[string]string{
			"kind": "model", "name": "m", "tokenizer": "move", "temperature": "0.001", "top-k": "5", "top-p": "0",
			"policy": "forfeit-after-5", "context": "8", "shape": "2/2/16", "cap": "1000", "weights": HashWeights(m),
		} {
			if spec[key] != want {
				t.Errorf("%s is %q, want %q", key, spec[key], want)
			}
		}
		m.Tensors()[0].Data[3] += 1
		if HashWeights(m) == spec["weights"] {
			t.Error("another model has the same hash")
		}
	})
	t.Run("closed", func(t *testing.T) {
		wantNoError(t, p.Close())
		wantNoError(t, p.Close())
		if _, err := p.Move(t.Context(), boardtest.Game(t, ""), Limit{}); !errors.Is(err, ErrClosed) {
			t.Errorf("got %v", err)
		}
		if err := p.NewGame(t.Context(), 1); !errors.Is(err, ErrClosed) {
			t.Errorf("got %v", err)
		}
	})
}
