package audio_test

import (
	"path/filepath"
	"testing"

	"github.com/seed073b5613/filigree/audio"
	"github.com/seed073b5613/filigree/internal/testkit"
)

// A click after the speech is not speech; alone it is all there is.
func TestTrimIgnoresClicks(t *testing.T) {
	x := make([]float32, 32000)
	copy(x[4000:8000], tone(200, 16000, 4000, 0.5))
	for i := range 40 {
		x[20050+i] = 0.5
	}
	if n := len(audio.Trim(x, 16000, 33, 0.05)); n < 4000 || n > 4000+1600+320 {
		t.Errorf("trimmed to %d samples, want about 5600", n)
	}
	clear(x[:10000])
	if n := len(audio.Trim(x, 16000, 33, 0.05)); n < 1600 || n > 1600+320 {
		t.Errorf("a click trimmed to %d samples, want about 1760", n)
	}
	for _, n := range []int{0, 1, 100} {
		if got := audio.Trim(make([]float32, n), 16000, 33, 0.05); len(got) != 0 {
			t.Errorf("%d silent samples trimmed to %d", n, len(got))
		}
	}
	if got := audio.Trim([]float32{1}, 16000, 33, 0.05); len(got) != 1 {
		t.Errorf("one sample trimmed to %d", len(got))
	}
}

// The room's noise after b0515 goes, the speech of other sentences stays.
func TestTrimOfRecordings(t *testing.T) {
	dir := testkit.Shared(t, "data/cathy-arctic")
	for id, want := range map[string][2]float64{"b0515": {0.9, 1.2}, "b0531": {1, 1.3}, "b0536": {0.9, 1.2}, "a0001": {0, 0.1}, "a0100": {0, 0.1}, "b0100": {0, 0.2}} {
		s, err := audio.Open(filepath.Join(dir, "wavs", "arctic_"+id+".flac"))
		if err != nil {
			t.Fatal(err)
		}
		x := s.At(16000)
		audio.RemoveDC(x)
		cut := float64(len(x)-len(audio.Trim(x, 16000, 33, 0.075))) / 16000
		if cut < want[0] || cut > want[1] {
			t.Errorf("%s: %.2f s trimmed, want from %g to %g", id, cut, want[0], want[1])
		}
	}
}
