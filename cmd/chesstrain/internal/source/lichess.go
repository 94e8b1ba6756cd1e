package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/pflag"

	"transcend/data"
	"transcend/data/lichess"
	"transcend/internal/cli"
)

// lichessMonths are months of the Lichess database.
type lichessMonths struct {
	Lichess    []string `json:"lichess,omitempty"` // months and ranges of months, as given
	LichessURL string   `json:"lichess_url,omitempty"`
	// KeepMonths is the directory that months are kept in, "" for none.
	KeepMonths string `json:"keep_months,omitempty"`

	months []lichess.Month // after check
}

func (l *lichessMonths) addFlags(fs *pflag.FlagSet) {
	fs.StringSliceVar(&l.Lichess, "lichess", nil, "months of the Lichess database, read from the net: 2023-01 or 2023-01..2023-10; may be repeated")
	fs.StringVar(&l.LichessURL, "lichess-url", "", "address of the database or a mirror (default "+lichess.DefaultBaseURL+")")
	fs.StringVar(&l.KeepMonths, "keep", "", "keep the months on disk in this directory; read from there next time, taken up where they were cut off")
}

func (l *lichessMonths) asks() []string { return []string{"lichess"} }
func (l *lichessMonths) plays() bool    { return false }
func (l *lichessMonths) settle(bool)    {}
func (l *lichessMonths) given() bool    { return len(l.Lichess) > 0 }

func (l *lichessMonths) example() (what, flags string) {
	return "real games, from https://database.lichess.org", "--lichess 2013-01"
}

func (l *lichessMonths) check() error {
	switch {
	case !l.given() && l.LichessURL != "":
		return cli.WithHint(cli.Usagef("--lichess-url without --lichess"), "say which months: --lichess 2023-01")
	case !l.given() && l.KeepMonths != "":
		return cli.WithHint(cli.Usagef("--keep %s is for months of --lichess", l.KeepMonths),
			"files of --pgn are on disk already; for the number of checkpoints there is --keep-checkpoints")
	}
	l.months = nil
	for _, s := range l.Lichess {
		months, err := lichess.ParseMonths(s, time.Now())
		if err != nil {
			return cli.Usagef("--lichess %s: %s", s, strings.TrimPrefix(err.Error(), fmt.Sprintf("lichess: months %q: ", s)))
		}
		l.months = append(l.months, months...)
	}
	if l.LichessURL != "" {
		if err := lichess.CheckBaseURL(l.LichessURL); err != nil {
			return cli.Usagef("--lichess-url: %w", err)
		}
	}
	if l.KeepMonths != "" {
		if info, err := os.Stat(l.KeepMonths); err == nil && !info.IsDir() {
			return cli.Usagef("--keep %s: is not a directory", l.KeepMonths)
		}
	}
	return nil
}

func (l *lichessMonths) open(ctx context.Context, _ io.Reader, p *progress) ([]*source, error) {
	config, _ := ctx.Value(fetchKey{}).(lichess.Config)
	config.BaseURL, config.KeepDir = l.LichessURL, l.KeepMonths
	config.Notify = func(e lichess.Event) { p.printf("%v", e) }
	var sources []*source
	for _, m := range l.months {
		sources = append(sources, monthSource(ctx, m, config))
	}
	return sources, nil
}

func (l *lichessMonths) goesOn() []string {
	if l.KeepMonths == "" {
		return nil
	}
	return []string{fmt.Sprintf("what was fetched is in %s: the same command goes on there", l.KeepMonths)}
}

// monthSource is the source of a month.
func monthSource(ctx context.Context, m lichess.Month, config lichess.Config) *source {
	own := new(monthStream)
	return &source{
		name: m.FileName(), size: -1, own: own, about: own.describe,
		open: func() (io.ReadCloser, error) {
			s, err := lichess.Open(ctx, m, config)
			if err != nil {
				return nil, err
			}
			own.Store(s)
			return s, nil
		},
	}
}

// monthStream is the verifier of a month: its stream, nil until it is open.
type monthStream struct {
	atomic.Pointer[lichess.Stream]
}

func (m *monthStream) progress() (read, size int64) {
	if s := m.Load(); s != nil {
		return s.Progress()
	}
	return 0, -1
}

func (m *monthStream) damaged() { m.Load().Damaged() }

func (m *monthStream) spoiled(err error) bool {
	var changed *lichess.ChangedError
	var wrong *lichess.ChecksumError
	return errors.As(err, &changed) || errors.As(err, &wrong)
}

// describe fills in what the server said.
func (m *monthStream) describe(d *data.Source) {
	info := m.Load().Info()
	d.URL, d.Size, d.SHA256, d.Verified = info.URL, max(info.Size, 0), info.SHA256, info.Verified
}

// fetchKey is the key under which a context has a lichess.Config.
type fetchKey struct{}

// WithFetch returns a context in which months are fetched as config says, by another clock for instance: a server's
// bad day takes minutes. Address and directory are those of the flags.
func WithFetch(ctx context.Context, config lichess.Config) context.Context {
	return context.WithValue(ctx, fetchKey{}, config)
}
