package eats

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"maps"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/models/speech"
	"github.com/seed073b5613/filigree/models/speech/gantts"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/tensor"
	"github.com/seed073b5613/filigree/text"
	"github.com/seed073b5613/filigree/weights"
)

// Arch is the architecture that files of voices name.
const Arch = "eats"

// Metadata keys of a file.
const (
	archKey   = "architecture"
	configKey = "config"
)

// Config is what a voice's file says about it beside its weights.
type Config struct {
	Name    string       `json:"name,omitempty"`
	Symbols []string     `json:"symbols"`
	Spec    Spec         `json:"spec"`
	Stats   speech.Stats `json:"stats"` // of pitch
}

// Voice speaks. It may be used by one goroutine at a time.
type Voice struct {
	Config Config `json:"-"`

	Generator *Generator

	tape *grad.Tape
}

// NewVoice returns an untrained voice with first weights from rng, zeros where it is nil.
func NewVoice(c Config, rng *rand.Rand) (*Voice, error) {
	c.Symbols = speech.Symbols()
	c.Spec.Symbols = len(c.Symbols)
	g, err := NewGenerator(c.Spec, rng)
	if err != nil {
		return nil, err
	}
	return &Voice{Config: c, Generator: g}, nil
}

// Save writes the voice to a file, its weights as 16-bit floats, with further metadata.
func (v *Voice) Save(path string, metadata map[string]string) error {
	config, err := json.Marshal(v.Config)
	if err != nil {
		return fmt.Errorf("eats: save %s: %w", path, err)
	}
	all := map[string]string{}
	maps.Copy(all, metadata)
	all[archKey], all[configKey] = Arch, string(config)
	return weights.SaveHalf(path, v, all)
}

// Open reads a voice from a file.
func Open(path string) (*Voice, error) {
	f, err := weights.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return load(f, path)
}

func load(f *weights.File, name string) (*Voice, error) {
	v, err := rebuild(f)
	if err != nil {
		return nil, fmt.Errorf("eats: open %s: %w", name, err)
	}
	if err := f.Load(v); err != nil {
		return nil, err
	}
	finite := func(w float32) bool { return !math.IsNaN(float64(w)) && !math.IsInf(float64(w), 0) }
	for _, p := range nn.Params(v) {
		for _, w := range p.Values() {
			if !finite(w) {
				return nil, fmt.Errorf("eats: open %s: weight %s holds %v", name, p.Name, w)
			}
		}
	}
	for _, b := range nn.Buffers(v) {
		for _, w := range b.Data {
			if !finite(w) {
				return nil, fmt.Errorf("eats: open %s: %s holds %v", name, b.Name, w)
			}
		}
	}
	return v, nil
}

// mostWeights is what a file may ask for.
const mostWeights = 1 << 26

func rebuild(f *weights.File) (*Voice, error) {
	if a := f.Metadata[archKey]; a != Arch {
		return nil, fmt.Errorf("architecture %q is not %s", a, Arch)
	}
	var c Config
	if err := json.Unmarshal([]byte(f.Metadata[configKey]), &c); err != nil {
		return nil, fmt.Errorf("its configuration: %w", err)
	}
	if !slices.Equal(c.Symbols, speech.Symbols()) {
		return nil, fmt.Errorf("it has other symbols than voices here: %d of them", len(c.Symbols))
	}
	if !(c.Stats.PitchSpread > 0) {
		return nil, fmt.Errorf("its averages are incomplete")
	}
	if n := c.Spec.size(); n > mostWeights {
		return nil, fmt.Errorf("%g weights are more than %d", n, mostWeights)
	}
	return NewVoice(c, nil)
}

// size returns about how many weights a generator has.
func (s Spec) size() float64 {
	C := float64(s.Channels)
	n := 6 * float64(s.Blocks) * C * (3*C + 2*float64(s.condition()))
	if d := s.Frames; d != nil {
		n += 2*float64(d.Layers)*float64(d.Channels)*float64(d.Hidden) + 1000*float64(d.Channels)
	}
	if d := s.Samples; d != nil && d.Check() == nil {
		w, _ := d.Cost(1)
		n += float64(w)
	}
	return n
}

// longest is the most a token may last before its speed, in seconds.
const longest = 2

// Say speaks a sentence. The result is empty for one without words. The samples are valid until
// the next call. Of a voice of several speakers, the first one speaks. The latent vector is o.Rand's first values.
func (v *Voice) Say(s text.Sentence, o speech.Options) speech.Utterance {
	return v.Utter(speech.Tokens(s, nil), o)
}

// Utter speaks tokens.
func (v *Voice) Utter(tokens []speech.Token, o speech.Options) speech.Utterance {
	if len(tokens) == 0 {
		return speech.Utterance{}
	}
	if v.tape == nil {
		v.tape = &grad.Tape{NoGrad: true}
	}
	rng := o.Rand
	if rng == nil {
		rng = rand.New(rand.NewPCG(1, 0))
	}
	t, g := v.tape, v.Generator
	t.Reset()
	c := g.Condition(t, gantts.Latents(g.Spec.Latent, 1, rng), tensor.New(1, 1))
	ids, _ := speech.Inputs(tokens)
	h, lengths := g.Aligner.Forward(t, tensor.Of(ids, 1, len(ids)), c, nil)
	u := speech.Utterance{Tokens: v.lengths(tokens, lengths.Value.Data, o.Speed)}
	last := u.Tokens[len(u.Tokens)-1]
	S := last.Start + last.Frames
	a := g.Aligner.Align(t, h, lengths, nil, S)
	var pitch *tensor.Tensor
	var e speech.Excitation
	if g.Frames != nil {
		u.Pitch = v.Config.Stats.Hear(g.Frames.PitchOf(t, a).Value.Data)
		pitch, e = tensor.Of(v.Config.Stats.Pitch(u.Pitch), 2, 1, S), speech.Excite(u.Pitch, 1, S, rng)
	}
	u.Samples = g.Decode(t, a, c, pitch, e).Wave.Value.Data
	return u
}

// lengths bounds the lengths of tokens, makes them those at a speed, in place, and returns the tokens with
// whole frames that follow the exact ones.
func (v *Voice) lengths(tokens []speech.Token, l []float32, speed float64) []speech.Timed {
	if speed == 0 {
		speed = 1
	}
	out := make([]speech.Timed, len(tokens))
	exact, at := 0.0, 0
	for i, k := range tokens {
		frames := k.Length(min(float64(l[i]), longest*v.Config.Spec.FrameRate), speed, v.Config.Spec.FrameRate)
		if math.IsNaN(frames) { // weights near the ends of float32
			frames = 1
		}
		l[i] = float32(frames)
		exact += frames
		end := int(math.Round(exact))
		if i == len(tokens)-1 {
			end = max(int(math.Ceil(exact)), 1)
		}
		out[i] = speech.Timed{Token: k, Start: at, Frames: end - at}
		at = end
	}
	return out
}

// Speak yields the speech of a text as [speech.Voice.Speak] does.
func (v *Voice) Speak(ctx context.Context, r io.Reader, o speech.Options) iter.Seq2[speech.Utterance, error] {
	return speech.Utterances(ctx, o.Text.Sentences(r), func(s text.Sentence) speech.Utterance { return v.Say(s, o) })
}
