// Package kg holds knowledge graphs: typed entities, relations between them, and
// edges, the facts. It reads and writes them as TSV and as RDF N-Triples, describes
// them, and lists their two-hop facts. It is the ground of the experiments of
// Abreu et al., "A Taxonomy of Transcendence" (COLM 2025):
//
//	synth      a synthetic graph with the statistics of the paper's
//	cluster    areas of expertise: spectral clustering of edges
//	expert     who believes which facts, and what they write about
//	text       beliefs as sentences, sentences as tokens
//	reference  what an ideal learner makes of the text, without training
//	eval       what a trained model makes of it
package kg

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Entity is a node.
type Entity struct {
	Name string // unique in its graph
	Type int32  // index into Graph.Types
}

// Relation is a kind of edge. Heads have one of its domain's types and tails one of
// its range's; both are indices into Graph.Types, ascending.
type Relation struct {
	Name          string
	Domain, Range []int32
}

// Edge is a fact: Head and Tail are indices into Graph.Entities, Relation into
// Graph.Relations.
type Edge struct{ Head, Relation, Tail int32 }

// Query asks for the tails of a head and a relation.
type Query struct{ Head, Relation int32 }

// Graph is a knowledge graph. It must not be changed: a Builder makes it. Types,
// relations and entities are in the order of their names (entities by type first)
// and edges by relation, head and tail, so that the same facts give the same
// numbers whatever file they came from.
type Graph struct {
	Types     []string
	Entities  []Entity
	Relations []Relation
	Edges     []Edge

	first []int32 // the first edge of each relation, and len(Edges)
	out   Adjacency
	in    Adjacency
}

// Adjacency lists edges by node: those of node v are Edges[Start[v]:Start[v+1]].
type Adjacency struct {
	Start []int32
	Edges []int32
}

// Of returns the edges of a node, ascending.
func (a *Adjacency) Of(node int32) []int32 { return a.Edges[a.Start[node]:a.Start[node+1]] }

// Out returns the edges with that head, ascending: by relation, then by tail.
func (g *Graph) Out(entity int32) []int32 { return g.out.Of(entity) }

// In returns the edges with that tail, ascending: by relation, then by head.
func (g *Graph) In(entity int32) []int32 { return g.in.Of(entity) }

// Degree returns the number of edges that touch an entity, a loop counting twice.
func (g *Graph) Degree(entity int32) int { return len(g.Out(entity)) + len(g.In(entity)) }

// RelationEdges returns the range of edges of a relation: lo to hi-1.
func (g *Graph) RelationEdges(relation int32) (lo, hi int32) {
	return g.first[relation], g.first[relation+1]
}

// QueryEdges returns the range of edges that answer a query, empty when there are none.
func (g *Graph) QueryEdges(q Query) (lo, hi int32) {
	first, last := g.RelationEdges(q.Relation)
	edges := g.Edges[first:last]
	a, _ := slices.BinarySearchFunc(edges, q.Head, func(e Edge, head int32) int { return cmp.Compare(e.Head, head) })
	b := a
	for b < len(edges) && edges[b].Head == q.Head {
		b++
	}
	return first + int32(a), first + int32(b)
}

// Has reports whether e is a fact.
func (g *Graph) Has(e Edge) bool {
	lo, hi := g.QueryEdges(Query{e.Head, e.Relation})
	for _, x := range g.Edges[lo:hi] {
		if x.Tail == e.Tail {
			return true
		}
	}
	return false
}

// Queries returns every query that has an answer, by relation and head.
func (g *Graph) Queries() []Query {
	var qs []Query
	for i, e := range g.Edges {
		if i == 0 || g.Edges[i-1].Head != e.Head || g.Edges[i-1].Relation != e.Relation {
			qs = append(qs, Query{e.Head, e.Relation})
		}
	}
	return qs
}

// FindEntity returns the entity of that name, false when there is none.
func (g *Graph) FindEntity(name string) (int32, bool) {
	i := slices.IndexFunc(g.Entities, func(e Entity) bool { return e.Name == name })
	return int32(i), i >= 0
}

// FindRelation returns the relation of that name, false when there is none.
func (g *Graph) FindRelation(name string) (int32, bool) {
	i, ok := slices.BinarySearchFunc(g.Relations, name, func(r Relation, name string) int { return strings.Compare(r.Name, name) })
	return int32(i), ok
}

