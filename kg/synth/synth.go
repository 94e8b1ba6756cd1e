// Package synth makes knowledge graphs like the one of Abreu et al. (COLM 2025), which
// is not released: typed, with fictional names, from a seed. What is known of theirs is
// kept: 25,803 entities, 39 relations, 54,500 edges, relations of encyclopedias, some of
// which have few popular tails and some one tail a head and one head a tail. What is
// not known is chosen so that the paper's baselines for two-hop questions come out in the
// range of theirs; Graph.Stats and package reference say how near.
//
// Entities live in countries and cities, families share both, and facts prefer what is
// near: that is what areas of expertise are cut from.
package synth

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"sort"

	"transcend/internal/draw"
	"transcend/kg"
)

// Options of a graph.
type Options struct {
	Seed  uint64
	Scale float64 // of entities and edges; 0 is 1, the paper's size
}

// The scales that there are graphs for.
const (
	MinScale = 0.01
	MaxScale = 20
)

// New makes a graph.
func New(o Options) (*kg.Graph, error) {
	if o.Scale == 0 {
		o.Scale = 1
	}
	if !(o.Scale >= MinScale && o.Scale <= MaxScale) {
		return nil, fmt.Errorf("synth: a scale of %g (want %g to %g)", o.Scale, MinScale, float64(MaxScale))
	}
	w := newWorld(o)
	w.families()
	for r := range relations {
		if relations[r].heads != kin {
			w.relate(r)
		}
	}
	w.connect()
	return w.build()
}

// entity of a world; country and city are numbers of entities, or -1.
type entity struct {
	typ           int
	country, city int
	family        int // the family that a person was born into, from 1; 0 for none
	weight        float64
	prominence    float64
}

type edge struct{ head, tail int }

// world is a graph in the making.
type world struct {
	o        Options
	rng      draw.Stream
	typeID   map[string]int
	entities []entity
	byType   []*pool
	edges    [][]edge // by relation
	seen     []map[edge]bool
	degree   []int
}

// pool is the entities of a type, to draw from by popularity.
type pool struct {
	all       bag
	byCountry map[int]*bag
	byCity    map[int]*bag
}

// bag draws from its members with probabilities proportional to their weights.
type bag struct {
	ids []int
	sum []float64
}

func (b *bag) add(id int, weight float64) {
	last := 0.0
	if len(b.sum) > 0 {
		last = b.sum[len(b.sum)-1]
	}
	b.ids = append(b.ids, id)
	b.sum = append(b.sum, last+weight)
}

// draw returns a member; nil and empty bags have none.
func (b *bag) draw(rng *draw.Stream) (int, bool) {
	if b == nil || len(b.ids) == 0 {
		return 0, false
	}
	x := rng.Float64() * b.sum[len(b.sum)-1]
	i := sort.Search(len(b.sum), func(i int) bool { return b.sum[i] > x })
	return b.ids[min(i, len(b.ids)-1)], true
}

func newWorld(o Options) *world {
	w := &world{o: o, rng: draw.New(o.Seed, 'w'), typeID: map[string]int{}, byType: make([]*pool, len(types)),
		edges: make([][]edge, len(relations)), seen: make([]map[edge]bool, len(relations))}
	for t := range types {
		w.typeID[types[t].name] = t
		w.byType[t] = &pool{byCountry: map[int]*bag{}, byCity: map[int]*bag{}}
	}
	for r := range relations {
		w.seen[r] = map[edge]bool{}
	}
	// Countries first, then cities, then what lives in them.
	for _, t := range []int{w.typeID["country"], w.typeID["city"]} {
		w.settle(t)
	}
	for t := range types {
		if types[t].name != "country" && types[t].name != "city" {
			w.settle(t)
		}
	}
	w.degree = make([]int, len(w.entities))
	return w
}

