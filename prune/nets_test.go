package prune

import "fmt"

// net lists the weights of a network with their multiply-adds on one sample, for
// the golden values.
type net struct {
	shapes []Shape
	macs   []float64
}

// add appends a weight that is applied at so many positions.
func (n *net) add(name string, positions int, dims ...int) {
	s := Shape{Name: name, Dims: dims}
	n.shapes = append(n.shapes, s)
	n.macs = append(n.macs, float64(s.Size())*float64(positions))
}

func (n *net) layers(sparsities []float64) []Layer {
	layers := make([]Layer, len(n.shapes))
	for i, s := range n.shapes {
		layers[i] = Layer{s.Name, n.macs[i], 1 - sparsities[i]}
	}
	return layers
}

// resNet50 at 224×224, with the stride in the 3×3 convolutions.
func resNet50() *net {
	n := &net{}
	n.add("conv1", 112*112, 64, 3, 7, 7)
	in, size := 64, 56
	for stage, blocks := range []int{3, 4, 6, 3} {
		mid := 64 << stage
		for b := range blocks {
			name, inSize := fmt.Sprintf("stage%d.%d.", stage+2, b), size
			if b == 0 && stage > 0 {
				size /= 2
			}
			n.add(name+"c1", inSize*inSize, mid, in, 1, 1)
			n.add(name+"c2", size*size, mid, mid, 3, 3)
			n.add(name+"c3", size*size, 4*mid, mid, 1, 1)
			if b == 0 {
				n.add(name+"shortcut", size*size, 4*mid, in, 1, 1)
			}
			in = 4 * mid
		}
	}
	n.add("fc", 1, 1000, 2048)
	return n
}

// wideResNet22x2 for CIFAR-10 at 32×32.
func wideResNet22x2() *net {
	n := &net{}
	n.add("conv1", 32*32, 16, 3, 3, 3)
	in, size := 16, 32
	for stage, out := range []int{32, 64, 128} {
		for b := range 3 {
			name := fmt.Sprintf("stage%d.%d.", stage, b)
			if b == 0 && stage > 0 {
				size /= 2
			}
			n.add(name+"c1", size*size, out, in, 3, 3)
			n.add(name+"c2", size*size, out, out, 3, 3)
			if b == 0 {
				n.add(name+"shortcut", size*size, out, in, 1, 1)
			}
			in = out
		}
	}
	n.add("fc", 1, 10, 128)
	return n
}

func leNet300() *net {
	n := &net{}
	n.add("0", 1, 300, 784)
	n.add("1", 1, 100, 300)
	n.add("2", 1, 10, 100)
	return n
}

// charGRU is the character model of RigL's section 4.2.
func charGRU() *net {
	n := &net{}
	n.add("input", 1, 3*512, 128)
	n.add("recurrent", 1, 3*512, 512)
	n.add("readout0", 1, 256, 512)
	n.add("readout1", 1, 128, 256)
	n.add("readout2", 1, 256, 128)
	return n
}
