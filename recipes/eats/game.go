package eats

import (
	"math/rand/v2"

	"github.com/seed073b5613/filigree/audio"
	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/models/speech"
	model "github.com/seed073b5613/filigree/models/speech/eats"
	"github.com/seed073b5613/filigree/models/speech/gantts"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/recipes/voice"
	"github.com/seed073b5613/filigree/tensor"
)

// Weights of what a network is taught beside the paper's losses.
const (
	teachWeight = 10 // lengths, squared errors in typical lengths
	typical     = 9  // frames
	pitchWeight = 1
)

// critics are the discriminators.
type critics struct {
	Windows     *gantts.Ensemble   // nil for none
	Spectrogram *model.Spectrogram // nil for none
}

func newCritics(s *Settings, rng *rand.Rand) (*critics, error) {
	c := &critics{}
	var err error
	if s.Windows {
		all := gantts.LaptopWindows(1, s.Narrow)
		// Those without conditioning; a hop of 1 lets windows begin anywhere.
		if c.Windows, err = gantts.NewEnsemble(all[:len(all)/2], 1, rng); err != nil {
			return nil, err
		}
	}
	if s.Spectrogram {
		c.Spectrogram, err = model.NewSpectrogram(model.LaptopSpectrogram, rng)
	}
	return c, err
}

// count returns the number of discriminators, the windows' and all.
func (c *critics) count() (windows, all float32) {
	if c.Windows != nil {
		windows = float32(len(c.Windows.Windows))
	}
	if c.Spectrogram != nil {
		return windows, windows + 1
	}
	return windows, windows
}

// game is a generator and its discriminators. Its output is the generator's loss on the batch its
// source made last; computing it leaves the discriminators' gradients in their parameters.
type game struct {
	Generator *model.Generator
	Critics   *critics

	settings *Settings
	source   *windows
	stats    *speech.Stats
	front    *model.Front
	mel      *audio.Mel // of the spectral loss

	tape   *grad.Tape // of the discriminators
	params []*nn.Param
	judged float64 // the discriminators' loss, a running mean
}

// Forward returns the loss.
func (n *game) Forward(t *grad.Tape, _ *grad.Var) *grad.Var {
	b, s, g := n.source.batch, n.settings, n.Generator
	taught := b.number < s.teachers()
	c := g.Condition(t, b.z, nil)
	h, lengths := g.Aligner.Forward(t, b.ids, c, b.mask)
	used := lengths
	if taught {
		used = t.Input(b.lengths)
	}
	T := s.Frames + 2*edge
	a := g.Aligner.Align(t, h, used, b.starts, T)
	sound, pitch := n.decode(t, a, c, b, taught)
	starts := make([]int, s.Batch)
	for i := range starts {
		starts[i] = edge * speech.Hop
	}
	L := s.Frames * speech.Hop
	wave := grad.Slice(t, sound.Wave, starts, L)
	spectra := n.front.Spectra(t, wave)
	var none *grad.Tape
	target := n.front.Spectra(none, &grad.Var{Value: b.target}).Value
	loss := weighted(t, s.Prediction, model.PredictionLoss(t, spectra, target, s.Warping))
	switch {
	case taught:
		loss = grad.Add(t, loss, weighted(t, teachWeight, n.lengthErrors(t, lengths, b)))
		if s.Spectral > 0 {
			loss = grad.Add(t, loss, weighted(t, s.Spectral, voice.SpectralLoss(t, wave, &grad.Var{Value: b.wave}, n.mel)))
		}
	case s.Length > 0:
		loss = grad.Add(t, loss, weighted(t, s.Length, model.LengthLoss(t, lengths, b.totals)))
	}
	if pitch != nil {
		loss = grad.Add(t, loss, weighted(t, pitchWeight, n.pitchErrors(t, pitch, b)))
	}
	if s.plays(b.number) {
		loss = grad.Add(t, loss, n.play(t, grad.Slice(t, sound.Companded, starts, L), spectra, b))
	}
	return loss
}

func weighted(t *grad.Tape, weight float64, x *grad.Var) *grad.Var {
	return grad.ScaleShift(t, x, float32(weight), []float32{0})
}

