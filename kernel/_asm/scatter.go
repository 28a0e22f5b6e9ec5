package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// scatter generates the transposed product of blocks of nr rows from the matrix
// itself: the nv vectors of nr rows of dY (t.y) stay in registers while each entry
// adds them, times its values, to its row of dX (t.x).
func (w width) scatter(nr, nv int) {
	name := fmt.Sprintf("scatter%dx%d%s", nr, nv, w.suffix)
	t := tileFunc(name, fmt.Sprintf("%s adds blocks of %d rows, transposed, with %d vectors of columns.", name, nr, nv))
	x, ldx := field(t, "x"), field(t, "ldx")
	eachRow(t, nr, nv*w.bytes, func(s state) {
		CMPQ(s.col, s.end)
		JE(LabelRef("row"))
		dy := make([][]reg.VecVirtual, nr)
		for r := range dy {
			dy[r] = w.vecs(nv)
		}
		p := s.y
		w.outputs(t, dy, func(r int) reg.Register {
			if r > 0 {
				ADDQ(fieldMem(t, "ldy"), p)
			}
			return p
		}, true)
		Label("entry")
		k := GP64()
		MOVWQZX(Mem{Base: s.col}, k)
		IMULQ(ldx, k)
		ADDQ(x, k)
		if nr == 4 {
			w.scatterWide(s, dy, k)
		} else {
			w.scatterNarrow(s, dy, k)
		}
		ADDQ(Imm(2), s.col)
		ADDQ(s.vstride, s.val)
		CMPQ(s.col, s.end)
		JNE(LabelRef("entry"))
	})
}

// scatterWide keeps the sums in registers and the values in one.
func (w width) scatterWide(s state, dy [][]reg.VecVirtual, k reg.Register) {
	sum := w.vecs(len(dy[0]))
	for v := range sum {
		VMOVUPS(Mem{Base: k, Disp: v * w.bytes}, sum[v])
	}
	for r := range dy {
		a := w.vec()
		VBROADCASTSS(Mem{Base: s.val, Disp: 4 * r}, a)
		for v := range sum {
			VFMADD231PS(a, dy[r][v], sum[v])
		}
	}
	for v := range sum {
		VMOVUPS(sum[v], Mem{Base: k, Disp: v * w.bytes})
	}
}

// scatterNarrow keeps the values in registers and each sum in one.
func (w width) scatterNarrow(s state, dy [][]reg.VecVirtual, k reg.Register) {
	a := w.vecs(len(dy))
	for r := range dy {
		VBROADCASTSS(Mem{Base: s.val, Disp: 4 * r}, a[r])
	}
	for v := range dy[0] {
		sum := w.vec()
		VMOVUPS(Mem{Base: k, Disp: v * w.bytes}, sum)
		for r := range dy {
			VFMADD231PS(a[r], dy[r][v], sum)
		}
		VMOVUPS(sum, Mem{Base: k, Disp: v * w.bytes})
	}
}
