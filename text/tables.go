package text

import (
	"strings"
	"unicode/utf8"
)

// titles stand before a name and never end a sentence.
var titles = map[string]string{"mr": "mister", "mrs": "missus", "ms": "miz", "dr": "doctor", "prof": "professor",
	"st": "saint", "mt": "mount", "gen": "general", "col": "colonel", "capt": "captain", "lt": "lieutenant", "sgt": "sergeant",
	"maj": "major", "cpl": "corporal", "pvt": "private", "adm": "admiral", "cmdr": "commander", "rev": "reverend",
	"sen": "senator", "rep": "representative", "gov": "governor", "pres": "president", "hon": "honorable",
	"messrs": "messieurs", "fr": "father", "msgr": "monsignor", "supt": "superintendent"}

// abbreviations are read as words where a full stop follows.
var abbreviations = map[string]string{"etc": "et cetera", "vs": "versus", "e.g": "for example", "i.e": "that is",
	"cf": "compare", "viz": "namely", "al": "al", "jr": "junior", "sr": "senior", "esq": "esquire", "co": "company",
	"corp": "corporation", "inc": "incorporated", "ltd": "limited", "bros": "brothers", "assn": "association",
	"dept": "department", "univ": "university", "govt": "government", "approx": "approximately", "est": "established",
	"max": "maximum", "min": "minimum", "avg": "average", "misc": "miscellaneous", "incl": "including", "excl": "excluding",
	"ave": "avenue", "blvd": "boulevard", "rd": "road", "ln": "lane", "hwy": "highway", "pkwy": "parkway", "sq": "square",
	"apt": "apartment", "bldg": "building", "tel": "telephone", "ext": "extension", "temp": "temperature",
	"asst": "assistant", "natl": "national", "intl": "international",
	"jan": "january", "feb": "february", "mar": "march", "apr": "april", "jun": "june", "jul": "july", "aug": "august",
	"sept": "september", "sep": "september", "oct": "october", "nov": "november", "dec": "december",
	"mon": "monday", "tue": "tuesday", "tues": "tuesday", "wed": "wednesday", "thu": "thursday", "thurs": "thursday", "fri": "friday",
	"calif": "california", "mass": "massachusetts", "fla": "florida", "conn": "connecticut", "ariz": "arizona", "okla": "oklahoma",
	"hrs": "hours", "hr": "hour", "mins": "minutes", "secs": "seconds", "yrs": "years", "yr": "year", "mos": "months",
	"wks": "weeks", "lbs": "pounds", "lb": "pound", "oz": "ounces", "doz": "dozen", "ft": "feet", "yds": "yards"}

// bare abbreviations are read as words without a full stop too.
var bare = map[string]bool{"mr": true, "mrs": true, "dr": true, "etc": true, "vs": true, "approx": true, "dept": true, "blvd": true,
	"ave": true, "bldg": true, "hwy": true, "lbs": true, "hrs": true, "mins": true, "tues": true, "thurs": true, "prof": true, "sgt": true}

// numbering abbreviations are read as words before a number.
var numbering = map[string]string{"no": "number", "nos": "numbers", "p": "page", "pp": "pages", "vol": "volume", "vols": "volumes",
	"ch": "chapter", "chap": "chapter", "fig": "figure", "figs": "figures", "sec": "section", "art": "article", "ex": "example",
	"eq": "equation", "pt": "part", "v": "version", "ver": "version", "c": "circa", "ca": "circa", "est": "established",
	"op": "opus", "cap": "chapter", "para": "paragraph", "app": "appendix", "nr": "number", "rm": "room"}

// written signs for words that a slash is part of.
var slashed = map[string]string{"w/o": "without", "w/": "with", "b/c": "because", "c/o": "care of", "n/a": "not applicable",
	"and/or": "and or", "24/7": "twenty four seven", "9/11": "nine eleven"}

// signs read by name; those that are not here are not read.
var signs = map[rune]string{'&': "and", '%': "percent", '+': "plus", '=': "equals", '@': "at", '×': "times", '÷': "divided by",
	'±': "plus or minus", '≤': "less than or equal to", '≥': "greater than or equal to", '≈': "approximately", '≠': "is not equal to",
	'°': "degrees", '§': "section", '¶': "paragraph", '©': "copyright", '™': "trademark", '€': "euros", '£': "pounds",
	'$': "dollars", '¥': "yen", '¢': "cents", '₹': "rupees", '‰': "per mille", '∞': "infinity", '√': "square root of", 'π': "pi",
	'µ': "mu", 'μ': "mu", 'α': "alpha", 'β': "beta", 'γ': "gamma", 'δ': "delta", 'Δ': "delta", 'ε': "epsilon", 'θ': "theta", 'λ': "lambda",
	'σ': "sigma", 'Σ': "sigma", 'φ': "phi", 'ω': "omega", 'Ω': "omega", '№': "number", '<': "less than", '>': "greater than", '*': "times"}

