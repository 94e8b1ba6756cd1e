package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

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

// sample is one text.
type sample struct {
	Text   string `json:"text"`
	Entity string `json:"entity,omitempty"`
	Tokens int    `json:"tokens"`
}

func textCommand(ctx context.Context, stdout, stderr io.Writer, args []string) error {
	var from origin
	var wrong beliefs
	flags := flagSet(program + " text")
	from.addFlags(flags)
	count := flags.Int("count", 3, "samples to show")
	form := flags.String("form", "paragraph", "paragraph, question, two-hop, latent or chain")
	level := flags.Int("level", 1, "phrasing diversity, 1 to 4")
	entity := flags.String("entity", "", "write about this entity")
	entityType := flags.String("entity-type", "", "write about entities of this type")
	experts := flags.Int("experts", 1, "number of experts")
	which := flags.Int("expert", 0, "show texts of this expert, from 0")
	coverage := flags.Float64("coverage", 1, "share of the facts that an expert has right")
	wrong.addFlags(flags)
	templates := flags.String("templates", "", "take the words from this file")
	show := flags.Bool("show-templates", false, "print the templates that come with the program, and end")
	vocabulary := flags.String("gpt2-vocabulary", "", "count tokens with the vocab.json and merges.txt in this directory, not in words")
	paragraphs := flags.Int("paragraphs", 0, "write this many paragraphs, for --out")
	out := flags.String("out", "", "write a corpus, one paragraph a line, into this file")
	if err := cli.Parse(flags, args, stdout, showHelp(flags, textHelp, textTail)); err != nil {
		return err
	}
	if *show {
		_, err := io.WriteString(stdout, text.BuiltIn())
		return err
	}
	if flags.NArg() > 0 {
		return cli.Usagef("unexpected argument %q", flags.Arg(0))
	}
	if err := cli.OneOf("form", *form, "paragraph", "question", "two-hop", "latent", "chain"); err != nil {
		return err
	}
	lv := text.Level(*level)
	switch {
	case text.CheckLevel(lv) != nil:
		return cli.Usagef("--level %d: want 1 to 4", *level)
	case *count < 1:
		return cli.Usagef("--count %d: want at least 1", *count)
	case (*out != "") != (*paragraphs > 0):
		return cli.WithHint(cli.Usagef("--out FILE and --paragraphs NUMBER belong together"), "kgtrain text --help shows an example")
	case *out != "" && *form != "paragraph":
		return cli.Usagef("--out writes paragraphs: it cannot be used with --form %s", *form)
	case *which < 0 || *which >= *experts:
		return cli.Usagef("--expert %d: there are %d, numbered from 0", *which, *experts)
	}
	g, err := from.graph(flags, stderr)
	if err != nil {
		return err
	}
	w, err := bind(*templates, g)
	if err != nil {
		return err
	}
	var tok text.Tokenizer = text.NewWordTokenizer(w.Vocabulary())
	if *vocabulary != "" {
		if tok, err = text.ReadBPE(*vocabulary); err != nil {
			return cli.WithHint(err, "GPT-2's are part of its checkpoint")
		}
	}
	team := &expert.Team{Graph: g, Experts: *experts, Seed: from.seed, Coverage: *coverage, Corruption: wrong.corruption()}
	if err := team.Prepare(); err != nil {
		return cli.Usagef("%w", err)
	}
	if *out != "" {
		c := &text.Corpus{Team: team, Writer: w, Paragraphs: *paragraphs, Level: lv}
		return writeCorpus(ctx, c, *out, &from, stdout, stderr)
	}
	about := func(x int32) bool {
		e := g.Entities[x]
		return (*entity == "" || e.Name == *entity) && (*entityType == "" || g.Types[e.Type] == *entityType)
	}
	if err := checkEntity(g, *entity, *entityType); err != nil {
		return err
	}
	samples, err := makeSamples(g, w, team, *which, *form, lv, *count, from.seed, about)
	if err != nil {
		return err
	}
	for i := range samples {
		samples[i].Tokens = len(tok.AppendText(nil, samples[i].Text))
	}
	if from.asJSON {
		enc := json.NewEncoder(stdout)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		return enc.Encode(map[string]any{"samples": samples, "tokenizer": tok.Name(), "vocabulary": tok.VocabSize(), "seed": from.seed})
	}
	b := bufio.NewWriter(stdout)
	for i, s := range samples {
		if i > 0 {
			fmt.Fprintln(b)
		}
		fmt.Fprintln(b, s.Text)
	}
	if !from.quiet {
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

// makeSamples draws texts whose entity, of two-hop texts the first, is one that about
// accepts.
func makeSamples(g *kg.Graph, w *text.Writer, team *expert.Team, which int, form string, level text.Level, count int, seed uint64, about func(int32) bool) ([]sample, error) {
	var samples []sample
	rng := draw.New(seed, 's')
	add := func(entity int32, b []byte) {
		samples = append(samples, sample{Text: string(b), Entity: g.Entities[entity].Name})
	}
	switch form {
	case "paragraph":
		var v expert.View
		if err := v.Load(team, which); err != nil {
			return nil, err
		}
		c := text.Corpus{Team: team, Writer: w, Level: level}
		var m text.Memory
		for j := 0; len(samples) < count && j < 200*len(g.Entities); j++ {
			if s := v.Sample(j, nil); about(s.Entity) {
				add(s.Entity, c.Append(nil, &v, j, &m))
			}
		}
	case "question":
		queries := g.Queries()
		draw.Shuffle(&rng, queries)
		for _, q := range queries {
			if len(samples) < count && about(q.Head) {
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
		for _, c := range chains[:min(count, len(chains))] {
			head := g.Edges[c.First].Head
			switch form {
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
		return nil, fmt.Errorf("there is no %s about such entities", form)
	}
	return samples, nil
}

// writeCorpus writes a corpus into a file, with a live line.
func writeCorpus(ctx context.Context, c *text.Corpus, path string, from *origin, stdout, stderr io.Writer) error {
	progress := stderr
	if from.quiet {
		progress = io.Discard
	}
	status := cli.NewStatus(progress)
	defer status.Close()
	start := time.Now()
	done, size := 0, 0
	err := atomicfile.WriteFile(path, os.FileMode(0o644), func(w io.Writer) error {
		return c.Write(ctx, from.threads, func(b []byte, n int) error {
			done += n
			size += len(b)
			rate := float64(done) / time.Since(start).Minutes()
			status.Set(float64(done)/float64(c.Paragraphs), fmt.Sprintf("%s paragraphs, %s a minute", cli.Count(done), cli.SI(rate)))
			_, err := w.Write(b)
			return err
		})
	})
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	took := time.Since(start)
	status.Close()
	if from.asJSON {
		return json.NewEncoder(stdout).Encode(map[string]any{"file": path, "paragraphs": done, "bytes": size, "seconds": took.Seconds(),
			"paragraphs_per_minute": float64(done) / took.Minutes(), "seed": from.seed, "graph": c.Team.Graph.Fingerprint()})
	}
	fmt.Fprintln(stdout, strings.Join([]string{
		fmt.Sprintf("%s: %s paragraphs, %s bytes", path, cli.Count(done), cli.Count(size)),
		fmt.Sprintf("%s, %s paragraphs a minute", cli.Duration(took), cli.SI(float64(done)/took.Minutes())),
	}, ", "))
	return nil
}
