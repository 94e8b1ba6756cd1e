// Package filter says which games of a PGN stream are kept, and what became of the
// others.
//
// A Filter is an ordered list of rules about ratings, time controls, players, dates and
// results; Read asks them about every game and gives those that pass to its caller. Rules
// about tags are asked before the movetext is looked at, which is what makes a month of
// Lichess, nearly all of it dropped, readable in minutes. A game that is dropped is
// counted by the first rule that caught it, and the Report adds up:
//
//	seen = kept + broken + dropped by each rule
//
// Filter and Report are stored as JSON with every corpus that was read by them, so that
// it says what it is made of.
package filter
