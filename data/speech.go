package data

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/seed073b5613/filigree/audio"
)

// Clip is a recording and what is said in it.
type Clip struct {
	ID   string
	Text string
	Path string
}

// Speech is a folder in the layout of LJ Speech: metadata.csv, a line a clip, id|text or
// id|text|text with numbers as words, and the recordings wavs/ID.wav, or .flac.
type Speech struct {
	Clips    []Clip
	Warnings []string // lines of metadata.csv that were left out, and why
}

// mostMetadata is the longest line of metadata.csv in bytes.
const mostMetadata = 1 << 20

// OpenSpeech reads the list of a folder's clips, not the recordings. A line without a
// recording, or without text, is a warning; no good line at all is an error.
func OpenSpeech(dir string) (*Speech, error) {
	f, err := os.Open(filepath.Join(dir, "metadata.csv"))
	if err != nil {
		return nil, fmt.Errorf("data: speech: %w", err)
	}
	defer f.Close()
	s := &Speech{}
	seen := map[string]bool{}
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, mostMetadata)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimPrefix(strings.TrimSpace(lines.Text()), "\ufeff")
		if line == "" {
			continue
		}
		clip, err := parseClip(dir, line)
		if err == nil && seen[clip.ID] {
			err = fmt.Errorf("%s comes twice", clip.ID)
		}
		if err != nil {
			s.Warnings = append(s.Warnings, fmt.Sprintf("metadata.csv, line %d: %v", n, err))
			continue
		}
		seen[clip.ID] = true
		s.Clips = append(s.Clips, clip)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("data: speech: %s: %w", f.Name(), err)
	}
	if len(s.Clips) == 0 {
		err := errors.New("no line names a recording")
		if len(s.Warnings) > 0 {
			err = errors.New(s.Warnings[0])
		}
		return nil, fmt.Errorf("data: speech: %s: %w", f.Name(), err)
	}
	return s, nil
}

func parseClip(dir, line string) (Clip, error) {
	if !utf8.ValidString(line) {
		return Clip{}, errors.New("invalid UTF-8")
	}
	fields := strings.Split(line, "|")
	if len(fields) < 2 {
		return Clip{}, errors.New("want id|text")
	}
	c := Clip{ID: strings.TrimSpace(fields[0])}
	for _, f := range fields[1:] {
		if f = strings.TrimSpace(f); f != "" {
			c.Text = f // the last is the one with words for numbers
		}
	}
	if c.ID == "" || c.ID != filepath.Base(c.ID) || c.ID == ".." {
		return Clip{}, fmt.Errorf("%q is no name of a recording", c.ID)
	}
	if c.Text == "" {
		return Clip{}, fmt.Errorf("%s has no text", c.ID)
	}
	for _, ending := range []string{".wav", ".flac"} {
		c.Path = filepath.Join(dir, "wavs", c.ID+ending)
		if _, err := os.Stat(c.Path); err == nil {
			return c, nil
		} else if !errors.Is(err, fs.ErrNotExist) {
			return Clip{}, err
		}
	}
	return Clip{}, fmt.Errorf("there is no wavs/%s.wav or .flac", c.ID)
}

// Levels that recordings are brought to.
const (
	SpeechRMS  = 0.1  // of what is loud enough to be speech: -20 dB
	mostPeak   = 0.98 // wins over it
	trimBelow  = 35.0 // dB below the loudest is silence at the ends
	trimEdge   = 0.08 // seconds of it that stay
	leastSound = 0.2  // seconds
)

// Wave reads the recording: one channel at a rate, without offset, trimmed at the ends and
// at a common level. It returns an error for one that is silent or shorter than 0.2 s.
func (c Clip) Wave(rate int) ([]float32, error) {
	s, err := audio.Open(c.Path)
	if err != nil {
		return nil, err
	}
	x := append([]float32(nil), s.At(rate)...)
	audio.RemoveDC(x)
	x = audio.Trim(x, rate, trimBelow, trimEdge)
	level := audio.ActiveRMS(x, rate)
	if level < 1e-4 {
		return nil, fmt.Errorf("data: speech: %s is silent", c.Path)
	}
	if float64(len(x)) < leastSound*float64(rate) {
		return nil, fmt.Errorf("data: speech: %s: %.2f s of sound are too short", c.Path, float64(len(x))/float64(rate))
	}
	audio.Gain(x, min(SpeechRMS/level, mostPeak/float64(audio.Peak(x))))
	return x, nil
}
