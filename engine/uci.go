package engine

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

	"transcend/engine/internal/process"
	"transcend/internal/bitboard"
)

// Config says which UCI engine to run, and how.
type Config struct {
	// Path is the engine's program: a path, or a bare name that Find looks up.
	Path string
	Args []string
	Env  []string // added to our own environment, "KEY=value"
	Dir  string   // working directory, "" for ours
	// Options are set after the start, Threads first, the others in this order.
	// They are checked against what the engine announces.
	Options []Option
	// Init is lines that are sent as they are after "uciok", before the options.
	Init []string
	// Name is what Player.Name returns, "" for the name the engine gives itself.
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
	// Start is the time from the start of the process to "uciok"; default 30 s.
	// Engines that load networks from a slow disk need seconds.
	Start time.Duration
	// Ready is the time for every "readyok", after options and "ucinewgame"
	// (which may clear gigabytes of hash); default 60 s.
	Ready time.Duration
	// Margin is how much longer than its limit a search may take before the
	// engine counts as late and is told to stop; default 5 s.
	Margin time.Duration
	// Search bounds searches whose limit is no time; default 10 min.
	Search time.Duration
	// Stop is the time for "bestmove" after "stop"; default 5 s.
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

// UCI is a running UCI engine. It is a Player.
//
// Its rules for the traps of the protocol:
//
//   - One "go" at a time. "stop" is sent only while one is outstanding, and then
//     the engine's "bestmove" is awaited and dropped, so that no later search can
//     be answered by it.
//   - "isready" is sent only between searches, and before each "go" in the same
//     write. A "bestmove" that arrives before its "readyok" belongs to no search
//     and is dropped.
//   - What comes unasked for is ignored; lines may be of any length.
//   - An engine that is late is told to stop; one that then is silent is killed.
//
// An engine that died, or was killed, is not started again: every later call
// returns the error of its death, and Close is still due.
type UCI struct {
	cfg  Config
	proc *process.Process

	// Known after the handshake, then constant.
	name, idName, author string
	announced            []OptionInfo
	options              []Option    // as sent
	seed                 *OptionInfo // receives each game's seed, or nil

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
	// handshake is set until "uciok".
	handshake bool
	// pings counts "isready" without "readyok".
	pings int
	// searching is set from "go" to its "bestmove".
	searching bool
	best      []byte    // the move of the last bestmove
	bestLine  []byte    // that line
	bestAt    time.Time // when it came
	info      infoKeeper
	ended     bool // the output has ended: the process is dead, or as good as
	lastLine  []byte
	traffic   Traffic
}

// Traffic counts what an engine wrote.
type Traffic struct {
	Lines     int64
	LongLines int64 // longer than 64 kB
	// Stray is the number of bestmove and readyok lines that nothing had asked
	// for.
	Stray int64
	// Unknown is the number of lines that begin with no word of the protocol.
	Unknown int64
}

// StartUCI starts an engine, shakes hands with it and sets its options. ctx
// bounds the start, not the engine's life: Close ends that.
func StartUCI(ctx context.Context, cfg Config) (*UCI, error) {
	path, err := Find(cfg.Path)
	if err != nil {
		return nil, err
	}
	cfg.Timeouts = cfg.Timeouts.withDefaults()
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("engine: starting %s: %w", path, err)
	}
	c := &UCI{
		cfg:       cfg,
		name:      cfg.Name,
		closing:   make(chan struct{}),
		sem:       make(chan struct{}, 1),
		timer:     time.NewTimer(time.Hour),
		initial:   bitboard.Start(),
		wake:      make(chan struct{}, 1),
		handshake: true,
	}
	c.timer.Stop()
	if c.name == "" {
		c.name = filepath.Base(path)
	}
	cmd := exec.Command(path, cfg.Args...)
	cmd.Dir = cfg.Dir
	cmd.Env = append(os.Environ(), cfg.Env...)
	if c.proc, err = process.Start(cmd, cfg.Limits, c.read); err != nil {
		return nil, &StartError{Path: path, Err: err}
	}
	if err := c.start(ctx); err != nil {
		c.proc.Kill()
		<-c.proc.Done
		return nil, err
	}
	return c, nil
}

