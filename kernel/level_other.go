//go:build !amd64 || portable

package kernel

// native lists the levels beyond Portable that this machine can run.
func native() []Level { return nil }
