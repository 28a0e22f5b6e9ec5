package vocoder

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/seed073b5613/filigree/audio"
	"github.com/seed073b5613/filigree/kernel"
	"github.com/seed073b5613/filigree/models/speech"
	"github.com/seed073b5613/filigree/models/speech/wavernn"
	"github.com/seed073b5613/filigree/recipes/study"
	"github.com/seed073b5613/filigree/recipes/tasks"
	"github.com/seed073b5613/filigree/train"
)

// arm is a model of the study.
type arm struct {
	key, label, block string
	units, streams    int
	sparsity          float64
	method            string // gradual pruning where not set
}

// arms have equally many recurrent weights but for rounding: those of 64 dense units.
var arms = []arm{
	{"dense-64", "64 units, dense", "1x1", 64, 0, 0, "dense"},
	{"sparse-128", "128 units, 75 %", "1x1", 128, 0, 0.75, ""},
	{"sparse-256", "256 units, 93.75 %", "1x1", 256, 0, 0.9375, ""},
	{"tall-256", "256 units, 93.75 % in 16x1", "16x1", 256, 0, 0.9375, ""},
	{"square-256", "256 units, 93.75 % in 4x4", "4x4", 256, 0, 0.9375, ""},
	{"streams-2", "128 units, 75 %, 2 streams", "1x1", 128, 2, 0.75, ""},
	{"streams-8", "128 units, 75 %, 8 streams", "1x1", 128, 8, 0.75, ""},
	{"streams-16", "128 units, 75 %, 16 streams", "1x1", 128, 16, 0.75, ""},
	{"static-128", "128 units, 75 %, a random mask", "1x1", 128, 0, 0.75, "static"},
	{"evolution-128", "128 units, 75 %, masks by evolution, 4 members", "1x1", 128, 0, 0.75, "evolution"},
	{"rigl-128", "128 units, 75 %, RigL", "1x1", 128, 0, 0.75, "rigl"},
}

// work is what a run costs in runs of the other arms: each member of a population is a step.
func (a arm) work() int {
	if a.method == "evolution" {
		return members
	}
	return 1
}

// comparison is the study under way.
type comparison struct {
	budget time.Duration
	base   Settings
	clips  *corpus
}

// Study returns the paper's comparisons at a size that fits a budget: bigger and sparser at equally many
// weights (figure 2), blocks (figure 2, table 4), streams (section 4), and how the weights that exist are found.
func Study(budget time.Duration) *study.Trials {
	c := &comparison{budget: budget, base: Default}
	c.base.Crop, c.base.Rate, c.base.Condition, c.base.Budget = 480, 3e-3, 64, max(budget, time.Minute)
	c.base.Predict = 0 // as in the paper
	s := &study.Trials{Name: "wavernn", Title: "WaveRNN, at laptop scale",
		Source: "N. Kalchbrenner, E. Elsen, K. Simonyan, S. Noury, N. Casagrande, E. Lockhart, F. Stimberg, A. van den Oord, S. Dieleman, K. Kavukcuoglu: Efficient Neural Audio Synthesis. ICML 2018, arXiv:1802.08435",
		Seeds:  1,
		Full:   []string{"filigree train vocoder --data DIR --units 2048 --sparsity 0.964 --block 16x1 --condition 512 --mu 0 --emphasis 0 --predict 0 --batch 32 --steps 500000"},
		Notes: []string{"All arms make the same number of updates on batches of 16 pieces of 480 samples of one voice at 16 kHz, which are emphasised and companded by the mu law of 255: their nats cannot be compared with those of other work. The paper makes 500,000 updates; these trainings are so short that most of what a model could learn is not learnt yet.",
			"Models of streams have a horizon of 16 samples and a context network of 5 layers of 48 channels. Their pieces are as many samples of one stream, so of more time."},
		Quantities: []study.Quantity{
			{Key: "nll_nats", Label: "held-out loss", Metric: tasks.Metric{Digits: 3, Lower: true, Unit: " nats"}},
			{Key: "recurrent_nonzeros", Label: "recurrent weights"}, {Key: "nonzeros", Label: "weights"},
			{Key: "steps", Label: "updates"}, {Key: "step_ms", Label: "an update", Metric: tasks.Metric{Digits: 0, Unit: " ms"}},
		},
		Claims: []study.TrialClaim{
			{A: "sparse-128", B: "dense-64", Quantity: "nll_nats", Kind: study.Above}, {A: "sparse-256", B: "sparse-128", Quantity: "nll_nats", Kind: study.Above},
			{A: "tall-256", B: "sparse-256", Quantity: "nll_nats", Kind: study.Near}, {A: "square-256", B: "sparse-256", Quantity: "nll_nats", Kind: study.Near},
			{A: "evolution-128", B: "static-128", Quantity: "nll_nats", Kind: study.Above, Explanation: "1906.03139: masks by evolution, weights by gradients"},
			{A: "rigl-128", B: "evolution-128", Quantity: "nll_nats", Kind: study.NotBelow}, {A: "rigl-128", B: "sparse-128", Quantity: "nll_nats", Kind: study.Near},
			{A: "streams-2", B: "sparse-128", Quantity: "nll_nats", Kind: study.Near, Explanation: "Streams see farther back, and less of what came right before"},
			{A: "streams-8", B: "sparse-128", Quantity: "nll_nats", Kind: study.Near}, {A: "streams-16", B: "sparse-128", Quantity: "nll_nats", Kind: study.Near},
		},
		Further: c.further,
	}
	if budget >= time.Hour {
		s.Seeds = 3
	}
	work := 0
	for _, a := range arms {
		work += a.work()
		s.Arms = append(s.Arms, study.Arm{Key: a.key, Label: a.label, Cost: float64(a.work()), Command: fmt.Sprintf("filigree train vocoder --units %d --sparsity %g --block %s --streams %d --method %s --condition %d --crop %d --rate %g --predict 0",
			a.units, a.sparsity, a.block, a.streams, c.of(a).Method, c.base.Condition, c.base.Crop, c.base.Rate),
			Train: func(ctx context.Context, o study.Options, seed uint64, dir string) error {
				s := c.of(a)
				s.Seed = seed
				_, err := runOn(ctx, c.clips, s, IO{Dir: dir, Begin: func(string) {}, Report: func(train.Event) {}})
				return err
			}})
	}
	s.Prepare = func(ctx context.Context, o study.Options) error { return c.prepare(ctx, o, s.Seeds*work) }
	return s
}

