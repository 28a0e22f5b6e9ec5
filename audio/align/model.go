package align

import (
	"math"

	"github.com/seed073b5613/filigree/internal/parallel"
	"github.com/seed073b5613/filigree/kernel"
)

// Model holds the mixtures of all states, those of silence last.
type Model struct {
	Phones []string // sorted

	G          int       // Gaussians a state
	Means, Var []float32 // [states, G, 39]
	Shares     []float32 // [states, G], of the Gaussians in their state

	terms []float32 // [states·G, 2·39+1], see prepare
}

func (m *Model) silence() int { return len(m.Phones) * statesPerPhone }
func (m *Model) states() int  { return m.silence() + 1 }

// Floors: of a variance, as a share of that of all frames, and of a mixture's share.
const (
	varianceFloor = 0.02
	shareFloor    = 1e-3
)

// prepare writes each Gaussian's log density as a product: with a = 1/var, it is
// -½Σ a·x² + Σ a·mean·x + constant.
func (m *Model) prepare() {
	const D = dimensions
	n := m.states() * m.G
	m.terms = make([]float32, n*(2*D+1))
	for g := range n {
		row := m.terms[g*(2*D+1):][:2*D+1]
		c := math.Log(float64(max(m.Shares[g], shareFloor)))
		for d := range D {
			v, mean := float64(m.Var[g*D+d]), float64(m.Means[g*D+d])
			row[d], row[D+d] = float32(-0.5/v), float32(mean/v)
			c -= 0.5 * (math.Log(2*math.Pi*v) + mean*mean/v)
		}
		row[2*D] = float32(c)
	}
}

// likelihoods returns the log likelihood of each frame in each state, [states, T]: that of
// the best Gaussian.
func (m *Model) likelihoods(features []float32, T int) []float32 {
	const D = dimensions
	x := make([]float32, (2*D+1)*T)
	kernel.Mul(x[:D*T], features, features)
	copy(x[D*T:], features)
	for t := range T {
		x[2*D*T+t] = 1
	}
	n := m.states() * m.G
	all := make([]float32, n*T)
	if T > 0 {
		kernel.GEMM(false, false, n, T, 2*D+1, 1, m.terms, 2*D+1, x, T, 0, all, T)
	}
	out := all[:m.states()*T]
	for s := range m.states() {
		row := out[s*T : (s+1)*T]
		copy(row, all[s*m.G*T:]) // never behind what is still to be read
		for g := 1; g < m.G; g++ {
			for t, v := range all[(s*m.G+g)*T : (s*m.G+g+1)*T] {
				row[t] = max(row[t], v)
			}
		}
	}
	return out
}

// split makes two Gaussians of each, 0.2 deviations at both sides of its mean.
func (m *Model) split() {
	const D = dimensions
	n := m.states() * m.G
	means, variances, shares := make([]float32, 0, 2*n*D), make([]float32, 0, 2*n*D), make([]float32, 0, 2*n)
	for g := range n {
		for _, sign := range []float64{-1, 1} {
			for d := range D {
				v := m.Var[g*D+d]
				means = append(means, m.Means[g*D+d]+float32(0.2*sign*math.Sqrt(float64(v))))
				variances = append(variances, v)
			}
			shares = append(shares, m.Shares[g]/2)
		}
	}
	m.G, m.Means, m.Var, m.Shares = 2*m.G, means, variances, shares
}

// training is a model with what it learns from.
type training struct {
	m      *Model
	us     []Utterance
	chains []chain
	paths  [][]int32
	scores []float64

	floor  []float32 // of the variances, [39]
	frames [][]place // of each state
}

// place is a frame of an utterance.
type place struct{ u, t int32 }

// Run aligns one utterance.
func (t *training) Run(i int) {
	if t.paths[i] != nil {
		t.paths[i], t.scores[i] = t.m.viterbi(t.us[i], t.chains[i])
	}
}

