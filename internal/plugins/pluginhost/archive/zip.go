package archive

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"counterpart/internal/plugins/pluginhost/verdict"
)

// unzip reads a zip file; false if it is none.
func (t *Tree) unzip(p string, size int64, v *verdict.Verdict) bool {
	t.Packed = size
	if size > MaxUnpacked {
		v.Add(verdict.Problem{Code: "too-large", Text: fmt.Sprintf("the package has %d bytes, the limit is below %d (20 MiB)", size, MaxPacked)})
		return false
	}
	data, err := os.ReadFile(p)
	if err != nil {
		v.Add(verdict.Problem{Code: "not-readable", Text: reason(err)})
		return false
	}
	return t.fromZip(data, v)
}

// fromZip reads the zip in data, which stays referenced: the package cannot
// change between its check and its unpacking.
func (t *Tree) fromZip(data []byte, v *verdict.Verdict) bool {
	t.Packed = int64(len(data))
	r, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		v.Add(verdict.Problem{Code: "not-a-zip", Text: "not a zip file: " + strings.TrimPrefix(err.Error(), "zip: "), Hint: "zip the plugin's files with MANIFEST in the root"})
		return false
	}
	if len(r.File) > MaxFiles {
		v.Add(verdict.Problem{Code: "too-many-files", Text: fmt.Sprintf("%d entries, at most %d are read", len(r.File), MaxFiles)})
		return false
	}
	declared := uint64(0)
	for _, f := range r.File {
		// Either number alone may be near the largest one.
		if declared += min(f.UncompressedSize64, MaxUnpacked+1); declared > MaxUnpacked {
			v.Add(verdict.Problem{Code: "bomb", Text: fmt.Sprintf("unpacks to more than %d bytes", MaxUnpacked)})
			return false
		}
	}
	for _, f := range r.File {
		t.entry(f, v)
	}
	t.nested(v)
	t.probe(v)
	return true
}

// entry takes one entry of a zip.
func (t *Tree) entry(f *zip.File, v *verdict.Verdict) {
	refuse := func(text, hint string) {
		v.Add(verdict.Problem{Code: "unsafe-path", File: printable(f.Name), Text: text, Hint: hint})
	}
	if bad := badName(f.Name); bad != "" {
		refuse(bad, "")
		return
	}
	mode := f.Mode()
	switch {
	case mode&fs.ModeSymlink != 0:
		refuse("symbolic link", "put the file itself there")
		return
	case mode.IsDir() || strings.HasSuffix(f.Name, "/"):
		return
	case !mode.IsRegular():
		refuse("neither a file nor a directory", "")
		return
	case f.Flags&1 != 0:
		v.Add(verdict.Problem{Code: "encrypted", File: f.Name, Text: "encrypted entry", Hint: "zip without a password"})
		return
	case f.Method != zip.Store && f.Method != zip.Deflate:
		v.Add(verdict.Problem{Code: "compression", File: f.Name, Text: fmt.Sprintf("compression method %d", f.Method), Hint: "use stored or deflated entries"})
		return
	}
	if !t.add(file{name: f.Name, exec: mode&0o100 != 0, size: int64(f.UncompressedSize64), open: f.Open}) {
		v.Add(verdict.Problem{Code: "duplicate", File: f.Name, Text: "the name occurs twice"})
	}
}

// printable bounds a hostile name for a message.
func printable(name string) string {
	if len(name) > 80 {
		name = name[:80] + "…"
	}
	return strings.ToValidUTF8(strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f {
			return '?'
		}
		return r
	}, name), "?")
}

// nested refuses a name that is a file here and a folder there.
func (t *Tree) nested(v *verdict.Verdict) {
	for _, f := range t.files {
		for i, c := range f.name {
			if c == '/' && t.Has(f.name[:i]) {
				v.Add(verdict.Problem{Code: "duplicate", File: f.name[:i], Text: "both a file and a folder"})
			}
		}
	}
}

// probe unpacks everything into nothing: sizes and checksums may lie.
func (t *Tree) probe(v *verdict.Verdict) {
	left := int64(MaxUnpacked)
	for _, f := range t.files {
		n, err := drain(f, left)
		left -= n
		switch {
		case errors.Is(err, ErrTooLarge):
			v.Add(verdict.Problem{Code: "bomb", File: f.name, Text: fmt.Sprintf("unpacks to more than %d bytes", MaxUnpacked)})
			return
		case err != nil:
			v.Add(verdict.Problem{Code: "damaged", File: f.name, Text: "cannot be unpacked: " + strings.TrimPrefix(err.Error(), "zip: "), Hint: "make the zip again"})
		}
	}
}

func drain(f file, left int64) (int64, error) {
	r, err := f.open()
	if err != nil {
		return 0, err
	}
	defer r.Close()
	n, err := io.Copy(io.Discard, io.LimitReader(r, left+1))
	if n > left {
		return left, ErrTooLarge
	}
	return n, err
}
