package grad

import (
	"fmt"
	"math"

	"github.com/seed073b5613/filigree/internal/parallel"
	"github.com/seed073b5613/filigree/kernel"
)

// Blank is the symbol of [CTC] that stands for none.
const Blank = 0

// AppendTarget appends the target of a sequence as [CTC] reads it: how many of its frames
// count, how many symbols there are, and the symbols.
func AppendTarget(dst []int32, frames int, symbols []int32) []int32 {
	return append(append(dst, int32(frames), int32(len(symbols))), symbols...)
}

// CTC returns the connectionist temporal classification loss (Graves et al. 2006, section
// 4.1) of logits [C, B, T]: the negative log probability, in nats, that the columns of a
// sequence, each a symbol or [Blank], spell its target once repeated symbols are merged and
// blanks left out; summed over the sequences and divided by the symbols of their targets.
// targets holds one target after another, as [AppendTarget] writes them. Columns from a
// sequence's number of frames on do not matter. A target that its frames have no room for
// makes the loss infinite and leaves the gradient of its sequence zero. CTC panics on
// targets that do not fit the logits.
func CTC(t *Tape, logits *Var, targets []int32) *Var {
	s := logits.Value.Shape
	if len(s) != 3 {
		panic(fmt.Sprintf("grad: CTC: logits are %v, want [C, B, T]", s))
	}
	var o *ctc
	if t.wants(logits) {
		o = next[ctc](t)
	} else {
		o = new(ctc)
	}
	o.x, o.out, o.slopes = logits, t.New(1), nil
	if len(o.sequences) < s[1] {
		o.sequences = append(o.sequences, make([]ctcSequence, s[1]-len(o.sequences))...)
	}
	rest, symbols := targets, 0
	for b := range s[1] {
		var q ctcTarget
		if q, rest = splitTarget(rest, s); q.frames < 0 {
			panic(fmt.Sprintf("grad: CTC: logits are %v, the targets %v", s, targets))
		}
		o.sequences[b].target = q
		symbols += len(q.symbols)
	}
	if len(rest) > 0 {
		panic(fmt.Sprintf("grad: CTC: %d sequences, %d numbers too many in the targets", s[1], len(rest)))
	}
	if t.wants(logits) {
		o.out.wanted = true
		o.slopes = t.buffer(len(logits.Value.Data))
		clear(o.slopes)
	}
	o.scale = 1 / float64(max(symbols, 1))
	parallel.Do(s[1], o)
	sum := 0.0
	for b := range s[1] {
		sum += o.sequences[b].loss
	}
	o.out.Value.Data[0] = float32(sum * o.scale)
	return o.out
}

// ctcTarget is the target of a sequence.
type ctcTarget struct {
	frames  int
	symbols []int32
}

// splitTarget returns the first target of several and the others. Its frames are negative
// where it does not fit logits of the shape.
func splitTarget(targets []int32, shape []int) (ctcTarget, []int32) {
	bad := ctcTarget{frames: -1}
	if len(targets) < 2 || targets[0] < 0 || int(targets[0]) > shape[2] || targets[1] < 0 || int(targets[1]) > len(targets)-2 {
		return bad, nil
	}
	n := int(targets[1])
	q := ctcTarget{int(targets[0]), targets[2 : 2+n]}
	for _, c := range q.symbols {
		if c <= Blank || int(c) >= shape[0] {
			return bad, nil
		}
	}
	return q, targets[2+n:]
}

type ctc struct {
	x, out    *Var
	slopes    []float32 // nil where no gradient is wanted
	scale     float64
	sequences []ctcSequence
}

// ctcSequence is the work on one sequence. The states are the symbols with blanks before,
// between and after them.
type ctcSequence struct {
	target ctcTarget
	loss   float64

	logs           []float64 // [T, S], log probabilities of the states' symbols
	forward, after []float64 // [T, S], of what is spelled up to a frame, and from it on
	norms          []float64 // [T], log sums of the logits
	share          []float64 // [C], probability that a symbol is at a frame
}

// grown returns s with length n; its values are not set.
func grown(s []float64, n int) []float64 {
	if cap(s) < n {
		return make([]float64, n)
	}
	return s[:n]
}

// state returns the symbol of a state.
func (q *ctcTarget) state(s int) int {
	if s%2 == 0 {
		return Blank
	}
	return int(q.symbols[s/2])
}

// leap reports whether a state may follow the one two before it: only blanks between
// different symbols can be left out.
func (q *ctcTarget) leap(s int) bool {
	return s%2 == 1 && s > 1 && q.symbols[s/2] != q.symbols[s/2-1]
}

