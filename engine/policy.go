package engine

import (
	"fmt"
	"strconv"
	"strings"

	"transcend/internal/clip"
	"transcend/model/sampling"
)

// IllegalPolicy says what happens when a model draws a move that is not legal.
// It is part of every result: a model that forfeits and one that is masked are
// two players. The zero value is the paper's policy.
type IllegalPolicy struct {
	Kind PolicyKind
	// Attempts is N in the names of the kinds; 0 stands for 5. Mask has none.
	Attempts int
}

// PolicyKind is a kind of IllegalPolicy.
type PolicyKind uint8

const (
	// ForfeitAfter draws up to N times and then loses the game: "forfeit-after-5"
	// is the paper's protocol (Zhang et al. 2024, released play code).
	ForfeitAfter PolicyKind = iota
	// Mask draws among the legal moves only: "mask".
	Mask
	// Resample draws up to N times and then plays the legal move that the model
	// holds likeliest: "resample-5".
	Resample
	// ForfeitRising is ForfeitAfter with attempts at rising temperatures, so that
	// they are not the same move over and over: "forfeit-after-5-rising". The n-th
	// of five has at least (n-1)/5 + 0.001, at most 0.5, as in the program that the
	// paper's was made from (Karvonen, chess_gpt_eval).
	ForfeitRising
)

// paperAttempts is how often the paper's protocol draws.
const paperAttempts = 5

// maxAttempts bounds the work of one move.
const maxAttempts = 10_000

// attempts is how many free draws the policy allows before it acts.
func (p IllegalPolicy) attempts() int {
	switch {
	case p.Kind == Mask:
		return 0
	case p.Attempts == 0:
		return paperAttempts
	}
	return p.Attempts
}

// forfeits says whether attempts that all were illegal lose the game.
func (p IllegalPolicy) forfeits() bool { return p.Kind == ForfeitAfter || p.Kind == ForfeitRising }

// sampling is how attempt i, from 0, is drawn.
func (p IllegalPolicy) sampling(s sampling.Settings, i int) sampling.Settings {
	if p.Kind == ForfeitRising && i > 0 {
		s.Temperature = max(s.Temperature, min(float64(i)/float64(p.attempts())+0.001, 0.5))
	}
	return s
}

// Validate reports an unknown kind and an impossible number of attempts.
func (p IllegalPolicy) Validate() error {
	if p.Kind > ForfeitRising || p.Attempts < 0 || p.Attempts > maxAttempts {
		return fmt.Errorf("engine: impossible illegal-move policy: kind %d, %d attempts", p.Kind, p.Attempts)
	}
	return nil
}

// String returns the policy as ParseIllegalPolicy reads it.
func (p IllegalPolicy) String() string {
	switch p.Kind {
	case ForfeitAfter:
		return "forfeit-after-" + strconv.Itoa(p.attempts())
	case Mask:
		return "mask"
	case Resample:
		return "resample-" + strconv.Itoa(p.attempts())
	case ForfeitRising:
		return "forfeit-after-" + strconv.Itoa(p.attempts()) + risingSuffix
	}
	return fmt.Sprintf("PolicyKind(%d)", uint8(p.Kind))
}

const risingSuffix = "-rising"

// ParseIllegalPolicy reads "forfeit-after-N", "forfeit-after-N-rising", "mask" or
// "resample-N"; a space may stand for a hyphen.
func ParseIllegalPolicy(s string) (IllegalPolicy, error) {
	text := strings.Join(strings.Fields(s), "-")
	if text == "mask" {
		return IllegalPolicy{Kind: Mask}, nil
	}
	for prefix, kind := range map[string]PolicyKind{"forfeit-after-": ForfeitAfter, "resample-": Resample} {
		if number, ok := strings.CutPrefix(text, prefix); ok {
			if kind == ForfeitAfter {
				var rising bool
				if number, rising = strings.CutSuffix(number, risingSuffix); rising {
					kind = ForfeitRising
				}
			}
			n, err := strconv.Atoi(number)
			if err != nil || n < 1 || n > maxAttempts {
				return IllegalPolicy{}, fmt.Errorf("engine: illegal-move policy %q: want a number of attempts from 1 to %d", clip.Text(s, 40), maxAttempts)
			}
			return IllegalPolicy{Kind: kind, Attempts: n}, nil
		}
	}
	return IllegalPolicy{}, fmt.Errorf("engine: no illegal-move policy %q (want forfeit-after-5, mask, resample-5, or another number)", clip.Text(s, 40))
}
