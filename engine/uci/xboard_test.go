package uci

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"transcend/engine"
	"transcend/internal/bitboard"
	"transcend/internal/boardtest"
	"transcend/internal/fakeengine"
)

// fakeX is the configuration of a fake engine that speaks xboard's protocol.
func fakeX(flags ...string) Config {
	cfg := fake(append([]string{"-xboard"}, flags...)...)
	cfg.Timeouts.Features = time.Minute // no verdict depends on how busy the machine is
	return cfg
}

func startX(t testing.TB, cfg Config) *XBoard {
	t.Helper()
	c, err := StartXBoard(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func startXBoard(ctx context.Context, cfg Config) (engine.Player, *client, error) {
	if cfg.Timeouts.Features == 0 {
		cfg.Timeouts.Features = time.Minute
		if flags := strings.Join(cfg.Args, " "); strings.Contains(flags, "-stall uci") || strings.Contains(flags, "-mute uci") {
			cfg.Timeouts.Features = 30 * time.Millisecond
		}
	}
	cfg.Args = append([]string{"-xboard"}, cfg.Args...)
	c, err := StartXBoard(ctx, cfg)
	if err != nil {
		return nil, nil, err
	}
	return c, &c.client, nil
}

func wantResigned(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, engine.ErrResigned) || engine.FailureOf(err) != engine.Resignation {
		t.Errorf("got %v, want a resignation", err)
	}
}

func wantUnsupported(t *testing.T, err error) {
	t.Helper()
	var e *UnsupportedError
	if !errors.As(err, &e) || engine.FailureOf(err) != engine.Setup {
		t.Errorf("got %v, want an UnsupportedError", err)
	}
}

// wantProtocolReason is a ProtocolError with these words in it.
func wantProtocolReason(words string) func(*testing.T, error) {
	return func(t *testing.T, err error) {
		t.Helper()
		var e *engine.ProtocolError
		if !errors.As(err, &e) || !strings.Contains(err.Error(), words) || engine.FailureOf(err) != engine.Protocol {
			t.Errorf("got %v, want a ProtocolError: %s", err, words)
		}
	}
}

// TestXBoardFaults is TestFaults in the other protocol.
func TestXBoardFaults(t *testing.T) {
	const short = 30 * time.Millisecond
	const crash = fakeengine.ExitCrash
	testFaults(t, startXBoard, []faultTest{
		// At the start.
		{flags: "-crash start", stage: "start", check: wantCrash("protover", crash)},
		{flags: "-crash uci", stage: "start", check: wantCrash("protover", crash)},
		{flags: "-crash uci -signal", stage: "start", check: wantCrash("protover", -1)},
		{flags: "-crash isready", stage: "start", check: wantCrash("ping", crash)},
		{flags: "-stall isready", timeouts: Timeouts{Ready: short}, stage: "start", check: wantTimeout("ping", true)},
		{flags: "-mute isready", timeouts: Timeouts{Ready: short}, stage: "start", check: wantTimeout("ping", true)},
		{flags: "-features never", timeouts: Timeouts{Start: 10 * short, Features: short}, stage: "start", check: wantTimeout("protover", true)},
		{flags: "-features atomic", stage: "start", check: wantUnsupported},
		{flags: "-close-stdout uci", stage: "start", check: wantClosedOutput("protover")},
		{flags: "-crash uci -grandchild", stage: "start", check: wantCrash("protover", crash)},
		// The dead silence of an engine of version 1 is found out when it has to move.
		{flags: "-stall uci -features none", timeouts: Timeouts{Margin: short, Stop: short}, stage: "move 1", check: wantTimeout("search", true)},
		{flags: "-stall uci", timeouts: Timeouts{Margin: short, Stop: short}, stage: "move 1", check: wantTimeout("search", true)},

		// At the beginning of a game.
		{flags: "-crash ucinewgame", stage: "game", check: wantCrash("new", crash)},
		{flags: "-stall ucinewgame", timeouts: Timeouts{Ready: short}, stage: "game", check: wantTimeout("new", true)},
		{flags: "-mute isready -after 2", timeouts: Timeouts{Ready: short}, stage: "game", check: wantTimeout("new", true)},
		{flags: "-close-stdout ucinewgame", stage: "game", check: wantClosedOutput("new")},

		// In the game. The driver plays both sides with one engine, so that each move
		// is set up by "force" and "go".
		{flags: "-crash isready -after 4", stage: "move 2", check: wantCrash("search", crash)},
		{flags: "-crash go", stage: "move 1", check: wantCrash("search", crash)},
		{flags: "-crash go -after 3 -signal", stage: "move 3", check: wantCrash("search", -1)},
		{flags: "-crash go -after 2 -grandchild", stage: "move 2", check: wantCrash("search", crash)},
		{flags: "-stall go -after 3", timeouts: Timeouts{Margin: short, Stop: short}, stage: "move 3", check: wantTimeout("search", true)},
		{flags: "-stall go -grandchild", timeouts: Timeouts{Margin: short, Stop: short}, stage: "move 1", check: wantTimeout("search", true)},
		{flags: "-mute go -after 2", timeouts: Timeouts{Margin: short, Stop: short}, stage: "move 2", check: wantTimeout("search", true)},
		{flags: "-mute isready -after 3", timeouts: Timeouts{Margin: short, Stop: short}, stage: "move 1", check: wantTimeout("search", true)},
		{flags: "-until-stop", timeouts: Timeouts{Margin: short}, stage: "move 1", check: wantTimeout("search", false)},
		{flags: "-until-stop -ignore-stop", timeouts: Timeouts{Margin: short, Stop: short}, stage: "move 1", check: wantTimeout("search", true)},
		{flags: "-until-stop -crash stop", timeouts: Timeouts{Margin: short}, stage: "move 1", check: wantCrash("search", crash)},
		{flags: "-late 100ms", timeouts: Timeouts{Margin: time.Millisecond}, stage: "move 1", check: wantTimeout("search", false)},
		{flags: "-late 20ms"},
		{flags: "-ready-delay 10ms"},
		{flags: "-close-stdout go -after 2", stage: "move 2", check: wantClosedOutput("search")},
		{flags: "-bestmove none -after 2", stage: "move 2", check: wantIllegal("(none)")},
		{flags: "-bestmove illegal -after 3", stage: "move 3", check: wantIllegal("")},
		{flags: "-bestmove garbage", stage: "move 1", check: wantProtocol("move xyzzy")},
		{flags: "-bestmove empty", stage: "move 1", check: wantProtocol("move ")},
		{flags: "-bestmove king-takes-rook", fen: castlingFEN, moves: 1},
		{flags: "-bestmove uppercase", fen: promotionFEN, moves: 1},
		{flags: "-bestmove resign -after 2", stage: "move 2", check: wantResigned},
		{flags: "-bestmove claim-loss -after 2", stage: "move 2", check: wantResigned},
		{flags: "-bestmove claim-win -after 2", stage: "move 2", check: wantProtocolReason("claims a result")},
		{flags: "-bestmove claim-draw -after 2", stage: "move 2", check: wantProtocolReason("claims a result")},
		{flags: "-bestmove claim-draw -after 2 -features bare", limit: engine.Limit{Depth: 1}, timeouts: Timeouts{Stop: short}, stage: "move 2", check: wantProtocolReason("claims a result")},
		{flags: "-bestmove claim-and-move"},
		{flags: "-bestmove claim-wait-move"},
		{flags: "-bestmove claim-wait-move -features bare", limit: engine.Limit{Depth: 1}},
		{flags: "-bestmove refuse -after 2", stage: "move 2", check: wantProtocolReason("I do not like it")},
		{flags: "-flood 20000", moves: 2},
		{flags: "-chatter"},
		{flags: "-split"},
		{flags: "-split -crlf -garbage"},
		{flags: "-long-line 10000000", moves: 2},
		{flags: "-double"},
		{flags: "-stray"},
		{flags: "-stray -double -crlf -chatter"},
		{flags: "-stderr 1000000"},
		{flags: "-no-options"},
		{flags: "-features bare", limit: engine.Limit{Depth: 1}},
		{flags: "-features bare -double", limit: engine.Limit{MoveTime: time.Second}},
		{flags: "-features bare", stage: "move 1", check: wantUnsupported}, // a time below a second
		{flags: "-features san"},
		{flags: "-features slow -ready-delay 30ms"},
		{flags: "-features odd"},
		{flags: "-features once"},
		{flags: "-features bare", limit: engine.Limit{Depth: 1}, fen: castlingFEN, stage: "move 1", check: wantUnsupported},
		{flags: "-features san", fen: castlingFEN},
		{flags: "-no-newline", moves: 1, dies: true, close: wantCrash("idle", crash)},
		{flags: "-crash bestmove -after 2", moves: 2, dies: true, close: wantCrash("idle", crash)},

		// At the end.
		{flags: "-ignore-quit"}, // the end of its input will do
		{flags: "-ignore-eof"},
		{flags: "-ignore-term"},
		{flags: "-grandchild"},
		{flags: "-crash quit", close: wantCrash("quit", crash)},
		{flags: "-stall quit", timeouts: Timeouts{Quit: short}, close: wantTimeout("quit", true)},
		{flags: "-stall quit -chatter -grandchild", timeouts: Timeouts{Quit: short}, close: wantTimeout("quit", true)},
		{flags: "-ignore-quit -ignore-eof -ignore-term", timeouts: Timeouts{Quit: short}, close: wantTimeout("quit", true)},
	})
}

// TestXBoardSilence: who says nothing about features, or does not end the list, is
// not waited for for long.
func TestXBoardSilence(t *testing.T) {
	for features, protocol := range map[string]string{"none": "1", "forgetful": "2"} {
		cfg := fakeX("-features", features)
		cfg.Timeouts.Features = 200 * time.Millisecond
		c := startX(t, cfg)
		if got := c.Spec()["protocol"]; got != protocol {
			t.Errorf("%s: protocol %s, want %s", features, got, protocol)
		}
		for seed := range uint64(2) {
			wantNoError(t, c.NewGame(t.Context(), seed))
			g := boardtest.Game(t, "")
			for range 6 {
				if err := g.Make(mustMove(t, c, g, engine.Limit{Depth: 1}).Move); err != nil {
					t.Fatal(err)
				}
			}
		}
		wantNoError(t, c.Close())
	}
}

// TestXBoardAsksAgain: a first "protover" that an engine lost, as GNU Chess 6 may at its
// start, costs two seconds and no feature.
func TestXBoardAsksAgain(t *testing.T) {
	t.Parallel()
	cfg := fakeX("-mute", "uci")
	cfg.Timeouts.Features = time.Minute
	began := time.Now()
	c := startX(t, cfg)
	if took := time.Since(began); took > 30*time.Second || c.Spec()["protocol"] != "2" || len(c.Options()) == 0 {
		t.Errorf("after %v: %v, options %v", took, c.Spec(), c.Options())
	}
	wantNoError(t, c.NewGame(t.Context(), 1))
	mustMove(t, c, boardtest.Game(t, ""), engine.Limit{Depth: 1})
	wantNoError(t, c.Close())
}

// TestXBoardRefusal: an engine that does not know the opponent's move is not waited
// for until its time is over.
func TestXBoardRefusal(t *testing.T) {
	for _, kind := range []string{"refuse", "reject"} {
		c := startX(t, fakeX("-bestmove", kind))
		_, err := c.Move(t.Context(), boardtest.Game(t, "", "e2e4"), engine.Limit{Depth: 1})
		wantProtocolReason("e2e4")(t, err)
		wantNoError(t, c.NewGame(t.Context(), 1))
		mustMove(t, c, boardtest.Game(t, ""), engine.Limit{Depth: 1})
		wantNoError(t, c.Close())
	}
}

// TestXBoardLateEngineIsUsable: an engine that was late, and then moved, can play
// the next game.
func TestXBoardLateEngineIsUsable(t *testing.T) {
	c := startX(t, fakeX("-until-stop"))
	c.cfg.Timeouts.Margin = time.Millisecond
	g := boardtest.Game(t, "")
	for range 3 {
		_, err := c.Move(t.Context(), g, engine.Limit{MoveTime: time.Millisecond})
		wantTimeout("search", false)(t, err)
		wantNoError(t, c.NewGame(t.Context(), 1))
	}
	wantNoError(t, c.Close())
}

func TestXBoardCancel(t *testing.T) {
	c := startX(t, fakeX("-until-stop"))
	ctx, cancel := context.WithCancel(t.Context())
	c.cfg.Trace = func(_ bool, line []byte) {
		if string(line) == "go" {
			cancel()
		}
	}
	_, err := c.Move(ctx, boardtest.Game(t, ""), engine.Limit{Depth: 1})
	if !errors.Is(err, context.Canceled) || engine.FailureOf(err) != engine.Canceled {
		t.Errorf("got %v", err)
	}
	c.cfg.Trace = nil
	wantNoError(t, c.NewGame(t.Context(), 1))
	wantNoError(t, c.Close())
}

// TestXBoardCommands checks every command that is sent, in order.
func TestXBoardCommands(t *testing.T) {
	var mu sync.Mutex
	var sent []string
	take := func() []string {
		mu.Lock()
		defer mu.Unlock()
		defer func() { sent = nil }()
		return sent
	}
	cfg := fakeX()
	cfg.Options = []Option{{"hash", "64"}, {"Threads", "2"}, {"style", "risky"}, {"learn", "true"}, {"Contempt", "-5"}}
	cfg.Init = []string{"post"}
	cfg.Trace = func(s bool, line []byte) {
		mu.Lock()
		defer mu.Unlock()
		if s && !strings.HasPrefix(string(line), "accepted ") {
			sent = append(sent, string(line))
		}
	}
	c := startX(t, cfg)
	play := func(g *bitboard.Game, limit engine.Limit) {
		t.Helper()
		if err := g.Make(mustMove(t, c, g, limit).Move); err != nil {
			t.Fatal(err)
		}
	}
	answer := func(g *bitboard.Game) string { // the opponent's move
		m := fakeengine.Choose(99, g.Position())
		if err := g.Make(m); err != nil {
			t.Fatal(err)
		}
		return m.String()
	}
	want := func(lines ...string) {
		t.Helper()
		if got := take(); !reflect.DeepEqual(got, lines) {
			t.Errorf("sent\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(lines, "\n"))
		}
	}
	want("xboard", "protover 2", "post", "memory 64", "cores 2", "option Style=Risky", "option Learn=1", "option Contempt=-5", "ping 1")
	wantNoError(t, c.NewGame(t.Context(), 7))
	want("option Seed=7", "new", "force", "post", "easy", "ping 2")

	// A clock with sessions: "level" at the beginning of each.
	g := boardtest.Game(t, "", "e2e4", "e7e5")
	play(g, engine.Limit{White: 90 * time.Second, Black: 85 * time.Second, MovesToGo: 2})
	want("usermove e2e4", "usermove e7e5", "level 2 1:30 0", "time 9000", "otim 8500", "ping 3", "go")
	m := answer(g)
	play(g, engine.Limit{White: 60*time.Second + 17*time.Millisecond, Black: time.Millisecond, MovesToGo: 1})
	want("time 6001", "otim 1", "ping 4", "usermove "+m)
	m = answer(g)
	play(g, engine.Limit{White: 2 * time.Minute, Black: time.Second, MovesToGo: 2})
	want("level 2 2 0", "time 12000", "otim 100", "ping 5", "usermove "+m)

	// Another game without "new" from above: set up, with increment and depth.
	g = boardtest.Game(t, castlingFEN, "e1g1", "e8e7", "f1f2")
	play(g, engine.Limit{White: time.Second, Black: 300 * time.Millisecond, BlackInc: 80 * time.Millisecond, Depth: 5})
	want("force", "new", "force", "post", "easy", "setboard "+castlingFEN, "usermove e1g1", "usermove e8e7", "usermove f1f2",
		"level 0 0:01 0.08", "sd 5", "time 30", "otim 100", "ping 6", "go")
	// Two moves on, so that the engine is to move for the other side.
	answer(g)
	answer(g)
	answer(g)
	moves := g.Moves()[4:]
	play(g, engine.Limit{MoveTime: 3 * time.Second, Depth: 5})
	want("force", "usermove "+moves[0].String(), "usermove "+moves[1].String(), "usermove "+moves[2].String(), "st 3", "time 300", "otim 300", "ping 7", "go")
	m = answer(g)
	play(g, engine.Limit{MoveTime: 1500 * time.Millisecond, Depth: 6})
	want("level 1 0:01 0", "sd 6", "time 150", "otim 150", "ping 8", "usermove "+m)
	m = answer(g)
	play(g, engine.Limit{MoveTime: 1500 * time.Millisecond, Depth: 6})
	want("time 150", "otim 150", "ping 9", "usermove "+m)

	// The depth can be taken back only by "new".
	g = boardtest.Game(t, "")
	play(g, engine.Limit{MoveTime: 20 * time.Millisecond})
	want("force", "new", "force", "post", "easy", "level 1 0:01 0", "time 2", "otim 2", "ping 10", "go")
	// Depth alone needs a time as well.
	wantNoError(t, c.NewGame(t.Context(), 8))
	want("force", "option Seed=8", "new", "force", "post", "easy", "ping 11")
	g = boardtest.Game(t, "")
	play(g, engine.Limit{Depth: 2})
	want("level 40 5 0", "sd 2", "time 30000", "otim 30000", "ping 12", "go")

	for _, limit := range []engine.Limit{{Nodes: 100}, {MoveTime: time.Second, Nodes: 5}, {MoveTime: time.Second, White: time.Minute, Black: time.Minute}} {
		_, err := c.Move(t.Context(), boardtest.Game(t, ""), limit)
		wantUnsupported(t, err)
	}
	want()
	// What it does not know of is refused before it is sent.
	mustMove(t, c, boardtest.Game(t, ""), engine.Limit{Depth: 1})
	wantNoError(t, c.Close())
	for _, o := range []Option{{"style", "wild"}, {"Contempt", "101"}, {"Depth", "3"}, {"UCI_Elo", "1500"}} {
		cfg := fakeX()
		cfg.Options = []Option{o}
		if _, err := StartXBoard(t.Context(), cfg); !errors.As(err, new(*OptionError)) || engine.FailureOf(err) != engine.Setup {
			t.Errorf("%v: %v", o, err)
		}
	}
}

// TestXBoardFeatures: every feature is answered, those that we do not heed by
// "rejected".
func TestXBoardFeatures(t *testing.T) {
	var mu sync.Mutex
	answers := map[string]int{}
	cfg := fakeX("-features", "odd")
	cfg.Trace = func(sent bool, line []byte) {
		mu.Lock()
		defer mu.Unlock()
		if sent && (strings.HasPrefix(string(line), "accepted") || strings.HasPrefix(string(line), "rejected")) {
			answers[string(line)]++
		}
	}
	c := startX(t, cfg)
	want := map[string]int{
		"rejected ": 1, "accepted myname": 2, "rejected telepathy": 1, "rejected option": 2, "accepted option": 1, "accepted ping": 1, "accepted setboard": 1,
		"accepted usermove": 1, "accepted memory": 1, "accepted smp": 1, "accepted variants": 1, "accepted done": 1,
	}
	mu.Lock()
	defer mu.Unlock()
	if !reflect.DeepEqual(answers, want) {
		t.Errorf("got %v\nwant %v", answers, want)
	}
	if o := findOption(c.Options(), "Deep - thought"); o == nil || o.Type != Check || o.Default != "true" {
		t.Errorf("options %+v", c.Options())
	}
}

// TestXBoardOneGame: an engine that is not reusable plays one game.
func TestXBoardOneGame(t *testing.T) {
	c := startX(t, fakeX("-features", "once"))
	if c.Reusable() {
		t.Error("it says that it is not")
	}
	wantNoError(t, c.NewGame(t.Context(), 1))
	mustMove(t, c, boardtest.Game(t, ""), engine.Limit{Depth: 1})
	wantUnsupported(t, c.NewGame(t.Context(), 2))
}

// TestXBoardDeterminism: a seed gives the game that the UCI face plays.
func TestXBoardDeterminism(t *testing.T) {
	for _, features := range []string{"usual", "san"} {
		c := startX(t, fakeX("-features", features))
		if features == "san" {
			c.cfg.Options = nil // announces no seed: it is 0
		}
		wantNoError(t, c.NewGame(t.Context(), 7))
		seed := map[string]uint64{"usual": 7}[features]
		g := boardtest.Game(t, "")
		for g.Ply() < 80 && g.Position().HasLegalMove() {
			want := fakeengine.Choose(seed, g.Position())
			if g.Ply()%2 == 0 {
				if got := mustMove(t, c, g, engine.Limit{Depth: 1}).Move; got != want {
					t.Fatalf("%s, ply %d: got %v, want %v", features, g.Ply(), got, want)
				}
			}
			if err := g.Make(want); err != nil {
				t.Fatal(err)
			}
		}
		if traffic := c.Traffic(); traffic.Stray > 0 || traffic.Unknown > 0 {
			t.Errorf("%+v", traffic)
		}
	}
}

func TestParsePost(t *testing.T) {
	cs := 10 * time.Millisecond
	for line, want := range map[string]*engine.Score{
		"9 156 1084 48000 Nf3 Nc6 Nc3 Nf6":             {Depth: 9, Centipawns: 156, Time: 1084 * cs, Nodes: 48000, PV: "Nf3 Nc6 Nc3 Nf6"},
		"  4    109      14   1435  1. e4 d5 2. Qf3":   {Depth: 4, Centipawns: 109, Time: 14 * cs, Nodes: 1435, PV: "1. e4 d5 2. Qf3"},
		"7 +42 1 15332 Nc3":                            {Depth: 7, Centipawns: 42, Time: cs, Nodes: 15332, PV: "Nc3"},
		"5. -3 2 77 e4":                                {Depth: 5, Centipawns: -3, Time: 2 * time.Second, Nodes: 77, PV: "e4"},
		"6 100003 1 9 Qh7#":                            {Depth: 6, IsMate: true, Mate: 3, Time: cs, Nodes: 9, PV: "Qh7#"},
		"6 -100000 1 9":                                {Depth: 6, IsMate: true, Time: cs, Nodes: 9},
		"6 -100002 1 9 e4":                             {Depth: 6, IsMate: true, Mate: -2, Time: cs, Nodes: 9, PV: "e4"},
		"8 20 30 400 12 5000 6\te2e4 e7e5":             {Depth: 8, Centipawns: 20, Time: 30 * cs, Nodes: 400, SelDepth: 12, NPS: 5000, PV: "e2e4 e7e5"},
		"8 20 30 400 12 6\te2e4":                       {Depth: 8, Centipawns: 20, Time: 30 * cs, Nodes: 400, SelDepth: 12, PV: "e2e4"},
		"8 20 30 400 1 e2e4":                           {Depth: 8, Centipawns: 20, Time: 30 * cs, Nodes: 400, PV: "1 e2e4"},
		"3 7 1 2 e4!":                                  {Depth: 3, Centipawns: 7, Time: cs, Nodes: 2, PV: "e4", Bound: engine.LowerBound},
		"3 7 1 2 e4 ?":                                 {Depth: 3, Centipawns: 7, Time: cs, Nodes: 2, PV: "e4", Bound: engine.UpperBound},
		"0 0 0 0 (e4 64%, d4 24%)":                     nil,
		"3 7 1":                                        nil,
		"3 x 1 2 e4":                                   nil,
		"16+16 pieces, centr = (1,1) R=40":             nil,
		"9999999999999999999 1 1 1 e4":                 nil,
		"2 999999999999999999 999999999999999999 1 e4": {Depth: 2, IsMate: true, Mate: 999999999999999999 - 100000, Time: 1 << 31 * cs, Nodes: 1, PV: "e4"},
	} {
		var k infoKeeper
		word, rest := nextWord([]byte(line))
		k.keepPost(word, rest)
		if got := parsePost(k.line()); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: got %+v, want %+v", line, got, want)
		}
	}
	var k infoKeeper
	for _, line := range []string{"3 7 1 2 e4", "4 9 1 2 e4!", " 1. e4"} {
		word, rest := nextWord([]byte(line))
		k.keepPost(word, rest)
	}
	if s := parsePost(k.line()); s == nil || s.Depth != 3 {
		t.Errorf("an exact score is preferred: %+v", s)
	}
}

// TestXBoardMoves: how engines have said their moves since GNU Chess 4.
func TestXBoardMoves(t *testing.T) {
	for line, want := range map[string]string{
		"move e2e4": "e2e4", "move Nf3": "g1f3", "move e2-e4": "e2e4", "1. ... e2e4": "e2e4", "1... Nc3": "b1c3",
		"My move is: d2d4": "d2d4", "My move is : g1f3": "g1f3",
		"1. e4 e5": "", "moves e2e4": "", "Hint: e2e4": "", "# move e2e4": "", "tellall move e2e4": "",
	} {
		c := newXBoard(Config{Name: "x"})
		c.handshake, c.searching = false, true
		c.line([]byte(line), false)
		if (want == "") != c.searching {
			t.Errorf("%q: searching %v", line, c.searching)
		} else if want != "" {
			pos := bitboard.Start()
			if r, err := c.answer(&pos, time.Now()); err != nil || r.Move.String() != want {
				t.Errorf("%q: %v, %v", line, r.Move, err)
			}
		}
	}
}

func FuzzXBoardOutput(f *testing.F) {
	for _, s := range []string{"feature done=0\nfeature myname=\"a b\" ping=1 option=\"x -spin 1 0 3\" done=1\nmove e2e4\n", "1. ... e4\nresign\n", "3 7 1 2 e4!\n4 1 1 1 1\te4\nmove O-O\n", "pong 1\nIllegal move: e2e4\n"} {
		f.Add([]byte(s), true)
		f.Add([]byte(s), false)
	}
	f.Fuzz(func(t *testing.T, output []byte, handshake bool) {
		c := newXBoard(Config{Name: "fuzz"})
		c.handshake, c.searching = handshake, !handshake
		c.read(strings.NewReader(string(output)))
		pos := bitboard.Start()
		if reply, err := c.answer(&pos, time.Now()); err == nil && !pos.IsLegal(reply.Move) {
			t.Errorf("%q gives %v", output, reply.Move)
		}
		for _, o := range c.announced {
			if _, err := checkOptions("fuzz", c.announced, []Option{{Name: o.Name, Value: o.Default}}); err != nil && !errors.As(err, new(*OptionError)) {
				t.Error(err)
			}
		}
	})
}

// TestRealXBoardEngines plays engines of the distribution, those that are here.
func TestRealXBoardEngines(t *testing.T) {
	for _, e := range []struct {
		program string
		args    []string
	}{{"gnuchess", []string{"--xboard"}}, {"fairymax", nil}, {"phalanx", nil}, {"hoichess", nil}} {
		t.Run(e.program, func(t *testing.T) {
			path, err := Find(e.program)
			if err != nil {
				t.Skipf("needs %s (apt install %s)", e.program, e.program)
			}
			t.Parallel()
			c := startX(t, Config{Path: path, Args: e.args, Dir: t.TempDir(), Timeouts: Timeouts{Features: time.Minute, Margin: 10 * time.Minute}})
			for seed := range uint64(2) {
				wantNoError(t, c.NewGame(t.Context(), seed))
				g := boardtest.Game(t, "", "e2e4", "e7e5")
				for g.Ply() < 12 && g.Position().HasLegalMove() {
					r := mustMove(t, c, g, engine.Limit{White: 5 * time.Second, Black: 5 * time.Second, Depth: 3})
					if err := g.Make(r.Move); err != nil {
						t.Fatal(err)
					}
					if m := fakeengine.Choose(seed, g.Position()); m != bitboard.NoMove {
						if err := g.Make(m); err != nil {
							t.Fatal(err)
						}
					}
				}
			}
			if c.Spec()["sha256"] == "" || c.Spec()["protocol"] != "2" {
				t.Errorf("spec %v", c.Spec())
			}
			wantNoError(t, c.Close())
		})
	}
}
