package reproduction

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"transcend/kg/experiment"
	"transcend/kg/lab"
)

func TestClaims(t *testing.T) {
	all, err := Claims()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 100 {
		t.Errorf("%d claims", len(all))
	}
	seen, values := map[string]bool{}, map[string]bool{}
	for _, c := range all {
		if !slices.Contains([]string{"A", "B", "-"}, c.Paper) || c.Where == "" || c.Says == "" || c.Theirs == "" || c.Test == "" || c.Command == "" {
			t.Errorf("%+v lacks something", c)
		}
		if (c.Source == "") != (c.Value == "") || c.Source == "" && c.Takes == "" || c.Above != nil && c.Below != nil {
			t.Errorf("%+v contradicts itself", c)
		}
		if c.Exact && c.Above == nil && c.Below == nil {
			t.Errorf("%+v decides by nothing", c)
		}
		if key := c.Paper + c.Where + c.Says + c.Test; seen[key] {
			t.Errorf("twice: %s", key)
		} else {
			seen[key] = true
		}
		if key := c.Source + c.Value; c.Source != "" && values[key] {
			t.Errorf("the value of another line: %s %s", c.Source, c.Value)
		} else {
			values[key] = true
		}
	}
}

// TestClaimsOfGraphs: the lines of the second paper ask for claims that its reports have.
func TestClaimsOfGraphs(t *testing.T) {
	all, err := Claims()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range experiment.Experiments() {
		r, err := lab.NewReport(&e, lab.Settings{}, nil, lab.Use{})
		if err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(r.JSON())
		if err != nil {
			t.Fatal(err)
		}
		s, ok := parse(b)
		if !ok || s.Source != "kgtrain "+e.Name {
			t.Fatalf("%s is read as %+v", e.Name, s)
		}
		for _, c := range all {
			if c.Source == s.Source && len(find(s.Result, c.Value)) != 1 {
				t.Errorf("claims.json asks %s for %q, which it does not say", s.Source, c.Value)
			}
		}
		// Nothing was run, so nothing is decided.
		for _, l := range Lines(all, []Stored{*s}) {
			if l.Source == s.Source && l.Verdict != NotTestable {
				t.Errorf("without cells: %+v", l)
			}
		}
	}
}

const analysisReport = `{"analysis": "favor", "command": "chesstrain analyze favor --model a|b", "inputs": [{"role": "model", "name": "<script>", "games": 3}],
"pictures": ["p.png", "../outside.png", "p.svg"],
"result": {"list": [{"t": 0.5, "gain": {"value": 0.02, "interval": {"low": 0.01, "high": 0.03}}}, {"t": 1, "gain": {"value": 0.02, "interval": {"low": -0.01, "high": 0.03}}},
{"t": 2, "gain": {"value": -0.02, "interval": {"low": -0.03, "high": -0.01}}}, {"t": 3, "gain": {"value": null, "interval": {"low": null, "high": null}}},
{"t": 4, "gain": {"value": 0.1, "low": 0.05, "high": null}}, {"t": 5, "gain": {"elo": 0.1, "interval": {"low": null, "high": -0.2}}}], "plain": 7,
"map": {"neighbors": 0.1, "all": 0.4}, "tried": {"violations": 0, "settings": 300}, "words": ["one", "two"]}}`

const experimentReport = `{"experiment": "denoise", "settings": {"Preset": "quick"}, "words": ["It does."], "verdicts": [
{"group": "g", "headline": true, "claim": "transcends", "model": {"rating": 500, "interval": {"low": 470, "high": 530}}, "best": {"rating": 343, "interval": {"low": 333, "high": 354}}},
{"group": "h", "headline": false, "claim": "not shown", "model": {"rating": 360, "interval": {"low": 258, "high": 463}}, "best": {"rating": 343, "interval": {"low": 333, "high": 354}}},
{"group": "i", "headline": false, "claim": "does not transcend", "model": {"rating": 0, "interval": {"low": 0, "high": 0}}, "best": {"rating": 343, "interval": {"low": 333, "high": 354}}}],
"cells": [{"cell": {"name": "g-seed1", "group": "g", "corpus": {"players": ["ply1", "ply2"], "games": 1000}, "model": {"layers": 3, "input": "board"}}, "result": {"training": {"parameters": 3000000, "steps": 80}},
"plays": [{"temperature": 0.001, "rating": {"rating": 500, "low": 480, "high": 520}}, {"temperature": 1, "rating": {"high": 100}}, {"temperature": 0.001, "masked": true, "rating": {"rating": 900, "low": 1, "high": 2}}]}]}`

