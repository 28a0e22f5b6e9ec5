package data

import (
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Tree is a folder of images, one folder a class, in the layout of ImageNet.
type Tree struct {
	Train, Test *Photos
	Classes     []string // names of the folders, in order: a label is an index into it
	Note        string   // how the test images were set apart and what was left out; empty if nothing was
}

// OpenTree lists the images below a folder. It has train/CLASS/... and val/CLASS/... (or
// test/CLASS/...), or only one of the two, or CLASS/... directly: then a fifth of the
// images, chosen by a hash of their names, is set apart for testing, and Note says so. Images
// are the files that end in .jpg, .jpeg or .png, in either case, at any depth below their
// class; hidden files do not count. They are read when they are needed, but one is read
// here, so that a tree without any readable image is an error at once.
func OpenTree(dir string) (*Tree, error) {
	t, err := openTree(dir)
	if err != nil {
		return nil, fmt.Errorf("data: images: %w", err)
	}
	return t, nil
}

// The folders of a tree, the usual name first.
var (
	trainFolders = []string{"train", "training"}
	testFolders  = []string{"val", "valid", "validation", "test"}
)

func openTree(dir string) (*Tree, error) {
	names, err := folders(dir)
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("%s: no folders in it: want train/CLASS/*.jpg and val/CLASS/*.jpg", dir)
	}
	training, test := firstOf(trainFolders, names), firstOf(testFolders, names)
	t := &Tree{}
	var other int
	switch {
	case training != "" && test != "":
		var a, b *listing
		if a, err = list(filepath.Join(dir, training)); err != nil {
			return nil, err
		}
		if b, err = list(filepath.Join(dir, test)); err != nil {
			return nil, err
		}
		for _, c := range b.classes {
			if !slices.Contains(a.classes, c) {
				return nil, fmt.Errorf("%s: class %s has no folder in %s", filepath.Join(dir, test), c, filepath.Join(dir, training))
			}
		}
		t.Classes, other = a.classes, a.other+b.other
		t.Train, t.Test = a.photos(t.Classes), b.photos(t.Classes)
		t.Test.trouble = t.Train.trouble
		t.Train.trouble.known = b.missing(a.classes)
	default:
		whole, why := training+test, fmt.Sprintf("%s has only a folder %s", dir, training+test)
		if whole == "" {
			why = fmt.Sprintf("%s has no folders train and val, so its folders are the classes", dir)
		}
		l, err := list(filepath.Join(dir, whole))
		if err != nil {
			return nil, err
		}
		t.Classes, other = l.classes, l.other
		if t.Train, t.Test, err = l.photos(l.classes).split(); err != nil {
			return nil, err
		}
		t.Note = fmt.Sprintf("%s: a hash of their names sets %d of %d images apart for testing", why, t.Test.Len(), t.Test.Len()+t.Train.Len())
	}
	if other > 0 {
		if t.Note != "" {
			t.Note += "; "
		}
		t.Note += fmt.Sprintf("files left out that are neither .jpg, .jpeg nor .png: %d", other)
	}
	if len(t.Classes) < 2 {
		return nil, fmt.Errorf("%s: only one class, %s", dir, t.Classes[0])
	}
	return t, t.Train.probe()
}

func firstOf(wanted, names []string) string {
	for _, w := range wanted {
		if slices.Contains(names, w) {
			return w
		}
	}
	return ""
}

// folders lists the folders in a folder that are not hidden, and links to folders, by name.
func folders(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", dir, cause(err))
	}
	var names []string
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") && isFolder(dir, e) {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

func isFolder(dir string, e fs.DirEntry) bool {
	if e.Type()&fs.ModeSymlink == 0 {
		return e.IsDir()
	}
	info, err := os.Stat(filepath.Join(dir, e.Name()))
	return err == nil && info.IsDir()
}

// listing is the images of one folder of classes.
type listing struct {
	dir     string
	classes []string
	files   [][]string // paths from dir, by class
	other   int        // files that are no images
}

