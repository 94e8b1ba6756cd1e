package leaderboard

// From games to ratings.

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"math"
	"slices"
	"strconv"
	"strings"

	"transcend/elo"
)

// AnchorFunc says how an opponent is rated: by which set, and by which of its
// anchors. An error that wraps elo.ErrNoAnchor leaves the opponent without a
// rating; the games against it are counted and shown apart. limit is the
// opponent's, as its matches have it, "" when it is not known.
type AnchorFunc func(opponent Player, limit string) (elo.AnchorSet, elo.Anchor, error)

// DefaultAnchors rates a UCI engine by the anchor set measured with the version
// that its "id name" tells, at the strength its options set, and a simulated player by the
// calibration that comes with the program.
func DefaultAnchors(p Player, _ string) (elo.AnchorSet, elo.Anchor, error) {
	if p.Kind() == kindLeague {
		a, err := elo.LeagueScale().Anchor(p.Spec, "")
		if err != nil {
			return elo.AnchorSet{}, elo.Anchor{}, err
		}
		return elo.LeagueSet(), a, nil
	}
	option, value, err := strength(p)
	if err != nil {
		return elo.AnchorSet{}, elo.Anchor{}, err
	}
	return elo.DefaultAnchor(p.Spec[SpecName], option, value)
}

// kindLeague is Player.Kind of the simulated players.
const kindLeague = "league"

// ProtocolPaper is Match.Protocol of games as the Transcendence paper plays them;
// with changes, it begins a longer text.
const ProtocolPaper = "paper"

// ProtocolAnchors is how the opponents of matches under a protocol are rated: those
// of the paper as the script of its Figure 1 does, all others by DefaultAnchors.
func ProtocolAnchors(protocol string) AnchorFunc {
	if name, _, _ := strings.Cut(protocol, " "); name == ProtocolPaper {
		if set, err := elo.AnchorSetNamed(elo.PaperFigure); err == nil {
			return AnchorsFrom(set)
		}
	}
	return DefaultAnchors
}

// AnchorsFrom rates every UCI engine by the given set, whatever its version:
// for a user who names the set.
func AnchorsFrom(set elo.AnchorSet) AnchorFunc {
	return func(p Player, _ string) (elo.AnchorSet, elo.Anchor, error) {
		option, value, err := strength(p)
		if err != nil {
			return elo.AnchorSet{}, elo.Anchor{}, err
		}
		a, err := set.Anchor(option, value)
		if err != nil {
			return elo.AnchorSet{}, elo.Anchor{}, err
		}
		a.Name = p.Spec[SpecName] + " " + a.Name
		return set, a, nil
	}
}

// LocalAnchors rates opponents by a scale that was measured with them: players of
// the same Spec at the same limit.
func LocalAnchors(scale *elo.LocalScale) AnchorFunc {
	set := scale.Set()
	return func(p Player, limit string) (elo.AnchorSet, elo.Anchor, error) {
		a, err := scale.Anchor(p.Spec, limit)
		if err != nil {
			return elo.AnchorSet{}, elo.Anchor{}, err
		}
		return set, a, nil
	}
}

func strength(p Player) (elo.Option, int, error) {
	option, key := elo.SkillLevel, SpecSkillLevel
	if strings.EqualFold(p.Spec[SpecLimited], "true") {
		option, key = elo.UCIElo, SpecUCIElo
	}
	if p.Kind() != "uci" {
		return "", 0, fmt.Errorf("%s is no UCI engine: %w", p.Name, elo.ErrNoAnchor)
	}
	value, err := strconv.Atoi(p.Spec[key])
	if err != nil {
		return "", 0, fmt.Errorf("%s plays at full strength (no %s set): %w", p.Name, option, elo.ErrNoAnchor)
	}
	return option, value, nil
}

// BoardOptions choose what a Board is made from.
type BoardOptions struct {
	Matches    []int64    // only these; none means all
	Anchors    AnchorFunc // nil means ProtocolAnchors
	Confidence float64    // of the intervals; 0 means 0.95
	// Orders is over how many random orders of the games the spread of
	// paper-glicko2 is taken (0 = 200, fewer for very many games; negative =
	// none), drawn from Seed.
	Orders int
	Seed   uint64
	Glicko GlickoOptions
}

