//go:build amd64 && !portable

package kernel

import "golang.org/x/sys/cpu"

// native lists the levels beyond Portable that this machine can run.
func native() []Level {
	var ls []Level
	if cpu.X86.HasAVX2 && cpu.X86.HasFMA {
		ls = append(ls, AVX2)
		if cpu.X86.HasAVX512F && cpu.X86.HasAVX512DQ && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512VL {
			ls = append(ls, AVX512)
		}
	}
	return ls
}
