package audio

import (
	"math"
	"math/rand/v2"
	"testing"
)

// The filter of noise through two resonances has their poles: what it foretells of the resonances' own response is nearly all.
func TestLinearPrediction(t *testing.T) {
	const rate = 16000.0
	rng := rand.New(rand.NewPCG(1, 1))
	x := make([]float32, 32000)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	resonate := func(x []float32) {
		for _, hz := range []float64{600, 2500} {
			r := math.Exp(-math.Pi * 150 / rate)
			a, b := float32(2*r*math.Cos(2*math.Pi*hz/rate)), float32(-r*r)
			for i := 2; i < len(x); i++ {
				x[i] += a*x[i-1] + b*x[i-2]
			}
		}
	}
	resonate(x)
	m := VoiceMel()
	mel := m.Of(x)
	T := len(mel) / m.Bands
	mean := make([]float32, m.Bands)
	for b := range mean {
		for at := 4; at < T-4; at++ {
			mean[b] += mel[b*T+at] / float32(T-8)
		}
	}
	filter := make([]float32, 16)
	m.Prediction(16, 0).Filter(filter, mean)
	response := make([]float32, 400)
	response[2] = 1
	resonate(response)
	whole, rest := 0.0, 0.0
	for i := 3; i < len(response); i++ {
		v := response[i]
		for k, c := range filter[:min(16, i)] {
			v -= c * response[i-1-k]
		}
		whole, rest = whole+float64(response[i])*float64(response[i]), rest+float64(v)*float64(v)
	}
	if db := 10 * math.Log10(whole/rest); db < 15 {
		t.Errorf("prediction leaves %.1f dB less of the response", db)
	}
	p := m.Prediction(16, 0.85)
	silence, loud := make([]float32, m.Bands), make([]float32, m.Bands)
	for b := range silence {
		silence[b], loud[b] = float32(math.Log(1e-4)), 20
	}
	for _, spectrum := range [][]float32{silence, loud} {
		p.Filter(filter, spectrum)
		for k, c := range filter {
			if math.IsNaN(float64(c)) || c > 20 || c < -20 {
				t.Fatalf("weight %d of a flat spectrum is %v", k, c)
			}
		}
	}
}
