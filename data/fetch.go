package data

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// download is one file of a data set.
type download struct {
	name string
	sum  string // SHA-256 in hex, or MD5 or the object name in Git where the authors publish those
}

// collection says where a data set comes from.
type collection struct {
	base    string
	files   []download
	unpack  bool // the file is a .tar.gz whose *.bin are wanted
	already []string
}

// collections are the data sets Fetch knows.
var collections = map[string]collection{
	"mnist": {
		base: "https://ossci-datasets.s3.amazonaws.com/mnist",
		files: []download{
			{"train-images-idx3-ubyte.gz", "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"},
			{"train-labels-idx1-ubyte.gz", "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"},
			{"t10k-images-idx3-ubyte.gz", "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"},
			{"t10k-labels-idx1-ubyte.gz", "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"},
		},
	},
	"cifar10": {
		base:    "https://www.cs.toronto.edu/~kriz",
		files:   []download{{"cifar-10-binary.tar.gz", "c32a1d4ab5d03f1284b67883e8d87530"}},
		unpack:  true,
		already: []string{"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin", "test_batch.bin"},
	},
	"tiny-shakespeare": {
		base:  "https://raw.githubusercontent.com/karpathy/char-rnn/6f9487a6fe5b420b7ca9afb0d7c078e37c1d1b4e/data/tinyshakespeare",
		files: []download{{"input.txt", "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"}},
	},
	"multi30k": {
		base: "https://raw.githubusercontent.com/multi30k/dataset/a3d2e0d26b56f3846f66a952536ffed4e401d05a/data/task1/raw",
		files: []download{
			{"train.en.gz", "d79cfa999dd4c51d2cb42499b6796d5a882c3a8a961923c25a898c90f8bbd56f"},
			{"train.de.gz", "726e39b2fa9eb9ffb6dc763fb35a179f80fae06ffc5d28b6ace5faa883de28a6"},
			{"val.en.gz", "14f7d25ddd868909a9213e361768460edcacdd6ab9d1e77b92560dc10c10dc28"},
			{"val.de.gz", "f0cba2f995189cf5770f29a8a9a537a3ad3f51657ad873405082ff6863a5e75a"},
			{"test_2016_flickr.en.gz", "611d361c6334bc7246101d48097c13cf5c4413c5befc793cc629934359d532d9"},
			{"test_2016_flickr.de.gz", "9204244e408ccb38d2a55cfcd344df15005fc42a07a6e55ca6c52b6ababb8cc8"},
		},
	},
	"wikitext-2": { // the token version, in the copy of PyTorch's examples
		base: "https://raw.githubusercontent.com/pytorch/examples/77f55b912142e11fcfdf5b530231fb9c52f181e8/word_language_model/data/wikitext-2",
		files: []download{
			{"train.txt", "2d84b35af79e411d73ea7cae83c73964c6ac83b4"},
			{"valid.txt", "f0737ed31fc1329026e95cb8b98e19c2a182c39c240ab909dc31abf2f8af58e8"},
			{"test.txt", "d790b833ef8cf03a90db7bf1271b7520b83c45ce07ba3c1a9699df81e239eca0"},
		},
	},
}

// Names lists the data sets Fetch knows.
func Names() []string { return slices.Sorted(maps.Keys(collections)) }

// FetchOptions say where from and how.
type FetchOptions struct {
	Base     string                               // address to fetch from instead of the usual one
	Progress func(file string, done, total int64) // called while bytes arrive; total is -1 if unknown; may be nil
}

// Fetch downloads a data set, mnist, cifar10, tiny-shakespeare, wikitext-2 or multi30k, into a folder and verifies it. A
// download that was broken off goes on where it stopped; files that are there and
// right are kept.
func Fetch(ctx context.Context, name, dir string, o FetchOptions) error {
	c, ok := collections[name]
	if !ok {
		return fmt.Errorf("data: fetch %s: no such data set: there are %s", name, strings.Join(Names(), ", "))
	}
	if o.Base != "" {
		c.base = strings.TrimSuffix(o.Base, "/")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("data: fetch %s: make %s: %w", name, dir, cause(err))
	}
	missing := func(f string) bool { _, err := os.Stat(filepath.Join(dir, f)); return err != nil }
	if len(c.already) > 0 && !slices.ContainsFunc(c.already, missing) {
		return nil
	}
	for _, f := range c.files {
		to := filepath.Join(dir, f.name)
		if check(to, f.sum) == nil {
			continue
		}
		if err := get(ctx, c.base+"/"+f.name, to, f.sum, o.Progress); err != nil {
			return fmt.Errorf("data: fetch %s: %w", name, err)
		}
	}
	if c.unpack {
		archive := filepath.Join(dir, c.files[0].name)
		if err := unpack(archive, dir); err != nil {
			return fmt.Errorf("data: fetch %s: unpack %s: %w", name, archive, err)
		}
		os.Remove(archive)
	}
	return nil
}

