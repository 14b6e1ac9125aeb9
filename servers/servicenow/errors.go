package servicenow

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"counterpart/internal/company/cause"
	"counterpart/internal/face/httpapi"
)

// Causes of this server's own.
const (
	invalidTable   cause.Cause = "invalid table"
	methodRefused  cause.Cause = "method not supported"
	badBody        cause.Cause = "body is no JSON"
	badXML         cause.Cause = "body is no XML"
	noAccept       cause.Cause = "accept is missing"
	notAcceptable  cause.Cause = "not acceptable"
	negativeOffset cause.Cause = "negative offset"
	closedTable    cause.Cause = "table closed to REST"
	aclInsert      cause.Cause = "insert refused by ACL"
	aclUpdate      cause.Cause = "update refused by ACL"
	aclDelete      cause.Cause = "delete refused by ACL"
	byRule         cause.Cause = "aborted by business rule"
	dataPolicy     cause.Cause = "data policy"
	noRecord       cause.Cause = "no record"
	noMatch        cause.Cause = "no match"
	tokenRefused   cause.Cause = "token refused"
	mfaRefused     cause.Cause = "second factor refused"
	rejectComments cause.Cause = "comments are missing"
	overdrawn      cause.Cause = "costs too much"
)

// word is the status and the vendor's words for a cause; an empty detail is null. %s in
// them is the refusal's own, see failure.
type word struct {
	status          int
	message, detail string
}

// broken is what the instance says of its own failure, with a status.
func broken(status int) word {
	return word{status, "Internal Server Error", "Please contact your system administrator"}
}

// wording is the word of each cause.
var wording = httpapi.Words[word]{Write: refuse, Unavailable: broken(http.StatusServiceUnavailable),
	Internal: broken(http.StatusInternalServerError), Other: broken(http.StatusInternalServerError), Of: map[cause.Cause]word{
		cause.NotAuthenticated:   {401, "User Not Authenticated", "Required to provide Auth information"},
		mfaRefused:               {401, "User Not Authenticated", "Required to provide Auth information"},
		cause.NotFound:           {400, "Requested URI does not represent any resource", ""},
		invalidTable:             {400, "Invalid table %s", ""},
		cause.BadInput:           {400, "Invalid request", "%s"},
		badBody:                  {400, "Exception while reading request", "The payload is not valid JSON."},
		badXML:                   {400, "Exception while reading request", "The payload is not valid XML."},
		noAccept:                 {400, "Bad Request", "Accept header is required"},
		negativeOffset:           {400, "offset is %s", "Negative offset is not supported"},
		rejectComments:           {400, "Comments are required when rejecting", ""},
		cause.NotApprover:        {400, "User is not an approver", ""},
		cause.Decided:            {400, "User is not an approver", ""},
		cause.Final:              {400, "User is not an approver", ""},
		closedTable:              {403, "User Not Authorized", "Failed API level ACL Validation"},
		aclInsert:                {403, "Operation Failed", "ACL Exception Insert Failed due to security constraints"},
		aclUpdate:                {403, "Operation Failed", "ACL Exception Update Failed due to security constraints"},
		aclDelete:                {403, "Operation Failed", "ACL Exception Delete Failed due to security constraints"},
		byRule:                   {403, "Operation Failed", "%s"},
		dataPolicy:               {403, "Operation Failed", "Data Policy Exception: The following fields are mandatory: %s"},
		noRecord:                 {404, "No Record found", "Record doesn't exist or ACL restricts the record retrieval"},
		cause.UnknownTicket:      {404, "No Record found", "Record doesn't exist or ACL restricts the record retrieval"},
		noMatch:                  {404, "No Record found", "Records matching query not found"},
		methodRefused:            {405, "Method not supported", ""},
		notAcceptable:            {406, "Not Acceptable", "Requested response media type is not supported"},
		httpapi.TooLarge:         {413, "Request Entity Too Large", ""},
		httpapi.UnsupportedMedia: {415, "Unsupported media type", "Media type of the payload is not supported"},
		overdrawn: {500, "Transaction cancelled: maximum execution time exceeded",
			"maximum execution time exceeded Check logs for error trace or enable glide.rest.debug property to verify REST request processing"},
		cause.RateLimited: {429, "Rate limit exceeded", "Rate limit of %s requests per hour for Table API exceeded"},
	}}

// failure is a refusal whose words have a part of its own, which the wire shows.
type failure struct {
	cause.Cause
	shown string
	why   string // for the operator
}

// Error is the operator's sentence.
func (f *failure) Error() string {
	if f.why != "" {
		return string(f.Cause) + ": " + f.why
	}
	return string(f.Cause) + ": " + f.shown
}

// Unwrap lets errors.Is find the cause.
func (f *failure) Unwrap() error { return f.Cause }

// fail is a refusal that shows something.
func fail(c cause.Cause, shown string) error { return &failure{Cause: c, shown: shown} }

// jsonType is how the vendor declares its JSON.
const jsonType = "application/json;charset=UTF-8"

// problem is the envelope of every refusal.
type problem struct {
	Error struct {
		Message string  `json:"message"`
		Detail  *string `json:"detail"`
	} `json:"error"`
	Status string `json:"status"`
}

// asJSON is how answers are written.
var asJSON = httpapi.JSONWriter{ContentType: jsonType, EscapeHTML: true, Newline: true}

// envelope is how an error is shown.
func (w word) envelope(err error) problem {
	p := problem{Status: "failure"}
	c, _ := cause.Of(err)
	shown := ""
	var f *failure
	if errors.As(err, &f) {
		shown = f.shown
	} else if c == cause.BadInput { // what the domain says about the input is about the input alone
		shown = strings.TrimPrefix(cause.Why(err), string(c)+": ")
	}
	fill := func(s string) string { return strings.ReplaceAll(s, "%s", shown) }
	p.Error.Message = fill(w.message)
	if detail := fill(w.detail); detail != "" {
		p.Error.Detail = &detail
	}
	return p
}

// refuse answers an error in the vendor's words.
func refuse(c echo.Context, w word, err error) {
	h := c.Response().Header()
	if errors.Is(err, tokenRefused) {
		asJSON.Write(c, http.StatusUnauthorized, map[string]string{"error_description": "access_denied", "error": "server_error"})
		return
	}
	switch w.status {
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", `BASIC realm="Service-now"`)
		if errors.Is(err, mfaRefused) {
			h.Set("X-MFA_TOKEN", "invalid")
		}
	case http.StatusTooManyRequests:
		var limited *limited
		if errors.As(err, &limited) {
			h.Set("Retry-After", strconv.Itoa(limited.after))
		}
	}
	asJSON.Write(c, w.status, w.envelope(err))
}

// limited is the refusal of a rate limit, with the seconds until it is lifted.
type limited struct {
	error
	after int
}

// Unwrap leads to the failure.
func (l *limited) Unwrap() error { return l.error }

func tooMany(perHour, after int, rule string) error {
	return &limited{after: after, error: &failure{Cause: cause.RateLimited, shown: strconv.Itoa(perHour), why: fmt.Sprintf("%s allows %d calls per hour", rule, perHour)}}
}
