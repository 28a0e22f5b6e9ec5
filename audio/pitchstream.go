package audio

// PitchStream tracks the pitch of sound that comes a piece at a time, as [Pitch] does, in memory that does not grow. It is
// behind by up to pitchSpan and pitchMargin frames. Frames are quiet beside the loudest so far, not of the whole sound.
type PitchStream struct {
	rate, hop   int
	pending     []float32 // from frame first on
	first, told int       // frames
	samples     int
	loudest     float64 // power of a frame so far
}

const pitchSpan, pitchMargin = 400, 100

// NewPitchStream returns a stream at the beginning of a sound.
func NewPitchStream(rate, hop int) *PitchStream { return &PitchStream{rate: rate, hop: hop} }

// Push takes samples and calls use with the pitch in Hz, 0 where unvoiced, of each frame that can be told.
func (s *PitchStream) Push(x []float32, use func(hz float32)) {
	s.pending = append(s.pending, x...)
	s.samples += len(x)
	for s.samples-s.told*s.hop >= (pitchSpan+pitchMargin)*s.hop {
		s.tell(s.told+pitchSpan, use)
	}
}

// Flush calls use with the frames that are left: as many as begin a hop of the sound.
func (s *PitchStream) Flush(use func(hz float32)) { s.tell((s.samples+s.hop-1)/s.hop, use) }

func (s *PitchStream) tell(to int, use func(hz float32)) {
	if to <= s.told {
		return
	}
	var hz []float32
	hz, s.loudest = pitch(s.pending, s.rate, s.hop, s.loudest)
	for ; s.told < to; s.told++ {
		use(hz[s.told-s.first])
	}
	if first := to - pitchMargin; first > s.first {
		s.pending = append(s.pending[:0], s.pending[(first-s.first)*s.hop:]...)
		s.first = first
	}
}
