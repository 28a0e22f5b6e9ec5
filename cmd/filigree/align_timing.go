package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/seed073b5613/filigree/audio/align"
	"github.com/seed073b5613/filigree/text"
)

// leastPause is the silence between words, in seconds, that counts as a pause.
const leastPause = 0.05

// timing says when the words and phonemes of a recording are spoken.
type timing struct {
	ID         string      `json:"id"`
	Text       string      `json:"text"`
	Seconds    float64     `json:"seconds"`
	Likelihood float64     `json:"log_likelihood"` // mean of a frame
	Words      []timedWord `json:"words"`
	Silences   []silence   `json:"silences"`

	off []float64 // what the boundaries are off by from a recogniser's, in ms
}

type timedWord struct {
	Word   string       `json:"word"`
	Start  float64      `json:"start"`
	End    float64      `json:"end"`
	Phones []timedPhone `json:"phones"`
	After  string       `json:"punctuation,omitempty"` // phrase or sentence
}

type timedPhone struct {
	Phone string  `json:"phone"`
	Start float64 `json:"start"`
	End   float64 `json:"end"`
}

type silence struct {
	After int     `json:"after"` // index of the word before; -1 at the start
	Start float64 `json:"start"`
	End   float64 `json:"end"`
	Flag  bool    `json:"unpunctuated,omitempty"` // a pause where the text has no mark
}

// timing puts together what was found. Phonemes have their stress again.
func (s *spoken) timing(segments []align.Segment, likelihood float64) *timing {
	t := &timing{ID: s.id, Text: s.text, Seconds: seconds(s.seconds), Likelihood: math.Round(likelihood*1e3) / 1e3, Words: make([]timedWord, len(s.words)), Silences: []silence{}}
	for i, w := range s.words {
		t.Words[i] = timedWord{Word: w.Text, After: string(w.After), Phones: []timedPhone{}}
	}
	last := -1
	for i, at := range align.Intervals(segments, s.seconds) {
		start, end := seconds(at.Start), seconds(at.End)
		if segments[i].Word < 0 {
			inside := last >= 0 && last < len(s.words)-1
			flag := inside && at.End-at.Start > leastPause-1e-6 && s.words[last].After == text.NoBreak
			t.Silences = append(t.Silences, silence{last, start, end, flag})
			continue
		}
		last = segments[i].Word
		w := &t.Words[last]
		if len(w.Phones) == 0 {
			w.Start = start
		}
		w.End = end
		w.Phones = append(w.Phones, timedPhone{s.words[last].Phonemes[len(w.Phones)], start, end})
	}
	return t
}

// seconds rounds to microseconds, so that files show no more digits than there are.
func seconds(t float64) float64 { return math.Round(t*1e6) / 1e6 }

// textGrid writes the timing as tiers of words and phones.
func (t *timing) textGrid(w io.Writer) error {
	words, phones := align.Tier{Name: "words"}, align.Tier{Name: "phones"}
	for _, word := range t.Words {
		words.Intervals = append(words.Intervals, align.Interval{Start: word.Start, End: word.End, Label: word.Word})
		for _, p := range word.Phones {
			phones.Intervals = append(phones.Intervals, align.Interval{Start: p.Start, End: p.End, Label: p.Phone})
		}
	}
	return align.WriteTextGrid(w, t.Seconds, words, phones)
}

// alignSummary says how recordings were aligned.
type alignSummary struct {
	Files        int      `json:"files"`
	Skipped      int      `json:"skipped"`
	Seconds      float64  `json:"seconds"`
	Out          string   `json:"out"`
	Phones       int      `json:"phones"`
	MeanMS       float64  `json:"phone_mean_ms"`
	MedianMS     float64  `json:"phone_median_ms"`
	Shortest     float64  `json:"phones_at_30_ms"` // share
	Marks        int      `json:"phrase_marks"`
	MarkSilences float64  `json:"phrase_marks_with_silence"` // share
	MarkMS       float64  `json:"phrase_silence_mean_ms"`    // where there is one
	Pauses       int      `json:"unpunctuated_pauses"`
	Paused       []string `json:"with_unpunctuated_pauses"` // ids
	Doubtful     []string `json:"doubtful"`                 // ids whose likelihood is far below the others'

	Check *opinion `json:"second_opinion,omitempty"`
}

// farBelow is how many deviations, measured by the median, a likelihood is off to be doubted.
const farBelow = 3.5

