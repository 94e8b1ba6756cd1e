package eval

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"transcend/model"
)

// testModel is a random model whose logits are far apart, so that it has opinions.
func testModel(t *testing.T, vocab, room int) *model.Model {
	t.Helper()
	m, err := model.New(model.Config{Layers: 2, Heads: 2, Width: 16, Context: room, Vocab: vocab, Bias: true, Activation: model.GELUTanh}, 7)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for _, x := range m.Tensors() {
		for i := range x.Data {
			x.Data[i] += float32(0.3 * rng.NormFloat64())
		}
	}
	return m
}

// forward64 is GPT-2 in float64 and as plain as can be: the logits after each token.
func forward64(m *model.Model, tokens []int32) [][]float64 {
	cfg := m.Config()
	w := map[string][]float32{}
	for _, x := range m.Tensors() {
		w[x.Name] = x.Data
	}
	of := func(name string) []float32 { return w["transformer."+name] }
	c, h := cfg.Width, cfg.Width/cfg.Heads
	norm := func(x []float64, name string) []float64 {
		mean, v := 0.0, 0.0
		for _, y := range x {
			mean += y / float64(c)
		}
		for _, y := range x {
			v += (y - mean) * (y - mean) / float64(c)
		}
		out, weight, bias := make([]float64, c), of(name+".weight"), of(name+".bias")
		for i, y := range x {
			out[i] = (y-mean)/math.Sqrt(v+1e-5)*float64(weight[i]) + float64(bias[i])
		}
		return out
	}
	linear := func(x []float64, name string, n int) []float64 {
		out, weight, bias := make([]float64, n), of(name+".weight"), of(name+".bias")
		for j := range out {
			out[j] = float64(bias[j])
			for i, y := range x {
				out[j] += y * float64(weight[i*n+j])
			}
		}
		return out
	}
	x, wte, wpe := make([][]float64, len(tokens)), of("wte.weight"), of("wpe.weight")
	for t, id := range tokens {
		x[t] = make([]float64, c)
		for i := range c {
			x[t][i] = float64(wte[int(id)*c+i]) + float64(wpe[t*c+i])
		}
	}
	for l := range cfg.Layers {
		layer := "h." + string(rune('0'+l))
		var qkv [][]float64
		for t := range x {
			qkv = append(qkv, linear(norm(x[t], layer+".ln_1"), layer+".attn.c_attn", 3*c))
		}
		for t := range x {
			att := make([]float64, c)
			for head := range cfg.Heads {
				p, sum := make([]float64, t+1), 0.0
				for s := range p {
					for i := head * h; i < (head+1)*h; i++ {
						p[s] += qkv[t][i] * qkv[s][c+i] / math.Sqrt(float64(h))
					}
					p[s] = math.Exp(p[s])
					sum += p[s]
				}
				for s := range p {
					for i := head * h; i < (head+1)*h; i++ {
						att[i] += p[s] / sum * qkv[s][2*c+i]
					}
				}
			}
			for i, y := range linear(att, layer+".attn.c_proj", c) {
				x[t][i] += y
			}
		}
		for t := range x {
			hidden := linear(norm(x[t], layer+".ln_2"), layer+".mlp.c_fc", 4*c)
			for i, y := range hidden {
				hidden[i] = 0.5 * y * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(y+0.044715*y*y*y)))
			}
			for i, y := range linear(hidden, layer+".mlp.c_proj", c) {
				x[t][i] += y
			}
		}
	}
	logits := make([][]float64, len(x))
	for t := range x {
		y := norm(x[t], "ln_f")
		logits[t] = make([]float64, cfg.Vocab)
		for v := range logits[t] {
			for i := range y {
				logits[t][v] += y[i] * float64(wte[v*c+i])
			}
		}
	}
	return logits
}

func argmax64(x []float64) int32 {
	return int32(slices.Index(x, slices.Max(x)))
}

// greedy64 completes a prompt by n tokens.
func greedy64(m *model.Model, prompt []int32, n int) []int32 {
	seq := slices.Clone(prompt)
	for range n {
		logits := forward64(m, seq)
		seq = append(seq, argmax64(logits[len(logits)-1]))
	}
	return seq[len(prompt):]
}

// probability64 is that of an answer at a temperature.
func probability64(m *model.Model, prompt, answer []int32, t float64) float64 {
	logits := forward64(m, slices.Concat(prompt, answer))
	p := 1.0
	for k, id := range answer {
		l := logits[len(prompt)-1+k]
		sum := 0.0
		for _, x := range l {
			sum += math.Exp((x - l[id]) / t)
		}
		p /= sum
	}
	return p
}

