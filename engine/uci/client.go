package uci

// What the clients of both protocols share: the configuration, the process, and
// exchanges of lines that end in time.

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"transcend/engine"
	"transcend/engine/internal/process"
	"transcend/internal/bitboard"
	"transcend/internal/clip"
)

// Config says which engine to run, and how.
type Config struct {
	// Path is the engine's program: a path, or a bare name that Find looks up.
	Path string
	Args []string
	Env  []string // added to our own environment, "KEY=value"
	Dir  string   // working directory, "" for ours
	// Options are set after the start, Threads first, the others in this order.
	// They are checked against what the engine announces.
	Options []Option
	// Init is lines that are sent as they are after the handshake, before the
	// options.
	Init []string
	// Name is what engine.Player.Name returns, "" for the name the engine gives itself.
	Name     string
	Limits   ProcessLimits
	Timeouts Timeouts
	// Trace, when not nil, gets every line that is sent and received, without its
	// line break. Calls do not overlap. The line is valid until Trace returns.
	Trace func(sent bool, line []byte)
}

// ProcessLimits bound what an engine's process may use: memory, processor time,
// processors.
type ProcessLimits = process.Limits

// Timeouts bound every exchange with an engine. A field that is zero stands for
// its default.
type Timeouts struct {
	// Start is the time from the start of the process to "uciok", or to the end of
	// the features of an xboard engine; default 30 s. Engines that load networks
	// from a slow disk need seconds.
	Start time.Duration
	// Features is how long an xboard engine may be silent at the start before it is
	// taken for one of version 1 of the protocol, which knows no features; default
	// 5 s. xboard waits for 2 s, which a busy machine can take to start a program.
	Features time.Duration
	// Ready is the time for every "readyok" or "pong", after options and the command
	// for a new game (which may clear gigabytes of hash); default 60 s.
	Ready time.Duration
	// Margin is how much longer than its limit a search may take before the
	// engine counts as late and is told to stop; default 5 s.
	Margin time.Duration
	// Search bounds searches whose limit is no time; default 10 min.
	Search time.Duration
	// Stop is the time for the move after "stop" or "?"; default 5 s.
	Stop time.Duration
	// Quit is the time for the process to end after "quit"; default 5 s.
	Quit time.Duration
}

func (t Timeouts) withDefaults() Timeouts {
	set := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	set(&t.Start, 30*time.Second)
	set(&t.Features, 5*time.Second)
	set(&t.Ready, 60*time.Second)
	set(&t.Margin, 5*time.Second)
	set(&t.Search, 10*time.Minute)
	set(&t.Stop, 5*time.Second)
	set(&t.Quit, 5*time.Second)
	return t
}

const (
	// maxLine is the longest line looked at whole; of a longer one its first
	// longLineHead bytes are.
	maxLine      = 64 << 10
	longLineHead = 4 << 10
	// maxOptions and maxName bound what an engine can make us keep at its start.
	maxOptions = 1000
	maxName    = 200
	// lastLineLength is how much of the engine's last line is kept for messages.
	lastLineLength = 200
	// exitGrace is how long a process that has closed its output may take to end
	// before it counts as alive.
	exitGrace = time.Second
	// smallWrite is what fits into a pipe on every system once the engine has read
	// what was sent before, which its last answer shows: such a write cannot block
	// and needs no deadline.
	smallWrite = 4 << 10
)

// client is a running engine whose protocol is that of whoever embeds it.
//
// An engine that died, or was killed, is not started again: every later call
// returns the error of its death, and Close is still due.
type client struct {
	cfg  Config
	proc *process.Process
	// obey takes a line of the output apart: its first word and the rest. long says
	// that only the line's beginning is there. It is called with mu held.
	obey func(word, rest []byte, long bool)
	// stop is the command that ends a search with its move.
	stop string

	// Known after the handshake, then constant.
	name, idName string
	announced    []OptionInfo
	options      []Option    // as sent
	seed         *OptionInfo // receives each game's seed, or nil

	closing   chan struct{} // closed by Close
	closeOnce sync.Once
	closeErr  error
	sem       chan struct{} // holds a token while an exchange is under way
	timer     *time.Timer   // used by the exchange under way
	buf       []byte        // commands being written by it
	initial   bitboard.Position
	fatal     error // how the engine's life ended

	hashOnce sync.Once
	hash     string

	wake    chan struct{} // has a token after every change the exchange may wait for
	traceMu sync.Mutex

	mu sync.Mutex // guards what follows, which the reader changes
	// handshake is set until the engine has said what it is.
	handshake bool
	// searching is set from the command to move to the move.
	searching bool
	// interrupted is set when the engine said something instead of a move that the
	// one who waits must look at.
	interrupted bool
	best        []byte    // the last move
	bestLine    []byte    // its line
	bestAt      time.Time // when it came
	ended       bool      // the output has ended: the process is dead, or as good as
	lastLine    []byte
	traffic     Traffic
}

