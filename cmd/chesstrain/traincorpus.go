package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"transcend/cmd/chesstrain/internal/source"
	"transcend/data"
	"transcend/internal/atomicfile"
	"transcend/internal/cli"
)

// The games of a run: read from their sources or taken from a corpus file, kept in the run, and divided.

// split divides the games into those to train on and those to validate on.
func (t *trainRun) split() (training, validation *data.Corpus, err error) {
	if t.Split != splitPlayer {
		training, validation = t.corpus.Split(t.ValidationFraction)
		return training, validation, nil
	}
	training, validation, dropped := t.corpus.SplitByPlayer(t.ValidationFraction)
	if training.Len()+validation.Len() == 0 {
		return nil, nil, cli.WithHint(errors.New("--split player: the games do not say who played"),
			"take --split game, or make the corpus again from sources that name the players")
	}
	t.printf("split by player: left out %s games between both sides or with an unknown player (%s)", cli.Count(dropped), cli.Percent(float64(dropped), float64(t.corpus.Len())))
	return training, validation, nil
}

// readCorpus reads the corpus of --corpus and takes over how its games were
// chosen.
func (s *settings) readCorpus(ctx context.Context) (*data.Corpus, error) {
	corpus, err := data.LoadParquet(ctx, s.Corpus, data.ParquetOptions{})
	if err != nil {
		return nil, source.CorpusError(s.Corpus, err)
	}
	if corpus.Len() == 0 {
		return nil, fmt.Errorf("--corpus %s: there are no games in it", s.Corpus)
	}
	id := fmt.Sprintf("%016x", corpus.Fingerprint())
	if s.CorpusID != "" && id != s.CorpusID {
		return nil, cli.WithHint(fmt.Errorf("%s holds other games than when the run began", s.Corpus), "put the old file back, or begin another run")
	}
	s.CorpusID, s.CorpusScale = id, playedOn(corpus.Provenance.Sources)
	filter := corpus.Provenance.Filter
	s.KeepDuplicates, filter.DropDuplicates = !filter.DropDuplicates, false
	s.Filter = filter
	return corpus, nil
}

// playedOn is the scale of the ratings of games that were all played for this, on one scale, "" of others.
func playedOn(sources []data.Source) string {
	if len(sources) == 0 || slices.ContainsFunc(sources, func(s data.Source) bool { return s.Scale != sources[0].Scale }) {
		return ""
	}
	return sources[0].Scale
}

// loadCorpus reads the games: from the run's own corpus file when it is there,
// else from the sources, after which it writes that file.
func (t *trainRun) loadCorpus(ctx context.Context) error {
	path := filepath.Join(t.dir.Path(), corpusFile)
	if t.resume {
		corpus, err := data.LoadParquet(ctx, path, data.ParquetOptions{})
		if err == nil {
			t.corpus = corpus
			b, err := os.ReadFile(filepath.Join(t.dir.Path(), reportFile))
			if err == nil {
				err = json.Unmarshal(b, &t.report)
			}
			if err != nil {
				return fmt.Errorf("reading the run's filter report: %w", err)
			}
			return nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			if ctx.Err() != nil {
				return err
			}
			return cli.WithHint(err, fmt.Sprintf("delete %s to make it again from its sources", path))
		}
	}
	if t.Corpus != "" {
		return t.takeCorpus(ctx, path)
	}
	if t.resume {
		if err := t.Origin.Check(); err != nil {
			return err
		}
		if t.ReadsStandardInput() {
			return errors.New("the run was killed before it had read standard input: start it again without --resume")
		}
	}
	corpus := data.NewCorpus()
	found, err := t.Gather(ctx, t.stdin, t.stderr, func(g *data.Game) error {
		corpus.Append(g)
		return nil
	})
	if err != nil {
		return err
	}
	t.report = found.Report
	if found.Warning != nil {
		fmt.Fprintf(t.warnings, "warning: %v\n", found.Warning)
	}
	t.printf("%s", found.Table(t.verbose))
	if err := found.None(); err != nil {
		return err
	}
	corpus.Provenance = found.Provenance()
	t.corpus = corpus
	if err := t.writeReport(); err != nil {
		return err
	}
	return t.corpus.WriteParquet(path)
}

// writeReport writes the filter's report. It comes before the corpus: where that
// is, the report is.
func (t *trainRun) writeReport() error {
	b, err := json.MarshalIndent(t.report, "", "  ")
	if err != nil {
		return err
	}
	return atomicfile.WriteBytes(filepath.Join(t.dir.Path(), reportFile), 0o644, append(b, '\n'))
}

// takeCorpus puts the corpus of --corpus into the run, so that it can be resumed
// whatever becomes of the file. On the same file system that is a second name for
// it and takes no room: corpus files are replaced, never written to.
func (t *trainRun) takeCorpus(ctx context.Context, path string) error {
	if t.corpus == nil {
		var err error
		if t.corpus, err = t.readCorpus(ctx); err != nil {
			return err
		}
	}
	t.report = t.corpus.Provenance.Report
	if err := t.writeReport(); err != nil {
		return err
	}
	from, err := filepath.EvalSymlinks(t.Corpus) // a link to a link would be of no use
	if err != nil {
		return err
	}
	if os.Link(from, path) == nil {
		return atomicfile.SyncDir(t.dir.Path())
	}
	return atomicfile.WriteFile(path, 0o644, func(w io.Writer) error {
		f, err := os.Open(from)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = io.Copy(w, f)
		return err
	})
}