// settle makes the entities of a type.
func (w *world) settle(t int) {
	spec := &types[t]
	n := spec.at(w.o.Scale)
	if spec.name == "person" {
		// Types that shrink slowly, and minima, take their numbers from people.
		total, others := int(math.Round(PaperEntities*w.o.Scale)), 0
		for i := range types {
			if i != t {
				others += types[i].at(w.o.Scale)
			}
		}
		n = max(spec.atLeast, total-others)
	}
	// Where there are fewer of them than at scale 1, those left share the popularity
	// of those that are not there: the top one keeps its share.
	shared := 0.0
	for rank := n; rank < spec.count; rank++ {
		shared += math.Pow(float64(rank)+1, -spec.zipf) / float64(n)
	}
	p := w.byType[t]
	countries, cities := w.byType[w.typeID["country"]], w.byType[w.typeID["city"]]
	for rank := range n {
		id := len(w.entities)
		e := entity{typ: t, country: -1, city: -1, weight: math.Pow(float64(rank)+1, -spec.zipf) + shared, prominence: math.Exp(1.1 * w.rng.Normal())}
		switch {
		case spec.name == "country":
			e.country = id
		case spec.home == inCountry && rank < len(countries.all.ids):
			e.country = countries.all.ids[rank] // one at least for each, as far as they go
		case spec.home == inCountry:
			e.country, _ = countries.all.draw(&w.rng)
		case spec.home == inCity:
			e.city, _ = cities.all.draw(&w.rng)
			e.country = w.entities[e.city].country
		case spec.name == "language" || spec.name == "currency":
			e.country = countries.all.ids[rank%len(countries.all.ids)]
		}
		w.entities = append(w.entities, e)
		p.all.add(id, e.weight)
		for _, place := range []struct {
			where int
			bags  map[int]*bag
		}{{e.country, p.byCountry}, {e.city, p.byCity}} {
			if place.where >= 0 {
				if place.bags[place.where] == nil {
					place.bags[place.where] = new(bag)
				}
				place.bags[place.where].add(id, e.weight)
			}
		}
	}
}

// add makes an edge, and reports false when it is there already or a loop.
func (w *world) add(r, head, tail int) bool {
	e := edge{head, tail}
	if head == tail || w.seen[r][e] {
		return false
	}
	w.seen[r][e] = true
	w.edges[r] = append(w.edges[r], e)
	w.degree[head]++
	w.degree[tail]++
	return true
}

// quota is how many edges relation r has at the world's scale. Those of closed types
// follow their types, and the others make up the sum.
func (w *world) quota(r int) int {
	closed := func(r int) (share float64, ok bool) {
		t := &types[w.typeID[relations[r].domain[0]]]
		return float64(t.at(w.o.Scale)) / float64(t.count), t.closed()
	}
	total, open := PaperEdges*w.o.Scale, 0.0
	for i, spec := range relations {
		if share, ok := closed(i); ok {
			total -= share * float64(spec.edges)
		} else {
			open += float64(spec.edges)
		}
	}
	share, ok := closed(r)
	if !ok {
		share = total / open
	}
	return max(2, int(math.Round(float64(relations[r].edges)*share)))
}

func relationID(name string) int {
	return slices.IndexFunc(relations, func(r relationSpec) bool { return r.name == name })
}

// families gives three of five people parents, siblings and spouses, and records as
// many of these ties, drawn at random, as the kin relations have edges: if all of a family
// were recorded together, most two-hop answers would be neighbors of their heads.
func (w *world) families() {
	people := w.byType[w.typeID["person"]].all.ids
	byCity := map[int][]int{}
	var cities []int
	for _, p := range people {
		c := w.entities[p].city
		if byCity[c] == nil {
			cities = append(cities, c)
		}
		byCity[c] = append(byCity[c], p)
	}
	k := kindred{
		world: w, possible: map[int][]tie{},
		mother: relationID("mother"), father: relationID("father"), spouse: relationID("spouse"), sibling: relationID("sibling"), child: relationID("child"),
	}
	for _, c := range cities {
		draw.Shuffle(&w.rng, byCity[c])
		k.settle(byCity[c][:len(byCity[c])*3/5])
	}
	for _, r := range []int{k.mother, k.father, k.spouse, k.sibling, k.child} {
		all := k.possible[r]
		slices.SortStableFunc(all, func(x, y tie) int { return cmp.Compare(x.rank, y.rank) })
		for _, x := range all[:min(len(all), w.quota(r))] {
			w.add(r, x.head, x.tail)
		}
	}
}

