package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"os"
	"path"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/pflag"

	"transcend/elo"
	"transcend/elo/joint"
	"transcend/elo/leaderboard"
	"transcend/engine"
	"transcend/engine/match"
	"transcend/engine/uci"
	"transcend/internal/atomicfile"
	"transcend/internal/cli"
)

const calibrateHelp = `Rate opponents against each other on this machine, and keep the scale.

usage: arena calibrate --players LIST --out scale.json [flags]
       arena --anchors scale.json ...        (rate a model on that scale)

LIST is players separated by commas. A player is "random" (uniformly random moves),
league:800, a simulated player by its rating, or an engine's name or path with settings after colons:

  level=3, level=0..5, level=0+1+3   UCI "Skill Level", several make several players
  elo=1500, elo=1400+1600            UCI_Elo with UCI_LimitStrength
  movetime=10ms, nodes=100, depth=3  how long it thinks; several of them all apply
  depth=level+1                      as deep as Stockfish settles its move at that level
  option.NAME=VALUE                  any UCI option

league-pool=NAME is the players of a pool, or of a file (chesstrain league --help).
lichess-ai=1..8 is Lichess's computer opponent: Fairy-Stockfish, whose skill levels
go below 0, with Lichess's levels, depths and times (Debian: fairy-stockfish).

Everybody meets everybody in --games games, half with each color, on paired
openings; --within and --gap leave out pairs, --pair-games says how many games some
pairs play, the last rule that fits being the one. Ratings are the maximum likelihood of
all games at once. They are differences from the first player, whose rating is
--first-rating, or hang on the engines that an anchor set rates (--anchors), which keep
those ratings: a local scale, named by a hash of its content, that is never mixed with
another in a table.
Each game is kept in FILE.games when it ends; a calibration that was stopped goes on
with the same command, and plays more with more --games.

examples:
  arena calibrate --players random,stockfish:level=0..5:movetime=10ms --games 100 --out scale.json
  arena calibrate --players stockfish:level=1:movetime=100ms,stockfish:level=1:depth=level+1 --games 400 --out l1.json
  arena calibrate --players lichess-ai=1..4,stockfish:level=0..3:movetime=100ms --within 2 --out lichess.json
  arena calibrate --players stockfish:level=0..5:nodes=25000 --players league-pool=ladder --anchors stockfish-ccrl-40-4 \
      --gap 400 --games 400 --pair-games 'Stockfish* vs *=12' --pair-games 'Stockfish* vs Stockfish*=0' --out league.json

flags:
`

// calibration is one execution of "arena calibrate".
type calibration struct {
	players     []calibrated
	games       int
	pairGames   []pairRule
	within      int
	gap         int
	anchors     string
	anchorSet   elo.AnchorSet
	out         string
	openings    string
	maxMoves    int
	seed        uint64
	concurrency int
	retries     int
	firstRating float64
	budget      time.Duration
	json, quiet bool

	book     *match.Openings
	log      *os.File
	results  map[slotOf]calibrationGame
	progress io.Writer
}

// calibrated is a player to be rated.
type calibrated struct {
	name  string
	spec  map[string]string
	entry match.Entrant
	new   match.Factory
	// rating is what is believed of it before, by which --gap chooses pairs; 0: nothing.
	rating float64
	anchor *elo.Anchor // what it is held at; nil: it is rated
}

// pairRule is a --pair-games: how many games play two players whose names match.
type pairRule struct {
	text, one, other string // of path.Match
	games            int
}

func parsePairRule(text string) (pairRule, error) {
	r := pairRule{text: text}
	at := max(0, strings.LastIndexByte(text, '=')) // names have some, too
	one, other, ok := strings.Cut(text[:at], " vs ")
	n, err := strconv.Atoi(strings.TrimPrefix(text[at:], "="))
	if !ok || err != nil || n < 0 || n > maxPairGames {
		return r, cli.WithHint(cli.Usagef("--pair-games %q is not of the form NAME vs NAME=GAMES", text), "--pair-games 'Stockfish* vs *=10'")
	}
	r.one, r.other, r.games = strings.TrimSpace(one), strings.TrimSpace(other), n
	for _, pattern := range []string{r.one, r.other} {
		if _, err := path.Match(pattern, ""); err != nil {
			return r, cli.Usagef("--pair-games %q: %q: %w", text, pattern, err)
		}
	}
	return r, nil
}

