package figure

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gonum.org/v1/plot/vg/draw"
)

func twoPanels(name string) Picture {
	var panels []Panel
	for i, title := range []string{"first panel", "second panel"} {
		p := Panel{Title: title, Plot: NewPlot("the x", "the y")}
		s := Look(i, "curve "+title)
		s.Points = []Mark{At(0, 1), {1, 2, 1.5, 2.5}}
		p.Lines = append(p.Lines, s, Series{Name: "a band", Color: Orange, Band: &[2]float64{1, 1.5}})
		panels = append(panels, p)
	}
	return Panels(name, "the title", "a note that is long enough to be broken into several lines when it is written below the title of the picture", 2, panels)
}

// TestWriteAll: every text is on the page, once, and drawing twice adds nothing.
func TestWriteAll(t *testing.T) {
	dir := t.TempDir()
	p := twoPanels("a")
	files, err := WriteAll(dir, []Picture{p, {"b", p.Width, p.Height, func(c draw.Canvas, bold bool) { p.Draw(c, bold) }}})
	if err != nil || len(files) != 4 {
		t.Fatal(files, err)
	}
	a, err := os.ReadFile(filepath.Join(dir, "a.svg"))
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"the title", "first panel", "second panel", "curve first panel", "curve second panel", "a band"} {
		if n := strings.Count(string(a), ">"+text+"<"); n != 1 {
			t.Errorf("%q is on the page %d times", text, n)
		}
	}
	if b, err := os.ReadFile(filepath.Join(dir, "b.svg")); err != nil || !bytes.Equal(a, b) {
		t.Errorf("drawn again it is another picture: %v", err)
	}
	if png, err := os.ReadFile(filepath.Join(dir, "a.png")); err != nil || !bytes.HasPrefix(png, []byte("\x89PNG")) {
		t.Errorf("a.png: %v", err)
	}
	if _, err := WriteAll(dir, []Picture{p, p}); err == nil || !strings.Contains(err.Error(), "two pictures are called a") {
		t.Errorf("two of one name: %v", err)
	}
}
