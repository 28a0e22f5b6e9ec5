package sparse

import "fmt"

// AddTo adds values, laid out like m.Values, to their places in a dense array [M,K].
func (m *Matrix) AddTo(dense, values []float32) {
	if len(values) != len(m.Values) || len(dense) != m.M*m.K {
		panic(fmt.Sprintf("sparse: AddTo: %d values to %d, matrix has %d of [%d,%d]", len(values), len(dense), len(m.Values), m.M, m.K))
	}
	for e := range m.Entries {
		for r := range m.rows(e.Group) {
			dense[(e.Group*m.R+r)*m.K+e.Col] += values[e.Pos*m.R+r]
		}
	}
}

// Gather adds to values, laid out like m.Values, what stands in a dense array [M,K] at the
// entries of m. It is the reverse of [Matrix.Scatter].
func (m *Matrix) Gather(dense, values []float32) {
	if len(values) != len(m.Values) || len(dense) != m.M*m.K {
		panic(fmt.Sprintf("sparse: Gather: %d values from %d, matrix has %d of [%d,%d]", len(values), len(dense), len(m.Values), m.M, m.K))
	}
	for e := range m.Entries {
		for r := range m.rows(e.Group) {
			values[e.Pos*m.R+r] += dense[(e.Group*m.R+r)*m.K+e.Col]
		}
	}
}
