// Package layout holds no code: its tests hold the repository to its own rules,
// such as which package may import which.
package layout
