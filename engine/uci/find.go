package uci

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"transcend/engine"
	"transcend/internal/clip"
)

// NotFoundError is an engine that is nowhere to be found.
type NotFoundError struct {
	Name     string
	Searched []string // directories, besides those of PATH
}

// Failure is engine.Setup.
func (e *NotFoundError) Failure() engine.Failure { return engine.Setup }

func (e *NotFoundError) Error() string {
	if strings.ContainsAny(e.Name, `/\`) {
		return fmt.Sprintf("engine: there is no file %s", e.Name)
	}
	return fmt.Sprintf("engine: no engine named %q in PATH or in %s", clip.Text(e.Name, 60), strings.Join(e.Searched, ", "))
}

// Is makes errors.Is(err, fs.ErrNotExist) true.
func (e *NotFoundError) Is(target error) bool { return target == fs.ErrNotExist }

// Hint says how to get the engine.
func (e *NotFoundError) Hint() string {
	if strings.Contains(strings.ToLower(filepath.Base(e.Name)), "stockfish") {
		return "install Stockfish: \"sudo apt install stockfish\" on Debian and Ubuntu, \"brew install stockfish\" on macOS, " +
			"on Windows download it from https://stockfishchess.org/download/ and put it in PATH; or give its path"
	}
	return "give the path of its program"
}

// StartError is a program that could not be run at all.
type StartError struct {
	Path string
	Err  error
}

// Failure is engine.Setup.
func (e *StartError) Failure() engine.Failure { return engine.Setup }

func (e *StartError) Error() string { return fmt.Sprintf("engine: starting %s: %v", e.Path, e.Err) }
func (e *StartError) Unwrap() error { return e.Err }

// Hint says what to check.
func (e *StartError) Hint() string {
	if errors.Is(e.Err, fs.ErrPermission) {
		return "make it executable: chmod +x " + e.Path
	}
	return ""
}

// wellKnownDirs is where packages put engines although it is not in everybody's
// PATH: Debian and Ubuntu use /usr/games, which root, cron and many containers
// lack; Homebrew on Apple silicon uses /opt/homebrew.
func wellKnownDirs(goos string) []string {
	if goos == "windows" {
		return []string{`C:\Program Files\Stockfish`, `C:\stockfish`, `C:\ProgramData\chocolatey\bin`}
	}
	return []string{"/usr/games", "/usr/local/games", "/usr/local/bin", "/usr/bin", "/opt/homebrew/bin", "/opt/local/bin", "/home/linuxbrew/.linuxbrew/bin", "/snap/bin"}
}

// Find returns the absolute path of an engine's program. A name with a slash is
// a path; a bare name, such as "stockfish", is looked up in PATH and then where
// packages put engines. What cannot be found is a *NotFoundError, what is there
// but cannot be run a *StartError; both have a Hint.
func Find(name string) (string, error) { return find(name, wellKnownDirs(runtime.GOOS)) }

func find(name string, dirs []string) (string, error) {
	if name == "" {
		return "", errors.New("engine: no program given")
	}
	if strings.ContainsRune(name, '/') || strings.ContainsRune(name, filepath.Separator) {
		path, err := filepath.Abs(name)
		if err != nil {
			return "", &StartError{Path: name, Err: err}
		}
		// LookPath on a path checks that it is a file that may be executed, and
		// adds .exe on Windows.
		found, err := exec.LookPath(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return "", &NotFoundError{Name: name}
		case err != nil:
			return "", &StartError{Path: name, Err: errors.Unwrap(err)}
		}
		return found, nil
	}
	// A program of the current directory (exec.ErrDot) is not run unless it is
	// asked for by path.
	if path, err := exec.LookPath(name); err == nil {
		if path, err = filepath.Abs(path); err == nil {
			return path, nil
		}
	}
	for _, dir := range dirs {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path, nil
		}
	}
	return "", &NotFoundError{Name: name, Searched: dirs}
}

// hashFile returns the SHA-256 of a file in hexadecimal: which program a result was
// made with.
func hashFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("engine: hashing: %w", err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("engine: hashing %s: %w", path, err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