// decode turns aligned frames into sound. A decoder of frames is told the recording's pitch while
// frames are where they are in the recording, its own afterwards.
func (n *game) decode(t *grad.Tape, a, c *grad.Var, b *batch, taught bool) (model.Sound, *grad.Var) {
	g := n.Generator
	if g.Frames == nil {
		return g.Decode(t, a, c, nil, speech.Excitation{}), nil
	}
	B, T := a.Value.Shape[1], a.Value.Shape[2]
	pitch := g.Frames.PitchOf(t, a)
	hz := b.hz
	if !taught {
		hz = n.stats.Hear(pitch.Value.Data)
	}
	e := speech.Excite(hz, B, T, rand.New(n.source.pcg))
	return g.Decode(t, a, c, tensor.Of(n.stats.Pitch(hz), 2, B, T), e), pitch
}

// lengthErrors returns the mean squared error of lengths.
func (n *game) lengthErrors(t *grad.Tape, lengths *grad.Var, b *batch) *grad.Var {
	return weighted(t, 1./(typical*typical), grad.L2(t, lengths, b.lengths.Data, b.mask))
}

// pitchErrors returns the errors of pitch where it is voiced, and of voicing.
func (n *game) pitchErrors(t *grad.Tape, pitch *grad.Var, b *batch) *grad.Var {
	rows := n.stats.Pitch(b.hz)
	S := len(b.hz)
	voiced := rows[S:]
	return grad.Add(t, grad.L2(t, grad.Rows(t, pitch, 0, 1), rows[:S], voiced), grad.Logistic(t, grad.Rows(t, pitch, 1, 2), voiced, nil))
}

// play lets the discriminators judge recordings and what was generated, and learn from it, and
// returns what the generator learns from them, -E D(fake), the mean over all (eq. 2).
func (n *game) play(t *grad.Tape, companded, spectra *grad.Var, b *batch) *grad.Var {
	c := n.Critics
	few, all := c.count()
	ps := n.params
	real := tensor.Of(append([]float32(nil), b.wave.Data...), b.wave.Shape...)
	audio.MuLaw(real.Data, n.Generator.Spec.Mu)
	L := real.Shape[2]
	var starts [][]int
	if c.Windows != nil {
		starts = c.Windows.Draw(len(b.totals), L, rand.New(n.source.pcg))
	}
	learning := t.Training()
	nn.Freeze(ps, !learning)
	n.tape.Reset()
	n.tape.NoGrad = !learning
	var verdict *grad.Var
	if c.Windows != nil {
		verdict = weighted(n.tape, float64(few/all), c.Windows.CriticLoss(n.tape, real, companded.Value, nil, starts))
	}
	if c.Spectrogram != nil {
		var none *grad.Tape
		truth := n.front.Spectra(none, &grad.Var{Value: b.wave}).Value
		v := hinge(n.tape, c.Spectrogram, truth, spectra.Value)
		verdict = plus(n.tape, verdict, weighted(n.tape, float64(1/all), v))
	}
	n.tape.Backward(verdict)
	n.judged += 0.02 * (float64(verdict.Value.Data[0]) - n.judged)
	nn.Freeze(ps, true)
	var loss *grad.Var
	if c.Windows != nil {
		loss = weighted(t, float64(few/all), c.Windows.GeneratorLoss(t, companded, nil, starts))
	}
	if c.Spectrogram != nil {
		logits := c.Spectrogram.Forward(t, spectra, nil)
		minus := make([]float32, len(b.totals))
		for i := range minus {
			minus[i] = -1
		}
		loss = plus(t, loss, weighted(t, float64(1/all), grad.MeanProduct(t, logits, minus, nil)))
	}
	return weighted(t, n.settings.Adversarial, loss)
}

func plus(t *grad.Tape, a, b *grad.Var) *grad.Var {
	if a == nil {
		return b
	}
	return grad.Add(t, a, b)
}

// hinge returns the loss of a discriminator of spectra [F, B, T].
func hinge(t *grad.Tape, d *model.Spectrogram, real, fake *tensor.Tensor) *grad.Var {
	B := real.Shape[1]
	one, minus := make([]float32, B), make([]float32, B)
	for i := range one {
		one[i], minus[i] = 1, -1
	}
	return grad.Add(t, grad.Hinge(t, d.Forward(t, t.Input(real), nil), one, nil), grad.Hinge(t, d.Forward(t, t.Input(fake), nil), minus, nil))
}
