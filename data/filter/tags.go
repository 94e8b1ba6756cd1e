package filter

import (
	"bytes"

	"transcend/pgn"
)

// SaysRated finds out whether a game was rated from its Event tag, where Lichess
// ("Rated Blitz game", "casual rapid game") and FICS ("FICS unrated blitz game")
// say it: the first of the words "rated", "casual" and "unrated" in it, in any
// case. No tag of the PGN standard tells it: without such a word it is not said.
func SaysRated[T string | []byte](event T) (rated, said bool) {
	for i := 0; i < len(event); i++ {
		from := i
		for i < len(event) && isLetter(event[i]) {
			i++
		}
		switch word := event[from:i]; {
		case isWord(word, "rated"):
			return true, true
		case isWord(word, "casual"), isWord(word, "unrated"):
			return false, true
		}
	}
	return false, false
}

// isWord compares letters with a word in small ones.
func isWord[T string | []byte](letters T, word string) bool {
	if len(letters) != len(word) {
		return false
	}
	for i := range len(word) {
		if letters[i]|0x20 != word[i] {
			return false
		}
	}
	return true
}

// isLetter counts all of UTF-8 beyond ASCII as letters: no word is found inside
// another.
func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= 0x80 }

// parseDate reads "2018.06.12", with "-" or "/" for the dots as well, the parts
// after the year missing or "??" where they are unknown, and returns the first and
// the last day that it may mean as 10000 year + 100 month + day.
func parseDate(s []byte) (first, last int, ok bool) {
	var parts [3]int // 0: unknown
	highest := [3]int{9999, 12, 31}
	for i := range parts {
		n := 0
		for n < len(s) && s[n] != '.' && s[n] != '-' && s[n] != '/' {
			n++
		}
		part := s[:n]
		s = s[min(n+1, len(s)):]
		if len(part) == 0 && (n < len(s) || i == 0) {
			return 0, 0, false
		}
		for _, c := range part {
			switch {
			case c >= '0' && c <= '9' && part[0] != '?' && len(part) <= 4:
				parts[i] = parts[i]*10 + int(c-'0')
			case c == '?' && part[0] == '?':
			default:
				return 0, 0, false
			}
		}
		known := len(part) > 0 && part[0] != '?'
		if known && (parts[i] < 1 || parts[i] > highest[i] || i == 0 && len(part) != 4) {
			return 0, 0, false
		}
		if i == 0 && !known || i == 2 && known && parts[1] == 0 {
			return 0, 0, false // without a year it says nothing
		}
	}
	if len(s) > 0 {
		return 0, 0, false
	}
	day := func(month, day int) int {
		if parts[1] != 0 {
			month = parts[1]
		}
		if parts[2] != 0 {
			day = parts[2]
		}
		return parts[0]*10000 + month*100 + day
	}
	return day(1, 1), day(12, 31), true
}

// dateTag is the day of a game: UTCDate, or Date where that is unknown.
func dateTag(h *pgn.Header) []byte {
	if d := h.Bytes("UTCDate"); !pgn.Unknown(d) {
		return d
	}
	return h.Bytes("Date")
}

// sameTermination compares two terminations without regard to case and to what is
// between the words.
func sameTermination(a, b []byte) bool {
	a, b = bytes.TrimSpace(a), bytes.TrimSpace(b)
	if len(a) != len(b) {
		return false
	}
	plain := func(c byte) byte {
		switch {
		case c == '-' || c == '_':
			return ' '
		case c >= 'A' && c <= 'Z':
			return c | 0x20
		}
		return c
	}
	for i := range a {
		if plain(a[i]) != plain(b[i]) {
			return false
		}
	}
	return true
}

// botTag returns the tag that says that a player is a program, "" for none.
func botTag(h *pgn.Header) string {
	for _, tag := range [2]string{"WhiteTitle", "BlackTitle"} {
		if bytes.EqualFold(h.Bytes(tag), []byte("BOT")) {
			return tag
		}
	}
	for _, tag := range [2]string{"WhiteType", "BlackType"} {
		if bytes.EqualFold(h.Bytes(tag), []byte("program")) {
			return tag
		}
	}
	const computer = "lichess AI level "
	for _, tag := range [2]string{"White", "Black"} {
		if name := h.Bytes(tag); len(name) > len(computer) && bytes.EqualFold(name[:len(computer)], []byte(computer)) {
			return tag
		}
	}
	return ""
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