// applies reports whether the rule is about two players.
func (r pairRule) applies(a, b string) bool {
	match := func(pattern, name string) bool {
		ok, _ := path.Match(pattern, name)
		return ok
	}
	return match(r.one, a) && match(r.other, b) || match(r.one, b) && match(r.other, a)
}

// maxPairGames is how many games two players may play. The slots of a pair are a
// range of their own: with the same slots for all pairs, a player would play with the same
// random numbers against each opponent, and its games would not be independent.
const maxPairGames = 1 << 20

// maxPlayers is how many players can be rated at once.
const maxPlayers = 10_000

// gamesOf is how many games two players play.
func (c *calibration) gamesOf(i, j int) int {
	a, b := c.players[i], c.players[j]
	if c.within > 0 && j-i > c.within {
		return 0
	}
	if c.gap > 0 && a.rating != 0 && b.rating != 0 && math.Abs(a.rating-b.rating) > float64(c.gap) {
		return 0
	}
	games := c.games
	for _, r := range c.pairGames {
		if r.applies(a.name, b.name) {
			games = r.games
		}
	}
	return games
}

// slotOf is a game of two players, by their numbers.
type slotOf struct{ first, second, slot int }

// calibrationGame is a line of FILE.games.
type calibrationGame struct {
	First  int     `json:"first"`
	Second int     `json:"second"`
	Slot   int     `json:"slot"`
	Score  float64 `json:"score"` // of the first
	End    string  `json:"end"`
	Plies  int     `json:"plies"`
	Millis int64   `json:"ms"`
}

// gamesHeader is the first line of FILE.games: games of another calibration do not
// belong there.
type gamesHeader struct {
	Format   string   `json:"format"`
	Settings string   `json:"settings"` // hash
	Players  []string `json:"players"`
}

const gamesFormat = "transcend-calibration-1"

func calibrate(ctx context.Context, stdout, stderr io.Writer, args []string) error {
	c, err := parseCalibration(ctx, stdout, args)
	if err != nil {
		return err
	}
	c.progress = stderr
	if c.quiet {
		c.progress = io.Discard
	}
	if err := c.hold(); err != nil {
		return err
	}
	if err := c.openLog(); err != nil {
		return err
	}
	defer c.log.Close()
	played := c.play(ctx)
	if played != nil && !errors.Is(played, errBudget) {
		if ctx.Err() != nil {
			return cli.WithHint(fmt.Errorf("stopped: %w", played), "every finished game is kept in "+c.logPath()+"; the same command goes on")
		}
		return played
	}
	scale, fit, err := c.rate()
	if err != nil {
		return err
	}
	b, err := json.MarshalIndent(scale, "", "  ")
	if err != nil {
		return err
	}
	b = append(b, '\n')
	if err := atomicfile.WriteBytes(c.out, 0o644, b); err != nil {
		return err
	}
	if c.json {
		_, err = stdout.Write(b)
		return err
	}
	return c.show(stdout, scale, fit)
}

