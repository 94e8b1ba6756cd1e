package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"transcend/internal/atomicfile"
	"transcend/internal/cli"
	"transcend/internal/draw"
	"transcend/kg"
	"transcend/kg/expert"
	"transcend/kg/text"
)

const textHelp = `Show what experts write, or write a whole corpus.

usage: kgtrain text [flags]

examples:
  kgtrain text --scale 0.1                              three paragraphs of a flawless expert
  kgtrain text --level 4 --entity-type film --count 5   with the most diverse phrasing
  kgtrain text --coverage 0.2 --experts 10 --expert 3   by an expert who is mostly wrong
  kgtrain text --form chain --count 5                   two-hop questions with the bridge entity
  kgtrain text --experts 100 --coverage 0.2 --paragraphs 1000000 --out corpus.txt

flags:
`

const textTail = `
forms: paragraph  facts about an entity        question  a question and its answer
       two-hop    a sentence of two facts      latent    a two-hop question and its answer
       chain      the same with the bridge entity before the answer

levels of phrasing: 1 one template a relation; 2 four; 3 and 4 by a grammar that reorders,
joins and paraphrases, 4 with more variety. No language model is needed or used.

exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted
`

// forms are the values of --form.
var forms = []string{"paragraph", "question", "two-hop", "latent", "chain"}

// sample is one text.
type sample struct {
	Text   string `json:"text"`
	Entity string `json:"entity,omitempty"`
	Tokens int    `json:"tokens"`
}

// textOptions are the flags of the command.
type textOptions struct {
	origin
	wrong              beliefs
	count              int
	form               string
	level              int
	entity, entityType string
	experts, which     int
	coverage           float64
	templates          string
	show               bool
	vocabulary         string
	paragraphs         int
	out                string
}

func (o *textOptions) addFlags(flags *pflag.FlagSet) {
	o.origin.addFlags(flags)
	flags.IntVar(&o.count, "count", 3, "samples to show")
	flags.StringVar(&o.form, "form", forms[0], strings.Join(forms[:len(forms)-1], ", ")+" or "+forms[len(forms)-1])
	flags.IntVar(&o.level, "level", 1, "phrasing diversity, 1 to 4")
	flags.StringVar(&o.entity, "entity", "", "write about this entity")
	flags.StringVar(&o.entityType, "entity-type", "", "write about entities of this type")
	flags.IntVar(&o.experts, "experts", 1, "number of experts")
	flags.IntVar(&o.which, "expert", 0, "show texts of this expert, from 0")
	flags.Float64Var(&o.coverage, "coverage", 1, "share of the facts that an expert has right")
	o.wrong.addFlags(flags)
	flags.StringVar(&o.templates, "templates", "", "take the words for relations from this file")
	flags.BoolVar(&o.show, "show-templates", false, "print the templates that come with the program, and end")
	flags.StringVar(&o.vocabulary, "gpt2-vocabulary", "", "count tokens with the vocab.json and merges.txt in this directory, not in words")
	flags.IntVar(&o.paragraphs, "paragraphs", 0, "write this many paragraphs, for --out")
	flags.StringVar(&o.out, "out", "", "write a corpus, one paragraph a line, into this file")
}

// check refuses what cannot be before a graph is made.
func (o *textOptions) check() error {
	if err := cli.OneOf("form", o.form, forms...); err != nil {
		return err
	}
	switch {
	case text.CheckLevel(text.Level(o.level)) != nil:
		return cli.Usagef("--level %d: want 1 to 4", o.level)
	case o.count < 1:
		return cli.Usagef("--count %d: want at least 1", o.count)
	case (o.out != "") != (o.paragraphs > 0):
		return cli.WithHint(cli.Usagef("--out FILE and --paragraphs NUMBER belong together"), "kgtrain text --help shows an example")
	case o.out != "" && o.form != forms[0]:
		return cli.Usagef("--out writes paragraphs: it cannot be used with --form %s", o.form)
	case o.which < 0 || o.which >= o.experts:
		return cli.Usagef("--expert %d: there are %d, numbered from 0", o.which, o.experts)
	}
	return nil
}

func textCommand(ctx context.Context, stdout, stderr io.Writer, args []string) error {
	var o textOptions
	flags := cli.FlagSet(program + " text")
	o.addFlags(flags)
	if err := cli.Parse(flags, args, stdout, cli.Help(flags, textHelp, textTail)); err != nil {
		return err
	}
	if o.show {
		_, err := io.WriteString(stdout, text.BuiltIn())
		return err
	}
	if err := cli.NoArguments(flags, ""); err != nil {
		return err
	}
	if err := o.check(); err != nil {
		return err
	}
	g, err := o.graph(flags, stderr)
	if err != nil {
		return err
	}
	w, err := bind(o.templates, g)
	if err != nil {
		return err
	}
	var tok text.Tokenizer = text.NewWordTokenizer(w.Vocabulary())
	if o.vocabulary != "" {
		if tok, err = text.ReadBPE(o.vocabulary); err != nil {
			return cli.WithHint(err, "GPT-2's are part of its checkpoint")
		}
	}
	team := &expert.Team{Graph: g, Experts: o.experts, Seed: o.seed, Coverage: o.coverage, Corruption: o.wrong.corruption()}
	if err := team.Prepare(); err != nil {
		return cli.Usagef("%w", err)
	}
	if o.out != "" {
		return o.writeCorpus(ctx, &text.Corpus{Team: team, Writer: w, Paragraphs: o.paragraphs, Level: text.Level(o.level)}, stdout, stderr)
	}
	samples, err := o.samples(g, w, team)
	if err != nil {
		return err
	}
	for i := range samples {
		samples[i].Tokens = len(tok.AppendText(nil, samples[i].Text))
	}
	if o.asJSON {
		return cli.PrintJSON(stdout, map[string]any{"samples": samples, "tokenizer": tok.Name(), "vocabulary": tok.VocabSize(), "seed": o.seed})
	}
	b := bufio.NewWriter(stdout)
	for i, s := range samples {
		if i > 0 {
			fmt.Fprintln(b)
		}
		fmt.Fprintln(b, s.Text)
	}
	if !o.quiet {
		fmt.Fprintf(stderr, "%d of a vocabulary of %s tokens (%s) in the first\n", samples[0].Tokens, cli.Count(tok.VocabSize()), tok.Name())
	}
	return b.Flush()
}

