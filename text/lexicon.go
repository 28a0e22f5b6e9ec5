package text

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"
)

// A Lexicon says how some words are read, before any rule or dictionary is asked.
type Lexicon struct {
	words map[string]lexeme
}

// lexeme is phonemes, or other words to read.
type lexeme struct {
	phonemes []string
	alias    string
}

// OpenLexicon reads a lexicon from a file: see [ReadLexicon].
func OpenLexicon(path string) (*Lexicon, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("text: lexicon: %w", err)
	}
	defer f.Close()
	return ReadLexicon(path, f)
}

// ReadLexicon reads a lexicon, a word a line: its phonemes behind it, as in CMUdict, or = and what to
// read instead. Words are taken in any case and may hold any sign but space. Lines that
// begin with # or ;;; are comments; of two entries of a word the last one counts. Errors name the file
// and the line.
//
//	tomato  T AH0 M AA1 T OW2
//	nginx = engine x
func ReadLexicon(name string, r io.Reader) (*Lexicon, error) {
	l := &Lexicon{words: map[string]lexeme{}}
	scan := bufio.NewScanner(r)
	n := 0
	for scan.Scan() {
		n++
		line := strings.TrimPrefix(scan.Text(), "\ufeff")
		if err := l.add(line); err != nil {
			return nil, fmt.Errorf("text: lexicon %s:%d: %w", name, n, err)
		}
	}
	if err := scan.Err(); err != nil {
		return nil, fmt.Errorf("text: lexicon %s:%d: %w", name, n+1, err)
	}
	return l, nil
}

// Len returns the number of words.
func (l *Lexicon) Len() int { return len(l.words) }

func (l *Lexicon) add(line string) error {
	if !utf8.ValidString(line) {
		return errors.New("invalid UTF-8")
	}
	fields := strings.Fields(line)
	if len(fields) == 0 || fields[0][0] == '#' || strings.HasPrefix(fields[0], ";;;") {
		return nil
	}
	word, rest := strings.ToLower(plainly(fields[0])), fields[1:]
	switch {
	case len(rest) == 0:
		return fmt.Errorf("%s has no phonemes", fields[0])
	case rest[0] == "=" && len(rest) == 1:
		return fmt.Errorf("%s = nothing", fields[0])
	case rest[0] == "=":
		l.words[word] = lexeme{alias: plainly(strings.Join(rest[1:], " "))}
		return nil
	}
	if err := checkPhonemes(rest); err != nil {
		return fmt.Errorf("%w in %s", err, fields[0])
	}
	l.words[word] = lexeme{phonemes: rest}
	return nil
}

// checkPhonemes returns an error that names the first symbol that is no phoneme.
func checkPhonemes(ps []string) error {
	for _, p := range ps {
		switch {
		case Known(p):
		case Known(p + "0"):
			return fmt.Errorf("phoneme %s needs its stress: %s0, %s1 or %s2", p, p, p, p)
		default:
			return fmt.Errorf("unknown phoneme %s", p)
		}
	}
	return nil
}

// listed reads what the lexicon knows: all up to a space, less the marks behind it, or the letters
// that come first, perhaps with 's.
func (r *scanner) listed(rest string) bool {
	if r.lexicon == nil {
		return false
	}
	n := strings.IndexFunc(rest[:min(len(rest), 64)], func(c rune) bool { return c <= ' ' })
	if n < 0 {
		n = min(len(rest), 64)
	}
	all := rest[:n]
	trimmed := strings.TrimRight(all, `.,;:!?)]"'`)
	for _, w := range []string{all, trimmed, strings.TrimSuffix(trimmed, "'s"), rest[:wordLength(rest)]} {
		e, ok := r.lexicon.words[strings.ToLower(w)]
		if !ok || w == "" {
			continue
		}
		if e.alias != "" {
			inner := scanner{s: r.s, before: r.before, capital: r.capital, quoted: r.quoted}
			inner.braces(e.alias)
		} else {
			r.s.Words = append(r.s.Words, Word{Text: strings.ToLower(w), Phonemes: e.phonemes, Source: FromLexicon})
		}
		r.took(len(w))
		if strings.HasPrefix(r.text[r.at:], "'s") && len(r.s.Words) > 0 {
			r.at += 2
			r.s.possessive()
		}
		return true
	}
	return false
}
