// Package httpapi is what vendors' HTTP faces share: one bounded read of a body with
// views of it (JSON strict and lenient, forms, XML, multipart), credentials, the table
// that puts causes into a vendor's words, and answers in JSON as a vendor writes them.
// What is a vendor's (paths, names, words) stays with the vendor.
package httpapi

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"

	"counterpart/internal/company/cause"
	"counterpart/internal/serving/strictjson"
)

// Causes of HTTP itself.
const (
	TooLarge         cause.Cause = "too large"
	UnsupportedMedia cause.Cause = "unsupported media type"
	WrongMethod      cause.Cause = "method not allowed"
)

// Read takes the whole body, as received. The limit is the port's
// (dialect.Limits.Body), which the fleet enforces. It refuses with TooLarge what is
// longer, and with cause.BadInput what breaks off: a client that went away, or stopped
// sending in time.
func Read(r *http.Request) ([]byte, error) { return readAll(r, 0) }

// ReadAtMost is Read for an operation with a limit of its own, in octets, below the
// port's.
func ReadAtMost(r *http.Request, limit int64) ([]byte, error) { return readAll(r, limit) }

// mostAhead is how much is set aside because a Content-Length announces it.
const mostAhead = 64 << 10

func readAll(r *http.Request, limit int64) ([]byte, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	if limit > 0 && r.ContentLength > limit {
		return nil, tooLarge(limit)
	}
	var source io.Reader = r.Body
	if limit > 0 {
		source = io.LimitReader(source, limit+1)
	}
	body := make([]byte, 0, max(512, min(r.ContentLength+1, mostAhead)))
	for {
		n, err := source.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		var big *http.MaxBytesError
		switch {
		case limit > 0 && int64(len(body)) > limit:
			return nil, tooLarge(limit)
		case err == io.EOF:
			return body, nil
		case errors.As(err, &big):
			return nil, tooLarge(big.Limit)
		case err != nil:
			return nil, cause.Because(cause.BadInput, "the body ended early")
		}
		if len(body) == cap(body) {
			body = slices.Grow(body, len(body))
		}
	}
}

func tooLarge(limit int64) error {
	return cause.Because(TooLarge, "a body has at most %d octets", limit)
}

// Peek is Read that leaves the body to be read again: for what looks at a request
// before its handler does.
func Peek(r *http.Request) ([]byte, error) {
	body, err := Read(r)
	if err == nil {
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	return body, err
}

// MediaType is the media type of a header Content-Type in lower case, without
// parameters; "" for none that can be read.
func MediaType(header string) string {
	kind, _, err := mime.ParseMediaType(header)
	if err != nil {
		return ""
	}
	return kind
}

// IsForm reports a request whose Content-Type says form.
func IsForm(r *http.Request) bool {
	return MediaType(r.Header.Get("Content-Type")) == "application/x-www-form-urlencoded"
}

// Strict says which bodies an operation of one of our own interfaces takes: one JSON
// object of known fields.
type Strict struct {
	Types    []string // media types; the first is what a refusal asks for. None: application/json
	Optional bool     // an empty body leaves the target as it is
	Limit    int64    // octets; 0: the port's
}

var justJSON = []string{"application/json"}

// Read decodes the body of r into v. It refuses with TooLarge, UnsupportedMedia and
// cause.BadInput, in words that name what is wrong.
func (s Strict) Read(r *http.Request, v any) error {
	body, err := readAll(r, s.Limit)
	if err != nil {
		return err
	}
	if len(bytes.TrimSpace(body)) == 0 {
		if s.Optional {
			return nil
		}
		return cause.Because(cause.BadInput, "a JSON object is expected")
	}
	types := s.Types
	if len(types) == 0 {
		types = justJSON
	}
	if header := r.Header.Get("Content-Type"); !slices.Contains(types, MediaType(header)) {
		return cause.Because(UnsupportedMedia, "send Content-Type: %s, not %q", types[0], header)
	}
	return strictjson.Decode(body, v)
}
