package audio

// MelStream makes log mel spectra of sound that comes a piece at a time: those of [Mel.Of], in
// memory that does not grow.
type MelStream struct {
	mel     Mel
	before  int
	pending []float32 // from the beginning of the next frame on
	left    int       // samples from the middle of the next frame on
	frame   []float32
}

// Stream returns a stream at the beginning of a sound.
func (m *Mel) Stream() *MelStream {
	s := &MelStream{mel: *m, before: m.Frames.Before, pending: make([]float32, m.Frames.Before), frame: make([]float32, m.Bands)}
	s.mel.Frames.Before = 0
	return s
}

// Push takes samples and calls use with each frame [Bands] that they complete, valid during the call.
func (s *MelStream) Push(x []float32, use func(frame []float32)) {
	s.pending = append(s.pending, x...)
	s.left += len(x)
	s.complete(use)
}

// Flush calls use with the frames that reach beyond the end, where there is silence: as many as
// begin a hop of the sound.
func (s *MelStream) Flush(use func(frame []float32)) {
	hop := s.mel.Frames.Hop
	T := (s.left + hop - 1) / hop
	s.pending = append(s.pending, make([]float32, s.mel.Frames.Size)...)
	s.pending = s.pending[:min(len(s.pending), s.mel.Frames.Size+(T-1)*hop)]
	if T > 0 {
		s.complete(use)
	}
}

func (s *MelStream) complete(use func(frame []float32)) {
	f := s.mel.Frames
	if len(s.pending) < f.Size {
		return
	}
	T := (len(s.pending)-f.Size)/f.Hop + 1
	spectra := s.mel.Log(s.mel.magnitudes(s.pending, T))
	for t := range T {
		for b := range s.frame {
			s.frame[b] = spectra[b*T+t]
		}
		use(s.frame)
	}
	s.pending = append(s.pending[:0], s.pending[T*f.Hop:]...)
	s.left -= T * f.Hop
}
