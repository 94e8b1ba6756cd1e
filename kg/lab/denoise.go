package lab

// Experiment 1 of Abreu et al. (2025): skill denoising.

import (
	"fmt"
)

// Denoise is experiment 1.
func Denoise() Experiment {
	return Experiment{
		Name:  "denoise",
		About: "experts who err independently: does the model answer better than each of them?",
		Help:  `x`,
		Plan: func(s Settings) ([]Cell, error) {
			experts, coverage := s.Experts, s.Coverage
			if experts == nil {
				experts = []int{1, 10, 100, 1000}
			}
			if coverage == nil {
				coverage = []float64{0.1, 0.2, 0.4, 0.6, 0.8}
			}
			var cells []Cell
			for _, n := range experts {
				for _, share := range coverage {
					c := s.Base()
					c.Name = fmt.Sprintf("n%d-c%g", n, share)
					c.Team.Experts, c.Team.Coverage = n, share
					cells = append(cells, Repeat(c, s.SeedCount())...)
				}
			}
			return cells, nil
		},
	}
}

// Select is experiment 2.
func Select() Experiment {
	return Experiment{
		Name:  "select",
		About: "experts of a few areas each: does the model know what all of them know?",
		Help:  `x`,
		Plan: func(s Settings) ([]Cell, error) {
			var cells []Cell
			for _, n := range s.Experts {
				for _, share := range s.Coverage {
					for _, alpha := range s.Alpha {
						c := s.Base()
						c.Graph.Clusters = s.Clusters(&c)
						c.Name = fmt.Sprintf("n%d-c%g-a%g", n, share, alpha)
						c.Team.Experts, c.Team.Specialists, c.Team.Alpha = n, share, alpha
						cells = append(cells, Repeat(c, s.SeedCount())...)
					}
				}
			}
			return cells, nil
		},
	}
}
