package text

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// scanner is a sentence being read from left to right.
type scanner struct {
	s       *Sentence
	lexicon *Lexicon
	text    string // what is read, and how far
	at      int
	before  string // the word before, in small letters
	capital bool   // and whether it had a large one
	shout   bool   // no small letters: capitals mean nothing
	quoted  bool   // a quotation is open
}

// run reads a text whose quotes and dashes are plain.
func (r *scanner) run(text string) {
	r.text, r.at = text, 0
	for r.at < len(text) {
		r.step()
	}
}

// step reads a word, a number, a sign, or space.
func (r *scanner) step() {
	rest := r.text[r.at:]
	c := rest[0]
	switch {
	case space(c):
		r.at += spaces(rest)
	case r.listed(rest):
	case letters(rest) > 0:
		r.word(rest)
	case c == '\'' && r.clipped(rest):
	case (digit(c) || c >= utf8.RuneSelf || c == '(' && len(rest) > 1 && digit(rest[1]) || strings.IndexByte("#$+-<>.'", c) >= 0 && r.fresh()) && r.rule(rest):
	case digit(c):
		r.digits(rest)
	default:
		r.sign(rest)
	}
}

// fresh reports whether nothing stands right before: -5, not 3-5.
func (r *scanner) fresh() bool {
	return r.at == 0 || space(r.text[r.at-1]) || strings.IndexByte(`(["'`, r.text[r.at-1]) >= 0
}

// rule reads by the rules.
func (r *scanner) rule(rest string) bool {
	m := match{before: r.before, quoted: r.quoted}
	said, n := spoken(rest, &m)
	if n == 0 {
		return false
	}
	r.say(said)
	r.took(n)
	r.per()
	return true
}

// per reads the slash of $5/hour and 60 words/minute.
func (r *scanner) per() {
	rest := r.text[r.at:]
	if n := 1 + letters(rest[min(1, len(rest)):]); len(rest) > 2 && rest[0] == '/' && n > 2 {
		r.say("per")
		r.at++
	}
}

// took goes on behind n bytes that were read.
func (r *scanner) took(n int) {
	was := r.text[r.at : r.at+n]
	if cut := strings.LastIndexAny(was, " /-"); cut >= 0 && cut+1 < len(was) {
		was = was[cut+1:]
	}
	r.before, r.capital = strings.ToLower(strings.Trim(was, ".")), was[0] >= 'A' && was[0] <= 'Z'
	r.at += n
}

// say adds words; a comma is a phrase break.
func (r *scanner) say(words string) {
	for w := range strings.FieldsSeq(words) {
		if w == "," {
			r.s.phrase()
			continue
		}
		r.s.word(strings.ToLower(w), r.capital)
	}
}

// clipped reads words that begin with an apostrophe: 'tis.
func (r *scanner) clipped(rest string) bool {
	n := 1 + letters(rest[1:])
	if n == 1 || Lookup(strings.ToLower(rest[:n])) == nil {
		return false
	}
	r.say(rest[:n])
	r.took(n)
	return true
}

// wordLength returns the length of letters with apostrophes among them.
func wordLength(s string) int {
	n := letters(s)
	for n > 0 && n+1 < len(s) && s[n] == '\'' {
		more := letters(s[n+1:])
		if more == 0 {
			break
		}
		n += 1 + more
	}
	return n
}

// word reads what begins with a letter.
func (r *scanner) word(rest string) {
	n := wordLength(rest)
	w, c := rest[:n], byte(0)
	if n < len(rest) {
		c = rest[n]
	}
	lower := strings.ToLower(w)
	capital := w[0] < 'a' // or not of a-z, which matters to none of these
	switch {
	case strings.IndexByte("@:/._-", c) >= 0 && c != 0 && r.address(rest):
		return
	case c == '/' && r.slash(rest):
		return
	case capital && (months[lower] > 0 || c == '$' || len(w) == 3 && codes[w][0] != "" || c == ' ' && codes[w][0] != "") && r.rule(rest):
		return
	case len(w) == 1 && w[0]|0x20 == 'v' && digit(c) && r.rule(rest):
		return
	case c == '.' && r.stopped(rest, lower, n):
		return
	case digit(c):
		r.lettered(w, n)
		return
	case c == '&' && r.joined(rest, n):
		return
	case (c == '#' || strings.HasPrefix(rest[n:], "++")) && n == 1:
		r.letters(w)
		if c == '#' {
			r.say("sharp")
			r.took(2)
		} else {
			r.say("plus plus")
			r.took(3)
		}
		return
	case bare[lower] && c != '\'' && !r.shout:
		r.say(r.title(lower, rest[n:]))
	case capital && r.roman(w, rest[n:]):
	case capital && r.state(w):
	case capital && r.initials(w, lower):
	case w == "A" && !r.shout && r.inside(), len(w) > 1 && len(w) < 6 && !strings.ContainsAny(lower, "aeiouy'") && atom('W', w) == n && Lookup(lower) == nil:
		r.letters(w)
	case w[0] >= utf8.RuneSelf && r.greek(w):
	case len(w) > 3 && Lookup(lower) == nil && r.camel(w):
	default:
		r.s.word(lower, capital && !r.shout)
	}
	r.took(n)
	if n < len(rest) && rest[n] == '\'' { // the boys' room
		r.at++
	}
}

