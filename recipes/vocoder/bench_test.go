//go:build unix

package vocoder

import (
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"

	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/models/speech"
	"github.com/seed073b5613/filigree/models/speech/wavernn"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/prune"
)

// cpuTime returns the milliseconds of processors the process has used: on a busy machine they say more
// than the clock.
func cpuTime() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e6
}

// BenchmarkStep is one training step without its optimizer, 16 pieces of 960 samples, with a dense
// recurrent layer and with one at 90 % in blocks of 16x1.
func BenchmarkStep(b *testing.B) {
	for _, units := range []int{256, 512} {
		for _, sparsity := range []float64{0, 0.9} {
			b.Run(fmt.Sprintf("%d/%g", units, sparsity), func(b *testing.B) {
				rng := rand.New(rand.NewPCG(1, 1))
				m, err := wavernn.New(wavernn.Spec{Units: units, Features: speech.MelBands, Condition: 64, Hop: speech.Hop, Around: 2}, rng)
				if err != nil {
					b.Fatal(err)
				}
				if sparsity > 0 {
					method := &prune.RigL{Rewiring: prune.Rewiring{Sparsity: sparsity, Distribution: prune.Even, Structure: blocks["16x1"], Until: 100, Every: 100, DropFraction: 0.3}}
					if err := method.Begin(prune.Weights(nn.Params(m)), rng); err != nil {
						b.Fatal(err)
					}
				}
				c := &clip{pcm: make([]int16, 3*16000), frames: make([]float32, 300*speech.MelBands)}
				for i := range c.pcm {
					c.pcm[i] = int16(500 * rng.NormFloat64())
				}
				n := &net{m, newCrops([]*clip{c}, m.Spec(), 16, 6, rand.NewPCG(1, 2))}
				tape, ps := &grad.Tape{}, nn.Params(n)
				n.source.Next()
				begin := cpuTime()
				for b.Loop() {
					tape.Reset()
					nn.ZeroGrads(ps)
					tape.Backward(n.Forward(tape, nil))
				}
				b.ReportMetric((cpuTime()-begin)/float64(b.N), "cpu-ms/op")
			})
		}
	}
}
