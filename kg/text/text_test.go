package text

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"testing"

	"transcend/internal/draw"
	"transcend/kg"
	"transcend/kg/expert"
	"transcend/kg/synth"
)

func synthetic(t testing.TB, scale float64) (*kg.Graph, *Writer) {
	t.Helper()
	g, err := synth.New(synth.Options{Seed: 1, Scale: scale})
	if err != nil {
		t.Fatal(err)
	}
	w, err := Default().Bind(g)
	if err != nil {
		t.Fatal(err)
	}
	return g, w
}

const tinyTSV = `head	head type	relation	tail	tail type
Ada Orun	person	mother	Bel Orun	person
Bel Orun	person	mother	Cora Vane	person
Bel Orun	person	place of birth	Velmora	city
Stars	film	director	Ada Orun	person
Stars	film	cast member	Bel Orun	person
Stars	film	cast member	Dee	person
`

func tiny(t testing.TB) (*kg.Graph, *Writer) {
	t.Helper()
	g, _, err := kg.ReadTSV("tiny", strings.NewReader(tinyTSV))
	if err != nil {
		t.Fatal(err)
	}
	w, err := Default().Bind(g)
	if err != nil {
		t.Fatal(err)
	}
	return g, w
}

func TestForms(t *testing.T) {
	g, w := tiny(t)
	id := func(name string) int32 {
		x, ok := g.FindEntity(name)
		if !ok {
			t.Fatal(name)
		}
		return x
	}
	rel := func(name string) int32 {
		x, _ := g.FindRelation(name)
		return x
	}
	chain := func(first, r1, second, r2, third string) kg.Chain {
		for c := range g.TwoHops() {
			a, b := g.Edges[c.First], g.Edges[c.Second]
			if a.Head == id(first) && a.Relation == rel(r1) && a.Tail == id(second) && b.Relation == rel(r2) && b.Tail == id(third) {
				return c
			}
		}
		t.Fatal("no such chain")
		return kg.Chain{}
	}
	e := kg.Edge{Head: id("Ada Orun"), Relation: rel("mother"), Tail: id("Bel Orun")}
	kin := chain("Ada Orun", "mother", "Bel Orun", "mother", "Cora Vane")
	film := chain("Stars", "director", "Ada Orun", "mother", "Bel Orun")
	birth := chain("Ada Orun", "mother", "Bel Orun", "place of birth", "Velmora")
	rng := draw.New(1)
	for _, tt := range []struct{ got, want string }{
		{string(w.Sentence(nil, e, 0)), "The name of the mother of Ada Orun is Bel Orun."},
		{string(w.Sentence(nil, e, 1)), "Bel Orun is the mother of Ada Orun."},
		{string(w.Prompt(nil, kg.Query{Head: e.Head, Relation: e.Relation})), "The name of the mother of Ada Orun is"},
		{string(w.Question(nil, kg.Query{Head: e.Head, Relation: e.Relation})), "Question: Who is the mother of Ada Orun? Answer:"},
		{string(w.TwoHop(nil, kin, OneTemplate, &rng)), "The name of the maternal grandmother of Ada Orun is Cora Vane."},
		{string(w.TwoHop(nil, film, OneTemplate, &rng)), "The name of the mother of the director of Stars is Bel Orun."},
		{string(w.TwoHop(nil, birth, OneTemplate, &rng)), "The place of birth of the mother of Ada Orun is Velmora."},
		{string(w.TwoHopPrompt(nil, g.Question(birth))), "The place of birth of the mother of Ada Orun is"},
		{string(w.Latent(nil, kin)), "Question: Who is the maternal grandmother of Ada Orun? Answer: Cora Vane."},
		{string(w.ChainOfThought(nil, birth)), "Question: What is the place of birth of the mother of Ada Orun? Answer: Bel Orun; Velmora."},
		{string(w.Paragraph(nil, e.Head, []kg.Edge{e, {Head: id("Stars"), Relation: rel("director"), Tail: e.Head}}, OneTemplate, &rng)),
			"The name of the mother of Ada Orun is Bel Orun. The name of the director of Stars is Ada Orun."},
	} {
		if tt.got != tt.want {
			t.Errorf("%q\nwant %q", tt.got, tt.want)
		}
	}
	// A phrase at the beginning of a sentence is capitalized.
	seen := map[string]bool{}
	for range 200 {
		seen[string(w.TwoHop(nil, birth, FourTemplates, &rng))] = true
	}
	if !seen["The mother of Ada Orun was born in Velmora."] || len(seen) != Variants {
		t.Errorf("%v", seen)
	}
	for range 200 {
		seen[string(w.TwoHop(nil, birth, Creative, &rng))] = true
	}
	if !seen["Curiously, the mother of Ada Orun first saw light in Velmora."] {
		t.Errorf("%v", seen)
	}
}

