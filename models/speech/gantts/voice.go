package gantts

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"

	"github.com/seed073b5613/filigree/models/speech"
	"github.com/seed073b5613/filigree/tensor"
	"github.com/seed073b5613/filigree/text"
)

// StatsKey is the metadata key of a voice's averages, [speech.Stats] as JSON.
const StatsKey = "stats"

// Voice speaks with a generator, and with the lengths and the pitch that another voice gives
// phonemes, as in the paper (section 4.2). It may be used by one goroutine at a time.
type Voice struct {
	Generator *Generator
	Stats     speech.Stats // of the recordings the generator was trained on
	Timing    *speech.Voice
}

// OpenVoice reads a generator that was trained on [speech.Conditions], to speak with the timing of
// another voice.
func OpenVoice(path string, timing *speech.Voice) (*Voice, error) {
	g, metadata, err := Open(path)
	if err != nil {
		return nil, err
	}
	v := &Voice{Generator: g, Timing: timing}
	if err := json.Unmarshal([]byte(metadata[StatsKey]), &v.Stats); err != nil || !(v.Stats.PitchSpread > 0) {
		return nil, fmt.Errorf("gantts: open %s: it does not say what pitch its recordings have", path)
	}
	if g.Spec.Features != speech.ConditionRows || g.Spec.Hop() != speech.Hop {
		return nil, fmt.Errorf("gantts: open %s: it has %d features and %d samples a frame, what is spoken has %d and %d", path, g.Spec.Features, g.Spec.Hop(), speech.ConditionRows, speech.Hop)
	}
	return v, nil
}

// decodeFrames is how many frames are decoded at a time.
const decodeFrames = 400

// Utter speaks tokens. The latent vector is o.Rand's first values, 0 where it is nil.
func (v *Voice) Utter(tokens []speech.Token, o speech.Options) speech.Utterance {
	u := v.Timing.Plan(tokens, o)
	lengths := make([]int, len(u.Tokens))
	for i, k := range u.Tokens {
		lengths[i] = k.Frames
	}
	x := speech.Conditions(tokens, lengths, v.Stats.Pitch(u.Pitch))
	z := make([]float32, v.Generator.Spec.Latent)
	if o.Rand != nil {
		copy(z, Latents(len(z), 1, o.Rand).Data)
	}
	for chunk := range v.Generator.Decode(tensor.Of(x, speech.ConditionRows, 1, len(u.Pitch)), z, decodeFrames) {
		u.Samples = append(u.Samples, chunk...)
	}
	return u
}

// Speak yields the speech of a text as [speech.Voice.Speak] does.
func (v *Voice) Speak(ctx context.Context, r io.Reader, o speech.Options) iter.Seq2[speech.Utterance, error] {
	return speech.Utterances(ctx, o.Text.Sentences(r), func(s text.Sentence) speech.Utterance { return v.Utter(speech.Tokens(s, nil), o) })
}
