package uci

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"transcend/engine"
	"transcend/internal/bitboard"
)

// TestParseInfo: what is kept of an info line, bounds among it, which are no scores.
func TestParseInfo(t *testing.T) {
	for _, test := range []struct {
		line string
		want engine.Score
	}{
		{"info depth 12 seldepth 18 score cp -35 nodes 1000 nps 5 time 9 pv e2e4 e7e5",
			engine.Score{Centipawns: -35, Depth: 12, SelDepth: 18, Nodes: 1000, NPS: 5, Time: 9 * time.Millisecond, PV: "e2e4 e7e5"}},
		{"info score mate -3 depth 2", engine.Score{Mate: -3, IsMate: true, Depth: 2}},
		{"info score cp 12 lowerbound depth 3", engine.Score{Centipawns: 12, Bound: engine.LowerBound, Depth: 3}},
		{"info score cp 12 upperbound depth 3", engine.Score{Centipawns: 12, Bound: engine.UpperBound, Depth: 3}},
		{"info score cp 1 time -9", engine.Score{Centipawns: 1}},
	} {
		line := strings.TrimPrefix(test.line, "info ")
		if got := parseInfo([]byte(line)); !reflect.DeepEqual(*got, test.want) {
			t.Errorf("%q: %+v, want %+v", test.line, *got, test.want)
		}
	}
}

// TestMostLines: an engine that names more first moves than there can be takes no more memory.
func TestMostLines(t *testing.T) {
	k := infoKeeper{index: map[string]int{}}
	move := func(i int) []byte { return []byte{byte('a' + i%8), byte('1' + i/8%8), byte('a' + i/64), '1'} }
	for i := range 2 * maxLines {
		k.keepLine(infoLine{kind: exactScore, rank: 1, move: move(i)}, []byte("score cp 1"))
	}
	if len(k.lines) != maxLines || len(k.index) != maxLines {
		t.Errorf("%d lines of %d moves", len(k.lines), len(k.index))
	}
	// Those that are known are renewed.
	k.keepLine(infoLine{kind: exactScore, rank: 7, move: move(0)}, []byte("score cp 99"))
	if l := k.lines[0]; l.rank != 7 || string(l.text) != "score cp 99" {
		t.Errorf("%d %q", l.rank, l.text)
	}
	if maxLines != bitboard.MaxMoves {
		t.Error("there can be as many lines as moves")
	}
}

// TestXboardOptions: features of xboard engines that are options, and what is none.
func TestXboardOptions(t *testing.T) {
	for text, want := range map[string]OptionInfo{
		"Hash -spin 16 1 1024":     {Name: "Hash", Type: Spin, Default: "16", Min: 1, Max: 1024, HasMin: true, HasMax: true},
		"Own Book -check 1":        {Name: "Own Book", Type: Check, Default: "true"},
		"Own Book -check 0":        {Name: "Own Book", Type: Check, Default: "false"},
		"Log -file engine log.txt": {Name: "Log", Type: String, Default: "engine log.txt"},
		"Clear -button":            {Name: "Clear", Type: Button},
		"A -b -string x":           {Name: "A -b", Type: String, Default: "x"},
		"Hash -spin 16 1":          {},
		"Hash -spin 16 1 1024 9":   {},
		"Hash -spin 16 one 1024":   {},
		"Hash -dial 16 1 1024":     {},
		"-spin 16 1 1024":          {},
		"Hash":                     {},
		"":                         {},
	} {
		got, ok := parseXOption(text)
		if ok != (want.Name != "") || ok && !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %+v, %v, want %+v", text, got, ok, want)
		}
	}
}
