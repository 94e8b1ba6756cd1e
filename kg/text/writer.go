package text

import (
	"fmt"

	"transcend/internal/draw"
	"transcend/kg"
)

// Writer puts the facts of one graph into words. Its methods append to dst and have no
// state: any number of goroutines may use it.
type Writer struct {
	g         *kg.Graph
	relations []wording
	twoHop    map[[2]int32]template
}

// Level is a level of phrasing diversity.
type Level int

// The paper's four levels. Its 3 and 4 are rewrites by a language model; ours are by a
// grammar, which needs none and is the same everywhere: see grammar.go.
const (
	OneTemplate   Level = 1 // one template a relation
	FourTemplates Level = 2 // four, one at random for each fact
	Encyclopedia  Level = 3 // reordered, joined and paraphrased clauses
	Creative      Level = 4 // the same with more variants, openings and asides
)

// CheckLevel reports a level that there is none of.
func CheckLevel(l Level) error {
	if l < OneTemplate || l > Creative {
		return fmt.Errorf("text: a phrasing level of %d (want %d to %d)", l, OneTemplate, Creative)
	}
	return nil
}

func (w *Writer) name(entity int32) string { return w.g.Entities[entity].Name }

// Sentence writes a fact with one of its relation's templates, 0 to Variants-1.
func (w *Writer) Sentence(dst []byte, e kg.Edge, variant int) []byte {
	return w.relations[e.Relation].sentences[variant].append(dst, w.name(e.Head), w.name(e.Tail), true)
}

// Prompt writes the first template up to the "is" before its object: what is completed
// to evaluate a model. A right completion is a space, an answer and a full stop.
func (w *Writer) Prompt(dst []byte, q kg.Query) []byte {
	return w.relations[q.Relation].prompt.append(dst, w.name(q.Head), "", true)
}

// Paragraph writes facts about an entity, in that order at levels 1 and 2. What the
// level leaves open is drawn from rng.
func (w *Writer) Paragraph(dst []byte, entity int32, facts []kg.Edge, level Level, rng *draw.Stream) []byte {
	if level >= Encyclopedia {
		return w.article(dst, entity, facts, level, rng)
	}
	for i, e := range facts {
		if i > 0 {
			dst = append(dst, ' ')
		}
		variant := 0
		if level == FourTemplates {
			variant = rng.IntN(Variants)
		}
		dst = w.Sentence(dst, e, variant)
	}
	return dst
}

// Question writes "Question: ... Answer:" for a fact.
func (w *Writer) Question(dst []byte, q kg.Query) []byte {
	dst = append(dst, "Question: "...)
	dst = w.relations[q.Relation].question.append(dst, w.name(q.Head), "", true)
	return append(dst, " Answer:"...)
}

// Phrase writes the noun phrase of a relation, "the mother of Ada".
func (w *Writer) Phrase(dst []byte, q kg.Query) []byte {
	return w.relations[q.Relation].phrase.append(dst, w.name(q.Head), "", false)
}

// TwoHop writes a two-hop fact without its bridge entity: a template of the second
// relation whose subject is the phrase of the first. Where the pair has a name of its own
// ("the maternal grandmother"), that is used. At levels 3 and 4 other clauses are
// drawn from rng.
func (w *Writer) TwoHop(dst []byte, c kg.Chain, level Level, rng *draw.Stream) []byte {
	q := w.g.Question(c)
	tail := w.name(w.g.Edges[c.Second].Tail)
	if level == OneTemplate {
		dst = w.TwoHopPrompt(dst, q)
		dst = append(dst, ' ')
		dst = append(dst, tail...)
		return append(dst, '.')
	}
	subject := w.inner(q)
	words := &w.relations[q.Second]
	if n := Variants; level == FourTemplates || rng.IntN(2) == 0 {
		return words.sentences[rng.IntN(n)].append(dst, subject, tail, true)
	}
	if level == Creative && rng.IntN(2) == 0 {
		dst = append(dst, draw.Pick(rng, openings)...)
		dst = append(dst, subject...)
	} else {
		dst = template{{place: 's'}}.append(dst, subject, "", true)
	}
	dst = append(dst, ' ')
	dst = draw.Pick(rng, words.does).append(dst, "", tail, false)
	return append(dst, '.')
}

// inner is the phrase of a two-hop query's first relation.
func (w *Writer) inner(q kg.TwoHopQuery) string {
	return string(w.Phrase(nil, kg.Query{Head: q.Head, Relation: q.First}))
}

// TwoHopPrompt writes a two-hop fact up to its answer.
func (w *Writer) TwoHopPrompt(dst []byte, q kg.TwoHopQuery) []byte {
	if phrase, ok := w.twoHop[[2]int32{q.First, q.Second}]; ok {
		dst = append(dst, "The name of "...)
		dst = phrase.append(dst, w.name(q.Head), "", false)
		return append(dst, " is"...)
	}
	return w.relations[q.Second].prompt.append(dst, w.inner(q), "", true)
}

// TwoHopQuestion writes "Question: ... Answer:" for a two-hop fact.
func (w *Writer) TwoHopQuestion(dst []byte, q kg.TwoHopQuery) []byte {
	dst = append(dst, "Question: "...)
	if phrase, ok := w.twoHop[[2]int32{q.First, q.Second}]; ok {
		dst = append(dst, "Who is "...)
		dst = phrase.append(dst, w.name(q.Head), "", false)
		dst = append(dst, '?')
	} else {
		dst = w.relations[q.Second].question.append(dst, w.inner(q), "", true)
	}
	return append(dst, " Answer:"...)
}

// Latent writes a two-hop question and its answer.
func (w *Writer) Latent(dst []byte, c kg.Chain) []byte {
	dst = w.TwoHopQuestion(dst, w.g.Question(c))
	dst = append(dst, ' ')
	dst = append(dst, w.name(w.g.Edges[c.Second].Tail)...)
	return append(dst, '.')
}

// ChainOfThought writes a two-hop question, the bridge entity, and after a semicolon
// the answer.
func (w *Writer) ChainOfThought(dst []byte, c kg.Chain) []byte {
	dst = w.TwoHopQuestion(dst, w.g.Question(c))
	dst = append(dst, ' ')
	dst = append(dst, w.name(w.g.Edges[c.First].Tail)...)
	dst = append(dst, "; "...)
	dst = append(dst, w.name(w.g.Edges[c.Second].Tail)...)
	return append(dst, '.')
}
