package lichess

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"

	"transcend/internal/clip"
)

// tailSize is how many of the last bytes of a part on disk are compared with the
// server's before the part is used: a machine that lost power may have lost them.
const tailSize = 64 << 10

// Stream is the compressed file of a month. Read is for one goroutine at a time;
// Close, Progress and Info are for all, at any time.
type Stream struct {
	month Month
	cfg   Config
	f     *fetcher
	url   string
	ctx   context.Context
	stop  context.CancelCauseFunc

	// What Progress returns.
	offset atomic.Int64
	size   atomic.Int64

	damaged atomic.Bool

	mu     sync.Mutex // held by Read and Close
	closed bool
	err    error      // what every Read returns from now on
	id     identity   // of the file, known after the first answer
	conn   *conn      // nil when there is none
	lost   *transient // why the last one ended, nil when it had come to its end
	retry  retrier
	hash   hash.Hash
	local  io.Reader // what is on disk already, nil when it was read
	whole  *os.File  // the whole file is here: there is no network
	keep   *keeper   // nil when the file is not kept

	infoMu sync.Mutex
	info   Info
}

// Info describes the file of a stream, as far as it is known.
type Info struct {
	Name         string // on the server
	URL          string // "" when the file was on disk and no server was asked
	Path         string // of the whole file on disk, "" when there is none
	ETag         string // as the server gives it, "" when it does not
	LastModified string // as the server gives it, "" when it does not
	Size         int64  // in bytes, -1 when it is not known
	SHA256       string // hexadecimal, "" before the whole file was read
	Verified     bool   // the SHA-256 is the one in the server's list
}

// Open begins to read the file of a month: it returns when the server has
// answered, or at once when the whole file is in cfg.KeepDir. The end of ctx ends
// the stream. The caller must call Close.
//
// Errors are wrapped in what was read: *StatusError when the server does not
// give the file, ErrLocked, and what Read may return.
func Open(ctx context.Context, month Month, cfg Config) (*Stream, error) {
	name := month.FileName()
	fail := func(err error) (*Stream, error) { return nil, fmt.Errorf("lichess: open %s: %w", name, err) }
	cfg, err := cfg.withDefaults()
	if err != nil {
		return fail(err)
	}
	if err := month.check(cfg.Now()); err != nil {
		return fail(err)
	}
	s := &Stream{month: month, cfg: cfg, hash: sha256.New(), id: identity{Size: -1}}
	s.url = cfg.BaseURL + "/standard/" + name
	s.retry.cfg = &s.cfg
	s.size.Store(-1)
	s.info = Info{Name: name, Size: -1}
	s.ctx, s.stop = context.WithCancelCause(ctx)
	s.f = newFetcher(cfg)
	if err := s.open(); err != nil {
		s.Close()
		return fail(err)
	}
	return s, nil
}

func (s *Stream) open() error {
	if err := s.ctx.Err(); err != nil {
		return context.Cause(s.ctx)
	}
	if s.cfg.KeepDir != "" {
		var err error
		if s.whole, s.keep, err = openKeeper(s.cfg.KeepDir, s.month.FileName()); err != nil {
			return err
		}
		if s.whole != nil {
			return s.openWhole()
		}
		if done, err := s.resume(); done || err != nil {
			return err
		}
	}
	return s.try(s.request)
}

// openWhole reads a file that is on disk.
func (s *Stream) openWhole() error {
	stat, err := s.whole.Stat()
	if err != nil {
		return err
	}
	s.local = s.whole
	s.size.Store(stat.Size())
	s.setInfo(func(i *Info) { i.Path, i.Size = s.whole.Name(), stat.Size() })
	return nil
}

// resume looks at the part that an earlier run left, and takes it if the server
// still has the same file.
func (s *Stream) resume() (bool, error) {
	n, id, useless := s.keep.load(s.url)
	if n > 0 {
		err := s.try(func() (err error) {
			id, useless, err = s.verify(n, id)
			return err
		})
		if err != nil {
			return false, err
		}
		s.retry.failures = 0
	}
	switch {
	case useless != nil:
		s.notify(Event{Kind: Restarted, Path: s.keep.partPath(), Err: useless})
		return false, nil
	case n == 0:
		return false, nil
	}
	s.learn(id)
	s.local = io.NewSectionReader(s.keep.part, 0, n)
	s.notify(Event{Kind: Resumed, Path: s.keep.partPath(), Offset: n})
	return true, nil
}

