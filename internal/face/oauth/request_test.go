package oauth_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"counterpart/internal/company/cause"
	"counterpart/internal/face/httpapi"
	"counterpart/internal/face/jose"
	"counterpart/internal/face/oauth"
)

const formType = "application/x-www-form-urlencoded"

func ask(target, kind, body string, header ...string) *http.Request {
	r := httptest.NewRequest("POST", target, strings.NewReader(body))
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

func TestWhereParametersStand(t *testing.T) {
	all := oauth.Places{JSON: true, Mislabeled: true, Query: true}
	for name, x := range map[string]struct {
		r      *http.Request
		places oauth.Places
		want   error
		scope  string
	}{
		"a form":                     {ask("/", formType, "scope=a+b&scope=c&unknown=1"), oauth.Places{}, nil, "a b"},
		"JSON":                       {ask("/", "application/json; charset=utf-8", "{\n\"scope\": \"a b\", \"n\": 15, \"x\": {}}"), all, nil, "a b"},
		"JSON that is not taken":     {ask("/", "application/json", `{"scope":"a"}`), oauth.Places{}, httpapi.UnsupportedMedia, ""},
		"a form labelled JSON":       {ask("/", "application/json", "scope=a"), all, nil, "a"},
		"that, and it is not taken":  {ask("/", "application/json", "scope=a"), oauth.Places{JSON: true}, cause.BadInput, ""},
		"the query of an empty POST": {ask("/?scope=a", "", ""), all, nil, "a"},
		"that, and it is not taken ": {ask("/?scope=a", "", ""), oauth.Places{}, nil, ""},
		"the query beside a body":    {ask("/?scope=a", formType, "x=1"), all, nil, ""},
		"a malformed form":           {ask("/", formType, "scope=%zz"), all, cause.BadInput, ""},
		"another type":               {ask("/", "text/plain", "scope=a"), all, httpapi.UnsupportedMedia, ""},
		"too long":                   {ask("/", formType, "scope="+strings.Repeat("a", 64<<10)), all, httpapi.TooLarge, ""},
	} {
		q, err := oauth.ReadRequest(x.r, x.places)
		if !errors.Is(err, x.want) || err == nil && q.Get("scope") != x.scope {
			t.Errorf("%s: %+v, %v", name, q, err)
		}
		if name == "JSON" && (q.Get("n") != "15" || !q.JSON || q.Get("x") != "") {
			t.Errorf("%+v", q)
		}
	}
}

func basic(text string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(text)) }

