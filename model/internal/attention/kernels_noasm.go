//go:build noasm || !amd64

package attention

import "transcend/model/blas"

func kernelsOf(blas.Level) *kernels { return &plain }
