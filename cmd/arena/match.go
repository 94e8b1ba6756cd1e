package main

// "arena match": engines and models against each other.

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"gonum.org/v1/gonum/blas/blas32"

	"transcend/cmd/arena/internal/players"
	"transcend/elo/leaderboard"
	"transcend/elo/sprt"
	"transcend/engine"
	"transcend/engine/arena"
	"transcend/engine/device"
	"transcend/engine/match"
	"transcend/engine/uci"
	"transcend/internal/atomicfile"
	"transcend/internal/bitboard"
	"transcend/internal/cli"
	"transcend/model/blas"
)

const matchHelp = `Play engines and models against each other.

usage: arena match --engine 'cmd=... ' --engine 'cmd=... ' [flags]

An engine is key=value words, quoted as in a shell:
  cmd=PROGRAM  name=NAME  args="..."  dir=DIR  init="LINE"  option.Hash=16  restart=on  proto=uci
  tc=[MOVES/]SECONDS[+INC]  st=SECONDS or movetime=100ms  nodes=N  depth=N  timemargin=MS
A model is model=DIR temp=0.001 illegal=mask topk=K topp=P weights=bf16; cmd=random moves at random,
cmd=league:800 or cmd=league:ply1:rho=0.3 is a simulated player (chesstrain league --help),
cmd=ideal:pool=noise,temp=0.001 what an ideal learner of a pool's games would play.
--each gives keys to all of them. Engines that speak xboard's protocol (CECP) instead of UCI get
proto=xboard. It cannot limit nodes; its clocks count hundredths of a second; option.Hash and
option.Threads become its memory and cores.

Every finished game is stored in the database at once. A match that was stopped or
killed and is started again with the same flags plays only the games that are
missing; more --games or --rounds extend it. Games do not depend on --concurrency, which
"arena concurrency N" changes while they are played.

examples:
  arena match --engine 'cmd=./new name=new' --engine 'cmd=./old name=old' --each 'tc=8+0.08 option.Hash=16' --games 1000 --sprt elo0=0,elo1=5
  arena match --engine 'cmd=stockfish name=sf-200 nodes=200' --engine 'cmd=stockfish name=sf-100 nodes=100' --games 200
  arena match --engine 'cmd=a' --engine 'cmd=b' --engine 'cmd=c' --each tc=10+0.1 --openings UHO.epd.zst --order random --resign score=600,moves=4 --draw from=40,moves=8,score=15
  arena match --engine 'model=runs/max1000 temp=0.001' --engine 'cmd=stockfish nodes=1 option.Skill\ Level=0' --games 100
  arena match --engine 'cmd=arena args="uci --model shipped" name=model movetime=100ms' --engine 'cmd=league:400' --games 100
  arena match --tournament swiss --rounds 7 --config engines.json
  arena match --engine 'model=a' --engine 'model=b' --each 'temp=0.5' --games 8192 --device cuda --concurrency 4096
  arena match --engine 'cmd=gnuchess args=--xboard proto=xboard' --engine 'cmd=fairymax proto=xboard' --each tc=10+0.1 --games 20

flags:
`

const matchTail = `
Openings (--openings): startpos, builtin (some 140 balanced ones, the default), or a
file of EPD, PGN or lines of moves, also .gz, .zst and .bz2. Each is played twice
with colors reversed. Models play openings from the initial position only.

Failures: a crash, a stall, an answer that is not UCI, an illegal move and lost time
lose the game, and are counted apart. The first three also end the match, unless
--recover, which starts the engine again. What it wrote to standard error is in the
database with the game. After any but lost time the exit code is 1.

exit codes: 0 done, 1 failed or an engine failed, 2 wrong usage, 130 interrupted
`

