package favor

import (
	"fmt"
	"image/color"
	"math"
	"slices"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"transcend/internal/bitboard"
	"transcend/internal/chessboard"
	"transcend/internal/figure"
)

// Pictures implements analysis.Result.
func (r *Report) Pictures() []figure.Picture {
	var gains []*Row
	for i := range r.Summary.Rows {
		if row := &r.Summary.Rows[i]; row.Temperature != r.Summary.Base {
			gains = append(gains, row)
		}
	}
	var all []figure.Picture
	if len(gains) > 0 {
		all = append(all, figure.Picture{
			Name: "gains", Width: 16 * vg.Centimeter, Height: vg.Length(len(gains)) * panel,
			Draw: func(c draw.Canvas, bold bool) {
				for i, row := range gains {
					top := c.Max.Y - vg.Length(i)*panel
					r.drawGains(draw.Canvas{Canvas: c.Canvas, Rectangle: vg.Rectangle{
						Min: vg.Point{X: c.Min.X + 6, Y: top - panel + 6}, Max: vg.Point{X: c.Max.X - 10, Y: top - 6},
					}}, row, bold)
				}
			},
		})
	}
	if len(r.Worked) > 0 {
		all = append(all, figure.Picture{
			Name: "positions", Width: vg.Length(len(r.Temperatures))*(boardSize+gap) + barsWidth + 2*gap, Height: vg.Length(len(r.Worked))*rowHeight + header,
			Draw: r.drawWorked,
		})
	}
	return all
}

const panel = 6.5 * vg.Centimeter

// drawGains draws the histogram of one temperature, illegal moves as 0, with the mean and its interval.
func (r *Report) drawGains(c draw.Canvas, row *Row, bold bool) {
	p := figure.NewPlot("gain in probability to win, percentage points", "% of positions")
	x := &row.Zero
	n := float64(max(x.States, 1))
	top := 0.0
	for _, k := range x.Histogram.Bins {
		top = max(top, 100*float64(k)/n)
	}
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = -100*HistogramEnd, 100*HistogramEnd, 0, max(1, top*1.12)
	title := figure.Sans(9, bold)
	c.FillText(title, vg.Point{X: c.Min.X + 30, Y: c.Max.Y - 9}, fmt.Sprintf("T = %v instead of %v: mean %+.2f [%+.2f, %+.2f]; without illegal moves %+.2f [%+.2f, %+.2f]",
		row.Temperature, r.Summary.Base, 100*x.Gain.Value, 100*x.Gain.Interval.Low, 100*x.Gain.Interval.High,
		100*row.Given.Gain.Value, 100*row.Given.Gain.Interval.Low, 100*row.Given.Gain.Interval.High))
	c = draw.Crop(c, 0, 0, 0, -16)
	p.Draw(c)
	area := p.DataCanvas(c)
	tx, ty := p.Transforms(&area)
	figure.Grid{}.Plot(area, p)
	for i, k := range x.Histogram.Bins {
		if k == 0 {
			continue
		}
		low := -100*HistogramEnd + 100*BinWidth*float64(i)
		area.SetColor(figure.Sky)
		area.Fill(rectangle(tx(low)+0.3, ty(0), tx(low+100*BinWidth)-0.3, ty(100*float64(k)/n)))
	}
	line := func(at float64, style draw.LineStyle) {
		if at > p.X.Min && at < p.X.Max {
			area.StrokeLine2(style, tx(at), ty(0), tx(at), ty(p.Y.Max))
		}
	}
	line(0, draw.LineStyle{Color: figure.Edge, Width: 0.6})
	low, high := max(p.X.Min, 100*x.Gain.Interval.Low), min(p.X.Max, 100*x.Gain.Interval.High)
	if high > low {
		red := figure.Vermillion
		area.SetColor(color.NRGBA{red.R, red.G, red.B, 60})
		area.Fill(rectangle(tx(low), ty(0), tx(high), ty(p.Y.Max)))
	}
	line(100*x.Gain.Value, draw.LineStyle{Color: figure.Vermillion, Width: 1.2})
	small := figure.Sans(7, false)
	c.FillText(small, vg.Point{X: tx(p.X.Min) + 4, Y: ty(p.Y.Max) - 9}, fmt.Sprintf("below: %.1f%%", 100*float64(x.Histogram.Below)/n))
	small.XAlign = draw.XRight
	c.FillText(small, vg.Point{X: tx(p.X.Max) - 4, Y: ty(p.Y.Max) - 9}, fmt.Sprintf("above: %.1f%%", 100*float64(x.Histogram.Above)/n))
}

func rectangle(x0, y0, x1, y1 vg.Length) vg.Path {
	var p vg.Path
	p.Move(vg.Point{X: x0, Y: y0})
	p.Line(vg.Point{X: x1, Y: y0})
	p.Line(vg.Point{X: x1, Y: y1})
	p.Line(vg.Point{X: x0, Y: y1})
	p.Close()
	return p
}

// The layout of the worked positions: a board for each temperature, and bars.
const (
	boardSize = 130
	gap       = 10
	barsWidth = 190
	header    = 40
	rowHeight = boardSize + 22
	shown     = 5 // moves with bars
)

