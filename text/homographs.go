package text

import (
	_ "embed"
	"slices"
	"strings"
	"sync"
)

//go:embed homographs.txt
var homographList string

// A homograph is a word with several readings.
type homograph struct {
	kinds    []string // of each reading
	phonemes [][]string
	cues     map[string]bool // words that tell of the second
}

var homographs = sync.OnceValue(func() map[string]homograph {
	out := map[string]homograph{}
	for line := range strings.Lines(homographList) {
		word, rest, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok || word == "#" {
			continue
		}
		rest, cues, told := strings.Cut(rest, ":")
		var h homograph
		for reading := range strings.SplitSeq(rest, "/") {
			f := strings.Fields(reading)
			h.kinds, h.phonemes = append(h.kinds, f[0]), append(h.phonemes, f[1:])
		}
		if told {
			h.cues = words(cues)
		}
		out[word] = h
	}
	return out
})

// disambiguate chooses the readings of homographs by the words around them.
func (s *Sentence) disambiguate() {
	table := homographs()
	for i := range s.Words {
		w := &s.Words[i]
		if w.Source != FromDictionary && w.Source != FromParts {
			continue
		}
		if h, ok := table[w.Text]; ok {
			w.Phonemes = h.phonemes[h.choose(s.Words, i)]
			continue
		}
		stem, ok := strings.CutSuffix(w.Text, "s")
		if h := table[stem]; ok && h.has("n") && h.has("v") {
			ps := h.phonemes[h.choose(s.Words, i)]
			w.Phonemes = slices.Concat(ps, suffix("s", ps))
		}
	}
}

func (h *homograph) has(kind string) bool { return slices.Contains(h.kinds, kind) }

// reading returns the number of a kind.
func (h *homograph) reading(kind string) int { return max(0, slices.Index(h.kinds, kind)) }

// choose returns the reading of word i.
func (h *homograph) choose(ws []Word, i int) int {
	c := context{ws, i}
	if h.cues != nil {
		for j := max(0, i-6); j < min(len(ws), i+7); j++ {
			if j != i && h.cues[ws[j].Text] {
				return 1
			}
		}
	}
	if rule := particular[ws[i].Text]; rule != nil {
		if kind := rule(c); kind != "" {
			return h.reading(kind)
		}
		return 0
	}
	if !h.has("v") {
		return 0
	}
	prior := 0.5 // that it is a noun
	if h.kinds[0] == "v" {
		prior = -0.5
	}
	if prior+c.nounness() >= 0 {
		return 1 - h.reading("v")
	}
	return h.reading("v")
}

// context is a word among its neighbours.
type context struct {
	ws []Word
	i  int
}

// near returns the word at a distance, "" beyond the ends of the sentence and of phrases.
func (c context) near(d int) string {
	j := c.i + d
	if j < 0 || j >= len(c.ws) {
		return ""
	}
	for k := min(j, c.i); k < max(j, c.i); k++ {
		if c.ws[k].After != NoBreak {
			return ""
		}
	}
	return c.ws[j].Text
}

func (c context) capital(d int) bool {
	j := c.i + d
	return j > 0 && j < len(c.ws) && c.ws[j].capital
}

// any reports whether one of the words is in the sentence.
func (c context) any(set map[string]bool) bool {
	return slices.ContainsFunc(c.ws, func(w Word) bool { return set[w.Text] })
}

// Kinds of words by what they say of the next or the one before.
var (
	determiners = words("the a an this these those my his its our their no any some each every another such whose your one two three four five six " +
		"seven eight nine ten first second third last next other own several many few all both more most less new old same very too high low great " +
		"small large big public main single major early late good bad best human special local national private full")
	modals = words("will would can could should shall may might must do does did don't doesn't didn't cannot can't won't wouldn't couldn't shouldn't " +
		"let's i'll you'll he'll she'll we'll they'll it'll i'd you'd he'd she'd we'd they'd helps help helped let lets please would")
	subjects = words("i you we they who")
	thirds   = words("he she it which that who")
	has      = words("have has had having i've you've we've they've")
	isForms  = words("is are was were be been being am i'm you're he's she's it's we're they're isn't aren't wasn't weren't")
	preps    = words("of in on for with by from at into over under about against during without through between after before as than towards toward upon " +
		"within per via among despite like since until")
	adverbs = words("also often always never not then now ever still just only even sometimes usually quickly both again further better fully either " +
		"rather soon really thus actually easily successfully already n't")
	objects = words("the a an this these those my his her its our their him them it us me you your himself herself itself themselves each any some all " +
		"what how whether")
	finite    = words("is was are were has had will would can could may might must should does did")
	pastTimes = words("yesterday ago last was were had did when once then told asked went came wrote said gave took")
	toPhrases = words("according due prior close access addition response related opposed contrary thanks devoted dedicated return reference respect")
)