// start does everything between fork and first game.
func (c *UCI) start(ctx context.Context) error {
	c.buf = append(c.buf[:0], "uci\n"...)
	if err := c.require(ctx, "uci", c.cfg.Timeouts.Start, func() bool { return !c.handshake }); err != nil {
		return err
	}
	c.mu.Lock()
	if c.cfg.Name == "" && c.idName != "" {
		c.name = c.idName
	}
	c.mu.Unlock()

	options, err := checkOptions(c.name, c.announced, c.cfg.Options)
	if err != nil {
		return err
	}
	c.options = options
	for _, line := range c.cfg.Init {
		if strings.ContainsAny(line, "\r\n\x00") {
			return fmt.Errorf("engine: %s: an initial command cannot hold a line break: %q", c.name, clip(line, 60))
		}
	}
	if _, set := setting(options, "Seed"); !set {
		if o := findOption(c.announced, "Seed"); o != nil && (o.Type == Spin || o.Type == String) {
			c.seed = o
		}
	}
	c.buf = c.buf[:0]
	for _, line := range c.cfg.Init {
		c.buf = append(append(c.buf, line...), '\n')
	}
	for _, o := range options {
		c.buf = appendSetOption(c.buf, o, findOption(c.announced, o.Name).Type)
	}
	return c.ping(ctx, "isready")
}

// appendSetOption appends the command that sets o. An empty string is sent as
// nothing after "value", as other clients do, and not as the "<empty>" that
// engines announce: Stockfish 15 takes that for the name of a file.
func appendSetOption(dst []byte, o Option, t OptionType) []byte {
	dst = append(dst, "setoption name "...)
	dst = append(dst, o.Name...)
	if o.Value != "" || t == String {
		dst = append(dst, " value "...)
		dst = append(dst, o.Value...)
	}
	return append(dst, '\n')
}

// Name implements Player.
func (c *UCI) Name() string { return c.name }

// Options returns the options the engine announced.
func (c *UCI) Options() []OptionInfo { return c.announced }

// Traffic returns what the engine has written so far.
func (c *UCI) Traffic() Traffic {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.traffic
}

// Exited is closed when the engine's process has ended and been reaped.
func (c *UCI) Exited() <-chan struct{} { return c.proc.Done }

