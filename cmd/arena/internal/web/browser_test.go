package web

// The pages in a real browser: Chromium, told over a pipe what to do (the Chrome
// DevTools Protocol). Skipped where there is none.

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"transcend/elo/leaderboard"
)

// browser is a running Chromium with one page.
type browser struct {
	t       *testing.T
	to      *os.File
	session string

	mu      sync.Mutex
	next    int
	waiting map[int]chan answer
	loaded  chan struct{} // a page has loaded
	// complaints are what the console shows: errors, and what the content security
	// policy refused. requests are all addresses that were asked for.
	complaints, requests []string
}

type answer struct {
	ID     int
	Method string
	Params json.RawMessage
	Result json.RawMessage
	Error  *struct{ Message string }
}

func startBrowser(t *testing.T) *browser {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			path = p
			break
		}
	}
	if path == "" || testing.Short() {
		t.Skip("no Chromium (apt-get install chromium), or -short: the pages are not tried in a browser")
	}
	// Not t.TempDir: Chromium's helpers may write until after it has ended.
	profile, err := os.MkdirTemp("", "arena-web-test-")
	if err != nil {
		t.Fatal(err)
	}
	fromUs, to, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	from, toUs, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update",
		"--disable-sync", "--disable-extensions", "--hide-scrollbars", "--user-data-dir="+profile, "--remote-debugging-pipe", "about:blank")
	cmd.ExtraFiles = []*os.File{fromUs, toUs} // its descriptors 3 and 4
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	fromUs.Close()
	toUs.Close()
	b := &browser{t: t, to: to, waiting: map[int]chan answer{}, loaded: make(chan struct{}, 1)}
	var reading sync.WaitGroup
	reading.Go(func() { b.read(from) })
	t.Cleanup(func() {
		to.Close() // Chromium ends with its pipe
		done := make(chan error, 1)
		go func() { done <- cmd.Wait() }()
		select {
		case <-done:
		case <-time.After(20 * time.Second):
			cmd.Process.Kill()
			<-done
		}
		reading.Wait()
		from.Close()
		os.RemoveAll(profile)
	})
	var target struct{ TargetID string }
	b.call("Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var attached struct{ SessionID string }
	b.call("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached)
	b.session = attached.SessionID
	for _, domain := range []string{"Page", "Runtime", "Log", "Network"} {
		b.call(domain+".enable", nil, nil)
	}
	return b
}

// read takes messages, which end with a zero byte, until the pipe ends.
func (b *browser) read(from *os.File) {
	r := bufio.NewReader(from)
	for {
		message, err := r.ReadBytes(0)
		if err != nil {
			b.mu.Lock()
			for _, c := range b.waiting {
				close(c)
			}
			b.waiting = nil
			b.mu.Unlock()
			return
		}
		var a answer
		if json.Unmarshal(bytes.TrimSuffix(message, []byte{0}), &a) != nil {
			continue
		}
		b.mu.Lock()
		switch {
		case a.ID != 0:
			if c := b.waiting[a.ID]; c != nil {
				delete(b.waiting, a.ID)
				c <- a
			}
		case a.Method == "Page.loadEventFired":
			select {
			case b.loaded <- struct{}{}:
			default:
			}
		case a.Method == "Runtime.exceptionThrown", a.Method == "Log.entryAdded":
			b.complaints = append(b.complaints, string(a.Params))
		case a.Method == "Network.requestWillBeSent":
			var p struct{ Request struct{ URL string } }
			if json.Unmarshal(a.Params, &p) == nil {
				b.requests = append(b.requests, p.Request.URL)
			}
		}
		b.mu.Unlock()
	}
}

func (b *browser) call(method string, params any, result any) {
	b.t.Helper()
	if params == nil {
		params = struct{}{}
	}
	c := make(chan answer, 1)
	b.mu.Lock()
	if b.waiting == nil {
		b.mu.Unlock()
		b.t.Fatalf("%s: Chromium has ended", method)
	}
	b.next++
	id := b.next
	b.waiting[id] = c
	b.mu.Unlock()
	message, err := json.Marshal(map[string]any{"id": id, "method": method, "params": params, "sessionId": b.session})
	if b.session == "" {
		message, err = json.Marshal(map[string]any{"id": id, "method": method, "params": params})
	}
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.to.Write(append(message, 0)); err != nil {
		b.t.Fatalf("%s: %v", method, err)
	}
	select {
	case a, ok := <-c:
		if !ok || a.Error != nil {
			b.t.Fatalf("%s: %+v", method, a.Error)
		}
		if result != nil {
			if err := json.Unmarshal(a.Result, result); err != nil {
				b.t.Fatal(err)
			}
		}
	case <-time.After(2 * time.Minute):
		b.t.Fatalf("%s: no answer", method)
	}
}

// open shows an address and waits until it has loaded.
func (b *browser) open(url string) {
	b.t.Helper()
	select {
	case <-b.loaded:
	default:
	}
	b.call("Page.navigate", map[string]any{"url": url}, nil)
	select {
	case <-b.loaded:
	case <-time.After(2 * time.Minute):
		b.t.Fatalf("%s does not load", url)
	}
}

// eval is the value of a JavaScript expression.
func (b *browser) eval(expression string, value any) {
	b.t.Helper()
	var r struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails json.RawMessage
	}
	b.call("Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true, "awaitPromise": true}, &r)
	if r.ExceptionDetails != nil {
		b.t.Fatalf("%s: %s", expression, r.ExceptionDetails)
	}
	if err := json.Unmarshal(r.Result.Value, value); err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
}

// until waits for a JavaScript expression to become true.
func (b *browser) until(expression string) {
	b.t.Helper()
	var ok bool
	for began := time.Now(); !ok; {
		b.eval(expression, &ok)
		if time.Since(began) > time.Minute {
			b.t.Fatalf("never true: %s", expression)
		}
		if !ok {
			b.eval("new Promise(r => setTimeout(() => r(true), 50))", new(bool))
		}
	}
}

func (b *browser) press(key string) {
	b.t.Helper()
	for _, kind := range []string{"keyDown", "keyUp"} {
		b.call("Input.dispatchKeyEvent", map[string]any{"type": kind, "key": key, "code": key}, nil)
	}
}

func (b *browser) screen(width, height int, dark bool) {
	b.t.Helper()
	b.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}, nil)
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	b.call("Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{{"name": "prefers-color-scheme", "value": scheme}}}, nil)
}