// GlickoOptions mend the paper's Glicko-2, whose defects the zero value has: one
// rating period a game, one match after the other, and in each of them the games
// with Black before those with White.
type GlickoOptions struct {
	OnePeriod bool // all games in one rating period: their order is nothing
	Alternate bool // the games of a match in the order of their slots
}

// Conditions are what the games of a row have in common beside the player.
type Conditions struct {
	Protocol     string            `json:"protocol,omitempty"`
	Openings     string            `json:"openings,omitempty"`
	PlayerLimit  string            `json:"player_limit,omitempty"`
	MaxPlies     int               `json:"max_plies,omitempty"`
	Adjudication string            `json:"adjudication,omitempty"`
	Options      map[string]string `json:"options,omitempty"`
}

// Board is the leaderboard.
type Board struct {
	Rows []Row `json:"rows"`
}

// Row is one player under one set of conditions on one scale. Games against
// opponents on different scales, or under different conditions, are in
// different rows and never in one number.
type Row struct {
	// Name is the player's, or what the tournaments of its games call it there.
	Name       string     `json:"name"`
	Player     Player     `json:"player"`
	Conditions Conditions `json:"conditions"`

	// Scale is the name of the scale of Rating, AnchorSet what defines it. Both
	// are empty, and Unrated says why, when the opponents have no rating.
	Scale            string `json:"scale,omitempty"`
	AnchorSet        string `json:"anchor_set,omitempty"`
	AnchorConditions string `json:"anchor_conditions,omitempty"`
	// ScaleError is the standard error of the set's place on its scale.
	ScaleError float64 `json:"scale_error,omitempty"`
	Unrated    string  `json:"unrated,omitempty"`

	Record       elo.Record    `json:"record"`
	Score        float64       `json:"score"`
	Rating       *elo.Estimate `json:"rating"`
	PaperGlicko2 *PaperGlicko2 `json:"paper_glicko2"`

	Losses map[LossCause]int `json:"losses,omitempty"` // by cause
	// Moves the player was asked for, moves it proposed, illegal ones among
	// them, and the share of legal ones (nil without any).
	Moves     int      `json:"moves"`
	Attempts  int      `json:"attempts"`
	Illegal   int      `json:"illegal_attempts"`
	LegalRate *float64 `json:"legal_rate"`
	// Distinct counts the games that are not move for move the same as another.
	Distinct int             `json:"distinct_games"`
	Voids    map[Culprit]int `json:"void_games,omitempty"`

	Opponents []OpponentRow `json:"opponents"`
	Warnings  []elo.Warning `json:"warnings,omitempty"`

	// Played are the games one by one, for statistics over openings: by match and slot.
	Played []Played `json:"-"`
}

// Played is the outcome of a game of a Row.
type Played struct {
	Opponent int64  // the player's number
	Limit    string // the opponent's, as in OpponentRow
	Seed     uint64 // of the match: with the same one a slot has the same opening
	Slot     int
	Outcome  elo.Outcome
}

// PaperGlicko2 is the paper's number with how far it depends on the order.
type PaperGlicko2 struct {
	elo.Glicko2
	Orders *elo.Spread `json:"over_orders,omitempty"`
}

// OpponentRow is a player's record against one opponent.
type OpponentRow struct {
	Name     string      `json:"name"` // as Row.Name
	Opponent Player      `json:"opponent"`
	Limit    string      `json:"limit,omitempty"`
	Anchor   *elo.Anchor `json:"anchor"` // nil: no rating known
	Record   elo.Record  `json:"record"`
	Score    float64     `json:"score"`
}

// legalRate is the share of the proposed moves that were legal.
func legalRate(attempts, illegal int) *float64 {
	if attempts == 0 {
		return nil
	}
	rate := float64(attempts-illegal) / float64(attempts)
	return &rate
}

// rowBuilder collects what a Row is made from.
type rowBuilder struct {
	Row
	set      elo.AnchorSet
	games    []elo.PaperGame // rated ones, in the order of GlickoOptions
	match    int64           // that the last of them are from
	late     []elo.PaperGame // of it, to come after its others
	distinct map[uint64]struct{}
	opponent map[opponentKey]int // index into Opponents
	reasons  []string
}

