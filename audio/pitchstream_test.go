package audio

import (
	"math"
	"testing"
)

// A stream tells as many frames as begin a hop, and nearly all as the whole sound is told, wherever it is cut.
func TestPitchStream(t *testing.T) {
	for _, n := range []int{0, 1, 160, 1000, 200001} {
		x, phase := make([]float32, n), 0.0
		for i := range x {
			phase += 2 * math.Pi * (180 + 60*math.Sin(3*float64(i)/16000)) / 16000
			for k := 1.0; k < 9 && i/8000%3 < 2; k++ {
				x[i] += float32(0.1 * math.Sin(k*phase) / k)
			}
		}
		whole := Pitch(x, 16000, 160)
		for _, piece := range []int{1 << 20, 4099} {
			s := NewPitchStream(16000, 160)
			var got []float32
			use := func(hz float32) { got = append(got, hz) }
			for i := 0; i < n; i += piece {
				s.Push(x[i:min(i+piece, n)], use)
				if len(s.pending) > (pitchSpan+2*pitchMargin)*160+piece {
					t.Fatalf("%d samples are kept", len(s.pending))
				}
			}
			s.Flush(use)
			if len(got) != (n+159)/160 {
				t.Fatalf("%d samples by %d: %d frames", n, piece, len(got))
			}
			differ := 0
			for i, hz := range got {
				if math.Abs(float64(hz-whole[i])) > 0.5 {
					differ++
				}
			}
			if differ > len(got)/100 {
				t.Errorf("%d samples by %d: %d of %d frames differ", n, piece, differ, len(got))
			}
		}
	}
}