// units by sign; * stands behind the word that takes the plural.
var units = map[string]string{"km": "kilometer*", "m": "meter*", "cm": "centimeter*", "mm": "millimeter*", "nm": "nanometer*",
	"µm": "micrometer*", "kg": "kilogram*", "g": "gram*", "mg": "milligram*", "µg": "microgram*", "lb": "pound*", "lbs": "pound*",
	"oz": "ounce*", "st": "stone", "ft": "foot*", "in": "inch*", "yd": "yard*", "yds": "yard*", "mi": "mile*", "ha": "hectare*",
	"l": "liter*", "L": "liter*", "ml": "milliliter*", "cl": "centiliter*", "gal": "gallon*", "qt": "quart*", "tsp": "teaspoon*", "tbsp": "tablespoon*",
	"Hz": "hertz", "kHz": "kilohertz", "MHz": "megahertz", "GHz": "gigahertz", "B": "byte*", "kB": "kilobyte*", "KB": "kilobyte*",
	"MB": "megabyte*", "GB": "gigabyte*", "TB": "terabyte*", "Mb": "megabit*", "Gb": "gigabit*", "bit": "bit*",
	"kbps": "kilobit* per second", "Mbps": "megabit* per second", "Gbps": "gigabit* per second",
	"s": "second*", "sec": "second*", "secs": "second*", "ms": "millisecond*", "ns": "nanosecond*", "µs": "microsecond*", "h": "hour*",
	"hr": "hour*", "hrs": "hour*", "min": "minute*", "mins": "minute*", "yr": "year*", "yrs": "year*", "wk": "week*", "wks": "week*",
	"W": "watt*", "kW": "kilowatt*", "MW": "megawatt*", "GW": "gigawatt*", "Wh": "watt hour*", "kWh": "kilowatt hour*", "V": "volt*",
	"kV": "kilovolt*", "mV": "millivolt*", "mA": "milliamp*", "mAh": "milliamp hour*", "Ω": "ohm*", "kΩ": "kilohm*",
	"J": "joule*", "kJ": "kilojoule*", "cal": "calorie*", "kcal": "kilocalorie*", "Pa": "pascal*", "kPa": "kilopascal*", "hPa": "hectopascal*",
	"psi": "pound* per square inch", "atm": "atmosphere*", "dB": "decibel*", "hp": "horsepower", "rpm": "revolution* per minute",
	"mph": "mile* per hour", "kph": "kilometer* per hour", "kmh": "kilometer* per hour", "mpg": "mile* per gallon", "fps": "frame* per second",
	"dpi": "dot* per inch", "px": "pixel*", "°C": "degree* celsius", "°F": "degree* fahrenheit", "℃": "degree* celsius", "℉": "degree* fahrenheit",
	"°": "degree*", "%": "percent", "‰": "per mille", "ppm": "part* per million", "¢": "cent*", "sqft": "square foot*"}

// spaced units are words of their own, or letters, unless they follow their number at once.
var spaced = map[string]bool{"in": true, "st": true, "B": true, "bit": true, "cal": true, "W": true, "V": true, "J": true, "s": true, "h": true, "°": true}

// currencies: one, several, and what a hundred of make one.
var currencies = map[string][3]string{"$": {"dollar", "dollars", "cent"}, "US$": {"U. S. dollar", "U. S. dollars", "cent"},
	"C$": {"Canadian dollar", "Canadian dollars", "cent"}, "CA$": {"Canadian dollar", "Canadian dollars", "cent"},
	"A$": {"Australian dollar", "Australian dollars", "cent"}, "AU$": {"Australian dollar", "Australian dollars", "cent"},
	"NZ$": {"New Zealand dollar", "New Zealand dollars", "cent"}, "HK$": {"Hong Kong dollar", "Hong Kong dollars", "cent"},
	"S$": {"Singapore dollar", "Singapore dollars", "cent"}, "R$": {"Brazilian real", "Brazilian reals", "centavo"},
	"£": {"pound", "pounds", "penny"}, "€": {"euro", "euros", "cent"}, "¥": {"yen", "yen", ""}, "₹": {"rupee", "rupees", "paisa"},
	"₩": {"won", "won", ""}, "₽": {"ruble", "rubles", "kopeck"}, "₪": {"shekel", "shekels", "agora"}, "₺": {"lira", "lira", "kurus"},
	"₱": {"peso", "pesos", "centavo"}, "฿": {"baht", "baht", "satang"}, "₿": {"bitcoin", "bitcoins", ""}, "₴": {"hryvnia", "hryvnias", "kopiyka"}}

