package rigl

import (
	"fmt"
	"strings"
)

// full returns the paper's own settings (arXiv:1911.11134, section 4, appendices B and I, and
// the authors' code): of each task all methods at one of its sparsities.
func full() (out []string) {
	for _, t := range []struct{ note, base, sparse, pruning, wide, big, small string }{
		{
			note:   "ResNet-50 on ImageNet, 3 seeds; also --sparsity 0.9, 0.95 and 0.965, and --distribution erk; the batch may be shared: mpirun -n 16 and --batch 256",
			base:   "images --data IMAGENET --arch resnet-50 --epochs 100 --batch 4096 --rate 1.6 --warm-up 1564 --schedule step --drops 0.3,0.7,0.9 --rate-factor 0.1 --decay 1e-4 --smoothing 0.1",
			sparse: "--sparsity 0.8 --distribution uniform --until 0.78", pruning: "--begin 0.31 --until 0.75 --every 1000", big: "2.1", small: "0.465",
		},
		{
			note:   "WRN-22-2 on CIFAR-10; also --sparsity 0.5, 0.9 and 0.95, and --multiplier 2",
			base:   "cifar10 --data DIR --depth 22 --epochs 250 --batch 128 --rate 0.1 --warm-up 0 --schedule step --drops 0.307,0.614,0.922 --rate-factor 0.2 --decay 5e-4",
			sparse: "--sparsity 0.8 --until 0.768", pruning: "--until 0.75 --every 1000", wide: "--width 2", small: "0.891",
		},
		{
			note:   "a GRU on the characters of WikiText-103",
			base:   "charlm --data WIKITEXT103 --length 512 --batch 32 --steps 200000 --rate 7e-4 --decay 5e-4 --clip 10",
			sparse: "--sparsity 0.75 --distribution even --drop-fraction 0.1 --until 1", pruning: "--begin 0.25 --until 0.75 --every 1000", wide: "--width 1",
		},
		{
			note:   "LeNet-300-100 on MNIST; the authors' rate falls from epoch 75 on, here along a cosine",
			base:   "mnist --data DIR --epochs 200 --batch 100 --rate 0.2 --decay 1e-4",
			sparse: "--sparsity 0.98 --until 0.417", pruning: "--until 0.417", small: "0.022",
		},
	} {
		out = append(out, "# "+t.note)
		add := func(flags ...string) {
			out = append(out, strings.Join(strings.Fields(fmt.Sprint("filigree train ", t.base, " ", strings.Join(flags, " "))), " "))
		}
		add("--method dense", t.wide)
		if t.small != "" { // as many weights
			add("--method dense --width", t.small)
		}
		for _, m := range []string{"static", "snip", "set", "snfs", "rigl", "rigl --multiplier 5"} {
			add(t.wide, "--method", m, "--every 100", t.sparse)
		}
		if t.big != "" { // as many weights as the dense network
			add("--method rigl --every 100", t.sparse, "--width", t.big)
		}
		without, _, _ := strings.Cut(t.sparse, " --until")
		add(t.wide, "--method magnitude", without, t.pruning)
	}
	return out
}
