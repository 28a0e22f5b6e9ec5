// Package quality measures how far speech is from a recording of the same sentence.
//
// All measures are of mono sound at [Rate], in frames of 10 ms. Two recordings are compared
// frame by frame where they are aligned (copy synthesis), or else along the path of dynamic
// time warping over their cepstra (speech from text).
package quality

import (
	"fmt"
	"math"

	"github.com/seed073b5613/filigree/audio"
)

// Rate and Hop are the samples a second, and a frame, of what is compared.
const (
	Rate = 16000
	Hop  = 160
)

// Tally collects the sums behind a [Score] over any number of recordings.
type Tally struct {
	Files                   int
	reference, generated    int // samples
	mcdDTW, mcd13, mcd24    mean
	lsd1024, lsd2048, mel   mean
	periodicity             mean // squares
	f0, voicing             mean // squares of cents; decisions that differ
	spread, referenceSpread mean // an utterance each
	stoi, estoi             mean // an utterance each
	clipped, comb           mean
}

// mean is a sum and the number of its terms.
type mean struct {
	sum float64
	n   int
}

func (m *mean) add(v float64) { m.sum += v; m.n++ }

func (m *mean) merge(o mean) { m.sum += o.sum; m.n += o.n }

func (m mean) value() float64 { return m.sum / float64(m.n) } // NaN where there is none

// Merge adds the sums of another tally.
func (t *Tally) Merge(o *Tally) {
	t.Files += o.Files
	t.reference += o.reference
	t.generated += o.generated
	for _, p := range [][2]*mean{{&t.mcdDTW, &o.mcdDTW}, {&t.mcd13, &o.mcd13}, {&t.mcd24, &o.mcd24}, {&t.lsd1024, &o.lsd1024},
		{&t.lsd2048, &o.lsd2048}, {&t.mel, &o.mel}, {&t.periodicity, &o.periodicity}, {&t.f0, &o.f0}, {&t.voicing, &o.voicing},
		{&t.spread, &o.spread}, {&t.referenceSpread, &o.referenceSpread}, {&t.stoi, &o.stoi}, {&t.estoi, &o.estoi},
		{&t.clipped, &o.clipped}, {&t.comb, &o.comb}} {
		p[0].merge(*p[1])
	}
}

// Score is what [Compare] finds; NaN stands for what is not defined, because nothing is
// voiced, say, or because recordings are not aligned.
type Score struct {
	Files   int
	Seconds float64 // of generated sound

	// Mel-cepstral distances in dB, (10/ln 10)·√(2·Σ(c - c')²) over c1 … c13 (MCD24: c24)
	// of the log mel spectrum ln m = Σ cₖ·cos(πk(j+½)/80) (Kubichek 1993), so that they are
	// the RMS difference of smoothed spectra: MCD along the path of time warping, MCD13
	// between frames of the same time.
	MCD, MCD13, MCD24 float64

	// LSD1024 and LSD2048 are mean absolute differences of spectra in dB, Mel of the log
	// mel spectrum in nepers.
	LSD1024, LSD2048, MelL1 float64

	// Periodicity is the RMS difference of the peak of the normalised autocorrelation at
	// the reference's pitch, over its voiced frames; of aligned recordings only.
	Periodicity float64

	// F0 is the RMS difference of pitch in cents over frames that are voiced in both,
	// Voicing the share of frames where one is voiced and one is not. Spreads are standard
	// deviations of pitch within an utterance, in semitones.
	F0, Voicing, Spread, ReferenceSpread float64

	// STOI and ESTOI are measures of intelligibility from 0 to 1 (Taal et al. 2011, Jensen
	// and Taal 2016), of aligned recordings only.
	STOI, ESTOI float64

	// LengthRatio is that of the generated to the reference seconds; Clipped the share of
	// samples at full scale; HopComb the strength of what repeats with the frames of 10 ms:
	// see [HopComb].
	LengthRatio, Clipped, HopComb float64
}

// Score returns the measures over all recordings: means over frames, and over utterances
// for spreads, STOI and artefacts.
func (t *Tally) Score() Score {
	s := Score{Files: t.Files, Seconds: float64(t.generated) / Rate,
		MCD: t.mcdDTW.value(), MCD13: t.mcd13.value(), MCD24: t.mcd24.value(),
		LSD1024: t.lsd1024.value(), LSD2048: t.lsd2048.value(), MelL1: t.mel.value(),
		Periodicity: math.Sqrt(t.periodicity.value()),
		F0:          math.Sqrt(t.f0.value()), Voicing: t.voicing.value(),
		Spread: t.spread.value(), ReferenceSpread: t.referenceSpread.value(),
		STOI: t.stoi.value(), ESTOI: t.estoi.value(),
		LengthRatio: float64(t.generated) / float64(t.reference),
		Clipped:     t.clipped.value(), HopComb: t.comb.value()}
	return s
}

// longestWarp is the most frames that time warping is asked to align: ten minutes.
const longestWarp = 60000

// Compare measures generated against reference, both at [Rate]. Aligned recordings may
// differ in length by a tenth of a second; others may take ten minutes each.
func Compare(reference, generated []float32, aligned bool) (*Tally, error) {
	a, b := len(reference), len(generated)
	switch {
	case min(a, b) < Hop:
		return nil, fmt.Errorf("%d and %d samples: too short to compare", a, b)
	case audio.Peak(reference) == 0:
		return nil, fmt.Errorf("the reference is silent")
	case aligned && max(a, b)-min(a, b) > Rate/10:
		return nil, fmt.Errorf("%.2f and %.2f s long: not aligned", float64(a)/Rate, float64(b)/Rate)
	case !aligned && max(a, b) > longestWarp*Hop:
		return nil, fmt.Errorf("%.0f and %.0f s long: only ten minutes can be aligned by time warping", float64(a)/Rate, float64(b)/Rate)
	}
	t := &Tally{Files: 1, reference: a, generated: b}
	if aligned {
		reference, generated = reference[:min(a, b)], generated[:min(a, b)]
	}
	x, y := cepstra(reference), cepstra(generated)
	same := straight(min(len(x), len(y)))
	path := same
	if max(len(x), len(y)) <= longestWarp {
		path = warp(x, y)
		for _, p := range path {
			t.mcdDTW.add(distance(x[p.a][:13], y[p.b][:13]))
		}
	}
	if aligned {
		path = same
		for _, p := range path {
			t.mcd13.add(distance(x[p.a][:13], y[p.b][:13]))
		}
	}
	for _, p := range path {
		t.mcd24.add(distance(x[p.a][:], y[p.b][:]))
	}
	t.spectra(reference, generated, path)
	t.pitch(reference, generated, path, aligned)
	if aligned {
		if s, e, ok := STOI(reference, generated, Rate); ok {
			t.stoi.add(s)
			t.estoi.add(e)
		}
	}
	t.clipped.add(ClipFraction(generated))
	if c := HopComb(generated, Hop); !math.IsNaN(c) {
		t.comb.add(c)
	}
	return t, nil
}
