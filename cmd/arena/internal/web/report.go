package web

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"net/url"
	"time"

	"transcend/elo/leaderboard"
)

// ReportOptions say how much a report holds.
type ReportOptions struct {
	Games   int // at most, the latest; 0: all
	Gallery int // positions with illegal moves at most; 0: all
	// Choices asks the models about every game shown.
	Choices bool
	Made    time.Time
	// Progress is told after each game; may be nil.
	Progress func(done, total int)
}

// reportPages are the sections of a report.
var reportPages = []link{
	{"Leaderboard", "#leaderboard", false}, {"Crosstable", "#crosstable", false}, {"Losses", "#losses", false}, {"Illegal moves", "#illegal", false}, {"Games", "#games", false},
}

type reportPage struct {
	Board   boardPage
	Cross   []crossView
	Losses  []lossesView
	Illegal gamesPage
	Games   []gameView
}

// WriteReport writes everything as one HTML file that needs nothing else.
func (s *Site) WriteReport(ctx context.Context, w io.Writer, o ReportOptions) error {
	snap, err := s.current(ctx)
	if err != nil {
		return err
	}
	games, total, err := s.opt.Store.FindGames(ctx, leaderboard.Filter{}, o.Games, 0)
	if err != nil {
		return err
	}
	content := reportPage{Board: s.boardPage(snap), Cross: snap.viewCross(), Losses: snap.viewLosses()}
	if content.Illegal, err = s.gallery(ctx, snap, url.Values{}, o.Gallery, o.Choices); err != nil {
		return err
	}
	content.Illegal.Newer, content.Illegal.Older = "", ""
	inFile := map[string]bool{}
	for i, g := range games {
		v := snap.viewGame(g, -1)
		for m := range v.Models {
			switch {
			case s.opt.Models == nil:
				v.Models[m].Why = errNoModels.Error()
			case o.Choices:
				s.answer(ctx, snap, g, &v.Models[m], -1)
			default:
				v.Models[m].Why = "they were not asked for (--choices)"
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		content.Games = append(content.Games, v)
		inFile[v.ID()] = true
		if o.Progress != nil {
			o.Progress(i+1, len(games))
		}
	}
	for i := range content.Illegal.Games {
		if g := &content.Illegal.Games[i]; g.Model.Choices == nil && g.Model.Why == "" {
			g.Model.Why = "they were not asked for (--choices)"
		}
	}
	t, err := s.base.Clone()
	if err != nil {
		return fmt.Errorf("web: %w", err)
	}
	game := func(match int64, slot int) string {
		if id := (gameRow{Match: match, Slot: slot}).ID(); inFile[id] {
			return "#" + id
		}
		return "#games"
	}
	t.Funcs(template.FuncMap{
		"home":   func() string { return "#main" },
		"player": func(int64) string { return "#games" },
		"game":   game,
		"ply":    func(match int64, slot, _ int) string { return game(match, slot) },
		"cause":  func(int64, leaderboard.LossCause) string { return "#games" },
		"move": func(match int64, slot int, m *moveView) map[string]any {
			return map[string]any{"Address": game(match, slot), "Ply": m.Ply, "SAN": m.SAN, "Eval": m.Eval, "Last": m.Last}
		},
	})
	p := s.newPage("Arena report", "", content)
	p.Static, p.Poll, p.Pages = true, 0, reportPages
	p.Style, p.Script = template.CSS(s.style), template.JS(s.script)
	p.Games, p.Made = total, o.Made.UTC().Format("2006-01-02 15:04 UTC")
	// Nothing runs in the file but what this program put there.
	p.Policy = fmt.Sprintf("default-src 'none'; img-src data:; style-src '%s'; script-src '%s'; base-uri 'none'; form-action 'none'", hashSource(s.style), hashSource(s.script))
	if err := t.ExecuteTemplate(w, "report", p); err != nil {
		return fmt.Errorf("web: writing the report: %w", err)
	}
	return nil
}

func hashSource(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}