// addRated adds a game for the paper's Glicko-2; a late one comes after all others
// of its match.
func (r *rowBuilder) addRated(match int64, late bool, g elo.PaperGame) {
	if match != r.match {
		r.endMatch()
		r.match = match
	}
	if late {
		r.late = append(r.late, g)
	} else {
		r.games = append(r.games, g)
	}
}

func (r *rowBuilder) endMatch() {
	r.games = append(r.games, r.late...)
	r.late = r.late[:0]
}

type opponentKey struct {
	player int64
	limit  string
}

// place is where the games of a match go.
type place struct {
	match    Match
	row      *rowBuilder
	opponent int
	anchor   *elo.Anchor
}

// Leaderboard rates every player from its games. All of it is read from one
// snapshot of the database.
func (s *Store) Leaderboard(ctx context.Context, opt BoardOptions) (*Board, error) {
	const op = "rating"
	tx, err := s.reader.BeginTx(ctx, nil)
	if err != nil {
		return nil, s.wrap(op, err)
	}
	defer tx.Rollback()

	players := map[int64]Player{}
	all, err := s.players(ctx, tx, "")
	if err != nil {
		return nil, err
	}
	for _, p := range all {
		players[p.ID] = p
	}
	where, args := inMatches("id", opt.Matches)
	matches, err := s.matches(ctx, tx, where, args...)
	if err != nil {
		return nil, err
	}
	names, err := s.matchNames(ctx, tx)
	if err != nil {
		return nil, err
	}
	rows := map[string]*rowBuilder{}
	places := map[int64]place{}
	for _, m := range matches {
		anchors := opt.Anchors
		if anchors == nil {
			anchors = ProtocolAnchors(m.Protocol)
		}
		p, err := s.placeMatch(m, players, rows, anchors)
		if err != nil {
			return nil, err
		}
		places[m.ID] = p
		own, opponent := players[m.PlayerID].Name, players[m.OpponentID].Name
		if n, ok := names[m.ID]; ok {
			own, opponent = n[0], n[1]
		}
		p.row.Name = sameName(p.row.Name, own, players[m.PlayerID].Name)
		o := &p.row.Opponents[p.opponent]
		o.Name = sameName(o.Name, opponent, players[m.OpponentID].Name)
	}
	if err := s.collectGames(ctx, tx, opt, places); err != nil {
		return nil, s.wrap(op, err)
	}
	if err := s.collectVoids(ctx, tx, opt.Matches, places); err != nil {
		return nil, s.wrap(op, err)
	}

	board := &Board{Rows: []Row{}}
	for _, r := range rows {
		if r.Record.Games() == 0 && len(r.Voids) == 0 {
			continue
		}
		if err := r.finish(opt); err != nil {
			return nil, fmt.Errorf("leaderboard: rating %s: %w", r.Name, err)
		}
		board.Rows = append(board.Rows, r.Row)
	}
	slices.SortFunc(board.Rows, compareRows)
	return board, nil
}

// sameName is the name of a player whose matches have called it so far, and now, by a
// name each; its own where these differ.
func sameName(before, now, own string) string {
	if before == "" || before == now {
		return now
	}
	return own
}

