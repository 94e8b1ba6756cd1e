package web

// What the pages show, apart from how they look.

import (
	"cmp"
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"transcend/analysis"
	"transcend/elo"
	"transcend/elo/joint"
	"transcend/elo/leaderboard"
	"transcend/internal/bitboard"
)

// shown is a text from a database as it may be shown: cut to a length that no
// layout minds, without characters that reorder or hide others.
func shown(s string) string {
	n := 0
	return strings.Map(func(r rune) rune {
		n++
		switch {
		case n == 101:
			return '…'
		case n > 101:
			return -1
		case r == utf8.RuneError || !unicode.IsPrint(r):
			return '?'
		}
		return r
	}, s)
}

// playerView is a player as links and tables name it.
type playerView struct {
	ID   int64
	Name string
	Kind string
}

func viewPlayer(p leaderboard.Player) playerView {
	return playerView{p.ID, shown(cmp.Or(p.Name, fmt.Sprintf("player %d", p.ID))), p.Kind()}
}

// named is a player under another name.
func named(p leaderboard.Player, name string) playerView {
	v := viewPlayer(p)
	if name != "" {
		v.Name = shown(name)
	}
	return v
}

// tableView is the part of the leaderboard on one scale and under one set of
// conditions.
type tableView struct {
	ID         string
	Scale      string // empty: no rating
	Anchors    string
	Conditions []string
	Confidence string
	Rows       []rowView
	Plot       template.HTML
	Legend     []legendView
	// Verdicts say in words what the temperatures of each model show.
	Verdicts []string
}

type legendView struct {
	Name  string
	Color int
}

type rowView struct {
	Place                  int
	Player                 playerView
	Rating, Interval       string
	Total                  string // the interval with the opponents' own errors
	Record                 elo.Record
	Score, Legal           string
	Losses                 []lossView
	LossBar                template.HTML
	Opponents              []opponentView
	Notes                  []string
	Attempts, IllegalMoves int
}

type opponentView struct {
	Player playerView
	Limit  string
	Rating string
	Record elo.Record
	Score  string
}

type lossView struct {
	Cause leaderboard.LossCause
	Class int
	Name  string
	Games int
}

// causeNames say in words why games were lost.
var causeNames = map[leaderboard.LossCause]string{
	leaderboard.LostBoard: "on the board", leaderboard.LostIllegal: "illegal move", leaderboard.LostLength: "game too long for the model",
	leaderboard.LostResign: "resigned", leaderboard.LostTime: "time", leaderboard.LostCrash: "crash",
	leaderboard.LostStall: "gave no answer", leaderboard.LostFormat: "answer that is not UCI",
}

func causeName(c leaderboard.LossCause) string {
	if name, ok := causeNames[c]; ok {
		return name
	}
	return shown(string(c))
}

func viewLosses(losses map[leaderboard.LossCause]int) (views []lossView, bar template.HTML) {
	var parts []int
	for i, c := range leaderboard.LossCauses() {
		parts = append(parts, losses[c])
		if losses[c] > 0 {
			views = append(views, lossView{c, i, causeName(c), losses[c]})
		}
	}
	return views, drawShares(parts)
}

func conditionsText(c leaderboard.Conditions) []string {
	var parts []string
	add := func(format, value string) {
		if value != "" {
			parts = append(parts, fmt.Sprintf(format, shown(value)))
		}
	}
	add("protocol %s", c.Protocol)
	add("openings: %s", c.Openings)
	add("player at %s", c.PlayerLimit)
	if c.MaxPlies > 0 {
		parts = append(parts, fmt.Sprintf("draw after %d moves", (c.MaxPlies+1)/2))
	}
	add("adjudication: %s", c.Adjudication)
	for _, k := range slices.Sorted(maps.Keys(c.Options)) {
		parts = append(parts, shown(k)+": "+shown(c.Options[k]))
	}
	return parts
}

