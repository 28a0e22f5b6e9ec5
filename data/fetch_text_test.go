package data

import (
	"path/filepath"
	"testing"
)

// The checksum of 40 digits is the name Git gives a file: that of "hello\n" is known to all.
func TestGitChecksum(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hello")
	write(t, path, []byte("hello\n"))
	if err := check(path, "ce013625030ba8dba906f756967f9e9ca394464a"); err != nil {
		t.Error(err)
	}
	write(t, path, []byte("hello"))
	if err := check(path, "ce013625030ba8dba906f756967f9e9ca394464a"); err == nil {
		t.Error("another file passes")
	}
}