// placeMatch finds or begins the row that m's games belong to.
func (s *Store) placeMatch(m Match, players map[int64]Player, rows map[string]*rowBuilder, anchors AnchorFunc) (place, error) {
	opponent := players[m.OpponentID]
	set, anchor, err := anchors(opponent, m.OpponentLimit)
	rated := err == nil
	if err != nil && !errors.Is(err, elo.ErrNoAnchor) {
		return place{}, fmt.Errorf("leaderboard: rating opponent %s: %w", opponent.Name, err)
	}
	if !rated {
		set = elo.AnchorSet{}
	}
	options, _ := canonical(m.Options)
	key := fmt.Sprintf("%d %q %q %q %q %q %d %q %s", m.PlayerID, setID(set), set.Scale, m.Protocol, m.Openings, m.PlayerLimit, m.MaxPlies, m.Adjudication, options)
	r := rows[key]
	if r == nil {
		r = &rowBuilder{
			Row: Row{
				Player:           players[m.PlayerID],
				Conditions:       Conditions{m.Protocol, m.Openings, m.PlayerLimit, m.MaxPlies, m.Adjudication, m.Options},
				Scale:            set.Scale,
				AnchorSet:        setID(set),
				AnchorConditions: set.Conditions,
				ScaleError:       set.ScaleError,
				Losses:           map[LossCause]int{},
				Voids:            map[Culprit]int{},
			},
			set:      set,
			distinct: map[uint64]struct{}{},
			opponent: map[opponentKey]int{},
		}
		rows[key] = r
	}
	p := place{match: m, row: r}
	if rated {
		p.anchor = &anchor
	} else if reason := err.Error(); !slices.Contains(r.reasons, reason) {
		r.reasons = append(r.reasons, reason)
	}
	k := opponentKey{m.OpponentID, m.OpponentLimit}
	i, ok := r.opponent[k]
	if !ok {
		i = len(r.Opponents)
		r.opponent[k] = i
		r.Opponents = append(r.Opponents, OpponentRow{Opponent: opponent, Limit: m.OpponentLimit, Anchor: p.anchor})
	}
	p.opponent = i
	return p, nil
}

func setID(set elo.AnchorSet) string {
	if set.Name == "" {
		return ""
	}
	return set.ID()
}

