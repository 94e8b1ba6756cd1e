// Export writes the batches that chesstrain would train on into a plain file, so
// that a peer in another language trains on the same tokens in the same order:
//
//	go run ./bench/peers/export --corpus games.parquet --context 256 --rows 16 --batches 4000 --out rows.bin
//
// The file is little-endian. It begins with 28 bytes: "GPT2ROWS" and, as int32,
// rows of a batch R, tokens of a row T, ids of the vocabulary, training batches,
// validation batches. The batches follow, the training's first, each as three
// arrays of R·T int16: tokens, targets (-1: none), and for every place the
// first place of its row that it may look at. Positions count from there.
package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/spf13/pflag"

	"transcend/data"
	"transcend/data/batches"
	"transcend/internal/atomicfile"
	"transcend/internal/cli"
	"transcend/model"
)

func main() { cli.Main(execute) }

func execute(_ context.Context, _ io.Reader, stdout, stderr io.Writer, args []string) int {
	if err := export(stdout, args); err != nil {
		return cli.Fail(stderr, "export", err)
	}
	return cli.ExitOK
}

func export(stdout io.Writer, args []string) error {
	fs := pflag.NewFlagSet("export", pflag.ContinueOnError)
	corpusPath := fs.String("corpus", "", "Parquet corpus: of chesstrain prepare, or corpus.parquet of a run")
	out := fs.String("out", "rows.bin", "file to write")
	fraction := fs.Float64("validation", 0.05, "share of the games held out, as in chesstrain")
	count := fs.Int("batches", 1000, "training batches to write; epochs follow each other")
	var c batches.Config
	fs.IntVar(&c.Rows, "rows", 16, "rows of a batch")
	fs.IntVar(&c.Context, "context", 256, "tokens of a row")
	fs.StringVar(&c.Packing, "packing", batches.PackGames, "games or blocks")
	fs.Uint64Var(&c.Seed, "seed", 1, "of the order of games, as in chesstrain")
	err := cli.Parse(fs, args, stdout, func(w io.Writer) {
		fmt.Fprintf(w, "usage: export --corpus games.parquet --out rows.bin\n\n%s", fs.FlagUsages())
	})
	if err != nil {
		return err
	}
	corpus, err := data.ReadParquet(*corpusPath)
	if err != nil {
		return err
	}
	training, validation := corpus.Split(*fraction)
	tok := data.NewMoveTokenizer()
	if tok.VocabSize() > math.MaxInt16 {
		return fmt.Errorf("a vocabulary of %d does not fit 16 bits", tok.VocabSize())
	}
	loader, err := batches.NewLoader(training, tok, c)
	if err != nil {
		return err
	}
	held, err := batches.NewValidation(validation, tok, c)
	if err != nil {
		return err
	}
	var b model.Batch
	heldBatches := 0
	for held.Next(&b) {
		heldBatches++
	}
	held.Reset()
	err = atomicfile.WriteFile(*out, 0o644, func(w io.Writer) error {
		buffered := bufio.NewWriterSize(w, 1<<20)
		header := []int32{int32(c.Rows), int32(c.Context), int32(tok.VocabSize()), int32(*count), int32(heldBatches)}
		if _, err := buffered.WriteString("GPT2ROWS"); err != nil {
			return err
		}
		if err := binary.Write(buffered, binary.LittleEndian, header); err != nil {
			return err
		}
		for range *count {
			if err := loader.Next(&b); err != nil {
				return err
			}
			if err := writeBatch(buffered, &b); err != nil {
				return err
			}
		}
		for held.Next(&b) {
			if err := writeBatch(buffered, &b); err != nil {
				return err
			}
		}
		return buffered.Flush()
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "%s: %d training batches (%.2f epochs of %d games), %d validation batches of %d games\n",
		*out, *count, loader.Epochs(), training.Len(), heldBatches, validation.Len())
	return err
}

func writeBatch(w io.Writer, b *model.Batch) error {
	n := len(b.Tokens)
	out := make([]int16, 3*n)
	for i := range n {
		out[i], out[n+i], out[2*n+i] = int16(b.Tokens[i]), int16(b.Targets[i]), int16(b.SegmentStart[i])
		if b.Positions[i] != int32(i%b.Context)-b.SegmentStart[i] {
			return errors.New("positions do not count from the start of the segment")
		}
	}
	return binary.Write(w, binary.LittleEndian, out)
}
