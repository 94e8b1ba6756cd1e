package clip

import "testing"

func TestText(t *testing.T) {
	for _, c := range []struct {
		s    string
		most int
		want string
	}{{"", 0, ""}, {"abc", 3, "abc"}, {"abcd", 3, "abc..."}, {"abcd", 9, "abcd"}, {"abcd", 0, "..."}, {"aä", 2, "a..."}, {"aä", 3, "aä"}} {
		if got := Text(c.s, c.most); got != c.want {
			t.Errorf("%q, %d: %q", c.s, c.most, got)
		}
	}
}
