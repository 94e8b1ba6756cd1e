package web

// The site over HTTP.

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"transcend/elo/leaderboard"
)

// policy is the content security policy of every answer: nothing but our own
// style and script, no inline code, no frames.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// NewServer is a server of the site whose limits on time and size bound what a
// visitor can occupy. The caller gives it a listener and shuts it down.
func NewServer(s *Site, onError func(error)) *http.Server {
	return &http.Server{
		Handler:           recovered(s, onError),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      2 * time.Minute, // a slow model on a long game
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
	}
}

// recovered answers a request that panicked and tells of it.
func recovered(next http.Handler, onError func(error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if p := recover(); p != nil {
				onError(fmt.Errorf("web: %s: %v\n%s", r.URL.Path, p, debug.Stack()))
				http.Error(w, "this page could not be made; the server's terminal says why", http.StatusInternalServerError)
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// ServeHTTP implements http.Handler.
func (s *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	switch {
	case !s.knownHost(r.Host):
		// A page elsewhere whose name was pointed at this machine (DNS rebinding)
		// would be of our origin otherwise.
		http.Error(w, "unknown host: ask for the address that arena serve printed, or name this one with --host", http.StatusMisdirectedRequest)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		h.Set("Allow", "GET, HEAD")
		http.Error(w, "this site is only read", http.StatusMethodNotAllowed)
	case r.Header.Get("Sec-Fetch-Site") == "cross-site" && r.Header.Get("Sec-Fetch-Mode") != "navigate":
		http.Error(w, "for pages of this site only", http.StatusForbidden)
	default:
		s.route(w, r)
	}
}

// knownHost says whether a Host header is one that this site goes by: addresses
// cannot be rebound, and names are known.
func (s *Site) knownHost(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.TrimSuffix(strings.Trim(name, "[]"), ".")
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	return strings.EqualFold(name, "localhost") || slices.ContainsFunc(s.opt.Hosts, func(h string) bool { return strings.EqualFold(h, name) })
}

func (s *Site) route(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/static/style.css":
		s.asset(w, r, "text/css; charset=utf-8", s.style)
		return
	case "/static/app.js":
		s.asset(w, r, "text/javascript; charset=utf-8", s.script)
		return
	}
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	var err error
	switch {
	case r.URL.Path == "/":
		err = s.serveBoard(w, r)
	case len(parts) == 1 && slices.Contains([]string{"live", "games", "crosstable", "losses", "illegal"}, parts[0]):
		err = s.serveList(w, r, parts[0])
	case len(parts) == 3 && (parts[0] == "game" || parts[0] == "choices"):
		err = s.serveGame(w, r, parts[0], parts[1], parts[2])
	default:
		err = errNoPage
	}
	if err != nil {
		s.fail(w, r, err)
	}
}

var errNoPage = errors.New("there is no such page")

func (s *Site) serveBoard(w http.ResponseWriter, r *http.Request) error {
	snap, err := s.current(r.Context())
	if err != nil {
		return err
	}
	content := s.boardPage(snap)
	if content.Live, err = s.live(r.Context(), snap); err != nil {
		return err
	}
	return s.send(w, r, "leaderboard-page", s.newPage("Leaderboard", "/", content), snap)
}

func (s *Site) serveList(w http.ResponseWriter, r *http.Request, name string) error {
	ctx, q := r.Context(), r.URL.Query()
	snap, err := s.current(ctx)
	if err != nil {
		return err
	}
	var content any
	var template, heading string
	switch name {
	case "live":
		template, heading = "live-page", "Games in play"
		content, err = s.live(ctx, snap)
	case "games":
		template, heading = "games-page", "Games"
		content, err = s.gamesPage(ctx, snap, q)
	case "crosstable":
		template, heading, content = "cross-page", "Crosstable", snap.viewCross()
	case "losses":
		template, heading, content = "losses-page", "Losses by cause", snap.viewLosses()
	case "illegal":
		template, heading = "illegal-page", "Illegal moves"
		content, err = s.gallery(ctx, snap, q, galleryAPage, false)
	}
	if err != nil {
		return err
	}
	return s.send(w, r, template, s.newPage(heading, "/"+name, content), snap)
}

// serveGame is a game, or the choices of a model in it.
func (s *Site) serveGame(w http.ResponseWriter, r *http.Request, what, matchText, slotText string) error {
	ctx, q := r.Context(), r.URL.Query()
	match, err := strconv.ParseInt(matchText, 10, 64)
	slot, slotErr := strconv.ParseUint(slotText, 10, 31)
	if err != nil || slotErr != nil {
		return errNoPage
	}
	snap, err := s.current(ctx)
	if err != nil {
		return err
	}
	g, err := s.opt.Store.Game(ctx, match, int(slot))
	if err != nil {
		return err
	}
	ply := -1
	if n, err := strconv.ParseUint(q.Get("ply"), 10, 16); err == nil {
		ply = int(n)
	}
	v := snap.viewGame(g, ply)
	if what == "choices" {
		id, _ := strconv.ParseInt(q.Get("player"), 10, 64)
		for _, m := range v.Models {
			if m.Player.ID == id {
				s.answer(ctx, snap, g, &m, ply)
				return s.send(w, r, "choices-fragment", choicesPage{Model: m, Match: match, Slot: int(slot), Short: ply >= 0, Why: m.Why}, nil)
			}
		}
		return errNoPage
	}
	for i := range v.Models {
		if s.opt.Models == nil {
			v.Models[i].Why = errNoModels.Error()
		} else if q.Get("choices") != "" {
			s.answer(ctx, snap, g, &v.Models[i], -1)
		}
	}
	return s.send(w, r, "game-page", s.newPage(fmt.Sprintf("%s – %s", v.White.Name, v.Black.Name), "", v), snap)
}

func (s *Site) asset(w http.ResponseWriter, r *http.Request, kind string, b []byte) {
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", "max-age=31536000, immutable") // the address has its version
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(b))
}

// send answers with a page, or, to a page that renews itself and has it already,
// that nothing is new.
func (s *Site) send(w http.ResponseWriter, r *http.Request, template string, content any, snap *snapshot) error {
	if p, ok := content.(page); ok && snap != nil {
		p.Games = snap.games()
		content = p
	}
	// A page is written when it is whole: an error in the middle would be half
	// a page with status 200.
	var out bytes.Buffer
	if err := s.templates.ExecuteTemplate(&out, template, content); err != nil {
		return fmt.Errorf("web: %w", err)
	}
	sum := sha256.Sum256(out.Bytes())
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("ETag", `"`+hex.EncodeToString(sum[:12])+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(out.Bytes()))
	return nil
}

// fail answers with an error in words.
func (s *Site) fail(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil {
		return // nobody waits for an answer
	}
	status, heading := http.StatusInternalServerError, "This page could not be made"
	content := errorPage{Text: long(err.Error())}
	var stored *leaderboard.Error
	switch {
	case errors.Is(err, errNoPage):
		status, heading = http.StatusNotFound, "No such page"
		content.Text = "The address names nothing here."
	case errors.Is(err, leaderboard.ErrNotFound):
		status, heading = http.StatusNotFound, "No such game"
		content.Text = "The database has no game under this number. It may still be in play."
	case errors.As(err, &stored):
		if errors.Is(err, leaderboard.ErrLocked) {
			status = http.StatusServiceUnavailable
		}
		heading = "The database cannot be read"
		content = errorPage{Text: long(stored.Error())}
	case errors.Is(err, context.DeadlineExceeded):
		status = http.StatusServiceUnavailable
	}
	var out bytes.Buffer
	p := s.newPage(heading, "", content)
	p.Poll = 0
	if err := s.templates.ExecuteTemplate(&out, "error", p); err != nil {
		http.Error(w, content.Text, status)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(out.Bytes())
}
