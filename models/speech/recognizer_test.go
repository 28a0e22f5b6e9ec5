package speech

import (
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/internal/testkit"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/tensor"
	"github.com/seed073b5613/filigree/weights"
)

func small(t *testing.T) *Recognizer {
	t.Helper()
	r, err := NewRecognizer(RecognizerSpec{Phones: []string{"a", "b", "c"}, Channels: 12, Hidden: 20, Blocks: 2}, rand.New(rand.NewPCG(3, 3)))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func noise(rng *rand.Rand, frames int) []float32 {
	x := make([]float32, recognizerBands*frames)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	return x
}

// A recording is heard the same alone and beside a longer one.
func TestPaddingDoesNotMatter(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	r := small(t)
	for _, frames := range []int{1, 2, 31, 32} {
		clip := noise(rng, frames)
		alone := r.Forward(nil, &grad.Var{Value: RecognizerInput([][]float32{clip})}).Value
		beside := r.Forward(nil, &grad.Var{Value: RecognizerInput([][]float32{noise(rng, 47), clip})}).Value
		T := RecognizerOutputs(frames)
		if want := []int{4, 1, T}; !slices.Equal(alone.Shape, want) {
			t.Fatalf("%d frames: logits %v, want %v", frames, alone.Shape, want)
		}
		for c := range 4 {
			want := make([]float64, T)
			for i, v := range alone.Data[c*T : (c+1)*T] {
				want[i] = float64(v)
			}
			testkit.Close(t, "logits", beside.Data[(c*2+1)*24:][:T], want, testkit.Pass) // products of one column round in their own way
		}
	}
}

func TestRecognizerCounts(t *testing.T) {
	r, err := NewRecognizer(SmallRecognizer(strings.Fields("AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T TH UH UW V W Y Z ZH")), rand.New(rand.NewPCG(1, 1)))
	if err != nil {
		t.Fatal(err)
	}
	r.Forward(nil, &grad.Var{Value: tensor.New(RecognizerRows, 1, 100)})
	n, macs := 0, 0
	for _, p := range nn.Params(r) {
		n += p.Size()
		macs += p.Size() * p.Uses
	}
	if n != 462_376 || macs < 22e6 || macs > 24e6 {
		t.Errorf("%d weights, %d multiply-adds for a second", n, macs)
	}
}

func TestBestPath(t *testing.T) {
	path := []int{0, 1, 1, 0, 1, 2, 2, 0, 0, 3}
	logits := tensor.New(4, 2, len(path)+1)
	for i, c := range path {
		logits.Data[(c*2+1)*(len(path)+1)+i] = 1
	}
	if got := bestPath(logits, 1, len(path)); !slices.Equal(got, []int{1, 1, 2, 3}) {
		t.Errorf("heard %v", got)
	}
}

func TestPhoneErrors(t *testing.T) {
	for _, c := range []struct {
		heard, said string
		want        int
	}{{"", "", 0}, {"a b", "", 2}, {"", "a b c", 3}, {"a b c", "a b c", 0}, {"a x c", "a b c", 1}, {"b c", "a b c", 1}, {"k i t t e n", "s i t t i n g", 3}} {
		if got := PhoneErrors(strings.Fields(c.heard), strings.Fields(c.said)); got != c.want {
			t.Errorf("%q for %q: %d errors, want %d", c.heard, c.said, got, c.want)
		}
	}
}

// Loudness does not matter.
func TestFeaturesIgnoreGain(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 5))
	x := make([]float32, 8000)
	for i := range x {
		x[i] = float32(0.3 * rng.NormFloat64() * math.Sin(float64(i)/900))
	}
	loud := RecognizerFeatures(x)
	for i := range x {
		x[i] *= 0.05
	}
	for i, v := range RecognizerFeatures(x) {
		if math.Abs(float64(v-loud[i])) > 2e-3 {
			t.Fatalf("feature %d: %v, not %v", i, v, loud[i])
		}
	}
	if n := len(loud); n != 80*51 {
		t.Errorf("%d features", n)
	}
	if f := RecognizerFeatures(make([]float32, 320)); slices.ContainsFunc(f, func(v float32) bool { return v != 0 }) {
		t.Error("silence has features")
	}
}

func TestRecognizerFiles(t *testing.T) {
	r := small(t)
	dir := t.TempDir()
	full, compact := filepath.Join(dir, "full"), filepath.Join(dir, "compact")
	if err := r.Save(full, map[string]string{"note": "n"}); err != nil {
		t.Fatal(err)
	}
	if err := r.SaveCompact(compact, nil); err != nil {
		t.Fatal(err)
	}
	x := &grad.Var{Value: RecognizerInput([][]float32{noise(rand.New(rand.NewPCG(3, 6)), 40)})}
	want := r.Forward(nil, x).Value.Data
	same, err := OpenRecognizer(full)
	if err != nil || same.Metadata()["note"] != "n" {
		t.Fatal(err)
	}
	testkit.Same(t, "logits", same.Forward(nil, x).Value.Data, want)
	near, err := OpenRecognizer(compact)
	if err != nil {
		t.Fatal(err)
	}
	worst := 0.0
	for i, v := range near.Forward(nil, x).Value.Data {
		worst = max(worst, math.Abs(float64(v-want[i])))
	}
	if worst > 0.1 || worst == 0 {
		t.Errorf("in 8 bits, logits are off by up to %v", worst)
	}
	for want, config := range map[string]string{"config": "{", "sorted": `{"phones":["b","a"],"channels":1,"hidden":1,"blocks":1}`,
		"0 phones": `{"channels":1,"hidden":1,"blocks":1}`, "weights are": `{"phones":["a"],"channels":4096,"hidden":1,"blocks":4096}`, "more than": `{"phones":["a"],"channels":4096,"hidden":4096,"blocks":4096}`} {
		path := filepath.Join(dir, "bad")
		if err := weights.Write(path, nil, map[string]string{archKey: RecognizerArch, configKey: config}); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenRecognizer(path); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("error %v does not say %q", err, want)
		}
	}
}

func FuzzReadRecognizer(f *testing.F) {
	r, err := NewRecognizer(RecognizerSpec{Phones: []string{"a"}, Channels: 2, Hidden: 2, Blocks: 1}, rand.New(rand.NewPCG(0, 0)))
	if err != nil {
		f.Fatal(err)
	}
	path := filepath.Join(f.TempDir(), "r")
	if err := r.SaveCompact(path, nil); err != nil {
		f.Fatal(err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:len(good)-5])
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := weights.Read("fuzz", b)
		if err != nil {
			return
		}
		if r, err := readRecognizer(file); err == nil && r.spec.Channels*r.spec.Hidden < 1<<12 {
			r.Phones([][]float32{make([]float32, 3*recognizerBands)})
		}
	})
}

// Several goroutines may use one recogniser (the race detector watches).
func TestRecognizerIsShared(t *testing.T) {
	r := small(t)
	clip := noise(rand.New(rand.NewPCG(3, 7)), 30)
	want := r.Phones([][]float32{clip})
	done := make(chan [][]string)
	for range 4 {
		go func() {
			r.Embeddings(make([]float32, clipSamples))
			done <- r.Phones([][]float32{clip})
		}()
	}
	for range 4 {
		if got := <-done; !slices.Equal(got[0], want[0]) {
			t.Errorf("heard %v, want %v", got, want)
		}
	}
}
