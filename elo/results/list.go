// Package results gathers the results of games and reports what they say.
//
// A List is games with their players, from PGN files (FromPGN) or a database (FromStore, one for
// all games under the same conditions). Its Report has the ratings of all players at once, by package
// joint; of two players it has the Match, too: difference, likelihood of superiority, sequential
// test, which Count makes of bare counts.
package results

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"transcend/elo"
	"transcend/elo/joint"
	"transcend/elo/leaderboard"
	"transcend/internal/bitboard"
	"transcend/pgn"
)

// List is games for a joint fit.
type List struct {
	// From says in words where the games are from, Conditions under which they were
	// played, where that is known.
	From       string
	Conditions *leaderboard.Conditions

	players []joint.Player
	index   map[string]int
	games   []joint.Game
	// waiting is the number of a game whose partner with reversed colors and the
	// same start has not come, by who has White and the start.
	waiting map[waitingKey]int
	skipped map[string]int // games left out, by reason
	// otherLimits are those of anchors whose ratings were measured at measuredAt.
	otherLimits []string
	measuredAt  string
}

type waitingKey struct {
	white, black int
	start        string
}

func newList(from string) *List {
	return &List{From: from, index: map[string]int{}, waiting: map[waitingKey]int{}, skipped: map[string]int{}}
}

func (l *List) player(name string) int {
	i, ok := l.index[name]
	if !ok {
		i = len(l.players)
		l.index[name] = i
		l.players = append(l.players, joint.Player{Name: name})
	}
	return i
}

// add appends a game. Two games of the same players from the same start with
// reversed colors are a pair.
func (l *List) add(white, black int, start string, result bitboard.Result) {
	outcomes := map[bitboard.Result]elo.Outcome{bitboard.WhiteWins: elo.Win, bitboard.Draw: elo.Draw, bitboard.BlackWins: elo.Loss}
	o, ok := outcomes[result]
	switch {
	case !ok:
		l.skipped["without a result"]++
		return
	case white == black:
		l.skipped["of a player against itself"]++
		return
	}
	g := joint.Game{White: white, Black: black, Outcome: o}
	if first, ok := l.waiting[waitingKey{black, white, start}]; ok {
		delete(l.waiting, waitingKey{black, white, start})
		g.Pair = first + 1
		l.games[first].Pair = first + 1
	} else {
		l.waiting[waitingKey{white, black, start}] = len(l.games)
	}
	l.games = append(l.games, g)
}

// prune leaves out players with fewer than least games until all have as many.
func (l *List) prune(least int) {
	before := len(l.games)
	count := make([]int, len(l.players))
	for _, g := range l.games {
		count[g.White]++
		count[g.Black]++
	}
	for n := -1; n != len(l.games); {
		n = len(l.games)
		l.games = slices.DeleteFunc(l.games, func(g joint.Game) bool {
			few := count[g.White] < least || count[g.Black] < least
			if few {
				count[g.White]--
				count[g.Black]--
			}
			return few
		})
	}
	if n := before - len(l.games); n > 0 {
		l.skipped["by --min-games"] = n
	}
}

// FromPGN reads the games of PGN files; "-" is standard input. Only the tags are read,
// except of games that have no Result tag.
func FromPGN(ctx context.Context, stdin io.Reader, files ...string) (*List, error) {
	r, err := pgn.OpenWith(stdin, files...)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	l := newList(strings.Join(files, ", "))
	add := func(tag func(string) string, result bitboard.Result) {
		white, black := tag("White"), tag("Black")
		if white == "" || black == "" || white == "?" || black == "?" {
			l.skipped["without players' names"]++
			return
		}
		l.add(l.player(white), l.player(black), tag("FEN"), result)
	}
	r.Filter(func(h *pgn.Header) bool {
		if h.Result() == bitboard.Unknown {
			return true
		}
		add(h.Tag, h.Result())
		return false
	})
	var kept []*pgn.Game // the filter runs ahead of Scan, so these are added after it
	for r.Scan() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if bad := r.BadGame(); bad != nil {
			l.skipped["that cannot be read"]++
			continue
		}
		kept = append(kept, &pgn.Game{Tags: slices.Clone(r.Game().Tags), Result: r.Game().Result})
	}
	if err := r.Err(); err != nil {
		return nil, err
	}
	for _, g := range kept {
		add(g.Tag, g.Result)
	}
	return l, nil
}

// entrant is a player at a limit: at another limit it has another strength, and is
// another player.
type entrant struct {
	id    int64
	limit string
}

