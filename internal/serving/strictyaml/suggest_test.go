package strictyaml_test

import (
	"testing"

	"counterpart/internal/serving/strictyaml"
)

func TestNearest(t *testing.T) {
	known := []string{"password", "display_name", "name", "groups", "uid_number"}
	for word, want := range map[string]string{"pasword": "password", "passwrod": "password", "displayName": "display_name", "Groups": "groups",
		"group": "groups", "uidnumber": "uid_number", "nmae": "name", "x": "", "completely": "", "": ""} {
		if got, _ := strictyaml.Nearest(word, known); got != want {
			t.Errorf("%s: got %q, want %q", word, got, want)
		}
	}
}
