package online

import (
	"github.com/seed073b5613/filigree/kernel"
	"github.com/seed073b5613/filigree/nn"
)

// stepwise reports whether a chunk is one step that nothing but the gradient is wanted of: then
// e and g are visited once, rather than once for what was before and once for the step.
func (d *diagonal) stepwise(c chunkGrad) bool {
	return c.T == 1 && c.mem == nil && d.l.r.Input.Scan == nil && d.l.r.Recurrent.Scan == nil
}

// one is the input of a bias.
var one = []float32{1}

// step carries the influence over a single step and adds its gradient, for one state a unit.
func (d *diagonal) step(c chunkGrad) {
	l, GH := d.l, c.G*c.H
	d.terms(c)
	d.phi, d.alpha = fit(d.phi, GH), fit(d.alpha, GH)
	d.tmpA, d.gatherA, d.tmpX = fit(d.tmpA, GH), fit(d.gatherA, GH), fit(d.tmpX, max(l.C, c.H))
	for b := range c.B {
		for row := range GH {
			u := row%c.H*c.B + b
			d.phi[row], d.alpha[row] = d.hh[u], c.d[u]
			d.tmpA[row] = c.rec[row*c.B+b]
			d.gatherA[row] = d.tmpA[row]
			if c.cand != nil && row >= 2*c.H {
				d.gatherA[row] = c.cand[u]
			}
		}
		e := d.hidden[b]
		for i := range l.C {
			d.tmpX[i] = c.x[i*c.B+b]
		}
		d.visit(0, l.r.Input, d.gatherA, e.input)
		for u := range c.H {
			d.tmpX[u] = c.h[u*c.B+b]
		}
		d.visit(1, l.r.Recurrent, d.tmpA, e.recurrent)
		kernel.InfluenceStep(GH, 1, d.phi, d.gatherA, one, d.alpha, e.bias, l.r.Bias.Grad.Data)
		if l.nbias != nil {
			kernel.InfluenceStep(c.H, 1, d.phi, d.tmpA[2*c.H:], one, d.alpha, e.nbias, l.nbias.Grad.Data)
		}
	}
}

// visit computes e = phi·e + coef·x and g += alpha·e for the weights of a parameter that exist.
func (d *diagonal) visit(i int, p *nn.Param, coef, e []float32) {
	g := p.Grad.Data
	if p.Sparse == nil {
		kernel.InfluenceStep(p.M(), p.K(), d.phi, coef, d.tmpX, d.alpha, e, g)
		if p.Mask != nil {
			p.Mask.Apply(e)
			p.Mask.Apply(g)
		}
		return
	}
	cols := d.colOf[i]
	for at, row := range d.rowOf[i] {
		if col := cols[at]; col >= 0 {
			e[at] = d.phi[row]*e[at] + coef[row]*d.tmpX[col]
			g[at] += d.alpha[row] * e[at]
		}
	}
}
