// Package testdb makes a small database of games, for tests of what shows one.
package testdb

import (
	"context"
	"path/filepath"
	"testing"

	"transcend/elo/leaderboard"
)

// Open makes a database for what shows one: some games, one in play,
// and a name that would move the cursor.
func Open(t *testing.T) (path string, store *leaderboard.Store, match int64) {
	t.Helper()
	ctx := context.Background()
	path = filepath.Join(t.TempDir(), "arena.db")
	store, err := leaderboard.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	m := leaderboard.Match{Openings: "startpos", OpponentLimit: "nodes 1", Seed: 1}
	if m.PlayerID, err = store.EnsurePlayer(ctx, leaderboard.Player{Name: "model \x1b[2J\x1b[31m 棋 T=0.1", Spec: map[string]string{"kind": "model", "weights": "c0ffee", "temperature": "0.1", "tokenizer": "move"}}); err != nil {
		t.Fatal(err)
	}
	if m.OpponentID, err = store.EnsurePlayer(ctx, leaderboard.Player{Name: "Stockfish 17.1 level 1", Spec: map[string]string{"kind": "uci", "name": "Stockfish 17.1", "option.Skill Level": "1"}}); err != nil {
		t.Fatal(err)
	}
	if match, err = store.EnsureMatch(ctx, m); err != nil {
		t.Fatal(err)
	}
	for slot := range 6 {
		Add(t, store, match, slot)
	}
	if ok, err := store.Claim(ctx, "this", match, 100, true); !ok || err != nil {
		t.Fatal(ok, err)
	}
	e4, e5 := uint16(12|28<<6), uint16(52|36<<6)
	if err := store.Refresh(ctx, "this", []leaderboard.Live{{MatchID: match, Slot: 100, PlayerWhite: true, Moves: []uint16{e4, e5}, Evals: []leaderboard.Eval{{Ply: 1, Centipawns: 35}}}}); err != nil {
		t.Fatal(err)
	}
	return path, store, match
}

// Add adds a game of the match: every third won by the model, the others lost by illegal moves.
func Add(t *testing.T, store *leaderboard.Store, match int64, slot int) {
	t.Helper()
	g := leaderboard.Game{MatchID: match, Slot: slot, PlayerWhite: true, Result: "0-1", Termination: "illegal move", LossCause: leaderboard.LostIllegal,
		Moves: []uint16{12 | 28<<6, 52 | 36<<6}, MoveText: "e2e4 e7e5", Attempts: 6, Illegal: 5, PlayerMoves: 2, Details: []byte(`{"illegal_texts":["e1e8"]}`)}
	if slot%3 == 0 {
		g.Result, g.LossCause, g.Termination = "1-0", leaderboard.NotLost, "checkmate"
	}
	if err := store.RecordGame(context.Background(), g); err != nil {
		t.Fatal(err)
	}
}