// Run computes the loss of sequence b and its gradient.
func (o *ctc) Run(b int) {
	q := &o.sequences[b]
	B, width := o.x.Value.Shape[1], o.x.Value.Shape[2]
	q.loss = 0
	T, S := q.target.frames, 2*len(q.target.symbols)+1
	if T == 0 {
		if S > 1 {
			q.loss = math.Inf(1)
		}
		return
	}
	q.read(o.x.Value.Data, o.x.Value.Shape, b)
	q.pass(T, S)
	total := q.forward[T*S-1]
	if S > 1 {
		total = logAdd(total, q.forward[T*S-2], math.Inf(-1))
	}
	q.loss = -total
	if o.slopes == nil || math.IsInf(total, -1) {
		return
	}
	q.back(T, S)
	C := o.x.Value.Shape[0]
	q.share = grown(q.share, C)
	for t := range T {
		clear(q.share)
		for s := range S {
			if l := q.forward[t*S+s] + q.after[t*S+s] - total; l > -40 {
				q.share[q.target.state(s)] += math.Exp(l)
			}
		}
		for c := range C {
			at := (c*B+b)*width + t
			p := math.Exp(float64(o.x.Value.Data[at]) - q.norms[t])
			o.slopes[at] = float32(o.scale * (p - q.share[c]))
		}
	}
}

// read computes the log probabilities of the states at each frame.
func (q *ctcSequence) read(x []float32, shape []int, b int) {
	C, B, width := shape[0], shape[1], shape[2]
	T, S := q.target.frames, 2*len(q.target.symbols)+1
	q.norms, q.logs = grown(q.norms, T), grown(q.logs, T*S)
	for t := range T {
		top := math.Inf(-1)
		for c := range C {
			top = max(top, float64(x[(c*B+b)*width+t]))
		}
		sum := 0.0
		for c := range C {
			sum += math.Exp(float64(x[(c*B+b)*width+t]) - top)
		}
		q.norms[t] = top + math.Log(sum)
		for s := range S {
			q.logs[t*S+s] = float64(x[(q.target.state(s)*B+b)*width+t]) - q.norms[t]
		}
	}
}

// pass computes the log probabilities of what is spelled up to each frame, state by state.
func (q *ctcSequence) pass(T, S int) {
	q.forward = grown(q.forward, T*S)
	for t := range T {
		row := q.forward[t*S : (t+1)*S]
		for s := range row {
			row[s] = math.Inf(-1)
		}
		if t == 0 {
			copy(row[:min(2, S)], q.logs)
			continue
		}
		before := q.forward[(t-1)*S : t*S]
		for s := max(0, S-2*(T-t)); s < min(S, 2*(t+1)); s++ { // others are too late to end or too far to reach
			last, leapt := math.Inf(-1), math.Inf(-1)
			if s > 0 {
				last = before[s-1]
			}
			if q.target.leap(s) {
				leapt = before[s-2]
			}
			row[s] = logAdd(before[s], last, leapt) + q.logs[t*S+s]
		}
	}
}

// back computes those of what is spelled after each frame.
func (q *ctcSequence) back(T, S int) {
	q.after = grown(q.after, T*S)
	for t := T - 1; t >= 0; t-- {
		row := q.after[t*S : (t+1)*S]
		for s := range row {
			row[s] = math.Inf(-1)
		}
		if t == T-1 {
			clear(row[max(0, S-2):])
			continue
		}
		later, logs := q.after[(t+1)*S:(t+2)*S], q.logs[(t+1)*S:(t+2)*S]
		for s := max(0, S-2*(T-t)); s < min(S, 2*(t+1)); s++ {
			next, leapt := math.Inf(-1), math.Inf(-1)
			if s+1 < S {
				next = later[s+1] + logs[s+1]
			}
			if s+2 < S && q.target.leap(s+2) {
				leapt = later[s+2] + logs[s+2]
			}
			row[s] = logAdd(later[s]+logs[s], next, leapt)
		}
	}
}

// logAdd returns ln(e^a + e^b + e^c).
func logAdd(a, b, c float64) float64 {
	if a < b {
		a, b = b, a
	}
	if a < c {
		a, c = c, a
	}
	sum := 1.0 // what is below a by 40 does not show in it
	if b > a-40 {
		sum += math.Exp(b - a)
	}
	if c > a-40 {
		sum += math.Exp(c - a)
	}
	if sum == 1 {
		return a
	}
	return a + math.Log(sum)
}

func (o *ctc) outs() *Var { return o.out }

func (o *ctc) back(t *Tape) {
	dx, acc := t.GradOf(o.x)
	if acc {
		kernel.Axpy(o.out.Grad.Data[0], o.slopes, dx)
	} else {
		kernel.Scale(o.out.Grad.Data[0], dx, o.slopes)
	}
}
