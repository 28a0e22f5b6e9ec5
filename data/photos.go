package data

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// What colours are normalised by: mean and standard deviation of ImageNet's training images
// in red, green and blue, in shares of 255.
var (
	PhotoMean      = [3]float32{0.485, 0.456, 0.406}
	PhotoDeviation = [3]float32{0.229, 0.224, 0.225}
)

// Photos is a list of labelled image files. It may be used by several goroutines.
type Photos struct {
	dir     string
	files   []string // paths from dir
	labels  []int32
	trouble *trouble // shared with lists made from this one
}

// Len returns the number of images.
func (p *Photos) Len() int { return len(p.files) }

// Labels returns the label of each image. It must not be changed.
func (p *Photos) Labels() []int32 { return p.labels }

// Some returns n images spread evenly over the list, so that classes keep their shares, or
// all where there are fewer.
func (p *Photos) Some(n int) *Photos {
	if n <= 0 || n >= p.Len() {
		return p
	}
	want := 0
	return p.where(func(i int) bool {
		if i != want*p.Len()/n {
			return false
		}
		want++
		return true
	})
}

// where returns the images a function picks.
func (p *Photos) where(keep func(i int) bool) *Photos {
	q := &Photos{dir: p.dir, trouble: p.trouble}
	for i := range p.files {
		if keep(i) {
			q.files, q.labels = append(q.files, p.files[i]), append(q.labels, p.labels[i])
		}
	}
	return q
}

func (p *Photos) path(i int) string { return filepath.Join(p.dir, p.files[i]) }

// Warning returns how many images of the whole tree could not be read up to now, and how many
// classes no test image is of, and names the first of them by name; empty if there were none.
func (p *Photos) Warning() string { return p.trouble.warning() }

// mostNamed is how many files, or classes, a warning names.
const mostNamed = 3

// mostBad is how many files in a row may be unreadable before it is an error.
const mostBad = 64

// trouble remembers the files that could not be read, so that each is tried once.
type trouble struct {
	mu  sync.RWMutex
	bad map[string]error

	known string // what else is wrong with the tree, known from the start; mostly empty
}

func (t *trouble) add(path string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.bad[path] = err
}

func (t *trouble) of(path string) error {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.bad[path]
}

func (t *trouble) warning() string {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if len(t.bad) == 0 {
		return t.known
	}
	var lines []string
	for _, err := range t.bad {
		lines = append(lines, err.Error()) // begins with the path
	}
	slices.Sort(lines)
	text := fmt.Sprintf("images that could not be read and were skipped: %d: %s", len(t.bad), few(lines))
	if t.known != "" {
		text = t.known + "; " + text
	}
	return text
}

// few joins the first of some texts and counts the others.
func few(texts []string) string {
	if n := len(texts) - mostNamed; n > 0 {
		return fmt.Sprintf("%s; and %d more", strings.Join(texts[:mostNamed], "; "), n)
	}
	return strings.Join(texts, "; ")
}
