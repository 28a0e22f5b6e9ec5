package wavernn

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/seed073b5613/filigree/audio"
	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/tensor"
)

var predicting = Spec{Units: 32, Features: PredictingFeatures, Condition: 7, Hop: 160, Around: 1, Emphasis: 0.85, Mu: 255, Predict: 16}

// vowel is a buzz of a period through two resonances, as a vowel is, and its frames.
func vowel(s Spec, n int) (x, frames []float32) {
	const rate, period = 16000.0, 100
	x = make([]float32, n)
	rng := rand.New(rand.NewPCG(2, 2))
	for i := range x {
		x[i] = float32(rng.NormFloat64()) * 3e-4
		if i%period == 0 {
			x[i] += 0.1
		}
	}
	for _, hz := range []float64{700, 1200} {
		r := math.Exp(-math.Pi * 80 / rate)
		a, b := float32(2*r*math.Cos(2*math.Pi*hz/rate)), float32(-r*r)
		for i := range x {
			if i > 1 {
				x[i] += a*x[i-1] + b*x[i-2]
			}
		}
	}
	peak := float32(0)
	for _, v := range x {
		peak = max(peak, v, -v)
	}
	for i := range x {
		x[i] *= 0.3 / peak
	}
	mel := audio.VoiceMel()
	hz := audio.Pitch(x, mel.Rate, s.Hop)
	return x, s.Frames(mel.Of(x), hz)
}

func TestPredictingFeatures(t *testing.T) {
	if want := audio.VoiceMel().Bands + pitchRows; PredictingFeatures != want {
		t.Errorf("%d features, the front end has %d", PredictingFeatures, want)
	}
}

func power(x []float32) (sum float64) {
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	return sum / float64(len(x))
}

// TestPredictionLeavesLittle checks that the filters of a vowel's bands leave much less than the vowel, as little as
// the best filter of the same order leaves but for 4 dB, and that the pitch points to the pulses before.
func TestPredictionLeavesLittle(t *testing.T) {
	s := predicting
	x, frames := vowel(s, 16000)
	left, past := s.Leave(x, frames, 0, nil)
	y := past.Signal
	rest := make([]float32, len(left))
	for i, v := range left {
		rest[i] = s.expand(v)
	}
	emphasised := make([]float32, len(x))
	for i, v := range x {
		emphasised[i] = v
		if i > 0 {
			emphasised[i] -= float32(s.Emphasis) * x[i-1]
		}
	}
	whole, gain := power(emphasised[4000:]), 10*math.Log10(power(emphasised[4000:])/power(rest[4000:]))
	best := 10 * math.Log10(whole/leastLeft(emphasised[4000:], s.Predict))
	t.Logf("prediction leaves %.1f dB less than the signal, the best filter %.1f dB", gain, best)
	if gain < best-4 || gain < 6 {
		t.Errorf("prediction leaves %.1f dB less than the signal, the best filter %.1f dB", gain, best)
	}
	for i, v := range y {
		if d := math.Abs(float64(v - emphasised[i])); d > 1e-3 {
			t.Fatalf("sample %d comes back %g off", i, d)
		}
	}
	told := make([]float32, foretold*s.Hop)
	s.Foretell(told, s.Hop, 1, frames, past, 50*s.Hop, s.Hop)
	var same, other float64
	for i := range s.Hop {
		v := float64(left[50*s.Hop+i])
		same += v * float64(told[(2+taps/2)*s.Hop+i])
		other += v * float64(left[50*s.Hop+i-57]) / 32768
	}
	if !(same > 4*math.Abs(other)) {
		t.Errorf("what was left a period ago fits by %g, at another time by %g", same, other)
	}
}

