package web

import (
	"fmt"
	"html/template"
	"strings"
	"sync"

	"transcend/internal/bitboard"
	"transcend/internal/chessboard"
)

// squareSize is the width of a square in the units of the drawings.
const squareSize = chessboard.Square

// pieces is the drawings of the twelve pieces as <symbol>s, once a page: a board
// then refers to them, and takes 2 kB where one of the package's takes 60.
var pieces = sync.OnceValues(func() (template.HTML, error) {
	var out strings.Builder
	out.WriteString(`<svg class="sprite" width="0" height="0" aria-hidden="true" focusable="false">`)
	for _, color := range []bitboard.Color{bitboard.White, bitboard.Black} {
		for _, kind := range []bitboard.PieceType{bitboard.King, bitboard.Queen, bitboard.Rook, bitboard.Bishop, bitboard.Knight, bitboard.Pawn} {
			piece := bitboard.NewPiece(color, kind)
			drawing, err := chessboard.SVG(piece)
			if err != nil {
				return "", fmt.Errorf("web: %w", err)
			}
			fmt.Fprintf(&out, `<symbol id="%s" viewBox="0 0 %d %d">%s</symbol>`, symbol(piece), squareSize, squareSize, drawing)
		}
	}
	out.WriteString("</svg>")
	return template.HTML(out.String()), nil
})

// arrow is a move drawn over a board.
type arrow struct{ from, to bitboard.Square }

// drawBoard is a position with the squares of the last move marked, and arrows
// for moves that were not possible. The text of the label says the same.
func drawBoard(p *bitboard.Position, last bitboard.Move, arrows ...arrow) template.HTML {
	var out strings.Builder
	fmt.Fprintf(&out, `<svg class="board" viewBox="0 0 360 360" role="img" aria-label="%s"><rect class="light" width="360" height="360"/><path class="dark" d="`,
		template.HTMLEscapeString(describe(p, last)))
	for rank := range 8 {
		for file := range 8 {
			if (rank+file)%2 == 1 {
				fmt.Fprintf(&out, "M%d %dh45v45h-45z", file*squareSize, rank*squareSize)
			}
		}
	}
	out.WriteString(`"/><g class="marks">`)
	if last != bitboard.NoMove {
		for _, s := range []bitboard.Square{last.From(), last.To()} {
			x, y := corner(s)
			fmt.Fprintf(&out, `<rect x="%d" y="%d" width="45" height="45"/>`, x, y)
		}
	}
	out.WriteString(`</g><g class="coordinates">`)
	for i := range 8 {
		fmt.Fprintf(&out, `<text x="2" y="%d">%d</text><text x="%d" y="357" text-anchor="end">%c</text>`, i*squareSize+11, 8-i, (i+1)*squareSize-2, 'a'+rune(i))
	}
	out.WriteString(`</g><g class="pieces">`)
	for s := range bitboard.Square(64) {
		if piece := p.PieceAt(s); piece != bitboard.NoPiece {
			x, y := corner(s)
			fmt.Fprintf(&out, `<use href="#%s" x="%d" y="%d" width="45" height="45"/>`, symbol(piece), x, y)
		}
	}
	out.WriteString(`</g><g class="arrows">`)
	for _, a := range arrows {
		x1, y1 := corner(a.from)
		x2, y2 := corner(a.to)
		const half = squareSize / 2
		fmt.Fprintf(&out, `<line x1="%d" y1="%d" x2="%d" y2="%d"/><circle cx="%d" cy="%d" r="7"/>`, x1+half, y1+half, x2+half, y2+half, x2+half, y2+half)
	}
	out.WriteString(`</g></svg>`)
	return template.HTML(out.String())
}

// corner is the upper left corner of a square, White below.
func corner(s bitboard.Square) (x, y int) {
	return int(s) % 8 * squareSize, (7 - int(s)/8) * squareSize
}

func symbol(p bitboard.Piece) string {
	color := "w"
	if p.Color() == bitboard.Black {
		color = "b"
	}
	return color + p.Type().String()
}

// describe is a position in words, for those who do not see the drawing.
func describe(p *bitboard.Position, last bitboard.Move) string {
	var out strings.Builder
	if last != bitboard.NoMove {
		fmt.Fprintf(&out, "Last move from %s to %s. ", last.From(), last.To())
	}
	for _, c := range []bitboard.Color{bitboard.White, bitboard.Black} {
		name := "White"
		if c == bitboard.Black {
			name = "Black"
		}
		out.WriteString(name + ":")
		for _, kind := range []bitboard.PieceType{bitboard.King, bitboard.Queen, bitboard.Rook, bitboard.Bishop, bitboard.Knight, bitboard.Pawn} {
			for i := range 64 { // from a8, as FEN and the script go
				s := bitboard.NewSquare(i%8, 7-i/8)
				if p.PieceAt(s) == bitboard.NewPiece(c, kind) {
					letter := kind.String()
					if kind == bitboard.Pawn {
						letter = ""
					}
					fmt.Fprintf(&out, " %s%s", letter, s)
				}
			}
		}
		out.WriteString(". ")
	}
	if p.SideToMove() == bitboard.White {
		out.WriteString("White to move.")
	} else {
		out.WriteString("Black to move.")
	}
	return out.String()
}