// shot keeps a picture for people to look at, where ARENA_WEB_SHOTS names a
// directory.
func (b *browser) shot(name string) {
	dir := os.Getenv("ARENA_WEB_SHOTS")
	if dir == "" {
		return
	}
	var r struct{ Data string }
	b.call("Page.captureScreenshot", map[string]any{"format": "png"}, &r)
	png, err := base64.StdEncoding.DecodeString(r.Data)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644)
	}
	if err != nil {
		b.t.Error(err)
	}
}

// quiet fails when the console has complained, or anything was asked for outside
// the prefix.
func (b *browser) quiet(where, prefix string) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.complaints {
		b.t.Errorf("%s: %.500s", where, c)
	}
	for _, r := range b.requests {
		if !strings.HasPrefix(r, prefix) && !strings.HasPrefix(r, "data:") && r != "about:blank" {
			b.t.Errorf("%s: asked for %s", where, r)
		}
	}
	b.complaints, b.requests = nil, nil
}

// serveSample is a site on a port of its own.
func serveSample(t *testing.T, f filler, o Options) (site *Site, base string) {
	t.Helper()
	site = readSite(t, f, o)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := NewServer(site, func(err error) { t.Error(err) })
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	t.Cleanup(func() {
		server.Close()
		if err := <-done; err != http.ErrServerClosed {
			t.Error(err)
		}
	})
	return site, "http://" + l.Addr().String()
}

// poorContrast lists texts whose contrast is below 4.5, or 3 for large ones (WCAG
// 2.2, 1.4.3), as "color on color: text".
const poorContrast = `(() => {
  const parse = (c) => { const m = c.match(/[\d.]+/g).map(Number); return c.startsWith("color(srgb") ? [m[0]*255, m[1]*255, m[2]*255, m[3] ?? 1] : [m[0], m[1], m[2], m[3] ?? 1]; };
  const luminance = ([r, g, b]) => { const f = (v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; return 0.2126*f(r) + 0.7152*f(g) + 0.0722*f(b); };
  const over = (a, b) => [0, 1, 2].map((i) => a[i]*a[3] + b[i]*(1 - a[3])).concat(1);
  const bad = new Set();
  for (const e of document.querySelectorAll("body *:not(svg *, script, style, option)")) {
    if (![...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim()) || !e.checkVisibility()) continue;
    let back = [255, 255, 255, 1];
    const chain = [];
    for (let p = e; p; p = p.parentElement) chain.unshift(parse(getComputedStyle(p).backgroundColor));
    for (const c of chain) back = over(c, back);
    const style = getComputedStyle(e), front = over(parse(style.color), back);
    const [x, y] = [luminance(front), luminance(back)].sort((a, b) => b - a);
    const size = parseFloat(style.fontSize), large = size >= 24 || size >= 18.66 && style.fontWeight >= 700;
    if ((x + 0.05) / (y + 0.05) < (large ? 3 : 4.5)) bad.add(style.color + " on " + back + ": " + e.textContent.trim().slice(0, 30));
  }
  return [...bad];
})()`

