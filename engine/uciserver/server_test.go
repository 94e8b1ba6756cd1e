package uciserver

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"transcend/engine"
	"transcend/internal/bitboard"
	"transcend/model/sampling"
)

// fake is a model that plays the first legal move by name.
type fake struct {
	delay  time.Duration // of every move
	fail   error         // of every move of players without a mask
	broken error         // of NewPlayer
	mu     sync.Mutex
	seeds  []uint64
	log    []string // settings of the players made
}

func (f *fake) CheapChances() bool { return true }

func (f *fake) NewPlayer(s sampling.Settings, p engine.IllegalPolicy) (Player, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.log = append(f.log, fmt.Sprintf("T=%v %v", s.Temperature, p))
	return &fakePlayer{f, p}, f.broken
}

type fakePlayer struct {
	*fake
	policy engine.IllegalPolicy
}

func (p *fakePlayer) Close() error { return nil }

func (p *fakePlayer) NewGame(_ context.Context, seed uint64) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seeds = append(p.seeds, seed)
	return nil
}

func (p *fakePlayer) Move(_ context.Context, g *bitboard.Game, _ engine.Limit) (engine.Reply, error) {
	time.Sleep(p.delay) // heeds nothing, like a pass of a model
	if p.fail != nil && p.policy.Kind != engine.Mask {
		return engine.Reply{Attempts: 5, Illegal: 5}, p.fail
	}
	return engine.Reply{Move: ranking(g)[0].Move, Attempts: 1}, nil
}

func (p *fakePlayer) Chances(_ context.Context, g *bitboard.Game, _ float64) ([]engine.Chance, error) {
	return ranking(g), nil
}

// ranking is the legal moves by name, each half as likely as the one before.
func ranking(g *bitboard.Game) []engine.Chance {
	var out []engine.Chance
	for _, m := range g.Position().Legal(nil) {
		out = append(out, engine.Chance{Move: m})
	}
	slices.SortFunc(out, func(a, b engine.Chance) int { return strings.Compare(a.Move.String(), b.Move.String()) })
	p := 1.0
	for i := range out {
		p /= 2
		out[i].P = p
	}
	return out
}

// session is a server under test, inside a synctest bubble: time passes only when
// nothing else can happen.
type session struct {
	t     *testing.T
	in    *io.PipeWriter
	lines chan string
	done  chan error
}

func newSession(t *testing.T, f *fake, change func(*Config)) *session {
	seed := uint64(7)
	c := Config{
		Name: "fake 1", Author: "nobody", About: "a test", Model: "dir",
		Load:   func(context.Context, string) (Model, error) { return f, nil },
		Policy: engine.IllegalPolicy{Kind: engine.Mask}, Seed: &seed,
	}
	if change != nil {
		change(&c)
	}
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	s := &session{t: t, in: inW, lines: make(chan string, 1000), done: make(chan error, 1)}
	go func() {
		err := Run(context.Background(), inR, outW, c)
		outW.Close()
		inR.Close()
		s.done <- err
	}()
	go func() {
		defer close(s.lines)
		sc := bufio.NewScanner(outR)
		for sc.Scan() {
			s.lines <- sc.Text()
		}
	}()
	return s
}

func (s *session) send(lines ...string) {
	s.t.Helper()
	for _, l := range lines {
		if _, err := io.WriteString(s.in, l+"\n"); err != nil {
			s.t.Fatalf("sending %q: %v", l, err)
		}
	}
}

// until returns the lines up to the first that begins with prefix.
func (s *session) until(prefix string) []string {
	s.t.Helper()
	var got []string
	for {
		select {
		case l, ok := <-s.lines:
			if !ok {
				s.t.Fatalf("the output ended before %q: %q", prefix, got)
			}
			got = append(got, l)
			if strings.HasPrefix(l, prefix) {
				return got
			}
		case <-time.After(time.Hour):
			s.t.Fatalf("no %q: %q", prefix, got)
		}
	}
}

func (s *session) best() string {
	s.t.Helper()
	lines := s.until("bestmove ")
	return strings.Fields(lines[len(lines)-1])[1]
}

// silent makes sure that nothing comes for d.
func (s *session) silent(d time.Duration) {
	s.t.Helper()
	select {
	case l := <-s.lines:
		s.t.Fatalf("unexpected %q", l)
	case <-time.After(d):
	}
}

