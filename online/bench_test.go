package online

import (
	"fmt"
	"testing"

	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/nn"
)

// One step of a GRU with SnAp-1 for one sequence, an update after each or after sixteen.
func BenchmarkSnAp1(b *testing.B) {
	for _, H := range []int{128, 512} {
		for _, period := range []int{1, 16} {
			b.Run(fmt.Sprintf("%d/%d", H, period), func(b *testing.B) {
				s := newStream(H/4, H, period, 1)
				l := New(newLayer("gru", H/4, H, "dense", 0, 1), Method{SnAp, 1}, 0)
				for _, p := range nn.Params(l) {
					p.NeedGrad()
				}
				tape := &grad.Tape{}
				b.ReportAllocs()
				for b.Loop() {
					tape.Reset()
					s.show(l, tape, 0, period)
				}
				b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*period), "µs/step")
			})
		}
	}
}
