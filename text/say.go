package text

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// value returns the number that digits name, -1 for more than nine of them.
func value(digits string) int {
	n, err := strconv.Atoi(digits)
	if err != nil || n > 999_999_999 {
		return -1
	}
	return n
}

// Dates.

func date(year, month, day string) string {
	m, d := value(month), value(day)
	if m < 1 || m > 12 || d < 1 || d > 31 {
		return ""
	}
	said := monthNames[m-1] + " " + Ordinal(day)
	if year != "" {
		said += " , " + yearOf(year)
	}
	return said
}

// yearOf reads a year of two digits or four.
func yearOf(digits string) string {
	if len(digits) == 2 {
		if digits[0] == '0' {
			return "oh " + ones[digits[1]-'0']
		}
		return Cardinal(digits)
	}
	return Year(digits)
}

func (m *match) isoDate() string { return date(m.caps[0], m.caps[1], m.caps[2]) }

// slashDate reads month, day and year; day and month where only that is a date.
func (m *match) slashDate() string {
	if said := date(m.caps[2], m.caps[0], m.caps[1]); said != "" {
		return said
	}
	return date(m.caps[2], m.caps[1], m.caps[0])
}

func monthOf(s string) string {
	return monthNames[months[strings.ToLower(strings.TrimSuffix(s, "."))]-1]
}

func (m *match) dayMonth() string {
	if d := value(m.caps[0]); d < 1 || d > 31 {
		return ""
	}
	said := Ordinal(m.caps[0]) + " of " + monthOf(m.caps[2])
	if m.before != "the" {
		said = "the " + said
	}
	if m.caps[3] != "" {
		said += " , " + Year(m.caps[3])
	}
	return said
}

func (m *match) monthDay() string {
	if d := value(m.caps[1]); d < 1 || d > 31 {
		return ""
	}
	said := monthOf(m.caps[0]) + " " + Ordinal(m.caps[1])
	if m.caps[3] != "" {
		said += " , " + Year(m.caps[3])
	}
	return said
}

func (m *match) monthDays() string {
	if a, b := value(m.caps[1]), value(m.caps[3]); a < 1 || b < 1 || a > 31 || b > 31 {
		return ""
	}
	said := monthOf(m.caps[0]) + " " + Ordinal(m.caps[1]) + " to " + Ordinal(m.caps[3])
	if m.caps[5] != "" {
		said += " , " + Year(m.caps[5])
	}
	return said
}

func (m *match) monthYear() string { return monthOf(m.caps[0]) + " " + Year(m.caps[1]) }

// Times.

// clock reads hours, minutes, perhaps seconds, perhaps the half of the day.
func (m *match) clock() string {
	if strings.Count(m.text, ":") == 2 {
		said := timeOf(m.caps[0], m.caps[1], m.caps[3])
		if said == "" || m.caps[2] > "59" {
			return ""
		}
		said = strings.TrimSuffix(timeOf(m.caps[0], m.caps[1], ""), " o'clock")
		return said + " and " + Cardinal(m.caps[2]) + " " + counting(m.caps[2], "second*") + halfOf(m.caps[3])
	}
	return timeOf(m.caps[0], m.caps[1], m.caps[2])
}

func halfOf(half string) string {
	if half == "" {
		return ""
	}
	return " " + strings.ToLower(half[:1]) + ". m."
}

func timeOf(hour, minute, half string) string {
	h := value(hour)
	if h > 24 || minute > "59" || half != "" && (h < 1 || h > 12) {
		return ""
	}
	said := Cardinal(hour)
	switch {
	case minute == "00" && half == "" && (h > 12 || h == 0):
		said += " hundred"
	case minute == "00" && half == "":
		said += " o'clock"
	case minute != "00" && minute[0] == '0':
		said += " oh " + ones[minute[1]-'0']
	case minute != "00":
		said += " " + Cardinal(minute)
	}
	return said + halfOf(half)
}

func (m *match) clocks() string {
	from, to := timeOf(m.caps[0], m.caps[1], ""), timeOf(m.caps[2], m.caps[3], m.caps[4])
	if from == "" || to == "" {
		return ""
	}
	return strings.TrimSuffix(from, " o'clock") + " to " + to
}

func (m *match) hours() string {
	to := timeOf(m.caps[1], "00", m.caps[2])
	if from := value(m.caps[0]); to == "" || from < 1 || from > 12 {
		return ""
	}
	return Cardinal(m.caps[0]) + " to " + to
}

func (m *match) hour() string { return timeOf(m.caps[0], "00", m.caps[1]) }

// telephone reads the groups digit by digit.
func (m *match) telephone() string {
	said, groups := []string{}, 0
	if m.text[0] == '+' {
		said = append(said, "plus")
		if strings.Count(m.text, "-")+strings.Count(m.text, " ") == 0 && len(m.text) < 8 {
			return "" // +5
		}
	}
	for _, group := range strings.FieldsFunc(m.text, func(r rune) bool { return r < '0' || r > '9' }) {
		if groups++; groups > 1 {
			said = append(said, ",")
		}
		if group == "800" {
			group = "eight hundred"
		} else {
			group = Digits(group)
		}
		said = append(said, group)
	}
	return strings.Join(said, " ")
}

// Money.