func adjectival(w string) bool {
	for _, end := range []string{"al", "ive", "ous", "ful", "ic", "able", "ible", "less", "ary", "ish", "est", "ian", "ese", "ent", "ant"} {
		if len(w) > len(end)+2 && strings.HasSuffix(w, end) {
			return true
		}
	}
	return false
}

// nounness weighs what the neighbours say: above zero that the word is a noun or an adjective, below
// that it is a verb.
func (c context) nounness() float64 {
	score := c.before(1, 1)
	next := c.near(1)
	switch {
	case next == "of":
		score += 2.5
	case next == "that":
		score -= 0.5
	case objects[next]:
		score -= 2
	case finite[next]:
		score += 2
	case next == "":
		score += 0.5
	case preps[next]:
		score += 0.3
	}
	if c.near(-1) == "" && objects[next] {
		score -= 1 // an order: record the meeting
	}
	return score
}

// before weighs the word at a distance d before.
func (c context) before(d int, weight float64) float64 {
	w, third := c.near(-d), strings.HasSuffix(c.ws[c.i].Text, "s") // he records
	switch {
	case w == "" || d > 3:
		return 0
	case w == "to":
		if toPhrases[c.near(-d-1)] {
			return weight
		}
		return -3 * weight
	case modals[w]:
		return -4 * weight
	case subjects[w] && !(third && w != "who"):
		return -3 * weight
	case determiners[w] || w == "her":
		return 3 * weight
	case adverbs[w] || strings.HasSuffix(w, "ly"):
		return c.before(d+1, 0.8*weight)
	case preps[w]:
		return 2.5 * weight
	case isForms[w]:
		return 2 * weight
	case has[w]:
		return weight
	case thirds[w] && third:
		return -3 * weight
	case thirds[w]:
		return -weight
	case w == "and" || w == "or":
		return c.before(d+2, 0.6*weight)
	case strings.HasSuffix(w, "'s"):
		return 3 * weight
	case adjectival(w):
		return 2 * weight
	case strings.HasSuffix(w, "ing") || strings.HasSuffix(w, "ed"):
		return weight
	case third && !strings.HasSuffix(w, "s"):
		return -0.4 * weight // a farmer records
	case strings.HasSuffix(w, "s") && !strings.HasSuffix(w, "ss") && !third:
		return -1.5*weight + 0.3*c.before(d+1, weight)
	}
	return 0.5*weight + 0.5*c.before(d+1, weight)
}

// particular holds the words that have rules of their own: the kind, "" for the first.
var particular map[string]func(c context) string

func init() { // the rules look words up that have rules
	particular = map[string]func(c context) string{
		"read":  context.read,
		"close": context.close,
		"live":  context.live,
		"used": func(c context) string {
			if c.near(1) == "to" && !isForms[c.near(-1)] && !has[c.near(-1)] || c.near(1) == "to" && (c.near(2) == "be" || c.near(2) == "the" && c.near(-1) == "get") {
				return "habit"
			}
			return ""
		},
		"content": func(c context) string {
			p, n := c.near(-1), c.near(1)
			if isForms[p] && (n == "with" || n == "to" || n == "") || n == "himself" || n == "herself" || n == "themselves" || p == "quite" || p == "seemed" {
				return "glad"
			}
			return ""
		},
		"polish": func(c context) string {
			if c.capital(0) || c.i == 0 && c.ws[0].capital && !objects[c.near(1)] {
				return "people"
			}
			return "shine"
		},
		"august": func(c context) string {
			if c.ws[c.i].capital {
				return "month"
			}
			return "grand"
		},
		"reading": func(c context) string {
			p := c.near(-1)
			if c.capital(0) && (p == "in" || p == "at" || p == "to" || p == "from" || p == "near" || p == "of" || c.capital(1) && !c.capital(-1)) {
				return "town"
			}
			return ""
		},
		"nestle": func(c context) string {
			if c.capital(0) {
				return "firm"
			}
			return "v"
		},
		"minute": func(c context) string {
			p, n := c.near(-1), c.near(1)
			if p == "very" || p == "so" || p == "extremely" || p == "most" || tinyThings[n] || isForms[p] && n == "" {
				return "tiny"
			}
			return ""
		},
		"wound": func(c context) string {
			if n := c.near(1); n != "" && windings[n] && !determiners[c.near(-1)] || c.near(-1) == "he" && n == "his" {
				return "past"
			}
			return ""
		},
		"dove": func(c context) string {
			if n := c.near(1); n == "into" || n == "in" || n == "under" || n == "deep" || n == "off" || n == "down" || thirds[c.near(-1)] || subjects[c.near(-1)] {
				return "past"
			}
			return ""
		},
		"aged": func(c context) string {
			if p := c.near(-1); (p == "the" || p == "an" || p == "his" || p == "her") && !digit((c.near(1) + " ")[0]) {
				return "old"
			}
			return ""
		},
		"blessed": func(c context) string {
			p, n := c.near(-1), c.near(1)
			if p == "the" || c.capital(0) && c.capital(1) || n == "virgin" || n == "sacrament" || n == "mother" || n == "are" || c.capital(0) {
				return "holy"
			}
			return ""
		},
		"learned": func(c context) string {
			n := c.near(1)
			if p := c.near(-1); (determiners[p] && p != "all" || p == "very" || p == "most" || p == "highly") && n != "that" || learnedOnes[n] {
				return "wise"
			}
			return ""
		},
	}
}

