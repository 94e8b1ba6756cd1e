package sweep

import (
	"strings"
	"testing"

	"transcend/cmd/arena/internal/arenatest"
	"transcend/internal/cli"
	"transcend/internal/fakeengine"
)

func TestBrokenEngines(t *testing.T) {
	dir := t.TempDir()
	fake, err := fakeengine.Build(dir)
	if err != nil {
		t.Fatal(err)
	}
	checkpoint := arenatest.WriteModel(t, dir)
	for _, tt := range []struct {
		name   string
		faults []string
		want   string
	}{
		{"crashes at the start", []string{"-crash=start"}, "crashed"},
		{"crashes in the game", []string{"-crash=go", "-after=3"}, "given up after 2 tries"},
		{"lies about moves", []string{"-bestmove=illegal", "-after=2"}, "illegal move"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			args := []string{"--engine", fake, "--model", checkpoint, "--illegal", "mask", "--games", "2", "--nodes", "1", "--retries", "1", "--concurrency", "1"}
			for _, f := range tt.faults {
				args = append(args, "--engine-arg", f)
			}
			code, _, errs := run(t, dir, args...)
			if code != cli.ExitFailure || !strings.Contains(errs, tt.want) {
				t.Errorf("exit %d, want %d and %q:\n%s", code, cli.ExitFailure, tt.want, errs)
			}
		})
	}
}
