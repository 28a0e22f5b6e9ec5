package text

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// little words before a name that are no part of it.
var little = words("in the at to from of on near for by and or with a an is was visited")

// named reports whether the word before is a name, as a street has.
func (r *scanner) named() bool { return r.capital && !little[r.before] }

// capitalNext reports whether a large letter comes next.
func capitalNext(rest string) bool {
	c, _ := utf8.DecodeRuneInString(strings.TrimLeft(rest, ". \n"))
	return unicode.IsUpper(c)
}

// title reads St., Dr. and the like by what stands around.
func (r *scanner) title(lower, rest string) string {
	street := r.named() || ordinal(r.before) || !capitalNext(rest)
	switch {
	case lower == "st" && street:
		return "street"
	case lower == "dr" && !capitalNext(rest) && (r.named() || ordinal(r.before)):
		return "drive"
	case titles[lower] != "":
		return titles[lower]
	}
	return abbreviations[lower]
}

func ordinal(w string) bool {
	n := digits(w)
	return n > 0 && suffixAt(w[n:]) > 0
}

// whenCapital are abbreviations whose small letters are another word.
var whenCapital = words("mass mon wed thu fri sat sun mar dec jan jun jul aug oct nov sep conn fla ariz calif okla gen col maj adm rep sen gov " +
	"pres hon fr mt lt al ave")

// stopped reads a word with a full stop behind it, where that makes it an abbreviation.
func (r *scanner) stopped(rest, lower string, n int) bool {
	behind := rest[n+1:]
	capital := rest[0] >= 'A' && rest[0] <= 'Z'
	if letters(behind) > 0 {
		return r.dotted(rest)
	}
	gap := spaces(behind)
	said := ""
	switch {
	case numbering[lower] != "" && (gap > 0 || n > 1) && gap < len(behind) && (digit(behind[gap]) || romanNumber(behind[gap:]) > 0 && n > 1 && firstWord(behind) != "I"):
		said = numbering[lower]
	case lower == "v" && r.named() && capitalNext(behind):
		said = "versus"
	case lower == "ft" && capitalNext(behind) && !digit((r.before + " ")[0]):
		said = "fort"
	case whenCapital[lower] && !capital:
		return false
	case titles[lower] != "" && lower != "st" && lower != "dr" && !bare[lower] && lower != "ms" && !capitalNext(behind):
		return false
	case titles[lower] != "" || lower == "dr":
		said = r.title(lower, behind)
	case abbreviations[lower] != "":
		said = abbreviations[lower]
	case n == 1 && capital && lower != "i":
		said = lower + "."
	default:
		return false
	}
	r.say(said)
	r.took(n)
	r.at++
	if numbering[lower] != "" {
		r.before = said
	}
	return true
}

// dotted reads letters with full stops between them: U.S., e.g., Ph.D.
func (r *scanner) dotted(rest string) bool {
	n, single, parts := 0, true, 0
	for n < len(rest) {
		k := letters(rest[n:])
		if k == 0 {
			break
		}
		_, size := utf8.DecodeRuneInString(rest[n:])
		single = single && size == k
		parts++
		if n += k; n == len(rest) || rest[n] != '.' {
			break
		}
		n++
	}
	s := strings.ToLower(strings.TrimSuffix(rest[:n], "."))
	switch {
	case abbreviations[s] != "":
		r.say(abbreviations[s])
	case single || degrees[s]:
		r.letters(strings.ReplaceAll(s, ".", ""))
	default:
		return false
	}
	r.took(n)
	if strings.HasPrefix(r.text[r.at:], "'s") && parts > 1 {
		r.at += 2
		r.s.possessive()
	}
	return true
}

