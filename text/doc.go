// Package text turns English text into phonemes: it splits sentences, writes numbers and
// abbreviations as words, and looks words up in a compressed form of the CMU Pronouncing
// Dictionary. Phonemes are ARPAbet symbols, vowels with a stress digit: HH AH0 L OW1.
package text
