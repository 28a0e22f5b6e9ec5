package grad

import (
	"go/ast"
	"go/parser"
	"go/token"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/seed073b5613/filigree/internal/parallel"
	"github.com/seed073b5613/filigree/kernel"
	"github.com/seed073b5613/filigree/sparse"
	"github.com/seed073b5613/filigree/tensor"
)

// opCase checks the operation with a record type's name.
type opCase struct {
	name  string
	in    [][]int // shapes of the inputs
	build func(rng *rand.Rand) (f func(t *Tape, in []*Var) *Var, slots []Slot)
}

func plain(f func(t *Tape, in []*Var) *Var) func(*rand.Rand) (func(*Tape, []*Var) *Var, []Slot) {
	return func(*rand.Rand) (func(*Tape, []*Var) *Var, []Slot) { return f, nil }
}

// normal returns n values away from zero, so that no kink lies within a step of them.
func normal(rng *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		for x[i] > -0.05 && x[i] < 0.05 {
			x[i] = float32(rng.NormFloat64())
		}
	}
	return x
}

// weight returns a weight stored as kind says and its slot.
func weight(rng *rand.Rand, kind string, M, K int) (*Weight, Slot) {
	w := &Weight{M: M, K: K, Dense: normal(rng, M*K)}
	mask := sparse.NewMask(M, K, 1)
	if strings.HasPrefix(kind, "block") {
		mask = sparse.NewMask(M, K, 4)
	}
	for i := range mask.Blocks() {
		mask.Set(i/K, i%K, rng.Float64() < 0.4)
	}
	switch kind {
	case "masked":
		w.Mask = mask
		mask.Apply(w.Dense)
	case "sparse", "block":
		w.Sparse = sparse.FromDense(w.Dense, M, K, mask, mask.R)
		w.Dense = nil
	}
	values := w.Dense
	if w.Sparse != nil {
		values = w.Sparse.Values
	}
	w.Grad = make([]float32, len(values))
	return w, Slot{"weight", values, w.Grad}
}

func linearCase(kind string) opCase {
	return opCase{"linear", [][]int{{7, 2, 5}}, func(rng *rand.Rand) (func(*Tape, []*Var) *Var, []Slot) {
		w, slot := weight(rng, kind, 8, 7)
		bias, dbias := normal(rng, 8), make([]float32, 8)
		slots := []Slot{{"bias", bias, dbias}}
		if kind != "masked" { // differences at absent weights would not be zero
			slots = append(slots, slot)
		}
		return func(t *Tape, in []*Var) *Var { return Linear(t, in[0], w, bias, dbias) }, slots
	}}
}

func convCase(kind string, shape kernel.Conv) opCase {
	return opCase{"conv", [][]int{{shape.C, 2, 5, 6}}, func(rng *rand.Rand) (func(*Tape, []*Var) *Var, []Slot) {
		w, slot := weight(rng, kind, shape.M, shape.K())
		bias, dbias := normal(rng, shape.M), make([]float32, shape.M)
		return func(t *Tape, in []*Var) *Var { return Conv2D(t, in[0], w, bias, dbias, shape) }, []Slot{slot, {"bias", bias, dbias}}
	}}
}

func normCase(relu bool) opCase {
	return opCase{"batchNorm", [][]int{{3, 4, 3}}, func(rng *rand.Rand) (func(*Tape, []*Var) *Var, []Slot) {
		n := &Norm{Gamma: normal(rng, 3), Beta: normal(rng, 3), DGamma: make([]float32, 3), DBeta: make([]float32, 3),
			Mean: make([]float32, 3), Var: make([]float32, 3), Momentum: 0.1, Eps: 1e-5, ReLU: relu}
		return func(t *Tape, in []*Var) *Var { return BatchNorm(t, in[0], n) },
			[]Slot{{"gamma", n.Gamma, n.DGamma}, {"beta", n.Beta, n.DBeta}}
	}}
}

func unaryCase(f func(*Tape, *Var) *Var) opCase {
	return opCase{"unary", [][]int{{4, 5}}, plain(func(t *Tape, in []*Var) *Var { return Add(t, f(t, in[0]), in[0]) })}
}

