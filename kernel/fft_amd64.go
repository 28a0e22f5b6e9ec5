//go:build amd64 && !portable

package kernel

//go:generate sh -c "cd _asm && go run . -op fft -out ../fft_amd64.s -stubs ../z_fft_amd64.go -pkg kernel"

func init() {
	bind(AVX2, func() {
		fftVec = fftKernels{fftPass2AVX2, fftPass4AVX2, fftPass5AVX2, vecSplitAVX2, vecMergeAVX2}
	})
	bind(AVX512, func() {
		fftVec = fftKernels{fftPass2AVX512, fftPass4AVX512, fftPass5AVX512, vecSplitAVX512, vecMergeAVX512}
	})
}
