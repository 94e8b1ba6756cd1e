// Package checkpoints is what arena knows of models on disk beside their weights: that the one that
// comes with the program plays (Introduce), what the run that made them was told (Setting, RatingCap,
// CapScale), and which of them played a stored game (Finder).
package checkpoints

import (
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"

	"transcend/analysis/card"
	"transcend/analysis/checkpoint"
	"transcend/data"
	"transcend/model/run"
	"transcend/model/shipped"
)

// Introduce says which model plays when nobody has named one and none was trained here.
func Introduce(w io.Writer, asked, dir string) error {
	if asked != "" || dir != shipped.Name {
		return nil
	}
	c, err := card.Read(checkpoint.Files(dir))
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "no run below %s/: the model that comes with the program plays (train one with chesstrain)\n", checkpoint.RunsDir)
	for _, line := range c.Lines() {
		fmt.Fprintln(w, line)
	}
	return nil
}

// Setting looks for a setting in a checkpoint, or in the run that it lies in, until found accepts one.
func Setting(dir, key string, found func(json.RawMessage) bool) {
	places := []string{dir}
	if dir != shipped.Name {
		places = append(places, filepath.Dir(dir))
	}
	for _, dir := range places {
		settings := map[string]json.RawMessage{}
		if run.ReadSettingsFS(checkpoint.Files(dir), dir, &settings) == nil && found(settings[key]) {
			return
		}
	}
}

// RatingCap is the --max-elo that a checkpoint was trained under: as it says itself,
// or the run that it lies in. 0 when it is not known.
func RatingCap(dir string) (limit int) {
	Setting(dir, "max_elo", func(b json.RawMessage) bool {
		n := 0
		if json.Unmarshal(b, &n) != nil || n <= 0 || n > data.MaxElo {
			return false
		}
		limit = n
		return true
	})
	return limit
}

// CapScale is the scale of the ratings of the games that the checkpoint's run was trained on, "" where
// they were not played for it.
func CapScale(dir string) (scale string) {
	Setting(dir, "corpus_scale", func(b json.RawMessage) bool { return json.Unmarshal(b, &scale) == nil && scale != "" })
	if scale != "" {
		return scale
	}
	Setting(dir, "league", func(b json.RawMessage) bool {
		var played struct {
			Scale string `json:"scale"`
		}
		if json.Unmarshal(b, &played) != nil {
			return false
		}
		scale = played.Scale
		return true
	})
	return scale
}
