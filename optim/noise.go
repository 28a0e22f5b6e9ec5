package optim

import (
	"math"
	"slices"
	"sync"

	"github.com/seed073b5613/filigree/kernel"
)

// noiseLevels is the number of values noise can have: the quantiles of its distribution at
// the middles of so many equal shares.
const noiseLevels = 1 << 12

// Levels are the values of noise of one distribution.
type Levels [noiseLevels]float32

// The distributions of noise: normal of variance 1, logistic and Gumbel.
var (
	NormalNoise   = quantiles(func(p float64) float64 { return math.Sqrt2 * math.Erfinv(2*p-1) })
	LogisticNoise = quantiles(func(p float64) float64 { return math.Log(p / (1 - p)) })
	GumbelNoise   = quantiles(func(p float64) float64 { return -math.Log(-math.Log(p)) })
)

func quantiles(at func(p float64) float64) *Levels {
	var l Levels
	for i := range l {
		l[i] = float32(at((float64(i) + 0.5) / noiseLevels))
	}
	return &l
}

func init() { // of variance 1 despite the levels
	sum := 0.0
	for _, v := range NormalNoise {
		sum += float64(v) * float64(v) / noiseLevels
	}
	for i := range NormalNoise[:noiseLevels/2] {
		NormalNoise[i] /= float32(math.Sqrt(sum))
		NormalNoise[noiseLevels-1-i] = -NormalNoise[i]
	}
}

// Noise is what the members of a population differ by: for each coordinate of a tensor a
// number that is a function of where it stands, and in which generation and member, and of
// nothing else. It is never stored or sent: any process makes any part of it again.
type Noise struct {
	key      uint64
	mirrored bool // each level p is 1-p: the other member of a pair
	*Levels
}

// NewNoise returns the noise of a member. Where members come in pairs, an odd one mirrors
// that before it.
func NewNoise(l *Levels, seed uint64, generation, member, tensor int, pairs bool) Noise {
	n := Noise{Levels: l}
	if pairs {
		n.mirrored = member%2 == 1
		member /= 2
	}
	n.key = seed
	for _, x := range []int{generation, member, tensor} {
		n.key = mix(n.key + goldenGamma*uint64(x+1))
	}
	return n
}

// Fill writes the noise of the coordinates from at on, a multiple of 4.
func (n Noise) Fill(dst []float32, at int) {
	flip := uint64(0)
	if n.mirrored {
		flip = math.MaxUint64
	}
	counter, table := n.key+goldenGamma*uint64(at/4), n.Levels
	for len(dst) >= 4 {
		h := mix(counter) ^ flip
		dst[0], dst[1] = table[h%noiseLevels], table[h>>16%noiseLevels]
		dst[2], dst[3] = table[h>>32%noiseLevels], table[h>>48%noiseLevels]
		dst = dst[4:]
		counter += goldenGamma
	}
	for i, h := 0, mix(counter)^flip; i < len(dst); i++ {
		dst[i] = table[h%noiseLevels]
		h >>= 16
	}
}

const goldenGamma = 0x9e3779b97f4a7c15

// mix is the output function of SplitMix64 (Steele, Lea and Flood 2014), a generator whose
// state is a counter.
func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// Utilities returns what members of these losses count in an update (arXiv:1906.03139): by
// rank k from the best, 1, to the worst, n,
//
//	raw = max(0, ln(n/2 + 1) - ln k),   u = raw / Σ raw - 1/n
//
// They add up to 0 and depend on the order of the losses only; equal losses share the mean of
// their ranks' utilities. What is not a number ranks last.
func Utilities(losses []float64) []float64 {
	n := len(losses)
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	worth := func(i int) float64 {
		if math.IsNaN(losses[i]) {
			return math.Inf(1)
		}
		return losses[i]
	}
	slices.SortStableFunc(order, func(i, j int) int {
		switch a, b := worth(i), worth(j); {
		case a < b:
			return -1
		case a > b:
			return 1
		}
		return 0
	})
	raw, sum := make([]float64, n), 0.0
	for k := range raw {
		raw[k] = max(0, math.Log(float64(n)/2+1)-math.Log(float64(k+1)))
		sum += raw[k]
	}
	u := make([]float64, n)
	for k := 0; k < n; {
		end, mean := k, 0.0
		for ; end < n && worth(order[end]) == worth(order[k]); end++ {
			mean += raw[end]
		}
		for _, i := range order[k:end] {
			u[i] = mean/float64(end-k)/sum - 1/float64(n)
		}
		k = end
	}
	return u
}

// SumMembers sets dst to the sum over the members lo to hi of n: add adds those of some
// members to an array of the size of dst. Each half of the members is added up in order, and
// then the two, so that two processes that hold a half each get the bits that one gets.
func SumMembers(dst []float32, n, lo, hi int, add func(dst []float32, lo, hi int)) {
	clear(dst)
	half := n / 2
	if n%4 != 0 { // it would cut a pair
		half = n
	}
	if lo >= half || hi <= half {
		add(dst, lo, hi)
		return
	}
	add(dst, lo, half)
	room := sumRooms.Get().(*[]float32)
	defer sumRooms.Put(room)
	if cap(*room) < len(dst) {
		*room = make([]float32, len(dst))
	}
	second := (*room)[:len(dst)]
	clear(second)
	add(second, half, hi)
	kernel.AddTo(dst, second)
}

var sumRooms = sync.Pool{New: func() any { return new([]float32) }}
