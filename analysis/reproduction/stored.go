package reproduction

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"transcend/internal/cli"
)

// Stored is a report.json.
type Stored struct {
	Path string
	// Source is the command whose results these are: "analyze NAME" and "experiment NAME" of chesstrain, "kgtrain NAME", what
	// "kgtrain references NAME" and "kgtrain graph" print with --json, or "arena", what arena table prints. Name is the last word of it.
	Source, Name string
	// Command is what was typed, where the file has it.
	Command string
	// Result is the value as JSON decodes it: of an analysis its result, else the whole file.
	Result any

	// inputs describe what an analysis was about, cells the cells of an experiment by their names and groups.
	inputs string
	cells  map[string]string
	// judged: it has verdicts of its own about the claims.
	judged bool
	// listed are the pictures that an analysis names; others have all that lie beside them.
	listed []string
}

// maxReport bounds the files that are read.
const maxReport = 256 << 20

// Read returns the reports below some directories, in the order of their paths. Files named report.json that are something
// else are passed over.
func Read(dirs []string) ([]Stored, error) {
	var all []Stored
	for _, dir := range dirs {
		root, err := filepath.EvalSymlinks(dir) // WalkDir would not follow a link
		if err != nil {
			return nil, fmt.Errorf("reproduction: reading %s: %w", dir, err)
		}
		err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || d.Name() != "report.json" {
				return err
			}
			if info, err := d.Info(); err != nil || info.Size() > maxReport {
				return errors.Join(err, fmt.Errorf("%s is too large", path))
			}
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			if s, ok := parse(b); ok {
				s.Path = path
				all = append(all, *s)
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("reproduction: reading %s: %w", dir, err)
		}
	}
	slices.SortFunc(all, func(a, b Stored) int { return strings.Compare(a.Path, b.Path) })
	return slices.CompactFunc(all, func(a, b Stored) bool { return a.Path == b.Path }), nil
}

// parse tells whose report it is by what is in it.
func parse(b []byte) (*Stored, bool) {
	var whole map[string]any
	if json.Unmarshal(b, &whole) != nil {
		return nil, false
	}
	has := func(key string) bool { _, ok := whole[key]; return ok }
	s := &Stored{Result: whole, Name: text(whole["experiment"])}
	switch {
	case text(whole["analysis"]) != "" && whole["result"] != nil:
		s.Name, s.Result, s.Command = text(whole["analysis"]), whole["result"], text(whole["command"])
		s.Source = "analyze " + s.Name
		s.inputs = inputsOf(whole["inputs"])
		pictures, _ := whole["pictures"].([]any)
		for _, p := range pictures {
			s.listed = append(s.listed, text(p))
		}
	case has("sweeps"):
		s.Name, s.Source = "arena", "arena"
	case s.Name != "" && has("verdicts"):
		s.Source, s.Command = "experiment "+s.Name, "chesstrain experiment "+s.Name+preset(whole)
		s.cells = cellsOf(whole["cells"])
	case s.Name != "" && has("claims"):
		s.Source, s.Command, s.judged = "kgtrain "+s.Name, "kgtrain "+s.Name+preset(whole), true
		settings, _ := whole["settings"].(map[string]any)
		cells, _ := whole["cells"].([]any)
		s.inputs = fmt.Sprintf("preset %s, %d cells%s", text(settings["preset"]), len(cells), knowledgeOf(cells))
	case s.Name != "":
		s.Source = "kgtrain references " + s.Name
		s.inputs = "graph " + text(whole["graph"])
	case has("fingerprint") && has("entities"):
		s.Name, s.Source = "graph", "kgtrain graph"
	default:
		return nil, false
	}
	return s, true
}

// preset is the flag, where it is not the default.
func preset(whole map[string]any) string {
	settings, _ := whole["settings"].(map[string]any)
	for _, key := range []string{"Preset", "preset"} {
		if p := text(settings[key]); p != "" && p != "default" {
			return " --preset " + p
		}
	}
	return ""
}