const graphReport = `{"experiment": "denoise", "settings": {"preset": "laptop"}, "claims": [
{"claim": "more is better", "paper": "yes", "ours": "10%", "verdict": "reproduced"}, {"claim": "new here", "paper": "no", "ours": "-", "verdict": "not tested at this scale", "why": "no cells"}], "cells": []}`

const arenaReport = `{"rows": [], "sweeps": [{"curves": [
{"model": "a", "cap": 1000, "points": [{"temperature": 0.001, "rating": {"text": "1100 ±50"}}, {"temperature": 1, "rating": {"text": "< 910"}}],
 "verdict": {"best_temperature": 0.001, "rating": {"rating": 1100, "text": "1100 ±50"}, "cap": {"cap": 1000, "simultaneous": {"low": 20, "high": 180}}}},
{"model": "b", "cap": 1000, "points": [], "verdict": {"best_temperature": 0.1, "all_lost": true, "rating": {"rating": null, "text": "< 910"}, "cap": {"cap": 1000, "simultaneous": {"low": null, "high": -90}}}},
{"model": "c", "points": [], "verdict": {"best_temperature": 0.1, "rating": {"rating": 1, "text": "1"}, "cap": null}},
{"model": "d", "cap": 1000, "points": [], "verdict": {"other_pool": true, "best_temperature": 0.1, "rating": {"rating": 800, "text": "800"}, "cap": {"cap": 1000, "simultaneous": {"low": null, "high": -50}}}}]}]}`

// stored writes reports and reads them back.
func stored(t *testing.T) []Stored {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"analyses/favor/report.json": analysisReport, "b/report.json": "garbage", "c/report.json": `{"experiment": 3}`, "e/report.json": experimentReport, "e/ratings.png": "drawn", "e/ratings.svg": "<svg/>",
		"e/other.json": experimentReport, "kg/report.json": graphReport, "arena/report.json": arenaReport,
		"analyses/favor/p.png": "picture", "analyses/favor/stale.png": "old", "analyses/favor/p.svg": "<svg/>", "analyses/outside.png": "secret",
		"references/report.json": `{"experiment": "generalize", "graph": "ef", "a2": {"kappa": 9}}`, "graph/report.json": `{"fingerprint": "ef", "entities": 25803}`,
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(dir, "analyses/outside.png"), filepath.Join(dir, "e/link.png")); err != nil {
		t.Fatal(err)
	}
	all, err := Read([]string{dir, filepath.Join(dir, "e")})
	if err != nil {
		t.Fatal(err)
	}
	var sources []string
	for _, s := range all {
		sources = append(sources, s.Source)
	}
	if want := []string{"analyze favor", "arena", "experiment denoise", "kgtrain graph", "kgtrain denoise", "kgtrain references generalize"}; !slices.Equal(sources, want) {
		t.Fatalf("read %q, want %q", sources, want)
	}
	return all
}

