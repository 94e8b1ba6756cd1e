// Package eval measures what a language model knows of a knowledge graph (Abreu et al.
// 2025, section 3): completions of facts and of two-hop facts, by exact match.
//
// A completion is right if it is one of the right answers and the full stop after it, as in
// the paper's code, which cuts the output at the first period and looks it up among the
// answers of all facts with the same prompt. So the unit is the query, a head and a
// relation, and not the edge, and a query with several tails has several right answers.
//
// Nothing is sampled. Greedy decoding gives an answer exactly if each of its tokens is the
// most likely one after the prompt and those before it, and at temperature T an answer comes
// with the product of its tokens' probabilities; both are read off one forward pass
// over prompt and answer. Right answers exclude each other, so their probabilities
// add up. (The paper samples one completion a query, from the 50 most likely tokens.)
package eval

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"transcend/model"
)

// Question is a prompt and everything that completes it rightly.
type Question struct {
	Prompt  []int32
	Answers [][]int32 // each with the tokens that end it
	Labels
}

// Labels say what a question is about; breakdowns are by them.
type Labels struct {
	Relation   int32 // the relation that is asked for, of two-hop questions the second
	First      int32 // of two-hop questions the first relation, else -1
	Area       int32 // the area of expertise of its edge, of two-hop questions of the second; -1 for none
	Popularity int   // facts of the relation that its (most popular) right answer is the tail of
}

// Options of Facts.
type Options struct {
	// Temperatures at which answers are scored; 0 is greedy.
	Temperatures []float64
	// Threads is how many forward passes run at the same time, each on a thread of its own
	// but for matrix products, which have the installed BLAS's; 0 is all cores. Results are
	// the same bits for any number.
	Threads int
	// Progress, if not nil, is told the share that is done, by one goroutine at a time.
	Progress func(done float64)
}

// PaperTemperatures are those of the paper's evaluation (its code's list, and 0).
var PaperTemperatures = []float64{0, 0.0001, 0.001, 0.1, 1, 1.5}

// Result is how likely a model is to complete each question rightly.
type Result struct {
	Temperatures []float64
	// Right[t][q] is the probability at Temperatures[t] that question q is answered rightly:
	// at temperature 0 it is 0 or 1.
	Right [][]float64
}

// ErrQuestion is what every error about questions that a model cannot be asked wraps.
var ErrQuestion = errors.New("impossible question")

// batchTokens is how many tokens go through the network at a time: enough for products to
// be efficient, and few enough for activations to stay in the cache.
const batchTokens = 1024

// answer is one right answer of a question, and what the model makes of it.
type answer struct {
	question int
	ids      []int32
	greedy   bool
	logp     []float64 // at each temperature over 0
}

// Facts asks a model questions. Errors wrap ErrQuestion, or are the context's.
func Facts(ctx context.Context, m *model.Model, questions []Question, o Options) (*Result, error) {
	cfg := m.Config()
	if cfg.ExtraSlots != 0 {
		return nil, fmt.Errorf("eval: %w: the model reads %d ids beside every token, and text has none", ErrQuestion, cfg.ExtraSlots)
	}
	var hot []float64 // the temperatures over 0
	for _, t := range o.Temperatures {
		if !(t >= 0) || math.IsInf(t, 1) {
			return nil, fmt.Errorf("eval: %w: a temperature of %g (want 0 or more)", ErrQuestion, t)
		}
		if t > 0 {
			hot = append(hot, t)
		}
	}
	if len(o.Temperatures) == 0 || len(questions) == 0 {
		return nil, fmt.Errorf("eval: %w: %d questions at %d temperatures", ErrQuestion, len(questions), len(o.Temperatures))
	}
	answers, err := listAnswers(questions, cfg)
	if err != nil {
		return nil, err
	}
	logps := make([]float64, len(answers)*len(hot))
	for i := range answers {
		answers[i].logp = logps[i*len(hot) : (i+1)*len(hot)]
	}
	if err := scoreAll(ctx, m, questions, answers, hot, o); err != nil {
		return nil, err
	}
	r := &Result{Temperatures: slices.Clone(o.Temperatures)}
	k := 0
	for _, t := range o.Temperatures {
		p := make([]float64, len(questions))
		for i := range answers {
			a := &answers[i]
			switch {
			case t > 0:
				p[a.question] += math.Exp(a.logp[k])
			case a.greedy:
				p[a.question] = 1
			}
		}
		for q := range p {
			p[q] = min(p[q], 1) // rounding
		}
		if t > 0 {
			k++
		}
		r.Right = append(r.Right, p)
	}
	return r, nil
}

