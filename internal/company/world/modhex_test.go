package world_test

import (
	"testing"

	"counterpart/internal/company/world"
)

func TestPublicID(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "idkfefrdhtru": "idkfefrdhtru", "729434c26dce": "idkfefrdhtru", "729434C26DCE": "idkfefrdhtru", "CCCC": "cccc",
		"cbde": "cbde", "0123456789abcdef": "cbdefghijklnrtuv", "cccccccccccccccc": "cccccccccccccccc",
	} {
		if got, ok := world.PublicID(text); !ok || got != want {
			t.Errorf("%q is read as %q, %v", text, got, ok)
		}
	}
	for _, text := range []string{"c", "abc", "cccccccccccccccccc", "xy", "0123456789abcdef01", "cccccccccccc\x00c", "ćć", "c ", "aa\xff"} {
		if got, ok := world.PublicID(text); ok {
			t.Errorf("%q is read as %q", text, got)
		}
	}
}

// FuzzModhex: what is read writes itself again.
func FuzzModhex(f *testing.F) {
	f.Add("idkfefrdhtru")
	f.Add("")
	f.Add("é")
	f.Fuzz(func(t *testing.T, text string) {
		if octets, ok := world.ParseModhex(text); ok && world.Modhex(octets) != text {
			t.Errorf("%q became %q", text, world.Modhex(octets))
		}
		if id, ok := world.PublicID(text); ok {
			if again, ok := world.PublicID(id); !ok || again != id {
				t.Errorf("%q is %q, which is %q, %v", text, id, again, ok)
			}
		}
	})
}

// TestEveryLetterIsItsDigit, and no other octet is one.
func TestEveryLetterIsItsDigit(t *testing.T) {
	digits := 0
	for a := range 256 {
		octets, ok := world.ParseModhex(string([]byte{'c', byte(a)}))
		if ok {
			digits++
			if world.Modhex(octets) != string([]byte{'c', byte(a)}) {
				t.Errorf("%#x is %x", a, octets)
			}
		}
	}
	if digits != 16 {
		t.Errorf("%d letters", digits)
	}
}
