// Command _asm writes the amd64 assembly of package kernel. Each operation is
// one file here and one pair of generated files there; `go generate ./kernel`
// runs them all.
//
//	go run . -op spmm -out ../spmm_amd64.s -stubs ../z_spmm_amd64.go -pkg kernel
package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/mmcloughlin/avo/build"
)

// ops holds the generator of each operation. A generator emits its functions for
// every level.
var ops = map[string]func(){}

func main() {
	op := flag.String("op", "", "operation to generate")
	flag.Parse()
	gen, ok := ops[*op]
	if !ok {
		fmt.Fprintf(os.Stderr, "_asm: no operation %q\n", *op)
		os.Exit(2)
	}
	build.ConstraintExpr("amd64,!portable")
	gen()
	build.Generate()
}
