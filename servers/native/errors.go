package native

import (
	"errors"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/factor"
	"counterpart/internal/face/httpapi"
)

// document is an RFC 9457 problem document. Code is stable and meant for
// programs, detail for people.
type document struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
	Code   string `json:"code"`
	Until  string `json:"until,omitempty"` // when to try again
	By     string `json:"by,omitempty"`    // who stands in the way
}

// Causes of this server's own.
const (
	idempotencyConflict cause.Cause = "idempotency conflict"
	inProgress          cause.Cause = "idempotency in progress"
)

// word is the status and the code of a cause. A code that is not given is the
// cause's own text with underscores.
type word struct {
	status int
	code   string
}

// wording is the word of each cause. A store that cannot decide is 503, every foreign
// error a bare 500.
var wording = httpapi.Words[word]{Write: write, Unavailable: word{503, "unavailable"}, Internal: word{500, "internal"}, Other: word{500, "internal"}, Of: map[cause.Cause]word{
	cause.NotAuthenticated: {401, ""}, cause.NotAllowed: {403, "forbidden"},
	cause.NotFound: {404, ""}, cause.UnknownUser: {404, ""}, cause.UnknownAccount: {404, ""}, cause.UnknownLease: {404, ""},
	cause.UnknownRequest: {404, ""}, cause.UnknownTicket: {404, ""}, cause.UnknownSession: {404, ""}, cause.NoDevice: {404, "unknown_device"},
	cause.NoSuchVersion: {404, "unknown_version"}, cause.NoSecret: {404, "no_such_secret"},
	cause.BadInput: {400, ""}, cause.Malformed: {400, ""}, cause.ReasonRequired: {400, "reason_required"}, cause.TooLong: {400, "too_long"},
	httpapi.WrongMethod: {405, ""}, httpapi.TooLarge: {413, ""}, httpapi.UnsupportedMedia: {415, ""},
	cause.CheckedOut: {409, "checked_out"}, cause.NotCheckedOut: {409, "not_checked_out"}, cause.LeaseExpired: {409, ""}, cause.LeaseReturned: {409, "lease_returned"},
	cause.NotRenewable: {409, ""}, cause.ApprovalRequired: {409, ""}, cause.NotApproved: {409, "not_approved"}, cause.Decided: {409, "already_decided"},
	cause.Exists: {409, "exists"}, cause.IllegalTransition: {409, ""}, cause.SessionLimit: {409, "session_limit"}, cause.Final: {409, "final"},
	cause.Expired: {409, ""}, cause.DeviceLocked: {409, ""}, cause.DeviceOff: {409, ""}, cause.NotYetValid: {409, ""}, cause.WrongCode: {409, ""}, cause.Replayed: {409, "replayed"},
	cause.NoneDelivered: {409, "none_delivered"}, cause.WrongKind: {409, "wrong_kind"}, idempotencyConflict: {409, ""}, inProgress: {409, ""},
	cause.NotHolder: {403, "not_holder"}, cause.NotApprover: {403, "not_an_approver"}, cause.SelfApproval: {403, "self_approval"},
	cause.Stale: {412, "stale"}, cause.RateLimited: {429, ""},
}}

// discreet are refusals whose reason is for the operator alone: a caller who
// could tell a wrong password from an unknown name, or an account that is hidden
// from one that is not there, would learn what the answer is to keep.
var discreet = map[cause.Cause]string{
	cause.NotAuthenticated: "send Authorization: Bearer with an API key, or Basic with the name and password of somebody who may log in",
	cause.UnknownAccount:   "there is no such account for the caller",
	cause.UnknownLease:     "there is no such lease for the caller",
	cause.UnknownRequest:   "there is no such request for the caller",
}

// write answers an error as a problem document.
func write(c echo.Context, w word, err error) {
	d := document{Type: "about:blank", Title: http.StatusText(w.status), Status: w.status, Code: w.code}
	reason, _ := cause.Of(err)
	worded := w.status < http.StatusInternalServerError
	if worded {
		d.Title, d.Detail = string(reason), cause.Why(err)
	}
	if d.Code == "" {
		d.Code = strings.ReplaceAll(string(reason), " ", "_")
	}
	var r *cause.Refusal
	if errors.As(err, &r) && worded {
		d.By = r.By
		if d.Detail = r.Why; !r.Until.IsZero() {
			d.Until = r.Until.Format(timeFormat)
		}
	}
	if words, ok := discreet[reason]; ok {
		d.Detail = words
	}
	if d.Status == http.StatusUnauthorized {
		c.Response().Header().Add("WWW-Authenticate", "Bearer")
		c.Response().Header().Add("WWW-Authenticate", `Basic realm="counterpart", charset="UTF-8"`)
	}
	httpapi.JSONWriter{ContentType: "application/problem+json", EscapeHTML: true, Newline: true}.Write(c, d.Status, d)
}

// refused is why a transaction is over without being approved; nil: it is not.
func refused(a factor.Approval) error {
	switch {
	case a.Fraud:
		return cause.Because(cause.Fraud, "%s has reported it", a.UserID)
	case a.State == factor.Denied:
		return cause.Because(cause.Denied, "%s has denied it", a.UserID)
	case a.State == factor.Expired:
		return cause.Because(cause.Expired, "nobody has answered it in time")
	case a.State == factor.Cancelled:
		return cause.Because(cause.Cancelled, "it was taken back")
	}
	return nil
}
