package reproduction

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestClaims(t *testing.T) {
	all, err := Claims()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 40 {
		t.Errorf("%d claims", len(all))
	}
	seen := map[string]bool{}
	for _, c := range all {
		if papers[c.Paper] == "" || c.Where == "" || c.Says == "" || c.Theirs == "" || c.Test == "" || c.Command == "" {
			t.Errorf("%+v lacks something", c)
		}
		if (c.Analysis == "") != (c.Value == "") || c.Analysis != "" && c.Elsewhere != "" || c.Above != nil && c.Below != nil {
			t.Errorf("%+v contradicts itself", c)
		}
		if key := c.Paper + c.Where + c.Says + c.Test; seen[key] {
			t.Errorf("twice: %s", key)
		} else {
			seen[key] = true
		}
	}
}

const stored = `{"analysis": "favor", "command": "chesstrain analyze favor --model a|b", "inputs": [{"role": "model", "name": "<script>", "games": 3}],
"pictures": ["p.png", "../outside.png", "p.svg"],
"result": {"list": [{"t": 0.5, "gain": {"value": 0.02, "interval": {"low": 0.01, "high": 0.03}}}, {"t": 1, "gain": {"value": 0.02, "interval": {"low": -0.01, "high": 0.03}}},
{"t": 2, "gain": {"value": -0.02, "interval": {"low": -0.03, "high": -0.01}}}, {"t": 3, "gain": {"value": null, "interval": {"low": null, "high": null}}}], "plain": 7}}`

func TestLines(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"a/report.json": stored, "b/report.json": "garbage", "c/report.json": `{"experiment": "denoise"}`, "a/p.png": "picture", "outside.png": "secret"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	reports, err := Read([]string{dir})
	if err != nil || len(reports) != 1 {
		t.Fatalf("%d reports: %v", len(reports), err)
	}
	zero, one := 0.0, 1.0
	claim := func(path string, above, below *float64) Claim {
		return Claim{Paper: "A", Analysis: "favor", Value: path, Scale: 100, Unit: "%", Above: above, Below: below, Command: "command"}
	}
	for _, c := range []struct {
		claim                   Claim
		verdict, ours, interval string
	}{
		{claim("list/t=0.5/gain", &zero, nil), Reproduced, "2%", "1 to 3"},
		{claim("list/0/gain", nil, nil), Measured, "2%", "1 to 3"},
		{claim("list/t=1/gain", &zero, nil), Undecided, "2%", "-1 to 3"},
		{claim("list/t=2/gain", &zero, nil), NotReproduced, "-2%", "-3 to -1"},
		{claim("list/t=2/gain", nil, &zero), Reproduced, "-2%", "-3 to -1"},
		{claim("list/t=0.5/gain", nil, &one), NotReproduced, "2%", "1 to 3"},
		{claim("plain", &zero, nil), Reproduced, "700%", ""},
		{claim("list/t=3/gain", &zero, nil), NotRun, "", ""},
		{claim("list/t=4/gain", &zero, nil), NotRun, "", ""},
		{claim("list/9/gain", &zero, nil), NotRun, "", ""},
		{claim("plain/deeper", &zero, nil), NotRun, "", ""},
		{claim("list", &zero, nil), NotRun, "", ""},
		{Claim{Paper: "B", Elsewhere: "docs"}, Elsewhere, "docs", ""},
	} {
		lines := Lines([]Claim{c.claim}, reports)
		if len(lines) != 1 || lines[0].Verdict != c.verdict || lines[0].Ours != c.ours || lines[0].Interval != c.interval {
			t.Errorf("%s: %+v", c.claim.Value, lines)
		}
	}
	lines := Lines([]Claim{claim("plain", nil, nil)}, reports)
	if table := Markdown(lines); !strings.Contains(table, `--model a\|b`) {
		t.Errorf("a bar is not escaped:\n%s", table)
	}
	page, err := HTML(lines, reports)
	if err != nil || strings.Contains(page, "<script>") || strings.Count(page, "<img") != 1 || !strings.Contains(page, "data:image/png;base64,cGljdHVyZQ==") {
		t.Errorf("%v\n%s", err, page)
	}
}
