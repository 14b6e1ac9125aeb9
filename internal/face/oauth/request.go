package oauth

import (
	"crypto/x509"
	"net/http"
	"strings"

	"counterpart/internal/company/cause"
	"counterpart/internal/face/httpapi"
	"counterpart/internal/face/jose"
)

// Places say where the parameters of a request may stand. The zero value: in a form, as
// RFC 6749 has it.
type Places struct {
	JSON       bool  // an object in JSON
	Mislabeled bool  // a form that calls itself JSON, as long as it is no JSON
	Query      bool  // the query of a POST with an empty body
	Limit      int64 // octets of a body; 0: 64 KiB
}

// longestBody is what a token request has at most.
const longestBody = 64 << 10

// Request is a request whose parameters were read, wherever they stood.
type Request struct {
	HTTP   *http.Request
	Params map[string]string // of repeated ones the first
	JSON   bool              // they came in JSON
}

// Get is a parameter; "" without one.
func (q *Request) Get(name string) string { return q.Params[name] }

// ReadRequest reads parameters. Unknown ones do no harm. It refuses with cause.BadInput,
// httpapi.TooLarge and httpapi.UnsupportedMedia.
func ReadRequest(r *http.Request, p Places) (*Request, error) {
	limit := p.Limit
	if limit == 0 {
		limit = longestBody
	}
	body, err := httpapi.ReadAtMost(r, limit)
	if err != nil {
		return nil, err
	}
	q := &Request{HTTP: r, Params: map[string]string{}}
	text, kind := strings.TrimSpace(string(body)), httpapi.MediaType(r.Header.Get("Content-Type"))
	isJSON := kind == "application/json"
	switch {
	case text == "" && p.Query && r.URL.RawQuery != "":
		return q, q.form(r.URL.RawQuery)
	case isJSON && p.Mislabeled && !strings.HasPrefix(text, "{"):
		return q, q.form(text)
	case isJSON && p.JSON:
		q.JSON = true
		return q, q.json(body)
	case httpapi.IsForm(r):
		return q, q.form(text)
	case text == "" && kind == "":
		return q, nil // there are no parameters, which is another refusal
	}
	return nil, cause.Because(httpapi.UnsupportedMedia, "the body is no form but %.80q", r.Header.Get("Content-Type"))
}

func (q *Request) form(text string) error {
	form, err := httpapi.ParseForm(text, httpapi.FormRules{Semicolon: true})
	for _, p := range form {
		if _, given := q.Params[p.Name]; !given {
			q.Params[p.Name] = p.Value
		}
	}
	return err
}

func (q *Request) json(body []byte) error {
	var members map[string]any
	if err := (httpapi.Lenient{}).Decode(body, &members); err != nil {
		return err
	}
	for name, v := range members {
		switch v := v.(type) {
		case string:
			q.Params[name] = v
		case interface{ String() string }: // a number, as it is written
			q.Params[name] = v.String()
		}
	}
	return nil
}

// Method is a way in which a client proves itself (RFC 6749 section 2.3, RFC 7523 section
// 2.2, RFC 8705 section 2.1).
type Method int

// The methods.
const (
	Public       Method = iota // client_id alone, or an empty secret
	Basic                      // Authorization: Basic, the parts as they stand there
	BasicEscaped               // the same, the parts encoded like a form
	InBody                     // client_id and client_secret among the parameters
	Assertion                  // client_assertion, a signed token
	Certificate                // of the connection
)

// jwtBearer is the value of client_assertion_type.
const jwtBearer = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// Credentials are what a client shows. That they are right is for others to say.
type Credentials struct {
	Method      Method
	ID          string      // "" for a certificate, and for an assertion without a client_id
	Secret      string      // Basic, InBody
	Assertion   *jose.Token // not verified
	Certificate *x509.Certificate
}

// Credentials are the first that a request shows by one of the methods. What cannot be
// read is passed over for another method, and BadCredentials if there is none; nothing at
// all is NoCredentials.
func (q *Request) Credentials(methods ...Method) (Credentials, error) {
	refusal := cause.Because(NoCredentials, "by none of the methods that the grant takes")
	for _, m := range methods {
		c, p, err := q.by(m)
		if p == httpapi.Present {
			c.Method = m
			return c, nil
		}
		if p == httpapi.Malformed {
			refusal = cause.Because(BadCredentials, "%v", err)
		}
	}
	return Credentials{}, refusal
}

// errHeader is what Basic says of what it cannot read.
var errHeader = cause.Because(BadCredentials, "the header Authorization cannot be read")

func (q *Request) by(m Method) (c Credentials, p httpapi.Presence, err error) {
	switch m {
	case Basic:
		c.ID, c.Secret, p = httpapi.Basic(q.HTTP.Header)
		return c, p, errHeader
	case BasicEscaped:
		c.ID, c.Secret, p = httpapi.BasicEscaped(q.HTTP.Header)
		return c, p, errHeader
	case InBody:
		c.ID, c.Secret = q.Get("client_id"), q.Get("client_secret")
		return c, present(c.Secret != ""), nil
	case Assertion:
		if q.Get("client_assertion_type") != jwtBearer || q.Get("client_assertion") == "" {
			return c, httpapi.Absent, nil
		}
		c.ID = q.Get("client_id")
		if c.Assertion, err = jose.Parse(q.Get("client_assertion"), jose.Rules{}); err != nil {
			return c, httpapi.Malformed, err
		}
		return c, httpapi.Present, nil
	case Certificate:
		if q.HTTP.TLS == nil || len(q.HTTP.TLS.PeerCertificates) == 0 {
			return c, httpapi.Absent, nil
		}
		c.ID, c.Certificate = q.Get("client_id"), q.HTTP.TLS.PeerCertificates[0]
		return c, httpapi.Present, nil
	}
	if id, secret, given := httpapi.BasicEscaped(q.HTTP.Header); given == httpapi.Present && secret == "" && id != "" {
		c.ID = id // an identifier alone, or with an empty secret
		return c, httpapi.Present, nil
	}
	c.ID = q.Get("client_id")
	return c, present(c.ID != "" && q.Get("client_secret") == ""), nil
}

func present(there bool) httpapi.Presence {
	if there {
		return httpapi.Present
	}
	return httpapi.Absent
}
