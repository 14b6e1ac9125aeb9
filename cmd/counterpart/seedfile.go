package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"counterpart/seed"
	"counterpart/seed/worlds"
	"counterpart/servers"
)

// stdin is the name of a seed that comes over standard input.
const stdin = "-"

// loadSeed reads a seed: a file, the name of a ready-made world, or "-".
func loadSeed(e *env, name string, now time.Time) (*seed.Seed, error) {
	src, shown, files, err := source(e, name)
	if err != nil {
		return nil, err
	}
	return seed.Load(shown, src, seed.Options{Now: now, FS: files, Kinds: kindNames(), Blocks: blocks()})
}

func kindNames() (names []string) {
	for _, k := range servers.Table() {
		names = append(names, k.Name)
	}
	return names
}

// blocks are the servers' settings, for the schema.
func blocks() map[string]any {
	out := map[string]any{}
	for _, k := range servers.Table() {
		out[k.Name] = k.Settings
	}
	return out
}

func source(e *env, name string) (src []byte, shown string, files fs.FS, err error) {
	switch {
	case name == stdin:
		src, err = io.ReadAll(io.LimitReader(e.in, seedLimit+1))
		return src, "<stdin>", os.DirFS("."), err
	case slices.Contains(worlds.Names(), name) && !exists(name):
		src, err = worlds.Open(name)
		return src, name + ".yaml", worlds.FS, err
	}
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, "", nil, fmt.Errorf("there is no seed file %s; ready-made ones are %s", name, strings.Join(worlds.Names(), ", "))
	case err != nil:
		return nil, "", nil, fmt.Errorf("cannot read the seed: %w", err)
	case info.IsDir():
		return nil, "", nil, fmt.Errorf("%s is a folder; name the seed file in it", name)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, "", nil, fmt.Errorf("cannot read the seed: %w", err)
	}
	defer f.Close()
	src, err = io.ReadAll(io.LimitReader(f, seedLimit+1))
	if err != nil {
		return nil, "", nil, fmt.Errorf("cannot read the seed: %w", err)
	}
	return src, name, os.DirFS(filepath.Dir(name)), nil
}

// seedLimit is the size that seed.Load accepts; one octet more lets it say so.
const seedLimit = seed.MaxSize

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}
