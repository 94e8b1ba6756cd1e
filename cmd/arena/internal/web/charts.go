package web

// Drawings of numbers. Colors come from the style sheet by class, so that they
// follow the reader's choice of dark or light.

import (
	"fmt"
	"html/template"
	"math"
	"slices"
	"strconv"
	"strings"

	"transcend/elo"
	"transcend/elo/leaderboard"
)

const evalWidth, evalHeight = 360, 90

// drawEvals is what the engines said after each of their moves, from White's
// view, over the plies of a game; empty without any. A pawn is worth more near
// zero than far from it: the height is that of an expected score.
func drawEvals(evals []leaderboard.Eval, plies int, firstBlack bool) template.HTML {
	if len(evals) == 0 || plies < 2 {
		return ""
	}
	x := func(ply int) float64 { return float64(ply+1) / float64(plies) * evalWidth }
	y := func(e leaderboard.Eval) float64 { return evalHeight * (1 - whiteShare(e, firstBlack)) }
	// The first evaluation stands for what was before it, the last for what came
	// after.
	var line strings.Builder
	last := leaderboard.Eval{Ply: -1}
	for _, e := range evals {
		if e.Ply < 0 || e.Ply >= plies || e.Ply <= last.Ply || e.NoScore {
			continue
		}
		if line.Len() == 0 {
			fmt.Fprintf(&line, "M0 %.1f", y(e))
		}
		fmt.Fprintf(&line, "L%.1f %.1f", x(e.Ply), y(e))
		last = e
	}
	if line.Len() == 0 {
		return ""
	}
	fmt.Fprintf(&line, "H%d", evalWidth)
	var out strings.Builder
	fmt.Fprintf(&out, `<svg class="evals" viewBox="0 0 %d %d" preserveAspectRatio="none" role="img" aria-label="The engines' evaluations over the game, from White's view: at the end %s" data-plies="%d">`,
		evalWidth, evalHeight, template.HTMLEscapeString(evalText(last, firstBlack)), plies)
	fmt.Fprintf(&out, `<path class="area" d="%sV%dH0z"/>`, line.String(), evalHeight)
	fmt.Fprintf(&out, `<line class="zero" x1="0" x2="%d" y1="%d" y2="%d"/><path class="line" d="%s"/>`, evalWidth, evalHeight/2, evalHeight/2, line.String())
	fmt.Fprintf(&out, `<line class="now" x1="-9" x2="-9" y1="0" y2="%d"/></svg>`, evalHeight)
	return template.HTML(out.String())
}

// whiteShare is White's expected score by an evaluation, 0 to 1.
func whiteShare(e leaderboard.Eval, firstBlack bool) float64 {
	cp := float64(e.Centipawns)
	if e.IsMate {
		cp = math.Inf(1)
		if e.Mate <= 0 {
			cp = math.Inf(-1)
		}
	}
	if blackMoved(e.Ply, firstBlack) {
		cp = -cp
	}
	// A pawn is a fifth of the way up, five pawns nearly all of it.
	return 1 / (1 + math.Exp(-cp/200))
}

func blackMoved(ply int, firstBlack bool) bool { return (ply%2 == 1) != firstBlack }

// evalText is an evaluation from White's view: "+0.35", "#-3".
func evalText(e leaderboard.Eval, firstBlack bool) string {
	cp, mate := e.Centipawns, e.Mate
	if blackMoved(e.Ply, firstBlack) {
		cp, mate = -cp, -mate
	}
	if e.IsMate {
		return fmt.Sprintf("#%d", mate)
	}
	return fmt.Sprintf("%+.2f", float64(cp)/100)
}

// Series is the ratings of one model at several temperatures under one set of
// conditions, on one scale.
type Series struct {
	Name   string
	Points []Point
	Cap    int // rating of the players it was trained on; 0: unknown
}

// Point is a temperature's rating.
type Point struct {
	Temperature float64
	Rating      elo.Estimate
}

// colors is how many colors of series the style sheet has.
const colors = 6

const (
	plotWidth, plotHeight = 640, 380
	plotLeft, plotRight   = 62, 16
	plotTop, plotBottom   = 20, 60
)

