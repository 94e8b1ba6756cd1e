// Package packing decides which of several texts goes into a row of a batch next.
package packing

// Next chooses one of n waiting texts, the one that has waited longest being number 0, for a row with room left
// for so many tokens; -1 when there is none that fits. size is their length in tokens.
//
// An empty row gets the text that has waited longest, whatever its length, so none waits for more rows than
// there are texts waiting. After it comes the longest that fits, of equal ones the one that has waited
// longest: on games of chess that leaves less than half the padding that the first that fits would.
func Next(n, room int, empty bool, size func(i int) int) int {
	if empty {
		return min(0, n-1)
	}
	best, longest := -1, 0
	for i := range n {
		if s := size(i); s <= room && s > longest {
			best, longest = i, s
		}
	}
	return best
}
