package text

import "strings"

// A match is what a rule found and where.
type match struct {
	text   string // all of it
	caps   [mostCaptures]string
	before string // the word before, in small letters
	after  string // the text behind
	quoted bool   // a quotation is open
}

// A rule says how what it matches is read; "" where it is something else after all. A comma in what
// is said is a phrase break.
type rule struct {
	pattern pattern
	say     func(m *match) string
}

// rules are tried in order where a number, a sign or a word that may begin one stands.
var rules []rule

func init() { // rules call what reads by rules
	rules = []rule{
		// Dates.
		{"Y-B-B", (*match).isoDate}, {"A/A/Y", (*match).slashDate}, {"A-A-Y", (*match).slashDate}, {"A.A.Y", (*match).slashDate},
		{"A/A/B", (*match).slashDate}, {"A[{th}]_[of_]{month}[[,]_Y]", (*match).dayMonth},
		{"{month}_A[{th}]~-~A[{th}][[,]_Y]", (*match).monthDays}, {"{month}_A[{th}][[,]_Y]", (*match).monthDay},
		{"{month}[,]_Y", (*match).monthYear},
		// Times.
		{"A:B~-~A:B[~{ampm}]", (*match).clocks}, {"A:B:B[~{ampm}]", (*match).clock}, {"A:B[~{ampm}]", (*match).clock},
		{"A~-~A~{ampm}", (*match).hours}, {"A~{ampm}", (*match).hour},
		// Telephone numbers.
		{"[+1][-][_](C)~C-Y", (*match).telephone}, {"[+]1-(C)~C-Y", (*match).telephone}, {"[+][1-]C-C-Y", (*match).telephone},
		{"[+][1.]C.C.Y", (*match).telephone}, {"+A_I_I[_I][_I][_I]", (*match).telephone}, {"+A-I-I[-I][-I]", (*match).telephone},
		{"C-Y", (*match).telephone}, {"C-B-Y", (*match).telephone}, {"+I", (*match).telephone},
		// Money.
		{"{cur}~N[~{scale}]~-~[{cur}]N[~{scale}]", (*match).moneyRange}, {"[-]{cur}~N[~{scale}]", (*match).money},
		{"{code}_N[~{scale}]", (*match).money}, {"[-]N[~{scale}]~{cur}", (*match).moneyAfter}, {"[-]N[_{scale}]_{code}", (*match).moneyAfter},
		// Feet and inches, angles.
		{"I'~N\"", (*match).feetInches}, {"I′~N″", (*match).feetInches}, {"I″", (*match).inches}, {"N\"", (*match).inches},
		{"I'", (*match).feet}, {"I′", (*match).feet}, {"I°~A′[~N″][~{nesw}]", (*match).angle}, {"I°~A'[~N\"][~{nesw}]", (*match).angle},
		// Sizes, powers.
		{"N~x~N[~x~N][~{unit}]", (*match).size}, {"N~×~10^[-]I", (*match).scientific}, {"[-]N^[-]I", (*match).power},
		{"Nx", (*match).fold}, {"N×", (*match).fold},
		// Years, decades, places.
		{"Y's", (*match).decade}, {"Ys", (*match).decade}, {"Bs", (*match).decade}, {"'Bs", (*match).decade}, {"'B", (*match).shortYear},
		{"Y~-~Y", (*match).years}, {"Y-B", (*match).years}, {"Y/B", (*match).years}, {"N{th}", (*match).place},
		// Percentages and units, ranges of them.
		{"N~-~N[~]{unit}", (*match).measureRange}, {"I_I/I[~{unit}]", (*match).mixed},
		{"[-]N~{unit}", (*match).measure}, {"[-]N-{unit}", (*match).measure}, {"I/I[~{unit}]", (*match).fraction},
		// Versions and addresses of machines.
		{"I.I.I.I", (*match).machine}, {"I.I.I", (*match).version}, {"vI[.I][.I]", (*match).version},
		// Numbers of things.
		{"#N", (*match).numbered}, {"№~N", (*match).numbered}, {"§~N", (*match).section},
		// Whatever else has digits.
		{"I:I", (*match).ratio}, {"N~-~N", (*match).span}, {"-N", (*match).minus}, {"±~N", (*match).number}, {".I", (*match).point}, {"<~N", (*match).compared}, {">~N", (*match).compared},
		{"N", (*match).number},
	}
}

// spoken finds the first rule for the beginning of a text and what it says.
func spoken(s string, m *match) (said string, used int) {
	for i := range rules {
		r := &rules[i]
		if !r.pattern.mayBegin(s[0]) {
			continue
		}
		n := r.pattern.match(s, &m.caps, 0)
		if n <= 0 || !bounded(s[n:]) {
			continue
		}
		m.text, m.after = s[:n], s[n:]
		if said := r.say(m); said != "" {
			return said, n
		}
	}
	return "", 0
}

// signed puts minus before what is said of a match that begins with it.
func (m *match) signed(said string) string {
	if m.text[0] == '-' {
		return "minus " + said
	}
	return said
}

// noun reports whether a word in small letters follows, or a hyphen.
func (m *match) noun() bool {
	n := spaces(m.after)
	return n > 0 && n < len(m.after) && m.after[n] >= 'a' && m.after[n] <= 'z' || n == 0 && strings.HasPrefix(m.after, "-")
}

// attributive reports whether what is measured stands before its noun: a 5 km run.
func (m *match) attributive() bool {
	return (m.before == "a" || m.before == "an") && m.noun()
}

// next returns the word behind, in small letters.
func (m *match) next() string {
	rest := m.after[spaces(m.after):]
	return strings.ToLower(rest[:letters(rest)])
}