// parseCalibration reads the flags of calibrate, and asks every player for its name.
func parseCalibration(ctx context.Context, stdout io.Writer, args []string) (*calibration, error) {
	c := &calibration{}
	fs := pflag.NewFlagSet(program+" calibrate", pflag.ContinueOnError)
	fs.SortFlags = false
	players := fs.StringArray("players", nil, "who is to be rated; may be repeated")
	fs.IntVar(&c.games, "games", 100, "games of each pair")
	rules := fs.StringArray("pair-games", nil, "games of some pairs instead, as 'Stockfish* vs *=10'; may be repeated")
	fs.IntVar(&c.within, "within", 0, "pair only players at most so many places apart in the list; 0: all")
	fs.IntVar(&c.gap, "gap", 0, "pair only players whose ratings, where they are known before, differ by at most this; 0: all")
	fs.StringVar(&c.anchors, "anchors", "", "hold the engines that this anchor set rates at its ratings, instead of the first player")
	fs.StringVar(&c.out, "out", "scale.json", "the scale")
	fs.StringVar(&c.openings, "openings", "builtin", "builtin, none (or startpos), or a file of openings (EPD, PGN, lines of moves)")
	fs.IntVar(&c.maxMoves, "max-moves", 0, "a game of this many full moves is a draw; 0: no limit")
	fs.Float64Var(&c.firstRating, "first-rating", 0, "rating of the first player")
	fs.Uint64Var(&c.seed, "seed", 1, "seed of the games")
	fs.IntVar(&c.concurrency, "concurrency", runtime.NumCPU(), "games played at once")
	fs.IntVar(&c.retries, "retries", 2, "times a game is tried again after an engine failed")
	fs.DurationVar(&c.budget, "time", 0, "stop after this time and rate what was played; 0: play all games")
	fs.BoolVarP(&c.quiet, "quiet", "q", false, "print only the result and errors")
	fs.BoolVar(&c.json, "json", false, "print the scale as JSON")
	if err := cli.Parse(fs, args, stdout, func(w io.Writer) {
		fmt.Fprint(w, calibrateHelp, fs.FlagUsagesWrapped(100))
	}); err != nil {
		return nil, err
	}
	switch {
	case fs.NArg() > 0:
		return nil, cli.Usagef("unexpected argument %q", fs.Arg(0))
	case len(*players) == 0:
		return nil, cli.WithHint(cli.Usagef("nobody to rate: --players is missing"), "--players random,stockfish:level=0..5:movetime=10ms")
	case c.games < 1 || c.games > maxPairGames:
		return nil, cli.Usagef("--games %d: must be from 1 to %s", c.games, cli.Count(maxPairGames))
	case c.concurrency < 1 || c.concurrency > 4096:
		return nil, cli.Usagef("--concurrency %d: must be from 1 to 4096", c.concurrency)
	case c.within < 0 || c.gap < 0 || c.maxMoves < 0 || c.retries < 0 || c.budget < 0:
		return nil, cli.Usagef("--within, --gap, --max-moves, --retries and --time must not be negative")
	case c.anchors != "" && fs.Changed("first-rating"):
		return nil, cli.Usagef("--anchors and --first-rating both say where the scale lies: give one of them")
	case !(c.firstRating >= -elo.MaxRating/2 && c.firstRating <= elo.MaxRating/2):
		return nil, cli.Usagef("--first-rating %v: must be within %d of 0", c.firstRating, elo.MaxRating/2)
	}
	var err error
	for _, text := range *rules {
		rule, err := parsePairRule(text)
		if err != nil {
			return nil, err
		}
		c.pairGames = append(c.pairGames, rule)
	}
	if c.book, err = calibrationOpenings(c.openings, c.seed); err != nil {
		return nil, err
	}
	for _, list := range *players {
		for text := range strings.SplitSeq(list, ",") {
			more, err := parsePlayers(ctx, strings.TrimSpace(text))
			if err != nil {
				return nil, err
			}
			c.players = append(c.players, more...)
		}
	}
	if len(c.players) < 2 {
		return nil, cli.Usagef("--players names one player: there is nobody to compare it with")
	}
	if len(c.players) > maxPlayers {
		return nil, cli.Usagef("--players names %s: at most %s can be rated at once", cli.Count(len(c.players)), cli.Count(maxPlayers))
	}
	for i, p := range c.players {
		if slices.ContainsFunc(c.players[:i], func(q calibrated) bool { return q.name == p.name }) {
			return nil, cli.Usagef("--players names %s twice", p.name)
		}
	}
	return c, nil
}

// hold holds the engines that the anchor set rates, or the first player.
func (c *calibration) hold() error {
	if c.anchors == "" {
		c.players[0].anchor = &elo.Anchor{Name: c.players[0].name, Rating: c.firstRating}
		return nil
	}
	rate, err := anchorsFor(c.anchors)
	if err != nil {
		return err
	}
	held := 0
	var reason error
	for i := range c.players {
		p := &c.players[i]
		set, anchor, err := rate(leaderboard.Player{Name: p.name, Spec: p.spec}, p.entry.Control.String())
		switch {
		case err == nil:
			// What the set says of its errors is about the scale, not about these games.
			p.anchor, p.rating, c.anchorSet = &elo.Anchor{Name: p.name, Rating: anchor.Rating}, anchor.Rating, set
			held++
		case errors.Is(err, elo.ErrNoAnchor):
			reason = err
		default:
			return err
		}
	}
	if held == 0 {
		return cli.WithHint(cli.Usagef("--anchors %s rates none of the players: %w", c.anchors, reason), "add some that it rates: stockfish:level=0..5:nodes=25000")
	}
	return nil
}

