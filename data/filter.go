package data

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"text/tabwriter"

	"github.com/dustin/go-humanize"

	"transcend/internal/bitboard"
	"transcend/pgn"
)

// Filter says which games belong to a corpus. Its zero value keeps every
// finished game of standard chess from the normal starting position.
//
// The rules are tried in this order, and a game is dropped, and counted, by the
// first that catches it. Those up to min_elo need nothing but the tags and are
// asked before the movetext is looked at.
//
//	variant    the Variant tag names something other than standard chess
//	setup      the game starts from another position (FEN tag)
//	no_rating  a rating is missing, and MaxElo or MinElo is set
//	max_elo    the MAXIMUM of both ratings is above MaxElo
//	min_elo    the minimum of both ratings is below MinElo
//	result     neither tag nor movetext says how the game ended ("*")
//	min_plies  it has fewer plies than MinPlies, or none at all
//	duplicate  an earlier game has the same moves, result and ratings, and
//	           DropDuplicates is set
type Filter struct {
	// MaxElo is the rating cap of the paper (Zhang et al. 2024, elo_bin.py of the
	// released code): both players are rated at most this. 0: no cap.
	MaxElo int `json:"max_elo,omitempty"`
	// MinElo is a floor for both players; the paper has none. 0: no floor.
	MinElo int `json:"min_elo,omitempty"`
	// MinPlies is the least number of half-moves. Games without any are always
	// dropped, as in the paper.
	MinPlies int `json:"min_plies,omitempty"`
	// DropDuplicates drops games that repeat an earlier one. It remembers eight
	// bytes a kept game; two different games are taken for the same with a
	// probability of 2^-64 a pair.
	DropDuplicates bool `json:"drop_duplicates,omitempty"`
}

// Names of the rules, as reports have them.
const (
	RuleVariant   = "variant"
	RuleSetup     = "setup"
	RuleNoRating  = "no_rating"
	RuleMaxElo    = "max_elo"
	RuleMinElo    = "min_elo"
	RuleResult    = "result"
	RuleMinPlies  = "min_plies"
	RuleDuplicate = "duplicate"
)

// rule is one line of the list above. header or game is set; why explains a
// drop and is only asked for the few that a report shows.
type rule struct {
	name    string
	meaning string
	header  func(h *pgn.Header) (drop bool)
	whyH    func(h *pgn.Header) string
	game    func(g *pgn.Game) (drop bool)
	whyG    func(g *pgn.Game) string
}

// rules returns the rules that are in force, in order.
func (f *Filter) rules() []rule {
	var rules []rule
	rules = append(rules, rule{
		name: RuleVariant, meaning: "not standard chess",
		header: func(h *pgn.Header) bool { return !standardVariant(h.Bytes("Variant")) },
		whyH:   func(h *pgn.Header) string { return "variant " + clip(h.Tag("Variant")) },
	}, rule{
		name: RuleSetup, meaning: "not from the starting position",
		header: func(h *pgn.Header) bool { return !startsNormally(h.Bytes("FEN"), h.Bytes("SetUp")) },
		whyH:   func(h *pgn.Header) string { return "starts from " + clip(h.Tag("FEN")) },
	})
	if f.MaxElo > 0 || f.MinElo > 0 {
		rules = append(rules, rule{
			name: RuleNoRating, meaning: "a rating is missing",
			header: func(h *pgn.Header) bool {
				_, white := h.WhiteElo()
				_, black := h.BlackElo()
				return !white || !black
			},
			whyH: func(h *pgn.Header) string {
				return fmt.Sprintf("ratings %q and %q", clip(h.Tag("WhiteElo")), clip(h.Tag("BlackElo")))
			},
		})
	}
	ratings := func(h *pgn.Header) string {
		white, _ := h.WhiteElo()
		black, _ := h.BlackElo()
		return fmt.Sprintf("ratings %d and %d", white, black)
	}
	if limit := f.MaxElo; limit > 0 {
		rules = append(rules, rule{
			name: RuleMaxElo, meaning: fmt.Sprintf("a player above %d", limit),
			header: func(h *pgn.Header) bool {
				white, _ := h.WhiteElo()
				black, _ := h.BlackElo()
				return max(white, black) > limit
			},
			whyH: ratings,
		})
	}
	if limit := f.MinElo; limit > 0 {
		rules = append(rules, rule{
			name: RuleMinElo, meaning: fmt.Sprintf("a player below %d", limit),
			header: func(h *pgn.Header) bool {
				white, _ := h.WhiteElo()
				black, _ := h.BlackElo()
				return min(white, black) < limit
			},
			whyH: ratings,
		})
	}
	plies := max(1, f.MinPlies)
	tooShort := "no moves"
	if plies > 1 {
		tooShort = fmt.Sprintf("fewer than %d plies", plies)
	}
	start := bitboard.Start()
	rules = append(rules, rule{
		// What the header's rule did not recognize, by its position.
		name: RuleSetup, meaning: "not from the starting position",
		game: func(g *pgn.Game) bool { return !g.Start.SamePosition(&start) },
		whyG: func(g *pgn.Game) string { return "starts from " + g.Start.FEN() },
	}, rule{
		name: RuleResult, meaning: "unfinished",
		game: func(g *pgn.Game) bool { return g.Result == bitboard.Unknown },
		whyG: func(g *pgn.Game) string { return "result *" },
	}, rule{
		name: RuleMinPlies, meaning: tooShort,
		game: func(g *pgn.Game) bool { return len(g.Moves) < plies },
		whyG: func(g *pgn.Game) string { return fmt.Sprintf("%d plies", len(g.Moves)) },
	})
	if f.DropDuplicates {
		seen := make(map[uint64]struct{})
		rules = append(rules, rule{
			name: RuleDuplicate, meaning: "seen before",
			game: func(g *pgn.Game) bool {
				white, _ := g.Elo(bitboard.White)
				black, _ := g.Elo(bitboard.Black)
				h := contentHash(g.Moves, g.Result, rating(white), rating(black))
				if _, ok := seen[h]; ok {
					return true
				}
				seen[h] = struct{}{}
				return false
			},
			whyG: func(g *pgn.Game) string { return fmt.Sprintf("same moves as before, %d plies", len(g.Moves)) },
		})
	}
	return rules
}

