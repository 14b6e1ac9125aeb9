package yubico

import (
	"strings"
	"testing"

	"counterpart/internal/company/world"
)

// FuzzRequest: whatever stands in an address, nothing panics, and what is signed does
// not depend on the order of the parameters.
func FuzzRequest(f *testing.F) {
	for _, seed := range []string{"id=1&otp=x&nonce=y&h=z", "a=%zz&&=&b", "sl=1e9&timeout=%00", "otp=1&otp=2", "a.b=1&a b=2&%C3%A9=%FF", "/wsapi/2.0/verify?/wsapi/1.0/", "timestamp=0x1p0", "sl=-1.5e-3"} {
		f.Add(seed)
	}
	by := newSigner([]byte("key"))
	f.Fuzz(func(t *testing.T, text string) {
		p := parse(text)
		if len(p) > mostParams {
			t.Fatal(len(p))
		}
		seen := map[string]bool{}
		for _, m := range p.signed() {
			if seen[m.name] || m.name == "h" {
				t.Errorf("%q is signed twice, or is the signature", m.name)
			}
			seen[m.name] = true
			if strings.Trim(p.value(m.name), " \t\n\r\x00\x0b") != p.value(m.name) && !strings.Contains(m.value, `\`) {
				t.Errorf("%q is not trimmed", p.value(m.name))
			}
		}
		if a, b := by.sign(p.signed()), by.sign(p.signed()); a != b || len(a) != 28 {
			t.Errorf("%q and %q", a, b)
		}
		intval(text)
		isOne(text)
		if versionAt(text) < -1 {
			t.Error(versionAt(text))
		}
		operation(text)
	})
}

// FuzzImports: what is read of a file is complete, and the rest is an error.
func FuzzImports(f *testing.F) {
	f.Add("4711,cccccccccccb,609963eae7b5,c68c9df8cbfe7d2f994cb904046c7218,000000000000,2013-11-06T09:45:11,,")
	f.Add("1,1,1383728711,EHmo8FMxuhumBlTinC4uYL0Mgwg=,sps@example.com,,")
	f.Add("# comment\n1,1383728711,1383728711,idkfefrdhtru,1,0,36160,15,kakakakakakakaka,\n\"")
	f.Fuzz(func(t *testing.T, text string) {
		if keys, err := readKeys(text); err == nil {
			for _, k := range keys {
				if id, ok := world.PublicID(k.PublicID); !ok || id != k.PublicID || len(k.PrivateID) != 12 || len(k.AESKey) != 32 {
					t.Errorf("%+v", k)
				}
			}
		}
		if clients, err := readClients(text); err == nil {
			for _, c := range clients {
				if c.ID < 1 || c.ID > 9_999_999_999 {
					t.Errorf("%+v", c)
				}
			}
		}
		if rows, err := readRows(text); err == nil {
			for id, r := range rows {
				if _, ok := world.ParseModhex(id); !ok || r.Session < -1 || r.Use < -1 {
					t.Errorf("%s %+v", id, r)
				}
			}
		}
	})
}

// TestNumbersLikePHP: what ykval makes of texts.
func TestNumbersLikePHP(t *testing.T) {
	for text, want := range map[string]int{"5x": 5, "": 0, "x": 0, "-3": -3, "+7": 7, "1e2": 100, "1e2x": 100, "1.9": 1, "1e": 1, ".5": 0, "99999999999999999999": 1<<31 - 1, "0x1A": 0, "inf": 0} {
		if got := intval(text); got != want {
			t.Errorf("intval(%q) is %d, not %d", text, got, want)
		}
	}
	for text, want := range map[string]bool{"1": true, "01": true, "1.0": true, "1e0": true, "+1": true, "": false, "2": false, "1x": false, "0x1": false, "true": false, "0.1e1": true} {
		if isOne(text) != want {
			t.Errorf("isOne(%q) is not %v", text, want)
		}
	}
	for uri, want := range map[string]float64{"/wsapi/2.0/verify": 2, "/wsapi/verify": -1, "/wsapi/1.10/verify": 2, "/x/wsapi/2.1/": 2.1, "/wsapi/a.b/wsapi/1.0/verify": 1, "/wsapi/2.0": -1} {
		if got := versionAt(uri); got != want {
			t.Errorf("%s is version %v, not %v", uri, got, want)
		}
	}
}
