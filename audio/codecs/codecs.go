// Package codecs adds kinds of sound files to package audio by being imported.
package codecs

import (
	"errors"
	"fmt"
	"io"

	"github.com/mewkiz/flac"

	"github.com/seed073b5613/filigree/audio"
)

func init() { audio.RegisterFormat("FLAC", "fLaC", decodeFLAC) }

// decodeFLAC reads a FLAC stream. The library reports damage by panics here and there.
func decodeFLAC(r io.Reader) (s *audio.Sound, err error) {
	defer func() {
		if p := recover(); p != nil {
			s, err = nil, fmt.Errorf("damaged: %v", p)
		}
	}()
	stream, err := flac.New(r)
	if err != nil {
		return nil, short(err)
	}
	info := stream.Info
	if info.NChannels == 0 || info.SampleRate == 0 || info.BitsPerSample == 0 {
		return nil, errors.New("no channels, rate or sample size")
	}
	s = &audio.Sound{Rate: int(info.SampleRate), Channels: make([][]float32, info.NChannels)}
	scale := 1 / float32(uint64(1)<<(info.BitsPerSample-1))
	for {
		frame, err := stream.ParseNext()
		if err == io.EOF && (info.NSamples == 0 || uint64(s.Len()) == info.NSamples) {
			return s, nil
		}
		if err != nil {
			return nil, fmt.Errorf("after sample %d of %d: %w", s.Len(), info.NSamples, short(err))
		}
		if len(frame.Subframes) != len(s.Channels) {
			return nil, fmt.Errorf("after sample %d: %d channels, %d before", s.Len(), len(frame.Subframes), len(s.Channels))
		}
		for c, sub := range frame.Subframes {
			for _, v := range sub.Samples {
				s.Channels[c] = append(s.Channels[c], float32(v)*scale)
			}
		}
	}
}

func short(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("cut short")
	}
	return err
}
