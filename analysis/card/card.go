// Package card describes a model that is passed on without its run: what it was trained on
// and for how long, what came out, and how strong it is. All of it is taken from the
// run's records and from results of games; a card goes with the model as card.json, and as text.
package card

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"time"

	"transcend/analysis"
	"transcend/data"
	"transcend/data/filter"
	"transcend/elo"
	"transcend/internal/cli"
	"transcend/model"
)

// The names of a card beside its model.
const (
	File     = "card.json"
	TextFile = "README.md"
)

// maxFile bounds card.json; one has a few kB.
const maxFile = 1 << 20

// format is the version of the file.
const format = 1

// Card is card.json.
type Card struct {
	Format int    `json:"format"`
	Name   string `json:"name"` // of run and step: max1000-move-tiny@2338
	// Weights is the hash of the weights, by which a leaderboard knows its players, and Stored the
	// format of the matrices in the file.
	Weights    string       `json:"weights"`
	Stored     string       `json:"stored"`
	Program    string       `json:"program"` // version of the program that began the run
	Shape      model.Config `json:"shape"`
	Parameters int          `json:"parameters"`
	Tokenizer  string       `json:"tokenizer"`
	Input      string       `json:"input"` // data.InputMoves or data.InputBoard
	Corpus     Corpus       `json:"corpus"`
	Training   Training     `json:"training"`
	Evaluation Evaluation   `json:"evaluation"`
	Rating     *Rating      `json:"rating,omitempty"` // nil: it has not been rated
}

// Corpus says what the games were.
type Corpus struct {
	Sources     []data.Source `json:"sources"`
	Simulated   bool          `json:"simulated"` // all of them between simulated players
	Filter      filter.Filter `json:"filter"`
	Scale       string        `json:"scale,omitempty"` // of the ratings of simulated players
	Fingerprint string        `json:"fingerprint"`
	Report      filter.Report `json:"report"`
	Training    int           `json:"training_games"`
	Validation  int           `json:"validation_games"`
}

// Training says what the training took.
type Training struct {
	Seed     uint64            `json:"seed"`
	Settings model.TrainConfig `json:"settings"`
	Steps    int               `json:"steps"`
	Tokens   int64             `json:"tokens"`
	Seconds  float64           `json:"seconds"` // with the reading, or playing, of the games
	Machine  string            `json:"machine,omitempty"`
}

// Evaluation is of the weights before they were rounded, on games that were held out.
type Evaluation struct {
	TrainingLoss   float64        `json:"training_loss,omitempty"` // nats a token, of the last steps; 0: not recorded
	ValidationLoss float64        `json:"validation_loss"`         // nats a token
	Moves          analysis.Moves `json:"moves"`
}

// Rating is a row of a leaderboard.
type Rating struct {
	Player     string     `json:"player"`
	Policy     string     `json:"policy"` // for illegal moves
	Protocol   string     `json:"protocol"`
	Scale      string     `json:"scale"`
	Text       string     `json:"text"` // 612, < -231
	Low        *float64   `json:"low"`  // of the interval, the errors of opponents and scale in it; nil: no bound
	High       *float64   `json:"high"`
	Confidence float64    `json:"confidence"`
	Record     elo.Record `json:"record"`
	Illegal    int        `json:"lost_by_illegal_moves"`
}

