// Package chessboard draws positions: pieces as SVG for pages, whole boards with arrows on the
// canvases of gonum/plot for figures. The pieces are those of notnil/chess/image.
package chessboard

import (
	"encoding/xml"
	"fmt"
	"image/color"
	"io"
	"math"
	"strconv"
	"strings"
	"sync"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"transcend/internal/bitboard"
	"transcend/internal/figure"
)

// The colors of boards in figures.
var (
	light  = color.RGBA{240, 226, 200, 255}
	dark   = color.RGBA{196, 164, 124, 255}
	marked = color.RGBA{205, 192, 96, 255}
)

// Arrow is a move over a board, thicker the more it weighs.
type Arrow struct {
	From, To bitboard.Square
	Weight   float64 // 0 to 1
	Color    color.Color
}

// Draw draws a position in a square at (x, y), its lower left corner, White below, or Black where flip is set.
// The squares of the last move are marked, unless it is NoMove.
func Draw(c draw.Canvas, x, y, size vg.Length, p *bitboard.Position, last bitboard.Move, arrows []Arrow, flip bool) error {
	unit := size / 8
	corner := func(s bitboard.Square) vg.Point {
		file, rank := int(s)%8, int(s)/8
		if flip {
			file, rank = 7-file, 7-rank
		}
		return vg.Point{X: x + unit*vg.Length(file), Y: y + unit*vg.Length(rank)}
	}
	for s := range bitboard.Square(64) {
		fill := color.Color(light)
		if (int(s)%8+int(s)/8)%2 == 0 {
			fill = dark
		}
		if last != bitboard.NoMove && (s == last.From() || s == last.To()) {
			fill = marked
		}
		at := corner(s)
		c.SetColor(fill)
		c.Fill(rectangle(at, unit))
	}
	letters := figure.Sans(unit*0.2, false)
	for i := range 8 {
		file, rank := bitboard.NewSquare(i, 0), bitboard.NewSquare(0, i)
		if flip {
			file, rank = bitboard.NewSquare(i, 7), bitboard.NewSquare(7, i)
		}
		at := corner(file)
		c.FillText(letters, vg.Point{X: at.X + unit*0.84, Y: at.Y + unit*0.05}, string('a'+rune(i)))
		at = corner(rank)
		c.FillText(letters, vg.Point{X: at.X + unit*0.04, Y: at.Y + unit*0.76}, strconv.Itoa(i+1))
	}
	for s := range bitboard.Square(64) {
		if piece := p.PieceAt(s); piece != bitboard.NoPiece {
			shapes, err := shapesOf(piece)
			if err != nil {
				return err
			}
			at := corner(s)
			for _, sh := range shapes {
				sh.draw(c, at, unit/Square)
			}
		}
	}
	for _, a := range arrows {
		a.draw(c, corner, unit)
	}
	return nil
}

func rectangle(at vg.Point, size vg.Length) vg.Path {
	var p vg.Path
	p.Move(at)
	p.Line(vg.Point{X: at.X + size, Y: at.Y})
	p.Line(vg.Point{X: at.X + size, Y: at.Y + size})
	p.Line(vg.Point{X: at.X, Y: at.Y + size})
	p.Close()
	return p
}

// draw draws an arrow from the middle of a square to that of another.
func (a Arrow) draw(c draw.Canvas, corner func(bitboard.Square) vg.Point, unit vg.Length) {
	from, to := corner(a.From), corner(a.To)
	half := vg.Point{X: unit / 2, Y: unit / 2}
	from, to = from.Add(half), to.Add(half)
	d := to.Sub(from)
	length := vg.Length(math.Hypot(float64(d.X), float64(d.Y)))
	if length == 0 {
		return
	}
	d = d.Scale(1 / length)
	across := vg.Point{X: -d.Y, Y: d.X}
	w := unit * vg.Length(0.05+0.13*math.Sqrt(min(max(a.Weight, 0), 1))) // half of the shaft's width
	head := max(3*w, unit*0.28)
	neck := to.Sub(d.Scale(head))
	var p vg.Path
	p.Move(from.Add(across.Scale(w)))
	p.Line(neck.Add(across.Scale(w)))
	p.Line(neck.Add(across.Scale(max(2.2*w, unit*0.16))))
	p.Line(to)
	p.Line(neck.Sub(across.Scale(max(2.2*w, unit*0.16))))
	p.Line(neck.Sub(across.Scale(w)))
	p.Line(from.Sub(across.Scale(w)))
	p.Close()
	c.SetColor(a.Color)
	c.Fill(p)
}

// shape is a part of a piece's drawing, in the units of SVG.
type shape struct {
	fill, stroke color.Color // nil: none
	width        float64
	steps        []step
}