// kindred are the families of the people of one city after the other.
type kindred struct {
	*world
	mother, father, spouse, sibling, child int

	possible map[int][]tie // of each relation
	families int
	free     []int // of the city, who have no family yet
	grown    []int // children who may be parents of later families
}

// tie is an edge that is recorded when its rank is among the lowest.
type tie struct {
	edge
	rank float64
}

// settle makes families of people until hardly anybody is free.
func (k *kindred) settle(people []int) {
	k.free, k.grown = people, nil
	for len(k.free) > 2 {
		a, b := k.parent(), k.parent()
		if a < 0 || b < 0 || a == b || k.entities[a].family != 0 && k.entities[a].family == k.entities[b].family {
			continue
		}
		k.family(a, b)
	}
}

// parent takes somebody who may found a family, -1 when there is nobody.
func (k *kindred) parent() int {
	if len(k.grown) > 0 && k.rng.Chance(0.45) {
		p := k.grown[0]
		k.grown = k.grown[1:]
		return p
	}
	return k.take()
}

// take takes somebody who is free, -1 when there is nobody.
func (k *kindred) take() int {
	if len(k.free) == 0 {
		return -1
	}
	p := k.free[0]
	k.free = k.free[1:]
	return p
}

// family marries a, the mother, and b and gives them children.
func (k *kindred) family(a, b int) {
	k.families++
	k.both(k.spouse, a, b)
	var children []int
	for range 1 + k.rng.IntN(4) {
		x := k.take()
		if x < 0 {
			break
		}
		k.entities[x].family = k.families
		for _, y := range children {
			k.both(k.sibling, x, y)
		}
		children = append(children, x)
		k.record(k.mother, x, a)
		k.record(k.father, x, b)
		k.record(k.child, a, x)
		k.record(k.child, b, x)
	}
	k.grown = append(k.grown, children...)
}

func (k *kindred) record(r, head, tail int) {
	k.possible[r] = append(k.possible[r], tie{edge{head, tail}, k.rng.Float64()})
}

// both records a symmetric tie: its directions share a rank, so that both are among the
// lowest or neither.
func (k *kindred) both(r, a, b int) {
	rank := k.rng.Float64()
	k.possible[r] = append(k.possible[r], tie{edge{a, b}, rank}, tie{edge{b, a}, rank})
}

// relate draws the edges of a relation.
func (w *world) relate(r int) {
	spec := &relations[r]
	var candidates []int
	for _, name := range spec.domain {
		candidates = append(candidates, w.byType[w.typeID[name]].all.ids...)
	}
	quota := w.quota(r)
	if spec.heads == one {
		quota = min(quota, len(candidates))
	}
	order := w.prominentFirst(candidates)
	usedTails := map[int]bool{}
	// Heads that may have several tails come up again, in proportion to their prominence.
	var bag bag
	if spec.heads == many {
		for _, id := range candidates {
			bag.add(id, w.entities[id].prominence)
		}
	}
	for i, misses := 0, 0; len(w.edges[r]) < quota && misses < 50*quota+1000; i++ {
		var head int
		switch {
		case spec.heads == one && i >= len(order):
			return
		case spec.heads == one:
			head = order[i]
		default:
			head, _ = bag.draw(&w.rng)
		}
		ok := false
		for range 20 {
			tail, found := w.tail(spec, head)
			if !found || spec.distinct && usedTails[tail] {
				continue
			}
			if ok = w.add(r, head, tail); ok {
				usedTails[tail] = true
				break
			}
		}
		if !ok {
			misses++
		}
	}
}

