package gantts

import (
	"math"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/seed073b5613/filigree/audio"
	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/internal/parallel"
	"github.com/seed073b5613/filigree/internal/testkit"
	"github.com/seed073b5613/filigree/models/speech"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/tensor"
	"github.com/seed073b5613/filigree/text"
)

func random(rng *rand.Rand, shape ...int) *tensor.Tensor {
	x := tensor.New(shape...)
	for i := range x.Data {
		x.Data[i] = float32(rng.NormFloat64())
	}
	return x
}

// tiny is a generator of 8 samples a frame.
var tiny = Spec{Features: 5, Latent: 3, Stem: 8, Mu: 255, Blocks: []BlockSpec{{8, 1}, {6, 2}, {4, 4}}}

// stirred returns a generator whose norms do something.
func stirred(t *testing.T, s Spec, seed uint64) *Generator {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 0))
	g, err := NewGenerator(s, rng)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range g.Norms() {
		nn.Normal(n.Gain.Weight, 0.3, rng)
		nn.Normal(n.Shift.Weight, 0.3, rng)
	}
	var batches []*tensor.Tensor
	for range 3 {
		batches = append(batches, random(rng, s.Features, 2, 20))
	}
	g.Settle(batches, rng)
	return g
}

// The published generator has the published counts: 22.6 million weights, 15.5 billion
// multiply-adds a second, 120 samples a frame, and sees 44 frames on each side and one for its stem.
func TestPublishedGenerator(t *testing.T) {
	weights, macs := Published.Cost(200)
	if math.Abs(float64(weights)-22.6e6) > 0.05e6 || math.Abs(float64(macs)-15.5e9) > 0.05e9 {
		t.Errorf("%d weights and %d multiply-adds, the paper's figures are 22.6e6 and 15.5e9", weights, macs)
	}
	if Published.Hop() != 120 || Published.Reach() != 45 {
		t.Errorf("%d samples a frame, reach %d; want 120 and 45", Published.Hop(), Published.Reach())
	}
	g, err := NewGenerator(Published, nil)
	if err != nil {
		t.Fatal(err)
	}
	sum := 0
	for _, p := range g.Convolutions() {
		sum += p.Size()
	}
	if sum != weights {
		t.Errorf("the network has %d weights in convolutions, %d were counted", sum, weights)
	}
	if h := Laptop(100).Hop(); h != 160 {
		t.Errorf("the laptop's generator makes %d samples a frame", h)
	}
}

// The published discriminators have the published counts, together and for each window.
func TestPublishedDiscriminators(t *testing.T) {
	e, err := NewEnsemble(PublishedWindows(567), 120, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []float64{29.5, 29.5, 29.7, 29.9, 91.4, 27, 41, 58, 108, 198} // millions a window
	var sums [2][2]float64
	for i, d := range e.Windows {
		w, m := d.Cost(d.Spec.Window)
		if window := []int{240, 480, 960, 1920, 3600}[i%5]; d.Spec.Window != window {
			t.Errorf("discriminator %d looks at %d samples, want %d", i, d.Spec.Window, window)
		}
		if got := float64(m) / 1e6; math.Abs(got-want[i]) > 0.01*want[i]+0.5 {
			t.Errorf("discriminator %d costs %.1f million multiply-adds, want %.1f", i, got, want[i])
		}
		sums[i/5][0] += float64(w) / 1e6
		sums[i/5][1] += float64(m) / 1e6
	}
	for i, want := range [][2]float64{{6.7, 210}, {29, 432}} {
		if math.Abs(sums[i][0]-want[0]) > 0.03*want[0] || math.Abs(sums[i][1]-want[1]) > 0.01*want[1] {
			t.Errorf("group %d: %.2f million weights and %.1f million multiply-adds, want %v", i, sums[i][0], sums[i][1], want)
		}
	}
	for _, specs := range [][]WindowSpec{LaptopWindows(60, 2), WholeClip(60, 2)} {
		if _, err := NewEnsemble(specs, 160, nil); err != nil {
			t.Error(err)
		}
	}
	if _, err := NewEnsemble(LaptopWindows(60, 2), 120, nil); err == nil {
		t.Error("windows of another hop are accepted")
	}
}

// Samples of a length of Hop a frame depend on frames within reach only, and decoding in chunks
// of any size gives what decoding at once does.
func TestChunksAreTheWhole(t *testing.T) {
	g := stirred(t, tiny, 1)
	rng := rand.New(rand.NewPCG(2, 0))
	z := random(rng, tiny.Latent, 1).Data
	decode := func(x *tensor.Tensor, chunk int) (wave []float32) {
		for y := range g.Decode(x, z, chunk) {
			wave = append(wave, y...)
		}
		return wave
	}
	for _, T := range []int{0, 1, 2, 3, 47, 150} {
		x := random(rng, tiny.Features, 1, T)
		whole := decode(x, 0)
		if len(whole) != T*tiny.Hop() {
			t.Fatalf("%d frames became %d samples", T, len(whole))
		}
		for _, chunk := range []int{1, 7, 40} {
			testkit.Close(t, "in chunks", decode(x, chunk), doubles(whole), testkit.Pass)
		}
	}
	const T, at = 150, 75
	x := random(rng, tiny.Features, 1, T)
	before := decode(x, 0)
	x.Data[at] += 3
	reach, hop := tiny.Reach(), tiny.Hop()
	first, last := T*hop, -1
	for i, v := range decode(x, 0) {
		if v != before[i] {
			first, last = min(first, i), i
		}
	}
	if first/hop < at-reach || last/hop > at+reach {
		t.Errorf("frame %d moved samples of frames %d to %d, reach is %d", at, first/hop, last/hop, reach)
	}
	if first/hop > at-reach+2 || last/hop < at+reach-2 {
		t.Errorf("frame %d moved samples of frames %d to %d only, reach is %d", at, first/hop, last/hop, reach)
	}
}

func doubles(x []float32) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return y
}