func calibrationOpenings(name string, seed uint64) (*match.Openings, error) {
	opt := match.OpeningOptions{Shuffle: true, Seed: seed}
	switch name {
	case openingsNone, openingsStart:
		return new(match.Openings), nil
	case openingsBuiltin:
		return match.BuiltinOpenings(opt)
	}
	return match.LoadOpenings(name, opt)
}

// lichessAI is how Lichess's servers run Fairy-Stockfish at levels 1 to 8
// (fishnet, src/api.rs), and what Lichess shows as their ratings.
var lichessAI = [...]struct{ skill, depth, ms int }{
	{-9, 5, 50}, {-5, 5, 100}, {-1, 5, 150}, {3, 5, 200}, {7, 5, 300}, {11, 8, 400}, {16, 13, 500}, {20, 22, 1000},
}

// parsePlayers reads one entry of --players, and tries the engine once for each
// player that it stands for.
func parsePlayers(ctx context.Context, text string) ([]calibrated, error) {
	if isBuiltin(text) {
		factory, err := builtin(text)
		if err != nil {
			return nil, err
		}
		p, err := factory(ctx)
		if err != nil {
			return nil, err
		}
		defer p.Close()
		return []calibrated{{name: p.Name(), spec: p.Spec(), new: factory, rating: builtinRating(text)}}, nil
	}
	if name, ok := strings.CutPrefix(text, "league-pool="); ok {
		return poolPlayers(name)
	}
	if list, ok := strings.CutPrefix(text, "lichess-ai="); ok {
		return lichessPlayers(ctx, list)
	}
	return enginePlayers(ctx, text)
}

// badPlayer is the error of a player's text.
func badPlayer(text, format string, args ...any) error {
	return cli.WithHint(cli.Usagef("--players %s: "+format, append([]any{text}, args...)...), program+" calibrate --help shows how players are written")
}

