package sweep

// Protocols by name: what a rating was measured by, in a word that cannot lie.
// A protocol sets flags that were not given; what was given and differs is part
// of the name that the games are stored under.

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"transcend/elo/curves"
	"transcend/elo/leaderboard"
	"transcend/engine"
	"transcend/engine/match"
	"transcend/internal/bitboard"
	"transcend/internal/cli"
)

const (
	protocolSound = "sound"
	protocolPaper = leaderboard.ProtocolPaper
)

// paperLevels, paperGames, paperMoveTime and paperMoves are the opponents, the
// games against each at a temperature, their time and the full moves after which
// a game is a draw (chess-research README and eval/).
var paperLevels = []int{1, 3, 5}

const (
	paperGames    = 100
	paperMoveTime = 100 * time.Millisecond
	paperMoves    = 89
)

// defect is something wrong with the paper's released evaluation.
type defect struct {
	name, meaning string
	games         bool // it changes games; the others change how they are rated
}

// The defects that can be reproduced or mended one by one.
const (
	defectLengthDraws = "length-draws"
	defectSharedHash  = "shared-hash"
	defectSameRetries = "same-retries"
	defectStalemate   = "white-stalemate"
	defectOrder       = "glicko-order"
	defectBlackFirst  = "black-first"
)

var paperDefects = []defect{
	{defectLengthDraws, "a game of 89 full moves is a draw, whoever stands to win; mended: no limit", true},
	{defectSharedHash, "the engine is never told ucinewgame, so that its hash table passes from game to game; mended: told before each", true},
	{defectSameRetries, "after an illegal move the next attempt has the same temperature, and below 0.01 is the same move; mended: the n-th attempt has at least (n-1)/5, at most 0.5", true},
	{defectStalemate, "the loop over a move's two halves has no break: when White stalemates, Black is asked all the same, finds no move and loses; mended: a draw", true},
	{defectOrder, "Glicko-2 with one rating period a game: the last games count most, and the RD stops falling at 60; mended: all games in one period, whose single step from 1500 falls short of ratings far away", false},
	{defectBlackFirst, "all games with Black are rated before all with White, which then count more; mended: colors alternate", false},
}

// notReproduced are the defects that nobody would want back.
const notReproduced = `  Not reproduced: the first release rated the opponent in the model's place (mended by its
  authors on 2024-06-13); illegal moves of both sides were counted as the model's (an engine
  makes none); unfinished games ("*") were draws (here a game that did not end is played
  again); the figure's band is one RD to each side and called 95% (here the RD is shown as
  what it is, and intervals are 95%).
`

// defectSet says which defects are reproduced.
type defectSet map[string]bool

// parseDefects reads "all", "none", or names with commas; "-name" takes one away.
func parseDefects(text string) (defectSet, error) {
	set := defectSet{}
	var names []string
	for _, d := range paperDefects {
		names = append(names, d.name)
	}
	for word := range strings.SplitSeq(text, ",") {
		word = strings.TrimSpace(word)
		name, without := strings.CutPrefix(word, "-")
		switch {
		case word == "all", word == "none":
			for _, n := range names {
				set[n] = word == "all"
			}
		case slices.Contains(names, name):
			if without && len(set) == 0 {
				for _, n := range names {
					set[n] = true // "-x" alone is all but x
				}
			}
			set[name] = !without
		default:
			err := cli.Usagef("--paper-defects %s: no defect %q", text, name)
			if near := cli.Nearest(name, append(names, "all", "none")); near != "" {
				return nil, cli.WithHint(err, "did you mean "+near+"?")
			}
			return nil, cli.WithHint(err, "all, none, or some of "+strings.Join(names, ", "))
		}
	}
	return set, nil
}

// defectHelp is the part of --help about them.
func defectHelp() string {
	var b strings.Builder
	b.WriteString("\nDefects of the paper's evaluation (--paper-defects; all by default with --protocol paper):\n")
	for _, d := range paperDefects {
		fmt.Fprintf(&b, "  %s\n", wrapped(fmt.Sprintf("%-16s %s", d.name, d.meaning), 96, 19))
	}
	b.WriteString(notReproduced)
	return b.String()
}

