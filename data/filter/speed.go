package filter

import (
	"fmt"
	"strings"

	"transcend/internal/clip"
)

// Speed is a class of time controls, by Lichess's rule (SpeedOf). "" is unknown.
type Speed string

// The speeds, from the fastest on.
const (
	UltraBullet    Speed = "ultrabullet"
	Bullet         Speed = "bullet"
	Blitz          Speed = "blitz"
	Rapid          Speed = "rapid"
	Classical      Speed = "classical"
	Correspondence Speed = "correspondence"
)

// Speeds are all of them, from the fastest on.
func Speeds() []Speed {
	return []Speed{UltraBullet, Bullet, Blitz, Rapid, Classical, Correspondence}
}

// ParseSpeed reads the name of a speed in any case.
func ParseSpeed(s string) (Speed, error) {
	for _, speed := range Speeds() {
		if strings.EqualFold(s, string(speed)) {
			return speed, nil
		}
	}
	return "", fmt.Errorf("filter: %q is no speed (want ultrabullet, bullet, blitz, rapid, classical or correspondence)", clip.Text(s, quoted))
}

// SpeedOf returns the speed of a PGN TimeControl tag by Lichess's rule: the
// expected duration is base time + 40 times the increment, in seconds; below 30
// it is ultrabullet, below 180 bullet, below 480 blitz, below 1500 rapid, below
// 21600 classical, else correspondence (scala-chess, Speed.scala).
//
//	"300", "300+5"           base and increment in seconds
//	"-"                      correspondence, as Lichess writes it
//	"40/7200", "1/259200"    moves / seconds: the time for 40 moves at that rate
//	"40/7200:20/3600:900+30" the time that the periods give for 40 moves
//
// The last two are this rule carried over: Lichess has no such controls. Anything
// else, "?" and sand clocks ("*180") among it, is unknown: "".
func SpeedOf[T string | []byte](timeControl T) Speed {
	if len(timeControl) == 1 && timeControl[0] == '-' {
		return Correspondence
	}
	seconds, ok := expected(timeControl)
	switch {
	case !ok:
		return ""
	case seconds < 30:
		return UltraBullet
	case seconds < 180:
		return Bullet
	case seconds < 480:
		return Blitz
	case seconds < 1500:
		return Rapid
	case seconds < 21600:
		return Classical
	}
	return Correspondence
}

// expected returns the seconds that a time control gives for 40 moves. Longer texts
// and numbers than any control has are unknown, so that nothing overflows.
func expected[T string | []byte](control T) (seconds int, ok bool) {
	if len(control) > 64 {
		return 0, false
	}
	left := 40 // moves after the periods so far
	for {
		p, rest, ok := readPeriod(control)
		last := len(rest) == 0
		// Only the last period may be for all the rest.
		if !ok || !last && (rest[0] != ':' || p.moves == 0) {
			return 0, false
		}
		switch {
		case left == 0: // the 40 moves were over before
		case p.moves == 0:
			seconds += p.base + left*p.increment
			left = 0
		case last:
			seconds += left*p.base/p.moves + left*p.increment
			left = 0
		default:
			played := min(p.moves, left)
			seconds += p.base*played/p.moves + played*p.increment
			left -= played
		}
		if last {
			return seconds, true
		}
		control = rest[1:]
	}
}

// period is the time for some moves, 0 for all that are left: base seconds together
// and an increment for each.
type period struct{ moves, base, increment int }

// readPeriod reads "300", "300+5", "40/7200" or "40/7200+30" from the beginning of s.
func readPeriod[T string | []byte](s T) (p period, rest T, ok bool) {
	if p.base, s, ok = readNumber(s); !ok {
		return p, s, false
	}
	if len(s) > 0 && s[0] == '/' {
		p.moves = p.base
		if p.base, s, ok = readNumber(s[1:]); !ok || p.moves == 0 {
			return p, s, false
		}
	}
	if len(s) > 0 && s[0] == '+' {
		p.increment, s, ok = readNumber(s[1:])
	}
	return p, s, ok
}

// readNumber reads a number of up to nine digits from the beginning of s.
func readNumber[T string | []byte](s T) (n int, rest T, ok bool) {
	i := 0
	for i < len(s) && i < 9 && s[i] >= '0' && s[i] <= '9' {
		n = n*10 + int(s[i]-'0')
		i++
	}
	return n, s[i:], i > 0
}