func newClient(cfg Config, stop string) client {
	cfg.Timeouts = cfg.Timeouts.withDefaults()
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	return client{
		cfg: cfg, stop: stop, name: cfg.Name, closing: make(chan struct{}), sem: make(chan struct{}, 1), timer: timer,
		initial: bitboard.Start(), wake: make(chan struct{}, 1), handshake: true,
	}
}

// run starts the process and calls greet, which is everything between fork and
// first game. The engine is gone when it fails.
func (c *client) run(ctx context.Context, greet func(context.Context) error) error {
	path, err := Find(c.cfg.Path)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("engine: starting %s: %w", path, err)
	}
	if c.name == "" {
		c.name = filepath.Base(path)
	}
	cmd := exec.Command(path, c.cfg.Args...)
	cmd.Dir = c.cfg.Dir
	cmd.Env = append(os.Environ(), c.cfg.Env...)
	if c.proc, err = process.Start(cmd, c.cfg.Limits, c.read); err != nil {
		return &StartError{Path: path, Err: err}
	}
	if err := greet(ctx); err != nil {
		c.proc.Kill()
		<-c.proc.Done
		return err
	}
	return nil
}

// configure takes the engine's name and checks the configuration against its
// announcements. The initial commands are in c.buf afterwards, for the options to
// follow.
func (c *client) configure(settings []Option) error {
	c.mu.Lock()
	if c.cfg.Name == "" && c.idName != "" {
		c.name = c.idName
	}
	c.mu.Unlock()
	options, err := checkOptions(c.name, c.announced, settings)
	if err != nil {
		return err
	}
	c.options = options
	if _, set := setting(options, "Seed"); !set {
		if o := findOption(c.announced, "Seed"); o != nil && (o.Type == Spin || o.Type == String) {
			c.seed = o
		}
	}
	c.buf = c.buf[:0]
	for _, line := range c.cfg.Init {
		if strings.ContainsAny(line, "\r\n\x00") {
			return fmt.Errorf("engine: %s: an initial command cannot hold a line break: %q", c.name, clip.Text(line, 60))
		}
		c.buf = append(append(c.buf, line...), '\n')
	}
	return nil
}

// Name implements engine.Player.
func (c *client) Name() string { return c.name }

// Options returns the options the engine announced.
func (c *client) Options() []OptionInfo { return c.announced }

// Traffic returns what the engine has written so far.
func (c *client) Traffic() Traffic {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.traffic
}

// Exited is closed when the engine's process has ended and been reaped.
func (c *client) Exited() <-chan struct{} { return c.proc.Done }

// spec is the part of engine.Player.Spec that every engine has: kind, name (the engine's
// own), version (the part of it from the first word with a digit on), program,
// sha256 (of the program), args, init, and every option that was set.
func (c *client) spec(kind string) map[string]string {
	c.hashOnce.Do(func() {
		var err error
		if c.hash, err = hashFile(c.proc.Path); err != nil {
			c.hash = "unknown: " + err.Error()
		}
	})
	spec := map[string]string{
		"kind":    kind,
		"name":    c.idName,
		"version": version(c.idName),
		"program": filepath.Base(c.proc.Path),
		"sha256":  c.hash,
	}
	if len(c.cfg.Args) > 0 {
		spec["args"] = strings.Join(c.cfg.Args, " ")
	}
	if len(c.cfg.Init) > 0 {
		spec["init"] = strings.Join(c.cfg.Init, "; ")
	}
	for _, o := range c.options {
		spec["option."+o.Name] = o.Value
	}
	if c.seed != nil {
		spec["option."+c.seed.Name] = "the game's seed"
	}
	return spec
}

