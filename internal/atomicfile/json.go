package atomicfile

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"transcend/internal/cli"
)

// ReadJSON reads a file that WriteJSON wrote and that can be made again; false where there is none.
func ReadJSON(path string, into any) (bool, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err == nil {
		err = json.Unmarshal(b, into)
	}
	if err != nil {
		return false, cli.WithHint(fmt.Errorf("reading %s: %w", path, err), "delete it: it is made again")
	}
	return true, nil
}

// WriteJSON replaces a file by value, indented.
func WriteJSON(path string, value any) error {
	b, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return WriteBytes(path, 0o644, append(b, '\n'))
}
