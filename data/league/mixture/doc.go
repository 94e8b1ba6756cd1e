// Package mixture is what the players of a pool would do on average, exactly.
//
// The distributions of simulated players are known, so the mixture that cross-entropy has as its
// minimum, fbar(y|x) = sum over experts i of g(i|x) f_i(y|x), can be computed in every position, and
// so can its argmax: the ceiling that the theory of transcendence speaks of (Zhang et al. 2024,
// Propositions 1 to 4; Abreu et al. 2025, Theorem 2.1).
//
// A Mixture gives it for a pool, a Belief the weights g(i|x) of a learner who sees the game so
// far, Temper and Texts what a temperature over moves and over characters does to it. Who plays by
// it is called an ideal learner, as errors and players' names say: engine.IdealPlayer plays its
// games, analysis/ideal measures it.
package mixture
