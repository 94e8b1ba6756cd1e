// Package bitboard knows the rules of chess: positions, legal moves, and games
// with the rules that end them, and the notations FEN, SAN and UCI.
//
// A Position is a small plain value that is copied to be kept; a Move is 16
// bits. No call but Clone, NewGame and those that return text or grow a slice
// allocates. Nothing that ParseFEN accepts makes a later call panic.
//
// The rules are the FIDE Laws of Chess of 2023; notation follows the PGN
// standard of 1994 (FEN in its section 16.1, SAN in 8.2.3) and the UCI protocol of 2006.
// Chess960 is not covered.
package bitboard