// of returns the settings of an arm.
func (c *comparison) of(a arm) Settings {
	s := c.base
	s.Units, s.Sparsity, s.Block, s.Streams = a.units, a.sparsity, a.block, a.streams
	if a.method != "" {
		s.Method = a.method
	}
	return s
}

// prepare reads the recordings and decides on the length of runs, by the arm that takes longest.
func (c *comparison) prepare(ctx context.Context, o study.Options, runs int) (err error) {
	c.base.Data = o.Data["voice"]
	s := c.of(arms[2])
	var last time.Time
	c.clips, err = openCorpus(ctx, s.Data, 0, heldFrames, s.spec(), 1, func(what string, done, of int) {
		if o.Progress != nil && (done == of || time.Since(last) > 5*time.Second) {
			last = time.Now()
			fmt.Fprintf(o.Progress, "%s %d of %d\n", what, done, of)
		}
	})
	if err != nil || o.Merge {
		return err
	}
	var plan struct {
		Steps int `json:"steps"`
	}
	path := filepath.Join(o.Out, "plan.json")
	b, err := os.ReadFile(path)
	if err == nil {
		if err = json.Unmarshal(b, &plan); err != nil || plan.Steps < 1 {
			return fmt.Errorf("wavernn: %s does not say how many steps runs have", path)
		}
	} else {
		model, err := wavernn.New(s.spec(), rand.New(rand.NewPCG(1, 0)))
		if err != nil {
			return err
		}
		s.Budget = time.Duration(0.8 * float64(c.budget) * float64(runtime.GOMAXPROCS(0)) / float64(runs))
		plan.Steps = calibrate(&net{model, newCrops(c.clips.train, s.spec(), s.Batch, s.Crop/speech.Hop, rand.NewPCG(1, 0))}, s)
		if b, err = json.Marshal(plan); err != nil {
			return err
		}
		if err := train.WriteFile(path, func(w io.Writer) error { _, err := w.Write(b); return err }); err != nil {
			return err
		}
	}
	c.base.Steps = plan.Steps
	return nil
}

// further measures what needs no training, and lets one hear the runs.
func (c *comparison) further(ctx context.Context, _ study.Options, dir func(string, int) string) (study.Findings, error) {
	speed, holds, err := speeds(ctx)
	if err != nil {
		return study.Findings{}, err
	}
	f := study.Findings{Orderings: holds, Sections: []study.Section{speed}}
	listen := study.Section{Title: "Samples", Text: []string{"A recording that was not trained on, from its spectra. The page in HTML has the sounds."}}
	held := c.clips.held[0]
	for _, a := range arms {
		m, err := wavernn.Open(filepath.Join(dir(a.key, 1), "model.safetensors"))
		if err != nil {
			continue // it was not run
		}
		x, err := Wave(ctx, m, held.frames, wavernn.Options{Seed: 1})
		if err != nil {
			return f, err
		}
		var wav bytes.Buffer
		if err := audio.EncodeWAV(&wav, &audio.Sound{Rate: speech.SampleRate, Channels: [][]float32{x}}); err != nil {
			return f, err
		}
		listen.Sounds = append(listen.Sounds, study.Sound{Title: a.label, WAV: wav.Bytes()})
	}
	f.Sections = append(f.Sections, listen)
	return f, nil
}

