package stats

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"transcend/data"
	"transcend/internal/bitboard"
	"transcend/internal/boardtest"
	"transcend/internal/golden"
)

func text80(t testing.TB, d *Description, width int) string {
	t.Helper()
	var b bytes.Buffer
	if err := d.WriteText(&b, width); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestText(t *testing.T) {
	golden.Check(t, "hand.txt", text80(t, describe(handGames(t)), 80))
	golden.Check(t, "empty.txt", text80(t, describe(nil), 80))
}

// manyGames are games with all speeds, long names and large numbers.
func manyGames(n int) []data.Game {
	rng := rand.New(rand.NewPCG(4, 1))
	names := []string{"a", strings.Repeat("long", 30), "日本語の名前はとても長いのです日本語の名前はとても長いのです", "tab\there", "\x1b[31mred\x1b[0m", "\xff\xfe", "\u202eright to left", "e\u0301\u0301"}
	controls := []string{"15+0", "60+0", "180+0", "600+0", "1800+0", "-", "", strings.Repeat("9", 200)}
	games := make([]data.Game, n)
	for i := range games {
		moves := boardtest.RandomMoves(rng, rng.IntN(250))
		games[i] = data.Game{
			White: names[rng.IntN(len(names))], Black: fmt.Sprint("player", i), WhiteElo: rng.IntN(3400), BlackElo: rng.IntN(3400),
			Result: bitboard.Result(rng.IntN(4)), TimeControl: controls[rng.IntN(len(controls))],
			Date: fmt.Sprintf("%d.0%d.??", 1950+rng.IntN(70), 1+rng.IntN(9)), Termination: names[rng.IntN(len(names))], Moves: moves,
		}
	}
	return games
}

// Lines fit the page, whatever the names and numbers, and nothing in them acts on
// a terminal.
func TestTextFits(t *testing.T) {
	a := New()
	for _, g := range manyGames(600) {
		a.Add(&g)
	}
	small := a.Description()
	// As many games as Lichess has in years.
	a.games *= 1e7
	a.plies *= 1e7
	for i := range a.bands {
		for j := range a.bands[i].speeds {
			a.bands[i].speeds[j] *= 1e7
		}
		for j := range a.bands[i].results {
			a.bands[i].results[j] *= 1e7
		}
	}
	for i := range a.players {
		a.players[i] *= 1e7
		a.maximum[i] *= 1e7
	}
	for r := range a.length {
		for i := range a.length[r] {
			a.length[r][i] *= 1e7
		}
	}
	for i := range a.opening {
		for j := range a.opening[i] {
			a.opening[i][j] *= 1e7
		}
	}
	for name, d := range map[string]*Description{"small": small, "large": a.Description()} {
		for _, width := range []int{0, 72, 80, 100, 132, 200} {
			s := text80(t, d, width)
			if !utf8.ValidString(s) {
				t.Errorf("%s: not UTF-8", name)
			}
			for line := range strings.Lines(s) {
				line = strings.TrimSuffix(line, "\n")
				if w := columnsOf.StringWidth(line); w > max(width, minWidth) {
					t.Errorf("%s, width %d: %d columns: %s", name, width, w, line)
				}
				if strings.HasSuffix(line, " ") {
					t.Errorf("%s, width %d: blanks at the end: %q", name, width, line)
				}
				if width >= 80 && strings.HasPrefix(line, "  ") && strings.HasSuffix(line, "…") && !strings.Contains(line, "long") {
					t.Errorf("%s, width %d: a line is cut: %s", name, width, line)
				}
				if i := strings.IndexFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 {
					t.Errorf("%s: %q", name, line)
				}
			}
		}
	}
	if testing.Verbose() {
		t.Log("\n" + text80(t, a.Description(), 80))
	}
}

func TestCount(t *testing.T) {
	for n, want := range map[int]string{0: "0", 1234: "1,234", 9_999_999: "9,999,999", 10_000_000: "10.00M", 123_456_789: "123.5M", 99_999_999_999: "100.0G", 1_234_567_890: "1.235G"} {
		if got := count(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}

func TestBars(t *testing.T) {
	for _, c := range []struct {
		f    float64
		want string
	}{{0, ""}, {1e-9, "▏"}, {0.5, "██"}, {0.53125, "██▏"}, {1, "████"}, {1.1, "████"}} {
		if got := bar(c.f, 4); got != c.want {
			t.Errorf("%v: %q, want %q", c.f, got, c.want)
		}
	}
	if got := parts([]float64{0.5, 0.1, 0.4}, 10); got != "░░░░░▒████" {
		t.Error(got)
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestTextError(t *testing.T) {
	if err := describe(nil).WriteText(broken{}, 80); err == nil || !strings.Contains(err.Error(), "disk full") {
		t.Errorf("%v", err)
	}
}

// TestDatesInText: how many games have no date is said when there are any.
func TestDatesInText(t *testing.T) {
	for unknown, want := range map[int]string{0: "played 2018.06.01 to 2018.06.30\n", 1: "played 2018.06.01 to 2018.06.30 (1 without a date)\n", 20: "2018.06.30 (20 without a date)\n"} {
		d := describe(nil)
		d.Games = 40
		d.Dates = Dates{First: "2018.06.01", Last: "2018.06.30", Unknown: unknown}
		if got := text80(t, d, 100); !strings.Contains(got, want) {
			t.Errorf("%d unknown: no %q in\n%s", unknown, want, got)
		}
	}
}
