package leaderboard

import (
	"context"
	"errors"
	"reflect"
	"testing"

	"transcend/elo"
)

// TestQueries compares what the queries answer with the same counted in Go.
func TestQueries(t *testing.T) {
	ctx := context.Background()
	s := tempStore(t)
	player := Player{Name: "m T=0.1", Spec: modelSpec("0.1")}
	strong, weak := Player{Name: "strong", Spec: stockfishSpec("17.1", "5")}, Player{Name: "weak", Spec: stockfishSpec("17.1", "0")}
	if r, err := s.Revision(ctx); err != nil || r != "0-0-0-0" {
		t.Fatalf("an empty database is at %q, %v", r, err)
	}
	first, second := newMatch(t, s, player, strong, Match{Seed: 1}), newMatch(t, s, player, weak, Match{Seed: 1})
	before, err := s.Revision(ctx)
	if err != nil {
		t.Fatal(err)
	}
	play(t, s, first, elo.Record{Wins: 2, Draws: 3, Losses: 9}, LostIllegal, false)
	play(t, s, second, elo.Record{Wins: 7, Draws: 1, Losses: 4}, LostBoard, false)
	black := simpleGame(second, 100) // the player under test wins with Black
	black.PlayerWhite, black.Result, black.Illegal, black.Attempts = false, "0-1", 0, 9
	if err := s.RecordGame(ctx, black); err != nil {
		t.Fatal(err)
	}
	if after, err := s.Revision(ctx); err != nil || after == before {
		t.Errorf("games did not change the revision %q, %v", after, err)
	}

	tallies, err := s.Tallies(ctx)
	want := map[int64]Tally{
		first:  {Record: elo.Record{Wins: 2, Draws: 3, Losses: 9}, Black: elo.Record{Wins: 1, Draws: 1, Losses: 5}, Losses: map[LossCause]int{LostIllegal: 9}, Attempts: 14 * 22, Illegal: 14 * 2, IllegalGames: 14},
		second: {Record: elo.Record{Wins: 8, Draws: 1, Losses: 4}, Black: elo.Record{Wins: 4, Draws: 1, Losses: 2}, Losses: map[LossCause]int{LostBoard: 4}, Attempts: 12*22 + 9, Illegal: 12 * 2, IllegalGames: 12},
	}
	if err != nil || !reflect.DeepEqual(tallies, want) {
		t.Errorf("tallies %+v, want %+v, %v", tallies, want, err)
	}

	m, err := s.Match(ctx, first)
	if err != nil {
		t.Fatal(err)
	}
	loss, win := elo.Loss, elo.Win
	for _, test := range []struct {
		name   string
		filter Filter
		want   int
	}{
		{"all", Filter{}, 27},
		{"a match", Filter{Match: first}, 14},
		{"the opponent", Filter{Player: m.OpponentID}, 14},
		{"nobody", Filter{Player: 99}, 0},
		{"losses of the player under test", Filter{Outcome: &loss}, 13},
		{"the opponent's losses", Filter{Player: m.OpponentID, Outcome: &loss}, 2},
		{"the player's wins, some with Black", Filter{Player: m.PlayerID, Outcome: &win}, 10},
		{"illegal", Filter{Cause: LostIllegal}, 9},
		{"with illegal moves", Filter{Illegal: true, Match: second}, 12},
	} {
		games, total, err := s.FindGames(ctx, test.filter, 0, 0)
		if err != nil || total != test.want || len(games) != test.want {
			t.Errorf("%s: %d games, total %d, want %d, %v", test.name, len(games), total, test.want, err)
		}
	}
	games, total, err := s.FindGames(ctx, Filter{}, 2, 1)
	if err != nil || total != 27 || len(games) != 2 || games[0].Slot != 11 || games[0].MatchID != second {
		t.Errorf("the second and third latest: %+v of %d, %v", games, total, err)
	}

	if g, err := s.Game(ctx, second, 100); err != nil || g.Slot != 100 || g.Outcome() != elo.Win {
		t.Errorf("one game: %+v, %v", g, err)
	}
	if _, err := s.Game(ctx, second, 101); !errors.Is(err, ErrNotFound) {
		t.Errorf("a slot without a game: %v", err)
	}
}
