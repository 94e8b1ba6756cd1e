package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"transcend/internal/cli"
	"transcend/kg/experiment"
	"transcend/kg/text"
)

// do runs the command as users do.
func do(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, err bytes.Buffer
	code = execute(t.Context(), nil, &out, &err, args)
	return out.String(), err.String(), code
}

func ok(t *testing.T, args ...string) string {
	t.Helper()
	stdout, stderr, code := do(t, args...)
	if code != cli.ExitOK {
		t.Fatalf("kgtrain %s: code %d: %s", strings.Join(args, " "), code, stderr)
	}
	return stdout
}

func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// A graph is the same after it was exported and read.
func TestGraph(t *testing.T) {
	dir := t.TempDir()
	tsv, nt, areas := filepath.Join(dir, "g.tsv"), filepath.Join(dir, "g.nt"), filepath.Join(dir, "areas.tsv")
	first := ok(t, "graph", "--scale", "0.02", "--seed", "5", "--out", tsv, "--out", nt, "--areas-out", areas, "--quiet")
	for _, want := range []string{"516 entities, 39 relations", "mother", "top tail", "areas of expertise: 100,"} {
		if !strings.Contains(first, want) {
			t.Errorf("%q is not in\n%s", want, first)
		}
	}
	name, _, _ := strings.Cut(first, ":")
	for _, path := range []string{tsv, nt} {
		if got := ok(t, "graph", "--in", path, "-q"); !strings.HasPrefix(got, name) {
			t.Errorf("%s: %.60s, want %s", path, got, name)
		}
	}
	b, err := os.ReadFile(areas)
	if err != nil || bytes.Count(b, []byte("\n")) < 1000 || !bytes.HasPrefix(b, []byte("area\thead\trelation\ttail\n0\t")) {
		t.Errorf("areas: %.100s, %v", b, err)
	}
	var stats struct {
		Entities int
		Areas    struct{ Clusters int }
	}
	if err := json.Unmarshal([]byte(ok(t, "graph", "--scale", "0.02", "--areas", "--clusters", "7", "--json", "-q")), &stats); err != nil || stats.Areas.Clusters != 7 {
		t.Errorf("%+v, %v", stats, err)
	}
}

func TestText(t *testing.T) {
	for _, args := range [][]string{
		{}, {"--level", "4"}, {"--entity-type", "film"}, {"--experts", "3", "--expert", "2", "--coverage", "0.2", "--popular"},
		{"--form", "question"}, {"--form", "two-hop", "--level", "3"}, {"--form", "latent"}, {"--form", "chain"},
	} {
		args = append([]string{"text", "--scale", "0.02", "--count", "4"}, args...)
		a, b := ok(t, args...), ok(t, args...)
		if a != b || strings.Count(a, "\n") != 7 {
			t.Errorf("%v: %q, then %q", args, a, b)
		}
	}
	if chain := ok(t, "text", "--scale", "0.02", "--form", "chain"); !strings.Contains(chain, "; ") || !strings.Contains(chain, "Question: ") {
		t.Error(chain)
	}
	if got := ok(t, "text", "--show-templates"); got != text.BuiltIn() {
		t.Error("other templates")
	}
	path := filepath.Join(t.TempDir(), "corpus.txt")
	ok(t, "text", "--scale", "0.02", "--experts", "3", "--coverage", "0.5", "--paragraphs", "5000", "--out", path)
	if b, err := os.ReadFile(path); err != nil || bytes.Count(b, []byte("\n")) != 5000 {
		t.Errorf("%d lines, %v", bytes.Count(b, []byte("\n")), err)
	}
}

