package voice

import (
	"fmt"
	"image/png"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/seed073b5613/filigree/audio"
	"github.com/seed073b5613/filigree/models/speech"
	"github.com/seed073b5613/filigree/text"
	"github.com/seed073b5613/filigree/train"
)

// sentence is spoken after every evaluation, so that one can hear a voice improve.
const sentence = "The birch canoe slid on the smooth planks, and nobody asked where it was going."

// listen writes what the voice sounds like after a step of a stage, and a picture of it.
// Before there is a decoder, Griffin-Lim stands in for it; a decoder without an acoustic
// model gets the spectra of a recording.
func (r *run) listen(stage string, step int) error {
	dir := filepath.Join(r.out.Dir, "samples")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("voice: %w", err)
	}
	front := audio.VoiceMel()
	wave := r.sample(stage, front)
	name := filepath.Join(dir, fmt.Sprintf("%s-%06d", stage, step))
	err := train.WriteFile(name+".wav", func(w io.Writer) error {
		return audio.EncodeWAV(w, &audio.Sound{Rate: speech.SampleRate, Channels: [][]float32{wave}})
	})
	if err != nil {
		return err
	}
	return train.WriteFile(name+".png", func(w io.Writer) error { return png.Encode(w, front.Picture(front.Of(wave))) })
}

// sample returns the sound of a stage.
func (r *run) sample(stage string, front *audio.Mel) []float32 {
	if stage == "decoder" && !r.speaks {
		c := append(slices.Clone(r.corpus.Held), r.corpus.Train...)[0]
		return r.voice.Decode(c.Mel, c.HZ, rand.New(rand.NewPCG(1, 0)))
	}
	var wave []float32
	for s, err := range text.Sentences(strings.NewReader(sentence)) {
		if err != nil {
			break // strings can be read
		}
		u := r.voice.Say(s, speech.Options{})
		if stage == "acoustic" {
			u.Samples = front.Waveform(u.Mel, len(u.Samples), 32, rand.New(rand.NewPCG(1, 0)))
		}
		wave = append(wave, u.Samples...)
	}
	return wave
}
