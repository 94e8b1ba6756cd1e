package mixture

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"transcend/internal/bitboard"
)

// CheckTemperature refuses what is no temperature.
func CheckTemperature(tau float64) error {
	if !(tau >= 0) || math.IsInf(tau, 1) {
		return fmt.Errorf("mixture: temperature %v: must be a number, 0 or more", tau)
	}
	return nil
}

// Tie is how much smaller a probability may be, relatively, to count as equal at
// temperature 0: sums in another order differ by less.
const Tie = 1e-12

// Temper writes p at a temperature into dst, which is made longer as needed and may be p, and
// returns it: p^(1/tau), normalized, which is the softmax of log(p)/tau, as models apply it. At
// 0 it is the limit: the most probable ones share it evenly. p need not sum to 1.
func Temper(dst, p []float64, tau float64) []float64 {
	if cap(dst) < len(p) {
		dst = make([]float64, len(p))
	}
	dst = dst[:len(p)]
	best := 0.0
	for _, x := range p {
		best = max(best, x)
	}
	sum := 0.0
	for i, x := range p {
		var w float64
		switch {
		case best == 0:
		case tau == 0:
			if x >= best*(1-Tie) {
				w = 1
			}
		case tau == 1:
			w = x
		default:
			w = math.Exp(math.Log(x/best) / tau)
		}
		dst[i] = w
		sum += w
	}
	if sum > 0 {
		for i := range dst {
			dst[i] /= sum
		}
	}
	return dst
}

// Texts are the moves of a position as data.CharTokenizer writes them, in SAN, and the tree of
// what they begin with.
//
// The characters that follow a move, a space, or ";" at a game's end, count as one: so
// "O-O" ends or goes on to "O-O-O". What comes before the move in a transcript is the same for
// all of them.
type Texts struct {
	texts []string
	order []int // of the moves by their texts
}

// NewTexts writes the moves of a position.
func NewTexts(p *bitboard.Position, moves []bitboard.Move) *Texts {
	t := &Texts{texts: make([]string, len(moves)), order: make([]int, len(moves))}
	for i, m := range moves {
		t.texts[i], t.order[i] = p.SAN(m), i
	}
	t.sort()
	return t
}

func (t *Texts) sort() {
	slices.SortFunc(t.order, func(a, b int) int { return strings.Compare(t.texts[a], t.texts[b]) })
}

// Text returns the text of a move.
func (t *Texts) Text(i int) string { return t.texts[i] }

// Temper is Temper for a temperature that applies to every character: of each character the
// probability, given those before it, is raised to 1/tau and normalized, as a model of characters
// does. p are the probabilities of the moves, in the order NewTexts had them. At temperatures
// other than 1 it is another distribution than Temper's: moves that begin alike stand together.
func (t *Texts) Temper(dst, p []float64, tau float64) []float64 {
	dst = zeros(dst, len(p))
	t.below(dst, p, tau, t.order, 0, 1)
	return dst
}

// below gives the share of moves that agree in their first n characters to them.
func (t *Texts) below(dst, p []float64, tau float64, moves []int, n int, share float64) {
	if len(moves) == 1 {
		dst[moves[0]] = share
		return
	}
	var mass [32]float64
	var size [32]int
	groups := mass[:0]
	sizes := size[:0]
	for i := 0; i < len(moves); {
		c, sum, j := t.char(moves[i], n), 0.0, i
		for ; j < len(moves) && t.char(moves[j], n) == c; j++ {
			sum += p[moves[j]]
		}
		groups, sizes = append(groups, sum), append(sizes, j-i)
		i = j
	}
	if len(groups) == 1 {
		t.below(dst, p, tau, moves, n+1, share)
		return
	}
	Temper(groups, groups, tau)
	for g, next := range groups {
		if next > 0 {
			t.below(dst, p, tau, moves[:sizes[g]], n+1, share*next)
		}
		moves = moves[sizes[g]:]
	}
}

// char returns the character of a move's text at n; the end is one, too.
func (t *Texts) char(move, n int) byte {
	if text := t.texts[move]; n < len(text) {
		return text[n]
	}
	return ' '
}
