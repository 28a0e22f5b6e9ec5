package letters

import (
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/text"
)

// Pack returns the file that package text embeds: weights that exist in 8 bits each, with a scale
// a row.
func (m *Model) Pack() []byte {
	return text.PackReader(text.ReaderFile{
		Alphabet: alphabet, Chunks: m.Spec.Chunks,
		Letters: matrix(m.Letters.Weight), Before: matrix(m.Chunks.Weight),
		Ahead: cell(m.Ahead), Back: cell(m.Back), Decoder: cell(m.Decoder),
		Out: matrix(m.Out.Weight), OutBias: m.Out.Bias.Dense.Data,
	})
}

func matrix(p *nn.Param) text.Matrix {
	w := text.Matrix{M: p.Shape[0], K: p.K(), Values: make([]float32, p.Size())}
	if p.Sparse != nil {
		p.Sparse.Scatter(p.Sparse.Values, w.Values)
		return w
	}
	copy(w.Values, p.Dense.Data)
	return w
}

func cell(l *nn.GRU) text.Cell {
	return text.Cell{Input: matrix(l.Input), Recurrent: matrix(l.Recurrent.Recurrent), Bias: l.Bias.Dense.Data, NBias: l.NBias.Dense.Data}
}
