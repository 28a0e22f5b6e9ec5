package quality

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/seed073b5613/filigree/audio"
)

// Pair names the files of a recording and of what is to be like it.
type Pair struct{ Name, Reference, Generated string }

// Match pairs two files, or the sounds of two folders and those in them that have the same
// name but for its ending; a file also finds its like in a folder. It returns the
// generated files without a recording besides. Two sounds of one name in a folder are an
// error, and no pair at all.
func Match(reference, generated string) (pairs []Pair, alone []string, err error) {
	refs, one, err := sounds(reference)
	if err != nil {
		return nil, nil, err
	}
	gens, two, err := sounds(generated)
	if err != nil {
		return nil, nil, err
	}
	if one && two {
		return []Pair{{bare(generated), reference, generated}}, nil, nil
	}
	for name, path := range gens {
		if ref, ok := refs[name]; ok {
			pairs = append(pairs, Pair{name, ref, path})
		} else {
			alone = append(alone, path)
		}
	}
	if len(pairs) == 0 {
		return nil, nil, fmt.Errorf("quality: no sound in %s has the name of one in %s: %d and %d there", generated, reference, len(gens), len(refs))
	}
	slices.SortFunc(pairs, func(a, b Pair) int { return strings.Compare(a.Name, b.Name) })
	slices.Sort(alone)
	return pairs, alone, nil
}

// bare returns a file's name without its folder and ending.
func bare(path string) string {
	return strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
}

// sounds returns the sound files in a folder and those below, or the one file, by name.
func sounds(path string) (found map[string]string, file bool, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, false, fmt.Errorf("quality: %w", err)
	}
	if !info.IsDir() {
		return map[string]string{bare(path): path}, true, nil
	}
	found = map[string]string{}
	err = filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() || !audio.Known(p) || strings.HasPrefix(d.Name(), ".") {
			return nil
		}
		if other, ok := found[bare(p)]; ok {
			return fmt.Errorf("two sounds of one name, %s and %s", other, p)
		}
		found[bare(p)] = p
		return nil
	})
	if err == nil && len(found) == 0 {
		err = fmt.Errorf("no sounds in %s", path)
	}
	if err != nil {
		return nil, false, fmt.Errorf("quality: %w", err)
	}
	return found, false, nil
}

// longest is the most that is read of a recording, in seconds.
const longest = 1200

// Open reads a recording for [Compare]: mono at [Rate], without an offset. It also returns
// the rate of the file. More than 20 minutes are an error.
func Open(path string) (x []float32, rate int, err error) {
	f, err := audio.OpenFile(path)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	x, err = audio.ReadMono(f, Rate, longest*Rate)
	if err != nil {
		return nil, 0, fmt.Errorf("quality: %s: %w", path, err)
	}
	audio.RemoveDC(x)
	return x, f.Rate(), nil
}

// Level brings x to an active RMS of -20 dB of full scale, in place, so that recordings
// made at different levels can be compared. Silence stays.
func Level(x []float32) {
	if r := audio.ActiveRMS(x, Rate); r > 0 {
		audio.Gain(x, 0.1/r)
	}
}
