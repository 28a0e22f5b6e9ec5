package text

import "strings"

// counting writes a unit, whose plural stands at *, for a number.
func counting(n, unit string) string {
	at := strings.IndexByte(unit, '*')
	if at < 0 {
		return unit
	}
	if n == "1" || n == "01" {
		return unit[:at] + unit[at+1:]
	}
	return plural(unit[:at]) + unit[at+1:]
}

func (m *match) measure() string {
	n, sign := m.caps[0], m.caps[1]
	at := strings.LastIndex(m.text, sign)
	apart, hyphen := space(m.text[at-1]), m.text[at-1] == '-'
	if apart && spaced[sign] && !strings.HasPrefix(m.after, ".") || len(sign) == 1 && sign[0] >= 'A' && sign[0] <= 'Z' && !strings.Contains("WVL", sign) {
		return ""
	}
	unit := unitWords(sign)
	said := decimal(n)
	if hyphen || m.attributive() || n == "1" {
		return m.signed(said + " " + strings.Replace(unit, "*", "", 1))
	}
	return m.signed(said + " " + counting(n, unit))
}

func (m *match) measureRange() string {
	if m.caps[2] == "s" || m.caps[2] == "in" || spaced[m.caps[2]] && m.text[len(m.text)-len(m.caps[2])-1] == ' ' {
		return ""
	}
	return decimal(m.caps[0]) + " to " + decimal(m.caps[1]) + " " + counting(m.caps[1], unitWords(m.caps[2]))
}

func (m *match) feetInches() string {
	return Cardinal(m.caps[0]) + " foot " + decimal(m.caps[1])
}

func (m *match) inches() string {
	if m.quoted && strings.HasSuffix(m.text, `"`) {
		return "" // the quotation ends
	}
	if m.attributive() {
		return decimal(m.caps[0]) + " inch"
	}
	return decimal(m.caps[0]) + " " + counting(m.caps[0], "inch*")
}

func (m *match) feet() string {
	switch m.next() {
	case "tall", "long", "wide", "high", "deep", "by", "x", "in", "across":
		return Cardinal(m.caps[0]) + " " + counting(m.caps[0], "foot*")
	}
	if strings.HasSuffix(m.text, "′") {
		return Cardinal(m.caps[0]) + " " + counting(m.caps[0], "foot*")
	}
	return ""
}

func (m *match) angle() string {
	said := Cardinal(m.caps[0]) + " " + counting(m.caps[0], "degree*") + " " + Cardinal(m.caps[1]) + " " + counting(m.caps[1], "minute*")
	if m.caps[2] != "" {
		said += " " + decimal(m.caps[2]) + " " + counting(m.caps[2], "second*")
	}
	if m.caps[3] != "" {
		said += " " + map[string]string{"N": "north", "E": "east", "S": "south", "W": "west"}[m.caps[3]]
	}
	return said
}

func (m *match) size() string {
	said := decimal(m.caps[0]) + " by " + decimal(m.caps[1])
	if m.caps[2] != "" {
		said += " by " + decimal(m.caps[2])
	}
	if m.caps[3] != "" {
		said += " " + counting(m.caps[1], unitWords(m.caps[3]))
	}
	return said
}

func (m *match) scientific() string {
	return decimal(m.caps[0]) + " times ten to the " + m.exponent(m.caps[1])
}

func (m *match) power() string {
	if m.caps[1] == "2" && !strings.Contains(m.text[1:], "-") {
		return m.signed(decimal(m.caps[0]) + " squared")
	}
	return m.signed(decimal(m.caps[0]) + " to the " + m.exponent(m.caps[1]))
}

func (m *match) exponent(digits string) string {
	if strings.Contains(m.text, "^-") {
		return "minus " + Cardinal(digits)
	}
	return Cardinal(digits)
}

func (m *match) fold() string { return decimal(m.caps[0]) + " times" }

// Fractions.

// onDays are words after which 3/14 is a day.
var onDays = words("on until till by since dated from before after")

func (m *match) fraction() string {
	above, below := value(m.caps[0]), value(m.caps[1])
	if said := slashed[m.text]; said != "" {
		return said
	}
	if onDays[m.before] && above >= 1 && above <= 12 && below >= 1 && below <= 31 && m.caps[2] == "" {
		return date("", m.caps[0], m.caps[1])
	}
	if len(m.caps[0]) > 3 || len(m.caps[1]) > 3 {
		return Cardinal(m.caps[0]) + " over " + Cardinal(m.caps[1])
	}
	said := fraction(m.caps[0], m.caps[1])
	if m.caps[2] != "" {
		unit := strings.Replace(unitWords(m.caps[2]), "*", "", 1)
		switch {
		case above >= below:
			said += " " + counting("2", unitWords(m.caps[2]))
		case strings.IndexByte("aeiou", unit[0]) >= 0:
			said += " of an " + unit
		default:
			said += " of a " + unit
		}
	}
	return said
}

func (m *match) mixed() string {
	if len(m.caps[1]) > 2 || len(m.caps[2]) > 2 || value(m.caps[1]) >= value(m.caps[2]) || value(m.caps[1]) == 0 {
		return ""
	}
	said := Cardinal(m.caps[0]) + " and "
	if m.caps[1] == "1" {
		said += "a " + strings.TrimPrefix(fraction("1", m.caps[2]), "one ")
		if strings.HasPrefix(Ordinal(m.caps[2]), "eight") || m.caps[2] == "11" {
			said = strings.Replace(said, " a ", " an ", 1)
		}
	} else {
		said += fraction(m.caps[1], m.caps[2])
	}
	if m.caps[3] != "" {
		return said + " " + counting("2", unitWords(m.caps[3]))
	}
	return said
}

// fraction reads digits above and below a line.
func fraction(above, below string) string {
	var name string
	switch strings.TrimLeft(below, "0") {
	case "", "1":
		return Cardinal(above) + " over " + Cardinal(below)
	case "2":
		name = "half"
	case "4":
		name = "quarter"
	default:
		name = Ordinal(below)
	}
	if value(above) != 1 {
		if name == "half" {
			name = "halve"
		}
		name += "s"
	}
	return Cardinal(above) + " " + name
}
