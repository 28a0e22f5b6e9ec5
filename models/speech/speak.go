package speech

import (
	"context"
	"io"
	"iter"

	"github.com/seed073b5613/filigree/text"
)

// mostWords are spoken at a time: longer sentences are spoken in parts, so that memory is
// bounded. A part ends at punctuation if there is any after the first half.
const mostWords = 40

// Speak yields the speech of a text, a sentence or a part of a long one at a time, in
// memory that does not grow with its length. Samples are valid until the next one. The
// error is that of reading, or the context's.
func (v *Voice) Speak(ctx context.Context, r io.Reader, o Options) iter.Seq2[Utterance, error] {
	return Utterances(ctx, o.Text.Sentences(r), func(s text.Sentence) Utterance { return v.Say(s, o) })
}

// Utterances yields what say makes of sentences, or of parts of long ones: see
// [Voice.Speak].
func Utterances(ctx context.Context, sentences iter.Seq2[text.Sentence, error], say func(text.Sentence) Utterance) iter.Seq2[Utterance, error] {
	return func(yield func(Utterance, error) bool) {
		for s, err := range sentences {
			if err != nil {
				yield(Utterance{}, err)
				return
			}
			for part := range parts(s) {
				if err := ctx.Err(); err != nil {
					yield(Utterance{}, err)
					return
				}
				u := say(part)
				u.Sentence = part
				if !yield(u, nil) {
					return
				}
			}
		}
	}
}

// parts yields a sentence in parts of at most mostWords words.
func parts(s text.Sentence) iter.Seq[text.Sentence] {
	return func(yield func(text.Sentence) bool) {
		warnings := s.Warnings
		for len(s.Words) > mostWords {
			end := mostWords
			for i := mostWords; i > mostWords/2; i-- {
				if s.Words[i-1].After == text.PhraseBreak {
					end = i
					break
				}
			}
			part := text.Sentence{Words: s.Words[:end], Before: s.Before, Warnings: warnings}
			part.Text = part.Normalized() + ","
			warnings, s.Before, s.Words = nil, 0, s.Words[end:]
			if !yield(part) {
				return
			}
		}
		s.Warnings = warnings
		yield(s)
	}
}
