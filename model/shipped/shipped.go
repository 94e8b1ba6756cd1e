// Package shipped holds the model that comes with the program, so that there is something to
// play with before anything was trained. What it is, card.json says.
//
// Another one takes its place by
//
//	chesstrain export --model RUN --out model/shipped/files [--rating FILE]
package shipped

import (
	"embed"
	"io/fs"
)

// Name is what the model is called where a directory is asked for.
const Name = "shipped"

// Limit is how many bytes all files together may have: they are part of every program that can
// play, and of the repository for good.
const Limit = 12 << 20

//go:embed files
var files embed.FS

// Open returns the files of the checkpoint, as chesstrain export writes them.
func Open() fs.FS {
	sub, err := fs.Sub(files, "files")
	if err != nil {
		panic(err) // the name is valid
	}
	return sub
}