// verify asks the server whether the first n bytes of its file, which id tells of,
// are still those of the part. It compares what the answer tells of the file, and
// the last bytes. It returns what is known of the file then, or why the part is
// useless.
func (s *Stream) verify(n int64, id identity) (_ identity, useless, err error) {
	from := max(0, n-tailSize)
	c, err := s.f.get(s.ctx, s.url, http.Header{"Range": {fmt.Sprintf("bytes=%d-%d", from, n-1)}})
	if err != nil {
		return id, nil, err
	}
	defer c.close()
	now := identityOf(c.Header, c.ContentLength)
	var r contentRange
	ok := c.StatusCode == http.StatusOK
	if !ok {
		now.Size = -1
		if r, ok = parseContentRange(c.Header.Get("Content-Range")); ok {
			now.Size = r.total
		}
	}
	common, changed := id.compare(now)
	switch {
	case changed != nil:
		return id, fmt.Errorf("the file on the server is another one now (%s was %s, is %s)", changed.What, changed.Was, changed.Now), nil
	case c.StatusCode == http.StatusRequestedRangeNotSatisfiable, now.Size >= 0 && now.Size < n:
		return id, errors.New("the file on the server is smaller"), nil
	case c.StatusCode == http.StatusPartialContent && (!ok || r.first != from || r.last != n-1):
		return id, nil, &transient{err: wrongRange(from, c)}
	case common == 0:
		return id, errors.New("the server does not tell which version of the file it has"), nil
	case c.StatusCode == http.StatusOK:
		// Ranges are not for this server. The bytes will be compared when the file
		// is read again to go on.
		return id.merge(now), nil, nil
	}
	want := make([]byte, n-from)
	if _, err := s.keep.part.ReadAt(want, from); err != nil {
		return id, nil, err
	}
	got := make([]byte, n-from)
	if _, err := io.ReadFull(c, got); err != nil {
		return id, nil, asTransient(err)
	}
	if !bytes.Equal(got, want) {
		return id, fmt.Errorf("its last %d bytes are not those of the file", len(want)), nil
	}
	return id.merge(now), nil, nil
}

// wrongRange returns the error for an answer that begins with another byte than
// offset.
func wrongRange(offset int64, c *conn) error {
	got := "no range"
	if h := c.Header.Get("Content-Range"); h != "" {
		got = strconv.Quote(clip.Text(h, maxQuoted))
		if c.ContentLength >= 0 {
			got += fmt.Sprintf(" in %d bytes", c.ContentLength)
		}
	}
	return &RangeError{offset, got}
}

// asTransient makes the end of a body that came too early a reason to try again.
func asTransient(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return &transient{err: fmt.Errorf("the connection was lost: %w", io.ErrUnexpectedEOF)}
	}
	return err
}

// Name returns the name of the file on the server, for pgn.NewReader.
func (s *Stream) Name() string { return s.month.FileName() }

// Progress returns how many bytes have been read so far and how many the file has,
// -1 when that is not known.
func (s *Stream) Progress() (read, size int64) { return s.offset.Load(), s.size.Load() }

// Info describes the file. It is complete when Read has returned io.EOF.
func (s *Stream) Info() Info {
	s.infoMu.Lock()
	defer s.infoMu.Unlock()
	return s.info
}

func (s *Stream) setInfo(change func(*Info)) {
	s.infoMu.Lock()
	defer s.infoMu.Unlock()
	change(&s.info)
}

// Read reads the file, from disk or from the server. Its bytes are those of one
// version of the file without a gap. At the end it compares the checksum: io.EOF
// says that it is right or that an Unverified event told that there is none.
//
// Errors are *ChangedError, *ChecksumError, *StatusError, *RangeError,
// ErrStalled, io.ErrUnexpectedEOF when the connection was lost again and again, the
// cause of the context's end, ErrClosed, and those of the network and the disk.
func (s *Stream) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil || len(p) == 0 {
		return 0, s.err
	}
	n, err := s.read(p)
	if err != nil {
		if err != io.EOF {
			err = fmt.Errorf("lichess: read %s: at %s: %w", s.Name(), position(s.Progress()), err)
		}
		s.drop(nil)
		s.err = err
	}
	return n, err
}

