package online

import (
	"slices"

	"github.com/seed073b5613/filigree/nn"
)

// keysOf returns the flat key, row·K + column, of each stored value, its row and its column; nil
// where all weights are stored. Values of rows that a short last block lacks have key and column -1.
func keysOf(p *nn.Param) (keys []int64, rows, cols []int32) {
	if p.Sparse == nil {
		return nil, nil, nil
	}
	m := p.Sparse
	keys, rows, cols = make([]int64, len(m.Values)), make([]int32, len(m.Values)), make([]int32, len(m.Values))
	for e := range m.Entries {
		for r := range m.R {
			row := e.Group*m.R + r
			at := e.Pos*m.R + r
			keys[at], rows[at], cols[at] = int64(row)*int64(m.K)+int64(e.Col), int32(row), int32(e.Col)
			if row >= m.M {
				keys[at], rows[at], cols[at] = -1, 0, -1
			}
		}
	}
	return keys, rows, cols
}

// follow makes the influence fit the topology. Weights that are new start without.
func (d *diagonal) follow() {
	l := d.l
	for i, p := range []*nn.Param{l.r.Input, l.r.Recurrent} {
		keys, rows, cols := keysOf(p)
		old := d.keys[i]
		d.keys[i], d.rowOf[i], d.colOf[i] = keys, rows, cols
		if l.B == 0 {
			continue
		}
		for s := range d.hidden {
			d.hidden[s] = d.hidden[s].moved(i, p, old, keys)
		}
		for s := range d.memory {
			d.memory[s] = d.memory[s].moved(i, p, old, keys)
		}
	}
}

// moved returns the slot with the values of a parameter at the places the new keys give them.
func (s slot) moved(i int, p *nn.Param, old, now []int64) slot {
	v := &s.input
	if i == 1 {
		v = &s.recurrent
	}
	from := *v
	switch {
	case p.Sparse == nil && p.Mask != nil:
		p.Mask.Apply(from)
	case p.Sparse != nil && !slices.Equal(old, now):
		*v = make([]float32, len(now))
		before := map[int64]int{}
		for at, key := range old {
			before[key] = at
		}
		for at, key := range now {
			if key < 0 {
				continue
			}
			if old == nil { // all weights were stored
				(*v)[at] = from[key]
			} else if b, ok := before[key]; ok {
				(*v)[at] = from[b]
			}
		}
	}
	return s
}
