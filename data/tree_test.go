package data

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// drawn returns an image whose colours tell c apart, with a gradient in it.
func drawn(w, h int, c color.RGBA) *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			m.SetRGBA(x, y, color.RGBA{c.R, uint8(x * 255 / w), uint8(y * 255 / h), 255})
		}
	}
	return m
}

func asPNG(t testing.TB, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func asJPEG(t testing.TB, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: 95}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// put writes files below a folder and makes the folders they need.
func put(t testing.TB, dir string, files map[string][]byte) string {
	t.Helper()
	for name, b := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// tinyTree is n training and two test images a class; the red of class k is 100k.
func tinyTree(t testing.TB, n int) string {
	t.Helper()
	files := map[string][]byte{}
	for k, class := range []string{"ant", "bee", "cat"} {
		for i := range n {
			files[fmt.Sprintf("train/%s/%02d.png", class, i)] = asPNG(t, drawn(20+i, 31-i%8, color.RGBA{R: uint8(100 * k)}))
		}
		for i := range 2 {
			files[fmt.Sprintf("val/%s/%d.JPEG", class, i)] = asJPEG(t, drawn(40, 30+i, color.RGBA{R: uint8(100 * k)}))
		}
	}
	return put(t, t.TempDir(), files)
}

func TestOpenTree(t *testing.T) {
	dir := tinyTree(t, 5)
	tree, err := OpenTree(dir)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(tree.Classes, []string{"ant", "bee", "cat"}) || tree.Note != "" || tree.Train.Warning() != "" {
		t.Errorf("classes %v, note %q, warning %q", tree.Classes, tree.Note, tree.Train.Warning())
	}
	if !slices.Equal(tree.Test.Labels(), []int32{0, 0, 1, 1, 2, 2}) || tree.Train.Len() != 15 {
		t.Errorf("test labels %v, %d training images", tree.Test.Labels(), tree.Train.Len())
	}
	// Half of the images are half of each class.
	if some := tree.Train.Some(6).Labels(); !slices.Equal(some, []int32{0, 0, 1, 1, 2, 2}) {
		t.Errorf("six images spread over all have labels %v", some)
	}
	if tree.Train.Some(0) != tree.Train || tree.Train.Some(99).Len() != 15 {
		t.Error("0 and more than all are not all")
	}

	// Deeper folders, other files, hidden files, links and endings in capitals.
	put(t, dir, map[string][]byte{
		"train/ant/images/more/x.JPG": asJPEG(t, drawn(9, 9, color.RGBA{})), "train/ant/boxes.txt": nil, "train/.git/config": nil, "train/ant/.DS_Store": nil,
	})
	if err := os.Symlink(filepath.Join(dir, "train", "bee"), filepath.Join(dir, "train", "wasp")); err != nil {
		t.Fatal(err)
	}
	if tree, err = OpenTree(dir); err != nil {
		t.Fatal(err)
	}
	if tree.Train.Len() != 21 || len(tree.Classes) != 4 || !strings.Contains(tree.Note, "neither .jpg, .jpeg nor .png: 1") {
		t.Errorf("%d images of %v, note %q", tree.Train.Len(), tree.Classes, tree.Note)
	}
	if want := "no folder in " + filepath.Join(dir, "val") + ": 1: wasp"; !strings.Contains(tree.Train.Warning(), want) || tree.Test.Warning() != tree.Train.Warning() {
		t.Errorf("a class without test images: warning %q, want one with %q", tree.Train.Warning(), want)
	}
}

// Where one folder is missing the other is split, always the same way.
func TestTreeSplits(t *testing.T) {
	for _, c := range []struct{ sub, says string }{
		{"train/", "has only a folder train"}, {"val/", "has only a folder val"}, {"", "its folders are the classes"},
	} {
		files := map[string][]byte{}
		for i := range 200 {
			files[fmt.Sprintf("%sclass%d/%d.png", c.sub, i%2, i)] = asPNG(t, drawn(4, 4, color.RGBA{}))
		}
		dir := put(t, t.TempDir(), files)
		tree, err := OpenTree(dir)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(tree.Note, c.says) || tree.Train.Len()+tree.Test.Len() != 200 || tree.Test.Len() < 20 || tree.Test.Len() > 60 {
			t.Errorf("%q: %d and %d images, note %q", c.sub, tree.Train.Len(), tree.Test.Len(), tree.Note)
		}
		for _, f := range tree.Test.files {
			if slices.Contains(tree.Train.files, f) {
				t.Errorf("%s is on both sides", f)
			}
		}
		// An image that comes or goes leaves the others on their side.
		before := tree.Test.files
		if err := os.Remove(tree.Train.path(3)); err != nil {
			t.Fatal(err)
		}
		if tree, err = OpenTree(dir); err != nil || !slices.Equal(tree.Test.files, before) {
			t.Errorf("%q: without a training image the test images change: %v", c.sub, err)
		}
	}
	two := put(t, t.TempDir(), map[string][]byte{"a/1.png": asPNG(t, drawn(4, 4, color.RGBA{})), "b/2.png": asPNG(t, drawn(4, 4, color.RGBA{}))})
	if tree, err := OpenTree(two); err != nil || tree.Train.Len() != 1 || tree.Test.Len() != 1 {
		t.Errorf("two images: %v", err)
	}
}

func TestTreeErrors(t *testing.T) {
	good := asPNG(t, drawn(4, 4, color.RGBA{}))
	for name, c := range map[string]struct {
		files map[string][]byte
		says  []string
	}{
		"empty":         {map[string][]byte{"x.png": good}, []string{"no folders in it"}},
		"no classes":    {map[string][]byte{"train/x.png": good, "val/a/x.png": good}, []string{"train", "no class folders"}},
		"empty class":   {map[string][]byte{"train/a/x.png": good, "train/b/readme.txt": nil, "val/a/x.png": good}, []string{"class b is empty", filepath.Join("train", "b")}},
		"unknown class": {map[string][]byte{"train/a/x.png": good, "train/b/x.png": good, "val/c/x.png": good}, []string{"class c has no folder"}},
		"one class":     {map[string][]byte{"train/a/x.png": good, "val/a/x.png": good}, []string{"only one class, a"}},
		"none readable": {map[string][]byte{"train/a/x.png": good[:20], "train/b/y.png": []byte("text"), "val/a/x.png": good}, []string{"none of the first 2", "y.png"}},
		"too deep":      {map[string][]byte{"train/a/" + strings.Repeat("d/", 20) + "x.png": good}, []string{"deep"}},
	} {
		dir := put(t, t.TempDir(), c.files)
		_, err := OpenTree(dir)
		for _, says := range append(c.says, dir) {
			if err == nil || !strings.Contains(err.Error(), says) {
				t.Errorf("%s: %v, want an error with %q", name, err, says)
			}
		}
	}
	if _, err := OpenTree(filepath.Join(t.TempDir(), "none")); !os.IsNotExist(unwrapAll(err)) {
		t.Errorf("no folder: %v", err)
	}
}

func unwrapAll(err error) error {
	for {
		u, ok := err.(interface{ Unwrap() error })
		if !ok {
			return err
		}
		err = u.Unwrap()
	}
}