// matchConfig is everything that "arena match" is told, as --config reads it and
// --save-config writes it.
type matchConfig struct {
	Name       string           `json:"name,omitempty"`
	Engines    []players.Config `json:"engines"`
	Tournament string           `json:"tournament"`
	Rounds     int              `json:"rounds,omitempty"` // 0: one, or as many as a Swiss needs
	Games      int              `json:"games"`            // a pairing and round
	Seeds      int              `json:"seeds"`            // of a gauntlet

	Openings string `json:"openings"`
	Format   string `json:"format,omitempty"`
	Order    string `json:"order"`
	Start    int    `json:"start,omitempty"`
	Plies    int    `json:"plies,omitempty"`
	NoPairs  bool   `json:"no_pairs,omitempty"`
	Seed     uint64 `json:"seed"`

	Resign   string `json:"resign,omitempty"`
	Draw     string `json:"draw,omitempty"`
	MaxMoves int    `json:"max_moves,omitempty"`
	Judge    string `json:"judge,omitempty"`
	NoClaims bool   `json:"no_claims,omitempty"`
	SPRT     string `json:"sprt,omitempty"`

	Concurrency int    `json:"concurrency,omitempty"` // 0: as many as the cores allow
	Affinity    string `json:"affinity,omitempty"`
	MemoryLimit int    `json:"memory_limit_mb,omitempty"`
	CPULimit    string `json:"cpu_limit,omitempty"` // a duration
	Recover     bool   `json:"recover,omitempty"`
	Retries     int    `json:"retries"`

	DB     string `json:"db"`
	PGNOut string `json:"pgn_out,omitempty"`
	Log    string `json:"log,omitempty"`
}

func defaultMatchConfig() matchConfig {
	return matchConfig{Tournament: "round-robin", Games: 2, Seeds: 1, Openings: "builtin", Order: "random", Seed: 1, Retries: 2, DB: "arena.db"}
}

// matchSettings are the flags of arena match, checked.
type matchSettings struct {
	matchConfig
	device      device.Flags
	saveConfig  string
	quiet, json bool

	resign match.Resign
	draw   match.DrawRule
	sprt   *sprt.Test
	cores  []int // what --affinity allows
}

// parseMatchFlags reads the configuration file, if there is one, and the flags on
// top of it.
func parseMatchFlags(args []string, stdout io.Writer) (*matchSettings, error) {
	base := defaultMatchConfig()
	file, err := scanMatchFlags(args, stdout, &matchSettings{matchConfig: base})
	if err != nil {
		return nil, err
	}
	if file != "" {
		if err := readMatchConfig(file, &base); err != nil {
			return nil, err
		}
	}
	s := &matchSettings{matchConfig: base}
	if _, err := scanMatchFlags(args, stdout, s); err != nil {
		return nil, err
	}
	return s, s.check()
}

func readMatchConfig(file string, to *matchConfig) error {
	b, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("--config: %w", err)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(to); err != nil {
		return cli.WithHint(fmt.Errorf("--config %s: %w", file, err), "--save-config writes an example")
	}
	return nil
}

