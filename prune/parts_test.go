package prune

import (
	"math/rand/v2"
	"testing"

	"github.com/seed073b5613/filigree/nn"
)

// TestGatesAndTiles prunes a weight of three gates, one of which is much larger than the others:
// each reaches exactly its share, in whole blocks, and what is left is largest in each gate.
func TestGatesAndTiles(t *testing.T) {
	for _, c := range []Structure{{Rows: 1}, {Rows: 4}, {Rows: 16}, {Rows: 4, Cols: 4}} {
		rng := rand.New(rand.NewPCG(1, 2))
		p := nn.NewParam(96, 32)
		p.Name, p.Prunable, p.Parts = "gates", true, 3
		for i := range p.Dense.Data {
			p.Dense.Data[i] = float32(rng.NormFloat64()) * float32(1+20*(i/(32*32)))
		}
		dense := append([]float32{}, p.Dense.Data...)
		ws := Weights([]*nn.Param{p})
		m := Magnitude{Sparsity: 0.9, Distribution: Even, Structure: c, Schedule: Cubic{From: 0, Until: 10, Every: 1}}
		if err := m.Begin(ws, rng); err != nil {
			t.Fatal(err)
		}
		for step := range 11 {
			m.Step(step, ws)
		}
		R, C := c.rows(), max(c.Cols, 1)
		mask := maskOf(p)
		for gate := range 3 {
			least, most, blocks := float32(1e9), float32(0), 0
			for r := gate * 32; r < (gate+1)*32; r += R {
				for k := 0; k < 32; k += C {
					sum := float32(0)
					for i := range R * C {
						sum += abs(dense[(r+i/C)*32+k+i%C])
						if mask.Get((r+i/C)/R, k+i%C) != mask.Get(r/R, k) {
							t.Fatalf("%dx%d: the block at %d,%d is half there", R, C, r, k)
						}
					}
					if mask.Get(r/R, k) {
						blocks++
						least = min(least, sum)
					} else {
						most = max(most, sum)
					}
				}
			}
			if want := Nonzeros(32*32/R/C, 0.9); blocks != want || least < most {
				t.Errorf("%dx%d, gate %d: %d blocks, want %d; the smallest kept is %v, the largest gone %v", R, C, gate, blocks, want, least, most)
			}
		}
	}
	p := nn.NewParam(96, 30)
	p.Prunable = true
	defer func() {
		if recover() == nil {
			t.Error("tiles that do not fit were accepted")
		}
	}()
	ws := Weights([]*nn.Param{p})
	m := Magnitude{Sparsity: 0.9, Distribution: Even, Structure: Structure{Rows: 4, Cols: 4}}
	if err := m.Begin(ws, nil); err != nil {
		t.Fatal(err)
	}
	m.Step(0, ws)
}
