package arena

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"testing"

	"transcend/elo/leaderboard"
)

// TestCausesAreStored: package match and the store, neither of which knows the other, have the same causes of losses.
func TestCausesAreStored(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../match/game.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var played []leaderboard.LossCause
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if of, ok := spec.Type.(*ast.Ident); ok && of.Name == "Cause" {
			cause, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			if c := leaderboard.LossCause(cause); c != leaderboard.NotLost {
				played = append(played, c)
			}
		}
		return true
	})
	stored := leaderboard.LossCauses()
	slices.Sort(played)
	slices.Sort(stored)
	if !slices.Equal(played, stored) {
		t.Errorf("games end by %v, and are stored as %v", played, stored)
	}
}
