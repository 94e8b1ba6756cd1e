package sweep

import (
	"fmt"
	"io"
	"math"
	"runtime"
	"strconv"
	"strings"
	"time"

	"transcend/cmd/arena/internal/players"
	"transcend/elo/curves"
	"transcend/engine"
	"transcend/engine/arena"
	"transcend/engine/device"
	"transcend/engine/match"
	"transcend/internal/cli"
	"transcend/model"
	"transcend/model/sampling"
	"transcend/model/shipped"
)

// What --help says after the program's usage.
const helpText = `Every model plays at every temperature. --protocol sound, the default, plays pairs
of games from the same opening with colors reversed, against the levels of the
engine that tell most about the model (--choose), and rates by maximum likelihood.
--protocol paper does what the paper did. Every finished game is stored at once: an
arena that was stopped or killed and is started again with the same flags plays
only the games that are missing, and chooses the same opponents.

examples:
  arena --engine stockfish --temp 0.001
  arena --engine stockfish --temps paper --model runs/a --model runs/b --plot sweep.svg
  arena --engine stockfish --temp 0.001 --interval 30
  arena --engine stockfish --level 0,1,3 --choose even --games 200 --temp 0.001,0.5,1
  arena --protocol paper --plot figure1.svg --plot figure1.png
  arena --protocol paper --paper-defects all,-shared-hash,-length-draws
  arena --engine ./my-engine --option Hash=16 --nodes 1000 --anchor-elo 1800
  arena --engine random --model runs/max1000-move-tiny
  arena --temp 0.001                  (against simulated players near the model's strength)
  arena --engine league:800
  arena --engine league:800 --device cuda --concurrency 1024 --games 10000     models on a GPU, many games at once
  arena leaderboard --json

flags:
`

const helpTail = `
--protocol paper is Zhang et al. 2024: Stockfish levels 1, 3 and 5 with 100 ms a move and
its own options otherwise, 100 games against each at each of eight temperatures, half with
each color, from the initial position; draws are not claimed; a game of 89 full moves is a
draw; five attempts at a legal move, then the game is lost; a model that writes a result has
resigned; opponents rated as in the script of Figure 1 (--anchors paper-code: as in the
evaluation's code). Flags given besides it override it, and what makes other games of it
becomes part of the name they are stored under: "paper but movetime 10ms". Beside the
paper's Glicko-2 stands the maximum-likelihood rating of the same games.

Illegal moves (--illegal): forfeit-after-5 samples up to five times and then loses,
as in the paper; at a low temperature the five are the same move, unless they rise:
forfeit-after-5-rising. resample-20 samples up to 20 times, then plays the most
probable legal move. mask samples among legal moves only. Losses by illegal moves,
by games that outgrow the model's context and on the board are counted apart.

--choose information: after each round of games the next opponents are those that make
the error of the rating smallest, the errors of their own ratings included. The choice
follows from the stored games alone. It needs rated opponents; with one it is no choice.

Ratings are maximum-likelihood Elo against the engine's published strengths
(--anchors), with a 95% interval; paper-glicko2 is the paper's game-by-game
Glicko-2 on the same games.
`

const helpEnd = `
exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted (start again to go on)
`

// settings are the flags of arena, checked.
type settings struct {
	engine     string
	engineArgs []string
	options    []string
	levels     []int // empty: the engine's own strength

	protocol   string
	defectText string
	defects    defectSet // that protocolPaper reproduces
	openings   string
	choose     string
	interval   float64 // half of the interval to stop at; 0: play all games

	models   []string
	temps    []float64
	topK     int
	topP     float64
	policy   engine.IllegalPolicy
	illegal  string
	weights  string
	decoding model.BatchOptions
	device   device.Flags
	games    int
	limit    match.Control
	maxMoves int
	noClaims bool

	anchors   string
	anchorElo float64

	db, pgnOut  string
	plots       []string
	withPaper   bool
	seed        uint64
	concurrency int
	retries     int
	quiet, json bool
}

