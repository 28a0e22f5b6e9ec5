package text

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"sync"
)

// readerMagic begins the file of a Reader, with the version of its layout.
const readerMagic = "filigree letters 1\n"

// A Matrix is [M, K] by rows; zeros do not exist in the file.
type Matrix struct {
	M, K   int
	Values []float32
}

// A Cell is the weights of gated recurrent units, those of the gates r, z, n below each other.
type Cell struct {
	Input, Recurrent Matrix    // [3·H, C], [3·H, H]
	Bias, NBias      []float32 // [3·H]; [H], of the candidate's recurrent product
}

// A ReaderFile is what a [Reader] is made of.
type ReaderFile struct {
	Alphabet             string   // letters, by number
	Chunks               []string // what a letter can sound as: phonemes with a space between, or ""
	Letters, Before      Matrix   // a row for each letter; for each chunk and for none
	Ahead, Back, Decoder Cell
	Out                  Matrix
	OutBias              []float32
}

func (f *ReaderFile) matrices() []*Matrix {
	return []*Matrix{&f.Letters, &f.Before, &f.Ahead.Input, &f.Ahead.Recurrent, &f.Back.Input, &f.Back.Recurrent,
		&f.Decoder.Input, &f.Decoder.Recurrent, &f.Out}
}

func (f *ReaderFile) vectors() []*[]float32 {
	return []*[]float32{&f.Ahead.Bias, &f.Ahead.NBias, &f.Back.Bias, &f.Back.NBias, &f.Decoder.Bias, &f.Decoder.NBias, &f.OutBias}
}

// PackReader writes the file of a Reader: after a line that names it, compressed, the alphabet,
// the chunks, the matrices and the biases. A row of a matrix is its scale, the number of weights
// that exist, the distances of their columns, and the weights as whole numbers from -127 to 127
// of scale.
func PackReader(f ReaderFile) []byte {
	var raw []byte
	str := func(s string) { raw = append(binary.AppendUvarint(raw, uint64(len(s))), s...) }
	f32 := func(v float32) { raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v)) }
	str(f.Alphabet)
	str(strings.Join(f.Chunks, "\n"))
	for _, m := range f.matrices() {
		raw = binary.AppendUvarint(raw, uint64(m.M))
		raw = binary.AppendUvarint(raw, uint64(m.K))
		for r := range m.M {
			raw = packRow(raw, m.Values[r*m.K:(r+1)*m.K])
		}
	}
	for _, v := range f.vectors() {
		raw = binary.AppendUvarint(raw, uint64(len(*v)))
		for _, x := range *v {
			f32(x)
		}
	}
	out := bytes.NewBufferString(readerMagic)
	z, _ := flate.NewWriter(out, flate.BestCompression) // fails on an unknown level only
	z.Write(raw)                                        // a buffer takes all
	z.Close()
	return out.Bytes()
}

func packRow(raw []byte, row []float32) []byte {
	top := float32(0)
	for _, v := range row {
		top = max(top, max(v, -v))
	}
	scale := top / 127
	raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(scale))
	var gaps, values []byte
	n, last := 0, 0
	for c, v := range row {
		if v == 0 {
			continue
		}
		q := int8(math.Round(float64(v / scale)))
		if q == 0 {
			continue
		}
		gaps, values = binary.AppendUvarint(gaps, uint64(c-last)), append(values, byte(q))
		n, last = n+1, c
	}
	return append(append(binary.AppendUvarint(raw, uint64(n)), gaps...), values...)
}

// unpacker reads what PackReader wrote and remembers the first error.
type unpacker struct {
	data []byte
	at   int
	err  error

	// Of all matrices together; a weight takes two bytes at least.
	columns []uint16
	values  []float32
}

func (u *unpacker) fail(what string) {
	if u.err == nil {
		u.err = fmt.Errorf("%s at byte %d", what, u.at)
	}
}

func (u *unpacker) number(limit int) int {
	v, n := binary.Uvarint(u.data[u.at:])
	if n <= 0 || v > uint64(limit) {
		u.fail("a number that is cut short or too large")
		return 0
	}
	u.at += n
	return int(v)
}

func (u *unpacker) take(n int) []byte {
	if u.err != nil || n > len(u.data)-u.at {
		u.fail("cut short")
		return nil
	}
	u.at += n
	return u.data[u.at-n : u.at]
}

func (u *unpacker) float() float32 {
	b := u.take(4)
	if b == nil {
		return 0
	}
	v := math.Float32frombits(binary.LittleEndian.Uint32(b))
	if v != v || v > 1e6 || v < -1e6 {
		u.fail("a weight that is no sensible number")
	}
	return v
}

// sizes no network of ours comes near.
const (
	mostUnits = 1 << 12
	mostBytes = 1 << 24
)

