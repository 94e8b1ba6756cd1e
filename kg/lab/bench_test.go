package lab

import (
	"testing"

	"gonum.org/v1/gonum/blas/blas32"

	"transcend/model"
	"transcend/model/blas"
)

// BenchmarkTraining trains the laptop preset's model on one thread, its text and packing included: what
// Lab.Estimates goes by.
func BenchmarkTraining(b *testing.B) {
	impl, err := blas.New(blas.Options{Precision: blas.BF16, Threads: 1})
	if err != nil {
		b.Fatal(err)
	}
	blas32.Use(impl)
	s := Settings{Preset: PresetLaptop}
	c := s.Base()
	s.apart(&c)
	c.Name, c.Group, c.Seed, c.Team.Experts, c.Team.Coverage = "x", "x", 1, 100, 0.2
	l := &Lab{Dir: b.TempDir(), Precision: model.PrecisionBF16}
	setup, err := l.Setup(b.Context(), &c)
	if err != nil {
		b.Fatal(err)
	}
	src, err := setup.source(&Experiment{Name: "bench"}, c.Model.Context)
	if err != nil {
		b.Fatal(err)
	}
	trainer, err := l.newTrainer(setup, src)
	if err != nil {
		b.Fatal(err)
	}
	trainer.SetThreads(1)
	tokens := 0
	for b.Loop() {
		stats, err := trainer.Step()
		if err != nil {
			b.Fatal(err)
		}
		tokens += stats.Tokens
	}
	rate := float64(tokens) / b.Elapsed().Seconds()
	b.ReportMetric(rate, "tok/s")
	b.ReportMetric(rate*trainer.Model().Config().FLOPsPerToken(c.Model.Context)/1e9, "GFLOP/s")
}
