package yubico

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"counterpart/internal/company/cause"
	"counterpart/internal/face/httpapi"
	"counterpart/internal/serving/dialect"
)

// Causes of this server's own.
const (
	missing      cause.Cause = "missing parameter"
	noClient     cause.Cause = "no such client"
	badSignature cause.Cause = "bad signature"
	repeated     cause.Cause = "request was already answered"
	notEnough    cause.Cause = "not enough answers"
	backendError cause.Cause = "backend error"
)

// The words of the protocol (Validation Protocol 2.0, "Status codes").
const (
	wordOK         = "OK"
	wordBadOTP     = "BAD_OTP"
	wordReplayed   = "REPLAYED_OTP"
	wordRepeated   = "REPLAYED_REQUEST"
	wordSignature  = "BAD_SIGNATURE"
	wordMissing    = "MISSING_PARAMETER"
	wordNoClient   = "NO_SUCH_CLIENT"
	wordNotAllowed = "OPERATION_NOT_ALLOWED"
	wordBackend    = "BACKEND_ERROR"
	wordNotEnough  = "NOT_ENOUGH_ANSWERS"
)

// refusal is an error with what its answer says besides the status: who signs it, and
// what is repeated of the request.
type refusal struct {
	error
	by      *signer
	members []member
	server  *Server
}

// Unwrap leads to the cause.
func (r *refusal) Unwrap() error { return r.error }

// protocol is the words of verify and sync.
var protocol = httpapi.Words[string]{Unavailable: wordBackend, Internal: wordBackend, Other: wordBadOTP, Write: writeProtocol, Of: map[cause.Cause]string{
	missing: wordMissing, cause.BadInput: wordMissing, noClient: wordNoClient, badSignature: wordSignature, cause.NotAllowed: wordNotAllowed,
	repeated: wordRepeated, cause.Replayed: wordReplayed, notEnough: wordNotEnough, backendError: wordBackend, cause.Unavailable: wordBackend,
}, Outcomes: map[cause.Cause]dialect.Outcome{missing: dialect.Failed, cause.Malformed: dialect.Failed, backendError: dialect.Internal}}

func writeProtocol(c echo.Context, status string, err error) {
	a := answer{status: status}
	var r *refusal
	if !errors.As(err, &r) { // before anything was read: the fleet's own refusal
		c.NoContent(http.StatusInternalServerError)
		return
	}
	a.by, a.members = r.by, r.members
	r.server.send(c, a)
}

// storage is the words of the key storage module (ykksm-decrypt.php).
var storage = httpapi.Words[string]{Unavailable: "Database error", Internal: "Database error", Other: "Corrupt OTP", Of: map[cause.Cause]string{
	missing: "No OTP provided", cause.Malformed: "Invalid OTP format", cause.NoDevice: "Unknown yubikey", cause.Unavailable: "Database error", backendError: "Database error",
}, Outcomes: map[cause.Cause]dialect.Outcome{missing: dialect.Failed, cause.Malformed: dialect.Failed, backendError: dialect.Internal},
	Write: func(c echo.Context, words string, _ error) { c.Blob(http.StatusOK, phpText, []byte("ERR "+words+"\n")) }}

// administration is the words of revoke and resync, which say what was wrong with which
// value.
var administration = httpapi.Words[string]{Unavailable: "Database connect error", Internal: "Database connect error", Of: map[cause.Cause]string{cause.Unavailable: "Database connect error"},
	Outcomes: map[cause.Cause]dialect.Outcome{missing: dialect.Failed},
	Write: func(c echo.Context, words string, err error) {
		var r *cause.Refusal
		if words == "" && errors.As(err, &r) {
			words = r.Why
		}
		c.Blob(http.StatusOK, plainText, []byte("ERROR "+words+"\n"))
	}}

// answerError words an error as the operation does whose path it is.
func answerError(err error, c echo.Context) {
	switch operation(c.Request().URL.Path) {
	case opDecrypt:
		storage.Answer(err, c)
	case opRevoke, opResync:
		administration.Answer(err, c)
	default:
		protocol.Answer(err, c)
	}
}
