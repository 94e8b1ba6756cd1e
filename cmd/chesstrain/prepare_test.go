package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"transcend/data"
	"transcend/internal/cli"
)

// mustPrepare makes a corpus and returns it.
func mustPrepare(t *testing.T, args ...string) *data.Corpus {
	t.Helper()
	out := filepath.Join(t.TempDir(), "games.parquet")
	code, stdout, errs := command(t, "", append([]string{"prepare", "--out", out}, args...)...)
	if code != cli.ExitOK {
		t.Fatalf("prepare %v: exit %d\n%s%s", args, code, stdout, errs)
	}
	return mustRead(t, out)
}

func mustRead(t *testing.T, path string) *data.Corpus {
	t.Helper()
	c, err := data.ReadParquet(path)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// noFileBut fails when a directory holds anything else than these.
func noFileBut(t *testing.T, dir string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if strings.Join(got, " ") != strings.Join(names, " ") {
		t.Errorf("%s holds %v, want %v", dir, got, names)
	}
}

func TestPrepare(t *testing.T) {
	games := sample(t, 300)
	dir := t.TempDir()
	t.Chdir(dir)
	if err := os.WriteFile("a.pgn", []byte(games), 0o644); err != nil {
		t.Fatal(err)
	}
	code, out, errs := command(t, "", "prepare", "--pgn", "a.pgn", "--max-elo", "1100", "--out", "a.parquet", "--json", "--quiet")
	var got struct {
		Out                string
		Bytes              int64
		Games, Plies       int
		Sources            []data.Source
		Seen, Kept, Errors int
		Dropped            map[string]int
	}
	if err := json.Unmarshal([]byte(out), &got); code != cli.ExitOK || err != nil || errs != "" {
		t.Fatalf("exit %d, %v\n%s%s", code, err, out, errs)
	}
	corpus := mustRead(t, "a.parquet")
	info, err := os.Stat("a.parquet")
	if err != nil {
		t.Fatal(err)
	}
	dropped := 0
	for _, n := range got.Dropped {
		dropped += n
	}
	if got.Seen != 300 || got.Kept != corpus.Len() || got.Kept != got.Games || got.Dropped["max_elo"] == 0 || got.Seen != got.Kept+got.Errors+dropped ||
		got.Plies != corpus.Plies() || got.Bytes != info.Size() || got.Out != "a.parquet" {
		t.Errorf("printed %s\nthe file has %d games, %d plies, %d bytes", out, corpus.Len(), corpus.Plies(), info.Size())
	}
	if p := corpus.Provenance; len(p.Sources) != 1 || p.Sources[0] != got.Sources[0] || p.Sources[0].SHA256 == "" || p.Sources[0].Size != int64(len(games)) ||
		p.Sources[0].Read != 0 || p.Filter.MaxElo != 1100 || !p.Filter.DropDuplicates || p.Report.Seen != 300 || p.Program == "" || p.Limit != 0 {
		t.Errorf("the corpus says of its origin: %+v", p)
	}
	noFileBut(t, dir, "a.parquet", "a.pgn")

	// The text says the same, with examples if asked for.
	code, out, errs = command(t, games, "prepare", "--pgn", "-", "--max-elo", "1100", "--verbose", "--out", "b.parquet", "--san")
	if code != cli.ExitOK {
		t.Fatalf("exit %d\n%s", code, errs)
	}
	for _, want := range []string{"games seen", "kept", "dropped max_elo", "standard input: game ", fmt.Sprintf("b.parquet: %d games", got.Kept)} {
		if !strings.Contains(out, want) {
			t.Errorf("result lacks %q:\n%s", want, out)
		}
	}
	again := mustRead(t, "b.parquet")
	if again.Fingerprint() != corpus.Fingerprint() {
		t.Error("standard input made another corpus than the file")
	}
	if s := again.Provenance.Sources[0]; s.Name != "standard input" || s.SHA256 != corpus.Provenance.Sources[0].SHA256 {
		t.Errorf("standard input is described as %+v", s)
	}
	if b, err := os.ReadFile("b.parquet"); err != nil || !strings.Contains(string(b), "san") {
		t.Error("--san made no column of that name", err)
	}

	// --games ends the reading, and the corpus says so.
	code, out, errs = command(t, "", "prepare", "--pgn", "a.pgn", "--max-elo", "1100", "--games", "7", "--out", "a.parquet", "--force")
	if code != cli.ExitOK {
		t.Fatalf("exit %d\n%s%s", code, out, errs)
	}
	few := mustRead(t, "a.parquet")
	if few.Len() != 7 || few.Provenance.Limit != 7 || few.Provenance.Report.Kept != 7 || few.Provenance.Report.Seen >= 300 {
		t.Errorf("%d games, %+v", few.Len(), few.Provenance)
	}
	for i, g := range few.All() {
		if want := corpus.Game(i); g.Site != want.Site || g.White != want.White || len(g.Moves) != len(want.Moves) {
			t.Errorf("game %d is %v, want %v", i, g, want)
		}
	}
}

// TestPrepareFilterFlags: each flag reaches its rule.
func TestPrepareFilterFlags(t *testing.T) {
	game := func(tags ...string) string {
		all := map[string]string{"Event": "Rated Blitz game", "White": "alice", "Black": "bob", "WhiteElo": "1000", "BlackElo": "1000",
			"TimeControl": "300+0", "Termination": "Normal", "Result": "1-0", "UTCDate": "2020.05.05"}
		for i := 0; i < len(tags); i += 2 {
			all[tags[i]] = tags[i+1]
		}
		var b strings.Builder
		for name, value := range all {
			fmt.Fprintf(&b, "[%s %q]\n", name, value)
		}
		return b.String() + "\n1. e4 e5 2. Nf3 " + all["Result"] + "\n\n"
	}
	for _, test := range []struct {
		args, rule string
		drop       []string
	}{
		{"--max-elo 1000", "max_elo", []string{"WhiteElo", "1001"}},
		{"--min-elo 1000", "min_elo", []string{"BlackElo", "999"}},
		{"--rating-band 900-1100", "rating_band", []string{"BlackElo", "1101"}},
		{"--speed bullet,blitz", "speed", []string{"TimeControl", "600+0"}},
		{"--rated", "casual", []string{"Event", "Casual Blitz game"}},
		{"--no-bots", "bot", []string{"WhiteTitle", "BOT"}},
		{"--termination normal,time-forfeit", "termination", []string{"Termination", "Abandoned"}},
		{"--result 1-0,1/2-1/2", "other_result", []string{"Result", "0-1"}},
		{"--since 2020.05", "date", []string{"UTCDate", "2020.04.30"}},
		{"--until 2020", "date", []string{"UTCDate", "2021.01.01"}},
		{"--player ALICE", "player", []string{"White", "carol"}},
		{"--min-plies 4", "min_plies", nil},
	} {
		t.Run(test.args, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "x.parquet")
			text := game("Site", "1") + game(append([]string{"Site", "2"}, test.drop...)...)
			args := append([]string{"prepare", "--pgn", "-", "--keep-duplicates", "--out", out, "--json", "--quiet"}, strings.Fields(test.args)...)
			code, stdout, errs := command(t, text, args...)
			var report struct{ Dropped map[string]int }
			if test.drop == nil {
				if code != cli.ExitFailure || !strings.Contains(errs, "2 dropped by "+test.rule) || !strings.Contains(errs, "lower --min-plies 4") {
					t.Errorf("exit %d: %s", code, errs)
				}
				return
			}
			if err := json.Unmarshal([]byte(stdout), &report); err != nil || code != cli.ExitOK {
				t.Fatalf("exit %d, %v: %s%s", code, err, stdout, errs)
			}
			if report.Dropped[test.rule] != 1 || mustRead(t, out).Len() != 1 {
				t.Errorf("dropped: %v", report.Dropped)
			}
		})
	}
}