// Traffic counts what an engine wrote.
type Traffic struct {
	Lines     int64
	LongLines int64 // longer than 64 kB
	// Stray is the number of moves and answers to pings that nothing had asked for.
	Stray int64
	// Unknown is the number of lines that begin with no word of the protocol.
	Unknown int64
}

// version cuts "15.1" out of "Stockfish 15.1", "dev-20240101" out of "Stockfish
// dev-20240101".
func version(name string) string {
	words := strings.Fields(name)
	for i := 1; i < len(words); i++ {
		if strings.ContainsAny(words[i], "0123456789") {
			return strings.Join(words[i:], " ")
		}
	}
	return ""
}

// foldSeed maps a seed into the range of a spin; other options take it whole.
func foldSeed(o *OptionInfo, seed uint64) string {
	if o.Type != Spin || !o.HasMin || !o.HasMax || o.Max < o.Min {
		return strconv.FormatUint(seed, 10)
	}
	// The width of the widest range, 2^64, is 0 in 64 bits.
	if width := uint64(o.Max) - uint64(o.Min) + 1; width != 0 {
		seed %= width
	}
	return strconv.FormatInt(int64(uint64(o.Min)+seed), 10)
}

// begin checks what a move is asked for, and begins the exchange; release ends it.
func (c *client) begin(ctx context.Context, g *bitboard.Game, limit engine.Limit) error {
	if err := limit.Validate(); err != nil {
		return err
	}
	// Engines answer a finished position with anything between "(none)" and a
	// crash.
	if pos := g.Position(); !pos.HasLegalMove() {
		return fmt.Errorf("engine: %s: %w: %s", c.name, engine.ErrGameOver, pos.FEN())
	}
	return c.acquire(ctx, "search")
}

// search sends c.buf, which asks for a move, and waits for it: c.searching must be
// set. An engine that does not answer in time is told to stop, and so it is when
// ctx ends; one that is silent even then is killed.
func (c *client) search(ctx context.Context, side bitboard.Color, limit engine.Limit) (start time.Time, err error) {
	allowed, timed := limit.Budget(side)
	if timed {
		allowed += c.cfg.Timeouts.Margin
	} else {
		allowed = c.cfg.Timeouts.Search
	}
	start = time.Now()
	answered := func() bool { return !c.searching || c.interrupted }
	err = c.exchange(ctx, allowed, answered)
	switch {
	case err == nil:
		return start, nil
	case errors.Is(err, errEnded):
		return start, c.died("search")
	case errors.Is(err, engine.ErrClosed):
		return start, c.failed("search", err)
	}
	// Late, or canceled: the engine must come to rest before it is used again.
	late := errors.Is(err, errDeadline)
	err = c.failed("search", err)
	c.buf = c.buf[:0]
	if c.isSearching() {
		c.buf = append(c.buf, c.stop...)
	}
	stopped := time.Now()
	stopErr := c.exchange(context.Background(), c.cfg.Timeouts.Stop, answered)
	switch {
	case stopErr == nil:
		if late {
			err = &engine.TimeoutError{Player: c.name, During: "search", Limit: allowed, Elapsed: c.bestAt.Sub(start)}
		}
	case errors.Is(stopErr, errDeadline):
		// A canceled search was within its time; it is the stop that it did not heed.
		if late {
			err = c.stalled("search", allowed, time.Since(start))
		} else {
			_ = c.stalled("search", c.cfg.Timeouts.Stop, time.Since(stopped))
		}
	case errors.Is(stopErr, errEnded):
		if died := c.died("search"); late {
			err = died
		}
	default:
		err = c.failed("search", stopErr)
	}
	return start, err
}

// found takes a move out of a line of the engine's. It is called with mu held, by
// obey, while a search is under way.
func (c *client) found(move []byte) {
	c.bestAt = time.Now()
	c.best = append(c.best[:0], move[:min(len(move), lastLineLength)]...)
	c.bestLine = append(c.bestLine[:0], c.lastLine...)
	c.searching = false
	c.signal()
}

