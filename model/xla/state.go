package xla

import "transcend/model"

// stateParts are the parts of a trained state, counted in their order: weights, first
// moments, second moments, averages.
const stateParts = 4

// kept says whether a part of the state has something of a tensor: always its weight, the
// moments that its optimizer has, and the average if there is one.
func kept(train model.TrainConfig, part int, t model.LayoutTensor) bool {
	switch part {
	case 0:
		return true
	case 1, 2:
		return part <= len(train.Moments(t))
	default:
		return train.EMA > 0
	}
}