// Every level says every fact once, adds none, and higher levels say it in more ways.
func TestLevels(t *testing.T) {
	g, w := synthetic(t, 0.02)
	ways := [Creative + 1]map[string]bool{}
	rng := draw.New(2)
	for level := OneTemplate; level <= Creative; level++ {
		ways[level] = map[string]bool{}
		for entity := range g.Entities {
			var facts []kg.Edge
			for _, i := range append(append([]int32(nil), g.Out(int32(entity))...), g.In(int32(entity))...) {
				facts = append(facts, g.Edges[i])
			}
			text := string(w.Paragraph(nil, int32(entity), facts, level, &rng))
			if !strings.HasSuffix(text, ".") || strings.Contains(text, "  ") || strings.ContainsAny(text, "{}") {
				t.Fatalf("level %d: %q", level, text)
			}
			mentions := map[string]int{}
			for _, e := range facts {
				other := e.Head + e.Tail - int32(entity)
				mentions[g.Entities[other].Name]++
			}
			if len(facts) < 12 { // names of the many may be parts of others
				for name, n := range mentions {
					if got := strings.Count(text, name); got < n {
						t.Fatalf("level %d: %q comes %d times, want %d: %s", level, name, got, n, text)
					}
				}
			}
			shape := text
			for _, e := range facts {
				for _, x := range []int32{e.Head, e.Tail} {
					shape = strings.ReplaceAll(shape, g.Entities[x].Name, "@")
				}
			}
			for _, s := range strings.SplitAfter(shape, ". ") {
				ways[level][s] = true
			}
		}
		t.Logf("level %d: %d shapes of sentences", level, len(ways[level]))
	}
	if a, b, c, d := len(ways[1]), len(ways[2]), len(ways[3]), len(ways[4]); a >= b || b >= c || c >= d {
		t.Errorf("%d, %d, %d and %d shapes of sentences", a, b, c, d)
	}
	if CheckLevel(0) == nil || CheckLevel(5) == nil || CheckLevel(4) != nil {
		t.Error("CheckLevel")
	}
}

