package synth

import (
	"math"
	"slices"
)

// typeSpec is a type of entity at scale 1.
type typeSpec struct {
	name  string
	count int
	// atLeast many are there at any scale. Below scale 1 there are count·scale^shrink: types of a
	// few popular entities shrink by less than the graph, since it is their number that decides how
	// false beliefs spread and whether a majority is right (with two religions left, half of all errors agree).
	atLeast int
	shrink  float64
	// zipf is the exponent of the popularity of its entities as tails.
	zipf float64
	// where an entity is at home: nowhere, in a country, in a city (and its country)
	home home
}

type home int

const (
	nowhere home = iota
	inCountry
	inCity
)

// types of entities. Their sum, 25,803, is what the authors' code names for the
// paper's graph; how they divide is ours.
var types = []typeSpec{
	{"person", 15890, 40, 1, 0.45, inCity},
	{"film", 2500, 6, 1, 0.6, inCity},
	{"book", 1500, 4, 1, 0.6, inCity},
	{"song", 1500, 4, 1, 0.6, inCity},
	{"city", 1700, 8, 1, 0.7, inCountry},
	{"company", 900, 4, 1, 0.7, inCity},
	{"university", 330, 3, 0.75, 0.8, inCity},
	{"team", 240, 3, 0.75, 0.7, inCity},
	{"award", 230, 3, 0.75, 1.0, inCountry},
	{"country", 190, 4, 0.75, 0.8, nowhere},
	{"party", 170, 3, 0.75, 0.95, inCountry},
	{"currency", 140, 2, 0.75, 0.5, nowhere},
	{"occupation", 120, 2, 0.5, 1.05, nowhere},
	{"language", 110, 2, 0.5, 1.05, nowhere},
	{"field", 90, 3, 0.5, 1.15, nowhere},
	{"genre", 70, 3, 0.5, 1.0, nowhere},
	{"industry", 60, 3, 0.5, 1.15, nowhere},
	{"instrument", 40, 3, 0.5, 1.15, nowhere},
	{"religion", 16, 3, 0.25, 1.25, nowhere},
	{"continent", 7, 3, 0, 1.3, nowhere},
}

// at returns how many entities of the type there are at a scale.
func (t *typeSpec) at(scale float64) int {
	n := float64(t.count) * scale
	if t.closed() && scale < 1 {
		// Two facts each at least, or some would be left out.
		facts := 0.0
		for i := range relations {
			if relations[i].rang == t.name {
				facts += float64(relations[i].edges) * math.Pow(scale, typeNamed(relations[i].domain[0]).shrink)
			}
		}
		n = min(float64(t.count)*math.Pow(scale, t.shrink), facts/2)
	}
	return max(t.atLeast, int(math.Round(n)))
}

// typeNamed returns a type; there is one.
func typeNamed(name string) *typeSpec {
	return &types[slices.IndexFunc(types, func(t typeSpec) bool { return t.name == name })]
}

// closed types shrink by less than the graph.
func (t *typeSpec) closed() bool { return t.shrink < 1 }

// heads says how the heads of a relation's edges are drawn.
type heads int

const (
	one  heads = iota // each head has one tail: the relation is a function
	many              // a head may have several
	kin               // made with the families
)

// relationSpec is a relation at scale 1.
type relationSpec struct {
	name     string
	edges    int
	domain   []string
	rang     string
	heads    heads
	distinct bool // each tail has one head as well: one-to-one
	// city and country are the chances that the tail is from the head's own city or
	// own country; otherwise it is from anywhere.
	city, country float64
}

// relations are 39 that encyclopedias have, with the paper's sum of 54,500 edges.
// Which 39 the paper uses is not known; RippleEdits, where its graph is from, has
// 53 of this kind.
var relations = []relationSpec{
	{"mother", 1900, []string{"person"}, "person", kin, false, 0, 0},
	{"father", 2000, []string{"person"}, "person", kin, false, 0, 0},
	{"spouse", 1800, []string{"person"}, "person", kin, false, 0, 0},
	{"sibling", 1400, []string{"person"}, "person", kin, false, 0, 0},
	{"child", 2000, []string{"person"}, "person", kin, false, 0, 0},
	{"place of birth", 4600, []string{"person"}, "city", one, false, 0.55, 0.38},
	{"place of death", 1700, []string{"person"}, "city", one, false, 0.4, 0.4},
	{"country of citizenship", 4700, []string{"person"}, "country", one, false, 0, 0.96},
	{"occupation", 3900, []string{"person"}, "occupation", one, false, 0, 0},
	{"employer", 1700, []string{"person"}, "company", one, false, 0.5, 0.35},
	{"alma mater", 1900, []string{"person"}, "university", one, false, 0.4, 0.45},
	{"native language", 1420, []string{"person"}, "language", one, false, 0, 0.95},
	{"award", 2100, []string{"person", "film", "book"}, "award", many, false, 0, 0.6},
	{"political party", 700, []string{"person"}, "party", one, false, 0, 0.95},
	{"religion", 700, []string{"person"}, "religion", one, false, 0, 0},
	{"sports team", 1300, []string{"person"}, "team", many, false, 0.35, 0.4},
	{"instrument", 500, []string{"person"}, "instrument", one, false, 0, 0},
	{"field of work", 700, []string{"person"}, "field", one, false, 0, 0},
	{"country", 1600, []string{"city"}, "country", one, false, 0, 1},
	{"mayor", 300, []string{"city"}, "person", one, true, 0.7, 0.3},
	{"twin city", 500, []string{"city"}, "city", many, false, 0, 0},
	{"capital", 185, []string{"country"}, "city", one, true, 0, 1},
	{"continent", 190, []string{"country"}, "continent", one, false, 0, 0},
	{"official language", 230, []string{"country"}, "language", many, false, 0, 0.7},
	{"currency", 185, []string{"country"}, "currency", one, false, 0, 0.7},
	{"head of state", 190, []string{"country"}, "person", one, true, 0, 1},
	{"neighboring country", 600, []string{"country"}, "country", many, false, 0, 0},
	{"director", 1900, []string{"film"}, "person", one, false, 0.5, 0.35},
	{"screenwriter", 900, []string{"film"}, "person", one, false, 0.5, 0.35},
	{"composer", 800, []string{"film"}, "person", one, false, 0.5, 0.35},
	{"cast member", 3400, []string{"film"}, "person", many, false, 0.4, 0.4},
	{"author", 1450, []string{"book"}, "person", one, false, 0.5, 0.35},
	{"publisher", 900, []string{"book"}, "company", one, false, 0.5, 0.35},
	{"performer", 1450, []string{"song"}, "person", one, false, 0.5, 0.35},
	{"genre", 1300, []string{"film", "book", "song"}, "genre", one, false, 0, 0},
	{"country of origin", 1300, []string{"film", "book", "song"}, "country", one, false, 0, 0.96},
	{"founder", 600, []string{"company", "university"}, "person", one, false, 0.6, 0.3},
	{"headquarters", 1000, []string{"company", "university", "team", "party"}, "city", one, false, 0.85, 0.15},
	{"industry", 500, []string{"company"}, "industry", one, false, 0, 0},
}

// Sizes of the paper's graph, which are those of scale 1.
const (
	PaperEntities  = 25803
	PaperRelations = 39
	PaperEdges     = 54500
	PaperClusters  = 5000
)