func TestReferences(t *testing.T) {
	var experiments []string
	for _, e := range experiment.Experiments() {
		experiments = append(experiments, e.Name)
	}
	if names := experimentNames(); !slices.Equal(names, experiments) {
		t.Errorf("there are references of %v, and experiments %v", names, experiments)
	}
	got := ok(t, "references", "denoise", "--scale", "0.02", "--experts", "1,50", "--coverage", "0.4,1")
	if strings.Count(got, "\n") != 5 || !strings.Contains(got, "100.0%") {
		t.Error(got)
	}
	var result struct {
		Cells []struct {
			Alpha float64
			Vote  struct{ Greedy, Sampled float64 }
			Known float64
		}
	}
	if err := json.Unmarshal([]byte(ok(t, "references", "select", "--scale", "0.02", "--experts", "40", "--coverage", "0.1", "--alpha", "0.8,1", "--json", "-q", "--paragraphs", "20000")), &result); err != nil {
		t.Fatal(err)
	}
	if len(result.Cells) != 2 || result.Cells[0].Vote.Greedy >= result.Cells[1].Vote.Greedy {
		t.Errorf("%+v", result)
	}
	got = ok(t, "references", "generalize", "--scale", "0.05", "-q")
	for _, want := range []string{"held out within areas", "head and answer are connected", "appendix A.2"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
}

func TestMistakes(t *testing.T) {
	typeless := write(t, "typeless.tsv", "a\tmother\tb\n")
	broken := write(t, "broken.tsv", "head\thead type\trelation\ttail\ttail type\na\tperson\tmother\n")
	triples := write(t, "broken.nt", "<http://x/a> <http://x/b> <http://x/c>\n")
	untyped := write(t, "untyped.nt", "<http://x/a> <http://x/b> <http://x/c> .\n")
	foreign := write(t, "foreign.tsv", "head\thead type\trelation\ttail\ttail type\na\tperson\tadmires\tb\tperson\n")
	templates := write(t, "templates.txt", "relation x\nphrase nothing\n")
	for _, tt := range []struct {
		args string
		code int
		want []string
	}{
		{"", 2, []string{"no command"}},
		{"grph", 2, []string{`unknown command "grph"`, "did you mean kgtrain graph?"}},
		{"graph --scal 1", 2, []string{"did you mean --scale?"}},
		{"graph --scale 0", 2, []string{"--scale 0"}},
		{"graph --scale NaN", 2, []string{"--scale NaN"}},
		{"graph x.tsv", 2, []string{"--in x.tsv"}},
		{"graph --out x.csv", 2, []string{".tsv or .nt"}},
		{"graph --scale 0.02 --areas --clusters 99999", 2, []string{"--clusters 99999: the graph has"}},
		{"graph --in nowhere.tsv", 1, []string{"nowhere.tsv"}},
		{"graph --in x.csv", 1, []string{"name it .tsv or .nt"}},
		{"graph --in " + typeless, 1, []string{"typeless.tsv:1:", "types", "hint: the first line must be"}},
		{"graph --in " + broken, 1, []string{"broken.tsv:2: 3 columns, want 5"}},
		{"graph --in " + triples, 1, []string{"broken.nt:1: want a full stop"}},
		{"graph --in " + untyped, 1, []string{"untyped.nt:1: http://x/a has no type", "hint:"}},
		{"graph --in " + foreign + " --scale 1", 2, []string{"cannot be used with --in"}},
		{"text --in " + foreign, 1, []string{"no templates for 1 relations: admires", "hint: write them"}},
		{"text --templates " + templates, 1, []string{"templates.txt:2: phrase: want {s}"}},
		{"text --scale 0.02 --coverage 1.5", 2, []string{"a coverage of 1.5"}},
		{"text --scale 0.02 --experts 100000", 2, []string{"100000 experts, more than the graph's"}},
		{"text --scale 0.02 --shared -1", 2, []string{"misconceptions of -1"}},
		{"text --scale 0.02 --level 5", 2, []string{"want 1 to 4"}},
		{"text --scale 0.02 --form essay", 2, []string{"must be one of paragraph"}},
		{"text --scale 0.02 --entity Nobody", 2, []string{"none of that name"}},
		{"text --scale 0.02 --entity-type flm", 2, []string{"did you mean --entity-type film?"}},
		{"text --scale 0.02 --expert 1", 2, []string{"there are 1, numbered from 0"}},
		{"text --scale 0.02 --out x", 2, []string{"belong together"}},
		{"text --scale 0.02 --gpt2-vocabulary nowhere", 1, []string{"vocab.json and merges.txt"}},
		{"references", 2, []string{"want one experiment"}},
		{"references denois", 2, []string{"did you mean kgtrain references denoise?"}},
		{"references denoise --scale 0.02 --coverage 2", 2, []string{"--coverage 2: want 0 to 1"}},
		{"references denoise --scale 0.01 --experts 1000", 2, []string{"--experts 1000: want 1 to the graph's"}},
		{"references select --scale 0.02 --coverage 0.0001 --experts 1", 2, []string{"less than one fact"}},
		{"references select --scale 0.02 --budget 0.1", 2, []string{"--budget 0.1"}},
		{"denoise --preset huge", 2, []string{"preset"}},
		{"denoise x", 2, []string{"unexpected argument"}},
		{"denoise --coverage 1.5", 2, []string{"--coverage 1.5: want 0 to 1"}},
		{"denoise --coverage 0", 2, []string{"a coverage of 0"}},
		{"denoise --coverage NaN", 2, []string{"--coverage NaN"}},
		{"denoise --experts 0", 2, []string{"--experts 0: want at least 1"}},
		{"denoise --preset tiny --experts 100000", 2, []string{"100000 experts, more than the graph's"}},
		{"denoise --preset tiny --scale 1e9", 2, []string{"scale 1e+09"}},
		{"denoise --scale -1", 2, []string{"--scale -1"}},
		{"denoise --lr -1", 2, []string{"--learning-rate -1"}},
		{"denoise --lr NaN", 2, []string{"--learning-rate NaN"}},
		{"denoise --width 33", 2, []string{"multiple of 32"}},
		{"denoise --optimizer sgd", 2, []string{"optimizer"}},
		{"denoise --temperatures 0", 2, []string{"want over 0", "greedy"}},
		{"denoise --shared 2", 2, []string{"--shared 2"}},
		{"denoise --seeds -1", 2, []string{"--seeds -1"}},
		{"denoise --threads 0", 2, []string{"--threads 0"}},
		{"denoise --only nothing", 2, []string{"no cell is called so", "n100-c0.2-seed1"}},
		{"denoise --precision f64", 2, []string{"precision"}},
		{"denoise --paragraphs 3", 2, []string{"3 paragraphs of 10 experts"}},
		{"denoise --in " + typeless, 1, []string{"typeless.tsv:1:", "types"}},
		{"denoise --in " + foreign, 2, []string{"no templates for 1 relations: admires"}},
		{"denoise --preset tiny --templates " + templates, 1, []string{"templates.txt:2: phrase: want {s}"}},
		{"select --preset tiny --coverage 0.0001 --experts 1", 2, []string{"less than one fact"}},
		{"select --alpha 2", 2, []string{"--alpha 2"}},
		{"denoise --alpha 0.9", 2, []string{"--alpha: denoise does not vary it"}},
		{"generalize --coverage 0.5", 2, []string{"--coverage: generalize does not vary it"}},
		{"all --seeds x", 2, []string{"--seeds"}},
		{"references generalize --scale 0.01 --held-out 99999", 1, []string{"too few to hold out", "--held-out takes fewer"}},
	} {
		_, stderr, code := do(t, strings.Fields(tt.args)...)
		if code != tt.code {
			t.Errorf("kgtrain %s: code %d, want %d: %s", tt.args, code, tt.code, stderr)
		}
		for _, want := range tt.want {
			if !strings.Contains(stderr, want) {
				t.Errorf("kgtrain %s: %q is not in %s", tt.args, want, stderr)
			}
		}
	}
}

func TestHelp(t *testing.T) {
	for _, args := range [][]string{{"--help"}, {"help", "graph"}, {"text", "--help"}, {"references", "--help"}, {"denoise", "--help"}, {"help", "select"}, {"all", "--help"}} {
		if got := ok(t, args...); !strings.Contains(got, "examples:") {
			t.Errorf("%v: %s", args, got)
		}
	}
	main := ok(t, "--help")
	for _, c := range subcommands() {
		if !strings.Contains(main, "\n  "+c.name+" ") {
			t.Errorf("kgtrain --help does not name %s", c.name)
		}
		if got := ok(t, c.name, "--help"); !strings.Contains(got, "usage: kgtrain "+c.name) {
			t.Errorf("%s --help: %s", c.name, got)
		}
		if got := ok(t, c.name, "--version"); !strings.HasPrefix(got, "kgtrain ") {
			t.Errorf("%s --version: %s", c.name, got)
		}
	}
	if got := ok(t, "--version"); !strings.HasPrefix(got, "kgtrain ") {
		t.Errorf("--version: %s", got)
	}
}

func TestInterrupt(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	path := filepath.Join(t.TempDir(), "corpus.txt")
	for _, args := range [][]string{
		{"text", "--scale", "0.02", "--paragraphs", "100000", "--out", path},
		{"graph", "--scale", "0.02", "--areas"},
		{"references", "denoise", "--scale", "0.02"},
		{"denoise", "--preset", "tiny", "--out", filepath.Join(t.TempDir(), "lab")},
	} {
		var out, err bytes.Buffer
		if code := execute(ctx, nil, &out, &err, args); code != cli.ExitInterrupted {
			t.Errorf("%v: code %d: %s", args, code, err.String())
		}
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a corpus that was interrupted is there")
	}
}
