package web

// The pages: what is asked for, and what they are made of.

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"transcend/elo/leaderboard"
)

//go:embed templates static
var files embed.FS

// page is what every template gets.
type page struct {
	Heading string
	Pages   []link
	Pieces  template.HTML
	Content any
	Games   int
	Poll    int    // seconds between renewals; 0: never
	Version string // of style and script

	// Of a report alone.
	Static bool
	Policy string
	Style  template.CSS
	Script template.JS
	Made   string
}

type link struct {
	Name, Address string
	Here          bool
}

var sitePages = []link{
	{"Leaderboard", "/", false}, {"In play", "/live", false}, {"Games", "/games", false}, {"Crosstable", "/crosstable", false},
	{"Losses", "/losses", false}, {"Illegal moves", "/illegal", false},
}

// functions are what templates call. Addresses are made here alone, so that a
// report can have others.
func functions(title string) template.FuncMap {
	return template.FuncMap{
		"title":  func() string { return shown(title) },
		"home":   func() string { return "/" },
		"player": func(id int64) string { return fmt.Sprintf("/games?player=%d", id) },
		"game":   func(match int64, slot int) string { return fmt.Sprintf("/game/%d/%d", match, slot) },
		"ply":    func(match int64, slot, ply int) string { return fmt.Sprintf("/game/%d/%d?ply=%d", match, slot, ply) },
		"cause": func(player int64, c leaderboard.LossCause) string {
			return "/games?" + url.Values{"player": {strconv.FormatInt(player, 10)}, "cause": {string(c)}}.Encode()
		},
		"before":  func(ply int) int { return max(0, ply-1) },
		"after":   func(ply, plies int) int { return min(plies, ply+1) },
		"counted": counted,
		"move": func(match int64, slot int, m *moveView) map[string]any {
			return map[string]any{"Address": fmt.Sprintf("/game/%d/%d?ply=%d", match, slot, m.Ply), "Ply": m.Ply, "SAN": m.SAN, "Eval": m.Eval, "Last": m.Last}
		},
		"choices": func(m modelView, match int64, slot int) choicesPage {
			return choicesPage{Model: m, Match: match, Slot: slot}
		},
	}
}

// boardPage is the leaderboard.
type boardPage struct {
	Tables []tableView
	// Tournaments are the crosstables whose players meet as equals.
	Tournaments []crossView
	Causes      []lossView
	Live        []liveView
	// Confidence is that of the tables, which one command asks for once.
	Confidence string
}

func (s *Site) boardPage(snap *snapshot) boardPage {
	b := boardPage{Confidence: "95%"}
	for _, c := range snap.viewCross() {
		if c.Equals {
			b.Tournaments = append(b.Tournaments, c)
		}
	}
	b.Tables = s.viewTables(snap, b.Tournaments)
	all := map[leaderboard.LossCause]int{}
	for _, t := range snap.tallies {
		for c, n := range t.Losses {
			all[c] += n
		}
	}
	b.Causes, _ = viewLosses(all)
	if len(b.Tables) > 0 {
		b.Confidence = b.Tables[0].Confidence
	}
	return b
}

// live is the games in play.
func (s *Site) live(ctx context.Context, snap *snapshot) ([]liveView, error) {
	games, err := s.opt.Store.Live(ctx)
	if err != nil {
		return nil, err
	}
	views := make([]liveView, 0, len(games))
	for _, g := range games {
		m, ok := snap.matches[g.MatchID]
		if !ok {
			if m, err = s.opt.Store.Match(ctx, g.MatchID); err != nil {
				continue // a match newer than the snapshot of this moment
			}
		}
		white, black := snap.sides(m, g.PlayerWhite)
		board, _ := replay(g.StartFEN, g.Moves) // what can be played is shown
		v := liveView{gameView: gameView{gameRow: gameRow{Match: g.MatchID, Slot: g.Slot, White: white, Black: black, PlayerWhite: g.PlayerWhite}}}
		v.layOut(board, g.Evals, -1)
		if g.WhiteClock >= 0 && g.BlackClock >= 0 {
			v.Clocks = [2]string{clockText(g.WhiteClock), clockText(g.BlackClock)}
		}
		for _, e := range g.Evals {
			if !e.NoScore {
				v.Last = evalText(e, v.BlackFirst)
			}
		}
		views = append(views, v)
	}
	return views, nil
}

func clockText(d time.Duration) string {
	d = max(d, 0)
	return fmt.Sprintf("%d:%02d", int(d.Minutes()), int(d.Seconds())%60)
}

const (
	gamesAPage   = 50
	galleryAPage = 12
)

// gamesPage is a list of games.
type gamesPage struct {
	Rows         []gameRow
	Total        int
	From, To     int
	Newer, Older string

	Players   []playerView
	Player    int64
	Results   []string
	Result    string
	Causes    []lossView
	Cause     leaderboard.LossCause
	Explained string
	Games     []illegalView // of the gallery
}

// illegalView is a game in which a player proposed illegal moves.
type illegalView struct {
	gameView
	Lost     bool // by it
	Attempts int  // illegal ones
	Model    modelView
	Counted  []string
}

// filterOf reads a filter from an address; what means nothing is left out.
func filterOf(q url.Values) leaderboard.Filter {
	var f leaderboard.Filter
	f.Player, _ = strconv.ParseInt(q.Get("player"), 10, 64)
	f.Match, _ = strconv.ParseInt(q.Get("match"), 10, 64)
	f.Player, f.Match = max(f.Player, 0), max(f.Match, 0)
	if o, ok := outcomes[q.Get("result")]; ok {
		f.Outcome = &o
	}
	if c := leaderboard.LossCause(q.Get("cause")); slices.Contains(leaderboard.LossCauses(), c) {
		f.Cause = c
	}
	return f
}

