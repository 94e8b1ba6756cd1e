// Package embed draws a model's last states as a map: t-SNE of what it holds after the moves of games, colored by who is winning, by the
// half-move and by the side to move (Zhang et al. 2024, section on the latent representation, which does not say how many
// points, which perplexity or which layer it has).
package embed

import (
	"errors"
	"fmt"
	"image/color"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"text/tabwriter"

	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"transcend/internal/bitboard"
	"transcend/internal/chessboard"
	"transcend/internal/cli"
	"transcend/internal/figure"
)

// Point is a state.
type Point struct {
	X       float64 `json:"x"`
	Y       float64 `json:"y"`
	FEN     string  `json:"fen"`
	Ply     int     `json:"ply"`
	Win     float64 `json:"white_wins"` // probability by an evaluation
	Cluster int     `json:"cluster"`
}

// Black says that Black is to move.
func (p *Point) black() bool { return p.Ply%2 == 1 }

// Cluster is a part of the map, with the state nearest to its middle.
type Cluster struct {
	Points int     `json:"points"`
	Win    float64 `json:"white_wins"` // mean
	Ply    float64 `json:"ply"`        // mean
	Middle int     `json:"middle"`     // which point
}

// Alike is how near neighbors on the map are in something, beside how near states are on average.
type Alike struct {
	Neighbors float64 `json:"neighbors"`
	All       float64 `json:"all"`
}

// Report is a map.
type Report struct {
	Layer      int         `json:"layer"`
	TSNE       TSNEOptions `json:"tsne"`
	Evaluator  string      `json:"evaluator"`
	Divergence float64     `json:"kl_divergence"`
	Points     []Point     `json:"points"`
	Clusters   []Cluster   `json:"clusters"`
	// Mean differences between a point and its ten nearest on the map: of White's winning probability, of half-moves, and of
	// the side to move (0 or 1).
	Win  Alike `json:"difference_win"`
	Ply  Alike `json:"difference_ply"`
	Side Alike `json:"difference_side"`
}

// NewReport divides a map, points that have their places, into clusters.
func NewReport(layer int, o TSNEOptions, evaluator string, divergence float64, points []Point, clusters int, seed uint64) (*Report, error) {
	if clusters < 1 || clusters > len(points) {
		return nil, errors.New("embed: as many clusters as points at most, and one at least")
	}
	r := &Report{Layer: layer, TSNE: o, Evaluator: evaluator, Divergence: divergence, Points: points}
	r.divide(clusters, seed)
	r.compare()
	return r, nil
}

func squared(a, b *Point) float64 { return (a.X-b.X)*(a.X-b.X) + (a.Y-b.Y)*(a.Y-b.Y) }

// divide is k-means (Lloyd), begun as k-means++ (Arthur and Vassilvitskii 2007).
func (r *Report) divide(k int, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 0x656d626564))
	centers := r.apart(k, rng)
	for range 100 {
		sums := make([]Point, k)
		counts := make([]float64, k)
		moved := false
		for i := range r.Points {
			p := &r.Points[i]
			at, _ := nearest(centers, p)
			moved = moved || at != p.Cluster
			p.Cluster = at
			sums[at].X += p.X
			sums[at].Y += p.Y
			counts[at]++
		}
		for c := range centers {
			if counts[c] > 0 {
				centers[c].X, centers[c].Y = sums[c].X/counts[c], sums[c].Y/counts[c]
			}
		}
		if !moved {
			break
		}
	}
	r.summarize(centers)
}

func nearest(centers []Point, p *Point) (at int, d float64) {
	d = math.Inf(1)
	for i := range centers {
		if e := squared(p, &centers[i]); e < d {
			at, d = i, e
		}
	}
	return at, d
}

// apart draws k of the points, each after the first with a chance that is proportional to its squared distance
// from those before it.
func (r *Report) apart(k int, rng *rand.Rand) []Point {
	centers := []Point{r.Points[rng.IntN(len(r.Points))]}
	for len(centers) < k {
		total := 0.0
		for i := range r.Points {
			_, d := nearest(centers, &r.Points[i])
			total += d
		}
		left, pick := rng.Float64()*total, 0
		for i := range r.Points {
			_, d := nearest(centers, &r.Points[i])
			if pick = i; left < d {
				break
			}
			left -= d
		}
		centers = append(centers, r.Points[pick])
	}
	return centers
}

