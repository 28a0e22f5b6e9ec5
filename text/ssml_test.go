package text

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// shown writes sentences with their pauses and rates: words, [seconds] where silence is asked for, *rate.
func shown(t *testing.T, in string) (out, warnings []string, err error) {
	t.Helper()
	for s, e := range Sentences(strings.NewReader(in)) {
		if e != nil {
			return out, warnings, e
		}
		warnings = append(warnings, s.Warnings...)
		var b strings.Builder
		if s.Before > 0 {
			fmt.Fprintf(&b, "[%g] ", s.Before)
		}
		for i, w := range s.Words {
			b.WriteString(w.Text)
			if w.Rate > 0 && w.Rate != 1 {
				fmt.Fprintf(&b, "*%g", w.Rate)
			}
			if w.After == PhraseBreak {
				b.WriteString(",")
			}
			if w.Pause > 0 {
				fmt.Fprintf(&b, " [%g]", w.Pause)
			}
			if i < len(s.Words)-1 {
				b.WriteString(" ")
			}
		}
		out = append(out, b.String())
	}
	return out, warnings, nil
}

func TestSSML(t *testing.T) {
	for in, want := range map[string]string{
		`<speak>Hello.</speak>`: "hello",
		`<?xml version="1.0"?><speak version="1.1">One. Two!</speak>`:                                         "one | two",
		"\n <speak>\n One\n more. </speak>\n":                                                                 "one more",
		`<speak>A &amp; b<![CDATA[ & c]]></speak>`:                                                            "a and b and c",
		`<speak><p>One</p><p><s>two</s><s>three</s></p></speak>`:                                              "one | two | three",
		`<speak>Wait <break time="250ms"/> here.</speak>`:                                                     "wait, [0.25] here",
		`<speak>Wait<break time="1.5s"/>here<break strength="strong"/>now`:                                    "wait, [1.5] here, [0.5] now !line 1: unexpected EOF",
		`<speak><break time="2s"/>Go.</speak>`:                                                                "[2] go",
		`<speak>Go. <break time="2s"/> Stop.</speak>`:                                                         "go [2] | stop",
		`<speak>So, <break strength="none"/>what</speak>`:                                                     "so what",
		`<speak><break time="1s"/><p>One.</p></speak>`:                                                        "[1] one",
		`<speak>A <prosody rate="slow">b c</prosody> d</speak>`:                                               "a b*0.75 c*0.75 d",
		`<speak><prosody rate="200%">a <prosody rate="-50%">b`:                                                "!line 1: unexpected EOF",
		`<speak><prosody rate="200%">a <prosody rate="50%">b</prosody></prosody></speak>`:                     "a*2 b",
		`<speak><prosody rate="+20%">a</prosody></speak>`:                                                     "a*1.2",
		`<speak><phoneme alphabet="ipa" ph="ˈwɔːtər">x</phoneme></speak>`:                                     "{W AO1 T ER0}",
		`<speak><phoneme alphabet="x-arpabet" ph="HH AY1">x</phoneme> there</speak>`:                          "{HH AY1} there",
		`<speak><phoneme ph="tʃɜːtʃ">x</phoneme></speak>`:                                                     "{CH ER1 CH}",
		`<speak>The <sub alias="World Wide Web Consortium">W3C</sub>.</speak>`:                                "the world wide web consortium",
		`<speak><say-as interpret-as="characters">aB1-</say-as></speak>`:                                      "a. b. one dash",
		`<speak><say-as interpret-as="cardinal">1984</say-as></speak>`:                                        "one thousand nine hundred eighty four",
		`<speak><say-as interpret-as="cardinal">XIV</say-as></speak>`:                                         "fourteen",
		`<speak><say-as interpret-as="ordinal">3</say-as> <say-as interpret-as="ordinal">II</say-as></speak>`: "third second",
		`<speak><say-as interpret-as="digits">1984</say-as></speak>`:                                          "one nine eight four",
		`<speak><say-as interpret-as="date" format="dmy">3/4/2024</say-as></speak>`:                           "april third, twenty twenty four",
		`<speak><say-as interpret-as="date" format="mdy">3/4/2024</say-as></speak>`:                           "march fourth, twenty twenty four",
		`<speak><say-as interpret-as="date" format="ymd">2024-03-04</say-as></speak>`:                         "march fourth, twenty twenty four",
		`<speak><say-as interpret-as="date" format="my">3/2024</say-as></speak>`:                              "march twenty twenty four",
		`<speak><say-as interpret-as="date">2024-03-04</say-as></speak>`:                                      "march fourth, twenty twenty four",
		`<speak><say-as interpret-as="time" format="hms12">2:30pm</say-as></speak>`:                           "two thirty p. m.",
		`<speak><say-as interpret-as="telephone">2125551234</say-as></speak>`:                                 "two one two five five five one two three four",
		`<speak><say-as interpret-as="telephone">212-555</say-as></speak>`:                                    "two one two, five five five",
		`<speak><say-as interpret-as="fraction">3/4</say-as></speak>`:                                         "three quarters",
		`<speak><say-as interpret-as="unit">5 ft</say-as></speak>`:                                            "five feet",
		`<speak><say-as interpret-as="currency">$5.50</say-as></speak>`:                                       "five dollars and fifty cents",
		`<speak>x<desc>not read</desc><metadata>nor this</metadata></speak>`:                                  "x",
		`<speak>A.M. news. Dr. <s>X</s></speak>`:                                                              "a. m. news | doctor | x",
		`<speak>an {AH0 N} {QQ}</speak>`:                                                                      "an {AH0 N} ?unknown phoneme QQ in {QQ}",
		// What is not known is read, with a warning that names the line.
		"<speak>\n<emphasis level='strong'>Yes</emphasis></speak>":           "yes ?ssml line 2: <emphasis> is not known: its text is read",
		`<speak><prosody pitch="high">Yes</prosody></speak>`:                 "yes ?ssml line 1: <prosody>: pitch is not known",
		`<speak><prosody rate="warp">Yes</prosody></speak>`:                  `yes ?ssml line 1: <prosody>: rate "warp" is none`,
		`<speak>a<break time="1 hour"/>b</speak>`:                            `a b ?ssml line 1: <break>: time "1 hour" is none`,
		`<speak>a<break time="60s"/>b</speak>`:                               `a, [10] b ?ssml line 1: <break> of 60s: 10 s at most`,
		`<speak><phoneme alphabet="x-arpabet" ph="QQ">Yes</phoneme></speak>`: `yes ?ssml line 1: <phoneme>: unknown phoneme QQ in "QQ": its text is read`,
		`<speak><phoneme ph="q!">Yes</phoneme></speak>`:                      `yes ?ssml line 1: <phoneme>: unknown IPA symbol 'q' in "q!": its text is read`,
		`<speak><phoneme alphabet="sampa" ph="a">Yes</phoneme></speak>`:      `yes ?ssml line 1: <phoneme>: unknown alphabet "sampa" in "a": its text is read`,
		`<speak><say-as interpret-as="cardinal">many</say-as></speak>`:       "many ?say-as cardinal : many is read as it stands",
		`<speak><sub alias="one"><break/>two</sub></speak>`:                  "one ?ssml line 1: <break> within an element that is read as a whole",
		// What is no SSML is an error that names the line.
		"<speak>\n<p>one</s></speak>":  "!line 2: element <p> closed by </s>",
		"<speak>a</speak>b":            "!line 1: text outside of <speak>",
		"<speak>a</speak><speak/>":     "!line 1: <speak> where <speak> should be",
		"<?xml version='1.0'?><html/>": "!line 1: <html> where <speak> should be",
		"<speak>a &nbsp; b</speak>":    "!line 1: invalid character entity &nbsp;",
		"<speak>a\n\xff</speak>":       "!line 2: invalid UTF-8",
		"<speak></speak>":              "",
	} {
		out, warnings, err := shown(t, in)
		got := strings.Join(out, " | ")
		for _, w := range warnings {
			got += " ?" + w
		}
		if err != nil {
			got += " !" + strings.TrimPrefix(err.Error(), "text: ssml: ")
		}
		if got = strings.TrimSpace(got); !strings.HasSuffix(got, want) || want == "" && got != "" || !strings.Contains(want, "!") && got != want {
			t.Errorf("%s\n\t got %s\n\twant %s", in, got, want)
		}
	}
}

