package kernel

// The start-up choice must follow every init function that binds kernels; Go
// runs a package's init functions in file-name order, and this file's comes last.
func init() { start() }
