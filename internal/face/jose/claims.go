package jose

import (
	"encoding/json"
	"math"
	"slices"
	"time"

	"counterpart/internal/company/cause"
)

// Claims are the registered ones (RFC 7519 section 4.1). Others are in Token.Payload.
type Claims struct {
	Issuer, Subject, ID          string // iss, sub, jti
	Audience                     []string
	Expires, NotBefore, IssuedAt time.Time // zero: not there
}

// Claims reads the payload. It refuses with BadPayload.
func (t *Token) Claims() (Claims, error) {
	var c Claims
	var members map[string]json.RawMessage
	if err := json.Unmarshal(t.Payload, &members); err != nil || members == nil {
		return c, cause.Because(BadPayload, "it is no JSON object")
	}
	for name, to := range map[string]*string{"iss": &c.Issuer, "sub": &c.Subject, "jti": &c.ID} {
		if raw, there := members[name]; there && json.Unmarshal(raw, to) != nil {
			return c, cause.Because(BadPayload, "%s is no text", name)
		}
	}
	for name, to := range map[string]*time.Time{"exp": &c.Expires, "nbf": &c.NotBefore, "iat": &c.IssuedAt} {
		raw, there := members[name]
		if !there {
			continue
		}
		var seconds float64
		if json.Unmarshal(raw, &seconds) != nil || math.Abs(seconds) > latest {
			return c, cause.Because(BadPayload, "%s is no time", name)
		}
		whole, part := math.Modf(seconds)
		*to = time.Unix(int64(whole), int64(part*1e9))
	}
	if raw, there := members["aud"]; there && json.Unmarshal(raw, &c.Audience) != nil {
		var one string
		if json.Unmarshal(raw, &one) != nil {
			return c, cause.Because(BadPayload, "aud is neither a text nor a list of texts")
		}
		c.Audience = []string{one}
	}
	return c, nil
}

// latest is the last second that a time may name, in the year 9999.
const latest = 253402300799

// Policy is what one use demands of claims. The zero value demands only that what has an
// end or a beginning is within it.
type Policy struct {
	Now        time.Time // of the fleet's clock
	Leeway     time.Duration
	Issuer     string   // "": any
	Subject    string   // "": any
	Audience   []string // one of them; none: any
	NeedExpiry bool
	NeedID     bool
}

// Check judges claims: cause.TokenExpired, cause.NotYetValid, WrongIssuer, WrongSubject,
// WrongAudience, NoTokenID. A client's assertion (RFC 7523 section 3) has the client for
// issuer and subject and the token endpoint for audience, an expiry and an identifier,
// which is good once: that is a record's to say.
func (p Policy) Check(c Claims) error {
	switch {
	case p.Issuer != "" && c.Issuer != p.Issuer:
		return cause.Because(WrongIssuer, "%.80q", c.Issuer)
	case p.Subject != "" && c.Subject != p.Subject:
		return cause.Because(WrongSubject, "%.80q", c.Subject)
	case len(p.Audience) > 0 && !slices.ContainsFunc(c.Audience, func(a string) bool { return slices.Contains(p.Audience, a) }):
		return cause.Because(WrongAudience, "%.200q, not one of %q", c.Audience, p.Audience)
	case p.NeedExpiry && c.Expires.IsZero():
		return cause.Because(cause.TokenExpired, "it does not say until when")
	case !c.Expires.IsZero() && !p.Now.Before(c.Expires.Add(p.Leeway)):
		return cause.Because(cause.TokenExpired, "at %s", c.Expires.UTC().Format(time.RFC3339))
	case p.Now.Before(c.NotBefore.Add(-p.Leeway)):
		return cause.Because(cause.NotYetValid, "until %s", c.NotBefore.UTC().Format(time.RFC3339))
	case p.NeedID && c.ID == "":
		return cause.Because(NoTokenID, "jti is missing")
	}
	return nil
}
