package speech

import "math"

// ConditionRows is how many features say what is spoken in a frame: the symbol and its place in
// its word, one-hot, how far into the symbol the frame is, the symbol's length, and the pitch.
var ConditionRows = len(symbols) + places + 2 + pitchRows

// Conditions returns linguistic features and pitch [ConditionRows, T] of the T frames of tokens
// that last so many each (GAN-TTS, arXiv:1909.11646, section 4.1, in small): pitch is what
// [Stats.Pitch] returns. It panics unless lengths add up to the frames of pitch.
func Conditions(tokens []Token, lengths []int, pitch []float32) []float32 {
	T := len(pitch) / pitchRows
	out := make([]float32, ConditionRows*T)
	at := 0
	for i, k := range tokens {
		n := lengths[i]
		for f := range n {
			row := func(r int, v float32) { out[r*T+at+f] = v }
			row(symbolIDs[k.Symbol], 1)
			row(len(symbols)+k.place, 1)
			row(len(symbols)+places, (float32(f)+0.5)/float32(n))
			row(len(symbols)+places+1, float32(math.Log(float64(n)))/4)
		}
		at += n
	}
	if at != T {
		panic("speech: Conditions: lengths and pitch differ")
	}
	copy(out[(ConditionRows-pitchRows)*T:], pitch)
	return out
}
