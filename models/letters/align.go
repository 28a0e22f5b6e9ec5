package letters

import (
	"slices"
	"strings"
)

// most is how many phonemes a letter stands for at most: x is two.
const most = 2

// rounds of expectation and maximisation; later ones change next to nothing.
const rounds = 6

// aligner estimates how probable a letter is to sound as a chunk of 0 to most phonemes.
type aligner struct {
	p map[string]float64 // by letter and chunk without stress
}

// chunkKey is a letter with the phonemes it sounds as, without stress.
func chunkKey(letter byte, phones []string) string {
	var b strings.Builder
	b.WriteByte(letter)
	for _, p := range phones {
		b.WriteByte(' ')
		b.WriteString(strings.TrimRight(p, "012"))
	}
	return b.String()
}

// Align cuts the first pronunciation of each entry into one chunk a letter, each of 0 to 2
// phonemes joined by spaces, by the most probable cut under a model of letters that sound
// independently of each other, fitted by expectation maximisation (Dempster et al. 1977; for
// pronunciations, Damper et al. 2005). Words with more than two phonemes a letter have none.
func Align(entries []Entry) [][]string {
	a := &aligner{}
	for range rounds {
		counts, totals := map[string]float64{}, map[byte]float64{}
		for _, e := range entries {
			a.expect(e.Word, e.Phones[0], counts, totals)
		}
		a.p = counts
		for k := range counts {
			counts[k] /= totals[k[0]]
		}
	}
	out := make([][]string, len(entries))
	for i, e := range entries {
		out[i] = a.best(e.Word, e.Phones[0])
	}
	return out
}

// chances returns the probabilities of the chunks that letter i may be: at [j][n] those of the n
// phonemes from j.
func (a *aligner) chances(letter byte, phones []string) [][most + 1]float64 {
	out := make([][most + 1]float64, len(phones)+1)
	for j := range out {
		for n := range min(most, len(phones)-j) + 1 {
			if a.p == nil {
				out[j][n] = [...]float64{0.1, 1, 0.05}[n] // one sound a letter to begin with
				continue
			}
			out[j][n] = max(a.p[chunkKey(letter, phones[j:j+n])], 1e-9)
		}
	}
	return out
}

// expect adds the expected counts of a word's chunks.
func (a *aligner) expect(word string, phones []string, counts map[string]float64, totals map[byte]float64) {
	L, P := len(word), len(phones)
	if P > most*L {
		return
	}
	chance := make([][][most + 1]float64, L)
	forward, backward := make([][]float64, L+1), make([][]float64, L+1)
	for i := range forward {
		forward[i], backward[i] = make([]float64, P+1), make([]float64, P+1)
	}
	forward[0][0], backward[L][P] = 1, 1
	for i := range L {
		chance[i] = a.chances(word[i], phones)
		for j, f := range forward[i] {
			for n := 0; f > 0 && n <= min(most, P-j); n++ {
				forward[i+1][j+n] += f * chance[i][j][n]
			}
		}
	}
	for i := L - 1; i >= 0; i-- {
		for j := range P + 1 {
			for n := range min(most, P-j) + 1 {
				backward[i][j] += chance[i][j][n] * backward[i+1][j+n]
			}
		}
	}
	all := forward[L][P]
	for i := range L {
		for j := range P + 1 {
			for n := range min(most, P-j) + 1 {
				if w := forward[i][j] * chance[i][j][n] * backward[i+1][j+n] / all; w > 1e-6 {
					counts[chunkKey(word[i], phones[j:j+n])] += w
					totals[word[i]] += w
				}
			}
		}
	}
}

// best returns the chunks of the most probable alignment.
func (a *aligner) best(word string, phones []string) []string {
	L, P := len(word), len(phones)
	if P > most*L {
		return nil
	}
	score, from := make([][]float64, L+1), make([][]int, L+1)
	for i := range score {
		score[i], from[i] = make([]float64, P+1), make([]int, P+1)
	}
	score[0][0] = 1
	for i := range L {
		chance := a.chances(word[i], phones)
		for j, s := range score[i] {
			for n := 0; s > 0 && n <= min(most, P-j); n++ {
				if v := s * chance[j][n]; v > score[i+1][j+n] {
					score[i+1][j+n], from[i+1][j+n] = v, n
				}
			}
		}
	}
	var out []string
	for i, j := L, P; i > 0; i-- {
		n := from[i][j]
		out = append(out, strings.Join(phones[j-n:j], " "))
		j -= n
	}
	slices.Reverse(out)
	return out
}
