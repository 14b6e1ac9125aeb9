// Package oauth is what vendors' token endpoints share (RFC 6749 and its kin): where
// parameters stand, how a client proves itself, which grants there are, and the records
// behind them: codes that are good once, families of refresh tokens, token sets that are
// handed out again, device authorizations. What a grant gives is a value and what is
// refused a cause; tokens' forms, members' names and statuses are the vendor's.
package oauth

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"counterpart/internal/company/cause"
)

// Causes of token endpoints, besides those of people (cause.WrongPassword …), clients
// (cause.UnknownClient, cause.WrongSecret, cause.Disabled), tokens (package jose) and
// polls (cause.Pending, cause.Denied).
const (
	MissingParameter cause.Cause = "parameter is missing"
	UnsupportedGrant cause.Cause = "unsupported grant"
	GrantOff         cause.Cause = "grant is switched off"
	GrantNotAllowed  cause.Cause = "client may not use the grant"
	NoCredentials    cause.Cause = "client shows no credentials"
	BadCredentials   cause.Cause = "client credentials are malformed"
	BadScope         cause.Cause = "scope is not granted"
	BadVerifier      cause.Cause = "code verifier is wrong"
	UnknownCode      cause.Cause = "unknown code or token"
	ExpiredCode      cause.Cause = "code or token has expired"
	UsedCode         cause.Cause = "code or token was already used"
	RevokedCode      cause.Cause = "code or token was revoked"
	SlowDown         cause.Cause = "polled too soon"
)

// Missing is MissingParameter with the name, which some vendors say.
type Missing struct{ Name string }

// Error is the operator's sentence.
func (m *Missing) Error() string { return string(MissingParameter) + ": " + m.Name }

// Unwrap leads to the cause.
func (m *Missing) Unwrap() error { return MissingParameter }

// Grant is one grant of an endpoint, as data.
type Grant struct {
	Names []string // values of grant_type that mean it; some vendors have a short one too
	Needs []string // parameters that must have something in them
	// Methods are the ways in which a client may prove itself here, those that are
	// tried first standing first. None: this grant looks at no client at all (a
	// refresh of OneLogin's).
	Methods []Method
	Off     bool // switched off by a setting
}

// Allowed says which grants a client may use.
type Allowed func(name string) bool

// Endpoint is a token endpoint.
type Endpoint[C any] struct {
	Grants []Grant
	Places Places
	// Client is who shows credentials, once they prove it: the vendor's record of a
	// client, and which grants it may use (nil: all). It refuses with causes. For a
	// grant without methods it is not called.
	Client func(ctx context.Context, c Credentials) (C, Allowed, error)
}

// Asked is a request whose grant and client are known.
type Asked[C any] struct {
	Request
	Grant  string // the first name of the grant
	Client C
}

// Read finds out which grant a request wants and who asks, in that order: a grant says
// whether a client has to prove itself, and how. It refuses with Missing,
// UnsupportedGrant, GrantOff, NoCredentials, BadCredentials, GrantNotAllowed and what
// Client does.
func (e *Endpoint[C]) Read(r *http.Request) (*Asked[C], error) {
	req, err := ReadRequest(r, e.Places)
	if err != nil {
		return nil, err
	}
	name := req.Get("grant_type")
	if name == "" {
		return nil, &Missing{"grant_type"}
	}
	i := slices.IndexFunc(e.Grants, func(g Grant) bool { return slices.Contains(g.Names, name) })
	if i < 0 {
		return nil, cause.Because(UnsupportedGrant, "grant_type %.80q", name)
	}
	g := e.Grants[i]
	if g.Off {
		return nil, cause.Because(GrantOff, "grant_type %s", name)
	}
	for _, need := range g.Needs {
		if req.Get(need) == "" {
			return nil, &Missing{need}
		}
	}
	asked := &Asked[C]{Request: *req, Grant: g.Names[0]}
	if len(g.Methods) == 0 {
		return asked, nil
	}
	credentials, err := req.Credentials(g.Methods...)
	if err != nil {
		return nil, err
	}
	client, may, err := e.Client(r.Context(), credentials)
	if err != nil {
		return nil, err
	}
	if may != nil && !may(asked.Grant) {
		return nil, cause.Because(GrantNotAllowed, "%s asks for %s", credentials.ID, asked.Grant)
	}
	asked.Client = client
	return asked, nil
}

// Scopes are those of a list, parted by blanks (RFC 6749 section 3.3), that were asked for
// and are in granted; with none asked for, all of these. It refuses with BadScope.
func Scopes(asked string, granted []string) ([]string, error) {
	var out []string
	for _, s := range strings.Fields(asked) {
		if !slices.Contains(granted, s) {
			return nil, cause.Because(BadScope, "%.80q is not granted", s)
		}
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	if out == nil {
		return granted, nil
	}
	return out, nil
}
