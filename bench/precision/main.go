// Precision measures what weights in bf16 or int8 change in a model's choice of moves,
// over positions of games that it was not trained on:
//
//	go run ./bench/precision --model runs/max1500-move-tiny --positions 20000
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"

	"github.com/spf13/pflag"

	"transcend/analysis"
	"transcend/data"
	"transcend/internal/cli"
	"transcend/model"
)

func main() { cli.Main(execute) }

func execute(ctx context.Context, _ io.Reader, stdout, stderr io.Writer, args []string) int {
	if err := precision(ctx, stdout, args); err != nil {
		return cli.Fail(stderr, "precision", err)
	}
	return cli.ExitOK
}

func precision(ctx context.Context, stdout io.Writer, args []string) error {
	flags := pflag.NewFlagSet("precision", pflag.ContinueOnError)
	flags.SortFlags = false
	dir := flags.String("model", "", "run directory; the corpus is looked for there, too")
	corpus := flags.String("corpus", "", "games (default: corpus.parquet of the run)")
	fraction := flags.Float64("validation", 0.05, "share of the games that was not trained on, as chesstrain splits them")
	positions := flags.Int("positions", 20000, "positions to look at, about; 0: all")
	asJSON := flags.Bool("json", false, "print the result as JSON")
	err := cli.Parse(flags, args, stdout, func(w io.Writer) {
		fmt.Fprintf(w, "usage: precision --model RUN [flags]\n\n%s", flags.FlagUsages())
	})
	if err != nil {
		return err
	}
	if *dir == "" {
		return cli.WithHint(cli.Usagef("--model is missing"), "name a run of chesstrain")
	}
	if !(*fraction > 0 && *fraction <= 1) {
		return cli.Usagef("--validation %v: want a share above 0, at most 1", *fraction)
	}
	checkpoint := *dir
	if _, err := os.Stat(filepath.Join(checkpoint, "config.json")); err != nil {
		if checkpoint, err = model.LatestCheckpoint(*dir); err != nil {
			return err
		}
	}
	m, err := model.Load(checkpoint)
	if err != nil {
		return err
	}
	tok, err := data.LoadTokenizer(checkpoint)
	if err != nil {
		return err
	}
	if *corpus == "" {
		*corpus = filepath.Join(*dir, "corpus.parquet")
	}
	games, err := data.LoadParquet(ctx, *corpus, data.ParquetOptions{})
	if err != nil {
		return err
	}
	if *fraction < 1 {
		_, games = games.Split(*fraction)
	}
	result, err := analysis.ComparePrecision(ctx, m, tok, games, []model.BatchOptions{
		{Cache: model.BF16},
		{Weights: model.BF16, Cache: model.BF16},
		{Weights: model.Int8, Cache: model.BF16},
	}, *positions, 1)
	if err != nil {
		return err
	}
	if *asJSON {
		return json.NewEncoder(stdout).Encode(result)
	}
	c := m.Config()
	fmt.Fprintf(stdout, "%s (%d/%d/%d, %s tokens), %s positions of %s games, against float32 throughout:\n\n",
		checkpoint, c.Layers, c.Heads, c.Width, tok.Name(), cli.Count(result[0].Positions), cli.Count(result[0].Games))
	t := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "decoder\tsame argmax\tmean KL\tlargest KL\tmean |p-q|/2\tlargest change of p\tlargest margin of a changed argmax")
	for _, r := range result {
		fmt.Fprintf(t, "%s\t%.3f%%\t%.2g nats\t%.2g\t%.2g\t%.3f\t%.4f\n", r.Decoder, 100*float64(r.SameArgmax)/float64(r.Positions),
			r.MeanKL, r.MaxKL, r.MeanTV, r.MaxChange, r.MaxMargin)
	}
	return t.Flush()
}