// Validate reports limits that no game can meet.
func (f *Filter) Validate() error {
	switch {
	case f.MaxElo < 0 || f.MinElo < 0 || f.MinPlies < 0:
		return fmt.Errorf("data: filter: negative limit in %+v", *f)
	case f.MaxElo > 0 && f.MinElo > f.MaxElo:
		return fmt.Errorf("data: filter: the lowest rating %d is above the highest %d: no game can be kept", f.MinElo, f.MaxElo)
	}
	return nil
}

// standardVariant says whether a Variant tag means standard chess. "From
// Position" does; the rule about setups catches such games.
func standardVariant(v []byte) bool {
	if len(v) == 0 {
		return true
	}
	for _, s := range []string{"standard", "chess", "normal", "from position", "fromposition", "?", "-"} {
		if bytes.EqualFold(bytes.TrimSpace(v), []byte(s)) {
			return true
		}
	}
	return false
}

// startPlacement is the starting position up to the clocks.
const startPlacement = "rnbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR w KQkq -"

// startsNormally says whether FEN and SetUp tags allow the normal start. A FEN
// tag counts unless SetUp is "0", as in package pgn.
func startsNormally(fen, setUp []byte) bool {
	if len(fen) == 0 || string(fen) == "?" || string(setUp) == "0" {
		return true
	}
	return bytes.HasPrefix(fen, []byte(startPlacement))
}

// An Example is a game that a report shows to explain a number.
type Example struct {
	File string `json:"file"`
	Game int    `json:"game"` // number in File, from 1
	Why  string `json:"why"`
}

// RuleCount is what one rule dropped.
type RuleCount struct {
	Rule     string
	Meaning  string // in words, with the limit
	Count    int
	Examples []Example // the first few
}

// maxExamples is how many games a report keeps for a rule.
const maxExamples = 3

// FilterReport says what became of the games that were read:
// Seen = Kept + Errors + the counts of all rules.
type FilterReport struct {
	Seen   int
	Kept   int
	Errors int // broken games
	// Dropped has the rules in force, in their order, with those that caught
	// nothing.
	Dropped []RuleCount
	Broken  []Example // the first broken games
}

// DroppedBy returns the count of one rule, 0 for one that was not in force.
func (r FilterReport) DroppedBy(rule string) int {
	for _, d := range r.Dropped {
		if d.Rule == rule {
			return d.Count
		}
	}
	return 0
}

// reportJSON is a FilterReport for machines. Rules is there because the keys of
// a JSON object have no order.
type reportJSON struct {
	Seen     int                  `json:"seen"`
	Kept     int                  `json:"kept"`
	Errors   int                  `json:"errors"`
	Dropped  map[string]int       `json:"dropped"`
	Rules    []ruleJSON           `json:"rules"`
	Examples map[string][]Example `json:"examples,omitempty"`
	Broken   []Example            `json:"broken,omitempty"`
}

type ruleJSON struct {
	Rule    string `json:"rule"`
	Meaning string `json:"meaning"`
}

