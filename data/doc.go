// Package data turns chess games into a corpus and into tokens.
//
// The path from a file to a trainer is
//
//	pgn.Reader -> filter.Filter -> Corpus (memory, or a Parquet file) -> Tokenizer -> batches.Loader -> model.Batch
//
// Package filter says which games belong to a corpus and how many it dropped by which
// rule. A Corpus holds games compactly: 16-bit move codes in one flat slice and a few
// columns. A Tokenizer, "move" or "char", writes a game as token ids and reads moves
// back out of sampled ones; an Encoder adds what else a model is shown. Package batches
// packs shuffled games into rows for a trainer.
//
// Everything here is about standard chess from the normal starting position.
package data
