package eats

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/models/speech"
	"github.com/seed073b5613/filigree/models/speech/gantts"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/prune"
	"github.com/seed073b5613/filigree/tensor"
)

func random(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 7)) }

// The full-size networks are as large as the paper's description makes them: 11.9 M weights in
// the aligner's convolutions and 8 M in its norms, 0.18 G multiply-adds for a second of 15
// tokens, 3.2 G for a spectrogram of two seconds, 22.6 M weights and 15.5 G a second for the
// decoder.
func TestPublishedSizes(t *testing.T) {
	s := Published(80)
	g, err := NewGenerator(s, nil)
	if err != nil {
		t.Fatal(err)
	}
	const C, Z = 256, 256
	convs, norms, macs := g.Aligner.Cost()
	if want := 60*(3*C*C+C) + C*C + C + C + 1; convs != want {
		t.Errorf("%d parameters in convolutions, want %d", convs, want)
	}
	if want := 62 * 2 * (C*Z + C); norms != want {
		t.Errorf("%d parameters in norms, want %d", norms, want)
	}
	if got := 15 * float64(macs) / 1e9; math.Abs(got-0.178) > 0.001 {
		t.Errorf("%g G multiply-adds a second of 15 tokens", got)
	}
	if w, m := s.Samples.Cost(200); math.Abs(float64(w)/1e6-22.3) > 0.5 || math.Abs(float64(m)/1e9-15.5) > 0.2 {
		t.Errorf("decoder: %g M weights, %g G multiply-adds", float64(w)/1e6, float64(m)/1e9)
	}
	d, err := NewSpectrogram(PublishedSpectrogram, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, m := d.Cost(80, 47); math.Abs(float64(m)/1e9-3.1) > 0.15 {
		t.Errorf("spectrogram discriminator: %g G multiply-adds", float64(m)/1e9)
	}
	if d, err = NewSpectrogram(LaptopSpectrogram, nil); err != nil {
		t.Fatal(err)
	}
	if _, m := d.Cost(80, 47); math.Abs(float64(m)/1e9-0.05) > 0.01 {
		t.Errorf("spectrogram discriminator for laptops: %g G multiply-adds", float64(m)/1e9)
	}
}

// The networks for laptops cost what they should: millions of multiply-adds for a second of speech.
func TestLaptopSizes(t *testing.T) {
	for size, want := range map[Size]float64{Tiny: 80, Small: 311, Shaped: 266} {
		s, err := Laptop(size)
		if err != nil {
			t.Fatal(err)
		}
		g, err := NewGenerator(s, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, _, aligner := g.Aligner.Cost()
		macs := 15 * aligner
		if s.Samples != nil {
			_, m := s.Samples.Cost(int(s.FrameRate))
			macs += m
		} else {
			for _, p := range nn.Params(g.Frames) {
				if len(p.Shape) > 1 {
					macs += 100 * p.Size()
				}
			}
		}
		if got := float64(macs) / 1e6; math.Abs(got-want) > 0.05*want {
			t.Errorf("%s: %.0f M multiply-adds a second, want %g", size, got, want)
		}
	}
	if _, err := Laptop("huge"); err == nil {
		t.Error("there is a size called huge")
	}
}

func small(t *testing.T, condition int) *Aligner {
	t.Helper()
	a, err := NewAligner(AlignerSpec{Symbols: 9, Channels: 12, Blocks: 2, Condition: condition, FrameRate: 100}, random(1))
	if err != nil {
		t.Fatal(err)
	}
	stir(a)
	return a
}

// stir gives parameters that start at zero other values, and norms statistics.
func stir(net any) {
	rng := random(2)
	for _, p := range nn.Params(net) {
		for i, w := range p.Values() {
			if w == 0 {
				p.Values()[i] = float32(0.1 * rng.NormFloat64())
			}
		}
	}
	for _, b := range nn.Buffers(net) {
		for i := range b.Data {
			b.Data[i] += float32(0.3 * rng.Float64())
		}
	}
}

func tokens(rows ...[]float32) (ids *tensor.Tensor, mask []float32) {
	N := 0
	for _, r := range rows {
		N = max(N, len(r))
	}
	ids, mask = tensor.New(len(rows), N), make([]float32, len(rows)*N)
	for b, r := range rows {
		copy(ids.Data[b*N:], r)
		for i := range r {
			mask[b*N+i] = 1
		}
	}
	return ids, mask
}

// Padding changes nothing: neither lengths, nor features, nor what is aligned, nor the
// statistics of the norms while training.
func TestPaddingDoesNotMatter(t *testing.T) {
	a := small(t, 3)
	z := tensor.Of([]float32{1, 0, -1, 2, 0.5, 1}, 3, 2)
	x, y := []float32{1, 2, 3, 4, 5}, []float32{8, 7, 6, 5, 4}
	more := func(r []float32) []float32 { return append(slices.Clone(r), 0, 3, 0) }
	for _, training := range []bool{false, true} {
		run := func(pad bool) (lengths, aligned []float32) {
			tape := &grad.Tape{NoGrad: !training}
			ids, mask := tokens(x, y)
			if pad {
				ids, _ = tokens(more(x), more(y))
				mask = append(append(append([]float32{}, 1, 1, 1, 1, 1, 0, 0, 0), 1, 1, 1, 1, 1), 0, 0, 0)
			}
			h, l := a.Forward(tape, ids, tape.Input(z), mask)
			out := a.Align(tape, h, l, []int{0, 4}, 20)
			N := ids.Shape[1]
			for b := range 2 {
				lengths = append(lengths, l.Value.Data[b*N:b*N+5]...)
				for _, v := range l.Value.Data[b*N+5 : (b+1)*N] {
					if v != 0 {
						t.Errorf("padding lasts %g frames", v)
					}
				}
			}
			return lengths, slices.Clone(out.Value.Data)
		}
		wantL, wantA := run(false)
		gotL, gotA := run(true)
		for i := range wantL {
			if math.Abs(float64(gotL[i]-wantL[i])) > 1e-4 {
				t.Errorf("training %v: length %d is %g, without padding %g", training, i, gotL[i], wantL[i])
			}
		}
		for i := range wantA {
			if math.Abs(float64(gotA[i]-wantA[i])) > 1e-3 {
				t.Fatalf("training %v: aligned value %d is %g, without padding %g", training, i, gotA[i], wantA[i])
			}
		}
	}
}

// Gradients of the whole aligner: through features and lengths.
func TestAlignerGradients(t *testing.T) {
	a, err := NewAligner(AlignerSpec{Symbols: 5, Channels: 4, Blocks: 1, Condition: 2, FrameRate: 100, First: 3}, random(3))
	if err != nil {
		t.Fatal(err)
	}
	stir(a)
	ids, mask := tokens([]float32{1, 2, 3}, []float32{4, 0})
	z := tensor.Of([]float32{1, 0.5, -1, 2}, 2, 2)
	var slots []grad.Slot
	for _, p := range []*nn.Param{a.Symbol.Weight, a.Length.Bias, a.Hidden.Bias} {
		p.NeedGrad()
		slots = append(slots, grad.Slot{Name: p.Name, Value: p.Values(), Grad: p.Grad.Data})
	}
	f := func(tape *grad.Tape, in []*grad.Var) *grad.Var {
		h, l := a.Forward(tape, ids, in[0], mask)
		loss := LengthLoss(tape, l, []float32{7, 11})
		x := a.Align(tape, h, l, []int{1, 0}, 4)
		return grad.Concat(tape, grad.Reshape(tape, x, len(x.Value.Data), 1), grad.Reshape(tape, loss, 1, 1))
	}
	if err := grad.Check(f, []*tensor.Tensor{z}, slots, 1e-3, 3e-2); err != nil {
		t.Error(err)
	}
}

func TestLengthLoss(t *testing.T) {
	tape := &grad.Tape{}
	l := tape.Leaf(tensor.Of([]float32{1, 2, 3, 4, 5, 6}, 1, 2, 3))
	loss := LengthLoss(tape, l, []float32{8, 14})
	tape.Backward(loss)
	if got, want := loss.Value.Data[0], float32((0.5*4+0.5*1)/2); math.Abs(float64(got-want)) > 1e-6 {
		t.Errorf("loss %g, want %g", got, want)
	}
	for i, want := range []float32{-1, -1, -1, 0.5, 0.5, 0.5} { // (Σl - L)/B
		if got := l.Grad.Data[i]; math.Abs(float64(got-want)) > 1e-6 {
			t.Errorf("derivative %d: %g, want %g", i, got, want)
		}
	}
}

func TestPredictionLoss(t *testing.T) {
	var no *grad.Tape
	x, y := tensor.Of([]float32{1, 2, 3, 4}, 2, 1, 2), tensor.Of([]float32{0, 2, 3, 0}, 2, 1, 2)
	if got := PredictionLoss(no, &grad.Var{Value: x}, y, false).Value.Data[0]; got != 2.5 { // (1 + 0)/2 + (0 + 4)/2
		t.Errorf("plain: %g, want 2.5", got)
	}
	if got := PredictionLoss(no, &grad.Var{Value: x}, y, true).Value.Data[0]; !(got <= 2.5) {
		t.Errorf("with warping: %g, more than without", got)
	}
}

func TestJitter(t *testing.T) {
	x := tensor.New(1, 2, 300)
	for i := range x.Data {
		x.Data[i] = float32(i%300 + 1)
	}
	rng, seen := random(4), map[int]bool{}
	for range 400 {
		y := Jitter(x, rng)
		for b := range 2 {
			row := y.Data[b*300 : (b+1)*300]
			d := 150 - int(row[150]-1)
			if d < -JitterRange || d > JitterRange {
				t.Fatalf("shifted by %d", d)
			}
			seen[d] = true
			for i, v := range row {
				want := float32(i - d + 1)
				if i-d < 0 || i-d >= 300 {
					want = 0
				}
				if v != want {
					t.Fatalf("shifted by %d: sample %d is %g, want %g", d, i, v, want)
				}
			}
		}
	}
	if len(seen) < 110 || !seen[-JitterRange] && !seen[JitterRange] {
		t.Errorf("%d different shifts", len(seen))
	}
}

// A tone is loudest in its band, twice the amplitude is ln 2 more, and spectra of the tape are
// those of the audio package.
func TestFront(t *testing.T) {
	f := NewFront(24000)
	wave := tensor.New(1, 2, 48000)
	for i := range 48000 {
		v := 0.2 * math.Sin(2*math.Pi*440*float64(i)/24000)
		wave.Data[i], wave.Data[48000+i] = float32(v), float32(2*v)
	}
	var no *grad.Tape
	x := f.Spectra(no, &grad.Var{Value: wave}).Value
	if !slices.Equal(x.Shape, []int{80, 2, 47}) {
		t.Fatalf("spectra are %v", x.Shape)
	}
	at := func(band, b, frame int) float64 { return float64(x.Data[(band*2+b)*47+frame]) }
	mel := func(hz float64) float64 { return 1127 * math.Log1p(hz/700) }
	want := int((mel(440)-mel(80))/((mel(7600)-mel(80))/81)+0.5) - 1
	best := 0
	for band := range 80 {
		if at(band, 0, 20) > at(best, 0, 20) {
			best = band
		}
	}
	if best != want {
		t.Errorf("loudest in band %d, want %d", best, want)
	}
	if d := at(best, 1, 20) - at(best, 0, 20); math.Abs(d-math.Ln2) > 1e-3 {
		t.Errorf("twice the amplitude is %g more", d)
	}
	ref := f.mel.Of(wave.Data[:48000])
	for i, v := range ref {
		if got := at(i/47, 0, i%47); v > 2 && math.Abs(got-float64(v)) > 3e-2 {
			t.Fatalf("value %d is %g, want %g", i, got, v)
		}
	}
}

func TestSpectrogramDiscriminator(t *testing.T) {
	spec := SpectrogramSpec{Stem: 4, Channels: []int{8, 8}, Down: []int{2, 1}, Speakers: 3}
	d, err := NewSpectrogram(spec, random(5))
	if err != nil {
		t.Fatal(err)
	}
	ps := nn.Params(d)
	nn.Freeze(ps, true) // so that no vector of a spectral norm moves between differences
	x := tensor.New(6, 2, 7)
	rng := random(6)
	for i := range x.Data {
		x.Data[i] = float32(rng.NormFloat64())
	}
	who := tensor.Of([]float32{2, 0}, 1, 2)
	f := func(tape *grad.Tape, in []*grad.Var) *grad.Var { return d.Forward(tape, in[0], who) }
	if err := grad.Check(f, []*tensor.Tensor{x}, nil, 1e-3, 2e-2); err != nil {
		t.Error(err)
	}
	var no *grad.Tape
	logit := func() []float32 { return slices.Clone(f(no, []*grad.Var{{Value: x}}).Value.Data) }
	before := logit()
	clear(d.Speakers.Weight.Values()[:8]) // speaker 0 is element 1
	after := logit()
	if before[0] != after[0] || before[1] == after[1] {
		t.Errorf("logits %v, without speaker 0 %v", before, after)
	}
	for _, bad := range []SpectrogramSpec{{}, {Stem: 8, Channels: []int{4}, Down: []int{1}}, {Stem: 4, Channels: []int{8}, Down: []int{3}}, {Stem: 4, Channels: []int{8, 8}, Down: []int{1}}} {
		if _, err := NewSpectrogram(bad, nil); err == nil {
			t.Errorf("%+v is accepted", bad)
		}
	}
}

// The paper's decoder in pieces with a margin is the decoder at once, and any window that is aligned
// from an offset is a slice of the whole.
func TestWindowsAreSlices(t *testing.T) {
	s := Spec{Symbols: 9, Latent: 2, Channels: 6, Blocks: 1, FrameRate: 100, SampleRate: 16000, Mu: 255,
		Samples: &gantts.Spec{Features: 6, Latent: 2, Stem: 4, Mu: 255, Blocks: []gantts.BlockSpec{{Channels: 4, Upsample: 8}, {Channels: 4, Upsample: 20}}}}
	g, err := NewGenerator(s, random(8))
	if err != nil {
		t.Fatal(err)
	}
	stir(g)
	tape := &grad.Tape{NoGrad: true}
	c := g.Condition(tape, gantts.Latents(2, 1, random(9)), nil)
	h, l := g.Aligner.Forward(tape, tensor.Of([]float32{1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3}, 1, 11), c, nil)
	const S = 60
	wave := func(offset, n int) []float32 {
		return slices.Clone(g.Decode(tape, g.Aligner.Align(tape, h, l, []int{offset}, n), c, nil, speech.Excitation{}).Wave.Value.Data)
	}
	whole := wave(0, S)
	reach := s.Samples.Reach()
	from, to := 25, 35
	part := wave(from-reach, to-from+2*reach)[reach*160:]
	for i := range (to - from) * 160 {
		if d := math.Abs(float64(part[i] - whole[from*160+i])); d > 1e-4 {
			t.Fatalf("sample %d differs by %g", i, d)
		}
	}
}

// Steady steps of a generator with sparse weights: what is pruned stays pruned, and gradients
// reach the first layer.
func TestSparseGenerator(t *testing.T) {
	s, err := Laptop(Tiny)
	if err != nil {
		t.Fatal(err)
	}
	s.Channels, s.Blocks, s.Frames = 16, 1, &speech.DecoderSpec{Channels: 16, Hidden: 32, Layers: 1}
	g, err := NewGenerator(s, random(10))
	if err != nil {
		t.Fatal(err)
	}
	m := prune.Static{Sparsity: 0.75, Distribution: prune.Uniform, Structure: prune.Structure{Rows: 4}}
	if err := m.Begin(prune.Weights(nn.Params(g)), random(11)); err != nil {
		t.Fatal(err)
	}
	if d := nn.Density(g); d > 0.4 {
		t.Errorf("density %g", d)
	}
	tape := &grad.Tape{}
	ids, mask := tokens([]float32{1, 2, 3, 4}, []float32{5, 6})
	c := g.Condition(tape, gantts.Latents(s.Latent, 2, random(12)), nil)
	h, l := g.Aligner.Forward(tape, ids, c, mask)
	a := g.Aligner.Align(tape, h, l, nil, 12)
	hz := make([]float32, 24)
	stats := speech.Stats{PitchMean: 5, PitchSpread: 0.2}
	sound := g.Decode(tape, a, c, tensor.Of(stats.Pitch(hz), 2, 2, 12), speech.Excite(hz, 2, 12, random(13)))
	front := NewFront(s.SampleRate)
	target := front.Spectra(nil, &grad.Var{Value: tensor.New(1, 2, 12*160)}).Value
	tape.Backward(PredictionLoss(tape, front.Spectra(tape, sound.Wave), target, true))
	if w := g.Aligner.Symbol.Weight.Grad; w == nil || !slices.ContainsFunc(w.Data, func(g float32) bool { return g != 0 }) {
		t.Error("no gradient reaches the symbols")
	}
}
