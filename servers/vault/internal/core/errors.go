package core

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/labstack/echo/v4"

	"counterpart/internal/company/cause"
	"counterpart/internal/face/httpapi"
)

// Refusal is an answer other than success: a status and the words of the body's
// "errors".
type Refusal struct {
	Status int         // of the answer
	Words  []string    // none: {"errors":[]}
	Bare   bool        // no body at all
	Reason cause.Cause // what kind of refusal it is to the fleet; "": a failure
	why    string      // for the operator
	kind   string      // what it is counted as, see Kind
	// Envelope is sent instead of errors: several 404 answers have one.
	Envelope *Answer
}

// Error is the reason for the operator, or else the words for the client.
func (r *Refusal) Error() string {
	if r.why != "" {
		return r.why
	}
	if len(r.Words) > 0 {
		return r.Words[0]
	}
	return http.StatusText(r.Status)
}

// Unwrap lets the fleet see what kind of refusal it is.
func (r *Refusal) Unwrap() error { return r.Reason }

// Kind is what the refusal is counted as: the operator's reason or the words, without the
// names in them, or what the fleet calls it where these are another one's words.
func (r *Refusal) Kind() string {
	if r.kind != "" {
		return r.kind
	}
	return string(r.Reason)
}

// blank is where a format takes an argument, and what a message quotes.
var blank = regexp.MustCompile(`%[+#]?[a-z]|"[^"]*"|\\"[^"]*\\"`)

// kindOf is a format without its arguments; "" when nothing is left.
func kindOf(format string) string {
	format = strings.TrimPrefix(format, OneError("")[:len(OneError(""))-2])
	format, _, _ = strings.Cut(strings.TrimSpace(format), "\n")
	format = strings.ReplaceAll(format, "%%", "%")
	if kind := blank.ReplaceAllString(format, "…"); strings.Trim(kind, "… :") != "" {
		return kind
	}
	return ""
}

// Refuse words a refusal of a handler's own.
func Refuse(status int, format string, args ...any) *Refusal {
	r := &Refusal{Status: status, Reason: cause.BadInput}
	switch {
	case status == http.StatusForbidden:
		r.Reason = cause.NotAllowed
	case status == http.StatusNotFound:
		r.Reason = cause.NotFound
	case status >= http.StatusInternalServerError:
		r.Reason = ""
	}
	if format != "" {
		r.Words, r.kind = []string{fmt.Sprintf(format, args...)}, kindOf(format)
	}
	if format == "%s" && !strings.ContainsAny(r.Words[0], "0123456789") { // words that are ready, as a rule without names
		r.kind = kindOf(r.Words[0])
	}
	return r
}

// BadRequest is a 400 with the given words.
func BadRequest(format string, args ...any) error {
	return Refuse(http.StatusBadRequest, format, args...)
}

// Faulty is what the client did wrong, but the server calls its own fault.
func Faulty(words string) error {
	r := Refuse(http.StatusInternalServerError, "%s", OneError(words))
	r.Reason = cause.BadInput
	return r
}

// Because gives the operator a reason.
func (r *Refusal) Because(format string, args ...any) *Refusal {
	r.why = fmt.Sprintf(format, args...)
	if kind := kindOf(format); kind != "" {
		r.kind = kind
	}
	return r
}

// For gives the operator the reason of a refusal of the domain's.
func (r *Refusal) For(err error) *Refusal {
	r.why, r.kind = cause.Why(err), cause.Kind(err)
	return r
}

// ErrNotFound is the 404 without words: {"errors":[]}.
var ErrNotFound = Refuse(http.StatusNotFound, "")

// OneError wraps words the way the server's error list prints a single error.
func OneError(words string) string { return "1 error occurred:\n\t* " + words + "\n\n" }

// Unsupported is a path that exists without the operation.
func Unsupported() *Refusal {
	return Refuse(http.StatusMethodNotAllowed, "%s", OneError("unsupported operation"))
}

// Forbidden is the refusal of the ACL.
func Forbidden() *Refusal { return Refuse(http.StatusForbidden, "%s", OneError("permission denied")) }

// WriteError words an error that travelled up to the fleet.
func (s *Server) WriteError(err error, c echo.Context) {
	h := c.Response().Header()
	h.Set(echo.HeaderContentType, "application/json")
	var r *Refusal
	if !errors.As(err, &r) {
		r = wording.Find(err)
	}
	if reason, known := cause.Of(err); r == nil && known {
		r = Refuse(http.StatusBadRequest, "%s", string(reason))
	}
	switch {
	case r.Bare:
		c.Response().WriteHeader(r.Status)
	case r.Envelope != nil:
		s.Write(c, r.Status, r.Envelope)
	default:
		words := r.Words
		if words == nil {
			words = []string{}
		}
		if s.Flavour.Bao {
			words = inBao(words)
		}
		body, _ := json.Marshal(struct {
			Errors []string `json:"errors"`
		}{words})
		c.Response().WriteHeader(r.Status)
		c.Response().Write(append(body, '\n'))
	}
}

// wording turns causes of the domain that no handler has put into its own words into
// the server's. Those that it does not list are a 400 with the cause's text.
var wording = httpapi.Words[*Refusal]{
	Internal:    Refuse(http.StatusInternalServerError, "%s", OneError("internal error")),
	Unavailable: Refuse(http.StatusServiceUnavailable, "%s", OneError("storage is unavailable")),
	Of: map[cause.Cause]*Refusal{
		cause.UnknownToken: denied, cause.TokenExpired: denied, cause.TokenRevoked: denied, cause.TokenUsedUp: denied,
		cause.NotAllowed: denied, cause.NotAuthenticated: denied, cause.NotFound: ErrNotFound, cause.UnknownAccount: ErrNotFound,
		cause.RateLimited: Refuse(http.StatusTooManyRequests, "%s", OneError(string(cause.RateLimited))),
	},
}

var denied = Refuse(http.StatusForbidden, "permission denied")

// AsRefusal words a refusal of the domain as a 400; foreign errors stay what
// they are.
func (s *Server) AsRefusal(err error, words string) error {
	if _, known := cause.Of(err); !known {
		return err
	}
	r := Refuse(http.StatusBadRequest, "%s", words)
	return r.For(err)
}
