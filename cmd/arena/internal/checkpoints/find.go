package checkpoints

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"transcend/analysis"
	"transcend/analysis/checkpoint"
	"transcend/cmd/internal/compute"
	"transcend/data"
	"transcend/elo/curves"
	"transcend/elo/leaderboard"
	"transcend/engine"
	"transcend/internal/bitboard"
	"transcend/model"
	"transcend/model/sampling"
	"transcend/model/shipped"
)

// topChoices is how many moves of a position are shown.
const topChoices = 5

// Finder finds models by the hash of their weights below directories that
// the user has named: a path in a database would be somebody else's word.
type Finder struct {
	dirs []string

	loading sync.Mutex // one model at a time is read
	loaded  *loadedModel

	mu     sync.Mutex
	hashes map[string]string // checkpoint → hash of its weights, "" for one that cannot be read
}

type loadedModel struct {
	hash  string
	model *model.Model
	tok   data.Tokenizer
}

// New looks below the directories, which need not exist.
func New(dirs []string) (*Finder, error) {
	if err := compute.UseProductsOn(0, model.PrecisionF32); err != nil {
		return nil, err
	}
	return &Finder{dirs: dirs, hashes: map[string]string{}}, nil
}

// maxDepth is how deep below a directory checkpoints are looked for: runs/NAME/
// checkpoint-N.
const maxDepth = 3

// list is the checkpoint directories, the newest of a run first, and the shipped model.
func (c *Finder) list() []string {
	var found []string
	for _, root := range c.dirs {
		if root == shipped.Name {
			root = "." + string(filepath.Separator) + root // a directory, whatever it is called
		}
		_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.IsDir() {
				return nil // what cannot be read holds no model for us
			}
			if _, err := os.Stat(filepath.Join(path, "model.safetensors")); err == nil {
				found = append(found, path)
				return fs.SkipDir
			}
			if rel, err := filepath.Rel(root, path); err == nil && rel != "." && strings.Count(rel, string(filepath.Separator)) >= maxDepth-1 {
				return fs.SkipDir
			}
			return nil
		})
	}
	slices.Sort(found)
	slices.Reverse(found)
	return append(found, shipped.Name)
}

// hash is the hash of a checkpoint's weights, and whether it is known.
func (c *Finder) hash(dir string) (string, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	h, ok := c.hashes[dir]
	return h, ok
}

// find loads the model with these weights, the last one from memory.
func (c *Finder) find(ctx context.Context, weights string) (*loadedModel, error) {
	if weights == "" {
		return nil, errors.New("the database does not say which weights it had")
	}
	c.loading.Lock()
	defer c.loading.Unlock()
	if c.loaded != nil && c.loaded.hash == weights {
		return c.loaded, nil
	}
	for _, dir := range c.list() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if hash, known := c.hash(dir); known && hash != weights {
			continue
		}
		m, tok, err := checkpoint.Load(dir)
		hash := ""
		if err == nil {
			hash = engine.HashWeights(m)
		}
		c.mu.Lock()
		c.hashes[dir] = hash
		c.mu.Unlock()
		if hash == weights {
			c.loaded = &loadedModel{hash, m, tok}
			return c.loaded, nil
		}
	}
	return nil, fmt.Errorf("no checkpoint with its weights (%.12s…) was found in %s: name its directory with --models", weights, strings.Join(c.dirs, ", "))
}

// LookFor finds the checkpoints of the players, so that Cap knows their runs.
func (c *Finder) LookFor(ctx context.Context, players []leaderboard.Player) {
	sought := map[string]bool{}
	for _, p := range players {
		if w := p.Spec[leaderboard.SpecWeights]; p.Kind() == "model" && !sought[w] {
			sought[w] = true
			_, _ = c.find(ctx, w) // one that is not there has no cap
		}
	}
}

// Choices implements web.Models: the paths come from the command line alone.
func (c *Finder) Choices(ctx context.Context, p leaderboard.Player, moves []bitboard.Move, plies []int) ([]analysis.Choices, error) {
	settings := sampling.Settings{}
	var err error
	if settings.Temperature, err = strconv.ParseFloat(p.Spec[leaderboard.SpecTemperature], 64); err != nil {
		return nil, errors.New("the database does not say at which temperature it played")
	}
	settings.TopK, _ = strconv.Atoi(p.Spec[leaderboard.SpecTopK])
	settings.TopP, _ = strconv.ParseFloat(p.Spec[leaderboard.SpecTopP], 64)
	m, err := c.find(ctx, p.Spec[leaderboard.SpecWeights])
	if err != nil {
		return nil, err
	}
	if name := p.Spec[leaderboard.SpecTokenizer]; name != m.tok.Name() {
		return nil, fmt.Errorf("it played with the tokenizer %q, and the checkpoint has %q", name, m.tok.Name())
	}
	return analysis.GameChoices(ctx, m.model, m.tok, settings, moves, plies, topChoices)
}

// Cap implements web.Models: what the player's Spec says, or the settings of the
// run whose checkpoint has been found to be this player.
func (c *Finder) Cap(p leaderboard.Player) int {
	if n, err := strconv.Atoi(p.Spec[curves.SpecCap]); err == nil && n > 0 && n <= data.MaxElo {
		return n
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for dir, hash := range c.hashes {
		if hash == "" || hash != p.Spec[leaderboard.SpecWeights] {
			continue
		}
		if n := RatingCap(dir); n > 0 {
			return n
		}
	}
	return 0
}
