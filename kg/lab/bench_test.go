package lab

import (
	"testing"

	"gonum.org/v1/gonum/blas/blas32"

	"transcend/kg/text"
	"transcend/model"
	"transcend/model/blas"
)

// BenchmarkTraining trains a model of the laptop preset's sizes on one thread, its text and packing included: what
// Lab.Estimates goes by.
func BenchmarkTraining(b *testing.B) {
	impl, err := blas.New(blas.Options{Precision: blas.BF16, Threads: 1})
	if err != nil {
		b.Fatal(err)
	}
	blas32.Use(impl)
	c := Cell{
		Name: "x", Group: "x", Seed: 1,
		Graph:    Graph{Scale: 0.03, Seed: 1},
		Team:     Team{Experts: 100, Coverage: 0.2},
		Text:     Text{Level: text.OneTemplate, Apart: true},
		Model:    Model{Layers: 1, Heads: 4, Width: 128, Context: 128},
		Training: Training{Steps: 450, Rows: 64, LearningRate: 0.015, Optimizer: model.OptimizerMuon},
	}
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
