package bench

import (
	"encoding/json"
	"strings"
	"testing"

	"transcend/cmd/internal/compute/computetest"
)

func runBench(t *testing.T, args ...string) (string, error) {
	t.Helper()
	computetest.Keep(t)
	var out, log strings.Builder
	err := Run(t.Context(), strings.NewReader(""), &out, &log, args)
	return out.String(), err
}

// TestBench: the figures are there, for each shape and both optimizers, and
// agree with each other.
func TestBench(t *testing.T) {
	out, err := runBench(t, "--json", "--threads", "2", "--seconds", "0.01", "--precision", "f32",
		"--shape", "1,2,16,8,20,2", "--shape", "2,2,16,8,20,3", "--optimizer", "muon", "--decode", "2,2,16,8,20,3")
	if err != nil {
		t.Fatal(err)
	}
	var keys map[string]any
	if err := json.Unmarshal([]byte(out), &keys); err != nil {
		t.Fatal(err)
	}
	for _, k := range []string{"fma_f32_gflops", "dot_bf16_gflops", "sgemm_f32_gflops", "sgemm_bf16_gflops", "train_tok_per_s", "decode_tok_per_s", "decode_one_game_tok_per_s"} {
		if _, ok := keys[k].(float64); !ok {
			t.Errorf("%s is missing in %s", k, out)
		}
	}
	var r measured
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatal(err)
	}
	if r.SgemmF32 <= 0 || len(r.Train) != 2 || r.TrainTokPerS != r.Train[0].TokPerS {
		t.Fatalf("%+v", r)
	}
	for _, x := range r.Train {
		if x.TokPerS <= 0 || x.BestTokPerS < x.TokPerS || x.GFLOPS <= 0 || x.Optimizer != "muon" || x.Precision != "f32" {
			t.Errorf("%+v", x)
		}
	}
	for i, x := range r.Decode {
		if x.TokPerS <= 0 || x.OneTokPS <= 0 || x.Games != 3 || x.Weights != []string{"f32", "bf16", "int8"}[i] || x.TokPerS > r.DecodeTokPerS {
			t.Errorf("%+v", x)
		}
	}
	if len(r.Decode) != 3 {
		t.Errorf("%d figures of decoding", len(r.Decode))
	}
	var table strings.Builder
	if err := r.writeText(&table); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Sgemm 1024 f32", "training 2,2,16,8,20,3 f32", "tok/s", "decoding 2,2,16,8,20,3 int8", "% of f32 FMA"} {
		if want == "% of f32 FMA" && r.FMAF32 == 0 {
			continue
		}
		if !strings.Contains(table.String(), want) {
			t.Errorf("%q is not in\n%s", want, table.String())
		}
	}
}

func TestBenchUsage(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"--shape 1,2,3", "3 numbers"},
		{"--shape 1,2,16,8,x,2", `"x" is not a number`},
		{"--shape 1,3,16,8,20,2", "not a multiple of heads"},
		{"--shape 1,2,16,8,20,0", "batch of 0 rows"},
		{"--shape 1,2,16,1000000,20,1000000", "16 million"},
		{"--seconds 0", "must be positive"},
		{"--seconds NaN", "must be positive"},
		{"--threads -1", "between 1 and 4096"},
		{"--optimizer sgd", "sgd"},
		{"--precision f16", "f16"},
		{"more", `unexpected argument "more"`},
	} {
		if _, err := runBench(t, strings.Fields(c.args)...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", c.args, err, c.want)
		}
	}
	if out, _ := runBench(t, "--help"); !strings.Contains(out, "chesstrain bench --threads 1 --json") {
		t.Errorf("--help: %s", out)
	}
}
