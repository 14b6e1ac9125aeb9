package vault

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/labstack/echo/v4"

	"counterpart/internal/company/cause"
	"counterpart/internal/face/httpapi"
)

// refusal is an answer other than success: a status and the words of the body's
// "errors".
type refusal struct {
	status int
	words  []string // none: {"errors":[]}
	bare   bool     // no body at all
	reason cause.Cause
	why    string // for the operator
	// envelope is sent instead of errors: several 404 answers have one.
	envelope *answer
}

func (r *refusal) Error() string {
	if r.why != "" {
		return r.why
	}
	if len(r.words) > 0 {
		return r.words[0]
	}
	return http.StatusText(r.status)
}

// Unwrap lets the fleet see what kind of refusal it is.
func (r *refusal) Unwrap() error { return r.reason }

// refuse words a refusal of a handler's own.
func refuse(status int, format string, args ...any) *refusal {
	r := &refusal{status: status, reason: cause.BadInput}
	switch {
	case status == http.StatusForbidden:
		r.reason = cause.NotAllowed
	case status == http.StatusNotFound:
		r.reason = cause.NotFound
	case status >= http.StatusInternalServerError:
		r.reason = ""
	}
	if format != "" {
		r.words = []string{fmt.Sprintf(format, args...)}
	}
	return r
}

// bad is a 400 with the given words.
func bad(format string, args ...any) error { return refuse(http.StatusBadRequest, format, args...) }

// faulty is what the client did wrong, but the server calls its own fault.
func faulty(words string) error {
	r := refuse(http.StatusInternalServerError, "%s", one(words))
	r.reason = cause.BadInput
	return r
}

// because gives the operator a reason.
func (r *refusal) because(format string, args ...any) *refusal {
	r.why = fmt.Sprintf(format, args...)
	return r
}

// Refusals without words of their own.
var (
	errMissing = refuse(http.StatusNotFound, "") // {"errors":[]}
)

// one wraps words the way the server's error list prints a single error.
func one(words string) string { return "1 error occurred:\n\t* " + words + "\n\n" }

// unsupported is a path that exists without the operation.
func unsupported() *refusal {
	return refuse(http.StatusMethodNotAllowed, "%s", one("unsupported operation"))
}

// forbidden is the refusal of the ACL.
func forbidden() *refusal { return refuse(http.StatusForbidden, "%s", one("permission denied")) }

// sent words an error that travelled up to the fleet.
func (s *Server) sent(err error, c echo.Context) {
	h := c.Response().Header()
	h.Set(echo.HeaderContentType, "application/json")
	var r *refusal
	if !errors.As(err, &r) {
		r = wording.Find(err)
	}
	if reason, known := cause.Of(err); r == nil && known {
		r = refuse(http.StatusBadRequest, "%s", string(reason))
	}
	switch {
	case r.bare:
		c.Response().WriteHeader(r.status)
	case r.envelope != nil:
		s.write(c, r.status, r.envelope)
	default:
		words := r.words
		if words == nil {
			words = []string{}
		}
		if s.flavour.bao {
			words = inBao(words)
		}
		body, _ := json.Marshal(struct {
			Errors []string `json:"errors"`
		}{words})
		c.Response().WriteHeader(r.status)
		c.Response().Write(append(body, '\n'))
	}
}

// wording turns causes of the domain that no handler has put into its own words into
// the server's. Those that it does not list are a 400 with the cause's text.
var wording = httpapi.Words[*refusal]{
	Internal:    refuse(http.StatusInternalServerError, "%s", one("internal error")),
	Unavailable: refuse(http.StatusServiceUnavailable, "%s", one("storage is unavailable")),
	Of: map[cause.Cause]*refusal{
		cause.UnknownToken: denied, cause.TokenExpired: denied, cause.TokenRevoked: denied, cause.TokenUsedUp: denied,
		cause.NotAllowed: denied, cause.NotAuthenticated: denied, cause.NotFound: errMissing, cause.UnknownAccount: errMissing,
		cause.RateLimited: refuse(http.StatusTooManyRequests, "%s", one(string(cause.RateLimited))),
	},
}

var denied = refuse(http.StatusForbidden, "permission denied")

// asRefusal words a refusal of the domain as a 400; foreign errors stay what
// they are.
func (s *Server) asRefusal(err error, words string) error {
	if _, known := cause.Of(err); !known {
		return err
	}
	r := refuse(http.StatusBadRequest, "%s", words)
	return r.because("%s", cause.Why(err))
}
