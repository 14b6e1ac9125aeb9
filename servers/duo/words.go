package duo

import (
	"fmt"
	"strings"
)

// outcome is how an authentication stands: the result, the status word and the
// sentence for the user.
type outcome struct {
	Result  string `json:"result"`
	Status  string `json:"status"`
	Message string `json:"status_msg"`
	Trusted string `json:"trusted_device_token,omitempty"`
}

// The results.
const (
	allow   = "allow"
	deny    = "deny"
	waiting = "waiting"
	auth    = "auth"
	enroll  = "enroll"
)

// What the service says. Recorded or asserted by a client's tests: approved,
// denied, the beginning of wrong, replayed, sentSMS, callTimeout, pushed, active
// and enrolFirst. Nobody has published the others; they are chosen here, and
// here they can be corrected.
var (
	approved    = outcome{Result: allow, Status: "allow", Message: "Success. Logging you in..."}
	bypassed    = outcome{Result: allow, Status: "bypass", Message: "Success. Logging you in..."}
	denied      = outcome{Result: deny, Status: "deny", Message: "Login request denied."}
	fraudulent  = outcome{Result: deny, Status: "fraud", Message: "Login request reported as fraudulent."}
	timedOut    = outcome{Result: deny, Status: "timeout", Message: "Login timed out."}
	callTimeout = outcome{Result: deny, Status: "timeout", Message: "Authentication timed out."}
	wrongCode   = outcome{Result: deny, Status: "deny", Message: "Incorrect passcode. Please try again."}
	replayed    = outcome{Result: deny, Status: "deny", Message: "This passcode has already been used. Please generate a new passcode and try again."}
	sentSMS     = outcome{Result: deny, Status: "sent", Message: "New SMS passcodes sent"}
	notPushed   = outcome{Result: deny, Status: "push_failed", Message: "Failed to send the login request to your device."}
	lockedOut   = outcome{Result: deny, Status: "locked_out", Message: "Your account has been locked out due to excessive authentication failures. Please contact your administrator."}
	disabled    = outcome{Result: deny, Status: "deny", Message: "Your account is disabled and cannot access this application. Please contact your administrator."}

	pushed   = outcome{Result: waiting, Status: "pushed", Message: "Pushed a login request to your device..."}
	answered = outcome{Result: waiting, Status: "answered", Message: "Answered. Press '#' on your phone to log in."}
)

const (
	active      = "Account is active"
	enrolFirst  = "Enroll an authentication device to proceed"
	newDenied   = "Your account is not enrolled in Duo. Please contact your administrator."
	legacyWrong = "Invalid passcode, please try again."
	// dirty is what a terminal must not be sent: the fault "control-characters".
	dirty = "\x1b[2J\x1b]0;pwned\a\r"
)

// dialing is a call that rings.
func dialing(number string) outcome {
	return outcome{Result: waiting, Status: "calling", Message: fmt.Sprintf("Dialing %s...", number)}
}

// showing is a push that wants a number.
func showing(number string) outcome {
	return outcome{Result: waiting, Status: "pushed", Message: fmt.Sprintf("Please enter verification code %s into Duo Mobile...", number)}
}

// masked shows the end of a phone number.
func masked(number string) string {
	digits := strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, number)
	if digits == "" {
		return ""
	}
	return "XXX-XXX-" + digits[max(0, len(digits)-4):]
}
