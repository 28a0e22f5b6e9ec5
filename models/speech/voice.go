package speech

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/tensor"
	"github.com/seed073b5613/filigree/text"
	"github.com/seed073b5613/filigree/weights"
)

// Arch is the name of a voice's architecture in its file.
const Arch = "voice"

// Config is what a voice's file says about it beside its weights.
type Config struct {
	Name     string       `json:"name,omitempty"`
	Symbols  []string     `json:"symbols"`
	Acoustic AcousticSpec `json:"acoustic"`
	Decoder  DecoderSpec  `json:"decoder"`
	Stats    Stats        `json:"stats"`
}

// Voice speaks. It may be used by one goroutine at a time.
type Voice struct {
	Config Config `json:"-"`

	Acoustic *Acoustic
	Decoder  *Decoder

	tape *grad.Tape
}

// NewVoice returns an untrained voice with first weights from rng, zeros where it is nil.
func NewVoice(c Config, rng *rand.Rand) (*Voice, error) {
	c.Symbols = Symbols()
	c.Acoustic.Symbols = len(c.Symbols)
	a, err := NewAcoustic(c.Acoustic, rng)
	if err != nil {
		return nil, err
	}
	d, err := NewDecoder(c.Decoder, rng)
	if err != nil {
		return nil, err
	}
	return &Voice{Config: c, Acoustic: a, Decoder: d}, nil
}

// Save writes the voice to a file, its weights as 16-bit floats, with further metadata.
func (v *Voice) Save(path string, metadata map[string]string) error {
	config, err := json.Marshal(v.Config)
	if err != nil {
		return fmt.Errorf("speech: save %s: %w", path, err)
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
		return nil, fmt.Errorf("speech: open %s: %w", name, err)
	}
	if err := f.Load(v); err != nil {
		return nil, err
	}
	for _, p := range nn.Params(v) {
		for _, w := range p.Values() {
			if math.IsNaN(float64(w)) || math.IsInf(float64(w), 0) {
				return nil, fmt.Errorf("speech: open %s: weight %s holds %v", name, p.Name, w)
			}
		}
	}
	return v, nil
}

func rebuild(f *weights.File) (*Voice, error) {
	if a := f.Metadata[archKey]; a != Arch {
		return nil, fmt.Errorf("architecture %q is not a voice", a)
	}
	var c Config
	if err := json.Unmarshal([]byte(f.Metadata[configKey]), &c); err != nil {
		return nil, fmt.Errorf("its configuration: %w", err)
	}
	if len(c.Symbols) != len(symbols) {
		return nil, fmt.Errorf("it has %d symbols, voices here have %d", len(c.Symbols), len(symbols))
	}
	for i, s := range c.Symbols {
		if s != symbols[i] {
			return nil, fmt.Errorf("symbol %d is %q, voices here have %q", i, s, symbols[i])
		}
	}
	if len(c.Stats.MelMean) != MelBands || !(c.Stats.MelDeviation > 0) || !(c.Stats.PitchSpread > 0) {
		return nil, errors.New("its averages are incomplete")
	}
	return NewVoice(c, nil)
}

// Options say how a sentence is spoken. The zero value is the voice's own way.
type Options struct {
	Speed float64    // factor on the speed; 0 for 1
	Rand  *rand.Rand // of the noise; nil for one that is always the same

	// Decode, where set, makes the waveform of log mel spectra [80, T] and pitch [T] in Hz, 160·T samples, in place of
	// the voice's own decoder: a vocoder.
	Decode func(logMel, hz []float32) []float32
	Text   text.Options // how the text of [Voice.Speak] is read
}

// Timed is a token with its time.
type Timed struct {
	Token
	Start, Frames int // of 10 ms
}

// Utterance is a sentence spoken.
type Utterance struct {
	Sentence text.Sentence
	Samples  []float32 // at SampleRate
	Tokens   []Timed
	Mel      []float32 // [80, T], ln
	Pitch    []float32 // [T] in Hz, 0 where unvoiced
}

