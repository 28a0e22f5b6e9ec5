package tfevents

import (
	"encoding/hex"
	"testing"
	"time"
)

// The expected bytes follow from the framing and from event.proto by hand; the
// checksums are those of the CRC-32C definition (RFC 3720, B.4).
func TestBytes(t *testing.T) {
	if got := masked(make([]byte, 32)); got != rotated(0x8a9136aa) { // CRC-32C of 32 zeros
		t.Errorf("masked CRC of 32 zeros is %#x", got)
	}
	b := Scalars(time.Unix(1, 0), 300, []Scalar{{"ab", 1.5}})
	data := "09" + "000000000000f03f" + "10" + "ac02" + "2a0b" + "0a09" + "0a026162" + "15" + "0000c03f"
	if got := hex.EncodeToString(b[12 : len(b)-4]); got != data {
		t.Errorf("message\n%s, want\n%s", got, data)
	}
	if len(b) != 16+len(data)/2 || b[0] != byte(len(data)/2) {
		t.Errorf("record of %d bytes says its message has %d", len(b), b[0])
	}
	h := Header(time.Unix(1, 0))
	if got := string(h[len(h)-4-13 : len(h)-4]); got != "brain.Event:2" {
		t.Errorf("header ends with %q", got)
	}
}

func rotated(c uint32) uint32 { return (c>>15 | c<<17) + 0xa282ead8 }