func TestHowClientsProveThemselves(t *testing.T) {
	assertion, err := jose.SignClaims(jose.Key{Secret: []byte("k")}, jose.HS256, map[string]string{"iss": "c"})
	if err != nil {
		t.Fatal(err)
	}
	secured := ask("/", formType, "client_id=c")
	secured.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{{}}}
	azure := []oauth.Method{oauth.Assertion, oauth.InBody, oauth.BasicEscaped, oauth.Public}
	for name, x := range map[string]struct {
		r       *http.Request
		methods []oauth.Method
		want    error
		method  oauth.Method
		id, key string
	}{
		"Basic as it stands there":         {ask("/", "", "", "Authorization", basic("a%20b:c%3A")), []oauth.Method{oauth.Basic}, nil, oauth.Basic, "a%20b", "c%3A"},
		"Basic escaped":                    {ask("/", "", "", "Authorization", basic("a%20b:c%3A")), []oauth.Method{oauth.BasicEscaped}, nil, oauth.BasicEscaped, "a b", "c:"},
		"in the body":                      {ask("/", formType, "client_id=c&client_secret=s"), azure, nil, oauth.InBody, "c", "s"},
		"in the body before Basic":         {ask("/", formType, "client_id=c&client_secret=s", "Authorization", basic("d:t")), azure, nil, oauth.InBody, "c", "s"},
		"a malformed header, then a body":  {ask("/", formType, "client_id=c&client_secret=s", "Authorization", "Basic !"), []oauth.Method{oauth.Basic, oauth.InBody}, nil, oauth.InBody, "c", "s"},
		"a malformed header alone":         {ask("/", formType, "", "Authorization", "Basic !"), []oauth.Method{oauth.Basic, oauth.InBody}, oauth.BadCredentials, 0, "", ""},
		"an identifier alone":              {ask("/", formType, "client_id=c"), azure, nil, oauth.Public, "c", ""},
		"an empty secret in Basic":         {ask("/", formType, "", "Authorization", basic("c:")), []oauth.Method{oauth.Public, oauth.Basic}, nil, oauth.Public, "c", ""},
		"an assertion":                     {ask("/", formType, "client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion="+assertion), azure, nil, oauth.Assertion, "", ""},
		"an assertion that is none":        {ask("/", formType, "client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer&client_assertion=x"), azure, oauth.BadCredentials, 0, "", ""},
		"a certificate":                    {secured, []oauth.Method{oauth.Certificate}, nil, oauth.Certificate, "c", ""},
		"no certificate":                   {ask("/", formType, ""), []oauth.Method{oauth.Certificate}, oauth.NoCredentials, 0, "", ""},
		"nothing":                          {ask("/", formType, ""), azure, oauth.NoCredentials, 0, "", ""},
		"a secret where a public one asks": {ask("/", formType, "client_id=c&client_secret=s"), []oauth.Method{oauth.Public}, oauth.NoCredentials, 0, "", ""},
	} {
		q, err := oauth.ReadRequest(x.r, oauth.Places{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		c, err := q.Credentials(x.methods...)
		if !errors.Is(err, x.want) || err == nil && (c.Method != x.method || c.ID != x.id || c.Secret != x.key ||
			(c.Assertion != nil) != (x.method == oauth.Assertion) || (c.Certificate != nil) != (x.method == oauth.Certificate)) {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
	}
}

func TestEndpoint(t *testing.T) {
	asked := 0
	e := oauth.Endpoint[string]{
		Grants: []oauth.Grant{
			{Names: []string{"password"}, Needs: []string{"username", "password"}, Methods: []oauth.Method{oauth.InBody}},
			{Names: []string{"urn:ietf:params:oauth:grant-type:device_code", "device_code"}, Methods: []oauth.Method{oauth.Public}},
			{Names: []string{"refresh_token"}, Needs: []string{"refresh_token"}},
			{Names: []string{"client_credentials"}, Off: true},
		},
		Client: func(_ context.Context, c oauth.Credentials) (string, oauth.Allowed, error) {
			if asked++; c.ID != "c" {
				return "", nil, cause.Because(cause.UnknownClient, "%s", c.ID)
			}
			return "client c", func(grant string) bool { return grant == "password" }, nil
		},
	}
	for body, x := range map[string]struct {
		want          error
		grant, client string
		asked         int
	}{
		"":                              {oauth.MissingParameter, "", "", 0},
		"grant_type=x":                  {oauth.UnsupportedGrant, "", "", 0},
		"grant_type=client_credentials": {oauth.GrantOff, "", "", 0},
		"grant_type=password&username=alice&client_id=c&client_secret=s":            {oauth.MissingParameter, "", "", 0},
		"grant_type=password&username=alice&password=p":                             {oauth.NoCredentials, "", "", 0},
		"grant_type=password&username=alice&password=p&client_id=c&client_secret=s": {nil, "password", "client c", 1},
		"grant_type=password&username=alice&password=p&client_id=d&client_secret=s": {cause.UnknownClient, "", "", 1},
		"grant_type=device_code&client_id=c":                                        {oauth.GrantNotAllowed, "", "", 1},
		"grant_type=refresh_token&refresh_token=r":                                  {nil, "refresh_token", "", 0}, // no client is looked at
	} {
		asked = 0
		got, err := e.Read(ask("/", formType, body))
		if !errors.Is(err, x.want) || asked != x.asked || err == nil && (got.Grant != x.grant || got.Client != x.client) {
			t.Errorf("%s: %+v, %v, %d times asked", body, got, err, asked)
		}
	}
	var missing *oauth.Missing
	if _, err := e.Read(ask("/", formType, "grant_type=refresh_token")); !errors.As(err, &missing) || missing.Name != "refresh_token" || missing.Error() == "" {
		t.Errorf("%v", err)
	}
	if _, err := e.Read(ask("/", "text/plain", "x")); !errors.Is(err, httpapi.UnsupportedMedia) {
		t.Errorf("%v", err)
	}
}

func TestScopes(t *testing.T) {
	granted := []string{"read", "write"}
	for asked, want := range map[string][]string{"": granted, "write": {"write"}, "write read write": {"write", "read"}} {
		if got, err := oauth.Scopes(asked, granted); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %q, %v", asked, got, err)
		}
	}
	if _, err := oauth.Scopes("read admin", granted); !errors.Is(err, oauth.BadScope) {
		t.Error(err)
	}
}

// TestVerifiers has the example of RFC 7636 appendix B.
func TestVerifiers(t *testing.T) {
	const verifier, challenge = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
	if err := oauth.VerifyS256(challenge, verifier); err != nil {
		t.Error(err)
	}
	for name, x := range map[string][2]string{"another": {challenge, strings.Repeat("a", 43)}, "short": {challenge, verifier[:42]}, "long": {challenge, strings.Repeat("a", 129)},
		"other characters": {challenge, verifier[:42] + "+"}, "plain": {verifier, verifier}, "empty": {"", ""}} {
		if err := oauth.VerifyS256(x[0], x[1]); !errors.Is(err, oauth.BadVerifier) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, s := range []string{"grant_type=password&username=a", `{"grant_type":"password"}`, "grant_type=%zz", "client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer&client_assertion=a.b.c"} {
		f.Add(formType, s, "Basic x")
		f.Add("application/json", s, "")
	}
	f.Fuzz(func(t *testing.T, kind, body, authorization string) {
		r := ask("/", "", body)
		r.Header = http.Header{"Content-Type": {kind}, "Authorization": {authorization}}
		q, err := oauth.ReadRequest(r, oauth.Places{JSON: true, Mislabeled: true, Query: true})
		if err == nil {
			_, err = q.Credentials(oauth.Assertion, oauth.InBody, oauth.BasicEscaped, oauth.Basic, oauth.Certificate, oauth.Public)
		}
		if _, known := cause.Of(err); err != nil && !known {
			t.Errorf("%v is no refusal", err)
		}
	})
}