func TestCorpusIsTheSameForAnyThreads(t *testing.T) {
	g, w := synthetic(t, 0.02)
	team := &expert.Team{Graph: g, Experts: 5, Seed: 4, Coverage: 0.5}
	if err := team.Prepare(); err != nil {
		t.Fatal(err)
	}
	c := &Corpus{Team: team, Writer: w, Paragraphs: 12345, Level: Creative}
	var first []byte
	for _, threads := range []int{1, 3} {
		var all bytes.Buffer
		lines := 0
		if err := c.Write(t.Context(), threads, func(text []byte, n int) error {
			lines += n
			all.Write(text)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if lines != c.Paragraphs || bytes.Count(all.Bytes(), []byte("\n")) != c.Paragraphs {
			t.Errorf("%d paragraphs, want %d", lines, c.Paragraphs)
		}
		if first == nil {
			first = all.Bytes()
		}
		if !bytes.Equal(first, all.Bytes()) {
			t.Errorf("%d threads write something else", threads)
		}
	}
	stop := errors.New("stop")
	if err := c.Write(t.Context(), 2, func([]byte, int) error { return stop }); err != stop {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if err := c.Write(ctx, 2, func([]byte, int) error { cancel(); return nil }); err != context.Canceled {
		t.Error(err)
	}
}

// The texts of a seed are those that the stored results were made of. If a change of them is meant, the
// grids of docs/results/kg have to be run again.
func TestTextsAreThoseOfTheSeed(t *testing.T) {
	g, w := synthetic(t, 0.02)
	team := &expert.Team{Graph: g, Experts: 5, Seed: 4, Coverage: 0.5}
	if err := team.Prepare(); err != nil {
		t.Fatal(err)
	}
	for level, want := range map[Level]string{OneTemplate: "129846a75701", FourTemplates: "0690b3e14294", Encyclopedia: "b4ba0c55309f", Creative: "37b858c102be"} {
		c := &Corpus{Team: team, Writer: w, Paragraphs: 2000, Level: level}
		h := sha256.New()
		if err := c.Write(t.Context(), 1, func(text []byte, _ int) error { h.Write(text); return nil }); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprintf("%x", h.Sum(nil)[:6]); got != want {
			t.Errorf("level %d: %s, want %s", level, got, want)
		}
	}
}

func TestBadTemplates(t *testing.T) {
	good := builtIn[strings.Index(builtIn, "relation mother"):strings.Index(builtIn, "relation father")]
	if _, err := ParseTemplates("x", strings.NewReader(good)); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ old, new, want string }{
		{"relation mother", "phrase the x of {s}", "x:1: \"phrase\" before any relation"},
		{"the mother of {s}\n", "the mother\n", "x:2: phrase: want {s}, each once"},
		{"has {o} as mother.", "has {o} as {o} {s}.", "want {s} and {o}, each once"},
		{"{o} is the mother of {s}.\n", "{o} is the mother of {x}.\n", "want {s} and {o}"},
		{"of {s} is {o}.", "of {s}: {o}.", "must end in"},
		{"sentence To {s}, {o} is mother.\n", "", "x:1: the relation has 3 sentences, want 4"},
		{"done     is the mother of {s}\ndone     gave birth to {s}", "", "no does or no done"},
		{"question Who", "ask Who", "x:3: \"ask\": want relation"},
		{"\n\n", "\ntwo-hop mother the x of {s}\n", "want two-hop FIRST, SECOND"},
		{"\n\n", "\nrelation mother\n", "here twice"},
	} {
		text := strings.Replace(good, tt.old, tt.new, 1)
		var se *SyntaxError
		if _, err := ParseTemplates("x", strings.NewReader(text)); !errors.As(err, &se) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: %v, want %q", tt.new, err, tt.want)
		}
	}
	g, _ := tiny(t)
	some, err := ParseTemplates("x", strings.NewReader(good))
	if err != nil {
		t.Fatal(err)
	}
	var missing *MissingError
	if _, err := some.Bind(g); !errors.As(err, &missing) || fmt.Sprint(missing.Relations) != "[cast member director place of birth]" {
		t.Errorf("%v", err)
	}
}

// BenchmarkParagraphs is to be over a million a minute.
func BenchmarkParagraphs(b *testing.B) {
	g, w := synthetic(b, 1)
	for level := OneTemplate; level <= Creative; level++ {
		b.Run(fmt.Sprintf("level=%d", level), func(b *testing.B) {
			team := &expert.Team{Graph: g, Experts: 100, Seed: 4, Coverage: 0.5}
			if err := team.Prepare(); err != nil {
				b.Fatal(err)
			}
			n := 0
			for b.Loop() {
				c := &Corpus{Team: team, Writer: w, Paragraphs: 100000, Level: level}
				if err := c.Write(b.Context(), 0, func(_ []byte, k int) error { n += k; return nil }); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(n)/b.Elapsed().Minutes(), "paragraphs/min")
		})
	}
}

// A mixed corpus has paragraphs of every level, in equal shares, and each is the one that its
// level makes.
func TestMixedLevels(t *testing.T) {
	g, w := synthetic(t, 0.02)
	team := &expert.Team{Graph: g, Experts: 1, Seed: 1, Coverage: 1}
	if err := team.Prepare(); err != nil {
		t.Fatal(err)
	}
	var v expert.View
	if err := v.Load(team, 0); err != nil {
		t.Fatal(err)
	}
	first := Corpus{Team: team, Writer: w, Level: OneTemplate}
	mixed := Corpus{Team: team, Writer: w, Level: Creative, Mixed: true}
	same, n := 0, 4000
	var m Memory
	for j := range n {
		if string(mixed.Append(nil, &v, j, &m)) == string(first.Append(nil, &v, j, &m)) {
			same++
		}
	}
	// Of the others, which have short paragraphs too, some come out the same.
	if share := float64(same) / float64(n); share < 0.24 || share > 0.42 {
		t.Errorf("%.3f of the paragraphs are of level 1, want about a quarter", share)
	}
}
