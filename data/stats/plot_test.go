package stats

import (
	"bytes"
	"encoding/xml"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"transcend/internal/figure"
)

// Descriptions of all kinds, those with nothing to show among them, make
// pictures in every format, the same ones every time, with all text on the page.
func TestPlot(t *testing.T) {
	many := manyGames(300)
	bare := manyGames(20)
	for i := range bare {
		bare[i].WhiteElo, bare[i].Date, bare[i].Moves = 0, "", nil
	}
	month := handGames(t)[:2]
	month[0].Date = "2018.07.01"
	for name, d := range map[string]*Description{
		"hand": describe(handGames(t)), "many": describe(many), "bare": describe(bare), "empty": describe(nil), "one": describe(handGames(t)[:1]), "month": describe(month),
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			read := func(file string) []byte {
				path := filepath.Join(dir, file)
				if err := d.Plot(path); err != nil {
					t.Fatal(err)
				}
				b, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				return b
			}
			svg := read("a.svg")
			if !bytes.Equal(svg, read("b.SVG")) {
				t.Error("two pictures of the same")
			}
			checkSVG(t, svg)
			picture, err := png.Decode(bytes.NewReader(read("a.png")))
			if err != nil {
				t.Fatal(err)
			}
			if size := picture.Bounds().Size(); size.X < 1500 || size.Y < 1500 {
				t.Errorf("%v pixels", size)
			}
			if b := read("a.pdf"); !bytes.HasPrefix(b, []byte("%PDF-")) || !bytes.Contains(b, []byte("%%EOF")) {
				t.Errorf("no PDF: %.20q", b)
			}
		})
	}
}

// checkSVG says whether all text is on the page.
func checkSVG(t *testing.T, svg []byte) {
	t.Helper()
	width, height := figureWidth.Points(), figureHeight.Points()
	dec := xml.NewDecoder(bytes.NewReader(svg))
	var x, y, length float64
	in, texts := false, 0
	for {
		tok, err := dec.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch e := tok.(type) {
		case xml.StartElement:
			if in = e.Name.Local == "text"; !in {
				continue
			}
			for _, a := range e.Attr {
				v, _ := strconv.ParseFloat(a.Value, 64)
				switch a.Name.Local {
				case "x":
					x = v
				case "y":
					y = -v
				case "textLength":
					length = v
				}
				if a.Value == "NaN" || strings.Contains(a.Value, "Inf") {
					t.Errorf("%s=%s", a.Name.Local, a.Value)
				}
			}
		case xml.EndElement:
			in = false
		case xml.CharData:
			if in {
				texts++
				right, top := x+length, y
				if y < 0 { // turned
					right, top = -y, x+length
				}
				if x < 0 || top > height || right > width || length <= 0 {
					t.Errorf("%q at %v, %v, %v long, is not on the page", e, x, y, length)
				}
			}
		}
	}
	if texts < 7 {
		t.Errorf("%d texts", texts)
	}
	if bytes.Contains(svg, []byte("NaN")) {
		t.Error("NaN in the picture")
	}
}

func TestPlotErrors(t *testing.T) {
	d := describe(handGames(t))
	for path, want := range map[string]string{
		"games.gif": ".svg, .png or .pdf", "games": ".svg, .png or .pdf",
		filepath.Join(t.TempDir(), "no", "such", "a.svg"): "writing",
	} {
		if err := d.Plot(path); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// Ticks are round numbers within the axis, with labels in one unit.
func TestTicks(t *testing.T) {
	for _, c := range []struct {
		lo, hi float64
		want   string
	}{
		{0, 3400, "0 500 1000 1500 2000 2500 3000"},
		{0, 100, "0 20 40 60 80 100"},
		{0, 17000, "0 5k 10k 15k"},
		{0, 12500, "0 2k 4k 6k 8k 10k 12k"},
		{0, 2.2e6, "0 0.5M 1M 1.5M 2M"},
		{0, 1, "0 0.2 0.4 0.6 0.8 1"},
		{0, 0.3, "0 0.05 0.1 0.15 0.2 0.25 0.3"},
		{1000, 1200, "1000 1050 1100 1150 1200"},
		{-0.6, 3, "-0.5 0 0.5 1 1.5 2 2.5 3"},
	} {
		var got []string
		for _, tick := range (figure.Ticks{}).Ticks(c.lo, c.hi) {
			got = append(got, tick.Label)
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%v to %v: %s, want %s", c.lo, c.hi, s, c.want)
		}
	}
}