// scanMatchFlags reads flags into s, whose values are the defaults, and returns
// --config.
func scanMatchFlags(args []string, stdout io.Writer, s *matchSettings) (file string, err error) {
	fs := cli.FlagSet(program + " match")
	engines := fs.StringArray("engine", nil, "a player; repeat it for each")
	each := fs.String("each", "", "keys for all players, which their own override")
	fs.StringVar(&file, "config", "", "read the settings from a JSON file; flags override it")
	s.device.Add(fs)
	fs.StringVar(&s.saveConfig, "save-config", "", "write the settings to a JSON file and play")
	fs.StringVar(&s.Name, "name", s.Name, "the tournament's name")
	fs.StringVar(&s.Tournament, "tournament", s.Tournament, "round-robin, gauntlet (the first against all others) or swiss")
	fs.IntVar(&s.Games, "games", s.Games, "games for each pairing and round")
	fs.IntVar(&s.Rounds, "rounds", s.Rounds, "rounds (default 1; of a Swiss as many as find a winner)")
	fs.IntVar(&s.Seeds, "seeds", s.Seeds, "how many of the first players run the gauntlet")
	fs.StringVar(&s.Openings, "openings", s.Openings, "startpos (or none), builtin, or a file")
	fs.StringVar(&s.Format, "format", s.Format, "of that file: epd, pgn or lines (default: by its name)")
	fs.StringVar(&s.Order, "order", s.Order, "of the openings: random or sequential")
	fs.IntVar(&s.Start, "start", s.Start, "leave out the first so many openings of that order")
	fs.IntVar(&s.Plies, "plies", s.Plies, "plies of each opening that are played (default: all)")
	fs.BoolVar(&s.NoPairs, "no-pairs", s.NoPairs, "a new opening for every game, instead of each twice with colors reversed")
	fs.Uint64Var(&s.Seed, "seed", s.Seed, "of the order of openings and of players that use chance")
	fs.Uint64Var(&s.Seed, "srand", s.Seed, "the same as --seed")
	fs.StringVar(&s.Resign, "resign", s.Resign, "score=CENTIPAWNS,moves=N[,twosided]: who tells such a score so often has lost")
	fs.StringVar(&s.Draw, "draw", s.Draw, "from=MOVE,moves=N,score=CENTIPAWNS: a draw when both tell so little for so long")
	fs.IntVar(&s.MaxMoves, "maxmoves", s.MaxMoves, "end games after so many full moves, as a draw or by --judge; 0: never")
	fs.StringVar(&s.Judge, "judge", s.Judge, "an engine that decides those games: 'cmd=stockfish depth=15 win=150'")
	fs.BoolVar(&s.NoClaims, "no-claims", s.NoClaims, "draw by fivefold repetition and 75 moves only")
	fs.StringVar(&s.SPRT, "sprt", s.SPRT, "stop when a test of two players is decided: elo0=0,elo1=5[,alpha=,beta=,model=]")
	fs.IntVar(&s.Concurrency, "concurrency", s.Concurrency, "games played at once (default: cores / threads of the engines)")
	fs.StringVar(&s.Affinity, "affinity", s.Affinity, "bind each game's engines to processors of their own: all, or a list such as 0-3,6 (Linux)")
	fs.IntVar(&s.MemoryLimit, "memory-limit", s.MemoryLimit, "MiB of address space for each engine (Unix)")
	fs.StringVar(&s.CPULimit, "cpu-limit", s.CPULimit, "processor time for each engine's process, such as 10m (Unix)")
	fs.BoolVar(&s.Recover, "recover", s.Recover, "after a crash or stall, start the engine again and go on")
	fs.IntVar(&s.Retries, "retries", s.Retries, "times a game is tried again when an engine cannot be started")
	fs.StringVar(&s.DB, "db", s.DB, "the database")
	fs.StringVar(&s.PGNOut, "pgn-out", s.PGNOut, "write the games as PGN, each when it ends")
	fs.StringVar(&s.Log, "log", s.Log, "write all that engines are told and answer to a file")
	fs.BoolVarP(&s.quiet, "quiet", "q", false, "print only the result and errors")
	fs.BoolVar(&s.json, "json", false, "print the result as one JSON object")
	err = cli.Parse(fs, args, stdout, cli.Help(fs, matchHelp, matchTail))
	if err != nil {
		return "", err
	}
	if fs.NArg() > 0 {
		return "", cli.WithHint(cli.Usagef("unexpected argument %q", fs.Arg(0)), "quote an engine's words: --engine 'cmd=stockfish nodes=200'")
	}
	base, err := players.Parse(*each, players.Config{})
	if err != nil {
		return "", err
	}
	if len(*engines) > 0 {
		s.Engines = nil
		for _, text := range *engines {
			e, err := players.Parse(text, base)
			if err != nil {
				return "", err
			}
			s.Engines = append(s.Engines, e)
		}
	} else if *each != "" {
		return "", cli.Usagef("--each without --engine: put its keys into the configuration file")
	}
	return file, nil
}

func (s *matchSettings) check() error {
	if len(s.Engines) < 2 {
		return cli.WithHint(cli.Usagef("%d players: a match needs two", len(s.Engines)), "arena match --engine 'cmd=stockfish nodes=200' --engine 'cmd=stockfish nodes=100' --games 100")
	}
	for _, err := range []error{
		cli.OneOf("tournament", s.Tournament, "round-robin", "gauntlet", "swiss"),
		cli.OneOf("order", s.Order, "random", "sequential"),
	} {
		if err != nil {
			return err
		}
	}
	if err := s.device.Check(); err != nil {
		return err
	}
	switch {
	case s.Games < 1 || s.Games > 10_000_000:
		return cli.Usagef("--games %d: must be at least 1", s.Games)
	case s.Rounds < 0 || s.Rounds > 100_000:
		return cli.Usagef("--rounds %d: must not be negative", s.Rounds)
	case s.Seeds < 1 || s.Tournament == "gauntlet" && s.Seeds >= len(s.Engines):
		return cli.Usagef("--seeds %d: must be from 1 to one less than the players", s.Seeds)
	case s.Concurrency < 0 || s.Concurrency > arena.MaxConcurrency:
		return cli.Usagef("--concurrency %d: must be from 1 to %d", s.Concurrency, arena.MaxConcurrency)
	case s.Retries < 0 || s.MaxMoves < 0 || s.MemoryLimit < 0:
		return cli.Usagef("--retries, --maxmoves and --memory-limit must not be negative")
	case s.Judge != "" && s.MaxMoves == 0:
		return cli.WithHint(cli.Usagef("--judge without --maxmoves has nothing to decide"), "--maxmoves 120")
	case s.SPRT != "" && len(s.Engines) != 2:
		return cli.Usagef("--sprt tests two players, and there are %d", len(s.Engines))
	}
	if s.Rounds == 0 {
		s.Rounds = 1
		if s.Tournament == "swiss" {
			s.Rounds = match.SwissRounds(len(s.Engines))
		}
	}
	if err := s.adjudication(); err != nil {
		return err
	}
	if s.Judge != "" {
		if _, _, err := players.ParseJudge(s.Judge); err != nil {
			return cli.WithHint(err, "--judge 'cmd=stockfish depth=15 win=150'")
		}
	}
	var err error
	if s.SPRT != "" {
		test, err := sprt.Parse(s.SPRT)
		if err != nil {
			return cli.WithHint(cli.Usagef("--sprt: %w", err), "--sprt elo0=0,elo1=5,alpha=0.05,beta=0.05")
		}
		s.sprt = &test
	}
	if s.cores, err = parseCores(s.Affinity); err != nil {
		return cli.Usagef("--affinity %s: %w", s.Affinity, err)
	}
	if s.CPULimit != "" {
		if d, err := time.ParseDuration(s.CPULimit); err != nil || d < time.Second {
			return cli.Usagef("--cpu-limit %s: want a duration of at least 1s", s.CPULimit)
		}
	}
	return nil
}