// summarize says what the points around each center are like.
func (r *Report) summarize(centers []Point) {
	r.Clusters = make([]Cluster, len(centers))
	best := make([]float64, len(centers))
	for i := range r.Points {
		p := &r.Points[i]
		c := &r.Clusters[p.Cluster]
		if d := squared(p, &centers[p.Cluster]); c.Points == 0 || d < best[p.Cluster] {
			best[p.Cluster], c.Middle = d, i
		}
		c.Points++
		c.Win += p.Win
		c.Ply += float64(p.Ply)
	}
	for i := range r.Clusters {
		if n := float64(r.Clusters[i].Points); n > 0 {
			r.Clusters[i].Win /= n
			r.Clusters[i].Ply /= n
		}
	}
}

// compare looks at the ten nearest points of each.
func (r *Report) compare() {
	const neighbors = 10
	n := len(r.Points)
	others := make([]pair, 0, n)
	var near, all, pairs float64
	add := func(i, j int, to func(a *Alike) *float64) {
		a, b := &r.Points[i], &r.Points[j]
		*to(&r.Win) += math.Abs(a.Win - b.Win)
		*to(&r.Ply) += math.Abs(float64(a.Ply - b.Ply))
		if a.black() != b.black() {
			*to(&r.Side)++
		}
	}
	for i := range n {
		others = others[:0]
		for j := range n {
			if j != i {
				others = append(others, pair{j, squared(&r.Points[i], &r.Points[j])})
				add(i, j, func(a *Alike) *float64 { return &a.All })
				all++
			}
		}
		slices.SortFunc(others, func(a, b pair) int {
			if a.p < b.p {
				return -1
			} else if a.p > b.p {
				return 1
			}
			return a.to - b.to
		})
		for _, q := range others[:min(neighbors, len(others))] {
			add(i, q.to, func(a *Alike) *float64 { return &a.Neighbors })
			pairs++
		}
	}
	near = pairs
	for _, a := range []*Alike{&r.Win, &r.Ply, &r.Side} {
		a.Neighbors /= max(near, 1)
		a.All /= max(all, 1)
	}
}

// WriteText implements analysis.Result.
func (r *Report) WriteText(w io.Writer) error {
	fmt.Fprintf(w, "%s states of layer %d; t-SNE with perplexity %g, %d iterations, theta %g; divergence %.3f nats\nwinning probability: %s\n\n", cli.Count(len(r.Points)), r.Layer,
		r.TSNE.Perplexity, r.TSNE.Iterations, r.TSNE.Theta, r.Divergence, r.Evaluator)
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tab, "mean difference in\tten nearest on the map\tany two states")
	fmt.Fprintf(tab, "White's winning probability\t%.3f\t%.3f\nhalf-move\t%.1f\t%.1f\nside to move\t%.3f\t%.3f\n\n", r.Win.Neighbors, r.Win.All, r.Ply.Neighbors, r.Ply.All, r.Side.Neighbors, r.Side.All)
	fmt.Fprintln(tab, "cluster\tstates\twhite wins\thalf-move\tthe state in its middle")
	for i, c := range r.Clusters {
		if c.Points > 0 {
			fmt.Fprintf(tab, "%d\t%d\t%.2f\t%.0f\t%s\n", i+1, c.Points, c.Win, c.Ply, r.Points[c.Middle].FEN)
		}
	}
	if err := tab.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w, "\nDistances between clusters on such a map mean nothing; which states are neighbors does.")
	return err
}

// bounds and colors of the map's parts: from Black's to White's, from early to late.
var (
	winBounds = []float64{0.2, 0.4, 0.6, 0.8}
	winNames  = []string{"White wins below 0.2", "0.2 to 0.4", "0.4 to 0.6", "0.6 to 0.8", "above 0.8"}
	plyBounds = []float64{10, 20, 40, 60}
	plyNames  = []string{"half-moves 0-9", "10-19", "20-39", "40-59", "60 and more"}
	ramp      = []color.RGBA{{8, 48, 107, 255}, figure.Sky, {200, 200, 200, 255}, figure.Orange, figure.Vermillion}
	times     = []color.RGBA{{68, 1, 84, 255}, {59, 82, 139, 255}, {33, 145, 140, 255}, {94, 201, 98, 255}, {240, 200, 30, 255}}
)

