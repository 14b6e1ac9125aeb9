// Package archive reads what a plugin author uploads, a zip or a directory,
// without trusting it: sizes, paths, links and duplicates are judged before one
// byte is written anywhere.
package archive

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"counterpart/internal/plugins/pluginhost/verdict"
)

// The limits. The first is the box's, the others protect this host.
const (
	MaxPacked   = 20 << 20  // a package must be smaller than this
	MaxUnpacked = 200 << 20 // of all files together
	MaxFiles    = 20_000
	maxName     = 1024 // bytes of one path
	maxPart     = 255  // bytes of one name in it
)

// ErrTooLarge ends the reading of a package that unpacks to more than it may.
var ErrTooLarge = errors.New("unpacks to more than the limit")

// file is one regular file.
type file struct {
	name string // with slashes, relative to the root
	exec bool
	size int64
	open func() (io.ReadCloser, error)
}

// Tree is the contents of a package.
type Tree struct {
	Dir    bool  // a directory rather than a zip
	Packed int64 // bytes of the zip; of a directory, of its files

	files []file
	index map[string]int
}

// Open reads the package at path. Without a Tree there is nothing more to
// check; with one, the verdict may still hold reasons to refuse it.
func Open(p string) (*Tree, verdict.Verdict) {
	var v verdict.Verdict
	info, err := os.Stat(p)
	if err != nil {
		v.Add(verdict.Problem{Code: "not-readable", Text: reason(err), Hint: "give a zip file or a directory"})
		return nil, v
	}
	t := &Tree{Dir: info.IsDir(), index: map[string]int{}}
	switch {
	case t.Dir:
		t.walk(p, &v)
	case info.Mode().IsRegular():
		if !t.unzip(p, info.Size(), &v) {
			return nil, v
		}
	default:
		v.Add(verdict.Problem{Code: "not-readable", Text: "neither a file nor a directory", Hint: "give a zip file or a directory"})
		return nil, v
	}
	if t.Packed >= MaxPacked {
		v.Add(verdict.Problem{Code: "too-large", Text: fmt.Sprintf("the package has %d bytes, the limit is below %d (20 MiB)", t.Packed, MaxPacked),
			Hint: "leave out what the box already has: the Plugin SDK, requests, urllib3, pyOpenSSL, python-ldap, PyYAML"})
	}
	return t, v
}

// reason is an error without the path that the caller already knows.
func reason(err error) string {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err.Error()
	}
	return err.Error()
}

// add remembers a file; false if its name is taken.
func (t *Tree) add(f file) bool {
	if _, taken := t.index[f.name]; taken {
		return false
	}
	t.index[f.name] = len(t.files)
	t.files = append(t.files, f)
	return true
}

// Names are the paths of all files, in the order of the package.
func (t *Tree) Names() []string {
	out := make([]string, len(t.files))
	for i, f := range t.files {
		out[i] = f.name
	}
	return out
}

// Has reports whether there is a file of that name.
func (t *Tree) Has(name string) bool {
	_, ok := t.index[name]
	return ok
}

// Size is the unpacked size of a file, -1 if there is none.
func (t *Tree) Size(name string) int64 {
	if i, ok := t.index[name]; ok {
		return t.files[i].size
	}
	return -1
}

// Read returns a file's contents, at most limit bytes of it.
func (t *Tree) Read(name string, limit int64) ([]byte, error) {
	i, ok := t.index[name]
	if !ok {
		return nil, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
	}
	r, err := t.files[i].open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(io.LimitReader(r, limit))
}

// SingleFolder is the one folder in which everything lies, if that is so.
func (t *Tree) SingleFolder() string {
	top := ""
	for _, f := range t.files {
		head, _, nested := strings.Cut(f.name, "/")
		if !nested || top != "" && head != top {
			return ""
		}
		top = head
	}
	return top
}

// Unpack writes all files below dir, which must exist.
func (t *Tree) Unpack(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	left := int64(MaxUnpacked)
	for _, f := range t.files {
		n, err := write(root, f, left)
		if err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
		left -= n
	}
	return nil
}

func write(root *os.Root, f file, left int64) (int64, error) {
	name := filepath.FromSlash(f.name)
	if d := filepath.Dir(name); d != "." {
		if err := root.MkdirAll(d, 0o700); err != nil {
			return 0, err
		}
	}
	r, err := f.open()
	if err != nil {
		return 0, err
	}
	defer r.Close()
	mode := fs.FileMode(0o600)
	if f.exec {
		mode = 0o700
	}
	w, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return 0, err
	}
	n, err := io.Copy(w, io.LimitReader(r, left+1))
	if n > left {
		err = ErrTooLarge
	}
	return n, errors.Join(err, w.Close())
}

// badName says what is wrong with a path inside a package; empty if nothing.
func badName(name string) string {
	switch {
	case name == "":
		return "empty name"
	case strings.ContainsRune(name, 0):
		return "name with a NUL"
	case strings.Contains(name, `\`):
		return "name with a backslash"
	case path.IsAbs(name) || len(name) > 1 && name[1] == ':':
		return "absolute path"
	case len(name) > maxName:
		return "name too long"
	}
	for _, part := range strings.Split(strings.TrimSuffix(name, "/"), "/") {
		switch {
		case part == "..":
			return "path with .."
		case part == "" || part == ".":
			return "path with an empty part"
		case len(part) > maxPart:
			return "name too long"
		}
	}
	return ""
}

// clutter is what a working copy has and a package does not.
var clutter = []string{".git", ".hg", ".svn", "__pycache__", ".venv", "venv", ".tox", ".pytest_cache", ".mypy_cache"}

// walk reads a directory.
func (t *Tree) walk(dir string, v *verdict.Verdict) {
	total := int64(0)
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, p)
		if err != nil || rel == "." {
			return err
		}
		name := filepath.ToSlash(rel)
		if d.IsDir() {
			if slices.Contains(clutter, d.Name()) {
				return fs.SkipDir
			}
			return nil
		}
		if !d.Type().IsRegular() {
			what := "neither a file nor a directory"
			if d.Type()&fs.ModeSymlink != 0 {
				what = "symbolic link"
			}
			v.Add(verdict.Problem{Code: "unsafe-path", File: name, Text: what, Hint: "put the file itself there"})
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if bad := badName(name); bad != "" {
			v.Add(verdict.Problem{Code: "unsafe-path", File: name, Text: bad})
			return nil
		}
		total += info.Size()
		t.add(file{name: name, exec: info.Mode()&0o100 != 0, size: info.Size(), open: func() (io.ReadCloser, error) { return os.Open(p) }})
		if len(t.files) > MaxFiles {
			v.Add(verdict.Problem{Code: "too-many-files", Text: fmt.Sprintf("more than %d files", MaxFiles)})
			return fs.SkipAll
		}
		return nil
	})
	if err != nil {
		v.Add(verdict.Problem{Code: "not-readable", Text: reason(err)})
	}
	t.Packed = total
	if total > MaxUnpacked {
		v.Add(verdict.Problem{Code: "bomb", Text: fmt.Sprintf("unpacks to more than %d bytes", MaxUnpacked)})
	}
}