// camel reads words written together with capitals inside, where the dictionary has the parts:
// YouTube, iPhone, ChatGPT.
func (r *scanner) camel(w string) bool {
	var parts []string
	from := 0
	for i := 1; i < len(w); i++ {
		upper, before := w[i] >= 'A' && w[i] <= 'Z', w[i-1] >= 'a' && w[i-1] <= 'z'
		if upper && before {
			parts, from = append(parts, w[from:i]), i
		}
	}
	if parts = append(parts, w[from:]); len(parts) < 2 {
		return false
	}
	for _, p := range parts {
		if len(p) > 1 && strings.ToUpper(p) != p && Lookup(strings.ToLower(p)) == nil {
			return false
		}
	}
	for _, p := range parts {
		if lower := strings.ToLower(p); len(p) == 1 || !r.initials(p, lower) {
			r.s.word(lower, true)
		}
	}
	return true
}

// degrees are spelled though their parts are more than letters.
var degrees = words("ph.d m.sc b.sc d.phil ll.b ll.m ed.d psy.d b.ed m.ed")

// state reads the two letters of a state behind a town: Austin, TX.
func (r *scanner) state(w string) bool {
	name := states[w]
	if name == "" || r.shout || !r.capital || !strings.HasSuffix(strings.TrimRight(r.text[:r.at], " "), ",") {
		return false
	}
	r.say(name)
	return true
}

// romanNumber returns the value of the Roman numeral that is the first word of s, 0 for none.
func romanNumber(s string) int {
	s = s[:atom('W', s)]
	n := 0
	for i := range len(s) {
		v := romanDigit(s[i])
		if v == 0 {
			return 0
		}
		if i+1 < len(s) && romanDigit(s[i+1]) > v {
			v = -v
		}
		n += v
	}
	if n <= 0 || n > 3999 || Roman(n) != s {
		return 0
	}
	return n
}

func romanDigit(c byte) int {
	switch c {
	case 'I':
		return 1
	case 'V':
		return 5
	case 'X':
		return 10
	case 'L':
		return 50
	case 'C':
		return 100
	case 'D':
		return 500
	case 'M':
		return 1000
	}
	return 0
}

// Roman writes a number from 1 to 3999 in Roman numerals.
func Roman(n int) string {
	var b strings.Builder
	for _, step := range []struct {
		n int
		s string
	}{{1000, "M"}, {900, "CM"}, {500, "D"}, {400, "CD"}, {100, "C"}, {90, "XC"}, {50, "L"}, {40, "XL"}, {10, "X"}, {9, "IX"}, {5, "V"}, {4, "IV"}, {1, "I"}} {
		for ; n >= step.n; n -= step.n {
			b.WriteString(step.s)
		}
	}
	return b.String()
}

// roman reads a Roman numeral, where the words around it or its letters tell that it is one.
func (r *scanner) roman(w, rest string) bool {
	if romanDigit(w[0]) == 0 {
		return false
	}
	n := romanNumber(w)
	if n == 0 || r.before == "" {
		return false
	}
	next := strings.ToLower(firstWord(rest))
	number := Cardinal(decimalDigits(n))
	switch {
	case w == "I" && (!r.capital || verbsOfI[next]) && !parts[r.before]:
		return false
	case rulers[r.before] && (r.capital || r.shout):
		r.say("the " + ordinalOf(number))
	case parts[r.before]:
		r.say(number)
	case next == "century" || next == "centuries":
		r.say(ordinalOf(number))
	case len(w) > 1 && r.capital && !r.shout && strings.Trim(w, "IVX") == "" && w != "IV":
		r.say(number)
	default:
		return false
	}
	return true
}

// verbsOfI tell that I is the speaker.
var verbsOfI = words("am have had think know will would can could must may might should did do don't didn't want love hate see saw said say feel")

func firstWord(s string) string {
	s = s[spaces(s):]
	return s[:wordLength(s)]
}

func decimalDigits(n int) string {
	return string([]byte{byte('0' + n/1000), byte('0' + n/100%10), byte('0' + n/10%10), byte('0' + n%10)})
}
