package layout

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/seed073b5613/filigree"

// lines lists the packages from the bottom up. A package may import those of the
// lines above its own here, and none of its own line or further down, except the
// packages inside its own folder. Test files are free to import upwards.
var lines = [][]string{
	{"internal/parallel"},
	{"kernel"},
	{"tensor", "sparse"},
	{"grad"},
	{"nn"},
	{"optim", "weights", "online", "landscape"},
	{"prune"},
	{"train"},
	{"midi", "text", "audio"},
	{"data"},
	{"models"},
	{"recipes", "server", "wasm"},
	{"cmd/filigree"},
}

// anywhere holds the small packages that import none of ours and may be imported
// by any but the kernels.
var anywhere = []string{"internal/npy", "internal/tfevents", "internal/testkit", "internal/sizes", "internal/layout"}

// thirdParty lists which packages may import which modules from outside. A
// package covers those below its folder.
var thirdParty = map[string][]string{
	"kernel": {"golang.org/x/sys/cpu"},
	"audio/codecs": {
		"github.com/mewkiz/flac", "github.com/hajimehoshi/go-mp3", "github.com/pion/opus", "github.com/jfreymuth/pulse",
	},
	"audio":             {"golang.org/x/image"}, // letters of pictures
	"data":              {"golang.org/x/image"},
	"train/comm":        {"github.com/ebitengine/purego"}, // with the build tag mpi
	"internal/tfevents": {"google.golang.org/protobuf/encoding/protowire"},
	"recipes":           {"gonum.org/v1", "github.com/BurntSushi/toml"},
	"cmd/filigree": {
		"github.com/alecthomas/kong", "github.com/schollz/progressbar/v3", "golang.org/x/term", "golang.org/x/sys",
		"gonum.org/v1/plot", "github.com/klauspost/cpuid/v2", "golang.org/x/sync",
	},
}

type pkg struct {
	ImportPath, Name string
	Imports          []string
}

func list(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Name,Imports", "./...")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var ps []pkg
	dec := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return ps
		} else if err != nil {
			t.Fatal(err)
		}
		ps = append(ps, p)
	}
}

// within reports whether path is dir or lies below it.
func within(path, dir string) bool { return path == dir || strings.HasPrefix(path, dir+"/") }

// lineOf returns the line of a package of ours and the folder that puts it there.
func lineOf(path string) (int, string) {
	for i, l := range lines {
		for _, dir := range l {
			if within(path, dir) {
				return i, dir
			}
		}
	}
	return -1, ""
}

func TestImportDirection(t *testing.T) {
	for _, p := range list(t) {
		from := strings.TrimPrefix(p.ImportPath, module+"/")
		line, dir := lineOf(from)
		free := slices.Contains(anywhere, from)
		if line < 0 && !free {
			t.Errorf("%s has no place in the layout: add it to a line", from)
			continue
		}
		for _, imp := range p.Imports {
			to, ours := strings.CutPrefix(imp, module+"/")
			if !ours {
				checkThirdParty(t, from, imp)
				continue
			}
			if free && !slices.Contains(anywhere, to) {
				t.Errorf("%s imports %s, but may import nothing of ours", from, to)
			}
			if free || slices.Contains(anywhere, to) && dir != "kernel" {
				continue
			}
			if toLine, toDir := lineOf(to); toLine >= line && toDir != dir {
				t.Errorf("%s imports %s, which lies beside it or further up the line", from, to)
			}
		}
	}
}

func checkThirdParty(t *testing.T, from, imp string) {
	if first, _, _ := strings.Cut(imp, "/"); !strings.Contains(first, ".") {
		return // standard library
	}
	for dir, allowed := range thirdParty {
		if within(from, dir) && slices.ContainsFunc(allowed, func(a string) bool { return within(imp, a) }) {
			return
		}
	}
	t.Errorf("%s imports %s, which is not on its list", from, imp)
}

// sparse stands on kernel alone and tensor on nothing, so neither drags in the other.
func TestNothingImportsTheBinary(t *testing.T) {
	for _, p := range list(t) {
		if p.Name == "main" {
			continue
		}
		for _, imp := range p.Imports {
			if strings.HasPrefix(imp, module+"/cmd/") {
				t.Errorf("%s imports the binary's package %s", p.ImportPath, imp)
			}
		}
	}
}

// THIRD_PARTY.md names each module linked into the binary, with its version.
func TestThirdPartyIsCurrent(t *testing.T) {
	cmd := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}}{{end}}{{end}}", "./cmd/filigree")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	page, err := os.ReadFile("../../THIRD_PARTY.md")
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Split(strings.TrimSpace(string(out)), "\n")
	slices.Sort(want)
	want = slices.Compact(want)
	want = slices.DeleteFunc(want, func(s string) bool { return s == "" })
	var got []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\| (v[^ ]+) \\|").FindAllStringSubmatch(string(page), -1) {
		got = append(got, m[1]+" "+m[2])
	}
	slices.Sort(got)
	for _, w := range want {
		if !slices.Contains(got, w) {
			t.Errorf("THIRD_PARTY.md lacks %s", w)
		}
	}
	for _, g := range got {
		if !slices.Contains(want, g) {
			t.Errorf("THIRD_PARTY.md names %s, which is not linked in", g)
		}
	}
}

// A file that cannot be read in a sitting is split.
func TestFilesAreShort(t *testing.T) {
	const limit = 800
	err := filepath.WalkDir("../..", func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "runs" || strings.HasPrefix(d.Name(), ".") && d.Name() != "." && d.Name() != "..") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		src, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if n := strings.Count(string(src), "\n"); n > limit && !strings.HasPrefix(string(src), "// Code generated") {
			t.Errorf("%s has %d lines, the limit is %d", path, n, limit)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
