package analyze

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"transcend/analysis"
	"transcend/analysis/diversity"
	"transcend/cmd/chesstrain/internal/source"
	"transcend/data"
	"transcend/internal/cli"
)

func analyzeDiversity() command {
	return command{
		name:  "diversity",
		about: "how differently people play from the same positions, under several rating caps",
		help: `Action entropy of common states and state coverage by half-move, as in Figures 5 and following of "Transcendence" (Zhang et al.
2024), under nested caps, with the two normalizers of its text and its code, and with the controls that it lacks: equally
many games, equally many visits. Games are read as they come, from corpus files or from --pgn and the like; counts take
--memory and go to disk beyond it. Every minute the counts are saved: a stopped or killed command goes on from there, and reads what was
counted again without counting it (games from standard input begin anew).`,
		examples: []string{
			"chesstrain analyze diversity --corpus games.parquet",
			"chesstrain analyze diversity --pgn 'lichess_*.pgn.zst' --caps 1000,1300,1500,all",
			"chesstrain analyze diversity --pool club --league-games 100000 --caps 800,1200,all --threshold 50",
		},
		begin: beginDiversity,
	}
}

func beginDiversity(fs *pflag.FlagSet) workFunc {
	o := diversity.Default()
	var from source.Origin
	corpora := fs.StringArray("corpus", nil, "corpus file, as chesstrain prepare writes it and a run keeps it; may be repeated")
	caps := fs.StringSlice("caps", []string{"1000", "1300", "1500"}, "bounds of the stronger player's rating, rising; all is none")
	fs.IntVar(&o.Threshold, "threshold", o.Threshold, "a state is common with more visits than this")
	fs.IntVar(&o.ActionPlies, "action-plies", o.ActionPlies, "half-moves from which moves are counted")
	fs.IntVar(&o.Plies, "plies", o.Plies, "half-moves at which states are counted")
	fs.IntVar(&o.Sample, "sample", o.Sample, "greatest number of games in the control with equally many")
	memory := fs.Int("memory", 1024, "megabytes for counts, before they go to disk")
	from.AddFlags(fs)
	return func(ctx context.Context, a *analyzing) (_ analysis.Result, err error) {
		if err := from.Settle(fs); err != nil {
			return nil, err
		}
		if o.Caps, err = parseCaps(*caps); err != nil {
			return nil, err
		}
		o.Seed, o.Dir, o.Budget = a.Seed, a.Dir, int64(*memory)<<20
		// Who was seen before is not remembered: that would take memory for every game.
		from.KeepDuplicates = true
		switch given := source.Given(fs); {
		case len(*corpora) > 0 && len(given) > 0:
			return nil, cli.Usagef("a corpus file is read whole: %s cannot be used with --corpus", strings.Join(given, ", "))
		case len(*corpora) == 0 && from.Empty():
			return nil, cli.WithHint(cli.Usagef("no games to count: name a corpus file with --corpus, or give %s", source.Flags()), "chesstrain analyze diversity --help")
		case *memory < 1 || *memory > 1<<20:
			return nil, cli.Usagef("--memory %d: must be 1 to 1,048,576 megabytes", *memory)
		}
		if err := o.Validate(); err != nil {
			return nil, cli.Usagef("%s", strings.TrimPrefix(err.Error(), "diversity: "))
		}
		if o.Keep, err = countsName(&o, *corpora, &from); err != nil {
			return nil, err
		}
		return countGames(ctx, a, o, *corpora, &from)
	}
}

// parseCaps reads the bounds; all is 0.
func parseCaps(words []string) (caps []int, err error) {
	for _, word := range words {
		bound := 0
		if word != "all" {
			if _, err := fmt.Sscanf(word, "%d", &bound); err != nil || bound == 0 || fmt.Sprint(bound) != word {
				return nil, cli.Usagef("--caps %s: ratings or all, please", word)
			}
		}
		caps = append(caps, bound)
	}
	return caps, nil
}

// saveTime is the time between two savings of counts.
const saveTime = time.Minute

