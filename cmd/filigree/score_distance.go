package main

import (
	"math"

	"github.com/seed073b5613/filigree/models/speech"
)

// leastClips is the fewest clips of 2 s, in each half of the files, that distances of sets are
// measured between.
const leastClips = 10

// embedded is what a recogniser makes of the clips of a recording and of what is like it.
type embedded struct{ reference, generated [][]float64 }

// distances compares the sets of clips of all files: the generated ones of every second file
// with the recordings of the same files and of the others, and the other way round, and takes
// the mean of both.
func distances(files []embedded) speech.Distances {
	var half [2]embedded
	for i, f := range files {
		h := &half[i%2]
		h.reference, h.generated = append(h.reference, f.reference...), append(h.generated, f.generated...)
	}
	n := math.MaxInt // as many of all, for Fréchet distances depend on it
	for _, h := range half {
		n = min(n, len(h.reference), len(h.generated))
	}
	nan := math.NaN()
	if n < leastClips {
		return speech.Distances{Clips: n, FDSD: nan, KDSD: nan, CFDSD: nan, CKDSD: nan, FloorFDSD: nan, FloorKDSD: nan, KDSDError: nan}
	}
	for i := range half {
		half[i].reference, half[i].generated = half[i].reference[:n], half[i].generated[:n]
	}
	a := speech.Compare(half[0].generated, half[0].reference, half[1].reference)
	b := speech.Compare(half[1].generated, half[1].reference, half[0].reference)
	return speech.Distances{Clips: n, FDSD: (a.FDSD + b.FDSD) / 2, KDSD: (a.KDSD + b.KDSD) / 2, CFDSD: (a.CFDSD + b.CFDSD) / 2,
		CKDSD: (a.CKDSD + b.CKDSD) / 2, FloorFDSD: (a.FloorFDSD + b.FloorFDSD) / 2, FloorKDSD: (a.FloorKDSD + b.FloorKDSD) / 2, KDSDError: nan}
}

// addDistances puts distances that are defined into a report.
func (r *scoreReport) addDistances(d speech.Distances) {
	if math.IsNaN(d.KDSD) {
		return
	}
	r.Clips, r.KDSD, r.FDSD, r.CKDSD, r.CFDSD, r.FloorKDSD, r.FloorFDSD = d.Clips, &d.KDSD, &d.FDSD, &d.CKDSD, &d.CFDSD, &d.FloorKDSD, &d.FloorFDSD
}