// Fingerprint names the graph's content: names, types and edges.
func (g *Graph) Fingerprint() string {
	h := sha256.New()
	text := func(s string) {
		var n [4]byte
		binary.LittleEndian.PutUint32(n[:], uint32(len(s)))
		h.Write(n[:])
		h.Write([]byte(s))
	}
	for _, e := range g.Entities {
		text(e.Name)
		text(g.Types[e.Type])
	}
	for _, e := range g.Edges {
		text(g.Relations[e.Relation].Name)
		binary.Write(h, binary.LittleEndian, [2]int32{e.Head, e.Tail})
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// NewAdjacency indexes m edges over n nodes by what node returns for each of them.
func NewAdjacency(n, m int, node func(edge int) int32) Adjacency {
	a := Adjacency{Start: make([]int32, n+1), Edges: make([]int32, m)}
	for e := range m {
		a.Start[node(e)+1]++
	}
	for v := range n {
		a.Start[v+1] += a.Start[v]
	}
	next := slices.Clone(a.Start)
	for e := range m {
		v := node(e)
		a.Edges[next[v]] = int32(e)
		next[v]++
	}
	return a
}

// Bounds of a graph and of its names.
const (
	maxItems = 1 << 26 // entities, edges
	maxName  = 1000    // bytes
)

// A Builder collects a graph. Its methods check what they are given, and Build puts
// everything in order.
type Builder struct {
	types     map[string]int32
	entities  map[string]int32
	relations map[string]int32
	g         Graph
	edges     map[Edge]struct{}
	implied   []bool // the relation's domain and range follow from its edges
}

// NewBuilder returns an empty builder.
func NewBuilder() *Builder {
	return &Builder{types: map[string]int32{}, entities: map[string]int32{}, relations: map[string]int32{}, edges: map[Edge]struct{}{}}
}

// CheckName reports what is wrong with the name of an entity, a type or a relation:
// it is one line of printable UTF-8, single spaces between words.
func CheckName(what, name string) error {
	switch {
	case name == "":
		return fmt.Errorf("the %s has no name", what)
	case len(name) > maxName:
		return fmt.Errorf("the %s's name has %d bytes, the most is %d", what, len(name), maxName)
	case !utf8.ValidString(name):
		return fmt.Errorf("the %s's name %q is not UTF-8", what, name)
	case strings.HasPrefix(name, " ") || strings.HasSuffix(name, " ") || strings.Contains(name, "  "):
		return fmt.Errorf("the %s's name %q has a space too many", what, name)
	}
	for _, r := range name {
		if !unicode.IsPrint(r) {
			return fmt.Errorf("the %s's name %q has the character %U, which is not printable", what, name, r)
		}
	}
	return nil
}

// intern returns the number of name, a new one for a new name.
func intern(m map[string]int32, name string) (id int32, isNew bool) {
	if id, ok := m[name]; ok {
		return id, false
	}
	id = int32(len(m))
	m[name] = id
	return id, true
}

func (b *Builder) typeID(name string) (int32, error) {
	if err := CheckName("type", name); err != nil {
		return 0, err
	}
	id, isNew := intern(b.types, name)
	if isNew {
		b.g.Types = append(b.g.Types, name)
	}
	return id, nil
}

// Entity adds an entity and returns its number. One that is there already must have
// the same type.
func (b *Builder) Entity(name, typ string) (int32, error) {
	if id, ok := b.entities[name]; ok {
		if have := b.g.Types[b.g.Entities[id].Type]; have != typ {
			return 0, fmt.Errorf("the entity %q is a %s here and a %s before", name, typ, have)
		}
		return id, nil
	}
	if err := CheckName("entity", name); err != nil {
		return 0, err
	}
	t, err := b.typeID(typ)
	if err != nil {
		return 0, fmt.Errorf("the entity %q: %w", name, err)
	}
	if len(b.g.Entities) >= maxItems {
		return 0, fmt.Errorf("more than %d entities", maxItems)
	}
	id, _ := intern(b.entities, name)
	b.g.Entities = append(b.g.Entities, Entity{name, t})
	return id, nil
}

// Relation adds a relation and returns its number. Without types its domain and
// range are the types of the heads and tails that it is given.
func (b *Builder) Relation(name string, domain, rang []string) (int32, error) {
	id, ok := b.relations[name]
	if !ok {
		if err := CheckName("relation", name); err != nil {
			return 0, err
		}
		id, _ = intern(b.relations, name)
		b.g.Relations = append(b.g.Relations, Relation{Name: name})
		b.implied = append(b.implied, true)
	}
	r := &b.g.Relations[id]
	for _, side := range []struct {
		types []string
		to    *[]int32
	}{{domain, &r.Domain}, {rang, &r.Range}} {
		for _, t := range side.types {
			tid, err := b.typeID(t)
			if err != nil {
				return 0, fmt.Errorf("the relation %q: %w", name, err)
			}
			b.implied[id] = false
			if !slices.Contains(*side.to, tid) {
				*side.to = append(*side.to, tid)
			}
		}
	}
	return id, nil
}

// Edge adds a fact between numbers that Entity and Relation returned. It reports
// false for one that is there already.
func (b *Builder) Edge(head, relation, tail int32) (bool, error) {
	e := Edge{head, relation, tail}
	if _, ok := b.edges[e]; ok {
		return false, nil
	}
	if len(b.g.Edges) >= maxItems {
		return false, fmt.Errorf("more than %d edges", maxItems)
	}
	r := &b.g.Relations[relation]
	for _, side := range []struct {
		what   string
		entity int32
		types  *[]int32
	}{{"head", head, &r.Domain}, {"tail", tail, &r.Range}} {
		x := b.g.Entities[side.entity]
		if slices.Contains(*side.types, x.Type) {
			continue
		}
		if !b.implied[relation] {
			return false, fmt.Errorf("the %s %q is a %s, which the relation %q does not take", side.what, x.Name, b.g.Types[x.Type], r.Name)
		}
		*side.types = append(*side.types, x.Type)
	}
	b.edges[e] = struct{}{}
	b.g.Edges = append(b.g.Edges, e)
	return true, nil
}

// ErrEmpty is returned by Build when there are no edges.
var ErrEmpty = errors.New("the graph has no edges")

// Build returns the graph: sorted, without the entities, types and relations that no
// edge uses. The builder must not be used again.
func (b *Builder) Build() (*Graph, error) {
	g := &b.g
	if len(g.Edges) == 0 {
		return nil, ErrEmpty
	}
	used := make([]bool, len(g.Entities))
	usedRelation := make([]bool, len(g.Relations))
	usedType := make([]bool, len(g.Types))
	for _, e := range g.Edges {
		used[e.Head], used[e.Tail], usedRelation[e.Relation] = true, true, true
	}
	for i, e := range g.Entities {
		if used[i] {
			usedType[e.Type] = true
		}
	}
	for i, r := range g.Relations {
		if usedRelation[i] {
			for _, t := range slices.Concat(r.Domain, r.Range) {
				usedType[t] = true
			}
		}
	}

	var types, relations, entities []int32
	types, g.Types = order(g.Types, usedType, strings.Compare)
	for i := range g.Entities {
		g.Entities[i].Type = types[g.Entities[i].Type]
	}
	entities, g.Entities = order(g.Entities, used, func(x, y Entity) int {
		return cmp.Or(cmp.Compare(x.Type, y.Type), strings.Compare(x.Name, y.Name))
	})
	for i := range g.Relations {
		for _, side := range []*[]int32{&g.Relations[i].Domain, &g.Relations[i].Range} {
			for j, t := range *side {
				(*side)[j] = types[t]
			}
			slices.Sort(*side)
		}
	}
	relations, g.Relations = order(g.Relations, usedRelation, func(x, y Relation) int { return strings.Compare(x.Name, y.Name) })
	for i, e := range g.Edges {
		g.Edges[i] = Edge{entities[e.Head], relations[e.Relation], entities[e.Tail]}
	}
	slices.SortFunc(g.Edges, func(x, y Edge) int {
		return cmp.Or(cmp.Compare(x.Relation, y.Relation), cmp.Compare(x.Head, y.Head), cmp.Compare(x.Tail, y.Tail))
	})

	g.first = make([]int32, len(g.Relations)+1)
	for _, e := range g.Edges {
		g.first[e.Relation+1]++
	}
	for r := range g.Relations {
		g.first[r+1] += g.first[r]
	}
	g.out = NewAdjacency(len(g.Entities), len(g.Edges), func(e int) int32 { return g.Edges[e].Head })
	g.in = NewAdjacency(len(g.Entities), len(g.Edges), func(e int) int32 { return g.Edges[e].Tail })
	return g, nil
}

// order sorts the used items of x and returns the new number of each old one.
// A number that was not used is one that no index accepts.
func order[T any](x []T, used []bool, compare func(a, b T) int) (number []int32, sorted []T) {
	var old []int32
	for i := range x {
		if used[i] {
			old = append(old, int32(i))
		}
	}
	slices.SortFunc(old, func(i, j int32) int { return compare(x[i], x[j]) })
	number = make([]int32, len(x))
	for i := range number {
		number[i] = math.MinInt32
	}
	for i, o := range old {
		number[o] = int32(i)
		sorted = append(sorted, x[o])
	}
	return number, sorted
}
