// Package cli is what the commands share: how they start, stop on a signal,
// read flags, report errors and show progress.
//
// The rules of the terminal output:
//
//   - results go to standard output, everything else to standard error;
//   - an error is one lower-case line without a full stop, "chesstrain: error: ...",
//     what to do about it follows as "chesstrain: hint: ...";
//   - a live line is drawn only on a terminal; in a pipe there are plain lines;
//   - the first interrupt stops cleanly, the second stops at once.
package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/agnivade/levenshtein"
	"github.com/spf13/pflag"
)

// Exit codes of all commands.
const (
	ExitOK          = 0
	ExitFailure     = 1
	ExitUsage       = 2   // the command line or a setting is wrong; nothing was started
	ExitInterrupted = 130 // stopped by a signal after a clean stop
)

// Command is a whole program as a function, so that tests run it as users do.
type Command func(ctx context.Context, stdin io.Reader, stdout, stderr io.Writer, args []string) int

// Main runs cmd with the process's streams and arguments and exits. The
// context is canceled by the first SIGINT or SIGTERM; after that the signals
// have their default effect again, so a second one ends the process.
func Main(cmd Command) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	go func() {
		<-ctx.Done()
		stop()
	}()
	os.Exit(cmd(ctx, os.Stdin, os.Stdout, os.Stderr, os.Args[1:]))
}

type hintError struct {
	err   error
	hints []string
}

func (e *hintError) Error() string { return e.err.Error() }
func (e *hintError) Unwrap() error { return e.err }

// WithHint attaches to err what the user can do about it.
func WithHint(err error, hints ...string) error {
	if err == nil {
		return nil
	}
	return &hintError{err, hints}
}

type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// Usagef makes an error that ends a command with ExitUsage.
func Usagef(format string, args ...any) error {
	return &usageError{fmt.Errorf(format, args...)}
}

