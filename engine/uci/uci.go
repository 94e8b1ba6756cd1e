// Package uci runs chess engines in processes of their own and plays with them: Start those
// that speak UCI, StartXBoard those that speak the older protocol of xboard and WinBoard.
// Both kinds are Players, configured by a Config.
//
// Every exchange has a deadline (Timeouts), and nothing of an engine is left after Close, or
// after the end of this process, however it ends.
//
// An engine's faults are the errors of package engine, which a game is lost by:
// *engine.CrashError, *engine.TimeoutError, *engine.ProtocolError, *engine.IllegalMoveError.
// Those of this package mean that no game can be played as it was asked for:
//
//	*NotFoundError     there is no such program
//	*StartError        it cannot be run
//	*OptionError       the engine has no such option, or not with that value
//	*UnsupportedError  its protocol has no word for the limit, the position or a second game
package uci

import (
	"context"
	"strconv"
	"time"

	"transcend/engine"
	"transcend/internal/bitboard"
)

// Engine is a running UCI engine. It is an engine.Player.
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
type Engine struct {
	client
	author string

	// Guarded by mu:
	pings int // "isready" without "readyok"
	info  infoKeeper
}

// Start starts an engine, shakes hands with it and sets its options. ctx
// bounds the start, not the engine's life: Close ends that.
func Start(ctx context.Context, cfg Config) (*Engine, error) {
	c := newEngine(cfg)
	if err := c.run(ctx, c.greet); err != nil {
		return nil, err
	}
	return c, nil
}

func newEngine(cfg Config) *Engine {
	c := &Engine{client: newClient(cfg, "stop\n")}
	c.obey = c.hear
	return c
}

func (c *Engine) greet(ctx context.Context) error {
	c.buf = append(c.buf[:0], "uci\n"...)
	if err := c.require(ctx, "uci", c.cfg.Timeouts.Start, func() bool { return !c.handshake }); err != nil {
		return err
	}
	if err := c.configure(c.cfg.Options); err != nil {
		return err
	}
	for _, o := range c.options {
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

// Spec implements engine.Player: kind, name (the engine's own), version (the part of it
// from the first word with a digit on), author, program, sha256 (of the program),
// args, init, and every option that was set.
func (c *Engine) Spec() map[string]string {
	spec := c.spec("uci")
	spec["author"] = c.author
	return spec
}

// NewGame implements engine.Player: "ucinewgame", and the answer to a ping. An engine
// that announces an option "Seed" which the configuration does not set gets the
// game's seed in it, folded into the option's range; others have no use for it.
func (c *Engine) NewGame(ctx context.Context, seed uint64) error {
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

// Move implements engine.Player. An engine that does not answer in time is told to
// stop; so it is when ctx ends. Errors are *engine.IllegalMoveError, *engine.ProtocolError,
// *engine.TimeoutError, *engine.CrashError, and those that wrap engine.ErrGameOver, engine.ErrClosed or the
// error of ctx.
func (c *Engine) Move(ctx context.Context, g *bitboard.Game, limit engine.Limit) (engine.Reply, error) {
	if err := c.begin(ctx, g, limit); err != nil {
		return engine.Reply{}, err
	}
	defer c.release()
	pos := g.Position()
	c.buf = c.appendPosition(c.buf[:0], g)
	c.buf = append(c.buf, "isready\n"...)
	c.buf = appendGo(c.buf, limit, pos.SideToMove())
	c.mu.Lock()
	c.pings++
	c.searching = true
	c.info.reset()
	c.mu.Unlock()
	start, err := c.search(ctx, pos.SideToMove(), limit)
	if err != nil {
		return engine.Reply{}, err
	}
	return c.answer(pos, start)
}

// answer turns the bestmove that has come into a Reply.
func (c *Engine) answer(pos *bitboard.Position, start time.Time) (engine.Reply, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reply(pos, start, c.info.score(), func(text string) (bitboard.Move, bool, error) {
		if _, err := bitboard.ParseUCI(text); err != nil {
			return bitboard.NoMove, false, err
		}
		m, err := pos.ParseUCIMove(text)
		return m, true, err
	})
}

// appendPosition appends the "position" command for g.
func (c *Engine) appendPosition(dst []byte, g *bitboard.Game) []byte {
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
func appendGo(dst []byte, l engine.Limit, side bitboard.Color) []byte {
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

// ping appends "isready" to what is to be sent and waits for the answer.
func (c *Engine) ping(ctx context.Context, during string) error {
	c.buf = append(c.buf, "isready\n"...)
	c.mu.Lock()
	c.pings++
	c.mu.Unlock()
	return c.require(ctx, during, c.cfg.Timeouts.Ready, func() bool { return c.pings == 0 })
}

// hear takes a line of the engine's apart; mu is held.
func (c *Engine) hear(word, rest []byte, long bool) {
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
		move, _ := nextWord(rest)
		c.found(move)
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
			switch string(key) {
			case "name":
				c.idName = title(value)
			case "author":
				c.author = title(value)
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