// adjudication reads --resign and --draw.
func (s *matchSettings) adjudication() error {
	if s.Resign != "" {
		words, err := settingsOf(s.Resign, map[string]*int{"score": &s.resign.Score, "moves": &s.resign.Moves}, "twosided")
		if err != nil || s.resign.Moves < 1 || s.resign.Score < 1 {
			return cli.WithHint(cli.Usagef("--resign %s: %v", s.Resign, orWant(err, "score and moves must be positive")), "--resign score=600,moves=4 or score=600,moves=4,twosided")
		}
		s.resign.TwoSided = words["twosided"]
	}
	if s.Draw != "" {
		_, err := settingsOf(s.Draw, map[string]*int{"from": &s.draw.From, "moves": &s.draw.Moves, "score": &s.draw.Score})
		if err != nil || s.draw.Moves < 1 || s.draw.Score < 0 {
			return cli.WithHint(cli.Usagef("--draw %s: %v", s.Draw, orWant(err, "moves must be positive")), "--draw from=40,moves=8,score=15")
		}
	}
	return nil
}

func orWant(err error, want string) error {
	if err != nil {
		return err
	}
	return errors.New(want)
}

// settingsOf reads "a=1,b=2,word".
func settingsOf(text string, numbers map[string]*int, words ...string) (map[string]bool, error) {
	said := map[string]bool{}
	for part := range strings.SplitSeq(text, ",") {
		key, value, ok := strings.Cut(strings.TrimSpace(part), "=")
		if !ok {
			known := false
			for _, w := range words {
				known = known || w == key
			}
			if !known {
				return nil, fmt.Errorf("unknown word %q", key)
			}
			said[key] = true
			continue
		}
		to := numbers[key]
		if to == nil {
			return nil, fmt.Errorf("unknown key %q", key)
		}
		n, err := strconv.Atoi(value)
		if err != nil {
			return nil, fmt.Errorf("%s=%s is not a whole number", key, value)
		}
		*to = n
	}
	return said, nil
}

// parseCores reads "all" or "0-3,6"; "" is none.
func parseCores(text string) ([]int, error) {
	var cores []int
	switch text {
	case "":
		return nil, nil
	case "all":
		for i := range runtime.NumCPU() {
			cores = append(cores, i)
		}
		return cores, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		first, last, ok := strings.Cut(part, "-")
		if !ok {
			last = first
		}
		a, err1 := strconv.Atoi(first)
		b, err2 := strconv.Atoi(last)
		if err1 != nil || err2 != nil || a < 0 || b < a || b > 1023 {
			return nil, errors.New("want all, or a list such as 0-3,6")
		}
		for c := a; c <= b; c++ {
			cores = append(cores, c)
		}
	}
	return cores, nil
}

// threads is what a game of these players needs: only one of them thinks.
func (s *matchSettings) threads() int {
	n := 1
	for _, e := range s.Engines {
		n = max(n, e.Threads())
	}
	return n
}