// unnamed lists controls without a name, and images without a text.
const unnamed = `[...document.querySelectorAll("a, button, select, input, summary, [role=img], [role=region], nav")].filter((e) =>
  e.checkVisibility() && !(e.textContent.trim() || e.getAttribute("aria-label") || e.getAttribute("aria-labelledby") || e.closest("label"))).map((e) => e.outerHTML.slice(0, 100))`

// TestBrowser looks at every page at the width of a desk and of a phone, light
// and dark: nothing is refused or fails, nothing is wider than the screen, texts
// can be read, headings begin with one h1.
func TestBrowser(t *testing.T) {
	b := startBrowser(t)
	f := sample(t)
	ctx := context.Background()
	for slot := 700; slot < 703; slot++ {
		if ok, err := f.store.Claim(ctx, "this", 1, slot, slot%2 == 0); !ok || err != nil {
			t.Fatal(ok, err)
		}
	}
	if err := f.store.Refresh(ctx, "this", []leaderboard.Live{{MatchID: 1, Slot: 700, PlayerWhite: true, Moves: codes(t, "", mate[:6]...), Evals: []leaderboard.Eval{{Ply: 1, Centipawns: 30}, {Ply: 3, Centipawns: -210}}}}); err != nil {
		t.Fatal(err)
	}
	_, base := serveSample(t, f, Options{Models: &fakeModels{}, Title: hostile})
	for _, page := range []string{"/", "/live", "/games", "/crosstable", "/losses", "/illegal", "/game/1/0", "/game/1/9", "/game/6/0", "/nope"} {
		for _, width := range []int{1200, 320} {
			dark := width == 320
			b.screen(width, 900, dark)
			b.open(base + page)
			b.until(`!document.querySelector("[data-load]") && ![...document.querySelectorAll(".muted")].some((e) => e.textContent.startsWith("Asking"))`)
			where := fmt.Sprintf("%s at %d", page, width)
			var wide int
			b.eval(fmt.Sprintf("document.scrollingElement.scrollWidth - %d", width), &wide) // innerWidth grows with the page
			if wide > 0 {
				var culprits []string
				b.eval(fmt.Sprintf(`[...document.querySelectorAll("body *")].filter((e) => e.getBoundingClientRect().right > %d && !e.closest("svg")).map((e) => e.outerHTML.slice(0, 80))`, width), &culprits)
				t.Errorf("%s: %d pixels wider than the screen: %q", where, wide, culprits)
			}
			var list []string
			b.eval(poorContrast, &list)
			if len(list) > 0 {
				t.Errorf("%s: poor contrast: %q", where, list)
			}
			b.eval(unnamed, &list)
			if len(list) > 0 {
				t.Errorf("%s: without a name: %q", where, list)
			}
			b.eval(`[...document.querySelectorAll("h1, h2, h3")].map((h) => h.tagName)`, &list)
			if len(list) == 0 || list[0] != "H1" || strings.Count(strings.Join(list, " "), "H1") != 1 {
				t.Errorf("%s: headings %v", where, list)
			}
			b.shot(strings.Trim(strings.ReplaceAll(page, "/", "-"), "-") + fmt.Sprintf("-%d", width))
			if page != "/nope" { // whose status the console tells
				b.quiet(where, base)
			}
			b.mu.Lock()
			b.complaints, b.requests = nil, nil
			b.mu.Unlock()
		}
	}
}

// stepped is what a game shows: its caption, the pieces of its board sorted, and
// the current move of the list.
const stepped = `[document.querySelector(".viewer .caption").textContent, [...document.querySelectorAll(".viewer .board use")].map((u) =>
  u.getAttribute("href") + String.fromCharCode(97 + u.getAttribute("x") / 45) + (8 - u.getAttribute("y") / 45)).sort().join(" "), document.querySelector(".viewer .move[aria-current]")?.dataset.ply ?? "0", document.querySelector(".viewer .board").getAttribute("aria-label")].join("|")`

