package compute

import (
	"fmt"
	"runtime"
	"time"

	"gonum.org/v1/gonum/blas/blas32"

	"transcend/internal/cli"
	"transcend/model"
	"transcend/model/blas"
	"transcend/model/xla"
)

// Precision checks a value of --precision against what there is on a device, the zero value being the
// CPU, and replaces auto by what that is fastest at: on a GPU bf16.
func Precision(on xla.Device, name string) (string, error) {
	if err := cli.OneOf("precision", name, "auto", model.PrecisionBF16, model.PrecisionF32); err != nil {
		return "", err
	}
	switch {
	case on.Kind == "" || on.Kind == xla.CPU:
		return precisionHere(name)
	case name != "auto":
		return name, nil
	case on.Kind == xla.CUDA:
		return model.PrecisionBF16, nil
	}
	return model.PrecisionF32, nil
}

// precisionHere is Precision for this CPU. Without AMX auto is measured,
// because CPUs that have the same instructions differ: VDPBF16PS does twice the
// work of a float32 FMA on some and half of it on others.
func precisionHere(name string) (string, error) {
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

// UseProducts makes the program run on a number of threads, with matrix products of a precision, as in
// UseProductsOn, on all of them.
func UseProducts(precision string, threads int) error {
	if err := UseProductsOn(0, precision); err != nil {
		return err
	}
	runtime.GOMAXPROCS(threads)
	return nil
}

// UseProductsOn puts matrix products of a precision, which "" leaves at float32, in place for the whole
// process, each on that many threads; 0 is all that the program runs on.
func UseProductsOn(threads int, precision string) error {
	o := blas.Options{Threads: threads}
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
	blas32.Use(impl)
	return nil
}
