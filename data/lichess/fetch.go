package lichess

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"transcend/internal/clip"
)

// maxFile is the largest size of a file that is believed: 1 TiB. The largest
// month has some 30 GB.
const maxFile = 1 << 40

// userAgent tells the server's people what is reading.
const userAgent = "transcend/1 (monthly games)"

// identity is what tells one version of a file on a server from another.
type identity struct {
	ETag         string `json:"etag,omitempty"`
	LastModified string `json:"last_modified,omitempty"`
	Size         int64  `json:"size"` // -1 when it is not known
}

// validator returns the value for If-Range, "" for none. Weak ETags are not
// allowed in it (RFC 9110, 13.1.5).
func (id identity) validator() string {
	if id.ETag != "" && !strings.HasPrefix(id.ETag, "W/") {
		return id.ETag
	}
	return id.LastModified
}

// known tells whether there is anything to compare.
func (id identity) known() bool { return id.ETag != "" || id.LastModified != "" || id.Size >= 0 }

// compare compares what is known of both. It returns how many values there are on
// both sides and, if one differs, an error without its URL.
func (id identity) compare(now identity) (common int, changed *ChangedError) {
	differ := func(what, was, is string) {
		common++
		if was != is && changed == nil {
			changed = &ChangedError{What: what, Was: was, Now: is}
		}
	}
	if id.Size >= 0 && now.Size >= 0 {
		differ("size", strconv.FormatInt(id.Size, 10), strconv.FormatInt(now.Size, 10))
	}
	if id.ETag != "" && now.ETag != "" {
		differ("ETag", id.ETag, now.ETag)
	}
	if id.LastModified != "" && now.LastModified != "" {
		differ("Last-Modified", id.LastModified, now.LastModified)
	}
	return common, changed
}

// identityOf returns what a response tells of the file, whose size the caller
// knows from Content-Length or Content-Range.
func identityOf(h http.Header, size int64) identity {
	return identity{ETag: h.Get("ETag"), LastModified: h.Get("Last-Modified"), Size: size}
}

// checkSize says why an announced size is not to be believed; -1 is unknown.
func checkSize(size int64) error {
	switch {
	case size == 0:
		return errors.New("the file on the server is empty")
	case size > maxFile:
		return fmt.Errorf("the server announces a file of %d bytes, which cannot be: the limit is %d", size, int64(maxFile))
	}
	return nil
}

// contentRange is the value of Content-Range (RFC 9110, 14.4): the bytes from
// first to last of total; total is -1 when it is "*". Without a range, as
// status 416 has it, first is -1.
type contentRange struct{ first, last, total int64 }

// parseContentRange reads "bytes 0-9/100", "bytes 0-9/*" or "bytes */100".
func parseContentRange(s string) (contentRange, bool) {
	unit, rest, ok := strings.Cut(s, " ")
	if !ok || !strings.EqualFold(unit, "bytes") {
		return contentRange{}, false
	}
	span, total, ok := strings.Cut(rest, "/")
	if !ok {
		return contentRange{}, false
	}
	r := contentRange{first: -1, last: -1, total: -1}
	if total != "*" {
		if r.total, ok = parseSize(total); !ok {
			return contentRange{}, false
		}
	}
	if span == "*" {
		return r, r.total >= 0
	}
	from, to, ok := strings.Cut(span, "-")
	if !ok {
		return contentRange{}, false
	}
	var ok1, ok2 bool
	r.first, ok1 = parseSize(from)
	r.last, ok2 = parseSize(to)
	if !ok1 || !ok2 || r.last < r.first || r.total >= 0 && r.last >= r.total {
		return contentRange{}, false
	}
	return r, true
}

// parseSize reads digits, at most 18 of them.
func parseSize(s string) (int64, bool) {
	if s == "" || len(s) > 18 {
		return 0, false
	}
	var n int64
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + int64(c-'0')
	}
	return n, true
}

// retryAfter reads Retry-After, seconds or a date (RFC 9110, 10.2.3); 0 when it is
// missing, malformed or over.
func retryAfter(h http.Header, now time.Time) time.Duration {
	s := h.Get("Retry-After")
	if seconds, ok := parseSize(s); ok {
		return time.Duration(min(seconds, 1<<32)) * time.Second
	}
	if at, err := http.ParseTime(s); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}

// fetcher makes requests.
type fetcher struct {
	cfg    Config
	client *http.Client
	own    *http.Transport // to be closed, nil when it is the caller's
}

func newFetcher(cfg Config) *fetcher {
	f := &fetcher{cfg: cfg}
	rt := cfg.Transport
	if rt == nil {
		f.own = newTransport()
		rt = f.own
	}
	f.client = &http.Client{Transport: rt, CheckRedirect: checkRedirect}
	return f
}

func (f *fetcher) close() {
	if f.own != nil {
		f.own.CloseIdleConnections()
	}
}

// conn is an answer that is being read.
type conn struct {
	*http.Response
	url    string
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  Timer
	stall  time.Duration
	left   int64 // bytes of the body to come, -1 when it is not known
	ranged bool  // the answer is a range
}

