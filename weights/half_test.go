package weights

import (
	"math"
	"testing"
)

// Every 16-bit float comes back from its value, and what lies between two goes to the
// nearer.
func TestToHalf(t *testing.T) {
	for h := range 1 << 16 {
		x := fromHalf(uint16(h))
		if x != x {
			if got := toHalf(x); got&0x7c00 != 0x7c00 || got&0x3ff == 0 {
				t.Errorf("%#x: NaN becomes %#x", h, got)
			}
			continue
		}
		if got := toHalf(x); got != uint16(h) {
			t.Errorf("%#x is %g, which becomes %#x", h, x, got)
		}
		if h&0x7fff >= 0x7bff {
			continue
		}
		next := fromHalf(uint16(h + 1))
		middle := (x + next) / 2
		want := uint16(h + h&1)
		if got := toHalf(middle); got != want {
			t.Errorf("half-way from %#x: %#x, want %#x", h, got, want)
		}
	}
	if toHalf(65520) != 0x7c00 || toHalf(float32(math.Inf(-1))) != 0xfc00 {
		t.Error("too large is not infinite")
	}
}
