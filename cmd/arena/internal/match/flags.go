package match

// What "arena match" is told: its flags and its configuration file.

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"transcend/cmd/arena/internal/players"
	"transcend/elo/sprt"
	"transcend/engine/arena"
	"transcend/engine/device"
	"transcend/engine/match"
	"transcend/internal/cli"
)

const help = `Play engines and models against each other.

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

const tail = `
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

func defaultConfig() matchConfig {
	return matchConfig{Tournament: "round-robin", Games: 2, Seeds: 1, Openings: match.Builtin, Order: "random", Seed: 1, Retries: 2, DB: "arena.db"}
}

// settings are the flags of arena match, checked.
type settings struct {
	matchConfig
	device      device.Flags
	saveConfig  string
	quiet, json bool

	resign match.Resign
	draw   match.DrawRule
	sprt   *sprt.Test
	cores  []int // what --affinity allows
}

// parseFlags reads the configuration file, if there is one, and the flags on
// top of it.
func parseFlags(args []string, stdout io.Writer) (*settings, error) {
	base := defaultConfig()
	file, err := scanFlags(args, stdout, &settings{matchConfig: base})
	if err != nil {
		return nil, err
	}
	if file != "" {
		if err := readConfig(file, &base); err != nil {
			return nil, err
		}
	}
	s := &settings{matchConfig: base}
	if _, err := scanFlags(args, stdout, s); err != nil {
		return nil, err
	}
	return s, s.check()
}

func readConfig(file string, to *matchConfig) error {
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

// scanFlags reads flags into s, whose values are the defaults, and returns
// --config.
func scanFlags(args []string, stdout io.Writer, s *settings) (file string, err error) {
	fs := cli.FlagSet("arena match")
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
	err = cli.Parse(fs, args, stdout, cli.Help(fs, help, tail))
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

func (s *settings) check() error {
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
func (s *settings) adjudication() error {
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
