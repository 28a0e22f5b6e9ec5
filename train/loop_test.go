package train

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/optim"
	"github.com/seed073b5613/filigree/tensor"
)

// clusters is an endless source of points around three centres.
type clusters struct {
	pcg    *rand.PCG
	x      *tensor.Tensor
	labels []int32
	scale  float32
}

const inputs, classes, batch = 6, 3, 16

func newClusters(seed uint64) *clusters {
	return &clusters{rand.NewPCG(seed, 1), tensor.New(inputs, batch), make([]int32, batch), 1}
}

func (c *clusters) Next() (*tensor.Tensor, []int32) {
	rng := rand.New(c.pcg)
	for n := range batch {
		c.labels[n] = int32(rng.IntN(classes))
		for k := range inputs {
			v := float32(rng.NormFloat64())
			if k%classes == int(c.labels[n]) {
				v += 2
			}
			c.x.Data[k*batch+n] = v * c.scale
		}
	}
	return c.x, c.labels
}

func (c *clusters) MarshalBinary() ([]byte, error) { return c.pcg.MarshalBinary() }
func (c *clusters) UnmarshalBinary(b []byte) error { return c.pcg.UnmarshalBinary(b) }

// newLoop returns a small training in a run directory.
func newLoop(t *testing.T, dir *Dir) *Loop {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, 2))
	net := nn.Sequential{nn.NewLinear(inputs, 12, rng), nn.ReLU{}, nn.NewLinear(12, classes, rng)}
	l := &Loop{
		Net: net, Loss: nn.CrossEntropy, Data: newClusters(3),
		Optim: &optim.SGD{Momentum: 0.9}, Rate: func(int) float64 { return 0.05 },
		Steps: 60, EvalEvery: 20, LogEvery: 7, SaveEvery: 13, Dir: dir,
	}
	l.Evaluate = func(ctx context.Context) (Scores, error) {
		left, test := 3, newClusters(9)
		return Evaluate(ctx, net, func() (*tensor.Tensor, []int32) {
			if left--; left < 0 {
				return nil, nil
			}
			return test.Next()
		})
	}
	return l
}

