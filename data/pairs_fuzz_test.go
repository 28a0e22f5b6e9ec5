package data

import (
	"os"
	"path/filepath"
	"testing"
	"unicode/utf8"
)

func FuzzTranslation(f *testing.F) {
	f.Add([]byte("one\ntwo\n"), []byte("eins\nzwei"), false)
	f.Add([]byte("\xff"), []byte(""), false)
	f.Add([]byte("\x1f\x8b\x08\x00"), []byte("x"), true)
	f.Fuzz(func(t *testing.T, en, de []byte, packed bool) {
		dir := t.TempDir()
		for _, part := range []string{"train", "test"} {
			for name, b := range map[string][]byte{".en": en, ".de": de} {
				if packed && name == ".en" {
					name += ".gz"
				}
				if err := os.WriteFile(filepath.Join(dir, part+name), b, 0o644); err != nil {
					t.Fatal(err)
				}
			}
		}
		set, err := Translation(dir, "en", "de")
		if err != nil {
			return
		}
		if set.Train.Len() == 0 || len(set.Train.Source) != len(set.Train.Target) {
			t.Fatalf("%d sources, %d targets", len(set.Train.Source), len(set.Train.Target))
		}
		for i, s := range set.Train.Source {
			if !utf8.ValidString(s) || !utf8.ValidString(set.Train.Target[i]) {
				t.Fatalf("pair %d is not UTF-8", i)
			}
		}
	})
}
