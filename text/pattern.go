package text

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// A pattern says what a rule matches, one sign after another:
//
//	N  a number: digits, commas between groups of three, decimals
//	I  digits; A one or two of them, B two, C three, Y four
//	W  letters
//	{set}  a word of one of the sets
//	_  space; ~ space or none
//	[...]  may be missing
//
// and anything else itself, small letters in either case. N to W and sets are captured.
type pattern string

// sets say how many bytes at the start of a text are a member.
var sets = map[string]func(string) int{
	"month": monthAt, "th": suffixAt, "ampm": halfAt, "cur": currencyAt, "code": codeAt, "scale": scaleAt, "unit": unitAt, "nesw": compassAt,
}

const mostCaptures = 8

// match returns the length of what the pattern matches at the start of s, -1 for none, and puts
// what is captured into caps from number k on.
func (p pattern) match(s string, caps *[mostCaptures]string, k int) int {
	at := 0
	for p != "" {
		n, used := 0, 1
		switch c := p[0]; c {
		case '[':
			shut := p.shut()
			inner, rest := p[1:shut], p[shut+1:]
			behind := k + inner.captures()
			if n := inner.match(s[at:], caps, k); n >= 0 {
				if m := rest.match(s[at+n:], caps, behind); m >= 0 {
					return at + n + m
				}
			}
			for i := k; i < behind; i++ {
				caps[i] = ""
			}
			if m := rest.match(s[at:], caps, behind); m >= 0 {
				return at + m
			}
			return -1
		case '_', '~':
			n = spaces(s[at:])
			if n == 0 && c == '_' {
				return -1
			}
		case 'N', 'I', 'A', 'B', 'C', 'Y', 'W':
			if n = atom(c, s[at:]); n == 0 {
				return -1
			}
			caps[k] = s[at : at+n]
			k++
		case '{':
			used = strings.IndexByte(string(p), '}') + 1
			if n = sets[string(p[1:used-1])](s[at:]); n == 0 {
				return -1
			}
			caps[k] = s[at : at+n]
			k++
		default:
			if at == len(s) || c != s[at] && (c < 'a' || c > 'z' || c != s[at]|0x20) {
				return -1
			}
			n = 1
		}
		at, p = at+n, p[used:]
	}
	return at
}

// shut returns where the bracket that p begins with is closed.
func (p pattern) shut() int {
	depth := 0
	for i := range len(p) {
		switch p[i] {
		case '[':
			depth++
		case ']':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	panic("text: a bracket that is not closed in " + string(p))
}

func (p pattern) captures() int {
	n, name := 0, false
	for i := range len(p) {
		switch {
		case p[i] == '{':
			n, name = n+1, true
		case p[i] == '}':
			name = false
		case !name && strings.IndexByte("NIABCYW", p[i]) >= 0:
			n++
		}
	}
	return n
}

// mayBegin reports whether a text whose first byte is c can match.
func (p pattern) mayBegin(c byte) bool {
	switch p[0] {
	case 'N', 'I', 'A', 'B', 'C', 'Y':
		return digit(c)
	case '[', '{', 'W':
		return true
	}
	return p[0] == c|0x20 || p[0] == c
}

// atom returns the length of a captured class at the start of s.
func atom(class byte, s string) int {
	n := 0
	if class == 'W' {
		for n < len(s) && (s[n] >= 'a' && s[n] <= 'z' || s[n] >= 'A' && s[n] <= 'Z') {
			n++
		}
		return n
	}
	for n < len(s) && digit(s[n]) {
		n++
	}
	switch class {
	case 'A':
		if n > 2 {
			return 0
		}
	case 'B', 'C', 'Y':
		if n != map[byte]int{'B': 2, 'C': 3, 'Y': 4}[class] {
			return 0
		}
	case 'N':
		for n > 0 && n+3 < len(s) && s[n] == ',' && digits(s[n+1:]) == 3 {
			n += 4
		}
		if n > 0 && n+1 < len(s) && s[n] == '.' && digit(s[n+1]) {
			n += 1 + digits(s[n+1:])
		}
	}
	return n
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

// digits returns how many digits s begins with.
func digits(s string) int { return atom('I', s) }

func spaces(s string) int {
	n := 0
	for n < len(s) && space(s[n]) {
		n++
	}
	return n
}

func space(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

// letters returns the length of the letters, with the marks upon them, that s begins with.
func letters(s string) int {
	for i, r := range s {
		if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsMark(r))) {
			return i
		}
	}
	return len(s)
}

// bounded reports whether what was matched may end before rest: no letter or digit goes on, and no
// sign with a digit after it.
func bounded(rest string) bool {
	if rest == "" {
		return true
	}
	if letters(rest) > 0 || digit(rest[0]) {
		return false
	}
	return !(len(rest) > 1 && strings.IndexByte(".,:/-", rest[0]) >= 0 && digit(rest[1]))
}
