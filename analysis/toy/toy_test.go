package toy

import (
	"context"
	"encoding/json"
	"math"
	"strings"
	"testing"

	"transcend/internal/figure"
)

func small() Options {
	o := Default()
	o.Points, o.Test, o.Seeds, o.Epochs = 3000, 2000, 3, 8
	o.Sigmas, o.Shares = []float64{0.05, 1}, []float64{0, 0.5, 1}
	return o
}

// TestShape is what the paper's Figure 7 shows, and what it leaves out: experts that err as often but alike.
func TestShape(t *testing.T) {
	o := small()
	if err := o.Validate(); err != nil {
		t.Fatal(err)
	}
	var outcomes []*Outcome
	for _, c := range o.Cells() {
		x, err := o.Run(context.Background(), 1, c)
		if err != nil {
			t.Fatal(err)
		}
		outcomes = append(outcomes, x)
	}
	r := NewReport(o, outcomes)
	cold := r.coldest()
	find := func(sigma, share float64) *Row {
		for i := range r.Rows {
			if r.Rows[i].Sigma == sigma && r.Rows[i].Share == share {
				return &r.Rows[i]
			}
		}
		t.Fatal("no such row")
		return nil
	}
	diverse, alike, sure := find(1, 0), find(1, 1), find(0.05, 0)
	if diverse.Above[cold].Low <= 0 {
		t.Errorf("diverse experts: %+v", diverse.Above[cold])
	}
	if hot := diverse.Above[len(diverse.Above)-1]; hot.High >= 0 {
		t.Errorf("diverse experts at a high temperature: %+v", hot)
	}
	if alike.Above[cold].Value > 0.002 || alike.Disagreement.Value != 0 || alike.Shared.Value != 1 {
		t.Errorf("experts that are one: %+v, disagreement %v", alike.Above[cold], alike.Disagreement)
	}
	if sure.Above[cold].Low > 0 {
		t.Errorf("experts that hardly err were transcended: %+v", sure.Above[cold])
	}
	// The error rate is sigma's alone.
	if d := diverse.Error.Value - alike.Error.Value; math.Abs(d) > 0.03 {
		t.Errorf("error rates %v and %v should be the same in law", diverse.Error, alike.Error)
	}
	half := find(1, 0.5) // shares of the variance: of the deviations they would make a rate of 0.53 instead of 0.57
	if d := half.Error.Value - diverse.Error.Value; math.Abs(d) > 0.025 {
		t.Errorf("error rates %v and %v should be the same in law", half.Error, diverse.Error)
	}
	if half.Disagreement.Value <= 0.1 || half.Disagreement.Value >= diverse.Disagreement.Value-0.05 {
		t.Errorf("disagreement %v with half of the variance shared, %v with none", half.Disagreement, diverse.Disagreement)
	}
	if diverse.MixtureAbove[cold].Value <= 0 || math.Abs(alike.MixtureAbove[cold].Value) > 1e-12 {
		t.Errorf("exact mixtures: %v above, %v", diverse.MixtureAbove[cold].Value, alike.MixtureAbove[cold].Value)
	}
	again, err := o.Run(context.Background(), 1, o.Cells()[0])
	if err != nil || again.Model[0] != outcomes[0].Model[0] || again.Error != outcomes[0].Error {
		t.Errorf("the same cell came out otherwise: %v, %v", again, outcomes[0])
	}
	var b strings.Builder
	if err := r.WriteText(&b); err != nil || strings.Count(b.String(), "\n") < 9 {
		t.Errorf("table: error %v\n%s", err, b.String())
	}
	if _, err := figure.WriteAll(t.TempDir(), r.Pictures()); err != nil {
		t.Error(err)
	}
}

// TestExperts counts by hand: two experts, four points.
func TestExperts(t *testing.T) {
	o := Options{Classes: 3, Temperatures: []float64{0, 1}}
	x := o.experts([]uint8{0, 0, 1, 2}, [][]uint8{{0, 1, 1, 0}, {0, 1, 2, 2}})
	// Errors: first at 1 and 3, second at 1 and 2; alike at 1. They differ at 2 and 3.
	if x.Error != 0.5 || x.Best != 0.5 || x.Disagreement != 0.5 || x.Shared != 0.5 {
		t.Errorf("%+v", x)
	}
	if x.Mixture[1] != 0.5 || x.Mixture[0] != 0.5 {
		t.Errorf("mixture %v", x.Mixture)
	}
}

func TestEstimate(t *testing.T) {
	// 1, 2, 3: mean 2, deviation 1, Student's 4.303 with two degrees of freedom.
	x := estimate([]float64{1, 2, 3})
	if half := 4.302653 / math.Sqrt(3); math.Abs(x.Low-(2-half)) > 1e-5 || math.Abs(x.High-(2+half)) > 1e-5 {
		t.Errorf("%+v", x)
	}
	b, err := json.Marshal(Mean(estimate([]float64{1})))
	if err != nil || !strings.Contains(string(b), `"low":null`) {
		t.Errorf("of one seed %s, %v", b, err)
	}
}

func TestValidate(t *testing.T) {
	for name, spoil := range map[string]func(o *Options){
		"dim": func(o *Options) { o.Dim = 0 }, "dims": func(o *Options) { o.Dim = 10_001 }, "many classes": func(o *Options) { o.Classes = 256 },
		"expert": func(o *Options) { o.Experts = 0 }, "experts": func(o *Options) { o.Experts = 1001 }, "epochs": func(o *Options) { o.Epochs = 0 },
		"classes": func(o *Options) { o.Classes = 1 }, "points": func(o *Options) { o.Points = 0 }, "memory": func(o *Options) { o.Points = 1 << 40 },
		"sigma": func(o *Options) { o.Sigmas[0] = math.NaN() }, "share": func(o *Options) { o.Shares[0] = 1.1 },
		"temperature": func(o *Options) { o.Temperatures[0] = -1 }, "none": func(o *Options) { o.Sigmas = nil }, "seeds": func(o *Options) { o.Seeds = 0 },
	} {
		o := Default()
		spoil(&o)
		if o.Validate() == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	o := Default()
	o.Dim, o.Classes, o.Experts, o.Points, o.Test, o.Seeds, o.Epochs = 1, 2, 1, 1, 1, 1, 1
	if err := o.Validate(); err != nil {
		t.Errorf("the smallest: %v", err)
	}
	o.Dim, o.Classes, o.Experts, o.Points, o.Test = 10_000, 255, 1000, 100, 100
	if err := o.Validate(); err != nil {
		t.Errorf("the largest: %v", err)
	}
}
