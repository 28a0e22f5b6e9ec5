package online

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// MarshalBinary returns the state of the sequences: what the learner knows of the past, and the
// position of its random numbers.
func (l *Learner) MarshalBinary() ([]byte, error) {
	pcg, err := l.pcg.MarshalBinary()
	if err != nil {
		return nil, err
	}
	out := binary.LittleEndian.AppendUint32(nil, uint32(len(pcg)))
	out = append(out, pcg...)
	out = binary.LittleEndian.AppendUint32(out, uint32(l.B))
	for _, a := range l.saved() {
		out = binary.LittleEndian.AppendUint32(out, uint32(len(a)))
		for _, v := range a {
			out = binary.LittleEndian.AppendUint32(out, math.Float32bits(v))
		}
	}
	return out, nil
}

// saved lists the arrays of the state, in order.
func (l *Learner) saved() [][]float32 {
	l.ready()
	all := [][]float32{l.state}
	if l.rule != nil && l.B > 0 {
		all = append(all, l.rule.arrays()...)
	}
	return all
}

// maxBatch bounds the number of sequences a state may be of.
const maxBatch = 1 << 16

var errShort = errors.New("online: the state of the learner ends early")

// UnmarshalBinary restores what MarshalBinary returned, for the same layer with the same
// topology.
func (l *Learner) UnmarshalBinary(p []byte) error {
	number := func() (int, error) {
		if len(p) < 4 {
			return 0, errShort
		}
		n := binary.LittleEndian.Uint32(p)
		p = p[4:]
		return int(n), nil
	}
	n, err := number()
	if err != nil || n > len(p) {
		return errShort
	}
	if err := l.pcg.UnmarshalBinary(p[:n]); err != nil {
		return fmt.Errorf("online: random numbers of the learner: %w", err)
	}
	p = p[n:]
	B, err := number()
	if err != nil {
		return err
	}
	l.Follow() // the topology may have been restored since New
	if B > maxBatch || 4*B*(l.states()*l.H+l.Entries()) > len(p) {
		return fmt.Errorf("online: state of %d sequences in %d bytes", B, len(p))
	}
	if l.B = B; B > 0 {
		l.state = make([]float32, l.states()*l.H*B)
		if l.rule != nil {
			l.rule.resize()
		}
	} else {
		l.state = nil
	}
	for i, a := range l.saved() {
		n, err := number()
		if err != nil {
			return err
		}
		if n != len(a) || 4*n > len(p) {
			return fmt.Errorf("online: array %d of the learner's state has %d values, want %d: it is of another layer or topology", i, n, len(a))
		}
		for j := range a {
			a[j] = math.Float32frombits(binary.LittleEndian.Uint32(p[4*j:]))
		}
		p = p[4*n:]
	}
	if len(p) != 0 {
		return fmt.Errorf("online: %d bytes behind the state of the learner", len(p))
	}
	if d, ok := l.rule.(*diagonal); ok {
		d.fresh = false
	}
	return nil
}
