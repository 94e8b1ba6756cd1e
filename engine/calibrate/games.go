package calibrate

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"transcend/engine/match"
)

// Games are the games of a plan that were played, in memory and in a file: a line of JSON about
// the plan, then one a game. One process at a time may have the file open.
type Games struct {
	plan   *Plan
	file   *os.File
	played map[slotOf]game
}

// slotOf is a game of two players, by their numbers.
type slotOf struct{ first, second, slot int }

// game is a line of the file.
type game struct {
	First  int     `json:"first"`
	Second int     `json:"second"`
	Slot   int     `json:"slot"`
	Score  float64 `json:"score"` // of the first
	End    string  `json:"end"`
	Plies  int     `json:"plies"`
	Millis int64   `json:"ms"`
}

// header is the first line of the file: games of another plan do not belong there.
type header struct {
	Format   string   `json:"format"`
	Settings string   `json:"settings"` // hash
	Players  []string `json:"players"`
}

const format = "transcend-calibration-1"

// ErrNotGames is a file of something else.
var ErrNotGames = errors.New("holds no games of a calibration")

// OtherPlanError is a file with games of another plan.
type OtherPlanError struct {
	Path    string
	Players []string // of that plan
}

func (e *OtherPlanError) Error() string {
	return fmt.Sprintf("%s holds games of another calibration (of %s)", e.Path, strings.Join(e.Players, "; "))
}

// Open reads the games in a file, which is made if there is none, and keeps it open for more. Half
// a line at its end, which a killed process left, is cut off. Errors are ErrNotGames, an
// *OtherPlanError, or those of the system. The plan must not be changed from here on.
func Open(path string, plan *Plan) (_ *Games, err error) {
	g := &Games{plan: plan, played: map[slotOf]game{}}
	if g.file, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644); err != nil {
		return nil, fmt.Errorf("the games of the calibration: %w", err)
	}
	defer func() {
		if err != nil {
			g.file.Close()
		}
	}()
	b, err := io.ReadAll(g.file)
	if err != nil {
		return nil, fmt.Errorf("the games of the calibration: %w", err)
	}
	b = b[:bytes.LastIndexByte(b, '\n')+1]
	if len(b) == 0 {
		if b, err = json.Marshal(plan.header()); err != nil {
			return nil, err
		}
		b = append(b, '\n')
		if _, err := g.file.WriteAt(b, 0); err != nil {
			return nil, err
		}
	} else if err := g.read(b); err != nil {
		return nil, err
	}
	if err := g.file.Truncate(int64(len(b))); err != nil {
		return nil, err
	}
	_, err = g.file.Seek(0, io.SeekEnd)
	return g, err
}

// header describes the plan. It hashes what the games have in common: with other settings they
// are others.
func (p *Plan) header() header {
	h := sha256.New()
	fmt.Fprintf(h, "slots by pair %q %d %d\n", p.Openings.String(), p.MaxMoves, p.Seed)
	var names []string
	for i := range p.Players {
		q := &p.Players[i]
		spec, _ := json.Marshal(q.Spec) // keys in order
		fmt.Fprintf(h, "%q %q %s\n", q.Name, q.Control.String(), spec)
		names = append(names, q.Name)
	}
	return header{Format: format, Settings: hex.EncodeToString(h.Sum(nil)), Players: names}
}

// read reads the whole lines of a file.
func (g *Games) read(b []byte) error {
	lines := bufio.NewScanner(bytes.NewReader(b))
	lines.Buffer(nil, 1<<20)
	lines.Scan()
	var have header
	if err := json.Unmarshal(lines.Bytes(), &have); err != nil || have.Format != format {
		return fmt.Errorf("%s %w", g.Path(), ErrNotGames)
	}
	if have.Settings != g.plan.header().Settings {
		return &OtherPlanError{Path: g.Path(), Players: have.Players}
	}
	for n := 2; lines.Scan(); n++ {
		var r game
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil || r.First < 0 || r.Second <= r.First || r.Second >= len(g.plan.Players) || r.Slot < 0 ||
			r.Score != 0 && r.Score != 0.5 && r.Score != 1 {
			return fmt.Errorf("%s: line %d is no game", g.Path(), n)
		}
		g.played[slotOf{r.First, r.Second, r.Slot}] = r
	}
	return nil
}

// add keeps a game that has ended.
func (g *Games) add(r game) error {
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if _, err := g.file.Write(append(b, '\n')); err != nil {
		return fmt.Errorf("keeping a game: %w", err)
	}
	g.played[slotOf{r.First, r.Second, r.Slot}] = r
	return nil
}

// Path is the name of the file.
func (g *Games) Path() string { return g.file.Name() }

// Close closes the file.
func (g *Games) Close() error { return g.file.Close() }

// Played is how many games were played.
func (g *Games) Played() int { return len(g.played) }

// Missing is how many games of the plan are not played.
func (g *Games) Missing() int { return len(g.missing()) }

// missing is the games to be played: the pairs take turns, so that wherever it is
// stopped all have about as many.
func (g *Games) missing() []match.Task {
	var tasks []match.Task
	p := g.plan
	most := p.Games
	for _, r := range p.Rules {
		most = max(most, r.games)
	}
	for slot := 0; slot < most; slot += 2 {
		for i := range p.Players {
			for j := i + 1; j < len(p.Players); j++ {
				for s := slot; s < min(slot+2, p.gamesOf(i, j)); s++ {
					if _, done := g.played[slotOf{i, j, s}]; !done {
						tasks = append(tasks, match.Task{First: i, Second: j, Slot: (i*MaxPlayers+j)*MaxPairGames + s})
					}
				}
			}
		}
	}
	return tasks
}
