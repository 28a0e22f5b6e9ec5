package vocoder

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed073b5613/filigree/audio"
	"github.com/seed073b5613/filigree/models/speech/wavernn"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/train"
)

// folder is recordings of tones.
func folder(t *testing.T, n int) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "wavs"), 0o777); err != nil {
		t.Fatal(err)
	}
	var lines strings.Builder
	for i := range n {
		x := make([]float32, 4800)
		for j := range x {
			x[j] = float32(0.1 * math.Sin(float64(j)*(0.05+0.002*float64(i))))
		}
		w, err := audio.CreateWAV(filepath.Join(dir, "wavs", fmt.Sprintf("c%d.wav", i)), 16000, 1)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(w.Write(x), w.Close()); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&lines, "c%d|Tone.\n", i)
	}
	if err := os.WriteFile(filepath.Join(dir, "metadata.csv"), []byte(lines.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	return dir
}

func quiet(dir string) IO {
	return IO{Dir: dir, Progress: func(string, int, int) {}, Begin: func(string) {}, Warn: func(string) {}}
}

func settings(data, method, block string) Settings {
	s := Default
	s.Data, s.Method, s.Block, s.Units, s.Condition, s.Batch, s.Steps = data, method, block, 32, 8, 4, 8
	return s
}

// TestTraining trains with every method: it learns, and the weights that are left are as many
// as they should be, in each gate where pruning is gradual.
func TestTraining(t *testing.T) {
	data := folder(t, heldEvery)
	for _, c := range [][2]string{{"gradual", "16x1"}, {"gradual", "4x4"}, {"rigl", "4x1"}, {"evolution", "4x1"}} {
		s := settings(data, c[0], c[1])
		s.Sparsity, s.Steps, s.Rate = 0.75, 30, 1e-2
		r, err := Run(context.Background(), s, quiet(filepath.Join(t.TempDir(), "run")))
		if err != nil {
			t.Fatal(err)
		}
		if r.NLL > 11.05 || math.Abs(r.Bits*math.Ln2-r.NLL) > 1e-9 || r.Recurrent != 3*32*32/4 {
			t.Errorf("%v: %v nats a sample, %d recurrent weights", c, r.NLL, r.Recurrent)
		}
		m, err := wavernn.Open(r.Model)
		if err != nil {
			t.Fatal(err)
		}
		if got := nonzeros(m); c[0] == "gradual" && got != [3]int{256, 256, 256} {
			t.Errorf("%v: the gates have %v weights", c, got)
		}
		if m.Spec().Around != 2 || m.Spec().Emphasis != s.Emphasis {
			t.Errorf("model %+v", m.Spec())
		}
	}
}

// TestSubscale trains a model of streams: it learns, and keeps what it was built with.
func TestSubscale(t *testing.T) {
	s := settings(folder(t, heldEvery), "gradual", "16x1")
	s.Streams, s.Horizon, s.Steps, s.Rate, s.Crop = 4, 3, 30, 1e-2, 320
	r, err := Run(context.Background(), s, quiet(filepath.Join(t.TempDir(), "run")))
	if err != nil {
		t.Fatal(err)
	}
	m, err := wavernn.Open(r.Model)
	if err != nil {
		t.Fatal(err)
	}
	if sub := m.Spec().Subscale; r.NLL > 11.05 || sub.Streams != 4 || sub.Horizon != 3 || sub.Field() != 4 {
		t.Errorf("%v nats a sample, %+v", r.NLL, sub)
	}
}

// nonzeros counts the recurrent weights of each gate.
func nonzeros(m *wavernn.Model) (n [3]int) {
	p := m.Cell.Recurrent.Recurrent
	mask := p.Topology(1)
	for row := range p.M() {
		for col := range p.K() {
			if mask.Get(row/mask.R, col) {
				n[row*3/p.M()]++
			}
		}
	}
	return n
}

// TestResume breaks a training off and goes on with it: the weights are those of one that was
// never broken.
func TestResume(t *testing.T) {
	data := folder(t, heldEvery)
	s := settings(data, "gradual", "16x1")
	var whole, broken Result
	var err error
	if whole, err = Run(context.Background(), s, quiet(filepath.Join(t.TempDir(), "run"))); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	out := quiet(filepath.Join(t.TempDir(), "run"))
	out.Report = func(e train.Event) {
		if e.Step == 5 {
			stop()
		}
	}
	if _, err = Run(ctx, s, out); !errors.Is(err, train.ErrInterrupted) {
		t.Fatalf("error %v", err)
	}
	if broken, err = Run(context.Background(), s, out); err != nil {
		t.Fatal(err)
	}
	best := func(r Result) string { return filepath.Join(r.Run, "checkpoints", "best.safetensors") } // in full precision
	a, err := wavernn.Open(best(whole))
	if err != nil {
		t.Fatal(err)
	}
	b, err := wavernn.Open(best(broken))
	if err != nil {
		t.Fatal(err)
	}
	ps, qs := nn.Params(a), nn.Params(b)
	for i, p := range ps {
		for j, v := range p.Values() {
			if qs[i].Values()[j] != v {
				t.Fatalf("%s: weight %d is %v and %v", p.Name, j, v, qs[i].Values()[j])
			}
		}
	}
}

func TestBadInput(t *testing.T) {
	if _, err := Run(context.Background(), settings(folder(t, 3), "dense", "1x1"), quiet(filepath.Join(t.TempDir(), "run"))); err == nil || !strings.Contains(err.Error(), "25 are needed") {
		t.Errorf("too few recordings: %v", err)
	}
	for flag, change := range map[string]func(*Settings){
		"--units": func(s *Settings) { s.Units = 33 }, "--block": func(s *Settings) { s.Block = "3x3" }, "--method": func(s *Settings) { s.Method = "x" },
		"--data": func(s *Settings) { s.Data = "" }, "--rate": func(s *Settings) { s.Rate = math.NaN() }, "--sparsity": func(s *Settings) { s.Sparsity = 1 },
		"--predict": func(s *Settings) { s.Predict = -1 }, "--emphasis": func(s *Settings) { s.Emphasis = 1 }, "--streams": func(s *Settings) { s.Streams = 3 }, "--horizon": func(s *Settings) { s.Horizon = -1 }, "--crop": func(s *Settings) { s.Crop = 100 }, "--batch": func(s *Settings) { s.Batch = 0 }, "--steps": func(s *Settings) { s.Steps = -1 },
		"--budget": func(s *Settings) { s.Budget = 1 }, "4x4": func(s *Settings) { s.Block, s.Method = "4x4", "rigl" },
	} {
		s := settings("x", "gradual", "16x1")
		change(&s)
		if err := s.Validate(); err == nil || !strings.Contains(err.Error(), flag) {
			t.Errorf("%s: %v", flag, err)
		}
	}
}

// TestNoisyCrops holds the pieces of predicting models to their recording taken whole: what is told is of the noisy past, what
// is to be drawn is clean.
func TestNoisyCrops(t *testing.T) {
	s := settings("x", "dense", "1x1")
	spec := s.spec()
	x := make([]float32, 40*160)
	for i := range x {
		x[i] = float32(0.2*math.Sin(float64(i)*0.06) + 0.05*math.Sin(float64(i)*0.9))
	}
	c := newClip(x, spec, 0.1, rand.New(rand.NewPCG(1, 1)))
	source := newCrops([]*clip{c}, spec, 5, 3, rand.NewPCG(2, 2))
	source.Next()
	b, T, B, n := source.batch, 3*160, 5, len(c.pcm)
	whole := make([]float32, spec.Inputs()*n)
	spec.Foretell(whole[wavernn.Scalars*n:], n, 1, c.frames, c.past, 0, n)
	before := int16(0)
	for i, v := range c.past.Left {
		coarse, fine := wavernn.Split(before)
		now, _ := wavernn.Split(c.pcm[i])
		whole[i], whole[n+i], whole[2*n+i] = wavernn.Scale(coarse), wavernn.Scale(fine), wavernn.Scale(now)
		before = v
	}
	for p := range B {
		at := -1 // a piece is found by its first row of the future
		for start := 0; start+T <= n && at < 0; start += 160 {
			same := true
			for i := range T {
				coarse, fine := wavernn.Split(c.pcm[start+i])
				same = same && b.coarse[i*B+p] == int32(coarse) && b.fine[i*B+p] == int32(fine)
			}
			if same {
				at = start
			}
		}
		if at < 0 {
			t.Fatalf("piece %d is nowhere in the recording", p)
		}
		for row := range spec.Inputs() {
			for i := range T {
				if got, want := b.scalars.Data[(row*T+i)*B+p], whole[row*n+at+i]; got != want {
					t.Fatalf("piece %d from %d, row %d, sample %d: %v, want %v", p, at, row, i, got, want)
				}
			}
		}
	}
}
