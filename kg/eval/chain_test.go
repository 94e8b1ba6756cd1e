package eval

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"transcend/kg"
	"transcend/kg/synth"
	"transcend/kg/text"
	"transcend/model"
)

// A completion is what a float64 forward pass over the whole, token by token, gives, however
// many prompts there are.
func TestCompleteAgainstFloat64(t *testing.T) {
	const vocab, most = 23, 6
	m := testModel(t, vocab, 16)
	var prompts [][]int32
	for _, q := range testQuestions(m, 40, vocab) {
		prompts = append(prompts, q.Prompt)
	}
	stop := greedy64(m, prompts[0], 3)[2]
	out, err := Complete(context.Background(), m, prompts, stop, most, 2)
	if err != nil {
		t.Fatal(err)
	}
	stopped := 0
	for i, p := range prompts {
		want := greedy64(m, p, most)
		if k := slices.Index(want, stop); k >= 0 {
			want = want[:k]
			stopped++
		}
		if !slices.Equal(out[i], want) {
			t.Errorf("prompt %v: %v, want %v", p, out[i], want)
		}
	}
	if stopped == 0 || stopped == len(prompts) {
		t.Errorf("%d of %d completions stopped: the test does not show that they do", stopped, len(prompts))
	}
	// A context that ends ends them, too.
	long, err := Complete(context.Background(), m, [][]int32{make([]int32, 14)}, -1, 100, 1)
	if err != nil || len(long[0]) != 3 { // positions 14 and 15, and what follows the latter
		t.Errorf("%v, %v", long, err)
	}
	if _, err := Complete(context.Background(), m, [][]int32{make([]int32, 17)}, -1, 1, 1); !errors.Is(err, ErrQuestion) {
		t.Errorf("a prompt longer than the context: %v", err)
	}
}

func TestParseChain(t *testing.T) {
	for _, c := range []struct {
		text   string
		bridge string
		answer string
		is, ok bool
	}{
		{"Ada Omerk; Prioker.", "Ada Omerk", "Prioker", true, true},
		{" Ada Omerk;  Prioker. And more", "Ada Omerk", "Prioker", true, true},
		{"Ada; Prioker", "Ada", "Prioker", false, true}, // never ended
		{"Ada; Prioker Land.", "Ada", "Prioker", false, true},
		{"Prioker.", "Prioker.", "Prioker", false, false},
		{"St. Ada; No. 5.", "St. Ada", "No. 5", true, true}, // periods in names
	} {
		chain, ok := ParseChain(c.text)
		if ok != c.ok || chain.Bridge != c.bridge || chain.Is(c.answer) != c.is {
			t.Errorf("%q: %+v, %v; is %q: %v", c.text, chain, ok, c.answer, chain.Is(c.answer))
		}
	}
}

// asker is of a small synthetic graph.
func asker(t *testing.T) *Asker {
	t.Helper()
	g, err := synth.New(synth.Options{Seed: 3, Scale: 0.02})
	if err != nil {
		t.Fatal(err)
	}
	w, err := text.Default().Bind(g)
	if err != nil {
		t.Fatal(err)
	}
	tok := text.NewWordTokenizer(w.Vocabulary())
	return &Asker{Graph: g, Writer: w, Tokenizer: tok, Prefix: []int32{tok.Separator()}}
}

// Prompt and answers are the text of training, and there is one question a query with all its tails.
func TestAskerFacts(t *testing.T) {
	a := asker(t)
	g := a.Graph
	qs, err := a.Facts()
	if err != nil {
		t.Fatal(err)
	}
	queries, edges, several := g.Queries(), 0, 0
	if len(qs) != len(queries) {
		t.Fatalf("%d questions for %d queries", len(qs), len(queries))
	}
	for i, q := range qs {
		lo, hi := g.QueryEdges(queries[i])
		if len(q.Answers) != int(hi-lo) {
			t.Fatalf("%d answers for %d edges", len(q.Answers), hi-lo)
		}
		edges += len(q.Answers)
		if len(q.Answers) > 1 {
			several++
		}
		for k, answer := range q.Answers {
			want := string(a.Writer.Sentence(nil, g.Edges[lo+int32(k)], 0))
			if got := a.Tokenizer.Decode(slices.Concat(q.Prompt[1:], answer)); got != want || q.Prompt[0] != a.Tokenizer.Separator() {
				t.Fatalf("%q, want %q", got, want)
			}
			if q.Relation != queries[i].Relation || q.First != -1 || q.Area != -1 || q.Popularity < 1 {
				t.Fatalf("%+v", q.Labels)
			}
		}
	}
	if edges != len(g.Edges) || several == 0 {
		t.Errorf("%d answers for %d facts, %d questions with several", edges, len(g.Edges), several)
	}
}

