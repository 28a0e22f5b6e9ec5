package prune

import (
	"math"
	"slices"
	"strings"
	"testing"
)

func near(t *testing.T, what string, got, want, tol float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tol) {
		t.Errorf("%s = %.6f, want %v", what, got, want)
	}
}

func TestSizesOfGoldenNets(t *testing.T) {
	sum := func(n *net) (size int, macs float64) {
		for i, s := range n.shapes {
			size += s.Size()
			macs += n.macs[i]
		}
		return size, macs
	}
	if size, _ := sum(resNet50()); size != 25_502_912 {
		t.Errorf("ResNet-50 has %d weights", size)
	}
	if size, macs := sum(wideResNet22x2()); size != 1_076_912 || macs != 157_730_048 {
		t.Errorf("WRN-22-2 has %d weights, %v multiply-adds", size, macs)
	}
}

func TestERKGolden(t *testing.T) {
	for _, c := range []struct {
		name     string
		net      *net
		sparsity float64
		eps      float64
		tol      float64
		forward  float64            // share of the dense multiply-adds, 0: not given
		capped   []string           // layers that end up dense
		layers   map[string]float64 // sparsity by name
	}{
		{"ResNet-50", resNet50(), 0.8, 99.5617, 5e-5, 0.4138,
			[]string{"stage2.0.c1", "stage2.0.c3", "stage2.0.shortcut", "stage2.1.c1", "stage2.1.c3", "stage2.2.c1", "stage2.2.c3", "stage3.0.c1"},
			map[string]float64{"conv1": 0.1428, "fc": 0.8518, "stage2.1.c2": 0.6381, "stage3.1.c2": 0.8231, "stage4.1.c2": 0.9126, "stage5.1.c2": 0.9565}},
		{"ResNet-50", resNet50(), 0.9, 48.7866, 5e-5, 0.2418, []string{"stage2.0.c1"}, nil},
		{"ResNet-50", resNet50(), 0.95, 24.3721, 5e-5, 0.1217, nil, nil},
		{"ResNet-50", resNet50(), 0.965, 17.0607, 5e-5, 0.0852, nil, nil},
		{"WRN-22-2", wideResNet22x2(), 0.5, 209.7668, 5e-5, 0.7282, nil, nil},
		{"WRN-22-2", wideResNet22x2(), 0.8, 75.6077, 5e-5, 0.3521,
			[]string{"conv1", "stage0.0.shortcut", "stage1.0.shortcut", "stage2.0.shortcut", "fc"}, nil},
		{"WRN-22-2", wideResNet22x2(), 0.9, 35.9382, 5e-5, 0.1736, nil, nil},
		{"WRN-22-2", wideResNet22x2(), 0.95, 17.3491, 5e-5, 0.0881, nil, nil},
		{"LeNet-300-100", leNet300(), 0.9, 17.2642, 5e-5, 0, []string{"2"}, map[string]float64{"0": 0.9204, "1": 0.7698}},
		{"LeNet-300-100", leNet300(), 0.98, 3.34, 5e-3, 0, nil, map[string]float64{"0": 0.9846, "1": 0.9555, "2": 0.6326}},
		{"char-GRU", charGRU(), 0.75, 56.1951, 5e-5, 0, nil,
			map[string]float64{"input": 0.5244, "recurrent": 0.8537, "readout0": 0.6707, "readout1": 0.3415, "readout2": 0.3415}},
	} {
		got, eps, err := erdosRenyi(c.net.shapes, c.sparsity, kernelRatio, 1)
		if err != nil {
			t.Fatal(c.name, err)
		}
		near(t, c.name+" eps", eps, c.eps, c.tol)
		var capped []string
		for i, s := range c.net.shapes {
			if got[i] == 0 {
				capped = append(capped, s.Name)
			}
			if want, ok := c.layers[s.Name]; ok {
				near(t, c.name+" "+s.Name, got[i], want, 5.01e-5)
			}
		}
		if c.capped != nil && !slices.Equal(capped, c.capped) {
			t.Errorf("%s at %v: dense layers %v, want %v", c.name, c.sparsity, capped, c.capped)
		}
		if c.forward != 0 {
			sparse, dense := Forward(c.net.layers(got))
			near(t, c.name+" multiply-adds", sparse/dense, c.forward, 5.01e-5)
		}
		near(t, c.name+" realised", Realised(c.net.shapes, got), c.sparsity, 3e-5)
	}
}

