package kg

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"transcend/internal/clip"
)

// The vocabulary that gives entities their names and types.
const (
	rdfType    = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"
	rdfsLabel  = "http://www.w3.org/2000/01/rdf-schema#label"
	rdfsDomain = "http://www.w3.org/2000/01/rdf-schema#domain"
	rdfsRange  = "http://www.w3.org/2000/01/rdf-schema#range"
)

// base is where WriteNTriples puts entities (e/), relations (r/) and types (t/). The
// domain is reserved by RFC 2606.
const base = "http://kg.example/"

// term is a part of a triple.
type term struct {
	kind  termKind
	value string // the IRI, the label of a blank node with "_:", the text of a literal
	lang  string // of a literal, lower case, or ""
}

type termKind int

const (
	termIRI termKind = iota
	termBlank
	termLiteral
)

// parseTriple reads one line of N-Triples (W3C Recommendation of 25 February 2014).
// ok is false for a line without a triple: an empty one or a comment.
func parseTriple(line string) (subject, predicate, object term, ok bool, err error) {
	if !utf8.ValidString(line) {
		return subject, predicate, object, false, errors.New("not UTF-8")
	}
	rest := strings.TrimLeft(line, " \t")
	if rest == "" || rest[0] == '#' {
		return subject, predicate, object, false, nil
	}
	for i, to := range []*term{&subject, &predicate, &object} {
		what := [...]string{"subject", "predicate", "object"}[i]
		if *to, rest, err = parseTerm(rest); err != nil {
			return subject, predicate, object, false, fmt.Errorf("the %s: %w", what, err)
		}
		if i == 1 && to.kind != termIRI || i == 0 && to.kind == termLiteral {
			return subject, predicate, object, false, fmt.Errorf("the %s must be an IRI, <http://...>", what)
		}
		rest = strings.TrimLeft(rest, " \t")
	}
	if !strings.HasPrefix(rest, ".") {
		return subject, predicate, object, false, fmt.Errorf("want a full stop after the object, not %q", clip.Text(rest, maxQuoted))
	}
	rest = strings.TrimLeft(rest[1:], " \t")
	if rest != "" && rest[0] != '#' {
		return subject, predicate, object, false, fmt.Errorf("%q follows the full stop", clip.Text(rest, maxQuoted))
	}
	return subject, predicate, object, true, nil
}

// parseTerm reads the term at the beginning of s and returns what follows it.
func parseTerm(s string) (t term, rest string, err error) {
	switch {
	case s == "":
		return t, s, errors.New("is missing")
	case s[0] == '<':
		return parseIRI(s)
	case strings.HasPrefix(s, "_:"):
		return parseBlank(s)
	case s[0] == '"':
		return parseLiteral(s)
	}
	return t, s, fmt.Errorf("%q begins no term: <IRI>, _:blank or \"literal\"", clip.Text(s, maxQuoted))
}

// parseIRI reads <IRI>.
func parseIRI(s string) (t term, rest string, err error) {
	end := strings.IndexByte(s, '>')
	if end < 0 {
		return t, s, errors.New("an IRI without its >")
	}
	value, err := unescape(s[1:end], false)
	if err != nil {
		return t, s, err
	}
	if i := strings.IndexFunc(value, func(r rune) bool { return r <= ' ' || strings.ContainsRune("<>\"{}|^`\\", r) }); i >= 0 {
		return t, s, fmt.Errorf("the IRI %q has the character %q, which must be percent-encoded", clip.Text(value, maxQuoted), value[i])
	}
	// Relative IRIs are not N-Triples: a scheme comes first.
	if i := strings.IndexAny(value, ":/?#"); i < 1 || value[i] != ':' {
		return t, s, fmt.Errorf("the IRI %q is not absolute", clip.Text(value, maxQuoted))
	}
	return term{kind: termIRI, value: value}, s[end+1:], nil
}

// parseBlank reads _:label.
func parseBlank(s string) (t term, rest string, err error) {
	end := 2
	for end < len(s) {
		r, n := utf8.DecodeRuneInString(s[end:])
		first := end == 2
		if !(r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '_' || r == ':' || r >= 0x80 ||
			!first && (r == '-' || r == '.')) {
			break
		}
		end += n
	}
	// A full stop at its end ends the triple.
	for end > 2 && s[end-1] == '.' {
		end--
	}
	if end == 2 {
		return t, s, errors.New("a blank node without a label")
	}
	return term{kind: termBlank, value: s[:end]}, s[end:], nil
}