func attentionCase(in [][]int, heads int, causal bool, lengths []int32) opCase {
	return opCase{"attention", in, plain(func(t *Tape, in []*Var) *Var { return Attention(t, in[0], in[1], in[2], heads, causal, lengths) })}
}

func distanceCase(f func(t *Tape, x *Var, target, weight []float32) *Var, weight []float32) opCase {
	return opCase{"distance", [][]int{{3, 2, 2}}, plain(func(t *Tape, in []*Var) *Var {
		target := []float32{0, 1, 0.5, 0, 0, 1, 1, 0.25, 0, 1, 0.5, 1}
		return Add(t, f(t, in[0], target, weight), f(t, Square(t, in[0]), target, weight))
	})}
}

func interpolationCase(offset int) opCase {
	return opCase{"interpolation", [][]int{{3, 2, 4}, {1, 2, 4}}, plain(func(t *Tape, in []*Var) *Var {
		lengths := ScaleShift(t, Square(t, in[1]), 1, []float32{2, 1}) // above 0, away from it
		lengths = MaskColumns(t, lengths, []float32{1, 1, 0, 1, 1, 1, 1, 0})
		return Interpolate(t, Add(t, in[0], in[0]), lengths, 2.5, offset, 9)
	})}
}

func condNormCase(relu bool, mask []float32) opCase {
	return opCase{"condNorm", [][]int{{3, 2, 4}, {3, 2}, {3, 2}}, func(rng *rand.Rand) (func(*Tape, []*Var) *Var, []Slot) {
		n := &CondNorm{Mean: make([]float32, 3), Var: make([]float32, 3), Momentum: 0.1, Eps: 1e-2, ReLU: relu}
		return func(t *Tape, in []*Var) *Var {
			shift := in[2]
			if relu { // all far from the kink, on both sides of it
				shift = ScaleShift(t, shift, 0.1, []float32{9, -9, 9})
			}
			return Add(t, CondBatchNorm(t, in[0], in[1], shift, n, mask), CondBatchNorm(t, in[0], in[1], shift, n, mask))
		}, nil
	}}
}

// spectralCase holds the vectors where power iterations end: only there are the differences
// those of constant vectors.
func spectralCase(kind string) opCase {
	return opCase{"spectral", [][]int{{7, 2, 5}}, func(rng *rand.Rand) (func(*Tape, []*Var) *Var, []Slot) {
		w, slot := weight(rng, kind, 8, 7)
		bias, dbias := normal(rng, 8), make([]float32, 8)
		u := normal(rng, 8)
		settle := func() {
			v := make([]float32, 7)
			for range 300 {
				w.PowerStep(u, v, false)
			}
		}
		return func(t *Tape, in []*Var) *Var {
			settle()
			return Spectral(t, Linear(t, in[0], w, nil, nil), w, u, true, bias, dbias)
		}, []Slot{slot, {"bias", bias, dbias}}
	}}
}

var testFrames = kernel.Frames{Size: 8, Hop: 3, Before: 4, Window: []float32{0.1, 0.4, 0.8, 1, 1, 0.9, 0.5, 0.2}}

