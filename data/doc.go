// Package data turns chess games into batches of tokens.
//
// The path is
//
//	pgn.Reader -> filter.Filter -> Corpus (memory, or a Parquet file) -> Tokenizer -> Loader -> model.Batch
//
// Package filter says which games belong to a corpus and how many it dropped by which
// rule. A Corpus holds games compactly: 16-bit move codes in one
// flat slice and a few columns. A Tokenizer, "move" or "char", writes a game as
// token ids and reads moves back out of sampled ones. A Loader packs shuffled
// games into rows for a trainer; its position is a small piece of JSON, so a
// checkpoint can hold it and a resumed run sees the same batches.
//
// Everything here is about standard chess from the normal starting position.
// What is random takes a seed; the same seed gives the same batches on every
// machine and in every version of Go.
package data
