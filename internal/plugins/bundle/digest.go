package bundle

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"counterpart/internal/plugins/pluginhost"
)

// Digest tells plugins apart by what is in them: SHA-256 over the names and contents of
// their files in alphabetical order, the same for a zip and for the folder it was made of.
// Scenarios beside the code, and what Python compiled, do not count.
func Digest(pkg *pluginhost.Package) (string, error) {
	h := sha256.New()
	err := visit(pkg, func(name string, text []byte) {
		fmt.Fprintf(h, "%d %s %d\n", len(name), name, len(text))
		h.Write(text)
	})
	return "sha256:" + hex.EncodeToString(h.Sum(nil)), err
}

// visit shows the files of a plugin in alphabetical order.
func visit(pkg *pluginhost.Package, see func(name string, text []byte)) error {
	dir, err := os.MkdirTemp("", "counterpart-digest-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := pkg.Unpack(dir); err != nil {
		return err
	}
	names := slices.Clone(pkg.Files())
	slices.Sort(names)
	for _, name := range names {
		if strings.HasPrefix(name, "scenarios/") || strings.Contains(name, "__pycache__/") || strings.HasSuffix(name, ".pyc") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
		if err != nil {
			return err
		}
		see(name, text)
	}
	return nil
}
