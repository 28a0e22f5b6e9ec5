package data

import (
	"math"
	"math/rand/v2"

	"github.com/seed073b5613/filigree/kernel"
)

// crop is the part of a picture that is shown, in pixels from its top left corner, and
// whether left and right are exchanged.
type crop struct {
	x0, y0, x1, y1 float64
	inside         bool    // values from beyond the crop have no influence
	reach          float64 // how far beyond it they have, unless inside; at least a pixel of the result
	mirror         bool
}

// window returns the pixels, of a picture of w×h, that a crop depends on.
func (c crop) window(w, h int) (x0, y0, x1, y1 int) {
	margin := 0.0
	if !c.inside {
		margin = 4 + c.reach // 4: two values of sub-sampled colour
	}
	x0, y0 = int(math.Floor(c.x0-margin)), int(math.Floor(c.y0-margin))
	x1, y1 = int(math.Ceil(c.x1+margin)), int(math.Ceil(c.y1+margin))
	return max(x0, 0), max(y0, 0), min(x1, w), min(y1, h)
}

// randomCrop draws a crop of 8 to 100 % of the area and of a shape from 3:4 to 4:3, as
// Inception was trained on (Szegedy et al. 2015, arXiv:1409.4842, section 6), and mirrors
// every second one. Where ten draws do not fit it takes the largest one in the middle whose
// shape is allowed.
func randomCrop(w, h int, rng *rand.Rand) crop {
	const narrow, wide = 3.0 / 4, 4.0 / 3
	c := crop{inside: true}
	place := func(cw, ch, x, y int) {
		c.x0, c.y0, c.x1, c.y1 = float64(x), float64(y), float64(x+cw), float64(y+ch)
	}
	found := false
	for range 10 {
		area := float64(w*h) * (0.08 + 0.92*rng.Float64())
		shape := math.Exp(math.Log(narrow) + rng.Float64()*math.Log(wide/narrow))
		cw, ch := int(math.Round(math.Sqrt(area*shape))), int(math.Round(math.Sqrt(area/shape)))
		if cw >= 1 && ch >= 1 && cw <= w && ch <= h {
			place(cw, ch, rng.IntN(w-cw+1), rng.IntN(h-ch+1))
			found = true
			break
		}
	}
	if !found {
		cw, ch := w, h
		switch shape := float64(w) / float64(h); {
		case shape < narrow:
			ch = min(h, int(math.Round(float64(w)/narrow)))
		case shape > wide:
			cw = min(w, int(math.Round(float64(h)*wide)))
		}
		place(cw, ch, (w-cw)/2, (h-ch)/2)
	}
	c.mirror = rng.IntN(2) == 1
	return c
}

// centreCrop is the square in the middle that side pixels show once the shorter side of
// the picture is 256/224 of that.
func centreCrop(w, h, side int) crop {
	shorter := math.Round(float64(side) * 256 / 224)
	half := float64(side) * float64(min(w, h)) / shorter / 2
	x, y := float64(w)/2, float64(h)/2
	return crop{x0: x - half, y0: y - half, x1: x + half, y1: y + half, reach: 2 * half / float64(side)}
}

// axis says how the values along one axis of a crop come from those of a plane: value i is
// the mean, weighted by the taps[i] weights from i·width on, of those from first[i] on. All
// have most weights, the rest of which are 0, and first[i] + most is at most size.
type axis struct {
	first  []int32
	taps   []int32
	weight []float32
	width  int
	most   int
	size   int
}

// set makes n values of the interval [from, to) of a plane of size values: a triangle as wide as
// two values of the result, or two of the plane where those are wider, so that shrinking weights
// by area. Values outside [low, high) have no part.
func (a *axis) set(from, to float64, n, low, high int, mirror bool) {
	scale := (to - from) / float64(n)
	reach := max(scale, 1)
	a.width = 2*int(math.Ceil(reach)) + 1
	a.first, a.taps = room(a.first, n), room(a.taps, n)
	a.weight = room(a.weight, n*a.width)
	a.most, a.size = min(2, high), high
	for i := range n {
		centre := from + (float64(i)+0.5)*scale
		at := i
		if mirror {
			at = n - 1 - i
		}
		first := min(max(int(math.Ceil(centre-reach-0.5)), low), high-1)
		w := a.weight[at*a.width:][:a.width]
		taps, sum := 0, 0.0
		for j := first; j < high && taps < a.width; j++ {
			v := 1 - math.Abs(float64(j)+0.5-centre)/reach
			if v <= 0 {
				if taps == 0 { // rounding: the first is not in reach
					first++
					continue
				}
				break
			}
			w[taps] = float32(v)
			sum += v
			taps++
		}
		if taps == 0 { // the interval ends beyond the last value
			first, w[0], taps, sum = high-1, 1, 1, 1
		}
		for j := range w[:taps] {
			w[j] /= float32(sum)
		}
		clear(w[taps:])
		a.first[at], a.taps[at] = int32(first), int32(taps)
		a.most = max(a.most, taps)
	}
	for i, first := range a.first { // near the end there is no room for zeros behind
		if over := int(first) + a.most - a.size; over > 0 {
			w := a.weight[i*a.width:][:a.most]
			copy(w[over:], w)
			clear(w[:over])
			a.first[i], a.taps[i] = first-int32(over), int32(a.most)
		}
	}
}