// products are the sparse matrices of the paper's table 4, with its thousand products a second on the
// faster of its two telephones, in blocks of 1x1, 4x4 and 16x1.
var products = []struct {
	units    int
	sparsity float64
	paper    [3]string
}{{512, 0.8, [3]string{"36.5", "136.6", "138.1"}}, {1024, 0.95, [3]string{"32.2", "118.2", "127.4"}}, {2048, 0.964, [3]string{"12.1", "42.2", "41.8"}}}

// speeds times products of square matrices with a vector on one core, and the drawing of streams.
func speeds(ctx context.Context) (study.Section, []study.Ordering, error) {
	s := study.Section{Title: "Speed", Text: []string{"Thousand products a second of a square matrix of float32 with a vector on one core, at equally many weights in each line, and in brackets the paper's on two cores of a Snapdragon 835 (table 4). Then thousand samples a second of one core that draws from 1024 units at 95 % in blocks of 16x1, by the fastest steps, where all streams draw."}}
	table := [][]string{{"matrix", "1x1", "4x4", "16x1"}}
	rng := rand.New(rand.NewPCG(1, 1))
	var holds []study.Ordering
	for _, p := range products {
		line, rates := []string{fmt.Sprintf("%d, %.4g %%", p.units, 100*p.sparsity)}, [3]float64{}
		for i, b := range [3][2]int{{1, 1}, {4, 4}, {16, 1}} {
			w := make([]float32, p.units*p.units)
			for g := 0; g < p.units; g += b[0] {
				for k := 0; k < p.units; k += b[1] {
					if rng.Float64() < p.sparsity {
						continue
					}
					for j := range b[0] * b[1] {
						w[(g+j/b[1])*p.units+k+j%b[1]] = float32(rng.NormFloat64())
					}
				}
			}
			m := kernel.NewCompact(w, p.units, p.units, b[0], b[1], kernel.F32, nil)
			x, y := make([]float32, p.units), make([]float32, p.units)
			for i := range x {
				x[i] = rng.Float32()
			}
			second, err := fastest(ctx, func() {
				for range 20 {
					m.Multiply(y, x)
				}
			})
			if err != nil {
				return s, nil, err
			}
			rates[i] = 20e-3 / second
			line = append(line, fmt.Sprintf("%.1f (%s)", rates[i], p.paper[i]))
		}
		table = append(table, line)
		claim := func(text string, a, b float64) {
			holds = append(holds, study.Ordering{Claim: fmt.Sprintf("products, %s: %s", line[0], text), Holds: a >= b, Figures: fmt.Sprintf("%.1f, %.1f thousand a second", a, b), Pairs: 2})
		}
		claim("16x1 ≥ 4x4", rates[2], rates[1])
		claim("16x1 ≥ 2.5 times 1x1", rates[2], 2.5*rates[0])
	}
	s.Tables = append(s.Tables, table)
	table = [][]string{{"streams", "thousand samples a second"}}
	for _, streams := range []int{0, 2, 8, 16} {
		rate, err := drawing(ctx, streams, rng)
		if err != nil {
			return s, nil, err
		}
		table = append(table, []string{fmt.Sprint(max(streams, 1)), fmt.Sprintf("%.1f", rate/1e3)})
	}
	s.Tables = append(s.Tables, table)
	return s, holds, nil
}

// drawing returns how many samples a second are drawn from 1024 units.
func drawing(ctx context.Context, streams int, rng *rand.Rand) (float64, error) {
	s := Default
	s.Units, s.Streams, s.Condition, s.Predict = 1024, streams, 64, 0
	spec := s.spec()
	m, err := wavernn.New(spec, rng)
	if err != nil {
		return 0, err
	}
	p := m.Cell.Recurrent.Recurrent
	mask := p.Topology(16)
	for g := range mask.Groups() {
		for k := range p.K() {
			mask.Set(g, k, rng.Float64() < 0.05)
		}
	}
	p.SetSparse(mask)
	if streams == 0 {
		one, err := wavernn.NewSession(m, wavernn.Options{})
		if err != nil {
			return 0, err
		}
		second, err := fastest(ctx, func() {
			for range 40 {
				one.Next()
			}
		})
		return 40 / second, err
	}
	all, err := wavernn.NewStreams(m, wavernn.Options{})
	if err != nil {
		return 0, err
	}
	ramp, step, steps := (streams-1)*(spec.Subscale.Horizon+1), 0, 0
	second, err := fastest(ctx, func() {
		if step+10+ramp > steps {
			if steps, err = all.Begin(make([]float32, 40*streams*spec.Features)); err != nil {
				panic(err) // there are frames
			}
			for step = range ramp {
				all.Step(step)
			}
			return
		}
		for range 10 {
			all.Step(step)
			step++
		}
	})
	return float64(10*streams) / second, err
}

// fastest returns the seconds of the shortest of the calls of half a second, the first two left out.
func fastest(ctx context.Context, f func()) (float64, error) {
	best := math.Inf(1)
	for begin, i := time.Now(), 0; i < 5 || time.Since(begin) < time.Second/2; i++ {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		start := time.Now()
		f()
		if i > 1 {
			best = min(best, time.Since(start).Seconds())
		}
	}
	return best, nil
}
