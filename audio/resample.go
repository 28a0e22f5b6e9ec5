package audio

import (
	"fmt"
	"math"

	"github.com/seed073b5613/filigree/kernel"
)

// The filter of a change of rate is a windowed sinc. Its pass band ends 5 % below the lower
// of the two Nyquist frequencies, where its stop band begins, 100 dB down: Kaiser's design
// ("Nonrecursive digital filter design using the I0-sinh window function", 1974).
const (
	passBand    = 0.95
	attenuation = 100 // dB

	mostPhases = 512 // of filters in the table; between them they are interpolated
)

// Resampler changes the sample rate of a signal that comes in pieces, by any ratio of
// whole numbers. Output sample i stands for the time of input sample i·from/to: there is no
// delay, beyond waiting for the input that a sample needs.
//
// Where the reduced ratio has at most 512 places between input samples, as between all
// usual rates, all outputs of one period are a product of the filters with overlapping
// pieces of the input; elsewhere each output is one of two neighbouring filters' results
// mixed, whose error is 106 dB down.
type Resampler struct {
	up, down int
	half     int       // taps on each side
	phases   int       // filters in the table, without the last, which is the first one sample later
	taps     []float32 // [phases+1, 2·half], or [up, 2·half+down-1] shifted to one beginning
	x        []float32 // input from sample first on
	first    int
	in, out  int // samples taken and given so far
	group    []float32
	result   []float32
}

// NewResampler panics on rates below 1.
func NewResampler(from, to int) *Resampler {
	if from < 1 || to < 1 {
		panic(fmt.Sprintf("audio: NewResampler: from %d to %d samples a second", from, to))
	}
	d := gcd(from, to)
	r := &Resampler{up: to / d, down: from / d}
	cutoff := min(1, float64(r.up)/float64(r.down)) // of the Nyquist frequency before
	width := (1 - passBand) * math.Pi * cutoff
	r.half = int(math.Ceil((attenuation - 7.95) / (2.285 * width) / 2))
	r.phases = min(r.up, mostPhases)
	cutoff *= (1 + passBand) / 2
	if from == to { // nothing to do: one tap of 1
		r.half, cutoff = 1, 1
	}
	filters := r.design(cutoff)
	if r.up <= mostPhases {
		up := r.up
		for r.up < 12 && 8*r.down < r.half { // a few periods together make a better product
			r.up, r.down = 2*r.up, 2*r.down
		}
		L := 2*r.half + r.down - 1
		r.taps = make([]float32, r.up*L)
		for p := range r.up {
			copy(r.taps[p*L+p*r.down/r.up:], filters[p*r.down%r.up*up/r.up*2*r.half:][:2*r.half])
		}
	} else {
		r.taps = filters
	}
	r.Reset()
	return r
}

// Reset forgets the signal and keeps the filters.
func (r *Resampler) Reset() {
	r.x = append(r.x[:0], make([]float32, r.half-1)...)
	r.first, r.in, r.out = 1-r.half, 0, 0
}

// design returns the filters for outputs at 0, 1/phases, … 1 between two input samples.
func (r *Resampler) design(cutoff float64) []float32 {
	const beta, steps = 0.1102 * (attenuation - 8.7), 4096
	var window [steps + 2]float64 // by the square of the distance from the middle
	for i := range window {
		window[i] = bessel(beta*math.Sqrt(max(0, 1-float64(i)/steps))) / bessel(beta)
	}
	n := 2 * r.half
	filters := make([]float32, (r.phases+1)*n)
	h := make([]float64, n)
	for p := range r.phases + 1 {
		sum := 0.0
		for j := range h {
			t := float64(p)/float64(r.phases) - float64(j-r.half+1) // from the tap, in samples before
			q := t / float64(r.half)
			h[j] = 0
			if at := q * q * steps; at < steps {
				k := int(at)
				h[j] = sinc(cutoff*t) * (window[k] + (at-float64(k))*(window[k+1]-window[k]))
			}
			sum += h[j]
		}
		for j, v := range h { // the same gain at every place
			filters[p*n+j] = float32(v / sum)
		}
	}
	return filters
}

// Push takes more of the signal and appends to dst what can be told of it at the new rate.
func (r *Resampler) Push(dst, x []float32) []float32 {
	r.x = append(r.x, x...)
	r.in += len(x)
	return r.run(dst, math.MaxInt)
}