// Two-hop questions are distinct, and all that the graph answers is right.
func TestAskerTwoHops(t *testing.T) {
	a := asker(t)
	var chains []kg.Chain
	for c := range a.Graph.TwoHops() {
		chains = append(chains, c)
	}
	for _, asked := range []bool{false, true} {
		qs, queries, err := a.TwoHops(chains, asked)
		if err != nil {
			t.Fatal(err)
		}
		if len(qs) >= len(chains) || len(qs) != len(queries) {
			t.Errorf("%d questions of %d chains", len(qs), len(chains))
		}
		answered := 0
		for i := range qs {
			answered += len(qs[i].Answers)
			if n := len(a.Graph.Answers(queries[i])); n != len(qs[i].Answers) || n == 0 {
				t.Fatalf("%d answers, want %d", len(qs[i].Answers), n)
			}
		}
		c := chains[0]
		want := string(a.Writer.TwoHop(nil, c, text.OneTemplate, nil))
		if asked {
			want = string(a.Writer.Latent(nil, c))
		}
		found := slices.ContainsFunc(qs[0].Answers, func(answer []int32) bool {
			return a.Tokenizer.Decode(slices.Concat(qs[0].Prompt[1:], answer)) == want
		})
		if !found {
			t.Errorf("no answer of the first question makes %q", want)
		}
	}
}

// A model that has learned nothing but the form is judged by the form.
func TestChains(t *testing.T) {
	a := asker(t)
	var chains []kg.Chain
	for c := range a.Graph.TwoHops() {
		if len(chains) < 30 {
			chains = append(chains, c)
		}
	}
	// Overfit a model on three chains of thought: they come out right, the others do not.
	m, err := model.New(model.Config{Layers: 1, Heads: 2, Width: 32, Context: 64, Vocab: a.Tokenizer.VocabSize(), Activation: model.GELU}, 1)
	if err != nil {
		t.Fatal(err)
	}
	cfg := model.DefaultTrainConfig()
	cfg.Rows, cfg.Accumulate, cfg.Steps, cfg.LearningRate, cfg.Warmup, cfg.Optimizer = 3, 1, 120, 0.01, 5, model.OptimizerAdamW
	trainer, err := model.NewTrainer(m, cfg, &fixed{a, chains[:3]})
	if err != nil {
		t.Fatal(err)
	}
	for range cfg.Steps {
		if _, err := trainer.Step(); err != nil {
			t.Fatal(err)
		}
	}
	r, err := Chains(context.Background(), trainer.Result(), a, chains, 1)
	if err != nil {
		t.Fatal(err)
	}
	known := map[kg.TwoHopQuery]bool{}
	for _, c := range chains[:3] {
		known[a.Graph.Question(c)] = true
	}
	wrong := 0
	for i, q := range r.Queries {
		if known[q] && (r.Right[i] != 1 || r.Bridge[i] != 1 || r.Form[i] != 1) {
			t.Errorf("%q was learned: right %v, bridge %v, form %v", r.Texts[i], r.Right[i], r.Bridge[i], r.Form[i])
		}
		if r.Right[i] == 0 {
			wrong++
		}
		if r.Right[i] == 1 && !strings.Contains(r.Texts[i], ";") {
			t.Errorf("%q is right", r.Texts[i])
		}
	}
	if wrong == 0 {
		t.Error("everything is right: the test shows nothing")
	}
}

// fixed is a source of the same chains of thought again and again.
type fixed struct {
	a      *Asker
	chains []kg.Chain
}

func (f *fixed) Next(b *model.Batch) error {
	b.Resize(b.Rows, 64)
	for r := range b.Rows {
		ids := f.a.Tokenizer.AppendText([]int32{f.a.Tokenizer.Separator()}, string(f.a.Writer.ChainOfThought(nil, f.chains[r%len(f.chains)])))
		ids = append(ids, f.a.Tokenizer.Separator())
		for t := range 64 {
			i := r*64 + t
			b.Tokens[i], b.Targets[i], b.Positions[i], b.SegmentStart[i] = 0, -1, int32(t), 0
			if t+1 < len(ids) {
				b.Tokens[i], b.Targets[i] = ids[t], ids[t+1]
			}
		}
	}
	return nil
}

func (f *fixed) State() ([]byte, error) { return nil, nil }
func (f *fixed) Restore([]byte) error   { return nil }
