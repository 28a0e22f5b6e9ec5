package wavernn

import "slices"

// Vocoder turns frames into sound as they come, in memory that does not grow. It is behind by
// the frames around one that a model sees: 20 ms in those that are trained here.
type Vocoder struct {
	session *Session
	spec    Spec
	decoder *Decoder
	window  []float32 // frames around the one that is next
	frames  int       // taken
	whole   []float32 // of Decode
}

// NewVocoder returns a vocoder at the beginning of a recording.
func NewVocoder(m *Model, o Options) (*Vocoder, error) {
	s, err := NewSession(m, o)
	if err != nil {
		return nil, err
	}
	return &Vocoder{session: s, spec: m.spec, decoder: m.spec.NewDecoder(), window: make([]float32, m.spec.Width())}, nil
}

// Push takes a frame, from [Spec.Frames], and appends the samples to dst that can be told: Hop for
// each frame but the first Around ones.
func (v *Vocoder) Push(dst, frame []float32) []float32 {
	n := v.spec.Features
	if v.frames == 0 {
		for at := 0; at < len(v.window); at += n {
			copy(v.window[at:], frame[:n])
		}
	} else {
		copy(v.window, v.window[n:])
		copy(v.window[len(v.window)-n:], frame[:n])
	}
	if v.frames++; v.frames <= v.spec.Around {
		return dst
	}
	v.session.Frame(v.window)
	at := len(dst)
	for range v.spec.Hop {
		dst = append(dst, v.session.sample())
	}
	v.decoder.deemphasize(dst[at:])
	return dst
}

// Flush appends the samples of the last frames.
func (v *Vocoder) Flush(dst []float32) []float32 {
	if v.frames == 0 {
		return dst
	}
	last := append([]float32(nil), v.window[len(v.window)-v.spec.Features:]...)
	for range v.spec.Around {
		dst = v.Push(dst, last)
	}
	return dst
}

// Decode returns the waveform of the log mel spectra [bands, T] of a recording and its pitch [T] in Hz, from its
// beginning on. It is valid until the next call.
func (v *Vocoder) Decode(logMel, hz []float32) []float32 {
	v.session.rewind()
	v.decoder, v.frames, v.whole = v.spec.NewDecoder(), 0, v.whole[:0]
	for frame := range slices.Chunk(v.spec.Frames(logMel, hz), v.spec.Features) {
		v.whole = v.Push(v.whole, frame)
	}
	v.whole = v.Flush(v.whole)
	return v.whole
}