// countsName names what is kept of counts by everything that decides them: options, and files by name, size and time. It is ""
// for games that cannot be read again.
func countsName(o *diversity.Options, corpora []string, from *source.Origin) (string, error) {
	if from.ReadsStandardInput() {
		return "", nil
	}
	files := slices.Clone(corpora)
	for _, pattern := range from.PGN {
		matches, err := filepath.Glob(pattern)
		if err != nil || len(matches) == 0 {
			matches = []string{pattern} // whoever opens it says what is wrong
		}
		files = append(files, matches...)
	}
	h := sha256.New()
	for _, path := range files {
		if info, err := os.Stat(path); err == nil {
			fmt.Fprintf(h, "%s %d %d\n", path, info.Size(), info.ModTime().UnixNano())
		}
	}
	if err := json.NewEncoder(h).Encode([]any{1, o, from}); err != nil {
		return "", fmt.Errorf("naming what is counted: %w", err)
	}
	return "counts-" + hex.EncodeToString(h.Sum(nil)[:6]), nil
}

// gameCount counts games as they come.
type gameCount struct {
	a             *analyzing
	c             *diversity.Counter
	games, before int // seen, and counted when it was stopped
	began, saved  time.Time
}

// countGames reads all sources.
func countGames(ctx context.Context, a *analyzing, o diversity.Options, corpora []string, from *source.Origin) (_ analysis.Result, err error) {
	c, err := diversity.NewCounter(o)
	if err != nil {
		return nil, err
	}
	defer func() {
		if closing := c.Close(); err == nil {
			err = closing
		}
	}()
	w := &gameCount{a: a, c: c, before: c.Seen(), began: time.Now()}
	w.saved = w.began
	if w.before > 0 {
		a.printf("%s games were counted before; they are read again", cli.Count(w.before))
	}
	defer func() {
		// What a signal stopped goes on from the last game.
		if err != nil && ctx.Err() != nil {
			err = errors.Join(err, c.Save())
		}
	}()
	for _, path := range corpora {
		if err := w.corpus(ctx, path); err != nil {
			return nil, err
		}
	}
	if len(corpora) == 0 {
		if err := w.sources(ctx, from); err != nil {
			return nil, err
		}
	}
	r, err := c.Report()
	if err != nil {
		return nil, cli.WithHint(err, "name other --caps; all takes every game")
	}
	a.printf("%s games counted and measured in %s: %s", cli.Count(w.games), time.Since(w.began).Round(10*time.Millisecond), w.speed())
	return r, nil
}

// add counts a game that was not counted before.
func (w *gameCount) add(g *data.Game) error {
	if w.games++; w.games <= w.before {
		return nil
	}
	if w.games%1024 == 0 && time.Since(w.saved) >= saveTime {
		if err := w.c.Save(); err != nil {
			return err
		}
		w.saved = time.Now()
	}
	return w.c.Add(g)
}

func (w *gameCount) speed() string {
	return cli.SI(float64(w.games)/max(time.Since(w.began).Seconds(), 1e-3)) + " games/s"
}

// corpus counts the games of a corpus file.
func (w *gameCount) corpus(ctx context.Context, path string) error {
	first := w.games
	err := data.StreamParquet(ctx, path, 0, func(_ int, g *data.Game) error {
		if w.games%4096 == 0 {
			w.a.progress(0, "%s  %s games  %s", filepath.Base(path), cli.Count(w.games), w.speed())
		}
		return w.add(g)
	})
	if err != nil {
		return source.CorpusError(path, err)
	}
	file, err := data.FileSource(path)
	if err != nil {
		return err
	}
	w.a.use(input{Role: "corpus", Name: filepath.Base(path), Hash: file.SHA256, Games: w.games - first})
	return nil
}

// sources counts the games of all sources.
func (w *gameCount) sources(ctx context.Context, from *source.Origin) error {
	if err := from.Check(); err != nil {
		return err
	}
	w.a.status.Close() // Gather has a live line of its own
	found, err := from.Gather(ctx, nil, w.a.stderr, w.add)
	if err != nil {
		return err
	}
	if found.Warning != nil {
		w.a.warn(found.Warning.Error())
	}
	if err := found.None(); err != nil {
		return err
	}
	for _, s := range found.Sources {
		w.a.use(input{Role: "games", Name: s.Name, Hash: s.SHA256})
	}
	return nil
}
