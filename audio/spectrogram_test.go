package audio_test

import (
	"image"
	"math"
	"testing"

	"github.com/seed073b5613/filigree/audio"
)

// lightness is that of the eye, 0 to 1: the cube root of luminance.
func lightness(img *image.RGBA, x, y int) float64 {
	c := img.RGBAAt(x, y)
	linear := func(v uint8) float64 { return math.Pow(float64(v)/255, 2.2) }
	return math.Cbrt(0.2126*linear(c.R) + 0.7152*linear(c.G) + 0.0722*linear(c.B))
}

// A tone is a bright line at its frequency; where it stops the picture is dark.
func TestSpectrogramOfATone(t *testing.T) {
	x := append(tone(2000, 16000, 16000, 0.5), make([]float32, 16000)...)
	img := audio.Spectrogram(x, 16000)
	const left, top, height = 44, 8, 320
	width := img.Bounds().Dx() - left - 12
	if width != 401 {
		t.Errorf("two seconds are %d pixels, want 401", width)
	}
	brightest, row := 0.0, 0
	for y := range height {
		if l := lightness(img, left+width/4, top+y); l > brightest {
			brightest, row = l, y
		}
	}
	if want := height * 3 / 4; row < want-3 || row > want+3 || brightest < 0.85 {
		t.Errorf("brightest, %.2f, in row %d, want row %d of %d", brightest, row, want, height)
	}
	if l := lightness(img, left+width*3/4, top+row); l > 0.2 {
		t.Errorf("silence has lightness %.2f", l)
	}
}

func TestPicturesOfAnyLength(t *testing.T) {
	m := audio.VoiceMel()
	for _, n := range []int{0, 1, 300, 16000, 16000 * 60} {
		x := noise(n, 1)
		if b := audio.Spectrogram(x, 16000).Bounds(); b.Dx() > 1700 || b.Dx() < 160 {
			t.Errorf("%d samples: picture of %v", n, b)
		}
		if b := m.Picture(m.Of(x)).Bounds(); b.Dx() > 1700 || b.Dx() < 160 {
			t.Errorf("%d samples: mel picture of %v", n, b)
		}
	}
	if b := audio.Spectrogram(noise(48000, 2), 48000).Bounds(); b.Dy() != 350 {
		t.Errorf("picture of %v", b)
	}
}