func parseFlags(args []string, stdout io.Writer, of Program) (*settings, error) {
	s := &settings{}
	fs := cli.FlagSet("arena")
	fs.StringVar(&s.engine, "engine", "", "opponent: a UCI engine's name or path, league (the simulated players near the model's strength; the default), random (a uniformly random mover), a simulated player: league:800, league:ply1:rho=0.3, or the ideal learner of a pool: ideal:pool=noise,temp=0.001")
	fs.StringArrayVar(&s.engineArgs, "engine-arg", nil, "argument for the engine; may be repeated")
	fs.StringArrayVar(&s.options, "option", nil, "UCI option Name=Value for the engine; may be repeated")
	fs.IntSliceVar(&s.levels, "level", nil, "skill levels to play against (default for stockfish: all that have a rating)")
	fs.StringVar(&s.protocol, "protocol", protocolSound, "sound or paper: how games are played and rated")
	fs.StringVar(&s.defectText, "paper-defects", "all", "defects of the paper's evaluation to reproduce: all, none, or names, as below")
	fs.StringArrayVar(&s.models, "model", nil, "checkpoint or run directory, "+shipped.Name+" (the model that comes with the program), or the ideal learner of a pool, as ideal:pool=noise; may be repeated (default: the newest run below runs/, else "+shipped.Name+")")
	fs.Var((*temperatures)(&s.temps), "temp", "sampling temperatures, or \"paper\" for the paper's eight; 0 always takes the most probable (default 0.001)")
	fs.Var((*temperatures)(&s.temps), "temps", "the same")
	fs.IntVar(&s.topK, "top-k", 0, "sample among the K most probable tokens only; 0: all")
	fs.Float64Var(&s.topP, "top-p", 1, "sample among the most probable tokens that hold this probability")
	fs.StringVar(&s.illegal, "illegal", "forfeit-after-5", "illegal-move policy: forfeit-after-N, resample-N or mask")
	fs.StringVar(&s.weights, "weights", "f32", players.WeightsHelp)
	s.device.Add(fs)
	fs.IntVar(&s.games, "games", 100, "games for each model and temperature; with --choose even for each level as well")
	fs.Float64Var(&s.interval, "interval", 0, "stop when the 95% interval is this many points to each side (--games is then the most that are played, by default 1000)")
	fs.StringVar(&s.choose, "choose", chooseInformation, "the next opponent: information or even")
	fs.StringVar(&s.openings, "openings", match.Builtin, "builtin, none (or startpos), or a file of openings from the initial position (PGN, or moves)")
	fs.DurationVar(&s.limit.MoveTime, "movetime", 0, "the engine's time for a move (default 100ms)")
	fs.IntVar(&s.limit.Nodes, "nodes", 0, "the engine's nodes for a move, instead of a time")
	fs.IntVar(&s.limit.Depth, "depth", 0, "the engine's depth, instead of a time")
	fs.IntVar(&s.maxMoves, "max-moves", 0, "a game of this many full moves is a draw (the paper: 89); 0: no limit")
	fs.BoolVar(&s.noClaims, "no-claims", false, "draw by fivefold repetition and 75 moves only, as in the paper's harness")
	fs.StringVar(&s.anchors, "anchors", "", "strengths of the opponents: a set's name, or a local scale's file, NAME.json (default: by the engine's version)")
	fs.Float64Var(&s.anchorElo, "anchor-elo", math.NaN(), "the engine's strength, on a scale of your own")
	fs.Lookup("anchor-elo").DefValue = "0" // what --help should show, and not "NaN"
	fs.StringVar(&s.db, "db", "arena.db", "the leaderboard, an SQLite database")
	fs.StringVar(&s.pgnOut, "pgn-out", "", "write all games of this sweep as PGN at the end")
	addFigureFlags(fs, &s.plots, &s.withPaper)
	fs.Uint64Var(&s.seed, "seed", 1, "seed of the games")
	fs.IntVar(&s.concurrency, "concurrency", runtime.NumCPU(), "games played at once")
	fs.IntVar(&s.retries, "retries", 2, "times a game is tried again after the engine failed")
	fs.BoolVarP(&s.quiet, "quiet", "q", false, "print only the result and errors")
	fs.BoolVar(&s.json, "json", false, "print the result as one JSON object")

	err := cli.Parse(fs, args, stdout, cli.Help(fs, of.Usage+helpText, helpTail+defectHelp()+helpEnd))
	if err != nil {
		return nil, err
	}
	if fs.NArg() > 0 {
		if near := cli.Nearest(fs.Arg(0), of.Subcommands); near != "" {
			return nil, cli.WithHint(cli.NoArguments(fs, ""), "did you mean arena "+near+"?")
		}
		return nil, cli.NoArguments(fs, "engine")
	}
	if err := s.applyProtocol(fs); err != nil {
		return nil, err
	}
	if s.openings == match.FromTheStart {
		s.openings = match.NoOpenings
	}
	if s.interval != 0 && !fs.Changed("games") {
		s.games = maxIntervalGames
	}
	return s, s.check()
}

// maxIntervalGames ends a search for an interval that does not come: a model that
// loses everything has none.
const maxIntervalGames = 1000

// temperatures is the value of --temp and --temps.
type temperatures []float64

