package duo

import (
	"errors"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"counterpart/internal/company/cause"
	"counterpart/internal/face/httpapi"
	"counterpart/internal/serving/dialect"
	"counterpart/servers/duo/internal/bson"
)

// Causes of this server's own.
const (
	noCredentials  cause.Cause = "missing request credentials"
	unknownKey     cause.Cause = "unknown integration key"
	badSignature   cause.Cause = "invalid signature"
	noDate         cause.Cause = "missing or invalid date"
	staleDate      cause.Cause = "date outside the window"
	notForAuth     cause.Cause = "integration not for this API"
	missing        cause.Cause = "missing parameter"
	invalid        cause.Cause = "invalid parameter"
	noLogo         cause.Cause = "no logo"
	wrongMethod    cause.Cause = "wrong method"
	unknownTx      cause.Cause = "unknown transaction"
	noneCapable    cause.Cause = "no capable device"
	alreadyThere   cause.Cause = "user exists"
	full           cause.Cause = "no room for more users"
	unreadableBody cause.Cause = "unreadable body"
)

// about is a refusal that names a parameter.
type about struct {
	error
	param string
}

func (a about) Unwrap() error { return a.error }

// param refuses a parameter by its name.
func param(c cause.Cause, name, format string, args ...any) error {
	return about{cause.Because(c, format, args...), name}
}

// word is the status, code and message of a cause.
type word struct {
	status, code    int
	message, detail string
}

// wording is the word of each cause. Nobody has published those of noCredentials,
// noDate, staleDate, wrongMethod, RateLimited, full and of failures of the service itself.
var wording = httpapi.Words[word]{Write: fail, Unavailable: outage, Internal: failure, Other: failure, Of: map[cause.Cause]word{
	missing:           {400, 40001, "Missing required request parameters", ""},
	invalid:           {400, 40002, "Invalid request parameters", ""},
	unreadableBody:    {400, 40002, "Invalid request parameters", ""},
	cause.UnknownUser: {400, 40002, "Invalid request parameters", "username"},
	alreadyThere:      {400, 40002, "Invalid request parameters", "username"},
	unknownTx:         {400, 40002, "Invalid request parameters", "txid"},
	noneCapable:       {400, 40002, "Invalid request parameters", "no capable device"},
	noLogo:            {400, 40002, "Logo not found", ""},
	noCredentials:     {401, 40101, "Missing request credentials", ""},
	unknownKey:        {401, 40102, "Invalid integration key in request credentials", ""},
	badSignature:      {401, 40103, "Invalid signature in request credentials", ""},
	noDate:            {401, 40104, "Missing or invalid Date header", ""},
	staleDate:         {401, 40105, "Bad request timestamp", ""},
	notForAuth:        {403, 40301, "Access forbidden", ""},
	full:              {403, 40301, "Access forbidden", ""},
	cause.NotFound:    {404, 40401, "Resource not found", ""},
	wrongMethod:       {405, 40501, "Method not allowed", ""},
	cause.RateLimited: {429, 42901, "Too Many Requests", ""},
	cause.Unavailable: outage,
}}

var (
	outage  = word{503, 50301, "Service unavailable", ""}
	failure = word{500, 50001, "Internal server error", ""}
)

// envelope is what every answer is wrapped in.
type envelope map[string]any

// fail answers an error.
func fail(c echo.Context, w word, err error) {
	answer := envelope{"stat": "FAIL", "code": w.code, "message": w.message}
	var a about
	if errors.As(err, &a) {
		w.detail = a.param
	}
	if w.detail != "" {
		answer["message_detail"] = w.detail
	}
	write(c, w.status, answer)
}

// write answers in JSON, or in BSON where the path ends so.
func write(c echo.Context, status int, v envelope) error {
	if !isLegacy(c.Request().URL.Path) || !strings.HasSuffix(c.Request().URL.Path, ".bson") {
		return c.JSON(status, v)
	}
	octets, err := bson.Marshal(v)
	if err != nil {
		return c.NoContent(http.StatusInternalServerError)
	}
	if call := dialect.CallFrom(c.Request().Context()); call.Response == "" {
		call.Response = shown(v)
	}
	return c.Blob(status, "application/bson", octets)
}
