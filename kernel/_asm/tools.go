package main

// avo 0.6.0 names a golang.org/x/tools that no longer compiles; this keeps the
// newer one of go.mod.
import _ "golang.org/x/tools/go/packages"
