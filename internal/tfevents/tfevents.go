// Package tfevents writes scalars as TensorBoard event files: records of the
// TFRecord framing (length, masked CRC-32C of the length, data, masked CRC-32C of the
// data) that hold Event messages of TensorFlow's event.proto, of which only wall
// time, step, file version and simple summary values are written.
package tfevents

import (
	"encoding/binary"
	"hash/crc32"
	"math"
	"time"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Header returns the record a file begins with.
func Header(now time.Time) []byte {
	const version = 3 // field of Event: file_version
	return record(text(event(now, 0), version, "brain.Event:2"))
}

// Scalar is a named value.
type Scalar struct {
	Tag   string
	Value float64
}

// Scalars returns one record with values of a step. Records are appended to a file
// that begins with a Header.
func Scalars(now time.Time, step int, values []Scalar) []byte {
	// Event.summary = 5; Summary.value = 1; Value.tag = 1, Value.simple_value = 2.
	var summary []byte
	for _, v := range values {
		value := text(nil, 1, v.Tag)
		value = append(value, 2<<3|5)
		value = binary.LittleEndian.AppendUint32(value, math.Float32bits(float32(v.Value)))
		summary = text(summary, 1, string(value))
	}
	return record(text(event(now, step), 5, string(summary)))
}

// event begins an Event: wall_time = 1 (double), step = 2 (int64).
func event(now time.Time, step int) []byte {
	b := binary.LittleEndian.AppendUint64([]byte{1<<3 | 1}, math.Float64bits(float64(now.UnixNano())/1e9))
	return binary.AppendUvarint(append(b, 2<<3), uint64(step))
}

// text appends a field of bytes.
func text(b []byte, field int, s string) []byte {
	b = binary.AppendUvarint(b, uint64(field)<<3|2)
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

// record frames a message.
func record(data []byte) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(data)))
	b = binary.LittleEndian.AppendUint32(b, masked(b))
	b = append(b, data...)
	return binary.LittleEndian.AppendUint32(b, masked(data))
}

// masked is the CRC the framing uses, so that the CRC of data with CRCs in it stays
// meaningful.
func masked(b []byte) uint32 {
	c := crc32.Checksum(b, castagnoli)
	return (c>>15 | c<<17) + 0xa282ead8
}
