// Package codecs adds FLAC, MP3 and Opus to the files that package audio reads, by being
// imported; and it writes FLAC and plays sound.
package codecs

import (
	"bufio"
	"fmt"
	"io"

	"github.com/seed073b5613/filigree/audio"
)

func init() {
	audio.RegisterFormat(audio.Format{Name: "FLAC", Endings: []string{"flac"}, Magic: []string{"fLaC"},
		Open: func(r io.Reader) (audio.Stream, error) { return newFLACReader(r) }})
	audio.RegisterFormat(audio.Format{Name: "MP3", Endings: []string{"mp3"},
		Magic: []string{"ID3", "\xff\xfb", "\xff\xfa", "\xff\xf3", "\xff\xf2"},
		Open:  openTagged})
	audio.RegisterFormat(audio.Format{Name: "Opus", Endings: []string{"opus", "ogg"}, Magic: []string{"OggS"},
		Open: func(r io.Reader) (audio.Stream, error) { return newOpusReader(r) }})
}

// openTagged reads MP3, or FLAC behind the tags of an MP3 file, which some programs write.
func openTagged(r io.Reader) (audio.Stream, error) {
	in := bufio.NewReaderSize(r, 1<<16)
	if err := skipID3(in); err != nil {
		return nil, err
	}
	if head, _ := in.Peek(4); string(head) == "fLaC" {
		return newFLACReader(in)
	}
	return newMP3Reader(in)
}

// guard makes an error of a panic: the libraries report some damage that way.
func guard(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("damaged: %v", p)
		}
	}()
	return f()
}

// room panics where dst does not hold one sample of each channel.
func room(dst []float32, channels int) {
	if len(dst) < channels {
		panic(fmt.Sprintf("codecs: Read: room for %d samples of %d channels", len(dst), channels))
	}
}
