// Package worlds holds the ready-made seeds.
package worlds

import (
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// FS holds the seeds, and the files that they name.
//
//go:embed *.yaml keys
var FS embed.FS

// Names lists the seeds: demo, load, minimal. The example is not among them.
func Names() []string {
	files, _ := fs.Glob(FS, "*.yaml")
	names := make([]string, 0, len(files))
	for _, f := range files {
		if name := strings.TrimSuffix(f, ".yaml"); name != "example" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Open returns the text of a ready-made seed. The files it names are in FS.
func Open(name string) ([]byte, error) {
	if !slices.Contains(Names(), name) {
		return nil, fmt.Errorf("there is no ready-made seed %q; there are %s", name, strings.Join(Names(), ", "))
	}
	return FS.ReadFile(name + ".yaml")
}

// Example is a commented seed to start from.
func Example() []byte {
	text, err := FS.ReadFile("example.yaml")
	if err != nil { // it is embedded
		panic(err)
	}
	return text
}
