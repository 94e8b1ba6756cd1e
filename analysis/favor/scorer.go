package favor

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"transcend/analysis/ideal"
	"transcend/data/league"
	"transcend/data/league/search"
	"transcend/engine"
	"transcend/engine/uci"
	"transcend/internal/bitboard"
)

// MoveScore is a legal move and what an engine makes of it, for the side that plays it.
type MoveScore struct {
	Move       bitboard.Move
	Centipawns int
	// Mate in so many moves when it is not 0; negative for being mated.
	Mate int
}

// Reward is the mover's probability to win after the move.
func (s MoveScore) Reward() float64 { return ideal.WinChance(s.Centipawns, s.Mate) }

// Scorer scores all legal moves of a position, the best first. One goroutine at a time uses it.
type Scorer interface {
	// ID names everything that decides the scores.
	ID() string
	Score(ctx context.Context, g *bitboard.Game) ([]MoveScore, error)
	Close() error
}

// Search bounds what a scorer does with one position; exactly one field is set. With MoveTime the
// scores depend on the machine.
type Search = engine.Limit

// searchText writes a limit with one field.
func searchText(l Search) string {
	switch {
	case l.Depth > 0:
		return fmt.Sprintf("depth=%d", l.Depth)
	case l.Nodes > 0:
		return fmt.Sprintf("nodes=%d", l.Nodes)
	}
	return "movetime=" + l.MoveTime.String()
}

// engineHash is the hash table of an engine that scores, in MiB: it is emptied for every position.
const engineHash = 16

// engineScorer is a UCI engine with MultiPV.
type engineScorer struct {
	player *uci.Engine
	limit  Search
	id     string
}

// NewEngineScorer starts an engine, such as Stockfish, at full strength and on one thread. Its memory is
// emptied before every position, so that scores do not depend on what was scored before.
func NewEngineScorer(ctx context.Context, path string, limit Search) (Scorer, error) {
	found, err := uci.Find(path)
	if err != nil {
		return nil, err
	}
	player, err := uci.Start(ctx, uci.Config{Path: found, Options: []uci.Option{
		{Name: "Threads", Value: "1"}, {Name: "Hash", Value: strconv.Itoa(engineHash)}, {Name: "MultiPV", Value: strconv.Itoa(bitboard.MaxMoves)},
	}, Timeouts: uci.Timeouts{Margin: time.Minute}})
	if err != nil {
		return nil, fmt.Errorf("favor: starting the engine that scores: %w", err)
	}
	spec := player.Spec()
	id := fmt.Sprintf("%s %s hash=%d %s", player.Name(), spec["sha256"][:12], engineHash, searchText(limit))
	return &engineScorer{player, limit, id}, nil
}

func (s *engineScorer) ID() string   { return s.id }
func (s *engineScorer) Close() error { return s.player.Close() }

func (s *engineScorer) Score(ctx context.Context, g *bitboard.Game) ([]MoveScore, error) {
	if err := s.player.NewGame(ctx, 0); err != nil {
		return nil, err
	}
	lines, err := s.player.Lines(ctx, g, s.limit)
	if err != nil {
		return nil, err
	}
	// A search that ends before it has come to all moves is done again, to the depth that all have.
	var buf [bitboard.MaxMoves]bitboard.Move
	if len(lines) < len(g.Position().Legal(buf[:0])) {
		if lines, err = s.player.Lines(ctx, g, Search{Depth: 1}); err != nil {
			return nil, err
		}
	}
	scores := make([]MoveScore, len(lines))
	for i, l := range lines {
		if l.Score.IsMate && l.Score.Mate == 0 {
			return nil, fmt.Errorf("favor: %s says of %v in %s that it is mate in 0 moves", s.player.Name(), l.Move, g.Position().FEN())
		}
		scores[i] = MoveScore{Move: l.Move, Centipawns: l.Score.Centipawns, Mate: l.Score.Mate}
	}
	return scores, nil
}

// leagueScorer is the search of the league's players.
type leagueScorer struct {
	search *search.Searcher
	limit  Search
}

// NewLeagueScorer scores by the search of the simulated players with open bounds, for those without an
// engine. It sees far less than Stockfish: results say who has scored.
func NewLeagueScorer(limit Search) (Scorer, error) {
	if limit.Depth == 0 && limit.Nodes == 0 {
		return nil, errors.New("favor: the league's search needs a depth or a number of nodes")
	}
	return &leagueScorer{search.New(4 << 20), limit}, nil
}

func (s *leagueScorer) ID() string {
	return fmt.Sprintf("league search version %s %s", league.Version, searchText(s.limit))
}
func (s *leagueScorer) Close() error { return nil }

func (s *leagueScorer) Score(ctx context.Context, g *bitboard.Game) ([]MoveScore, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	result := s.search.Search(g, search.Options{Depth: s.limit.Depth, Nodes: s.limit.Nodes, Margin: 2 * search.Mate})
	scores := make([]MoveScore, len(result.Moves))
	for i, r := range result.Moves {
		scores[i] = MoveScore{Move: r.Move, Centipawns: r.Score, Mate: search.MateIn(r.Score)}
	}
	return scores, nil
}

// writeScores is how a cache holds them: "e2e4:35 d2d4:#-3".
func writeScores(scores []MoveScore) string {
	var b strings.Builder
	for i, s := range scores {
		if i > 0 {
			b.WriteByte(' ')
		}
		if s.Mate != 0 {
			fmt.Fprintf(&b, "%v:#%d", s.Move, s.Mate)
		} else {
			fmt.Fprintf(&b, "%v:%d", s.Move, s.Centipawns)
		}
	}
	return b.String()
}

// readScores reads the scores of all legal moves of a position.
func readScores(pos *bitboard.Position, text string) ([]MoveScore, error) {
	var scores []MoveScore
	for word := range strings.FieldsSeq(text) {
		move, value, _ := strings.Cut(word, ":")
		m, err := pos.ParseUCIMove(move)
		if err != nil {
			return nil, err
		}
		s := MoveScore{Move: m}
		number, mate := strings.CutPrefix(value, "#")
		n, err := strconv.Atoi(number)
		if err != nil || mate && n == 0 {
			return nil, fmt.Errorf("%q is no score", word)
		}
		if mate {
			s.Mate = n
		} else {
			s.Centipawns = n
		}
		scores = append(scores, s)
	}
	return scores, checkScores(pos, scores)
}

// checkScores wants a score for every legal move, once.
func checkScores(pos *bitboard.Position, scores []MoveScore) error {
	seen := map[bitboard.Move]bool{}
	for _, s := range scores {
		if !pos.IsLegal(s.Move) || seen[s.Move] {
			return fmt.Errorf("%v is not legal, or there twice", s.Move)
		}
		seen[s.Move] = true
	}
	var buf [bitboard.MaxMoves]bitboard.Move
	if legal := pos.Legal(buf[:0]); len(legal) != len(scores) {
		return fmt.Errorf("%d of %d legal moves have a score", len(scores), len(legal))
	}
	return nil
}
