// Package weights reads and writes model files: safetensors with our metadata.
//
// A file is a header (its length as 8 little-endian bytes, then JSON) followed by
// the data of all tensors without gaps. A dense parameter w is one F32 tensor w. A
// sparse one is three, so that the file grows with its non-zeros:
//
//	w.values   F32 [entries, R]    R values an entry, by row group, then column
//	w.columns  U16 or U32 [entries]
//	w.offsets  U32 or I64 [groups+1], first entry of each row group
//
// with its shape, block and storage as JSON in the metadata key "filigree.sparse".
// Opening a file never executes anything; everything it says is checked once, and
// what is wrong is an error that names file, tensor and place.
package weights
