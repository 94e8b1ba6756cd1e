package atomicfile

import (
	"errors"
	"syscall"
)

// syncUnsupported reports that a file system has no fsync for directories;
// there the rename is as durable as it can be made.
func syncUnsupported(err error) bool {
	return errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported)
}
