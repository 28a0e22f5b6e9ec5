package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"text/tabwriter"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/seed073b5613/filigree/audio/quality"
	"github.com/seed073b5613/filigree/models/speech"
)

// scoreCommand compares speech with recordings.
type scoreCommand struct {
	Reference  string `required:"" placeholder:"DIR|FILE" help:"Recordings."`
	Generated  string `required:"" placeholder:"DIR|FILE" help:"What is to sound like them: files of the same names, whatever their endings."`
	Aligned    bool   `help:"Both have the same timing, as after copy synthesis: compare frames of the same time."`
	KeepLevels bool   `help:"Compare levels too. Without it all are brought to the same level first."`
	Recognizer string `placeholder:"FILE" help:"Measure distances of speech by this recogniser, from filigree train recognizer, rather than by the built-in one."`
	PerFile    bool   `help:"Print the scores of every file as well, as a line of JSON each with --json."`
	JSON       bool   `help:"Print JSON."`
}

// Help shows how the command is used.
func (scoreCommand) Help() string {
	return `Examples:
  filigree score --reference recordings --generated spoken --json
  filigree score --reference a.wav --generated copy.flac --aligned

Sounds of any rate are compared at 16 kHz. Without --aligned, frames are matched by dynamic time warping, and
measures that need the same timing are left out.

kdsd and fdsd, the kernel and Fréchet speech distances, compare sets of clips of 2 s by what a phone recogniser makes
of them: generated ones with recordings of other files; ckdsd and cfdsd with recordings of the same files. The floor
is what recordings of some files score against those of others. Fréchet distances depend on the number of clips.`
}

// scoreReport is the JSON output; what is not defined is left out.
type scoreReport struct {
	Name        string   `json:"name,omitempty"`
	Files       int      `json:"files,omitempty"`
	Skipped     int      `json:"skipped,omitempty"`
	Seconds     float64  `json:"seconds"`
	MCD         *float64 `json:"mcd_db,omitempty"`
	MCD13       *float64 `json:"mcd13,omitempty"`
	MCD24       *float64 `json:"mcd24,omitempty"`
	LSD1024     *float64 `json:"lsd1024,omitempty"`
	LSD2048     *float64 `json:"lsd2048,omitempty"`
	MelL1       *float64 `json:"mel_l1,omitempty"`
	Periodicity *float64 `json:"periodicity_rmse,omitempty"`
	F0          *float64 `json:"f0_rmse_cents,omitempty"`
	Voicing     *float64 `json:"voicing_error,omitempty"`
	Spread      *float64 `json:"f0_spread,omitempty"`
	RefSpread   *float64 `json:"f0_spread_reference,omitempty"`
	STOI        *float64 `json:"stoi,omitempty"`
	ESTOI       *float64 `json:"estoi,omitempty"`
	LengthRatio *float64 `json:"length_ratio,omitempty"`
	Clipped     *float64 `json:"clip_fraction,omitempty"`
	HopComb     *float64 `json:"hop_comb,omitempty"`
	Clips       int      `json:"dsd_clips,omitempty"`
	KDSD        *float64 `json:"kdsd,omitempty"`
	FDSD        *float64 `json:"fdsd,omitempty"`
	CKDSD       *float64 `json:"ckdsd,omitempty"`
	CFDSD       *float64 `json:"cfdsd,omitempty"`
	FloorKDSD   *float64 `json:"kdsd_floor,omitempty"`
	FloorFDSD   *float64 `json:"fdsd_floor,omitempty"`
}

func newScoreReport(s quality.Score) scoreReport {
	known := func(v float64) *float64 {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil
		}
		return &v
	}
	return scoreReport{Files: s.Files, Seconds: s.Seconds, MCD: known(s.MCD), MCD13: known(s.MCD13), MCD24: known(s.MCD24),
		LSD1024: known(s.LSD1024), LSD2048: known(s.LSD2048), MelL1: known(s.MelL1), Periodicity: known(s.Periodicity),
		F0: known(s.F0), Voicing: known(s.Voicing), Spread: known(s.Spread), RefSpread: known(s.ReferenceSpread),
		STOI: known(s.STOI), ESTOI: known(s.ESTOI), LengthRatio: known(s.LengthRatio), Clipped: known(s.Clipped), HopComb: known(s.HopComb)}
}

// scored is what became of a pair.
type scored struct {
	at    int
	tally *quality.Tally
	slow  bool // less than 16 kHz
	clips embedded
	err   error
}

