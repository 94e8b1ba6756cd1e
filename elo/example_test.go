package elo_test

import (
	"fmt"

	"transcend/elo"
)

func ExampleEstimateRating() {
	set, _ := elo.DefaultAnchorSet("Stockfish 17.1")
	level0, _ := set.Anchor(elo.SkillLevel, 0)
	level1, _ := set.Anchor(elo.SkillLevel, 1)
	e, _ := elo.EstimateRating([]elo.Result{
		{Anchor: level0, Record: elo.Record{Wins: 61, Draws: 9, Losses: 30}},
		{Anchor: level1, Record: elo.Record{Wins: 38, Draws: 11, Losses: 51}},
	}, elo.Options{ScaleError: set.ScaleError})
	fmt.Println(set.Scale, e)
	fmt.Printf("with the anchors' errors %s, %.0f%% of the variance\n", e.TotalString(), 100*e.AnchorShare())
	// Output:
	// CCRL Blitz 1427 [1380, 1474]
	// with the anchors' errors 1427 [1314, 1539], 83% of the variance
}

func ExampleEstimateRating_allWon() {
	anchor := elo.Anchor{Name: "Stockfish 17.1 level 0", Rating: 1320.1, StandardError: 16.8}
	e, _ := elo.EstimateRating([]elo.Result{{Anchor: anchor, Record: elo.Record{Wins: 40}}}, elo.Options{})
	fmt.Println(e)
	fmt.Println(e.Warnings[0])
	// Output:
	// > 1763
	// all 40 games won: only a lower bound (95%, one-sided) can be given; play stronger opponents
}

func ExamplePaperGlicko2() {
	games := []elo.PaperGame{{Opponent: 1554, Outcome: elo.Win}, {Opponent: 1554, Outcome: elo.Loss}, {Opponent: 1867, Outcome: elo.Draw}}
	p, _ := elo.PaperGlicko2(games)
	spread, _ := elo.PaperGlicko2Spread(games, 100, 1)
	fmt.Printf("%.0f, RD %.0f; over random orders %.0f to %.0f\n", p.Rating, p.RD, spread.Min, spread.Max)
	// Output:
	// 1624, RD 217; over random orders 1576 to 1665
}

func ExamplePairs_Compare() {
	c, _ := elo.Pairs{34, 54, 63, 64, 75}.Compare(0)
	fmt.Println(c)
	fmt.Printf("likelihood interval [%.1f, %.1f]\n", c.Interval.Low, c.Interval.High)
	c, _ = elo.Record{Wins: 20}.Compare(0)
	fmt.Println(c)
	// Output:
	// Elo: 55.58 +/- 27.65, nElo: 57.94 +/- 28.28, LOS: 100.00 %, DrawRatio: 21.72 %, PairsRatio: 1.58
	// likelihood interval [27.9, 83.4]
	// Elo: > 316.6, LOS: 100.00 %, DrawRatio: 0.00 %
}
