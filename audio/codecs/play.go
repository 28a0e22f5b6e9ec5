package codecs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/jfreymuth/pulse"
	"github.com/jfreymuth/pulse/proto"

	"github.com/seed073b5613/filigree/audio"
)

// Player plays sound while it is being made: through the PulseAudio protocol, which
// PipeWire speaks too, or else through the first of the programs pw-play, aplay, ffplay
// and play that is there.
type Player struct {
	channels int
	server   *pulsePlayer
	program  *programPlayer
}

// NewPlayer connects to the sound server or starts a program. The error says what was
// tried.
func NewPlayer(rate, channels int) (*Player, error) {
	s, err := newPulsePlayer(rate, channels)
	if err == nil {
		return &Player{channels: channels, server: s}, nil
	}
	p, missing := newProgramPlayer(rate, channels)
	if missing == nil {
		return &Player{channels: channels, program: p}, nil
	}
	return nil, fmt.Errorf("audio: play: no sound server (%w), and %w", err, missing)
}

// Write plays samples, all channels' of a time side by side, after those before. It
// returns once they are buffered. It panics where samples does not fill whole times.
func (p *Player) Write(samples []float32) error {
	if len(samples)%p.channels != 0 {
		panic(fmt.Sprintf("codecs: Player: %d samples for %d channels", len(samples), p.channels))
	}
	var err error
	if p.server != nil {
		err = p.server.write(samples)
	} else {
		err = p.program.write(samples)
	}
	if err != nil {
		return fmt.Errorf("audio: play: %w", err)
	}
	return nil
}

// Close waits until all has been heard.
func (p *Player) Close() error {
	var err error
	if p.server != nil {
		err = p.server.close()
	} else {
		err = p.program.close()
	}
	if err != nil {
		return fmt.Errorf("audio: play: %w", err)
	}
	return nil
}

// pulsePlayer hands samples to the goroutine of the client that asks for them.
type pulsePlayer struct {
	client *pulse.Client
	stream *pulse.PlaybackStream
	queue  chan []float32
	now    []float32     // being played
	ended  chan struct{} // closed when the last sample has gone to the server
	once   sync.Once
	begun  bool
}

func newPulsePlayer(rate, channels int) (*pulsePlayer, error) {
	if channels < 1 || channels > 32 {
		return nil, fmt.Errorf("%d channels", channels)
	}
	c, err := pulse.NewClient(pulse.ClientApplicationName("filigree"))
	if err != nil {
		return nil, err
	}
	p := &pulsePlayer{client: c, queue: make(chan []float32, 4), ended: make(chan struct{})}
	layout := proto.ChannelMap{proto.ChannelMono}
	if channels > 1 {
		layout = nil
		for i := range channels {
			layout = append(layout, byte(proto.ChannelLeft+i))
		}
	}
	p.stream, err = c.NewPlayback(pulse.Float32Reader(p.read), pulse.PlaybackChannels(layout),
		pulse.PlaybackSampleRate(rate), pulse.PlaybackLatency(0.1))
	if err != nil {
		c.Close()
		return nil, err
	}
	return p, nil
}

// read gives the server what is queued; after the end, silence, until it is stopped.
func (p *pulsePlayer) read(dst []float32) (int, error) {
	for len(p.now) == 0 {
		next, ok := <-p.queue
		if !ok {
			p.once.Do(func() { close(p.ended) })
			clear(dst)
			return len(dst), nil
		}
		p.now = next
	}
	n := copy(dst, p.now)
	p.now = p.now[n:]
	return n, nil
}

func (p *pulsePlayer) write(samples []float32) error {
	if !p.begun {
		p.begun = true
		go p.stream.Start() // which waits for the first sound
	}
	select {
	case p.queue <- append([]float32(nil), samples...):
		return nil
	case <-time.After(10 * time.Second):
	}
	if err := p.stream.Error(); err != nil {
		return err
	}
	return errors.New("the sound server takes no more samples")
}

func (p *pulsePlayer) close() error {
	defer p.client.Close()
	close(p.queue)
	if !p.begun {
		return nil
	}
	select {
	case <-p.ended:
	case <-time.After(30 * time.Second):
		return errors.New("the sound server stopped playing")
	}
	// What it has buffered is still to be heard.
	time.Sleep(time.Duration(float64(p.stream.BufferSize()) / float64(p.stream.SampleRate()) * float64(time.Second)))
	p.stream.Stop()
	err := p.stream.Error()
	p.stream.Close()
	return err
}

// programs play a WAV file from their standard input.
var programs = [][]string{
	{"pw-play", "-"},
	{"aplay", "-q", "-t", "wav", "-"},
	{"ffplay", "-nodisp", "-autoexit", "-loglevel", "error", "-i", "-"},
	{"play", "-q", "-t", "wav", "-"},
}

type programPlayer struct {
	cmd     *exec.Cmd
	in      io.WriteCloser
	wav     *audio.WAVWriter
	message bytes.Buffer
	err     error
}

func newProgramPlayer(rate, channels int) (*programPlayer, error) {
	var names []string
	for _, args := range programs {
		names = append(names, args[0])
		path, err := exec.LookPath(args[0])
		if err != nil {
			continue
		}
		p := &programPlayer{cmd: exec.Command(path, args[1:]...)}
		p.cmd.Stderr = &p.message
		if p.in, err = p.cmd.StdinPipe(); err != nil {
			return nil, err
		}
		if err := p.cmd.Start(); err != nil {
			return nil, err
		}
		p.wav = audio.NewWAVWriter(onlyWrite{p.in}, rate, channels)
		return p, nil
	}
	return nil, fmt.Errorf("none of the programs %s: %w", strings.Join(names, ", "), os.ErrNotExist)
}

func (p *programPlayer) write(samples []float32) error {
	if p.err != nil {
		return p.err
	}
	if err := p.wav.Write(samples); err != nil {
		return p.wait(err)
	}
	return nil
}

func (p *programPlayer) close() error {
	if p.err != nil {
		return p.err
	}
	return p.wait(p.wav.Close())
}

// wait ends the program and adds what it said to an error.
func (p *programPlayer) wait(err error) error {
	if e := p.in.Close(); err == nil {
		err = e
	}
	if e := p.cmd.Wait(); e != nil {
		err = e
	}
	p.err = os.ErrClosed
	if err == nil {
		return nil
	}
	p.err = fmt.Errorf("%s: %w", p.cmd.Args[0], err)
	if said := strings.TrimSpace(p.message.String()); said != "" {
		p.err = fmt.Errorf("%w: %s", p.err, said)
	}
	return p.err
}