// codes are currencies by their letters.
var codes = map[string][3]string{"USD": {"U. S. dollar", "U. S. dollars", "cent"}, "EUR": currencies["€"], "GBP": {"pound sterling", "pounds sterling", "penny"},
	"JPY": currencies["¥"], "CHF": {"Swiss franc", "Swiss francs", "centime"}, "CAD": currencies["CA$"], "AUD": currencies["A$"],
	"NZD": currencies["NZ$"], "HKD": currencies["HK$"], "CNY": {"yuan", "yuan", "fen"}, "RMB": {"yuan", "yuan", "fen"},
	"INR": currencies["₹"], "KRW": currencies["₩"], "RUB": currencies["₽"], "BRL": currencies["R$"], "MXN": {"Mexican peso", "Mexican pesos", "centavo"},
	"SEK": {"Swedish krona", "Swedish kronor", "ore"}, "NOK": {"Norwegian krone", "Norwegian kroner", "ore"}, "DKK": {"Danish krone", "Danish kroner", "ore"},
	"PLN": {"zloty", "zlotys", "grosz"}, "ILS": currencies["₪"], "TRY": currencies["₺"], "ZAR": {"rand", "rand", "cent"}, "BTC": currencies["₿"]}

// multiples are what follows an amount.
var multiples = map[string]string{"k": "thousand", "m": "million", "mn": "million", "mio": "million", "b": "billion", "bn": "billion", "t": "trillion", "tn": "trillion",
	"hundred": "hundred", "thousand": "thousand", "million": "million", "billion": "billion", "trillion": "trillion", "quadrillion": "quadrillion"}

var monthNames = strings.Fields("january february march april may june july august september october november december")

// months by name and by what it is shortened to.
var months = map[string]int{"january": 1, "february": 2, "march": 3, "april": 4, "may": 5, "june": 6, "july": 7, "august": 8, "september": 9,
	"october": 10, "november": 11, "december": 12, "jan": 1, "feb": 2, "mar": 3, "apr": 4, "jun": 6, "jul": 7, "aug": 8, "sept": 9, "sep": 9,
	"oct": 10, "nov": 11, "dec": 12}

// spelled initialisms are read letter by letter though their letters make a word.
var spelledOut = words("US UK EU UN IT AI ID TV PC CD PR HR IQ AC DC PM AM BC AD LA NY OK GI GP IP IPO IRA IRS ADA APA ATM BA MA MS PS PA PE RPM RSI SAT SOS " +
	"SUV TA VAT CIA CEO CFO CPU GPU USA USB DNA RNA DIY FAQ GPS HIV IBM ISP LED MIT MRI NBA NFL NHL PDF PHD SAS SIM SMS SSD UFO UCLA USSR VIP XML WHO ABC " +
	"BBC CBS CNN NBC HBO HTML HTTP URL SQL API APP ETA FYI TBA TBD TNT UAE EST PST CST EDT PDT CDT PTA")

// states by the letters of the post.
var states = map[string]string{"AL": "alabama", "AK": "alaska", "AZ": "arizona", "AR": "arkansas", "CA": "california", "CO": "colorado",
	"CT": "connecticut", "DE": "delaware", "FL": "florida", "GA": "georgia", "HI": "hawaii", "ID": "idaho", "IL": "illinois", "IN": "indiana",
	"IA": "iowa", "KS": "kansas", "KY": "kentucky", "LA": "louisiana", "ME": "maine", "MD": "maryland", "MA": "massachusetts", "MI": "michigan",
	"MN": "minnesota", "MS": "mississippi", "MO": "missouri", "MT": "montana", "NE": "nebraska", "NV": "nevada", "NH": "new hampshire",
	"NJ": "new jersey", "NM": "new mexico", "NY": "new york", "NC": "north carolina", "ND": "north dakota", "OH": "ohio", "OK": "oklahoma",
	"OR": "oregon", "PA": "pennsylvania", "RI": "rhode island", "SC": "south carolina", "SD": "south dakota", "TN": "tennessee", "TX": "texas",
	"UT": "utah", "VT": "vermont", "VA": "virginia", "WA": "washington", "WV": "west virginia", "WI": "wisconsin", "WY": "wyoming", "DC": "d. c."}

// rulers are names that a Roman numeral numbers as a place; parts are words that it counts.
var (
	rulers = words("henry louis george charles richard edward james elizabeth william pope john paul philip francis frederick ferdinand peter " +
		"catherine alexander nicholas leopold christian gustav haakon olav carl alfonso isabella mary margaret robert david pius gregory " +
		"benedict leo innocent clement urban victor napoleon wilhelm otto ivan vladimir sigismund casimir maria victoria anne ramses " +
		"ptolemy amenhotep xerxes darius artaxerxes cleopatra selim mehmed suleiman murad humbert umberto emmanuel franz joseph harald " +
		"king queen emperor tsar umberto rudolf albert malcolm kenneth conrad baldwin julius sixtus boniface")
	parts = words("chapter part volume act scene war book section type phase bowl title article appendix table figure class mark level " +
		"stage group grade category division unit lesson canto psalm rocky olympiad apollo world step round series season episode " +
		"corps army region zone")
)

