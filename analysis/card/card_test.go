package card

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"

	"transcend/elo"
)

// row is a row of a leaderboard with what ReadRating takes from it.
func row(name, rating string, losses int) string {
	return fmt.Sprintf(`{"name": %q, "player": {"spec": {"weights": "w", "temperature": "0"}}, "scale": "s", "record": {"losses": %d}, "rating": %s}`, name, losses, rating)
}

func TestReadRating(t *testing.T) {
	const (
		below = `{"rating": null, "confidence": 0.95, "total_interval": {"low": null, "high": -353.2}}`
		above = `{"rating": null, "confidence": 0.95, "total_interval": {"low": 1890.4, "high": null}}`
		both  = `{"rating": 612.4, "confidence": 0.9, "total_interval": {"low": 570, "high": 655}}`
		none  = `{"rating": null, "confidence": 0.95, "total_interval": {"low": null, "high": null}}`
	)
	for name, c := range map[string]struct{ rows, want, err string }{
		"below":      {rows: row("a", below, 3), want: "< -353 at 95%, 3 games"},
		"above":      {rows: row("a", above, 3), want: "> 1890 at 95%, 3 games"},
		"two-sided":  {rows: row("a", both, 3), want: "612 [570, 655] at 90%, 3 games"},
		"most games": {rows: row("a", both, 3) + "," + row("b", below, 9) + "," + row("c", both, 4), want: "< -353 at 95%, 9 games"},
		"unrated":    {rows: row("a", "null", 3), err: "none of its 1 rows"},
		"no bound":   {rows: row("a", none, 3), err: "neither a value nor a bound"},
		"no row":     {err: "none of its 0 rows"},
		"no JSON":    {rows: "x", err: "not what arena --json prints"},
	} {
		r, err := ReadRating(strings.NewReader(`{"rows": [`+c.rows+`]}`), "w", "0")
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: %v, want %q", name, err, c.err)
			}
		} else if err != nil || !strings.HasPrefix(r.String(), c.want) {
			t.Errorf("%s: %v, %v; want %q", name, r, err, c.want)
		}
	}
}

func TestReadAndWrite(t *testing.T) {
	low := 1.5
	want := &Card{Name: "run@5", Weights: "w", Stored: "bf16", Rating: &Rating{Text: "> 2", Low: &low, Record: elo.Record{Wins: 3}}}
	b, err := want.JSON()
	if err != nil {
		t.Fatal(err)
	}
	got, err := Read(fstest.MapFS{File: {Data: b}})
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
	var other map[string]any
	if err := json.Unmarshal(b, &other); err != nil {
		t.Fatal(err)
	}
	other["format"] = 2
	newer, err := json.Marshal(other)
	if err != nil {
		t.Fatal(err)
	}
	for name, file := range map[string][]byte{
		"empty": nil, "cut": b[:len(b)/2], "nothing": []byte("{}"), "no name": []byte(`{"format": 1}`), "newer": newer,
		"large": append(b, bytes.Repeat([]byte(" "), maxFile)...),
	} {
		if _, err := Read(fstest.MapFS{File: {Data: file}}); err == nil || !strings.Contains(err.Error(), File) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
