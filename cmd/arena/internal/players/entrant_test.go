package players

import (
	"slices"
	"strings"
	"testing"
)

// TestXBoardEntrants: what can be said of an engine with proto=xboard, and what
// its protocol has no words for.
func TestXBoardEntrants(t *testing.T) {
	for text, want := range map[string]string{
		"cmd=a proto=xboard tc=10+0.1":             "",
		"cmd=a proto=xboard movetime=50ms depth=3": "",
		"cmd=a proto=uci nodes=5 tc=1":             "",
		"cmd=a proto=xboard nodes=5":               "cannot limit nodes",
		"cmd=a proto=xboard nodes=5 tc=1":          "cannot limit nodes",
		"cmd=a proto=xboard movetime=1s tc=1":      "not both",
		"cmd=a proto=winboard":                     "want uci or xboard",
	} {
		e, err := Parse(text, Config{})
		if err == nil {
			_, err = e.control()
		}
		if (want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

// TestParse: an engine's words on top of those of all.
func TestParse(t *testing.T) {
	base, err := Parse(`tc=8+0.08 option.Hash=16`, Config{})
	if err != nil {
		t.Fatal(err)
	}
	e, err := Parse(`cmd="/opt/my engine" name='A B' args="-x 'y z'" init=hello option.Skill\ Level=3 st=0.5 timemargin=20 restart=on`, base)
	if err != nil {
		t.Fatal(err)
	}
	if e.Cmd != "/opt/my engine" || e.Name != "A B" || !slices.Equal(e.Args, []string{"-x", "y z"}) || !slices.Equal(e.Options, []string{"Hash=16", "Skill Level=3"}) || !e.Restart || !slices.Equal(e.Init, []string{"hello"}) {
		t.Errorf("%+v", e)
	}
	c, err := e.control()
	if err != nil || c.String() != "tc 8+0.08 movetime 500ms margin 20ms" {
		t.Errorf("%v, %v", c, err)
	}
	if len(base.Options) != 1 {
		t.Error("an engine changed what all have")
	}
}
