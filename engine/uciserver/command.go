package uciserver

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"transcend/engine"
	"transcend/internal/bitboard"
	"transcend/internal/clip"
)

// commands are the words that begin a command. Words before one are skipped, as
// the protocol wants it.
var commands = []string{"uci", "debug", "isready", "setoption", "register", "ucinewgame", "position", "go", "stop", "ponderhit", "quit"}

// command obeys a line; true ends the server.
func (s *server) command(line string) (quit bool) {
	line = strings.TrimSpace(line)
	for line != "" {
		word, rest := cutWord(line)
		if slices.Contains(commands, word) {
			searching := s.search != nil && !s.search.hold
			if len(s.queue) > 0 && !urgent(word) || searching && word == "go" {
				// Whoever writes everything at once into a pipe gets all the answers.
				if len(s.queue) < maxQueue {
					s.queue = append(s.queue, line)
				}
				return false
			}
			return s.obey(word, rest)
		}
		if s.debug {
			s.tell("ignored: %q", clip.Text(word, 40))
		}
		line = rest
	}
	return false
}

// urgent commands do not wait for the search that a second "go" waits for.
func urgent(word string) bool {
	return word == "stop" || word == "ponderhit" || word == "isready" || word == "quit"
}

// catchUp obeys what has waited for the end of a search.
func (s *server) catchUp() {
	for len(s.queue) > 0 && s.search == nil {
		line := s.queue[0]
		s.queue = s.queue[1:]
		word, rest := cutWord(line)
		s.obey(word, rest)
	}
}

func cutWord(s string) (word, rest string) {
	if i := strings.IndexAny(s, " \t\v\f"); i >= 0 {
		return s[:i], strings.TrimSpace(s[i:])
	}
	return s, ""
}

func (s *server) obey(word, rest string) (quit bool) {
	switch word {
	case "uci":
		s.greet()
	case "debug":
		s.debug = rest != "off"
	case "isready":
		if s.isLoading() {
			s.pings++
		} else {
			s.say("readyok")
		}
	case "setoption":
		s.setOption(rest)
	case "ucinewgame":
		s.newGame()
	case "position":
		s.position(rest)
	case "go":
		s.goCommand(rest)
	case "stop":
		if s.search != nil {
			s.release()
			s.hurry(stopGrace)
		}
	case "ponderhit":
		if s.search != nil && s.search.hold {
			s.release()
			s.setDue()
		}
	case "quit":
		return true
	}
	return false // "register": there is nothing to register
}

func (s *server) greet() {
	s.say("id name ", s.config.Name)
	s.say("id author ", s.config.Author)
	for _, o := range s.optionLines() {
		s.say("option name ", o)
	}
	s.say("uciok")
}

// Policies that the option announces; the others that ParseIllegalPolicy reads
// can be set all the same.
var policies = []string{"mask", "resample-5", "resample-20", "forfeit-after-5"}

func (s *server) optionLines() []string {
	policy := s.policy.String()
	vars := policies
	if !slices.Contains(vars, policy) {
		vars = append(slices.Clone(vars), policy)
	}
	seed := "random"
	if s.config.Seed != nil {
		seed = strconv.FormatUint(*s.config.Seed, 10)
	}
	score := "none"
	if s.zeroScore {
		score = "zero"
	}
	return []string{
		"Model type string default " + s.path,
		"Reload Model type button",
		"Temperature type string default " + formatFloat(s.sampling.Temperature),
		fmt.Sprintf("TopK type spin default %d min 0 max %d", s.sampling.TopK, maxTopK),
		"TopP type string default " + formatFloat(s.sampling.TopP),
		"IllegalPolicy type combo default " + policy + " var " + strings.Join(vars, " var "),
		"Seed type string default " + seed,
		"Score type combo default " + score + " var none var zero",
		fmt.Sprintf("MultiPV type spin default %d min 1 max %d", s.multiPV, maxMultiPV),
		fmt.Sprintf("Threads type spin default %d min 1 max %d", s.threads, maxThreads),
		"Hash type spin default 1 min 1 max 1048576", // there is none; tools set it
		fmt.Sprintf("Move Overhead type spin default %d min 0 max %d", s.overhead.Milliseconds(), maxOverhead),
		"UCI_EngineAbout type string default " + s.config.About,
	}
}

const maxTopK = 1_000_000

func formatFloat(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }

