package sparsity

// full returns the paper's own settings (arXiv:1902.09574, section 3, and the released flags
// and tables) at one sparsity: a share of what it tried for each method.
func full() (out []string) {
	for _, t := range []struct {
		note, base string
		methods    []string
	}{
		{
			"ResNet-50 on ImageNet, 128,000 steps; rates are those of the common training in 90 epochs. Pruning also from 0.06 and 0.16, to 0.53 and 0.75, every 4000 and 8000; --penalty 0.01 at 50 %, 0.05 at 80 %, 0.5 at 95 %, 1 at 98 %. L0 trained at no setting",
			"images --data IMAGENET --arch resnet-50 --steps 128000 --batch 1024 --rate 0.4 --warm-up 6255 --schedule step --drops 0.293,0.586,0.782 --rate-factor 0.1 --smoothing 0.1",
			[]string{
				"--decay 1e-4 --method dense",
				"--decay 1e-4 --method magnitude --sparsity 0.9 --distribution even --begin 0.3125 --until 0.594 --every 2000 --run pruned",
				"--decay 1e-4 --method random --sparsity 0.9 --distribution even --begin 0.3125 --until 0.594 --every 2000",
				"--decay 0 --method variational --sparsity 0.9 --penalty 0.1 --threshold 0.5 --begin 0.3125 --until 0.594",
				"--decay 1e-4 --method lottery --ticket pruned",
				"--decay 1e-4 --method scratch --ticket pruned",
				"--decay 1e-4 --method scratch --ticket pruned --multiplier 2",
			},
		},
		{
			"Transformer base on WMT14; rates after Vaswani et al. Pruning also from 0 and 0.4, to 0.75, every 1000, --dropout 0 and --smoothing 0; --penalty 0.1 and 0.4 of variational dropout, --threshold 1.5 and 2.5; --penalty 0.1 to 10 of L0",
			"translate --data WMT14 --from en --to de --steps 500000 --width 4 --layers 6 --vocabulary 32000 --rate 7e-4 --warm-up 4000 --smoothing 0.1 --dropout 0.1",
			[]string{
				"--method dense",
				"--method magnitude --sparsity 0.9 --distribution even --begin 0.2 --until 0.6 --every 10000 --run translated",
				"--method random --sparsity 0.9 --distribution even --begin 0.2 --until 0.6 --every 10000",
				"--method variational --sparsity 0.9 --penalty 1 --threshold 2 --begin 0.2 --until 0.6",
				"--method l0 --sparsity 0.9 --penalty 1 --begin 0.2 --until 0.6",
				"--method lottery --ticket translated",
				"--method scratch --ticket translated",
				"--method scratch --ticket translated --multiplier 2",
			},
		},
	} {
		out = append(out, "# "+t.note)
		for _, m := range t.methods {
			out = append(out, "filigree train "+t.base+" "+m)
		}
	}
	return out
}
