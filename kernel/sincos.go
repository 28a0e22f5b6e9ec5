package kernel

import (
	"fmt"
	"math"
)

// Sincos computes s = sin x and c = cos x, to 1e-6 for |x| up to 10,000. The argument is
// taken to the nearest multiple of π/2 in three parts (Cody and Waite 1980); polynomials
// of degree 7 and 8 do the rest.
func Sincos(s, c, x []float32) {
	if len(s) != len(x) || len(c) != len(x) {
		panic(fmt.Sprintf("kernel: Sincos: slices of %d, %d and %d elements", len(s), len(c), len(x)))
	}
	t := elementTasks.Get().(*elementTask)
	t.dst, t.a, t.m = s, x, c
	t.f = func(t *elementTask, lo, n int) { sincos(t.dst[lo:lo+n], t.m[lo:lo+n], t.a[lo:lo+n]) }
	t.do("Sincos")
}

func sincos(s, c, x []float32) {
	const (
		a = 1.5703125
		b = 4.837512969970703125e-4
		d = 7.549789948768648e-8
	)
	s, c = s[:len(x)], c[:len(x)]
	for i, v := range x {
		q := int32(v*(2/math.Pi) + float32(math.Copysign(0.5, float64(v))))
		k := float32(q)
		r := ((v - k*a) - k*b) - k*d
		z := r * r
		sn := r + r*z*(-1.0/6+z*(8.3333294e-3-z*1.9515296e-4))
		cs := 1 - 0.5*z + z*z*(4.166664568e-2+z*(-1.388731625e-3+z*2.443315711e-5))
		if q&1 != 0 {
			sn, cs = cs, -sn
		}
		if q&2 != 0 {
			sn, cs = -sn, -cs
		}
		s[i], c[i] = sn, cs
	}
}
