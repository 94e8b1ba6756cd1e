package joint

// Who can be compared with whom.

import (
	"cmp"
	"math"
	"slices"

	"transcend/elo"
)

// connected are the groups of players with games that chains of games and
// anchors connect, the largest first.
func connected(players []Player, games []Game) [][]int {
	parent := make([]int, len(players))
	for i := range parent {
		parent[i] = i
	}
	find := func(i int) int {
		for parent[i] != i {
			parent[i] = parent[parent[i]]
			i = parent[i]
		}
		return i
	}
	played := make([]bool, len(players))
	for _, g := range games {
		played[g.White], played[g.Black] = true, true
		parent[find(g.White)] = find(g.Black)
	}
	anchor := -1
	for i, p := range players {
		if p.Anchor != nil && played[i] {
			if anchor >= 0 {
				parent[find(i)] = find(anchor)
			}
			anchor = i
		}
	}
	groups := map[int][]int{}
	for i := range players {
		if played[i] {
			groups[find(i)] = append(groups[find(i)], i)
		}
	}
	var all [][]int
	for _, g := range groups {
		all = append(all, g)
	}
	slices.SortFunc(all, func(a, b []int) int { return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a[0], b[0])) })
	return all
}

// ties say of the members of a pool who took points from whom, and what follows from it.
type ties struct {
	took, gave [][]int // whom each took points from, and gave them to
	inCore     []bool
	sides      []Side
	// level is above another's for whoever took points from it, directly or not, and did not give
	// it any; the core's is 0.
	level []int
}

// strength finds the core of a pool: the strongly connected component, under "took
// points from", of the anchors or, without anchors, that with most games.
func strength(anchored []bool, edges []edge) ties {
	n := len(anchored)
	took, gave := make([][]int, n), make([][]int, n)
	link := func(from, to int) {
		took[from] = append(took[from], to)
		gave[to] = append(gave[to], from)
	}
	for _, e := range edges {
		if e.win+e.draw > 0 {
			link(e.white, e.black)
		}
		if e.loss+e.draw > 0 {
			link(e.black, e.white)
		}
	}
	first, last := -1, -1
	for i, is := range anchored {
		if is {
			if first < 0 {
				first = i
			} else {
				link(last, i)
			}
			last = i
		}
	}
	if first >= 0 && first != last {
		link(last, first)
	}
	component := components(took)
	best := 0
	if first >= 0 {
		best = component[first]
	} else {
		count := make([]float64, n)
		for _, e := range edges {
			if c := component[e.white]; c == component[e.black] {
				count[c] += e.win + e.draw + e.loss
			}
		}
		for c := range count {
			if count[c] > count[best] {
				best = c
			}
		}
	}
	inCore, sides, level := make([]bool, n), make([]Side, n), make([]int, n)
	var core []int
	for i := range n {
		level[i] = component[i] - best
		if inCore[i] = component[i] == best; inCore[i] {
			core = append(core, i)
		}
	}
	above, below := reach(core, gave), reach(core, took)
	for i := range n {
		switch {
		case inCore[i]:
			sides[i] = elo.TwoSided
		case above[i]:
			sides[i] = elo.Above
		case below[i]:
			sides[i] = elo.Below
		default:
			sides[i] = Unknown
		}
	}
	return ties{took, gave, inCore, sides, level}
}

// heights moves bounds, by member, to where a table has them: whoever is above the core not below
// those that it took points from, whoever is below it not above those that it gave points to. The
// members of one level took points from each other in both directions, and are moved together.
func (t ties) heights(bounds []float64) []float64 {
	at, settled := slices.Clone(bounds), slices.Clone(t.inCore)
	for _, outside := range []struct {
		side Side
		met  [][]int
		sign int
	}{{elo.Above, t.took, 1}, {elo.Below, t.gave, -1}} {
		away := func(i int) int { return outside.sign * t.level[i] } // from the core
		var members []int
		for i, side := range t.sides {
			if side == outside.side {
				members = append(members, i)
			}
		}
		slices.SortFunc(members, func(i, j int) int { return cmp.Compare(away(i), away(j)) })
		for len(members) > 0 {
			n := 1
			for n < len(members) && away(members[n]) == away(members[0]) {
				n++
			}
			level := members[:n]
			members = members[n:]
			limit := math.Inf(-1)
			for _, i := range level {
				for _, j := range outside.met[i] {
					if settled[j] {
						limit = max(limit, float64(outside.sign)*at[j])
					}
				}
			}
			for _, i := range level {
				at[i] = float64(outside.sign) * max(float64(outside.sign)*at[i], limit)
				settled[i] = true
			}
		}
	}
	return at
}

// reach marks what can be reached from the given nodes.
func reach(from []int, edges [][]int) []bool {
	seen := make([]bool, len(edges))
	stack := slices.Clone(from)
	for _, i := range from {
		seen[i] = true
	}
	for len(stack) > 0 {
		i := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		for _, j := range edges[i] {
			if !seen[j] {
				seen[j] = true
				stack = append(stack, j)
			}
		}
	}
	return seen
}

// components numbers the strongly connected components (R. Tarjan, 1972), with a
// stack of its own: a chain of a hundred thousand players must not recurse.
func components(edges [][]int) []int {
	n := len(edges)
	number, low, component := make([]int, n), make([]int, n), make([]int, n)
	onStack := make([]bool, n)
	next := make([]int, n) // the edge to follow next
	var stack, path []int
	counter, count := 0, 0
	for start := range n {
		if number[start] != 0 {
			continue
		}
		path = append(path, start)
		for len(path) > 0 {
			v := path[len(path)-1]
			if number[v] == 0 {
				counter++
				number[v], low[v] = counter, counter
				stack = append(stack, v)
				onStack[v] = true
			}
			if next[v] < len(edges[v]) {
				w := edges[v][next[v]]
				next[v]++
				if number[w] == 0 {
					path = append(path, w)
				} else if onStack[w] {
					low[v] = min(low[v], number[w])
				}
				continue
			}
			path = path[:len(path)-1]
			if len(path) > 0 {
				u := path[len(path)-1]
				low[u] = min(low[u], low[v])
			}
			if low[v] == number[v] {
				for {
					w := stack[len(stack)-1]
					stack = stack[:len(stack)-1]
					onStack[w] = false
					component[w] = count
					if w == v {
						break
					}
				}
				count++
			}
		}
	}
	return component
}
