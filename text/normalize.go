package text

import (
	"regexp"
	"strings"
	"unicode"
)

// titles stand before a name and never end a sentence.
var titles = map[string]string{"mr": "mister", "mrs": "missus", "ms": "miz", "dr": "doctor", "prof": "professor",
	"st": "saint", "gen": "general", "col": "colonel", "capt": "captain", "lt": "lieutenant", "sgt": "sergeant",
	"rev": "reverend", "sen": "senator", "gov": "governor", "hon": "honorable", "messrs": "messieurs"}

// abbreviations are read as words where a full stop follows.
var abbreviations = map[string]string{"etc": "et cetera", "vs": "versus", "e.g": "for example", "i.e": "that is",
	"jr": "junior", "sr": "senior", "co": "company", "corp": "corporation", "inc": "incorporated", "ltd": "limited",
	"dept": "department", "approx": "approximately", "ave": "avenue", "blvd": "boulevard", "rd": "road", "jan": "january",
	"feb": "february", "aug": "august", "sept": "september", "oct": "october", "nov": "november", "dec": "december"}

// bare abbreviations are read as words without a full stop too.
var bare = map[string]bool{"mr": true, "mrs": true, "dr": true, "etc": true, "vs": true}

var units = map[string]string{"km": "kilometer", "m": "meter", "cm": "centimeter", "mm": "millimeter", "kg": "kilogram",
	"g": "gram", "mg": "milligram", "lb": "pound", "lbs": "pound", "oz": "ounce", "ft": "foot", "in": "inch", "mi": "mile",
	"l": "liter", "ml": "milliliter", "hz": "hertz", "khz": "kilohertz", "mhz": "megahertz", "ghz": "gigahertz",
	"kb": "kilobyte", "mb": "megabyte", "gb": "gigabyte", "tb": "terabyte", "ms": "millisecond", "h": "hour",
	"min": "minute", "kw": "kilowatt", "w": "watt", "v": "volt", "mph": "mile per hour", "km/h": "kilometer per hour",
	"°c": "degree celsius", "°f": "degree fahrenheit", "°": "degree", "%": "percent"}

var currencies = map[string][2]string{"$": {"dollar", "cent"}, "£": {"pound", "penny"}, "€": {"euro", "cent"}}

var months = map[string]bool{"january": true, "february": true, "march": true, "april": true, "may": true, "june": true,
	"july": true, "august": true, "september": true, "october": true, "november": true, "december": true}

const number = `\d+(?:,\d{3})*(?:\.\d+)?`

var (
	isMoney    = regexp.MustCompile(`^([$£€])(` + number + `)$`)
	isNumber   = regexp.MustCompile(`^[-−]?` + number + `$`)
	isOrdinal  = regexp.MustCompile(`^([\d,]*\d)(st|nd|rd|th)$`)
	isTime     = regexp.MustCompile(`^([01]?\d|2[0-4]):([0-5]\d)([ap]\.?m\.?)?$`)
	isFraction = regexp.MustCompile(`^(\d{1,3})/(\d{1,3})$`)
	isPhone    = regexp.MustCompile(`^(\+?\d-)?(\(?\d{3}\)?-)?\d{3}-\d{4}$`)
	isRange    = regexp.MustCompile(`^(\d+)-(\d+)$`)
	isISODate  = regexp.MustCompile(`^(\d{4})-(\d\d)-(\d\d)$`)
	isDecade   = regexp.MustCompile(`^(\d{3}0)s$`)
	isUnit     = regexp.MustCompile(`^([-−]?` + number + `)([\p{L}°%][\p{L}/]*)$`)
	isYear     = regexp.MustCompile(`^(1[1-9]|20)\d\d$`)
	isRoman    = regexp.MustCompile(`^(X{0,3})(IX|IV|V?I{0,3})$`)
	isWeb      = regexp.MustCompile(`^(https?://)?[\w-]+(\.[\w-]+)*\.(com|org|net|edu|gov|io|co|uk|de)(/[\w./-]*)?$|^https?://\S+$`)
	isEmail    = regexp.MustCompile(`^[\w.+-]+@[\w-]+(\.[\w-]+)+$`)
	isInitials = regexp.MustCompile(`^(\pL\.)+\pL?\.?$`)
	isCapitals = regexp.MustCompile(`^[A-Z]{2,5}$`)
)

var quotes = strings.NewReplacer("“", `"`, "”", `"`, "’", "'", "‘", "'", "—", " -- ", "–", "-", "…", "... ", "\u00a0", " ",
	"½", " 1/2", "¼", " 1/4", "¾", " 3/4", "\u00ad", "", "\u200b", "")

// expand writes a token without the marks around it as words. before is the word before it.
func expand(s, before string, stop bool) string {
	lower := strings.ToLower(s)
	if m := isMoney.FindStringSubmatch(s); m != nil {
		return money(m[1], m[2])
	}
	if out := written(s, lower, before); out != "" {
		return out
	}
	if w := titles[lower]; w != "" && (stop || bare[lower]) {
		return w
	}
	if w := abbreviations[lower]; w != "" && (stop || bare[lower]) {
		return w
	}
	switch {
	case isRoman.MatchString(s) && s != "" && s != "I" && roman(s) > 0 && len(before) > 0:
		n := Cardinal(itoa(roman(s)))
		if _, king := kings[before]; king {
			return "the " + ordinalOf(n)
		}
		if _, part := parts[before]; part {
			return n
		}
	case isEmail.MatchString(s) || isWeb.MatchString(s):
		return address(lower)
	}
	if isInitials.MatchString(s) || isCapitals.MatchString(s) && Lookup(lower) == nil {
		return strings.Join(strings.Split(strings.ReplaceAll(lower, ".", ""), ""), ". ") + "."
	}
	return plain(lower)
}

