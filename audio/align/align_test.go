package align_test

import (
	"context"
	"io"
	"log"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/seed073b5613/filigree/audio"
	"github.com/seed073b5613/filigree/audio/align"
	_ "github.com/seed073b5613/filigree/audio/codecs"
	"github.com/seed073b5613/filigree/internal/parallel"
	"github.com/seed073b5613/filigree/internal/testkit"
	"github.com/seed073b5613/filigree/text"
)

func TestMain(m *testing.M) {
	log.SetOutput(io.Discard) // the FLAC library's
	os.Exit(m.Run())
}

// Phones are made of tones whose boundaries are known.
func TestFindsKnownBoundaries(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 2))
	tones := map[string][]float64{"a": {300, 900}, "b": {500, 2500}, "c": {1500, 3500}, "d": {700, 5000}}
	names := []string{"a", "b", "c", "d"}
	var us []align.Utterance
	var truth [][]align.Segment
	for range 30 {
		var x []float32
		var words [][]string
		var segs []align.Segment
		sound := func(phone string, word, frames int) {
			start := len(x) / 160
			for range frames * 160 {
				v := 0.002 * rng.NormFloat64()
				for i, hz := range tones[phone] {
					v += 0.2 / float64(i+1) * math.Sin(2*math.Pi*hz*float64(len(x))/16000)
				}
				x = append(x, float32(v))
			}
			segs = append(segs, align.Segment{Phone: phone, Word: word, Start: start, Frames: frames})
		}
		sound(align.Silence, -1, 10+rng.IntN(10))
		for w := range 3 {
			var phones []string
			for range 2 + rng.IntN(3) {
				p := names[rng.IntN(4)]
				if len(phones) > 0 && phones[len(phones)-1] == p {
					continue
				}
				if len(phones) == 0 && w > 0 && words[w-1][len(words[w-1])-1] == p {
					continue // no boundary to hear
				}
				phones = append(phones, p)
				sound(p, w, 6+rng.IntN(12))
			}
			words = append(words, phones)
			if len(phones) == 0 {
				words[w] = []string{names[(slices.Index(names, words[w-1][len(words[w-1])-1])+1)%4]}
				sound(words[w][0], w, 8)
			}
			if rng.IntN(2) == 0 {
				sound(align.Silence, -1, 8+rng.IntN(10))
			}
		}
		if segs[len(segs)-1].Phone != align.Silence {
			sound(align.Silence, -1, 12)
		}
		us = append(us, align.Utterance{Features: align.Features(x), Words: words})
		truth = append(truth, segs)
	}
	m, got, err := align.Train(context.Background(), us, nil)
	if err != nil {
		t.Fatal(err)
	}
	near, total := 0, 0
	for i, segs := range truth {
		if len(got[i]) != len(segs) {
			t.Errorf("utterance %d: %d segments, want %d", i, len(got[i]), len(segs))
			continue
		}
		for j, s := range segs {
			g := got[i][j]
			if g.Phone != s.Phone || g.Word != s.Word {
				t.Errorf("utterance %d, segment %d: %v, want %v", i, j, g, s)
			}
			total++
			if d := g.Start - s.Start; d >= -2 && d <= 2 {
				near++
			}
		}
	}
	if near < total*95/100 {
		t.Errorf("%d of %d boundaries within 20 ms", near, total)
	}
	again, _, err := m.Align(us[0])
	if err != nil || !slices.Equal(again, got[0]) {
		t.Errorf("aligned again: %v, %v, want %v", again, err, got[0])
	}
	if _, _, err := m.Align(align.Utterance{Features: align.Features(make([]float32, 1600)), Words: us[0].Words}); err == nil {
		t.Error("too few frames: no error")
	}
	if _, _, err := m.Align(align.Utterance{Features: us[0].Features, Words: [][]string{{"zz"}}}); err == nil || !strings.Contains(err.Error(), "zz") {
		t.Errorf("unknown phone: %v", err)
	}
	if _, _, err := m.Align(align.Utterance{Features: us[0].Features}); err == nil {
		t.Error("no words: no error")
	}
	path := filepath.Join(t.TempDir(), "m.safetensors")
	if err := m.Save(path); err != nil {
		t.Fatal(err)
	}
	loaded, err := align.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	for i, u := range us {
		if segs, _, err := loaded.Align(u); err != nil || !slices.Equal(segs, got[i]) {
			t.Errorf("utterance %d by the model that was saved: %v, %v, want %v", i, segs, err, got[i])
		}
	}
	defer parallel.SetWorkers(parallel.SetWorkers(1))
	alone, same, err := align.Train(context.Background(), us, nil)
	if err != nil || !slices.Equal(alone.Means, m.Means) || !slices.Equal(alone.Var, m.Var) {
		t.Errorf("with one worker: another model, %v", err)
	}
	for i := range same {
		if !slices.Equal(same[i], got[i]) {
			t.Errorf("with one worker: utterance %d is %v, not %v", i, same[i], got[i])
		}
	}
}

// The durations of English phones in real speech; the figures beside them are those of an
// independent implementation over the whole of it.
func TestRealSpeech(t *testing.T) {
	dir := testkit.Shared(t, "data/cathy-arctic")
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	b, err := os.ReadFile(filepath.Join(dir, "metadata.csv"))
	if err != nil {
		t.Fatal(err)
	}
	var us []align.Utterance
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	if os.Getenv("FILIGREE_ALL") == "" {
		lines = lines[:300]
	}
	for _, line := range lines {
		f := strings.Split(line, "|")
		s, err := audio.Open(filepath.Join(dir, "wavs", f[0]+".flac"))
		if err != nil {
			t.Fatal(err)
		}
		u := align.Utterance{Features: align.Features(s.At(16000))}
		for _, w := range text.Analyze(f[1]).Words {
			var phones []string
			for _, p := range w.Phonemes {
				phones = append(phones, strings.TrimRight(p, "012"))
			}
			u.Words = append(u.Words, phones)
		}
		us = append(us, u)
	}
	_, all, err := align.Train(context.Background(), us, func(pass, passes int, l float64) { t.Logf("pass %d: %.3f", pass, l) })
	if err != nil {
		t.Fatal(err)
	}
	sum, count := map[string]float64{}, map[string]float64{}
	var lengths []int
	shortest := 0
	for _, segs := range all {
		for _, s := range segs {
			sum[s.Phone] += float64(s.Frames)
			count[s.Phone]++
			if s.Word >= 0 {
				lengths = append(lengths, s.Frames)
				if s.Frames == 3 {
					shortest++
				}
			}
		}
	}
	slices.Sort(lengths)
	total := 0
	for _, l := range lengths {
		total += l
	}
	mean := 10 * float64(total) / float64(len(lengths))
	t.Logf("phones: mean %.0f ms, median %d ms, %.0f %% of 30 ms", mean, 10*lengths[len(lengths)/2], 100*float64(shortest)/float64(len(lengths)))
	if mean < 80 || mean > 98 {
		t.Errorf("mean length of a phone %.0f ms, want about 89", mean)
	}
	for phone, want := range map[string]float64{"S": 142, "AY": 162, "T": 67, "AH": 50} {
		got := 10 * sum[phone] / count[phone]
		t.Logf("%s %.0f ms (%.0f)", phone, got, want)
		if math.Abs(got-want) > 0.2*want {
			t.Errorf("mean length of %s: %.0f ms, want about %.0f", phone, got, want)
		}
	}
}