// inputsOf are the model and corpus of an analysis.
func inputsOf(v any) string {
	var parts []string
	list, _ := v.([]any)
	for _, e := range list {
		in, _ := e.(map[string]any)
		part := text(in["role"]) + " " + text(in["name"])
		if n, ok := in["games"].(float64); ok && n > 0 {
			part += fmt.Sprintf(" (%s games)", cli.Count(int(n)))
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ", ")
}

// cellsOf describes the cells of an experiment, by their names and, the first of each, by their groups.
func cellsOf(v any) map[string]string {
	about := map[string]string{}
	list, _ := v.([]any)
	for _, e := range list {
		get := func(path string) any {
			if f := find(e, path); len(f) > 0 {
				return f[0].value
			}
			return nil
		}
		number := func(path string) int { x, _ := get(path).(float64); return int(x) }
		players, _ := get("cell/corpus/players").([]any)
		if len(players) == 0 {
			continue
		}
		s := text(players[0])
		if n := len(players); n > 1 {
			s += fmt.Sprintf(" and %d more", n-1)
		}
		if n := number("cell/corpus/games"); n > 0 {
			s += fmt.Sprintf(", %s games", cli.Count(n))
		}
		if number("cell/model/layers") > 0 {
			s += fmt.Sprintf("; model of %s parameters that is shown %s, %s steps", cli.SI(float64(number("result/training/parameters"))),
				map[string]string{"board": "the board", "moves": "the moves"}[text(get("cell/model/input"))], cli.Count(number("result/training/steps")))
		}
		for _, name := range []string{text(get("cell/name")), text(get("cell/group"))} {
			if _, known := about[name]; !known {
				about[name] = s
			}
		}
	}
	return about
}

// knowledgeOf describes the first cell of an experiment with graphs.
func knowledgeOf(cells []any) string {
	if len(cells) == 0 {
		return ""
	}
	number := func(path string) float64 {
		f := find(cells[0], path)
		if len(f) == 0 {
			return 0
		}
		x, _ := f[0].value.(float64)
		return x
	}
	s := ""
	if n := number("result/graph/edges"); n > 0 {
		s += fmt.Sprintf("; a graph of %s facts", cli.Count(int(n)))
	}
	if n := number("result/training/parameters"); n > 0 {
		s += fmt.Sprintf("; models of %s parameters", cli.SI(n))
	}
	return s
}

// about is the model and corpus of a value that stands below elements of these names.
func (s *Stored) about(labels []string) string {
	parts := slices.Clone(labels)
	for i := len(labels) - 1; i >= 0; i-- {
		if cell := s.cells[labels[i]]; cell != "" {
			parts = append(parts, cell)
			break
		}
	}
	if s.inputs != "" {
		parts = append(parts, s.inputs)
	}
	return strings.Join(parts, ": ")
}

// found is a value with the names of the list elements above it.
type found struct {
	value  any
	labels []string
}

// find follows a path through what JSON decodes to: names, and for lists numbers (-1 is the last), * for all elements, or
// "name=value" for those that have it ("name!=value" for the others), where name may reach inside with dots and several conditions are
// joined by &.
func find(v any, path string) []found {
	all := []found{{value: v}}
	if path == "" {
		return all
	}
	for part := range strings.SplitSeq(path, "/") {
		var next []found
		for _, f := range all {
			switch t := f.value.(type) {
			case map[string]any:
				if x, ok := t[part]; ok {
					next = append(next, found{x, f.labels})
				}
			case []any:
				if n, err := strconv.Atoi(part); err == nil {
					if n < 0 {
						n += len(t)
					}
					if n >= 0 && n < len(t) {
						next = append(next, found{t[n], f.labels})
					}
					continue
				}
				for _, e := range t {
					if part != "*" && !fits(e, part) {
						continue
					}
					labels := slices.Clone(f.labels)
					if l := label(e); l != "" {
						labels = append(labels, l)
					}
					next = append(next, found{e, labels})
				}
			}
		}
		all = next
	}
	return all
}

// fits reports whether an element has what a pick asks for.
func fits(e any, pick string) bool {
	for condition := range strings.SplitSeq(pick, "&") {
		name, want, ok := strings.Cut(condition, "=")
		name, not := strings.CutSuffix(name, "!")
		v := e
		for key := range strings.SplitSeq(name, ".") {
			m, isMap := v.(map[string]any)
			if !isMap {
				return false
			}
			v = m[key]
		}
		if !ok || (fmt.Sprint(v) == want) == not {
			return false
		}
	}
	return true
}

// label names an element of a list: a cell, a group, a model.
func label(e any) string {
	m, _ := e.(map[string]any)
	if cell, ok := m["cell"].(map[string]any); ok {
		return text(cell["name"])
	}
	for _, key := range []string{"group", "model"} {
		if s := text(m[key]); s != "" {
			return s
		}
	}
	return ""
}

// maxPicture bounds a picture of the page.
const maxPicture = 8 << 20

// Pictures are the files of a format (".png") beside the report that are not too large, in the order of their names.
func (s *Stored) Pictures(format string) ([]string, error) {
	dir := filepath.Dir(s.Path)
	names := s.listed
	if names == nil {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return nil, fmt.Errorf("reproduction: %w", err)
		}
		for _, e := range entries {
			names = append(names, e.Name())
		}
	}
	var all []string
	for _, name := range names {
		// A report names files beside it and nothing else.
		if filepath.Ext(name) != format || name != filepath.Base(name) {
			continue
		}
		path := filepath.Join(dir, name)
		if info, err := os.Lstat(path); err == nil && info.Mode().IsRegular() && info.Size() <= maxPicture {
			all = append(all, path)
		}
	}
	return all, nil
}
