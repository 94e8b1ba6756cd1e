package data

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"transcend/data/filter"
)

// Provenance says where the games of a corpus came from.
type Provenance struct {
	Program string        `json:"program,omitempty"` // version of the program that read the sources
	Sources []Source      `json:"sources,omitempty"`
	Filter  filter.Filter `json:"filter"`
	Limit   int           `json:"limit,omitempty"` // reading ended when so many games were kept; 0: no limit
	Report  filter.Report `json:"report"`
}

// Source is a file or stream that games were read from.
type Source struct {
	Name   string `json:"name"`             // without its directory
	URL    string `json:"url,omitempty"`    // where it was fetched from
	Size   int64  `json:"size"`             // bytes, as stored: compressed; 0 when it is not known
	SHA256 string `json:"sha256,omitempty"` // of those bytes, hexadecimal; "" when they were not read to the end
	// Verified says that the server lists this SHA-256 for the file.
	Verified bool `json:"verified,omitempty"`
	// Read is how many bytes were read of a source that was not read to its end,
	// because enough games were found or because it is cut off. The games may come
	// from less: reading is ahead of them.
	Read int64 `json:"read,omitempty"`
	// Scale is that of the ratings of games that simulated players played for this, "" of games that
	// were read.
	Scale string `json:"scale,omitempty"`
}

// Simulated says that the games were played by simulated players for this. Of sources from before
// they had a Scale, their name tells.
func (s *Source) Simulated() bool { return s.Scale != "" || strings.HasPrefix(s.Name, "league pool=") }

// FileSource describes a file, which it reads to its end.
func FileSource(path string) (Source, error) {
	f, err := os.Open(path)
	if err != nil {
		return Source{}, fmt.Errorf("data: describing a source: %w", err)
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	if err != nil {
		return Source{}, fmt.Errorf("data: describing the source %s: %w", path, err)
	}
	return Source{Name: filepath.Base(path), Size: n, SHA256: hex.EncodeToString(h.Sum(nil))}, nil
}
