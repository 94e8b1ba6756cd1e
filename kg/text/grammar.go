package text

import (
	"slices"

	"transcend/internal/draw"
	"transcend/kg"
)

// Levels 3 and 4. The paper has GPT-4o-mini rewrite paragraphs as entries of an
// encyclopedia, adding nothing; this grammar stands in its place. An entry says every fact
// once, as a clause about its entity: what the entity does where it is the head, and what
// it is to the other where it is the tail. It
//
//	reorders    facts come in random order, those of one relation together
//	aggregates  tails of one relation become a list, clauses share their subject
//	paraphrases each relation has several clauses, sentences several shapes
//
// Level 4 draws more: some facts stay sentences of their own in one of the four variants,
// and sentences begin with openings and end with asides that say nothing.

// openings come before a subject that is a name, so they need no agreement.
var openings = []string{
	"It is said that ", "Records show that ", "As the chronicles have it, ", "Few remember that ",
	"Travelers will tell that ", "Curiously, ", "To this day, people recall that ", "By all accounts, ",
}

var asides = []string{
	", as is well known", ", so the story goes", ", or so the archives say", ", which surprises nobody", ", to the pride of many",
}

// a clause is a predicate about an entity, with its objects.
type clause struct {
	relation int32
	head     bool    // the entity is the head
	others   []int32 // the other ends
}

// clausesOf puts facts into clauses about an entity, those of one relation together.
func clausesOf(entity int32, facts []kg.Edge) []clause {
	var clauses []clause
	for _, e := range facts {
		head, other := e.Head == entity, e.Tail
		if !head {
			other = e.Head
		}
		i := slices.IndexFunc(clauses, func(c clause) bool { return c.relation == e.Relation && c.head == head })
		// Lists stay short, or half of a country's people would be one sentence.
		if i < 0 || len(clauses[i].others) >= 4 {
			clauses = append(clauses, clause{e.Relation, head, []int32{other}})
			// The full list must not be found again.
			if last := len(clauses) - 1; i >= 0 {
				clauses[i], clauses[last] = clauses[last], clauses[i]
			}
			continue
		}
		clauses[i].others = append(clauses[i].others, other)
	}
	return clauses
}

// article writes an entry about an entity.
func (w *Writer) article(dst []byte, entity int32, facts []kg.Edge, level Level, rng *draw.Stream) []byte {
	clauses := clausesOf(entity, facts)
	draw.Shuffle(rng, clauses)
	start := len(dst)
	for len(clauses) > 0 {
		first := len(dst) == start
		if !first {
			dst = append(dst, ' ')
		}
		c := clauses[0]
		if level == Creative && len(c.others) == 1 && rng.IntN(4) == 0 {
			e := kg.Edge{Head: entity, Relation: c.relation, Tail: c.others[0]}
			if !c.head {
				e.Head, e.Tail = e.Tail, e.Head
			}
			dst = w.Sentence(dst, e, rng.IntN(Variants))
			clauses = clauses[1:]
			continue
		}
		many := min(1+rng.IntN(3), len(clauses))
		dst = w.join(dst, entity, clauses[:many], first, level, rng)
		clauses = clauses[many:]
	}
	return dst
}

// join writes a sentence of clauses that share their subject; first is whether it is the first
// of an entry.
func (w *Writer) join(dst []byte, entity int32, clauses []clause, first bool, level Level, rng *draw.Stream) []byte {
	name, typ := w.name(entity), w.g.Types[w.g.Entities[entity].Type]
	relative := len(clauses) > 1 && rng.IntN(3) == 0
	switch {
	case level == Creative && rng.IntN(3) == 0:
		dst = append(dst, draw.Pick(rng, openings)...)
		dst = append(dst, name...)
	case !first && rng.IntN(3) == 0:
		dst = append(dst, "This "...)
		dst = append(dst, typ...)
	default:
		dst = append(dst, name...)
	}
	for i, c := range clauses {
		switch {
		case relative && i == 0:
			dst = append(dst, relativePronoun(typ)...)
		case relative && i == 1:
			dst = append(dst, ", "...)
		case i == 0:
			dst = append(dst, ' ')
		case i == len(clauses)-1:
			dst = append(dst, " and "...)
		default:
			dst = append(dst, ", "...)
		}
		dst = w.predicate(dst, c, rng)
	}
	if level == Creative && rng.IntN(5) == 0 {
		dst = append(dst, draw.Pick(rng, asides)...)
	}
	return append(dst, '.')
}

func relativePronoun(typ string) string {
	if typ == "person" {
		return ", who "
	}
	return ", which "
}

// predicate writes a clause without its subject.
func (w *Writer) predicate(dst []byte, c clause, rng *draw.Stream) []byte {
	var list []byte
	for i, x := range c.others {
		switch {
		case i > 0 && i == len(c.others)-1:
			list = append(list, " and "...)
		case i > 0:
			list = append(list, ", "...)
		}
		list = append(list, w.name(x)...)
	}
	words := &w.relations[c.relation]
	if c.head {
		return draw.Pick(rng, words.does).append(dst, "", string(list), false)
	}
	return draw.Pick(rng, words.done).append(dst, string(list), "", false)
}
