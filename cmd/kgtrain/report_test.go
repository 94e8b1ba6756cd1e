package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"transcend/kg/gpt2"
	"transcend/kg/text"
	"transcend/model"
)

// What stands in a graph and in a report is shown, and nothing of it is markup.
func TestReport(t *testing.T) {
	const nasty = `</td><script>alert(1)</script>`
	g := write(t, "g.tsv", "head\thead type\trelation\ttail\ttail type\n"+
		nasty+"\tperson\tmother\tAda\tperson\nAda\tperson\tmother\tEve\tperson\nEve\tperson\tsibling\tAda\tperson\n"+
		"Ada\tperson\tsibling\tEve\tperson\nBob\tperson\tmother\tAda\tperson\n")
	lab := t.TempDir()
	dir := filepath.Join(lab, "generalize")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"report.json": `{"experiment":"generalize","claims":[{"claim":"<b>bold</b>","verdict":"reproduced","ours":"1"}],"pictures":["../x"],"sections":[{"title":"T","head":["h"],"rows":[["<i>"]]}]}`,
		"x.svg":       "<svg></svg>",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	out := filepath.Join(t.TempDir(), "page.html")
	keep := filepath.Join(t.TempDir(), "docs")
	ok(t, "report", "--in", g, "--clusters", "2", "--lab", lab, "--out", out, "--results", keep, "-q")
	md, err := os.ReadFile(filepath.Join(keep, "README.md"))
	if err != nil || !strings.Contains(string(md), "| [generalize](#generalize) | 1 | 0 | 0 |") || !strings.Contains(string(md), "### T") {
		t.Errorf("%v: %s", err, md)
	}
	if _, err := os.Stat(filepath.Join(keep, "x.svg")); err != nil {
		t.Error(err)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	html := string(b)
	for _, bad := range []string{"<script", "<b>bold", "<i>", "http://", "https://"} {
		if strings.Contains(html, bad) {
			t.Errorf("the page has %q", bad)
		}
	}
	for _, want := range []string{"&lt;script&gt;", "&lt;b&gt;bold", `src="data:image/svg&#43;xml;base64,PHN2Zz48L3N2Zz4="`, "prefers-color-scheme: dark", "width=device-width", "4 entities"} {
		if !strings.Contains(html, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if _, stderr, code := do(t, "report", "--lab", t.TempDir(), "-q"); code != 1 || !strings.Contains(stderr, "no report of an experiment") {
		t.Errorf("an empty lab: code %d: %s", code, stderr)
	}
	if err := os.WriteFile(filepath.Join(dir, "report.json"), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, stderr, code := do(t, "report", "--lab", lab, "-q"); code != 1 || !strings.Contains(stderr, "report.json") {
		t.Errorf("a broken report: code %d: %s", code, stderr)
	}
}

// A training starts from pretrained weights, and refuses what it cannot start from before it does.
func TestInit(t *testing.T) {
	const vocabulary = "../../kg/gpt2/testdata/tiny"
	tok, err := text.ReadBPE(vocabulary)
	if err != nil {
		t.Fatal(err)
	}
	files, err := tok.Files()
	if err != nil {
		t.Fatal(err)
	}
	m, err := model.New(model.Config{Layers: 1, Heads: 1, Width: 8, Context: 160, Vocab: tok.VocabSize(), Bias: true, Activation: model.GELUTanh}, 1)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "gpt2")
	if err := m.Export(dir, model.F32, files); err != nil {
		t.Fatal(err)
	}
	lab := t.TempDir()
	out := ok(t, "generalize", "--preset", "laptop", "--scale", "0.01", "--init", dir, "--steps", "2", "--seeds", "1", "--only", "n25-seed1", "--out", lab, "-q")
	if !strings.Contains(out, "n25-seed1") {
		t.Errorf("%s", out)
	}
	for name, args := range map[string][]string{
		"context of 32": {"--init", vocabulary},
		"--width":       {"--init", dir, "--width", "64"},
		gpt2.Files[0]:   {"--init", t.TempDir()},
	} {
		_, stderr, code := do(t, append([]string{"generalize", "--out", lab, "-q"}, args...)...)
		if code == 0 || !strings.Contains(stderr, name) {
			t.Errorf("%v: code %d: %s", args, code, stderr)
		}
	}
}