// step is a part of a path: 1 point for a line, 3 for a cubic curve, none to close; move begins anew.
type step struct {
	move   bool
	points [][2]float64
}

func (s *shape) draw(c draw.Canvas, at vg.Point, scale vg.Length) {
	point := func(q [2]float64) vg.Point {
		return vg.Point{X: at.X + vg.Length(q[0])*scale, Y: at.Y + vg.Length(Square-q[1])*scale}
	}
	var p vg.Path
	for _, st := range s.steps {
		switch {
		case st.move:
			p.Move(point(st.points[0]))
		case len(st.points) == 0:
			p.Close()
		case len(st.points) == 1:
			p.Line(point(st.points[0]))
		default:
			p.CubeTo(point(st.points[0]), point(st.points[1]), point(st.points[2]))
		}
	}
	if s.fill != nil {
		c.SetColor(s.fill)
		c.Fill(p)
	}
	if s.stroke != nil {
		c.SetColor(s.stroke)
		c.SetLineWidth(vg.Length(s.width) * scale)
		c.SetLineDash(nil, 0)
		c.Stroke(p)
	}
}

// shapesOf are the shapes of a piece, read from its SVG once.
func shapesOf(p bitboard.Piece) ([]shape, error) {
	all, err := allShapes()
	return all[p], err
}

var allShapes = sync.OnceValues(func() (map[bitboard.Piece][]shape, error) {
	all := map[bitboard.Piece][]shape{}
	for _, c := range []bitboard.Color{bitboard.White, bitboard.Black} {
		for _, kind := range []bitboard.PieceType{bitboard.Pawn, bitboard.Knight, bitboard.Bishop, bitboard.Rook, bitboard.Queen, bitboard.King} {
			piece := bitboard.NewPiece(c, kind)
			text, err := SVG(piece)
			if err == nil {
				all[piece], err = parse(text)
			}
			if err != nil {
				return nil, fmt.Errorf("chessboard: the drawing of %v: %w", piece, err)
			}
		}
	}
	return all, nil
})

// parse reads as much of SVG as the drawings of pieces have: groups, paths of M, L, C, A and z with
// absolute coordinates, circles, matrices.
func parse(svg string) ([]shape, error) {
	type style map[string]string
	styles := []style{{"fill": "#000000", "stroke": "none", "stroke-width": "1"}}
	var out []shape
	d := xml.NewDecoder(strings.NewReader("<g>" + svg + "</g>"))
	for {
		token, err := d.Token()
		if err == io.EOF {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		switch t := token.(type) {
		case xml.EndElement:
			styles = styles[:len(styles)-1]
		case xml.StartElement:
			own := style{}
			for k, v := range styles[len(styles)-1] {
				own[k] = v
			}
			for _, a := range t.Attr {
				// What is no color (one drawing has "000000") does not count.
				if name := a.Name.Local; name != "fill" && name != "stroke" || a.Value == "none" || strings.HasPrefix(a.Value, "#") {
					own[name] = a.Value
				}
			}
			styles = append(styles, own)
			var s shape
			switch t.Name.Local {
			case "g":
				continue
			case "path":
				s.steps, err = path(own["d"])
			case "circle":
				var v [3]float64
				for i, name := range []string{"cx", "cy", "r"} {
					if v[i], err = strconv.ParseFloat(own[name], 64); err != nil {
						return nil, fmt.Errorf("circle: %w", err)
					}
				}
				s.steps, err = path(fmt.Sprintf("M %v %v A %v %v 0 1 1 %v %v A %v %v 0 1 1 %v %v z", v[0]-v[2], v[1], v[2], v[2], v[0]+v[2], v[1], v[2], v[2], v[0]-v[2], v[1]))
			default:
				err = fmt.Errorf("element <%s>", t.Name.Local)
			}
			if err == nil {
				err = transform(s.steps, own["transform"])
			}
			if err == nil {
				s.fill, err = colorOf(own["fill"])
			}
			if err == nil {
				s.stroke, err = colorOf(own["stroke"])
			}
			if err == nil {
				s.width, err = strconv.ParseFloat(own["stroke-width"], 64)
			}
			if err != nil {
				return nil, err
			}
			out = append(out, s)
		}
	}
}

func colorOf(text string) (color.Color, error) {
	if text == "none" {
		return nil, nil
	}
	n, err := strconv.ParseUint(strings.TrimPrefix(text, "#"), 16, 32)
	if err != nil || len(text) != 7 {
		return nil, fmt.Errorf("color %q", text)
	}
	return color.RGBA{uint8(n >> 16), uint8(n >> 8), uint8(n), 255}, nil
}

// words separates the commands and numbers of a path or a transformation.
func words(text string) []string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r == ',' || r == '(' || r == ')':
			b.WriteByte(' ')
		case strings.ContainsRune("MLCAz", r):
			fmt.Fprintf(&b, " %c ", r)
		default:
			b.WriteRune(r)
		}
	}
	return strings.Fields(b.String())
}

