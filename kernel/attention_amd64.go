//go:build amd64 && !portable

package kernel

func init() {
	bind(AVX2, func() {
		laneTiles.t3x4, laneTiles.t3x1 = lanes3x4AVX2, lanes3x1AVX2
		laneTiles.t1x4, laneTiles.t1x1 = lanes1x4AVX2, lanes1x1AVX2
		laneCopy, laneAdd = lanesCopyAVX2, lanesAddAVX2
	})
}