func (s *session) quit() {
	s.t.Helper()
	s.send("quit")
	s.ended()
}

func (s *session) ended() {
	s.t.Helper()
	select {
	case err := <-s.done:
		if err != nil {
			s.t.Errorf("Run: %v", err)
		}
	case <-time.After(time.Hour):
		s.t.Fatal("it does not end")
	}
	s.in.Close()
	for range s.lines {
	}
}

func TestHandshakeAndGame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSession(t, &fake{}, nil)
		s.send("uci")
		greeting := strings.Join(s.until("uciok"), "\n")
		for _, want := range []string{"id name fake 1\n", "id author nobody\n", "option name Temperature type string default 0\n",
			"option name IllegalPolicy type combo default mask var mask var ", "option name Seed type string default 7\n",
			"option name Model type string default dir\n", "option name Reload Model type button\n", "option name Move Overhead type spin default 10 min 0 max 5000\n"} {
			if !strings.Contains(greeting, want) {
				t.Errorf("the greeting lacks %q:\n%s", want, greeting)
			}
		}
		if strings.Contains(greeting, "960") {
			t.Error("Chess960 is announced")
		}
		s.send("isready")
		s.until("readyok")
		s.send("ucinewgame", "position startpos moves e2e4 e7e5", "go wtime 1000 btime 1000")
		lines := s.until("bestmove a2a3")
		text := strings.Join(lines, "\n")
		if !strings.Contains(text, "info string policy a2a3 50.0% a2a4 25.0%") || !strings.Contains(text, "info depth 1 seldepth 1 multipv 1 nodes 1 time 0 pv a2a3") {
			t.Errorf("info lines: %s", text)
		}
		if strings.Contains(text, "score") {
			t.Errorf("an invented score: %s", text)
		}
		s.send("setoption name Score value zero", "setoption name MultiPV value 3", "go depth 1")
		text = strings.Join(s.until("bestmove a2a3"), "\n")
		for _, want := range []string{"multipv 1 score cp 0", "multipv 2 score cp 0 nodes 1 time 0 pv a2a4", "multipv 3 score cp 0 nodes 1 time 0 pv b1a3"} {
			if !strings.Contains(text, want) {
				t.Errorf("lacks %q: %s", want, text)
			}
		}
		s.quit()
	})
}

// TestGoForms gives every kind of limit to a model that needs 50 ms.
func TestGoForms(t *testing.T) {
	const need = 50 * time.Millisecond
	for _, tt := range []struct {
		command string
		within  time.Duration // the clock
		random  bool          // it cannot be the model's
	}{
		{"go", need, false},
		{"go depth 3", need, false},
		{"go nodes 1", need, false},
		{"go mate 2", need, false},
		{"go movetime 100", 100 * time.Millisecond, false},
		{"go movetime 10", 10 * time.Millisecond, true},
		{"go movetime 1", time.Millisecond, true},
		{"go movetime 0", time.Millisecond, true},
		{"go movetime -5", time.Millisecond, true},
		{"go wtime 1000 btime 10", time.Second, false},
		{"go wtime 10 btime 1000", 10 * time.Millisecond, true},
		{"go wtime 10 btime 10 winc 0 binc 0", 10 * time.Millisecond, true},
		{"go wtime 10 winc 1000", 10 * time.Millisecond, true},
		{"go wtime 100 winc 100", 90 * time.Millisecond, false},
		{"go wtime -30", time.Millisecond, true},
		{"go btime 10", need, false},
		{"go wtime 200 movestogo 2", 100 * time.Millisecond, false},
		{"go movestogo 40 wtime 60000 btime 60000 winc 0 binc 0", need, false},
		{"go wtime 99999999999999999999", need, false},
		{"go movetime banana", need, false},
		{"go searchmoves h2h4 g2g4", need, false},
		{"go wtime", need, false},
		{"GO", 0, false},
	} {
		t.Run(tt.command, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSession(t, &fake{delay: need}, nil)
				s.send("isready")
				s.until("readyok")
				began := time.Now()
				s.send("position startpos", tt.command)
				if tt.within == 0 {
					s.silent(time.Second)
					s.quit()
					return
				}
				lines := s.until("bestmove")
				took := time.Since(began)
				if took > tt.within {
					t.Errorf("took %v of %v", took, tt.within)
				}
				if random := strings.Contains(strings.Join(lines, "\n"), "not done in time"); random != tt.random {
					t.Errorf("fallback: %v\n%s", random, strings.Join(lines, "\n"))
				}
				best := strings.Fields(lines[len(lines)-1])[1]
				if _, err := new(start).ParseUCIMove(best); err != nil {
					t.Error(err)
				}
				if strings.Contains(tt.command, "searchmoves") && best != "g2g4" {
					t.Errorf("played %s", best)
				}
				// It is ready for the next, and answers once.
				s.send("isready")
				s.until("readyok")
				s.send("position startpos moves e2e4", "go depth 1")
				if best := s.best(); best != "a7a5" {
					t.Errorf("then played %s", best)
				}
				s.silent(time.Minute)
				s.quit()
			})
		})
	}
}