// checkEntity reports a name or a type that the graph lacks.
func checkEntity(g *kg.Graph, entity, typ string) error {
	if entity != "" {
		if _, ok := g.FindEntity(entity); !ok {
			var names []string
			for _, e := range g.Entities {
				names = append(names, e.Name)
			}
			err := cli.Usagef("--entity %q: the graph has none of that name", entity)
			if near := cli.Nearest(entity, names); near != "" {
				return cli.WithHint(err, fmt.Sprintf("did you mean %q?", near))
			}
			return err
		}
	}
	if typ != "" {
		return cli.OneOf("entity-type", typ, g.Types...)
	}
	return nil
}

// samples draws texts whose entity, of two-hop texts the first, is one that was asked for.
func (o *textOptions) samples(g *kg.Graph, w *text.Writer, team *expert.Team) ([]sample, error) {
	if err := checkEntity(g, o.entity, o.entityType); err != nil {
		return nil, err
	}
	about := func(x int32) bool {
		e := g.Entities[x]
		return (o.entity == "" || e.Name == o.entity) && (o.entityType == "" || g.Types[e.Type] == o.entityType)
	}
	level := text.Level(o.level)
	var samples []sample
	rng := draw.New(o.seed, 's')
	add := func(entity int32, b []byte) {
		samples = append(samples, sample{Text: string(b), Entity: g.Entities[entity].Name})
	}
	switch o.form {
	case "paragraph":
		var v expert.View
		if err := v.Load(team, o.which); err != nil {
			return nil, err
		}
		c := text.Corpus{Team: team, Writer: w, Level: level}
		var m text.Memory
		for j := 0; len(samples) < o.count && j < 200*len(g.Entities); j++ {
			if s := v.Sample(j, nil); about(s.Entity) {
				add(s.Entity, c.Append(nil, &v, j, &m))
			}
		}
	case "question":
		queries := g.Queries()
		draw.Shuffle(&rng, queries)
		for _, q := range queries {
			if len(samples) < o.count && about(q.Head) {
				lo, _ := g.QueryEdges(q)
				add(q.Head, append(append(append(w.Question(nil, q), ' '), g.Entities[g.Edges[lo].Tail].Name...), '.'))
			}
		}
	default:
		var chains []kg.Chain
		for c := range g.TwoHops() {
			if about(g.Edges[c.First].Head) {
				chains = append(chains, c)
			}
		}
		draw.Shuffle(&rng, chains)
		for _, c := range chains[:min(o.count, len(chains))] {
			head := g.Edges[c.First].Head
			switch o.form {
			case "two-hop":
				add(head, w.TwoHop(nil, c, level, &rng))
			case "latent":
				add(head, w.Latent(nil, c))
			case "chain":
				add(head, w.ChainOfThought(nil, c))
			}
		}
	}
	if len(samples) == 0 {
		return nil, fmt.Errorf("there is no %s about such entities", o.form)
	}
	return samples, nil
}

// writeCorpus writes a corpus into --out, with a live line.
func (o *textOptions) writeCorpus(ctx context.Context, c *text.Corpus, stdout, stderr io.Writer) error {
	progress := stderr
	if o.quiet {
		progress = io.Discard
	}
	status := cli.NewStatus(progress)
	defer status.Close()
	start := time.Now()
	done, size := 0, 0
	err := atomicfile.WriteFile(o.out, os.FileMode(0o644), func(w io.Writer) error {
		return c.Write(ctx, o.threads, func(b []byte, n int) error {
			done += n
			size += len(b)
			rate := float64(done) / time.Since(start).Minutes()
			status.Set(float64(done)/float64(c.Paragraphs), fmt.Sprintf("%s paragraphs, %s a minute", cli.Count(done), cli.SI(rate)))
			_, err := w.Write(b)
			return err
		})
	})
	if err != nil {
		return fmt.Errorf("writing %s: %w", o.out, err)
	}
	took := time.Since(start)
	status.Close()
	if o.asJSON {
		return cli.PrintJSON(stdout, map[string]any{"file": o.out, "paragraphs": done, "bytes": size, "seconds": took.Seconds(),
			"paragraphs_per_minute": float64(done) / took.Minutes(), "seed": o.seed, "graph": c.Team.Graph.Fingerprint()})
	}
	fmt.Fprintln(stdout, strings.Join([]string{
		fmt.Sprintf("%s: %s paragraphs, %s bytes", o.out, cli.Count(done), cli.Count(size)),
		fmt.Sprintf("%s, %s paragraphs a minute", cli.Duration(took), cli.SI(float64(done)/took.Minutes())),
	}, ", "))
	return nil
}