// inside reports whether the word before belongs to the same phrase.
func (r *scanner) inside() bool {
	n := len(r.s.Words)
	return n > 0 && r.s.Words[n-1].After == NoBreak && !strings.HasSuffix(r.text[:r.at], `"`)
}

// greek reads a letter that has a name.
func (r *scanner) greek(w string) bool {
	c, n := utf8.DecodeRuneInString(w)
	if n < len(w) || signs[c] == "" {
		return false
	}
	r.say(signs[c])
	return true
}

// letters spells.
func (r *scanner) letters(w string) {
	for _, c := range strings.ToLower(w) {
		r.s.word(string(c)+".", true)
	}
}

// initials reads words in capitals that are none of the dictionary's, or that are known to be
// spelled, letter by letter, and their plurals and possessives: FBI, CDs, UK's.
func (r *scanner) initials(w, lower string) bool {
	head, tail := w, ""
	for _, end := range []string{"'s", "s"} {
		if h, ok := strings.CutSuffix(w, end); ok && len(h) > 1 {
			head, tail = h, "s"
			break
		}
	}
	if len(head) < 2 || len(head) > 5 || strings.ToUpper(head) != head || strings.Contains(head, "'") || letters(head) != atom('W', head) {
		return false
	}
	if r.shout && (Lookup(lower) != nil || strings.ContainsAny(lower, "aeiouy")) {
		return false
	}
	if !spelledOut[head] && Lookup(strings.ToLower(head)) != nil {
		return false
	}
	r.letters(head)
	if tail != "" {
		r.s.possessive()
	}
	return true
}

// joined reads capitals around an ampersand: AT&T.
func (r *scanner) joined(rest string, n int) bool {
	m := atom('W', rest[n+1:])
	a, b := rest[:n], rest[n+1:n+1+m]
	if m == 0 || strings.ToUpper(a+b) != a+b || len(a+b) > 5 {
		return false
	}
	r.letters(a)
	r.say("and")
	r.letters(b)
	r.took(n + 1 + m)
	return true
}

// lettered reads letters before digits: MP3, F16, covid19.
func (r *scanner) lettered(w string, n int) {
	if len(w) <= 4 && strings.ToUpper(w) == w || len(w) == 1 {
		r.letters(w)
	} else {
		r.say(w)
	}
	r.took(n)
	r.digits(r.text[r.at:])
}

// digits reads digits among letters, and letters behind them: 3D, 221B, 10K.
func (r *scanner) digits(rest string) {
	n := digits(rest)
	if n == 0 {
		return
	}
	switch d := rest[:n]; {
	case n > 1 && d[0] == '0' || n > 4:
		r.say(Digits(d))
	case n > 2:
		r.say(pairs(d))
	default:
		r.say(Cardinal(d))
	}
	r.took(n)
	tail := rest[n : n+atom('W', rest[n:])]
	if tail == "" || len(tail) > 4 || len(tail) > 2 && strings.ToUpper(tail) != tail || n+len(tail) < len(rest) && letters(rest[n+len(tail):]) > 0 {
		return
	}
	if scale := multiples[strings.ToLower(tail)]; scale != "" && len(tail) <= 2 && strings.Contains("k K M bn mn", tail) {
		r.say(scale)
	} else {
		r.letters(tail)
	}
	r.took(len(tail))
	if more := r.text[r.at:]; more != "" && digit(more[0]) {
		r.digits(more)
	}
}

// slash reads words that a slash is part of.
func (r *scanner) slash(rest string) bool {
	for n := 2; n <= min(len(rest), 6); n++ {
		if said := slashed[strings.ToLower(rest[:n])]; said != "" && bounded(rest[n:]) {
			r.say(said)
			r.took(n)
			return true
		}
	}
	return false
}