func TestUniformGolden(t *testing.T) {
	for _, c := range []struct {
		net      *net
		sparsity float64
		want     float64
	}{
		{resNet50(), 0.8, 0.2231}, {resNet50(), 0.9, 0.1260}, {resNet50(), 0.95, 0.0774}, {resNet50(), 0.965, 0.0628},
		{wideResNet22x2(), 0.5, 0.5014}, {wideResNet22x2(), 0.8, 0.2022}, {wideResNet22x2(), 0.9, 0.1025}, {wideResNet22x2(), 0.95, 0.0527},
	} {
		got, err := Uniform(c.net.shapes, c.sparsity)
		if err != nil {
			t.Fatal(err)
		}
		if got[0] != 0 || got[1] != c.sparsity {
			t.Errorf("first layers %v and %v at %v", got[0], got[1], c.sparsity)
		}
		sparse, dense := Forward(c.net.layers(got))
		near(t, "multiply-adds", sparse/dense, c.want, 5.01e-5)
	}
}

func TestERLooksAtChannelsAlone(t *testing.T) {
	shapes := []Shape{{Name: "conv", Dims: []int{64, 64, 3, 3}}, {Name: "linear", Dims: []int{64, 64}}}
	got, err := ER(shapes, 0.9)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "conv", got[0], got[1], 1e-12)
	near(t, "realised", Realised(shapes, got), 0.9, 1e-3)
	erk, err := ERK(shapes, 0.9)
	if err != nil {
		t.Fatal(err)
	}
	if !(erk[0] > erk[1]) {
		t.Errorf("ERK gives the kernel %v and the matrix %v", erk[0], erk[1])
	}
	// The paper's ResNet-50 at 96.5 %: 0.108 of the dense multiply-adds.
	n := resNet50()
	if got, err = ER(n.shapes, 0.965); err != nil {
		t.Fatal(err)
	}
	sparse, dense := Forward(n.layers(got))
	near(t, "ResNet-50 ER 0.965", sparse/dense, 0.108, 5.1e-4)
}

func TestERKPowerSoftens(t *testing.T) {
	n := wideResNet22x2()
	flat, err := ERKPower(0)(n.shapes, 0.9)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range flat {
		near(t, "power 0", s, 0.9, 2e-5)
	}
	spread := func(p float64) float64 {
		got, err := ERKPower(p)(n.shapes, 0.95)
		if err != nil {
			t.Fatal(err)
		}
		return slices.Max(got) - slices.Min(got)
	}
	if !(spread(0.2) < spread(0.5) && spread(0.5) < spread(0.8)) {
		t.Errorf("spread of sparsities at powers 0.2, 0.5, 0.8: %v, %v, %v", spread(0.2), spread(0.5), spread(0.8))
	}
}

func TestPinnedLayersStandOutside(t *testing.T) {
	n := leNet300()
	pin := func(name string) (float64, bool) { return 0.25, name == "1" }
	got, err := Pin(ERK, pin)(n.shapes, 0.9)
	if err != nil {
		t.Fatal(err)
	}
	rest := []Shape{n.shapes[0], n.shapes[2]}
	want, err := ERK(rest, 0.9)
	if err != nil {
		t.Fatal(err)
	}
	if got[1] != 0.25 || got[0] != want[0] || got[2] != want[1] {
		t.Errorf("sparsities %v, want %v around 0.25", got, want)
	}
	if n.shapes[1].Pinned {
		t.Error("Pin changed the shapes it was given")
	}
	near(t, "realised without the pinned layer", Realised(rest, want), 0.9, 1e-4)
}

func TestDistributionErrors(t *testing.T) {
	one := []Shape{{Name: "only", Dims: []int{4, 4}}}
	for _, c := range []struct {
		name     string
		d        Distribution
		shapes   []Shape
		sparsity float64
		want     string
	}{
		{"too sparse", ERK, one, 1.5, "sparsity 1.5 is not in [0, 1)"},
		{"all gone", ER, one, 1, "sparsity 1 is not in [0, 1)"},
		{"not a number", Uniform, one, math.NaN(), "sparsity NaN"},
		{"nothing left", Uniform, one, 0.5, "nothing is left to prune"},
		{"no layers", ERK, nil, 0.5, "nothing is left to prune"},
		{"vector", ERK, []Shape{{Name: "bias", Dims: []int{4}}}, 0.5, `"bias"`},
		{"power", ERKPower(2), one, 0.5, "power 2"},
		{"pinned", Pin(ERK, func(string) (float64, bool) { return -1, true }), one, 0.5, "pinned sparsity -1"},
	} {
		if _, err := c.d(c.shapes, c.sparsity); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want it to say %q", c.name, err, c.want)
		}
	}
	for _, d := range []Distribution{ERK, ER, Uniform} {
		if got, err := d(leNet300().shapes, 0); err != nil || slices.Max(got) != 0 {
			t.Errorf("sparsity 0 gives %v, %v", got, err)
		}
	}
}
