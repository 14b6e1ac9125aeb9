package jose_test

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"hash"
	"strings"
	"sync"
	"testing"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/face/jose"
)

var raw = base64.RawURLEncoding

// The example of RFC 7515 appendix A.1, whose octets have line ends.
const (
	rfcHeader  = "{\"typ\":\"JWT\",\r\n \"alg\":\"HS256\"}"
	rfcPayload = "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}"
	rfcKey     = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"
	rfcToken   = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
)

func secret(t testing.TB) jose.Key {
	t.Helper()
	k, err := raw.DecodeString(rfcKey)
	if err != nil {
		t.Fatal(err)
	}
	return jose.Key{Secret: k}
}

var pair = sync.OnceValue(func() jose.Key {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return jose.Key{ID: "k1", Private: k}
})

func TestOctetsAreSignedAsTheyAre(t *testing.T) {
	got, err := jose.Sign(secret(t), []byte(rfcHeader), []byte(rfcPayload))
	if err != nil || got != rfcToken {
		t.Fatalf("%s, %v", got, err)
	}
	token, err := jose.Parse(rfcToken, jose.Rules{})
	if err != nil || string(token.RawHeader) != rfcHeader || string(token.Payload) != rfcPayload || token.Header.Type != "JWT" {
		t.Fatalf("%+v, %v", token, err)
	}
	if err := token.Verify(secret(t), jose.HS512, jose.HS256); err != nil {
		t.Error(err)
	}
}

// TestEachAlgorithm holds signatures against those of the standard library.
func TestEachAlgorithm(t *testing.T) {
	for alg, h := range map[jose.Algorithm]func() hash.Hash{jose.HS256: sha256.New, jose.HS384: sha512.New384, jose.HS512: sha512.New} {
		text, err := jose.SignClaims(secret(t), alg, map[string]int{"a": 1})
		if err != nil {
			t.Fatal(err)
		}
		signed, mac := text[:strings.LastIndex(text, ".")], text[strings.LastIndex(text, ".")+1:]
		m := hmac.New(h, secret(t).Secret)
		m.Write([]byte(signed))
		if raw.EncodeToString(m.Sum(nil)) != mac {
			t.Errorf("%s: %s", alg, text)
		}
	}
	text, err := jose.SignClaims(pair(), jose.RS256, struct{}{})
	if err != nil {
		t.Fatal(err)
	}
	token, err := jose.Parse(text, jose.Rules{})
	if err != nil || token.Header.KeyID != "k1" || string(token.RawHeader) != `{"alg":"RS256","kid":"k1","typ":"JWT"}` || string(token.Payload) != "{}" {
		t.Fatalf("%+v, %v", token, err)
	}
	sum := sha256.Sum256([]byte(text[:strings.LastIndex(text, ".")]))
	signature, _ := raw.DecodeString(text[strings.LastIndex(text, ".")+1:])
	if err := rsa.VerifyPKCS1v15(&pair().Private.PublicKey, crypto.SHA256, sum[:], signature); err != nil {
		t.Error(err)
	}
	for _, k := range []jose.Key{pair(), {Public: &pair().Private.PublicKey}} {
		if err := token.Verify(k, jose.RS256); err != nil {
			t.Error(err)
		}
	}
	for _, bad := range []struct {
		k   jose.Key
		alg jose.Algorithm
	}{{secret(t), jose.RS256}, {pair(), jose.HS256}, {jose.Key{Public: &pair().Private.PublicKey}, jose.RS256}, {secret(t), "none"}, {jose.Key{}, jose.HS256}} {
		if text, err := jose.SignClaims(bad.k, bad.alg, 1); !errors.Is(err, jose.BadAlgorithm) {
			t.Errorf("%s: %s, %v", bad.alg, text, err)
		}
	}
	if _, err := jose.SignClaims(pair(), jose.RS256, func() {}); err == nil {
		t.Error("a function became claims")
	}
}

