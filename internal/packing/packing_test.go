package packing

import "testing"

func TestNext(t *testing.T) {
	sizes := []int{9, 3, 5, 5, 0, 7, 1}
	for _, c := range []struct {
		room  int
		empty bool
		n     int
		want  int
	}{
		{4, true, 6, 0},  // the first, though it does not fit
		{4, true, 0, -1}, // nothing waits
		{20, false, 0, -1},
		{20, false, 6, 0}, // the longest
		{8, false, 6, 5},
		{6, false, 6, 2}, // of equal ones the first
		{3, false, 6, 1},
		{2, false, 6, -1}, // what is empty takes no place
		{2, false, 7, 6},  // one token is a text
		{7, false, 6, 5},  // just fits
	} {
		if got := Next(c.n, c.room, c.empty, func(i int) int { return sizes[i] }); got != c.want {
			t.Errorf("%+v: %d", c, got)
		}
	}
}
