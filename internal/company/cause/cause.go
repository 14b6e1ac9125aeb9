// Package cause is the one list of reasons for which anything in a fleet is
// refused. Domain packages return them; each server's errors.go puts them into
// its vendor's words. Match with errors.Is(err, cause.Locked).
package cause

import (
	"errors"
	"fmt"
	"time"
)

// Cause is a reason to say no. The text is stable: journals and tests quote it.
type Cause string

// Error makes a Cause an error of its own.
func (c Cause) Error() string { return string(c) }

// About people and passwords.
const (
	UnknownUser      Cause = "unknown user"
	WrongPassword    Cause = "wrong password"
	Disabled         Cause = "disabled"
	Locked           Cause = "locked"
	AccountExpired   Cause = "account expired"
	PasswordExpired  Cause = "password expired"
	MustChange       Cause = "password must be changed"
	WeakPassword     Cause = "password does not meet the policy"
	PasswordInUse    Cause = "password was used before"
	UnknownClient    Cause = "unknown client"
	WrongSecret      Cause = "wrong client secret"
	NotAllowed       Cause = "not allowed"
	NotAuthenticated Cause = "not authenticated"
)

// About tokens.
const (
	UnknownToken Cause = "unknown token"
	TokenExpired Cause = "token expired"
	TokenRevoked Cause = "token revoked"
	TokenUsedUp  Cause = "token used up"
	NotRenewable Cause = "not renewable"
)

// About second factors: the results of otp-core besides success.
const (
	WrongCode     Cause = "wrong code"
	Replayed      Cause = "code was already used"
	Malformed     Cause = "malformed code"
	WrongNumber   Cause = "not the number that the login shows"
	DeviceLocked  Cause = "device locked"
	DeviceOff     Cause = "device disabled"
	NotYetValid   Cause = "not yet valid"
	Expired       Cause = "expired"
	NoDevice      Cause = "no such device"
	WrongKind     Cause = "device cannot do this"
	Denied        Cause = "denied"
	Fraud         Cause = "reported as fraud"
	Cancelled     Cause = "cancelled"
	Pending       Cause = "pending"
	Decided       Cause = "already decided"
	NoneDelivered Cause = "no code was delivered"
)

// About accounts, leases and requests.
const (
	UnknownAccount   Cause = "unknown account"
	UnknownAsset     Cause = "unknown asset"
	CheckedOut       Cause = "already checked out"
	UnknownLease     Cause = "unknown lease"
	LeaseExpired     Cause = "lease expired"
	LeaseReturned    Cause = "lease already returned"
	NotHolder        Cause = "held by somebody else"
	NotCheckedOut    Cause = "must be checked out first"
	ReasonRequired   Cause = "a reason is required"
	ApprovalRequired Cause = "approval required"
	NotApproved      Cause = "request was not approved"
	UnknownRequest   Cause = "unknown request"
	NotApprover      Cause = "not an approver"
	SelfApproval     Cause = "own request"
	NoSuchVersion    Cause = "no such version"
	NoSecret         Cause = "account has no such secret"
	TooLong          Cause = "longer than the policy allows"
)

// About tickets; several of them can hold at once.
const (
	UnknownTicket     Cause = "unknown ticket"
	IllegalTransition Cause = "illegal transition"
	Stale             Cause = "revision is stale"
	SessionLimit      Cause = "session limit reached"
	UnknownSession    Cause = "unknown session"
	Final             Cause = "ticket is final"
)

// About the request or the fleet itself.
const (
	BadInput    Cause = "bad input"
	Exists      Cause = "already exists"
	NotFound    Cause = "not found"
	RateLimited Cause = "rate limited"
	Unavailable Cause = "unavailable"
)

// Refusal is a Cause with what an operator and a server's wording may need.
type Refusal struct {
	Cause Cause
	Why   string    // for the operator and the journal only, never for the wire
	Until time.Time // when it may be tried again, if known
	By    string    // who stands in the way: the holder of a lease, an approver
}

// Error is the operator's sentence.
func (r *Refusal) Error() string {
	if r.Why == "" {
		return string(r.Cause)
	}
	return string(r.Cause) + ": " + r.Why
}

// Unwrap lets errors.Is find the Cause.
func (r *Refusal) Unwrap() error { return r.Cause }

// Because is a Refusal with a reason for the operator.
func Because(c Cause, format string, args ...any) error {
	return &Refusal{Cause: c, Why: fmt.Sprintf(format, args...)}
}

// Of finds the Cause in err; ok is false for foreign errors, such as a failing
// store, which a server must answer as its own internal error.
func Of(err error) (c Cause, ok bool) {
	ok = errors.As(err, &c)
	return c, ok
}

// Kind is what kind of refusal err is, in few words that are the same whenever it
// happens: those of an error in its chain that has a method Kind, or else its Cause; ""
// for a foreign error. What can be counted is counted by it.
func Kind(err error) string {
	var k interface{ Kind() string }
	if errors.As(err, &k) {
		if text := k.Kind(); text != "" {
			return text
		}
	}
	c, _ := Of(err)
	return string(c)
}

// Why is what the journal says about err: the Refusal's reason if there is
// one, the error's text otherwise, "" for nil.
func Why(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
