package sweep

// A sweep again, from the database alone.

import (
	"context"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/spf13/pflag"

	"transcend/cmd/arena/internal/players"
	"transcend/elo/curves"
	"transcend/elo/leaderboard"
	"transcend/internal/cli"
	"transcend/internal/figure"
)

const tableHelp = `Print the table of every temperature sweep in a database, and what it says about
the rating cap of the models' training games.

usage: arena table [--db FILE] [--model NAME] [--json]

examples:
  arena table
  arena table --db results.db --model max1000
  arena table --paper-defects none --json

flags:
`

const figureHelp = `Draw the picture of the paper's Figure 1 from a database: ratings over
temperatures with 95% intervals, the rating cap of the training games as a line.

usage: arena figure [--db FILE] [--model NAME] --plot FILE [--plot FILE ...]

examples:
  arena figure --plot figure1.svg --plot figure1.png
  arena figure --db results.db --model max1000 --with-paper --plot figure1.pdf

flags:
`

func addFigureFlags(fs *pflag.FlagSet, plots *[]string, withPaper *bool) {
	fs.StringArrayVar(plots, "plot", nil, "draw ratings over temperatures into a file: .svg, .png or .pdf; may be repeated")
	fs.BoolVar(withPaper, "with-paper", false, "draw the paper's published curves, too: read off its figure, and on another scale")
}

// Table is the subcommand "table".
func Table(ctx context.Context, stdout, stderr io.Writer, args []string) error {
	return showSweeps(ctx, stdout, stderr, "table", tableHelp, args)
}

// Figure is the subcommand "figure".
func Figure(ctx context.Context, stdout, stderr io.Writer, args []string) error {
	return showSweeps(ctx, stdout, stderr, "figure", figureHelp, args)
}

// showSweeps is both subcommands: they read the same.
func showSweeps(ctx context.Context, stdout, stderr io.Writer, name, help string, args []string) error {
	fs := cli.FlagSet("arena " + name)
	db := fs.String("db", "arena.db", "the leaderboard, an SQLite database")
	anchors := fs.String("anchors", "", "strengths of the opponents: a set's name, or a local scale's file, NAME.json (default: by the engine's version)")
	anchorElo := fs.Float64("anchor-elo", math.NaN(), "the opponent's strength, on a scale of your own")
	fs.Lookup("anchor-elo").DefValue = "0"
	models := fs.StringArray("model", nil, "only models whose name contains this; may be repeated")
	defectText := fs.String("paper-defects", "all", "how paper-glicko2 is computed: the defects of the paper's to reproduce")
	var plots []string
	var withPaper, asJSON bool
	addFigureFlags(fs, &plots, &withPaper)
	if name == "table" {
		fs.BoolVar(&asJSON, "json", false, "print the result as one JSON object")
	}
	err := cli.Parse(fs, args, stdout, cli.Help(fs, help, ""))
	if err != nil {
		return err
	}
	if err := cli.NoArguments(fs, "db"); err != nil {
		return err
	}
	if name == "figure" && len(plots) == 0 {
		return cli.WithHint(cli.Usagef("no picture to draw: --plot is missing"), "arena figure --plot curves.svg")
	}
	if err := checkFigureNames(plots); err != nil {
		return err
	}
	defects, err := parseDefects(*defectText)
	if err != nil {
		return err
	}
	by, err := players.Anchors(*anchors)
	if err != nil {
		return err
	}
	if !math.IsNaN(*anchorElo) {
		if *anchors != "" {
			return cli.Usagef("--anchors and --anchor-elo exclude each other")
		}
		by = ownScale(*anchorElo)
	}
	store, err := leaderboard.OpenReadOnly(*db)
	if err != nil {
		return err
	}
	defer store.Close()
	board, err := store.Leaderboard(ctx, leaderboard.BoardOptions{Anchors: by, Glicko: defects.glicko()})
	if err != nil {
		return err
	}
	board.Rows = namedLike(board.Rows, *models)
	sweeps, err := curves.From(board, 0)
	if err != nil {
		return err
	}
	if len(sweeps) == 0 {
		return cli.WithHint(fmt.Errorf("%s: no games of such models", *db), "arena leaderboard --db "+*db+" shows what there is")
	}
	if err := plotAll(sweeps, plots, withPaper); err != nil {
		return err
	}
	switch {
	case name == "figure":
		for _, path := range plots {
			fmt.Fprintf(stderr, "wrote %s\n", path)
		}
		return nil
	case asJSON:
		return writeSweepsJSON(stdout, board, sweeps)
	}
	return curves.WriteText(stdout, sweeps)
}

// namedLike keeps rows of players with one of these in their name.
func namedLike(rows []leaderboard.Row, names []string) []leaderboard.Row {
	if len(names) == 0 {
		return rows
	}
	kept := []leaderboard.Row{}
	for _, r := range rows {
		for _, n := range names {
			if strings.Contains(r.Player.Name, n) {
				kept = append(kept, r)
				break
			}
		}
	}
	return kept
}

// checkFigureNames refuses what cannot be drawn before any game is played.
func checkFigureNames(paths []string) error {
	for _, p := range paths {
		if err := figure.CheckName(p); err != nil {
			return cli.Usagef("--plot %w", err)
		}
	}
	return nil
}

// plotAll draws every sweep into every file.
func plotAll(sweeps []curves.Sweep, paths []string, withPaper bool) error {
	for _, path := range paths {
		if err := curves.Plot(path, sweeps, curves.PlotOptions{WithPaper: withPaper}); err != nil {
			return err
		}
	}
	return nil
}