// FromStore reads all games of a leaderboard, one list for each set of conditions
// (protocol, openings, rules): games under different ones are not to be fitted together.
// Where anchors is not nil, the players that it knows are held at their ratings. An
// engine at another limit, or a model with other weights or settings, is another player.
func FromStore(ctx context.Context, store *leaderboard.Store, anchors leaderboard.AnchorFunc) ([]*List, error) {
	r, err := readStore(ctx, store, anchors)
	if err != nil {
		return nil, err
	}
	return r.lists(ctx, store)
}

// readStore reads matches and players, and decides what to call them.
func readStore(ctx context.Context, store *leaderboard.Store, anchors leaderboard.AnchorFunc) (*storeReader, error) {
	// Matches before their players: an arena may be adding both.
	matches, err := store.Matches(ctx)
	if err != nil {
		return nil, err
	}
	players, err := store.Players(ctx)
	if err != nil {
		return nil, err
	}
	called, err := store.MatchNames(ctx)
	if err != nil {
		return nil, err
	}
	r := &storeReader{anchors: anchors, players: map[int64]leaderboard.Player{}, matches: map[int64]leaderboard.Match{}, called: map[entrant]string{}, names: map[string]map[int64]int{}}
	for _, p := range players {
		r.players[p.ID] = p
	}
	for _, m := range matches {
		r.matches[m.ID] = m
		n, ok := called[m.ID]
		if !ok {
			n = [2]string{r.players[m.PlayerID].Name, r.players[m.OpponentID].Name}
		}
		for i, e := range []entrant{{m.PlayerID, m.PlayerLimit}, {m.OpponentID, m.OpponentLimit}} {
			if before, known := r.called[e]; known && before != n[i] {
				n[i] = r.players[e.id].Name
			}
			r.called[e] = n[i]
		}
	}
	for e, name := range r.called {
		if r.names[name] == nil {
			r.names[name] = map[int64]int{}
		}
		r.names[name][e.id]++
	}
	return r, nil
}

// lists reads the games.
func (r *storeReader) lists(ctx context.Context, store *leaderboard.Store) ([]*List, error) {
	var lists []*List
	byConditions := map[string]*List{}
	for g, err := range store.Games(ctx) {
		if err != nil {
			return nil, err
		}
		m, ok := r.matches[g.MatchID]
		if !ok { // begun since
			continue
		}
		// Limits are part of who plays.
		c := leaderboard.Conditions{Protocol: m.Protocol, Openings: m.Openings, MaxPlies: m.MaxPlies, Adjudication: m.Adjudication, Options: m.Options}
		key := fmt.Sprintf("%q", c)
		l := byConditions[key]
		if l == nil {
			l = newList(store.Path())
			l.Conditions = &c
			byConditions[key] = l
			lists = append(lists, l)
		}
		white, black := entrant{m.PlayerID, m.PlayerLimit}, entrant{m.OpponentID, m.OpponentLimit}
		if !g.PlayerWhite {
			white, black = black, white
		}
		w, err := r.enter(l, white)
		if err != nil {
			return nil, err
		}
		b, err := r.enter(l, black)
		if err != nil {
			return nil, err
		}
		result, _ := bitboard.ParseResult(g.Result)
		l.add(w, b, fmt.Sprintf("%d %s %s", g.MatchID, g.Opening, g.StartFEN), result)
	}
	return lists, nil
}

// storeReader names the players of a database.
type storeReader struct {
	anchors leaderboard.AnchorFunc
	players map[int64]leaderboard.Player
	matches map[int64]leaderboard.Match
	called  map[entrant]string       // by tournaments, or their own names
	names   map[string]map[int64]int // who bears a name, at how many limits
}

// enter finds or makes an entrant's number in a list.
func (r *storeReader) enter(l *List, e entrant) (int, error) {
	p, name := r.players[e.id], r.called[e]
	bearers := r.names[name]
	if bearers[e.id] > 1 {
		name = fmt.Sprintf("%s (%s)", name, cmp.Or(e.limit, "no limit"))
	}
	if len(bearers) > 1 {
		name = fmt.Sprintf("%s #%d", name, e.id)
	}
	if i, ok := l.index[name]; ok {
		return i, nil
	}
	i := l.player(name)
	if r.anchors == nil {
		return i, nil
	}
	set, a, err := r.anchors(p, e.limit)
	switch {
	case errors.Is(err, elo.ErrNoAnchor):
		return i, nil
	case err != nil:
		return 0, err
	}
	l.players[i].Anchor = &a
	if limit := cmp.Or(e.limit, "no stated limit"); !set.OwnLimits && limit != set.Conditions && !slices.Contains(l.otherLimits, limit) {
		l.otherLimits, l.measuredAt = append(l.otherLimits, limit), set.Conditions
	}
	return i, nil
}
