package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"transcend/analysis"
	"transcend/elo/leaderboard"
	"transcend/internal/bitboard"
)

// hostile is a name that a database from elsewhere may hold.
const hostile = "<script>alert('x')</script>\"><img src=x onerror=alert(1)> \u202egnp.exe \x1b[31m {{.}} ]]> --> javascript:alert(1)"

// fakeModels answer without a model.
type fakeModels struct {
	asked int
	plies []int // that were asked for last
}

func (f *fakeModels) Cap(p leaderboard.Player) int { return 1500 }

func (f *fakeModels) Choices(_ context.Context, p leaderboard.Player, moves []bitboard.Move, plies []int) ([]analysis.Choices, error) {
	f.asked++
	f.plies = plies
	if p.Spec[leaderboard.SpecWeights] == "lost" {
		return nil, errors.New("no checkpoint <b>there</b>")
	}
	game := bitboard.NewGame(bitboard.Start())
	var out []analysis.Choices
	for _, ply := range plies {
		for game.Ply() < ply {
			if err := game.Make(moves[game.Ply()]); err != nil {
				return nil, err
			}
		}
		legal := game.Position().Legal(nil)
		c := analysis.Choices{Ply: ply, Legal: 0.9, LegalT: 0.95}
		for i, m := range legal[:min(3, len(legal))] {
			c.Top = append(c.Top, analysis.Choice{Move: m, Text: game.Position().SAN(m), Legal: true, P: 0.3 / float64(i+1), PT: 0.6 / float64(i+1)})
		}
		c.Top = append(c.Top, analysis.Choice{Move: bitboard.NewMove(0, 63, 0), Text: "a1h8", P: 0.01, PT: 0.001})
		if ply < len(moves) {
			c.Played = &analysis.Choice{Move: moves[ply], Text: game.Position().SAN(moves[ply]), Legal: true, P: 0.4, PT: 0.8}
		}
		out = append(out, c)
	}
	return out, nil
}

// codes are moves as the store keeps them.
func codes(t testing.TB, fen string, uci ...string) []uint16 {
	t.Helper()
	start := bitboard.Start()
	if fen != "" {
		var err error
		if start, err = bitboard.ParseFEN(fen); err != nil {
			t.Fatal(err)
		}
	}
	g := bitboard.NewGame(start)
	var out []uint16
	for _, text := range uci {
		m, err := g.Position().ParseUCIMove(text)
		if err == nil {
			err = g.Make(m)
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, uint16(m))
	}
	return out
}

// The games of the sample: the scholar's mate, and one with castling, an en
// passant capture and a promotion.
var (
	mate    = []string{"e2e4", "e7e5", "d1h5", "b8c6", "f1c4", "g8f6", "h5f7"}
	special = []string{"e2e4", "g8f6", "e4e5", "d7d5", "e5d6", "g7g6", "d6c7", "f8g7", "c7b8q", "e8g8", "g1f3", "a8b8", "f1e2", "e7e6", "e1g1"}
)

func model(weights, temperature string) leaderboard.Player {
	return leaderboard.Player{Name: "m T=" + temperature, Spec: map[string]string{"kind": "model", "weights": weights, "tokenizer": "move", "temperature": temperature, "policy": "forfeit-after-5"}}
}

func stockfish(level string) leaderboard.Player {
	return leaderboard.Player{Name: "Stockfish 17.1 level " + level, Spec: map[string]string{"kind": "uci", "name": "Stockfish 17.1", "version": "17.1", "option.Skill Level": level}}
}

// filler stores games.
type filler struct {
	t     testing.TB
	store *leaderboard.Store
	path  string
}

func newFiller(t testing.TB) filler {
	t.Helper()
	path := filepath.Join(t.TempDir(), "arena.db")
	s, err := leaderboard.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return filler{t, s, path}
}

func (f filler) match(player, opponent leaderboard.Player, m leaderboard.Match) int64 {
	f.t.Helper()
	ctx := context.Background()
	var err error
	if m.PlayerID, err = f.store.EnsurePlayer(ctx, player); err != nil {
		f.t.Fatal(err)
	}
	if m.OpponentID, err = f.store.EnsurePlayer(ctx, opponent); err != nil {
		f.t.Fatal(err)
	}
	id, err := f.store.EnsureMatch(ctx, m)
	if err != nil {
		f.t.Fatal(err)
	}
	return id
}

