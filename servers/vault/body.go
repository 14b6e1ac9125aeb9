package vault

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
)

// Bounds of a body: 32 MiB in all, and those of Vault's JSON reader.
const (
	maxBody    = 32 << 20
	maxDepth   = 300
	maxString  = 1 << 20
	maxMembers = 10000
	maxTokens  = 500000
)

// parameters reads the body of a write: JSON whatever the Content-Type says,
// unless that says form and the body does not look like JSON. No body and null are
// no parameters.
func (s *Server) parameters(req *http.Request) (map[string]any, error) {
	if req.Body == nil || req.ContentLength == 0 {
		return nil, nil
	}
	body, err := io.ReadAll(req.Body)
	var long *http.MaxBytesError
	switch {
	case errors.As(err, &long):
		return nil, refuse(http.StatusRequestEntityTooLarge, "http: request body too large")
	case err != nil:
		return nil, bad("error reading the request body")
	}
	body = bytes.TrimSpace(body)
	if len(body) == 0 {
		return nil, nil
	}
	if kind, _, err := mime.ParseMediaType(req.Header.Get("Content-Type")); err == nil && kind == "application/x-www-form-urlencoded" &&
		body[0] != '{' && body[0] != '[' {
		return form(body)
	}
	return s.object(body)
}

// form reads a URL-encoded body; the values of a name that is given several times
// are joined.
func form(body []byte) (map[string]any, error) {
	values, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, bad("error parsing form data")
	}
	return fromQuery(values), nil
}

func fromQuery(values url.Values) map[string]any {
	out := make(map[string]any, len(values))
	for k, v := range values {
		if len(v) == 1 {
			out[k] = v[0]
			continue
		}
		out[k] = strings.Join(v, ",")
	}
	return out
}

// object reads a JSON object and keeps numbers as they are written.
func (s *Server) object(body []byte) (map[string]any, error) {
	if words := bounded(body); words != "" && !s.flavour.bao {
		return nil, s.malformed(words)
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var out map[string]any
	err := d.Decode(&out)
	var wrong *json.UnmarshalTypeError
	switch {
	case errors.As(err, &wrong):
		return nil, bad("error parsing JSON: failed to parse JSON input: json: cannot unmarshal %s into Go value of type map[string]interface {}", wrong.Value)
	case err == nil:
		return out, nil
	case body[0] == '{': // Vault's reader walks through an object before it decodes it
		return nil, s.malformed(walked(body, err))
	}
	return nil, bad("error parsing JSON: failed to parse JSON input: %s", err)
}

// walked is what is wrong with a body, token by token.
func walked(body []byte, err error) string {
	d := json.NewDecoder(bytes.NewReader(body))
	for {
		if _, e := d.Token(); errors.Is(e, io.EOF) {
			return "error parsing JSON: failed to parse JSON input: " + err.Error()
		} else if e != nil {
			return strings.Replace(e.Error(), "invalid character '}' looking for beginning of value", "invalid character '}' after object key", 1)
		}
	}
}

// malformed words a body that is no JSON: 500 from Vault, 400 from OpenBao.
func (s *Server) malformed(words string) error {
	if s.flavour.bao || s.flavour.old {
		return bad("error parsing JSON")
	}
	r := refuse(http.StatusInternalServerError, "%s", words)
	r.reason = "bad input" // the fault is the client's, whatever the status says
	return r
}

// bounded holds a body against the bounds of Vault's reader, in one pass and
// without judging the syntax; empty words mean that it keeps them.
func bounded(body []byte) string {
	members := make([]int, 0, 16)
	tokens := 0
	for i := 0; i < len(body); i++ {
		switch ch := body[i]; ch {
		case '{', '[':
			if len(members) >= maxDepth {
				return "JSON input exceeds allowed nesting depth"
			}
			members = append(members, 0)
			tokens++
		case '}', ']':
			if len(members) > 0 {
				members = members[:len(members)-1]
			}
			tokens++
		case ',':
			if n := len(members); n > 0 {
				if members[n-1]++; members[n-1] >= maxMembers {
					return "JSON container exceeds allowed number of members"
				}
			}
		case '"':
			start := i
			for i++; i < len(body) && body[i] != '"'; i++ {
				if body[i] == '\\' {
					i++
				}
			}
			if i-start > maxString {
				return "JSON string value exceeds allowed length"
			}
			tokens++
		}
		if tokens > maxTokens {
			return "JSON input exceeds allowed number of tokens"
		}
	}
	if len(members) > 0 {
		return "malformed JSON, unclosed containers"
	}
	return ""
}

// query are the parameters of an operation that has no body.
func query(req *http.Request) map[string]any {
	if req.URL.RawQuery == "" {
		return nil
	}
	return fromQuery(req.URL.Query())
}

// isMergePatch judges the Content-Type of a PATCH.
func isMergePatch(header string) error {
	kind, _, err := mime.ParseMediaType(header)
	switch {
	case err != nil:
		return bad("%s", err.Error())
	case !strings.EqualFold(kind, "application/merge-patch+json"):
		return refuse(http.StatusUnsupportedMediaType, "PATCH requires Content-Type of application/merge-patch+json, provided %s", kind)
	}
	return nil
}