// ReadRating finds the rows of the player with these weights, and of the given temperature, in
// what "arena --json" or "arena leaderboard --json" printed, and returns the one with the most games.
func ReadRating(r io.Reader, weights, temperature string) (*Rating, error) {
	var board struct {
		Rows []struct {
			Name   string `json:"name"`
			Player struct {
				Spec map[string]string `json:"spec"`
			} `json:"player"`
			Conditions struct {
				Protocol string `json:"protocol"`
			} `json:"conditions"`
			Scale   string         `json:"scale"`
			Unrated string         `json:"unrated"`
			Record  elo.Record     `json:"record"`
			Losses  map[string]int `json:"losses"`
			Rating  *struct {
				Side       string   `json:"side"`
				Rating     *float64 `json:"rating"`
				Confidence float64  `json:"confidence"`
				Total      struct {
					Low  *float64 `json:"low"`
					High *float64 `json:"high"`
				} `json:"total_interval"`
			} `json:"rating"`
		} `json:"rows"`
	}
	if err := json.NewDecoder(r).Decode(&board); err != nil {
		return nil, fmt.Errorf("not what arena --json prints: %w", err)
	}
	var best *Rating
	for _, row := range board.Rows {
		spec := row.Player.Spec
		if spec["weights"] != weights || spec["temperature"] != temperature || row.Rating == nil {
			continue
		}
		if best != nil && best.Record.Games() >= row.Record.Games() {
			continue
		}
		best = &Rating{
			Player: row.Name, Policy: spec["policy"], Protocol: row.Conditions.Protocol, Scale: row.Scale,
			Low: row.Rating.Total.Low, High: row.Rating.Total.High, Confidence: row.Rating.Confidence,
			Record: row.Record, Illegal: row.Losses["illegal"],
		}
		switch {
		case row.Rating.Rating != nil:
			best.Text = fmt.Sprintf("%.0f", *row.Rating.Rating)
		case best.High != nil:
			best.Text = fmt.Sprintf("< %.0f", *best.High)
		case best.Low != nil:
			best.Text = fmt.Sprintf("> %.0f", *best.Low)
		default:
			return nil, fmt.Errorf("the rating of %s has neither a value nor a bound", row.Name)
		}
	}
	if best == nil {
		return nil, fmt.Errorf("none of its %d rows is a rating of the weights %.12s… at temperature %s", len(board.Rows), weights, temperature)
	}
	return best, nil
}

// String is the rating with its interval and scale.
func (r *Rating) String() string {
	interval := ""
	if r.Low != nil && r.High != nil {
		interval = fmt.Sprintf(" [%.0f, %.0f]", *r.Low, *r.High)
	}
	return fmt.Sprintf("%s%s at %.0f%%, %s games (+%d =%d -%d, %s of them lost by illegal moves), scale %s",
		r.Text, interval, 100*r.Confidence, cli.Count(r.Record.Games()), r.Record.Wins, r.Record.Draws, r.Record.Losses, cli.Count(r.Illegal), r.Scale)
}

// Read reads card.json.
func Read(files fs.FS) (*Card, error) {
	f, err := files.Open(File)
	if err != nil {
		return nil, fmt.Errorf("card: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("card: %s: %w", File, err)
	}
	if len(b) > maxFile {
		return nil, fmt.Errorf("card: %s: larger than %d bytes", File, maxFile)
	}
	c := new(Card)
	if err := json.Unmarshal(b, c); err != nil {
		return nil, fmt.Errorf("card: %s: %w", File, err)
	}
	if c.Format != format {
		return nil, fmt.Errorf("card: %s: format %d, this version reads %d", File, c.Format, format)
	}
	if c.Name == "" || c.Weights == "" {
		return nil, fmt.Errorf("card: %s: %w", File, errors.New("it does not say which model it is of"))
	}
	return c, nil
}

// JSON is the content of card.json.
func (c *Card) JSON() ([]byte, error) {
	c.Format = format
	b, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("card: %w", err)
	}
	return append(b, '\n'), nil
}

// trainedOn says in words what the games were.
func (c *Card) trainedOn() string {
	kind := "games"
	if c.Corpus.Simulated {
		kind = "games between simulated players"
	}
	limit := ""
	if c.Corpus.Filter.MaxElo > 0 {
		limit = fmt.Sprintf(" rated at most %d", c.Corpus.Filter.MaxElo)
	}
	return fmt.Sprintf("%s %s%s", cli.Count(c.Corpus.Training), kind, limit)
}

// compute says in words what the training took.
func (c *Card) compute() string {
	t := c.Training
	text := fmt.Sprintf("%s steps, %s tokens, %s", cli.Count(t.Steps), cli.Count(int(t.Tokens)), cli.Duration(time.Duration(t.Seconds*float64(time.Second))))
	if t.Machine != "" {
		text += " on " + t.Machine
	}
	return text
}