// ofReward is from orange-red for a lost position to blue for a won one.
func ofReward(x float64) color.RGBA {
	a, b := figure.Vermillion, figure.Blue
	mix := func(p, q uint8) uint8 { return uint8(math.Round(float64(p)*(1-x) + float64(q)*x)) }
	return color.RGBA{mix(a.R, b.R), mix(a.G, b.G), mix(a.B, b.B), 255}
}

// order has the temperatures from the highest.
func (r *Report) order() []int {
	order := make([]int, len(r.Temperatures))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		switch {
		case r.Temperatures[a] > r.Temperatures[b]:
			return -1
		case r.Temperatures[a] < r.Temperatures[b]:
			return 1
		}
		return 0
	})
	return order
}

func (r *Report) drawWorked(c draw.Canvas, bold bool) {
	order := r.order()
	strong, plain := figure.Sans(9, bold), figure.Sans(7, false)
	for k, t := range order {
		c.FillText(strong, vg.Point{X: c.Min.X + gap + vg.Length(k)*(boardSize+gap), Y: c.Max.Y - 13}, fmt.Sprintf("T = %v", r.Temperatures[t]))
	}
	left := c.Min.X + gap + vg.Length(len(order))*(boardSize+gap)
	c.FillText(strong, vg.Point{X: left, Y: c.Max.Y - 13}, "probability of moves, T as the boards")
	c.FillText(plain, vg.Point{X: c.Min.X + gap, Y: c.Max.Y - 26}, "Arrows are as thick as their moves are likely (over 2%). Their color is the reward, the mover's probability to win after the move:")
	scale := c.Min.X + gap + 430
	for i := range 50 {
		x := scale + vg.Length(i)*2
		c.SetColor(ofReward((float64(i) + 0.5) / 50))
		c.Fill(rectangle(x, c.Max.Y-28, x+2.2, c.Max.Y-20))
	}
	c.FillText(plain, vg.Point{X: scale - 6, Y: c.Max.Y - 26}, "0")
	c.FillText(plain, vg.Point{X: scale + 103, Y: c.Max.Y - 26}, "1")
	for i := range r.Worked {
		e := &r.Worked[i]
		top := c.Max.Y - header - vg.Length(i)*rowHeight
		pos, err := bitboard.ParseFEN(e.FEN)
		if err != nil {
			continue // it was written by us
		}
		last, _ := bitboard.ParseUCI(e.Last)
		for k, t := range order {
			x := c.Min.X + gap + vg.Length(k)*(boardSize+gap)
			var arrows []chessboard.Arrow
			for _, m := range slices.Backward(e.Moves) {
				move, err := bitboard.ParseUCI(m.Move)
				if err == nil && m.P[t] >= 0.02 {
					arrows = append(arrows, chessboard.Arrow{From: move.From(), To: move.To(), Weight: m.P[t], Color: ofReward(m.Reward)})
				}
			}
			// The likeliest lies above the others.
			slices.SortStableFunc(arrows, func(a, b chessboard.Arrow) int {
				switch {
				case a.Weight < b.Weight:
					return -1
				case a.Weight > b.Weight:
					return 1
				}
				return 0
			})
			if err := chessboard.Draw(c, x, top-boardSize, boardSize, &pos, last, arrows, false); err != nil {
				c.FillText(plain, vg.Point{X: x, Y: top - 20}, err.Error())
			}
			c.FillText(plain, vg.Point{X: x, Y: top - boardSize - 9}, fmt.Sprintf("expected reward %.3f, illegal %.1f%%", e.State.Reward[t], 100*(1-e.State.Legal[t])))
		}
		r.drawBars(c, e, order, left, top)
	}
}

// drawBars draws the probabilities of the moves that matter: likely at some temperature, or the best.
func (r *Report) drawBars(c draw.Canvas, e *Example, order []int, left, top vg.Length) {
	likely := func(m *ExampleMove) float64 { return slices.Max(m.P) }
	moves := slices.Clone(e.Moves)
	slices.SortStableFunc(moves[1:], func(a, b ExampleMove) int {
		switch x, y := likely(&a), likely(&b); {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return 0
	})
	moves = moves[:min(len(moves), shown)]
	plain, strong := figure.Sans(7, false), figure.Sans(7.5, true)
	const name, wide = 76, 84
	slot := vg.Length(boardSize) / shown
	for i, m := range moves {
		y := top - vg.Length(i)*slot
		c.FillText(strong, vg.Point{X: left, Y: y - 10}, m.SAN)
		text := fmt.Sprintf("reward %.3f", m.Reward)
		c.FillText(plain, vg.Point{X: left, Y: y - 19}, text)
		height := (slot - 6) / vg.Length(len(order))
		for k, t := range order {
			low := y - 2 - vg.Length(k+1)*height
			width := vg.Length(wide * m.P[t])
			c.SetColor(ofReward(m.Reward))
			c.Fill(rectangle(left+name, low+0.6, left+name+max(width, 0.4), low+height-0.6))
			c.FillText(figure.Sans(6, false), vg.Point{X: left + name + width + 3, Y: low + height/2 - 2}, fmt.Sprintf("%.2f", m.P[t]))
		}
	}
	c.FillText(plain, vg.Point{X: left, Y: top - boardSize - 9}, e.Name)
}
