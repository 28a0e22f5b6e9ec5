package letters

import (
	"bufio"
	"cmp"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/seed073b5613/filigree/text"
)

// HeldOut is how many words of a full dictionary are never learned from.
const HeldOut = 5000

// An Entry is a word of a pronouncing dictionary and all its pronunciations.
type Entry struct {
	Word   string
	Phones [][]string
}

// Read returns the entries of CMUdict in dir, cmudict.dict.gz or cmudict.dict, whose words are made
// of the letters a to z and apostrophes, in the order of the file. Alternatives, word(2), stand
// with their word. The error names the file and the line.
func Read(dir string) ([]Entry, error) {
	path := filepath.Join(dir, "cmudict.dict.gz")
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		if plain, err := os.Open(filepath.Join(dir, "cmudict.dict")); err == nil {
			defer plain.Close()
			return parse(plain.Name(), plain)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("letters: %w", err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, fmt.Errorf("letters: read %s: %w", path, err)
	}
	return parse(path, z)
}

func parse(path string, r io.Reader) ([]Entry, error) {
	var entries []Entry
	place := map[string]int{}
	scan := bufio.NewScanner(r)
	for n := 1; scan.Scan(); n++ {
		line, _, _ := strings.Cut(scan.Text(), " #")
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		word, _, _ := strings.Cut(fields[0], "(")
		for _, p := range fields[1:] {
			if !text.Known(p) {
				return nil, fmt.Errorf("letters: read %s: line %d: %q is no phoneme", path, n, p)
			}
		}
		if encode(word) == nil || len(fields) == 1 {
			continue
		}
		i, ok := place[word]
		if !ok {
			i = len(entries)
			place[word] = i
			entries = append(entries, Entry{Word: word})
		}
		entries[i].Phones = append(entries[i].Phones, fields[1:])
	}
	if err := scan.Err(); err != nil {
		return nil, fmt.Errorf("letters: read %s: %w", path, err)
	}
	if len(entries) == 0 {
		return nil, fmt.Errorf("letters: read %s: no words", path)
	}
	return entries, nil
}

// Split holds n entries out: those whose words have the smallest SHA-256 (its first 8 bytes,
// big-endian). So the held-out words are the same wherever the dictionary is the same, and
// nothing but the word decides. Both parts keep the order of the entries; n is at most half of
// them.
func Split(entries []Entry, n int) (training, heldOut []Entry) {
	n = min(n, len(entries)/2)
	keys := make([]uint64, len(entries))
	for i, e := range entries {
		sum := sha256.Sum256([]byte(e.Word))
		keys[i] = binary.BigEndian.Uint64(sum[:])
	}
	sorted := slices.Clone(keys)
	slices.SortFunc(sorted, cmp.Compare)
	for i, e := range entries {
		if keys[i] < sorted[n] {
			heldOut = append(heldOut, e)
		} else {
			training = append(training, e)
		}
	}
	return training, heldOut
}

// alphabet is what words are made of; a letter's id is its place.
const alphabet = "abcdefghijklmnopqrstuvwxyz'"

// encode returns the ids of a word's letters, nil for other words.
func encode(word string) []byte {
	out := make([]byte, 0, len(word))
	for i := range len(word) {
		id := strings.IndexByte(alphabet, word[i])
		if id < 0 {
			return nil
		}
		out = append(out, byte(id))
	}
	if len(out) == 0 {
		return nil
	}
	return out
}
