// Package speech holds networks that turn text into speech.
//
// A [Voice] speaks in three steps. [Acoustic] reads phonemes, tells how long each lasts, what
// pitch the voice has and what spectrum, 100 frames a second; [Decoder] turns frames into a
// waveform. Everything is convolutions at the rate of tokens or frames, so nearly all work is
// in products whose weights may be sparse.
package speech
