package keyring

import (
	"crypto"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"testing"
	"time"
)

func raw(t testing.TB, text string) []byte {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// What a real Vault 1.21.4 made with exported keys, of "hello" and the context
// "context".
func TestDerivedKeysAreVaults(t *testing.T) {
	for _, c := range []struct{ kind, key, text string }{
		{AES256, "Gf0t/vIh/trzTciUqDuC2sleeIoP7eZzNplGBeFG4/Q=", "vault:v1:dYiBfEKVB7xZPVqVNdsupkSLLabYRqWWmFboAuQz8gxG"},
		{AES128, "3WqYH4YruW2+yNMAGeg57w==", "vault:v1:8eZGWmZbF2Bi5etdy28cMkc1MeWX5hsFqVYySnboA9Q6"},
		{ChaCha20, "eBrucrFzWPIXhIvnv/0ubrSHkYjKmbTvw62QvyxkRP8=", "vault:v1:R5iqS36GEy+i/mwz1T904fTUOZ2U/k2vDSX4SG72yvtO"},
	} {
		k := &Key{Type: c.kind, Derived: true, Convergent: true}
		k.Add(Version{Key: raw(t, c.key)})
		text, n, err := k.Encrypt(rand.Reader, []byte("hello"), Params{Context: []byte("context")})
		if err != nil || text != c.text || n != 1 {
			t.Errorf("%s: %s %d %v", c.kind, text, n, err)
		}
		if plain, err := k.Decrypt(rand.Reader, c.text, Params{Context: []byte("context")}); err != nil || string(plain) != "hello" {
			t.Errorf("%s: %q %v", c.kind, plain, err)
		}
		var w Wrong
		if _, err := k.Decrypt(rand.Reader, c.text, Params{Context: []byte("other")}); !errors.As(err, &w) {
			t.Errorf("%s: another context decrypts: %v", c.kind, err)
		}
	}
	e := &Key{Type: Ed25519, Derived: true}
	e.Add(Version{Key: raw(t, "mx/gboBgr1oes8qZj8U43TFm9uOcs3uYoWdveVqIU5EqoPnBTc6B5rMSfRxRS7MbwVcQhJLvchkSr0wpgg0P+w==")})
	s := Signing{Context: []byte("context"), Hash: crypto.SHA256}
	signed, err := e.Sign(rand.Reader, []byte("hello"), s)
	if err != nil || signed.Text != "vault:v1:s5x/lPINrKNcn1LYeEPvRmANh8sU8u7ziC0QfYomZPwk83x1L3wCW3lxw1PktVq0roc2VGYhVEmVl401vP/fBg==" {
		t.Errorf("%+v %v", signed, err)
	}
	if public, err := e.PublicKey(1, []byte("context")); public != "AsU1Z77EXybPAeANIae0f3fLefGE59BU0zRCFB9F9Zo=" || err != nil {
		t.Error(public, err)
	}
	h := &Key{Type: AES256}
	h.Add(Version{Key: raw(t, "Gf0t/vIh/trzTciUqDuC2sleeIoP7eZzNplGBeFG4/Q="), HMAC: raw(t, "X6jQbi3Xd3tlGz6JFy+eqnr/0rYffpLqs2V8TOW1zw0=")})
	if mac, err := h.MAC(1, crypto.SHA256, []byte("hello")); err != nil || h.MACText(1, mac) != "vault:v1:w3na2qsiSrhOF/CuP81jDhqnYh0B3eTSfx7v6MC4xUg=" {
		t.Error(h.MACText(1, mac), err)
	}
}

// FuzzText reads ciphertexts, signatures and HMACs of strangers.
func FuzzText(f *testing.F) {
	keys := []*Key{}
	for _, kind := range []string{AES256, Ed25519, "ecdsa-p256"} {
		k := &Key{Type: kind}
		v, err := k.Fresh(rand.Reader, time.Time{})
		if err != nil {
			f.Fatal(err)
		}
		k.Add(v)
		keys = append(keys, k)
	}
	for _, text := range []string{"", "vault:v1:", "vault:v1:AAAA", "vault:v0:AAAA", "vault:v-1:AAAA", "vault:v99999999999999999999:", "vault:v1:MAYCAQECAQE="} {
		f.Add(text, true)
	}
	f.Fuzz(func(_ *testing.T, text string, jws bool) {
		for _, k := range keys {
			k.Decrypt(rand.Reader, text, Params{})
			k.SplitMAC(text)
			if k.Signs() {
				k.Verify([]byte("x"), text, Signing{Hash: crypto.SHA256, JWS: jws})
			}
		}
	})
}
