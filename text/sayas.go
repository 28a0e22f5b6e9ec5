package text

import (
	"strings"
	"unicode"
)

// sayAs reads a text as what SSML says it is, in words and commas for breaks; "" where it is no such
// thing or where the usual rules read it.
func sayAs(as, format, s string) (said string, ok bool) {
	s = strings.TrimSpace(plainly(s))
	switch as {
	case "cardinal", "number":
		sign, n := "", s
		if strings.HasPrefix(s, "-") {
			sign, n = "minus ", s[1:]
		}
		if r := romanNumber(s); r > 0 && atom('W', s) == len(s) {
			return Cardinal(decimalDigits(r)), true
		}
		if n != "" && atom('N', n) == len(n) {
			return sign + decimal(n), true
		}
	case "ordinal":
		n := atom('I', strings.ReplaceAll(s, ",", ""))
		if r := romanNumber(s); r > 0 && atom('W', s) == len(s) {
			return Ordinal(decimalDigits(r)), true
		}
		if d := strings.ReplaceAll(s, ",", ""); n > 0 && (n == len(d) || suffixAt(d[n:])+n == len(d)) {
			return Ordinal(d[:n]), true
		}
	case "digits":
		if said := Digits(s); said != "" {
			return said, true
		}
	case "characters", "spell-out", "verbatim", "letters":
		return characters(s), true
	case "telephone", "phone":
		m := match{text: s}
		if digits(strings.TrimLeft(s, "+( ")) > 0 {
			return m.telephone(), true
		}
	case "date":
		return sayDate(format, s)
	case "time", "duration", "fraction", "unit", "units", "measure", "currency", "money", "address", "net", "name", "acronym", "text":
		return "", true
	}
	return "", false
}

// characters reads every letter, digit and sign by name.
func characters(s string) string {
	var said []string
	for _, c := range s {
		c = unicode.ToLower(c)
		switch name := addressSigns[c]; {
		case c >= 'a' && c <= 'z':
			said = append(said, string(c)+".")
		case c >= '0' && c <= '9':
			said = append(said, ones[c-'0'])
		case name != "":
			said = append(said, name)
		case signs[c] != "":
			said = append(said, signs[c])
		case unicode.IsLetter(c):
			said = append(said, string(c))
		}
	}
	return strings.Join(said, " ")
}

// sayDate reads the parts of a date in the order that format gives them in: m, d and y.
func sayDate(format, s string) (string, bool) {
	fields := strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune("/-. ,", r) })
	if format == "" || len(fields) != len(format) || strings.Trim(format, "mdy") != "" {
		return "", format == "" || letters(s) > 0
	}
	part := map[byte]string{}
	for i, f := range fields {
		if n := months[strings.ToLower(f)]; n > 0 && format[i] == 'm' {
			f = decimalDigits(n)
		}
		if f = f[:digits(f)]; f == "" || len(f) > 4 {
			return "", false
		}
		part[format[i]] = f
	}
	m, d, y := part['m'], part['d'], part['y']
	switch {
	case m != "" && d != "":
		said := date(y, m, d)
		return said, said != ""
	case m != "":
		if n := value(m); n >= 1 && n <= 12 {
			return strings.TrimSpace(monthNames[n-1] + " " + yearOrNone(y)), true
		}
	case d != "":
		return Ordinal(d), true
	case y != "":
		return yearOf(y), true
	}
	return "", false
}

func yearOrNone(y string) string {
	if y == "" {
		return ""
	}
	return yearOf(y)
}
