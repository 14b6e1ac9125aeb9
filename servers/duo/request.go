package duo

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/mail"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"counterpart/internal/company/cause"
	"counterpart/internal/face/httpapi"
	"counterpart/internal/face/limits"
	"counterpart/internal/serving/dialect"
	"counterpart/servers/duo/internal/sign"
)

// request is a signed request whose parameters have been read.
type request struct {
	echo.Context
	in     Integration
	params map[string]string
}

func (r *request) call() *dialect.Call { return dialect.CallFrom(r.Request().Context()) }

// legacy reports the older surface.
func (r *request) legacy() bool { return isLegacy(r.Request().URL.Path) }

// need is a parameter that must be there.
func (r *request) need(name string) (string, error) {
	v := r.params[name]
	if v == "" {
		return "", param(missing, name, "%s is missing", name)
	}
	return v, nil
}

// handler does an operation and returns what stands in the envelope; nil means
// that it has answered itself.
type handler func(*request) (any, error)

// signed lets a handler run for an integration that proves itself. The order of
// the checks is the service's.
func (s *Server) signed(do handler) echo.HandlerFunc {
	return func(c echo.Context) error {
		body, params, unreadable := read(c)
		if errors.Is(unreadable, unreadableBody) {
			return unreadable
		}
		in, err := s.authenticate(c, body)
		if err != nil {
			return err
		}
		if err := s.mayUse(dialect.CallFrom(c.Request().Context()), in, authAPI); err != nil {
			return err
		}
		if err := s.limit(c, in); err != nil {
			return err
		}
		if unreadable != nil {
			return unreadable
		}
		r := &request{Context: c, in: in, params: params}
		response, err := do(r)
		if err != nil || c.Response().Committed {
			return err
		}
		return write(c, 200, envelope{"stat": "OK", "response": response})
	}
}

// read takes a request's body and parameters, and shows the journal what may be
// seen of them, whoever sent them.
func read(c echo.Context) (body []byte, params map[string]string, err error) {
	body, err = httpapi.Read(c.Request())
	if err != nil {
		err = cause.Because(unreadableBody, "%s", cause.Why(err))
	} else {
		params, err = parameters(c, body)
	}
	shows := display(params)
	if err != nil {
		shows = fmt.Sprintf("(%d octets that cannot be read)", len(body))
	}
	dialect.CallFrom(c.Request().Context()).Request = c.Request().Method + " " + c.Request().URL.Path + "\n" + shows
	return body, params, err
}

// authenticate finds out which integration signed a request.
func (s *Server) authenticate(c echo.Context, body []byte) (Integration, error) {
	r := c.Request()
	ikey, mac, given := httpapi.Basic(r.Header)
	if given != httpapi.Present {
		return Integration{}, cause.Because(noCredentials, "no Authorization: Basic with key and signature")
	}
	in, known := s.integrations[ikey]
	if !known {
		return Integration{}, cause.Because(unknownKey, "no integration has the key %.40q", ikey)
	}
	old := isLegacy(r.URL.Path)
	date := r.Header.Get("X-Duo-Date")
	if date == "" {
		date = r.Header.Get("Date")
	}
	stale := s.timely(c, date)
	if stale != nil && !old { // version 1 carries no date
		return Integration{}, stale
	}
	signed := sign.Request{Method: r.Method, Host: r.Host, Path: r.URL.EscapedPath(), Query: r.URL.RawQuery, Body: body, Date: date, Header: r.Header}
	if !isJSON(r.Header.Get("Content-Type")) {
		signed.Form = string(body)
	}
	version, ok := sign.Verify(signed, []byte(in.SKey), mac, old)
	if !ok {
		return Integration{}, cause.Because(badSignature, "%s has not signed this with its key; a signature of %d digits", in.Name, len(mac))
	}
	if version != sign.V1 && stale != nil {
		return Integration{}, stale
	}
	return in, nil
}

// timely holds a request's date against the service's clock.
func (s *Server) timely(c echo.Context, text string) error {
	at, err := mail.ParseDate(text)
	if err != nil || len(text) > 64 {
		return cause.Because(noDate, "the date %.64q cannot be read", text)
	}
	now := s.now(dialect.CallFrom(c.Request().Context()))
	if off := now.Sub(at).Abs(); off > s.set.Skew {
		return cause.Because(staleDate, "the date %s is %v off", at.UTC().Format(time.RFC3339), off)
	}
	return nil
}

// now is the service's clock, which a fault can set wrong.
func (s *Server) now(call *dialect.Call) time.Time {
	now := s.Clock.Now()
	if r, hit := call.Fault(clockOff); hit {
		if by, err := time.ParseDuration(r.Args["by"]); err == nil {
			now = now.Add(by)
		}
	}
	return now
}

// limit counts a request against its integration's rate.
func (s *Server) limit(c echo.Context, in Integration) error {
	ctx := c.Request().Context()
	refuse := func(name, value string) error {
		if value != "" {
			c.Response().Header().Set(name, value)
		}
		return cause.Because(cause.RateLimited, "%s asks too often", in.Name)
	}
	if r, hit := dialect.CallFrom(ctx).Fault(rateLimited); hit {
		c.Response().Header().Set("X-Retry-After", r.Args["x_retry_after"])
		if r.Args["x_retry_after"] == "" {
			c.Response().Header().Del("X-Retry-After")
		}
		return refuse("Retry-After", r.Args["retry_after"])
	}
	v, err := s.limits.Take(ctx, in.IKey, limits.Window(in.PerMinute, time.Minute))
	if err == nil && !v.Allowed {
		err = refuse("Retry-After", strconv.Itoa(v.Seconds()))
	}
	return err
}

func isJSON(contentType string) bool { return httpapi.MediaType(contentType) == "application/json" }

// parameters reads query, form or JSON. Of a repeated one the first counts.
func parameters(c echo.Context, body []byte) (map[string]string, error) {
	r := c.Request()
	source := r.URL.RawQuery
	if r.Method == "POST" {
		if source = string(body); isJSON(r.Header.Get("Content-Type")) {
			return fromJSON(body)
		}
	}
	form, err := httpapi.ParseForm(source, httpapi.FormRules{})
	if err != nil {
		return nil, cause.Because(invalid, "%s", cause.Why(err))
	}
	out := map[string]string{}
	for _, p := range form {
		if _, given := out[p.Name]; !given {
			out[p.Name] = p.Value
		}
	}
	return out, nil
}

// fromJSON takes an object of texts, numbers and truth values.
func fromJSON(body []byte) (map[string]string, error) {
	var object map[string]any
	if err := (httpapi.Lenient{}).Decode(body, &object); err != nil || object == nil {
		return nil, cause.Because(invalid, "the body is no JSON object: %v", err)
	}
	out := map[string]string{}
	for name, v := range object {
		switch v := v.(type) {
		case string:
			out[name] = v
		case json.Number:
			out[name] = v.String()
		case bool:
			out[name] = map[bool]string{true: "1", false: "0"}[v]
		case nil:
		default:
			return nil, param(invalid, name, "%s is neither text nor number", name)
		}
	}
	return out, nil
}

// hushed are the parameters that hold, or may hold, a passcode.
var hushed = []string{"passcode", "code", "prompt", "auto", "trusted_device_token"}

// display is what the journal shows of the parameters.
func display(params map[string]string) string {
	out := maps.Clone(params)
	for _, name := range hushed {
		if v := out[name]; v != "" {
			if _, option := parseOption(v); !option {
				out[name] = dialect.Hidden
			}
		}
	}
	return shown(out)
}

// shown is a value as the journal has it.
func shown(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(b)
}