// TestStepping plays through games with keys and buttons; the board is at every
// ply what the server draws.
func TestStepping(t *testing.T) {
	b := startBrowser(t)
	f := sample(t)
	_, base := serveSample(t, f, Options{Models: &fakeModels{}})
	for _, test := range []struct {
		game  string
		plies int
	}{{"/game/1/0", len(mate)}, {"/game/1/9", len(special)}, {"/game/6/0", 2}} {
		// What the server draws, without the script.
		b.call("Emulation.setScriptExecutionDisabled", map[string]any{"value": true}, nil)
		var want []string
		for ply := range test.plies + 1 {
			b.open(fmt.Sprintf("%s%s?ply=%d", base, test.game, ply))
			var one string
			b.eval(stepped, &one)
			want = append(want, one)
		}
		b.call("Emulation.setScriptExecutionDisabled", map[string]any{"value": false}, nil)
		same := func(how string, ply int) {
			t.Helper()
			var got string
			b.eval(stepped, &got)
			// The caption has the evaluation with the script.
			g, w := strings.SplitN(got, "|", 2), strings.SplitN(want[ply], "|", 2)
			if !strings.HasPrefix(g[0], w[0]) || g[1] != w[1] {
				t.Fatalf("%s, %s, ply %d:\n%s\nwant\n%s", test.game, how, ply, got, want[ply])
			}
		}
		b.open(base + test.game)
		same("opened", test.plies)
		b.press("Home")
		same("Home", 0)
		for ply := 1; ply <= test.plies; ply++ {
			b.press("ArrowRight")
			same("ArrowRight", ply)
		}
		b.press("ArrowRight")
		same("beyond the end", test.plies)
		b.press("ArrowLeft")
		same("ArrowLeft", test.plies-1)
		b.press("End")
		same("End", test.plies)
		var ok bool
		b.eval(`document.querySelector(".step.first").click(), document.querySelector(".step.next").click(), true`, &ok)
		same("buttons", 1)
		b.eval(`document.querySelector(".move[data-ply='2']").click(), location.search`, new(string))
		same("the list", 2)
		b.eval(`location.search === "?ply=2"`, &ok)
		if !ok {
			t.Error("the address does not follow")
		}
		b.quiet(test.game, base)
	}
	// The choices of a move are beside the board.
	b.open(base + "/game/1/0")
	b.until(`document.querySelector("table.choices") !== null`)
	b.press("ArrowLeft")
	b.press("ArrowLeft")
	b.until(`!document.querySelector(".now-choices").hidden && document.querySelector(".now-choices").textContent.includes("3. Bc4")`)
}

// TestFillsIn: a page renews itself when a game has ended, and keeps what was
// opened.
func TestFillsIn(t *testing.T) {
	b := startBrowser(t)
	f := sample(t)
	_, base := serveSample(t, f, Options{})
	b.open(base + "/")
	var ok bool
	b.eval(`(document.querySelector("#table-1-1").open = true, document.querySelector("#table-1-1 summary").focus(), true)`, &ok)
	f.game(leaderboard.Game{MatchID: 1, Slot: 500, PlayerWhite: true, Moves: codes(t, "", mate...), Result: "1-0", Termination: "checkmate"})
	b.until(`document.body.textContent.includes("of 13 games")`)
	b.eval(`document.querySelector("#table-1-1").open && document.activeElement?.tagName === "SUMMARY"`, &ok)
	if !ok {
		t.Error("what was open or had the focus is lost")
	}
	b.quiet("/", base)
}

// TestReportInBrowser opens the file from the disk, without any server.
func TestReportInBrowser(t *testing.T) {
	b := startBrowser(t)
	site := readSite(t, sample(t), Options{Models: &fakeModels{}, Title: hostile})
	var out bytes.Buffer
	if err := site.WriteReport(context.Background(), &out, ReportOptions{Games: 20, Gallery: 4, Choices: true}); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "report.html")
	if err := os.WriteFile(path, out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, width := range []int{1200, 320} {
		b.screen(width, 900, width == 320)
		b.open("file://" + path)
		var ok bool
		b.eval(`getComputedStyle(document.querySelector(".board")).display === "block" && document.documentElement.classList.contains("scripted")`, &ok)
		if !ok {
			t.Error("style or script do not run")
		}
		var wide int
		b.eval(fmt.Sprintf("document.scrollingElement.scrollWidth - %d", width), &wide) // innerWidth grows with the page
		if wide > 0 {
			t.Errorf("%d pixels wider than a screen of %d", wide, width)
		}
		b.shot(fmt.Sprintf("report-%d", width))
		b.eval(`(location.hash = "#5-8", true)`, &ok)
		b.until(`document.getElementById("5-8").open`)
		caption := `document.getElementById("5-8").querySelector(".caption").textContent`
		var before, after string
		b.eval(caption, &before)
		b.press("Home")
		b.press("ArrowRight")
		b.eval(caption, &after)
		if before != "8. O-O" || after != "1. e4" {
			t.Errorf("stepped from %q to %q", before, after)
		}
		b.shot(fmt.Sprintf("report-game-%d", width))
	}
	b.quiet("report", "file://"+path)
}