// forged is a token whose signature is made with the octets of a key that everybody knows.
func forged(header string, key []byte) string {
	signed := raw.EncodeToString([]byte(header)) + "." + raw.EncodeToString([]byte("{}"))
	m := hmac.New(sha256.New, key)
	m.Write([]byte(signed))
	return signed + "." + raw.EncodeToString(m.Sum(nil))
}

func TestForgeriesAreRefused(t *testing.T) {
	public, _ := json.Marshal(jose.PublicSet(pair()).Keys[0])
	for name, x := range map[string]struct {
		token   string
		key     jose.Key
		allowed []jose.Algorithm
		want    error
	}{
		"none":                         {raw.EncodeToString([]byte(`{"alg":"none"}`)) + ".e30.", secret(t), []jose.Algorithm{jose.HS256, "none"}, jose.BadAlgorithm},
		"no alg":                       {raw.EncodeToString([]byte(`{}`)) + ".e30.", secret(t), []jose.Algorithm{jose.HS256, ""}, jose.BadAlgorithm},
		"public key as secret":         {forged(`{"alg":"HS256"}`, public), pair(), []jose.Algorithm{jose.HS256, jose.RS256}, jose.BadAlgorithm},
		"another than allowed":         {rfcToken, secret(t), []jose.Algorithm{jose.HS512}, jose.BadAlgorithm},
		"nobody allowed any":           {rfcToken, secret(t), nil, jose.BadAlgorithm},
		"another key":                  {rfcToken, jose.Key{Secret: []byte("x")}, []jose.Algorithm{jose.HS256}, jose.BadSignature},
		"an empty key":                 {forged(`{"alg":"HS256"}`, nil), jose.Key{}, []jose.Algorithm{jose.HS256}, jose.BadAlgorithm},
		"another payload":              {strings.Replace(rfcToken, ".eyJ", ".eyK", 1), secret(t), []jose.Algorithm{jose.HS256}, jose.BadSignature},
		"alg in capitals":              {forged(`{"ALG":"HS256"}`, secret(t).Secret), secret(t), []jose.Algorithm{jose.HS256}, jose.BadAlgorithm},
		"a cut signature":              {rfcToken[:len(rfcToken)-3], secret(t), []jose.Algorithm{jose.HS256}, jose.BadSignature},
		"the signature in another way": {rfcToken[:len(rfcToken)-1] + "l", secret(t), []jose.Algorithm{jose.HS256}, jose.BadSignature},
	} {
		token, err := jose.Parse(x.token, jose.Rules{})
		if err == nil {
			err = token.Verify(x.key, x.allowed...)
		}
		if !errors.Is(err, x.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWhatCannotBeRead(t *testing.T) {
	head, body, mac := raw.EncodeToString([]byte(`{"alg":"HS256"}`)), "e30", "AA"
	for text, want := range map[string]error{
		"":                                 jose.BadSegments,
		"a.b":                              jose.BadSegments,
		rfcToken + ".x":                    jose.BadSegments,
		strings.Repeat("a", 64<<10) + "..": jose.BadSegments,
		head + "=." + body + "." + mac:     jose.BadHeader,
		"!." + body + "." + mac:            jose.BadHeader,
		raw.EncodeToString([]byte("null")) + "." + body + "." + mac:                         jose.BadHeader,
		raw.EncodeToString([]byte(`{"alg":1}`)) + "." + body + "." + mac:                    jose.BadHeader,
		raw.EncodeToString([]byte(`{"alg":"HS256","crit":["x"]}`)) + "." + body + "." + mac: jose.BadHeader,
		head + ".!." + mac:       jose.BadPayload,
		head + ".e3\n0." + mac:   jose.BadPayload,
		head + "." + body + ".!": jose.BadSignature,
	} {
		if _, err := jose.Parse(text, jose.Rules{}); !errors.Is(err, want) {
			t.Errorf("%.60s: %v", text, err)
		}
	}
}

func TestPaddingIsTakenWhereItIsAllowed(t *testing.T) {
	signed := base64.URLEncoding.EncodeToString([]byte(`{"alg":"HS256" }`)) + "." + base64.URLEncoding.EncodeToString([]byte(`{"a":1 }`))
	if !strings.Contains(signed, "==.") {
		t.Fatal(signed)
	}
	m := hmac.New(sha256.New, secret(t).Secret)
	m.Write([]byte(signed))
	text := signed + "." + base64.URLEncoding.EncodeToString(m.Sum(nil))
	if _, err := jose.Parse(text, jose.Rules{}); !errors.Is(err, jose.BadHeader) {
		t.Error(err)
	}
	token, err := jose.Parse(text, jose.Rules{Padded: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := token.Verify(secret(t), jose.HS256); err != nil {
		t.Error(err)
	}
	if token, err = jose.Parse(rfcToken, jose.Rules{Padded: true}); err != nil || token.Verify(secret(t), jose.HS256) != nil {
		t.Errorf("without padding: %v", err)
	}
	if _, err = jose.Parse(strings.Replace(text, "==.", "===.", 1), jose.Rules{Padded: true}); err == nil {
		t.Error("three are taken")
	}
}

func claims(t *testing.T, payload string) (jose.Claims, error) {
	t.Helper()
	return (&jose.Token{Payload: []byte(payload)}).Claims()
}

func TestClaims(t *testing.T) {
	c, err := claims(t, `{"iss":"i","sub":"s","jti":"j","aud":["a","b"],"exp":1300819380.5,"nbf":1,"iat":2,"SUB":"x","other":{}}`)
	if err != nil || c.Issuer != "i" || c.Subject != "s" || c.ID != "j" || len(c.Audience) != 2 || !c.Expires.Equal(time.Unix(1300819380, 5e8)) || c.NotBefore.Unix() != 1 || c.IssuedAt.Unix() != 2 {
		t.Errorf("%+v, %v", c, err)
	}
	if c, err = claims(t, `{"aud":"one"}`); err != nil || len(c.Audience) != 1 || !c.Expires.IsZero() {
		t.Errorf("%+v, %v", c, err)
	}
	for _, wrong := range []string{"", "null", "[]", `{"iss":1}`, `{"exp":"1"}`, `{"exp":1e300}`, `{"exp":-1e300}`, `{"aud":1}`} {
		if _, err := claims(t, wrong); !errors.Is(err, jose.BadPayload) {
			t.Errorf("%s: %v", wrong, err)
		}
	}
}

func TestPolicies(t *testing.T) {
	now := time.Unix(1000, 0)
	good := jose.Claims{Issuer: "c", Subject: "c", ID: "1", Audience: []string{"https://h:1/token", "x"}, Expires: now.Add(time.Second), NotBefore: now}
	assertion := jose.Policy{Now: now, Issuer: "c", Subject: "c", Audience: []string{"https://h:1/token"}, NeedExpiry: true, NeedID: true}
	for name, x := range map[string]struct {
		change func(*jose.Claims, *jose.Policy)
		want   error
	}{
		"good":                    {func(*jose.Claims, *jose.Policy) {}, nil},
		"nothing is asked":        {func(c *jose.Claims, p *jose.Policy) { *c, *p = jose.Claims{}, jose.Policy{Now: now} }, nil},
		"another issuer":          {func(c *jose.Claims, _ *jose.Policy) { c.Issuer = "d" }, jose.WrongIssuer},
		"another subject":         {func(c *jose.Claims, _ *jose.Policy) { c.Subject = "d" }, jose.WrongSubject},
		"the port is missing":     {func(c *jose.Claims, _ *jose.Policy) { c.Audience = []string{"https://h/token"} }, jose.WrongAudience},
		"no audience":             {func(c *jose.Claims, _ *jose.Policy) { c.Audience = nil }, jose.WrongAudience},
		"at its end":              {func(c *jose.Claims, _ *jose.Policy) { c.Expires = now }, cause.TokenExpired},
		"at its end, with leeway": {func(c *jose.Claims, p *jose.Policy) { c.Expires, p.Leeway = now, time.Second }, nil},
		"no end":                  {func(c *jose.Claims, _ *jose.Policy) { c.Expires = time.Time{} }, cause.TokenExpired},
		"later":                   {func(c *jose.Claims, _ *jose.Policy) { c.NotBefore = now.Add(time.Nanosecond) }, cause.NotYetValid},
		"later, with leeway":      {func(c *jose.Claims, p *jose.Policy) { c.NotBefore, p.Leeway = now.Add(time.Second), time.Second }, nil},
		"no identifier":           {func(c *jose.Claims, _ *jose.Policy) { c.ID = "" }, jose.NoTokenID},
	} {
		c, p := good, assertion
		x.change(&c, &p)
		if err := p.Check(c); !errors.Is(err, x.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPublicKeysInJSON(t *testing.T) {
	set := jose.PublicSet(secret(t), pair(), jose.Key{ID: "k2", Public: &pair().Private.PublicKey})
	text, err := json.Marshal(set)
	if err != nil || len(set.Keys) != 2 || strings.Contains(string(text), `"d"`) || !strings.HasPrefix(string(text), `{"keys":[{"kty":"RSA","use":"sig","kid":"k1","alg":"RS256","n":"`) {
		t.Errorf("%s, %v", text, err)
	}
	if empty, _ := json.Marshal(jose.PublicSet()); string(empty) != `{"keys":[]}` {
		t.Errorf("%s", empty)
	}
	one, _ := json.Marshal(set.Keys[0])
	k, err := jose.ParseJWK(one)
	if err != nil || k.ID != "k1" || !k.Public.Equal(&pair().Private.PublicKey) {
		t.Errorf("%+v, %v", k, err)
	}
	n := func(bits int) string { return raw.EncodeToString(append(make([]byte, bits/8-1, bits/8), 1)) }
	big := func(bits int) string {
		b := make([]byte, bits/8)
		b[0], b[len(b)-1] = 0x80, 1
		return raw.EncodeToString(b)
	}
	for _, wrong := range []string{"", "{}", `{"kty":"EC","n":"AQAB","e":"AQAB"}`, `{"kty":"RSA","n":"` + n(2048) + `","e":"AQAB"}`, `{"kty":"RSA","n":"` + big(16384) + `","e":"AQAB"}`,
		`{"kty":"RSA","n":"` + big(1024) + `","e":"AQAB"}`, `{"kty":"RSA","n":"` + big(2048) + `","e":"AQ"}`, `{"kty":"RSA","n":"` + big(2048) + `","e":"AQAA"}`, `{"kty":"RSA","n":"!","e":"AQAB"}`} {
		if k, err := jose.ParseJWK([]byte(wrong)); !errors.Is(err, cause.BadInput) {
			t.Errorf("%.60s: %+v, %v", wrong, k, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{rfcToken, "", "a.b.c", "e30.e30.", "eyJhbGciOiJub25lIn0.e30."} {
		f.Add(s, false)
		f.Add(s, true)
	}
	f.Fuzz(func(t *testing.T, text string, padded bool) {
		token, err := jose.Parse(text, jose.Rules{Padded: padded})
		if err != nil {
			if _, known := cause.Of(err); !known {
				t.Errorf("%v is no refusal", err)
			}
			return
		}
		if err := token.Verify(secret(t), jose.HS256, jose.HS384, jose.HS512); err == nil && text != rfcToken {
			t.Errorf("%s verifies", text)
		}
		token.Claims()
	})
}

func FuzzParseJWK(f *testing.F) {
	one, _ := json.Marshal(jose.PublicSet(pair()).Keys[0])
	f.Add(one)
	f.Add([]byte(`{"kty":"RSA","n":"AQAB","e":"AQAB"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if k, err := jose.ParseJWK(text); err == nil && (k.Public.N.BitLen() < 2048 || k.Public.E < 3) {
			t.Errorf("%s", text)
		}
	})
}