var opCases = []opCase{
	linearCase("dense"), linearCase("masked"), linearCase("sparse"), linearCase("block"),
	convCase("dense", kernel.Conv{C: 3, M: 4, KH: 3, KW: 3, PadH: 1, PadW: 1}),
	convCase("sparse", kernel.Conv{C: 2, M: 5, KH: 3, KW: 3, PadH: 1, PadW: 1, StrideH: 2, StrideW: 2}),
	convCase("block", kernel.Conv{C: 3, M: 8, KH: 1, KW: 1}),
	{"reshape", [][]int{{3, 2, 8}}, func(rng *rand.Rand) (func(*Tape, []*Var) *Var, []Slot) {
		w, slot := weight(rng, "sparse", 4, 9)
		return func(t *Tape, in []*Var) *Var {
			return Conv1D(t, in[0], w, nil, nil, kernel.Conv{C: 3, M: 4, KH: 1, KW: 3, PadW: 2, DilationW: 2})
		}, []Slot{slot}
	}},
	normCase(false),
	{"relu", [][]int{{4, 5}}, plain(func(t *Tape, in []*Var) *Var { return ReLU(t, in[0]) })},
	{"add", [][]int{{4, 5}, {4, 5}}, plain(func(t *Tape, in []*Var) *Var { return Add(t, in[0], in[1]) })},
	{"add", [][]int{{4, 5}}, plain(func(t *Tape, in []*Var) *Var { return Add(t, in[0], Add(t, in[0], in[0])) })},
	{"globalAvgPool", [][]int{{3, 2, 4, 5}}, plain(func(t *Tape, in []*Var) *Var { return GlobalAvgPool(t, in[0]) })},
	{"crossEntropy", [][]int{{5, 4}}, plain(func(t *Tape, in []*Var) *Var { return CrossEntropy(t, in[0], []int32{0, 4, 2, 2}, 0) })},
	{"crossEntropy", [][]int{{5, 3}}, plain(func(t *Tape, in []*Var) *Var { return CrossEntropy(t, in[0], []int32{1, 4, 2}, 0.1) })},
	{"crossEntropy", [][]int{{5, 2, 2}}, plain(func(t *Tape, in []*Var) *Var { return CrossEntropy(t, in[0], []int32{1, Ignored, 2, Ignored}, 0.1) })},
	recurrentCase(&rnnKind, "dense", 3), recurrentCase(&rnnKind, "sparse", 1), recurrentCase(&gruKind, "dense", 3), recurrentCase(&gruKind, "masked", 3),
	recurrentCase(&gruKind, "sparse", 4), recurrentCase(&gruKind, "block", 3), recurrentCase(&lstmKind, "dense", 3), recurrentCase(&lstmKind, "masked", 2),
	recurrentCase(&lstmKind, "sparse", 3), recurrentCase(&lstmKind, "block", 3), startedCase(&rnnKind), startedCase(&gruKind), startedCase(&lstmKind),
	embeddingCase("dense"), embeddingCase("masked"), embeddingCase("sparse"), embeddingCase("block"),
	unaryCase(Tanh), unaryCase(Sigmoid), unaryCase(ReLU6), unaryCase(GELU), unaryCase(SiLU),
	{"leakyReLU", [][]int{{4, 5}}, plain(func(t *Tape, in []*Var) *Var { return LeakyReLU(t, in[0], 0.2) })},
	{"dropout", [][]int{{4, 5}}, plain(func(t *Tape, in []*Var) *Var { return Dropout(t, in[0], 0.3, rand.New(rand.NewPCG(1, 2))) })},
	{"square", [][]int{{4, 5}}, plain(func(t *Tape, in []*Var) *Var { return Square(t, in[0]) })},
	{"perturb", [][]int{{3, 2, 4}, {3, 2, 4}}, plain(func(t *Tape, in []*Var) *Var {
		return Perturb(t, in[0], Square(t, in[1]), rand.New(rand.NewPCG(1, 2)))
	})},
	{"flatten", [][]int{{3, 2, 2, 4}}, plain(func(t *Tape, in []*Var) *Var { return Flatten(t, in[0]) })},
	{"maxPool", [][]int{{2, 2, 4, 6}}, plain(func(t *Tape, in []*Var) *Var {
		return MaxPool(t, in[0], kernel.Conv{KH: 2, KW: 2, StrideH: 2, StrideW: 2})
	})},
	{"avgPool", [][]int{{2, 2, 5, 6}}, plain(func(t *Tape, in []*Var) *Var {
		return AvgPool(t, in[0], kernel.Conv{KH: 3, KW: 3, StrideH: 2, StrideW: 2, PadH: 1, PadW: 1})
	})},
	{"depthwise", [][]int{{3, 2, 5, 6}}, func(rng *rand.Rand) (func(*Tape, []*Var) *Var, []Slot) {
		w, dw := normal(rng, 27), make([]float32, 27)
		return func(t *Tape, in []*Var) *Var {
			return DepthwiseConv2D(t, in[0], w, dw, kernel.Conv{KH: 3, KW: 3, PadH: 1, PadW: 1})
		}, []Slot{{"weight", w, dw}}
	}},
	{"layerNorm", [][]int{{5, 2, 3}}, func(rng *rand.Rand) (func(*Tape, []*Var) *Var, []Slot) {
		g, b, dg, db := normal(rng, 5), normal(rng, 5), make([]float32, 5), make([]float32, 5)
		return func(t *Tape, in []*Var) *Var { return LayerNorm(t, in[0], g, b, dg, db, 1e-2) }, []Slot{{"gamma", g, dg}, {"beta", b, db}}
	}},
	attentionCase([][]int{{6, 3, 2}, {6, 4, 2}, {6, 4, 2}}, 2, false, []int32{4, 2}),
	attentionCase([][]int{{4, 3, 9}, {4, 3, 9}, {4, 3, 9}}, 1, true, nil),
	{"attention", [][]int{{4, 3, 2}}, plain(func(t *Tape, in []*Var) *Var { return Attention(t, in[0], in[0], in[0], 2, false, nil) })},
	{"scaleShift", [][]int{{2, 3, 4}}, plain(func(t *Tape, in []*Var) *Var {
		return Add(t, ScaleShift(t, in[0], 1.5, []float32{1, 2, 3, -1, -2, -3}), in[0])
	})},
	distanceCase(L1, nil), distanceCase(L1, []float32{1, 0, 0.5, 2}), distanceCase(L2, []float32{1, 0, 0.5, 2}), distanceCase(Logistic, nil),
	{"maskColumns", [][]int{{3, 2, 2}}, plain(func(t *Tape, in []*Var) *Var {
		return Add(t, MaskColumns(t, in[0], []float32{1, 0, 0.5, 2}), in[0])
	})},
	{"rows", [][]int{{4, 2, 3}}, plain(func(t *Tape, in []*Var) *Var {
		return Add(t, Rows(t, in[0], 1, 3), Rows(t, in[0], 2, 4))
	})},
	interpolationCase(0), interpolationCase(3),
	{"interpolation", [][]int{{3, 2, 4}}, plain(func(t *Tape, in []*Var) *Var {
		lengths := &Var{Value: tensor.Of([]float32{1, 2, 0, 2, 3, 1, 1, 2}, 1, 2, 4)}
		return InterpolateFrom(t, in[0], lengths, 2.5, []int{1, 4}, 5)
	})},
	{"mul", [][]int{{3, 4}, {3, 4}}, plain(func(t *Tape, in []*Var) *Var { return Mul(t, Mul(t, in[0], in[1]), in[0]) })},
	{"images", [][]int{{3, 2, 4}}, plain(func(t *Tape, in []*Var) *Var { return Add(t, Images(t, in[0]), Images(t, in[0])) })},
	{"concat", [][]int{{2, 2, 3}, {1, 2, 3}}, plain(func(t *Tape, in []*Var) *Var {
		return Concat(t, Concat(t, in[1], in[0]), Add(t, in[0], in[0]))
	})},
	{"softDTW", [][]int{{2, 3, 4}}, plain(func(t *Tape, in []*Var) *Var {
		target := tensor.New(2, 3, 5)
		for i := range target.Data {
			target.Data[i] = float32(math.Copysign(1.1, math.Sin(float64(5*i)))) // beyond x: no kink
		}
		x := Tanh(t, in[0])
		return Add(t, SoftDTW(t, x, target, 0.3, 0.5), SoftDTW(t, x, target, 1, 0.1))
	})},
	{"muLaw", [][]int{{4, 5}}, plain(func(t *Tape, in []*Var) *Var {
		x := Tanh(t, in[0])
		return Add(t, MuLaw(t, x, 7), FromMuLaw(t, x, 31))
	})},
	{"magnitude", [][]int{{1, 2, 9}}, plain(func(t *Tape, in []*Var) *Var { return Magnitude(t, in[0], testFrames, 4) })},
	{"inverseSTFT", [][]int{{5, 2, 3}, {5, 2, 3}}, plain(func(t *Tape, in []*Var) *Var {
		cos, sin := make([]float32, 30), make([]float32, 30)
		for i := range cos {
			cos[i], sin[i] = float32(math.Cos(float64(i))), float32(math.Sin(float64(i)))
		}
		return Add(t, InverseSTFT(t, in[0], in[1], nil, nil, testFrames, 1.2), InverseSTFT(t, in[1], in[0], cos, sin, testFrames, 9))
	})},
	{"spectralDistance", [][]int{{3, 2, 2}}, plain(func(t *Tape, in []*Var) *Var {
		x := ScaleShift(t, Square(t, in[0]), 1, []float32{1, 1, 1, 1, 1, 1})
		return Add(t, SpectralDistance(t, x, []float32{1, 2, 3, 1, 2, 1, 0.5, 1, 0.2, 1, 1, 1}), SpectralDistance(t, x, []float32{1, 2, 3, 1, 2, 1, 0.5, 1, 0.2, 1, 1, 5}))
	})},
	{"slice", [][]int{{2, 3, 6}}, plain(func(t *Tape, in []*Var) *Var {
		return Add(t, Slice(t, in[0], []int{0, 3, 1}, 3), Slice(t, in[0], []int{2, 3, 0}, 3))
	})},
	heldCase(&gruKind), heldCase(&lstmKind),
	{"logMel", [][]int{{3, 2, 2}}, plain(func(t *Tape, in []*Var) *Var {
		x := Square(t, in[0])
		y := Add(t, LogMel(t, x, []float32{1, 0.5, 0, 0, 0.3, 2}, 0.1), LogMel(t, x, []float32{0.5, 0.5, 0, 0, 1, 2}, 0.1))
		return Add(t, y, LogMelPlus(t, x, []float32{3, 0.5, 0, 0, 0.3, 5}))
	})},
	{"ctc", [][]int{{4, 2, 6}}, plain(func(t *Tape, in []*Var) *Var {
		targets := AppendTarget(AppendTarget(nil, 6, []int32{1, 1, 3}), 4, []int32{2, 3})
		return Add(t, CTC(t, in[0], targets), CTC(t, Square(t, in[0]), targets))
	})},
	{"custom", [][]int{{3, 2}}, plain(func(t *Tape, in []*Var) *Var {
		out := t.New(3, 2)
		for i, v := range in[0].Value.Data {
			out.Value.Data[i] = v * v
		}
		return t.Record(out, func() {
			dx, acc := t.GradOf(in[0])
			for i, v := range in[0].Value.Data {
				if !acc {
					dx[i] = 0
				}
				dx[i] += 2 * v * out.Grad.Data[i]
			}
		}, in[0])
	})},
	condNormCase(false, nil), condNormCase(true, nil), condNormCase(false, []float32{1, 1, 1, 0, 1, 1, 0, 0}), condNormCase(true, []float32{1, 1, 1, 0, 1, 1, 1, 1}),
	spectralCase("dense"), spectralCase("sparse"), spectralCase("block"),
	{"upsample", [][]int{{3, 2, 4}}, plain(func(t *Tape, in []*Var) *Var { return Add(t, Upsample(t, in[0], 3), Upsample(t, in[0], 3)) })},
	{"downsample", [][]int{{3, 2, 6}}, plain(func(t *Tape, in []*Var) *Var { return Add(t, Downsample(t, in[0], 3), Downsample(t, in[0], 3)) })},
	{"spaceToDepth", [][]int{{2, 2, 6}}, plain(func(t *Tape, in []*Var) *Var { return Add(t, SpaceToDepth(t, in[0], 3), SpaceToDepth(t, in[0], 3)) })},
	distanceCase(MeanProduct, []float32{1, 0, 0.5, 2}),
	distanceCase(func(t *Tape, x *Var, _, weight []float32) *Var {
		return Hinge(t, x, []float32{1, -1, 1, -1, -1, 1, 1, 1, -1, 1, 1, -1}, weight)
	}, nil),
	unaryCase(Exp),
	{"layerNorm", [][]int{{5, 2, 3}}, plain(func(t *Tape, in []*Var) *Var { // a frozen one
		return LayerNorm(t, in[0], []float32{1, 2, -1, 0.5, 1}, make([]float32, 5), nil, nil, 1e-2)
	})},
}