type start struct{}

func (*start) ParseUCIMove(m string) (bitboard.Move, error) {
	p := bitboard.Start()
	return p.ParseUCIMove(m)
}

// TestClockIsNeverOverstepped plays whole games by a clock that a model of 50 ms a
// move cannot keep.
func TestClockIsNeverOverstepped(t *testing.T) {
	for _, clock := range []time.Duration{10 * time.Millisecond, time.Second} {
		synctest.Test(t, func(t *testing.T) {
			s := newSession(t, &fake{delay: 50 * time.Millisecond}, nil)
			s.send("setoption name Move Overhead value 0", "isready")
			s.until("readyok")
			g := bitboard.NewGame(bitboard.Start())
			moves, own := "", 0
			for left := clock; left > time.Millisecond && g.Ply() < 300; {
				if !g.Position().HasLegalMove() {
					break
				}
				s.send("position startpos moves"+moves, fmt.Sprintf("go wtime %d btime %d", left.Milliseconds(), left.Milliseconds()))
				began := time.Now()
				best := s.best()
				took := time.Since(began)
				if took > left {
					t.Fatalf("ply %d: %v of %v", g.Ply()+1, took, left)
				}
				if took >= 50*time.Millisecond {
					own++
				}
				left -= took
				m, err := g.Position().ParseUCIMove(best)
				if err != nil {
					t.Fatal(err)
				}
				if err := g.Make(m); err != nil {
					t.Fatal(err)
				}
				moves += " " + best
			}
			if clock == time.Second && own < 10 {
				t.Errorf("the model itself moved %d times in %v", own, clock)
			}
			s.quit()
		})
	}
}

func TestInfiniteAndPonder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSession(t, &fake{delay: 20 * time.Millisecond}, nil)
		s.send("isready")
		s.until("readyok")
		s.send("position startpos", "go infinite")
		s.until("info depth 1") // the thought is shown
		s.silent(time.Hour)
		s.send("isready")
		s.until("readyok")
		s.send("stop")
		s.until("bestmove a2a3")
		// At once, before the model is done: it gets a moment.
		s.send("go infinite", "stop")
		s.until("bestmove a2a3")
		for _, end := range []string{"ponderhit", "stop"} {
			s.send("position startpos moves e2e4 e7e5", "go ponder wtime 1000 btime 1000")
			s.until("info depth 1")
			s.silent(time.Hour)
			s.send(end)
			s.until("bestmove")
		}
		s.silent(time.Minute)
		// ponderhit starts the clock.
		s.send("go ponder movetime 10", "ponderhit")
		began := time.Now()
		s.best()
		if took := time.Since(began); took > 10*time.Millisecond {
			t.Errorf("after ponderhit %v", took)
		}
		s.quit()
	})
}

func TestStopOfASlowModel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSession(t, &fake{delay: time.Minute}, nil)
		s.send("isready")
		s.until("readyok")
		for range 3 {
			s.send("position startpos", "go")
			s.silent(time.Second)
			began := time.Now()
			s.send("isready")
			s.until("readyok")
			s.send("stop")
			s.best()
			if took := time.Since(began); took > stopGrace {
				t.Errorf("stop took %v", took)
			}
		}
		// It is still at work, and ended all the same.
		began := time.Now()
		s.quit()
		if took := time.Since(began); took > quitGrace {
			t.Errorf("quit took %v", took)
		}
		time.Sleep(time.Hour) // the bubble waits for its goroutines
	})
}

