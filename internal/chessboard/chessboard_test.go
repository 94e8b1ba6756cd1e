package chessboard

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"transcend/internal/bitboard"
	"transcend/internal/figure"
)

// TestPieces: every piece has shapes, which lie in its square and fill a good part of it.
func TestPieces(t *testing.T) {
	all, err := allShapes()
	if err != nil || len(all) != 12 {
		t.Fatalf("%d pieces: %v", len(all), err)
	}
	for p, shapes := range all {
		low, high := [2]float64{99, 99}, [2]float64{-99, -99}
		filled := false
		for _, s := range shapes {
			filled = filled || s.fill != nil
			for _, st := range s.steps {
				for _, q := range st.points {
					for k := range 2 {
						low[k], high[k] = min(low[k], q[k]), max(high[k], q[k])
					}
				}
			}
		}
		if !filled || low[0] < 2 || low[1] < 2 || high[0] > Square-2 || high[1] > Square-2 || high[1]-low[1] < 25 {
			t.Errorf("%v: from %v to %v", p, low, high)
		}
	}
}

func TestArc(t *testing.T) {
	// A quarter of the circle around (0, 0), and the other three quarters.
	for _, c := range []struct {
		large, sweep bool
		cx, cy       float64
	}{{false, true, 0, 0}, {true, false, 0, 0}, {false, false, 2, 2}, {true, true, 2, 2}} {
		steps := arc([2]float64{2, 0}, [2]float64{0, 2}, 2, 2, c.large, c.sweep)
		for i, s := range steps {
			end := s.points[2]
			if r := math.Hypot(end[0]-c.cx, end[1]-c.cy); math.Abs(r-2) > 1e-9 {
				t.Errorf("%+v: step %d ends at %v, %v from the middle", c, i, end, r)
			}
		}
		if end := steps[len(steps)-1].points[2]; math.Hypot(end[0], end[1]-2) > 1e-9 {
			t.Errorf("%+v ends at %v", c, end)
		}
	}
}

func TestDraw(t *testing.T) {
	pos, err := bitboard.ParseFEN("r3k2r/pppqbppp/2np1n2/4p1B1/2B1P1b1/2NP1N2/PPPQ1PPP/R3K2R w KQkq - 0 8")
	if err != nil {
		t.Fatal(err)
	}
	m, err := pos.ParseUCIMove("c4f7")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if to := os.Getenv("DRAW_TO"); to != "" {
		dir = to
	}
	for _, name := range []string{"board.svg", "board.png"} {
		err := figure.Write(filepath.Join(dir, name), 4*vg.Inch, 2*vg.Inch, func(c draw.Canvas, _ bool) {
			for i, flip := range []bool{false, true} {
				if err := Draw(c, 2*vg.Inch*vg.Length(i), 0, 2*vg.Inch, &pos, m, []Arrow{{m.From(), m.To(), 0.7, figure.Blue}}, flip); err != nil {
					t.Error(err)
				}
			}
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