// Samples of a ramp that is the number of their frame meet the frames that say the same number.
func TestWindowsMatchTheirFrames(t *testing.T) {
	const B, T = 3, 40
	e, err := NewEnsemble(LaptopWindows(1, 16), 160, rand.New(rand.NewPCG(1, 1)))
	if err != nil {
		t.Fatal(err)
	}
	features := tensor.New(1, B, T)
	wave := tensor.New(1, B, T*160)
	for b := range B {
		for f := range T {
			features.Data[b*T+f] = float32(f + 1000*b)
			for i := range 160 {
				wave.Data[(b*T+f)*160+i] = float32(f + 1000*b)
			}
		}
	}
	rng := rand.New(rand.NewPCG(2, 2))
	seen := map[int]bool{}
	odd := false // windows without conditioning begin anywhere
	for range 100 {
		for i, starts := range e.Draw(B, T, rng) {
			d := e.Windows[i]
			frames := e.cut(nil, d, features, starts, 2)
			if d.Spec.Features == 0 {
				odd = odd || starts[0]%160 != 0
				if frames != nil {
					t.Fatal("an unconditional window has frames")
				}
				continue
			}
			W := d.Spec.Window
			x := grad.Slice(nil, &grad.Var{Value: wave}, starts, W).Value
			seen[starts[0]/160] = true
			for b := range 2 * B {
				for j := range W {
					if got, want := frames.Value.Data[b*(W/160)+j/160], x.Data[b%B*W+j]; got != want {
						t.Fatalf("window of %d at %d: sample %d is of frame %v, its frame says %v", W, starts[b%B], j, want, got)
					}
				}
			}
		}
	}
	if !odd || !seen[0] || !seen[T-1] {
		t.Errorf("starts do not cover the clips: %v, off frames: %v", seen, odd)
	}
}

// A fold of 1 to 16 samples shows consecutive samples as channels of a step.
func TestFold(t *testing.T) {
	x := tensor.New(1, 2, 32)
	for i := range x.Data {
		x.Data[i] = float32(i)
	}
	for _, k := range []int{1, 2, 4, 8, 16} {
		y := grad.SpaceToDepth(nil, &grad.Var{Value: x}, k).Value
		for c := range k {
			for b := range 2 {
				for i := range 32 / k {
					if got, want := y.Data[(c*2+b)*(32/k)+i], x.Data[b*32+i*k+c]; got != want {
						t.Fatalf("fold %d: channel %d, step %d of clip %d is %v, want %v", k, c, i, b, got, want)
					}
				}
			}
		}
	}
}

