package data

import (
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Names lists the data sets Fetch knows.
func Names() []string { return slices.Sorted(maps.Keys(collections)) }

// FetchOptions say where from and how.
type FetchOptions struct {
	Base     string                               // address to fetch from instead of the usual ones
	Progress func(file string, done, total int64) // called while bytes arrive; total is -1 if unknown; may be nil

	patience time.Duration // without a byte; 0 for 30 s
	pause    time.Duration // before the second try of an address, doubled before each more; 0 for 1 s
}

// triesEach is how often an address is tried before the next one.
const triesEach = 3

// Fetch downloads a data set, mnist, cifar10, tiny-shakespeare, wikitext-2 or multi30k, into a
// folder and verifies it. A download that is broken off, or stalls, goes on where it stopped,
// a few times by itself and then from another address if there is one, and at the next call;
// files that are there and right are kept.
func Fetch(ctx context.Context, name, dir string, o FetchOptions) error {
	c, ok := collections[name]
	if !ok {
		return fmt.Errorf("data: fetch %s: no such data set: there are %s", name, strings.Join(Names(), ", "))
	}
	from := append([]string{c.base}, c.mirrors...)
	if o.Base != "" {
		from = []string{strings.TrimSuffix(o.Base, "/")}
	}
	if o.patience == 0 {
		o.patience = 30 * time.Second
	}
	if o.pause == 0 {
		o.pause = time.Second
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("data: fetch %s: make %s: %w", name, dir, cause(err))
	}
	if len(c.unpack) > 0 && complete(dir, "", c.unpack) == nil {
		return nil
	}
	for _, f := range c.files {
		to := filepath.Join(dir, f.name)
		if check(to, f.sum) == nil {
			continue
		}
		if err := getAny(ctx, from, f, to, o); err != nil {
			return fmt.Errorf("data: fetch %s: %w", name, err)
		}
	}
	if len(c.unpack) > 0 {
		archive := filepath.Join(dir, c.files[0].name)
		if err := unpack(archive, dir, c.unpack); err != nil {
			return fmt.Errorf("data: fetch %s: unpack %s: %w", name, archive, err)
		}
		os.Remove(archive)
	}
	return nil
}

// getAny downloads a file from the first address that has it.
func getAny(ctx context.Context, from []string, f download, to string, o FetchOptions) error {
	var all []error
	for _, base := range from {
		pause := o.pause
		for try := range triesEach {
			err := get(ctx, base+"/"+f.name, to, f.sum, o)
			if err == nil || ctx.Err() != nil {
				return err
			}
			var no *refused
			again := !errors.As(err, &no) || no.code >= 500 || no.code == http.StatusTooManyRequests || no.code == http.StatusRequestTimeout
			if !again || try == triesEach-1 {
				all = append(all, err)
				break
			}
			select {
			case <-time.After(pause):
			case <-ctx.Done():
				return err
			}
			pause *= 2
		}
	}
	return errors.Join(all...)
}

// refused is an answer that is not the file.
type refused struct {
	address, status string
	code            int
}

func (e *refused) Error() string { return fmt.Sprintf("get %s: %s", e.address, e.status) }

// errStalled ends a download of which nothing arrives any more.
var errStalled = errors.New("nothing arrives any more")

// get downloads one file under a temporary name, verifies it and renames it.
func get(ctx context.Context, address, to, sum string, o FetchOptions) error {
	part := to + ".part"
	f, err := os.OpenFile(part, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return fmt.Errorf("write %s: %w", part, cause(err))
	}
	defer f.Close()
	if err := receive(ctx, address, f, o); err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", part, cause(err))
	}
	if err := check(part, sum); err != nil {
		os.Remove(part)
		return fmt.Errorf("get %s: %w", address, err)
	}
	if err := os.Rename(part, to); err != nil {
		return fmt.Errorf("write %s: %w", to, err)
	}
	return nil
}

// receive appends to a file what it lacks.
func receive(ctx context.Context, address string, f *os.File, o FetchOptions) error {
	have, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return fmt.Errorf("write %s: %w", f.Name(), cause(err))
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stall := time.AfterFunc(o.patience, func() { cancel(errStalled) })
	defer stall.Stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Accept-Encoding", "identity") // checksums are those of the file as it lies there
	if have > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", have))
	}
	why := func(err error) error {
		if context.Cause(ctx) == errStalled {
			return fmt.Errorf("%w for %v", errStalled, o.patience)
		}
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("get %s: %w", address, why(unwrapURL(err)))
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusRequestedRangeNotSatisfiable: // all of it is there, or it is wrong
		return nil
	case http.StatusPartialContent:
	case http.StatusOK: // the server starts from the beginning
		if err := f.Truncate(0); err != nil {
			return fmt.Errorf("write %s: %w", f.Name(), cause(err))
		}
		have = 0
	default:
		return &refused{address, resp.Status, resp.StatusCode}
	}
	total := int64(-1)
	if resp.ContentLength >= 0 {
		total = have + resp.ContentLength
	}
	w := &counter{f, path.Base(address), have, total, func(name string, done, total int64) {
		stall.Reset(o.patience)
		if o.Progress != nil {
			o.Progress(name, done, total)
		}
	}}
	if _, err := io.Copy(w, resp.Body); err != nil {
		return fmt.Errorf("get %s: after %d bytes: %w; run the command again to go on", address, w.done, why(err))
	}
	return nil
}

// unwrapURL strips the address an error of package http repeats.
func unwrapURL(err error) error {
	var ue *url.Error
	if errors.As(err, &ue) {
		return ue.Err
	}
	return err
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
	c.progress(c.name, c.done, c.total)
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

// complete reports which of the files of a folder, whose names end in suffix too, is missing or
// has another size.
func complete(dir, suffix string, files []unpacked) error {
	for _, f := range files {
		info, err := os.Stat(filepath.Join(dir, f.name+suffix))
		if err != nil {
			return fmt.Errorf("%s: %w", f.name, cause(err))
		}
		if info.Size() != f.size {
			return fmt.Errorf("%s is %d bytes, want %d", f.name, info.Size(), f.size)
		}
	}
	return nil
}

// unpack writes the files wanted of a .tar.gz into a folder, whatever folder they lie in
// there: all of them, once they are whole, or none.
func unpack(archive, dir string, wanted []unpacked) error {
	const suffix = ".part"
	defer func() {
		for _, f := range wanted {
			os.Remove(filepath.Join(dir, f.name+suffix))
		}
	}()
	err := eachBin(archive, func(name string, r io.Reader) error {
		i := slices.IndexFunc(wanted, func(f unpacked) bool { return f.name == name })
		if i < 0 {
			return nil
		}
		out, err := os.Create(filepath.Join(dir, name+suffix))
		if err != nil {
			return err
		}
		_, err = io.Copy(out, io.LimitReader(r, wanted[i].size+1))
		return errors.Join(err, out.Sync(), out.Close())
	})
	if err == nil {
		err = complete(dir, suffix, wanted)
	}
	for _, f := range wanted {
		if err == nil {
			err = os.Rename(filepath.Join(dir, f.name+suffix), filepath.Join(dir, f.name))
		}
	}
	return err
}