// reply turns the move that has come into a Reply. parse finds the move that a
// text means; ok is false when it means none in any position.
func (c *client) reply(pos *bitboard.Position, start time.Time, score *engine.Score, parse func(text string) (m bitboard.Move, ok bool, err error)) (engine.Reply, error) {
	r := engine.Reply{Text: string(c.best), Elapsed: c.bestAt.Sub(start), Attempts: 1, Score: score}
	illegal := func() (engine.Reply, error) {
		r.Illegal = 1
		return r, &engine.IllegalMoveError{Player: c.name, Texts: []string{r.Text}, FEN: pos.FEN()}
	}
	switch r.Text {
	case "(none)", "NULL", "null", "0000":
		// How engines say that there is no move: Stockfish, several, Komodo. There
		// is one.
		return illegal()
	}
	m, ok, err := parse(r.Text)
	switch {
	case !ok:
		return r, c.protocolError("not a move", string(c.bestLine))
	case err != nil:
		return illegal()
	}
	r.Move = m
	return r, nil
}

// protocolError is a line that the protocol does not allow.
func (c *client) protocolError(reason, line string) error {
	return &engine.ProtocolError{Player: c.name, During: "search", Line: clip.Text(line, lastLineLength), Reason: reason}
}

// Close implements engine.Player: "quit", a bounded wait, then the end of the process
// group. A call under way returns engine.ErrClosed. Close returns a *engine.CrashError when the
// engine died before "quit" without anybody having been told, or by it, and a
// *engine.TimeoutError when it had to be killed; nothing is left of it in any case.
func (c *client) Close() error {
	c.closeOnce.Do(func() {
		close(c.closing)
		c.sem <- struct{}{} // the last exchange is over, and there is no other
		c.closeErr = c.quit()
	})
	return c.closeErr
}

func (c *client) quit() error {
	defer func() { <-c.proc.Done }()
	if c.fatal != nil {
		return nil
	}
	if c.hasEnded() {
		return c.died("idle")
	}
	c.buf = c.buf[:0]
	if c.isSearching() {
		c.buf = append(c.buf, c.stop...)
	}
	c.buf = append(c.buf, "quit\n"...)
	// When this fails the engine is gone or deaf; what follows finds out.
	_ = c.write(c.cfg.Timeouts.Quit)
	// Some engines end at the end of their input rather than at "quit".
	c.proc.Stdin.Close()
	start := time.Now() // before the timer, or a timeout seems shorter than its limit
	c.timer.Reset(c.cfg.Timeouts.Quit)
	select {
	case <-c.proc.Exited:
		if !c.proc.State.Success() {
			return c.died("quit")
		}
		return nil
	case <-c.timer.C:
		return c.stalled("quit", c.cfg.Timeouts.Quit, time.Since(start))
	}
}

// acquire begins an exchange; release ends it.
func (c *client) acquire(ctx context.Context, during string) error {
	select {
	case c.sem <- struct{}{}:
	default:
		select {
		case c.sem <- struct{}{}:
		case <-c.closing:
			return c.failed(during, engine.ErrClosed)
		case <-ctx.Done():
			return c.failed(during, ctx.Err())
		}
	}
	var err error
	select {
	case <-c.closing:
		err = c.failed(during, engine.ErrClosed)
	default:
		switch {
		case c.fatal != nil:
			err = fmt.Errorf("engine: %s: not running any more: %w", c.name, c.fatal)
		case ctx.Err() != nil:
			err = c.failed(during, ctx.Err())
		case c.hasEnded():
			err = c.died("idle")
		}
	}
	if err != nil {
		c.release()
	}
	return err
}

func (c *client) release() { <-c.sem }

var (
	errDeadline = errors.New("no answer in time")
	errEnded    = errors.New("the output has ended")
)

// require is exchange for what an engine has to answer in time or be killed.
func (c *client) require(ctx context.Context, during string, allowed time.Duration, ok func() bool) error {
	start := time.Now()
	err := c.exchange(ctx, allowed, ok)
	return c.due(err, during, allowed, time.Since(start))
}

// due is the verdict on an exchange that had to succeed.
func (c *client) due(err error, during string, allowed, elapsed time.Duration) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errDeadline):
		return c.stalled(during, allowed, elapsed)
	case errors.Is(err, errEnded):
		return c.died(during)
	}
	return c.failed(during, err)
}