// A text of ten megabytes between two elements, and one of a million elements, are read in time in
// proportion.
func TestLongSSML(t *testing.T) {
	size := 2_000_000
	if testing.Short() {
		size = 200_000
	}
	for _, unit := range []string{"The kettle is on. ", "<s>Tea</s>", "tea<break/> ", "a"} {
		words := 0
		in := "<speak>" + strings.Repeat(unit, size/len(unit)) + "</speak>"
		for s, err := range Sentences(strings.NewReader(in)) {
			if err != nil {
				t.Fatal(err)
			}
			words += len(s.Words)
		}
		if unit != "a" && words < size/len(unit) || words == 0 {
			t.Errorf("%q: %d words", unit, words)
		}
	}
}

func FuzzSSML(f *testing.F) {
	for _, s := range []string{`<speak>a <break time="1s"/>b</speak>`, `<speak><p><s>a.</s></p><prosody rate="+10%">b`, "<speak><sub alias='x'>y</sub>",
		`<speak><say-as interpret-as="date" format="dmy">3/4/24</say-as><phoneme ph="ˈa">z</phoneme></speak>`, "<speak", "<?xml ?><speak/>"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		for s, err := range (Options{SSML: true}).Sentences(strings.NewReader(in)) {
			if err != nil {
				return
			}
			if s.Before < 0 || s.Before > longestPause {
				t.Fatalf("%q: pause of %v s", in, s.Before)
			}
			for _, w := range s.Words {
				if w.Pause < 0 || w.Pause > longestPause || w.Rate != 0 && !(w.Rate >= 0.25 && w.Rate <= 4) {
					t.Fatalf("%q: pause %v, rate %v", in, w.Pause, w.Rate)
				}
				if i := slices.IndexFunc(w.Phonemes, func(p string) bool { return !Known(p) }); i >= 0 {
					t.Fatalf("%q: %s is no phoneme", in, w.Phonemes[i])
				}
			}
		}
	})
}