func (s *Store) collectGames(ctx context.Context, q queryer, opt BoardOptions, places map[int64]place) error {
	where, args := inMatches("match_id", opt.Matches)
	rows, err := q.QueryContext(ctx, "SELECT match_id, slot, player_white, score, loss_cause, player_moves, attempts, illegal_attempts, start_fen, moves FROM games "+where+" ORDER BY match_id, slot", args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	seed := maphash.MakeSeed()
	for rows.Next() {
		var match int64
		var white bool
		var slot, score, moves, attempts, illegal int
		var cause, fen string
		var line []byte
		if err := rows.Scan(&match, &slot, &white, &score, &cause, &moves, &attempts, &illegal, &fen, &line); err != nil {
			return err
		}
		p, ok := places[match]
		if !ok || score < 0 || score > 2 {
			return s.damaged("rating", "a game of match %d with score %d", match, score)
		}
		r, outcome := p.row, elo.Outcome(score)
		r.Record.Add(outcome)
		r.Played = append(r.Played, Played{p.match.OpponentID, p.match.OpponentLimit, p.match.Seed, slot, outcome})
		r.Opponents[p.opponent].Record.Add(outcome)
		if outcome == elo.Loss {
			r.Losses[LossCause(cause)]++
		}
		r.Moves += moves
		r.Attempts += attempts
		r.Illegal += illegal
		r.distinct[maphash.Comparable(seed, [2]string{fen, string(line)})] = struct{}{}
		if p.anchor != nil {
			r.addRated(match, white && !opt.Glicko.Alternate, elo.PaperGame{Opponent: p.anchor.Rating, Outcome: outcome})
		}
	}
	for _, p := range places {
		p.row.endMatch()
	}
	return rows.Err()
}

func (s *Store) collectVoids(ctx context.Context, q queryer, only []int64, places map[int64]place) error {
	where, args := inMatches("match_id", only)
	rows, err := q.QueryContext(ctx, "SELECT match_id, culprit, count(*) FROM voids "+where+" GROUP BY match_id, culprit", args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var match int64
		var culprit string
		var n int
		if err := rows.Scan(&match, &culprit, &n); err != nil {
			return err
		}
		if p, ok := places[match]; ok {
			p.row.Voids[Culprit(culprit)] += n
		}
	}
	return rows.Err()
}

// repeatedShare is the share of distinct games under which a row is warned of.
const repeatedShare = 0.9

// maxSpreadUpdates bounds the work for the spread of paper-glicko2, about half
// a second.
const maxSpreadUpdates = 2_000_000

func (r *rowBuilder) finish(opt BoardOptions) error {
	r.Score = r.Record.Score()
	r.LegalRate = legalRate(r.Attempts, r.Illegal)
	r.Distinct = len(r.distinct)
	r.Unrated = strings.Join(r.reasons, "; ")
	var results []elo.Result
	var limits []string
	for i := range r.Opponents {
		o := &r.Opponents[i]
		o.Score = o.Record.Score()
		if o.Anchor == nil || o.Record.Games() == 0 {
			continue
		}
		results = append(results, elo.Result{Anchor: *o.Anchor, Record: o.Record})
		if limit := cmp.Or(o.Limit, "no stated limit"); !r.set.OwnLimits && limit != r.set.Conditions && !slices.Contains(limits, limit) {
			limits = append(limits, limit)
		}
	}
	slices.SortStableFunc(r.Opponents, compareOpponents)
	if len(results) > 0 {
		e, err := elo.EstimateRating(results, elo.Options{Confidence: opt.Confidence, ScaleError: r.set.ScaleError})
		if err != nil {
			return err
		}
		r.Rating, r.Warnings = &e, e.Warnings
		if r.PaperGlicko2, err = paperGlicko2(r.games, opt); err != nil {
			return err
		}
		if len(limits) > 0 {
			r.Warnings = append(r.Warnings, elo.Warning{Code: elo.WarnConditions, Text: fmt.Sprintf(
				"the opponents' ratings were measured at %s, these games were played at %s: the scale may be off by more than its error says", r.set.Conditions, strings.Join(limits, ", "))})
		}
	}
	if n := r.Record.Games(); n > 1 && float64(r.Distinct) < repeatedShare*float64(n) {
		r.Warnings = append(r.Warnings, elo.Warning{Code: elo.WarnRepeatedGames, Text: fmt.Sprintf(
			"only %d of %d games differ: repeated games are no independent evidence, and the intervals are too narrow; use an opening book", r.Distinct, n)})
	}
	return nil
}

func paperGlicko2(games []elo.PaperGame, opt BoardOptions) (*PaperGlicko2, error) {
	if opt.Glicko.OnePeriod {
		period := make([]elo.Glicko2Game, len(games))
		for i, g := range games {
			period[i] = elo.Glicko2Game{Opponent: g.Opponent, Outcome: g.Outcome}
		}
		g, err := elo.Glicko2Config{}.Update(elo.PaperGlicko2Start(), period)
		return &PaperGlicko2{Glicko2: g}, err
	}
	g, err := elo.PaperGlicko2(games)
	if err != nil {
		return nil, err
	}
	orders := cmp.Or(opt.Orders, 200)
	orders = min(orders, maxSpreadUpdates/len(games))
	if orders < 2 {
		return &PaperGlicko2{Glicko2: g}, nil
	}
	spread, err := elo.PaperGlicko2Spread(games, orders, opt.Seed)
	if err != nil {
		return nil, err
	}
	return &PaperGlicko2{g, &spread}, nil
}

// strengthOf orders rows: the rating, or the bound.
func strengthOf(r Row) float64 {
	switch {
	case r.Rating == nil:
		return math.Inf(-1)
	case r.Rating.Side == elo.Above:
		return r.Rating.Sampling.Low
	case r.Rating.Side == elo.Below:
		return r.Rating.Sampling.High
	}
	return r.Rating.Rating
}

// compareRows: scale by scale, the unrated last; the strongest first.
func compareRows(a, b Row) int {
	return cmp.Or(
		compareBool(a.Scale == "", b.Scale == ""),
		cmp.Compare(a.Scale, b.Scale),
		cmp.Compare(a.AnchorSet, b.AnchorSet),
		cmp.Compare(strengthOf(b), strengthOf(a)),
		cmp.Compare(b.Score, a.Score),
		cmp.Compare(a.Player.ID, b.Player.ID),
		cmp.Compare(fmt.Sprint(a.Conditions), fmt.Sprint(b.Conditions)),
	)
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

func compareOpponents(a, b OpponentRow) int {
	rating := func(o OpponentRow) float64 {
		if o.Anchor == nil {
			return math.Inf(-1)
		}
		return o.Anchor.Rating
	}
	return cmp.Or(cmp.Compare(rating(a), rating(b)), cmp.Compare(a.Opponent.ID, b.Opponent.ID), cmp.Compare(a.Limit, b.Limit))
}
