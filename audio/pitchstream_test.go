package audio

import (
	"math"
	"testing"
)

// A hum long after speech, 50 dB below it, is not voiced in a stream either.
func TestPitchStreamOfAPause(t *testing.T) {
	x := make([]float32, 30*16000)
	for i := range x {
		for k := 1.0; k < 9; k++ {
			x[i] += float32(0.1 * math.Sin(k*float64(i)*2*math.Pi*150/16000) / k)
		}
		if i > 8*16000 {
			x[i] *= 0.003
		}
	}
	voiced := 0
	use := func(hz float32) {
		if hz > 0 {
			voiced++
		}
	}
	s := NewPitchStream(16000, 160)
	s.Push(x, use)
	if s.Flush(use); voiced < 780 || voiced > 820 {
		t.Errorf("%d frames are voiced, of 800", voiced)
	}
}

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