// MarshalJSON writes {"seen", "kept", "errors", "dropped": {rule: count}} and
// examples.
func (r FilterReport) MarshalJSON() ([]byte, error) {
	j := reportJSON{
		Seen: r.Seen, Kept: r.Kept, Errors: r.Errors, Broken: r.Broken,
		Dropped: make(map[string]int, len(r.Dropped)), Rules: make([]ruleJSON, 0, len(r.Dropped)),
	}
	for _, d := range r.Dropped {
		j.Dropped[d.Rule] = d.Count
		j.Rules = append(j.Rules, ruleJSON{d.Rule, d.Meaning})
		if len(d.Examples) > 0 {
			if j.Examples == nil {
				j.Examples = make(map[string][]Example)
			}
			j.Examples[d.Rule] = d.Examples
		}
	}
	return json.Marshal(j)
}

// UnmarshalJSON reads what MarshalJSON writes.
func (r *FilterReport) UnmarshalJSON(b []byte) error {
	var j reportJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return fmt.Errorf("data: filter report: %w", err)
	}
	*r = FilterReport{Seen: j.Seen, Kept: j.Kept, Errors: j.Errors, Broken: j.Broken}
	for _, rule := range j.Rules {
		r.Dropped = append(r.Dropped, RuleCount{rule.Rule, rule.Meaning, j.Dropped[rule.Rule], j.Examples[rule.Rule]})
	}
	return nil
}

// String returns a table for people: what was seen, kept and dropped, the rules
// that dropped something, and what was broken.
func (r FilterReport) String() string { return r.table(false) }

// Verbose returns the table with the examples.
func (r FilterReport) Verbose() string { return r.table(true) }

func (r FilterReport) table(examples bool) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	line := func(name string, n int, meaning string) {
		share := "-"
		if r.Seen > 0 {
			share = fmt.Sprintf("%.1f%%", 100*float64(n)/float64(r.Seen))
		}
		// The name comes last but one: only trailing text is not padded.
		fmt.Fprintf(w, "%s\t%s\t  %s\n", humanize.Comma(int64(n)), share, strings.TrimRight(fmt.Sprintf("%-18s%s", name, meaning), " "))
	}
	show := func(list []Example) {
		if examples {
			for _, e := range list {
				fmt.Fprintf(w, "\t\t      %s: game %d: %s\n", e.File, e.Game, e.Why)
			}
		}
	}
	line("games seen", r.Seen, "")
	line("kept", r.Kept, "")
	line("broken", r.Errors, "")
	show(r.Broken)
	for _, d := range r.Dropped {
		if d.Count > 0 {
			line("dropped "+d.Rule, d.Count, "  "+d.Meaning)
			show(d.Examples)
		}
	}
	w.Flush()
	return b.String()
}

// ErrStop, returned by the emit function of ReadPGN, ends the reading without
// an error: enough games were found.
var ErrStop = errors.New("enough games")

// ReadPGN reads all games of r and gives those that f keeps to emit, which may
// use the game until it returns. It takes over r's header filter. The report is
// about the games read so far, whatever the error; the error is the context's,
// emit's, or the one that ended r's input, whose games before it were delivered.
func ReadPGN(ctx context.Context, r *pgn.Reader, f Filter, emit func(*Game) error) (FilterReport, error) {
	if err := f.Validate(); err != nil {
		return FilterReport{}, err
	}
	rules := f.rules()
	c := newCollector(rules)
	headers := 0
	r.Filter(func(h *pgn.Header) bool {
		// Scan does not return for games that are dropped here: to stop it, one
		// has to be let through.
		if headers++; headers%1024 == 0 && ctx.Err() != nil {
			headers--
			return true
		}
		for i := range rules {
			if rules[i].header != nil && rules[i].header(h) {
				c.dropAhead(i, h.File, h.Number, func() string { return rules[i].whyH(h) })
				return false
			}
		}
		return true
	})
	var game Game
	for {
		more := r.Scan()
		c.catchUp(r.Skipped())
		if !more || ctx.Err() != nil {
			break
		}
		g := r.Game()
		if g == nil {
			c.broken(r.BadGame())
			continue
		}
		if i := firstGameRule(rules, g); i >= 0 {
			c.drop(i, g.File, g.Number, func() string { return rules[i].whyG(g) })
			continue
		}
		c.kept()
		game = fromPGN(g)
		if err := emit(&game); err != nil {
			if errors.Is(err, ErrStop) {
				err = nil
			}
			return c.report(), err
		}
	}
	err := r.Err()
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		err = fmt.Errorf("data: reading games: %w", err)
	}
	return c.report(), err
}

// firstGameRule returns the first rule that catches a game, -1 for none.
func firstGameRule(rules []rule, g *pgn.Game) int {
	for i := range rules {
		if rules[i].game != nil && rules[i].game(g) {
			return i
		}
	}
	return -1
}