func (c *Card) rated() string {
	if c.Rating == nil {
		return "not rated"
	}
	return c.Rating.String()
}

// Lines are what somebody should know who plays it.
func (c *Card) Lines() []string {
	return []string{
		fmt.Sprintf("%s, %s parameters, trained on %s: %s", c.Name, cli.Count(c.Parameters), c.trainedOn(), c.compute()),
		"rating: " + c.rated(),
	}
}

// Text is the card for readers, as Markdown.
func (c *Card) Text() string {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "| %s | %s |\n", name, strings.ReplaceAll(fmt.Sprintf(format, args...), "|", `\|`))
	}
	fmt.Fprintf(&b, "# %s\n\nMade by `chesstrain export` from the records of the run and of the games; what is not recorded is not here.\n\n| | |\n|---|---|\n", c.Name)
	line("model", "%d layers, %d heads, width %d, context %d, %s parameters", c.Shape.Layers, c.Shape.Heads, c.Shape.Width, c.Shape.Context, cli.Count(c.Parameters))
	line("reads", "tokenizer %s, input %s", c.Tokenizer, c.Input)
	line("stored", "matrices as %s, embeddings as f32; SHA-256 of the weights `%s`", c.Stored, c.Weights)
	line("corpus", "%s for training, %s for validation; fingerprint `%s`", c.trainedOn(), cli.Count(c.Corpus.Validation), c.Corpus.Fingerprint)
	for _, s := range c.Corpus.Sources {
		text := s.Name
		if s.URL != "" {
			text += ", " + s.URL
		}
		if s.SHA256 != "" {
			text += ", SHA-256 " + s.SHA256
		}
		line("source", "%s", text)
	}
	line("filter", "%s games seen, %s kept", cli.Count(c.Corpus.Report.Seen), cli.Count(c.Corpus.Report.Kept))
	if c.Corpus.Scale != "" {
		line("scale of the cap", "%s", c.Corpus.Scale)
	}
	line("training", "%s; program %s", c.compute(), c.Program)
	t := c.Training.Settings
	line("settings", "seed %d, %d×%d rows, %s, learning rate %g, schedule %s, %s products", c.Training.Seed, t.Rows, t.Accumulate, t.Optimizer, t.LearningRate, t.Schedule, t.Precision)
	e := c.Evaluation
	rounded := ""
	if c.Stored != model.F32.String() {
		rounded = "; measured, like what follows up to the rating, before the matrices were rounded"
	}
	line("validation loss", "%.4f nats a token%s", e.ValidationLoss, rounded)
	if e.TrainingLoss > 0 {
		line("training loss", "%.4f nats a token, of the last steps", e.TrainingLoss)
	}
	n := float64(e.Moves.Positions)
	line("first choice", "the move that was played in %s, legal in %s of %s held-out positions; a move drawn at temperature 1 is legal in %s",
		cli.Percent(float64(e.Moves.Match), n), cli.Percent(float64(e.Moves.LegalArgmax), n), cli.Count(e.Moves.Positions), cli.Percent(float64(e.Moves.LegalSampled), n))
	line("rating", "%s", c.rated())
	if r := c.Rating; r != nil {
		line("rated as", "%s, illegal moves: %s, protocol %s", r.Player, r.Policy, r.Protocol)
	}
	b.WriteString("\n| plies | positions | match | legal, first choice | legal, temperature 1 |\n|---|---|---|---|---|\n")
	for _, p := range e.Moves.ByPly {
		n := float64(p.Positions)
		fmt.Fprintf(&b, "| %d-%d | %s | %s | %s | %s |\n", p.From, p.To, cli.Count(p.Positions), cli.Percent(float64(p.Match), n), cli.Percent(float64(p.LegalArgmax), n), cli.Percent(float64(p.LegalSampled), n))
	}
	return b.String()
}
