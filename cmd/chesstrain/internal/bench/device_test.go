package bench

import (
	"encoding/json"
	"strings"
	"testing"

	"transcend/cmd/internal/compute/computetest"
	"transcend/model/xla"
)

// TestDevice: the comparison and the measurements, on the backend in Go.
func TestDevice(t *testing.T) {
	if !xla.Built {
		t.Skip("needs -tags xla")
	}
	computetest.Keep(t)
	var out, log strings.Builder
	err := Device(t.Context(), strings.NewReader(""), &out, &log, []string{"--device", xla.Go, "--seconds", "0.01", "--matrix", "32", "--shape", "1,1,16,16,32,2", "--decode", "1,1,16,16,32,3", "--json", "-q"})
	var r deviceResult
	if err == nil {
		err = json.Unmarshal([]byte(out.String()), &r)
	}
	if err != nil || log.Len() > 0 {
		t.Fatalf("%v\n%s%s", err, out.String(), log.String())
	}
	if len(r.Parity) != 12 || len(r.Decode) != 1 || r.Decode[0].GamesPerS <= 0 || r.Decode[0].Ratio <= 0 || r.Peak <= 0 || len(r.Train) != 1 || r.Train[0].TokPerS <= 0 || r.Train[0].Share <= 0 {
		t.Errorf("%+v", r)
	}
	for _, p := range r.Parity {
		if !p.Within || p.Worst <= 0 || p.Tensor == "" {
			t.Errorf("%+v", p)
		}
	}
}
