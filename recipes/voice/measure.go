package voice

import (
	"context"
	"math"
	"math/rand/v2"

	"github.com/seed073b5613/filigree/audio"
	"github.com/seed073b5613/filigree/audio/quality"
	"github.com/seed073b5613/filigree/models/speech"
)

// Measures say how far an acoustic model is from recordings it was not trained on. Spectra
// are those at the recordings' own durations and pitch (mel_l1) or the model's pitch (mcd13).
type Measures struct {
	MelL1               float64 `json:"mel_l1"` // nats
	MCD                 float64 `json:"mcd13"`  // dB
	DurationRMSE        float64 `json:"duration_rmse_ms"`
	DurationCorrelation float64 `json:"duration_correlation"`
	LengthRatio         float64 `json:"length_ratio"` // predicted total over that of the recordings
	Spread              float64 `json:"f0_spread"`    // semitones within an utterance
	NaturalSpread       float64 `json:"f0_spread_natural"`
	Voicing             float64 `json:"voicing_error"`
	Frames              int     `json:"frames"`

	phones, pauses, pitch ratio // recordings' over predicted, of lengths and of deviations of pitch
}

// ratio is a quotient of two sums.
type ratio struct{ a, b float64 }

func (r ratio) value() float64 {
	if r.b == 0 {
		return 1
	}
	return r.a / r.b
}

// cepstra are those compared: c1 to c13.
const cepstra = 13

// measureAcoustic compares an acoustic model with recordings.
func measureAcoustic(ctx context.Context, v *speech.Voice, clips []*Clip) (Measures, error) {
	var m Measures
	var l1, mcd, spread, natural, wrong float64
	var x, y, xx, yy, xy, squares, n float64
	for _, c := range clips {
		if err := ctx.Err(); err != nil {
			return m, err
		}
		T := c.Frames()
		lengths := make([]float32, len(c.Lengths))
		for i, l := range c.Lengths {
			lengths[i] = float32(l)
		}
		logs, pitch, own, given := v.Follow(c.Tokens, lengths, c.HZ)
		for i, w := range c.Mel {
			l1 += math.Abs(float64(given[i] - w))
		}
		a, b := audio.Cepstra(own, speech.MelBands, cepstra+1), audio.Cepstra(c.Mel, speech.MelBands, cepstra+1)
		for t := range T {
			sum := 0.0
			for k := 1; k <= cepstra; k++ {
				d := float64(a[k*T+t] - b[k*T+t])
				sum += d * d
			}
			mcd += 10 / math.Ln10 * math.Sqrt(2*sum*2/speech.MelBands)
		}
		m.Frames += T
		if s, q := quality.Spread(pitch), quality.Spread(c.HZ); !math.IsNaN(s) && !math.IsNaN(q) {
			spread, natural = spread+s, natural+q
		}
		for t, h := range pitch {
			if (h > 0) != (c.HZ[t] > 0) {
				wrong++
			}
		}
		for i, k := range c.Tokens {
			if c.Lengths[i] == 0 {
				continue
			}
			p, q := math.Exp(float64(logs[i])), float64(c.Lengths[i])
			if k.Silent() {
				m.pauses.a, m.pauses.b = m.pauses.a+q, m.pauses.b+p
				p *= v.Config.Stats.Pause()
			} else {
				m.phones.a, m.phones.b = m.phones.a+q, m.phones.b+p
				p *= v.Config.Stats.Phone()
				x, y, xx, yy, xy, n = x+p, y+q, xx+p*p, yy+q*q, xy+p*q, n+1
				squares += (p - q) * (p - q)
			}
			m.LengthRatio += p
		}
	}
	frames := float64(m.Frames)
	m.MelL1, m.MCD = l1/(frames*speech.MelBands), mcd/frames
	m.LengthRatio /= frames
	m.DurationRMSE = 10 * math.Sqrt(squares/n)
	m.DurationCorrelation = (xy/n - x/n*y/n) / math.Sqrt((xx/n-x/n*x/n)*(yy/n-y/n*y/n))
	m.Spread, m.NaturalSpread = spread/float64(len(clips)), natural/float64(len(clips))
	m.Voicing = wrong / frames
	m.pitch = ratio{natural, spread}
	return m, nil
}

// adjust sets the factors that correct a voice's means by recordings.
func adjust(ctx context.Context, v *speech.Voice, clips []*Clip) error {
	s := &v.Config.Stats
	s.PhoneFactor, s.PauseFactor, s.PitchFactor = 1, 1, 1
	m, err := measureAcoustic(ctx, v, clips)
	if err != nil {
		return err
	}
	s.PhoneFactor, s.PauseFactor, s.PitchFactor = m.phones.value(), m.pauses.value(), min(m.pitch.value(), 2)
	return nil
}

// Copies say how far recordings are from what a decoder makes of their own spectra and
// pitch: see [quality.Score].
type Copies struct {
	MelL1       float64 `json:"mel_l1"`
	MCD13       float64 `json:"mcd13"`
	LSD1024     float64 `json:"lsd1024"`
	LSD2048     float64 `json:"lsd2048"`
	Periodicity float64 `json:"periodicity_rmse"`
	F0          float64 `json:"f0_rmse_cents"`
	Voicing     float64 `json:"voicing_error"`
	STOI        float64 `json:"stoi"`
	SpeechDistances
}

// SpeechDistances are those of [speech.Distances] that a few clips can tell; null where there
// are too few.
type SpeechDistances struct {
	Clips     int      `json:"dsd_clips"`
	CFDSD     *float64 `json:"cfdsd"`
	CKDSD     *float64 `json:"ckdsd"`
	FDSD      *float64 `json:"fdsd"`
	KDSD      *float64 `json:"kdsd"`
	FloorFDSD *float64 `json:"fdsd_floor"`
	FloorKDSD *float64 `json:"kdsd_floor"`
}

// Distances measures how far waveforms made of clips are from these clips and from others.
func Distances(clips []*Clip, made [][]float32, others []*Clip) (d SpeechDistances) {
	var generated, same, other [][]float64
	r := speech.DefaultRecognizer()
	for i, c := range clips {
		generated, same = append(generated, r.Embeddings(made[i])...), append(same, r.Embeddings(c.Wave)...)
	}
	for _, c := range others {
		if len(other) >= len(same) {
			break
		}
		other = append(other, r.Embeddings(c.Wave)...)
	}
	if min(len(generated), len(other)) < 2 {
		return d
	}
	x := speech.Compare(generated, same, other)
	return SpeechDistances{x.Clips, &x.CFDSD, &x.CKDSD, &x.FDSD, &x.KDSD, &x.FloorFDSD, &x.FloorKDSD}
}

// measureDecoder compares recordings with what a decoder makes of their own spectra.
func measureDecoder(ctx context.Context, v *speech.Voice, clips, others []*Clip) (Copies, error) {
	var tally quality.Tally
	var made [][]float32
	for _, c := range clips {
		if err := ctx.Err(); err != nil {
			return Copies{}, err
		}
		y := v.Decode(c.Mel, c.HZ, rand.New(rand.NewPCG(1, 0)))
		one, err := quality.Compare(c.Wave, y, true)
		if err != nil {
			return Copies{}, err
		}
		tally.Merge(one)
		made = append(made, y)
	}
	s := tally.Score()
	return Copies{s.MelL1, s.MCD13, s.LSD1024, s.LSD2048, s.Periodicity, s.F0, s.Voicing, s.STOI, Distances(clips, made, others)}, nil
}
