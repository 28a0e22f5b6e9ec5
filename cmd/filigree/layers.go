package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/seed073b5613/filigree/train"
)

// printLayers prints the table of a network's weights, tab-separated: a row for each that can
// be pruned, their sum, what else there is (biases, norms, embeddings), and all.
func printLayers(w io.Writer, layers []train.Layer, others train.Layer) {
	fmt.Fprintln(w, "layer\tshape\tweights\tnon-zero\tdensity\truns\tbreak-even\tMACs\tbytes\t")
	var sum train.Layer
	for _, l := range layers {
		even := "-"
		if l.BreakEven > 0 {
			even = fmt.Sprintf("%.0f %%", 100*l.BreakEven)
		}
		runs := l.Execution
		if l.Block != "" && l.Block != "1x1" {
			runs += " " + l.Block
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%.2f %%\t%s\t%s\t%d\t%s\t\n", l.Name, shapeText(l.Shape), l.Weights, l.Nonzeros,
			100*l.Density, runs, even, l.MACs, byteCount(int64(l.Bytes)))
		sum.Weights += l.Weights
		sum.Nonzeros += l.Nonzeros
		sum.MACs += l.MACs
		sum.Bytes += l.Bytes
	}
	density := float64(sum.Nonzeros) / float64(max(sum.Weights, 1))
	fmt.Fprintf(w, "prunable\t\t%d\t%d\t%.2f %%\t\t\t%d\t%s\t\n", sum.Weights, sum.Nonzeros, 100*density, sum.MACs, byteCount(int64(sum.Bytes)))
	fmt.Fprintf(w, "others\t\t%d\t%d\t\t%s\t\t%d\t%s\t\n", others.Weights, others.Nonzeros, others.Execution, others.MACs, byteCount(int64(others.Bytes)))
	fmt.Fprintf(w, "all\t\t%d\t%d\t\t\t\t%d\t%s\t\n", sum.Weights+others.Weights, sum.Nonzeros+others.Nonzeros,
		sum.MACs+others.MACs, byteCount(int64(sum.Bytes+others.Bytes)))
}

func shapeText(shape []int) string {
	return strings.Join(strings.Fields(strings.Trim(fmt.Sprint(shape), "[]")), "x")
}
