package audio

import "math"

// LinearPrediction finds the filters that foretell a sound from its log mel spectra, as LPCNet does (Valin and Skoglund
// 2019, arXiv:1810.11846): the envelope of a spectrum, its autocorrelation, and Levinson's recursion.
type LinearPrediction struct {
	left   []int     // of each frequency, the band below
	share  []float64 // and how far it is from there to the next
	area   []float64 // ln of the sum of each band's weights
	weight []float64 // of each frequency: the power of the emphasis
	cosine []float64 // [order+1, envelopeBins]

	power   []float64
	r, a, b []float64 // autocorrelation and filters
}

const (
	envelopeBins  = 257  // frequencies an envelope is looked at
	envelopeSmear = 40.0 // Hz: peaks are at least so wide
	envelopeNoise = 1e-4 // share of noise in each: 40 dB below
)

// Prediction returns a finder of filters of an order for sound that is emphasised, x[i] - emphasis·x[i-1]. It serves one goroutine.
func (m *Mel) Prediction(order int, emphasis float64) *LinearPrediction {
	p := &LinearPrediction{power: make([]float64, envelopeBins), r: make([]float64, order+1), a: make([]float64, order+1), b: make([]float64, order+1)}
	width := len(m.Filters) / m.Bands
	for b := range m.Bands {
		sum := 0.0
		for _, v := range m.Filters[b*width : (b+1)*width] {
			sum += float64(v)
		}
		p.area = append(p.area, math.Log(sum))
	}
	rate := float64(m.Rate)
	top := HTK.Mel(rate / 2)
	for k := range envelopeBins {
		w := math.Pi * float64(k) / (envelopeBins - 1)
		place := HTK.Mel(w/(2*math.Pi)*rate)/top*float64(m.Bands+1) - 1 // in bands
		place = max(0, min(place, float64(m.Bands-1)))
		left := min(int(place), m.Bands-2)
		p.left, p.share = append(p.left, left), append(p.share, place-float64(left))
		p.weight = append(p.weight, 1-2*emphasis*math.Cos(w)+emphasis*emphasis)
	}
	for i := range order + 1 {
		lag := 2 * math.Pi * envelopeSmear / rate * float64(i)
		for k := range envelopeBins {
			p.cosine = append(p.cosine, math.Cos(math.Pi*float64(k*i)/(envelopeBins-1))*math.Exp(-lag*lag/2))
		}
	}
	return p
}

// Filter puts the weights of the samples before, the last one first, into dst of the order, for a spectrum logMel [bands], ln.
func (p *LinearPrediction) Filter(dst, logMel []float32) {
	for k := range p.power {
		l, share := p.left[k], p.share[k]
		below, above := float64(logMel[l])-p.area[l], float64(logMel[l+1])-p.area[l+1]
		p.power[k] = p.weight[k] * math.Exp(2*(below*(1-share)+above*share))
	}
	for i := range p.r {
		sum := 0.0
		for k, c := range p.cosine[i*envelopeBins : (i+1)*envelopeBins] {
			sum += c * p.power[k]
		}
		p.r[i] = sum
	}
	p.r[0] *= 1 + envelopeNoise
	clear(p.a)
	p.a[0] = 1
	rest := p.r[0]
	for i := 1; i < len(p.a); i++ {
		sum := 0.0
		for j := range i {
			sum += p.a[j] * p.r[i-j]
		}
		k := -sum / rest
		copy(p.b, p.a)
		for j := 1; j <= i; j++ {
			p.a[j] = p.b[j] + k*p.b[i-j]
		}
		rest *= 1 - k*k
	}
	for i := range dst {
		dst[i] = float32(-p.a[i+1])
	}
}