// Spec implements Player: kind, name (the engine's own), version (the part of it
// from the first word with a digit on), author, program, sha256 (of the program),
// args, init, and every option that was set.
func (c *UCI) Spec() map[string]string {
	c.hashOnce.Do(func() {
		var err error
		if c.hash, err = HashFile(c.proc.Path); err != nil {
			c.hash = "unknown: " + err.Error()
		}
	})
	spec := map[string]string{
		"kind":    "uci",
		"name":    c.idName,
		"version": version(c.idName),
		"author":  c.author,
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

// NewGame implements Player: "ucinewgame", and the answer to a ping. An engine
// that announces an option "Seed" which the configuration does not set gets the
// game's seed in it, folded into the option's range; others have no use for it.
func (c *UCI) NewGame(ctx context.Context, seed uint64) error {
	if err := c.acquire(ctx, "ucinewgame"); err != nil {
		return err
	}
	defer c.release()
	c.buf = c.buf[:0]
	if c.seed != nil {
		c.buf = appendSetOption(c.buf, Option{c.seed.Name, foldSeed(c.seed, seed)}, c.seed.Type)
	}
	c.buf = append(c.buf, "ucinewgame\n"...)
	return c.ping(ctx, "ucinewgame")
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

// Move implements Player. An engine that does not answer in time is told to
// stop; so it is when ctx ends. Errors are *IllegalMoveError, *ProtocolError,
// *TimeoutError, *CrashError, and those that wrap ErrGameOver, ErrClosed or the
// error of ctx.
func (c *UCI) Move(ctx context.Context, g *bitboard.Game, limit Limit) (Reply, error) {
	if err := limit.Validate(); err != nil {
		return Reply{}, err
	}
	pos := g.Position()
	// Engines answer a finished position with anything between "(none)" and a
	// crash.
	if !pos.HasLegalMove() {
		return Reply{}, fmt.Errorf("engine: %s: %w: %s", c.name, ErrGameOver, pos.FEN())
	}
	if err := c.acquire(ctx, "search"); err != nil {
		return Reply{}, err
	}
	defer c.release()

	c.buf = c.appendPosition(c.buf[:0], g)
	c.buf = append(c.buf, "isready\n"...)
	c.buf = appendGo(c.buf, limit, pos.SideToMove())
	c.mu.Lock()
	c.pings++
	c.searching = true
	c.info.reset()
	c.mu.Unlock()

	allowed, timed := limit.budget(pos.SideToMove())
	if timed {
		allowed += c.cfg.Timeouts.Margin
	} else {
		allowed = c.cfg.Timeouts.Search
	}
	start := time.Now()
	answered := func() bool { return !c.searching }
	err := c.exchange(ctx, allowed, answered)
	switch {
	case err == nil:
		return c.reply(pos, start)
	case errors.Is(err, errEnded):
		return Reply{}, c.died("search")
	case errors.Is(err, ErrClosed):
		return Reply{}, c.failed("search", err)
	}
	// Late, or canceled: the engine must come to rest before it is used again.
	late := errors.Is(err, errDeadline)
	err = c.failed("search", err)
	c.buf = c.buf[:0]
	if c.isSearching() {
		c.buf = append(c.buf, "stop\n"...)
	}
	stopped := time.Now()
	stopErr := c.exchange(context.Background(), c.cfg.Timeouts.Stop, answered)
	switch {
	case stopErr == nil:
		if late {
			err = &TimeoutError{Player: c.name, During: "search", Limit: allowed, Elapsed: c.bestAt.Sub(start)}
		}
	case errors.Is(stopErr, errDeadline):
		// A canceled search was within its time; it is "stop" that it did not heed.
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
	return Reply{}, err
}

// reply turns the bestmove that has come into a Reply.
func (c *UCI) reply(pos *bitboard.Position, start time.Time) (Reply, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := Reply{Text: string(c.best), Elapsed: c.bestAt.Sub(start), Attempts: 1, Score: c.info.score()}
	switch r.Text {
	case "(none)", "NULL", "null", "0000":
		// How engines say that there is no move: Stockfish, several, Komodo. There
		// is one.
		r.Illegal = 1
		return r, &IllegalMoveError{Player: c.name, Texts: []string{r.Text}, FEN: pos.FEN()}
	}
	if _, err := bitboard.ParseUCI(r.Text); err != nil {
		return r, &ProtocolError{Player: c.name, During: "search", Line: clip(string(c.bestLine), lastLineLength), Reason: "not a move"}
	}
	var err error
	if r.Move, err = pos.ParseUCIMove(r.Text); err != nil {
		r.Illegal = 1
		return r, &IllegalMoveError{Player: c.name, Texts: []string{r.Text}, FEN: pos.FEN()}
	}
	return r, nil
}

// appendPosition appends the "position" command for g.
func (c *UCI) appendPosition(dst []byte, g *bitboard.Game) []byte {
	dst = append(dst, "position "...)
	if start := g.StartPosition(); start == c.initial {
		dst = append(dst, "startpos"...)
	} else {
		dst = append(dst, "fen "...)
		dst = start.AppendFEN(dst)
	}
	if moves := g.Moves(); len(moves) > 0 {
		dst = append(dst, " moves"...)
		for _, m := range moves {
			dst = m.AppendUCI(append(dst, ' '))
		}
	}
	return append(dst, '\n')
}

// appendGo appends the "go" command for a limit. Times are sent in whole
// milliseconds, rounded down, but never as 0.
func appendGo(dst []byte, l Limit, side bitboard.Color) []byte {
	number := func(name string, n int64) {
		dst = append(dst, name...)
		dst = strconv.AppendInt(dst, n, 10)
	}
	ms := func(d time.Duration) int64 { return max(1, d.Milliseconds()) }
	dst = append(dst, "go"...)
	if side == bitboard.White && l.White > 0 || side == bitboard.Black && l.Black > 0 {
		number(" wtime ", ms(l.White))
		number(" btime ", ms(l.Black))
		if l.WhiteInc > 0 || l.BlackInc > 0 {
			number(" winc ", l.WhiteInc.Milliseconds())
			number(" binc ", l.BlackInc.Milliseconds())
		}
		if l.MovesToGo > 0 {
			number(" movestogo ", int64(l.MovesToGo))
		}
	}
	if l.Depth > 0 {
		number(" depth ", int64(l.Depth))
	}
	if l.Nodes > 0 {
		number(" nodes ", int64(l.Nodes))
	}
	if l.MoveTime > 0 {
		number(" movetime ", ms(l.MoveTime))
	}
	return append(dst, '\n')
}

// Close implements Player: "quit", a bounded wait, then the end of the process
// group. A call under way returns ErrClosed. Close returns a *CrashError when the
// engine died before "quit" without anybody having been told, or by it, and a
// *TimeoutError when it had to be killed; nothing is left of it in any case.
func (c *UCI) Close() error {
	c.closeOnce.Do(func() {
		close(c.closing)
		c.sem <- struct{}{} // the last exchange is over, and there is no other
		c.closeErr = c.quit()
	})
	return c.closeErr
}

func (c *UCI) quit() error {
	defer func() { <-c.proc.Done }()
	if c.fatal != nil {
		return nil
	}
	if c.hasEnded() {
		return c.died("idle")
	}
	c.buf = c.buf[:0]
	if c.isSearching() {
		c.buf = append(c.buf, "stop\n"...)
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
func (c *UCI) acquire(ctx context.Context, during string) error {
	select {
	case c.sem <- struct{}{}:
	default:
		select {
		case c.sem <- struct{}{}:
		case <-c.closing:
			return c.failed(during, ErrClosed)
		case <-ctx.Done():
			return c.failed(during, ctx.Err())
		}
	}
	var err error
	select {
	case <-c.closing:
		err = c.failed(during, ErrClosed)
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

func (c *UCI) release() { <-c.sem }

var (
	errDeadline = errors.New("no answer in time")
	errEnded    = errors.New("the output has ended")
)

// ping appends "isready" to what is to be sent and waits for the answer.
func (c *UCI) ping(ctx context.Context, during string) error {
	c.buf = append(c.buf, "isready\n"...)
	c.mu.Lock()
	c.pings++
	c.mu.Unlock()
	return c.require(ctx, during, c.cfg.Timeouts.Ready, func() bool { return c.pings == 0 })
}

// require is exchange for what an engine has to answer in time or be killed.
func (c *UCI) require(ctx context.Context, during string, allowed time.Duration, ok func() bool) error {
	start := time.Now()
	err := c.exchange(ctx, allowed, ok)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errDeadline):
		return c.stalled(during, allowed, time.Since(start))
	case errors.Is(err, errEnded):
		return c.died(during)
	}
	return c.failed(during, err)
}

// exchange sends c.buf and waits until ok, which is called with c.mu held,
// returns true. Otherwise it returns errDeadline, errEnded, ErrClosed or the
// error of ctx.
func (c *UCI) exchange(ctx context.Context, allowed time.Duration, ok func() bool) error {
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
			return ErrClosed
		}
	}
}

// write sends c.buf. Go turns the signal of a broken pipe into an error.
func (c *UCI) write(allowed time.Duration) error {
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

func (c *UCI) isSearching() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.searching
}

func (c *UCI) hasEnded() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ended
}

// failed wraps the error of an exchange that is not the engine's fault.
func (c *UCI) failed(during string, err error) error {
	return fmt.Errorf("engine: %s: %s: %w", c.name, during, err)
}

// stalled kills an engine that does not answer.
func (c *UCI) stalled(during string, limit, elapsed time.Duration) error {
	c.proc.Kill()
	<-c.proc.Done
	c.fatal = &TimeoutError{
		Player: c.name, During: during, Limit: limit, Elapsed: elapsed, Stalled: true,
		LastLine: c.last(), Stderr: c.proc.Stderr(),
	}
	return c.fatal
}

// died reports an engine whose output has ended.
func (c *UCI) died(during string) error {
	err := &CrashError{Player: c.name, During: during}
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

func (c *UCI) last() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return string(bytes.ToValidUTF8(c.lastLine, []byte("?")))
}

// read takes the engine's output apart until it ends.
func (c *UCI) read(f io.Reader) {
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
func (c *UCI) signal() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// line handles one line of the engine's output.
func (c *UCI) line(line []byte, long bool) {
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
	switch string(word) {
	case "info":
		if c.searching && c.pings == 0 {
			c.info.keep(rest)
		}
	case "bestmove":
		if !c.searching || c.pings > 0 {
			c.traffic.Stray++
			return
		}
		c.bestAt = time.Now()
		word, _ = nextWord(rest)
		c.best = append(c.best[:0], word[:min(len(word), lastLineLength)]...)
		c.bestLine = append(c.bestLine[:0], c.lastLine...)
		c.searching = false
		c.signal()
	case "readyok":
		if c.pings == 0 {
			c.traffic.Stray++
			return
		}
		c.pings--
		// A search that is outstanding is awaited, not the ping before it.
		if !c.searching {
			c.signal()
		}
	case "uciok":
		c.handshake = false
		c.signal()
	case "id":
		if c.handshake {
			key, value := nextWord(rest)
			value = bytes.TrimSpace(value)
			text := string(bytes.ToValidUTF8(value[:min(len(value), maxName)], []byte("?")))
			switch string(key) {
			case "name":
				c.idName = text
			case "author":
				c.author = text
			}
		}
	case "option":
		if c.handshake && len(c.announced) < maxOptions && !long {
			if o, ok := parseOptionInfo(string(rest)); ok {
				c.announced = append(c.announced, o)
			}
		}
	case "copyprotection", "registration", "":
	default:
		c.traffic.Unknown++
	}
}
