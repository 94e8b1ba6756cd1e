package leaderboard

import (
	"context"
	"reflect"
	"testing"
	"time"
)

// FuzzRoundTrip: whatever RecordGame accepts reads back equal, whatever the
// strings contain.
func FuzzRoundTrip(f *testing.F) {
	f.Add("Ruy Lopez", "", "checkmate", "1. e4", []byte{1, 2, 3, 4}, uint64(7), 1, int64(1700000000), int64(5))
	f.Add("'; DROP TABLE games; --", "\x00", "a\x00b", "\xff\xfe", []byte{}, ^uint64(0), 0, int64(-62135596800), int64(0))
	f.Add("☃", "\n", "", "", []byte{0xff, 0xff}, uint64(1)<<63, 5, int64(253402300799), int64(1)<<40)
	s := tempStore(f)
	m := simpleMatch(f, s)
	slot := 0
	f.Fuzz(func(t *testing.T, opening, fen, termination, text string, moves []byte, seed uint64, tries int, start, micros int64) {
		slot++
		g := Game{MatchID: m, Slot: slot, PlayerWhite: seed%2 == 0, Opening: opening, StartFEN: fen, Seed: seed, Result: "1/2-1/2", Termination: termination,
			MoveText: text, PlayerMoves: tries, Attempts: tries, StartedAt: time.Unix(start, 0).UTC(), Elapsed: time.Duration(micros) * time.Microsecond, Program: text}
		for i := 0; i+1 < len(moves); i += 2 {
			g.Moves = append(g.Moves, uint16(moves[i])|uint16(moves[i+1])<<8)
		}
		if g.Elapsed.Microseconds() != micros || g.StartedAt.Year() < 0 || g.StartedAt.Year() > 9999 {
			t.Skip("not a time")
		}
		if err := s.RecordGame(context.Background(), g); err != nil {
			if tries >= 0 && micros >= 0 {
				t.Fatal(err)
			}
			return
		}
		g.White, g.Black = 1, 2
		if !g.PlayerWhite {
			g.White, g.Black = 2, 1
		}
		for got, err := range s.Games(context.Background(), m) {
			if err != nil {
				t.Fatal(err)
			}
			if got.Slot == slot && !reflect.DeepEqual(got, g) {
				t.Fatalf("read back\n%+v\nrecorded\n%+v", got, g)
			}
		}
		if _, err := s.writer.Exec("DELETE FROM games"); err != nil { // keeps each run short
			t.Fatal(err)
		}
	})
}
