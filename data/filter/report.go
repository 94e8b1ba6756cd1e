package filter

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"text/tabwriter"

	"github.com/dustin/go-humanize"

	"transcend/pgn"
)

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

// Report says what became of the games that were read:
// Seen = Kept + Errors + the counts of all rules.
type Report struct {
	Seen   int
	Kept   int
	Errors int // broken games
	// Dropped has the rules in force, in their order, with those that caught
	// nothing.
	Dropped []RuleCount
	Broken  []Example // the first broken games
}

// DroppedBy returns the count of one rule, 0 for one that was not in force.
func (r Report) DroppedBy(rule string) int {
	for _, d := range r.Dropped {
		if d.Rule == rule {
			return d.Count
		}
	}
	return 0
}

// reportJSON is a Report for machines. Rules is there because the keys of
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
func (r Report) MarshalJSON() ([]byte, error) {
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
func (r *Report) UnmarshalJSON(b []byte) error {
	var j reportJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return fmt.Errorf("filter: report: %w", err)
	}
	*r = Report{Seen: j.Seen, Kept: j.Kept, Errors: j.Errors, Broken: j.Broken}
	for _, rule := range j.Rules {
		r.Dropped = append(r.Dropped, RuleCount{rule.Rule, rule.Meaning, j.Dropped[rule.Rule], j.Examples[rule.Rule]})
	}
	return nil
}

// String returns a table for people: what was seen, kept and dropped, the rules
// that dropped something, and what was broken.
func (r Report) String() string { return r.table(false) }

// Verbose returns the table with the examples.
func (r Report) Verbose() string { return r.table(true) }

func (r Report) table(examples bool) string {
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

// collector makes a Report. A reader may ask its header filter from
// another goroutine than the one that takes the games, and about games that come
// after the one that was taken last. What it drops there waits in ahead until
// the reader has come so far: when the reading ends early, the report is the same
// however far ahead the reader was.
type collector struct {
	mu    sync.Mutex
	r     Report
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

func (c *collector) report() Report {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.r
	r.Dropped = append([]RuleCount(nil), c.r.Dropped...)
	return r
}
