package web

import (
	"encoding/xml"
	"fmt"
	"html/template"
	"io"
	"strings"
	"sync"

	"github.com/notnil/chess"
	"github.com/notnil/chess/image"

	"transcend/internal/bitboard"
)

// squareSize is the width of a square in the units of the drawings, that of
// notnil/chess/image, whose pieces these are.
const squareSize = 45

// pieces is the drawings of the twelve pieces as <symbol>s, once a page: a board
// then refers to them, and takes 2 kB where one of the package's takes 60.
var pieces = sync.OnceValues(func() (template.HTML, error) {
	var out strings.Builder
	out.WriteString(`<svg class="sprite" width="0" height="0" aria-hidden="true" focusable="false">`)
	for _, piece := range []chess.Piece{
		chess.WhiteKing, chess.WhiteQueen, chess.WhiteRook, chess.WhiteBishop, chess.WhiteKnight, chess.WhitePawn,
		chess.BlackKing, chess.BlackQueen, chess.BlackRook, chess.BlackBishop, chess.BlackKnight, chess.BlackPawn,
	} {
		drawing, err := drawingOf(piece)
		if err != nil {
			return "", fmt.Errorf("web: the drawing of %s: %w", piece, err)
		}
		letter := map[chess.PieceType]string{chess.King: "K", chess.Queen: "Q", chess.Rook: "R", chess.Bishop: "B", chess.Knight: "N", chess.Pawn: "P"}[piece.Type()]
		fmt.Fprintf(&out, `<symbol id="%s%s" viewBox="0 0 %d %d">%s</symbol>`, piece.Color(), letter, squareSize, squareSize, drawing)
	}
	out.WriteString("</svg>")
	return template.HTML(out.String()), nil
})

// drawingOf cuts a piece out of a board with nothing else on it: the package's
// own drawings are internal. Styles become attributes, which a content security
// policy without inline styles permits.
func drawingOf(piece chess.Piece) (string, error) {
	var svg strings.Builder
	board := chess.NewBoard(map[chess.Square]chess.Piece{chess.A8: piece})
	if err := image.SVG(&svg, board); err != nil {
		return "", err
	}
	var out strings.Builder
	inside := 0 // depth below the piece's own <svg>
	d := xml.NewDecoder(strings.NewReader(svg.String()))
	for {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			return "", err
		}
		switch t := token.(type) {
		case xml.StartElement:
			if inside == 0 {
				if _, ok := attribute(t, "viewBox"); ok && t.Name.Local == "svg" {
					inside = 1
				}
				continue
			}
			inside++
			out.WriteString("<" + t.Name.Local)
			for _, a := range t.Attr {
				if a.Name.Local != "style" {
					writeAttribute(&out, a.Name.Local, a.Value)
					continue
				}
				for declaration := range strings.SplitSeq(a.Value, ";") {
					if name, value, ok := strings.Cut(declaration, ":"); ok {
						writeAttribute(&out, strings.TrimSpace(name), strings.TrimSpace(value))
					}
				}
			}
			out.WriteString(">")
		case xml.EndElement:
			if inside > 0 {
				if inside--; inside > 0 {
					out.WriteString("</" + t.Name.Local + ">")
				}
			}
		}
	}
	if out.Len() == 0 {
		return "", fmt.Errorf("there is none in %d bytes of SVG", svg.Len())
	}
	return out.String(), nil
}

func attribute(e xml.StartElement, name string) (string, bool) {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value, true
		}
	}
	return "", false
}

func writeAttribute(out *strings.Builder, name, value string) {
	fmt.Fprintf(out, ` %s="%s"`, name, template.HTMLEscapeString(strings.Join(strings.Fields(value), " ")))
}

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