func (f filler) game(g leaderboard.Game) {
	f.t.Helper()
	g.Program, g.StartedAt, g.Elapsed = "test", time.Unix(1.7e9, 0), time.Second
	g.PlayerMoves = len(g.Moves) / 2
	g.Attempts = max(g.PlayerMoves, g.Illegal)
	if err := f.store.RecordGame(context.Background(), g); err != nil {
		f.t.Fatal(err)
	}
}

// sample is a database with a game of every kind that the pages treat apart.
func sample(t testing.TB) filler {
	f := newFiller(t)
	paper := leaderboard.Match{Protocol: "sound", Openings: "startpos", OpponentLimit: "movetime 100ms", Seed: 1}
	for i, temperature := range []string{"0", "0.001", "0.1", "0.75", "1"} {
		m := f.match(model("c0ffee", temperature), stockfish("1"), paper)
		for slot := range 12 {
			g := leaderboard.Game{MatchID: m, Slot: slot, PlayerWhite: slot%2 == 0, Moves: codes(t, "", special...)}
			switch {
			case slot < 6-i:
				g.Result, g.Termination = "1-0", "checkmate"
				g.Moves = codes(t, "", mate...)
				g.Evals = []leaderboard.Eval{{Ply: 1, Centipawns: 20}, {Ply: 3, Centipawns: -120}, {Ply: 5, IsMate: true, Mate: -1}}
				if slot%2 == 1 {
					g.LossCause = leaderboard.LostBoard
				}
			case slot == 10:
				g.Result, g.Termination = "1/2-1/2", "threefold repetition"
				if i == 4 {
					g.Illegal, g.Details = 2, []byte(`{"illegal_tries":[{"ply":-3,"texts":["x"]},{"ply":3,"texts":["x"]},{"ply":4,"texts":["g1g8","<i>"]},{"ply":999,"texts":["x"]}]}`)
				}
			default:
				g.Result, g.Termination, g.LossCause, g.Illegal = "0-1", "illegal move", leaderboard.LostIllegal, 5
				g.Details = []byte(`{"illegal_texts":["e1e4","e1e4","Zz9<b>","",""]}`)
				if slot%2 == 1 {
					g.Result = "1-0"
				}
			}
			f.game(g)
		}
	}
	// Names from elsewhere, another scale, a set-up position, a model that is gone.
	evil := model("lost", "0.5")
	evil.Name = hostile
	enemy := stockfish("1")
	enemy.Name, enemy.Spec["name"] = hostile+"2", hostile
	other := leaderboard.Match{Protocol: hostile, Openings: hostile, PlayerLimit: hostile, Adjudication: hostile, Options: map[string]string{hostile: hostile}}
	m := f.match(evil, enemy, other)
	fen := "4k3/8/8/8/8/8/4p3/2K5 b - - 0 40"
	f.game(leaderboard.Game{MatchID: m, Slot: 0, Opening: hostile, StartFEN: fen, Moves: codes(t, fen, "e2e1q", "c1c2"), Result: "0-1", Termination: hostile, LossCause: "", PlayerWhite: false})
	f.game(leaderboard.Game{MatchID: m, Slot: 1, Result: "0-1", Termination: "illegal move", LossCause: leaderboard.LostIllegal, PlayerWhite: true, Illegal: 1, Details: []byte(`{"illegal_texts":["</code><script>alert(2)</script>"]}`)})
	f.game(leaderboard.Game{MatchID: m, Slot: 2, Moves: []uint16{12 | 28<<6, 12 | 28<<6}, Result: "1/2-1/2", Termination: "damaged", PlayerWhite: true})
	return f
}

