package players

import (
	"context"
	"strings"
	"testing"
)

func TestBuiltinPlayers(t *testing.T) {
	ctx := context.Background()
	for word, name := range map[string]string{
		"random": "random", "league:random": "league:random", "league:ply1:rho=0.3": "league:ply1:rho=0.3",
		"ideal:pool=noise": "ideal:noise T=0.001", "ideal:pool=specialists,temp=1,chars=true,posterior=true": "ideal:specialists posterior chars T=1",
	} {
		if !IsBuiltin(word) {
			t.Errorf("%s is taken for a program", word)
		}
		factory, err := factoryOf(word)
		if err != nil {
			t.Errorf("%s: %v", word, err)
			continue
		}
		p, err := factory(ctx)
		if err != nil || p.Name() != name {
			t.Errorf("%s is %v, %v; want %s", word, p, err, name)
			continue
		}
		p.Close()
	}
	if IsBuiltin("stockfish") || IsBuiltin("randomizer") {
		t.Error("programs are taken for players of our own")
	}
	for _, word := range []string{"league", "league:", "league:search", "league:9000", "league:pawn"} {
		if _, err := factoryOf(word); err == nil || !strings.Contains(err.Error(), "league") {
			t.Errorf("%s: error %v", word, err)
		}
	}
	for _, word := range []string{"ideal:", "ideal:pool=nowhere", "ideal:pool=noise,temp=-1"} {
		if _, err := factoryOf(word); err == nil || !strings.Contains(err.Error(), "ideal") {
			t.Errorf("%s: error %v", word, err)
		}
	}
	factory, err := IdealModel("ideal:pool=noise")
	if err != nil {
		t.Fatal(err)
	}
	if p, err := factory(0.5)(ctx); err != nil || p.Name() != "ideal:noise T=0.5" {
		t.Errorf("an ideal learner as a model: %v, %v", p, err)
	}
	if _, err := IdealModel("ideal:pool=noise,temp=1"); err == nil || !strings.Contains(err.Error(), "--temp") {
		t.Errorf("two temperatures: %v", err)
	}
	if factory, err := IdealModel("runs/a"); factory != nil || err != nil {
		t.Errorf("a run is an ideal learner: %v", err)
	}
	players, err := parsePlayers(ctx, "league-pool=specialists")
	if err != nil || len(players) != 3 {
		t.Errorf("a pool of three: %v, %v", players, err)
	}
	if _, err := parsePlayers(ctx, "league-pool=nowhere"); err == nil {
		t.Error("a pool that is not there has players")
	}
}