// wrapped breaks a text into lines of a width, the later ones indented.
func wrapped(text string, width, indent int) string {
	var b strings.Builder
	column := 0
	for i, word := range strings.Split(text, " ") {
		switch {
		case i == 0:
		case column+1+len(word) > width:
			b.WriteString("\n" + strings.Repeat(" ", indent))
			column = indent
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += len(word)
	}
	return b.String()
}

// applyProtocol sets the flags that were not given, and names what is played.
func (s *settings) applyProtocol(fs *pflag.FlagSet) error {
	if err := cli.OneOf("protocol", s.protocol, protocolSound, protocolPaper); err != nil {
		return err
	}
	if s.protocol == protocolSound {
		if fs.Changed("paper-defects") {
			return cli.WithHint(cli.Usagef("--paper-defects goes with --protocol paper"), "--max-moves 89 and --no-claims may be given to any protocol")
		}
		if s.temps == nil {
			s.temps = []float64{0.001}
		}
		return nil
	}
	var err error
	if s.defects, err = parseDefects(s.defectText); err != nil {
		return err
	}
	set := func(flag string, apply func()) {
		if !fs.Changed(flag) {
			apply()
		}
	}
	set("engine", func() { s.engine = "stockfish" })
	set("level", func() { s.levels = paperLevels })
	set("games", func() { s.games = paperGames })
	if s.temps == nil {
		s.temps = curves.PaperTemperatures()
	}
	if !fs.Changed("movetime") && !fs.Changed("nodes") && !fs.Changed("depth") {
		s.limit.MoveTime = paperMoveTime
	}
	set("choose", func() { s.choose = chooseEven })
	set("openings", func() { s.openings = match.NoOpenings })
	set("no-claims", func() { s.noClaims = true })
	set("max-moves", func() {
		if s.defects[defectLengthDraws] {
			s.maxMoves = paperMoves
		}
	})
	set("illegal", func() {
		if !s.defects[defectSameRetries] {
			s.illegal = "forfeit-after-5-rising"
		}
	})
	return nil
}

// protocolName is the name that games are stored under: the protocol, and every
// setting that makes other games of it. How many games, which levels and
// temperatures is no part of it: that shows in the results.
func (s *settings) protocolName() string {
	var changes []string
	differs := func(is bool, format string, args ...any) {
		if is {
			changes = append(changes, fmt.Sprintf(format, args...))
		}
	}
	plain := engine.IllegalPolicy{}.String()
	switch s.protocol {
	case protocolPaper:
		for _, d := range paperDefects {
			differs(d.games && !s.defects[d.name], "without %s", d.name)
		}
		wantMoves, wantPolicy := 0, plain+"-rising"
		if s.defects[defectLengthDraws] {
			wantMoves = paperMoves
		}
		if s.defects[defectSameRetries] {
			wantPolicy = plain
		}
		differs(s.limit.MoveTime != paperMoveTime, "%s", s.limit)
		differs(s.maxMoves != wantMoves, "max-moves %d", s.maxMoves)
		differs(s.policy.String() != wantPolicy, "illegal %s", s.policy)
		differs(!s.noClaims, "draws claimed")
		differs(s.openings != match.NoOpenings, "openings %s", s.openings)
		differs(!isStockfish(s.engine), "engine %s", s.engine)
		differs(s.topK != 0, "top-k %d", s.topK)
		differs(s.topP != 1, "top-p %s", strconv.FormatFloat(s.topP, 'g', -1, 64))
		for _, o := range s.options {
			changes = append(changes, "option "+o)
		}
		for _, arg := range s.engineArgs {
			changes = append(changes, "engine-arg "+arg)
		}
	default:
		// The model's sampling and policy and the engine's options are the players',
		// and the engine's limit the match's: they are told there.
		differs(s.maxMoves != 0, "max-moves %d", s.maxMoves)
		differs(s.noClaims, "no-claims")
		differs(s.openings != match.Builtin, "openings %s", s.openings)
	}
	if len(changes) == 0 {
		return s.protocol
	}
	return s.protocol + " but " + strings.Join(changes, ", ")
}

// keepsHash is an engine that is not told of new games but of the first.
type keepsHash struct {
	engine.Player
	told bool
}

func (p *keepsHash) NewGame(ctx context.Context, seed uint64) error {
	if p.told {
		return ctx.Err()
	}
	p.told = true
	return p.Player.NewGame(ctx, seed)
}

// scoreWhiteStalemate scores a game that White ended by stalemate as the paper's
// harness does: Black, asked all the same, finds no move and loses.
func scoreWhiteStalemate(g *match.Game) {
	white := len(g.Moves)%2 == 1 // games are from the initial position
	if g.Termination == bitboard.Stalemate.String() && white {
		g.Result, g.Loser, g.Cause = bitboard.WhiteWins, 1-g.White, match.CauseIllegal
		g.Termination = "stalemate by White, scored as Black's failure to move"
	}
}

// glicko is how the paper's Glicko-2 is computed: with its defects, unless they
// were mended.
func (d defectSet) glicko() leaderboard.GlickoOptions {
	if d == nil {
		return leaderboard.GlickoOptions{}
	}
	return leaderboard.GlickoOptions{OnePeriod: !d[defectOrder], Alternate: !d[defectBlackFirst]}
}
