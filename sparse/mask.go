package sparse

import (
	"fmt"
	"math/bits"
)

// Mask says which R×1 blocks of an M×K matrix exist: bit group*K + column.
type Mask struct {
	M, K, R int
	Bits    []uint64
}

// NewMask returns an empty mask of an M×K matrix in blocks of R×1.
func NewMask(M, K, R int) *Mask {
	checkBlock(R)
	if M < 0 || K < 0 {
		panic(fmt.Sprintf("sparse: NewMask: shape [%d,%d]", M, K))
	}
	m := &Mask{M: M, K: K, R: R}
	m.Bits = make([]uint64, (m.Blocks()+63)/64)
	return m
}

// Groups returns the number of row groups.
func (m *Mask) Groups() int { return (m.M + m.R - 1) / m.R }

// Blocks returns the number of blocks there could be, Groups()*K.
func (m *Mask) Blocks() int { return m.Groups() * m.K }

// Get reports whether the block at a group and column exists.
func (m *Mask) Get(group, col int) bool {
	i := m.at(group, col)
	return m.Bits[i/64]>>(i%64)&1 != 0
}

// Set makes the block at a group and column exist or not.
func (m *Mask) Set(group, col int, on bool) {
	i := m.at(group, col)
	if on {
		m.Bits[i/64] |= 1 << (i % 64)
	} else {
		m.Bits[i/64] &^= 1 << (i % 64)
	}
}

func (m *Mask) at(group, col int) int {
	if group < 0 || group >= m.Groups() || col < 0 || col >= m.K {
		panic(fmt.Sprintf("sparse: Mask: block (%d,%d) of (%d,%d)", group, col, m.Groups(), m.K))
	}
	return group*m.K + col
}

// Fill makes all blocks exist.
func (m *Mask) Fill() {
	for i := range m.Bits {
		m.Bits[i] = ^uint64(0)
	}
	if rest := m.Blocks() % 64; rest != 0 {
		m.Bits[len(m.Bits)-1] = 1<<rest - 1
	}
}

// Count returns the number of blocks that exist.
func (m *Mask) Count() int {
	n := 0
	for _, b := range m.Bits {
		n += bits.OnesCount64(b)
	}
	return n
}

// NNZ returns the number of weights in the blocks that exist.
func (m *Mask) NNZ() int {
	n := m.Count() * m.R
	if short := m.M % m.R; short != 0 {
		for i := (m.Groups() - 1) * m.K; i < m.Blocks(); i++ {
			n -= int(m.Bits[i/64]>>(i%64)&1) * (m.R - short)
		}
	}
	return n
}

// Keys yields the flat keys, group*K + column, of the blocks that exist, ascending.
func (m *Mask) Keys(yield func(key int64) bool) {
	for i, b := range m.Bits {
		for ; b != 0; b &= b - 1 {
			if !yield(int64(i*64 + bits.TrailingZeros64(b))) {
				return
			}
		}
	}
}

// Apply sets the weights of a dense [M,K] array that do not exist to zero.
func (m *Mask) Apply(dense []float32) {
	if len(dense) != m.M*m.K {
		panic(fmt.Sprintf("sparse: Mask.Apply: %d values for [%d,%d]", len(dense), m.M, m.K))
	}
	for i := range m.M {
		base := i / m.R * m.K
		row := dense[i*m.K : (i+1)*m.K]
		for j := range row {
			if at := base + j; m.Bits[at/64]>>(at%64)&1 == 0 {
				row[j] = 0
			}
		}
	}
}
