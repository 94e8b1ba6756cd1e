package stats

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/axiomhq/hyperloglog"
)

// maxName is the longest name in bytes that a counter tells from others; what
// is longer is cut.
const maxName = 255

// counter counts names in bounded memory.
//
// Up to limit distinct names it is exact. After that it is the frequent-items
// algorithm of Misra and Gries (1982): whenever a new name finds the table full,
// the median of the counts is taken from all of them and names left with nothing
// are forgotten. A count is then too low by at most lost, and every name that
// occurs more than lost times is there. The number of distinct names is
// estimated from then on by HyperLogLog with 2^16 registers (Flajolet et al.
// 2007; standard error 1.04/2^8).
type counter struct {
	limit  int
	index  map[string]uint32 // into names and counts
	names  []string
	counts []int
	total  int
	lost   int

	sketch *hyperloglog.Sketch // nil while the counts are exact
	buf    []byte
}

// distinctError is the relative standard error of an estimated distinct count.
const distinctError = 1.04 / 256

func newCounter(limit int) *counter {
	return &counter{limit: limit, index: make(map[string]uint32)}
}

// add counts a name. It allocates for names it has not seen only.
func (c *counter) add(name string) {
	if len(name) > maxName {
		name = cut(name)
	}
	c.total++
	if i, ok := c.index[name]; ok {
		c.counts[i]++
		return
	}
	if len(c.names) == c.limit {
		c.shrink()
	}
	if c.sketch != nil {
		c.note(name)
	}
	// The name may lie in a reader's buffer.
	name = strings.Clone(name)
	c.index[name] = uint32(len(c.names))
	c.names = append(c.names, name)
	c.counts = append(c.counts, 1)
}

// cut shortens a name to maxName bytes, not through a character.
func cut(name string) string {
	n := maxName
	for n > maxName-utf8.UTFMax && !utf8.RuneStart(name[n]) {
		n--
	}
	return name[:n]
}

// note tells the sketch of a name.
func (c *counter) note(name string) {
	c.buf = append(c.buf[:0], name...)
	c.sketch.Insert(c.buf)
}

// shrink makes room in a full table: for at least half of it.
func (c *counter) shrink() {
	if c.sketch == nil {
		c.sketch = hyperloglog.New16NoSparse()
		for _, name := range c.names {
			c.note(name)
		}
	}
	sorted := slices.Clone(c.counts)
	slices.Sort(sorted)
	median := sorted[len(sorted)/2]
	c.lost += median
	clear(c.index)
	n := 0
	for i, name := range c.names {
		if c.counts[i] > median {
			c.names[n], c.counts[n] = name, c.counts[i]-median
			c.index[name] = uint32(n)
			n++
		}
	}
	clear(c.names[n:])
	c.names, c.counts = c.names[:n], c.counts[:n]
}

// distinct returns the number of distinct names and whether it is an estimate.
func (c *counter) distinct() (n int, estimated bool) {
	if c.sketch == nil {
		return len(c.names), false
	}
	return int(c.sketch.Estimate()), true
}

// top returns the n most frequent names, the most frequent first, equal ones in
// the order of the alphabet.
func (c *counter) top(n int) []NameCount {
	all := make([]NameCount, len(c.names))
	for i, name := range c.names {
		all[i] = NameCount{name, c.counts[i]}
	}
	slices.SortFunc(all, func(a, b NameCount) int {
		return cmp.Or(cmp.Compare(b.Games, a.Games), cmp.Compare(a.Name, b.Name))
	})
	// A copy: the rest may be large.
	return append([]NameCount{}, all[:min(n, len(all))]...)
}
