package uci

import (
	"bytes"
	"strconv"
	"time"

	"transcend/engine"
)

// infoKeeper holds the last scores of a search as the engine wrote them. Lines
// come by the million, so all but the last are looked at only as far as needed
// to tell what they are, and nothing is allocated.
type infoKeeper struct {
	exact, bound []byte // the last line of each kind, empty when there was none
	// index, when not nil, keeps the last line of every move, too: where it is in lines.
	index map[string]int
	lines []keptLine
}

func (k *infoKeeper) reset() {
	k.exact, k.bound, k.lines = k.exact[:0], k.bound[:0], nil
	clear(k.index)
}

// keep takes the rest of an "info" line, after that word.
func (k *infoKeeper) keep(line []byte) {
	said := readInfo(line)
	if k.index != nil {
		k.keepLine(said, line)
	}
	if said.rank != 1 {
		return
	}
	switch said.kind {
	case exactScore:
		k.exact = append(k.exact[:0], line...)
	case boundScore:
		k.bound = append(k.bound[:0], line...)
	}
}

// line is the best line kept: an exact score is preferred to a later bound, which
// a search interrupted in the middle of an iteration ends with.
func (k *infoKeeper) line() []byte {
	if len(k.exact) > 0 {
		return k.exact
	}
	return k.bound
}

// score parses line.
func (k *infoKeeper) score() *engine.Score {
	line := k.line()
	if len(line) == 0 {
		return nil
	}
	return parseInfo(line)
}

type infoKind uint8

const (
	noScore infoKind = iota
	exactScore
	boundScore
)

// infoLine is what decides whether an info line is kept.
type infoLine struct {
	kind infoKind
	rank int    // after "multipv", 1 without; 0: it is no number from 1 to maxLines
	move []byte // the first after "pv", nil without; a part of the line
}

// readInfo reads an info line up to its "pv" or "string", which run to the end of the
// line. Every line goes through it and nothing else, but for the few that parseInfo reads
// after the search.
func readInfo(line []byte) infoLine {
	said, bound := infoLine{rank: 1}, false
	for {
		var word []byte
		word, line = nextWord(line)
		switch string(word) {
		case "", "string", "pv":
			if bound && said.kind == exactScore {
				said.kind = boundScore
			}
			if string(word) == "pv" {
				if word, _ = nextWord(line); len(word) > 0 {
					said.move = word
				}
			}
			return said
		case "multipv":
			word, line = nextWord(line)
			said.rank = rankOf(word)
		case "score":
			if word, line = nextWord(line); string(word) != "cp" && string(word) != "mate" {
				return infoLine{}
			}
			if word, line = nextWord(line); !isNumber(word) {
				return infoLine{}
			}
			said.kind = exactScore
		case "lowerbound", "upperbound":
			bound = true
		}
	}
}

// rankOf is the number of a line of the best moves, 0 for what is none.
func rankOf(word []byte) int {
	n := 0
	for _, c := range word {
		if c < '0' || c > '9' {
			return 0
		}
		if n = 10*n + int(c-'0'); n > maxLines {
			return 0
		}
	}
	return n
}

// parseInfo reads a line in which readInfo found a score. Values that are no numbers
// are left at zero.
func parseInfo(line []byte) *engine.Score {
	s := new(engine.Score)
	number := func() int64 {
		var word []byte
		word, line = nextWord(line)
		n, _ := strconv.ParseInt(string(word), 10, 64)
		return n
	}
	for {
		var word []byte
		word, line = nextWord(line)
		switch string(word) {
		case "", "string":
			return s
		case "pv":
			s.PV = string(bytes.TrimSpace(line))
			return s
		case "depth":
			s.Depth = int(number())
		case "seldepth":
			s.SelDepth = int(number())
		case "nodes":
			s.Nodes = number()
		case "nps":
			s.NPS = number()
		case "time":
			// Milliseconds; more than a year of them is nonsense, and would
			// overflow.
			s.Time = time.Duration(min(max(number(), 0), 1<<35)) * time.Millisecond
		case "lowerbound":
			s.Bound = engine.LowerBound
		case "upperbound":
			s.Bound = engine.UpperBound
		case "score":
			word, line = nextWord(line)
			if string(word) == "mate" {
				s.IsMate, s.Mate = true, int(number())
			} else {
				s.Centipawns = int(number())
			}
		}
	}
}

// nextWord cuts the first word off a line; it is empty at the end.
func nextWord(line []byte) (word, rest []byte) {
	i := 0
	for i < len(line) && isSpace(line[i]) {
		i++
	}
	j := i
	for j < len(line) && !isSpace(line[j]) {
		j++
	}
	return line[i:j], line[j:]
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f' }

func isNumber(word []byte) bool {
	if len(word) > 0 && (word[0] == '-' || word[0] == '+') {
		word = word[1:]
	}
	if len(word) == 0 || len(word) > 18 {
		return false
	}
	for _, c := range word {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}