// readSite opens the database as arena serve does.
func readSite(t testing.TB, f filler, o Options) *Site {
	t.Helper()
	s, err := leaderboard.OpenReadOnly(f.path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	o.Store = s
	site, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return site
}

func get(t testing.TB, h http.Handler, path string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest("GET", path, nil)
	r.Host = "localhost:8017"
	for i := 0; i+1 < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
		} else {
			r.Header.Set(header[i], header[i+1])
		}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// sound fails when a page could run or load anything that is not ours, or has a
// broken tag.
func sound(t *testing.T, name, body string) {
	t.Helper()
	for _, tag := range []string{"<script>alert", "<img", "onerror=alert(1)>", "Zz9<b>", "<b>there"} {
		if strings.Contains(body, tag) {
			t.Errorf("%s: a name became %q", name, tag)
		}
	}
	for _, tag := range regexp.MustCompile(`<[a-z][^<>]*>`).FindAllString(body, -1) {
		if regexp.MustCompile(`\son[a-z]+=|\sstyle=`).MatchString(regexp.MustCompile(`"[^"]*"`).ReplaceAllString(tag, `""`)) {
			t.Errorf("%s: inline code or style in %s", name, tag)
		}
	}
	if strings.Contains(body, "ZgotmplZ") || strings.Contains(body, "\x1b") || strings.Contains(body, "\u202e") || strings.Contains(body, "<no value>") {
		t.Errorf("%s: a refused value or a control character on the page", name)
	}
	for _, element := range []string{"section", "table", "tbody", "tr", "div", "details", "ul", "ol", "svg", "article", "main", "html"} {
		opened := len(regexp.MustCompile(`<`+element+`[\s>]`).FindAllString(body, -1))
		if closed := strings.Count(body, "</"+element+">"); opened != closed {
			t.Errorf("%s: %d <%s> and %d </%s>", name, opened, element, closed, element)
		}
	}
}

func TestPages(t *testing.T) {
	f := sample(t)
	site := readSite(t, f, Options{Models: &fakeModels{}, Title: hostile})
	for path, wants := range map[string][]string{
		"/":                             {"CCRL", "m T=0.001", "T=0.1", `class="plot"`, `class="verdict"`, "the cap of 1500", "5 temperatures", "trained on games up to 1500", "Without a rating", "illegal move", "&lt;script&gt;"},
		"/live":                         {"No game is being played now"},
		"/games":                        {"63 games", "older", "m T=1", "½–½", "/game/6/0"},
		"/games?from=50":                {"newer", "51 to 63"},
		"/games?player=1&result=win":    {"the result is that of the chosen player", "3 games"},
		"/games?cause=illegal&player=1": {"5 games"},
		"/games?player=-3&cause=nothing&result=x&from=-9&match=abc": {"63 games"},
		"/games?player=99":             {"No such games"},
		"/crosstable":                  {"Stockfish 17.1 level 1", "Crosstable 1"},
		"/losses":                      {"on the board", "illegal move", "/games?cause=illegal&amp;player=1"},
		"/illegal":                     {"&lt;i&gt;", "It found a legal move; 2 illegal attempts in the game", "/game/5/10?ply=4", "It lost by it", "e1e4 ×2", "(nothing) ×2", "Zz9&lt;b&gt;", `data-load="/choices/`, `class="arrows"><line`},
		"/game/1/0":                    {"checkmate", "Qxf7#", "-0.20", "#1", `class="evals"`, `data-load="/choices/1/0?player=1"`, "d1h5", "protocol sound"},
		"/game/1/0?ply=2":              {"1... e5", `data-ply="2" aria-current="true"`},
		"/game/1/0?ply=999":            {"4. Qxf7#"},
		"/game/1/0?choices=1":          {"40.0%", "80.0%", "≠", "T = 0"},
		"/game/1/9":                    {"8. O-O", "exd6", "cxb8=Q", "it wrote", "e1e4 ×2"},
		"/game/6/0":                    {"41. Kc2", "e1=Q", "…"},
		"/game/6/0?choices=1":          {"does not begin in the initial position"},
		"/game/6/1?choices=1":          {"No move was made", "no checkpoint &lt;b&gt;there&lt;/b&gt;"},
		"/game/6/2":                    {"The stored game is damaged: ply 2", "e4"},
		"/choices/1/0?player=1":        {"40.0%", "Likeliest at T = 1"},
		"/choices/1/9?player=1&ply=15": {"30.0%", "90.0% of it on legal moves", "a1h8"},
		"/choices/6/1?player=3":        nil,
	} {
		w := get(t, site, path)
		body := w.Body.String()
		if wants == nil {
			continue
		}
		if w.Code != 200 {
			t.Errorf("%s: %d %s", path, w.Code, body)
			continue
		}
		for _, want := range wants {
			if !strings.Contains(body, want) {
				t.Errorf("%s: no %q", path, want)
			}
		}
		sound(t, path, body)
		if csp := w.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: policy %q", path, csp)
		}
	}
	if w := get(t, site, "/games?from=50"); strings.Contains(w.Body.String(), "older") {
		t.Error("a link beyond the last page")
	}
}