// Run scores all pairs, as many at a time as there are processors.
func (c scoreCommand) Run(ctx context.Context, con console) error {
	pairs, alone, err := quality.Match(c.Reference, c.Generated)
	if err != nil {
		return err
	}
	net := speech.DefaultRecognizer
	if c.Recognizer != "" {
		r, err := speech.OpenRecognizer(c.Recognizer)
		if err != nil {
			return err
		}
		net = func() *speech.Recognizer { return r }
	}
	warnings := 0
	warn := func(format string, args ...any) {
		if warnings++; warnings <= 10 {
			fmt.Fprintf(con.err, "filigree: "+format+"\n", args...)
		}
	}
	for _, path := range alone {
		warn("%s has no recording of its name", path)
	}
	done := make([]scored, len(pairs))
	bar := newFileBar(con, len(pairs))
	for s := range c.all(ctx, net(), pairs) {
		done[s.at] = s
		bar.step()
	}
	bar.close()
	if err := ctx.Err(); err != nil {
		return err
	}
	var sum quality.Tally
	skipped := len(alone)
	var clips []embedded
	for i, s := range done { // in the order of names, so that sums are the same every time
		switch {
		case s.err != nil && len(pairs) == 1:
			return s.err
		case s.err != nil:
			skipped++
			warn("%s: left out: %v", pairs[i].Name, s.err)
			continue
		case s.slow:
			warn("%s: has less than 16000 samples a second; its upper band is empty", pairs[i].Name)
		}
		sum.Merge(s.tally)
		clips = append(clips, s.clips)
		if c.PerFile {
			r := newScoreReport(s.tally.Score())
			r.Name, r.Files = pairs[i].Name, 0
			if err := c.print(con, r); err != nil {
				return err
			}
		}
	}
	if warnings > 10 {
		fmt.Fprintf(con.err, "filigree: %d warnings in all\n", warnings)
	}
	if sum.Files == 0 {
		return errors.New("score: none of the pairs could be compared")
	}
	r := newScoreReport(sum.Score())
	r.Skipped = skipped
	r.addDistances(distances(clips))
	return c.print(con, r)
}

// all compares the pairs.
func (c scoreCommand) all(ctx context.Context, net *speech.Recognizer, pairs []quality.Pair) <-chan scored {
	workers := min(runtime.GOMAXPROCS(0), len(pairs))
	next, out := make(chan int), make(chan scored)
	go func() {
		defer close(next)
		for i := range pairs {
			select {
			case next <- i:
			case <-ctx.Done():
				return
			}
		}
	}()
	finished := make(chan struct{})
	for range workers {
		go func() {
			for i := range next {
				s := c.pair(net, pairs[i])
				s.at = i
				out <- s
			}
			finished <- struct{}{}
		}()
	}
	go func() {
		for range workers {
			<-finished
		}
		close(out)
	}()
	return out
}

// pair compares two files.
func (c scoreCommand) pair(net *speech.Recognizer, p quality.Pair) scored {
	x, a, err := quality.Open(p.Reference)
	if err != nil {
		return scored{err: err}
	}
	y, b, err := quality.Open(p.Generated)
	if err != nil {
		return scored{err: err}
	}
	if !c.KeepLevels {
		quality.Level(x)
		quality.Level(y)
	}
	t, err := quality.Compare(x, y, c.Aligned)
	if err != nil {
		err = fmt.Errorf("score: %s and %s: %w", p.Reference, p.Generated, err)
	}
	clips := embedded{net.Embeddings(x), net.Embeddings(y)}
	return scored{tally: t, slow: min(a, b) < quality.Rate, clips: clips, err: err}
}

func (c scoreCommand) print(con console, r scoreReport) error {
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if c.JSON {
		_, err = fmt.Fprintf(con.out, "%s\n", line)
		return err
	}
	if r.Name != "" {
		fmt.Fprintf(con.out, "%s\n", r.Name)
	}
	w := tabwriter.NewWriter(con.out, 0, 0, 2, ' ', 0)
	for _, row := range []struct {
		name, unit string
		value      *float64
	}{
		{"mel-cepstral distance, warped in time", "dB", r.MCD}, {"same, frames of one time, c1-c13", "dB", r.MCD13}, {"c1-c24", "dB", r.MCD24},
		{"log-spectral distance, 1024", "dB", r.LSD1024}, {"2048", "dB", r.LSD2048}, {"log mel spectrum", "Np", r.MelL1},
		{"periodicity, RMS difference", "", r.Periodicity}, {"pitch, RMS difference", "cents", r.F0}, {"voiced or not, share that differs", "", r.Voicing},
		{"spread of pitch", "semitones", r.Spread}, {"that of the recordings", "semitones", r.RefSpread},
		{"intelligibility (STOI)", "", r.STOI}, {"extended", "", r.ESTOI},
		{"length against the recordings", "", r.LengthRatio}, {"clipped samples, share", "", r.Clipped}, {"comb of 10 ms", "", r.HopComb},
		{"kernel speech distance", "", r.KDSD}, {"to the same texts", "", r.CKDSD}, {"among recordings", "", r.FloorKDSD},
		{"Fréchet speech distance", "", r.FDSD}, {"to the same texts", "", r.CFDSD}, {"among recordings", "", r.FloorFDSD},
	} {
		if row.value != nil {
			fmt.Fprintf(w, "%s\t%.4g\t%s\n", row.name, *row.value, row.unit)
		}
	}
	if r.Files > 0 {
		fmt.Fprintf(w, "files\t%d\t%.1f s, %d left out\n", r.Files, r.Seconds, r.Skipped)
	}
	return w.Flush()
}

// fileBar counts files on a terminal.
type fileBar struct {
	bar *progressbar.ProgressBar
	con console
}

func newFileBar(con console, n int) fileBar {
	f, ok := con.err.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) || n < 2 {
		return fileBar{}
	}
	return fileBar{progressbar.NewOptions(n, progressbar.OptionSetWriter(con.err), progressbar.OptionShowCount(),
		progressbar.OptionSetPredictTime(true), progressbar.OptionSetWidth(24), progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionSetTheme(progressbar.ThemeASCII)), con}
}

func (b fileBar) step() {
	if b.bar != nil {
		b.bar.Add(1)
	}
}

func (b fileBar) close() {
	if b.bar != nil {
		b.bar.Exit()
		fmt.Fprintln(b.con.err)
	}
}
