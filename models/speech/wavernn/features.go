package wavernn

import "math"

// Conditioning of vocoders: log mel spectra, brought near to zero mean and unit variance by
// fixed figures, so that models share them.
const (
	logMean, logDeviation = -4, 2.5
)

// Frames turns log mel spectra [bands, T] and the pitch [T] in Hz, 0 where unvoiced, into frames [T, Features] to
// condition by. Models that do not predict need no pitch.
func (s Spec) Frames(logMel, hz []float32) []float32 {
	bands := s.bands()
	T := len(logMel) / bands
	out := make([]float32, T*s.Features)
	for t := range T {
		frame := out[t*s.Features:][:s.Features]
		for b := range bands {
			frame[b] = logMel[b*T+t]
		}
		normalize(frame[:bands])
		if s.Predict > 0 && t < len(hz) && hz[t] > 0 {
			period := math.Log(float64(front().Rate) / float64(hz[t]))
			frame[bands], frame[bands+1] = float32((period-logPeriod)/logPeriodSpread), 1
		}
	}
	return out
}

// bands returns how many values of a frame are its spectrum.
func (s Spec) bands() int {
	if s.Predict > 0 {
		return s.Features - pitchRows
	}
	return s.Features
}

// normalize turns log mel spectra into frames to condition by, in place.
func normalize(logMel []float32) {
	for i, v := range logMel {
		logMel[i] = (v - logMean) / logDeviation
	}
}

// Stack puts frame t of frames [T, Features] and those around it into dst of Width values. Frames
// before the first and behind the last are repeats of these.
func (s Spec) Stack(dst, frames []float32, t int) {
	n := s.Features
	last := len(frames)/n - 1
	for i := range 2*s.Around + 1 {
		at := min(max(t+i-s.Around, 0), last)
		copy(dst[i*n:(i+1)*n], frames[at*n:])
	}
}