func TestIdleCommands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSession(t, &fake{}, nil)
		s.send("isready")
		s.until("readyok")
		for _, line := range []string{"", "   ", "stop", "ponderhit", "register later", "debug off", "xyzzy 1 2", "\x00\xff", "ucinewgame", "ucinewgame",
			"position startpos", "setoption name Hash value 64", "setoption name UCI_Opponent value GM 2800 human Gary", strings.Repeat("x", maxLine+5)} {
			s.send(line)
			s.silent(time.Second)
		}
		// The protocol's own example, and line ends of Windows.
		s.send("joho isready", "\tisready \r")
		s.until("readyok")
		s.until("readyok")
		// A stop that came while nothing was searched is not remembered.
		s.send("stop", "go infinite")
		s.until("info depth")
		s.silent(time.Hour)
		s.send("stop")
		s.best()
		s.quit()
	})
}

func TestPositions(t *testing.T) {
	for _, tt := range []struct{ position, best, note string }{
		{"startpos", "a2a3", ""},
		{"fen " + bitboard.StartFEN, "a2a3", ""},
		{"fen " + bitboard.StartFEN + " moves e2e4", "a7a5", ""},
		{"startpos moves e2e4 e7e5 g1f3 g8f6 f1c4 f8c5 e1h1", "a7a5", ""}, // castling as Chess960 writes it
		{"startpos moves e2e4 e7e5 e1e3 a2a3", "a2a3", "error: position: move 3"},
		{"startpos moves f2f3 e7e5 g2g4 d8h4", "(none)", "the game is over"},
		{"fen 7k/5Q2/6K1/8/8/8/8/8 b - - 0 1", "(none)", "the game is over"}, // stalemate
		{"fen 8/8/8/8/8/1k6/8/K6r w - - 0 1", "(none)", ""},
		{"fen 4k3/8/8/8/8/8/8/R3K2R w KQkq - 0 1", "?", "blindfold"}, // rights of a rook that is not there
		{"fen 8/P6k/8/8/8/8/7K/8 w - - 0 1 moves a7a8q", "?", "blindfold"},
		{"fen nonsense", "0000", "error: position"},
		{"", "0000", "error: position"},
	} {
		t.Run(tt.position, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSession(t, &fake{}, nil)
				s.send("isready")
				s.until("readyok")
				s.send("position "+tt.position, "go wtime 1000 btime 1000")
				lines := s.until("bestmove ")
				best := strings.Fields(lines[len(lines)-1])[1]
				if best != tt.best && (tt.best != "?" || len(best) < 4) {
					t.Errorf("best move %s, want %s", best, tt.best)
				}
				if !strings.Contains(strings.Join(lines, "\n"), tt.note) {
					t.Errorf("no note %q: %q", tt.note, lines)
				}
				// A position that was no good does not stick.
				s.send("position startpos", "go depth 1")
				s.until("bestmove a2a3")
				s.quit()
			})
		})
	}
}

func TestPoliciesOfRefusal(t *testing.T) {
	illegal := &engine.IllegalMoveError{Player: "fake", Texts: []string{"Qxh9"}}
	for _, tt := range []struct {
		policy string
		fail   error
		best   string // "?" is any legal move
	}{
		{"forfeit-after-5", illegal, "0000"},
		{"forfeit-after-5", engine.ErrResigned, "0000"},
		{"forfeit-after-5", engine.ErrContextFull, "0000"},
		{"resample-5", engine.ErrResigned, "a2a3"}, // masked
		{"resample-5", engine.ErrContextFull, "?"},
		{"resample-5", errors.New("the model gives no probabilities"), "?"},
		{"forfeit-after-5", errors.New("the model gives no probabilities"), "?"},
	} {
		t.Run(tt.policy+" "+tt.fail.Error(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSession(t, &fake{fail: tt.fail}, nil)
				s.send("setoption name IllegalPolicy value "+tt.policy, "position startpos", "go movetime 1000")
				best := s.best()
				if _, err := new(start).ParseUCIMove(best); best != tt.best && (tt.best != "?" || err != nil) {
					t.Errorf("best move %s, want %s", best, tt.best)
				}
				s.quit()
			})
		})
	}
}

