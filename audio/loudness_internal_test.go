package audio

import (
	"math"
	"testing"
)

// The recommendation's own coefficients, table 1 and 2.
func TestKWeightingIsTheTable(t *testing.T) {
	shelf, pass := kWeighting(48000)
	for _, c := range []struct{ got, want float64 }{
		{shelf.b0, 1.53512485958697}, {shelf.b1, -2.69169618940638}, {shelf.b2, 1.19839281085285},
		{shelf.a1, -1.69065929318241}, {shelf.a2, 0.73248077421585},
		{pass.b0, 1}, {pass.b1, -2}, {pass.b2, 1}, {pass.a1, -1.99004745483398}, {pass.a2, 0.99007225036621},
	} {
		if math.Abs(c.got-c.want) > 1e-9 {
			t.Errorf("%.12f, want %.12f", c.got, c.want)
		}
	}
}
