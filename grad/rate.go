package grad

import "fmt"

// timed panics unless x is [C, B, T].
func timed(op string, x *Var) (C, B, T int) {
	s := x.Value.Shape
	if len(s) != 3 {
		panic(fmt.Sprintf("grad: %s: x is %v, want [C, B, T]", op, s))
	}
	return s[0], s[1], s[2]
}

type upsample struct {
	x, out *Var
	factor int
}

// Upsample repeats each element of the last axis of x [C, B, T]: [C, B, factor·T].
func Upsample(t *Tape, x *Var, factor int) *Var {
	C, B, T := timed("Upsample", x)
	out := t.New(C, B, factor*T)
	y := out.Value.Data
	for i, v := range x.Value.Data {
		part := y[i*factor : (i+1)*factor]
		for j := range part {
			part[j] = v
		}
	}
	if t.wants(x) {
		out.wanted = true
		*next[upsample](t) = upsample{x, out, factor}
	}
	return out
}

func (o *upsample) outs() *Var { return o.out }

func (o *upsample) back(t *Tape) {
	dx, acc := t.GradOf(o.x)
	sumParts(dx, o.out.Grad.Data, o.factor, 1, acc)
}

// sumParts writes or adds scale times the sum of each run of factor elements of y.
func sumParts(x, y []float32, factor int, scale float32, acc bool) {
	for i := range x {
		sum := float32(0)
		for _, v := range y[i*factor : (i+1)*factor] {
			sum += v
		}
		if sum *= scale; acc {
			sum += x[i]
		}
		x[i] = sum
	}
}

type downsample struct {
	x, out *Var
	factor int
}

// Downsample returns the means of runs of factor elements of the last axis of x [C, B, T]:
// [C, B, T/factor]. It panics where factor does not divide T.
func Downsample(t *Tape, x *Var, factor int) *Var {
	C, B, T := timed("Downsample", x)
	if T%factor != 0 {
		panic(fmt.Sprintf("grad: Downsample: x is %v, runs of %d", x.Value.Shape, factor))
	}
	out := t.New(C, B, T/factor)
	sumParts(out.Value.Data, x.Value.Data, factor, 1/float32(factor), false)
	if t.wants(x) {
		out.wanted = true
		*next[downsample](t) = downsample{x, out, factor}
	}
	return out
}

func (o *downsample) outs() *Var { return o.out }

func (o *downsample) back(t *Tape) {
	dx, acc := t.GradOf(o.x)
	for i, g := range o.out.Grad.Data {
		g /= float32(o.factor)
		part := dx[i*o.factor : (i+1)*o.factor]
		for j := range part {
			if acc {
				part[j] += g
			} else {
				part[j] = g
			}
		}
	}
}

type spaceToDepth struct {
	x, out *Var
	k      int
}

// SpaceToDepth turns runs of k neighbours in time into channels, x [C, B, T] into
// y [C·k, B, T/k] with y[c·k+j, b, i] = x[c, b, i·k+j]. It panics where k does not divide T.
func SpaceToDepth(t *Tape, x *Var, k int) *Var {
	C, B, T := timed("SpaceToDepth", x)
	if T%k != 0 {
		panic(fmt.Sprintf("grad: SpaceToDepth: x is %v, runs of %d", x.Value.Shape, k))
	}
	if k == 1 {
		return x
	}
	out := t.New(C*k, B, T/k)
	o := spaceToDepth{x, out, k}
	y := out.Value.Data
	o.places(func(at, to int) { y[to] = x.Value.Data[at] })
	if t.wants(x) {
		out.wanted = true
		*next[spaceToDepth](t) = o
	}
	return out
}

// places calls f with the places of each element in x and in y.
func (o *spaceToDepth) places(f func(at, to int)) {
	s := o.x.Value.Shape
	B, T := s[1], s[2]/o.k
	for row := range s[0] * B {
		c, b := row/B, row%B
		for j := range o.k {
			to := ((c*o.k+j)*B + b) * T
			for i := range T {
				f((row*T+i)*o.k+j, to+i)
			}
		}
	}
}

func (o *spaceToDepth) outs() *Var { return o.out }

func (o *spaceToDepth) back(t *Tape) {
	dx, acc := t.GradOf(o.x)
	dy := o.out.Grad.Data
	o.places(func(at, to int) {
		if acc {
			dx[at] += dy[to]
		} else {
			dx[at] = dy[to]
		}
	})
}

// TimeMean returns the mean over the last axis of x [C, B, T], of shape [C, B].
func TimeMean(t *Tape, x *Var) *Var {
	C, B, T := timed("TimeMean", x)
	return GlobalAvgPool(t, Reshape(t, x, C, B, 1, T))
}