func TestMissing(t *testing.T) {
	site := readSite(t, sample(t), Options{})
	for _, path := range []string{
		"/nope", "/game/1", "/game/1/99", "/game/99/0", "/game/x/0", "/game/1/-1", "/game/1/99999999999999999999", "/game/1/0/x",
		"/choices/1/0?player=99", "/choices/1/0", "/choices/1/99?player=1", "/static/../web.go", "/static/", "/templates/layout.html", "/../../etc/passwd", "//", "/%00",
	} {
		w := get(t, site, path)
		if w.Code != http.StatusNotFound || !strings.Contains(w.Body.String(), "To the leaderboard") {
			t.Errorf("%s: %d %.200s", path, w.Code, w.Body.String())
		}
		sound(t, path, w.Body.String())
	}
	if w := get(t, site, "/game/1/0"); !strings.Contains(w.Body.String(), "no model was looked for") {
		t.Error("no word about why there are no probabilities")
	}
}

func TestWhoMayAsk(t *testing.T) {
	site := readSite(t, sample(t), Options{Hosts: []string{"arena.example.org"}})
	for _, test := range []struct {
		host string
		code int
	}{
		{"localhost", 200}, {"LOCALHOST:8017", 200}, {"localhost.", 200}, {"127.0.0.1:8017", 200}, {"[::1]:8017", 200}, {"192.168.1.7", 200},
		{"arena.example.org:80", 200}, {"Arena.Example.org", 200},
		{"evil.example", 421}, {"evil.example:8017", 421}, {"localhost.evil.example", 421}, {"127.0.0.1.evil.example", 421}, {"", 421},
	} {
		if w := get(t, site, "/", "Host", test.host); w.Code != test.code {
			t.Errorf("host %q: %d, want %d", test.host, w.Code, test.code)
		}
	}
	for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS"} {
		r := httptest.NewRequest(method, "/", strings.NewReader("x"))
		r.Host = "localhost"
		w := httptest.NewRecorder()
		site.ServeHTTP(w, r)
		if w.Code != http.StatusMethodNotAllowed {
			t.Errorf("%s: %d", method, w.Code)
		}
	}
	if w := get(t, site, "/choices/1/0?player=1", "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors"); w.Code != http.StatusForbidden {
		t.Errorf("another site may load our pages: %d", w.Code)
	}
	if w := get(t, site, "/", "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"); w.Code != 200 {
		t.Errorf("a link from another site: %d", w.Code)
	}
}

// TestRenewal: a page that has not changed is not sent again, a new game is on
// the next one.
func TestRenewal(t *testing.T) {
	f := sample(t)
	site := readSite(t, f, Options{})
	for _, path := range []string{"/", "/games", "/crosstable", "/losses", "/illegal"} {
		first := get(t, site, path)
		tag := first.Header().Get("ETag")
		if w := get(t, site, path, "If-None-Match", tag); tag == "" || w.Code != http.StatusNotModified || w.Body.Len() > 0 {
			t.Errorf("%s: %d, %d bytes, tag %q", path, w.Code, w.Body.Len(), tag)
		}
	}
	before := get(t, site, "/games").Body.String()
	f.game(leaderboard.Game{MatchID: 1, Slot: 500, PlayerWhite: true, Moves: codes(t, "", mate...), Result: "1-0", Termination: "checkmate"})
	site.snapshot.at = time.Time{} // the rest after the last rating is over
	after := get(t, site, "/games").Body.String()
	if !strings.Contains(before, "63 games") || !strings.Contains(after, "64 games") || !strings.Contains(after, "1.500") {
		t.Error("the new game is not there")
	}
	if w := get(t, site, "/"); !strings.Contains(w.Body.String(), "of 13 games") {
		t.Error("the leaderboard has not been made again")
	}
}

