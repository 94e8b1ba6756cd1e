package data

import (
	"fmt"
	"strings"
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
	return "", fmt.Errorf("data: %q is no speed (want ultrabullet, bullet, blitz, rapid, classical or correspondence)", clip(s))
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
func SpeedOf(timeControl string) Speed { return speedOf(timeControl) }

func speedOf[T string | []byte](s T) Speed {
	if len(s) == 1 && s[0] == '-' {
		return Correspondence
	}
	// No limit is near: longer texts and larger numbers are unknown, so that
	// nothing overflows.
	const game, maxLength = 40, 64
	if len(s) > maxLength {
		return ""
	}
	i := 0
	number := func() (n int, ok bool) {
		from := i
		for i < len(s) && i-from < 9 && s[i] >= '0' && s[i] <= '9' {
			n = n*10 + int(s[i]-'0')
			i++
		}
		return n, i > from
	}
	seconds, left := 0, game // what the periods so far give, and the moves after them
	for {
		base, ok := number()
		if !ok {
			return ""
		}
		moves, increment := 0, 0
		if i < len(s) && s[i] == '/' {
			i++
			if moves, base, ok = base, 0, base > 0; !ok {
				return ""
			}
			if base, ok = number(); !ok {
				return ""
			}
		}
		if i < len(s) && s[i] == '+' {
			i++
			if increment, ok = number(); !ok {
				return ""
			}
		}
		last := i == len(s)
		if !last {
			if s[i] != ':' || moves == 0 {
				return "" // only the last period may be for all the rest
			}
			i++
		}
		switch {
		case left == 0: // the 40 moves were over before
		case moves == 0:
			seconds += base + left*increment
			left = 0
		case last:
			seconds += left*base/moves + left*increment
			left = 0
		default:
			played := min(moves, left)
			seconds += base*played/moves + played*increment
			left -= played
		}
		if last {
			break
		}
	}
	switch {
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
