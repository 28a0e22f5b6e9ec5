package kernel

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

// Level is an instruction set the kernels can run on.
type Level int

// The levels, slowest first. NEON and WasmSIMD have no kernels yet and run the
// portable code.
const (
	Portable Level = iota
	AVX2
	AVX512
	NEON
	WasmSIMD
	numLevels
)

var levelNames = [numLevels]string{"portable", "avx2", "avx512", "neon", "wasmsimd"}

// String returns the level's name as FILIGREE_CPU spells it.
func (l Level) String() string { return levelNames[l] }

// bindings holds, for each level, the assignments that install its kernels.
// Those of Portable install a complete set; a higher level replaces what it has.
var bindings [numLevels][]func()

var active Level

// bind registers an assignment of kernels to be made when a level is chosen.
// It is called from init functions only.
func bind(l Level, install func()) { bindings[l] = append(bindings[l], install) }

// Active returns the level in use.
func Active() Level { return active }

// Available lists the levels this machine can run, slowest first.
func Available() []Level { return append([]Level{Portable}, native()...) }

// Use forces an instruction set, for tests and benchmarks, and returns a
// function that restores the one before. It must not be called while kernels
// run. It panics if the machine lacks the level.
func Use(l Level) (restore func()) {
	if !slices.Contains(Available(), l) {
		panic(fmt.Sprintf("kernel: Use: this machine does not have %v", l))
	}
	old := active
	choose(l)
	return func() { choose(old) }
}

func choose(l Level) {
	for _, lower := range append([]Level{Portable}, below(l)...) {
		for _, install := range bindings[lower] {
			install()
		}
	}
	active = l
}

// below returns the levels whose kernels serve l, in the order of installing.
func below(l Level) []Level {
	switch l {
	case AVX2:
		return []Level{AVX2}
	case AVX512:
		return []Level{AVX2, AVX512}
	case NEON, WasmSIMD:
		return []Level{l}
	}
	return nil
}

// start picks the level at start-up: the best the machine has, or the one named
// by the environment variable FILIGREE_CPU where the machine has it.
func start() {
	levels := Available()
	best := levels[len(levels)-1]
	if name := strings.ToLower(os.Getenv("FILIGREE_CPU")); name != "" {
		for _, l := range levels {
			if l.String() == name {
				best = l
			}
		}
	}
	choose(best)
}
