//go:build noasm || !amd64

package vec

import "transcend/model/blas"

func kernelsOf(blas.Level) *kernels { return &plain }
