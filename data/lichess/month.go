package lichess

import (
	"fmt"
	"strings"
	"time"

	"transcend/internal/clip"
)

// Month is a month of the database.
type Month struct {
	Year  int
	Month time.Month
}

// first is the first month of the database.
var first = Month{2013, time.January}

// maxMonths is the largest number of months ParseMonths returns: ten years. More
// is a slip of the keyboard, of several terabytes.
const maxMonths = 120

// String returns the month as "2023-01".
func (m Month) String() string { return fmt.Sprintf("%04d-%02d", m.Year, int(m.Month)) }

// FileName returns the name of the month's file on the server, as in
// "lichess_db_standard_rated_2023-01.pgn.zst".
func (m Month) FileName() string { return "lichess_db_standard_rated_" + m.String() + ".pgn.zst" }

// index counts months, so that they can be compared and subtracted.
func (m Month) index() int { return 12*m.Year + int(m.Month) - 1 }

func (m Month) next() Month {
	if m.Month == time.December {
		return Month{m.Year + 1, time.January}
	}
	return Month{m.Year, m.Month + 1}
}

// check says what is wrong with a month when it is now.
func (m Month) check(now time.Time) error {
	// Lichess's months are those of UTC.
	now = now.UTC()
	last := Month{now.Year(), now.Month()}
	switch {
	case m.Month < time.January || m.Month > time.December:
		return fmt.Errorf("there is no month %d: months are 01 to 12, as in 2023-01", int(m.Month))
	case m.index() < first.index():
		return fmt.Errorf("the database begins with %v", first)
	case m.index() > last.index():
		return fmt.Errorf("%v is in the future: now it is %v", m, last)
	}
	return nil
}

// ParseMonths reads a month, "2023-01", or a range of months, "2023-01..2023-10",
// both ends included. Months before 2013-01 and after the month of now are errors,
// and so are more than 120 of them. The month of now and the one before may
// not be on the server yet: Open tells.
func ParseMonths(s string, now time.Time) ([]Month, error) {
	fail := func(err error) ([]Month, error) {
		return nil, fmt.Errorf("lichess: months %q: %w", clip.Text(s, maxQuoted), err)
	}
	fromText, toText, isRange := strings.Cut(s, "..")
	from, err := parseMonth(fromText, now)
	if err != nil {
		return fail(err)
	}
	to := from
	if isRange {
		if to, err = parseMonth(toText, now); err != nil {
			return fail(err)
		}
	}
	n := to.index() - from.index() + 1
	switch {
	case n < 1:
		return fail(fmt.Errorf("the range goes backward: write %v..%v", to, from))
	case n > maxMonths:
		return fail(fmt.Errorf("%d months are more than the %d that can be read at once: read them in parts", n, maxMonths))
	}
	months := make([]Month, 0, n)
	for m := from; len(months) < n; m = m.next() {
		months = append(months, m)
	}
	return months, nil
}

// parseMonth reads "2023-01".
func parseMonth(s string, now time.Time) (Month, error) {
	if len(s) != len("2023-01") || s[4] != '-' {
		return Month{}, fmt.Errorf("%q is not a month: write 2023-01 or 2023-01..2023-10", clip.Text(s, maxQuoted))
	}
	var m Month
	for i, c := range []byte(s) {
		if i == 4 {
			continue
		}
		if c < '0' || c > '9' {
			return Month{}, fmt.Errorf("%q is not a month: write 2023-01 or 2023-01..2023-10", clip.Text(s, maxQuoted))
		}
		if i < 4 {
			m.Year = 10*m.Year + int(c-'0')
		} else {
			m.Month = 10*m.Month + time.Month(c-'0')
		}
	}
	return m, m.check(now)
}

// maxQuoted is how many bytes of a text from outside a message quotes.
const maxQuoted = 80