func (s *Stream) read(p []byte) (int, error) {
	for {
		if s.ctx.Err() != nil {
			return 0, context.Cause(s.ctx)
		}
		offset, size := s.Progress()
		switch {
		case s.local != nil:
			n, err := s.local.Read(p)
			s.hash.Write(p[:n])
			s.offset.Add(int64(n))
			if err == io.EOF {
				s.local = nil
				err = nil
			}
			if n > 0 || err != nil {
				return n, err
			}
			continue
		case s.whole != nil:
			s.sum()
			return 0, io.EOF
		case size >= 0 && offset == size:
			return 0, s.finish()
		case s.conn == nil:
			if err := s.connect(); err != nil {
				return 0, err
			}
			continue
		}

		if size >= 0 && int64(len(p)) > size-offset {
			p = p[:size-offset]
		}
		n, err := s.conn.Read(p)
		if n > 0 {
			if err := s.take(p[:n], offset); err != nil {
				return 0, err
			}
		}
		if err != nil {
			if err := s.ended(err); err != nil {
				return n, err
			}
		}
		if n > 0 {
			return n, nil
		}
	}
}

// take accounts for new bytes from the server.
func (s *Stream) take(b []byte, offset int64) error {
	if err := checkMagic(b, offset); err != nil {
		return err
	}
	if offset+int64(len(b)) > maxFile {
		return fmt.Errorf("the server sends more than %d bytes, which cannot be", int64(maxFile))
	}
	if s.keep != nil {
		if err := s.keep.write(b, offset); err != nil {
			return err
		}
	}
	s.hash.Write(b)
	s.offset.Add(int64(len(b)))
	s.retry.failures = 0
	return nil
}

// checkMagic says when the file cannot be zstd by its first four bytes: a frame or
// a skippable frame (RFC 8878, 3.1). Text would be read as PGN without a game.
func checkMagic(b []byte, offset int64) error {
	const frame, skippable = "\x28\xb5\x2f\xfd", "\x50\x2a\x4d\x18"
	for i := int(offset); i < 4 && i-int(offset) < len(b); i++ {
		c := b[i-int(offset)]
		if c == frame[i] || c == skippable[i] || i == 0 && c&0xf0 == skippable[0] {
			continue
		}
		return fmt.Errorf("the server sends no zstd data but %q (is the base URL right?)", b[:min(len(b), 16)])
	}
	return nil
}

// ended looks at why a connection brings no more. It returns an error when that is
// the end of the stream.
func (s *Stream) ended(err error) error {
	offset, size := s.Progress()
	c := s.conn
	var t *transient
	switch {
	case err != io.EOF && !errors.As(err, &t):
		return err
	case err != io.EOF:
	case size >= 0 && offset == size:
	case c.ranged && c.left == 0:
		// Some servers give a range in pieces.
	case size < 0:
		// The server did not say how long the file is, but that it ends here.
		if offset == 0 {
			return errors.New("the file on the server is empty")
		}
		id := s.id
		id.Size = offset
		s.learn(id)
	default:
		t = &transient{err: fmt.Errorf("the connection was lost: %w", io.ErrUnexpectedEOF)}
	}
	s.drop(t)
	return nil
}

// drop gives up the connection, if there is one, because of t.
func (s *Stream) drop(t *transient) {
	if s.conn != nil {
		s.conn.close()
		s.conn = nil
		s.lost = t
	}
}

// connect makes the next connection, after a wait if the last one was lost.
func (s *Stream) connect() error {
	if t := s.lost; t != nil {
		s.lost = nil
		if err := s.pause(&s.retry, t); err != nil {
			return err
		}
	}
	return s.try(s.request)
}

// try calls f until it has no transient error.
func (s *Stream) try(f func() error) error { return s.tryWith(&s.retry, f) }