// testQuestions makes questions of which some are answered rightly by greedy decoding, some
// have several answers, and some an answer that another begins with.
func testQuestions(m *model.Model, n, vocab int) []Question {
	rng := rand.New(rand.NewPCG(3, 4))
	var qs []Question
	tokens := func(n int) []int32 {
		out := make([]int32, n)
		for i := range out {
			out[i] = int32(rng.IntN(vocab))
		}
		return out
	}
	for i := range n {
		q := Question{Prompt: tokens(1 + rng.IntN(9)), Labels: Labels{Area: int32(i % 5), Relation: int32(i % 3), Popularity: 1 + i%9}}
		for range 1 + rng.IntN(3) {
			q.Answers = append(q.Answers, tokens(1+rng.IntN(4)))
		}
		if i%3 == 0 {
			q.Answers = append(q.Answers, greedy64(m, q.Prompt, 1+rng.IntN(3)))
		}
		if i%4 == 0 {
			q.Answers = append(q.Answers, append(slices.Clone(q.Answers[0]), 1), slices.Clone(q.Answers[0]))
		}
		qs = append(qs, q)
	}
	return qs
}

// Every question's probability, temperature by temperature, is that of a plain float64
// forward pass a question, and greedy correctness that of decoding token by token.
func TestFactsAgainstFloat64(t *testing.T) {
	const vocab = 23
	m := testModel(t, vocab, 64)
	qs := testQuestions(m, 60, vocab)
	temps := []float64{1, 0, 0.0001, 0.1, 0.5, 1.5}
	r, err := Facts(context.Background(), m, qs, Options{Temperatures: temps, Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	hits := 0
	for i, q := range qs {
		want := 0.0
		for _, a := range q.Answers {
			if slices.Equal(greedy64(m, q.Prompt, len(a)), a) {
				want = 1
			}
		}
		hits += int(want)
		if got := r.Right[1][i]; got != want {
			t.Errorf("question %d: greedy %v, want %v", i, got, want)
		}
		for k, temp := range temps {
			if temp == 0 {
				continue
			}
			p := 0.0
			for j, a := range q.Answers {
				again := slices.ContainsFunc(q.Answers[:j], func(b []int32) bool { return slices.Equal(a, b) })
				begun := slices.ContainsFunc(q.Answers, func(b []int32) bool { return len(b) < len(a) && slices.Equal(b, a[:len(b)]) })
				if !again && !begun {
					p += probability64(m, q.Prompt, a, temp)
				}
			}
			// A logit's error of 1e-5 is divided by the temperature.
			if got := r.Right[k][i]; math.Abs(got-p) > 1e-4*p/temp+1e-9 {
				t.Errorf("question %d at %g: %g, want %g", i, temp, got, p)
			}
		}
	}
	if hits < 15 || hits > 50 {
		t.Errorf("%d of %d questions are answered rightly: the test compares nothing", hits, len(qs))
	}
}

// The same bits for any number of threads, and whatever else is asked.
func TestFactsDoNotDependOnCompany(t *testing.T) {
	const vocab = 23
	m := testModel(t, vocab, 40)
	qs := testQuestions(m, 300, vocab)
	all, err := Facts(context.Background(), m, qs, Options{Temperatures: []float64{0, 1}, Threads: 3})
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range []int{0, 17, 299} {
		one, err := Facts(context.Background(), m, qs[i:i+1], Options{Temperatures: []float64{0, 1}, Threads: 1})
		if err != nil {
			t.Fatal(err)
		}
		if a, b := one.Right[1][0], all.Right[1][i]; math.Abs(a-b) > 1e-6*b || one.Right[0][0] != all.Right[0][i] {
			t.Errorf("question %d alone: %v, among others: %v", i, a, b)
		}
	}
	again, err := Facts(context.Background(), m, qs, Options{Temperatures: []float64{0, 1}, Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	for k := range all.Right {
		if !slices.Equal(all.Right[k], again.Right[k]) {
			t.Error("another number of threads gives other bits")
		}
	}
}

// What cannot be asked is an error that says so.
func TestFactsRefuse(t *testing.T) {
	m := testModel(t, 10, 8)
	good := Question{Prompt: []int32{1, 2}, Answers: [][]int32{{3, 4}}}
	for name, c := range map[string]struct {
		q Question
		o Options
	}{
		"no prompt":    {Question{Answers: good.Answers}, Options{Temperatures: []float64{0}}},
		"no answers":   {Question{Prompt: good.Prompt}, Options{Temperatures: []float64{0}}},
		"empty answer": {Question{Prompt: good.Prompt, Answers: [][]int32{{}}}, Options{Temperatures: []float64{0}}},
		"too long":     {Question{Prompt: make([]int32, 8), Answers: good.Answers}, Options{Temperatures: []float64{0}}},
		"vocabulary":   {Question{Prompt: good.Prompt, Answers: [][]int32{{10}}}, Options{Temperatures: []float64{0}}},
		"negative":     {good, Options{Temperatures: []float64{-1}}},
		"infinite":     {good, Options{Temperatures: []float64{math.Inf(1)}}},
		"NaN":          {good, Options{Temperatures: []float64{math.NaN()}}},
		"none":         {good, Options{}},
	} {
		if _, err := Facts(context.Background(), m, []Question{c.q}, c.o); !errors.Is(err, ErrQuestion) {
			t.Errorf("%s: %v, want ErrQuestion", name, err)
		}
	}
	if _, err := Facts(context.Background(), m, []Question{good}, Options{Temperatures: []float64{0}}); err != nil {
		t.Error(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	stop()
	if _, err := Facts(ctx, m, []Question{good}, Options{Temperatures: []float64{0}}); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}