// amount reads a number of a currency with its hundredths.
func amount(n, scale string, c [3]string, attributive bool) string {
	n = strings.ReplaceAll(n, ",", "")
	whole, part, _ := strings.Cut(n, ".")
	name := c[1]
	if attributive || scale == "" && part == "" && value(whole) == 1 {
		name = c[0]
	}
	switch {
	case scale != "":
		return decimal(n) + " " + multiples[strings.ToLower(scale)] + " " + name
	case len(part) == 2 && c[2] != "" && part != "00":
		coin := c[2]
		if value(part) != 1 {
			coin = plural(coin)
		}
		if coin == "pennies" {
			coin = "pence"
		}
		if value(whole) == 0 {
			return Cardinal(part) + " " + coin
		}
		if value(whole) == 1 {
			name = c[0]
		}
		return Cardinal(whole) + " " + name + " and " + Cardinal(part) + " " + coin
	case strings.Trim(part, "0") == "":
		if value(whole) == 1 {
			name = c[0]
		}
		return Cardinal(whole) + " " + name
	}
	return decimal(n) + " " + name
}

func currencyOf(s string) [3]string {
	if c, ok := currencies[s]; ok {
		return c
	}
	return codes[s]
}

func (m *match) money() string {
	return m.signed(amount(m.caps[1], m.caps[2], currencyOf(m.caps[0]), m.attributive()))
}

func (m *match) moneyAfter() string {
	if m.caps[2] == "" {
		return ""
	}
	return m.signed(amount(m.caps[0], m.caps[1], currencyOf(m.caps[2]), m.attributive()))
}

func (m *match) moneyRange() string {
	from := decimal(m.caps[1])
	if m.caps[2] != "" {
		from += " " + multiples[strings.ToLower(m.caps[2])]
	}
	return from + " to " + amount(m.caps[4], m.caps[5], currencyOf(m.caps[0]), false)
}

// Versions.

func (m *match) version() string {
	said := []string{}
	for _, part := range m.caps[:3] {
		if part != "" {
			said = append(said, Cardinal(part))
		}
	}
	out := strings.Join(said, " point ")
	if m.text[0]|0x20 == 'v' {
		out = "version " + out
	}
	return out
}

func (m *match) machine() string {
	var said []string
	for _, part := range m.caps[:4] {
		said = append(said, Digits(part))
	}
	return strings.Join(said, " dot ")
}

// Years and places.

func (m *match) decade() string {
	d := m.caps[0]
	if !strings.HasSuffix(d, "0") || len(d) == 4 && (d < "1000" || d >= "3000") || d == "00" {
		return ""
	}
	if len(d) == 2 {
		return plural(Cardinal(d))
	}
	return plural(Year(d))
}

func (m *match) shortYear() string { return yearOf(m.caps[0]) }

func (m *match) years() string {
	a, b := m.caps[0], m.caps[1]
	if !isYear(a) || len(b) == 4 && !isYear(b) || len(b) == 2 && b <= a[2:] {
		return ""
	}
	return Year(a) + " to " + yearOf(b)
}

func isYear(d string) bool { return len(d) == 4 && d >= "1100" && d < "2100" }

func (m *match) place() string { return Ordinal(strings.Split(m.caps[0], ".")[0]) }

func (m *match) numbered() string { return "number " + decimal(m.caps[0]) }

func (m *match) section() string { return "section " + decimal(m.caps[0]) }

func (m *match) ratio() string { return Cardinal(m.caps[0]) + " to " + Cardinal(m.caps[1]) }

func (m *match) span() string {
	if strings.Contains(m.text, " - ") && strings.Contains(m.after, "=") {
		return decimal(m.caps[0]) + " minus " + decimal(m.caps[1])
	}
	return decimal(m.caps[0]) + " to " + decimal(m.caps[1])
}

func (m *match) minus() string { return "minus " + decimal(m.caps[0]) }

func (m *match) point() string { return "point " + Digits(m.caps[0]) }

func (m *match) compared() string {
	r, _ := utf8.DecodeRuneInString(m.text)
	return signs[r] + " " + decimal(m.caps[0])
}

// number reads digits by what stands around them: years, the numbers of things, others.
func (m *match) number() string {
	n := m.caps[0]
	sign := ""
	if strings.HasPrefix(m.text, "±") {
		sign = "plus or minus "
	}
	switch {
	case strings.ContainsAny(n, ",."):
		return sign + decimal(n)
	case n == "911" && !m.noun() && !onDays[m.before]:
		return "nine one one"
	case len(n) > 1 && n[0] == '0' || len(n) > 9:
		return sign + Digits(n)
	case (len(n) == 3 || len(n) == 4) && numbered[m.before]:
		return pairs(n)
	case isYear(n) && m.year() || len(n) == 4 && n > "1000" && n < "1100" && dated[m.before]:
		return Year(n)
	}
	return sign + Cardinal(n)
}

// year reports whether four digits are a year here.
func (m *match) year() bool {
	if dated[m.before] {
		return true
	}
	if counted[m.before] {
		return false
	}
	next := m.next()
	if !m.noun() || len(next) < 4 {
		return next != "men" && next != "of"
	}
	if next == "people" || next == "women" || next == "children" || next == "feet" || next == "million" || next == "square" {
		return false
	}
	return next[len(next)-1] != 's' || strings.HasSuffix(next, "ss") || strings.HasSuffix(next, "us") || Lookup(next[:len(next)-1]) == nil
}

// pairs reads three or four digits as the numbers of rooms and flights are read.
func pairs(n string) string {
	head, tail := n[:len(n)-2], n[len(n)-2:]
	said := Cardinal(head)
	switch {
	case tail == "00":
		if strings.HasSuffix(head, "0") {
			return Cardinal(n)
		}
		return said + " hundred"
	case tail[0] == '0':
		return said + " oh " + ones[tail[1]-'0']
	}
	return said + " " + Cardinal(tail)
}