func (s *Stream) tryWith(r *retrier, f func() error) error {
	for {
		err := f()
		var t *transient
		if !errors.As(err, &t) {
			return err
		}
		if err := s.pause(r, t); err != nil {
			return err
		}
	}
}

// pause waits after a failure.
func (s *Stream) pause(r *retrier, t *transient) error {
	wait, err := r.wait(t)
	if err != nil {
		return err
	}
	s.notify(Event{Kind: Retrying, Err: t.err, Try: r.failures, Tries: s.cfg.Tries, Wait: wait})
	over := make(chan struct{})
	timer := s.cfg.AfterFunc(wait, func() { close(over) })
	defer timer.Stop()
	select {
	case <-over:
		return nil
	case <-s.ctx.Done():
		return context.Cause(s.ctx)
	}
}

// request asks for the file from the next byte on.
func (s *Stream) request() error {
	offset := s.offset.Load()
	header := http.Header{}
	if offset > 0 && s.id.known() {
		header.Set("Range", fmt.Sprintf("bytes=%d-", offset))
		if v := s.id.validator(); v != "" {
			header.Set("If-Range", v)
		}
	}
	c, err := s.f.get(s.ctx, s.url, header)
	if err != nil {
		return err
	}
	switch c.StatusCode {
	case http.StatusOK:
		err = s.acceptWhole(c, offset)
	case http.StatusPartialContent:
		err = s.acceptRange(c, offset, header.Get("If-Range") != "")
	default:
		err = s.acceptEnd(c, offset)
	}
	if err != nil || c.StatusCode == http.StatusRequestedRangeNotSatisfiable {
		c.close()
		return err
	}
	s.conn = c
	return nil
}

// acceptWhole looks at an answer with the file from its start.
func (s *Stream) acceptWhole(c *conn, offset int64) error {
	now := identityOf(c.Header, c.ContentLength)
	if err := checkSize(now.Size); err != nil {
		return err
	}
	if offset == 0 {
		s.learn(now)
		if s.keep != nil {
			return s.keep.begin(s.url, now)
		}
		return nil
	}
	if _, changed := s.id.compare(now); changed != nil {
		changed.URL = s.url
		return changed
	}
	s.notify(Event{Kind: Rereading})
	again := sha256.New()
	buf := make([]byte, 64<<10)
	for left := offset; left > 0; {
		n, err := c.Read(buf[:min(left, int64(len(buf)))])
		again.Write(buf[:n])
		left -= int64(n)
		if err != nil && left > 0 {
			return asTransient(err)
		}
	}
	if was, is := s.hash.Sum(nil), again.Sum(nil); !bytes.Equal(was, is) {
		if s.keep != nil {
			// Nothing else tells the next run that the part is of no use.
			if err := s.keep.reject(); err != nil {
				return err
			}
		}
		return &ChangedError{URL: s.url, What: "content",
			Was: fmt.Sprintf("SHA-256 %x in the first %d bytes", was, offset), Now: fmt.Sprintf("SHA-256 %x", is)}
	}
	s.learn(s.id.merge(now))
	return nil
}

// acceptRange looks at an answer with a range. conditional tells that the server
// was asked to send one only if the file is the same.
func (s *Stream) acceptRange(c *conn, offset int64, conditional bool) error {
	r, ok := parseContentRange(c.Header.Get("Content-Range"))
	if !ok || r.first != offset || c.ContentLength >= 0 && c.ContentLength != r.last-r.first+1 {
		return &transient{err: wrongRange(offset, c)}
	}
	if err := checkSize(r.total); err != nil {
		return err
	}
	now := identityOf(c.Header, r.total)
	common, changed := s.id.compare(now)
	if changed != nil {
		changed.URL = s.url
		return changed
	}
	if common == 0 && !conditional {
		return &transient{err: fmt.Errorf("%w without telling of which version of the file", wrongRange(offset, c))}
	}
	c.ranged, c.left = true, r.last-r.first+1
	s.learn(s.id.merge(now))
	return nil
}

