// Package league plays chess between simulated players whose skill and errors are
// known exactly.
//
// A Player is a search (package search) with error models: noise, temperature, limits of depth,
// oversights, a taste, a repertoire, a specialty. It has a canonical text, "ply1:rho=0.3". A
// Mover plays its moves and gives their exact distribution. A Pool is a set of players with ratings,
// a Corpus the games between them: deterministic from a seed, on any number of cores.
package league

// Version is part of what defines a player's results: it changes when the search, its
// evaluation or the error models change what players play.
const Version = "1"
