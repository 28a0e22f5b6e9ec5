package eats

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/tensor"
)

// SpectrogramSpec says how a spectrogram discriminator is built.
type SpectrogramSpec struct {
	Stem     int   `json:"stem"`               // channels of the first convolution
	Channels []int `json:"channels"`           // of each block
	Down     []int `json:"down"`               // what each block divides height and width by, 1 or 2
	Speakers int   `json:"speakers,omitempty"` // more than one: logits are of a spectrum and its speaker
}

// PublishedSpectrogram is the paper's discriminator as far as its description goes: 3.2 G
// multiply-adds for the 80 bands and 47 frames of two seconds.
var PublishedSpectrogram = SpectrogramSpec{Stem: 64, Channels: []int{512, 1024, 1024, 1024}, Down: []int{2, 2, 2, 1}, Speakers: 69}

// LaptopSpectrogram is a discriminator of 0.05 G multiply-adds for as much.
var LaptopSpectrogram = SpectrogramSpec{Stem: 16, Channels: []int{64, 128, 128, 128}, Down: []int{2, 2, 2, 1}}

func (s SpectrogramSpec) check() error {
	ok := len(s.Channels) == len(s.Down) && len(s.Channels) > 0 && s.Stem > 0 && s.Stem <= 1<<12 && s.Speakers >= 0 && s.Speakers <= 1<<16
	in := s.Stem
	for i, C := range s.Channels {
		ok = ok && C >= in && C%4 == 0 && C <= 1<<12 && i < len(s.Down) && (s.Down[i] == 1 || s.Down[i] == 2)
		in = C
	}
	if !ok {
		return fmt.Errorf("eats: spectrogram discriminator of %d and %v channels, divided by %v: channels must not shrink and be multiples of 4, divisors 1 or 2", s.Stem, s.Channels, s.Down)
	}
	return nil
}

// Spectrogram is the discriminator that sees log mel spectra of windows as images (section 2.3): a
// residual network as that of BigGAN-deep (Brock et al. 2019, appendix B), spectrally normalised,
// its last activations summed over the image.
type Spectrogram struct {
	Spec SpectrogramSpec `json:"-"`

	Stem     *nn.Conv2D
	Blocks   []*imageBlock
	Out      *nn.Linear
	Speakers *nn.Embedding // projections (Miyato and Koyama 2018); nil for one speaker
}

// imageBlock is a bottleneck, x [C, B, H, W] to [M, B, H/down, W/down]: a quarter of the channels
// inside; what M is more than C the shortcut gets from a 1×1 convolution.
type imageBlock struct {
	Convs []*nn.Conv2D // 1×1, 3×3, 3×3, 1×1
	More  *nn.Conv2D   // nil where M = C

	down int
}

func conv2D(C, M, size int, rng *rand.Rand) *nn.Conv2D {
	l := nn.NewConv2D(C, M, size, 1, size/2, nil)
	l.Bias = nn.NewParam(M)
	l.Weight.Prunable, l.Bias.NoDecay = false, true
	nn.Orthogonal(l.Weight, rng)
	nn.SpectralNorm(rng, l.Weight)
	return l
}

// NewSpectrogram returns a discriminator with first weights from rng, orthogonal ones.
func NewSpectrogram(s SpectrogramSpec, rng *rand.Rand) (*Spectrogram, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	d := &Spectrogram{Spec: s, Stem: conv2D(1, s.Stem, 3, rng)}
	in := s.Stem
	for i, C := range s.Channels {
		b := &imageBlock{down: s.Down[i], Convs: []*nn.Conv2D{
			conv2D(in, C/4, 1, rng), conv2D(C/4, C/4, 3, rng), conv2D(C/4, C/4, 3, rng), conv2D(C/4, C, 1, rng)}}
		if C > in {
			b.More = conv2D(in, C-in, 1, rng)
		}
		d.Blocks = append(d.Blocks, b)
		in = C
	}
	d.Out = nn.NewLinear(in, 1, nil)
	d.Out.Weight.Prunable = false
	nn.Orthogonal(d.Out.Weight, rng)
	nn.SpectralNorm(rng, d.Out.Weight)
	if s.Speakers > 1 {
		d.Speakers = nn.NewEmbedding(s.Speakers, in, rng)
		d.Speakers.Weight.Prunable = false
	}
	return d, nil
}

func (b *imageBlock) pool(t *grad.Tape, x *grad.Var) *grad.Var {
	if b.down == 1 {
		return x
	}
	return nn.AvgPool2D{Size: b.down, Stride: b.down}.Forward(t, x)
}

func (b *imageBlock) forward(t *grad.Tape, x *grad.Var) *grad.Var {
	y := x
	for i, c := range b.Convs {
		y = grad.ReLU(t, y)
		if i == len(b.Convs)-1 {
			y = b.pool(t, y)
		}
		y = c.Forward(t, y)
	}
	x = b.pool(t, x)
	if b.More != nil {
		x = grad.Concat(t, x, b.More.Forward(t, x))
	}
	return grad.Add(t, x, y)
}

// Forward returns the logits [1, B] of log mel spectra [F, B, T]. speakers [1, B] are their ids,
// nil where the discriminator knows one only.
func (d *Spectrogram) Forward(t *grad.Tape, mel *grad.Var, speakers *tensor.Tensor) *grad.Var {
	s := mel.Value.Shape
	if len(s) != 3 || (speakers != nil) != (d.Speakers != nil) {
		panic(fmt.Sprintf("eats: Spectrogram: x is %v, want [F, B, T]; %d speakers are known", s, d.Spec.Speakers))
	}
	x := grad.Images(t, mel)
	x = d.Stem.Forward(t, x)
	for _, b := range d.Blocks {
		x = b.forward(t, x)
	}
	x = grad.ReLU(t, x)
	area := x.Value.Shape[2] * x.Value.Shape[3]
	h := grad.GlobalAvgPool(t, x)
	B := s[1]
	h = grad.ScaleShift(t, h, float32(area), make([]float32, len(h.Value.Data)/B))
	logits := d.Out.Forward(t, h)
	if d.Speakers == nil {
		return logits
	}
	e := d.Speakers.Forward(t, t.Input(speakers)) // [C, 1, B]
	C := h.Value.Shape[0]
	product := grad.Mul(t, h, grad.Reshape(t, e, C, B))
	ones := make([]float32, C)
	for i := range ones {
		ones[i] = 1 / float32(math.Sqrt(float64(C)))
	}
	return grad.Add(t, logits, grad.Linear(t, product, &grad.Weight{M: 1, K: C, Dense: ones}, nil, nil))
}

// Cost returns the parameters of the convolutions and the multiply-adds for a spectrum of F bands and T
// frames.
func (d *Spectrogram) Cost(F, T int) (weights, macs int) {
	add := func(c *nn.Conv2D) { weights, macs = weights+c.Weight.Size(), macs+c.Weight.Size()*F*T }
	add(d.Stem)
	for _, b := range d.Blocks {
		for i, c := range b.Convs {
			if i == len(b.Convs)-1 {
				F, T = F/b.down, T/b.down
			}
			add(c)
		}
		if b.More != nil {
			add(b.More)
		}
	}
	return weights, macs
}