func TestGradients(t *testing.T) {
	for i, c := range opCases {
		rng := rand.New(rand.NewPCG(7, uint64(i)))
		f, slots := c.build(rng)
		in := make([]*tensor.Tensor, len(c.in))
		for j, shape := range c.in {
			in[j] = tensor.Of(normal(rng, tensor.Size(shape)), shape...)
		}
		if err := Check(f, in, slots, 1.0/128, 2e-3); err != nil {
			t.Errorf("%s (case %d): %v", c.name, i, err)
		}
	}
}

// The fused ReLU has kinks wherever a normalised value crosses zero, so it is held to the
// two layers it stands for.
func TestBatchNormReLU(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	x := tensor.Of(normal(rng, 3*40), 3, 40)
	var results [2][]float32
	for i, fused := range []bool{true, false} {
		build, slots := normCase(fused).build(rand.New(rand.NewPCG(5, 5)))
		tape := &Tape{}
		in := tape.Leaf(x)
		out := build(tape, []*Var{in})
		if !fused {
			out = ReLU(tape, out)
		}
		g, _ := tape.GradOf(out)
		for j := range g {
			g[j] = float32(checkWeight(j))
		}
		results[i] = append(results[i], out.Value.Data...)
		tape.backward()
		results[i] = append(results[i], in.Grad.Data...)
		results[i] = append(results[i], slots[0].Grad...)
		results[i] = append(results[i], slots[1].Grad...)
	}
	for i := range results[0] {
		if d := results[0][i] - results[1][i]; d > 1e-5 || d < -1e-5 {
			t.Fatalf("value %d: fused %g, apart %g", i, results[0][i], results[1][i])
		}
	}
}

