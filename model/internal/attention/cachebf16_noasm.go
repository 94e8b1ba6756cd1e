//go:build noasm || !amd64

package attention

// halfOf returns the kernels for caches in bf16 that go with k.
func halfOf(*kernels) *halfKernels { return &plainHalf }
