// Licenses writes docs/licenses.md: every module that is compiled into the three commands,
// with or without the tag xla, on any platform that is released, and the license that its
// files state. It fails on a module without a license, and on a license that is not on the
// list below.
//
//	go -C .ci/licenses run . > docs/licenses.md
package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/licensecheck"
)

// allowed are the licenses under which a static binary may be passed on with a notice.
// MPL-2.0 asks for the source of its own files, which the module proxy has.
var allowed = []string{"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC-BY-4.0", "FTL", "MIT", "MPL-2.0", "OFL-1.1", "Unlicense"}

// said is what licensecheck cannot read, after a look at the module's file.
var said = map[string]string{
	"github.com/golang/freetype": "FTL", // "your choice of exactly one of" FTL and GPL-2.0-or-later
}

func main() {
	if err := run(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "licenses:", err)
		os.Exit(1)
	}
}

func run(w io.Writer) error {
	modules := map[string]string{} // path and version to directory
	for _, target := range []string{"linux/amd64", "linux/arm64", "darwin/arm64", "windows/amd64", "linux/amd64 xla"} {
		platform, tag, _ := strings.Cut(target, " ")
		goos, arch, _ := strings.Cut(platform, "/")
		list := exec.Command("go", "list", "-deps", "-tags", tag, "-f", "{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}} {{.Dir}}{{end}}{{end}}", "./cmd/...")
		list.Dir, list.Stderr = "../..", os.Stderr
		list.Env = append(os.Environ(), "GOOS="+goos, "GOARCH="+arch, "GOWORK=off")
		if tag != "" {
			list.Env = append(list.Env, "CGO_ENABLED=1")
		}
		out, err := list.Output()
		if err != nil {
			return fmt.Errorf("go list for %s: %w", target, err)
		}
		for line := range strings.Lines(string(out)) {
			if f := strings.Fields(line); len(f) == 3 {
				modules[f[0]+" "+f[1]] = f[2]
			}
		}
	}
	if len(modules) == 0 {
		return errors.New("no modules found")
	}
	names := make([]string, 0, len(modules))
	for name := range modules {
		names = append(names, name)
	}
	slices.Sort(names)
	var b bytes.Buffer
	fmt.Fprint(&b, "# Licenses\n\nWhat is compiled into the commands besides this project's own code and Go's library (BSD-3-Clause):\n"+
		"every module, for any released platform, and the licenses in its files. Made by `.ci/licenses`.\n\n| module | version | license |\n|---|---|---|\n")
	var problems []error
	for _, name := range names {
		path, version, _ := strings.Cut(name, " ")
		found, err := licenses(modules[name])
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if text, ok := said[path]; ok {
			found = []string{text}
		}
		if len(found) == 0 {
			problems = append(problems, fmt.Errorf("%s: no license found in %s", name, modules[name]))
		}
		for _, id := range found {
			if !slices.Contains(allowed, id) {
				problems = append(problems, fmt.Errorf("%s: %s is not on the list of licenses that are allowed", name, id))
			}
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", path, version, strings.Join(found, ", "))
	}
	if err := errors.Join(problems...); err != nil {
		return err
	}
	_, err := w.Write(b.Bytes())
	return err
}

// licenses are those that the files at the top of a module state.
func licenses(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, e := range entries {
		name := strings.ToUpper(e.Name())
		if e.IsDir() || !strings.HasPrefix(name, "LICEN") && !strings.HasPrefix(name, "COPYING") && !strings.HasPrefix(name, "UNLICENSE") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		for _, m := range licensecheck.Scan(text).Match {
			if !slices.Contains(ids, m.ID) {
				ids = append(ids, m.ID)
			}
		}
	}
	slices.Sort(ids)
	return ids, nil
}
