package main

import (
	"math"

	"github.com/seed073b5613/filigree/audio/align"
	"github.com/seed073b5613/filigree/models/speech"
)

// farOff is the mean difference of a recording's boundaries from a recogniser's, in ms, from
// which on the recording is named.
const farOff = 40

// opinion sums up how boundaries differ from a recogniser's, where there is no silence
// between phonemes. A recogniser hears all phonemes some time early or late; that, the median
// difference, is taken out of the other figures.
type opinion struct {
	Boundaries int      `json:"boundaries"`
	LagMS      float64  `json:"lag_ms"`    // above 0 where the recogniser is later
	MedianMS   float64  `json:"median_ms"` // of what remains, without its sign
	Within20   float64  `json:"within_20_ms"`
	Within40   float64  `json:"within_40_ms"`
	Differ     []string `json:"differ"` // ids that are off by 40 ms on average
}

// offBy returns how much later, in ms, a recogniser has the boundaries of a recording, none
// where it cannot tell.
func offBy(s *spoken, segments []align.Segment) []float64 {
	var phones []string
	for _, g := range segments {
		if g.Word >= 0 {
			phones = append(phones, g.Phone)
		}
	}
	theirs, err := speech.DefaultRecognizer().Boundaries(s.heard, phones)
	if err != nil {
		return nil
	}
	off := []float64{}
	times, n := align.Intervals(segments, s.seconds), 0
	for i, g := range segments {
		if g.Word < 0 {
			continue
		}
		if i > 0 && segments[i-1].Word >= 0 {
			off = append(off, 1000*(theirs[n-1]-times[i].Start))
		}
		n++
	}
	return off
}

// compared sums up the differences of all recordings; it is nil where there are none.
func compared(all []*timing) *opinion {
	var off []float64
	for _, t := range all {
		off = append(off, t.off...)
	}
	if len(off) == 0 {
		return nil
	}
	o := &opinion{Boundaries: len(off), LagMS: middleOf(off), Differ: []string{}}
	within := func(ms float64) float64 {
		n := 0
		for _, d := range off {
			if math.Abs(d-o.LagMS) <= ms+1e-6 {
				n++
			}
		}
		return float64(n) / float64(len(off))
	}
	o.Within20, o.Within40 = within(20), within(40)
	for _, t := range all {
		sum := 0.0
		for _, d := range t.off {
			sum += math.Abs(d - o.LagMS)
		}
		if sum > farOff*float64(len(t.off)) {
			o.Differ = append(o.Differ, t.ID)
		}
	}
	for i, d := range off {
		off[i] = math.Abs(d - o.LagMS)
	}
	o.MedianMS = middleOf(off)
	for _, v := range []*float64{&o.LagMS, &o.MedianMS, &o.Within20, &o.Within40} {
		*v = math.Round(*v*1e4) / 1e4
	}
	return o
}