// setOption reads "name NAME [value VALUE]".
func (s *server) setOption(rest string) {
	word, rest := cutWord(rest)
	if word != "name" {
		s.tell("error: setoption without a name")
		return
	}
	name, value := rest, ""
	if strings.HasPrefix(rest, "value ") {
		name = "" // no option has that name
	} else if i := strings.Index(rest, " value"); i >= 0 && (len(rest) == i+6 || rest[i+6] == ' ') {
		name, value = rest[:i], strings.TrimSpace(rest[i+6:])
	}
	if value == "<empty>" {
		value = ""
	}
	name = strings.Join(strings.Fields(name), " ")
	if err := s.set(strings.ToLower(name), value); err != nil {
		s.tell("error: option %s: %v", clip.Text(name, 60), err)
	} else if s.debug {
		s.tell("option %s is %q", clip.Text(name, 60), clip.Text(value, 200))
	}
}

// set sets an option, whose name is in lower case.
func (s *server) set(name, value string) (err error) {
	switch name {
	case "model":
		if value == "" {
			return fmt.Errorf("no path")
		}
		s.path, s.wantLoad = value, true
	case "reload model":
		s.wantLoad = true
	case "temperature", "topk", "topp":
		return s.setSampling(name, value)
	case "illegalpolicy":
		p, err := engine.ParseIllegalPolicy(strings.ToLower(value))
		if err != nil {
			return err
		}
		if p != s.policy {
			s.policy, s.wantPlayer = p, true
		}
	case "seed":
		if strings.EqualFold(value, "random") || value == "" {
			s.setSeed(nil)
			return nil
		}
		n, err := strconv.ParseUint(value, 10, 64)
		if err != nil {
			return fmt.Errorf("%q is neither random nor a whole number from 0 to 2^64-1", clip.Text(value, 40))
		}
		s.setSeed(&n)
	case "score":
		v := strings.ToLower(value)
		if v != "none" && v != "zero" {
			return fmt.Errorf("%q is neither none nor zero", clip.Text(value, 40))
		}
		s.zeroScore = v == "zero"
	case "multipv":
		n, err := spin(value, 1, maxMultiPV)
		if err != nil {
			return err
		}
		s.multiPV = n
	case "threads":
		n, err := spin(value, 1, maxThreads)
		if err != nil {
			return err
		}
		if n != s.threads {
			s.setThreads(n)
			s.wantPlayer = true
		}
	case "hash":
		_, err = spin(value, 1, 1<<20)
	case "move overhead":
		n, err := spin(value, 0, maxOverhead)
		if err != nil {
			return err
		}
		s.overhead = time.Duration(n) * time.Millisecond
	case "uci_engineabout", "uci_opponent", "uci_analysemode", "ponder":
		// Tools send them without being asked; nothing depends on them.
	case "uci_chess960":
		if strings.EqualFold(value, "true") {
			return fmt.Errorf("this engine plays standard chess only, not Chess960: its model has seen no other")
		}
	case "uci_variant":
		if !strings.EqualFold(value, "chess") {
			return fmt.Errorf("this engine plays standard chess only, not %q: its model has seen no other", clip.Text(value, 40))
		}
	default:
		return fmt.Errorf("there is no such option")
	}
	return err
}

// setSampling sets an option of how moves are drawn.
func (s *server) setSampling(name, value string) (err error) {
	next := s.sampling
	switch name {
	case "temperature":
		next.Temperature, err = number(value)
	case "topk":
		next.TopK, err = spin(value, 0, maxTopK)
	case "topp":
		next.TopP, err = number(value)
	}
	if err != nil {
		return err
	}
	if err := next.Validate(); err != nil {
		return err
	}
	if next != s.sampling {
		s.sampling, s.wantPlayer = next, true
	}
	return nil
}

// spin reads the value of an option of type spin.
func spin(value string, min, max int64) (int, error) {
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil || n < min || n > max {
		return 0, fmt.Errorf("%q is no whole number from %d to %d", clip.Text(value, 40), min, max)
	}
	return int(n), nil
}

// number reads the value of an option that UCI has no type for.
func number(value string) (float64, error) {
	x, err := strconv.ParseFloat(value, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is no number (want for example 0.5)", clip.Text(value, 40))
	}
	return x, nil
}