func TestPrepareErrors(t *testing.T) {
	games := sample(t, 40)
	dir := t.TempDir()
	t.Chdir(dir)
	for name, text := range map[string]string{"a.pgn": games, "empty.pgn": "", "there.parquet": "old", "notes.txt": "Dear diary,\n"} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	names := "a.pgn empty.pgn notes.txt there.parquet"
	for _, tt := range []struct {
		args string
		code int
		want []string
	}{
		{"", cli.ExitUsage, []string{"--pgn and --lichess are missing", "hint: games between simulated players", "prepare"}},
		{"--pgn a.pgn", cli.ExitUsage, []string{"--out is missing"}},
		{"--pgn a.pgn --out -", cli.ExitUsage, []string{"cannot be written to a pipe", "hint: name a file"}},
		{"--pgn a.pgn --out .", cli.ExitUsage, []string{"is a directory", "games.parquet"}},
		{"--pgn a.pgn --out /dev/null", cli.ExitUsage, []string{"not a regular file"}},
		{"--pgn a.pgn --out no/where/x.parquet", cli.ExitUsage, []string{"there is no directory no/where", "mkdir -p no/where"}},
		{"--pgn a.pgn --out there.parquet", cli.ExitUsage, []string{"exists", "--force"}},
		{"--pgn nowhere.pgn --out x.parquet", cli.ExitUsage, []string{"nowhere.pgn: no such file"}},
		{"--pgn a.pgn --out x.parquet --speed fast", cli.ExitUsage, []string{`"--speed" flag: "fast" is no speed`, "blitz"}},
		{"--pgn a.pgn --out x.parquet --rating-band 1000", cli.ExitUsage, []string{`"--rating-band" flag: "1000" is no`, "800-1000"}},
		{"--pgn a.pgn --out x.parquet --result 2-0", cli.ExitUsage, []string{`error: "2-0" is no`, "1/2-1/2"}},
		{"--pgn a.pgn --out x.parquet --since June", cli.ExitUsage, []string{"June", "2018.06"}},
		{"--pgn a.pgn --out x.parquet --since 2020 --until 2019", cli.ExitUsage, []string{"error: 2020 comes after 2019: no game can be kept"}},
		{"--pgn a.pgn --out x.parquet --games -1", cli.ExitUsage, []string{"--games -1"}},
		{"--pgn a.pgn --out x.parquet --keep months", cli.ExitUsage, []string{"--lichess"}},
		{"--pgn a.pgn --out x.parquet --lichess-url http://x", cli.ExitUsage, []string{"--lichess-url without --lichess"}},
		{"--lichess 2023-13 --out x.parquet", cli.ExitUsage, []string{"--lichess 2023-13", "months are 01 to 12"}},
		{"--lichess 2012-01 --out x.parquet", cli.ExitUsage, []string{"begins with 2013-01"}},
		{"--lichess 2023-10..2023-01 --out x.parquet", cli.ExitUsage, []string{"goes backward"}},
		{"--lichess 2023-01 --lichess-url ftp://x --out x.parquet", cli.ExitUsage, []string{"ftp", "https://database.lichess.org"}},
		{"--lichess 2023-01 --keep a.pgn --out x.parquet", cli.ExitUsage, []string{"--keep a.pgn", "not a directory"}},
		{"--pgn a.pgn --out x.parquet --max-elp 5", cli.ExitUsage, []string{"did you mean --max-elo?"}},
		{"--pgn a.pgn --out x.parquet --max-elo 100", cli.ExitFailure, []string{"no game is left of 40 (40 dropped by max_elo)", "hint: raise --max-elo 100"}},
		{"--pgn empty.pgn --out x.parquet", cli.ExitFailure, []string{"there is none in the sources"}},
		{"--pgn notes.txt --out x.parquet", cli.ExitFailure, []string{"no game is left"}},
		{"--pgn a.pgn --out there.parquet --force --max-elo 100", cli.ExitFailure, []string{"no game is left"}},
	} {
		t.Run(tt.args, func(t *testing.T) {
			code, out, errs := command(t, "", append([]string{"prepare"}, strings.Fields(tt.args)...)...)
			if code != tt.code || out != "" {
				t.Errorf("exit %d, want %d; printed %q\n%s", code, tt.code, out, errs)
			}
			for _, want := range tt.want {
				if !strings.Contains(errs, want) {
					t.Errorf("message lacks %q:\n%s", want, errs)
				}
			}
			noFileBut(t, dir, strings.Fields(names)...)
		})
	}
	if b, err := os.ReadFile("there.parquet"); err != nil || string(b) != "old" {
		t.Errorf("a failed prepare changed the old file: %q %v", b, err)
	}
}