// leastLeft returns the mean square of what the best linear filter of an order leaves of x, by the covariance method.
func leastLeft(x []float32, order int) float64 {
	n := order + 1
	c := make([][]float64, n)
	for i := range c {
		c[i] = make([]float64, n)
		for j := range c[i] {
			for t := order; t < len(x); t++ {
				c[i][j] += float64(x[t-i]) * float64(x[t-j])
			}
		}
	}
	for k := n - 1; k > 0; k-- { // what the later ones explain is taken away
		for i := range k {
			f := c[i][k] / c[k][k]
			for j := range k {
				c[i][j] -= f * c[k][j]
			}
		}
	}
	return c[0][0] / float64(len(x)-order)
}

// TestPredictingSession feeds what a session drew, over more than it keeps, to the layered forward pass, and its
// waveform to the encoder.
func TestPredictingSession(t *testing.T) {
	s := predicting
	rng := rand.New(rand.NewPCG(4, 1))
	m, err := New(s, rng)
	if err != nil {
		t.Fatal(err)
	}
	for i := range m.O4.Bias.Dense.Data { // quiet, or all is clipped
		m.O2.Bias.Dense.Data[i] = -0.02 * float32((i-128)*(i-128))
	}
	_, frames := vowel(s, 40*s.Hop)
	F := len(frames) / s.Features
	session, err := NewSession(m, Options{Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	var logs []float64
	session.observe = func(_, class int) { logs = append(logs, session.draw.LogProbability(class)) }
	window := tensor.New(s.Width(), F, 1)
	column := make([]float32, s.Width())
	var drawn []int16
	var signal []float32
	var seen []float64
	for f := range F {
		s.Stack(column, frames, f)
		for i, v := range column {
			window.Data[i*F+f] = v
		}
		session.Frame(column)
		for range s.Hop {
			if seen = append(seen, -1); session.predictor.period > 0 {
				seen[len(seen)-1] = session.phase
			}
			drawn = append(drawn, session.Next())
			signal = append(signal, session.past.Signal[session.drawn-1])
		}
	}
	T := len(drawn)
	if T < len(session.past.Left) {
		t.Fatalf("%d samples do not fill the session's %d", T, len(session.past.Left))
	}
	scalars, coarse, fine := s.Scalars([][]int16{drawn})
	s.Foretell(scalars.Data[Scalars*T:], T, 1, frames, Past{Signal: signal, Left: drawn}, 0, T)
	for i, phase := range seen { // what is drawn has no pulses of its own
		sin, cos := math.Sincos(2 * math.Pi * phase)
		if phase < 0 {
			sin, cos = 0, 0
		}
		at := scalars.Data[(Scalars+foretold-phases)*T:]
		at[i], at[T+i] = float32(cos), float32(sin)
	}
	yc, yf := m.Forward(nil, &grad.Var{Value: window}, scalars)
	worst := 0.0
	for i := range drawn {
		worst = max(worst, math.Abs(logs[2*i]-logProbability(yc.Value, i, int(coarse[i]))), math.Abs(logs[2*i+1]-logProbability(yf.Value, i, int(fine[i]))))
	}
	if !(worst < 1e-4) {
		t.Errorf("log-probabilities differ by up to %g", worst)
	}
	made, err := NewVocoder(m, Options{Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	var x []float32
	for f := range F {
		x = made.Push(x, frames[f*s.Features:][:s.Features])
	}
	again, _ := s.Leave(made.Flush(x), frames, 0, nil)
	off := 0
	for i := range again {
		if d := int(again[i]) - int(drawn[i]); d < -2 || d > 2 {
			off++
		}
	}
	if off > len(again)/100 {
		t.Errorf("%d of %d drawn samples are not what the waveform is encoded as", off, len(again))
	}
	if n := testing.AllocsPerRun(50, func() { session.Next() }); n != 0 {
		t.Errorf("%g allocations a sample", n)
	}
}

// TestNoisyPast checks that noise in the past does not add up: what is modelled makes up for it at the next sample.
func TestNoisyPast(t *testing.T) {
	s := predicting
	x, frames := vowel(s, 8000)
	clean := s.emphasize(x)
	left, past := s.Leave(x, frames, 0.02, rand.New(rand.NewPCG(3, 3)))
	differs, noise, signal := 0, 0.0, 0.0
	for i, v := range clean {
		if left[i] != past.Left[i] {
			differs++
		}
		d := float64(past.Signal[i] - v)
		noise, signal = noise+d*d, signal+float64(v)*float64(v)
		if want := float64(s.expand(past.Left[i]) - s.expand(left[i])); math.Abs(d-want) > 1e-3 {
			t.Fatalf("sample %d is %g off, of which noise is %g", i, d, want)
		}
	}
	if snr := 10 * math.Log10(signal/noise); differs < len(x)/2 || snr < 15 {
		t.Errorf("%d of %d samples are noisy, the signal is %.1f dB above", differs, len(x), snr)
	}
}

// TestPulses finds the pulses of a vowel: a period apart, wherever the buzz has them.
func TestPulses(t *testing.T) {
	s := predicting
	x, frames := vowel(s, 16000)
	for _, sign := range []float32{1, -1} {
		for i := range x {
			x[i] *= sign
		}
		_, past := s.Leave(x, frames, 0, nil)
		if len(past.Pulses) < 140 {
			t.Fatalf("%d pulses of 160", len(past.Pulses))
		}
		off := 0
		for _, at := range past.Pulses {
			if d := (int(at) + 50) % 100; d < 47 || d > 53 {
				off++
			}
		}
		if off > len(past.Pulses)/20 {
			t.Errorf("%d of %d pulses are not where they were put", off, len(past.Pulses))
		}
		if a, b := past.phase(8000, 100), past.phase(8075, 100); math.Abs(a-math.Round(a)) > 0.04 || math.Abs(b-0.75) > 0.04 {
			t.Errorf("phases %v and %v, want 0 and 0.75", a, b)
		}
	}
}

// TestShortRecordings takes apart recordings of few samples, with and without frames around.
func TestShortRecordings(t *testing.T) {
	for _, around := range []int{0, 2} {
		s := predicting
		s.Around = around
		x, _ := vowel(s, 400)
		for _, n := range []int{0, 1, 159, 160, 161} {
			frames := s.Frames(audio.VoiceMel().Of(x), audio.Pitch(x, 16000, s.Hop))
			left, past := s.Leave(x[:n], frames, 0.02, rand.New(rand.NewPCG(1, 1)))
			if len(left) != n || len(past.Signal) != n || len(past.Left) != n {
				t.Errorf("%d samples, %d around: %d, %d and %d", n, around, len(left), len(past.Signal), len(past.Left))
			}
			for i, v := range past.Signal {
				if math.IsNaN(float64(v)) {
					t.Fatalf("%d samples, %d around: sample %d is not a number", n, around, i)
				}
			}
		}
	}
}

// TestVoiced lowers the temperature of voiced samples only: a hot unvoiced frame draws the same.
func TestVoiced(t *testing.T) {
	s := predicting
	m, err := New(s, rand.New(rand.NewPCG(5, 1)))
	if err != nil {
		t.Fatal(err)
	}
	x, voiced := vowel(s, 1600)
	frames := map[bool][]float32{true: voiced, false: s.Frames(audio.VoiceMel().Of(x), nil)}
	for is, f := range frames {
		var drawn [2][]int16
		for i, factor := range []float64{1, 0.3} {
			session, err := NewSession(m, Options{Seed: 2, Voiced: factor})
			if err != nil {
				t.Fatal(err)
			}
			window := make([]float32, s.Width())
			for at := range 5 {
				s.Stack(window, f, at)
				session.Frame(window)
				for range s.Hop {
					drawn[i] = append(drawn[i], session.Next())
				}
			}
		}
		if slices.Equal(drawn[0], drawn[1]) == is {
			t.Errorf("voiced %v: a factor on the temperature changes the samples: %v", is, !is)
		}
	}
	if _, err := NewSession(m, Options{Voiced: math.NaN()}); err == nil {
		t.Error("a factor that is not a number is taken")
	}
}
