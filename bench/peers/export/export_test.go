package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"transcend/data"
	"transcend/data/batches"
	"transcend/data/league"
	"transcend/data/league/leaguetest"
	"transcend/internal/cli"
	"transcend/model"
)

// writeCorpus writes games of simulated players.
func writeCorpus(t *testing.T, path string) *data.Corpus {
	t.Helper()
	c := data.NewCorpus()
	games := league.Corpus{Pool: leaguetest.Named(t, "noise"), Seed: 1, MaxPlies: 160}
	for g, err := range games.Games(context.Background(), 0, 200, 0) {
		if err != nil {
			t.Fatal(err)
		}
		c.Append(g.Data())
	}
	if err := c.WriteParquet(path); err != nil {
		t.Fatal(err)
	}
	return c
}

// TestExport reads the file as its description says and compares it with what the
// trainer is given.
func TestExport(t *testing.T) {
	dir := t.TempDir()
	games, rows := filepath.Join(dir, "games.parquet"), filepath.Join(dir, "rows.bin")
	corpus := writeCorpus(t, games)
	var out, errs bytes.Buffer
	code := execute(context.Background(), nil, &out, &errs, []string{
		"--corpus", games, "--out", rows, "--rows", "3", "--context", "64", "--batches", "20", "--validation", "0.2", "--seed", "7"})
	if code != cli.ExitOK {
		t.Fatalf("exit %d: %s", code, errs.String())
	}
	file, err := os.Open(rows)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var header struct {
		Magic                              [8]byte
		Rows, Context, Vocab, Train, Valid int32
	}
	if err := binary.Read(file, binary.LittleEndian, &header); err != nil {
		t.Fatal(err)
	}
	tok := data.NewMoveTokenizer()
	if string(header.Magic[:]) != "GPT2ROWS" || header.Rows != 3 || header.Context != 64 ||
		header.Vocab != int32(tok.VocabSize()) || header.Train != 20 || header.Valid < 1 {
		t.Fatalf("header %+v", header)
	}
	c := batches.Config{Rows: 3, Context: 64, Packing: batches.PackGames, Seed: 7}
	training, validation := corpus.Split(0.2)
	loader, err := batches.NewLoader(training, tok, c)
	if err != nil {
		t.Fatal(err)
	}
	held, err := batches.NewValidation(validation, tok, c)
	if err != nil {
		t.Fatal(err)
	}
	var b model.Batch
	got := make([]int16, 3*3*64)
	for i := range header.Train + header.Valid {
		if i < header.Train {
			if err := loader.Next(&b); err != nil {
				t.Fatal(err)
			}
		} else if !held.Next(&b) {
			t.Fatalf("the file has more validation batches (%d) than the trainer sees", header.Valid)
		}
		if err := binary.Read(file, binary.LittleEndian, got); err != nil {
			t.Fatal(err)
		}
		for j := range b.Tokens {
			if int32(got[j]) != int32(b.Tokens[j]) || int32(got[192+j]) != int32(b.Targets[j]) || int32(got[384+j]) != b.SegmentStart[j] {
				t.Fatalf("batch %d, place %d: %d, %d, %d; want %d, %d, %d", i, j, got[j], got[192+j], got[384+j],
					b.Tokens[j], b.Targets[j], b.SegmentStart[j])
			}
		}
	}
	if held.Next(&b) {
		t.Error("the file lacks validation batches")
	}
	if n, _ := file.Read(make([]byte, 1)); n != 0 {
		t.Error("the file goes on after its last batch")
	}
}

func TestExportErrors(t *testing.T) {
	dir := t.TempDir()
	for _, tt := range []struct{ args, want string }{
		{"--corpus nowhere.parquet", "nowhere.parquet"},
		{"--corups x", "did you mean --corpus?"},
	} {
		var out, errs bytes.Buffer
		code := execute(context.Background(), nil, &out, &errs, append(strings.Fields(tt.args), "--out", filepath.Join(dir, "rows.bin")))
		if code == cli.ExitOK || !strings.Contains(errs.String(), tt.want) {
			t.Errorf("%s: exit %d, %s", tt.args, code, errs.String())
		}
		if _, err := os.Stat(filepath.Join(dir, "rows.bin")); err == nil {
			t.Errorf("%s: left a file", tt.args)
		}
	}
}