// drawTemperatures is the picture of rating against temperature, the axis of
// temperatures logarithmic with 0 set apart at its left end; nil without a
// point. Intervals are those of chance in the games (thick) and with the
// opponents' own errors (thin).
func drawTemperatures(series []Series) template.HTML {
	temps, caps, low, high := plotted(series)
	if len(temps) == 0 || math.IsInf(low, 0) {
		return ""
	}
	margin := max(50, 0.06*(high-low))
	low, high = low-margin, high+margin
	step := tickStep(high - low)

	x := temperatureAxis(temps)
	y := func(r float64) float64 {
		return plotTop + (high-min(max(r, low), high))/(high-low)*(plotHeight-plotTop-plotBottom)
	}
	var out strings.Builder
	fmt.Fprintf(&out, `<svg class="plot" viewBox="0 0 %d %d" role="img" aria-label="Rating against sampling temperature; the numbers are in the table">`, plotWidth, plotHeight)
	for r := math.Ceil(low/step) * step; r <= high; r += step {
		fmt.Fprintf(&out, `<line class="grid" x1="%d" x2="%d" y1="%.1f" y2="%.1f"/><text class="tick" x="%d" y="%.1f" text-anchor="end">%.0f</text>`,
			plotLeft, plotWidth-plotRight, y(r), y(r), plotLeft-8, y(r)+4, r+0) // no -0
	}
	drawTemperatureTicks(&out, x, temps)
	fmt.Fprintf(&out, `<text class="axis" x="%d" y="%d" text-anchor="middle">temperature</text>`, (plotLeft+plotWidth-plotRight)/2, plotHeight-6)
	for _, c := range caps {
		fmt.Fprintf(&out, `<line class="cap" x1="%d" x2="%d" y1="%.1f" y2="%.1f"/><text class="cap" x="%d" y="%.1f" text-anchor="end">trained on games up to %d</text>`,
			plotLeft, plotWidth-plotRight, y(float64(c)), y(float64(c)), plotWidth-plotRight, y(float64(c))-6, c)
	}
	for i, s := range series {
		fmt.Fprintf(&out, `<g class="series c%d">`, i%colors)
		// Side by side where several models have the same temperature.
		shift := 7 * (float64(i) - float64(len(series)-1)/2)
		drawSeries(&out, s, func(t float64) float64 { return x(t) + shift }, y)
		out.WriteString("</g>")
	}
	out.WriteString("</svg>")
	return template.HTML(out.String())
}

// plotted are the temperatures and the caps of some series, sorted, each once, and the lowest and the
// highest of their finite ratings, infinite without any.
func plotted(series []Series) (temps []float64, caps []int, low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	include := func(values ...float64) {
		for _, v := range values {
			if !math.IsInf(v, 0) && !math.IsNaN(v) {
				low, high = min(low, v), max(high, v)
			}
		}
	}
	for _, s := range series {
		for _, p := range s.Points {
			if !slices.Contains(temps, p.Temperature) {
				temps = append(temps, p.Temperature)
			}
			include(p.Rating.Rating, p.Rating.Sampling.Low, p.Rating.Sampling.High, p.Rating.Total.Low, p.Rating.Total.High)
		}
		if s.Cap > 0 {
			caps = append(caps, s.Cap)
			include(float64(s.Cap))
		}
	}
	slices.Sort(temps)
	slices.Sort(caps)
	return temps, slices.Compact(caps), low, high
}

// drawTemperatureTicks names as many temperatures as there is room for.
func drawTemperatureTicks(out *strings.Builder, x func(temperature float64) float64, temps []float64) {
	previous, previousMajor := math.Inf(-1), math.Inf(-1)
	for i := len(temps) - 1; i >= 0; i-- { // from the right, where they are close
		at := x(temps[i])
		class := "tick"
		switch {
		case math.Abs(previous-at) < 26:
			class = "" // no room
		case math.Abs(previousMajor-at) < 52:
			class = "tick minor" // no room on a phone
		default:
			previousMajor = at
		}
		fmt.Fprintf(out, `<line class="grid" x1="%.1f" x2="%.1f" y1="%d" y2="%d"/>`, at, at, plotHeight-plotBottom, plotHeight-plotBottom+5)
		if class != "" {
			previous = at
			fmt.Fprintf(out, `<text class="%s" x="%.1f" y="%d" text-anchor="middle">%v</text>`, class, at, plotHeight-plotBottom+24, temps[i])
		}
	}
}

