// Package uciserver makes a model a UCI engine: the other side of the protocol
// that package uci speaks as a client.
//
// # What it promises
//
//   - Every "go" is answered by exactly one "bestmove", which is legal whenever a
//     legal move exists (but see forfeit-after-N below), and comes in time, whether
//     the model is done or not.
//   - "isready" is answered at once, during searches too; while a model is being
//     loaded, when it is there.
//   - What is not understood is ignored; what cannot be done is said in an "info
//     string" that begins with "error:". No input makes it panic, or hang.
//   - "quit" and the end of the input end it. At the end of the input a search
//     under way is answered first.
//
// # A model as an engine
//
// The model is blindfold: it is shown the moves of the game. A position set up by
// "position fen" is nothing that it could be shown; there the moves are drawn
// uniformly from the legal ones, which every answer says ("position fen" with the
// initial position is the start of a game like any other).
//
// It has no search and no evaluation. Limits bound the time and nothing else; the
// answer comes when the model has it. "info" lines have depth 1 and no score: any
// number there would be invented, and tools act on it (they adjudicate games and
// offer draws by it). For tools that insist, the option Score can be set to zero.
// What there is instead is the policy: "info string policy" names the likeliest
// legal moves with their probabilities at temperature 1.
//
// A model that is too slow for the clock moves from what it has: the move that it
// held likeliest in its last completed thought of this game, if it is still legal,
// else a random one.
//
// UCI has no resigning. Under the policies "mask" and "resample-N" there always is
// a move: what ends a game in the arena (a resignation by text, a game longer than
// the context) is answered by a masked draw, or where the model can see no more by
// a random move. Under "forfeit-after-N" each of them is answered by "bestmove
// 0000", which every tool takes for the loss that it is.
//
// # The random numbers
//
// They follow from the option Seed and the number of games begun since it was
// set. The client of package uci sets it before each game, and then a game is
// the one that the same model plays in process.
package uciserver

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"transcend/engine"
	"transcend/internal/bitboard"
	"transcend/internal/clip"
	"transcend/model/sampling"
)

// Player is what the server plays with; *engine.ModelPlayer is one.
type Player interface {
	NewGame(ctx context.Context, seed uint64) error
	Move(ctx context.Context, g *bitboard.Game, limit engine.Limit) (engine.Reply, error)
	Chances(ctx context.Context, g *bitboard.Game, temperature float64) ([]engine.Chance, error)
	Close() error
}

// Model makes players of a model that has been loaded.
type Model interface {
	// NewPlayer is called often: it must not take long.
	NewPlayer(s sampling.Settings, p engine.IllegalPolicy) (Player, error)
	// CheapChances says that Chances costs nothing after Move.
	CheapChances() bool
}

// Config is how a server starts. The options of the protocol change it.
type Config struct {
	Name, Author string
	About        string // UCI_EngineAbout
	// Model is the path of the model to begin with; Load loads it, and others
	// that the option Model names. It is called by one goroutine at a time.
	Model string
	Load  func(ctx context.Context, path string) (Model, error)

	Sampling sampling.Settings
	Policy   engine.IllegalPolicy
	// Seed is the first seed; nil draws one, and again whenever the option Seed
	// is set to "random".
	Seed      *uint64
	ZeroScore bool
	Threads   int // 0 is 1
	// SetThreads is told of the option Threads, and of Config.Threads at the start;
	// may be nil.
	SetThreads func(int)
}

// Limits of what is read and announced.
const (
	maxLine     = 1 << 20 // longer lines are ignored: a game of 200,000 plies
	maxQueue    = 10_000
	maxMultiPV  = bitboard.MaxMoves
	maxThreads  = 1024
	maxOverhead = 5000 // ms
	// policyMoves is how many moves "info string policy" names.
	policyMoves = 5
)

const (
	// defaultOverhead is kept back of every time limit for what lies between here
	// and whoever holds the clock: Stockfish's default.
	defaultOverhead = 10 * time.Millisecond
	// stopGrace is how long the model may still take after "stop".
	stopGrace = 100 * time.Millisecond
	// quitGrace is how long a model at work is waited for at the end.
	quitGrace = time.Second
)