// sign reads or skips what is no letter or digit.
func (r *scanner) sign(rest string) {
	c, n := utf8.DecodeRuneInString(rest)
	after := byte(' ')
	if n < len(rest) {
		after = rest[n]
	}
	free := r.fresh() && space(after)
	r.at += n
	switch {
	case c == '"':
		r.quoted = !r.quoted
	case strings.HasPrefix(rest, "--"):
		r.s.phrase()
		r.at++
	case c == '-' && free, strings.ContainsRune(",;:!?()[]", c):
		r.s.phrase()
	case c == '.':
		if strings.HasPrefix(rest, "..") {
			r.s.phrase()
		}
	case c == '~' && digit(after):
		r.say("about")
	case c == '#' && letters(rest[n:]) > 0:
		r.say("hashtag")
	case c == '#' && free:
		r.say("number")
	case (c == '<' || c == '>' || c == '*') && !free:
	default:
		r.say(signs[c])
	}
}

// address reads what looks like an e-mail address, a web address or the name of a file.
func (r *scanner) address(rest string) bool {
	n := strings.IndexFunc(rest[:min(len(rest), 300)], func(c rune) bool {
		return c <= ' ' || c == '"' || c == ',' || c == ';' || c == '<' || c == '>' || c == '(' || c == ')' || c >= utf8.RuneSelf && !unicode.IsLetter(c)
	})
	if n < 0 {
		n = min(len(rest), 300)
	}
	s := strings.TrimRight(rest[:n], ".!?:'*_-]")
	s, owner := strings.CutSuffix(s, "'s")
	if !isAddress(s) {
		return false
	}
	r.spellAddress(s)
	n = len(s)
	if owner {
		n += 2
		r.s.possessive()
	}
	r.took(n)
	return true
}

// ends of the names of machines and files.
var domains = words("com org net edu gov mil int io co uk de fr eu us ca au jp ch nl info biz app dev ai tv me html htm php pdf txt doc docx xls csv " +
	"jpg jpeg png gif svg mp3 mp4 wav flac zip gz tar exe go py js ts c h cpp java rs sh md json xml yml yaml toml ini cfg log")

func isAddress(s string) bool {
	name, at, mail := strings.Cut(s, "@")
	if mail {
		return name != "" && strings.IndexByte(at, '.') > 0 && !strings.ContainsAny(at, "@:")
	}
	if head, tail, web := strings.Cut(s, "://"); web {
		return head != "" && letters(head) == len(head) && tail != ""
	}
	host, _, _ := strings.Cut(s, "/")
	if strings.HasPrefix(strings.ToLower(host), "www.") {
		return true
	}
	dot := strings.LastIndexByte(host, '.')
	if dot <= 0 || strings.Contains(host, "..") || !domains[host[dot+1:]] {
		return false
	}
	return len(host[:dot]) > 1 // not e.g
}

// spellAddress reads an address part by part.
func (r *scanner) spellAddress(s string) {
	if _, tail, web := strings.Cut(s, "://"); web {
		s = tail
	}
	s = strings.TrimSuffix(s, "/")
	for i := 0; i < len(s); {
		n := atom('W', s[i:])
		switch {
		case n > 0:
			part := strings.ToLower(s[i : i+n])
			switch {
			case part == "www":
				r.say("w. w. w.")
			case n > 1 && (Lookup(part) != nil || n > 4 || strings.ContainsAny(part[1:], "aeiouy") && n > 3) && !spelledOut[strings.ToUpper(part)]:
				r.say(part)
			default:
				r.letters(part)
			}
		case digit(s[i]):
			if n = digits(s[i:]); n > 4 || s[i] == '0' && n > 1 {
				r.say(Digits(s[i : i+n]))
			} else if n > 2 {
				r.say(pairs(s[i : i+n]))
			} else {
				r.say(Cardinal(s[i : i+n]))
			}
		default:
			c, size := utf8.DecodeRuneInString(s[i:])
			if name := addressSigns[c]; name != "" {
				r.say(name)
			} else if unicode.IsLetter(c) {
				r.say(string(c))
			}
			n = size
		}
		i += n
	}
}

var addressSigns = map[rune]string{'@': "at", '.': "dot", '/': "slash", '-': "dash", '_': "underscore", ':': "colon", '?': "question mark", '=': "equals",
	'&': "and", '#': "hash", '+': "plus", '%': "percent", '~': "tilde"}