// Fail prints err with its hints and returns the exit code that it stands for.
func Fail(stderr io.Writer, program string, err error) int {
	if errors.Is(err, pflag.ErrHelp) {
		return ExitOK
	}
	// Being stopped is no error of anybody.
	interrupted := isInterrupt(err)
	if interrupted {
		fmt.Fprintf(stderr, "%s: interrupted\n", program)
	} else {
		fmt.Fprintf(stderr, "%s: error: %s\n", program, strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	for _, h := range Hints(err) {
		fmt.Fprintf(stderr, "%s: hint: %s\n", program, h)
	}
	var usage *usageError
	switch {
	case errors.As(err, &usage):
		return ExitUsage
	case interrupted:
		return ExitInterrupted
	}
	return ExitFailure
}

// isInterrupt reports that err says nothing but that the context was canceled. An
// error that came on top of that, joined to it, must be seen.
func isInterrupt(err error) bool {
	for err != nil {
		if err == context.Canceled {
			return true
		}
		err = errors.Unwrap(err)
	}
	return false
}

// Hinter is implemented by errors of other packages that know what the user
// can do about them.
type Hinter interface{ Hint() string }

// Hints collects every hint in err's chain, outermost first.
func Hints(err error) []string {
	var hints []string
	var walk func(error)
	walk = func(err error) {
		if err == nil {
			return
		}
		if h, ok := err.(*hintError); ok {
			hints = append(hints, h.hints...)
		} else if h, ok := err.(Hinter); ok && h.Hint() != "" {
			hints = append(hints, h.Hint())
		}
		switch u := err.(type) {
		case interface{ Unwrap() error }:
			walk(u.Unwrap())
		case interface{ Unwrap() []error }:
			for _, e := range u.Unwrap() {
				walk(e)
			}
		}
	}
	walk(err)
	return hints
}

// exitCodes end the help of every command that does not say them itself.
const exitCodes = "\nexit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted\n"

// FlagSet begins the flags of a command, which help shows in the order in which they are added. The first
// word of name is the program.
func FlagSet(name string) *pflag.FlagSet {
	fs := pflag.NewFlagSet(name, pflag.ContinueOnError)
	fs.SortFlags = false
	return fs
}

// Help returns what Parse calls for --help: the flags between two texts.
func Help(fs *pflag.FlagSet, head, tail string) func(io.Writer) {
	return func(w io.Writer) { fmt.Fprint(w, head, fs.FlagUsagesWrapped(100), tail) }
}

// Alias lets a flag be given by another name, too, one that it had before for instance. Help shows only
// the first name.
func Alias(fs *pflag.FlagSet, name, alias string) {
	normalize := fs.GetNormalizeFunc()
	fs.SetNormalizeFunc(func(fs *pflag.FlagSet, given string) pflag.NormalizedName {
		if given == alias {
			given = name
		}
		return normalize(fs, given)
	})
}

// Floats adds a flag of numbers with commas between them, whose default help shows as it would be
// typed; of none it shows nothing, and usage says what they are.
func Floats(fs *pflag.FlagSet, p *[]float64, name string, value []float64, usage string) {
	fs.Float64SliceVar(p, name, value, usage)
	var words []string
	for _, x := range value {
		words = append(words, strconv.FormatFloat(x, 'g', -1, 64))
	}
	fs.Lookup(name).DefValue = strings.Join(words, ",")
}

// PrintJSON writes what --json asks for: value, indented, as a person would read it.
func PrintJSON(w io.Writer, value any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(value)
}

// Parse parses args with fs, to which it adds --version. An unknown flag becomes a usage error
// that names the nearest known one; --help prints help to stdout, with the exit codes that all
// commands have unless it names its own, --version the program, the first word of fs's name, with
// its version. Both return pflag.ErrHelp.
func Parse(fs *pflag.FlagSet, args []string, stdout io.Writer, help func(io.Writer)) error {
	fs.Usage = func() {}
	fs.SetOutput(io.Discard)
	version := fs.Bool("version", false, "print the version")
	err := fs.Parse(args)
	switch {
	case err == nil && *version:
		program, _, _ := strings.Cut(fs.Name(), " ")
		fmt.Fprintln(stdout, program, Version())
		return pflag.ErrHelp
	case err == nil:
		return nil
	case errors.Is(err, pflag.ErrHelp):
		var text strings.Builder
		help(&text)
		if !strings.Contains(text.String(), "\nexit codes: ") {
			text.WriteString(exitCodes)
		}
		io.WriteString(stdout, text.String())
		return pflag.ErrHelp
	}
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) {
		name := unknown.GetSpecifiedName()
		var names []string
		fs.VisitAll(func(f *pflag.Flag) {
			if !f.Hidden {
				names = append(names, f.Name)
			}
		})
		hint := fmt.Sprintf("%s --help lists the flags", fs.Name())
		if near := Nearest(name, names); near != "" {
			hint = fmt.Sprintf("did you mean --%s? %s", near, hint)
		}
		return WithHint(Usagef("unknown flag --%s", name), hint)
	}
	return WithHint(Usagef("%w", err), fmt.Sprintf("%s --help shows examples", fs.Name()))
}

// NoArguments refuses words that belong to no flag. flag, if not empty, is the one that was
// most probably forgotten before the first of them.
func NoArguments(fs *pflag.FlagSet, flag string) error {
	if fs.NArg() == 0 {
		return nil
	}
	err := Usagef("unexpected argument %q", fs.Arg(0))
	if flag == "" {
		return err
	}
	return WithHint(err, CommandLine(append(strings.Fields(fs.Name()), "--"+flag, fs.Arg(0))...))
}

// OneOf checks a flag's value against the values that it may have.
func OneOf(flag, value string, allowed ...string) error {
	if slices.Contains(allowed, value) {
		return nil
	}
	err := Usagef("--%s %s: must be one of %s", flag, value, strings.Join(allowed, ", "))
	if near := Nearest(value, allowed); near != "" {
		return WithHint(err, fmt.Sprintf("did you mean --%s %s?", flag, near))
	}
	return err
}

// Matching keeps the items whose names match one of the patterns of --only, as path.Match reads
// them, with commas between several; all of them when it is empty. A pattern that no name
// matches is an error that says what there is.
func Matching[T any](only string, items []T, name func(*T) string) ([]T, error) {
	if only == "" {
		return items, nil
	}
	keep := make([]bool, len(items))
	for pattern := range strings.SplitSeq(only, ",") {
		some := false
		for i := range items {
			ok, err := path.Match(pattern, name(&items[i]))
			if err != nil {
				return nil, Usagef("--only %s: %w", pattern, err)
			}
			if ok {
				keep[i], some = true, true
			}
		}
		if !some {
			var names []string
			for i := range items {
				names = append(names, name(&items[i]))
			}
			return nil, WithHint(Usagef("--only %s: no cell is called so", pattern), "there are "+strings.Join(names, ", "))
		}
	}
	var kept []T
	for i, k := range keep {
		if k {
			kept = append(kept, items[i])
		}
	}
	return kept, nil
}

// Nearest returns the candidate with the smallest edit distance to word, or
// "" when none is near enough to be a typing error.
func Nearest(word string, candidates []string) string {
	best, bestDistance := "", max(2, len(word)/3)+1
	for _, c := range candidates {
		if d := levenshtein.ComputeDistance(word, c); d < bestDistance {
			best, bestDistance = c, d
		}
	}
	return best
}

// Version describes the program that runs: module version or commit, and the
// toolchain that built it.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	version := info.Main.Version
	if version == "" || version == "(devel)" {
		version = "devel"
	}
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision" && version == "devel":
			version = "devel-" + s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			version += "+changes"
		}
	}
	return version + " " + info.GoVersion
}
