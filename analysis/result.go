package analysis

import (
	"io"

	"transcend/internal/figure"
)

// Result is what an analysis comes to. Encoded as JSON, it is all of it.
type Result interface {
	// WriteText writes a table for people, with what is doubtful said.
	WriteText(w io.Writer) error
	// Pictures may be none.
	Pictures() []figure.Picture
}