var (
	kings = map[string]struct{}{"henry": {}, "louis": {}, "george": {}, "charles": {}, "richard": {}, "edward": {},
		"james": {}, "elizabeth": {}, "william": {}, "pope": {}, "john": {}, "paul": {}, "philip": {}}
	parts = map[string]struct{}{"chapter": {}, "part": {}, "volume": {}, "act": {}, "scene": {}, "war": {}, "book": {},
		"section": {}, "type": {}, "phase": {}, "bowl": {}}
)

// written expands what is made of digits; it returns "" for anything else.
func written(s, lower, before string) string {
	if s == "" || !strings.ContainsAny(s, "0123456789") {
		return ""
	}
	switch {
	case isPhone.MatchString(s):
		return Digits(s)
	case isYear.MatchString(s) && !counted[before], months[before] && isYear.MatchString(s):
		return Year(s)
	case months[before] && isNumber.MatchString(s) && len(s) <= 2:
		return Ordinal(s)
	case isNumber.MatchString(s):
		if n, minus := strings.CutPrefix(strings.Replace(s, "−", "-", 1), "-"); minus {
			return "minus " + decimal(n)
		}
		return decimal(s)
	}
	if m := isISODate.FindStringSubmatch(s); m != nil && m[2] >= "01" && m[2] <= "12" {
		names := strings.Fields("january february march april may june july august september october november december")
		return names[(m[2][0]-'0')*10+m[2][1]-'0'-1] + " " + Ordinal(m[3]) + " " + Year(m[1])
	}
	if m := isOrdinal.FindStringSubmatch(lower); m != nil {
		return Ordinal(m[1])
	}
	if m := isDecade.FindStringSubmatch(s); m != nil {
		return plural(Year(m[1]))
	}
	if m := isTime.FindStringSubmatch(lower); m != nil {
		return clock(m[1], m[2], m[3])
	}
	if m := isFraction.FindStringSubmatch(s); m != nil {
		return fraction(m[1], m[2])
	}
	if m := isRange.FindStringSubmatch(s); m != nil {
		return written(m[1], m[1], "") + " to " + written(m[2], m[2], "")
	}
	if m := isUnit.FindStringSubmatch(lower); m != nil {
		if m[2] == "am" || m[2] == "pm" {
			return decimal(m[1]) + " " + m[2][:1] + ". m."
		}
		if u := units[m[2]]; u != "" {
			return written(m[1], m[1], "of") + " " + measured(m[1], u)
		}
	}
	return ""
}

// counted are words after which four digits are a number and not a year.
var counted = map[string]bool{"of": true, "about": true, "over": true, "nearly": true, "number": true}

func measured(n, unit string) string {
	head, rest, compound := strings.Cut(unit, " ")
	switch {
	case n == "1" || unit == "percent":
		return unit
	case compound:
		return plural(head) + " " + rest
	}
	return plural(unit)
}

func money(sign, n string) string {
	name := currencies[sign]
	whole, part, _ := strings.Cut(n, ".")
	out := Cardinal(whole) + " " + measured(whole, name[0])
	if len(part) == 2 && part != "00" {
		cents := strings.TrimPrefix(part, "0")
		coin := measured(cents, name[1])
		if coin == "pennies" {
			coin = "pence"
		}
		if Cardinal(whole) == "zero" {
			return Cardinal(cents) + " " + coin
		}
		return out + " and " + Cardinal(cents) + " " + coin
	}
	if part != "" && part != "00" {
		return decimal(n) + " " + plural(name[0])
	}
	return out
}

func clock(hour, minute, half string) string {
	out := Cardinal(hour)
	switch {
	case minute == "00" && half == "":
		out += " o'clock"
	case minute != "00" && minute[0] == '0':
		out += " oh " + ones[minute[1]-'0']
	case minute != "00":
		out += " " + Cardinal(minute)
	}
	if half != "" {
		out += " " + half[:1] + ". m."
	}
	return out
}

func fraction(above, below string) string {
	var name string
	switch below {
	case "0", "1":
		return Cardinal(above) + " over " + Cardinal(below)
	case "2":
		name = "half"
	case "4":
		name = "quarter"
	default:
		name = Ordinal(below)
	}
	if above != "1" {
		if name == "half" {
			name = "halve"
		}
		name += "s"
	}
	return Cardinal(above) + " " + name
}

func roman(s string) int {
	value := map[byte]int{'I': 1, 'V': 5, 'X': 10}
	n := 0
	for i := range len(s) {
		v := value[s[i]]
		if i+1 < len(s) && value[s[i+1]] > v {
			v = -v
		}
		n += v
	}
	return n
}

func itoa(n int) string { return string([]byte{byte('0' + n/10), byte('0' + n%10)}) }

func address(s string) string {
	s = strings.NewReplacer("https://", "", "http://", "", "@", " at ", ".", " dot ", "/", " slash ", "-", " dash ", "_",
		" underscore ").Replace(s)
	return plain(s)
}

// plain keeps letters and apostrophes, reads digits and the signs that have names, and drops
// everything else.
func plain(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r >= '0' && r <= '9':
			b.WriteString(" " + ones[r-'0'] + " ")
		case unicode.IsLetter(r) || r == '\'':
			b.WriteRune(r)
		case r == '&':
			b.WriteString(" and ")
		case r == '%':
			b.WriteString(" percent ")
		case r == '+':
			b.WriteString(" plus ")
		case r == '=':
			b.WriteString(" equals ")
		case r == '@':
			b.WriteString(" at ")
		default:
			b.WriteByte(' ')
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}
