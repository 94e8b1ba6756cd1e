package league

import (
	"bufio"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
)

// Rated is a player with its rating.
type Rated struct {
	Player
	Elo int // 0: not known
}

// Pool is a set of players that play each other.
type Pool struct {
	Name string
	// Scale says what the ratings are: NominalScale, or where they were measured.
	Scale   string
	Players []Rated
}

// NominalScale is the scale of ratings that order players and that nobody measured.
const NominalScale = "nominal"

// Nominal reports whether the ratings were not measured.
func (p *Pool) Nominal() bool { return p.Scale == NominalScale }

// Validate reports a pool that cannot play: without players, with a player that nothing bounds, or
// with two of one name.
func (p *Pool) Validate() error {
	if len(p.Players) == 0 {
		return fmt.Errorf("league: pool %s has no players", p.Name)
	}
	titles := make(map[string]bool, len(p.Players))
	for i := range p.Players {
		player := &p.Players[i]
		if err := player.Validate(); err != nil {
			return fmt.Errorf("league: pool %s: player %d: %w", p.Name, i+1, err)
		}
		if !player.Bounded() {
			return fmt.Errorf("league: pool %s: %s: %w", p.Name, player.Title(), ErrUnbounded)
		}
		if titles[player.Title()] {
			return fmt.Errorf("league: pool %s: two players are called %s: give them names or seeds", p.Name, player.Title())
		}
		titles[player.Title()] = true
	}
	return nil
}

// ID is a hash of who plays, with which ratings and names.
func (p *Pool) ID() string {
	h := sha256.New()
	for i := range p.Players {
		player := &p.Players[i]
		fmt.Fprintf(h, "%q %d %q\n", player.String(), player.Elo, player.Name)
	}
	return hex.EncodeToString(h.Sum(nil))[:12]
}

// Rating is a rating of the table.
type Rating struct {
	Player string  `json:"player"` // canonical text
	Elo    float64 `json:"elo"`
	// Low and High are the 95% interval, the anchors' ratings taken as exact.
	Low  float64 `json:"low"`
	High float64 `json:"high"`
	// Games are those of the calibration.
	Games int `json:"games"`
}

// Table is the calibration of players and the pools made of them.
type Table struct {
	Version string `json:"version"` // of the players, see Version
	Scale   string `json:"scale"`
	// Source is the command that measured the ratings.
	Source  string   `json:"source"`
	Ratings []Rating `json:"ratings"`
	Pools   []struct {
		Name    string   `json:"name"`
		About   string   `json:"about"`
		Players []string `json:"players"`
	} `json:"pools"`
}

//go:embed ratings.json
var ratingsJSON []byte

// Ratings returns the table that comes with the program. It must not be changed.
var Ratings = sync.OnceValue(func() *Table {
	t, err := parseTable(ratingsJSON)
	if err != nil {
		panic(err) // the file is compiled in, and a test reads it
	}
	return t
})

