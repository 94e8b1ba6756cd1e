package cli

import (
	"fmt"
	"math"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/dustin/go-humanize"
)

// Count formats n with separators: 1,234,567.
func Count[T ~int | ~int64](n T) string { return humanize.Comma(int64(n)) }

// Percent formats a share, 0 to 1; "-" when there is nothing to divide by.
func Percent(part, whole float64) string {
	if whole == 0 || math.IsNaN(part) {
		return "-"
	}
	return fmt.Sprintf("%.1f%%", 100*part/whole)
}

// Duration formats d to the precision that a person reads: 1h02m, 3m04s, 5s.
func Duration(d time.Duration) string {
	d = d.Round(time.Second)
	h, m, s := int(d.Hours()), int(d.Minutes())%60, int(d.Seconds())%60
	switch {
	case d < 0:
		return "0s"
	case h > 0:
		return fmt.Sprintf("%dh%02dm", h, m)
	case m > 0:
		return fmt.Sprintf("%dm%02ds", m, s)
	}
	return fmt.Sprintf("%ds", s)
}

// SI formats a rate with a metric prefix: 950, 12.3k, 1.20M.
func SI(x float64) string {
	switch {
	case x >= 1e9:
		return fmt.Sprintf("%.2fG", x/1e9)
	case x >= 1e6:
		return fmt.Sprintf("%.2fM", x/1e6)
	case x >= 1e4:
		return fmt.Sprintf("%.1fk", x/1e3)
	}
	return fmt.Sprintf("%.0f", x)
}

// Printable is a text from a file with a question mark for everything that could move
// the cursor.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}

// Bytes formats a number of bytes: 1.2 MB, 30 GB.
func Bytes(n int64) string { return humanize.Bytes(uint64(n)) }

// CommandLine is what was typed, quoted where a shell needs it.
func CommandLine(words ...string) string {
	var quoted []string
	for _, word := range words {
		if word == "" || strings.ContainsAny(word, " \t\n'\"\\$&|;<>()*?[]{}~#!`") {
			word = "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
		}
		quoted = append(quoted, word)
	}
	return strings.Join(quoted, " ")
}
