package vault_test

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// shared are the rooms that others may use, each with those that it may use itself; every
// other room is an engine's, or sys/, and nobody's ground.
var shared = map[string][]string{
	"api": nil, "policy": nil, "keyring": nil, "settings": nil, "catalog": nil,
	"core":  {"api", "policy", "settings"},
	"tools": {"core"}, "ldapconfig": {"core"}, "rotation": {"core", "settings"},
}

// The core knows no engine, and no engine another: what they share is a room of its own.
func TestRoomsPointOneWay(t *testing.T) {
	const below = "counterpart/servers/vault/internal/"
	rooms, err := os.ReadDir("internal")
	if err != nil {
		t.Fatal(err)
	}
	for _, room := range rooms {
		may, isShared := shared[room.Name()]
		files, err := filepath.Glob("internal/" + room.Name() + "/*.go")
		if err != nil || len(files) == 0 {
			t.Errorf("%s: %d files, %v", room.Name(), len(files), err)
		}
		for _, file := range files {
			parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
			if err != nil {
				t.Fatal(err)
			}
			for _, spec := range parsed.Imports {
				name, _ := strconv.Unquote(spec.Path.Value)
				other, isRoom := strings.CutPrefix(name, below)
				if !isRoom || other == room.Name() {
					continue
				}
				if _, open := shared[other]; !open || isShared && !slices.Contains(may, other) {
					t.Errorf("%s imports the room %s", file, other)
				}
			}
		}
	}
}
