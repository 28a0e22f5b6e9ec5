package data

import (
	"context"
	"fmt"
	"io"
	"unicode/utf8"
)

// liveBlock is how much of a stream is read at a time.
const liveBlock = 1 << 14

// Live reads a stream of text that may have no end, chunk by chunk, and counts its characters.
// Bytes that are not UTF-8 are passed on, each a character, and counted apart.
type Live struct {
	Bytes      int64 // passed on
	Characters int64 // begun by the bytes passed on
	Invalid    int64 // bytes that are not UTF-8
	First      int64 // place of the first of them

	ctx    context.Context
	blocks chan []byte
	err    error // valid once blocks is closed
	ahead  []byte
	tail   []byte // bytes passed on that may begin a character
}

// NewLive reads from r, in a goroutine that ends with the stream or soon after ctx, or at the
// first read after.
func NewLive(ctx context.Context, r io.Reader) *Live {
	l := &Live{ctx: ctx, blocks: make(chan []byte)}
	go func() {
		defer close(l.blocks)
		for {
			b := make([]byte, liveBlock)
			n, err := r.Read(b)
			if n > 0 {
				select {
				case l.blocks <- b[:n]:
				case <-ctx.Done():
					return
				}
			}
			if err != nil {
				if err != io.EOF {
					l.err = fmt.Errorf("data: read the stream: %w", err)
				}
				return
			}
		}
	}()
	return l
}

// Next appends the next n bytes to out, fewer where the stream ends and none after, or once
// the context has ended. The error says why a stream broke off.
func (l *Live) Next(out []byte, n int) ([]byte, error) {
	start := len(out)
	for len(out)-start < n {
		if len(l.ahead) == 0 {
			select {
			case b, ok := <-l.blocks:
				if !ok {
					l.count(out[start:], true)
					return out, l.err
				}
				l.ahead = b
			case <-l.ctx.Done(): // what was not passed on is read again by who resumes
				return out[:start], nil
			}
		}
		k := min(n-(len(out)-start), len(l.ahead))
		out, l.ahead = append(out, l.ahead[:k]...), l.ahead[k:]
	}
	l.count(out[start:], false)
	return out, nil
}

// count counts the characters of bytes that follow those before; end says that none follow.
func (l *Live) count(p []byte, end bool) {
	at := l.Bytes - int64(len(l.tail))
	l.Bytes += int64(len(p))
	p = append(l.tail, p...)
	for len(p) > 0 && (end || utf8.FullRune(p)) {
		r, size := utf8.DecodeRune(p)
		if r == utf8.RuneError && size == 1 {
			if l.Invalid == 0 {
				l.First = at
			}
			l.Invalid++
		}
		l.Characters++
		p, at = p[size:], at+int64(size)
	}
	l.tail = append([]byte(nil), p...)
}

// Warning says what was wrong with the stream, or nothing.
func (l *Live) Warning() string {
	if l.Invalid == 0 {
		return ""
	}
	return fmt.Sprintf("%d bytes are not UTF-8, the first at byte %d; each counts as a character", l.Invalid, l.First)
}

// LiveState is how far a stream was read.
type LiveState struct {
	Bytes, Characters, Invalid, First int64
	Tail                              []byte
}

// State returns how far the stream was read.
func (l *Live) State() LiveState {
	return LiveState{l.Bytes, l.Characters, l.Invalid, l.First, l.tail}
}

// Resume goes on as if the stream had been read so far; the reader must stand there.
func (l *Live) Resume(s LiveState) error {
	if s.Bytes < 0 || s.Characters < 0 || s.Characters > s.Bytes || s.Invalid < 0 || s.Invalid > s.Bytes || len(s.Tail) >= utf8.UTFMax || utf8.FullRune(s.Tail) {
		return fmt.Errorf("data: place in a stream: %d bytes, %d characters, %d invalid, tail of %d", s.Bytes, s.Characters, s.Invalid, len(s.Tail))
	}
	l.Bytes, l.Characters, l.Invalid, l.First, l.tail = s.Bytes, s.Characters, s.Invalid, s.First, s.Tail
	return nil
}
