package speech

import "github.com/seed073b5613/filigree/grad"

// pieceFrames is how many frames networks are given at a time, beside those around them, so
// that memory does not grow with the length of a sentence.
const pieceFrames = 128

// inPieces returns rows of T frames of unit values each, [rows, T·unit], made by f from
// windows of frames lo to hi: pieces with reach frames around them, on which a frame's
// values may depend. They equal those of one window but for rounding.
func (v *Voice) inPieces(rows, unit, T, reach int, f func(t *grad.Tape, lo, hi int) *grad.Var) []float32 {
	if v.tape == nil {
		v.tape = &grad.Tape{NoGrad: true}
	}
	out := make([]float32, rows*T*unit)
	for from := 0; from < T; from += pieceFrames {
		to := min(from+pieceFrames, T)
		lo, hi := max(0, from-reach), min(T, to+reach)
		v.tape.Reset()
		y := f(v.tape, lo, hi).Value.Data
		for r := range rows {
			copy(out[(r*T+from)*unit:(r*T+to)*unit], y[(r*(hi-lo)+from-lo)*unit:])
		}
	}
	return out
}

// window returns the columns lo to hi of x [rows, T].
func window(x []float32, T, lo, hi int) []float32 {
	if lo == 0 && hi == T {
		return x
	}
	out := make([]float32, 0, len(x)/T*(hi-lo))
	for at := 0; at < len(x); at += T {
		out = append(out, x[at+lo:at+hi]...)
	}
	return out
}
