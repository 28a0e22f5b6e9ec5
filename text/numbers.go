package text

import "strings"

var (
	ones = strings.Fields("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen " +
		"fifteen sixteen seventeen eighteen nineteen")
	tens     = strings.Fields("zero ten twenty thirty forty fifty sixty seventy eighty ninety")
	scales   = []string{"", " thousand", " million", " billion", " trillion", " quadrillion"}
	ordinals = map[string]string{"one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth",
		"nine": "ninth", "twelve": "twelfth"}
)

// Cardinal writes the number of a string of decimal digits, commas allowed, in words:
// "1,234" is one thousand two hundred thirty four. More than 18 digits are read one by one.
func Cardinal(digits string) string {
	digits = strings.TrimLeft(strings.ReplaceAll(digits, ",", ""), "0")
	if digits == "" {
		return "zero"
	}
	if len(digits) > 3*len(scales) {
		return Digits(digits)
	}
	for len(digits)%3 != 0 {
		digits = "0" + digits
	}
	var out []string
	for groups := len(digits) / 3; groups > 0; groups-- {
		h, t, o := digits[0]-'0', digits[1]-'0', digits[2]-'0'
		digits = digits[3:]
		if h > 0 {
			out = append(out, ones[h]+" hundred")
		}
		if n := 10*t + o; n > 0 {
			out = append(out, pair(n))
		}
		if h+t+o > 0 {
			out[len(out)-1] += scales[groups-1]
		}
	}
	return strings.Join(out, " ")
}

// pair writes a number below 100.
func pair(n byte) string {
	if n < 20 {
		return ones[n]
	}
	if n%10 == 0 {
		return tens[n/10]
	}
	return tens[n/10] + " " + ones[n%10]
}

// Ordinal writes the place a string of digits names: "21" is twenty first.
func Ordinal(digits string) string { return ordinalOf(Cardinal(digits)) }

func ordinalOf(words string) string {
	i := strings.LastIndexByte(words, ' ') + 1
	last := words[i:]
	switch o, ok := ordinals[last]; {
	case ok:
		last = o
	case strings.HasSuffix(last, "y"):
		last = last[:len(last)-1] + "ieth"
	case strings.HasSuffix(last, "t"):
		last += "h"
	default:
		last += "th"
	}
	return words[:i] + last
}

// Year writes four digits as a year is read: "1984" is nineteen eighty four, "2005" two
// thousand five. Other lengths are cardinals.
func Year(digits string) string {
	if len(digits) != 4 || digits[0] == '0' || digits[1:3] == "00" {
		return Cardinal(digits)
	}
	century := pair(10*(digits[0]-'0') + digits[1] - '0')
	switch {
	case digits[2:] == "00":
		return century + " hundred"
	case digits[2] == '0':
		return century + " oh " + ones[digits[3]-'0']
	}
	return century + " " + pair(10*(digits[2]-'0')+digits[3]-'0')
}

// Digits reads digits one by one.
func Digits(digits string) string {
	var out []string
	for _, c := range digits {
		if c >= '0' && c <= '9' {
			out = append(out, ones[c-'0'])
		}
	}
	return strings.Join(out, " ")
}

// decimal writes digits with an optional point.
func decimal(s string) string {
	whole, part, found := strings.Cut(s, ".")
	if !found {
		return Cardinal(whole)
	}
	return Cardinal(whole) + " point " + Digits(part)
}

// plural writes the plural of words.
func plural(words string) string {
	i := strings.LastIndexByte(words, ' ') + 1
	switch last := words[i:]; {
	case last == "foot":
		return words[:i] + "feet"
	case last == "inch":
		return words + "es"
	case strings.HasSuffix(last, "y"):
		return words[:len(words)-1] + "ies"
	case last == "hertz" || last == "celsius" || last == "fahrenheit":
		return words
	case strings.HasSuffix(last, "x"):
		return words + "es"
	}
	return words + "s"
}