// get downloads one file under a temporary name, verifies it and renames it.
func get(ctx context.Context, url, to, sum string, progress func(string, int64, int64)) error {
	part := to + ".part"
	f, err := os.OpenFile(part, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return fmt.Errorf("write %s: %w", part, cause(err))
	}
	defer f.Close()
	have, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return fmt.Errorf("write %s: %w", part, cause(err))
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Accept-Encoding", "identity") // checksums are those of the file as it lies there
	if have > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", have))
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err // names method and address
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusPartialContent:
	case http.StatusOK: // the server starts from the beginning
		if err := f.Truncate(0); err != nil {
			return fmt.Errorf("write %s: %w", part, cause(err))
		}
		have = 0
	case http.StatusRequestedRangeNotSatisfiable: // all of it is there, or it is wrong
	default:
		return fmt.Errorf("get %s: %s", url, resp.Status)
	}
	if resp.StatusCode != http.StatusRequestedRangeNotSatisfiable {
		total := int64(-1)
		if resp.ContentLength >= 0 {
			total = have + resp.ContentLength
		}
		w := &counter{f, path.Base(url), have, total, progress}
		if _, err := io.Copy(w, resp.Body); err != nil {
			return fmt.Errorf("get %s: after %d bytes: %w; run the command again to go on", url, w.done, err)
		}
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", part, cause(err))
	}
	if err := check(part, sum); err != nil {
		os.Remove(part)
		return fmt.Errorf("get %s: %w", url, err)
	}
	if err := os.Rename(part, to); err != nil {
		return fmt.Errorf("write %s: %w", to, err)
	}
	return nil
}

// counter reports what passes through it.
type counter struct {
	w           io.Writer
	name        string
	done, total int64
	progress    func(string, int64, int64)
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.done += int64(n)
	if c.progress != nil {
		c.progress(c.name, c.done, c.total)
	}
	return n, err
}

// check compares a file with its checksum.
func check(path, sum string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("read %s: %w", path, cause(err))
	}
	defer f.Close()
	var h hash.Hash = sha256.New()
	switch len(sum) {
	case 2 * md5.Size:
		h = md5.New()
	case 2 * sha1.Size:
		info, err := f.Stat()
		if err != nil {
			return fmt.Errorf("read %s: %w", path, cause(err))
		}
		h = sha1.New()
		fmt.Fprintf(h, "blob %d\x00", info.Size())
	}
	if _, err := io.Copy(h, f); err != nil {
		return fmt.Errorf("read %s: %w", path, cause(err))
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != sum {
		return fmt.Errorf("what arrived has checksum %s, want %s: it is damaged or another file", got, sum)
	}
	return nil
}

// unpack writes the *.bin of a .tar.gz into a folder, whatever folder they lie in
// there.
func unpack(archive, dir string) error {
	f, err := os.Open(archive)
	if err != nil {
		return cause(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	found := 0
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		name := path.Base(h.Name)
		if h.Typeflag != tar.TypeReg || !strings.HasSuffix(name, ".bin") || !fs.ValidPath(name) {
			continue
		}
		to := filepath.Join(dir, name)
		out, err := os.Create(to + ".part")
		if err != nil {
			return err
		}
		_, err = io.Copy(out, r)
		if err = errors.Join(err, out.Close()); err != nil {
			os.Remove(to + ".part")
			return err
		}
		if err := os.Rename(to+".part", to); err != nil {
			return err
		}
		found++
	}
	if found == 0 {
		return errors.New("no *.bin in it")
	}
	return nil
}
