// Package blas is a blas.Float32 for gonum whose Sgemm runs on assembly kernels:
//
//	impl, err := blas.New(blas.Options{})
//	if err != nil { ... }
//	blas32.Use(impl)
//
// The kernels are AMX tiles and AVX-512 with bf16 inputs and float32 accumulation,
// AVX-512 in float32, and AVX2 with FMA, chosen by what the CPU and the operating
// system support. On other CPUs, and under the build tag noasm, everything is gonum's own.
//
// # Numbers
//
// A result depends on the operands, their shape and the chosen kernels, never on
// the number of threads: an element of C is summed over k in one fixed order,
// whichever thread and tile it falls to.
//
// In float32 an element carries the error of a sum of k products,
// |error| <= gamma(k+2) * (|alpha| |A||B| + |beta| |C|), gamma(n) = nu/(1-nu),
// u = 2^-24 (Higham, Accuracy and Stability of Numerical Algorithms, section 3.5).
// With [BF16] both factors of a product are first rounded to bf16, which adds
// (2v+v²) |alpha| |A||B| with v = 2^-8; magnitudes that bf16 cannot hold behave as
// on the hardware: subnormals count as zero, and values beyond 3.39e38 become
// infinite. On AMX subnormal sums count as zero as well, in C with beta = 1 too, rounding
// is to nearest even whatever the mode of the thread, and the error of a sum of k
// products is below gamma(k/32+20) instead of gamma(k+2): TDPBF16PS adds 16 products in
// each of two chains before it adds them to the element. Products with fewer than
// 32 rows or columns stay in float32, and so do those of fewer than 131,072
// multiply-adds or 16 values of k on AMX and of fewer than half a million on
// AVX-512: they do not gain.
//
// Sgemm keeps to the reference BLAS where gonum's own differs: NaN and Inf in A or
// B propagate even against zeros, alpha = 0 or k = 0 reads neither A nor B, and
// beta = 0 overwrites C whatever it held. C must not overlap A or B.
package blas

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"gonum.org/v1/gonum/blas/gonum"
)

//go:generate go -C gen run . -out ../kernels_amd64.s -stubs ../kernels_amd64.go -pkg blas

// EnvLevel names the environment variable that [New] reads where Options.Level is
// Auto: "gonum", "avx2", "avx512", "avx512bf16" or "amx".
const EnvLevel = "TRANSCEND_BLAS"

// Level is an instruction set to run on. Each includes the ones before it.
type Level uint8

// The levels, from what is chosen by the CPU to the most demanding.
const (
	Auto       Level = iota // the highest that the CPU has
	Gonum                   // gonum's own code
	AVX2                    // AVX2, FMA3 and BMI2
	AVX512                  // AVX-512 F, BW, DQ and VL
	AVX512BF16              // AVX-512 BF16
	AMX                     // AMX-TILE and AMX-BF16, where the kernel permits them
)

var levelNames = [...]string{"auto", "gonum", "avx2", "avx512", "avx512bf16", "amx"}

// Levels lists all levels but Auto, the least demanding first: those that there are, of
// which the CPU has the ones up to [Supported].
func Levels() []Level {
	var all []Level
	for i := range levelNames[1:] {
		all = append(all, Level(i+1))
	}
	return all
}

// String returns the level's name as [ParseLevel] reads it.
func (l Level) String() string {
	if int(l) < len(levelNames) {
		return levelNames[l]
	}
	return fmt.Sprintf("Level(%d)", uint8(l))
}

// ParseLevel returns the level of that name; case does not matter.
func ParseLevel(name string) (Level, error) {
	for i, s := range levelNames {
		if strings.EqualFold(name, s) {
			return Level(i), nil
		}
	}
	return Auto, fmt.Errorf("blas: unknown level %q (known: %s)", name, strings.Join(levelNames[:], ", "))
}

// Precision is how the factors of a product are held.
type Precision uint8

const (
	F32  Precision = iota // float32 throughout
	BF16                  // factors rounded to bf16, sums in float32, where the level has it
)

// String returns "f32" or "bf16".
func (p Precision) String() string {
	switch p {
	case F32:
		return "f32"
	case BF16:
		return "bf16"
	}
	return fmt.Sprintf("Precision(%d)", uint8(p))
}

// ErrUnsupported is wrapped by the error of [New] for a level that this CPU, its
// operating system or this build does not have.
var ErrUnsupported = errors.New("not supported here")

// Options chooses the kernels. The zero value is float32 on the best the CPU has.
type Options struct {
	// Level forces an instruction set. Auto takes that of the environment
	// variable TRANSCEND_BLAS and, where that is unset, the best there is.
	Level Level
	// Precision BF16 takes effect from level AVX512BF16 on; below, products
	// stay in float32. Implementation.Precision tells which it is, and
	// Implementation.BF16Fast whether it gains.
	Precision Precision
	// Threads bounds the goroutines that share one product and, together, all
	// products of the Implementation that run at the same time. 0 is GOMAXPROCS
	// at the time of the call.
	Threads int
}

// Implementation is gonum's blas.Float32 with faster matrix products. The zero
// value is gonum's own. It is safe for concurrent use; copies share their
// buffers, which grow to the largest product seen and stay.
type Implementation struct {
	gonum.Implementation
	e *engine
}

// New returns an implementation that runs on the chosen kernels.
func New(o Options) (Implementation, error) {
	if o.Threads < 0 {
		return Implementation{}, fmt.Errorf("blas: %d threads: must not be negative", o.Threads)
	}
	if o.Precision > BF16 {
		return Implementation{}, fmt.Errorf("blas: unknown precision %v", o.Precision)
	}
	level, source := o.Level, "options"
	if level == Auto {
		if s := os.Getenv(EnvLevel); s != "" {
			var err error
			if level, err = ParseLevel(s); err != nil {
				return Implementation{}, fmt.Errorf("environment variable %s: %w", EnvLevel, err)
			}
			source = "environment variable " + EnvLevel
		}
	}
	best := Supported()
	if level == Auto {
		level = best
	}
	if level > best {
		why := missing(level)
		if why != "" {
			why = " (" + why + ")"
		}
		return Implementation{}, fmt.Errorf("blas: level %v of %s: %w%s; the best here is %v", level, source, ErrUnsupported, why, best)
	}
	return Implementation{e: newEngine(level, o.Precision, o.Threads)}, nil
}

// Level returns the instruction set in use.
func (impl Implementation) Level() Level {
	if impl.e == nil {
		return Gonum
	}
	return impl.e.level
}

// Precision returns how the factors of large products are held.
func (impl Implementation) Precision() Precision {
	if impl.e == nil || impl.e.bf16 == nil && impl.e.tiles == nil {
		return F32
	}
	return BF16
}

// BF16Fast reports whether large products gain from [BF16] at this level: what a choice of
// "auto" should go by. It is true for AMX, whose tiles do more than ten times the float32
// multiply-adds a second; not for AVX512BF16, because VDPBF16PS does half of them on
// Sapphire Rapids. It depends on the level alone and not on Options.Precision.
func (impl Implementation) BF16Fast() bool { return impl.Level() >= AMX }