func TestLive(t *testing.T) {
	ctx := context.Background()
	f := sample(t)
	m := f.match(model("c0ffee", "0.1"), stockfish("1"), leaderboard.Match{Protocol: "sound", Openings: "startpos", OpponentLimit: "movetime 100ms", Seed: 1})
	for slot := 700; slot < 706; slot++ {
		if ok, err := f.store.Claim(ctx, "this", m, slot, slot%2 == 0); !ok || err != nil {
			t.Fatal(ok, err)
		}
	}
	live := []leaderboard.Live{
		{MatchID: m, Slot: 700, PlayerWhite: true, Moves: codes(t, "", mate[:6]...), Evals: []leaderboard.Eval{{Ply: 1, Centipawns: 30}, {Ply: 3, Centipawns: -210}}, WhiteClock: 83 * time.Second, BlackClock: 9 * time.Second},
		{MatchID: m, Slot: 701, Moves: []uint16{1}, WhiteClock: -1, BlackClock: -1},
		{MatchID: m, Slot: 702, StartFEN: "nonsense", WhiteClock: -1, BlackClock: -1},
	}
	if err := f.store.Refresh(ctx, "this", live); err != nil {
		t.Fatal(err)
	}
	site := readSite(t, f, Options{})
	body := get(t, site, "/live").Body.String()
	for _, want := range []string{"3... Nf6", "+2.10", "clocks 1:23 – 0:09", `class="evals"`, "Last move from g8 to f6"} {
		if !strings.Contains(body, want) {
			t.Errorf("no %q", want)
		}
	}
	if n := strings.Count(body, "<article"); n != 6 {
		t.Errorf("%d games, want 6", n)
	}
	sound(t, "/live", body)
	front := get(t, site, "/").Body.String()
	if n := strings.Count(front, "<article"); n != 4 || !strings.Contains(front, "6 games</a>") {
		t.Errorf("%d games on the front page, want 4 of 6", n)
	}
}

func TestEmptyAndDamagedDatabases(t *testing.T) {
	f := newFiller(t)
	site := readSite(t, f, Options{})
	for _, path := range []string{"/", "/live", "/games", "/crosstable", "/losses", "/illegal"} {
		w := get(t, site, path)
		if w.Code != 200 || !regexp.MustCompile(`No games yet|No game is|No such games|None\.`).MatchString(w.Body.String()) {
			t.Errorf("%s: %d", path, w.Code)
		}
		sound(t, path, w.Body.String())
	}
	var report bytes.Buffer
	if err := site.WriteReport(context.Background(), &report, ReportOptions{}); err != nil {
		t.Error(err)
	}
	sound(t, "report", report.String())

	// A disk fails under a running server.
	f = sample(t)
	if err := f.store.Close(); err != nil {
		t.Fatal(err)
	}
	site = readSite(t, f, Options{})
	b, err := os.ReadFile(f.path)
	if err != nil {
		t.Fatal(err)
	}
	for i := 4096; i < len(b); i++ {
		b[i] = byte(i * 7)
	}
	if err := os.WriteFile(f.path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/", "/live", "/games", "/crosstable", "/losses", "/illegal", "/game/5/7"} {
		w := get(t, site, path)
		if w.Code != http.StatusInternalServerError || !strings.Contains(w.Body.String(), "damaged") || !strings.Contains(html.UnescapeString(w.Body.String()), `.recover" saves`) {
			t.Errorf("%s: %d %.300s", path, w.Code, w.Body.String())
		}
	}
}

// TestPanic: a page that cannot be made is one page.
func TestPanic(t *testing.T) {
	var told error
	h := recovered(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("broken") }), func(err error) { told = err })
	if w := get(t, h, "/"); w.Code != http.StatusInternalServerError || told == nil || !strings.Contains(told.Error(), "broken") {
		t.Errorf("%d, %v", w.Code, told)
	}
}

// TestChoicesAreRemembered: a game is asked about once.
func TestChoicesAreRemembered(t *testing.T) {
	models := &fakeModels{}
	site := readSite(t, sample(t), Options{Models: models})
	for range 3 {
		get(t, site, "/choices/1/0?player=1")
	}
	if models.asked != 1 {
		t.Errorf("asked %d times", models.asked)
	}
	get(t, site, "/choices/1/9?player=1&ply=15")
	if models.asked != 2 {
		t.Error("another question has the first one's answer")
	}
}