// Flush ends the signal, with zeros after it, and appends the rest to dst: in all
// ⌈samples·to/from⌉.
func (r *Resampler) Flush(dst []float32) []float32 {
	total := (r.in*r.up + r.down - 1) / r.down
	r.x = append(r.x, make([]float32, r.half+2*r.down)...)
	dst = r.run(dst, total)
	r.Reset()
	return dst
}

// run appends what the input allows, up to output total.
func (r *Resampler) run(dst []float32, total int) []float32 {
	if r.up <= mostPhases {
		dst = r.groups(dst, total)
	} else {
		dst = r.singles(dst, total)
	}
	// Input before the next output's filter is done with.
	if done := r.out/r.up*r.down + r.out%r.up*r.down/r.up - r.half + 1 - r.first; done > 0 {
		done = min(done, len(r.x))
		r.x = r.x[:copy(r.x, r.x[done:])]
		r.first += done
	}
	return dst
}

// groups computes whole periods of up outputs: [up, L]·[L, n] for n periods at a time.
func (r *Resampler) groups(dst []float32, total int) []float32 {
	L := 2*r.half + r.down - 1
	most := max(1, (1<<16)/L)
	for r.out < total {
		begin := r.out/r.up*r.down - r.half + 1 - r.first
		n := min(most, (len(r.x)-begin-L+r.down)/r.down, (total-r.out-1)/r.up+1) // total may be the largest int
		if n < 1 {
			break
		}
		if cap(r.group) < n*L || cap(r.result) < n*r.up {
			r.group, r.result = make([]float32, n*L), make([]float32, n*r.up)
		}
		group, result := r.group[:n*L], r.result[:n*r.up]
		for i := range n {
			copy(group[i*L:(i+1)*L], r.x[begin+i*r.down:])
		}
		kernel.GEMM(false, true, r.up, n, L, 1, r.taps, L, group, L, 0, result, n)
		for i := range min(n*r.up, total-r.out) {
			dst = append(dst, result[i%r.up*n+i/r.up])
		}
		r.out += min(n*r.up, total-r.out)
	}
	return dst
}

// singles computes outputs one by one, each between two filters of the table.
func (r *Resampler) singles(dst []float32, total int) []float32 {
	n := 2 * r.half
	for ; r.out < total; r.out++ {
		whole := r.out/r.up*r.down + r.out%r.up*r.down/r.up
		begin := whole - r.half + 1 - r.first
		if begin+n > len(r.x) {
			break
		}
		place := float64(r.out%r.up*r.down%r.up) / float64(r.up) * float64(r.phases)
		p := int(place)
		x, share := r.x[begin:begin+n], float32(place-float64(p))
		a, b := dot(r.taps[p*n:][:n], x), dot(r.taps[(p+1)*n:][:n], x)
		dst = append(dst, a+share*(b-a))
	}
	return dst
}

// dot returns the sum of the products, added in four parts.
func dot(a, b []float32) float32 {
	var s0, s1, s2, s3 float32
	b = b[:len(a)]
	for len(a) >= 4 && len(b) >= 4 {
		s0 += a[0] * b[0]
		s1 += a[1] * b[1]
		s2 += a[2] * b[2]
		s3 += a[3] * b[3]
		a, b = a[4:], b[4:]
	}
	for i, v := range a {
		s0 += v * b[i]
	}
	return s0 + s1 + (s2 + s3)
}

// Resample changes the sample rate of x. The result has ⌈len(x)·to/from⌉ samples, without
// delay; see [Resampler]. At equal rates it is x itself.
func Resample(x []float32, from, to int) []float32 {
	if from == to && from > 0 || len(x) == 0 {
		return x
	}
	r := NewResampler(from, to)
	out := make([]float32, 0, len(x)*r.up/r.down+1)
	const block = 1 << 14
	for at := 0; at < len(x); at += block {
		out = r.Push(out, x[at:min(at+block, len(x))])
	}
	return r.Flush(out)
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

// bessel is the modified Bessel function of order 0.
func bessel(x float64) float64 {
	sum, term := 1.0, 1.0
	for k := 1.0; term > 1e-12*sum; k++ {
		term *= x * x / (4 * k * k)
		sum += term
	}
	return sum
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