func offsetOf(q url.Values) int {
	n, _ := strconv.Atoi(q.Get("from"))
	return min(max(n, 0), 1<<40)
}

// turn fills in where the neighboring pages of a list are.
func (g *gamesPage) turn(path string, q url.Values, offset, n, size int) {
	at := func(offset int) string {
		next := url.Values{}
		for _, k := range []string{"player", "match", "result", "cause"} {
			if v := q.Get(k); v != "" {
				next.Set(k, v)
			}
		}
		if offset > 0 {
			next.Set("from", strconv.Itoa(offset))
		}
		return path + "?" + next.Encode()
	}
	g.From, g.To = offset+1, offset+n
	if offset > 0 {
		g.Newer = at(max(0, offset-size))
	}
	if offset+n < g.Total {
		g.Older = at(offset + size)
	}
}

func (s *Site) gamesPage(ctx context.Context, snap *snapshot, q url.Values) (gamesPage, error) {
	f, offset := filterOf(q), offsetOf(q)
	games, total, err := s.opt.Store.FindGames(ctx, f, gamesAPage, offset)
	if err != nil {
		return gamesPage{}, err
	}
	p := gamesPage{Total: total, Player: f.Player, Cause: f.Cause, Results: []string{"win", "draw", "loss"}}
	if f.Outcome != nil {
		p.Result = f.Outcome.String()
		p.Explained = "the result is that of the player under test"
		if f.Player != 0 {
			p.Explained = "the result is that of the chosen player"
		}
	}
	for _, g := range games {
		p.Rows = append(p.Rows, snap.row(g))
	}
	for _, player := range snap.players {
		p.Players = append(p.Players, viewPlayer(player))
	}
	slices.SortFunc(p.Players, func(a, b playerView) int { return int(a.ID - b.ID) })
	for i, c := range leaderboard.LossCauses() {
		p.Causes = append(p.Causes, lossView{Cause: c, Class: i, Name: causeName(c)})
	}
	p.turn("/games", q, offset, len(games), gamesAPage)
	return p, nil
}

// gallery is the games with illegal moves of the player under test; ask gets the choices
// as well.
func (s *Site) gallery(ctx context.Context, snap *snapshot, q url.Values, size int, ask bool) (gamesPage, error) {
	offset := offsetOf(q)
	f := filterOf(q)
	f.Illegal, f.Outcome = true, nil
	games, total, err := s.opt.Store.FindGames(ctx, f, size, offset)
	if err != nil {
		return gamesPage{}, err
	}
	p := gamesPage{Total: total}
	for _, g := range games {
		v := viewIllegal(snap, g)
		if v.Model.Temperature == "" { // an engine
			v.Model.Why = "this player is no model"
		} else if s.opt.Models == nil {
			v.Model.Why = errNoModels.Error()
		} else if ask {
			s.answer(ctx, snap, g, &v.Model, v.Ply)
		}
		p.Games = append(p.Games, v)
	}
	p.turn("/illegal", q, offset, len(games), size)
	return p, nil
}

// viewIllegal shows a game where its loser found no legal move, or where the first
// illegal one of those that are stored was proposed.
func viewIllegal(snap *snapshot, g leaderboard.Game) illegalView {
	// Whose it was: the player under test's, if it had any.
	white, attempts := g.PlayerWhite, g.Illegal
	lost := g.LossCause == leaderboard.LostIllegal
	if attempts == 0 || g.OpponentCause == leaderboard.LostIllegal {
		white, attempts, lost = !white, g.OpponentIllegal, g.OpponentCause == leaderboard.LostIllegal
	}
	v := illegalView{gameView: snap.viewGame(g, -1), Lost: lost, Attempts: attempts}
	if !lost {
		for _, ply := range slices.Sorted(maps.Keys(v.Tries)) {
			if ply < v.Plies && blackMoved(ply, v.BlackFirst) != white {
				v.gameView = snap.viewGame(g, ply)
				break
			}
		}
	}
	v.Counted = counted(v.Tries[v.Ply])
	id := g.White
	if !white {
		id = g.Black
	}
	v.Model = modelView{Player: viewPlayer(snap.player(id)), White: white}
	for _, m := range v.Models {
		if m.White == white {
			v.Model = m
		}
	}
	return v
}

// answer asks for the choices of a game's model, or says why there are none.
func (s *Site) answer(ctx context.Context, snap *snapshot, g leaderboard.Game, m *modelView, ply int) {
	all, err := s.choices(ctx, g, snap.player(m.Player.ID), m.White, ply)
	if err == nil {
		board, _ := replay(g.StartFEN, g.Moves)
		if m.Choices = viewChoices(board, all); len(m.Choices) == 0 {
			m.Why = "it was never asked for a move that its context holds"
		}
		return
	}
	m.Why = long(err.Error())
}

// choicesPage is a model's choices in a game.
type choicesPage struct {
	Model modelView
	Match int64
	Slot  int
	Short bool
	Why   string
}

// errorPage says what went wrong.
type errorPage struct{ Text, Hint string }

// version names the content of style and script, for caches.
func (s *Site) version() string {
	h := sha256.New()
	h.Write(s.style)
	h.Write(s.script)
	return hex.EncodeToString(h.Sum(nil))[:12]
}

func (s *Site) newPage(heading, path string, content any) page {
	art, _ := pieces() // New has tried it
	p := page{Heading: heading, Pieces: art, Content: content, Version: s.version(), Poll: 2}
	for _, l := range sitePages {
		l.Here = l.Address == path
		p.Pages = append(p.Pages, l)
	}
	return p
}

var _ http.Handler = (*Site)(nil)
