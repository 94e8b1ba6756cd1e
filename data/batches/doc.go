// Package batches packs the games of a corpus into the batches that a trainer takes.
//
// A Loader goes through shuffled games without an end and writes them, as a tokenizer
// spells them, into rows of the model's context: whole games beside each other, or the
// paper's blocks. Its place is a small piece of JSON, so that a checkpoint can hold it and
// a resumed run sees the batches that it would have seen. A Validation goes through other
// games once, in a fixed order.
//
// What is random follows from a seed; the same seed gives the same batches on every
// machine and in every version of Go.
package batches