func (t *temperatures) Type() string { return "list" }
func (t *temperatures) String() string {
	if t == nil || len(*t) == 0 {
		return ""
	}
	return fmt.Sprint([]float64(*t))
}
func (t *temperatures) Set(text string) error {
	if text == "paper" {
		*t = append(*t, curves.PaperTemperatures()...)
		return nil
	}
	for word := range strings.SplitSeq(text, ",") {
		x, err := strconv.ParseFloat(strings.TrimSpace(word), 64)
		if err != nil {
			return fmt.Errorf("%q is no temperature (want numbers with commas, or paper)", word)
		}
		*t = append(*t, x)
	}
	return nil
}

// The values of --choose.
const (
	chooseInformation = "information"
	chooseEven        = "even"
)

func (s *settings) check() error {
	if s.engine == "" {
		s.engine = players.Ladder
	}
	var err error
	if s.decoding, err = players.ParseWeights(s.weights); err != nil {
		return err
	}
	if err := s.device.Check(); err != nil {
		return err
	}
	if s.policy, err = engine.ParseIllegalPolicy(s.illegal); err != nil {
		return cli.WithHint(cli.Usagef("--illegal %s: %w", s.illegal, err), "forfeit-after-5, resample-20 or mask")
	}
	if err := s.checkTemperatures(); err != nil {
		return err
	}
	if err := cli.OneOf("choose", s.choose, chooseInformation, chooseEven); err != nil {
		return err
	}
	if err := checkFigureNames(s.plots); err != nil {
		return err
	}
	if err := s.checkLimit(); err != nil {
		return err
	}
	switch {
	case s.games < 1 || s.games > 10_000_000:
		return cli.Usagef("--games %d: must be at least 1", s.games)
	case s.games%2 == 1 && s.choose == chooseInformation:
		return cli.WithHint(cli.Usagef("--games %d: games come in pairs with colors reversed", s.games), fmt.Sprintf("--games %d, or --choose even", s.games+1))
	case math.IsNaN(s.interval) || s.interval < 0:
		return cli.Usagef("--interval %v: must be a number of points", s.interval)
	case s.interval > 0 && s.choose == chooseEven:
		return cli.Usagef("--interval and --choose even exclude each other: evenly, --games are played against each level")
	case s.concurrency < 1 || s.concurrency > arena.MaxConcurrency:
		return cli.Usagef("--concurrency %d: must be from 1 to %d", s.concurrency, arena.MaxConcurrency)
	case s.retries < 0 || s.maxMoves < 0:
		return cli.Usagef("--retries and --max-moves must not be negative")
	case players.IsBuiltin(s.engine) && (len(s.levels) > 0 || len(s.options) > 0 || len(s.engineArgs) > 0):
		return cli.Usagef("--engine %s has no levels, options or arguments", s.engine)
	case s.anchors != "" && !math.IsNaN(s.anchorElo):
		return cli.Usagef("--anchors and --anchor-elo exclude each other")
	}
	return s.checkLevels()
}

func (s *settings) checkTemperatures() error {
	if len(s.temps) == 0 {
		return cli.Usagef("--temp needs a temperature")
	}
	for i, t := range s.temps {
		if err := (sampling.Settings{Temperature: t, TopK: s.topK, TopP: s.topP}).Validate(); err != nil {
			return cli.Usagef("%w", err)
		}
		for _, u := range s.temps[:i] {
			if t == u {
				return cli.Usagef("--temp names %v twice", t)
			}
		}
	}
	return nil
}

// checkLimit checks how long the engine thinks, which is 100 ms where nothing was said.
func (s *settings) checkLimit() error {
	limits := 0
	for _, given := range []bool{s.limit.MoveTime != 0, s.limit.Nodes != 0, s.limit.Depth != 0} {
		if given {
			limits++
		}
	}
	if limits > 1 {
		return cli.Usagef("--movetime, --nodes and --depth exclude each other")
	}
	if limits == 0 {
		s.limit.MoveTime = 100 * time.Millisecond
	}
	switch {
	case s.limit.MoveTime < 0 || s.limit.Nodes < 0 || s.limit.Depth < 0:
		return cli.Usagef("--movetime, --nodes and --depth must be positive")
	case s.limit.MoveTime > 0 && s.limit.MoveTime < time.Millisecond:
		return cli.Usagef("--movetime %v: UCI counts whole milliseconds", s.limit.MoveTime)
	}
	return nil
}

func (s *settings) checkLevels() error {
	for i, l := range s.levels {
		if l < -20 || l > 20 {
			return cli.Usagef("--level %d: levels go from 0 to 20 (Fairy-Stockfish: -20 to 20)", l)
		}
		for _, k := range s.levels[:i] {
			if l == k {
				return cli.Usagef("--level names %d twice", l)
			}
		}
	}
	return nil
}