// workers decides how many games are played at once; warning is what to say when
// that is more than the machine has room for.
func (s *matchSettings) workers() (n int, warning string, err error) {
	cores, threads := runtime.NumCPU(), s.threads()
	if len(s.cores) > 0 {
		cores = len(s.cores)
	}
	n = s.Concurrency
	if n == 0 {
		n = max(1, cores/threads)
	}
	if n*threads <= cores {
		return n, "", nil
	}
	if len(s.cores) > 0 {
		return 0, "", cli.WithHint(cli.Usagef("--affinity: %d games of engines with %d threads need %d processors, and there are %d", n, threads, n*threads, cores),
			fmt.Sprintf("--concurrency %d", max(1, cores/threads)))
	}
	return n, crowded(n, threads, cores), nil
}

// crowded is the warning of more games at once than there is room for.
func crowded(games, threads, cores int) string {
	return fmt.Sprintf("%d games at once with engines of %d threads on %d cores: engines wait for each other, and lose time and games by it", games, threads, cores)
}

// openings reads the openings.
func (s *matchSettings) openings() (*match.Openings, error) {
	opt := match.OpeningOptions{Format: s.Format, Shuffle: s.Order == "random", Seed: s.Seed, Start: s.Start, Plies: s.Plies, Single: s.NoPairs}
	switch s.Openings {
	case openingsStart, openingsNone, "":
		return nil, nil
	case openingsBuiltin:
		return match.BuiltinOpenings(opt)
	}
	o, err := match.LoadOpenings(s.Openings, opt)
	if errors.Is(err, os.ErrNotExist) {
		err = cli.WithHint(err, "--openings builtin and startpos need no file")
	}
	return o, err
}

// playMatch is the subcommand "match".
func playMatch(ctx context.Context, stdout, stderr io.Writer, args []string) error {
	s, err := parseMatchFlags(args, stdout)
	if err != nil {
		return err
	}
	if s.saveConfig != "" {
		b, err := json.MarshalIndent(s.matchConfig, "", "  ")
		if err != nil {
			return err
		}
		if err := atomicfile.WriteFile(s.saveConfig, 0o644, func(w io.Writer) error { _, err := w.Write(append(b, '\n')); return err }); err != nil {
			return fmt.Errorf("--save-config: %w", err)
		}
	}
	t := &matching{matchSettings: s, stderr: stderr}
	defer t.close()
	if err := t.open(ctx); err != nil {
		return err
	}
	playErr := t.Play(ctx)
	t.block.Close()
	if playErr != nil && t.Played() == 0 {
		return playErr
	}
	// What was played is shown even when it could not go on.
	if err := t.report(stdout); err != nil {
		return errors.Join(playErr, err)
	}
	switch {
	case playErr != nil && ctx.Err() != nil:
		return cli.WithHint(fmt.Errorf("stopped: %w", playErr), "every finished game is stored; start again with the same flags to play the others")
	case playErr != nil:
		return playErr
	}
	return t.Failures()
}

// matching is one execution of the command.
type matching struct {
	*matchSettings
	*arena.Tournament
	stderr   io.Writer
	store    *leaderboard.Store
	traffic  *trafficLog
	decoders *device.Decoders
	book     *match.Openings
	entrants []arena.Entrant
	workerN  int

	block   *cli.Block
	began   time.Time
	drawn   time.Time  // when the live table was
	warning sync.Mutex // the workers warn
}

// open prepares everything that can fail before a game is played.
func (t *matching) open(ctx context.Context) (err error) {
	progress := t.stderr
	if t.quiet {
		progress = io.Discard
	}
	t.block, t.began = cli.NewBlock(progress), time.Now()
	warning := ""
	if t.workerN, warning, err = t.workers(); err != nil {
		return err
	}
	if warning != "" {
		t.warn(warning)
	}
	if t.book, err = t.openings(); err != nil {
		return err
	}
	if t.Log != "" {
		if t.traffic, err = newTrafficLog(t.Log); err != nil {
			return err
		}
	}
	if err := t.makeEntrants(ctx); err != nil {
		return err
	}
	if t.Judge != "" {
		if err := t.tryJudge(ctx); err != nil {
			return err
		}
	}
	config, err := json.Marshal(t.matchConfig)
	if err != nil {
		return err
	}
	if t.store, err = leaderboard.Open(t.DB); err != nil {
		return err
	}
	o := arena.TournamentOptions{
		Name: t.Name, Kind: leaderboard.TournamentKind(t.matchConfig.Tournament), Rounds: t.Rounds, Games: t.Games, Seeds: t.Seeds, Config: config,
		Entrants: t.entrants, Openings: t.book, NoPairs: t.NoPairs, Seed: t.Seed,
		Rules:     match.Rules{MaxPlies: 2 * t.MaxMoves, NoClaims: t.NoClaims, Resign: t.resign, Draw: t.draw},
		JudgeName: t.Judge, SPRT: t.sprt, Recover: t.Recover, Retries: t.Retries, Concurrency: t.workerN, PGN: t.PGNOut,
		Show: arena.Show{Announced: t.announce, Finished: t.shown, Warn: t.warn, Resized: t.resized},
	}
	if len(t.cores) > 0 {
		o.MaxConcurrency = max(1, len(t.cores)/t.threads())
	}
	if t.Judge != "" {
		o.Judge = t.judge
	}
	t.Tournament, err = arena.NewTournament(ctx, t.store, o)
	return err
}

