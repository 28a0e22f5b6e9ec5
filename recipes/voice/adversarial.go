package voice

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/seed073b5613/filigree/audio"
	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/models/speech"
	"github.com/seed073b5613/filigree/models/speech/eats"
	"github.com/seed073b5613/filigree/models/speech/gantts"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/optim"
	"github.com/seed073b5613/filigree/recipes/tasks"
	"github.com/seed073b5613/filigree/tensor"
	"github.com/seed073b5613/filigree/train"
)

// The adversarial stage: a decoder that was trained by spectra goes on against discriminators of
// random windows (GAN-TTS, arXiv:1909.11646) and of spectrograms (EATS, arXiv:2006.03575, section
// 2.3), with the spectral loss kept.
const (
	adversarialRate   = 2e-4 // of the decoder
	criticRate        = 2    // times as much, as in both papers
	adversarialWeight = 0.1  // of what the discriminators say, beside the spectral loss
	criticNarrow      = 8    // divides the published channels of the window discriminators
	criticMu          = 255  // waveforms are companded for them
	conditionRows     = speech.MelBands + 2
)

// spectrumSpec is half of EATS's laptop size: a decoder of frames is so cheap that discriminators
// are most of the work.
var spectrumSpec = eats.SpectrogramSpec{Stem: 8, Channels: []int{32, 64, 64, 64}, Down: []int{2, 2, 2, 1}}

// critics are the discriminators.
type critics struct {
	Windows  *gantts.Ensemble
	Spectrum *eats.Spectrogram

	tape *grad.Tape
}

func newCritics(rng *rand.Rand) (*critics, error) {
	windows, err := gantts.NewEnsemble(gantts.LaptopWindows(conditionRows, criticNarrow), speech.Hop, rng)
	if err != nil {
		return nil, err
	}
	spectrum, err := eats.NewSpectrogram(spectrumSpec, rng)
	if err != nil {
		return nil, err
	}
	return &critics{windows, spectrum, &grad.Tape{}}, nil
}

// adversarialNet is a decoder whose output is its loss on the batch its source made last. On the
// way the discriminators, if any, get their own gradients.
type adversarialNet struct {
	Decoder *speech.Decoder
	Critics *critics // nil for the spectral loss alone

	source *cropSource
	front  *audio.Mel
}

// Forward returns the loss.
func (n *adversarialNet) Forward(t *grad.Tape, _ *grad.Var) *grad.Var {
	x, y := (&decoderNet{n.Decoder, n.source, n.front}).judged(t)
	loss := SpectralLoss(t, x, y, n.front)
	if n.Critics == nil || !t.Training() {
		return loss
	}
	rng := rand.New(n.source.pcg)
	conditions, c := n.conditions(), n.Critics
	ps := nn.Params(c)
	nn.Freeze(ps, false)
	c.tape.Reset()
	c.tape.Backward(n.criticLoss(c.tape, x.Value, y.Value, conditions, rng))
	nn.Freeze(ps, true) // the decoder learns through them, not they from its loss
	nn.Params(n)        // their names in this network
	starts := c.Windows.Draw(n.source.size, cropFrames, rng)
	judged := c.Windows.GeneratorLoss(t, grad.MuLaw(t, x, criticMu), conditions, starts)
	spectral := grad.MeanProduct(t, c.Spectrum.Forward(t, n.mel(t, x), nil), filled(n.source.size, -1), nil)
	return plus(t, plus(t, loss, adversarialWeight, judged), adversarialWeight, spectral)
}

// criticLoss returns the hinge losses of all discriminators on made and recorded waveforms.
func (n *adversarialNet) criticLoss(t *grad.Tape, made, recorded, conditions *tensor.Tensor, rng *rand.Rand) *grad.Var {
	B := n.source.size
	companded := func(x *tensor.Tensor) *tensor.Tensor {
		y := tensor.Of(append([]float32(nil), x.Data...), x.Shape...)
		audio.MuLaw(y.Data, criticMu)
		return y
	}
	loss := n.Critics.Windows.CriticLoss(t, companded(recorded), companded(made), conditions, n.Critics.Windows.Draw(B, cropFrames, rng))
	for _, side := range []struct {
		x      *tensor.Tensor
		target float32
	}{{recorded, 1}, {made, -1}} {
		logits := n.Critics.Spectrum.Forward(t, n.mel(t, t.Input(side.x)), nil)
		loss = grad.Add(t, loss, grad.Hinge(t, logits, filled(B, side.target), nil))
	}
	return loss
}

