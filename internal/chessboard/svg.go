package chessboard

import (
	"encoding/xml"
	"fmt"
	"html"
	"io"
	"strings"

	"github.com/notnil/chess"
	"github.com/notnil/chess/image"

	"transcend/internal/bitboard"
)

// Square is the width of a square in the units of the drawings.
const Square = 45

// SVG is the drawing of a piece in a square of Square by Square units, y downwards, as elements
// without their <svg>. It is cut out of a board of notnil/chess/image with nothing else on it: that
// package's own drawings are internal. Styles become attributes, which a content security policy without inline
// styles permits.
func SVG(p bitboard.Piece) (string, error) {
	drawing, err := cut(oracle(p))
	if err != nil {
		return "", fmt.Errorf("chessboard: the drawing of %v: %w", p, err)
	}
	return drawing, nil
}

// oracle is a piece of the other package.
func oracle(p bitboard.Piece) chess.Piece {
	kinds := map[bitboard.PieceType][2]chess.Piece{
		bitboard.King: {chess.WhiteKing, chess.BlackKing}, bitboard.Queen: {chess.WhiteQueen, chess.BlackQueen}, bitboard.Rook: {chess.WhiteRook, chess.BlackRook},
		bitboard.Bishop: {chess.WhiteBishop, chess.BlackBishop}, bitboard.Knight: {chess.WhiteKnight, chess.BlackKnight}, bitboard.Pawn: {chess.WhitePawn, chess.BlackPawn},
	}
	return kinds[p.Type()][p.Color()]
}

func cut(piece chess.Piece) (string, error) {
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
	fmt.Fprintf(out, ` %s="%s"`, name, html.EscapeString(strings.Join(strings.Fields(value), " ")))
}