// prominentFirst orders entities at random, the prominent ones earlier: a weighted
// sample without replacement (Efraimidis and Spirakis 2006).
func (w *world) prominentFirst(ids []int) []int {
	key := map[int]float64{}
	for _, id := range ids {
		key[id] = -math.Log(1-w.rng.Float64()) / w.entities[id].prominence
	}
	order := slices.Clone(ids)
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(key[a], key[b]) })
	return order
}

// tail draws a tail for head: from its city, its country or anywhere.
func (w *world) tail(spec *relationSpec, head int) (int, bool) {
	t := w.typeID[spec.rang]
	p, h := w.byType[t], &w.entities[head]
	switch x := w.rng.Float64(); {
	case x < spec.city:
		if t == w.typeID["city"] && h.city >= 0 {
			return h.city, true
		}
		where := h.city
		if h.typ == w.typeID["city"] {
			where = head
		}
		if id, ok := p.byCity[where].draw(&w.rng); ok {
			return id, true
		}
		fallthrough
	case x < spec.city+spec.country:
		if id, ok := p.byCountry[h.country].draw(&w.rng); ok {
			return id, true
		}
	}
	return p.all.draw(&w.rng)
}

// connect gives every entity without edges one, by moving an end of an edge whose
// entity has others: the numbers of edges stay as they are.
func (w *world) connect() {
	for id := range w.entities {
		if w.degree[id] > 0 {
			continue
		}
		for try := 0; w.degree[id] == 0; try++ {
			if try > 100000 {
				panic(fmt.Sprintf("synth: no edge for a %s", types[w.entities[id].typ].name))
			}
			w.move(id)
		}
	}
}

// move tries to give entity id an end of a random edge.
func (w *world) move(id int) {
	e := &w.entities[id]
	name := types[e.typ].name
	r := w.rng.IntN(len(relations))
	spec := &relations[r]
	if spec.heads == kin || len(w.edges[r]) == 0 {
		return
	}
	asHead := slices.Contains(spec.domain, name)
	if !asHead && spec.rang != name {
		return
	}
	at := w.rng.IntN(len(w.edges[r]))
	old := w.edges[r][at]
	lost, replacement := old.tail, edge{old.head, id}
	if asHead {
		lost, replacement = old.head, edge{id, old.tail}
	}
	other := old.head + old.tail - lost
	// What a place decides should stay decided, unless nothing else is left.
	near := e.country < 0 || w.entities[other].country < 0 || e.country == w.entities[other].country || w.rng.Chance(0.05)
	if w.degree[lost] < 2 || !near || other == id || w.seen[r][replacement] {
		return
	}
	delete(w.seen[r], old)
	w.seen[r][replacement] = true
	w.edges[r][at] = replacement
	w.degree[lost]--
	w.degree[id]++
}

// build names everything.
func (w *world) build() (*kg.Graph, error) {
	n := &namer{seed: w.o.Seed, stock: 24, sounds: map[int]*sound{}, taken: map[string]bool{}}
	b := kg.NewBuilder()
	ids := make([]int32, len(w.entities))
	surname := map[int]string{}
	for i := range w.entities {
		e := &w.entities[i]
		family := ""
		if e.family > 0 {
			if surname[e.family] == "" {
				surname[e.family] = n.of(e.country).family()
			}
			family = surname[e.family]
		}
		var err error
		if ids[i], err = b.Entity(n.name(types[e.typ].name, e.country, family), types[e.typ].name); err != nil {
			return nil, fmt.Errorf("synth: %w", err)
		}
	}
	for r := range relations {
		spec := &relations[r]
		id, err := b.Relation(spec.name, spec.domain, []string{spec.rang})
		if err != nil {
			return nil, fmt.Errorf("synth: %w", err)
		}
		for _, e := range w.edges[r] {
			if _, err := b.Edge(ids[e.head], id, ids[e.tail]); err != nil {
				return nil, fmt.Errorf("synth: %w", err)
			}
		}
	}
	return b.Build()
}