func (u *unpacker) matrix() rows {
	w := rows{M: u.number(3 * mostUnits), K: u.number(3 * mostUnits)}
	w.from = append(make([]int32, 0, min(w.M+1, len(u.data))), 0)
	first := len(u.columns)
	for r := 0; r < w.M && u.err == nil; r++ {
		scale, n, c := u.float(), u.number(w.K), 0
		for range n {
			c += u.number(w.K)
			if c >= w.K {
				u.fail("a column outside the matrix")
			}
			u.columns = append(u.columns, uint16(c))
		}
		for _, q := range u.take(n) {
			u.values = append(u.values, scale*float32(int8(q)))
		}
		w.from = append(w.from, int32(len(u.columns)-first))
	}
	w.columns, w.values = u.columns[first:], u.values[min(first, len(u.values)):]
	return w
}

func (u *unpacker) vector() []float32 {
	out := make([]float32, 0, 16)
	for n := u.number(3 * mostUnits); n > 0 && u.err == nil; n-- {
		out = append(out, u.float())
	}
	return out
}

// OpenReader reads a file of PackReader. Bytes that are none are an error.
func OpenReader(file []byte) (*Reader, error) {
	r, err := openReader(file)
	if err != nil {
		return nil, fmt.Errorf("text: open letters: %w", err)
	}
	return r, nil
}

func openReader(file []byte) (*Reader, error) {
	packed, ok := bytes.CutPrefix(file, []byte(readerMagic))
	if !ok {
		return nil, errors.New("not a network that reads letters")
	}
	unpacked := bytes.NewBuffer(make([]byte, 0, 2*len(packed)))
	if _, err := unpacked.ReadFrom(io.LimitReader(flate.NewReader(bytes.NewReader(packed)), mostBytes)); err != nil {
		return nil, err
	}
	data := unpacked.Bytes()
	u, r := &unpacker{data: data, columns: make([]uint16, 0, len(data)/2), values: make([]float32, 0, len(data)/2)}, &Reader{}
	r.alphabet = string(u.take(u.number(256)))
	for _, s := range strings.Split(string(u.take(u.number(1<<16))), "\n") {
		r.chunks = append(r.chunks, strings.Fields(s))
	}
	letters, before := u.matrix(), u.matrix()
	for _, g := range []*gru{&r.ahead, &r.back, &r.decoder} {
		g.input, g.recurrent = u.matrix(), u.matrix()
	}
	r.out = u.matrix()
	for _, g := range []*gru{&r.ahead, &r.back, &r.decoder} {
		g.bias, g.nbias = u.vector(), u.vector()
	}
	r.outBias = u.vector()
	if u.err != nil {
		return nil, u.err
	}
	return r, r.prepare(letters, before)
}

// prepare checks that the parts fit and multiplies the embeddings with what they meet.
func (r *Reader) prepare(letters, before rows) error {
	for _, ps := range r.chunks {
		for _, p := range ps {
			if !Known(p) {
				return fmt.Errorf("unknown phoneme %q", p)
			}
		}
	}
	S, E := letters.K, r.ahead.recurrent.K
	const mostTable = 1 << 22 // numbers in a table of gates
	if 3*r.decoder.recurrent.K*before.M > mostTable || 3*E*letters.M > mostTable {
		return errors.New("it is too large")
	}
	fits := letters.M == len(r.alphabet) && before.M == len(r.chunks)+1 && before.K == S &&
		r.ahead.fits(S) && r.back.fits(S) && r.back.recurrent.K == E && r.decoder.fits(2*E+S) &&
		r.out.K == r.decoder.recurrent.K && r.out.M == len(r.chunks) && len(r.outBias) == r.out.M
	if !fits {
		return errors.New("the sizes of its parts do not fit together")
	}
	r.aheadOf, r.backOf = r.ahead.table(letters, 0, true), r.back.table(letters, 0, true)
	r.before = r.decoder.table(before, 2*E, false)
	return nil
}

func (g *gru) fits(inputs int) bool {
	H := g.recurrent.K
	return H > 0 && g.input.K == inputs && g.input.M == 3*H && g.recurrent.M == 3*H && len(g.bias) == 3*H && len(g.nbias) == H
}

// table returns a row of gates for each row of an embedding that stands at some input of the
// units: its part of them, with their bias where told. A row is computed when it is first asked
// for: a word needs few.
func (g *gru) table(embedding rows, at int, bias bool) []func() []float32 {
	out := make([]func() []float32, embedding.M)
	for i := range out {
		out[i] = sync.OnceValue(func() []float32 {
			x, gates := make([]float32, g.input.K), make([]float32, g.input.M)
			for j := embedding.from[i]; j < embedding.from[i+1]; j++ {
				x[at+int(embedding.columns[j])] = embedding.values[j]
			}
			if bias {
				copy(gates, g.bias)
			}
			g.input.multiply(x, gates)
			return gates
		})
	}
	return out
}