// fixed makes a discriminator say a constant: its last layer has no weights and a bias.
func fixed(d *Discriminator, logit float32) {
	clear(d.Out.Weight.Dense.Data)
	d.Out.Bias.Dense.Data[0] = logit
}

// Hinge losses: a discriminator that says 0 loses 2; one that is sure and wrong about one half
// loses 1 + its margin; the generator's loss is minus the score.
func TestLosses(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	e, err := NewEnsemble(LaptopWindows(4, 16), 160, rng)
	if err != nil {
		t.Fatal(err)
	}
	features, real, fake := random(rng, 4, 2, 20), random(rng, 1, 2, 3200), random(rng, 1, 2, 3200)
	starts := e.Draw(2, 20, rng)
	for logit, want := range map[float32]float32{0: 2, 3: 4, -2: 3, 0.5: 2} {
		for _, d := range e.Windows {
			fixed(d, logit)
		}
		if got := e.CriticLoss(nil, real, fake, features, starts).Value.Data[0]; math.Abs(float64(got-want)) > 1e-5 {
			t.Errorf("discriminators that say %v lose %v, want %v", logit, got, want)
		}
		if got := e.GeneratorLoss(nil, &grad.Var{Value: fake}, features, starts).Value.Data[0]; math.Abs(float64(got+logit)) > 1e-5 {
			t.Errorf("the generator loses %v at a score of %v", got, logit)
		}
	}
	// A margin that is kept on both sides costs nothing and moves nothing.
	x := tensor.Of([]float32{2, -2}, 1, 2)
	tape := &grad.Tape{}
	in := tape.Leaf(x)
	loss := grad.Hinge(tape, in, []float32{1, -1}, nil)
	tape.Backward(loss)
	if loss.Value.Data[0] != 0 || in.Grad.Data[0] != 0 || in.Grad.Data[1] != 0 {
		t.Errorf("loss %v, gradient %v beyond the margin", loss.Value.Data, in.Grad.Data)
	}
}

// The critic learns to tell two kinds of windows apart, and its frozen self leads a waveform
// towards what it takes for real.
func TestAdversaries(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	e, err := NewEnsemble(LaptopWindows(2, 16)[:2], 160, rng)
	if err != nil {
		t.Fatal(err)
	}
	features := tensor.New(2, 4, 10)
	tone := func(amplitude float64) *tensor.Tensor {
		x := tensor.New(1, 4, 1600)
		for i := range x.Data {
			x.Data[i] = float32(amplitude * math.Sin(float64(i)*0.4))
		}
		return x
	}
	real, fake := tone(0.5), tone(0.1)
	tape := &grad.Tape{}
	ps := nn.Params(e)
	first, last := 0.0, 0.0
	for step := range 200 {
		tape.Reset()
		nn.ZeroGrads(ps)
		loss := e.CriticLoss(tape, real, fake, features, e.Draw(4, 10, rng))
		tape.Backward(loss)
		for _, p := range ps {
			for i, g := range p.Grad.Data {
				p.Dense.Data[i] -= 0.05 * g
			}
		}
		if last = float64(loss.Value.Data[0]); step == 0 {
			first = last
		}
	}
	if !(last < 0.6*first) {
		t.Errorf("the critic's loss went from %g to %g", first, last)
	}
	for _, p := range ps {
		p.Grad = nil
	}
	nn.Freeze(ps, true)
	tape.Reset()
	x := tape.Leaf(fake)
	tape.Backward(e.GeneratorLoss(tape, x, features, e.Draw(4, 10, rng)))
	towards := 0.0
	for i, g := range x.Grad.Data {
		towards -= float64(g) * float64(real.Data[i]-fake.Data[i])
	}
	if towards <= 0 {
		t.Errorf("the generator's gradient leads away from recordings: %g", towards)
	}
	for _, p := range ps {
		if p.Grad != nil {
			t.Fatalf("%s has a gradient though it is frozen", p.Name)
		}
	}
}

