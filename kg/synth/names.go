package synth

import (
	"fmt"
	"strings"

	"transcend/internal/draw"
)

// Names are made of syllables. Each country has its own choice of sounds, so a name
// sounds like where it is from, as neighbors' names do in the paper's graph.

var (
	onsets = []string{"b", "br", "c", "ch", "d", "dr", "f", "fl", "g", "gr", "h", "j", "k", "kh", "l", "m", "n", "p", "pr", "r", "s", "sh", "sk", "st", "t", "th", "tr", "v", "w", "y", "z", "zh"}
	nuclei = []string{"a", "e", "i", "o", "u", "ae", "ai", "ea", "ia", "io", "oa", "ou"}
	codas  = []string{"", "", "", "l", "m", "n", "r", "s", "th", "nd", "rk", "sh", "st", "x"}
)

// A sound is the inventory of one country's words.
type sound struct {
	rng                    draw.Stream
	onset, nucleus, coda   []string
	firstNames, lastNames  []string
	titleWords, placeParts []string
}

// newSound chooses the sounds and the stock of names of a country.
func newSound(seed, country uint64, stock int) *sound {
	s := &sound{rng: draw.New(seed, 'n', country)}
	choose := func(from []string, n int) []string {
		x := append([]string(nil), from...)
		draw.Shuffle(&s.rng, x)
		return x[:n]
	}
	s.onset, s.nucleus, s.coda = choose(onsets, 11), choose(nuclei, 5), choose(codas, 7)
	fill := func(n, least, most int, suffixes ...string) []string {
		words := make([]string, n)
		for i := range words {
			words[i] = s.word(least+s.rng.IntN(most-least+1), suffixes...)
		}
		return words
	}
	s.firstNames = fill(stock, 2, 2)
	s.lastNames = fill(2*stock, 2, 3)
	s.titleWords = fill(2*stock, 2, 3)
	s.placeParts = fill(4, 1, 1)
	return s
}

// word returns a capitalized word of so many syllables, with one of the suffixes.
func (s *sound) word(syllables int, suffixes ...string) string {
	var b strings.Builder
	for i := range syllables {
		// Words begin with a vowel now and then; inside, a consonant keeps vowels apart.
		if i > 0 || !s.rng.Chance(0.15) {
			b.WriteString(draw.Pick(&s.rng, s.onset))
		}
		b.WriteString(draw.Pick(&s.rng, s.nucleus))
		if i == syllables-1 && len(suffixes) == 0 {
			b.WriteString(draw.Pick(&s.rng, s.coda))
		}
	}
	if len(suffixes) > 0 {
		text := strings.TrimRight(b.String(), "aeiou")
		if len(text) < 2 {
			text = b.String() + "n"
		}
		b.Reset()
		b.WriteString(text + draw.Pick(&s.rng, suffixes))
	}
	w := b.String()
	return strings.ToUpper(w[:1]) + w[1:]
}

// name returns a name of one to three words for an entity of a type. Family is the
// surname of a person, or "".
func (s *sound) name(typ, family string) string {
	r := &s.rng
	switch typ {
	case "person":
		if family == "" {
			family = s.family()
		}
		first := draw.Pick(r, s.firstNames)
		if r.Chance(0.12) {
			return first + " " + draw.Pick(r, s.firstNames) + " " + family
		}
		return first + " " + family
	case "film", "book", "song":
		words := 1 + r.IntN(3)
		title := make([]string, words)
		for i := range title {
			title[i] = draw.Pick(r, s.titleWords)
		}
		return strings.Join(title, " ")
	case "city":
		if r.Chance(0.2) {
			return draw.Pick(r, s.placeParts) + " " + s.word(2)
		}
		return s.word(2+r.IntN(2), "a", "burg", "ford", "grad", "holm", "ia", "mouth", "polis", "stad", "ton", "ville")
	case "country":
		return s.word(2+r.IntN(2), "ia", "land", "stan", "or", "mark", "esh", "any")
	case "company":
		return draw.Pick(r, s.lastNames) + " " + draw.Pick(r, []string{"Works", "Group", "Press", "Industries", "Partners", "Brothers"})
	case "university":
		return s.word(2, "ia", "ford", "ton", "berg") + " " + draw.Pick(r, []string{"University", "College", "Academy", "Institute"})
	case "team":
		return s.word(2, "a", "on", "ey") + " " + draw.Pick(r, []string{"Rovers", "United", "Athletic", "Wanderers"})
	case "award":
		return draw.Pick(r, s.lastNames) + " " + draw.Pick(r, []string{"Prize", "Medal", "Award", "Honor"})
	case "party":
		return s.word(2, "ist", "ian", "al") + " " + draw.Pick(r, []string{"Party", "Union", "League", "Front"})
	case "currency":
		return s.word(1+r.IntN(2), "ar", "el", "und", "in")
	case "occupation":
		return s.word(2, "er", "ist", "wright", "man")
	case "language":
		return s.word(2, "ish", "ese", "ic", "an")
	case "field":
		return s.word(2, "ology", "ics", "onomy", "istry")
	case "genre":
		return s.word(2, "ore", "ance", "ade", "ique")
	case "industry":
		return s.word(2, "ing", "ery", "age")
	case "instrument":
		return s.word(2, "ello", "ophone", "ute", "ar")
	case "religion":
		return s.word(2, "ism", "ity", "aism")
	case "continent":
		return s.word(2, "ica", "asia", "entis")
	}
	return s.word(2 + r.IntN(2))
}

// family returns a surname.
func (s *sound) family() string { return draw.Pick(&s.rng, s.lastNames) }

// namer gives every entity a name that no other has.
type namer struct {
	seed   uint64
	stock  int
	sounds map[int]*sound
	taken  map[string]bool
}

func (n *namer) of(country int) *sound {
	s := n.sounds[country]
	if s == nil {
		s = newSound(n.seed, uint64(country+1), n.stock)
		n.sounds[country] = s
	}
	return s
}

// name returns a new name; country is -1 for what has none.
func (n *namer) name(typ string, country int, family string) string {
	s := n.of(country)
	for try := 0; ; try++ {
		name := s.name(typ, family)
		if try > 20 {
			// The stock is used up: another word, at most three in all.
			words := strings.Fields(name)
			if typ == "person" {
				words = []string{s.word(2 + s.rng.IntN(2)), words[len(words)-1]}
			} else {
				words = append([]string{s.word(2 + s.rng.IntN(2))}, words[1:]...)
			}
			name = strings.Join(words, " ")
		}
		if try > 1000 {
			panic(fmt.Sprintf("synth: no new name for a %s", typ))
		}
		if !n.taken[name] {
			n.taken[name] = true
			return name
		}
	}
}
