package tasks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed073b5613/filigree/train"
)

// colourTree draws n training and m test photographs of each of three colours; one of the
// training files is damaged.
func colourTree(t *testing.T, n, m int) string {
	t.Helper()
	dir := t.TempDir()
	for k, class := range []string{"blue", "green", "red"} {
		for i := range n + m {
			part := "train"
			if i >= n {
				part = "val"
			}
			pic := image.NewRGBA(image.Rect(0, 0, 30+i%5, 24+i%7))
			for j := range pic.Rect.Dx() * pic.Rect.Dy() {
				noise := uint8((j*7919 + i*104729) % 97)
				shade := [3]uint8{noise, noise, noise}
				shade[2-k] += 120
				pic.SetRGBA(j%pic.Rect.Dx(), j/pic.Rect.Dx(), color.RGBA{shade[0], shade[1], shade[2], 255})
			}
			var b bytes.Buffer
			if err := jpeg.Encode(&b, pic, nil); err != nil {
				t.Fatal(err)
			}
			if part == "train" && k == 1 && i == 2 {
				b.Truncate(200)
			}
			path := filepath.Join(dir, part, class, fmt.Sprintf("%d.jpg", i))
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	return dir
}

// tinyImages are settings for colourTree.
func tinyImages(t *testing.T, dir string) Settings {
	t.Helper()
	task, err := Find("images")
	if err != nil {
		t.Fatal(err)
	}
	s := task.Default
	s.Data, s.Arch, s.Size, s.Depth, s.Width, s.Batch = dir, "wrn", 16, 10, 0.5, 8
	s.Sparsity, s.Steps, s.WarmUp, s.Every, s.Smoothing = 0.7, 30, 3, 5, 0
	return s
}

// Photographs whose colour is their class are learned, the damaged one is reported, and the
// model is scored by itself later.
func TestImages(t *testing.T) {
	dir := colourTree(t, 12, 5)
	s := tinyImages(t, dir)
	scored := 0
	result, err := Run(context.Background(), "images", s, IO{Dir: filepath.Join(t.TempDir(), "run"), Report: func(e train.Event) {
		if e.Kind == train.Evaluated {
			scored++
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	if scored != 4 { // of 15 images after every two epochs of 32, and at the end
		t.Errorf("scored %d times", scored)
	}
	if result.TestAccuracy < 0.8 || result.TestSamples != 15 {
		t.Errorf("accuracy %v on %d images", result.TestAccuracy, result.TestSamples)
	}
	if !strings.Contains(result.Warning, "skipped: 1: ") || !strings.Contains(result.Warning, filepath.Join("green", "2.jpg")) {
		t.Errorf("warning %q", result.Warning)
	}
	if err := os.WriteFile(filepath.Join(dir, "val", "blue", "13.jpg"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	score, err := Eval(context.Background(), result.Model, dir)
	if err != nil {
		t.Fatal(err)
	}
	if score.TestSamples != 14 || score.TestAccuracy < 0.78 || !strings.Contains(score.Warning, filepath.Join("blue", "13.jpg")+": the file is empty") {
		t.Errorf("%+v", score)
	}
	for _, part := range []string{"train", "val"} {
		if err := os.Rename(filepath.Join(dir, part, "red"), filepath.Join(dir, part, "rouge")); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Eval(context.Background(), result.Model, dir); err == nil || !strings.Contains(err.Error(), "classes of other names") {
		t.Errorf("other classes: %v", err)
	}
	s.Data = filepath.Join(dir, "none")
	if _, err := Run(context.Background(), "images", s, IO{Dir: filepath.Join(t.TempDir(), "run")}); err == nil || !strings.Contains(err.Error(), "--data") || strings.Contains(err.Error(), "fetch") {
		t.Errorf("no folder: %v", err)
	}
}

// Every method trains on photographs, and a run that was broken off ends with the bits of one
// that was not, whatever had been decoded ahead.
func TestImagesEveryMethod(t *testing.T) {
	if testing.Short() {
		t.Skip("trains with every method")
	}
	dir := colourTree(t, 6, 2)
	for _, method := range Methods {
		t.Run(method, func(t *testing.T) {
			s := tinyImages(t, dir)
			s.Method, s.Steps = method, 12
			at := t.TempDir()
			whole, err := Run(context.Background(), "images", s, IO{Dir: filepath.Join(at, "whole")})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(context.Background())
			broken := filepath.Join(at, "broken")
			_, err = Run(ctx, "images", s, IO{Dir: broken, Report: func(e train.Event) {
				if e.Step >= 5 {
					cancel()
				}
			}})
			cancel()
			if !errors.Is(err, train.ErrInterrupted) {
				t.Fatal(err)
			}
			again, err := Resume(context.Background(), broken, IO{})
			if err != nil {
				t.Fatal(err)
			}
			a, err := os.ReadFile(whole.Model)
			if err != nil {
				t.Fatal(err)
			}
			b, err := os.ReadFile(again.Model)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(a, b) {
				t.Error("the models differ")
			}
		})
	}
}