func list(dir string) (*listing, error) {
	l := &listing{dir: dir}
	var err error
	if l.classes, err = folders(dir); err != nil {
		return nil, err
	}
	if len(l.classes) == 0 {
		return nil, fmt.Errorf("%s: no class folders in it", dir)
	}
	for _, c := range l.classes {
		var files []string
		if err := l.walk(c, &files, 0); err != nil {
			return nil, err
		}
		if len(files) == 0 {
			return nil, fmt.Errorf("%s: class %s is empty: no .jpg, .jpeg or .png file below %s", dir, c, filepath.Join(dir, c))
		}
		l.files = append(l.files, files)
	}
	return l, nil
}

// missing returns a warning of the classes that have no folder here; empty if all have one.
func (l *listing) missing(classes []string) string {
	names := slices.DeleteFunc(slices.Clone(classes), func(c string) bool { return slices.Contains(l.classes, c) })
	if len(names) == 0 {
		return ""
	}
	return fmt.Sprintf("classes without test images, as they have no folder in %s: %d: %s", l.dir, len(names), few(names))
}

// deepest bounds how deep folders nest, since links can make a circle of them.
const deepest = 16

func (l *listing) walk(sub string, files *[]string, depth int) error {
	if depth == deepest {
		return fmt.Errorf("%s: folders nest more than %d deep", filepath.Join(l.dir, sub), deepest)
	}
	dir := filepath.Join(l.dir, sub)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("read %s: %w", dir, cause(err))
	}
	for _, e := range entries {
		path := filepath.Join(sub, e.Name())
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		if isFolder(dir, e) {
			if err := l.walk(path, files, depth+1); err != nil {
				return err
			}
			continue
		}
		switch strings.ToLower(filepath.Ext(path)) {
		case ".jpg", ".jpeg", ".png":
			*files = append(*files, path)
		default:
			l.other++
		}
	}
	return nil
}

// photos lists all images; labels are positions in classes, which has all of l's.
func (l *listing) photos(classes []string) *Photos {
	p := &Photos{dir: l.dir, trouble: &trouble{bad: map[string]error{}}}
	for i, c := range l.classes {
		label := int32(slices.Index(classes, c))
		for _, f := range l.files[i] {
			p.files, p.labels = append(p.files, f), append(p.labels, label)
		}
	}
	return p
}

// split sets about a fifth apart. Whether an image is in it depends on its own name alone,
// except that neither side stays empty.
func (p *Photos) split() (training, test *Photos, err error) {
	if p.Len() < 2 {
		return nil, nil, fmt.Errorf("%s: one image is too few to train and to test", p.dir)
	}
	const in = 5
	pick := make([]bool, p.Len())
	lowest, count := 0, 0
	hashes := make([]uint64, p.Len())
	for i, f := range p.files {
		h := fnv.New64a()
		h.Write([]byte(filepath.ToSlash(f)))
		hashes[i] = mix(h.Sum64())
		if hashes[i] < hashes[lowest] {
			lowest = i
		}
		if pick[i] = hashes[i]%in == 0; pick[i] {
			count++
		}
	}
	if count == 0 || count == p.Len() {
		pick[lowest] = !pick[lowest]
	}
	training, test = p.where(func(i int) bool { return !pick[i] }), p.where(func(i int) bool { return pick[i] })
	return training, test, nil
}

// mix spreads the bits of x over all of them (the finaliser of SplitMix64, Steele, Lea and
// Flood 2014).
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// probe reports whether none of the first images can be read.
func (p *Photos) probe() error {
	var d decoder
	err := errors.New("no images")
	for i := range min(p.Len(), mostBad) {
		if _, err = d.read(p.path(i), nil); err == nil {
			return nil
		}
		p.trouble.add(p.path(i), err)
	}
	return fmt.Errorf("%s: none of the first %d images can be read; the last: %w", p.dir, min(p.Len(), mostBad), err)
}
