package main

import (
	"image"
	"image/png"
	"io"

	"github.com/seed073b5613/filigree/audio"
	"github.com/seed073b5613/filigree/train"
)

// spectrogramCommand draws a recording.
type spectrogramCommand struct {
	File string `arg:"" help:"The recording: WAV, FLAC, MP3 or Opus."`
	Out  string `short:"o" required:"" placeholder:"FILE" help:"The PNG file to write; - is standard output."`
	Mel  bool   `help:"Draw what voices learn: the logarithm of 80 mel bands at 16 kHz."`
}

func (c spectrogramCommand) Run(con console) error {
	sound, err := audio.Open(c.File)
	if err != nil {
		return err
	}
	var img *image.RGBA
	if c.Mel {
		front := audio.VoiceMel()
		img = front.Picture(front.Of(sound.At(front.Rate)))
	} else {
		img = audio.Spectrogram(sound.Mono(), sound.Rate)
	}
	write := func(w io.Writer) error { return png.Encode(w, img) }
	if c.Out == "-" {
		return write(con.out)
	}
	return train.WriteFile(c.Out, write)
}
