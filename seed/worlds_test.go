package seed_test

import (
	"testing"
	"time"

	"counterpart/internal/world"
	"counterpart/seed"
	"counterpart/seed/worlds"
)

var now = time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)

func load(t testing.TB, name string, src []byte) *seed.Seed {
	t.Helper()
	s, err := seed.Load(name, src, seed.Options{Now: now, FS: worlds.FS})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func open(t testing.TB, name string) []byte {
	t.Helper()
	src, err := worlds.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	return src
}

func TestEveryWorldLoads(t *testing.T) {
	for _, name := range worlds.Names() {
		t.Run(name, func(t *testing.T) {
			s := load(t, name+".yaml", open(t, name))
			if _, err := world.New(s.Facts); err != nil {
				t.Error(err)
			}
		})
	}
}
