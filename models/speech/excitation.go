package speech

import (
	"math"
	"math/rand/v2"

	"github.com/seed073b5613/filigree/audio"
	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/kernel"
)

// headFrames is the decoder's transform.
var headFrames = kernel.Frames{Size: headSize, Hop: Hop, Before: headSize / 2, Window: audio.Hann(headSize, headSize)}

// highestHarmonic is up to where pulses have harmonics, in Hz.
const highestHarmonic = 7600

// excite writes samples of an excitation: between frames, Hop samples each, of which one has a pitch hz
// above 0, pulses (harmonics of equal strength) at it, elsewhere noise; of power 1 both.
// phase is that of the first pulse, in turns.
func excite(hz []float32, phase float64, rng *rand.Rand, out []float32) {
	for i := range out {
		at := float64(i) / Hop // frames are centred on their first sample
		a, b := min(int(at), len(hz)-1), min(int(at)+1, len(hz)-1)
		h := float64(max(hz[a], hz[b])) // pulses reach to the centre of unvoiced neighbours
		if h <= 0 {
			out[i] = float32(rng.NormFloat64())
			continue
		}
		if hz[a] > 0 && hz[b] > 0 {
			h = float64(hz[a]) + (at-math.Floor(at))*float64(hz[b]-hz[a])
		}
		phase += h / SampleRate
		phase -= math.Floor(phase)
		out[i] = float32(pulses(phase, int(highestHarmonic/h)))
	}
}

// pulses returns Σ cos(2πk·phase) over k = 1 to K (Dirichlet's kernel), of power 1.
func pulses(phase float64, K int) float64 {
	if K < 1 {
		return 0
	}
	scale := math.Sqrt(2 / float64(K))
	s := math.Sin(math.Pi * phase)
	if math.Abs(s) < 1e-6 {
		return scale * float64(K)
	}
	return scale * (math.Sin(math.Pi*phase*float64(2*K+1))/s - 1) / 2
}

// Excitation is what a decoder starts from: log magnitudes, and cosines and sines of the
// phases, of the excitation's spectra, each [321, B, T].
type Excitation struct{ Log, Cos, Sin []float32 }

// Excite returns the excitation of B sequences of T frames with the pitch hz [B, T], 0 where
// unvoiced. Phases and noise are drawn from rng.
func Excite(hz []float32, B, T int, rng *rand.Rand) Excitation {
	wave := make([]float32, B*T*Hop)
	for b := range B {
		excite(hz[b*T:(b+1)*T], rng.Float64(), rng, wave[b*T*Hop:(b+1)*T*Hop])
	}
	n := headBins * B * T
	e := Excitation{make([]float32, n), make([]float32, n), make([]float32, n)}
	headFrames.Analyze(B, T*Hop, T, wave, e.Cos, e.Sin)
	for i, re := range e.Cos {
		im := e.Sin[i]
		m := float32(math.Sqrt(float64(re*re+im*im))) + 1e-6
		e.Log[i] = m + 0.1 // a power of noise is about 240
		e.Cos[i], e.Sin[i] = re/m, im/m
	}
	kernel.Log(e.Log, e.Log)
	return e
}

// melFront makes the spectra that acoustic models predict.
var melFront = audio.VoiceMel()

// spread is the matrix [321, 80] that spreads log mel spectra over the bins of the decoder's
// transform by linear interpolation, and shift [80] is what is added to each band before,
// so that the result is the log magnitude of a bin where the spectrum is flat.
var spread, shift = func() ([]float32, []float32) {
	mel := melFront
	bins := mel.Frames.Size/2 + 1
	shift := make([]float32, MelBands)
	for b := range shift {
		sum := 0.0
		for _, w := range mel.Filters[b*bins : (b+1)*bins] {
			sum += float64(w)
		}
		shift[b] = float32(-math.Log(sum))
	}
	m := make([]float32, headBins*MelBands)
	step := audio.HTK.Mel(SampleRate/2) / (MelBands + 1)
	for k := range headBins {
		at := audio.HTK.Mel(float64(k)*SampleRate/headSize)/step - 1 // in bands
		at = max(0, min(at, MelBands-1))
		b := min(int(at), MelBands-2)
		m[k*MelBands+b] = float32(1 - (at - float64(b)))
		m[k*MelBands+b+1] = float32(at - float64(b))
	}
	return m, shift
}()

// floorOf [321] is what zero log mel spectra suggest.
var floorOf = func() []float32 {
	out := make([]float32, headBins)
	kernel.GEMM(false, false, headBins, 1, MelBands, 1, spread, MelBands, shift, 1, 0, out, 1)
	return out
}()

// prior returns the log magnitudes [321, ...] that log mel spectra [80, ...] suggest.
func prior(t *grad.Tape, mel *grad.Var) *grad.Var { return overBins(t, mel, floorOf) }

// overBins spreads rows of bands [80, ...] over the bins [321, ...], and adds the floor of each
// where there is one.
func overBins(t *grad.Tape, mel *grad.Var, floor []float32) *grad.Var {
	return grad.Linear(t, mel, &grad.Weight{M: headBins, K: MelBands, Dense: spread}, floor, nil)
}
