package experiment

import (
	"errors"

	"transcend/analysis/lab"
	"transcend/analysis/lab/judge"
	"transcend/data"
)

// blindfold is experiment 4b.
func blindfold() judge.Experiment {
	return judge.Experiment{Conclude: concludePairs([2]string{headlineGroup, headlineGroup + "-moves"}), Experiment: lab.Experiment{
		Name:  "blindfold",
		About: "models that see the moves against models that see the board, at equal data and compute",
		Help: `The same games, training steps and seeds; one model is shown the moves, as in the paper, the other the
board before each move as well. Whether the blindfold model falls behind because it cannot denoise or because it
cannot track the board shows in agreement and legal moves over the length of the game.`,
		Plan: func(s lab.Settings) ([]lab.Cell, error) {
			if s.Input != "" {
				return nil, errors.New("it compares both inputs: leave --input out")
			}
			p := plan{base: headline(s)}
			p.add(headlineGroup, seeds(s), func(*lab.Cell) {})
			p.base.Headline = false
			p.add(headlineGroup+"-moves", seeds(s), func(c *lab.Cell) { c.Model.Input = data.InputMoves })
			return p.cells, nil
		},
	}}
}
