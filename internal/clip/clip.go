// Package clip shortens what comes from outside, so that it can be quoted in a message.
package clip

import "strings"

// Text returns s, or its first bytes and "..." where it is longer than most bytes, without
// a character cut in half and what else is no UTF-8 in what is left.
func Text(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "..."
}
