// Package favor measures what a lower temperature gains move by move (Zhang et al. 2024, the
// analysis of "favor"): the expected reward of a model's moves at each temperature in the same
// positions, where the reward of a move is the mover's probability to win after it by the score of a
// stronger engine.
//
// Positions are those that the model comes to at a low temperature. For each the model's whole
// distribution over the legal moves is taken, so that the only sample is the positions;
// drawing moves, as the paper does, is there to compare. Scores are kept in a Cache.
//
// What the released code does and this package shows beside its own reading: moves that are not
// legal count as rewards of 0, so that a model that finds legal moves more often at a low
// temperature gains by that alone; and positions are resampled one by one, although those of one game are
// alike.
package favor
