package batches

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"transcend/data"
	"transcend/data/filter"
	"transcend/internal/bitboard"
	"transcend/model"
)

func newLoader(t testing.TB, c *data.Corpus, tok data.Tokenizer, cfg Config) *Loader {
	t.Helper()
	l, err := NewLoader(c, tok, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func next(t testing.TB, l *Loader) *model.Batch {
	t.Helper()
	b := new(model.Batch)
	if err := l.Next(b); err != nil {
		t.Fatal(err)
	}
	if err := b.Validate(model.Config{Vocab: l.p.tok.VocabSize(), Context: b.Context}); err != nil {
		t.Fatal(err)
	}
	return b
}

// segment is a game in a row, as it was found there.
type segment struct {
	tokens, targets []int32
}

// segments takes a batch of PackGames apart, checking positions, segment starts
// and padding on the way.
func segments(t *testing.T, b *model.Batch, pad int32) []segment {
	t.Helper()
	var out []segment
	for row := range b.Rows {
		lo := row * b.Context
		for i := 0; i < b.Context; {
			end := i
			for end < b.Context && int(b.SegmentStart[lo+end]) == i {
				if int(b.Positions[lo+end]) != end-i {
					t.Fatalf("row %d, token %d: position %d in a segment that starts at %d", row, end, b.Positions[lo+end], i)
				}
				end++
			}
			if end == i {
				t.Fatalf("row %d, token %d: segment start %d", row, i, b.SegmentStart[lo+i])
			}
			s := segment{b.Tokens[lo+i : lo+end], b.Targets[lo+i : lo+end]}
			if s.targets[0] >= 0 {
				out = append(out, s)
			} else {
				if end != b.Context {
					t.Fatalf("row %d: padding before the end", row)
				}
				for j := range s.tokens {
					if s.tokens[j] != pad || s.targets[j] != -1 {
						t.Fatalf("row %d: padding with token %d, target %d", row, s.tokens[j], s.targets[j])
					}
				}
			}
			i = end
		}
	}
	return out
}

// Each game is there once, whole or cut at the end of a row, with its own tokens
// shifted by one as targets and the separator at the end.
func TestPackGames(t *testing.T) {
	for name, tok := range allTokenizers {
		for _, context := range []int{2, 7, 64, 300} {
			for _, window := range []int{1, 5, 64, 1000} {
				t.Run(fmt.Sprintf("%s/%d/%d", name, context, window), func(t *testing.T) {
					c := randomCorpus(11, 150, 60)
					want := map[string]int{}
					positions, truncated := 0, 0
					for _, g := range c.All() {
						ids := tok.AppendGame(nil, &g)
						want[fmt.Sprint(ids[:min(len(ids), context)])]++
						positions += min(len(ids), context)
						if len(ids) > context {
							truncated++
						}
					}
					v, err := NewValidation(c, tok, Config{Rows: 4, Context: context, Window: window, Seed: 3})
					if err != nil {
						t.Fatal(err)
					}
					var b model.Batch
					found := 0
					for v.Next(&b) {
						if b.Rows != 4 || b.Context != context {
							t.Fatalf("a batch of %d by %d", b.Rows, b.Context)
						}
						if err := b.Validate(model.Config{Vocab: tok.VocabSize(), Context: context}); err != nil {
							t.Fatal(err)
						}
						for _, s := range segments(t, &b, tok.Pad()) {
							found++
							if s.tokens[0] != tok.Separator() {
								t.Fatal("a segment does not start with the separator")
							}
							if !slices.Equal(s.targets[:len(s.targets)-1], s.tokens[1:]) {
								t.Fatal("the targets are not the next tokens")
							}
							key := fmt.Sprint(s.tokens)
							if want[key]--; want[key] < 0 {
								t.Fatal("a game that is not in the corpus, or too often")
							}
							last := s.targets[len(s.targets)-1]
							if last == tok.Separator() {
								if _, err := tok.DecodeGame(s.tokens); err != nil {
									t.Fatal(err)
								}
							} else if len(s.tokens) != context {
								t.Fatal("a game was cut inside a row")
							} else if !continued(c, tok, s.tokens, last) {
								t.Fatal("the last target of a cut game is not its next token")
							}
						}
					}
					if found != c.Len() {
						t.Errorf("%d games of %d", found, c.Len())
					}
					st := v.Stats()
					if st.Games != int64(c.Len()) || st.Truncated != int64(truncated) || st.Targets != int64(positions) || st.Positions != st.Rows*int64(context) {
						t.Errorf("%+v, want %d games, %d cut, %d targets", st, c.Len(), truncated, positions)
					}
					if got := st.FillRate(); got != float64(positions)/float64(st.Positions) {
						t.Errorf("fill rate %v", got)
					}
					if v.Next(&b) {
						t.Error("a batch after the last")
					}
				})
			}
		}
	}
}

// continued reports whether a game begins with these tokens and goes on with
// next.
func continued(c *data.Corpus, tok data.Tokenizer, tokens []int32, next int32) bool {
	for _, g := range c.All() {
		if ids := tok.AppendGame(nil, &g); len(ids) > len(tokens) && slices.Equal(ids[:len(tokens)], tokens) && ids[len(tokens)] == next {
			return true
		}
	}
	return false
}

// paperBlocks is the stream of the paper, written down as it is described: games
// in the given order, each begun anew when the end of a block cut it.
func paperBlocks(texts [][]int32, separator int32, context int) (blocks, targets [][]int32) {
	for i := 0; i < len(texts); {
		var block []int32
		for i < len(texts) && len(block) < context {
			block = append(block, texts[i]...)
			i++
		}
		complete := len(block) >= context
		following := append(slices.Clone(block), separator)
		if len(block) > context {
			// The last game was cut. It starts the next block, unless it started
			// this one.
			if len(block) != len(texts[i-1]) {
				i--
			}
		}
		if complete {
			blocks = append(blocks, block[:context])
			targets = append(targets, following[1:context+1])
		} else {
			blocks = append(blocks, block)
			targets = append(targets, following[1:])
		}
	}
	return blocks, targets
}

func TestPackBlocks(t *testing.T) {
	for name, tok := range allTokenizers {
		for _, context := range []int{2, 5, 64, 257} {
			t.Run(fmt.Sprintf("%s/%d", name, context), func(t *testing.T) {
				c := randomCorpus(12, 120, 40)
				v, err := NewValidation(c, tok, Config{Rows: 3, Context: context, Packing: PackBlocks, Seed: 9})
				if err != nil {
					t.Fatal(err)
				}
				var texts [][]int32
				for _, i := range v.p.order {
					g := c.Game(int(i))
					texts = append(texts, tok.AppendGame(nil, &g))
				}
				blocks, targets := paperBlocks(texts, tok.Separator(), context)
				var b model.Batch
				row := 0
				for v.Next(&b) {
					if err := b.Validate(model.Config{Vocab: tok.VocabSize(), Context: context}); err != nil {
						t.Fatal(err)
					}
					for r := range b.Rows {
						lo := r * context
						got, gotTargets := b.Tokens[lo:lo+context], b.Targets[lo:lo+context]
						n := 0
						if row < len(blocks) {
							n = len(blocks[row])
							if !slices.Equal(got[:n], blocks[row]) || !slices.Equal(gotTargets[:n], targets[row]) {
								t.Fatalf("block %d:\n got %v\nwant %v", row, spell(tok, got), spell(tok, blocks[row]))
							}
							if got[0] != tok.Separator() {
								t.Fatalf("block %d does not start with the separator", row)
							}
							row++
						}
						for i := range n {
							if b.SegmentStart[lo+i] != 0 || b.Positions[lo+i] != int32(i) {
								t.Fatalf("token %d: start %d, position %d", i, b.SegmentStart[lo+i], b.Positions[lo+i])
							}
						}
						for i := n; i < context; i++ {
							if gotTargets[i] != -1 {
								t.Fatal("padding has a target")
							}
						}
					}
				}
				if row != len(blocks) {
					t.Errorf("%d blocks of %d", row, len(blocks))
				}
				if st := v.Stats(); st.Games != int64(c.Len()) {
					t.Errorf("%d games of %d", st.Games, c.Len())
				}
			})
		}
	}
}

// In each epoch every game is taken once, in another order each time.
func TestEpochs(t *testing.T) {
	c := randomCorpus(21, 40, 30).WithoutDuplicates()
	l := newLoader(t, c, data.NewMoveTokenizer(), Config{Rows: 1, Context: 64, Seed: 4})
	orders := map[string]bool{}
	taken := make([]int, c.Len())
	keys := map[string]int{}
	for i, g := range c.All() {
		keys[fmt.Sprint(l.p.tok.AppendGame(nil, &g))] = i
	}
	for range 200 {
		orders[fmt.Sprint(l.p.order)] = true
		for _, s := range segments(t, next(t, l), l.p.tok.Pad()) {
			taken[keys[fmt.Sprint(s.tokens)]]++
		}
	}
	for _, w := range l.p.window {
		taken[w.game]++
	}
	for i := range taken {
		if want := int(l.p.epoch); taken[i] != want && taken[i] != want+1 {
			t.Errorf("game %d was taken %d times in %v epochs", i, taken[i], l.Epochs())
		}
	}
	if len(orders) < int(l.p.epoch) {
		t.Errorf("%d orders in %d epochs", len(orders), l.p.epoch)
	}
	if l.p.epoch < 5 {
		t.Errorf("only %d epochs", l.p.epoch)
	}
}

// A permutation of three things is as likely as another.
func TestShuffleIsFair(t *testing.T) {
	c := randomCorpus(1, 3, 3)
	p, err := newPacker(c, data.NewMoveTokenizer(), Config{Rows: 1, Context: 8}, true)
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	const n = 6000
	for epoch := range n {
		p.epoch = uint64(epoch)
		p.shuffle()
		counts[fmt.Sprint(p.order)]++
	}
	// Binomial(6000, 1/6): a standard deviation of 29.
	for order, got := range counts {
		if got < 1000-150 || got > 1000+150 {
			t.Errorf("%s: %d times, want about 1000", order, got)
		}
	}
	if len(counts) != 6 {
		t.Errorf("%d orders", len(counts))
	}
}

// The stream of a seed is part of every run that can be resumed.
func TestStreamIsStable(t *testing.T) {
	for _, test := range []struct {
		packing string
		tok     data.Tokenizer
		want    uint64
	}{
		{PackGames, data.NewMoveTokenizer(), 0x1f4337f4d7853bb5},
		{PackBlocks, data.NewCharTokenizer(data.CharOptions{}), 0x69156a300b26ecf},
	} {
		h := fnv.New64a()
		l := newLoader(t, randomCorpus(31, 90, 50), test.tok, Config{Rows: 4, Context: 128, Packing: test.packing, Seed: 77})
		for range 40 {
			b := next(t, l)
			for _, s := range [][]int32{b.Tokens, b.Targets, b.Positions, b.SegmentStart} {
				for _, x := range s {
					h.Write([]byte{byte(x), byte(x >> 8), byte(x >> 16), byte(x >> 24)})
				}
			}
		}
		if got := h.Sum64(); got != test.want {
			t.Errorf("%s: the batches have the hash %#x, want %#x", test.packing, got, test.want)
		}
	}
}

func sameBatch(a, b *model.Batch) bool {
	return a.Rows == b.Rows && a.Context == b.Context && slices.Equal(a.Tokens, b.Tokens) && slices.Equal(a.Targets, b.Targets) &&
		slices.Equal(a.Positions, b.Positions) && slices.Equal(a.SegmentStart, b.SegmentStart)
}

// A loader restored at any moment gives the batches the first one goes on with,
// also after it was used for something else.
func TestRestore(t *testing.T) {
	c := randomCorpus(41, 60, 80)
	for name, tok := range allTokenizers {
		for _, packing := range []string{PackGames, PackBlocks} {
			t.Run(name+"/"+packing, func(t *testing.T) {
				cfg := Config{Rows: 3, Context: 100, Packing: packing, Seed: 1 << 63, Window: 10}
				l := newLoader(t, c, tok, cfg)
				other := newLoader(t, c, tok, cfg)
				rng := rand.New(rand.NewPCG(6, 6))
				for range 25 {
					for range rng.IntN(6) {
						next(t, l)
					}
					state, err := l.State()
					if err != nil {
						t.Fatal(err)
					}
					if len(state) > 2000 {
						t.Errorf("a state of %d bytes", len(state))
					}
					for range rng.IntN(3) {
						next(t, other)
					}
					if err := other.Restore(state); err != nil {
						t.Fatal(err)
					}
					if again, _ := other.State(); string(again) != string(state) {
						t.Fatalf("the state changed:\n%s\n%s", state, again)
					}
					if other.Stats() != l.Stats() || other.Epochs() != l.Epochs() {
						t.Fatal("the counts were not restored")
					}
					fresh := newLoader(t, c, tok, cfg)
					if err := fresh.Restore(state); err != nil {
						t.Fatal(err)
					}
					for range 4 {
						want := next(t, l)
						if !sameBatch(want, next(t, other)) || !sameBatch(want, next(t, fresh)) {
							t.Fatal("the restored loader gives other batches")
						}
					}
				}
				if l.p.epoch < 2 {
					t.Errorf("only %d epochs", l.p.epoch)
				}
			})
		}
	}
}

// Rows only group the stream.
func TestRestoreWithOtherRows(t *testing.T) {
	c := randomCorpus(42, 50, 60)
	l := newLoader(t, c, data.NewMoveTokenizer(), Config{Rows: 4, Context: 64})
	next(t, l)
	state, _ := l.State()
	one := newLoader(t, c, data.NewMoveTokenizer(), Config{Rows: 1, Context: 64})
	if err := one.Restore(state); err != nil {
		t.Fatal(err)
	}
	b := next(t, l)
	for row := range 4 {
		if !slices.Equal(next(t, one).Tokens, b.Tokens[row*64:(row+1)*64]) {
			t.Fatalf("row %d differs", row)
		}
	}
}

func TestRestoreRefuses(t *testing.T) {
	c := randomCorpus(43, 50, 60)
	base := Config{Rows: 2, Context: 64, Seed: 5}
	l := newLoader(t, c, data.NewMoveTokenizer(), base)
	next(t, l)
	state, _ := l.State()

	with := func(change func(*Config)) Config {
		cfg := base
		change(&cfg)
		return cfg
	}
	changed := data.NewCorpus()
	for i, g := range c.All() {
		if i == 20 {
			g.Result = bitboard.Unknown
		}
		changed.Append(&g)
	}
	less := c.Where(func(i int) bool { return i != 7 })
	for what, other := range map[string]*Loader{
		"tokenizer is move, this one's char":               newLoader(t, c, data.NewCharTokenizer(data.CharOptions{}), base),
		"tokenizer is move, this one's char+draw_artifact": newLoader(t, c, data.NewCharTokenizer(data.CharOptions{DrawArtifact: true}), base),
		"number of games is 50, this one's 49":             newLoader(t, less, data.NewMoveTokenizer(), base),
		"fingerprint of the games":                         newLoader(t, changed, data.NewMoveTokenizer(), base),
		"packing is games, this one's blocks":              newLoader(t, c, data.NewMoveTokenizer(), with(func(c *Config) { c.Packing = PackBlocks })),
		"context is 64, this one's 65":                     newLoader(t, c, data.NewMoveTokenizer(), with(func(c *Config) { c.Context = 65 })),
		"window is 64, this one's 63":                      newLoader(t, c, data.NewMoveTokenizer(), with(func(c *Config) { c.Window = 63 })),
		"seed is 5, this one's 6":                          newLoader(t, c, data.NewMoveTokenizer(), with(func(c *Config) { c.Seed = 6 })),
	} {
		err := other.Restore(state)
		if !errors.Is(err, ErrState) || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: %v", what, err)
		}
	}

	edit := func(old, new string) []byte {
		s := strings.Replace(string(state), old, new, 1)
		if s == string(state) {
			t.Fatalf("the state has no %s: %s", old, state)
		}
		return []byte(s)
	}
	var fields loaderState
	if err := json.Unmarshal(state, &fields); err != nil {
		t.Fatal(err)
	}
	cursor := fmt.Sprintf(`"cursor":%d`, fields.Cursor)
	for name, damaged := range map[string][]byte{
		"empty":          nil,
		"cut":            state[:len(state)-1],
		"more":           append(slices.Clone(state), '{'),
		"null":           []byte("null"),
		"array":          []byte("[]"),
		"unknown field":  edit(`"epoch"`, `"epoch2":1,"epoch"`),
		"cursor beyond":  edit(cursor, `"cursor":51`),
		"cursor before":  edit(cursor, `"cursor":-1`),
		"epoch":          edit(`"epoch":`, `"epoch":-`),
		"game beyond":    edit(`"window":[`, `"window":[50,`),
		"game before":    edit(`"window":[`, `"window":[-1,`),
		"window":         edit(`"window":[`, `"window":[`+strings.Repeat("1,", 65)),
		"negative count": edit(`"targets":`, `"targets":-`),
		"newer":          edit(`"version":1`, `"version":2`),
	} {
		if err := l.Restore(damaged); err == nil {
			t.Errorf("%s: restored", name)
		}
		if now, _ := l.State(); string(now) != string(state) {
			t.Fatalf("%s: the refused state changed the loader", name)
		}
	}
	blocks := newLoader(t, c, data.NewMoveTokenizer(), with(func(c *Config) { c.Packing = PackBlocks }))
	next(t, blocks)
	state, _ = blocks.State()
	if err := blocks.Restore(edit(`"stats"`, `"window":[1],"stats"`)); err == nil {
		t.Error("blocks with waiting games are restored")
	}
}

func TestLoaderConfigErrors(t *testing.T) {
	c := randomCorpus(1, 3, 10)
	for _, cfg := range []Config{
		{Rows: 0, Context: 10}, {Rows: 1, Context: 1}, {Rows: -1, Context: 10}, {Rows: 1 << 20, Context: 1 << 20},
		{Rows: 1, Context: 10, Packing: "tetris"}, {Rows: 1, Context: 10, Window: -1}, {Rows: 1, Context: 10, Window: maxWindow + 1},
	} {
		if _, err := NewLoader(c, data.NewMoveTokenizer(), cfg); err == nil {
			t.Errorf("%+v is accepted", cfg)
		}
		if _, err := NewValidation(c, data.NewMoveTokenizer(), cfg); err == nil {
			t.Errorf("%+v is accepted for validation", cfg)
		}
	}
	good := Config{Rows: 1, Context: 10}
	if _, err := NewLoader(data.NewCorpus(), data.NewMoveTokenizer(), good); err == nil {
		t.Error("a loader of no games")
	}
	c = unchecked(t, c)
	if _, err := NewLoader(c, data.NewCharTokenizer(data.CharOptions{}), good); err == nil || !strings.Contains(err.Error(), "replayed") {
		t.Errorf("characters of games that were not replayed: %v", err)
	}
	if _, err := NewLoader(c, data.NewMoveTokenizer(), good); err != nil {
		t.Errorf("moves of games that were not replayed: %v", err)
	}
}

func TestValidation(t *testing.T) {
	c := randomCorpus(51, 80, 70)
	for _, packing := range []string{PackGames, PackBlocks} {
		cfg := Config{Rows: 4, Context: 90, Packing: packing, Seed: 1}
		v, err := NewValidation(c, data.NewMoveTokenizer(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		var first []*model.Batch
		for b := new(model.Batch); v.Next(b); b = new(model.Batch) {
			first = append(first, b)
		}
		stats := v.Stats()
		if len(first) < 3 {
			t.Fatalf("%s: %d batches", packing, len(first))
		}
		v.Reset()
		if v.Stats() != (Stats{}) {
			t.Errorf("%s: counts after Reset: %+v", packing, v.Stats())
		}
		dirty := first[0]
		b := &model.Batch{}
		b.Resize(7, 300)
		for i := range b.Tokens {
			b.Tokens[i], b.Targets[i], b.Positions[i], b.SegmentStart[i] = 99, 99, 99, 99
		}
		for i := range first {
			if !v.Next(b) || !sameBatch(b, first[i]) {
				t.Fatalf("%s: batch %d differs after Reset", packing, i)
			}
		}
		if v.Next(b) || v.Stats() != stats || !sameBatch(dirty, first[0]) {
			t.Errorf("%s: another end", packing)
		}
		// A loader's first batches are the same.
		l := newLoader(t, c, data.NewMoveTokenizer(), cfg)
		if !sameBatch(next(t, l), first[0]) {
			t.Errorf("%s: not the order of the first epoch", packing)
		}
	}
	v, err := NewValidation(data.NewCorpus(), data.NewMoveTokenizer(), Config{Rows: 1, Context: 5})
	if err != nil || v.Next(new(model.Batch)) {
		t.Errorf("validation on no games: %v", err)
	}
	if got := v.Stats().FillRate(); got != 0 {
		t.Errorf("fill rate of nothing: %v", got)
	}
}

// The window must not let any game wait forever.
func TestNoGameWaitsLong(t *testing.T) {
	c := data.NewCorpus()
	rng := rand.New(rand.NewPCG(9, 1))
	for range 20 {
		c.Append(randomGame(rng, 60))
	}
	for range 400 {
		c.Append(randomGame(rng, 3))
	}
	l := newLoader(t, c, data.NewMoveTokenizer(), Config{Rows: 1, Context: 40, Window: 8})
	since := map[int]int{}
	for range 3000 {
		next(t, l)
		now := map[int]int{}
		for _, w := range l.p.window {
			if now[w.game] = since[w.game] + 1; now[w.game] > 8 {
				t.Fatalf("game %d waits for the ninth row", w.game)
			}
		}
		since = now
	}
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	c := randomCorpus(61, 100, 80)
	for name, tok := range allTokenizers {
		for _, packing := range []string{PackGames, PackBlocks} {
			l := newLoader(t, c, tok, Config{Rows: 4, Context: 128, Packing: packing})
			b := new(model.Batch)
			for range 100 {
				l.Next(b)
			}
			// The generator of an epoch's order is one small object.
			if n := testing.AllocsPerRun(200, func() { l.Next(b) }); n > 1 {
				t.Errorf("%s %s: %v allocations a batch", name, packing, n)
			}
		}
	}
}

func TestBoardBatches(t *testing.T) {
	c := randomCorpus(71, 60, 90)
	tok := data.NewMoveTokenizer()
	for _, packing := range []string{PackGames, PackBlocks} {
		cfg := Config{Rows: 3, Context: 100, Packing: packing, Seed: 2}
		plain := newLoader(t, c, tok, cfg)
		cfg.Input = data.InputBoard
		l := newLoader(t, c, tok, cfg)
		b := new(model.Batch)
		for n := range 30 {
			if err := l.Next(b); err != nil {
				t.Fatal(err)
			}
			if !sameBatch(b, next(t, plain)) {
				t.Fatal("board input changes the tokens")
			}
			config := model.Config{Layers: 1, Heads: 1, Width: 1, Context: 100, Vocab: tok.VocabSize(), ExtraVocab: data.BoardVocab, ExtraSlots: data.BoardSlots}
			if err := b.Validate(config); err != nil {
				t.Fatal(err)
			}
			p := bitboard.Start()
			for i, token := range b.Tokens {
				var want []int32
				switch move, ok := tok.Move(token); {
				case token == tok.Separator():
					p = bitboard.Start()
					want = data.AppendBoard(nil, &p)
				case ok:
					p.Make(move)
					want = data.AppendBoard(nil, &p)
				default:
					want = slices.Repeat([]int32{-1}, data.BoardSlots)
				}
				if got := b.Extras[i*data.BoardSlots : (i+1)*data.BoardSlots]; !slices.Equal(got, want) {
					t.Fatalf("%s, batch %d, token %d (%s): %v, want %v", packing, n, i, tok.Text(token), got, want)
				}
			}
		}
	}
	if _, err := NewLoader(c, data.NewCharTokenizer(data.CharOptions{}), Config{Rows: 1, Context: 10, Input: data.InputBoard}); err == nil {
		t.Error("characters with boards")
	}
	c = unchecked(t, c)
	if _, err := NewLoader(c, tok, Config{Rows: 1, Context: 10, Input: data.InputBoard}); err == nil || !strings.Contains(err.Error(), "replayed") {
		t.Errorf("boards of games that were not replayed: %v", err)
	}
}

func TestBoardRestore(t *testing.T) {
	c := randomCorpus(72, 50, 60)
	tok := data.NewMoveTokenizer()
	cfg := Config{Rows: 2, Context: 64, Input: data.InputBoard}
	l, other := newLoader(t, c, tok, cfg), newLoader(t, c, tok, cfg)
	batch := func(l *Loader) *model.Batch {
		b := new(model.Batch)
		if err := l.Next(b); err != nil {
			t.Fatal(err)
		}
		return b
	}
	batch(l)
	state, err := l.State()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Restore(state); err != nil {
		t.Fatal(err)
	}
	if a, b := batch(l), batch(other); !sameBatch(a, b) || !slices.Equal(a.Extras, b.Extras) {
		t.Error("the restored loader gives other batches")
	}
	cfg.Input = data.InputMoves
	moves := newLoader(t, c, tok, cfg)
	if err := moves.Restore(state); err == nil || !strings.Contains(err.Error(), "input is board, this one's moves") {
		t.Errorf("a loader of moves: %v", err)
	}
	state, _ = moves.State()
	if strings.Contains(string(state), "input") {
		t.Errorf("the state of a loader of moves has changed: %s", state)
	}
	if err := l.Restore(state); err == nil || !strings.Contains(err.Error(), "input is moves, this one's board") {
		t.Errorf("a loader of boards: %v", err)
	}
	b := new(model.Batch)
	for range 100 {
		l.Next(b)
	}
	if n := testing.AllocsPerRun(100, func() { l.Next(b) }); n > 1 {
		t.Errorf("%v allocations a batch", n)
	}
}

// Batches of both packings. The ceiling is tokenizing the games and putting them
// nowhere.
func BenchmarkLoader(b *testing.B) {
	c := realGames(b, filter.Filter{MaxElo: 1500})
	for _, test := range []struct {
		tok     data.Tokenizer
		input   string
		packing string
		context int
	}{
		{data.NewMoveTokenizer(), data.InputMoves, PackGames, 256}, {data.NewMoveTokenizer(), data.InputMoves, PackBlocks, 256}, {data.NewMoveTokenizer(), data.InputBoard, PackGames, 256},
		{data.NewCharTokenizer(data.CharOptions{}), data.InputMoves, PackGames, 1023}, {data.NewCharTokenizer(data.CharOptions{}), data.InputMoves, PackBlocks, 1023},
	} {
		b.Run(fmt.Sprintf("%s/%s/%s/%d", test.tok.Name(), test.input, test.packing, test.context), func(b *testing.B) {
			l, err := NewLoader(c, test.tok, Config{Rows: 16, Context: test.context, Packing: test.packing, Input: test.input})
			if err != nil {
				b.Fatal(err)
			}
			var batch model.Batch
			var ids []int32
			var loading, tokenizing time.Duration
			tokenized, game := 0, 0
			for b.Loop() {
				began := time.Now()
				if err := l.Next(&batch); err != nil {
					b.Fatal(err)
				}
				loading += time.Since(began)
				began = time.Now()
				for n := 0; n < len(batch.Tokens); {
					g := data.Game{Result: c.Result(game), Moves: c.Moves(game)}
					ids = test.tok.AppendGame(ids[:0], &g)
					n += len(ids)
					tokenized += len(ids)
					game = (game + 1) % c.Len()
				}
				tokenizing += time.Since(began)
			}
			s := l.Stats()
			rate := float64(s.Targets) / loading.Seconds()
			b.ReportMetric(rate, "tok/s")
			b.ReportMetric(100*rate/(float64(tokenized)/tokenizing.Seconds()), "%tokenizer")
			b.ReportMetric(100*s.FillRate(), "%fill")
		})
	}
}

// The order of an epoch, which a restored loader has to make again.
func BenchmarkShuffle(b *testing.B) {
	p := &packer{cfg: Config{Seed: 1}, order: make([]uint32, 1<<20)}
	for b.Loop() {
		p.epoch++
		p.shuffle()
	}
	b.ReportMetric(float64(b.N<<20)/b.Elapsed().Seconds(), "games/s")
}

// Real games pack into rows with little padding.
func TestRealGames(t *testing.T) {
	c := realGames(t, filter.Filter{MaxElo: 1000, DropDuplicates: true})
	v, err := NewValidation(c, data.NewMoveTokenizer(), Config{Rows: 16, Context: 256})
	if err != nil {
		t.Fatal(err)
	}
	var batch model.Batch
	for v.Next(&batch) {
	}
	s := v.Stats()
	t.Logf("context 256: %+v, fill rate %.4f", s, s.FillRate())
	// Every move has a target, and the separator after the last; padding is under
	// two per cent.
	if want := int64(c.Plies() + c.Len()); s.Targets != want || s.Truncated != 0 {
		t.Errorf("%d targets, want %d", s.Targets, want)
	}
	if s.FillRate() < 0.98 {
		t.Errorf("fill rate %.4f", s.FillRate())
	}
}