// longestToken is the most frames a token may last, before its speed.
const longestToken = 200

// Say speaks a sentence. The result is empty for one without words.
func (v *Voice) Say(s text.Sentence, o Options) Utterance { return v.Utter(Tokens(s, nil), o) }

// Utter speaks tokens.
func (v *Voice) Utter(tokens []Token, o Options) Utterance {
	u, features := v.plan(tokens, o)
	if len(features) == 0 {
		return u
	}
	T := len(u.Pitch)
	pitch, C := v.Config.Stats.Pitch(u.Pitch), len(features)/T
	u.Mel = v.inPieces(MelBands, 1, T, v.Acoustic.reach(), func(t *grad.Tape, lo, hi int) *grad.Var {
		a := tensor.Of(window(features, T, lo, hi), C, 1, hi-lo)
		return v.Acoustic.Mel(t, t.Input(a), t.Input(tensor.Of(window(pitch, T, lo, hi), pitchRows, 1, hi-lo)), nil)
	})
	v.Config.Stats.restore(u.Mel)
	rng := o.Rand
	if rng == nil {
		rng = rand.New(rand.NewPCG(1, 0))
	}
	if o.Decode != nil {
		u.Samples = o.Decode(u.Mel, u.Pitch)
	} else {
		u.Samples = v.Decode(u.Mel, u.Pitch, rng)
	}
	return u
}

// Plan returns when tokens are spoken and at what pitch, without spectra and samples: for other
// networks to speak.
func (v *Voice) Plan(tokens []Token, o Options) Utterance {
	u, _ := v.plan(tokens, o)
	return u
}

// plan returns the times and the pitch of tokens, and their aligned features [C, T]; nil for no tokens.
func (v *Voice) plan(tokens []Token, o Options) (Utterance, []float32) {
	if len(tokens) == 0 {
		return Utterance{}, nil
	}
	if v.tape == nil {
		v.tape = &grad.Tape{NoGrad: true}
	}
	t := v.tape
	t.Reset()
	ids, places := Inputs(tokens)
	N := len(tokens)
	h := v.Acoustic.Encode(t, tensor.Of(ids, 1, N), tensor.Of(places, 1, N), nil)
	u := Utterance{Tokens: v.lengths(tokens, v.Acoustic.LogLengths(t, h).Value.Data, o)}
	lengths := tensor.New(1, 1, N)
	T := 0
	for i, k := range u.Tokens {
		lengths.Data[i] = float32(k.Frames)
		T += k.Frames
	}
	features := slices.Clone(grad.Interpolate(t, h, t.Input(lengths), KernelWidth, 0, T).Value.Data)
	C := len(features) / T
	u.Pitch = v.pitch(v.inPieces(pitchRows, 1, T, v.Acoustic.reach(), func(t *grad.Tape, lo, hi int) *grad.Var {
		return v.Acoustic.PitchOf(t, t.Input(tensor.Of(window(features, T, lo, hi), C, 1, hi-lo)), nil)
	}))
	return u, features
}

// Decode turns log mel spectra [80, T] and the pitch [T] in Hz into 160·T samples.
func (v *Voice) Decode(mel, hz []float32, rng *rand.Rand) []float32 {
	T := len(hz)
	pitch, e := v.Config.Stats.Pitch(hz), Excite(hz, 1, T, rng)
	return v.inPieces(1, Hop, T, v.Decoder.reach(), func(t *grad.Tape, lo, hi int) *grad.Var {
		part := Excitation{window(e.Log, T, lo, hi), window(e.Cos, T, lo, hi), window(e.Sin, T, lo, hi)}
		mel := t.Input(tensor.Of(window(mel, T, lo, hi), MelBands, 1, hi-lo))
		return v.Decoder.Wave(t, mel, tensor.Of(window(pitch, T, lo, hi), pitchRows, 1, hi-lo), part, &v.Config.Stats)
	})
}