func TestOptions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{}
		var threads []int
		loads := 0
		s := newSession(t, f, func(c *Config) {
			c.SetThreads = func(n int) { threads = append(threads, n) }
			c.Load = func(_ context.Context, path string) (Model, error) {
				loads++
				if path == "nowhere" {
					return nil, errors.New("nothing\nthere")
				}
				time.Sleep(time.Second)
				return f, nil
			}
		})
		ready := func() []string {
			s.send("isready")
			return s.until("readyok")
		}
		ready()
		for _, bad := range []string{"name Temperature value hot", "name Temperature value -1", "name Temperature value NaN", "name TopP value 2",
			"name TopK value -1", "name IllegalPolicy value cheat", "name Seed value x", "name MultiPV value 0", "name Threads value 0",
			"name Nonsense value 1", "name UCI_Chess960 value true", "name UCI_Variant value atomic", "name Score value 3", "name Hash value 0", "name Model value", "value 3", ""} {
			s.send("setoption " + bad)
			if lines := ready(); !strings.HasPrefix(lines[0], "info string error: ") {
				t.Errorf("setoption %s: %q", bad, lines)
			}
		}
		s.send("setoption name  tEmPeRaTuRe  value  0.5 ", "setoption name illegalpolicy value resample-7", "setoption name threads value 3",
			"setoption name TopP value 0.9", "setoption name UCI_Chess960 value false", "setoption name UCI_Variant value chess")
		if lines := ready(); len(lines) != 1 {
			t.Errorf("good options: %q", lines)
		}
		s.send("go depth 1")
		s.best()
		if last := f.log[len(f.log)-1]; last != "T=0.5 resample-7" {
			t.Errorf("the player is %q", last)
		}
		if !slices.Equal(threads, []int{1, 3}) {
			t.Errorf("threads %v", threads)
		}
		// Loading: a bad one changes nothing, a good one is awaited by isready.
		s.send("setoption name Model value nowhere")
		if lines := ready(); !strings.Contains(lines[0], "error: the model stays what it was: nothing there") {
			t.Errorf("%q", lines)
		}
		s.send("go depth 1")
		s.best()
		began := time.Now()
		s.send("setoption name Model value some where")
		if lines := ready(); !strings.Contains(lines[0], "model loaded from some where") || time.Since(began) < time.Second {
			t.Errorf("%q after %v", lines, time.Since(began))
		}
		s.send("setoption name Reload Model")
		ready()
		if loads != 4 {
			t.Errorf("%d loads", loads)
		}
		// A search that does not wait for the model keeps its time.
		s.send("setoption name Reload Model", "position startpos", "go movetime 100")
		began = time.Now()
		s.best()
		if took := time.Since(began); took > 100*time.Millisecond {
			t.Errorf("took %v", took)
		}
		s.quit()
	})
}

// TestSeeds: the first game after Seed is that of the seed, the others differ.
func TestSeeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{}
		s := newSession(t, f, nil)
		play := func(commands ...string) {
			s.send(commands...)
			s.send("isready")
			s.until("readyok")
			s.send("position startpos", "go depth 1")
			s.best()
		}
		// The model is there, and its first game has begun.
		s.send("isready")
		s.until("readyok")
		synctest.Wait()
		play("setoption name Seed value 18446744073709551615", "isready", "ucinewgame")
		play("ucinewgame")
		play("ucinewgame", "ucinewgame")
		play("setoption name Seed value 18446744073709551615", "isready", "ucinewgame")
		play("setoption name Temperature value 1") // in the game
		play("ucinewgame")
		// What the player was last told before each move.
		var games []uint64
		for i, seed := range f.seeds {
			if i == 0 || seed != f.seeds[i-1] {
				games = append(games, seed)
			}
		}
		const max = 1<<64 - 1
		if len(games) != 6 || games[0] != 7 || games[1] != max || games[4] != max || games[2] == games[3] || games[5] != games[2] {
			t.Errorf("seeds %v", games)
		}
		s.quit()
	})
}

