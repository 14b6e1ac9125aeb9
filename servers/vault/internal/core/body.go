package core

import (
	"bytes"
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"counterpart/internal/company/cause"
	"counterpart/internal/face/httpapi"
)

// MaxBody is the longest body.
const MaxBody = 32 << 20

// Parameters reads the body of a write: JSON whatever the Content-Type says,
// unless that says form and the body does not look like JSON. No body and null are
// no parameters.
func (s *Server) Parameters(req *http.Request) (map[string]any, error) {
	if req.Body == nil || req.ContentLength == 0 {
		return nil, nil
	}
	body, err := httpapi.Read(req)
	switch {
	case errors.Is(err, httpapi.TooLarge):
		return nil, Refuse(http.StatusRequestEntityTooLarge, "http: request body too large")
	case err != nil:
		return nil, BadRequest("error reading the request body")
	}
	body = bytes.TrimSpace(body)
	if len(body) == 0 {
		return nil, nil
	}
	if body[0] != '{' && body[0] != '[' && httpapi.IsForm(req) {
		return form(body)
	}
	return s.object(body)
}

// form reads a URL-encoded body; the values of a name that is given several times
// are joined.
func form(body []byte) (map[string]any, error) {
	pairs, err := httpapi.ParseForm(string(body), httpapi.FormRules{Semicolon: true})
	if err != nil {
		return nil, BadRequest("error parsing form data")
	}
	return fromQuery(pairs.Values(), false), nil
}

func fromQuery(values url.Values, inQuery bool) map[string]any {
	out := make(map[string]any, len(values))
	for k, v := range values {
		if k == "help" && inQuery {
			continue
		}
		if len(v) == 1 {
			out[k] = v[0]
			continue
		}
		out[k] = strings.Join(v, ",")
	}
	return out
}

// Reader reads JSON as the server does, which has bounds of its own (inspect.go).
var Reader = httpapi.Lenient{Trailing: true, Depth: 10_000, Values: MaxBody}

// object reads a JSON object and keeps numbers as they are written.
func (s *Server) object(body []byte) (map[string]any, error) {
	if s.Flavour.Bao {
		return baoObject(body)
	}
	strict := !s.Flavour.Old // that one reads a body first and decodes it then
	if strict && (body[0] == '{' || body[0] == '[') {
		if words := inspect(body); words != "" {
			r := Refuse(http.StatusInternalServerError, "%s", words)
			r.Reason, r.kind = cause.BadInput, "malformed JSON" // the fault is the client's, whatever the status says
			return nil, r
		}
	}
	var out map[string]any
	err := Reader.Decode(body, &out)
	var wrong *json.UnmarshalTypeError
	switch {
	case errors.As(err, &wrong):
		return nil, BadRequest("error parsing JSON: failed to parse JSON input: json: cannot unmarshal %s into Go value of type map[string]interface {}", wrong.Value)
	case err != nil && !strict:
		return nil, BadRequest("error parsing JSON")
	case err != nil:
		return nil, BadRequest("error parsing JSON: failed to parse JSON input: %s", err)
	}
	return out, nil
}

// query are the parameters of an operation that has no body.
func query(req *http.Request) map[string]any {
	if req.URL.RawQuery == "" {
		return nil
	}
	return fromQuery(req.URL.Query(), true)
}

// isMergePatch judges the Content-Type of a PATCH.
func isMergePatch(header string) error {
	kind, _, err := mime.ParseMediaType(header)
	switch {
	case err != nil:
		return BadRequest("%s", err.Error())
	case !strings.EqualFold(kind, "application/merge-patch+json"):
		return Refuse(http.StatusUnsupportedMediaType, "PATCH requires Content-Type of application/merge-patch+json, provided %s", kind)
	}
	return nil
}
