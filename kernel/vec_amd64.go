//go:build amd64 && !portable

package kernel

func init() {
	bind(AVX2, func() { vec = vecAVX2 })
	bind(AVX512, func() { vec = vecAVX512 })
}

var vecAVX2 = vecKernels{
	add: vecAddAVX2, mul: vecMulAVX2, max: vecMaxAVX2,
	mulAdd: vecMulAddAVX2, reluGrad: vecReLUGradAVX2, reluGradAdd: vecReLUGradAddAVX2,
	relu: vecReLUAVX2, exp: vecExpAVX2, log: vecLogAVX2, sigmoid: vecSigmoidAVX2,
	silu: vecSiLUAVX2, gelu: vecGELUAVX2, geluSlope: vecGELUSlopeAVX2, tanh: vecTanhAVX2,
	scale: vecScaleAVX2, affine: vecAffineAVX2, affineReLU: vecAffineReLUAVX2,
	scaleAdd: vecScaleAddAVX2, expSub: vecExpSubAVX2, normBack: vecNormBackAVX2,
	normBackReLU: vecNormBackReLUAVX2, moments: vecMomentsAVX2, normGrads: vecNormGradsAVX2,
	normGradsReLU: vecNormGradsReLUAVX2, sgd: vecSGDAVX2, nesterov: vecNesterovAVX2,
	influence: vecInfluenceAVX2, gruGrad: vecGRUGradAVX2, adam: vecAdamAVX2,
}

var vecAVX512 = vecKernels{
	add: vecAddAVX512, mul: vecMulAVX512, max: vecMaxAVX512,
	mulAdd: vecMulAddAVX512, reluGrad: vecReLUGradAVX512, reluGradAdd: vecReLUGradAddAVX512,
	relu: vecReLUAVX512, exp: vecExpAVX512, log: vecLogAVX512, sigmoid: vecSigmoidAVX512,
	silu: vecSiLUAVX512, gelu: vecGELUAVX512, geluSlope: vecGELUSlopeAVX512, tanh: vecTanhAVX512,
	scale: vecScaleAVX512, affine: vecAffineAVX512, affineReLU: vecAffineReLUAVX512,
	scaleAdd: vecScaleAddAVX512, expSub: vecExpSubAVX512, normBack: vecNormBackAVX512,
	normBackReLU: vecNormBackReLUAVX512, moments: vecMomentsAVX512, normGrads: vecNormGradsAVX512,
	normGradsReLU: vecNormGradsReLUAVX512, sgd: vecSGDAVX512, nesterov: vecNesterovAVX512,
	influence: vecInfluenceAVX512, gruGrad: vecGRUGradAVX512, adam: vecAdamAVX512,
}
