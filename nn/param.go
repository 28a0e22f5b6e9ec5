package nn

import (
	"fmt"
	"math/rand/v2"

	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/sparse"
	"github.com/seed073b5613/filigree/tensor"
)

// Param is a trained parameter: a name, a value that is dense or sparse, and a
// gradient with the value's storage. Seen as a matrix it is [M,K]: M is the first
// axis of its shape, K the product of the others.
type Param struct {
	Name   string // dotted path, set by Params; also the name in files
	Shape  []int
	Dense  *tensor.Tensor // exactly one of Dense and Sparse is set
	Sparse *sparse.Matrix
	Mask   *sparse.Mask   // with Dense only: dense storage under a mask
	Grad   *tensor.Tensor // laid out like the value; nil until training begins

	Prunable bool // a sparsifier may take weights away
	Parts    int  // equal parts of the rows that are each made as sparse, the gates of a cell; 0 for one
	Frozen   bool // gets no gradient for now; what is before it in the network does, through it
	NoDecay  bool // biases and norm parameters: weight decay leaves them alone
	Uses     int  // output positions a sample at the last forward pass (1 for a linear layer)

	// Local says that the layer can sample its outputs where the weights are random:
	// while Variance is set, a pass that records gradients does so.
	Local    bool
	Variance *Variance

	Spectral *Spectral // the weight is used divided by its largest singular value; nil for as it is

	// Scan, while set, makes Backward hand over the gradient as if all weights
	// existed: blocks of whole rows, g valid during the call only.
	Scan func(row int, g []float32)

	weight grad.Weight
}

// Variance makes the weights of a dense parameter random: each is normally distributed
// about its value, on its own, with this variance.
type Variance struct {
	Values, Grad []float32 // [M, K]
	Random       *rand.Rand

	weight grad.Weight
}

// perturbed returns a sample of y where the weights that made it from x are random; again
// computes the layer with other weights.
func (p *Param) perturbed(t *grad.Tape, x, y *grad.Var, again func(x *grad.Var, w *grad.Weight) *grad.Var) *grad.Var {
	v := p.Variance
	if v == nil || !t.Training() {
		return y
	}
	v.weight = grad.Weight{M: p.M(), K: p.K(), Dense: v.Values, Grad: v.Grad}
	return grad.Perturb(t, y, again(grad.Square(t, x), &v.weight), v.Random)
}

// NewParam returns a dense parameter of zeros.
func NewParam(shape ...int) *Param {
	return &Param{Shape: shape, Dense: tensor.New(shape...)}
}

// M returns the rows of the parameter seen as a matrix.
func (p *Param) M() int { return p.Shape[0] }

// K returns the columns of the parameter seen as a matrix.
func (p *Param) K() int { return tensor.Size(p.Shape[1:]) }

// Size returns the number of weights there could be.
func (p *Param) Size() int { return tensor.Size(p.Shape) }

// Values returns what is stored of the value: all weights, or those of the sparse matrix.
func (p *Param) Values() []float32 {
	if p.Sparse != nil {
		return p.Sparse.Values
	}
	return p.Dense.Data
}

// NNZ returns the number of weights that exist.
func (p *Param) NNZ() int {
	switch {
	case p.Sparse != nil:
		return p.Sparse.NNZ()
	case p.Mask != nil:
		return p.Mask.NNZ()
	}
	return p.Size()
}

// Density returns the share of weights that exist.
func (p *Param) Density() float64 { return float64(p.NNZ()) / float64(max(p.Size(), 1)) }

// Execution says how products with the parameter are computed: "sparse", "dense" or
// "masked dense".
func (p *Param) Execution() string {
	switch {
	case p.Sparse != nil:
		return "sparse"
	case p.Mask != nil:
		return "masked dense"
	}
	return "dense"
}

// Bytes returns the memory held by the value, its gradient and its indices.
func (p *Param) Bytes() int {
	n := 0
	if p.Sparse != nil {
		n = p.Sparse.Bytes()
	} else {
		n = 4 * len(p.Dense.Data)
	}
	if p.Mask != nil {
		n += 8 * len(p.Mask.Bits)
	}
	if p.Grad != nil {
		n += 4 * len(p.Grad.Data)
	}
	return n
}

// Topology returns the weights that exist: those of the sparse matrix or the mask, in
// their own blocks, or everything in blocks of R rows.
func (p *Param) Topology(R int) *sparse.Mask {
	switch {
	case p.Sparse != nil:
		return p.Sparse.Mask()
	case p.Mask != nil:
		return p.Mask
	}
	m := sparse.NewMask(p.M(), p.K(), R)
	m.Fill()
	return m
}

// SetSparse stores the weights of mask only, with the values they have.
func (p *Param) SetSparse(mask *sparse.Mask) {
	p.Sparse = sparse.FromDense(p.dense(), p.M(), p.K(), mask, mask.R)
	p.Dense, p.Mask = nil, nil
	p.resizeGrad()
}

// SetMasked stores all weights and holds those outside mask at zero.
func (p *Param) SetMasked(mask *sparse.Mask) {
	p.Dense, p.Mask, p.Sparse = tensor.Of(p.dense(), p.Shape...), mask, nil
	mask.Apply(p.Dense.Data)
	p.resizeGrad()
}

// SetDense stores all weights; those that did not exist are zero.
func (p *Param) SetDense() {
	p.Dense, p.Mask, p.Sparse = tensor.Of(p.dense(), p.Shape...), nil, nil
	p.resizeGrad()
}

// dense returns the value as a dense array, the parameter's own where it has one.
func (p *Param) dense() []float32 {
	if p.Sparse != nil {
		return p.Sparse.ToDense()
	}
	return p.Dense.Data
}

// Resized must be called after the entries of Sparse were edited: it gives the
// gradient the value's size. The gradient is zero afterwards.
func (p *Param) Resized() { p.resizeGrad() }

func (p *Param) resizeGrad() {
	if p.Grad != nil {
		p.Grad = nil
		p.NeedGrad()
	}
}

// NeedGrad makes sure that the parameter has a gradient; a new one is zero.
func (p *Param) NeedGrad() {
	if p.Grad == nil {
		p.Grad = tensor.New(len(p.Values()))
	}
}

// bound returns the parameter as an operand on the tape.
func (p *Param) bound(t *grad.Tape) *grad.Weight {
	w := &p.weight
	w.M, w.K = p.M(), p.K()
	w.Dense, w.Sparse, w.Mask, w.Scan = nil, p.Sparse, p.Mask, p.Scan
	if p.Dense != nil {
		w.Dense = p.Dense.Data
	}
	w.Grad = p.gradFor(t)
	return w
}

// values returns the stored values, nil for a layer without the parameter.
func (p *Param) values() []float32 {
	if p == nil {
		return nil
	}
	return p.Values()
}

// gradFor returns the gradient to add to, nil where none is wanted.
func (p *Param) gradFor(t *grad.Tape) []float32 {
	if p == nil || p.Frozen || !t.Training() {
		return nil
	}
	p.NeedGrad()
	return p.Grad.Data
}

// String returns the parameter's name, shape and density.
func (p *Param) String() string {
	return fmt.Sprintf("%s %v %s, density %.4g", p.Name, p.Shape, p.Execution(), p.Density())
}
