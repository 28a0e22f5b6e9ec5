package online

import (
	"math"

	"github.com/seed073b5613/filigree/kernel"
)

// uoro is UORO (Tallec and Ollivier, arXiv:1702.05043, algorithm 1): J is estimated by an outer
// product s·θᵀ. With signs ν drawn anew at each step,
//
//	s = ρ₀·D·s + ρ₁·ν    θ = θ/ρ₀ + νᵀI/ρ₁
//	ρ₀ = √(|θ|/|D·s|)    ρ₁ = √(|νᵀI|/|ν|)
//
// with a small number added to each norm. Both start from zero: a random start biases the first
// steps. Sequences have signs of their own.
type uoro struct {
	l     *Learner
	d     dynamics
	cols  []column
	outer []bool // columns of an LSTM's output gate
	s, th [][]float32
	w, nu []float32
	fs    []float32

	in   panels         // reads the steps
	sign func() float32 // of the next state; nil for the learner's random numbers
}

// uoroEpsilon is added to the norms.
const uoroEpsilon = 1e-7

func (r *uoro) follow() {
	old, l := r.cols, r.l
	r.d.build(l)
	r.in.l, r.in.d.W = l, r.d.W
	r.cols, r.outer = nil, nil
	for row, cs := range l.columnsOf() {
		r.cols = append(r.cols, cs...)
		for range cs {
			r.outer = append(r.outer, row/l.H == 3)
		}
	}
	before := map[int64]int{}
	for i, c := range old {
		before[c.key] = i
	}
	for b := range r.th {
		th := make([]float32, len(r.cols))
		for i, c := range r.cols {
			if j, ok := before[c.key]; ok {
				th[i] = r.th[b][j]
			}
		}
		r.th[b] = th
	}
}

func (r *uoro) resize() {
	r.s, r.th = nil, nil
	for range r.l.B {
		r.s, r.th = append(r.s, make([]float32, r.l.H*r.d.W)), append(r.th, make([]float32, len(r.cols)))
	}
}

func (r *uoro) reset() {
	for b := range r.s {
		clear(r.s[b])
		clear(r.th[b])
	}
}

func (r *uoro) arrays() [][]float32 { return append(r.s[:len(r.s):len(r.s)], r.th...) }
func (r *uoro) entries() int        { return r.l.H*r.d.W + len(r.cols) }
func (r *uoro) work() int64         { return int64(len(r.d.cols) + 4*len(r.cols)) }

func norm(x []float32) float64 { return math.Sqrt(kernel.SumSquares(x)) + uoroEpsilon }

// learn carries the estimate over each step of a chunk and adds its gradient.
func (r *uoro) learn(c chunkGrad) {
	r.d.load()
	n := len(r.cols)
	r.w, r.nu, r.fs = fit(r.w, n), fit(r.nu, len(r.d.offsets)-1), fit(r.fs, len(r.d.offsets)-1)
	grads := r.l.gradients()
	for b := range c.B {
		for s := range c.T {
			r.d.set(c, s, b)
			r.in.read(c, s, b)
			r.step(b)
			scale := float32(0)
			for i, d := range r.in.dy {
				scale += d * r.s[b][i]
			}
			if scale == 0 {
				continue
			}
			for i, k := range r.cols {
				grads[k.param][k.at] += scale * r.th[b][i]
			}
		}
	}
	r.l.scanChunk(c)
}

// step carries the estimate of a sequence over one step.
func (r *uoro) step(b int) {
	kernel.MixRows(r.d.offsets, r.d.cols, r.d.val, 1, r.s[b], 1, r.fs, 1)
	for i := range r.nu {
		r.nu[i] = r.draw()
	}
	W, H := r.d.W, int32(r.l.H)
	for i, k := range r.cols {
		u := int(k.coef % H)
		v := r.nu[u*W+W-1] * r.in.coefs[k.coef]
		if W == 2 && !r.outer[i] {
			v += r.nu[u*W] * r.in.memory[k.coef]
		}
		r.w[i] = v * r.in.inputs[k.src]
	}
	rho0 := math.Sqrt(norm(r.th[b]) / norm(r.fs))
	rho1 := math.Sqrt(norm(r.w) / norm(r.nu))
	for i, f := range r.fs {
		r.s[b][i] = float32(rho0)*f + float32(rho1)*r.nu[i]
	}
	kernel.Scale(float32(1/rho0), r.th[b], r.th[b])
	kernel.Axpy(float32(1/rho1), r.w, r.th[b])
}

func (r *uoro) draw() float32 {
	if r.sign != nil {
		return r.sign()
	}
	return float32(r.l.pcg.Uint64()>>63)*2 - 1
}