// Run speaks UCI on in and out until "quit" or the end of in. Its error is that
// the first model could not be loaded, or ctx's.
func Run(ctx context.Context, in io.Reader, out io.Writer, c Config) error {
	s := &server{
		config: c, out: bufio.NewWriter(out),
		wantLoad: true, path: c.Model, sampling: c.Sampling, policy: c.Policy,
		zeroScore: c.ZeroScore, threads: max(1, c.Threads), overhead: defaultOverhead, multiPV: 1,
		game: bitboard.NewGame(bitboard.Start()), rng: rand.New(rand.NewPCG(0, fallbackStream)),
		events: make(chan event), gone: make(chan struct{}), timer: time.NewTimer(time.Hour),
	}
	s.timer.Stop()
	s.setThreads(s.threads)
	s.setSeed(c.Seed)
	return s.run(ctx, in)
}

// server is owned by the goroutine of run. One job at a time is at work on a
// goroutine of its own, which owns the player for as long.
type server struct {
	config Config
	out    *bufio.Writer

	// What the options say.
	path      string
	sampling  sampling.Settings
	policy    engine.IllegalPolicy
	zeroScore bool
	multiPV   int
	threads   int
	overhead  time.Duration
	seed      uint64
	debug     bool

	// What a job has to do, in this order.
	wantLoad, wantPlayer, wantGame bool
	games                          uint64 // played since the seed was set
	played                         bool   // a move of the game has been asked for
	model                          Model
	player                         Player
	masked                         Player // for what cannot be refused; made when it is needed

	job    job
	busy   bool
	events chan event
	gone   chan struct{} // closed when nobody takes events any more

	game    *bitboard.Game
	unknown string // why there is no position, or ""
	rng     *rand.Rand
	search  *search
	// known is the last thought that was completed in this game.
	known []engine.Chance
	timer *time.Timer
	pings int      // "isready" waiting for the model
	queue []string // commands waiting for the end of a search
	eof   bool
}

type job uint8

const (
	loading job = iota
	preparing
	searching
)

// event is what a job reports; done is the last of each job.
type event struct {
	done    bool
	model   Model
	path    string // of the model
	search  *search
	reply   *engine.Reply
	chances []engine.Chance
	masked  Player
	err     error
}

// search is a "go" that has not been answered.
type search struct {
	game    *bitboard.Game
	unknown string
	only    []bitboard.Move // searchmoves; nil: all
	hold    bool            // infinite, or ponder before ponderhit
	limit   clock           // for ponderhit
	began   time.Time
	due     time.Time // when there must be an answer; zero: whenever
	started bool      // a job works on it
	cancel  context.CancelFunc

	reply   *engine.Reply
	chances []engine.Chance
	note    string // why the move is not the model's
	forfeit bool
	told    bool // the info lines are out
	over    bool // nothing more comes of it
}