// TestTrainOnCorpus: a corpus file gives the same weights as the sources it was made
// from, by game and by player, and a run does not need it any more.
func TestTrainOnCorpus(t *testing.T) {
	games := sample(t, 150)
	t.Chdir(t.TempDir())
	if err := os.WriteFile("a.pgn", []byte(games), 0o644); err != nil {
		t.Fatal(err)
	}
	must := func(args ...string) (string, string) {
		t.Helper()
		code, out, errs := command(t, "", args...)
		if code != cli.ExitOK {
			t.Fatalf("%v: exit %d\n%s%s", args, code, out, errs)
		}
		return out, errs
	}
	must("prepare", "--pgn", "a.pgn", "--max-elo", "1100", "--out", "real.parquet")
	if err := os.Symlink("real.parquet", "a.parquet"); err != nil {
		t.Fatal(err)
	}
	must(append([]string{"--pgn", "a.pgn", "--max-elo", "1100", "--out", "one"}, small...)...)
	must(append([]string{"--corpus", "a.parquet"}, small...)...)
	const two = "runs/max1100-move-tiny"
	weights := func(run string) string {
		t.Helper()
		b, err := os.ReadFile(filepath.Join(run, "checkpoint-00000006", "model.safetensors"))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	if weights("one") != weights(two) {
		t.Error("the corpus gave other weights than its sources")
	}
	original, err := os.Stat("real.parquet")
	if err != nil {
		t.Fatal(err)
	}
	linked, err := os.Lstat(filepath.Join(two, corpusFile))
	if err != nil || !os.SameFile(original, linked) {
		t.Errorf("the run has a copy of the corpus: %v", err)
	}
	// Another corpus of the same name leaves the run alone; so does its end.
	must("prepare", "--pgn", "a.pgn", "--max-elo", "1000", "--out", "real.parquet", "--force")
	must("--resume", "--out", two)
	if err := os.RemoveAll(two + "/" + corpusFile); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := command(t, "", "--resume", "--out", two); code != cli.ExitFailure || !strings.Contains(errs, "holds other games than when the run began") {
		t.Errorf("exit %d: %s", code, errs)
	}
	must("prepare", "--pgn", "a.pgn", "--max-elo", "1100", "--out", "real.parquet", "--force")
	must("--resume", "--out", two)

	_, errs := must(append([]string{"--corpus", "a.parquet", "--split", "player", "--out", "three", "--validation", "0.4"}, small...)...)
	if !strings.Contains(errs, "split by player") {
		t.Errorf("nothing is said about the split:\n%s", errs)
	}
	if weights("three") == weights("one") {
		t.Error("--split player trained on the same games")
	}
	must("--resume", "--out", "three")

	for _, tt := range []struct{ args, want string }{
		{"--corpus a.parquet --max-elo 900", "--max-elo cannot be used with it"},
		{"--corpus a.parquet --pgn a.pgn --games 5", "--games"},
		{"--corpus a.pgn", "a.pgn"},
		{"--corpus nowhere.parquet", "chesstrain prepare"},
		{"--corpus a.parquet --split day", "must be one of game, player"},
	} {
		code, out, errs := command(t, "", append(strings.Fields(tt.args), "--out", "bad")...)
		if code == cli.ExitOK || out != "" || !strings.Contains(errs, tt.want) {
			t.Errorf("%s: exit %d\n%s", tt.args, code, errs)
		}
		if _, err := os.Stat("bad"); err == nil {
			t.Errorf("%s left a run", tt.args)
		}
	}
}
