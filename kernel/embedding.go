package kernel

import (
	"fmt"
	"sync"

	"github.com/seed073b5613/filigree/internal/parallel"
)

// embeddingColumns is how many columns are gathered together: their rows of the table are
// read once, and writes fill whole cache lines.
const embeddingColumns = 16

// embeddingRows is how many of the C rows a worker takes at a time.
const embeddingRows = 32

// GatherColumns sets column j of Y [C,N] to row ids[j] of the table E [V,C]. The ids must
// be whole numbers below V.
func GatherColumns(C int, E, ids, Y []float32) { runEmbedding("GatherColumns", C, E, ids, Y, false) }

// ScatterColumns adds column j of dY [C,N] to row ids[j] of dE [V,C], in the order of j.
func ScatterColumns(C int, dY, ids, dE []float32) {
	runEmbedding("ScatterColumns", C, dE, ids, dY, true)
}

type embeddingTask struct {
	C         int
	e, ids, y []float32
	scatter   bool
}

var embeddingTasks = sync.Pool{New: func() any { return new(embeddingTask) }}

func runEmbedding(op string, C int, e, ids, y []float32, scatter bool) {
	if len(y) < C*len(ids) {
		panic(fmt.Sprintf("kernel: %s: %d values for %d columns of %d", op, len(y), len(ids), C))
	}
	t := embeddingTasks.Get().(*embeddingTask)
	*t = embeddingTask{C, e, ids, y, scatter}
	parallel.Do((C+embeddingRows-1)/embeddingRows, t)
	*t = embeddingTask{}
	embeddingTasks.Put(t)
}

// Run does one group of rows of all columns.
func (t *embeddingTask) Run(i int) {
	lo, N := i*embeddingRows, len(t.ids)
	hi := min(lo+embeddingRows, t.C)
	var at [embeddingColumns]int
	for j := 0; j < N; j += embeddingColumns {
		n := min(embeddingColumns, N-j)
		for l := range n {
			at[l] = int(t.ids[j+l]) * t.C
		}
		for c := lo; c < hi; c++ {
			row := t.y[c*N+j:][:n]
			for l := range row {
				if t.scatter {
					t.e[at[l]+c] += row[l]
				} else {
					row[l] = t.e[at[l]+c]
				}
			}
		}
	}
}
