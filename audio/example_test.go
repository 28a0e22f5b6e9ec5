package audio_test

import (
	"bytes"
	"fmt"
	"log"

	"github.com/seed073b5613/filigree/audio"
)

// A tone is written, read back and halved in rate.
func Example() {
	s := &audio.Sound{Rate: 48000, Channels: [][]float32{tone(440, 48000, 48000, 0.5)}}
	var file bytes.Buffer
	if err := audio.EncodeWAV(&file, s); err != nil {
		log.Fatal(err)
	}
	back, err := audio.Decode(&file)
	if err != nil {
		log.Fatal(err)
	}
	x := back.At(24000)
	fmt.Printf("%.1f s, %d samples at 24 kHz, peak %.2f, pitch %.0f Hz\n",
		back.Seconds(), len(x), audio.Peak(x), audio.Pitch(x, 24000, 240)[50])
	// Output: 1.0 s, 24000 samples at 24 kHz, peak 0.50, pitch 440 Hz
}
