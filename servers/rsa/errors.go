package rsa

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"counterpart/internal/company/cause"
	"counterpart/internal/face/httpapi"
)

// Causes of this server's own.
const (
	unknownAttempt cause.Cause = "unknown attempt"
	outOfStep      cause.Cause = "not an answer to the last message"
	notOffered     cause.Cause = "method is not offered"
	unknownAgent   cause.Cause = "unknown agent"
	badPIN         cause.Cause = "PIN against the policy"
)

// problem is the body of what is no attempt's business (unverified).
type problem struct {
	Code    string `json:"errorCode"`
	Message string `json:"errorMessage"`
}

// words of errors that end in an HTTP status. What becomes of an attempt is said with 200.
func (s *Server) words() *httpapi.Words[int] {
	return &httpapi.Words[int]{Of: map[cause.Cause]int{
		cause.BadInput: http.StatusBadRequest, cause.NotFound: http.StatusNotFound, httpapi.WrongMethod: http.StatusMethodNotAllowed,
		cause.NotAuthenticated: s.refused(), cause.UnknownClient: s.refused(), cause.WrongSecret: s.refused(),
	}, Unavailable: http.StatusServiceUnavailable, Internal: http.StatusInternalServerError, Other: http.StatusInternalServerError,
		Write: func(c echo.Context, status int, err error) {
			var malformed *httpapi.JSONError
			var refusal *cause.Refusal
			text := http.StatusText(status)
			if errors.As(err, &malformed) {
				text = "The request body cannot be read."
			} else if errors.As(err, &refusal) && status == http.StatusBadRequest {
				text = refusal.Why
			}
			c.JSON(status, problem{http.StatusText(status), text})
		}}
}

func (s *Server) answerError(err error, c echo.Context) { s.words().Answer(err, c) }

// notFound answers a path that is not there, and a known one with another verb.
func (s *Server) notFound(c echo.Context) error {
	if err := httpapi.MethodNotAllowed(c, s.routes()); err != nil {
		return err
	}
	return cause.Because(cause.NotFound, "there is no %s", c.Request().URL.Path)
}