// fromPGN takes from a game what a corpus keeps. It shares g's memory.
func fromPGN(g *pgn.Game) Game {
	out := Game{
		Result: g.Result, Moves: g.Moves,
		TimeControl: known(g.Tag("TimeControl")), Date: known(g.Tag("UTCDate")), Site: known(g.Tag("Site")),
	}
	out.WhiteElo, _ = g.Elo(bitboard.White)
	out.BlackElo, _ = g.Elo(bitboard.Black)
	if out.Date == "" {
		out.Date = known(g.Tag("Date"))
	}
	return out
}

// known returns a tag's value, "" when it says that it is unknown.
func known(value string) string {
	if value == "?" || value == "????.??.??" {
		return ""
	}
	return value
}

// collector makes a FilterReport. A reader may ask its header filter from
// another goroutine than the one that takes the games, and about games that come
// after the one that was taken last. What it drops there waits in ahead until
// the reader has come so far: when the reading ends early, the report is the same
// however far ahead the reader was.
type collector struct {
	mu    sync.Mutex
	r     FilterReport
	place []int // of each rule in r.Dropped: one rule may have two functions

	ahead  []*drops // in the order of the games
	spare  []*drops
	asked  int    // games the header filter has dropped
	file   string // the last of these, and its number in the file
	number int
}

// drops are games in a row that the header filter has dropped: no other game is
// among them, so that the reader has passed either all of them or none.
type drops struct {
	upTo     int         // what asked was after the last
	count    []int       // of each place in the report
	examples [][]Example // the first ones of each place, no more than a report shows
}

// dropAhead notes a game that the header filter drops.
func (c *collector) dropAhead(rule int, file string, number int, why func() string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	// Between numbers that do not follow each other there are games that were not
	// dropped.
	if len(c.ahead) == 0 || file != c.file || number != c.number+1 {
		d := &drops{count: make([]int, len(c.r.Dropped)), examples: make([][]Example, len(c.r.Dropped))}
		if n := len(c.spare); n > 0 {
			d, c.spare = c.spare[n-1], c.spare[:n-1]
		}
		c.ahead = append(c.ahead, d)
	}
	c.file, c.number = file, number
	c.asked++
	d := c.ahead[len(c.ahead)-1]
	d.upTo = c.asked
	at := c.place[rule]
	d.count[at]++
	// What the report has already can only become more.
	if len(c.r.Dropped[at].Examples)+len(d.examples[at]) < maxExamples {
		d.examples[at] = append(d.examples[at], Example{file, number, why()})
	}
}

// catchUp takes what the header filter dropped, up to so many games, into the
// report.
func (c *collector) catchUp(skipped int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for n < len(c.ahead) && c.ahead[n].upTo <= skipped {
		d := c.ahead[n]
		n++
		for at := range d.count {
			to := &c.r.Dropped[at]
			to.Count += d.count[at]
			c.r.Seen += d.count[at]
			room := min(maxExamples-len(to.Examples), len(d.examples[at]))
			to.Examples = append(to.Examples, d.examples[at][:room]...)
			d.count[at], d.examples[at] = 0, d.examples[at][:0]
		}
		c.spare = append(c.spare, d)
	}
	c.ahead = append(c.ahead[:0], c.ahead[n:]...)
}

func newCollector(rules []rule) *collector {
	c := &collector{place: make([]int, len(rules))}
	for i, rule := range rules {
		at := -1
		for j, d := range c.r.Dropped {
			if d.Rule == rule.name {
				at = j
			}
		}
		if at < 0 {
			at = len(c.r.Dropped)
			c.r.Dropped = append(c.r.Dropped, RuleCount{Rule: rule.name, Meaning: rule.meaning})
		}
		c.place[i] = at
	}
	return c
}

func (c *collector) drop(rule int, file string, number int, why func() string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.r.Seen++
	d := &c.r.Dropped[c.place[rule]]
	d.Count++
	if len(d.Examples) < maxExamples {
		d.Examples = append(d.Examples, Example{file, number, why()})
	}
}

func (c *collector) broken(e *pgn.SyntaxError) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.r.Seen++
	c.r.Errors++
	if len(c.r.Broken) < maxExamples {
		c.r.Broken = append(c.r.Broken, Example{e.File, e.Game, e.Reason})
	}
}

func (c *collector) kept() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.r.Seen++
	c.r.Kept++
}

func (c *collector) report() FilterReport {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.r
	r.Dropped = append([]RuleCount(nil), c.r.Dropped...)
	return r
}

// ReadCorpus reads the games of r that f keeps into memory.
func ReadCorpus(ctx context.Context, r *pgn.Reader, f Filter) (*Corpus, FilterReport, error) {
	c := NewCorpus()
	report, err := ReadPGN(ctx, r, f, func(g *Game) error {
		c.Append(g)
		return nil
	})
	c.Provenance.Filter, c.Provenance.Report = f, report
	return c, report, err
}
