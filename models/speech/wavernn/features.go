package wavernn

// Conditioning of vocoders: log mel spectra, brought near to zero mean and unit variance by
// fixed figures, so that models share them.
const (
	logMean, logDeviation = -4, 2.5
)

// Features turns log mel spectra [bands, T] into frames [T, bands] to condition by.
func Features(logMel []float32, bands int) []float32 {
	T := len(logMel) / bands
	out := make([]float32, len(logMel))
	for b := range bands {
		for t, v := range logMel[b*T : (b+1)*T] {
			out[t*bands+b] = v
		}
	}
	Normalize(out)
	return out
}

// Normalize turns log mel spectra into frames to condition by, in place.
func Normalize(logMel []float32) {
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