func TestEnds(t *testing.T) {
	slow := func() *fake { return &fake{delay: 50 * time.Millisecond} }
	for _, tt := range []struct {
		input string
		best  int
	}{
		{"", 0},
		{"uci\n", 0},
		{"uci\nposition startpos\ngo\n", 1},
		{"go infinite\n", 1},
		{"go ponder wtime 1000", 1}, // without a line end
		{"go infinite\ngo\ngo movetime 1\n", 3},
		{"go\nquit\n", 0},
		{"position startpos\ngo wtime 1000\nposition startpos moves e2e4\ngo movetime 100\nisready\ngo infinite\n", 3},
	} {
		t.Run(tt.input, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSession(t, slow(), nil)
				go func() {
					io.WriteString(s.in, tt.input)
					s.in.Close()
				}()
				best := 0
				for l := range s.lines {
					if strings.HasPrefix(l, "bestmove ") {
						best++
					}
				}
				if best != tt.best {
					t.Errorf("%d best moves", best)
				}
				s.ended()
			})
		})
	}
	for _, c := range []func(*Config){
		func(c *Config) {
			c.Load = func(context.Context, string) (Model, error) { return nil, errors.New("no model there") }
		},
		func(c *Config) {
			c.Load = func(context.Context, string) (Model, error) { return &fake{broken: errors.New("no model there")}, nil }
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newSession(t, nil, c)
			if err := <-s.done; err == nil || err.Error() != "no model there" {
				t.Errorf("Run: %v", err)
			}
		})
	}
}

// TestLateMoveIsTheLastThoughts: a model that is not done in time moves as it would
// have liked to in its last thought of the game, where that is still legal.
func TestLateMoveIsTheLastThoughts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{}
		s := newSession(t, f, nil)
		s.send("position startpos", "go depth 1")
		s.until("bestmove a2a3")
		f.delay = time.Second
		s.send("position startpos moves a2a3 a7a6", "go movetime 10")
		s.until("bestmove b1c3") // a2a3, a2a4 and b1a3 are no moves any more
		s.send("position startpos moves a2a3 a7a6 b1c3 b7b6", "go movetime 10")
		s.until("bestmove b2b3")
		s.quit()
	})
}

// TestWordsOfOptions: names and values as guis write them, and what debug shows of them.
func TestWordsOfOptions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{}
		s := newSession(t, f, nil)
		ready := func() []string {
			s.send("isready")
			return s.until("readyok")
		}
		ready()
		s.send("debug on")
		ready()
		long := strings.Repeat("x", 300)
		for command, want := range map[string]string{
			"setoption name TopK value 3":                   `info string option TopK is "3"`,
			"setoption name TopP value 1.0":                 `info string option TopP is "1.0"`,
			"setoption name value 3":                        "info string error: option :", // no option has the name ""
			"setoption name Temperature value <empty>":      `info string error: option Temperature: "" is no number`,
			"setoption name Temperature value ho\tt\x01":    `info string error: option Temperature: "ho`,
			"setoption name Temperature value " + long:      `info string error: option Temperature: "` + long[:40] + `..."`,
			"setoption name No" + long + " value 3":         "info string error: option No" + long[:58] + "...",
			"setoption name Temperature valueless value 1e": "info string error: option Temperature valueless",
		} {
			s.send(command)
			lines := ready()
			if len(lines) != 2 || !strings.HasPrefix(lines[0], want) || strings.ContainsAny(lines[0], "\t\x01") {
				t.Errorf("%.60s: %q, want %q", command, lines, want)
			}
		}
		// Moves that are not legal here are no choice; without any other all are searched.
		s.send("debug off", "position startpos")
		ready()
		s.send("go movetime 50 searchmoves e7e5 e2e5")
		if lines := s.until("bestmove "); !slices.ContainsFunc(lines, func(l string) bool { return strings.Contains(l, "none of searchmoves is legal") }) || strings.Fields(lines[len(lines)-1])[1] != "a2a3" {
			t.Errorf("%q", lines)
		}
		// A clock and a time for the move: the shorter one counts.
		f.delay = time.Minute
		for command, most := range map[string]time.Duration{"go wtime 600000 btime 600000 movetime 200": 200 * time.Millisecond, "go wtime 300 btime 600000 movetime 20000": 300 * time.Millisecond} {
			began := time.Now()
			s.send(command)
			s.best()
			if took := time.Since(began); took > most {
				t.Errorf("%s took %v", command, took)
			}
		}
		time.Sleep(5 * f.delay) // the passes of the model end
		s.quit()
	})
}
