package data

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Provenance says where the games of a corpus came from.
type Provenance struct {
	Program string       `json:"program,omitempty"` // version of the program that read the sources
	Sources []Source     `json:"sources,omitempty"`
	Filter  Filter       `json:"filter"`
	Report  FilterReport `json:"report"`
}

// Source is a file that games were read from.
type Source struct {
	Name   string `json:"name"`   // without its directory
	Size   int64  `json:"size"`   // bytes, as stored: compressed
	SHA256 string `json:"sha256"` // of those bytes, hexadecimal
}

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