// Gradients of a generator and its discriminator agree with differences of the loss, and a
// second of the same step allocates next to nothing.
func TestGeneratorGradient(t *testing.T) {
	defer parallel.SetWorkers(parallel.SetWorkers(1))
	g := stirred(t, tiny, 5)
	rng := rand.New(rand.NewPCG(6, 0))
	features, z := random(rng, tiny.Features, 2, 12), random(rng, tiny.Latent, 2)
	target := random(rng, 1, 2, 12*tiny.Hop()).Data
	ps := nn.Params(g)
	tape := &grad.Tape{}
	loss := func() float64 {
		tape.Reset()
		nn.ZeroGrads(ps)
		l := grad.L2(tape, g.Forward(tape, tape.Input(features), tape.Input(z)), target, nil)
		tape.Backward(l)
		return float64(l.Value.Data[0])
	}
	for range 50 { // vectors of spectral norms settle
		loss()
	}
	slope, along := 0.0, map[*nn.Param][]float32{}
	for _, p := range ps {
		dir := make([]float32, len(p.Grad.Data))
		for i, d := range p.Grad.Data {
			dir[i] = d
			slope += float64(d) * float64(d)
		}
		along[p] = dir
	}
	move := func(h float32) {
		for p, dir := range along {
			for i, d := range dir {
				p.Dense.Data[i] += h * d
			}
		}
	}
	const h = 2e-3
	move(h)
	up := loss()
	move(-2 * h)
	down := loss()
	if got := (up - down) / (2 * h); math.Abs(got-slope) > 0.03*slope {
		t.Errorf("along its gradient the loss rises by %g, the gradient says %g", got, slope)
	}
	if n := testing.AllocsPerRun(5, func() { loss() }); n > 4 {
		t.Errorf("%v allocations a step", n)
	}
}

func TestFile(t *testing.T) {
	g := stirred(t, tiny, 7)
	path := filepath.Join(t.TempDir(), "g.safetensors")
	if err := g.Save(path, map[string]string{"front": "x"}); err != nil {
		t.Fatal(err)
	}
	back, meta, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if meta["front"] != "x" {
		t.Errorf("metadata %v", meta)
	}
	x, z := random(rand.New(rand.NewPCG(8, 0)), tiny.Features, 1, 30), make([]float32, tiny.Latent)
	var a, b []float32
	for y := range g.Decode(x, z, 0) {
		a = append(a, y...)
	}
	for y := range back.Decode(x, z, 0) {
		b = append(b, y...)
	}
	testkit.Close(t, "read back and folded", b, doubles(a), testkit.Pass)
	if _, _, err := Open(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a file that is not there opens")
	}
}

// A voice speaks as long as the timing says, as an open file or not, and refuses generators of
// other features.
func TestVoice(t *testing.T) {
	spec := Spec{Features: speech.ConditionRows, Latent: 3, Stem: 4, Mu: 255, Blocks: []BlockSpec{{4, 8}, {4, 20}}}
	g := stirred(t, spec, 9)
	path := filepath.Join(t.TempDir(), "g.safetensors")
	if err := g.Save(path, map[string]string{StatsKey: `{"pitch_mean":5,"pitch_spread":0.2}`}); err != nil {
		t.Fatal(err)
	}
	timing, err := speech.Default()
	if err != nil {
		t.Fatal(err)
	}
	v, err := OpenVoice(path, timing)
	if err != nil {
		t.Fatal(err)
	}
	tokens := speech.Tokens(text.Analyze("Good morning."), nil)
	plan := timing.Plan(tokens, speech.Options{})
	u := v.Utter(tokens, speech.Options{})
	if len(u.Samples) != 160*len(plan.Pitch) || len(u.Tokens) != len(tokens) || audio.Peak(u.Samples) == 0 {
		t.Errorf("%d samples for %d frames", len(u.Samples), len(plan.Pitch))
	}
	if got := timing.Utter(tokens, speech.Options{}); len(got.Samples) != len(u.Samples) {
		t.Errorf("the timing's own voice speaks for %d samples", len(got.Samples))
	}
	if u := v.Utter(nil, speech.Options{}); len(u.Samples) != 0 {
		t.Error("nothing is spoken")
	}
	other := filepath.Join(t.TempDir(), "o.safetensors")
	if err := stirred(t, tiny, 1).Save(other, map[string]string{StatsKey: `{"pitch_mean":5,"pitch_spread":0.2}`}); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenVoice(other, timing); err == nil {
		t.Error("a generator of other features speaks")
	}
}
