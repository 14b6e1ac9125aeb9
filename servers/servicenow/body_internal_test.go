package servicenow

import (
	"encoding/json"
	"testing"
)

// FuzzDoubled demands that JSON stays what it is when single quotes are doubled,
// and that a text in single quotes reads as the same text in double ones.
func FuzzDoubled(f *testing.F) {
	for _, s := range []string{"", "it's", `a "word"`, `\`, "ü\n", `'`, `{'a':'b'}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		whole, err := json.Marshal(map[string]string{"k": s})
		if err != nil {
			return
		}
		var want, got map[string]string
		if err := json.Unmarshal(whole, &want); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(doubled(whole), &got); err != nil || got["k"] != want["k"] {
			t.Errorf("%s became %s: %v", whole, doubled(whole), err)
		}
		var any map[string]any
		json.Unmarshal(doubled([]byte(s)), &any) // whatever it is, it does not break
	})
}