// acceptEnd looks at status 416: there is nothing at offset.
func (s *Stream) acceptEnd(c *conn, offset int64) error {
	r, ok := parseContentRange(c.Header.Get("Content-Range"))
	now := identityOf(c.Header, -1)
	if ok {
		now.Size = r.total
	}
	if _, changed := s.id.compare(now); changed != nil {
		changed.URL = s.url
		return changed
	}
	if now.Size == offset {
		s.learn(s.id.merge(now))
		return nil
	}
	return &transient{err: &RangeError{offset, "status 416 with " + strconv.Quote(clip.Text(c.Header.Get("Content-Range"), maxQuoted))}}
}

// merge adds to id what is known only of now.
func (id identity) merge(now identity) identity {
	if id.ETag == "" {
		id.ETag = now.ETag
	}
	if id.LastModified == "" {
		id.LastModified = now.LastModified
	}
	if id.Size < 0 {
		id.Size = now.Size
	}
	return id
}

// learn notes what is known of the file.
func (s *Stream) learn(id identity) {
	s.id = id
	s.size.Store(id.Size)
	s.setInfo(func(i *Info) {
		i.URL, i.ETag, i.LastModified, i.Size = s.url, id.ETag, id.LastModified, id.Size
	})
}

// sum notes the checksum of what was read, the whole file.
func (s *Stream) sum() string {
	sum := hex.EncodeToString(s.hash.Sum(nil))
	s.setInfo(func(i *Info) { i.SHA256 = sum })
	return sum
}

// finish compares the checksum of the whole file, and gives the kept file its
// name. It returns io.EOF when all is right.
func (s *Stream) finish() error {
	s.drop(nil)
	got := s.sum()
	url := s.cfg.BaseURL + "/standard/" + sumsFile
	want := ""
	err := s.tryWith(&retrier{cfg: &s.cfg}, func() (err error) {
		want, err = s.f.sum(s.ctx, url, s.Name())
		return err
	})
	switch {
	case s.ctx.Err() != nil:
		return context.Cause(s.ctx)
	case err == nil && want != got:
		bad := &ChecksumError{File: s.url, Want: want, Got: got, SumsURL: url}
		if s.keep != nil {
			if err := s.keep.reject(); err != nil {
				return errors.Join(bad, err)
			}
			bad.Path = s.keep.badPath()
		}
		return bad
	}
	event := Event{Kind: Verified}
	if err != nil {
		event = Event{Kind: Unverified, Err: err}
	}
	// A file whose checksum could not be asked for now stays a part: the next run
	// asks again.
	if s.keep != nil && (err == nil || errors.Is(err, errNoSum)) {
		if err := s.keep.commit(); err != nil {
			return fmt.Errorf("keeping it: %w", err)
		}
		event.Path = s.keep.path
	}
	s.setInfo(func(i *Info) { i.Verified, i.Path = err == nil, event.Path })
	s.notify(event)
	return io.EOF
}

// notify reports an event.
func (s *Stream) notify(e Event) {
	e.Month = s.month
	if e.Kind != Resumed {
		e.Offset = s.offset.Load()
	}
	e.Size = s.size.Load()
	s.cfg.Notify(e)
}

// Damaged tells the stream that what came from it does not decode, as a
// pgn.Reader's Err may say. Close then puts a part that is being kept aside, to a
// file that ends in ".bad": otherwise the next run would meet the same bytes
// again. It does nothing else, and nothing after an error of the stream itself.
func (s *Stream) Damaged() { s.damaged.Store(true) }

// Close ends the stream, at any time; a Read that waits returns ErrClosed, and so do
// those after it, unless there was another error or the end before. A part of a file that is being kept stays for the next run. When Close returns there are
// no requests and no open files left. More calls do nothing.
func (s *Stream) Close() error {
	s.stop(ErrClosed)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	s.drop(nil)
	s.f.close()
	own := s.err != nil && s.err != io.EOF
	var err error
	if s.whole != nil {
		err = s.whole.Close()
	}
	if s.keep != nil {
		if s.damaged.Load() && !own && s.keep.part != nil {
			err = errors.Join(err, s.keep.reject())
		}
		err = errors.Join(err, s.keep.close())
	}
	if err != nil {
		return fmt.Errorf("lichess: close %s: %w", s.Name(), err)
	}
	return nil
}