// viewTables groups the leaderboard's rows, which come sorted by scale and
// rating, by scale and conditions.
// tournaments are shown elsewhere: their unrated rows are left out.
func (s *Site) viewTables(snap *snapshot, tournaments []crossView) []tableView {
	shownAs := map[string]bool{}
	for _, t := range tournaments {
		shownAs[fmt.Sprintf("%q", t.Conditions)] = true
	}
	var tables []tableView
	index := map[string]int{}
	rows := map[int][]leaderboard.Row{}
	for _, r := range snap.board.Rows {
		conditions := conditionsText(r.Conditions)
		if r.Scale == "" {
			withoutLimit := r.Conditions
			withoutLimit.PlayerLimit = ""
			if shownAs[fmt.Sprintf("%q", conditionsText(withoutLimit))] {
				continue
			}
		}
		key := tableKey(r.Scale, r.AnchorSet, conditions)
		i, ok := index[key]
		if !ok {
			i = len(tables)
			index[key] = i
			t := tableView{ID: fmt.Sprintf("table-%d", i+1), Scale: shown(r.Scale), Conditions: conditions, Confidence: "95%"}
			if r.Scale != "" {
				t.Anchors = fmt.Sprintf("anchors %s, measured at %s", shown(r.AnchorSet), shown(r.AnchorConditions))
			}
			tables = append(tables, t)
		}
		if r.Rating != nil {
			tables[i].Confidence = fmt.Sprintf("%.4g%%", 100*r.Rating.Confidence)
		}
		rows[i] = append(rows[i], r)
		tables[i].Rows = append(tables[i].Rows, viewRow(r, len(tables[i].Rows)+1))
	}
	for i := range tables {
		series := s.series(rows[i])
		tables[i].Plot = drawTemperatures(series)
		if tables[i].Plot != "" {
			for c, one := range series {
				tables[i].Legend = append(tables[i].Legend, legendView{shown(one.Name), c % colors})
			}
		}
	}
	for _, sweep := range snap.sweeps {
		i, ok := index[tableKey(sweep.Scale, sweep.AnchorSet, conditionsText(sweep.Conditions))]
		if !ok {
			continue
		}
		for _, c := range sweep.Curves {
			if sweep.Scale != "" && (c.Cap > 0 || len(c.Points) > 1) {
				tables[i].Verdicts = append(tables[i].Verdicts, long(c.Verdict.Text))
			}
		}
	}
	// Tables with a rating first; those without are further evidence.
	slices.SortStableFunc(tables, func(a, b tableView) int {
		switch {
		case (a.Scale == "") == (b.Scale == ""):
			return 0
		case a.Scale == "":
			return 1
		}
		return -1
	})
	return tables
}

func tableKey(scale, set string, conditions []string) string {
	return fmt.Sprintf("%q %q %q", scale, set, conditions)
}

func viewRow(r leaderboard.Row, place int) rowView {
	v := rowView{
		Place: place, Player: named(r.Player, r.Name), Record: r.Record, Attempts: r.Attempts, IllegalMoves: r.Illegal,
		Rating: "–", Score: percent(r.Score, r.Record.Games()), Legal: "–",
	}
	if r.LegalRate != nil {
		v.Legal = fmt.Sprintf("%.1f%%", 100**r.LegalRate)
	}
	if e := r.Rating; e != nil {
		v.Rating = fmt.Sprintf("%.0f", e.Rating)
		v.Interval = intervalText(e.Sampling)
		if e.AnchorError > 0 {
			v.Total = intervalText(e.Total)
		}
		switch e.Side {
		case elo.Above:
			v.Rating, v.Interval = e.String(), "all won: a bound"
			v.Total = ""
		case elo.Below:
			v.Rating, v.Interval = e.String(), "all lost: a bound"
			v.Total = ""
		}
	}
	v.Losses, v.LossBar = viewLosses(r.Losses)
	for _, o := range r.Opponents {
		rating := "no known rating"
		if o.Anchor != nil {
			rating = fmt.Sprintf("%.0f", o.Anchor.Rating)
		}
		v.Opponents = append(v.Opponents, opponentView{named(o.Opponent, o.Name), shown(o.Limit), rating, o.Record, percent(o.Score, o.Record.Games())})
	}
	if r.Unrated != "" {
		v.Notes = append(v.Notes, "No rating: "+long(r.Unrated))
	}
	for _, by := range []leaderboard.Culprit{leaderboard.ByPlayer, leaderboard.ByOpponent, leaderboard.ByArena} {
		if n := r.Voids[by]; n > 0 {
			v.Notes = append(v.Notes, fmt.Sprintf("Void games by failure of the %s, played again: %d", by, n))
		}
	}
	for _, w := range r.Warnings {
		v.Notes = append(v.Notes, long(w.Text))
	}
	return v
}

