package ucicheck

import (
	"errors"
	"strings"
	"testing"

	"transcend/internal/bitboard"
)

// verdictOf is a check's verdict and what it says.
func verdictOf(t *testing.T, err error) (Verdict, string) {
	t.Helper()
	if err == nil {
		return Pass, ""
	}
	var f *finding
	if !errors.As(err, &f) {
		t.Fatalf("%v is no finding", err)
	}
	return f.verdict, f.text
}

// TestOptionLines: what the UCI specification says of option lines, and what it forbids.
func TestOptionLines(t *testing.T) {
	for _, test := range []struct{ line, say string }{
		{"name Hash type spin default 16 min 1 max 1024", ""},
		{"name Hash type spin min 1 max 1024 default 16", ""},
		{"name Nullmove type check default true", ""},
		{"name Style type combo default Normal var Solid var Normal var Very Risky", ""},
		{"name Style type combo default Very Risky var Solid var Very Risky", ""},
		{"name Book type string default <empty>", ""},
		{"name A type of type string default x", `no type "of"`}, // the first " type " ends the name
		{"name Clear Hash type button", ""},
		{"Hash type spin default 1 min 1 max 2", "is no option"},
		{"name Hash spin default 1 min 1 max 2", "is no option"},
		{"name Hash type spin default 16 min 1", `max ""`},
		{"name Hash type spin default much min 1 max 9", `default "much"`},
		{"name Hash type spin default 0 min 1 max 9", `default "0", min "1"`},
		{"name Hash type spin default 10 min 1 max 9", `default "10"`},
		{"name Hash type spin default 99999999999999999999 min 1 max 9", "default"},
		{"name Nullmove type check default yes", `default "yes"`},
		{"name Nullmove type check", `default ""`},
		{"name Style type combo default Wild var Solid var Normal", "is none of"},
		{"name Style type slider default 3", `no type "slider"`},
	} {
		verdict, text := verdictOf(t, checkOptions(&probe{options: []string{test.line}}))
		if (verdict == Pass) != (test.say == "") || !strings.Contains(text, test.say) {
			t.Errorf("%q: %v %q, want %q", test.line, verdict, text, test.say)
		}
	}
	if verdict, text := verdictOf(t, checkOptions(&probe{options: []string{"name Clear Hash type button", "name clear hash type button"}})); verdict != Fail || !strings.Contains(text, "there twice") {
		t.Errorf("one option twice: %v %q", verdict, text)
	}
}

// TestInfoLines: every word of an info line has a meaning, and what follows it the right form.
func TestInfoLines(t *testing.T) {
	start := bitboard.Start()
	for _, test := range []struct{ line, say string }{
		{"info depth 12 seldepth 18 multipv 1 score cp -35 nodes 1000 nps 5 hashfull 0 tbhits 0 time 9 pv e2e4 e7e5", ""},
		{"info depth 1 score mate -3 upperbound pv e2e4", ""},
		{"info score cp 12 lowerbound nodes 9", ""},
		{"info score cp 12 wdl 300 500 200 pv d2d4", ""},
		{"info depth 3 currmove g1f3 currmovenumber 2", ""},
		{"info refutation e2e4 e7e5", ""},
		{"info string anything at all: depth x", ""},
		{"info depth deep", "no number after depth"},
		{"info nodes", "no number after nodes"},
		{"info score 12", "neither cp nor mate"},
		{"info score cp", "a score without a number"},
		{"info score cp high", "a score without a number"},
		{"info score cp 12 wdl 300 500", "wdl needs three numbers"},
		{"info currmove", "no move after currmove"},
		{"info currmove e2e5", "currmove e2e5 is not legal"},
		{"info depth 1 pv e2e4 e2e4", "e2e4 in a pv is not legal"},
		{"info depth 1 stuff 3", `"stuff" means nothing`},
		{"information", "is no info line"},
	} {
		verdict, text := verdictOf(t, checkInfo([]string{test.line}, &start))
		if (verdict == Pass) != (test.say == "") || !strings.Contains(text, test.say) {
			t.Errorf("%q: %v %q, want %q", test.line, verdict, text, test.say)
		}
	}
	// After a pv other words may follow.
	if verdict, text := verdictOf(t, checkInfo([]string{"info pv e2e4 e7e5 nodes 3", "info pv e2e4 e7e5 nodes x"}, &start)); verdict != Fail || !strings.Contains(text, "no number after nodes") {
		t.Errorf("%v %q", verdict, text)
	}
}