// parseLiteral reads "text", "text"@language or "text"^^<datatype>.
func parseLiteral(s string) (t term, rest string, err error) {
	end := 1
	for end < len(s) && s[end] != '"' {
		if s[end] == '\\' {
			end++
		}
		end++
	}
	if end >= len(s) {
		return t, s, errors.New("a literal without its closing quote")
	}
	value, err := unescape(s[1:end], true)
	if err != nil {
		return t, s, err
	}
	t = term{kind: termLiteral, value: value}
	rest = s[end+1:]
	switch {
	case strings.HasPrefix(rest, "^^"):
		datatype, after, err := parseTerm(rest[2:])
		if err == nil && datatype.kind != termIRI {
			err = errors.New("must be an IRI")
		}
		if err != nil {
			return t, s, fmt.Errorf("the literal's datatype: %w", err)
		}
		rest = after
	case strings.HasPrefix(rest, "@"):
		n := 1
		for n < len(rest) && (rest[n] == '-' || rest[n] >= '0' && rest[n] <= '9' || rest[n]|0x20 >= 'a' && rest[n]|0x20 <= 'z') {
			n++
		}
		t.lang, rest = strings.ToLower(rest[1:n]), rest[n:]
		if t.lang == "" || t.lang[0] < 'a' || strings.HasSuffix(t.lang, "-") || strings.Contains(t.lang, "--") {
			return t, s, errors.New("the literal's language is not one")
		}
	}
	return t, rest, nil
}

// unescape resolves \uXXXX and \UXXXXXXXX, and in literals the short escapes too.
func unescape(s string, literal bool) (string, error) {
	if strings.IndexByte(s, '\\') < 0 {
		return s, nil
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b.WriteByte(s[i])
			continue
		}
		i++
		if i == len(s) {
			return "", errors.New("a backslash at the end")
		}
		digits := 0
		switch c := s[i]; {
		case c == 'u':
			digits = 4
		case c == 'U':
			digits = 8
		case literal && strings.IndexByte(`tbnrf"'\`, c) >= 0:
			b.WriteByte("\t\b\n\r\f\"'\\"[strings.IndexByte(`tbnrf"'\`, c)])
			continue
		default:
			return "", fmt.Errorf("the escape \\%c is not one", c)
		}
		if i+digits >= len(s) {
			return "", errors.New("an escape that is too short")
		}
		n, err := strconv.ParseUint(s[i+1:i+1+digits], 16, 32)
		if err != nil || n > utf8.MaxRune || !utf8.ValidRune(rune(n)) {
			return "", fmt.Errorf("the escape \\%s is no character", s[i:i+1+digits])
		}
		b.WriteRune(rune(n))
		i += digits
	}
	return b.String(), nil
}

// ReadNTriples reads a graph from RDF N-Triples. An entity's type is its rdf:type and
// its name its rdfs:label (without a language or in English; else the last part of its
// IRI), wherever in the file they are; so are the names of types and relations.
// rdfs:domain and rdfs:range are kept. Facts with a literal are counted and left out.
// name is what errors call the file.
func ReadNTriples(name string, r io.Reader) (*Graph, ReadReport, error) {
	t := &triples{
		file: name, ids: map[string]int32{}, labels: map[int32]string{}, typeOf: map[int32]int32{},
		domain: map[int32][]int32{}, ranges: map[int32][]int32{},
	}
	if err := eachLine(name, r, t.add); err != nil {
		return nil, t.report, err
	}
	g, err := t.graph()
	return g, t.report, err
}

// triples are the lines of a file, its terms by number.
type triples struct {
	file   string
	report ReadReport
	ids    map[string]int32 // of IRIs and blank nodes
	terms  []string         // by number
	labels map[int32]string // rdfs:label
	typeOf map[int32]int32  // rdf:type
	domain map[int32][]int32
	ranges map[int32][]int32
	facts  []factTriple
}

// factTriple is a line that is an edge of the graph.
type factTriple struct {
	s, p, o int32
	line    int
}

// id is the number of a term.
func (t *triples) id(x term) int32 {
	n, isNew := intern(t.ids, x.value)
	if isNew {
		t.terms = append(t.terms, strings.Clone(x.value))
	}
	return n
}

// add reads line n.
func (t *triples) add(n int, line string) error {
	t.report.Lines = n
	s, p, o, ok, err := parseTriple(line)
	if err != nil || !ok {
		return err
	}
	if len(t.facts) >= maxItems || len(t.terms) >= maxItems {
		return fmt.Errorf("more than %d triples or terms", maxItems)
	}
	switch {
	case p.value == rdfsLabel:
		if o.kind != termLiteral {
			return errors.New("an rdfs:label that is no text")
		}
		t.report.Schema++
		if _, have := t.labels[t.id(s)]; o.lang == "" || !have && (o.lang == "en" || strings.HasPrefix(o.lang, "en-")) {
			t.labels[t.id(s)] = strings.Clone(o.value)
		}
	case o.kind == termLiteral:
		t.report.Literals++
	case p.value == rdfType:
		t.report.Schema++
		sid, oid := t.id(s), t.id(o)
		if have, ok := t.typeOf[sid]; ok && have != oid {
			return fmt.Errorf("%s has the type %s here and %s before: give every entity one", clip.Text(s.value, maxQuoted), clip.Text(o.value, maxQuoted), clip.Text(t.terms[have], maxQuoted))
		}
		t.typeOf[sid] = oid
	case p.value == rdfsDomain:
		t.report.Schema++
		t.domain[t.id(s)] = append(t.domain[t.id(s)], t.id(o))
	case p.value == rdfsRange:
		t.report.Schema++
		t.ranges[t.id(s)] = append(t.ranges[t.id(s)], t.id(o))
	default:
		t.facts = append(t.facts, factTriple{t.id(s), t.id(p), t.id(o), n})
	}
	return nil
}

