package speech

import (
	"context"
	"strings"
	"testing"
)

// Breaks last as long as they are asked for and words are slower by their rate, at any speed.
func TestBreaksAndRates(t *testing.T) {
	v := tiny(t)
	length := func(in string, speed float64) (frames []int) {
		for u, err := range v.Speak(context.Background(), strings.NewReader(in), Options{Speed: speed}) {
			if err != nil {
				t.Fatal(err)
			}
			for _, k := range u.Tokens {
				frames = append(frames, k.Frames)
			}
			if len(u.Samples) != Hop*(u.Tokens[len(u.Tokens)-1].Start+u.Tokens[len(u.Tokens)-1].Frames) {
				t.Errorf("%d samples", len(u.Samples))
			}
		}
		return frames
	}
	for _, speed := range []float64{1, 2} {
		f := length(`<speak><break time="300ms"/>A<break time="1s"/>a.<break time="2s"/></speak>`, speed)
		if len(f) != 5 || f[0] != 30 || f[2] < 99 || f[2] > 101 || f[4] < 199 || f[4] > 201 {
			t.Errorf("frames at speed %g: %v", speed, f)
		}
	}
	plain, slow := length("Hello a.", 1), length(`<speak><prosody rate="50%">Hello</prosody> a.</speak>`, 1)
	if a, b := total(plain[1:5]), total(slow[1:5]); b < 2*a-2 || b > 2*a+2 {
		t.Errorf("%d frames at half the rate, %d at all of it", b, a)
	}
	if a, b := plain[5], slow[5]; b < a-1 || b > a+1 {
		t.Errorf("the word behind lasts %d frames, %d without", b, a)
	}
}

func total(xs []int) (n int) {
	for _, x := range xs {
		n += x
	}
	return n
}
