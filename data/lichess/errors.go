package lichess

import (
	"errors"
	"fmt"
	"net/http"
	"time"
)

// ErrClosed is the error of a Read after Close.
var ErrClosed = errors.New("the stream is closed")

// ErrStalled is why a connection was given up that brought nothing for
// Config.StallTimeout.
var ErrStalled = errors.New("the server sends nothing")

// ErrLocked is the error of Open when another stream, of this program or another,
// is keeping the same month in the same directory.
var ErrLocked = errors.New("somebody else is fetching it into this directory")

// StatusError is an answer of the server that is no file.
type StatusError struct {
	URL        string
	Status     int           // as in 404
	RetryAfter time.Duration // what the server asks to wait, 0 when it does not
}

func (e *StatusError) Error() string {
	msg := fmt.Sprintf("%s: the server answers %d %s", e.URL, e.Status, http.StatusText(e.Status))
	switch {
	case e.Status == http.StatusNotFound || e.Status == http.StatusGone:
		msg += ": it has no such file; a month comes some days after it is over (is the base URL right?)"
	case e.RetryAfter > 0:
		msg += fmt.Sprintf(", to be asked again in %v", e.RetryAfter)
	case e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden:
		msg += ": it does not give out the file (is the base URL right?)"
	}
	return msg
}

// ChangedError tells that the file was replaced on the server while it was read.
type ChangedError struct {
	URL      string
	What     string // "ETag", "Last-Modified", "size" or "content"
	Was, Now string
}

func (e *ChangedError) Error() string {
	return fmt.Sprintf("%s changed on the server while it was read (%s was %s, is %s): what was read so far cannot be completed, start again",
		e.URL, e.What, e.Was, e.Now)
}

// ChecksumError tells that a file that was read to its end is not the one of the
// server's list.
type ChecksumError struct {
	File      string
	Want, Got string // SHA-256, hexadecimal
	SumsURL   string // where Want is from
	Path      string // where the wrong bytes are for inspection, "" when they were not kept
}

func (e *ChecksumError) Error() string {
	msg := fmt.Sprintf("the SHA-256 of %s is %s, but must be %s by %s: the file was damaged or replaced on its way or on the server; do not use what was read, fetch it again",
		e.File, e.Got, e.Want, e.SumsURL)
	if e.Path != "" {
		msg += fmt.Sprintf(" (the damaged file is %s, delete it)", e.Path)
	}
	return msg
}

// RangeError is an answer that holds another range of the file than was asked for.
type RangeError struct {
	Offset int64  // the first byte that was asked for
	Got    string // Content-Range, or what else tells the range
}

func (e *RangeError) Error() string {
	return fmt.Sprintf("the server was asked for the bytes from %d on and sends %s", e.Offset, e.Got)
}

// transient wraps an error after which it makes sense to try again.
type transient struct {
	err   error
	after time.Duration // what the server asks to wait
}

func (e *transient) Error() string { return e.err.Error() }
func (e *transient) Unwrap() error { return e.err }

// errRedirect is wrapped by all redirects that are not followed.
var errRedirect = errors.New("redirect refused")