// called is the name of a term.
func (t *triples) called(x int32) string {
	if label, ok := t.labels[x]; ok {
		return label
	}
	return localName(t.terms[x])
}

// graph makes a graph of the lines when all of them are read.
func (t *triples) graph() (*Graph, error) {
	b := NewBuilder()
	entityOf := map[string]int32{} // by name, to find two entities of one name
	for _, f := range t.facts {
		at := func(err error) error { return &SyntaxError{File: t.file, Line: f.line, Msg: err.Error()} }
		var ends [2]int32
		for i, x := range [2]int32{f.s, f.o} {
			typ, ok := t.typeOf[x]
			if !ok {
				return nil, &SyntaxError{File: t.file, Line: f.line, Msg: fmt.Sprintf("%s has no type", clip.Text(t.terms[x], maxQuoted)),
					Help: fmt.Sprintf("every entity needs a line <entity> <%s> <type> .", rdfType)}
			}
			label := t.called(x)
			if other, ok := entityOf[label]; ok && other != x {
				return nil, &SyntaxError{File: t.file, Line: f.line, Msg: fmt.Sprintf("%s and %s are both called %q", clip.Text(t.terms[x], maxQuoted), clip.Text(t.terms[other], maxQuoted), clip.Text(label, maxQuoted)),
					Help: "text can only tell them apart by name: change one rdfs:label"}
			}
			entityOf[label] = x
			var err error
			if ends[i], err = b.Entity(label, t.called(typ)); err != nil {
				return nil, at(err)
			}
		}
		relation, err := b.Relation(t.called(f.p), t.types(f.p, t.domain), t.types(f.p, t.ranges))
		if err != nil {
			return nil, at(err)
		}
		isNew, err := b.Edge(ends[0], relation, ends[1])
		if err != nil {
			return nil, at(err)
		}
		if !isNew {
			t.report.Duplicates++
		}
	}
	return built(t.file, b)
}

// types are the names of one side of a relation, none unless both sides are said.
func (t *triples) types(relation int32, side map[int32][]int32) []string {
	if len(t.domain[relation]) == 0 || len(t.ranges[relation]) == 0 {
		return nil
	}
	var names []string
	for _, x := range side[relation] {
		names = append(names, t.called(x))
	}
	return names
}

// localName is the last part of an IRI, readable.
func localName(iri string) string {
	s := strings.TrimRight(iri, "/#")
	if i := strings.LastIndexAny(s, "/#"); i >= 0 {
		s = s[i+1:]
	}
	if plain, err := url.PathUnescape(s); err == nil {
		s = plain
	}
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == '_' || r == ' ' }), " ")
}

// WriteNTriples writes the graph as RDF N-Triples with names and types, as
// ReadNTriples reads it and as any RDF store loads it.
func (g *Graph) WriteNTriples(w io.Writer) error {
	out := bufio.NewWriter(w)
	iri := func(kind, name string) string {
		return "<" + base + kind + "/" + url.PathEscape(strings.ReplaceAll(name, " ", "_")) + ">"
	}
	// Numbers keep apart what url.PathEscape and the underscores make equal.
	entity := func(i int32) string { return fmt.Sprintf("<%se/%d>", base, i) }
	label := func(subject, name string) {
		fmt.Fprintf(out, "%s <%s> \"%s\" .\n", subject, rdfsLabel, escapeLiteral(name))
	}
	for _, t := range g.Types {
		label(iri("t", t), t)
	}
	for _, r := range g.Relations {
		label(iri("r", r.Name), r.Name)
		for _, t := range r.Domain {
			fmt.Fprintf(out, "%s <%s> %s .\n", iri("r", r.Name), rdfsDomain, iri("t", g.Types[t]))
		}
		for _, t := range r.Range {
			fmt.Fprintf(out, "%s <%s> %s .\n", iri("r", r.Name), rdfsRange, iri("t", g.Types[t]))
		}
	}
	for i, e := range g.Entities {
		fmt.Fprintf(out, "%s <%s> %s .\n", entity(int32(i)), rdfType, iri("t", g.Types[e.Type]))
		label(entity(int32(i)), e.Name)
	}
	for _, e := range g.Edges {
		fmt.Fprintf(out, "%s %s %s .\n", entity(e.Head), iri("r", g.Relations[e.Relation].Name), entity(e.Tail))
	}
	return out.Flush()
}

// escapeLiteral writes text for a literal; names have no control characters.
func escapeLiteral(s string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s)
}
