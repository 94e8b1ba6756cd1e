package main

import (
	"fmt"
	"runtime"
	"time"

	"gonum.org/v1/gonum/blas/blas32"

	"transcend/internal/cli"
	"transcend/model"
	"transcend/model/blas"
)

// precisions are the values of --precision.
var precisions = []string{"auto", model.PrecisionBF16, model.PrecisionF32}

// resolvePrecision checks a value of --precision against what this CPU has and
// replaces auto by what it is fastest at. Without AMX that is measured,
// because CPUs that have the same instructions differ: VDPBF16PS does twice the
// work of a float32 FMA on some and half of it on others.
func resolvePrecision(name string) (string, error) {
	if err := cli.OneOf("precision", name, precisions...); err != nil {
		return "", err
	}
	impl, err := blas.New(blas.Options{Precision: blas.BF16})
	if err != nil {
		return "", err
	}
	has := impl.Precision() == blas.BF16
	switch {
	case name == model.PrecisionBF16 && !has:
		return "", cli.WithHint(cli.Usagef("--precision bf16: the kernels in use here (%v) do not have it", impl.Level()),
			"--precision f32, or auto")
	case name != "auto":
		return name, nil
	case !has:
		return model.PrecisionF32, nil
	case impl.BF16Fast():
		return model.PrecisionBF16, nil
	}
	const during = 10 * time.Millisecond
	if blas.Peak(impl.Level(), blas.BF16, 1, during) > 1.2*blas.Peak(impl.Level(), blas.F32, 1, during) {
		return model.PrecisionBF16, nil
	}
	return model.PrecisionF32, nil
}

// useProducts puts matrix products of a precision, which "" leaves at float32, and
// a number of threads in place.
func useProducts(precision string, threads int) error {
	o := blas.Options{}
	if precision == model.PrecisionBF16 {
		o.Precision = blas.BF16
	}
	impl, err := blas.New(o)
	if err != nil {
		return err
	}
	if impl.Precision() != o.Precision {
		return cli.WithHint(fmt.Errorf("the products of this run are in bf16, which the kernels in use here (%v) do not have", impl.Level()),
			"continue it on a CPU with AMX or AVX-512 BF16, or begin a new run with --precision f32")
	}
	runtime.GOMAXPROCS(threads)
	blas32.Use(impl)
	return nil
}