// get asks for url. Answers other than 200, 206 and, when a range was asked for,
// 416 are errors. Errors are transient when another try may help.
func (f *fetcher) get(parent context.Context, url string, header http.Header) (*conn, error) {
	ctx, cancel := context.WithCancelCause(parent)
	c := &conn{url: url, ctx: ctx, cancel: cancel, stall: f.cfg.StallTimeout}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		cancel(nil)
		return nil, err
	}
	for k, v := range header {
		req.Header[k] = v
	}
	req.Header.Set("User-Agent", userAgent)
	req.Header.Set("Accept-Encoding", "identity")

	c.timer = f.cfg.AfterFunc(c.stall, func() {
		cancel(fmt.Errorf("%w for %v", ErrStalled, c.stall))
	})
	resp, err := f.client.Do(req)
	c.timer.Stop()
	if err != nil {
		err = c.explain(err)
		cancel(nil)
		return nil, err
	}
	c.Response = resp
	c.left = resp.ContentLength
	if err := f.checkAnswer(c, header.Get("Range") != ""); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// checkAnswer says whether there is a file in an answer.
func (f *fetcher) checkAnswer(c *conn, ranged bool) error {
	switch {
	case c.StatusCode == http.StatusOK,
		c.StatusCode == http.StatusPartialContent && ranged:
	case c.StatusCode == http.StatusPartialContent:
		return &transient{err: &RangeError{0, "the range " + strconv.Quote(clip.Text(c.Header.Get("Content-Range"), maxQuoted))}}
	case c.StatusCode == http.StatusRequestedRangeNotSatisfiable && ranged:
		return nil
	default:
		err := &StatusError{URL: c.url, Status: c.StatusCode, RetryAfter: retryAfter(c.Header, f.cfg.Now())}
		switch c.StatusCode {
		case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError,
			http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
			return &transient{err, err.RetryAfter}
		}
		return err
	}
	if e := c.Header.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
		return fmt.Errorf("%s: the server sends it encoded as %q, which was not asked for (is there a proxy in between?)", c.url, clip.Text(e, maxQuoted))
	}
	if t, _, _ := mime.ParseMediaType(c.Header.Get("Content-Type")); t == "text/html" {
		return fmt.Errorf("%s: the server sends a web page instead of the file (is the base URL right? is there a login page in between?)", c.url)
	}
	return nil
}

// Read reads the body, while the timer for stalls runs. Errors other than io.EOF
// are transient, but for the end of the parent's context.
func (c *conn) Read(p []byte) (int, error) {
	if c.left == 0 {
		return 0, io.EOF
	}
	if c.left > 0 && int64(len(p)) > c.left {
		p = p[:c.left]
	}
	c.timer.Reset(c.stall)
	n, err := c.Body.Read(p)
	c.timer.Stop()
	if c.left > 0 {
		c.left -= int64(n)
		if err == io.EOF && c.left > 0 {
			err = io.ErrUnexpectedEOF
		}
	}
	if err != nil && err != io.EOF {
		err = c.explain(fmt.Errorf("the connection was lost: %w", err))
	}
	return n, err
}

// close gives the connection up.
func (c *conn) close() {
	c.cancel(nil)
	c.Body.Close()
}

// explain returns the reason for an error of a request and whether it is
// transient.
func (c *conn) explain(err error) error {
	cause := context.Cause(c.ctx)
	switch {
	case errors.Is(cause, ErrStalled):
		return &transient{err: cause}
	case cause != nil:
		return cause
	}
	var (
		ue   *url.Error
		cert *tls.CertificateVerificationError
		dns  *net.DNSError
	)
	if errors.As(err, &ue) {
		err = fmt.Errorf("%s: %w", c.url, ue.Err)
	}
	if errors.Is(err, errRedirect) || errors.As(err, &cert) || errors.Is(err, http.ErrSchemeMismatch) {
		return err
	}
	if errors.As(err, &dns) && dns.IsNotFound {
		// Mostly there is no network, and that may come back.
		err = fmt.Errorf("%w (is there a network? is the base URL right?)", err)
	}
	return &transient{err: err}
}

// retrier counts failures in a row.
type retrier struct {
	cfg      *Config
	failures int
}

// wait returns how long to wait after one more failure, or an error when that
// was one too many.
func (r *retrier) wait(t *transient) (time.Duration, error) {
	r.failures++
	if t.after > r.cfg.MaxRetryAfter {
		return 0, fmt.Errorf("%w: come back later: a wait of more than %v is too long", t.err, r.cfg.MaxRetryAfter)
	}
	if r.failures >= r.cfg.Tries {
		if r.failures == 1 {
			return 0, t.err
		}
		return 0, fmt.Errorf("gave up after %d failures in a row: %w", r.failures, t.err)
	}
	d := r.cfg.MinBackoff
	for i := 1; i < r.failures && d < r.cfg.MaxBackoff; i++ {
		if d > r.cfg.MaxBackoff/2 {
			d = r.cfg.MaxBackoff
			break
		}
		d *= 2
	}
	// Many clients that lost the same server must not come back together.
	half := float64(d) / 2
	d = time.Duration(half + half*r.cfg.Jitter())
	if t.after > 0 {
		d += t.after
	}
	return d, nil
}
