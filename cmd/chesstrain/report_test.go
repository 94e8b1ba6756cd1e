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

	"transcend/analysis/reproduction"
	"transcend/cmd/internal/compute/computetest"
	"transcend/internal/cli"
)

// TestReport: the table and the page, of results that were made just now, and nothing claimed of those that were not.
func TestReport(t *testing.T) {
	computetest.Keep(t)
	dir := t.TempDir()
	results := filepath.Join(dir, "results")
	run := func(want int, args ...string) string {
		t.Helper()
		var stdout, stderr bytes.Buffer
		if code := execute(context.Background(), strings.NewReader(""), &stdout, &stderr, args); code != want {
			t.Fatalf("%v: exit %d\n%s", args, code, stderr.String())
		}
		return stdout.String() + stderr.String()
	}
	run(cli.ExitOK, "analyze", "favor", "--model", "shipped", "--opponent", "random", "--scorer", "league", "--depth", "1", "--games", "2", "--resamples", "100", "--out", results)
	table := run(cli.ExitOK, "report", "reproduction", "--results", results, "--out", dir)
	if !strings.Contains(table, "model shipped:") || !strings.Contains(table, "**not run**") {
		t.Errorf("the table:\n%s", table)
	}
	for _, name := range []string{"reproduction.md", "reproduction.html"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Size() < 1000 {
			t.Errorf("%s: %v", name, err)
		}
	}
	if text := run(cli.ExitUsage, "report"); !strings.Contains(text, "report reproduction") {
		t.Errorf("no name: %s", text)
	}
	if text := run(cli.ExitUsage, "report", "reproduction", "--results", filepath.Join(dir, "nowhere")); !strings.Contains(text, "hint") {
		t.Errorf("no results: %s", text)
	}
	var known []string
	for _, command := range []string{"analyze", "experiment"} {
		var list []cli.Named
		if err := json.Unmarshal([]byte(run(cli.ExitOK, command, "list", "--json")), &list); err != nil {
			t.Fatal(err)
		}
		for _, n := range list {
			known = append(known, command+" "+n.Name)
		}
	}
	claims, err := reproduction.Claims()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range claims {
		command, _, _ := strings.Cut(c.Source, " ")
		if (command == "analyze" || command == "experiment") && !slices.Contains(known, c.Source) {
			t.Errorf("%s: nothing here is %q", c.Says, c.Source)
		}
	}
}
