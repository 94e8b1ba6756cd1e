package lichess

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"transcend/internal/clip"
)

// DefaultBaseURL is where the database is.
const DefaultBaseURL = "https://database.lichess.org"

// Defaults of a Config. Together they outlast some six minutes of a server that
// is down.
const (
	defaultStallTimeout  = time.Minute
	defaultTries         = 10
	defaultMinBackoff    = time.Second
	defaultMaxBackoff    = time.Minute
	defaultMaxRetryAfter = 10 * time.Minute
)

// Config says how months are fetched. The zero value is ready for use.
type Config struct {
	// BaseURL is the http or https address of the database or a mirror of it:
	// files are at BaseURL/standard/. It must hold no password, query or
	// fragment. "" is DefaultBaseURL.
	BaseURL string

	// KeepDir is the directory to keep the files in, made when it is missing; "" is
	// none. A file that is there is used without a network. A file that is not
	// whole yet has the name of the file and ".part", what is known of it
	// ".part.json"; a later stream takes it up where it ends when the server
	// still has the same file. It gets its name when all is read and the checksum is
	// right, and ends in ".bad" when the checksum is wrong. A ".lock" file keeps
	// others from doing the same at the same time.
	KeepDir string

	// Notify is called with what happens, by the goroutine that is in Open or
	// Read. It must not call the stream's Read or Close. nil is nobody.
	Notify func(Event)

	// StallTimeout is how long a connection may bring nothing while somebody waits
	// for it. 0 is a minute.
	StallTimeout time.Duration

	// Tries is how many failures there may be in a row; a new byte starts the count
	// again. 0 is 10.
	Tries int

	// MinBackoff is the wait after the first failure, in the mean 3/4 of it; it
	// doubles with each failure up to MaxBackoff. 0 is a second and a minute.
	MinBackoff, MaxBackoff time.Duration

	// MaxRetryAfter is the longest wait that a server may ask for by Retry-After. If
	// it asks for more, that is an error, for coming back too early is of no use. 0
	// is ten minutes.
	MaxRetryAfter time.Duration

	// Transport makes the requests. nil is one of its own for each stream, with
	// the proxies of the environment, see http.ProxyFromEnvironment.
	Transport http.RoundTripper

	// AfterFunc, Now and Jitter are the clock and the dice of the waits; none of them
	// changes what is read. nil are time.AfterFunc, time.Now and a random number
	// from 0 to 1.
	AfterFunc func(time.Duration, func()) Timer
	Now       func() time.Time
	Jitter    func() float64
}

// Timer is what Config.AfterFunc returns, a *time.Timer for instance.
type Timer interface {
	Stop() bool
	Reset(time.Duration) bool
}

// withDefaults returns c with all fields filled but KeepDir and Transport, and
// what is wrong with it.
func (c Config) withDefaults() (Config, error) {
	if c.BaseURL == "" {
		c.BaseURL = DefaultBaseURL
	}
	base, err := checkBaseURL(c.BaseURL)
	if err != nil {
		return c, err
	}
	c.BaseURL = base
	if c.Tries < 0 || c.StallTimeout < 0 || c.MinBackoff < 0 || c.MaxBackoff < 0 || c.MaxRetryAfter < 0 {
		return c, errors.New("tries and waits must not be negative")
	}
	if c.Tries == 0 {
		c.Tries = defaultTries
	}
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&c.StallTimeout, defaultStallTimeout},
		{&c.MinBackoff, defaultMinBackoff},
		{&c.MaxBackoff, defaultMaxBackoff},
		{&c.MaxRetryAfter, defaultMaxRetryAfter},
	} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	c.MaxBackoff = max(c.MaxBackoff, c.MinBackoff)
	if c.Notify == nil {
		c.Notify = func(Event) {}
	}
	if c.AfterFunc == nil {
		c.AfterFunc = func(d time.Duration, f func()) Timer { return time.AfterFunc(d, f) }
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Jitter == nil {
		c.Jitter = rand.Float64
	}
	return c, nil
}

// CheckBaseURL says what is wrong with a Config.BaseURL.
func CheckBaseURL(s string) error {
	_, err := checkBaseURL(s)
	return err
}

// checkBaseURL returns a base URL without the slash at its end.
func checkBaseURL(s string) (string, error) {
	u, err := url.Parse(s)
	if err != nil {
		// The error of url.Parse quotes the address, and with it a password.
		return "", errors.New("the base URL is no address: write it as " + DefaultBaseURL)
	}
	if err := checkURL(u); err != nil {
		return "", fmt.Errorf("base URL %s: %w: write it as %s", clip.Text(u.Redacted(), maxQuoted), err, DefaultBaseURL)
	}
	if u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return "", fmt.Errorf("base URL %s: it must end with its path, without ? and #", clip.Text(u.Redacted(), maxQuoted))
	}
	return strings.TrimRight(u.String(), "/"), nil
}

// checkURL says why an address is not one to fetch from.
func checkURL(u *url.URL) error {
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("%q is not http or https", clip.Text(u.Scheme, maxQuoted))
	case u.Hostname() == "":
		return errors.New("it has no host")
	case u.User != nil:
		return errors.New("it must not hold a user or password")
	}
	return nil
}

// newTransport returns the transport of one stream.
func newTransport() *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout:    30 * time.Second,
		ForceAttemptHTTP2:      true,
		DisableCompression:     true, // ranges are of the file, not of a recoding of it
		MaxIdleConnsPerHost:    1,
		IdleConnTimeout:        time.Minute,
		ReadBufferSize:         64 << 10,
		MaxResponseHeaderBytes: 64 << 10,
	}
}

// checkRedirect is the policy of an http.Client.
func checkRedirect(req *http.Request, via []*http.Request) error {
	if len(via) >= 10 {
		return fmt.Errorf("%w: there are more than ten", errRedirect)
	}
	if err := checkURL(req.URL); err != nil {
		return fmt.Errorf("%w: to %s: %w", errRedirect, clip.Text(req.URL.Redacted(), maxQuoted), err)
	}
	if via[len(via)-1].URL.Scheme == "https" && req.URL.Scheme != "https" {
		return fmt.Errorf("%w: to %s: it leaves https (if that is wanted, make it the base URL)", errRedirect, clip.Text(req.URL.Redacted(), maxQuoted))
	}
	return nil
}