func TestLines(t *testing.T) {
	reports := stored(t)
	zero, one := 0.0, 1.0
	claim := func(source, path string, above, below *float64) Claim {
		return Claim{Paper: "A", Source: source, Value: path, Scale: 100, Unit: "%", Above: above, Below: below, Command: "command"}
	}
	exact := func(c Claim) Claim { c.Exact = true; return c }
	plain := func(c Claim) Claim { c.Scale, c.Unit = 0, ""; return c }
	for _, c := range []struct {
		claim                        Claim
		verdict, ours, interval, why string
	}{
		{claim("analyze favor", "list/t=0.5/gain", &zero, nil), Reproduced, "2%", "1 to 3", ""},
		{claim("analyze favor", "list/0/gain", nil, nil), Measured, "2%", "1 to 3", ""},
		{claim("analyze favor", "list/t=1/gain", &zero, nil), Undecided, "2%", "-1 to 3", ""},
		{claim("analyze favor", "list/t=2/gain", &zero, nil), NotReproduced, "-2%", "-3 to -1", ""},
		{claim("analyze favor", "list/t=2/gain", nil, &zero), Reproduced, "-2%", "-3 to -1", ""},
		{claim("analyze favor", "list/t=0.5/gain", nil, &one), NotReproduced, "2%", "1 to 3", ""},
		{claim("analyze favor", "list/t=4/gain", &zero, nil), Reproduced, "10%", "5 and more", ""},
		{claim("analyze favor", "list/-1/gain", nil, &zero), Reproduced, "10%", "up to -20", ""},
		{claim("analyze favor", "plain", &zero, nil), Measured, "700%", "", ""},
		{exact(claim("analyze favor", "plain", &zero, nil)), Reproduced, "700%", "", ""},
		{exact(claim("analyze favor", "plain", nil, &zero)), NotReproduced, "700%", "", ""},
		{claim("analyze favor", "map", nil, &zero), Measured, "0.1 to neighbors, 0.4 to any", "", ""},
		{claim("analyze favor", "words/1", nil, nil), Measured, "two", "", ""},
		{exact(claim("analyze favor", "tried", nil, &one)), Reproduced, "0 of 300", "", ""},
		{claim("analyze favor", "list/t!=1&t!=2&t!=3&t!=4&t!=5/gain", &zero, nil), Reproduced, "2%", "1 to 3", ""},
		{claim("analyze favor", "list/t=3/gain", &zero, nil), Undecided, "", "", "its results have no value of this"},
		{claim("analyze favor", "list/t=9/gain", &zero, nil), Undecided, "", "", "its results have no value of this"},
		{claim("analyze favor", "list/9/gain", &zero, nil), Undecided, "", "", "its results have no value of this"},
		{claim("analyze favor", "plain/deeper", &zero, nil), Undecided, "", "", "its results have no value of this"},
		{claim("analyze favor", "list", &zero, nil), Undecided, "", "", "its results have no value of this"},
		{claim("analyze toy", "list", &zero, nil), NotRun, "", "", ""},
		{plain(claim("experiment denoise", "verdicts/headline=true", &zero, nil)), Reproduced, "+157 Elo: the model 500, the best expert 343", "116 to 197", ""},
		{plain(claim("experiment denoise", "verdicts/group=h", nil, &zero)), Undecided, "+17 Elo: the model 360, the best expert 343", "-96 to 130", ""},
		{plain(claim("experiment denoise", "verdicts/headline=false&group=i", nil, &zero)), Undecided, "does not transcend", "", "its rating is only a bound"},
		{plain(claim("arena", "sweeps/*/curves/model=a", &zero, nil)), Reproduced, "1100 ±50 at T=0.001, the cap 1000", "20 to 180", ""},
		{plain(claim("arena", "sweeps/*/curves/model=b", &zero, nil)), NotTestable, "< 910 at T=0.1, the cap 1000", "", "every game was lost: it takes a stronger model, trained for longer, or weaker opponents"},
		{plain(claim("arena", "sweeps/*/curves/model=c", &zero, nil)), Undecided, "1 at T=0.1", "", "the cap of its games is not known"},
		{plain(claim("arena", "sweeps/*/curves/model=d", &zero, nil)), NotTestable, "800 at T=0.1, the cap 1000", "", "cap and rating count different players, whom nothing here ties together"},
		{plain(claim("kgtrain denoise", "claims/claim=more is better", nil, nil)), Reproduced, "10%", "", ""},
		{plain(exact(claim("kgtrain references generalize", "a2/kappa", &zero, nil))), Reproduced, "9", "", ""},
		{plain(claim("kgtrain graph", "entities", nil, nil)), Measured, "25803", "", ""},
		{Claim{Paper: "A", Source: "analyze favor", Value: "list/t=2/gain", Above: &zero, Takes: "more"}, NotReproduced, "-0.02", "-0.03 to -0.01", "it would take more"},
		{Claim{Paper: "B", Takes: "weights"}, NotTestable, "", "", "weights"},
		{Claim{Paper: "B", Source: "experiment ideal", Value: "x", Takes: "time", Command: "run it"}, NotRun, "", "", "time"},
	} {
		lines := Lines([]Claim{c.claim}, reports)
		// What the report of kgtrain judges beside is appended.
		lines = slices.DeleteFunc(lines, func(l Line) bool { return l.Where == "denoise" })
		if len(lines) != 1 || lines[0].Verdict != c.verdict || lines[0].Ours != c.ours || lines[0].Interval != c.interval || lines[0].Why != c.why {
			t.Errorf("%s %s: %+v", c.claim.Source, c.claim.Value, lines)
		}
	}
	// All that fit, and who they are about.
	lines := Lines([]Claim{claim("experiment denoise", "verdicts/*", &zero, nil), claim("kgtrain denoise", "claims/claim=more is better", nil, nil)}, reports)
	if len(lines) != 5 {
		t.Fatalf("%d lines: %+v", len(lines), lines)
	}
	if want := "g: ply1 and 1 more, 1,000 games; model of 3.00M parameters that is shown the board, 80 steps"; lines[0].Data != want || lines[0].Ran != "chesstrain experiment denoise --preset quick" {
		t.Errorf("about %q by %q", lines[0].Data, lines[0].Ran)
	}
	if l := lines[4]; l.Says != "new here" || l.Verdict != NotTestable || l.Why != "no cells" || l.Paper != "B" || l.Ran != "kgtrain denoise --preset laptop" {
		t.Errorf("a claim that is not in the list: %+v", l)
	}
	if n := Count(lines); !slices.Equal(n, []int{2, 0, 2, 0, 1, 0}) {
		t.Errorf("verdicts %v", n)
	}
}

