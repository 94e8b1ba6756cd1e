// Package text puts facts into words and words into tokens: templates for every
// relation, two-hop phrases, questions, chains of thought, four levels of phrasing
// diversity (Abreu et al. 2025, section 5 and appendix B), and the tokenizers for it.
package text

import (
	"bufio"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"transcend/kg"
)

//go:embed templates.txt
var builtIn string

// Variants is how many sentence templates a relation has.
const Variants = 4

// SyntaxError says where a file is not what it should be.
type SyntaxError struct {
	File string
	Line int
	Msg  string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("text: %s:%d: %s", e.File, e.Line, e.Msg) }

// Hint returns what to do about it.
func (e *SyntaxError) Hint() string {
	return "the templates that come with the program show how such a file is written: kgtrain text --show-templates"
}

// MissingError lists relations of a graph that there are no templates for.
type MissingError struct{ Relations []string }

func (e *MissingError) Error() string {
	return fmt.Sprintf("text: no templates for %d relations: %s", len(e.Relations), strings.Join(e.Relations, ", "))
}

// Hint returns what to do about it.
func (e *MissingError) Hint() string {
	return "write them in the manner of kgtrain text --show-templates and give the file as --templates FILE"
}

// template is text with places for a subject and an object.
type template []piece

// piece is a text, or a place if it is {s} or {o}.
type piece struct {
	text  string
	place byte // 's', 'o' or 0
}

// parseTemplate reads text with exactly the given places, each once.
func parseTemplate(s, places string) (template, error) {
	var t template
	seen := ""
	for s != "" {
		i := strings.IndexByte(s, '{')
		if i != 0 {
			if i < 0 {
				i = len(s)
			}
			t = append(t, piece{text: s[:i]})
			s = s[i:]
			continue
		}
		if len(s) < 3 || s[2] != '}' || !strings.Contains(places, s[1:2]) || strings.Contains(seen, s[1:2]) {
			return nil, fmt.Errorf("%q: want {%s}, each once", s, strings.Join(strings.Split(places, ""), "} and {"))
		}
		seen += s[1:2]
		t = append(t, piece{place: s[1]})
		s = s[3:]
	}
	for i, p := range t {
		if p.place != 0 {
			continue
		}
		first, _ := utf8.DecodeRuneInString(p.text)
		last, _ := utf8.DecodeLastRuneInString(p.text)
		if i > 0 && isWord(first) || i+1 < len(t) && last != ' ' {
			return nil, fmt.Errorf("%q touches a place: want a space before it and no letter after it", p.text)
		}
	}
	if len(seen) != len(places) {
		return nil, fmt.Errorf("want {%s}, each once", strings.Join(strings.Split(places, ""), "} and {"))
	}
	return t, nil
}

// append writes the template. A place at its beginning is capitalized when
// capital says so: a phrase at the beginning of a sentence.
func (t template) append(dst []byte, subject, object string, capital bool) []byte {
	for i, p := range t {
		text := p.text
		switch p.place {
		case 's':
			text = subject
		case 'o':
			text = object
		}
		at := len(dst)
		dst = append(dst, text...)
		if i == 0 && capital && len(text) > 0 && text[0] >= 'a' && text[0] <= 'z' {
			dst[at] -= 'a' - 'A'
		}
	}
	return dst
}

// wording is what there is to say about a relation.
type wording struct {
	line       int
	phrase     template
	question   template
	sentences  []template
	prompt     template // the first sentence, up to its object
	does, done []template
}

// Templates are the words for relations, by their names.
type Templates struct {
	relations map[string]*wording
	twoHop    map[[2]string]template
}

// BuiltIn returns the file of the templates that come with the program, for all
// relations of package synth.
func BuiltIn() string { return builtIn }

// Default returns the templates that come with the program.
func Default() *Templates {
	t, err := ParseTemplates("templates.txt", strings.NewReader(builtIn))
	if err != nil {
		panic(err) // a test reads the file
	}
	return t
}

// ReadTemplates reads a file of templates.
func ReadTemplates(path string) (*Templates, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("text: reading templates: %w", err)
	}
	defer f.Close()
	return ParseTemplates(path, f)
}