// TestPliesOfChoices: a model is asked at each of its moves, and at the end where it lost for want of
// one, whichever side of the match it was.
func TestPliesOfChoices(t *testing.T) {
	f := newFiller(t)
	m := f.match(model("c0ffee", "0"), model("decaf", "1"), leaderboard.Match{Openings: "startpos", Seed: 1})
	for slot, g := range []leaderboard.Game{
		{Moves: codes(t, "", mate...), Result: "1-0", Termination: "checkmate", OpponentCause: leaderboard.LostBoard},
		{Moves: codes(t, "", mate[:4]...), Result: "0-1", Termination: "illegal move", LossCause: leaderboard.LostIllegal},
		{Moves: codes(t, "", mate[:3]...), Result: "1-0", Termination: "illegal move", OpponentCause: leaderboard.LostIllegal},
	} {
		g.MatchID, g.Slot, g.PlayerWhite = m, slot, true
		f.game(g)
	}
	models := &fakeModels{}
	site := readSite(t, f, Options{Models: models})
	for _, test := range []struct {
		slot, player int
		want         []int
	}{
		{0, 1, []int{0, 2, 4, 6}}, {0, 2, []int{1, 3, 5}},
		{1, 1, []int{0, 2, 4}}, {1, 2, []int{1, 3}},
		{2, 1, []int{0, 2}}, {2, 2, []int{1, 3}},
	} {
		models.plies = nil
		get(t, site, fmt.Sprintf("/choices/%d/%d?player=%d", m, test.slot, test.player))
		if !slices.Equal(models.plies, test.want) {
			t.Errorf("game %d, player %d: asked at %v, want %v", test.slot, test.player, models.plies, test.want)
		}
	}
}

