package translate

import (
	"fmt"
	"math"
	"regexp"
	"strings"
)

// bleuOrder is the longest n-gram counted.
const bleuOrder = 4

// BLEU returns the corpus BLEU of translations, 0 to 100 (Papineni et al. 2002): the
// geometric mean of the precisions of 1- to 4-grams, matched at most as often as in a
// reference, times e^(1 - r/c) where the translations' c words are fewer than the r of the
// references, the nearest in length each. Text is split as mteval's v13a does, with case,
// and a precision of no matches is smoothed by halving (Chen and Cherry 2014, method 3): these
// are the rules of sacreBLEU's standard setting (Post 2018). There is one list of references
// or more, each with a line for every translation; it panics otherwise.
func BLEU(translations []string, references ...[]string) float64 {
	var right, all [bleuOrder]int
	words, wanted := 0, 0
	for _, r := range references {
		if len(r) != len(translations) {
			panic(fmt.Sprintf("translate: BLEU: %d translations, %d references", len(translations), len(r)))
		}
	}
	if len(references) == 0 {
		panic("translate: BLEU: no references")
	}
	for i, text := range translations {
		hyp := split13a(text)
		grams := ngrams(hyp)
		most := map[string]int{}
		nearest := -1
		for _, r := range references {
			ref := split13a(r[i])
			d, best := abs(len(ref)-len(hyp)), abs(nearest-len(hyp))
			if nearest < 0 || d < best || d == best && len(ref) < nearest {
				nearest = len(ref)
			}
			for gram, n := range ngrams(ref) {
				most[gram] = max(most[gram], n)
			}
		}
		words, wanted = words+len(hyp), wanted+nearest
		for gram, n := range grams {
			right[strings.Count(gram, "\n")] += min(n, most[gram])
		}
		for n := range bleuOrder {
			all[n] += max(0, len(hyp)-n)
		}
	}
	return bleuOf(right, all, words, wanted)
}

// bleuOf combines the counts of a corpus.
func bleuOf(right, all [bleuOrder]int, words, wanted int) float64 {
	if words == 0 || right[0] == 0 {
		return 0
	}
	sum, smooth, orders := 0.0, 1.0, 0
	for n := range bleuOrder {
		if all[n] == 0 {
			break
		}
		p := float64(right[n])
		if right[n] == 0 {
			smooth *= 2
			p = 1 / smooth
		}
		sum += math.Log(p / float64(all[n]))
		orders++
	}
	if orders < bleuOrder {
		return 0 // no translation has four words
	}
	brevity := min(0, 1-float64(wanted)/float64(words))
	return 100 * math.Exp(brevity+sum/bleuOrder)
}

// ngrams counts the 1- to 4-grams of words, written with n-1 line ends between them.
func ngrams(words []string) map[string]int {
	counts := map[string]int{}
	for i := range words {
		gram := ""
		for n, w := range words[i:min(len(words), i+bleuOrder)] {
			if n > 0 {
				gram += "\n"
			}
			gram += w
			counts[gram]++
		}
	}
	return counts
}

// The rules of mteval-v13a.pl: signs of ASCII stand alone, full stops and commas unless
// between digits, and a dash after a digit.
var (
	entities = strings.NewReplacer("<skipped>", "", "-\n", "", "\n", " ")
	quoted   = strings.NewReplacer("&quot;", `"`, "&amp;", "&", "&lt;", "<", "&gt;", ">")
	rules13a = []struct {
		find *regexp.Regexp
		with string
	}{
		{regexp.MustCompile("([{-~\\[-` -&(-+:-@/])"), " ${1} "},
		{regexp.MustCompile(`([^0-9])([.,])`), "${1} ${2} "},
		{regexp.MustCompile(`([.,])([^0-9])`), " ${1} ${2}"},
		{regexp.MustCompile(`([0-9])(-)`), "${1} ${2} "},
	}
)

// split13a splits a line into words as mteval-v13a does.
func split13a(line string) []string {
	line = " " + quoted.Replace(entities.Replace(line)) + " "
	for _, r := range rules13a {
		line = r.find.ReplaceAllString(line, r.with)
	}
	return strings.Fields(line)
}

func abs(n int) int { return max(n, -n) }
