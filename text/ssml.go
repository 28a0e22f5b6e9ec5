package text

import (
	"bufio"
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// longestPause is the most seconds a break may last.
const longestPause = 10

// piece is a stretch of a sentence that is read in one way.
type piece struct {
	text     string   // as written
	phonemes []string // said instead
	alias    string   // read instead
	as       string   // what it is, by SSML's names, and in which order its parts stand
	format   string
	pause    float64 // seconds of silence; of no text
	joined   bool    // no break before it
	rate     float64
}

// markup reads SSML sentence by sentence.
type markup struct {
	o        Options
	dec      *xml.Decoder
	yield    func(Sentence, error) bool
	open     []element
	pieces   []piece
	size     int // of their text
	warnings []string
	over     bool // nobody wants more
}

// element is an element that is open.
type element struct {
	name  string
	rate  float64
	piece *piece // of elements whose text is taken as a whole
	skip  bool   // nothing in it is read
}

// isSSML reports whether a text is marked up, by its beginning.
func isSSML(r *bufio.Reader) bool {
	head, _ := r.Peek(512)
	head = bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\ufeff")), " \t\r\n")
	rest, ok := bytes.CutPrefix(head, []byte("<speak"))
	return ok && (len(rest) == 0 || bytes.IndexByte([]byte(" \t\r\n/>"), rest[0]) >= 0) || bytes.HasPrefix(head, []byte("<?xml "))
}

// ssml yields the sentences of a text in the Speech Synthesis Markup Language (W3C, version 1.1):
// speak, p, s, break, prosody (its rate), phoneme, sub, say-as. Of other elements the text is read, with a
// warning. Memory is bounded by the longest stretch without markup.
func (o Options) ssml(r io.Reader, yield func(Sentence, error) bool) {
	m := &markup{o: o, dec: xml.NewDecoder(r), yield: yield}
	if err := m.run(); err != nil && !m.over {
		m.flush()
		var syntax *xml.SyntaxError
		line, _ := m.dec.InputPos()
		switch {
		case m.over:
			return
		case errors.As(err, &syntax):
			err = fmt.Errorf("text: ssml: line %d: %s", syntax.Line, syntax.Msg)
		default:
			err = fmt.Errorf("text: ssml: line %d: %w", line, err)
		}
		yield(Sentence{}, err)
	}
}

func (m *markup) run() error {
	seen := false
	for !m.over {
		token, err := m.dec.Token()
		if err == io.EOF {
			if !seen {
				return errors.New("no <speak>")
			}
			m.flush()
			return nil
		}
		if err != nil {
			return err
		}
		switch t := token.(type) {
		case xml.StartElement:
			name := t.Name.Local
			if len(m.open) == 0 && (seen || name != "speak") {
				return fmt.Errorf("<%s> where <speak> should be", name)
			}
			seen = true
			if err := m.start(name, t.Attr); err != nil {
				return err
			}
		case xml.EndElement:
			m.end()
		case xml.CharData:
			if len(m.open) > 0 {
				m.text(string(t))
			} else if len(bytes.TrimSpace(bytes.TrimPrefix(t, []byte("\ufeff")))) > 0 {
				return errors.New("text outside of <speak>")
			}
		}
	}
	return nil
}

func (m *markup) warn(format string, args ...any) {
	line, _ := m.dec.InputPos()
	m.warnings = append(m.warnings, fmt.Sprintf("ssml line %d: ", line)+fmt.Sprintf(format, args...))
}

// start opens an element.
func (m *markup) start(name string, attrs []xml.Attr) error {
	e := element{name: name, rate: 1}
	if n := len(m.open); n > 0 {
		e.rate, e.piece, e.skip = m.open[n-1].rate, m.open[n-1].piece, m.open[n-1].skip
	}
	if len(m.open) > 100 {
		return errors.New("elements more than 100 deep")
	}
	known := map[string]string{}
	for _, a := range attrs {
		known[a.Name.Local] = a.Value
	}
	take := func(key string) string {
		v := strings.TrimSpace(known[key])
		delete(known, key)
		return v
	}
	inside := e.piece
	switch name {
	case "speak":
		clear(known)
	case "p", "s":
		m.flush()
		delete(known, "lang")
		delete(known, "id")
	case "break":
		if time, strength := take("time"), take("strength"); inside == nil {
			m.pause(time, strength)
		}
	case "prosody":
		if rate := take("rate"); rate != "" {
			factor, ok := rateOf(rate)
			if !ok {
				m.warn("<prosody>: rate %q is none", rate)
			}
			e.rate = max(0.25, min(e.rate*factor, 4))
		}
	case "phoneme":
		e.piece = &piece{rate: e.rate}
		alphabet, ph := take("alphabet"), take("ph")
		ps, err := phonemesOf(alphabet, ph)
		if err != nil {
			m.warn("<phoneme>: %v in %q: its text is read", err, ph)
		}
		e.piece.phonemes = ps
	case "sub":
		e.piece = &piece{rate: e.rate, alias: take("alias")}
		if e.piece.alias == "" {
			m.warn("<sub> has no alias: its text is read")
		}
	case "say-as":
		e.piece = &piece{rate: e.rate, as: take("interpret-as"), format: take("format")}
		delete(known, "detail")
	case "desc", "metadata", "meta", "lexicon", "mark":
		e.skip = true
		clear(known)
	default:
		m.warn("<%s> is not known: its text is read", name)
		clear(known)
	}
	for key := range known {
		m.warn("<%s>: %s is not known", name, key)
	}
	if inside != nil && (e.piece != inside || name == "break") {
		m.warn("<%s> within an element that is read as a whole", name)
		e.piece = inside
	}
	m.open = append(m.open, e)
	return nil
}

// end closes an element.
func (m *markup) end() {
	n := len(m.open) - 1
	e := m.open[n]
	m.open = m.open[:n]
	switch {
	case e.name == "p" || e.name == "s":
		m.flush()
	case e.piece != nil && (n == 0 || m.open[n-1].piece != e.piece):
		m.boundary(e.piece.text)
		m.add(*e.piece)
	}
}

// text takes what stands between elements.
func (m *markup) text(s string) {
	e := &m.open[len(m.open)-1]
	if e.skip {
		return
	}
	s = newlines.Replace(s)
	if e.piece != nil {
		if len(e.piece.text) < longest {
			e.piece.text += s
		}
		return
	}
	m.boundary(s)
	for s != "" && !m.over {
		n, sentence, _ := split([]byte(s), false)
		if n == 0 {
			m.add(piece{text: s, rate: e.rate})
			return
		}
		m.add(piece{text: string(sentence), rate: e.rate})
		m.flush()
		s = s[n:]
	}
}

var newlines = strings.NewReplacer("\n", " ", "\r", " ", "\t", " ")

// boundary ends the sentence where the text so far ends one and next does not go on with it.
func (m *markup) boundary(next string) {
	apart := strings.HasPrefix(next, " ")
	next = strings.TrimLeft(next, " ")
	if next == "" {
		return
	}
	for i := len(m.pieces) - 1; i >= 0; i-- {
		p := m.pieces[i]
		bare := strings.TrimRight(p.text, ` "')]”’`)
		apart = apart || p.pause > 0 || strings.HasSuffix(p.text, " ")
		if bare == "" {
			continue
		}
		if apart && strings.IndexByte(".!?", bare[len(bare)-1]) >= 0 && p.as == "" && ends([]byte(bare), []byte(next)) {
			m.flush()
		}
		return
	}
}

// add adds a piece to the sentence; one that grows too long ends.
func (m *markup) add(p piece) {
	m.pieces = append(m.pieces, p)
	if m.size += len(p.text); m.size > longest || len(m.pieces) > longest {
		m.flush()
	}
}

// flush yields the sentence.
func (m *markup) flush() {
	if m.over {
		return
	}
	s := m.o.read(m.pieces)
	s.Text = strings.Join(strings.Fields(s.Text), " ")
	s.Warnings = append(m.warnings, s.Warnings...)
	if len(s.Words) == 0 && s.Text == "" && len(s.Warnings) == 0 {
		if s.Before > 0 { // a pause waits for its sentence
			m.pieces = []piece{{pause: s.Before}}
			return
		}
		m.pieces, m.size = m.pieces[:0], 0
		return
	}
	m.pieces, m.size, m.warnings = m.pieces[:0], 0, nil
	m.over = !m.yield(s, nil)
}

// Breaks by strength, in seconds.
var strengths = map[string]float64{"none": 0, "x-weak": 0.05, "weak": 0.1, "medium": 0.25, "": 0.25, "strong": 0.5, "x-strong": 1}

func (m *markup) pause(time, strength string) {
	seconds, ok := strengths[strength]
	if !ok {
		m.warn("<break>: strength %q is none", strength)
	}
	if time != "" {
		if seconds, ok = secondsOf(time); !ok {
			m.warn("<break>: time %q is none", time)
			return
		}
	}
	if seconds > longestPause {
		m.warn("<break> of %s: %d s at most", time, longestPause)
		seconds = longestPause
	}
	m.add(piece{pause: seconds, joined: seconds == 0})
}

// secondsOf reads 250ms and 1.5s.
func secondsOf(s string) (float64, bool) {
	unit := 1.0
	n, ok := strings.CutSuffix(s, "ms")
	if ok {
		unit = 0.001
	} else if n, ok = strings.CutSuffix(s, "s"); !ok {
		return 0, false
	}
	v, err := strconv.ParseFloat(strings.TrimSpace(n), 64)
	if err != nil || !(v >= 0 && v < 1e9) {
		return 0, false
	}
	return v * unit, true
}

// rateOf returns the factor of a rate: a name, a percentage, a change in percent or a factor.
func rateOf(s string) (float64, bool) {
	switch s {
	case "x-slow":
		return 0.5, true
	case "slow":
		return 0.75, true
	case "medium", "default":
		return 1, true
	case "fast":
		return 1.25, true
	case "x-fast":
		return 1.6, true
	}
	n, percent := strings.CutSuffix(s, "%")
	v, err := strconv.ParseFloat(n, 64)
	if percent {
		v /= 100
		if s[0] == '+' || s[0] == '-' {
			v++
		}
	}
	if err != nil || !(v > 0 && v < 100) {
		return 1, false
	}
	return v, true
}

// phonemesOf reads ARPAbet, or IPA, which is what SSML means without a name.
func phonemesOf(alphabet, s string) ([]string, error) {
	switch strings.ToLower(alphabet) {
	case "ipa", "":
		return fromIPA(s)
	case "arpabet", "x-arpabet", "cmu", "x-cmu":
		ps := strings.Fields(s)
		if len(ps) == 0 {
			return nil, errors.New("no phonemes")
		}
		if err := checkPhonemes(ps); err != nil {
			return nil, err
		}
		return ps, nil
	}
	return nil, fmt.Errorf("unknown alphabet %q", alphabet)
}
