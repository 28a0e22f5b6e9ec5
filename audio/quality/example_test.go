package quality_test

import (
	"fmt"
	"log"
	"math"

	"github.com/seed073b5613/filigree/audio/quality"
)

// A second of a vowel-like sound against the same a semitone higher.
func Example() {
	vowel := func(hz float64) []float32 {
		x := make([]float32, quality.Rate)
		for i := range x {
			for k := 1.0; k*hz < 7000; k++ {
				x[i] += float32(0.1 / k * math.Cos(2*math.Pi*k*hz*float64(i)/quality.Rate))
			}
		}
		return x
	}
	t, err := quality.Compare(vowel(150), vowel(150*math.Exp2(1.0/12)), true)
	if err != nil {
		log.Fatal(err)
	}
	s := t.Score()
	fmt.Printf("pitch differs by %.0f cents, voicing by %.0f %%\n", s.F0, 100*s.Voicing)
	// Output: pitch differs by 100 cents, voicing by 0 %
}