func (t *training) likelihood() float64 {
	sum, n := 0.0, 0
	for i, u := range t.us {
		if t.paths[i] != nil {
			sum += t.scores[i]
			n += u.frames()
		}
	}
	return sum / float64(max(n, 1))
}

// start gives every state one Gaussian from the flat paths.
func (t *training) start() {
	const D = dimensions
	m := t.m
	n := m.states()
	sum, squares, count := make([]float64, D), make([]float64, D), 0.0
	for i, u := range t.us {
		if t.paths[i] == nil {
			continue
		}
		T := u.frames()
		for d := range D {
			for _, v := range u.Features[d*T : (d+1)*T] {
				sum[d] += float64(v)
				squares[d] += float64(v) * float64(v)
			}
		}
		count += float64(T)
	}
	m.G, m.Means, m.Var, m.Shares = 1, make([]float32, n*D), make([]float32, n*D), make([]float32, n)
	t.floor = make([]float32, D)
	for d := range D {
		mean := sum[d] / max(count, 1)
		v := max(squares[d]/max(count, 1)-mean*mean, 1e-8)
		t.floor[d] = float32(varianceFloor * v)
		for s := range n {
			m.Means[s*D+d], m.Var[s*D+d] = float32(mean), float32(v)
		}
	}
	for s := range n {
		m.Shares[s] = 1
	}
	t.estimate()
}

// estimate fits the mixtures to the frames on the paths: one step of expectation and
// maximisation inside each state.
func (t *training) estimate() {
	t.frames = make([][]place, t.m.states())
	for i, path := range t.paths {
		for f, at := range path {
			s := t.chains[i].states[at]
			t.frames[s] = append(t.frames[s], place{int32(i), int32(f)})
		}
	}
	parallel.Do(t.m.states(), estimator{t})
	t.m.prepare()
}

type estimator struct{ *training }

// Run fits the mixture of one state. A state that is not on any path keeps its own.
func (e estimator) Run(s int) {
	const D = dimensions
	m, frames := e.m, e.frames[s]
	if len(frames) == 0 {
		return
	}
	G := m.G
	count, sum, squares := make([]float64, G), make([]float64, G*D), make([]float64, G*D)
	x, post := make([]float64, D), make([]float64, G)
	constant := make([]float64, G)
	for g := range G {
		at := (s*G + g) * D
		constant[g] = math.Log(float64(max(m.Shares[s*G+g], shareFloor)))
		for d := range D {
			constant[g] -= 0.5 * math.Log(float64(m.Var[at+d]))
		}
	}
	for _, p := range frames {
		u := e.us[p.u]
		T := u.frames()
		for d := range D {
			x[d] = float64(u.Features[d*T+int(p.t)])
		}
		m.posterior(s, x, constant, post)
		for g, w := range post {
			if w < 1e-4 {
				continue
			}
			count[g] += w
			for d, v := range x {
				sum[g*D+d] += w * v
				squares[g*D+d] += w * v * v
			}
		}
	}
	for g := range G {
		m.Shares[s*G+g] = float32(count[g] / float64(len(frames)))
		if count[g] < 3 {
			continue // too few to say anything
		}
		for d := range D {
			mean := sum[g*D+d] / count[g]
			at := (s*G+g)*D + d
			m.Means[at] = float32(mean)
			m.Var[at] = max(float32(squares[g*D+d]/count[g]-mean*mean), e.floor[d])
		}
	}
}

// posterior sets post to the probabilities of the Gaussians of a state given a frame.
func (m *Model) posterior(s int, x, constant, post []float64) {
	const D = dimensions
	top := math.Inf(-1)
	for g := range post {
		at := (s*m.G + g) * D
		l := constant[g]
		for d, v := range x {
			diff := v - float64(m.Means[at+d])
			l -= 0.5 * diff * diff / float64(m.Var[at+d])
		}
		post[g] = l
		top = max(top, l)
	}
	sum := 0.0
	for g, l := range post {
		post[g] = math.Exp(l - top)
		sum += post[g]
	}
	for g := range post {
		post[g] /= sum
	}
}
