// Package clip shortens what comes from outside, so that it can be quoted in a message.
package clip

// Text returns s, or its first bytes and "..." where it is longer than most.
func Text(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return s[:most] + "..."
}