// position reads "startpos" or "fen FEN", and "moves ...".
func (s *server) position(rest string) {
	setup, moves, _ := strings.Cut(" "+rest+" ", " moves ")
	setup = strings.TrimSpace(setup)
	start, err := bitboard.Start(), error(nil)
	if fen, ok := strings.CutPrefix(setup, "fen"); ok {
		start, err = parseFEN(fen)
	} else if setup != "startpos" {
		err = fmt.Errorf("neither startpos nor fen")
	}
	if err != nil {
		s.unknown = err.Error()
		s.tell("error: position: %v", err)
		return
	}
	s.unknown = ""
	s.game = bitboard.NewGame(start)
	for word := range strings.FieldsSeq(moves) {
		m, err := s.game.Position().ParseUCIMove(word)
		if err == nil {
			err = s.game.Make(m)
		}
		if err != nil {
			s.tell("error: position: move %d is not legal and it and the rest are ignored: %v", s.game.Ply()+1, err)
			return
		}
	}
}

// parseFEN is bitboard.ParseFEN; castling and en passant that are impossible are
// dropped.
func parseFEN(fen string) (bitboard.Position, error) {
	p, err := bitboard.ParseFEN(fen)
	if err == nil {
		return p, nil
	}
	if f := strings.Fields(fen); len(f) >= 4 {
		f[2], f[3] = "-", "-"
		if p, err := bitboard.ParseFEN(strings.Join(f, " ")); err == nil {
			return p, nil
		}
	}
	return p, err
}

// clock is what a "go" says about time, for the side to move.
type clock struct {
	moveTime, left, inc time.Duration
	timed, clocked      bool // moveTime is given; left is
	toGo                int
}

// budget is how long the answer may take, false when there is no limit.
func (c clock) budget(overhead time.Duration) (time.Duration, bool) {
	// Of a time shorter than the overhead half is used: nothing is sure there.
	keep := func(t time.Duration) time.Duration { return max(t-overhead, t/2) }
	switch {
	case !c.timed && !c.clocked:
		return 0, false
	case !c.clocked:
		return keep(c.moveTime), true
	}
	// A model needs about the same time for every move, so it gets much of what
	// there is while there is much, and never more than there is.
	parts := time.Duration(8)
	if c.toGo > 0 {
		parts = min(parts, time.Duration(c.toGo))
	}
	d := min(max(c.left/parts+c.inc/4*3, 5*time.Millisecond), keep(c.left))
	if c.timed {
		d = min(d, keep(c.moveTime))
	}
	return d, true
}

// goCommand begins a search.
func (s *server) goCommand(rest string) {
	now := time.Now()
	if s.search != nil {
		// It was infinite, and has not been stopped.
		s.release()
		s.timeUp()
	}
	sr := &search{game: s.game, unknown: s.unknown, began: now}
	named := sr.read(strings.Fields(rest))
	sr.hold = sr.hold && !s.eof // nobody can say stop any more
	if named && len(sr.only) == 0 {
		s.tell("error: none of searchmoves is legal; all moves are searched")
	}
	s.search, s.played = sr, true
	if !sr.hold {
		s.setDue()
	}
	s.see(sr)
}

// read takes the words after "go"; named is whether searchmoves was among them.
func (sr *search) read(words []string) (named bool) {
	white := sr.game.Position().SideToMove() == bitboard.White
	for i := 0; i < len(words); i++ {
		word := words[i]
		switch word {
		case "infinite", "ponder":
			sr.hold = true
			continue
		case "searchmoves":
			named = true
			for i+1 < len(words) {
				m, err := bitboard.ParseUCI(words[i+1])
				if err != nil {
					break
				}
				i++
				// Castling may be written in two ways; what is not legal is no choice.
				if m, err = sr.game.Position().ParseUCIMove(m.String()); err == nil && !slices.Contains(sr.only, m) {
					sr.only = append(sr.only, m)
				}
			}
			continue
		case "wtime", "btime", "winc", "binc", "movestogo", "movetime", "depth", "nodes", "mate", "perft":
		default:
			continue
		}
		if i+1 >= len(words) {
			break
		}
		n, err := strconv.ParseInt(words[i+1], 10, 64)
		if err != nil {
			if ne, ok := err.(*strconv.NumError); !ok || ne.Err != strconv.ErrRange {
				continue // the word may be one of the next
			}
		}
		i++
		// A clock that has run out, or that no clock can show.
		d := time.Duration(min(max(n, 1), 1<<40)) * time.Millisecond
		c := &sr.limit
		switch word {
		case "movetime":
			c.moveTime, c.timed = d, true
		case "wtime", "btime":
			if white == (word == "wtime") {
				c.left, c.clocked = d, true
			}
		case "winc", "binc":
			if white == (word == "winc") && n > 0 {
				c.inc = d
			}
		case "movestogo":
			c.toGo = int(min(max(n, 0), 1000))
		}
	}
	return named
}