// lichessPlayers are levels of the engine that Lichess calls its AI.
func lichessPlayers(ctx context.Context, list string) ([]calibrated, error) {
	levels, err := parseNumbers(list)
	if err != nil {
		return nil, badPlayer("lichess-ai="+list, "%v", err)
	}
	var out []calibrated
	for _, n := range levels {
		if n < 1 || n > len(lichessAI) {
			return nil, badPlayer("lichess-ai="+list, "Lichess has levels 1 to %d", len(lichessAI))
		}
		l := lichessAI[n-1]
		p, err := tryCalibrated(ctx, "fairy-stockfish", []uci.Option{{Name: "Skill Level", Value: strconv.Itoa(l.skill)}},
			match.Control{Depth: l.depth, MoveTime: time.Duration(l.ms) * time.Millisecond}, fmt.Sprintf("lichess-ai %d", n))
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

// enginePlayers are an engine at one strength or several, as stockfish:level=0..5:movetime=10ms.
func enginePlayers(ctx context.Context, text string) ([]calibrated, error) {
	fields := strings.Split(text, ":")
	var options []uci.Option
	var control match.Control
	strengths, strengthName := []int{0}, ""
	deeper := -1 // depth=level+deeper
	for _, f := range fields[1:] {
		key, value, ok := strings.Cut(f, "=")
		if !ok {
			return nil, badPlayer(text, "%q: want NAME=VALUE", f)
		}
		var err error
		switch key {
		case "level", "elo":
			if strengthName != "" {
				return nil, badPlayer(text, "two strengths")
			}
			strengthName = key
			strengths, err = parseNumbers(value)
		case "movetime":
			control.MoveTime, err = time.ParseDuration(value)
		case "nodes":
			control.Nodes, err = strconv.Atoi(value)
		case "depth":
			if more, ok := strings.CutPrefix(value, "level+"); ok {
				deeper, err = strconv.Atoi(more)
			} else {
				control.Depth, err = strconv.Atoi(value)
			}
		default:
			name, ok := strings.CutPrefix(key, "option.")
			if !ok {
				return nil, badPlayer(text, "no setting %q", key)
			}
			options = append(options, uci.Option{Name: name, Value: value})
		}
		if err != nil {
			return nil, badPlayer(text, "%s: %v", key, err)
		}
	}
	if deeper >= 0 && strengthName != "level" {
		return nil, badPlayer(text, "depth=level+%d needs a level", deeper)
	}
	var out []calibrated
	for _, n := range strengths {
		o, control := slices.Clone(options), control
		switch strengthName {
		case "level":
			o = append(o, uci.Option{Name: "Skill Level", Value: strconv.Itoa(n)})
			if deeper >= 0 {
				control.Depth = n + deeper
			}
		case "elo":
			o = append(o, uci.Option{Name: "UCI_LimitStrength", Value: "true"}, uci.Option{Name: "UCI_Elo", Value: strconv.Itoa(n)})
		}
		if err := control.Validate(); err != nil || control == (match.Control{}) {
			return nil, badPlayer(text, "a limit of thinking is missing or impossible: movetime, nodes or depth")
		}
		label := ""
		if strengthName != "" {
			label = fmt.Sprintf(" %s %d", strengthName, n)
		}
		p, err := tryCalibrated(ctx, fields[0], o, control, "")
		if err != nil {
			return nil, err
		}
		p.name += label + ", " + control.String()
		out = append(out, p)
	}
	return out, nil
}

// parseNumbers reads "3", "0..5" and "0+1+3".
func parseNumbers(s string) ([]int, error) {
	var out []int
	for part := range strings.SplitSeq(s, "+") {
		from, to, ranged := strings.Cut(part, "..")
		a, err := strconv.Atoi(from)
		b := a
		if err == nil && ranged {
			b, err = strconv.Atoi(to)
		}
		if err != nil || b < a || b-a > 100 {
			return nil, fmt.Errorf("%q is no number, range (0..5) or list (0+1+3)", part)
		}
		for n := a; n <= b; n++ {
			out = append(out, n)
		}
	}
	return out, nil
}

// tryCalibrated starts an engine once, to see that it works and what it is.
func tryCalibrated(ctx context.Context, program string, options []uci.Option, control match.Control, name string) (calibrated, error) {
	config := uci.Config{Path: program, Options: options}
	factory := func(ctx context.Context) (engine.Player, error) { return uci.Start(ctx, config) }
	p, err := factory(ctx)
	if err != nil {
		return calibrated{}, err
	}
	defer p.Close()
	if name == "" {
		name = p.Name()
	}
	return calibrated{name: name, spec: p.Spec(), new: factory, entry: match.Entrant{Control: control}}, nil
}

func (c *calibration) logPath() string { return c.out + ".games" }

// settings is what the games have in common: with other settings they are others.
func (c *calibration) settings() string {
	h := sha256.New()
	fmt.Fprintf(h, "slots by pair %q %d %d\n", c.book.String(), c.maxMoves, c.seed)
	for _, p := range c.players {
		spec, _ := json.Marshal(p.spec) // keys in order
		fmt.Fprintf(h, "%q %q %s\n", p.name, p.entry.Control.String(), spec)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// openLog reads the games that were played and opens their file for more.
func (c *calibration) openLog() (err error) {
	c.results = map[slotOf]calibrationGame{}
	name := c.logPath()
	if c.log, err = os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o644); err != nil {
		return fmt.Errorf("the games of the calibration: %w", err)
	}
	defer func() {
		if err != nil {
			c.log.Close()
		}
	}()
	b, err := io.ReadAll(c.log)
	if err != nil {
		return fmt.Errorf("the games of the calibration: %w", err)
	}
	header := gamesHeader{Format: gamesFormat, Settings: c.settings()}
	for _, p := range c.players {
		header.Players = append(header.Players, p.name)
	}
	// What a killed process left of a last line is no game.
	whole := bytes.LastIndexByte(b, '\n') + 1
	lines := bufio.NewScanner(bytes.NewReader(b[:whole]))
	lines.Buffer(nil, 1<<20)
	if lines.Scan() {
		var have gamesHeader
		if err := json.Unmarshal(lines.Bytes(), &have); err != nil || have.Format != gamesFormat {
			return fmt.Errorf("%s holds no games of a calibration; name another --out", name)
		}
		if have.Settings != header.Settings {
			return cli.WithHint(cli.Usagef("%s holds games of another calibration (of %s)", name, strings.Join(have.Players, "; ")),
				"give the flags of that one to continue it, or name another --out")
		}
	} else {
		b, _ := json.Marshal(header)
		if err := c.log.Truncate(0); err != nil {
			return err
		}
		_, err := c.log.WriteAt(append(b, '\n'), 0)
		if err == nil {
			_, err = c.log.Seek(0, io.SeekEnd)
		}
		return err
	}
	for n := 2; lines.Scan(); n++ {
		var r calibrationGame
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil || r.First < 0 || r.Second <= r.First || r.Second >= len(c.players) || r.Slot < 0 ||
			r.Score != 0 && r.Score != 0.5 && r.Score != 1 {
			return fmt.Errorf("%s: line %d is no game", name, n)
		}
		c.results[slotOf{r.First, r.Second, r.Slot}] = r
	}
	if err := c.log.Truncate(int64(whole)); err != nil {
		return err
	}
	_, err = c.log.Seek(0, io.SeekEnd)
	return err
}

var errBudget = errors.New("the time is up")

// missing is the games to be played: the pairs take turns, so that wherever it is
// stopped all have about as many.
func (c *calibration) missing() []match.Task {
	var tasks []match.Task
	most := c.games
	for _, r := range c.pairGames {
		most = max(most, r.games)
	}
	for slot := 0; slot < most; slot += 2 {
		for i := range c.players {
			for j := i + 1; j < len(c.players); j++ {
				for s := slot; s < min(slot+2, c.gamesOf(i, j)); s++ {
					if _, done := c.results[slotOf{i, j, s}]; !done {
						tasks = append(tasks, match.Task{First: i, Second: j, Slot: (i*maxPlayers+j)*maxPairGames + s})
					}
				}
			}
		}
	}
	return tasks
}

func (c *calibration) play(ctx context.Context) error {
	tasks := c.missing()
	before := len(c.results)
	fmt.Fprintf(c.progress, "%d players, seed %d, openings %s; %s games to play, %s played before\n", len(c.players), c.seed, c.book, cli.Count(len(tasks)), cli.Count(before))
	if len(tasks) == 0 {
		return nil
	}
	status := cli.NewStatus(c.progress)
	defer status.Close()
	began, shown, played := time.Now(), time.Now(), 0
	r := match.Runner{
		Rules: match.Rules{MaxPlies: 2 * c.maxMoves},
		Seed:  c.seed, Openings: c.book, Concurrency: c.concurrency, Retries: c.retries,
		Void: func(t match.Task, err error) {
			status.Printf("warning: game %d of %s and %s is void: %v", t.Slot%maxPairGames+1, c.players[t.First].name, c.players[t.Second].name, err)
		},
		Record: func(t match.Task, g *match.Game) error {
			slot := t.Slot % maxPairGames
			res := calibrationGame{First: t.First, Second: t.Second, Slot: slot, Score: g.Score(0), End: g.Termination, Plies: len(g.Moves), Millis: g.Elapsed.Milliseconds()}
			b, err := json.Marshal(res)
			if err != nil {
				return err
			}
			if _, err := c.log.Write(append(b, '\n')); err != nil {
				return fmt.Errorf("keeping a game: %w", err)
			}
			c.results[slotOf{t.First, t.Second, slot}] = res
			played++
			left := time.Duration(float64(time.Since(began)) / float64(played) * float64(len(tasks)-played))
			text := fmt.Sprintf("%s of %s games, %s left", cli.Count(played), cli.Count(len(tasks)), cli.Duration(left))
			status.Set(float64(played)/float64(len(tasks)), text)
			if !status.Live() && time.Since(shown) > time.Minute {
				shown = time.Now()
				status.Printf("%s", text)
			}
			if c.budget > 0 && time.Since(began) > c.budget {
				return errBudget
			}
			return nil
		},
	}
	for _, p := range c.players {
		e := p.entry
		// An anchor that breaks is no weaker for it.
		e.New, e.IllegalVoids = p.new, true
		r.Entrants = append(r.Entrants, e)
	}
	return r.Run(ctx, iter.Seq[match.Task](slices.Values(tasks)))
}

// rate fits all players to all games.
func (c *calibration) rate() (*elo.LocalScale, *joint.Fit, error) {
	players := make([]joint.Player, len(c.players))
	for i, p := range c.players {
		players[i] = joint.Player{Name: p.name, Anchor: p.anchor}
	}
	var games []joint.Game
	meetings := map[[2]int]*elo.Record{}
	keys := make([]slotOf, 0, len(c.results))
	for k := range c.results {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b slotOf) int {
		for _, d := range []int{a.first - b.first, a.second - b.second, a.slot - b.slot} {
			if d != 0 {
				return d
			}
		}
		return 0
	})
	for _, k := range keys {
		outcome := elo.Outcome(2 * c.results[k].Score) // of the first
		pair := [2]int{k.first, k.second}
		if meetings[pair] == nil {
			meetings[pair] = new(elo.Record)
		}
		meetings[pair].Add(outcome)
		g := joint.Game{White: k.first, Black: k.second, Outcome: outcome}
		if match.White(k.slot) == 1 {
			g.White, g.Black, g.Outcome = k.second, k.first, elo.Win-outcome
		}
		games = append(games, g)
	}
	fit, err := joint.Rate(players, games, joint.Options{})
	if err != nil {
		return nil, nil, err
	}
	s := elo.LocalScale{Openings: c.book.String(), MaxPlies: 2 * c.maxMoves, Seed: c.seed, Program: cli.Version()}
	if c.anchors != "" {
		s.Anchors, s.ScaleError = c.anchorSet.ID(), c.sharedError(fit)
	}
	if s.Openings == "" {
		s.Openings = "startpos"
	}
	for i, r := range fit.Ratings {
		s.Players = append(s.Players, elo.LocalPlayer{Name: r.Name, Spec: c.players[i].spec, Limit: c.players[i].entry.Control.String(),
			Side: r.Side, Rating: r.Rating, StandardError: r.StandardError, Interval: r.Interval, Record: r.Record})
	}
	for i := range c.players {
		for j := range c.players {
			if m := meetings[[2]int{i, j}]; m != nil {
				s.Meetings = append(s.Meetings, elo.Meeting{First: i, Second: j, Record: *m})
			}
		}
	}
	if len(fit.Pools) > 0 {
		s.Advantage, s.DrawRate = fit.Pools[0].Advantage.Value, fit.Pools[0].DrawRate.Value
	}
	return elo.NewLocalScale(s), fit, nil
}

// sharedError is the standard error of the mean of the players that were rated: what
// all of them would move by, were the ones that were held better known.
func (c *calibration) sharedError(fit *joint.Fit) float64 {
	sum, n := 0.0, 0
	for i := range c.players {
		if c.players[i].anchor != nil || fit.Ratings[i].Side != elo.TwoSided {
			continue
		}
		n++
		for j := range c.players {
			if c.players[j].anchor == nil && fit.Ratings[j].Side == elo.TwoSided {
				sum += fit.Covariance(i, j)
			}
		}
	}
	if n == 0 {
		return 0
	}
	return math.Sqrt(max(0, sum)) / float64(n)
}

// show prints the scale.
func (c *calibration) show(stdout io.Writer, s *elo.LocalScale, fit *joint.Fit) error {
	order := make([]int, len(s.Players))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		x, y := place(s.Players[a]), place(s.Players[b])
		switch {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return 0
	})
	w := tabwriter.NewWriter(stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintf(w, "player\trating\t95%%\tgames\tscore\n")
	for _, i := range order {
		p := s.Players[i]
		rating, interval := fmt.Sprintf("%.0f", p.Rating), fmt.Sprintf("%+.0f %+.0f", p.Interval.Low-p.Rating, p.Interval.High-p.Rating)
		switch {
		case c.players[i].anchor != nil:
			interval = "held"
		case p.Side == elo.Above:
			rating, interval = fmt.Sprintf("> %.0f", p.Interval.Low), "won all"
		case p.Side == elo.Below:
			rating, interval = fmt.Sprintf("< %.0f", p.Interval.High), "lost all"
		case p.Side != elo.TwoSided:
			rating, interval = "?", "no games tie it to the others"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%.1f%%\n", p.Name, rating, interval, p.Record.Games(), 100*p.Record.Score())
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, pool := range fit.Pools {
		for _, warning := range pool.Warnings {
			fmt.Fprintf(stdout, "note: %s\n", warning.Text)
		}
	}
	_, err := fmt.Fprintf(stdout, "\nlocal scale %s in %s: rate a model on it with --anchors %s\n", s.ID, c.out, c.out)
	return err
}

// place orders players, with and without a rating.
func place(p elo.LocalPlayer) float64 {
	switch p.Side {
	case elo.Above:
		return p.Interval.Low
	case elo.Below:
		return p.Interval.High
	}
	return p.Rating
}