// listAnswers lists the answers of all questions. One that begins with another of the
// same question is left out: whoever says it has said the other.
func listAnswers(questions []Question, cfg model.Config) ([]answer, error) {
	var all []answer
	for q := range questions {
		x := &questions[q]
		if len(x.Prompt) == 0 || len(x.Answers) == 0 {
			return nil, fmt.Errorf("eval: %w: question %d has %d tokens and %d answers", ErrQuestion, q, len(x.Prompt), len(x.Answers))
		}
		for i, a := range x.Answers {
			n := len(x.Prompt) + len(a) - 1 // the last token is only predicted
			if len(a) == 0 || n > cfg.Context {
				return nil, fmt.Errorf("eval: %w: question %d needs %d tokens of context for an answer of %d, the model has %d", ErrQuestion, q, n, len(a), cfg.Context)
			}
			for _, id := range slices.Concat(x.Prompt, a) {
				if id < 0 || int(id) >= cfg.Vocab {
					return nil, fmt.Errorf("eval: %w: question %d has the token %d, the model's vocabulary is %d", ErrQuestion, q, id, cfg.Vocab)
				}
			}
			longer := func(j int, b []int32) bool {
				return len(b) <= len(a) && slices.Equal(b, a[:len(b)]) && (len(b) < len(a) || j < i)
			}
			said := false
			for j, b := range x.Answers {
				said = said || longer(j, b)
			}
			if !said {
				all = append(all, answer{question: q, ids: a})
			}
		}
	}
	return all, nil
}

// scoreAll divides answers into batches for workers.
func scoreAll(ctx context.Context, m *model.Model, questions []Question, answers []answer, hot []float64, o Options) error {
	threads := o.Threads
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	// A row holds several questions, which see nothing of each other.
	room := 0
	for i := range answers {
		room = max(room, len(questions[answers[i].question].Prompt)+len(answers[i].ids)-1)
	}
	room = min(max(room, 128), m.Config().Context)
	rows := max(1, batchTokens/room)
	var ends []int
	for at := 0; at < len(answers); {
		at += fill(nil, questions, answers[at:], rows, room)
		ends = append(ends, at)
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var next, done atomic.Int64
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range min(threads, len(ends)) {
		wg.Go(func() {
			s := scorer{evaluator: m.NewEvaluator(), batch: new(model.Batch), temperatures: hot}
			s.evaluator.SetThreads(1)
			for ctx.Err() == nil {
				i := int(next.Add(1) - 1)
				if i >= len(ends) {
					return
				}
				from := 0
				if i > 0 {
					from = ends[i-1]
				}
				s.batch.Resize(rows, room)
				fill(s.batch, questions, answers[from:ends[i]], rows, room)
				if err := s.score(questions, answers[from:ends[i]]); err != nil {
					stop(err)
					return
				}
				if o.Progress != nil {
					mu.Lock()
					o.Progress(float64(done.Add(1)) / float64(len(ends)))
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

// fill writes questions with their answers into the rows of a batch, as many as there is
// room for, and returns how many. b may be nil: then they are only counted.
func fill(b *model.Batch, questions []Question, answers []answer, rows, room int) int {
	row, at, n := 0, 0, 0
	pad := func() {
		for t := at; b != nil && row < rows && t < room; t++ {
			i := row*room + t
			b.Tokens[i], b.Targets[i], b.Positions[i], b.SegmentStart[i] = 0, -1, 0, int32(at)
		}
	}
	for ; n < len(answers); n++ {
		prompt, ids := questions[answers[n].question].Prompt, answers[n].ids
		size := len(prompt) + len(ids) - 1
		if at+size > room {
			pad()
			row, at = row+1, 0
		}
		if row == rows {
			break
		}
		for t := 0; b != nil && t < size; t++ {
			i := row*room + at + t
			if t < len(prompt) {
				b.Tokens[i] = prompt[t]
			} else {
				b.Tokens[i] = ids[t-len(prompt)]
			}
			b.Targets[i] = -1
			if k := t + 1 - len(prompt); k >= 0 {
				b.Targets[i] = ids[k]
			}
			b.Positions[i], b.SegmentStart[i] = int32(t), int32(at)
		}
		at += size
	}
	for ; row < rows; row, at = row+1, 0 {
		pad()
	}
	return n
}

// scorer is a worker's memory.
type scorer struct {
	evaluator    *model.Evaluator
	batch        *model.Batch
	temperatures []float64
}

// score runs the batch, which holds those answers, and sets what the model makes of them.
func (s *scorer) score(questions []Question, answers []answer) error {
	for i := range answers {
		answers[i].greedy = true
		clear(answers[i].logp)
	}
	i, k := 0, 0 // token k of answer i comes next
	_, err := s.evaluator.EachLogits(s.batch, func(_ int, logits []float32) {
		a := &answers[i]
		s.token(a, logits, a.ids[k])
		if k++; k == len(a.ids) {
			i, k = i+1, 0
		}
	})
	if err == nil && i != len(answers) {
		err = fmt.Errorf("eval: %d of %d answers were scored", i, len(answers))
	}
	return err
}

// negligible is how far below the largest, divided by the temperature, a logit is left out
// of the sum: all of them together are less than the sum's rounding.
const negligible = -50

// token adds a token of an answer: softmax(logits/T) at every temperature.
func (s *scorer) token(a *answer, logits []float32, id int32) {
	best := 0
	for i, x := range logits {
		if x > logits[best] {
			best = i
		}
	}
	largest := float64(logits[best])
	a.greedy = a.greedy && int(id) == best
	for i, t := range s.temperatures {
		sum, cut := 0.0, float32(largest+negligible*t)
		for _, x := range logits {
			if x >= cut {
				sum += math.Exp((float64(x) - largest) / t)
			}
		}
		a.logp[i] += (float64(logits[id])-largest)/t - math.Log(sum)
	}
}