// Follow is what the acoustic model makes of tokens with given lengths in frames and pitch
// [T] in Hz: the logarithms of the lengths it would choose, the pitch it would choose, and
// the log mel spectra [80, T] at its own pitch and at the given one. What it returns is
// valid until the next call.
func (v *Voice) Follow(tokens []Token, lengths, hz []float32) (logs, pitch, own, given []float32) {
	if v.tape == nil {
		v.tape = &grad.Tape{NoGrad: true}
	}
	t := v.tape
	t.Reset()
	ids, places := Inputs(tokens)
	N, T := len(tokens), len(hz)
	h := v.Acoustic.Encode(t, tensor.Of(ids, 1, N), tensor.Of(places, 1, N), nil)
	a := grad.Interpolate(t, h, t.Input(tensor.Of(lengths, 1, 1, N)), KernelWidth, 0, T)
	pitch = v.pitch(v.Acoustic.PitchOf(t, a, nil).Value.Data)
	mel := func(hz []float32) []float32 {
		x := v.Acoustic.Mel(t, a, t.Input(tensor.Of(v.Config.Stats.Pitch(hz), pitchRows, 1, T)), nil).Value.Data
		v.Config.Stats.restore(x)
		return x
	}
	return v.Acoustic.LogLengths(t, h).Value.Data, pitch, mel(pitch), mel(hz)
}

// SaveParts writes the voice with the full precision of its weights: networks still in
// training, to be gathered by [Voice.LoadPart].
func (v *Voice) SaveParts(path string) error {
	config, err := json.Marshal(v.Config)
	if err != nil {
		return fmt.Errorf("speech: save %s: %w", path, err)
	}
	return weights.Save(path, v, map[string]string{archKey: Arch, configKey: string(config)})
}

// LoadPart gives the voice the acoustic model or the decoder of a file of the same sizes.
func (v *Voice) LoadPart(path string, decoder bool) error {
	f, err := weights.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if decoder {
		return f.Load(&struct{ Decoder *Decoder }{v.Decoder})
	}
	return f.Load(&struct{ Acoustic *Acoustic }{v.Acoustic})
}

// lengths returns tokens with whole frames that follow their exact lengths.
func (v *Voice) lengths(tokens []Token, logs []float32, o Options) []Timed {
	speed := o.Speed
	if speed == 0 {
		speed = 1
	}
	out := make([]Timed, len(tokens))
	exact, at := 0.0, 0
	for i, k := range tokens {
		l := min(math.Exp(float64(logs[i])), longestToken)
		if k.Silent() {
			l *= v.Config.Stats.Pause()
		} else {
			l *= v.Config.Stats.Phone()
		}
		exact += k.Length(l, speed, float64(SampleRate)/Hop)
		end := max(int(math.Round(exact)), at+1)
		out[i] = Timed{k, at, end - at}
		at = end
	}
	return out
}

// pitch returns the pitch in Hz, for rows of [Acoustic.PitchOf]. Its deviations from its mean are
// made larger by the factor that the voice's file gives: a network trained by squared errors
// flattens them.
func (v *Voice) pitch(rows []float32) []float32 {
	T := len(rows) / pitchRows
	hz := make([]float32, T)
	sum, n := 0.0, 0
	for i := range hz {
		if rows[T+i] > 0 {
			sum += float64(rows[i])
			n++
		}
	}
	mean := sum / float64(max(n, 1))
	s := &v.Config.Stats
	factor := orOne(s.PitchFactor)
	for i := range hz {
		if rows[T+i] > 0 {
			z := mean + factor*(float64(rows[i])-mean)
			hz[i] = float32(math.Exp(s.PitchMean + s.PitchSpread*max(-3.5, min(z, 3.5))))
		}
	}
	return hz
}