// long is shown for sentences of our own, which may contain a name.
func long(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}

func intervalText(iv elo.Interval) string {
	end := func(x float64) string {
		if math.IsInf(x, 0) {
			return "…"
		}
		return fmt.Sprintf("%.0f", x)
	}
	return end(iv.Low) + " to " + end(iv.High)
}

func percent(share float64, games int) string {
	if games == 0 {
		return "–"
	}
	return fmt.Sprintf("%.1f%%", 100*share)
}

// series are the rated rows that are one model at several temperatures.
func (s *Site) series(rows []leaderboard.Row) []Series {
	var all []Series
	index := map[string]int{}
	for _, r := range rows {
		t, err := strconv.ParseFloat(r.Player.Spec[leaderboard.SpecTemperature], 64)
		if err != nil || math.IsNaN(t) || math.IsInf(t, 0) || t < 0 || r.Rating == nil || r.Player.Kind() != "model" {
			continue
		}
		spec := map[string]string{}
		for k, v := range r.Player.Spec {
			if k != leaderboard.SpecTemperature && k != leaderboard.SpecName {
				spec[k] = v
			}
		}
		key, _ := json.Marshal(spec)
		i, ok := index[string(key)]
		if !ok {
			i = len(all)
			index[string(key)] = i
			one := Series{Name: modelName(r.Player)}
			if s.opt.Models != nil {
				one.Cap = s.opt.Models.Cap(r.Player)
			}
			all = append(all, one)
		}
		all[i].Points = append(all[i].Points, Point{t, *r.Rating})
	}
	for i := range all {
		slices.SortFunc(all[i].Points, compareTemperatures)
	}
	slices.SortStableFunc(all, func(a, b Series) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// modelName is a player's name without its temperature: "run@500 T=0.1 mask"
// becomes "run@500 mask".
func modelName(p leaderboard.Player) string {
	var kept []string
	for word := range strings.FieldsSeq(p.Name) {
		if !strings.HasPrefix(word, "T=") {
			kept = append(kept, word)
		}
	}
	return strings.Join(kept, " ")
}

// gameRow is a game in a list.
type gameRow struct {
	Match        int64
	Slot         int
	White, Black playerView
	PlayerWhite  bool
	Result       string
	Ending       string // in words
	Moves        int
	Illegal      int
	Date         string
}

// ID names a game in addresses.
func (g gameRow) ID() string { return fmt.Sprintf("%d-%d", g.Match, g.Slot) }

func (s *snapshot) row(g leaderboard.Game) gameRow {
	r := gameRow{
		Match: g.MatchID, Slot: g.Slot, PlayerWhite: g.PlayerWhite,
		Result: resultText(g.Result), Ending: shown(g.Termination), Moves: (len(g.Moves) + 1) / 2, Illegal: g.Illegal,
	}
	if m, ok := s.matches[g.MatchID]; ok {
		r.White, r.Black = s.sides(m, g.PlayerWhite)
	} else {
		r.White, r.Black = viewPlayer(s.player(g.White)), viewPlayer(s.player(g.Black))
	}
	if !g.StartedAt.IsZero() {
		r.Date = g.StartedAt.UTC().Format("2006-01-02 15:04")
	}
	return r
}

// player is one that may have come after the snapshot was made.
func (s *snapshot) player(id int64) leaderboard.Player {
	if p, ok := s.players[id]; ok {
		return p
	}
	return leaderboard.Player{ID: id}
}

func resultText(r string) string {
	if r == "1/2-1/2" {
		return "½–½"
	}
	return strings.Replace(shown(r), "-", "–", 1)
}

// gameView is a game to step through.
type gameView struct {
	gameRow
	Conditions []string
	Ply        int // that the board shows
	Plies      int
	Board      template.HTML
	Start      string // placement and side to move, for the script
	UCI        string // moves for the script
	Lines      []lineView
	Evals      template.HTML
	Damage     string           // what is wrong with the moves as stored
	Wrote      []string         // by who lost for want of a legal move
	Tries      map[int][]string // what was no legal move, by the ply that was to be played
	Loser      string
	Caption    string
	Seed       uint64
	Elapsed    string
	Models     []modelView // whose choices can be asked for
	First      int         // number of the first move
	BlackFirst bool
}

// modelView is a player of a game that may be asked for its choices.
type modelView struct {
	Player      playerView
	Temperature string
	White       bool
	Choices     []choicesView // nil: not asked yet
	Why         string        // why there are none
}

// lineView is a full move in the list of moves.
type lineView struct {
	Number       int
	White, Black *moveView
}

type moveView struct {
	Ply  int // after the move: 1 for the first
	SAN  string
	Eval string
	Last bool
}

// viewGame lays a game out; ply is the one to show, -1 the last.
func (s *snapshot) viewGame(g leaderboard.Game, ply int) gameView {
	board, err := replay(g.StartFEN, g.Moves)
	v := gameView{gameRow: s.row(g), Plies: board.Ply(), Seed: g.Seed}
	v.Wrote, v.Tries = illegalTexts(g)
	if len(v.Wrote) > 0 {
		v.Tries[v.Plies] = v.Wrote
	}
	if err != nil {
		v.Damage = err.Error()
	}
	if m, ok := s.matches[g.MatchID]; ok {
		v.Conditions = conditionsText(leaderboard.Conditions{Protocol: m.Protocol, Openings: m.Openings, PlayerLimit: m.PlayerLimit, MaxPlies: m.MaxPlies, Adjudication: m.Adjudication, Options: m.Options})
		if m.OpponentLimit != "" {
			v.Conditions = append(v.Conditions, "opponent at "+shown(m.OpponentLimit))
		}
	}
	if g.Elapsed > 0 {
		v.Elapsed = fmt.Sprintf("%.1f s", g.Elapsed.Seconds())
	}
	v.layOut(board, g.Evals, ply)
	switch {
	case g.LossCause != leaderboard.NotLost:
		v.Loser = causeName(g.LossCause)
	case g.OpponentCause != leaderboard.NotLost:
		v.Loser = causeName(g.OpponentCause)
	}
	for _, white := range []bool{true, false} {
		id := g.White
		if !white {
			id = g.Black
		}
		if p := s.player(id); p.Kind() == "model" {
			v.Models = append(v.Models, modelView{Player: viewPlayer(p), Temperature: temperatureText(p), White: white})
		}
	}
	return v
}

func temperatureText(p leaderboard.Player) string { return shown(p.Spec[leaderboard.SpecTemperature]) }

// layOut fills in the moves and the board.
func (v *gameView) layOut(board *bitboard.Game, evals []leaderboard.Eval, ply int) {
	v.Plies = board.Ply()
	if ply < 0 || ply > v.Plies {
		ply = v.Plies
	}
	v.Ply = ply
	start := board.PositionAt(0)
	v.Start = strings.Join(strings.Fields(start.FEN())[:2], " ")
	v.BlackFirst = start.SideToMove() == bitboard.Black
	v.First = start.FullmoveNumber()
	evalAt := map[int]string{}
	for _, e := range evals {
		if !e.NoScore {
			evalAt[e.Ply] = evalText(e, v.BlackFirst)
		}
	}
	var uci []string
	for i, m := range board.Moves() {
		uci = append(uci, m.String())
		one := &moveView{Ply: i + 1, SAN: board.PositionAt(i).SAN(m), Eval: evalAt[i], Last: i+1 == ply}
		black := blackMoved(i, v.BlackFirst)
		if !black || len(v.Lines) == 0 {
			v.Lines = append(v.Lines, lineView{Number: board.PositionAt(i).FullmoveNumber()})
		}
		if line := &v.Lines[len(v.Lines)-1]; black {
			line.Black = one
		} else {
			line.White = one
		}
	}
	v.UCI = strings.Join(uci, " ")
	last := bitboard.NoMove
	v.Caption = "Start"
	if ply > 0 {
		last = board.Moves()[ply-1]
		v.Caption = moveText(board, ply-1)
	}
	v.Board = drawBoard(board.PositionAt(ply), last, illegalArrows(v.Tries[ply])...)
	v.Evals = drawEvals(evals, v.Plies, v.BlackFirst)
}

// moveText is a move with its number: "12. Nf3", "12... Nf6".
func moveText(board *bitboard.Game, i int) string {
	p := board.PositionAt(i)
	dots := "."
	if p.SideToMove() == bitboard.Black {
		dots = "..."
	}
	return fmt.Sprintf("%d%s %s", p.FullmoveNumber(), dots, p.SAN(board.Moves()[i]))
}

// illegalTexts are what models wrote instead of a move, as the arena keeps it in a
// game's details: at the end, and by ply where a legal move followed.
func illegalTexts(g leaderboard.Game) (last []string, byPly map[int][]string) {
	byPly = map[int][]string{}
	var details struct {
		Texts []string `json:"illegal_texts"`
		Tries []struct {
			Ply   int
			Texts []string
		} `json:"illegal_tries"`
	}
	if json.Unmarshal(g.Details, &details) != nil {
		return nil, byPly
	}
	const most = 20
	clean := func(texts []string) []string {
		texts = texts[:min(len(texts), most)]
		for i := range texts {
			texts[i] = shown(texts[i])
		}
		return texts
	}
	for _, t := range details.Tries[:min(len(details.Tries), most)] {
		if t.Ply >= 0 && t.Ply < len(g.Moves) && len(t.Texts) > 0 {
			byPly[t.Ply] = clean(t.Texts)
		}
	}
	return clean(details.Texts), byPly
}

// counted joins equal texts: "e2e5 ×3".
func counted(texts []string) []string {
	var order []string
	n := map[string]int{}
	for _, t := range texts {
		if n[t]++; n[t] == 1 {
			order = append(order, t)
		}
	}
	for i, t := range order {
		if t == "" {
			t = "(nothing)"
		}
		if c := n[order[i]]; c > 1 {
			t = fmt.Sprintf("%s ×%d", t, c)
		}
		order[i] = t
	}
	return order
}

// illegalArrows are the attempts that name two squares.
func illegalArrows(texts []string) []arrow {
	var arrows []arrow
	for _, t := range texts {
		if m, err := bitboard.ParseUCI(t); err == nil && m != bitboard.NoMove {
			if a := (arrow{m.From(), m.To()}); !slices.Contains(arrows, a) {
				arrows = append(arrows, a)
			}
		}
	}
	return arrows
}

// choicesView is a model's choices at one ply.
type choicesView struct {
	Ply     int    // to link to: the position after the move that was played
	Move    string // with its number; or that there was none
	Played  *choiceView
	Top     []choiceView
	Legal   string
	Differs bool // at T=1 it would more likely than not have played something else
	Not     bool // the move is not the likeliest at T=1
}

type choiceView struct {
	Text   string
	Legal  bool
	Played bool
	P, PT  string
	Bar    template.HTML
}

func viewChoice(c analysis.Choice) choiceView {
	return choiceView{Text: shown(c.Text), Legal: c.Legal, P: probability(c.P), PT: probability(c.PT), Bar: drawProbability(c.P, c.PT)}
}

// probability is one as a person reads it.
func probability(p float64) string {
	switch {
	case p >= 0.9995:
		return "100%"
	case p >= 0.0005:
		return fmt.Sprintf("%.1f%%", 100*p)
	case p > 0:
		return "<0.1%"
	}
	return "0"
}

func viewChoices(board *bitboard.Game, all []analysis.Choices) []choicesView {
	views := make([]choicesView, 0, len(all))
	for _, c := range all {
		v := choicesView{Ply: min(c.Ply+1, board.Ply()), Legal: probability(c.Legal)}
		if c.Played != nil && c.Ply < board.Ply() {
			played := viewChoice(*c.Played)
			v.Played, v.Move = &played, moveText(board, c.Ply)
			v.Differs = c.Played.P < 0.5
			v.Not = len(c.Top) > 0 && c.Top[0].Move != c.Played.Move
		} else {
			v.Move = fmt.Sprintf("%d. no legal move found", board.PositionAt(c.Ply).FullmoveNumber())
		}
		for _, t := range c.Top {
			one := viewChoice(t)
			one.Played = c.Played != nil && t.Move == c.Played.Move
			v.Top = append(v.Top, one)
		}
		views = append(views, v)
	}
	return views
}

// crossView is everybody's points against everybody under one set of conditions.
type crossView struct {
	Conditions []string
	// Equals says that some are on both sides, a tournament: they have ratings of
	// their own, relative to their mean.
	Equals  bool
	Columns []playerView
	Rows    []crossRow
}

type crossRow struct {
	Player           playerView
	Rating, Interval string // of a tournament; empty where it cannot be told
	Score            string
	Cells            []crossCell
	Points           string
	Games            int
}

type crossCell struct {
	Record elo.Record
	Points string // "12.5/20"; empty: no games
	Self   bool
}

// viewCross counts games of players against each other, those that were only
// opponents in columns alone.
func (s *snapshot) viewCross() (views []crossView) {
	for _, g := range s.crossGroups() {
		views = append(views, s.viewGroup(g))
	}
	return views
}

// crossGroup is the games under the same conditions.
type crossGroup struct {
	conditions []string
	records    map[[2]seat]elo.Record
	black      map[[2]seat]elo.Record // the part of the first with Black
	subjects   []seat
	opponents  []seat
	names      map[seat]string
}

// crossGroups are the games that can stand in one table.
func (s *snapshot) crossGroups() []*crossGroup {
	var groups []*crossGroup
	index := map[string]*crossGroup{}
	for _, id := range s.order {
		t, ok := s.tallies[id]
		if !ok {
			continue
		}
		m := s.matches[id]
		// Limits are part of who plays, not of the conditions.
		conditions := conditionsText(leaderboard.Conditions{Protocol: m.Protocol, Openings: m.Openings, MaxPlies: m.MaxPlies, Adjudication: m.Adjudication, Options: m.Options})
		key := fmt.Sprintf("%q", conditions)
		g := index[key]
		if g == nil {
			g = &crossGroup{conditions: conditions, records: map[[2]seat]elo.Record{}, black: map[[2]seat]elo.Record{}, names: map[seat]string{}}
			index[key], groups = g, append(groups, g)
		}
		player, opponent := seat{m.PlayerID, m.PlayerLimit}, seat{m.OpponentID, m.OpponentLimit}
		g.records[[2]seat{player, opponent}] = g.records[[2]seat{player, opponent}].Plus(t.Record)
		g.black[[2]seat{player, opponent}] = g.black[[2]seat{player, opponent}].Plus(t.Black)
		if player != opponent {
			// Where it has White, the other has Black.
			g.black[[2]seat{opponent, player}] = g.black[[2]seat{opponent, player}].Plus(t.White().Inverse())
			g.records[[2]seat{opponent, player}] = g.records[[2]seat{opponent, player}].Plus(t.Record.Inverse())
		}
		maps.Copy(g.names, s.names[id])
		if !slices.Contains(g.subjects, player) {
			g.subjects = append(g.subjects, player)
		}
		if !slices.Contains(g.opponents, opponent) {
			g.opponents = append(g.opponents, opponent)
		}
	}
	return groups
}

// viewGroup is a cross table.
func (s *snapshot) viewGroup(g *crossGroup) crossView {
	columns, equals := g.opponents, false
	// Where somebody is on both sides it is a tournament of equals.
	if slices.ContainsFunc(g.subjects, func(p seat) bool { return slices.Contains(g.opponents, p) }) {
		equals = true
		for _, p := range g.opponents {
			if !slices.Contains(g.subjects, p) {
				g.subjects = append(g.subjects, p)
			}
		}
		columns = g.subjects
	}
	points := map[seat]elo.Record{}
	for _, p := range g.subjects {
		for _, other := range columns {
			points[p] = points[p].Plus(g.records[[2]seat{p, other}])
		}
	}
	slices.SortStableFunc(g.subjects, func(a, b seat) int { return cmp.Compare(points[b].Score(), points[a].Score()) })
	v := crossView{Conditions: g.conditions, Equals: equals}
	var ratings map[seat]joint.Rating
	if equals {
		ratings = rateEquals(g.subjects, g.black)
		slices.SortStableFunc(g.subjects, func(a, b seat) int { return ratings[b].Compare(ratings[a]) })
		columns = g.subjects
	}
	for _, p := range columns {
		v.Columns = append(v.Columns, s.nameAt(p, g.names))
	}
	for _, p := range g.subjects {
		row := crossRow{Player: s.nameAt(p, g.names), Points: pointsText(points[p].Points()), Games: points[p].Games(), Score: percent(points[p].Score(), points[p].Games())}
		row.Rating, row.Interval = relativeText(ratings, p)
		for _, other := range columns {
			r := g.records[[2]seat{p, other}]
			c := crossCell{Record: r, Self: p == other}
			if r.Games() > 0 {
				c.Points = pointsText(r.Points())
			}
			row.Cells = append(row.Cells, c)
		}
		v.Rows = append(v.Rows, row)
	}
	return v
}

// maxRated bounds the games of a tournament that is rated for a page; a larger
// one has "arena elo".
const maxRated = 2_000_000

// rateEquals rates the players of a tournament by all their games at once;
// black[{a, b}] are a's games with Black against b.
func rateEquals(players []seat, black map[[2]seat]elo.Record) map[seat]joint.Rating {
	number := map[seat]int{}
	entries := make([]joint.Player, len(players))
	for i, p := range players {
		number[p] = i
		entries[i].Name = fmt.Sprint(i) // names are for messages, and may be equal
	}
	n := 0
	for _, r := range black {
		n += r.Games()
	}
	if n == 0 || n > maxRated {
		return nil
	}
	games := make([]joint.Game, 0, n)
	for i, a := range players { // in an order of our own: a map has none
		for j, b := range players {
			r := black[[2]seat{a, b}].Inverse() // as White sees them
			for outcome, count := range []int{elo.Loss: r.Losses, elo.Draw: r.Draws, elo.Win: r.Wins} {
				for range count {
					games = append(games, joint.Game{White: j, Black: i, Outcome: elo.Outcome(outcome)})
				}
			}
		}
	}
	fit, err := joint.Rate(entries, games, joint.Options{ProfilePlayers: 20})
	if err != nil {
		return nil // the points are shown all the same
	}
	ratings := map[seat]joint.Rating{}
	for p, i := range number {
		ratings[p] = fit.Ratings[i]
	}
	return ratings
}

func relativeText(ratings map[seat]joint.Rating, p seat) (rating, interval string) {
	r, ok := ratings[p]
	switch {
	case !ok:
	case r.Side == elo.Above:
		return fmt.Sprintf("> %+.0f", r.Interval.Low), "a bound"
	case r.Side == elo.Below:
		return fmt.Sprintf("< %+.0f", r.Interval.High), "a bound"
	case r.Side == elo.TwoSided:
		return fmt.Sprintf("%+.0f", r.Rating), fmt.Sprintf("%+.0f to %+.0f", r.Interval.Low, r.Interval.High)
	}
	return "", ""
}

// nameAt is a player's name in a tournament, or its own with its limit.
func (s *snapshot) nameAt(p seat, names map[seat]string) playerView {
	v := viewPlayer(s.player(p.player))
	if name := names[p]; name != "" {
		v.Name = shown(name)
	} else if p.limit != "" {
		v.Name += " at " + shown(p.limit)
	}
	return v
}

// pointsText is a number of points with halves as people write them.
func pointsText(p float64) string {
	whole := math.Floor(p)
	switch {
	case p == whole:
		return fmt.Sprintf("%.0f", p)
	case whole == 0:
		return "½"
	}
	return fmt.Sprintf("%.0f½", whole)
}

// lossesView is why a player lost its games.
type lossesView struct {
	Player  playerView
	Games   int
	Lost    int
	Losses  []lossView
	Bar     template.HTML
	Legal   string
	Illegal int // games with an illegal attempt
}

func (s *snapshot) viewLosses() []lossesView {
	sums := map[int64]*leaderboard.Tally{}
	var order []int64
	for _, id := range s.order {
		t, ok := s.tallies[id]
		if !ok {
			continue
		}
		p := s.matches[id].PlayerID
		sum := sums[p]
		if sum == nil {
			sum = &leaderboard.Tally{Losses: map[leaderboard.LossCause]int{}}
			sums[p], order = sum, append(order, p)
		}
		sum.Record = sum.Record.Plus(t.Record)
		sum.Attempts += t.Attempts
		sum.Illegal += t.Illegal
		sum.IllegalGames += t.IllegalGames
		for c, n := range t.Losses {
			sum.Losses[c] += n
		}
	}
	var views []lossesView
	for _, id := range order {
		t := sums[id]
		v := lossesView{Player: viewPlayer(s.player(id)), Games: t.Record.Games(), Lost: t.Record.Losses, Legal: "–", Illegal: t.IllegalGames}
		v.Losses, v.Bar = viewLosses(t.Losses)
		if t.Attempts > 0 {
			v.Legal = percent(float64(t.Attempts-t.Illegal)/float64(t.Attempts), 1)
		}
		views = append(views, v)
	}
	return views
}

// liveView is a game in play.
type liveView struct {
	gameView
	Clocks [2]string
	Last   string
}