// counted are words after which four digits are a number and not a year.
var counted = words("about over nearly number of almost approximately some exactly under least most than roughly another only costs cost " +
	"weighs page pages up total times equals plus minus")

// dated are words after which four digits are a year whatever follows.
var dated = words("in since by until from during year years before after spring summer autumn fall winter early late mid circa around between till " +
	"january february march april may june july august september october november december class season back founded established born died his her their its our my")

// numbered are things whose number is read in pairs: flight three seventy.
var numbered = words("room flight route highway bus boeing apartment suite interstate channel train gate apt rm hwy airbus radio studio area")

func words(s string) map[string]bool {
	out := map[string]bool{}
	for _, w := range strings.Fields(s) {
		out[w] = true
	}
	return out
}

// The members of sets, at the start of a text.

func monthAt(s string) int {
	n := letters(s)
	if n < 3 || s[0] < 'A' || s[0] > 'Z' || months[strings.ToLower(s[:n])] == 0 {
		return 0
	}
	if n < len(s) && s[n] == '.' && n <= 4 && abbreviations[strings.ToLower(s[:n])] != "" {
		n++
	}
	return n
}

func suffixAt(s string) int {
	if n := letters(s); n == 2 {
		switch strings.ToLower(s[:2]) {
		case "st", "nd", "rd", "th":
			return 2
		}
	}
	return 0
}

func halfAt(s string) int {
	if len(s) < 2 || s[0]|0x20 != 'a' && s[0]|0x20 != 'p' {
		return 0
	}
	n := 1
	if s[n] == '.' {
		n++
	}
	if n >= len(s) || s[n]|0x20 != 'm' || letters(s[n:]) > 1 {
		return 0
	}
	if n++; n == 3 && n < len(s) && s[n] == '.' {
		n++
	}
	return n
}

func currencyAt(s string) int {
	n := atom('W', s)
	_, size := utf8.DecodeRuneInString(s[n:])
	if _, ok := currencies[s[:min(n+size, len(s))]]; ok && size > 0 {
		return n + size
	}
	return 0
}

func codeAt(s string) int {
	if n := letters(s); n == 3 {
		if _, ok := codes[s[:3]]; ok {
			return 3
		}
	}
	return 0
}

func scaleAt(s string) int {
	if n := letters(s); multiples[strings.ToLower(s[:n])] != "" {
		return n
	}
	return 0
}

func compassAt(s string) int {
	if n := letters(s); n == 1 && strings.IndexByte("NESW", s[0]) >= 0 {
		return 1
	}
	return 0
}

// unitAt takes units and their quotients and powers: m, km/h, m², ft2.
func unitAt(s string) int {
	n := 0
	for i, r := range s {
		if n = i; n > 16 || !(r|0x20 >= 'a' && r|0x20 <= 'z' || strings.ContainsRune("°%‰µμΩ℃℉¢²³/", r) ||
			(r == '2' || r == '3') && i > 0 && letters(s[:i]) == i) {
			break
		}
		n = i + utf8.RuneLen(r)
	}
	for n > 0 && s[n-1] == '/' {
		n--
	}
	if unitWords(s[:n]) == "" {
		if cut := strings.LastIndexByte(s[:n], '/'); cut > 0 && unitWords(s[:cut]) != "" && letters(s[cut+1:]) > 3 {
			return cut // kilometers/day is a word's matter
		}
		return 0
	}
	return n
}

// unitWords returns a unit in words with * behind the one that takes the plural, "" for none.
func unitWords(u string) string {
	if u == "" {
		return ""
	}
	u = strings.Replace(u, "μ", "µ", 1)
	if w := units[u]; w != "" {
		return w
	}
	if w := units[strings.ToLower(u)]; w != "" && len(u) > 1 {
		return w
	}
	if a, b, ok := strings.Cut(u, "/"); ok {
		above, below := unitWords(a), unitWords(b)
		if above == "" || below == "" {
			return ""
		}
		return above + " per " + strings.ReplaceAll(below, "*", "")
	}
	for power, name := range map[string]string{"²": "square ", "2": "square ", "³": "cubic ", "3": "cubic "} {
		if base, ok := strings.CutSuffix(u, power); ok && len(base) < 3 {
			if base == "s" && name == "square " {
				return "second* squared"
			}
			if w := units[base]; w != "" && strings.Contains("km m cm mm ft in yd mi", base) {
				return name + w
			}
		}
	}
	return ""
}
