// Package movetext goes over the movetext of games that nobody wants to see, at the
// speed of a byte search: one pass over the text finds what may end a game.
package movetext

// Next returns the index, from i on, of the next byte of movetext that needs a
// closer look:
//
//   - a line feed before a bracket, where tags may begin,
//   - a quote, an asterisk,
//   - a dash that may be in a result: after one of 0, 1, 2, 3, before 0 or 1.
//
// It returns len(b) when there is none. brace says whether there is an opening brace
// on the way. i is at least 1.
func Next(b []byte, i int) (at int, brace bool) {
	at, brace, found := next(b, i)
	if found {
		return at, brace
	}
	at, more := nextByte(b, at)
	return at, brace || more
}

// marks are the bytes that Next looks at, beside which it looks at nothing else.
var marks = [256]bool{'\n': true, '"': true, '*': true, '-': true, '{': true}

// nextByte is Next, byte by byte.
func nextByte(b []byte, i int) (at int, brace bool) {
	for ; i < len(b); i++ {
		c := b[i]
		if !marks[c] {
			continue
		}
		switch c {
		case '"', '*':
			return i, brace
		case '{':
			brace = true
		case '\n':
			if i+1 < len(b) && b[i+1] == '[' {
				return i, brace
			}
		case '-':
			if b[i-1]&^3 == '0' && i+1 < len(b) && b[i+1]|1 == '1' {
				return i, brace
			}
		}
	}
	return i, brace
}