func path(d string) ([]step, error) {
	var steps []step
	var at [2]float64
	rest := words(d)
	number := func() (x float64, err error) {
		if len(rest) == 0 {
			return 0, fmt.Errorf("path %q ends early", d)
		}
		x, err = strconv.ParseFloat(rest[0], 64)
		rest = rest[1:]
		return x, err
	}
	for len(rest) > 0 {
		command := rest[0]
		rest = rest[1:]
		n := map[string]int{"M": 2, "L": 2, "C": 6, "A": 7, "z": 0}
		count, ok := n[command]
		if !ok {
			return nil, fmt.Errorf("path %q: command %q", d, command)
		}
		var v [7]float64
		for i := range count {
			var err error
			if v[i], err = number(); err != nil {
				return nil, err
			}
		}
		switch command {
		case "M", "L":
			at = [2]float64{v[0], v[1]}
			steps = append(steps, step{move: command == "M", points: [][2]float64{at}})
		case "C":
			at = [2]float64{v[4], v[5]}
			steps = append(steps, step{points: [][2]float64{{v[0], v[1]}, {v[2], v[3]}, at}})
		case "A":
			to := [2]float64{v[5], v[6]}
			steps = append(steps, arc(at, to, v[0], v[1], v[3] != 0, v[4] != 0)...)
			at = to
		case "z":
			steps = append(steps, step{})
		}
	}
	return steps, nil
}

// arc is a part of an ellipse with axes along x and y as cubic curves (SVG 1.1, F.6.5; rotated axes
// matter only where they differ, and no drawing has that).
func arc(from, to [2]float64, rx, ry float64, large, sweep bool) []step {
	// On the unit circle.
	x0, y0, x1, y1 := from[0]/rx, from[1]/ry, to[0]/rx, to[1]/ry
	dx, dy := (x1-x0)/2, (y1-y0)/2
	half := math.Hypot(dx, dy)
	scale := 1.0
	if half > 1 { // too small an ellipse is made as large as needed
		scale = half
	}
	h := math.Sqrt(max(0, scale*scale-half*half))
	if large == sweep {
		h = -h
	}
	var cx, cy float64
	if half > 0 {
		cx, cy = (x0+x1)/2-dy/half*h, (y0+y1)/2+dx/half*h
	}
	a0, a1 := math.Atan2(y0-cy, x0-cx), math.Atan2(y1-cy, x1-cx)
	switch {
	case sweep && a1 <= a0:
		a1 += 2 * math.Pi
	case !sweep && a1 >= a0:
		a1 -= 2 * math.Pi
	}
	const parts = 4
	delta := (a1 - a0) / parts
	k := 4.0 / 3 * math.Tan(delta/4) * scale
	var steps []step
	for i := range parts {
		a, b := a0+delta*float64(i), a0+delta*float64(i+1)
		on := func(x, y float64) [2]float64 { return [2]float64{x * rx, y * ry} }
		ax, ay := cx+scale*math.Cos(a), cy+scale*math.Sin(a)
		bx, by := cx+scale*math.Cos(b), cy+scale*math.Sin(b)
		steps = append(steps, step{points: [][2]float64{
			on(ax-k*math.Sin(a), ay+k*math.Cos(a)), on(bx+k*math.Sin(b), by-k*math.Cos(b)), on(bx, by),
		}})
	}
	return steps
}

// transform applies "matrix(...)" or "translate(...)".
func transform(steps []step, text string) error {
	if text == "" {
		return nil
	}
	list := words(text)
	var m [6]float64
	n := 0
	for ; n < len(list)-1 && n < 6; n++ {
		x, err := strconv.ParseFloat(list[n+1], 64)
		if err != nil {
			return fmt.Errorf("transformation %q: %w", text, err)
		}
		m[n] = x
	}
	switch {
	case list[0] == "translate" && n == 2:
		m = [6]float64{1, 0, 0, 1, m[0], m[1]}
	case list[0] != "matrix" || n != 6:
		return fmt.Errorf("transformation %q", text)
	}
	for _, s := range steps {
		for i, p := range s.points {
			s.points[i] = [2]float64{m[0]*p[0] + m[2]*p[1] + m[4], m[1]*p[0] + m[3]*p[1] + m[5]}
		}
	}
	return nil
}