// mel returns the log mel spectra of waveforms [1, B, L], brought to deviation 1 about a mean.
func (n *adversarialNet) mel(t *grad.Tape, x *grad.Var) *grad.Var {
	s := x.Value.Shape
	y := grad.LogMel(t, grad.Magnitude(t, x, n.front.Frames, s[2]/speech.Hop), n.front.Filters, n.front.Floor)
	stats := n.source.stats
	shift := make([]float32, speech.MelBands*s[1])
	for i := range shift {
		shift[i] = -stats.MelMean[i/s[1]] / float32(stats.MelDeviation)
	}
	return grad.ScaleShift(t, y, float32(1/stats.MelDeviation), shift)
}

// conditions returns the judged frames' spectra and pitch, [82, B, T].
func (n *adversarialNet) conditions() *tensor.Tensor {
	b := n.source.batch
	mel := n.source.stats.Normalize(b.mel.Data)
	B, all := b.mel.Shape[1], b.mel.Shape[2]
	out := tensor.New(conditionRows, B, cropFrames)
	for r := range conditionRows * B {
		from := mel
		at := r * all
		if r >= speech.MelBands*B {
			from, at = b.pitch.Data, at-speech.MelBands*B*all
		}
		copy(out.Data[r*cropFrames:(r+1)*cropFrames], from[at+cropEdge:])
	}
	return out
}

func filled(n int, v float32) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = v
	}
	return x
}

// startFile is the voice that a run without a decoder of its own goes on with.
const startFile = "start.safetensors"

// adversarial trains the run's decoder, or that of the voice that comes with the program, on.
func (r *run) adversarial(ctx context.Context) error {
	if err := r.begin(); err != nil {
		return err
	}
	source, err := newCropSource(r.corpus.Train, &r.voice.Config.Stats, decoderBatch, rand.NewPCG(r.Seed, streamAdversarial))
	if err != nil {
		return err
	}
	net := &adversarialNet{Decoder: r.voice.Decoder, source: source, front: audio.VoiceMel()}
	players := optim.Split{{Of: "decoder", Optimizer: &optim.Adam{Beta1: 0.8, Beta2: 0.99}, Clip: 1}}
	if r.Critics == "all" {
		if net.Critics, err = newCritics(rand.New(rand.NewPCG(r.Seed, streamCritics))); err != nil {
			return err
		}
		players = append(players, optim.Part{Of: "critics", Optimizer: &optim.Adam{Beta1: 1e-9, Beta2: 0.99}, Rate: criticRate}) // a first beta of 0
	}
	return r.train(ctx, stage{name: "adversarial", metric: tasks.Metric{Label: "spectral distance", Unit: " nats", Scale: -1}, net: net, source: source,
		rate: adversarialRate, steps: r.DecoderSteps, share: laterShare, every: 500, score: r.spectral(source), save: r.voice.SaveParts, players: players})
}

// begin gives the run the networks to go on with.
func (r *run) begin() error {
	if path, err := r.part("decoder"); err == nil {
		if acoustic, err := r.part("acoustic"); err == nil {
			if err := r.voice.LoadPart(acoustic, false); err != nil {
				return err
			}
			r.speaks = true
		}
		return r.voice.LoadPart(path, true)
	}
	path := filepath.Join(r.out.Dir, startFile)
	if _, err := os.Stat(path); err != nil {
		v, err := speech.Default()
		if err != nil {
			return err
		}
		if err := v.SaveParts(path); err != nil {
			return err
		}
	}
	v, err := speech.Open(path)
	if err != nil {
		return fmt.Errorf("voice: where the stage begins: %w", err)
	}
	r.voice, r.speaks = v, true
	return nil
}

// spectral returns the score of a decoder: its spectral loss on recordings it does not see.
func (r *run) spectral(source *cropSource) func(context.Context) (train.Scores, error) {
	held, err := newCropSource(r.corpus.Held, &r.voice.Config.Stats, decoderBatch, rand.NewPCG(0, 0))
	if err != nil {
		held = source
	}
	front := audio.VoiceMel()
	return func(ctx context.Context) (train.Scores, error) {
		loss, n := 0.0, 8
		was := held.pcg
		held.pcg = rand.NewPCG(0, 0) // always the same crops
		defer func() { held.pcg = was }()
		tape := &grad.Tape{NoGrad: true}
		for range n {
			tape.Reset()
			held.Next()
			loss += float64((&decoderNet{r.voice.Decoder, held, front}).Forward(tape, nil).Value.Data[0])
		}
		return train.Scores{Loss: loss / float64(n), Quality: -loss / float64(n), Count: n * decoderBatch}, ctx.Err()
	}
}