// Pictures implements analysis.Result.
func (r *Report) Pictures() []figure.Picture {
	low, high := [2]float64{math.Inf(1), math.Inf(1)}, [2]float64{math.Inf(-1), math.Inf(-1)}
	for _, p := range r.Points {
		low[0], low[1] = min(low[0], p.X), min(low[1], p.Y)
		high[0], high[1] = max(high[0], p.X), max(high[1], p.Y)
	}
	scatter := func(title string, names []string, colors []color.RGBA, kind func(p *Point) int) figure.Panel {
		panel := figure.Panel{Title: title, Plot: figure.NewPlot("", "")}
		panel.Plot.X.Min, panel.Plot.X.Max, panel.Plot.Y.Min, panel.Plot.Y.Max = low[0], high[0], low[1], high[1]
		panel.Lines = make([]figure.Series, len(names))
		for i, name := range names {
			panel.Lines[i] = figure.Series{Name: name, Color: colors[i], Dots: true, Radius: 1.1}
		}
		for i := range r.Points {
			p := &r.Points[i]
			s := &panel.Lines[kind(p)]
			s.Points = append(s.Points, figure.At(p.X, p.Y))
		}
		return panel
	}
	in := func(bounds []float64, v float64) int {
		at, found := slices.BinarySearch(bounds, v)
		if found {
			at++
		}
		return at
	}
	maps := figure.Panels("map", "What the model holds after the moves of games, as a map",
		fmt.Sprintf("t-SNE of the residual stream, layer %d, of %s states. Winning probability: %s.", r.Layer, cli.Count(len(r.Points)), r.Evaluator), 3, []figure.Panel{
			scatter("who is winning", winNames, ramp, func(p *Point) int { return in(winBounds, p.Win) }),
			scatter("half-move", plyNames, times, func(p *Point) int { return in(plyBounds, float64(p.Ply)) }),
			scatter("side to move", []string{"White to move", "Black to move"}, []color.RGBA{figure.Orange, figure.Black}, func(p *Point) int {
				if p.black() {
					return 1
				}
				return 0
			}),
		})
	return []figure.Picture{maps, r.boards()}
}

// boards are the states in the middle of the clusters.
func (r *Report) boards() figure.Picture {
	const size, gap, columns = 4 * vg.Centimeter, 0.6 * vg.Centimeter, 4
	rows := (len(r.Clusters) + columns - 1) / columns
	return figure.Picture{
		Name: "clusters", Width: columns*(size+gap) + gap, Height: vg.Length(rows)*(size+3*gap) + 2*gap,
		Draw: func(c draw.Canvas, bold bool) {
			style := figure.Sans(10, bold)
			style.YAlign = text.YTop
			c.FillText(style, vg.Point{X: gap, Y: c.Max.Y - gap/2}, "The states in the middle of the map's clusters")
			style = figure.Sans(7, false)
			for i, k := range r.Clusters {
				if k.Points == 0 {
					continue
				}
				p := &r.Points[k.Middle]
				x, y := gap+vg.Length(i%columns)*(size+gap), c.Max.Y-2*gap-vg.Length(i/columns+1)*(size+3*gap)+2*gap
				position, err := bitboard.ParseFEN(p.FEN)
				if err != nil {
					continue // points are made of positions
				}
				if err := chessboard.Draw(c, x, y, size, &position, bitboard.NoMove, nil, false); err != nil {
					continue // its pieces are part of the program
				}
				c.FillText(style, vg.Point{X: x, Y: y - 11}, fmt.Sprintf("%d: %d states, on average %.2f", i+1, k.Points, k.Win))
				c.FillText(style, vg.Point{X: x, Y: y - 20}, fmt.Sprintf("this one %.2f, half-move %d", p.Win, p.Ply))
			}
		},
	}
}