func newDir(t *testing.T) *Dir {
	t.Helper()
	d, err := Create(filepath.Join(t.TempDir(), "run"), config{"test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// bits returns all weights of a loop.
func bits(l *Loop) []float32 {
	var out []float32
	for _, p := range nn.Params(l.Net) {
		out = append(out, p.Values()...)
	}
	return out
}

// steadyMetrics returns the metrics table without its columns of times.
func steadyMetrics(t *testing.T, d *Dir) string {
	t.Helper()
	columns, rows, err := d.ReadMetrics()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, r := range append([][]string{columns}, rows...) {
		fmt.Fprintln(&b, strings.Join(r[:len(r)-2], "\t"))
	}
	return b.String()
}

func TestLoopLearns(t *testing.T) {
	l := newLoop(t, newDir(t))
	var kinds [4]int
	l.Report = func(e Event) { kinds[e.Kind]++ }
	o, err := l.Run(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if o.Accuracy < 0.9 || o.Count != 3*batch || o.Steps != 60 || o.Batches != 60 || o.StepMS <= 0 || o.Seconds <= 0 {
		t.Errorf("outcome %+v", o)
	}
	if want := [4]int{60, 0, 3, 6}; kinds != want { // saved at 0, 13, 26, 39, 52, 60
		t.Errorf("events %v, want %v", kinds, want)
	}
	got := steadyMetrics(t, l.Dir)
	if n := strings.Count(got, "\n"); n != 1+8+3 { // 7, 14, ..., 56 and 20, 40, 60
		t.Errorf("metrics:\n%s", got)
	}
}

// crash ends a run as SIGKILL would, at the n-th event.
type crash struct{}

func runUntil(l *Loop, resume *Checkpoint, events int) (err error) {
	defer func() {
		if p := recover(); p != nil {
			if p != (crash{}) {
				panic(p)
			}
			err = errors.New("killed")
		}
	}()
	l.Report = func(Event) {
		if events--; events < 0 {
			panic(crash{})
		}
	}
	_, err = l.Run(context.Background(), resume)
	return err
}

// TestResume kills runs at every event, several times each, and resumes them:
// weights and metrics must be those of a run that was never broken.
func TestResume(t *testing.T) {
	whole := newLoop(t, newDir(t))
	if _, err := whole.Run(context.Background(), nil); err != nil {
		t.Fatal(err)
	}
	want, table := bits(whole), steadyMetrics(t, whole.Dir)
	for life := 1; life < 70; life += 3 {
		dir := newDir(t)
		var l *Loop
		legs := 0
		for err := errors.New("start"); err != nil; legs++ {
			c, openErr := OpenCheckpoint(dir.Checkpoint())
			if openErr != nil && !errors.Is(openErr, fs.ErrNotExist) {
				t.Fatal(openErr)
			}
			dir.Close()
			l = newLoop(t, dir)
			l.SaveEvery = 5 // more often than the whole run: saving must change nothing
			err = runUntil(l, c, life+legs)
			if legs > 100 {
				t.Fatalf("life of %d events: no progress", life)
			}
		}
		if !slices.Equal(bits(l), want) {
			t.Fatalf("life of %d events, %d legs: weights differ", life, legs)
		}
		if got := steadyMetrics(t, dir); got != table {
			t.Fatalf("life of %d events: metrics\n%swant\n%s", life, got, table)
		}
	}
}

func TestInterrupt(t *testing.T) {
	whole := newLoop(t, nil)
	if _, err := whole.Run(context.Background(), nil); err != nil {
		t.Fatal(err)
	}
	l := newLoop(t, newDir(t))
	ctx, cancel := context.WithCancel(context.Background())
	l.Report = func(e Event) {
		if e.Kind == Stepped && e.Step == 31 {
			cancel()
		}
	}
	_, err := l.Run(ctx, nil)
	if !errors.Is(err, ErrInterrupted) || !strings.Contains(err.Error(), "step 31 of 60") {
		t.Fatalf("error %v", err)
	}
	c, err := OpenCheckpoint(l.Dir.Checkpoint())
	if err != nil || c.Step != 31 {
		t.Fatalf("checkpoint: %v, %+v", err, c)
	}
	l.Dir.Close()
	again := newLoop(t, l.Dir)
	if _, err := again.Run(context.Background(), c); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(bits(again), bits(whole)) {
		t.Error("weights differ from those of a run that was not interrupted")
	}
}

func TestNonFinite(t *testing.T) {
	l := newLoop(t, newDir(t))
	l.SaveAfter = time.Nanosecond // save whenever possible: bad weights must not be
	l.Report = func(e Event) {
		if e.Kind == Stepped && e.Step == 20 {
			l.Data.(*clusters).scale = float32(math.Inf(1))
		}
	}
	_, err := l.Run(context.Background(), nil)
	var bad *NonFiniteError
	if !errors.As(err, &bad) {
		t.Fatalf("error %v, want a NonFiniteError", err)
	}
	if bad.Step != 20 || bad.GoodStep != 20 || bad.Checkpoint != l.Dir.Checkpoint() || bad.Layer == "" {
		t.Errorf("%+v", bad)
	}
	c, err := OpenCheckpoint(bad.Checkpoint)
	if err != nil {
		t.Fatal(err)
	}
	l.Dir.Close()
	again := newLoop(t, l.Dir)
	if _, err := again.Run(context.Background(), c); err != nil || !allFinite(bits(again)) {
		t.Errorf("the last good checkpoint does not train: %v", err)
	}
}

// TestSaveFailure makes the folder of the checkpoints unwritable in the middle
// of a run, by putting a file in its place.
func TestSaveFailure(t *testing.T) {
	l := newLoop(t, newDir(t))
	folder := filepath.Dir(l.Dir.Checkpoint())
	var before []byte
	l.Report = func(e Event) {
		if e.Kind == Stepped && e.Step == 15 {
			before = must(os.ReadFile(l.Dir.Checkpoint()))
			os.Rename(folder, folder+".away")
			os.WriteFile(folder, nil, 0o644)
		}
	}
	_, err := l.Run(context.Background(), nil)
	if err == nil || !strings.Contains(err.Error(), l.Dir.Checkpoint()) {
		t.Fatalf("error %v, want one that names the checkpoint", err)
	}
	after := must(os.ReadFile(filepath.Join(folder+".away", filepath.Base(lastCheckpoint))))
	if !bytes.Equal(before, after) {
		t.Error("the checkpoint before was harmed")
	}
}

// Scores before BestFrom do not count as the best, those of the last step always do.
func TestBestFrom(t *testing.T) {
	for from, want := range map[int]int{0: 10, 35: 40, 100: 60} {
		l := newLoop(t, newDir(t))
		l.EvalEvery, l.BestFrom = 10, from
		l.Evaluate = func(context.Context) (Scores, error) { // ever worse
			return Scores{Quality: -float64(l.state.Step), Count: 1}, nil
		}
		var saved []int
		l.Best = func(string) error {
			saved = append(saved, l.state.Step)
			return nil
		}
		o, err := l.Run(context.Background(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(saved, []int{want}) || o.Best != -float64(want) {
			t.Errorf("from step %d: saved after steps %v, best %v; want %d", from, saved, o.Best, want)
		}
	}
}

// A best score from before BestFrom, of a run that did not know of it, is forgotten.
func TestBestFromWhenResumed(t *testing.T) {
	dir := newDir(t)
	scores := func(l *Loop) { // ever worse
		l.EvalEvery = 10
		l.Evaluate = func(context.Context) (Scores, error) { return Scores{Quality: -float64(l.state.Step), Count: 1}, nil }
		l.Best = func(string) error { return nil }
	}
	ctx, cancel := context.WithCancel(context.Background())
	l := newLoop(t, dir)
	scores(l)
	l.Report = func(e Event) {
		if e.Step == 25 {
			cancel()
		}
	}
	if _, err := l.Run(ctx, nil); !errors.Is(err, ErrInterrupted) {
		t.Fatal(err)
	}
	c, err := OpenCheckpoint(dir.Checkpoint())
	if err != nil {
		t.Fatal(err)
	}
	l = newLoop(t, dir)
	scores(l)
	l.BestFrom = 35
	o, err := l.Run(context.Background(), c)
	if err != nil || o.Best != -40 {
		t.Errorf("best %v (%v), want -40", o.Best, err)
	}
}
