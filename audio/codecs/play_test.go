package codecs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed073b5613/filigree/audio"
)

// Without a sound server the samples reach a program as a WAV file.
func TestPlayThroughAProgram(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PULSE_SERVER", "unix:"+filepath.Join(dir, "none"))
	t.Setenv("PATH", dir)
	if _, err := NewPlayer(16000, 1); err == nil || !strings.Contains(err.Error(), "aplay") {
		t.Errorf("nothing to play with: error %v", err)
	}
	heard := filepath.Join(dir, "heard.wav")
	program := "#!/bin/sh\nexec /bin/cat > " + heard + "\n"
	if err := os.WriteFile(filepath.Join(dir, "aplay"), []byte(program), 0o777); err != nil {
		t.Fatal(err)
	}
	p, err := NewPlayer(16000, 2)
	if err != nil {
		t.Fatal(err)
	}
	want := sound(2, 40000)
	if err := want.Send(p); err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := audio.Open(heard)
	if err != nil {
		t.Fatal(err)
	}
	same(t, got, want)
	program = "#!/bin/sh\necho no sound card >&2\nexit 1\n"
	if err := os.WriteFile(filepath.Join(dir, "aplay"), []byte(program), 0o777); err != nil {
		t.Fatal(err)
	}
	if p, err = NewPlayer(16000, 1); err != nil {
		t.Fatal(err)
	}
	p.Write(make([]float32, 16000))
	if err := p.Close(); err == nil || !strings.Contains(err.Error(), "no sound card") {
		t.Errorf("error %v", err)
	}
}