// drawSeries draws a line through the ratings that are no bounds, and all points.
func drawSeries(out *strings.Builder, s Series, x, y func(float64) float64) {
	var line strings.Builder
	for _, p := range s.Points {
		if p.Rating.Side == elo.TwoSided {
			command := "L"
			if line.Len() == 0 {
				command = "M"
			}
			fmt.Fprintf(&line, "%s%.1f %.1f", command, x(p.Temperature), y(p.Rating.Rating))
		}
	}
	if line.Len() > 0 {
		fmt.Fprintf(out, `<path class="line" d="%s"/>`, line.String())
	}
	for _, p := range s.Points {
		drawPoint(out, x(p.Temperature), y, p, s.Name)
	}
}

func drawPoint(out *strings.Builder, x float64, y func(float64) float64, p Point, name string) {
	fmt.Fprintf(out, `<g><title>%s at T = %v: %s</title>`, template.HTMLEscapeString(shown(name)), p.Temperature, template.HTMLEscapeString(p.Rating.String()))
	defer out.WriteString("</g>")
	r := p.Rating
	switch r.Side {
	case elo.Below: // an arrow down from the bound
		at := y(r.Sampling.High)
		fmt.Fprintf(out, `<path class="interval" d="M%.1f %.1fh12m-6 0v22"/><path class="dot" d="M%.1f %.1fl-6 -9h12z"/>`, x-6, at, x, at+28)
	case elo.Above:
		at := y(r.Sampling.Low)
		fmt.Fprintf(out, `<path class="interval" d="M%.1f %.1fh12m-6 0v-22"/><path class="dot" d="M%.1f %.1fl-6 9h12z"/>`, x-6, at, x, at-28)
	default:
		fmt.Fprintf(out, `<path class="total" d="M%.1f %.1fV%.1f"/>`, x, y(r.Total.Low), y(r.Total.High))
		fmt.Fprintf(out, `<path class="interval" d="M%.1f %.1fV%.1f"/><circle class="dot" cx="%.1f" cy="%.1f" r="4.5"/>`, x, y(r.Sampling.Low), y(r.Sampling.High), x, y(r.Rating))
	}
}

// temperatureAxis places temperatures from left to right by their logarithms. 0
// has none; its place is left of the smallest.
func temperatureAxis(sorted []float64) func(float64) float64 {
	positive := sorted
	if len(sorted) > 1 && sorted[0] == 0 {
		positive = sorted[1:]
	}
	left, right := float64(plotLeft+24), float64(plotWidth-plotRight-24)
	first, last := positive[0], positive[len(positive)-1]
	start := left
	if sorted[0] == 0 {
		start += 40
	}
	return func(t float64) float64 {
		switch {
		case t <= 0:
			return left
		case last <= first:
			return (start + right) / 2
		}
		return start + (math.Log(t)-math.Log(first))/(math.Log(last)-math.Log(first))*(right-start)
	}
}

// tickStep is a round step of which some five fit.
func tickStep(span float64) float64 {
	for _, step := range []float64{20, 50, 100, 200, 500, 1000, 2000} {
		if span/step <= 6 {
			return step
		}
	}
	return 5000
}

// drawShares is a bar of parts, each with the number of its class: causes of
// losses.
func drawShares(parts []int) template.HTML {
	total := 0
	for _, n := range parts {
		total += n
	}
	if total == 0 {
		return ""
	}
	var out strings.Builder
	out.WriteString(`<svg class="shares" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">`)
	x := 0.0
	for i, n := range parts {
		if n > 0 {
			width := 100 * float64(n) / float64(total)
			fmt.Fprintf(&out, `<rect class="k%d" x="%.2f" width="%.2f" height="8"/>`, i, x, width)
			x += width
		}
	}
	out.WriteString("</svg>")
	return template.HTML(out.String())
}

// drawProbability is a bar of a probability at temperature 1, with a mark at
// that of the player's own temperature.
func drawProbability(p1, pt float64) template.HTML {
	share := func(p float64) string { return strconv.FormatFloat(100*min(max(p, 0), 1), 'f', 1, 64) }
	// A report has thousands: what they share is in the style sheet.
	return template.HTML(`<svg class="probability" aria-hidden="true"><rect height="5" width="` + share(p1) + `%"/><rect class="pt" height="5" width="2" x="` + share(min(pt, 0.985)) + `%"/></svg>`)
}
