package data

import (
	"bytes"
	"image/jpeg"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/seed073b5613/filigree/internal/testkit"
)

// samplePhotos lists 100 photographs of ImageNet.
func samplePhotos(b *testing.B) *Photos {
	l, err := list(testkit.Shared(b, "data/imagenet-sample") + "/val")
	if err != nil {
		b.Fatal(err)
	}
	return l.photos(l.classes)
}

// BenchmarkPhotos measures loading at 224 pixels: decoding, whole and by image/jpeg, and cropping
// on one goroutine, batches of 32 random crops with as many as there are workers.
func BenchmarkPhotos(b *testing.B) {
	const side = 224
	photos := samplePhotos(b)
	perSecond := func(b *testing.B, n int) { b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "images/s") }
	b.Run("decode", func(b *testing.B) {
		var d photoRoom
		i := 0
		for ; b.Loop(); i++ {
			if _, err := d.open(photos, i%photos.Len(), nil); err != nil {
				b.Fatal(err)
			}
		}
		perSecond(b, i)
	})
	b.Run("library", func(b *testing.B) { // what image/jpeg takes for the same
		var d photoRoom
		i := 0
		for ; b.Loop(); i++ {
			if err := d.load(photos.path(i % photos.Len())); err != nil {
				b.Fatal(err)
			}
			if _, err := jpeg.Decode(bytes.NewReader(d.file)); err != nil {
				b.Fatal(err)
			}
		}
		perSecond(b, i)
	})
	b.Run("crop", func(b *testing.B) {
		rooms := make([]photoRoom, 20)
		for i := range rooms {
			file, err := os.ReadFile(photos.path(5 * i))
			if err != nil {
				b.Fatal(err)
			}
			if err := rooms[i].decode(file, nil); err != nil {
				b.Fatal(err)
			}
		}
		var rgb [3][]float32
		for c := range rgb {
			rgb[c] = make([]float32, side*side)
		}
		rng := rand.New(rand.NewPCG(1, 1))
		var r resampler
		i := 0
		for ; b.Loop(); i++ {
			p := &rooms[i%len(rooms)].pic
			r.show(p, randomCrop(p.w, p.h, rng), side, rgb)
		}
		perSecond(b, i)
	})
	b.Run("batches", func(b *testing.B) {
		source := photos.Batches(32, side, true, 1)
		n := 0
		for ; b.Loop(); n++ {
			source.Next()
		}
		perSecond(b, 32*n)
	})
}
