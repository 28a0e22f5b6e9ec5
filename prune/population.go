package prune

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/optim"
	"github.com/seed073b5613/filigree/sparse"
)

// A Population is a method that tries several networks, its members, on each batch.
type Population interface {
	Method
	// Members returns how many are tried at a step; 0 for a step like any other.
	Members(step int) int
	// Place gives the parameters of another network of the same shape those of a member. It
	// may be called for several members at a time.
	Place(step, member int, from, to []*nn.Param)
	// Gradients reports whether the mean of the members' gradients is wanted.
	Gradients() bool
	// Judge takes the losses of all members. This process placed the members from lo to hi;
	// sum adds up what several processes have, and may be nil.
	Judge(step int, from []*nn.Param, losses []float64, lo, hi int, sum func([]float32))
}

// Strategy trains the weights of a sparse network without gradients, by an evolution
// strategy (arXiv:1906.03139; Salimans et al. 2017, arXiv:1703.03864): members have weights
// θ + σ·s, s standard normal, and what takes the place of the gradient is
//
//	g = -1/σ · Σ u·s                                     (plain)
//	g = -σ · Σ u·s,  σ = σ·exp(η/2 · Σ u·(s² - 1))       (separable: a σ for each weight,
//	                 η = (3 + ln d) / (5·√d)              Schaul et al. 2011)
//
// with utilities u by rank. Noise comes in mirrored pairs. The topology is random and stays.
type Strategy struct {
	Static
	Population  int     // members of a generation
	Sigma       float64 // deviation of the noise, at first where Separable; 0: 0.02
	Separable   bool
	Independent bool // no pairs

	seed  uint64
	sigma [][]float32 // separable: by parameter
}

// Begin draws the topology.
func (e *Strategy) Begin(ws []Weight, rng *rand.Rand) error {
	if err := checkPopulation("evolution strategy", e.Population); err != nil {
		return err
	}
	if e.Sigma == 0 {
		e.Sigma = 0.02
	}
	if err := e.Static.Begin(ws, rng); err != nil {
		return err
	}
	e.seed = rng.Uint64()
	return nil
}

func checkPopulation(name string, n int) error {
	if n < 2 || n%2 != 0 || n > 1<<16 {
		return fmt.Errorf("prune: %s: a population of %d: must be even, from 2 to %d", name, n, 1<<16)
	}
	return nil
}

// Members returns the population.
func (e *Strategy) Members(int) int { return e.Population }

// Gradients returns false.
func (e *Strategy) Gradients() bool { return false }

// Place gives a member its weights.
func (e *Strategy) Place(step, member int, from, to []*nn.Param) {
	for i, p := range from {
		if p.Sparse != nil && to[i].Sparse == nil {
			to[i].Sparse, to[i].Dense, to[i].Grad = p.Sparse.Clone(), nil, nil
		} else if p.Mask != nil {
			to[i].Mask = p.Mask
		}
		v := to[i].Values()
		optim.NewNoise(optim.NormalNoise, e.seed, step, member, i, !e.Independent).Fill(v, 0)
		for j, x := range p.Values() {
			v[j] = x + e.deviation(i, j)*v[j]
		}
		if p.Mask != nil {
			p.Mask.Apply(v)
		}
	}
}

func (e *Strategy) deviation(i, j int) float32 {
	if e.sigma != nil {
		return e.sigma[i][j]
	}
	return float32(e.Sigma)
}

// Judge sets the gradients of the parameters to the estimate.
func (e *Strategy) Judge(step int, from []*nn.Param, losses []float64, lo, hi int, sum func([]float32)) {
	u := optim.Utilities(losses)
	if e.Separable && e.sigma == nil {
		e.sigma = make([][]float32, len(from))
		for i, p := range from {
			e.sigma[i] = slices.Repeat([]float32{float32(e.Sigma)}, len(p.Values()))
		}
	}
	for i, p := range from {
		n := len(p.Values())
		mean, spread := optim.SearchGradient(e.Population, lo, hi, n, u, !e.Independent, e.Separable, func(member int) optim.Noise {
			return optim.NewNoise(optim.NormalNoise, e.seed, step, member, i, !e.Independent)
		}, sum)
		p.NeedGrad()
		for j, g := range mean {
			if e.Separable {
				p.Grad.Data[j] = -e.sigma[i][j] * g
			} else {
				p.Grad.Data[j] = -g / float32(e.Sigma)
			}
		}
		if e.Separable {
			optim.Adapt(e.sigma[i], spread)
		}
		if p.Mask != nil {
			p.Mask.Apply(p.Grad.Data)
		}
	}
}

// Cost returns a forward pass of the sparse net for every member.
func (e *Strategy) Cost(sparse, _ float64, _ int) float64 { return float64(e.Population) * sparse }

// MarshalBinary returns the deviations and the seed.
func (e *Strategy) MarshalBinary() ([]byte, error) {
	return marshalSearch(searchState{Seed: e.seed, Sigma: arraysOf(e.sigma)})
}

// UnmarshalBinary restores what MarshalBinary returned, after Begin.
func (e *Strategy) UnmarshalBinary(b []byte) error {
	s, err := unmarshalSearch(b)
	if err != nil {
		return err
	}
	e.seed, e.sigma = s.Seed, nil
	for _, a := range s.Sigma {
		e.sigma = append(e.sigma, floatsOf(a))
	}
	return nil
}

// place gives a parameter the weights of a mask out of a dense array.
func place(p *nn.Param, dense []float32, mask *sparse.Mask) {
	if !runsDense(mask) {
		p.Sparse, p.Dense, p.Mask, p.Grad = sparse.FromDense(dense, mask.M, mask.K, mask, mask.R), nil, nil, nil
		return
	}
	if p.Dense == nil {
		*p = nn.Param{Name: p.Name, Shape: p.Shape, Dense: nn.NewParam(p.Shape...).Dense, Prunable: p.Prunable, Parts: p.Parts, Local: p.Local}
	}
	p.Sparse, p.Mask = nil, mask
	refresh(p, dense)
}

// refresh brings the weights that a parameter has up to those of a dense array.
func refresh(p *nn.Param, dense []float32) {
	if p.Sparse != nil {
		clear(p.Sparse.Values)
		p.Sparse.Gather(dense, p.Sparse.Values)
		return
	}
	copy(p.Dense.Data, dense)
	if p.Mask != nil {
		p.Mask.Apply(p.Dense.Data)
	}
}