// exchange sends c.buf and waits until ok, which is called with c.mu held,
// returns true. Otherwise it returns errDeadline, errEnded, engine.ErrClosed or the
// error of ctx.
func (c *client) exchange(ctx context.Context, allowed time.Duration, ok func() bool) error {
	c.timer.Reset(allowed)
	defer c.timer.Stop()
	if err := c.write(allowed); err != nil {
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return errDeadline
		}
		// A broken pipe. What the engine wrote before it went may be the answer,
		// so it is read first.
	}
	late := false
	for {
		c.mu.Lock()
		done, ended := ok(), c.ended
		c.mu.Unlock()
		switch {
		case done:
			return nil
		case ended:
			return errEnded
		case late:
			return errDeadline
		}
		select {
		case <-c.wake:
		case <-c.timer.C:
			late = true // unless the answer came together with the deadline
		case <-ctx.Done():
			return ctx.Err()
		case <-c.closing:
			return engine.ErrClosed
		}
	}
}

// write sends c.buf. Go turns the signal of a broken pipe into an error.
func (c *client) write(allowed time.Duration) error {
	if len(c.buf) == 0 {
		return nil
	}
	if c.cfg.Trace != nil {
		c.traceMu.Lock()
		for line := range bytes.Lines(c.buf) {
			c.cfg.Trace(true, bytes.TrimSuffix(line, []byte("\n")))
		}
		c.traceMu.Unlock()
	}
	if len(c.buf) > smallWrite {
		// Not every system has deadlines on pipes.
		_ = c.proc.Stdin.SetWriteDeadline(time.Now().Add(allowed))
		defer c.proc.Stdin.SetWriteDeadline(time.Time{})
	}
	_, err := c.proc.Stdin.Write(c.buf)
	return err
}

func (c *client) isSearching() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.searching
}

func (c *client) hasEnded() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ended
}

// failed wraps the error of an exchange that is not the engine's fault.
func (c *client) failed(during string, err error) error {
	return fmt.Errorf("engine: %s: %s: %w", c.name, during, err)
}

// stalled kills an engine that does not answer.
func (c *client) stalled(during string, limit, elapsed time.Duration) error {
	c.proc.Kill()
	<-c.proc.Done
	c.fatal = &engine.TimeoutError{
		Player: c.name, During: during, Limit: limit, Elapsed: elapsed, Stalled: true,
		LastLine: c.last(), Stderr: c.proc.Stderr(),
	}
	return c.fatal
}

// died reports an engine whose output has ended.
func (c *client) died(during string) error {
	err := &engine.CrashError{Player: c.name, During: during}
	c.timer.Reset(exitGrace)
	select {
	case <-c.proc.Exited:
	case <-c.timer.C:
		err.ClosedOutput = true
		c.proc.Kill()
	}
	c.timer.Stop()
	<-c.proc.Done
	err.Status, err.ExitCode = c.proc.State.String(), c.proc.State.ExitCode()
	err.LastLine, err.Stderr = c.last(), c.proc.Stderr()
	c.fatal = err
	return err
}

func (c *client) last() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return string(bytes.ToValidUTF8(c.lastLine, []byte("?")))
}

// read takes the engine's output apart until it ends.
func (c *client) read(f io.Reader) {
	r := bufio.NewReaderSize(f, maxLine)
	var head []byte
	for {
		line, err := r.ReadSlice('\n')
		long := errors.Is(err, bufio.ErrBufferFull)
		if long {
			head = append(head[:0], line[:longLineHead]...)
			for errors.Is(err, bufio.ErrBufferFull) {
				_, err = r.ReadSlice('\n')
			}
			line = head
		}
		// A last line without a line break counts: its writer is gone.
		if line = bytes.TrimRight(line, "\r\n"); len(line) > 0 {
			c.line(line, long)
		}
		if err != nil {
			break
		}
	}
	c.mu.Lock()
	c.ended = true
	c.mu.Unlock()
	c.signal()
}

// signal tells the exchange under way to look again.
func (c *client) signal() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// line handles one line of the engine's output.
func (c *client) line(line []byte, long bool) {
	if c.cfg.Trace != nil {
		c.traceMu.Lock()
		c.cfg.Trace(false, line)
		c.traceMu.Unlock()
	}
	word, rest := nextWord(line)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.traffic.Lines++
	if long {
		c.traffic.LongLines++
	}
	c.lastLine = append(c.lastLine[:0], line[:min(len(line), lastLineLength)]...)
	c.obey(word, rest, long)
}

// title keeps what an engine calls itself, shortened.
func title(value []byte) string {
	value = bytes.TrimSpace(value)
	return string(bytes.ToValidUTF8(value[:min(len(value), maxName)], []byte("?")))
}