func (s *server) run(ctx context.Context, in io.Reader) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	lines := make(chan string)
	go readLines(ctx, in, lines)
	defer s.end(cancel)
	for {
		s.dispatch(ctx)
		s.answer()
		if len(s.queue) > 0 && s.search == nil {
			s.catchUp()
			continue
		}
		if s.eof && s.search == nil && s.pings == 0 {
			return nil
		}
		if err := s.out.Flush(); err != nil {
			return nil // whoever listened is gone
		}
		var due <-chan time.Time
		if s.search != nil && !s.search.due.IsZero() {
			s.timer.Reset(max(0, time.Until(s.search.due)))
			due = s.timer.C
		}
		select {
		case line, ok := <-lines:
			if !ok {
				s.endOfInput()
				lines = nil
				continue
			}
			if s.command(line) {
				return nil
			}
		case e := <-s.events:
			if err := s.take(e); err != nil {
				return err
			}
		case <-due:
			s.timeUp()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// end lets the job at work finish, and leaves it if it does not.
func (s *server) end(cancel context.CancelFunc) {
	defer close(s.gone)
	_ = s.out.Flush()
	cancel()
	grace := time.NewTimer(quitGrace)
	defer grace.Stop()
	for s.busy {
		select {
		case e := <-s.events:
			s.busy = !e.done
			if e.masked != nil {
				s.masked = e.masked
			}
		case <-grace.C:
			return
		}
	}
	for _, p := range []Player{s.player, s.masked} {
		if p != nil {
			_ = p.Close()
		}
	}
}

// readLines sends the lines of in without their ends and closes lines. What is
// longer than maxLine is left out.
func readLines(ctx context.Context, in io.Reader, lines chan<- string) {
	defer close(lines)
	r := bufio.NewReaderSize(in, 64<<10)
	var long []byte
	for {
		part, err := r.ReadSlice('\n')
		if len(long)+len(part) <= maxLine+1 {
			long = append(long, part...)
		} else {
			long = append(long[:0], make([]byte, maxLine+2)...)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if len(long) > 0 && len(long) <= maxLine+1 {
			select {
			case lines <- strings.TrimRight(string(long), "\r\n"):
			case <-ctx.Done():
				return
			}
		}
		long = long[:0]
		if err != nil {
			return
		}
	}
}

func (s *server) say(words ...string) {
	for _, w := range words {
		s.out.WriteString(w)
	}
	s.out.WriteByte('\n')
}

// tell writes an info string; what comes from outside is clipped to one line.
func (s *server) tell(format string, args ...any) {
	text := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, fmt.Sprintf(format, args...))
	s.say("info string ", clip.Text(text, 400))
}

// setSeed sets the seed, or draws one. The next game is the first with it.
func (s *server) setSeed(seed *uint64) {
	s.seed = rand.Uint64()
	if seed != nil {
		s.seed = *seed
	}
	s.games, s.played = 0, false
	s.wantGame = true
}

// newGame begins a game; the first after setSeed is the one of the seed itself.
func (s *server) newGame() {
	if s.played {
		s.games++
	}
	s.played, s.wantGame = false, true
}

func (s *server) setThreads(n int) {
	s.threads = n
	if s.config.SetThreads != nil {
		s.config.SetThreads(n)
	}
}

// gameSeed is the seed of the game that begins now.
func (s *server) gameSeed() uint64 {
	if s.games == 0 {
		return s.seed
	}
	return rand.New(rand.NewPCG(s.seed, s.games)).Uint64()
}

// dispatch starts the next job when none is at work.
func (s *server) dispatch(ctx context.Context) {
	for !s.busy {
		switch {
		case s.wantLoad:
			s.wantLoad = false
			path := s.path
			s.start(loading, func(report func(event)) {
				m, err := s.config.Load(ctx, path)
				report(event{model: m, path: path, err: err, done: true})
			})
		case s.player == nil:
			return // there was no load yet
		case s.wantPlayer:
			s.wantPlayer = false
			if err := s.makePlayer(s.model); err != nil {
				s.tell("error: %v", err)
			}
		case s.wantGame:
			s.wantGame = false
			s.known = nil
			if s.masked != nil {
				_ = s.masked.Close()
				s.masked = nil
			}
			seed := s.gameSeed()
			s.rng = rand.New(rand.NewPCG(seed, fallbackStream))
			player := s.player
			s.start(preparing, func(report func(event)) {
				report(event{err: player.NewGame(ctx, seed), done: true})
			})
		case s.search != nil && !s.search.started && !s.search.over:
			s.startSearch(ctx)
		default:
			return
		}
	}
}

// fallbackStream keeps the moves that are not the model's apart from its draws.
const fallbackStream = 0x66616c6c6261636b // "fallback"

func (s *server) start(j job, work func(report func(event))) {
	s.busy, s.job = true, j
	go work(func(e event) {
		select {
		case s.events <- e:
		case <-s.gone:
		}
	})
}

// makePlayer makes the player that the options ask for. With an error nothing has
// changed.
func (s *server) makePlayer(m Model) error {
	p, err := m.NewPlayer(s.sampling, s.policy)
	if err != nil {
		return err
	}
	for _, old := range []Player{s.player, s.masked} {
		if old != nil {
			_ = old.Close()
		}
	}
	s.model, s.player, s.masked = m, p, nil
	s.wantGame = true // with the seed that it has
	return nil
}

// take is told what a job did.
func (s *server) take(e event) error {
	if e.done {
		s.busy = false
	}
	switch s.job {
	case loading:
		first := s.player == nil
		if e.err == nil {
			s.wantPlayer = false
			e.err = s.makePlayer(e.model)
		}
		switch {
		case e.err != nil && first:
			return e.err
		case e.err != nil:
			s.tell("error: the model stays what it was: %v", e.err)
		case !first || s.debug:
			s.tell("model loaded from %s", e.path)
		}
	case preparing:
		if e.err != nil && !errors.Is(e.err, context.Canceled) {
			s.tell("error: %v", e.err)
		}
	case searching:
		s.thought(e)
	}
	if !s.isLoading() {
		for range s.pings {
			s.say("readyok")
		}
		s.pings = 0
	}
	return nil
}

func (s *server) isLoading() bool { return s.wantLoad || s.busy && s.job == loading }

// endOfInput lets the search under way be answered.
func (s *server) endOfInput() {
	s.eof = true
	if s.search != nil && s.search.hold {
		s.release()
	}
}

// randomMove draws from the legal moves, in an order that does not depend on how
// they are generated.
func randomMove(moves []bitboard.Move, rng *rand.Rand) bitboard.Move {
	sorted := slices.Sorted(slices.Values(moves))
	return sorted[rng.IntN(len(sorted))]
}