// parseTable reads a table from JSON and checks that its players are canonical and its pools
// playable.
func parseTable(b []byte) (*Table, error) {
	t := new(Table)
	if err := json.Unmarshal(b, t); err != nil {
		return nil, fmt.Errorf("league: table of ratings: %w", err)
	}
	if t.Scale == "" {
		return nil, errors.New("league: table of ratings: it does not name its scale")
	}
	for _, r := range t.Ratings {
		p, err := Parse(r.Player)
		if err != nil {
			return nil, fmt.Errorf("league: table of ratings: %w", err)
		}
		if p.String() != r.Player {
			return nil, fmt.Errorf("league: table of ratings: write %s for %s", p.String(), r.Player)
		}
		if !(r.Elo >= 1 && r.Elo <= 9999) {
			return nil, fmt.Errorf("league: table of ratings: %s: %v is no rating", r.Player, r.Elo)
		}
	}
	for _, pool := range t.Pools {
		if _, err := t.pool(pool.Name, pool.Players); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// Rating returns the rating of a player by its text, false when the table has none. The seed of
// a player is only a matter of which moves it takes for good, so players that differ by it alone
// have one rating, unless the table has them apart.
func (t *Table) Rating(p *Player) (Rating, bool) {
	plain := *p
	plain.Seed = 0
	text, own := plain.String(), p.String()
	var found Rating
	for _, r := range t.Ratings {
		if r.Player == own {
			return r, true
		}
		if r.Player == text {
			found = r
		}
	}
	return found, found.Player != ""
}

// Elo returns the rating of a player as tags have it, 0 when the table has none.
func (t *Table) Elo(p *Player) int {
	r, _ := t.Rating(p)
	return int(r.Elo + 0.5)
}

func (t *Table) pool(name string, texts []string) (*Pool, error) {
	pool := &Pool{Name: name, Scale: t.Scale}
	for _, text := range texts {
		p, err := Parse(text)
		if err != nil {
			return nil, fmt.Errorf("league: pool %s: %w", name, err)
		}
		pool.Players = append(pool.Players, Rated{p, t.Elo(&p)})
	}
	return pool, pool.Validate()
}

// Pool returns a pool of the table, false when it has none of that name.
func (t *Table) Pool(name string) (*Pool, bool) {
	for _, pool := range t.Pools {
		if pool.Name == name {
			p, err := t.pool(name, pool.Players)
			return p, err == nil
		}
	}
	return nil, false
}

// PoolNames returns the names of the table's pools.
func (t *Table) PoolNames() []string {
	var names []string
	for _, pool := range t.Pools {
		names = append(names, pool.Name)
	}
	return names
}

// Pools that the program chooses by itself.
const (
	// Ladder has players from 400 to 1800, none farther than a hundred points from the next.
	Ladder = "ladder"
	// Club is what a first model is trained on: many weak players and few strong ones, who take most of
	// the time.
	Club = "club"
)

// Find returns the player that a word means: its text, or a number, for which it is the player of the
// ladder whose rating is nearest. Anything else is a *TextError.
func Find(word string) (Rated, error) {
	table := Ratings()
	elo, err := strconv.Atoi(word)
	if err != nil {
		p, err := Parse(word)
		if err != nil {
			return Rated{}, err
		}
		return Rated{p, table.Elo(&p)}, nil
	}
	ladder, ok := table.Pool(Ladder)
	if !ok {
		return Rated{}, errors.New("league: the table of ratings has no ladder")
	}
	var best Rated
	for _, r := range ladder.Players {
		if best.Elo == 0 || max(r.Elo-elo, elo-r.Elo) < max(best.Elo-elo, elo-best.Elo) {
			best = r
		}
	}
	lowest, highest := best.Elo, best.Elo
	for _, r := range ladder.Players {
		lowest, highest = min(lowest, r.Elo), max(highest, r.Elo)
	}
	if elo < lowest-50 || elo > highest+50 {
		return Rated{}, &TextError{Text: word, Err: fmt.Errorf("the ladder goes from %d to %d", lowest, highest)}
	}
	return best, nil
}

// bounds of pool files.
const (
	maxPoolLine    = 8 << 10
	maxPoolPlayers = 10_000
)

// ReadPool reads a pool from text: a player a line, its text, and if it has them its rating and
// its name, separated by blanks; what follows "#" is a comment. Ratings that are not given come from the
// program's table.
//
//	ply1:rho=0.3,seed=1   900  Anna   # a name may have blanks
//	ply1:rho=0.3,seed=2
//
// Errors name the line, and are a *TextError where it is no player, or those of Validate.
func ReadPool(name string, r io.Reader) (*Pool, error) {
	table := Ratings()
	pool := &Pool{Name: name, Scale: table.Scale}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxPoolLine)
	number := 0
	for lines.Scan() {
		number++
		text, _, _ := strings.Cut(lines.Text(), "#")
		fields := strings.Fields(text)
		if len(fields) == 0 {
			continue
		}
		if len(pool.Players) == maxPoolPlayers {
			return nil, fmt.Errorf("league: pool %s: more than %d players", name, maxPoolPlayers)
		}
		p, err := Parse(fields[0])
		if err != nil {
			return nil, fmt.Errorf("league: pool %s: line %d: %w", name, number, err)
		}
		rated := Rated{Player: p, Elo: table.Elo(&p)}
		if len(fields) > 1 {
			rated.Elo, err = strconv.Atoi(fields[1])
			if err != nil || rated.Elo < 1 || rated.Elo > 9999 {
				return nil, fmt.Errorf("league: pool %s: line %d: %.20q is no rating, 1 to 9999", name, number, fields[1])
			}
			pool.Scale = NominalScale // whose they are is not known
		}
		if len(fields) > 2 {
			rated.Name = strings.Join(fields[2:], " ")
		}
		pool.Players = append(pool.Players, rated)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("league: pool %s: line %d: %w", name, number+1, err)
	}
	return pool, pool.Validate()
}

// OpenPool returns the pool of that name, or reads the file of that name; what is neither is an
// *UnknownPoolError.
func OpenPool(name string) (*Pool, error) {
	if pool, ok := Ratings().Pool(name); ok {
		return pool, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, &UnknownPoolError{Name: name, Err: err}
	}
	defer f.Close()
	return ReadPool(name, f)
}

// UnknownPoolError is a pool that is neither a name nor a file.
type UnknownPoolError struct {
	Name string
	Err  error
}

func (e *UnknownPoolError) Error() string {
	return fmt.Sprintf("league: there is no pool or file %.100q", e.Name)
}
func (e *UnknownPoolError) Unwrap() error { return e.Err }

// Hint names the pools.
func (e *UnknownPoolError) Hint() string {
	return "pools are " + strings.Join(Ratings().PoolNames(), ", ") + ", or a file with a player a line"
}

// Near returns the players that the one at i may meet where ratings differ by at most gap, 0
// for any: all others within it, itself only where there is none.
func (p *Pool) Near(i, gap int) []int {
	var found []int
	for j := range p.Players {
		if j != i && (gap == 0 || max(p.Players[j].Elo-p.Players[i].Elo, p.Players[i].Elo-p.Players[j].Elo) <= gap) {
			found = append(found, j)
		}
	}
	if len(found) == 0 {
		return []int{i}
	}
	return found
}

// eloTag is a rating as PGN writes it.
func eloTag(elo int) string {
	if elo == 0 {
		return "?"
	}
	return strconv.Itoa(elo)
}
