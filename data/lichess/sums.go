package lichess

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// sumsFile is the server's list of checksums, as sha256sum writes it.
const sumsFile = "sha256sums.txt"

// maxSums is the largest list that is read. Twenty years of months are 25 KB.
const maxSums = 1 << 20

// errNoSum is wrapped when the server has no checksum for a file, which is another
// thing than when it could not be asked.
var errNoSum = errors.New("the server has no checksum for it")

// sum asks the server for the SHA-256 of the file name, in hexadecimal.
func (f *fetcher) sum(ctx context.Context, url, name string) (string, error) {
	c, err := f.get(ctx, url, nil)
	var status *StatusError
	if errors.As(err, &status) && (status.Status == http.StatusNotFound || status.Status == http.StatusGone) {
		return "", fmt.Errorf("%w: there is no %s (status %d)", errNoSum, url, status.Status)
	}
	if err != nil {
		return "", err
	}
	defer c.close()
	list, err := io.ReadAll(io.LimitReader(c, maxSums+1))
	if err != nil {
		return "", err
	}
	if len(list) > maxSums {
		return "", fmt.Errorf("%w: %s has more than %d bytes, that is no list of checksums", errNoSum, url, maxSums)
	}
	sum, err := findSum(list, name)
	if err != nil {
		return "", fmt.Errorf("%w: %s: %w", errNoSum, url, err)
	}
	return sum, nil
}

// findSum returns the checksum of a file in a list as sha256sum writes it: 64
// hexadecimal digits, a space, a space or "*" and the name. Lines for other files
// may be anything.
func findSum(list []byte, name string) (string, error) {
	found := ""
	lines := bufio.NewScanner(bytes.NewReader(list))
	lines.Buffer(nil, maxSums+1)
	for lines.Scan() {
		sum, file, ok := strings.Cut(strings.TrimRight(lines.Text(), " \t\r"), " ")
		if !ok || strings.TrimPrefix(strings.TrimLeft(file, " *"), "./") != name {
			continue
		}
		if b, err := hex.DecodeString(sum); err != nil || len(b) != 32 {
			return "", fmt.Errorf("the line for %s holds no SHA-256", name)
		}
		sum = strings.ToLower(sum)
		if found != "" && sum != found {
			return "", fmt.Errorf("there are two different lines for %s", name)
		}
		found = sum
	}
	if err := lines.Err(); err != nil {
		return "", err
	}
	if found == "" {
		return "", fmt.Errorf("there is no line for %s", name)
	}
	return found, nil
}
