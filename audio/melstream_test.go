package audio

import (
	"math"
	"math/rand/v2"
	"testing"
)

// Frames of a stream are those of the whole, wherever it is cut, and one for each hop begun.
func TestMelStream(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	m := VoiceMel()
	for _, n := range []int{1, 159, 160, 161, 1000, 5000, 16001} {
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(0.1 * rng.NormFloat64())
		}
		whole := m.Of(x)
		T := len(whole) / m.Bands
		for _, piece := range []int{1 << 20, 700, 33} {
			s, at := m.Stream(), 0
			use := func(frame []float32) {
				for b, v := range frame {
					if at < T && math.Abs(float64(v-whole[b*T+at])) > 1e-4 {
						t.Fatalf("%d samples by %d: frame %d of %d is %v in band %d, not %v", n, piece, at, T, v, b, whole[b*T+at])
					}
				}
				at++
			}
			for i := 0; i < n; i += piece {
				s.Push(x[i:min(i+piece, n)], use)
			}
			s.Flush(use)
			if want := (n + 159) / 160; at != want {
				t.Fatalf("%d samples by %d: %d frames, not %d", n, piece, at, want)
			}
		}
	}
}
