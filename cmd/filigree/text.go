package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/seed073b5613/filigree/text"
)

// textCommand shows how text is read.
type textCommand struct {
	Text []string `arg:"" help:"The text; - reads standard input."`
	JSON bool     `help:"Print JSON."`
	readFlags
}

// Help shows how the command is used.
func (textCommand) Help() string {
	return `Examples:
  filigree text "Dr. Smith paid $5.50 at 3:45 p.m."
  filigree text "I {R EH1 D} it." --json
  filigree text --lexicon words.txt - < book.txt
  filigree text '<speak>Wait <break time="1s"/> here.</speak>'`
}

// readFlags say how text is read.
type readFlags struct {
	Lexicon string `placeholder:"FILE" help:"How words are read, a line each: tomato T AH0 M AA1 T OW2, or nginx = engine x."`
	SSML    bool   `name:"ssml" help:"The text is SSML though it does not begin with <speak>."`
}

func (f readFlags) options() (text.Options, error) {
	o := text.Options{SSML: f.SSML}
	if f.Lexicon == "" {
		return o, nil
	}
	var err error
	o.Lexicon, err = text.OpenLexicon(f.Lexicon)
	return o, err
}

// sentenceReport is one sentence of the JSON output.
type sentenceReport struct {
	Text       string   `json:"text"`
	Normalized string   `json:"normalized"`
	Phonemes   []string `json:"phonemes"`
}

func (c textCommand) Run(con console) error {
	var in io.Reader = os.Stdin
	if len(c.Text) != 1 || c.Text[0] != "-" {
		in = strings.NewReader(strings.Join(c.Text, " "))
	}
	options, err := c.options()
	if err != nil {
		return err
	}
	spoken, warnings, between := 0, 0, ""
	if c.JSON {
		fmt.Fprint(con.out, `{"sentences":[`)
	}
	for s, err := range options.Sentences(in) {
		if err != nil {
			return err
		}
		for _, w := range s.Warnings {
			if warnings++; warnings <= 10 {
				fmt.Fprintf(con.err, "filigree: %s\n", w)
			}
		}
		spoken += len(s.Words)
		if !c.JSON {
			fmt.Fprintf(con.out, "%s\n  %s\n  %s\n", s.Text, s.Normalized(), phrases(s))
			continue
		}
		line, err := json.Marshal(sentenceReport{s.Text, s.Normalized(), s.Phonemes()})
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(con.out, "%s%s", between, line); err != nil {
			return err
		}
		between = ","
	}
	if c.JSON {
		fmt.Fprintln(con.out, "]}")
	}
	if warnings > 10 {
		fmt.Fprintf(con.err, "filigree: %d warnings in all\n", warnings)
	}
	if spoken == 0 {
		return errors.New("text: nothing to speak: no word or number in the text")
	}
	return nil
}

// phrases writes phonemes for people: words apart, guessed ones marked with *, phrase breaks as |.
func phrases(s text.Sentence) string {
	var b strings.Builder
	for i, w := range s.Words {
		if i > 0 {
			b.WriteString("  ")
		}
		b.WriteString(strings.Join(w.Phonemes, " "))
		if w.Source == text.FromNetwork {
			b.WriteString("*")
		}
		if w.After == text.PhraseBreak {
			b.WriteString(" |")
		}
	}
	return b.String()
}
