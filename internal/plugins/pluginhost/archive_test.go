package pluginhost_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"counterpart/internal/plugins/pluginhost"
)

func TestHostileZips(t *testing.T) {
	link := func(h *zip.FileHeader) { h.SetMode(os.ModeSymlink | 0o777) }
	device := func(h *zip.FileHeader) { h.SetMode(os.ModeDevice | 0o600) }
	deflate := func(h *zip.FileHeader) { h.Method = zip.Deflate }
	huge := func(h *zip.FileHeader) { h.Method, h.UncompressedSize64, h.CompressedSize64 = zip.Deflate, 201<<20, 1 }
	for name, c := range map[string]struct {
		entries []entry
		codes   []string
	}{
		"absolute path":       {good(entry{name: "/etc/passwd"}), []string{"unsafe-path"}},
		"drive letter":        {good(entry{name: "C:/x"}), []string{"unsafe-path"}},
		"dots":                {good(entry{name: "a/../../x"}), []string{"unsafe-path"}},
		"backslash":           {good(entry{name: `lib\x.py`}), []string{"unsafe-path"}},
		"empty part":          {good(entry{name: "a//x"}), []string{"unsafe-path"}},
		"symlink":             {good(entry{name: "l", body: "/etc/passwd", header: link}), []string{"unsafe-path"}},
		"device":              {good(entry{name: "d", header: device}), []string{"unsafe-path"}},
		"duplicate":           {good(entry{name: "main.py", body: "x"}), []string{"duplicate"}},
		"file and folder":     {good(entry{name: "a"}, entry{name: "a/b"}), []string{"duplicate"}},
		"bomb":                {good(entry{name: "zero", body: "x", header: huge}), []string{"bomb"}},
		"deflated is fine":    {good(entry{name: "x", body: strings.Repeat("abc", 1000), header: deflate}), nil},
		"folders are fine":    {good(entry{name: "lib/"}, entry{name: "lib/x.py"}), nil},
		"SDK bundled is fine": {good(entry{name: "safeguard/sessions/plugin/__init__.py"}), nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pkg, v := checkZip(t, c.entries)
			if name == "bomb" && pkg != nil {
				t.Error("a bomb became a package")
			}
			wantCodes(t, v, c.codes...)
		})
	}
	t.Run("not a zip", func(t *testing.T) {
		p := filepath.Join(t.TempDir(), "x.zip")
		for _, data := range []string{"", "PK", strings.Repeat("PK\x05\x06", 100)} {
			if err := os.WriteFile(p, []byte(data), 0o600); err != nil {
				t.Fatal(err)
			}
			_, v := pluginhost.Check(p, pluginhost.Profile{})
			wantCodes(t, v, "not-a-zip")
		}
	})
	t.Run("central directory that lies about a size", func(t *testing.T) {
		data := zipBytes(t, good(entry{name: "zero", body: strings.Repeat("\x00", 1<<20), header: deflate}))
		// The last central header is zero's; its uncompressed size is 24 bytes in.
		at := bytes.LastIndex(data, []byte("PK\x01\x02"))
		copy(data[at+24:], []byte{1, 0, 0, 0})
		p := filepath.Join(t.TempDir(), "x.zip")
		if err := os.WriteFile(p, data, 0o600); err != nil {
			t.Fatal(err)
		}
		_, v := pluginhost.Check(p, pluginhost.Profile{})
		wantCodes(t, v, "damaged")
	})
	t.Run("nothing there", func(t *testing.T) {
		_, v := pluginhost.Check(filepath.Join(t.TempDir(), "none"), pluginhost.Profile{})
		wantCodes(t, v, "not-readable")
	})
}

func TestDirectories(t *testing.T) {
	dir := t.TempDir()
	for name, body := range map[string]string{
		"MANIFEST": goodManifest, "main.py": goodMain, "lib/__init__.py": "", ".git/config": "x", "lib/__pycache__/x.pyc": "x",
		"Pipfile": "[packages]\npyrad = \"*\"\nhere = \"*\"\n[dev-packages]\npytest = \"*\"\n", "here.py": "",
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pkg, v := pluginhost.Check(dir, pluginhost.Profile{})
	wantCodes(t, v)
	wantText(t, v, "needs pyrad, which the directory does not hold")
	if got := fmt.Sprint(pkg.Files()); got != "[MANIFEST Pipfile here.py lib/__init__.py main.py]" {
		t.Errorf("files %s", got)
	}
	out := t.TempDir()
	if err := pkg.Unpack(out); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(filepath.Join(out, "main.py")); err != nil || string(data) != goodMain {
		t.Errorf("%q, %v", data, err)
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	_, v = pluginhost.Check(dir, pluginhost.Profile{})
	wantCodes(t, v, "unsafe-path")
}

func FuzzZip(f *testing.F) {
	f.Add(zipBytes(f, good()))
	f.Add(zipBytes(f, good(entry{name: "../x", body: "y"}, entry{name: "main.py"})))
	f.Add([]byte("PK\x05\x06"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p := filepath.Join(t.TempDir(), "x.zip")
		if err := os.WriteFile(p, data, 0o600); err != nil {
			t.Fatal(err)
		}
		pkg, v := pluginhost.Check(p, pluginhost.Profile{})
		if !v.OK() {
			return
		}
		if err := pkg.Unpack(t.TempDir()); err != nil {
			t.Errorf("accepted, but: %v", err)
		}
	})
}

// TestS2APackageWithMillionsOfMistakes: each of its paths may be wrong in hundreds of
// ways.
func TestS2APackageWithMillionsOfMistakes(t *testing.T) {
	entries := good()
	path := strings.Repeat("a/", 500)
	for i := 1; i < len(path); i += 2 {
		entries = append(entries, entry{name: path[:i]})
	}
	for i := range 2_000 {
		entries = append(entries, entry{name: path + strconv.Itoa(i)})
	}
	_, v := checkZip(t, entries)
	if v.OK() || !v.Has("duplicate") || !v.Has("more") || len(v.Problems) > 500 {
		t.Errorf("%d problems", len(v.Problems))
	}
}
