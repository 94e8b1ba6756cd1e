package lichess

import (
	"fmt"
	"time"
)

// EventKind says what an Event is about.
type EventKind uint8

const (
	// Retrying: a request or a connection failed, because of Err, and is tried
	// again after Wait. It is failure number Try of at most Tries in a row.
	Retrying EventKind = iota + 1
	// Resumed: the first Offset bytes are in Path already, from an earlier run,
	// and still what the server has.
	Resumed
	// Restarted: what an earlier run left in Path is of no use, because of Err; the
	// file is fetched from its start.
	Restarted
	// Rereading: the server sends the file from its start instead of from Offset;
	// the bytes before are fetched again and compared.
	Rereading
	// Verified: the whole file was read and has the checksum of the server's list.
	// Path is the file it was kept in, if it was.
	Verified
	// Unverified is a warning: the whole file was read, but could not be compared
	// with a checksum, because of Err. Path is the file it was kept in, if it was.
	Unverified
)

// String returns the kind in a word.
func (k EventKind) String() string {
	switch k {
	case Retrying:
		return "retrying"
	case Resumed:
		return "resumed"
	case Restarted:
		return "restarted"
	case Rereading:
		return "rereading"
	case Verified:
		return "verified"
	case Unverified:
		return "unverified"
	}
	return fmt.Sprintf("EventKind(%d)", uint8(k))
}

// Event is something that happened while a month was read.
type Event struct {
	Kind   EventKind
	Month  Month
	Offset int64         // bytes read so far
	Size   int64         // of the whole file in bytes, -1 when the server did not say
	Err    error         // why; nil for Resumed, Rereading, Verified
	Try    int           // Retrying: failures in a row, from 1
	Tries  int           // Retrying: how many are allowed
	Wait   time.Duration // Retrying: until the next try
	Path   string        // the file on disk, "" when nothing is kept
}

// String describes the event in a line for a person.
func (e Event) String() string {
	name := e.Month.FileName()
	switch e.Kind {
	case Retrying:
		return fmt.Sprintf("%s: %v; trying again in %v (failure %d of %d, at %s)",
			name, e.Err, e.Wait.Round(100*time.Millisecond), e.Try, e.Tries, position(e.Offset, e.Size))
	case Resumed:
		return fmt.Sprintf("%s: going on after the part in %s (at %s)", name, e.Path, position(e.Offset, e.Size))
	case Restarted:
		return fmt.Sprintf("%s: fetching it from the start, the part in %s is of no use: %v", name, e.Path, e.Err)
	case Rereading:
		return fmt.Sprintf("%s: the server does not resume: fetching the first %d bytes again", name, e.Offset)
	case Verified:
		if e.Path != "" {
			return fmt.Sprintf("%s: checksum verified, kept as %s", name, e.Path)
		}
		return name + ": checksum verified"
	case Unverified:
		if e.Path != "" {
			return fmt.Sprintf("%s: warning: the checksum was not verified: %v; kept as %s", name, e.Err, e.Path)
		}
		return fmt.Sprintf("%s: warning: the checksum was not verified: %v", name, e.Err)
	}
	return fmt.Sprintf("%s: %v", name, e.Kind)
}

// position says where in a file something is.
func position(offset, size int64) string {
	if size < 0 {
		return fmt.Sprintf("byte %d of a file of unknown size", offset)
	}
	return fmt.Sprintf("byte %d of %d", offset, size)
}
