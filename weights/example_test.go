package weights_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/weights"
)

// A network is saved by the names of its parameters and loaded into another of the
// same shape.
func Example() {
	dir, err := os.MkdirTemp("", "weights")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "net.safetensors")

	net := nn.Sequential{nn.NewLinear(3, 2, rand.New(rand.NewPCG(1, 0)))}
	if err := weights.Save(path, net, map[string]string{"licence": "CC0-1.0"}); err != nil {
		fmt.Println(err)
		return
	}
	f, err := weights.Open(path)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer f.Close()
	for _, t := range f.Tensors {
		fmt.Println(t.Name, t.DType, t.Shape)
	}
	fmt.Println(f.Load(nn.Sequential{nn.NewLinear(4, 2, rand.New(rand.NewPCG(2, 0)))}) != nil)
	// Output:
	// 0.weight F32 [2 3]
	// 0.bias F32 [2]
	// true
}