// ParseTemplates reads templates; name is what errors call the file. BuiltIn shows the
// format.
func ParseTemplates(name string, r io.Reader) (*Templates, error) {
	t := &Templates{relations: map[string]*wording{}, twoHop: map[[2]string]template{}}
	var w *wording // of the relation that the lines are about
	n := 0
	fail := func(line int, err error) error { return &SyntaxError{name, line, err.Error()} }
	sc := bufio.NewScanner(r)
	for sc.Scan() {
		n++
		line := strings.TrimSpace(sc.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		if err := kg.CheckName("template", strings.Join(strings.Fields(line), " ")); err != nil {
			return nil, fail(n, err)
		}
		key, value, _ := strings.Cut(line, " ")
		value = strings.TrimSpace(value)
		var err error
		switch {
		case key == "relation":
			if err := w.complete(); err != nil {
				return nil, fail(w.line, err)
			}
			if t.relations[value] != nil || value == "" {
				return nil, fail(n, fmt.Errorf("the relation %q is here twice or has no name", value))
			}
			w = &wording{line: n}
			t.relations[value] = w
		case key == "two-hop":
			err = t.addTwoHop(value)
		case w == nil:
			err = fmt.Errorf("%q before any relation", key)
		default:
			err = w.add(key, value)
		}
		if err != nil {
			return nil, fail(n, err)
		}
	}
	if err := sc.Err(); err != nil {
		return nil, fail(n+1, err)
	}
	if err := w.complete(); err != nil {
		return nil, fail(w.line, err)
	}
	return t, nil
}

// complete reports what is wanting in the lines about a relation; nil has none.
func (w *wording) complete() error {
	switch {
	case w == nil:
		return nil
	case w.phrase == nil || w.question == nil:
		return errors.New("the relation has no phrase or no question")
	case len(w.sentences) != Variants:
		return fmt.Errorf("the relation has %d sentences, want %d", len(w.sentences), Variants)
	case len(w.does) == 0 || len(w.done) == 0:
		return errors.New("the relation has no does or no done")
	}
	return nil
}

// add reads a line about a relation.
func (w *wording) add(key, value string) error {
	places, ok := map[string]string{"phrase": "s", "question": "s", "sentence": "so", "does": "o", "done": "s"}[key]
	if !ok {
		return fmt.Errorf("%q: want relation, phrase, question, sentence, does, done or two-hop", key)
	}
	t, err := parseTemplate(value, places)
	if err != nil {
		return fmt.Errorf("%s: %v", key, err)
	}
	switch key {
	case "phrase":
		w.phrase = t
	case "question":
		w.question = t
	case "sentence":
		if len(w.sentences) == 0 {
			last := len(t) - 1
			if t[last].text != "." || t[last-1].place != 'o' || !strings.HasSuffix(t[last-2].text, " is ") {
				return errors.New("the first sentence must end in \"is {o}.\": models complete it")
			}
			w.prompt = append(append(template{}, t[:last-2]...), piece{text: strings.TrimSuffix(t[last-2].text, " ")})
		}
		w.sentences = append(w.sentences, t)
	case "does":
		w.does = append(w.does, t)
	case "done":
		w.done = append(w.done, t)
	}
	return nil
}

// addTwoHop reads "FIRST, SECOND = PHRASE".
func (t *Templates) addTwoHop(value string) error {
	relations, phrase, ok := strings.Cut(value, "=")
	first, second, ok2 := strings.Cut(relations, ",")
	if !ok || !ok2 {
		return errors.New("want two-hop FIRST, SECOND = PHRASE")
	}
	s, err := parseTemplate(strings.TrimSpace(phrase), "s")
	if err != nil {
		return fmt.Errorf("two-hop: %v", err)
	}
	t.twoHop[[2]string{strings.TrimSpace(first), strings.TrimSpace(second)}] = s
	return nil
}

// Bind prepares the templates for a graph. Relations without templates are a
// *MissingError.
func (t *Templates) Bind(g *kg.Graph) (*Writer, error) {
	w := &Writer{g: g, twoHop: map[[2]int32]template{}}
	missing := &MissingError{}
	for _, r := range g.Relations {
		words := t.relations[r.Name]
		if words == nil {
			missing.Relations = append(missing.Relations, r.Name)
			continue
		}
		w.relations = append(w.relations, *words)
	}
	if len(missing.Relations) > 0 {
		return nil, missing
	}
	for pair, phrase := range t.twoHop {
		a, okA := g.FindRelation(pair[0])
		b, okB := g.FindRelation(pair[1])
		if okA && okB {
			w.twoHop[[2]int32{a, b}] = phrase
		}
	}
	return w, nil
}