// room returns s with n values, which are not cleared.
func room[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}

// resampler shows crops of pictures at a fixed size. Its room is reused.
type resampler struct {
	across, down axis
	rows         []float32    // rows of a plane, resampled across
	values       [3][]float32 // [side, side] of each plane, 0 to 255
}

// show writes a crop of a picture as side×side values of each colour, normalised, to red,
// green and blue.
func (r *resampler) show(p *picture, c crop, side int, rgb [3][]float32) {
	for i := range p.n {
		r.values[i] = room(r.values[i], side*side)
		pl := &p.planes[i]
		if i == 0 || pl.dx != p.planes[i-1].dx || pl.dy != p.planes[i-1].dy {
			low, high := within(c.inside, c.x0/pl.dx, c.x1/pl.dx, pl.w)
			r.across.set(c.x0/pl.dx, c.x1/pl.dx, side, low, high, c.mirror)
			low, high = within(c.inside, c.y0/pl.dy, c.y1/pl.dy, pl.h)
			r.down.set(c.y0/pl.dy, c.y1/pl.dy, side, low, high, false)
		}
		r.plane(pl, side, r.values[i])
	}
	r.colour(p, side*side, rgb)
}

// within returns which values of an axis a crop may use.
func within(inside bool, from, to float64, size int) (low, high int) {
	if !inside {
		return 0, size
	}
	low = min(max(int(math.Floor(from)), 0), size-1)
	return low, max(min(int(math.Ceil(to)), size), low+1)
}

// plane resamples one plane, first across, then down.
func (r *resampler) plane(p *plane, side int, out []float32) {
	a, d := &r.across, &r.down
	top, bottom := int(d.first[0]), 0
	for y := range side {
		top, bottom = min(top, int(d.first[y])), max(bottom, int(d.first[y]+d.taps[y]))
	}
	r.rows = room(r.rows, (bottom-top)*side)
	for y := top; y < bottom; y++ {
		across(a, p.pix[y*p.stride:], p.step, r.rows[(y-top)*side:][:side])
	}
	for y := range side {
		line := out[y*side:][:side]
		for k, w := range d.weight[y*d.width:][:d.taps[y]] {
			row := r.rows[(int(d.first[y])+k-top)*side:][:side]
			if k == 0 {
				kernel.Scale(w, line, row)
			} else {
				kernel.Axpy(w, row, line)
			}
		}
	}
}

// across resamples one row. Shrinking by less than two takes up to four values for each: that
// goes without a loop, whose ends would be hard to predict.
func across(a *axis, row []uint8, step int, out []float32) {
	switch {
	case step == 1 && a.most == 2:
		for x := range out {
			w, v := a.weight[x*a.width:][:2], row[a.first[x]:][:2]
			out[x] = w[0]*float32(v[0]) + w[1]*float32(v[1])
		}
	case step == 1 && a.most == 3:
		for x := range out {
			w, v := a.weight[x*a.width:][:3], row[a.first[x]:][:3]
			out[x] = w[0]*float32(v[0]) + w[1]*float32(v[1]) + w[2]*float32(v[2])
		}
	case step == 1 && a.most == 4:
		for x := range out {
			w, v := a.weight[x*a.width:][:4], row[a.first[x]:][:4]
			out[x] = (w[0]*float32(v[0]) + w[1]*float32(v[1])) + (w[2]*float32(v[2]) + w[3]*float32(v[3]))
		}
	default:
		for x := range out {
			first := int(a.first[x])
			var sum float32
			for k, w := range a.weight[x*a.width:][:a.taps[x]] {
				sum += w * float32(row[(first+k)*step])
			}
			out[x] = sum
		}
	}
}

// colour turns resampled planes into normalised red, green and blue.
func (r *resampler) colour(p *picture, n int, rgb [3][]float32) {
	var scale, shift [3]float32
	for c := range 3 {
		scale[c] = 1 / (255 * PhotoDeviation[c])
		shift[c] = -PhotoMean[c] / PhotoDeviation[c]
	}
	red, green, blue := rgb[0][:n], rgb[1][:n], rgb[2][:n]
	switch {
	case p.ycc: // JFIF, full range
		ys, cbs, crs := r.values[0][:n], r.values[1][:n], r.values[2][:n]
		for i, y := range ys {
			cb, cr := cbs[i]-128, crs[i]-128
			red[i] = clamp(y+1.402*cr)*scale[0] + shift[0]
			green[i] = clamp(y-0.344136*cb-0.714136*cr)*scale[1] + shift[1]
			blue[i] = clamp(y+1.772*cb)*scale[2] + shift[2]
		}
	default:
		for c, to := range [][]float32{red, green, blue} {
			for i, v := range r.values[min(c, p.n-1)][:n] {
				to[i] = v*scale[c] + shift[c]
			}
		}
	}
}

// clamp returns the nearest value a byte can have.
func clamp(v float32) float32 {
	if v < 0 {
		return 0
	}
	if v > 255 {
		return 255
	}
	return v
}