func TestPage(t *testing.T) {
	reports := stored(t)
	curves := Curves(reports)
	if len(curves) != len(published)+2 {
		t.Fatalf("%+v", curves)
	}
	for i, want := range []Curve{{"a, cap 1000", []string{"1100 ±50", "", "", "", "", "", "< 910", ""}}, {"league, g-seed1: ply1 and 1 more, 1,000 games; model of 3.00M parameters that is shown the board, 80 steps", []string{"500 [480, 520]", "", "", "", "", "", "< 100", ""}}} {
		if c := curves[len(published)+i]; c.Name != want.Name || !slices.Equal(c.Ratings, want.Ratings) {
			t.Errorf("%q, want %q", c, want)
		}
	}
	lines := Lines([]Claim{{Paper: "A", Source: "analyze favor", Value: "plain"}}, reports)
	shown, err := Shown(reports)
	if err != nil || len(shown) != 2 || shown[0].Name != "reproduction-analyze-favor-p.svg" || shown[1].Name != "reproduction-experiment-denoise-ratings.svg" {
		t.Fatalf("%v %v", shown, err)
	}
	table := Markdown(lines, curves, shown, "made so")
	for _, want := range []string{`--model a\|b`, "](reproduction-experiment-denoise-ratings.svg)", "| 500 [480, 520] |", "    made so\n", "**1 reproduced, 1 measured, 1 not testable at this scale.**"} {
		if !strings.Contains(table, want) {
			t.Errorf("%q is not in\n%s", want, table)
		}
	}
	page, err := HTML(lines, curves, reports, "made so")
	if err != nil || strings.Contains(page, "<script>") || strings.Count(page, "<img") != 2 || !strings.Contains(page, "data:image/png;base64,cGljdHVyZQ==") || strings.Contains(page, "c2VjcmV0") {
		t.Errorf("%v\n%s", err, page)
	}
}

func TestTrim(t *testing.T) {
	for x, want := range map[float64]string{0: "0", -0.0001: "0", 0.12345: "0.123", -9.8766: "-9.877", 9.9: "9.9", 10.04: "10", 10.06: "10.1", 99.94: "99.9", 100.4: "100", -100.6: "-101", 25803: "25803"} {
		if got := trim(x); got != want {
			t.Errorf("%v: %s, want %s", x, got, want)
		}
	}
}