var (
	tinyThings  = words("details detail amounts amount particles particle quantities quantity differences difference traces fragments doses variations inspection")
	windings    = words("up around down its through round onto back into in his on")
	learnedOnes = words("society societies men man scholar scholars judge counsel journals journal friend helplessness lady professions")
)

// read decides between present and past.
func (c context) read() string {
	p := c.near(-1)
	for d := 2; d < 4 && (adverbs[p] || strings.HasSuffix(p, "ly")); d++ {
		p = c.near(-d)
	}
	switch {
	case p == "to" || modals[p] || p == "and" && c.near(-2) != "" && c.any(modals):
		return "base"
	case has[p] || isForms[p] || strings.HasSuffix(p, "'ve") || p == "widely" || p == "well":
		return "past"
	case p == "he" || p == "she" || p == "it" || p == "which":
		return "past"
	case c.i == 0 || p == "" || determiners[p] || preps[p] || adjectival(p):
		return "base"
	case p == "you":
		if c.any(pastTimes) {
			return "past"
		}
		return "base"
	case c.past() || c.near(1) == "by" || c.near(1) == "that" && !subjects[p]:
		return "past"
	case subjects[p]:
		return "base"
	case p != "" && !strings.HasSuffix(p, "s") && !determiners[p] && !preps[p] && p != "and":
		return "past" // the letter read, John read
	}
	return "base"
}

// past reports whether other verbs of the sentence are in the past.
func (c context) past() bool {
	if c.any(pastTimes) {
		return true
	}
	for j, w := range c.ws {
		if j != c.i && len(w.Text) > 4 && strings.HasSuffix(w.Text, "ed") {
			return true
		}
	}
	return false
}

func (c context) close() string {
	p, n := c.near(-1), c.near(1)
	switch {
	case p == "to" || modals[p] || p == "would" || p == "and" && objects[n]:
		if n == "to" && !modals[p] && p != "to" {
			return "n"
		}
		return "v"
	case p == "at" || p == "the" || p == "a" || p == "its":
		if n == "of" || n == "" && p != "at" {
			return "v" // the close of the day
		}
		return "n"
	case n == "to" || p == "very" || p == "so" || p == "too" || isForms[p]:
		return "n"
	case n == "the" || n == "its" || n == "their" || n == "his" || n == "down" || n == "off" || n == "out":
		if n == "the" && p == "" || p != "" {
			return "v"
		}
	}
	if c.nounness() < -1.5 {
		return "v"
	}
	return "n"
}

func (c context) live() string {
	p, n := c.near(-1), c.near(1)
	switch {
	case p == "to" || modals[p] || subjects[p]:
		return "v"
	case n == "in" || n == "with" || n == "at" || n == "on" && p != "performed" || n == "near" || n == "together" || n == "alone" || n == "under" || n == "within" || n == "among":
		if determiners[p] || p == "performed" || p == "recorded" || p == "played" || p == "broadcast" || isForms[p] || p == "performing" || p == "playing" {
			return "n"
		}
		return "v"
	}
	if c.before(1, 1) < -1 {
		return "v"
	}
	return "n"
}
