//go:build amd64 && !portable

package kernel

func init() {
	bind(AVX2, func() {
		gather8, scatter8 = gather8AVX2, scatter8AVX2
		copyRows8, addRows8 = copyRows8AVX2, addRows8AVX2
		split2, join2, joinAdd2 = split2AVX2, join2AVX2, joinAdd2AVX2
	})
}
