package kernel

// CSR is a sparse M×K matrix of R×1 blocks in K-blocked compressed rows.
//
// Rows are grouped in blocks of R (the last group may be short: its missing rows
// exist as stored zeros, are never written to outputs and are never trained).
// Columns are cut into K-blocks of KB columns, so that the part of X one K-block
// reads stays in the first-level cache. Entries are ordered by K-block, then by
// row group, then by column.
type CSR struct {
	M, K    int
	R       int       // rows of a block: 1, 2, 4 or 16
	KB      int       // columns of a K-block, at most 65536
	Offsets []int32   // first entry of each (K-block, row group); Groups()*KBlocks()+1 long
	Columns []uint16  // column of each entry inside its K-block
	Values  []float32 // R values an entry, entry after entry
}

// Groups returns the number of row groups.
func (w *CSR) Groups() int { return (w.M + w.R - 1) / w.R }

// KBlocks returns the number of K-blocks.
func (w *CSR) KBlocks() int { return (w.K + w.KB - 1) / w.KB }

// Twin is the transpose of a CSR matrix, for the input gradient. Row k of the
// twin lists the row groups of W that have an entry in column k; Perm says where
// the entry stands in W. The twin is K-blocked too, along the row groups of W.
// Its values are copied from W by the kernels that use it.
type Twin struct {
	K, Groups int // rows of the twin, and its columns
	R         int
	GB        int      // row groups of W in one block of the twin, at most 65536
	Offsets   []int32  // first entry of each (block, row k)
	Columns   []uint16 // row group inside its block
	Perm      []int32  // entry in W of each entry of the twin
	Values    []float32
}
