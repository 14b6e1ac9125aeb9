package system_test

import (
	"crypto/rand"
	"strings"
	"testing"
	"unicode/utf8"

	"counterpart/servers/vault/internal/system"
)

func TestPasswordPolicyIsMet(t *testing.T) {
	const text = "length = 300\nrule \"charset\" { charset = \"abc\" min-chars = 5 }\nrule \"charset\" { charset = \"XYZ\" min-chars = 290 }"
	for range 50 {
		password, _, err := system.PasswordOf(text, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		small := strings.Count(password, "a") + strings.Count(password, "b") + strings.Count(password, "c")
		if len(password) != 300 || small < 5 || 300-small < 290 {
			t.Errorf("%d characters, %d small: %s", len(password), small, password)
		}
	}
}

func FuzzPasswordPolicy(f *testing.F) {
	for _, text := range []string{"", "length = 20", "length=20\nrule \"charset\" {\n  charset = \"abc\"\n min-chars = 1\n}", `{"length":20,"rule":[{"charset":{"charset":"é€"}}]}`,
		"length=1 rule \"charset\" { min-chars=3 }", "length=-1", "length=20 rule \"charset\" { charset=\"a\" min-chars=-9 }", strings.Repeat("[", 500)} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		password, length, err := system.PasswordOf(text, rand.Reader)
		if err == nil && utf8.RuneCountInString(password) != length {
			t.Errorf("%q has not %d characters", password, length)
		}
	})
}