func (t *matching) close() {
	if t.block != nil {
		t.block.Close()
	}
	if t.Tournament != nil {
		t.Close()
	}
	if t.store != nil {
		t.store.Close()
	}
	if t.traffic != nil {
		t.traffic.close()
	}
	if t.decoders != nil {
		t.decoders.Close()
	}
}

// resized says that the number of games at once was changed.
func (t *matching) resized(n int) {
	t.block.Printf("%d games at once from now on", n)
	if threads := t.threads(); n*threads > runtime.NumCPU() {
		t.warn(crowded(n, threads, runtime.NumCPU()))
	}
}

// warn writes a warning above the live lines, and also when progress is not
// shown.
func (t *matching) warn(text string) {
	text = "warning: " + text
	if t.quiet {
		t.warning.Lock()
		defer t.warning.Unlock()
		fmt.Fprintln(t.stderr, text)
		return
	}
	t.block.Printf("%s", text)
}

// makeEntrants makes and tries every player.
func (t *matching) makeEntrants(ctx context.Context) error {
	t.decoders = t.device.Decoders(nil)
	m := t.maker()
	m.Decoders = t.decoders
	if threads := t.threads(); len(t.cores) > 0 {
		m.CPUs = func(worker int) []int { return t.cores[worker*threads : (worker+1)*threads] }
	}
	names := map[string]int{}
	for _, config := range t.Engines {
		if config.Model != "" {
			if !t.book.Blindfold() {
				return cli.WithHint(cli.Usagef("%s: models know a position by its moves alone, and these openings set positions up", config.Label()), "--openings builtin, or a PGN file")
			}
			kernels, err := blas.New(blas.Options{})
			if err != nil {
				return err
			}
			blas32.Use(kernels)
		}
		e, err := m.Make(ctx, config)
		if err != nil {
			return err
		}
		if names[e.Name]++; names[e.Name] > 1 {
			if config.Name != "" {
				return cli.Usagef("two players are named %q", e.Name)
			}
			e.Name = fmt.Sprintf("%s #%d", e.Name, names[e.Name])
		}
		t.entrants = append(t.entrants, *e)
	}
	return nil
}

// judge starts the engine of --judge.
func (t *matching) judge(ctx context.Context) (match.Judge, func() error, error) {
	config, win, err := players.ParseJudge(t.Judge)
	if err != nil {
		return nil, nil, err
	}
	m := t.maker()
	e, err := m.Make(ctx, config)
	if err != nil {
		return nil, nil, err
	}
	p, err := e.New(ctx)
	if err != nil {
		return nil, nil, err
	}
	c := e.Control
	return &match.EngineJudge{Player: p, Limit: engine.Limit{MoveTime: c.MoveTime, Nodes: c.Nodes, Depth: c.Depth}, Win: win}, p.Close, nil
}

// tryJudge asks the judge about the initial position: what is wrong with it should show
// before a game has come to its maximum length.
func (t *matching) tryJudge(ctx context.Context) error {
	j, closeJudge, err := t.judge(ctx)
	if err != nil {
		return fmt.Errorf("--judge: %w", err)
	}
	_, _, err = j.Judge(ctx, bitboard.NewGame(bitboard.Start()))
	if err = errors.Join(err, closeJudge()); err != nil {
		return cli.WithHint(fmt.Errorf("--judge: %w", err), "a judge is an engine that tells scores")
	}
	return nil
}

// maker makes players whose processes have the limits of the flags, and whose lines are logged.
func (t *matching) maker() *players.Maker {
	cpu, _ := time.ParseDuration(t.CPULimit) // was checked
	m := &players.Maker{Limits: uci.ProcessLimits{Memory: int64(t.MemoryLimit) << 20, CPUTime: cpu}}
	if t.traffic != nil {
		m.Trace = t.traffic.tracer
	}
	return m
}
