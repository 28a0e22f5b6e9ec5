package data

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"unicode/utf8"
)

// Pairs are sentences and their translations: Source[i] means what Target[i] means.
type Pairs struct{ Source, Target []string }

// Len returns the number of pairs.
func (p *Pairs) Len() int { return len(p.Source) }

// First returns the first n pairs, all where there are fewer.
func (p *Pairs) First(n int) *Pairs {
	n = min(n, p.Len())
	return &Pairs{p.Source[:n], p.Target[:n]}
}

// PairSet is parallel text for training and testing.
type PairSet struct {
	From, To    string // languages
	Train, Test *Pairs
	Valid       *Pairs // nil where the folder has none
}

// The names parts of a set go by: Multi30k's, then those of the WMT's shared tasks.
var (
	validNames = []string{"val", "valid", "dev", "newstest2013"}
	testNames  = []string{"test_2016_flickr", "test", "newstest2014"}
)

// Translation reads parallel text of two languages from a folder: train.FROM and train.TO
// hold a sentence a line, line n of one being the translation of line n of the other; so do
// the files for testing (test_2016_flickr, test or newstest2014) and, where there are any,
// validation (val, valid, dev or newstest2013). Files are UTF-8, plain or with .gz. This is
// the layout of Multi30k (Elliott et al. 2016) and of the WMT's training data.
func Translation(dir, from, to string) (*PairSet, error) {
	set := &PairSet{From: from, To: to}
	for _, part := range []struct {
		names    []string
		into     **Pairs
		optional bool
	}{{[]string{"train"}, &set.Train, false}, {testNames, &set.Test, false}, {validNames, &set.Valid, true}} {
		p, err := readPairs(dir, part.names, from, to)
		if part.optional && errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("data: parallel text: %w", err)
		}
		*part.into = p
	}
	return set, nil
}

// readPairs reads the first of the named parts whose source is there.
func readPairs(dir string, names []string, from, to string) (*Pairs, error) {
	var missing error
	for _, name := range names {
		source, sourcePath, err := readLines(dir, name+"."+from)
		if errors.Is(err, fs.ErrNotExist) {
			if missing == nil {
				missing = err
			}
			continue
		}
		if err != nil {
			return nil, err
		}
		target, targetPath, err := readLines(dir, name+"."+to)
		if err != nil {
			return nil, err
		}
		if len(source) != len(target) {
			return nil, fmt.Errorf("%s has %d lines, %s has %d: they must be translations line by line", sourcePath, len(source), targetPath, len(target))
		}
		if len(source) == 0 {
			return nil, fmt.Errorf("%s and %s are empty", sourcePath, targetPath)
		}
		return &Pairs{source, target}, nil
	}
	return nil, missing
}

// readLines reads a text file, plain or with .gz, without the spaces around its lines.
func readLines(dir, name string) (lines []string, path string, err error) {
	b, path, err := readMaybeGzip(dir, name)
	if err != nil {
		return nil, path, err
	}
	if !utf8.Valid(b) {
		for n, line := range bytes.Split(b, []byte("\n")) {
			if !utf8.Valid(line) {
				return nil, path, fmt.Errorf("%s: line %d is not UTF-8", path, n+1)
			}
		}
	}
	text := strings.TrimSuffix(string(b), "\n")
	if text == "" {
		return nil, path, nil
	}
	lines = strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimSpace(line)
	}
	return lines, path, nil
}