func summarize(all []*timing) alignSummary {
	s := alignSummary{Files: len(all), Paused: []string{}, Doubtful: []string{}}
	var lengths []float64
	var likelihoods []float64
	silent, silentSum := 0, 0.0
	for _, t := range all {
		s.Seconds += t.Seconds
		likelihoods = append(likelihoods, t.Likelihood)
		for i, w := range t.Words {
			for _, p := range w.Phones {
				lengths = append(lengths, 1000*(p.End-p.Start))
			}
			if w.After == string(text.PhraseBreak) && i < len(t.Words)-1 {
				s.Marks++
			}
		}
		flagged := 0
		for _, q := range t.Silences {
			if q.Flag {
				flagged++
			}
			if q.After >= 0 && q.After < len(t.Words)-1 && t.Words[q.After].After == string(text.PhraseBreak) {
				silent++
				silentSum += 1000 * (q.End - q.Start)
			}
		}
		if s.Pauses += flagged; flagged > 0 {
			s.Paused = append(s.Paused, t.ID)
		}
	}
	slices.Sort(lengths)
	s.Phones, s.MedianMS = len(lengths), lengths[len(lengths)/2]
	short := 0
	for _, l := range lengths {
		s.MeanMS += l / float64(len(lengths))
		if l < 35 {
			short++
		}
	}
	s.Shortest = float64(short) / float64(len(lengths))
	s.MarkSilences, s.MarkMS = float64(silent)/float64(max(s.Marks, 1)), silentSum/float64(max(silent, 1))
	s.doubt(all, likelihoods)
	s.Check = compared(all)
	for _, v := range []*float64{&s.MeanMS, &s.MedianMS, &s.Shortest, &s.MarkSilences, &s.MarkMS, &s.Seconds} {
		*v = math.Round(*v*1e4) / 1e4
	}
	return s
}

// doubt names the recordings whose likelihood stands out: most have another text.
func (s *alignSummary) doubt(all []*timing, likelihoods []float64) {
	middle := middleOf(likelihoods)
	off := make([]float64, len(likelihoods))
	for i, l := range likelihoods {
		off[i] = math.Abs(l - middle)
	}
	deviation := 1.4826 * middleOf(off)
	for _, t := range all {
		if t.Likelihood < middle-farBelow*max(deviation, 0.1) {
			s.Doubtful = append(s.Doubtful, t.ID)
		}
	}
}

func middleOf(x []float64) float64 {
	sorted := slices.Clone(x)
	slices.Sort(sorted)
	return sorted[len(sorted)/2]
}

func (s alignSummary) print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "recordings\t%d, %.1f minutes; %d left out\n", s.Files, s.Seconds/60, s.Skipped)
	fmt.Fprintf(w, "phonemes\t%d: mean %.0f ms, median %.0f ms, %.0f %% of 30 ms\n", s.Phones, s.MeanMS, s.MedianMS, 100*s.Shortest)
	if s.Marks > 0 {
		fmt.Fprintf(w, "silence\tat %.0f %% of the %d marks inside sentences, mean %.0f ms\n", 100*s.MarkSilences, s.Marks, s.MarkMS)
	}
	fmt.Fprintf(w, "pauses\t%d of at least 50 ms without a mark, in %d recordings%s\n", s.Pauses, len(s.Paused), some(s.Paused))
	if len(s.Doubtful) > 0 {
		fmt.Fprintf(w, "doubtful\t%d recordings: do they say their text?%s\n", len(s.Doubtful), some(s.Doubtful))
	}
	if o := s.Check; o != nil {
		fmt.Fprintf(w, "second opinion\t%d boundaries: median difference %.0f ms, %.0f %% within 20 ms, %.0f %% within 40 ms, besides %+.0f ms for all\n",
			o.Boundaries, o.MedianMS, 100*o.Within20, 100*o.Within40, o.LagMS)
		fmt.Fprintf(w, "\t%d recordings where the two differ%s\n", len(o.Differ), some(o.Differ))
	}
	fmt.Fprintf(w, "files\t%s\n", s.Out)
	return w.Flush()
}

// some returns the first names of a list.
func some(ids []string) string {
	const most = 5
	if len(ids) == 0 {
		return ""
	}
	more := ""
	if len(ids) > most {
		ids, more = ids[:most], ", ..."
	}
	return ": " + strings.Join(ids, ", ") + more
}