func TestReport(t *testing.T) {
	site := readSite(t, sample(t), Options{Models: &fakeModels{}, Title: hostile})
	var b bytes.Buffer
	steps := 0
	err := site.WriteReport(context.Background(), &b, ReportOptions{Games: 40, Gallery: 5, Choices: true, Made: time.Unix(1.7e9, 0), Progress: func(int, int) { steps++ }})
	if err != nil {
		t.Fatal(err)
	}
	body := b.String()
	sound(t, "report", body)
	for _, want := range []string{"The latest 40 of 63 games", "Illegal moves", "Crosstable", "40.0%", "2023-11-14", "sha256-", `class="plot"`, "positions(start, moves)"} {
		if !strings.Contains(body, want) {
			t.Errorf("no %q", want)
		}
	}
	if steps != 40 || strings.Count(body, `class="gamefold"`) != 40 || strings.Count(body, "<article") != 5 {
		t.Errorf("%d steps, %d games, %d positions", steps, strings.Count(body, `class="gamefold"`), strings.Count(body, "<article"))
	}
	// It needs nothing else: no address leads out of it, and those inside lead
	// somewhere.
	for _, m := range regexp.MustCompile(`\s(?:href|src|action|data-load)="([^"]*)"`).FindAllStringSubmatch(body, -1) {
		if m[1] == "data:," {
			continue
		}
		if !strings.HasPrefix(m[1], "#") || !strings.Contains(body, fmt.Sprintf(`id="%s"`, m[1][1:])) {
			t.Errorf("the address %q", m[1])
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := site.WriteReport(ctx, &b, ReportOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
	// Without models the report says so.
	b.Reset()
	if err := readSite(t, sample(t), Options{}).WriteReport(context.Background(), &b, ReportOptions{}); err != nil || !strings.Contains(b.String(), "no model was looked for") {
		t.Error("no reason why there are no probabilities", err)
	}
}

// TestTournament: players who meet as equals, told apart by their limits, have
// ratings of their own; those of the paper's formula come out.
func TestTournament(t *testing.T) {
	ctx := context.Background()
	f := newFiller(t)
	engine := leaderboard.Player{Name: "engine", Spec: map[string]string{"kind": "uci", "name": "Engine 1"}}
	limits := []string{"nodes 100", "nodes 200", "nodes 400"}
	tournament := leaderboard.Tournament{Name: "t", Kind: leaderboard.RoundRobin, Seed: 1}
	id, err := f.store.EnsurePlayer(ctx, engine)
	if err != nil {
		t.Fatal(err)
	}
	for i, limit := range limits {
		tournament.Entrants = append(tournament.Entrants, leaderboard.Entrant{PlayerID: id, Name: fmt.Sprintf("entrant %c", 'A'+i), Limit: limit})
	}
	number, err := f.store.EnsureTournament(ctx, tournament)
	if err != nil {
		t.Fatal(err)
	}
	var pairings []leaderboard.Pairing
	for i := range limits {
		for j := i + 1; j < len(limits); j++ {
			m := f.match(engine, engine, leaderboard.Match{Openings: "builtin", PlayerLimit: limits[i], OpponentLimit: limits[j], Seed: 1})
			pairings = append(pairings, leaderboard.Pairing{Board: len(pairings), First: i, Second: j, MatchID: m, Games: 40})
			for slot := range 40 {
				// The later one takes three quarters of the points, with either color.
				g := leaderboard.Game{MatchID: m, Slot: slot, PlayerWhite: slot%2 == 0, Moves: codes(t, "", mate...), Termination: "checkmate", Result: "0-1", LossCause: leaderboard.LostBoard}
				if slot%8 < 2 {
					g.Result, g.LossCause = "1-0", leaderboard.NotLost
				}
				if !g.PlayerWhite {
					g.Result = map[string]string{"1-0": "0-1", "0-1": "1-0"}[g.Result]
				}
				f.game(g)
			}
		}
	}
	if err := f.store.SetPairings(ctx, number, 0, pairings); err != nil {
		t.Fatal(err)
	}
	site := readSite(t, f, Options{})
	body := get(t, site, "/").Body.String()
	sound(t, "/", body)
	row := regexp.MustCompile(`<bdi>(entrant .)</bdi></a></th><td class="number rating"><strong>([^<]*)</strong> <small>([^<]*)</small></td><td class="number nowrap">(\d+½?)<small>/(\d+)`)
	var got []string
	for _, m := range row.FindAllStringSubmatch(html.UnescapeString(body), -1) {
		got = append(got, strings.Join(m[1:3], " ")+" "+strings.Join(m[4:], "/"))
	}
	// Maximum likelihood: x/2 for each step of one place, 0 for the middle, where
	// 2*0.75 = e(x) + e(2x) with e the expected score, gives x = 131.4.
	if want := []string{"entrant C +131 60/80", "entrant B +0 40/80", "entrant A -131 20/80"}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%q, want %q", got, want)
	}
	if strings.Contains(body, "Without a rating") {
		t.Error("the tournament is shown twice")
	}
	cross := get(t, site, "/crosstable").Body.String()
	sound(t, "/crosstable", cross)
	for _, want := range []string{"entrant A", "30<small>/40", "10<small>/40", "×"} {
		if !strings.Contains(cross, want) {
			t.Errorf("no %q in the crosstable", want)
		}
	}
	games := get(t, site, "/games").Body.String()
	if !strings.Contains(games, "<bdi>entrant B</bdi> <span class=\"muted\">–</span> <bdi>entrant C</bdi>") {
		t.Error("games do not tell entrants apart")
	}
}

// TestCrosstableWithBounds: who won both of its games is above those that it won against.
func TestCrosstableWithBounds(t *testing.T) {
	f := newFiller(t)
	player := func(name string) leaderboard.Player {
		return leaderboard.Player{Name: name, Spec: map[string]string{"kind": "uci", "name": name}}
	}
	play := func(a, b string, results ...string) {
		m := f.match(player(a), player(b), leaderboard.Match{Openings: "startpos", Seed: 1})
		for slot, result := range results {
			g := leaderboard.Game{MatchID: m, Slot: slot, PlayerWhite: slot%2 == 0, Moves: codes(t, "", mate...), Result: result, Termination: "checkmate"}
			if (result == "0-1") == g.PlayerWhite {
				g.LossCause = leaderboard.LostBoard
			}
			f.game(g)
		}
	}
	play("engine A", "engine B", "1-0", "1-0", "0-1", "0-1", "1-0", "1-0", "0-1", "0-1")
	play("engine B", "engine A", "1-0", "1-0", "0-1", "0-1")
	play("engine C", "engine A", "1-0", "0-1")
	play("engine B", "engine C", "0-1")
	body := get(t, readSite(t, f, Options{}), "/crosstable").Body.String()
	row := regexp.MustCompile(`<th scope="row">.*?<bdi>(engine .)</bdi>`)
	var order []string
	for _, m := range row.FindAllStringSubmatch(body, -1) {
		order = append(order, m[1])
	}
	if len(order) != 3 || order[0] != "engine C" {
		t.Errorf("the order is %q", order)
	}
}

// TestCauseNames: every cause of a loss has words.
func TestCauseNames(t *testing.T) {
	for _, c := range leaderboard.LossCauses() {
		if causeNames[c] == "" {
			t.Errorf("pages have no words for %q", c)
		}
	}
	if len(causeNames) != len(leaderboard.LossCauses()) {
		t.Errorf("%d causes have words, there are %d", len(causeNames), len(leaderboard.LossCauses()))
	}
}
