// Package ideal measures what a learner without limits would make of the games of a pool.
//
// Such a learner plays by the exact mixture of the pool's players (data/league/mixture), at a
// temperature. Evaluate compares it with the players, the experts, and with models in positions of the
// pool's own games, by the reward that a Judge gives every move. All of it are exact expectations;
// intervals (Estimate) are over the choice of games. A Summary is what reports show of it.
package ideal