// Every record type of the package, the argument of next, has a case above.
func TestEveryOperationIsChecked(t *testing.T) {
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), f.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			ix, ok := n.(*ast.IndexExpr)
			if !ok {
				return true
			}
			name, ok := ix.X.(*ast.Ident)
			op, isName := ix.Index.(*ast.Ident)
			if !ok || !isName || name.Name != "next" {
				return true
			}
			found++
			if !slices.ContainsFunc(opCases, func(c opCase) bool { return c.name == op.Name }) {
				t.Errorf("%s: operation %s has no gradient case", f.Name(), op.Name)
			}
			return true
		})
	}
	if found < 7 {
		t.Errorf("found %d operations in the source", found)
	}
}

// A step that repeats allocates nothing.
func TestStepAllocatesNothing(t *testing.T) {
	defer parallel.SetWorkers(parallel.SetWorkers(1))
	rng := rand.New(rand.NewPCG(1, 1))
	for _, kind := range []string{"dense", "masked", "sparse"} {
		w1, _ := weight(rng, kind, 32, 3*9)
		w2, _ := weight(rng, kind, 10, 32)
		shape := kernel.Conv{C: 3, M: 32, KH: 3, KW: 3, PadH: 1, PadW: 1}
		n := &Norm{Gamma: normal(rng, 32), Beta: normal(rng, 32), DGamma: make([]float32, 32), DBeta: make([]float32, 32),
			Mean: make([]float32, 32), Var: make([]float32, 32), Momentum: 0.1, Eps: 1e-5, ReLU: true}
		x, labels := tensor.Of(normal(rng, 3*4*64), 3, 4, 8, 8), []int32{1, 2, 3, 4}
		tape := &Tape{}
		step := func() {
			tape.Reset()
			h := BatchNorm(tape, Conv2D(tape, tape.Input(x), w1, nil, nil, shape), n)
			y := Linear(tape, GlobalAvgPool(tape, Add(tape, h, ReLU(tape, h))), w2, nil, nil)
			tape.Backward(CrossEntropy(tape, y, labels, 0))
		}
		for range 3 {
			step()
		}
		if raceEnabled {
			continue
		}
		if n := testing.AllocsPerRun(20, step); n > 0.5 {
			t.Errorf("%s: %v allocations a step", kind, n)
		}
	}
}
