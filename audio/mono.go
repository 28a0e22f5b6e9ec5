package audio

import (
	"fmt"
	"io"
)

// ReadMono reads the mean of a stream's channels at another rate, in memory for the result
// alone. It returns an error for more than most samples, or with most 0 takes all.
func ReadMono(s Stream, rate, most int) ([]float32, error) {
	C := s.Channels()
	buf := make([]float32, 4096*C)
	mixed := make([]float32, 4096)
	r := NewResampler(s.Rate(), rate)
	var out []float32
	for {
		n, err := s.Read(buf)
		if err == io.EOF {
			return r.Flush(out), nil
		}
		if err != nil {
			return nil, err
		}
		for t := range n / C {
			sum := float32(0)
			for _, v := range buf[t*C : (t+1)*C] {
				sum += v
			}
			mixed[t] = sum / float32(C)
		}
		if out = r.Push(out, mixed[:n/C]); most > 0 && len(out) > most {
			return nil, fmt.Errorf("longer than %.0f s", float64(most)/float64(rate))
		}
	}
}
